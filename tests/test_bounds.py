"""Bounds: how many parts a message may have, and how deep it may go, on both sides."""

import tracemalloc

import pytest

from p2pkit import Message, bounds
from p2pkit.bounds import MAX_DEPTH, MAX_PARTS
from p2pkit.errors import MessageError, NotUnderstood
from p2pkit.message import MAX_BODY, Decoder, codec, decode, encode


class Chain(Message):
    before: "Chain | None" = None


class Leaf(Message):
    value: int


class Left(Message):
    right: "tuple[Right, ...]" = ()


class Right(Message):
    left: "frozenset[Left]" = frozenset()


class Pile(Message):
    sets: tuple[frozenset[int], ...] = ()
    leaves: tuple[Leaf, ...] = ()
    text: str = ""


FIND = {kind.__name__: kind for kind in (Chain, Leaf, Left, Right, Pile)}.get


def chain(length):
    made = None
    for _ in range(length):
        made = Chain(made)
    return made


def chain_body(length):
    return b'["Chain",' + b'{"before":' * length + b"null" + b"}" * length + b"]"


def test_a_message_within_bounds_can_be_used_like_any_other():
    deepest = decode(chain_body(MAX_DEPTH), FIND)
    assert deepest == chain(MAX_DEPTH)
    assert hash(deepest) == hash(chain(MAX_DEPTH))
    assert repr(deepest).count("Chain") == MAX_DEPTH
    assert encode(deepest) == chain_body(MAX_DEPTH)


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 500, 940, 2000, 100_000])
def test_a_message_too_deep_is_refused_on_both_sides(depth):
    with pytest.raises(NotUnderstood, match=r"more than 100 messages within one another|ecursion"):
        decode(chain_body(depth), FIND)
    if depth <= 2000:
        with pytest.raises(MessageError, match=r"this Chain holds more than 100 messages"):
            encode(chain(depth))


def test_depth_is_counted_through_tuples_sets_and_other_classes():
    message = Left()
    for _ in range(MAX_DEPTH // 2):
        message = Left((Right(frozenset({message})),))
    with pytest.raises(MessageError, match="this Left holds more than 100 messages within one"):
        encode(message)
    [inner] = message.right[0].left
    body = encode(Right(frozenset({inner})))
    assert decode(body, FIND) == Right(frozenset({inner}))
    with pytest.raises(NotUnderstood, match="within one another"):
        decode(b'["Left",{"right":[{"left":[{"right":[%s]}]}]}]' % body[9:-1], FIND)


def test_braces_in_a_text_are_no_depth():
    class Note(Message):
        text: str
        before: "Note | None" = None

    note = Note("{" * 1000)
    assert decode(encode(note), {"Note": Note}.get) == note


def test_classes_that_cannot_hold_themselves_are_not_looked_at(monkeypatch):
    monkeypatch.setattr(bounds, "MAX_DEPTH", 0)
    pile = Pile((), (Leaf(1),))
    assert decode(encode(pile), FIND) == pile
    assert codec(Leaf).decode.__module__ != bounds.__name__  # it is msgspec's own


@pytest.mark.parametrize("part", [b"[]", b"[1]"])
def test_a_message_of_too_many_parts_is_refused_before_it_takes_memory(part):
    count = MAX_BODY // (len(part) + 1) - 20
    body = b'["Pile",{"sets":[' + part + (b"," + part) * (count - 1) + b"]}]"
    decoder = Decoder(FIND)
    tracemalloc.start()
    try:
        with pytest.raises(NotUnderstood, match="more than 250,000 tuples, sets and messages"):
            decoder.decode(body)
        assert tracemalloc.get_traced_memory()[1] < 3 * len(body)
    finally:
        tracemalloc.stop()


def test_a_message_of_as_many_parts_as_may_be_takes_no_more_memory_than_is_said():
    count = MAX_PARTS - 100
    body = b'["Pile",{"sets":[[1]' + b",[1]" * (count - 1) + b'],"leaves":[],"text":""}]'
    tracemalloc.start()
    try:
        assert len(decode(body, FIND).sets) == count
        assert tracemalloc.get_traced_memory()[1] < 250 * MAX_PARTS + 4 * len(body) < 3 * MAX_BODY
    finally:
        tracemalloc.stop()


def test_a_sender_is_told_that_there_are_too_many_parts(monkeypatch):
    monkeypatch.setattr(bounds, "MAX_PARTS", 1000)
    with pytest.raises(MessageError, match="this Pile holds more than 1,000 tuples, sets and"):
        encode(Pile(leaves=(Leaf(1),) * 1001))
    assert encode(Pile(leaves=(Leaf(1),) * 990))


def test_brackets_in_a_text_are_no_parts(monkeypatch):
    monkeypatch.setattr(bounds, "MAX_PARTS", 1000)
    pile = Pile(text='[[{{\\"' * 1000)
    assert decode(encode(pile), FIND) == pile
