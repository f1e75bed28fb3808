"""The reel: what is to be seen of a run at each moment, for an animation."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from matplotlib.colors import to_rgba
from numpy.typing import NDArray

from p2pkit.errors import TraceError, shortened
from p2pkit.layout import Array
from p2pkit.message import Message, encode
from p2pkit.plot import style
from p2pkit.plot.excerpt import ENDS, is_told
from p2pkit.plot.flights import flights, kinds, usual
from p2pkit.plot.scene import Scene, scene_of
from p2pkit.stats import arrivals
from p2pkit.stats.traffic import What
from p2pkit.trace import Event, Trace

if TYPE_CHECKING:
    pass

FOLLOWED = (style.REACHED, style.GREEN, style.PURPLE)
"""The colours of nodes that have a message which is followed, the first, the second and the third."""

LETTERS = 44
"""Letters of a message in the legend."""


def scene_in(source: Any, trace: Trace) -> Scene:
    """Return the scene of a network, or that of a trace: all nodes and connections that ever were."""
    import networkx as nx

    if not isinstance(source, Trace):
        return scene_of(source)
    graph: nx.Graph[str] = nx.Graph()
    graph.add_nodes_from(event.node for event in trace.where(kind="start"))
    pairs = ((event.node, event.peer) for event in trace.where(kind="connect"))
    graph.add_edges_from((one, other) for one, other in pairs if other is not None)
    if not graph:
        raise TraceError("no node starts in this trace: an animation needs it from the beginning")
    return scene_of(graph)


class Followed(NamedTuple):
    """A message that nodes get in the course of a run."""

    name: str
    color: str
    arrivals: Mapping[str, float]


def followed(trace: Trace, message: What | Sequence[What] | None) -> list[Followed]:
    """Return the messages that are followed: those given, or the first that a node was told."""
    if message is None:
        told = next(filter(is_told, trace), None) or next(trace.where(kind="send"), None)
        found = [] if told is None else [(_spelled(told), _arrivals_like(trace, told))]
    else:
        wanted = [message] if isinstance(message, str | type | Message) else message
        found = [(_name(one), arrivals(trace, one)) for one in wanted]
    if len(found) > len(FOLLOWED):
        raise TraceError(f"{len(found)} messages to follow: only {len(FOLLOWED)} have a colour")
    pairs = zip(found, FOLLOWED, strict=False)
    return [Followed(name, color, when) for (name, when), color in pairs]


def _arrivals_like(trace: Trace, told: Event) -> dict[str, float]:
    """Return when each node first had the very message of an event."""
    first: dict[str, float] = {}
    for event in trace.where(message=told.message):
        if event.kind in ("receive", "send") and event.data == told.data:
            first.setdefault(event.node, event.time)
    return first


def _name(message: What) -> str:
    if isinstance(message, Message):
        return _spelled(
            Event(0.0, "send", "", message=type(message).__name__, data=encode(message))
        )
    return message if isinstance(message, str) else message.__name__


def _spelled(event: Event) -> str:
    """Return a message as a person would write it: Rumor('hello')."""
    if event.data is None:
        return event.message or ""
    kind, fields = event.value
    return shortened(f"{kind}({', '.join(map(repr, fields.values()))})", LETTERS)


# Nodes and connections, as they change


class Changes:
    """What changes in the course of a run, to be applied in order, up to any moment."""

    def __init__(self, trace: Trace, scene: Scene) -> None:
        self.number = {name: at for at, name in enumerate(scene.names)}
        edges = [frozenset(edge) for edge in scene.plan.edges]
        self.edges = {edge: at for at, edge in enumerate(edges)}
        self.up = np.zeros(len(self.number), dtype=bool)
        self.linked = np.zeros(len(edges), dtype=bool)
        self._events = [event for event in trace if event.kind in _CHANGE]
        self._next = 0

    def advance(self, time: float) -> None:
        """Take in all that happens until then."""
        while self._next < len(self._events) and self._events[self._next].time <= time:
            event = self._events[self._next]
            self._next += 1
            if event.kind in ("connect", "disconnect"):
                edge = frozenset((event.node, event.peer or ""))
                if edge in self.edges:
                    self.linked[self.edges[edge]] = event.kind == "connect"
            elif event.node in self.number:
                self.up[self.number[event.node]] = event.kind == "start"


_CHANGE = ("start", "connect", "disconnect", *ENDS)


class Paints(NamedTuple):
    """What each node is painted in, over time: rows of time, node and colour, in order."""

    times: Array
    nodes: NDArray[np.int_]
    values: list[Any]


def paints(number: Mapping[str, int], found: list[Followed]) -> Paints:
    """Return the colours of nodes by what they have: the last of the messages that are followed."""
    rows = []
    for place, one in enumerate(found):
        rows += [(when, place, name) for name, when in one.arrivals.items() if name in number]
    had: dict[str, int] = {}
    kept = []
    for when, place, name in sorted(rows):
        if place >= had.get(name, 0):
            had[name] = place
            kept.append((when, number[name], found[place].color))
    return _paints(kept)


def looks(trace: Trace, number: Mapping[str, int], color: Callable[[Any], Any]) -> Paints:
    """Return the colours of nodes by a function of the state that `watch=` has recorded."""
    states = [event for event in trace.where(kind="state") if event.node in number]
    if not states:
        raise TraceError(
            "color looks at nodes, and this trace says nothing of them: make the network with "
            'watch=lambda node: {"heard": …}, for what color looks at'
        )
    return _paints([(e.time, number[e.node], _look(e, color)) for e in states])


def _look(event: Event, color: Callable[[Any], Any]) -> Any:
    state = event.value
    try:
        return color(SimpleNamespace(**{"id": event.node, **state}))
    except AttributeError as error:
        recorded = ", ".join(state) or "nothing"
        raise TraceError(
            f"color: {error}: of nodes, the network's watch= has recorded {recorded}"
        ) from None


def _paints(rows: Iterable[tuple[float, int, Any]]) -> Paints:
    times, nodes, values = zip(*rows, strict=True) if rows else ((), (), ())
    return Paints(np.array(times, dtype=float), np.array(nodes, dtype=int), list(values))


# Messages under way


class Dots(NamedTuple):
    """All messages of a run: an array of each, in order of their sending."""

    sent: Array
    ends: Array  # when it is there, or gone
    here: NDArray[np.int_]
    there: NDArray[np.int_]
    colors: Array  # rows of red, green, blue, opacity
    lost: NDArray[np.bool_]


def dots(trace: Trace, number: Mapping[str, int], least: float) -> Dots:
    """Return all messages between nodes that are drawn; each is seen for `least` seconds."""
    colors = style.messages(kinds(trace))
    some = [one for one in flights(trace) if one.sender in number and one.receiver in number]
    some.sort(key=lambda flight: flight.sent)
    took = usual(some, least)
    return Dots(
        np.array([flight.sent for flight in some]),
        np.array([max(flight.until(took), flight.sent + least) for flight in some]),
        np.array([number[flight.sender] for flight in some], dtype=int),
        np.array([number[flight.receiver] for flight in some], dtype=int),
        np.array([to_rgba(colors[flight.kind]) for flight in some]).reshape(-1, 4),
        np.array([flight.cause is not None for flight in some], dtype=bool),
    )
