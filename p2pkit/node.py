"""Node: the door for a first lesson.

A node is an object with a callback, as in the python-p2p-network of 2018. It listens on a port,
connects to others, and sends them data: a dict, a list, a str, a number or bytes, which arrive as
what they were.

    def callback(event, node, other, data):
        print(event, data)

    node = Node("localhost", 10000, callback)
    node.start()
    node.connect_with_node("localhost", 10001)
    node.send_to_nodes({"type": "greeting", "text": "hello"})
    node.stop()
    node.join()

Each node calls its callback on a thread of its own, one event at a time, so a callback may
connect, send, and even sleep, and holds nobody up but its own node. The sockets are those of every
other real node in this kit: under the callback lies a `Protocol` of two messages.
"""

import reprlib
import secrets
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, NamedTuple

import msgspec

from p2pkit.address import join
from p2pkit.connection import PAUSE_UNSENT
from p2pkit.errors import MessageError, NetworkError, NotUnderstood
from p2pkit.greeting import TAKEN
from p2pkit.host import PEER_TIMEOUT
from p2pkit.message import MAX_BODY, Message, encode
from p2pkit.protocol import Protocol, on
from p2pkit.tcp import Surroundings, TcpHost
from p2pkit.thread import LoopEnded, LoopThread
from p2pkit.trace import Trace

CONNECTEDWITHNODE = "CONNECTEDWITHNODE"
NODECONNECTED = "NODECONNECTED"
NODEMESSAGE = "NODEMESSAGE"
NODEINBOUNDCLOSED = "NODEINBOUNDCLOSED"
NODEOUTBOUNDCLOSED = "NODEOUTBOUNDCLOSED"

MAX_PENDING = 32 * 1024 * 1024
"""Bytes of messages that wait for a slow callback, before nothing more is read: then TCP makes the
senders wait."""

STREAMING = 0.0001
"""Seconds after which a message is no longer one of a stream. An answer takes longer than that."""

_OVERHEAD = 512  # bytes that an event needs beside its data
_MANY = 1024  # small messages that may wait for the loop


class OtherNode(NamedTuple):
    """A connected node, as callbacks and `nodesIn` and `nodesOut` show it."""

    id: str
    host: str
    port: int


Callback = Callable[[str, "Node", OtherNode, Any], object]


