"""Snapshots: copies of nodes, to look at.

`net["n3"]` is a copy that was taken on the node's own thread, between two handlers, so what it shows was
true at one moment. It has the class, the attributes and the methods of the node; but whatever it is asked
to do in the network is refused, because it is not there.
"""

import copy
import copyreg
from types import MappingProxyType
from typing import Any, NoReturn

from p2pkit.disk import Disk
from p2pkit.errors import NodeDown, ProtocolError
from p2pkit.protocol import Protocol


def copied(host: Any) -> Protocol:
    """Copy the node of a host. Raises ProtocolError for state that cannot be copied."""
    node: Protocol = host.node
    seen: Protocol = object.__new__(type(node))
    try:
        seen.__dict__.update(copy.deepcopy(node.__dict__, {id(node): seen}))
    except (TypeError, RecursionError) as error:
        raise ProtocolError(
            f"the state of {host.id} cannot be copied to look at it ({error}): "
            "keep plain data in the attributes of a protocol"
        ) from None
    return seen


def copied_result(method: str, result: Any) -> Any:
    """Copy what a method of a node has returned. Raises ProtocolError if that cannot be."""
    try:
        return copy.deepcopy(result)
    except (TypeError, RecursionError) as error:
        raise ProtocolError(
            f"what {method} returned cannot be copied ({error}): return plain data"
        ) from None


# `self.peers` is a view, and a node may have kept one among its attributes: views shall be copied too.
def _view(content: dict[Any, Any]) -> MappingProxyType[Any, Any]:
    return MappingProxyType(content)


def _unknown(kind: str) -> None:
    """Find no message: an empty disk holds none. Unlike a lambda, this can be pickled."""


copyreg.pickle(MappingProxyType, lambda view: (_view, (dict(view),)))


class ShowCase:
    """The host of a copy: it knows what the node knew, and does nothing."""

    def __init__(self, host: Any) -> None:
        self.id, self.now, self.contact, self.peers = host.id, host.now, host.contact, host.peers
        self.random = copy.copy(host.random)
        disk = host.disk_copy()
        self.disk = Disk({}, _unknown) if disk is None else disk

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        raise NodeDown(
            f"this is a copy of {self.id}, to look at, and it does not {name}: "
            "use net.tell or net.call, and the node itself will act"
        )
