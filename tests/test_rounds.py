"""Rounds: what arrays say is what must be, what is published, and what the protocols do."""

from math import exp, log, log2, sqrt
from statistics import mean, stdev

import numpy as np
import pytest

from p2pkit import SimNetwork, rounds
from p2pkit.protocols.gossip import Gossip, Pull, PushPull, Rumor
from p2pkit.rounds import NEVER, Spread

UNTIL_ALL_KNOW = pytest.mark.parametrize("model", [rounds.push, rounds.pull, rounds.push_pull])

VARIANTS = [
    {"feedback": feedback, "counter": counter, "pulling": pulling, "limited": limited}
    for feedback in (True, False)
    for counter in (True, False)
    for pulling, limited in ((False, False), (True, False), (False, True))
]


# What a run looks like


def test_a_spread_is_counted():
    spread = Spread(np.array([0, 1, 1, 3, NEVER], np.int32), messages=10)
    assert spread.coverage == pytest.approx(0.8)
    assert spread.residue == pytest.approx(0.2)
    assert spread.traffic == 2.0
    assert spread.rounds == 3
    assert spread.mean_round == pytest.approx(5 / 4)
    assert list(spread.curve) == [1, 3, 3, 4]


@UNTIL_ALL_KNOW
@pytest.mark.parametrize("nodes", [2, 3, 1000])
def test_it_ends_when_all_know(model, nodes):
    spread = model(nodes, seed=4)
    assert spread.coverage == 1.0
    assert list(np.flatnonzero(spread.heard == 0)) == [0]
    assert spread.curve[0] == 1
    assert spread.curve[-1] == nodes
    assert spread.messages >= nodes - 1


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_a_rumor_dies_out(variant):
    spread = rounds.mongering(500, k=2, seed=1, **variant)
    assert 0.0 < spread.coverage <= 1.0
    assert spread.messages >= spread.coverage * 500 - 1
    assert (np.diff(spread.curve) >= 0).all()


@pytest.mark.parametrize(
    "run",
    [
        lambda seed: rounds.push_pull(300, seed=seed).heard,
        lambda seed: rounds.mongering(300, k=2, counter=False, limited=True, seed=seed).heard,
        lambda seed: rounds.infect_and_die(300, fanout=2, seed=seed).heard,
        lambda seed: rounds.averaging(300, cycles=3, seed=seed),
    ],
)
def test_the_same_seed_gives_the_same(run):
    assert (run(1) == run(1)).all()
    assert (run(1) != run(2)).any()


def test_what_cannot_be_is_refused():
    for call in (
        lambda: rounds.push(1),
        lambda: rounds.averaging(1, cycles=1),
        lambda: rounds.mongering(10, k=0),
        lambda: rounds.mongering(10, k=1, pulling=True, limited=True),
        lambda: rounds.infect_and_die(10, fanout=10),
        lambda: rounds.infect_and_die(10, fanout=-1),
    ):
        with pytest.raises(ValueError, match=r"nodes=1|k is at least 1|fanout"):
            call()


# What must be


def test_at_most_all_who_know_are_doubled_by_pushing():
    curve = rounds.push(10_000, seed=1).curve
    assert (curve[1:] <= 2 * curve[:-1]).all()
    assert (curve[:6] == [1, 2, 4, 8, 16, 32]).all()


def test_pulling_sends_the_rumor_once_to_each():
    assert rounds.pull(5000, seed=1).messages == 4999


@pytest.mark.parametrize("k", [1, 3])
def test_a_blind_counter_tells_k_times(k):
    spread = rounds.mongering(1000, k=k, feedback=False, seed=2)
    assert spread.messages == k * round(1000 * spread.coverage)


def test_who_are_told_are_different_and_not_oneself():
    spread = rounds.infect_and_die(50, fanout=49, seed=1)
    assert spread.rounds == 1
    assert spread.messages == 50 * 49
    run = rounds._Run(6, seed=1)
    drawn = run.draw_several(np.full(60_000, 2), 2).reshape(2, -1)
    pairs, counts = np.unique(drawn, axis=1, return_counts=True)
    assert pairs.shape == (2, 5 * 4)
    assert counts == pytest.approx(3000, abs=4 * sqrt(3000))
    assert (drawn[0] != drawn[1]).all()


