"""Rumor mongering: single reactions, the same story in every world, figures, and mutants."""

from statistics import mean, stdev

import networkx as nx
import pytest
from diary import run_until

from p2pkit import Link, SimNetwork, on, rounds
from p2pkit.protocols.rumor import Mongering, Question, Rumor, Verdict
from p2pkit.testing import alone

HELLO = Rumor("hello")


def rounded(**parameters):
    """Return the protocol in rounds of a second."""
    return Mongering.using(synchronous=True, pause=1.0, **parameters)


def said(bench):
    """Take everything that was said off the bench's list."""
    taken, bench.sent = bench.sent, []
    return taken


# Single reactions


def test_who_is_told_says_whether_it_was_news():
    with alone(Mongering, peers="a") as bench:
        assert bench.receive(HELLO, "a") == Verdict(news=True)
        assert bench.receive(HELLO, "a") == Verdict(news=False)


def test_in_rounds_it_is_news_all_round_long():
    with alone(rounded(), peers="a") as bench:
        assert bench.receive(HELLO, "a") == Verdict(news=True)
        assert bench.receive(HELLO, "a") == Verdict(news=True)
        bench.advance(1.0)
        assert bench.receive(HELLO, "a") == Verdict(news=False)
        bench.expect("a", HELLO)


def test_who_is_blind_wants_no_answer():
    with alone(Mongering.using(feedback=False), peers="a") as bench:
        assert bench.receive(HELLO, "a") is None


def test_what_is_heard_is_told_once_a_turn_to_one_peer():
    with alone(rounded(k=100), peers="abc") as bench:
        bench.tell(HELLO)
        for turn in range(1, 40):
            bench.expect_silence() if turn == 1 else None
            bench.advance(1.0)
            assert len(bench.sent) == turn
        assert {to for to, _ in said(bench)} == {*"abc"}


@pytest.mark.parametrize("k", [1, 2, 5])
def test_a_counter_counts_what_was_in_vain(k):
    with alone(rounded(k=k), peers="a") as bench:
        bench.tell(HELLO)
        for _ in range(k):
            assert HELLO in bench.node.hot
            bench.advance(1.0)
            bench.expect("a", HELLO)
            bench.answer("a", Verdict(news=False))
        bench.advance(3.0)
        assert HELLO not in bench.node.hot
        assert HELLO in bench.node.heard


@pytest.mark.parametrize(("reset", "tells"), [(True, 5), (False, 4)])
def test_what_was_not_in_vain_sets_the_counter_back(reset, tells):
    with alone(rounded(k=2, reset=reset), peers="a") as bench:
        bench.tell(HELLO)
        for news in (True, False, True, False, False):
            bench.advance(1.0)
            if HELLO in bench.node.hot:
                bench.answer("a", Verdict(news=news))
        bench.advance(3.0)
        assert said(bench) == [("a", HELLO)] * tells


def test_blind_all_contacts_count():
    with alone(rounded(k=3, feedback=False), peers="a") as bench:
        bench.tell(HELLO)
        bench.advance(9.0)
        assert said(bench) == [("a", HELLO)] * 3


def test_a_coin_falls_once_in_k():
    tells = []
    for seed in range(300):
        bench = alone(rounded(k=4, feedback=False, counter=False), peers="a", seed=seed)
        bench.tell(HELLO)
        bench.advance(99.0)
        tells.append(len(said(bench)))
    assert sum(tells) / 300 == pytest.approx(4, abs=0.6)
    assert tells.count(1) / 300 == pytest.approx(1 / 4, abs=0.08)


def test_what_nobody_answers_was_no_contact():
    with alone(rounded(k=1), peers="a") as bench:
        bench.tell(HELLO)
        for _ in range(5):
            bench.advance(1.0)
            bench.expect("a", HELLO)
            bench.answer("a", None)
        assert HELLO in bench.node.hot


def test_an_answer_that_comes_when_all_is_over_is_nothing():
    with alone(Mongering.using(synchronous=True, pause=0.3, k=1), peers="a") as bench:
        bench.tell(HELLO)
        bench.advance(0.3)
        bench.node.tell("a")
        assert said(bench) == [("a", HELLO)] * 2
        bench.answer("a", Verdict(news=False))
        bench.advance(0.3)
        assert not bench.node.hot
        bench.answer("a", Verdict(news=False))
        bench.advance(3.0)


def test_who_pulls_asks_one_peer_a_turn_whatever_it_knows():
    with alone(rounded(pulling=True), peers="a") as bench:
        bench.advance(1.0)
        bench.expect("a", Question())
        bench.tell(HELLO)
        bench.advance(1.0)
        bench.expect("a", Question())


def test_who_is_asked_tells_what_it_is_interested_in_from_the_next_round_on():
    with alone(rounded(pulling=True, k=1), peers="ab") as bench:
        bench.advance(1.0)
        said(bench)
        bench.receive(HELLO, "b")
        bench.receive(Question(), "a")
        bench.expect_silence()
        bench.advance(1.0)
        said(bench)
        bench.receive(Question(), "a")
        bench.expect("a", HELLO)
        bench.answer("a", Verdict(news=False))
        bench.advance(1.0)
        said(bench)
        bench.receive(Question(), "a")


