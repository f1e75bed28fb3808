"""Bootstrap: from one known address to an overlay.

A newcomer knows one node, the seed, and is connected to it. Whoever gets a new peer tells it some
of its own peers; whoever has too few peers dials some that it was told of. A node that is full
still tells what it knows before it hangs up, so the seed helps everybody and does not become the
centre of everything.

    net = LocalNetwork(Bootstrap, nx.empty_graph(1))
    for number in range(1, 50):
        net.join(number, to="n0")

The idea is that of Bitcoin's DNS seeds and `addr` messages, and of Gnutella's host caches.
"""

from p2pkit.message import Contact, Message
from p2pkit.protocol import Protocol, on


class Known(Message):
    """Some nodes that the speaker is connected to."""

    contacts: tuple[Contact, ...]


class Bootstrap(Protocol):
    """Find `degree` peers, and take up to `most`, starting from one seed."""

    degree = 3  # so that most have room for newcomers, as every connection counts at both its ends
    most = 8
    told = 8  # contacts in one message
    pause = 0.2  # seconds between looks around, so that dials under way are answered first
    known: dict[str, Contact]

    def on_start(self) -> None:
        self.known = {}
        self.every(self.pause, self.look_around, jitter=self.pause)

    def on_connect(self, peer: str) -> None:
        others = [Contact(id, self.peers[id]) for id in self.sample(self.told) if id != peer]
        self.send(peer, Known(tuple(others)))
        if len(self.peers) > self.most:
            self.disconnect(peer)

    def on_disconnect(self, peer: str) -> None:
        self.known.pop(
            peer, None
        )  # it is full, or gone: somebody will tell if it is worth a try again
        self.look_around()

    def on_unreachable(self, address: str) -> None:
        self.known = {id: it for id, it in self.known.items() if it.address != address}

    @on(Known)
    def learn(self, news: Known, sender: str) -> None:
        self.known |= {contact.id: contact for contact in news.contacts if contact.id != self.id}

    def look_around(self) -> None:
        """Dial as many of the known nodes as there are peers missing."""
        strangers = [contact for id, contact in self.known.items() if id not in self.peers]
        missing = max(0, self.degree - len(self.peers))
        for contact in self.random.sample(strangers, min(missing, len(strangers))):
            self.connect(contact)
