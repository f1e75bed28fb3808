"""Links: how long a message takes, whether it arrives, and what it does to those behind it."""

from random import Random
from statistics import mean

import pytest
from hypothesis import given
from hypothesis import strategies as some

from p2pkit.link import Lane, Link, Weather

MANY = 4000


def delays(link, seed=1):
    dice = Random(seed)
    return [link.delay(dice) for _ in range(MANY)]


def arrivals(link, messages, seed=1):
    """Send messages, given as (time, size), and return when each arrives."""
    lane, dice = Lane(link), Random(seed)
    return [lane.arrivals(time, size, dice) for time, size in messages]


# What a link may be


@pytest.mark.parametrize(
    "numbers",
    [
        {"loss": -0.1}, {"loss": 1.1}, {"loss": float("nan")}, {"loss": "much"}, {"loss": None},
        {"duplicate": -1}, {"duplicate": 2},
        {"bandwidth": 0}, {"bandwidth": -5}, {"bandwidth": float("nan")}, {"bandwidth": "fast"},
        {"latency": -1}, {"latency": float("nan")}, {"latency": float("inf")}, {"latency": "1"},
        {"latency": (0.2, 0.1)}, {"latency": (-1, 1)}, {"latency": (0, float("inf"))},
        {"latency": (0, float("nan"))}, {"latency": (0.1,)}, {"latency": (1, 2, 3)}, {"latency": ()},
        {"latency": [0.1, 0.2]}, {"latency": ("a", "b")}, {"latency": (None, 1)},
    ],
    ids=str,
)  # fmt: skip
def test_a_number_out_of_its_range_is_refused_and_named(numbers):
    [(name, _)] = numbers.items()
    with pytest.raises(ValueError, match=name):
        Link(**numbers)


@pytest.mark.parametrize(
    "numbers",
    [
        {}, {"loss": 0}, {"loss": 1}, {"duplicate": 1}, {"bandwidth": 1e9}, {"bandwidth": float("inf")},
        {"latency": 0}, {"latency": (0, 0)}, {"latency": (0.1, 0.1)}, {"latency": Random.random},
    ],
    ids=str,
)  # fmt: skip
def test_a_number_at_the_end_of_its_range_is_fine(numbers):
    assert Link(**numbers).delay(Random(1)) is None or Link(**numbers).delay(Random(1)) >= 0


def test_a_link_is_a_value():
    assert Link(latency=(0.1, 0.2), loss=0.1) == Link(latency=(0.1, 0.2), loss=0.1)
    assert len({Link(), Link(), Link(loss=0.5)}) == 2


# One message


def test_a_link_without_latency_takes_no_time_and_throws_no_dice():
    dice = Random(1)
    assert Link().delay(dice) == 0.0
    assert Link(latency=0.25).delay(dice) == 0.25
    assert dice.random() == Random(1).random()


def test_a_range_of_latencies_is_drawn_from_evenly():
    drawn = delays(Link(latency=(0.2, 0.4)))
    assert all(0.2 <= delay <= 0.4 for delay in drawn)
    assert mean(drawn) == pytest.approx(0.3, abs=0.005)  # five times its standard error
    assert 0.2 < mean(delay < 0.25 for delay in drawn) < 0.3


def test_a_latency_function_gets_the_dice():
    drawn = delays(Link(latency=lambda random: random.expovariate(10)))
    assert mean(drawn) == pytest.approx(0.1, abs=0.01)
    assert len(set(drawn)) == MANY


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf")])
def test_a_latency_function_that_returns_no_time_is_named(seconds):
    link = Link(latency=lambda random: seconds)
    with pytest.raises(ValueError, match=r"latency function returned (-1|nan|inf): seconds"):
        link.delay(Random(1))


@pytest.mark.parametrize("loss", [0.05, 0.5, 0.95])
def test_a_share_of_messages_is_lost(loss):
    lost = delays(Link(latency=0.1, loss=loss)).count(None)
    assert lost / MANY == pytest.approx(loss, abs=0.04)  # five times its standard error, and more


def test_no_loss_and_full_loss_are_exact():
    assert None not in delays(Link(loss=0))
    assert set(delays(Link(loss=1))) == {None}


def test_the_same_seed_draws_the_same_delays():
    link = Link(latency=(0, 1), loss=0.3)
    assert delays(link, seed=7) == delays(link, seed=7) != delays(link, seed=8)


# Many messages on one line

times = some.lists(some.tuples(some.floats(0, 10), some.integers(0, 10_000)), max_size=20).map(
    sorted
)
links = some.builds(
    Link,
    latency=some.sampled_from([None, 0.1, (0.0, 1.0), lambda random: random.expovariate(2)]),
    bandwidth=some.sampled_from([None, 1000.0, 1e6]),
    loss=some.sampled_from([0.0, 0.3]),
    duplicate=some.sampled_from([0.0, 0.3]),
)


