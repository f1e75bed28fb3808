"""An excerpt: what of a trace is drawn as a timeline, chosen so that it can be read.

All of a small run; of a large one those nodes that messages reached first, and the time until so
many arrows are drawn. What is left out is counted, so that the picture can say so.
"""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from p2pkit.errors import TraceError
from p2pkit.plot.flights import Flight, flights, usual
from p2pkit.stats.traffic import What
from p2pkit.topology import name_of
from p2pkit.trace import Event, Trace

LINES = 20
"""Nodes that are drawn of a larger network: more names would not fit on a slide."""

ARROWS = 250
"""Messages that are drawn if nobody says until when: more arrows hide one another."""

WAY = 0.42
"""The share of its way that a lost message is drawn on. Half of it would often end on another line."""

ENDS = ("crash", "leave")
"""Events with which the life of a node ends, until it starts again."""

MARKS = ("start", "pause", "resume", "log", *ENDS)
"""Events of a node alone that are drawn."""


@dataclass
class Excerpt:
    """What of a trace is drawn."""

    rows: dict[str, int]  # the line of each node, from the top
    start: float
    end: float
    flights: list[Flight]
    events: list[Event]  # of the drawn nodes, but for their messages
    usual: float  # seconds that a message takes
    left_out: str

    @classmethod
    def of(
        cls,
        trace: Trace,
        nodes: Iterable[Hashable] | None,
        start: float | None,
        end: float | None,
        message: What | None,
    ) -> "Excerpt":
        """Choose what of a trace is drawn."""
        if start is not None and end is not None and not start < end:
            raise TraceError(f"start={start}, end={end}: the end must come after the start")
        names = known(trace)
        told = set(trace.where(kind="receive", message=message))
        events = [e for e in trace if _is_mark(e) and (e.kind != "receive" or e in told)]
        flown = sorted(flights(trace, message), key=lambda flight: flight.sent)
        chosen = (
            _first(names, flown, events) if nodes is None else [named_in(n, names) for n in nodes]
        )
        rows = {name: row for row, name in enumerate(dict.fromkeys(chosen))}
        events = [event for event in events if event.node in rows]
        some = [flight for flight in flown if flight.sender in rows and flight.receiver in rows]
        took = usual(flown, 0.0)
        low, high = _span(some, events, start, end, took)
        drawn = [f for f in some if f.sent <= high and f.until(took) >= low]
        left_out = _left_out((len(rows), len(names)), (len(drawn), len(flown)))
        return cls(rows, low, high, drawn, events, took or 0.1 * (high - low), left_out)

    def path(self, flight: Flight) -> tuple[float, float, float, float]:
        """Return where a message's line begins and ends: time, row, time, row."""
        here, there = self.rows[flight.sender], self.rows[flight.receiver]
        if flight.ended is not None and (flight.arrived or flight.ended > flight.sent):
            return flight.sent, here, flight.ended, there
        row = here + WAY * (there - here)
        return flight.sent, here, flight.sent + WAY * self.usual, row

    def seen(self) -> list[Event]:
        """Return the events in the time that is drawn."""
        return [event for event in self.events if self.start <= event.time <= self.end]


def known(trace: Trace) -> list[str]:
    """Return the names of all nodes, as they started; then those that are only spoken of."""
    events = [event for event in trace if event.kind in ("start", "send", "receive")]
    return list(dict.fromkeys(e.node for e in sorted(events, key=lambda e: e.kind != "start")))


def named_in(node: Hashable, names: list[str]) -> str:
    """Return the name of a node of a trace. Raises TraceError if it is none of these names."""
    name = name_of(node)
    if name not in names:
        near = get_close_matches(name, names, n=1)
        hint = f"did you mean {near[0]}?" if near else f"its nodes are {', '.join(names[:3])}, …"
        raise TraceError(f"there is no node {name} in this trace: {hint}")
    return name


def _is_mark(event: Event) -> bool:
    return event.kind in MARKS or is_told(event)


def is_told(event: Event) -> bool:
    """Tell whether a node was told a message from outside."""
    return event.kind == "receive" and event.peer is None


def _first(names: list[str], flown: list[Flight], events: list[Event]) -> list[str]:
    """Return all nodes, or those of many to which something happened first."""
    if len(names) <= LINES:
        return names
    times = [(e.time, e.node) for e in events if e.kind != "start"]
    times += [(flight.sent, flight.sender) for flight in flown]
    times += [(f.ended, f.receiver) for f in flown if f.arrived and f.ended is not None]
    busy = [name for _, name in sorted(times, key=lambda one: one[0])]
    chosen = set(list(dict.fromkeys([*busy, *names]))[:LINES])
    return [name for name in names if name in chosen]


def _span(
    some: list[Flight], events: list[Event], start: float | None, end: float | None, took: float
) -> tuple[float, float]:
    """Return from when until when something is drawn, in seconds."""
    low = start if start is not None else 0.0
    later = [flight for flight in some if flight.sent >= low]
    times = [e.time for e in events if e.kind != "start" and e.time >= low]
    times += [time for f in later[:ARROWS] for time in (f.sent, f.until(took))]
    first, last = min(times, default=low), max(times, default=low)
    if len(later) > ARROWS:
        last = later[ARROWS - 1].sent
    if start is None and first > 0.3 * last:  # else the time before is a margin, and zero is seen
        low = first - 0.05 * (last - first)
    length = (last if end is None else end) - low
    margin = 0.02 * length if start is None else 0.0
    return low - margin, end if end is not None else last + (0.04 * length or 1.0)


def _left_out(nodes: tuple[int, int], messages: tuple[int, int]) -> str:
    """Say how much of a trace is not in the picture."""
    pairs = zip((nodes, messages), ("nodes", "messages"), strict=True)
    return ", ".join(f"{some:,} of {all_:,} {what}" for (some, all_), what in pairs if some < all_)
