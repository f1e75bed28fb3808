"""A crew: those nodes of a network that live in one process.

They share an event loop, a trace and the weather. A `LocalNetwork` has one crew, on a thread of
its own process, or several, each in a worker process (worker.py). It asks them all in the same
way, by the name of a method of this class:

    await crew.ask("tell", "n3", Rumor("hello"))
"""

import asyncio
import inspect
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from p2pkit import descriptors
from p2pkit.errors import ProtocolError
from p2pkit.host import Watch
from p2pkit.link import Weather
from p2pkit.message import Message
from p2pkit.protocol import Protocol
from p2pkit.reactor import Reactor
from p2pkit.snapshot import copied_result
from p2pkit.storage import DiskDrawer
from p2pkit.tcp import Surroundings, TcpHost
from p2pkit.trace import Trace
from p2pkit.work import Pool

DIALS_AT_ONCE = 64
"""Connections that a crew makes at the same time: fewer than a node's MAX_GREETING."""

Edge = tuple[str, str, str]
"""A connection to make: who dials, whom, and at which address."""

Report = Callable[..., object]
"""Takes what happened, as a word, and what there is to say about it."""


@dataclass
class Plan:
    """What all crews of a network have to know."""

    network: str
    protocol: type[Protocol]
    roles: Mapping[str, type[Protocol]]
    seed: int
    weather: Weather
    watch: Watch | None = None
    remote: bool = False
    cores: int | None = None  # for the work of the nodes; None: all that there are
    most: int | None = None  # events to keep
    data: str | None = None  # the directory of the disks


