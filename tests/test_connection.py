"""Connections: what is written when, who reads too slowly, and how it ends."""

import socket
import time
import tracemalloc
from contextlib import ExitStack

import networkx as nx
import pytest
from tools import PATIENCE, Stranger, eventually, hosts, stays

from p2pkit import LocalNetwork, Message, Protocol, connection, on
from p2pkit.connection import Hello
from p2pkit.framing import frame
from p2pkit.message import encode

pytestmark = pytest.mark.usefixtures("nothing_left")

KILOBYTE = "x" * 1000


class Word(Message):
    """Something said."""

    text: str


class Ask(Message):
    """Wants much for little."""

    kilobytes: int


class Talker(Protocol):
    """Say much, and answer at length."""

    def on_start(self):
        self.words = 0
        self.gone = []

    def on_disconnect(self, peer):
        self.gone.append(peer)

    @on(Word)
    def hear(self, word, sender):
        self.words += 1

    @on(Ask)
    def answer(self, ask, sender):
        self.send(sender, Word(KILOBYTE * ask.kilobytes))

    def say(self, to, times, kilobytes=1):
        for _ in range(times):
            self.send(to, Word(KILOBYTE * kilobytes))

    def me(self):
        return self.contact


@pytest.fixture
def net():
    """Two connected nodes, who must still be so at the end."""
    with LocalNetwork(Talker, nx.path_graph(2), name="test", record="counts") as net:
        yield net
        heard = net["n1"].words
        net.call("n0", "say", "n1", 10)
        assert net.run(until=lambda: net["n1"].words == heard + 10, within=PATIENCE)
        assert net["n1"].gone == []


@pytest.fixture
def guest(net):
    """A stranger who is a peer of n0, called "x"."""
    with Stranger(net.call("n0", "me").address) as guest:
        guest.hello("test", id="x")
        guest.hear(Hello)
        assert net.run(until=lambda: "x" in net["n0"].peers, within=PATIENCE)
        yield guest


def of_guest(net):
    return hosts(net)["n0"].links["x"]


def test_all_that_is_said_in_a_turn_is_written_at_once(net, guest, monkeypatch):
    flushed = []
    flush = connection.Connection.flush

    def counted(self):
        if self.id == "x" and self._out:
            flushed.append(len(self._out))
        flush(self)

    monkeypatch.setattr(connection.Connection, "flush", counted)
    net.call("n0", "say", "x", 50)
    assert flushed == [50]
    for _ in range(50):
        assert guest.hear(Word) == Word(KILOBYTE)


def test_much_is_not_kept_until_the_end_of_the_turn(net, guest, monkeypatch):
    flushed = []
    flush = connection.Connection.flush

    def counted(self):
        if self.id == "x" and self._out:
            flushed.append(sum(map(len, self._out)))
        flush(self)

    monkeypatch.setattr(connection.Connection, "flush", counted)
    net.call("n0", "say", "x", 1000)
    assert len(flushed) > 5
    assert max(flushed) < 2 * connection.WRITE_NOW
    for _ in range(1000):
        guest.hear(Word)


def test_messages_arrive_in_whatever_pieces(net, guest):
    data = b"".join(frame(encode(Word(f"{number}")), number) for number in range(1, 200))
    for start in range(0, len(data), 7):
        guest.send(data[start : start + 7])
    assert net.run(until=lambda: net["n0"].words == 199, within=PATIENCE)


def test_a_quiet_connection_carries_heartbeats(impatient, net, guest):
    for _ in range(3):
        guest.send(bytes(12))
        assert guest.hear(Word) is None
    assert net["n0"].gone == []


def test_a_peer_that_reads_too_slowly_is_hung_up_on_and_nobody_else(net, guest, monkeypatch):
    monkeypatch.setattr(connection, "MAX_UNSENT", 1_000_000)
    net.call("n0", "say", "x", 20_000)
    assert net.run(until=lambda: net["n0"].gone == ["x"], within=PATIENCE)
    assert net.trace.count(kind="drop", reason="slow reader") == 1
    assert guest.is_hung_up_on()


def test_what_waits_for_a_peer_that_does_not_read_takes_no_more_memory_than_may_wait(net, guest):
    line = of_guest(net)
    tracemalloc.start()
    try:
        net.call("n0", "say", "x", 300, 1000)  # 300 MB
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert connection.MAX_UNSENT * 0.9 < peak < connection.MAX_UNSENT * 1.5
    assert line.transport.get_write_buffer_size() == 0
    assert net.run(until=lambda: net["n0"].gone == ["x"], within=PATIENCE)
    assert net.trace.count(kind="drop", reason="slow reader") == 1
    assert guest.is_hung_up_on()


