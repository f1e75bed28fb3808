"""Statistics: numbers that are known otherwise, from formulas, from graphs, and from networks themselves."""

import inspect
import sys
from functools import partial
from math import isnan, nan
from random import Random

import networkx as nx
import pytest
from tools import eventually

from p2pkit import Link, LocalNetwork, Message, Protocol, SimNetwork, Trace, on, stats
from p2pkit.errors import TopologyError, TraceError
from p2pkit.message import encode
from p2pkit.protocols.flood import Flood, Rumor
from p2pkit.stats import overlays, spreading, traffic

pytestmark = pytest.mark.usefixtures("nothing_left")

HELLO, BYE = Rumor("hello"), Rumor("good bye")
LATENCY = 0.1


class Ping(Message):
    """Is anybody there?"""


class Chat(Protocol):
    """Flood rumors, and ping a peer at every start."""

    def on_start(self):
        self.heard = set()

    def on_connect(self, peer):
        if not self.heard:
            self.send(peer, Ping())

    @on(Ping)
    def ping(self, ping, sender):
        pass

    @on(Rumor)
    def hear(self, rumor, sender):
        if rumor not in self.heard:
            self.heard.add(rumor)
            self.broadcast(rumor, but=sender)


def flooded(graph, *messages, protocol=Flood, **options):
    """Tell the first node each message, wait until it has spread, and return the trace."""
    with SimNetwork(protocol, graph, link=Link(latency=LATENCY), **options) as net:
        for message in messages or [HELLO]:
            net.tell(net.names[0], message)
            net.run(len(net) * LATENCY)
        return net.trace


def in_a_file(trace, folder):
    """Return the trace as it is after it was saved and loaded."""
    trace.save(folder / "trace.jsonl")
    return Trace.load(folder / "trace.jsonl")


def written(*events, **options):
    """Return a trace of some events: time, kind, node, peer, message."""
    trace = Trace(**options)
    for time, kind, node, peer, message in events:
        about = (type(message).__name__, 7, 1, encode(message)) if message else ()
        trace.add(time, kind, node, peer, *about)
    return trace


GRAPHS = {
    "line": nx.path_graph(7),
    "regular": nx.random_regular_graph(4, 20, seed=3),
    "small world": nx.connected_watts_strogatz_graph(24, 4, 0.3, seed=4),
    "complete": nx.complete_graph(6),
}
every_graph = pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)

# The door


def test_all_that_is_public_is_found_in_stats():
    for module in (traffic, spreading, overlays):
        for name, thing in inspect.getmembers(module):
            if getattr(thing, "__module__", "") == module.__name__ and not name.startswith("_"):
                assert getattr(stats, name) is thing


# Cost


@every_graph
def test_a_flood_costs_as_much_as_the_formula_says(graph, tmp_path):
    number = 2 * graph.number_of_edges() - len(graph) + 1
    whole = flooded(graph)
    for trace in (whole, in_a_file(whole, tmp_path), flooded(graph, record="counts")):
        for message in (None, Rumor, "Rumor"):
            assert stats.cost(trace, message) == (number, number * len(encode(HELLO)))
    assert stats.cost(whole, HELLO) == (number, number * len(encode(HELLO)))
    assert stats.cost(whole, BYE) == (0, 0)


def test_a_flood_on_real_sockets_costs_the_same():
    graph = nx.cycle_graph(5)
    with LocalNetwork(Flood, graph) as net:
        net.tell("n0", HELLO)
        net.run(until=lambda: net.trace.count(kind="receive") == 1 + 6)
        assert stats.cost(net.trace, HELLO) == (6, 6 * len(encode(HELLO)))
        assert stats.redundancy(net.trace, HELLO) == 6 / 4 - 1
        assert stats.coverage(net.trace, HELLO) == 1


@pytest.mark.parametrize("record", ["all", "counts"])
def test_a_cost_is_of_the_messages_that_were_asked_for(record):
    trace = flooded(nx.cycle_graph(5), HELLO, BYE, protocol=Chat, record=record)
    pings, rumors = 10, 2 * 6
    assert stats.cost(trace, Ping) == (pings, pings * len(encode(Ping())))
    size = 6 * len(encode(HELLO)) + 6 * len(encode(BYE))
    assert stats.cost(trace, Rumor) == (rumors, size)
    assert stats.cost(trace) == (pings + rumors, size + pings * len(encode(Ping())))
    assert stats.cost(trace, Rumor, operations=2) == (rumors / 2, size / 2)
    assert stats.cost(trace, "Nothing") == (0, 0)


