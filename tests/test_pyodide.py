"""SimNetwork where there are no sockets, no threads and no asyncio: in WebAssembly, under Pyodide.

`make pyodide` installs what is needed: a Python for WebAssembly from npm, and from PyPI the wheels of
msgspec and networkx for it. They are beside the environment that runs the tests.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
STORY = HERE / "story.py"
HOME = Path(sys.prefix) / "pyodide"

ELSEWHERE = {
    "connection",
    "greeting",
    "tcp",
    "reactor",
    "thread",
    "local",
    "worker",
    "storage",
    "node",
}
"""Modules for real sockets, threads and processes."""


def run(*command):
    """Run a program that prints JSON, and return that."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def here():
    """What happens in this Python, in a process of its own."""
    path = f"import runpy, sys; sys.path.insert(0, {str(HERE.parent)!r})"
    return run(sys.executable, "-c", f"{path}; runpy.run_path({str(STORY)!r}, run_name='__main__')")


@pytest.fixture(scope="module")
def there():
    """What happens in WebAssembly."""
    node = shutil.which("node")
    if not node:
        pytest.skip("there is no node here, and Pyodide needs it: https://nodejs.org")
    for part in (HOME / "node_modules" / "pyodide", HOME / "site" / "msgspec"):
        if not part.is_dir():
            pytest.skip(f"Pyodide is not installed, there is no {part}: make pyodide")
    return run(node, str(HERE / "pyodide.mjs"), str(HOME), str(HERE.parent), str(STORY))


def test_the_story_has_something_of_everything(here):
    told = here["story"]
    for kind in ("send", "receive", "crash", "pause", "leave", "start", "disconnect", "drop"):
        assert told["counts"].get(kind), kind
    assert told["informed"] > 50


def test_simulation_needs_neither_sockets_nor_threads_nor_asyncio(here):
    assert "p2pkit.simulation" in here["modules"]
    assert not {name.removeprefix("p2pkit.") for name in here["modules"]} & ELSEWHERE


@pytest.mark.slow
def test_simulation_runs_where_no_thread_can_start(there):
    assert (there["platform"], there["threads"]) == ("emscripten", False)
    assert there["story"]["counts"]["receive"] > 1000


@pytest.mark.slow
def test_the_same_seed_is_the_same_run_in_webassembly(here, there):
    assert there["bits"] == 32  # and this computer's Python has 64, as a rule
    assert there["story"] == here["story"]
    assert there["modules"] == here["modules"]
