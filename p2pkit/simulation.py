"""SimNetwork: the same protocols in virtual time.

A program that runs on real sockets runs here by the change of one word:

    with SimNetwork(Gossip, nx.random_regular_graph(6, 1000, seed=1), seed=7) as net:
        net.tell("n0", Rumor("hello"))
        net.run(10.0)                               # ten seconds on the nodes' clocks

Nothing waits: the clock jumps to what is due next, and so a minute of a thousand nodes may take a
second. And nothing is left to chance: with the same seed every run is the same, event for event,
which `net.trace.digest()` shows. There are no sockets, no threads and no other processes here.
"""

import gc
import heapq
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from math import inf, nextafter
from typing import Any, TypeGuard

import networkx as nx

from p2pkit.clock import VirtualClock
from p2pkit.crowd import Others, Roll, complete_graph, is_crowd
from p2pkit.ends import connect
from p2pkit.host import Watch
from p2pkit.interrupts import Interrupts
from p2pkit.link import Link, Weather
from p2pkit.message import Message
from p2pkit.meter import Meter
from p2pkit.network import Network
from p2pkit.protocol import Protocol
from p2pkit.simhost import SharedDecoder, SimHost
from p2pkit.trace import Record

LATENCY = 0.01
"""Seconds that a message takes on a link that says nothing. At zero, a protocol that forgets to look
for duplicates would never end."""

LOOK = 0.001
"""Seconds of virtual time between two looks at the condition of run(until=…)."""

LOOK_AT_EACH = 0.00001
"""More seconds for each node: a condition usually looks at all of them."""

NEW_OBJECTS = 100_000
"""Objects that are made between two looks of Python's garbage collector, instead of 700, while time
passes: messages under way are many, and none of them is garbage that only a collector finds."""

MANY = 100
"""Nodes from which on a network of everyone with everyone makes a connection only when it is needed."""


