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

from p2pkit.errors import NodeDown, TopologyError
from p2pkit.plot import style
from p2pkit.plot.layout import REFINED, Array, positions
from p2pkit.topology import name_of, named

if TYPE_CHECKING:
    import networkx as nx

FEW = 30
"""Nodes up to which each has its name written on it."""

MANY = 200
"""Nodes above which lines are thin."""

INKED = 60.0
"""Length of all connections, in widths of the picture, from which on they fade. A grid of 1,000 nodes
has 60 and can be read; a random graph with as many connections has 800, and is a ball of hair."""

FAINTEST = 0.04
"""Opacity below which connections are left out: they could not be seen."""

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


def _places(scene: _Scene, layout: Layout | None) -> Array:
    """Return the place of each node, in rows of x and y."""
    spots = layout(scene.plan) if callable(layout) else layout or positions(scene.plan)
    spots = {name_of(node): spot for node, spot in spots.items()}
    missing = [name for name in scene.names if name not in spots]
    if missing:
        raise TopologyError(f"the layout says nothing of {missing[0]}: give every node its (x, y)")
    return np.array([spots[name] for name in scene.names], dtype=float)
