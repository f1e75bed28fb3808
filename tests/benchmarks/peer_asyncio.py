"""Bare asyncio and msgspec: the strongest program that one would write by hand.

Frames are a length and `["Rumor", {...}]`, decoded to a frozen dataclass with checked types; a
batch of frames is parsed where it was received; what is sent within a turn of the loop leaves in
one write, and what is sent while a batch is handled leaves at its end, without another look at
the selector.
"""

import asyncio
from struct import Struct
from typing import Literal

import msgspec

from tests.benchmarks import child
from tests.benchmarks.workloads import KIND, Rumor, Stream, Tally, Workload

_LENGTH = Struct(">I")
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(tuple[Literal["Rumor"], Rumor]).decode


class Connection(asyncio.BufferedProtocol):
    """Frames in, frames out."""

    buffer = 256 * 1024

    def __init__(self) -> None:
        self._buffer = bytearray(self.buffer)
        self._view = memoryview(self._buffer)
        self._filled = 0
        self._parts: list[bytes] = []
        self._flushes = False
        self._loop = asyncio.get_running_loop()

    def got(self, rumor: Rumor) -> None:
        """Take a message: replaced by who made the connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to write."""
        self._transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        """End with the other side."""

    def send(self, rumor: Rumor) -> None:
        """Send a message with all others of this turn."""
        if not self._flushes:
            self._flushes = True
            self._loop.call_soon(self._flush)
        body = _encode((KIND, rumor))
        self._parts += (_LENGTH.pack(len(body)), body)

    def _flush(self) -> None:
        self._flushes = False
        if self._parts:
            self._transport.write(b"".join(self._parts))  # type: ignore[attr-defined]
            self._parts.clear()

    def get_buffer(self, sizehint: int) -> memoryview:
        """Offer the free part of the buffer, the same one each time."""
        return self._view[self._filled :]

    def buffer_updated(self, received: int) -> None:
        """Decode all whole frames, and keep the rest."""
        view, got, unpack = self._view, self.got, _LENGTH.unpack_from
        end = self._filled + received
        start, needed = 0, 0
        self._flushes = True
        while start + 4 <= end:
            body = start + 4
            stop = body + unpack(view, start)[0]
            if stop > end:
                needed = stop - start
                break
            got(_decode(view[body:stop])[1])
            start = stop
        self._keep(start, end, needed)
        self._flush()

    def _keep(self, start: int, end: int, needed: int) -> None:
        """Move an unfinished frame to the front, where it has room for all of it."""
        rest = self._view[start:end]
        if needed > len(self._buffer):
            self._buffer = bytearray(needed)
            self._view = memoryview(self._buffer)
        if start or needed:
            self._view[: len(rest)] = rest
        self._filled = len(rest)


def receive(workload: Workload) -> None:
    """Be the receiver."""

    def accept() -> Connection:
        connection = Connection()
        tally = Tally(workload, lambda n, text: connection.send(Rumor(n, text)))
        connection.got = lambda rumor: tally.got(rumor.n, rumor.text)  # type: ignore[method-assign]
        return connection

    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(accept, "127.0.0.1", 0)
        child.attend(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(serve())


def send(workload: Workload, port: int) -> None:
    """Be the sender."""
    loop = asyncio.new_event_loop()

    async def connect() -> Connection:
        return (await loop.create_connection(Connection, "127.0.0.1", port))[1]

    connection = loop.run_until_complete(connect())

    def send_all(numbers: range, text: str) -> None:
        for n in numbers:
            connection.send(Rumor(n, text))

    stream = Stream(workload, send_all, loop.stop)
    connection.got = lambda rumor: stream.acknowledged(rumor.n)  # type: ignore[method-assign]

    def measure(count: int) -> None:
        loop.call_soon(stream.begin, count)
        loop.run_forever()

    child.obey(stream, measure)


if __name__ == "__main__":
    child.main(receive, send)
