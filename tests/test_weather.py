"""Weather on real sockets: links do to real messages what they say they do.

A busy machine makes a message late and never early. So what must not be early is checked to the
microsecond, for every message; how late messages are, by their median against a `MARGIN`; and the
shape of a distribution by its distance from the one asked for, where the margin is forgiven.
"""

from collections import Counter
from math import exp, log, sqrt
from random import Random
from statistics import median

import networkx as nx
import pytest
from post import EARLY, MARGIN, arrived, flights, numbers, post
from tools import PATIENCE

from p2pkit import Link
from p2pkit.link import Lane
from p2pkit.stats import latencies

pytestmark = pytest.mark.usefixtures("nothing_left")

HEADER = 12
"""Bytes of a frame before its body."""


def lost(net, node, peer=None):
    """Return the numbers of the parcels that the links from a node have lost, all or to one peer."""
    drops = [
        event for event in net.trace.where(kind="drop", node=node) if peer in (None, event.peer)
    ]
    assert {event.reason for event in drops} <= {"lost"}
    return [event.value[1]["number"] for event in drops]


def distance(sample, cdf, margin=MARGIN):
    """Return how far a sample is from a distribution, as Kolmogorov and Smirnov measure it.

    Values may be late by a margin, but not early.
    """
    values = sorted(sample)
    n = len(values)
    early = max((i + 1) / n - cdf(x) for i, x in enumerate(values))
    late = max(cdf(x - margin) - i / n for i, x in enumerate(values))
    return max(early, late)


def chance(n):
    """Return a distance that a sample of n exceeds by chance once in 10,000 times."""
    return sqrt(-log(0.0001 / 2) / 2 / n)


def sigma(share, n):
    """Return the standard deviation of a share that is observed in n trials."""
    return sqrt(share * (1 - share) / n)


# Latency


@pytest.mark.parametrize("seconds", [0.02, 0.1])
def test_a_constant_latency_is_kept_by_every_message(seconds):
    with post(Link(latency=seconds)) as net:
        net.call("n0", "stream", "n1", 200, 0.001)
        arrived(net, 200)
        assert numbers(net, "n1") == list(range(200))
        taken = latencies(net.trace)
    assert min(taken) >= seconds - EARLY
    assert median(taken) < seconds + MARGIN


def test_a_range_is_drawn_from_evenly():
    low, high = 0.1, 0.5
    with post(Link(latency=(low, high), ordered=False)) as net:
        net.call("n0", "burst", "n1", 1000)
        arrived(net, 1000)
        taken = latencies(net.trace)
    assert min(taken) >= low - EARLY
    assert distance(taken, lambda x: min(max((x - low) / (high - low), 0), 1)) < chance(1000)


def test_a_range_is_drawn_from_evenly_where_order_is_kept_too():
    """As long as no message waits for the one before: here each is sent when that has arrived."""
    low, high = 0.0, 0.05
    with post(Link(latency=(low, high))) as net:
        net.call("n0", "stream", "n1", 80, high)
        arrived(net, 80)
        taken = latencies(net.trace)
    assert distance(taken, lambda x: min(max(x / high, 0), 1)) < chance(80)


def test_a_function_is_asked_for_every_latency():
    mean = 0.1
    with post(Link(latency=lambda random: random.expovariate(1 / mean), ordered=False)) as net:
        net.call("n0", "stream", "n1", 1000, 0.0005)
        arrived(net, 1000)
        taken = latencies(net.trace)
    for share in (0.1, 0.25, 0.5, 0.75, 0.9):
        quantile = -mean * log(1 - share)
        tolerance = 4 * sigma(share, 1000)
        assert sum(x < quantile for x in taken) / 1000 <= share + tolerance
        assert sum(x < quantile + MARGIN for x in taken) / 1000 >= share - tolerance
    assert distance(taken, lambda x: 1 - exp(-max(x, 0) / mean)) < chance(1000)


