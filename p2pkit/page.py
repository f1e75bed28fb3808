"""Pages: text and tables as HTML, for notebooks.

It is plain HTML without a colour of its own, so it can be read on light and dark pages, and on web
pages that take styles away. What is shown may come from strangers, so all of it appears as text:

    >>> text("<b>bold</b>")
    '&lt;b&gt;bold&lt;/b&gt;'
"""

from collections.abc import Iterable
from html import escape

from p2pkit.errors import harmless

Rows = Iterable[tuple[str, str]]


def page(title: str, *parts: str) -> str:
    """Return a title with parts below it; all of them are HTML already."""
    return f"<div><div>{title}</div>{''.join(parts)}</div>"


def facts(rows: Rows) -> str:
    """Return a table of a word and what is to be said about it."""
    return table([], [[word, said] for word, said in rows])


def table(head: list[str], rows: list[list[str]], below: str = "") -> str:
    """Return a table of texts, with a line of text below; nothing if there are no rows."""
    if not rows:
        return ""
    lines = [_row("th", head)] if head else []
    lines += [_row("td", row) for row in rows]
    note = f"<div>{text(below)}</div>" if below else ""
    return f'<table style="margin:0.5em 0">{"".join(lines)}</table>{note}'


def _row(tag: str, cells: Iterable[str]) -> str:
    style = 'style="text-align:left;vertical-align:top"'  # notebooks put them right
    return f"<tr>{''.join(f'<{tag} {style}>{text(cell)}</{tag}>' for cell in cells)}</tr>"


def text(text: str) -> str:
    """Return any text as it can stand in HTML, with its odd characters spelled out."""
    return escape(harmless(text))
