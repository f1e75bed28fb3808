"""Graphs: Erdős and Rényi, Watts and Strogatz, random regular graphs, attacks; and what a flood costs.

Networks are made with the kit's own generators and crashes, and measured with its statistics.
"""

from collections.abc import Iterable, Iterator
from functools import partial
from math import sqrt
from random import Random
from statistics import fmean, stdev
from typing import Any

import networkx as nx

from p2pkit import Protocol, SimNetwork, stats
from p2pkit.protocols.flood import Flood, Rumor
from p2pkit.topology import build
from tests.reproduce.harness import Row, Rows, published, row

CONNECTED = {-1: 0.066, 0: 0.3679, 1: 0.6922, 2: 0.8734, 3: 0.9514}
"""c, and exp(-exp(-c)): so often a graph with p = (ln n + c) / n is connected."""


@published("er-connect", reduced=60, full=1000)
def connectivity(runs: int) -> Rows:
    n = 1000
    for c, share in CONNECTED.items():
        p = (6.907755 + c) / n  # ln 1000
        graphs = [nx.fast_gnp_random_graph(n, p, seed=seed) for seed in range(runs)]
        yield row(f"connected, c={c}", share, [nx.is_connected(graph) for graph in graphs], 0.04)


GIANT = {4: 0.9802, 3: 0.9405, 2: 0.7968, 1.5: 0.5828}
"""d links a node, and the share S = 1 - exp(-dS) of the largest piece."""


DEVIATION = {4: 0.0014, 3: 0.0033, 2: 0.011, 1.5: 0.023}
"""By how much graphs of that many nodes differ: better known than from a few."""

BELOW = {1.0: 0.0421, 0.5: 0.0019}
"""The same where theory has 0: what is left of it in an independent simulation of 10,000 nodes."""


@published("er-giant", reduced=3, full=20)
def largest_piece(runs: int) -> Rows:
    """A random half of a random graph with d links a node is one with d / 2."""
    n = 10_000
    shares: dict[float, list[float]] = {d: [] for d in GIANT}
    for seed in range(runs):
        plan = nx.fast_gnp_random_graph(n, 4 / n, seed=seed)
        order = shuffled(n, seed)
        left = pieces(plan, order, [1 - d / 4 for d in shares])
        for d, size in zip(shares, left, strict=True):
            shares[d].append(size / (n * d / 4))
    for d, share in GIANT.items():
        off, chance = 0.004 if d >= 3 else 0.015, DEVIATION[d] / sqrt(runs)
        yield Row(f"largest piece, d={d}", share, fmean(shares[d]), off, chance)
    for d, share in BELOW.items():
        seeds = range(max(20, runs))  # graphs differ by half of that
        graphs = [nx.fast_gnp_random_graph(n, d / n, seed=seed) for seed in seeds]
        sizes = [max(map(len, nx.connected_components(graph))) / n for graph in graphs]
        yield row(f"largest piece, d={d}", share, sizes, 0.015)


def shuffled(n: int, seed: int) -> list[int]:
    """Return nodes in an order that has nothing to do with the graph, though that had the same seed:
    of the same dice, who is first here would have been linked first there."""
    return Random(f"order {seed}").sample(range(n), n)


def pieces(plan: "nx.Graph[Any]", order: list[int], gone: Iterable[float]) -> Iterator[int]:
    """Crash the nodes of a network in this order; yield the size of its largest piece each time that
    such a share of them is gone."""
    with SimNetwork(Protocol, plan, record="counts") as net:
        crashed = 0
        for share in gone:
            while crashed < round(share * len(order)):
                net.crash(order[crashed])
                crashed += 1
            yield max(map(len, nx.connected_components(net.overlay())))


LATTICE = 1000, 10
"""Nodes and links a node of the ring lattice in Watts and Strogatz (1998), figure 2."""

FIGURE_2 = {
    0.001: (0.9971, 0.5452),
    0.002: (0.9941, 0.3903),
    0.005: (0.9854, 0.2434),
    0.01: (0.9722, 0.1815),
    0.02: (0.9437, 0.1369),
    0.05: (0.8622, 0.104),
    0.1: (0.7342, 0.0878),
    0.2: (0.5226, 0.0766),
    0.5: (0.1351, 0.067),
    1.0: (0.0138, 0.0648),
}
"""p, and C(p) / C(0) and L(p) / L(0): means over 20 graphs of an independent simulation."""


@published("ws-fig2", reduced=5, full=20)
def figure_2(runs: int) -> Rows:
    for p, (clustering, hops) in FIGURE_2.items():
        graphs = [nx.watts_strogatz_graph(*LATTICE, p, seed=seed) for seed in range(runs)]
        seen = [stats.overlay(graph, sample=100, seed=1) for graph in graphs]
        yield row(f"C, p={p}", clustering, [it.clustering / (2 / 3) for it in seen], 0.01)
        off = 0.02 if p >= 0.01 else 0.06
        yield row(f"L, p={p}", hops, [it.path_length / 50.4505 for it in seen], off)


