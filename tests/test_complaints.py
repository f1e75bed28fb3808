"""What the users of python-p2p-network have complained of for years, each a test.

A peer that went away was noticed late or never, messages ran into each other or lost their type,
connections were doubled, stopping took a second for each peer, and everything was printed. All
tests here run on real sockets.
"""

import logging
import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import networkx as nx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from tools import PATIENCE, Events, Stranger, eventually, free_port, on_thread, takes_less_than

from p2pkit import LocalNetwork, Message, Node, Protocol, on, tcp
from p2pkit.errors import MessageError

pytestmark = pytest.mark.usefixtures("nothing_left")

MANY = 16 * 1024 * 1024


class Parcel(Message):
    """Some bytes."""

    content: bytes


class Letter(Message):
    """Some text."""

    content: str


class Post(Protocol):
    """Send things, and keep what arrives."""

    def on_start(self):
        self.got = []
        self.gone = []

    def on_disconnect(self, peer):
        self.gone.append((peer, self.now))

    @on(Parcel)
    def take(self, parcel, sender):
        self.got.append(parcel)

    @on(Letter)
    def read(self, letter, sender):
        self.got.append(letter)

    def say(self, to, *messages):
        for message in messages:
            self.send(to, message)

    def dial(self, address):
        self.connect(address)

    def me(self):
        return self.contact


@pytest.fixture
def make_node():
    """Return a function that makes a started node, with its events as `node.events`."""
    nodes = []

    def make(callback=None):
        events = Events()
        node = Node("localhost", 0, callback or events)
        node.events = events
        node.start()
        nodes.append(node)
        return node

    yield make
    for node in nodes:
        node.stop()
    for node in nodes:
        node.join(PATIENCE)


def connect(a, b):
    assert a.connect_with_node("localhost", b.port), a.failure
    eventually(lambda: b.nodesIn)


# Whoever goes away is missed


def test_a_node_that_stops_is_reported_within_a_second(make_node):
    a, b, c = make_node(), make_node(), make_node()
    connect(a, b)
    connect(c, a)
    b.stop()
    eventually(lambda: "NODEOUTBOUNDCLOSED" in a.events.kinds, within=1)
    c.stop()
    eventually(lambda: "NODEINBOUNDCLOSED" in a.events.kinds, within=1)
    eventually(lambda: not a.nodesIn and not a.nodesOut)


def test_a_node_that_crashes_leaves_or_hangs_up_is_reported_within_a_second():
    for verb in (LocalNetwork.crash, LocalNetwork.leave):
        with LocalNetwork(Post, nx.path_graph(2)) as net:
            verb(net, "n0")
            assert net.run(until=lambda: net["n1"].gone, within=1)


PROGRAM = """
import sys
from p2pkit import Node
node = Node("localhost", 0, lambda event, node, other, data: None)
node.start()
print(node.port, flush=True)
sys.stdin.read()
node.stop()
node.join()
"""


@pytest.fixture
def other_program():
    """Another Python with a node; returns the process and the node's port."""
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        yield process, int(process.stdout.readline())
        process.kill()


def test_a_program_that_is_killed_is_reported_within_a_second(make_node, other_program):
    process, port = other_program
    node = make_node()
    assert node.connect_with_node("localhost", port)
    process.kill()
    eventually(lambda: node.events.kinds == ["CONNECTEDWITHNODE", "NODEOUTBOUNDCLOSED"], within=1)


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="needs SIGSTOP")
def test_a_program_that_freezes_is_reported_within_a_few_heartbeats(make_node, other_program):
    process, port = other_program
    node = make_node()
    assert node.connect_with_node("localhost", port)
    os.kill(process.pid, signal.SIGSTOP)
    try:
        frozen = time.monotonic()
        eventually(lambda: "NODEOUTBOUNDCLOSED" in node.events.kinds)
        assert time.monotonic() - frozen < tcp.PEER_TIMEOUT + 3 * tcp.HEARTBEAT
        assert not node.nodesOut
    finally:
        os.kill(process.pid, signal.SIGCONT)


