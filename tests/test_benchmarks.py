"""The benchmarks of the simulation: do they count right, do they compare right, does the program run?

How fast anything is, is not looked at here.
"""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import networkx as nx
import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # the benchmarks are no part of the package

from tests.benchmarks import report, simulated, simulated_by_hand  # noqa: E402
from tests.benchmarks.harness import SIMULATED  # noqa: E402


@pytest.mark.parametrize("name", simulated.KINDS)
def test_every_program_delivers_exactly_what_a_flood_makes(name):
    if name.startswith("simpy"):
        pytest.importorskip("simpy")
    result = simulated.measure(simulated.KINDS[name](), 0.0, count=100, rumors=3)
    assert result["deliveries"] == 3 * (2 * 400 - 100 + 1)
    assert result["rate"] > 0 < result["cpu"]


class Forgetful(simulated.Nodes):
    """Does not tell the last rumor."""

    def run(self, rumors):
        super().run(rumors - 1)


def test_a_program_that_delivers_something_else_is_no_peer():
    def build(graph):
        return Forgetful(graph, simulated_by_hand.Heap(), simulated_by_hand.Node)

    with pytest.raises(RuntimeError, match=r"messages arrived, instead of 2103"):
        simulated.measure(build, 0.0, count=100, rumors=3)


def test_a_calendar_has_the_order_of_a_heap(monkeypatch):
    def order(kind):
        heard = []
        hear = simulated_by_hand.Node.hear

        def note(node, rumor, sender):
            heard.append((numbers[node], rumor, numbers.get(sender)))
            hear(node, rumor, sender)

        with monkeypatch.context() as patch:
            patch.setattr(simulated_by_hand.Node, "hear", note)
            graph = nx.random_regular_graph(4, 60, seed=3)
            program = simulated.Nodes(graph, kind(), simulated_by_hand.Node)
            numbers = {node: number for number, node in enumerate(program._nodes)}
            program.run(5)
        return heard

    for latency in ((0.01, 0.1), (0.0, 0.003), (0.0, 0.0)):  # also within a bucket, and at once
        monkeypatch.setattr(simulated_by_hand, "_LEAST", latency[0])
        monkeypatch.setattr(simulated_by_hand, "_SPREAD", latency[1] - latency[0])
        calendar = order(simulated_by_hand.Calendar)
        assert calendar == order(simulated_by_hand.Heap)
        assert len(calendar) == 5 * (2 * 120 - 60 + 1) + 5


def test_aims_are_judged_within_the_rounds():
    rates = {"p2pkit, counts": (400, 90), "simpy": (100, 20), "simpy, callbacks": (201, 45)}
    found = {peer: {n: {"rate": rate} for n, rate in enumerate(of)} for peer, of in rates.items()}
    rows = report.aims_table({SIMULATED: found})[1:]
    assert [(row[2], row[-1]) for row in rows] == [("4.25", "met"), ("2.00", "MISSED")]


def run(*options):
    """Run the benchmarks, and return what they print."""
    command = [sys.executable, "-m", "tests.benchmarks", "--quick", "--rounds", "1", *options]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.skipif(not find_spec("psutil"), reason="networks are measured with psutil")
def test_the_program_measures_and_compares(tmp_path):
    only = ("--only", SIMULATED, "--only", "heap", "--only", "p2pkit, counts")
    text = run(*only, "--json", str(tmp_path / "found.json"))
    found = json.loads((tmp_path / "found.json").read_text())["found"][SIMULATED]
    assert {name: list(rounds) for name, rounds in found.items()} == {
        "p2pkit, counts": ["0"],
        "heap": ["0"],
    }
    assert "x heap" in text


@pytest.mark.slow
@pytest.mark.skipif(not find_spec("psutil"), reason="networks are measured with psutil")
def test_the_program_shows_how_a_simulation_grows(tmp_path):
    pytest.importorskip("matplotlib")
    text = run("--scale", str(tmp_path / "deep" / "er"))
    assert (tmp_path / "deep" / "er" / "scale.png").read_bytes().startswith(b"\x89PNG")
    assert "1,000 nodes" in text


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signal for profiling")
def test_the_program_shows_where_the_time_goes():
    text = run("--profile")
    assert "simhost.py: " in text
    assert "others" in text


@pytest.mark.skipif(not find_spec("psutil"), reason="the live view is measured with psutil")
def test_what_the_live_view_costs_is_judged_within_a_round():
    from tests.benchmarks import live

    def one(alone, shown, frames):
        return {
            "alone": {"cpu": alone},
            "live": {"cpu": shown, "frames": frames, "least": frames - 1},
            "naive": {"cpu": 0.9, "frames": 9.0, "least": 8.0},
        }

    frames = {20: [one(0.1, 0.12, 60), one(0.5, 0.53, 60), one(0.2, 0.9, 20)]}
    frames[500] = [one(0.1, 0.3, 29)]
    mib = 2**20
    memory = {
        "page": [[60.0 * minute, 30 * mib] for minute in range(10)],
        "kernel": [[60.0 * minute, (100 + 7 * minute) * mib] for minute in range(10)],
        "kernel without": [[60.0 * minute, (90 + 5 * minute) * mib] for minute in range(10)],
    }
    assert live.table(frames)[1] == ["20 nodes, plot.live", "60.0", "59.0", "53.0%", "3.0%"]
    assert live.memory_table(memory)[2] == ["kernel", "114.0", "163.0", "163.0", "7.0"]
    aims = live.aims_table({"frames": frames, "memory": memory})[1:]
    assert [row[2:] for row in aims] == [
        *(["60.0", "met"], ["3.0%", "met"]),
        *(["29.0", "MISSED"], ["20.0%", "MISSED"]),
        *(["0.00", "met"], ["2.00", "MISSED"]),
    ]


@pytest.mark.slow
@pytest.mark.skipif(not find_spec("psutil"), reason="the live view is measured with psutil")
def test_the_program_measures_the_live_view_in_a_browser():
    for needed in ("playwright", "jupyterlab", "anywidget"):
        pytest.importorskip(needed)
    from browser import found

    if not found():
        pytest.skip("needs a browser")
    text = run("--live")
    for row in ("20 nodes, plot.live", "20 nodes, clear_output, nx.draw", "kernel without", "Aims"):
        assert row in text
