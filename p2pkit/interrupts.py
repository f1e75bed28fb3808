"""Ctrl-C in a simulation: what is happening comes to its end, and the network stays whole.

An interrupt that strikes between two lines of a node could leave half of its work undone, and a timer
that was taken from the queue would never ring again. So the first one waits for the end of the event
that is under way; a second one, if that takes too long, does not.
"""

import signal
from types import FrameType, TracebackType
from typing import Self

from p2pkit.clock import VirtualClock


class Interrupts:
    """Holds interrupts back while a clock runs; used with `with`."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self._came = False
        self._before = signal.getsignal(signal.SIGINT)

    def __enter__(self) -> Self:
        if self._before is signal.default_int_handler:  # nobody has other plans
            self._set(self._hold)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._before is signal.default_int_handler:
            self._set(signal.default_int_handler)
        if error is None:
            self.let_through()

    def let_through(self) -> None:
        """Raise KeyboardInterrupt if one was held back."""
        if self._came:
            self._came = False
            raise KeyboardInterrupt

    def _hold(self, number: int, frame: FrameType | None) -> None:
        if self._came:
            raise KeyboardInterrupt
        self._came = self._clock.halted = True

    def _set(self, handler: "signal._HANDLER") -> None:
        try:
            signal.signal(signal.SIGINT, handler)
        except ValueError:
            pass  # this is not the main thread, and interrupts never come here
