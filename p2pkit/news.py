"""News: what happens at a node, or what many nodes log, in lines for the person who watches.

>>> trace = Trace()
>>> news = News(trace, at_a_node)
>>> trace.add(1.5, "connect", "ann", "bob")
>>> news.lines(), news.lines()
(['    1.50 s  bob is connected'], [])
"""

from collections.abc import Callable
from typing import Any

from p2pkit.terminal import printable, short
from p2pkit.trace import Event, Trace

MOST_NEWS = 20
"""Lines of news at a time, at most: nobody reads a hundred a second."""


class News:
    """What has happened since one last asked, in lines for a person.

    tell: what to say of an event, or nothing: `at_a_node` or `logged`.
    """

    def __init__(self, trace: Trace, tell: Callable[[Event], str]) -> None:
        self._trace = trace
        self._tell = tell
        self._seen = 0

    def lines(self) -> list[str]:
        """Return what is new."""
        events = list(self._trace.since(self._seen))
        self._seen += len(events)
        told = [line for event in events if (line := self._line(event))]
        left = len(told) - MOST_NEWS
        return told[:MOST_NEWS] + ([f"{'':11}… and {left:,} more"] if left > 0 else [])

    def _line(self, event: Event) -> str:
        what = self._tell(event)
        return f"{event.time:8.2f} s  {short(printable(what), 110)}" if what else ""


def logged(event: Event) -> str:
    """Say which node has logged what, and nothing of other events."""
    return f"{event.node}: {event.value}" if event.kind == "log" else ""


def at_a_node(event: Event) -> str:
    """Return an event as a person would tell it, or nothing if it is not worth it."""
    what = ""
    if event.kind == "connect":
        what = f"{event.peer} is connected"
    elif event.kind == "disconnect":
        what = f"{event.peer} is gone: {event.reason}"
    elif event.kind == "receive" and event.peer is not None:
        what = f"{event.peer}: {_flatten(event.value)}"
    elif event.kind == "unreachable":
        what = f"cannot connect to {event.reason}"
    elif event.kind == "drop":
        what = f"dropped, {event.peer or 'a stranger'}: {event.reason}"
    elif event.kind == "log":
        what = f"log: {event.value}"
    return what


def _flatten(value: Any) -> str:
    """Return the value of a message in a trace as a person would write it.

    >>> _flatten(["Rumor", {"text": "hello", "hops": 1}])
    "Rumor text='hello' hops=1"
    """
    kind, fields = value
    return " ".join([kind, *(f"{name}={field!r}" for name, field in fields.items())])
