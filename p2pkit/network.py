"""Networks: the verbs that all worlds share.

A network runs a protocol on every node of a graph. `LocalNetwork` does so on real sockets,
`SimNetwork` on a virtual clock; a story told to one can be told to the other:

    def story(net):
        net.tell("n0", Rumor("hello"))
        net.after(0.2, net.crash, "n3")
        net.run(1.0)

Time is in seconds since the network started. Nodes go by their names: "n0" for 0 in the graph,
"n0_1" for (0, 1).
"""

import heapq
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from functools import partial
from itertools import count
from math import isnan
from types import TracebackType
from typing import Any, NoReturn, Self

import networkx as nx

from p2pkit.churn import Churn, Duration
from p2pkit.errors import NetworkError, NodeDown
from p2pkit.host import Watch
from p2pkit.link import Link, Weather
from p2pkit.message import Message
from p2pkit.protocol import Protocol, check_callable
from p2pkit.show import network_html
from p2pkit.tables import table
from p2pkit.topology import name_of, named
from p2pkit.trace import Record, Trace

PATIENCE = 60.0
"""Seconds that run(until=…) waits if it is not told how long."""

MANY_DROPS = 100
"""Drops of one suspicious reason in one run, from which on a hint is given."""

_HINTS = {
    "no such peer": "messages went to nodes that are not peers: send to self.peers, or to a Contact",
    "not understood": "messages arrived that their receivers do not handle: is an @on(…) missing?",
    "nobody asked": "handlers returned answers to messages that were sent, not asked, or answered too late",
    "slow reader": "peers read more slowly than they were written to",
}


class NetworkWarning(UserWarning):
    """A run went on, but something in it deserves a look."""


