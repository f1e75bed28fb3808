"""LocalNetwork: many real nodes on this machine.

Each node listens on a port of its own on 127.0.0.1 and talks TCP to its peers. All of them live on
one event loop, in a thread in the background, so that a program, a notebook or a console stays
free:

    with LocalNetwork(Gossip, nx.cycle_graph(5)) as net:
        net.tell("n0", Rumor("hello"))
        net.run(until=lambda: all(Rumor("hello") in node.heard for node in net), within=5)

With processes=5 they live in five processes, and everything else stays as it is.
"""

import asyncio
import os
import secrets
import sys
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable, Coroutine, Hashable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import networkx as nx

from p2pkit.crew import Plan
from p2pkit.crews import Crews
from p2pkit.errors import NetworkError, NodeDown, ProtocolError
from p2pkit.framing import MAX_SERIAL
from p2pkit.greeting import TAKEN
from p2pkit.host import Watch
from p2pkit.link import Link, Weather
from p2pkit.linking import Linker
from p2pkit.message import Message
from p2pkit.network import Network, NetworkWarning
from p2pkit.protocol import Protocol
from p2pkit.storage import DiskDrawer
from p2pkit.thread import LoopEnded, LoopThread
from p2pkit.topology import name_of
from p2pkit.trace import MAX_EVENTS, Record

POLL = 0.01
"""Seconds between two looks at a condition when nodes are in workers, which do not tell what happens."""

UNSEEN = 1_000_000
"""Messages that a node may have sent, at the most, between the last part of its trace and the end of
its process: its next life numbers its messages from above those."""

T = TypeVar("T")


