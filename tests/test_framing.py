"""Framing: the same frames come out, however the bytes arrive, and a claim costs no memory."""

import struct

import pytest
from fuzz.rules import read_alike
from hypothesis import given
from hypothesis import strategies as some

from p2pkit import framing
from p2pkit.errors import FrameError
from p2pkit.framing import (
    HEARTBEAT_FRAME,
    LARGE_BUFFER,
    MAX_FRAME,
    MAX_SERIAL,
    SMALL_BUFFER,
    FrameReader,
    frame,
)

numbers = some.integers(0, MAX_SERIAL)
frames = some.tuples(numbers, numbers, some.binary(max_size=40))


def written(parts):
    return b"".join(frame(body, serial, reply_to) for serial, reply_to, body in parts)


def pieces(data, sizes):
    """Cut bytes into pieces of these sizes, again and again."""
    start, turn = 0, 0
    while start < len(data):
        size = sizes[turn % len(sizes)]
        yield data[start : start + size]
        start, turn = start + size, turn + 1


def read(reader, data, sizes):
    return [found for piece in pieces(data, sizes) for found in reader.feed(piece)]


@given(some.lists(frames, max_size=8), some.lists(some.integers(1, 60), min_size=1, max_size=5))
def test_every_way_to_cut_the_stream_gives_the_same_frames(parts, sizes):
    assert read(FrameReader(), written(parts), sizes) == parts


@given(
    some.lists(some.integers(0, 3 * SMALL_BUFFER), min_size=1, max_size=6),
    some.lists(some.integers(1, 2 * SMALL_BUFFER), min_size=1, max_size=4),
)
def test_frames_larger_than_the_buffer_arrive_whole(lengths, sizes):
    parts = [(turn, 0, bytes([turn]) * length) for turn, length in enumerate(lengths)]
    assert read(FrameReader(), written(parts), sizes) == parts


@given(some.lists(frames, max_size=5), some.integers(1, 50))
def test_bytes_written_into_the_buffer_are_the_same_as_bytes_fed(parts, most):
    reader, found = FrameReader(), []
    data = written(parts)
    while data:
        place = reader.buffer()[:most]
        taken = min(len(place), len(data))
        place[:taken] = data[:taken]
        found += reader.received(taken)
        data = data[taken:]
    assert found == parts


damages = some.lists(
    some.tuples(some.floats(0, 1), some.integers(0, 5), some.binary(max_size=5)), max_size=3
)


@given(
    some.lists(frames, max_size=8).map(written) | some.binary(max_size=200),
    damages,
    some.lists(some.integers(0, 40), max_size=12),
    some.sampled_from([10, 40, MAX_FRAME]),
)
def test_whatever_comes_in_whatever_pieces_is_read_alike(stream, damages, lengths, limit):
    for where, length, scrap in damages:
        at = int(where * len(stream))
        stream = stream[:at] + scrap + stream[at + length :]
    read_alike(stream, lengths, limit)


def test_a_header_is_three_big_endian_numbers():
    assert frame(b"hello", 7, 3) == struct.pack(">III", 5, 7, 3) + b"hello"


def test_a_heartbeat_is_a_frame_without_a_body():
    assert frame(b"", 0) == HEARTBEAT_FRAME
    assert FrameReader().feed(HEARTBEAT_FRAME * 2) == [(0, 0, b""), (0, 0, b"")]


def test_the_largest_numbers_fit_and_larger_ones_do_not():
    assert FrameReader().feed(frame(b"x", MAX_SERIAL, MAX_SERIAL)) == [
        (MAX_SERIAL, MAX_SERIAL, b"x")
    ]
    with pytest.raises(struct.error):
        frame(b"x", MAX_SERIAL + 1)


def test_a_body_above_the_limit_is_not_framed():
    assert len(frame(bytes(MAX_FRAME), 1)) == MAX_FRAME + 12
    with pytest.raises(FrameError, match="33,554,433 bytes, and 33,554,432 are allowed"):
        frame(bytes(MAX_FRAME + 1), 1)


def test_bodies_are_bytes_of_their_own():
    reader = FrameReader()
    [(_, _, first)] = reader.feed(frame(b"first", 1))
    reader.feed(frame(b"other", 2))
    assert type(first) is bytes
    assert first == b"first"


# Limits and memory


