"""One node in virtual time: how messages travel, and how connections begin and end."""

import gc
import weakref
from dataclasses import dataclass
from itertools import pairwise
from random import Random

import networkx as nx
import pytest

from p2pkit import Contact, Link, Message, Protocol, SimNetwork, on
from p2pkit.contacts import CONTACT_IDLE
from p2pkit.framing import HEADER
from p2pkit.message import encode
from p2pkit.simhost import DIAL_TIMEOUT, PEER_TIMEOUT
from p2pkit.simulation import LATENCY


class Note(Message):
    """Something to be written down."""

    number: int


class Question(Message):
    """Is answered with a note."""


class Diary(Protocol):
    """Write down what happens, and when; act when told to."""

    def on_start(self):
        self.seen = []
        self.notes = []
        self.answers = []

    def on_connect(self, peer):
        self.seen.append((self.now, f"+{peer}"))

    def on_disconnect(self, peer):
        self.seen.append((self.now, f"-{peer}"))

    def on_unreachable(self, address):
        self.seen.append((self.now, f"?{address}"))

    @on(Note)
    def write(self, note, sender):
        self.notes.append((self.now, note.number))

    @on(Question)
    def reply(self, question, sender):
        return Note(len(self.notes))

    def say(self, to, *numbers):
        for number in numbers:
            self.send(to, Note(number))

    def want(self, to, timeout=1.0):
        self.ask(to, Question(), lambda answer: self.answers.append((self.now, answer)), timeout)

    def part(self, peer, *numbers):
        self.say(peer, *numbers)
        self.disconnect(peer)

    def numbers(self):
        return [number for _, number in self.notes]


def network(graph=2, **options):
    return SimNetwork(Diary, graph, **options)


def contact(net, name):
    return net[name].contact


def later(net, name):
    """Return what a node has seen since the start."""
    return [(round(time, 9), what) for time, what in net[name].seen if time > 0]


def drops(net):
    return [(e.node, e.peer, e.value[1]["number"], e.cause) for e in net.trace.where(kind="drop")]


def is_quiet(net, steps=100):
    """Let happen what is still to happen; return whether that comes to an end."""
    return not all(net.step() for _ in range(steps))


# How messages travel


@pytest.mark.parametrize(
    ("link", "takes"),
    [
        (None, LATENCY),
        (Link(loss=0.0), LATENCY),
        (Link(latency=0), 0.0),
        (Link(latency=0.25), 0.25),
        (Link(latency=(0.5, 0.5)), 0.5),
        (Link(latency=lambda random: 2.0), 2.0),
    ],
)
def test_a_message_takes_exactly_as_long_as_its_link_says(link, takes):
    with network(link=link) as net:
        net.run(1.0)
        net.call("n0", "say", "n1", 1)
        net.run(3.0)
        assert net["n1"].notes == [(1.0 + takes, 1)]


def test_a_latency_function_may_be_an_object_that_has_no_hash():
    @dataclass
    class Slow:
        seconds: float

        def __call__(self, random):
            return self.seconds

    with network(link=Link(latency=Slow(0.5))) as net:
        net.call("n0", "say", "n1", 1)
        net.run(1.0)
        assert net["n1"].notes == [(0.5, 1)]


def test_what_is_passed_on_unchanged_is_not_encoded_again(monkeypatch):
    encoded = []
    monkeypatch.setattr("p2pkit.host.encode", lambda note: encoded.append(note) or encode(note))

    class Relay(Protocol):
        def on_start(self):
            self.heard = []

        @on(Note)
        def hear(self, note, sender):
            self.heard.append(note)
            if len(self.peers) == 2 or sender is None:
                self.broadcast(note if note.number else Note(5), but=sender)

    with SimNetwork(Relay, nx.path_graph(6)) as net:
        for number in (1, 0):
            encoded.clear()
            net.tell("n0", Note(number))
            net.run(1.0)
            # Those who are told from outside, and who were the first to hear it, had to do it.
            assert encoded in ([Note(1)] * 3, [Note(0), Note(5), Note(5)])
        heard = [node.heard for node in net]
    assert heard == [[Note(1), Note(0)], *[[Note(1), Note(5)]] * 5]


