"""The demo: forty real nodes, two rumors, two crashes, a network in two halves, and a picture.

    python -m p2pkit demo
    python -m p2pkit demo --animate demo.gif
    python -m p2pkit demo --live

Everything happens on this machine, over TCP. Every number that is printed
was counted or measured in this run, and each claim is checked before it is made: if the second
rumor does not reach everyone who lives, the demo says so and fails.

The protocol is `RepairedGossip`. Gossip alone may miss somebody, and nobody would ever tell them;
this one makes up for what was lost.
"""

import threading
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from itertools import combinations
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from p2pkit.errors import P2PKitError
from p2pkit.launch import TICK, need_page, show_live
from p2pkit.link import Link
from p2pkit.local import LocalNetwork
from p2pkit.protocols.gossip import Rumor
from p2pkit.protocols.repair import RepairedGossip
from p2pkit.stats import arrivals
from p2pkit.topology import build

if TYPE_CHECKING:
    import networkx as nx
    from matplotlib.figure import Figure

LINK = Link(latency=(0.02, 0.1))
"""As between cities: on one machine's own sockets, all would be over in ten milliseconds."""

FIRST, SECOND = Rumor("there is cake in the kitchen"), Rumor("the cake was a lie")

PATIENCE = 15.0
"""Seconds after which something that takes less than one is called a failure."""

VIEWER_WITHIN = 60.0
"""Seconds that the story waits for somebody to watch it: time to find the way to a browser."""

NO_PICTURES = 'pictures need matplotlib: pip install "p2pkit[plot]"'

FORMATS = (".png", ".svg", ".pdf")

Say = Callable[[str, str], object]
"""Takes a line of the story, and its style."""


def play(
    nodes: int,
    seed: int,
    out: Path,
    say: Say,
    *,
    processes: int | None = None,
    animation: Path | None = None,
    live: bool = False,
) -> None:
    """Tell the story, and leave its picture in `out`. Raises P2PKitError if it does not hold.

    processes: how many workers the nodes are spread over; None for this process alone. animation: a
    .gif or .mp4 for the story as a film. live: whether it is shown in a browser, too; then this ends
    only with Ctrl-C.
    """
    if animation is not None:
        check_film(animation)
    if live:
        need_page()
    if out.suffix not in FORMATS or not out.absolute().parent.is_dir():
        raise P2PKitError(
            f"{out}: a picture ends in {', '.join(FORMATS)}, in a directory that exists"
        )
    graph = build("small-world", nodes, seed)
    with ExitStack() as stack:  # the page outlives the network, and plays it again
        with LocalNetwork(RepairedGossip, graph, link=LINK, seed=seed, processes=processes) as net:
            story = Story(net, say)
            if live:
                page = stack.enter_context(show_live(net))
                story.wait_for_viewer(page.watched)
            story.begin()
            story.gossip()
            story.crash()
            story.split()
            story.heal()
            draw(story).savefig(out, dpi=100)
            if animation is not None:
                film(story, animation)
        say(f"The picture is {out}: who heard it when.", "bold")
        if animation is not None:
            say(f"The film is {animation}: all that happened.", "bold")
        if live:
            say("The page stays, and plays it again and slower. Ctrl-C ends it.", "bold")
            _stay()


def _stay() -> None:
    """Wait for Ctrl-C, in short steps, as Windows lets none into a long wait."""
    for_ever = threading.Event()
    while not for_ever.wait(TICK):
        pass


