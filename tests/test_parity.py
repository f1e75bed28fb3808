"""The same stories, told to every world: what a node does, and what it looks like from outside, does
not depend on where it runs.

A story uses the verbs that all networks share, and waits for conditions, never for a lucky moment.
"""

import sys
import time
import traceback
import warnings
from functools import partial
from random import Random

import cloudpickle
import networkx as nx
import pytest
from tools import PATIENCE

from p2pkit import Contact, Link, LocalNetwork, Message, Protocol, on
from p2pkit.errors import MessageError, NetworkError, NodeDown, ProtocolError, TraceError
from p2pkit.network import NetworkWarning
from p2pkit.simulation import SimNetwork

pytestmark = pytest.mark.usefixtures("nothing_left")

# A worker that imported this module would import pytest, too, which takes half a second. So the
# classes in here travel as those of a notebook do. How others travel: tests/test_parity_classes.py.
cloudpickle.register_pickle_by_value(sys.modules[__name__])

WORLDS = {
    "simulated": SimNetwork,
    "sockets": LocalNetwork,
    "processes": partial(LocalNetwork, processes=3),
}


@pytest.fixture(params=WORLDS)
def network(request):
    """Make networks of one world: network(Protocol, graph, **options)."""
    return WORLDS[request.param]


@pytest.fixture(params=[world for world in WORLDS if world != "simulated"])
def real_network(request):
    """Make networks of one world where time passes by itself, and nodes are copied to be seen."""
    return WORLDS[request.param]


class Note(Message):
    """Something to be written down."""

    number: int
    text: str = ""


class Question(Message):
    """Asks for a square."""

    number: int


class Answer(Message):
    """A square. Nobody has a handler for it: it is found by its name."""

    number: int


class Diary(Protocol):
    """Write down what happens, and act when told to."""

    tick = 0.0

    def on_start(self):
        self.seen = ["start"]
        self.notes = []
        self.ticks = []
        self.answers = []
        self.unreachable = []
        if self.tick:
            self.every(self.tick, self.count)

    def on_connect(self, peer):
        self.seen.append(f"+{peer}")

    def on_disconnect(self, peer):
        self.seen.append(f"-{peer}")

    def on_unreachable(self, address):
        self.unreachable.append(address)

    def on_stop(self):
        self.seen.append("stop")

    def count(self):
        self.ticks.append(self.now)

    @on(Note)
    def write(self, note, sender):
        if note.text == "break":
            raise ZeroDivisionError("broken by a note")
        self.notes.append((sender, note))

    @on(Question)
    def reply(self, question, sender):
        return Answer(question.number**2)

    def say(self, to, *numbers, text=""):
        for number in numbers:
            self.send(to, Note(number, text))

    def spoil(self, to):
        self.send(to, Note(0, "break"))

    def cry(self, but):
        self.broadcast(Note(1), but=but)

    def want(self, to, number, timeout=PATIENCE):
        self.ask(to, Question(number), self.take, timeout=timeout)

    def take(self, answer):
        self.answers.append(answer)

    def part(self, peer, *numbers):
        self.say(peer, *numbers)
        self.disconnect(peer)

    def dial(self, address):
        self.connect(address)

    def numbers(self):
        return [note.number for _, note in self.notes]

    def written(self):
        return self.notes

    def me(self):
        return self.contact

    def throw(self):
        return [self.random.random() for _ in range(3)]


def run_until(net, condition, within=PATIENCE):
    assert net.run(until=condition, within=within)


def drops(net):
    return [(e.node, e.peer, e.value[1]["number"], e.cause) for e in net.trace.where(kind="drop")]


def edges(graph):
    return sorted(tuple(sorted(edge)) for edge in graph.edges)


def shown(error):
    """Return an exception as a student sees it."""
    return "".join(traceback.format_exception(error))


# What a student writes first


class Rumor(Message):
    """As in the design, section 2."""

    text: str


class Gossip(Protocol):
    """Tell every new rumor to a few peers, chosen at random."""

    fanout = 3

    def on_start(self):
        self.heard = set()

    @on(Rumor)
    def hear(self, rumor, sender):
        if rumor in self.heard:
            return
        self.heard.add(rumor)
        for peer in self.sample(self.fanout):
            self.send(peer, rumor)


def story(net):
    net.tell("n0", Rumor("hello"))
    net.after(0.2, net.crash, "n3")
    net.run(1.0)
    return sum(Rumor("hello") in node.heard for node in net)


@pytest.mark.parametrize("options", [{}, {"processes": 5}], ids=["one process", "five processes"])
def test_the_story_of_the_design(options):
    with LocalNetwork(Gossip, nx.complete_graph(5), **options) as net:
        assert story(net) == 5
        assert not net.is_up("n3")
    assert sum(Rumor("hello") in node.heard for node in net) == 5


