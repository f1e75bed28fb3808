"""Plots: that they show what is there, with colours and labels, and need neither screen nor matplotlib."""

import math
import os
import subprocess
import sys
from itertools import combinations, pairwise
from pathlib import Path
from types import SimpleNamespace

import networkx as nx
import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.colors import to_rgb, to_rgba

import p2pkit.plot
from p2pkit import plot
from p2pkit.errors import NodeDown, TopologyError, TraceError
from p2pkit.message import Message
from p2pkit.plot import style
from p2pkit.plot.layout import positions
from p2pkit.stats import arrivals, started
from p2pkit.topology import TOPOLOGIES, build, named
from p2pkit.trace import Trace


class Rumor(Message):
    text: str


@pytest.fixture(autouse=True)
def _without_a_screen():
    pyplot.switch_backend("Agg")
    yield
    pyplot.close("all")


class Net:
    """As much of a network as a plot sees."""

    def __init__(self, graph, *, down=(), cut=(), new=()):
        self.graph = named(graph)
        self.down = set(down)
        self.gone = {frozenset(edge) for edge in cut}
        self.new = list(new)
        self.nodes = {
            name: SimpleNamespace(id=name, number=number, peers=dict.fromkeys(self.graph[name]))
            for number, name in enumerate(self.graph)
        }

    def __iter__(self):
        return iter(self.nodes.values())

    def __getitem__(self, name):
        return self.nodes[name]

    def is_up(self, name):
        return name not in self.down

    def overlay(self):
        graph = nx.Graph()
        graph.add_nodes_from(name for name in self.graph if name not in self.down)
        edges = [*self.graph.edges, *self.new]
        graph.add_edges_from(
            edge for edge in edges if not set(edge) & self.down and frozenset(edge) not in self.gone
        )
        return graph


def pixels(ax):
    """Return the picture inside the axes, as rows of (red, green, blue) from 0 to 255."""
    ax.figure.canvas.draw()
    picture = np.asarray(ax.figure.canvas.buffer_rgba())[::-1, :, :3]
    box = ax.get_window_extent()
    return picture[int(box.y0) : int(box.y1) + 1, int(box.x0) : int(box.x1) + 1].reshape(-1, 3)


def amount(ax, color):
    """Count the pixels inside the axes that have this very colour."""
    wanted = np.round(np.array(to_rgb(color)) * 255)
    return int((np.abs(pixels(ax).astype(int) - wanted).max(axis=1) <= 1).sum())


def texts(ax):
    return [text.get_text() for text in ax.texts if text.get_text()]


def legend(ax):
    found = ax.get_legend()
    return [text.get_text() for text in found.get_texts()] if found else []


def connections(ax):
    return [c for c in ax.collections if isinstance(c, LineCollection)]


def dots(ax):
    """Return the places where nodes are drawn, in all collections."""
    found = [c.get_offsets() for c in ax.collections if isinstance(c, PathCollection)]
    return np.asarray(np.concatenate(found))


# The topology


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


# Where nodes are


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


# The spread


def told(arrived, n=10, seconds=0.0):
    """Return the trace of a run in which nodes n0, n1, … got a rumor at these times."""
    trace = Trace()
    for number in range(n):
        trace.add(0.0, "start", f"n{number}")
    for number, time in enumerate(arrived):
        data = b'["Rumor",{"text":"hello"}]'
        trace.add(time + seconds, "receive", f"n{number}", message="Rumor", data=data)
        trace.add(time + seconds + 5, "receive", f"n{number}", message="Rumor", data=data)
        trace.add(time + seconds, "receive", f"n{number}", message="Other", data=b'["Other",{}]')
    return trace


def curve(ax, number=-1):
    """Return a curve's points inside the axes."""
    x, y = [line for line in ax.lines if line.get_linewidth() == 2][number].get_data()
    inside = np.asarray(x) <= ax.get_xlim()[1]
    return list(np.asarray(x)[inside]), list(np.asarray(y)[inside])


def tick_labels(ax):
    ax.figure.canvas.draw()
    return [label.get_text() for label in ax.get_xticklabels()]


