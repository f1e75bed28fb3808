"""The live view in JupyterLab: painted frames a second, what they cost the kernel, and its memory.

Nodes on real sockets tell each other one rumor after the other, over links that are slow, so that
there is always a message on its way. In one kernel, one after the other, are measured: the network
alone, the network with `plot.live`, and with the loop that everybody writes first, `clear_output` and
`nx.draw`. A frame is counted in the page, when it is painted.

    python -m tests.benchmarks --live [--minutes 5]

Memory is that of two kernels with the same network, one with the view and one without, as what a
network records grows too; and that of the page, once its garbage is collected.
"""

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))  # where the tests' own tools are

import browser
import lab

SIZES = (20, 100, 500)

FRAMES, COST, GROWTH = 30.0, 0.1, 1.0
"""The aims: frames a second at least; of the kernel's core at most; MiB a minute at most."""

SETTLED = 3.0
"""Seconds that a network has before it is looked at."""

REMEMBERED = 100
"""Nodes of the network whose memory is measured."""

NETWORK = """
import os
import networkx as nx
from p2pkit import Link, LocalNetwork, Message, Protocol, on, plot

class Rumor(Message):
    number: int

class Talk(Protocol):
    '''Flood one rumor after the other. A node knows the number of the last one.'''

    last = -1

    def on_start(self):
        if self.id == "n0":
            self.every(0.5, self.begin)

    def begin(self):
        self.hear(Rumor(self.last + 1), None)

    @on(Rumor)
    def hear(self, rumor, sender):
        if rumor.number > self.last:
            self.last = rumor.number
            self.broadcast(rumor, but=sender)

graph = nx.random_regular_graph(4, COUNT, seed=1)
net = LocalNetwork(Talk, graph, link=Link(latency=(0.1, 0.4)))
print(os.getpid())
"""

LIVE = "view = plot.live(net)"

CLOSE = "view.close()"

NAIVE = """
import time
import matplotlib.pyplot as plt
from IPython.display import clear_output

place = nx.circular_layout(graph)  # any will do: it is not part of the loop
end = time.monotonic() + SECONDS
while time.monotonic() < end:
    last = [node.last for node in net]
    newest = max(last)
    colors = ["orange" if number == newest else "lightgrey" for number in last]
    clear_output(wait=True)
    nx.draw(graph, place, node_color=colors, node_size=50)
    plt.show()
"""

COUNT_PICTURES = """() => {
  window.pictures = 0;
  const watch = new MutationObserver(() => {
    const cell = document.querySelectorAll(".jp-Notebook .jp-CodeCell")[3];
    const source = cell?.querySelector(".jp-OutputArea-output img")?.src;
    if (source && source !== window.picture) window.pictures += 1;
    window.picture = source ?? window.picture;
  });
  watch.observe(document.querySelector(".jp-Notebook"), { childList: true, subtree: true });
}"""

Found = dict[str, float]


class Notebook:
    """A notebook in the browser, and the kernel behind it."""

    def __init__(self, page: Any, kernel: psutil.Process) -> None:
        self.page, self.kernel = page, kernel

    def wait(self, seconds: float) -> None:
        """Let time pass, here and in the page."""
        self.page.wait_for_timeout(1000 * seconds)

    def cpu(self) -> float:
        """Return the seconds of a core that the kernel has used."""
        used = self.kernel.cpu_times()
        return float(used.user + used.system)

    def share(self, seconds: float, frames: Callable[[], int] = lambda: 0) -> Found:
        """Return the kernel's share of a core, and frames a second, in all and in the worst second."""
        begun, cpu, painted = time.perf_counter(), self.cpu(), [frames()]
        rates = []
        for _ in range(round(seconds)):
            before = time.perf_counter()
            self.wait(1.0)
            painted.append(frames())
            rates.append((painted[-1] - painted[-2]) / (time.perf_counter() - before))
        passed = time.perf_counter() - begun
        share = (self.cpu() - cpu) / passed
        return {"cpu": share, "frames": (painted[-1] - painted[0]) / passed, "least": min(rates)}


def run(
    sizes: tuple[int, ...], rounds: int, seconds: float, tell: Callable[[str], None]
) -> dict[int, list[dict[str, Found]]]:
    """Measure networks of all sizes; return what was found by size, once a round."""
    found: dict[int, list[dict[str, Found]]] = {}
    for count in sizes:
        network = NETWORK.replace("COUNT", str(count))
        naive = NAIVE.replace("SECONDS", str(seconds + SETTLED))
        found[count] = []
        with _opened(network, LIVE, CLOSE, naive) as notebook:
            for number in range(rounds):
                one = _round(notebook, seconds)
                found[count].append(one)
                tell(f"{count} nodes, round {number + 1}: " + ", ".join(map(_words, one.items())))
    return found


def _round(notebook: Notebook, seconds: float) -> dict[str, Found]:
    page = notebook.page
    alone = notebook.share(seconds)
    lab.run_cell(page, 1)
    page.wait_for_selector(lab.VIEW, timeout=lab.MINUTE)
    notebook.wait(SETTLED)
    live = notebook.share(seconds, lambda: int(lab.player(page, "frames")))
    lab.run_cell(page, 2)
    page.wait_for_selector(lab.VIEW, state="detached", timeout=lab.MINUTE)
    page.evaluate(COUNT_PICTURES)
    lab.start_cell(page, 3)
    page.wait_for_function("window.pictures > 0", timeout=lab.MINUTE)
    naive = notebook.share(seconds, lambda: int(page.evaluate("window.pictures")))
    page.wait_for_function(lab.IDLE, timeout=lab.MINUTE)
    return {"alone": alone, "live": live, "naive": naive}


