"""Bounds: how much may be in one message, whose bytes a stranger has chosen.

The bytes are bounded already. But five of them may cost 250 bytes of memory, or one more level of
the reader's stack, so both are counted before anybody pays:

    >>> check_parts(b'["Tags",{"tags":["' + 1_000_000 * b"[" + b'"]}]')
    >>> check_parts(b'["Tags",{"tags":[' + 1_000_000 * b"[]," + b"[]]}]")
    Traceback (most recent call last):
    p2pkit.errors.NotUnderstood: more than 250,000 tuples, sets and messages in one message

Small bodies, and classes that cannot hold themselves, are within bounds and not looked at.
"""

import re
import typing
from collections.abc import Callable, Iterator
from typing import Any

from p2pkit.errors import NotUnderstood

MAX_PARTS = 250_000
"""Tuples, sets and messages in one message, at most: each takes up to 250 bytes of memory, however
few it has on the wire, so together twice MAX_BODY. A chain of 1,000 blocks with 200 payments each
is within it."""

MAX_DEPTH = 100
"""Messages within one another, at most: `==`, `hash`, `repr` and a student's own recursion take two
or three of Python's 1,000 levels for each. Protocol Buffers have the same limit."""

TOO_DEEP = f"more than {MAX_DEPTH} messages within one another"

Decode = Callable[[bytes], tuple[str, Any]]

_TEXTS = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)


def check_parts(body: bytes) -> None:
    """Raise NotUnderstood for a body of more than MAX_PARTS parts."""
    if _parts(body) > MAX_PARTS and _parts(_TEXTS.sub(b"", body)) > MAX_PARTS:
        raise NotUnderstood(f"more than {MAX_PARTS:,} tuples, sets and messages in one message")


def _parts(body: bytes) -> int:
    return body.count(b"[") + body.count(b"{")


def check_depth(value: Any, most: int = MAX_DEPTH) -> None:
    """Raise NotUnderstood for a message with more than so many levels of messages."""
    if isinstance(value, tuple | frozenset):
        for part in value:
            check_depth(part, most)
    elif hasattr(value, "__dataclass_fields__"):
        if most == 0:
            raise NotUnderstood(TOO_DEEP)
        for part in vars(value).values():
            check_depth(part, most - 1)


def bounded(decode: Decode, cls: type) -> Decode:
    """Return a function that decodes what is within bounds, and raises NotUnderstood otherwise."""
    may_be_deep = _can_hold_itself(cls)

    def checked(body: bytes) -> tuple[str, Any]:
        if len(body) > MAX_PARTS:
            check_parts(body)
        pair = decode(body)
        if may_be_deep and body.count(b"{") > MAX_DEPTH:
            check_depth(pair[1])
        return pair

    return checked


def _can_hold_itself(cls: type, holders: tuple[type, ...] = ()) -> bool:
    """Tell whether a message class, or one inside it, can be inside itself."""
    if cls in holders:
        return True
    hints = typing.get_type_hints(cls, localns={cls.__name__: cls}).values()
    return any(_can_hold_itself(kind, (*holders, cls)) for hint in hints for kind in _classes(hint))


def _classes(hint: Any) -> Iterator[type]:
    """Yield the message classes that a field's type names."""
    if hasattr(hint, "__dataclass_fields__"):
        yield hint
    for part in typing.get_args(hint):
        yield from _classes(part)
