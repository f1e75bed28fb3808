"""Strangers: whatever they send, friends who talk to each other notice nothing.

`python -m pytest tests/test_strangers.py -m slow -s` does the worst of it for a minute, and prints
how long friends' messages took meanwhile, and how much memory grew.
"""

import gc
import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from random import Random

import networkx as nx
import pytest
from tools import PATIENCE, Stranger, eventually, hosts

import p2pkit
from p2pkit import LocalNetwork, Message, Protocol, greeting, on, tcp
from p2pkit.bounds import MAX_PARTS
from p2pkit.connection import MAX_HELLO, Hello
from p2pkit.framing import MAX_FRAME, frame
from p2pkit.message import Contact, encode
from p2pkit.tcp import MAX_UNREAD
from p2pkit.trace import REASONS

try:
    import psutil
except ImportError:
    psutil = None

pytestmark = pytest.mark.usefixtures("nothing_left")

HERE = Path(p2pkit.__file__).parent.parent

EVERY = 0.01
"""Seconds between two words of a friend to each other friend."""

IN_TIME = 1.0
"""Seconds that 99 of 100 words of friends may take, on a machine that is busy with strangers."""

AT_WORST = 4.0
"""Seconds that each of them may take: less than PEER_TIMEOUT, or friends would give each other up."""

MAX_GROWTH = MAX_UNREAD + 5 * MAX_FRAME + 250 * MAX_PARTS
"""Bytes that the process of one visited node may grow by: what is unfinished; one large message, copied
while its buffer grows, while it is taken out and while it is looked at; and what is made of it."""


class Word(Message):
    """What friends say to each other: a number, and when it was said."""

    number: int
    time: float


class Everything(Message):
    """Fields that a stranger may get wrong in many ways."""

    text: str
    number: int = 0
    real: float = 0.0
    parts: tuple[tuple[int, ...], ...] = ()
    friends: tuple[Contact, ...] = ()
    inner: "Everything | None" = None


class Friend(Protocol):
    """Say a word to each friend again and again; check that theirs come in order."""

    friends = ()

    def on_start(self):
        self.said = 0
        self.heard = {}
        self.delays = []
        self.wrong = []
        self.seen = []
        self.strange = 0
        self.every(EVERY, self.talk)

    def on_connect(self, peer):
        if peer not in self.friends:
            self.seen.append(peer)

    def on_disconnect(self, peer):
        if peer in self.friends:
            self.wrong.append(f"{peer} is gone")

    def talk(self):
        self.said += 1
        for peer in self.friends:
            if peer in self.peers:
                self.send(peer, Word(self.said, self.now))

    @on(Word)
    def listen(self, word, sender):
        if sender not in self.friends:
            self.strange += 1
            return
        if word.number != self.heard.get(sender, 0) + 1:
            self.wrong.append(f"{word.number} from {sender} after {self.heard.get(sender)}")
        self.heard[sender] = word.number
        self.delays.append(self.now - word.time)

    @on(Everything)
    def take(self, everything, sender):
        self.strange += 1
        self.last = hash(everything), repr(everything)[:100]

    def me(self):
        return self.contact


def guest_of(address, id, **different):
    """Be somebody who has said hello. Raises OSError or EOFError where that is not welcome."""
    with ExitStack() as stack:
        stranger = stack.enter_context(Stranger(address))
        stranger.hello("test", id=id, **different)
        stranger.hear(Hello)
        stack.pop_all()
        return stranger


NAMES = ("n0", "n1", "n2")


def memory():
    """Return the bytes that this process takes; 0 where nothing tells, and then none are checked."""
    return psutil.Process().memory_info().rss if psutil else 0


