"""Launch: networks that run from the command line, for as long as a person likes.

`run_network` runs many nodes in this process, and sums up what happened when they end. `run_node`
runs one that others connect to, from other terminals or other laptops, and tells what happens to
it. Both end after some seconds, with their console, or with Ctrl-C, whichever is first.
"""

import math
import socket
import statistics
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import networkx as nx

from p2pkit import terminal
from p2pkit.address import is_any, join, split
from p2pkit.console import Console
from p2pkit.errors import P2PKitError
from p2pkit.local import LocalNetwork
from p2pkit.news import News, at_a_node, logged
from p2pkit.protocol import Protocol
from p2pkit.stats import latencies
from p2pkit.terminal import table
from p2pkit.trace import Trace

TICK = 0.2
"""Seconds between two looks at what has happened: soon enough for a person who watches."""


def run_network(
    protocol: type[Protocol],
    graph: "nx.Graph[Any]",
    *,
    seconds: float | None,
    with_console: bool,
    trace: Path | None,
    live: bool = False,
    **options: Any,
) -> None:
    """Run a protocol on the nodes of a graph, show what they log, then sum up, and save the trace.

    seconds: how long, or None for as long as the console, or Ctrl-C, lets it. live: whether it can be
    watched in a browser. options: of LocalNetwork.
    """
    if trace is not None and not trace.absolute().parent.is_dir():
        raise P2PKitError(f"there is no directory {trace.absolute().parent} for the trace")
    if live:
        need_page()
    net, links = None, 0
    try:
        with ExitStack() as stack:
            with _progress_bar() as show:
                net = LocalNetwork(protocol, graph, progress=show, **options)
                stack.enter_context(net)
            try:
                if live:
                    stack.enter_context(show_live(net))
                terminal.screen().print(_welcome(net, seconds, with_console=with_console))
                news = News(net.trace, logged)
                _stay(net, seconds, with_console=with_console, news=news)
            finally:
                up = sum(map(net.is_up, net.names))
                links = net.overlay().number_of_edges()
    finally:
        if net is not None:
            terminal.screen().print(summary(net, up, links))
            if trace is not None:
                net.trace.save(trace)
                terminal.screen().print(f"The trace is {trace}.")


def run_node(
    protocol: type[Protocol],
    name: str,
    *,
    address: str,
    network: str,
    connect: Iterable[str],
    with_console: bool,
    invitation: str,
    **options: Any,
) -> None:
    """Run one node, connect it to others by their addresses, and tell what happens to it.

    address: where to listen. network: its name. invitation: what others type to connect to this
    node, but for its address. options: of LocalNetwork.
    """
    graph: nx.Graph[str] = nx.Graph()
    graph.add_node(name)
    with LocalNetwork(protocol, graph, listen={name: address}, name=network, **options) as net:
        own = net[name].contact.address
        terminal.screen().print(f"{name} listens on {own}", style="bold")
        terminal.screen().print(f"In another terminal: {invitation} {_from_elsewhere(own)}")
        news = News(net.trace, at_a_node)
        try:
            for other in connect:
                net.dial(name, other)  # that it failed, and why, is in the news
            _stay(net, None, with_console=with_console, news=news)
        finally:
            if net.is_up(name):
                net.leave(name)


def summary(net: LocalNetwork, up: int, links: int) -> str:
    """Return what there was to count in a run: nodes that were up and links at its end, messages
    and how long they took."""
    trace = net.trace
    drops = ", ".join(f"{why} {number:,}" for why, number in trace.drops.most_common())
    sent, received = trace.count(kind="send"), trace.count(kind="receive")
    rows = [
        ["nodes", f"{len(net):,}" + (f", {len(net) - up:,} of them down" if up < len(net) else "")],
        ["links", f"{links:,}"],
        ["time", f"{net.now:.1f} s"],
        ["messages", f"{sent:,} sent, {received:,} received"],
        ["bytes", f"{trace.size():,} sent, in messages"],
        ["drops", drops or "none"],
        ["latency", _quantiles(trace)],
    ]
    return "\n" + table(["", ""], rows).lstrip("\n")


def _quantiles(trace: Trace) -> str:
    took = latencies(trace)
    if len(took) < 2:
        return "no messages to measure it with"
    cuts = statistics.quantiles(took, n=100, method="inclusive")
    return ", ".join(f"p{at} {1000 * cuts[at - 1]:.1f} ms" for at in (50, 90, 99))


