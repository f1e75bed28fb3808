"""Workers are good children: they end with their parent, however it ends, and leave nothing behind."""

import os
import random
import re
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest
from tools import PATIENCE, eventually, takes_less_than

import p2pkit

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="ends processes by POSIX signals"),
    pytest.mark.skipif(not Path("/proc").exists(), reason="finds processes in /proc"),
]

ROOT = str(Path(p2pkit.__file__).parents[1])
MINUTE = 60.0  # a busy machine takes its time to start processes

BEGIN = """
import os, signal, sys, threading, time
from p2pkit import LocalNetwork, Message, Protocol, on

class Note(Message):
    number: int

class Busy(Protocol):
    def on_start(self):
        self.heard = []
        self.results = []

    def chat(self):
        self.every(0.01, lambda: self.broadcast(Note(1)))

    @on(Note)
    def hear(self, note, sender):
        self.heard.append(note)

    def hang(self):
        self.after(0.05, self.spin)

    def spin(self):
        print(self.id, "spins")
        while True:
            pass

    def compute(self, function, *args):
        self.work(function, *args, then=self.results.append)

def burn():
    while True:
        pass
"""


@pytest.fixture
def mark():
    """A word in the environment of all that a test starts: by it they are found, and ended."""
    word = f"P2PKIT_TEST_{uuid.uuid4().hex}"
    yield word
    for pid in marked(word):
        os.kill(pid, signal.SIGKILL)


def marked(word):
    """Return the processes that have a word in their environment; those that are dead have none."""
    found = []
    for place in Path("/proc").iterdir():
        if place.name.isdigit():
            try:
                if word.encode() in (place / "environ").read_bytes():
                    found.append(int(place.name))
            except OSError:
                pass  # it has ended meanwhile, or is not ours
    return found


def environment(mark):
    return os.environ | {mark: "1", "PYTHONPATH": ROOT, "PYTHONUNBUFFERED": "1"}


def started(mark, script, **options):
    """Start a script in a session of its own, as a terminal would."""
    return subprocess.Popen(
        [sys.executable, "-c", BEGIN + script],
        env=environment(mark),
        start_new_session=True,
        stdout=subprocess.PIPE,
        text=True,
        **options,
    )


def all_gone(mark, within=5.0):
    eventually(lambda: not marked(mark), within=within)


# However the parent ends

ENDINGS = {
    "end of the script": ("", 0),
    "sys.exit": ("sys.exit(3)", 3),
    "exception": ("raise KeyError('mine')", 1),
    "os._exit": ("os._exit(4)", 4),
    "SIGTERM": ("os.kill(os.getpid(), signal.SIGTERM)", -15),
    "SIGKILL": ("os.kill(os.getpid(), signal.SIGKILL)", -9),
}

BUSY = """
net = LocalNetwork(Busy, 4, processes=4)
net.call("n0", "chat")
net.call("n1", "compute", abs, -1)
assert net.run(until=lambda: net["n1"].results and net["n3"].heard, within=60)
net.call("n1", "compute", burn)
net.call("n2", "hang")
time.sleep(0.2)
print("busy")
"""
"""A node talks, one hangs in a handler, one has work done that never ends, one is idle."""


@pytest.mark.parametrize("how", ENDINGS)
def test_no_process_outlives_its_parent(mark, how):
    ending, code = ENDINGS[how]
    with started(mark, BUSY + ending, stderr=subprocess.DEVNULL) as parent:
        output = parent.stdout.read()
        assert parent.wait(MINUTE) == code
    all_gone(mark)
    assert "busy" in output


ALONE = """
net = LocalNetwork(Busy, 1)
net.call("n0", "compute", abs, -1)
assert net.run(until=lambda: net["n0"].results, within=60)
net.call("n0", "compute", burn)
net.run(0.2)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_work_does_not_outlive_a_network_in_one_process(mark):
    with started(mark, ALONE, stderr=subprocess.DEVNULL) as parent:
        assert parent.wait(MINUTE) == -9
    all_gone(mark)


def test_work_does_not_outlive_the_worker_that_wanted_it(mark):
    script = """
