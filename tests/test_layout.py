"""Where nodes are: that graphs look like what they are, and that distances follow hops."""

import math
from itertools import combinations, pairwise

import networkx as nx
import numpy as np
import pytest

from p2pkit.layout import positions
from p2pkit.topology import TOPOLOGIES, build


def lengths(graph, places):
    return [math.dist(places[one], places[other]) for one, other in graph.edges]


@pytest.mark.parametrize("name", TOPOLOGIES)
def test_places_are_finite_distinct_and_repeatable(name):
    for n in (1, 2, 3, 7, 60):
        graph = build(name, n, 3)
        places = positions(graph)
        assert list(places) == list(graph)
        assert np.isfinite(list(places.values())).all()
        apart = [math.dist(one, other) for one, other in combinations(places.values(), 2)]
        assert min(apart, default=1) > 0.05
        assert positions(graph) == places


def test_lines_rings_and_grids_look_like_what_they_are():
    line = positions(nx.path_graph(9))
    assert [y for _, y in line.values()] == pytest.approx([0] * 9, abs=1e-9)
    xs = [x for x, _ in line.values()]
    assert [b - a for a, b in pairwise(xs)] == pytest.approx([1] * 8)
    for graph in (nx.cycle_graph(9), build("small-world", 40)):
        radii = [math.hypot(*place) for place in positions(graph).values()]
        assert radii == pytest.approx([radii[0]] * len(radii))
    for graph in (build("grid", 40), nx.grid_2d_graph(4, 6)):
        places = positions(graph)
        assert lengths(graph, places) == pytest.approx([1] * len(graph.edges))
        assert len({x for x, _ in places.values()}) in (6, 7)


def test_a_star_and_a_tree_have_their_root_in_the_middle():
    for graph in (nx.star_graph(8), build("tree", 31)):
        places = positions(graph)
        for node, hops in nx.single_source_shortest_path_length(graph, 0).items():
            assert math.hypot(*places[node]) == pytest.approx(hops, abs=1e-9)


def test_elsewhere_distances_follow_hops():
    torus = nx.convert_node_labels_to_integers(nx.grid_2d_graph(5, 8, periodic=True))
    for graph in (torus, build("erdos-renyi", 60, 1), build("scale-free", 60, 1)):
        places = positions(graph)
        hops = dict(nx.all_pairs_shortest_path_length(graph))
        pairs = list(combinations(graph, 2))
        far = [hops[one][other] for one, other in pairs]
        drawn = [math.dist(places[one], places[other]) for one, other in pairs]
        assert np.corrcoef(far, drawn)[0, 1] > 0.6
        assert np.mean(lengths(graph, places)) == pytest.approx(1.1, abs=0.35)


def test_nodes_with_the_same_neighbours_have_places_of_their_own():
    places = positions(nx.complete_bipartite_graph(2, 80)).values()
    assert min(math.dist(one, other) for one, other in combinations(places, 2)) > 0.01


def test_graphs_in_pieces_and_without_edges_have_places():
    for graph in (nx.disjoint_union(nx.cycle_graph(5), nx.complete_graph(4)), nx.empty_graph(70)):
        places = positions(graph)
        apart = [math.dist(one, other) for one, other in combinations(places.values(), 2)]
        assert min(apart) > 0.2
    pieces = positions(nx.disjoint_union(nx.cycle_graph(5), nx.complete_graph(4)))
    centres = (
        np.mean([pieces[n] for n in range(5)], 0),
        np.mean([pieces[n] for n in range(5, 9)], 0),
    )
    assert math.dist(*centres) > 1.5


@pytest.mark.parametrize(
    "graph", [build("random-regular", 1500, 1), nx.complete_bipartite_graph(2, 1200)], ids=str
)
def test_large_graphs_are_laid_out_roughly(graph):
    places = np.array(list(positions(graph).values()))
    assert np.isfinite(places).all()
    assert len(np.unique(places.round(6), axis=0)) == len(graph)