def test_random_latencies_are_drawn_from_the_senders_own_dice():
    with network(link=Link(latency=(0.1, 0.2), ordered=False), seed=7) as net:
        for name, to in ("n0", "n1"), ("n1", "n0"):
            dice = Random(f"7 {name} links")
            draws = [net.now + 0.1 + 0.1 * dice.random() for _ in range(20)]
            net.call(name, "say", to, *range(20))
            net.run(1.0)
            assert [time for time, _ in net[to].notes] == pytest.approx(sorted(draws))


def test_nothing_is_overtaken_unless_the_link_allows_it():
    for ordered in (True, False):
        with network(link=Link(latency=(0, 1), ordered=ordered)) as net:
            net.call("n0", "say", "n1", *range(100))
            net.run(2.0)
            numbers = net["n1"].numbers()
        assert sorted(numbers) == [*range(100)]
        assert (numbers == [*range(100)]) is ordered


def test_a_message_occupies_the_line_as_long_as_its_size_says():
    size = HEADER + len(encode(Note(1)))
    with network(3, link=Link(latency=0.5, bandwidth=size)) as net:
        net.call("n0", "say", "n1", 1, 2, 3)
        net.call("n0", "say", "n2", 4)  # another line
        net.run(5.0)
        assert net["n1"].notes == [(1.5, 1), (2.5, 2), (3.5, 3)]
        assert net["n2"].notes == [(1.5, 4)]


def test_links_lose_and_repeat_as_many_as_they_should():
    with network(link=Link(loss=0.2, duplicate=0.1), seed=1) as net:
        net.call("n0", "say", "n1", *range(4000))
        net.run(1.0)
        assert net.trace.drops["lost"] == pytest.approx(800, rel=0.1)
        assert len(net["n1"].notes) == pytest.approx(3200 * 1.1, rel=0.05)
    with network(link=Link(loss=1)) as net:
        net.call("n0", "say", "n1", 1)
        net.run(1.0)
        assert drops(net) == [("n0", "n1", 1, "lost")]


def test_a_shaped_link_is_only_between_the_two():
    with network(3) as net:
        net.shape("n0", "n1", Link(latency=1.0), oneway=True)
        net.call("n0", "say", "n1", 1)
        net.call("n1", "say", "n0", 2)
        net.call("n0", "say", "n2", 3)
        net.run(2.0)
        assert [node.notes for node in net] == [[(LATENCY, 2)], [(1.0, 1)], [(LATENCY, 3)]]


def test_an_answer_comes_back_and_one_that_is_late_is_none():
    with network(link=Link(latency=0.3)) as net:
        net.call("n0", "want", "n1", 1.0)
        net.call("n0", "want", "n1", 0.5)
        net.run(2.0)
        assert net["n0"].answers == [(0.5, None), (0.6, Note(0))]


def test_work_takes_virtual_time_and_waits_for_the_end_of_a_pause():
    class Miner(Diary):
        def mine(self, seconds):
            self.work(pow, 2, 10, then=lambda x: self.notes.append((self.now, x)), takes=seconds)

    with SimNetwork(Miner, 3) as net:
        for name in net.names:
            net.call(name, "mine", 3600.0)
        net.crash("n1")
        net.restart("n1")
        net.run(3000.0)
        net.pause("n2")
        net.run(1000.0)
        assert [node.notes for node in net] == [[(3600.0, 1024)], [], []]
        net.resume("n2")
        assert net["n2"].notes == [(4000.0, 1024)]


# Crash, leave, disconnect


def test_a_crash_drops_what_is_on_its_way_and_tells_the_peers():
    with network(3, link=Link(latency=1.0)) as net:
        net.call("n0", "say", "n1", 1)
        net.call("n1", "say", "n0", 2)
        net.call("n1", "say", "n2", 3)
        net.run(0.5)
        net.crash("n0")
        net.run(5.0)
        assert (net["n0"].notes, net["n1"].notes, net["n2"].numbers()) == ([], [], [3])
        assert drops(net) == [("n0", "n1", 1, "node is down"), ("n1", "n0", 2, "node is down")]
        assert later(net, "n1") == later(net, "n2") == [(0.5, "-n0")]
        assert "n0" not in net["n1"].peers


