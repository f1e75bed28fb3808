"""What all tests share."""

import asyncio
import os
import signal
import threading
from collections import Counter
from pathlib import Path

import pytest
from tools import eventually

from p2pkit import tcp

os.environ.setdefault("MPLBACKEND", "Agg")

# Some tests press Ctrl-C. Who runs the tests in the background may have let all of us ignore it.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def nothing_left(monkeypatch):
    """Check that a test leaves no thread, no task, no open loop, no socket and no file behind."""
    loops = []
    make = asyncio.new_event_loop

    def recorded():
        loops.append(make())
        return loops[-1]

    monkeypatch.setattr(asyncio, "new_event_loop", recorded)
    threads, files = set(threading.enumerate()), open_files()
    yield
    eventually(lambda: not new_threads(threads), within=5)
    assert all(loop.is_closed() for loop in loops)
    assert not [task for loop in loops for task in asyncio.all_tasks(loop) if not task.done()]
    assert not open_files() - files


@pytest.fixture
def impatient(monkeypatch):
    """Let nodes notice silence after a third of a second, not after five."""
    monkeypatch.setattr(tcp, "HEARTBEAT", 0.05)
    monkeypatch.setattr(tcp, "PEER_TIMEOUT", 0.3)


def new_threads(old):
    return [thread.name for thread in threading.enumerate() if thread not in old]


def open_files():
    """Return what this process has open, where the system tells: sockets, pipes, files."""
    place = Path("/proc/self/fd")
    if not place.exists():
        return Counter()
    names = []
    for entry in place.iterdir():
        try:
            names.append(str(entry.readlink()))
        except OSError:
            pass  # the descriptor of this listing itself
    ours = [name for name in names if not name.startswith("/proc/")]
    return Counter(name for name in ours if not name.endswith(".ttf"))  # matplotlib keeps its fonts
