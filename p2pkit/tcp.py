"""One protocol on one real socket.

A `TcpHost` listens on a port of its own and talks to two kinds of others: its peers, whose
connections are the overlay, and mere contacts, dialled when something is to be said to them. All
hosts of a process live on one event loop, and everything here runs on that loop's thread.
"""

import asyncio
import secrets
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from p2pkit.address import split
from p2pkit.connection import Connection, Stage
from p2pkit.contacts import GUEST_IDLE, Contacts, Dial, Letter
from p2pkit.disk import Disk
from p2pkit.errors import NetworkError, harmless
from p2pkit.framing import MAX_FRAME, MAX_SERIAL, frame
from p2pkit.greeting import TAKEN, Greeter, reason_of
from p2pkit.host import PEER_TIMEOUT, BaseHost, Watch, whom
from p2pkit.link import Lane, Link, Weather
from p2pkit.message import Contact, Message
from p2pkit.protocol import Protocol
from p2pkit.reactor import Reactor
from p2pkit.trace import Trace

HEARTBEAT = 1.0
"""Seconds between signs of life on a connection with nothing else to say."""

MAX_UNREAD = 5 * MAX_FRAME
"""Bytes of memory for what comes in, of all connections of a node together: four of the largest
frames, and room for the rest."""

LEAVE_TIMEOUT = 1.0
"""Seconds that a leaving node waits until what it said is delivered, and the others have hung
up."""

_UNTROUBLED = (Link(), Link(latency=0.0))


def _nothing(*_: object) -> None:
    pass


@dataclass
class Surroundings:
    """What the nodes of one network share."""

    network: str
    seed: int = 0
    weather: Weather = field(default_factory=Weather)
    remote: bool = False  # whether protocols may dial other machines
    open_disk: Callable[[str, type[Protocol]], Disk] | None = None
    has_disk: Callable[[str], bool] = lambda _: False
    pool: Callable[..., Future[Any]] | None = None  # calls a function in another process
    failed: Callable[["TcpHost", BaseException], object] = (
        _nothing  # a protocol's own code has raised
    )


