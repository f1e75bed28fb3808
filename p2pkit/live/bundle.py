"""The bundle: the player's JavaScript modules as one, and its style sheet.

The player is a dozen small modules, in `player/`, each with its number in the reading order. A
notebook and a file of its own want a single one:

    >>> module().endswith("export { mount };\\n")
    True
    >>> ".p2pkit-live" in style()
    True
"""

import re
from functools import cache
from importlib import resources

ENTRY = "player.js"
"""The module that imports all others, and exports `mount`."""

_IMPORT = re.compile(r'^import \{[^}]*\} from "\./(\w+\.js)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=const|let|class|function)", re.MULTILINE)


@cache
def module() -> str:
    """Return the text of one ES module with everything in it, which exports `mount`.

    Modules share one scope here, so no two of them may use the same name at their top level.
    """
    parts = [_EXPORT.sub("", _IMPORT.sub("", _read(name))) for name in _in_order(ENTRY, [])]
    return "\n".join([*parts, "export { mount };\n"])


@cache
def style() -> str:
    """Return the style sheet. All its rules are for what is inside `.p2pkit-live`."""
    return _read("player.css")


def _in_order(name: str, before: list[str]) -> list[str]:
    """Append a module to those before, after all that it imports."""
    if name not in before:
        for needed in _IMPORT.findall(_read(name)):
            _in_order(needed, before)
        before.append(name)
    return before


def _read(name: str) -> str:
    return (resources.files(__package__) / "player" / name).read_text(encoding="utf-8")
