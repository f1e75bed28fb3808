"""Traces: what is kept, counted, found, saved and read again."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as some

from p2pkit.errors import MessageError, TraceError
from p2pkit.message import Message, encode
from p2pkit.trace import KINDS, REASONS, Event, Trace


class Rumor(Message):
    text: str


HELLO, BYE = Rumor("hello"), Rumor("bye")


def story(**options):
    """Tell a rumor to one of two, then lose another; and something is logged, and fails."""
    trace = Trace(**options)
    hello, bye = encode(HELLO), encode(BYE)
    trace.add(0.0, "start", "n0")
    trace.add(0.1, "send", "n0", "n1", "Rumor", len(hello), 1, hello)
    trace.add(0.2, "receive", "n1", "n0", "Rumor", len(hello), 1, hello)
    trace.add(0.3, "send", "n0", "n2", "Rumor", len(bye), 2, bye)
    trace.add(0.3, "drop", "n0", "n2", "Rumor", len(bye), 2, bye, "lost")
    trace.add(0.4, "drop", "n1", "n0", size=5, serial=3, reason="not understood: no handler for X")
    trace.add(0.5, "log", "n1", data=b'"Z\xc3\xb6e"')
    trace.add(0.6, "state", "n1", data=b'{"heard":1}')
    return trace


# Reading


def test_a_trace_gives_its_events_in_order():
    events = list(story())
    assert [event.kind for event in events] == [
        "start", "send", "receive", "send", "drop", "drop", "log", "state"
    ]  # fmt: skip
    assert events[0] == Event(0.0, "start", "n0")
    assert len(story()) == 8


def test_a_trace_can_grow_while_it_is_read():
    trace = story()
    for event in trace:
        trace.add(event.time, "log", event.node)
    assert len(trace) == 16


@pytest.mark.parametrize(
    ("wanted", "times"),
    [
        ({}, [0.0, 0.1, 0.2, 0.3, 0.3, 0.4, 0.5, 0.6]),
        ({"kind": "send"}, [0.1, 0.3]),
        ({"node": "n1"}, [0.2, 0.4, 0.5, 0.6]),
        ({"message": "Rumor"}, [0.1, 0.2, 0.3, 0.3]),
        ({"message": Rumor}, [0.1, 0.2, 0.3, 0.3]),
        ({"message": HELLO}, [0.1, 0.2]),
        ({"message": BYE, "kind": "drop"}, [0.3]),
        ({"kind": "send", "node": "n1"}, []),
        ({"message": Rumor("never said")}, []),
        ({"message": "Other"}, []),
    ],
)
def test_where_finds_events_and_count_counts_them(wanted, times):
    trace = story()
    assert [event.time for event in trace.where(**wanted)] == times
    assert trace.count(**wanted) == len(times)


@pytest.mark.parametrize(
    ("wanted", "number"),
    [
        ({"reason": "lost"}, 1),
        ({"reason": "not understood"}, 1),
        ({"reason": "cut"}, 0),
        ({"kind": "drop", "node": "n1", "reason": "not understood"}, 1),
        ({"message": Rumor, "reason": "lost"}, 1),
        ({"message": BYE, "reason": "lost"}, 1),
        ({"message": HELLO, "reason": "lost"}, 0),
    ],
)
def test_count_knows_reasons(wanted, number):
    assert story().count(**wanted) == number


def test_a_message_that_cannot_travel_is_in_no_trace():
    with pytest.raises(MessageError, match=r"Rumor\.text"):
        story().count(message=Rumor(5))


@pytest.mark.parametrize("record", ["all", "counts"])
def test_counts_are_by_kind_message_reason_and_node(record):
    assert story(record=record).counts() == {
        ("start", None, None, "n0"): 1,
        ("send", "Rumor", None, "n0"): 2,
        ("receive", "Rumor", None, "n1"): 1,
        ("drop", "Rumor", "lost", "n0"): 1,
        ("drop", None, "not understood", "n1"): 1,
        ("log", None, None, "n1"): 1,
        ("state", None, None, "n1"): 1,
    }


@pytest.mark.parametrize("options", [{}, {"record": "counts"}, {"most": 0}, {"most": 3}], ids=str)
def test_numbers_are_right_whatever_is_kept(options):
    trace = story(**options)
    sent = len(encode(HELLO)) + len(encode(BYE))
    assert (len(trace), trace.size(), trace.size("receive")) == (8, sent, len(encode(HELLO)))
    assert trace.count(kind="drop") == 2
    assert trace.count(message=Rumor) == 4
    assert trace.drops == {"lost": 1, "not understood": 1}
    assert "8 events" in repr(trace)
    assert "2 drop" in repr(trace)
    assert trace.is_complete == (options == {})


def test_the_first_events_are_kept_and_those_after_are_counted():
    trace = story(most=3)
    assert [event.time for event in trace] == [0.0, 0.1, 0.2]
    assert not trace.is_complete


def test_an_empty_trace_says_so():
    assert repr(Trace()) == "<Trace of no events>"
    assert (len(Trace()), Trace().size(), list(Trace())) == (0, 0, [])
    assert Trace().is_complete


@pytest.mark.parametrize(
    ("use", "what"),
    [
        (list, "iterating over a trace"),
        (lambda trace: list(trace.where()), "trace.where"),
        (lambda trace: trace.count(message=HELLO), "trace.where"),
        (lambda trace: trace.digest(), "trace.digest"),
        (lambda trace: trace.save("never-written"), "trace.save"),
    ],
)
def test_what_needs_events_says_so_where_they_were_only_counted(use, what, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TraceError, match=rf'{what} needs the events.*record="all"'):
        use(story(record="counts"))
    assert not list(tmp_path.iterdir())


def test_there_are_two_ways_to_record():
    with pytest.raises(TraceError, match=r"record='some'.*all.*counts"):
        Trace("some")


# Events


def test_an_id_ties_a_message_to_its_receive_and_its_drop():
    assert [event.id for event in story()] == [
        None, "n0:1", "n0:1", "n0:2", "n0:2", "n0:3", None, None
    ]  # fmt: skip


@pytest.mark.parametrize("reason", REASONS)
def test_the_id_of_a_drop_names_its_sender_wherever_it_is_recorded(reason):
    at_receiver = reason in ("not understood", "nobody asked")
    here, there = ("receiver", "sender") if at_receiver else ("sender", "receiver")
    assert Event(0.0, "drop", here, there, serial=7, reason=f"{reason}: because").id == "sender:7"


def test_data_is_read_as_python_values():
    values = [event.value for event in story()]
    assert values[0] is None
    assert values[1] == ["Rumor", {"text": "hello"}]
    assert values[-2:] == ["Zöe", {"heard": 1}]


def test_kinds_and_reasons_are_each_told_in_a_sentence():
    assert all(len(sentence) > 10 for sentence in [*KINDS.values(), *REASONS.values()])


# Files


def test_a_saved_trace_is_read_again(tmp_path):
    trace = story()
    trace.save(tmp_path / "run.jsonl")
    again = Trace.load(tmp_path / "run.jsonl")
    assert list(again) == list(trace)
    assert again.digest() == trace.digest()
    assert (again.drops, again.counts(), again.size()) == (
        trace.drops,
        trace.counts(),
        trace.size(),
    )
    assert again.is_complete


def test_a_line_has_what_means_something_and_nothing_else(tmp_path):
    story().save(tmp_path / "run.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "run.jsonl").read_bytes().splitlines()]
    assert lines[0] == {"time": 0.0, "kind": "start", "node": "n0"}
    assert lines[1] == {
        "time": 0.1, "kind": "send", "node": "n0", "peer": "n1", "message": "Rumor",
        "size": len(encode(HELLO)), "data": ["Rumor", {"text": "hello"}], "id": "n0:1",
    }  # fmt: skip
    assert lines[5]["reason"] == "not understood: no handler for X"


names = some.text(min_size=1, max_size=5)
events = some.tuples(
    some.floats(0, 1e9),
    some.sampled_from(sorted(KINDS)),
    names,
    some.none() | names,
    some.none() | names,
    some.integers(0, 2**40),
    some.integers(0, 2**32 - 1),
    some.none() | some.just(b"null") | names.map(lambda text: json.dumps(text).encode()),
    some.none() | names,
)


@given(some.lists(events, max_size=5))
def test_any_event_comes_back_from_a_file(tmp_path_factory, given_events):
    path = tmp_path_factory.getbasetemp() / "any.jsonl"
    trace = Trace()
    for event in given_events:
        trace.add(*event)
    trace.save(path)
    again = Trace.load(path)
    assert again.digest() == trace.digest()
    for one, other in zip(trace, again, strict=True):
        assert one[:6] == other[:6]
        assert (one.id, one.value, one.reason) == (other.id, other.value, other.reason)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"hello",
        b"[]",
        b'{"time":0,"kind":"send"}',
        b'{"time":"0","kind":"send","node":"n0"}',
        b'{"time":0,"kind":"send","node":"n0","id":"n0"}',
        b'{"time":0,"kind":"send","node":"n0","id":"n0:one"}',
        b'{"time":0,"kind":"send","node":"\xff"}',
        b'{"time":NaN,"kind":"send","node":"n0"}',
        b'{"time":0,"kind":"log","node":"n0","data":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"time":0,"kind":"log","node":"n0","id":"n0:' + b"9" * 5000 + b'"}',
        b"\x80\x04\x95",
    ],
    ids=lambda line: repr(line[:50]),
)
def test_a_file_that_holds_something_else_is_refused_with_the_line(line, tmp_path):
    path = tmp_path / "bad.jsonl"
    path.write_bytes(b'{"time":0,"kind":"start","node":"n0"}\n' + line + b"\n")
    with pytest.raises(TraceError, match=r"bad\.jsonl, line 2: no event of a trace"):
        Trace.load(path)


def test_an_empty_file_is_an_empty_trace_and_no_file_is_none(tmp_path):
    (tmp_path / "empty").touch()
    assert len(Trace.load(tmp_path / "empty")) == 0
    with pytest.raises(FileNotFoundError):
        Trace.load(tmp_path / "missing")


def test_the_digest_tells_traces_apart():
    assert story().digest() == story().digest() != Trace().digest()
    for change in [
        {"time": 0.7},
        {"node": "n2"},
        {"data": b"1"},
        {"reason": "lost"},
        {"serial": 1},
    ]:
        one, other = story(), story()
        event = {"time": 0.6, "kind": "drop", "node": "n0"}
        one.add(**event)
        other.add(**(event | change))
        assert one.digest() != other.digest(), change


def test_a_trace_is_a_data_frame():
    pytest.importorskip("pandas")
    frame = story().to_pandas()
    assert list(frame.columns) == [
        "time", "kind", "node", "peer", "message", "size", "id", "data", "reason"
    ]  # fmt: skip
    assert len(frame) == 8
    assert frame["size"].sum() == sum(event.size for event in story())
    assert frame[frame.kind == "drop"].id.tolist() == ["n0:2", "n0:3"]
    assert frame.data[6] == "Zöe"


def test_where_says_at_once_that_events_were_only_counted():
    with pytest.raises(TraceError, match='record="all"'):
        Trace("counts").where(kind="send")
