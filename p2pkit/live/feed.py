"""The feed: what one viewer is told of a network, or of a trace, from the beginning and as it goes on.

    feed = Feed(net, Looks(color=...))
    for message in feed.begin():        # the stage, and what has happened so far
        send(message)
    while not feed.over:
        if message := feed.more():      # some ten times a second
            send(message)

A feed only reads the trace. So it can live in a thread of its own, beside nodes on real sockets and
beside a simulation that runs in another; and there can be as many as there are viewers.
"""

from typing import Any

import networkx as nx

from p2pkit.errors import TraceError
from p2pkit.live.looks import Looks
from p2pkit.live.script import Script
from p2pkit.live.stage import MOST_NODES, Numbers, Stage, pair
from p2pkit.network import Network
from p2pkit.simulation import SimNetwork
from p2pkit.trace import Event, Trace

PAUSE = 0.1
"""Seconds between two batches."""

MOST_NEW = 250
"""Messages in a batch: 2,500 a second are more than anybody can see."""

MOST_OLD = 20_000
"""Events of the past that a viewer is given: of a finished run, those that stand for the others."""

SETTLES = 2.0
"""Seconds between two looks whether nodes should move, as their connections have changed."""

MOST_MOVING = 300
"""Nodes up to which they do: to find their places takes a tenth of a second then."""

MOST_EDGES = 2000
"""Links that are looked at whether they are cut, ten times a second."""

_BEGINNING = ("start", "connect", "state", "log", "unreachable")


