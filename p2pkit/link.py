"""Links: how a message travels from one node to another.

A `Link` says how long a message takes, and whether it arrives at all. It is a plain value, the
same object shapes a simulated network and real sockets, and it holds no dice of its own:

    >>> from random import Random
    >>> Link(latency=0.1).delay(Random(1))
    0.1
    >>> lossy = Link(latency=(0.01, 0.1), loss=0.5)
    >>> dice = Random(7)
    >>> [lossy.delay(dice) for _ in range(3)]
    [None, None, 0.01651926580007885]

What a link cannot know is what was sent before: a message that waits for a busy line, or that must
not overtake its predecessor. That is the `Lane`, one for each direction of each connection.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from itertools import combinations, product
from random import Random

from p2pkit.internet import REGIONS, YEARS, measured, region_of

Latency = float | tuple[float, float] | Callable[[Random], float] | None


@dataclass(frozen=True)
class Link:
    """How messages travel, in one direction or both.

    latency: seconds on the way: a number, a range (low, high) to draw from evenly, or a function
    that takes a `random.Random` and returns seconds. None is the world's own: nothing on real
    sockets, which have their own latency; 10 ms in simulation. bandwidth: bytes a second, or None
    for no limit. A large message keeps the line busy for those behind it. loss: the share of
    messages that never arrive, 0 to 1. duplicate: the share that arrive twice. ordered: False lets
    messages overtake each other.

    Raises ValueError for a number out of its range.
    """

    latency: Latency = None
    bandwidth: float | None = None
    loss: float = 0.0
    duplicate: float = 0.0
    ordered: bool = True

    def __post_init__(self) -> None:
        try:
            self._check()
        except TypeError:
            raise ValueError(
                f"{self}: numbers are needed, and for a range of latencies a tuple, (low, high)"
            ) from None

    def _check(self) -> None:
        for name in ("loss", "duplicate"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(
                    f"Link({name}={getattr(self, name)}): a share lies between 0 and 1"
                )
        if self.bandwidth is not None and not self.bandwidth > 0:
            raise ValueError(
                f"Link(bandwidth={self.bandwidth}): bytes a second, above 0, or None for no limit"
            )
        low, high = self._range()
        if not 0 <= low <= high < float("inf"):
            raise ValueError(
                f"Link(latency={self.latency}): seconds, 0 or more, a range as (low, high)"
            )

    @cached_property
    def pace(self) -> tuple[float, float] | None:
        """The lowest latency, and by how much it varies, in seconds: if there is nothing else that
        this link does to messages."""
        latency = self.latency
        if self.bandwidth or self.loss or self.duplicate or not self.ordered or callable(latency):
            return None
        low, high = latency if isinstance(latency, tuple) else (latency or 0.0, latency or 0.0)
        return low, high - low

    @staticmethod
    def internet(year: int = 2019, regions: Mapping[str, str] | None = None) -> "Internet":
        """Return a link for a whole network that is spread over the world: latency and bandwidth
        between six regions, as measured in 2015 or 2019.

        regions: of some nodes, by their names, such as {"n0": "JAPAN"}. The others are where
        Bitcoin's nodes were, in the same shares; a node's name decides. `region(name)` of what is
        returned says where a node is. Raises ValueError for an unknown year or region.
        """
        return Internet(year=year, regions=dict(regions or {}))

    def between(self, sender: str, receiver: str) -> "Link":
        """Return the link for messages from one node to another: this one, whoever they are."""
        return self

    def taking(self, latency: float) -> "Link":
        """Return the same link with a latency, in seconds, if it has none of its own."""
        return replace(self, latency=latency) if self.latency is None else self

    def delay(self, random: Random) -> float | None:
        """Draw how many seconds the next message takes, or None if it never arrives."""
        if self.loss and random.random() < self.loss:
            return None
        return self.flight(random)

    def flight(self, random: Random) -> float:
        """Draw how many seconds a message takes that does arrive.

        Raises ValueError when a latency function returns something else than seconds.
        """
        latency = self.latency
        if latency is None:
            return 0.0
        if isinstance(latency, tuple):
            return latency[0] + (latency[1] - latency[0]) * random.random()
        if not callable(latency):
            return latency
        return seconds_from(latency, random, "the link's latency function")

    def _range(self) -> tuple[float, float]:
        if self.latency is None or callable(self.latency):
            return 0.0, 0.0
        if not isinstance(self.latency, tuple):
            return self.latency, self.latency
        if len(self.latency) != 2:
            raise ValueError(f"Link(latency={self.latency}): a range has two ends, (low, high)")
        return self.latency


@dataclass(frozen=True)
class Internet(Link):
    """A link for a whole network, whose nodes are in regions of the world: see `Link.internet`."""

    year: int = 2019
    regions: Mapping[str, str] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if self.year not in YEARS:
            raise ValueError(f"the Internet was measured in 2015 and in 2019, not in {self.year}")
        for name, region in self.regions.items():
            if region not in REGIONS:
                raise ValueError(f"{name}: {region!r} is no region: {', '.join(REGIONS)}")

    def region(self, name: str) -> str:
        """Return the region of a node."""
        return self.regions.get(name) or region_of(name, self.year)

    def between(self, sender: str, receiver: str) -> Link:
        return _around_the_world(self.year, self.region(sender), self.region(receiver))

    def taking(self, latency: float) -> Link:
        return self


@cache
def _around_the_world(year: int, sender: str, receiver: str) -> Link:
    latency, bandwidth = measured(year, sender, receiver)
    return Link(latency=latency, bandwidth=bandwidth)


def seconds_from(draw: Callable[[Random], float], random: Random, whose: str) -> float:
    """Draw seconds with somebody's own function. Raises ValueError when it returns none."""
    seconds = draw(random)
    if isinstance(seconds, int | float) and 0 <= seconds < float("inf"):
        return seconds
    raise ValueError(f"{whose} returned {seconds!r}: seconds, 0 or more, are needed")


