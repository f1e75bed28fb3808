"""The latency: how long messages took from their sender to their receiver, as a curve.

    plot.latency(net.trace)
    plot.latency(net.trace, Rumor)                             # of one kind
    plot.latency({"ring": ring.trace, "star": star.trace})     # several, to compare

The curve rises to 100 % at the slowest message: it is the empirical distribution function. Half of
all took less than the median, and one in a hundred more than the 99 % quantile, which is what users
remember. Messages that never arrived have no latency, and are not in it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke

from p2pkit.errors import TraceError
from p2pkit.layout import Array
from p2pkit.plot import style
from p2pkit.stats import latencies, quantiles
from p2pkit.stats.traffic import What
from p2pkit.trace import Trace

MARKS = {0.5: ("o", "median"), 0.99: ("D", "99 %")}
"""The quantiles that are marked on each curve, how, and what they are called."""


def latency(
    trace: Trace | Sequence[Trace] | Mapping[str, Trace],
    message: What | None = None,
    *,
    label: str | None = None,
    log: bool = False,
    ax: Axes | None = None,
) -> Axes:
    """Draw the share of messages (%) that took no longer than a time; return the axes.

    trace: of one run, or of several in a list, or in a dict with their labels. message: only these,
    one message, or a class of messages or its name; without it, all. label: of the curve, if it is
    one. log: let times have a logarithmic axis, if they differ by powers of ten. The axis is in
    seconds, though its ticks read as milliseconds if all took less than one. Raises TraceError for a
    trace in which no message arrived, and for one without events.
    """
    curves = {name: _times(one, message, name) for name, one in _labelled(trace, label).items()}
    if not curves:
        raise TraceError("there is no trace to draw: give plot.latency one trace, or several")
    ax = style.axes(ax)
    earlier = sum(line.get_gid() == _CURVE for line in ax.lines)
    for number, (name, times) in enumerate(curves.items(), start=earlier):
        _draw_curve(ax, times, style.series(number), name)
    if earlier or list(curves) != [None]:
        style.legend_above(ax, ax.get_legend_handles_labels()[0])
    else:
        _write_marks(ax, curves[None])
    longest = max(float(times[-1]) for times in curves.values())
    _dress(ax, longest, log=log, is_first=not earlier)
    kind = "" if message is None else f"{style.kind_of(message)} "
    ax.set_ylabel(f"{kind}messages that took no longer (%)")
    return ax


# Marks the line of each curve, so that the next call takes another colour.
_CURVE = "p2pkit latency"


def _labelled(
    trace: Trace | Sequence[Trace] | Mapping[str, Trace], label: str | None
) -> dict[str | None, Trace]:
    if isinstance(trace, Trace):
        return {label: trace}
    if isinstance(trace, Mapping):
        return {str(name): one for name, one in trace.items()}
    return {f"run {number}": one for number, one in enumerate(trace, start=1)}


def _times(trace: Trace, message: What | None, name: str | None) -> Array:
    """Return the latencies in a trace, the shortest first."""
    times = np.sort(np.array(latencies(trace, message), dtype=float))
    if not len(times):
        where = "this trace" if name is None else f"the trace of {name}"
        what = "" if message is None else f"{style.kind_of(message)} "
        raise TraceError(f"no {what}message arrived in {where}: was one sent, and not lost?")
    return times


def _draw_curve(ax: Axes, times: Array, color: str, label: str | None) -> None:
    """Draw a curve from 0 to 100 %, with its quantiles marked."""
    shares = 100 * np.arange(1, len(times) + 1) / len(times)
    x = np.concatenate([times[:1], times, [1000 * max(times[-1], 1.0)]])
    y = np.concatenate([[0.0], shares, [100.0]])
    if label is not None:
        label = f"{label} ({_said(times)})"
    ax.step(x, y, where="post", color=color, lw=2, label=label, gid=_CURVE)
    for share, time in quantiles(times, MARKS).items():
        look: dict[str, Any] = {"edgecolor": style.PAPER, "lw": 0.8, "zorder": 3}
        ax.scatter([time], [100 * share], 42, color, marker=MARKS[share][0], **look)


def _said(times: Array) -> str:
    """Return what the quantiles are, in words."""
    found = quantiles(times, MARKS)
    return ", ".join(f"{MARKS[share][1]}: {_duration(time)}" for share, time in found.items())


def _duration(seconds: float) -> str:
    """Return a time as it is written beside a curve.

    >>> _duration(0.01234), _duration(2.5), _duration(0.00004)
    ('12.3 ms', '2.5 s', '0.04 ms')
    """
    return f"{seconds:.3g} s" if seconds >= 1 else f"{1000 * seconds:.3g} ms"


def _write_marks(ax: Axes, times: Array) -> None:
    """Write beside each mark which quantile it is: on the right, where the curve does not come."""
    for share, time in quantiles(times, MARKS).items():
        ax.annotate(
            f"{MARKS[share][1]}: {_duration(time)}",
            (time, 100 * share),
            xytext=(9, -4 if share < 0.9 else -13),
            textcoords="offset points",
            fontsize=style.SMALL,
            color=style.INK,
            path_effects=[withStroke(linewidth=2.5, foreground=style.PAPER)],
        )


def _dress(ax: Axes, longest: float, *, log: bool, is_first: bool) -> None:
    """Give the axes their limits and units, now that times up to `longest` have to fit in."""
    until = 1.3 * longest or 0.001  # with room for what is written beside the last mark
    if not is_first:
        until = max(until, ax.get_xlim()[1])
    if log:
        _stretch(ax, until)
    else:
        ax.set_xlim(-0.01 * until, until)
    ax.set_ylim(0, 104)
    ax.set_xlabel(f"time from sender to receiver ({style.seconds(ax.xaxis, until)})")
    style.curves(ax)


def _stretch(ax: Axes, until: float) -> None:
    """Let the axis of times be logarithmic, from the shortest time that is not zero."""
    times = np.concatenate([np.asarray(line.get_xdata(), dtype=float) for line in ax.lines])
    ax.set_xscale("log")
    ax.set_xlim(0.8 * float(times[times > 0].min(initial=until / 10)), until)
