"""What every host does alike: hand messages to handlers, keep questions and timers, write the
trace.

A `BaseHost` runs one protocol on a `Clock`. It knows nothing of sockets or of the simulation;
those are the subclasses, which implement `put` (a message goes out), `dial` and `hang_up`, and
call `deliver`, `peer_up` and `peer_down` when something comes in:

    protocol  --send-->     BaseHost  --put-->        sockets, or the simulated network
    handler   <--call--     BaseHost  <--deliver--    sockets, or the simulated network
"""

import json
from abc import abstractmethod
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from copy import copy
from random import Random
from types import MappingProxyType
from typing import Any, NamedTuple
from typing import Protocol as Interface

import msgspec

from p2pkit.contacts import Letter
from p2pkit.disk import Disk
from p2pkit.errors import NotUnderstood, ProtocolError
from p2pkit.framing import MAX_SERIAL
from p2pkit.message import Contact, Decoder, Message, encode
from p2pkit.protocol import Host, Protocol, Timer
from p2pkit.snapshot import ShowCase, copied
from p2pkit.trace import Trace

PEER_TIMEOUT = 5.0
"""Seconds without a sign of life after which a peer is given up: longer than a busy laptop's
hiccups."""

Watch = Callable[[Any], Mapping[str, Any]]


class Clock(Interface):
    """Time, real or virtual: seconds since the network started."""

    @property
    def now(self) -> float:
        """This moment; it may stand still while a handler runs."""

    def at(self, when: float, action: Callable[..., object], *args: Any) -> Callable[[], object]:
        """Call action(*args) at that time, first come first served; return what cancels the
        call."""


class Question(NamedTuple):
    """A question that waits for its answer."""

    to: str
    then: Callable[[Any], None]
    timer: Timer


