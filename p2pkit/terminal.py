"""The terminal: how the commands speak to the person in front of it.

A person needs the line that is theirs, and not the forty of a traceback that are ours. So what
went wrong is said in one of three ways, which `complain` chooses:

    their code raised       their lines of the traceback, the error, and at which node and when
    they asked for too much one sentence that says what to do
    we are wrong            everything, to be reported

What strangers sent is shown by `printable`, as a terminal obeys some characters:

    >>> printable("red \\x1b[31m alert")
    'red \\\\x1b[31m alert'
"""

import os
import signal
import sys
import sysconfig
import threading
import traceback
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, TextIO

from p2pkit.errors import P2PKitError
from p2pkit.network import NetworkWarning

if TYPE_CHECKING:
    from rich.console import Console as Screen

INTERRUPTED = 130
"""The exit code of a program that Ctrl-C has ended: 128 and the number of the signal."""

LAST_WORDS = 3.0
"""Seconds after Ctrl-C in which handlers may return, before the program ends without them."""


def screen() -> "Screen":
    """Return the standard output, in colour if it is a terminal; it writes what it is told to."""
    from rich.console import Console as Screen

    return Screen(highlight=False, soft_wrap=True, markup=False, emoji=False)


def complain(error: BaseException) -> int:
    """Say on stderr what went wrong, and return the exit code; raise what is our own mistake."""
    if concerns_student(error):
        say_error(explain(error))
    elif isinstance(error, OSError) and error.filename:
        say_error(f"{error.filename}: {error.strerror}")
    elif isinstance(error, P2PKitError | OSError | ImportError):
        say_error(str(error))
    else:
        raise error
    return 1


def say_error(text: str) -> None:
    """Write to stderr, after all that was said before."""
    sys.stdout.flush()
    print(text, file=sys.stderr, flush=True)  # noqa: T201


def explain(error: BaseException) -> str:
    """Return the student's lines of a traceback, the error itself, and its notes."""
    lines = ["In your code:\n"] if (places := _students(error)) else []
    lines += places.format() + traceback.format_exception_only(error)
    return "".join(lines).rstrip()


def concerns_student(error: BaseException) -> bool:
    """Tell whether the error came out of code that is neither ours nor Python's."""
    if isinstance(error, SyntaxError):
        return _is_students(error.filename or "")
    return bool(_students(error))


def printable(text: str) -> str:
    """Return the text with everything escaped that could move the cursor or change colours."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)


def short(value: object, most: int = 60) -> str:
    """Return a value as Python writes it, in one line of at most so many characters."""
    text = printable(value if isinstance(value, str) else repr(value))
    return text if len(text) <= most else text[: most - 1] + "…"


def table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return columns of text, as wide as they need to be.

    >>> print(table(["node", "peers"], [["n0", 4], ["n10", 12]]))
    node  peers
    n0    4
    n10   12
    """
    lines = [list(headings), *([str(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


@contextmanager
def hints_as_sentences() -> Iterator[None]:
    """Show a network's warnings as sentences, without the line of ours that gave them."""

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if issubclass(category, NetworkWarning):
            say_error(f"hint: {message}")
        else:
            usual(message, category, filename, lineno, file, line)

    usual = warnings.showwarning
    with warnings.catch_warnings():
        warnings.simplefilter("always", NetworkWarning)
        warnings.showwarning = show
        yield


# Ctrl-C


def end_in_any_case() -> None:
    """Make sure that Ctrl-C ends the program even if a handler never returns.

    A network waits for its nodes when it closes, and an endless loop in a student's handler would
    keep it waiting. No thread can be ended from outside; a process can.
    """

    def interrupted(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        threading.Thread(target=_end_if_stuck, daemon=True).start()
        raise KeyboardInterrupt

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not under nohup
        signal.signal(signal.SIGINT, interrupted)


def _end_if_stuck() -> None:
    still = threading.Event()
    places: list[str | None] = []
    while True:
        still.wait(LAST_WORDS / 3)
        places = [*places, _busy_at()][-3:]
        if len(places) == 3 and all(places):
            say_error(f"a handler did not return, and was given up: {places[-1]}")
            os._exit(INTERRUPTED)


def _busy_at() -> str | None:
    """Return the student's line that a network's thread is in."""
    frames = sys._current_frames()
    for thread in threading.enumerate():
        frame = frames.get(thread.ident or 0)
        if thread.name == "p2pkit network" and frame is not None:
            for place in reversed(traceback.extract_stack(frame)):
                if _is_students(place.filename):
                    return f"{place.filename}, line {place.lineno}, in {place.name}"
    return None


# Whose line is it?

_NOT_STUDENTS = tuple(
    os.path.join(path, "")  # noqa: PTH118
    for path in {
        str(Path(__file__).parent),
        *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
    }
)


def _is_students(filename: str) -> bool:
    if filename.startswith("<"):
        return False
    return not os.path.abspath(filename).startswith(_NOT_STUDENTS)  # noqa: PTH100


def _students(error: BaseException) -> traceback.StackSummary:
    """Return the student's places of a traceback, and of where it came from in a worker."""
    places = [*getattr(error.__cause__, "places", ()), *traceback.extract_tb(error.__traceback__)]
    return traceback.StackSummary.from_list([one for one in places if _is_students(one.filename)])
