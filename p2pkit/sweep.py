"""Sweeps: one experiment with every combination of its parameters, many times each, on all cores.

What a protocol does once is an anecdote. So an experiment is a function: it takes parameters and a
seed, and returns what it has measured. A sweep calls it with all of them and returns a table:

    def run(fanout, loss, seed):
        with SimNetwork(Gossip.using(fanout=fanout), 1000, link=Link(loss=loss), seed=seed) as net:
            net.tell("n0", Rumor("hello"))
            net.run(5)
            return {"heard": sum(bool(node.heard) for node in net)}

    frame = sweep(run, {"fanout": [1, 2, 3, 4], "loss": [0, 0.1]}, seeds=20)
    frame.groupby("fanout").heard.mean()

joblib spreads the runs over processes: those of this machine or, while a `distributed.Client` is
active, those of its Dask cluster. The function and the classes that it uses travel with the
courier, so a notebook may define them.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping, Set
from itertools import product
from typing import TYPE_CHECKING, Any

from p2pkit.elsewhere import MISSING, Failed, outcomes
from p2pkit.progress import Progress

if TYPE_CHECKING:
    import pandas


def sweep(
    run: Callable[..., Any], grid: Mapping[str, Iterable[Any]], seeds: int | Iterable[Any]
) -> "pandas.DataFrame":
    """Call run(**parameters, seed=…) with every combination of parameters and every seed, on all
    cores, and return a table with a row for each call.

    grid: the values of each parameter; {} if there is none. seeds: how many, counted from 0, or
    which. A row holds the parameters, the seed and what that run returned: a dict becomes a column
    for each key, empty where a run left the key out, and anything else the column "result". Rows
    are in the order of the grid, whichever run was done first.

    An exception in a run ends the sweep and is raised here, with a note that says which call
    repeats it. Runs are in other processes: a global variable is a copy in each of them. Within
    `joblib.parallel_config(n_jobs=1)` they are all in this one, where a debugger can follow; any
    other setting of joblib's is respected too. Raises TypeError or ValueError before anything runs
    if function and parameters do not go together, and NetworkError for what cannot travel.
    """
    try:
        import pandas
    except ModuleNotFoundError:
        raise ImportError(MISSING) from None
    runs = Runs(run, grid, seeds)
    rows: list[dict[Any, Any]] = [{}] * len(runs.calls)
    with Progress(len(rows), "runs") as progress, outcomes(runs.do, len(rows), progress) as done:
        for number, outcome in done:
            if isinstance(outcome, Failed):
                outcome.error.add_note(
                    f"in a run of a sweep, which this repeats: {runs.line(number)}"
                )
                raise outcome.error
            rows[number] = runs.row(number, outcome)
            progress.step()
    columns = dict.fromkeys(key for row in rows for key in row)
    return pandas.DataFrame({key: [row.get(key) for row in rows] for key in columns})


class Runs:
    """The runs of a sweep: the function, and the parameters of each call."""

    def __init__(
        self,
        run: Callable[..., Any],
        grid: Mapping[str, Iterable[Any]],
        seeds: int | Iterable[Any],
    ) -> None:
        if not isinstance(grid, Mapping):
            raise TypeError(f'a grid is a dict, such as {{"fanout": [1, 2, 3]}}, and not {grid!r}')
        values = {name: _values(name, some) for name, some in grid.items()}
        if "seed" in values:
            raise ValueError("the seed is no parameter of the grid: sweep(run, grid, seeds=…)")
        values["seed"] = _values("seeds", range(seeds) if isinstance(seeds, int) else seeds)
        _check(run, list(values))
        self.run = run
        self.names = list(values)
        self.calls = list(product(*values.values()))

    def parameters(self, number: int) -> dict[str, Any]:
        """Return what a run is called with."""
        return dict(zip(self.names, self.calls[number], strict=True))

    def do(self, number: int) -> Any:
        """Do a run, and return what it returns."""
        return self.run(**self.parameters(number))

    def line(self, number: int) -> str:
        """Return the line of code that does a run."""
        shown = (f"{name}={_shown(value)}" for name, value in self.parameters(number).items())
        return f"{getattr(self.run, '__name__', 'run')}({', '.join(shown)})"

    def row(self, number: int, result: Any) -> dict[Any, Any]:
        """Return a row of the table. Raises ValueError for a result that has no place in it."""
        if result is None:
            raise ValueError(
                f"{self.line(number)} has returned nothing: "
                "let it return a number, or a dict with what it has measured"
            )
        measured = result if isinstance(result, Mapping) else {"result": result}
        row = self.parameters(number)
        for name in row:
            if name in measured:
                raise ValueError(
                    f"{self.line(number)} has returned {name!r}, which is a parameter: "
                    "give it another name"
                )
        return row | dict(measured)


# What a caller may have got wrong


def _values(name: str, values: Iterable[Any]) -> list[Any]:
    """Return the values of a parameter, in their order."""
    if isinstance(values, str | bytes | Set) or not isinstance(values, Iterable):
        raise TypeError(f"{name} is {values!r}: a list of values, in their order, is needed")
    found = list(values)
    if not found:
        raise ValueError(f"{name} has no values, so there is nothing to run")
    return found


def _check(run: Callable[..., Any], names: list[str]) -> None:
    """Check that a function takes these parameters."""
    if not callable(run):
        raise TypeError(f"a sweep needs the function itself, not what it returned: {run!r}")
    try:
        signature = inspect.signature(run)
        signature.bind(**dict.fromkeys(names))
    except TypeError as error:
        raise TypeError(
            f"{getattr(run, '__name__', 'run')}{signature} cannot be called with "
            f"{', '.join(names)}, which grid and seeds give: {error}"
        ) from None


def _shown(value: Any) -> str:
    return str(getattr(value, "__name__", None) or repr(value))
