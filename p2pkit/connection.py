"""A connection: frames in, frames out, over one TCP socket.

Each side begins with a hello, which says who it is; only then do messages pass. Two nodes may dial
each other at the same moment, and shall end with one connection, not two and not none. So the node
with the smaller id decides for the pair:

    it was dialled    it answers the hello with its own, and with that the connection stands
    it has dialled    it gets the hello of the other, and sends a heartbeat to say: this one

Whoever does not want the connection answers with a refusal that says why.
"""

import asyncio
import socket
import struct
from enum import Enum, auto
from typing import Any, Literal, cast
from typing import Protocol as Interface

from p2pkit.contacts import Dial
from p2pkit.errors import FrameError
from p2pkit.framing import HEARTBEAT_FRAME, FrameReader, frame
from p2pkit.link import Lane
from p2pkit.message import Message, encode
from p2pkit.reactor import Reactor

MAX_HELLO = 4 * 1024
"""Bytes that somebody may send before we know who it is: names are short."""

MAX_UNSENT = 64 * 1024 * 1024
"""Bytes that may wait for one peer, at the most: two of the largest messages. Beyond, it reads too
slowly."""

PAUSE_UNSENT = 16 * 1024 * 1024
"""Bytes that wait for a peer when we stop reading from it: it shall take its answers before it
asks again."""

GOODBYE_TIMEOUT = 5.0
"""Seconds without progress after which a connection is reset that we have ended in good order."""

WRITE_NOW = 64 * 1024
"""Bytes that are written at once, without waiting for the end of the turn."""


class Hello(Message):
    """The first message each way: who is speaking."""

    version: int
    network: str
    id: str
    incarnation: int
    address: str
    purpose: Literal["peer", "contact"] = "peer"


class Refusal(Message):
    """The answer to a hello that is not welcome; and whose, if they are connected already."""

    reason: str
    id: str = ""
    incarnation: int = 0


class Stage(Enum):
    """How far a connection has come."""

    GREETING = auto()  # no hello yet
    OFFERED = auto()  # ours is sent and theirs is here, and theirs is the word
    READY = auto()
    LEAVING = auto()  # our last words are on their way, and nothing is listened to any more
    CLOSED = auto()


_NOWHERE = memoryview(bytearray(64 * 1024))  # where bytes go that nobody will read
_GREETINGS = (Stage.GREETING, Stage.OFFERED)
_READY, _CLOSED = Stage.READY, Stage.CLOSED  # found faster, where it counts


class Owner(Interface):
    """What a connection tells its node."""

    reactor: Reactor

    def opened(self, connection: "Connection") -> None: ...
    def greeted(self, connection: "Connection", body: bytes) -> None: ...
    def deliver(
        self, sender: str, body: bytes, serial: int, reply_to: int, via: "Connection"
    ) -> None: ...
    def confirmed(self, connection: "Connection") -> None: ...
    def offended(self, connection: "Connection", cause: str, why: str) -> None: ...
    def closed(self, connection: "Connection", why: str) -> None: ...
    def slow(self, connection: "Connection") -> None: ...
    def listen_to_peers(self) -> None: ...
    def resized(self, change: int) -> None: ...


