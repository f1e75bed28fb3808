"""Flooding with p2pkit, as a student writes it. This module is imported by each worker."""

from p2pkit import Message, Protocol, on
from tests.benchmarks.flooding_board import TEXT, Ledger
from tests.benchmarks.workloads import FIRST


class Rumor(Message):
    """The message of all peers."""

    n: int
    text: str


class Flood(Protocol):
    """Tells every new rumor to all peers but the one that told it."""

    path = ""

    def on_start(self) -> None:
        """Begin to remember."""
        self.ledger = Ledger(self.path, int(self.id[1:]))

    def tell(self, first: int, stop: int) -> None:
        """Start some rumors."""
        for n in range(first, stop):
            self.hear(Rumor(FIRST + n, TEXT), None)

    @on(Rumor)
    def hear(self, rumor: Rumor, sender: str | None) -> None:
        """Pass it on, the first time."""
        if self.ledger.is_new(rumor.n):
            self.broadcast(rumor, but=sender)
