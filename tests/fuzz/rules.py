"""What must hold for any bytes at all. A rule that is broken raises AssertionError, or whatever else
left the kit.
"""

import json
from typing import Literal

from p2pkit.errors import MAX_SENTENCE, FrameError, NotUnderstood
from p2pkit.framing import SMALL_BUFFER, FrameReader
from p2pkit.message import Contact, Decoder, Message, encode


class Flat(Message):
    """One of each simple type."""

    text: str
    data: bytes
    number: int
    part: float
    flag: bool
    nothing: None


class Mixed(Message):
    """What is made of others, and what may be left out."""

    either: int | str | None
    kind: Literal["a", "b", 3]
    tags: frozenset[str]
    pairs: tuple[tuple[str, int], ...]
    parts: frozenset[float] = frozenset()
    known: frozenset[Contact] = frozenset()
    friend: Contact | None = None
    some: float | bool | tuple[bytes, ...] | None = 1.5


class Tree(Message):
    """A message in a message in a message."""

    value: int = 0
    branches: tuple["Tree", ...] = ()
    twin: "Tree | None" = None


VOCABULARY = {kind.__name__: kind for kind in (Flat, Mixed, Tree, Contact)}

EXAMPLES = (
    Flat('"quo\\ted" ü', b"\0\xff", -(2**63), 1.5e300, True, None),
    Mixed(1, "a", frozenset({"x", "y"}), (("one", 1), ("two", 2))),
    Mixed("x", 3, frozenset(), (), frozenset({1.0, 2.5}), frozenset({Contact("n0", "a:1")})),
    Mixed(None, "b", frozenset({""}), (), friend=Contact("n0", "h:1"), some=(b"x", b"")),
    Tree(1, (Tree(2), Tree(3, (Tree(4),))), Tree(5, (), Tree(6))),
    Contact("n1", "127.0.0.1:8001"),
)


def understood_or_not(body: bytes) -> Message | None:
    """Decode bytes. What comes out is a message as we would have sent it, or NotUnderstood."""
    message, why = None, ""
    try:
        message = Decoder(VOCABULARY.get).decode(body)
    except NotUnderstood as error:
        why = str(error)
    assert why.isprintable()
    assert len(why) <= MAX_SENTENCE
    if message is None:
        return None
    assert type(message) in VOCABULARY.values()
    again = encode(message)
    arrived = Decoder(VOCABULARY.get).decode(again)
    assert arrived == message
    assert hash(arrived) == hash(message)
    assert encode(arrived) == again
    assert repr(message)
    json.loads(body, object_pairs_hook=_no_twins)  # nobody else could read it differently
    return message


def _no_twins(pairs):
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def read_alike(data: bytes, lengths: list[int], limit: int) -> None:
    """Read a stream in one piece, in pieces of these lengths, and by another reader that is too
    simple to be wrong: they find the same frames, and the same fault."""
    wanted = _read_simply(data, limit)
    assert _read([data], limit) == wanted
    pieces, start = [], 0
    for length in lengths:
        pieces.append(data[start : start + length])
        start += length
    assert _read([*pieces, data[start:]], limit) == wanted


def _read(pieces, limit):
    reader = FrameReader(limit)
    frames = []
    fed = 0
    for piece in pieces:
        while piece:
            place = reader.buffer()
            part = piece[: len(place)]
            place[: len(part)] = part
            fed += len(part)
            try:
                frames += reader.received(len(part))  # also keeps those before a fault
            except FrameError:
                return frames, True
            assert reader.capacity <= max(SMALL_BUFFER, 4 * fed)
            piece = piece[len(part) :]
    return frames, False


def _read_simply(data, limit):
    frames = []
    while len(data) >= 12:
        length, serial, reply_to = (int.from_bytes(data[at : at + 4], "big") for at in (0, 4, 8))
        if length > limit:
            return frames, True
        if len(data) < 12 + length:
            break
        frames.append((serial, reply_to, data[12 : 12 + length]))
        data = data[12 + length :]
    return frames, False