class SimNetwork(Network):
    """Nodes in virtual time. See `Network` for what they all can do.

    A number above 100 in place of a graph makes no connections at the start: nodes have all others
    as their peers, and the trace has one `connect` event a node, without a peer. (A protocol that
    has an on_connect gets all its connections.) Trouble makes those that it touches: a crash all of
    one node, a partition all between its groups; so keep partitions for smaller networks.

    A link without a latency of its own takes 10 ms. Everything happens inside `run` and `step`, in
    this thread; verbs take effect at once, at the time that `now` shows.
    """

    latency = LATENCY

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
        greeted = any(map(_greets, [protocol, *(roles or {}).values()]))
        if _is_many(graph) and not greeted:
            graph = complete_graph(graph)
        elif isinstance(graph, nx.Graph) and greeted and is_crowd(graph):
            graph = graph.copy()  # with all its links
        super().__init__(
            protocol, graph, link=link, seed=seed, roles=roles, watch=watch, record=record
        )
        self.clock = VirtualClock()
        self._hosts: dict[str, SimHost] = {}
        self._listeners: dict[str, SimHost] = {}
        self._stores: dict[str, dict[str, bytes]] = {}
        self._lives: Counter[str] = Counter()
        self._decoders: dict[type[Protocol], SharedDecoder] = {}
        self._up_at_end: set[str] = set()
        with _few_collections():
            self._start()

    def _start(self) -> None:
        for name in self.graph:
            self._new_host(name)
        if not is_crowd(self.graph):
            self._connect(self.graph.edges)
        hosts = list(self._hosts.values())
        for host in hosts:
            host.start()
        self._raise_errors()
        if is_crowd(self.graph):
            everybody = Roll({host.id: host.address for host in hosts})
            for host in hosts:
                host.join_crowd(everybody)
            return
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
        if self._actions and self._action_due <= self.clock.due:
            self.clock.now = max(self.clock.now, self._action_due)
            _, _, act, args = heapq.heappop(self._actions)
            act(*args)
            happened = True
        else:
            happened = self.clock.step()
        self._raise_errors()
        self._look(None)
        return happened

    def _run(self, end: float, until: Callable[[], object] | None) -> bool:
        self._need_open()
        self._raise_errors()
        self._look(None)
        with _few_collections(), Interrupts(self.clock) as interrupts:
            return self._pass(end, until, interrupts)

    def _pass(self, end: float, until: Callable[[], object] | None, interrupts: Interrupts) -> bool:
        look, meter = self.now, Meter(self)
        while True:
            self._need_open()
            due = min(self.clock.due, self._action_due, end)
            if until is not None and (due >= look or due >= end):
                if until():
                    return True
                look = due + LOOK + LOOK_AT_EACH * len(self)
            if due >= end and not self._is_due(end):
                self.clock.now = max(self.now, end if end < inf else 0.0)
                return bool(until and until())  # it may look at the time
            action = self._action_due
            if action <= self.clock.due or self._observers:
                meter.count(self.step())
            else:  # all that comes before the next action, or the next look
                limit = min(end, nextafter(min(action, look if until else inf), 0.0))
                meter.count(self.clock.run(limit, meter.left))
                self._raise_errors()
            interrupts.let_through()

    def _is_due(self, end: float) -> bool:
        """Tell whether something is due just at the end of a run."""
        return min(self.clock.due, self._action_due) <= end < inf

    @property
    def _action_due(self) -> float:
        """When the next action of `after` is due; infinity if there is none."""
        return self._actions[0][0] if self._actions else inf

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
        if is_crowd(self.graph) and not any(map(_has_changed, self._hosts.values())):
            return complete_graph(len(self))
        graph: nx.Graph[str] = nx.Graph()
        graph.add_nodes_from(name for name in self.names if self.is_up(name))
        graph.add_edges_from(
            (name, peer) for name in graph for peer in self._hosts[name].ids() if peer in graph
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
        self._connect(self._edges())
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

    def known(self) -> Iterable[Message]:
        """Return the different messages that were decoded of late."""
        known = chain(*(decoder.known.values() for decoder in self._decoders.values()))
        return (message for message, _ in known)

    def links(self) -> int:
        """Return the number of connections that were made, each counted at both its ends."""
        return sum(len(host.links) for host in self._hosts.values())

    def decoder(self, protocol: type[Protocol]) -> SharedDecoder:
        """Return what decodes for all nodes of a protocol: a message that is said to many is decoded
        once, and shared, as nobody can change it."""
        if protocol not in self._decoders:
            self._decoders[protocol] = SharedDecoder(protocol.find_handled)
        return self._decoders[protocol]

    def store(self, name: str) -> dict[str, bytes]:
        """Return what is on a node's disk."""
        return self._stores.setdefault(name, {})

    def meet(self, a: str, b: str) -> None:
        """Make the connection between two nodes of a crowd, if they had none yet."""
        one, two = self._hosts[a], self._hosts[b]
        if one.unmet is None or two.unmet is None or b not in one.unmet:
            return
        del one.unmet[b], two.unmet[a]
        one.links[b], two.links[a] = connect(one, two, "peer")

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
            self.role(name),
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
            if one.unmet is not None and b in one.unmet:
                continue  # they can reach each other: no connection was needed yet
            if not (one.open and two.open) or one.paused or two.paused or one.is_cut(b):
                continue
            one.bury(b)
            two.bury(a)
            if b not in one.links and a not in two.links:
                for end in connect(one, two, "peer"):
                    end.host.ready(end)

    def _edges(self) -> Iterable[tuple[str, str]]:
        """Return the edges of the graph, without those of a crowd that nobody has used yet."""
        if not is_crowd(self.graph):
            return self.graph.edges
        return [(name, peer) for name in self.graph for peer in self._used_links(name)]

    def _used_links(self, name: str) -> list[str]:
        """Return the neighbours in a crowd with whom a node had to be connected, in graph order."""
        neighbours, unmet = self.graph[name], self._hosts[name].unmet
        if unmet is None or not isinstance(neighbours, Others):
            return list(neighbours)
        return [*sorted(unmet.gone, key=unmet.roll.positions.__getitem__), *neighbours.more]

    def _up(self, node: Hashable) -> SimHost:
        return self._hosts[self._up_name(node)]

    def _watch_with(self, watch: Watch) -> None:
        for host in self._hosts.values():
            host.watch_with(watch)

    def _change_weather(
        self, change: Callable[[Weather], object], between: tuple[str, str] | None = None
    ) -> None:
        self._need_open()
        change(self.weather)
        if is_crowd(self.graph):
            for a, b in [between] if between else self.weather.divided(self.names):
                self.meet(a, b)
        hosts = [self._hosts[name] for name in between or self._hosts]
        ends = [end for host in hosts for end in host.ends if not between or end.id in between]
        for end in ends:
            end.look_up(self.weather)
        for end in ends:
            end.host.notice(end)


@contextmanager
def _few_collections() -> Iterator[None]:
    """Let Python look for garbage less often for a while: it takes a fifth of a simulation's time."""
    before = gc.get_threshold()
    gc.set_threshold(max(NEW_OBJECTS, before[0]) if before[0] else 0, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _is_many(graph: object) -> TypeGuard[int]:
    return isinstance(graph, int) and not isinstance(graph, bool) and graph > MANY


def _greets(protocol: object) -> bool:
    """Tell whether a protocol does something when a connection comes up."""
    return getattr(protocol, "on_connect", None) is not Protocol.on_connect


def _has_changed(host: SimHost) -> bool:
    """Tell whether a node of a crowd has not the peers any more that it had at the start."""
    peers = host._peers
    return not (host.alive and isinstance(peers, Others)) or bool(peers.gone or peers.more)