def test_what_was_on_its_way_at_a_crash_does_not_reach_the_next_life():
    with network(link=Link(latency=1.0)) as net:
        net.call("n0", "say", "n1", 1)
        net.call("n1", "say", "n0", 2)
        net.call("n1", "want", "n0")
        net.crash("n0")
        net.restart("n0")
        net.call("n0", "say", "n1", 3)
        net.run(5.0)
        assert (net["n0"].numbers(), net["n1"].numbers()) == ([], [3])
        assert net["n1"].answers == [(1.0, None)]


def test_a_restart_gives_a_new_object_with_other_dice_and_another_address():
    with network() as net:
        old, address, throw = net["n0"], contact(net, "n0").address, net["n0"].random.random()
        old.secret = 42
        net.crash("n0")
        net.restart("n0")
        assert net["n0"] is not old
        assert not hasattr(net["n0"], "secret")
        assert net["n0"].random.random() != throw
        assert contact(net, "n0").address != address
        assert net["n1"].peers["n0"] == contact(net, "n0").address
        net.call(old.id, "say", "n1", 1)
        net.run(1.0)
        assert net["n1"].numbers() == [1]


def test_nothing_is_left_of_a_life_that_is_over():
    with network() as net:
        old = weakref.ref(net["n0"])
        net.call("n0", "say", "n1", 1)
        net.crash("n0")
        net.restart("n0")
        net.run(10.0)
        gc.collect()
        assert old() is None


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    "link",
    [
        Link(latency=1.0),
        Link(latency=(0.0, 2.0)),
        Link(latency=(0.0, 2.0), ordered=False),
        Link(latency=0.1, bandwidth=100),
        Link(latency=0),
    ],
    ids=str,
)
@pytest.mark.parametrize("verb", ["leave", "disconnect"])
def test_leaving_and_disconnecting_deliver_first(link, verb, seed):
    with network(link=link, seed=seed) as net:
        if verb == "leave":
            net.call("n0", "say", "n1", *range(20))
            net.leave("n0")
        else:
            net.call("n0", "part", "n1", *range(20))
        net.run(20.0)
        assert sorted(net["n1"].numbers()) == [*range(20)]
        assert not drops(net)
        [(gone, what)] = later(net, "n1") or [(0.0, "-n0")]
        assert what == "-n0"
        assert gone >= max(time for time, _ in net["n1"].notes) - 1e-9
        assert not net["n1"].peers


def test_messages_that_a_paused_node_had_not_read_are_dropped_when_it_crashes():
    with network() as net:
        net.pause("n0")
        net.call("n1", "say", "n0", 1, 2)
        net.run(1.0)
        assert not drops(net)
        net.crash("n0")
        assert drops(net) == [("n1", "n0", 1, "node is down"), ("n1", "n0", 2, "node is down")]


# Cuts and partitions

SILENCES = {
    "partition": lambda net: net.partition(["n0"]),
    "cut": lambda net: net.cut("n0", "n1"),
    "one way": lambda net: net.cut("n0", "n1", oneway=True),
    "the other way": lambda net: net.cut("n1", "n0", oneway=True),
}
silences = pytest.mark.parametrize("silence", SILENCES.values(), ids=SILENCES)


@silences
def test_silence_is_noticed_at_both_ends_after_five_seconds_and_not_before(silence):
    with network() as net:
        net.run(1.0)
        silence(net)
        net.run(PEER_TIMEOUT - 0.001)
        assert (later(net, "n0"), later(net, "n1")) == ([], [])
        net.run(1.0)
        gone = 1.0 + PEER_TIMEOUT
        assert (later(net, "n0"), later(net, "n1")) == ([(gone, "-n1")], [(gone, "-n0")])
        assert is_quiet(net)
        net.heal()
        assert net.overlay().size() == 1
        net.call("n0", "say", "n1", 1)
        net.run(1.0)
        assert net["n1"].numbers() == [1]


