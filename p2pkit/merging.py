"""Merging: one trace out of the parts that several processes have recorded.

All processes read the same clock, so the order of the events is that of their times. But the parts
come in pieces, and a reader who has seen the first thousand events shall not find that another
happened before them. So events wait until every process has told all that happened up to then.
"""

from collections.abc import Mapping
from math import inf

from p2pkit.trace import DATA_BYTES, Row, Tallies, Trace


class Merger:
    """Puts parts into a trace, in order.

    ranks: of the nodes, for events of different nodes at the same time.
    """

    def __init__(self, trace: Trace, ranks: Mapping[str, int]) -> None:
        self._trace = trace
        self._ranks = ranks
        self._waiting: list[Row] = []
        self._bytes = 0
        self._counted: Tallies = {}

    @property
    def is_full(self) -> bool:
        """Whether more has come than the trace keeps: events, or bytes of data."""
        most = self._trace.most or inf
        return self._trace.is_full or len(self._waiting) >= most or self._bytes > most * DATA_BYTES

    def put(self, events: list[Row], tallies: Tallies) -> None:
        """Take a part that a process has recorded."""
        self._waiting += events
        self._bytes += sum(event[5] for event in events)
        for key, (number, size) in tallies.items():
            total = self._counted.setdefault(key, [0, 0])
            total[0] += number
            total[1] += size

    def settle(self, time: float) -> None:
        """Put all events up to a time into the trace: no others from before it will come."""
        self._waiting.sort(key=self._place)  # is stable: events of one node keep their order
        number = len(self._waiting)
        while number and self._waiting[number - 1][0] > time:
            number -= 1
        ready, self._waiting = self._waiting[:number], self._waiting[number:]
        self._bytes = sum(event[5] for event in self._waiting)
        counted, self._counted = self._counted, {}
        self._trace.absorb(ready, counted)

    def _place(self, event: Row) -> tuple[float, int]:
        time, _, node = event[:3]
        return time, self._ranks[node]
