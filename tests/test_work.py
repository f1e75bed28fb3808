"""Work: what is slow is done by processes, and comes back."""

import networkx as nx
import pytest
from tools import PATIENCE

from p2pkit import LocalNetwork, Protocol
from p2pkit.errors import NetworkError
from p2pkit.work import Pool

MINUTE = 60.0  # a busy machine takes its time to start processes


@pytest.fixture(scope="module", autouse=True)
def loky_is_up():
    """Start what loky keeps for the whole life of a process, so that it does not look left over."""
    loky = pytest.importorskip("loky")
    with loky.ProcessPoolExecutor(1) as pool:
        pool.submit(abs, -1).result()


pytestmark = pytest.mark.usefixtures("nothing_left")


class Clerk(Protocol):
    """Let others do the sums."""

    def on_start(self):
        self.results = []
        self.ticks = 0
        self.every(0.01, self.tick)

    def tick(self):
        self.ticks += 1

    def calculate(self, function, *args):
        self.work(function, *args, then=self.results.append)


def test_work_is_done_by_another_process_and_holds_nobody_up():
    import os
    import time

    with LocalNetwork(Clerk, 2) as net:
        net.call("n0", "calculate", os.getpid)
        assert net.run(until=lambda: net["n0"].results, within=MINUTE)
        assert net["n0"].results != [os.getpid()]
        before = net["n0"].ticks
        net.call("n0", "calculate", time.sleep, 0.3)
        assert net.run(until=lambda: len(net["n0"].results) == 2, within=MINUTE)
        assert net["n0"].ticks > before + 3


def test_a_function_made_in_a_notebook_can_work():
    factor = 3
    with LocalNetwork(Clerk, 1) as net:
        net.call("n0", "calculate", lambda number: number * factor, 14)
        assert net.run(until=lambda: net["n0"].results == [42], within=MINUTE)


def test_an_exception_in_the_work_leaves_run():
    with LocalNetwork(Clerk, 2) as net:
        net.call("n0", "calculate", divmod, 1, 0)
        with pytest.raises(ZeroDivisionError) as raised:
            net.run(MINUTE)
        assert any("at node n0" in note for note in raised.value.__notes__)
        assert not net.is_up("n0")
        assert net.is_up("n1")


def test_what_cannot_travel_to_a_process_is_said():
    import threading

    with LocalNetwork(Clerk, nx.empty_graph(1)) as net:
        lock = threading.Lock()
        with pytest.raises(Exception, match="pickle"):  # noqa: PT012
            net.call("n0", "calculate", id, lock)
            net.run(MINUTE)


def test_a_network_ends_work_that_takes_too_long():
    import time

    with LocalNetwork(Clerk, 1) as net:
        net.call("n0", "calculate", time.sleep, 0)
        assert net.run(until=lambda: net["n0"].results, within=MINUTE)
        net.call("n0", "calculate", time.sleep, 600)
        net.run(0.1)
        began = time.monotonic()
    assert time.monotonic() - began < PATIENCE


def test_without_the_package_that_works_its_name_is_said(monkeypatch):
    import builtins

    original = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith("loky"):
            raise ImportError(name)
        return original(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(NetworkError, match=r"pip install .*p2pkit\[processes\]"):
        Pool().executor()


def test_a_pool_that_was_never_used_closes():
    Pool().close()