@silences
def test_what_is_healed_in_time_is_not_noticed(silence):
    with network() as net:
        for _ in range(3):  # each silence counts for itself
            silence(net)
            net.run(PEER_TIMEOUT - 0.1)
            net.heal()
            net.run(0.05)
        net.run(20.0)
        assert (later(net, "n0"), later(net, "n1")) == ([], [])
        assert net.trace.count(kind="disconnect") == 0


def test_what_is_said_into_a_cut_is_dropped_silently_and_what_was_said_before_arrives():
    with network(4, link=Link(latency=1.0)) as net:
        net.call("n0", "say", "n2", 1)
        net.partition(["n0", "n1"])
        for name, to in ["01", "02", "20", "23"]:
            net.call(f"n{name}", "say", f"n{to}", 2)
        net.run(3.0)
        assert [node.numbers() for node in net] == [[], [2], [1], [2]]
        assert drops(net) == [("n0", "n2", 2, "cut"), ("n2", "n0", 2, "cut")]


def test_a_crash_behind_a_cut_is_noticed_late():
    with network(3) as net:
        net.cut("n0", "n1")
        net.run(2.0)
        net.crash("n0")
        net.run(10.0)
        assert later(net, "n2") == [(2.0, "-n0")]
        assert later(net, "n1") == [(PEER_TIMEOUT, "-n0")]


def test_what_was_on_its_way_at_a_crash_behind_a_cut_is_dropped_as_well():
    with network(link=Link(latency=1.0)) as net:
        net.call("n0", "say", "n1", 1)
        net.cut("n0", "n1")
        net.run(0.5)
        net.crash("n0")
        net.run(1.0)
        assert drops(net) == [("n0", "n1", 1, "node is down")]


def test_a_crash_behind_a_cut_is_noticed_after_that_is_healed_even_if_nobody_redials():
    with network(nx.empty_graph(2)) as net:
        net.call("n0", "connect", contact(net, "n1"))
        net.run(1.0)
        net.cut("n0", "n1")
        net.run(1.0)
        net.crash("n0")
        net.heal()
        net.run(10.0)
        assert [what for _, what in net["n1"].seen] == ["+n0", "-n0"]


def test_a_crash_behind_a_cut_is_noticed_when_that_is_healed_and_the_node_is_back():
    with network() as net:
        net.cut("n0", "n1")
        net.crash("n0")
        net.restart("n0")
        net.run(2.0)
        assert (net["n0"].seen, later(net, "n1")) == ([], [])
        net.heal()
        assert later(net, "n1") == [(2.0, "-n0"), (2.0, "+n0")]
        net.call("n1", "say", "n0", 1)
        net.run(20.0)
        assert net["n0"].numbers() == [1]
        assert len(later(net, "n1")) == 2


def test_who_leaves_behind_a_cut_is_missed_after_five_seconds():
    with network() as net:
        net.cut("n0", "n1")
        net.leave("n0")
        net.run(10.0)
        assert later(net, "n1") == [(PEER_TIMEOUT, "-n0")]


# Pauses


def test_a_paused_node_is_given_up_after_five_seconds_and_redialled_at_the_end():
    with network() as net:
        net.pause("n0")
        net.run(10.0)
        assert later(net, "n1") == [(PEER_TIMEOUT, "-n0")]
        assert later(net, "n0") == []
        net.resume("n0")
        assert later(net, "n0") == [(10.0, "-n1"), (10.0, "+n1")]
        assert later(net, "n1")[1:] == [(10.0, "+n0")]
        net.run(20.0)
        assert net.overlay().size() == 1


def test_a_paused_node_is_connected_to_nobody_new_until_it_resumes():
    with network() as net:
        net.partition(["n0"])
        net.run(10.0)
        net.pause("n0")
        net.heal()
        net.join("n2", to=["n0", "n1"])
        assert sorted(net.overlay().edges) == [("n1", "n2")]
        net.resume("n0")
        assert net["n0"].peers.keys() == {"n1", "n2"}
        assert net["n2"].peers.keys() == {"n0", "n1"}


