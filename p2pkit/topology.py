"""Topologies: who is connected to whom, as a graph by name, from a file, or from networkx.

A network is given a plan: any networkx graph, whose edges are the first connections. `named` makes
a plan out of it, with names for the nodes, in the graph's own order, as nodes start in that order:

    >>> import networkx as nx
    >>> named(nx.path_graph(3)).edges
    EdgeView([('n0', 'n1'), ('n1', 'n2')])

The usual graphs have a name, so that a command line can say `--topology ring`, or a file's path:

    >>> list(TOPOLOGIES)[:6]
    ['line', 'ring', 'grid', 'tree', 'star', 'complete']
    >>> build("ring", 4).edges
    EdgeView([(0, 1), (0, 3), (1, 2), (2, 3)])
    >>> build("rnig", 4)
    Traceback (most recent call last):
    p2pkit.errors.TopologyError: there is no topology 'rnig': did you mean 'ring'? The names are: \
line, ring, grid, tree, star, complete, random-regular, small-world, scale-free, erdos-renyi

Nothing here is left to chance: the same name, n and seed are the same graph, edge for edge.
"""

import math
import os
import re
from collections.abc import Callable, Hashable, Iterable
from itertools import combinations, pairwise
from numbers import Integral
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, TypeGuard

from p2pkit.errors import TopologyError, shortened

if TYPE_CHECKING:
    import networkx as nx  # at run time inside the functions: a worker process never needs it

MAX_NAME = 128
"""Characters in a node's name, at most: it is in every hello, every trace event and every label."""

MAX_EDGES = 1_000_000
"""Lines with an edge or a node in a file, at most: networkx needs some 400 bytes for each."""

Builder = Callable[[int, int], "nx.Graph[int]"]
"""Makes a graph on the nodes 0 to n - 1, given n (1 or more) and a seed."""

# Names


def name_of(node: Hashable) -> str:
    """Return the name of a graph's node: 0 is "n0", (0, 1) is "n0_1", and a string is itself.

    Raises TopologyError for anything else, and for a name that is empty, longer than MAX_NAME
    characters, or not printable.

    >>> name_of(0), name_of((0, 1)), name_of("alice")
    ('n0', 'n0_1', 'alice')
    """
    if isinstance(node, str):
        name = str(node)
    elif _is_number(node):
        name = f"n{node}"
    elif isinstance(node, tuple) and node and all(map(_is_number, node)):
        name = "n" + "_".join(map(str, node))
    else:
        raise TopologyError(
            f"{_shorten(node)} is no name for a node: use a number of at most 64 bits, a tuple of "
            "numbers, or a string; networkx.convert_node_labels_to_integers(graph) numbers nodes"
        )
    if not 0 < len(name) <= MAX_NAME or not name.isprintable():
        raise TopologyError(
            f"{_shorten(name)} is no name for a node: a name has 1 to {MAX_NAME} characters, "
            "all of them printable"
        )
    return name


def named(graph: "nx.Graph[Any] | int") -> "nx.Graph[str]":
    """Return a fresh simple graph with names as nodes, and nodes, edges and neighbours in order.

    An int n is the complete graph on n nodes. Parallel edges become one, directed edges undirected.
    Attributes are kept. Raises TopologyError for self loops, for two nodes of one name, for a graph
    without nodes, and for what is no graph.
    """
    import networkx as nx

    from p2pkit.crowd import is_crowd, twin

    if _is_number(graph):
        _check_size(graph)
        graph = _simple(graph, combinations(range(graph), 2))
    if not isinstance(graph, nx.Graph):
        raise TopologyError(
            f"{_shorten(graph)} is a {type(graph).__name__}, not a graph: use a networkx graph, "
            "or the number of nodes of a complete graph"
        )
    if is_crowd(graph):
        return twin(graph)
    _check_size(len(graph))
    if (loop := next(nx.nodes_with_selfloops(graph), None)) is not None:
        raise TopologyError(
            f"{_shorten(loop)} is connected to itself: take such edges out with "
            "graph.remove_edges_from(list(networkx.selfloop_edges(graph)))"
        )
    return _renamed(graph)


