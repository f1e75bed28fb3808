"""Looks: what a node looks like in the live view, and what is to be read of it.

    look = Looks(color=lambda node: "orange" if node.heard else "grey")
    look(node)      # {"look": {"color": "orange"}}

A running network evaluates them where the node lives, whenever it has acted (`Network.also_watch`),
so they end up in the trace, among the node's states. They are a person's own functions, to look at
things with: one that raises shall not bring down a node, so it says what is wrong in place of a look.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from itertools import islice
from types import SimpleNamespace
from typing import Any

from p2pkit.errors import shortened
from p2pkit.show import brief

Look = Callable[[Any], Any]
"""A function of a node."""

LABEL = 24
"""Characters of a label: more would not fit beside a node."""

ROWS = 12
"""Attributes that are shown of a node."""

NAMED = {
    **{"C0": "#0072b2", "C1": "#e69f00", "C2": "#222222", "C3": "#56b4e9", "C4": "#d55e00"},
    **{"tab:blue": "#1f77b4", "tab:orange": "#ff7f0e", "tab:green": "#2ca02c"},
    **{"tab:red": "#d62728", "tab:purple": "#9467bd", "tab:brown": "#8c564b"},
    **{"tab:pink": "#e377c2", "tab:gray": "#7f7f7f", "tab:olive": "#bcbd22", "tab:cyan": "#17becf"},
}
"""Colours that plots know by a name which a browser does not know."""


@dataclass(frozen=True)
class Looks:
    """How nodes are shown: each is a function of the node, or None.

    color: returns a colour's name or "#rrggbb", a number, another word (each gets a colour of its
    own), or None. size: a number, 1 is usual. label: what stands beside the node.
    """

    color: Look | None = None
    size: Look | None = None
    label: Look | None = None

    def __bool__(self) -> bool:
        return any(getattr(self, field.name) is not None for field in fields(self))

    def __call__(self, node: Any) -> dict[str, dict[str, Any]]:
        """Return {"look": …}: as a network's `watch` it says so whenever that changes."""
        return {"look": self.of(node)}

    def of(self, node: Any) -> dict[str, Any]:
        """Return the look of a node, or what is wrong with a function, under "error"."""
        look = {}
        for field in fields(self):
            function = getattr(self, field.name)
            if function is not None:
                try:
                    look[field.name] = _PLAIN[field.name](function(node))
                except Exception as error:  # to look at a node must not end it
                    look["error"] = f"{field.name}: {type(error).__name__}: {error}"
        return look

    def of_state(self, name: str, state: Mapping[str, Any]) -> dict[str, Any]:
        """Return the look of a node of which a trace has recorded the state."""
        recorded = state.get("look", {})
        look = self.of(SimpleNamespace(**{"id": name, **state})) if self else recorded
        return recorded if "error" in look and recorded else look


def rows(state: Mapping[str, Any]) -> list[list[str]]:
    """Return attributes of a node, and what they are, shortened, for a person to read."""
    return [[str(name), brief(value)] for name, value in islice(state.items(), ROWS)]


def _color(value: Any) -> str | float | None:
    if value is None or isinstance(value, int | float):
        return value
    return shortened(NAMED.get(str(value), str(value)), LABEL)


_PLAIN: dict[str, Callable[[Any], Any]] = {
    "color": _color,
    "size": float,
    "label": lambda value: "" if value is None else shortened(str(value), LABEL),
}
