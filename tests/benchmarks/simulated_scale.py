"""How a simulation grows: from a thousand nodes to a hundred thousand.

What a delivery costs should be the same in a large network as in a small one, but for the queue,
whose best kinds cost its logarithm, and for the computer's caches, which hold less of it. So a bare
heap goes the same way beside it, and a line shows what the logarithm alone would do. One rumor is
told to each network, and each network is in a process of its own, whose memory is measured.

    python -m tests.benchmarks --scale DIRECTORY

A process is `python -m tests.benchmarks.simulated_scale NAME COUNT DELIVERIES`; it prints a line of
JSON when the network is up, and another one when all is over.
"""

import gc
import statistics
import sys
import time
from collections.abc import Callable
from math import log2
from pathlib import Path

import psutil

from p2pkit import Link, SimNetwork
from p2pkit.protocols.gossip import Gossip, Rumor
from tests.benchmarks import child, simulated
from tests.benchmarks.harness import Child

SIZES = (1000, 3000, 10_000, 30_000, 100_000)
QUICK = (100, 300, 1000)

OURS, BARE, GOSSIP = "p2pkit, counts", "heap", "gossip"

ENOUGH = 2
"""Deliveries for each node of the largest network: smaller ones are flooded, each time anew, until
there were as many."""

FANOUT = 4
"""Peers that each node gossips to, half of those that it has."""

PATIENCE = 600.0
"""Seconds that 100,000 nodes may take on a busy machine."""

Found = dict[str, dict[int, list[dict[str, float]]]]
"""What was measured, by program and number of nodes, once a round.

Of a flood: `cost`, a delivery's share of `run`. Of gossip: `reached`, the share of the nodes. Of
both: `start` and `run` in seconds of CPU time, as a busy machine shall not bend the curve; `up` and
`memory` in bytes, once the network is up and in the end.
"""


def run(sizes: tuple[int, ...], rounds: int, tell: Callable[[str], None]) -> Found:
    """Flood networks of all sizes in turn, gossip in them once; return what that took."""
    found: Found = {OURS: {}, BARE: {}, GOSSIP: {}}
    enough = ENOUGH * max(sizes)
    for number in range(rounds):
        for count in sizes:
            for name in (OURS, BARE, GOSSIP) if number == 0 else (OURS, BARE):
                result = _measure(name, count, enough)
                found[name].setdefault(count, []).append(result)
                tell(f"scale, round {number + 1}: {name}, {count:,} nodes: {result['run']:.2f} s")
    return found


def _measure(name: str, count: int, enough: int) -> dict[str, float]:
    command = ["tests.benchmarks.simulated_scale", name, str(count), str(enough)]
    with Child(command) as process:
        return process.read(PATIENCE) | process.read(PATIENCE)


def table(found: Found) -> list[list[str]]:
    """Return a row for each size, the headings first."""
    costs, bare = _costs(found, OURS), _costs(found, BARE)
    rows = [
        ["nodes", "µs a delivery", "bare heap", "CPU s to start", "MB per 1,000 nodes", "MB in all"]
    ]
    rows[0] += ["CPU s to gossip", "reached"]
    for count, results in found[OURS].items():
        up, memory, start = (_median(results, key) for key in ("up", "memory", "start"))
        [gossip] = found[GOSSIP][count]
        cells = [f"{1e6 * cost[count]:.2f}" for cost in (costs, bare)]
        cells += [f"{start:.2f}", f"{up / count / 1000:.2f}", f"{memory / 1e6:,.0f}"]
        cells += [f"{gossip['start'] + gossip['run']:.2f}", f"{gossip['reached']:.1%}"]
        rows.append([f"{count:,}", *cells])
    return rows


def draw(found: Found, path: Path) -> None:
    """Draw what a delivery costs in networks of each size, and what a logarithm would make of it."""
    from matplotlib.figure import Figure

    from p2pkit.plot import style

    figure = Figure(figsize=(style.WIDTH, style.HEIGHT), layout="constrained")
    ax = figure.subplots()
    for name, label, color in ((OURS, "p2pkit", style.BLUE), (BARE, "a bare heap", style.ORANGE)):
        costs = _costs(found, name)
        sizes = list(costs)
        ax.plot(sizes, [1e6 * costs[size] for size in sizes], "o-", color=color, label=label)
        first = 1e6 * costs[sizes[0]] / log2(_messages(sizes[0]))
        line = [first * log2(_messages(size)) for size in sizes]
        ax.plot(sizes, line, "--", color=color, linewidth=1)
    ax.plot([], [], "--", color=style.EDGE, linewidth=1, label="log₂ of the queue alone")
    ax.set(xscale="log", xlabel="nodes", ylabel="CPU time of a delivery, µs")
    ax.set_ylim(bottom=0)
    ax.xaxis.set_major_formatter("{x:,.0f}")
    ax.set_title(f"One rumor floods a random {simulated.DEGREE}-regular graph", loc="left")
    ax.legend(frameon=False)
    style.curves(ax)
    figure.savefig(path, dpi=150)


def _messages(count: int) -> int:
    """Return how many messages a rumor makes: the queue grows with them."""
    return count * simulated.DEGREE - count + 1


def _costs(found: Found, name: str) -> dict[int, float]:
    return {count: _median(results, "cost") for count, results in found[name].items()}


def _median(results: list[dict[str, float]], key: str) -> float:
    return statistics.median(result[key] for result in results)


# Inside the process of one network


def flood(name: str, count: int, enough: int) -> None:
    """Flood one program's networks, and report."""
    build, graph = simulated.KINDS[name](), simulated.graph(count)
    build(simulated.graph(10 * simulated.DEGREE)).run(1)  # whatever is imported or cached at first
    before, began = _memory(), time.process_time()
    program = build(graph)
    child.report(start=time.process_time() - began, up=_memory() - before)
    delivered, run = 0, 0.0
    while True:
        began = time.process_time()
        program.run(1)
        run += time.process_time() - began
        delivered += program.heard() - 1
        if delivered >= enough:
            break
        program = build(graph)
        gc.collect()  # the one before
    child.report(run=run, cost=run / delivered, memory=_memory())


def gossip(count: int) -> None:
    """Gossip a rumor in one network, and report."""
    graph, before, began = simulated.graph(count), _memory(), time.process_time()
    link = Link(latency=simulated.LATENCY)
    net = SimNetwork(Gossip.using(fanout=FANOUT), graph, link=link, seed=1, record="counts")
    start, up, began = time.process_time() - began, _memory() - before, time.process_time()
    child.report(start=start, up=up)
    rumor = Rumor(simulated.TEXT)
    net.tell(0, rumor)
    net.run(simulated.LONG_ENOUGH)
    run = time.process_time() - began
    reached = sum(rumor in node.heard for node in net) / count
    child.report(run=run, reached=reached, memory=_memory())


def _memory() -> int:
    gc.collect()
    return int(psutil.Process().memory_info().rss)


def main() -> None:
    """Measure one network."""
    name, count, enough = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    child.be_silent()
    if name == GOSSIP:
        gossip(count)
    else:
        flood(name, count, enough)


if __name__ == "__main__":
    main()
