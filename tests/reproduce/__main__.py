"""The command: `python -m tests.reproduce [IDS] [--reduced] [--into FILE] [--processes N]`."""

import argparse
import os
import platform
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

from tests.reproduce.harness import Done, load, measure, table


def main() -> int:
    """Measure, write the table, and say what was not met."""
    options = _options()
    names = _chosen(options.ids)
    began = time.perf_counter()
    found = _measure(names, options.processes, reduced=options.reduced)
    rows = [row for done in found for row in done.rows]
    met = sum(row.verdict for row in rows)
    head = (
        f"{met} of {len(rows)} figures met, with {'reduced' if options.reduced else 'full'} runs, in "
        f"{(time.perf_counter() - began) / 60:.0f} minutes on {options.processes} processes, "
        f"Python {platform.python_version()}."
    )
    text = f"# Published figures\n\n{head}\n\n{table(found)}"
    if options.into:
        options.into.write_text(text, encoding="utf-8")
        _say(head)
    else:
        _say(text)
    return int(met < len(rows))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.reproduce", description=__doc__)
    parser.add_argument("ids", nargs="*", help="results, by id or the beginning of it (all)")
    parser.add_argument("--reduced", action="store_true", help="as few runs as the tests take")
    parser.add_argument("--into", type=Path, metavar="FILE", help="write the table there")
    text = "how many to measure at a time (%(default)s)"
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help=text)
    return parser.parse_args()


def _chosen(ids: list[str]) -> list[str]:
    """Return the names of the claims that are meant."""
    known = load()
    for id in ids:
        if not any(name.startswith(id) for name in known):
            sys.exit(f"nothing published begins with {id!r}. There are: {', '.join(known)}")
    return [name for name in known if not ids or name.startswith(tuple(ids))]


def _measure(names: list[str], processes: int, *, reduced: bool) -> list[Done]:
    """Look into all claims, some at a time, tell of each as it is done, and return them in order."""
    found: dict[str, Done] = {}
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        waiting = [pool.submit(measure, name, reduced=reduced) for name in names]
        for future in as_completed(waiting):
            done = future.result()
            found[done.name] = done
            met = sum(row.verdict for row in done.rows)
            told = f"{done.name}: {met} of {len(done.rows)} met, {done.seconds:.0f} s"
            _say(f"[{len(found)}/{len(names)}] {told}")
    return [found[name] for name in names]


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
