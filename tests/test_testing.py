"""The bench: it hears everything that a protocol says, and fails for what a test has not expected."""

import pytest

from p2pkit.clock import VirtualClock
from p2pkit.errors import MessageError
from p2pkit.message import Contact, Message
from p2pkit.protocol import Protocol, on
from p2pkit.testing import Said, alone


class Ping(Message):
    n: int = 0


class Pong(Message):
    n: int = 0


class Actor(Protocol):
    """It does what its methods are called to do."""

    def on_start(self):
        self.seen = []
        self.starts = self.disk.get("starts", 0) + 1
        self.disk["starts"] = self.starts

    def on_connect(self, peer):
        self.seen.append(f"+{peer}")

    def on_disconnect(self, peer):
        self.seen.append(f"-{peer}")

    @on(Ping)
    def ping(self, ping, sender):
        if ping.n < 0:
            raise ValueError("below 0")
        if ping.n > 5:
            self.send(sender, Pong(ping.n))
        return Pong(ping.n) if ping.n else None


def test_what_was_said_is_expected_in_order_for_each_receiver():
    with alone(Actor, peers="ab") as bench:
        bench.node.send("a", Ping(1))
        bench.node.send("b", Ping(2))
        bench.node.send("a", Ping(3))
        assert bench.sent == [Said("a", Ping(1)), Said("b", Ping(2)), Said("a", Ping(3))]
        bench.expect("b", Ping(2))
        bench.expect("a", Ping(1))
        bench.expect("a", Ping(3))
        bench.expect_silence()


def test_what_was_not_expected_fails_the_block():
    sentence = r"n0 said more than expected: Ping\(n=1\) to a"
    with pytest.raises(AssertionError, match=sentence), alone(Actor, peers="a") as bench:
        bench.node.send("a", Ping(1))


def test_an_error_in_the_block_is_not_hidden_by_what_was_not_expected():
    with pytest.raises(KeyError, match="mine"), alone(Actor, peers="a") as bench:  # noqa: PT012
        bench.node.send("a", Ping(1))
        raise KeyError("mine")


def test_an_expectation_that_is_not_met_fails_on_its_line():
    bench = alone(Actor, peers="ab")
    with pytest.raises(AssertionError, match="nothing was said to a; expected"):
        bench.expect("a", Ping(1))
    bench.node.send("a", Ping(1))
    with pytest.raises(AssertionError, match=r"to a: Ping\(n=1\), and not Ping\(n=2\)"):
        bench.expect("a", Ping(2))
    with pytest.raises(AssertionError, match="nothing was said to b"):
        bench.expect("b", Ping(1))


@pytest.mark.parametrize(("n", "answer", "said"), [(0, None, 0), (3, Pong(3), 0), (9, Pong(9), 1)])
def test_receive_returns_the_answer_and_keeps_what_was_said_besides(n, answer, said):
    bench = alone(Actor, peers="a")
    assert bench.receive(Ping(n), "a") == answer
    assert bench.sent == [Said("a", Pong(n))] * said


def test_a_stranger_who_asks_is_answered():
    with alone(Actor) as bench:
        assert bench.receive(Ping(3)) == Pong(3)


def test_a_message_that_the_protocol_does_not_know_is_dropped_as_anywhere():
    with alone(Actor) as bench:
        assert bench.receive(Contact("a", "a:1")) is None
        assert bench.trace.drops == {"not understood": 1}


def test_a_message_for_nobody_is_dropped_and_not_said():
    with alone(Actor, peers="a") as bench:
        bench.node.send("b", Ping(1))
        assert bench.trace.drops == {"no such peer": 1}


def test_a_contact_that_is_no_peer_can_be_spoken_to():
    with alone(Actor) as bench:
        bench.node.send(Contact("z", "z:1"), Ping(1))
        bench.expect("z", Ping(1))


