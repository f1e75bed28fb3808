"""One node in virtual time, and its connections.

A `SimHost` does what a `TcpHost` does, without a socket. A connection is two `End`s that know each
other; a message takes the time that its link says. Silence is noticed as late as on sockets, after
PEER_TIMEOUT, and for the same reasons: a cut, a partition, a pause.
"""

from collections.abc import Callable, Sequence
from copy import deepcopy
from random import Random
from typing import Any
from typing import Protocol as Interface

from p2pkit.clock import VirtualClock
from p2pkit.contacts import CONTACT_IDLE, DIAL_TIMEOUT, Contacts, Dial, Letter
from p2pkit.crowd import Others, Roll
from p2pkit.disk import Disk
from p2pkit.ends import End, connect, farewell
from p2pkit.framing import HEADER
from p2pkit.host import PEER_TIMEOUT, BaseHost, Watch, check_seconds, whom
from p2pkit.link import Weather
from p2pkit.message import Contact, Decoder, Find, Message
from p2pkit.protocol import Protocol
from p2pkit.trace import Trace

REMEMBERED = 1000
"""Messages that a decoder remembers: those that are under way at the same time."""


class SharedDecoder(Decoder):
    """A decoder that remembers the last messages: one that many nodes are told is decoded once."""

    def __init__(self, find: Find) -> None:
        super().__init__(find)
        self.known: dict[bytes, tuple[Message, bytes]] = {}  # with its bytes, to be passed on

    def decode(self, body: bytes) -> Message:
        known = self.known.get(body)
        if known is None:
            known = super().decode(body), body
            if len(self.known) >= REMEMBERED:
                self.known.clear()
            self.known[body] = known
        return known[0]


class World(Interface):
    """What a node knows of its network."""

    clock: VirtualClock
    weather: Weather
    trace: Trace
    seed: int

    def decoder(self, protocol: type[Protocol]) -> SharedDecoder: ...
    def listener(self, address: str) -> "SimHost | None": ...
    def store(self, name: str) -> dict[str, bytes]: ...
    def meet(self, a: str, b: str) -> None: ...
    def node_failed(self, host: "SimHost", error: BaseException) -> None: ...


