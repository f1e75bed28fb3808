"""The mistakes that students make: each is caught with a sentence that says what happened, where,
and what to do.

The programs in here are wrong, each in one way, as somebody wrote them who has not yet read the manual.
"""

import dataclasses
import re
import sys
import warnings

import cloudpickle
import networkx as nx
import pytest
from diary import shown
from tools import PATIENCE

from p2pkit import Message, Protocol, SimNetwork, check, meter, on
from p2pkit.errors import CheckFailed, MessageError, NetworkError, ProtocolError
from p2pkit.network import NetworkWarning

pytestmark = pytest.mark.usefixtures("nothing_left")

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # see test_parity.py


class Rumor(Message):
    text: str
    hops: int = 0


class Gossip(Protocol):
    """As it should be; each mistake below is a variant of this."""

    def on_start(self):
        self.heard = set()

    @on(Rumor)
    def hear(self, rumor, sender):
        if rumor not in self.heard:
            self.heard.add(rumor)
            self.broadcast(rumor)


HELLO = Rumor("hello")


def says(raised, *parts):
    """Check that what a student sees says all of this, in this order."""
    text = shown(raised.value)
    assert re.search(".*".join(map(re.escape, parts)), text, re.DOTALL), text


def test_what_is_right_is_left_in_peace(network):
    with network(Gossip, 4) as net:
        net.tell("n0", HELLO)
        assert net.run(until=lambda: all(HELLO in node.heard for node in net), within=PATIENCE)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            net.run(0.05)
        assert not net.trace.drops


# Duplicates


class Parrot(Gossip):
    """Say again whatever one hears."""

    @on(Rumor)
    def hear(self, rumor, sender):
        self.heard.add(rumor)
        self.broadcast(rumor)


def test_no_duplicate_check():
    with SimNetwork(Parrot, 5) as net:
        net.tell("n0", HELLO)
        with pytest.raises(NetworkError) as raised:
            net.run(10.0)
    says(raised, " events in 0.", " s of virtual time", "100% of the messages in Parrot.hear")
    says(raised, "is a duplicate check missing?")


class Spinning(Gossip):
    """Look again and again whether something has changed."""

    def on_start(self):
        super().on_start()
        self.look()

    def look(self):
        self.after(0, self.look)


def test_a_timer_of_no_time(monkeypatch):
    monkeypatch.setattr(meter, "BUDGET", 50_000)
    with SimNetwork(Spinning, 2) as net, pytest.raises(NetworkError) as raised:
        net.run(1.0)
    says(raised, "events in 0 s of virtual time: does a timer set itself again at once?")


# A set


class Unsorted(Gossip):
    """Remember friends in a set, and tell them all."""

    def on_start(self):
        super().on_start()
        self.friends = set()

    def on_connect(self, peer):
        self.friends.add(peer)

    @on(Rumor)
    def hear(self, rumor, sender):
        if rumor not in self.heard:
            self.heard.add(rumor)
            for friend in self.friends:
                self.send(friend, rumor)


def test_a_loop_over_a_set():
    def story():
        with SimNetwork(Unsorted, 8, seed=7) as net:
            net.tell("n0", HELLO)
            net.run(1.0)
            return net

    with pytest.raises(CheckFailed) as raised:
        check.hash_seeds(story, seeds=(0, 1))
    says(raised, "the story depends on the hash seed: with PYTHONHASHSEED 0 (first) and 1 (second)")
    says(raised, "first   0 s  n0 sends", "second  0 s  n0 sends", "write sorted(…) around the set")


