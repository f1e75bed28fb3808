"""Published graphs: what the kit makes, simulates and measures has the numbers of the literature.

The tolerances are some three standard errors of the mean over as many graphs as are drawn here.
"""

from random import Random
from statistics import mean

import networkx as nx
import pytest

from p2pkit import Protocol, SimNetwork, stats
from p2pkit.topology import build

LATTICE = 1000, 10
"""Nodes and links a node of the ring lattice in Watts and Strogatz (1998), figure 2."""

FIGURE_2 = {
    0.001: (0.9971, 0.5452, 0.06),
    0.01: (0.9722, 0.1815, 0.02),
    0.1: (0.7342, 0.0878, 0.02),
    0.5: (0.1351, 0.067, 0.02),
    1.0: (0.0138, 0.0648, 0.02),
}
"""p: C(p)/C(0), L(p)/L(0), and how far off L may be. The figure has no table: these are means over
20 graphs of an independent simulation, and C follows (1 - p)^3 (Barrat and Weigt 2000)."""

# Erdős and Rényi


def test_seven_random_graphs_in_eight_are_connected(monkeypatch):
    """P = exp(-exp(-c)) at p = (ln n + c)/n; Erdős and Rényi (1959). The kit's graphs have c = 2,
    and it draws again until one is connected."""
    draws = []
    is_connected = nx.is_connected
    monkeypatch.setattr(
        nx, "is_connected", lambda graph: draws.append(is_connected(graph)) or draws[-1]
    )
    for seed in range(300):
        assert nx.number_of_isolates(build("erdos-renyi", 1000, seed)) == 0
    assert draws.count(True) == 300
    assert 300 / len(draws) == pytest.approx(0.8734, abs=0.04)


def test_the_largest_piece_of_random_networks_and_of_what_crashes_leave_of_them():
    """S = 1 - exp(-dS). Of a random graph with d links a node, a random half is one with d/2."""
    n, seeds = 10_000, range(3)
    published = {4: (0.9802, 0.004), 3: (0.9405, 0.004), 2: (0.7968, 0.015), 1.5: (0.5828, 0.015)}
    shares = {d: [] for d in published}
    for seed in seeds:
        plan = nx.fast_gnp_random_graph(n, 4 / n, seed=seed)
        with SimNetwork(Protocol, plan, record="counts") as net:
            order = Random(seed).sample(net.names, n)
            for d in published:
                while len(order) > n * d / 4:
                    net.crash(order.pop())
                left = net.overlay()
                assert len(left) == n * d / 4
                shares[d].append(max(map(len, nx.connected_components(left))) / len(left))
    for d, (share, tolerance) in published.items():
        assert mean(shares[d]) == pytest.approx(share, abs=tolerance), d


# Watts and Strogatz


def test_the_ring_of_figure_2_has_the_lengths_and_triangles_that_follow_from_its_form():
    ring = stats.overlay(nx.watts_strogatz_graph(*LATTICE, 0))
    assert ring.clustering == pytest.approx(2 / 3)
    assert ring.path_length == pytest.approx(50.4505, abs=0.0001)
    assert (ring.diameter, ring.min_degree, ring.max_degree) == (100, 10, 10)


@pytest.mark.parametrize("p", FIGURE_2)
def test_rewired_rings_meet_figure_2(p):
    graphs = [nx.watts_strogatz_graph(*LATTICE, p, seed=seed) for seed in range(20)]
    seen = [stats.overlay(graph, sample=20, seed=seed) for seed, graph in enumerate(graphs)]
    clustering, hops, tolerance = FIGURE_2[p]
    assert mean(it.clustering for it in seen) / (2 / 3) == pytest.approx(clustering, abs=0.01)
    assert mean(it.path_length for it in seen) / 50.4505 == pytest.approx(hops, abs=tolerance)


def test_the_small_world_of_the_kit_is_one_when_it_runs():
    """Clustering falls about as (1 - p)^3, which is exact for the ratio of the means over all nodes
    (Barrat and Weigt 2000), and ways are nearly as short as in a random graph."""
    ring = stats.overlay(nx.watts_strogatz_graph(1000, 4, 0), sample=1)  # all its nodes are alike
    nets = [SimNetwork(Protocol, build("small-world", 1000, seed)) for seed in range(5)]
    seen = [stats.overlay(net.overlay(), sample=50) for net in nets]
    clustering = mean(it.clustering for it in seen)
    assert clustering / ring.clustering == pytest.approx((1 - 0.15) ** 3, abs=0.04)
    assert mean(it.path_length for it in seen) < 0.07 * ring.path_length


# Random regular graphs


@pytest.mark.parametrize(
    ("n", "graphs", "hops", "diameter"), [(100, 20, 3.548, 6.0), (1000, 3, 5.634, 8.6)]
)
def test_random_regular_graphs_are_as_wide_as_they_should_be(n, graphs, hops, diameter):
    seen = [stats.overlay(build("random-regular", n, seed)) for seed in range(graphs)]
    assert {(it.min_degree, it.max_degree, it.components) for it in seen} == {(4, 4, 1)}
    assert mean(it.path_length for it in seen) == pytest.approx(hops, abs=0.03)
    assert mean(it.diameter for it in seen) == pytest.approx(diameter, abs=1)
