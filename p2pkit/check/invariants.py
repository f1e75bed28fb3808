"""Invariants: what must be true all the time.

    with check.always(net, lambda net: sum(node.coins for node in net) == 100):
        story(net)
    check.always(net, each=lambda node: node.balance >= 0)      # from now on; names the node

A simulated network stands still between two events, and is looked at after each: so the failure
names the very event after which the condition was broken. Real nodes go on while one looks at
copies of them, some ten times a second, and what was wrong for a moment only may not be seen.

What it costs, in simulation: a condition on the whole network is evaluated after every event. One
on `each` node is evaluated for those nodes only that the trace says had a part in the event, and
for all of them after an event that the trace knows nothing of (a timer that sends nothing), at
least once for as many events as there are nodes, and if record="counts" after each.
"""

from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, NamedTuple, Self

from p2pkit.check.conditions import Condition
from p2pkit.check.views import Replay, acts, is_exact, nodes_up, still
from p2pkit.check.words import MOST_EVENTS, again, line, report
from p2pkit.errors import CheckFailed, counted
from p2pkit.network import Network
from p2pkit.trace import Event, Trace

__tracebackhide__ = True  # pytest then ends its traceback at the line of the test

PAUSE = 0.1
"""Seconds between two looks at real nodes: they are copied, which takes their time."""


def always(
    place: Network | Trace,
    condition: Callable[[Any], object] | None = None,
    *,
    each: Callable[[Any], object] | None = None,
) -> "Always":
    """Check that a condition on the network, or on each node that is up, holds from now on.

    A network is watched while it runs, until the `stop` of what is returned, or the end of its
    `with` block. Raises CheckFailed, here or out of `run`, once: then the watch is over, and the
    network can be looked at, and run on. A trace, which needs `watch=` states, is checked at once.
    """
    judged = only_one("always", condition, each)
    if isinstance(place, Trace):
        _check_trace(place, judged, each=each is not None)
        return Always(None, judged, each=each is not None)
    return Always(place, judged, each=each is not None)


def only_one(
    what: str,
    condition: Callable[[Any], object] | None,
    each: Callable[[Any], object] | None,
) -> Condition:
    """Return the one condition that is given. Raises TypeError for none, and for two."""
    if (condition is None) == (each is None):
        raise TypeError(
            f"check.{what} takes one condition: lambda net: … on the network, or each=lambda node: …"
        )
    return Condition(condition or each)  # type: ignore[arg-type]


class Mark(NamedTuple):
    """A moment until which all was well: how many events there were, and when."""

    events: int
    time: float


class Always:
    """An invariant that is being watched, until `stop` or the end of its `with` block."""

    def __init__(self, net: Network | None, condition: Condition, *, each: bool) -> None:
        self._condition = condition
        self._each = each
        self._forget: Callable[[], object] | None = None
        if net is not None:
            self._net = net
            self._seen = self._all_seen = Mark(0, -1.0)  # nobody has looked as yet
            self._quick = 0  # looks since the last at all nodes
            self._look_at_all()
            self._forget = net.observe(self._look)

    def stop(self) -> None:
        """Look a last time, and watch no longer."""
        if self._forget is not None:
            self._end()
            self._look_at_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            self.stop()
        else:
            self._end()

    def _end(self) -> None:
        if self._forget is not None:
            self._forget()
            self._forget = None

    # Looking

    def _look(self) -> None:
        """Look after an event, or on real nodes when it is time again."""
        net = self._net
        if not is_exact(net):
            if net.now >= self._seen.time + PAUSE:
                self._look_at_all()
        elif self._each and net.trace.is_complete:
            self._look_at_some()
        else:
            self._look_at_all()

    def _look_at_some(self) -> None:
        """Look at the nodes that had a part in the last event."""
        new = [event.node for event in self._net.trace.since(self._seen.events)]
        for name in dict.fromkeys(new):
            if self._net.is_up(name):
                self._judge(self._net[name], name, self._seen)
        self._seen = Mark(self._seen.events + len(new), self._net.now)
        self._quick += 1
        if not new or self._quick >= len(self._net):
            self._look_at_all()  # now and then, for what `call` has changed without a trace

    def _look_at_all(self) -> None:
        mark = Mark(self._net.trace.kept, self._net.now)  # real nodes go on meanwhile
        view = still(self._net)
        if self._each:
            for node in nodes_up(view):
                self._judge(node, node.id, self._all_seen)
        else:
            self._judge(view, None, self._all_seen)
        self._quick = 0
        self._seen = self._all_seen = mark

    def _judge(self, what: Any, name: str | None, since: Mark) -> None:
        """Check the condition on the network, or on the node of that name."""
        if not self._holds(what, name):
            self._fail(what, name, since)

    def _holds(self, what: Any, name: str | None) -> bool:
        try:
            return self._condition.holds(what)
        except BaseException as error:
            at = f" of {name}" if name else ""
            error.add_note(f"in check.always: {self._condition.text}{at}, at {self._net.now:.3f} s")
            self._end()
            raise

    def _fail(self, what: Any, name: str | None, since: Mark) -> None:
        self._end()
        net = self._net
        text = report(
            headline(self._condition, name, net.now),
            self._condition.why(what),
            after=_causes(net, name, since),
            again=[again(net)],
        )
        raise CheckFailed(text, time=net.now, node=name, seed=net.seed)


def headline(condition: Condition, name: str | None, time: float) -> str:
    """Say what broke, at which node and when."""
    where = f" at {name}" if name else ""
    return f"not always true{where}, {time:.3f} s after the start: {condition.text}"


def _causes(net: Network, name: str | None, since: Mark) -> Iterable[str]:
    """Return lines on what has happened since all was well, at a node, or anywhere."""
    if since.time < 0:
        return ["nothing: it was so when the check began"]
    if not net.trace.is_complete:
        return [f"{since.time:.3f} s: the trace only counts events, and does not know which one"]
    new = acts(e for e in net.trace.since(since.events) if name in (None, e.node))
    if not new:
        return [f"{since.time:.3f} s: by a timer, or from outside; the trace has no event of it"]
    last = [line(event) for event in new[-MOST_EVENTS:]]
    if len(new) > MOST_EVENTS:
        return [f"{counted(len(new), 'event')} since {since.time:.3f} s, the last of them:", *last]
    return last


def _check_trace(trace: Trace, condition: Condition, *, each: bool) -> None:
    view = Replay(trace)
    for event, changed in view.moments():
        if not each:
            _check_moment(view, condition, view, None, event)
            continue
        for name in changed:
            if view.is_up(name):
                _check_moment(view, condition, view[name], name, event)


def _check_moment(
    view: Replay, condition: Condition, what: Any, name: str | None, event: Event
) -> None:
    if not condition.holds(what):
        text = report(
            headline(condition, name, event.time),
            condition.why(what),
            after=[line(view.cause(name or event.node))],
        )
        raise CheckFailed(text, time=event.time, node=name)
