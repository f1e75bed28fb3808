"""Spreading: who had a message when, and what it took to tell everybody.

>>> from p2pkit.trace import Trace
>>> trace = Trace()
>>> for name in ("n0", "n1", "n2", "n3"):
...     trace.add(0.0, "start", name)
>>> trace.add(0.5, "receive", "n0", message="Rumor")
>>> for peer in ("n1", "n2"):
...     trace.add(0.5, "send", "n0", peer, message="Rumor")
>>> trace.add(0.75, "receive", "n1", "n0", message="Rumor")
>>> trace.add(0.75, "send", "n1", "n2", message="Rumor")
>>> trace.add(1.0, "receive", "n2", "n1", message="Rumor")
>>> arrivals(trace, "Rumor")
{'n0': 0.5, 'n1': 0.75, 'n2': 1.0}
>>> coverage(trace, "Rumor")        # n3 never heard of it
0.75
>>> deliveries(trace, "Rumor")      # from the first node to each other one
[0.25, 0.5]
>>> redundancy(trace, "Rumor")      # two messages would have done, and there were three
0.5
"""

from math import nan
from typing import Any, NamedTuple

import msgspec

from p2pkit.stats.traffic import What
from p2pkit.tables import frame
from p2pkit.trace import Trace

# One message, or any of a kind


def arrivals(trace: Trace, message: What) -> dict[str, float]:
    """Return when each node first had a message, in seconds, the earliest first.

    message: one message, or a class of messages or its name, which means any of that kind. A node
    has it once it receives it, or if the message is its own, once it sends it. Raises TraceError
    for a trace that holds no events.
    """
    first: dict[str, float] = {}
    for event in trace.where(message=message):
        if event.kind in ("receive", "send"):
            first[event.node] = min(event.time, first.get(event.node, event.time))
    return _in_order(first)


def started(trace: Trace) -> list[str]:
    """Return the names of all nodes that ever started, in the order in which they first did."""
    return list(dict.fromkeys(event.node for event in trace.where(kind="start")))


def coverage(trace: Trace, message: What) -> float:
    """Return the share of nodes that have had a message by the end, as `plot.spread` draws it.

    message: for a class, a node counts that had any of that kind. All nodes that ever started are
    1, whether they still run or not; so 1 less the coverage is the residue of Demers et al.,
    "Epidemic algorithms for replicated database maintenance" (PODC 1987): those who never heard.
    nan without nodes. Raises TraceError for a trace that holds no events.
    """
    reached = arrivals(trace, message)
    everybody = {*started(trace), *reached}
    return len(reached) / len(everybody) if everybody else nan


def coverage_over_time(trace: Trace, message: What) -> Any:
    """Return a DataFrame of how a message spread: a row for each moment at which nodes got it.

    Its columns are time (seconds since the network started), nodes (how many had it then), and
    share (of all that ever started: the last is the `coverage`). Raises TraceError for a trace
    that holds no events.
    """
    reached = arrivals(trace, message)
    everybody = {*started(trace), *reached}
    numbers = {time: number for number, time in enumerate(reached.values(), start=1)}
    shares = [number / len(everybody) for number in numbers.values()]
    return frame({"time": numbers, "nodes": numbers.values(), "share": shares})


# Each different message


class Broadcast(NamedTuple):
    """One message on its way to everybody: what it cost, and when each node first had it.

    data: the message as it was encoded. messages: how often it was sent. arrivals: the time at
    which each node had it, in seconds since the network started, the earliest first.
    """

    data: bytes | None
    messages: int
    arrivals: dict[str, float]

    @property
    def value(self) -> Any:
        """The message as Python values: [kind, fields]."""
        return None if self.data is None else msgspec.json.decode(self.data)

    @property
    def delays(self) -> list[float]:
        """The seconds from the first node that had it to each other one, the fastest first."""
        first, *others = self.arrivals.values()
        return [time - first for time in others]

    @property
    def took(self) -> float:
        """The seconds until the last of those who ever had it had it; 0 if nobody else did."""
        return max(self.delays, default=0.0)

    @property
    def redundancy(self) -> float:
        """Its relative message redundancy, nan if nobody else had it: see `stats.redundancy`."""
        others = len(self.arrivals) - 1
        return self.messages / others - 1 if others else nan


def broadcasts(trace: Trace, message: What) -> list[Broadcast]:
    """Return what became of each different message, in the order in which they began.

    A node has a message once it receives it, or if it is its own, once it sends it. Raises
    TraceError for a trace that holds no events.
    """
    sent: dict[bytes | None, int] = {}
    had: dict[bytes | None, dict[str, float]] = {}
    for event in trace.where(message=message):
        if event.kind not in ("receive", "send"):
            continue
        data = event.data
        first = had.setdefault(data, {})
        first[event.node] = min(event.time, first.get(event.node, event.time))
        sent[data] = sent.get(data, 0) + (event.kind == "send")
    found = [Broadcast(data, sent[data], _in_order(first)) for data, first in had.items()]
    return sorted(found, key=lambda one: min(one.arrivals.values()))


def redundancy(trace: Trace, message: What) -> float:
    """Return the relative message redundancy of a broadcast: m / (n - 1) - 1.

    m is how often the message was sent, n how many nodes had it, its origin included. 0 is a
    tree, where each node is told once; flooding a connected graph of n nodes and k links takes
    2k - n + 1 messages. For a class, it is the mean over its different messages, of those that
    more than one node had; nan if there are none. The definition is that of Leitão, Pereira and
    Rodrigues, "Epidemic broadcast trees" (SRDS 2007). Raises TraceError for a trace that holds no
    events.
    """
    values = [one.redundancy for one in broadcasts(trace, message) if len(one.arrivals) > 1]
    return sum(values) / len(values) if values else nan


def deliveries(trace: Trace, message: What) -> list[float]:
    """Return how long a message took from the first node that had it to each other one, in
    seconds, the fastest first.

    So the last is when all had it who ever did. For a class, it has those of all its different
    messages, one after the other; and `took` of each of `broadcasts` is when the last node had it.
    Raises TraceError for a trace that holds no events.
    """
    return [delay for one in broadcasts(trace, message) for delay in one.delays]


def _in_order(arrivals: dict[str, float]) -> dict[str, float]:
    return dict(sorted(arrivals.items(), key=lambda arrival: arrival[1]))
