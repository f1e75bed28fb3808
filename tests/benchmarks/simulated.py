"""A thousand nodes in virtual time, flooded with twenty rumors: p2pkit, SimPy, and bare queues.

Every message takes a time of its own, and every node passes on what it hears for the first time. So
each program delivers the same number of messages, exactly, whatever its dice say: on a connected
graph of n nodes and m links a rumor makes 2m - n + 1.

A program is built from a graph, and run, and built anew, until it has taken about as long as it
should. Run as `python -m tests.benchmarks.simulated NAME SECONDS`; it prints one line of JSON.
"""

import gc
import statistics
import sys
import time
from collections.abc import Callable
from functools import cache, partial
from random import Random
from typing import Any, Literal, Protocol

import networkx as nx

from p2pkit import Link, SimNetwork
from p2pkit.protocols.flood import Flood, Rumor
from tests.benchmarks import child
from tests.benchmarks.workloads import WORKLOADS

COUNT = 1000
DEGREE = 8
RUMORS = 20
LATENCY = (0.01, 0.1)
"""Seconds that a message takes: at least, and at most."""

LONG_ENOUGH = 10.0
"""Virtual seconds in which a rumor crosses any of these networks, a hundred hops or more."""

TEXT = WORKLOADS["throughput"].text


class Program(Protocol):
    """A network that is up, and whose nodes have heard nothing yet."""

    def run(self, rumors: int) -> None:
        """Tell some nodes a rumor each, and go on to the end."""

    def heard(self) -> int:
        """Return how often nodes heard something, from peers or as they were told."""


Builder = Callable[["nx.Graph[Any]"], Program]


@cache
def graph(count: int = COUNT) -> "nx.Graph[Any]":
    """Return a random graph, the same in all processes, with nodes 0, 1, 2…"""
    random_graph: nx.Graph[Any] = nx.random_regular_graph(DEGREE, count, seed=1)
    return random_graph


def expected(graph: "nx.Graph[Any]", rumors: int) -> int:
    """Return how many messages arrive."""
    return rumors * (2 * graph.number_of_edges() - graph.number_of_nodes() + 1)


def tellers(count: int, rumors: int) -> list[int]:
    """Return the nodes that are told the rumors, far apart."""
    return [number * count // rumors for number in range(rumors)]


def measure(
    build: Builder, seconds: float, *, count: int = COUNT, rumors: int = RUMORS
) -> dict[str, float]:
    """Flood new networks until `seconds` are over, once at least; return what a run took.

    Raises RuntimeError if a program delivers more messages, or fewer.
    """
    links, right = graph(count), expected(graph(count), rumors)
    build(graph(10 * DEGREE)).run(rumors)  # whatever is imported or cached at the first run
    starts: list[float] = []
    times: list[float] = []
    used = 0.0
    while sum(times) < seconds or not times:
        gc.collect()  # the network before this one
        began = time.perf_counter()
        program = build(links)
        starts.append(time.perf_counter() - began)
        began, cpu = time.perf_counter(), time.process_time()
        program.run(rumors)
        times.append(time.perf_counter() - began)
        used += time.process_time() - cpu
        delivered = program.heard() - rumors  # nobody has sent what they were told
        if delivered != right:
            raise RuntimeError(f"{delivered} messages arrived, instead of {right}")
    return {
        "deliveries": right,
        "rate": right * len(times) / sum(times),
        "cpu": used / (right * len(times)),
        "start": statistics.median(starts),
    }


class Simulated:
    """p2pkit: the protocol that it comes with, and messages that cross as bytes."""

    def __init__(self, graph: "nx.Graph[Any]", record: Literal["all", "counts"]) -> None:
        self.net = SimNetwork(Flood, graph, link=Link(latency=LATENCY), seed=1, record=record)

    def run(self, rumors: int) -> None:
        """Flood the network, for longer than it takes."""
        for number, teller in enumerate(tellers(len(self.net), rumors)):
            self.net.tell(teller, Rumor(f"{number:02} {TEXT}"))
        self.net.run(LONG_ENOUGH)

    def heard(self) -> int:
        """Return how many messages the nodes have got."""
        return self.net.trace.count(kind="receive")


class Nodes:
    """Nodes that were written for this workload only: objects that know each other.

    engine: what lets time pass for them, by its `run`. kind: their class, made from an engine and
    dice.
    """

    def __init__(
        self, graph: "nx.Graph[Any]", engine: Any, kind: Callable[[Any, Random], Any]
    ) -> None:
        self._engine = engine
        random = Random(1)
        self._nodes = [kind(engine, random) for _ in range(len(graph))]
        for number, peers in graph.adjacency():
            self._nodes[number].peers = [self._nodes[peer] for peer in peers]

    def run(self, rumors: int) -> None:
        """Tell some nodes a rumor each, and go on to the end."""
        for rumor, teller in enumerate(tellers(len(self._nodes), rumors)):
            self._nodes[teller].hear(rumor, None)
        self._engine.run()

    def heard(self) -> int:
        """Return how often nodes heard something."""
        return sum(node.received for node in self._nodes)


def simpy(kind: str) -> Builder:
    """Flood what SimPy is enough for."""
    from tests.benchmarks import simulated_simpy as written

    return lambda graph: Nodes(graph, written.simpy.Environment(), written.KINDS[kind])


def by_hand(kind: str) -> Builder:
    """Flood what a loop over a queue is enough for."""
    from tests.benchmarks import simulated_by_hand as written

    return lambda graph: Nodes(graph, written.KINDS[kind](), written.Node)


KINDS: dict[str, Callable[[], Builder]] = {
    "p2pkit": lambda: partial(Simulated, record="all"),
    "p2pkit, counts": lambda: partial(Simulated, record="counts"),
    "simpy": lambda: simpy("stores"),
    "simpy, processes": lambda: simpy("processes"),
    "simpy, callbacks": lambda: simpy("callbacks"),
    "heap": lambda: by_hand("heap"),
    "calendar": lambda: by_hand("calendar"),
}


def main() -> None:
    """Measure one program."""
    child.be_silent()
    child.report(**measure(KINDS[sys.argv[1]](), float(sys.argv[2])))


if __name__ == "__main__":
    main()
