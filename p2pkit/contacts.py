"""Contacts: those to whom a node has something to say, though they are no peers.

A connection is dialled when there is a message, stays for a while in case there are more, and is
never among the peers. So a node of a hash table can talk to thousands, a few at a time.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, Literal, NamedTuple, TypeVar
from typing import Protocol as Interface

from p2pkit.message import Contact

DIAL_TIMEOUT = 5.0
"""Seconds that an address may take to answer; a firewall that swallows packets would take
minutes."""

CONTACT_IDLE = 10.0
"""Seconds without a message, either way, after which the connection to a contact is closed."""

GUEST_IDLE = 3 * CONTACT_IDLE
"""Seconds without a message from a contact after which we close a connection that it has dialled:
so much longer than it takes itself that no message is under way then."""

MAX_WAITING = 1000
"""Messages that may wait for one contact to be reached; those after are dropped."""


class Dial(NamedTuple):
    """An attempt to connect to somebody."""

    address: str
    expected: str | None  # the id that must answer
    purpose: Literal["peer", "contact"]


class Letter(NamedTuple):
    """A message on its way out."""

    kind: str
    body: bytes
    serial: int
    reply_to: int


class Wire(Interface):
    """A connection, as far as it matters here."""

    id: str
    heard: float  # when the last message came

    def close(self, reason: str) -> None: ...


W = TypeVar("W", bound=Wire)


@dataclass
class Line(Generic[W]):
    """A connection to a contact, or what waits for it."""

    connection: W | None = None
    waiting: list[Letter] = field(default_factory=list)
    last_used: float = 0.0


class Contacts(Generic[W]):
    """The connections that one node has dialled to mere contacts.

    dial begins a connection, post writes a letter to one, and drop records what cannot be said,
    and why.
    """

    def __init__(
        self,
        dial: Callable[[Dial], object],
        post: Callable[[W, Letter], None],
        drop: Callable[[str, Letter, str], None],
    ) -> None:
        self._dial = dial
        self._post = post
        self._drop = drop
        self._lines: dict[str, Line[W]] = {}

    def __bool__(self) -> bool:
        return bool(self._lines)

    def send(self, to: Contact, letter: Letter, now: float) -> None:
        """Say something to a contact, dialling it if need be."""
        line = self._lines.get(to.id)
        if line is None:
            line = self._lines[to.id] = Line()
            line.waiting.append(letter)
            self._dial(Dial(to.address, to.id, "contact"))
        elif line.connection is not None:
            line.last_used = now
            self._post(line.connection, letter)
        elif len(line.waiting) < MAX_WAITING:
            line.waiting.append(letter)
        else:
            self._drop(to.id, letter, f"unreachable: {MAX_WAITING} messages wait for it already")

    def ready(self, connection: W, now: float) -> None:
        """A connection that was dialled is up: say what waited for it."""
        line = self._lines.setdefault(connection.id, Line())
        line.connection, line.last_used = connection, now
        waiting, line.waiting = line.waiting, []
        for letter in waiting:
            self._post(connection, letter)

    def failed(self, id: str, why: str) -> None:
        """A dial has failed: what waited for it is dropped."""
        line = self._lines.pop(id, None)
        for letter in line.waiting if line else ():
            self._drop(id, letter, f"unreachable: {why}")

    def closed(self, connection: W) -> None:
        """A connection is gone."""
        line = self._lines.get(connection.id)
        if line is not None and line.connection is connection:
            del self._lines[connection.id]

    def close_idle(self, now: float) -> None:
        """Close what has not been used for a while; called once every HEARTBEAT seconds."""
        for id, line in list(self._lines.items()):
            if line.connection is None:
                continue
            if now - max(line.last_used, line.connection.heard) > CONTACT_IDLE:
                del self._lines[id]
                line.connection.close("idle")
