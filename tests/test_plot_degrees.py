"""The degrees: that nodes are counted, compared, and set beside a theory."""

import math

import networkx as nx
import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.colors import to_rgba
from pictures import Net, amount, everything_fits, legend, texts, tick_labels

from p2pkit import LocalNetwork, SimNetwork, plot
from p2pkit.errors import TopologyError
from p2pkit.plot import style
from p2pkit.protocols.gossip import Gossip
from p2pkit.stats import degrees
from p2pkit.topology import build

pytestmark = pytest.mark.usefixtures("without_a_screen")


def bars(ax):
    """Return the height of each bar, by its place."""
    return {round(p.get_x() + p.get_width() / 2): p.get_height() for p in ax.patches}


def points(ax, label):
    line = next(line for line in ax.lines if line.get_label() == label)
    return dict(zip(*map(np.ndarray.tolist, map(np.asarray, line.get_data())), strict=True))


def test_a_bar_counts_the_nodes_of_a_degree():
    ax = plot.degrees(nx.star_graph(4))
    assert bars(ax) == {1: 4, 4: 1}
    assert texts(ax) == ["4", "1"] or texts(ax) == ["1", "4"]
    assert ax.get_xlabel() == "degree (neighbours of a node)"
    assert ax.get_ylabel() == "nodes"
    assert amount(ax, style.SERIES[0]) > 5000
    assert legend(ax) == []
    assert all(float(label) % 1 == 0 for label in tick_labels(ax))
    assert everything_fits(ax)


@pytest.mark.parametrize(
    "graph", [nx.empty_graph(1), nx.path_graph(2), nx.cycle_graph(50)], ids=str
)
def test_of_one_degree_the_bar_is_no_wall(graph):
    ax = plot.degrees(graph)
    assert len(bars(ax)) == 1
    low, high = ax.get_xlim()
    assert high - low >= 5
    assert everything_fits(ax)


def test_a_network_is_counted_as_it_is_now():
    with SimNetwork(Gossip, build("complete", 6)) as net:
        assert bars(plot.degrees(net)) == {5: 6}
        net.crash("n0")
        net.run(0.1)
        assert bars(plot.degrees(net)) == degrees(net.overlay()) == {4: 5}
    with LocalNetwork(Gossip, nx.star_graph(5)) as net:
        ax = plot.degrees(net)
        assert bars(ax) == {1: 5, 5: 1}
        assert amount(ax, style.SERIES[0]) > 1000
    assert bars(plot.degrees(Net(nx.star_graph(3)))) == {1: 3, 3: 1}


def test_many_bars_have_no_numbers():
    assert texts(plot.degrees(build("scale-free", 300, 1))) == []


def test_several_graphs_are_compared_in_shares():
    ax = plot.degrees({"star": nx.star_graph(3), "ring": nx.cycle_graph(10)})
    assert points(ax, "star") == {1: 75, 3: 25}
    assert points(ax, "ring") == {2: 100}
    assert ax.get_ylabel() == "share of the nodes (%)"
    assert legend(ax) == ["star", "ring"]
    assert len({line.get_marker() for line in ax.lines}) == 2
    for color in style.SERIES[:2]:
        assert amount(ax, color) > 30
    assert everything_fits(ax)
    assert legend(plot.degrees([nx.path_graph(3), nx.path_graph(4)])) == ["graph 1", "graph 2"]


def test_a_heavy_tail_has_logarithmic_axes():
    graph = build("scale-free", 3000, 1)
    ax = plot.degrees(graph, log=True, label="scale-free")
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    assert points(ax, "scale-free") == degrees(graph)
    assert legend(ax) == ["scale-free"]
    labels = tick_labels(ax)
    assert "100" in labels
    assert everything_fits(ax)


def test_who_has_no_place_on_a_logarithmic_axis_is_counted():
    graph = nx.star_graph(3)
    graph.add_nodes_from([10, 11])
    ax = plot.degrees(graph, log=True)
    assert texts(ax) == ["2 nodes without neighbours not shown"]
    assert everything_fits(ax)


def test_a_theory_is_a_dashed_line_in_the_unit_of_the_axis():
    def poisson(degree):
        return math.exp(-4) * 4**degree / math.factorial(degree)

    graph = nx.gnp_random_graph(1000, 0.004, seed=1)
    ax = plot.degrees(graph, theory=poisson)
    assert points(ax, "expected")[4] == pytest.approx(1000 * poisson(4))
    assert legend(ax) == ["expected"]
    assert amount(ax, style.INK) > 200
    ax = plot.degrees([graph, graph], theory=poisson)
    assert points(ax, "expected")[4] == pytest.approx(100 * poisson(4))
    assert to_rgba(ax.lines[-1].get_color()) == to_rgba(style.INK)
    log = plot.degrees(build("scale-free", 3000, 1), log=True, theory=lambda k: 12 / k**3)
    assert log.get_ylim()[0] > 0.1  # expectations far below one node are of no interest
    assert everything_fits(log)


def test_given_axes_are_used():
    figure, (left, right) = pyplot.subplots(1, 2)
    assert plot.degrees(nx.path_graph(3), ax=right) is right
    assert not left.patches
    assert pyplot.get_fignums() == [figure.number]


def test_what_is_no_graph_is_refused():
    with pytest.raises(TopologyError, match="not a graph"):
        plot.degrees("ring")
    with pytest.raises(TopologyError, match="there is no graph to draw"):
        plot.degrees([])
    assert pyplot.get_fignums() == []