REGULAR = {
    (100, 3): (4.851, 8.6),
    (100, 4): (3.548, 6.0),
    (100, 5): (3.041, 5.0),
    (100, 8): (2.424, 4.0),
    (100, 12): (2.067, 3.0),
    (1000, 3): (8.063, 13.0),
    (1000, 4): (5.634, 8.6),
    (1000, 5): (4.699, 7.0),
    (1000, 8): (3.598, 5.0),
    (1000, 12): (3.049, 4.0),
    (10_000, 3): (11.375, 16.0),
    (10_000, 4): (7.729, 11.0),
    (10_000, 5): (6.357, 9.0),
    (10_000, 8): (4.78, 6.5),
    (10_000, 12): (4.008, 5.0),
}
"""n and d of a random regular graph, and its mean path length and diameter."""


@published("rrg", reduced=1, full=10)
def regular(runs: int) -> Rows:
    """The longest of some distances is the diameter of so regular a graph, or one less."""
    for (n, d), (hops, diameter) in REGULAR.items():
        graphs = 20 * runs if n == 100 else runs if n == 1000 else max(1, runs // 3)
        seen = [
            stats.overlay(nx.random_regular_graph(d, n, seed=seed), sample=200 if n < 5000 else 50)
            for seed in range(graphs)
        ]
        yield row(f"path, n={n:,}, d={d}", hops, [it.path_length for it in seen], 0.03)
        yield row(f"diameter, n={n:,}, d={d}", diameter, [it.diameter for it in seen], 1.0)


SCALE_FREE = {
    0.05: (0.949, 0.8304),
    0.1: (0.896, 0.5674),
    0.15: (0.837, 0.0287),
    0.18: (0.799, 0.0048),
    0.3: (0.659, 0.0007),
    0.5: (0.379, 0.0001),
    0.75: (0.074, 0.0001),
}
"""The share of nodes that are gone, and the largest piece, as a share of all there were: when they
went at random, and when those with the most links went first. Barabási and Albert, m = 2."""

RANDOM = {
    0.1: (0.872, 0.8488),
    0.28: (0.671, 0.4416),
    0.3: (0.641, 0.3714),
    0.4: (0.528, 0.0054),
    0.5: (0.407, 0.0021),
    0.75: (0.026, 0.0004),
}
"""The same for a random graph with as many links."""


@published("attack", reduced=1, full=20)
def attacks(runs: int) -> Rows:
    """Albert, Jeong and Barabási, "Error and attack tolerance of complex networks" (2000).

    The figures are those of one graph each, which is that of seed 1; by how much the graphs of other
    seeds differ from one another is the error of the rows that tell of many.
    """
    n = 10_000
    graphs = {
        "scale-free": (SCALE_FREE, partial(nx.barabasi_albert_graph, n, 2)),
        "random": (RANDOM, partial(nx.gnm_random_graph, n, 2 * n)),
    }
    for name, (known, make) in graphs.items():
        for way, verb in enumerate(("fail", "attacked")):
            seen = []
            for seed in range(1, runs + 1):
                plan = make(seed=seed)
                order = shuffled(n, seed)
                if way:
                    order = sorted(range(n), key=lambda node: -plan.degree[node])
                seen.append([size / n for size in pieces(plan, order, known)])
            for (share, sizes), found in zip(known.items(), zip(*seen, strict=True), strict=True):
                what = f"{name}, {share:.0%} {verb}"
                yield Row(what, sizes[way], found[0], 0.03)
                if runs > 1:
                    spread = stdev(found) * sqrt(1 + 1 / runs)
                    yield Row(f"{what}, {runs} graphs", sizes[way], fmean(found), error=spread)


@published("flood-rmr", reduced=1, full=1)
def floods(runs: int) -> Rows:
    """Leitão, Pereira and Rodrigues, "Epidemic broadcast trees" (2007): the relative redundancy of
    messages, and n (d - 1) + 1 of them."""
    for n, d, messages in ((1000, 5, 4001), (1000, 8, 7001), (10_000, 5, 40_001)):
        with SimNetwork(Flood, nx.random_regular_graph(d, n, seed=1), record="counts") as net:
            net.tell("n0", Rumor("hello"))
            net.run(1.0)
            sent = net.trace.count(kind="send")
        yield Row(f"messages of a flood, n={n:,}, d={d}", messages, sent)
        if n == 10_000:
            yield Row("redundancy, n=10,000, d=5", 3.0005, sent / (n - 1) - 1, 0.00005)


@published("er-connect", reduced=60, full=600)
def connectivity_of_the_kit(runs: int) -> Rows:
    """The kit's random graphs have c = 2, and it draws again until one is connected."""
    draws: list[bool] = []
    is_connected = nx.is_connected

    def watched(graph: Any) -> bool:
        draws.append(is_connected(graph))
        return draws[-1]

    nx.is_connected = watched
    try:
        for seed in range(runs):
            build("erdos-renyi", 1000, seed)
    finally:
        nx.is_connected = is_connected
    yield row("connected, c=2, by topology.build", 0.8734, draws, 0.04)
