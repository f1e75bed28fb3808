"""Broadcast in batches: rumors wait a moment for company, and travel together.

Even a tree sends n - 1 messages for a rumor, as every node but one has to be told. When there are
many rumors, there is a way below that: collect what is new, and now and then tell each peer all of it
in one message. The price is time, at most `pause` a hop. What was lost, because the network was in two
pieces, is found by comparing: now and then each node shows one of its peers what it has heard, and
gets what it misses, as in `repair`. These notes grow for ever; where that is too much, hashes of them
are compared first.

    net = SimNetwork(Broadcast, build("grid", 25), link=Link(latency=0.1))

These are the demands of the last broadcast challenge of Maelstrom and Fly.io (fly.io/dist-sys/3e): 25
nodes, links of 0.1 seconds, below 20 messages an operation, a median below 1 second and no rumor
above 2, nothing lost when a partition heals.
"""

from p2pkit.message import Message
from p2pkit.protocol import Protocol, on


class Rumor(Message):
    """Something that everybody should hear."""

    text: str


class Batch(Message):
    """Rumors that may be news to you."""

    rumors: tuple[Rumor, ...]


class Notes(Message):
    """All rumors that I have heard. What did I miss?"""

    rumors: frozenset[Rumor]


class Broadcast(Protocol):
    """Collect new rumors, and tell them to all peers but the one that told them."""

    pause = 0.12  # seconds between two batches
    patience = 1.0  # seconds between two comparisons
    heard: set[Rumor]
    fresh: dict[Rumor, str | None]

    def on_start(self) -> None:
        self.heard = set()
        self.fresh = {}  # what to tell, and who needs not be told; a dict, as it keeps its order
        self.every(self.pause, self.tell)
        self.every(self.patience, self.compare, jitter=self.patience)

    @on(Rumor)
    def hear(self, rumor: Rumor, sender: str | None) -> None:
        if rumor not in self.heard:
            self.heard.add(rumor)
            self.fresh[rumor] = sender

    @on(Batch)
    def hear_all(self, batch: Batch, sender: str) -> None:
        for rumor in batch.rumors:
            self.hear(rumor, sender)

    def tell(self) -> None:
        """Tell each peer what is new, in one message."""
        for peer in self.peers:
            if news := tuple(rumor for rumor, teller in self.fresh.items() if teller != peer):
                self.send(peer, Batch(news))
        self.fresh = {}

    def compare(self) -> None:
        """Show one peer what was heard here."""
        for peer in self.sample(1):
            self.send(peer, Notes(frozenset(self.heard)))

    @on(Notes)
    def complete(self, notes: Notes, sender: str) -> None:
        missing = sorted(self.heard - notes.rumors)
        if missing:
            self.send(sender, Batch(tuple(missing)))
