"""What several test files use: waiting for events, and strangers on raw sockets."""

import socket
import threading
import time
from contextlib import contextmanager

from p2pkit.connection import Hello
from p2pkit.framing import FrameReader, frame
from p2pkit.message import decode, encode

PATIENCE = 20.0
"""Seconds that something may take on a busy machine, where it should take none."""


def eventually(condition, within=PATIENCE):
    """Wait until a condition holds, and return what it returned; fail when it does not in time."""
    end = time.monotonic() + within
    while True:
        result = condition()
        if result:
            return result
        assert time.monotonic() < end, f"not within {within} s"
        time.sleep(0.002)


def stays(condition, seconds=0.15):
    """Check that a condition holds all the time, for a while."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert condition()
        time.sleep(0.005)


@contextmanager
def takes_less_than(seconds):
    """Check that a block takes less than so many seconds."""
    begin = time.monotonic()
    yield
    taken = time.monotonic() - begin
    assert taken < seconds, f"it took {taken:.2f} s"


class Events:
    """A callback for a `Node` that keeps what it is told, as (event, id of the other, data)."""

    def __init__(self):
        self.all = []
        self.threads = set()

    def __call__(self, event, node, other, data):
        self.threads.add(threading.current_thread())
        self.all.append((event, other.id, data))

    def of(self, kind):
        """Return the data of all events of a kind, in order."""
        return [data for event, _, data in self.all if event == kind]

    @property
    def kinds(self):
        """Return the kinds of all events, in order."""
        return [event for event, _, _ in self.all]

    @property
    def messages(self):
        """Return what was sent, in order."""
        return self.of("NODEMESSAGE")


def free_port():
    """Return a port of this machine where nobody listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def hosts(net):
    """Return the hosts of a network in this process, by name."""
    [crew] = net._crews._all
    return crew.hosts


def on_thread(function, *args):
    """Call a function on another thread, so that a test can go on; return the thread."""
    thread = threading.Thread(target=function, args=args, name="a test's own thread")
    thread.start()
    return thread


class Stranger:
    """Somebody who talks to a node over a raw socket, well or badly."""

    def __init__(self, where):
        """where: an address, or a socket on which a node has called."""
        if isinstance(where, str):
            host, _, port = where.rpartition(":")
            where = socket.create_connection((host, int(port)))
        self.socket = where
        self.socket.settimeout(PATIENCE)
        self.reader = FrameReader()
        self.frames = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def say(self, message, serial=0):
        """Send a message in a frame."""
        self.send(frame(encode(message), serial))

    def hello(self, network, id="stranger", **different):
        """Say hello, as a node does that speaks the protocol."""
        fields = {"version": 1, "incarnation": 1, "address": "127.0.0.1:9", "purpose": "peer"}
        self.say(Hello(network=network, id=id, **fields | different))

    def hear(self, *kinds):
        """Return the next frame's message, of one of these kinds; None for a heartbeat."""
        while not self.frames:
            data = self.socket.recv(1 << 16)
            if not data:
                raise EOFError("the node has closed the connection")
            self.frames += self.reader.feed(data)
        _, _, body = self.frames.pop(0)
        return decode(body, {kind.__name__: kind for kind in kinds}.get) if body else None

    def is_hung_up_on(self):
        """Wait until the node ends the connection, and tell whether it does; what it says
        meanwhile is not listened to."""
        try:
            while self.socket.recv(1 << 16):
                pass
        except ConnectionError:
            pass
        except TimeoutError:
            return False
        return True