class Story:
    """What happens to a network, told while it happens."""

    def __init__(self, net: LocalNetwork, say: Say) -> None:
        self.net = net
        self._say = say
        self.here, self.there = halves = choose_halves(net.graph)
        self.teller = next(name for name in net.names if name in self.here)
        self.victims = choose_victims(net.graph, halves, self.teller, net.seed)
        self.split_at = self.healed_at = 0.0

    def wait_for_viewer(self, watched: threading.Event) -> None:
        """Wait until somebody watches, but not for ever."""
        self._say(f"It begins when somebody watches, or in {VIEWER_WITHIN:.0f} s.", "")
        if not self.net.run(until=watched.is_set, within=VIEWER_WITHIN):
            self._say("Nobody watches; it begins all the same.", "")

    def begin(self) -> None:
        links = self.net.overlay().number_of_edges()
        address = self.net[self.teller].contact.address
        self.say(
            f"{len(self.net)} nodes are up, with {links} TCP connections: a small world.", "bold"
        )
        self.more(f"Each listens on a port of its own: {self.teller} on {address}.")
        if self.net.processes is not None:
            workers = len(set(self.net.pids.values()))
            self.more(f"They live in {workers} processes of their own.")

    def gossip(self) -> None:
        net = self.net
        self.say(f'{self.teller} is told a rumor: "{FIRST.text}".', "bold")
        net.tell(self.teller, FIRST)
        took = self.wait_for(FIRST, net.names)
        told = sum(event.kind == "send" for event in net.trace.where(message=FIRST))
        self.say(
            f"All {len(net)} have heard it, {took:.2f} s later, from {told} messages.", "green"
        )

    def crash(self) -> None:
        net, victims = self.net, self.victims
        for victim in victims:
            net.crash(victim)
        self.say(f"{' and '.join(victims)} crash.", "bold red")
        net.run(until=self.has_noticed, within=PATIENCE)
        alone = [e.node for e in net.trace.where(kind="disconnect") if e.peer in victims]
        self.say(f"{len(set(alone))} nodes have noticed that a peer of theirs is gone.", "")

    def split(self) -> None:
        net = self.net
        net.partition(self.here, self.there)
        self.split_at = net.now
        here, there = (self.alive(side) for side in (self.here, self.there))
        self.say(
            f"The network is split in two: {len(here)} nodes here, {len(there)} there.", "bold red"
        )
        self.say(f'{self.teller} is told a second rumor: "{SECOND.text}".', "bold")
        net.tell(self.teller, SECOND)
        took = self.wait_for(SECOND, here)
        self.say(f"All {len(here)} on this side have heard it, {took:.2f} s later.", "green")
        net.run(0.6)
        if strays := self.heard(SECOND) - here:
            raise P2PKitError(
                f"{sorted(strays)} heard it across the split: this is a bug in p2pkit"
            )
        lost = net.trace.count(kind="drop", reason="cut")
        self.say(f"Nobody on the other side has: {lost} messages were lost at the cut.", "")

    def heal(self) -> None:
        net, survivors = self.net, self.alive(self.net.names)
        net.heal()
        self.healed_at = net.now
        self.say("The network heals. Neighbours compare notes.", "bold")
        took = self.wait_for(SECOND, survivors)
        self.say(f"All {len(survivors)} who live have heard it, {took:.2f} s later.", "green")

    # The tools of a story

    def say(self, text: str, style: str) -> None:
        """Say what happens now."""
        self._say(f"{self.net.now:6.2f} s  {text}", style)

    def more(self, text: str) -> None:
        """Say more about the same moment."""
        self._say(f"{'':10}{text}", "")

    def wait_for(self, rumor: Rumor, who: Iterable[str]) -> float:
        """Wait until all of them have heard it, and return how many seconds that took."""
        wanted, began = set(who), self.net.now
        if not self.net.run(until=lambda: wanted <= self.heard(rumor), within=PATIENCE):
            missed = len(wanted - self.heard(rumor))
            raise P2PKitError(
                f"{missed} of {len(wanted)} nodes did not hear it in {PATIENCE:.0f} s"
            )
        return max(when for node, when in self.arrivals(rumor).items() if node in wanted) - began

    def has_noticed(self) -> bool:
        """Tell whether nobody who lives takes a dead node for a peer."""
        living = [node for node in self.net if self.net.is_up(node.id)]
        return not any(set(node.peers) & set(self.victims) for node in living)

    def arrivals(self, rumor: Rumor) -> dict[str, float]:
        """Return when each node first had the rumor."""
        return arrivals(self.net.trace, rumor)

    def heard(self, rumor: Rumor) -> set[str]:
        """Return who has heard it."""
        return set(self.arrivals(rumor))

    def alive(self, names: Iterable[str]) -> set[str]:
        """Return those of them that are up."""
        return {name for name in names if self.net.is_up(name)}


