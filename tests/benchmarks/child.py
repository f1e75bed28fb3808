"""A measurement's two processes, seen from inside: they obey lines on stdin, and answer in JSON.

A receiver prints the port where it listens, then its CPU seconds for every line that it reads. A
sender reads a count, sends as many messages, and prints what that took. Both end when their stdin
is closed, so nothing outlives the command. What the measured packages print themselves goes
nowhere.
"""

import json
import os
import statistics
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from tests.benchmarks.workloads import WORKLOADS, Stream

_out = sys.stdout


def main(receive: Callable[..., None], send: Callable[..., None]) -> None:
    """Be the process that the command line asks for: WORKLOAD listen|PORT [OPTION]."""
    name, port, *options = sys.argv[1:]
    be_silent()
    if port == "listen":
        receive(WORKLOADS[name], *options)
    else:
        send(WORKLOADS[name], int(port), *options)


def be_silent() -> None:
    """Let nothing reach the harness but reports."""
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - for the life of this process


def report(**answer: Any) -> None:
    """Tell the harness."""
    print(json.dumps(answer), file=_out, flush=True)


def attend(port: int) -> threading.Thread:
    """Tell the port, and answer for the CPU time, on a thread of its own: the main one works."""

    def answer() -> None:
        report(port=port)
        for _line in sys.stdin:
            report(cpu=time.process_time())
        os._exit(0)  # other threads may be inside a blocking call

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    return thread


def obey(stream: Stream, measure: Callable[[int], None]) -> None:
    """Measure as often as the harness asks, each time for as many messages as it says."""
    report(ready=True)
    for line in sys.stdin:
        before = time.process_time()
        measure(int(line))
        report(cpu=time.process_time() - before, seconds=stream.seconds, **_laps(stream.laps))
    os._exit(0)


def obey_with_threads(
    stream: Stream, done: threading.Event, begin: Callable[[int], object]
) -> None:
    """Obey, where messages arrive on other threads and `done` is set by the last one."""

    def measure(count: int) -> None:
        done.clear()
        begin(count)
        done.wait()

    obey(stream, measure)


def _laps(laps: list[float]) -> dict[str, float]:
    if not laps:
        return {}
    return {"p50": statistics.median(laps), "p99": sorted(laps)[int(0.99 * len(laps))]}
