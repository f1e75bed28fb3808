"""The topology: that nodes, connections and names are seen, with their colours and sizes."""

import math
from collections import Counter

import networkx as nx
import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.colors import to_rgba
from pictures import Net, amount, connections, dots, everything_fits, legend, texts

from p2pkit import LocalNetwork, SimNetwork, plot
from p2pkit.errors import NodeDown, TopologyError, TraceError
from p2pkit.layout import positions
from p2pkit.plot import style
from p2pkit.protocols.gossip import Gossip, Rumor
from p2pkit.topology import TOPOLOGIES, build
from p2pkit.trace import Trace

pytestmark = pytest.mark.usefixtures("without_a_screen")


def test_nodes_connections_and_names_are_seen():
    ax = plot.topology(nx.cycle_graph(5))
    assert amount(ax, style.NODE) > 500
    assert amount(ax, style.EDGE) > 200
    assert texts(ax) == ["n0", "n1", "n2", "n3", "n4"]
    assert legend(ax) == []
    assert not ax.axison
    assert ax.get_aspect() == 1


@pytest.mark.parametrize("name", TOPOLOGIES)
@pytest.mark.parametrize("n", [1, 2, 3, 40, 250])
def test_every_topology_can_be_seen(name, n):
    ax = plot.topology(build(name, n, 1))
    assert len(dots(ax)) == n
    assert amount(ax, style.NODE) > min(15 * n, 800) / 2
    assert len(texts(ax)) == (n if n <= 30 else 0)


def test_a_network_is_drawn_as_it_is_now():
    net = Net(build("ring", 6), cut=[("n0", "n1")])
    ax = plot.topology(net)
    assert len(connections(ax)[0].get_segments()) == 5
    same = plot.topology(Net(build("ring", 6)))
    assert len(connections(same)[0].get_segments()) == 6
    assert np.allclose(dots(ax), dots(same))  # the plan decides on the places, and it is the same


def test_a_network_that_made_its_own_connections_is_laid_out_by_them():
    plan = build("star", 5)
    ring = [(f"n{one}", f"n{other}") for one, other in nx.cycle_graph(5).edges]
    net = Net(plan, cut=[("n0", "n2"), ("n0", "n3")], new=ring)
    ax = plot.topology(net)
    assert len(connections(ax)[0].get_segments()) == 5
    assert np.allclose(dots(ax), list(positions(nx.cycle_graph(5)).values()))


def test_nodes_that_joined_or_have_no_state_are_drawn_too():
    net = Net(build("ring", 5), new=[("n0", "late")])
    del net.nodes["n2"]
    ax = plot.topology(net, color=lambda node: "red")
    assert len(dots(ax)) == 6
    assert texts(ax) == ["n0", "n1", "n2", "n3", "n4", "late"]
    assert legend(ax) == ["not reached"]


def test_dead_nodes_are_hollow_and_explained():
    ax = plot.topology(Net(nx.complete_graph(5), down=["n3"]), color=lambda node: "red")
    hollow = [c for c in ax.collections if to_rgba(style.PAPER) in map(tuple, c.get_facecolors())]
    assert len(hollow) == 1
    assert len(hollow[0].get_offsets()) == 1
    assert legend(ax) == ["down"]
    red = [c for c in ax.collections if to_rgba("red") in map(tuple, c.get_facecolors())]
    assert len(red[0].get_offsets()) == 4
    assert legend(plot.topology(Net(nx.complete_graph(5)))) == []


def test_a_network_that_has_not_started_shows_its_plan():
    net = Net(build("ring", 4), down=["n0", "n1", "n2", "n3"])
    ax = plot.topology(net)
    assert len(connections(ax)[0].get_segments()) == 4
    assert legend(ax) == []
    assert amount(ax, style.NODE) > 400


def test_a_node_killed_without_a_last_state_is_no_obstacle():
    class Killed:
        id = "n1"

        @property
        def number(self):
            raise NodeDown("n1 was killed")

    class Harsh(Net):
        def __iter__(self):
            raise NodeDown("n1 was killed")

    net = Net(build("line", 3), down=["n1"])
    net.nodes["n1"] = Killed()
    harsh = Harsh(build("line", 3), down=["n1"])
    for one in (net, harsh):
        ax = plot.topology(one, color=lambda node: "red" if node.number else "blue")
        assert legend(ax) == ["down"]
        assert amount(ax, "red") > 100
        assert amount(ax, "blue") > 100


def test_colours_are_taken_as_they_are():
    net = Net(build("line", 3))
    ax = plot.topology(net, color=lambda node: ["red", (0, 0, 1), "#00ff00"][node.number])
    for color in ("red", "blue", "lime"):
        assert amount(ax, color) > 100
    assert len(ax.figure.axes) == 1
    assert amount(plot.topology(net, color="red"), "red") > 300


