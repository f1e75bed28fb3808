"""The command: `python -m tests.benchmarks [--quick] [--only NAME] [--json FILE]`, or `--live`."""

import argparse
import json
import os
import platform
import sys
import time
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tests.benchmarks import harness, report, simulated_profile
from tests.benchmarks.harness import Failed, Peer, Result


def main() -> None:
    """Measure, and print what was found."""
    options = _options()
    if options.profile or options.scale or options.live:
        return _look_closer(options)
    peers, names = _chosen(options.only)
    peers = [peer for peer in peers if _is_there(peer)]
    for name in set(names) & set(harness.NETWORKS):
        if not find_spec("psutil"):
            print(f"{name} is left out: there is no module psutil here")
            names.remove(name)
    began = time.perf_counter()
    found = harness.run(peers, names, options.rounds, options.seconds, _tell)
    for name in names:
        report.print_table(name, report.workload_table(name, found[name]))
    aims = report.aims_table(found)
    if len(aims) > 1:
        report.print_table("Aims (ratios within a round: how many times as good)", aims)
    print(f"\n{options.rounds} rounds in {time.perf_counter() - began:.0f} s on {_machine()}")
    if options.json:
        kept = {"machine": _machine(), "when": time.strftime("%Y-%m-%d %H:%M"), "found": found}
        Path(options.json).write_text(json.dumps(kept | {"aims": aims}, indent=1))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="2 rounds of 0.4 s each")
    parser.add_argument("--rounds", type=int, help="how often each peer has its turn (5)")
    parser.add_argument("--seconds", type=float, help="how long one measurement takes (1.5)")
    known = ", ".join(harness.NAMES) + ", " + ", ".join(peer.name for peer in harness.PEERS)
    text = f"a workload or a peer, may be repeated: {known}"
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help=text)
    parser.add_argument("--json", metavar="FILE", help="keep every measurement")
    text = "only show where the time of a simulation goes (Linux, macOS)"
    parser.add_argument("--profile", action="store_true", help=text)
    text = "only show how a simulation grows, and put the measurements and a plot there"
    parser.add_argument("--scale", metavar="DIRECTORY", type=Path, help=text)
    text = "only measure the live view, in JupyterLab in a browser"
    parser.add_argument("--live", action="store_true", help=text)
    text = "how long its memory is looked at, with --live (5; 0 is not at all)"
    parser.add_argument("--minutes", type=float, metavar="MINUTES", help=text)
    options = parser.parse_args()
    options.rounds = options.rounds or (2 if options.quick else 5)
    options.seconds = options.seconds or (0.4 if options.quick else 1.5)
    return options


def _look_closer(options: argparse.Namespace) -> None:
    """Show what is behind the figures of a simulation."""
    if options.profile:
        for name in ("p2pkit, counts", "p2pkit"):
            shares = simulated_profile.profile(name, 10 * options.seconds)
            report.print_table(f"{name}: {harness.SIMULATED}", simulated_profile.table(shares))
    if options.scale:
        from tests.benchmarks import simulated_scale as scale  # it needs psutil and matplotlib

        options.scale.mkdir(parents=True, exist_ok=True)
        sizes = scale.QUICK if options.quick else scale.SIZES
        found = scale.run(sizes, options.rounds, partial(print, flush=True))
        scale.draw(found, options.scale / "scale.png")
        (options.scale / "scale.json").write_text(json.dumps(found, indent=1))
        report.print_table(f"One rumor, {_machine()}", scale.table(found))
    if options.live:
        _look_at_live(options)


def _look_at_live(options: argparse.Namespace) -> None:
    """Measure the live view."""
    try:
        from tests.benchmarks import live
    except ModuleNotFoundError as error:
        sys.exit(f"there is no module {error.name} here: --live needs psutil and p2pkit[dev]")
    tell = partial(print, flush=True)
    sizes, rounds, seconds = (live.SIZES[:1], 1, 2.0) if options.quick else (live.SIZES, 3, 10.0)
    minutes = options.minutes if options.minutes is not None else 0.1 if options.quick else 5.0
    before = live.load()
    found: dict[str, Any] = {"frames": live.run(sizes, rounds, seconds, tell)}
    report.print_table(
        f"The live view in JupyterLab, {_machine()}, {before}", live.table(found["frames"])
    )
    if minutes:
        found["memory"] = live.remember(minutes, tell)
        title = f"Memory over {minutes:g} minutes with {live.REMEMBERED} nodes, {live.load()}"
        report.print_table(title, live.memory_table(found["memory"]))
    report.print_table("Aims", live.aims_table(found))
    if options.json:
        Path(options.json).write_text(json.dumps(found | {"machine": _machine()}, indent=1))


def _chosen(only: list[str]) -> tuple[list[Peer], list[str]]:
    """Return the peers and the workloads that were named, or all where none was."""
    by_name = {peer.name: peer for peer in harness.PEERS}
    for name in only:
        if name not in by_name and name not in harness.NAMES:
            known = ", ".join([*harness.NAMES, *by_name])
            sys.exit(f"there is no workload and no peer {name!r}. There are: {known}")
    peers = [peer for peer in harness.PEERS if peer.name in only]
    names = [name for name in harness.NAMES if name in only]
    return peers or list(harness.PEERS), names or list(harness.NAMES)


def _is_there(peer: Peer) -> bool:
    lacking = harness.missing(peer)
    if lacking:
        print(f"{peer.name} is left out: there is no module {lacking} here")
    return not lacking


def _tell(name: str, number: int, peer: Peer, result: Result | Failed) -> None:
    found: Any = f"FAILED: {result}" if isinstance(result, Failed) else report.value(result, name)
    print(f"{name}, round {number + 1}: {peer.name:20} {found}", flush=True)


def _machine() -> str:
    return f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"


if __name__ == "__main__":
    main()
