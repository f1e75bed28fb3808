"""The pool that does the slow work of real nodes, in processes of its own.

Work is for what would hold up the event loop: mining, large sums. loky starts the processes,
because it can take functions defined in a notebook and needs no `if __name__ == "__main__"` in a
student's script.
"""

import multiprocessing
import os
import threading
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future
from multiprocessing.connection import Connection
from typing import Any

from p2pkit.errors import NetworkError


class Pool:
    """Processes that are started when the first piece of work comes, and end with the network.

    cores: how many of them, or None for one for each core of this machine.
    """

    def __init__(self, cores: int | None = None) -> None:
        self._cores = cores
        self._executor: Executor | None = None
        self._lifeline: tuple[Connection, Connection] | None = None

    def executor(self) -> Executor:
        """Return the pool. Raises NetworkError when the package that runs it is missing."""
        if self._executor is None:
            try:
                from loky import ProcessPoolExecutor
            except ImportError:
                raise NetworkError(
                    'self.work needs one more package: pip install "p2pkit[processes]"'
                ) from None
            self._lifeline = multiprocessing.Pipe(duplex=False)
            self._executor = ProcessPoolExecutor(
                self._cores, timeout=60, initializer=hold_on, initargs=(self._lifeline[0],)
            )
        return self._executor

    def submit(self, function: Callable[..., Any], *args: Any) -> "Future[Any]":
        """Let one of the processes call function(*args)."""
        try:
            return self.executor().submit(function, *args)
        except BrokenExecutor:  # one of them has died, and that was said where it was at work
            self.close()
            return self.executor().submit(function, *args)

    def close(self) -> None:
        """End the processes, whatever they are doing."""
        if self._executor is not None:
            self._executor.shutdown(wait=True, kill_workers=True)  # type: ignore[call-arg]
            self._executor = None
        for end in self._lifeline or ():
            end.close()
        self._lifeline = None


def hold_on(lifeline: Connection) -> None:
    """End this process, whatever it is doing, when the one that holds the other end has ended: a
    kill -9 leaves it no time to say so."""

    def wait() -> None:
        lifeline.poll(None)  # nothing is ever sent: it returns when the other end is gone
        os._exit(1)

    threading.Thread(target=wait, name="lifeline", daemon=True).start()