@given(links, times, some.integers(0, 99))
def test_messages_arrive_in_the_order_in_which_they_were_sent(link, messages, seed):
    flat = [time for each in arrivals(link, messages, seed) for time in each]
    assert flat == sorted(flat)


@given(links, times, some.integers(0, 99))
def test_no_message_arrives_before_it_was_sent_or_more_than_twice(link, messages, seed):
    for (sent, size), each in zip(messages, arrivals(link, messages, seed), strict=True):
        assert len(each) <= 2
        assert all(time >= sent + size / (link.bandwidth or float("inf")) for time in each)


def test_an_unordered_link_lets_messages_overtake():
    messages = [(0.0, 100)] * 20
    flat = [time for (time,) in arrivals(Link(latency=(0, 1), ordered=False), messages)]
    assert flat != sorted(flat)


def test_bandwidth_keeps_the_line_busy_for_those_behind():
    link = Link(latency=0.5, bandwidth=1000)
    sent = [(0.0, 1000), (0.0, 2000), (10.0, 1000)]
    assert arrivals(link, sent) == [(1.5,), (3.5,), (11.5,)]


def test_a_lost_message_has_used_the_line():
    link = Link(bandwidth=1000, loss=0.5)
    times = arrivals(link, [(0.0, 1000)] * 20)
    assert () in times
    assert times == [() if not each else (float(turn),) for turn, each in enumerate(times, start=1)]


def test_a_share_of_messages_arrives_twice():
    link = Link(latency=(0, 1), duplicate=0.25)
    times = arrivals(link, [(float(n), 1) for n in range(MANY)])
    assert {len(each) for each in times} == {1, 2}
    assert mean(len(each) == 2 for each in times) == pytest.approx(0.25, abs=0.04)


def test_each_copy_takes_its_own_time_where_messages_may_overtake():
    link = Link(latency=(0, 1), duplicate=1, ordered=False)
    pairs = arrivals(link, [(0.0, 1)] * 20)
    assert all(first != second for first, second in pairs)
    assert any(first > second for first, second in pairs)


def test_a_lane_goes_on_where_it_was_when_its_link_is_changed():
    lane, dice = Lane(Link(latency=5.0)), Random(1)
    assert lane.arrivals(0.0, 1, dice) == (5.0,)
    lane.link = Link(latency=0.0)
    assert lane.arrivals(1.0, 1, dice) == (5.0,)
    assert lane.arrivals(6.0, 1, dice) == (6.0,)


# Weather


def reachable(weather, names="abcd"):
    return {
        (one, two) for one in names for two in names if one != two and not weather.is_cut(one, two)
    }


EVERYWHERE = {(one, two) for one in "abcd" for two in "abcd" if one != two}


def test_at_first_nothing_is_cut_and_all_links_are_alike():
    weather = Weather(Link(loss=0.1))
    assert reachable(weather) == EVERYWHERE
    assert weather.between("a", "b") == Link(loss=0.1)
    assert Weather().between("a", "b") == Link()


def test_a_link_is_shaped_in_one_direction():
    weather = Weather()
    weather.shape("a", "b", Link(latency=1.0))
    assert weather.between("a", "b") == Link(latency=1.0)
    assert weather.between("b", "a") == Link()
    weather.heal()
    assert weather.between("a", "b") == Link(latency=1.0)


def test_a_cut_goes_one_way():
    weather = Weather()
    weather.cut("a", "b")
    assert reachable(weather) == EVERYWHERE - {("a", "b")}


@pytest.mark.parametrize(
    ("groups", "islands"),
    [
        ([], ["abcd"]),
        (["a"], ["a", "bcd"]),
        (["ab", "cd"], ["ab", "cd"]),
        (["a", "b"], ["a", "b", "cd"]),
        (["abcd"], ["abcd"]),
        (["a", "b", "c", "d"], ["a", "b", "c", "d"]),
    ],
)
def test_a_partition_separates_its_groups_and_those_in_none(groups, islands):
    weather = Weather()
    weather.partition(groups)
    assert reachable(weather) == {
        (one, two) for island in islands for one in island for two in island if one != two
    }


def test_a_new_partition_takes_the_place_of_the_one_before():
    weather = Weather()
    weather.partition(["ab", "cd"])
    weather.partition(["ac", "bd"])
    assert not weather.is_cut("a", "c")
    assert weather.is_cut("a", "b")


def test_heal_undoes_cuts_and_partitions():
    weather = Weather()
    weather.cut("a", "b")
    weather.partition(["ab", "cd"])
    weather.heal()
    assert reachable(weather) == EVERYWHERE