net = LocalNetwork(Busy, 2, processes=2)
net.call("n1", "compute", os.getppid)
assert net.run(until=lambda: net["n1"].results, within=60)
assert net["n1"].results == [net.pids["n1"]]
net.call("n1", "compute", burn)
net.run(0.2)
print(os.getpid(), *set(net.pids.values()))
sys.stdin.read()
"""
    with started(mark, script, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as parent:
        ours, one, two = map(int, parent.stdout.readline().split())
        assert len(marked(mark)) > 3
        os.kill(one, signal.SIGKILL)
        os.kill(two, signal.SIGKILL)
        eventually(lambda: marked(mark) == [ours], within=5)
        parent.stdin.close()
    all_gone(mark)


# A network that is closed


def test_a_closed_network_leaves_no_process_no_zombie_no_thread_and_no_file(mark):
    script = """
def held():
    return sorted(os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")[:-1])

with LocalNetwork(Busy, 3, processes=3):
    pass
before = len(held())
for _ in range(3):
    with LocalNetwork(Busy, 6, processes=3) as net:
        net.call("n0", "chat")
        net.call("n1", "compute", abs, -1)
        assert net.run(until=lambda: net["n1"].results and net["n5"].heard, within=60)
assert len(held()) == before, held()
assert threading.active_count() == 1, threading.enumerate()
try:
    os.waitpid(-1, os.WNOHANG)
except ChildProcessError:
    print("no child")
"""
    with started(mark, script, stderr=subprocess.PIPE) as parent:
        assert parent.communicate(timeout=MINUTE) == ("no child\n", "")
    all_gone(mark)


def test_a_network_with_a_node_that_hangs_closes_and_says_which(mark):
    script = """
from p2pkit import worker
from p2pkit.errors import NetworkError
worker.STUCK = 0.5
net = LocalNetwork(Busy, 3, processes=3)
net.call("n2", "hang")
time.sleep(0.2)
begin = time.monotonic()
try:
    net.close()
except NetworkError as error:
    print(error)
assert time.monotonic() - begin < 5
assert net["n0"].heard == []
net.close()
"""
    with started(mark, script, stderr=subprocess.PIPE) as parent:
        output, errors = parent.communicate(timeout=MINUTE)
    assert errors == ""
    assert re.search(r"one of them is busy at .*, in spin", output)
    all_gone(mark)


def test_what_handlers_print_comes_as_whole_lines(mark):
    script = """
class Talker(Protocol):
    def talk(self):
        for number in range(200):
            print(f"{self.id} says {number}", "x" * 300, end=".\\n")

with LocalNetwork(Talker, 6, processes=3) as net:
    threads = [threading.Thread(target=net.call, args=(name, "talk")) for name in net.names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
"""
    with started(mark, script, stderr=subprocess.PIPE) as parent:
        output, errors = parent.communicate(timeout=MINUTE)
    assert errors == ""
    lines = re.findall(r"^(n\d) says (\d+) x{300}\.$", output, re.MULTILINE)
    assert len(lines) == len(output.splitlines()) == 1200
    for node in range(6):
        assert [int(number) for name, number in lines if name == f"n{node}"] == list(range(200))


# Ctrl-C

STORY = """
print("go")
with LocalNetwork(Busy, 6, processes=3) as net:
    net.call("n0", "chat")
    net.run(0.3)
"""


@pytest.mark.slow
def test_an_interrupt_at_any_moment_ends_everything_soon(mark):
    with started(mark, STORY) as parent:
        parent.stdout.readline()
        begin = time.monotonic()
        assert parent.wait(MINUTE) == 0
        whole = time.monotonic() - begin
    dice = random.Random(15)
    codes = []
    for turn in range(15):
        with started(mark, STORY, stderr=subprocess.PIPE) as parent:
            parent.stdout.readline()
            time.sleep(whole * (turn + dice.random()) / 15)
            os.killpg(parent.pid, signal.SIGINT)  # as a terminal does for Ctrl-C
            with takes_less_than(5):
                _, errors = parent.communicate(timeout=MINUTE)
            codes.append(parent.returncode)
        assert parent.returncode in (0, -signal.SIGINT), errors
        assert errors == "" or errors.endswith("\nKeyboardInterrupt\n")
        assert errors.count("Traceback") == (errors != "")
        all_gone(mark)
    assert codes.count(-signal.SIGINT) > 5, codes


# Notebooks

FIRST_CELL = """
import os
from p2pkit import LocalNetwork, Message, Protocol, on

class Rumor(Message):
    text: str

class Gossip(Protocol):
    def on_start(self):
        self.heard = set()

    @on(Rumor)
    def hear(self, rumor, sender):
        print(self.id, "hears", rumor.text)
        if rumor not in self.heard:
            self.heard.add(rumor)
            self.broadcast(rumor)

net = LocalNetwork(Gossip, 3, processes=3)
net.tell("n0", Rumor("hello"))
assert net.run(until=lambda: all(node.heard == {Rumor("hello")} for node in net), within=20)
assert {type(rumor) for node in net for rumor in node.heard} == {Rumor}
pids = net.pids
print(len(set(pids.values()) | {os.getpid()}), "processes")
"""


class Notebook:
    """A real Jupyter kernel, and what its cells print."""

    def __init__(self, mark):
        client = pytest.importorskip("jupyter_client")
        pytest.importorskip("ipykernel")
        self.manager = client.KernelManager(kernel_name="python3", transport_encryption="auto")
        self.manager.start_kernel(env=environment(mark), stderr=subprocess.DEVNULL)
        self._connect()

    def _connect(self):
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=MINUTE)

    def start(self, code):
        """Start a cell, and return when it prints something."""
        self.client.execute(code, stop_on_error=False)  # or the next cell might be left out
        return self._next("stream")["text"]

    def run(self, code):
        """Run a cell to its end; return what it prints, and the name of the exception it raises."""
        printed = []
        reply = self.client.execute_interactive(
            code, timeout=MINUTE, output_hook=lambda message: printed.append(message["content"])
        )
        assert reply["content"]["status"] != "aborted"
        return "".join(part.get("text", "") for part in printed), reply["content"].get("ename")

    def interrupt(self):
        """Press the Stop button; return the name of the exception that the running cell raises."""
        self.manager.interrupt_kernel()
        return self._next("error")["ename"]

    def restart(self):
        self.client.stop_channels()
        self.manager.restart_kernel(now=True)
        self._connect()

    def close(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)

    def _next(self, kind):
        while True:
            message = self.client.get_iopub_msg(timeout=PATIENCE)
            if message["msg_type"] == kind:
                return message["content"]


@pytest.fixture
def notebook(mark):
    kernel = Notebook(mark)
    yield kernel
    kernel.close()


def test_a_cell_can_be_interrupted_and_the_network_works_in_the_next(notebook):
    printed, error = notebook.run(FIRST_CELL)
    assert error is None, printed
    assert "4 processes" in printed
    assert "n2 hears hello" in printed
    notebook.start("print('running'); net.run(600)")
    assert notebook.interrupt() == "KeyboardInterrupt"
    again = """
assert net.pids == pids and all(map(net.is_up, net.names))
net.tell("n1", Rumor("again"))
assert net.run(until=lambda: all(Rumor("again") in node.heard for node in net), within=20)
net.close()
print(sorted(rumor.text for rumor in net["n2"].heard))
"""
    printed, error = notebook.run(again)
    assert error is None, printed
    assert "['again', 'hello']" in printed


def test_a_cell_that_runs_again_makes_a_network_of_the_new_classes(notebook):
    for _ in range(3):
        printed, error = notebook.run(FIRST_CELL)
        assert error is None, printed
    _, error = notebook.run("old = Rumor('x')\n" + FIRST_CELL + "net.tell('n0', old)")
    assert error == "ProtocolError"


def test_a_kernel_that_restarts_or_ends_takes_its_workers_along(notebook, mark):
    _, error = notebook.run(FIRST_CELL)
    assert error is None
    before = set(marked(mark))
    assert len(before) >= 4
    notebook.restart()
    eventually(lambda: not before & set(marked(mark)), within=5)
    _, error = notebook.run(FIRST_CELL)
    assert error is None
    notebook.manager.shutdown_kernel(now=True)
    all_gone(mark)
