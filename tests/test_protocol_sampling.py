"""Peer sampling: single reactions, the same story in every world, and mutants."""

from statistics import fmean, pstdev

import networkx as nx
import pytest
from diary import run_until

from p2pkit import Contact, Link, SimNetwork, on
from p2pkit.network import NetworkWarning
from p2pkit.protocols.averaging import Averaging
from p2pkit.protocols.sampling import Cyclon, Entry, Returned, Trade
from p2pkit.testing import alone

Small = Cyclon.using(size=4, traded=3)


def entries(names, age=0):
    return tuple(Entry(Contact(name, f"{name}:0"), age) for name in names)


def bench_with(names, protocol=Small, **ages):
    """Return a bench whose node has these in view."""
    bench = alone(protocol)
    bench.node.keep((entry for name in names for entry in entries(name, ages.get(name, 0))), ())
    return bench


def names(some):
    return [entry.contact.id for entry in some]


def asked(bench):
    """Take the one trade that was said off the bench's list."""
    [(to, trade)] = bench.sent
    bench.sent.clear()
    return to, trade


# Single reactions


def test_peers_come_into_view_while_there_is_room():
    with alone(Small, peers="abcdef") as bench:
        assert list(bench.node.view) == [*"abcd"]
        assert bench.node.view["a"] == Entry(Contact("a", "a:0"), 0)


def test_it_trades_with_the_oldest_which_leaves_the_view_and_all_get_older():
    with bench_with("abcd", c=5, a=3) as bench:
        bench.node.shuffle()
        to, trade = asked(bench)
        assert to == "c"
        assert trade.entries[0] == Entry(Contact("n0", "n0:0"), 0)
        assert len(trade.entries) == 3
        assert set(names(trade.entries[1:])) < {*"abd"}
        assert {name: entry.age for name, entry in bench.node.view.items()} == {
            "a": 4,
            "b": 1,
            "d": 1,
        }
        assert set(trade.entries[1:]) < {*bench.node.view.values()}


def test_what_comes_back_takes_the_place_of_what_was_given():
    with bench_with("abcd", d=9) as bench:
        bench.node.shuffle()
        to, trade = asked(bench)
        assert to == "d"
        bench.answer("d", Returned(entries("xyz", age=2)))
        kept = {*"abc"} - {*names(trade.entries)}
        assert set(bench.node.view) == kept | {*"xyz"}
        assert bench.node.view["x"].age == 2


def test_what_is_in_view_already_and_oneself_are_not_taken():
    with bench_with("abcd", d=9) as bench:
        bench.node.shuffle()
        asked(bench)
        bench.answer("d", Returned((*entries("a", age=7), *entries(["n0"]), *entries("x"))))
        assert set(bench.node.view) == {*"abcx"}
        assert bench.node.view["a"].age == 1


def test_who_does_not_answer_is_forgotten_and_nobody_else():
    with bench_with("abcd", d=9) as bench:
        bench.node.shuffle()
        asked(bench)
        bench.answer("d", None)
        assert set(bench.node.view) == {*"abc"}


def test_a_trade_is_answered_with_some_of_the_view():
    with bench_with("abcd") as bench:
        answer = bench.receive(Trade(entries("xyz")), "x")
        assert len(answer.entries) == 3
        assert set(names(answer.entries)) < {*"abcd"}
        assert set(bench.node.view) == {*"abcd"} - {*names(answer.entries)} | {*"xyz"}
        assert all(entry.age == 0 for entry in bench.node.view.values())  # only one's own turn ages


def test_who_offers_more_than_was_given_does_not_get_more_places():
    with bench_with("abcd") as bench:
        answer = bench.receive(Trade(entries("stuvwxyz")), "x")
        assert set(bench.node.view) == {*"abcd"} - {*names(answer.entries)} | {*"stu"}


def test_a_newcomer_takes_all_that_it_is_given():
    with bench_with("a") as bench:
        bench.node.shuffle()
        assert asked(bench) == ("a", Trade(entries(["n0"])))
        assert bench.node.view == {}
        bench.answer("a", Returned(entries("xyz", age=1)))
        assert list(bench.node.view) == [*"xyz"]


