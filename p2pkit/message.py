"""Messages: immutable records with named, typed fields, and their way to bytes and back.

A message is made by subclassing `Message`. That makes it a frozen dataclass, so it can be put into
a set, compared, and shared between nodes without anyone changing it behind another's back:

    >>> class Rumor(Message):
    ...     text: str
    ...     hops: int = 0
    >>> Rumor("hello") == Rumor("hello"), Rumor("hello") in {Rumor("hello")}
    (True, True)

On the wire it is JSON, a pair of its kind and its fields:

    >>> encode(Rumor("hello"))
    b'["Rumor",{"text":"hello","hops":0}]'
    >>> decode(b'["Rumor", {"text": "hello"}]', {"Rumor": Rumor}.get)
    Rumor(text='hello', hops=0)

The types are checked on the way in *and* on the way out: a message that would arrive as something
else than what was sent is refused where it is sent, on the line with the mistake. msgspec does the
work, in C.
"""

import inspect
import json
import math
import types
import typing
from collections.abc import Callable
from dataclasses import MISSING, FrozenInstanceError, dataclass, fields
from functools import lru_cache
from typing import Annotated, Any, Literal, NamedTuple, NoReturn, Self, dataclass_transform

import msgspec

from p2pkit.bounds import TOO_DEEP, Decode, bounded
from p2pkit.errors import MessageError, NotUnderstood, shortened

MAX_BODY = 32 * 1024 * 1024
"""Bytes in one encoded message, at most. Bitcoin's own limit is 32 MiB; larger things are cut into
pieces."""

MAX_LOOSE = 1024 * 1024
"""Bytes of a message that is not spelled exactly as `encode` would: those are parsed a second
time, by slower code that needs up to 30 times the memory."""

_MOST = 120  # characters of a value in a sentence about it

Find = Callable[[str], "type[Message] | None"]
"""How a receiver finds the class of a kind of message: from its name to the class, or None."""

# Integers are held to 64 bits: most other languages' JSON cannot read longer ones.
_Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
_SCALARS = {str: str, bytes: bytes, float: float, bool: bool, type(None): type(None), int: _Int64}
_INSTEAD = {
    list: "tuple[str, ...]",
    set: "frozenset[str]",
    dict: "tuple[tuple[str, int], ...]",
    tuple: "tuple[str, ...], which says what is in it",
    frozenset: "frozenset[str], which says what is in it",
    bytearray: "bytes",
    Any: "the type that it really has",
    object: "the type that it really has",
}