class Network(ABC):
    """Nodes that run a protocol, and everything that can be done to them.

    protocol: the class that every node runs. graph: a networkx graph whose edges are connections,
    or a number of nodes, each connected to all others. link: how messages travel. seed: of all
    dice. roles: other protocols, for some names. watch: a function from a node to a dict; when
    what it returns changes, the trace has a state event. record: "all" events, or only "counts".
    """

    latency: float | None = None
    """Seconds that a message takes on a link that says nothing; None is what it takes by itself."""

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
        most: int | None = None,
    ) -> None:
        _check_class(protocol)
        self.protocol = protocol
        self.graph = named(graph)
        self.seed = seed
        self.watch = watch
        self.weather = Weather(_check_link(link), latency=self.latency)
        self.trace = Trace(record, most=most)
        self.roles = {self.name(node): _check_class(role) for node, role in (roles or {}).items()}
        self._actions: list[tuple[float, int, Callable[..., object], tuple[Any, ...]]] = []
        self._serial = count()
        self._hinted: dict[str, int] = {}
        self._errors: list[BaseException] = []  # what nodes' own code has raised
        self._closed = False
        self.is_running = False  # whether somebody is in `run` now
        self._observers: list[Callable[[], object]] = []
        self._farewells: list[Callable[[], object]] = []

    # Time

    @property
    @abstractmethod
    def now(self) -> float:
        """Seconds since the network started."""

    def run(
        self,
        seconds: float | None = None,
        *,
        until: Callable[[], object] | None = None,
        within: float | None = None,
    ) -> bool:
        """Let time pass: so many seconds, or until a condition holds, for at most `within` seconds
        (60).

        Returns whether the condition held in time; without one, True. An exception from a handler
        leaves here. A condition is looked at now and then, so it may have held for some milliseconds:
        in simulation for up to one, and a hundredth more for each node; the trace knows when.
        """
        if until is not None:
            check_callable("run(until=lambda: net.now > 3)", until)
        if (seconds is None) == (until is None) or callable(seconds):
            raise NetworkError(
                "run takes seconds, as in run(1.5), or a condition: run(until=…, within=5)"
            )
        wait = seconds if seconds is not None else PATIENCE if within is None else within
        if isnan(wait):
            raise NetworkError(f"run: {wait} seconds will never be over")
        end = self.now + wait
        self.is_running = True
        try:
            held = self._run(end, until)
        finally:
            self.is_running = False
        self._hint()
        return held or until is None

    def step(self) -> bool:
        """Let the next thing happen: in simulation."""
        raise NetworkError(
            f"a {type(self).__name__} has no steps, as real time does not wait: use run(seconds), or a "
            "SimNetwork"
        )

    def after(self, seconds: float, action: Callable[..., object], *args: Any) -> None:
        """Call action(*args) in so many seconds: in this thread, while `run` is running."""
        check_callable("after(1.0, net.crash, 'n3')", action)
        if isnan(seconds):
            raise NetworkError(f"after: in {seconds} seconds is never")
        heapq.heappush(self._actions, (self.now + seconds, next(self._serial), action, args))

    # Acting

    @abstractmethod
    def tell(self, node: Hashable, message: Message) -> None:
        """Give a node a message from outside; its handler gets None as the sender."""

    @abstractmethod
    def call(self, node: Hashable, method: str, *args: Any) -> Any:
        """Call a method of a node's protocol and return what it returns, or raise what it
        raises."""

    # Looking

    @abstractmethod
    def __getitem__(self, node: Hashable) -> Any:
        """Return a node to look at. It shows how things are now, or for a dead node, how they were
        at its end."""

    @abstractmethod
    def is_up(self, node: Hashable) -> bool:
        """Tell whether a node is running (a paused one is)."""

    @abstractmethod
    def is_paused(self, node: Hashable) -> bool:
        """Tell whether a node is frozen by `pause`."""

    @abstractmethod
    def overlay(self) -> "nx.Graph[str]":
        """Return the connections that there are now, between the nodes that are up."""

    def table(self, *fields: str, **columns: Callable[[Any], Any]) -> Any:
        """Return a pandas DataFrame of attributes of all nodes, a row each: as they are now, and
        those that are down as they were at their end.

        fields: names of attributes; without any fields and columns, all that the nodes' own code
        has set. columns: functions of the node, as in table(rumors=lambda node: len(node.heard)).
        The index is the node's name, and the column `up` says whether it is running. It shows None
        for a node that lacks the attribute, or of which nothing is left. The values are copies.
        Raises NetworkError for an attribute that no node has, and for a method.
        """
        return table(self, fields, columns)

    def _repr_html_(self) -> str:
        return network_html(self)

    @property
    def names(self) -> list[str]:
        """The names of all nodes, those that are down included, in graph order."""
        return list(self.graph)

    def __iter__(self) -> Iterator[Any]:
        return iter([self[name] for name in self.names])

    def __len__(self) -> int:
        return len(self.graph)

    def name(self, node: Hashable) -> str:
        """Return the name of a node of this network. Raises NetworkError if there is none such."""
        name = name_of(node)
        if name not in self.graph:
            near = get_close_matches(name, self.graph, n=1)
            names = list(self.graph)
            some = ", ".join(names[:3]) + (f", … {names[-1]}" if len(names) > 3 else "")
            hint = f"did you mean {near[0]}?" if near else f"the nodes are {some}"
            raise NetworkError(f"there is no node {name} in this network: {hint}")
        return name

    def observe(self, look: Callable[[], object]) -> Callable[[], None]:
        """Call look() while time passes: in simulation at the start of a run and after each event,
        on real nodes some times a second. What it raises leaves `run`. Return what ends that."""
        observer = partial(look)  # so that the same function may look twice, and be ended once
        self._observers.append(observer)

        def stop() -> None:
            if observer in self._observers:
                self._observers.remove(observer)

        return stop

    def also_watch(self, look: Watch) -> None:
        """Record in state events, from now on, also what look(node) returns, a dict; see `watch`."""
        self._need_open()
        self.watch = look if self.watch is None else partial(_both, self.watch, look)
        self._watch_with(self.watch)

    # Trouble

    @abstractmethod
    def crash(self, node: Hashable) -> None:
        """Stop a node at once. It loses all but its disk, and its peers lose their connections to
        it."""

    @abstractmethod
    def restart(self, node: Hashable) -> None:
        """Start a node that is down: a new object, the old disk, and the connections of the
        graph."""

    @abstractmethod
    def pause(self, node: Hashable) -> None:
        """Freeze a node: it reads nothing, and its timers wait."""

    @abstractmethod
    def resume(self, node: Hashable) -> None:
        """Thaw a node, and connect it again to those neighbours that gave it up."""

    @abstractmethod
    def join(self, node: Hashable, to: Hashable | Iterable[Hashable] = ()) -> None:
        """Start a new node, connected to one other or to several."""

    @abstractmethod
    def leave(self, node: Hashable) -> None:
        """Let a node go in good order: it says its last words, which are delivered."""

    @abstractmethod
    def heal(self) -> None:
        """Undo cuts and partitions, and make the graph's connections again."""

    def partition(self, *groups: Iterable[Hashable]) -> None:
        """Let nothing pass between groups of nodes; all those not named are one more group.

        A partition takes the place of the one before. Nobody is told: connections end after
        PEER_TIMEOUT.
        """
        sets = [{self.name(node) for node in self._group(group)} for group in groups]
        if sum(map(len, sets)) > len(set().union(*sets)):
            raise NetworkError("a node is in one group of a partition, not in two")
        self._change_weather(partial(Weather.partition, groups=sets))

    def cut(self, a: Hashable, b: Hashable, *, oneway: bool = False) -> None:
        """Let nothing pass between two nodes, or only nothing from a to b."""
        self._change_between(a, b, Weather.cut, oneway=oneway)

    def shape(self, a: Hashable, b: Hashable, link: Link, *, oneway: bool = False) -> None:
        """Put another link between two nodes, or only from a to b."""
        _check_link(link)
        self._change_between(a, b, Weather.shape, link, oneway=oneway)

    def churn(
        self,
        session: Duration,
        downtime: Duration,
        *,
        nodes: Iterable[Hashable] | Hashable | None = None,
        crash: float = 0.5,
    ) -> Churn:
        """Let nodes come and go from now on, at random, until the `stop` of what is returned.

        session, downtime: seconds that a node is up and that it is away: a number is the mean of
        an exponential distribution, a function takes a `random.Random` and returns seconds. nodes:
        which; without it, all that there are now. crash: the share of goings that are a `crash`, 0
        to 1; the others are a `leave`. See `Churn`. Raises ValueError for a number out of its range.
        """
        names = self.names if nodes is None else map(self.name, self._group(nodes))
        return Churn(self, session, downtime, names, crash)

    # The end

    def close(self) -> None:
        """Stop all nodes. The network can still be looked at."""
        self._end_all()
        self._raise_errors()

    def at_close(self, action: Callable[[], object]) -> None:
        """Call action() once, when the network has closed."""
        self._farewells.append(action)

    def _end_all(self) -> None:
        self._shut()
        while self._farewells:
            self._farewells.pop(0)()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._end_all()
        if error is None:
            self._raise_errors()

    def __copy__(self) -> Self:
        raise NetworkError("a network cannot be copied: make another one, with the same seed")

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self.__copy__()

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a network cannot be pickled: take its trace, or what you need of its nodes"
        )

    # For the worlds

    @abstractmethod
    def _shut(self) -> None:
        """Stop all nodes, unless that is done."""

    @abstractmethod
    def _run(self, end: float, until: Callable[[], object] | None) -> bool:
        """Let time pass until `end`, do what is due, and return True as soon as the condition
        holds."""

    @abstractmethod
    def _watch_with(self, watch: Watch) -> None:
        """Let all nodes, and those to come, record what a function says of them."""

    @abstractmethod
    def _change_weather(
        self, change: Callable[[Weather], object], between: tuple[str, str] | None = None
    ) -> None:
        """Change what lies between two nodes, or between all, wherever they run."""

    def _change_between(
        self, a: Hashable, b: Hashable, change: Callable[..., object], *more: Any, oneway: bool
    ) -> None:
        pairs = self._pairs(a, b, oneway=oneway)
        self._change_weather(partial(_change_pairs, change, pairs, more), pairs[0])

    def _look(self, until: Callable[[], object] | None) -> bool:
        """Let the observers look, and tell whether the condition of a run holds."""
        for look in list(self._observers):
            look()
        return until is not None and bool(until())

    def _act(self) -> None:
        """Do the actions of `after` that are due."""
        while self._actions and self._actions[0][0] <= self.now:
            _, _, action, args = heapq.heappop(self._actions)
            action(*args)

    def _next_action(self, end: float) -> float:
        return min(end, self._actions[0][0]) if self._actions else end

    def _need_open(self) -> None:
        if self._closed:
            raise NetworkError(
                "this network is closed: it can be looked at, and plotted, but not act any more"
            )

    def _raise_errors(self) -> None:
        """Raise what a node's own code has raised, the first of it."""
        errors, self._errors = self._errors, []
        if not errors:
            return
        if len(errors) > 1:
            errors[0].add_note(f"{len(errors) - 1} more nodes failed like that, or otherwise")
        raise errors[0]

    def _new_name(self, node: Hashable) -> str:
        """Return the name of a node that is about to join. Raises NetworkError if it is taken."""
        name = name_of(node)
        if name in self.graph:
            raise NetworkError(f"there is a {name} already: net.restart starts it again")
        return name

    def _down_name(self, node: Hashable) -> str:
        """Return the name of a node that is about to restart. Raises NetworkError if it runs."""
        name = self.name(node)
        if self.is_up(name):
            raise NetworkError(f"{name} is running: crash it before it can restart")
        return name

    def _up_name(self, node: Hashable) -> str:
        """Return the name of a node. Raises NodeDown if it is not up."""
        self._need_open()
        name = self.name(node)
        if not self.is_up(name):
            raise NodeDown(f"{name} is down: net.restart({name!r}) starts it again")
        return name

    def _awake_name(self, node: Hashable) -> str:
        """Return the name of a node. Raises NetworkError if it can do nothing now."""
        name = self._up_name(node)
        if self.is_paused(name):
            raise NetworkError(f"{name} is paused, and does nothing until net.resume({name!r})")
        return name

    def role(self, name: str) -> type[Protocol]:
        """Return the protocol that a node of this name runs."""
        return self.roles.get(name, self.protocol)

    def _group(self, group: Iterable[Hashable] | Hashable) -> Iterable[Hashable]:
        if isinstance(group, str) or not isinstance(group, Iterable):
            return [group]
        return group

    def _pairs(self, a: Hashable, b: Hashable, *, oneway: bool) -> list[tuple[str, str]]:
        first, second = self.name(a), self.name(b)
        return [(first, second)] if oneway else [(first, second), (second, first)]

    def _hint(self) -> None:
        """Say once more what the trace says, if it is probably a mistake."""
        for reason, hint in _HINTS.items():
            new = self.trace.drops[reason] - self._hinted.get(reason, 0)
            if new >= MANY_DROPS:
                self._hinted[reason] = self.trace.drops[reason]
                warnings.warn(f"{new:,} drops, {reason}: {hint}", NetworkWarning, stacklevel=3)
        if self.trace.record == "all" and not self.trace.is_complete and "full" not in self._hinted:
            self._hinted["full"] = 1
            warnings.warn(
                f"the trace is full: it has the first {self.trace.kept:,} events, and only counts "
                'those after. record="counts" spares the memory from the start',
                NetworkWarning,
                stacklevel=3,
            )


def _both(one: Watch, other: Watch, node: Any) -> Mapping[str, Any]:
    return {**one(node), **other(node)}


def _change_pairs(
    change: Callable[..., object],
    pairs: Iterable[tuple[str, str]],
    more: tuple[Any, ...],
    weather: Weather,
) -> None:
    for sender, receiver in pairs:
        change(weather, sender, receiver, *more)


def _check_link(link: Link | None) -> Link | None:
    if link is None or isinstance(link, Link):
        return link
    raise NetworkError(
        f"{link!r} is no link: write Link(latency={link!r}), or whatever it shall do"
    )


def _check_class(protocol: type[Protocol]) -> type[Protocol]:
    if isinstance(protocol, type) and issubclass(protocol, Protocol):
        return protocol
    if isinstance(protocol, Protocol):
        name = type(protocol).__name__
        raise NetworkError(
            f"a network takes the class, {name}, not an object of it: nodes may restart"
        )
    raise NetworkError(f"a network runs a subclass of Protocol, and {protocol!r} is none")
