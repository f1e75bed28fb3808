"""The degrees: how many nodes have how many neighbours.

    plot.degrees(net)                                          # of the overlay as it is now
    plot.degrees(nx.barabasi_albert_graph(1000, 2), log=True)  # a straight line, if it is scale-free
    plot.degrees({"plan": net.graph, "now": net.overlay()})    # two, to compare
    plot.degrees(graph, theory=lambda k: math.exp(-4) * 4**k / math.factorial(k))

One graph is drawn in bars of nodes, several, which may differ in size, in points of shares of their
nodes. Where few nodes have most of the links, as in a scale-free graph, bars show nothing of them:
log=True gives both axes powers of ten, and points for bars.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from p2pkit import stats
from p2pkit.errors import TopologyError, counted
from p2pkit.plot import style
from p2pkit.plot.scene import scene_of

COUNTED = 16
"""Bars up to which each has its number of nodes written above it."""

MARKERS = ("o", "s", "D", "^", "v", "P")
"""How the points of several graphs are told apart, besides by their colours."""

Theory = Callable[[int], float]


def degrees(
    graph: Any,
    *,
    log: bool = False,
    theory: Theory | None = None,
    label: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the degree distribution of a network's overlay, or of a networkx graph; return the axes.

    graph: a network, a graph, or several of them in a list, or in a dict with their labels. log: let
    both axes be logarithmic; nodes without neighbours have no place there, and a note counts them.
    theory: a function of a degree that returns the expected share of nodes that have it, 0 to 1.
    label: what one graph is called, in the legend. Raises TopologyError for what is no graph.
    """
    several = _labelled(graph, label)
    if not several:
        raise TopologyError(
            "there is no graph to draw: give plot.degrees one, or several in a list"
        )
    counts = {name: stats.degrees(scene_of(one).live) for name, one in several.items()}
    ax = style.axes(ax)
    if len(counts) == 1 and not log:
        _draw_bars(ax, *next(iter(counts.items())))
    else:
        for number, (name, count) in enumerate(counts.items()):
            _draw_points(ax, name, count, number, as_shares=len(counts) > 1, has_line=not log)
    if theory is not None:
        _draw_theory(ax, theory, counts)
    _dress(ax, counts, log=log)
    return ax


def _labelled(graph: Any, label: str | None) -> dict[str | None, Any]:
    if isinstance(graph, Mapping) and not hasattr(graph, "edges"):
        return {str(name): one for name, one in graph.items()}
    if isinstance(graph, list | tuple):
        return {f"graph {number}": one for number, one in enumerate(graph, start=1)}
    return {label: graph}


def _draw_bars(ax: Axes, label: str | None, count: dict[int, int]) -> None:
    bars = ax.bar(list(count), list(count.values()), 0.8, color=style.SERIES[0], label=label)
    if max(count) - min(count) < COUNTED:
        halo = [withStroke(linewidth=3, foreground=style.PAPER)]
        look: dict[str, Any] = {"path_effects": halo, "zorder": 5}
        ax.bar_label(bars, fmt="{:,.0f}", fontsize=style.SMALL, padding=3, **look)


def _draw_points(
    ax: Axes,
    label: str | None,
    count: dict[int, int],
    number: int,
    *,
    as_shares: bool,
    has_line: bool,
) -> None:
    """Draw points, with a thin line for the eye to follow if `has_line`."""
    factor = 100 / sum(count.values()) if as_shares else 1.0
    look: dict[str, Any] = {
        "lw": 0.8 if has_line else 0.0,
        "marker": MARKERS[number % len(MARKERS)],
        "ms": 6,
    }
    color = style.series(number)
    shown = dict(sorted(count.items()))
    ax.plot(list(shown), factor * np.array(list(shown.values())), color=color, label=label, **look)


def _draw_theory(ax: Axes, theory: Theory, counts: Mapping[str | None, dict[int, int]]) -> None:
    """Draw what is expected, as a dashed line, in the unit of the axis."""
    degrees = range(min(map(min, counts.values())), max(map(max, counts.values())) + 1)
    total = 100 if len(counts) > 1 else sum(next(iter(counts.values())).values())
    expected = [total * theory(degree) for degree in degrees]
    ax.plot(list(degrees), expected, color=style.INK, lw=1.6, ls=(0, (4, 2)), label="expected")


def _dress(ax: Axes, counts: Mapping[str | None, dict[int, int]], *, log: bool) -> None:
    """Give the axes their names, limits and legend."""
    ax.set_xlabel("degree (neighbours of a node)")
    ax.set_ylabel("nodes" if len(counts) == 1 else "share of the nodes (%)")
    style.curves(ax)
    if log:
        _stretch(ax, counts)
    else:
        ax.xaxis.set_major_locator(MaxNLocator(12, integer=True, steps=[1, 2, 5, 10]))
        ax.yaxis.set_major_locator(MaxNLocator(7, integer=len(counts) == 1))
        ax.set_ylim(0, 1.12 * ax.dataLim.y1)
        lowest, highest = min(map(min, counts.values())), max(map(max, counts.values()))
        if highest - lowest < 3:  # a regular graph: let its bar be no wall
            ax.set_xlim(lowest - 2.5, highest + 2.5)
    if ax.get_legend_handles_labels()[0]:
        ax.legend(loc="best", frameon=False, fontsize=style.SMALL)


def _stretch(ax: Axes, counts: Mapping[str | None, dict[int, int]]) -> None:
    """Let both axes be logarithmic, and say what has no place on them."""
    for axis, scale in ((ax.xaxis, ax.set_xscale), (ax.yaxis, ax.set_yscale)):
        scale("log")
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
        axis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_major_locator(LogLocator())
    most = max(map(max, counts.values()))
    ax.set_xlim(0.8, 1.25 * max(most, 2))
    points = np.concatenate([line.get_ydata() for line in ax.lines if line.get_marker() in MARKERS])
    ax.set_ylim(0.6 * points.min(), 2 * points.max())
    alone = sum(count.get(0, 0) for count in counts.values())
    if alone:
        style.note(ax, f"{counted(alone, 'node')} without neighbours not shown")
