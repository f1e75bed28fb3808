"""The live view: a network to watch while it runs, and to act on; or what has happened, played again.

    net = LocalNetwork(Gossip, 50)
    plot.live(net)                                     # moves from now on, while cells run
    plot.live(net, color=lambda node: "orange" if node.heard else "grey")
    net.tell("n0", Rumor("hello"))

In a notebook it is a widget in the cell, elsewhere a page in the browser. Click a node to crash it.
"""

import io
import sys
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from p2pkit.live.feed import Feed
from p2pkit.live.looks import Look, Looks
from p2pkit.network import Network, NetworkWarning
from p2pkit.plot import style
from p2pkit.plot.topology import topology
from p2pkit.stats import arrivals
from p2pkit.trace import Trace

COLORS = 64
"""Colours of the picture that stands in for a live view: enough for smooth edges."""


class View:
    """What `plot.live` returns; `url` is where to watch, or None in a notebook."""

    def __init__(self, url: str | None, close: Callable[[], None]) -> None:
        self.url = url
        self.close = close

    def _ipython_display_(self) -> None:
        """Show nothing: what is to be seen is on the screen already."""


def live(
    source: Network | Trace,
    *,
    color: Look | None = None,
    size: Look | None = None,
    label: Look | None = None,
    speed: float | None = None,
) -> View:
    """Show a network while it runs, or what has happened in one that is closed or in a trace.

    Returns at once. color, size, label: functions of the node, as for `plot.topology`; without a
    color, nodes that have the message that is followed are orange. While a network runs, they are
    asked whenever a node has acted; for a trace, they are functions of the state that `watch=` has
    recorded. speed: seconds shown in a second: of virtual time in a simulation. A closed network, and a
    trace, are replayed.

    In a notebook this is a widget, with a picture for where there is no widget; elsewhere a page
    opens in the browser, at the `url` of what is returned, for as long as the program runs. Raises
    TraceError where events are only counted, and ImportError with the package that is missing.
    """
    looks = Looks(color, size, label)
    Feed(source)  # raises what is wrong with it
    if isinstance(source, Network) and looks and not source._closed:
        source.also_watch(looks)
    if _in_notebook():
        return _widget(source, looks, speed)
    return _page(source, looks, speed)


def _widget(source: Network | Trace, looks: Looks, speed: float | None) -> View:
    try:
        from p2pkit.live.widget import LiveView
    except ModuleNotFoundError as error:
        raise _missing(error) from None
    view = LiveView(source, looks, speed, partial(still, source, looks))
    view.show()
    return View(None, view.close)


def _page(source: Network | Trace, looks: Looks, speed: float | None) -> View:
    try:
        from p2pkit.live.page import Page, open_browser
    except ModuleNotFoundError as error:
        raise _missing(error) from None
    page = Page(source, looks, speed)
    if not open_browser(page.url):
        warnings.warn(
            f"no browser could be opened here: watch it at {page.url}", NetworkWarning, stacklevel=3
        )
    return View(page.url, page.close)


def _missing(error: ModuleNotFoundError) -> ImportError:
    package = str(error.name).partition(".")[0]
    return ImportError(
        f'the live view needs {package}: pip install "p2pkit[live]"; plot.save(trace, "run.html") '
        "makes a page that needs nothing"
    )


def _in_notebook() -> bool:
    """Tell whether this runs in a Jupyter kernel: in a terminal there is nowhere to draw."""
    shell = sys.modules.get("IPython")
    return shell is not None and hasattr(shell.get_ipython(), "kernel")


# The picture that stands in for it


def still(source: Network | Trace, looks: Looks) -> bytes:
    """Return a picture of how things are now, as the bytes of a PNG."""
    figure = Figure(figsize=(style.WIDTH, style.HEIGHT), layout="constrained")
    FigureCanvasAgg(figure)
    ax = figure.add_subplot()
    if isinstance(source, Network):
        topology(source, color=looks.color or _reached(source.trace), label=looks.label, ax=ax)
    else:
        topology(Feed(source).plan(), color=_reached(source, by=str), ax=ax)
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=100, bbox_inches="tight", pad_inches=0.1)
    return _small(file)


def _small(picture: io.BytesIO) -> bytes:
    """Return a picture with fewer colours: a notebook that stores it stays small."""
    file = io.BytesIO()
    with Image.open(picture) as image:
        image.convert("RGB").quantize(COLORS, Image.Quantize.MAXCOVERAGE).save(
            file, format="png", optimize=True
        )
    return file.getvalue()


def _reached(trace: Trace, by: Callable[[Any], str] = lambda node: str(node.id)) -> Look:
    """Return a colour for nodes that have the first message that was told or sent, or grey."""
    first = next((event for event in trace if event.kind in ("send", "receive")), None)
    if first is None or first.message is None or first.data is None:
        return lambda node: style.QUIET
    reached = arrivals(trace, first.message)
    return lambda node: style.REACHED if by(node) in reached else style.QUIET