def test_all_contacts_of_a_turn_count_as_one_and_not_in_vain_if_one_was_not():
    with alone(rounded(pulling=True, k=1), peers="ab") as bench:
        bench.tell(HELLO)
        bench.advance(1.0)
        for asks, news in (("ab", (False, True)), ("ab", (False, False))):
            for peer, new in zip(asks, news, strict=True):
                bench.receive(Question(), peer)
                bench.answer(peer, Verdict(news=new))
            assert HELLO in bench.node.hot
            bench.advance(1.0)
        assert HELLO not in bench.node.hot
        said(bench)


def test_turns_are_spread_when_they_are_no_rounds():
    began = set()
    for seed in range(20):
        with alone(Mongering.using(pause=1.0), peers="a", seed=seed) as bench:
            bench.tell(HELLO)
            while not bench.sent:
                bench.advance(0.01)
            said(bench)
            began.add(round(bench.node.now, 1))
    assert min(began) >= 1.0
    assert max(began) <= 2.0
    assert len(began) > 5


# In every world


@pytest.mark.parametrize("pulling", [False, True])
def test_a_rumor_spreads_and_dies_out(network, pulling):
    protocol = Mongering.using(k=8, pulling=pulling, pause=0.05)
    with network(protocol, nx.complete_graph(9), seed=2) as net:
        net.tell("n0", HELLO)
        run_until(net, lambda: all(HELLO in node.heard for node in net))
        run_until(net, lambda: not any(node.hot for node in net))


def test_rounds_have_the_same_figures_wherever_they_are(network):
    """A blind counter tells k times, whoever is told."""
    protocol = Mongering.using(k=3, feedback=False, synchronous=True, pause=0.1)
    with network(protocol, nx.complete_graph(6), link=Link(latency=0.01)) as net:
        net.tell("n0", HELLO)
        run_until(net, lambda: sum(HELLO in node.heard for node in net) > 3)
        run_until(net, lambda: not any(node.hot for node in net))
        heard = sum(HELLO in node.heard for node in net)
        assert net.trace.count(kind="send", message=Rumor) == 3 * heard


# In simulation: the figures of rounds.mongering


def run(protocol, seed, nodes=1000):
    """Return residue and traffic of one rumor."""
    with SimNetwork(protocol, nodes, seed=seed, record="counts") as net:
        net.tell("n0", HELLO)
        net.run(0.5)
        while any(node.hot for node in net):
            net.run(1.0)
            assert net.now < 200, "it has not died out in 200 rounds"
        missed = sum(HELLO not in node.heard for node in net)
        return missed / nodes, net.trace.count(kind="send", message=Rumor) / nodes


def has_the_figures_of_the_rounds(protocol, *, nodes=1000, runs=3, **variant):
    """Check that residue and traffic are those of the arrays, within what so few runs may be off."""
    protocol = protocol.using(synchronous=True, pause=1.0, **variant)
    seen = [run(protocol, seed, nodes) for seed in range(runs)]
    spreads = [rounds.mongering(nodes, seed=seed, **variant) for seed in range(200)]
    for here, there in (
        ([s for s, _ in seen], [spread.residue for spread in spreads]),
        ([m for _, m in seen], [spread.traffic for spread in spreads]),
    ):
        assert mean(here) == pytest.approx(mean(there), abs=3.5 * stdev(there) / runs**0.5)


@pytest.mark.slow
@pytest.mark.parametrize(
    "variant",
    [
        {},
        {"reset": False},
        {"counter": False},
        {"feedback": False},
        {"feedback": False, "counter": False},
        {"pulling": True, "runs": 2},
        {"pulling": True, "counter": False, "runs": 2},
    ],
    ids=str,
)
def test_objects_have_the_figures_of_arrays(variant):
    has_the_figures_of_the_rounds(Mongering, k=2, **variant)


# Mutants


class ThinksItIsNews(Mongering):
    """Says that it was news, every other time."""

    @on(Rumor)
    def hear(self, rumor, sender):
        verdict = super().hear(rumor, sender)
        return verdict and Verdict(news=verdict.news or self.random.random() < 0.5)


class Asynchronous(Mongering):
    """Judges by what is known now, in rounds, too."""

    def is_of_this_round(self, rumor):
        return False


class NeverResets(Mongering):
    """Counts all that was in vain, though it says that it does not."""

    def lose_interest(self):
        self.useful = {rumor: useful for rumor, useful in self.useful.items() if not useful}
        super().lose_interest()


class TellsTwo(Mongering):
    """Tells two peers a turn."""

    def sample(self, k):
        return super().sample(2 * k)


class Impatient(Mongering):
    """Loses interest one contact too early."""

    def lose_interest(self):
        for rumor, useful in self.useful.items():
            self.hot[rumor] += 0 if useful else 1
        super().lose_interest()


FEW = {"nodes": 300, "runs": 5}


def test_without_a_mutation_few_nodes_have_the_figures():
    has_the_figures_of_the_rounds(Mongering, k=2, **FEW)


@pytest.mark.parametrize("mutant", [ThinksItIsNews, Asynchronous, NeverResets, TellsTwo, Impatient])
def test_a_mutant_is_killed_by_the_figures(mutant):
    with pytest.raises(AssertionError):
        has_the_figures_of_the_rounds(mutant, k=2, **FEW)
