"""The doctor: what is missing on this machine, and how to get it.

    $ python -m p2pkit doctor
    ok       Python 3.12.4
    ok       msgspec 0.19.0: messages
    missing  matplotlib: pictures. pip install "p2pkit[plot]"
    …

What can be tried is tried: two nodes talk over TCP, and a picture is drawn.
"""

import importlib
import importlib.metadata
import json
import platform
import sys
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

from p2pkit import descriptors, terminal
from p2pkit.errors import P2PKitError

PATIENCE = 10.0
"""Seconds for two nodes to say hello: they need ten milliseconds."""

MANY = 1_000_000
"""Descriptors to ask for: more than any laptop needs."""

FEW = 100
"""Nodes that every exercise can count on."""

PACKAGES = (
    ("msgspec", "messages to bytes and back", ""),
    ("networkx", "graphs", ""),
    ("typer", "this command line", "cli"),
    ("matplotlib", "pictures", "plot"),
    ("anywidget", "the live view in notebooks", "live"),
    ("tornado", "the live view in a browser", "live"),
    ("joblib", "sweeps", "sweep"),
    ("pandas", "tables", "sweep"),
    ("cloudpickle", "functions from a notebook, in other processes", "processes"),
    ("loky", "slow work elsewhere: self.work", "processes"),
    ("jupyter", "notebooks", "notebooks"),
    ("nbclient", "notebooks that run by themselves", "notebooks"),
    ("jupytext", "notebooks as text", "notebooks"),
)
"""The packages that p2pkit can use: what for, and with which extra of p2pkit they come."""


class Finding(NamedTuple):
    """One thing that was looked at."""

    is_ok: bool
    is_needed: bool
    text: str

    def __str__(self) -> str:
        return f"{'ok     ' if self.is_ok else 'missing'}  {self.text}"


def report() -> None:
    """Print what was found. Raises P2PKitError if something is missing that is needed."""
    screen = terminal.screen()
    missing = []
    for finding in examine():
        color = "" if finding.is_ok else "red" if finding.is_needed else "yellow"
        screen.print(str(finding), style=color)
        if not finding.is_ok:
            missing.append(finding)
    if any(finding.is_needed for finding in missing):
        raise P2PKitError("p2pkit cannot work here yet.")
    screen.print(f"p2pkit works here{', without what is missing' if missing else ''}.")


def examine() -> Iterator[Finding]:
    """Look at this machine, one thing after the other."""
    found = sys.version_info >= (3, 11)
    yield Finding(
        found, True, f"Python {platform.python_version()}" + ("" if found else ": 3.11 is needed")
    )
    for package, purpose, extra in PACKAGES:
        yield _package(package, purpose, extra)
    yield _tried(_connection, is_needed=True)
    yield _descriptors()
    yield _tried(_picture, is_needed=False)
    yield _tried(_kernel, is_needed=False)


def _package(name: str, purpose: str, extra: str) -> Finding:
    try:
        importlib.import_module(name)
        text = f"{name} {importlib.metadata.version(name)}: {purpose}"
    except ImportError:  # or something that it needs in turn
        source = f'"p2pkit[{extra}]"' if extra else name
        return Finding(False, not extra, f"{name}: {purpose}. pip install {source}")
    return Finding(True, not extra, text)


def _tried(trial: Callable[[], str], *, is_needed: bool) -> Finding:
    """Try something that raises what is wrong with it."""
    try:
        return Finding(True, is_needed, trial())
    except (P2PKitError, ImportError, OSError, ValueError) as error:
        return Finding(False, is_needed, str(error))


def _connection() -> str:
    """Let two nodes talk."""
    from p2pkit.local import LocalNetwork
    from p2pkit.protocols.flood import Flood, Rumor
    from p2pkit.stats import latencies

    with LocalNetwork(Flood, 2) as net:
        net.tell("n0", Rumor("hello"))
        if not net.run(until=lambda: net["n1"].heard, within=PATIENCE):
            raise P2PKitError(
                f"TCP on this machine: what one node says does not reach the other in {PATIENCE:.0f} s. "
                "Look for a firewall or VPN that filters 127.0.0.1"
            )
    took = latencies(net.trace)[0]
    return f"TCP on this machine: two nodes have talked, {1000 * took:.1f} ms"


def _descriptors() -> Finding:
    """Count for how many nodes the file descriptors suffice, with four links each."""
    allowed = descriptors.raise_limit(MANY)
    if allowed is None:
        return Finding(True, False, "file descriptors: this system sets no limit")
    nodes = max(0, allowed - descriptors.in_use() - descriptors.SPARE) // 5
    text = f"file descriptors: {allowed:,}, for {nodes:,} nodes with four links each"
    if is_enough := nodes >= FEW:
        return Finding(is_enough, False, text)
    return Finding(is_enough, False, f"{text}. To raise the limit: ulimit -n {5 * FEW + 100}")


def _picture() -> str:
    """Draw a network, on no screen."""
    import networkx as nx

    from p2pkit import plot
    from p2pkit.demo import headless

    figure = headless(4, 3)
    plot.topology(nx.cycle_graph(3), ax=figure.add_subplot())
    figure.savefig(file := BytesIO(), format="png")
    return f"pictures: one was drawn, {len(file.getvalue()):,} bytes"


def _kernel() -> str:
    """Look for the kernel that runs notebooks."""
    how = 'pip install "p2pkit[notebooks]"'
    try:
        from jupyter_client.kernelspec import KernelSpecManager
    except ImportError:
        raise ImportError(f"Jupyter's Python kernel: {how}") from None
    places = KernelSpecManager().find_kernel_specs()
    if "python3" not in places:
        raise ImportError(f"Jupyter's Python kernel: {how}, or python -m ipykernel install --user")
    program = json.loads((Path(places["python3"]) / "kernel.json").read_text("utf-8"))["argv"][0]
    if Path(program).is_absolute() and not Path(program).exists():
        raise FileNotFoundError(
            f"Jupyter's Python kernel is set to {program}, which is gone: "
            "python -m ipykernel install --user"
        )
    return "Jupyter's Python kernel"
