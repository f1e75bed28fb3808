"""Distributed hash tables: how evenly keys fall on nodes, and how many steps a search takes.

Consistent hashing (Stoica and others, "Chord", SIGCOMM 2001, section 6.1 and figure 9): nodes are
points on a circle, and each has the keys between its predecessor and itself. Kademlia (Maymounkov and
Mazières, IPTPS 2002): tables that do not change, in which each bucket holds k nodes of its range,
drawn at random, or all if there are fewer.

    python -m tests.reproduce chord kad
    python -m tests.reproduce.dht hops.png     # hops against log n, with up to 10,000 nodes
"""

import math
import sys
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from random import Random

import networkx as nx
import numpy as np

from p2pkit import Contact, Link, SimNetwork
from p2pkit.protocols import chord
from p2pkit.protocols.chord import Chord
from p2pkit.protocols.kbuckets import BITS, point
from p2pkit.protocols.lookup import Lookup
from tests.reproduce.harness import Row, error, published, row

# Consistent hashing


def loads(nodes: int, keys: int, points: int, random: np.random.Generator) -> np.ndarray:
    """Return the keys of each node, over their mean, where each node stands at some points."""
    places = random.random((nodes, points))
    owners = np.repeat(np.arange(nodes), points)
    order = np.argsort(places, axis=None)
    where = np.searchsorted(places.ravel()[order], random.random(keys)) % (nodes * points)
    return np.bincount(owners[order][where], minlength=nodes) * (nodes / keys)


LOADS = {100_000: (4.78, 10.12), 500_000: (4.651, 9.91), 1_000_000: (4.634, 9.87)}
"""The 99th percentile of the keys of a node over their mean, and the most, for 10,000 nodes, by keys."""


@published("chord-load", reduced=5, full=200)
def load(runs: int) -> Iterator[Row]:
    for keys, (top, highest) in LOADS.items():
        seen = [loads(10_000, keys, 1, np.random.default_rng([keys, run])) for run in range(runs)]
        tops = [np.percentile(counts, 99) for counts in seen]
        yield row(f"99th percentile of keys a node, {keys:,} keys", top, tops, 0.15)
        most = [counts.max() for counts in seen]
        yield row(f"most keys a node, {keys:,} keys", highest, most, 0.5)
        inside = np.mean([7.5 <= value <= 14 for value in most])
        yield Row(f"runs with the most between 7.5 and 14, {keys:,} keys", 1.0, float(inside), 0.1)


SHARES = {  # 1st and 99th percentile, of Gamma(r) / r and in simulation, by points of a node
    1: (0.0101, 4.6052, 0.004, 4.634),
    2: (0.0743, 3.3192, 0.066, 3.300),
    5: (0.2558, 2.3209, 0.234, 2.352),
    10: (0.4130, 1.8783, 0.388, 1.912),
    20: (0.5541, 1.5923, 0.512, 1.650),
}


@published("chord-vnodes", reduced=2, full=50)
def virtual_nodes(runs: int) -> Iterator[Row]:
    for points, (low, high, seen_low, seen_high) in SHARES.items():
        seen = [
            np.percentile(
                loads(10_000, 1_000_000, points, np.random.default_rng([points, run])), (1, 99)
            )
            for run in range(runs)
        ]
        lows, highs = zip(*seen, strict=True)
        for theirs, whose in (((low, high), "Gamma"), ((seen_low, seen_high), "simulated")):
            yield row(f"1st percentile, {points} points a node, {whose}", theirs[0], lows, 0.06)
            yield row(f"99th percentile, {points} points a node, {whose}", theirs[1], highs, 0.1)


