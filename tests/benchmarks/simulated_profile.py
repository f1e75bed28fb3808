"""Where the time of a simulation goes: by function, sampled once in a millisecond of CPU time.

A profiler that is called at each call (cProfile) makes small functions look dear, and here all of
them are small. So a signal comes at regular times instead, and it is noted which function runs. What
C code takes, a heap or a random number, is found in the function that called it.
"""

import signal
import time
from collections import Counter
from pathlib import Path
from types import CodeType, FrameType
from typing import Self

from tests.benchmarks import simulated

INTERVAL = 0.001
"""Seconds of CPU time between two samples."""

LEAST = 0.005
"""The share of the time below which functions are put together."""


class Sampler:
    """Counts, within a `with` block, which function runs: on Linux and macOS, in the main thread."""

    def __init__(self) -> None:
        self.samples: Counter[CodeType] = Counter()

    def __enter__(self) -> Self:
        self._before = signal.signal(signal.SIGPROF, self._sample)
        signal.setitimer(signal.ITIMER_PROF, INTERVAL, INTERVAL)
        return self

    def __exit__(self, *_error: object) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, self._before)

    def _sample(self, _signal: int, frame: FrameType | None) -> None:
        if frame is not None:
            self.samples[frame.f_code] += 1

    def shares(self) -> list[tuple[str, float]]:
        """Return each function and its share of all samples, the largest first."""
        total = self.samples.total()
        return [(_name(code), times / total) for code, times in self.samples.most_common()]


def profile(name: str, seconds: float) -> list[tuple[str, float]]:
    """Flood networks for so long, and return the shares of the time; to build them does not count."""
    build, sampler = simulated.KINDS[name](), Sampler()
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or not sampler.samples:
        program = build(simulated.graph())
        with sampler:
            program.run(simulated.RUMORS)
    return sampler.shares()


def table(shares: list[tuple[str, float]]) -> list[list[str]]:
    """Return the shares as a table, the headings first; what is small is put together."""
    large = [(name, share) for name, share in shares if share >= LEAST]
    small = len(shares) - len(large)
    rows = [[name, f"{share:.1%}"] for name, share in large]
    if small:
        rest = sum(share for _, share in shares if share < LEAST)
        rows.append([f"{small} others", f"{rest:.1%}"])
    return [["", "share of the time"], *rows]


def _name(code: CodeType) -> str:
    return f"{Path(code.co_filename).name}: {code.co_qualname}"
