"""Connections in simulation: two ends that know each other, and how long it takes between them.

What a node says goes into its own end, and arrives at the other one after what the link between
them takes, in order if the link keeps it. An end is open until its node closes it, or learns that the
other side has; `broken` means that what is still on its way is lost, as after a crash.
"""

from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING

from p2pkit.contacts import Letter
from p2pkit.link import Lane, Weather

if TYPE_CHECKING:
    from p2pkit.simhost import SimHost


class End(Lane):
    """One end of a connection: what its node sends goes to the other end, `back`."""

    __slots__ = (
        "address",
        "back",
        "begins",
        "broken",
        "cut",
        "forward",
        "heard",
        "host",
        "id",
        "listens",
        "open",
        "pace",
        "purpose",
        "since",
    )
    back: "End"
    forward: Callable[[Letter], None]  # what happens at the other end to what is said here

    def __init__(self, host: "SimHost", other: "SimHost", purpose: str) -> None:
        super().__init__(host.world.weather.link)
        self.host = host
        self.id = other.id
        self.address = other.address
        self.purpose = purpose
        self.open = True
        self.broken = False  # what is on its way from here is lost
        self.listens = True  # what arrives here is heard: it is open, and the other one not broken
        self.begins = 0.0  # nothing arrives there before it is up at the other end
        self.heard = host.clock.now  # when the last message came
        self.since: float | None = None  # when silence began
        self.look_up(host.world.weather)

    def look_up(self, weather: Weather) -> None:
        """Look how messages travel from here now."""
        self.cut = weather.is_cut(self.host.id, self.id)
        self.link = weather.between(self.host.id, self.id)
        # If all that is said here arrives, in order, after a while: that while.
        self.pace = self.link.pace if self.open and not self.cut else None

    def shut(self) -> None:
        """Say nothing more from here, and hear nothing."""
        self.open = self.listens = False
        self.pace = None

    def tear(self) -> None:
        """Lose what is on its way from here."""
        self.broken, self.back.listens = True, False

    def arrivals(self, now: float, size: int, random: Random) -> tuple[float, ...]:
        """Return when a message that is sent now arrives: never, once or twice."""
        times = super().arrivals(now, size, random)
        if self.begins > now:
            times = tuple(max(time, self.begins) for time in times)
        self.last = max(self.last, *times) if times else self.last
        return times

    def goodbye(self) -> float:
        """Return when the other side hears that this one has closed: after all that was said."""
        host = self.host
        flight = self.link.flight(host.link_dice)
        self.last = max(self.last, self.begins, host.clock.now + flight)
        return self.last

    def arrive(self, letter: Letter) -> None:
        """A message from the other side is here."""
        if not self.listens:
            self.back.host._drop(self.back.id, letter, "node is down")
            return
        host = self.host
        if host.paused and host.waits(self.arrive, letter):
            return
        self.heard = now = host.clock.now
        kind, body, serial, reply_to = letter
        known = host.known.get(body)
        if known is None or reply_to or not host.alive:
            host.deliver(self.id, body, serial, reply_to, self)
            return
        # Somebody has decoded it before: nearly all messages come this way, which is a short cut.
        if (tally := host.tallies.get(kind)) is not None:
            tally[0] += 1
            tally[1] += len(body)
        else:
            host.trace.add(now, "receive", host.id, self.id, kind, len(body), serial, body)
        host._last = known  # if it is passed on, it is encoded already
        host.react(kind, known[0], self.id, serial, self)

    def close(self, reason: str) -> None:
        """End the connection in good order."""
        self.host.close_end(self, reason)


def connect(a: "SimHost", b: "SimHost", purpose: str) -> tuple[End, End]:
    """Make a connection between two nodes; return its ends."""
    here, there = End(a, b, purpose), End(b, a, purpose)
    here.back, there.back = there, here
    for end in (here, there):
        end.forward = end.back.arrive
        end.host.ends[end] = None
    for end in (here, there):
        end.host.notice(end)  # whoever has dialled may be paused meanwhile
    return here, there


def farewell(a: "SimHost", b: "SimHost") -> float | None:
    """Return when the last connection of two nodes ends, if one of them has closed it while the
    other is still being told what was said before."""
    closed = [end.back for end in a.ends_to(b.id) + b.ends_to(a.id) if not end.back.open]
    last = max((end.last for end in closed if not end.broken), default=0.0)
    return last if last > a.now else None