class Connection(asyncio.BufferedProtocol):
    """One TCP connection, as asyncio calls it when something happens."""

    transport: asyncio.Transport

    def __init__(self, owner: Owner, dial: Dial | None = None) -> None:
        self.owner = owner
        self.reactor = owner.reactor
        self.dial = dial  # None: we were dialled
        self.stage = Stage.GREETING
        self.id = ""  # of the node at the other end, once it has said hello
        self.incarnation = 0
        self.address = ""
        self.purpose = dial.purpose if dial else "peer"
        self.reader = FrameReader(MAX_HELLO)
        self.room = 0  # bytes of the reader's memory that our node knows of
        self.lane: Lane | None = None  # how a link troubles what we send
        self.cut = False
        self.is_clear = False  # nothing troubles what we send
        self.unconfirmed = False  # we have decided on it, and the other side has not answered yet
        self.silent = 0  # heartbeats that were due since we last heard anything
        self.heard = 0.0  # when the last message came
        self.quiet = True  # nothing was written since the last heartbeat
        self.flying = 0  # messages that are on their way over a delayed link
        self.reason: str | None = None  # why it ends, if we know
        self.stuck = False  # cannot write more for now
        self._leaving = False
        self._out: list[bytes] = []
        self._unwritten = 0  # bytes in `_out`
        self._buffered = 0  # bytes in the transport, when we last looked

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.reactor.begin_turn()
        self._count_memory()
        self.transport.set_write_buffer_limits(high=PAUSE_UNSENT)
        self.owner.opened(self)
        self.reactor.end_turn()

    def get_buffer(self, sizehint: int) -> memoryview:
        if self.stage is _CLOSED:
            return _NOWHERE
        place = self.reader.buffer()
        if self.reader.capacity != self.room:
            self._count_memory()  # now, not at the next heartbeat: 1 GB can arrive in a second
        return place

    def buffer_updated(self, nbytes: int) -> None:
        if self.stage is _CLOSED:
            return
        self.silent = 0
        self.reactor.begin_turn()
        try:
            if self.unconfirmed:
                self.unconfirmed = False
                self.owner.confirmed(self)
            for serial, reply_to, body in self.reader.received(nbytes):
                if self.stage is _READY:
                    if body:
                        self.heard = self.reactor.now
                        self.owner.deliver(self.id, body, serial, reply_to, self)
                elif self.stage in _GREETINGS:
                    is_word = self.stage is Stage.OFFERED
                    self.owner.greeted(self, body)
                    if is_word and body and self.stage is _READY:
                        self.owner.deliver(self.id, body, serial, reply_to, self)
        except FrameError as error:
            self.owner.offended(
                self, "too large" if self.stage is _READY else "refused", str(error)
            )
        self.reactor.end_turn()

    def eof_received(self) -> bool:
        return False  # close our end too

    def connection_lost(self, exc: Exception | None) -> None:
        self.reactor.begin_turn()
        self.stage = Stage.CLOSED
        self._out.clear()
        self.forget()
        gone = "closed by the other side" if exc is None else "reset by the other side"
        self.owner.closed(self, self.reason or gone)
        self.reactor.end_turn()

    def pause_writing(self) -> None:
        self.stuck = True
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        self.stuck = False
        self.owner.listen_to_peers()  # unless the node is paused

    # What its node calls

    @property
    def unsent(self) -> int:
        """Bytes that wait to be written."""
        return self._unwritten + self._buffered

    def write(self, data: bytes) -> None:
        """Write a frame, at the end of this turn."""
        if self.stage is _CLOSED:
            return
        if not self._out:
            self.reactor.writers.append(self)
        self._out.append(data)
        self._unwritten += len(data)
        if self._unwritten > WRITE_NOW:
            self.flush()

    def flush(self) -> None:
        """Write what has gathered."""
        if self.stage is _CLOSED or not self._out:
            return
        data = self._out[0] if len(self._out) == 1 else b"".join(self._out)
        self._out.clear()
        self._unwritten = 0
        self.quiet = False
        if self.transport.is_closing():
            return  # it broke in this very turn, and asyncio would complain of each further write
        self.transport.write(data)
        self._buffered = self.transport.get_write_buffer_size()
        if self._buffered > MAX_UNSENT:
            self.owner.slow(self)

    def measure(self) -> None:
        """Look how much the transport still has to write."""
        self._buffered = self.transport.get_write_buffer_size()

    def say(self, message: Message) -> None:
        """Write a hello or a refusal."""
        self.write(frame(encode(message), 0))

    def beat(self, *, listening: bool) -> None:
        """Send a heartbeat if nothing else was written lately; called once every HEARTBEAT
        seconds."""
        if self.quiet and not self.cut:
            self.write(HEARTBEAT_FRAME)
            self.flush()
        self.quiet = True
        before = self._buffered
        self.measure()
        if self.stuck and self._buffered < before:
            self.silent = 0  # it reads, if slowly
        elif listening:
            self.silent += 1
        self.shrink()

    def shrink(self) -> None:
        """Give the memory of a busy time back."""
        self.reader.shrink()
        self._count_memory()

    def forget(self) -> None:
        """Give all memory back: nobody reads what has come in and what will."""
        self.reader = FrameReader()
        self.owner.resized(-self.room)
        self.room = 0

    def _count_memory(self) -> None:
        change = self.reader.capacity - self.room
        self.room += change
        self.owner.resized(change)

    def close(self, reason: str) -> None:
        """End the connection after everything that was said on it, delayed messages included."""
        if self.stage is _CLOSED or self._leaving:
            return
        self.reason = reason
        self._leaving = True
        self.stage = Stage.LEAVING
        self.is_clear = False
        self.landed(0)

    def landed(self, number: int = 1) -> None:
        """Count messages that have come to the end of a delayed link."""
        self.flying -= number
        if self._leaving and not self.flying:
            self.flush()
            self.stage = Stage.CLOSED
            self.is_clear = False
            self._say_goodbye()

    def _say_goodbye(self) -> None:
        """Say that no more will come, and read on until the other side says so too.

        A socket that is closed while something still comes in is reset by the system, and what was
        on its way out is lost.
        """
        try:
            self.transport.resume_reading()
            self.transport.write_eof()
        except (OSError, RuntimeError):
            self.transport.abort()
        else:
            self.reactor.at(self.reactor.now + GOODBYE_TIMEOUT, self._give_up, None)

    def _give_up(self, before: int | None) -> None:
        """Reset a connection whose other end neither reads on nor says goodbye."""
        if self.transport.is_closing():
            return
        unsent = self.transport.get_write_buffer_size()
        if unsent and (before is None or unsent < before):
            self.reactor.at(self.reactor.now + GOODBYE_TIMEOUT, self._give_up, unsent)
        else:
            self.reset(self.reason or "no goodbye")

    def has_progressed(self) -> bool:
        """Tell whether something is under way, or was written since one last looked."""
        before = self._buffered
        self.measure()
        return self.flying > 0 or self._buffered < before

    def let_go(self) -> None:
        """Leave what is written to the system, which delivers it; drop what is not."""
        if self.unsent:
            self.reset("left")
        else:
            self.transport.close()

    def reset(self, reason: str) -> None:
        """End the connection at once, dropping what waits, and let the other side know by a TCP
        reset."""
        if self.stage is not _CLOSED:  # else it may still be busy with its last words
            self.reason = reason
            self.stage = Stage.CLOSED
            self.is_clear = False
        linger_not(self.transport.get_extra_info("socket"))
        self.transport.abort()


def linger_not(sock: Any) -> None:
    """Let a socket vanish when it is closed: thousands in TIME_WAIT would slow down later
    listeners."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack(_LINGER, 1, 0))
    except OSError:
        pass  # it is gone already


_LINGER = "hh" if hasattr(socket, "SO_EXCLUSIVEADDRUSE") else "ii"  # Windows has shorter fields
