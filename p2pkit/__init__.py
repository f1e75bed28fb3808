"""p2pkit: write what a node does, once; run it on real sockets, many at a time, and watch.

    from p2pkit import LocalNetwork, Message, Protocol, on

The files, in a good order to read them:

    message.py      what nodes say: immutable records, to bytes and back
    protocol.py     what a node does: handlers, and what they may ask for (vocabulary.py: which
                    messages it handles)
    link.py         how a message travels, or does not (internet.py: around the world)
    trace.py        what happened
    host.py         what every home of a protocol does alike (snapshot.py: copies to look at)
    network.py      the verbs of a network: tell, run, crash, partition … (churn.py: one of them)
    simulation.py   SimNetwork: all of it in virtual time (clock.py: the queue; simhost.py: a node;
                    ends.py: its connections; crowd.py: everybody knows everybody; meter.py: does
                    it ever end? interrupts.py: Ctrl-C)
    framing.py      where one message ends in a stream of bytes
    connection.py   one TCP connection
    greeting.py     how connections begin (contacts.py: those that are dialled when needed)
    tcp.py          one protocol on one real socket (reactor.py, thread.py: time and turns)
    local.py        many of them: LocalNetwork (linking.py: how their connections come up)
    worker.py       processes of their own (crew.py, crews.py: the nodes of one process, and of all;
                    courier.py, merging.py: what travels between them, and one trace out of many)
    node.py         Node(host, port, callback), the first lesson's door

Beside them: topology.py (graphs by name and from files), disk.py and storage.py (what survives a
crash), work.py (slow work, elsewhere), stats/ (numbers from a trace and an overlay), tables.py (as
DataFrames), show.py and page.py (what a notebook shows), sweep.py (a table of many runs;
progress.py: how far it is), check/ (what must hold, and where it did not), testing.py (a protocol
alone on a bench), errors.py (all errors in one tree), plot/ (pictures), layout.py (where nodes are
on them), live/ (a network to watch, and its player), protocols/ (gossip and others, to read and to
use), rounds.py (some of them as arrays, for a million nodes), cli.py (the command line, and where
each command's code is).
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from p2pkit.link import Link as Link
    from p2pkit.local import LocalNetwork as LocalNetwork
    from p2pkit.message import Contact as Contact
    from p2pkit.message import Message as Message
    from p2pkit.node import Node as Node
    from p2pkit.protocol import Protocol as Protocol
    from p2pkit.protocol import on as on
    from p2pkit.simulation import SimNetwork as SimNetwork
    from p2pkit.sweep import sweep as sweep
    from p2pkit.trace import Trace as Trace

__version__ = "0.1.0"

# A name is imported when it is first used, so that what needs no sockets runs where there are none.
_HOMES = {
    "Contact": "message",
    "Link": "link",
    "LocalNetwork": "local",
    "Message": "message",
    "Node": "node",
    "Protocol": "protocol",
    "SimNetwork": "simulation",
    "Trace": "trace",
    "on": "protocol",
    "sweep": "sweep",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"p2pkit.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'p2pkit' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])


class _Names(ModuleType):
    """This package, in which `sweep` is the function even after its module was imported: Python
    sets the attribute of that name to the module then."""

    def __setattr__(self, name: str, value: object) -> None:
        if isinstance(value, ModuleType) and name in _HOMES:
            value = getattr(value, name)
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Names
