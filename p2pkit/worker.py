"""Workers: crews of real nodes in processes of their own.

    LocalNetwork                                  the worker's process
    Worker.ask --> "tell", "n3", … --> stdin -->  its main thread --> the loop's thread: Crew
        future <-- 17, the answer  <-- stdout <-- its outbox      <--

A worker is steered over the two pipes it has inherited, never over a port. What it has to say by
itself comes the same way: the trace, ten times a second, a failure, what a handler prints.

It lives in a session of its own, so Ctrl-C in a terminal, or interrupting a cell, does not reach
it. Its main thread reads, and when the pipe ends the process ends, whatever its nodes are doing: a
worker does not outlive its parent.
"""

import asyncio
import atexit
import io
import json
import os
import pickle
import queue
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import IO, Any, NoReturn, TextIO

from p2pkit.courier import Courier, raised
from p2pkit.crew import Crew, Plan, Report
from p2pkit.errors import NetworkError, NodeDown
from p2pkit.storage import DiskDrawer
from p2pkit.thread import STUCK, LoopThread, stuck
from p2pkit.trace import Trace

SHIPPING = 0.1
"""Seconds between two parts of the trace: as much of it as a killed worker can take along."""

WAITING = 1000
"""Pieces that may wait for the pipe; beyond, the nodes wait, too."""

FAREWELL = 5.0
"""Seconds that a worker may take to end in good order."""

_BY_ITSELF = 0  # the number of what answers no question
_LENGTH = struct.Struct("!Q")
_BEGIN = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from p2pkit import worker; worker.main()"


class WorkerDied(NodeDown):
    """A worker was asked for something, and has ended."""


class Worker:
    """A worker process, as its network sees it.

    number: of this worker, from 0. report: is called on the loop's thread with ("failed", name,
    error), ("crashed inside", error), ("shipped", events, tallies), and ("died", worker).
    """

    def __init__(self, number: int, plan: Plan, thread: LoopThread, report: Report) -> None:
        self.number = number
        self.alive = False  # until it is ready, and again when it ends
        self._thread = thread
        self._report = report
        self._courier = Courier("network")
        self._questions: dict[int, asyncio.Future[Any]] = {}
        self._last = 0
        self._gone = asyncio.Event()
        begin = self._courier.pack(("begin", (plan,)))
        self._process = _started()
        self.pid = self._process.pid
        assert self._process.stdin is not None
        self._pipe = self._process.stdin
        self._inbox: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._reader = self._thread_of(self._read)
        self._thread_of(self._write)
        self._begun = self._sent(begin)

    async def ready(self) -> None:
        """Wait until the worker has begun. Raises what the student's own modules raise there."""
        await self._begun
        self.alive = True

    async def ask(self, what: str, *args: Any) -> Any:
        """Ask the crew for something, and wait for its answer.

        Raises what that raises, WorkerDied when the process ends, and NetworkError when it is stuck
        in a handler.
        """
        if not self.alive:
            raise WorkerDied(self.obituary())
        answer = self._asked(what, *args)
        while not (await asyncio.wait([answer], timeout=STUCK))[0]:
            await self._check_not_stuck()
        return await answer

    async def end(self) -> None:
        """Let the process end in good order, now that its nodes are closed."""
        self.alive = False
        self._inbox.put(None)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._gone.wait(), FAREWELL)

    def kill(self) -> None:
        """End the process in any case; returns when it has ended."""
        self.alive = False
        if self._process.poll() is None:
            self._process.kill()
        self._reader.join(FAREWELL)

    def obituary(self) -> str:
        """Say how the process has ended."""
        code = self._process.wait(FAREWELL)
        how = f"was killed by signal {-code}" if code < 0 else f"has ended with code {code}"
        return f"worker {self.number} (process {self.pid}) {how}"

    # The rest is how

    async def _check_not_stuck(self) -> None:
        """Raise NetworkError when the worker does nothing any more."""
        try:
            where = await asyncio.wait_for(self._asked("where"), STUCK)
        except TimeoutError:
            raise NetworkError(
                f"worker {self.number} (process {self.pid}) does not answer: has somebody stopped it?"
            ) from None
        if where is not None:
            raise NetworkError(stuck(where))

    def _asked(self, what: str, *args: Any) -> "asyncio.Future[Any]":
        return self._sent(self._courier.pack((what, args)))

    def _sent(self, question: bytes) -> "asyncio.Future[Any]":
        self._last += 1
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._questions[self._last] = answer
        self._inbox.put(pickle.dumps((self._last, question)))
        return answer

    def _thread_of(self, target: Callable[[], None]) -> threading.Thread:
        name = f"p2pkit worker {self.number}"
        thread = threading.Thread(target=target, name=name, daemon=True)
        thread.start()
        return thread

    def _write(self) -> None:
        """Write what the worker is told, on a thread of its own: it may not read for a while."""
        with suppress(OSError), self._pipe:  # it is ending; the reader will notice
            while (data := self._inbox.get()) is not None:
                _write(self._pipe, data)

    def _read(self) -> None:
        """Read what the worker says, on a thread of its own, until it ends."""
        pipe = self._process.stdout
        assert pipe is not None
        while (data := _next(pipe)) is not None:
            self._thread.soon(self._heard, data)
        pipe.close()
        self._process.wait()
        self._inbox.put(None)
        self._thread.soon(self._ended)

    def _heard(self, data: bytes) -> None:
        number, kind, value = pickle.loads(data)  # from a child of ours, over an inherited pipe
        if number == _BY_ITSELF:
            self._told(kind, value)
            return
        answer = self._questions.pop(number)
        try:
            result = self._courier.unpack(value)
        except Exception as error:  # from a student's class that does not like to be made here
            kind, result = "error", (error, None)
        if answer.done():
            return  # nobody waits for it any more
        if kind == "error":
            answer.set_exception(raised(*result))
        else:
            answer.set_result(result)

    def _told(self, kind: str, value: Any) -> None:
        """Take what the worker says by itself."""
        if kind == "shipped":
            self._report(kind, *value)
        elif kind == "failed":
            name, error = value
            self._report("failed", name, raised(*self._courier.unpack(error)))
        elif kind == "crashed inside":
            self._report("crashed inside", raised(*self._courier.unpack(value)))
        else:
            _show(getattr(sys, kind), value)  # stdout or stderr

    def _ended(self) -> None:
        was_alive, self.alive = self.alive, False
        for answer in self._questions.values():
            if not answer.done():
                answer.set_exception(WorkerDied(self.obituary()))
        self._questions.clear()
        self._gone.set()
        if was_alive:
            self._report("died", self)


