"""Topologies: names, the order that a network relies on, graphs by name, and files by anyone."""

import math
import os
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as some

from p2pkit import topology
from p2pkit.errors import P2PKitError, TopologyError
from p2pkit.topology import MAX_EDGES, MAX_NAME, TOPOLOGIES, build, load, name_of, named, read

sizes = some.integers(1, 120)
seeds = some.integers(0, 2**32)
every_topology = pytest.mark.parametrize("name", TOPOLOGIES)


@pytest.fixture
def file(tmp_path):
    """Return a function that writes text, or bytes, to a file and returns its path."""

    def write(content, name="edges.txt"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def run(program, **environment):
    """Run a program in a fresh interpreter, and return what it prints."""
    here = {"PYTHONPATH": str(Path(topology.__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | here | environment,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


def neighbours(graph):
    return {node: list(graph.adj[node]) for node in graph}


# Names


def test_a_node_is_named_after_its_number_its_place_or_itself():
    assert name_of(0) == "n0"
    assert name_of((0, 1)) == "n0_1"
    assert name_of((1, 2, 3)) == "n1_2_3"
    assert name_of("Zoë of Köln") == "Zoë of Köln"
    assert name_of("x" * MAX_NAME) == "x" * MAX_NAME


def test_numbers_of_numpy_are_numbers():
    numpy = pytest.importorskip("numpy")
    assert name_of(numpy.int64(7)) == "n7"
    assert len(named(numpy.int32(3))) == 3


@pytest.mark.parametrize(
    "node",
    [
        *("", "x" * (MAX_NAME + 1), "two\nlines", "\x00", "\ud800", "tab\t"),
        *(1.5, True, None, b"n0", 2**64, -(10**40), frozenset({1})),
        *((), (0, "a"), (0, (1, 2)), (True,), tuple(range(100))),
    ],
    ids=lambda node: repr(node)[:12] if not isinstance(node, int) else "number",
)
def test_what_is_no_name_is_refused_with_a_short_sentence(node):
    with pytest.raises(TopologyError, match=r"no name for a node: (use|a name has)") as caught:
        name_of(node)
    assert isinstance(caught.value, P2PKitError)
    assert isinstance(caught.value, ValueError)
    assert len(str(caught.value)) < 250
    assert str(caught.value).isprintable()


places = some.lists(some.integers(0, 99), max_size=60).map(tuple)


@given(some.one_of(some.integers(), some.text(max_size=200), places))
def test_a_name_is_printable_and_short_or_there_is_none(node):
    try:
        name = name_of(node)
    except TopologyError:
        assert node in ("", ()) or len(str(node)) > 18 or not str(node).isprintable()
    else:
        assert 1 <= len(name) <= MAX_NAME
        assert name.isprintable()


# Plans


def test_a_number_is_the_complete_graph():
    graph = named(4)
    assert list(graph) == ["n0", "n1", "n2", "n3"]
    assert list(graph.edges) == list(combinations(graph, 2))
    assert list(named(1)) == ["n0"]


@given(some.lists(some.tuples(some.integers(0, 9), some.integers(0, 9)), min_size=1))
def test_every_order_is_kept(pairs):
    graph = nx.Graph((one, other) for one, other in pairs if one != other)
    graph.add_node(99)
    fresh = named(graph)
    assert list(fresh) == [f"n{node}" for node in graph]
    assert list(fresh.edges) == [(f"n{one}", f"n{other}") for one, other in graph.edges]
    assert neighbours(fresh) == {
        f"n{node}": [f"n{other}" for other in near] for node, near in graph.adj.items()
    }


def test_an_order_that_adding_the_edges_again_would_change():
    graph = nx.Graph([(2, 1), (2, 0)])
    assert list(named(graph).adj["n2"]) == ["n1", "n0"]
    graph = nx.Graph()
    graph.add_nodes_from([0, 1, 2])
    graph.add_edges_from([(2, 1), (2, 0)])
    assert list(named(graph).adj["n2"]) == ["n1", "n0"]


def test_attributes_are_kept_and_nothing_is_shared():
    graph = nx.Graph(title="mine")
    graph.add_node(0, colour="red")
    graph.add_edge(0, 1, weight=3)
    fresh = named(graph)
    assert fresh.graph == {"title": "mine"}
    assert fresh.nodes["n0"] == {"colour": "red"}
    assert fresh.edges["n0", "n1"] == {"weight": 3}
    fresh.edges["n1", "n0"]["weight"] = 4
    fresh.nodes["n0"]["colour"] = "blue"
    fresh.remove_node("n1")
    assert graph.edges[0, 1] == {"weight": 3}
    assert graph.nodes[0] == {"colour": "red"}


def test_the_two_ends_of_an_edge_see_the_same_attributes():
    fresh = named(nx.Graph([(2, 1), (2, 0)]))
    fresh.edges["n2", "n0"]["seen"] = True
    assert fresh.edges["n0", "n2"] == {"seen": True}


def test_parallel_and_directed_edges_become_one():
    several = nx.MultiGraph([(0, 1), (0, 1), (1, 0)])
    both_ways = nx.DiGraph([(0, 1), (1, 0)])
    for graph in (several, both_ways, nx.MultiDiGraph(several)):
        fresh = named(graph)
        assert type(fresh) is nx.Graph
        assert list(fresh.edges) == [("n0", "n1")]


def test_views_and_frozen_graphs_can_be_plans():
    part = nx.grid_2d_graph(3, 3).subgraph([(0, 0), (0, 1), (1, 1)])
    fresh = named(nx.freeze(part))
    assert set(fresh) == {"n0_0", "n0_1", "n1_1"}
    assert len(fresh.edges) == 2
    fresh.add_edge("n0_0", "n1_1")


@pytest.mark.parametrize(
    ("graph", "sentence"),
    [
        (nx.Graph([(0, 1), (1, 1)]), r"^1 is connected to itself: .*selfloop_edges"),
        (nx.MultiDiGraph([("a", "a")]), "'a' is connected to itself"),
        (nx.Graph([(0, "n0")]), "0 and 'n0' would both be called n0: rename"),
        (nx.Graph([((0, 1), "n0_1")]), "would both be called n0_1"),
        (nx.Graph(), "one node or more: 0"),
        (0, "one node or more: 0"),
        (-3, "one node or more: -3"),
        (nx.Graph([(0, 1.5)]), "1.5 is no name"),
        ([(0, 1)], "is a list, not a graph: use a networkx graph"),
        (2.0, "2.0 is a float, not a graph"),
        (True, "True is a bool"),
        (None, "NoneType"),
        ("ring", "'ring' is a str"),
        (nx.Graph, "is a type, not a graph"),
    ],
)
def test_what_cannot_be_a_plan_is_refused(graph, sentence):
    with pytest.raises(TopologyError, match=sentence):
        named(graph)


# Graphs by name


@every_topology
@given(n=sizes, seed=seeds)
def test_every_topology_has_n_nodes_and_is_connected_and_repeats(name, n, seed):
    graph = build(name, n, seed)
    assert type(graph) is nx.Graph
    assert list(graph) == list(range(n))
    assert nx.is_connected(graph)
    assert nx.number_of_selfloops(graph) == 0
    assert list(graph.edges) == sorted(graph.edges)
    assert neighbours(build(name, n, seed)) == neighbours(graph)


@every_topology
def test_the_seed_matters_where_there_is_chance_and_only_there(name):
    drawn = {tuple(build(name, 40, seed).edges) for seed in range(5)}
    random = name in ("random-regular", "small-world", "scale-free", "erdos-renyi")
    assert len(drawn) == (5 if random else 1)


def test_graphs_do_not_depend_on_hashes():
    program = (
        "from p2pkit.topology import TOPOLOGIES, build\n"
        "print([(name, list(build(name, 30, 3).edges)) for name in TOPOLOGIES])"
    )
    seen = {run(program, PYTHONHASHSEED=salt) for salt in ("1", "2")}
    assert len(seen) == 1
    assert "erdos-renyi" in seen.pop()


@given(sizes)
def test_shapes(n):
    assert nx.utils.graphs_equal(build("line", n), nx.path_graph(n))
    assert nx.utils.graphs_equal(build("complete", n), nx.complete_graph(n))
    assert nx.utils.graphs_equal(build("star", n), nx.star_graph(n - 1))
    if n > 2:
        assert nx.utils.graphs_equal(build("ring", n), nx.cycle_graph(n))
    tree = build("tree", n)
    assert nx.is_tree(tree)
    assert max(dict(tree.degree).values()) <= 3
    assert nx.eccentricity(tree, 0) == int(math.log2(n))
    assert len(build("scale-free", n).edges) == max(n - 1, 2 * (n - 2))


@given(sizes)
def test_a_grid_is_a_square_that_may_lack_the_end(n):
    side = math.isqrt(n - 1) + 1
    square = nx.grid_2d_graph(side, side)
    cells = [(node // side, node % side) for node in range(n)]
    mapped = nx.relabel_nodes(build("grid", n), dict(enumerate(cells)))
    assert nx.utils.graphs_equal(mapped, nx.Graph(square.subgraph(cells)))


@given(n=some.integers(6, 120), seed=seeds)
def test_degrees(n, seed):
    assert {degree for _, degree in build("random-regular", n, seed).degree} == {4}
    small_world = build("small-world", n, seed)
    assert len(small_world.edges) == 2 * n
    kept = sum(small_world.has_edge(node, (node + 1) % n) for node in range(n))
    assert kept >= n / 2  # a ring with shortcuts, not a random graph


def test_the_random_graphs_are_as_dense_as_they_say():
    n = 400
    edges = len(build("erdos-renyi", n, 1).edges)
    assert edges == pytest.approx((math.log(n) + 2) * (n - 1) / 2, rel=0.1)
    degrees = [degree for _, degree in build("scale-free", n, 1).degree]
    assert max(degrees) > 5 * sum(degrees) / n  # hubs


@pytest.mark.parametrize("n", [0, -1, 2.5, "5", None, True])
def test_a_network_has_one_node_or_more(n):
    with pytest.raises(TopologyError, match="one node or more"):
        build("ring", n)


def test_an_unknown_name_lists_the_names_and_guesses():
    with pytest.raises(TopologyError, match="did you mean 'small-world'") as caught:
        build("smallworld", 5)
    assert all(name in str(caught.value) for name in TOPOLOGIES)
    with pytest.raises(TopologyError, match="'zzz': the names are: line") as caught:
        build("zzz", 5)
    assert "did you mean" not in str(caught.value)


# Files


@pytest.mark.parametrize(
    "text",
    [
        "0 1\n1 2\n",
        "0\t1\n1\t2",
        "0\t\t1\n1\t 2",
        "0,1\n1,2\n",
        "0, 1\n1 ,2\n",
        "0;1\r\n1;2\r\n",
        "0 1\r1 2",
        "  0   1  \n\n\n 1 2",
        "0 1 5.0\n1 2 7.5\n",
        "0,1,5.0,x\n1,2,,\n",
        "0;1;0,5\n1;2;0,7",
        "0\t1\t0,5\n1\t2\t0,7",
        "0 1 {'weight': 3, 'a': 'b'}\n1 2 {}\n",
        "# a comment, with 1 2\n0 1\n% another\n1 2 # 5\n   # 5 6\n",
        "source,target\n0,1\n1,2\n",
        "# first\nFrom To\n0 1\n1 2",
        '"Source","Target"\n"0","1"\n"1","2"',
        "\ufeff0 1\n1 2\n",
        "\ufeffsource;target\n0;1\n1;2\n",
        "0 1\n1 0\n1 2\n0 1\n",
    ],
)
def test_one_graph_in_many_spellings(file, text):
    graph = read(file(text))
    assert list(graph) == [0, 1, 2]
    assert list(graph.edges) == [(0, 1), (1, 2)]
    assert graph[0][1] == {}


def test_names_in_files(file):
    graph = read(str(file("alice bob\nZoë 7\n007 -3\nlonely\nnode#1 x%\n")))
    assert list(graph) == ["alice", "bob", "Zoë", 7, "007", -3, "lonely", "node#1", "x%"]
    assert list(nx.isolates(graph)) == ["lonely"]
    assert "n7" in named(graph)
    assert "n-3" in named(graph)


def test_comments_may_be_in_another_encoding(file):
    assert list(read(file("# Köln\n0 1 # Zürich".encode("latin-1")))) == [0, 1]


def test_a_header_is_only_the_first_line(file):
    graph = read(file("source target\nsource target\n"))
    assert list(graph.edges) == [("source", "target")]


def test_what_networkx_writes_can_be_read(tmp_path):
    graph = build("scale-free", 30, 2)
    nx.set_edge_attributes(graph, 0.5, "weight")
    for number, write in enumerate([nx.write_edgelist, nx.write_weighted_edgelist]):
        write(graph, tmp_path / str(number))
        assert nx.utils.edges_equal(read(tmp_path / str(number)).edges, graph.edges)


@given(
    edges=some.lists(
        some.sets(some.integers(0, 30), min_size=2, max_size=2).map(tuple), min_size=1
    ),
    mark=some.sampled_from([" ", "\t", ",", ";", " ; "]),
)
def test_a_written_graph_is_read_in_the_same_order(tmp_path_factory, edges, mark):
    path = tmp_path_factory.mktemp("edges") / "graph.csv"
    path.write_text("".join(f"{one}{mark}{other}\n" for one, other in edges))
    assert neighbours(read(path)) == neighbours(nx.Graph(edges))


@pytest.mark.parametrize(
    ("content", "line", "sentence"),
    [
        ("0 1\n2 2\n", 2, "2 is connected to itself: take this line out"),
        ("0 1\n\n# x\nbob bob 3\n", 4, "'bob' is connected to itself"),
        ("0,1\n2,\n", 2, "a name is missing in '2,'"),
        (",1\n", 1, "a name is missing"),
        ("0 1\nann lee,bob\n", 2, "'ann lee' has a space in it"),
        ("1 2 0,5\n", 1, "has a space in it"),
        ("0 1\n1 n0\n", 2, "0 and 'n0' would both be called n0"),
        ("0 " + "x" * 200, 1, "1 to 128 characters"),
        ("0 1\n0 \x07\n", 2, "all of them printable"),
        ("a b\nK\xf6ln b\n".encode("latin-1"), 2, "save the file as UTF-8"),
        ("0 1\n".encode("utf-16"), 1, "save the file as UTF-8"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", 1, "save the file as UTF-8"),
    ],
)
def test_a_line_that_cannot_be_read_is_named(file, content, line, sentence):
    path = file(content)
    with pytest.raises(TopologyError) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}, line {line}: ")
    assert sentence in str(caught.value)


@pytest.mark.parametrize("content", ["", "\n\n", "# nothing\n", "source,target\n", "\ufeff"])
def test_an_empty_file_says_what_to_write(file, content):
    path = file(content)
    with pytest.raises(TopologyError) as caught:
        read(path)
    assert str(caught.value) == f"{path} holds no edges: write one a line, for example: 0 1"


def test_a_file_that_is_not_there_or_is_a_folder(tmp_path):
    for path in (tmp_path, tmp_path / "none.txt"):
        with pytest.raises(TopologyError, match="cannot be read") as caught:
            read(path)
        assert str(path) in str(caught.value)


def test_a_file_has_a_bounded_number_of_edges(file, monkeypatch):
    assert MAX_EDGES == 1_000_000
    monkeypatch.setattr(topology, "MAX_EDGES", 3)
    assert len(read(file("source,target\n# three\n0 1\n1 2\n2 3\n")).edges) == 3
    with pytest.raises(TopologyError, match="line 4: a file may have 3 edges at most"):
        read(file("0 1\n1 2\n2 3\n3 4\n"))


@given(some.binary(max_size=60))
def test_any_bytes_are_a_graph_or_a_topology_error(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("bytes") / "any"
    path.write_bytes(content)
    try:
        graph = read(path)
    except TopologyError as error:
        outcome = str(error).startswith(str(path))
    else:
        outcome = len(named(graph)) == len(graph) >= 1
    assert outcome


# Either


def test_load_takes_a_name_or_a_file(file, monkeypatch):
    assert load("ring", 5).edges == build("ring", 5).edges
    assert load("scale-free", 20, 3).edges == build("scale-free", 20, 3).edges
    path = file("0 1\n", name="ring")
    assert len(load(path, 5)) == len(load(str(path), 0)) == 2
    monkeypatch.chdir(path.parent)
    assert len(load("ring", 5)) == 5
    assert len(load("./ring", 5)) == 2


def test_load_of_neither_says_so():
    with pytest.raises(TopologyError, match="no topology, and no file, 'grd': did you mean 'grid'"):
        load("grd", 5)
    with pytest.raises(TopologyError, match=r"no file, 'no/such\.csv': the names are: line"):
        load("no/such.csv", 5)


def test_networkx_is_imported_only_when_a_graph_is_made():
    program = (
        "import sys, types\n"
        "package = sys.modules['p2pkit'] = types.ModuleType('p2pkit')\n"  # without its __init__
        f"package.__path__ = [{str(Path(topology.__file__).parent)!r}]\n"
        "from p2pkit.topology import build\n"
        "print('networkx' in sys.modules, build('ring', 3), 'networkx' in sys.modules)"
    )
    assert run(program).strip() == "False Graph with 3 nodes and 3 edges True"
