"""The topology: who is connected to whom, drawn with a colour, a size and a name for each node.

    plot.topology(net)
    plot.topology(net, color=lambda node: "orange" if node.heard else "grey")
    plot.topology(net, color=lambda node: node.hops, size=lambda node: len(node.peers))
    plot.topology(nx.cycle_graph(40))                    # a plan, without a network

A network is drawn as it is now: its live connections, and its dead nodes hollow. Nodes stay in
place while connections come and go, because the plan decides where they are. Lines, rings, grids and
trees look like what they are; in every other graph, distances on paper follow distances in hops. The
same graph is always the same picture. Many long connections would hide what they connect, so the more
of them there are, the fainter they are, until they are not drawn at all.
"""

import math
from collections.abc import Callable, Mapping
from numbers import Real
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize, to_rgb
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from p2pkit.errors import NodeDown, TopologyError
from p2pkit.plot import style
from p2pkit.topology import name_of, named

if TYPE_CHECKING:
    import networkx as nx

FEW = 30
"""Nodes up to which each has its name written on it."""

MANY = 200
"""Nodes above which lines are thin."""

ROUND = 60
"""Nodes up to which a complete graph is a circle with its connections, and above, a disc of nodes."""

INKED = 60.0
"""Length of all connections, in widths of the picture, from which on they fade. A grid of 1,000 nodes
has 60 and can be read; a random graph with as many connections has 800, and is a ball of hair."""

FAINTEST = 0.04
"""Opacity below which connections are left out: they could not be seen."""

PIVOTS = 50
"""Nodes from which distances are measured for rough places. Brandes and Pich suggest 50 to 200."""

REFINED = 1000
"""Nodes up to which the rough places are refined: time and memory grow with their square."""

ROUNDS = 60
"""Steps of that refinement; from about 30 on nothing moves that an eye would see."""

Array = NDArray[np.float64]
Look = Callable[[Any], Any]
Layout = Callable[[Any], Mapping[Any, Any]] | Mapping[Any, Any]


