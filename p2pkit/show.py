"""Show: what a notebook displays of a network, and of a trace, when it is the last line of a cell.

    SimNetwork of Gossip at 5.500 s
    nodes   58 up, 1 paused, 1 down
    links   120 in the graph, 116 connections now
    …

To look at something must be safe and quick. So nothing here raises, whatever is large is left out,
and only a few nodes are asked.
"""

from collections import Counter
from dataclasses import fields
from itertools import islice
from reprlib import Repr
from typing import TYPE_CHECKING, Any

from p2pkit.errors import P2PKitError, counted, shortened
from p2pkit.page import Rows, facts, page, table, text
from p2pkit.tables import attributes

if TYPE_CHECKING:
    from p2pkit.link import Link
    from p2pkit.network import Network
    from p2pkit.trace import Event, Trace

FIRST = 5
"""Nodes, or events at either end, that are shown one by one."""

MOST_LETTERS = 80
"""Characters of a message, a reason or a state that are shown."""

MOST_ROWS = 12
"""Kinds of messages, reasons or attributes that are shown, at most: more would not be read."""

MOST_LINKS = 20_000
"""Links of a graph up to which they are looked at one by one: a fraction of a second."""

MOST_BITS = 256
"""Bits of a number that is shown digit by digit. Python refuses to write down very long ones."""

STATES = ("up", "paused", "down")

# Networks


def network_html(net: "Network") -> str:
    """Return a network as HTML: what runs, what is up, what goes wrong, and its first nodes."""
    who = f"<b>{text(type(net).__name__)}</b> of <b>{text(net.protocol.__name__)}</b>"
    end = ", closed" if net._closed else ""
    return page(f"{who} at {net.now:.3f} s{end}", facts(_network(net)), _nodes(net))


def _network(net: "Network") -> Rows:
    states = Counter(_state(net, name) for name in net.names)
    yield "nodes", ", ".join(f"{states[state]:,} {state}" for state in STATES if states[state])
    links = net.graph.number_of_edges()
    is_small = links <= MOST_LINKS
    now = _links_now(net) if is_small else None
    yield "links", f"{links:,} in the graph" + ("" if now is None else f", {now:,} connections now")
    trouble = _trouble(net) if is_small else {}
    troubles = (f"{number:,} {what}" for what, number in trouble.items() if number)
    yield "link", "; ".join([_link(net.weather.link), *troubles])
    if net.roles:
        yield "roles", _counts(Counter(role.__name__ for role in net.roles.values()))
    yield "seed", f"{net.seed}"
    try:
        yield "trace", f"{len(net.trace):,} events"
        if net.trace.drops:
            yield "drops", _reasons(net.trace.drops)
    except P2PKitError as error:  # a worker that should tell of them does not answer
        yield "trace", str(error)


def _state(net: "Network", name: str) -> str:
    if not net.is_up(name):
        return "down"
    return "paused" if net.is_paused(name) else "up"


def _links_now(net: "Network") -> int | None:
    try:
        return net.overlay().number_of_edges()
    except P2PKitError:
        return None


def _link(link: "Link") -> str:
    """Return what a link does that links do not do anyway."""
    values = ((field, getattr(link, field.name)) for field in fields(link))
    given = [
        f"{field.name}={getattr(value, '__name__', value)}"
        for field, value in values
        if value != field.default
    ]
    return f"Link({', '.join(given)})"


def _trouble(net: "Network") -> dict[str, int]:
    """Count the links of the graph that are not like the others."""
    usual, between, divides = net.weather.link, net.weather.between, net.weather.divides
    edges = list(net.graph.edges)
    return {
        "of the graph's are cut": sum(divides(a, b) for a, b in edges),
        "have one of their own": sum(
            between(a, b) != usual or between(b, a) != usual for a, b in edges
        ),
    }


def _nodes(net: "Network") -> str:
    """Return the first nodes, a row each, with what their own code keeps of them."""
    names = net.names[:FIRST]
    nodes = {name: _look(net, name) for name in names}
    columns = attributes(node for node in nodes.values() if node is not None)[:MOST_ROWS]
    rows = []
    for name, node in nodes.items():
        cells = [name, _state(net, name)]
        cells += ["" if node is None else _value(node, column) for column in columns]
        rows.append(cells)
    more = len(net) - len(names)
    return table(["node", "state", *columns], rows, f"… and {more:,} more nodes" if more else "")


def _look(net: "Network", name: str) -> Any:
    """Return a node to look at, or None if nothing is left of it."""
    try:
        return net[name]
    except P2PKitError:
        return None


def _value(node: Any, attribute: str) -> str:
    return brief(vars(node)[attribute]) if attribute in vars(node) else ""


