"""Averaging: single reactions, the same story in every world, and mutants."""

from math import exp, inf, sqrt
from statistics import fmean, pvariance

import networkx as nx
import pytest
from diary import run_until

from p2pkit import Link, Protocol, SimNetwork, on
from p2pkit.protocols.averaging import Answer, Averaging, Count, Maximum, Offer
from p2pkit.testing import alone

# Single reactions


def test_who_gets_an_offer_goes_half_the_way_and_answers_how_far_that_was():
    with alone(Averaging.using(value=2.0), peers="ab") as bench:
        assert bench.receive(Offer(10.0), "b") == Answer(4.0)
        assert bench.node.estimate == 6.0


def test_who_gets_an_answer_goes_as_far_the_other_way_wherever_it_is_by_now():
    with alone(Averaging.using(value=10.0), peers="ab") as bench:
        bench.node.exchange()
        [(peer, offer)] = bench.sent
        bench.expect(peer, Offer(10.0))
        assert bench.receive(Offer(0.0), "ab".replace(peer, "")) == Answer(-5.0)
        bench.answer(peer, Answer(4.0))
        assert bench.node.estimate == 1.0
    assert offer == Offer(10.0)


def test_one_offer_a_cycle_to_one_peer():
    with alone(Averaging, peers="abc") as bench:
        bench.advance(1.0)
        bench.sent.clear()
        for cycle in range(1, 50):
            bench.advance(1.0)
            assert len(bench.sent) == cycle
        assert {said.to for said in bench.sent} == {*"abc"}
        assert {said.message for said in bench.sent} == {Offer(0.0)}
        bench.sent.clear()


def test_who_has_no_peers_makes_no_offer():
    with alone(Averaging) as bench:
        bench.advance(5.0)


def test_to_begin_sets_the_estimate():
    with alone(Averaging, peers="a") as bench:
        assert bench.receive(Offer(10.0), "a") == Answer(5.0)
        bench.node.begin(3.0)
        assert bench.node.estimate == 3.0


def test_a_count_is_one_over_the_mean_and_infinite_before_a_word_of_it():
    with alone(Count, peers="a") as bench:
        assert bench.node.count == inf
        assert bench.receive(Offer(1.0), "a") == Answer(0.5)
        assert bench.node.count == 2.0


@pytest.mark.parametrize(("mine", "theirs"), [(1.0, 5.0), (5.0, 1.0), (-5.0, -1.0)])
def test_both_hold_the_larger_one(mine, theirs):
    with alone(Maximum.using(value=mine), peers="a") as bench:
        assert bench.receive(Offer(theirs), "a") == Answer(max(mine, theirs))
        assert bench.node.estimate == max(mine, theirs)
        bench.node.begin(mine)
        bench.node.exchange()
        bench.expect("a", Offer(mine))
        bench.answer("a", Answer(theirs))
        assert bench.node.estimate == max(mine, theirs)


# In every world


def close(net, value):
    return all(abs(node.estimate - value) < 1e-3 for node in net)


def numbered(protocol):
    """Return a variant where each node begins with its own number, before anybody makes an offer."""

    class Numbered(protocol):
        cycle = 0.1  # seconds, so that real nodes need not wait

        def on_start(self):
            super().on_start()
            self.begin(float(self.id[1:]))

    return Numbered


def test_all_find_the_mean(network):
    with network(numbered(Averaging), nx.circular_ladder_graph(6)) as net:
        run_until(net, lambda: close(net, fmean(range(12))))


def test_all_count_all(network):
    with network(Count.using(cycle=0.1), 12) as net:
        net.call("n5", "begin", 1)
        run_until(net, lambda: all(abs(node.count - 12) < 0.01 for node in net))


def test_all_find_the_maximum_though_messages_are_lost(network):
    with network(numbered(Maximum), 12, link=Link(latency=0.01, loss=0.3)) as net:
        run_until(net, lambda: all(node.estimate == 11.0 for node in net))


# In simulation: the sum, and the speed


def keeps_the_sum(protocol):
    """Check that the sum stays, whatever crosses on the way."""

    class Ending(protocol):
        def exchange(self):
            if self.now < 30.0:
                super().exchange()

    link = Link(latency=(0.1, 0.9))
    with SimNetwork(Ending, 50, link=link, seed=1, record="counts") as net:
        for number, name in enumerate(net.names):
            net.call(name, "begin", float(number))
        net.run(35.0)
        estimates = [node.estimate for node in net]
    assert max(estimates) - min(estimates) < 0.1
    assert sum(estimates) == pytest.approx(sum(range(50)))


