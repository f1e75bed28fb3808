"""The animation: a run as a film, in which messages are dots that move and nodes change colour.

    plot.animate(net, "run.gif")
    plot.animate(net.trace, "run.mp4", message=Rumor("hello"), seconds=12)
    plot.animate(net, "run.gif", color=lambda node: "orange" if node.heard else "grey")

A film needs nothing to be looked at: no JavaScript, no kernel. It is drawn from a trace, so any
run will do, simulated or real, and one that was saved. All of it fits into the seconds that are
given: what takes milliseconds is slow motion, and messages that are faster than the eye are slowed
down until they can be seen. A color as in the last line is a function of what the network's
`watch=lambda node: {"heard": …}` has recorded.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from p2pkit.errors import TraceError
from p2pkit.layout import Array
from p2pkit.plot.film import Picture, need_format, write
from p2pkit.plot.flights import need_events
from p2pkit.plot.moving import Moving
from p2pkit.plot.reel import scene_in
from p2pkit.plot.scene import Layout, places_of
from p2pkit.progress import Progress
from p2pkit.stats.traffic import What
from p2pkit.trace import Trace

STILL = 0.8
"""Seconds that the last picture stays."""

SEEN = 4
"""Pictures in which each message is under way, at least."""


def animate(
    source: Any,
    path: str | os.PathLike[str],
    *,
    message: What | Sequence[What] | None = None,
    color: Callable[[Any], Any] | None = None,
    seconds: float = 8.0,
    fps: int = 20,
    start: float | None = None,
    end: float | None = None,
    layout: Layout | None = None,
    captions: Mapping[float, str] | None = None,
) -> Path:
    """Write a film of a run into a .gif or .mp4 file, of a network or of a trace; return its path.

    message: nodes that have it are orange: one message, or a class of messages or its name, or up to
    three of these in a list, each with a colour of its own. Without it, it is the first that a node
    was told. color: a function of a node's recorded state instead, as in `plot.topology`. seconds:
    how long the film is; fps: its pictures a second. start, end: the part of the run that is shown,
    in seconds since the network started. layout: as in `plot.topology`. captions: what is written
    above the picture from which moment of the run on. Raises TraceError for a trace without events or
    states, and P2PKitError for a path that cannot be written, or for .mp4 without ffmpeg.
    """
    path = Path(path)
    need_format(path)
    trace = source if isinstance(source, Trace) else source.trace
    need_events(trace)
    times = _times(trace, start, end, seconds, fps)
    scene = scene_in(source, trace)
    film = Moving(scene, places_of(scene, layout), trace, SEEN * (times[1] - times[0]))
    film.paint(trace, message, color)
    with Progress(len(times), "pictures") as progress:
        pictures = _counted(film.pictures(times, captions or {}), progress)
        write(path, pictures, fps, film.palette)
    return path


def _times(trace: Trace, start: float | None, end: float | None, seconds: float, fps: int) -> Array:
    """Return the moment of the run that each picture shows."""
    if not (seconds > 0 and fps > 0):
        raise ValueError(f"seconds={seconds}, fps={fps}: a film needs more than none of them")
    moments = [event.time for event in trace if event.kind not in ("start", "connect")]
    pictures = max(SEEN + 2, round(seconds * fps))
    still = min(round(STILL * fps), pictures // 4)
    low = start if start is not None else 0.0
    last = max(max(moments, default=1.0), low + 1e-3)
    # Some more time, for the messages that are slowed down to arrive.
    more = (last - low) * SEEN / max(1, pictures - still - SEEN)
    high = end if end is not None else last + more
    if not low < high:
        raise TraceError(f"start={start}, end={end}: the end must come after the start")
    return np.append(np.linspace(low, high, pictures - still), np.full(still, high))


def _counted(pictures: Iterator[Picture], progress: Progress) -> Iterator[Picture]:
    for picture in pictures:
        yield picture
        progress.step()
