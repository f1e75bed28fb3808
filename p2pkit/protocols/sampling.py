"""Peer sampling: know a few nodes, and after a while a few others, as if drawn from all.

Nobody can know everybody where nodes come and go. So each keeps a small *view*: contacts, and how
old the news of each is. Once a cycle it takes the oldest out, and asks just that one to trade some of
the rest: so whoever is gone is found out, and forgotten. In the place of what it took out it offers
itself, anew; so there are always as many pointers to a node as a view has places, or nearly. The graph
of who has whom in view is hardly to be told from a random one, and heals like one.

This is Cyclon, with its enhanced shuffling: Voulgaris, Gavidia and van Steen, "CYCLON: inexpensive
membership management for unstructured P2P overlays", Journal of Network and Systems Management 13
(2005), section 3. What a node knows at first are its peers: in the graph, or the one that it joins.

    net = SimNetwork(Cyclon, build("ring", 100), seed=1)
    net.run(60)
    net["n7"].view
"""

from collections.abc import Iterable
from functools import partial

from p2pkit.message import Contact, Message
from p2pkit.protocol import Protocol, on


class Entry(Message):
    """Somebody, and how many cycles it was in views since it said so itself."""

    contact: Contact
    age: int


class Trade(Message):
    """Take these, and give me some of yours."""

    entries: tuple[Entry, ...]


class Returned(Message):
    """What is given in return."""

    entries: tuple[Entry, ...]


class Cyclon(Protocol):
    """Hold a view of `size` other nodes, and trade `traded` of them once a cycle."""

    size = 20
    traded = 5  # the fewer, the more even are the views that a node is in; the more, the sooner
    cycle = 1.0  # seconds; each trades once in it, at a moment drawn anew
    patience = 0.5  # seconds to wait for an answer
    view: dict[str, Entry]

    def on_start(self) -> None:
        super().on_start()  # so that it can be mixed with a protocol that needs such a sample
        self.view = {}
        self.every(self.cycle, self.shuffle, jitter=self.cycle)

    def on_connect(self, peer: str) -> None:
        self.keep([Entry(Contact(peer, self.peers[peer]), 0)], given=())

    def some(self, k: int) -> list[Entry]:
        """Return k entries of the view, chosen at random, or all of them if there are fewer."""
        return self.random.sample([*self.view.values()], min(k, len(self.view)))

    def shuffle(self) -> None:
        """Trade with the oldest in view; if nobody is left there, begin again with the peers."""
        if not self.view:
            for peer in self.peers:
                self.on_connect(peer)
        self.view = {id: Entry(old.contact, old.age + 1) for id, old in self.view.items()}
        if self.view:
            oldest = max(self.view.values(), key=lambda entry: entry.age)
            del self.view[oldest.contact.id]
            given = self.some(self.traded - 1)
            trade = Trade((Entry(self.contact, 0), *given))
            self.ask(oldest.contact, trade, partial(self.trade_back, given), self.patience)

    @on(Trade)
    def trade(self, offer: Trade, sender: str) -> Returned:
        given = self.some(self.traded)
        self.keep(offer.entries, given)
        return Returned(tuple(given))

    def trade_back(self, given: list[Entry], answer: Returned | None) -> None:
        if answer is not None:
            self.keep(answer.entries, given)

    def keep(self, entries: Iterable[Entry], given: Iterable[Entry]) -> None:
        """Keep what is new: in empty places, then in the places of what was given away."""
        places = [entry.contact.id for entry in given]
        for entry in entries:
            id = entry.contact.id
            if id != self.id and id not in self.view:
                while places and len(self.view) >= self.size:
                    self.view.pop(places.pop(0), None)
                if len(self.view) < self.size:
                    self.view[id] = entry
