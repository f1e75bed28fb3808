"""The protocols that come with the kit: what one node does, reaction by reaction."""

import inspect
from importlib import import_module

import pytest

import p2pkit
from p2pkit import protocols
from p2pkit.message import Contact
from p2pkit.protocols.bootstrap import Bootstrap, Known
from p2pkit.protocols.flood import Flood
from p2pkit.protocols.flood import Rumor as Flooded
from p2pkit.protocols.gossip import Gossip, Rumor
from p2pkit.protocols.repair import Notes, RepairedGossip
from p2pkit.testing import alone

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
    import_module(f"p2pkit.protocols.{name}") for name in ("bootstrap", "flood", "gossip", "repair")
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
