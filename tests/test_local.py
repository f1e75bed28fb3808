"""LocalNetwork: real nodes on real sockets, and all that can be done to them."""

import threading
import time
import tracemalloc
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import networkx as nx
import pytest
from tools import PATIENCE, eventually, free_port, hosts, on_thread, stays, takes_less_than

from p2pkit import Contact, Link, LocalNetwork, Message, Protocol, on, plot, tcp
from p2pkit import contacts as contacts_module
from p2pkit.errors import (
    MessageError,
    NetworkError,
    NodeDown,
    ProtocolError,
    TopologyError,
    TraceError,
)
from p2pkit.protocols.gossip import Gossip, Rumor
from p2pkit.work import Pool

pytestmark = pytest.mark.usefixtures("nothing_left")

HELLO = Rumor("hello")


class Note(Message):
    """Something to be written down."""

    number: int
    text: str = ""


class Question(Message):
    """Asks for a square."""

    number: int


class Answer(Message):
    """A square."""

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

    def count(self):
        self.ticks.append(self.now)

    @on(Note)
    def write(self, note, sender):
        self.notes.append((sender, note.number))

    @on(Question)
    def reply(self, question, sender):
        return Answer(question.number**2)

    def say(self, to, *numbers):
        for number in numbers:
            self.send(to, Note(number))

    def want(self, to, number, timeout=PATIENCE):
        self.ask(to, Question(number), self.take, timeout=timeout)

    def take(self, answer):
        self.answers.append(answer and answer.number)

    def numbers(self):
        return [number for _, number in self.notes]

    def me(self):
        return self.contact


def pair(protocol=Diary, **options):
    return LocalNetwork(protocol, nx.path_graph(2), **options)


def run_until(net, condition, within=PATIENCE):
    assert net.run(until=condition, within=within)


def drops(net):
    return [(e.node, e.peer, e.message, e.reason) for e in net.trace.where(kind="drop")]


def disconnects(net):
    return {(e.node, e.peer): (e.time, e.reason) for e in net.trace.where(kind="disconnect")}


# What a student writes


class FirstRumor(Message):
    """As in the design, section 2."""

    text: str


class FirstGossip(Protocol):
    """Tell every new rumor to a few peers, chosen at random."""

    fanout = 3

    def on_start(self):
        self.heard = set()

    @on(FirstRumor)
    def hear(self, rumor, sender):
        if rumor in self.heard:
            return
        self.heard.add(rumor)
        for peer in self.sample(self.fanout):
            self.send(peer, rumor)


def story(net):
    net.tell("n0", FirstRumor("hello"))
    net.after(0.2, net.crash, "n3")
    net.run(1.0)
    return sum(FirstRumor("hello") in node.heard for node in net)


def test_the_story_of_the_design():
    with LocalNetwork(FirstGossip, nx.complete_graph(5)) as net:
        assert story(net) == 5
        assert not net.is_up("n3")
    assert sum(FirstRumor("hello") in node.heard for node in net) == 5


@pytest.mark.parametrize(
    "draw",
    [
        lambda net: plot.spread(net.trace, FirstRumor("hello")),
        lambda net: plot.topology(net, color=lambda node: "orange" if node.heard else "grey"),
    ],
    ids=["spread", "topology"],
)
def test_the_plots_of_the_design_are_drawn_of_a_closed_network(draw):
    from matplotlib import pyplot

    with LocalNetwork(FirstGossip, nx.complete_graph(5)) as net:
        story(net)
    try:
        assert draw(net) is not None
    finally:
        pyplot.close("all")


def test_an_int_is_the_complete_graph():
    with LocalNetwork(Diary, 4) as net:
        assert nx.is_isomorphic(net.overlay(), nx.complete_graph(4))
        assert net.names == ["n0", "n1", "n2", "n3"]
        assert len(net) == 4


def test_nodes_are_named_after_what_they_are_in_the_graph():
    graph = nx.Graph([(0, (0, 1)), ((0, 1), "Zoë")])
    with LocalNetwork(Diary, graph) as net:
        assert net.names == ["n0", "n0_1", "Zoë"]
        assert net[0].id == net["n0"].id == "n0"
        assert net[0, 1].id == "n0_1"
        assert [node.id for node in net] == net.names


def test_one_node_alone_is_a_network():
    with LocalNetwork(Diary, 1) as net:
        net.run(0.01)
        assert net["n0"].seen == ["start"]


# Start


def test_all_nodes_start_before_any_connects_in_the_order_of_the_graph():
    calls = []

    class Log(Protocol):
        def on_start(self):
            calls.append(("start", self.id, dict(self.peers)))

        def on_connect(self, peer):
            calls.append(("connect", self.id, peer, list(self.peers)))

    graph = nx.Graph([("c", "a"), ("a", "b"), ("b", "c"), ("b", "d")])
    with LocalNetwork(Log, graph):
        pass
    assert calls[:4] == [("start", name, {}) for name in "cabd"]
    assert calls[4:] == [
        ("connect", "c", "a", ["a"]),
        ("connect", "c", "b", ["a", "b"]),
        ("connect", "a", "c", ["c"]),
        ("connect", "a", "b", ["c", "b"]),
        ("connect", "b", "a", ["a"]),
        ("connect", "b", "c", ["a", "c"]),
        ("connect", "b", "d", ["a", "c", "d"]),
        ("connect", "d", "b", ["b"]),
    ]


def test_the_clock_is_at_0_when_the_nodes_start():
    with LocalNetwork(Diary, nx.cycle_graph(10)) as net:
        events = list(net.trace)
    assert [event.kind for event in events] == ["start"] * 10 + ["connect"] * 20
    times = [event.time for event in events]
    assert times == sorted(times)
    assert 0 <= times[0] < 0.05  # the clock was set to 0 a moment before


def test_whoever_is_greeted_knows_the_sender_as_a_peer():
    strangers = []

    class Greeter(Diary):
        def on_connect(self, peer):
            self.send(peer, Note(1))

        @on(Note)
        def write(self, note, sender):
            super().write(note, sender)
            if sender not in self.peers:
                strangers.append(sender)

    with LocalNetwork(Greeter, 5) as net:
        run_until(net, lambda: all(len(node.notes) == 4 for node in net))
    assert not strangers


def test_peers_are_ids_and_addresses_where_they_listen():
    with pair() as net:
        assert net["n0"].peers == {"n1": net.call("n1", "me").address}
        with pytest.raises(TypeError):
            net["n0"].peers["n2"] = "127.0.0.1:1"


def test_an_error_in_on_start_leaves_the_constructor():
    class Broken(Protocol):
        def on_start(self):
            if self.id == "n1":
                raise LookupError("no map")

    with pytest.raises(LookupError, match="no map") as raised:
        LocalNetwork(Broken, 3)
    assert "at node n1" in raised.value.__notes__[0]


def test_an_error_in_on_connect_leaves_the_constructor():
    class Broken(Protocol):
        def on_connect(self, peer):
            raise LookupError(peer)

    with pytest.raises(LookupError):
        LocalNetwork(Broken, 3)


def test_a_node_listens_where_it_is_told_to():
    port = free_port()  # for the first to listen, as another might be given this very port
    with pair(listen={0: f"127.0.0.1:{port}"}) as net:
        assert net["n1"].peers == {"n0": f"127.0.0.1:{port}"}


def test_a_port_that_is_taken_is_said_before_anything_runs():
    with (
        LocalNetwork(Diary, 1) as net,
        pytest.raises(NetworkError, match=r"n0 cannot listen on .*another program has this port"),
    ):
        LocalNetwork(Diary, 1, listen={"n0": net.call("n0", "me").address})


def test_progress_is_told_up_to_the_end():
    steps = []
    with LocalNetwork(Diary, nx.cycle_graph(5), progress=lambda *step: steps.append(step)):
        pass
    assert steps[0] == (1, 10)
    assert max(steps) == (10, 10)


def test_a_network_takes_the_class():
    with pytest.raises(NetworkError, match="takes the class"):
        LocalNetwork(Diary(), 2)
    with pytest.raises(NetworkError, match="subclass of Protocol"):
        LocalNetwork(int, 2)
    with pytest.raises(TopologyError):
        LocalNetwork(Diary, nx.empty_graph(0))


