"""How connections begin: dials, hellos and refusals.

A `Greeter` belongs to one node. It dials addresses, answers those who dial us, and makes a
connection ready when both sides want it. Why a dial failed is said in words, here and at the other
end.
"""

import asyncio
from collections.abc import Callable
from typing import NamedTuple
from typing import Protocol as Interface

from p2pkit.address import is_any, is_local, join, split
from p2pkit.connection import Connection, Hello, Refusal, Stage
from p2pkit.contacts import DIAL_TIMEOUT, Dial
from p2pkit.errors import HelloError, NetworkError, NotUnderstood, harmless
from p2pkit.framing import HEARTBEAT_FRAME, MAX_FRAME
from p2pkit.message import Contact, decode
from p2pkit.reactor import Reactor

VERSION = 1
"""Of the wire format."""

HELLO_TIMEOUT = 5.0
"""Seconds that somebody may take to say who they are."""

CONFIRM_TIMEOUT = 1.0
"""Seconds that a dial takes longer, at the most, to see that the other side has the connection too."""

MAX_GREETING = 128
"""Connections that have not yet said who they are, at the most: those after are closed at once."""

MAX_CONNECTIONS = 4096
"""Connections of a node, at most: those who dial it after that are turned away. Four times what the
hub of a star of 1,000 nodes needs, and as many descriptors as a process commonly may have."""

MAX_HOST = 253
"""Characters in the name of a machine: no name in the Internet is longer."""

MAX_DIALS = 200
"""Addresses that a protocol may dial a second, so that forged ones make no flood. The rest wait
their turn."""

MAX_WAITING_DIALS = 256
"""Addresses that may wait for their turn; more are unreachable at once."""

TAKEN = "already connected"
CROSSING = "already connecting, from this side"


class Attempt(NamedTuple):
    """A dial under way: its result is why it failed, or "" when the connection is there."""

    task: "asyncio.Task[None]"
    result: "asyncio.Future[str]"


class Greeted(Interface):
    """The node that a greeter works for."""

    id: str
    address: str
    incarnation: int
    network: str
    remote: bool
    reactor: Reactor
    links: dict[str, Connection]
    connections: set[Connection]

    @property
    def contact(self) -> Contact: ...
    def is_cut(self, id: str) -> bool: ...
    def ready(self, connection: Connection) -> None: ...
    def offended(self, connection: Connection, cause: str, why: str) -> None: ...
    def dial_failed(self, dial: Dial, why: str) -> None: ...
    def record(self, kind: str, peer: str | None = None, *, reason: str | None = None) -> None: ...