def test_who_knows_nobody_trades_with_nobody():
    with alone(Small) as bench:
        bench.advance(10.0)


def test_who_has_lost_all_begins_again_with_its_peers():
    with alone(Small, peers="a") as bench:
        for _ in range(2):
            bench.node.shuffle()
            assert asked(bench)[0] == "a"
            assert bench.node.view == {}
            bench.answer("a", None)


def test_one_trade_a_cycle():
    with bench_with("abcd") as bench:
        for _ in range(3):
            bench.advance(1.0)
        assert len(bench.sent) == 2
        bench.sent.clear()


# In every world

QUICK = Cyclon.using(size=4, traded=2, cycle=0.1, patience=0.2)


def views(net):
    """Return the graph of who has whom in view."""
    graph = nx.DiGraph()
    graph.add_nodes_from(node.id for node in net if net.is_up(node.id))
    for node in net:
        if net.is_up(node.id):
            graph.add_edges_from((node.id, name) for name in node.view)
    return graph


def invariants_hold(net):
    for node in net:
        assert len(node.view) <= node.size
        assert node.id not in node.view
        assert all(entry.contact.id == name for name, entry in node.view.items())
        assert all(entry.age >= 0 for entry in node.view.values())


def test_a_ring_becomes_a_mixture_and_forgets_the_gone(network):
    with network(QUICK, nx.cycle_graph(12)) as net:
        began = views(net).edges

        def mixed():
            graph = views(net)
            return all(len(node.view) >= 3 for node in net) and len(graph.edges - began) > 24

        run_until(net, mixed)
        invariants_hold(net)
        assert nx.is_weakly_connected(views(net))
        for name in net.names[::3]:
            net.crash(name)
        gone = {*net.names[::3]}
        run_until(net, lambda: not gone & {*views(net).nodes} and not gone_in_view(net, gone))
        assert nx.is_weakly_connected(views(net))
        invariants_hold(net)


def gone_in_view(net, gone):
    return [node.id for node in net if net.is_up(node.id) and gone & {*node.view}]


def test_a_newcomer_knows_one_and_is_known_soon(network):
    with network(QUICK, nx.cycle_graph(8)) as net:
        net.run(0.5)
        net.join("n8", to="n0")
        run_until(net, lambda: "n8" in views(net) and views(net).in_degree("n8") >= 2)
        run_until(net, lambda: len(net["n8"].view) >= 3)
        invariants_hold(net)


class Sampled(Cyclon, Averaging):
    """Find the mean, and somebody to talk to: two protocols in one."""

    def on_start(self):
        super().on_start()
        self.begin(float(self.id[1:]))

    def partner(self):
        return next((entry.contact for entry in self.some(1)), None)


def test_whoever_is_impatient_with_trades_still_waits_for_the_mean():
    slow = Link(latency=Sampled.patience)  # no trade is answered in time, and every offer is
    with SimNetwork(Sampled, nx.cycle_graph(10), link=slow, seed=1, record="counts") as net:
        with pytest.warns(NetworkWarning, match="answered too late"):
            net.run(100.0)
        assert [round(node.estimate, 2) for node in net] == 10 * [4.5]


def test_averaging_over_a_sample(network):
    """Nobody knows all, and all find the mean."""
    with network(Sampled.using(cycle=0.1), nx.cycle_graph(10)) as net:
        run_until(net, lambda: all(abs(node.estimate - 4.5) < 0.01 for node in net))
        invariants_hold(net)


# In simulation: the graph

NODES = 150


def mixed(protocol, cycles=30, seed=1):
    """Return a network after so many cycles, which began as a lattice: with the next ones on either
    side of a ring in view."""
    graph = nx.watts_strogatz_graph(NODES, protocol.size, 0)
    link = Link(latency=(0.01, 0.05))
    net = SimNetwork(protocol, graph, link=link, seed=seed, record="counts")
    net.run(cycles * protocol.cycle)
    return net