class Town:
    """Three friends, and what must be true of them whoever comes by."""

    def __init__(self, record="all"):
        friends = Friend.using(friends=NAMES)
        self.net = LocalNetwork(friends, nx.complete_graph(3), name="test", record=record)
        self.address = self.net.call("n0", "me").address
        gc.collect()
        self._memory = memory()
        self._most = 0
        self._done = threading.Event()
        self._watch = threading.Thread(target=self._weigh, name="weighing")
        self._watch.start()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._done.set()
        self._watch.join()
        try:
            if error == (None, None, None):
                self.check()
        finally:
            self.net.close()

    def _weigh(self):
        while not self._done.wait(0.01):
            with suppress(OSError):  # a test may leave no descriptor to look with
                self._most = max(self._most, memory() - self._memory)

    def visit(self):
        return Stranger(self.address)

    def guest(self, id="x", **different):
        return guest_of(self.address, id, **different)

    def reasons(self):
        """Return why things were dropped at the node that strangers visit."""
        return [event.reason for event in self.net.trace.where(kind="drop", node="n0")]

    def has_dropped(self, part):
        within = self.net.run(until=lambda: any(part in why for why in self.reasons()), within=5)
        assert within, (part, self.reasons()[-5:])

    def check(self):
        """Check that the friends are still talking, and have noticed nothing."""
        said = self.net["n0"].said

        def caught_up():
            pairs = [(node, name) for node in self.net for name in NAMES if name != node.id]
            return all(node.heard.get(name, 0) > said for node, name in pairs)

        assert self.net.run(until=caught_up, within=PATIENCE)
        for node in self.net:
            assert node.wrong == []
            assert set(NAMES) - {node.id} <= set(node.peers)
            delays = sorted(node.delays)
            assert delays[int(0.99 * len(delays))] < IN_TIME
            assert delays[-1] < AT_WORST
        for name in ("n1", "n2"):
            assert set(self.net[name].peers) == set(NAMES) - {name}
        assert set(self.net.trace.drops) <= set(REASONS)
        assert not self.net.trace.count(kind="error")
        assert not self.net.trace.count(kind="crash")
        assert self._most < MAX_GROWTH

    def figures(self):
        """Say in a line how the friends fared."""
        delays = sorted(delay for node in self.net for delay in node.delays)
        half, most, last = (delays[int(q * (len(delays) - 1))] for q in (0.5, 0.99, 1.0))
        return (
            f"{len(delays):,} words of friends took {1000 * half:.1f} ms (median), "
            f"{1000 * most:.0f} ms (99 of 100), {1000 * last:.0f} ms (all); memory grew by at most "
            f"{self._most / 2**20:.0f} MiB of {MAX_GROWTH / 2**20:.0f}; dropped: "
            f"{dict(self.net.trace.drops)}"
        )


@pytest.fixture
def town():
    with Town() as town:
        yield town


# Those who do not say hello


def hello_of(**fields):
    known = {"version": 1, "network": "test", "id": "x", "incarnation": 1, "address": "h:1"}
    return frame(encode(Hello(**known | fields)), 0)


RUDE = {
    "an HTTP request": (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "a frame of 1,195,725,856"),
    "random bytes": (b"\xff" + Random(1).randbytes(5000), "a frame of"),
    "a length of 4 GiB": (b"\xff" * 4 + bytes(8), "a frame of 4,294,967,295 bytes"),
    "a long hello": (hello_of(id="x" * MAX_HELLO), "a frame of"),
    "a message": (frame(encode(Word(1, 0.0)), 1), "its first frame is no hello"),
    "deep JSON": (frame(b"[" * 4000, 0), "its first frame is no hello"),
    "bad UTF-8": (frame(b'["Hello",{"id":"\xff\xfe"}]', 0), "its first frame is no hello"),
    "the wrong network": (hello_of(network="other"), "belongs to the network 'test', not to"),
    "the wrong version": (hello_of(version=99), "wire format 99"),
    "a live peer's id": (hello_of(id="n1"), "another n1 is connected already"),
    "our own id": (hello_of(id="n0"), "this node is called n0 too"),
    "an id that moves the cursor": (hello_of(id="\x1b[2Jx"), "1 to 128 printable characters"),
    "an address that does": (hello_of(address="\x1b[2Jx:80"), "is no name of a machine"),
    "an address without end": (hello_of(address="x" * 3000 + ":80"), "is no name of a machine"),
}


@pytest.mark.parametrize("what", RUDE)
def test_whoever_cannot_greet_is_hung_up_on(town, what):
    data, reason = RUDE[what]
    with town.visit() as stranger:
        stranger.send(data)
        assert stranger.is_hung_up_on()
    town.has_dropped(reason)
    assert all(why.isprintable() and len(why) < 300 for why in town.reasons())


@pytest.mark.parametrize("data", [b"", b"\0\0\1", hello_of()[:-5]], ids=len)
def test_whoever_never_ends_its_hello_is_hung_up_on(town, monkeypatch, data):
    monkeypatch.setattr(greeting, "HELLO_TIMEOUT", 0.2)
    with town.visit() as stranger:
        stranger.send(data)
        assert stranger.is_hung_up_on()
    town.has_dropped("no hello within")


