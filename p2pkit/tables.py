"""Tables: pandas DataFrames, and the one of what all nodes of a network have in their attributes.

    net.table("heard", "peers")                              # one row a node
    net.table(rumors=lambda node: len(node.heard))           # a column that is computed

pandas is imported when the first table is asked for. What is a number, or a few of them, is had
without it.
"""

import copy
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from p2pkit.errors import NetworkError

if TYPE_CHECKING:
    from p2pkit.network import Network


def frame(columns: Mapping[str, Iterable[Any]], index: Iterable[Any] | None = None) -> Any:
    """Return a pandas DataFrame with these columns.

    Values in a column where one is None stay what they are: else pandas would make 3.0 of 3 there,
    and nan of None. Raises ImportError where there is no pandas.

    >>> frame({"node": ["n0", "n1"], "hops": [3, None]})
      node  hops
    0   n0     3
    1   n1  None
    """
    try:
        import pandas
    except ImportError:
        raise ImportError("a DataFrame needs pandas: pip install pandas") from None
    series = {}
    for name, values in columns.items():
        cells = list(values)
        kind = object if any(cell is None for cell in cells) else None
        series[name] = pandas.Series(cells, dtype=kind)
    made = pandas.DataFrame(series)
    return made if index is None else made.set_axis(list(index), axis="index")


def table(
    net: "Network", fields: tuple[str, ...], columns: Mapping[str, Callable[[Any], Any]]
) -> Any:
    """Return a DataFrame of attributes of all nodes: see `Network.table`."""
    nodes = {node.id: node for node in net}
    if not fields and not columns:
        fields = tuple(attributes(nodes.values()))
    for field in fields:
        check_column(field, nodes)
    cells: dict[str, Iterable[Any]] = {"up": [net.is_up(name) for name in net.names]}
    looks = {field: _getter(field) for field in fields} | dict(columns)
    for title, look in looks.items():
        cells[title] = [
            copy.deepcopy(look(nodes[name])) if name in nodes else None for name in net.names
        ]
    return frame(cells, net.names).rename_axis("node")


def attributes(nodes: Iterable[Any]) -> list[str]:
    """Return the names of the attributes that the nodes' own code has set, each once."""
    names = dict.fromkeys(name for node in nodes for name in vars(node))
    return [name for name in names if not name.startswith("_")]


def check_column(field: str, nodes: Mapping[str, Any]) -> None:
    """Raise NetworkError for what cannot be a column of attributes of these nodes, by name. Where
    no node is left to look at, anything can."""
    if not isinstance(field, str):
        raise NetworkError(
            f"a column is the name of an attribute, and not {field!r:.60}: give a function a title, as "
            "in net.table(rumors=lambda node: len(node.heard))"
        )
    kinds = {type(node) for node in nodes.values()}
    if any(callable(getattr(kind, field, None)) for kind in kinds):
        raise NetworkError(
            f"{field} is a method: a column can be a function of the node, as in "
            f"net.table({field}=lambda node: node.{field}())"
        )
    if nodes and not any(hasattr(node, field) for node in nodes.values()):
        own = attributes(nodes.values())
        near = get_close_matches(field, [*own, *_readable(kinds)], n=1)
        hint = f"did you mean {near[0]}?" if near else f"they have {', '.join(own) or 'none'}"
        raise NetworkError(f"no node has an attribute {field}: {hint}")


def _getter(field: str) -> Callable[[Any], Any]:
    return lambda node: getattr(node, field, None)


def _readable(kinds: Iterable[type]) -> list[str]:
    """Return what nodes of some classes have besides: parameters, and things like `peers`."""
    names = {name for kind in kinds for name in dir(kind) if not name.startswith("_")}
    return sorted(
        name for name in names if not any(callable(getattr(kind, name, None)) for kind in kinds)
    )
