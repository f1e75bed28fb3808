"""Chord: what belongs to whom, how a node searches, and how the circle mends itself; and that others
would be noticed."""

import math
from itertools import pairwise
from random import Random
from statistics import fmean

import pytest
from diary import run_until

from p2pkit import Contact, Link, SimNetwork
from p2pkit.protocols.chord import (
    CIRCLE,
    AskNeighbours,
    Chord,
    Closer,
    FindSuccessor,
    Found,
    Neighbours,
    Notify,
    point,
    way,
)
from p2pkit.testing import alone
from p2pkit.topology import build
from tests.reproduce.dht import close_circle, still

NAMES = [f"m{i}" for i in range(30)]
QUIET = {"pause": 1e6}
"""Parameters of a node that does nothing by itself."""


def contact(name):
    return Contact(name, f"{name}:0")


def contacts(names):
    return tuple(map(contact, names))


def said(bench):
    """Take everything that was said off the bench's list."""
    taken, bench.sent = bench.sent, []
    return taken


def stay_silent(bench, name, question, times=Chord.tries):
    """Leave a question to somebody unanswered, as often as it is asked."""
    for _ in range(times):
        bench.expect(name, question)
        bench.advance(Chord.patience + 0.1)


def onwards(names, start):
    """Return names in the order of the circle, from a point on."""
    return sorted(names, key=lambda name: (point(name) - start) % CIRCLE)


AFTER = onwards(NAMES, point("n0"))
"""Names in the order of the circle, beginning behind n0, which the bench runs."""


def target(name):
    return FindSuccessor(f"{point(name):040x}")


def owner(names, key):
    return onwards(names, point(key))[0]


# What a node does. These functions take the protocol, as the mutants are told them, too.


def a_key_belongs_to_the_first_node_after_it(protocol):
    with still(protocol.using(**QUIET), NAMES, seed=1) as net:
        close_circle(net)
        for number in range(200):
            key = f"key {number}"
            assert [node.id for node in net if node.owns(key)] == [owner(NAMES, key)]


def whoever_is_asked_tells_its_successor_or_who_is_closer(protocol):
    with alone(protocol.using(length=2, **QUIET)) as bench:
        bench.node.follow(*contacts([AFTER[0], AFTER[1]]))
        bench.node.fingers = {9: contact(AFTER[5]), 10: contact(AFTER[15])}
        assert bench.receive(target(AFTER[0]), "a") == Found(contacts(AFTER[:2]))
        answer = bench.receive(target(AFTER[6]), "a")
        assert answer == Closer(contacts([AFTER[5], AFTER[1]]))
        answer = bench.receive(target(AFTER[15]), "a")
        assert answer == Closer(contacts([AFTER[5], AFTER[1]]))


def a_search_ends_where_it_should_whoever_begins_it(protocol):
    with still(protocol.using(**QUIET), NAMES, seed=1) as net:
        close_circle(net)
        for number in range(100):
            net.call(NAMES[number % 30], "find", f"key {number}")
        net.run(5.0)
        for number in range(100):
            node, key = net[NAMES[number % 30]], f"key {number}"
            assert node.found[key] == owner(NAMES, key)
            assert node.hops[key] <= math.log2(30)


def who_is_gone_is_gone_round(protocol):
    with alone(protocol.using(length=3, **QUIET)) as bench:
        bench.node.follow(*contacts(AFTER[:3]))
        bench.node.find(AFTER[8])
        bench.expect(AFTER[2], target(AFTER[8]))
        bench.answer(AFTER[2], Closer(contacts([AFTER[6], AFTER[5]])))
        stay_silent(bench, AFTER[6], target(AFTER[8]))
        stay_silent(bench, AFTER[5], target(AFTER[8]))
        bench.expect(AFTER[1], target(AFTER[8]))
        bench.answer(AFTER[1], Found(contacts(AFTER[8:10])))
        assert (bench.node.found, bench.node.hops) == ({AFTER[8]: AFTER[8]}, {AFTER[8]: 4})


def a_newcomer_between_becomes_the_successor(protocol):
    with alone(protocol.using(length=3, **QUIET)) as bench:
        bench.node.follow(contact(AFTER[3]))
        bench.node.stabilize()
        bench.expect(AFTER[3], AskNeighbours())
        bench.answer(AFTER[3], Neighbours(contact(AFTER[1]), contacts(AFTER[4:7])))
        bench.expect(AFTER[1], Notify(bench.contact))
        assert bench.node.successors == [*contacts([AFTER[1], AFTER[3], AFTER[4]])]
        bench.node.stabilize()
        bench.expect(AFTER[1], AskNeighbours())
        bench.answer(AFTER[1], Neighbours(contact(AFTER[-1]), contacts(AFTER[3:6])))
        bench.expect(AFTER[1], Notify(bench.contact))
        bench.node.stabilize()
        stay_silent(bench, AFTER[1], AskNeighbours())
        assert bench.node.successors == [*contacts(AFTER[3:5])]


