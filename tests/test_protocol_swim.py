"""SWIM: each reaction alone, its laws in simulation with what breaks them, and real nodes that are killed."""

import os
import signal
import sys
from collections import Counter
from math import ceil, log

import networkx as nx
import pytest
from tools import PATIENCE

from p2pkit import Link, LocalNetwork, SimNetwork, on
from p2pkit.message import Contact
from p2pkit.network import NetworkWarning
from p2pkit.protocols.swim import (
    MAX_INCARNATION,
    MAX_MEMBERS,
    Ack,
    Join,
    News,
    Ping,
    PingRequest,
    Roster,
    Swim,
)
from p2pkit.testing import alone
from p2pkit.topology import build

QUICK = Swim.using(period=1.0, k=2)
PEERS = "abcdef"


def contact(id):
    return Contact(id, f"{id}:0")


def news(id, state="alive", incarnation=0):
    return News(contact(id), state, incarnation)


ME = news("n0")


def said(bench, kind=None):
    """Take everything that was said off the bench's list; return what is of a kind."""
    taken, bench.sent = bench.sent, []
    return [(to, message) for to, message in taken if kind in (None, type(message))]


@pytest.fixture
def member():
    """A node that has peers and has asked one of them for its list, in vain; it pings from now on."""
    with alone(QUICK, peers=PEERS) as bench:
        bench.node.joined = True
        bench.node.meet_peers()
        yield bench
        said(bench)


def until_probe(bench):
    """Go on until the next ping; return whom it is for."""
    bench.sent = []
    while True:
        bench.advance(0.01)
        if pings := said(bench, Ping):
            return pings[0][0]


# Joining


def test_all_peers_are_members_and_so_is_the_node_itself():
    with alone(QUICK, peers=PEERS) as bench:
        assert bench.node.members == {"n0": "alive"}
        bench.advance(1.0)
        assert bench.node.members == dict.fromkeys(["n0", *PEERS], "alive")
        said(bench)


def test_who_joins_asks_for_lists_until_one_has_nothing_new():
    with alone(QUICK, peers="a") as bench:
        bench.advance(1.0)
        assert ("a", Join(ME)) in said(bench)
        bench.answer("a", None, question=Join(ME))
        bench.advance(1.0)
        assert ("a", Join(ME)) in said(bench)
        roster = Roster((news("a", incarnation=2), news("b", "suspect", 1)))
        bench.answer("a", roster, question=Join(ME))
        assert bench.node.members == {"n0": "alive", "a": "alive", "b": "suspect"}
        bench.advance(1.0)
        [(asked, _)] = said(bench, Join)
        bench.answer(asked, Roster((news("a"),)), question=Join(ME))
        bench.advance(5.0)
        assert not said(bench, Join)


def test_whoever_is_asked_takes_the_newcomer_in_and_tells_all_it_knows(member):
    roster = member.receive(Join(news("new")), "new")
    assert set(roster.news) == {ME, news("new"), *map(news, PEERS)}
    assert news("new") in member.receive(Ping(()), "a").news


def test_what_is_on_a_list_is_not_passed_on_and_what_is_told_is(member):
    member.node.enter(Roster((news("x"),)))
    assert member.receive(Ping((news("y"),)), "a").news == (ME, news("y"))


# Probing


def test_all_members_are_pinged_once_a_turn_in_an_order_that_changes(member):
    turns = []
    for _ in range(3):
        turns.append([])
        for _ in PEERS:
            turns[-1].append(until_probe(member))
            member.answer(turns[-1][-1], Ack(turns[-1][-1], ()))
    assert [sorted(turn) for turn in turns] == [list(PEERS)] * 3
    assert turns[0] != turns[1] != turns[2]


def test_no_two_nodes_have_the_same_order_or_moment():
    def first(seed):
        with alone(QUICK, peers=PEERS, seed=seed) as bench:
            bench.node.joined = True
            bench.node.meet_peers()
            return [until_probe(bench) for _ in PEERS], bench.node.now

    orders, times = zip(*map(first, range(5)), strict=True)
    assert len(set(map(tuple, orders))) == len(set(times)) == 5


def test_a_ping_is_answered(member):
    assert member.receive(Ping(()), "a") == Ack("n0", (ME,))
    assert member.receive(Ping(()), "stranger") == Ack("n0", (ME,))


