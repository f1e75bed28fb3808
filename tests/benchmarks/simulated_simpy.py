"""Flooding as one would write it with SimPy, in three ways: stores, processes, callbacks.

Stores is SimPy's own way, that of "Event Latency" among the examples of its documentation: a node
is a process that reads from its store, and a cable is a process a message, which waits and then
puts it into the store at the other end. Processes does without stores: the cable hands the message
over. Callbacks is the least that SimPy can do: a timeout with a function that it calls.

A rumor is a number here, and the nodes are objects that know each other: nothing is encoded, and
nothing is recorded but the number of messages.
"""

from collections.abc import Generator
from random import Random
from typing import Any

import simpy

from tests.benchmarks.simulated import LATENCY

_LEAST, _SPREAD = LATENCY[0], LATENCY[1] - LATENCY[0]

Process = Generator[simpy.Event, Any, None]


class Node:
    """Passes on what it hears for the first time. Subclasses know how a message travels."""

    def __init__(self, env: simpy.Environment, random: Random) -> None:
        self.env = env
        self.random = random.random
        self.peers: list[Node] = []
        self.heard: set[int] = set()
        self.received = 0

    def hear(self, rumor: int, sender: "Node | None") -> None:
        """Take a rumor from a peer, or from nobody."""
        self.received += 1
        if rumor in self.heard:
            return
        self.heard.add(rumor)
        for peer in self.peers:
            if peer is not sender:
                self.send(peer, rumor, _LEAST + _SPREAD * self.random())

    def send(self, peer: Any, rumor: int, delay: float) -> None:
        """Let a rumor arrive at a peer in so many seconds."""
        raise NotImplementedError


class StoreNode(Node):
    """A process, which reads from a store."""

    def __init__(self, env: simpy.Environment, random: Random) -> None:
        super().__init__(env, random)
        self.inbox = simpy.Store(env)
        env.process(self.live())

    def live(self) -> Process:
        """Hear what comes, for ever."""
        while True:
            rumor, sender = yield self.inbox.get()
            self.hear(rumor, sender)

    def send(self, peer: "StoreNode", rumor: int, delay: float) -> None:
        self.env.process(self.cable(peer.inbox, rumor, delay))

    def cable(self, inbox: simpy.Store, rumor: int, delay: float) -> Process:
        """Carry one message."""
        yield self.env.timeout(delay)
        inbox.put((rumor, self))


class ProcessNode(Node):
    """No process of its own: those are the messages."""

    def send(self, peer: Node, rumor: int, delay: float) -> None:
        self.env.process(self.cable(peer, rumor, delay))

    def cable(self, peer: Node, rumor: int, delay: float) -> Process:
        """Carry one message."""
        yield self.env.timeout(delay)
        peer.hear(rumor, self)


class CallbackNode(Node):
    """No processes at all."""

    def send(self, peer: "CallbackNode", rumor: int, delay: float) -> None:
        self.env.timeout(delay, (rumor, self)).callbacks.append(peer.arrived)

    def arrived(self, event: simpy.Event) -> None:
        """Take what a timeout brings."""
        rumor, sender = event.value  # type: ignore[misc]
        self.hear(rumor, sender)


KINDS = {"stores": StoreNode, "processes": ProcessNode, "callbacks": CallbackNode}
