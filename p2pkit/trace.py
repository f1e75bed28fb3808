"""The trace: what happened, in order. Plots, statistics, checks and replays read it.

Every network has one, as `net.trace`; iterating over it gives events:

    >>> trace = Trace()
    >>> trace.add(0.0, "send", "n0", peer="n1", message="Rumor", size=23, serial=1)
    >>> trace.add(0.1, "receive", "n1", peer="n0", message="Rumor", size=23, serial=1)
    >>> for event in trace:
    ...     print(event.time, event.kind, event.node, event.peer, event.id)
    0.0 send n0 n1 n0:1
    0.1 receive n1 n0 n0:1
    >>> trace.count(kind="send"), [event.node for event in trace.where(kind="receive")]
    (1, ['n1'])

A trace is saved as JSON lines, one event a line, the same for every kind of network. A line has
the keys time (seconds since the start), kind, node, and where they mean something peer, message,
size (bytes), id (the same in a send and its receive), reason, and data: a message as its [kind,
fields], a log's text, a state.
"""

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from math import inf
from operator import itemgetter
from typing import Any, Literal, NamedTuple

import msgspec

from p2pkit.errors import TraceError
from p2pkit.message import Message, encode
from p2pkit.show import trace_html
from p2pkit.tables import frame

KINDS = {
    "start": "a node began, or began again after a crash",
    "connect": "a node has a new peer",
    "send": "a node said a message to a peer",
    "receive": "a node was told a message, by a peer or from outside (then without a peer)",
    "drop": "a message, or a stranger's bytes, went no further; the reason says why",
    "disconnect": "a node lost a peer; the reason says how",
    "unreachable": "a node dialled an address in vain; the reason says why",
    "crash": "a node lost everything but its disk",
    "leave": "a node said goodbye",
    "pause": "a node was frozen",
    "resume": "a node was thawed",
    "log": "a protocol wrote something down, in data",
    "error": "a protocol's own code raised; the reason says what",
    "state": "what `watch` returned has changed; data has it all",
}
"""The kinds of events."""

REASONS = {
    "lost": "the link lost it, as it was asked to",
    "cut": "the link was cut, or a partition ran through it",
    "no such peer": "it was for a node that is not among the peers",
    "node is down": "it was on its way when one of its nodes went down",
    "unreachable": "it was for a contact that could not be dialled",
    "not understood": "its bytes are no message that the receiver handles",
    "too large": "its frame, or all that a node had to keep for strangers, was above the limit",
    "slow reader": "more was waiting for this peer than may wait",
    "nobody asked": "it answers a question that was not asked, or whose time was up",
    "refused": "a stranger's connection did not begin as it should",
}
"""The reasons of drops: what stands before the colon in an event's reason."""

_AT_RECEIVER = {"not understood", "nobody asked"}  # all other drops are the sender's to record

MAX_EVENTS = 2_000_000
"""Events that a network on real sockets records; from there on they are only
counted."""

DATA_BYTES = 256
"""Bytes of data that an event may have on average: a few hundred large messages fill the memory, too."""

Record = Literal["all", "counts"]

Key = tuple[str, str | None, str | None, str]
"""What events are counted by: kind, message, reason, node."""

Row = tuple[Any, ...]
"""An event as it is kept: a plain tuple of the fields of `Event`."""

Tallies = dict[Key, list[int]]
"""Number and bytes of events that were only counted."""


_COUNTED_BY = itemgetter(1, 4, 8, 2)  # of a row: kind, message, reason, node


def _nothing() -> None:
    pass


class Event(NamedTuple):
    """One thing that happened."""

    time: float
    kind: str
    node: str
    peer: str | None = None
    message: str | None = None
    size: int = 0
    serial: int = 0
    data: bytes | None = None
    reason: str | None = None

    @property
    def id(self) -> str | None:
        """What ties a `receive` or `drop` to its `send`: the sender and its running number."""
        if not self.serial:
            return None
        arrived = self.kind == "receive" or self.cause in _AT_RECEIVER
        return f"{self.peer if arrived else self.node}:{self.serial}"

    @property
    def cause(self) -> str | None:
        """What stands before the colon in the reason: for a drop, a key of `REASONS`."""
        return self.reason.partition(":")[0] if self.reason else None

    @property
    def value(self) -> Any:
        """The data as Python values: [kind, fields] of a message, the text of a log, the dict of a
        state."""
        return None if self.data is None else msgspec.json.decode(self.data)


