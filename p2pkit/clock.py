"""Virtual time: a queue of what is due, and a clock that jumps from one entry to the next.

    >>> clock = VirtualClock()
    >>> said = []
    >>> _ = clock.at(2.0, said.append, "two seconds")
    >>> _ = clock.at(1.0, said.append, "one second")
    >>> while clock.step(): pass
    >>> said, clock.now
    (['one second', 'two seconds'], 2.0)

What is due at the same time happens in the order in which it was asked for, so that every run of the
same program goes alike.

The queue is a calendar (Brown, "Calendar queues: a fast O(1) priority queue implementation for the
simulation event set problem", CACM 1988): an entry is put on the page of its millisecond, and a page
is sorted when its time has come. That is faster than one large heap, and of exactly the same order.
"""

from collections.abc import Callable, Iterable
from heapq import heappop, heappush
from math import inf
from operator import itemgetter
from typing import Any

PAGES = 1000
"""Pages of the calendar for one second: each then holds what a sort does quickly, and latencies of
networks are longer than one."""

Entry = tuple[float, Callable[[Any], object], Any]
"""When, what to do, and what to do it with: one argument, which is quicker than any number."""

_WHEN = itemgetter(0)


class VirtualClock:
    """The time of a simulation, in seconds, and all that is going to happen."""

    def __init__(self) -> None:
        self.now = 0.0
        self.halted = False  # somebody wants to look before more happens
        self._pages: dict[int, list[Entry]] = {}  # of the time to come; each in order of asking
        self._numbers: list[int] = []  # of those pages: a heap
        self._open = -1  # the number of the page that is open
        self._page: list[Entry] = []  # that page, the first entry last
        self._late: list[tuple[float, int, Entry]] = []  # a heap of what came after it was opened
        self._serial = 0  # of those: ties go in order

    def at(self, when: float, action: Callable[..., object], *args: Any) -> Callable[[], object]:
        """Call action(*args) at a time, or now if that has passed; return what cancels the call."""
        call = [(action, args)]
        self.post([(when, _ring, call)])
        return call.clear

    def post(self, entries: Iterable[Entry]) -> None:
        """Make several calls, each at its time, that are never cancelled."""
        pages = self._pages
        for entry in entries:
            when = entry[0]
            number = int(when * PAGES)
            if number in pages:
                pages[number].append(entry)
            elif number > self._open:
                pages[number] = [entry]
                heappush(self._numbers, number)
            else:
                self._serial += 1
                heappush(self._late, (when, self._serial, entry))

    @property
    def due(self) -> float:
        """When the next entry is due; infinity if there is none."""
        numbers = self._numbers
        while not (self._page or self._late) and numbers and numbers[0] > (self.now + 1) * PAGES:
            # A page of a far time stays closed: what is still to come before it goes on pages, too.
            page = [entry for entry in self._pages[numbers[0]] if not _is_cancelled(entry)]
            if page:
                self._pages[numbers[0]] = page
                return min(when for when, _, _ in page)
            del self._pages[heappop(numbers)]
        while (entry := self._take(inf)) is not None:
            if not _is_cancelled(entry):
                self._page.append(entry)
                return entry[0]
        return inf

    @property
    def pending(self) -> int:
        """How many entries there are."""
        return sum(map(len, self._pages.values())) + len(self._page) + len(self._late)

    def step(self) -> bool:
        """Do what is due next, at its time. Return False if there is nothing."""
        return self.due < inf and self.run(inf, 1) > 0

    def run(self, end: float, most: int) -> int:
        """Do what is due up to a time, but not more than `most` entries, and nothing more once
        `halted` is set; return how many were done."""
        late = self._late
        self.halted = False
        for done in range(most):
            if late or not self._page:
                entry = self._take(end)
                if entry is None:
                    return done
            else:
                entry = self._page.pop()
            when, action, argument = entry
            if when > end:
                self._page.append(entry)  # it stays the first
                return done
            if action is _ring and not argument:
                continue  # it was cancelled
            if when > self.now:
                self.now = when
            action(argument)
            if self.halted:
                return done + 1
        return most

    def advance(self, seconds: float) -> None:
        """Let so much time pass, and do what is due in it."""
        end = self.now + seconds
        while self.due <= end:
            self.step()
        self.now = end

    def clear(self) -> None:
        """Forget all that is due."""
        for queue in (self._pages, self._numbers, self._page, self._late):
            queue.clear()

    def _take(self, end: float) -> Entry | None:
        """Take what is due next out of the queue, opening the next page if need be, and if it has
        come by `end`."""
        late, numbers = self._late, self._numbers
        if not self._page and not late and numbers and numbers[0] <= end * PAGES:
            self._open = heappop(numbers)
            self._page = self._pages.pop(self._open)
            self._page.sort(key=_WHEN)  # a stable sort: ties stay in order
            self._page.reverse()
        if late and not (self._page and self._page[-1][0] <= late[0][0]):
            return heappop(late)[2]
        return self._page.pop() if self._page else None


def _ring(call: list[tuple[Callable[..., object], tuple[Any, ...]]]) -> None:
    for action, args in call:
        action(*args)


def _is_cancelled(entry: Entry) -> bool:
    return entry[1] is _ring and not entry[2]