def test_who_answers_is_not_asked_for_elsewhere(member):
    target = until_probe(member)
    member.answer(target, Ack(target, ()))
    member.advance(0.9)
    assert not said(member)


def test_if_no_answer_comes_k_others_are_asked_and_one_who_hears_it_is_enough(member):
    target = until_probe(member)
    member.advance(0.3)
    assert not said(member)
    member.advance(0.1)
    requests = said(member, PingRequest)
    helpers = {to for to, _ in requests}
    assert len(helpers) == len(requests) == 2
    assert target not in helpers
    assert {request.target for _, request in requests} == {contact(target)}
    member.receive(Ack(target, ()), min(helpers))
    member.advance(1.0)
    assert member.node.members[target] == "alive"


def test_what_comes_after_the_period_is_news_all_the_same(member):
    target = until_probe(member)
    member.advance(1.5)
    assert member.node.members[target] == "suspect"
    member.answer(target, Ack(target, (news(target, incarnation=1),)), question=None)
    assert member.node.members[target] == "alive"


def test_an_answer_that_comes_late_in_the_period_counts(member):
    target = until_probe(member)
    member.advance(0.9)
    member.answer(target, Ack(target, ()))
    member.advance(0.2)
    assert member.node.members[target] == "alive"


@pytest.mark.parametrize("helper_hears", [False, True])
def test_who_is_asked_pings_the_target_and_passes_its_answer_on(member, helper_hears):
    member.receive(PingRequest(contact("f"), ()), "a")
    member.expect("f", Ping((ME,)))
    answer = Ack("f", (news("f", incarnation=3),))
    member.answer("f", answer if helper_hears else None)
    if helper_hears:
        assert said(member) == [("a", Ack("f", (ME, news("f", incarnation=3))))]
    else:
        assert not said(member)


def test_who_is_silent_for_a_period_is_suspected_and_all_hear_of_it(member):
    target = until_probe(member)
    member.advance(0.98)
    assert member.node.members[target] == "alive"
    member.advance(0.02)
    assert member.node.members[target] == "suspect"
    assert news(target, "suspect") in member.receive(Ping(()), "x").news


def test_nothing_goes_wrong_with_answers_that_nobody_expects(member):
    target = until_probe(member)
    member.answer(target, Roster(()))
    member.receive(Ack("nobody", ()), "a")
    member.node.report("nobody", Ack("a", ()))
    member.advance(1.0)
    assert member.node.members[target] == "suspect"


# Suspicion


SOME = ceil(log(len(PEERS) + 2))
"""Periods, and times, that go with the size of the group: the logarithm of n + 1."""


def test_the_suspected_is_dead_after_its_time(member):
    member.receive(Ping((news("a", "suspect"),)), "b")
    member.node.turn = []  # so that nobody else is suspected meanwhile
    member.advance(QUICK.suspicion * SOME - 0.01)
    assert member.node.members["a"] == "suspect"
    member.advance(0.01)
    assert member.node.members["a"] == "dead"


def test_who_has_denied_it_stays_alive(member):
    member.receive(Ping((news("a", "suspect"),)), "b")
    member.receive(Ping((news("a", incarnation=1),)), "c")
    assert member.node.members["a"] == "alive"
    member.node.silent = "b"
    member.advance(QUICK.suspicion * SOME)
    assert member.node.latest["a"].state != "dead"


OLD_AND_NEW = [  # what is known, what comes, whether it is believed: section 4.2
    (("alive", 1), ("alive", 2), True),
    (("alive", 1), ("alive", 1), False),
    (("alive", 1), ("suspect", 1), True),
    (("alive", 1), ("suspect", 0), False),
    (("alive", 1), ("dead", 1), True),
    (("suspect", 1), ("alive", 2), True),
    (("suspect", 1), ("alive", 1), False),
    (("suspect", 1), ("suspect", 2), True),
    (("suspect", 1), ("suspect", 1), False),
    (("suspect", 1), ("dead", 1), True),
    (("dead", 1), ("suspect", 1), False),
    (("dead", 1), ("alive", 1), False),
    (("dead", 1), ("alive", 2), True),  # it is back
    (("alive", 0), ("alive", MAX_INCARNATION + 1), False),
]


@pytest.mark.parametrize(("old", "new", "believed"), OLD_AND_NEW)
def test_what_overrides_what(member, old, new, believed):
    member.receive(Ping((news("x", *old),)), "b")
    member.receive(Ping((news("x", *new),)), "b")
    state, incarnation = new if believed else old
    assert member.node.latest["x"] == news("x", state, incarnation)
    assert member.node.members["x"] == state


