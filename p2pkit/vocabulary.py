"""The vocabulary of a protocol: which messages it handles, and how a name becomes a class.

`@on(Rumor)` marks a method; when the class is made, the marks of it and its bases become a table. Only
what is in that table is understood when a stranger says it. The answer to a question needs no handler,
so its class is found as Python would find its name: where the protocol's code stands.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from types import ModuleType
from typing import Any, NamedTuple, TypeVar

from p2pkit.errors import ProtocolError
from p2pkit.message import Message

Function = TypeVar("Function", bound=Callable[..., Any])


def on(kind: type[Message]) -> Callable[[Function], Function]:
    """Mark a method as the handler of a kind of messages: it is called as method(message, sender).

    The sender is a peer's id, or None when the message was told from outside with `net.tell`. A
    message that the handler returns goes back to a sender that used `ask`.
    """
    if not (isinstance(kind, type) and issubclass(kind, Message)) or kind is Message:
        what = getattr(kind, "__name__", kind)
        raise ProtocolError(
            f"@on({what}): write the class of the messages it handles, as in @on(Rumor)"
        )

    def mark(function: Function) -> Function:
        marks: tuple[type[Message], ...] = getattr(function, "handles", ())
        function.handles = (*marks, kind)  # type: ignore[attr-defined]
        return function

    return mark


class Handler(NamedTuple):
    """One entry of a protocol's vocabulary."""

    message: type[Message]
    method: str


def vocabulary(cls: type) -> dict[str, Handler]:
    """Collect the handlers of a class and its bases, the nearer class going first.

    A subclass overrides a handler by its method's name, with or without another @on, or by its
    message's.
    """
    table: dict[str, Handler] = {}
    for base in reversed(cls.__mro__):
        own: dict[str, Handler] = {}
        for method, function in vars(base).items():
            if kinds := getattr(function, "handles", ()):
                table = {kind: old for kind, old in table.items() if old.method != method}
            for kind in kinds:
                if (twin := own.get(kind.__name__)) is not None:
                    raise ProtocolError(
                        f"{base.__name__} has two handlers for {kind.__name__}, {twin.method} and {method}: "
                        "a message is handled once, so make them one"
                    )
                own[kind.__name__] = Handler(kind, method)
        table |= own
    for handler in table.values():
        _check_handler(cls, handler)
    for hook in (name for name in dir(cls) if name.startswith("on_")):
        _check_never_waits(cls, hook)
        _check_spelling(cls, hook, table)
    return table


def find(kind: str, bases: Iterable[type]) -> type[Message] | None:
    """Find a class of messages by name, as Python would where the code of some classes stands."""
    for base in bases:
        for names in _scopes(base):
            found = names.get(kind)
            if isinstance(found, type) and issubclass(found, Message):
                return found
    return None


def _check_spelling(cls: type, method: str, table: Mapping[str, Handler]) -> None:
    """Raise ProtocolError for a method that nobody would call, as its name is nearly that of a hook."""
    root = next(base for base in reversed(cls.__mro__) if hasattr(base, "on_start"))
    hooks = [name for name in vars(root) if name.startswith("on_")]
    near = get_close_matches(method, hooks, n=1, cutoff=0.8)
    if (
        method not in hooks
        and near
        and method not in {handler.method for handler in table.values()}
    ):
        raise ProtocolError(
            f"{cls.__name__}.{method} is called by nobody: did you mean {near[0]}? Or give it another name"
        )


def _check_never_waits(cls: type, method: str) -> None:
    function = getattr(cls, method)
    kinds = (inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction)
    if any(is_one(function) for is_one in kinds):
        raise ProtocolError(
            f"{cls.__name__}.{method} waits (async or yield), and a handler never does: "
            "use after, or ask"
        )


def _check_handler(cls: type, handler: Handler) -> None:
    _check_never_waits(cls, handler.method)
    function = getattr(cls, handler.method)
    name = f"{cls.__name__}.{handler.method}"
    try:
        inspect.signature(function).bind(None, None, None)
    except TypeError:
        raise ProtocolError(
            f"{name} must take (self, message, sender), as handlers are called so"
        ) from None


def _scopes(base: type) -> Iterable[Mapping[str, Any]]:
    """Yield the names that code in a class can see: the class's own, its functions', its module's,
    and those of modules which that one imported."""
    yield vars(base)
    for function in vars(base).values():
        function = inspect.unwrap(function) if callable(function) else None
        if not inspect.isfunction(function):
            continue
        cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=False)
        yield {name: cell.cell_contents for name, cell in cells if _is_filled(cell)}
        yield function.__globals__
        for name in function.__code__.co_names:
            if isinstance(module := function.__globals__.get(name), ModuleType):
                yield vars(module)


def _is_filled(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True
