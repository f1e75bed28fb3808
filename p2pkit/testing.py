"""A bench to test one protocol alone: no network, no clock but the test's own.

    with alone(Gossip, peers=["a", "b"]) as bench:
        bench.receive(Rumor("hello"), "a")
        bench.expect("b", Rumor("hello"))

`bench.node` is the protocol; everything that it says is kept until it is expected. What was said
and not expected when the block ends is a failure, so a test sees messages that it has not thought
of.
"""

from collections.abc import Callable, Iterable
from itertools import count
from types import TracebackType
from typing import Any, Generic, NamedTuple, Self, TypeVar

from p2pkit.clock import VirtualClock
from p2pkit.disk import Disk
from p2pkit.host import BaseHost
from p2pkit.message import Contact, Message, decode, encode
from p2pkit.protocol import Protocol
from p2pkit.trace import Trace

P = TypeVar("P", bound=Protocol)


class Said(NamedTuple):
    """A message that the protocol has sent."""

    to: str
    message: Message


class Bench(BaseHost, Generic[P]):
    """One protocol, and everything it says and does, written down."""

    node: P

    def __init__(self, protocol: type[P], id: str, seed: int) -> None:
        self._time = VirtualClock()
        super().__init__(protocol, id, self._time, Trace(), seed=seed)
        self.sent: list[Said] = []
        self.dialled: list[str] = []
        self._stored: dict[str, bytes] = {}
        self._asked: dict[int, tuple[str, Message]] = {}
        self._serials = count(1)

    # What the test does

    def receive(self, message: Message, sender: str = "stranger") -> Message | None:
        """Let a message arrive; return the handler's answer, if it gave one."""
        before = len(self.sent)
        self.deliver(sender, encode(message), next(self._serials), 0, "answer")
        answers = [said for said in self.sent[before:] if isinstance(said, _Answer)]
        for answer in answers:
            self.sent.remove(answer)
        return answers[0].message if answers else None

    def answer(self, to: str, message: Message | None, *, question: Message | None = None) -> None:
        """Answer what the protocol has asked `to`; None lets the time of the question run out."""
        for serial, (whom, asked) in list(self._asked.items()):
            if whom == to and question in (None, asked) and serial in self._questions:
                if message is None:
                    self._answered(serial, None)
                else:
                    self.deliver(to, encode(message), next(self._serials), serial, None)
                return
        raise AssertionError(f"{self.id} has not asked {to} anything that is still open")

    def advance(self, seconds: float) -> None:
        """Let time pass; timers ring."""
        self._time.advance(seconds)

    def connect_peer(self, peer: str) -> None:
        """Add a peer."""
        self.peer_up(peer, f"{peer}:0")

    def disconnect_peer(self, peer: str) -> None:
        """Take a peer away."""
        self.peer_down(peer, "closed by the test")

    # What the test checks

    def expect(self, to: str, message: Message) -> None:
        """Check that the next thing said to `to` is `message`, and take it off the list."""
        for said in self.sent:
            if said.to == to:
                assert said.message == message, f"to {to}: {said.message}, and not {message}"
                self.sent.remove(said)
                return
        raise AssertionError(f"nothing was said to {to}; expected {message}")

    def expect_silence(self) -> None:
        """Check that nothing was said beyond what was expected."""
        left = ", ".join(f"{said.message} to {said.to}" for said in self.sent)
        assert not self.sent, f"{self.id} said more than expected: {left}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self.expect_silence()

    # What the protocol asks for

    @property
    def contact(self) -> Contact:
        return Contact(self.id, f"{self.id}:0")

    @property
    def disk(self) -> Disk:
        return Disk(self._stored, self.protocol.find_message)

    def put(
        self, to: str | Contact, kind: str, body: bytes, serial: int, reply_to: int, via: Any
    ) -> None:
        id = to if isinstance(to, str) else to.id
        message = decode(body, lambda _: type(self._last[0]) if self._last[0] is not None else None)
        if via is None and isinstance(to, str) and to not in self.peers:
            self.record("drop", id, message=kind, serial=serial, reason="no such peer")
            return
        if serial in self._questions:
            self._asked[serial] = id, message
        self.sent.append(_Answer(id, message) if reply_to else Said(id, message))

    def work(
        self,
        function: Callable[..., Any],
        *args: Any,
        then: Callable[[Any], None],
        takes: float = 0.0,
    ) -> None:
        self._time.at(self.now + takes, self.run, then, function(*args))

    def dial(self, address: str, expected: str | None) -> None:
        self.dialled.append(address)

    def hang_up(self, peer: str) -> None:
        def close() -> None:
            if peer in self.peers:
                self.peer_down(peer, "closed here")

        self._time.at(self.now, close)

    def failed(self, error: BaseException) -> None:
        raise error


class _Answer(Said):
    """A message that a handler has returned."""


def alone(
    protocol: type[P], *, id: str = "n0", peers: Iterable[str] = (), seed: int = 0
) -> Bench[P]:
    """Start a protocol on a bench, connected to some peers that only exist by name."""
    bench = Bench(protocol, id, seed)
    bench.start()
    for peer in peers:
        bench.connect_peer(peer)
    return bench
