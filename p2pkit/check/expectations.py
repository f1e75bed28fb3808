"""Expectations: what must become true, and what must be true at the end.

    check.eventually(net, lambda net: net["n5"].tip == net["n0"].tip, within=5)
    check.eventually(net, each=lambda node: Rumor("hello") in node.heard, within=5)
    check.agreement(net, "chain")                    # all nodes that are up say the same
    check.coverage(net, Rumor("hello"), at_least=0.99)

All of them take a trace, too: `agreement` and `eventually` one with `watch=` states.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Any

from p2pkit.check.conditions import Condition
from p2pkit.check.invariants import only_one
from p2pkit.check.views import Replay, nodes_up, still
from p2pkit.check.words import again, apart, listed, report, shown
from p2pkit.errors import CheckFailed, counted
from p2pkit.message import Message
from p2pkit.network import Network
from p2pkit.stats import arrivals, started
from p2pkit.trace import Trace

__tracebackhide__ = True  # pytest then ends its traceback at the line of the test

MOST_ANSWERS = 5
"""Different answers that are shown when nodes do not agree; the others are only counted."""


def eventually(
    place: Network | Trace,
    condition: Callable[[Any], object] | None = None,
    *,
    each: Callable[[Any], object] | None = None,
    within: float,
) -> float:
    """Run the network until a condition on it, or on each node that is up, holds; return when that
    was, in seconds since the start.

    within: seconds from now on. A trace, which needs `watch=` states, is gone through from its
    start. Raises CheckFailed, with what is missing, if it does not hold in time.
    """
    judged = only_one("eventually", condition, each)
    hope = Hope(judged, each=each is not None)
    if isinstance(place, Trace):
        when = _moment(place, hope, within)
    else:
        held = place.run(until=lambda: hope.holds(still(place)), within=within)
        when = place.now if held else None
    if when is None:
        raise _failed(place, f"not within {within:g} s: {judged.text}", hope.missing())
    return when


class Hope:
    """A condition on a network or on each node, and the last moment when it was looked at."""

    def __init__(self, condition: Condition, *, each: bool) -> None:
        self._condition = condition
        self._each = each
        self._seen: Any = None

    def holds(self, view: Any) -> bool:
        """Tell whether it holds now."""
        self._seen = view
        if not self._each:
            return self._condition.holds(view)
        up = nodes_up(view)
        return bool(up) and all(map(self._condition.holds, up))

    def missing(self) -> Iterator[str]:
        """Yield lines on why it did not hold when it was last looked at."""
        if self._seen is None:
            yield "no node has a state in that time"
        elif not self._each:
            yield from self._condition.why(self._seen)
        else:
            up = nodes_up(self._seen)
            late = [node for node in up if not self._condition.holds(node)]
            if not late:
                yield "no node is up"
                return
            yield f"not true for {listed(map(shown, late))}: {len(late):,} of {counted(len(up), 'node')}"
            for line in self._condition.why(late[0]):
                yield f"{late[0].id}: {line}"


def _moment(trace: Trace, hope: Hope, within: float) -> float | None:
    """Return when a condition first held in a trace; None if it did not in time."""
    view = Replay(trace)
    for event, _ in view.moments(until=within):
        if hope.holds(view):
            return event.time
    return None


def agreement(
    place: Network | Trace,
    what: str | Callable[[Any], object],
    *,
    nodes: Iterable[Hashable] | None = None,
) -> Any:
    """Check that all nodes that are up say the same; return what they say.

    what: an attribute, or a function of a node. nodes: whom to ask, if not all, and they must be up.
    A trace, which needs `watch=` states, is asked at its end. Raises CheckFailed, with who says
    what, when they do not agree, or when nobody is there to be asked.
    """
    view = Replay(place).to_end() if isinstance(place, Trace) else still(place)
    asked = nodes_up(view) if nodes is None else [view[name] for name in nodes]
    name = what if isinstance(what, str) else Condition(what).text
    headline = f"no agreement on {name}, {view.now:.3f} s after the start"
    if down := [node.id for node in asked if not view.is_up(node.id)]:
        raise _failed(place, f"{headline}: down is {listed(down)}")
    if not asked:
        raise _failed(place, f"{headline}: no node is up")
    answers = _answers(asked, what)
    if len(answers) > 1:
        raise _failed(place, headline, _parties(answers))
    return answers[0][0]


def _answers(nodes: list[Any], what: str | Callable[[Any], object]) -> list[tuple[Any, list[str]]]:
    """Return the different answers, and the names of those who gave them."""
    answers: list[tuple[Any, list[str]]] = []  # no dict: they may not be hashable
    for node in nodes:
        answer = getattr(node, what) if isinstance(what, str) else what(node)
        names = next((names for other, names in answers if other == answer), None)
        if names is None:
            answers.append((answer, [node.id]))
        else:
            names.append(node.id)
    return answers


def _parties(answers: list[tuple[Any, list[str]]]) -> Iterator[str]:
    """Yield who says what, the largest party first."""
    answers.sort(key=lambda answer: -len(answer[1]))
    some = answers[:MOST_ANSWERS]
    texts = apart([shown(value, 10_000) for value, _ in some])
    for text, (_, names) in zip(texts, some, strict=True):
        if len(names) == 1:
            yield f"{names[0]} says {text}"
        else:
            yield f"{len(names):,} nodes say {text}: {listed(names)}"
    if len(answers) > len(some):
        yield f"and {len(answers) - len(some):,} more answers"


def coverage(
    place: Network | Trace,
    message: str | type[Message] | Message,
    *,
    at_least: float = 1.0,
) -> float:
    """Check that a message has reached a share of all nodes that ever started; return that share.

    message: one message, or a class of messages or its name, which mean any of that kind. at_least:
    from 0 to 1. Raises CheckFailed, with who has not got it and why, ValueError for another
    share, and TraceError if the trace holds no events.
    """
    if not 0 <= at_least <= 1:
        raise ValueError(f"at_least={at_least}: a share of the nodes, from 0 to 1")
    trace = place if isinstance(place, Trace) else place.trace
    names, reached = started(trace), arrivals(trace, message)
    missing = [name for name in names if name not in reached]
    share = (len(names) - len(missing)) / len(names) if names else 0.0
    if share >= at_least and names:
        return share
    what = message if isinstance(message, str) else getattr(message, "__name__", shown(message))
    text = f"{what} has reached {len(names) - len(missing):,} of {counted(len(names), 'node')}"
    raise _failed(
        place, f"{text}, {share:.1%}; wanted {at_least:.1%}", _reasons(trace, message, missing)
    )


def _reasons(
    trace: Trace, message: str | type[Message] | Message, missing: list[str]
) -> Iterator[str]:
    """Yield why nodes have not got a message, those together whom the same has happened to."""
    sent = dict.fromkeys(missing, 0)
    drops: dict[str, dict[str, None]] = {name: {} for name in missing}
    for event in trace.where(message=message):
        if event.peer in sent and event.kind == "send":
            sent[event.peer] += 1
        elif event.peer in sent and event.kind == "drop":
            drops[event.peer][event.cause or "dropped"] = None
    asleep = _asleep(trace)
    groups: dict[str, list[str]] = {}
    for name in missing:
        if drops[name]:
            why = f"it was sent there, and dropped: {', '.join(drops[name])}"
        elif sent[name]:
            why = "it was sent there, and is not there yet"
        else:
            why = "nobody has sent it there"
        if name in asleep:
            why = f"{asleep[name]}; {why}"
        groups.setdefault(why, []).append(name)
    for why, names in groups.items():
        yield f"{listed(names)}: {why}"
    if not trace.is_complete:
        yield "the trace was full before the end: it does not know what came later"


def _asleep(trace: Trace) -> dict[str, str]:
    """Return which nodes are down, and which paused, at the end of a trace."""
    asleep: dict[str, str] = {}
    for event in trace:
        if event.kind in ("crash", "leave"):
            asleep[event.node] = f"down since {event.time:.3f} s"
        elif event.kind == "pause":
            asleep[event.node] = f"paused since {event.time:.3f} s"
        elif event.kind in ("start", "resume"):
            asleep.pop(event.node, None)
    return asleep


def _failed(place: Network | Trace, headline: str, lines: Iterable[str] = ()) -> CheckFailed:
    if isinstance(place, Trace):
        return CheckFailed(report(headline, lines))
    text = report(headline, lines, again=[again(place)])
    return CheckFailed(text, time=place.now, seed=place.seed)
