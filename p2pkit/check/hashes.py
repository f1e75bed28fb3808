"""The hash-seed checker: does a story depend on the order of a set?

With the same seed, a simulation goes alike event for event. There is one way for a protocol to spoil
that: to loop over a set of strings. Python gives a set another order in each process, unless
PYTHONHASHSEED says which; so the same program does one thing today and another tomorrow.

    def story():
        with SimNetwork(Gossip, 20, seed=7) as net:
            net.tell("n0", Rumor("hello"))
            net.run(5)
            return net

    check.hash_seeds(story)

tells it in several fresh interpreters, with a hash seed each, and compares the traces.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from p2pkit.check.compare import compare
from p2pkit.check.views import is_exact
from p2pkit.errors import CheckFailed, TraceError
from p2pkit.network import Network
from p2pkit.trace import Trace

__tracebackhide__ = True  # pytest then ends its traceback at the line of the test

HASH_SEEDS = (0, 1, 2, 3)
"""Four, as chance may hide what is wrong: two names have the same order under two hash seeds in one
case of two, and under four in one of eight. Where more is looped over, chance hardly ever does."""

_BEGIN = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from p2pkit.check import hashes; hashes.tell(sys.argv[2])"
)


def hash_seeds(story: Callable[[], Any], seeds: Iterable[int] = HASH_SEEDS) -> None:
    """Call story() in a fresh interpreter for each PYTHONHASHSEED, and check that all traces are
    the same, event for event.

    The story returns a simulated network, or a trace of one. It may be defined in a notebook. Raises
    CheckFailed with the first difference, ValueError for fewer than two hash seeds, and what the
    story itself raises.
    """
    seeds = list(dict.fromkeys(seeds))
    if len(seeds) < 2:
        raise ValueError("one hash seed has nothing to be compared with: give two, or more")
    with TemporaryDirectory() as place:
        tellers = [Teller(story, seed, Path(place, str(seed))) for seed in seeds]
        try:
            first, *others = [teller.trace() for teller in tellers]
        finally:
            for teller in tellers:
                teller.end()
    for seed, other in zip(seeds[1:], others, strict=True):
        difference = compare(first, other, by="run")
        if difference is not None:
            event = difference.first or difference.second
            raise CheckFailed(
                "the story depends on the hash seed: with PYTHONHASHSEED "
                f"{seeds[0]} (first) and {seed} (second)\n{difference}\n{_ADVICE}",
                time=event and event.time,
                node=event and event.node,
            )


_ADVICE = (
    "  Somewhere before that, a loop, a list or a choice takes things from a set in the set's own "
    "order:\n  write sorted(…) around the set, or keep a dict, or a list, in its place."
)


class Teller:
    """A fresh interpreter that tells a story."""

    def __init__(self, story: Callable[[], Any], seed: int, place: Path) -> None:
        from p2pkit.courier import Courier  # needs cloudpickle, and says so

        self._courier = Courier("here")
        self._place = place
        self._seed = seed
        place.mkdir()
        (place / "story").write_bytes(self._courier.pack(story))
        self._process = subprocess.Popen(
            [sys.executable, "-c", _BEGIN, json.dumps(sys.path), str(place)],
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )

    def trace(self) -> Trace:
        """Wait until the story is over, and return its trace. Raises what the story has raised."""
        from p2pkit.courier import raised

        _, said = self._process.communicate()
        failure = self._place / "error"
        if failure.exists():
            error = raised(*self._courier.unpack(failure.read_bytes()))
            error.add_note(f"in the story, with PYTHONHASHSEED={self._seed}")
            raise error
        if self._process.returncode:
            raise RuntimeError(f"the interpreter that told the story has ended:\n{said}")
        return Trace.load(self._place / "trace")

    def end(self) -> None:
        """End the interpreter, if it has not ended by itself."""
        with self._process:
            self._process.kill()


def tell(where: str) -> None:
    """Tell the story that lies in a directory, and leave its trace there, or what it has raised.
    Called in the fresh interpreter."""
    from p2pkit.courier import Courier

    place, courier = Path(where), Courier("there")
    try:
        story = courier.unpack((place / "story").read_bytes())
        _trace_of(story()).save(place / "trace")
    except BaseException as error:  # it is raised again where the check was called
        (place / "error").write_bytes(courier.pack_error(error))


def _trace_of(result: object) -> Trace:
    if isinstance(result, Network):
        if not is_exact(result):
            raise TraceError(
                "two runs on real sockets are never alike: the story must use a SimNetwork"
            )
        return result.trace
    if isinstance(result, Trace):
        return result
    raise TraceError(f"the story returned {result!r:.80}: let it return its network, or net.trace")
