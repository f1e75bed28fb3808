"""LocalNetwork: many real nodes on this machine.

Each node listens on a port of its own on 127.0.0.1 and talks TCP to its peers. All of them live on
one event loop, in a thread in the background, so that a program, a notebook or a console stays
free:

    with LocalNetwork(Gossip, nx.cycle_graph(5)) as net:
        net.tell("n0", Rumor("hello"))
        net.run(until=lambda: all(Rumor("hello") in node.heard for node in net), within=5)
"""

import asyncio
import secrets
import threading
import time
from collections.abc import Callable, Coroutine, Hashable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import networkx as nx

from p2pkit import descriptors
from p2pkit.errors import NetworkError, NodeDown
from p2pkit.greeting import TAKEN
from p2pkit.host import Watch
from p2pkit.link import Link, Weather
from p2pkit.message import Message
from p2pkit.network import Network
from p2pkit.protocol import Protocol
from p2pkit.reactor import Reactor
from p2pkit.storage import DiskDrawer
from p2pkit.tcp import Surroundings, TcpHost
from p2pkit.thread import LoopThread
from p2pkit.topology import name_of
from p2pkit.trace import MAX_EVENTS, Record
from p2pkit.work import Pool

LINK_TIMEOUT = 15.0
"""Seconds that a connection of the graph may take to come up."""

DIALS_AT_ONCE = 64
"""Connections of the graph that are made at the same time: fewer than a node's MAX_GREETING."""

DIAL_AGAIN = 0.05
"""Seconds until a connection that could not be made is tried again: time for an old one to go."""

T = TypeVar("T")