def test_arrivals_are_first_ones_in_order():
    trace = Trace()
    for name in ("n2", "n0", "n1", "n2"):
        trace.add(0.0, "start", name)
    trace.add(1.0, "send", "n0", "n1", message="Rumor")
    trace.add(2.0, "receive", "n1", "n0", message="Rumor")
    trace.add(2.5, "drop", "n2", "n0", message="Rumor", reason="lost")
    trace.add(3.0, "receive", "n0", "n1", message="Rumor")
    trace.add(4.0, "receive", "n2", message="Ping")
    assert arrivals(trace, "Rumor") == {"n0": 1.0, "n1": 2.0}
    assert list(arrivals(trace, "Rumor")) == ["n0", "n1"]
    assert arrivals(trace, "Nothing") == {}
    assert started(trace) == ["n2", "n0", "n1"]


def test_arrivals_of_one_message_and_of_a_class():
    trace = told([1.0, 2.0])
    trace.add(0.5, "receive", "n1", message="Rumor", data=b'["Rumor",{"text":"bye"}]')
    assert arrivals(trace, Rumor("hello")) == {"n0": 1.0, "n1": 2.0}
    assert arrivals(trace, Rumor("bye")) == {"n1": 0.5}
    assert arrivals(trace, Rumor) == arrivals(trace, "Rumor") == {"n1": 0.5, "n0": 1.0}


@pytest.mark.parametrize("message", [Rumor("hello"), Rumor, "Rumor"])
def test_the_curve_counts_nodes_from_the_first_arrival(message):
    ax = plot.spread(told([0.0, 1.0, 3.0, 2.0], seconds=7.0), message)
    assert curve(ax) == ([0, 1, 2, 3], [10, 20, 30, 40])
    assert ax.lines[0].get_drawstyle() == "steps-post"
    assert ax.get_xlabel() == "time since the first node had it (s)"
    assert ax.get_ylabel() == "nodes with Rumor (%)"
    assert texts(ax) == ["4 of 10 nodes"]
    assert ax.get_ylim()[0] == 0
    assert 100 < ax.get_ylim()[1] < 115


def test_the_curve_is_seen():
    ax = plot.spread(told([0.0, 1.0, 3.0, 2.0]), Rumor)
    assert amount(ax, style.SERIES[0]) > 500


def test_below_a_second_ticks_are_milliseconds():
    ax = plot.spread(told([0.0, 0.1, 0.25]), Rumor)
    assert ax.get_xlabel() == "time since the first node had it (ms)"
    assert "200" in tick_labels(ax)
    plot.spread(told([0.0, 4.0]), Rumor, ax=ax)  # the axis now has to hold both
    assert ax.get_xlabel() == "time since the first node had it (s)"
    assert "4" in tick_labels(ax)
    assert "200" not in tick_labels(ax)


def test_two_calls_share_axes_in_two_colours_with_a_legend():
    ax = plot.spread(told([0.0, 9.0]), Rumor, label="slow")
    assert plot.spread(told([0.0, 1.0]), Rumor, label="fast", ax=ax) is ax
    assert legend(ax) == ["slow", "fast"]
    assert [line.get_color() for line in ax.lines] == list(style.SERIES[:2])
    assert ax.get_xlim()[1] > 9
    for color in style.SERIES[:2]:
        assert amount(ax, color) > 200
    assert ax.lines[1].get_xdata()[-1] > 9  # what was reached stays reached
    assert texts(ax) == []


def test_many_runs_have_a_median_and_a_band():
    runs = [told([0.0, 1.0 + number, 20.0]) for number in range(11)]
    ax = plot.spread(runs, Rumor)
    assert legend(ax) == ["10 to 90 % of the runs", "median of 11 runs"]
    assert len(ax.lines) == 12
    x, y = curve(ax)
    assert y[0] == 10
    assert x[int(np.argmax(np.array(y) >= 20))] == pytest.approx(6, abs=0.1)  # 1 + 5, the median
    band = ax.collections[0].get_paths()[0]
    assert (band.get_extents().y0, band.get_extents().y1) == (10, 30)
    # 10 % of 11 runs are there when the second is, at 2 s.
    assert min(x for x, y in band.vertices if y >= 20) == pytest.approx(2, abs=0.1)
    assert legend(plot.spread(runs, Rumor, label="push")) == ["push"]
    assert texts(ax) == []


def test_a_list_of_one_run_is_one_run():
    ax = plot.spread([told([0.0, 1.0])], Rumor)
    assert len(ax.lines) == 1
    assert texts(ax) == ["2 of 10 nodes"]


def test_one_node_alone_can_be_drawn():
    ax = plot.spread(told([3.0], n=1), Rumor)
    assert curve(ax) == ([0], [100])
    assert ax.get_xlim()[1] == 1


