"""The protocols that come with the kit: what one node does, reaction by reaction."""

import inspect
from importlib import import_module

import pytest

import p2pkit
from p2pkit import protocols
from p2pkit.link import Link
from p2pkit.message import Contact
from p2pkit.protocols import batched, lazy, tree
from p2pkit.protocols.batched import Batch, Broadcast
from p2pkit.protocols.bootstrap import Bootstrap, Known
from p2pkit.protocols.flood import Flood
from p2pkit.protocols.flood import Rumor as Flooded
from p2pkit.protocols.gossip import Gossip, Rumor
from p2pkit.protocols.lazy import Announcement, Lazy, Question, name_of
from p2pkit.protocols.repair import Notes, RepairedGossip
from p2pkit.protocols.tree import Prune, Tree
from p2pkit.simulation import SimNetwork
from p2pkit.testing import alone
from p2pkit.topology import build

PEERS = "abcdef"


def said(bench):
    """Take everything that was said off the bench's list."""
    taken, bench.sent = bench.sent, []
    return taken


# Flood


def test_flood_tells_all_but_the_one_that_told_it_and_once():
    with alone(Flood, peers=PEERS) as bench:
        bench.receive(Flooded("hello"), "b")
        for peer in "acdef":
            bench.expect(peer, Flooded("hello"))
        for peer in PEERS:
            bench.receive(Flooded("hello"), peer)
        assert bench.node.heard == {Flooded("hello")}


def test_flood_tells_all_what_it_was_told_from_outside():
    with alone(Flood, peers="ab") as bench:
        bench.tell(Flooded("mine"))
        assert said(bench) == [("a", Flooded("mine")), ("b", Flooded("mine"))]


