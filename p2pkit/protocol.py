"""Protocols: what a node does.

A protocol is a class whose handlers react to what happens, one at a time, and never wait:

    class Gossip(Protocol):
        fanout = 3                                  # a parameter: Gossip.using(fanout=5) is a variant

        def on_start(self):
            self.heard = set()                      # state is plain attributes

        @on(Rumor)
        def hear(self, rumor, sender):
            if rumor not in self.heard:
                self.heard.add(rumor)
                for peer in self.sample(self.fanout):
                    self.send(peer, rumor)

A network makes one object of the class for each node, attaches a `Host` to it, and calls
`on_start`. The host is the only way from a protocol to the world: its peers, the clock, the dice,
the disk. Real sockets, the simulation and the test bench are three hosts, and a protocol cannot
tell which one it has.
"""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
from difflib import get_close_matches
from random import Random
from typing import Any, ClassVar, Self

from p2pkit.errors import ProtocolError
from p2pkit.message import Contact, Message
from p2pkit.vocabulary import Handler, find, on, vocabulary

__all__ = ["Host", "Protocol", "Timer", "on"]


class Protocol:
    """What a node does. Subclass it, and override what you need."""

    handlers: ClassVar[Mapping[str, Handler]] = {}
    _host: "Host"  # set by the host; see Unattached

    # What happens to a node

    def on_start(self) -> None:
        """The node begins, or begins again after a crash. It has no peers yet."""

    def on_connect(self, peer: str) -> None:
        """A connection is up, and `peer` is now among the peers."""

    def on_disconnect(self, peer: str) -> None:
        """A connection is gone, whoever ended it, and `peer` is no longer among the peers."""

    def on_unreachable(self, address: str) -> None:
        """Nobody we can talk to answered at an address that `connect` dialled."""

    def on_stop(self) -> None:
        """The node leaves, and what it says now is delivered; or the network closes, and nobody
        listens any more."""

    # What a node knows

    @property
    def id(self) -> str:
        """The name of this node."""
        return self._host.id

    @property
    def now(self) -> float:
        """Seconds since the network started."""
        return self._host.now

    @property
    def random(self) -> Random:
        """This node's own dice: the same throws in every run with the same seed."""
        return self._host.random

    @property
    def peers(self) -> Mapping[str, str]:
        """The connections of this node: the id of each peer, and its address. Read-only."""
        return self._host.peers

    @property
    def contact(self) -> Contact:
        """This node's own id and address, to be put into messages."""
        return self._host.contact

    @property
    def disk(self) -> MutableMapping[str, Any]:
        """What survives a crash: a dict from str to messages or JSON values."""
        return self._host.disk

    # What a node does

    def send(self, to: str | Contact, message: Message) -> None:
        """Send a message to a peer, by its id, or to anybody whose contact is known. Never waits.

        Raises MessageError when the message cannot travel. A message for somebody who is not a
        peer is dropped, as connections come and go; the trace shows it.
        """
        self._host.send(to, message)

    def broadcast(self, message: Message, *, but: str | Iterable[str] | None = None) -> None:
        """Send a message to all peers, but for one id or several."""
        leave_out = (but,) if isinstance(but, str) else tuple(but or ())
        self._host.broadcast(message, leave_out)

    def sample(self, k: int) -> list[str]:
        """Return k different peers, chosen at random, or all of them if there are fewer."""
        peers = self._host.ids()
        return self.random.sample(peers, min(k, len(peers)))

    def ask(
        self,
        to: str | Contact,
        message: Message,
        then: Callable[[Any], None],
        timeout: float = 1.0,
    ) -> None:
        """Send a question, and call then(answer) once: with None if no answer came within
        `timeout` seconds."""
        check_callable("ask(peer, Question(), self.answered)", then)
        self._host.ask(to, message, then, timeout)

    def after(self, seconds: float, action: Callable[..., None], *args: Any) -> "Timer":
        """Call action(*args) once, that many seconds from now."""
        check_callable("after(1.0, self.tick)", action)
        return self._host.after(seconds, action, *args)

    def every(
        self, seconds: float, action: Callable[..., None], *args: Any, jitter: float = 0.0
    ) -> "Timer":
        """Call action(*args) again and again: after `seconds`, twice that, and so on, without
        drift.

        jitter: seconds; each call is up to so much late, drawn anew each time, which keeps nodes
        out of step.
        """
        check_callable("every(1.0, self.tick)", action)
        return self._host.every(seconds, action, *args, jitter=jitter)

    def work(
        self,
        function: Callable[..., Any],
        *args: Any,
        then: Callable[[Any], None],
        takes: float = 0.0,
    ) -> None:
        """Do something slow elsewhere: call then(function(*args)) when it is done.

        On real nodes another process does it, so the function and its arguments must be picklable.
        In simulation that takes `takes` seconds of virtual time. The function gets copies.
        """
        check_callable("work(function, 1, then=self.done)", function)
        check_callable("work(function, 1, then=self.done)", then)
        self._host.work(function, *args, then=then, takes=takes)

    def connect(self, address: str | Contact) -> None:
        """Dial an address (host:port). In time, on_connect or on_unreachable follows.

        Nothing happens when the node that listens there is a peer already.
        """
        self._host.connect(address)

    def disconnect(self, peer: str) -> None:
        """End a connection, after what was sent on it. on_disconnect follows, here and there."""
        self._host.disconnect(peer)

    def log(self, text: object) -> None:
        """Write something down in the trace."""
        self._host.log(str(text))

    # What networks and tools use

    @classmethod
    def using(cls, **parameters: Any) -> type[Self]:
        """Return a variant of this protocol with other parameters. Raises ProtocolError for
        unknown ones."""
        for name in parameters:
            if not (hasattr(cls, name) and _is_parameter(cls, name)):
                known = [key for key in dir(cls) if _is_parameter(cls, key)]
                near = get_close_matches(name, known, n=1)
                hint = (
                    f"did you mean {near[0]}?" if near else f"it has {', '.join(known) or 'none'}"
                )
                raise ProtocolError(f"{cls.__name__} has no parameter {name}: {hint}")
        own = {
            "__module__": cls.__module__,
            "__qualname__": cls.__qualname__,
            "__doc__": cls.__doc__,
        }
        return type(cls.__name__, (cls,), own | parameters)

    @classmethod
    def find_handled(cls, kind: str) -> type[Message] | None:
        """Find a class of messages that has a handler, by name."""
        handler = cls.handlers.get(kind)
        return handler.message if handler else None

    @classmethod
    def find_message(cls, kind: str) -> type[Message] | None:
        """Find a class of messages by name, as Python would where this protocol's code stands.

        That is how an answer is understood whose class has no handler of its own.
        """
        found = cls.find_handled(kind) or find(kind, cls.__mro__[: cls.__mro__.index(Protocol)])
        return found or (
            Contact if kind == "Contact" else None
        )  # though their code may not name it

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.handlers = vocabulary(cls)


