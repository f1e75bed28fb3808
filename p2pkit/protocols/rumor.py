"""Rumor mongering: spread what is news, and lose interest in what everybody knows.

A node that hears a rumor is interested in it, and tells it to a peer, chosen at random, in each of its
turns. Contacts with those who knew it already are in vain, and make it lose interest; when nobody is
interested any more, the rumor has died out, and a few nodes have never heard of it. How few, is a
question of how much it takes: of k, and of the variant.

- *feedback* or *blind*: only contacts in vain count, or all do, and nobody needs to answer.
- *counter* or *coin*: interest is lost after k of them, or after each with probability 1/k.
- *telling* or *pulling*: those who are interested tell, or all ask, whether they know of something
  or not. Then all contacts of a turn count as one, and it was in vain if all of them were.

Whatever the variant of telling, if m messages a node are sent, the share s that never hears is e^-m:
for those who are left out, each message is one more that went to somebody else. With feedback and a
coin, s is the solution of s = e^(-(k+1)(1-s)).

Demers and others, "Epidemic algorithms for replicated database maintenance" (PODC 1987), section 1.4.
Their tables are in rounds: all have their turn at the same time, and what counts as news is what was
not known when the round began, so two who tell the same node in one round both find that it was not
in vain. `synchronous` does that, if a round is longer than three flights; the formula for the coin
fits nodes that take their turns whenever they like.
"""

from functools import partial

from p2pkit.message import Message
from p2pkit.protocol import Protocol, on


class Rumor(Message):
    """Something that everybody should hear."""

    text: str


class Verdict(Message):
    """Whether your rumor was news to me."""

    news: bool


class Question(Message):
    """What are you interested in?"""


class Mongering(Protocol):
    """Tell a rumor to one peer a turn, until too many have heard it already."""

    k = 2  # how much it takes to lose interest: 1 or more
    feedback = True  # False: blind
    counter = True  # False: a coin
    reset = True  # whether a contact that was not in vain sets the counter back, as in their tables
    pulling = False
    synchronous = False
    pause = 0.2  # seconds between two turns; when not synchronous, each is up to as much late
    heard: dict[Rumor, int]
    hot: dict[Rumor, int]
    useful: dict[Rumor, bool]

    def on_start(self) -> None:
        self.turns = 0
        self.heard = {}  # in which turn
        self.hot = {}  # what is of interest, and the contacts in vain for it, one after the other
        self.useful = {}  # what came of the contacts since the last turn
        self.every(self.pause, self.turn, jitter=0.0 if self.synchronous else self.pause)

    @on(Rumor)
    def hear(self, rumor: Rumor, sender: str | None) -> Verdict | None:
        news = rumor not in self.heard or self.is_of_this_round(rumor)
        if rumor not in self.heard:
            self.heard[rumor], self.hot[rumor] = self.turns, 0
        return Verdict(news) if self.feedback and sender else None

    def is_of_this_round(self, rumor: Rumor) -> bool:
        return self.synchronous and self.heard[rumor] == self.turns

    def turn(self) -> None:
        self.lose_interest()
        self.turns += 1
        if not (self.hot or self.pulling):
            return
        for peer in self.sample(1):
            if self.pulling:
                self.send(peer, Question())
            else:
                self.tell(peer)

    @on(Question)
    def answer(self, _: Question, sender: str) -> None:
        self.tell(sender)

    def tell(self, peer: str) -> None:
        """Tell a peer all that is of interest."""
        for rumor in self.hot:
            if self.is_of_this_round(rumor):
                continue
            if self.feedback:
                self.ask(peer, rumor, partial(self.judge, rumor))
            else:
                self.send(peer, rumor)
                self.judge(rumor, Verdict(news=False))

    def judge(self, rumor: Rumor, verdict: Verdict | None) -> None:
        """Note what came of a contact; of one that has no answer, nothing."""
        if verdict is not None and rumor in self.hot:
            self.useful[rumor] = verdict.news or self.useful.get(rumor, False)

    def lose_interest(self) -> None:
        """Drop the rumors for which there were too many contacts in vain."""
        for rumor, useful in self.useful.items():
            if useful:
                self.hot[rumor] = 0 if self.reset else self.hot[rumor]
                continue
            self.hot[rumor] += 1
            if self.hot[rumor] >= self.k if self.counter else self.random.random() < 1 / self.k:
                del self.hot[rumor]
        self.useful = {}
