"""The hunt: the first seed that fails, and what it says."""

import io

import pytest

from p2pkit import Link, Message, Protocol, SimNetwork, check, on
from p2pkit import progress as progress_module
from p2pkit.check import CheckFailed


class Note(Message):
    number: int


class Careless(Protocol):
    """Take for granted that notes arrive in the order in which they were sent."""

    def on_start(self):
        self.last = 0

    @on(Note)
    def take(self, note, sender):
        if note.number == 13:
            raise ZeroDivisionError("thirteen")
        self.last = note.number

    def say(self, *numbers):
        for number in numbers:
            self.send("n1", Note(number))


def story(seed, numbers=(1, 2)):
    with SimNetwork(Careless, 2, link=Link(latency=(0, 1), ordered=False), seed=seed) as net:
        net.call("n0", "say", *numbers)
        net.run(5)
        assert net["n1"].last == 2, "the second was overtaken"


def test_it_stops_at_the_first_seed_that_fails_and_names_it():
    told = []

    def watched(seed):
        told.append(seed)
        story(seed)

    with pytest.raises(CheckFailed) as error:
        check.hunt(watched, 100)
    seed = error.value.seed
    assert told == list(range(seed + 1))
    with pytest.raises(AssertionError, match="overtaken"):
        story(seed)
    assert str(error.value).splitlines()[0] == f"seed {seed} fails, after " + (
        "1 seed that went well" if seed == 1 else f"{seed} seeds that went well"
    )
    assert f"\n  again   watched(seed={seed})" in str(error.value)
    assert "AssertionError: the second was overtaken" in str(error.value)
    assert isinstance(error.value.__cause__, AssertionError)


def test_seeds_can_be_named_and_those_that_go_well_are_counted():
    told = []
    assert check.hunt(lambda seed: told.append(seed), [7, 3, 5]) == 3
    assert told == [7, 3, 5]
    assert check.hunt(lambda seed: told.append(seed), 2) == 2
    assert told[3:] == [0, 1]
    assert check.hunt(lambda seed: told.append(seed)) == 100


def test_a_check_inside_a_story_is_said_in_full():
    def checked(seed):
        with SimNetwork(Careless, 2, seed=seed) as net:
            check.always(net, each=lambda node: node.last < 2)
            net.call("n0", "say", 1, 2)
            net.run(5)

    with pytest.raises(CheckFailed) as error:
        check.hunt(checked, [5])
    assert str(error.value).splitlines() == [
        "seed 5 fails, after 0 seeds that went well",
        "  not always true at n1, 0.010 s after the start: node.last < 2",
        "    node.last is 2",
        "    after   0.010 s  n1 receives Note(number=2) from n0",
        "    again   SimNetwork(Careless, …, seed=5)",
        "  again   checked(seed=5)",
    ]
    assert (error.value.node, error.value.time) == ("n1", 0.01)


def test_an_exception_of_a_handler_is_a_failure_too_and_its_notes_are_kept():
    with pytest.raises(CheckFailed) as error:
        check.hunt(lambda seed: story(seed, numbers=(13,)), [4])
    assert str(error.value).splitlines() == [
        "seed 4 fails, after 0 seeds that went well",
        "  ZeroDivisionError: thirteen",
        *[f"  {note}" for note in error.value.__cause__.__notes__],
        "  again   story(seed=4)",
    ]
    assert "seed 4" in error.value.__cause__.__notes__[0]


def test_an_interrupt_is_no_failure():
    def interrupted(seed):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check.hunt(interrupted)


def test_progress_is_shown_where_somebody_is_looking(monkeypatch):
    class Screen(io.StringIO):
        def isatty(self):
            return True

    screen = Screen()
    monkeypatch.setattr(progress_module.sys, "stderr", screen)
    with pytest.raises(CheckFailed):
        check.hunt(lambda seed: 1 // (3 - seed), 10)
    assert "3 of 10 seeds" in screen.getvalue()