def test_a_rumor_reaches_everybody(network):
    with network(Gossip.using(fanout=9), nx.cycle_graph(8)) as net:
        net.tell("n0", Rumor("hello"))
        run_until(net, lambda: all(Rumor("hello") in node.heard for node in net))
        run_until(net, lambda: net.trace.count(kind="receive") == 1 + 16)
        assert net.trace.count(kind="send", message=Rumor) == 16
        assert net.trace.count(kind="receive", message=Rumor("hello")) == 17
        assert net.trace.count(kind="receive", message=Rumor("bye")) == 0


# Start


def test_all_nodes_start_at_0_then_all_are_connected_in_the_order_of_the_graph(network):
    graph = nx.Graph([("c", "a"), ("a", "b"), ("b", "c"), ("b", "d")])
    with network(Diary, graph) as net:
        events = list(net.trace)
    assert [(event.kind, event.node, event.peer) for event in events[:12]] == [
        *[("start", name, None) for name in "cabd"],
        *[("connect", "c", peer) for peer in "ab"],
        *[("connect", "a", peer) for peer in "cb"],
        *[("connect", "b", peer) for peer in "acd"],
        ("connect", "d", "b"),
    ]
    assert {event.time for event in events[:12]} == {0.0}
    assert [net[name].seen for name in "cabd"] == [
        ["start", "+a", "+b", "stop"],
        ["start", "+c", "+b", "stop"],
        ["start", "+a", "+c", "+d", "stop"],
        ["start", "+b", "stop"],
    ]


class Hasty(Diary):
    """Speak before there are peers, and again as soon as there is one."""

    def on_start(self):
        super().on_start()
        self.send("n1", Note(1))

    def on_connect(self, peer):
        super().on_connect(peer)
        self.send(peer, Note(2))


def test_who_speaks_in_on_start_speaks_to_nobody_and_in_on_connect_to_a_peer(network):
    with network(Hasty, 3) as net:
        run_until(net, lambda: all(len(node.notes) == 2 for node in net))
        assert drops(net) == [(f"n{i}", "n1", 1, "no such peer") for i in range(3)]
        assert all(set(node.numbers()) == {2} for node in net)
        assert not [node for node in net if {sender for sender, _ in node.notes} - {*node.peers}]


def test_an_int_is_the_complete_graph_and_nodes_have_names(network):
    with network(Diary, 4) as net:
        assert edges(net.overlay()) == edges(nx.relabel_nodes(nx.complete_graph(4), "n{}".format))
        assert (len(net), net.names) == (4, ["n0", "n1", "n2", "n3"])
    with network(Diary, nx.Graph([(0, (0, 1)), ((0, 1), "Zoë")])) as net:
        assert [node.id for node in net] == net.names == ["n0", "n0_1", "Zoë"]
        assert net[0, 1].id == "n0_1"
        net.call("Zoë", "say", "n0_1", 1)
        run_until(net, lambda: net["n0_1"].notes == [("Zoë", Note(1))])


def test_each_node_has_its_own_dice_which_fall_alike_everywhere(network):
    dice = {name: Random(f"7 {name}") for name in ("n0", "n1")}
    with network(Diary, 2, seed=7) as net:
        for name in net.names * 2:
            assert net.call(name, "throw") == [dice[name].random() for _ in range(3)]


def test_roles_make_exceptions(network):
    class Selfish(Gossip):
        @on(Rumor)
        def hear(self, rumor, sender):
            self.heard.add(rumor)

    with network(Gossip, nx.path_graph(4), roles={1: Selfish}) as net:
        net.tell("n0", Rumor("hello"))
        net.tell("n3", Rumor("bye"))
        run_until(net, lambda: len(net["n1"].heard) == 2)
        assert [sorted(rumor.text for rumor in node.heard) for node in net] == [
            ["hello"],
            ["bye", "hello"],
            ["bye"],
            ["bye"],
        ]
        assert [type(node) for node in net] == [Gossip, Selfish, Gossip, Gossip]
        with pytest.raises(NetworkError, match="no node n9"):
            network(Gossip, 3, roles={"n9": Selfish})


# Messages


def test_messages_arrive_in_order_and_come_back_equal(network):
    with network(Diary, nx.path_graph(2)) as net:
        net.call("n0", "say", "n1", *range(300))
        run_until(net, lambda: len(net["n1"].notes) == 300)
        notes = net["n1"].notes
    assert notes == [("n0", Note(number)) for number in range(300)]
    assert {note for _, note in notes} == {Note(number) for number in range(300)}
    assert {type(note) for _, note in notes} == {Note}
    with pytest.raises(AttributeError):
        notes[0][1].number = 7


