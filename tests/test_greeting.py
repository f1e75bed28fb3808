"""Greetings: strangers who cannot greet, those who may not come in, and two who dial each other."""

import socket
import time
from contextlib import ExitStack

import networkx as nx
import pytest
from tools import PATIENCE, Stranger, eventually, free_port, hosts, stays, takes_less_than

from p2pkit import LocalNetwork, Message, Protocol, greeting, on, tcp
from p2pkit.connection import MAX_HELLO, Hello, Refusal
from p2pkit.errors import NetworkError
from p2pkit.framing import HEARTBEAT_FRAME, frame
from p2pkit.greeting import reason_of
from p2pkit.message import encode

pytestmark = pytest.mark.usefixtures("nothing_left")


class Word(Message):
    """Something said."""

    text: str


class Host(Protocol):
    """Keep what is said, and who comes and goes."""

    def on_start(self):
        self.words = []
        self.seen = []
        self.unreachable = []

    def on_connect(self, peer):
        self.seen.append(f"+{peer}")

    def on_disconnect(self, peer):
        self.seen.append(f"-{peer}")

    def on_unreachable(self, address):
        self.unreachable.append(address)

    @on(Word)
    def hear(self, word, sender):
        self.words.append((sender, word.text))

    def say(self, to, text):
        self.send(to, Word(text))

    def dial(self, *addresses):
        for address in addresses:
            self.connect(address)

    def me(self):
        return self.contact


@pytest.fixture
def net():
    """Two connected nodes; strangers talk to n0, and n1 must not notice. Strangers whose id is
    above "n0" are accepted at their hello, those below have to send a heartbeat."""
    with LocalNetwork(Host, nx.path_graph(2), name="test") as net:
        yield net
        net.call("n1", "say", "n0", "all is well")
        assert net.run(until=lambda: ("n1", "all is well") in net["n0"].words, within=PATIENCE)
        assert net["n1"].seen == ["+n0"]


def visit(net):
    return Stranger(net.call("n0", "me").address)


def refused(net):
    return [e.reason for e in net.trace.where(kind="drop", node="n0")]


def answer(stranger):
    """Return what a node says to a stranger: its hello, a heartbeat (None), or a refusal."""
    return stranger.hear(Hello, Refusal)


# Those who cannot greet


NONSENSE = {
    "http": (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "a frame of"),
    "tls": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", None),
    "ssh": (b"SSH-2.0-OpenSSH_9.6\r\n", "a frame of"),
    "garbage": (b"\xff" * 500, "a frame of"),
    "zeros": (b"\0" * 500, "no hello"),
    "not json": (frame(b"hello, may I come in?", 0), "no hello"),
    "other message": (frame(b'["Word",{"text":"hello"}]', 0), "no hello"),
    "wrong fields": (frame(b'["Hello",{"version":"one"}]', 0), "no hello"),
    "deep": (frame(b"[" * 4000, 0), "no hello"),
    "not utf-8": (frame(b'["Hello",{"id":"\xff"}]', 0), "no hello"),
    "oversize": (frame(bytes(MAX_HELLO + 1), 0), "a frame of 4,097 bytes, and 4,096 are allowed"),
    "claims 4 GiB": (b"\xff\xff\xff\xff" + bytes(8), "a frame of 4,294,967,295 bytes"),
}


@pytest.mark.parametrize("what", NONSENSE)
def test_nonsense_ends_its_connection_with_a_reason(net, monkeypatch, what):
    data, reason = NONSENSE[what]
    if reason is None:  # it looks like the beginning of something
        monkeypatch.setattr(greeting, "HELLO_TIMEOUT", 0.1)
        reason = "no hello within"
    with visit(net) as stranger:
        stranger.send(data)
        assert stranger.is_hung_up_on()
    [recorded] = refused(net)
    assert recorded.startswith("refused: ")
    assert reason in recorded
    assert set(net["n0"].peers) == {"n1"}


def test_somebody_who_says_nothing_is_hung_up_on(net, monkeypatch):
    monkeypatch.setattr(greeting, "HELLO_TIMEOUT", 0.2)
    began = time.monotonic()
    with visit(net) as stranger:
        assert stranger.is_hung_up_on()
    assert 0.15 < time.monotonic() - began < 5
    assert refused(net) == ["refused: no hello within 0 s"]