def views_are_views(protocol):
    with mixed(protocol) as net:
        invariants_hold(net)
        assert fmean(len(node.view) for node in net) > 0.95 * protocol.size


def all_are_known_alike(protocol):
    """Check that in-degrees are close to the size of a view, much closer than in a random graph."""
    with mixed(protocol.using(size=8, traded=3)) as net:
        degrees = [degree for _, degree in views(net).in_degree]
    assert min(degrees) > 1
    assert pstdev(degrees) < 0.8 * (8 * (1 - 8 / NODES)) ** 0.5


def neighbours_are_strangers(protocol):
    """Check that the graph is clustered like a random one, though it began as a lattice."""
    with mixed(protocol) as net:
        seen = nx.average_clustering(views(net).to_undirected())
    graph = nx.Graph(nx.random_k_out_graph(NODES, protocol.size, 1e9, self_loops=False, seed=1))
    graph.remove_edges_from(nx.selfloop_edges(graph))
    assert seen < 1.15 * nx.average_clustering(graph)


def half_may_vanish(protocol):
    """Check that the rest is connected at once, and has forgotten the gone after two and a half times
    as many cycles as a view has places."""
    with mixed(protocol) as net:
        for name in net.names[::2]:
            net.crash(name)
        assert nx.is_weakly_connected(views(net).subgraph(net.names[1::2]))
        net.run(2.5 * protocol.size * protocol.cycle)
        assert not gone_in_view(net, {*net.names[::2]})
        assert nx.is_weakly_connected(views(net))
        invariants_hold(net)


LAWS = [views_are_views, all_are_known_alike, neighbours_are_strangers, half_may_vanish]


@pytest.mark.parametrize("law", LAWS)
def test_a_law_holds(law):
    law(Cyclon)


# Mutants


class Basic(Cyclon):
    """Trades with anyone in view, and not with the oldest: the basic shuffling of section 3.1. Who is
    gone stays in view for long."""

    def shuffle(self):
        if self.view:
            ages = [0, 0, 9, *[0] * len(self.view)]
            self.random.shuffle(ages)
            self.view = {
                id: Entry(old.contact, age)
                for (id, old), age in zip(self.view.items(), ages, strict=False)
            }
        super().shuffle()


class Ageless(Cyclon):
    """Forgets to count, so nobody is older than another."""

    def keep(self, entries, given):
        super().keep((Entry(entry.contact, 0) for entry in entries), given)


class Narcissus(Cyclon):
    """Takes itself into view."""

    def keep(self, entries, given):
        super().keep(entries, given)
        for entry in entries:
            if entry.contact.id == self.id:
                self.view[self.id] = entry


class Hoarder(Cyclon):
    """Knows no limit."""

    def keep(self, entries, given):
        for entry in entries:
            if entry.contact.id != self.id:
                self.view[entry.contact.id] = entry


class Miser(Cyclon):
    """Gives nothing in return."""

    @on(Trade)
    def trade(self, offer, sender):
        super().trade(offer, sender)
        return Returned(())


class Faithful(Cyclon):
    """Does not take the oldest out of its view."""

    def shuffle(self):
        before = dict(self.view)
        super().shuffle()
        for id in before.keys() - self.view.keys():
            self.view[id] = before[id]


class Shy(Cyclon):
    """Does not offer itself."""

    @property
    def contact(self):
        return Contact("nobody", "127.0.0.1:1")


class Closed(Cyclon):
    """Takes what is given only where there is room."""

    def keep(self, entries, given):
        super().keep(entries, ())


@pytest.mark.parametrize(
    ("mutant", "law"),
    [
        (Basic, half_may_vanish),
        (Ageless, half_may_vanish),
        (Narcissus, views_are_views),
        (Hoarder, views_are_views),
        (Miser, views_are_views),
        (Faithful, half_may_vanish),
        (Shy, all_are_known_alike),
        (Closed, neighbours_are_strangers),
    ],
)
def test_a_mutant_is_noticed(mutant, law):
    assert law in LAWS
    with pytest.raises(AssertionError):
        law(mutant)
