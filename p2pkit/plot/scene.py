"""The scene: what of a network, or of a graph, there is to be drawn, and where."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes

from p2pkit.errors import NodeDown, TopologyError
from p2pkit.layout import REFINED, Array, positions
from p2pkit.plot import style
from p2pkit.topology import name_of, named

if TYPE_CHECKING:
    import networkx as nx

FEW = 30
"""Nodes up to which each has its name written on it."""

Look = Callable[[Any], Any]
"""A function of a node."""

Layout = Callable[[Any], Mapping[Any, Any]] | Mapping[Any, Any]
"""The place of each node, (x, y), or a function of the graph that returns that."""


class Scene(NamedTuple):
    """What is to be drawn."""

    names: list[str]
    nodes: Mapping[str, Any]  # by name; what color, size and label are functions of
    live: "nx.Graph[str]"  # the connections
    plan: "nx.Graph[str]"  # what decides where the nodes are
    down: frozenset[str]
    cut: list[tuple[str, str]]  # what would be connections, were they not cut

    def parts(self) -> list[set[str]]:
        """Return the parts into which cuts have divided the nodes that are up, the largest first;
        none if nothing is cut, or all still holds together."""
        if not self.cut:
            return []
        import networkx as nx

        whole = nx.restricted_view(
            self.live, [], [edge for edge in self.cut if self.live.has_edge(*edge)]
        )
        parts = sorted(nx.connected_components(whole), key=len, reverse=True)
        return parts if len(parts) > 1 else []

    def ask(self, function: Look) -> list[Any]:
        """Return what a function says of each node: None if there is no node to ask."""
        return [self._ask(function, name) for name in self.names]

    def _ask(self, function: Look, name: str) -> Any:
        try:
            return function(self.nodes[name]) if name in self.nodes else None
        except NodeDown:  # it was killed so suddenly that it left no last state
            return None


def scene_of(net: Any) -> Scene:
    """Look at a network as it is now, or at a graph."""
    if not hasattr(net, "overlay"):
        graph = named(net)
        return Scene(list(graph), {name: name for name in graph}, graph, graph, frozenset(), [])
    plan, live, nodes = net.graph.copy(), net.overlay(), _nodes(net)
    names = list(dict.fromkeys([*plan, *nodes, *live]))
    down = frozenset(name for name in names if hasattr(net, "is_up") and not net.is_up(name))
    if len(down) == len(names):  # not started yet, or closed: nobody has died
        down, live = frozenset(), live if live.edges else plan
    if any(not plan.has_edge(*edge) for edge in live.edges):
        plan = live.copy()  # the protocol makes its own connections, so the plan says little
    plan.add_nodes_from(names)
    return Scene(names, nodes, live, plan, down, _cut(net, live, down))


def _cut(net: Any, live: "nx.Graph[str]", down: frozenset[str]) -> list[tuple[str, str]]:
    """Return the connections, planned or live, that a cut or a partition runs through."""
    weather = getattr(net, "weather", None)
    if weather is None or next(weather.divided(net.names), None) is None:
        return []
    edges = {frozenset(edge): edge for edge in (*net.graph.edges, *live.edges)}
    return [(a, b) for a, b in edges.values() if not down & {a, b} and weather.divides(a, b)]


def _nodes(net: Any) -> dict[str, Any]:
    try:
        return {node.id: node for node in net}
    except NodeDown:
        return {name: net[name] for name in net.graph if net.is_up(name)}


def places_of(scene: Scene, layout: Layout | None) -> Array:
    """Return the place of each node, in rows of x and y."""
    spots = layout(scene.plan) if callable(layout) else layout or positions(scene.plan)
    spots = {name_of(node): spot for node, spot in spots.items()}
    missing = [name for name in scene.names if name not in spots]
    if missing:
        raise TopologyError(f"the layout says nothing of {missing[0]}: give every node its (x, y)")
    return np.array([spots[name] for name in scene.names], dtype=float)


# The room for it


def height_of(places: Array) -> float:
    """Return the inches down that a new figure needs for nodes in these places."""
    across, down = np.ptp(places, axis=0)
    return float(min(max(style.WIDTH * down / max(across, 1e-9), 1.2), 5.0))


def make_room(ax: Axes, places: Array) -> float:
    """Set the limits of the axes, and return the diameter in points that suits the nodes."""
    ax.set_axis_off()
    ax.set_aspect("equal")
    low, high = places.min(axis=0), places.max(axis=0)
    box = ax.get_window_extent()
    inches = np.array([box.width, box.height]) / ax.figure.dpi
    points = float(72 * np.min(inches / np.maximum(high - low, 1e-3)))  # for a step of 1 in places
    diameter = min(max(0.6 * points * _gap(places), 3.5), 26.0)
    room = 0.8 * diameter / points
    ax.set_xlim(low[0] - room, high[0] + room)
    ax.set_ylim(low[1] - room, high[1] + room)
    return diameter


def _gap(places: Array) -> float:
    """Return how far it is from a node to its nearest neighbour, where nodes are rather dense."""
    some = places[:REFINED]
    gaps = np.hypot(*(some[:, None] - some[None]).transpose(2, 0, 1))
    np.fill_diagonal(gaps, np.inf)
    return float(np.quantile(gaps.min(axis=1), 0.25)) if len(some) > 1 else 1.0
