"""Two processes a measurement, and all peers in turn, so that noise hits all of them alike."""

import importlib.util
import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tests.benchmarks.workloads import WORKLOADS

NODES = "200 nodes"
FLOODING = "25 nodes, flooding"
SIMULATED = "1,000 nodes, simulated"
NETWORKS = {NODES: "many_nodes", FLOODING: "flooding", SIMULATED: "simulated"}
"""Workloads of a whole network: each is a module that knows how to make it of some peers."""
NAMES = (*WORKLOADS, *NETWORKS)
PATIENCE = 60.0
"""Seconds that a process may take for one answer. p2pnetwork needs 20 to close 200 nodes."""

Result = dict[str, float]
"""What one measurement found: rate, p50, p99, cpu, start, everywhere, memory, total, close."""


@dataclass(frozen=True)
class Peer:
    """Something to measure: a module that is run as sender and as receiver."""

    name: str
    module: str = ""
    """Run as sender and as receiver; nothing for peers that are measured as networks only."""
    option: str = ""
    needs: str = ""
    networks: tuple[str, ...] = ()
    """Those of `NETWORKS` whose modules know how to make it."""

    def can(self, name: str) -> bool:
        """Tell whether this peer can be measured in a workload."""
        return name in self.networks if name in NETWORKS else bool(self.module)

    def command(self, *arguments: str) -> list[str]:
        """Return what follows `python -m`."""
        option = [self.option] if self.option else []
        return [f"tests.benchmarks.{self.module}", *arguments, *option]


_BOTH = (NODES, FLOODING)
_FLOODING = (FLOODING,)
_SIMULATED = (SIMULATED,)

# "counts" is what the network records, instead of "all"; a 5 alone is processes, too.
PEERS = (
    Peer("p2pnetwork", "peer_p2pnetwork", needs="p2pnetwork", networks=_BOTH),
    Peer("raw sockets", "peer_raw", needs="msgspec"),
    Peer("asyncio", "peer_asyncio", needs="msgspec", networks=_FLOODING),
    Peer("asyncio, 5 processes", needs="msgspec", networks=_FLOODING),
    Peer("websockets", "peer_websockets", needs="websockets"),
    Peer("p2pkit", "peer_p2pkit", "all", needs="p2pkit.local", networks=tuple(NETWORKS)),
    Peer("p2pkit, counts", "peer_p2pkit", "counts", needs="p2pkit.local", networks=tuple(NETWORKS)),
    Peer("p2pkit, 5 processes", needs="p2pkit.local", networks=_FLOODING),
    Peer("p2pkit, counts, 5", needs="p2pkit.local", networks=_FLOODING),
    Peer("p2pkit Node", "peer_node", needs="p2pkit.node", networks=_BOTH),
    Peer("simpy", needs="simpy", networks=_SIMULATED),
    Peer("simpy, processes", needs="simpy", networks=_SIMULATED),
    Peer("simpy, callbacks", needs="simpy", networks=_SIMULATED),
    Peer("heap", needs="p2pkit.simulation", networks=_SIMULATED),
    Peer("calendar", needs="p2pkit.simulation", networks=_SIMULATED),
)


class Failed(Exception):
    """A measurement did not come to its end."""


class Child:
    """A process that answers lines of text with lines of JSON."""

    def __init__(self, command: list[str]) -> None:
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed with the child
        self._process = subprocess.Popen(
            [sys.executable, "-m", *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            cwd=Path(__file__).parents[2],
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._errors):
            try:
                pipe.close()
            except OSError:
                pass  # what it did not read any more

    def read(self, within: float = PATIENCE) -> dict[str, Any]:
        """Return the next answer."""
        assert self._process.stdout
        watchdog = threading.Timer(within, self._process.kill)
        watchdog.start()
        line = self._process.stdout.readline()
        watchdog.cancel()
        if not line:
            raise Failed(self.last_words() or f"no answer within {within:.0f} s")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def ask(self, question: object) -> dict[str, Any]:
        """Write a line and return the answer."""
        assert self._process.stdin
        try:
            print(question, file=self._process.stdin, flush=True)
        except OSError:
            raise Failed(self.last_words()) from None
        return self.read()

    def last_words(self) -> str:
        """Return the last line that the process wrote about an error."""
        self._errors.seek(0)
        lines = self._errors.read().strip().splitlines()
        return lines[-1] if lines else ""


def run(
    peers: list[Peer],
    names: list[str],
    rounds: int,
    seconds: float,
    tell: Callable[[str, int, Peer, Result | Failed], None],
) -> dict[str, dict[str, dict[int, Result]]]:
    """Measure all peers in all workloads; return the results by workload, peer and round."""
    found: dict[str, dict[str, dict[int, Result]]] = {}
    for name in names:
        able = [peer for peer in peers if peer.can(name)]
        found[name] = {peer.name: {} for peer in able}
        for number in range(rounds):
            # Every other round goes backwards: nobody always comes after the same neighbour.
            for peer in able if number % 2 == 0 else reversed(able):
                try:
                    result = measure(peer, name, seconds)
                except Failed as failure:
                    tell(name, number, peer, failure)
                else:
                    found[name][peer.name][number] = result
                    tell(name, number, peer, result)
    return found


def measure(peer: Peer, name: str, seconds: float) -> Result:
    """Take one measurement of some `seconds`, in fresh processes."""
    if name in NETWORKS:
        with Child([f"tests.benchmarks.{NETWORKS[name]}", peer.name, str(seconds)]) as child:
            return child.read()
    with Child(peer.command(name, "listen")) as receiver:
        port = receiver.read()["port"]
        with Child(peer.command(name, str(port))) as sender:
            try:
                sender.read()
                return _flow(receiver, sender, WORKLOADS[name].chunk, seconds)
            except Failed as failure:
                raise Failed(receiver.last_words() or str(failure)) from None


def _flow(receiver: Child, sender: Child, chunk: int, seconds: float) -> Result:
    """Send more and more messages, until sending them takes about as long as it should."""
    count = chunk
    while True:
        before = receiver.ask("cpu")["cpu"]
        result = sender.ask(count)
        used = receiver.ask("cpu")["cpu"] - before
        if result["seconds"] > 0.6 * seconds:
            break
        longer = min(20.0, 1.1 * seconds / result["seconds"])
        count = max(1, round(count * longer / chunk)) * chunk
    sender_cpu, receiver_cpu = result["cpu"] / count, used / count
    return result | {
        "count": count,
        "rate": count / result["seconds"],
        "sender cpu": sender_cpu,
        "receiver cpu": receiver_cpu,
        "cpu": sender_cpu + receiver_cpu,
    }


def missing(peer: Peer) -> str:
    """Return the name of the package that this peer lacks, or nothing."""
    try:
        return "" if importlib.util.find_spec(peer.needs) else peer.needs
    except ModuleNotFoundError as error:
        return error.name or peer.needs