def test_questions_are_answered_by_name_or_by_what_was_asked():
    with alone(Actor, peers="ab") as bench:
        for to, n in [("a", 1), ("b", 2), ("a", 3)]:
            bench.node.ask(to, Ping(n), bench.node.seen.append)
            bench.expect(to, Ping(n))
        bench.node.seen.clear()
        bench.answer("a", Pong(30), question=Ping(3))
        bench.answer("b", None)
        bench.answer("a", Pong(10))
        assert bench.node.seen == [Pong(30), None, Pong(10)]
        with pytest.raises(AssertionError, match="n0 has not asked a anything that is still open"):
            bench.answer("a", Pong(0))


def test_time_runs_out_for_a_question_when_the_test_lets_it():
    with alone(Actor, peers="a") as bench:
        bench.node.ask("a", Ping(1), bench.node.seen.append, timeout=2.0)
        bench.expect("a", Ping(1))
        bench.advance(2.0)
        assert bench.node.seen == ["+a", None]
        with pytest.raises(AssertionError, match="still open"):
            bench.answer("a", Pong(1))


def test_a_students_exception_leaves_the_bench_as_itself_with_one_note():
    bench = alone(Actor, id="n3", seed=5)
    with pytest.raises(ValueError, match="below 0") as caught:
        bench.receive(Ping(-1))
    assert caught.value.__notes__ == ["at node n3, 0.000 s after the start, seed 5"]
    assert bench.trace.count(kind="error") == 1


def test_an_exception_when_time_runs_out_has_one_note_too():
    bench = alone(Actor, peers="a")
    bench.node.ask("a", Ping(1), lambda answer: 1 / 0)
    with pytest.raises(ZeroDivisionError) as caught:
        bench.advance(1.0)
    assert len(caught.value.__notes__) == bench.trace.count(kind="error") == 1


def test_a_message_that_cannot_travel_is_refused_on_the_line_of_the_test():
    with alone(Actor) as bench, pytest.raises(MessageError, match=r"Ping\.n"):
        bench.receive(Ping("one"))


def test_peers_come_and_go():
    with alone(Actor, peers="a") as bench:
        bench.connect_peer("b")
        bench.disconnect_peer("a")
        assert bench.node.seen == ["+a", "+b", "-a"]
        assert list(bench.node.peers) == ["b"]


def test_hanging_up_takes_effect_after_the_handler_and_once():
    with alone(Actor, peers="ab") as bench:
        bench.node.disconnect("a")
        bench.node.disconnect("a")
        assert bench.node.seen == ["+a", "+b"]
        bench.advance(0)
        assert bench.node.seen == ["+a", "+b", "-a"]
        assert bench.trace.count(kind="disconnect") == 1


def test_dials_are_written_down():
    with alone(Actor) as bench:
        bench.node.connect("z:1")
        bench.node.connect(Contact("y", "y:2"))
        assert bench.dialled == ["z:1", "y:2"]


def test_work_is_done_and_its_result_comes_when_it_takes_so_long():
    with alone(Actor) as bench:
        bench.node.work(pow, 2, 10, then=bench.node.seen.append, takes=3.0)
        bench.advance(2.9)
        assert bench.node.seen == []
        bench.advance(0.1)
        assert bench.node.seen == [1024]


def test_a_disk_is_there_and_each_bench_has_a_new_one():
    for _ in range(2):
        with alone(Actor) as bench:
            assert dict(bench.node.disk) == {"starts": 1}


def test_a_virtual_clock_stands_still_and_never_goes_back():
    clock, times = VirtualClock(), []
    clock.advance(5.0)
    clock.at(1.0, lambda: times.append(clock.now))  # long over
    cancel = clock.at(6.0, times.append, "never")
    clock.at(7.0, lambda: clock.at(7.0, times.append, "at once"))
    cancel()
    assert (clock.now, times) == (5.0, [])
    clock.advance(2.0)
    assert (clock.now, times) == (7.0, [5.0, "at once"])