class Feed:
    """Tells one viewer what happens in a network, or what has happened in a trace.

    looks: how nodes are shown. speed: seconds shown in a second; without it, the player chooses.
    as_replay: whether to show what has happened until now, though the network may still run. Raises
    TraceError if there are no events to show, as with record="counts".
    """

    def __init__(
        self,
        source: Network | Trace,
        looks: Looks | None = None,
        speed: float | None = None,
        *,
        as_replay: bool = False,
    ) -> None:
        self.net = source if isinstance(source, Network) else None
        self.trace = source.trace if isinstance(source, Network) else source
        self.over = False
        self._looks = looks or Looks()
        self._speed = speed
        self._as_replay = as_replay
        self._seen = 0
        self._arranged = 0.0  # when places were looked at last
        self._cut: set[tuple[str, str]] = set()
        if self.trace.record == "counts":
            raise TraceError(
                'this trace only counts events, and there is nothing to show: record="all" keeps them'
            )

    @property
    def title(self) -> str:
        """What is shown, in a line."""
        net = self.net
        return f"{type(net).__name__} of {net.protocol.__name__}" if net is not None else "a trace"

    @property
    def mode(self) -> str:
        """What the player is told of time: "live", "simulated" or "replay"."""
        if self._as_replay or self.net is None or self.net._closed:
            return "replay"
        return "simulated" if isinstance(self.net, SimNetwork) else "live"

    def begin(self) -> list[dict[str, Any]]:
        """Return what a viewer is told first: the stage, and what has happened so far."""
        mode = self.mode
        events = list(self.trace)
        self._seen = len(events)
        plan = self.plan(events)
        self.stage = Stage(Numbers(_first_names(events)), plan, self._looks.of_state)
        self._script = Script(self.stage)
        recent = 0 if mode == "replay" else max(0, len(events) - MOST_OLD)
        for event in events[:recent]:
            self.stage.take(event)
        if mode == "replay":
            self.over = True
            self._look_once(events)
        shown = self.stage.shown()
        batch = self._script.batch(events[recent:], MOST_OLD // 2)
        self._links = set(self.stage.links)
        stage = {
            **{"type": "stage", "title": self.title, "mode": mode, **shown},
            **{"kinds": self._script.kinds, "speed": self._speed, "note": self._note()},
        }
        end = events[-1].time if events else 0.0
        batch["now"] = round(end if self.net is None else max(end, self.net.now), 6)
        return [stage, batch]

    def more(self) -> dict[str, Any] | None:
        """Return what has happened since the last time; None if nothing has, and time stood still."""
        assert self.net is not None, "a trace has no more than it has"
        closed = self.net._closed
        now = self.net.now
        events = list(self.trace.since(self._seen))
        self._seen += len(events)
        cuts = self._cuts(now)
        if not (events or cuts or closed or self.mode == "live"):
            return None
        batch = self._script.batch(events, MOST_NEW)
        batch |= {"now": round(now, 6), "note": self._note()}
        batch["events"] += [*self._moves(now), *cuts]
        if closed:
            self.over = batch["closed"] = True
        return batch

    def plan(self, events: list[Event] | None = None) -> "nx.Graph[str]":
        """Return the graph that decides where nodes stand: the network's own, unless the protocol
        has made most connections itself."""
        found = _most_links(list(self.trace) if events is None else events)
        if self.net is None:
            return found
        own = sum(not self.net.graph.has_edge(*edge) for edge in found.edges)
        return found if own > found.number_of_edges() / 2 else self.net.graph

    # The rest is how

    def _moves(self, now: float) -> list[list[Any]]:
        """Let nodes move if many of their connections have changed."""
        links = self.stage.links.keys()
        if now - self._arranged < SETTLES or len(self.stage.numbers.names) > MOST_MOVING:
            return []
        self._arranged = now
        if len(links ^ self._links) <= max(3, len(links) // 8):
            return []
        self._links = set(links)
        return [[round(now, 6), "m", self.stage.rearrange()]]

    def _cuts(self, now: float) -> list[list[Any]]:
        """Say which links of the graph are cut, or mended: the trace knows only what was lost there."""
        assert self.net is not None
        if self.net.graph.number_of_edges() > MOST_EDGES:
            return []
        number, divides = self.stage.numbers.of, self.net.weather.divides
        edges = [edge for edge in self.net.graph.edges if all(name in number for name in edge)]
        cut = {edge for edge in edges if divides(*edge)}
        changed, self._cut = cut ^ self._cut, cut
        return [
            [round(now, 6), "k", number[a], number[b], int((a, b) in cut)]
            for a, b in edges
            if (a, b) in changed
        ]

    def _look_once(self, events: list[Event]) -> None:
        """Give nodes the looks they have now, if the trace says nothing of theirs over time."""
        if self.net is not None and self._looks and not any(e.kind == "state" for e in events):
            for node in self.net:
                self.stage.looks[node.id] = self._looks.of(node)

    def _note(self) -> str:
        """Say what is not shown, or not as it was meant."""
        notes = []
        if self._script.every > 1:
            notes.append(f"1 in {self._script.every:,} messages is shown")
        if not self.trace.is_complete:
            notes.append(f"the trace was full after {self._seen:,} events")
        if hidden := len(self.stage.numbers.hidden):
            notes.append(f"{MOST_NODES:,} nodes are shown, and {hidden:,} not")
        errors = (look["error"] for look in self.stage.looks.values() if "error" in look)
        notes += [error for error in [next(errors, None)] if error]
        return "; ".join(notes)


def _first_names(events: list[Event]) -> list[str]:
    """Return the names of the nodes that were there at the beginning."""
    names = []
    for event in events:
        if event.kind not in _BEGINNING:
            break
        if event.kind == "start":
            names.append(event.node)
    return names


def _most_links(events: list[Event]) -> "nx.Graph[str]":
    """Return the connections that were up when there were most, the last time."""
    up: dict[tuple[str, str], None] = {}
    most = up.copy()
    for event in events:
        if event.kind == "connect" and event.peer is not None:
            up[pair(event.node, event.peer)] = None
        elif event.kind == "disconnect" and event.peer is not None:
            if len(up) >= len(most):
                most = up.copy()
            up.pop(pair(event.node, event.peer), None)
    graph: nx.Graph[str] = nx.Graph()
    graph.add_nodes_from(event.node for event in events if event.kind == "start")
    graph.add_edges_from(most if len(most) > len(up) else up)
    return graph