@pytest.mark.parametrize("family", ["line", "ring", "grid", "star", "erdos-renyi", "complete"])
@pytest.mark.parametrize("nodes", [1, 2, 17])
def test_a_flood_takes_the_messages_that_the_formula_says(family, nodes):
    graph = build(family, nodes, seed=3)
    with SimNetwork(Flood, graph, link=Link(latency=(0.01, 0.1)), seed=nodes) as net:
        net.tell(nodes // 2, Flooded("hello"))
        net.run(3.0)
        assert all(node.heard for node in net)
        assert net.trace.count(kind="send") == 2 * len(graph.edges) - nodes + 1


# Tree

TREE = tree.Rumor("hello")


def test_tree_tells_all_but_the_one_that_told_it():
    with alone(Tree, peers="abc") as bench:
        bench.receive(TREE, "b")
        bench.expect("a", TREE)
        bench.expect("c", TREE)


def test_who_is_told_in_vain_says_so_and_tells_that_peer_no_more():
    with alone(Tree, peers="abc") as bench:
        bench.receive(TREE, "a")
        said(bench)
        bench.receive(TREE, "b")
        bench.expect("b", Prune())
        bench.tell(tree.Rumor("mine"))
        assert said(bench) == [(peer, tree.Rumor("mine")) for peer in "ac"]


def test_who_has_told_in_vain_tells_that_peer_no_more_until_it_comes_anew():
    with alone(Tree, peers="ab") as bench:
        bench.receive(Prune(), "a")
        bench.tell(TREE)
        assert said(bench) == [("b", TREE)]
        bench.disconnect_peer("a")
        bench.connect_peer("a")
        bench.tell(tree.Rumor("again"))
        assert {to for to, _ in said(bench)} == {"a", "b"}


def test_what_is_told_twice_from_outside_is_nobodys_fault():
    with alone(Tree, peers="a") as bench:
        bench.tell(TREE)
        said(bench)
        bench.tell(TREE)


@pytest.mark.parametrize("family", ["ring", "grid", "small-world", "complete"])
def test_after_the_first_rumor_each_one_takes_as_many_messages_as_a_tree_has_links(family):
    graph = build(family, 25, seed=2)
    with SimNetwork(Tree, graph, link=Link(latency=(0.01, 0.1)), seed=2) as net:
        net.tell("n3", TREE)
        net.run(5.0)
        sent = net.trace.count(kind="send", message=tree.Rumor)
        assert sent == 2 * len(graph.edges) - 25 + 1
        assert net.trace.count(kind="send", message=Prune) == sent - 24
        for number, teller in enumerate(["n3", "n0", "n24"], start=1):
            net.tell(teller, tree.Rumor(teller))
            net.run(5.0)
            assert net.trace.count(kind="send", message=tree.Rumor) == sent + 24 * number
        assert all(len(node.heard) == 4 for node in net)


# Lazy

LONG = lazy.Rumor("a long story")
NAME = name_of(LONG)


def test_lazy_announces_what_is_new_to_all_but_the_one_that_told_it_and_once():
    with alone(Lazy, peers="abc") as bench:
        bench.receive(LONG, "b")
        assert said(bench) == [(peer, Announcement(NAME)) for peer in "ac"]
        bench.receive(LONG, "a")


def test_what_is_announced_is_asked_for_once_and_heard():
    with alone(Lazy, peers="abc") as bench:
        for peer in "abc":
            bench.receive(Announcement(NAME), peer)
        bench.expect("a", Question(NAME))
        bench.answer("a", LONG)
        assert said(bench) == [(peer, Announcement(NAME)) for peer in "bc"]
        bench.receive(Announcement(NAME), "b")
        assert bench.node.heard == {NAME: LONG}
        assert not bench.node.known


def test_who_is_asked_gives_what_it_has_and_else_nothing():
    with alone(Lazy) as bench:
        assert bench.receive(Question(NAME), "a") is None
        bench.tell(LONG)
        assert bench.receive(Question(NAME), "a") == LONG


@pytest.mark.parametrize("answer", [None, lazy.Rumor("something else")])
def test_if_the_answer_is_missing_or_another_the_next_one_is_asked(answer):
    with alone(Lazy, peers="ab") as bench:
        bench.receive(Announcement(NAME), "a")
        bench.receive(Announcement(NAME), "b")
        bench.expect("a", Question(NAME))
        bench.answer("a", answer)
        bench.expect("b", Question(NAME))
        bench.answer("b", LONG)
        bench.expect("a", Announcement(NAME))


def test_if_nobody_answers_whoever_announces_it_next_is_asked():
    with alone(Lazy, peers="ab") as bench:
        bench.receive(Announcement(NAME), "a")
        bench.expect("a", Question(NAME))
        bench.advance(2 * Lazy.patience)
        bench.expect_silence()
        bench.receive(Announcement(NAME), "b")
        bench.expect("b", Question(NAME))


def test_a_lazy_flood_sends_each_body_once():
    graph = build("small-world", 30, seed=1)
    m, n = len(graph.edges), 30
    with SimNetwork(Lazy, graph, link=Link(latency=(0.01, 0.1)), seed=1) as net:
        net.tell("n7", LONG)
        net.run(5.0)
        assert all(node.heard for node in net)
        sent = [net.trace.count(kind="send", message=kind) for kind in (Announcement, Question)]
        assert sent == [2 * m - n + 1, n - 1]
        assert net.trace.count(kind="send", message=lazy.Rumor) == n - 1


def test_a_lazy_flood_goes_round_a_node_that_crashes_when_it_is_asked():
    with SimNetwork(Lazy, build("ring", 6), seed=1) as net:
        net.tell("n0", LONG)
        net.run(until=lambda: net["n2"].known == {NAME: ["n1"]}, within=1.0)
        net.crash("n1")
        net.run(5.0)
        assert all(node.heard for node in net)


# Broadcast

MANY = tuple(batched.Rumor(f"rumor {number}") for number in range(3))


def quiet(**parameters):
    """Return the protocol without comparisons, for tests of the rest."""
    return Broadcast.using(patience=1000.0, **parameters)


def test_rumors_wait_for_each_other_and_travel_together():
    with alone(quiet(), peers="abc") as bench:
        bench.tell(MANY[0])
        bench.receive(MANY[1], "a")
        bench.receive(Batch(MANY), "b")
        bench.expect_silence()
        bench.advance(Broadcast.pause)
        bench.expect("a", Batch((MANY[0], MANY[2])))
        bench.expect("b", Batch(MANY[:2]))
        bench.expect("c", Batch(MANY))
        assert bench.node.heard == set(MANY)


def test_what_is_not_new_is_not_told_and_nothing_is_not_said():
    with alone(quiet(), peers="ab") as bench:
        bench.tell(MANY[0])
        bench.advance(1.0)
        assert len(said(bench)) == 2
        bench.receive(Batch(MANY[:1]), "a")
        bench.tell(MANY[0])
        bench.advance(1.0)
        bench.receive(MANY[1], "a")
        bench.advance(1.0)
        assert said(bench) == [("b", Batch(MANY[1:2]))]


def test_broadcast_compares_with_one_peer_now_and_then():
    with alone(Broadcast, peers="ab") as bench:
        bench.tell(MANY[0])
        bench.advance(20.0)
        notes = [message for _, message in said(bench) if isinstance(message, batched.Notes)]
        assert set(notes) == {batched.Notes(frozenset(MANY[:1]))}
        assert 20.0 / (2 * Broadcast.patience) - 1 <= len(notes) <= 20.0 / Broadcast.patience


@pytest.mark.parametrize(
    ("had", "missing"), [((), (0, 1)), ((0,), (1,)), ((0, 1), ()), ((0, 1, 2), ())]
)
def test_who_misses_something_gets_it_in_one_batch(had, missing):
    with alone(quiet(), peers="a") as bench:
        bench.receive(Batch(MANY[1::-1]), "a")
        bench.receive(batched.Notes(frozenset(MANY[number] for number in had)), "a")
        wanted = [("a", Batch(tuple(MANY[number] for number in missing)))] if missing else []
        assert said(bench) == wanted


# Gossip


@pytest.mark.parametrize("fanout", [0, 1, 3, 6, 10])
def test_gossip_tells_as_many_different_peers_as_its_fanout(fanout):
    with alone(Gossip.using(fanout=fanout), peers=PEERS) as bench:
        bench.receive(Rumor("hello"), "a")
        told = said(bench)
        assert len(told) == len({to for to, _ in told}) == min(fanout, len(PEERS))
        assert all(message == Rumor("hello") for _, message in told)


def test_gossip_tells_each_rumor_once():
    with alone(Gossip, peers=PEERS) as bench:
        for text in ("one", "one", "two", "one"):
            bench.receive(Rumor(text), "a")
        assert [message.text for _, message in said(bench)] == ["one"] * 3 + ["two"] * 3
        assert bench.node.heard == {Rumor("one"), Rumor("two")}


def test_gossip_chooses_by_the_seed():
    def chosen(seed):
        bench = alone(Gossip, peers=PEERS, seed=seed)
        for number in range(5):
            bench.receive(Rumor(str(number)), "a")
        return [to for to, _ in said(bench)]

    assert chosen(1) == chosen(1) != chosen(2)


# Gossip with a repair


@pytest.fixture
def repairing():
    with alone(RepairedGossip.using(fanout=0), peers="a") as bench:
        bench.tell(Rumor("one"))
        bench.tell(Rumor("two"))
        yield bench


def test_notes_are_compared_with_one_peer_in_each_turn(repairing):
    repairing.advance(2 * RepairedGossip.pause)
    assert said(repairing)[0] == ("a", Notes(frozenset({"one", "two"})))
    repairing.advance(10.0)
    assert len(said(repairing)) == pytest.approx(10.0 / RepairedGossip.pause, abs=2)


@pytest.mark.parametrize(
    ("had", "missing"),
    [("", ["one", "two"]), ("one", ["two"]), ("one two", []), ("three", ["one", "two"])],
)
def test_whoever_missed_something_is_told_exactly_that(repairing, had, missing):
    repairing.receive(Notes(frozenset(had.split())), "a")
    assert said(repairing) == [("a", Rumor(text)) for text in missing]


def test_without_peers_nothing_is_compared():
    with alone(RepairedGossip) as bench:
        bench.advance(5.0)


# Bootstrap


def contacts(names):
    return tuple(Contact(name, f"{name}:0") for name in names)


@pytest.fixture
def newcomer():
    """A node that has just met its seed, a."""
    with alone(Bootstrap, peers="a") as bench:
        bench.expect("a", Known(()))
        yield bench


def test_who_gets_a_peer_tells_it_some_of_its_others(newcomer):
    newcomer.connect_peer("b")
    newcomer.expect("b", Known(contacts("a")))
    newcomer.connect_peer("c")
    [(to, known)] = said(newcomer)
    assert (to, set(known.contacts)) == ("c", set(contacts("ab")))


TURN = 2 * Bootstrap.pause
"""Seconds in which a node looks around once: after `pause`, and up to as much later."""


@pytest.mark.parametrize("known", ["b", "bcdefgh"])
def test_who_has_too_few_peers_dials_as_many_as_are_missing(newcomer, known):
    newcomer.receive(Known(contacts(known)), "a")
    newcomer.advance(TURN)
    assert (
        len(set(newcomer.dialled)) == len(newcomer.dialled) == min(len(known), Bootstrap.degree - 1)
    )
    assert set(newcomer.dialled) <= {contact.address for contact in contacts(known)}


def test_nobody_dials_itself_or_its_peers(newcomer):
    newcomer.receive(Known((*contacts("a"), Contact("n0", "n0:0"))), "a")
    newcomer.advance(5.0)
    assert newcomer.dialled == []


def test_who_has_enough_peers_dials_nobody():
    bench = alone(Bootstrap, peers="abcd")
    bench.receive(Known(contacts("xyz")), "a")
    bench.advance(5.0)
    assert bench.dialled == []


def test_who_is_full_tells_what_it_knows_and_hangs_up():
    bench = alone(Bootstrap, peers="abcdefgh")
    said(bench)
    bench.connect_peer("z")
    bench.advance(0)
    [(to, known)] = said(bench)
    assert to == "z"
    assert 7 <= len(known.contacts) <= 8
    assert sorted(bench.peers) == list("abcdefgh")


def test_who_loses_a_peer_dials_another_and_not_the_same(newcomer):
    newcomer.receive(Known(contacts("b")), "a")
    newcomer.connect_peer("b")
    said(newcomer)
    newcomer.disconnect_peer("b")
    newcomer.advance(TURN)
    assert newcomer.dialled == []
    newcomer.receive(Known(contacts("c")), "a")
    newcomer.advance(TURN)
    assert set(newcomer.dialled) == {"c:0"}


def test_a_dial_that_came_to_nothing_is_tried_again_until_it_is_known_why(newcomer):
    newcomer.receive(Known(contacts("b")), "a")
    newcomer.advance(5.0)
    turns = 5.0 / Bootstrap.pause
    assert turns - 2 <= len(newcomer.dialled) <= turns
    newcomer.node.on_unreachable("b:0")
    newcomer.dialled.clear()
    newcomer.advance(5.0)
    assert newcomer.dialled == []


# All of them

MODULES = [
    import_module(f"p2pkit.protocols.{name}")
    for name in ("bootstrap", "batched", "flood", "gossip", "lazy", "repair", "tree")
]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_a_shipped_protocol_is_explained_and_a_screen_long(module):
    assert len(module.__doc__.splitlines()) > 3
    assert len(inspect.getsource(module).splitlines()) <= 80
    own = [
        thing
        for thing in vars(module).values()
        if getattr(thing, "__module__", "") == module.__name__
    ]
    assert all(thing.__doc__ for thing in own)


def test_the_package_says_how_to_run_one():
    assert "p2pkit launch" in protocols.__doc__
    assert p2pkit.Protocol in Flood.__mro__
