"""Kademlia: whom a node knows, how it searches, what it keeps; and that others would be noticed."""

import os
import signal
from random import Random
from statistics import fmean

import pytest
from diary import run_until

from p2pkit import Contact, Link, LocalNetwork, SimNetwork
from p2pkit.protocols.kademlia import MAX_PAIRS, FindValue, Kademlia, Pair, Store, Value
from p2pkit.protocols.kbuckets import BITS, KBuckets, Ping, Pong, closest, point
from p2pkit.protocols.lookup import FindNode, Lookup, Nodes
from p2pkit.testing import alone
from p2pkit.topology import build

QUIET = {"refresh": 1e6, "replicate": 1e6, "republish": 1e6}
"""Parameters of a node that does nothing by itself."""


def contact(name):
    return Contact(name, f"{name}:0")


def contacts(names):
    return tuple(map(contact, names))


def said(bench):
    """Take everything that was said off the bench's list."""
    taken, bench.sent = bench.sent, []
    return taken


def neighbours(bits, number, of="n0"):
    """Return names whose distance to a node has so many bits."""
    names = (f"x{i}" for i in range(100_000))
    fitting = (name for name in names if (point(name) ^ point(of)).bit_length() == bits)
    return [next(fitting) for _ in range(number)]


def by_distance(names, target):
    return sorted(names, key=lambda name: point(name) ^ target)


FAR = neighbours(BITS, 20)
NEAR = neighbours(BITS - 6, 3)
NAMES = [f"m{i}" for i in range(40)]


# Whom a node knows. These functions take the protocol, as the mutants are told them, too.


def a_full_bucket_keeps_those_who_answer(protocol):
    with alone(protocol.using(k=3)) as bench:
        for name in FAR[:3]:
            bench.node.see(contact(name))
        bench.node.see(contact(FAR[0]))
        bench.node.see(contact(FAR[3]))
        bench.expect(FAR[1], Ping())
        bench.node.see(contact(FAR[4]))  # one question at a time
        bench.expect_silence()
        bench.answer(FAR[1], Pong())
        assert list(bench.node.bucket(FAR[0])) == [FAR[2], FAR[0], FAR[1]]


def who_does_not_answer_makes_room(protocol):
    with alone(protocol.using(k=3)) as bench:
        for name in FAR[:4]:
            bench.node.see(contact(name))
        bench.expect(FAR[0], Ping())
        bench.advance(KBuckets.patience + 0.1)
        assert list(bench.node.bucket(FAR[0])) == [FAR[1], FAR[2], FAR[3]]
        bench.node.see(contact(FAR[4]))
        bench.expect(FAR[1], Ping())


def nobody_speaks_for_another(protocol):
    with alone(protocol) as bench:
        bench.receive(FindNode("0" * 40, contact(FAR[0])), FAR[1])
        assert bench.node.closest(0) == []
        bench.receive(FindNode("0" * 40, contact(FAR[0])), FAR[0])
        assert bench.node.closest(0) == [contact(FAR[0])]


def those_that_are_closest_are_named(protocol):
    with alone(protocol) as bench:
        for name in NAMES:
            bench.node.see(contact(name))
        said(bench)
        held = [name for bucket in bench.node.buckets.values() for name in bucket]
        for target in map(point, ("a", "b", "n0")):
            answer = bench.receive(FindNode(f"{target:040x}", contact("asker")), "asker")
            assert answer == Nodes(contacts(by_distance(held, target)[: protocol.k]))
            said(bench)


# How it searches


def asked(bench):
    """Return whom a search has asked since we last looked; there are pings, too."""
    return [to for to, message in said(bench) if isinstance(message, FindNode)]


