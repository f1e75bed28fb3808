"""Arguments: from what a person types to protocols, links and messages.

    gossip:Gossip              a class in a module that Python finds from here
    lesson/gossip.py:Gossip    a class in a file
    latency=0.01..0.1,loss=5e-2    a link
    fanout=4                   a parameter of a protocol

What is typed is read as a Python literal if it is one, and else as text:

    >>> literal("4"), literal("(1, 2)"), literal("four")
    (4, (1, 2), 'four')
    >>> link("latency=0.01..0.1,loss=0.05")
    Link(latency=(0.01, 0.1), bandwidth=None, loss=0.05, duplicate=0.0, ordered=True)

Everything else is a P2PKitError that says what to write instead.
"""

import ast
import importlib.util
import sys
import typing
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec

from p2pkit.errors import P2PKitError
from p2pkit.link import Link
from p2pkit.message import Message
from p2pkit.protocol import Protocol


def literal(text: str) -> Any:
    """Return the Python value that a text spells, or the text itself."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text


# Protocols


def protocol(text: str) -> type[Protocol]:
    """Find the class that MODULE:CLASS means; an exception in its module is the module's own."""
    place, _, name = text.rpartition(":")
    if not place or not name:
        raise P2PKitError(f"{text!r}: write MODULE:CLASS, as in gossip:Gossip or gossip.py:Gossip")
    module = _from_file(Path(place)) if place.endswith(".py") else _by_name(place)
    found = getattr(module, name, None)
    if isinstance(found, type) and issubclass(found, Protocol) and found is not Protocol:
        return found
    known = [key for key, value in vars(module).items() if _is_own_protocol(value, module)]
    why = f"there is no {name}" if found is None else f"{name} is no Protocol"
    hint = f"the protocols there are: {', '.join(known)}" if known else "nor is there any Protocol"
    raise P2PKitError(f"{why} in {place}; {hint}")


def roles(
    texts: Iterable[str], base: type[Protocol], settings: Iterable[str]
) -> dict[str, type[Protocol]]:
    """Find the protocols of certain nodes, each given as NODE=MODULE:CLASS.

    Those that are derived from `base`, which the other nodes run, get its parameters as well.
    """
    found = {node: protocol(place) for node, place in _pairs(texts, "n7=gossip:Selfish").items()}
    return {
        node: variant(role, settings) if issubclass(role, base) else role
        for node, role in found.items()
    }


def variant(base: type[Protocol], settings: Iterable[str]) -> type[Protocol]:
    """Return the protocol with other parameters, each given as NAME=VALUE."""
    values = {name: literal(value) for name, value in _pairs(settings, "fanout=4").items()}
    changed = base.using(**values) if values else base
    for name, value in values.items():
        usual = getattr(base, name)
        if isinstance(usual, int | float) and not isinstance(value, int | float):
            raise P2PKitError(
                f"{base.__name__}.{name} is a number, as in {name}={usual}, not {value!r}"
            )
    return changed


def _by_name(name: str) -> ModuleType:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    if all(part.isidentifier() for part in name.split(".")):
        try:
            return import_module(name)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{name}.".startswith(f"{error.name}."):
                raise  # it is there, and what it imports is not
    raise P2PKitError(f"there is no module {name} in {here}, nor installed{_near(name)}")


def _near(name: str) -> str:
    """Return a hint at what may have been meant."""
    if Path(f"{name}.py").exists():
        return f": write {name}.py:…"
    import p2pkit.protocols

    files = [file.stem for place in p2pkit.protocols.__path__ for file in Path(place).glob("*.py")]
    near = get_close_matches(name, files, n=1)
    return f": did you mean p2pkit.protocols.{near[0]}?" if near else ""


def _from_file(path: Path) -> ModuleType:
    """Import a file under its own name, from the folder where its other imports are."""
    path = path.resolve()
    if not path.is_file():
        raise P2PKitError(f"there is no file {path}")
    loaded = sys.modules.get(path.stem)
    if loaded is not None:
        if getattr(loaded, "__file__", None) != str(path):
            raise P2PKitError(f"{path.name} has the name of another module: call it something else")
        return loaded
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    sys.modules[path.stem] = module  # where messages and pickles look for their classes
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[path.stem]
        raise
    return module


