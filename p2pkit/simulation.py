"""SimNetwork: the same protocols in virtual time.

A program that runs on real sockets runs here by the change of one word:

    with SimNetwork(Gossip, nx.random_regular_graph(6, 1000, seed=1), seed=7) as net:
        net.tell("n0", Rumor("hello"))
        net.run(10.0)                               # ten seconds on the nodes' clocks

Nothing waits: the clock jumps to what is due next, and so a minute of a thousand nodes may take a
second. And nothing is left to chance: with the same seed every run is the same, event for event,
which `net.trace.digest()` shows. There are no sockets, no threads and no other processes here.
"""

import heapq
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping
from math import inf, nextafter
from typing import Any

import networkx as nx

from p2pkit.clock import VirtualClock
from p2pkit.errors import NetworkError
from p2pkit.host import Watch
from p2pkit.link import Link, Weather
from p2pkit.message import Decoder, Message
from p2pkit.network import Network
from p2pkit.protocol import Protocol
from p2pkit.simhost import SharedDecoder, SimHost, connect
from p2pkit.trace import Record

LOOK = 0.001
"""Seconds of virtual time between two looks at the condition of run(until=…)."""

BUDGET = 1_000_000
"""Events in one second of virtual time after which a run is taken for one that never ends."""

EACH = 1000
"""Events of each node that are allowed in any case: a large network has more to do."""


class SimNetwork(Network):
    """Nodes in virtual time. See `Network` for what they all can do.

    A link without a latency of its own takes 10 ms. Everything happens inside `run` and `step`, in
    this thread; verbs take effect at once, at the time that `now` shows.
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
    ) -> None:
        super().__init__(
            protocol, graph, link=link, seed=seed, roles=roles, watch=watch, record=record
        )
        self.clock = VirtualClock()
        self._hosts: dict[str, SimHost] = {}
        self._listeners: dict[str, SimHost] = {}
        self._stores: dict[str, dict[str, bytes]] = {}
        self._lives: Counter[str] = Counter()
        self._decoders: dict[type[Protocol], Decoder] = {}
        self._up_at_end: set[str] = set()
        self._start()

    def _start(self) -> None:
        for name in self.graph:
            self._new_host(name)
        self._connect(self.graph.edges)
        hosts = list(self._hosts.values())
        for host in hosts:
            host.start()
        for host in hosts:
            for peer in self.graph[host.id]:
                if peer in host.links:
                    host.peer_up(peer, host.links[peer].address)
        self._raise_errors()

    # Time

    @property
    def now(self) -> float:
        return self.clock.now

    def step(self) -> bool:
        """Let the next thing happen, whenever it is due. Return False when nothing is left to
        happen."""
        self._need_open()
        action = self._actions[0][0] if self._actions else float("inf")
        if action <= self.clock.due and self._actions:
            self.clock.now = max(self.clock.now, action)
            _, _, act, args = heapq.heappop(self._actions)
            act(*args)
            happened = True
        else:
            happened = self.clock.step()
        self._raise_errors()
        return happened

    def _run(self, end: float, until: Callable[[], object] | None) -> bool:
        self._need_open()
        self._raise_errors()
        look, meter = self.now, Meter(self)
        while True:
            due = min(self.clock.due, self._next_action(end))
            if until is not None and (due >= look or due >= end):
                if until():
                    return True
                look = due + LOOK
            if due >= end and not self._is_due(end):
                self.clock.now = max(self.now, end)
                return bool(until and until())  # it may look at the time
            action = self._actions[0][0] if self._actions else inf
            if action <= self.clock.due:
                meter.count(self.step())
            else:  # all that comes before the next action, or the next look
                limit = min(end, nextafter(min(action, look if until else inf), 0.0))
                meter.count(self.clock.run(limit, meter.left))
                self._raise_errors()

    def _is_due(self, end: float) -> bool:
        """Tell whether something is due just at the end of a run."""
        return self.clock.due <= end or bool(self._actions and self._actions[0][0] <= end)

    # Acting

    def tell(self, node: Hashable, message: Message) -> None:
        self._up(node).tell(message)
        self._raise_errors()

    def call(self, node: Hashable, method: str, *args: Any) -> Any:
        return self._hosts[self._awake_name(node)].call(method, *args)

    # Looking

    def __getitem__(self, node: Hashable) -> Any:
        return self._hosts[self.name(node)].node

    def is_up(self, node: Hashable) -> bool:
        name = self.name(node)
        return name in self._up_at_end if self._closed else self._hosts[name].alive

    def is_paused(self, node: Hashable) -> bool:
        return self.is_up(node) and self._hosts[self.name(node)].paused

    def overlay(self) -> "nx.Graph[str]":
        graph: nx.Graph[str] = nx.Graph()
        graph.add_nodes_from(name for name in self.names if self.is_up(name))
        graph.add_edges_from(
            (name, peer) for name in graph for peer in self._hosts[name].peers if peer in graph
        )
        return graph

    # Trouble

    def crash(self, node: Hashable) -> None:
        self._up(node).crash()

    def restart(self, node: Hashable) -> None:
        self._need_open()
        self._launch(self._down_name(node))

    def pause(self, node: Hashable) -> None:
        host = self._up(node)
        host.pause()
        for end in host.ends:
            end.back.host.notice(end.back)

    def resume(self, node: Hashable) -> None:
        host = self._up(node)
        host.resume()
        self._connect(self.graph.edges(host.id))
        self._raise_errors()

    def join(self, node: Hashable, to: Hashable | Iterable[Hashable] = ()) -> None:
        self._need_open()
        name = self._new_name(node)
        peers = [self._up_name(peer) for peer in self._group(to)]
        self.graph.add_node(name)
        self.graph.add_edges_from((name, peer) for peer in peers)
        self._launch(name)

    def leave(self, node: Hashable) -> None:
        self._up(node).leave()
        self._raise_errors()

    def heal(self) -> None:
        self._change_weather(Weather.heal)
        self._connect(self.graph.edges)
        self._raise_errors()

    # The end

    def _shut(self) -> None:
        if self._closed:
            return
        self._up_at_end = {name for name, host in self._hosts.items() if host.alive}
        for host in self._hosts.values():
            if host.alive and not host.paused:
                host.stop()
        for host in self._hosts.values():
            host.shut()
        self.clock.clear()
        self._closed = True

    # What nodes know of the network

    def listener(self, address: str) -> SimHost | None:
        """Return the node that listens at an address."""
        host = self._listeners.get(address)
        return host if host is not None and host.open else None

    def decoder(self, protocol: type[Protocol]) -> Decoder:
        """Return what decodes for all nodes of a protocol: a message that is said to many is decoded
        once, and shared, as nobody can change it."""
        if protocol not in self._decoders:
            handlers = {kind: handler.message for kind, handler in protocol.handlers.items()}
            self._decoders[protocol] = SharedDecoder(handlers.get)
        return self._decoders[protocol]

    def store(self, name: str) -> dict[str, bytes]:
        """Return what is on a node's disk."""
        return self._stores.setdefault(name, {})

    def node_failed(self, host: SimHost, error: BaseException) -> None:
        """Keep an exception of a node's own code, to be raised where the network is used."""
        self._errors.append(error)
        self.clock.halted = True

    # The rest is how

    def _new_host(self, name: str) -> SimHost:
        old = self._hosts.get(name)
        self._lives[name] += 1
        life = self._lives[name]
        number = len(self._hosts) if old is None else 0
        address = f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}:8000"
        if old is not None:  # a node that restarts has another port, as on real sockets
            del self._listeners[old.address]
            machine, _, port = old.address.rpartition(":")
            address = f"{machine}:{int(port) + 1}"
        host = SimHost(
            self._role(name),
            name,
            self,
            address,
            watch=self.watch,
            life=life,
            serial=old.serial if old else 0,
        )
        self._hosts[name] = self._listeners[address] = host
        return host

    def _launch(self, name: str) -> None:
        host = self._new_host(name)
        host.start()
        self._connect(self.graph.edges(name))
        self._raise_errors()

    def _connect(self, edges: Iterable[tuple[str, str]]) -> None:
        """Bring up the connections of some edges of the graph, where that can be."""
        for a, b in edges:
            one, two = self._hosts[a], self._hosts[b]
            if not (one.open and two.open) or one.paused or two.paused or one.is_cut(b):
                continue
            one.bury(b)
            two.bury(a)
            if b not in one.links and a not in two.links:
                for end in connect(one, two, "peer"):
                    end.host.ready(end)

    def _up(self, node: Hashable) -> SimHost:
        return self._hosts[self._up_name(node)]

    def _change_weather(self, change: Callable[[Weather], object]) -> None:
        self._need_open()
        change(self.weather)
        ends = [end for host in self._hosts.values() for end in host.ends]
        for end in ends:
            end.look_up(self.weather)
        for end in ends:
            end.host.notice(end)