def a_search_goes_on_to_whoever_is_closer(protocol):
    target = point("color")
    near_to_far = by_distance(NAMES, target)
    with alone(protocol.using(k=4, alpha=2, **QUIET)) as bench:
        for name in near_to_far[10:14]:
            bench.node.bucket(name)[name] = contact(name)
        bench.node.find("color")
        first = asked(bench)
        assert first == near_to_far[10:12]
        bench.answer(first[0], Nodes(contacts([*near_to_far[:4], "n0"])))
        assert asked(bench) == near_to_far[:1]
        bench.answer(first[1], Nodes(()))
        bench.answer(near_to_far[0], Nodes(contacts(near_to_far[:3])))
        assert asked(bench) == near_to_far[1:3]
        bench.answer(near_to_far[1], Nodes(()))
        bench.answer(near_to_far[2], Nodes(()))
        assert asked(bench) == near_to_far[3:4]
        assert "color" not in bench.node.found
        bench.answer(near_to_far[3], Nodes(()))
        assert bench.node.found == {"color": None}


def who_does_not_answer_is_left_out(protocol):
    near_to_far = by_distance(NAMES, point("m5"))
    assert near_to_far[0] == "m5"
    with alone(protocol.using(k=2, alpha=2, **QUIET)) as bench:
        for name in near_to_far[1:4]:
            bench.node.bucket(name)[name] = contact(name)
        bench.node.find("m5")
        bench.advance(protocol.patience + 0.1)  # neither of two; the third was not asked yet
        assert len(said(bench)) == 2
        bench.advance(protocol.patience + 0.1)
        assert bench.node.found == {"m5": None}
        assert bench.node.closest(0) == [contact(near_to_far[3])]


# What it keeps


def stored(key="color", value="blue", left=100.0, caller="a"):
    return Store(key, value, left, contact(caller))


def what_is_kept_is_told_until_its_time_is_over(protocol):
    ask = FindValue("color", contact("b"))
    with alone(protocol.using(**QUIET)) as bench:
        assert isinstance(bench.receive(ask, "b"), Nodes)
        bench.receive(stored(left=10.0), "a")
        assert bench.receive(ask, "b") == Value("blue")
        bench.advance(9.9)
        assert bench.receive(ask, "b") == Value("blue")
        bench.advance(0.2)
        assert isinstance(bench.receive(ask, "b"), Nodes)


def what_was_published_later_counts(protocol):
    with alone(protocol.using(**QUIET)) as bench:
        bench.receive(stored(value="blue", left=100.0), "a")
        bench.receive(stored(value="red", left=90.0), "a")
        assert bench.node.pairs["color"].value == "blue"
        bench.advance(1.0)
        bench.receive(stored(value="red", left=100.0), "a")
        assert bench.node.pairs["color"].value == "red"
        bench.receive(stored(key="other", left=1e9), "a")
        assert bench.node.pairs["other"].expires <= bench.now + Kademlia.expire


