"""The topology: who is connected to whom, drawn with a colour, a size and a name for each node.

    plot.topology(net)
    plot.topology(net, color=lambda node: "orange" if node.heard else "grey")
    plot.topology(net, color=lambda node: node.hops, size=lambda node: len(node.peers))
    plot.topology(net, traffic=net.trace)                # connections by their messages
    plot.topology(nx.cycle_graph(40))                    # a plan, without a network

A network is drawn as it is now: its live connections, those that are cut dashed, and its dead nodes
hollow. Nodes stay in place while connections come and go, because the plan decides where they are
(layout.py says how). The same graph is always the same picture.
"""

import math
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from p2pkit.errors import counted
from p2pkit.layout import Array
from p2pkit.plot import style
from p2pkit.plot.colors import colors_of, is_dark
from p2pkit.plot.links import MANY, draw_links
from p2pkit.plot.scene import FEW, Layout, Look, Scene, height_of, make_room, places_of, scene_of
from p2pkit.trace import Trace

RIMS = (style.INK, style.BLUE, style.VERMILION)
"""The colours of the rims of nodes in different parts of a network, where a partition divides it."""


def topology(
    net: Any,
    *,
    color: Look | str | tuple[float, ...] | None = None,
    size: Look | float | None = None,
    label: Look | None = None,
    layout: Layout | None = None,
    traffic: Trace | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the nodes of a network, or of a networkx graph, and their connections; return the axes.

    color: a colour, or a function of the node that returns a colour, a number (explained by a colour
    bar), True or False, or None for "not reached". size: a node's area in square points, or a
    function of the node to which areas are in proportion. label: a function of the node that returns
    what is written on it; without one it is the name, up to FEW nodes. layout: where the nodes are,
    a dict from node to (x, y), or a function of the graph that returns one, for example
    networkx.circular_layout. traffic: a trace; connections are then as wide as messages went over
    them, and where messages went without one, there is one. In a plain graph, a node is its name.
    Raises TopologyError for what is no graph, and for a layout that leaves a node out.
    """
    scene = scene_of(net)
    places = places_of(scene, layout)
    ax = style.axes(ax, height_of(places))
    diameter = make_room(ax, places)
    keys = draw_links(ax, scene, places, traffic)
    parts = scene.parts()[: len(RIMS)]
    areas = _areas(scene, size, diameter)
    one_color = style.NODE if color is None else color
    values = scene.ask(color) if callable(color) else [one_color] * len(scene.names)
    colors = colors_of(ax, values, color)
    _draw_nodes(ax, scene, places, areas, colors)
    keys += _draw_rims(ax, scene, places, areas, parts)
    _draw_legend(ax, scene, values, keys)
    if label or len(scene.names) <= FEW:
        _draw_labels(ax, scene, places, areas, colors, label)
    return ax


# Drawing


def _areas(scene: Scene, size: Look | float | None, diameter: float) -> Array:
    """Return the area of each node, in square points."""
    usual = diameter**2
    if not callable(size):
        return np.full(len(scene.names), usual if size is None else size)
    sizes = np.array([max(0.0, float(value or 0)) for value in scene.ask(size)])
    return np.clip(usual * sizes / (sizes.mean() or 1.0), usual / 4, usual * 6)


def _draw_nodes(ax: Axes, scene: Scene, places: Array, areas: Array, colors: list[Any]) -> None:
    dead = np.array([name in scene.down for name in scene.names])
    alive = [color for color, is_dead in zip(colors, dead, strict=True) if not is_dead]
    x, y = places.T
    outline: dict[str, Any] = {"edgecolors": style.INK, "lw": 0.8 if len(x) <= MANY else 0.3}
    ax.scatter(x[~dead], y[~dead], areas[~dead], alive, zorder=2, **outline)
    if dead.any():
        outline["lw"] = 0.9
        ax.scatter(x[dead], y[dead], areas[dead], style.PAPER, ls="--", zorder=3, **outline)
        ax.scatter(x[dead], y[dead], areas[dead] / 4, style.INK, marker="x", lw=1.0, zorder=3)


def _draw_rims(
    ax: Axes, scene: Scene, places: Array, areas: Array, parts: list[set[str]]
) -> list[Any]:
    """Draw the nodes of each part of a divided network with a rim; return the keys of a legend."""
    keys = []
    for part, color in zip(parts, RIMS, strict=False):
        inside = np.array([name in part for name in scene.names])
        x, y = places[inside].T
        rim: dict[str, Any] = {"facecolor": "none", "edgecolor": color, "gid": "rim"}
        ax.scatter(x, y, areas[inside], lw=2.2 if len(places) <= MANY else 1.1, zorder=2.5, **rim)
        look: dict[str, Any] = {"ls": "", "marker": "o", "markersize": 8, "markeredgewidth": 2}
        name = f"part of {counted(len(part), 'node')}"
        keys.append(Line2D([], [], mfc=style.PAPER, markeredgecolor=color, label=name, **look))
    return keys


def _draw_legend(ax: Axes, scene: Scene, values: list[Any], keys: list[Any]) -> None:
    """Explain below the axes the connections, and what is grey and what is hollow, if there is any."""
    look: dict[str, Any] = {"markersize": 8, "linestyle": "none", "markeredgecolor": style.INK}
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
        ax.legend(
            handles=keys,
            ncols=style.columns(keys, 4.6),
            frameon=False,
            fontsize=style.SMALL,
            **place,
        )


def _draw_labels(
    ax: Axes, scene: Scene, places: Array, areas: Array, colors: list[Any], label: Look | None
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
            color=style.PAPER if is_inside and is_dark(color) else style.INK,
            path_effects=[] if is_inside else [withStroke(linewidth=2.5, foreground=style.PAPER)],
            zorder=5,
        )