def test_somebody_who_said_hello_and_falls_silent_is_given_up_and_nobody_else(impatient):
    with LocalNetwork(Post, nx.path_graph(2), name="test") as net:
        with Stranger(net.call("n0", "me").address) as silent:
            since = net.now
            silent.hello("test", id="x")
            assert net.run(until=lambda: "x" in net["n0"].peers, within=PATIENCE)
            assert net.run(until=lambda: net["n0"].gone, within=PATIENCE)
            [(who, when)] = net["n0"].gone
            assert who == "x"
            assert when - since > 0.2
            assert silent.is_hung_up_on()
        assert set(net["n0"].peers) == {"n1"}
        assert net["n1"].gone == []


def test_somebody_who_only_sends_heartbeats_stays(impatient):
    with (
        LocalNetwork(Post, 1, name="test") as net,
        Stranger(net.call("n0", "me").address) as quiet,
    ):
        quiet.hello("test", id="x")
        assert net.run(until=lambda: "x" in net["n0"].peers, within=PATIENCE)
        for _ in range(40):
            quiet.send(bytes(12))
            time.sleep(0.02)
        assert net["n0"].gone == []


def test_a_quiet_connection_is_kept_by_both(impatient):
    with LocalNetwork(Post, 3) as net:
        net.run(1.0)
        assert net.overlay().number_of_edges() == 3
        assert all(node.gone == [] for node in net)


# What is sent arrives, as it was


json_values = some.recursive(
    some.none()
    | some.booleans()
    | some.integers(-(2**63), 2**63 - 1)
    | some.floats(allow_nan=False, allow_infinity=False)
    | some.text(),
    lambda inside: some.lists(inside) | some.dictionaries(some.text(), inside),
    max_leaves=20,
)


@pytest.fixture
def two_nodes(make_node):
    a, b = make_node(), make_node()
    connect(a, b)
    return a, b