@published("chord-load", reduced=3, full=20)
def load_of_the_protocol(runs: int) -> Iterator[Row]:
    """Count keys by what the nodes of the protocol take for theirs, 500 of them, 50,000 keys."""
    nodes, keys = 500, 50_000
    tops, most = [], []
    for run in range(runs):
        names = [f"run {run} node {number}" for number in range(nodes)]
        with still(Chord.using(pause=1e6), names, seed=run) as net:
            close_circle(net)
            held = [
                chord.way(chord.point(net[name].predecessor.id), chord.point(name))
                for name in names
            ]
            assert sum(held) == chord.CIRCLE  # each key belongs to one
            where = sorted((chord.point(name), name) for name in names)
            counts = dict.fromkeys(names, 0)
            for number in range(keys):
                place = bisect_left(where, (chord.point(f"run {run} key {number}"), ""))
                counts[where[place % nodes][1]] += 1
            for number in range(100):  # that is where the nodes think it is
                key = f"run {run} key {number}"
                place = bisect_left(where, (chord.point(key), "")) % nodes
                assert net[where[place][1]].owns(key)
        shares = np.array([*counts.values()]) * (nodes / keys)
        tops.append(np.percentile(shares, 99))
        most.append(shares.max())
    # The largest of n intervals is the sum of 1/i of the mean.
    expected = sum(1 / number for number in range(1, nodes + 1))
    yield row("99th percentile of keys a node, protocol, n=500", math.log(100), tops)
    yield row("most keys a node, protocol, n=500", expected, most)


# Searches in Kademlia

HOPS = {  # of a search for the node of an id, in the mean, by nodes, k and alpha
    (100, 20, 3): 1.367,
    (100, 8, 3): 1.63,
    (100, 20, 1): 1.367,
    (1000, 20, 3): 1.897,
    (1000, 8, 3): 2.245,
    (1000, 20, 1): 1.923,
    (5000, 20, 3): 2.255,
    (5000, 8, 3): 2.71,
    (5000, 20, 1): 2.325,
    (10_000, 20, 3): 2.4,
    (10_000, 8, 3): 2.885,
    (10_000, 20, 1): 2.485,
}


class Tables:
    """The tables of many nodes, made when they are first looked into; ids are `bits` long."""

    def __init__(self, ids: Sequence[int], k: int, random: Random, bits: int) -> None:
        self.ids = sorted(ids)
        self.k, self.random, self.bits = k, random, bits
        self.made: dict[int, np.ndarray] = {}

    def bucket(self, id: int, size: int) -> list[int]:
        """Return k of the nodes whose distance has so many bits: neighbours in the order of ids."""
        low = (id >> (size - 1) ^ 1) << (size - 1)
        first, last = (bisect_left(self.ids, end) for end in (low, low + (1 << (size - 1))))
        if last - first <= self.k:
            return self.ids[first:last]
        return [self.ids[place] for place in self.random.sample(range(first, last), self.k)]

    def __getitem__(self, id: int) -> np.ndarray:
        if id not in self.made:
            sizes = range(self.bits, self.bits - 40, -1)
            all_of_them = [it for size in sizes for it in self.bucket(id, size)]
            self.made[id] = np.array(all_of_them, dtype=np.uint64)
        return self.made[id]


def steps(tables: Tables, start: int, target: int, alpha: int) -> int:
    """Search for a node in rounds: ask the alpha closest that were not asked, all at once. Return how
    many steps away it was: 1 if we knew it, 2 if somebody named it in the first round, …"""
    goal, k = np.uint64(target), tables.k

    def nearest(ids: np.ndarray) -> np.ndarray:
        return ids[np.argsort(ids ^ goal)[:k]]

    known, asked = nearest(tables[start]), {start}
    for round in range(1, 100):
        if known[0] == goal:
            return round
        fresh = [int(id) for id in known if int(id) not in asked][:alpha]
        asked.update(fresh)
        known = nearest(np.unique(np.concatenate([known, *(nearest(tables[id]) for id in fresh)])))
    raise AssertionError(f"{target} is not found")


def sample_steps(n: int, k: int, alpha: int, searches: int, seed: int) -> list[int]:
    """Search for so many nodes in one network, from others, all chosen at random."""
    random = Random(f"{n} {k} {alpha} {seed}")
    ids = [random.getrandbits(63) for _ in range(n)]
    tables = Tables(ids, k, random, 63)
    pairs = (random.sample(ids, 2) for _ in range(searches))
    return [steps(tables, start, target, alpha) for start, target in pairs]


@published("kad-hops", reduced=1, full=20)
def hops(runs: int) -> Iterator[Row]:
    for (n, k, alpha), expected in HOPS.items():
        seen = [sample_steps(n, k, alpha, 400, run) for run in range(runs)]
        means = [float(np.mean(one)) for one in seen]
        chance = error(means) if runs > 1 else error(seen[0])
        what = f"hops, n={n}, k={k}, alpha={alpha}"
        yield Row(what, expected, float(np.mean(means)), 0.12, chance)


