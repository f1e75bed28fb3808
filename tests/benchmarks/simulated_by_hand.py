"""Flooding by hand: nodes, and a loop that calls what is due next. There is less in no simulator.

The heap is a `heapq` of tuples (time, serial, …). The calendar keeps the same order, exactly: what
is due within `WIDTH` seconds waits in one bucket, which is sorted when its turn comes; and whatever
is due in the bucket of the day is put in its place there.

A rumor is a number here, and the nodes are objects that know each other: nothing is encoded, and
nothing is recorded but the number of messages.
"""

from bisect import insort
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from random import Random
from typing import Any

from tests.benchmarks.simulated import LATENCY

WIDTH = 0.001
"""Virtual seconds that share a bucket."""

_LEAST, _SPREAD = LATENCY[0], LATENCY[1] - LATENCY[0]


class Heap:
    """What is due, in a heap."""

    def __init__(self) -> None:
        self.now = 0.0
        self._serial = count()
        self._queue: list[tuple[float, int, Callable[..., None], int, Node]] = []

    def after(
        self, delay: float, action: "Callable[..., None]", rumor: int, sender: "Node"
    ) -> None:
        """Call action(rumor, sender) in so many seconds."""
        heappush(self._queue, (self.now + delay, next(self._serial), action, rumor, sender))

    def run(self) -> None:
        """Do all that is due."""
        queue = self._queue
        while queue:
            self.now, _, action, rumor, sender = heappop(queue)
            action(rumor, sender)


class Calendar:
    """What is due, in buckets. Only the numbers of those that are not empty are in a heap."""

    def __init__(self) -> None:
        self.now = 0.0
        self._serial = count()
        self._today = -1
        self._bucket: list[Any] = []  # of today, in order, and what is done is still there
        self._later: dict[int, list[Any]] = {}
        self._days: list[int] = []

    def after(
        self, delay: float, action: "Callable[..., None]", rumor: int, sender: "Node"
    ) -> None:
        """Call action(rumor, sender) in so many seconds."""
        time = self.now + delay
        entry = (time, next(self._serial), action, rumor, sender)
        day = int(time / WIDTH)
        if day == self._today:
            insort(self._bucket, entry)
        elif (bucket := self._later.get(day)) is not None:
            bucket.append(entry)
        else:
            self._later[day] = [entry]
            heappush(self._days, day)

    def run(self) -> None:
        """Do all that is due."""
        while self._days:
            self._today = heappop(self._days)
            self._bucket = self._later.pop(self._today)
            self._bucket.sort()
            for time, _, action, rumor, sender in self._bucket:  # it may become longer
                self.now = time
                action(rumor, sender)
        self._today = -1


class Node:
    """Passes on what it hears for the first time."""

    def __init__(self, queue: Heap | Calendar, random: Random) -> None:
        self.after = queue.after
        self.random = random.random
        self.peers: list[Node] = []
        self.heard: set[int] = set()
        self.received = 0

    def hear(self, rumor: int, sender: "Node | None") -> None:
        """Take a rumor from a peer, or from nobody."""
        self.received += 1
        if rumor in self.heard:
            return
        self.heard.add(rumor)
        for peer in self.peers:
            if peer is not sender:
                self.after(_LEAST + _SPREAD * self.random(), peer.hear, rumor, self)


KINDS: dict[str, type[Heap | Calendar]] = {"heap": Heap, "calendar": Calendar}
