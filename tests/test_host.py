"""Hosts: what every home of a protocol does alike, on a clock that the test moves."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from p2pkit import message
from p2pkit.clock import VirtualClock
from p2pkit.errors import MessageError, ProtocolError
from p2pkit.framing import MAX_SERIAL
from p2pkit.host import BaseHost
from p2pkit.message import Contact, Message, decode, encode
from p2pkit.protocol import Protocol, on
from p2pkit.testing import alone
from p2pkit.trace import Trace


class Ping(Message):
    n: int = 0


class Pong(Message):
    n: int = 0


class Note(Message):
    text: str


class Talker(Protocol):
    """It asks, sets timers, and writes down what happens to it."""

    def on_start(self):
        self.seen = []

    def on_connect(self, peer):
        self.seen.append(("connect", peer))

    def on_disconnect(self, peer):
        self.seen.append(("disconnect", peer))

    def on_stop(self):
        self.seen.append("stop")

    @on(Ping)
    def ping(self, ping, sender):
        self.seen.append((ping, sender))
        return Pong(ping.n)

    @on(Note)
    def note(self, note, sender):
        self.seen.append((note.text, sender))

    def question(self, to, n=0, timeout=1.0):
        self.ask(to, Ping(n), self.answered, timeout)

    def answered(self, answer):
        self.seen.append(answer)

    def mark(self, *what):
        self.seen.append((round(self.now, 6), *what))


class PlainHost(BaseHost):
    """The least that a host can be: it writes down what would leave the node."""

    contact = Contact("n0", "n0:0")
    disk = None

    def __init__(self, protocol=Talker, **options):
        super().__init__(protocol, "n0", VirtualClock(), Trace(), **options)
        self.out, self.errors, self.dialled, self.hung_up = [], [], [], []

    def put(self, to, kind, body, serial, reply_to, via):
        self.out.append((to, kind, body, serial, reply_to, via))

    def dial(self, address, expected):
        self.dialled.append((address, expected))

    def hang_up(self, peer):
        self.hung_up.append(peer)

    def work(self, function, *args, then, takes):
        raise NotImplementedError

    def failed(self, error):
        self.alive = False
        self.errors.append(error)

    # for tests

    def arrives(self, message, sender="a", serial=1, reply_to=0, via="line"):
        self.deliver(sender, encode(message), serial, reply_to, via)

    def kinds(self, *kinds):
        return [event.kind for event in self.trace if not kinds or event.kind in kinds]

    def drops(self):
        return [event.reason for event in self.trace.where(kind="drop")]


@pytest.fixture
def host():
    made = PlainHost()
    made.start()
    for peer in "abc":
        made.peer_up(peer, f"{peer}:0")
    made.node.seen.clear()
    return made


# Messages in


def test_a_message_reaches_its_handler_with_its_sender(host):
    host.arrives(Note("hello"), "b")
    assert host.node.seen == [("hello", "b")]
    [event] = host.trace.where(kind="receive")
    assert (event.node, event.peer, event.message, event.id) == ("n0", "b", "Note", "b:1")
    assert event.data == encode(Note("hello"))


def test_what_a_handler_returns_goes_back_where_the_question_came_from(host):
    host.arrives(Ping(5), "b", serial=77, via="the line of b")
    assert host.out == [("b", "Pong", encode(Pong(5)), 1, 77, "the line of b")]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"garbage", "not understood: "),
        (encode(Contact("a", "b:1")), "not understood: no handler for Contact"),
        (encode(Pong(1)), "not understood: no handler for Pong"),
        (b'["Ping",{"n":"one"}]', "not understood: Expected `int`"),
    ],
)
def test_bytes_that_are_no_message_of_ours_are_dropped_and_do_no_harm(host, body, reason):
    host.deliver("a", body, 9, 0, None)
    [event] = host.trace.where(kind="drop")
    assert event.reason.startswith(reason)
    assert (event.peer, event.size, event.id) == ("a", len(body), "a:9")
    assert host.node.seen == host.errors == []


@given(some.binary(max_size=40), some.integers(0, 3), some.sampled_from(["a", "z"]))
def test_no_bytes_from_a_peer_raise_in_a_students_code(body, reply_to, sender):
    host = PlainHost()
    host.start()
    host.peer_up("a", "a:0")
    host.call("question", "a")
    host.deliver(sender, body, 1, reply_to, None)
    assert host.kinds()[-1] == "drop"
    assert host.alive
    assert host.node.seen == [("connect", "a")]


# Questions


def test_an_answer_reaches_whoever_asked_and_once(host):
    host.call("question", "a", 3)
    [(to, kind, body, serial, reply_to, via)] = host.out
    assert (to, kind, reply_to, via) == ("a", "Ping", 0, None)
    assert decode(body, {"Ping": Ping}.get) == Ping(3)
    host.arrives(Pong(3), "a", reply_to=serial)
    host.arrives(Pong(4), "a", reply_to=serial)
    host.clock.advance(10)
    assert host.node.seen == [Pong(3)]
    assert host.drops() == ["nobody asked: or it came too late"]


def test_without_an_answer_the_time_runs_out_once(host):
    host.node.question("a", timeout=2.0)
    host.clock.advance(1.99)
    assert host.node.seen == []
    host.clock.advance(0.01)
    host.arrives(Pong(1), "a", reply_to=1)
    host.clock.advance(10)
    assert host.node.seen == [None]
    assert host.drops() == ["nobody asked: or it came too late"]


def test_nobody_can_answer_for_another(host):
    host.call("question", "a")
    host.arrives(Pong(666), "b", reply_to=1)
    assert host.node.seen == []
    host.arrives(Pong(1), "a", reply_to=1)
    assert host.node.seen == [Pong(1)]
    assert len(host.drops()) == 1


def test_an_answer_that_is_not_understood_leaves_the_question_open(host):
    host.call("question", "a")
    host.deliver("a", b"garbage", 1, 1, None)
    assert host.node.seen == []
    host.arrives(Pong(1), "a", reply_to=1)
    assert host.node.seen == [Pong(1)]


def test_each_answer_finds_its_own_question(host):
    for n in range(3):
        host.call("question", "a", n)
    for serial in (2, 3, 1):
        host.arrives(Pong(serial), "a", reply_to=serial)
    assert host.node.seen == [Pong(2), Pong(3), Pong(1)]


def test_a_contact_can_be_asked(host):
    stranger = Contact("z", "z:1")
    host.call("question", stranger)
    assert host.out[0][0] == stranger
    host.arrives(Pong(1), "z", reply_to=1)
    assert host.node.seen == [Pong(1)]


def test_a_question_that_cannot_travel_is_not_open(host):
    host.call("question", "a", 1)
    with pytest.raises(MessageError, match=r"Ping\.n"):
        host.call("question", "a", "one")
    host.clock.advance(5)
    assert host.node.seen == [None]


# Messages out


def test_serial_numbers_go_up_by_message_and_a_broadcast_is_one(host):
    host.node.send("a", Ping(1))
    host.node.broadcast(Ping(2))
    host.node.send(Contact("z", "z:1"), Ping(3))
    assert [(to, serial) for to, _, _, serial, _, _ in host.out] == [
        ("a", 1), ("a", 2), ("b", 2), ("c", 2), (Contact("z", "z:1"), 3)
    ]  # fmt: skip


def test_serial_numbers_begin_again_at_1(host):
    host.serial = MAX_SERIAL - 1
    for _ in range(3):
        host.node.send("a", Ping())
    assert [serial for _, _, _, serial, _, _ in host.out] == [MAX_SERIAL, 1, 2]


def test_a_new_life_goes_on_with_the_numbers_of_the_last():
    host = PlainHost(serial=41)
    host.start()
    host.node.send("a", Ping())
    assert host.out[0][3] == 42


@pytest.fixture
def encodings(monkeypatch):
    """Count what is encoded."""
    done = []

    def counting(thing):
        done.append(thing)
        return message.encode(thing)

    monkeypatch.setattr("p2pkit.host.encode", counting)
    return done


def test_a_message_is_encoded_once_for_all_its_receivers(host, encodings):
    same = Ping(1)
    host.node.broadcast(same)
    for peer in host.node.peers:
        host.node.send(peer, same)
    assert len(host.out) == 6
    assert encodings == [same]
    host.node.send("a", Ping(2))
    assert encodings == [same, Ping(2)]


def test_a_wrong_message_is_refused_even_if_nobody_would_hear_it():
    host = PlainHost()
    host.start()
    with pytest.raises(MessageError, match=r"Note\.text"):
        host.node.broadcast(Note(5))
    with pytest.raises(MessageError, match="no message"):
        host.node.send("nobody", "hello")
    assert host.out == []


def test_connect_dials_addresses_and_contacts_and_disconnect_hangs_up_on_peers_only(host):
    host.node.connect("z:1")
    host.node.connect(Contact("y", "y:1"))
    host.node.disconnect("a")
    host.node.disconnect("stranger")
    assert host.dialled == [("z:1", None), ("y:1", "y")]
    assert host.hung_up == ["a"]


# Peers


def test_peers_come_and_go_and_the_protocol_hears_of_it_afterwards():
    class Counting(Talker):
        def on_connect(self, peer):
            self.seen.append(sorted(self.peers))

        def on_disconnect(self, peer):
            self.seen.append(sorted(self.peers))

    host = PlainHost(Counting)
    host.start()
    host.peer_up("b", "b:1")
    host.peer_up("a", "a:1")
    host.peer_down("b", "silent")
    assert host.node.seen == [["b"], ["a", "b"], ["a"]]
    assert dict(host.node.peers) == {"a": "a:1"}
    assert [event.reason for event in host.trace.where(kind="disconnect")] == ["silent"]


def test_peers_cannot_be_changed_and_can_be_looped_over_while_they_change(host):
    with pytest.raises(TypeError):
        host.node.peers["z"] = "z:1"
    for peer in host.node.peers:
        host.peer_down(peer, "gone")
        host.peer_up(peer + peer, "new:1")
    assert list(host.node.peers) == ["aa", "bb", "cc"]


# Timers


def test_after_calls_once(host):
    timer = host.node.after(1.5, host.node.mark, "x", 2)
    host.clock.advance(1.4)
    assert timer.active
    host.clock.advance(10)
    assert host.node.seen == [(1.5, "x", 2)]
    assert not timer.active


def test_what_is_due_at_the_same_moment_happens_in_the_order_in_which_it_was_set(host):
    for name in "abc":
        host.node.after(1.0, host.node.mark, name)
    host.node.after(0.0, host.node.mark, "now")
    host.clock.advance(1)
    assert host.node.seen == [(0.0, "now"), (1.0, "a"), (1.0, "b"), (1.0, "c")]


@pytest.mark.parametrize("start", [0.0, 0.3, 1e6])
@pytest.mark.parametrize("period", [0.001, 0.1, 0.3, 1.0])
def test_every_calls_at_each_multiple_and_does_not_drift(start, period):
    host = PlainHost()
    host.start()
    host.clock.now = start
    times = []
    host.node.every(period, lambda: times.append(host.now))
    host.clock.advance(500.5 * period)
    assert times == pytest.approx([start + turn * period for turn in range(1, 501)], abs=1e-9)


@pytest.mark.parametrize("jitter", [0.1, 1.0, 3.5])
def test_jitter_makes_each_call_late_by_up_to_so_much_and_loses_none(host, jitter):
    times = []
    host.node.every(1.0, lambda: times.append(host.now), jitter=jitter)
    host.clock.advance(200)
    lates = [time - turn for turn, time in enumerate(times, start=1)]
    assert len(times) >= 200 - jitter - 1
    assert all(-1e-9 <= late <= jitter for late in lates)
    assert len({round(late, 9) for late in lates}) > 50
    assert times == sorted(times)


def test_jitter_is_thrown_with_the_nodes_own_dice():
    def times(seed):
        host, found = PlainHost(seed=seed), []
        host.start()
        host.node.every(1.0, lambda: found.append(host.now), jitter=0.5)
        host.clock.advance(5)
        return found

    assert times(1) == times(1) != times(2)


def test_a_cancelled_timer_does_not_ring(host):
    timers = [host.node.after(1, host.node.mark), host.node.every(1, host.node.mark)]
    for timer in timers:
        timer.cancel()
        assert not timer.active
    host.clock.advance(5)
    assert host.node.seen == []


def test_a_timer_can_be_cancelled_in_its_own_call_and_in_anothers(host):
    def third_time():
        host.node.mark("own")
        if host.now > 2.5:
            own.cancel()

    own = host.node.every(1.0, third_time)
    other = host.node.every(1.0, host.node.mark, "other")
    host.node.after(1.5, other.cancel)
    once = host.node.after(4.0, lambda: once.cancel())
    host.clock.advance(10)
    assert host.node.seen == [(1.0, "own"), (1.0, "other"), (2.0, "own"), (3.0, "own")]
    assert not any(timer.active for timer in (own, other, once))


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf")])
def test_a_time_is_a_number_from_0_on(host, seconds):
    for use in (host.node.after, host.node.every):
        with pytest.raises(ValueError, match=rf"{use.__name__}: {seconds} seconds; it takes"):
            use(seconds, host.node.mark)
    with pytest.raises(ValueError, match="jitter"):
        host.node.every(1, host.node.mark, jitter=seconds)
    with pytest.raises(ValueError, match="after"):
        host.node.question("a", timeout=seconds)


def test_every_0_seconds_would_never_end(host):
    with pytest.raises(ValueError, match="every: 0 seconds; it takes a number above 0"):
        host.node.every(0, host.node.mark)


# Pause and the end


def test_a_paused_node_does_nothing_and_then_all_of_it_in_order(host):
    host.node.after(1.0, host.node.mark, "timer")
    host.node.question("a", timeout=2.0)
    host.pause()
    host.arrives(Note("one"), "a")
    host.clock.advance(1.5)
    host.arrives(Note("two"), "b")
    host.tell(Note("three"))
    host.peer_up("d", "d:1")
    host.peer_down("a", "gone")
    host.clock.advance(1.5)
    assert host.node.seen == []
    assert list(host.node.peers) == ["a", "b", "c"]
    host.resume()
    assert host.node.seen == [
        ("one", "a"), (3.0, "timer"), ("two", "b"), ("three", None), ("connect", "d"),
        ("disconnect", "a"), None,
    ]  # fmt: skip
    assert host.kinds("pause", "resume") == ["pause", "resume"]


def test_turns_that_a_pause_has_eaten_are_one_and_then_the_rhythm_goes_on(host):
    host.node.every(1.0, host.node.mark)
    host.clock.advance(1.0)
    host.pause()
    host.clock.advance(4.5)
    host.resume()
    host.clock.advance(1.6)
    assert host.node.seen == [(1.0,), (5.5,), (6.0,), (7.0,)]


def test_a_timer_that_is_cancelled_during_a_pause_does_not_ring_after_it(host):
    timer = host.node.after(1.0, host.node.mark)
    host.pause()
    host.clock.advance(2.0)
    timer.cancel()
    host.resume()
    assert host.node.seen == []


def test_what_follows_the_end_of_a_node_does_not_reach_it(host):
    host.node.after(1.0, host.node.mark)
    host.node.every(1.0, host.node.mark)
    host.call("question", "a")
    host.stop()
    host.end("leave")
    host.clock.advance(5)
    host.arrives(Note("late"), "a")
    assert host.node.seen == ["stop"]
    assert host.errors == []
    assert "leave" in host.kinds()


def test_what_waited_for_a_paused_node_ends_with_it(host):
    class Fragile(Talker):
        @on(Note)
        def note(self, note, sender):
            raise RuntimeError

    host = PlainHost(Fragile)
    host.start()
    host.pause()
    host.arrives(Note("one"))
    host.arrives(Note("two"))
    host.resume()
    assert len(host.errors) == 1
    assert host.trace.count(kind="receive") == 1


# tell and call


def test_told_from_outside_a_handler_gets_no_sender_and_nobody_its_answer(host):
    host.tell(Ping(1))
    assert host.node.seen == [(Ping(1), None)]
    assert host.out == []
    [event] = host.trace.where(kind="receive")
    assert (event.peer, event.message, event.id) == (None, "Ping", None)


def test_tell_refuses_what_the_protocol_does_not_handle(host):
    with pytest.raises(ProtocolError, match=r"n0 runs Talker, which has no @on\(Pong\) handler"):
        host.tell(Pong())
    with pytest.raises(MessageError, match=r"Note\.text"):
        host.tell(Note(5))
    again = type("Note", (Message,), {"__annotations__": {"text": str}})
    with pytest.raises(ProtocolError, match="another class of the name Note: run the cell"):
        host.tell(again("hello"))
    assert host.node.seen == []
    assert host.trace.count(kind="receive") == 0


def test_tell_refuses_at_once_even_if_the_node_is_paused(host):
    host.pause()
    with pytest.raises(ProtocolError, match="no @on"):
        host.tell(Pong())


def test_call_returns_what_the_method_returns_and_raises_what_it_raises(host):
    assert host.call("answered", 5) is None
    assert host.node.seen == [5]
    with pytest.raises(ProtocolError, match="Talker has no method shout"):
        host.call("shout")
    with pytest.raises(ProtocolError, match="Talker has no method seen"):
        host.call("seen")
    with pytest.raises(TypeError, match="positional argument"):
        host.call("answered")
    assert host.alive
    assert host.errors == []


# Mistakes in a student's code


class Wrong(Protocol):
    """Everything that can go wrong, does."""

    def on_start(self):
        self.after(1.0, self.boom)

    def boom(self, *args):
        raise ValueError("oops")

    @on(Ping)
    def ping(self, ping, sender):
        self.boom()

    @on(Note)
    def note(self, note, sender):
        self.ask(sender, note, self.boom)


TROUBLE = {
    "a handler": lambda host: host.arrives(Ping()),
    "a timer": lambda host: host.clock.advance(1.0),
    "an answer": lambda host: (host.arrives(Note("")), host.arrives(Note(""), reply_to=1)),
    "no answer": lambda host: (host.arrives(Note("")), host.clock.advance(1.0)),
    "told": lambda host: host.tell(Ping()),
}


@pytest.mark.parametrize("act", TROUBLE.values(), ids=TROUBLE)
def test_an_exception_comes_out_once_with_node_time_and_seed(act):
    host = PlainHost(Wrong, seed=7)
    host.clock.now = 2.0
    host.start()
    act(host)
    [error] = host.errors
    assert str(error) == "oops"
    assert error.__notes__ == [f"at node n0, {host.now:.3f} s after the start, seed 7"]
    [event] = host.trace.where(kind="error")
    assert event.reason == "ValueError: oops"


@pytest.mark.parametrize("answer", [5, "text", (), True, Pong, {"n": 1}])
def test_a_handler_that_returns_no_message_is_told_what_it_may_return(answer):
    class Odd(Protocol):
        @on(Ping)
        def ping(self, ping, sender):
            return answer

    host = PlainHost(Odd)
    host.start()
    host.arrives(Ping())
    with pytest.raises(
        ProtocolError, match=r"Odd\.ping returned .*: a handler returns nothing, or a"
    ):
        raise host.errors[0]
    assert host.out == []


def test_an_answer_whose_class_nobody_could_find_is_refused_where_it_is_given():
    hidden = {"Hidden": type("Hidden", (Message,), {})}

    class Odd(Protocol):
        @on(Ping)
        def ping(self, ping, sender):
            return hidden["Hidden"]()

    host = PlainHost(Odd)
    host.start()
    host.arrives(Ping())
    with pytest.raises(
        ProtocolError, match=r"Odd\.ping answered with a Hidden, .*import or define"
    ):
        raise host.errors[0]


def test_an_answer_that_cannot_travel_is_refused_where_it_is_given():
    class Odd(Protocol):
        @on(Ping)
        def ping(self, ping, sender):
            return Pong("one")

    host = PlainHost(Odd)
    host.start()
    host.arrives(Ping())
    with pytest.raises(MessageError, match=r"Pong\.n"):
        raise host.errors[0]


# What is written down


def test_a_log_is_in_the_trace(host):
    for text in ("Zöe\n", 5, [1, 2], "\ud800"):
        host.node.log(text)
    logs = [event.value for event in list(host.trace.where(kind="log"))[:3]]
    assert logs == ["Zöe\n", "5", "[1, 2]"]


def states(watch, *notes):
    host = PlainHost(watch=watch)
    host.start()
    for note in notes:
        host.arrives(Note(note))
    assert host.errors == []
    return [event.value for event in host.trace.where(kind="state")]


def test_a_watched_state_is_recorded_when_it_has_changed():
    assert states(lambda node: {"n": len(node.seen) // 2}, *"abcd") == [
        {"n": 0},
        {"n": 1},
        {"n": 2},
    ]
    assert states(lambda node: {}, *"abcd") == []


def test_a_watched_state_may_be_the_very_list_that_changes():
    assert len(states(lambda node: {"seen": node.seen}, *"ab")) == 3


@pytest.mark.parametrize(
    ("state", "read"),
    [
        ({3, 1, 2}, [1, 2, 3]),
        (frozenset("cab"), ["a", "b", "c"]),
        ({Ping(2), Ping(1)}, [{"n": 1}, {"n": 2}]),
        (float("inf"), None),
        ((1, "two", None), [1, "two", None]),
        (Note("hello"), {"text": "hello"}),
        (range(3), "range(0, 3)"),
    ],
)
def test_a_watched_state_may_hold_what_students_keep(state, read, tmp_path):
    assert states(lambda node: {"it": state}) == [{"it": read}]


def test_call_looks_at_the_state_too():
    host = PlainHost(watch=lambda node: {"n": len(node.seen)})
    host.start()
    host.call("mark")
    assert [event.value for event in host.trace.where(kind="state")] == [{"n": 0}, {"n": 1}]


def test_the_bench_is_a_host_like_any_other():
    with alone(Talker, peers=["a"]) as bench:
        assert isinstance(bench, BaseHost)
        assert bench.receive(Ping(3), "a") == Pong(3)
