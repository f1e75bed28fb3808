"""The HTML around the player: one document that holds all it needs, and asks nobody for anything."""

import json
from collections.abc import Iterable
from html import escape
from typing import Any

from p2pkit.live import bundle

DOCUMENT = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{title}</title>
<style>
body {{ margin: 0; background: #fff }}
.without {{ margin: 14px; font: 14px/1.4 system-ui, sans-serif }}
.without img {{ max-width: 100% }}
{style}
</style>
</head>
<body>
<div id="view" class="p2pkit-full"></div>
<noscript><div class="without">{without}</div></noscript>
<script type="application/json" id="script">{script}</script>
<script type="module">
{module}
{home}
</script>
</body>
</html>
"""

POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; "
    "connect-src {connect}"
)
"""What the browser allows this page: its own lines, and at most a connection to where it came from."""


def document(
    title: str, home: str, *, script: Iterable[Any] = (), without: str = "", connect: str = "'none'"
) -> str:
    """Return a page with the player in it.

    home: JavaScript that calls `mount`. script: messages for the player. without: HTML for browsers
    without JavaScript. connect: where the page may open connections to.
    """
    return DOCUMENT.format(
        policy=POLICY.format(connect=connect),
        title=escape(title),
        style=bundle.style(),
        without=without,
        script=embedded(list(script)),
        module=bundle.module(),
        home=home,
    )


def embedded(value: Any) -> str:
    """Return JSON that can stand in a script element: no text in it can end that.

    >>> embedded("</script>")
    '"\\\\u003c/script>"'
    """
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=True)
    return text.replace("<", "\\u003c")
