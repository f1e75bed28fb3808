"""Anti-entropy: single reactions, the same story in every world, and mutants."""

from random import Random

import networkx as nx
import pytest
from diary import run_until

from p2pkit import Link, SimNetwork, on
from p2pkit.protocols.antientropy import (
    AntiEntropy,
    Checksum,
    Entry,
    Version,
    Versions,
    Wanted,
)
from p2pkit.testing import alone

QUIET = AntiEntropy.using(pause=1000.0)
"""The protocol without comparisons of its own, for tests of the rest."""


def entry(key, value, time=1.0, writer="b"):
    return Entry(Version(key, time, writer), value)


OLD, NEW, OTHER = entry("x", "old"), entry("x", "new", 2.0), entry("y", "other")


def versions(*entries):
    return Versions(frozenset(one.version for one in entries))


def holding(*entries, protocol=QUIET):
    """Return a node that has heard some entries, and knows a and b."""
    bench = alone(protocol, peers="ab")
    for one in entries:
        bench.receive(one, "b")
    return bench


# A user


def test_what_was_written_can_be_read_and_overwritten_and_deleted():
    with holding() as bench:
        assert bench.node.get("x") is None
        for value in ("1", "2", "3"):  # at one and the same time
            bench.node.put("x", value)
            assert bench.node.get("x") == value
        bench.node.delete("x")
        assert bench.node.get("x") is None
        assert bench.node.entries["x"].value is None


def test_what_is_written_is_later_than_all_that_is_known():
    with holding(entry("x", "from the future", time=99.0)) as bench:
        bench.node.put("x", "mine")
        assert bench.node.get("x") == "mine"
        assert bench.node.entries["x"].version.time > 99.0


# Which entry stays


@pytest.mark.parametrize("order", [(OLD, NEW), (NEW, OLD), (NEW, NEW, OLD)])
def test_the_later_entry_stays_in_whatever_order_they_come(order):
    with holding(*order) as bench:
        assert bench.node.get("x") == "new"


def test_of_two_that_are_as_old_all_choose_the_same():
    one, two = entry("x", "one", writer="a"), entry("x", "two", writer="b")
    with holding(one, two) as here, holding(two, one) as there:
        assert here.node.get("x") == there.node.get("x") == "two"
        assert here.node.sum == there.node.sum


def test_what_was_deleted_does_not_come_back():
    with holding(NEW) as bench:
        bench.node.delete("x")
        bench.receive(NEW, "a")
        assert bench.node.get("x") is None


# Comparisons


def test_one_peer_is_shown_the_checksum_in_each_turn():
    with alone(AntiEntropy, peers="ab") as bench:
        bench.receive(OLD, "a")
        bench.advance(40.0)
        assert {said.message for said in bench.sent} == {Checksum(bench.node.sum)}
        assert {said.to for said in bench.sent} == {"a", "b"}
        turns = 40.0 / AntiEntropy.pause
        assert len(bench.sent) == pytest.approx(turns, abs=1)
        bench.sent.clear()


def test_who_has_the_same_says_nothing():
    with holding(OLD, NEW, OTHER) as here, holding(OTHER, NEW) as there:
        here.receive(Checksum(there.node.sum), "a")
        there.receive(Checksum(here.node.sum), "a")


@pytest.mark.parametrize("entries", [(), (OLD,), (NEW,), (OLD, OTHER), (entry("x", None, 2.0),)])
def test_who_has_something_else_shows_what_it_has(entries):
    with holding(NEW, OTHER) as here, holding(*entries) as there:
        here.receive(Checksum(there.node.sum), "a")
        here.expect("a", versions(NEW, OTHER))


@pytest.mark.parametrize(
    ("mine", "theirs", "given", "wanted"),
    [
        ([OLD], [], [OLD], []),
        ([], [OLD], [], ["x"]),
        ([NEW], [OLD], [NEW], []),
        ([OLD], [NEW], [], ["x"]),
        ([OLD, OTHER], [NEW], [OTHER], ["x"]),
        ([NEW, OTHER], [NEW, OTHER], [], []),
    ],
)
def test_differences_are_resolved_in_both_directions(mine, theirs, given, wanted):
    with holding(*mine) as bench:
        bench.receive(versions(*theirs), "a")
        for one in given:
            bench.expect("a", one)
        if wanted:
            bench.expect("a", Wanted(frozenset(wanted)))


