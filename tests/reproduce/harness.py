"""What it means to meet a published figure.

    @published("demers-t2", reduced=20, full=2000)
    def table_2(runs):
        s = [residue(seed) for seed in range(runs)]
        yield Row("residue, k=1", published=0.96, measured=mean(s), tolerance=0.058, error=error(s))

A figure is met when it is hit within its tolerance. Where runs are few, as in the tests, or where
no tolerance is given, it is enough to be within three standard errors of what was measured.
"""

import pkgutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from math import sqrt
from statistics import fmean, stdev
from time import perf_counter
from typing import NamedTuple

import tests.reproduce as home


@dataclass(frozen=True)
class Row:
    """One figure: what was printed, what was measured, and how far apart they may be.

    tolerance: in the unit of the figure; None if three standard errors decide. error: one standard
    error of what was measured, None for what has no chance in it. reduced: whether the runs were
    fewer than the tolerance asks for, so that three standard errors are allowed, too.
    """

    what: str
    published: float
    measured: float
    tolerance: float | None = None
    error: float | None = None
    reduced: bool = False

    @property
    def allowed(self) -> float:
        """How far the measured figure may be off."""
        chance = 3 * (self.error or 0.0)
        if not self.tolerance:
            return chance
        return max(self.tolerance, chance) if self.reduced else self.tolerance

    @property
    def verdict(self) -> bool:
        """Whether the figure is met."""
        return abs(self.measured - self.published) <= self.allowed


Rows = Iterable[Row]


@dataclass(frozen=True)
class Claim:
    """A function that measures what was published. reduced, full: how many runs it takes."""

    id: str
    function: Callable[[int], Rows]
    reduced: int
    full: int

    @property
    def name(self) -> str:
        """The id of the result and the name of the function, as one result may be met by several."""
        return f"{self.id}/{self.function.__name__}"

    def rows(self, *, reduced: bool) -> list[Row]:
        """Measure."""
        rows = self.function(self.reduced if reduced else self.full)
        return [replace(row, reduced=reduced) for row in rows]


CLAIMS: dict[str, Claim] = {}
"""All that are registered, by name."""


def published(id: str, *, reduced: int, full: int) -> Callable[..., Callable[[int], Rows]]:
    """Register a function of a number of runs that yields rows.

    id: of the published result. reduced: the runs that the tests take, in a few seconds. full: those
    that the tolerances ask for.
    """

    def register(function: Callable[[int], Rows]) -> Callable[[int], Rows]:
        claim = Claim(id, function, reduced, full)
        CLAIMS[claim.name] = claim
        return function

    return register


def load() -> dict[str, Claim]:
    """Import all topics, and return what they have registered."""
    for module in pkgutil.iter_modules(home.__path__):
        if module.name not in ("__main__", "harness", "conftest"):
            import_module(f"{home.__name__}.{module.name}")
    return CLAIMS


class Done(NamedTuple):
    """A claim that was looked into, and how many seconds that took."""

    name: str
    rows: list[Row]
    seconds: float


def measure(name: str, *, reduced: bool) -> Done:
    """Look into one claim: in whatever process this is called."""
    began = perf_counter()
    rows = load()[name].rows(reduced=reduced)
    return Done(name, rows, perf_counter() - began)


def error(values: Sequence[float]) -> float:
    """Return the standard error of the mean of some independent values; 0 for a single one."""
    return stdev(values) / sqrt(len(values)) if len(values) > 1 else 0.0


def row(
    what: str, published: float, values: Iterable[float], tolerance: float | None = None
) -> Row:
    """Return the row of a mean over some runs."""
    seen = [float(value) for value in values]
    return Row(what, published, fmean(seen), tolerance, error(seen))


# The table


def table(found: Iterable[Done]) -> str:
    """Return a table in markdown: a line for each figure."""
    return "\n".join(_lines(found)) + "\n"


def _lines(found: Iterable[Done]) -> Iterator[str]:
    yield "| result | what | published | measured | allowed | verdict |"
    yield "|---|---|--:|--:|--:|---|"
    for done in found:
        for row in done.rows:
            measured = number(row.measured) + (f" ± {row.error:.2g}" if row.error else "")
            verdict = "met" if row.verdict else "**not met**"
            what = row.what.replace("|", "\\|")
            figures = [number(row.published), measured, f"± {row.allowed:.2g}"]
            yield " | ".join([f"| {done.name}", what, *figures, f"{verdict} |"])


def number(value: float) -> str:
    """Write a number as a table does.

    >>> [number(value) for value in (4001, 0.95961, 0.000236, 29.567)]
    ['4001', '0.9596', '0.000236', '29.57']
    """
    return f"{value:.0f}" if float(value).is_integer() else f"{value:.4g}"