def test_one_byte_at_a_time_is_no_way_to_stay(town, monkeypatch):
    monkeypatch.setattr(greeting, "HELLO_TIMEOUT", 0.3)
    with town.visit() as stranger, suppress(OSError):
        for byte in hello_of(id="x" * 100) * 100:
            stranger.send(bytes([byte]))
            town.net.run(0.01)
            if town.reasons():
                break
    town.has_dropped("no hello within")


# Those who do


def nested(depth):
    return b'{"text":"","inner":' * depth + b"null" + b"}" * depth


STRANGE = {
    "an unknown message": b'["Unknown",{"text":"a"}]',
    "one of our own greetings": encode(Hello(1, "test", "y", 1, "h:1")),
    "the type of a field": b'["Everything",{"text":5}]',
    "a field that is missing": b'["Word",{"number":5}]',
    "a field that is given twice": b'["Everything",{"text":"a","text":"b"}]',
    "no JSON": b"hello?",
    "no pair": b'{"Everything":{"text":"a"}}',
    "deep JSON": b"[" * 1_000_000,
    "deep JSON where it means nothing": b'["Everything",{"text":"","x":' + b"[" * 500_000 + b"]}]",
    "messages in messages": b'["Everything",' + nested(101) + b"]",
    "many messages in messages": b'["Everything",' + nested(100_000) + b"]",
    "bad UTF-8": b'["Everything",{"text":"\xff\xfe"}]',
    "half a pair of surrogates": b'["Everything",{"text":"\\ud800"}]',
    "a number beyond 64 bits": b'["Everything",{"text":"","number":9223372036854775808}]',
    "a number of 100,000 digits": b'["Everything",{"text":"","number":' + b"9" * 100_000 + b"}]",
    "a number beyond floats": b'["Everything",{"text":"","real":1e999}]',
    "not a number": b'["Everything",{"text":"","real":NaN}]',
    "infinity": b'["Everything",{"text":"","real":-Infinity}]',
    "16 MB of []": b'["Everything",{"text":"","parts":[' + b"[]," * 5_300_000 + b"[]]}]",
    "16 MB of [] outside": b"[" + b"[]," * 5_300_000 + b"[]]",
    "16 MB of {}": b'["Everything",{"text":"","friends":[' + b"{}," * 5_300_000 + b"{}]}]",
    "16 MB of {} outside": b'["Everything",{"text":"","x":[' + b"{}," * 5_300_000 + b"{}]}]",
}


@pytest.mark.parametrize("what", STRANGE)
def test_what_is_no_message_is_dropped_and_the_next_one_is_not(town, what):
    with town.guest() as stranger:
        stranger.send(frame(STRANGE[what], 1))
        stranger.say(Everything("fine"), 2)
        assert town.net.run(until=lambda: town.net["n0"].strange == 1, within=PATIENCE)
        assert "x" in town.net["n0"].peers
    [reason] = town.reasons()
    assert reason.startswith("not understood: ")
    assert reason.isprintable()
    assert len(reason) < 300


def test_an_oversize_frame_is_the_last(town):
    with town.guest() as stranger:
        stranger.send(b"\xff" * 4 + bytes(8))
        assert stranger.is_hung_up_on()
    town.has_dropped("too large: a frame of 4,294,967,295 bytes")


def test_whoever_goes_silent_in_a_message_is_given_up(town, monkeypatch):
    monkeypatch.setattr(tcp, "PEER_TIMEOUT", 1.5)
    with town.guest() as stranger:
        stranger.send(frame(encode(Everything("x" * 1000)), 1)[:-100])
        assert stranger.is_hung_up_on()
    seen = town.net.trace.where(kind="disconnect", node="n0")
    assert [(event.peer, event.reason) for event in seen] == [("x", "silent for 2 s")]


def test_a_thousand_connections_at_once_leave_room_for_a_friend(town):
    with ExitStack() as stack:
        for _ in range(1000):
            with suppress(OSError):
                stack.enter_context(town.visit())
        town.has_dropped("more than 128 connections without a hello")
    with eventually(lambda: try_to_visit(town)) as guest:
        guest.say(Everything("there is room again"))
        assert town.net.run(until=lambda: town.net["n0"].strange == 1, within=PATIENCE)


def try_to_visit(town):
    with suppress(EOFError, OSError):
        return town.guest()
    return None