@dataclass_transform(frozen_default=True)
class Message:
    """An immutable record with named, typed fields. Subclass it and list the fields.

    Fields may be str, bytes, int (64 bits), float, bool, None, tuples and frozensets of these,
    other messages, and unions such as `str | None`. A message class with any other field is a
    MessageError.
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        _check_typed(cls)
        try:
            dataclass(frozen=True)(cls)
        except ValueError:
            raise _wrong_default(cls) from None
        cls.__setattr__ = _refuse  # type: ignore[assignment, method-assign]
        try:
            _settle(cls)
        except NameError:
            pass  # a field's class is defined further down the file: `codec` looks again

    def __lt__(self, other: "Message") -> bool:
        """Order messages by their bytes, so that a set of them can be sent, and looped over,
        sorted."""
        if not isinstance(other, Message):
            return NotImplemented
        mine, others = ((type(one).__name__, one) for one in (self, other))
        return _ENCODER.encode(mine) < _ENCODER.encode(others)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self  # nothing in it can change, so a copy would be a waste


def _refuse(message: Message, name: str, value: object) -> NoReturn:
    raise FrozenInstanceError(
        f"a message never changes, as others may hold it, too: make another one, with "
        f"dataclasses.replace({type(message).__name__.lower()}, {name}=…)"
    )


def _check_typed(cls: type) -> None:
    """Raise MessageError for a field without a type, which would be no field."""
    try:
        typed = cls.__annotations__
    except NameError:  # a class that is defined further down, from Python 3.14 on
        return
    for name, value in vars(cls).items():
        plain = isinstance(value, str | bytes | int | float | tuple | frozenset | list | dict | set)
        if plain and not name.startswith("_") and name not in typed:
            raise MessageError(
                f"{cls.__name__}.{name} has no type, and would not travel: "
                f"write {name}: {type(value).__name__} = {value!r:.40}"
            )


class Contact(Message):
    """How a node speaks of another one: its id, and the address where it listens (host:port)."""

    id: str
    address: str


def encode(message: Message) -> bytes:
    """Turn a message into the bytes of a frame's body, after checking that it would arrive the same.

    Raises MessageError when a field does not hold what its type says, the body is above MAX_BODY,
    or there is more in it than a receiver takes (see bounds.py).
    """
    coder = codec(type(message))
    try:
        body = _ENCODER.encode((coder.kind, message))
        same = coder.is_plain(message) or (
            coder.decode(body)[1] == message
            and hash(message) is not None  # raises for sets and bytearrays: they can still change
        )
    except NotUnderstood as error:  # it is too much, though all types are right
        raise MessageError(f"this {coder.kind} holds {error}") from None
    except RecursionError:
        raise MessageError(f"this {coder.kind} holds {TOO_DEEP}, or something itself") from None
    except _MISFITS as error:
        raise _wrong_field(message, str(error)) from None
    if not same:
        raise _wrong_field(message, "it would arrive as something else")
    if len(body) > MAX_BODY:
        raise MessageError(
            f"this {coder.kind} is {len(body):,} bytes on the wire, and {MAX_BODY:,} are allowed: "
            "send it in pieces, or as bytes, which take a third more than their length"
        )
    return body


def decode(body: bytes, find: Find) -> Message:
    """Turn the body of a frame back into a message, looking its kind up with `find`.

    Raises NotUnderstood for every other sequence of bytes, with a sentence that says why.
    """
    return Decoder(find).decode(body)


class Decoder:
    """Turns bodies into messages. It remembers the classes that `find` has found."""

    def __init__(self, find: Find) -> None:
        self._find = find
        self._codecs: dict[bytes, Codec] = {}
        self._last: Codec | None = None

    def decode(self, body: bytes) -> Message:
        """Turn the body of a frame back into a message. Raises NotUnderstood."""
        try:
            coder = self._last  # most messages are of the same kind as the one before
            if coder is None or not body.startswith(coder.start):
                coder = self._last = self._look_up(body)
            message = coder.decode(body)[1]
            # Two readers could read a name that is given twice differently. The quotes tell, where
            # they are as many as they must be; else the message has to be spelled as we would.
            if body.count(b'"') != coder.quotes and _ENCODER.encode((coder.kind, message)) != body:
                _check_spelling(body)
            return message
        except NotUnderstood:
            raise
        except Exception as error:  # a message's own __post_init__ may raise anything
            raise NotUnderstood(shortened(str(error), _MOST)) from None

    def _look_up(self, body: bytes) -> "Codec":
        kind = body[2 : body.find(b'"', 2)]  # as it stands in ["Rumor", …
        if (known := self._codecs.get(kind)) is not None:
            return known
        if (cls := self._find(kind.decode())) is not None:
            return self._codecs.setdefault(kind, codec(cls))
        # It may be one of ours, written with spaces or escapes in other places than we do.
        name = _LOOSE.decode(body)[0]
        if (cls := self._find(name)) is None:
            raise NotUnderstood(f"no handler for {shortened(name, _MOST)}")
        return codec(cls)


class Codec(NamedTuple):
    """What turns one class of messages into bytes and back."""

    kind: str
    start: bytes  # of a body
    decode: Callable[[bytes], tuple[str, Message]]
    is_plain: Callable[[Message], bool]
    quotes: int  # in a body with each field once and no others in its texts; -1 if that varies


def _codec(cls: type) -> Codec:
    """Make the codec of a class of messages. `codec` remembers those it has made."""
    if not issubclass(cls, Message) or cls is Message:
        what = "a class, not an object of it" if cls is type else f"of type {cls.__name__}"
        raise MessageError(
            f"this is {what}, and no message: make a class for it, as in "
            "class Rumor(Message): text: str, and send Rumor('hello')"
        )
    try:
        _settle(cls)
        pair = tuple[Literal[cls.__name__], cls]  # type: ignore[name-defined, valid-type]
        name = cls.__name__
        start = f'["{name}",'.encode()
        decode: Decode = msgspec.json.Decoder(pair).decode
        if not _is_simple(cls):
            decode = bounded(decode, cls)
        return Codec(name, start, decode, _glance(cls), _quotes(cls))
    except NameError as error:
        raise MessageError(
            f"{cls.__name__}: {error}: define that class before a message is sent"
        ) from None
    except TypeError as error:
        if isinstance(error, MessageError):
            raise
        raise MessageError(f"{cls.__name__} cannot travel: {error}") from None


def _glance(cls: type[Message]) -> Callable[[Message], bool]:
    """Write a function that sees at a glance that all fields of a message hold what they should.

    It knows the simple types only, and says False when in doubt: then the message is decoded again
    and compared, which takes five times as long.
    """
    hints = typing.get_type_hints(cls, localns={cls.__name__: cls})
    tests = [_AT_A_GLANCE.get(hint, "False").format(f"m.{name}") for name, hint in hints.items()]
    glance: Callable[[Message], bool] = eval(f"lambda m: {' and '.join(tests) or True}")
    return glance


def _quotes(cls: type[Message]) -> int:
    """Count the quotation marks in a message's body, if it has simple fields that must all be there."""
    hints = typing.get_type_hints(cls, localns={cls.__name__: cls})
    has_defaults = any(
        field.default is not MISSING or field.default_factory is not MISSING
        for field in fields(cls)  # type: ignore[arg-type]
    )
    if has_defaults or not _is_simple(cls):
        return -1
    texts = [hint for hint in hints.values() if hint in (str, bytes)]
    return 2 * (1 + len(hints) + len(texts))


