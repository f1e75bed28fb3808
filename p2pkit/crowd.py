"""Everybody knows everybody: a complete graph of many nodes, without a list of its links.

A hundred thousand nodes of whom everyone can reach everyone have five thousand million links. Nobody
could write them down, and nobody has to: each node's peers are all the others, so one roll of names
serves all of them, and each node only notes what has become different for it.

>>> graph = complete_graph(100_000)
>>> len(graph), graph.number_of_edges()
(100000, 4999950000)
>>> others = graph["n5"]
>>> len(others), "n7" in others, "n5" in others
(99999, True, False)
"""

from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    import networkx as nx

V = TypeVar("V")


class Roll(Generic[V]):
    """The names of all, in order, and something that is known of each."""

    def __init__(self, entries: Mapping[str, V]) -> None:
        self.entries = dict(entries)
        self.names = list(entries)
        self.positions = {name: position for position, name in enumerate(self.names)}


class Others(MutableMapping[str, V]):
    """All on a roll but one, in order, and what has changed since: those that are gone, and more
    that came."""

    __slots__ = ("_ids", "gone", "me", "more", "roll")

    def __init__(self, roll: Roll[V], me: str) -> None:
        self.roll = roll
        self.me = me
        self.gone: dict[str, None] = {}
        self.more: dict[str, V] = {}
        self._ids: _Ids | None = None  # until something changes

    def __getitem__(self, name: str) -> V:
        if name in self.more:
            return self.more[name]
        if name == self.me or name in self.gone:
            raise KeyError(name)
        return self.roll.entries[name]

    def __setitem__(self, name: str, value: V) -> None:
        if name in self and name not in self.more:
            self.gone[name] = None
        self.more[name] = value
        self._ids = None

    def __delitem__(self, name: str) -> None:
        if self.more.pop(name, None) is None:
            self[name]  # raises KeyError for a stranger
            self.gone[name] = None
        self._ids = None

    def __iter__(self) -> Iterator[str]:
        for name in self.roll.names:
            if name != self.me and name not in self.gone:
                yield name
        yield from self.more

    def __len__(self) -> int:
        return len(self.roll.names) - 1 - len(self.gone) + len(self.more)

    def __copy__(self) -> "Others[V]":
        twin = Others(self.roll, self.me)
        twin.gone, twin.more = self.gone.copy(), self.more.copy()
        return twin

    def ids(self) -> Sequence[str]:
        """Return the names as a sequence, of which a few can be picked without a list of all."""
        if self._ids is None:
            self._ids = _Ids(self)
        return self._ids


class _Ids(Sequence[str]):
    """The names of the others: like a list of them, which is never made."""

    def __init__(self, others: Others[Any]) -> None:
        self._names = others.roll.names
        self._more = list(others.more)
        positions = others.roll.positions
        self._missing = sorted(positions[name] for name in (others.me, *others.gone))

    def __len__(self) -> int:
        return len(self._names) - len(self._missing) + len(self._more)

    def __getitem__(self, number: Any) -> Any:
        rest = number - (len(self._names) - len(self._missing))
        if rest >= 0:
            return self._more[rest]
        for position in self._missing:
            if position > number:
                break
            number += 1
        return self._names[number]


def complete_graph(nodes: int) -> "nx.Graph[str]":
    """Return a graph with the nodes n0, n1, … of whom each is connected to each.

    Nodes and edges can be added to it; the links that it began with have no attributes.
    """
    import networkx as nx

    graph: nx.Graph[str] = nx.Graph()
    roll = Roll({f"n{number}": _NO_ATTRIBUTES for number in range(nodes)})
    graph.add_nodes_from(roll.names)
    graph._adj = _Adjacency(roll)  # type: ignore[attr-defined]
    return graph


def is_crowd(graph: "nx.Graph[Any]") -> bool:
    """Tell whether a graph is one of those that `complete_graph` has made."""
    return isinstance(graph._adj, _Adjacency)  # type: ignore[attr-defined]


def twin(graph: "nx.Graph[str]") -> "nx.Graph[str]":
    """Return a copy of such a graph: with its links written down, if any were added."""
    adjacency = graph._adj  # type: ignore[attr-defined]
    return graph.copy() if adjacency.has_changed() else complete_graph(len(graph))


_NO_ATTRIBUTES: Mapping[str, Any] = MappingProxyType({})


class _Adjacency(MutableMapping[str, Any]):
    """What networkx looks a node's neighbours up in."""

    def __init__(self, roll: Roll[Any]) -> None:
        self._roll = roll
        self._made: dict[str, Any] = {}  # of those that somebody has looked at, and of newcomers
        self._newcomers: dict[str, None] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            self._roll.entries[name]  # raises KeyError for a stranger
            self._made[name] = Others(self._roll, name)
        return self._made[name]

    def __setitem__(self, name: str, neighbours: Any) -> None:
        if name not in self._roll.entries:
            self._newcomers[name] = None
        self._made[name] = neighbours

    def __delitem__(self, name: str) -> None:
        raise TypeError("nobody can be taken out of a complete graph: copy it first")

    def __iter__(self) -> Iterator[str]:
        yield from self._roll.names
        yield from self._newcomers

    def __len__(self) -> int:
        return len(self._roll.names) + len(self._newcomers)

    def has_changed(self) -> bool:
        """Tell whether this is not the graph any more that it was."""
        return bool(self._newcomers) or any(others.more for others in self._made.values())