def reduction(protocol, *, nodes=500, cycles=12, seed=0):
    """Return which part of the variance a cycle leaves, in the geometric mean."""
    with SimNetwork(protocol, nodes, link=Link(latency=0), seed=seed, record="counts") as net:
        for number, name in enumerate(net.names):
            net.call(name, "begin", float(number))
        net.run(protocol.cycle)  # the first offers come after one
        before = pvariance(node.estimate for node in net)
        net.run(cycles * protocol.cycle)
        after = pvariance(node.estimate for node in net)
    return (after / before) ** (1 / cycles)


def is_as_fast_as_published(protocol):
    """Check the speed; tests/reproduce does so with more runs."""
    assert fmean(reduction(protocol, seed=seed) for seed in range(2)) == pytest.approx(
        1 / (2 * sqrt(exp(1))), abs=0.015
    )


def answers_arrive(protocol):
    """Check that two nodes agree after one exchange."""
    with SimNetwork(protocol, 2, seed=1) as net:
        net.call("n0", "begin", 8.0)
        net.call("n0", "exchange")
        net.run(0.5)
        assert [node.estimate for node in net] == [4.0, 4.0]


def loses_no_maximum(protocol):
    """Check that all find the maximum, with overlapping exchanges."""
    with SimNetwork(protocol, 20, link=Link(latency=(0.1, 2.0)), seed=3) as net:
        for number, name in enumerate(net.names):
            net.call(name, "begin", float(number))
        net.run(40.0)
        assert {node.estimate for node in net} == {19.0}


@pytest.mark.parametrize("law", [keeps_the_sum, is_as_fast_as_published, answers_arrive])
def test_a_law_holds(law):
    law(Averaging)


def test_the_maximum_is_found():
    loses_no_maximum(Maximum)


def test_a_lost_answer_changes_the_sum_and_a_lost_offer_does_not():
    with alone(Averaging.using(value=1.0), peers="a") as bench:
        bench.node.exchange()
        bench.expect("a", Offer(1.0))
        bench.answer("a", None)
        assert bench.node.estimate == 1.0  # the offer may be lost: nothing has changed here
    with SimNetwork(Averaging, 50, link=Link(loss=0.2), seed=1) as net:
        net.call("n0", "begin", 50.0)
        net.run(40.0)
        estimates = [node.estimate for node in net]
    assert max(estimates) - min(estimates) < 1e-3  # they agree,
    assert abs(fmean(estimates) - 1.0) > 0.01  # but not on the mean


# Mutants


class Naive(Averaging):
    """Answers with its estimate, and takes the mean of the one that it sent and the answer."""

    @on(Offer)
    def meet(self, offer, sender):
        mine = self.estimate
        self.estimate = (mine + offer.estimate) / 2
        return Answer(mine)

    def settle(self, answer):
        self.estimate = (self.estimate + answer.value) / 2


class PushOnly(Averaging):
    """Never answers."""

    @on(Offer)
    def meet(self, offer, sender):
        self.estimate = (self.estimate + offer.estimate) / 2


class WrongWay(Averaging):
    """Goes the same way twice."""

    def settle(self, answer):
        self.estimate += answer.value


class Fixed(Averaging):
    """Offers always to the same peer."""

    def partner(self):
        return next(iter(self.peers))


class InStep(Averaging):
    """Two offers at once: it is faster than it may be."""

    def exchange(self):
        super().exchange()
        super().exchange()


class Tired(Averaging):
    """Skips every third offer."""

    turn = 0

    def exchange(self):
        self.turn += 1
        if self.turn % 3:
            super().exchange()


class Stepping(Maximum):
    """Answers with a step, which is right for a mean only."""

    @on(Offer)
    def meet(self, offer, sender):
        before = self.estimate
        self.estimate = max(self.estimate, offer.estimate)
        return Answer(self.estimate - before)

    def settle(self, answer):
        self.estimate += answer.value


@pytest.mark.parametrize(
    ("mutant", "law"),
    [
        (Naive, keeps_the_sum),
        (PushOnly, answers_arrive),
        (WrongWay, answers_arrive),
        (Fixed, is_as_fast_as_published),
        (InStep, is_as_fast_as_published),
        (Tired, is_as_fast_as_published),
        (Stepping, loses_no_maximum),
    ],
)
def test_a_mutant_is_noticed(mutant: type[Protocol], law):
    with pytest.raises(AssertionError):
        law(mutant)
