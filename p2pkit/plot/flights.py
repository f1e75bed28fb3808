"""Flights: each message of a trace on its way, from its send to where it ended. Needs no matplotlib.

>>> from p2pkit.trace import Trace
>>> trace = Trace()
>>> trace.add(0.5, "send", "n0", "n1", message="Rumor", serial=1)
>>> trace.add(0.5, "send", "n0", "n2", message="Rumor", serial=2)
>>> trace.add(0.5, "drop", "n0", "n2", message="Rumor", serial=2, reason="lost")
>>> trace.add(0.75, "receive", "n1", "n0", message="Rumor", serial=1)
>>> for flight in flights(trace):
...     print(flight.sender, flight.receiver, flight.sent, flight.ended, flight.cause)
n0 n2 0.5 0.5 lost
n0 n1 0.5 0.75 None
"""

from collections.abc import Iterator
from statistics import median
from typing import NamedTuple

from p2pkit.errors import TraceError
from p2pkit.stats.traffic import What
from p2pkit.trace import Event, Trace


class Flight(NamedTuple):
    """One message on its way.

    sent, ended: seconds since the network started; ended is None for a message whose end the trace
    does not know, as it was still on its way. cause: why it was dropped; None if it was not.
    """

    event: Event  # the send, or the drop of what could not even be sent
    sender: str
    receiver: str
    kind: str
    sent: float
    ended: float | None
    cause: str | None

    @property
    def arrived(self) -> bool:
        """Whether the receiver got it."""
        return self.ended is not None and self.cause is None

    def until(self, usual: float) -> float:
        """Return when it ended, or would have, if it took as long as is usual."""
        return self.sent + usual if self.ended is None else self.ended


def flights(trace: Trace, message: What | None = None) -> Iterator[Flight]:
    """Yield the messages of a trace, as they end; one that was duplicated comes once each time.

    message: only these; without it, all. Raises TraceError for a trace that holds no events.
    """
    wanted = None if message is None else set(map(_moment, trace.where(message=message)))
    under_way: dict[tuple[str, str, int], Event] = {}
    seen: dict[tuple[str, str, int], Event] = {}
    for event in trace:
        if event.peer is None or event.kind not in ("send", "receive", "drop"):
            continue
        key = _key(event)
        if event.kind == "send":
            if wanted is None or _moment(event) in wanted:
                if (earlier := under_way.pop(key, None)) is not None:
                    yield _flight(earlier, None)
                under_way[key] = seen[key] = event
            else:
                seen.pop(key, None)  # a node that restarted counts from the beginning again
        elif (sent := seen.get(key)) is not None:
            under_way.pop(key, None)
            yield _flight(sent, event)
        elif (
            event.kind == "drop" and event.message and (wanted is None or _moment(event) in wanted)
        ):
            yield _flight(event, event)
    for event in under_way.values():
        yield _flight(event, None)


def kinds(trace: Trace) -> Iterator[str]:
    """Yield the kinds of messages of a trace, as they come: what `style.messages` takes."""
    return (event.message for event in trace if event.message is not None)


def usual(some: list[Flight], otherwise: float) -> float:
    """Return how many seconds messages usually take, or something else if none has arrived."""
    took = [flight.until(0.0) - flight.sent for flight in some if flight.arrived]
    return median(took) if took else otherwise


def need_events(trace: Trace) -> None:
    """Raise TraceError for a trace in which there is nothing to be seen."""
    if next(iter(trace), None) is None:
        raise TraceError("there is nothing in this trace: let the network run before it is drawn")


def _key(event: Event) -> tuple[str, str, int]:
    """Return what ties a message's end to its send."""
    node, peer = event.node, event.peer or ""
    at_sender = event.id == f"{node}:{event.serial}" if event.id else event.kind != "receive"
    return (node, peer, event.serial) if at_sender else (peer, node, event.serial)


def _moment(event: Event) -> tuple[float, str, str, str | None, int]:
    return event.time, event.kind, event.node, event.peer, event.serial


def _flight(begin: Event, end: Event | None) -> Flight:
    return Flight(
        begin,
        begin.node,
        begin.peer or "",
        begin.message or "",
        begin.time,
        end.time if end else None,
        end.cause if end and end.kind == "drop" else None,
    )