class Node:
    """A node of a peer-to-peer network, which tells a callback what happens to it.

    host: where to listen: "localhost" for this machine only, "" for everybody. port: 0 takes any
    free one. callback: called as callback(event, node, other, data); the event is one of

        CONNECTEDWITHNODE    this node has connected to another
        NODECONNECTED        another node has connected to this one
        NODEMESSAGE          another node has sent data
        NODEINBOUNDCLOSED    the connection of NODECONNECTED has ended
        NODEOUTBOUNDCLOSED   the connection of CONNECTEDWITHNODE has ended

    Data is what was sent, and {} for all other events. Raises NetworkError when the port cannot be
    had.
    """

    def __init__(self, host: str, port: int, callback: Callback | None = None) -> None:
        self.id = secrets.token_hex(8)
        self.host = host
        self.callback = callback
        self.failure = ""  # why connect_with_node returned False, the last time
        self.terminate_flag = _StopFlag(self)
        self._events = _Inbox()
        self._last_sent = -1.0  # when something was written to the others
        self._cancel_look: Callable[[], object] = lambda: None
        self._outbox = _Outbox()
        self._loop = LoopThread(f"node {self.id}", self._report)
        self._around = Surroundings(
            "node", remote=True, failed=lambda _, error: self._report(error)
        )
        self._tcp = TcpHost(_Door, self.id, self._loop.reactor, Trace("counts"), self._around)
        door = self._tcp.node
        assert isinstance(door, _Door)
        door.owner = self
        self._door = door
        self._thread = threading.Thread(target=self._call_back, name=f"callbacks of node {self.id}")
        try:
            self._loop.wait_for(self._tcp.listen, join(_listening(host), port))
            self._loop.do(self._tcp.start)
        except NetworkError:
            self._loop.close()
            raise
        self.port = int(self._tcp.address.rpartition(":")[2])

    def start(self) -> None:
        """Begin to call the callback, with all that has happened since the node was made."""
        self._thread.start()

    def stop(self) -> None:
        """End all connections, after what was sent on them, and the node."""
        self.terminate_flag.set()

    def join(self, timeout: float | None = None) -> None:
        """Wait until the node has stopped and its last callback has returned."""
        if self._thread.ident is not None:
            self._thread.join(timeout)

    # Others

    def connect_with_node(self, host: str, port: int) -> bool:
        """Connect to another node; return whether it is connected now. `failure` says why not."""
        if self.terminate_flag.is_set():
            self.failure = "this node has stopped"
        else:
            address = join(_dialled(host), port)
            try:
                failure = self._loop.wait_for(self._tcp.connected, address)
            except LoopEnded:
                failure = "this node has stopped"
            self.failure = "" if failure == TAKEN else failure
        return not self.failure

    def disconnect_with_node(self, other: OtherNode | str) -> None:
        """End the connection to another node, after what was sent on it."""
        with suppress(LoopEnded):  # then all connections have ended
            self._loop.do(self._disconnect, _id_of(other))

    @property
    def nodesIn(self) -> list[OtherNode]:  # noqa: N802 (the name it has had since 2018)
        """The nodes that have connected to this one."""
        return list(self._door.inbound.values())

    @property
    def nodesOut(self) -> list[OtherNode]:  # noqa: N802
        """The nodes to which this one has connected."""
        return list(self._door.outbound.values())

    def print_connections(self) -> None:
        """Print how many nodes are connected, and which."""
        print(f"Node {self.id}: {len(self.nodesIn)} in, {len(self.nodesOut)} out")
        for way, nodes in (("in ", self.nodesIn), ("out", self.nodesOut)):
            for other in nodes:
                print(f"  {way}  {other.id}  {join(other.host, other.port)}")

    # Sending

    def send_to_nodes(self, data: Any, exclude: "Iterable[OtherNode | str]" = ()) -> None:
        """Send data to all connected nodes, but for some.

        Raises MessageError for data that would not arrive as it is. Waits while more is on its way
        than the others can read, unless it is called by the callback.
        """
        left_out = {_id_of(other) for other in exclude}
        self._send(data, lambda: [peer for peer in self._tcp.peers if peer not in left_out])

    def send_to_node(self, other: OtherNode | str, data: Any) -> None:
        """Send data to one node. See `send_to_nodes`."""
        id = _id_of(other)
        self._send(data, lambda: [id])

    def _send(self, data: Any, targets: Callable[[], list[str]]) -> None:
        kind, body = _written(data)
        if self.terminate_flag.is_set():
            return
        patience = 0 if threading.current_thread() is self._thread else 2 * PEER_TIMEOUT
        if self._outbox.put((kind, body, targets), patience):
            self._loop.soon(self._send_soon)

    # On the loop's thread

    def _send_soon(self) -> None:
        """Send what waits: at once, or if some was sent just now, in a moment.

        Then the thread that sends goes on meanwhile, and a stream of small messages is written in
        batches, not one by one, with a change of threads for each.
        """
        reactor = self._loop.reactor
        if reactor.time - self._last_sent > STREAMING:
            self._send_waiting()
        else:
            reactor.at(reactor.time + STREAMING, self._send_waiting)

    def _disconnect(self, peer: str) -> None:
        self._send_waiting()
        self._tcp.disconnect(peer)

    def _send_waiting(self) -> None:
        self._loop.reactor.begin_turn()
        self._last_sent = self._loop.reactor.now
        items = self._outbox.take()
        for kind, body, targets in items:
            self._tcp.send_body(targets(), kind, body)
        self._loop.reactor.end_turn()
        self._outbox.sent(items, self._unsent())
        if self._outbox.is_full:
            self._look_again()

    def _unsent(self) -> int:
        """Return how many bytes wait for the slowest of the others."""
        return max((connection.unsent for connection in self._tcp.links.values()), default=0)

    def _look_again(self) -> None:
        """While senders are held up, look soon and often whether they must be."""
        self._cancel_look()
        for connection in self._tcp.links.values():
            connection.measure()
        self._outbox.sent([], self._unsent())
        if self._outbox.is_full:
            soon = self._loop.reactor.time + 0.005
            self._cancel_look = self._loop.reactor.at(soon, self._look_again)

    def _happened(self, event: str, other: OtherNode, data: Any, size: int = 0) -> None:
        """Put an event into the callback's queue; if that is long, stop reading for a while."""
        self._events.put((event, other, data), size + _OVERHEAD)
        if self._events.size > MAX_PENDING and not self._tcp.deaf:
            self._tcp.deaf = True
            self._tcp.listen_to_peers()
            if self._events.size < MAX_PENDING // 2:  # the callback was quicker, and saw us reading
                self._read_again()

    def _read_again(self) -> None:
        self._tcp.deaf = False
        self._tcp.listen_to_peers()

    def _shut(self) -> None:
        async def leave() -> None:
            self._send_waiting()
            await self._tcp.leave()

        self._loop.wait_for(leave)
        self._loop.close()
        self._outbox.close()
        self._events.put(None, 0)

    def _report(self, error: BaseException) -> None:
        """Show an exception that nobody caught, as Python does for threads."""
        thread = threading.current_thread()
        threading.excepthook(
            threading.ExceptHookArgs((type(error), error, error.__traceback__, thread))
        )

    # On the callback's thread

    def _call_back(self) -> None:
        while (item := self._events.get()) is not None:
            event, other, data = item
            if (
                self._tcp.deaf
                and self._events.size < MAX_PENDING // 2
                and not self.terminate_flag.is_set()
            ):
                self._loop.soon(self._read_again)
            if self.callback is not None:
                try:
                    self.callback(event, self, other, data)
                except Exception as error:  # the student's: it is shown, and the node goes on
                    self._report(error)


