"""The aims, the ratios, and the tables.

All ratios are gains: how many times as fast, or as cheap, a peer is than another one, in the same
round. What a table shows is the median over the rounds, and from where to where they went.
"""

import statistics
import sys
from collections.abc import Iterable
from dataclasses import dataclass

from tests.benchmarks.harness import FLOODING, NODES, SIMULATED, Result

Rounds = dict[int, Result]

COSTS = {"p50", "p99", "cpu", "start", "everywhere", "memory", "total", "close"}
"""What is better when it is less. All else (rates) is better when it is more."""


@dataclass(frozen=True)
class Aim:
    """What p2pkit promises: in `workload`, `metric` is at least `gain` times as good as `than`."""

    workload: str
    metric: str
    gain: float
    than: str
    says: str
    peer: str = "p2pkit"


_COUNTS = "p2pkit, counts"

AIMS = (
    Aim("throughput", "rate", 60, "p2pnetwork", "messages/s at least 60 x p2pnetwork"),
    Aim("throughput", "rate", 0.5, "asyncio", "messages/s at least half of asyncio"),
    Aim("throughput", "rate", 20, "p2pnetwork", "Node at least 20 x p2pnetwork", "p2pkit Node"),
    Aim("round trip", "p50", 80, "p2pnetwork", "p50 at least 80 x faster than p2pnetwork"),
    Aim("round trip", "p50", 0.5, "asyncio", "p50 at most twice asyncio's (0.5 x or more)"),
    Aim("1 MiB", "rate", 1000, "p2pnetwork", "MiB/s at least 1000 x p2pnetwork"),
    Aim(NODES, "start", 1, "p2pnetwork", "connected in less time than p2pnetwork"),
    Aim(NODES, "memory", 1, "p2pnetwork", "in less memory than p2pnetwork"),
    Aim(NODES, "close", 30, "p2pnetwork", "closed at least 30 x faster than p2pnetwork"),
    Aim(SIMULATED, "rate", 4, "simpy", "counts: deliveries/s at least 4 x SimPy", _COUNTS),
    Aim(SIMULATED, "rate", 2, "simpy, callbacks", "at least 2 x SimPy's callbacks", _COUNTS),
    Aim(SIMULATED, "rate", 0.5, _COUNTS, "recording all at least half as fast as counts"),
)


@dataclass(frozen=True)
class Column:
    """One column of a workload's table: a metric in its unit, and whether its spread is shown."""

    heading: str
    metric: str
    scale: float = 1.0
    form: str = ",.0f"
    spread: bool = False


COLUMNS = {
    "throughput": (
        Column("messages/s", "rate", spread=True),
        Column("CPU µs/message", "cpu", 1e6, ",.2f"),
        Column("sender", "sender cpu", 1e6, ",.2f"),
        Column("receiver", "receiver cpu", 1e6, ",.2f"),
    ),
    "round trip": (
        Column("p50 µs", "p50", 1e6, spread=True),
        Column("p99 µs", "p99", 1e6),
        Column("CPU µs/round trip", "cpu", 1e6, ",.1f"),
    ),
    "1 MiB": (
        Column("MiB/s", "rate", 1, ",.4g", spread=True),
        Column("CPU ms/message", "cpu", 1e3, ",.2f"),
    ),
    NODES: (
        Column("connect s", "start", 1, ".2f", spread=True),
        Column("memory MiB", "memory", 2**-20),
        Column("whole process MiB", "total", 2**-20),
        Column("close s", "close", 1, ".3f", spread=True),
    ),
    FLOODING: (
        Column("deliveries/s", "rate", spread=True),
        Column("CPU µs each", "cpu", 1e6, ",.2f"),
        Column("everywhere ms", "everywhere", 1e3, ",.2f"),
        Column("start s", "start", 1, ".2f"),
        Column("MiB", "memory", 2**-20),
        Column("close s", "close", 1, ".3f"),
    ),
    SIMULATED: (
        Column("deliveries/s", "rate", spread=True),
        Column("CPU µs each", "cpu", 1e6, ",.2f"),
        Column("start s", "start", 1, ".3f"),
    ),
}
REFERENCES = ("p2pnetwork", "asyncio", "simpy", "simpy, callbacks", "heap")
"""What all others are compared with, where it was measured."""


def gains(ours: Rounds, theirs: Rounds, metric: str) -> list[float]:
    """Return how many times as good we are, for each round in which both were measured."""
    both = [number for number in ours if number in theirs]
    ratios = [ours[number][metric] / theirs[number][metric] for number in both]
    return [1 / ratio for ratio in ratios] if metric in COSTS else ratios


def workload_table(name: str, found: dict[str, Rounds]) -> list[list[str]]:
    """Return one workload's table, the headings first."""
    columns, metric = COLUMNS[name], COLUMNS[name][0].metric
    against = [reference for reference in REFERENCES if found.get(reference)]
    rows = [["", *(column.heading for column in columns), *(f"x {than}" for than in against)]]
    for peer, rounds in found.items():
        if rounds:
            cells = [_cell(rounds, column) for column in columns]
            ratios = [_ratio(gains(rounds, found[than], metric)) for than in against]
            rows.append([peer, *cells, *ratios])
    return rows


def aims_table(found: dict[str, dict[str, Rounds]]) -> list[list[str]]:
    """Return what was aimed at and what was found, the headings first."""
    rows = [["", "aim", "found", "from - to", ""]]
    for aim in AIMS:
        peers = found.get(aim.workload, {})
        ratios = gains(peers.get(aim.peer, {}), peers.get(aim.than, {}), aim.metric)
        if ratios:
            median = statistics.median(ratios)
            verdict = "met" if median >= aim.gain else "MISSED"
            rows.append([aim.workload, aim.says, _times(median), _range(ratios), verdict])
    return rows


def print_table(title: str, rows: list[list[str]]) -> None:
    """Print a table, with rich where it is installed."""
    try:
        from rich.console import Console
        from rich.table import Table
    except ImportError:
        print(f"\n{title}\n" + "\n".join(_plain(rows)))
        return
    table = Table(title=title, title_justify="left", title_style="bold")
    for number, heading in enumerate(rows[0]):
        table.add_column(heading, justify="right" if number else "left", no_wrap=True)
    for row in rows[1:]:
        table.add_row(*row)
    console = Console() if sys.stdout.isatty() else Console(width=170)
    console.print()
    console.print(table)


def value(result: Result, name: str) -> str:
    """Return one measurement in a few words, for the progress."""
    shown = (f"{_number(result, column)} {column.heading}" for column in COLUMNS[name])
    return ", ".join(shown)


def _plain(rows: list[list[str]]) -> Iterable[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        first, *others = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        yield "  ".join([first.strip().ljust(widths[0]), *others])


def _number(result: Result, column: Column) -> str:
    return format(result[column.metric] * column.scale, column.form)


def _cell(rounds: Rounds, column: Column) -> str:
    values = [result[column.metric] * column.scale for result in rounds.values()]
    median = format(statistics.median(values), column.form)
    if not column.spread:
        return median
    return f"{median} ({min(values):{column.form}} - {max(values):{column.form}})"


def _ratio(ratios: list[float]) -> str:
    return f"{_times(statistics.median(ratios))} ({_range(ratios)})" if ratios else ""


def _range(ratios: list[float]) -> str:
    return f"{_times(min(ratios))} - {_times(max(ratios))}"


def _times(ratio: float) -> str:
    return f"{ratio:,.0f}" if ratio >= 100 else f"{ratio:.1f}" if ratio >= 10 else f"{ratio:.2f}"