def test_true_and_false_are_two_colours_and_none_is_not_reached():
    net = Net(build("line", 4))
    ax = plot.topology(net, color=lambda node: node.number > 1)
    assert amount(ax, style.REACHED) > 200
    assert amount(ax, style.QUIET) > 200
    assert legend(ax) == []
    ax = plot.topology(net, color=lambda node: None if node.number else "red")
    assert amount(ax, style.QUIET) > 300
    assert legend(ax) == ["not reached"]


def test_numbers_get_a_labelled_colour_bar():
    net = Net(build("line", 5))

    def hops_from_here(node):
        return None if node.number == 4 else node.number

    ax = plot.topology(net, color=hops_from_here)
    ax.figure.canvas.draw()
    _, bar = ax.figure.axes
    assert bar.get_ylabel() == "hops from here"
    assert bar.get_ylim() == (0, 3)
    assert {tick % 1 for tick in bar.get_yticks()} == {0.0}
    assert legend(ax) == ["not reached"]
    cmap = pyplot.get_cmap(style.COLORMAP)
    for value in (0.0, 1 / 3, 1.0):
        assert amount(ax, cmap(value)) > 100


def test_a_colour_bar_of_a_lambda_says_what_it_looks_at():
    ax = plot.topology(Net(build("line", 3)), color=lambda node: node.number)
    assert ax.figure.axes[1].get_ylabel() == "number"
    ax = plot.topology(Net(build("line", 3)), color=lambda node: 7)  # all alike, and nothing asked
    assert ax.figure.axes[1].get_ylabel() == "value"


def test_numbers_that_are_none_are_grey():
    ax = plot.topology(
        Net(build("line", 3)), color=lambda node: [1.0, math.nan, math.inf][node.number]
    )
    assert amount(ax, style.QUIET) > 200


def test_sizes_are_in_proportion():
    ax = plot.topology(Net(build("line", 3)), size=lambda node: node.number + 1)
    areas = ax.collections[-1].get_sizes()
    assert areas / areas[0] == pytest.approx([1, 2, 3])
    assert set(plot.topology(build("line", 3), size=50).collections[-1].get_sizes()) == {50}
    nothing = plot.topology(Net(build("line", 3)), size=lambda node: None)
    assert all(nothing.collections[-1].get_sizes() > 0)


def test_labels_are_what_the_function_says():
    net = Net(build("ring", 40))
    assert texts(plot.topology(net)) == []
    ax = plot.topology(net, label=lambda node: node.number if node.number < 3 else None)
    assert texts(ax) == ["0", "1", "2"]


def test_names_stand_inside_their_nodes_or_all_below():
    inside = plot.topology(nx.complete_graph(3))
    assert {text.get_position()[1] for text in inside.texts} == {0}
    below = plot.topology(nx.relabel_nodes(nx.complete_graph(3), {0: "bartholomew"}))
    assert all(text.get_position()[1] < -5 for text in below.texts)


def test_names_are_readable_on_dark_and_light():
    ax = plot.topology(Net(build("line", 2)), color=lambda node: ["black", "white"][node.number])
    assert [text.get_color() for text in ax.texts] == [style.PAPER, style.INK]


def test_of_a_plain_graph_the_functions_get_names():
    seen = []
    plot.topology(nx.grid_2d_graph(2, 2), color=lambda name: seen.append(name) or "red")
    assert seen == ["n0_0", "n0_1", "n1_0", "n1_1"]


def test_a_layout_is_a_dict_or_a_function():
    graph = nx.path_graph(3)
    given = {0: (0, 0), 1: (5, 5), 2: (9, 1)}
    for layout in (given, {"n0": (0, 0), "n1": (5, 5), "n2": (9, 1)}, lambda graph: given):
        assert dots(plot.topology(graph, layout=layout)).tolist() == [[0, 0], [5, 5], [9, 1]]
    circle = plot.topology(graph, layout=nx.circular_layout)
    assert np.hypot(*dots(circle).T) == pytest.approx([1, 1, 1], abs=1e-3)
    with pytest.raises(TopologyError, match="the layout says nothing of n2"):
        plot.topology(graph, layout={0: (0, 0), 1: (1, 1)})


def test_what_is_no_graph_is_refused():
    with pytest.raises(TopologyError, match="not a graph"):
        plot.topology([1, 2])


def test_given_axes_are_used():
    figure, (left, right) = pyplot.subplots(1, 2)
    assert plot.topology(nx.path_graph(3), ax=right) is right
    assert not left.collections
    assert pyplot.get_fignums() == [figure.number]


def test_many_long_connections_fade_and_then_go():
    def opacity(graph):
        return connections(plot.topology(graph))[0].get_alpha()

    assert opacity(build("random-regular", 40)) == 1
    assert opacity(build("grid", 300)) == 1
    assert opacity(build("random-regular", 400)) < 0.5
    assert connections(plot.topology(nx.complete_graph(250))) == []


def test_more_nodes_are_smaller():
    sizes = [
        plot.topology(build("random-regular", n)).collections[-1].get_sizes()[0]
        for n in (10, 100, 400)
    ]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] >= 3.5**2