def test_a_cost_has_what_was_kept_and_what_was_only_counted():
    trace = written(*[(0.0, "send", "n0", "n1", HELLO)] * 5, most=3)
    assert not trace.is_complete
    assert stats.cost(trace, Rumor) == stats.cost(trace) == (5, 35)


def test_a_cost_has_lost_messages_too():
    trace = written((0.0, "send", "n0", "n1", HELLO), (0.0, "drop", "n0", "n1", HELLO))
    assert stats.cost(trace, Rumor) == (1, 7)


@pytest.mark.parametrize("operations", [0, -1, nan])
def test_a_cost_is_shared_by_a_number_above_zero(operations):
    with pytest.raises(ValueError, match="above 0"):
        stats.cost(Trace(), operations=operations)


# Spreading


@pytest.mark.parametrize("degree", [3, 4, 6])
def test_the_redundancy_of_a_flood_on_a_regular_graph_is_known(degree, tmp_path):
    n = 30
    trace = flooded(nx.random_regular_graph(degree, n, seed=degree))
    expected = (n * (degree - 1) + 1) / (n - 1) - 1
    for one in (trace, in_a_file(trace, tmp_path)):
        assert stats.redundancy(one, HELLO) == stats.redundancy(one, "Rumor") == expected


def test_a_tree_has_no_redundancy():
    assert stats.redundancy(flooded(nx.balanced_tree(2, 3)), Rumor) == 0


def test_the_redundancy_of_a_class_is_the_mean_over_its_messages():
    trace = written(
        *[(0.0, "send", "n0", peer, HELLO) for peer in ("n1", "n1", "n1")],
        (0.1, "receive", "n1", "n0", HELLO),
        (0.2, "send", "n0", "n1", BYE),
        (0.3, "receive", "n1", "n0", BYE),
        (0.3, "receive", "n1", None, Rumor("to myself")),
    )
    assert stats.redundancy(trace, HELLO) == 2
    assert stats.redundancy(trace, BYE) == 0
    assert stats.redundancy(trace, Rumor) == 1
    assert isnan(stats.redundancy(trace, Rumor("to myself")))
    assert isnan(stats.redundancy(trace, "Nothing"))


def test_broadcasts_tell_each_message_apart_in_the_order_of_their_beginning():
    trace = flooded(nx.path_graph(4), HELLO, BYE)
    first, second = stats.broadcasts(trace, Rumor)
    assert first.value == ["Rumor", {"text": "hello"}]
    assert second.value == ["Rumor", {"text": "good bye"}]
    assert list(first.arrivals) == ["n0", "n1", "n2", "n3"]
    assert first.messages == second.messages == 3
    assert second.arrivals["n0"] == pytest.approx(4 * LATENCY)
    assert second.delays == pytest.approx([LATENCY, 2 * LATENCY, 3 * LATENCY])
    assert second.took == pytest.approx(3 * LATENCY)
    assert stats.broadcasts(trace, BYE) == [second]
    assert stats.deliveries(trace, Rumor) == first.delays + second.delays


def test_a_broadcast_that_nobody_else_had_took_no_time():
    trace = written((0.5, "receive", "n1", None, HELLO))
    [alone] = stats.broadcasts(trace, HELLO)
    assert (alone.delays, alone.took, alone.messages) == ([], 0, 0)
    assert stats.deliveries(trace, HELLO) == []


def test_a_node_has_a_message_when_it_first_receives_or_sends_it():
    trace = written(
        (0.6, "send", "n1", "n2", HELLO),
        (0.5, "drop", "n3", "n1", HELLO),
        (0.8, "receive", "n2", "n1", HELLO),
        (0.7, "receive", "n1", "n2", HELLO),
        (0.4, "send", "n4", "n2", BYE),
    )
    assert list(stats.arrivals(trace, HELLO).items()) == [("n1", 0.6), ("n2", 0.8)]
    assert list(stats.arrivals(trace, Rumor)) == ["n4", "n1", "n2"]


