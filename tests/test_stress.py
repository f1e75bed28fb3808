"""A million messages, fifty networks, a thousand nodes: nothing is lost, and nothing is left."""

import threading
from collections import Counter

import networkx as nx
import pytest
from conftest import new_threads, open_files
from tools import PATIENCE, eventually

from p2pkit import LocalNetwork, Message, Node, Protocol, descriptors, on
from p2pkit.errors import NetworkError
from p2pkit.protocols.flood import Flood, Rumor

pytestmark = pytest.mark.usefixtures("nothing_left")

MILLION = 1_000_000
CHUNK = 10_000


class Count(Message):
    """The next number."""

    number: int


class Chunk(Message):
    """How far it has come."""

    number: int


class Counting(Protocol):
    """Send numbers, a chunk at a time, and check that they come one after the other."""

    total = MILLION

    def on_start(self):
        self.next = 0
        self.wrong = 0

    def begin(self):
        self.send_chunk(Chunk(0))

    def send_chunk(self, done):
        for number in range(done.number, min(done.number + CHUNK, self.total)):
            self.send("n1", Count(number))

    @on(Count)
    def count(self, count, sender):
        self.wrong += count.number != self.next
        self.next += 1
        if self.next % CHUNK == 0:
            self.send(sender, Chunk(self.next))

    @on(Chunk)
    def go_on(self, chunk, sender):
        self.send_chunk(chunk)


def count_to(total, within):
    with LocalNetwork(Counting.using(total=total), nx.path_graph(2), record="counts") as net:
        net.call("n0", "begin")
        assert net.run(until=lambda: net["n1"].next >= total, within=within)
        net.run(0.1)
        assert net["n1"].next == total
        assert net["n1"].wrong == 0
        assert net.trace.count(kind="send", message=Count) == total
        assert net.trace.count(kind="receive", message=Count) == total
        assert net.trace.count(kind="drop") == 0
        assert net.trace.count(kind="disconnect") == 0


def test_a_healthy_connection_loses_repeats_and_reorders_nothing():
    count_to(50_000, within=PATIENCE)


@pytest.mark.slow
def test_a_healthy_connection_loses_repeats_and_reorders_nothing_in_a_million():
    count_to(MILLION, within=60)


def test_50_networks_leave_nothing_behind():
    threads, files = set(threading.enumerate()), open_files()
    for number in range(50):
        with LocalNetwork(Flood, nx.cycle_graph(4)) as net:
            net.tell("n0", Rumor("hello"))
            if number % 2:
                net.crash("n2")
                net.restart("n2")
            else:
                net.run(until=lambda net=net: all(node.heard for node in net), within=PATIENCE)
        assert not new_threads(threads)
    assert not open_files() - files


def test_50_nodes_leave_nothing_behind():
    for _ in range(25):
        a, b = Node("localhost", 0), Node("localhost", 0)
        a.start()
        b.start()
        assert a.connect_with_node("localhost", b.port)
        a.send_to_nodes("hello")
        a.stop()
        b.stop()
        a.join()
        b.join()


def chords(n):
    """Return a ring with four chords for each node, of lengths that do not meet each other."""
    return nx.circulant_graph(n, [1, 7, 31, 101, 307])


def flood(n):
    graph = chords(n)
    links = graph.number_of_edges()
    assert links == 5 * n
    exact = 2 * links - n + 1
    with LocalNetwork(Flood, graph, record="counts") as net:
        net.tell("n0", Rumor("hello"))
        assert net.run(
            until=lambda: net.trace.count(kind="receive", message=Rumor) >= exact + 1, within=60
        )
        net.run(0.3)
        assert net.trace.count(kind="send") == exact
        assert net.trace.count(kind="receive") == exact + 1  # and once from outside
        assert all(node.heard for node in net)
        assert net.trace.count(kind="drop") == 0
        assert net.trace.count(kind="disconnect") == 0
        assert net.overlay().number_of_edges() == links


def test_200_chorded_nodes_flood_with_exactly_2m_minus_n_plus_1_messages():
    with LocalNetwork(Flood, nx.circulant_graph(200, [1, 7, 31, 53, 83])) as net:
        exact = 2 * 1000 - 200 + 1
        net.tell("n0", Rumor("hello"))
        assert net.run(until=lambda: net.trace.count(kind="receive") >= exact + 1, within=PATIENCE)
        net.run(0.1)
        assert Counter(event.kind for event in net.trace) == {
            "start": 200,
            "connect": 2000,
            "send": exact,
            "receive": exact + 1,
        }


@pytest.mark.slow
def test_1000_nodes_with_5000_links_flood_and_close():
    resource = pytest.importorskip("resource")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 11_500:
        pytest.skip("this system allows too few descriptors")
    flood(1000)


def test_too_few_descriptors_are_said_in_a_sentence_before_anything_starts(monkeypatch):
    monkeypatch.setattr(descriptors, "raise_limit", lambda needed: 256)
    started = []

    class Started(Protocol):
        def on_start(self):
            started.append(self.id)

    with pytest.raises(NetworkError) as raised:
        LocalNetwork(Started, 50)
    sentence = str(raised.value)
    assert "50 nodes with 1,225 links need" in sentence
    assert "allows 256" in sentence
    assert "ulimit -n" in sentence
    assert not started


def test_too_few_descriptors_for_one_more_node_are_said_too(monkeypatch):
    with LocalNetwork(Flood, 2) as net:
        monkeypatch.setattr(descriptors, "raise_limit", lambda needed: 20)
        with pytest.raises(NetworkError, match="file descriptors"):
            net.join("n2", to=["n0", "n1"])
        assert net.names == ["n0", "n1"]


def test_the_descriptors_of_a_network_are_as_many_as_were_counted():
    before = descriptors.in_use()
    with LocalNetwork(Flood, nx.cycle_graph(50)):
        used = descriptors.in_use() - before
        assert 150 <= used <= 150 + descriptors.SPARE
    eventually(lambda: descriptors.in_use() <= before)
