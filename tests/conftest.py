"""What all tests share."""

import asyncio
import os
import signal
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from browser import chromium, page  # noqa: F401  # fixtures, for all tests
from program import Program
from tools import eventually

from p2pkit import LocalNetwork, SimNetwork, greeting, simhost, tcp
from p2pkit.work import Pool

WORLDS = {
    "simulated": SimNetwork,
    "sockets": LocalNetwork,
    "processes": partial(LocalNetwork, processes=3),
}
"""Where a protocol can run: each makes a network of (Protocol, graph, **options)."""

os.environ.setdefault("MPLBACKEND", "Agg")

# Some tests press Ctrl-C. Who runs the tests in the background may have let all of us ignore it.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(params=WORLDS)
def network(request):
    """Make networks of one world: the same test is told to each of them."""
    return WORLDS[request.param]


@pytest.fixture(params=["sockets", "processes"])
def real_network(request):
    """Make networks of one world where time passes by itself, and nodes are copied to be seen."""
    return WORLDS[request.param]


@pytest.fixture(params=["simulated", "sockets"])
def impatient_network(request, impatient, monkeypatch):
    """Make networks of one world where silence is noticed soon, also by those who dial; a worker
    could not be told so."""
    monkeypatch.setattr(greeting, "HELLO_TIMEOUT", 0.5)
    for module in (greeting, simhost):
        monkeypatch.setattr(module, "DIAL_TIMEOUT", 0.5)
    return WORLDS[request.param]


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
    for module in (tcp, simhost):
        monkeypatch.setattr(module, "PEER_TIMEOUT", 0.3)


@pytest.fixture
def no_processes(monkeypatch):
    """Do the work in threads, which start sooner, for the nodes of this process."""
    executors = []

    def executor(pool):
        executors.append(ThreadPoolExecutor())
        return executors[-1]

    monkeypatch.setattr(Pool, "executor", executor)
    yield
    for executor in executors:
        executor.shutdown()


@pytest.fixture
def without_a_screen():
    """Draw into memory, and forget all figures in the end."""
    from matplotlib import pyplot  # here, as most tests draw nothing

    pyplot.switch_backend("Agg")
    yield
    pyplot.close("all")


@pytest.fixture
def start(tmp_path):
    """Return a function that starts a program; what still runs at the end of a test is killed."""
    programs = []

    def begin(*words):
        programs.append(Program(*words, cwd=tmp_path))
        return programs[-1]

    yield begin
    for program in programs:
        program.process.kill()
        if not program.process.stdin.closed:
            program.end()
        program.process.stdout.close()
        program.process.stderr.close()


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
