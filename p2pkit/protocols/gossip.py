"""Gossip by pushing: tell a few peers, chosen at random.

Every node passes a rumor on to `fanout` of its peers, the first time that it hears it, and never
again ("infect and die"). Flooding costs a message a link; this costs at most `fanout` messages a
node, however many links there are. The price is that somebody may be left out: with peers drawn
from everybody, the share p of the network that hears a rumor is the solution of p = 1 - e^(-fanout
p) (Kermack and McKendrick 1927; Eugster, Guerraoui, Kermarrec and Massoulié, "Epidemic information
dissemination in distributed systems", IEEE Computer 2004).
"""

from p2pkit.message import Message
from p2pkit.protocol import Protocol, on


class Rumor(Message):
    """Something that everybody should hear."""

    text: str


class Gossip(Protocol):
    """Tell every new rumor to a few peers, chosen at random."""

    fanout = 3
    heard: set[Rumor]

    def on_start(self) -> None:
        self.heard = set()

    @on(Rumor)
    def hear(self, rumor: Rumor, sender: str | None) -> None:
        if rumor in self.heard:
            return
        self.heard.add(rumor)
        for peer in self.sample(self.fanout):
            self.send(peer, rumor)
