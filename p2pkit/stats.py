"""Statistics: numbers that a trace holds, without a picture.

>>> from p2pkit.trace import Trace
>>> trace = Trace()
>>> for name in ("n0", "n1", "n2"):
...     trace.add(0.0, "start", name)
>>> trace.add(0.5, "receive", "n0", message="Rumor")
>>> trace.add(0.5, "send", "n0", "n1", message="Rumor")
>>> trace.add(0.75, "receive", "n1", "n0", message="Rumor")
>>> arrivals(trace, "Rumor")
{'n0': 0.5, 'n1': 0.75}
>>> started(trace)
['n0', 'n1', 'n2']
"""

from p2pkit.message import Message
from p2pkit.trace import Trace


def arrivals(trace: Trace, message: str | type[Message] | Message) -> dict[str, float]:
    """Return when each node first had a message, in seconds, the earliest first.

    message: one message, or a class of messages or its name, which means any of that kind. A node
    has it once it receives it, or if the message is its own, once it sends it. Raises TraceError
    for a trace that holds no events.
    """
    first: dict[str, float] = {}
    for event in trace.where(message=message):
        if event.kind in ("receive", "send"):
            first[event.node] = min(event.time, first.get(event.node, event.time))
    return dict(sorted(first.items(), key=lambda arrival: arrival[1]))


def started(trace: Trace) -> list[str]:
    """Return the names of all nodes that ever started, in the order in which they first did."""
    return list(dict.fromkeys(event.node for event in trace.where(kind="start")))


def latencies(trace: Trace) -> list[float]:
    """Return how long each message took from its sender to its receiver, in seconds, as they
    arrived.

    A message that never arrived is not among them, and one that arrived twice is there twice.
    Raises TraceError for a trace that holds no events.

    >>> trace = Trace()
    >>> trace.add(0.5, "send", "n0", "n1", serial=1)
    >>> trace.add(0.5, "send", "n0", "n2", serial=1)
    >>> trace.add(0.75, "receive", "n1", "n0", serial=1)
    >>> latencies(trace)
    [0.25]
    """
    sent: dict[tuple[str, str | None, int], float] = {}
    took = []
    for event in trace:
        if event.kind == "send":
            sent[event.node, event.peer, event.serial] = event.time
        elif event.kind == "receive" and event.peer is not None:
            began = sent.get((event.peer, event.node, event.serial))
            if began is not None:
                took.append(event.time - began)
    return took
