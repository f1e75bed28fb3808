"""Pull and push-pull: single reactions, the same story in every world, and mutants.

Gossip itself, which pushes, is in test_protocols.py.
"""

import networkx as nx
import pytest
from diary import run_until

from p2pkit import Link, SimNetwork, on
from p2pkit.protocols.gossip import Notes, Pull, PushPull, Rumor
from p2pkit.testing import alone

BOTH = pytest.mark.parametrize("protocol", [Pull, PushPull])


def notes(*texts):
    return Notes(frozenset(texts))


# Single reactions


@BOTH
def test_one_peer_is_asked_in_each_turn(protocol):
    with alone(protocol.using(pause=1.0), peers="abc") as bench:
        bench.tell(Rumor("one"))
        bench.expect_silence()
        for turn in range(1, 40):
            bench.advance(1.0)
            assert len(bench.sent) == turn
        assert {said.to for said in bench.sent} == {*"abc"}
        assert {said.message for said in bench.sent} == {notes("one")}
        bench.sent.clear()


@BOTH
def test_without_peers_nobody_is_asked(protocol):
    with alone(protocol) as bench:
        bench.advance(5.0)


@BOTH
@pytest.mark.parametrize(
    ("had", "missing"), [("", ["one", "two"]), ("one", ["two"]), ("one two", [])]
)
def test_whoever_asks_is_told_exactly_what_it_missed(protocol, had, missing):
    with alone(protocol, peers="ab") as bench:
        bench.receive(Rumor("two"), "b")
        bench.receive(Rumor("one"), "b")
        bench.receive(notes(*had.split()), "a")
        for text in missing:
            bench.expect("a", Rumor(text))


def test_who_is_asked_and_pulls_only_says_nothing_of_what_it_lacks():
    with alone(Pull, peers="a") as bench:
        bench.receive(notes("one"), "a")


def test_who_is_called_and_lacks_something_shows_its_own_notes_after_its_news():
    with alone(PushPull, peers="a") as bench:
        bench.tell(Rumor("mine"))
        bench.receive(notes("one", "two"), "a")
        bench.expect("a", Rumor("mine"))
        bench.expect("a", notes("mine"))


# In every world


@BOTH
def test_all_hear_it_however_it_is_lost(network, protocol):
    graph = nx.circular_ladder_graph(6)
    link = Link(latency=0.01, loss=0.3)
    with network(protocol.using(pause=0.05), graph, link=link, seed=3) as net:
        net.tell("n0", Rumor("hello"))
        net.tell("n7", Rumor("and bye"))
        run_until(net, lambda: all(len(node.heard) == 2 for node in net))


@BOTH
def test_who_comes_late_hears_the_old(network, protocol):
    with network(protocol.using(pause=0.05), 3) as net:
        net.tell("n0", Rumor("hello"))
        run_until(net, lambda: all(node.heard for node in net))
        net.join("late", to="n1")
        run_until(net, lambda: Rumor("hello") in net["late"].heard)


# In simulation, in rounds


def rounds(protocol, seed=1, nodes=64):
    """Return the rounds until all know, and how often the rumor was sent."""
    with SimNetwork(protocol.using(pause=1.0), nodes, seed=seed) as net:
        net.tell("n0", Rumor("hello"))
        net.run(0.5)
        took = 0
        while not all(node.heard for node in net):
            net.run(1.0)
            took += 1
            assert took < 100, "not within 100 rounds"
        net.run(10.0)
        return took, net.trace.count(kind="send", message=Rumor)


def spreads_at_its_price(protocol, most):
    """Check that all hear the rumor within so many rounds, and how often it is sent."""
    seen = [rounds(protocol, seed) for seed in range(10)]
    assert sum(took for took, _ in seen) / 10 < most
    for _, sent in seen:
        assert 63 <= sent <= 63 * 3


def test_pull_tells_each_node_once():
    assert {rounds(Pull, seed)[1] for seed in range(5)} == {63}


def test_push_pull_is_as_fast_as_both():
    spreads_at_its_price(Pull, 10.5)
    spreads_at_its_price(PushPull, 7.5)


# Mutants


class OnlyPushes(PushPull):
    """Tells nobody what it has missed, but asks for the own part."""

    @on(Notes)
    def complete(self, notes, sender):
        if notes.texts - self.notes().texts:
            self.send(sender, self.notes())


class TellsAll(PushPull):
    """Tells those who ask all that it has, whether they miss it or not."""

    @on(Notes)
    def complete(self, notes, sender):
        super().complete(Notes(frozenset()), sender)
        super().complete(notes, sender)


class Forgets(PushPull):
    """Remembers only what it has heard last, from whoever it was."""

    @on(Notes)
    def complete(self, notes, sender):
        if notes.texts:
            super().complete(notes, sender)
            self.heard.clear()


class OnlyPulls(PushPull):
    """Says nothing of what it lacks."""

    @on(Notes)
    def complete(self, notes, sender):
        Pull.complete(self, notes, sender)


@pytest.mark.parametrize("mutant", [OnlyPushes, TellsAll, Forgets, OnlyPulls])
def test_a_mutant_is_killed_by_the_price(mutant):
    with pytest.raises(AssertionError):
        spreads_at_its_price(mutant, 7.5)