def test_broadcasts_begin_when_their_first_node_has_them_whatever_stands_first_in_the_trace():
    trace = written(
        (0.9, "receive", "n2", "n1", HELLO),
        (0.5, "send", "n1", "n2", HELLO),
        (0.4, "receive", "n1", None, BYE),
        (0.7, "receive", "n2", "n1", HELLO),
        (0.9, "drop", "n3", "n1", HELLO),
    )
    bye, hello = stats.broadcasts(trace, Rumor)
    assert hello.arrivals == {"n1": 0.5, "n2": 0.7}
    assert hello.took == pytest.approx(0.2)
    assert bye.arrivals == {"n1": 0.4}


@every_graph
def test_a_flood_takes_as_long_as_the_way_is(graph):
    hops = sorted(nx.single_source_shortest_path_length(graph, 0).values())[1:]
    assert stats.deliveries(flooded(graph), HELLO) == pytest.approx([LATENCY * h for h in hops])


def test_coverage_is_of_all_nodes_that_ever_started():
    with SimNetwork(Flood, nx.path_graph(5)) as net:
        net.crash("n2")
        net.tell("n0", HELLO)
        net.run(1.0)
        net.crash("n1")
        assert stats.coverage(net.trace, HELLO) == stats.coverage(net.trace, Rumor) == 0.4
        assert stats.coverage(net.trace, BYE) == 0
        net.join("n9", to="n0")
        assert stats.coverage(net.trace, HELLO) == 2 / 6


def test_coverage_of_nobody_is_not_defined():
    assert isnan(stats.coverage(Trace(), HELLO))


def test_coverage_over_time_has_a_row_for_each_moment(tmp_path):
    pytest.importorskip("pandas")
    trace = flooded(nx.star_graph(4))
    for one in (trace, in_a_file(trace, tmp_path)):
        frame = stats.coverage_over_time(one, HELLO)
        assert list(frame.columns) == ["time", "nodes", "share"]
        assert list(frame.time) == [0, LATENCY]
        assert list(frame.nodes) == [1, 5]
        assert list(frame.share) == [0.2, 1.0]
    assert stats.coverage_over_time(trace, BYE).empty


# Traffic


def test_latencies_are_those_of_the_messages_that_were_asked_for():
    trace = written(
        (0.0, "send", "n0", "n1", HELLO),
        (0.1, "receive", "n1", "n0", HELLO),
        (0.2, "send", "n1", "n2", BYE),
        (0.5, "receive", "n2", "n1", BYE),
        (0.5, "send", "n2", "n3", Ping()),
        (1.5, "receive", "n3", "n2", Ping()),
    )
    assert stats.latencies(trace) == pytest.approx([0.1, 0.3, 1.0])
    assert stats.latencies(trace, Rumor) == pytest.approx([0.1, 0.3])
    assert stats.latencies(trace, BYE) == pytest.approx([0.3])
    assert stats.latencies(trace, "Ping") == pytest.approx([1.0])


def test_latencies_are_those_of_the_link():
    graph = GRAPHS["regular"]
    took = stats.latencies(flooded(graph))
    assert len(took) == 2 * graph.number_of_edges() - len(graph) + 1
    assert took == pytest.approx([LATENCY] * len(took))


@pytest.mark.parametrize("size", [1, 2, 3, 10, 101])
def test_quantiles_are_numpys(size):
    numpy = pytest.importorskip("numpy")
    dice = Random(size)
    values = [dice.gauss(0, 1) for _ in range(size)]
    shares = (0, 0.01, 0.25, 0.5, 0.9, 0.99, 1)
    found = stats.quantiles(iter(values), shares)
    assert list(found) == list(shares)
    assert list(found.values()) == pytest.approx(list(numpy.quantile(values, shares)))
    assert list(stats.quantiles(values)) == [0.5, 0.9, 0.99]


def test_quantiles_of_nothing_are_not_defined():
    assert all(isnan(value) for value in stats.quantiles([]).values())


@pytest.mark.parametrize("share", [-0.1, 1.1, 50, nan])
def test_a_quantile_is_of_a_share(share):
    with pytest.raises(ValueError, match="between 0 and 1"):
        stats.quantiles([1, 2], (share,))


