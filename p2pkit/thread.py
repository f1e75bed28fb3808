"""An event loop in a thread of its own, and the way into it from others.

Notebooks have an event loop already, which stands still while a cell runs; a network needs one
that does not.
"""

import asyncio
import errno
import os
import selectors
import sys
import threading
import traceback
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from p2pkit.errors import NetworkError
from p2pkit.reactor import Reactor

STUCK = 30.0
"""Seconds without an answer from the loop after which a handler must be hanging."""

LEFT_BEHIND = 1.0
"""Seconds that a handler gets to return when the loop ends; one that never does is left behind."""

T = TypeVar("T")

_ENDED = "it has stopped, and does nothing any more"
_NO_MORE_SOCKETS = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_OURS = str(Path(__file__).parent) + os.sep
_TO_READ = str(Path(__file__).parent / "protocols") + os.sep  # they may hang like a student's
_ASYNCIO = str(Path(asyncio.__file__).parent) + os.sep


class LoopEnded(NetworkError):
    """What was asked of the loop was not done, or not to its end, for the loop has ended."""


class LoopThread:
    """A running event loop, with its reactor.

    crashed: called, on the loop's thread, with exceptions that nobody caught.
    """

    def __init__(self, name: str, crashed: Callable[[BaseException], None]) -> None:
        self.loop = asyncio.new_event_loop()
        self.reactor = Reactor(self.loop)
        self._gate = threading.Lock()  # for coroutines: none shall begin when the loop ends
        self._ending = False
        self._waiting: set[Future[Any]] = set()  # answers that somebody waits for
        self.loop.set_exception_handler(lambda _, context: self._unexpected(context, crashed))
        self._thread = threading.Thread(target=self._live, name=name, daemon=True)
        self._thread.start()

    def do(self, function: Callable[..., T], *args: Any) -> T:
        """Call function(*args) on the loop's thread, and return what it returns, or raise what it
        raises."""
        answer: Future[T] = Future()

        def call() -> None:
            self.reactor.begin_turn()
            try:
                answer.set_result(function(*args))
            except BaseException as error:  # it is raised again in the thread that waits
                answer.set_exception(error)
            self.reactor.end_turn()

        self._check_thread()
        self.soon(call)
        return self._result(answer)

    def wait_for(self, function: Callable[..., Coroutine[Any, Any, T]], *args: Any) -> T:
        """Run the coroutine function(*args) on the loop, and return what it returns.

        It is made on the loop's thread: a Ctrl-C here can never leave one behind that nobody runs.
        """
        answer: Future[T] = Future()

        def begin() -> None:
            task = self.loop.create_task(function(*args))
            task.add_done_callback(partial(_hand_over, answer))

        self._check_thread()
        with self._gate:
            if self._ending:
                raise LoopEnded(_ENDED)
            self.loop.call_soon_threadsafe(begin)
        return self._result(answer)

    def soon(self, function: Callable[..., object], *args: Any) -> None:
        """Call function(*args) on the loop's thread, without waiting for it; if the loop has ended,
        do nothing."""
        with suppress(RuntimeError):
            self.loop.call_soon_threadsafe(function, *args)

    def close(self) -> None:
        """End the loop and its thread."""
        with self._gate:  # what came before begins before the loop stops, and is cancelled then
            self._ending = True
        if self._thread.is_alive():
            self.soon(self.loop.stop)
            self._thread.join(STUCK if self.stuck_in() is None else LEFT_BEHIND)

    def _live(self) -> None:
        try:
            self.loop.run_forever()
            self.loop.run_until_complete(_wind_up())
        finally:
            self.reactor.close()
            self.loop.close()
            for answer in list(self._waiting):
                if not answer.done():
                    answer.set_exception(LoopEnded(_ENDED))

    def _result(self, answer: "Future[T]") -> T:
        self._waiting.add(answer)
        try:
            return self._waited_for(answer)
        except CancelledError:
            raise LoopEnded(_ENDED) from None
        finally:
            self._waiting.discard(answer)

    def _waited_for(self, answer: "Future[T]") -> T:
        while True:
            if self.loop.is_closed() and not answer.done():
                raise LoopEnded(_ENDED)
            try:
                return answer.result(STUCK)
            except FutureTimeout:
                if answer.done():
                    raise
                if (where := self.stuck_in()) is not None:
                    raise NetworkError(stuck(where)) from None

    def stuck_in(self) -> str | None:
        """Return the line of somebody else's code that the loop's thread is in."""
        frame = sys._current_frames().get(self._thread.ident or 0)
        begun = False  # the first frames are those of threading
        for place in traceback.extract_stack(frame) if frame else []:
            is_ours = place.filename.startswith((_OURS, _ASYNCIO))
            if is_ours and not place.filename.startswith(_TO_READ):
                begun = True
            elif place.filename == selectors.__file__:
                return None  # no handler is running: what takes long is a coroutine of ours
            elif begun:
                return f"{place.filename}, line {place.lineno}, in {place.name}"
        return None

    def _check_thread(self) -> None:
        if threading.get_ident() == self._thread.ident:
            raise NetworkError(
                "a handler cannot act on the network, which waits for it to return: use what the "
                "protocol has (self.send, self.after …), or net.after from outside"
            )

    def _unexpected(
        self, context: dict[str, Any], crashed: Callable[[BaseException], None]
    ) -> None:
        error = context.get("exception") or RuntimeError(context["message"])
        if getattr(error, "errno", None) in _NO_MORE_SOCKETS:
            return  # more strangers came than this system allows: asyncio lets them wait a second
        crashed(error)


def stuck(where: str) -> str:
    """Say that nodes do not react because a handler does not return."""
    return (
        f"the nodes have not reacted for {STUCK:.0f} s: one of them is busy at {where}. "
        "A handler must return soon; use self.work for what takes long"
    )


def _hand_over(answer: "Future[T]", task: "asyncio.Task[T]") -> None:
    """Give the outcome of a task to whoever waits for it in another thread."""
    if task.cancelled():
        answer.cancel()
    elif (error := task.exception()) is not None:
        answer.set_exception(error)
    else:
        answer.set_result(task.result())


async def _wind_up() -> None:
    """Cancel what still runs, and let transports close: they do so in the turns after they were
    told to."""
    for _ in range(3):
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)
