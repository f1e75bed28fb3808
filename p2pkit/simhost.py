"""One node in virtual time, and its connections.

A `SimHost` does what a `TcpHost` does, without a socket. A connection is two `End`s that know each
other; a message takes the time that its link says. Silence is noticed as late as on sockets, after
PEER_TIMEOUT, and for the same reasons: a cut, a partition, a pause.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any
from typing import Protocol as Interface

from p2pkit.clock import VirtualClock
from p2pkit.contacts import CONTACT_IDLE, DIAL_TIMEOUT, Contacts, Dial, Letter
from p2pkit.disk import Disk
from p2pkit.framing import HEADER
from p2pkit.host import PEER_TIMEOUT, BaseHost, Watch, whom
from p2pkit.link import Lane, Link, Weather
from p2pkit.message import Contact, Decoder, Find, Message
from p2pkit.protocol import Protocol
from p2pkit.trace import Trace

LATENCY = 0.01
"""Seconds that a message takes on a link that says nothing. At zero, a protocol that forgets to look
for duplicates would never end."""

REMEMBERED = 1000
"""Messages that a decoder remembers: those that are under way at the same time."""


class World(Interface):
    """What a node knows of its network."""

    clock: VirtualClock
    weather: Weather
    trace: Trace
    seed: int

    def decoder(self, protocol: type[Protocol]) -> Decoder: ...
    def listener(self, address: str) -> "SimHost | None": ...
    def store(self, name: str) -> dict[str, bytes]: ...
    def node_failed(self, host: "SimHost", error: BaseException) -> None: ...


class End:
    """One end of a connection: what its node sends goes to the other end, `back`."""

    back: "End"

    def __init__(self, host: "SimHost", other: "SimHost", purpose: str) -> None:
        self.host = host
        self.id = other.id
        self.address = other.address
        self.purpose = purpose
        self.lane = Lane(Link())
        self.cut = False
        self.open = True
        self.broken = False  # what is on its way from here is lost
        self.begins = 0.0  # nothing arrives there before it is up at the other end
        self.last = 0.0  # when the last of what was said from here arrives
        self.heard = host.clock.now  # when the last message came
        self.since: float | None = None  # when silence began

    def look_up(self, weather: Weather) -> None:
        """Look how messages travel from here now."""
        self.cut = weather.is_cut(self.host.id, self.id)
        self.lane.link = _with_latency(weather.between(self.host.id, self.id))

    def arrivals(self, size: int) -> tuple[float, ...]:
        """Return when a message that is sent now arrives: never, once or twice."""
        host = self.host
        times = self.lane.arrivals(host.clock.now, size, host.link_dice)
        if self.begins > host.clock.now:
            times = tuple(max(time, self.begins) for time in times)
        for time in times:
            if time > self.last:
                self.last = time
        return times

    def goodbye(self) -> float:
        """Return when the other side hears that this one has closed: after all that was said."""
        host = self.host
        flight = self.lane.link.flight(host.link_dice)
        self.last = max(self.last, self.begins, host.clock.now + flight)
        return self.last

    def close(self, reason: str) -> None:
        """End the connection in good order."""
        self.host.close_end(self, reason)


def _with_latency(link: Link) -> Link:
    return _slowed(link) if link.latency is None else link


@cache
def _slowed(link: Link) -> Link:
    return replace(link, latency=LATENCY)


class SharedDecoder(Decoder):
    """A decoder that remembers the last messages: one that many nodes are told is decoded once."""

    def __init__(self, find: Find) -> None:
        super().__init__(find)
        self._known: dict[bytes, Message] = {}

    def decode(self, body: bytes) -> Message:
        message = self._known.get(body)
        if message is None:
            message = super().decode(body)
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            self._known[body] = message
        return message


class SimHost(BaseHost):
    """One node of a simulated network."""

    def __init__(
        self,
        protocol: type[Protocol],
        id: str,
        world: World,
        address: str,
        *,
        watch: Watch | None = None,
        life: int = 1,
        serial: int = 0,
    ) -> None:
        super().__init__(
            protocol,
            id,
            world.clock,
            world.trace,
            seed=world.seed,
            watch=watch,
            life=life,
            serial=serial,
        )
        self.clock: VirtualClock = world.clock
        self._decoder = world.decoder(protocol)
        self.world = world
        self.address = address
        self.open = True  # it listens; links may come up before it starts
        self.links: dict[str, End] = {}  # to peers, by id
        self.calling: dict[str, End] = {}  # to those whose answer to our call is on its way
        self.ends: dict[End, None] = {}  # all of them, in the order of their making
        self.link_dice = self.dice("links")
        self._dialling: dict[Dial, None] = {}
        self._contacts = Contacts(self._dial, self._post, self._drop)
        self._disk: Disk | None = None
        self._tidies = False

    # Coming and going

    def crash(self) -> None:
        """Stop at once: what was on its way is dropped, and peers lose their connections."""
        self._go("crash", broken=True)

    def leave(self) -> None:
        """Say goodbye: what was said is delivered, then connections end."""
        self.stop()
        if self.alive:  # it may have failed over its last words
            self._go("leave", broken=False)

    def shut(self) -> None:
        """Close without a word, at the end of the network."""
        self.alive = self.open = False

    def _go(self, kind: str, *, broken: bool) -> None:
        held = self._held.copy()
        self.end(kind)
        self.open = False
        self.links.clear()
        for end in list(self.ends):
            end.broken = broken
            self.close_end(end, "node is down")
        for _, args in held:
            match args:
                case (End() as end, Letter() as letter):  # it came during a pause, and was not read
                    end.host._drop(end.id, letter, "node is down")

    # What a protocol asks for

    @property
    def contact(self) -> Contact:
        return Contact(self.id, self.address)

    @property
    def disk(self) -> Disk:
        if self._disk is None:
            self._disk = Disk(self.world.store(self.id), self.protocol.find_message)
        return self._disk

    def disk_copy(self) -> Disk | None:
        return self.disk.copy()

    def put(
        self, to: str | Contact, kind: str, body: bytes, serial: int, reply_to: int, via: Any
    ) -> None:
        id = whom(to)
        end = via or (self.links.get(id) if id in self.peers else None)
        letter = Letter(kind, body, serial, reply_to)
        if end is not None:
            self._post(end, letter)
        elif isinstance(to, Contact):
            self._contacts.send(to, letter, self.now)
            self._tidy()
        else:
            self._drop(id, letter, "no such peer")

    def broadcast(self, message: Message, but: tuple[str, ...]) -> None:
        """Send a message to all peers: the same letter to each."""
        kind, body = type(message).__name__, self.encoded(message)
        letter = Letter(kind, body, self.next_serial(), 0)
        for peer in self.peers:
            if peer in but:
                continue
            if (end := self.links.get(peer)) is not None:
                self._post(end, letter)
            else:
                self._drop(peer, letter, "no such peer")

    def work(
        self, function: Callable[..., Any], *args: Any, then: Callable[[Any], None], takes: float
    ) -> None:
        """Do something slow: it takes so many virtual seconds, however long it takes here."""
        self.clock.post(self.now + takes, self._worked, function, args, then)

    def dial(self, address: str, expected: str | None) -> None:
        if address not in self.peers.values() and (expected is None or expected not in self.links):
            self._dial(Dial(address, expected, "peer"))

    def hang_up(self, peer: str) -> None:
        end = self.links.pop(peer, None)
        if end is None:
            return  # asked for already
        self.close_end(end, "closed here")
        self.clock.post(self.now, self.peer_down, peer, "closed here")  # after this handler

    def failed(self, error: BaseException) -> None:
        self.crash()
        self.world.node_failed(self, error)

    def resume(self) -> None:
        super().resume()
        for end in list(self.ends):
            end.back.host.notice(end.back)

    # How messages travel

    def _post(self, end: End, letter: Letter) -> None:
        kind, body, serial, _ = letter
        size = len(body)
        self.trace.add(self.clock.now, "send", self.id, end.id, kind, size, serial, body)
        if not end.open:
            self._drop(end.id, letter, "node is down")
        elif end.cut:
            self._drop(end.id, letter, "cut")
        else:
            arrivals = end.arrivals(HEADER + size)
            if not arrivals:
                self._drop(end.id, letter, "lost")
            for time in arrivals:
                self.clock.post(time, self._arrive, end, letter)

    def _arrive(self, end: End, letter: Letter) -> None:
        """A message of ours is at the other end."""
        there = end.back
        other = there.host
        if end.broken or not there.open:
            self._drop(end.id, letter, "node is down")
        elif not (other.paused and other.waits(self._arrive, end, letter)):
            there.heard = self.clock.now
            other.deliver(self.id, letter.body, letter.serial, letter.reply_to, there)

    # How connections begin

    def _dial(self, dial: Dial) -> None:
        if dial in self._dialling:
            return
        self._dialling[dial] = None
        if dial.address == self.address:
            self._post_failure(0.0, dial, "that is this node itself")
            return
        other = self.world.listener(dial.address)
        id = other.id if other else dial.expected or dial.address
        there, back = (
            _with_latency(self.world.weather.between(*pair)).flight(self.link_dice)
            for pair in ((self.id, id), (id, self.id))
        )
        if other is None:
            why = "nobody listens there (connection refused)"
            self._post_failure(there + back, dial, why)
        else:
            self.clock.post(self.now + there, self._knock, dial, back)

    def _knock(self, dial: Dial, back: float) -> None:
        """Our call has reached the address."""
        if not self.open or dial not in self._dialling:
            return
        other = self.world.listener(dial.address)
        if other is None:
            self._post_failure(back, dial, "nobody listens there (connection refused)")
        elif other.paused or self.is_cut(other.id):
            self._post_failure(DIAL_TIMEOUT, dial, f"no answer within {DIAL_TIMEOUT:.0f} s")
        elif dial.expected not in (None, other.id):
            why = f"{other.id!r} answers there, and {dial.expected} was wanted"
            self._post_failure(back, dial, why)
        elif dial.purpose == "peer" and other.is_linked(self):
            del self._dialling[dial]  # they are connected, or will be at once
        elif dial.purpose == "peer" and (wait := farewell(self, other)):
            self.clock.post(wait, self._knock, dial, back)
        else:
            here, there = connect(self, other, dial.purpose)
            there.begins = self.now + back
            if dial.purpose == "peer":
                self.bury(other.id)
                other.bury(self.id)
                self.calling[other.id] = here
            other.ready(there)
            self.clock.post(there.begins, self._answered_call, dial, here)

    def is_linked(self, other: "SimHost") -> bool:
        """Tell whether another node is a peer, or will be at once."""
        return any(end.back.host is other and end.back.open for end in self.ends_to(other.id))

    def ends_to(self, peer: str) -> list[End]:
        """Return our ends of connections to one who is a peer, or will be at once."""
        ends = (self.links.get(peer), self.calling.get(peer))
        return [end for end in ends if end is not None and end.open]

    def _answered_call(self, dial: Dial, end: End) -> None:
        if self.waits(self._answered_call, dial, end):
            return
        if self.calling.get(end.id) is end:
            del self.calling[end.id]
        if not end.open:
            self._dial_failed(dial, "the connection was closed at once")
            return
        self._dialling.pop(dial, None)
        self.ready(end)
        if dial.purpose == "contact":
            self._contacts.ready(end, self.now)

    def _post_failure(self, seconds: float, dial: Dial, why: str) -> None:
        self.clock.post(self.now + seconds, self._dial_failed, dial, why)

    def _dial_failed(self, dial: Dial, why: str) -> None:
        if self._dialling.pop(dial, self) is self or not self.open:
            return
        self.record("unreachable", dial.expected, reason=f"{dial.address}: {why}")
        if dial.purpose == "contact":
            self._contacts.failed(dial.expected or "", why)
        elif self.alive and not self.waits(self.run, self.node.on_unreachable, dial.address):
            self.run(self.node.on_unreachable, dial.address)

    def ready(self, end: End) -> None:
        """A connection is up at this end."""
        if end.purpose == "peer":
            self.links[end.id] = end
            if self.alive:
                self.peer_up(end.id, end.address)

    # How connections end

    def is_cut(self, id: str) -> bool:
        """Tell whether something between this node and another stops messages, either way."""
        return self.world.weather.divides(self.id, id)

    def close_end(self, end: End, reason: str) -> None:
        """Close this end of a connection, and let the other side know."""
        if not end.open:
            return
        end.open = False
        self.ends.pop(end, None)
        self._contacts.closed(end)
        back = end.back
        if self.world.weather.is_cut(self.id, end.id):
            back.host.notice(back)
        else:
            when = self.now if end.broken else end.goodbye()
            self.clock.post(when, back.host.hung_up, back, "closed by the other side")

    def hung_up(self, end: End, why: str) -> None:
        """The other side has closed a connection."""
        if not end.open or self.waits(self.hung_up, end, why):
            return
        end.open = False
        self.ends.pop(end, None)
        self._contacts.closed(end)
        if self.links.get(end.id) is end:
            del self.links[end.id]
            if self.alive:
                self.peer_down(end.id, why)

    def bury(self, peer: str) -> None:
        """Notice at once if the other end of a connection to a peer is gone."""
        for end in self.ends_to(peer):
            if not end.back.open:
                self.hung_up(end, "closed by the other side")

    def notice(self, end: End) -> None:
        """Look whether something can be heard from the other side; if not, give it up in time."""
        other = end.back.host
        is_silent = other.paused or not end.back.open or end.back.cut
        if not is_silent:
            end.since = None
        elif end.since is None:
            end.since = self.now
            self.clock.post(self.now + PEER_TIMEOUT, self._give_up, end, end.since)

    def _give_up(self, end: End, since: float) -> None:
        """Give up a peer of whom nothing was heard all the time."""
        if end.since != since or not end.open:
            return
        if self.waits(self._begin_again, end):
            return
        end.broken = True
        self.close_end(end, "silent")
        if self.links.get(end.id) is end:
            del self.links[end.id]
            self.peer_down(end.id, f"silent for {PEER_TIMEOUT:.0f} s")

    def _begin_again(self, end: End) -> None:
        """Whoever was frozen has heard nobody meanwhile, and can blame nobody."""
        end.since = None
        self.notice(end)

    # The rest

    def _tidy(self) -> None:
        """Close idle connections to contacts, as long as there are any."""
        if not self._tidies:
            self._tidies = True
            self.clock.post(self.now + CONTACT_IDLE / 10, self._tidied)

    def _tidied(self) -> None:
        self._tidies = False
        if self.open:
            self._contacts.close_idle(self.now)
            if self._contacts:
                self._tidy()

    def _worked(
        self, function: Callable[..., Any], args: tuple[Any, ...], then: Callable[[Any], None]
    ) -> None:
        if not self.waits(self._worked, function, args, then):
            self.run(lambda: then(function(*args)))


def connect(a: SimHost, b: SimHost, purpose: str) -> tuple[End, End]:
    """Make a connection between two nodes; return its ends."""
    here, there = End(a, b, purpose), End(b, a, purpose)
    here.back, there.back = there, here
    for end in (here, there):
        end.host.ends[end] = None
        end.look_up(a.world.weather)
    for end in (here, there):
        end.host.notice(end)  # whoever has dialled may be paused meanwhile
    return here, there


def farewell(a: SimHost, b: SimHost) -> float | None:
    """Return when the last connection of two nodes ends, if one of them has closed it while the
    other is still being told what was said before."""
    closed = [end.back for end in a.ends_to(b.id) + b.ends_to(a.id) if not end.back.open]
    last = max((end.last for end in closed if not end.broken), default=0.0)
    return last if last > a.now else None