@pytest.mark.parametrize("what", [("suspect", 0), ("dead", 0), ("suspect", 6), ("alive", 6)])
def test_who_is_spoken_of_denies_it_with_a_higher_incarnation(member, what):
    answer = member.receive(Ping((news("n0", *what),)), "a")
    assert answer.news == (news("n0", "alive", what[1] + 1),)
    assert member.node.members["n0"] == "alive"
    assert member.node.disk["incarnation"] == what[1] + 1


def test_what_was_denied_is_denied_once(member):
    for _ in range(3):
        member.receive(Ping((news("n0", "suspect"),)), "a")
    assert member.node.latest["n0"] == news("n0", "alive", 1)


def test_a_number_that_no_computer_counts_to_is_not_denied(member):
    member.receive(Ping((news("n0", "dead", MAX_INCARNATION + 1),)), "a")
    assert member.node.latest["n0"] == ME


def test_inventions_of_a_stranger_fill_no_memory_and_hide_nothing_of_those_who_are_known(member):
    for start in range(0, 2 * MAX_MEMBERS, 1000):
        invented = tuple(news(f"invented {start + number}") for number in range(1000))
        member.receive(Ping(invented), "stranger")
    assert len(member.node.latest) == len(member.node.members) == MAX_MEMBERS
    assert len(member.node.turn) < MAX_MEMBERS
    member.receive(Ping((news("a", "dead"),)), "b")
    assert member.node.members["a"] == "dead"


@pytest.mark.parametrize("state", ["suspect", "dead"])
def test_who_is_thought_ill_of_is_told_so(member, state):
    member.receive(Ping((news("a", state),)), "b")
    member.node.fresh.clear()
    assert news("a", state) in member.receive(Ping(()), "a").news
    assert news("a", state) not in member.receive(Ping(()), "b").news


# News


def test_a_piece_of_news_is_told_so_many_times_and_no_more(member):
    member.receive(Ping((news("x"),)), "a")
    told = sum(
        news("x") in member.receive(Ping(()), "a").news for _ in range(10 * QUICK.spread * SOME)
    )
    assert told + 1 == QUICK.spread * ceil(log(len(member.node.members) + 1))


def test_what_was_told_least_goes_first_and_not_all_at_once(member):
    names = [f"x{number}" for number in range(QUICK.most)]
    first = member.receive(Ping(tuple(map(news, names))), "a").news
    assert first == (ME, *map(news, names))
    second = member.receive(Ping((news("y"),)), "a").news
    assert len(second) == QUICK.most + 1
    assert news("y") in second


def test_the_dead_are_not_pinged_but_one_of_them_each_turn(member):
    member.receive(Ping((news("a", "dead"), news("b", "dead"))), "c")
    pinged = []
    for _ in range(4 * 5):
        pinged.append(until_probe(member))
        member.answer(pinged[-1], Ack(pinged[-1], ()))
    counts = Counter(pinged)
    assert {counts[id] for id in "cdef"} == {4, 5} or {counts[id] for id in "cdef"} == {4}
    assert 3 <= counts["a"] + counts["b"] <= 4


def test_for_the_dead_nobody_else_is_troubled(member):
    member.receive(Ping(tuple(news(id, "dead") for id in PEERS[1:])), "a")
    member.node.turn = ["b"]
    assert until_probe(member) == "b"
    member.advance(0.9)
    assert not said(member, PingRequest)


def test_a_newcomer_has_its_turn_before_this_one_is_over(member):
    until_probe(member)
    member.receive(Ping((news("x"),)), "a")
    assert "x" in {until_probe(member) for _ in range(len(PEERS))}


# In every world


def agree(net, dead=()):
    """Tell whether all that are up have the same, right list."""
    right = {name: "dead" if name in dead else "alive" for name in net.names}
    return all(net[name].members == right for name in net.names if name not in dead)


def test_all_join_through_a_seed_and_notice_who_goes_and_who_is_back(network):
    # As in the other stories, nothing is asked of when.
    with network(Swim.using(period=0.1, k=3), nx.star_graph(6), seed=1) as net:
        assert net.run(until=lambda: agree(net), within=PATIENCE)
        net.crash("n3")
        assert net.run(until=lambda: agree(net, ["n3"]), within=PATIENCE)
        net.restart("n3")
        assert net.run(until=lambda: agree(net), within=PATIENCE)
        assert net["n3"].latest["n3"].incarnation >= 1
        net.join("late", to="n0")
        assert net.run(until=lambda: agree(net), within=PATIENCE)


