"""The timeline: a line for each node, and an arrow for each message from its send to its receive.

    plot.timeline(net.trace)
    plot.timeline(net.trace, nodes=["n0", "n1", "n5"], start=1.0, end=1.2)
    plot.timeline(net.trace, message=Rumor, label=lambda event: event.value[1]["text"])

This is the space-time diagram of Lamport, "Time, clocks, and the ordering of events in a distributed
system" (Communications of the ACM, 1978), lying on its side: time goes to the right, and what could
have caused what is a way along lines and arrows. A message that went no further ends in a cross: on
its way if nothing else is known, and at a node that was down, where it would have arrived. Timers
leave no event in a trace; what they do can be seen, and what a protocol logs is marked.

Of a large run, a picture holds a part, and says so (excerpt.py chooses it). Say `nodes`, `start` and
`end` to see another part.
"""

from collections.abc import Callable, Hashable, Iterable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.patheffects import withStroke

from p2pkit.plot import style
from p2pkit.plot.excerpt import ARROWS, ENDS, Excerpt, is_told
from p2pkit.plot.flights import kinds, need_events
from p2pkit.stats.traffic import What
from p2pkit.trace import Event, Trace

Label = Callable[[Event], object]


def timeline(
    trace: Trace,
    *,
    nodes: Iterable[Hashable] | None = None,
    start: float | None = None,
    end: float | None = None,
    message: What | None = None,
    label: Label | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the space-time diagram of a trace, the first node on top; return the axes.

    nodes: whose lines are drawn, in this order; without it all, or LINES of them. start, end: the
    time that is drawn, in seconds since the network started; without an end, it comes with ARROWS
    messages at the latest. message: only these, one message, or a class of messages or its name.
    label: a function of a message's send event that returns what is written on the arrow, or None.
    The axis is in seconds, though its ticks read as milliseconds if all is over within one. Raises
    TraceError for a trace without events, for a node that it knows nothing of, and for an end before
    the start.
    """
    need_events(trace)
    view = Excerpt.of(trace, nodes, start, end, message)
    ax = style.axes(ax, min(max(0.3 * len(view.rows) + 1.3, 1.9), 6.5))
    colors = style.messages(kinds(trace))
    _draw_lives(ax, view)
    _draw_arrows(ax, view, colors)
    _draw_marks(ax, view, colors)
    if label is not None:
        _draw_labels(ax, view, label)
    _dress(ax, view)
    _draw_legend(ax, view, colors)
    return ax


# Drawing


def _draw_lives(ax: Axes, view: Excerpt) -> None:
    """Draw the line of each node while it lives, and thick and hatched while it is paused."""
    alive, asleep = _lives(view)
    lines = [((begin, row), (end, row)) for row, begin, end in alive]
    ax.add_collection(LineCollection(lines, colors=style.INK, linewidths=1.0, zorder=2))
    for row, begin, end in asleep:
        look: dict[str, Any] = {"hatch": "////", "facecolor": style.QUIET, "edgecolor": style.EDGE}
        ax.add_patch(Rectangle((begin, row - 0.16), end - begin, 0.32, lw=0, zorder=3, **look))
    for row in range(len(view.rows)):
        ax.axhline(row, color=style.QUIET, lw=0.8, ls=(0, (1, 3)), zorder=1)


Stretch = tuple[int, float, float]
"""A row, and from when until when."""


def _lives(view: Excerpt) -> tuple[list[Stretch], list[Stretch]]:
    """Return when nodes live, and when they are paused."""
    stretches: dict[str, list[Stretch]] = {"start": [], "pause": []}
    begins: dict[tuple[str, str], float] = {}
    started = {event.node for event in view.events if event.kind == "start"}
    begins |= {("start", name): view.start for name in view.rows if name not in started}
    for event in [*view.events, *_last(view)]:
        if event.kind in stretches:
            begins.setdefault((event.kind, event.node), event.time)
            continue
        for what in {"resume": ["pause"], "end": ["start", "pause"]}.get(_role(event), []):
            if (begin := begins.pop((what, event.node), None)) is not None:
                stretches[what].append((view.rows[event.node], begin, event.time))
    return stretches["start"], stretches["pause"]


def _role(event: Event) -> str:
    return "end" if event.kind in ENDS else event.kind


def _last(view: Excerpt) -> list[Event]:
    """Return the end of the picture, as if it were the end of each node."""
    return [Event(view.end, "leave", name) for name in view.rows]


ARROW: dict[str, Any] = {
    **{"angles": "xy", "scale_units": "xy", "scale": 1, "units": "inches", "width": 0.014},
    **{"headwidth": 6, "headlength": 7, "headaxislength": 6, "minlength": 0, "zorder": 4},
}
"""From place to place on the axes, and as thick as a line on paper, whatever the axes' scale."""


def _draw_arrows(ax: Axes, view: Excerpt, colors: dict[str, str]) -> None:
    """Draw the messages of each kind; those that went no further are dashed, and end in a cross."""
    alpha = min(1.0, max(0.25, 2 * ARROWS / max(len(view.flights), 1)))
    for kind, color in colors.items():
        some = [flight for flight in view.flights if flight.kind == kind]
        there = np.array([view.path(f) for f in some if f.arrived]).reshape(-1, 4)
        short = np.array([view.path(f) for f in some if not f.arrived]).reshape(-1, 4)
        ends = np.array([view.path(f)[2:] for f in some if f.cause]).reshape(-1, 2)
        x, y, until, row = there.T
        ax.quiver(x, y, until - x, row - y, color=color, alpha=alpha, gid=kind, **ARROW)
        dashes: dict[str, Any] = {"linestyles": [(0, (3, 2))], "linewidths": 1.0, "zorder": 4}
        ax.add_collection(
            LineCollection(list(short.reshape(-1, 2, 2)), colors=color, alpha=alpha, **dashes)
        )
        ax.scatter(ends[:, 0], ends[:, 1], 26, color=color, marker="x", lw=1.4, zorder=5)


MARKERS: dict[str, dict[str, Any]] = {
    "crash": {"marker": "X", "s": 60, "color": style.INK, "lw": 0},
    "leave": {"marker": "|", "s": 90, "color": style.INK, "lw": 1.8},
    "start": {"marker": "o", "s": 16, "facecolor": style.PAPER, "edgecolor": style.INK, "lw": 1.0},
    "log": {"marker": "D", "s": 20, "facecolor": style.PAPER, "edgecolor": style.INK, "lw": 0.9},
}
"""How events of a node are drawn."""


def _draw_marks(ax: Axes, view: Excerpt, colors: dict[str, str]) -> None:
    for kind, look in MARKERS.items():
        some = [event for event in view.seen() if event.kind == kind]
        if kind == "start":
            some = [event for event in some if event.time > 0]
        x, y = _spots(view, some).T
        ax.scatter(x, y, zorder=6, gid=kind, **look)
    for kind, color in colors.items():
        told = [event for event in view.seen() if is_told(event) and event.message == kind]
        x, y = _spots(view, told).T
        star: dict[str, Any] = {"marker": "*", "edgecolors": style.INK, "gid": "told"}
        ax.scatter(x, y, 60, color, lw=0.5, zorder=7, **star)


def _spots(view: Excerpt, events: list[Event]) -> Any:
    return np.array([(e.time, view.rows[e.node]) for e in events], dtype=float).reshape(-1, 2)


def _draw_labels(ax: Axes, view: Excerpt, label: Label) -> None:
    """Write on each message, a third of its way along, what the function says of it."""
    halo = [withStroke(linewidth=2.5, foreground=style.PAPER)]
    for flight in view.flights:
        text = label(flight.event)
        if text is not None and view.start <= flight.sent <= view.end:
            x, y, until, row = view.path(flight)
            place = (x + (until - x) / 3, y + (row - y) / 3)
            look: dict[str, Any] = {"ha": "center", "va": "center", "clip_on": True}
            ax.text(*place, str(text), size=style.SMALL - 2, path_effects=halo, zorder=8, **look)


def _dress(ax: Axes, view: Excerpt) -> None:
    """Give the axes their limits, names and units."""
    ax.set_xlim(view.start, view.end)
    ax.set_ylim(len(view.rows) - 0.4, -0.6)
    ax.set_yticks(range(len(view.rows)), [style.short(name) for name in view.rows])
    ax.tick_params("y", length=0)
    ax.spines[["top", "right", "left"]].set_visible(False)
    unit = style.seconds(ax.xaxis, view.end - view.start)
    ax.set_xlabel(f"time since the network started ({unit})")
    if view.left_out:
        style.note(ax, f"shown: {view.left_out}")


def _draw_legend(ax: Axes, view: Excerpt, colors: dict[str, str]) -> None:
    """Explain above the axes what is there to be seen."""
    seen = {flight.kind for flight in view.flights}
    seen |= {event.message or "" for event in view.seen() if is_told(event)}
    keys = style.message_keys({kind: colors[kind] for kind in colors if kind in seen})
    style.legend_above(ax, [*keys, *_keys(view)])


def _keys(view: Excerpt) -> list[Any]:
    """Return the keys of a legend for what is no message."""
    looks = {
        "told from outside": Line2D([], [], marker="*", markersize=9, color=style.INK, ls=""),
        "crash": Line2D([], [], marker="X", markersize=7, color=style.INK, ls=""),
        "leave": Line2D([], [], marker="|", markersize=9, mew=1.8, color=style.INK, ls=""),
        "pause": Patch(facecolor=style.QUIET, edgecolor=style.EDGE, hatch="////", lw=0),
        "log": Line2D([], [], marker="D", markersize=4, mfc=style.PAPER, color=style.INK, ls=""),
    }
    seen = {"told from outside" if is_told(event) else event.kind for event in view.seen()}
    if any(end > view.start and begin < view.end for _, begin, end in _lives(view)[1]):
        seen.add("pause")
    causes = dict.fromkeys(flight.cause for flight in view.flights if flight.cause)
    if causes:
        why = ", ".join(causes)
        looks[why] = Line2D([], [], marker="x", color=style.INK, ls=(0, (3, 2)), lw=1.0)
        seen.add(why)
    for name, key in looks.items():
        key.set_label({"pause": "paused"}.get(name, name))
    return [key for name, key in looks.items() if name in seen]