def a_lost_answer_is_asked_for_again(protocol):
    with alone(protocol.using(**QUIET)) as bench:
        bench.node.follow(*contacts(AFTER[:2]))
        bench.node.find(AFTER[8])
        stay_silent(bench, AFTER[1], target(AFTER[8]), times=Chord.tries - 1)
        bench.expect(AFTER[1], target(AFTER[8]))
        bench.answer(AFTER[1], Found(contacts(AFTER[8:9])))
        assert (bench.node.found, bench.node.hops) == ({AFTER[8]: AFTER[8]}, {AFTER[8]: 1})
        assert bench.node.successors == [*contacts(AFTER[:2])]


def the_predecessor_is_the_last_one_before(protocol):
    with alone(protocol.using(**QUIET)) as bench:
        for name, expected in [(20, 20), (10, 20), (25, 25), (20, 25)]:
            bench.receive(Notify(contact(AFTER[name])), AFTER[name])
            assert bench.node.predecessor == contact(AFTER[expected])
        bench.receive(Notify(contact(AFTER[29])), AFTER[28])  # who speaks for another
        assert bench.node.predecessor == contact(AFTER[25])
        bench.node.check_predecessor()
        stay_silent(bench, AFTER[25], AskNeighbours())
        assert bench.node.predecessor is None


def is_one_circle(net):
    """Tell whether each live node has the next one for its successor, and is its predecessor."""
    live = onwards(filter(net.is_up, net.names), 0)
    nodes = {name: net[name] for name in live}
    return all(
        [it.id for it in nodes[a].successors[:1]] == [b]
        and nodes[b].predecessor is not None
        and nodes[b].predecessor.id == a
        for a, b in pairwise([*live, live[0]])
    )


def the_circle_closes_and_mends(protocol):
    with SimNetwork(protocol, build("small-world", 30, seed=1), seed=1, record="counts") as net:
        assert net.run(until=lambda: is_one_circle(net), within=60.0)
        net.run(5.0)
        for name in Random(1).sample(net.names, 9):
            net.crash(name)
        assert net.run(until=lambda: is_one_circle(net), within=60.0)


def it_works_where_one_message_in_twenty_is_lost(protocol):
    link = Link(latency=(0.01, 0.1), loss=0.05)
    graph = build("small-world", 30, seed=1)
    with SimNetwork(protocol, graph, link=link, seed=1, record="counts") as net:
        net.run(60.0)
        keys = [f"key {number}" for number in range(100)]
        for number, key in enumerate(keys):
            net.call(f"n{number % 30}", "find", key)
        net.run(15.0)
        found = [net[f"n{number % 30}"].found.get(key) for number, key in enumerate(keys)]
        right = sum(it == owner(net.names, key) for it, key in zip(found, keys, strict=True))
        assert right >= 98