def test_the_trace_ties_every_receive_to_its_send(network):
    with network(Diary, 4) as net:
        for number in range(50):
            net.call(f"n{number % 4}", "cry", f"n{(number + 1) % 4}")
        run_until(net, lambda: net.trace.count(kind="receive") == 100)
        events = list(net.trace)
        read = list(net.trace.since(len(events) - 3))
    assert read[:3] == events[-3:]
    assert [event.time for event in events] == sorted(event.time for event in events)
    sent, ways = {}, set()
    for event in events:
        if event.kind == "send":
            assert sent.setdefault(event.id, event).node == event.node
            assert (event.id, event.peer) not in ways
            ways.add((event.id, event.peer))
        elif event.kind == "receive":
            assert (event.id, event.node) in ways  # it has been sent before
            before = sent[event.id]
            assert event.time >= before.time
            assert (event.peer, event.size, event.data) == (before.node, before.size, before.data)
    assert len(ways) == 100
    assert len(sent) == 50  # a broadcast is one message


def test_a_broadcast_goes_to_all_peers_but_some(network):
    with network(Diary, 5) as net:
        for but in (None, "n1", ["n1", "n2"]):
            net.call("n0", "cry", but)
        run_until(net, lambda: net.trace.count(kind="receive") == 4 + 3 + 2)
        assert [len(node.notes) for node in net] == [0, 1, 2, 3, 3]


def test_what_is_for_nobody_or_understood_by_nobody_is_dropped(network):
    with network(Diary, nx.path_graph(3), roles={2: Gossip}) as net:
        net.call("n0", "say", "n2", 1)
        net.call("n0", "say", "nobody", 2)
        net.call("n1", "say", "n2", 3)
        run_until(net, lambda: net.trace.count(kind="drop") == 3)
        assert sorted((e.node, e.peer, e.cause) for e in net.trace.where(kind="drop")) == [
            ("n0", "n2", "no such peer"),
            ("n0", "nobody", "no such peer"),
            ("n2", "n1", "not understood"),
        ]
        assert net.trace.drops == {"no such peer": 2, "not understood": 1}
        assert all(net.is_up(name) for name in net.names)


def test_many_drops_of_one_kind_end_with_a_hint(network):
    with network(Diary, 2) as net:
        net.call("n0", "say", "nobody", *range(200))
        with pytest.warns(NetworkWarning, match="200 drops, no such peer"):
            net.run(0.01)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            net.run(0.01)  # and not again


def test_a_question_is_answered(network):
    with network(Diary, 2) as net:
        net.call("n0", "want", "n1", 7)
        run_until(net, lambda: net["n0"].answers)
        assert net["n0"].answers == [Answer(49)]


class Deaf(Diary):
    """Answer nothing."""

    @on(Question)
    def reply(self, question, sender):
        pass


def test_a_question_that_nobody_answers_in_time_is_answered_with_none(network):
    with network(Diary, 2, roles={1: Deaf}) as net:
        asked = net.now
        net.call("n0", "want", "n1", 7, 0.1)
        run_until(net, lambda: net["n0"].answers)
        assert net["n0"].answers == [None]
        assert net.now >= asked + 0.1


def test_an_answer_that_comes_too_late_is_dropped(network):
    with network(Diary, 2, link=Link(latency=0.2)) as net:
        net.call("n0", "want", "n1", 7, 0.1)
        run_until(net, lambda: net.trace.count(kind="drop"))
        assert net["n0"].answers == [None]
        [drop] = net.trace.where(kind="drop")
        assert (drop.node, drop.peer, drop.cause) == ("n0", "n1", "nobody asked")


def test_a_contact_is_dialled_on_demand_and_does_not_become_a_peer(network):
    with network(Diary, nx.empty_graph(3)) as net:
        other = net.call("n2", "me")
        assert other == Contact("n2", other.address)
        net.call("n0", "say", other, 1, 2)
        net.call("n1", "want", other, 5)
        run_until(net, lambda: len(net["n2"].notes) == 2 and net["n1"].answers)
        assert net["n2"].notes == [("n0", Note(1)), ("n0", Note(2))]
        assert net["n1"].answers == [Answer(25)]
        assert not [node for node in net if node.peers]
        assert edges(net.overlay()) == []
        assert net.trace.count(kind="connect") == 0


def test_what_is_for_a_contact_that_is_down_is_dropped(network):
    with network(Diary, nx.empty_graph(2)) as net:
        gone = net.call("n1", "me")
        net.crash("n1")
        net.call("n0", "say", gone, 1)
        run_until(net, lambda: net.trace.count(kind="drop"))
        assert drops(net) == [("n0", "n1", 1, "unreachable")]
        assert net.trace.count(kind="unreachable", node="n0") == 1
        net.call("n0", "dial", gone.address)
        run_until(net, lambda: net["n0"].unreachable == [gone.address])


def test_a_protocol_connects_to_an_address_or_a_contact(network):
    with network(Diary, nx.empty_graph(3)) as net:
        net.call("n0", "dial", net.call("n1", "me").address)
        net.call("n0", "dial", net.call("n2", "me"))
        run_until(net, lambda: net["n0"].peers.keys() == {"n1", "n2"} and net["n2"].peers)
        run_until(net, lambda: edges(net.overlay()) == [("n0", "n1"), ("n0", "n2")])
        assert net["n0"].peers["n1"] == net.call("n1", "me").address
        assert net["n2"].seen == ["start", "+n0"]


