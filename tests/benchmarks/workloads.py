"""What is measured, the same for every peer: a sender's `Stream` and a receiver's `Tally`.

A peer brings only its way to send and to receive. Which messages, how many at once, what is
acknowledged and where the clock starts and stops is decided here:

    sender                                        receiver
    Stream.begin(count)   ── Rumor, Rumor, … ──>  Tally.got(rumor)   counts, and checks the order
    Stream.acknowledged   <── every `chunk` ────  answer(rumor)
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

KIND = "Rumor"
FIRST = 10_000_000
"""The first message: all numbers have eight digits, so all messages are equally long."""


@dataclass(frozen=True)
class Rumor:
    """A message. The number makes each one distinct; the text gives it its size."""

    n: int
    text: str


@dataclass(frozen=True)
class Workload:
    """How messages flow: `chunk` of them are acknowledged together, `chunks` may be under way."""

    text: str
    chunk: int
    chunks: int
    echo: bool = False
    """Whether an acknowledgement is as long as the message: a true ping-pong."""

    @property
    def window(self) -> int:
        """Messages under way at most, so that memory is bounded however slow the receiver is."""
        return self.chunk * self.chunks

    @property
    def answer(self) -> str:
        """The text of an acknowledgement."""
        return self.text if self.echo else ""


def _text(size: int) -> str:
    """Return plain text without repetition of a single letter, of `size` characters."""
    alphabet = "the quick brown fox jumps over a lazy dog, and then it naps. "
    return (alphabet * (size // len(alphabet) + 1))[:size]


# 54 characters of text are 88 bytes of JSON, and 100 bytes on the wire in p2pkit's frame.
WORKLOADS = {
    "throughput": Workload(_text(54), chunk=1000, chunks=10),
    "round trip": Workload(_text(54), chunk=1, chunks=1, echo=True),
    "1 MiB": Workload(_text(1024 * 1024), chunk=1, chunks=4),
}


class OutOfOrder(Exception):
    """A message was lost, came twice, or overtook another one."""


class Tally:
    """The receiver: counts messages, checks that none is missing, acknowledges every chunk."""

    def __init__(self, workload: Workload, answer: Callable[[int, str], None]) -> None:
        self._expected = FIRST
        self._chunk = workload.chunk
        self._size = len(workload.text)
        self._answer = answer
        self._text = workload.answer

    def got(self, n: int, text: str) -> None:
        """Take one message."""
        if n != self._expected or len(text) != self._size:
            raise OutOfOrder(
                f"expected number {self._expected}, got {n} with {len(text)} characters"
            )
        self._expected = n + 1
        if (n + 1 - FIRST) % self._chunk == 0:
            self._answer(n, self._text)


class Stream:
    """The sender: keeps the window full until all is acknowledged, and takes the time."""

    def __init__(
        self, workload: Workload, send: Callable[[range, str], None], done: Callable[[], object]
    ) -> None:
        self.seconds = 0.0
        self.laps: list[float] = []
        self._workload = workload
        self._send = send
        self._done = done
        self._next = self._stop = FIRST
        # Where each connection has a thread, answers come while the first window is being sent.
        self._turn = threading.RLock()

    def begin(self, count: int) -> None:
        """Send `count` more messages (whole chunks); `done` is called when all are acknowledged."""
        with self._turn:
            self.laps = []
            self._stop = self._next + count
            self._began = self._lap = time.perf_counter()
            self._send_next(min(self._workload.window, count))

    def acknowledged(self, n: int) -> None:
        """Take the receiver's word that all messages up to number `n` have arrived."""
        with self._turn:
            now = time.perf_counter()
            if self._workload.echo:
                self.laps.append(now - self._lap)
                self._lap = now
            if self._next < self._stop:
                self._send_next(self._workload.chunk)
            elif n == self._stop - 1:
                self.seconds = now - self._began
                self._done()

    def _send_next(self, count: int) -> None:
        numbers = range(self._next, self._next + count)
        self._next += count
        self._send(numbers, self._workload.text)