class Json(Message):
    """Data that JSON can write, as it is."""

    value: msgspec.Raw

    def __hash__(self) -> int:
        return hash(bytes(self.value))


class Bytes(Message):
    """Data that is bytes."""

    value: bytes


class _Door(Protocol):
    """What a Node's connections bring, made into events."""

    owner: Node

    def __init__(self) -> None:
        self.inbound: dict[str, OtherNode] = {}
        self.outbound: dict[str, OtherNode] = {}

    def on_connect(self, peer: str) -> None:
        host, _, port = self.peers[peer].rpartition(":")
        other = OtherNode(peer, host.strip("[]"), int(port))
        dialled = self.owner._tcp.links[peer].dial is not None
        nodes, event = (
            (self.outbound, CONNECTEDWITHNODE) if dialled else (self.inbound, NODECONNECTED)
        )
        nodes[peer] = other
        self.owner._happened(event, other, {})

    def on_disconnect(self, peer: str) -> None:
        outbound = peer in self.outbound
        other = (self.outbound if outbound else self.inbound).pop(peer)
        self.owner._happened(NODEOUTBOUNDCLOSED if outbound else NODEINBOUNDCLOSED, other, {})

    def on_stop(self) -> None:
        self.inbound.clear()
        self.outbound.clear()

    @on(Bytes)
    def bytes_came(self, message: Bytes, sender: str) -> None:
        self._came(sender, message.value, len(message.value))

    @on(Json)
    def json_came(self, message: Json, sender: str) -> None:
        raw = bytes(message.value)
        try:
            data = _read(raw)
        except NotUnderstood as error:
            self.log(f"from {sender}: {error}")
        else:
            self._came(sender, data, 4 * len(raw))

    def _came(self, sender: str, data: Any, size: int) -> None:
        other = self.outbound.get(sender) or self.inbound.get(sender)
        if other is None:
            return  # it has only said that it is a contact, which a Node does not have
        self.owner._happened(NODEMESSAGE, other, data, size)


