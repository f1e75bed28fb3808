"""Lazy flooding: announce what you have, and give it to whoever asks.

On an overlay of n nodes and m links that is 2m - n + 1 announcements, n - 1 questions and n - 1
bodies: more messages than a flood, in three times its time, and for long rumors far fewer bytes.

Bitcoin spreads transactions so, by inv, getdata and tx. The name is a hash of the text, as there:
nodes agree on it without a word, and whoever asked can check that this is what came.
"""

from functools import partial
from hashlib import sha256

from p2pkit.message import Message
from p2pkit.protocol import Protocol, on


class Rumor(Message):
    """Something that everybody should hear."""

    text: str


class Announcement(Message):
    """I have the rumor of this name."""

    name: str


class Question(Message):
    """Give me the rumor of this name."""

    name: str


class Lazy(Protocol):
    """Announce every new rumor to all peers, and ask for those that are announced."""

    patience = 1.0  # seconds until an answer is given up, and another peer is asked
    heard: dict[str, Rumor]
    known: dict[str, list[str]]

    def on_start(self) -> None:
        self.heard = {}  # by name
        self.known = {}  # the peers that have what is not heard yet, by its name, first come first

    @on(Rumor)
    def hear(self, rumor: Rumor, sender: str | None) -> None:
        name = name_of(rumor)
        if name not in self.heard:
            self.heard[name] = rumor
            self.broadcast(Announcement(name), but=sender)

    @on(Announcement)
    def consider(self, news: Announcement, sender: str) -> None:
        if news.name not in self.heard:
            self.known.setdefault(news.name, []).append(sender)
            if len(self.known[news.name]) == 1:
                self.fetch(news.name)

    def fetch(self, name: str) -> None:
        """Ask the first of those that have a rumor."""
        self.ask(self.known[name][0], Question(name), partial(self.take, name), self.patience)

    @on(Question)
    def give(self, question: Question, _: str) -> Rumor | None:
        return self.heard.get(question.name)

    def take(self, name: str, rumor: Rumor | None) -> None:
        """Hear what was asked for; if it did not come, or is something else, ask the next peer."""
        asked = self.known[name].pop(0)
        if rumor is not None and name_of(rumor) == name:
            del self.known[name]
            self.hear(rumor, asked)
        elif self.known[name]:
            self.fetch(name)


def name_of(rumor: Rumor) -> str:
    """Return the name of a rumor: half of its hash, which is plenty to tell them apart."""
    return sha256(rumor.text.encode()).hexdigest()[:32]
