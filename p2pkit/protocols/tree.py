"""A tree: flood once, and remember which links were of no use.

Whoever is told what it knows already answers *prune*: from then on the two leave the link between
them out. The first rumor floods the overlay; the links on which it came as news are what remains,
and they form a tree that reaches everybody. Each later rumor takes n - 1 messages, whoever tells it:
nobody is told twice.

The price is that nothing is left over. Cut one link of the tree, or let one node crash, and whoever
is behind it hears no more, though other links lead there. And the first rumor needs its time: two
that flood at once may both prune, and what is left need not be connected.

This is the eager half of Plumtree: Leitão, Pereira and Rodrigues, "Epidemic broadcast trees" (SRDS
2007), section 3. Their other half keeps announcing on the pruned links, as `lazy` does on all, and
mends the tree with them.
"""

from p2pkit.message import Message
from p2pkit.protocol import Protocol, on


class Rumor(Message):
    """Something that everybody should hear."""

    text: str


class Prune(Message):
    """I knew what you told me: leave me out from now on, as I leave you out."""


class Tree(Protocol):
    """Tell every new rumor to all peers, but for those where one of us was told in vain."""

    heard: set[Rumor]
    pruned: set[str]

    def on_start(self) -> None:
        self.heard = set()
        self.pruned = set()

    def on_disconnect(self, peer: str) -> None:
        self.pruned.discard(peer)  # should it come back, it may have missed something

    @on(Rumor)
    def hear(self, rumor: Rumor, sender: str | None) -> None:
        if rumor not in self.heard:
            self.heard.add(rumor)
            self.broadcast(rumor, but=self.pruned | {sender or self.id})
        elif sender:
            self.pruned.add(sender)
            self.send(sender, Prune())

    @on(Prune)
    def prune(self, _: Prune, sender: str) -> None:
        self.pruned.add(sender)