def test_a_short_pause_is_not_noticed_and_what_was_said_is_read_after_it():
    with network() as net:
        net.pause("n0")
        net.call("n1", "say", "n0", 1, 2, 3)
        net.run(4.9)
        assert net["n0"].notes == []
        net.resume("n0")
        assert net["n0"].notes == [(4.9, 1), (4.9, 2), (4.9, 3)]
        net.run(20.0)
        assert (later(net, "n0"), later(net, "n1")) == ([], [])


def test_two_paused_neighbours_blame_nobody():
    with network() as net:
        net.pause("n0")
        net.pause("n1")
        net.run(60.0)
        net.resume("n0")
        net.run(4.0)
        net.resume("n1")
        net.run(60.0)
        assert (later(net, "n0"), later(net, "n1")) == ([], [])


def test_of_two_paused_neighbours_the_first_awake_gives_the_other_up():
    with network() as net:
        net.pause("n0")
        net.pause("n1")
        net.run(60.0)
        net.resume("n0")
        net.run(10.0)
        assert later(net, "n0") == [(60.0 + PEER_TIMEOUT, "-n1")]
        net.resume("n1")
        assert net.overlay().size() == 1


def test_a_pause_behind_a_partition_ends_with_it_or_after_it():
    with network() as net:
        net.pause("n0")
        net.partition(["n0"])
        net.run(10.0)
        net.resume("n0")
        assert (later(net, "n0"), later(net, "n1")) == ([], [(5.0, "-n0")])
        net.run(10.0)
        assert later(net, "n0") == [(10.0 + PEER_TIMEOUT, "-n1")]
        net.heal()
        assert net.overlay().size() == 1


def test_a_pause_that_goes_on_after_a_partition_is_given_up_all_the_same():
    with network() as net:
        net.partition(["n0"])
        net.run(1.0)
        net.pause("n0")
        net.run(1.0)
        net.heal()
        net.run(10.0)
        assert later(net, "n1") == [(PEER_TIMEOUT, "-n0")]


# Dialling


def test_a_dial_takes_one_way_there_and_one_way_back():
    with network(nx.empty_graph(2), link=Link(latency=0.5)) as net:
        net.call("n0", "connect", contact(net, "n1"))
        net.run(5.0)
        assert later(net, "n1") == [(0.5, "+n0")]
        assert later(net, "n0") == [(1.0, "+n1")]


@silences
def test_a_dial_through_a_cut_is_given_up_after_five_seconds(silence):
    with network(nx.empty_graph(2)) as net:
        silence(net)
        there = contact(net, "n1")
        net.call("n0", "connect", there.address)
        net.run(20.0)
        assert later(net, "n0") == [(LATENCY + DIAL_TIMEOUT, f"?{there.address}")]
        assert net["n1"].seen == []


def test_a_dial_to_nobody_to_oneself_and_to_a_paused_node():
    with network(nx.empty_graph(2)) as net:
        net.call("n0", "connect", contact(net, "n0").address)
        net.call("n0", "connect", "nonsense")
        net.pause("n1")
        net.call("n0", "connect", contact(net, "n1"))
        net.run(20.0)
        assert [what for _, what in net["n0"].seen] == [
            f"?{contact(net, 'n0').address}",
            "?nonsense",
            f"?{contact(net, 'n1').address}",
        ]
        assert net.trace.count(kind="unreachable", node="n0") == 3


@pytest.mark.parametrize("latency", [0, 0.01, (0.01, 0.5)])
def test_two_that_dial_each_other_are_connected_once(latency):
    for seed in range(10):
        with network(nx.empty_graph(2), link=Link(latency=latency), seed=seed) as net:
            one, two = contact(net, "n0"), contact(net, "n1")
            net.call("n0", "connect", two)
            net.call("n1", "connect", one.address)
            net.run(5.0)
            assert [[what for _, what in node.seen] for node in net] == [["+n1"], ["+n0"]]
            net.call("n0", "part", "n1")
            net.run(5.0)
            assert net.overlay().size() == 0
            assert is_quiet(net)