class _Brief(Repr):
    """Writes down the beginning of a value, however large it is. Unlike `repr` it does not raise
    when a student's own `__repr__` does."""

    def __init__(self) -> None:
        super().__init__()
        self.maxset = self.maxfrozenset = self.maxlist = self.maxtuple = self.maxdict = 4
        self.maxdeque = self.maxlevel = 4
        self.maxstring = self.maxother = MOST_LETTERS

    def repr_int(self, x: int, level: int) -> str:
        bits = x.bit_length()
        return f"<a number of {bits:,} bits>" if bits > MOST_BITS else repr(x)

    def repr_bytes(self, x: bytes, level: int) -> str:
        return repr(x[:MOST_LETTERS])


_BRIEF = _Brief()


def brief(value: object) -> str:
    """Return a value as Python writes it, shortened to a line."""
    return shortened(_BRIEF.repr(value), MOST_LETTERS)


# Traces


def trace_html(trace: "Trace") -> str:
    """Return a trace as HTML: what there was how often, and its first and last events."""
    try:
        return _trace(trace)
    except P2PKitError as error:  # a worker that should tell of the last events does not answer
        return page(f"<b>Trace</b>: {text(str(error))}")


def _trace(trace: "Trace") -> str:
    counts = trace.counts()
    kept = _kept(trace)
    about = [f"<b>Trace</b> of {counted(len(trace), 'event')}"]
    if kept:
        about.append(f"{kept[0].time:.3f} to {kept[-1].time:.3f} s")
    about.append(f"{trace.size('send'):,} bytes sent")
    if trace.record == "counts":
        about.append("only counted")
    elif not trace.is_complete:
        about.append(f"the first {trace.kept:,} kept, the rest only counted")
    return page(", ".join(about), _messages(counts), facts(_others(counts)), _events(trace, kept))


Counts = Counter[tuple[str, str | None, str | None, str]]


def _messages(counts: Counts) -> str:
    """Return how often each kind of message was sent, received and dropped."""
    numbers: dict[str, Counter[str]] = {}
    for (kind, message, _, _), number in counts.items():
        if message is not None:
            numbers.setdefault(message, Counter())[kind] += number
    ordered = sorted(numbers.items(), key=lambda item: (-item[1].total(), item[0]))
    kinds = ["send", "receive", "drop"]
    rows = [[name, *(f"{about[kind]:,}" for kind in kinds)] for name, about in ordered[:MOST_ROWS]]
    more = len(ordered) - len(rows)
    return table(["message", *kinds], rows, f"… and {more:,} more kinds" if more else "")


def _others(counts: Counts) -> Rows:
    """Give the drops by reason, and the events that are about no message."""
    drops: Counter[str] = Counter()
    others: Counter[str] = Counter()
    for (kind, message, reason, _), number in counts.items():
        if kind == "drop":
            drops[reason or "no reason"] += number
        elif message is None:
            others[kind] += number
    if others:
        yield "other events", _counts(others)
    if drops:
        yield "drops", _reasons(drops)


def _kept(trace: "Trace") -> "list[Event]":
    """Return the first and last of the events that were kept, or all if they are few."""
    if trace.record == "counts":
        return []
    number = trace.kept
    return [*islice(trace, FIRST), *islice(trace.since(max(FIRST, number - FIRST)), FIRST)]


def _events(trace: "Trace", kept: "list[Event]") -> str:
    rows = [
        [
            f"{event.time:.3f} s",
            event.kind,
            event.node,
            event.peer or "",
            f"{event.size:,}" if event.size else "",
            shortened((event.data or b"")[: 4 * MOST_LETTERS].decode(errors="replace"))
            or event.message
            or "",
            shortened(event.reason or ""),
        ]
        for event in kept
    ]
    more = trace.kept - len(rows)
    if more > 0:
        rows.insert(FIRST, [f"… {more:,} more", *[""] * 6])
    return table(["time", "event", "node", "peer", "bytes", "what", "reason"], rows)


def _counts(numbers: Counter[str]) -> str:
    """Return numbers of things in words, the most frequent first."""
    ordered = sorted(numbers.items(), key=lambda item: (-item[1], item[0]))
    more = [f"{len(ordered) - MOST_ROWS:,} more"] if len(ordered) > MOST_ROWS else []
    return ", ".join([f"{number:,} {thing}" for thing, number in ordered[:MOST_ROWS]] + more)


def _reasons(numbers: Counter[str]) -> str:
    """Return how many drops there were of each reason, the most frequent first."""
    return ", ".join(f"{reason}: {number:,}" for reason, number in numbers.most_common(MOST_ROWS))
