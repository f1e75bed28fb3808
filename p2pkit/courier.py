"""The courier: objects on their way to a worker process, and back.

What a program or a notebook defines itself exists only there, and no worker could import it. So
such a class travels by value (cloudpickle can do that), but only once. From then on both sides call
it by a name, so that a Rumor that comes back is of the very class that the notebook knows.
"""

import io
import pickle
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from itertools import count
from types import CodeType, FunctionType, MethodType
from typing import Any

import msgspec

from p2pkit.errors import MessageError, NetworkError
from p2pkit.message import Message, codec

try:
    import cloudpickle
except ImportError:
    raise NetworkError(
        'nodes in processes need one more package: pip install "p2pkit[processes]"'
    ) from None


class Courier:
    """One end of the way between a network and one worker.

    side: a word that the other end does not use.
    """

    def __init__(self, side: str) -> None:
        self._side = side
        self._names: dict[type, str] = {}
        self._classes: dict[str, type] = {}
        self._numbers = count()

    def pack(self, value: object) -> bytes:
        """Turn an object into bytes. Raises NetworkError for what cannot travel."""
        data, new = self._packed(value)
        self._learn(new)
        return data

    def unpack(self, data: bytes) -> Any:
        """Turn bytes that the other end has packed back into the object."""
        value, new = _Unpacker(io.BytesIO(data), self._classes).load()
        for cls in new.values():
            _forget_fields(cls)
        self._learn(new)
        return value

    def pack_error(self, error: BaseException) -> bytes:
        """Pack an exception and the place that it came from, for `raised`; if it cannot travel, pack
        another that says the same."""
        places = traceback.extract_tb(error.__traceback__)
        lines = [(place.filename, place.lineno or 0, place.name) for place in places]
        cause = error.__cause__
        if not isinstance(cause, FromWorker):
            cause = FromWorker(lines, _before(error))
        try:
            data, _ = self._packed((error, cause))
            _Unpacker(io.BytesIO(data), self._classes).load()
        except Exception:  # a student's own class of exceptions may do anything
            text = "".join(traceback.format_exception_only(error)).strip()
            error = NetworkError(f"a node failed: {text}")
        return self.pack((error, cause))

    def _packed(self, value: object) -> tuple[bytes, dict[str, type]]:
        file = io.BytesIO()
        packer = _Packer(file, self._names, self._name)
        try:
            # The dict is empty now, and will have been filled when its turn comes.
            packer.dump((value, packer.new))
        except _REFUSED as error:
            raise NetworkError(
                f"{_culprit(value, self._travels)} cannot be sent to another process: {error}. "
                "What nodes in processes are given, and what their code refers to, must be plain "
                "data, functions and classes"
            ) from None
        return file.getvalue(), packer.new

    def _travels(self, value: object) -> bool:
        try:
            _Packer(io.BytesIO(), self._names, self._name).dump(value)
        except _REFUSED:
            return False
        return True

    def _name(self) -> str:
        return f"{self._side} {next(self._numbers)}"

    def _learn(self, new: dict[str, type]) -> None:
        """Call classes by their names from now on; the other end does so, too."""
        self._classes |= new
        self._names |= {cls: name for name, cls in new.items()}


def raised(error: BaseException, cause: BaseException | None) -> BaseException:
    """Return an exception as `pack_error` has packed it, ready to be raised again."""
    error.__cause__ = cause
    return error


class FromWorker(Exception):
    """The place in a worker process that an exception came from.

    lines: file, number and function of each call on the way. before: what had gone wrong before,
    as Python shows it.
    """

    def __init__(self, lines: list[tuple[str, int, str]], before: str = "") -> None:
        super().__init__(lines, before)
        self.before = before
        self.places = traceback.StackSummary.from_list(
            [traceback.FrameSummary(*line, lookup_line=False) for line in lines]
        )

    def __str__(self) -> str:
        text = "in the process of the node:\n" + "".join(self.places.format())
        return f"{text}after this had gone wrong there:\n{self.before}" if self.before else text