LINKS = [
    Link(latency=0.05),
    Link(latency=(0.0, 0.2)),
    Link(latency=(0.0, 0.2), ordered=False),
    Link(latency=lambda random: random.expovariate(20), loss=0.2),
    Link(bandwidth=20_000),
    Link(latency=(0.0, 0.1), bandwidth=20_000, duplicate=0.2),
    Link(latency=(0.0, 0.1), loss=0.2, duplicate=0.2, ordered=False),
]


@pytest.mark.parametrize("link", LINKS)
def test_messages_arrive_when_the_lane_says_and_in_that_order(link):
    """What is simulated with the same seed, without any socket, is what happens on sockets."""
    with post(link, seed=4) as net:
        net.call("n0", "burst", "n1", 100)
        sends = list(net.trace.where(kind="send"))
        lane, dice = Lane(link), Random("4 n0 links")
        plan = [
            (when, number)
            for number, send in enumerate(sends)
            for when in lane.arrivals(send.time, send.size + HEADER, dice)
        ]
        plan.sort(key=lambda arrival: arrival[0])  # stable: first come, first served
        arrived(net, len(plan))
        assert numbers(net, "n1") == [number for _, number in plan]
        real = [event.time for event in net.trace.where(kind="receive", node="n1")]
    late = [there - when for there, (when, _) in zip(real, plan, strict=True)]
    assert min(late) >= -EARLY
    assert median(late) < MARGIN


# Bandwidth


def test_large_messages_take_their_size_by_the_bandwidth_one_after_the_other():
    with post(Link(bandwidth=1_000_000)) as net:
        net.call("n0", "burst", "n1", 10, 50_000)
        net.call("n0", "burst", "n1", 1)  # a small one waits behind them
        net.call("n1", "stream", "n0", 50, 0.005)  # the other way is free
        arrived(net, 61)
        there, back = flights(net, "n0", "n1"), flights(net, "n1", "n0")
        sends = list(net.trace.where(kind="send", node="n0"))
    bytes_until = [sum(e.size + HEADER for e in sends[: k + 1]) for k in range(11)]
    late = [took - total / 1e6 for took, total in zip(there, bytes_until, strict=True)]
    behind = sends[-1].time - sends[0].time  # it was sent a little later than the others
    assert min(late[:10]) >= -EARLY
    assert late[10] >= -behind - EARLY
    assert median(late) < MARGIN
    assert there[10] > 0.4
    assert median(back) < MARGIN


def test_the_line_to_one_peer_does_not_hold_up_that_to_another():
    with post(Link(bandwidth=100_000), nx.complete_graph(3)) as net:
        net.call("n0", "burst", "n1", 1, 50_000)
        net.call("n0", "burst", "n2", 1)
        arrived(net, 2)
        assert flights(net, "n0", "n1")[0] >= 0.5
        assert flights(net, "n0", "n2")[0] < flights(net, "n0", "n1")[0]


def test_a_steady_stream_below_the_bandwidth_does_not_queue():
    with post(Link(bandwidth=100_000)) as net:
        net.call("n0", "stream", "n1", 100, 0.005)  # some 50 bytes each: 10 % of the bandwidth
        arrived(net, 100)
        assert median(latencies(net.trace)) < MARGIN


# Loss and duplicates


@pytest.mark.parametrize("loss", [0.02, 0.5])
def test_a_share_is_lost_and_recorded_and_nothing_else_is(loss):
    with post(Link(loss=loss), seed=11) as net:
        net.call("n0", "burst", "n1", 10_000)
        gone = lost(net, "n0")
        arrived(net, 10_000 - len(gone))
        assert abs(len(gone) / 10_000 - loss) < 4 * sigma(loss, 10_000)
        assert numbers(net, "n1") == sorted(set(range(10_000)) - set(gone))


def test_losses_do_not_come_in_runs():
    with post(Link(loss=0.5), seed=12) as net:
        net.call("n0", "burst", "n1", 10_000)
        gone = set(lost(net, "n0"))
    both = sum(n in gone and n + 1 in gone for n in range(9_999)) / 9_999
    assert abs(both - 0.25) < 5 * sigma(0.25, 9_999)