# Graphs by name


def build(name: str, n: int, seed: int = 0) -> "nx.Graph[int]":
    """Build the topology of this name with the nodes 0 to n - 1; it is connected.

    Raises TopologyError for an unknown name, saying which there are, and for n below 1.
    """
    if name not in TOPOLOGIES:
        raise TopologyError(f"there is no topology {_shorten(name)}: {_advice(name)}")
    _check_size(n)
    return TOPOLOGIES[name](n, seed)


def load(name_or_path: str | os.PathLike[str], n: int, seed: int = 0) -> "nx.Graph[Any]":
    """Build the topology of this name, or read the file at this path, which has a size of its own.

    A name wins over a file of the same name, and "./ring" is always the file. Raises TopologyError.
    """
    if name_or_path in TOPOLOGIES:
        return build(str(name_or_path), n, seed)
    if not Path(name_or_path).exists():
        text = os.fspath(name_or_path)
        raise TopologyError(f"there is no topology, and no file, {_shorten(text)}: {_advice(text)}")
    return read(name_or_path)


def _line(n: int, seed: int) -> "nx.Graph[int]":
    """Connect each node to the next."""
    return _simple(n, pairwise(range(n)))


def _ring(n: int, seed: int) -> "nx.Graph[int]":
    """Connect each node to the next, and the last to the first."""
    return _simple(n, [(node, (node + 1) % n) for node in range(n if n > 2 else n - 1)])


def _grid(n: int, seed: int) -> "nx.Graph[int]":
    """Fill a square row by row; the last row may be short, or missing."""
    width = math.isqrt(n - 1) + 1
    right = [(node, node + 1) for node in range(n - 1) if (node + 1) % width]
    return _simple(n, right + [(node, node + width) for node in range(n - width)])