def _is_simple(cls: type[Message]) -> bool:
    hints = typing.get_type_hints(cls, localns={cls.__name__: cls})
    return _AT_A_GLANCE.keys() >= set(hints.values())


_AT_A_GLANCE = {
    str: "type({0}) is str",
    bytes: "type({0}) is bytes",
    bool: "type({0}) is bool",
    int: f"type({{0}}) is int and {-(2**63)} <= {{0}} < {2**63}",
    float: "type({0}) is float and {0} - {0} == 0",  # neither infinite nor NaN
}

# Bounded, because a notebook makes a new class each time that its cell runs.
codec: Callable[[type[Message]], Codec] = lru_cache(maxsize=4096)(_codec)  # type: ignore[assignment]

# What msgspec and json raise for values and bytes that do not fit.
_MISFITS = (TypeError, ValueError, RecursionError, OverflowError, msgspec.MsgspecError)

# Sets are sorted, so that a message has the same bytes in every run.
_ENCODER = msgspec.json.Encoder(order="deterministic")


def _settle(cls: type[Message]) -> None:
    """Check the types of the fields, and leave them where msgspec reads them.

    The annotations are replaced by what they mean: names in quotes are looked up here, where the
    class is known even if it was made inside a function, and integers get their bounds.
    """
    hints = typing.get_type_hints(cls, localns={cls.__name__: cls})
    own = inspect.get_annotations(cls)
    cls.__annotations__ = {
        name: _travelling(hints[name], f"{cls.__name__}.{name}", cls)
        for name in own
        if name in hints
    }
    if not any(hint is cls for hint in hints.values()):
        _check_union_types(cls)


def _check_union_types(cls: type[Message]) -> None:
    """Let msgspec say which unions it cannot tell apart, while the student is looking at the
    class."""
    try:
        msgspec.json.Decoder(cls)
    except TypeError as error:
        raise MessageError(f"{cls.__name__} cannot travel: {error}") from None


