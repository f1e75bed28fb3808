"""Gossip: tell a few peers, chosen at random, or ask them.

*Push*: every node passes a rumor on to `fanout` peers, the first time that it hears it, and never again
("infect and die"). That is at most `fanout` messages a node, however many links there are; but somebody
may be left out. With peers drawn from everybody, the share p that hears it solves p = 1 - e^(-fanout p)
(Kermack and McKendrick 1927; Eugster, Guerraoui, Kermarrec and Massoulié, "Epidemic information
dissemination in distributed systems", IEEE Computer 2004).

*Pull*: every node asks a peer now and then what it has missed. Everybody hears it in the end, and
once, but the asking never ends. When a share s knows nothing yet, and it is small, a round of
pushing leaves s/e, and a round of pulling s² (Demers and others 1987, section 1.3). *Push-pull* does
both in one call: log3 n + O(log log n) rounds (Karp, Schindelhauer, Shenker and Vöcking, "Randomized
rumor spreading", FOCS 2000). Notes grow for ever; `antientropy` compares checksums first.
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


class Notes(Message):
    """The texts of all rumors that I have heard. What did I miss?"""

    texts: frozenset[str]


class Pull(Gossip):
    """In each turn, ask one peer, chosen at random, for what it has heard and you have not."""

    fanout = 0
    pause = 0.2  # seconds between two turns, which are rounds: all have theirs at the same time

    def on_start(self) -> None:
        super().on_start()
        self.every(self.pause, self.call)

    def call(self) -> None:
        for peer in self.sample(1):
            self.send(peer, self.notes())

    def notes(self) -> Notes:
        return Notes(frozenset(rumor.text for rumor in self.heard))

    @on(Notes)
    def complete(self, notes: Notes, sender: str) -> None:
        for text in sorted(self.notes().texts - notes.texts):
            self.send(sender, Rumor(text))


class PushPull(Pull):
    """Call one peer in each turn: both tell the other what it has missed."""

    @on(Notes)
    def complete(self, notes: Notes, sender: str) -> None:
        super().complete(notes, sender)
        if notes.texts - self.notes().texts:
            self.send(sender, self.notes())