# Time


def test_run_lets_so_much_time_pass():
    with pair() as net:
        before = net.now
        assert net.run(0.2) is True
        assert 0.2 <= net.now - before < 0.2 + 5


def test_run_until_tells_whether_the_condition_held():
    with pair() as net:
        net.call("n0", "say", "n1", 1)
        assert net.run(until=lambda: net["n1"].notes, within=PATIENCE) is True
        with takes_less_than(5):
            assert net.run(until=lambda: False, within=0.1) is False


def test_run_until_sees_a_condition_that_holds_already_without_waiting():
    with pair() as net:
        before = net.now
        assert net.run(until=lambda: True)
        assert net.now - before < 0.1


def test_run_takes_seconds_or_a_condition():
    with pair() as net:
        for wrong in ({}, {"seconds": 1.0, "until": bool}):
            with pytest.raises(NetworkError, match="run takes"):
                net.run(**wrong)


def test_actions_are_done_in_this_thread_during_run_and_in_order():
    done = []

    def act(what):
        done.append((what, threading.current_thread(), net.now))

    with pair() as net:
        net.after(0.10, act, "third")
        net.after(0.05, act, "first")
        net.after(0.05, act, "second")
        net.after(9.0, act, "never")
        time.sleep(0.15)
        assert not done  # nothing happens outside run
        net.run(0.1)
    assert [what for what, _, _ in done] == ["first", "second", "third"]
    assert {thread for _, thread, _ in done} == {threading.current_thread()}
    assert all(now >= 0.05 for _, _, now in done)


def test_an_action_is_done_at_its_time():
    times = []
    with pair() as net:
        start = net.now
        net.after(0.2, lambda: times.append(net.now - start))
        net.run(until=lambda: times, within=PATIENCE)
    assert 0.2 <= times[0] < 0.2 + 2


def test_an_error_in_an_action_leaves_run():
    with pair() as net:
        net.after(0.0, net.crash, "n7")
        with pytest.raises(NetworkError, match="no node n7"):
            net.run(0.1)


def test_an_error_in_a_condition_leaves_run():
    with pair() as net, pytest.raises(ZeroDivisionError):
        net.run(until=lambda: 1 / 0)


def test_timers_keep_time_without_drift():
    with LocalNetwork(Diary.using(tick=0.05), 1) as net:
        run_until(net, lambda: len(net["n0"].ticks) >= 10)
        ticks = net["n0"].ticks
    due = [0.05 * round(tick / 0.05) for tick in ticks]  # the turns of a hiccup are left out
    assert all(tick >= turn - 0.025 for tick, turn in zip(ticks, due, strict=True))
    assert len(set(due)) >= 9
    start = min(tick % 0.05 for tick in ticks)
    assert start < 0.05


def test_timers_of_no_time_hold_nobody_up():
    class Spinning(Diary):
        def on_start(self):
            super().on_start()
            self.turns = 0
            self.spin()

        def spin(self):
            self.turns += 1
            self.after(0, self.spin)

    with pair(roles={"n0": Spinning}) as net:
        net.call("n1", "say", "n0", 1)
        run_until(net, lambda: net["n0"].notes and net["n0"].turns > 10)


# Acting and looking


def test_tell_hands_a_message_over_from_outside():
    with pair() as net:
        net.tell("n0", Note(7))
        assert net["n0"].notes == [(None, 7)]
        assert net.trace.count(kind="receive", node="n0", message=Note) == 1


def test_tell_refuses_what_is_no_message_and_what_nobody_handles():
    with pair() as net:
        with pytest.raises(MessageError):
            net.tell("n0", "hello")
        with pytest.raises(ProtocolError, match="no @on"):
            net.tell("n0", Rumor("hello"))
        with pytest.raises(MessageError, match="number"):
            net.tell("n0", Note("seven"))
        assert net.is_up("n0")


def test_call_returns_what_the_method_returns_and_raises_what_it_raises():
    class Purse(Protocol):
        def on_start(self):
            self.coins = 3

        def pay(self, coins):
            if coins > self.coins:
                raise ValueError("not enough")
            self.coins -= coins
            return self.coins

    with LocalNetwork(Purse, 2) as net:
        assert net.call("n0", "pay", 1) == 2
        with pytest.raises(ValueError, match="not enough"):
            net.call("n0", "pay", 5)
        assert net.is_up("n0")
        assert [node.coins for node in net] == [2, 3]
        with pytest.raises(ProtocolError, match="no method steal"):
            net.call("n0", "steal")


def test_a_node_shows_a_copy_of_its_state():
    with pair() as net:
        seen = net["n0"]
        seen.notes.append("mine")
        assert net["n0"].notes == []
        with pytest.raises(NodeDown, match="copy"):
            seen.send("n1", Note(1))


def test_a_state_that_cannot_be_copied_is_said_in_a_sentence():
    class Locked(Protocol):
        def on_start(self):
            self.lock = threading.Lock()

    with LocalNetwork(Locked, 1) as net, pytest.raises(ProtocolError, match="cannot be copied"):
        net["n0"]


def test_a_copy_shows_timers_and_methods_that_act_on_the_copy():
    class Armed(Diary):
        def on_start(self):
            super().on_start()
            self.timer = self.after(60.0, self.count)
            self.then = self.numbers

    with LocalNetwork(Armed, 1) as net:
        seen = net["n0"]
        assert seen.timer.active
        seen.timer.cancel()
        seen.notes.append((None, 5))
        assert seen.then() == [5]
        assert net["n0"].timer.active


def test_iteration_shows_all_nodes_at_one_moment():
    class Token(Protocol):
        """One token wanders; somebody has it, or it is on its way: nobody has two."""

        def on_start(self):
            self.tokens = 0

        @on(Note)
        def take(self, note, sender):
            self.tokens += 1
            self.after(0.0, self.give, note)

        def give(self, note):
            self.tokens -= 1
            self.send(self.sample(1)[0], Note(note.number + 1))

    with LocalNetwork(Token, 5) as net:
        net.tell("n0", Note(0))
        for _ in range(100):
            assert sum(node.tokens for node in net) <= 1


def test_the_overlay_is_the_connections_that_there_are():
    with LocalNetwork(Diary, nx.cycle_graph(5)) as net:
        expected = {frozenset((f"n{i}", f"n{(i + 1) % 5}")) for i in range(5)}
        assert {frozenset(edge) for edge in net.overlay().edges} == expected
        net.crash("n0")
        assert set(net.overlay()) == {"n1", "n2", "n3", "n4"}
        assert net.overlay().number_of_edges() == 3


def test_a_closed_network_shows_its_final_overlay():
    with LocalNetwork(Diary, nx.cycle_graph(5)) as net:
        net.crash("n0")
        last = net.overlay()
    assert nx.utils.graphs_equal(net.overlay(), last)


def test_messages_between_two_nodes_arrive_in_order_and_are_recorded_at_both():
    with pair() as net:
        net.call("n0", "say", "n1", *range(1000))
        run_until(net, lambda: len(net["n1"].notes) == 1000)
        assert net["n1"].notes == [("n0", number) for number in range(1000)]
        sent = [event.id for event in net.trace.where(kind="send", node="n0")]
        received = [event.id for event in net.trace.where(kind="receive", node="n1")]
    assert len(set(sent)) == 1000
    assert received == sent


def test_a_message_for_nobody_is_dropped_and_recorded():
    with LocalNetwork(Diary, nx.path_graph(3)) as net:
        net.call("n0", "say", "n2", 1)
        net.call("n0", "say", "nobody", 1)
        assert drops(net) == [
            ("n0", "n2", "Note", "no such peer"),
            ("n0", "nobody", "Note", "no such peer"),
        ]


def test_a_message_that_nobody_handles_is_dropped_where_it_arrives():
    with pair(roles={"n0": Gossip}) as net:
        net.tell("n0", HELLO)
        run_until(net, lambda: drops(net))
        [(node, peer, _, reason)] = drops(net)
        assert (node, peer) == ("n1", "n0")
        assert reason.startswith("not understood")
        assert net.is_up("n1")