def _travelling(hint: Any, where: str, owner: type[Message]) -> Any:
    """Return a field's type as msgspec shall check it, or raise MessageError."""
    if hint in _SCALARS:
        return _SCALARS[hint]
    if isinstance(hint, type) and (issubclass(hint, Message) or hint is msgspec.Raw):
        if hint is Message:
            raise MessageError(f"{where} could be any Message: name the class that it really has")
        return hint
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated or origin is Literal:
        return hint
    if origin in (tuple, frozenset):
        inside = tuple(
            part if part is ... else _travelling(part, where, owner) for part in arguments
        )
        if origin is frozenset and not all(map(_has_order, arguments)):
            raise MessageError(
                f"{where} is a set of what cannot be sorted, and sets are sent sorted: "
                "use a frozenset of one simple type, or a tuple"
            )
        if inside or hint == tuple[()]:
            return origin[inside]
    if origin in (typing.Union, types.UnionType):
        return typing.Union[tuple(_travelling(part, where, owner) for part in arguments)]  # noqa: UP007
    plain = origin or hint
    name = getattr(plain, "__name__", str(plain))
    instead = _INSTEAD.get(plain, "str, bytes, int, float, bool, a tuple[…], or another Message")
    if plain in (list, set) and arguments and arguments[0] in _SCALARS:
        instead = instead.replace("str", _name(arguments[0]))
    raise MessageError(
        f"{where} is a {name}, which a message cannot have, as messages never change: use {instead}"
    )


def _has_order(hint: Any) -> bool:
    """Tell whether any two values of a type can be compared with <."""
    if typing.get_origin(hint) is tuple:
        return all(part is ... or _has_order(part) for part in typing.get_args(hint))
    return hint in _SCALARS or (isinstance(hint, type) and issubclass(hint, Message))


def _wrong_default(cls: type[Message]) -> MessageError:
    """Name the field whose default can change: a dataclass's own advice does not help here."""
    own = {name: vars(cls).get(name) for name in inspect.get_annotations(cls)}
    [name, default] = next(item for item in own.items() if item[1].__hash__ is None)
    kind = type(default)
    return MessageError(
        f"{cls.__name__}.{name} has the default {_shown(default)}, a {kind.__name__}, which a message "
        f"cannot have, as messages never change: use {_INSTEAD.get(kind, 'a tuple')}"
    )


def _wrong_field(message: Message, why: str) -> MessageError:
    """Name the field that cannot travel: the first whose value does not come back as it was."""
    cls = type(message)
    checked = typing.get_type_hints(cls, localns={cls.__name__: cls}, include_extras=True)
    hints = typing.get_type_hints(cls, localns={cls.__name__: cls})
    for field in fields(message):  # type: ignore[arg-type]
        value = getattr(message, field.name)
        hint = hints[field.name]
        try:
            arrives = msgspec.json.decode(_ENCODER.encode(value), type=checked[field.name])
            hash(value)
            if arrives == value:
                continue
        except _MISFITS:
            pass
        return MessageError(
            f"{cls.__name__}.{field.name} is declared as {_name(hint)}, and was given "
            f"{_shown(value)}, a value of type {type(value).__name__}{_advice(value, hint)}"
        )
    return MessageError(f"{_shown(message)} cannot travel: {why}")


def _shown(value: object) -> str:
    try:
        return shortened(repr(value), _MOST)
    except (RecursionError, ValueError):  # nested too deeply; an int of thousands of digits
        return "something too large to show"


def _name(hint: Any) -> str:
    """Write a type as the student did: without the bounds that `_travelling` has put in."""
    return str(getattr(hint, "__name__", hint) if isinstance(hint, type) else hint)


def _advice(value: object, hint: Any) -> str:
    declared = typing.get_origin(hint)
    if (type(value), declared) in ((list, tuple), (set, frozenset)):
        return f": write {declared.__name__}(…) around it"
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return " with more than 64 bits, which others' JSON cannot read: send it as str or bytes"
    if isinstance(value, float) and not math.isfinite(value):
        return " that JSON cannot write: declare float | None, and send None"
    if isinstance(value, str) and any("\ud800" <= character <= "\udfff" for character in value):
        return " that is not Unicode text: declare bytes"
    return ""


_LOOSE = msgspec.json.Decoder(tuple[str, msgspec.Raw])


def _check_spelling(body: bytes) -> None:
    """Accept other spellings of the same message, but nothing that two readers could read
    differently."""
    if len(body) > MAX_LOOSE:
        raise NotUnderstood(f"a message above {MAX_LOOSE:,} bytes with spaces or unknown fields")
    json.loads(body, object_pairs_hook=_no_twins)


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(named := dict(pairs)) < len(pairs):
        raise NotUnderstood("a field is given twice")
    return named