def need_page() -> None:
    """Raise P2PKitError if the live view's page cannot be served here, before anything begins."""
    try:
        import_module("p2pkit.live.page")
    except ModuleNotFoundError as error:
        package = str(error.name).partition(".")[0]
        raise P2PKitError(f'--live needs {package}: pip install "p2pkit[live]"') from None


@contextmanager
def show_live(net: LocalNetwork) -> Iterator[Any]:
    """Let a network be watched in a browser; give the page."""
    from p2pkit.live.page import Page, open_browser

    with Page(net) as page:
        opened = open_browser(page.url)
        how = "a browser opens" if opened else "open it in a browser"
        terminal.screen().print(f"Watch it at {page.url}  ({how})", style="bold")
        yield page


# Staying


def _stay(net: LocalNetwork, seconds: float | None, *, with_console: bool, news: News) -> None:
    """Let a network run until its time is over, its console ends, or Ctrl-C."""
    if with_console:
        console = Console(net)
        with _watching(net, news):
            _converse(console)
        if console.is_over or seconds is None:
            return
    end = math.inf if seconds is None else seconds
    while net.now < end:  # in short steps, as Windows lets no Ctrl-C into a long wait
        net.run(max(0.0, min(TICK, end - net.now)))
        _tell(news)


@contextmanager
def _watching(net: LocalNetwork, news: News) -> Iterator[None]:
    """Tell what happens while the main thread waits for a line."""
    over = threading.Event()

    def watch() -> None:
        while not over.is_set():
            try:
                net.run(TICK)
            except Exception as error:  # it is a node's; the network goes on without that node
                terminal.say_error(terminal.explain(error))
                _prompt_again()
            _tell(news)

    thread = threading.Thread(target=watch, name="p2pkit news", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _tell(news: News) -> None:
    if lines := news.lines():
        terminal.screen().print("\n".join(lines))
        _prompt_again()


def _prompt_again() -> None:
    if threading.current_thread() is not threading.main_thread() and sys.stdin.isatty():
        terminal.screen().print("> ", end="")


def _converse(console: Console) -> None:
    """Read lines until there are no more, or the person quits, and print the answers."""
    is_person = sys.stdin.isatty()
    if is_person:
        _set_up_completion(console)
    while not console.is_over:
        try:
            line = input("> ") if is_person else sys.stdin.readline()
        except EOFError:
            line = ""
        else:
            line += "\n" if is_person else ""
        if not line:
            break
        if answer := console.execute(line):
            terminal.screen().print(answer)


def _set_up_completion(console: Console) -> None:
    try:
        import readline
    except ImportError:
        return  # Windows: its terminal has a history of its own, and no completion

    def complete(begun: str, turn: int) -> str | None:
        before = readline.get_line_buffer()[: readline.get_begidx()]
        return [*(f"{word} " for word in console.complete(begun, before)), None][turn]

    readline.set_completer(complete)
    readline.set_completer_delims(" ,")
    is_libedit = "libedit" in (readline.__doc__ or "")
    readline.parse_and_bind("bind ^I rl_complete" if is_libedit else "tab: complete")


def _welcome(net: LocalNetwork, seconds: float | None, *, with_console: bool) -> str:
    links = net.overlay().number_of_edges()
    if with_console:
        until = "help lists the commands, and quit ends it"
    else:
        until = "Ctrl-C ends it" if seconds is None else f"for {seconds:g} s"
    return f"{len(net):,} nodes run {net.protocol.__name__}, with {links:,} links: {until}."


@contextmanager
def _progress_bar() -> Iterator[Callable[[int, int], None] | None]:
    """Show how many nodes and links are up, if there is a terminal to show it on."""
    from rich.console import Console as Screen
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    screen = Screen(stderr=True)
    if not screen.is_terminal:
        yield None
        return
    text = TextColumn("nodes and links")
    with Progress(text, BarColumn(), MofNCompleteColumn(), console=screen, transient=True) as bar:
        task = bar.add_task("up", total=None)
        yield lambda up, every: bar.update(task, completed=up, total=every)


def _from_elsewhere(address: str) -> str:
    """Return the address at which other machines may reach us, if we listen for them."""
    host, port = split(address)
    if is_any(host):
        with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(("192.0.2.1", 9))  # sends nothing: it only asks which way that would go
            return join(probe.getsockname()[0], port)
        return join(socket.gethostname(), port)
    return address