def choose_halves(graph: "nx.Graph[str]") -> tuple[set[str], set[str]]:
    """Cut the ring under the small world in two, where both halves hold together."""
    names = list(graph)
    half = len(names) // 2
    cuts = [
        (set(turned[:half]), set(turned[half:]))
        for start in range(len(names))
        if (turned := names[start:] + names[:start])
    ]
    return next((cut for cut in cuts if _parts(graph, cut, ()) == 2), cuts[0])


def choose_victims(
    graph: "nx.Graph[str]", halves: tuple[set[str], set[str]], teller: str, seed: int
) -> tuple[str, ...]:
    """Choose two nodes without which each half still holds together.

    A node that has lost all its neighbours could hear nothing, whatever the protocol does.
    """
    pairs = list(combinations([name for name in graph if name != teller], 2))
    Random(seed).shuffle(pairs)
    return next((pair for pair in pairs if _parts(graph, halves, pair) == 2), pairs[0])


def _parts(graph: "nx.Graph[str]", halves: Iterable[set[str]], without: Iterable[str]) -> int:
    """Count the pieces that the halves consist of."""
    import networkx as nx

    sides = [graph.subgraph(half.difference(without)) for half in halves]
    return sum(nx.number_connected_components(side) for side in sides)


def draw(story: Story) -> "Figure":
    """Draw who heard the second rumor when, beside how many had heard it."""
    figure = headless(13, 6)
    map_, curve = figure.subplots(1, 2, width_ratios=(1.1, 1))
    _draw_map(map_, story)
    _draw_curve(curve, story)
    return figure


def check_film(path: Path) -> None:
    """Raise P2PKitError for a path to which no film can be written, before the story begins."""
    try:
        from p2pkit.plot.film import need_format
    except ImportError:
        raise ImportError(NO_PICTURES) from None
    need_format(path)


def film(story: Story, path: Path) -> None:
    """Write the story as a film: who has heard which rumor, from the first to the last."""
    from p2pkit import plot

    times = [*story.arrivals(FIRST).values(), *story.arrivals(SECOND).values()]
    crash = f"{' and '.join(story.victims)} crash"  # and at once the network is split
    captions = {story.split_at: f"{crash}, split in two", story.healed_at: "healed"}
    start, end = min(times) - 0.05, max(times) + 0.15
    chosen: dict[str, Any] = {"message": [FIRST, SECOND], "captions": captions}
    plot.animate(story.net, path, start=max(0.0, start), end=end, **chosen)


def headless(width: float, height: float) -> "Figure":
    """Return a figure of so many inches that needs no screen."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError(NO_PICTURES) from None
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _draw_map(ax: Any, story: Story) -> None:
    from p2pkit import plot

    when = story.arrivals(SECOND)
    first = min(when.values())
    named = {story.teller, *story.victims}
    plot.topology(
        story.net,
        color=lambda node: when[node.id] - first if node.id in when else None,
        label=lambda node: node.id if node.id in named else None,
        ax=ax,
    )
    ax.figure.axes[-1].set_ylabel("heard it after (s)")
    ax.set_title("Who heard the second rumor when")


def _draw_curve(ax: Any, story: Story) -> None:
    from p2pkit import plot
    from p2pkit.plot import style

    trace = story.net.trace
    plot.spread(trace, SECOND, ax=ax)
    first = min(story.arrivals(SECOND).values())
    begin, end = max(0.0, story.split_at - first), story.healed_at - first
    ax.axvspan(begin, end, color=style.QUIET, alpha=0.5, lw=0)
    ax.text((begin + end) / 2, 2, "split in two", ha="center", va="bottom", fontsize=style.SMALL)
    ax.set_ylabel("nodes that have heard it (%)")
    ax.set_title("How it spread: half the network is out of reach until it heals")
