"""A protocol that sends parcels, and what its trace says of them: for tests of links and faults."""

import networkx as nx

from p2pkit import LocalNetwork, Message, Protocol, on

EARLY = 1e-6
"""Seconds that a message may be early: the clock's own rounding."""

MARGIN = 0.025
"""Seconds that a message may be late, in the median, on a busy machine; on an idle one it is 0.001."""


class Parcel(Message):
    """Something to be carried."""

    number: int
    load: str = ""


class Question(Message):
    """Is anybody there?"""


class Here(Message):
    """Yes."""


class Post(Protocol):
    """Send parcels, and keep the numbers of those that arrive."""

    def on_start(self):
        self.got = []
        self.answers = []

    @on(Parcel)
    def take(self, parcel, sender):
        self.got.append((sender, parcel.number))

    @on(Question)
    def reply(self, question, sender):
        return Here()

    def burst(self, to, count, size=0):
        for number in range(count):
            self.send(to, Parcel(number, "x" * size))

    def stream(self, to, count, pause, number=0):
        """Send parcels one by one, with a pause between."""
        self.send(to, Parcel(number))
        if number + 1 < count:
            self.after(pause, self.stream, to, count, pause, number + 1)

    def wonder(self, to, timeout):
        self.ask(to, Question(), self.answers.append, timeout=timeout)


def post(link=None, graph=None, **options):
    return LocalNetwork(Post, graph or nx.path_graph(2), link=link, **options)


def arrived(net, count, message=Parcel):
    """Let the network run until so many messages have arrived, and not one more."""
    assert net.run(
        until=lambda: net.trace.count(kind="receive", message=message) >= count, within=60
    )
    net.run(0.05)
    assert net.trace.count(kind="receive", message=message) == count


def flights(net, sender, receiver):
    """Return how long each message from one node to another took, in the order of receiving."""
    sent = {
        e.serial: e.time for e in net.trace.where(kind="send", node=sender) if e.peer == receiver
    }
    received = net.trace.where(kind="receive", node=receiver)
    return [event.time - sent[event.serial] for event in received if event.peer == sender]


def numbers(net, node):
    return [number for _, number in net[node].got]
