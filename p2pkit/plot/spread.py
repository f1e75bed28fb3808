"""The spread of a message: the share of nodes that have it, over time.

    plot.spread(net.trace, Rumor("hello"))                     # one run: the S-curve
    plot.spread([net.trace for net in runs], Rumor)            # many: each thin, with their median
    ax = plot.spread(push, Rumor, label="push")                # two in one picture
    plot.spread(pull, Rumor, label="pull", ax=ax)

Time counts from when the first node had the message. All nodes that ever started are 100 %,
whether they still run or not, so the gap that stays at the top is the residue: those who never heard.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray

from p2pkit.errors import TraceError
from p2pkit.message import Message
from p2pkit.plot import style
from p2pkit.stats import arrivals, started
from p2pkit.trace import Trace

GRID = 600
"""Points in time at which several runs are compared: more than a picture has across."""

Array = NDArray[np.float64]


def spread(
    trace: Trace | Sequence[Trace],
    message: str | type[Message] | Message,
    *,
    ax: Axes | None = None,
    label: str | None = None,
) -> Axes:
    """Draw the share of nodes (%) that have a message over time; return the axes.

    trace: of one run, or a list of several. message: one message, or a class of messages or its
    name, which mean any of that kind. label: of the curve, for a legend. The horizontal axis is in
    seconds, though its ticks read as milliseconds if all is over within one. Raises TraceError for a
    trace in which no node had the message, and for one without events.
    """
    runs = [_run(one, message) for one in ([trace] if isinstance(trace, Trace) else trace)]
    if not runs:
        raise TraceError(
            "there is no trace to draw: give plot.spread one trace, or several in a list"
        )
    ax = style.axes(ax)
    earlier = sum(line.get_gid() == _CURVE for line in ax.lines)
    color = style.series(earlier)
    if len(runs) > 1:
        _draw_runs(ax, runs, color, label)
    else:
        _draw_run(ax, runs[0], color, label)
        if label is None and not earlier:
            _write_end(ax, runs[0], color)
    _dress(ax, max(run.times[-1] for run in runs), is_first=not earlier)
    ax.set_ylabel(f"nodes with {style.kind_of(message)} (%)")
    return ax


# Marks the one line of each call, so that the next call takes another colour.
_CURVE = "p2pkit spread"


class _Run(NamedTuple):
    """When each next node was reached, in seconds since the first; and how many nodes there are."""

    times: Array
    nodes: int

    def share(self, times: Array) -> Array:
        """Return the share of nodes (%) that had the message at each of these times."""
        return 100 * np.searchsorted(self.times, times, side="right") / self.nodes


def _run(trace: Trace, message: str | type[Message] | Message) -> _Run:
    reached = arrivals(trace, message)
    if not reached:
        what = repr(message) if isinstance(message, Message) else style.kind_of(message)
        raise TraceError(
            f"no node ever had {what} in this trace: was it told to one, in these words?"
        )
    times = np.array(list(reached.values()))
    return _Run(times - times[0], len({*started(trace), *reached}))


def _draw_run(ax: Axes, run: _Run, color: str, label: str | None) -> None:
    times = _on(run.times)
    ax.step(times, run.share(times), where="post", color=color, lw=2, label=label, gid=_CURVE)


def _write_end(ax: Axes, run: _Run, color: str) -> None:
    """Write at the end of a curve how many nodes it has reached: above, where no curve can come from."""
    ax.annotate(
        f"{len(run.times):,} of {run.nodes:,} nodes",
        (1, 100 * len(run.times) / run.nodes),
        xycoords=ax.get_yaxis_transform(),
        xytext=(-4, 3),
        textcoords="offset points",
        ha="right",
        color=color,
        fontsize=style.SMALL,
    )


def _draw_runs(ax: Axes, runs: list[_Run], color: str, label: str | None) -> None:
    times = _on(np.linspace(0, max(run.times[-1] for run in runs), GRID))
    shares = np.array([run.share(times) for run in runs])
    low, median, high = np.percentile(shares, [10, 50, 90], axis=0)
    for share in shares:
        ax.step(times, share, where="post", color=color, lw=0.6, alpha=0.3)
    band = None if label else "10 to 90 % of the runs"
    ax.fill_between(times, low, high, step="post", color=color, alpha=0.2, lw=0, label=band)
    label = label or f"median of {len(runs)} runs"
    ax.step(times, median, where="post", color=color, lw=2, label=label, gid=_CURVE)


def _on(times: Array) -> Array:
    """Add a time far beyond the last: nodes keep what they have while other curves still rise."""
    return np.append(times, 1000 * max(times[-1], 1.0))


def _dress(ax: Axes, last: float, *, is_first: bool) -> None:
    """Give the axes their limits, units and legend, now that `last` seconds have to fit in."""
    until = 1.06 * last or 1.0
    if not is_first:
        until = max(until, ax.get_xlim()[1])
    ax.set_xlim(-0.01 * until, until)
    ax.set_ylim(0, 108)  # room for what is written above a curve at 100 %
    factor, unit = (1000, "ms") if until < 1 else (1, "s")
    ax.xaxis.set_major_formatter(FuncFormatter(lambda seconds, _: f"{factor * seconds:g}"))
    ax.set_xlabel(f"time since the first node had it ({unit})")
    style.curves(ax)
    if ax.get_legend_handles_labels()[0]:
        ax.legend(loc="lower right", frameon=False, fontsize=style.SMALL)