def topology(
    net: Any,
    *,
    color: Look | str | tuple[float, ...] | None = None,
    size: Look | float | None = None,
    label: Look | None = None,
    layout: Layout | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the nodes of a network, or of a networkx graph, and their connections; return the axes.

    color: a colour, or a function of the node that returns a colour, a number (explained by a colour
    bar), True or False, or None for "not reached". size: a node's area in square points, or a
    function of the node to which areas are in proportion. label: a function of the node that returns
    what is written on it; without one it is the name, up to FEW nodes. layout: where the nodes are,
    a dict from node to (x, y), or a function of the graph that returns one, for example
    networkx.circular_layout. In a plain graph, a node is its name. Raises TopologyError for what is
    no graph, and for a layout that leaves a node out.
    """
    scene = _look(net)
    places = _places(scene, layout)
    ax = style.axes(ax, _height(places))
    diameter = _make_room(ax, places)
    _draw_edges(ax, scene, places)
    areas = _areas(scene, size, diameter)
    one_color = style.NODE if color is None else color
    values = scene.ask(color) if callable(color) else [one_color] * len(scene.names)
    colors = _colors(ax, values, color)
    _draw_nodes(ax, scene, places, areas, colors)
    _draw_legend(ax, scene, values)
    if label or len(scene.names) <= FEW:
        _draw_labels(ax, scene, places, areas, colors, label)
    return ax


# What there is to see


class _Scene(NamedTuple):
    """What is to be drawn."""

    names: list[str]
    nodes: Mapping[str, Any]  # by name; what color, size and label are functions of
    live: "nx.Graph[str]"  # the connections
    plan: "nx.Graph[str]"  # what decides where the nodes are
    down: frozenset[str]

    def ask(self, function: Look) -> list[Any]:
        """Return what a function says of each node: None if there is no node to ask."""
        return [self._ask(function, name) for name in self.names]

    def _ask(self, function: Look, name: str) -> Any:
        try:
            return function(self.nodes[name]) if name in self.nodes else None
        except NodeDown:  # it was killed so suddenly that it left no last state
            return None


def _look(net: Any) -> _Scene:
    if not hasattr(net, "overlay"):
        graph = named(net)
        return _Scene(list(graph), {name: name for name in graph}, graph, graph, frozenset())
    plan, live, nodes = net.graph.copy(), net.overlay(), _nodes(net)
    names = list(dict.fromkeys([*plan, *nodes, *live]))
    down = frozenset(name for name in names if hasattr(net, "is_up") and not net.is_up(name))
    if len(down) == len(names):  # not started yet, or closed: nobody has died
        down, live = frozenset(), live if live.edges else plan
    if any(not plan.has_edge(*edge) for edge in live.edges):
        plan = live.copy()  # the protocol makes its own connections, so the plan says little
    plan.add_nodes_from(names)
    return _Scene(names, nodes, live, plan, down)


def _nodes(net: Any) -> dict[str, Any]:
    try:
        return {node.id: node for node in net}
    except NodeDown:
        return {name: net[name] for name in net.graph if net.is_up(name)}


# Drawing


def _height(places: Array) -> float:
    """Return the inches down that a new figure needs for nodes in these places."""
    across, down = np.ptp(places, axis=0)
    return float(min(max(style.WIDTH * down / max(across, 1e-9), 1.2), 5.0))


def _make_room(ax: Axes, places: Array) -> float:
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


def _draw_edges(ax: Axes, scene: _Scene, places: Array) -> None:
    number = {name: at for at, name in enumerate(scene.names)}
    ends = np.array([(number[one], number[other]) for one, other in scene.live.edges], dtype=int)
    lines = places[ends.reshape(-1, 2)]
    length = float(np.hypot(*(lines[:, 0] - lines[:, 1]).T).sum())
    alpha = min(1.0, INKED * float(np.ptp(places, axis=0).max()) / max(length, 1e-9))
    if alpha > FAINTEST:
        width = 1.0 if len(places) <= MANY else 0.5
        ax.add_collection(
            LineCollection(list(lines), colors=style.EDGE, linewidths=width, alpha=alpha, zorder=1)
        )


def _areas(scene: _Scene, size: Look | float | None, diameter: float) -> Array:
    """Return the area of each node, in square points."""
    usual = diameter**2
    if not callable(size):
        return np.full(len(scene.names), usual if size is None else size)
    sizes = np.array([max(0.0, float(value or 0)) for value in scene.ask(size)])
    return np.clip(usual * sizes / (sizes.mean() or 1.0), usual / 4, usual * 6)


def _colors(ax: Axes, values: list[Any], source: Any) -> list[Any]:
    """Return the colours that values of nodes stand for, and explain them if those are numbers."""
    numbers = [value for value in values if _is_number(value)]
    if numbers:
        scale = ScalarMappable(Normalize(min(numbers), max(numbers)), colormaps[style.COLORMAP])
        _explain_numbers(ax, scale, numbers, _subject(source))
        return [scale.to_rgba(value) if _is_number(value) else _plain(value) for value in values]
    return [_plain(value) for value in values]


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def _plain(value: Any) -> Any:
    """Return the colour that a value which is no number stands for."""
    if isinstance(value, bool | np.bool_):
        return style.REACHED if value else style.QUIET
    return style.QUIET if value is None or isinstance(value, Real) else value


def _explain_numbers(ax: Axes, scale: ScalarMappable, numbers: list[Any], subject: str) -> None:
    bar = ax.figure.colorbar(scale, ax=ax, label=subject, shrink=0.7, aspect=25, pad=0.02)
    bar.outline.set_visible(False)
    if all(float(number).is_integer() for number in numbers):
        bar.locator = MaxNLocator(6, integer=True)
        bar.update_ticks()


def _subject(function: Any) -> str:
    """Return what a function of the node is about: its name, or for a lambda, what it looks at."""
    name = str(getattr(function, "__name__", "value"))
    looks_at = getattr(getattr(function, "__code__", None), "co_names", ())
    if name == "<lambda>":
        name = looks_at[-1] if looks_at else "value"
    return name.strip("_").replace("_", " ")


def _draw_nodes(ax: Axes, scene: _Scene, places: Array, areas: Array, colors: list[Any]) -> None:
    dead = np.array([name in scene.down for name in scene.names])
    alive = [color for color, is_dead in zip(colors, dead, strict=True) if not is_dead]
    x, y = places.T
    outline: dict[str, Any] = {"edgecolors": style.INK, "lw": 0.8 if len(x) <= MANY else 0.3}
    ax.scatter(x[~dead], y[~dead], areas[~dead], alive, zorder=2, **outline)
    if dead.any():
        outline["lw"] = 0.9
        ax.scatter(x[dead], y[dead], areas[dead], style.PAPER, ls="--", zorder=3, **outline)
        ax.scatter(x[dead], y[dead], areas[dead] / 4, style.INK, marker="x", lw=1.0, zorder=3)


def _draw_legend(ax: Axes, scene: _Scene, values: list[Any]) -> None:
    """Explain below the axes what is grey and what is hollow, if there is any."""
    look: dict[str, Any] = {"markersize": 8, "linestyle": "none", "markeredgecolor": style.INK}
    keys = []
    if any(
        value is None and name not in scene.down
        for name, value in zip(scene.names, values, strict=True)
    ):
        grey = Line2D([], [], marker="o", label="not reached", markerfacecolor=style.QUIET, **look)
        keys.append(grey)
    if scene.down:
        look |= {"markeredgewidth": 0.2}
        hollow = Line2D([], [], marker=r"$\otimes$", label="down", color=style.INK, **look)
        keys.append(hollow)
    if keys:
        place: dict[str, Any] = {"loc": "upper center", "bbox_to_anchor": (0.5, 0.02)}
        ax.legend(handles=keys, ncols=len(keys), frameon=False, fontsize=style.SMALL, **place)


def _draw_labels(
    ax: Axes, scene: _Scene, places: Array, areas: Array, colors: list[Any], label: Look | None
) -> None:
    """Write on each node: inside if all have room for it, and else below."""
    says = scene.ask(label) if label else scene.names
    texts = ["" if text is None else str(text) for text in says]
    letters = max(map(len, texts))
    for name, text, place, area, color in zip(
        scene.names, texts, places, areas, colors, strict=True
    ):
        is_inside = letters * style.SMALL * 0.62 < math.sqrt(area) and name not in scene.down
        ax.annotate(
            text,
            place,
            xytext=(0, 0 if is_inside else -0.5 * math.sqrt(area) - 0.6 * style.SMALL),
            textcoords="offset points",
            ha="center",
            va="center_baseline" if is_inside else "center",
            fontsize=style.SMALL,
            color=style.PAPER if is_inside and _is_dark(color) else style.INK,
            path_effects=[] if is_inside else [withStroke(linewidth=2.5, foreground=style.PAPER)],
            zorder=5,
        )


def _is_dark(color: Any) -> bool:
    red, green, blue = to_rgb(color)
    return 0.299 * red + 0.587 * green + 0.114 * blue < 0.5


# Where the nodes are


def _places(scene: _Scene, layout: Layout | None) -> Array:
    """Return the place of each node, in rows of x and y."""
    spots = layout(scene.plan) if callable(layout) else layout or positions(scene.plan)
    spots = {name_of(node): spot for node, spot in spots.items()}
    missing = [name for name in scene.names if name not in spots]
    if missing:
        raise TopologyError(f"the layout says nothing of {missing[0]}: give every node its (x, y)")
    return np.array([spots[name] for name in scene.names], dtype=float)


def positions(graph: "nx.Graph[Any]") -> dict[Any, tuple[float, float]]:
    """Return a place (x, y) for each node of a graph, the same whenever it is called.

    Distances are in hops where that is possible: two connected nodes are about 1 apart.
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
        places = _by_distance(graph, number)
    return _spots(graph, places)


def _spots(graph: "nx.Graph[Any]", places: Array) -> dict[Any, tuple[float, float]]:
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


def _by_distance(graph: "nx.Graph[Any]", number: Mapping[Any, int]) -> Array:
    """Return places whose distances follow those in hops."""
    n = len(graph)
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