@pytest.mark.parametrize("record", ["all", "counts"])
def test_drops_are_counted_by_reason_and_message(record):
    pytest.importorskip("pandas")
    trace = Trace(record)
    for node in ("n0", "n1"):
        trace.add(0.0, "drop", node, "n2", "Rumor", reason="lost")
        trace.add(0.0, "receive", node, "n2", "Rumor")
    trace.add(0.0, "drop", "n0", "n2", "Ping", reason="lost")
    trace.add(0.0, "drop", "n0", "n2", "Ping", reason="cut")
    for sort in ("A", "B", "C"):
        trace.add(0.0, "drop", "n0", "n2", reason=f"not understood: no handler for {sort}")
    frame = stats.drops(trace)
    assert frame.values.tolist() == [
        ["not understood", None, 3],
        ["lost", "Rumor", 2],
        ["cut", "Ping", 1],
        ["lost", "Ping", 1],
    ]
    assert list(frame.columns) == ["reason", "message", "drops"]
    assert dict(frame.groupby("reason").drops.sum()) == trace.drops


def test_a_trace_without_drops_has_an_empty_table():
    pytest.importorskip("pandas")
    frame = stats.drops(flooded(nx.path_graph(3)))
    assert frame.empty
    assert list(frame.columns) == ["reason", "message", "drops"]


# Overlays


@every_graph
def test_an_overlay_is_what_networkx_says(graph):
    found = stats.overlay(graph)
    degrees = [d for _, d in graph.degree]
    assert (found.nodes, found.links) == (len(graph), graph.number_of_edges())
    assert (found.min_degree, found.max_degree) == (min(degrees), max(degrees))
    assert found.mean_degree == pytest.approx(2 * graph.number_of_edges() / len(graph))
    assert found.clustering == pytest.approx(nx.average_clustering(graph))
    assert found.path_length == pytest.approx(nx.average_shortest_path_length(graph))
    assert found.diameter == nx.diameter(graph)
    assert found.components == 1


def test_distances_are_those_of_the_largest_component():
    graph = nx.disjoint_union_all([nx.path_graph(2), nx.path_graph(5), nx.complete_graph(3)])
    found = stats.overlay(graph)
    assert found.components == 3
    assert found.diameter == 4
    assert found.path_length == 2.0
    assert found.clustering == pytest.approx(0.3)
    assert (found.nodes, found.links, found.min_degree, found.max_degree) == (10, 8, 1, 2)


def test_what_is_not_defined_for_few_nodes_is_nan():
    nobody, alone = stats.overlay(nx.Graph()), stats.overlay(nx.empty_graph(2))
    assert (nobody.nodes, nobody.components, nobody.diameter, nobody.max_degree) == (0, 0, 0, 0)
    assert isnan(nobody.mean_degree)
    assert isnan(nobody.clustering)
    assert isnan(nobody.path_length)
    assert (alone.components, alone.mean_degree, alone.clustering, alone.diameter) == (2, 0, 0, 0)
    assert isnan(alone.path_length)


def test_a_sample_of_all_nodes_is_exact():
    graph = nx.disjoint_union(GRAPHS["small world"], nx.path_graph(3))
    for sample in (24, 25, 1000):
        assert stats.overlay(graph, sample=sample) == stats.overlay(graph)


def test_a_sample_is_an_estimate_that_a_seed_repeats():
    graph = nx.connected_watts_strogatz_graph(200, 4, 0.1, seed=1)
    names = nx.relabel_nodes(graph, {node: f"n{node}" for node in graph})
    exact = stats.overlay(graph)
    found = [stats.overlay(names, sample=20, seed=seed) for seed in range(5)]
    assert found == [stats.overlay(names, sample=20, seed=seed) for seed in range(5)]
    assert found == [stats.overlay(graph, sample=20, seed=seed) for seed in range(5)]
    assert len({one.path_length for one in found}) == 5
    for one in found:
        assert exact.diameter / 2 <= one.diameter <= exact.diameter
        assert one.path_length == pytest.approx(exact.path_length, rel=0.15)
        assert one._replace(path_length=0, diameter=0) == exact._replace(path_length=0, diameter=0)


def test_one_source_is_the_least():
    assert stats.overlay(nx.star_graph(5), sample=1, seed=1).diameter in (1, 2)
    with pytest.raises(ValueError, match="at least 1"):
        stats.overlay(nx.star_graph(5), sample=0)


@pytest.mark.parametrize(
    "graph", [nx.DiGraph([(0, 1)]), nx.MultiGraph([(0, 1)]), nx.Graph([(0, 0), (0, 1), (1, 2)])]
)
def test_an_overlay_has_no_directions_no_parallel_links_and_no_loops(graph):
    with pytest.raises(TopologyError, match=r"networkx\.Graph"):
        stats.overlay(graph)