def test_what_is_wanted_is_given_as_it_is_now():
    with holding(OLD, OTHER, NEW) as bench:
        bench.receive(Wanted(frozenset({"x", "z"})), "a")
        bench.expect("a", NEW)


# In every world


def test_copies_become_equal_after_a_partition(network):
    with network(AntiEntropy.using(pause=0.05), nx.circular_ladder_graph(5)) as net:
        net.partition(["n0", "n1", "n2"])
        net.call("n0", "put", "x", "here")
        net.call("n7", "put", "x", "there")
        net.call("n7", "put", "y", "there")
        run_until(net, lambda: net["n2"].entries and net["n9"].entries)
        net.call("n7", "delete", "y")
        net.call("n1", "put", "x", "here, and later")
        net.heal()
        equal = {"x": "here, and later", "y": None}
        run_until(net, lambda: all(values(node) == equal for node in net))
        assert net.call("n9", "get", "x") == "here, and later"


def values(node):
    return {key: one.value for key, one in node.entries.items()}


# In simulation: whatever is lost, copies become equal, and then silent


def becomes_equal(protocol, seed=1):
    """Let many write at random, over bad links, and check what must hold in the end."""
    dice = Random(seed)
    link = Link(latency=(0.01, 0.1), loss=0.2)
    with SimNetwork(protocol, nx.random_regular_graph(3, 20, seed=1), link=link, seed=seed) as net:
        latest = {}
        for number in range(40):
            key, value = dice.choice("vwxyz"), dice.choice([None, str(number)])
            net.call(dice.choice(net.names), "put", key, value)
            net.run(dice.random())
        for name in net.names:
            for key, one in net[name].entries.items():
                rank = one.version.time, one.version.writer, one.value
                latest[key] = max(latest.get(key, (0.0, "", None)), rank, key=lambda it: it[:2])
        net.run(30.0)
        wanted = {key: value for key, (_, _, value) in latest.items()}
        assert all(values(node) == wanted for node in net)
        assert len({node.sum for node in net}) == 1
        before = net.trace.count(kind="send")
        net.run(10.0)
        assert net.trace.count(kind="send", message=Checksum) > 0
        talk = net.trace.count(kind="send") - before
        turns = 20 * 10.0 / AntiEntropy.pause
        assert talk == pytest.approx(turns, abs=20)


@pytest.mark.parametrize("seed", range(3))
def test_copies_become_equal_whatever_is_lost_and_then_only_checksums_are_sent(seed):
    becomes_equal(AntiEntropy, seed)


class LastComesFirst(AntiEntropy):
    """Stores whatever comes."""

    @on(Entry)
    def store(self, one, sender):
        self.entries.pop(one.version.key, None)
        super().store(one, sender)


class ForgetsTheDead(AntiEntropy):
    """Deletes without a certificate."""

    @on(Entry)
    def store(self, one, sender):
        super().store(one, sender)
        if one.value is None:
            self.entries.pop(one.version.key, None)


class WrongSum(AntiEntropy):
    """Leaves in the sum what was overwritten."""

    @on(Entry)
    def store(self, one, sender):
        known = one.version.key in self.entries
        super().store(one, sender)
        self.sum += known


class NeverChecks(AntiEntropy):
    """Takes all checksums for its own."""

    @on(Checksum)
    def check(self, theirs, sender):
        pass


class AlwaysTalks(AntiEntropy):
    """Shows its versions, whether there is a difference or not."""

    @on(Checksum)
    def check(self, theirs, sender):
        super().check(Checksum(-1), sender)


class KnowsNoTime(AntiEntropy):
    """Takes for missing only what is not there at all."""

    @on(Versions)
    def resolve(self, theirs, sender):
        own = {one.version.key: one.version for one in self.entries.values()}
        known = [own.get(one.key, one) for one in theirs.versions]
        super().resolve(Versions(frozenset(known)), sender)


@pytest.mark.parametrize(
    "mutant", [LastComesFirst, ForgetsTheDead, WrongSum, NeverChecks, AlwaysTalks, KnowsNoTime]
)
def test_a_mutant_is_killed_by_what_must_hold(mutant):
    with pytest.raises(AssertionError):
        becomes_equal(mutant)