def same(one, other):
    """Tell whether two values are equal and of the same types, all the way down."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other and repr(one) == repr(other)


@given(batch=some.lists(some.binary() | json_values, min_size=1, max_size=20))
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_data_of_every_kind_arrives_in_order_and_typed(two_nodes, batch):
    a, b = two_nodes
    b.events.all.clear()
    for data in batch:
        a.send_to_nodes(data)
    eventually(lambda: len(b.events.messages) == len(batch))
    assert all(map(same, b.events.messages, batch))


def test_any_byte_arrives_alone_and_in_company(two_nodes):
    a, b = two_nodes
    data = [bytes([byte]) for byte in range(256)] + [bytes(range(256)), b"", "", {}, [], 0, None]
    for item in data:
        a.send_to_nodes(item)
    eventually(lambda: len(b.events.messages) == len(data))
    assert all(map(same, b.events.messages, data))


def test_texts_that_look_like_the_wire_format_arrive(two_nodes):
    a, b = two_nodes
    data = [
        "\x04",
        "\r\n\r\n",
        '["Json",{"value":1}]',
        "\0" * 12,
        "ÿ\U0001f600\u2028",
        "compressed",
    ]
    for item in data:
        a.send_to_nodes(item)
        a.send_to_nodes(item.encode())
        a.send_to_nodes({item: [item]})
    eventually(lambda: len(b.events.messages) == 3 * len(data))
    assert b.events.messages == [x for d in data for x in (d, d.encode(), {d: [d]})]


@pytest.mark.parametrize(
    "make",
    [random.Random(1).randbytes, lambda size: "é" * (size // 2), lambda size: ["x" * size, 1]],
    ids=["bytes", "str", "list"],
)
def test_16_mebibytes_arrive_whole(two_nodes, make):
    a, b = two_nodes
    data = make(MANY)
    a.send_to_nodes(data)
    a.send_to_nodes("after")
    eventually(lambda: len(b.events.messages) == 2, within=60)
    assert b.events.messages == [data, "after"]
    assert "NODEINBOUNDCLOSED" not in b.events.kinds


def test_16_mebibytes_arrive_whole_both_ways_at_once(two_nodes):
    a, b = two_nodes
    one, other = random.Random(1).randbytes(MANY), random.Random(2).randbytes(MANY)
    a.send_to_nodes(one)
    b.send_to_nodes(other)
    eventually(lambda: a.events.messages and b.events.messages, within=60)
    assert a.events.messages == [other]
    assert b.events.messages == [one]
    assert a.nodesOut
    assert b.nodesIn


@pytest.mark.parametrize("threads", [1, 4])
def test_many_large_messages_arrive_whole_however_fast_they_are_sent(two_nodes, threads):
    a, b = two_nodes
    data = random.Random(1).randbytes(MANY)

    def send():
        for _ in range(12 // threads):
            a.send_to_nodes(data)

    senders = [on_thread(send) for _ in range(threads)]
    for sender in senders:
        sender.join()
    eventually(lambda: len(b.events.messages) == 12, within=60)
    assert all(message == data for message in b.events.messages)
    assert "NODEINBOUNDCLOSED" not in b.events.kinds


def test_large_messages_of_a_protocol_arrive_whole():
    with LocalNetwork(Post, 2, record="counts") as net:
        messages = [
            Parcel(random.Random(1).randbytes(MANY)),
            Letter("é" * (MANY // 2)),
            Parcel(b""),
            Letter(""),
        ]
        net.call("n0", "say", "n1", *messages)
        assert net.run(until=lambda: len(net["n1"].got) == 4, within=60)
        assert net["n1"].got == messages


def test_large_messages_of_protocols_pass_each_other():
    with LocalNetwork(Post, 2, record="counts") as net:
        parcels = [Parcel(random.Random(n).randbytes(MANY)) for n in range(2)]
        net.call("n0", "say", "n1", *parcels)
        net.call("n1", "say", "n0", *parcels)
        assert net.run(until=lambda: all(len(node.got) == 2 for node in net), within=60)
        assert [node.got for node in net] == [parcels, parcels]
        assert [node.gone for node in net] == [[], []]


def test_what_is_too_large_is_refused_where_it_is_sent(two_nodes):
    a, b = two_nodes
    with pytest.raises(MessageError, match="are allowed"):
        a.send_to_nodes(bytes(40 * 1024 * 1024))
    a.send_to_nodes("small")
    eventually(lambda: b.events.messages == ["small"])


def test_messages_sent_in_a_burst_do_not_run_into_each_other(two_nodes):
    a, b = two_nodes
    for number in range(5000):
        a.send_to_nodes({"number": number})
    eventually(lambda: len(b.events.messages) == 5000)
    assert [data["number"] for data in b.events.messages] == list(range(5000))


# Connections are as many as they should be


def test_a_node_does_not_connect_with_itself(make_node):
    node = make_node()
    assert node.connect_with_node("localhost", node.port) is False
    assert "this node itself" in node.failure
    assert node.connect_with_node("127.0.0.1", node.port) is False
    assert node.nodesIn == node.nodesOut == []
    assert node.events.all == []


def test_connecting_twice_makes_one_connection(make_node):
    a, b = make_node(), make_node()
    for _ in range(3):
        connect(a, b)
    assert b.connect_with_node("localhost", a.port)  # they are connected, whoever dialled
    assert len(a.nodesOut) == len(b.nodesIn) == 1
    assert a.nodesIn == b.nodesOut == []
    a.send_to_nodes("once")
    b.send_to_nodes("once")
    eventually(lambda: a.events.messages and b.events.messages)
    time.sleep(0.05)
    assert a.events.messages == b.events.messages == ["once"]
    assert a.events.kinds.count("CONNECTEDWITHNODE") == 1
    assert b.events.kinds.count("NODECONNECTED") == 1


def test_connecting_from_both_sides_at_once_makes_one_connection(make_node):
    for _ in range(20):
        a, b = make_node(), make_node()
        with ThreadPoolExecutor() as pool:
            results = pool.map(Node.connect_with_node, (a, b), ["localhost"] * 2, (b.port, a.port))
        assert list(results) == [True, True]

        def connected(node):
            return len(node.nodesIn) + len(node.nodesOut)

        eventually(lambda a=a, b=b: connected(a) == connected(b) == 1)
        assert len(a.nodesOut) == len(b.nodesIn)
        a.send_to_nodes("from a")
        b.send_to_nodes("from b")
        eventually(lambda a=a, b=b: a.events.messages and b.events.messages)
        assert a.events.messages == ["from b"]
        assert b.events.messages == ["from a"]
        assert len(a.events.all) == len(b.events.all) == 2
        a.stop()
        b.stop()


def test_connections_from_many_threads_at_once_are_one_each(make_node):
    hub, others = make_node(), [make_node() for _ in range(10)]
    threads = [
        on_thread(one.connect_with_node, "localhost", hub.port) for one in others for _ in range(3)
    ]
    threads += [on_thread(hub.connect_with_node, "localhost", one.port) for one in others]
    for thread in threads:
        thread.join()
    eventually(lambda: len(hub.nodesIn) + len(hub.nodesOut) == 10)
    for one in others:
        eventually(lambda one=one: len(one.nodesIn) + len(one.nodesOut) == 1)
    hub.send_to_nodes("all")
    for one in others:
        eventually(lambda one=one: one.events.messages)
    time.sleep(0.05)
    assert all(one.events.messages == ["all"] for one in others)


# Stopping is quick, and failing says why


def test_stopping_takes_less_than_half_a_second_with_50_peers(make_node):
    hub, others = make_node(), [make_node() for _ in range(50)]
    for one in others:
        connect(one, hub)
    eventually(lambda: len(hub.nodesIn) == 50)
    with takes_less_than(0.5):
        hub.stop()
        hub.join()
    for one in others:
        eventually(lambda one=one: not one.nodesOut, within=1)


def test_a_network_of_50_nodes_closes_in_less_than_half_a_second():
    with LocalNetwork(Post, nx.star_graph(50)) as net:
        began = time.monotonic()
    assert time.monotonic() - began < 0.5
    assert net.trace.count(kind="start") == 51


def test_a_connection_that_fails_says_why_and_soon(make_node):
    node = make_node()
    with takes_less_than(2):
        assert node.connect_with_node("localhost", free_port()) is False
    assert "nobody listens there" in node.failure
    assert node.connect_with_node("localhost", 99_999) is False
    assert "no address" in node.failure
    assert node.events.all == []
    other = make_node()
    assert node.connect_with_node("localhost", other.port) is True
    assert node.failure == ""


def test_a_stranger_who_speaks_something_else_is_told_apart(make_node):
    import socket

    node = make_node()
    with socket.create_server(("127.0.0.1", 0)) as web:
        failed = []
        thread = on_thread(
            lambda: failed.append(node.connect_with_node("localhost", web.getsockname()[1]))
        )
        connection, _ = web.accept()
        with connection:
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            thread.join()
    assert failed == [False]
    assert "frame" in node.failure


# Nothing is printed


def test_nothing_is_printed_or_logged(make_node, capfd, caplog):
    caplog.set_level(logging.DEBUG)
    a, b = make_node(), make_node()
    connect(a, b)
    a.send_to_nodes({"x": 1})
    b.send_to_nodes(b"y")
    eventually(lambda: a.events.messages and b.events.messages)
    a.connect_with_node("localhost", a.port)
    a.connect_with_node("localhost", free_port())
    with Stranger(f"127.0.0.1:{a.port}") as stranger:
        stranger.send(b"GET / HTTP/1.1\r\n\r\n")
        assert stranger.is_hung_up_on()
    with Stranger(f"127.0.0.1:{a.port}") as stranger:
        stranger.hello("node", id="x")
        stranger.send(b"\xff" * 1000)
        assert stranger.is_hung_up_on()
    b.stop()
    eventually(lambda: not a.nodesOut)
    a.stop()
    a.join()
    with LocalNetwork(Post, 3, name="test") as net:
        net.call("n0", "say", "n1", Parcel(b"x"))
        net.call("n0", "dial", f"127.0.0.1:{free_port()}")
        net.crash("n2")
        net.run(0.1)
    assert capfd.readouterr() == ("", "")
    assert [record for record in caplog.records if record.name != "asyncio"] == []
    assert not [r for r in caplog.records if r.levelno >= logging.WARNING]