def test_what_cannot_be_drawn_says_why():
    with pytest.raises(TraceError, match=r"no node ever had Rumor\(text='bye'\) in this trace"):
        plot.spread(told([0.0]), Rumor("bye"))
    with pytest.raises(TraceError, match="no node ever had Nothing"):
        plot.spread(told([0.0]), "Nothing")
    with pytest.raises(TraceError, match="there is no trace to draw"):
        plot.spread([], Rumor)
    with pytest.raises(TraceError, match='record="all"'):
        plot.spread(Trace(record="counts"), Rumor)
    assert pyplot.get_fignums() == []


def test_spread_uses_given_axes():
    figure, axes = pyplot.subplots(1, 2)
    assert plot.spread(told([0.0, 1.0]), Rumor, ax=axes[1]) is axes[1]
    assert pyplot.get_fignums() == [figure.number]


# The style

# Machado, Oliveira and Fernandes, "A physiologically-based model for simulation of color vision
# deficiency" (2009), table 1, severity 1.0; the matrices are for linear light.
EYES = {
    "all cones": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
}


def linear(color):
    channels = np.array(to_rgb(color))
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def lightness(color):
    """Return how light a colour is in a grey print: CIE L*, from 0 to 100."""
    luminance = float(linear(color) @ [0.2126, 0.7152, 0.0722])
    return 116 * luminance ** (1 / 3) - 16


@pytest.mark.parametrize("eye", EYES)
def test_colours_differ_to_every_eye(eye):
    together = [*style.SERIES, style.QUIET]
    seen = [np.clip(EYES[eye] @ linear(color), 0, 1) ** (1 / 2.2) for color in together]
    assert min(math.dist(one, other) for one, other in combinations(seen, 2)) > 0.12


def test_colours_differ_in_grey():
    for one, other in combinations(style.SERIES[:3], 2):
        assert abs(lightness(one) - lightness(other)) > 20
    for one, other in pairwise(style.SERIES[:4]):
        assert abs(lightness(one) - lightness(other)) > 20
    assert abs(lightness(style.REACHED) - lightness(style.QUIET)) > 12
    assert abs(lightness(style.NODE) - lightness(style.QUIET)) > 12


def test_pictures_are_as_wide_as_a_notebook():
    for ax in (plot.topology(nx.path_graph(3)), plot.spread(told([0.0, 1.0]), Rumor)):
        width, height = ax.figure.get_size_inches()
        assert width == style.WIDTH
        assert height <= 5


# The package


def run(program):
    """Run a program in a fresh interpreter, without a screen, and return what it prints."""
    here = str(Path(p2pkit.plot.__file__).parents[2])
    environment = {
        key: value for key, value in os.environ.items() if key not in ("DISPLAY", "MPLBACKEND")
    }
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment | {"PYTHONPATH": here},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


def test_matplotlib_comes_with_the_first_plot_and_chooses_no_backend():
    program = """
import sys
from p2pkit import plot
print("matplotlib" in sys.modules)
plot.topology, plot.spread
import matplotlib
print(matplotlib.rcParams._get("backend") is matplotlib.rcsetup._auto_backend_sentinel)
print("matplotlib.pyplot" in sys.modules)
"""
    assert run(program).split() == ["False", "True", "False"]


def test_a_plot_needs_no_screen():
    program = (
        "import networkx as nx; from p2pkit import plot; print(plot.topology(nx.path_graph(3)))"
    )
    assert run(program).startswith("Axes(")


@pytest.mark.parametrize("missing", ["matplotlib", "numpy"])
def test_without_matplotlib_a_plot_says_what_to_install(missing):
    program = f"""
import sys
sys.modules[{missing!r}] = None
from p2pkit import plot
try:
    plot.topology
except ImportError as error:
    print(error)
try:
    from p2pkit.plot import spread
except ImportError as error:
    print(error)
"""
    assert run(program).splitlines() == ['plots need matplotlib: pip install "p2pkit[plot]"'] * 2


def test_a_plot_is_a_function_even_after_its_module_was_imported():
    program = """
import p2pkit.plot.topology, p2pkit.plot.spread, p2pkit.plot.style
from p2pkit import plot
from p2pkit.plot.layout import positions
print(type(plot.topology).__name__, type(plot.spread).__name__, type(plot.style).__name__)
"""
    assert run(program) == "function function module"


def test_the_names_are_there_and_no_others():
    for name in plot.__all__:
        assert callable(getattr(plot, name))
        assert name in dir(plot)
    with pytest.raises(AttributeError, match="has no attribute 'topologie'"):
        plot.topologie  # noqa: B018