def test_a_peer_that_asks_and_does_not_read_is_read_no_further(net, guest, monkeypatch):
    monkeypatch.setattr(connection, "MAX_UNSENT", 200_000_000)
    line = of_guest(net)
    line.transport.set_write_buffer_limits(high=1_000_000)
    guest.socket.settimeout(0.3)
    question = frame(encode(Ask(100)), 1)
    with pytest.raises(TimeoutError):  # noqa: PT012
        while True:
            guest.send(question)
    # What it asked lies in the sockets' buffers: about as much as was answered is kept here.
    assert line.unsent < 100_000_000
    guest.socket.settimeout(PATIENCE)
    guest.hear(Word)  # it may begin to read at any time
    stays(lambda: "x" not in net["n0"].gone)


def test_a_paused_node_reads_nothing_even_when_its_peer_begins_to(net, guest):
    line = of_guest(net)
    line.transport.set_write_buffer_limits(high=1_000_000)
    net.call("n0", "say", "x", 10_000)
    eventually(lambda: line.stuck)
    net.pause("n0")
    for _ in range(10_000):
        guest.hear(Word)
    eventually(lambda: not line.stuck)
    stays(lambda: not line.transport.is_reading())
    guest.say(Word("while you sleep"))
    net.run(0.1)
    assert net["n0"].words == 0
    net.resume("n0")
    assert net.run(until=lambda: net["n0"].words == 1, within=PATIENCE)


def test_two_who_both_wait_for_the_other_to_read_go_on():
    with LocalNetwork(Talker, nx.path_graph(2), record="counts") as net:
        for name in net.names:
            for line in hosts(net)[name].connections:
                line.transport.set_write_buffer_limits(high=100_000)
        net._thread.do(
            lambda: [
                host.call("say", other, 100, 100)
                for host, other in zip(hosts(net).values(), ("n1", "n0"), strict=True)
            ]
        )
        assert net.run(until=lambda: all(node.words == 100 for node in net), within=PATIENCE)
        assert [node.gone for node in net] == [[], []]


def test_whoever_hangs_up_in_good_order_is_gone(net, guest):
    guest.say(Word("goodbye"))
    guest.socket.shutdown(socket.SHUT_WR)
    assert net.run(until=lambda: net["n0"].gone == ["x"], within=1)
    assert net["n0"].words == 1


def test_whoever_is_cut_off_in_the_middle_of_a_message_is_gone(net, guest):
    guest.send(frame(encode(Word("goodbye")), 1)[:-3])
    guest.socket.close()
    assert net.run(until=lambda: net["n0"].gone == ["x"], within=1)
    assert net["n0"].words == 0


def test_a_crash_is_a_reset_and_leaving_is_none():
    for verb, error in ((LocalNetwork.crash, ConnectionResetError), (LocalNetwork.leave, EOFError)):
        with (
            LocalNetwork(Talker, nx.empty_graph(1), name="test") as net,
            Stranger(net.call("n0", "me").address) as guest,
        ):
            guest.hello("test", id="x")
            guest.hear(Hello)
            assert net.run(until=lambda net=net: "x" in net["n0"].peers, within=PATIENCE)
            verb(net, "n0")
            with pytest.raises(error):
                guest.hear(Word)


def test_memory_for_large_messages_is_given_back(impatient, net, guest):
    line = of_guest(net)
    guest.say(Word("x" * 3_000_000))
    assert net.run(until=lambda: net["n0"].words == 1, within=PATIENCE)
    for _ in range(100):
        if line.reader.capacity < 10_000:
            break
        guest.send(bytes(12))
        time.sleep(0.02)
    assert line.reader.capacity < 10_000


def test_unfinished_messages_of_many_are_bounded(impatient, net, monkeypatch):
    from p2pkit import tcp

    monkeypatch.setattr(tcp, "MAX_UNREAD", 3_000_000)
    half = (2_000_000).to_bytes(4, "big") + bytes(8) + b"x" * 1_000_000
    with ExitStack() as stack:
        guests = []
        for number in range(5):
            guest = stack.enter_context(Stranger(net.call("n0", "me").address))
            guest.hello("test", id=f"x{number}")
            guest.hear(Hello)
            guests.append(guest)
        for guest in guests:
            guest.send(half)
        assert net.run(until=lambda: net["n0"].gone, within=PATIENCE)
        assert net.trace.count(kind="drop") >= 1
    assert net.run(until=lambda: len(net["n0"].gone) == 5, within=PATIENCE)