def _started() -> "subprocess.Popen[bytes]":
    """Start a process in a session of its own, which finds what we find."""
    if not sys.executable:
        raise NetworkError("no Python can be found to run nodes in: sys.executable is empty")
    own_session: dict[str, Any] = (
        {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}  # type: ignore[attr-defined]
        if sys.platform == "win32"
        else {"start_new_session": True}
    )
    return subprocess.Popen(
        [
            sys.executable,
            "-c",
            _BEGIN,
            json.dumps([path for path in sys.path if isinstance(path, str)]),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        **own_session,
    )


def _show(stream: TextIO | None, text: str) -> None:
    """Print what a worker's nodes have printed; if nobody can read it, that is no mistake of theirs."""
    with suppress(OSError, AttributeError):  # a closed pipe; a program without a console
        try:
            stream.write(text)  # type: ignore[union-attr]
        except UnicodeEncodeError as error:
            plain = text.encode(error.encoding, "backslashreplace").decode(error.encoding)
            stream.write(plain)  # type: ignore[union-attr]


def _write(pipe: IO[bytes], data: bytes) -> None:
    pipe.write(_LENGTH.pack(len(data)) + data)
    pipe.flush()


def _next(pipe: IO[bytes]) -> bytes | None:
    """Read the next piece from a pipe; None at its end."""
    try:
        head = pipe.read(_LENGTH.size)
        if len(head) < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack(head)
        data = pipe.read(length)
    except (OSError, ValueError):
        return None
    return data if len(data) == length else None


# In the worker's process


def main() -> NoReturn:
    """Be a worker, until the pipe ends."""
    commands, answers = _take_pipes()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    station = Station(answers)
    while (data := _next(commands)) is not None:
        station.command(data)
    station.end()
    os._exit(0)  # a handler may be in an endless loop: no thread is waited for


class Station:
    """The inside of a worker: a crew, and who answers for it."""

    def __init__(self, answers: IO[bytes]) -> None:
        self._courier = Courier("worker")
        self._outbox: queue.Queue[bytes | None] = queue.Queue(WAITING)
        self._answers = answers
        self._writer = threading.Thread(target=self._write, name="outbox", daemon=True)
        self._writer.start()
        sys.stdout, sys.stderr = _Printed("stdout", self._tell), _Printed("stderr", self._tell)
        self._thread = LoopThread("p2pkit network", self._crashed_inside)
        self._crew: Crew  # is made when the network says what it needs

    def command(self, data: bytes) -> None:
        """Do what the network asks for; called on the main thread."""
        number, question = pickle.loads(data)
        try:
            what, args = self._courier.unpack(question)
        except BaseException as error:  # a student's modules and classes do what they like
            self._thread.soon(self._refuse, number, error)  # where all is packed, in one order
            return
        if what == "where":
            self._put(number, "answer", self._courier.pack(self._thread.stuck_in()))
        else:
            self._thread.soon(self._do, number, what, args)

    def end(self) -> None:
        """Say what is to be said, and end the processes that work for the nodes."""
        threading.Timer(FAREWELL, os._exit, (1,)).start()
        sys.stdout.flush()
        sys.stderr.flush()
        if hasattr(self, "_crew"):
            self._crew.kill()
        atexit._run_exitfuncs()  # as at the end of any process: semaphores are given back
        self._outbox.put(None)
        self._writer.join()

    # On the loop's thread

    def _do(self, number: int, what: str, args: tuple[Any, ...]) -> None:
        task = self._thread.loop.create_task(self._done(what, args))  # they begin in this order
        task.add_done_callback(lambda done: self._answer(number, done))

    async def _done(self, what: str, args: tuple[Any, ...]) -> Any:
        if what == "begin":
            return self._begin(*args)
        if not hasattr(self, "_crew"):
            raise NodeDown("this worker has not begun")
        return await self._crew.ask(what, *args)

    def _begin(self, plan: Plan) -> None:
        disks = DiskDrawer(plan.data)
        reactor = self._thread.reactor
        self._crew = Crew(plan, reactor, Trace(most=plan.most), disks, self._crew_said)
        self._ship()

    def _answer(self, number: int, task: "asyncio.Task[Any]") -> None:
        try:
            self._put(number, "answer", self._courier.pack(task.result()))
        except BaseException as error:  # it is raised again where it was asked for
            self._refuse(number, error)

    def _refuse(self, number: int, error: BaseException) -> None:
        self._put(number, "error", self._courier.pack_error(error))

    def _ship(self) -> None:
        """Send what is new in the trace, and what was begun to be printed, again and again."""
        self._thread.loop.call_later(SHIPPING, self._ship)
        self._crew.ship()
        sys.stdout.flush()
        sys.stderr.flush()

    def _crew_said(self, kind: str, *what: Any) -> None:
        if kind == "failed":
            name, error = what
            self._tell(kind, (name, self._courier.pack_error(error)))
        else:
            self._tell(kind, what)  # plain data, which needs no courier

    def _crashed_inside(self, error: BaseException) -> None:
        self._tell("crashed inside", self._courier.pack_error(error))

    # On any thread

    def _tell(self, kind: str, value: Any) -> None:
        self._put(_BY_ITSELF, kind, value)

    def _put(self, number: int, kind: str, value: Any) -> None:
        self._outbox.put(pickle.dumps((number, kind, value)))

    def _write(self) -> None:
        while (data := self._outbox.get()) is not None:
            with suppress(OSError):  # nobody reads any more: `main` will see that, and end all
                _write(self._answers, data)


class _Printed(io.TextIOBase):
    """What a student's handlers print: it appears where the network is, line by line."""

    def __init__(self, stream: str, tell: Callable[[str, str], None]) -> None:
        self._stream = stream
        self._tell = tell
        self._begun = ""
        self._turn = threading.Lock()  # students may print from threads of their own

    def write(self, text: str) -> int:
        with self._turn:
            *lines, self._begun = (self._begun + text).split("\n")
            if lines:
                self._tell(self._stream, "\n".join([*lines, ""]))
        return len(text)

    def flush(self) -> None:
        with self._turn:
            if self._begun:
                self._tell(self._stream, self._begun)
            self._begun = ""

    def writable(self) -> bool:
        return True


def _take_pipes() -> tuple[IO[bytes], IO[bytes]]:
    """Take the two pipes for ourselves, so that nothing that is printed gets between."""
    commands, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    return commands, answers
