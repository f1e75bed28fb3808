"""Tables: one row a node, in every world."""

import os
import signal
import sys
from functools import partial

import networkx as nx
import pytest
from tools import PATIENCE, eventually

from p2pkit import LocalNetwork, Protocol, SimNetwork
from p2pkit.errors import NetworkError
from p2pkit.network import NetworkWarning
from p2pkit.protocols.flood import Flood, Rumor
from p2pkit.tables import frame

pandas = pytest.importorskip("pandas")

pytestmark = pytest.mark.usefixtures("nothing_left")

HELLO = Rumor("hello")

WORLDS = {
    "simulated": SimNetwork,
    "sockets": LocalNetwork,
    "processes": partial(LocalNetwork, processes=2),
}


@pytest.fixture(params=WORLDS)
def network(request):
    """Make networks of one world."""
    return WORLDS[request.param]


class Silent(Protocol):
    """Keep a number, and a secret."""

    words = 7

    def on_start(self):
        self.number = 3
        self._secret = "do not tell"

    def twice(self):
        return 2 * self.number

    @property
    def half(self):
        return self.number / 2


class Mute(Silent):
    """Keep nothing."""

    def on_start(self):
        pass


def test_each_node_is_a_row(network):
    with network(Flood, nx.path_graph(3)) as net:
        net.tell("n0", HELLO)
        assert net.run(until=lambda: HELLO in net["n2"].heard, within=PATIENCE)
        net.crash("n1")
        table = net.table("heard", "id", rumors=lambda node: len(node.heard))
    assert list(table.columns) == ["up", "heard", "id", "rumors"]
    assert list(table.index) == list(table.id) == ["n0", "n1", "n2"]
    assert table.index.name == "node"
    assert list(table.up) == [True, False, True]
    assert list(table.heard) == [{HELLO}] * 3
    assert table.rumors.sum() == 3


def test_a_closed_network_shows_its_end(network):
    with network(Flood, nx.path_graph(2)) as net:
        net.tell("n0", HELLO)
        net.crash("n0")
    table = net.table("heard")
    assert table.heard["n0"] == {HELLO}
    assert list(table.up) == [False, True]


def test_a_restarted_node_shows_its_new_life(network):
    with network(Flood, nx.path_graph(2)) as net:
        net.tell("n0", HELLO)
        net.crash("n0")
        net.restart("n0")
        assert net.table("heard").loc["n0"].to_list() == [True, set()]


def test_without_fields_it_shows_all_that_nodes_keep(network):
    with network(Silent, nx.path_graph(2), roles={"n1": Mute}) as net:
        table = net.table()
        assert list(table.columns) == ["up", "number"]
        assert list(table.number) == [3, None]
        assert list(net.table(size=lambda node: 1).columns) == ["up", "size"]


def test_a_node_that_lacks_an_attribute_shows_none(network):
    with network(Silent, nx.path_graph(3), roles={"n1": Mute}) as net:
        table = net.table("number", "half", "words", "peers")
    assert list(table.number) == [3, None, 3]
    assert [type(cell) for cell in table.number] == [int, type(None), int]
    assert list(table.half) == [1.5, None, 1.5]
    assert list(table.words) == [7, 7, 7]
    assert list(table.peers["n1"]) == ["n0", "n2"]


@pytest.mark.parametrize(
    ("field", "hint"),
    [
        ("numbr", "no node has an attribute numbr: did you mean number?"),
        ("haalf", "did you mean half?"),
        ("wordss", "did you mean words?"),
        ("zzz", "they have number"),
        (len, r"not <built-in function len>: give a function a title, .*table\(rumors=lambda node"),
        ("twice", r"twice is a method: .*table\(twice=lambda node: node.twice\(\)\)"),
    ],
)
def test_what_cannot_be_a_column_is_refused_with_advice(field, hint):
    with SimNetwork(Silent, 2) as net, pytest.raises(NetworkError, match=hint):
        net.table("number", field)


def test_nodes_that_keep_nothing_have_no_attributes():
    with SimNetwork(Mute, 2) as net, pytest.raises(NetworkError, match="they have none"):
        net.table("number")


def test_a_table_is_of_its_moment(network):
    with network(Flood, nx.path_graph(2)) as net:
        before = net.table("heard")
        net.tell("n0", HELLO)
        assert net.run(until=lambda: HELLO in net["n1"].heard, within=PATIENCE)
        assert list(before.heard) == [set(), set()]


def test_an_attribute_may_be_called_like_a_column():
    with SimNetwork(Flood, 2) as net:
        table = net.table(up=lambda node: node.id, node=lambda node: 5)
        assert list(table.up) == ["n0", "n1"]
        assert list(table.node) == [5, 5]
        assert table.index.name == "node"


def test_an_error_in_a_column_is_the_callers():
    with SimNetwork(Flood, 2) as net, pytest.raises(AttributeError, match="hard"):
        net.table(rumors=lambda node: len(node.hard))


@pytest.mark.skipif(sys.platform == "win32", reason="has no SIGKILL")
def test_a_node_that_was_killed_is_a_row_of_nothing():
    with LocalNetwork(Flood, nx.path_graph(3), processes=3) as net:
        os.kill(net.pids["n1"], signal.SIGKILL)
        eventually(lambda: not net.is_up("n1"))
        for table in (net.table("heard"), net.table("heard", size=lambda node: len(node.heard))):
            assert list(table.up) == [True, False, True]
            assert list(table.heard) == [set(), None, set()]
        assert list(table["size"]) == [0, None, 0]
        with pytest.warns(NetworkWarning, match="n1 went down"):
            net.run(0.01)
    assert list(net.table("heard").heard) == [set(), None, set()]


def test_of_nodes_that_were_all_killed_nothing_is_known(monkeypatch):
    with SimNetwork(Flood, 2) as net:
        monkeypatch.setattr(SimNetwork, "__iter__", lambda net: iter(()))
        assert list(net.table("whatever").whatever) == [None, None]
        assert list(net.table().columns) == ["up"]


def test_without_pandas_a_sentence_says_so(monkeypatch):
    with SimNetwork(Flood, 2) as net:
        monkeypatch.setitem(sys.modules, "pandas", None)
        with pytest.raises(ImportError, match="pip install pandas"):
            net.table()


def test_whole_numbers_stay_whole_beside_none():
    made = frame({"whole": [1, None], "text": ["a", None], "number": [1, 2]}, ["x", "y"])
    assert made.whole.to_list() == [1, None]
    assert made.text.to_list() == ["a", None]
    assert made.number.dtype.kind == "i"
    assert list(made.index) == ["x", "y"]
    assert list(frame({"nothing": []}).nothing) == []
