"""Sabotage: each of these simulators is broken in one way, and the tests of all worlds notice it.

A test is worth what it can catch. So the laws, which are the tests that take a `network` and nothing
else, are told to simulators with one mistake each, and at least one of them must fail; and none may
where nothing is broken. Which law has noticed which mutant: pytest tests/test_mutants.py -rP
"""

import inspect
from contextlib import suppress
from functools import partial
from itertools import chain, count
from random import Random

import pytest
import test_faults
import test_network
import test_parity
import test_parity_faults
import test_parity_peers

from p2pkit import SimNetwork, clock
from p2pkit.clock import VirtualClock
from p2pkit.ends import End
from p2pkit.errors import P2PKitError
from p2pkit.link import Lane, Link, Weather
from p2pkit.simhost import SimHost


def laws(module):
    """Yield the tests of a module that need nothing but a network, and perhaps one value of a few."""
    for name, law in vars(module).items():
        if not name.startswith("test_"):
            continue
        needs = {*inspect.signature(law).parameters}
        marks = [mark for mark in getattr(law, "pytestmark", []) if mark.name == "parametrize"]
        if needs == {"network"}:
            yield name, law
        elif len(marks) == 1 and needs == {"network", marks[0].args[0]}:
            for value in marks[0].args[1]:
                yield f"{name}[{value}]", partial(law, **{marks[0].args[0]: value})


MODULES = (test_parity, test_parity_faults, test_parity_peers, test_faults, test_network)

LAWS = dict(chain(*map(laws, MODULES)))

BROKEN = (AssertionError, pytest.fail.Exception, P2PKitError, ValueError)
"""How a law fails: [x] = … raises a ValueError where there is not just one. Anything else would be a
mistake in the mutant, and does not count."""

MUTANTS = []


def mutant(sabotage):
    """Keep a function that breaks the simulator."""
    MUTANTS.append(sabotage)
    return sabotage


def wrap(patch, owner, name, around):
    """Put around(method, self, *args) in the place of a method."""
    method = getattr(owner, name)
    patch.setattr(owner, name, lambda self, *args, **more: around(method, self, *args, **more))


def state(node):
    """Return what a node's own code has set."""
    return {name: value for name, value in vars(node).items() if name != "_host"}


# Order and time


@mutant
def ties_are_taken_backwards(patch):
    backwards = count(0, -1)
    patch.setattr(clock, "_WHEN", lambda entry: (entry[0], next(backwards)))


@mutant
def a_page_of_the_calendar_is_not_sorted(patch):
    patch.setattr(clock, "_WHEN", lambda entry: 0)


@mutant
def the_clock_goes_back_after_a_run(patch):
    def run(method, self, *args):
        held = method(self, *args)
        self.clock.now -= 0.05
        return held

    wrap(patch, SimNetwork, "_run", run)


@mutant
def a_condition_is_not_looked_at_in_the_end(patch):
    wrap(patch, SimNetwork, "_run", lambda method, self, end, until: method(self, end, until) and 0)


@mutant
def actions_come_in_any_order(patch):
    def after(method, self, seconds, *args):
        self._serial = count(-len(self._actions), -1)
        method(self, seconds, *args)

    wrap(patch, SimNetwork, "after", after)


@mutant
def timers_ring_early(patch):
    def at(method, self, when, *args):
        return method(self, self.now + 0.9 * (when - self.now), *args)

    wrap(patch, VirtualClock, "at", at)


@mutant
def to_cancel_a_timer_cancels_the_one_before(patch):
    def at(method, self, *args):
        mine = method(self, *args)
        vars(self)["before"], before = mine, vars(self).get("before", mine)
        return before

    wrap(patch, VirtualClock, "at", at)


@mutant
def timers_are_lost_in_a_pause(patch):
    def rings(method, self, timer, ring):
        if not self.paused:
            method(self, timer, ring)

    wrap(patch, SimHost, "_rings", rings)


@mutant
def timers_of_a_life_that_is_over_ring(patch):
    def rings(method, self, timer, ring):
        if self.alive:
            method(self, timer, ring)
        elif timer.active:
            with suppress(KeyError):  # a question of that life is gone
                ring()

    wrap(patch, SimHost, "_rings", rings)


# State and dice


@mutant
def nodes_share_their_state(patch):
    first = {}

    def start(method, self):
        method(self)
        vars(self.node).update(state(first.setdefault((self.world, self.protocol), self.node)))

    wrap(patch, SimHost, "start", start)


@mutant
def dice_have_no_seed(patch):
    patch.setattr(SimHost, "dice", lambda self, what="": Random())


@mutant
def all_nodes_throw_the_same_dice(patch):
    patch.setattr(SimHost, "dice", lambda self, what="": Random(self._seed))