def test_a_broadcast_goes_to_all_peers_but_some():
    class Town(Diary):
        def cry(self, but):
            self.broadcast(Note(1), but=but)

    with LocalNetwork(Town, 5) as net:
        net.call("n0", "cry", None)
        net.call("n0", "cry", "n1")
        net.call("n0", "cry", ["n1", "n2"])
        run_until(net, lambda: net.trace.count(kind="receive") == 4 + 3 + 2)
        assert [len(node.notes) for node in net] == [0, 1, 2, 3, 3]


def test_a_question_is_answered_once():
    with pair() as net:
        net.call("n0", "want", "n1", 7)
        run_until(net, lambda: net["n0"].answers)
        assert net["n0"].answers == [49]


def test_a_question_that_nobody_answers_in_time_is_answered_with_none():
    class Deaf(Diary):
        @on(Question)
        def reply(self, question, sender):
            pass

    with pair(roles={"n1": Deaf}) as net:
        start = net.now
        net.call("n0", "want", "n1", 7, 0.1)
        run_until(net, lambda: net["n0"].answers)
        assert net["n0"].answers == [None]
        assert net.now - start >= 0.1


def test_an_answer_that_comes_too_late_is_dropped():
    with pair(link=Link(latency=0.1)) as net:
        net.call("n0", "want", "n1", 7, 0.05)
        run_until(net, lambda: drops(net))
        assert net["n0"].answers == [None]
        assert "nobody asked" in drops(net)[0][3]


def test_dice_throw_the_same_with_the_same_seed():
    class Dicer(Protocol):
        def throw(self):
            return [self.sample(3) for _ in range(5)], self.random.random()

    def throws(seed):
        with LocalNetwork(Dicer, 6, seed=seed) as net:
            return [net.call(name, "throw") for name in net.names]

    first = throws(1)
    assert throws(1) == first
    assert throws(2) != first
    assert len({value for _, value in first}) == 6  # each node has its own


def test_roles_make_exceptions():
    class Selfish(Gossip):
        @on(Rumor)
        def hear(self, rumor, sender):
            self.heard.add(rumor)

    with LocalNetwork(Gossip, nx.path_graph(4), roles={1: Selfish}) as net:
        net.tell("n0", HELLO)
        run_until(net, lambda: HELLO in net["n1"].heard)
        net.run(0.1)
        assert [HELLO in node.heard for node in net] == [True, True, False, False]


def test_roles_for_unknown_nodes_are_refused():
    with pytest.raises(NetworkError, match="no node n9"):
        LocalNetwork(Gossip, 3, roles={"n9": Gossip})


def test_watch_records_what_changes():
    with pair(watch=lambda node: {"notes": len(node.notes)}) as net:
        net.call("n0", "say", "n1", 1, 2)
        run_until(net, lambda: len(net["n1"].notes) == 2)
        states = [(e.node, e.value["notes"]) for e in net.trace.where(kind="state")]
    assert states == [("n0", 0), ("n1", 0), ("n1", 1), ("n1", 2)]


def test_a_mistake_in_watch_surfaces():
    with pytest.raises(AttributeError):
        LocalNetwork(Diary, 1, watch=lambda node: {"x": node.missing})


def test_record_counts_keeps_numbers_only():
    tracemalloc.start()
    try:
        with pair(record="counts") as net:
            net.call("n0", "say", "n1", *range(100))
            run_until(net, lambda: net.trace.count(kind="receive", message=Note) == 100)
            assert net.trace.count(kind="send", node="n0") == 100
            with pytest.raises(TraceError, match='record="all"'):
                list(net.trace.where(kind="send"))
    finally:
        tracemalloc.stop()


def test_many_drops_of_one_kind_end_with_a_hint():
    from p2pkit.network import NetworkWarning

    with pair() as net:
        net.call("n0", "say", "nobody", *range(200))
        with pytest.warns(NetworkWarning, match="200 drops, no such peer"):
            net.run(0.01)
        net.run(0.01)  # and not again


# Mistakes of students


class Fragile(Diary):
    """Break when a note says so."""

    @on(Note)
    def write(self, note, sender):
        super().write(note, sender)
        if note.text == "break":
            raise ZeroDivisionError("broken by a note")

    def spoil(self, to):
        self.send(to, Note(1, "break"))


def test_an_exception_in_a_handler_leaves_run_and_says_where():
    with LocalNetwork(Fragile, 3, seed=5) as net:
        net.call("n0", "spoil", "n1")
        with pytest.raises(ZeroDivisionError, match="broken by a note") as raised:
            net.run(PATIENCE)
        [note] = raised.value.__notes__
        assert "at node n1" in note
        assert "seed 5" in note
        assert raised.traceback[-1].name == "write"  # the student's own line
        assert [net.is_up(name) for name in net.names] == [True, False, True]
        assert net.trace.count(kind="error", node="n1") == 1
        net.call("n0", "say", "n2", 5)  # the others go on
        run_until(net, lambda: net["n2"].notes == [("n0", 5)])
        assert net["n1"].notes == [("n0", 1)]  # as it was at its end


def test_an_exception_ends_a_run_at_once():
    with LocalNetwork(Fragile, 2) as net:
        net.call("n0", "spoil", "n1")
        with takes_less_than(PATIENCE / 2), pytest.raises(ZeroDivisionError):
            net.run(PATIENCE)


def test_an_exception_that_no_run_saw_leaves_the_end_of_the_with_block():
    with pytest.raises(ZeroDivisionError), LocalNetwork(Fragile, 2) as net:  # noqa: PT012
        net.call("n0", "spoil", "n1")
        eventually(lambda: not net.is_up("n1"))


def test_an_exception_leaves_tell():
    with LocalNetwork(Fragile, 2) as net, pytest.raises(ZeroDivisionError):
        net.tell("n0", Note(1, "break"))


def test_several_exceptions_are_counted():
    with LocalNetwork(Fragile, nx.star_graph(2)) as net:

        def spoil_both():
            net.call("n0", "spoil", "n1")
            net.call("n0", "spoil", "n2")
            eventually(lambda: not net.is_up("n1") and not net.is_up("n2"))

        spoil_both()
        with pytest.raises(ZeroDivisionError) as raised:
            net.run(0.01)
        assert any("1 more" in note for note in raised.value.__notes__)


def test_an_error_of_the_with_block_itself_goes_first():
    with pytest.raises(KeyError), LocalNetwork(Fragile, 2) as net:  # noqa: PT012
        net.call("n0", "spoil", "n1")
        eventually(lambda: not net.is_up("n1"))
        raise KeyError("mine")


@pytest.mark.parametrize("how", ["after", "then", "disconnect", "unreachable", "stop"])
def test_exceptions_come_out_of_every_kind_of_call(how):
    class Bad(Diary):
        def begin(self):
            if how == "after":
                self.after(0.0, self.fail)
            elif how == "then":
                self.ask("n1", Question(1), self.fail)
            elif how == "disconnect":
                self.disconnect("n1")
            elif how == "unreachable":
                self.connect(f"127.0.0.1:{free_port()}")

        def fail(self, *_):
            raise LookupError(how)

        def on_disconnect(self, peer):
            self.fail()

        def on_unreachable(self, address):
            self.fail()

        def on_stop(self):
            if how == "stop":
                self.fail()

    with pytest.raises(LookupError, match=how), pair(Bad) as net:  # noqa: PT012
        net.call("n0", "begin")
        if how != "stop":
            net.run(PATIENCE)
            pytest.fail("run came back")


def test_a_message_with_a_wrong_field_is_the_senders_mistake():
    class Careless(Diary):
        def slip(self):
            self.send("n1", Note("one"))

    with pair(Careless) as net:
        with pytest.raises(MessageError, match=r"Note\.number"):
            net.call("n0", "slip")
        assert net.is_up("n0")


def test_a_handler_that_returns_no_message_is_told_so():
    class Returns(Diary):
        @on(Question)
        def reply(self, question, sender):
            return 5

    with pair(Returns) as net:
        net.call("n0", "want", "n1", 2)
        with pytest.raises(ProtocolError, match="returned 5"):
            net.run(PATIENCE)


