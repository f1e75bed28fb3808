"""Framing: where one message ends and the next begins.

TCP delivers a stream of bytes: what was sent in one piece may arrive in three, and three in one.
So each message travels in a frame, whose header of twelve bytes says how much follows:

    length of the body | the sender's running number | the number that this answers, or 0 | body …

three big-endian 32-bit integers. There is no socket here, only bytes:

    >>> data = frame(b"hello", 7) + frame(b"again", 8, reply_to=3)
    >>> reader = FrameReader()
    >>> reader.feed(data[:20])
    [(7, 0, b'hello')]
    >>> reader.feed(data[20:])
    [(8, 3, b'again')]

A frame without a body is a heartbeat: it only says that somebody is there.
"""

import struct
from collections.abc import Iterator

from p2pkit.errors import FrameError
from p2pkit.message import MAX_BODY

MAX_FRAME = MAX_BODY
"""Bytes in the body of one frame. A stranger's header may claim 4 GiB: nothing is kept on a
claim."""

SMALL_BUFFER = 4 * 1024
"""Bytes that a reader begins with: a network of 1,000 nodes has 10,000 readers."""

LARGE_BUFFER = 256 * 1024
"""Bytes that a busy reader grows to, so that one read takes in a whole batch of frames."""

MAX_SERIAL = 2**32 - 1

_HEADER = struct.Struct(">III")
HEADER = _HEADER.size
_unpack_header = _HEADER.unpack_from


Frame = tuple[int, int, bytes]
"""One message as it travels: its serial number, that of the question it answers or 0, its body."""

HEARTBEAT_FRAME = _HEADER.pack(0, 0, 0)


def frame(body: bytes, serial: int, reply_to: int = 0) -> bytes:
    """Put a header before a body. Raises FrameError for a body above MAX_FRAME.

    serial, reply_to: below 2**32, where the count begins again at 1.
    """
    if len(body) > MAX_FRAME:
        raise FrameError(f"a body of {len(body):,} bytes, and {MAX_FRAME:,} are allowed")
    return _HEADER.pack(len(body), serial, reply_to) + body


class FrameReader:
    """Finds the frames in a stream of bytes, in whatever pieces it arrives.

    limit: bytes in a body, at the most. It may be changed at any time, and holds from the next
    frame on.
    capacity: bytes of memory that it uses, to be read only.

    The bytes can be written straight into the reader's own buffer (`buffer`, then `received`),
    which saves a copy and a fresh piece of memory for each read; `feed` does both.
    """

    def __init__(self, limit: int = MAX_FRAME) -> None:
        self.limit = limit
        self._start = 0  # what lies before was handed out already
        self._end = 0  # what lies behind is free
        self._wanted = HEADER  # bytes that must be there before we look
        self._allot(SMALL_BUFFER)

    def buffer(self) -> memoryview:
        """Return the place to write the next bytes into; `received` takes them from there."""
        if self._start == self._end:
            self._start = self._end = 0
        if self._end == self.capacity:
            self._make_room()
        return self._view[self._end :]

    def received(self, count: int) -> Iterator[Frame]:
        """Take in `count` bytes that were written into `buffer`, and yield the frames that are
        whole now.

        Raises FrameError for a frame above the limit, as soon as its header is there; this reader
        is done then.
        """
        self._end += count
        start, size = self._start, self._end - self._start
        if size < self._wanted:
            return  # else a peer who sends a large frame byte by byte has it copied each time
        self._wanted = HEADER
        # Slicing bytes is twice as fast as slicing a view; but what is large is copied only once.
        view: bytes | memoryview = self._view[start : self._end]
        if size <= LARGE_BUFFER:
            view = bytes(view)
        at, head = 0, HEADER
        while head <= size:
            length, serial, reply_to = _unpack_header(view, at)
            if length > self.limit:
                raise FrameError(f"a frame of {length:,} bytes, and {self.limit:,} are allowed")
            stop = head + length
            if stop > size:
                self._wanted = stop - at
                return
            self._start = start + stop
            yield serial, reply_to, bytes(view[head:stop])  # whoever takes it may change the limit
            at, head = stop, stop + HEADER

    def feed(self, data: bytes) -> list[Frame]:
        """Take in some bytes, and return the frames that are whole now. Raises FrameError like
        `received`."""
        frames: list[Frame] = []
        while data:
            place = self.buffer()
            piece = data[: len(place)]
            place[: len(piece)] = piece
            frames += self.received(len(piece))
            data = data[len(piece) :]
        return frames

    def shrink(self) -> None:
        """Give the memory of a busy time back, if nothing waits in it."""
        if self._start == self._end and self.capacity > SMALL_BUFFER:
            self._start = self._end = 0
            self._allot(SMALL_BUFFER)

    def _make_room(self) -> None:
        """Make the buffer larger, as much arrives at once, or move what is left to its front.

        A large frame gets its memory as its bytes arrive, whatever its header promises.
        """
        rest = self._view[self._start : self._end]
        if self.capacity < LARGE_BUFFER:
            self._allot(2 * self.capacity)
        elif self._start == 0:
            self._allot(max(LARGE_BUFFER, min(2 * self.capacity, self._wanted)))
        self._view[: len(rest)] = rest
        self._start, self._end = 0, len(rest)

    def _allot(self, size: int) -> None:
        self._view = memoryview(bytearray(size))
        self.capacity = size