# Messages


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (lambda: Rumor(5), "Rumor.text is declared as str, and was given 5, a value of type int"),
        (lambda: Rumor("x", "1"), "Rumor.hops is declared as int, and was given '1'"),
        (lambda: Rumor("x", 0.5), "Rumor.hops is declared as int, and was given 0.5"),
        (lambda: "hello", "this is of type str, and no message: make a class for it"),
        (lambda: Rumor, "this is a class, not an object of it, and no message"),
    ],
    ids=["int for str", "str for int", "float for int", "a text", "the class"],
)
def test_a_message_of_a_wrong_type(network, wrong, sentence):
    class Careless(Gossip):
        @on(Rumor)
        def hear(self, rumor, sender):
            for peer in self.peers:
                self.send(peer, wrong())  # here

    with network(Careless, 2, seed=5) as net:
        with pytest.raises(MessageError) as raised:
            net.tell("n0", HELLO)
        assert not net.is_up("n0")
        assert net.is_up("n1")
    says(raised, sentence)
    assert raised.value.__notes__[0].startswith("at node n0, 0.")
    assert raised.value.__notes__[0].endswith(" s after the start, seed 5")
    says(raised, f'File "{__file__}", line', "in hear")


def test_a_mutable_field():
    with pytest.raises(MessageError) as raised:

        class Pages(Message):
            numbers: list[int]

    says(raised, "Pages.numbers is a list, which a message cannot have, as messages never change")
    says(raised, "use tuple[int, ...]")
    with pytest.raises(MessageError) as raised:

        class Words(Message):
            words: tuple[str, ...] = []

    says(raised, "Words.words has the default [], a list, which a message cannot have")
    says(raised, "as messages never change: use tuple[str, ...]")
    for kind, instead in [(set, "frozenset[str]"), (dict, "tuple[tuple[str, int], ...]")]:
        with pytest.raises(MessageError) as raised:
            type("Pages", (Message,), {"__annotations__": {"numbers": kind}})
        says(raised, f"Pages.numbers is a {kind.__name__}", f"use {instead}")


class Pages(Message):
    numbers: tuple[int, ...]
    words: frozenset[str] = frozenset()


@pytest.mark.parametrize(
    ("pages", "sentence"),
    [
        (Pages([1, 2]), "given [1, 2], a value of type list: write tuple(…) around it"),
        (Pages((), {"a"}), "given {'a'}, a value of type set: write frozenset(…) around it"),
        (
            Pages({"a"}),
            r"Pages.numbers is declared as tuple[int, ...], and was given {'a'}, a value",
        ),
    ],
    ids=["list", "set", "quite wrong"],
)
def test_a_list_in_place_of_a_tuple(pages, sentence):
    with SimNetwork(Gossip, 2) as net, pytest.raises(MessageError) as raised:
        net["n0"].send("n1", pages)
    says(raised, sentence)
    assert str(raised.value).endswith(("around it", "of type set"))


# Handlers


class Question(Message):
    text: str


class Asking(Gossip):
    def ask_all(self):
        for _ in range(50):
            self.broadcast(Question("who is there?"))


def test_a_forgotten_on(network):
    with network(Asking, 3) as net:
        with pytest.raises(ProtocolError) as raised:
            net.tell("n0", Question("who is there?"))
        says(raised, "n0 runs Asking, which has no @on(Question) handler")
        net.call("n0", "ask_all")

        def is_over():
            return net.trace.count(kind="drop") == 100

        with pytest.warns(NetworkWarning) as warned:
            assert net.run(until=is_over, within=PATIENCE)
        [event, *_] = net.trace.where(kind="drop")
    [warning] = warned
    assert str(warning.message) == (
        "100 drops, not understood: messages arrived that their receivers do not handle: "
        "is an @on(…) missing?"
    )
    assert warning.filename == __file__
    assert event.reason == "not understood: no handler for Question"
    assert event.node in ("n1", "n2")


@pytest.mark.parametrize(
    ("write", "sentence"),
    [
        (
            lambda: on(lambda self, rumor, sender: None),
            "write the class of the messages it handles",
        ),
        (
            lambda: on("Rumor"),
            "@on(Rumor): write the class of the messages it handles, as in @on(Rumor)",
        ),
        (
            lambda: type("Short", (Gossip,), {"hear": on(Rumor)(lambda self, rumor: None)}),
            "Short.hear must take (self, message, sender), as handlers are called so",
        ),
        (
            lambda: type(
                "Twins",
                (Protocol,),
                {name: on(Rumor)(lambda self, rumor, sender: None) for name in ("hear", "listen")},
            ),
            "Twins has two handlers for Rumor, hear and listen: a message is handled once",
        ),
    ],
    ids=["on without a class", "on a name", "two parameters", "two handlers"],
)
def test_a_handler_that_cannot_work(write, sentence):
    with pytest.raises(ProtocolError) as raised:
        write()
    says(raised, sentence)