@pytest.mark.parametrize("ordered", [True, False])
def test_a_share_arrives_twice_and_nothing_is_lost(ordered):
    with post(Link(latency=(0, 0.1), duplicate=0.3, ordered=ordered), seed=13) as net:
        net.call("n0", "burst", "n1", 5000)
        assert net.run(
            until=lambda: len(set(numbers(net, "n1"))) == 5000 and net.now > 0.5, within=60
        )
        times = Counter(numbers(net, "n1"))
        assert set(times) == set(range(5000))
        assert set(times.values()) == {1, 2}
        twice = sum(number == 2 for number in times.values()) / 5000
        assert abs(twice - 0.3) < 4 * sigma(0.3, 5000)
        assert net.trace.count(kind="send") == 5000
        assert net.trace.count(kind="drop") == 0


# Order


@pytest.mark.parametrize("latency", [(0.0, 0.1), lambda random: random.expovariate(20)])
def test_messages_overtake_each_other_if_and_only_if_order_is_not_asked_for(latency):
    for ordered in (True, False):
        with post(Link(latency=latency, ordered=ordered)) as net:
            net.call("n0", "stream", "n1", 300, 0.0005)
            arrived(net, 300)
            there = numbers(net, "n1")
            assert sorted(there) == list(range(300))
            assert (there == list(range(300))) == ordered


def test_where_all_take_the_same_time_nobody_is_overtaken_even_without_order():
    with post(Link(latency=0.02, ordered=False)) as net:
        net.call("n0", "burst", "n1", 500)
        arrived(net, 500)
        assert numbers(net, "n1") == list(range(500))


# One direction, one link


def test_shaping_one_direction_leaves_all_others_alone():
    with post(graph=nx.complete_graph(3)) as net:
        net.shape("n0", "n1", Link(latency=0.2, loss=0.3), oneway=True)
        ways = [(a, b) for a in net.names for b in net.names if a != b]
        for a, b in ways:
            net.call(a, "stream", b, 100, 0.002)
        assert net.run(until=lambda: net.trace.count(kind="send") == 600, within=PATIENCE)
        gone = lost(net, "n0", "n1")
        assert gone
        arrived(net, 600 - len(gone))
        assert net.trace.count(kind="drop") == len(gone)
        for a, b in ways:
            taken = flights(net, a, b)
            if (a, b) == ("n0", "n1"):
                assert min(taken) >= 0.2 - EARLY
            else:
                assert len(taken) == 100
                assert median(taken) < MARGIN


def test_each_direction_of_each_link_has_its_own_shape():
    asked = {("n0", "n1"): 0.05, ("n1", "n0"): 0.1, ("n1", "n2"): 0.15, ("n2", "n1"): 0.2}
    with post(graph=nx.path_graph(3)) as net:
        for (a, b), seconds in asked.items():
            net.shape(a, b, Link(latency=seconds), oneway=True)
            net.call(a, "stream", b, 30, 0.002)
        arrived(net, 120)
        for (a, b), seconds in asked.items():
            assert min(flights(net, a, b)) >= seconds - EARLY
            assert median(flights(net, a, b)) < seconds + MARGIN


# Dice


@pytest.mark.parametrize("link", [Link(loss=0.3), Link(latency=(0, 0.01), loss=0.3, duplicate=0.3)])
def test_the_same_sends_are_lost_with_the_same_seed_and_others_with_another(link):
    def decisions(seed):
        with post(link, nx.complete_graph(3), seed=seed) as net:
            for to in ("n1", "n2", "n1"):
                net.call("n0", "burst", to, 100)
            net.call("n1", "burst", "n0", 100)
            return lost(net, "n0", "n1"), lost(net, "n0", "n2"), lost(net, "n1")

    first = decisions(1)
    assert first == decisions(1)
    assert all(mine != others for mine, others in zip(first, decisions(2), strict=True))
    assert first[0] != first[1] != first[2]


def test_what_one_node_sends_changes_nothing_of_what_another_loses():
    def losses(noise):
        with post(Link(loss=0.3), nx.complete_graph(3), seed=1) as net:
            for _ in range(3):
                net.call("n1", "burst", "n2", noise)
                net.call("n0", "burst", "n1", 50)
            return lost(net, "n0")

    assert losses(0) == losses(7)
