"""Protocols: parameters and variants, what they pass on to their host, and timers."""

import copy
import pickle

import pytest

from p2pkit.errors import ProtocolError
from p2pkit.message import Contact, Message
from p2pkit.protocol import Host, Protocol, Timer, on
from p2pkit.testing import alone


class Rumor(Message):
    text: str


class Gossip(Protocol):
    """Tell a few."""

    fanout = 3
    period = 0.5
    _secret = 1
    heard: set[Rumor]

    def on_start(self):
        self.heard = set()

    @on(Rumor)
    def hear(self, rumor, sender):
        self.heard.add(rumor)

    @property
    def size(self):
        return len(self.heard)

    @classmethod
    def make(cls):
        return cls()


# Variants


def test_using_makes_a_variant_and_leaves_the_class_alone():
    wide = Gossip.using(fanout=10, period=1.0)
    assert (wide.fanout, wide.period) == (10, 1.0)
    assert (Gossip.fanout, Gossip.period) == (3, 0.5)
    assert issubclass(wide, Gossip)
    assert wide.handlers == Gossip.handlers


def test_a_variant_has_the_name_and_the_words_of_its_class():
    wide = Gossip.using(fanout=10)
    assert (wide.__name__, wide.__qualname__, wide.__module__, wide.__doc__) == (
        Gossip.__name__, Gossip.__qualname__, Gossip.__module__, Gossip.__doc__
    )  # fmt: skip


def test_a_variant_of_a_variant_keeps_what_it_does_not_change():
    assert Gossip.using(fanout=10).using(period=2).fanout == 10


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("fanuot", "did you mean fanout?"),
        ("zzz", "it has fanout, period"),
        ("_secret", "it has"),
        ("hear", "it has"),
        ("on_start", "it has"),
        ("size", "it has"),
        ("make", "it has"),
        ("heard", "it has"),
        ("peers", "did you mean period?|it has"),
        ("id", "it has"),
        ("now", "it has"),
        ("disk", "it has"),
        ("handlers", "it has"),
        ("send", "it has"),
    ],
)
def test_using_takes_parameters_only(name, hint):
    with pytest.raises(ProtocolError, match=f"Gossip has no parameter {name}: ({hint})"):
        Gossip.using(**{name: 5})


def test_a_protocol_without_parameters_says_so():
    class Bare(Protocol): ...

    with pytest.raises(ProtocolError, match="Bare has no parameter fanout: it has none"):
        Bare.using(fanout=5)


# Before there is a network


@pytest.mark.parametrize(
    "use",
    [
        lambda node: node.id,
        lambda node: node.now,
        lambda node: node.random,
        lambda node: node.peers,
        lambda node: node.contact,
        lambda node: node.disk,
        lambda node: node.sample(1),
        lambda node: node.send("a", Rumor("hello")),
        lambda node: node.broadcast(Rumor("hello")),
        lambda node: node.ask("a", Rumor("hello"), print),
        lambda node: node.after(1, print),
        lambda node: node.every(1, print),
        lambda node: node.work(print, then=print),
        lambda node: node.connect("a:1"),
        lambda node: node.disconnect("a"),
        lambda node: node.log("hello"),
    ],
)
def test_a_protocol_that_is_in_no_network_says_so(use):
    with pytest.raises(
        ProtocolError, match=r"this Gossip is not part of a network yet: .*on_start"
    ):
        use(Gossip())


@pytest.mark.parametrize("name", ["id", "now", "random", "peers", "contact", "disk"])
def test_what_a_node_knows_cannot_be_overwritten(name):
    with alone(Gossip) as bench, pytest.raises(AttributeError, match=name):
        setattr(bench.node, name, None)


# What is passed on


def test_a_node_knows_what_its_host_knows():
    with alone(Gossip, id="n7", peers=["a", "b"]) as bench:
        node = bench.node
        assert (node.id, node.now, dict(node.peers)) == ("n7", 0.0, {"a": "a:0", "b": "b:0"})
        assert node.contact == Contact("n7", "n7:0")
        assert node.random is bench.random


@pytest.mark.parametrize(
    ("but", "reached"), [(None, "abc"), ("b", "ac"), (["a", "c"], "b"), ((), "abc"), ("ab", "abc")]
)
def test_broadcast_reaches_all_peers_but_one_or_several(but, reached):
    with alone(Gossip, peers="abc") as bench:
        bench.node.broadcast(Rumor("hello"), but=but)
        for peer in reached:
            bench.expect(peer, Rumor("hello"))


def test_a_sample_has_different_peers_and_at_most_all_of_them():
    with alone(Gossip, peers="abcde") as bench:
        samples = [bench.node.sample(3) for _ in range(50)]
        assert all(len(set(sample)) == 3 for sample in samples)
        assert {peer for sample in samples for peer in sample} == set("abcde")
        assert sorted(bench.node.sample(99)) == list("abcde")
        assert bench.node.sample(0) == []


def test_the_same_seed_throws_the_same_dice_and_each_node_its_own():
    def throws(id, seed):
        return [alone(Gossip, id=id, seed=seed).node.random.random() for _ in range(2)]

    assert throws("n0", 1) == throws("n0", 1)
    assert len({tuple(throws(id, seed)) for id in ("n0", "n1") for seed in (1, 2)}) == 4


# Timers


def test_a_timer_that_is_cancelled_forgets_its_call_once():
    timer, calls = Timer(), []
    timer._forget = lambda: calls.append("forgotten")
    assert timer.active
    timer.cancel()
    timer.cancel()
    assert not timer.active
    assert calls == ["forgotten"]


@pytest.mark.parametrize(
    "duplicate", [copy.deepcopy, lambda timer: pickle.loads(pickle.dumps(timer))]
)
def test_a_copy_of_a_timer_shows_whether_it_runs_and_stops_nothing(duplicate):
    timer, calls = Timer(), []
    timer._forget = lambda: calls.append("forgotten")
    shown = duplicate(timer)
    assert shown.active
    shown.cancel()
    assert timer.active
    assert calls == []
    timer.cancel()
    assert not duplicate(timer).active


def test_a_host_has_to_implement_all_that_a_protocol_may_ask():
    with pytest.raises(TypeError, match="abstract"):
        Host()