class Unattached:
    """What stands in for the host of a protocol that is in no network."""

    def __get__(self, node: Protocol | None, owner: type[Protocol]) -> Self:
        if node is None:
            return self
        raise ProtocolError(
            f"this {owner.__name__} is not part of a network yet: do in on_start what needs one, "
            "and let a network, or testing.alone, make the object from the class"
        )


class Timer:
    """What `after` and `every` return."""

    def __init__(self) -> None:
        self.active = True
        self._forget: Callable[[], object] | None = None

    def cancel(self) -> None:
        """Forget the call. Nothing happens if it is over, or forgotten already."""
        self.active = False
        if self._forget is not None:
            self._forget()
            self._forget = None

    def __deepcopy__(self, memo: dict[int, Any]) -> "Timer":
        copy = Timer()  # a copy of a node's state shows whether the timer runs, and cannot stop it
        copy.active = self.active
        return copy

    def __reduce__(self) -> tuple[Any, ...]:
        return Timer, (), {"active": self.active, "_forget": None}


Protocol._host = Unattached()  # type: ignore[assignment]


class Host(ABC):
    """Where a node lives: all that a protocol may ask of the world. See the methods of
    `Protocol`."""

    id: str

    @property
    @abstractmethod
    def random(self) -> Random: ...

    @property
    @abstractmethod
    def peers(self) -> Mapping[str, str]: ...

    def ids(self) -> Sequence[str]:
        """Return the ids of the peers."""
        return list(self.peers)

    @property
    @abstractmethod
    def now(self) -> float: ...

    @property
    @abstractmethod
    def contact(self) -> Contact: ...

    @property
    @abstractmethod
    def disk(self) -> MutableMapping[str, Any]: ...

    @abstractmethod
    def send(self, to: str | Contact, message: Message) -> None: ...

    @abstractmethod
    def broadcast(self, message: Message, but: tuple[str, ...]) -> None: ...

    @abstractmethod
    def ask(
        self, to: str | Contact, message: Message, then: Callable[[Any], None], timeout: float
    ) -> None: ...

    @abstractmethod
    def after(self, seconds: float, action: Callable[..., None], *args: Any) -> Timer: ...

    @abstractmethod
    def every(
        self, seconds: float, action: Callable[..., None], *args: Any, jitter: float
    ) -> Timer: ...

    @abstractmethod
    def work(
        self, function: Callable[..., Any], *args: Any, then: Callable[[Any], None], takes: float
    ) -> None: ...

    @abstractmethod
    def connect(self, address: str | Contact) -> None: ...

    @abstractmethod
    def disconnect(self, peer: str) -> None: ...

    @abstractmethod
    def log(self, text: str) -> None: ...


def check_callable(example: str, action: object) -> None:
    """Raise ProtocolError for what cannot be called later."""
    if not callable(action):
        name = example.partition("(")[0]
        raise ProtocolError(
            f"{name} takes a function to call later, and not {action!r:.60}: name it without "
            f"parentheses of its own, as in {example}"
        )


def _is_parameter(cls: type[Protocol], name: str) -> bool:
    if name.startswith("_") or hasattr(Protocol, name):
        return False
    value = inspect.getattr_static(cls, name)
    return not callable(value) and not isinstance(value, property | classmethod | staticmethod)