def test_verbs_inside_a_handler_are_refused():
    networks = []

    class Meddler(Diary):
        @on(Note)
        def write(self, note, sender):
            networks[0].crash("n1")

    with pair(Meddler) as net:
        networks.append(net)
        with pytest.raises(NetworkError, match="a handler cannot act on the network"):
            net.tell("n0", Note(1))
        assert net.is_up("n1")
    networks.clear()


def test_a_node_that_is_down_says_so():
    with pair() as net:
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


def test_a_closed_network_says_so_and_can_be_looked_at():
    with pair() as net:
        net.call("n0", "say", "n1", 1)
        run_until(net, lambda: net["n1"].notes)
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
    assert net["n1"].notes == [("n0", 1)]
    assert [node.id for node in net] == ["n0", "n1"]
    end = net.now
    time.sleep(0.01)
    assert net.now == end


def test_unknown_names_are_refused_with_a_hint():
    with LocalNetwork(Diary, nx.Graph([("alice", "bob")])) as net:
        for act in (net.crash, net.restart, net.__getitem__, net.is_up, net.leave):
            with pytest.raises(NetworkError, match=r"no node alise .*did you mean alice"):
                act("alise")
        with pytest.raises(NetworkError, match="no node"):
            net.cut("alice", 5)


# Crash and restart


def test_a_crash_is_told_to_the_peers_and_loses_what_is_in_flight():
    with LocalNetwork(Diary, 3, link=Link(latency=0.2)) as net:
        net.call("n0", "say", "n1", 1)
        net.call("n1", "say", "n2", 2)
        net.crash("n0")
        run_until(net, lambda: "-n0" in net["n1"].seen and "-n0" in net["n2"].seen)
        run_until(net, lambda: net["n2"].notes)
        assert net["n1"].notes == []
        assert ("n0", "n1", "Note", "node is down") in drops(net)
        assert "n0" not in net["n1"].peers
        assert net["n2"].notes == [("n1", 2)]  # the others' are not harmed


def test_what_is_in_flight_to_a_node_that_crashes_is_dropped():
    with pair(link=Link(latency=0.2)) as net:
        net.call("n0", "say", "n1", 1)
        net.crash("n1")
        run_until(net, lambda: drops(net))
        assert drops(net) == [("n0", "n1", "Note", "node is down")]


def test_nothing_happens_at_a_node_after_its_crash():
    with LocalNetwork(Diary.using(tick=0.01), 3, link=Link(latency=(0, 0.05))) as net:
        for number in range(50):
            net.call("n1", "say", "n0", number)
            net.call("n0", "say", "n1", number)
        net.crash("n0")
        net.run(0.2)
        kinds = [event.kind for event in net.trace.where(node="n0")]
    after = kinds[kinds.index("crash") + 1 :]
    assert set(after) <= {"drop"}  # what was on its way


def test_a_restarted_node_has_its_disk_and_nothing_else():
    class Careful(Diary):
        def on_start(self):
            super().on_start()
            self.disk["lives"] = self.disk.get("lives", 0) + 1

        def lives(self):
            return self.disk["lives"]

        @on(Note)
        def write(self, note, sender):
            super().write(note, sender)
            self.disk[f"note {note.number}"] = note

    with LocalNetwork(Careful, nx.cycle_graph(4)) as net:
        old = net.call("n0", "me").address
        net.tell("n0", Note(5))
        net.crash("n0")
        run_until(net, lambda: "-n0" in net["n1"].seen)
        assert net["n0"].notes == [(None, 5)]  # its last state
        net.restart("n0")
        assert net.is_up("n0")
        assert net.call("n0", "lives") == 2
        assert net.call("n1", "lives") == 1
        assert net["n0"].notes == []
        new = net.call("n0", "me").address
        assert new != old
        assert set(net["n0"].peers) == {"n1", "n3"}  # the graph's edges, there and back
        assert net["n1"].peers["n0"] == new
        assert net["n1"].seen == ["start", "+n0", "+n2", "-n0", "+n0"]
        assert sorted(net["n0"].seen[1:]) == ["+n1", "+n3"]
        net.call("n1", "say", "n0", 6)
        run_until(net, lambda: net["n0"].notes == [("n1", 6)])


def test_a_node_can_crash_and_restart_again_and_again():
    with LocalNetwork(Diary, 4) as net:
        for _ in range(10):
            net.crash("n2")
            net.restart("n2")
            assert set(net["n2"].peers) == {"n0", "n1", "n3"}
            assert all("n2" in net[name].peers for name in ("n0", "n1", "n3"))


def test_neighbours_that_are_down_are_connected_when_they_come_back():
    with LocalNetwork(Diary, nx.path_graph(2)) as net:
        net.crash("n0")
        net.crash("n1")
        net.restart("n0")
        assert not net["n0"].peers
        net.restart("n1")
        assert set(net["n0"].peers) == {"n1"}


def test_the_serial_numbers_of_two_lives_are_different():
    with pair() as net:
        net.call("n0", "say", "n1", 1)
        run_until(net, lambda: net["n1"].notes)
        net.crash("n0")
        net.restart("n0")
        net.call("n0", "say", "n1", 2)
        run_until(net, lambda: len(net["n1"].notes) == 2)
        ids = [event.id for event in net.trace.where(kind="send")]
    assert len(set(ids)) == 2


def test_timers_and_questions_of_a_life_end_with_it():
    with pair(Diary.using(tick=0.01)) as net:
        net.call("n0", "want", "n1", 1, 0.1)
        net.crash("n0")
        net.restart("n0")
        ticks = net["n0"].ticks
        net.run(0.2)
        assert len(ticks) <= 2
        assert net["n0"].answers == []


# Pause and resume


def test_a_paused_node_reads_nothing_and_its_timers_wait():
    with pair(Diary.using(tick=0.02)) as net:
        run_until(net, lambda: net["n0"].ticks)
        net.pause("n0")
        before = net["n0"].ticks
        net.call("n1", "say", "n0", 1, 2, 3)
        net.run(0.3)
        assert net["n0"].ticks == before
        assert net["n0"].notes == []
        assert net.is_up("n0")
        with pytest.raises(NetworkError, match="n0 is paused"):
            net.call("n0", "me")
        net.resume("n0")
        run_until(net, lambda: net["n0"].numbers() == [1, 2, 3])
        run_until(net, lambda: len(net["n0"].ticks) > len(before) + 2)
        assert net["n0"].seen == ["start", "+n1"]  # nobody noticed


def test_what_a_paused_node_is_told_waits():
    with pair() as net:
        net.pause("n0")
        net.tell("n0", Note(1))
        assert net["n0"].notes == []
        net.resume("n0")
        assert net["n0"].notes == [(None, 1)]


def test_a_mistake_in_telling_a_paused_node_is_said_at_once():
    with pair() as net:
        net.pause("n0")
        with pytest.raises(ProtocolError):
            net.tell("n0", Rumor("hello"))
        net.resume("n0")


def test_a_paused_node_is_given_up_by_its_peers_and_dialled_again(impatient):
    with LocalNetwork(Diary, nx.path_graph(3)) as net:
        net.pause("n1")
        paused = net.now
        run_until(net, lambda: "-n1" in net["n0"].seen and "-n1" in net["n2"].seen)
        assert all(when - paused > 0.2 for when, _ in disconnects(net).values())
        assert net["n1"].seen == ["start", "+n0", "+n2"]  # it sleeps
        net.run(0.3)
        net.resume("n1")
        assert set(net["n1"].peers) == {"n0", "n2"}
        assert net["n0"].seen == ["start", "+n1", "-n1", "+n1"]
        assert sorted(net["n1"].seen[3:5]) == ["-n0", "-n2"]
        assert sorted(net["n1"].seen[5:]) == ["+n0", "+n2"]
        assert net["n1"].peers["n0"] == net.call("n0", "me").address
        net.call("n0", "say", "n1", 1)
        run_until(net, lambda: net["n1"].notes)


def test_a_paused_node_can_crash_and_restart():
    with pair() as net:
        net.pause("n0")
        net.crash("n0")
        net.restart("n0")
        assert set(net["n0"].peers) == {"n1"}
        net.call("n0", "say", "n1", 1)
        run_until(net, lambda: net["n1"].notes)