class BaseHost(Host):
    """One node: a protocol, its peers, and what it waits for."""

    _random: Random | None = None
    _lent: Mapping[str, str] | None = None  # a view of the peers that somebody has
    _state = b"{}"  # what `watch` said last

    def __init__(
        self,
        protocol: type[Protocol],
        id: str,
        clock: Clock,
        trace: Trace,
        *,
        seed: int = 0,
        watch: Watch | None = None,
        life: int = 1,
        serial: int = 0,
        decoder: Decoder | None = None,
    ) -> None:
        self.protocol = protocol
        self.id = id
        self.clock = clock
        self.trace = trace
        self._seed = seed
        self._life = life  # how often this node has begun, from 1
        self._peers: MutableMapping[str, str] = {}
        self.node = protocol()
        self.node.__dict__["_host"] = self
        self.alive = False
        self.paused = False
        self.serial = serial  # of the last message that went out
        self._watch = watch
        self._questions: dict[int, Question] = {}
        self._held: list[
            tuple[Callable[..., object], tuple[Any, ...]]
        ] = []  # what a pause keeps waiting
        self._last: tuple[Message | None, bytes] = (None, b"")  # what was encoded last
        handlers = protocol.handlers.items()
        self._methods = {kind: getattr(self.node, handler.method) for kind, handler in handlers}
        self._decoder = decoder or Decoder(protocol.find_handled)
        self._answers = Decoder(protocol.find_message)

    # What subclasses do

    @abstractmethod
    def put(
        self, to: str | Contact, kind: str, body: bytes, serial: int, reply_to: int, via: Any
    ) -> None:
        """Send a message on its way: to a peer, to a contact, or back over `via`, where a question
        came from."""

    @abstractmethod
    def dial(self, address: str, expected: str | None) -> None:
        """Try to connect to whoever listens at an address."""

    @abstractmethod
    def hang_up(self, peer: str) -> None:
        """End the connection to a peer, after what was sent on it."""

    @abstractmethod
    def failed(self, error: BaseException) -> None:
        """Deal with an exception that the student's code raised."""

    # A node's life

    def start(self) -> None:
        """Begin: from here on the protocol reacts."""
        self.alive = True
        self.record("start")
        self.run(self.node.on_start)

    def peer_up(self, peer: str, address: str) -> None:
        """A connection to a peer is up."""
        if self.waits(self.peer_up, peer, address):
            return
        self._own_peers()[peer] = address
        self.record("connect", peer)
        self.run(self.node.on_connect, peer)

    def peer_down(self, peer: str, reason: str) -> None:
        """The connection to a peer is gone."""
        if not self.alive:
            return
        if self.waits(self.peer_down, peer, reason):
            return
        self._own_peers().pop(peer, None)
        self.record("disconnect", peer, reason=reason)
        self.run(self.node.on_disconnect, peer)

    def deliver(self, sender: str, body: bytes, serial: int, reply_to: int, via: Any) -> None:
        """Hand a message that has arrived to its handler, or to whoever asked for it."""
        if self.paused:
            self.waits(self.deliver, sender, body, serial, reply_to, via)
            return
        try:
            question = self._question(reply_to, sender) if reply_to else None
            message = (self._answers if question else self._decoder).decode(body)
        except NotUnderstood as error:
            self._not_taken(sender, body, serial, str(error))
            return
        kind = type(message).__name__
        self.trace.add(self.clock.now, "receive", self.id, sender, kind, len(body), serial, body)
        if question is not None:
            self._answered(reply_to, message)
        elif self.alive:
            self.react(kind, message, sender, serial, via)

    def react(self, kind: str, message: Message, sender: str, serial: int, via: Any) -> None:
        """Call the handler of a message, and send back what it returns."""
        try:
            answer = self._methods[kind](message, sender)
            if answer is not None:
                self._reply(kind, answer, sender, serial, via)
            if self._watch is not None:
                self._look()
        except BaseException as error:
            self._blame(error)

    def tell(self, message: Message) -> None:
        """Hand a message from outside the network to its handler."""
        body = encode(message)
        kind = type(message).__name__
        handler = self.protocol.handlers.get(kind)
        if handler is None:
            raise ProtocolError(
                f"{self.id} runs {self.protocol.__name__}, which has no @on({kind}) handler"
            )
        if handler.message is not type(message):
            raise ProtocolError(
                f"{self.id} handles another class of the name {kind}: run the cell, or the import, that "
                f"defines {self.protocol.__name__} once more, after the one that defines {kind}"
            )
        if self.waits(self.tell, message):
            return
        self.record("receive", message=kind, size=len(body), data=body)
        self.run(self._methods[kind], message, None)

    def call(self, method: str, *args: Any) -> Any:
        """Call a method of the protocol, for the person or program whose node this is."""
        function = getattr(self.node, method, None)
        if not callable(function):
            raise ProtocolError(f"{self.protocol.__name__} has no method {method}")
        result = function(*args)
        self._look()
        return result

    def watch_with(self, watch: Watch) -> None:
        """Record from now on what another function says of the node."""
        self._watch = watch
        if self.alive:
            self._look()

    def __deepcopy__(self, memo: dict[int, Any]) -> ShowCase:
        return ShowCase(self)  # a copy of a node, wherever it goes, is to look at

    def stop(self) -> None:
        """Let the protocol say its last words."""
        self.run(self.node.on_stop)

    def end(self, kind: str) -> None:
        """Stop reacting; nothing but the disk is left for a next life."""
        self.alive = False
        self.record(kind)
        self._questions.clear()
        self._held.clear()

    def pause(self) -> None:
        """Freeze: nothing is read, timers wait."""
        self.paused = True
        self.record("pause")

    def resume(self) -> None:
        """Thaw, and do what was due meanwhile."""
        self.paused = False
        self.record("resume")
        self._held.reverse()
        while self._held and self.alive:  # one of them may be its end
            action, args = self._held.pop()
            action(*args)

    # What protocols ask for

    @property
    def now(self) -> float:
        return self.clock.now

    @property
    def random(self) -> Random:
        if self._random is None:  # dice take 2.6 KB, and a thousand nodes may never throw them
            self._random = self.dice()
        return self._random

    @property
    def peers(self) -> Mapping[str, str]:
        if self._lent is None:
            self._lent = MappingProxyType(self._peers)
        return self._lent

    def ids(self) -> Sequence[str]:
        return list(self._peers)

    def send(self, to: str | Contact, message: Message) -> None:
        self.put(to, type(message).__name__, self.encoded(message), self.next_serial(), 0, None)

    def broadcast(self, message: Message, but: tuple[str, ...]) -> None:
        kind, body, serial = type(message).__name__, self.encoded(message), self.next_serial()
        for peer in self.peers:  # putting may end a connection: a view does not change
            if peer not in but:
                self.put(peer, kind, body, serial, 0, None)

    def ask(
        self, to: str | Contact, message: Message, then: Callable[[Any], None], timeout: float
    ) -> None:
        body, serial = self.encoded(message), self.next_serial()
        timer = self.after(timeout, self._too_late, serial)
        self._questions[serial] = Question(whom(to), then, timer)
        self.put(to, type(message).__name__, body, serial, 0, None)

    def after(self, seconds: float, action: Callable[..., None], *args: Any) -> Timer:
        check_seconds("after", seconds)
        timer = Timer()

        def ring() -> None:
            timer.active = False
            timer._forget = None  # it is over: there is nothing left to cancel
            action(*args)

        self._arm(timer, self.clock.now + seconds, ring)
        return timer

    def every(
        self, seconds: float, action: Callable[..., None], *args: Any, jitter: float
    ) -> Timer:
        check_seconds("every", seconds, above=True)
        check_seconds("jitter", jitter)
        timer = Timer()
        start = due = self.clock.now
        turn = 0

        def set_next() -> None:
            nonlocal turn, due
            now = self.clock.now
            turn += 1 + int((now - due) / seconds)  # those that a pause has eaten are over
            late = self.random.random() * jitter if jitter else 0.0
            due = max(now, start + turn * seconds + late)
            self._arm(timer, due, ring)

        def ring() -> None:
            set_next()
            action(*args)

        set_next()
        return timer

    def connect(self, address: str | Contact) -> None:
        if isinstance(address, Contact):
            self.dial(address.address, address.id)
        elif isinstance(address, str):  # perhaps from a stranger's message: it may be nonsense
            self.dial(address, None)
        else:
            raise ProtocolError(
                f"connect takes an address, such as '127.0.0.1:8001', or a Contact, not {address!r:.80}"
            )

    def disconnect(self, peer: str) -> None:
        if peer in self._peers:
            self.hang_up(peer)

    def log(self, text: str) -> None:
        self.record("log", data=json.dumps(text).encode())

    # The rest is how

    def record(
        self,
        kind: str,
        peer: str | None = None,
        *,
        message: str | None = None,
        size: int = 0,
        serial: int = 0,
        data: bytes | None = None,
        reason: str | None = None,
    ) -> None:
        """Write an event of this node into the trace."""
        self.trace.add(self.clock.now, kind, self.id, peer, message, size, serial, data, reason)

    def _own_peers(self) -> MutableMapping[str, str]:
        """Return the peers, to be changed: a copy of them if somebody has seen these."""
        if self._lent is not None:
            self._peers, self._lent = copy(self._peers), None
        return self._peers

    def _drop(self, peer: str, letter: Letter, reason: str) -> None:
        """Record that a message of ours goes no further."""
        kind, body, serial, _ = letter
        self.record(
            "drop", peer, message=kind, size=len(body), serial=serial, data=body, reason=reason
        )

    def run(self, action: Callable[..., object], *args: Any) -> Any:
        """Run a piece of the student's code: the one place where it is entered, and where its
        errors come out."""
        if not self.alive:
            return None
        try:
            result = action(*args)
            if self._watch is not None:
                self._look()
        except BaseException as error:
            self._blame(error)
            return None
        return result

    def _blame(self, error: BaseException) -> None:
        """Deal with an exception of the student's code: whatever it is, it shall be seen."""
        now = self.clock.now
        error.add_note(f"at node {self.id}, {now:.3f} s after the start, seed {self._seed}")
        self.record("error", reason=f"{type(error).__name__}: {error}")
        self.failed(error)

    def dice(self, what: str = "") -> Random:
        """Return dice of this node's own for some purpose; a node that restarts gets others."""
        life = f"life {self._life}" if self._life > 1 else ""
        return Random(" ".join(filter(None, (str(self._seed), self.id, what, life))))

    def waits(self, action: Callable[..., object], *args: Any) -> bool:
        """Tell whether the node is paused; then the action is kept for when it resumes."""
        if self.paused:
            self._held.append((action, args))
        return self.paused

    def snapshot(self) -> Protocol:
        """Return a copy of the node as it is now, to look at."""
        return copied(self)

    def disk_copy(self) -> Disk | None:
        """Return what is on the disk, if it has ever been used."""
        return None

    def next_serial(self) -> int:
        self.serial = self.serial + 1 if self.serial < MAX_SERIAL else 1
        return self.serial

    def _question(self, serial: int, sender: str) -> Question:
        """Find the question that an answer is for. Raises NotUnderstood if there is none."""
        question = self._questions.get(serial)
        if question is None or question.to != sender:
            raise NotUnderstood("nobody asked: or it came too late")
        return question

    def _reply(self, asked: str, answer: object, sender: str | None, serial: int, via: Any) -> None:
        """Send back what a handler has returned."""
        protocol = self.protocol.__name__
        name = f"{protocol}.{self.protocol.handlers[asked].method}"
        if not isinstance(answer, Message):
            raise ProtocolError(
                f"{name} returned {answer!r:.80}: a handler returns nothing, or a Message as its answer"
            )
        kind = type(answer).__name__
        if self.protocol.find_message(kind) is not type(answer):
            raise ProtocolError(
                f"{name} answered with a {kind}, which nobody could find by that name where {protocol} "
                "is defined: import or define it there"
            )
        self.put(sender or "", kind, self.encoded(answer), self.next_serial(), serial, via)

    def _answered(self, serial: int, answer: Message | None) -> None:
        question = self._questions.pop(serial)
        question.timer.cancel()
        self.run(question.then, answer)

    def _too_late(self, serial: int) -> None:
        self._questions.pop(serial).then(None)

    def _not_taken(self, sender: str, body: bytes, serial: int, why: str) -> None:
        reason = why if why.startswith("nobody asked") else f"not understood: {why}"
        self.record("drop", sender, size=len(body), serial=serial, reason=reason)

    def encoded(self, message: Message) -> bytes:
        """Encode a message, once for a loop that sends the same one to several peers."""
        last, body = self._last
        if message is not last:
            body = encode(message)
            self._last = message, body
        return body

    def _arm(self, timer: Timer, when: float, ring: Callable[[], None]) -> None:
        timer._forget = self.clock.at(when, self._rings, timer, ring)

    def _rings(self, timer: Timer, ring: Callable[[], None]) -> None:
        if not self.waits(self._rings, timer, ring) and timer.active:
            self.run(ring)

    def _look(self) -> None:
        """Record what `watch` says of the node, if that has changed."""
        if self._watch is None:
            return
        state = _STATE.encode(dict(self._watch(self.node)))
        if state != self._state:
            self._state = state
            self.record("state", data=state)


# Sets are sorted, for a trace shall be the same in every run; what JSON has no word for is its repr.
_STATE = msgspec.json.Encoder(enc_hook=repr, order="deterministic")


def whom(to: str | Contact) -> str:
    """Return the id of somebody to whom something is said. Raises ProtocolError for anything else."""
    if isinstance(to, str):
        return to
    if isinstance(to, Contact):
        return to.id
    hint = ": the sender is None when a message was told from outside" if to is None else ""
    raise ProtocolError(f"send and ask take a peer's id, or a Contact, and not {to!r:.80}{hint}")


def check_seconds(what: str, seconds: float, *, above: bool = False) -> None:
    """Raise ValueError for what is no time that can pass."""
    if not isinstance(seconds, int | float):
        raise ProtocolError(f"{what}: {seconds!r:.60} is no number of seconds, which comes first")
    if not (0 <= seconds < float("inf")) or (above and seconds == 0):
        raise ValueError(
            f"{what}: {seconds} seconds; it takes a number {'above' if above else 'from'} 0"
        )
