"""A node on a loop and transports that only pretend, for the fuzzer: no socket, no clock, no
thread."""

from typing import Any

from p2pkit import Message, Protocol, on
from p2pkit.connection import Connection, Hello, Stage
from p2pkit.contacts import Dial
from p2pkit.framing import HEARTBEAT_FRAME, frame
from p2pkit.greeting import Attempt
from p2pkit.message import encode
from p2pkit.reactor import Reactor
from p2pkit.tcp import MAX_UNREAD, Surroundings, TcpHost
from p2pkit.trace import REASONS, Trace


class Word(Message):
    """Something said."""

    text: str = ""
    parts: tuple[tuple[int, ...], ...] = ()


class Listener(Protocol):
    """Answer, and look closely at what is said."""

    @on(Word)
    def hear(self, word, sender):
        assert hash(word) is not None
        assert sender in self.peers or sender.isprintable()
        return word


class Loop:
    """An event loop in which no time passes, and a task that does nothing."""

    def call_later(self, delay: float, action: Any) -> Any:
        return self

    def cancel(self) -> None:
        pass


class Transport:
    """Takes what is written, and says goodbye when it is told to."""

    def __init__(self) -> None:
        self.gone = False

    def get_extra_info(self, name: str) -> Any:
        return self if name == "socket" else ("127.0.0.1", 1)

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return self.gone

    def abort(self) -> None:
        self.gone = True

    def __getattr__(self, name: str) -> Any:
        return lambda *_, **__: None


class Result:
    """Wants to know why a dial of ours failed, or "" when its connection is there."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def set_result(self, why: str) -> None:
        assert why or self.connection.stage is Stage.READY


def greeting(id: str) -> bytes:
    """Return the frames with which somebody says hello, and confirms that they know us."""
    return frame(encode(Hello(1, "test", id, 1, "127.0.0.1:9", "peer")), 0) + HEARTBEAT_FRAME


class Town:
    """One node "m", its friend "z", and strangers who dial it, and whom it dials."""

    def __init__(self) -> None:
        self.errors: list[BaseException] = []
        self.trace = Trace()
        around = Surroundings("test", failed=lambda _, error: self.errors.append(error))
        self.host = TcpHost(Listener, "m", Reactor(Loop()), self.trace, around)  # type: ignore
        self.host.address, self.host.open = "127.0.0.1:1", True
        self.host.start()
        self.friend = self.arrive()
        self.feed(self.friend, greeting("z"))
        assert set(self.host.peers) == {"z"}

    def arrive(self) -> Connection:
        """Somebody dials the node."""
        connection = Connection(self.host)
        connection.connection_made(Transport())  # type: ignore
        return connection

    def dialled(self) -> Connection:
        """The node has dialled somebody, who may answer now."""
        dial = Dial("127.0.0.1:9", None, "peer")
        connection = Connection(self.host, dial)
        self.host.greeter._attempts[dial] = Attempt(Loop(), Result(connection))  # type: ignore
        connection.connection_made(Transport())  # type: ignore
        return connection

    def feed(self, connection: Connection, data: bytes) -> None:
        """Some bytes come in."""
        while data and not connection.transport.is_closing():
            place = connection.get_buffer(-1)
            count = min(len(place), len(data))
            place[:count] = data[:count]
            connection.buffer_updated(count)
            data = data[count:]
        if connection.transport.is_closing():
            connection.connection_lost(None)

    def check(self) -> None:
        """Check what must be true whoever came by."""
        if self.errors:
            raise self.errors[0]
        assert "z" in self.host.peers
        assert self.friend.stage is Stage.READY
        assert set(self.trace.drops) <= set(REASONS)
        for event in self.trace:
            assert len(event.reason or "") <= 400
            assert (event.reason or "").isprintable()
            assert (event.peer or "").isprintable()
        connections = self.host.connections
        assert self.host._unread == sum(each.room for each in connections) <= MAX_UNREAD
