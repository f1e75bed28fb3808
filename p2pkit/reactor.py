"""The reactor: time, and writes at the end of each turn, for the real nodes on one event loop.

An event loop's own timers come in any order when two are due at the same moment, and a message on
a delayed link must not overtake the one before it. So the reactor keeps its own queue, first come
first served, and asks the loop for one alarm only, the next.

It also knows who has something to write: what nodes say during a turn of the loop, in any number
of handlers, goes out as one write a connection when the turn is over.
"""

import asyncio
import heapq
from collections.abc import Callable
from itertools import count
from time import perf_counter
from typing import Any
from typing import Protocol as Interface


class Writer(Interface):
    """Something that has bytes to write at the end of a turn."""

    def flush(self) -> None: ...


class Reactor:
    """The clock and the turns of one event loop. All methods but `now` are called on the loop's
    thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.epoch = perf_counter()
        self.now = (
            0.0  # seconds since the epoch when this turn began: it stands still during a turn
        )
        self.writers: list[Writer] = []
        self.after_turn: Callable[[], None] | None = None  # called while somebody waits for news
        self._queue: list[list[Any]] = []  # [when, serial, action or None, arguments], as a heap
        self._serial = count()
        self._alarm: asyncio.TimerHandle | None = None
        self._ringing = False

    @property
    def time(self) -> float:
        """Seconds since the epoch, at this very moment; the same in all processes that share it."""
        return perf_counter() - self.epoch

    def begin_turn(self) -> None:
        """Look at the clock. Every callback from the loop begins like this."""
        self.now = perf_counter() - self.epoch

    def at(self, when: float, action: Callable[..., object], *args: Any) -> Callable[[], object]:
        """Call action(*args) at a time, first come first served; return what cancels the call."""
        entry = [when, next(self._serial), action, args]
        heapq.heappush(self._queue, entry)
        if self._queue[0] is entry and not self._ringing:
            self._set_alarm()

        def cancel() -> None:
            entry[2] = None

        return cancel

    def hold(self) -> None:
        """Let nothing become due until `release`."""
        self._ringing = True
        if self._alarm is not None:
            self._alarm.cancel()

    def begin(self, epoch: float) -> None:
        """Set the clock to 0 at a moment of `perf_counter`. What is due already keeps its distance
        from now."""
        passed = epoch - self.epoch
        self.epoch = epoch
        self.now = 0.0
        for entry in self._queue:
            entry[0] -= passed

    def release(self) -> None:
        """Let things become due again, after `hold`."""
        self._ringing = False
        if self._queue:
            self._set_alarm()

    def end_turn(self) -> None:
        """Write what was said in this turn."""
        while self.writers:
            writers, self.writers = self.writers, []
            for writer in writers:
                writer.flush()
        if self.after_turn is not None:
            self.after_turn()

    def close(self) -> None:
        """Forget everything that is due."""
        self._queue.clear()
        self.writers.clear()
        if self._alarm is not None:
            self._alarm.cancel()

    def _set_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        wait = max(0.0, self._queue[0][0] - self.time)
        self._alarm = self.loop.call_later(wait, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        self._ringing = True
        self.begin_turn()
        first_new = next(self._serial)  # what is added now waits for the next turn: others live too
        try:
            while self._queue and self._queue[0][0] <= self.now and self._queue[0][1] < first_new:
                _, _, action, args = heapq.heappop(self._queue)
                if action is not None:
                    action(*args)
        finally:
            self._ringing = False
            if self._queue:
                self._set_alarm()
            self.end_turn()