def test_two_paused_neighbours_are_connected_when_both_are_back(impatient):
    with LocalNetwork(Diary, nx.path_graph(3)) as net:
        net.pause("n0")
        net.pause("n1")
        run_until(net, lambda: "-n1" in net["n2"].seen)
        net.run(0.4)
        net.resume("n0")
        net.resume("n1")
        assert set(net["n0"].peers) == {"n1"}
        assert set(net["n1"].peers) == {"n0", "n2"}


# Join and leave


def test_a_node_joins_and_is_connected():
    with LocalNetwork(Diary, 2) as net:
        net.join("n2", to="n0")
        net.join(3, to=["n1", "n2"])
        net.join("loner")
        assert net.names == ["n0", "n1", "n2", "n3", "loner"]
        assert {name: set(net[name].peers) for name in ("n2", "n3", "loner")} == {
            "n2": {"n0", "n3"},
            "n3": {"n1", "n2"},
            "loner": set(),
        }
        assert net["n0"].seen[-1] == "+n2"
        assert net["n2"].seen == ["start", "+n0", "+n3"]
        with pytest.raises(NetworkError, match="there is a n2 already"):
            net.join("n2")
        with pytest.raises(NetworkError, match="no node n77"):
            net.join("n9", to="n77")
        assert "n9" not in net.names
        net.crash("n2")
        net.restart("n2")
        assert set(net["n2"].peers) == {"n0", "n3"}


def test_the_graph_that_was_given_is_not_changed():
    graph = nx.path_graph(2)
    with LocalNetwork(Diary, graph) as net:
        net.join("n2", to="n0")
    assert list(graph) == [0, 1]


class Noisy(Diary):
    """Never stop talking."""

    tick = 0.001

    def count(self):
        self.broadcast(Note(-1, "x" * 5000))


class Eloquent(Noisy):
    """Say a lot in the end, while others talk too."""

    def on_stop(self):
        self.say_much("n0")

    def say_much(self, to):
        self.say(to, *range(400))

    def say_much_and_go(self, to):
        self.say_much(to)
        self.disconnect(to)


@pytest.mark.parametrize("ending", ["leave", "disconnect"])
def test_last_words_are_delivered_while_the_other_side_talks(ending):
    with LocalNetwork(Noisy, 2, roles={1: Eloquent}) as net:
        run_until(net, lambda: len(net["n0"].notes) > 10)
        if ending == "leave":
            net.leave(1)
        else:
            net.call(1, "say_much_and_go", "n0")
        run_until(net, lambda: "-n1" in net["n0"].seen)
        assert [n for _, n in net["n0"].notes if n >= 0] == list(range(400))


def test_a_disk_shows_after_a_restart_what_was_on_it():
    with LocalNetwork(Keeper, 1) as net:
        net.call(0, "keep", "k", [1, 2])
        net.crash(0)
        net.restart(0)
        assert net[0].disk["k"] == [1, 2]


class Keeper(Protocol):
    """Keep what one is given."""

    def keep(self, key, value):
        self.disk[key] = value


def test_a_join_that_fails_leaves_nothing_behind():
    with LocalNetwork(Diary, 1, listen={"x": "127.0.0.1:nonsense"}) as net:
        with pytest.raises(NetworkError, match="no address"):
            net.join("x", to=0)
        assert net.names == ["n0"]
        net.crash(0)
        with pytest.raises(NodeDown, match="n0 is down"):
            net.join("y", to=0)
        assert net.names == ["n0"]


class Hasty(Diary):
    """Speak before there are peers."""

    def on_start(self):
        super().on_start()
        self.send("n1", Note(1))


def test_who_speaks_in_on_start_speaks_to_nobody():
    with pair(roles={0: Hasty}) as net:
        net.run(0.05)
        assert net["n1"].notes == []
        assert drops(net) == [("n0", "n1", "Note", "no such peer")]


def test_a_condition_is_noticed_soon():
    with pair() as net:
        began = net.now
        net.after(0.0, net.call, 0, "say", "n1", 1)
        run_until(net, lambda: net["n1"].notes)
        assert net.now - began < 0.09  # and not at the next of some ten looks a second


def test_what_is_no_link_and_no_target_is_said():
    with pytest.raises(NetworkError, match=r"0.1 is no link: write Link"):
        LocalNetwork(Diary, 2, link=0.1)
    with pair() as net:
        with pytest.raises(NetworkError, match="is no link"):
            net.shape(0, 1, 0.1)
        with pytest.raises(ProtocolError, match="sender is None"):
            net.call(0, "say", None, 1)
        with pytest.raises(ProtocolError, match="connect takes an address"):
            net.call(0, "connect", ("127.0.0.1", 1))


class Polite(Diary):
    """Say goodbye."""

    def on_stop(self):
        self.broadcast(Note(99))


@pytest.mark.parametrize("latency", [None, 0.3, 1.3])
def test_a_node_that_leaves_delivers_first(latency):
    with LocalNetwork(Polite, 3, link=Link(latency=latency)) as net:
        net.call("n0", "say", "n1", *range(100))
        net.leave("n0")
        assert not net.is_up("n0")
        run_until(net, lambda: "-n0" in net["n1"].seen and "-n0" in net["n2"].seen)
        assert net["n1"].notes == [("n0", n) for n in [*range(100), 99]]
        assert net["n2"].notes == [("n0", 99)]
        assert not drops(net)
        assert net.trace.count(kind="leave") == 1
        assert net.trace.count(kind="crash") == 0


def test_a_node_that_left_can_come_back():
    with LocalNetwork(Polite, 3) as net:
        net.leave("n0")
        net.restart("n0")
        assert set(net["n0"].peers) == {"n1", "n2"}


def test_whoever_dials_a_node_that_leaves_is_told_that_it_is_unreachable():
    class Clinging(Diary):
        def on_connect(self, peer):
            super().on_connect(peer)
            self.addresses = getattr(self, "addresses", {}) | {peer: self.peers[peer]}

        def on_disconnect(self, peer):
            super().on_disconnect(peer)
            self.connect(self.addresses[peer])

    with LocalNetwork(Clinging, 3) as net:
        net.leave("n0")
        run_until(net, lambda: net["n1"].unreachable and net["n2"].unreachable)
        assert net["n1"].seen == ["start", "+n0", "+n2", "-n0"]
        assert net["n2"].seen == ["start", "+n0", "+n1", "-n0"]


def test_leaving_takes_no_time_when_nobody_is_slow():
    with LocalNetwork(Polite, 5) as net, takes_less_than(0.5):
        net.leave("n0")


def test_nothing_happens_at_a_node_after_it_left():
    with LocalNetwork(Diary, 2, link=Link(latency=0.05)) as net:
        net.call("n1", "say", "n0", 1, 2, 3)
        net.leave("n0")
        net.run(0.2)
        kinds = [event.kind for event in net.trace.where(node="n0")]
    assert kinds[-1] == "leave"


def test_disconnecting_delivers_first_and_is_told_to_both():
    class Parting(Diary):
        def part(self, peer):
            self.say(peer, *range(100))
            self.disconnect(peer)
            self.seen.append("parted")  # on_disconnect comes after the handler

    with pair(Parting) as net:
        net.call("n0", "part", "n1")
        run_until(net, lambda: "-n0" in net["n1"].seen and "-n1" in net["n0"].seen)
        assert net["n1"].numbers() == list(range(100))
        assert net["n0"].seen == ["start", "+n1", "parted", "-n1"]
        assert not net["n0"].peers


def test_disconnecting_twice_or_from_nobody_does_nothing():
    class Parting(Diary):
        def part(self, peer):
            self.disconnect(peer)
            self.disconnect(peer)
            self.disconnect("nobody")

    with pair(Parting) as net:
        net.call("n0", "part", "n1")
        run_until(net, lambda: "-n0" in net["n1"].seen and "-n1" in net["n0"].seen)
        assert net["n0"].seen == ["start", "+n1", "-n1"]


def test_what_a_network_ends_with_is_said_by_on_stop():
    said = []

    class Last(Protocol):
        def on_stop(self):
            said.append(self.id)

    with LocalNetwork(Last, 3) as net:
        net.crash("n1")
    assert said == ["n0", "n2"]


# Cuts and partitions