class Greeter:
    """Brings connections of one node from the first byte to readiness."""

    def __init__(self, node: Greeted, connect: Callable[[Dial], Connection]) -> None:
        self.node = node
        self._connect = connect
        self._attempts: dict[Dial, Attempt] = {}
        self._put_off: dict[Dial, str] = {}  # shall wait until this id is connected otherwise
        self._next_dial = 0.0

    # Dialling

    def dial(self, dial: Dial, *, trusted: bool) -> "asyncio.Future[str]":
        """Begin to dial, unless that is under way; the future's result is why it failed, or "".

        trusted: the address was not learned from strangers, so it may be on another machine.
        """
        if dial not in self._attempts:
            loop = self.node.reactor.loop
            task = loop.create_task(self._open(dial, trusted=trusted))
            self._attempts[dial] = Attempt(task, loop.create_future())
        return self._attempts[dial].result

    def close(self) -> None:
        """Give up all attempts."""
        for attempt in self._attempts.values():
            attempt.task.cancel()
            attempt.result.set_result("node is down")  # to be cancelled would end who waits for it
        self._attempts.clear()
        self._put_off.clear()

    def over(self, dial: Dial | None, why: str = "") -> None:
        """End an attempt, for the reason given, or because its connection is ready."""
        if dial is not None and not (why and dial in self._put_off):
            self._end(dial, why)

    def _put_off_until(self, dial: Dial, id: str, why: str) -> None:
        """Let an attempt wait until somebody is connected in another way."""
        self._put_off[dial] = id
        reactor = self.node.reactor
        reactor.at(reactor.now + DIAL_TIMEOUT, self._give_up, self._attempts[dial], dial, why)

    def _give_up(self, attempt: Attempt, dial: Dial, why: str) -> None:
        if self._attempts.get(dial) is attempt:  # and not another one, later
            self._end(dial, why)

    def _end(self, dial: Dial, why: str) -> None:
        attempt = self._attempts.pop(dial, None)
        self._put_off.pop(dial, None)
        if attempt is not None:
            if why not in ("", TAKEN):
                self.node.dial_failed(dial, why)
            attempt.result.set_result(why)

    async def _open(self, dial: Dial, *, trusted: bool) -> None:
        """Open the connection of a dial; the hellos follow when it is open."""
        try:
            host, port = split(dial.address)
            if dial.address == self.node.address:
                raise NetworkError("that is this node itself")
            if not trusted:
                await self._may_dial(host)
            loop = self.node.reactor.loop
            attempt = loop.create_connection(lambda: self._connect(dial), host, port)
            await asyncio.wait_for(attempt, DIAL_TIMEOUT)
        except (OSError, ValueError, NetworkError) as error:
            self.node.reactor.begin_turn()
            self.over(dial, reason_of(error))
            self.node.reactor.end_turn()

    async def _may_dial(self, host: str) -> None:
        """Wait for this node's turn to dial an address that it was told by others."""
        if not (self.node.remote or is_local(host)):
            raise NetworkError(
                f"{host} is another machine, and this network dials only its own: allow it with remote=True"
            )
        if len(self._attempts) > MAX_WAITING_DIALS:
            raise NetworkError(f"{MAX_WAITING_DIALS} other addresses are waiting to be dialled")
        now = self.node.reactor.time
        self._next_dial = max(now, self._next_dial + 1 / MAX_DIALS)
        if self._next_dial > now:
            await asyncio.sleep(self._next_dial - now)

    # Greeting

    def opened(self, connection: Connection) -> None:
        """A connection is open, and nothing has been said on it."""
        if connection.dial is not None:
            connection.say(self._hello(connection))
        elif (why := self._too_many()) is not None:
            self.node.offended(connection, "refused", why)
            return
        reactor = self.node.reactor
        reactor.at(reactor.now + HELLO_TIMEOUT, self._time_is_up, connection)

    def _too_many(self) -> str | None:
        """Say why one more connection is too much, if it is."""
        connections = self.node.connections
        if len(connections) > MAX_CONNECTIONS:
            return f"more than {MAX_CONNECTIONS:,} connections"
        if sum(c.dial is None and c.stage is not Stage.READY for c in connections) > MAX_GREETING:
            return f"more than {MAX_GREETING} connections without a hello"
        return None

    def received(self, connection: Connection, body: bytes) -> None:
        """Take what comes before a connection is ready: a hello, a refusal, the word of the
        smaller id."""
        try:
            if connection.stage is Stage.OFFERED and not body.startswith(_REFUSAL):
                connection.write(HEARTBEAT_FRAME)  # so that the other side knows that we know
                self._ready(connection)
                return
            message = decode(body, _GREETINGS.get)
            if isinstance(message, Refusal):
                self._refused(connection, message)
            elif isinstance(message, Hello) and connection.stage is Stage.GREETING:
                self._welcome(connection, message)
        except NotUnderstood as error:
            self.node.offended(connection, "refused", f"its first frame is no hello: {error}")
        except HelloError as error:
            self._refuse(connection, str(error))

    def _welcome(self, connection: Connection, hello: Hello) -> None:
        """Decide on a hello. Raises HelloError with the reason for a refusal."""
        self._check(hello, connection.dial)
        if self.node.is_cut(hello.id):
            return  # nothing gets through a cut, no answer either: time will end this
        connection.id = hello.id
        connection.incarnation = hello.incarnation
        connection.address = self._dialable(hello.address, connection)
        if connection.dial is None:
            connection.purpose = hello.purpose
        is_contact = connection.purpose == "contact"
        if hello.id in self.node.links and not is_contact:
            there = self.node.links[hello.id]
            is_the_same = there.incarnation == hello.incarnation
            raise HelloError(TAKEN if is_the_same else f"another {hello.id} is connected already")
        we_decide = is_contact or self.node.id < hello.id
        if connection.dial is None:
            if we_decide and not is_contact and self._is_dialling(hello):
                raise HelloError(CROSSING)
            connection.say(self._hello(connection))
        elif we_decide:
            connection.write(HEARTBEAT_FRAME)
        if we_decide or connection.dial is not None:
            self._ready(connection)
        else:
            connection.stage = Stage.OFFERED

    def _refused(self, connection: Connection, refusal: Refusal) -> None:
        """Take no for an answer.

        Those who say that we are connected already are believed when we see that, as we do, or
        will soon: the smaller id's connection may be ready for them before it is for us.
        """
        why = f"refused: {harmless(refusal.reason)}"
        dial = connection.dial
        if (
            refusal.reason in (TAKEN, CROSSING)
            and dial in self._attempts
            and dial.purpose == "peer"
            and dial.expected in (None, refusal.id)
        ):
            link = self.node.links.get(refusal.id)
            if link is not None and link.incarnation == refusal.incarnation:
                why = TAKEN
            else:
                self._put_off_until(dial, refusal.id, why)
        connection.reset(why)

    def _check(self, hello: Hello, dial: Dial | None) -> None:
        ours = self.node.network
        if hello.version != VERSION:
            raise HelloError(f"wire format {hello.version}, and this node speaks {VERSION}")
        if hello.network != ours:
            raise HelloError(
                f"this node belongs to the network {ours!r}, not to {hello.network!r:.80}"
            )
        if hello.id == self.node.id:
            itself = hello.incarnation == self.node.incarnation
            raise HelloError(
                "that is this node itself" if itself else f"this node is called {hello.id} too"
            )
        if dial is not None and dial.expected not in (None, hello.id):
            raise HelloError(f"{hello.id!r:.80} answers there, and {dial.expected} was wanted")
        if not hello.id or len(hello.id) > 128 or not hello.id.isprintable():
            raise HelloError("a name has 1 to 128 printable characters")

    def _ready(self, connection: Connection) -> None:
        """Let messages pass: both sides want this connection."""
        if connection.purpose == "peer" and connection.id in self.node.links:
            connection.reset(TAKEN)
            return
        connection.stage = Stage.READY
        connection.heard = self.node.reactor.now
        connection.reader.limit = MAX_FRAME
        self.node.ready(connection)
        if connection.dial is not None and self.node.id < connection.id:
            connection.unconfirmed = True
            reactor = self.node.reactor
            reactor.at(reactor.now + CONFIRM_TIMEOUT, self.over, connection.dial)
        else:
            self.over(connection.dial)
        for dial in list(self._attempts):
            if dial is not connection.dial and self._is_meant(dial, connection):
                self.over(dial)

    def _refuse(self, connection: Connection, why: str) -> None:
        if why in (TAKEN, CROSSING):
            connection.say(Refusal(why, self.node.id, self.node.incarnation))
        else:
            self.node.record("drop", connection.id or None, reason=f"refused: {why}")
            connection.say(Refusal(why))
        connection.close(why)

    def _time_is_up(self, connection: Connection) -> None:
        if connection.stage in (Stage.GREETING, Stage.OFFERED):
            self.node.offended(connection, "refused", f"no hello within {HELLO_TIMEOUT:.0f} s")

    def _hello(self, connection: Connection) -> Hello:
        node = self.node
        address = node.address
        host, port = split(address)
        if is_any(host):  # tell the address under which this peer sees us
            address = join(connection.transport.get_extra_info("sockname")[0], port)
        return Hello(VERSION, node.network, node.id, node.incarnation, address, connection.purpose)

    def _is_dialling(self, hello: Hello) -> bool:
        peers = [dial for dial in self._attempts if dial.purpose == "peer"]
        return any(dial.address == hello.address or dial.expected == hello.id for dial in peers)

    def _is_meant(self, dial: Dial, connection: Connection) -> bool:
        """Tell whether a connection is what another dial of ours wanted: by its id, for anybody can
        claim an address."""
        wanted = dial.expected or self._put_off.get(dial)
        return dial.purpose == connection.purpose == "peer" and wanted == connection.id

    def _dialable(self, address: str, connection: Connection) -> str:
        """Return the address that somebody claims to listen on. Raises HelloError if nobody could
        dial it."""
        try:
            host, port = split(address)
        except NetworkError as error:
            raise HelloError(str(error)) from None
        if is_any(host):
            host = connection.transport.get_extra_info("peername")[0]
        if len(host) > MAX_HOST or not host.isprintable():
            raise HelloError(f"{host!r:.80} is no name of a machine")
        return join(host, port)


_REFUSAL = b'["Refusal"'
_GREETINGS = {"Hello": Hello, "Refusal": Refusal}


def reason_of(error: BaseException) -> str:
    """Say in words why a connection did not come about, or a port could not be had."""
    if isinstance(error, NetworkError):
        return str(error)
    if isinstance(error, ValueError):
        return "that is no name of a machine"
    if isinstance(error, ConnectionRefusedError):
        return "nobody listens there (connection refused)"
    if isinstance(error, TimeoutError):
        return f"no answer within {DIAL_TIMEOUT:.0f} s"
    number = getattr(error, "errno", None)
    if number in (13, 10013):
        return "the system does not allow it (ports below 1024 are reserved)"
    if number in (48, 98, 10048):
        return "another program has this port"
    return str(error)
