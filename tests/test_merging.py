"""Merging: one trace, in order, out of the parts of several processes."""

from p2pkit.merging import Merger
from p2pkit.trace import Event, Trace

RANKS = {"a": 0, "b": 1, "c": 2}


def log(time, node, text="", **fields):
    return Event(time, "log", node, message=text or None, **fields)


def merger(**options):
    trace = Trace(**options)
    return trace, Merger(trace, dict(RANKS))


def seen(trace):
    return [(event.time, event.node) for event in trace]


def test_events_of_several_processes_are_put_in_the_order_of_their_times():
    trace, merging = merger()
    merging.put([log(0.1, "a"), log(0.4, "a")], {})
    merging.put([log(0.2, "b"), log(0.3, "b"), log(0.5, "b")], {})
    merging.settle(1.0)
    assert seen(trace) == [(0.1, "a"), (0.2, "b"), (0.3, "b"), (0.4, "a"), (0.5, "b")]
    assert all(type(event) is Event for event in trace)


def test_what_happened_at_the_same_time_is_in_the_order_of_the_nodes():
    trace, merging = merger()
    merging.put([log(0.0, "c"), log(0.0, "b")], {})
    merging.put([log(0.0, "a")], {})
    merging.settle(0.0)
    assert seen(trace) == [(0.0, "a"), (0.0, "b"), (0.0, "c")]


def test_what_one_node_did_at_the_same_time_stays_as_it_was():
    trace, merging = merger()
    merging.put([log(0.0, "b", text) for text in "zyx"], {})
    merging.put([log(0.0, "a", "m"), log(0.0, "b", "w")], {})
    merging.settle(0.0)
    assert [event.message for event in trace] == ["m", "z", "y", "x", "w"]


def test_nothing_comes_before_what_was_read():
    trace, merging = merger()
    merging.put([log(0.1, "a"), log(0.3, "a")], {})
    merging.settle(0.2)
    assert seen(trace) == [(0.1, "a")]
    merging.put([log(0.25, "b"), log(0.35, "b")], {})
    merging.settle(0.3)
    assert seen(trace) == [(0.1, "a"), (0.25, "b"), (0.3, "a")]
    merging.settle(0.3)
    assert len(trace) == 3
    merging.settle(9.9)
    assert seen(trace)[3:] == [(0.35, "b")]


def test_nothing_at_all_is_merged_too():
    trace, merging = merger()
    merging.settle(1.0)
    merging.put([], {})
    merging.settle(2.0)
    assert len(trace) == 0
    assert trace.is_complete


def test_a_node_that_joined_has_a_rank_from_then_on():
    trace = Trace()
    ranks = {"a": 0}
    merging = Merger(trace, ranks)
    ranks["later"] = 1
    merging.put([log(0.5, "later"), log(0.5, "a")], {})
    merging.settle(1.0)
    assert seen(trace) == [(0.5, "a"), (0.5, "later")]


def test_drops_are_counted_when_their_events_are_in_the_trace():
    trace, merging = merger()
    merging.put([Event(0.1, "drop", "a", reason="lost: by a link"), log(0.9, "b")], {})
    merging.settle(0.5)
    assert trace.drops == {"lost": 1}
    assert trace.count(kind="drop", reason="lost") == 1


def test_events_that_were_only_counted_add_up():
    trace, merging = merger(record="counts")
    for _ in range(2):
        merging.put(
            [], {("send", "Note", None, "a"): [3, 60], ("drop", "Note", "cut", "b"): [2, 8]}
        )
    merging.settle(0.0)
    assert trace.count(kind="send", message="Note", node="a") == 6
    assert trace.size("send") == 120
    assert trace.drops == {"cut": 4}
    assert len(trace) == 10


def test_a_trace_that_is_full_goes_on_counting():
    trace, merging = merger(most=3)
    merging.put([log(0.1, "a"), log(0.2, "a")], {})
    assert not merging.is_full
    merging.put([log(0.15, "b", size=7), log(0.3, "b")], {})
    assert merging.is_full  # those that wait are counted
    merging.settle(1.0)
    assert merging.is_full
    assert seen(trace) == [(0.1, "a"), (0.15, "b"), (0.2, "a")]  # the first that happened
    assert (trace.kept, len(trace), trace.is_complete) == (3, 4, False)
    merging.put([], {("log", None, None, "c"): [5, 0]})
    merging.settle(1.0)
    assert len(trace) == 9


def test_events_after_some_that_were_only_counted_are_counted_too():
    trace, merging = merger()
    merging.put([], {("log", None, None, "b"): [1, 0]})
    merging.put([log(0.1, "a")], {})
    merging.settle(1.0)
    assert (trace.kept, len(trace)) == (1, 2)  # what did come is kept up to then
    merging.put([log(2.0, "a")], {})
    merging.settle(3.0)
    assert (trace.kept, len(trace)) == (1, 3)
    assert not trace.is_complete
    assert trace.count(kind="log") == 3


def test_a_large_part_is_sorted_quickly_and_stays_sorted():
    trace, merging = merger()
    parts = {
        name: [log((number * 3 + RANKS[name]) / 30_000, name) for number in range(10_000)]
        for name in RANKS
    }
    for start in range(0, 10_000, 1_000):
        for name in reversed(RANKS):
            merging.put(parts[name][start : start + 1_000], {})
        merging.settle((start + 1_000) * 3 / 30_000 - 1e-9)
    assert len(trace) == 30_000
    assert [event.time for event in trace] == [number / 30_000 for number in range(30_000)]


def test_a_merger_is_full_when_more_bytes_have_come_than_a_trace_keeps():
    _, merging = merger(most=1000)
    merging.put([log(0.1, "a", "Word", size=200_000)], {})
    assert not merging.is_full
    merging.put([log(0.2, "a", "Word", size=200_000)], {})
    assert merging.is_full