class TcpHost(BaseHost):
    """One node on real sockets."""

    def __init__(
        self,
        protocol: type[Protocol],
        id: str,
        reactor: Reactor,
        trace: Trace,
        around: Surroundings,
        *,
        watch: Watch | None = None,
        life: int = 1,
        serial: int = 0,
    ) -> None:
        super().__init__(
            protocol, id, reactor, trace, seed=around.seed, watch=watch, life=life, serial=serial
        )
        self.reactor = reactor
        self.around = around
        self.network = around.network
        self.remote = around.remote
        self.address = ""
        self.incarnation = secrets.randbits(
            53
        )  # tells this life of a node from others of the same name
        self.open = False  # it listens; links may come up before it starts
        self.deaf = False  # it reads nothing, of its own will
        self.links: dict[str, Connection] = {}  # to peers, by id
        self.connections: set[Connection] = set()  # all of them
        self._unread = 0  # bytes of their readers' memory
        self.greeter = Greeter(self, lambda dial: Connection(self, dial))
        self._contacts = Contacts(
            lambda dial: self.greeter.dial(dial, trusted=False), self._post, self._drop
        )
        self._server: asyncio.Server | None = None
        self._hung_up = asyncio.Event()  # a connection has ended
        self._disk: Disk | None = None
        self._link_dice = self.dice("links")
        self._cancel_beat: Callable[[], object] = _nothing

    # Coming and going

    async def listen(self, address: str = "127.0.0.1:0") -> None:
        """Open the port. Raises NetworkError when that cannot be."""
        host, port = split(address)
        loop = self.reactor.loop
        try:
            self._server = await loop.create_server(
                lambda: Connection(self), host, port, backlog=1024
            )
        except OSError as error:
            raise NetworkError(
                f"{self.id} cannot listen on {address}: {reason_of(error)}. Port 0 takes any free one"
            ) from None
        real = self._server.sockets[0].getsockname()[1]
        self.address = address.removesuffix(f":{port}") + f":{real}"
        self.open = True
        self._cancel_beat = self.reactor.at(self.now + HEARTBEAT, self._beat)

    def crash(self) -> None:
        """Stop at once: what was on its way is dropped, and connections are reset."""
        self.end("crash")
        self.close("node is down")

    async def leave(self) -> None:
        """Say goodbye: what was said is delivered, then connections are closed."""
        self.reactor.begin_turn()
        self.stop()
        if self._server is not None:
            self._server.close()  # nobody new is let in
        self.links.clear()
        for connection in list(self.connections):
            connection.close("left")
        self.reactor.end_turn()
        if self.alive:
            self.end("leave")
        stalled = 0.0
        while self.connections and stalled < PEER_TIMEOUT:
            self._hung_up.clear()
            try:
                await asyncio.wait_for(self._hung_up.wait(), LEAVE_TIMEOUT)
            except TimeoutError:
                progress = [connection.has_progressed() for connection in self.connections]
                busy = any(progress)
                stalled = 0.0 if busy else stalled + LEAVE_TIMEOUT
                if not busy and not any(connection.unsent for connection in self.connections):
                    break
        for connection in list(self.connections):
            self.connections.discard(connection)
            connection.let_go()
        self.close("left")

    def close(self, reason: str) -> None:
        """Close everything at once."""
        self.alive = self.open = False
        self._cancel_beat()
        self.greeter.close()
        if self._server is not None:
            self._server.close()
        for connection in list(self.connections):
            connection.reset(reason)
        self.links.clear()
        if self._disk is not None:
            open_disk, self._disk = self._disk, self._disk.copy()  # which can still be looked at
            open_disk.close()

    # What a protocol asks for

    @property
    def contact(self) -> Contact:
        return Contact(self.id, self.address)

    @property
    def disk(self) -> Disk:
        if self._disk is None:
            if self.around.open_disk is None:
                raise NetworkError(f"{self.id} has no disk")
            self._disk = self.around.open_disk(self.id, self.protocol)
        return self._disk

    def disk_copy(self) -> Disk | None:
        if self._disk is None and self.open and self.around.has_disk(self.id):
            return self.disk.copy()
        return None if self._disk is None else self._disk.copy()

    def peer_up(self, peer: str, address: str) -> None:
        super().peer_up(peer, address)
        if peer in self.links:
            self._look_up_link(self.links[peer])

    def put(
        self, to: str | Contact, kind: str, body: bytes, serial: int, reply_to: int, via: Any
    ) -> None:
        id = whom(to)
        connection = via or (self.links.get(id) if id in self._peers else None)
        if connection is not None:
            self._post(connection, Letter(kind, body, serial, reply_to))
        elif isinstance(to, Contact):
            self._contacts.send(to, Letter(kind, body, serial, reply_to), self.now)
        else:
            self._drop(id, Letter(kind, body, serial, reply_to), "no such peer")

    def send(self, to: str | Contact, message: Message) -> None:
        """Send a message: in most cases to a peer that nothing troubles, so that goes the short way."""
        connection = self.links.get(to) if isinstance(to, str) else None
        if connection is None or not connection.is_clear:
            super().send(to, message)
            return
        body = self.encoded(message)
        serial = self.serial = self.serial + 1 if self.serial < MAX_SERIAL else 1
        kind, time = message.__class__.__name__, self.reactor.now
        self.trace.add(time, "send", self.id, connection.id, kind, len(body), serial, body)
        connection.write(frame(body, serial))

    def send_body(self, peers: Iterable[str], kind: str, body: bytes) -> None:
        """Send a message that is encoded already to several peers."""
        serial = self.next_serial()
        for peer in peers:
            self.put(peer, kind, body, serial, 0, None)

    def work(
        self, function: Callable[..., Any], *args: Any, then: Callable[[Any], None], takes: float
    ) -> None:
        if self.around.pool is None:
            raise NetworkError(f"{self.id} has nobody to do its work")
        loop = self.reactor.loop

        def done(future: Future[Any]) -> None:  # on another thread
            if self.alive and not future.cancelled():
                loop.call_soon_threadsafe(self._worked, future, then)

        self.around.pool(function, *args).add_done_callback(done)

    def dial(self, address: str, expected: str | None, *, trusted: bool = False) -> None:
        """Connect to whoever listens at an address, unless it is a peer already."""
        if not self._is_linked(address, expected):
            self.greeter.dial(Dial(address, expected, "peer"), trusted=trusted)

    async def connected(self, address: str, expected: str | None = None) -> str:
        """Dial an address that a person has named.

        Return "" when a connection was made, TAKEN when there is one, or why there is none.
        """
        if self._is_linked(address, expected):
            return TAKEN
        return await self.greeter.dial(Dial(address, expected, "peer"), trusted=True)

    def _is_linked(self, address: str, expected: str | None) -> bool:
        """Tell whether a dial is needless. The address that a peer claims is no proof, only the one
        that it was reached at."""
        if expected is not None:
            return expected in self.links
        return any(c.dial is not None and c.dial.address == address for c in self.links.values())

    def hang_up(self, peer: str) -> None:
        connection = self.links.pop(peer, None)
        if connection is None:
            return  # asked for already
        connection.close("closed here")
        self.reactor.at(
            self.now, self.peer_down, peer, "closed here"
        )  # after the handler that asks for it

    def failed(self, error: BaseException) -> None:
        self.crash()
        self.around.failed(self, error)

    def pause(self) -> None:
        super().pause()
        self.listen_to_peers()

    def resume(self) -> None:
        super().resume()
        self.listen_to_peers()

    def listen_to_peers(self) -> None:
        """Read from the connections, or not, as things are now."""
        for connection in self.connections:
            if connection.stage is Stage.CLOSED:
                continue  # it reads on until the other side says goodbye
            if self.paused or self.deaf or connection.stuck:
                connection.transport.pause_reading()
            else:
                connection.transport.resume_reading()

    def weather_changed(self) -> None:
        """Look up anew how messages travel on each connection."""
        for connection in self.connections:
            self._look_up_link(connection)
        for connection in list(self.links.values()):
            if connection.stage is Stage.CLOSED:  # it broke behind a cut, and that shows now
                self._lose_unless_cut(connection, "broken")

    # What connections tell

    def opened(self, connection: Connection) -> None:
        self.connections.add(connection)
        if not self.open:
            connection.reset("node is down")
            return
        self.greeter.opened(connection)
        if self.paused or self.deaf:
            connection.transport.pause_reading()

    def greeted(self, connection: Connection, body: bytes) -> None:
        self.greeter.received(connection, body)

    def confirmed(self, connection: Connection) -> None:
        self.greeter.over(connection.dial)

    def offended(self, connection: Connection, cause: str, why: str) -> None:
        """Somebody broke the rules: this connection ends, and no other."""
        self.record("drop", connection.id or None, reason=f"{cause}: {why}")
        connection.reset(why)

    def slow(self, connection: Connection) -> None:
        self.record("drop", connection.id, reason="slow reader: more waits for it than may wait")
        connection.reset("slow reader")

    def resized(self, change: int) -> None:
        """The connections take more memory, or less. Some is free when nothing waits in it; then
        whoever takes most goes."""
        self._unread += change
        if change <= 0 or self._unread <= MAX_UNREAD:
            return
        for connection in self.connections:
            connection.shrink()
        if self._unread > MAX_UNREAD:
            worst = max(self.connections, key=lambda connection: connection.room)
            self.offended(
                worst, "too large", f"more than {MAX_UNREAD:,} bytes of unfinished messages"
            )
            worst.forget()

    def closed(self, connection: Connection, why: str) -> None:
        self.connections.discard(connection)
        self._hung_up.set()
        if not self.open:
            return
        self.greeter.over(connection.dial, why)
        self._contacts.closed(connection)
        if self.links.get(connection.id) is connection:
            self._lose_unless_cut(connection, why)

    # What the greeter tells

    def ready(self, connection: Connection) -> None:
        self._look_up_link(connection)
        if connection.purpose == "peer":
            self.links[connection.id] = connection
            if self.alive:
                self.peer_up(connection.id, connection.address)
        elif connection.dial is not None:
            self._contacts.ready(connection, self.now)

    def is_cut(self, id: str) -> bool:
        """Tell whether something between this node and another stops messages, either way."""
        return self.around.weather.divides(self.id, id)

    def dial_failed(self, dial: Dial, why: str) -> None:
        name = dial.expected and harmless(dial.expected)  # a stranger may have named them
        self.record("unreachable", name, reason=f"{harmless(dial.address)}: {harmless(why)}")
        if dial.purpose == "contact":
            self._contacts.failed(dial.expected or "", why)
        elif self.alive:
            self.run(self.node.on_unreachable, dial.address)

    # How messages travel

    def _post(self, connection: Connection, letter: Letter) -> None:
        kind, body, serial, reply_to = letter
        self.record("send", connection.id, message=kind, size=len(body), serial=serial, data=body)
        data = frame(body, serial, reply_to)
        if connection.stage is Stage.CLOSED:
            self._drop(connection.id, letter, "node is down")
        elif connection.lane is None and not connection.cut:
            connection.write(data)
        else:
            self._fly(connection, data, letter)

    def _fly(self, connection: Connection, data: bytes, letter: Letter) -> None:
        """Send a message through the weather."""
        if connection.cut:
            self._drop(connection.id, letter, "cut")
            return
        assert connection.lane is not None
        arrivals = connection.lane.arrivals(self.now, len(data), self._link_dice)
        if not arrivals:
            self._drop(connection.id, letter, "lost")
        for time in arrivals:
            connection.flying += 1
            self.reactor.at(time, self._land, connection, data, letter)

    def _land(self, connection: Connection, data: bytes, letter: Letter) -> None:
        if connection.stage is Stage.CLOSED:
            self._drop(connection.id, letter, "node is down")
        else:
            connection.write(data)
            connection.landed()

    def _look_up_link(self, connection: Connection) -> None:
        weather = self.around.weather
        connection.cut = weather.is_cut(self.id, connection.id)
        link = weather.between(self.id, connection.id)
        if link in _UNTROUBLED and not connection.flying:
            connection.lane = None
        elif connection.lane is None:
            connection.lane = Lane(link)
        else:
            connection.lane.link = link  # what is under way keeps its place
        untroubled = connection.lane is None and not connection.cut
        is_open = connection.stage is Stage.READY and connection.id in self._peers
        connection.is_clear = untroubled and is_open

    # The rest

    def _lose_unless_cut(self, connection: Connection, why: str) -> None:
        if not self.around.weather.is_cut(connection.id, self.id):
            self._lose(connection, why)
        else:  # nothing gets through, not even that the connection broke: notice it as silence
            rest = max(0.0, PEER_TIMEOUT - connection.silent * HEARTBEAT)
            self.reactor.at(self.now + rest, self._lose, connection, "silent")

    def _lose(self, connection: Connection, why: str) -> None:
        if self.links.get(connection.id) is connection:
            del self.links[connection.id]
            if self.alive:
                self.peer_down(connection.id, why)

    def _beat(self) -> None:
        """Once every HEARTBEAT: say that we live, and notice who does not.

        Silence is counted in beats of our own, not in seconds: a loop that was held up by a slow
        handler, or a laptop that slept, has heard nobody meanwhile and can blame nobody.
        """
        self._cancel_beat = self.reactor.at(self.now + HEARTBEAT, self._beat)
        if self.paused:
            return
        for connection in list(self.connections):
            if connection.stage is Stage.LEAVING:
                connection.beat(listening=False)  # last words may take their time
            elif connection.stage is Stage.READY:
                connection.beat(listening=not self.deaf)
                if connection.stuck:  # if both sides wait until the other reads, neither ever will
                    connection.resume_writing()
                if connection.silent * HEARTBEAT > PEER_TIMEOUT:
                    connection.reset(f"silent for {PEER_TIMEOUT:.0f} s")
                is_guest = connection.dial is None and connection.purpose == "contact"
                if is_guest and self.now - connection.heard > GUEST_IDLE:
                    connection.close("idle")
        self._contacts.close_idle(self.now)

    def _worked(self, future: Future[Any], then: Callable[[Any], None]) -> None:
        self.reactor.begin_turn()
        if not self.waits(self._worked, future, then):
            self.run(lambda: then(future.result()))
        self.reactor.end_turn()
