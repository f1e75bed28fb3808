"""Averaging: what is the mean of everybody's values, how many are we, what is the largest?

Once a cycle each node tells one of its peers its estimate, and the two meet in the middle. Nobody
collects anything, and yet all estimates come together at the mean, and quickly: with partners drawn
from everybody, a cycle leaves 1 / (2 √e) = 0.303 of their variance, however many nodes there are
(Jelasity, Montresor and Babaoglu, "Gossip-based aggregation in large dynamic networks", ACM
Transactions on Computer Systems 2005, sections 3 and 4).

What makes it right is that an exchange takes from one exactly what it gives to the other, so that the
sum stays what it was. The paper lets the two exchange their estimates, and nothing may come between.
Here messages are under way for a while, so the answer is not an estimate but a step: one takes it
forwards and the other backwards, wherever they stand by then. An answer that is lost, or a node that
crashes, still changes the sum; and whoever joins with a value of its own has to wait for a new start
of all, which the paper calls an epoch.

    net = SimNetwork(Count, 100)
    net.call("n0", "begin", 1.0)                # all others begin with 0, so the mean is 1 / n
    net.run(30)
    net["n7"].count
"""

from math import inf

from p2pkit.message import Contact, Message
from p2pkit.protocol import Protocol, on


class Offer(Message):
    """My estimate: let us agree."""

    estimate: float


class Answer(Message):
    """What is left for you to do: for a mean, how far to go back, for a maximum, what it is."""

    value: float


class Averaging(Protocol):
    """Hold an estimate of the mean of all values."""

    value = 0.0  # to begin with
    cycle = 1.0  # seconds; each node makes one offer in each of them, at a moment drawn anew
    timeout = 60.0  # seconds to wait for an answer: one that came later would be lost
    estimate: float

    def on_start(self) -> None:
        super().on_start()  # so that it can be mixed with a protocol that chooses the partners
        self.begin(self.value)
        self.every(self.cycle, self.exchange, jitter=self.cycle)

    def begin(self, value: float) -> None:
        """Begin with this value. After the first offers that forgets what others have given."""
        self.estimate = value

    def partner(self) -> str | Contact | None:
        """Choose whom to make an offer, if there is anybody."""
        return next(iter(self.sample(1)), None)

    def exchange(self) -> None:
        if partner := self.partner():
            self.ask(partner, Offer(self.estimate), self.settle, self.timeout)

    @on(Offer)
    def meet(self, offer: Offer, sender: str) -> Answer:
        step = (offer.estimate - self.estimate) / 2
        self.estimate += step
        return Answer(step)

    def settle(self, answer: Answer | None) -> None:
        if answer is not None:
            self.estimate -= answer.value


class Count(Averaging):
    """Hold an estimate of how many nodes there are, where one began with 1, and the others with 0."""

    @property
    def count(self) -> float:
        return 1 / self.estimate if self.estimate > 0 else inf


class Maximum(Averaging):
    """Hold the largest value that was heard of: here nothing is lost when a message is."""

    @on(Offer)
    def meet(self, offer: Offer, sender: str) -> Answer:
        self.estimate = max(self.estimate, offer.estimate)
        return Answer(self.estimate)

    def settle(self, answer: Answer | None) -> None:
        if answer is not None:
            self.estimate = max(self.estimate, answer.value)