def test_a_partition_drops_what_is_sent_and_nobody_is_told_at_first():
    with LocalNetwork(Diary, 4) as net:
        net.partition(["n0", "n1"], ["n2", "n3"])
        net.call("n0", "say", "n1", 1)
        net.call("n0", "say", "n2", 2)
        net.call("n3", "say", "n1", 3)
        net.run(0.3)
        assert drops(net) == [("n0", "n2", "Note", "cut"), ("n3", "n1", "Note", "cut")]
        assert net["n1"].notes == [("n0", 1)]
        assert not disconnects(net)
        net.heal()
        net.call("n0", "say", "n2", 4)
        run_until(net, lambda: net["n2"].notes)
        assert net["n2"].notes == [("n0", 4)]  # what was lost stays lost
        assert not disconnects(net)


def test_both_sides_of_a_partition_are_told_after_the_timeout(impatient):
    with LocalNetwork(Diary, 4) as net:
        net.partition(["n0", "n1"])  # those not named are one more group
        began = net.now
        run_until(net, lambda: net.overlay().number_of_edges() == 2)
        run_until(net, lambda: len(disconnects(net)) == 8)
        assert set(disconnects(net)) == {
            pair for a in ("n0", "n1") for b in ("n2", "n3") for pair in ((a, b), (b, a))
        }
        assert all(when - began > 0.2 for when, _ in disconnects(net).values())
        net.run(0.5)
        assert net.overlay().number_of_edges() == 2
        net.heal()
        assert net.overlay().number_of_edges() == 6
        net.call("n0", "say", "n3", 1)
        run_until(net, lambda: net["n3"].notes)


def test_the_timeout_of_a_cut_is_five_seconds():
    with LocalNetwork(Diary, nx.path_graph(2)) as net:
        net.cut("n0", "n1")
        began = net.now
        run_until(net, lambda: len(disconnects(net)) == 2)
        times = [when - began for when, _ in disconnects(net).values()]
    assert min(times) >= tcp.PEER_TIMEOUT - tcp.HEARTBEAT
    assert max(times) < tcp.PEER_TIMEOUT + 2 * tcp.HEARTBEAT + 1


def test_a_cut_in_one_direction_stops_that_one_and_ends_both(impatient):
    with LocalNetwork(Diary, nx.path_graph(2)) as net:
        net.cut("n0", "n1", oneway=True)
        net.call("n0", "say", "n1", 1)
        net.call("n1", "say", "n0", 2)
        run_until(net, lambda: net["n0"].notes)
        assert drops(net) == [("n0", "n1", "Note", "cut")]
        run_until(net, lambda: len(disconnects(net)) == 2)
        assert net["n1"].notes == []
        net.heal()
        assert net.overlay().number_of_edges() == 1


def test_a_crash_behind_a_cut_is_noticed_as_silence(impatient):
    with LocalNetwork(Diary, nx.path_graph(2)) as net:
        net.cut("n0", "n1")
        net.crash("n0")
        crashed = net.now
        run_until(net, lambda: "-n0" in net["n1"].seen)
        [(when, _)] = disconnects(net).values()
        assert when - crashed > 0.2


def test_nobody_gets_through_a_cut_by_dialling(impatient, monkeypatch):
    from p2pkit import greeting

    monkeypatch.setattr(greeting, "HELLO_TIMEOUT", 0.5)
    monkeypatch.setattr(greeting, "DIAL_TIMEOUT", 0.5)

    class Clinging(Diary):
        def on_connect(self, peer):
            super().on_connect(peer)
            self.address = self.peers[peer]

        def on_disconnect(self, peer):
            super().on_disconnect(peer)
            self.connect(self.address)

    with LocalNetwork(Clinging, nx.path_graph(2)) as net:
        net.partition(["n0"], ["n1"])
        run_until(net, lambda: net["n0"].unreachable and net["n1"].unreachable)
        assert net["n0"].seen == ["start", "+n1", "-n1"]
        assert net["n1"].seen == ["start", "+n0", "-n0"]
        net.heal()
        assert net.overlay().number_of_edges() == 1


def test_contacts_are_not_reached_through_a_cut(monkeypatch):
    from p2pkit import greeting

    monkeypatch.setattr(greeting, "HELLO_TIMEOUT", 0.5)
    with LocalNetwork(Diary, nx.empty_graph(2)) as net:
        net.partition(["n0"], ["n1"])
        net.call("n0", "say", net.call("n1", "me"), 1)
        run_until(net, lambda: drops(net))
        assert net["n1"].notes == []
        assert drops(net)[-1][3].startswith(("cut", "unreachable"))


def test_a_partition_takes_the_place_of_the_one_before_and_heal_undoes_all():
    with LocalNetwork(Diary, 3) as net:
        net.cut("n0", "n1")
        net.partition(["n0"])
        net.partition(["n2"])
        for to in ("n1", "n2"):
            net.call("n0", "say", to, 1)
        assert len(drops(net)) == 2
        net.heal()
        for to in ("n1", "n2"):
            net.call("n0", "say", to, 2)
        run_until(net, lambda: net["n1"].notes and net["n2"].notes)
        with pytest.raises(NetworkError, match="in one group"):
            net.partition(["n0", "n1"], ["n1", "n2"])


def test_heal_redials_no_node_that_is_down():
    with LocalNetwork(Diary, 3) as net:
        net.partition(["n0"])
        net.crash("n1")
        net.heal()
        assert net.overlay().number_of_edges() == 1


# Links


def flights(net):
    """Return how long each message took, by what the trace says, in the order of receiving."""
    sent = {event.id: event.time for event in net.trace.where(kind="send")}
    return [event.time - sent[event.id] for event in net.trace.where(kind="receive") if event.peer]


def test_latency_delays_and_keeps_the_order():
    with pair(link=Link(latency=(0.05, 0.15))) as net:
        net.call("n0", "say", "n1", *range(200))
        run_until(net, lambda: len(net["n1"].notes) == 200)
        assert net["n1"].numbers() == list(range(200))
        assert min(flights(net)) >= 0.05
        assert max(flights(net)) >= 0.1


def test_without_order_messages_overtake_each_other():
    with pair(link=Link(latency=(0.0, 0.2), ordered=False)) as net:
        net.call("n0", "say", "n1", *range(200))
        run_until(net, lambda: len(net["n1"].notes) == 200)
        assert net["n1"].numbers() != list(range(200))
        assert sorted(net["n1"].numbers()) == list(range(200))


def test_loss_loses_its_share_and_records_it():
    with pair(link=Link(loss=0.3), seed=1) as net:
        net.call("n0", "say", "n1", *range(2000))
        lost = [event.value[1]["number"] for event in net.trace.where(kind="drop")]
        assert 450 < len(lost) < 750
        run_until(net, lambda: len(net["n1"].notes) == 2000 - len(lost))
        assert net["n1"].numbers() == [n for n in range(2000) if n not in set(lost)]
        assert {reason for _, _, _, reason in drops(net)} == {"lost"}


def test_what_is_lost_is_the_same_with_the_same_seed():
    def lost(seed):
        with pair(link=Link(loss=0.3), seed=seed) as net:
            net.call("n0", "say", "n1", *range(200))
            return [event.value[1]["number"] for event in net.trace.where(kind="drop")]

    assert lost(1) == lost(1)
    assert lost(1) != lost(2)


def test_duplicates_arrive_twice():
    with pair(link=Link(duplicate=1.0)) as net:
        net.call("n0", "say", "n1", 1, 2, 3)
        run_until(net, lambda: len(net["n1"].notes) == 6)
        assert Counter(net["n1"].numbers()) == {1: 2, 2: 2, 3: 2}
        assert net.trace.count(kind="send") == 3


def test_a_large_message_occupies_the_bandwidth():
    class Loader(Diary):
        def load(self):
            self.send("n1", Note(1, "x" * 30_000))
            self.send("n1", Note(2))

    with pair(Loader, link=Link(bandwidth=100_000)) as net:
        net.call("n0", "load")
        run_until(net, lambda: len(net["n1"].notes) == 2)
        assert all(0.3 <= time < 0.3 + 2 for time in flights(net))