@mutant
def two_lives_throw_the_same_dice(patch):
    def dice(method, self, what=""):
        self._life = 1
        return method(self, what)

    wrap(patch, SimHost, "dice", dice)


@mutant
def a_crash_keeps_the_memory(patch):
    kept = {}

    def start(method, self):
        method(self)
        vars(self.node).update(kept.get((self.world, self.id), {}))
        kept[self.world, self.id] = state(self.node)

    wrap(patch, SimHost, "start", start)


@mutant
def a_crash_wipes_the_disk(patch):
    patch.setattr(SimNetwork, "store", lambda self, name: {})


@mutant
def a_disk_keeps_the_object_itself(patch):
    disks = {}
    patch.setattr(
        SimHost, "disk", property(lambda self: disks.setdefault((self.world, self.id), {}))
    )


@mutant
def serial_numbers_begin_again_in_each_life(patch):
    wrap(
        patch,
        SimHost,
        "__init__",
        lambda init, self, *args, serial, **more: init(self, *args, **more),
    )


# Messages and links


@mutant
def messages_overtake_each_other(patch):
    def post_all(method, self, ends, letter):
        for end in ends:
            end.last = 0.0
        method(self, ends, letter)

    wrap(patch, SimHost, "_post_all", post_all)


@mutant
def messages_wait_for_those_that_may_be_overtaken(patch):
    patch.setattr(Lane, "_in_order", lambda self, time: max(time, self.last))


@mutant
def messages_take_no_time(patch):
    patch.setattr(Link, "flight", lambda self, random: 0.0)
    patch.setattr(Link, "pace", property(lambda self: None))


@mutant
def a_restart_is_at_the_old_address(patch):
    def new_host(method, self, name):
        old = self._hosts.get(name)
        host = method(self, name)
        if old is not None:
            host.address = old.address
        return host

    wrap(patch, SimNetwork, "_new_host", new_host)


@mutant
def large_messages_are_as_quick_as_small_ones(patch):
    wrap(patch, End, "arrivals", lambda method, self, now, size, dice: method(self, now, 0, dice))


@mutant
def what_is_lost_is_not_recorded(patch):
    def drop(method, self, peer, letter, reason):
        if reason != "lost":
            method(self, peer, letter, reason)

    wrap(patch, SimHost, "_drop", drop)


@mutant
def a_drop_has_no_reason(patch):
    wrap(
        patch,
        SimHost,
        "_drop",
        lambda method, self, peer, letter, _: method(self, peer, letter, ""),
    )


@mutant
def late_answers_are_taken_for_messages(patch):
    def deliver(method, self, sender, body, serial, reply_to, via):
        method(self, sender, body, serial, reply_to if reply_to in self._questions else 0, via)

    wrap(patch, SimHost, "deliver", deliver)


# Trouble


@mutant
def what_was_on_its_way_survives_a_crash(patch):
    wrap(patch, SimHost, "_go", lambda method, self, kind, broken: method(self, kind, broken=False))


@mutant
def what_was_on_its_way_is_lost_when_one_leaves(patch):
    wrap(patch, SimHost, "_go", lambda method, self, kind, broken: method(self, kind, broken=True))


@mutant
def nobody_notices_that_a_connection_has_ended(patch):
    patch.setattr(SimHost, "hung_up", lambda self, end, why: None)


@mutant
def nobody_notices_silence(patch):
    patch.setattr(SimHost, "notice", lambda self, end: None)


@mutant
def a_paused_node_reads_on(patch):
    patch.setattr(SimHost, "waits", lambda self, action, *args: False)


@mutant
def a_partition_leaks_one_way(patch):
    wrap(patch, Weather, "is_cut", lambda method, self, a, b: method(self, a, b) and a < b)


@mutant
def a_cut_stops_both_ways(patch):
    wrap(
        patch,
        Weather,
        "is_cut",
        lambda method, self, a, b: method(self, a, b) or method(self, b, a),
    )


@mutant
def heal_makes_no_connections(patch):
    patch.setattr(SimNetwork, "heal", lambda self: self._change_weather(Weather.heal))


@mutant
def exceptions_of_nodes_are_swallowed(patch):
    patch.setattr(SimNetwork, "node_failed", lambda self, host, error: None)


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
def test_a_simulator_in_which_nothing_is_broken_keeps_the_law(law):
    law(network=SimNetwork)


@pytest.mark.parametrize("sabotage", MUTANTS, ids=lambda sabotage: sabotage.__name__)
def test_a_mutant_breaks_a_law(sabotage, monkeypatch):
    sabotage(monkeypatch)
    for name, law in LAWS.items():
        try:
            law(network=SimNetwork)
        except BROKEN as error:
            print(f"{name}: {type(error).__name__}")  # noqa: T201
            return
    pytest.fail(f"no law of {len(LAWS)} is broken")