def test_somebody_who_speaks_slowly_is_hung_up_on(net, monkeypatch):
    monkeypatch.setattr(greeting, "HELLO_TIMEOUT", 0.3)
    with visit(net) as stranger:
        data = frame(encode(Hello(1, "test", "x", 1, "127.0.0.1:1", "peer")), 0)
        with pytest.raises(OSError):  # noqa: PT011, PT012 (a reset or a broken pipe)
            for byte in data:
                stranger.send(bytes([byte]))
                time.sleep(0.02)
    [reason] = refused(net)
    assert "no hello within" in reason


def test_a_hello_in_single_bytes_is_a_hello(net):
    with visit(net) as stranger:
        for byte in frame(encode(Hello(1, "test", "x", 1, "127.0.0.1:1", "peer")), 0):
            stranger.send(bytes([byte]))
        assert answer(stranger).id == "n0"


def test_somebody_who_hangs_up_at_once_is_no_trouble(net):
    for _ in range(20):
        visit(net).socket.close()
    net.run(0.05)
    assert refused(net) == []


def test_too_many_who_have_not_greeted_are_hung_up_on(net, monkeypatch):
    monkeypatch.setattr(greeting, "MAX_GREETING", 5)
    with ExitStack() as stack:
        silent = [stack.enter_context(visit(net)) for _ in range(5)]
        net.run(0.05)
        assert visit_is_refused(net)
        assert "more than 5 connections without a hello" in refused(net)[0]
        silent[0].hello("test", id="x")  # there is room for one more then
        assert answer(silent[0]).id == "n0"
        with visit(net) as late:
            late.hello("test", id="y")
            assert answer(late).id == "n0"


def visit_is_refused(net):
    try:
        with visit(net) as stranger:
            return stranger.is_hung_up_on()
    except ConnectionResetError:
        return True


# Those who may not come in


@pytest.mark.parametrize(
    ("hello", "reason"),
    [
        ({"version": 2}, "wire format 2, and this node speaks 1"),
        ({"network": "other"}, "this node belongs to the network 'test', not to 'other'"),
        ({"id": "n0"}, "this node is called n0 too"),
        ({"id": ""}, "a name has 1 to 128 printable characters"),
        ({"id": "x" * 129}, "a name has 1 to 128 printable characters"),
        ({"id": "x\ny"}, "a name has 1 to 128 printable characters"),
        ({"address": "nowhere"}, "is no address"),
        ({"address": "127.0.0.1:99999"}, "is no address"),
    ],
)
def test_a_hello_that_is_not_welcome_is_refused_in_words(net, hello, reason):
    with visit(net) as stranger:
        stranger.hello(**{"network": "test", "id": "x"} | hello)
        refusal = answer(stranger)
        assert isinstance(refusal, Refusal)
        assert reason in refusal.reason
        assert stranger.is_hung_up_on()
    assert reason in refused(net)[0]
    assert set(net["n0"].peers) == {"n1"}


def test_a_newcomer_never_takes_the_place_of_somebody_who_is_there(net):
    with visit(net) as stranger:
        stranger.hello("test", id="n1")
        assert answer(stranger) == Refusal("another n1 is connected already")
        assert stranger.is_hung_up_on()
    assert refused(net) == ["refused: another n1 is connected already"]
    assert net["n0"].seen == ["+n1"]


def test_somebody_who_is_connected_and_comes_again_is_told_so(net):
    with visit(net) as stranger:
        stranger.hello("test", id="x", incarnation=7)
        answer(stranger)
        with visit(net) as again:
            again.hello("test", id="x", incarnation=7)
            assert answer(again).reason == greeting.TAKEN
            assert again.is_hung_up_on()
        stranger.say(Word("still here"), serial=1)
        assert net.run(until=lambda: net["n0"].words, within=PATIENCE)
    assert refused(net) == []