def test_with_a_limit_a_node_hears_one_in_a_round():
    run = rounds._Run(10, seed=1)
    told = np.array([3, 4, 3, 3, 5, 4])
    picked = [tuple(sorted(run.one_each(told))) for _ in range(600)]
    assert {tuple(sorted(told[list(places)])) for places in picked} == {(3, 4, 5)}
    assert len(set(picked)) == 3 * 2
    assert min(picked.count(places) for places in set(picked)) > 60


def test_calls_one_after_the_other_are_done_all_at_once():
    dice = np.random.default_rng(1)
    for _ in range(20):
        values = dice.standard_normal(30)
        callers, called = dice.permutation(30), dice.integers(0, 29, 30)
        called += called >= callers
        one_by_one = values.copy()
        for a, b in zip(callers, called, strict=True):
            one_by_one[a] = one_by_one[b] = (one_by_one[a] + one_by_one[b]) / 2
        rounds._meet(values, callers, called)
        assert values == pytest.approx(one_by_one)


# What is published: more of it in tests/reproduce


@pytest.mark.parametrize(
    ("variant", "residue", "traffic"),
    [
        ({"k": 2}, 0.037, 3.30),  # Demers et al. (1987), table 1
        ({"k": 2, "feedback": False, "counter": False}, 0.20, 1.6),  # table 2
        ({"k": 1, "pulling": True}, 0.031, 2.70),  # table 3
    ],
)
def test_tables_are_met(variant, residue, traffic):
    runs = [rounds.mongering(1000, seed=seed, **variant) for seed in range(60)]
    assert mean(run.residue for run in runs) == pytest.approx(residue, rel=0.1)
    assert mean(run.traffic for run in runs) == pytest.approx(traffic, rel=0.03)


def test_a_hundred_thousand_nodes_are_where_theory_has_them():
    n = 100_000
    assert rounds.push(n).rounds == pytest.approx(log2(n) + log(n) + 1.4, abs=4)
    assert rounds.pull(n).rounds == pytest.approx(log2(n) + log2(log(n)) + 1, abs=4)
    assert rounds.push_pull(n).rounds == pytest.approx(14, abs=2)
    spread = rounds.mongering(n, k=3, reset=False)
    assert spread.residue == pytest.approx(exp(-spread.traffic), rel=0.1)
    coverage = rounds.infect_and_die(n, fanout=3).coverage
    assert coverage == pytest.approx(1 - exp(-3 * coverage), abs=0.003)


@pytest.mark.parametrize(
    ("order", "factor"),
    [("shuffled", 0.3033), ("fixed", 0.2943), ("pairs", 0.3679), ("matching", 0.25)],
)
def test_the_variance_falls_by_the_factor_of_the_order(order, factor):
    variance = rounds.averaging(10_000, cycles=15, order=order, seed=1)
    assert len(variance) == 16
    assert (variance[-1] / variance[0]) ** (1 / 15) == pytest.approx(factor, abs=0.006)


# What the protocols do; mongering is in test_protocol_rumor.py


def agree(here, there):
    """Check that the mean of a few runs is that of many, within three and a half standard errors."""
    error = stdev(there) * sqrt(1 / len(here) + 1 / len(there))
    assert abs(mean(here) - mean(there)) <= 3.5 * error


def rounds_of(protocol, seed, nodes=1000):
    with SimNetwork(protocol.using(pause=1.0), nodes, seed=seed, record="counts") as net:
        net.tell("n0", Rumor("hello"))
        net.run(0.5)
        took = 0
        while not all(node.heard for node in net):
            net.run(1.0)
            took += 1
        return took


@pytest.mark.slow
@pytest.mark.parametrize(("protocol", "model"), [(Pull, rounds.pull), (PushPull, rounds.push_pull)])
def test_pulling_takes_the_rounds_of_the_protocols(protocol, model):
    agree(
        [rounds_of(protocol, seed) for seed in range(5)],
        [model(1000, seed=seed).rounds for seed in range(200)],
    )


@pytest.mark.parametrize("fanout", [2, 4])
def test_gossip_reaches_as_many(fanout):
    shares = []
    for seed in range(10):
        with SimNetwork(Gossip.using(fanout=fanout), 1000, seed=seed, record="counts") as net:
            net.tell("n0", Rumor("hello"))
            net.run(5.0)
            shares.append(mean(bool(node.heard) for node in net))
    runs = range(200)
    agree(shares, [rounds.infect_and_die(1000, fanout=fanout, seed=seed).coverage for seed in runs])