def test_more_connections_than_the_system_allows_are_no_reason_to_stop(town):
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    host, _, port = town.address.rpartition(":")
    with ExitStack() as stack:
        strangers = [stack.enter_context(socket.socket()) for _ in range(200)]
        resource.setrlimit(resource.RLIMIT_NOFILE, (strangers[-1].fileno() + 20, hard))
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        for stranger in strangers:
            stranger.connect((host, int(port)))
        town.net.run(0.5)
    with eventually(lambda: try_to_visit(town)) as guest:
        guest.say(Everything("there is room again"))
        assert town.net.run(until=lambda: town.net["n0"].strange == 1, within=PATIENCE)


def test_more_than_so_many_who_said_hello_are_turned_away(town, monkeypatch):
    monkeypatch.setattr(greeting, "MAX_CONNECTIONS", 20)
    with ExitStack() as stack:
        for number in range(18):  # n1 and n2 are there already
            purpose = ("peer", "contact")[number % 2]
            stack.enter_context(town.guest(f"x{number}", purpose=purpose))
        with town.visit() as late:
            assert late.is_hung_up_on()
        town.has_dropped("more than 20 connections")


def test_large_messages_that_do_not_end_take_no_more_than_is_said(town):
    """Thirty peers send 30 MB each, as fast as they can: nobody waits for a heartbeat to see it."""
    data = (30_000_000).to_bytes(4, "big") + bytes(8) + bytes(29_000_000)

    def pour(number):
        with suppress(OSError, EOFError), town.guest(f"x{number}") as guest:
            guest.send(data)
            guest.is_hung_up_on()

    threads = [threading.Thread(target=pour, args=(number,)) for number in range(30)]
    for thread in threads:
        thread.start()
    town.has_dropped("too large: more than 167,772,160 bytes of unfinished messages")
    host = hosts(town.net)["n0"]
    assert town.net._thread.do(lambda: host._unread) <= MAX_UNREAD
    town.net.run(0.5)
    assert town.net._thread.do(lambda: host._unread) <= MAX_UNREAD
    for connection in list(host.connections):
        if connection.id not in NAMES:
            town.net._thread.do(connection.reset, "the end of the test")
    for thread in threads:
        thread.join()


# All together


def trouble(address, end, seed):
    """Be one stranger after the other, of any kind, until the time is over."""
    random = Random(seed)
    rude = [data for data, _ in RUDE.values()]
    strange = [frame(body, 1) for body in STRANGE.values()]
    number = 0
    while time.monotonic() < end:
        number += 1
        with suppress(OSError, EOFError), ExitStack() as stack:
            kind = random.randrange(5)
            if kind == 0:
                stranger = stack.enter_context(Stranger(address))
                stranger.send(random.choice(rude))
                stranger.is_hung_up_on()
            elif kind == 1:
                guest = stack.enter_context(
                    guest_of(
                        address, f"x{seed}.{number}", purpose=random.choice(["peer", "contact"])
                    )
                )
                for data in random.sample(strange, 5):
                    guest.send(data)
                guest.send(random.randbytes(1000))
                guest.socket.shutdown(socket.SHUT_WR)
                guest.is_hung_up_on()
            elif kind == 2:
                for _ in range(random.randrange(300)):
                    stack.enter_context(Stranger(address))
            elif kind == 3:
                guest = stack.enter_context(guest_of(address, f"x{seed}.{number}"))
                guest.send((31_000_000).to_bytes(4, "big") + bytes(8) + bytes(20_000_000))
            else:
                guest = stack.enter_context(guest_of(address, f"x{seed}.{number}"))
                for byte in frame(encode(Everything("drop by drop")), 1) * 3:
                    guest.send(bytes([byte]))


def under_fire(seconds):
    """Let four strangers do their worst for a while, and check what must be true all the time.

    Only the hint that there were many drops is expected: they are not a student's mistake here.
    """
    with Town(record="counts") as town:
        command = [sys.executable, __file__, town.address, str(seconds)]
        strangers = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(HERE)})
        assert town.net.run(until=lambda: strangers.poll() is not None, within=seconds + PATIENCE)
        assert strangers.returncode == 0
        assert {"refused", "not understood"} <= set(town.net.trace.drops)
        town.check()
        print(town.figures())  # noqa: T201


@pytest.mark.filterwarnings("ignore:.* drops, not understood")
def test_all_of_it_at_once_for_some_seconds():
    under_fire(8)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.* drops, not understood")
def test_all_of_it_at_once_for_a_minute():
    under_fire(60)


def main(address, seconds):
    """Be four strangers, in a process of our own."""
    end = time.monotonic() + float(seconds)
    threads = [threading.Thread(target=trouble, args=(address, end, n)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main(*sys.argv[1:])
