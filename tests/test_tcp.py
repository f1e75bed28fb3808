"""One protocol on one real socket, without a network around it."""

import asyncio

import pytest
from tools import PATIENCE, eventually, free_port

from p2pkit import Message, Protocol, on
from p2pkit.errors import NetworkError
from p2pkit.greeting import TAKEN
from p2pkit.link import Link
from p2pkit.tcp import Surroundings, TcpHost
from p2pkit.thread import LoopThread
from p2pkit.trace import Trace

pytestmark = pytest.mark.usefixtures("nothing_left")


class Word(Message):
    """Something said."""

    text: str


class Talker(Protocol):
    """Keep what is said."""

    def on_start(self):
        self.words = []
        self.gone = []

    def on_disconnect(self, peer):
        self.gone.append(peer)

    @on(Word)
    def hear(self, word, sender):
        if word.text == "break":
            raise LookupError("broken")
        self.words.append((sender, word.text))

    def say(self, to, text):
        self.send(to, Word(text))


class Bench:
    """Hosts on one loop, and what they tell their surroundings."""

    def __init__(self):
        self.crashed, self.failed = [], []
        self.loop = LoopThread("a bench", self.crashed.append)
        self.trace = Trace()
        self.around = Surroundings(
            "test",
            failed=lambda host, error: self.failed.append((host.id, error)),
        )
        self.hosts = []

    def host(self, id, address="127.0.0.1:0", *, start=True):
        host = TcpHost(Talker, id, self.loop.reactor, self.trace, self.around)
        self.loop.wait_for(host.listen, address)
        if start:
            self.loop.do(host.start)
        self.hosts.append(host)
        return host

    def connect(self, one, other):
        return self.loop.wait_for(one.connected, other.address)

    def close(self):
        for host in self.hosts:
            if host.open:
                self.loop.do(host.close, "the end")
        self.loop.close()
        assert self.crashed == []


@pytest.fixture
def bench():
    bench = Bench()
    yield bench
    bench.close()


def test_two_hosts_connect_and_talk(bench):
    a, b = bench.host("a"), bench.host("b")
    assert bench.connect(a, b) == ""
    eventually(lambda: "a" in b.peers)
    assert bench.connect(a, b) == TAKEN
    bench.loop.do(a.call, "say", "b", "hello")
    eventually(lambda: b.node.words == [("a", "hello")])
    assert a.peers == {"b": b.address}


def test_a_port_that_cannot_be_had_is_said(bench):
    a = bench.host("a")
    with pytest.raises(NetworkError, match=r"b cannot listen on .*: another program has this port"):
        bench.host("b", a.address)
    with pytest.raises(NetworkError, match="is no address"):
        bench.host("b", "nowhere")


def test_a_host_without_disk_or_pool_says_so(bench):
    a = bench.host("a")
    with pytest.raises(NetworkError, match="a has no disk"):
        bench.loop.do(lambda: a.disk)
    with pytest.raises(NetworkError, match="nobody to do its work"):
        bench.loop.do(lambda: a.work(int, then=print, takes=0.0))


def test_a_failure_of_the_protocol_is_told_and_ends_its_host_alone(bench):
    a, b, c = bench.host("a"), bench.host("b"), bench.host("c")
    bench.connect(a, b)
    bench.connect(a, c)
    eventually(lambda: len(a.peers) == 2)
    bench.loop.do(a.call, "say", "b", "break")
    eventually(lambda: bench.failed)
    [(id, error)] = bench.failed
    assert id == "b"
    assert isinstance(error, LookupError)
    eventually(lambda: a.node.gone == ["b"])
    assert not b.alive
    bench.loop.do(a.call, "say", "c", "and you?")
    eventually(lambda: c.node.words)


def test_a_host_that_crashed_listens_no_more_and_its_port_is_free(bench):
    a, b = bench.host("a"), bench.host("b")
    bench.connect(a, b)
    bench.loop.do(b.crash)
    eventually(lambda: a.node.gone == ["b"])
    assert "nobody listens there" in bench.connect(a, b)
    again = bench.host("b", b.address)
    assert bench.connect(a, again) == ""


def test_a_dial_that_fails_is_recorded_in_words(bench):
    a = bench.host("a")
    address = f"127.0.0.1:{free_port()}"
    assert "nobody listens there" in bench.loop.wait_for(a.connected, address)
    [event] = bench.trace.where(kind="unreachable")
    assert event.reason == f"{address}: nobody listens there (connection refused)"


@pytest.mark.parametrize("host", ["a..b", "x" * 70, "ex\0ample"])
def test_a_name_that_is_none_is_a_failure_in_words(bench, host):
    a = bench.host("a")
    assert "no name of a machine" in bench.loop.wait_for(a.connected, f"{host}:80")


def test_two_dials_of_one_address_share_their_result(bench):
    a, b = bench.host("a"), bench.host("b")

    async def both():
        return await asyncio.gather(a.connected(b.address), a.connected(b.address))

    assert bench.loop.wait_for(both) == ["", ""]
    assert len(a.links) == 1


def test_another_id_than_was_expected_is_refused(bench):
    a, b = bench.host("a"), bench.host("b")
    why = bench.loop.wait_for(a.connected, b.address, "c")
    assert "'b' answers there, and c was wanted" in why
    assert not a.links
    eventually(lambda: not b.connections)


def test_ids_decide_nothing_about_who_may_dial(bench):
    a, b, c = bench.host("a"), bench.host("b"), bench.host("c")
    assert bench.connect(a, b) == bench.connect(c, b) == ""
    eventually(lambda: set(b.links) == {"a", "c"})


def test_leaving_waits_no_longer_than_it_must(bench):
    a, b = bench.host("a"), bench.host("b")
    bench.connect(a, b)
    bench.loop.do(a.call, "say", "b", "last words")
    bench.loop.wait_for(a.leave)
    eventually(lambda: b.node.words == [("a", "last words")])
    eventually(lambda: b.node.gone == ["a"])
    assert not a.connections


def test_a_delayed_message_is_delivered_before_its_connection_ends(bench):
    bench.around.weather.link = Link(latency=0.2)
    a, b = bench.host("a"), bench.host("b")
    bench.connect(a, b)
    bench.loop.do(a.call, "say", "b", "slow")
    bench.loop.do(a.disconnect, "b")
    eventually(lambda: a.node.gone == ["b"])
    eventually(lambda: b.node.gone == ["a"])
    assert b.node.words == [("a", "slow")]


def test_addresses_of_ipv6_work_where_there_is_ipv6(bench):
    try:
        a = bench.host("a", "[::1]:0")
    except NetworkError:
        pytest.skip("no IPv6 here")
    b = bench.host("b")
    assert a.address.startswith("[::1]:")
    assert bench.loop.wait_for(b.connected, a.address) == ""
    eventually(lambda: "b" in a.links)


def test_a_loop_that_was_held_up_blames_nobody(bench, impatient):
    a, b = bench.host("a"), bench.host("b")
    bench.connect(a, b)
    eventually(lambda: "a" in b.peers)
    import time

    bench.loop.do(time.sleep, 1.0)  # three times as long as anybody may be silent
    bench.loop.do(time.sleep, 0.5)
    eventually(lambda: bench.loop.do(lambda: max(x.silent for x in a.connections)) <= 1)
    assert a.node.gone == b.node.gone == []


def test_nothing_waits_when_all_is_over(bench):
    a, b = bench.host("a"), bench.host("b")
    bench.connect(a, b)
    bench.loop.do(a.close, "the end")
    eventually(lambda: not a.connections and not b.connections, within=PATIENCE)