# Laws, in simulation, and what breaks them


LOSSY = Link(latency=0.01, loss=0.1)
LIVELY = {"period": 1.0, "k": 3, "suspicion": 5}  # 5 ln n is more than 3 log2 n


def run(protocol, nodes=30, link=LOSSY, seed=1, **parameters):
    return SimNetwork(protocol.using(**LIVELY | parameters), nodes, link=link, seed=seed)


def burials(net):
    """Return how many messages say of anybody that it is dead."""
    return sum(b'"dead"' in event.data for event in net.trace.where(kind="send"))


def suspected(protocol, k, seed=1):
    """Return how often a node with so many helpers suspects another in vain."""

    class Counting(protocol):
        suspicions = 0

        def suspect(self, id):
            self.suspicions += 1
            super().suspect(id)

    with run(Counting, k=k, seed=seed) as net:
        net.run(60)
        return sum(node.suspicions for node in net)


def nobody_is_wronged(protocol):
    """At 10 % loss, no live node is taken for dead."""
    with run(protocol) as net:
        net.run(60)
        return all("dead" not in node.members.values() for node in net)


def helpers_help(protocol):
    """Three helpers leave less than a tenth of the false suspicions."""
    return 10 * suspected(protocol, k=3) < suspected(protocol, k=0)


def all_notice(protocol):
    """Who crashes is dead on all lists, at most a turn, the suspicion and some rounds of gossip later."""
    with run(protocol, link=Link(latency=0.01)) as net:
        net.run(3)
        net.crash("n7")
        return net.run(until=lambda: agree(net, ["n7"]), within=5 + 20 + 12)


def somebody_notices_soon(protocol):
    """The first to miss a crash does so within a few periods, though a turn has thirty."""
    for seed in range(5):
        with run(protocol, link=Link(latency=0.01), seed=seed) as net:
            net.run(10)
            net.crash("n7")
            if not net.run(
                until=lambda net=net: any(node.members["n7"] != "alive" for node in net), within=8
            ):
                return False
    return True


def parts_meet_again(protocol):
    """After a partition, in which each side has buried the other, all are members again."""
    with run(protocol, nodes=12, link=Link(latency=0.01)) as net:
        net.run(3)
        net.partition(net.names[:6])
        net.run(40)
        buried = net["n0"].members["n7"] == "dead"
        net.heal()
        return buried and net.run(until=lambda: agree(net), within=60)


def who_is_back_is_back(protocol):
    """Who restarts is a member again, however late."""
    with run(protocol, link=Link(latency=0.01)) as net:
        net.run(3)
        net.crash("n7")
        net.run(60)
        net.restart("n7")
        return net.run(until=lambda: agree(net), within=30)


def load_is_constant(protocol):
    """Without loss and failures, there are exactly two messages a node and period, of a few bytes."""
    sent = {}
    for nodes in (10, 40):
        with run(protocol, nodes=nodes, link=Link(latency=0.01)) as net:
            net.run(40)
            before = net.trace.count(kind="send")
            net.run(10)
            last = [event.size for event in net.trace.where(kind="send")][before:]
            sent[nodes] = len(last) / nodes / 10, max(last) < 120
    return set(sent.values()) == {(2.0, True)}


LAWS = [
    nobody_is_wronged,
    helpers_help,
    all_notice,
    somebody_notices_soon,
    parts_meet_again,
    who_is_back_is_back,
    load_is_constant,
]


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_swim_obeys_its_laws(law):
    assert law(Swim)


class Hasty(Swim):
    """Declares dead whom it would have to suspect."""

    def suspect(self, id):
        super().suspect(id)
        self.declare_dead(self.latest[id])


class Meek(Swim):
    """Does not deny anything."""

    def announce(self, incarnation):
        if self.id not in self.members:
            super().announce(incarnation)


class Deaf(Swim):
    """Does not tell the one who asked."""

    def report(self, asker, ack):
        pass


class Taciturn(Swim):
    """Passes nothing on."""

    def hear(self, all_news):
        super().hear(all_news)
        self.fresh.clear()


