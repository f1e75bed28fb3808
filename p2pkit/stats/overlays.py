"""Overlays: what the graph of the connections looks like, now and over time.

>>> import networkx as nx
>>> small_world = overlay(nx.cycle_graph(6))
>>> small_world.mean_degree, small_world.clustering, small_world.path_length, small_world.diameter
(2.0, 0.0, 1.8, 3)
>>> degrees(nx.star_graph(4))
{1: 4, 4: 1}

A trace says who was connected to whom at any time, so one run is enough for all its moments:

    stats.overlay(stats.overlay_at(net.trace, 2.5))
    stats.overlay_over_time(net.trace, range(0, 31, 5))
"""

from collections import Counter
from collections.abc import Iterable
from math import inf, nan
from random import Random
from typing import Any, NamedTuple

import networkx as nx

from p2pkit.errors import TopologyError
from p2pkit.tables import frame
from p2pkit.trace import Event, Trace


class Overlay(NamedTuple):
    """What a graph looks like.

    links: m, each counted once. mean_degree: 2m / n. clustering: the mean over all nodes of the
    share of pairs of a node's neighbours that are neighbours themselves, 0 for a node that has
    fewer than two (Watts and Strogatz, "Collective dynamics of 'small-world' networks", Nature
    1998). path_length: the hops from one node to another on the shortest way, in the mean over all
    pairs, and diameter: the hops of the longest of these, both of the largest component only.
    components: pieces that are not connected with each other; 1 is a connected graph.
    """

    nodes: int
    links: int
    min_degree: int
    mean_degree: float
    max_degree: int
    clustering: float
    path_length: float
    diameter: int
    components: int


def overlay(graph: "nx.Graph[Any]", *, sample: int | None = None, seed: int = 0) -> Overlay:
    """Measure a graph: a network's overlay, or any other without directions.

    All is exact without `sample`, but path lengths take time in proportion to nodes times links.
    sample: measure them from so many nodes only, which dice of this seed choose from the largest
    component. Then path_length is an estimate, and diameter a lower bound, half of the true one at
    the least; the rest stays exact, and so is all when there are no more nodes than that. Of several
    largest components the first is measured. path_length is nan without a pair of connected
    nodes, mean_degree and clustering are nan without nodes. Raises TopologyError for a graph with
    directions, parallel links or loops, ValueError for a sample below 1.
    """
    _check_graph(graph)
    if graph.is_directed() or graph.is_multigraph() or nx.number_of_selfloops(graph):
        raise TopologyError(
            "this graph has directions, parallel links or loops, and an overlay has none: measure "
            "networkx.Graph(graph), without its networkx.selfloop_edges"
        )
    if sample is not None and sample < 1:
        raise ValueError(f"sample={sample!r}: at least 1 node is needed to measure distances from")
    degree = [number for _, number in graph.degree]
    components = list(nx.connected_components(graph))
    if len(graph) > 2 and 2 * graph.number_of_edges() == len(graph) * (len(graph) - 1):
        clustering, path_length, diameter = 1.0, 1.0, 1  # all know all: it would take for ever
    else:
        clustering = nx.average_clustering(graph) if degree else nan
        largest = max(components, key=len, default=set())
        path_length, diameter = _distances(graph, largest, sample, seed)
    return Overlay(
        nodes=len(graph),
        links=graph.number_of_edges(),
        min_degree=min(degree, default=0),
        mean_degree=sum(degree) / len(graph) if degree else nan,
        max_degree=max(degree, default=0),
        clustering=clustering,
        path_length=path_length,
        diameter=diameter,
        components=len(components),
    )


def degrees(graph: "nx.Graph[Any]") -> dict[int, int]:
    """Return the degree distribution: how many nodes have each degree that there is, the lowest
    first."""
    _check_graph(graph)
    return dict(sorted(Counter(number for _, number in graph.degree).items()))


def overlay_at(trace: Trace, time: float = inf) -> "nx.Graph[str]":
    """Return the connections that there were at a time, between the nodes that were up: what
    `net.overlay()` said then.

    time: in seconds; what happened just then has happened. Without it, those at the end. A
    connection that only one of its ends knows to be gone is still there. Raises TraceError for a trace
    that holds no events.
    """
    past = _Past()
    for event in trace:
        if event.time <= time:
            past.follow(event)
    return past.graph()


def overlay_over_time(
    trace: Trace, times: Iterable[float], *, sample: int | None = None, seed: int = 0
) -> Any:
    """Return a DataFrame of what the overlay looked like at some times: one row for each.

    times: in seconds since the network started. The columns are time, and the fields of `Overlay`;
    for sample and seed see `overlay`. The trace is read once, and only an overlay that has changed
    is measured again. Raises TraceError for a trace that holds no events.
    """
    past, events = _Past(), iter(trace)
    event = next(events, None)
    moments = sorted(times)
    rows: list[Overlay] = []
    for moment in moments:
        changed = not rows
        while event is not None and event.time <= moment:
            changed = past.follow(event) or changed
            event = next(events, None)
        rows.append(overlay(past.graph(), sample=sample, seed=seed) if changed else rows[-1])
    measured = {name: [getattr(row, name) for row in rows] for name in Overlay._fields}
    return frame({"time": moments, **measured})


class _Past:
    """The overlay of the past: each node that is up, with its peers, as events go by."""

    def __init__(self) -> None:
        self._peers: dict[str, set[str]] = {}

    def follow(self, event: Event) -> bool:
        """Take in what happened; tell whether the overlay may have changed."""
        match event.kind:
            case "start":
                self._peers.setdefault(event.node, set())
            case "connect" if event.peer is None:  # to everybody, in a simulated crowd
                self._peers[event.node] = self._peers.keys() - {event.node}
            case "connect":
                self._peers.setdefault(event.node, set()).add(event.peer or "")
            case "disconnect":
                self._peers.get(event.node, set()).discard(event.peer or "")
            case "crash" | "leave":
                self._peers.pop(event.node, None)
            case _:
                return False
        return True

    def graph(self) -> "nx.Graph[str]":
        graph: nx.Graph[str] = nx.Graph()
        graph.add_nodes_from(self._peers)
        graph.add_edges_from(
            (name, peer)
            for name, peers in self._peers.items()
            for peer in sorted(peers & graph.nodes)
        )
        return graph


def _check_graph(graph: object) -> None:
    """Raise TopologyError for something else: for a network, above all."""
    if not isinstance(graph, nx.Graph):
        raise TopologyError(
            f"{graph!r:.80} is not a graph: net.overlay() is the one of a network as it is now, and "
            "net.graph the one that it was made of"
        )


def _distances(
    graph: "nx.Graph[Any]", component: set[Any], sample: int | None, seed: int
) -> tuple[float, int]:
    """Return the mean and the longest of the distances in a component."""
    sources = [node for node in graph if node in component]  # in the graph's order, not a set's
    if len(sources) < 2:
        return nan, 0
    pairs = len(component) - 1
    if sample is not None and sample < len(sources):
        sources = Random(seed).sample(sources, sample)
    hops = longest = 0
    for source in sources:
        found = nx.single_source_shortest_path_length(graph, source).values()
        hops += sum(found)
        longest = max(longest, *found)
    return hops / (len(sources) * pairs), longest
