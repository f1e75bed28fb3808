"""The pool that does the slow work of real nodes, in processes of its own.

Work is for what would hold up the event loop: mining, large sums. loky starts the processes,
because it can take functions defined in a notebook and needs no `if __name__ == "__main__"` in a
student's script.
"""

from concurrent.futures import Executor

from p2pkit.errors import NetworkError


class Pool:
    """Processes that are started when the first piece of work comes, and end with the network."""

    def __init__(self) -> None:
        self._executor: Executor | None = None

    def executor(self) -> Executor:
        """Return the pool. Raises NetworkError when the package that runs it is missing."""
        if self._executor is None:
            try:
                from loky import ProcessPoolExecutor
            except ImportError:
                raise NetworkError(
                    'self.work needs one more package: pip install "p2pkit[processes]"'
                ) from None
            self._executor = ProcessPoolExecutor(timeout=60)
        return self._executor

    def close(self) -> None:
        """End the processes, whatever they are doing."""
        if self._executor is not None:
            self._executor.shutdown(wait=True, kill_workers=True)  # type: ignore[call-arg]