def test_a_handler_that_waits():
    with pytest.raises(ProtocolError) as raised:

        class Patient(Gossip):
            @on(Rumor)
            async def hear(self, rumor, sender):
                self.heard.add(rumor)

    says(raised, "Patient.hear waits (async or yield), and a handler never does: use after, or ask")


class Broken(Gossip):
    @on(Rumor)
    def hear(self, rumor, sender):
        super().hear(rumor, sender)
        self.latest = max(self.heard - {rumor})  # nothing is left of one


def test_a_handler_that_raises(network):
    with network(Gossip, nx.path_graph(3), roles={1: Broken}, seed=5) as net:
        with pytest.raises(ValueError, match=r"max.*empty") as raised:  # noqa: PT012
            net.tell("n0", HELLO)
            net.run(PATIENCE)
        [note] = raised.value.__notes__
        assert re.fullmatch(r"at node n1, \d+\.\d{3} s after the start, seed 5", note)
        says(raised, f'File "{__file__}", line', "in hear")
        [event] = net.trace.where(kind="error")
        assert (event.node, event.reason.split(":")[0]) == ("n1", "ValueError")
        assert [net.is_up(name) for name in net.names] == [True, False, True]


class Chatty(Gossip):
    @on(Rumor)
    def hear(self, rumor, sender):
        return "thank you"


def test_a_handler_that_answers_with_no_message(network):
    class Curious(Chatty):
        def wonder(self):
            self.ask("n1", HELLO, self.heard.add)

    with network(Curious, 2) as net:
        net.call("n0", "wonder")
        with pytest.raises(ProtocolError) as raised:
            net.run(PATIENCE)
    says(
        raised,
        "Curious.hear returned 'thank you': a handler returns nothing, or a Message as its answer",
    )
    says(raised, "at node n1")


def test_an_answer_to_nobody(network):
    class Polite(Gossip):
        @on(Rumor)
        def hear(self, rumor, sender):
            self.send(sender, Rumor("thank you"))

    with network(Polite, 2) as net, pytest.raises(ProtocolError) as raised:
        net.tell("n0", HELLO)
    says(raised, "take a peer's id, or a Contact, and not None")
    says(raised, "the sender is None when a message was told from outside", "at node n0")


# Peers


class Distant(Gossip):
    """Send to whom one is not connected to."""

    def shout(self):
        for number in range(100):
            self.send("n3", Rumor(str(number)))


def test_a_peer_that_is_not_connected(network):
    with network(Distant, nx.path_graph(4)) as net:
        net.call("n0", "shout")
        with pytest.warns(NetworkWarning) as warned:
            net.run(0.05)
        [event, *_] = net.trace.where(kind="drop")
        assert (event.node, event.peer, event.reason) == ("n0", "n3", "no such peer")
    [warning] = warned
    assert str(warning.message) == (
        "100 drops, no such peer: messages went to nodes that are not peers: "
        "send to self.peers, or to a Contact"
    )


# Nodes and networks


def test_an_init_that_needs_the_network():
    class Early(Gossip):
        def __init__(self):
            self.broadcast(HELLO)

    with pytest.raises(ProtocolError) as raised:
        SimNetwork(Early, 2)
    says(raised, "this Early is not part of a network yet: do in on_start what needs one")


def test_an_object_in_place_of_the_class(network):
    with pytest.raises(NetworkError) as raised:
        network(Gossip(), 2)
    says(raised, "a network takes the class, Gossip, not an object of it: nodes may restart")