def test_disconnecting_delivers_first_and_is_told_to_both(network):
    with network(Diary, 2) as net:
        net.call("n0", "part", "n1", *range(100))
        run_until(net, lambda: "-n0" in net["n1"].seen and "-n1" in net["n0"].seen)
        assert net["n1"].numbers() == list(range(100))
        assert edges(net.overlay()) == []
        assert net.trace.count(kind="disconnect") == 2
        assert not drops(net)


# Links


def test_a_link_loses_its_share_and_records_it(network):
    def lost(seed):
        with network(Diary, 2, link=Link(loss=0.3), seed=seed) as net:
            net.call("n0", "say", "n1", *range(500))
            run_until(net, lambda: len(net["n1"].notes) + net.trace.count(kind="drop") == 500)
            missing = sorted(set(range(500)) - set(net["n1"].numbers()))
            assert drops(net) == [("n0", "n1", number, "lost") for number in missing]
            assert net.trace.count(kind="send") == 500
            return missing

    first = lost(1)
    assert 100 < len(first) < 200
    assert lost(1) == first
    assert lost(2) != first


def test_a_link_delays_and_keeps_the_order(network):
    with network(Diary, 2, link=Link(latency=(0.05, 0.15))) as net:
        net.call("n0", "say", "n1", *range(100))
        run_until(net, lambda: len(net["n1"].notes) == 100)
        assert net["n1"].numbers() == list(range(100))
        times = [event.time for event in net.trace.where(kind="receive")]
        [begin] = {event.time for event in net.trace.where(kind="send")}
    assert 0.05 <= min(times) - begin < max(times) - begin


def test_a_link_takes_a_function_and_may_let_messages_overtake(network):
    with network(Diary, 2, link=Link(latency=lambda dice: dice.random() / 5, ordered=False)) as net:
        net.call("n0", "say", "n1", *range(100))
        run_until(net, lambda: len(net["n1"].notes) == 100)
        assert net["n1"].numbers() != list(range(100))
        assert sorted(net["n1"].numbers()) == list(range(100))


def test_a_link_duplicates(network):
    with network(Diary, 2, link=Link(duplicate=1.0)) as net:
        net.call("n0", "say", "n1", 1, 2)
        run_until(net, lambda: len(net["n1"].notes) == 4)
        assert sorted(net["n1"].numbers()) == [1, 1, 2, 2]
        assert net.trace.count(kind="send") == 2


def test_a_large_message_occupies_the_bandwidth(network):
    with network(Diary, 2, link=Link(bandwidth=100_000)) as net:
        net.call("n0", "say", "n1", 1, *[2] * 9)
        net.shape(0, 1, Link(bandwidth=1_000), oneway=True)
        net.call("n0", "say", "n1", 3, 4)
        run_until(net, lambda: len(net["n1"].notes) == 12)
        sent = {event.id: event.time for event in net.trace.where(kind="send")}
        *_, last = net.trace.where(kind="receive")
    assert last.time - sent[last.id] > 2 * last.size / 1_000


def test_shape_changes_one_link_or_one_direction_of_it(network):
    with network(Diary, 3) as net:
        net.shape("n0", "n1", Link(latency=0.2))
        net.shape("n0", "n2", Link(loss=1.0), oneway=True)
        for sender, receiver in ["01", "10", "02", "20", "12"]:
            net.call(f"n{sender}", "say", f"n{receiver}", int(sender + receiver))
        run_until(net, lambda: [len(node.notes) for node in net] == [2, 1, 1])
        assert [node.numbers() for node in net] == [[20, 10], [1], [12]]
        assert drops(net) == [("n0", "n2", 2, "lost")]
        net.heal()  # links keep their shape
        net.call("n0", "say", "n2", 6)
        run_until(net, lambda: len(drops(net)) == 2)


# Time


def test_run_lets_time_pass_or_waits_for_a_condition(network):
    with network(Diary, 2) as net:
        begin = net.now
        assert net.run(0.1) is True
        assert net.now >= begin + 0.1
        assert net.run(until=lambda: False, within=0.05) is False
        assert net.run(until=lambda: True) is True
        for wrong in ({}, {"seconds": 1.0, "until": bool}):
            with pytest.raises(NetworkError, match="run takes"):
                net.run(**wrong)
        with pytest.raises(ZeroDivisionError):
            net.run(until=lambda: 1 / 0)


def test_actions_are_done_during_run_at_their_time_and_in_order(network):
    done = []
    with network(Diary, 2) as net:
        begin = net.now
        for seconds, what in [(0.2, "third"), (0.1, "first"), (0.1, "second"), (9.0, "never")]:
            net.after(seconds, lambda what=what: done.append((what, net.now - begin)))
        assert not done
        net.run(0.3)
        net.after(0.0, net.crash, "n7")
        with pytest.raises(NetworkError, match="no node n7"):
            net.run(0.1)
    assert [what for what, _ in done] == ["first", "second", "third"]
    assert [when >= due for (_, when), due in zip(done, (0.1, 0.1, 0.2), strict=True)] == [True] * 3


