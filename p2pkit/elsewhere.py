"""Elsewhere: many calls of one function, in other processes, on this machine or on a cluster.

    with outcomes(function, 100, progress) as done:     # function(0), function(1) … function(99)
        for number, outcome in done:                    # the first that is done comes first
            ...

joblib starts the processes and shares out the numbers. The function, and what it needs, goes to
them as bytes that a courier has packed, and that is how their outcomes come back.
"""

import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from multiprocessing import Pipe
from typing import Any
from uuid import uuid4

from p2pkit.errors import NetworkError
from p2pkit.progress import Progress
from p2pkit.work import hold_on

MISSING = 'sweeps need more packages: pip install "p2pkit[sweep]"'

try:
    import joblib
    from joblib.parallel import get_active_backend

    from p2pkit.courier import Courier, raised
except (ImportError, NetworkError):
    raise ImportError(MISSING) from None


@contextmanager
def outcomes(
    function: Callable[[int], Any], total: int, progress: Progress
) -> Iterator[Iterator[tuple[int, Any]]]:
    """Call a function with all numbers below a total; give each number and what was returned, or a
    `Failed` with what was raised, when it is done. What is not done when the block ends is given up.

    progress: is told what it waits for. Raises NetworkError for what cannot travel.
    """
    with _home(total, progress) as (backend, options):
        shared = getattr(backend, "supports_sharedmem", False)
        calls = Calls(function) if shared else Departing(function)
        as_they_come = shared or backend.supports_return_generator
        begin = joblib.Parallel(
            return_as="generator_unordered" if as_they_come else "list", **options
        )
        done = begin(joblib.delayed(_perform)(calls, number) for number in range(total))
        try:
            yield ((number, calls.opened(outcome)) for number, outcome in done)
        finally:
            if as_they_come:
                with warnings.catch_warnings():  # joblib tells at length what was given up
                    warnings.simplefilter("ignore")
                    done.close()


class Failed:
    """The outcome of a call that has raised something."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


# To other processes, and back


class Calls:
    """Calls of a function, in this process."""

    def __init__(self, function: Callable[[int], Any]) -> None:
        self._function = function

    def perform(self, number: int) -> Any:
        """Call the function; return the outcome."""
        try:
            return self._function(number)
        except BaseException as error:
            return Failed(error)

    def opened(self, outcome: Any) -> Any:
        """Return the outcome of a call that may have been elsewhere."""
        return outcome


class Departing(Calls):
    """Calls of a function that can be sent to other processes; it is packed only once."""

    def __init__(self, function: Callable[[int], Any]) -> None:
        super().__init__(function)
        self._courier = _Courier("here")
        # Functions have a state, the globals that they use: nobody shall take over another's.
        self._data = self._courier.pack((uuid4().hex, function))

    def __reduce__(self) -> tuple[Any, ...]:
        return Underway, (self._data,)

    def opened(self, outcome: Any) -> Any:
        if not isinstance(outcome, Parcel):  # there was no need to travel
            return outcome
        result, cause = self._courier.unpack(outcome.data)
        return result if cause is None else Failed(raised(result, cause))


class Underway:
    """Calls of a function, as bytes. They are unpacked where they are to be done, and only once: a
    scheduler that they pass through on their way has no use for them."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def perform(self, number: int) -> "Parcel":
        """Call the function here; return the outcome in a parcel."""
        with _UNPACKING:  # a Dask worker may have several threads
            arrived = _arrived(self._data)
        return arrived.perform(number)


class Arrived(Calls):
    """Calls of a function, in another process."""

    def __init__(self, data: bytes) -> None:
        self._courier = _Courier("there")
        _, function = self._courier.unpack(data)
        super().__init__(function)

    def perform(self, number: int) -> "Parcel":
        outcome = super().perform(number)
        if not isinstance(outcome, Failed):
            try:
                return Parcel(self._courier.pack((outcome, None)))
            except NetworkError as error:  # it cannot travel
                outcome = Failed(error)
        return Parcel(self._courier.pack_error(outcome.error))


class Parcel:
    """An outcome on its way back. (Dask would turn a subclass of bytes into bytes.)"""

    def __init__(self, data: bytes) -> None:
        self.data = data


class _Courier(Courier):
    """A courier between one process and many.

    What the first parcel held is known to all of them. What a later one holds is known to one only,
    so it stays without a name.
    """

    def _learn(self, new: dict[str, type]) -> None:
        if not self._has_names:
            super()._learn(new)
        self._has_names = True

    _has_names = False


_UNPACKING = threading.Lock()
_arrived = lru_cache(maxsize=1)(Arrived)


def _perform(calls: Calls, number: int) -> tuple[int, Any]:
    return number, calls.perform(number)


# Where they are


@contextmanager
def _home(most: int, progress: Progress) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Find out where calls are to be done: give joblib's backend, and options for `joblib.Parallel`.

    most: how many processes are of use.
    """
    backend, jobs = get_active_backend()
    jobs = -1 if jobs is None else jobs
    chosen = backend is get_active_backend()[0]  # the default is another one each time
    if jobs == 1:  # nowhere else, then
        with joblib.parallel_config(backend="sequential"):
            yield get_active_backend()[0], {}
    elif chosen or getattr(backend, "supports_sharedmem", False):
        yield backend, {"n_jobs": jobs}
    elif client := _cluster():
        with _on_cluster(client, progress) as backend:
            # Workers that come later shall find work, so all of it waits at the scheduler.
            yield backend, {"n_jobs": -1, "pre_dispatch": "all"}
    else:
        with _own_processes() as backend:
            yield backend, {"n_jobs": min(most, joblib.effective_n_jobs(jobs))}


@contextmanager
def _own_processes() -> Iterator[Any]:
    """Use new processes on this machine, which end with the block: what they have imported may have
    changed before the next sweep."""
    near, far = Pipe(duplex=False)
    try:
        with joblib.parallel_config(backend="loky", initializer=hold_on, initargs=(near,)):
            yield get_active_backend()[0]
    finally:
        joblib.externals.loky.get_reusable_executor(reuse=True).shutdown(kill_workers=True)
        near.close()
        far.close()


def _cluster() -> Any:
    """Return the client of a Dask cluster that is active in this process, or None."""
    distributed = sys.modules.get("distributed")
    if distributed is None:  # nobody has imported it, so there is none
        return None
    try:
        client = distributed.Client.current()
    except ValueError:
        return None
    return client if client.status == "running" else None


@contextmanager
def _on_cluster(client: Any, progress: Progress) -> Iterator[Any]:
    """Use the cluster of a client, once it has a worker.

    What is left when the block ends is cancelled here: joblib would leave the cluster at work.
    """
    progress.say("waiting for workers of the cluster")
    client.wait_for_workers(1)
    with joblib.parallel_config(backend="dask", client=client):
        backend, _ = get_active_backend()
    cores = backend.effective_n_jobs
    # With one core joblib would not bother the cluster, and do everything here.
    backend.effective_n_jobs = lambda jobs: max(2, cores(jobs))
    try:
        with joblib.parallel_config(backend=backend):
            yield backend
    finally:
        while left := [key for key in client.futures if _perform.__name__ in str(key)]:
            client.cancel([sys.modules["distributed"].Future(key, client) for key in left])
