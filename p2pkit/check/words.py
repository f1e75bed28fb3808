"""Words: how all checks speak of values, events and networks.

A failure is read by somebody who wants to know what happened, so every line is short, values are
cut where they become long, and what is said does not depend on the order of a set.

>>> shown({"b", "a"}), shown("x" * 100, most=10)
("{'a', 'b'}", "'xxxxxxxx…")
>>> listed(["n1", "n2", "n3"], most=2)
'n1, n2 and 1 more'
"""

from collections.abc import Iterable, Sequence

from p2pkit.check.views import Ghost, is_exact
from p2pkit.errors import harmless, shortened
from p2pkit.network import Network
from p2pkit.protocol import Protocol
from p2pkit.trace import Event

MOST_NAMES = 6
"""Nodes that are listed by name; the others are only counted."""

MOST_EVENTS = 3
"""Events that are shown before the one that matters."""

ALIKE = 20
"""Characters that two long values may share before the place where they differ."""


def shown(value: object, most: int = 80) -> str:
    """Return a value as Python writes it, cut if it is long; a node is shown by its name."""
    if isinstance(value, Protocol | Ghost):
        return value.id
    if isinstance(value, set | frozenset) and value:
        return shortened("{" + ", ".join(sorted(map(repr, value))) + "}", most)
    return shortened(repr(value), most)


def apart(texts: Sequence[str], most: int = 60) -> list[str]:
    """Cut texts so that one sees where they differ.

    >>> apart(["0123456789" * 9 + "a", "0123456789" * 9 + "b"])
    ['…01234567890123456789a', '…01234567890123456789b']
    """
    columns = enumerate(zip(*texts, strict=False))
    same = next((place for place, column in columns if len(set(column)) > 1), min(map(len, texts)))
    if max(map(len, texts)) <= most or same <= ALIKE:
        return [shortened(text, most) for text in texts]
    return [shortened("…" + text[same - ALIKE :], most) for text in texts]


def listed(names: Iterable[str], most: int = MOST_NAMES) -> str:
    """Return names in a row, those above `most` only counted."""
    names = list(names)
    left = len(names) - most
    return ", ".join(names[:most]) + (f" and {left:,} more" if left > 0 else "")


def told(event: Event) -> str:
    """Return an event in words, without its time.

    >>> told(Event(0.5, "send", "n0", "n1", "Rumor", data=b'["Rumor",{"text":"hello"}]'))
    "n0 sends n1 Rumor(text='hello')"
    >>> told(Event(0.5, "disconnect", "n0", "n1", reason="silent for 5 s"))
    'n0 disconnect n1: silent for 5 s'
    """
    what = ""
    if event.message is not None:
        what = _message(event)
    elif event.data is not None:
        what = shortened(str(event.value))
    match event.kind:
        case "send":
            text = f"{event.node} sends {event.peer} {what}"
        case "receive" if event.peer is None:
            text = f"{event.node} is told {what}"
        case "receive":
            text = f"{event.node} receives {what} from {event.peer}"
        case _:
            text = " ".join(filter(None, [event.node, event.kind, event.peer, what]))
    return harmless(f"{text}: {event.reason}" if event.reason else text)


def line(event: Event) -> str:
    """Return an event and its time."""
    return f"{event.time:.3f} s  {told(event)}"


def _message(event: Event) -> str:
    match event.value:
        case [str(kind), dict(fields)]:
            given = ", ".join(f"{name}={value!r}" for name, value in fields.items())
            return shortened(f"{kind}({given})")
        case _:
            return event.message or ""


def again(net: Network) -> str:
    """Return the line that repeats what happened in a network."""
    text = f"{type(net).__name__}({net.protocol.__name__}, …, seed={net.seed})"
    if is_exact(net):
        return text
    return f"{text}, but real time never repeats itself; SimNetwork does"


def report(headline: str, lines: Iterable[str] = (), **labelled: Iterable[str]) -> str:
    """Return the text of a failure: what happened, then lines about it, some under a label."""
    rows = [headline, *(f"  {text}" for text in lines)]
    for label, texts in labelled.items():
        for number, text in enumerate(texts):
            rows.append(f"  {'' if number else label:<7} {text}")
    return "\n".join(rows)