class Alarm(Protocol):
    """Set timers in every way."""

    def on_start(self):
        self.rung = []
        self.every(0.05, self.ring, "every")
        self.after(0.12, self.ring, "after")
        self.after(0.08, self.ring, "cancelled").cancel()
        self.jittery = self.every(0.05, self.ring, "jitter", jitter=0.04)

    def ring(self, what):
        self.rung.append((what, self.now))

    def times(self, what):
        return [time for name, time in self.rung if name == what]


def test_timers_ring_once_or_again_and_again_and_never_early(network):
    with network(Alarm, 3) as net:
        run_until(net, lambda: all(len(node.times("every")) >= 6 for node in net))
        nodes = list(net)
    for node in nodes:
        turns = [int(time / 0.05 + 1e-9) for time in node.times("every")]
        assert turns == sorted(set(turns))  # none was early, and none came twice
        assert min(turns) >= 1
        [once] = node.times("after")
        assert once >= 0.12
        assert not node.times("cancelled")
        assert node.jittery.active
        assert all(time >= 0.05 for time in node.times("jitter"))


# Looking


def test_a_node_shows_a_copy_of_its_state(real_network):
    with real_network(Diary, 2) as net:
        seen = net["n0"]
        seen.notes.append("mine")
        net.call("n0", "written").append("mine, too")
        assert net["n0"].notes == []
        assert (seen.id, seen.peers.keys()) == ("n0", {"n1"})
        assert seen.contact == net.call("n0", "me")
        with pytest.raises(NodeDown, match="this is a copy of n0"):
            seen.say("n1", 1)


def test_what_nodes_tell_is_equal_to_what_is_made_here(network):
    class Colour(Message):
        name: str

    class Painter(Protocol):
        def on_start(self):
            self.used = {Colour("red"): 1}

        @on(Colour)
        def use(self, colour, sender):
            self.used[colour] = self.used.get(colour, 0) + 1
            self.last = colour

    with network(Painter, 2) as net:
        net.tell("n0", Colour("red"))
        assert net["n0"].used == {Colour("red"): 2}
        assert Colour("red") in net["n0"].used
        assert type(net["n0"].last) is Colour
        assert type(net["n0"]) is Painter
        assert isinstance(net["n1"], Painter)


def test_call_returns_what_the_method_returns_and_raises_what_it_raises(network):
    class Poor(Exception):
        """There is not enough."""

    class Purse(Protocol):
        def on_start(self):
            self.coins = 3

        def pay(self, coins):
            if coins > self.coins:
                raise Poor(f"only {self.coins}")
            self.coins -= coins
            return self.coins

    with network(Purse, 2) as net:
        assert net.call("n0", "pay", 1) == 2
        with pytest.raises(Poor, match="only 2") as raised:
            net.call("n0", "pay", 5)
        assert "in pay" in shown(raised.value)
        assert [node.coins for node in net] == [2, 3]
        assert net.is_up("n0")
        with pytest.raises(ProtocolError, match="no method steal"):
            net.call("n0", "steal")


def test_tell_refuses_what_is_no_message_and_what_nobody_handles(network):
    with network(Diary, 2) as net:
        for wrong, error, why in [
            ("hello", MessageError, "hello|str"),
            (Note("seven"), MessageError, r"Note\.number"),
            (Rumor("hello"), ProtocolError, "no @on"),
        ]:
            with pytest.raises(error, match=why):
                net.tell("n0", wrong)
        net.tell("n0", Note(7))
        assert net["n0"].notes == [(None, Note(7))]
        assert net.trace.count(kind="receive", node="n0", message=Note(7)) == 1


def test_watch_records_what_changes(network):
    with network(Diary, 2, watch=lambda node: {"notes": len(node.notes)}) as net:
        net.call("n0", "say", "n1", 1, 2)
        run_until(net, lambda: len(net["n1"].notes) == 2)
        run_until(net, lambda: net.trace.count(kind="state") == 4)
        states = [(e.node, e.value["notes"]) for e in net.trace.where(kind="state")]
    assert states == [("n0", 0), ("n1", 0), ("n1", 1), ("n1", 2)]


def test_a_log_is_in_the_trace(network):
    class Chatty(Protocol):
        def on_start(self):
            self.log(f"{self.id} ist wach: äöü")

    with network(Chatty, 2) as net:
        pass
    assert [event.value for event in net.trace.where(kind="log")] == [
        "n0 ist wach: äöü",
        "n1 ist wach: äöü",
    ]


def test_record_counts_keeps_numbers_only(network):
    with network(Diary, 2, record="counts") as net:
        net.call("n0", "say", "n1", *range(100))
        run_until(net, lambda: net.trace.count(kind="receive", message=Note) == 100)
        assert net.trace.count(kind="send", node="n0") == 100
        assert net.trace.size("send") == sum(
            len(f'["Note",{{"number":{number},"text":""}}]') for number in range(100)
        )
        with pytest.raises(TraceError, match='record="all"'):
            list(net.trace)


