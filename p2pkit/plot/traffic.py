"""The traffic: who sent how much to whom, as a matrix of senders and receivers.

    plot.traffic(net.trace)                                    # in messages
    plot.traffic(net.trace, Rumor, unit="bytes")               # in bytes, of one kind

A row is a sender, a column a receiver; what is white never happened. So a row that stands out is a
node that talks much, a dark column one that all others turn to, and blocks are groups that keep to
themselves. Above NAMED nodes there are no names, and above CELLS several nodes share a row.
"""

from collections import Counter
from collections.abc import Hashable, Iterable
from typing import Literal

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from p2pkit.errors import TraceError
from p2pkit.layout import Array
from p2pkit.plot import style
from p2pkit.plot.excerpt import known, named_in
from p2pkit.plot.flights import need_events
from p2pkit.stats.traffic import What
from p2pkit.trace import Trace

NAMED = 60
"""Nodes up to which rows and columns have names; above half of it every second one."""

CELLS = 100
"""Rows and columns at most: with more, a cell would be less than four pixels wide."""

Unit = Literal["messages", "bytes"]


def traffic(
    trace: Trace,
    message: What | None = None,
    *,
    unit: Unit = "messages",
    nodes: Iterable[Hashable] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw how many messages, or bytes, each node sent to each other one; return the axes.

    message: only these, one message, or a class of messages or its name; without it, all. unit:
    "messages", or "bytes", which are those of the encoded messages. nodes: whose rows and columns
    are drawn, in this order; without it all, in the order in which they started. What was sent is
    counted, whether it arrived or not. Raises TraceError for a trace without events, for one in
    which nothing of this was sent, and for a node that it knows nothing of.
    """
    if unit not in ("messages", "bytes"):
        raise ValueError(f'unit={unit!r}: traffic is counted in "messages" or in "bytes"')
    need_events(trace)
    everybody = known(trace)
    names = everybody if nodes is None else [named_in(node, everybody) for node in nodes]
    matrix = _matrix(trace, message, names, unit)
    if not matrix.any():
        what = "" if message is None else f"{style.kind_of(message)} "
        raise TraceError(f"no {what}message was sent between these nodes in this trace")
    size = -(-len(names) // CELLS)
    ax = style.axes(ax, 5.2 if len(names) > 8 else 4.2)
    _draw(ax, _grouped(matrix, size), _bar_label(unit, size))
    _dress(ax, names, size)
    return ax


def _matrix(trace: Trace, message: What | None, names: list[str], unit: Unit) -> Array:
    """Return what each node (a row) sent to each other one (a column)."""
    number = {name: at for at, name in enumerate(names)}
    sums: Counter[tuple[int, int]] = Counter()
    for event in trace.where(kind="send", message=message):
        if event.node in number and event.peer in number:
            pair = number[event.node], number[event.peer]
            sums[pair] += event.size if unit == "bytes" else 1
    matrix = np.zeros((len(names), len(names)))
    for pair, amount in sums.items():
        matrix[pair] = amount
    return matrix


def _grouped(matrix: Array, size: int) -> Array:
    """Return the sums over blocks of so many rows and columns."""
    starts = np.arange(0, len(matrix), size)
    return np.asarray(np.add.reduceat(np.add.reduceat(matrix, starts, 0), starts, 1))


def _bar_label(unit: Unit, size: int) -> str:
    what = f"{unit} sent"
    return what if size == 1 else f"{what}, from {size} nodes to {size} nodes"


def _draw(ax: Axes, cells: Array, label: str) -> None:
    colormap = colormaps[f"{style.COLORMAP}_r"].with_extremes(bad=style.PAPER)
    image = ax.imshow(
        np.ma.masked_equal(cells, 0), cmap=colormap, vmin=0, interpolation="nearest", aspect="equal"
    )
    bar = ax.figure.colorbar(image, ax=ax, label=label, shrink=0.8, aspect=28, pad=0.02)
    bar.outline.set_visible(False)
    bar.locator = MaxNLocator(6, integer=True, steps=[1, 2, 5, 10])
    bar.formatter = FuncFormatter(lambda value, _: f"{value:,.0f}")
    bar.update_ticks()


def _dress(ax: Axes, names: list[str], size: int) -> None:
    """Write names beside rows and columns, or only numbers if they are many."""
    ax.set_xlabel("receiver")
    ax.set_ylabel("sender")
    ax.spines[:].set_color(style.EDGE)
    ax.tick_params(length=0)
    if len(names) <= NAMED:
        step = 1 if len(names) <= NAMED / 2 else 2  # else names would touch, or be too small
        places = range(0, len(names), step)
        labels = [style.short(names[place]) for place in places]
        points = min(float(style.SMALL), 200 / len(places))
        is_steep = len(names) > 12 or max(map(len, labels)) > 4
        ax.set_xticks(places, labels, rotation=90 if is_steep else 0, fontsize=points)
        ax.set_yticks(places, labels, fontsize=points)
    else:
        for axis, what in ((ax.xaxis, "receiver"), (ax.yaxis, "sender")):
            axis.set_major_locator(MaxNLocator(8, integer=True, steps=[1, 2, 5, 10]))
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{size * value:,.0f}"))
            axis.set_label_text(f"{what} (its number, in the order of starting)")
