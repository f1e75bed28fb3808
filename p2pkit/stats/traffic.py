"""Traffic: what was sent, what was dropped, and how long the rest was on its way.

>>> from p2pkit.trace import Trace
>>> trace = Trace()
>>> for peer in ("n1", "n2"):
...     trace.add(0.5, "send", "n0", peer, message="Rumor", size=23, serial=1)
>>> trace.add(0.75, "receive", "n1", "n0", message="Rumor", size=23, serial=1)
>>> trace.add(1.0, "receive", "n2", "n0", message="Rumor", size=23, serial=1)
>>> cost(trace, "Rumor")
Cost(messages=2.0, bytes=46.0)
>>> quantiles(latencies(trace))
{0.5: 0.375, 0.9: 0.475, 0.99: 0.4975}
"""

from collections import Counter
from collections.abc import Iterable
from math import floor, nan
from typing import Any, NamedTuple

from p2pkit.message import Message
from p2pkit.tables import frame
from p2pkit.trace import Trace

What = str | type[Message] | Message
"""One message, or a class of messages or its name, which means any of that kind."""


class Cost(NamedTuple):
    """What was sent: messages and bytes, in all or for each operation."""

    messages: float
    bytes: float


def cost(trace: Trace, message: What | None = None, *, operations: float = 1) -> Cost:
    """Return how many messages were sent, and bytes in them, for each of so many operations.

    message: only these; without it, all. An operation is whatever one pays for: a broadcast, a
    look-up. Each message is counted as often as it was sent, whether it arrived or not. Bytes are
    those of the encoded messages, as `Event.size` and `Trace.size` have them; on the wire a frame
    adds the 12 bytes of its header to each. Only for one certain message are events needed. Raises
    ValueError unless operations is above 0.
    """
    if not operations > 0:
        raise ValueError(f"operations={operations!r}: a cost is shared by a number above 0")
    if isinstance(message, Message):
        sizes = [event.size for event in trace.where(kind="send", message=message)]
        return Cost(len(sizes) / operations, sum(sizes) / operations)
    number = trace.count(kind="send", message=message)
    return Cost(number / operations, trace.size("send", message=message) / operations)


def drops(trace: Trace) -> Any:
    """Return a DataFrame of drops by reason and kind of message, the most frequent first.

    Its columns are reason (a key of `trace.REASONS`), message (None for what could not be
    understood), and drops. Without pandas, `trace.drops` has the numbers by reason.
    """
    numbers: Counter[tuple[str, str | None]] = Counter()
    for (kind, message, reason, _), number in trace.counts().items():
        if kind == "drop":
            numbers[reason or "", message] += number
    rows = sorted(numbers.items(), key=lambda row: (-row[1], row[0][0], row[0][1] or ""))
    return frame(
        {
            "reason": [reason for (reason, _), _ in rows],
            "message": [message for (_, message), _ in rows],
            "drops": [number for _, number in rows],
        }
    )


def latencies(trace: Trace, message: What | None = None) -> list[float]:
    """Return how long each message took from its sender to its receiver, in seconds, as they
    arrived.

    message: only these; without it, all. A message that never arrived is not among them, and one
    that arrived twice is there twice. Raises TraceError for a trace that holds no events.
    """
    sent: dict[tuple[str, str | None, int], float] = {}
    took = []
    for event in trace if message is None else trace.where(message=message):
        if event.kind == "send":
            sent[event.node, event.peer, event.serial] = event.time
        elif event.kind == "receive" and event.peer is not None:
            began = sent.get((event.peer, event.node, event.serial))
            if began is not None:
                took.append(event.time - began)
    return took


def quantiles(
    values: Iterable[float], shares: Iterable[float] = (0.5, 0.9, 0.99)
) -> dict[float, float]:
    """Return for each share, from 0 to 1, the value that this share of all values does not exceed.

    Between two values it lies on the line from one to the next: definition 7 of Hyndman and Fan,
    "Sample quantiles in statistical packages" (The American Statistician, 1996), which is numpy's
    own choice. The quantiles of no values are nan. Raises ValueError for a share out of its range.

    >>> quantiles([1, 2, 3, 4], (0, 0.5, 1))
    {0: 1.0, 0.5: 2.5, 1: 4.0}
    """
    ordered = sorted(values)
    return {share: _quantile(ordered, share) for share in shares}


def _quantile(ordered: list[float], share: float) -> float:
    if not 0 <= share <= 1:
        raise ValueError(f"the quantile of {share!r}: a share lies between 0 and 1")
    if not ordered:
        return nan
    place = share * (len(ordered) - 1)
    low = ordered[floor(place)]
    high = ordered[min(floor(place) + 1, len(ordered) - 1)]
    return float(low + (high - low) * (place - floor(place)))