def test_whoever_is_welcome_is_told_who_answers_and_is_a_peer(net):
    with visit(net) as stranger:
        stranger.hello("test", id="x", address="127.0.0.1:7777")
        hello = answer(stranger)
        assert (hello.version, hello.network, hello.id) == (1, "test", "n0")
        assert hello.address == net.call("n0", "me").address
        stranger.say(Word("good morning"), serial=1)
        assert net.run(until=lambda: net["n0"].words, within=PATIENCE)
        assert net["n0"].words == [("x", "good morning")]
        assert net["n0"].peers["x"] == "127.0.0.1:7777"
        net.call("n0", "say", "x", "welcome")
        assert stranger.hear(Word) == Word("welcome")
    assert net.run(until=lambda: net["n0"].seen == ["+n1", "+x", "-x"], within=PATIENCE)


def test_the_smaller_id_has_the_last_word(net):
    with visit(net) as stranger:
        stranger.hello("test", id="a")
        assert answer(stranger).id == "n0"
        net.run(0.05)
        assert "a" not in net["n0"].peers  # n0 has agreed, and a must confirm
        stranger.send(HEARTBEAT_FRAME)
        stranger.say(Word("it is me"), serial=1)
        assert net.run(until=lambda: ("a", "it is me") in net["n0"].words, within=PATIENCE)


def test_somebody_who_does_not_confirm_is_hung_up_on(net, monkeypatch):
    monkeypatch.setattr(greeting, "HELLO_TIMEOUT", 0.2)
    with visit(net) as stranger:
        stranger.hello("test", id="a")
        assert answer(stranger).id == "n0"
        assert stranger.is_hung_up_on()
    assert "+a" not in net["n0"].seen


def test_a_second_hello_changes_nothing(net):
    with visit(net) as stranger:
        stranger.hello("test", id="x")
        answer(stranger)
        stranger.hello("test", id="y")
        stranger.say(Word("still x"), serial=2)
        assert net.run(until=lambda: net["n0"].words, within=PATIENCE)
        assert net["n0"].words == [("x", "still x")]
        assert "y" not in net["n0"].peers


def test_a_node_that_listens_everywhere_is_known_by_where_it_was_seen(net):
    with visit(net) as stranger:
        stranger.hello("test", id="x", address="0.0.0.0:5000")
        answer(stranger)
        assert net.run(until=lambda: "x" in net["n0"].peers, within=PATIENCE)
        assert net["n0"].peers["x"] == "127.0.0.1:5000"


def test_a_contact_is_no_peer_and_may_speak(net):
    with visit(net) as stranger:
        stranger.hello("test", id="x", purpose="contact")
        assert answer(stranger).id == "n0"
        stranger.say(Word("a question"), serial=1)
        assert net.run(until=lambda: net["n0"].words, within=PATIENCE)
        assert net["n0"].words == [("x", "a question")]
        assert "x" not in net["n0"].peers
    assert net["n0"].seen == ["+n1"]


def test_a_contact_that_says_no_more_is_hung_up_on(net, impatient, monkeypatch):
    monkeypatch.setattr(tcp, "GUEST_IDLE", 0.3)
    with visit(net) as contact, visit(net) as peer:
        contact.hello("test", id="x", purpose="contact")
        peer.hello("test", id="y")
        answer(peer)
        end = time.monotonic() + PATIENCE
        while len(hosts(net)["n0"].connections) > 2:
            assert time.monotonic() < end
            contact.send(HEARTBEAT_FRAME)  # it lives, and that is not enough
            peer.send(HEARTBEAT_FRAME)
            net.run(0.02)
        assert set(net["n0"].peers) == {"n1", "y"}


# Garbage after the hello


def test_what_is_not_understood_is_dropped_and_the_connection_stays(net):
    with visit(net) as stranger:
        stranger.hello("test", id="x")
        answer(stranger)
        for body in (
            b"garbage",
            b'["Word",{}]',
            b'["Word",{"text":5}]',
            b'["Unknown",{}]',
            b'["Word",{"text":"a","text":"b"}]',
            b"[" * 100_000,
            b'["Word",{"text":"\xff"}]',
            b'["Word",{"text":NaN}]',
        ):
            stranger.send(frame(body, 1))
        stranger.say(Word("fine"), serial=9)
        assert net.run(until=lambda: net["n0"].words, within=PATIENCE)
        assert net["n0"].words == [("x", "fine")]
    reasons = refused(net)
    assert len(reasons) == 8
    assert all(reason.startswith("not understood: ") for reason in reasons)