def a_pair_lies_on_the_closest_nodes_and_again_after_crashes(protocol):
    k, graph = protocol.k, build("random-regular", 40, seed=1)
    with SimNetwork(protocol, graph, seed=1, record="counts") as net:
        net.run(5.0)
        net.call("n3", "put", "color", "blue")
        net.run(5.0)

        def holders():
            return [node.id for node in net if net.is_up(node.id) and "color" in node.pairs]

        near_to_far = by_distance(net.names, point("color"))
        assert sorted(holders()) == sorted(near_to_far[:k])
        for name in near_to_far[: k // 2]:
            net.crash(name)
        net.run(3 * Kademlia.replicate)
        assert set(near_to_far[k // 2 : k // 2 + k]) <= set(holders())


def a_pair_is_gone_without_the_one_who_put_it(protocol):
    """… but lives as long as that one does."""
    short = protocol.using(refresh=1e6, replicate=2.0, republish=9.0, expire=10.0)
    for crashes in (False, True):
        with SimNetwork(short, 12, seed=1, record="counts") as net:
            net.run(3.0)
            net.call("n3", "put", "color", "blue")
            net.run(1.0)
            if crashes:
                net.crash("n3")
            net.run(40.0)
            live = [node for node in net if net.is_up(node.id)]
            assert any("color" in node.pairs for node in live) != crashes


CHECKS = [
    a_full_bucket_keeps_those_who_answer,
    who_does_not_answer_makes_room,
    nobody_speaks_for_another,
    those_that_are_closest_are_named,
    a_search_goes_on_to_whoever_is_closer,
    who_does_not_answer_is_left_out,
    what_is_kept_is_told_until_its_time_is_over,
    what_was_published_later_counts,
    a_pair_lies_on_the_closest_nodes_and_again_after_crashes,
    a_pair_is_gone_without_the_one_who_put_it,
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_kademlia(check):
    check(Kademlia)


# Sabotage: each of these is broken in one way


class Flushable(Kademlia):
    """Takes any newcomer in place of the oldest."""

    def see(self, contact):
        bucket = self.bucket(contact.id)
        bucket.pop(contact.id, None)
        bucket[contact.id] = contact
        if len(bucket) > self.k:
            del bucket[next(iter(bucket))]


class Loyal(Kademlia):
    """Keeps whom it has, dead or alive."""

    def decide(self, oldest, newcomer, pong):
        super().decide(oldest, newcomer, Pong())


class Gullible(Kademlia):
    """Believes whoever says that it is another."""

    def hear(self, caller, sender):
        self.see(caller)


class Arithmetic(Kademlia):
    """Takes the difference for the distance."""

    def closest(self, target, but=None):
        known = [it for bucket in self.buckets.values() for it in bucket.values() if it.id != but]
        return sorted(known, key=lambda it: abs(point(it.id) - target))[: self.k]


class Content(Kademlia):
    """Ends a search with the first answer."""

    def answered(self, search, asked, answer):
        super().answered(search, asked, answer)
        if not search.is_over:
            search.end()


class Forgiving(Kademlia):
    """Does not strike out those who do not answer."""

    def forget(self, id):
        pass


class Ageless(Kademlia):
    """Tells what is past its time."""

    def keeps(self, key):
        return key in self.pairs


class Overwritten(Kademlia):
    """Keeps what came last, whenever it was published, and as long as it is told."""

    def keep(self, pair, sender):
        self.pairs[pair.key] = Pair(pair.value, self.now + pair.left, self.now)


class Careless(Kademlia):
    """Does not store anew what it keeps."""

    def replicate_pairs(self):
        pass


class Immortal(Kademlia):
    """Stores what it keeps anew as if it had been put now."""

    def publish(self, key, value, expires):
        super().publish(key, value, self.now + self.expire)


class Single(Kademlia):
    """Stores a pair on the closest node only."""

    def store(self, key, value, expires, search):
        [best] = closest([*search.known.values(), self.contact], search.target, 1)
        self.send(best, Store(key, value, expires - self.now, self.contact))


@pytest.mark.parametrize(
    ("mutant", "check"),
    [
        (Flushable, a_full_bucket_keeps_those_who_answer),
        (Loyal, who_does_not_answer_makes_room),
        (Gullible, nobody_speaks_for_another),
        (Arithmetic, those_that_are_closest_are_named),
        (Content, a_search_goes_on_to_whoever_is_closer),
        (Forgiving, who_does_not_answer_is_left_out),
        (Ageless, what_is_kept_is_told_until_its_time_is_over),
        (Overwritten, what_was_published_later_counts),
        (Careless, a_pair_lies_on_the_closest_nodes_and_again_after_crashes),
        (Single, a_pair_lies_on_the_closest_nodes_and_again_after_crashes),
        (Immortal, a_pair_is_gone_without_the_one_who_put_it),
    ],
    ids=lambda it: it.__name__,
)
def test_a_mutant_is_noticed(mutant, check):
    with pytest.raises(AssertionError):
        check(mutant)


# Details


def test_distance_is_symmetric_and_tells_all_points_apart():
    names = NAMES[:10]
    for a in names:
        assert closest(contacts(names), point(a), 1) == [contact(a)]
        distances = {point(a) ^ point(b) for b in names}
        assert len(distances) == len(names)


def test_a_ping_introduces_nobody():
    with alone(Kademlia) as bench:
        assert bench.receive(Ping(), "a") == Pong()
        assert bench.node.closest(0) == []


@pytest.mark.parametrize("target", ["", "blue", "0x", "ünf"])
def test_a_target_that_is_no_number_is_dropped(target):
    body = f'["FindNode",{{"target":"{target}","caller":{{"id":"a","address":"a:0"}}}}]'
    with alone(Kademlia) as bench:
        bench.deliver("a", body.encode(), 1, 0, None)
        assert bench.trace.drops


def test_who_asks_is_not_named_to_itself():
    with alone(Kademlia) as bench:
        bench.receive(FindNode("0" * 40, contact("a")), "a")
        assert bench.receive(FindNode("0" * 40, contact("a")), "a") == Nodes(())


def test_the_first_value_ends_a_search_and_later_answers_do_not_matter():
    with alone(Kademlia.using(alpha=2, **QUIET)) as bench:
        for name in NAMES[:2]:
            bench.node.see(contact(name))
        bench.node.get("color")
        first, second = (to for to, _ in said(bench))
        bench.answer(first, Value("blue"))
        assert (bench.node.found, bench.node.hops) == ({"color": "blue"}, {"color": 1})
        bench.answer(second, Value("red"))
        assert bench.node.found == {"color": "blue"}


def test_what_is_here_is_found_here_and_what_is_nowhere_is_none():
    with alone(Kademlia.using(**QUIET)) as bench:
        bench.node.get("color")
        assert bench.node.found == {"color": None}
        bench.node.put("color", "blue")
        bench.node.get("color")
        assert (bench.node.found, bench.node.hops) == ({"color": "blue"}, {"color": 0})


def test_who_has_just_been_told_does_not_store_it_anew():
    quiet = Kademlia.using(refresh=1e6, replicate=10.0)
    with alone(quiet) as bench:
        bench.node.see(contact("a"))
        bench.receive(stored(), "a")
        for _ in range(5):
            bench.advance(5.0)
            bench.receive(stored(left=50.0), "a")
            bench.receive(stored(left=100.0), "a")
        assert said(bench) == []
        bench.advance(21.0)
        target = f"{point('color'):040x}"
        bench.expect("a", FindNode(target, bench.contact))


def test_a_stranger_cannot_fill_the_memory_and_what_is_there_can_still_be_renewed():
    with alone(Kademlia.using(**QUIET)) as bench:
        for number in range(MAX_PAIRS + 10):
            bench.receive(stored(key=f"key {number}"), "a")
        assert len(bench.node.pairs) == MAX_PAIRS
        bench.advance(1.0)
        bench.receive(stored(key="key 0", value="red"), "a")
        assert bench.node.pairs["key 0"].value == "red"


def test_a_newcomer_searches_for_itself_and_then_farther_out():
    with alone(Lookup, peers=NEAR[:1]) as bench:
        bench.advance(1.0)
        bench.expect(NEAR[0], FindNode(f"{point('n0'):040x}", bench.contact))
        bench.answer(NEAR[0], Nodes(()))
        asked = [int(message.target, 16) ^ bench.node.point for _, message in said(bench)]
        assert [target.bit_length() for target in asked] == [*range(BITS - 6, BITS + 1)]


def test_a_bucket_that_was_searched_lately_is_not_refreshed():
    with alone(Lookup.using(refresh=10.0)) as bench:
        bench.node.see(contact(FAR[0]))
        bench.advance(5.0)
        bench.node.find(FAR[1])
        said(bench)
        bench.answer(FAR[0], Nodes(()))
        bench.advance(9.9)
        bench.expect_silence()
        bench.advance(20.2)
        assert said(bench)


def test_a_peer_that_is_gone_is_forgotten():
    bench = alone(KBuckets, peers="a")
    assert bench.node.closest(0) == [contact("a")]
    bench.disconnect_peer("a")
    assert bench.node.closest(0) == []


# Everywhere


def test_what_is_put_anywhere_is_found_everywhere_even_after_a_crash(network):
    with network(Kademlia.using(k=4), build("small-world", 12, seed=1), seed=1) as net:
        run_until(net, lambda: all(len(node.closest(0)) == 4 for node in net))
        net.call("n3", "put", "color", "blue")
        run_until(net, lambda: sum("color" in node.pairs for node in net) >= 4)
        net.call("n7", "get", "color")
        net.call("n8", "get", "nothing")
        net.call("n9", "find", "n2")
        run_until(net, lambda: net["n7"].found and net["n8"].found and net["n9"].found)
        assert net["n7"].found == {"color": "blue"}
        assert net["n8"].found == {"nothing": None}
        assert net["n9"].found == {"n2": net["n2"].contact.address}
        net.crash("n3")
        net.call("n10", "get", "color")
        run_until(net, lambda: net["n10"].found)
        assert net["n10"].found == {"color": "blue"}


@pytest.mark.slow
def test_tables_that_nodes_make_by_joining_find_all_and_hops_grow_with_log_n():
    hops = {}
    for n in (30, 100, 300):
        with SimNetwork(Lookup, build("random-regular", n, seed=1), seed=1, record="counts") as net:
            net.run(6.0)
            dice = Random(n)
            pairs = [dice.sample(net.names, 2) for _ in range(300)]
            for asker, name in pairs:
                net.call(asker, "find", name)
            net.run(5.0)
            for asker, name in pairs:
                assert net[asker].found[name] == net[name].contact.address
            hops[n] = fmean(net[asker].hops[name] for asker, name in pairs)
    # About 0.65 a factor of ten, as ln 10 / H_8 is 0.85 and three are asked at a time.
    assert hops[100] == pytest.approx(1.63, abs=0.15)
    assert 0.15 < hops[100] - hops[30] < 0.55
    assert 0.15 < hops[300] - hops[100] < 0.55


def shares_found(net, live, keys, dice):
    """Look for all keys, each from some node, and return the share of those that are found."""
    askers = [dice.choice(live) for _ in keys]
    for asker, key in zip(askers, keys, strict=True):
        net.call(asker, "get", key)

    def answers():
        seen = {name: net[name].found for name in set(askers)}
        return [seen[asker].get(key, "") for asker, key in zip(askers, keys, strict=True)]

    run_until(net, lambda: "" not in answers(), within=120.0)
    pairs = zip(answers(), keys, strict=True)
    return sum(answer == f"the value of {key}" for answer, key in pairs) / len(keys)


KEYS = [f"key {number}" for number in range(200)]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::p2pkit.network.NetworkWarning")  # of those that were killed
def test_a_hundred_real_nodes_lose_thirty_to_kill_9_and_no_key():
    graph, dice = build("random-regular", 100, seed=1), Random(1)
    protocol = Kademlia.using(patience=3.0)  # seconds, as ten processes share a few cores
    with LocalNetwork(protocol, graph, processes=10, record="counts") as net:
        run_until(net, lambda: all(len(node.closest(0)) == 8 for node in net), within=120.0)
        for key in KEYS:
            net.call(dice.choice(net.names), "put", key, f"the value of {key}")

        def kept():
            return sum(len(node.pairs) for node in net)

        run_until(net, lambda: kept() >= 8 * len(KEYS), within=120.0)
        by_process = {}
        for name in net.names:
            by_process.setdefault(net.pids[name], []).append(name)
        killed = dice.sample([*by_process], 3)
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        run_until(net, lambda: sum(map(net.is_up, net.names)) == 70, within=60.0)
        live = [name for name in net.names if net.is_up(name)]
        assert shares_found(net, live, KEYS, dice) >= 0.99


def test_a_hundred_simulated_nodes_lose_thirty_and_no_key():
    dice = Random(2)
    link = Link(latency=(0.01, 0.1))
    graph = build("random-regular", 100, seed=2)
    with SimNetwork(Kademlia, graph, link=link, seed=2, record="counts") as net:
        net.run(5.0)
        for key in KEYS:
            net.call(dice.choice(net.names), "put", key, f"the value of {key}")
        net.run(5.0)
        for name in dice.sample(net.names, 30):
            net.crash(name)
        live = [name for name in net.names if net.is_up(name)]
        assert shares_found(net, live, KEYS, dice) >= 0.99
