"""Views: a network at one moment, as conditions see it.

A condition is a function of a network or of a node, and the same one can be asked of three things:
a simulated network, which stands still between two events, so that it is looked at as it is; a
`Still` of a network on real sockets; and a `Replay` of a trace, whose nodes have what `watch` has
recorded of them:

    trace = SimNetwork(Bank, 5, watch=lambda node: {"coins": node.coins}).trace
    check.always(trace, lambda net: sum(node.coins for node in net) == 100)
"""

from collections.abc import Hashable, Iterable, Iterator
from math import inf
from typing import Any

from p2pkit.errors import TraceError
from p2pkit.network import Network
from p2pkit.simulation import SimNetwork
from p2pkit.topology import name_of
from p2pkit.trace import Event, Trace

EFFECTS = {"send", "drop", "state", "log"}
"""Kinds of events that follow from what a node was told, or from a timer of its own."""


def acts(events: Iterable[Event]) -> list[Event]:
    """Return those events that made a node do something, without what it did then; if there are
    none, it did it by itself, and the first thing that it did is returned."""
    events = list(events)
    return [event for event in events if event.kind not in EFFECTS] or events[:1]


class Still:
    """A network of which each node is copied once, so that all its parts show the same moment."""

    def __init__(self, net: Network) -> None:
        self._net = net
        self._nodes: dict[str, Any] = {}
        self._has_all = False

    def __iter__(self) -> Iterator[Any]:
        if not self._has_all:
            self._nodes = {node.id: node for node in self._net}
            self._has_all = True
        return iter(list(self._nodes.values()))

    def __getitem__(self, node: Hashable) -> Any:
        name = self._net.name(node)
        if name not in self._nodes:
            self._nodes[name] = self._net[name]
        return self._nodes[name]

    def __len__(self) -> int:
        return len(self._net)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._net, name)


def is_exact(net: Network) -> bool:
    """Tell whether a network stands still between its events, and repeats itself: in virtual time."""
    return isinstance(net, SimNetwork)


def still(net: Network) -> Any:
    """Return a network as it is now: a simulated one is that by itself."""
    return net if is_exact(net) else Still(net)


def nodes_up(view: Any) -> list[Any]:
    """Return the nodes of a view that are up."""
    return [node for node in view if view.is_up(node.id)]


class Ghost:
    """A node as a trace knows it: its attributes are what `watch` said last."""

    id: str

    def __init__(self, name: str, state: dict[str, Any]) -> None:
        self.__dict__.update(state, id=name)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise AttributeError(
            f"the trace does not know the {name} of {self.id}: record it, by "
            f"watch=lambda node: {{{name!r}: node.{name}}}"
        )


class Replay:
    """A trace that is gone through once more, and looks like a network meanwhile.

    It begins when all nodes that were there at the start have a state. A node is up from its first
    state until it crashes or leaves, and dead ones show their last state, as in a network. Raises TraceError
    for a trace in which no states were recorded.
    """

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.now = 0.0
        self._nodes: dict[str, Ghost] = {}
        self._up: set[str] = set()
        self._paused: set[str] = set()
        self._last: dict[str, list[Event]] = {}  # what happened to each node at its last moment
        watched = {event.node for event in trace.where(kind="state")}
        if not watched:
            raise TraceError(
                "there are no states of nodes in this trace: give the network what to record of them, "
                "as in watch=lambda node: {'heard': len(node.heard)}"
            )
        self._awaited = _first(trace) & watched

    def moments(self, until: float = inf) -> Iterator[tuple[Event, list[str]]]:
        """Go on event by event, up to a time; yield those that made a difference, and the nodes that
        look different."""
        begun = False
        for event in self.trace:
            if event.time > until:
                break
            self.now = event.time
            last = self._last.setdefault(event.node, [])
            if last and last[-1].time < event.time:
                last.clear()
            last.append(event)
            if self._takes(event) and not self._awaited:
                yield event, [event.node] if begun else self.names
                begun = True

    def _takes(self, event: Event) -> bool:
        """Take note of an event; tell whether it makes a difference."""
        match event.kind:
            case "state":
                self._nodes[event.node] = Ghost(event.node, event.value)
                self._up.add(event.node)
                self._awaited.discard(event.node)
            case "crash" | "leave":
                self._up.discard(event.node)
                self._paused.discard(event.node)
                self._awaited.discard(event.node)
            case "pause":
                self._paused.add(event.node)
            case "resume":
                self._paused.discard(event.node)
            case _:
                return False
        return True

    def cause(self, name: str) -> Event:
        """Return what has just happened to a node."""
        return acts(self._last[name])[-1]

    def to_end(self) -> "Replay":
        """Go on to the end."""
        for _ in self.moments():
            pass
        return self

    @property
    def names(self) -> list[str]:
        """The names of the nodes that there are."""
        return list(self._nodes)

    def is_up(self, node: Hashable) -> bool:
        """Tell whether a node is running."""
        return name_of(node) in self._up

    def is_paused(self, node: Hashable) -> bool:
        """Tell whether a node is frozen."""
        return name_of(node) in self._paused

    def __iter__(self) -> Iterator[Ghost]:
        return iter(list(self._nodes.values()))

    def __getitem__(self, node: Hashable) -> Ghost:
        name = name_of(node)
        if name not in self._nodes:
            raise TraceError(f"the trace knows no state of {name} at {self.now:.3f} s")
        return self._nodes[name]

    def __len__(self) -> int:
        return len(self._nodes)


def _first(trace: Trace) -> set[str]:
    """Return the names of the nodes that were there at the start: all begin before any is
    connected, or is told something."""
    names: set[str] = set()
    for event in trace:
        if event.kind == "start":
            names.add(event.node)
        elif event.kind not in EFFECTS:
            break
    return names