class Lane:
    """One direction of one connection: what a link does to one message because of those before
    it."""

    __slots__ = ("free", "last", "link")

    def __init__(self, link: Link) -> None:
        self.link = link
        self.free = 0.0  # when the line has finished with the messages before
        self.last = 0.0  # when the last of them arrives

    def arrivals(self, now: float, size: int, random: Random) -> tuple[float, ...]:
        """Return when a message of `size` bytes that is sent at `now` arrives: never, once or
        twice.

        Times are in seconds, on the clock of `now`.
        """
        link = self.link
        if link.bandwidth is not None:
            self.free = now = max(now, self.free) + size / link.bandwidth
        delay = link.delay(random)
        if delay is None:
            return ()
        first = self._in_order(now + delay)
        if link.duplicate and random.random() < link.duplicate:
            return first, self._in_order(now + link.flight(random))
        return (first,)

    def _in_order(self, time: float) -> float:
        if self.link.ordered:
            self.last = time = max(time, self.last)
        return time


class Weather:
    """What lies between any two nodes of a network at this moment: links, cuts and partitions."""

    def __init__(self, link: Link | None = None, *, latency: float | None = None) -> None:
        """link: between all nodes. latency: what a link takes that says nothing of it, in seconds."""
        self._latency = latency
        self.link = self._complete(link or Link())
        self._shaped: dict[tuple[str, str], Link] = {}
        self._cuts: dict[tuple[str, str], None] = {}
        self._groups: dict[str, int] | None = None

    def between(self, sender: str, receiver: str) -> Link:
        """Return the link from one node to another."""
        return self._shaped.get((sender, receiver), self.link).between(sender, receiver)

    def is_cut(self, sender: str, receiver: str) -> bool:
        """Tell whether nothing gets from one node to another."""
        if (sender, receiver) in self._cuts:
            return True
        groups = self._groups
        return groups is not None and groups.get(sender, -1) != groups.get(receiver, -1)

    def divides(self, a: str, b: str) -> bool:
        """Tell whether nothing gets through between two nodes, in one direction or both."""
        return self.is_cut(a, b) or self.is_cut(b, a)

    def divided(self, names: Iterable[str]) -> Iterator[tuple[str, str]]:
        """Yield all pairs of some nodes between which nothing gets through, in one direction or
        both; some of them twice."""
        yield from self._cuts
        if self._groups is not None:
            sides: dict[int, list[str]] = {}
            for name in names:
                sides.setdefault(self._groups.get(name, -1), []).append(name)
            for one, other in combinations(sides.values(), 2):
                yield from product(one, other)

    def shape(self, sender: str, receiver: str, link: Link) -> None:
        """Put another link between two nodes, in one direction."""
        self._shaped[sender, receiver] = self._complete(link)

    def cut(self, sender: str, receiver: str) -> None:
        """Let nothing pass from one node to another."""
        self._cuts[sender, receiver] = None

    def partition(self, groups: Iterable[Iterable[str]]) -> None:
        """Let nothing pass between groups. Those in no group are one more; the last partition is
        forgotten."""
        self._groups = {name: number for number, group in enumerate(groups) for name in group}

    def heal(self) -> None:
        """Undo all cuts and the partition. Links keep their shape."""
        self._cuts.clear()
        self._groups = None

    def _complete(self, link: Link) -> Link:
        return link if self._latency is None else link.taking(self._latency)