@pytest.mark.parametrize("measure", [stats.overlay, stats.degrees])
def test_a_network_is_told_from_its_overlay(measure):
    with SimNetwork(Chat, 2) as net, pytest.raises(TopologyError, match=r"net\.overlay\(\)"):
        measure(net)


@pytest.mark.parametrize("nodes", [1, 2, 3, 4])
def test_of_few_nodes_who_all_know_each_other_networkx_says_the_same(nodes):
    graph = nx.complete_graph(nodes)
    found = stats.overlay(graph)
    assert found.clustering == nx.average_clustering(graph)
    assert found.diameter == nx.diameter(graph)
    assert found.path_length == 1.0 or nodes == 1


def test_everybody_who_knows_everybody_is_measured_at_once():
    found = stats.overlay(SimNetwork(Flood, 2000).overlay())
    assert (found.links, found.components) == (2000 * 1999 // 2, 1)
    assert (found.clustering, found.path_length, found.diameter) == (1, 1, 1)


def test_degrees_are_counted_from_the_lowest():
    graph = nx.disjoint_union(nx.star_graph(4), nx.empty_graph(2))
    assert list(stats.degrees(graph).items()) == [(0, 2), (1, 4), (4, 1)]


# Overlays of the past

WORLDS = {
    "simulated": SimNetwork,
    "sockets": LocalNetwork,
    "processes": partial(LocalNetwork, processes=3),
}


def same(one, other):
    return set(one) == set(other) and nx.utils.graphs_equal(one, other)


class Look:
    """Compares the overlay of a network with that of its trace, now and later."""

    def __init__(self, net):
        self.net = net
        self.seen = []

    def __call__(self, *edges, nodes):
        """Wait until exactly these connections are up, and the trace says so, too."""
        expected = nx.Graph(f"n{edge[0]} n{edge[1]}".split() for edge in edges)
        expected.add_nodes_from(f"n{node}" for node in nodes)

        def agrees():
            self.net.run(0.05)
            return same(self.net.overlay(), expected)

        eventually(agrees)
        time, now = self.net.now, stats.overlay_at(self.net.trace)
        assert same(now, expected)
        self.seen.append((time, expected))
        self.net.run(0.01)  # in simulation, what comes next would happen at just this time

    def back(self, trace):
        """Look back at all that was seen."""
        for time, expected in self.seen:
            assert same(stats.overlay_at(trace, time), expected)


@pytest.mark.parametrize("world", WORLDS)
def test_a_trace_knows_the_overlay_at_every_time(world, tmp_path):
    with WORLDS[world](Flood, nx.cycle_graph(4)) as net:
        look = Look(net)
        look("01", "12", "23", "03", nodes="0123")
        net.crash("n1")
        look("23", "03", nodes="023")
        net.restart("n1")
        look("01", "12", "23", "03", nodes="0123")
        net.leave("n2")
        look("01", "03", nodes="013")
        net.call("n0", "disconnect", "n3")
        look("01", nodes="013")
        net.join("n9", to=["n3", "n1"])
        look("01", "93", "91", nodes="0139")
        net.pause("n9")
        net.restart("n2")
        look("01", "93", "91", "12", "23", nodes="01239")
        net.resume("n9")
        look("01", "93", "91", "12", "23", nodes="01239")
        net.heal()
        look("01", "93", "91", "12", "23", "03", nodes="01239")
    look.back(net.trace)
    assert same(stats.overlay_at(net.trace), net.overlay())
    look.back(in_a_file(net.trace, tmp_path))
    assert not stats.overlay_at(net.trace, -1)


@pytest.mark.parametrize("world", ["simulated", "sockets"])
def test_a_trace_knows_of_peers_that_were_given_up(world, impatient):
    with WORLDS[world](Flood, nx.cycle_graph(4)) as net:
        look = Look(net)
        net.partition(["n0", "n1"])
        look("01", "12", "23", "03", nodes="0123")
        look("01", "23", nodes="0123")
        net.heal()
        look("01", "12", "23", "03", nodes="0123")
    look.back(net.trace)


def test_a_connection_is_there_until_both_ends_know_that_it_is_gone():
    trace = written(
        *[(0.0, "start", node, None, None) for node in ("n0", "n1")],
        (0.1, "connect", "n0", "n1", None),
        (0.2, "connect", "n1", "n0", None),
        (0.3, "disconnect", "n0", "n1", None),
        (0.4, "disconnect", "n1", "n0", None),
        (0.5, "connect", "n1", "stranger", None),
    )
    links = [len(stats.overlay_at(trace, time).edges) for time in (0, 0.1, 0.2, 0.3, 0.4, 0.5)]
    assert links == [0, 1, 1, 1, 0, 0]
    assert list(stats.overlay_at(trace)) == ["n0", "n1"]


def test_overlays_over_time_are_those_at_each_time(tmp_path):
    pytest.importorskip("pandas")
    with SimNetwork(Flood, GRAPHS["small world"], seed=5) as net:
        net.tell("n0", HELLO)
        net.churn(session=3.0, downtime=1.0)
        net.run(10.0)
    times = [7, 0, 2.5, 5, 7.5, 20, -1]
    for trace in (net.trace, in_a_file(net.trace, tmp_path)):
        frame = stats.overlay_over_time(trace, times)
        assert list(frame.columns) == ["time", *stats.Overlay._fields]
        assert list(frame.time) == sorted(times)
        for _, row in frame.iterrows():
            then = stats.overlay(stats.overlay_at(trace, row.time))
            assert list(row)[1:] == pytest.approx(list(then), nan_ok=True)
    assert len(set(frame.links)) > 4


def test_overlays_over_time_can_be_sampled():
    pytest.importorskip("pandas")
    trace = flooded(nx.path_graph(60))
    found = stats.overlay_over_time(trace, [1], sample=3, seed=1).iloc[0]
    then = stats.overlay(nx.path_graph([f"n{i}" for i in range(60)]), sample=3, seed=1)
    assert list(found)[1:] == pytest.approx(list(then))


def test_overlays_at_no_times_are_no_rows():
    pytest.importorskip("pandas")
    frame = stats.overlay_over_time(Trace(), [])
    assert frame.empty
    assert "diameter" in frame.columns


def test_an_overlay_that_has_not_changed_is_not_measured_again(monkeypatch):
    pytest.importorskip("pandas")
    measured = []

    def noted(graph, **options):
        measured.append(graph)
        return stats.overlay(graph, **options)

    monkeypatch.setattr(overlays, "overlay", noted)
    trace = flooded(nx.path_graph(5))
    trace.add(5.0, "crash", "n1")
    frame = stats.overlay_over_time(trace, range(10))
    assert len(measured) == 2
    assert list(frame.components) == [1] * 5 + [2] * 5


# What is missing

NEED_EVENTS = {
    "arrivals": lambda trace: stats.arrivals(trace, Rumor),
    "broadcasts": lambda trace: stats.broadcasts(trace, Rumor),
    "cost of one": lambda trace: stats.cost(trace, HELLO),
    "coverage": lambda trace: stats.coverage(trace, Rumor),
    "coverage over time": lambda trace: stats.coverage_over_time(trace, Rumor),
    "deliveries": lambda trace: stats.deliveries(trace, Rumor),
    "latencies": stats.latencies,
    "overlay at": stats.overlay_at,
    "overlay over time": lambda trace: stats.overlay_over_time(trace, [1]),
    "redundancy": lambda trace: stats.redundancy(trace, Rumor),
    "started": stats.started,
}


@pytest.mark.parametrize("what", NEED_EVENTS)
def test_what_needs_events_says_so(what):
    trace = flooded(nx.path_graph(3), record="counts")
    with pytest.raises(TraceError, match='record="all"'):
        NEED_EVENTS[what](trace)


def test_numbers_need_no_pandas_and_tables_say_that_they_do(monkeypatch):
    trace = flooded(nx.path_graph(3))
    monkeypatch.setitem(sys.modules, "pandas", None)
    assert stats.cost(trace, Rumor).messages == 2
    assert stats.redundancy(trace, Rumor) == 0
    assert stats.coverage(trace, Rumor) == 1
    assert stats.quantiles(stats.deliveries(trace, Rumor))[0.5] == pytest.approx(1.5 * LATENCY)
    assert stats.overlay(stats.overlay_at(trace)).diameter == 2
    for table in (
        stats.drops,
        partial(stats.coverage_over_time, message=Rumor),
        partial(stats.overlay_over_time, times=[1]),
    ):
        with pytest.raises(ImportError, match="pip install pandas"):
            table(trace)
