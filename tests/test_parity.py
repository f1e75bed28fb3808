"""The same stories, told to every world: what a node does, and what it looks like from outside, does
not depend on where it runs.

A story uses the verbs that all networks share, and waits for conditions, never for a lucky moment.
How nodes come together: test_parity_peers.py. What can happen to them: test_parity_faults.py.
"""

import sys
import time
import warnings
from functools import partial
from random import Random
from threading import Lock

import cloudpickle
import networkx as nx
import pytest
from diary import Answer, Diary, Note, Question, drops, edges, run_until, shown
from tools import PATIENCE

from p2pkit import Link, LocalNetwork, Message, Protocol, SimNetwork, on
from p2pkit.errors import (
    MessageError,
    NetworkError,
    NodeDown,
    ProtocolError,
    TopologyError,
    TraceError,
)
from p2pkit.network import NetworkWarning

pytestmark = pytest.mark.usefixtures("nothing_left")

# A worker that imported this module would import pytest, too, which takes half a second. So the
# classes in here travel as those of a notebook do. How others travel: tests/test_parity_classes.py.
cloudpickle.register_pickle_by_value(sys.modules[__name__])


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


@pytest.mark.parametrize(
    "make",
    [SimNetwork, LocalNetwork, partial(LocalNetwork, processes=5)],
    ids=["simulated", "one process", "five processes"],
)
def test_the_story_of_the_design(make):
    with make(Gossip, nx.complete_graph(5)) as net:
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


def test_a_node_has_no_peers_when_it_starts_and_then_gets_one_after_the_other(network):
    class Log(Protocol):
        def on_start(self):
            self.calls = [list(self.peers)]

        def on_connect(self, peer):
            self.calls.append(list(self.peers))

    with network(Log, nx.Graph([("c", "a"), ("a", "b"), ("b", "c"), ("b", "d")])) as net:
        assert {node.id: node.calls for node in net} == {
            "c": [[], ["a"], ["a", "b"]],
            "a": [[], ["c"], ["c", "b"]],
            "b": [[], ["a"], ["a", "c"], ["a", "c", "d"]],
            "d": [[], ["b"]],
        }


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


def test_whoever_is_greeted_knows_the_sender_as_a_peer(network):
    class Greeter(Diary):
        def on_connect(self, peer):
            self.send(peer, Note(1))

        @on(Note)
        def write(self, note, sender):
            self.notes.append(sender in self.peers)

    with network(Greeter, 5) as net:
        run_until(net, lambda: all(len(node.notes) == 4 for node in net))
        assert all(all(node.notes) for node in net)


def test_one_node_alone_is_a_network(network):
    with network(Diary, 1) as net:
        net.run(0.01)
        assert (net["n0"].seen, dict(net["n0"].peers)) == (["start"], {})


def test_an_int_is_the_complete_graph_and_nodes_have_names(network):
    with network(Diary, 4) as net:
        assert edges(net.overlay()) == edges(nx.relabel_nodes(nx.complete_graph(4), "n{}".format))
        assert (len(net), net.names) == (4, ["n0", "n1", "n2", "n3"])
    with network(Diary, nx.Graph([(0, (0, 1)), ((0, 1), "Zoë")])) as net:
        assert [node.id for node in net] == net.names == ["n0", "n0_1", "Zoë"]
        assert net[0, 1].id == "n0_1"
        net.call("Zoë", "say", "n0_1", 1)
        run_until(net, lambda: net["n0_1"].notes == [("Zoë", Note(1))])


def test_peers_are_ids_and_addresses_where_they_listen(network):
    with network(Diary, 2) as net:
        assert net["n0"].peers == {"n1": net.call("n1", "me").address}
        with pytest.raises(TypeError):
            net["n0"].peers["n2"] = "127.0.0.1:1"


def test_the_graph_that_was_given_is_not_changed(network):
    graph = nx.path_graph(2)
    with network(Diary, graph) as net:
        net.join("n2", to="n0")
    assert list(graph) == [0, 1]


def test_a_network_takes_the_class_and_a_graph_with_nodes(network):
    with pytest.raises(NetworkError, match="takes the class, Diary, not an object"):
        network(Diary(), 2)
    with pytest.raises(NetworkError, match="subclass of Protocol"):
        network(int, 2)
    with pytest.raises(NetworkError, match="subclass of Protocol"):
        network(Diary, 2, roles={0: int})
    with pytest.raises(TopologyError):
        network(Diary, nx.empty_graph(0))


def test_each_node_has_its_own_dice_which_fall_alike_everywhere(network):
    dice = {name: Random(f"7 {name}") for name in ("n0", "n1")}
    with network(Diary, 2, seed=7) as net:
        for name in net.names * 2:
            assert net.call(name, "throw") == [dice[name].random() for _ in range(3)]


def test_dice_fall_alike_with_the_same_seed_only(network):
    class Dicer(Protocol):
        def throw(self):
            return [self.sample(3) for _ in range(5)], self.random.random()

    def throws(seed):
        with network(Dicer, 6, seed=seed) as net:
            return [net.call(name, "throw") for name in net.names]

    first = throws(1)
    assert throws(1) == first
    assert throws(2) != first
    assert len({value for _, value in first}) == 6  # each node has its own


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