class LocalNetwork(Network):
    """Real nodes on this machine. See `Network` for what they all can do.

    processes: how many worker processes the nodes are spread over, in turn; None for this one. What
    nodes in workers refer to is copied: a global variable that they change is changed there only.
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
        processes: int | None = None,
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
        _check_processes(processes)
        if processes is not None:
            _check_imported({protocol, *self.roles.values()})
        self.processes = processes
        self._listen = {name_of(node): address for node, address in (listen or {}).items()}
        self._progress = progress
        self._disks = DiskDrawer(data)
        plan = Plan(
            network=name or f"local-{secrets.token_hex(4)}",
            protocol=protocol,
            roles=self.roles,
            seed=seed,
            weather=self.weather,
            watch=watch,
            remote=remote,
            cores=processes and max(1, (os.cpu_count() or 1) // processes),
            most=self.trace.most,
        )
        self._addresses: dict[str, str] = {}
        self._lives: Counter[str] = Counter()  # of each node, as it restarts
        self._running: set[str] = set()
        self._paused: set[str] = set()
        self._lost: set[str] = set()  # those whose state has gone with their process
        self._final: dict[str, Any] = {}  # what is left of nodes in workers when the network closes
        self._final_peers: dict[str, list[str]] = {}
        self._obituaries: list[str] = []
        self._activity = threading.Event()
        self._glance = 0.1 if processes is None else POLL
        self._collecting = threading.Lock()
        self._thread = LoopThread("p2pkit network", partial(self._told, "crashed inside"))
        self._reactor = self._thread.reactor
        self._crews = Crews(
            plan, self._thread, self.trace, self._disks, processes=processes, report=self._told
        )
        self._linker = Linker(
            self._crews, self._reactor, self._addresses, self._can_meet, self._tell_progress
        )
        self._starting: asyncio.Task[Any] | None = None
        try:
            self._wait_for(self._start)
            if processes is not None:
                self.trace.catch_up = self._collect
            self._raise_errors()
        except BaseException:
            self._shut()
            raise

    # Time

    @property
    def now(self) -> float:
        return self._end if self._closed else self._reactor.time

    def _run(self, end: float, until: Callable[[], object] | None) -> bool:
        looks = until is not None or bool(self._observers)
        self._reactor.after_turn = self._activity.set if looks else None
        try:
            while True:
                self._raise_errors()
                self._need_open()
                self._activity.clear()
                self._act()
                began, is_over = time.perf_counter(), self.now >= end
                if self._look(until):
                    return True
                cost = time.perf_counter() - began
                now = self.now
                if is_over:
                    self._raise_errors()
                    return False
                self._activity.wait(max(0.0, min(self._next_action(end) - now, self._glance)))
                if looks:  # leave the nodes time to act before the next look
                    time.sleep(min(max(0.001, 2 * cost), max(0.0, end - self.now)))
        finally:
            self._reactor.after_turn = None

    # Acting

    def tell(self, node: Hashable, message: Message) -> None:
        self._ask(node, "tell", message)
        self._raise_errors()

    def call(self, node: Hashable, method: str, *args: Any) -> Any:
        return self._ask(self._awake_name(node), "call", method, args)

    # Looking

    def __getitem__(self, node: Hashable) -> Any:
        name = self.name(node)
        if name in self._lost:
            raise NodeDown(f"the state of {name} has gone with its process: net.restart({name!r})")
        if self._closed:
            return self._last_look(name)
        return self._wait_for(self._crews.ask, name, "look", [name])[name]

    def __iter__(self) -> Iterator[Any]:
        """All nodes, as they were at one and the same moment in each process. Those whose process
        was killed are left out: nothing is known of them."""
        names = [name for name in self.names if name not in self._lost]
        if self._closed:
            return iter([self._last_look(name) for name in names])
        nodes = self._wait_for(self._crews.all_of, "look")
        return iter([nodes[name] for name in names if name in nodes])

    def is_up(self, node: Hashable) -> bool:
        return self.name(node) in self._running

    def is_paused(self, node: Hashable) -> bool:
        return self.name(node) in self._paused

    def overlay(self) -> "nx.Graph[str]":
        peers = self._final_peers if self._closed else self._wait_for(self._crews.all_of, "peers")
        graph: nx.Graph[str] = nx.Graph()
        graph.add_nodes_from(name for name in self.names if name in self._running)
        graph.add_edges_from(
            (name, peer) for name in graph for peer in peers.get(name, ()) if peer in graph
        )
        return graph

    @property
    def pids(self) -> dict[str, int]:
        """The process that each node lives in.

        Where that is a worker, os.kill(net.pids["n3"], signal.SIGKILL) is a crash that no program
        can prepare for. (Windows has signal.SIGTERM, which does the same there.) It takes a
        moment: net.run(until=lambda: not net.is_up("n3")).

        Raises NetworkError when the nodes live in this very process.
        """
        if self.processes is None:
            raise NetworkError(
                "all nodes live in this process: LocalNetwork(…, processes=k) gives them others"
            )
        return self._crews.pids()

    # Trouble

    def crash(self, node: Hashable) -> None:
        self._wait_for(self._end_of, self._up_name(node), "crash")

    def restart(self, node: Hashable) -> None:
        self._need_open()
        name = self._down_name(node)
        self._wait_for(self._launch, name, (), self._serial_after(name))
        self._raise_errors()

    def pause(self, node: Hashable) -> None:
        self._ask(node, "pause")
        self._paused.add(self.name(node))

    def resume(self, node: Hashable) -> None:
        name = self._up_name(node)
        self._paused.discard(name)
        self._ask(name, "resume")
        self._wait_for(self._linker.connect, self.graph.edges(name))
        self._raise_errors()

    def join(self, node: Hashable, to: Hashable | Iterable[Hashable] = ()) -> None:
        self._need_open()
        name = self._new_name(node)
        peers = [self._up_name(peer) for peer in self._group(to)]
        self._wait_for(self._launch, name, peers)
        self._raise_errors()

    def dial(self, node: Hashable, address: str) -> str | None:
        """Connect a node to an address (host:port), here or elsewhere; return why that failed, or
        None."""
        failure = self._ask(node, "connected", address)
        return None if failure in ("", TAKEN) else failure

    def leave(self, node: Hashable) -> None:
        self._wait_for(self._end_of, self._up_name(node), "leave")
        self._raise_errors()

    def heal(self) -> None:
        self._change_weather(Weather.heal)
        self._wait_for(self._linker.connect, self.graph.edges)
        self._raise_errors()

    # The end

    def _shut(self) -> None:
        if self._closed:
            return
        running = set(self._running)  # a mistake in on_stop brings down who was up until the end
        try:
            self._wait_for(self._stop_all)
        finally:
            self._end = self._reactor.time
            self._closed = True
            self._running = running
            self.trace.catch_up = lambda: None
            self._thread.close()
            self._crews.kill()
            self._disks.close()

    # On the loop's thread

    async def _start(self) -> None:
        """All listen, all links come up; then the clock begins, and all nodes with it."""
        self._starting = asyncio.current_task()
        await self._crews.begin(self.graph)
        await self._crews.make_room(self.graph)
        for name in self.graph:
            await self._open(name, 0)
            self._tell_progress(0)
        await self._linker.connect(self.graph.edges)
        await self._crews.ask_all("hush")
        epoch = time.perf_counter()
        self._reactor.begin(epoch)
        await self._crews.ask_all("start", epoch)
        if self.processes is not None:
            await self._crews.collect()  # in the trace, too, all start before any is connected
        await self._crews.ask_all(
            "introduce", {name: list(self.graph[name]) for name in self.graph}
        )

    async def _stop_all(self) -> None:
        if self._starting is not None and not self._starting.done():  # Ctrl-C, in the constructor
            self._starting.cancel()
            await asyncio.wait([self._starting])
        self._errors += await self._crews.stop()
        self._final_peers = await self._crews.all_of("peers")
        await self._crews.ask_all("close")
        if self.processes is not None:
            for name in self._addresses:
                self._final[name] = await self._last_words(name)
            await self._crews.collect()
            await self._crews.end()

    async def _last_words(self, name: str) -> Any:
        """Return what a node looks like at the end, or why it cannot be shown."""
        if name in self._lost:
            return NodeDown(f"{name} was gone when the network closed")
        try:
            return (await self._crews.ask(name, "look", [name]))[name]
        except (NetworkError, ProtocolError) as error:
            return error

    async def _end_of(self, name: str, how: str) -> None:
        try:
            await self._crews.ask(name, how, name)
        finally:  # on this thread, so that Ctrl-C cannot come between
            self._forget(name)

    async def _open(self, name: str, serial: int) -> None:
        address = self._listen.get(name, "127.0.0.1:0")
        life = self._lives[name] + 1
        self._addresses[name] = await self._crews.ask(name, "listen", name, address, life, serial)
        self._lives[name] = life
        self._lost.discard(name)
        self._running.add(name)

    async def _launch(self, name: str, peers: Iterable[str], serial: int = 0) -> None:
        peers = list(peers)
        await self._crews.settle(name)
        await self._crews.ask(name, "make_room", 1, len(peers))
        await self._open(name, serial)
        self.graph.add_node(name)
        self.graph.add_edges_from((name, peer) for peer in peers)
        await self._crews.ask(name, "start_one", name)
        await self._linker.connect(self.graph.edges(name))

    def _can_meet(self, a: str, b: str) -> bool:
        """Tell whether two nodes could be connected."""
        if not {a, b} <= self._running or {a, b} & self._paused:
            return False
        return not self.weather.divides(a, b)

    def _tell_progress(self, links: int) -> None:
        if self._progress is not None:
            every = len(self.graph) + self.graph.number_of_edges()
            self._progress(len(self._addresses) + links, every)

    def _told(self, kind: str, *what: Any) -> None:
        """Take what the crews say by themselves."""
        if kind == "failed":
            name, error = what
            self._forget(name)
            self._errors.append(error)
        elif kind == "lost":
            self._bury(*what)
        else:
            (error,) = what
            error.add_note("this is a mistake in p2pkit itself: please report it")
            self._errors.append(error)
        self._activity.set()

    def _bury(self, names: set[str], how: str) -> None:
        """Take note that a process has ended, and its nodes with it."""
        fallen = [name for name in self.names if name in names & self._running]
        for name in fallen:
            self._forget(name)
            self._crews.note_crash(self._reactor.time, name, how)
        self._lost |= names
        which = f"{', '.join(fallen)} went down with it" if fallen else "no node was running there"
        self._obituaries.append(f"{how}: {which}; net.restart brings a node back")

    def _forget(self, name: str) -> None:
        self._running.discard(name)
        self._paused.discard(name)

    # Between the threads

    def _ask(self, node: Hashable, what: str, *args: Any) -> Any:
        """Ask the crew of a node that is up for something."""
        name = self._up_name(node)
        return self._wait_for(self._crews.ask, name, what, name, *args)

    def _wait_for(self, function: Callable[..., Coroutine[Any, Any, T]], *args: Any) -> T:
        return self._thread.wait_for(function, *args)

    def _change_weather(
        self, change: Callable[[Weather], object], between: tuple[str, str] | None = None
    ) -> None:
        self._need_open()
        if self.processes is not None:
            change(self.weather)  # workers have weather of their own
        self._wait_for(self._crews.ask_all, "change_weather", change)

    def _watch_with(self, watch: Watch) -> None:
        self._wait_for(self._crews.watch_with, watch)

    def _collect(self) -> None:
        """Bring the trace up to date; whoever reads it calls this."""
        with self._collecting, suppress(LoopEnded):
            self._wait_for(self._crews.collect)

    def _last_look(self, name: str) -> Any:
        if self.processes is None:
            return self._crews.look(name)
        seen = self._final.get(name, NodeDown(f"{name} was gone when the network closed"))
        if isinstance(seen, BaseException):
            raise seen
        return seen

    def _serial_after(self, name: str) -> int:
        """Return a number above those of all messages that a node has sent, if its process knows
        no more."""
        if name not in self._lost or self.trace.record == "counts":
            return 0
        seen = max((event.serial for event in self.trace.where(node=name)), default=0)
        return (seen + UNSEEN) % MAX_SERIAL

    def _raise_errors(self) -> None:
        """Say which processes have died, and raise what a node's own code has raised, the first
        of it."""
        while self._obituaries:
            warnings.warn(self._obituaries.pop(0), NetworkWarning, stacklevel=3)
        super()._raise_errors()


def _check_imported(protocols: Iterable[type[Protocol]]) -> None:
    """Refuse to start workers in the midst of an import: they would import the same, and so on."""
    for protocol in protocols:
        spec = getattr(sys.modules.get(protocol.__module__), "__spec__", None)
        if getattr(spec, "_initializing", False):
            raise NetworkError(
                f"{protocol.__module__} is being imported, and each worker would import it again: put what "
                'starts the network under  if __name__ == "__main__":'
            )


def _check_processes(processes: int | None) -> None:
    if processes is not None and not (isinstance(processes, int) and processes >= 1):
        raise NetworkError(
            f"processes={processes!r}: a number of worker processes, from 1, or None for this one"
        )