@pytest.mark.parametrize("link", [Link(latency=(0.0, 1.0)), Link(latency=0.1, bandwidth=100)])
def test_who_disconnects_and_dials_again_is_connected_and_what_was_said_arrives(link):
    for seed in range(10):
        with network(link=link, seed=seed) as net:
            there = contact(net, "n1")
            net.call("n0", "part", "n1", *range(10))
            net.after(0.001, net.call, "n0", "connect", there)
            net.run(20.0)
            assert [what for _, what in net["n1"].seen] == ["+n0", "-n0", "+n0"]
            assert [what for _, what in net["n0"].seen] == ["+n1", "-n1", "+n1"]
            assert net["n1"].numbers() == [*range(10)]


def test_who_is_hung_up_on_while_dialling_twice_is_connected_once_after_the_other():
    with network(nx.empty_graph(2), link=Link(latency=1.0, bandwidth=100)) as net:
        there = contact(net, "n1")
        net.call("n0", "connect", there)
        net.after(0.5, net.call, "n0", "connect", there.address)
        net.after(1.2, net.call, "n1", "part", "n0", *range(10))
        net.run(20.0)
        assert [what for _, what in net["n0"].seen] == ["+n1", "-n1", "+n1"]
        assert [what for _, what in net["n1"].seen] == ["+n0", "-n0", "+n0"]
        assert net["n0"].numbers() == [*range(10)]


def test_a_new_life_that_dials_takes_the_place_of_the_old_one():
    graph = nx.empty_graph(2)
    with network(graph) as net:
        there = contact(net, "n1")
        net.call("n0", "connect", there)
        net.run(1.0)
        net.cut("n0", "n1")
        net.crash("n0")
        net.restart("n0")
        net.heal()
        net.call("n0", "connect", there)
        net.run(1.0)
        assert [what for _, what in net["n1"].seen] == ["+n0", "-n0", "+n0"]
        net.run(20.0)
        assert net["n1"].peers["n0"] == contact(net, "n0").address


def test_who_is_paused_while_dialling_is_given_up_by_who_answered():
    with network(nx.empty_graph(2), link=Link(latency=1.0)) as net:
        net.call("n0", "connect", contact(net, "n1"))
        net.run(0.5)
        net.pause("n0")
        net.run(20.0)
        assert later(net, "n1") == [(1.0, "+n0"), (1.0 + PEER_TIMEOUT, "-n0")]


def test_who_answers_a_call_and_crashes_is_unreachable():
    with network(nx.empty_graph(2), link=Link(latency=1.0)) as net:
        there = contact(net, "n1")
        net.call("n0", "connect", there.address)
        net.run(1.5)  # the call has arrived, the answer has not
        net.crash("n1")
        net.run(5.0)
        assert [what for _, what in net["n0"].seen] == [f"?{there.address}"]


@pytest.mark.parametrize("ordered", [True, False])
def test_what_who_was_dialled_says_first_is_heard_after_the_connection_is_up(ordered):
    class Greeter(Diary):
        def on_connect(self, peer):
            super().on_connect(peer)
            self.say(peer, 1)

    for seed in range(20):
        link = Link(latency=(0.0, 1.0), ordered=ordered)
        with SimNetwork(Greeter, nx.empty_graph(2), link=link, seed=seed) as net:
            net.call("n0", "connect", contact(net, "n1"))
            net.run(5.0)
            [(up, _)] = net["n0"].seen
            [(heard, _)] = net["n0"].notes
            assert heard >= up


# Contacts


def test_a_contact_is_dialled_once_and_its_line_is_closed_when_idle():
    with network(nx.empty_graph(2), link=Link(latency=0.5)) as net:
        other = contact(net, "n1")
        net.call("n0", "say", other, 1, 2)
        net.run(2.0)
        assert net["n1"].notes == [(1.5, 1), (1.5, 2)]
        net.call("n0", "say", other, 3)
        net.call("n0", "want", other, 2.0)
        net.run(2.0)
        assert net["n1"].notes[2:] == [(2.5, 3)]  # the line is up
        assert net["n0"].answers == [(3.0, Note(3))]
        assert not net["n0"].peers
        assert not net["n1"].peers
        assert is_quiet(net)
        assert 3.0 + CONTACT_IDLE <= net.now <= 3.0 + CONTACT_IDLE + 2.5
        net.call("n0", "say", other, 4)
        net.run(2.0)
        assert net["n1"].numbers() == [1, 2, 3, 4]


