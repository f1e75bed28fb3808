"""The replay: a run as one HTML file, which any browser plays, offline and in ten years.

plot.save(net.trace, "run.html")
"""

import base64
import os
from collections.abc import Callable
from html import escape
from pathlib import Path

from p2pkit.errors import TraceError
from p2pkit.live.document import document
from p2pkit.live.feed import Feed
from p2pkit.live.looks import Looks
from p2pkit.network import Network
from p2pkit.trace import Trace

HOME = """
const player = mount(document.getElementById("view"), null);
for (const message of JSON.parse(document.getElementById("script").textContent)) player.receive(message);
"""


def replay(
    source: Network | Trace,
    path: str | os.PathLike[str],
    looks: Looks,
    speed: float | None,
    still: Callable[[], bytes] | None = None,
) -> Path:
    """Write a page that plays a run; return where it is.

    still: draws the end as the bytes of a PNG, for readers without JavaScript. Raises TraceError for
    a trace without events, and for another kind of file than .html.
    """
    place = Path(path)
    if place.suffix.lower() not in (".html", ".htm"):
        raise TraceError(
            f"{place.name}: a replay is a page, so its name ends in .html; plot.animate makes a .gif, "
            "and trace.save keeps the events themselves"
        )
    stage, events = Feed(source, looks, speed, as_replay=True).begin()
    if not events["events"]:
        raise TraceError("this trace has no events, so there is nothing to play")
    picture = _picture(still, str(stage["title"])) if still else ""
    without = f"<p>This page plays a run, with JavaScript, which is switched off here.</p>{picture}"
    text = document(f"{stage['title']}, replayed", HOME, script=[stage, events], without=without)
    place.write_text(text, encoding="utf-8")
    return place


def _picture(still: Callable[[], bytes], title: str) -> str:
    data = base64.b64encode(still()).decode()
    image = f'<img alt="{escape(title)}" src="data:image/png;base64,{data}">'
    return f"<p>This is how it ended:</p>{image}"