class LocalNetwork(Network):
    """Real nodes on this machine. See `Network` for what they all can do.

    listen: addresses for some names, where any free port will not do. name: of the network; nodes
    of other names are refused. remote: whether protocols may dial other machines. data: a
    directory for the nodes' disks; without it they are kept in a temporary one. progress: called
    with the number of nodes and links that are up, and of all.

    Raises NetworkError when the nodes cannot come up, before any is started if that can be known.
    """

    def __init__(
        self,
        protocol: type[Protocol],
        graph: "nx.Graph[Any] | int",
        *,
        link: Link | None = None,
        seed: int = 0,
        roles: Mapping[Hashable, type[Protocol]] | None = None,
        watch: Watch | None = None,
        record: Record = "all",
        listen: Mapping[Hashable, str] | None = None,
        name: str | None = None,
        remote: bool = False,
        data: str | Path | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        super().__init__(
            protocol,
            graph,
            link=link,
            seed=seed,
            roles=roles,
            watch=watch,
            record=record,
            most=MAX_EVENTS,
        )
        descriptors.check(len(self.graph), self.graph.number_of_edges())
        self._listen = {name_of(node): address for node, address in (listen or {}).items()}
        self._progress = progress
        self._disks = DiskDrawer(data)
        self._pool = Pool()
        self._around = Surroundings(
            network=name or f"local-{secrets.token_hex(4)}",
            seed=seed,
            weather=self.weather,
            remote=remote,
            open_disk=self._disks.open,
            has_disk=self._disks.has,
            pool=self._pool.executor,
            failed=self._node_failed,
            changed=self._link_changed,
        )
        self._hosts: dict[str, TcpHost] = {}
        self._errors: list[BaseException] = []
        self._activity = threading.Event()
        self._closed = False
        self._last_up: set[str] = set()  # who was up when the network closed
        self._thread = LoopThread("p2pkit network", self._crashed_inside)
        self._reactor: Reactor = self._thread.reactor
        self._changed = asyncio.Event()
        try:
            self._await(self._start())
            self._raise_errors()
        except BaseException:
            self._shut()
            raise

    # Time

    @property
    def now(self) -> float:
        return self._end if self._closed else self._reactor.time

    def _run(self, end: float, until: Callable[[], object] | None) -> bool:
        self._reactor.after_turn = self._activity.set if until is not None else None
        try:
            while True:
                self._raise_errors()
                self._need_open()
                self._activity.clear()
                self._act()
                began = time.perf_counter()
                if until is not None and until():
                    return True
                cost = time.perf_counter() - began
                now = self.now
                if now >= end:
                    self._raise_errors()
                    return False
                self._activity.wait(min(self._next_action(end) - now, 0.1 if until else end))
                if until is not None:  # leave the nodes time to act before the next look
                    time.sleep(min(max(0.001, 2 * cost), max(0.0, end - self.now)))
        finally:
            self._reactor.after_turn = None

    # Acting

    def tell(self, node: Hashable, message: Message) -> None:
        self._do(self._up(node).tell, message)
        self._raise_errors()

    def call(self, node: Hashable, method: str, *args: Any) -> Any:
        host = self._up(node)
        if host.paused:
            raise NetworkError(
                f"{host.id} is paused, and does nothing until net.resume({host.id!r})"
            )
        return self._do(host.call, method, *args)

    # Looking

    def __getitem__(self, node: Hashable) -> Any:
        host = self._hosts[self.name(node)]
        return host.snapshot() if self._closed else self._do(host.snapshot)

    def __iter__(self) -> Iterator[Any]:
        """All nodes, as they were at one and the same moment."""
        hosts = [self._hosts[name] for name in self.names]

        def snapshots() -> list[Protocol]:
            return [host.snapshot() for host in hosts]

        return iter(snapshots() if self._closed else self._do(snapshots))

    def is_up(self, node: Hashable) -> bool:
        name = self.name(node)
        return name in self._last_up if self._closed else self._hosts[name].alive

    def overlay(self) -> "nx.Graph[str]":
        def connections() -> list[tuple[str, list[str]]]:
            return [
                (name, list(self._hosts[name].peers)) for name in self.names if self.is_up(name)
            ]

        live = connections() if self._closed else self._do(connections)
        graph: nx.Graph[str] = nx.Graph()
        graph.add_nodes_from(name for name, _ in live)
        graph.add_edges_from(
            (name, peer) for name, peers in live for peer in peers if peer in graph
        )
        return graph

    # Trouble

    def crash(self, node: Hashable) -> None:
        self._do(self._up(node).crash)

    def restart(self, node: Hashable) -> None:
        self._need_open()
        name = self.name(node)
        if self._hosts[name].alive:
            raise NetworkError(f"{name} is running: crash it before it can restart")
        self._await(self._launch(name))
        self._raise_errors()

    def pause(self, node: Hashable) -> None:
        self._do(self._up(node).pause)

    def resume(self, node: Hashable) -> None:
        host = self._up(node)
        self._do(host.resume)
        self._await(self._connect(self.graph.edges(host.id)))
        self._raise_errors()

    def join(self, node: Hashable, to: Hashable | Iterable[Hashable] = ()) -> None:
        self._need_open()
        name = name_of(node)
        if name in self.graph:
            raise NetworkError(f"there is a {name} already: net.restart starts it again")
        peers = [self._up(peer).id for peer in self._group(to)]
        descriptors.check(1, len(peers))
        self._await(self._launch(name, peers))
        self._raise_errors()

    def dial(self, node: Hashable, address: str) -> str | None:
        """Connect a node to an address (host:port), here or elsewhere; return why that failed, or
        None."""
        failure = self._await(self._up(node).connected(address))
        return None if failure in ("", TAKEN) else failure

    def leave(self, node: Hashable) -> None:
        self._await(self._up(node).leave())
        self._raise_errors()

    def heal(self) -> None:
        self._change_weather(Weather.heal)
        self._await(self._connect(self.graph.edges))
        self._raise_errors()

    # The end

    def close(self) -> None:
        self._shut()
        self._raise_errors()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._shut()
        if error is None:
            self._raise_errors()

    def _shut(self) -> None:
        if self._closed:
            return
        try:
            self._thread.do(self._stop_all)
        finally:
            self._end = self._reactor.time
            self._closed = True
            self._thread.close()
            self._pool.close()
            self._disks.close()

    def _stop_all(self) -> None:
        hosts = list(self._hosts.values())
        self._last_up = {host.id for host in hosts if host.alive}
        for host in hosts:
            if host.alive and not host.paused:
                host.stop()
        self._reactor.end_turn()
        for host in hosts:
            if host.open:
                host.close("closed")

    # On the loop's thread

    async def _start(self) -> None:
        """All listen, all links come up; then the clock begins, and all nodes with it."""
        for name in self.graph:
            await self._new_host(name)
            self._tell_progress()
        await self._connect(self.graph.edges)
        self._reactor.begin()
        hosts = list(self._hosts.values())
        for host in hosts:
            host.start()
        for host in hosts:
            for peer in self.graph[host.id]:
                if peer in host.links:
                    host.peer_up(peer, host.links[peer].address)
        self._reactor.end_turn()

    async def _new_host(self, name: str) -> TcpHost:
        old = self._hosts.get(name)
        host = TcpHost(
            self._role(name),
            name,
            self._reactor,
            self.trace,
            self._around,
            watch=self.watch,
            serial=old.serial if old else 0,
        )
        await host.listen(self._listen.get(name, "127.0.0.1:0"))
        self._hosts[name] = host
        return host

    async def _launch(self, name: str, peers: Iterable[str] = ()) -> None:
        host = await self._new_host(name)
        self.graph.add_node(name)
        self.graph.add_edges_from((name, peer) for peer in peers)
        self._reactor.begin_turn()
        host.start()
        await self._connect(self.graph.edges(name))

    async def _connect(self, edges: Iterable[tuple[str, str]]) -> None:
        """Bring up the connections of some edges of the graph, a few at a time.

        Raises NetworkError when one cannot be had. One that a protocol has ended again will do.
        """
        todo = [edge for edge in edges if self._is_wanted(*edge)]
        patience = self._reactor.time + LINK_TIMEOUT
        while todo:
            turn = asyncio.Semaphore(DIALS_AT_ONCE)
            failures = await asyncio.gather(*(self._dial(turn, *edge) for edge in todo))
            await self._settled(todo, patience)
            left = [(edge, why) for edge, why in zip(todo, failures, strict=True) if why]
            todo = [edge for edge, _ in left if self._is_wanted(*edge)]
            if todo and self._reactor.time > patience:
                why = next(why for edge, why in left if edge == todo[0])
                raise NetworkError(f"{todo[0][0]} cannot connect to {todo[0][1]}: {why}")
            if todo:
                await asyncio.sleep(DIAL_AGAIN)

    async def _dial(self, turn: asyncio.Semaphore, a: str, b: str) -> str:
        async with turn:
            return await self._hosts[a].connected(self._hosts[b].address, b)

    async def _settled(self, edges: list[tuple[str, str]], patience: float) -> None:
        """Wait until both ends of all these edges think the same of their connection."""
        while self._reactor.time < patience:
            self._changed.clear()
            edges = [(a, b) for a, b in edges if self._is_wanted(a, b) and self._is_half(a, b)]
            if not edges:
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), 0.1)

    def _is_half(self, a: str, b: str) -> bool:
        return (b in self._hosts[a].links) != (a in self._hosts[b].links)

    def _is_wanted(self, a: str, b: str) -> bool:
        """Tell whether two nodes should be connected, and are not yet."""
        one, two = self._hosts[a], self._hosts[b]
        if not (one.open and two.open) or one.paused or two.paused:
            return False
        if self.weather.is_cut(a, b) or self.weather.is_cut(b, a):
            return False
        return b not in one.links or a not in two.links

    def _link_changed(self) -> None:
        self._changed.set()
        self._tell_progress()

    def _tell_progress(self) -> None:
        if self._progress is not None:
            links = sum(len(host.links) for host in self._hosts.values()) // 2
            every = len(self.graph) + self.graph.number_of_edges()
            self._progress(len(self._hosts) + links, every)

    def _node_failed(self, host: TcpHost, error: BaseException) -> None:
        self._errors.append(error)
        self._activity.set()

    def _crashed_inside(self, error: BaseException) -> None:
        error.add_note("this is a mistake in p2pkit itself: please report it")
        self._errors.append(error)
        self._activity.set()

    # Between the threads

    def _up(self, node: Hashable) -> TcpHost:
        self._need_open()
        host = self._hosts[self.name(node)]
        if not host.alive:
            raise NodeDown(f"{host.id} is down: net.restart({host.id!r}) starts it again")
        return host

    def _need_open(self) -> None:
        if self._closed:
            raise NetworkError(
                "this network is closed: it can be looked at, and plotted, but not act any more"
            )

    def _do(self, function: Callable[..., T], *args: Any) -> T:
        self._need_open()
        return self._thread.do(function, *args)

    def _await(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self._thread.wait_for(coroutine)

    def _change_weather(self, change: Callable[[Weather], object]) -> None:
        def on_loop() -> None:
            change(self.weather)
            for host in self._hosts.values():
                host.weather_changed()

        self._do(on_loop)

    def _raise_errors(self) -> None:
        """Raise what a node's own code has raised, the first of it."""
        errors, self._errors = self._errors, []
        if not errors:
            return
        if len(errors) > 1:
            errors[0].add_note(f"{len(errors) - 1} more nodes failed like that, or otherwise")
        raise errors[0]