class _Packer(cloudpickle.Pickler):  # type: ignore[misc]
    """Packs classes that both ends know as their names.

    name: makes a name for a class that is new.
    """

    def __init__(self, file: io.BytesIO, names: dict[type, str], name: Callable[[], str]) -> None:
        super().__init__(file)
        self.new: dict[str, type] = {}  # classes that travel by value in here
        self._names = names
        self._name = name

    def persistent_id(self, value: object) -> str | None:
        return self._names.get(value) if isinstance(value, type) else None

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, msgspec.Meta):
            return _bounds, (value.ge, value.le)
        if not isinstance(value, type):
            return super().reducer_override(value)
        if issubclass(value, Message):
            with suppress(MessageError):  # it has a field of a class that is not defined yet
                codec(value)  # settles its fields' types, which are names as yet
        reduced = super().reducer_override(value)
        if isinstance(reduced, tuple) and len(reduced) > 2:  # it has a state: it travels by value
            self.new[self._name()] = value
            attributes, _ = reduced[2]
            attributes.pop(_FIELDS, None)  # cannot be pickled
        return reduced


class _Unpacker(pickle.Unpickler):
    """Unpacks what a `_Packer` has packed. Both ends are ours: the pipe between them is
    inherited, and no stranger can reach it."""

    def __init__(self, file: io.BytesIO, classes: dict[str, type]) -> None:
        super().__init__(file)
        self._classes = classes

    def persistent_load(self, name: str) -> type:
        try:
            return self._classes[name]
        except KeyError:
            raise NetworkError(
                "this refers to a class that was part of what could not be unpacked before"
            ) from None


_REFUSED = (pickle.PicklingError, TypeError, AttributeError, RecursionError)

_FIELDS = "__msgspec_cache__"
"""The fields of a class as msgspec has seen them."""


def _forget_fields(cls: type) -> None:
    """Let msgspec look anew at a class that has arrived: at first it was empty."""
    if _FIELDS in vars(cls):
        delattr(cls, _FIELDS)


def _bounds(low: int, high: int) -> msgspec.Meta:
    return msgspec.Meta(ge=low, le=high)


def _before(error: BaseException) -> str:
    """Show the exception that led to another, if there is one."""
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "".join(traceback.format_exception(cause)) if cause is not None else ""


# Who is to blame


def _culprit(value: object, travels: Callable[[object], bool]) -> str:
    """Say which part of a value cannot travel: the innermost one that has a name."""
    name, seen = "", {id(value)}
    todo = list(_parts(value))
    while todo:
        words, part = todo.pop(0)
        if id(part) not in seen and not travels(part):
            seen.add(id(part))
            name, value, todo = words or name, part, list(_parts(part))
    what = f"a {type(value).__name__}"
    return f"{what} ({name})" if name else what


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield what a value consists of, and what each part could be called."""
    if isinstance(value, FunctionType):
        inner = [value.__code__, *(c for c in value.__code__.co_consts if isinstance(c, CodeType))]
        used = {name: value.__globals__.get(name) for code in inner for name in code.co_names}
        for name, cell in zip(value.__code__.co_freevars, value.__closure__ or (), strict=True):
            with suppress(ValueError):  # it is empty as yet
                used[name] = cell.cell_contents
        for name, part in used.items():
            yield f"{name}, which {_called(value)} uses", part
        yield from (("", part) for part in (value.__defaults__ or ()))
    elif isinstance(value, type):
        yield from (("", base) for base in value.__bases__)
        for name, part in vars(value).items():
            yield f"{_called(value)}.{name}", getattr(part, "__func__", part)
    elif isinstance(value, Mapping):
        yield from (("", part) for part in value.values())
    elif isinstance(value, tuple | list | set | frozenset):
        yield from (("", part) for part in value)
    elif isinstance(value, partial):
        yield from (("", part) for part in (value.func, value.args, value.keywords))
    elif isinstance(value, MethodType):
        yield from (("", part) for part in (value.__func__, value.__self__))
    elif hasattr(value, "__dict__"):
        yield from (("", part) for part in vars(value).values())


def _called(thing: Any) -> str:
    return str(thing.__qualname__).rpartition("<locals>.")[2]