def test_an_answer_that_nobody_asked_for_is_dropped(net):
    with visit(net) as stranger:
        stranger.hello("test", id="x")
        answer(stranger)
        stranger.send(frame(encode(Word("yes")), 1, reply_to=77))
        assert net.run(until=lambda: refused(net), within=PATIENCE)
    assert refused(net)[0].startswith("nobody asked")


def test_an_oversize_frame_after_the_hello_ends_the_connection(net):
    with visit(net) as stranger:
        stranger.hello("test", id="x")
        answer(stranger)
        stranger.send((33 * 1024 * 1024).to_bytes(4, "big") + bytes(8))
        assert stranger.is_hung_up_on()
    assert net.run(until=lambda: "-x" in net["n0"].seen, within=PATIENCE)
    assert any("33,554,432 are allowed" in reason for reason in refused(net))


# Dialling


@pytest.fixture
def crowd(monkeypatch):
    """A node alone, and a listener who can be dialled and answers as it likes."""
    with (
        LocalNetwork(Host, 1, name="test") as net,
        socket.create_server(("127.0.0.1", 0)) as server,
    ):
        server.settimeout(PATIENCE)
        yield net, server, f"127.0.0.1:{server.getsockname()[1]}"


def accept(server):
    """Wait until the node calls, and return that call."""
    connection, _ = server.accept()
    return Stranger(connection)


def unreachable(net):
    return [event.reason for event in net.trace.where(kind="unreachable")]


def test_a_dialled_node_that_refuses_is_unreachable_for_its_reason(crowd):
    net, server, address = crowd
    net.call("n0", "dial", address)
    with accept(server) as other:
        assert answer(other).id == "n0"
        other.say(Refusal("not in this weather"))
        assert other.is_hung_up_on()
    assert net.run(until=lambda: net["n0"].unreachable == [address], within=PATIENCE)
    assert unreachable(net) == [f"{address}: refused: not in this weather"]


def test_a_dialled_node_that_hangs_up_or_talks_nonsense_is_unreachable(crowd):
    net, server, address = crowd
    for data in (b"", b"220 mail.example ESMTP\r\n"):
        net.call("n0", "dial", address)
        with accept(server) as other:
            other.send(data)
            answer(other)
        count = 2 if data else 1
        assert net.run(until=lambda n=count: len(net["n0"].unreachable) == n, within=PATIENCE)
    assert len(unreachable(net)) == 2


def test_a_dialled_node_that_says_nothing_is_unreachable_in_time(crowd, monkeypatch):
    monkeypatch.setattr(greeting, "HELLO_TIMEOUT", 0.2)
    net, server, address = crowd
    net.call("n0", "dial", address)
    with accept(server):
        assert net.run(until=lambda: net["n0"].unreachable, within=PATIENCE)
    assert "no hello within" in unreachable(net)[0]


def test_dialling_the_same_address_again_while_that_is_under_way_is_dialling_once(crowd):
    net, server, address = crowd
    net.call("n0", "dial", address, address, address)
    with accept(server) as other:
        answer(other)
        server.settimeout(0.2)
        with pytest.raises(TimeoutError):
            server.accept()
        other.hello("test", id="a")
        other.send(HEARTBEAT_FRAME)
        assert net.run(until=lambda: "a" in net["n0"].peers, within=PATIENCE)


def test_addresses_of_others_are_dialled_only_so_many_a_second(monkeypatch):
    monkeypatch.setattr(greeting, "MAX_DIALS", 20)
    with LocalNetwork(Host, 1) as net:
        ports = [free_port() for _ in range(10)]
        began = net.now
        net.call("n0", "dial", *(f"127.0.0.1:{port}" for port in dict.fromkeys(ports)))
        count = len(set(ports))
        assert net.run(until=lambda: len(net["n0"].unreachable) == count, within=PATIENCE)
        assert net.now - began > (count - 2) / 20


