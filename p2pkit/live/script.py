"""The script: what happened, event by event, as the player in the browser reads it.

Each event is a short list, [seconds, what, …], in which nodes, kinds and texts are numbers:

    [0.25, "s", 3, 7, 0, 12, 5]       n3 sends n7 a message of kind 0, its 12th, which reads texts[5]

`WORDS` lists them all. Where there is more than a person could see, a part is left out: of the
messages all but one in so many, except those by which a node first heard of something; of other
events about the same thing those between which no time passes on the screen.
"""

from collections import OrderedDict
from collections.abc import Iterable
from itertools import islice
from typing import Any

import msgspec

from p2pkit.errors import shortened
from p2pkit.live.looks import rows
from p2pkit.live.stage import Stage, pair, rounded
from p2pkit.trace import Event

WORDS = {
    "s": "a message leaves: from, to, kind, serial, text",
    "r": "it arrives: at, from (-1: told from outside), kind, serial, text",
    "d": "it goes no further: who noticed, the other, kind, serial, text, reason",
    "c": "a connection is up: a, b (each end says so)",
    "x": "a connection is gone: a, b, reason (likewise)",
    "+": "a node starts, or starts again: node",
    "-": "a node goes: node, crash or leave",
    "p": "a node is paused: node",
    "q": "a node is resumed: node",
    "l": "a node logs something: node, text",
    "e": "a node's own code has raised: node, text",
    "u": "a node dials in vain: node, text",
    "w": "a node looks different: node, look",
    "n": "a new node: number, name, x, y",
    "m": "nodes move: [number, x, y] for each",
    "k": "a link is cut, or mended: a, b, 1 or 0",
}
"""The words of the player's events, and what follows them."""

MESSAGES = ("send", "receive", "drop")

TEXT = 120
"""Characters of a message that are shown."""

LARGE = 65_536
"""Bytes of a message from which on only its beginning is looked at."""

MOST_TEXTS = 10_000
"""Different messages whose numbers are remembered: who says an older one again starts a new number."""

MOST_RUMORS = 100
"""Different messages for which it is known who has heard them: those that came last."""

BUCKETS = 256
"""Moments of a long history between which nothing is told apart, to begin with."""

Line = list[Any]