def remember(minutes: float, tell: Callable[[str], None]) -> dict[str, list[list[float]]]:
    """Return what a page and a kernel need with the view, and a kernel without it, over some
    minutes: [seconds, bytes] for each."""
    found: dict[str, list[list[float]]] = {"page": [], "kernel": [], "kernel without": []}
    network = NETWORK.replace("COUNT", str(REMEMBERED))
    for name, cells in {"kernel": (network, LIVE), "kernel without": (network,)}.items():
        with _opened(*cells) as notebook:
            developer = notebook.page.context.new_cdp_session(notebook.page)
            developer.send("Performance.enable")
            if name == "kernel":
                lab.run_cell(notebook.page, 1)
            begun = time.perf_counter()
            while (passed := time.perf_counter() - begun) < 60 * minutes:
                found[name].append([passed, notebook.kernel.memory_info().rss])
                if name == "kernel":
                    found["page"].append([passed, _heap(developer)])
                notebook.wait(min(5.0, 6 * minutes))
            tell(f"memory, {name}: measured for {passed:.0f} s")
    return found


def _heap(developer: Any) -> float:
    """Return the bytes of the page's own objects, without its garbage."""
    developer.send("HeapProfiler.collectGarbage")
    metrics = developer.send("Performance.getMetrics")["metrics"]
    return next(float(each["value"]) for each in metrics if each["name"] == "JSHeapUsedSize")


@contextmanager
def _opened(*cells: str) -> Iterator[Notebook]:
    """Open a notebook in a JupyterLab of its own, and run its first cell."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "notebooks"
        folder.mkdir()
        lab.written(folder / "live.ipynb", *cells)
        with lab.served(folder, Path(place) / "home") as url, browser.started() as chromium:
            page = chromium.new_page()
            lab.opened(page, url, "lab/tree/live.ipynb")
            lab.run_cell(page, 0)
            notebook = Notebook(page, psutil.Process(int(lab.said(page, 0))))
            notebook.wait(SETTLED)
            yield notebook


def table(found: dict[int, list[dict[str, Found]]]) -> list[list[str]]:
    """Return what was found, the headings first: medians over the rounds."""
    heads = ["", "frames/s", "in the worst second", "kernel's CPU", "of it for the picture"]
    rows = [heads]
    for count, rounds in found.items():
        for name, words in {"live": "plot.live", "naive": "clear_output, nx.draw"}.items():
            frames, least, cpu = (
                statistics.median(one[name][key] for one in rounds)
                for key in ("frames", "least", "cpu")
            )
            row = [f"{count} nodes, {words}", f"{frames:.1f}", f"{least:.1f}"]
            rows.append([*row, f"{cpu:.1%}", f"{_cost(rounds, name):.1%}"])
    return rows


def memory_table(found: dict[str, list[list[float]]]) -> list[list[str]]:
    """Return what was needed, the headings first. The first fifth, in which things are begun and
    buffers fill, is not looked at."""
    rows = [["", "MiB, after a fifth", "in the end", "most", "MiB more a minute"]]
    for name, points in found.items():
        sizes = [size / 2**20 for _, size in _late(points)]
        cells = (sizes[0], sizes[-1], max(sizes), _growth(points))
        rows.append([name, *(f"{cell:.1f}" for cell in cells)])
    return rows


def aims_table(found: dict[str, Any]) -> list[list[str]]:
    """Return what was aimed at and what was found, the headings first."""
    rows = [["", "aim", "found", ""]]
    for count, rounds in found["frames"].items():
        frames = statistics.median(one["live"]["frames"] for one in rounds)
        cost = _cost(rounds, "live")
        name = f"{count} nodes"
        rows.append([name, f"{FRAMES:.0f} frames/s", f"{frames:.1f}", _verdict(frames >= FRAMES)])
        rows.append([name, f"at most {COST:.0%} of a core", f"{cost:.1%}", _verdict(cost <= COST)])
    if memory := found.get("memory"):
        growth = {name: _growth(points) for name, points in memory.items()}
        more = {"page": growth["page"], "kernel": growth["kernel"] - growth["kernel without"]}
        for name, each in more.items():
            aim = f"at most {GROWTH:.0f} MiB a minute for the view"
            rows.append([name, aim, f"{each:.2f}", _verdict(each <= GROWTH)])
    return rows


def _cost(rounds: list[dict[str, Found]], name: str) -> float:
    """Return the share of a core that a picture costs, beside the same network without one."""
    return statistics.median(one[name]["cpu"] - one["alone"]["cpu"] for one in rounds)


def _late(points: list[list[float]]) -> list[list[float]]:
    return points[len(points) // 5 :]


def _growth(points: list[list[float]]) -> float:
    """Return how many MiB a minute it grew."""
    late = _late(points)
    times, sizes = [time / 60 for time, _ in late], [size / 2**20 for _, size in late]
    return statistics.linear_regression(times, sizes).slope if len(late) > 1 else 0.0


def _verdict(is_met: bool) -> str:  # noqa: FBT001
    return "met" if is_met else "MISSED"


def load() -> str:
    """Return how busy this machine has been: what else runs on it takes its share."""
    return f"load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "load unknown"


def _words(item: tuple[str, Found]) -> str:
    name, found = item
    return f"{name} {found['cpu']:.1%} CPU" + (
        f" {found['frames']:.1f} frames/s" if found["frames"] else ""
    )
