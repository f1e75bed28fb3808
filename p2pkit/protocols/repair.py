"""Gossip with a repair: whoever was left out is told in the end.

Gossip may miss somebody: by chance, because a message was lost, or because the network was in two
pieces. So now and then each node sends one of its peers the list of what it has heard, and the
peer tells it what is missing there. Rumors are fast and may fail; comparing is slow and does not.

Demers and others, "Epidemic algorithms for replicated database maintenance" (PODC 1987), call the
two rumor mongering and anti-entropy, and back up the one with the other, as is done here.
"""

from p2pkit.message import Message
from p2pkit.protocol import on
from p2pkit.protocols.gossip import Gossip, Rumor


class Notes(Message):
    """The texts of all rumors that I have heard. What did I miss?"""

    texts: frozenset[str]


class RepairedGossip(Gossip):
    """Tell every new rumor to a few peers, and now and then compare notes with one."""

    pause = 0.2  # seconds between two comparisons, at least, and twice that at most

    def on_start(self) -> None:
        super().on_start()
        self.every(self.pause, self.compare, jitter=self.pause)

    def compare(self) -> None:
        for peer in self.sample(1):
            self.send(peer, Notes(frozenset(rumor.text for rumor in self.heard)))

    @on(Notes)
    def complete(self, notes: Notes, sender: str) -> None:
        for text in sorted({rumor.text for rumor in self.heard} - notes.texts):
            self.send(sender, Rumor(text))