def test_unknown_names_are_refused_with_a_hint(network):
    with network(Diary, nx.Graph([("alice", "bob")])) as net:
        for act in (net.crash, net.restart, net.__getitem__, net.is_up, net.leave):
            with pytest.raises(NetworkError, match=r"no node alise .*did you mean alice"):
                act("alise")


def test_a_closed_network_says_so_and_can_be_looked_at(network):
    with network(Diary, 3) as net:
        net.call("n0", "say", "n1", 1)
        run_until(net, lambda: net["n1"].notes)
        net.crash("n2")
        run_until(net, lambda: "-n2" in net["n0"].seen and "-n2" in net["n1"].seen)
        before = list(net.trace)
    net.close()  # twice is no mistake
    for act in (
        lambda: net.tell("n0", Note(1)),
        lambda: net.call("n0", "me"),
        lambda: net.crash("n0"),
        lambda: net.restart("n0"),
        lambda: net.join("n9"),
        lambda: net.run(0.1),
        lambda: net.partition(["n0"]),
        lambda: net.heal(),
    ):
        with pytest.raises(NetworkError, match="closed"):
            act()
    assert net["n1"].notes == [("n0", Note(1))]
    assert [node.seen[-1] for node in net] == ["stop", "stop", "+n1"]
    assert [net.is_up(name) for name in net.names] == [True, True, False]
    assert edges(net.overlay()) == [("n0", "n1")]
    assert list(net.trace)[: len(before)] == before
    end = net.now
    time.sleep(0.01)
    assert net.now == end


# Mistakes of students


def test_an_exception_in_a_handler_leaves_run_and_the_others_go_on(network):
    with network(Diary, 3, seed=5) as net:
        net.call("n0", "spoil", "n1")
        with pytest.raises(ZeroDivisionError, match="broken by a note") as raised:
            net.run(PATIENCE)
        [note] = raised.value.__notes__
        assert "at node n1, 0." in note
        assert "seed 5" in note
        assert f'{__file__}", line' in shown(raised.value)  # the student's own line
        assert "in write" in shown(raised.value)
        assert [net.is_up(name) for name in net.names] == [True, False, True]
        [event] = net.trace.where(kind="error")
        assert (event.node, event.reason) == ("n1", "ZeroDivisionError: broken by a note")
        net.call("n0", "say", "n2", 5)
        run_until(net, lambda: net["n2"].notes == [("n0", Note(5))])
        run_until(net, lambda: "-n1" in net["n0"].seen)
        net.restart("n1")
        assert net["n1"].peers.keys() == {"n0", "n2"}


def test_an_exception_leaves_tell(network):
    with network(Diary, 2) as net:
        with pytest.raises(ZeroDivisionError):
            net.tell("n0", Note(0, "break"))
        assert not net.is_up("n0")


def test_an_exception_that_no_run_saw_leaves_the_end_of_the_with_block(real_network):
    with pytest.raises(ZeroDivisionError), real_network(Diary, 2) as net:  # noqa: PT012
        net.call("n0", "spoil", "n1")
        net.call("n0", "say", "n1", 1)
        while net.is_up("n1"):
            net["n1"]


def test_an_error_of_the_with_block_itself_goes_first(network):
    with pytest.raises(KeyError), network(Diary, 2) as net:  # noqa: PT012
        net.call("n0", "spoil", "n1")
        raise KeyError("mine")


@pytest.mark.parametrize("hook", ["on_start", "on_connect"])
def test_an_error_at_the_start_leaves_the_constructor(network, hook):
    def fail(self, *_):
        raise LookupError(f"no map in {hook}")

    lost = type("Lost", (Diary,), {hook: fail})
    with pytest.raises(LookupError, match=f"no map in {hook}") as raised:
        network(Diary, 3, roles={1: lost})
    assert "at node n1" in raised.value.__notes__[0]


@pytest.mark.parametrize("how", ["after", "then", "on_disconnect", "on_unreachable", "on_stop"])
def test_exceptions_come_out_of_every_kind_of_call(network, how):
    class Bad(Diary):
        def begin(self, address):
            if how == "after":
                self.after(0.0, self.fail)
            elif how == "then":
                self.ask("n1", Question(1), self.fail)
            elif how == "on_disconnect":
                self.disconnect("n1")
            elif how == "on_unreachable":
                self.connect(address)

        def fail(self, *_):
            raise LookupError(how)

    def story():
        with network(Diary, nx.Graph([(0, 1)]), roles={0: Bad}) as net:
            net.join("n2")
            address = net.call("n2", "me").address
            net.crash("n2")
            net.call("n0", "begin", address)
            if how != "on_stop":
                net.run(PATIENCE)
                pytest.fail("run came back")

    if how.startswith("on_"):
        setattr(Bad, how, Bad.fail)
    with pytest.raises(LookupError, match=how) as raised:
        story()
    assert "in fail" in shown(raised.value)


