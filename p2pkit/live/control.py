"""Control: what a person does to a running network by clicking on it.

The player sends wishes, such as {"type": "do", "verb": "crash", "nodes": ["n3"]}. Whoever could open
the view may have them: it is on their own machine, behind a token. Still nothing here trusts a wish
to make sense; what comes of it, or what is wrong with it, goes back as a sentence.
"""

from collections.abc import Callable, Mapping
from typing import Any, get_type_hints

import msgspec

from p2pkit.errors import P2PKitError
from p2pkit.live.looks import rows
from p2pkit.message import Message
from p2pkit.network import Network
from p2pkit.simulation import SimNetwork
from p2pkit.tables import attributes

WRITTEN = {str: "str", int: "int", float: "float", bool: "bool"}
"""Types of fields that a person can write into a form."""

Answer = dict[str, Any]


class Control:
    """Does to a network what a person wishes."""

    def __init__(self, net: Network) -> None:
        self.net = net
        self._verbs: dict[str, Callable[..., object]] = {
            "crash": net.crash,
            "restart": net.restart,
            "pause": net.pause,
            "resume": net.resume,
            "cut": net.cut,
            "heal": net.heal,
        }

    def offer(self) -> dict[str, Any]:
        """Return what the player offers to the person."""
        return {"verbs": [*self._verbs, "tell"], "tells": list(self._tells())}

    def answer(self, wish: Any) -> Answer | None:
        """Do what a message of the player asks for; return what is to be answered, if anything."""
        try:
            if wish["type"] == "inspect":
                return self._inspect(str(wish["node"]))
            if wish["type"] == "do":
                return {"type": "said", "text": self._do(wish)}
            return None
        except P2PKitError as error:
            return {"type": "said", "text": str(error)}
        except Exception as error:  # also a student's own, which a tell has led to: it is shown
            return {"type": "said", "text": f"{type(error).__name__}: {error}"}

    def _do(self, wish: Mapping[str, Any]) -> str:
        verb, nodes = str(wish["verb"]), [str(node) for node in wish["nodes"]]
        if verb == "tell":
            message = self._message(nodes[0], str(wish["kind"]), wish["fields"])
            return self._soon(
                f"{nodes[0]} is told {message!r:.80}", self.net.tell, nodes[0], message
            )
        if verb not in self._verbs:
            raise P2PKitError(f"nothing is known of {verb!r:.20}")
        return self._soon(f"{verb} {' '.join(nodes)}".strip(), self._verbs[verb], *nodes)

    def _soon(self, words: str, action: Callable[..., object], *args: Any) -> str:
        """Act now, or while a simulation is running in another thread, as soon as that can be."""
        if isinstance(self.net, SimNetwork) and self.net.is_running:
            self.net.after(0, action, *args)
        else:
            action(*args)
        return words

    def _inspect(self, name: str) -> Answer:
        node = self.net[name]
        state = {key: vars(node)[key] for key in attributes([node]) if key in vars(node)}
        return {"type": "node", "node": name, "state": rows(state)}

    def _message(self, node: str, kind: str, written: Mapping[str, Any]) -> Message:
        found = self.net.role(self.net.name(node)).find_handled(kind)
        if found is None:
            raise P2PKitError(f"{node} handles no {kind!r:.40}")
        try:
            return msgspec.convert(dict(written), found, strict=False)
        except msgspec.ValidationError as error:
            raise P2PKitError(f"this is no {kind}: {error}") from None

    def _tells(self) -> list[dict[str, Any]]:
        """Return the messages that a person can write, with their fields."""
        tells = []
        for kind, handler in self.net.protocol.handlers.items():
            said = handler.message
            hints = get_type_hints(said, localns={said.__name__: said})
            types = [(name, WRITTEN.get(hint)) for name, hint in hints.items()]
            if all(written for _, written in types):
                tells.append({"kind": kind, "fields": types})
        return tells
