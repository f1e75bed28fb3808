"""Where the nodes of a graph are on paper. Needs numpy, and not matplotlib.

Lines, rings, grids and trees get the places that their names promise. In every other graph, distances
on paper follow distances in hops. The same graph always gets the same places.

    >>> import networkx as nx
    >>> sorted(positions(nx.path_graph(3)))
    [0, 1, 2]
"""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import networkx as nx

ROUND = 60
"""Nodes up to which a complete graph is a circle with its connections, and above, a disc of nodes."""

PIVOTS = 50
"""Nodes from which distances are measured for rough places. Brandes and Pich suggest 50 to 200."""

REFINED = 1000
"""Nodes up to which the rough places are refined: time and memory grow with their square."""

ROUNDS = 60
"""Steps of that refinement; from about 30 on nothing moves that an eye would see."""

Array = NDArray[np.float64]


Places = dict[Any, tuple[float, float]]
"""Where each node is: (x, y), y up."""


def positions(graph: "nx.Graph[Any]", near: Places | None = None) -> Places:
    """Return a place (x, y) for each node of a graph, the same whenever it is called.

    Distances are in hops where that is possible: two connected nodes are about 1 apart. near: where
    nodes have been, for a graph that has changed a little: they stay near there if they can.
    """
    import networkx as nx

    n, m = len(graph), len(graph.edges)
    number = {node: at for at, node in enumerate(graph)}
    if m == n - 1 and nx.is_tree(graph):
        return _spots(graph, _radial(graph))
    if m in (0, n * (n - 1) // 2):
        return _spots(graph, _circle(n) if n <= ROUND else _disc(n))
    steps = [abs(number[one] - number[other]) for one, other in graph.edges]
    if _is_ring(n, steps):
        places = _circle(n)
    elif width := _grid_width(graph, number, steps):
        places = np.array([(at % width, -(at // width)) for at in range(n)], dtype=float)
    else:
        places = _by_distance(graph, number, near)
    return _spots(graph, places)


def beside(graph: "nx.Graph[Any]", node: Any, places: Places) -> tuple[float, float]:
    """Return a place for one more node: beside its neighbours, or if it has none, beside them all.

    No two nodes that come get the same: each next one is a golden angle further round.
    """
    around = [places[other] for other in graph.adj.get(node, ()) if other in places]
    middle = np.mean(around or list(places.values()) or [(0.0, 0.0)], axis=0)
    angle = len(places) * np.pi * (3 - math.sqrt(5))
    return float(middle[0] + 0.7 * math.cos(angle)), float(middle[1] + 0.7 * math.sin(angle))


def _spots(graph: "nx.Graph[Any]", places: Array) -> Places:
    return {node: (float(x), float(y)) for node, (x, y) in zip(graph, places, strict=True)}


def _is_ring(n: int, steps: list[int]) -> bool:
    """Tell whether this is a ring, or a small world made from one, most of which is still there."""
    next_ones = sum(step in (1, n - 1) for step in steps)
    next_but_one = sum(step in (2, n - 2) for step in steps)
    return next_ones == len(steps) == n or min(next_ones, next_but_one) > 0.55 * n


def _grid_width(graph: "nx.Graph[Any]", number: Mapping[Any, int], steps: list[int]) -> int:
    """Return the width of a grid whose nodes are numbered row by row, or 0 if it is no grid."""
    width = max(steps)
    rows = all(max(number[one], number[other]) % width for one, other in graph.edges
               if abs(number[one] - number[other]) == 1)  # fmt: skip
    return width if set(steps) == {1, width} and width > 1 and rows else 0


def _circle(n: int) -> Array:
    """Return places on a circle, clockwise from the top, next to each other 1 apart."""
    angles = np.pi / 2 - 2 * np.pi * np.arange(n) / max(n, 1)
    return np.column_stack([np.cos(angles), np.sin(angles)]) / (2 * math.sin(math.pi / max(n, 2)))


def _disc(n: int) -> Array:
    """Return places all over a disc, as the seeds of a sunflower; Vogel (1979)."""
    angles = np.arange(n) * np.pi * (3 - math.sqrt(5))
    return np.column_stack([np.cos(angles), np.sin(angles)]) * np.sqrt(np.arange(n))[:, None] * 0.6


def _radial(tree: "nx.Graph[Any]") -> Array:
    """Return places on circles around the middle of a tree, as wide for a branch as it has leaves."""
    import networkx as nx

    root = _middle(tree)
    children = dict(nx.bfs_successors(tree, root))
    order = [root, *(child for below in children.values() for child in below)]
    leaves: dict[Any, int] = {}
    for node in reversed(order):
        leaves[node] = sum(leaves[child] for child in children.get(node, ())) or 1
    begins, depths = {root: 0.0}, {root: 0}
    for node in order:
        begin = begins[node]
        for child in children.get(node, ()):
            begins[child], depths[child] = begin, depths[node] + 1
            begin += leaves[child]
    middles = np.array([begins[node] + leaves[node] / 2 for node in tree]) / leaves[root]
    far = np.array([depths[node] for node in tree])
    # The first branch points left, so that a line lies flat and begins at the left.
    turn = np.pi - 2 * np.pi * middles[far == 1][:1].sum()
    angles = turn + 2 * np.pi * middles
    places = np.column_stack([far * np.cos(angles), -far * np.sin(angles)])
    return places if places[0, 0] <= places[-1, 0] else places * [-1, 1]


def _middle(tree: "nx.Graph[Any]") -> Any:
    """Return the node in the middle of a longest path; of two, the one that comes first."""
    import networkx as nx

    order = list(tree)
    one_end = list(nx.bfs_tree(tree, order[0]))[-1]
    other_end = list(nx.bfs_tree(tree, one_end))[-1]
    path = nx.shortest_path(tree, one_end, other_end)
    return min(path[(len(path) - 1) // 2], path[len(path) // 2], key=order.index)


def _by_distance(graph: "nx.Graph[Any]", number: Mapping[Any, int], near: Places | None) -> Array:
    """Return places whose distances follow those in hops."""
    n = len(graph)
    if near is not None and n <= REFINED:
        rough = np.array(
            [near[node] if node in near else beside(graph, node, near) for node in graph]
        )
    else:
        pivots = np.unique(np.linspace(0, n - 1, PIVOTS).astype(int))
        rough = _scaled(_hops(graph, number, pivots), pivots)
    return _refined(_hops(graph, number, np.arange(n)), rough) if n <= REFINED else rough


def _hops(graph: "nx.Graph[Any]", number: Mapping[Any, int], starts: NDArray[np.int_]) -> Array:
    """Return the hops from each node (a row) to each start (a column), all starts at once."""
    near = [[number[node], *(number[other] for other in graph[node])] for node in graph]
    ends = np.cumsum([0, *map(len, near)])[:-1]
    flat = np.concatenate(near)
    reached = np.zeros((len(near), len(starts)), dtype=bool)
    reached[starts, np.arange(len(starts))] = True
    hops = np.zeros(reached.shape)
    while True:
        hops += ~reached
        wider = np.logical_or.reduceat(reached[flat], ends)
        if np.array_equal(wider, reached):
            return hops + ~reached  # where there is no way, a little more than the longest way
        reached = wider


def _scaled(hops: Array, pivots: NDArray[np.int_]) -> Array:
    """Return rough places; Brandes and Pich, "Eigensolver methods for progressive
    multidimensional scaling of large data" (2006)."""
    squares = hops**2
    centred = squares - squares.mean(axis=0) - squares.mean(axis=1)[:, None] + squares.mean()
    _, _, directions = np.linalg.svd(-centred / 2, full_matrices=False)
    places = -centred / 2 @ directions[:2].T
    places *= np.where(places[0] > 0, -1.0, 1.0) * hops.mean() / (2 * places.std())
    return np.asarray(places + 0.1 * _disc(len(places)) / math.sqrt(len(places)))


def _refined(hops: Array, places: Array) -> Array:
    """Return places with less stress: each distance on paper is pulled to that in hops.

    Kamada and Kawai, "An algorithm for drawing general undirected graphs" (1989), solved as in
    Gansner, Koren and North, "Graph drawing by stress majorization" (2004), equation 7.
    """
    n = len(places)
    weights = np.divide(1.0, hops**2, out=np.zeros_like(hops), where=hops > 0)
    inverse = np.linalg.inv(np.diag(weights.sum(axis=1)) - weights + 1 / n)
    for _ in range(ROUNDS):
        squares = (places**2).sum(axis=1)
        gaps = np.sqrt(np.maximum(squares[:, None] + squares - 2 * places @ places.T, 1e-12))
        pull = weights * hops / gaps
        places = inverse @ (pull.sum(axis=1)[:, None] * places - pull @ places)
    return places