class Meter:
    """Counts the events of a run, and notices one that does not get on."""

    def __init__(self, net: SimNetwork) -> None:
        self._net = net
        self._most = max(BUDGET, EACH * len(net))
        self._since = net.now
        self._events = 0

    @property
    def left(self) -> int:
        """Events that may happen before it looks again."""
        return self._most - self._events

    def count(self, events: int) -> None:
        """Count some events. Raises NetworkError when there are too many in too short a time."""
        self._events += events
        if self._events < self._most:
            return
        now = self._net.now
        if now - self._since < 1:
            raise NetworkError(self._complaint(now - self._since))
        self._since, self._events = now, 0

    def _complaint(self, seconds: float) -> str:
        said = f"{self._events:,} events in {seconds:.3g} s of virtual time"
        received: Counter[str] = Counter()
        for (kind, message, _, _), number in self._net.trace.counts().items():
            if kind == "receive" and message:
                received[message] += number
        if received.total() < self._events / 2:
            return f"{said}: does a timer set itself again at once?"
        [(name, number)] = received.most_common(1)
        share = number / received.total()
        return f"{said}, {share:.0%} of the messages in {self._where(name)}: is a duplicate check missing?"

    def _where(self, message: str) -> str:
        """Return the handler of a kind of messages."""
        protocol = self._net.protocol
        handler = protocol.handlers.get(message)
        return f"{protocol.__name__}.{handler.method}" if handler else message
