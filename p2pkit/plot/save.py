"""A run as one HTML file that plays it, with no need of Python, of a server or of the internet.

plot.save(net.trace, "run.html")
"""

import os
from functools import partial
from pathlib import Path

from p2pkit.live.looks import Look, Looks
from p2pkit.live.replay import replay
from p2pkit.network import Network
from p2pkit.plot.live import still
from p2pkit.trace import Trace


def save(
    source: Network | Trace,
    path: str | os.PathLike[str],
    *,
    color: Look | None = None,
    size: Look | None = None,
    label: Look | None = None,
    speed: float | None = None,
) -> Path:
    """Write a page that plays what has happened, and return where it is.

    color, size, label, speed: as for `plot.live`. A long trace is sampled, and the page says so.
    Raises TraceError for a trace without events, or if the name does not end in .html.
    """
    looks = Looks(color, size, label)
    return replay(source, path, looks, speed, partial(still, source, looks))
