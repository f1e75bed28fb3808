"""Progress: how much is done of what takes long, and how long the rest will take.

    with Progress(160, "runs") as progress:
        for ... in ...:
            progress.step()

In a terminal it is one line that changes. In a notebook it is a line below the cell, which in the
end says no more than what was done: a notebook that is stored would keep all else for ever.
Everywhere else nobody is looking, so there is nothing.
"""

import sys
from time import monotonic
from types import TracebackType
from typing import Any, Self

PAUSE = 0.1
"""Seconds between two changes: more than the eye follows would only cost time."""


class Progress:
    """Shows how many things of how many are done.

    what: what they are called, in the plural.
    """

    def __init__(self, total: int, what: str) -> None:
        self._total = total
        self._what = what
        self._done = 0
        self._began = self._shown = monotonic()
        self._screen = _screen()

    def __enter__(self) -> Self:
        self._screen.show(self._count())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self._screen.end(self._count(), f", {duration(monotonic() - self._began)}")

    def say(self, text: str) -> None:
        """Show a text, until there is progress."""
        self._screen.show(text)

    def step(self) -> None:
        """One more is done."""
        self._done += 1
        now = monotonic()
        if now - self._shown >= PAUSE:
            self._shown = now
            passed = now - self._began
            rest = passed / self._done * (self._total - self._done)
            self._screen.show(f"{self._count()}, {duration(passed)}, {duration(rest)} to go")

    def _count(self) -> str:
        return f"{self._done:,} of {self._total:,} {self._what}"


def duration(seconds: float) -> str:
    """Say roughly how long something takes.

    >>> [duration(seconds) for seconds in (0.2, 59, 600, 90_000)]
    ['0 s', '59 s', '10 min', '25 h']
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.0f} h"


class Nowhere:
    """Where nobody is looking."""

    def show(self, text: str) -> None:
        """Show nothing."""

    def end(self, text: str, took: str) -> None:
        """Show nothing."""


class Terminal(Nowhere):
    """The line of a terminal on which the cursor is."""

    def __init__(self) -> None:
        self._width = 0

    def show(self, text: str) -> None:
        """Put a text in place of the one before."""
        sys.stderr.write("\r" + text.ljust(self._width))
        sys.stderr.flush()
        self._width = len(text)

    def end(self, text: str, took: str) -> None:
        """Leave a text there, and go to the next line."""
        self.show(text + took)
        sys.stderr.write("\n")


class Cell(Nowhere):
    """The output of a notebook's cell."""

    def __init__(self, display: Any) -> None:
        self._display = display
        self._handle: Any = None

    def show(self, text: str) -> None:
        """Put a text in place of the one before."""
        if self._handle is None:
            self._handle = self._display(_Plain(text), display_id=True)
        else:
            self._handle.update(_Plain(text))

    def end(self, text: str, took: str) -> None:
        """Leave a text there that is the same each time."""
        self.show(text)


class _Plain:
    """A text that a notebook shows without quotes."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def _screen() -> Nowhere:
    """Return where somebody is looking."""
    interactive: Any = sys.modules.get("IPython")
    if interactive is not None and hasattr(interactive.get_ipython(), "kernel"):
        return Cell(interactive.display.display)
    return Terminal() if sys.stderr is not None and sys.stderr.isatty() else Nowhere()
