"""Broadcast in order: an answer never before its question, or all in one order.

Messages of different authors overtake each other. Two protocols let each node hold back what comes
too early. Both want everybody to be everybody's peer from the beginning, and no message lost; in what
order messages come, how late and how often does not matter.

*Causal*: each post carries how many of each author's posts its author had delivered before it, and
waits until those are delivered here, too. Posts that know nothing of each other may come in a different
order at each node. A post takes n - 1 messages. (Birman, Schiper and Stephenson, "Lightweight causal and
atomic group multicast", ACM Transactions on Computer Systems 1991, section 5.1.)

*Total*: one node, the sequencer, numbers all posts, and everybody delivers them by number. A post takes n
messages, or n - 1 of the sequencer's own; and the sequencer sends nearly all of them, and must not
crash. (Défago, Schiper and Urbán, "Total order broadcast and multicast algorithms", ACM Computing
Surveys 2004, section 4.1: unicast, then broadcast.)

    net = SimNetwork(Causal, 5, link=Link(latency=(0.01, 1), ordered=False))
    net.call("n0", "say", "who comes?")
    net.run(5)
    net["n3"].delivered
"""

from p2pkit.message import Message
from p2pkit.protocol import Protocol, on


class Post(Message):
    """Words of an author, who had delivered so many posts of each author before."""

    author: str
    text: str
    seen: tuple[tuple[str, int], ...]


class Causal(Protocol):
    """Deliver each post after all those that its author had delivered before."""

    seen: dict[str, int]
    delivered: list[Post]
    waiting: list[Post]

    def on_start(self) -> None:
        self.seen, self.delivered, self.waiting = {}, [], []

    def say(self, text: str) -> None:
        post = Post(self.id, text, tuple(self.seen.items()))
        self.broadcast(post)
        self.deliver(post)

    @on(Post)
    def hear(self, post: Post, sender: str) -> None:
        if post not in self.waiting and post not in self.delivered:
            self.waiting.append(post)
        while ready := [it for it in self.waiting if self.is_next(it)]:
            self.waiting.remove(ready[0])
            self.deliver(ready[0])

    def is_next(self, post: Post) -> bool:
        """Tell whether all that its author knew is known here, and no more of its author."""
        seen = dict(post.seen)
        known = all(self.seen.get(author, 0) >= count for author, count in seen.items())
        return known and self.seen.get(post.author, 0) == seen.get(post.author, 0)

    def deliver(self, post: Post) -> None:
        self.seen[post.author] = self.seen.get(post.author, 0) + 1
        self.delivered.append(post)


class Request(Message):
    """Words that want a number: the author's own, so that they get only one from the sequencer."""

    text: str
    own: int


class Numbered(Message):
    """Words with their place in the order of all, counted from 0."""

    number: int
    author: str
    text: str


class Total(Protocol):
    """Deliver all posts in the order of the sequencer."""

    sequencer = "n0"
    said: int
    numbered: set[tuple[str, int]]
    delivered: list[Numbered]
    early: dict[int, Numbered]

    def on_start(self) -> None:
        self.said, self.numbered, self.delivered, self.early = 0, set(), [], {}

    def say(self, text: str) -> None:
        request = Request(text, self.said)
        self.said += 1
        if self.id == self.sequencer:
            self.number(request, self.id)
        else:
            self.send(self.sequencer, request)

    @on(Request)
    def number(self, request: Request, sender: str) -> None:
        if (sender, request.own) not in self.numbered:
            post = Numbered(len(self.numbered), sender, request.text)
            self.numbered.add((sender, request.own))
            self.broadcast(post)
            self.hear(post, self.id)

    @on(Numbered)
    def hear(self, post: Numbered, sender: str) -> None:
        if post.number >= len(self.delivered):
            self.early[post.number] = post
        while len(self.delivered) in self.early:
            self.delivered.append(self.early.pop(len(self.delivered)))
