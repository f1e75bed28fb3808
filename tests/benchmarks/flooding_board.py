"""The network that is flooded, and the board on which its nodes write down what they heard.

The board is a file that all processes map into their memory, so writing to it sends no message and
costs every peer the same. Each node has its own places, and writes nowhere else.
"""

import mmap
import random
import time
from pathlib import Path
from typing import Protocol

from tests.benchmarks.workloads import FIRST, WORKLOADS

COUNT = 25
DEGREE = 4
MOST = 1_000_000
"""Rumors that there is room for; pages of the board that nobody writes to do not exist."""

TEXT = WORKLOADS["throughput"].text


def _edges() -> list[tuple[int, int]]:
    """Pair all ends of links at random, again until no two links are alike and none is a loop."""
    dice = random.Random(77)  # the first attempt succeeds, and all nodes are connected
    while True:
        ends = DEGREE * list(range(COUNT))
        dice.shuffle(ends)
        edges = {(min(pair), max(pair)) for pair in zip(ends[::2], ends[1::2], strict=True)}
        if len(edges) == len(ends) // 2 and all(a != b for a, b in edges):
            return sorted(edges)


EDGES = _edges()
"""A random regular graph, the same in all processes. (networkx would cost each of them 20 MB.)"""

PER_RUMOR = 2 * len(EDGES) - COUNT + 1
"""Deliveries: the first teller uses all of its links, every other node all of its links but one."""


class Network(Protocol):
    """What is flooded. Who makes one returns when all nodes are connected."""

    def tell(self, first: int, stop: int) -> None:
        """Tell node 0 the rumors from number `first` to the one before `stop`."""

    def close(self) -> None:
        """Close all nodes; return when they are closed."""


class Board:
    """What all nodes have written down."""

    def __init__(self, path: Path) -> None:
        with path.open("r+b") as file:
            view = memoryview(mmap.mmap(file.fileno(), 0))
        step = 8 * COUNT
        self.received = view[:step].cast("q")
        self.new = view[step : 2 * step].cast("q")
        self.when = view[2 * step : 3 * step].cast("d")
        self.heard = view[3 * step :]
        """How often each node took each rumor for new."""

    @staticmethod
    def create(path: Path) -> "Board":
        """Make an empty board, in a file."""
        with path.open("wb") as file:
            file.truncate((3 * 8 + MOST) * COUNT)
        return Board(path)

    def known(self) -> int:
        """Return how many rumors the slowest node has heard."""
        return min(self.new.tolist())

    def deliveries(self) -> int:
        """Return how many messages have arrived. Those that the first node was told are none."""
        return sum(self.received.tolist()) - self.new[0]

    def check(self, told: int) -> None:
        """Raise RuntimeError unless each node heard each rumor as new once, on just enough ways."""
        for node in range(COUNT):
            heard = self.heard[node * MOST : (node + 1) * MOST]
            if bytes(heard[:told]) != b"\1" * told or any(heard[told : 2 * told]):
                raise RuntimeError(f"node {node} did not hear each of {told} rumors once as new")
        if self.deliveries() != told * PER_RUMOR:
            wrong = f"{self.deliveries()} deliveries, instead of {told} x {PER_RUMOR}"
            raise RuntimeError(wrong)


class Ledger:
    """A node's memory, which is the same in all peers: what it has heard, and its board."""

    def __init__(self, path: str, node: int) -> None:
        self.heard: set[int] = set()
        self._node = node
        self._board = Board(Path(path))
        self._received = 0

    def is_new(self, n: int) -> bool:
        """Take a rumor that has arrived, or was told, and say whether it is the first time."""
        board, node = self._board, self._node
        self._received += 1
        board.received[node] = self._received
        if n in self.heard:
            return False
        self.heard.add(n)
        board.heard[node * MOST + n - FIRST] += 1
        board.when[node] = time.perf_counter()
        board.new[node] += 1  # the last: who reads it may rely on the others
        return True

    def __getstate__(self) -> dict[str, object]:
        """Copy, as p2pkit does when it shows a node, what can be copied."""
        return {"heard": self.heard, "_node": self._node}