def test_too_many_addresses_that_wait_are_unreachable_at_once(monkeypatch):
    monkeypatch.setattr(greeting, "MAX_WAITING_DIALS", 5)
    monkeypatch.setattr(greeting, "MAX_DIALS", 5)
    with LocalNetwork(Host, 1) as net:
        net.call("n0", "dial", *(f"127.0.0.1:{port}" for port in range(1, 11)))
        assert net.run(until=lambda: len(net["n0"].unreachable) >= 5, within=PATIENCE)
        assert any("other addresses are waiting" in reason for reason in unreachable(net))


def test_closing_a_network_gives_up_its_dials(crowd):
    net, server, address = crowd
    net.call("n0", "dial", address)
    with accept(server) as other:
        answer(other)
        net.close()
        assert other.is_hung_up_on()


@pytest.mark.parametrize("why", [greeting.TAKEN, greeting.CROSSING])
def test_whoever_says_that_we_are_connected_and_is_not_is_not_believed(crowd, monkeypatch, why):
    monkeypatch.setattr(greeting, "DIAL_TIMEOUT", 0.2)
    net, server, address = crowd
    net.call("n0", "dial", address)
    with accept(server) as other:
        answer(other)
        other.say(Refusal(why, "x", 7))
        assert net.run(until=lambda: net["n0"].unreachable == [address], within=PATIENCE)
    assert unreachable(net) == [f"{address}: refused: {why}"]


def test_dialling_a_peer_by_another_name_of_its_machine_is_no_failure(net):
    with takes_less_than(2):
        for one, other in (("n0", "n1"), ("n1", "n0")):
            address = net.call(other, "me").address.replace("127.0.0.1", "localhost")
            assert net.dial(one, address) is None
    assert net["n0"].unreachable == net["n1"].unreachable == []
    assert net["n0"].seen == ["+n1"]


def test_a_refusal_that_only_ends_like_a_known_one_is_a_failure_at_once(crowd):
    net, server, address = crowd
    net.call("n0", "dial", address)
    with accept(server) as other:
        answer(other)
        other.say(Refusal("no, you are already connected"))
        assert net.run(until=lambda: net["n0"].unreachable == [address], within=1)


def test_whoever_claims_anothers_address_does_not_keep_us_from_dialling_it(crowd):
    net, server, address = crowd
    with visit(net) as liar:
        liar.hello("test", id="x", address=address)
        answer(liar)
        assert net.run(until=lambda: "x" in net["n0"].peers, within=PATIENCE)
        net.call("n0", "dial", address)
        with accept(server) as other:
            answer(other)
            other.hello("test", id="y", address=address)
            other.send(HEARTBEAT_FRAME)
            assert net.run(until=lambda: set(net["n0"].peers) == {"x", "y"}, within=PATIENCE)


def test_whoever_claims_an_address_while_we_dial_it_does_not_end_that(crowd):
    net, server, address = crowd
    net.call("n0", "dial", address)
    with accept(server) as other:
        answer(other)
        with visit(net) as liar:
            liar.hello("test", id="a", address=address)
            answer(liar)
            liar.send(HEARTBEAT_FRAME)
            assert net.run(until=lambda: "a" in net["n0"].peers, within=PATIENCE)
    assert net.run(until=lambda: net["n0"].unreachable == [address], within=PATIENCE)


def test_whoever_answers_a_dial_by_the_name_of_a_peer_is_not_that_peer(crowd):
    net, server, address = crowd
    with visit(net) as peer:
        peer.hello("test", id="x", incarnation=7)
        answer(peer)
        assert net.run(until=lambda: "x" in net["n0"].peers, within=PATIENCE)
        net.call("n0", "dial", address)
        with accept(server) as other:
            answer(other)
            other.hello("test", id="x", incarnation=8)
            assert answer(other) == Refusal("another x is connected already")
        assert net.run(until=lambda: net["n0"].unreachable == [address], within=PATIENCE)
        net.call("n0", "dial", address)
        with accept(server) as again:  # this time it is, at another address of its own
            answer(again)
            again.hello("test", id="x", incarnation=7)
            assert answer(again).reason == greeting.TAKEN
    assert net["n0"].unreachable == [address]


