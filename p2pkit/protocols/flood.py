"""Flooding: tell everybody you know, once.

The oldest way to reach a whole network: it is how Usenet spread its articles and how Gnutella
searched. Every node passes a rumor on to all its peers but the one it came from, the first time
that it hears it. On a connected overlay of n nodes and m links, everybody is reached, by exactly
2m - n + 1 messages: the first teller uses each of its links, and every other node all of its links
but one.
"""

from p2pkit.message import Message
from p2pkit.protocol import Protocol, on


class Rumor(Message):
    """Something that everybody should hear."""

    text: str


class Flood(Protocol):
    """Tell every new rumor to all peers but the one that told it."""

    heard: set[Rumor]

    def on_start(self) -> None:
        self.heard = set()

    @on(Rumor)
    def hear(self, rumor: Rumor, sender: str | None) -> None:
        if rumor in self.heard:
            return
        self.heard.add(rumor)
        self.broadcast(rumor, but=sender)
