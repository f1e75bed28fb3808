"""The reactor: what is due happens in order, and what was said goes out when the turn is over."""

import asyncio
import time

import pytest
from tools import PATIENCE

from p2pkit.reactor import Reactor


def run(story, *, errors=None):
    """Run story(reactor, done) on an event loop until it calls done."""

    async def main():
        loop = asyncio.get_running_loop()
        if errors is not None:
            loop.set_exception_handler(lambda _, context: errors.append(context["exception"]))
        end = asyncio.Event()
        reactor = Reactor(loop)
        reactor.begin_turn()
        story(reactor, end.set)
        await asyncio.wait_for(end.wait(), PATIENCE)
        reactor.close()
        return reactor

    return asyncio.run(main())


class Pen:
    """A writer that notes when it is flushed."""

    def __init__(self, log, name, then=None):
        self.log, self.name, self.then = log, name, then

    def flush(self):
        self.log.append(self.name)
        if self.then is not None:
            self.then()


def test_what_is_due_at_the_same_time_comes_in_the_order_of_asking():
    order = []

    def story(reactor, done):
        when = reactor.now + 0.02
        for number in range(100):
            reactor.at(when, order.append, number)
        reactor.at(when, done)

    run(story)
    assert order == list(range(100))


def test_what_is_due_earlier_comes_earlier_whenever_it_was_asked_for():
    order = []

    def story(reactor, done):
        for delay in (0.03, 0.01, 0.02, 0.0, -1.0):
            reactor.at(reactor.now + delay, order.append, delay)
        reactor.at(reactor.now + 0.03, done)

    run(story)
    assert order == [-1.0, 0.0, 0.01, 0.02, 0.03]


def test_nothing_comes_too_early():
    late = []

    def story(reactor, done):
        for number in range(20):
            when = reactor.now + number / 1000
            reactor.at(when, lambda when=when: late.append(reactor.time - when))
        reactor.at(reactor.now + 0.02, done)

    run(story)
    assert len(late) == 20
    assert min(late) >= 0


def test_what_is_cancelled_does_not_come():
    order = []

    def story(reactor, done):
        cancel = reactor.at(reactor.now + 0.01, order.append, "cancelled")
        reactor.at(reactor.now + 0.01, order.append, "kept")
        reactor.at(reactor.now + 0.02, done)
        cancel()
        cancel()

    run(story)
    assert order == ["kept"]


def test_an_action_can_cancel_another_that_is_due_in_the_same_moment():
    order = []

    def story(reactor, done):
        when = reactor.now + 0.01
        cancels = []
        reactor.at(when, lambda: cancels[0]())
        cancels.append(reactor.at(when, order.append, "cancelled"))
        reactor.at(when, done)

    run(story)
    assert order == []


def test_actions_of_no_delay_leave_turns_to_others():
    turns, others = [], []

    def story(reactor, done):
        def again():
            turns.append(1)
            reactor.at(reactor.now, again)

        def other():
            others.append(len(turns))
            if len(others) == 5:
                done()
            else:
                reactor.loop.call_soon(other)

        again()
        reactor.loop.call_soon(other)

    run(story)
    assert len(turns) < 50


def test_begin_sets_the_clock_to_0_and_keeps_the_distances():
    times = []

    def story(reactor, done):
        reactor.at(reactor.now + 0.05, lambda: times.append(reactor.now))
        reactor.at(reactor.now + 0.05, done)
        reactor.epoch -= 100  # as if a hundred seconds had passed, and this was due long ago
        assert reactor.time >= 100
        for entry in reactor._queue:
            entry[0] += 100
        reactor.begin(time.perf_counter())
        assert 0 <= reactor.time < 1
        assert reactor.now == 0

    run(story)
    assert 0.04 <= times[0] < 5


def test_the_clock_stands_still_during_a_turn():
    seen = []

    def story(reactor, done):
        def look():
            before = reactor.now
            while reactor.time < before + 0.005:
                pass
            seen.append((before, reactor.now))

        reactor.at(reactor.now, look)
        reactor.at(reactor.now + 0.01, done)

    run(story)
    [(before, after)] = seen
    assert before == after


def test_what_was_said_goes_out_at_the_end_of_the_turn():
    log = []

    def story(reactor, done):
        def speak(name):
            log.append(f"say {name}")
            reactor.writers.append(Pen(log, name))

        when = reactor.now + 0.01
        reactor.at(when, speak, "a")
        reactor.at(when, speak, "b")
        reactor.at(when + 0.01, done)

    run(story)
    assert log == ["say a", "say b", "a", "b"]


def test_who_speaks_while_others_are_written_is_written_too():
    log = []

    def story(reactor, done):
        late = Pen(log, "late", done)
        reactor.writers.append(Pen(log, "early", lambda: reactor.writers.append(late)))
        reactor.end_turn()

    run(story)
    assert log == ["early", "late"]


def test_a_mistake_in_one_action_leaves_the_others_their_turn():
    order, errors = [], []

    def story(reactor, done):
        when = reactor.now + 0.01
        reactor.at(when, order.append, 1)
        reactor.at(when, lambda: 1 / 0)
        reactor.at(when, order.append, 2)
        reactor.at(when + 0.01, done)

    run(story, errors=errors)
    assert order == [1, 2]
    assert [type(error) for error in errors] == [ZeroDivisionError]


def test_a_closed_reactor_forgets_everything():
    order = []

    async def main():
        reactor = Reactor(asyncio.get_running_loop())
        reactor.at(reactor.time + 0.01, order.append, "late")
        reactor.writers.append(Pen(order, "said"))
        reactor.close()
        reactor.end_turn()
        await asyncio.sleep(0.03)

    asyncio.run(main())
    assert order == []


@pytest.mark.parametrize("count", [1, 1000])
def test_many_timers_are_one_alarm_of_the_loop(count):
    def story(reactor, done):
        for number in range(count):
            reactor.at(reactor.now + 1 + number, done)
        waiting = [handle for handle in reactor.loop._scheduled if not handle.cancelled()]
        assert len(waiting) <= 2  # ours, and that of this test
        reactor.at(reactor.now, done)

    run(story)