# Traffic, cuts and partitions


def simulated(graph, **options):
    """Return a network in which six nodes have told a rumor."""
    with SimNetwork(Gossip, graph, seed=3, **options) as net:
        for name in net.names[:6]:
            net.tell(name, Rumor(name))
        net.run(2)
    return net


def lines(ax, gid):
    return [c for c in connections(ax) if c.get_gid() == gid]


def loads(trace):
    """Return how many messages went between each two nodes."""
    return Counter(frozenset((event.node, event.peer)) for event in trace.where(kind="send"))


def test_connections_are_as_wide_as_their_traffic():
    net = simulated(build("random-regular", 20, 1))
    ax = plot.topology(net, traffic=net.trace)
    (busy,) = lines(ax, "traffic")
    sent = sorted(loads(net.trace).values())
    widths = busy.get_linewidths()
    assert len(widths) == len(sent)
    assert widths == sorted(widths)  # the busiest are drawn last, on top
    assert widths[-1] > 2 * widths[0]
    assert legend(ax)[0] == f"{sent[-1]:,} messages"
    assert amount(ax, busy.get_colors()[-1]) > 300
    assert sum(len(c.get_segments()) for c in connections(ax)) == len(net.overlay().edges)
    assert lines(plot.topology(net), "traffic") == []
    assert everything_fits(ax)


def test_messages_without_a_connection_are_seen():
    trace = Trace()
    for peer in ("n2", "n2", "stranger"):
        trace.add(0.0, "send", "n0", peer, message="Ping")
    ax = plot.topology(nx.path_graph(3), traffic=trace)
    assert len(lines(ax, "traffic")[0].get_segments()) == 1
    assert len(lines(ax, "links")[0].get_segments()) == 2
    assert legend(ax) == ["2 messages", "1 message"]


def test_without_messages_links_are_links():
    ax = plot.topology(nx.path_graph(3), traffic=Trace())
    assert lines(ax, "traffic") == []
    assert len(lines(ax, "links")[0].get_segments()) == 2


def test_of_a_large_network_only_the_busiest_links_are_drawn():
    net = simulated(build("random-regular", 300, 1))
    ax = plot.topology(net, traffic=net.trace)
    drawn = len(lines(ax, "traffic")[0].get_segments())
    assert 0 < drawn < 200
    assert f"the busiest {drawn:,} of {len(loads(net.trace)):,} links" in legend(ax)
    assert everything_fits(ax)


def test_traffic_needs_events():
    with pytest.raises(TraceError, match='record="all"'):
        plot.topology(nx.path_graph(3), traffic=Trace(record="counts"))


def test_traffic_of_a_real_network():
    with LocalNetwork(Gossip, nx.cycle_graph(6)) as net:
        net.tell("n0", Rumor("hello"))
        net.run(until=lambda: net.trace.count(kind="receive") > 6, within=20)
        ax = plot.topology(net, traffic=net.trace)
    assert len(lines(ax, "traffic")[0].get_segments()) >= 5
    assert legend(ax)[0].endswith("messages")


def test_a_cut_is_a_dashed_line():
    with SimNetwork(Gossip, build("complete", 6)) as net:
        net.cut("n0", "n3")
        ax = plot.topology(net)
        assert len(lines(ax, "cut")[0].get_segments()) == 1
        assert len(lines(ax, "links")[0].get_segments()) == 14
        assert amount(ax, style.VERMILION) > 20
        assert legend(ax) == ["cut"]
        net.run(10)  # both have given the connection up, and the cut is seen as before
        assert len(lines(plot.topology(net), "cut")[0].get_segments()) == 1
        net.heal()
        assert lines(plot.topology(net), "cut") == []


def test_the_parts_of_a_partition_have_rims():
    with SimNetwork(Gossip, build("small-world", 20, 1)) as net:
        net.partition(net.names[:10])
        net.crash("n15")
        ax = plot.topology(net)
        rims = [c for c in ax.collections if c.get_gid() == "rim"]
        assert [len(rim.get_offsets()) for rim in rims] == [10, 9]
        assert legend(ax) == ["cut", "part of 10 nodes", "part of 9 nodes", "down"]
        assert amount(ax, style.BLUE) > 100
        assert everything_fits(ax)


def test_many_cut_links_are_no_hairball():
    with SimNetwork(Gossip, nx.complete_graph(50)) as net:
        net.partition(net.names[:20])
        ax = plot.topology(net)
    assert lines(ax, "cut") == []
    assert legend(ax) == ["part of 30 nodes", "part of 20 nodes"]


def test_a_legend_and_a_colour_bar_leave_room_for_the_network():
    net = simulated(build("small-world", 20, 1))
    net.weather.partition([net.names[:10]])
    ax = plot.topology(net, traffic=net.trace, color=lambda node: len(node.peers))
    ax.figure.canvas.draw()
    assert ax.get_window_extent().width > 300
    assert everything_fits(ax)
