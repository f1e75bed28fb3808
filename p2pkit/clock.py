"""Virtual time: a queue of what is due, and a clock that jumps from one entry to the next.

    >>> clock = VirtualClock()
    >>> said = []
    >>> _ = clock.at(2.0, said.append, "two seconds")
    >>> _ = clock.at(1.0, said.append, "one second")
    >>> while clock.step(): pass
    >>> said, clock.now
    (['one second', 'two seconds'], 2.0)

What is due at the same time happens in the order in which it was asked for: a running number breaks
the tie, so that every run of the same program goes alike.
"""

import heapq
from collections.abc import Callable
from itertools import count
from math import inf
from typing import Any


class VirtualClock:
    """The time of a simulation, in seconds, and all that is going to happen."""

    def __init__(self) -> None:
        self.now = 0.0
        self.events = 0  # that have happened
        self.halted = False  # somebody wants to look before more happens
        self._queue: list[tuple[float, int, Callable[..., object], tuple[Any, ...]]] = []
        self._serial = count()
        self._cancelled: set[int] = set()

    def post(self, when: float, action: Callable[..., object], *args: Any) -> int:
        """Call action(*args) at a time, or now if that has passed; return the entry's number."""
        serial = next(self._serial)
        heapq.heappush(self._queue, (when, serial, action, args))
        return serial

    def at(self, when: float, action: Callable[..., object], *args: Any) -> Callable[[], object]:
        """Call action(*args) at a time; return what cancels the call."""
        serial = self.post(when, action, *args)
        return lambda: self._cancelled.add(serial)

    @property
    def due(self) -> float:
        """When the next entry is due; infinity if there is none."""
        while self._queue and self._queue[0][1] in self._cancelled:
            self._cancelled.discard(heapq.heappop(self._queue)[1])
        return self._queue[0][0] if self._queue else inf

    def step(self) -> bool:
        """Do what is due next, at its time. Return False if there is nothing."""
        if self.due == inf:
            return False
        when, _, action, args = heapq.heappop(self._queue)
        self.now = max(self.now, when)
        self.events += 1
        action(*args)
        return True

    def run(self, end: float, most: int) -> int:
        """Do what is due up to a time, but not more than `most` entries, and nothing more once
        `halted` is set; return how many were done."""
        queue, cancelled = self._queue, self._cancelled
        done = 0
        self.halted = False
        while queue and queue[0][0] <= end and done < most and not self.halted:
            when, serial, action, args = heapq.heappop(queue)
            if cancelled and serial in cancelled:
                cancelled.discard(serial)
                continue
            if when > self.now:
                self.now = when
            done += 1
            action(*args)
        self.events += done
        return done

    def advance(self, seconds: float) -> None:
        """Let so much time pass, and do what is due in it."""
        end = self.now + seconds
        while self.due <= end:
            self.step()
        self.now = end

    def clear(self) -> None:
        """Forget all that is due."""
        self._queue.clear()
        self._cancelled.clear()