def test_strangers_words_reach_the_trace_in_one_line(crowd):
    net, server, address = crowd
    net.call("n0", "dial", address, "\x1b[2J" * 1000 + ":80")
    with accept(server) as other:
        answer(other)
        other.say(Refusal("\x1b[2J\r\n" * 100))
        assert net.run(until=lambda: len(net["n0"].unreachable) == 2, within=PATIENCE)
    assert any(rf"{address}: refused: \x1b[2J\r\n" in reason for reason in unreachable(net))
    assert all(reason.isprintable() and len(reason) < 450 for reason in unreachable(net))


def test_crossing_with_somebody_who_never_comes_ends(crowd, monkeypatch):
    """The smaller id says that it dials by itself, and does not: that is not waited for for ever."""
    monkeypatch.setattr(greeting, "DIAL_TIMEOUT", 0.3)
    net, server, address = crowd
    net.call("n0", "dial", address)
    with accept(server) as other:
        answer(other)
        other.say(Refusal(greeting.CROSSING))
        assert net.run(until=lambda: net["n0"].unreachable == [address], within=PATIENCE)


def test_an_old_crossing_does_not_end_a_new_dial(crowd, monkeypatch):
    monkeypatch.setattr(greeting, "DIAL_TIMEOUT", 0.5)
    net, server, address = crowd
    net.call("n0", "dial", address)
    with accept(server) as refuser, visit(net) as caller:
        answer(refuser)
        refuser.say(Refusal(greeting.CROSSING, "a", 1))
        caller.hello("test", id="a", address=address)
        answer(caller)
        caller.send(HEARTBEAT_FRAME)
        assert net.run(until=lambda: "a" in net["n0"].peers, within=PATIENCE)
    assert net.run(until=lambda: "-a" in net["n0"].seen, within=PATIENCE)
    net.call("n0", "dial", address)  # again, and this time the other takes its time
    with accept(server) as slow:
        answer(slow)
        stays(lambda: net["n0"].unreachable == [], 0.8)
        slow.hello("test", id="a", address=address)
        slow.send(HEARTBEAT_FRAME)
        assert net.run(until=lambda: "a" in net["n0"].peers, within=PATIENCE)
    assert unreachable(net) == []


# Two who dial each other


def dial_at_once(one, two, times=1):
    """Let two nodes of two networks dial each other in the same moment."""
    a, b = (next(iter(hosts(net).values())) for net in (one, two))
    for _ in range(times):
        one._thread.soon(a.connect, b.contact)
        two._thread.soon(b.connect, a.contact)


@pytest.mark.parametrize("round", range(20))
def test_two_who_dial_each_other_end_with_one_connection_the_smaller_ids(round):
    with (
        LocalNetwork(Host, nx.Graph([("b", "x")]), name="test") as one,
        LocalNetwork(Host, nx.Graph([("c", "y")]), name="test") as two,
    ):
        dial_at_once(one, two, times=1 + round % 2)
        eventually(lambda: "c" in one["b"].peers and "b" in two["c"].peers)
        here, there = hosts(one)["b"], hosts(two)["c"]
        eventually(lambda: len(here.connections) == len(there.connections) == 2)
        if (
            here.links["c"].dial is None
        ):  # then it was the first to be ready, and the other too late
            assert there.links["b"].dial is not None
        one.call("b", "say", "c", "hello c")
        two.call("c", "say", "b", "hello b")
        eventually(lambda: one["b"].words and two["c"].words)
        stays(lambda: one["b"].seen == ["+x", "+c"] and two["c"].seen == ["+y", "+b"], 0.05)
        assert one["b"].unreachable == two["c"].unreachable == []
        assert unreachable(one) == unreachable(two) == []


# Reasons in words


def test_reasons_are_words():
    assert reason_of(ConnectionRefusedError()) == "nobody listens there (connection refused)"
    assert reason_of(TimeoutError()) == "no answer within 5 s"
    assert reason_of(TimeoutError()) == "no answer within 5 s"
    assert "ports below 1024" in reason_of(PermissionError(13, "denied"))
    assert reason_of(OSError(98, "in use")) == "another program has this port"
    assert reason_of(NetworkError("a sentence")) == "a sentence"
    assert reason_of(OSError("anything else")) == "anything else"
