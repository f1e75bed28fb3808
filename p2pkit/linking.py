"""Linking: the connections of a graph are brought up, whichever processes its nodes are in."""

import asyncio
from collections.abc import Callable, Iterable, Mapping

from p2pkit.crews import Crews
from p2pkit.errors import NetworkError
from p2pkit.reactor import Reactor

LINK_TIMEOUT = 15.0
"""Seconds that a connection of the graph may take to come up."""

DIAL_AGAIN = 0.05
"""Seconds until a connection that could not be made is tried again: time for an old one to go."""

DIALS_AT_A_TIME = 256
"""Connections that are asked for before progress is told."""

Pair = tuple[str, str]


class Linker:
    """Brings up connections between the nodes of a network.

    addresses: where the nodes listen. can_meet: tells whether two of them could be connected now.
    progress: is called with the number of connections that have been made.
    """

    def __init__(
        self,
        crews: Crews,
        reactor: Reactor,
        addresses: Mapping[str, str],
        can_meet: Callable[[str, str], bool],
        progress: Callable[[int], object],
    ) -> None:
        self._crews = crews
        self._reactor = reactor
        self._addresses = addresses
        self._can_meet = can_meet
        self._progress = progress

    async def connect(self, edges: Iterable[Pair]) -> None:
        """Bring up the connections of some edges of the graph.

        Raises NetworkError when one cannot be had. One that a protocol has ended again will do.
        """
        todo = await self._missing([edge for edge in edges if self._can_meet(*edge)])
        patience = self._reactor.time + LINK_TIMEOUT
        while todo:
            before = len(todo)
            failures = await self._dial(todo)
            await self._settled(todo, patience)
            todo = await self._missing([edge for edge in todo if failures[edge]])
            if len(todo) < before:  # a busy machine gets its time, as long as it gets on
                patience = self._reactor.time + LINK_TIMEOUT
            elif self._reactor.time > patience:
                a, b = todo[0]
                raise NetworkError(f"{a} cannot connect to {b}: {failures[a, b]}")
            if todo:
                await asyncio.sleep(DIAL_AGAIN)

    async def _dial(self, edges: list[Pair]) -> dict[Pair, str]:
        """Make connections; return for each why that failed, or ""."""
        failures: dict[Pair, str] = {}
        for start in range(0, len(edges), DIALS_AT_A_TIME):
            some = edges[start : start + DIALS_AT_A_TIME]
            answers = await self._crews.dial([(a, b, self._addresses[b]) for a, b in some])
            failures |= zip(some, answers, strict=True)
            self._progress(len(failures))
        return failures

    async def _settled(self, edges: list[Pair], patience: float) -> None:
        """Wait until both ends of all these edges think the same of their connection."""
        pause = 0.001
        while self._reactor.time < patience:
            links = await self._crews.all_of("links")
            ends = [self._ends(links, *edge) for edge in edges if self._can_meet(*edge)]
            if all(one == other for one, other in ends):
                return
            await asyncio.sleep(pause)
            pause = min(2 * pause, DIAL_AGAIN)

    async def _missing(self, edges: list[Pair]) -> list[Pair]:
        """Return those edges whose ends are not connected, and could be."""
        links = await self._crews.all_of("links") if edges else {}
        return [
            edge for edge in edges if self._can_meet(*edge) and not all(self._ends(links, *edge))
        ]

    def _ends(self, links: Mapping[str, set[str]], a: str, b: str) -> tuple[bool, bool]:
        """Tell for both ends of an edge whether they have the connection."""
        return b in links.get(a, ()), a in links.get(b, ())