CHECKS = [
    a_key_belongs_to_the_first_node_after_it,
    whoever_is_asked_tells_its_successor_or_who_is_closer,
    a_search_ends_where_it_should_whoever_begins_it,
    who_is_gone_is_gone_round,
    a_lost_answer_is_asked_for_again,
    a_newcomer_between_becomes_the_successor,
    the_predecessor_is_the_last_one_before,
    the_circle_closes_and_mends,
    it_works_where_one_message_in_twenty_is_lost,
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_chord(check):
    check(Chord)


# Sabotage: each of these is broken in one way


class Backwards(Chord):
    """Takes a key for its own that lies after it."""

    def owns(self, key):
        return way(self.point, point(key)) <= way(self.point, point(self.successors[0].id))


class Beyond(Chord):
    """Names nodes that lie behind the target, too."""

    def answer(self, target):
        answer = super().answer(target)
        others = (*self.fingers.values(), *self.successors)
        return answer if isinstance(answer, Found) else Closer(others[: self.length])


class Lazy(Chord):
    """Takes the first node that it asks for the one it looks for."""

    def answered(self, search, answer):
        search.then((contact(next(iter(search.asked))),), len(search.asked))


class Hopeless(Chord):
    """Gives up when somebody does not answer."""

    def answered(self, search, answer):
        if answer is None:
            search.next.clear()
        super().answered(search, answer)


class Hasty(Chord):
    """Gives somebody up at the first answer that does not come."""

    tries = 1


class Blind(Chord):
    """Does not look at who comes before the successor."""

    def adopt(self, first, answer):
        super().adopt(first, answer and Neighbours(None, answer.successors))


class Fickle(Chord):
    """Takes whoever speaks last for its predecessor."""

    def meet(self, news, sender):
        self.predecessor = news.caller


class Loyal(Chord):
    """Never gives anybody up."""

    def forget(self, contact):
        pass


class Aloof(Chord):
    """Joins nobody."""

    def join(self):
        pass


@pytest.mark.parametrize(
    ("mutant", "check"),
    [
        (Backwards, a_key_belongs_to_the_first_node_after_it),
        (Beyond, whoever_is_asked_tells_its_successor_or_who_is_closer),
        (Lazy, a_search_ends_where_it_should_whoever_begins_it),
        (Hopeless, who_is_gone_is_gone_round),
        (Hasty, a_lost_answer_is_asked_for_again),
        (Hasty, it_works_where_one_message_in_twenty_is_lost),
        (Blind, a_newcomer_between_becomes_the_successor),
        (Fickle, the_predecessor_is_the_last_one_before),
        (Loyal, the_circle_closes_and_mends),
        (Aloof, the_circle_closes_and_mends),
    ],
    ids=lambda it: it.__name__,
)
def test_a_mutant_is_noticed(mutant, check):
    with pytest.raises(AssertionError):
        check(mutant)


# Details


def test_the_way_to_oneself_is_all_the_way_round():
    assert way(3, 5) == 2
    assert way(5, 3) == CIRCLE - 2
    assert way(5, 5) == CIRCLE


def test_who_is_alone_has_all_keys():
    with alone(Chord) as bench:
        assert bench.node.owns("color")
        bench.node.find("color")
        assert bench.node.found == {"color": "n0"}
        assert bench.receive(target("color"), "a") == Found((bench.contact,))


def test_who_knows_nobody_that_answers_finds_nothing():
    with alone(Chord.using(**QUIET)) as bench:
        bench.node.follow(contact(AFTER[0]))
        bench.node.find(AFTER[5])
        stay_silent(bench, AFTER[0], target(AFTER[5]))
        assert bench.node.found == {AFTER[5]: None}


def test_fingers_are_mended_from_the_farthest_to_the_successor():
    with alone(Chord.using(**QUIET)) as bench:
        bench.node.follow(contact(AFTER[0]))
        bits = bench.node.distance(contact(AFTER[0])).bit_length()
        for number in (*range(159, bits - 1, -1), 159):
            bench.node.mend_finger()
            place = (bench.node.point + (1 << number)) % CIRCLE
            [(asked, question)] = said(bench)
            assert question == FindSuccessor(f"{place:040x}")
            bench.answer(asked, Found(contacts(AFTER[7:9])))
            assert bench.node.fingers[number] == contact(AFTER[7])


@pytest.mark.parametrize("target", ["", "blue", "0x"])
def test_a_target_that_is_no_number_is_dropped(target):
    with alone(Chord) as bench:
        bench.deliver("a", f'["FindSuccessor",{{"target":"{target}"}}]'.encode(), 1, 0, None)
        assert bench.trace.drops


def test_a_node_that_joins_takes_keys_from_one_and_no_other_key_moves():
    keys = [f"key {number}" for number in range(2000)]
    before = {key: owner(NAMES, key) for key in keys}
    after = {key: owner([*NAMES, "newcomer"], key) for key in keys}
    moved = {before[key] for key in keys if before[key] != after[key]}
    assert moved == {owner(NAMES, "newcomer")}


def test_a_path_is_half_of_log2_n_long():
    """Section 6.2: a lookup passes 1/2 log2 N nodes in the mean, without the help of a list of
    successors."""
    for n in (64, 256):
        names = [f"node {number}" for number in range(n)]
        with still(Chord.using(length=1, pause=1e6), names, seed=1) as net:
            close_circle(net)
            dice = Random(n)
            askers = [(dice.choice(names), f"key {number}") for number in range(1000)]
            for asker, key in askers:
                net.call(asker, "find", key)
            net.run(5.0)
            path = [net[asker].hops[key] for asker, key in askers]
        assert fmean(path) == pytest.approx(0.5 * math.log2(n), abs=0.3)


# Everywhere


def test_a_circle_closes_in_every_world_finds_keys_and_mends(network):
    with network(Chord.using(pause=0.1), build("small-world", 9, seed=1), seed=1) as net:
        run_until(net, lambda: is_one_circle(net))
        net.call("n3", "find", "color")
        run_until(net, lambda: net["n3"].found)
        assert net["n3"].found == {"color": owner(net.names, "color")}
        victim = owner(net.names, "color")
        net.crash(victim)
        run_until(net, lambda: is_one_circle(net))
        left = [name for name in net.names if name != victim]

        def finds():
            net.call(left[0], "find", "color")
            net.run(0.1)
            return net[left[0]].found.get("color") == owner(left, "color")

        run_until(net, finds)