def _tree(n: int, seed: int) -> "nx.Graph[int]":
    """Give each node two children, level by level: those of node i are 2i + 1 and 2i + 2."""
    return _simple(n, [((node - 1) // 2, node) for node in range(1, n)])


def _star(n: int, seed: int) -> "nx.Graph[int]":
    """Connect node 0 to all others."""
    return _simple(n, [(0, node) for node in range(1, n)])


def _complete(n: int, seed: int) -> "nx.Graph[int]":
    """Connect each node to all others."""
    return _simple(n, combinations(range(n), 2))


def _random_regular(n: int, seed: int) -> "nx.Graph[int]":
    """Give each node four neighbours at random; the complete graph below six nodes."""
    import networkx as nx

    if n < 6:
        return _complete(n, seed)
    dice = Random(seed)
    return _first_connected(lambda: nx.random_regular_graph(4, n, seed=dice))


def _small_world(n: int, seed: int) -> "nx.Graph[int]":
    """Connect each node to the two before and the two after it on a ring, then rewire 15 % of that.

    Watts and Strogatz, "Collective dynamics of 'small-world' networks" (Nature, 1998). Below six
    nodes it is the complete graph.
    """
    import networkx as nx

    if n < 6:
        return _complete(n, seed)
    dice = Random(seed)
    return _first_connected(lambda: nx.watts_strogatz_graph(n, 4, 0.15, seed=dice))


def _scale_free(n: int, seed: int) -> "nx.Graph[int]":
    """Add node by node, each with two edges to older nodes, which are chosen by their degree.

    Barabási and Albert, "Emergence of scaling in random networks" (Science, 1999). Below three
    nodes it is the line.
    """
    import networkx as nx

    return _line(n, seed) if n < 3 else _sorted(nx.barabasi_albert_graph(n, 2, seed=Random(seed)))


def _erdos_renyi(n: int, seed: int) -> "nx.Graph[int]":
    """Make each edge with probability (ln n + 2) / n, and draw again until the graph is connected.

    Erdős and Rényi, "On the evolution of random graphs" (1960): at this density e^(-e^(-2)), or
    seven draws in eight, are connected, so that drawing again changes little else.
    """
    import networkx as nx

    density = min(1.0, (math.log(n) + 2) / n)
    dice = Random(seed)
    return _first_connected(lambda: nx.fast_gnp_random_graph(n, density, seed=dice))


TOPOLOGIES: dict[str, Builder] = {
    "line": _line,
    "ring": _ring,
    "grid": _grid,
    "tree": _tree,
    "star": _star,
    "complete": _complete,
    "random-regular": _random_regular,
    "small-world": _small_world,
    "scale-free": _scale_free,
    "erdos-renyi": _erdos_renyi,
}
"""What makes the graph of each name. All are connected, for every n from 1 on and every seed."""

# Graphs from files


def read(path: str | os.PathLike[str]) -> "nx.Graph[Any]":
    """Read a file of edges, one a line: two names, with a space, tab, comma or semicolon between.

    Further columns are ignored, and so is what follows # or %, and a first line like source,target.
    One name alone is a node without edges. Names that are numbers become ints. The file is UTF-8.
    Raises TopologyError with file and line for what cannot be read, for a node connected to itself,
    for more than MAX_EDGES lines, and for a file without any.
    """
    import networkx as nx

    graph: nx.Graph[Any] = nx.Graph()
    taken: dict[str, Hashable] = {}
    lines, at_top = 0, True
    try:
        # Bytes that are no UTF-8 become characters that no name may have, and comments may.
        with open(path, encoding="utf-8-sig", errors="surrogateescape") as file:
            for number, line in enumerate(file, start=1):
                try:
                    nodes = _nodes_in(line)
                    if nodes and not (at_top and _is_header(nodes)):
                        lines += 1
                        _add(nodes, graph, taken, lines)
                    at_top = at_top and not nodes
                except TopologyError as error:
                    raise TopologyError(f"{os.fspath(path)}, line {number}: {error}") from None
    except OSError as error:
        raise TopologyError(f"{os.fspath(path)} cannot be read: {error.strerror}") from None
    if not graph:
        raise TopologyError(f"{os.fspath(path)} holds no edges: write one a line, for example: 0 1")
    return graph


_COMMENT = re.compile(r"(^|[\s,;])[#%].*", re.DOTALL)
_TABS = re.compile("\t+")
_PLAIN_NUMBER = re.compile(r"0|-?[1-9][0-9]{0,17}")  # "007" is another name than "7"
_HEADINGS = {"source", "target", "src", "dst", "from", "to", "node1", "node2"}


def _nodes_in(line: str) -> list[Hashable]:
    """Return the nodes in a line: none, one, or the two ends of an edge."""
    # networkx.write_edgelist puts a dict in the third column, with commas and spaces of its own.
    text = _COMMENT.sub("", line).partition("{")[0].strip()
    separator = next((mark for mark in "\t;," if mark in text), None)
    names = [name.strip(' "') for name in _TABS.sub("\t", text).split(separator)[:2]]
    for name in names:
        if not name:
            raise TopologyError(f"a name is missing in {_shorten(text)}: write for example 0,1")
        if not name.isascii() and any("\ud800" <= letter <= "\udfff" for letter in name):
            raise TopologyError("this is no UTF-8 text: save the file as UTF-8")
        if len(name.split()) > 1:  # "a b 0,5" and "ann lee,bob" look alike: better ask than guess
            raise TopologyError(
                f"{_shorten(name)} has a space in it: use one separator, and _ inside a name"
            )
    return [int(name) if _PLAIN_NUMBER.fullmatch(name) else name for name in names]


def _is_header(nodes: list[Hashable]) -> bool:
    """Tell whether this is the first line of a table, such as source,target."""
    return len(nodes) == 2 and all(str(node).lower() in _HEADINGS for node in nodes)


def _add(
    nodes: list[Hashable], graph: "nx.Graph[Any]", taken: dict[str, Hashable], lines: int
) -> None:
    """Add an edge, or a node alone, to the graph that is being read."""
    if lines > MAX_EDGES:
        raise TopologyError(
            f"a file may have {MAX_EDGES:,} edges at most: cut it, or build the graph in Python"
        )
    for node in nodes:
        if node not in graph:
            _claim(node, taken)
    if len(nodes) == 2 and nodes[0] == nodes[1]:
        raise TopologyError(f"{_shorten(nodes[0])} is connected to itself: take this line out")
    graph.add_nodes_from(nodes)
    if len(nodes) == 2:
        graph.add_edge(*nodes)


# Helpers


def _is_number(node: object) -> TypeGuard[int]:
    """Tell whether this is a whole number of at most 64 bits; True and False are none."""
    return isinstance(node, Integral) and not isinstance(node, bool) and abs(int(node)) < 2**63


def _check_size(n: object) -> None:
    if not _is_number(n) or n < 1:
        raise TopologyError(f"a network has one node or more: {_shorten(n)} is no number of nodes")


def _claim(node: Hashable, taken: dict[str, Hashable]) -> str:
    """Take the name of a node, and return it; raise TopologyError if another node has taken it."""
    name = name_of(node)
    if (first := taken.setdefault(name, node)) != node:
        raise TopologyError(
            f"the nodes {_shorten(first)} and {_shorten(node)} would both be called {name}: "
            "rename one of them"
        )
    return name


def _renamed(graph: "nx.Graph[Any]") -> "nx.Graph[str]":
    """Copy a graph with names as nodes, as a simple graph, keeping every order."""
    import networkx as nx

    taken: dict[str, Hashable] = {}
    names = {node: _claim(node, taken) for node in graph}
    fresh: nx.Graph[str] = nx.Graph()
    fresh.graph.update(graph.graph)
    fresh.add_nodes_from((names[node], data) for node, data in graph.nodes(data=True))
    fresh.add_edges_from(
        (names[one], names[other], data) for one, other, data in graph.edges(data=True)
    )
    if not graph.is_directed():
        # An edge was added to both its ends at once, so the later end may now have its neighbours
        # in another order than in the original. networkx has no public way to set that order.
        adjacency = fresh._adj  # type: ignore[attr-defined]
        for node, name in names.items():
            near = adjacency[name]
            adjacency[name] = {names[other]: near[names[other]] for other in graph.adj[node]}
    return fresh


def _simple(n: int, edges: Iterable[tuple[int, int]]) -> "nx.Graph[int]":
    """Return the graph with the nodes 0 to n - 1, in this order, and these edges."""
    import networkx as nx

    graph: nx.Graph[int] = nx.Graph()
    graph.add_nodes_from(range(n))
    graph.add_edges_from(edges)
    return graph


def _sorted(graph: "nx.Graph[Any]") -> "nx.Graph[int]":
    """Put nodes and edges in ascending order, as networkx's generators may leave a set's order."""
    return _simple(len(graph), sorted((min(edge), max(edge)) for edge in graph.edges))


def _first_connected(draw: Callable[[], "nx.Graph[int]"]) -> "nx.Graph[int]":
    """Draw graphs until one is connected."""
    import networkx as nx

    while not nx.is_connected(graph := draw()):
        pass
    return _sorted(graph)


def _advice(name: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, TOPOLOGIES, n=1)
    question = f"did you mean {near[0]!r}? " if near else ""
    names = f"the names are: {', '.join(TOPOLOGIES)}"
    return question + (names.capitalize() if near else names)


def _shorten(thing: object) -> str:
    return shortened(repr(thing), 60)