class Crew:
    """Some nodes, and all that their network may ask of them. Its methods run on the loop's
    thread.

    report: is called with ("failed", name, error) when a node's own code has raised, and with
    ("shipped", events, tallies), which are parts of the trace, when the network has asked for that.
    """

    def __init__(
        self, plan: Plan, reactor: Reactor, trace: Trace, disks: DiskDrawer, report: Report
    ) -> None:
        self.alive = True
        self.plan = plan
        self.reactor = reactor
        self.trace = trace
        self.pid = os.getpid()
        self.hosts: dict[str, TcpHost] = {}
        self._report = report
        self._pool = Pool(plan.cores)
        self._around = Surroundings(
            network=plan.network,
            seed=plan.seed,
            weather=plan.weather,
            remote=plan.remote,
            open_disk=disks.open,
            has_disk=disks.has,
            pool=self._pool.submit,
            failed=lambda host, error: report("failed", host.id, error),
        )

    async def ask(self, what: str, *args: Any) -> Any:
        """Call a method, in a turn of its own, and wait for it."""
        self.reactor.begin_turn()
        try:
            answer = getattr(self, what)(*args)
        finally:
            self.reactor.end_turn()
        return await answer if inspect.isawaitable(answer) else answer

    # Beginning

    def make_room(self, nodes: int, links: int) -> None:
        """Make sure that so many more nodes and links can be had. Raises NetworkError if not."""
        descriptors.check(nodes, links)

    async def listen(self, name: str, address: str, life: int, serial: int) -> str:
        """Make a node, and let it listen; return its address.

        life: how often the node has begun, from 1. serial: of the last message that it may have sent
        in an earlier life, where this crew does not know.
        """
        old = self.hosts.get(name)
        host = TcpHost(
            self.plan.roles.get(name, self.plan.protocol),
            name,
            self.reactor,
            self.trace,
            self._around,
            watch=self.plan.watch,
            life=life,
            serial=old.serial if old else serial,
        )
        await host.listen(address)
        self.hosts[name] = host
        return host.address

    async def dial(self, edges: Iterable[Edge]) -> list[str]:
        """Bring up connections, a few at a time; return for each why that failed, or ""."""
        turn = asyncio.Semaphore(DIALS_AT_ONCE)

        async def one(name: str, other: str, address: str) -> str:
            async with turn:
                return await self.hosts[name].connected(address, other)

        return await asyncio.gather(*(one(*edge) for edge in edges))

    def hush(self) -> None:
        """Let nothing happen for a while: what arrives stays in the sockets, and timers wait."""
        self.reactor.hold()
        for host in self.hosts.values():
            host.deaf = True
            host.listen_to_peers()

    def start(self, epoch: float) -> None:
        """Set the clock to 0, and start all nodes."""
        self.reactor.begin(epoch)
        for host in self.hosts.values():
            host.start()

    def introduce(self, peers: Mapping[str, Iterable[str]]) -> None:
        """Tell all nodes who their peers are, still at time 0. From here on things happen."""
        self.reactor.now = 0.0
        for name, host in self.hosts.items():
            for peer in peers[name]:
                if peer in host.links:
                    host.peer_up(peer, host.links[peer].address)
        for host in self.hosts.values():
            host.deaf = False
            host.listen_to_peers()
        self.reactor.release()

    def start_one(self, name: str) -> None:
        """Start a node in a network that is running."""
        self.hosts[name].start()

    # Acting

    def tell(self, name: str, message: Message) -> None:
        self.hosts[name].tell(message)

    def call(self, name: str, method: str, args: tuple[Any, ...]) -> Any:
        try:
            result = self.hosts[name].call(method, *args)
        except (SystemExit, KeyboardInterrupt) as error:  # they would end the loop, and all nodes
            raise ProtocolError(
                f"{method} ended with {error!r}: a node ends by net.crash or net.leave"
            ) from error
        return copied_result(method, result)

    def crash(self, name: str) -> None:
        self.hosts[name].crash()

    def pause(self, name: str) -> None:
        self.hosts[name].pause()

    def resume(self, name: str) -> None:
        self.hosts[name].resume()

    async def leave(self, name: str) -> None:
        await self.hosts[name].leave()

    async def connected(self, name: str, address: str) -> str:
        return await self.hosts[name].connected(address)

    def change_weather(self, change: Callable[[Weather], object]) -> None:
        """Change what lies between nodes, and let them look."""
        change(self.plan.weather)
        for host in self.hosts.values():
            host.weather_changed()

    # Looking

    def watch_with(self, watch: Watch) -> None:
        """Let all nodes, and those to come, record what another function says of them."""
        self.plan.watch = watch
        for host in self.hosts.values():
            host.watch_with(watch)

    def look(self, names: Iterable[str] | None = None) -> dict[str, Protocol]:
        """Return copies of some nodes, or of all, as they are at this moment."""
        return {name: self.hosts[name].snapshot() for name in (names or self.hosts)}

    def links(self) -> dict[str, set[str]]:
        """Return to whom each node has a connection, whether it has been told so or not."""
        return {name: set(host.links) for name, host in self.hosts.items()}

    def peers(self) -> dict[str, list[str]]:
        """Return the peers of each node."""
        return {name: list(host.peers) for name, host in self.hosts.items()}

    def ship(self) -> None:
        """Send what was recorded since the last time to the network."""
        events, tallies = self.trace.take()
        if events or tallies:
            self._report("shipped", events, tallies)

    def count_only(self) -> None:
        """Keep no more events: the network's trace is full."""
        self.trace.count_only()

    # The end

    def stop(self) -> None:
        """Let all nodes say their last words; from here on nothing happens any more."""
        for host in self.hosts.values():
            if host.alive and not host.paused:
                host.stop()
        self.reactor.end_turn()
        self.hush()

    def close(self) -> None:
        """Close everything. The nodes can still be looked at."""
        for host in self.hosts.values():
            if host.open:
                host.close("closed")

    async def end(self) -> None:
        """Do nothing: workers, which are asked like this, end their process."""

    def kill(self) -> None:
        """End the processes that work for the nodes; called when the loop has ended."""
        self._pool.close()
