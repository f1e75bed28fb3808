"""Churn: nodes come and go.

In a peer-to-peer network somebody leaves at every moment, and somebody else comes back. Each node
has its session, then its downtime, then the next session, and so on:

    churn = net.churn(session=30.0, downtime=10.0)      # seconds, on average: 3 of 4 nodes are up
    net.run(300.0)
    churn.stop()

That every node goes its own way, with sessions and downtimes drawn one after the other, is the
model of Yao, Leonard, Wang and Loguinov, "Modeling heterogeneous user churn and local resilience
of unstructured P2P networks" (ICNP 2006). In the long run a node is up for session / (session +
downtime) of the time, whatever the two distributions are: only their means count.

Where a mean is given, times are exponential, which is simple and forgets how long a node has been
there. People are different: Stutzbach and Rejaie, "Understanding churn in peer-to-peer networks"
(IMC 2006), found most sessions short and a few very long, and fitted Weibull distributions with a
shape of 0.34 to 0.59 to those of BitTorrent. A function says so:

    net.churn(session=lambda random: random.weibullvariate(30.0, 0.5), downtime=10.0)
"""

from collections.abc import Callable, Iterable
from random import Random
from typing import TYPE_CHECKING

from p2pkit.errors import NodeDown
from p2pkit.link import seconds_from

if TYPE_CHECKING:
    from p2pkit.network import Network

Duration = float | Callable[[Random], float]
"""Seconds: a number is the mean of an exponential distribution, a function draws them itself."""


class Churn:
    """Some nodes of a network that come and go, until `stop`. Made by `net.churn`.

    It acts inside `net.run`, and only on nodes that are up and not paused; it brings back those
    alone that it has taken down itself. Whoever has trouble from elsewhere is left in it.
    """

    def __init__(
        self,
        net: "Network",
        session: Duration,
        downtime: Duration,
        names: Iterable[str],
        crash: float,
    ) -> None:
        self._session = _drawing("session", session)
        self._downtime = _drawing("downtime", downtime)
        self._crash = _check_share(crash)
        self._net = net
        self._down: dict[str, None] = {}  # a set in the order of going
        self._stopped = False
        for name in dict.fromkeys(names):
            self._begin(name, Random(f"{net.seed} churn {name}"))

    @property
    def down(self) -> list[str]:
        """The nodes that this churn has taken down and that are not back, first gone first."""
        return [name for name in self._down if not self._net.is_up(name)]

    def stop(self) -> None:
        """Let nobody come or go any more: who is up stays up, and who is down stays down.

        `for name in churn.down: net.restart(name)` brings all back.
        """
        self._stopped = True

    def __repr__(self) -> str:
        return f"<Churn, {'stopped' if self._stopped else 'running'}: {len(self.down)} nodes down>"

    def _begin(self, name: str, dice: Random) -> None:
        """Begin a session: draw how long it is, how it ends, and how long the node is away then.

        All at once and from the node's own dice, so that they are the same whatever happens to
        others, or in between.
        """
        session = self._session(dice)
        depart = self._net.crash if dice.random() < self._crash else self._net.leave
        downtime = self._downtime(dice)
        self._net.after(session, self._go, name, dice, depart, downtime)

    def _go(self, name: str, dice: Random, depart: Callable[[str], None], downtime: float) -> None:
        if self._stopped:
            return
        if self._net.is_paused(name):
            self._begin(name, dice)
            return
        try:
            depart(name)
        except NodeDown:  # somebody else was faster: it is theirs to bring back
            self._begin(name, dice)
        else:
            self._down[name] = None
            self._net.after(downtime, self._come, name, dice)

    def _come(self, name: str, dice: Random) -> None:
        if self._stopped:
            return
        del self._down[name]
        if not self._net.is_up(name):  # somebody else may have restarted it
            self._net.restart(name)
        self._begin(name, dice)


def _drawing(name: str, duration: Duration) -> Callable[[Random], float]:
    """Return the function that draws one session or downtime."""
    if callable(duration):
        return lambda random: seconds_from(duration, random, f"the churn's {name} function")
    if isinstance(duration, int | float) and 0 < duration < float("inf"):
        return lambda random: random.expovariate(1 / duration)
    raise ValueError(
        f"churn({name}={duration!r}): seconds on average, above 0, or a function that takes a "
        "random.Random and returns seconds"
    )


def _check_share(crash: float) -> float:
    if isinstance(crash, int | float) and 0 <= crash <= 1:
        return crash
    raise ValueError(
        f"churn(crash={crash!r}): the share of nodes that go by a crash, between 0 and 1"
    )
