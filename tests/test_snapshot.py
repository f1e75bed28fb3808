"""Snapshots: copies of nodes that show what was true, and do nothing."""

import copy
import pickle
import threading

import pytest

from p2pkit.errors import NodeDown, ProtocolError
from p2pkit.message import Message
from p2pkit.protocol import Protocol, on
from p2pkit.testing import alone


class Note(Message):
    text: str


class Keeper(Protocol):
    """It keeps all sorts of things."""

    limit = 3

    def on_start(self):
        self.notes = []
        self.by_text = {}
        self.timer = self.every(1.0, self.tick)
        self.method = self.count
        self.friends = self.peers
        self.myself = self
        self.dice = self.random

    def on_connect(self, peer):
        self.friends = self.peers

    @on(Note)
    def note(self, note, sender):
        self.notes.append(note)
        self.by_text[note.text] = self.notes

    def tick(self):
        self.notes.append(Note("tick"))

    def count(self):
        return len(self.notes)


@pytest.fixture
def bench():
    with alone(Keeper, peers=["a", "b"]) as made:
        made.receive(Note("hello"), "a")
        yield made


@pytest.fixture
def seen(bench):
    return bench.snapshot()


def test_a_copy_has_the_class_the_attributes_and_the_methods(bench, seen):
    assert type(seen) is Keeper
    assert (seen.id, seen.now, seen.limit, seen.count()) == ("n0", 0.0, 3, 1)
    assert seen.notes == [Note("hello")]
    assert seen.contact == bench.contact
    assert dict(seen.peers) == dict(seen.friends) == {"a": "a:0", "b": "b:0"}


def test_a_copy_and_its_node_change_apart(bench, seen):
    bench.receive(Note("bye"), "a")
    bench.connect_peer("c")
    bench.advance(0.5)
    assert (seen.count(), len(seen.peers), seen.now) == (1, 2, 0.0)
    seen.notes.clear()
    assert bench.node.count() == 2


def test_what_is_one_thing_in_the_node_is_one_in_the_copy(seen):
    assert seen.by_text["hello"] is seen.notes
    assert seen.myself is seen


def test_messages_are_shared_for_they_cannot_change(bench, seen):
    assert seen.notes[0] is bench.node.notes[0]


def test_a_method_that_is_kept_belongs_to_the_copy(bench, seen):
    assert seen.method.__self__ is seen
    bench.receive(Note("bye"), "a")
    assert (bench.node.method(), seen.method()) == (2, 1)


def test_the_timers_of_a_copy_stop_nothing(bench, seen):
    assert seen.timer.active
    seen.timer.cancel()
    bench.advance(1.0)
    assert bench.node.notes[-1] == Note("tick")


def test_the_dice_of_a_copy_do_not_throw_for_the_node(bench, seen):
    thrown = [seen.random.random() for _ in range(3)]
    assert [bench.node.random.random() for _ in range(3)] == thrown


@pytest.mark.parametrize(
    "act",
    [
        lambda node: node.send("a", Note("x")),
        lambda node: node.broadcast(Note("x")),
        lambda node: node.ask("a", Note("x"), print),
        lambda node: node.after(1, print),
        lambda node: node.every(1, print),
        lambda node: node.work(print, then=print),
        lambda node: node.connect("a:1"),
        lambda node: node.disconnect("a"),
        lambda node: node.log("x"),
    ],
)
def test_a_copy_does_nothing_in_the_network_and_says_what_to_use(bench, seen, act):
    before = len(bench.trace)
    with pytest.raises(NodeDown, match=r"a copy of n0, to look at.* net\.tell or net\.call"):
        act(seen)
    assert (bench.sent, len(bench.trace)) == ([], before)


def test_a_copy_can_be_copied_and_pickled(seen):
    again = copy.deepcopy(seen)
    del seen.method  # the method of an object of a class that a test may not pickle by name
    carried = pickle.loads(pickle.dumps(seen))
    for one in (again, carried):
        assert (one.id, one.notes, dict(one.peers)) == (
            "n0",
            [Note("hello")],
            {"a": "a:0", "b": "b:0"},
        )
        with pytest.raises(NodeDown, match="a copy of n0"):
            one.log("x")


def endless():
    nested = []
    for _ in range(100_000):
        nested = [nested]
    return nested


@pytest.mark.parametrize("thing", [threading.Lock, lambda: (n for n in [1]), endless])
def test_state_that_cannot_be_copied_is_said_with_what_to_do(bench, thing):
    bench.node.odd = thing()
    with pytest.raises(ProtocolError, match=r"the state of n0 cannot be copied .* keep plain data"):
        bench.snapshot()