class Trace:
    """What happened in a network, in order.

    record="counts" keeps no events, only how many there were, for runs too large for memory.
    most: events that are kept at the most, and 256 bytes of data for each on average; those after are
    only counted.
    """

    def __init__(self, record: Record = "all", *, most: int | None = None) -> None:
        if record not in ("all", "counts"):
            raise TraceError(
                f'record={record!r}: "all" keeps every event, "counts" only their numbers'
            )
        self.record = record
        self.most = 0 if record == "counts" else most
        self._room = inf if self.most is None else self.most * DATA_BYTES
        self._is_open = self.most != 0
        self.catch_up: Callable[[], object] = _nothing  # called before anybody reads
        self._events: list[Row] = []
        self._tallies: Tallies = {}  # of the events not kept
        self._drops: Counter[str] = Counter()

    def add(
        self,
        time: float,
        kind: str,
        node: str,
        peer: str | None = None,
        message: str | None = None,
        size: int = 0,
        serial: int = 0,
        data: bytes | None = None,
        reason: str | None = None,
    ) -> None:
        """Record one event; the parameters are the fields of `Event`."""
        if self._is_open:
            self._events.append((time, kind, node, peer, message, size, serial, data, reason))
            if self.most is not None:
                self._fill(size)
        else:
            cause = reason.partition(":")[0] if reason else None
            tally = self._tallies.get((kind, message, cause, node))
            if tally is None:
                tally = self._tallies[kind, message, cause, node] = [0, 0]
            tally[0] += 1
            tally[1] += size
        if kind == "drop" and reason:
            self._drops[reason.partition(":")[0]] += 1

    def add_each(
        self,
        time: float,
        kind: str,
        node: str,
        peers: Sequence[str],
        message: str,
        size: int,
        serial: int,
        data: bytes,
    ) -> None:
        """Record one event for each of several peers, of which nothing else differs."""
        if self._is_open and self.most is None:
            self._events += [
                (time, kind, node, peer, message, size, serial, data, None) for peer in peers
            ]
        elif self._is_open:
            for peer in peers:
                self.add(time, kind, node, peer, message, size, serial, data)
        elif peers:
            self._count((kind, message, None, node), len(peers), len(peers) * size)

    def tally(self, kind: str, message: str, node: str) -> list[int] | None:
        """Return the number and the bytes of some events, for a hasty recorder to count up itself;
        None if events are kept."""
        return (
            None if self._is_open else self._tallies.setdefault((kind, message, None, node), [0, 0])
        )

    def _fill(self, size: int) -> None:
        """Take into account that one more event was kept."""
        self._room -= size
        if len(self._events) == self.most or self._room < 0:
            self._is_open = False

    def _count(self, key: Key, number: int, size: int) -> None:
        """Count events that are not kept."""
        tally = self._tallies.setdefault(key, [0, 0])
        tally[0] += number
        tally[1] += size

    # A trace whose events come from several processes: each has a part, and hands it over

    def take(self) -> tuple[list[Row], Tallies]:
        """Hand over what was recorded since the last time, and forget it."""
        taken = self._events, self._tallies
        self._events, self._tallies = [], {}
        self._room = inf if self.most is None else self.most * DATA_BYTES
        self._is_open = self.most != 0
        return taken

    def absorb(self, events: Iterable[Row], tallies: Tallies) -> None:
        """Add what another trace has handed over."""
        for event in events:
            self.add(*event)
        for key, (number, size) in tallies.items():
            self._is_open = False  # some events are missing: those after them are no sequence
            self._count(key, number, size)
            if key[0] == "drop" and key[2]:
                self._drops[key[2]] += number

    @property
    def is_full(self) -> bool:
        """Whether no more events are kept."""
        return not self._is_open

    def count_only(self) -> None:
        """Keep no more events from here on."""
        self.most = 0
        self._is_open = False

    # Reading

    def __iter__(self) -> Iterator[Event]:
        self._need_events("iterating over a trace")
        self.catch_up()
        return map(Event._make, islice(self._events, len(self._events)))

    def since(self, number: int) -> Iterator[Event]:
        """Iterate over the events after the first `number` ones: over what is new to a reader who
        has seen those."""
        self._need_events("trace.since")
        self.catch_up()
        return map(Event._make, self._events[number:])

    def __len__(self) -> int:
        """Return the number of events, recorded or only counted."""
        self.catch_up()
        return len(self._events) + sum(number for number, _ in self._tallies.values())

    @property
    def kept(self) -> int:
        """The number of events that were kept."""
        self.catch_up()
        return len(self._events)

    @property
    def is_complete(self) -> bool:
        """Whether every event was kept."""
        self.catch_up()
        return not self._tallies and self.record == "all"

    def where(
        self,
        *,
        kind: str | None = None,
        node: str | None = None,
        message: "str | type[Message] | Message | None" = None,
    ) -> Iterator[Event]:
        """Iterate over the events of a kind, at a node, of a message (its class, its kind's name,
        or itself).

        Raises TraceError when the events were not kept.
        """
        self._need_events("trace.where")
        name, data = _named(message)
        return (
            event
            for event in self
            if (kind is None or event.kind == kind)
            and (node is None or event.node == node)
            and (name is None or event.message == name)
            and (data is None or event.data == data)
        )

    def count(
        self,
        *,
        kind: str | None = None,
        node: str | None = None,
        message: "str | type[Message] | None" = None,
        reason: str | None = None,
    ) -> int:
        """Count the events of a kind, at a node, of a message (its class or its name), of a reason.

        Raises TraceError for one certain message when events were only counted.
        """
        name, data = _named(message)
        if data is not None:
            events = self.where(kind=kind, node=node, message=message)
            return sum(reason in (None, event.cause) for event in events)
        wanted = (kind, name, reason, node)
        return sum(
            number
            for key, number in self.counts().items()
            if all(want is None or want == have for want, have in zip(wanted, key, strict=True))
        )

    @property
    def drops(self) -> Counter[str]:
        """How many drops there were, by their reason."""
        self.catch_up()
        return self._drops

    def counts(self) -> Counter[Key]:
        """Return how many events there were by (kind, message, reason, node)."""
        self.catch_up()
        tallies = self._tallies.items()
        counted = Counter({key: number for key, (number, _) in tallies if number})
        rows = islice(self._events, len(self._events))
        for (kind, message, reason, node), number in Counter(map(_COUNTED_BY, rows)).items():
            cause = reason.partition(":")[0] if reason else None
            counted[kind, message, cause, node] += number
        return counted

    def size(self, kind: str = "send", *, message: "str | type[Message] | None" = None) -> int:
        """Return the sum of the sizes of all messages of a kind of event, in bytes: of one kind of
        messages, or of all."""
        self.catch_up()
        name, _ = _named(message)
        events = islice(self._events, len(self._events))
        kept = sum(
            int(event[5]) for event in events if event[1] == kind and name in (None, event[4])
        )
        return kept + sum(
            size
            for (what, about, _, _), (_, size) in list(self._tallies.items())
            if what == kind and name in (None, about)
        )

    def digest(self) -> str:
        """Return a fingerprint of all events: equal for two runs that went alike, event for
        event."""
        self._need_events("trace.digest")
        sha = hashlib.sha256()
        for line in self._lines():
            sha.update(line)
        return sha.hexdigest()

    def to_pandas(self) -> Any:
        """Return the events as a pandas DataFrame, one row an event, a column for each key of a
        saved line."""
        rows = [(*event[:6], event.id, event.value, event.reason) for event in self]
        columns = ["time", "kind", "node", "peer", "message", "size", "id", "data", "reason"]
        return frame({name: [row[place] for row in rows] for place, name in enumerate(columns)})

    # Files

    def save(self, path: "str | os.PathLike[str]") -> None:
        """Write the trace as JSON lines."""
        self._need_events("trace.save")
        with open(path, "wb") as file:
            file.writelines(self._lines())

    @classmethod
    def load(cls, path: "str | os.PathLike[str]") -> "Trace":
        """Read a trace that `save` has written. Raises TraceError for a file that holds something
        else."""
        trace = cls()
        with open(path, "rb") as file:
            for number, line in enumerate(file, start=1):
                try:
                    trace.add(*_from_line(line))
                except (ValueError, RecursionError, msgspec.MsgspecError) as error:
                    raise TraceError(
                        f"{os.fspath(path)}, line {number}: no event of a trace: {error}"
                    ) from None
        return trace

    def _lines(self) -> Iterator[bytes]:
        for event in self:
            row = event._asdict() | {"id": event.id, "data": msgspec.Raw(event.data or b"null")}
            del row["serial"]
            given = {
                key: value for key, value in row.items() if value not in (None, 0) or key == "time"
            }
            if event.data is None:
                del given["data"]
            yield msgspec.json.encode(given) + b"\n"

    def _need_events(self, what: str) -> None:
        if self.record == "counts":
            raise TraceError(
                f'{what} needs the events, and this network only counted them: make it with record="all"'
            )

    def __repr__(self) -> str:
        kinds: Counter[str] = Counter()
        for (kind, _, _, _), number in self.counts().items():
            kinds[kind] += number
        what = ", ".join(f"{number:,} {kind}" for kind, number in kinds.most_common())
        return f"<Trace of {len(self):,} events: {what}>" if kinds else "<Trace of no events>"

    def _repr_html_(self) -> str:
        return trace_html(self)


def _named(message: "str | type[Message] | Message | None") -> tuple[str | None, bytes | None]:
    """Return the name of a message's kind, and its bytes if one certain message is meant."""
    if message is None or isinstance(message, str):
        return message, None
    if isinstance(message, Message):
        return type(message).__name__, encode(message)
    return message.__name__, None


class _Line(msgspec.Struct):
    time: float
    kind: str
    node: str
    peer: str | None = None
    message: str | None = None
    size: int = 0
    id: str = ":0"
    data: msgspec.Raw = msgspec.Raw()
    reason: str | None = None


_LINE = msgspec.json.Decoder(_Line)


def _from_line(line: bytes) -> tuple[Any, ...]:
    read = _LINE.decode(line)
    serial = int(read.id.rpartition(":")[2])
    data = bytes(read.data) or None
    return (
        read.time,
        read.kind,
        read.node,
        read.peer,
        read.message,
        read.size,
        serial,
        data,
        read.reason,
    )
