"""Comparing traces: where do two runs part?

    real = Trace.load("ring.jsonl")                  # from a LocalNetwork, or from five laptops
    difference = check.compare(real, net.trace)      # None, or the first difference
    assert difference is None, difference

Two simulations with the same seed are alike event for event, times included: `by="run"`. Real nodes
are never so: their clocks differ, and which of two messages that are under way at the same time
arrives first is a matter of luck. What can be alike is what each node went through, in its own
order, without the times: `by="node"`. Where a node hears from several peers, their order is luck
too, and what can be alike is what went on between each two nodes: `by="link"`; that still tells
apart whom a node has written to, and what.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Literal

import msgspec

from p2pkit.check.words import MOST_EVENTS, told
from p2pkit.trace import Event, Trace

By = Literal["run", "node", "link"]

Track = tuple[str, ...]
"""What events are compared along: () for the run, (node,), or (node, peer)."""


@dataclass(frozen=True, repr=False)
class Difference:
    """The first difference of two traces, along some track.

    track: names: none, a node, or a node and its peer. index: the number of the event on this
    track, from 0. first, second: the events; None where a trace has no more. before: the last
    events, of the first trace, that were still alike.
    """

    track: Track
    index: int
    first: Event | None
    second: Event | None
    before: tuple[Event, ...]

    def __str__(self) -> str:
        where = {0: "", 1: " at {}", 2: " at {}, with {}"}[len(self.track)].format(*self.track)
        rows = [f"the traces differ at event {self.index}{where} (the first is event 0):"]
        rows += [f"  both    {_line(event)}" for event in self.before]
        lines = [_line(event) for event in (self.first, self.second)]
        if lines[0] == lines[1]:  # it is in the details
            lines = [str(event) for event in (self.first, self.second)]
        rows += [f"  first   {lines[0]}", f"  second  {lines[1]}"]
        return "\n".join(rows)

    __repr__ = __str__  # so that a cell of a notebook shows it like that


def compare(first: Trace, second: Trace, *, by: By = "node") -> Difference | None:
    """Return the first difference of two traces, or None.

    by: "run": event by event, with times and all. "node": the events of each node in their order,
    without what differs between any two runs on real sockets: times, addresses, running numbers,
    how a connection ended, and what follows the colon in the reason of a drop or an error. "link":
    the same, for each node and each peer. Of several tracks that differ, the one is shown that does
    so first.

    Raises TraceError when the events were not kept, and ValueError for another `by`.
    """
    if by not in _TRACKS:
        raise ValueError(f'by={by!r}: traces are compared by "run", by "node" or by "link"')
    key = _exactly if by == "run" else _roughly
    ours, theirs = _tracks(first, _TRACKS[by]), _tracks(second, _TRACKS[by])
    found = [
        difference
        for track in dict.fromkeys([*ours, *theirs])
        if (difference := _part(track, ours.get(track, []), theirs.get(track, []), key))
    ]
    return min(found, key=_when, default=None)


_TRACKS: dict[str, Callable[[Event], Track]] = {
    "run": lambda event: (),
    "node": lambda event: (event.node,),
    "link": lambda event: (event.node, event.peer) if event.peer else (event.node,),
}


def _tracks(trace: Trace, track: Callable[[Event], Track]) -> dict[Track, list[Event]]:
    tracks: dict[Track, list[Event]] = {}
    for event in trace:
        tracks.setdefault(track(event), []).append(event)
    return tracks


def _part(
    track: Track, ours: list[Event], theirs: list[Event], key: Callable[[Event], object]
) -> Difference | None:
    """Find where two sequences of events part."""
    for index, (one, other) in enumerate(zip_longest(ours, theirs)):
        if one is None or other is None or (one != other and key(one) != key(other)):
            before = ours[max(0, index - MOST_EVENTS) : index]
            return Difference(track, index, one, other, tuple(before))
    return None


def _when(difference: Difference) -> float:
    """Return when the first trace differs; the clock of the second may be another."""
    event = difference.first or difference.second
    assert event is not None
    return event.time


def _line(event: Event | None) -> str:
    return f"{event.time:.9g} s  {told(event)}" if event else "nothing more"


def _exactly(event: Event) -> object:
    return event


def _roughly(event: Event) -> object:
    """Return what two runs of the same story have in common."""
    data = event.data
    if data is not None and b'"address"' in data:
        data = msgspec.json.encode(_without_addresses(event.value))
    reason = event.cause if event.kind in ("drop", "error") else None
    return event.kind, event.peer, event.message, data, reason


def _without_addresses(value: Any) -> Any:
    """Leave the address out of every contact: another run has other ports."""
    match value:
        case {"id": _, "address": _}:
            return {**value, "address": None}
        case dict():
            return {name: _without_addresses(part) for name, part in value.items()}
        case list():
            return [_without_addresses(part) for part in value]
    return value