def test_a_message_with_a_wrong_field_is_the_senders_mistake(network):
    with network(Diary, 2) as net:
        with pytest.raises(MessageError, match=r"Note\.number") as raised:
            net.call("n0", "say", "n1", "one")
        assert "in say" in shown(raised.value)
        assert net.is_up("n0")


def test_a_node_that_is_down_says_so(network):
    with network(Diary, 2) as net:
        net.crash("n1")
        for verb in (net.crash, net.pause, net.resume, net.leave):
            with pytest.raises(NodeDown, match="n1 is down"):
                verb("n1")
        with pytest.raises(NodeDown):
            net.tell("n1", Note(1))
        with pytest.raises(NodeDown):
            net.call("n1", "me")
        with pytest.raises(NetworkError, match="n0 is running"):
            net.restart("n0")


# Crash, restart, pause, resume, join, leave


class Careful(Diary):
    """Keep notes on the disk."""

    def on_start(self):
        super().on_start()
        self.disk["lives"] = self.disk.get("lives", 0) + 1

    @on(Note)
    def write(self, note, sender):
        super().write(note, sender)
        self.disk["note"] = note

    def kept(self):
        return dict(self.disk)


def test_a_restarted_node_has_its_disk_and_nothing_else(network):
    with network(Careful, nx.cycle_graph(4)) as net:
        net.tell("n0", Note(5))
        net.crash("n0")
        run_until(net, lambda: "-n0" in net["n1"].seen and "-n0" in net["n3"].seen)
        assert net["n0"].notes == [(None, Note(5))]  # its last state
        assert edges(net.overlay()) == [("n1", "n2"), ("n2", "n3")]
        net.restart("n0")
        assert net.is_up("n0")
        assert net.call("n0", "kept") == {"lives": 2, "note": Note(5)}
        assert net["n0"].disk["note"] == Note(5)
        assert net.call("n2", "kept") == {"lives": 1}
        assert net["n0"].notes == []
        assert net["n0"].peers.keys() == {"n1", "n3"}
        assert net["n1"].peers["n0"] == net.call("n0", "me").address
        assert net["n1"].seen == ["start", "+n0", "+n2", "-n0", "+n0"]
        net.call("n1", "say", "n0", 6)
        run_until(net, lambda: net["n0"].notes == [("n1", Note(6))])


def test_the_serial_numbers_of_all_lives_of_a_node_are_different(network):
    with network(Diary, 2) as net:
        for life in range(4):
            net.call("n0", "say", "n1", life)
            run_until(net, lambda life=life: len(net["n1"].notes) == life + 1)
            net.crash("n0")
            net.restart("n0")
        ids = [event.id for event in net.trace.where(kind="send", node="n0")]
    assert len(ids) == len(set(ids)) == 4


def test_a_crash_drops_what_is_in_flight_in_both_directions(network):
    with network(Diary, 3, link=Link(latency=0.3)) as net:
        net.call("n0", "say", "n1", 1)
        net.call("n1", "say", "n0", 2)
        net.call("n1", "say", "n2", 3)
        net.crash("n0")
        run_until(net, lambda: net["n2"].notes and len(drops(net)) == 2)
        assert sorted(drops(net)) == [
            ("n0", "n1", 1, "node is down"),
            ("n1", "n0", 2, "node is down"),
        ]
        assert net["n1"].notes == []
        assert net["n2"].notes == [("n1", Note(3))]  # the others' are not harmed


def test_timers_and_questions_of_a_life_end_with_it(network):
    with network(Diary.using(tick=0.05), 2, roles={1: Deaf}) as net:
        net.call("n0", "want", "n1", 1, 0.1)
        net.crash("n0")
        ticks = net["n0"].ticks
        net.run(0.2)
        assert net["n0"].ticks == ticks
        net.restart("n0")
        net.run(0.2)
        assert net["n0"].answers == []
        assert len(net["n0"].ticks) <= 5


def test_a_paused_node_reads_nothing_and_its_timers_wait(network):
    with network(Diary.using(tick=0.02), 2) as net:
        run_until(net, lambda: net["n0"].ticks)
        net.pause("n0")
        before = list(net["n0"].ticks)
        net.call("n1", "say", "n0", 1, 2, 3)
        net.tell("n0", Note(4))
        net.run(0.3)
        assert (net["n0"].ticks, net["n0"].notes) == (before, [])
        assert net.is_up("n0")
        with pytest.raises(NetworkError, match="n0 is paused"):
            net.call("n0", "me")
        net.resume("n0")
        run_until(net, lambda: sorted(net["n0"].numbers()) == [1, 2, 3, 4])
        run_until(net, lambda: len(net["n0"].ticks) > len(before) + 2)
        assert net["n0"].seen == ["start", "+n1"]  # nobody noticed
        assert [e.kind for e in net.trace if e.kind in ("pause", "resume")] == ["pause", "resume"]