class Chatterbox(Swim):
    """Tells all news for ever."""

    def gossip(self, to):
        self.fresh = dict.fromkeys(self.members, 0)
        return super().gossip(to)


class InStep(Swim):
    """Probes in the same order as everybody."""

    def next_member(self):
        self.turn = self.turn or sorted(self.living())
        return self.turn.pop()

    def learn(self, news):
        believed = super().learn(news)
        self.turn = sorted(self.turn)
        return believed


class Final(Swim):
    """Never again tries one who is dead."""

    def next_member(self):
        self.turn = self.turn or self.random.sample(self.living(), len(self.living()))
        return self.turn.pop() if self.turn else None


class Unforgiving(Swim):
    """Does not believe that the dead are back."""

    def learn(self, news):
        return self.members.get(news.contact.id) != "dead" and super().learn(news)


class Forgiving(Swim):
    """Never ends a suspicion."""

    def declare_dead(self, suspicion):
        pass


class Gullible(Swim):
    """Takes an answer from a helper for one of the helper's own: the target stays silent."""

    @on(Ack)
    def acknowledge(self, ack, sender=""):
        if not sender:
            super().acknowledge(ack)


MUTANTS = [
    (Hasty, nobody_is_wronged),
    (Meek, nobody_is_wronged),
    (Deaf, helpers_help),
    (Gullible, helpers_help),
    (Taciturn, all_notice),
    (Forgiving, all_notice),
    (InStep, somebody_notices_soon),
    (Final, parts_meet_again),
    (Unforgiving, who_is_back_is_back),
    (Chatterbox, load_is_constant),
]


@pytest.mark.parametrize(("mutant", "law"), MUTANTS, ids=lambda thing: thing.__name__)
def test_a_mutant_breaks_the_law(mutant, law):
    assert not law(mutant)


@pytest.mark.parametrize("family", ["ring", "grid", "star"])
def test_all_get_to_know_all_within_two_turns_whatever_they_are_connected_by(family):
    with run(Swim, build(family, 25)) as net:
        assert net.run(until=lambda: agree(net), within=50)


def buried_in_vain(protocol, seed):
    """Return how many messages take a live node for dead, in sixty periods of fifty nodes."""
    with run(protocol, 50, seed=seed) as net:
        net.run(60)
        assert net.trace.count(kind="drop") > 500
        return burials(net)


@pytest.mark.parametrize("seed", range(3))
def test_no_live_node_is_ever_called_dead_at_ten_percent_loss(seed):
    assert buried_in_vain(Swim, seed) == 0


def test_who_is_hasty_calls_live_nodes_dead():
    assert buried_in_vain(Hasty, 0) > 0


# Real nodes


def periods(nodes, protocol):
    """Return within how many periods all lists must be right: two turns until the last of the first
    probes (section 4.3), the suspicion, and as much again for the news to spread."""
    some = ceil(log(nodes + 1))
    return 2 * nodes - 1 + 2 * protocol.suspicion * some


NODES = 50
REAL = Swim.using(period=0.3, k=3)


def all_are_right(net, dead):
    return net.run(until=lambda: agree(net, dead), within=REAL.period * periods(NODES, REAL))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("graph", "processes", "killed"),
    [(NODES, 10, 5), (nx.star_graph(NODES - 1), 10, 5), (NODES, 4, 12)],
    ids=["five of a complete graph", "five who joined through a seed", "a quarter"],
)
@pytest.mark.skipif(sys.platform == "win32", reason="has no SIGKILL")
def test_fifty_nodes_of_whom_a_process_is_killed(graph, processes, killed):
    """One process ends by kill -9, and its share of the nodes with it."""
    with LocalNetwork(REAL, graph, processes=processes, record="counts") as net:
        assert net.run(until=lambda: agree(net), within=PATIENCE)
        pid = net.pids["n7"]
        dead = [name for name in net.names if net.pids[name] == pid]
        assert len(dead) == killed
        os.kill(pid, signal.SIGKILL)
        with pytest.warns(NetworkWarning, match="went down with it"):
            assert all_are_right(net, dead)


@pytest.mark.slow
def test_fifty_nodes_in_four_processes_of_which_five_crash():
    dead = [f"n{number}" for number in (3, 14, 15, 26, 48)]
    with LocalNetwork(REAL, NODES, processes=4, record="counts") as net:
        assert net.run(until=lambda: agree(net), within=PATIENCE)
        for name in dead:
            net.crash(name)
        assert all_are_right(net, dead)