@silences
def test_a_contact_behind_a_cut_is_unreachable(silence):
    with network(nx.empty_graph(2)) as net:
        silence(net)
        net.call("n0", "say", contact(net, "n1"), 1)
        net.call("n0", "want", contact(net, "n1"))
        net.run(PEER_TIMEOUT - 0.1)
        assert not net.trace.drops
        net.run(1.0)
        assert net.trace.drops == {"unreachable": 2}
        assert net["n0"].answers == [(1.0, None)]
        assert is_quiet(net)


def test_a_contact_that_is_down_and_one_at_whose_address_another_lives():
    with network(nx.empty_graph(3)) as net:
        gone, there = contact(net, "n1"), contact(net, "n2")
        net.crash("n1")
        net.call("n0", "say", gone, 1)
        net.call("n0", "say", Contact("n7", there.address), 2)
        net.run(1.0)
        assert drops(net) == [("n0", "n1", 1, "unreachable"), ("n0", "n7", 2, "unreachable")]
        assert net["n2"].notes == []
        assert "'n2' answers there, and n7 was wanted" in [*net.trace.where(kind="drop")][1].reason


def test_a_contact_that_restarts_has_a_new_address_and_the_old_one_is_dead():
    with network(nx.empty_graph(2)) as net:
        old = contact(net, "n1")
        net.call("n0", "say", old, 1)
        net.run(1.0)
        net.crash("n1")
        net.restart("n1")
        net.run(0.1)
        net.call("n0", "say", old, 2)
        net.run(1.0)
        net.call("n0", "say", contact(net, "n1"), 3)
        net.run(1.0)
        assert drops(net) == [("n0", "n1", 2, "unreachable")]
        assert net["n1"].numbers() == [3]
        assert is_quiet(net)


def test_a_contact_that_crashes_while_it_answers_the_call_is_unreachable():
    with network(nx.empty_graph(2), link=Link(latency=1.0)) as net:
        net.call("n0", "say", contact(net, "n1"), 1)
        net.run(1.5)
        net.crash("n1")
        net.run(1.0)
        assert drops(net) == [("n0", "n1", 1, "unreachable")]
        assert is_quiet(net)


def test_who_is_paused_while_dialling_a_contact_says_nothing_until_it_resumes():
    with network(nx.empty_graph(2), link=Link(latency=1.0)) as net:
        net.call("n0", "say", contact(net, "n1"), 1)
        net.run(0.5)
        net.pause("n0")
        net.run(3.0)
        assert net.trace.count(kind="send") == 0
        net.resume("n0")
        net.run(3.0)
        assert net["n1"].notes == [(4.5, 1)]


@pytest.mark.parametrize("trouble", ["cut", "pause", "crash"])
def test_the_line_to_a_contact_ends_with_trouble_and_leaves_nothing_behind(trouble):
    with network(nx.empty_graph(2)) as net:
        other = contact(net, "n1")
        net.call("n0", "say", other, 1)
        net.run(1.0)
        {"cut": lambda: net.cut("n0", "n1"), "pause": net.pause, "crash": net.crash}[trouble](
            *[] if trouble == "cut" else ["n1"]
        )
        net.run(6.0)
        net.call("n0", "say", other, 2)
        net.run(10.0)
        assert drops(net) == [("n0", "n1", 2, "unreachable")]
        assert not any(node.seen for node in net)
        assert is_quiet(net)


# Everything comes to an end