class _Inbox:
    """Events on their way to the callback, and the bytes they hold.

    One thread puts and another gets, so each has a count of its own and neither needs a lock.
    """

    def __init__(self) -> None:
        self._items: SimpleQueue[tuple[Any, int]] = SimpleQueue()
        self._put = 0
        self._got = 0

    @property
    def size(self) -> int:
        """Bytes that are waiting, about."""
        return self._put - self._got

    def put(self, item: Any, size: int) -> None:
        self._put += size
        self._items.put((item, size))

    def get(self) -> Any:
        item, size = self._items.get()
        self._got += size
        return item


_Item = tuple[str, bytes, Callable[[], list[str]]]


class _Outbox:
    """Data on its way from any thread to the loop's, and from there to the others."""

    def __init__(self) -> None:
        self._items: list[_Item] = []
        self._size = 0  # bytes of what was put in, and is not written to connections yet
        self._unsent = 0  # bytes that wait in the fullest connection
        self._open = True
        self._room = threading.Condition()

    @property
    def is_full(self) -> bool:
        """Tell whether those who may wait shall wait."""
        much = self._size + self._unsent > PAUSE_UNSENT or len(self._items) >= _MANY
        return much and self._open

    def put(self, item: _Item, patience: float) -> bool:
        """Add an item when there is room for it, or patience has ended, and tell whether the loop
        must be woken for it."""
        with self._room:
            if self.is_full:
                self._room.wait_for(lambda: not self.is_full, patience)
            self._items.append(item)
            self._size += len(item[1])
            return len(self._items) == 1

    def take(self) -> list[_Item]:
        with self._room:
            items, self._items = self._items, []
            return items

    def sent(self, items: list[_Item], unsent: int) -> None:
        """Note that items are written, and how much waits in the fullest connection now."""
        with self._room:
            self._size -= sum(len(body) for _, body, _ in items)
            self._unsent = unsent
            if not self.is_full:
                self._room.notify_all()

    def close(self) -> None:
        """Let nobody wait any more."""
        with self._room:
            self._open = False
            self._room.notify_all()


class _StopFlag(threading.Event):
    """`terminate_flag`: setting it stops the node."""

    def __init__(self, node: Node) -> None:
        super().__init__()
        self._node = node
        self._lock = threading.Lock()

    def set(self) -> None:
        with self._lock:
            if self.is_set():
                return
            super().set()
        self._node._shut()


def _id_of(other: OtherNode | str) -> str:
    if isinstance(other, str):
        return other
    if isinstance(other, OtherNode):
        return other.id
    raise MessageError(
        f"{other!r:.80} is no other node: take one from nodesIn, nodesOut or a callback"
    )


def _written(data: Any) -> tuple[str, bytes]:
    """Write data as the body of a message. Raises MessageError for what would not arrive as it is."""
    if isinstance(data, bytes | bytearray | memoryview):
        return "Bytes", encode(Bytes(bytes(data)))
    try:
        value = msgspec.json.encode(data)
        if len(value) > MAX_BODY - 32:
            why = f"it is {len(value):,} bytes as JSON, and {MAX_BODY:,} are allowed"
        elif _read(value) == data:
            return "Json", b'["Json",{"value":%b}]' % value
        else:
            why = "it would arrive as something else (tuples arrive as lists, keys as str)"
    except (TypeError, ValueError, RecursionError, NotUnderstood, msgspec.MsgspecError) as error:
        why = str(error)
    raise MessageError(
        f"{reprlib.repr(data)} cannot be sent: {why}. "
        "Send a dict with str keys, a list, a str, a number, or bytes"
    )


def _read(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (ValueError, RecursionError, msgspec.MsgspecError) as error:
        raise NotUnderstood(str(error)) from None


def _listening(host: str) -> str:
    return "0.0.0.0" if host == "" else _dialled(host)


def _dialled(host: str) -> str:
    """Return the address of this machine rather than its name, which may mean two of them."""
    return "127.0.0.1" if host == "localhost" else host