@pytest.mark.parametrize("length", [101, 2**31, 2**32 - 1])
def test_a_frame_above_the_limit_ends_the_stream_as_soon_as_its_header_is_there(length):
    reader = FrameReader(limit=100)
    header = struct.pack(">III", length, 1, 0)
    assert reader.feed(header[:-1]) == []
    with pytest.raises(FrameError, match=f"a frame of {length:,} bytes, and 100 are allowed"):
        reader.feed(header[-1:])


def test_a_frame_at_the_limit_is_fine():
    assert FrameReader(limit=100).feed(frame(bytes(100), 1)) == [(1, 0, bytes(100))]


@pytest.mark.parametrize("together", [True, False])
def test_what_came_before_a_frame_above_the_limit_is_read(together):
    reader, found = FrameReader(limit=10), []
    data = frame(b"good", 1) + frame(bytes(11), 2)
    place = reader.buffer()
    place[: len(data)] = data
    with pytest.raises(FrameError):  # noqa: PT012
        for count in [len(data)] if together else [16, 23]:
            for one in reader.received(count):
                found.append(one)  # noqa: PERF402
    assert found == [(1, 0, b"good")]


def test_a_limit_that_is_raised_by_one_frame_holds_for_the_next_in_the_same_piece():
    reader, found = FrameReader(limit=10), []
    data = frame(b"hello", 1) + frame(bytes(500), 2)
    reader.buffer()[: len(data)] = data
    for serial, _, _ in reader.received(len(data)):
        found.append(serial)
        reader.limit = 1000
    assert found == [1, 2]


def test_a_reader_begins_small():
    assert FrameReader().capacity == SMALL_BUFFER


def test_a_claim_costs_no_memory():
    reader = FrameReader()
    reader.feed(struct.pack(">III", MAX_FRAME, 1, 0) + b"x" * 100)
    assert reader.capacity == SMALL_BUFFER


def test_a_large_frame_that_dribbles_is_not_looked_at_each_time(monkeypatch):
    looks = []
    unpack = framing._unpack_header
    monkeypatch.setattr(framing, "_unpack_header", lambda *at: looks.append(at) or unpack(*at))
    reader = FrameReader()
    data = frame(b"x" * 5000, 1)
    found = [one for piece in pieces(HEARTBEAT_FRAME + data * 3, [1]) for one in reader.feed(piece)]
    assert [len(body) for _, _, body in found] == [0, 5000, 5000, 5000]
    assert len(looks) == 1 + 2 * 3  # when a header is there, and when its frame is


def test_the_memory_for_a_large_frame_is_no_more_than_it_needs():
    reader = FrameReader()
    data = frame(bytes(MAX_FRAME), 1)
    reader.feed(data[:-1])
    assert reader.capacity == len(data)
    assert len(reader.feed(data[-1:] + HEARTBEAT_FRAME)) == 2


@pytest.mark.parametrize("size", [10_000, LARGE_BUFFER, 3_000_000])
def test_memory_grows_with_what_arrives_to_no_more_than_twice_of_it(size):
    reader = FrameReader()
    body = bytes(size)
    data = frame(body, 1)
    for start in range(0, len(data), 50_000):
        arrived = min(start + 50_000, len(data))
        found = reader.feed(data[start:arrived])
        assert reader.capacity <= max(2 * arrived, SMALL_BUFFER)
    assert found == [(1, 0, body)]


def test_a_stream_of_small_frames_needs_no_more_than_the_large_buffer():
    reader = FrameReader()
    data = frame(bytes(1000), 1) * 1000
    assert len(read(reader, data, [LARGE_BUFFER // 3 + 7])) == 1000
    assert reader.capacity <= LARGE_BUFFER


def test_memory_is_given_back_when_nothing_waits():
    reader = FrameReader()
    reader.feed(frame(bytes(100_000), 1))
    assert reader.capacity > SMALL_BUFFER
    reader.shrink()
    assert reader.capacity == SMALL_BUFFER
    assert reader.feed(frame(b"again", 2)) == [(2, 0, b"again")]


def test_memory_is_kept_while_half_a_frame_waits():
    reader = FrameReader()
    data = frame(bytes(100_000), 1)
    reader.feed(data[:90_000])
    reader.shrink()
    assert reader.feed(data[90_000:]) == [(1, 0, bytes(100_000))]
