"""25 connected nodes, flooded with rumors: each node passes on what it hears for the first time.

One node is told all rumors. First one at a time, to see when the last node hears it; then as many
as fit into `WINDOW`, which bounds what waits in sockets and queues. A delivery is a message that
has arrived, new or not: with 50 links a rumor makes 76. Run as `python -m tests.benchmarks.flooding
NAME SECONDS`; it prints one line of JSON.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Literal

import psutil

from tests.benchmarks import child
from tests.benchmarks.flooding_board import EDGES, MOST, PER_RUMOR, Board, Network

WINDOW = 256
"""Rumors under way at most: 25 KB a link, which fit into the buffers of any socket."""
CHUNK = 64
"""Rumors that are told at once, as soon as so many have been heard everywhere."""
WARM_UP = 5
LAPS = 40
GLANCE = 0.001
"""Seconds between two looks at the board."""
PATIENCE = 10.0
"""Seconds in which nothing more arrives, after which it never will."""


class Flooding:
    """Rumors on their way through a network, as the board shows them."""

    def __init__(self, network: Network, board: Board) -> None:
        self._network = network
        self._board = board
        self._told = 0

    def lap(self) -> float:
        """Tell one rumor; return the seconds from the first node that hears it to the last."""
        self._network.tell(self._told, self._told + 1)
        self._told += 1
        self._settle()
        when = self._board.when.tolist()
        return max(when) - when[0]

    def flow(self, seconds: float) -> dict[str, float]:
        """Tell more and more rumors, until it takes about as long as it should."""
        count = 2 * WINDOW
        while True:
            cpu = _cpu()
            taken, deliveries = self._pour(count)
            self._settle()
            used = _cpu() - cpu
            if taken > 0.6 * seconds or self._told + count > MOST:
                break
            longer = min(20.0, 1.1 * seconds / taken)
            count = min(round(count * longer), MOST - self._told)
        rate, each = deliveries / taken, used / (count * PER_RUMOR)
        return {"count": count, "seconds": taken, "rate": rate, "cpu": each}

    def check(self) -> None:
        """Raise RuntimeError unless each node has heard each rumor once as new."""
        self._board.check(self._told)

    def _pour(self, count: int) -> tuple[float, int]:
        """Tell rumors until all are known everywhere; return the seconds and the deliveries."""
        before, stop = self._board.deliveries(), self._told + count
        began = progress = time.perf_counter()
        latest = self._told
        while (known := self._board.known()) < stop:
            room = min(WINDOW - (self._told - known), stop - self._told)
            if room >= CHUNK or 0 < room == stop - self._told:
                self._network.tell(self._told, self._told + room)
                self._told += room
            else:
                time.sleep(GLANCE)
            if known > latest:
                latest, progress = known, time.perf_counter()
            elif time.perf_counter() > progress + PATIENCE:
                self.check()  # which says what is missing
        return time.perf_counter() - began, self._board.deliveries() - before

    def _settle(self) -> None:
        """Wait until the duplicates of the last rumor have come, too."""
        deadline = time.perf_counter() + PATIENCE
        while self._board.deliveries() < self._told * PER_RUMOR:
            if time.perf_counter() > deadline:
                self.check()  # which says what is missing
            time.sleep(GLANCE)


def measure(open_network: Callable[[Path], Network], seconds: float) -> dict[str, float]:
    """Open a network, flood it, close it, and return what that took."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "board"
        board = Board.create(path)
        began = time.perf_counter()
        network = open_network(path)
        start = time.perf_counter() - began
        flooding = Flooding(network, board)
        laps = [flooding.lap() for _ in range(WARM_UP + LAPS)][WARM_UP:]
        memory = _memory()  # now, as later it depends on how many rumors there were
        flow = flooding.flow(seconds)
        closing = time.perf_counter()
        network.close()
        close = time.perf_counter() - closing
        flooding.check()
    everywhere = statistics.median(laps)
    return flow | {"start": start, "everywhere": everywhere, "memory": memory, "close": close}


def _family() -> list[psutil.Process]:
    this = psutil.Process()
    return [this, *this.children(recursive=True)]


def _cpu() -> float:
    """Return the CPU seconds of all processes."""
    times = (process.cpu_times() for process in _family())
    return float(sum(each.user + each.system for each in times))


def _memory() -> int:
    """Return the bytes of all processes; what they share is counted once, where that is known."""
    uses = [process.memory_full_info() for process in _family()]
    return sum(getattr(use, "pss", use.uss) for use in uses)


Opener = Callable[[Path], Network]


def p2pkit(record: Literal["all", "counts"], processes: int | None = None) -> Opener:
    """Flood a `LocalNetwork`."""
    import networkx as nx

    from p2pkit import LocalNetwork
    from tests.benchmarks.flooding_p2pkit import Flood

    class Net:
        """A `LocalNetwork` whose first node can be told many rumors at once."""

        def __init__(self, path: Path) -> None:
            protocol, graph = Flood.using(path=str(path)), nx.Graph(EDGES)
            self._net = LocalNetwork(protocol, graph, record=record, processes=processes)
            self.close = self._net.close

        def tell(self, first: int, stop: int) -> None:
            """Let n0 begin."""
            self._net.call("n0", "tell", first, stop)

    return Net


def by_hand(processes: int | None = None) -> Opener:
    """Flood what asyncio and msgspec are enough for."""
    from tests.benchmarks.flooding_asyncio import Groups

    return partial(Groups, processes=processes)


def p2pnetwork() -> Opener:
    """Flood the ancestor."""
    import p2pnetwork.node  # noqa: F401 - now, as it shall not count as a part of the start

    from tests.benchmarks import flooding_nodes

    return flooding_nodes.p2pnetwork


def p2pkit_node() -> Opener:
    """Flood p2pkit's nodes with a callback."""
    import p2pkit.node  # noqa: F401 - now, as it shall not count as a part of the start
    from tests.benchmarks import flooding_nodes

    return flooding_nodes.p2pkit_node


KINDS: dict[str, Callable[[], Opener]] = {
    "p2pnetwork": p2pnetwork,
    "asyncio": by_hand,
    "asyncio, 5 processes": lambda: by_hand(5),
    "p2pkit": lambda: p2pkit("all"),
    "p2pkit, counts": lambda: p2pkit("counts"),
    "p2pkit, 5 processes": lambda: p2pkit("all", 5),
    "p2pkit, counts, 5": lambda: p2pkit("counts", 5),
    "p2pkit Node": p2pkit_node,
}


def main() -> None:
    """Measure one kind of node."""
    child.be_silent()
    found = measure(KINDS[sys.argv[1]](), float(sys.argv[2]))
    child.report(**found)  # the last, as this process is killed then


if __name__ == "__main__":
    main()
