"""Averaging (Jelasity, Montresor and Babaoglu 2005), and the overlay of Cyclon (Voulgaris, Gavidia and
van Steen 2005)."""

from collections.abc import Iterator
from math import e, sqrt
from random import Random
from statistics import fmean, pstdev, pvariance
from typing import Any

import networkx as nx

from p2pkit import Link, SimNetwork, rounds
from p2pkit.protocols.averaging import Averaging
from p2pkit.protocols.sampling import Cyclon
from tests.reproduce.harness import Row, Rows, published, row

CYCLES = 15

ORDERS: dict[rounds.Order, tuple[str, float]] = {
    "shuffled": ("everybody calls once, in a new order", 1 / (2 * sqrt(e))),
    "pairs": ("pairs at random", 1 / e),
    "matching": ("everybody is in two pairs", 1 / 4),
    "fixed": ("everybody calls once, in the same order", 0.2943),
}
"""What a cycle leaves of the variance: section 3 of the paper. Its authors know no fixed order, which is
a frequent mistake of simulators; that figure is from an independent program."""


@published("averaging", reduced=3, full=50)
def variance_in_rounds(runs: int) -> Rows:
    for order, (what, left) in ORDERS.items():
        variances = [
            rounds.averaging(10_000, cycles=CYCLES, order=order, seed=s) for s in range(runs)
        ]
        factors = [(run[-1] / run[0]) ** (1 / CYCLES) for run in variances]
        yield row(f"variance left by a cycle, {what}", left, factors, 0.006)


@published("averaging", reduced=3, full=50)
def variance_with_the_protocol(runs: int) -> Rows:
    factors = [reduction(seed) for seed in range(runs)]
    yield row("variance left by a cycle, Averaging, n=1000", ORDERS["shuffled"][1], factors)


def reduction(seed: int, nodes: int = 1000) -> float:
    """Return what a cycle of the protocol leaves of the variance, in the geometric mean."""
    dice = Random(seed)
    with SimNetwork(Averaging, nodes, link=Link(latency=0), seed=seed, record="counts") as net:
        for name in net.names:
            net.call(name, "begin", dice.gauss(0, 1))
        net.run(Averaging.cycle)  # the first calls come after one
        before = pvariance(node.estimate for node in net)
        net.run(CYCLES * Averaging.cycle)
        after = pvariance(node.estimate for node in net)
    return float(after / before) ** (1 / CYCLES)


# Cyclon: the paper shows curves, and says in words that the overlay becomes as little clustered as a
# random graph of the same size, with paths as short, and in-degrees more even than there; and that with
# 20 in view it stays in one piece when most nodes vanish at once.

OVERLAY = 400  # nodes
MIXED = 30  # cycles, from a lattice; after that, nothing changes in the mean


@published("cyclon", reduced=1, full=20)
def overlay(runs: int) -> Rows:
    graphs = [views(seed) for seed in range(runs)]
    found = [list(measure(graph)) for graph in graphs]
    random = [list(measure(at_random(seed))) for seed in range(20)]
    in_degree, spread, clustering, path = zip(*found, strict=True)
    _, random_spread, random_clustering, random_path = map(fmean, zip(*random, strict=True))
    yield row("in-degree: as many as a view has places", Cyclon.size, in_degree, 0.2)
    even = [float(value < random_spread) for value in spread]
    yield Row("share of overlays with in-degrees more even than at random", 1.0, fmean(even))
    ratios = [value / random_clustering for value in clustering]
    yield row("clustering, as part of that at random", 1.0, ratios, 0.05)
    yield row(
        "path length, as part of that at random", 1.0, [it / random_path for it in path], 0.01
    )
    rest = [survivors(graph, seed) for seed, graph in enumerate(graphs)]
    yield row("share of the rest that is connected when 70 % vanish", 1.0, rest, 0.01)


def survivors(graph: "nx.DiGraph[Any]", seed: int) -> float:
    """Take 70 % of the nodes away, and return which share of the rest is connected."""
    left = Random(seed).sample(list(graph), round(0.3 * len(graph)))
    return max(map(len, nx.weakly_connected_components(graph.subgraph(left)))) / len(left)


def views(seed: int) -> "nx.DiGraph[Any]":
    """Return who has whom in view, after a while."""
    lattice = nx.watts_strogatz_graph(OVERLAY, Cyclon.size, 0)
    link = Link(latency=0.01)
    with SimNetwork(Cyclon, lattice, link=link, seed=seed, record="counts") as net:
        net.run(MIXED * Cyclon.cycle)
        return nx.DiGraph((node.id, other) for node in net for other in node.view)


def at_random(seed: int) -> "nx.DiGraph[Any]":
    """Return a graph in which everybody knows as many, drawn from all."""
    dice = Random(seed)

    def drawn(node: int) -> list[int]:
        return [it + (it >= node) for it in dice.sample(range(OVERLAY - 1), Cyclon.size)]

    return nx.DiGraph((node, other) for node in range(OVERLAY) for other in drawn(node))


def measure(graph: "nx.DiGraph[Any]") -> Iterator[float]:
    """Yield the mean and the deviation of in-degrees, and without directions, clustering and path
    length."""
    degrees = [degree for _, degree in graph.in_degree]
    plain = nx.Graph(graph)
    yield fmean(degrees)
    yield pstdev(degrees)
    yield nx.average_clustering(plain)
    yield nx.average_shortest_path_length(plain)
