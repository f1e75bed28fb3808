"""Virtual time: what is due happens in order, at its time, and nothing else happens."""

from math import inf

from hypothesis import given
from hypothesis import strategies as some

from p2pkit.clock import VirtualClock

TIMES = some.lists(some.sampled_from([0.0, 0.5, 1.0, 2.0, 1e9]), max_size=30)


def drain(clock):
    while clock.step():
        pass


@given(TIMES)
def test_what_is_due_happens_in_order_and_ties_in_the_order_of_asking(times):
    clock, seen = VirtualClock(), []
    for number, time in enumerate(times):
        clock.at(time, lambda time=time, number=number: seen.append((clock.now, time, number)))
    drain(clock)
    assert [(time, number) for _, time, number in seen] == sorted(
        (time, number) for number, time in enumerate(times)
    )
    assert all(now == time for now, time, _ in seen)


@given(TIMES, some.sets(some.integers(0, 29)))
def test_what_is_cancelled_does_not_happen_and_nothing_else_is_lost(times, cancelled):
    clock, seen = VirtualClock(), []
    cancels = [clock.at(time, seen.append, number) for number, time in enumerate(times)]
    for number, cancel in enumerate(cancels):
        if number in cancelled:
            cancel()
            cancel()
    drain(clock)
    assert sorted(seen) == [number for number in range(len(times)) if number not in cancelled]
    assert clock.due == inf


def test_to_cancel_what_has_happened_does_nothing():
    clock, seen = VirtualClock(), []
    cancel = clock.at(1.0, seen.append, 1)
    clock.at(2.0, seen.append, 2)
    clock.step()
    cancel()
    drain(clock)
    assert seen == [1, 2]


def test_the_past_is_now():
    clock, seen = VirtualClock(), []
    clock.advance(5.0)
    clock.at(1.0, lambda: seen.append(clock.now))
    clock.step()
    assert (seen, clock.now) == ([5.0], 5.0)


def test_time_passes_to_the_end_and_no_further():
    clock, seen = VirtualClock(), []
    for time in (1.0, 2.0, 2.0001):
        clock.at(time, seen.append, time)
    clock.advance(2.0)
    assert (seen, clock.now, clock.due) == ([1.0, 2.0], 2.0, 2.0001)


def test_an_empty_clock_stands_still_and_a_cleared_one_forgets():
    clock, seen = VirtualClock(), []
    assert not clock.step()
    assert (clock.now, clock.due) == (0.0, inf)
    clock.at(1.0, seen.append, 1)()
    clock.at(1.0, seen.append, 2)
    clock.clear()
    assert not clock.step()
    assert not seen