class Script:
    """Turns events into what the player reads, and keeps the numbers of kinds and texts."""

    def __init__(self, stage: Stage) -> None:
        self.kinds: list[str] = []
        self.every = 1  # of so many messages, one was shown in the last batch
        self._stage = stage
        self._numbers = stage.numbers.of
        self._texts: OrderedDict[bytes, int] = OrderedDict()
        self._number = 0  # of the next text
        self._new: list[str] = []  # texts that the player does not know yet
        self._heard: OrderedDict[bytes, set[str]] = OrderedDict()

    def batch(self, events: list[Event], most: int) -> dict[str, Any]:
        """Return events as the player reads them, about `most` messages and `most` others."""
        known = len(self.kinds)
        chosen = self._chosen(events, most)
        lines = [line for event in chosen for line in self.lines(event)]
        batch: dict[str, Any] = {"type": "events", "texts": self._new, "events": lines}
        if len(self.kinds) > known:
            batch["kinds"] = self.kinds
        self._new = []
        return batch

    def lines(self, event: Event) -> Iterable[Line]:
        """Yield what the player reads of an event, and let the stage follow."""
        stage, known = self._stage, len(self._stage.numbers.names)
        stage.take(event)
        time = round(event.time, 6)
        if len(stage.numbers.names) > known:
            place = rounded(stage.places[event.node])
            yield [time, "n", known, event.node, *place]
        at = self._numbers.get(event.node)
        if at is None:
            return
        if event.kind in MESSAGES:
            line = self._message(event, at)
        elif event.kind in ("connect", "disconnect"):
            line = self._link(event, at)
        else:
            line = self._other(event, at)
        if line:
            yield [time, *line]

    # Which events

    def _chosen(self, events: list[Event], most: int) -> list[Event]:
        """Leave out events, but none that somebody would miss."""
        messages = [event for event in events if event.kind in MESSAGES]
        heard = self._first(messages)
        self.every = 1
        while len(messages) > self.every * most:
            self.every *= 2
        others = len(events) - len(messages)
        if self.every == 1 and others <= most:
            return events
        first = set(islice(heard, most // 2))
        kept = _thinned([event for event in events if event.kind not in MESSAGES], most)
        return [
            event
            for event in events
            if (
                (event.serial % self.every == 0 or _way(event) in first)
                if event.kind in MESSAGES
                else id(event) in kept
            )
        ]

    def _first(self, messages: list[Event]) -> dict[tuple[Any, ...], None]:
        """Return the ways by which nodes first heard a message, in order."""
        first: dict[tuple[Any, ...], None] = {}
        for event in messages:
            if event.data is None or event.kind == "drop":
                continue
            heard = self._heard.setdefault(event.data, set())
            if event.node not in heard:
                heard.add(event.node)
                first[_way(event)] = None
            if len(self._heard) > MOST_RUMORS:
                self._heard.popitem(last=False)
        return first

    # How they are said

    def _message(self, event: Event, at: int) -> Line | None:
        other = -1 if event.peer is None else self._numbers.get(event.peer)
        if other is None:
            return None
        kind = self._kind(event.message)
        if event.kind == "send":
            return ["s", at, other, kind, event.serial, self._text(event.data)]
        if event.kind == "receive":
            return ["r", at, other, kind, event.serial, self._text(event.data)]
        return ["d", at, other, kind, event.serial, self._text(event.data), event.reason]

    def _link(self, event: Event, at: int) -> Line | None:
        other = self._numbers.get(event.peer or "")
        if other is None:
            return None
        return ["c", at, other] if event.kind == "connect" else ["x", at, other, event.reason]

    def _other(self, event: Event, at: int) -> Line | None:
        if event.kind == "state":
            look = dict(self._stage.looks.get(event.node, {}))
            look["state"] = rows({k: v for k, v in event.value.items() if k != "look"})
            return ["w", at, look]
        word = _OTHERS.get(event.kind)
        if word is None:
            return None
        if word in "+pq":
            return [word, at]
        said = event.kind if word == "-" else str(event.value if word == "l" else event.reason)
        return [word, at, shortened(said, TEXT)]

    def _kind(self, message: str | None) -> int:
        if message is None:
            return -1
        if message not in self.kinds:
            self.kinds.append(message)
        return self.kinds.index(message)

    def _text(self, data: bytes | None) -> int:
        """Return the number of the text of a message."""
        if data is None:
            return -1
        number = self._texts.get(data)
        if number is None:
            number = self._texts[data] = self._number
            self._number += 1
            self._new.append(spelled(data))
            if len(self._texts) > MOST_TEXTS:
                self._texts.popitem(last=False)
        return number


_OTHERS = {
    "start": "+",
    "crash": "-",
    "leave": "-",
    "pause": "p",
    "resume": "q",
    "log": "l",
    "error": "e",
    "unreachable": "u",
}


def spelled(data: bytes) -> str:
    """Return a message as a person would write it, from its bytes, the end left out if it is long.

    >>> spelled(b'["Rumor",{"text":"hello"}]')
    "Rumor(text='hello')"
    """
    try:
        value = msgspec.json.decode(data) if len(data) <= LARGE else None
    except (msgspec.DecodeError, RecursionError):  # a stranger's bytes, that nobody understood
        value = None
    if not (isinstance(value, list) and len(value) == 2 and isinstance(value[1], dict)):
        return shortened(data[: 4 * TEXT].decode(errors="replace"), TEXT)
    kind, fields = value
    return shortened(f"{kind}({', '.join(f'{k}={v!r}' for k, v in fields.items())})", TEXT)


def _way(event: Event) -> tuple[Any, ...]:
    """Return what a message's events have in common: sender, serial number and receiver."""
    if event.kind == "send":
        return event.node, event.serial, event.peer
    return event.peer, event.serial, event.node


def _thinned(events: list[Event], most: int) -> set[int]:
    """Return the ids of the events to keep: about each thing the last one in each moment."""
    if len(events) <= most:
        return {id(event) for event in events}
    begin, span = events[0].time, max(events[-1].time - events[0].time, 1e-9)
    buckets = BUCKETS
    while True:
        last = {
            (_subject(event), int((event.time - begin) / span * buckets)): id(event)
            for event in events
        }
        if len(last) <= most or buckets == 1:
            return set(last.values())
        buckets //= 2


def _subject(event: Event) -> tuple[str, ...]:
    """Return what an event is about: events about the same thing can stand for each other."""
    if event.kind in ("connect", "disconnect"):
        return ("link", *pair(event.node, event.peer or ""))
    if event.kind in ("state", "log", "unreachable", "error"):
        return event.kind, event.node
    return "life", event.node