def test_a_name_that_is_spelled_wrongly(network):
    with network(Gossip, nx.Graph([("alice", "bob")])) as net:
        with pytest.raises(NetworkError) as raised:
            net.tell("alise", HELLO)
        says(raised, "there is no node alise in this network: did you mean alice?")


def test_a_parameter_that_is_spelled_wrongly():
    class Choosy(Gossip):
        fanout = 3

    with pytest.raises(ProtocolError) as raised:
        Choosy.using(fanuot=5)
    says(raised, "Choosy has no parameter fanuot: did you mean fanout?")


def test_a_network_that_is_used_after_its_end(network):
    with network(Gossip, 2) as net:
        pass
    with pytest.raises(NetworkError) as raised:
        net.tell("n0", HELLO)
    says(raised, "this network is closed: it can be looked at, and plotted, but not act any more")


def test_seconds_and_a_condition_in_one_run(network):
    with network(Gossip, 2) as net, pytest.raises(NetworkError) as raised:
        net.run(lambda: net["n0"].heard)
    says(raised, "run takes seconds, as in run(1.5), or a condition: run(until=…, within=5)")


# Small slips


class Slips(Protocol):
    """Methods that are called in a wrong way."""

    def tick(self):
        pass

    def called_at_once(self):
        self.after(1.0, self.tick())

    def called_at_once_and_again(self):
        self.every(1.0, self.tick())

    def no_one_to_answer(self):
        self.ask("n1", HELLO, self.tick())

    def the_other_way_round(self):
        self.after(self.tick, 1.0)

    def words_for_numbers(self):
        self.every("1", self.tick)

    def result_for_work(self):
        self.work(self.tick(), then=self.tick)


SLIPS = {
    "called_at_once": "after takes a function to call later, and not None: .*after(1.0, self.tick)",
    "called_at_once_and_again": "every takes a function .*, and not None",
    "no_one_to_answer": "ask takes a function .*, and not None",
    "the_other_way_round": "after takes a function .*, and not 1.0",
    "words_for_numbers": "every: '1' is no number of seconds, which comes first",
    "result_for_work": "work takes a function .*, and not None",
}


@pytest.mark.parametrize("slip", SLIPS)
def test_a_call_in_place_of_a_function_is_told_at_once(slip):
    with SimNetwork(Slips, 2) as net, pytest.raises(ProtocolError) as raised:
        net.call("n0", slip)
    assert re.match(
        SLIPS[slip].replace("(1.0, self.tick)", re.escape("(1.0, self.tick)")), str(raised.value)
    )


def test_a_call_in_place_of_a_function_is_told_by_networks_too(network):
    with network(Gossip, 2) as net:
        with pytest.raises(ProtocolError, match="after takes a function"):
            net.after(1.0, net.heal())
        with pytest.raises(ProtocolError, match=r"as in run\(until=lambda"):
            net.run(until=net.now > 3)


def test_a_message_that_is_changed_says_how_to_make_another_one():
    rumor = Rumor("hello")
    with pytest.raises(
        AttributeError, match=r"never changes, .* dataclasses.replace\(rumor, hops=…\)"
    ):
        rumor.hops += 1
    assert rumor == dataclasses.replace(Rumor("hi"), text="hello")


def test_a_field_without_a_type_is_none():
    with pytest.raises(MessageError, match=r"Secret.text has no type, .*: write text: str = 'x'"):

        class Secret(Message):
            text = "x"

    class Fine(Message):
        _private = 3
        kind: str = "fine"

        @property
        def loud(self):
            return self.kind.upper()

    assert Fine().loud == "FINE"


def test_a_hook_that_is_misspelled_is_told():
    with pytest.raises(ProtocolError, match=r"Shy.on_conect is called by nobody: .* on_connect?"):

        class Shy(Protocol):
            def on_conect(self, peer):
                pass

    class Named(Protocol):
        @on(Rumor)
        def on_starts(self, rumor, sender):
            pass

        def on_block(self):
            pass