@published("kad-hops", reduced=2, full=20)
def hops_of_the_protocol(runs: int) -> Iterator[Row]:
    for (n, k, alpha), expected in HOPS.items():
        if n <= 1000 or runs >= 20:  # large networks take their time
            few = range(max(1, runs * 100 // n))
            seen = [protocol_hops(n, k, alpha, 200 if n <= 1000 else 400, run) for run in few]
            means = [float(np.mean(one)) for one in seen]
            chance = error(means) if len(few) > 1 else error(seen[0])
            what = f"hops, n={n}, k={k}, alpha={alpha}, protocol"
            yield Row(what, expected, float(np.mean(means)), 0.12, chance)


def protocol_hops(n: int, k: int, alpha: int, searches: int, seed: int) -> list[int]:
    """Let nodes of the protocol search for each other, and return what they say it took."""
    names = [f"{seed}.{number}" for number in range(n)]
    protocol = Lookup.using(k=k, alpha=alpha, refresh=1e6)
    random = Random(seed)
    with still(protocol, names, seed=seed) as net:
        fill_buckets(net, random)
        pairs = [random.sample(names, 2) for _ in range(searches)]
        for caller, name in pairs:
            net.call(caller, "find", name)
        net.run(10.0)
        return [net[caller].hops[name] for caller, name in pairs]


# Networks whose nodes know what they should, from the start


def still(protocol: type, names: Sequence[str], seed: int) -> SimNetwork:
    """Return a network without links, whose nodes find each other as contacts."""
    graph: nx.Graph = nx.empty_graph(0)
    graph.add_nodes_from(names)
    return SimNetwork(protocol, graph, link=Link(latency=0.05), seed=seed, record="counts")


def fill_buckets(net: SimNetwork, random: Random) -> None:
    """Give each node k contacts, drawn at random, for each bucket, or all there are."""
    contacts = {point(name): Contact(name, net[name].contact.address) for name in net.names}
    tables = Tables([*contacts], net.protocol.k, random, BITS)
    for node in net:
        sizes = range(BITS, BITS - 40, -1)
        found = {size: [contacts[id] for id in tables.bucket(node.point, size)] for size in sizes}
        node.buckets = {size: {it.id: it for it in those} for size, those in found.items() if those}


def close_circle(net: SimNetwork) -> None:
    """Give each node its predecessor, its successors and all its fingers."""
    nodes = sorted(net, key=lambda node: node.point)
    points, contacts = [node.point for node in nodes], [node.contact for node in nodes]
    for place, node in enumerate(nodes):
        node.predecessor = contacts[place - 1]
        node.successors = [contacts[(place + step + 1) % len(nodes)] for step in range(node.length)]
        for number in range(chord.BITS):
            start = (node.point + (1 << number)) % chord.CIRCLE
            finger = contacts[bisect_left(points, start) % len(nodes)]
            if finger.id != node.id:
                node.fingers[number] = finger


# Growth


def growth(sizes: Sequence[int], k: int, searches: int = 300) -> dict[int, list[int]]:
    """Return the hops of searches by the protocol, by nodes."""
    return {n: protocol_hops(n, k, 3, searches, seed=1) for n in sizes}


def plot_growth(path: str) -> None:
    """Draw the hops of searches against the nodes of the network, for two sizes of buckets."""
    import matplotlib.pyplot as plt

    from p2pkit.plot import style

    sizes = [30, 100, 300, 1000, 3000, 10_000]
    fig, ax = plt.subplots(figsize=(style.WIDTH, 3.8), layout="constrained")
    for k, color in ((8, style.VERMILION), (20, style.BLUE)):
        seen = growth(sizes, k)
        means = [np.mean(hops) for hops in seen.values()]
        bars = [3 * error(hops) for hops in seen.values()]
        ax.errorbar(sizes, means, bars, fmt="o-", color=color, capsize=3, label=f"k = {k}")
    ax.set(xscale="log", xlabel="nodes", ylabel="hops of a search", ylim=(0, None))
    ax.legend(frameon=False)
    style.curves(ax)
    fig.savefig(path, dpi=120)


if __name__ == "__main__":
    plot_growth(sys.argv[1])