def test_a_network_without_timers_comes_to_rest():
    with network(nx.random_regular_graph(3, 10, seed=1), link=Link(latency=(0.01, 1))) as net:
        for a, b in pairwise(net.names):
            net.call(a, "say", contact(net, b), 1)
            net.call(b, "want", a)
        net.pause("n3")
        net.partition(["n0", "n1"])
        net.run(3.0)
        net.crash("n5")
        net.leave("n6")
        net.heal()
        net.restart("n5")
        net.resume("n3")
        assert is_quiet(net, 1000)


def test_every_message_ends_as_a_receive_or_a_drop():
    class Chatter(Diary):
        def on_start(self):
            super().on_start()
            self.every(0.1, lambda: [self.say(peer, 1) for peer in self.sample(2)], jitter=0.1)

    link = Link(latency=(0.01, 0.3), loss=0.1, ordered=False)
    graph = nx.random_regular_graph(4, 12, seed=1)
    with SimNetwork(Chatter, graph, link=link, seed=5) as net:
        churn = net.churn(session=4.0, downtime=1.0)
        net.after(3.0, net.partition, ["n0", "n1", "n2", "n3"])
        net.after(10.0, net.heal)
        for second in range(20):
            net.run(1.0)
            for name in net.names[second % 3 :: 4]:
                if net.is_paused(name):
                    net.resume(name)
                elif net.is_up(name):
                    net.pause(name)
        churn.stop()
        net.heal()
        for name in net.names:
            if net.is_up(name):
                if net.is_paused(name):
                    net.resume(name)
                net.crash(name)
        net.run(5.0)
    sent = [event.id for event in net.trace.where(kind="send")]
    ends = [e.id for e in net.trace if e.kind == "receive" or (e.kind == "drop" and e.serial)]
    assert len(sent) > 1000
    assert sorted(ends) == sorted(sent)


# Whatever happens

VERBS = ["crash", "leave", "restart", "pause", "resume", "partition", "heal", "cut", "oneway"]
WISHES = ["connect", "connect", "disconnect", "say", "say", "contact", "want"]


def do(net, what, one, two):
    """Do something to a node, or let it do something, if that can be now."""
    alive = net.is_up(one)
    awake = alive and not net.is_paused(one)
    if what == "oneway":
        net.cut(one, two, oneway=True)
    elif what == "cut":
        net.cut(one, two)
    elif what == "partition":
        net.partition([one])
    elif what == "heal":
        net.heal()
    elif what == "restart" and not alive:
        net.restart(one)
    elif what == "resume" and alive and not awake:
        net.resume(one)
    elif what in ("crash", "leave") and alive:
        getattr(net, what)(one)
    elif what == "pause" and awake:
        net.pause(one)
    elif what in WISHES and awake:
        to = contact(net, two) if what in ("connect", "contact") else two
        net.call(one, "say" if what == "contact" else what, to, *[1] * (what in ("say", "contact")))


@pytest.mark.parametrize("seed", range(40))
def test_whatever_happens_connections_have_two_ends_and_everything_comes_to_rest(seed):
    dice = Random(seed)
    latency = dice.choice([0, 0.01, (0, 1), (0.01, 6)])
    link = Link(latency=latency, ordered=dice.random() < 0.5, bandwidth=dice.choice([None, 200]))
    graph = dice.choice([nx.empty_graph(4), nx.cycle_graph(4), nx.complete_graph(4)])
    with network(graph, link=link, seed=seed) as net:
        for _ in range(60):
            do(net, dice.choice(VERBS + WISHES * 2), *dice.sample(net.names, 2))
            net.run(dice.choice([0, 0.005, 0.3, 2, 6]))
        net.heal()
        for name in net.names:
            do(net, "resume", name, name)
        assert is_quiet(net, 10_000)
        for node in filter(lambda node: net.is_up(node.id), net):
            for peer, address in node.peers.items():
                assert node.id in net[peer].peers
                assert contact(net, peer).address == address
            for peer in {what[1:] for _, what in node.seen if not what.startswith("?")}:
                signs = [what[0] for _, what in node.seen if what in (f"+{peer}", f"-{peer}")]
                turns = "+-" * len(signs)
                assert "".join(signs) == turns[: len(signs)]
                assert (signs[-1] == "+") is (peer in node.peers)
