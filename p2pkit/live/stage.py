"""The stage: who is there, where, in what state, and connected to whom, at one moment.

A viewer who comes late is told the stage as it was at the beginning of what can still be seen, and
the events since. So a stage begins empty, and takes the events before that, one by one:

    stage = Stage(Numbers(net.names), net.graph)
    for event in trace:
        stage.take(event)
    stage.shown()        # as the player reads it
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import networkx as nx

from p2pkit.crowd import is_crowd
from p2pkit.layout import Places, beside, positions
from p2pkit.trace import Event

MOST_NODES = 2000
"""Nodes that are shown: more would be less than a dot each."""

MOST_LINKS = 20_000
"""Connections that are shown, of networks in which everybody has one with everybody."""

UP, PAUSED, DOWN = "up", "paused", "down"

STATUS = {"start": UP, "crash": DOWN, "leave": DOWN, "pause": PAUSED, "resume": UP}
"""What becomes of a node by an event."""


class Numbers:
    """The nodes that are shown, each with its number: that is how the player calls them."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names: list[str] = []
        self.of: dict[str, int] = {}
        self.hidden: set[str] = set()
        for name in names:
            self.add(name)

    def add(self, name: str) -> bool:
        """Give a node the next number. Return False if there is no more room."""
        if len(self.names) == MOST_NODES:
            self.hidden.add(name)
            return False
        self.of[name] = len(self.names)
        self.names.append(name)
        return True


class Stage:
    """The state of a network at one moment, for as many nodes as are shown.

    graph: says where nodes stand; its edges are a plan, and connections appear as they come up.
    look: what a node looks like, from its recorded state.
    """

    def __init__(
        self,
        numbers: Numbers,
        graph: "nx.Graph[str]",
        look: Callable[[str, dict[str, Any]], dict[str, Any]],
    ) -> None:
        self.numbers = numbers
        self.time = 0.0
        self.status = dict.fromkeys(numbers.names, DOWN)
        self.looks: dict[str, dict[str, Any]] = {}
        self.links: dict[tuple[str, str], None] = {}  # in the order in which they came up
        self._planned = _placed(graph, numbers.names)
        self.places = {name: self._planned[name] for name in numbers.names}
        self._look = look

    def take(self, event: Event) -> None:
        """Let an event change the stage."""
        self.time = event.time
        if event.kind == "start" and event.node not in self.status:
            self._join(event.node)
        if event.node not in self.status:
            return
        if event.kind in STATUS:
            self.status[event.node] = STATUS[event.kind]
            if self.status[event.node] == DOWN:
                self.links = {pair: None for pair in self.links if event.node not in pair}
        elif event.kind == "connect" and event.peer in self.status:
            self.links[pair(event.node, event.peer)] = None
        elif event.kind == "disconnect" and event.peer is not None:
            self.links.pop(pair(event.node, event.peer), None)
        elif event.kind == "state":
            self.looks[event.node] = self._look(event.node, event.value)

    def _join(self, name: str) -> None:
        """Make room for a node that has come."""
        if self.numbers.add(name):
            self.status[name] = DOWN
            place = self._planned.get(name)
            self.places[name] = place or beside(self.graph(), name, self.places)

    def graph(self) -> "nx.Graph[str]":
        """Return the connections of this moment."""
        graph: nx.Graph[str] = nx.Graph()
        graph.add_nodes_from(self.numbers.names)
        graph.add_edges_from(self.links)
        return graph

    def rearrange(self) -> list[tuple[int, float, float]]:
        """Give all nodes places that suit the connections of this moment; return the numbers and
        places of those that move."""
        before, self.places = self.places, positions(self.graph(), near=self.places)
        return [
            (self.numbers.of[name], *rounded(place))
            for name, place in self.places.items()
            if rounded(place) != rounded(before[name])
        ]

    def shown(self) -> dict[str, Any]:
        """Return the nodes and connections as the player reads them."""
        number = self.numbers.of
        return {
            "time": round(self.time, 6),
            "nodes": [
                [name, *rounded(self.places[name]), self.status[name], self.looks.get(name)]
                for name in self.numbers.names
            ],
            "links": [[number[a], number[b]] for a, b in list(self.links)[:MOST_LINKS]],
        }


def pair(a: str, b: str) -> tuple[str, str]:
    """Return two names in an order of their own: a connection has no direction."""
    return (a, b) if a <= b else (b, a)


def rounded(place: Sequence[float]) -> tuple[float, float]:
    """Return a place as precisely as a screen can show it."""
    return round(place[0], 3), round(place[1], 3)


def _placed(graph: "nx.Graph[str]", names: list[str]) -> Places:
    """Return places for the nodes of a plan that are shown, and for others that are here already."""
    everybody = list(dict.fromkeys([*names, *graph]))[:MOST_NODES]
    plan: nx.Graph[str] = nx.Graph()
    plan.add_nodes_from(everybody)
    if not is_crowd(graph):
        plan.add_edges_from(graph.subgraph(everybody).edges)
    return positions(plan) if everybody else {}
