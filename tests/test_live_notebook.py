"""The live view where students see it: in JupyterLab and Notebook 7, in a real browser.

A server of its own shows a notebook; the tests press its buttons, and look at what moves.
"""

import re
import subprocess
import sys
from base64 import b64decode

import nbformat
import pytest
from lab import (
    IDLE,
    MINUTE,
    VIEW,
    click_node,
    menu,
    moves,
    opened,
    player,
    run_all,
    said,
    served,
    written,
)
from tools import eventually

pytest.importorskip("anywidget", reason="the live view in notebooks needs anywidget")
pytest.importorskip("jupyterlab", reason="needs JupyterLab")

pytestmark = pytest.mark.slow

SETTING = """
import networkx as nx
from p2pkit import Link, LocalNetwork, plot
from p2pkit.protocols.flood import Flood, Rumor

net = LocalNetwork(Flood, nx.cycle_graph(8), link=Link(latency=(0.1, 0.4)))
plot.live(net)
"""
TALK = """
for number in range(8):
    net.tell("n0", Rumor(f"rumor {number}"))
    net.run(0.3)
print("told")
"""
AFTER = """
print(6 * 7)
"""
LOOK = """
print("n3 is", "up" if net.is_up("n3") else "down")
"""


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "notebooks"
    place.mkdir()
    return place


@pytest.fixture
def lab(folder, tmp_path):
    with served(folder, tmp_path / "home") as url:
        yield url


def test_it_moves_in_jupyterlab_the_kernel_stays_free_and_a_click_crashes_a_real_node(
    lab, page, folder
):
    written(folder / "live.ipynb", SETTING, TALK, AFTER, LOOK)
    opened(page, lab, "lab/tree/live.ipynb")
    run_all(page)
    assert moves(page), "while the second cell runs, or after it: messages are on their way"
    assert said(page, 1) == "told"
    assert said(page, 2) == "42", "the kernel did something else meanwhile"
    assert said(page, 3) == "n3 is up"
    assert player(page, "counts()")["up"] == 8
    assert page.locator(".jp-OutputArea-output img").count() == 1
    assert not page.locator(".jp-OutputArea-output img").is_visible()

    click_node(page, 3)
    page.get_by_role("menuitem", name=re.compile("crash", re.I)).click()
    page.wait_for_function(f"document.querySelector('{VIEW}').player.status('n3') === 'down'")
    page.locator(".jp-Notebook .jp-CodeCell").nth(3).locator(".jp-InputArea-editor").click()
    page.keyboard.press("Control+Enter")
    page.wait_for_function(
        "[...document.querySelectorAll('.jp-OutputArea-output pre')].at(-1).textContent.includes('down')"
    )


def test_a_view_in_the_midst_of_a_long_cell_moves_and_takes_clicks(lab, page, folder):
    """The kernel is busy all the time, and does nothing but wait for its own network."""
    written(folder / "busy.ipynb", SETTING.replace("plot.live(net)", "plot.live(net)\n" + LONG))
    opened(page, lab, "lab/tree/busy.ipynb")
    run_all(page)
    page.wait_for_function(f"document.querySelector('{VIEW}').player.time > 0.5")
    assert moves(page)
    click_node(page, 3)
    page.get_by_role("menuitem", name=re.compile("crash", re.I)).click()
    assert said(page, 0) == "n3 went down"


LONG = """
number = 0
while net.is_up("n3") and net.now < 50:
    number += 1
    net.tell("n0", Rumor(f"rumor {number}"))
    net.run(0.3)
print("n3 went down" if net.now < 50 else "nobody clicked")
"""


def test_a_simulation_plays_in_virtual_time_after_its_cell_is_done(lab, page, folder):
    written(
        folder / "sim.ipynb",
        SETTING.replace("LocalNetwork", "SimNetwork").replace(
            "plot.live(net)", "plot.live(net, speed=1)"
        ),
        'net.tell("n0", Rumor("hello"))\nnet.run(30)\nprint("simulated")',
        "net.close()",
    )
    opened(page, lab, "lab/tree/sim.ipynb")
    run_all(page)
    assert said(page, 1) == "simulated"
    page.wait_for_function(f"document.querySelector('{VIEW}').player.end === 30")
    assert player(page, "time") < 30, "it plays at the pace of a clock, and not of the kernel"
    assert moves(page)


def stored(path):
    """Return what is stored of a notebook's first cell, once it is saved."""
    try:
        return nbformat.read(path, 4).cells[0].outputs
    except ValueError:  # it is being written
        return []


def test_a_saved_notebook_shows_a_picture_where_there_is_no_widget(lab, page, folder):
    path = written(folder / "saved.ipynb", SETTING, TALK, "net.close()")
    opened(page, lab, "lab/tree/saved.ipynb")
    run_all(page)
    assert said(page, 1) == "told"
    page.wait_for_function(IDLE, timeout=MINUTE)
    menu(page, "File", "Save Notebook")
    outputs = eventually(lambda: stored(path), within=20)
    pictures = [output.data["image/png"] for output in outputs if "image/png" in output.data]
    [picture] = [b64decode(data) for data in pictures]
    texts = [output.data["text/plain"] for output in outputs if "text/plain" in output.data]
    assert texts == ["The live view: LocalNetwork of Flood"]
    assert picture.startswith(b"\x89PNG")
    assert len(picture) > 5_000
    menu(page, "Kernel", "Restart Kernel…")
    page.get_by_role("button", name="Confirm Kernel Restart").click()
    page.reload()
    page.wait_for_selector(".jp-OutputArea-output img", state="visible", timeout=MINUTE)
    exported = subprocess.run(
        [sys.executable, "-m", "jupyter", "nbconvert", "--to", "html", "--stdout", str(path)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert pictures[0].replace("\n", "")[:200] in exported.stdout


def test_it_moves_in_notebook_7(lab, page, folder):
    pytest.importorskip("notebook", reason="needs Notebook 7")
    written(folder / "seven.ipynb", SETTING, TALK)
    opened(page, lab, "notebooks/seven.ipynb")
    run_all(page)
    assert moves(page)
    assert said(page, 1) == "told"