def test_an_action_may_ask_for_another(network):
    done = []
    with network(Diary, 2) as net:
        net.after(0.05, lambda: net.after(0.05, done.append, net.now))
        run_until(net, lambda: done)


def test_an_action_that_is_late_is_done_at_the_next_run(network):
    done = []
    with network(Diary, 2) as net:
        net.after(0.0, done.append, 1)
        assert net.run(0) is True
    assert done == [1]


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


def test_timers_ring_in_the_order_of_their_times_and_then_of_their_making(network):
    class Hurried(Protocol):
        def on_start(self):
            self.rung = []
            for number, seconds in enumerate([0.0506, 0.0502, 0.0504, 0.0502, 0.0501]):
                self.after(seconds, self.rung.append, number)

    with network(Hurried, 2) as net:
        run_until(net, lambda: all(len(node.rung) == 5 for node in net))
        assert [node.rung for node in net] == [[4, 1, 3, 2, 0]] * 2


@pytest.mark.usefixtures("nothing_left", "no_processes")
def test_the_result_of_work_comes_back(network):
    class Miner(Diary):
        def mine(self):
            self.work(pow, 2, 100, then=self.take, takes=0.5)
            return len(self.answers)

    with network(Miner, 1) as net:
        assert net.call("n0", "mine") == 0
        run_until(net, lambda: net["n0"].answers)
        assert net["n0"].answers == [2**100]


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


def test_a_copy_shows_timers_and_methods_that_act_on_the_copy(real_network):
    class Armed(Diary):
        def on_start(self):
            super().on_start()
            self.timer = self.after(60.0, self.count)
            self.then = self.numbers

    with real_network(Armed, 1) as net:
        seen = net["n0"]
        assert seen.timer.active
        seen.timer.cancel()
        seen.notes.append((None, Note(5)))
        assert seen.then() == [5]
        assert net["n0"].timer.active


def test_a_state_that_cannot_be_copied_is_said_in_a_sentence(real_network):
    class Locked(Protocol):
        def on_start(self):
            self.lock = Lock()

    with real_network(Locked, 1) as net, pytest.raises(ProtocolError, match="cannot be copied"):
        net["n0"]


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


def test_the_overlay_is_the_connections_that_there_are_now(network):
    with network(Diary, nx.cycle_graph(5)) as net:
        assert edges(net.overlay()) == [("n0", "n1"), ("n0", "n4")] + [
            (f"n{i}", f"n{i + 1}") for i in (1, 2, 3)
        ]
        net.crash("n0")
        run_until(net, lambda: "-n0" in net["n1"].seen and "-n0" in net["n4"].seen)
        last = net.overlay()
        assert set(last) == {"n1", "n2", "n3", "n4"}
        assert last.number_of_edges() == 3
    assert nx.utils.graphs_equal(net.overlay(), last)


def test_watch_records_what_changes(network):
    with network(Diary, 2, watch=lambda node: {"notes": len(node.notes)}) as net:
        net.call("n0", "say", "n1", 1, 2)
        run_until(net, lambda: len(net["n1"].notes) == 2)
        run_until(net, lambda: net.trace.count(kind="state") == 4)
        states = [(e.node, e.value["notes"]) for e in net.trace.where(kind="state")]
    assert states == [("n0", 0), ("n1", 0), ("n1", 1), ("n1", 2)]


def test_a_mistake_in_watch_surfaces(network):
    with pytest.raises(AttributeError, match="missing"):
        network(Diary, 1, watch=lambda node: {"x": node.missing})


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


# Mistakes of students; more of them: test_mistakes.py


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


def test_an_exception_ends_a_run_at_once(network):
    with network(Diary, 2) as net:
        net.call("n0", "spoil", "n1")
        with pytest.raises(ZeroDivisionError):
            net.run(PATIENCE)
        assert net.now < PATIENCE / 2


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


def test_several_exceptions_are_counted(real_network):
    with real_network(Diary, nx.star_graph(2)) as net:
        net.call("n0", "spoil", "n1")
        net.call("n0", "spoil", "n2")
        while net.is_up("n1") or net.is_up("n2"):
            net["n0"]
        with pytest.raises(ZeroDivisionError) as raised:
            net.run(0.01)
        assert any("1 more" in note for note in raised.value.__notes__)


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


def test_a_handler_that_returns_no_message_is_told_so(network):
    class Returns(Diary):
        @on(Question)
        def reply(self, question, sender):
            return 5

    with network(Returns, 2) as net:
        net.call("n0", "want", "n1", 2)
        with pytest.raises(ProtocolError, match=r"Returns.reply returned 5"):
            net.run(PATIENCE)


def test_what_is_no_link_and_no_target_is_said(network):
    with pytest.raises(NetworkError, match=r"0.1 is no link: write Link"):
        network(Diary, 2, link=0.1)
    with network(Diary, 2) as net:
        with pytest.raises(NetworkError, match="is no link"):
            net.shape(0, 1, 0.1)
        with pytest.raises(ProtocolError, match="sender is None"):
            net.call(0, "say", None, 1)
        with pytest.raises(ProtocolError, match="connect takes an address"):
            net.call(0, "dial", ("127.0.0.1", 1))


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