def test_shape_changes_one_link_or_one_direction_of_it():
    with LocalNetwork(Diary, 3) as net:
        net.shape("n0", "n1", Link(latency=0.2))
        net.shape("n0", "n2", Link(loss=1.0), oneway=True)
        net.call("n0", "say", "n1", 1)
        net.call("n1", "say", "n0", 2)
        net.call("n0", "say", "n2", 3)
        net.call("n2", "say", "n0", 4)
        net.call("n1", "say", "n2", 5)
        run_until(net, lambda: len(net["n0"].notes) == 2 and net["n1"].notes)
        assert net["n0"].notes == [("n2", 4), ("n1", 2)]
        assert drops(net) == [("n0", "n2", "Note", "lost")]
        taken = {e.node: e.time for e in net.trace.where(kind="receive")}
        assert taken["n1"] >= 0.2
        net.heal()  # links keep their shape
        net.call("n0", "say", "n2", 6)
        assert len(drops(net)) == 2


def test_a_link_that_becomes_quick_does_not_let_messages_overtake():
    with pair() as net:
        net.shape("n0", "n1", Link(latency=0.3))
        net.call("n0", "say", "n1", 1, 2)
        net.shape("n0", "n1", Link())
        net.call("n0", "say", "n1", 3)
        run_until(net, lambda: len(net["n1"].notes) == 3)
        assert net["n1"].numbers() == [1, 2, 3]
        net.call("n0", "say", "n1", 4)
        run_until(net, lambda: len(net["n1"].notes) == 4)


def test_a_restarted_node_has_its_links_shape():
    with pair() as net:
        net.shape("n0", "n1", Link(loss=1.0))
        net.crash("n1")
        net.restart("n1")
        net.call("n0", "say", "n1", 1)
        assert drops(net) == [("n0", "n1", "Note", "lost")]


# Disks


def test_a_disk_is_kept_where_it_is_told_to(tmp_path):
    class Saver(Protocol):
        def on_start(self):
            self.lives = self.disk["lives"] = self.disk.get("lives", 0) + 1

    for life in (1, 2):
        with LocalNetwork(Saver, 2, data=tmp_path) as net:
            assert [node.lives for node in net] == [life, life]
    assert len(list(tmp_path.glob("*.sqlite"))) == 2


def test_a_disk_in_a_temporary_directory_goes_with_the_network():
    class Saver(Protocol):
        def on_start(self):
            self.disk["x"] = 1

    with LocalNetwork(Saver, 2) as net:
        place = net._disks._directory
        assert place.exists()
    assert not place.exists()


# Work


class Worker(Diary):
    """Let others do the sums."""

    def on_start(self):
        super().on_start()
        self.sums = []

    def calculate(self, function, *args):
        self.work(function, *args, then=self.sums.append)
        return len(self.sums)


@pytest.fixture
def no_processes(monkeypatch):
    """Do the work in threads, which start sooner."""
    executors = []

    def executor(pool):
        executors.append(ThreadPoolExecutor())
        return executors[-1]

    monkeypatch.setattr(Pool, "executor", executor)
    yield
    for executor in executors:
        executor.shutdown()


@pytest.mark.usefixtures("nothing_left", "no_processes")
def test_the_result_of_work_comes_back_on_the_nodes_own_thread():
    class Where(Worker):
        def calculate(self):
            self.here = threading.get_ident()
            self.work(threading.get_ident, then=self.done)

        def done(self, elsewhere):
            self.sums.append((self.here == threading.get_ident(), elsewhere != self.here))

    with LocalNetwork(Where, 1) as net:
        net.call("n0", "calculate")
        run_until(net, lambda: net["n0"].sums)
        assert net["n0"].sums == [(True, True)]


@pytest.mark.usefixtures("nothing_left", "no_processes")
def test_the_result_of_work_is_for_this_life_only():
    begun, go = threading.Event(), threading.Event()

    def slow():
        begun.set()
        go.wait(PATIENCE)
        return 1

    with LocalNetwork(Worker, 1) as net:
        net.call("n0", "calculate", slow)
        begun.wait(PATIENCE)
        net.crash("n0")
        net.restart("n0")
        go.set()
        net.run(0.1)
        assert net["n0"].sums == []


@pytest.mark.usefixtures("nothing_left", "no_processes")
def test_the_result_of_work_waits_while_the_node_is_paused():
    go = threading.Event()

    with LocalNetwork(Worker, 1) as net:
        net.call("n0", "calculate", go.wait, PATIENCE)
        net.pause("n0")
        go.set()
        net.run(0.1)
        assert net["n0"].sums == []
        net.resume("n0")
        run_until(net, lambda: net["n0"].sums == [True])


@pytest.mark.usefixtures("nothing_left", "no_processes")
def test_work_that_ends_after_the_network_disturbs_nobody(caplog):
    go = threading.Event()
    with LocalNetwork(Worker, 1) as net:
        net.call("n0", "calculate", go.wait, PATIENCE)
    go.set()
    time.sleep(0.05)
    assert not caplog.records


# Contacts


def test_a_message_to_a_contact_dials_it_and_keeps_it_out_of_the_peers():
    with LocalNetwork(Diary, nx.empty_graph(3)) as net:
        other = net.call("n1", "me")
        net.call("n0", "say", other, 1, 2, 3)
        run_until(net, lambda: len(net["n1"].notes) == 3)
        assert net["n1"].notes == [("n0", 1), ("n0", 2), ("n0", 3)]
        assert not net["n0"].peers
        assert not net["n1"].peers
        assert net["n1"].seen == ["start"]
        assert net.overlay().number_of_edges() == 0
        assert len(hosts(net)["n0"].connections) == 1


def test_a_contact_can_be_asked():
    with LocalNetwork(Diary, nx.empty_graph(2)) as net:
        net.call("n0", "want", net.call("n1", "me"), 9)
        run_until(net, lambda: net["n0"].answers)
        assert net["n0"].answers == [81]


def test_a_contact_that_is_a_peer_is_spoken_to_as_a_peer():
    with pair() as net:
        net.call("n0", "say", net.call("n1", "me"), 1)
        run_until(net, lambda: net["n1"].notes)
        assert len(hosts(net)["n0"].connections) == 1


def test_a_contact_that_cannot_be_reached_is_recorded():
    with LocalNetwork(Diary, nx.empty_graph(1)) as net:
        nobody = Contact("nobody", f"127.0.0.1:{free_port()}")
        net.call("n0", "say", nobody, 1, 2)
        net.call("n0", "want", nobody, 3, 0.2)
        run_until(net, lambda: len(drops(net)) == 3)
        assert all(reason.startswith("unreachable: ") for *_, reason in drops(net))
        assert net.trace.count(kind="unreachable", node="n0") >= 1
        assert net["n0"].unreachable == []  # that is for what connect dialled
        run_until(net, lambda: net["n0"].answers == [None])


def test_a_contact_at_whose_address_somebody_else_lives_is_not_reached():
    with LocalNetwork(Diary, nx.empty_graph(2)) as net:
        wrong = Contact("n7", net.call("n1", "me").address)
        net.call("n0", "say", wrong, 1)
        run_until(net, lambda: net.trace.count(kind="unreachable"))
        assert net["n1"].notes == []
        unreachable = [e.reason for e in net.trace.where(kind="unreachable")]
        assert "'n1' answers there, and n7 was wanted" in unreachable[0]


def test_an_idle_connection_to_a_contact_is_closed_and_made_again(impatient, monkeypatch):
    monkeypatch.setattr(contacts_module, "CONTACT_IDLE", 0.2)
    with LocalNetwork(Diary, nx.empty_graph(2)) as net:
        other = net.call("n1", "me")
        both = hosts(net).values()
        net.call("n0", "say", other, 1)
        run_until(net, lambda: net["n1"].notes)
        assert all(host.connections for host in both)
        run_until(net, lambda: not any(host.connections for host in both))
        net.call("n0", "say", other, 2)
        run_until(net, lambda: len(net["n1"].notes) == 2)
        assert not drops(net)
        assert net["n1"].seen == ["start"]


def test_a_contact_that_is_spoken_to_stays(impatient, monkeypatch):
    monkeypatch.setattr(contacts_module, "CONTACT_IDLE", 0.4)
    with LocalNetwork(Diary, nx.empty_graph(2)) as net:
        other = net.call("n1", "me")
        net.call("n0", "say", other, 0)
        run_until(net, lambda: net["n1"].notes)
        [connection] = hosts(net)["n0"].connections
        for number in range(1, 16):
            net.call("n0", "say", other, number)
            net.run(0.05)
        assert hosts(net)["n0"].connections == {connection}