def test_a_node_joins_and_is_connected(network):
    with network(Diary, 2) as net:
        net.join("n2", to="n0")
        net.join(3, to=["n1", "n2"])
        net.join("loner")
        assert net.names == ["n0", "n1", "n2", "n3", "loner"]
        assert edges(net.overlay()) == [("n0", "n1"), ("n0", "n2"), ("n1", "n3"), ("n2", "n3")]
        assert net["n2"].seen == ["start", "+n0", "+n3"]
        assert net["loner"].seen == ["start"]
        assert len({net.call(name, "me").address for name in net.names}) == 5
        with pytest.raises(NetworkError, match="there is a n2 already"):
            net.join("n2")
        with pytest.raises(NetworkError, match="no node n77"):
            net.join("n9", to="n77")
        net.call("n3", "say", "n2", 1)
        run_until(net, lambda: net["n2"].notes == [("n3", Note(1))])


class Polite(Diary):
    """Say goodbye."""

    def on_stop(self):
        self.broadcast(Note(99))


def test_a_node_that_leaves_delivers_first(network):
    with network(Polite, 3, link=Link(latency=0.2)) as net:
        net.call("n0", "say", "n1", *range(50))
        net.leave("n0")
        assert not net.is_up("n0")
        run_until(net, lambda: "-n0" in net["n1"].seen and "-n0" in net["n2"].seen)
        assert net["n1"].numbers() == [*range(50), 99]
        assert net["n2"].numbers() == [99]
        assert not drops(net)
        assert [net.trace.count(kind=kind) for kind in ("leave", "crash")] == [1, 0]
        net.restart("n0")
        assert net["n0"].peers.keys() == {"n1", "n2"}


# Cuts and partitions


def test_a_partition_drops_what_is_sent_and_heals(network):
    with network(Diary, 4) as net:
        net.partition(["n0", "n1"])  # those not named are one more group
        for sender, receiver in ["01", "02", "31", "32"]:
            net.call(f"n{sender}", "say", f"n{receiver}", int(sender + receiver))
        run_until(net, lambda: net["n1"].notes and net["n2"].notes and len(drops(net)) == 2)
        assert drops(net) == [("n0", "n2", 2, "cut"), ("n3", "n1", 31, "cut")]
        assert len(net.overlay().edges) == 6  # nobody has noticed yet
        net.heal()
        net.call("n0", "say", "n2", 4)
        run_until(net, lambda: net["n2"].numbers() == [32, 4])  # what was lost stays lost
        assert net.trace.count(kind="disconnect") == 0
        with pytest.raises(NetworkError, match="in one group"):
            net.partition(["n0", "n1"], ["n1", "n2"])


def test_a_cut_stops_one_direction_or_both(network):
    with network(Diary, 3) as net:
        net.cut("n0", "n1", oneway=True)
        net.cut("n1", "n2")
        for sender, receiver in ["01", "10", "12", "21"]:
            net.call(f"n{sender}", "say", f"n{receiver}", int(sender + receiver))
        run_until(net, lambda: net["n0"].notes and len(drops(net)) == 3)
        assert [node.numbers() for node in net] == [[10], [], []]
        assert {cause for *_, cause in drops(net)} == {"cut"}


def test_a_node_that_joins_a_partitioned_network_is_in_the_other_group(network):
    with network(Diary, 2) as net:
        net.partition(["n0"])
        net.join("n2", to=["n0", "n1"])
        assert edges(net.overlay()) == [("n0", "n1"), ("n1", "n2")]
        net.heal()
        assert len(net.overlay().edges) == 3


@pytest.mark.slow
def test_silence_is_noticed_after_five_seconds_and_healed(network):
    """All reasons for silence in one network, as five real seconds are long."""
    graph = nx.Graph([("a", "b"), ("c", "d"), ("e", "f"), ("g", "h")])
    with network(Diary, graph) as net:
        net.cut("a", "b")
        net.cut("c", "d", oneway=True)
        net.pause("e")
        began = net.now
        run_until(net, lambda: net.trace.count(kind="disconnect") == 5)
        assert edges(net.overlay()) == [("e", "f"), ("g", "h")]  # e has not noticed
        gone = [(e.time - began, e.node) for e in net.trace.where(kind="disconnect")]
        assert all(4 <= seconds < 9 for seconds, _ in gone)
        assert sorted(name for _, name in gone) == ["a", "b", "c", "d", "f"]
        assert net["e"].seen == ["start", "+f"]
        net.heal()
        net.resume("e")
        assert edges(net.overlay()) == edges(graph)
        run_until(net, lambda: net["e"].seen == ["start", "+f", "-f", "+f"])
        for sender, receiver in ["ab", "ba", "cd", "ef"]:
            net.call(sender, "say", receiver, 1)
        run_until(net, lambda: all(len(net[name].notes) == 1 for name in "abdf"))
        assert not drops(net)
