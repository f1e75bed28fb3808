"""The program `python -m p2pkit`, as a person runs it in a terminal. The fixture `start` starts it."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from queue import Empty, Queue

import pytest

import p2pkit

DEADLINE = 30.0
HOUSE = str(Path(p2pkit.__file__).parents[1])

interrupts = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT to send")


def without_a_screen():
    """Return the environment of somebody for whom no browser can be opened."""
    screens = ("DISPLAY", "WAYLAND_DISPLAY")
    return {name: value for name, value in os.environ.items() if name not in screens}


class Program:
    """A `python -m p2pkit` that runs, whose lines can be waited for."""

    def __init__(self, *words, cwd):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "p2pkit", *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            cwd=cwd,
            env=without_a_screen()
            | {"PYTHONPATH": HOUSE, "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"},
        )
        self.lines, self.seen, self.errors = Queue(), [], []
        self._readers = [
            threading.Thread(target=self._read, args=(self.process.stdout, self.lines.put)),
            threading.Thread(target=self._read, args=(self.process.stderr, self.errors.append)),
        ]
        for reader in self._readers:
            reader.start()

    def _read(self, stream, put):
        for line in stream:
            put(line.rstrip())

    def type(self, line):
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def expect(self, text):
        """Wait for a line that has this text in it, and return it."""
        end = time.monotonic() + DEADLINE
        while True:
            try:
                self.seen.append(self.lines.get(timeout=max(0.01, end - time.monotonic())))
            except Empty:
                raise AssertionError(f"no {text!r} in {self.seen}, {self.errors}") from None
            if text in self.seen[-1]:
                return self.seen[-1]

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)

    def end(self):
        """Wait for the end, and return the exit code and what was left to read."""
        self.process.stdin.close()
        code = self.process.wait(DEADLINE)
        for reader in self._readers:
            reader.join()
        rest = [self.lines.get() for _ in range(self.lines.qsize())]
        return code, "\n".join(rest), "\n".join(self.errors)