def test_two_nodes_can_be_each_others_contacts():
    with LocalNetwork(Diary, nx.empty_graph(2)) as net:
        zero, one = net.call("n0", "me"), net.call("n1", "me")
        net.call("n0", "say", one, *range(10))
        net.call("n1", "say", zero, *range(10))
        run_until(net, lambda: all(len(node.notes) == 10 for node in net))
        assert not drops(net)


def test_a_contact_that_restarts_is_dialled_at_its_new_address():
    with LocalNetwork(Diary, nx.empty_graph(2)) as net:
        net.call("n0", "say", net.call("n1", "me"), 1)
        run_until(net, lambda: net["n1"].notes)
        net.crash("n1")
        run_until(net, lambda: not hosts(net)["n0"].connections)
        net.restart("n1")
        net.call("n0", "say", net.call("n1", "me"), 2)
        run_until(net, lambda: net["n1"].notes)


# Dialling


class Dialler(Diary):
    """Dial whom one is told to."""

    def dial(self, address):
        self.connect(address)


def test_a_protocol_connects_to_an_address_or_a_contact():
    with LocalNetwork(Dialler, nx.empty_graph(3)) as net:
        net.call("n0", "dial", net.call("n1", "me").address)
        net.call("n0", "dial", net.call("n2", "me"))
        run_until(net, lambda: net.overlay().number_of_edges() == 2)
        assert sorted(net["n0"].seen[1:]) == ["+n1", "+n2"]
        run_until(net, lambda: net["n1"].seen == ["start", "+n0"])


def test_connecting_twice_is_connecting_once():
    with LocalNetwork(Dialler, nx.empty_graph(2)) as net:
        other = net.call("n1", "me")
        for whom in (other, other, other.address):
            net.call("n0", "dial", whom)
        run_until(net, lambda: net["n0"].peers and net["n1"].peers)
        for whom in (other, other.address):
            net.call("n0", "dial", whom)
        net.run(0.1)
        assert net["n0"].seen == ["start", "+n1"]
        assert net["n1"].seen == ["start", "+n0"]
        assert [len(host.connections) for host in hosts(net).values()] == [1, 1]
        assert net["n0"].unreachable == []


def test_connecting_to_oneself_is_unreachable():
    with LocalNetwork(Dialler, nx.empty_graph(1)) as net:
        me = net.call("n0", "me")
        net.call("n0", "dial", me)
        run_until(net, lambda: net["n0"].unreachable)
        assert net["n0"].unreachable == [me.address]
        [event] = net.trace.where(kind="unreachable")
        assert "this node itself" in event.reason
        assert net["n0"].seen == ["start"]


def test_connecting_to_oneself_by_another_name_is_unreachable_too():
    with LocalNetwork(Dialler, nx.empty_graph(1), listen={"n0": "0.0.0.0:0"}) as net:
        port = net.call("n0", "me").address.rpartition(":")[2]
        net.call("n0", "dial", f"127.0.0.1:{port}")
        run_until(net, lambda: net["n0"].unreachable)
        [event] = net.trace.where(kind="unreachable")
        assert "this node itself" in event.reason
        assert net["n0"].seen == ["start"]


def test_all_nodes_dial_all_others_at_once():
    addresses = {}

    class Meeting(Diary):
        def on_start(self):
            super().on_start()
            addresses[self.id] = self.contact
            self.after(0.05, self.meet)

        def meet(self):
            for id, contact in addresses.items():
                if id != self.id:
                    self.connect(contact)

    with LocalNetwork(Meeting, nx.empty_graph(8)) as net:
        run_until(net, lambda: net.overlay().number_of_edges() == 28)
        net.run(0.2)
        assert all(len(host.connections) == 7 for host in hosts(net).values())
        for node in net:
            assert sorted(node.seen[1:]) == sorted(f"+{id}" for id in addresses if id != node.id)
            assert node.unreachable == []
        for name, host in hosts(net).items():
            for peer, connection in host.links.items():
                assert (connection.dial is not None) == (name < peer)  # the smaller id's stays
        for name in net.names:
            net.call(name, "say", "n0", 1)
        run_until(net, lambda: len(net["n0"].notes) == 7)
        assert net.trace.count(kind="disconnect") == 0
    assert net.trace.count(kind="unreachable") == 0


def test_nobody_dials_other_machines_unless_allowed_to():
    with LocalNetwork(Dialler, nx.empty_graph(1)) as net:
        net.call("n0", "dial", "192.0.2.1:80")
        net.call("n0", "dial", "example.invalid:80")
        net.call("n0", "say", Contact("far", "192.0.2.1:80"), 1)
        run_until(net, lambda: len(net["n0"].unreachable) == 2 and drops(net))
        reasons = [event.reason for event in net.trace.where(kind="unreachable")]
        assert len(reasons) == 3
        assert all("allow it with remote=True" in reason for reason in reasons)


def test_an_address_that_is_none_is_unreachable():
    with LocalNetwork(Dialler, nx.empty_graph(1)) as net:
        wrong = ["nowhere", "127.0.0.1", "127.0.0.1:x", ":80", "", "127.0.0.1:99999"]
        for address in wrong:
            net.call("n0", "dial", address)
        run_until(net, lambda: len(net["n0"].unreachable) == len(wrong))
        assert all("is no address" in e.reason for e in net.trace.where(kind="unreachable"))


def test_a_person_can_connect_a_node_to_an_address_and_is_told_why_not():
    with LocalNetwork(Diary, nx.empty_graph(2), name="test") as net:
        assert net.dial("n0", net.call("n1", "me").address) is None
        assert net.dial("n0", net.call("n1", "me").address) is None  # it is connected
        assert "nobody listens there" in net.dial("n0", f"127.0.0.1:{free_port()}")
        with LocalNetwork(Diary, 1, name="another") as other:
            why = net.dial("n0", other.call("n0", "me").address)
            assert "belongs to the network 'another', not to 'test'" in why
            assert not other["n0"].peers
        with LocalNetwork(Diary, nx.Graph([("n0", "x")]), name="test") as twin:
            assert "called n0 too" in net.dial("n0", twin.call("n0", "me").address)


def test_two_networks_of_one_name_can_meet():
    with (
        LocalNetwork(Diary, nx.Graph([("a", "b")]), name="test") as one,
        LocalNetwork(Diary, nx.Graph([("c", "d")]), name="test") as two,
    ):
        assert one.dial("a", two.call("c", "me").address) is None
        run_until(two, lambda: "a" in two["c"].peers)
        one.call("a", "say", "c", 1)
        run_until(two, lambda: two["c"].notes == [("a", 1)])


def test_an_id_that_is_taken_is_refused_and_the_first_stays():
    with (
        LocalNetwork(Diary, nx.Graph([("a", "b")]), name="test") as one,
        LocalNetwork(Diary, nx.Graph([("b", "c")]), name="test") as two,
    ):
        two.dial("b", one.call("a", "me").address)
        two.run(0.1)
        assert one["a"].peers == {"b": one.call("b", "me").address}
        assert set(two["b"].peers) == {"c"}
        one.call("a", "say", "b", 1)
        run_until(one, lambda: one["b"].notes)


# Threads


def test_a_network_can_be_used_from_several_threads():
    with LocalNetwork(Diary, 5) as net:

        def work(me):
            for number in range(100):
                net.call(me, "say", f"n{(int(me[1:]) + 1) % 5}", number)
                net[me]

        threads = [on_thread(work, name) for name in net.names]
        for thread in threads:
            thread.join()
        run_until(net, lambda: all(len(node.notes) == 100 for node in net))


def test_nodes_go_on_while_nobody_runs():
    with pair(Diary.using(tick=0.01)) as net:
        eventually(lambda: len(net["n0"].ticks) > 5)


def test_the_end_of_a_run_leaves_the_nodes_running():
    with pair() as net:
        net.call("n0", "say", "n1", 1)
        net.run(0)
        eventually(lambda: net["n1"].notes)
        stays(lambda: net.is_up("n0"))