class SimHost(BaseHost):
    """One node of a simulated network."""

    # What few nodes have is here until they do: objects of up to 30 attributes are quick and small.
    unmet: Others[str] | None = None  # peers with whom no connection had to be made yet
    _disk: Disk | None = None
    _link_dice: Random | None = None
    _tidies = False

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
            decoder=(shared := world.decoder(protocol)),
        )
        self.clock: VirtualClock = world.clock
        self.known = shared.known
        tallies = {kind: world.trace.tally("receive", kind, id) for kind in protocol.handlers}
        self.tallies = {kind: tally for kind, tally in tallies.items() if tally is not None}
        self.world = world
        self.address = address
        self.open = True  # it listens; links may come up before it starts
        self.links: dict[str, End] = {}  # to peers, by id
        self.calling: dict[str, End] = {}  # to those whose answer to our call is on its way
        self.ends: dict[End, None] = {}  # all of them, in the order of their making
        self._parting: dict[str, End] = {}  # closed in a handler that still runs
        self._dialling: dict[Dial, None] = {}
        self._contacts = Contacts(self._dial, self._post, self._drop)

    # Peers

    def join_crowd(self, everybody: Roll[str]) -> None:
        """Have everybody as a peer, from the start, and make a connection when it is needed."""
        self._peers = Others(everybody, self.id)
        self._lent = None
        self.unmet = Others(everybody, self.id)
        self.record("connect", reason="everybody")

    def meet_all(self) -> None:
        """Make the connections to all peers that were not needed until now."""
        for peer in list(self.unmet or ()):
            self.world.meet(self.id, peer)

    def ids(self) -> Sequence[str]:
        return self._peers.ids() if isinstance(self._peers, Others) else list(self._peers)

    def end_to(self, peer: str) -> End | None:
        """Return our end of the connection to a peer."""
        if self.unmet is not None and peer in self.unmet:
            self.world.meet(self.id, peer)
        return self.links.get(peer)

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
        self.meet_all()
        held = self._held.copy()
        self.end(kind)
        self.open = False
        peers = [self.links[peer] for peer in self._peers if peer in self.links]
        self.links.clear()
        for end in dict.fromkeys([*peers, *self.ends]):
            if broken:
                end.tear()
            self.close_end(end, "node is down")
        for action, args in held:
            match getattr(action, "__self__", None), args:
                case (
                    End() as end,
                    (Letter() as letter,),
                ):  # it came during a pause, and was not read
                    end.back.host._drop(self.id, letter, "node is down")

    # What a protocol asks for

    @property
    def link_dice(self) -> Random:
        """The dice of our links."""
        if self._link_dice is None:
            self._link_dice = self.dice("links")
        return self._link_dice

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
        end = via or (self.end_to(id) if id in self._peers else None)
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
        simple = []
        links = self.links
        for peer in self._peers:
            if peer in but:
                continue
            end = links.get(peer) or self.end_to(peer)
            if end is None:
                self._drop(peer, letter, "no such peer")
            elif end.pace is None:
                self._post(end, letter)
            else:
                simple.append(end)
        self._post_all(simple, letter)

    def work(
        self, function: Callable[..., Any], *args: Any, then: Callable[[Any], None], takes: float
    ) -> None:
        """Do something slow: it takes so many virtual seconds, however long it takes here."""
        check_seconds("work: takes", takes)
        self.clock.at(self.now + takes, self._worked, function, deepcopy(args), then)

    def dial(self, address: str, expected: str | None) -> None:
        there = [peer for peer, where in self._peers.items() if where == address]
        if all(self.end_to(peer) is None for peer in (*there, *filter(None, [expected]))):
            self._dial(Dial(address, expected, "peer"))

    def hang_up(self, peer: str) -> None:
        end = self.end_to(peer)
        if end is None:
            return  # asked for already
        del self.links[peer]
        self.close_end(end, "closed here")
        self._parting[peer] = end
        self.clock.at(self.now, self._part, peer, end)  # after this handler

    def pause(self) -> None:
        self.meet_all()
        super().pause()

    def failed(self, error: BaseException) -> None:
        self.crash()
        self.world.node_failed(self, error)

    def resume(self) -> None:
        super().resume()
        for end in list(self.ends):
            end.back.host.notice(end.back)

    # How messages travel

    def _post(self, end: End, letter: Letter) -> None:
        if end.pace is not None:
            self._post_all([end], letter)
            return
        now, random = self.clock.now, self.link_dice
        kind, body, serial, _ = letter
        size = len(body)
        self.trace.add(now, "send", self.id, end.id, kind, size, serial, body)
        if not end.open:
            self._drop(end.id, letter, "node is down")
        elif end.cut:
            self._drop(end.id, letter, "cut")
        else:
            arrivals = end.arrivals(now, HEADER + size, random)
            if not arrivals:
                self._drop(end.id, letter, "lost")
            self.clock.post((time, end.forward, letter) for time in arrivals)

    def _post_all(self, ends: list[End], letter: Letter) -> None:
        """Send a letter over several connections that have a pace."""
        now, random = self.clock.now, None
        kind, body, serial, _ = letter
        due = []
        for end in ends:
            low, span = end.pace  # type: ignore[misc]
            if span:
                random = random or self.link_dice.random
                low += span * random()
            time = now + low
            if time < end.last:  # no message overtakes those before it
                time = end.last
            end.last = time
            due.append((time, end.forward, letter))
        self.clock.post(due)
        peers = [end.id for end in ends]
        self.trace.add_each(now, "send", self.id, peers, kind, len(body), serial, body)

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
            self.world.weather.between(*pair).flight(self.link_dice)
            for pair in ((self.id, id), (id, self.id))
        )
        if other is None:
            why = "nobody listens there (connection refused)"
            self._post_failure(there + back, dial, why)
        else:
            self.clock.at(self.now + there, self._knock, dial, back)

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
            self.clock.at(wait, self._knock, dial, back)
        else:
            here, there = connect(self, other, dial.purpose)
            there.begins = there.last = self.now + back
            if dial.purpose == "peer":
                self.bury(other.id)
                other.bury(self.id)
                self.calling[other.id] = here
            self.clock.at(there.begins, self._answered_call, dial, here)
            other.ready(there)  # what it says at once arrives after that

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
        self.clock.at(self.now + seconds, self._dial_failed, dial, why)

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
            self._part(end.id, self._parting.get(end.id))
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
        end.shut()
        self.ends.pop(end, None)
        self._contacts.closed(end)
        back = end.back
        if self.world.weather.is_cut(self.id, end.id):
            back.host.notice(back)
        else:
            when = self.now if end.broken else end.goodbye()
            self.clock.at(when, back.host.hung_up, back, "closed by the other side")

    def hung_up(self, end: End, why: str) -> None:
        """The other side has closed a connection."""
        if not end.open or self.waits(self.hung_up, end, why):
            return
        end.shut()
        self.ends.pop(end, None)
        self._contacts.closed(end)
        if self.links.get(end.id) is end:
            del self.links[end.id]
            if self.alive:
                self.peer_down(end.id, why)

    def _part(self, peer: str, end: End | None) -> None:
        """Tell the protocol that a connection is gone which it has ended itself."""
        if end is not None and self._parting.get(peer) is end:
            del self._parting[peer]
            self.peer_down(peer, "closed here")

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
            self.clock.at(self.now + PEER_TIMEOUT, self._give_up, end, end.since)

    def _give_up(self, end: End, since: float) -> None:
        """Give up a peer of whom nothing was heard all the time."""
        if end.since != since or not end.open:
            return
        if self.waits(self._begin_again, end):
            return
        end.tear()
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
            self.clock.at(self.now + CONTACT_IDLE / 10, self._tidied)

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
