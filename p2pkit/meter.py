"""A meter for simulations: it notices a run that cannot end, and says what is probably wrong.

Virtual time does not pass by itself, so a mistake that real nodes survive, breathless, keeps a
simulation at the same moment for ever. Two such mistakes are common: a flood without a duplicate
check, where each message makes more of its kind, and a timer that sets itself again at once.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Protocol as Interface

from p2pkit.clock import VirtualClock
from p2pkit.errors import NetworkError
from p2pkit.message import Message
from p2pkit.protocol import Protocol
from p2pkit.trace import Trace

BUDGET = 1_000_000
"""Events after which some time has to have passed."""

EACH = 10_000
"""Events of each node in one second of virtual time, from which on a run is taken for one that never
gets on: a hundred times what a busy protocol does."""

GLANCE = 50_000
"""Events between two looks at how much is still to come."""

REPEATED = 100
"""How often the same message has crossed each link on average, when a duplicate check is missing: in a
flood with one, it does once or twice."""


class Subject(Interface):
    """What it needs to know of a network."""

    clock: VirtualClock
    trace: Trace

    def __len__(self) -> int: ...

    def role(self, name: str) -> type[Protocol]: ...

    def known(self) -> Iterable[Message]: ...

    def links(self) -> int: ...


class Meter:
    """Counts the events of one run."""

    def __init__(self, net: Subject) -> None:
        self._net = net
        self._most = max(BUDGET, EACH * len(net))
        self._since = net.clock.now
        self._events = 0  # since then
        self._unseen = 0  # since the last look at what is to come
        self._pending = 0  # what was to come then
        self._growing = 0  # how many looks in a row it had grown
        self._received = 0  # messages, when it began to grow

    @property
    def left(self) -> int:
        """Events that may happen before it counts again."""
        left = GLANCE - self._unseen
        return min(left, BUDGET - self._events) if self._events < BUDGET else left

    def count(self, events: int) -> None:
        """Count some events. Raises NetworkError when the run cannot end."""
        self._events += events
        self._unseen += events
        now = self._net.clock.now
        if self._unseen >= GLANCE:
            self._unseen = 0
            self._look_ahead()
        if now - self._since >= 1:
            self._since, self._events, self._growing = now, 0, 0
        elif self._events >= (BUDGET if now == self._since else self._most):
            raise NetworkError(self._complaint())

    def _look_ahead(self) -> None:
        """Look whether there is ever more to come, and all of it was said before."""
        before, self._pending = self._pending, self._net.clock.pending
        if self._pending < before + GLANCE / 4:
            self._growing = 0
            return
        self._growing += 1
        if self._growing == 1:
            self._received = self._net.trace.count(kind="receive")
            return
        received = self._net.trace.count(kind="receive") - self._received
        different = sum(1 for _ in self._net.known())
        if received > REPEATED * different * self._net.links():
            raise NetworkError(self._complaint())

    def _complaint(self) -> str:
        seconds = self._net.clock.now - self._since
        said = f"{self._events:,} events in {seconds:.3g} s of virtual time"
        received: Counter[str] = Counter()  # by handler
        for (kind, message, _, node), number in self._net.trace.counts().items():
            if kind == "receive" and message:
                received[self._handler(node, message)] += number
        if received.total() < self._events / 2:
            return f"{said}: does a timer set itself again at once?"
        [(name, number)] = received.most_common(1)
        share = number / received.total()
        return f"{said}, {share:.0%} of the messages in {name}: is a duplicate check missing?"

    def _handler(self, node: str, message: str) -> str:
        """Return the name of what handles a kind of messages at a node; an answer has none."""
        protocol = self._net.role(node)
        handler = protocol.handlers.get(message)
        return f"{protocol.__name__}.{handler.method}" if handler else message
