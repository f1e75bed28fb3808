"""The loop's thread, and the way into it from others."""

import asyncio
import threading
import time

import pytest
from tools import PATIENCE, eventually, on_thread, takes_less_than

from p2pkit import thread as thread_module
from p2pkit.errors import NetworkError
from p2pkit.thread import LoopEnded, LoopThread

pytestmark = pytest.mark.usefixtures("nothing_left")


@pytest.fixture
def crashed():
    return []


@pytest.fixture
def loop(crashed):
    loop = LoopThread("a loop of a test", crashed.append)
    yield loop
    loop.close()


def test_what_is_done_is_done_there_and_its_result_comes_back(loop):
    def where(number):
        return number, threading.current_thread().name

    assert loop.do(where, 5) == (5, "a loop of a test")


def test_exceptions_come_back(loop, crashed):
    with pytest.raises(ZeroDivisionError):
        loop.do(divmod, 1, 0)

    async def fail():
        raise LookupError("from a coroutine")

    with pytest.raises(LookupError, match="from a coroutine"):
        loop.wait_for(fail)
    with pytest.raises(TimeoutError):  # an exception like any other
        loop.do(self_made_timeout)
    assert crashed == []


def self_made_timeout():
    raise TimeoutError("somebody's own")


def test_a_coroutine_is_waited_for(loop):
    async def slow():
        await asyncio.sleep(0.05)
        return "done"

    assert loop.wait_for(slow) == "done"


def test_a_coroutine_is_made_where_it_runs_so_that_none_is_left_behind(loop):
    def make():
        made.append(threading.current_thread().name)
        return nothing()

    async def nothing():
        pass

    made = []
    loop.wait_for(make)
    assert made == ["a loop of a test"]


def test_soon_does_not_wait(loop):
    go, done = threading.Event(), threading.Event()
    with takes_less_than(PATIENCE / 2):
        loop.soon(go.wait, PATIENCE)
        loop.soon(done.set)
    assert not done.is_set()
    go.set()
    assert done.wait(PATIENCE)


def test_what_nobody_caught_is_told(loop, crashed):
    loop.soon(divmod, 1, 0)
    eventually(lambda: crashed)
    assert type(crashed[0]) is ZeroDivisionError


def test_the_loops_own_thread_cannot_wait_for_itself(loop):
    async def nothing():
        pass

    def meddle():
        loop.do(print)

    with pytest.raises(NetworkError, match="a handler cannot act on the network"):
        loop.do(meddle)

    def wait():
        loop.wait_for(nothing)

    with pytest.raises(NetworkError, match="a handler cannot act on the network"):
        loop.do(wait)


def test_a_handler_that_hangs_is_named_with_its_line(loop, monkeypatch):
    monkeypatch.setattr(thread_module, "STUCK", 0.1)
    go = threading.Event()

    def hang():
        go.wait(PATIENCE)

    loop.soon(hang)
    try:
        with pytest.raises(NetworkError) as raised:
            loop.do(int)
    finally:
        go.set()
    sentence = str(raised.value)
    assert "the nodes have not reacted" in sentence
    assert "self.work" in sentence
    assert "in hang" in sentence  # and not the line of the library in which it hangs


def test_a_handler_that_calculates_too_long_is_named_with_its_line(loop, monkeypatch):
    monkeypatch.setattr(thread_module, "STUCK", 0.1)
    end = threading.Event()

    def calculate():
        while not end.is_set():
            sum(range(1000))

    loop.soon(calculate)
    try:
        with pytest.raises(NetworkError, match=rf"{__file__}, line \d+, in calculate"):
            loop.do(int)
    finally:
        end.set()


def test_what_takes_long_without_hanging_is_waited_for(loop, monkeypatch):
    monkeypatch.setattr(thread_module, "STUCK", 0.05)

    async def slow():
        await asyncio.sleep(0.3)
        return "done"

    assert loop.wait_for(slow) == "done"


def test_a_closed_loop_says_so(loop):
    loop.close()
    loop.close()

    async def nothing():
        pass

    with pytest.raises(LoopEnded):
        loop.do(int)
    with pytest.raises(LoopEnded):
        loop.wait_for(nothing)
    loop.soon(int)  # does nothing


def test_whoever_waits_when_the_loop_ends_is_told(loop):
    async def for_ever():
        await asyncio.sleep(3600)

    errors = []

    def wait():
        try:
            loop.wait_for(for_ever)
        except NetworkError as error:
            errors.append(error)

    waiting = on_thread(wait)
    time.sleep(0.05)
    with takes_less_than(PATIENCE / 2):
        loop.close()
        waiting.join()
    assert [type(error) for error in errors] == [LoopEnded]


def test_many_threads_ask_while_the_loop_ends_and_none_waits_for_ever():
    for _ in range(30):
        loop = LoopThread("a short loop", lambda error: None)
        ended = []

        def ask(loop=loop, ended=ended):
            async def nothing():
                await asyncio.sleep(0)

            try:
                while True:
                    loop.do(int)
                    loop.wait_for(nothing)
            except LoopEnded:
                ended.append(1)

        threads = [on_thread(ask) for _ in range(4)]
        time.sleep(0.005)
        loop.close()
        for thread in threads:
            thread.join(PATIENCE)
        assert len(ended) == 4


def test_closing_ends_what_still_runs(loop):
    cancelled = []

    async def linger():
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    async def begin():
        task = asyncio.get_running_loop().create_task(linger())
        await asyncio.sleep(0)
        return task

    loop.wait_for(begin)
    loop.close()
    assert cancelled == [True]