def _is_own_protocol(value: object, module: ModuleType) -> bool:
    return (
        isinstance(value, type)
        and issubclass(value, Protocol)
        and value.__module__ == module.__name__
    )


# Links


def link(text: str) -> Link:
    """Read a link: its fields as NAME=VALUE, with commas between, and ranges as LOW..HIGH."""
    known = {field.name: field.default for field in fields(Link)}
    values: dict[str, Any] = {}
    for name, value in _pairs(filter(None, text.split(",")), "latency=0.01..0.1,loss=0.05").items():
        if name not in known:
            raise P2PKitError(f"a link has no {name}: it has {', '.join(known)}")
        low, dots, high = value.partition("..")
        values[name] = (literal(low), literal(high)) if dots else literal(value)
        _check_kind(name, values[name], wants_bool=isinstance(known[name], bool))
    try:
        return Link(**values)
    except ValueError as error:
        raise P2PKitError(str(error)) from None


def _check_kind(name: str, value: Any, *, wants_bool: bool) -> None:
    parts = value if isinstance(value, tuple) and name == "latency" else (value,)
    for part in parts:
        if wants_bool and not isinstance(part, bool):
            raise P2PKitError(f"{name} of a link is True or False, not {part!r}")
        if not wants_bool and (isinstance(part, bool) or not isinstance(part, int | float)):
            raise P2PKitError(
                f"{name} of a link is a number, or for latency LOW..HIGH, not {part!r}"
            )


# Messages


def message(spoken: type[Protocol], words: list[str]) -> Message:
    """Make a message that a protocol handles out of words: its kind, and its fields in order, or
    as name=value."""
    kinds = {kind: handler.message for kind, handler in spoken.handlers.items()}
    if not words or words[0] not in kinds:
        said = f"no message {words[0]}" if words else "no message without a name"
        raise P2PKitError(
            f"{spoken.__name__} handles {said}: it handles {', '.join(kinds) or 'none'}"
        )
    kind = kinds[words[0]]
    every = fields(kind)  # type: ignore[arg-type]
    names = [field.name for field in every]
    given = _by_field(kind.__name__, names, words[1:])
    for field in every:
        if field.name not in given and field.default is field.default_factory is MISSING:
            raise P2PKitError(
                f"{kind.__name__} has the fields {', '.join(names)}: say {field.name}"
            )
    hints = typing.get_type_hints(kind, localns={kind.__name__: kind}, include_extras=True)
    return kind(**{name: _converted(text, hints[name]) for name, text in given.items()})


def _by_field(kind: str, names: list[str], words: list[str]) -> dict[str, str]:
    """Tell which word is for which field."""
    given: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not (equals and name in names):
            left = [name for name in names if name not in given]
            if not left:
                raise P2PKitError(
                    f"{kind} has the fields {', '.join(names) or 'none'}, and {word!r} is one too many: "
                    'put quotes around words that belong together, "like this"'
                )
            name, value = left[0], word
        if name in given:
            raise P2PKitError(f"{name} is given twice")
        given[name] = value
    return given


def _converted(text: str, hint: Any) -> Any:
    """Return the value of a field's type that a text spells."""
    if hint is str:
        return text
    if hint is bytes:
        return text.encode()
    for value, strict in ((literal(text), True), (text, False)):
        try:
            return msgspec.convert(value, hint, strict=strict, builtin_types=(bytes,))
        except (msgspec.ValidationError, TypeError):
            continue
    return literal(text)  # the message itself will say what is wrong with it


# Helpers


def _pairs(texts: Iterable[str], example: str) -> Mapping[str, str]:
    """Split texts of the form NAME=VALUE."""
    pairs: dict[str, str] = {}
    for text in texts:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not (name and equals and value):
            raise P2PKitError(f"{text!r}: write NAME=VALUE, as in {example}")
        if name in pairs:
            raise P2PKitError(f"{name} is given twice")
        pairs[name] = value
    return pairs
