"""JupyterLab in a real browser, for tests and measurements of what students see in a notebook.

    with served(folder, home) as url:
        opened(page, url, "lab/tree/live.ipynb")
        run_all(page)
        moves(page)

What is waited for has a minute: JupyterLab takes a while to start on a busy machine.
"""

import os
import secrets
import socket
import subprocess
import sys
from contextlib import contextmanager

import nbformat
from tools import eventually, free_port

MINUTE = 60_000  # milliseconds

TALL = {"width": 1300, "height": 1600}  # JupyterLab takes cells that are out of sight off the page

VIEW = ".p2pkit-live"
IDLE = """() => {
  const kernel = document.querySelector(".jp-Toolbar-kernelName")?.textContent ?? "";
  const seen = document.querySelector(".jp-Notebook-ExecutionIndicator");
  const prompts = [...document.querySelectorAll(".jp-InputPrompt")].map((one) => one.textContent);
  const isIdle = kernel.includes("Python 3") && seen?.dataset.status === "idle";
  return isIdle && !prompts.some((text) => text.includes("*"));
}"""


def written(path, *cells):
    """Write a notebook with these cells."""
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell.strip()) for cell in cells],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )
    nbformat.write(notebook, path)
    return path


@contextmanager
def served(folder, home):
    """Serve the notebooks of a folder, for somebody who has no settings of their own."""
    port, token = free_port(), secrets.token_hex(8)
    places = {f"{name}_DIR": str(home / name) for name in ("JUPYTER_CONFIG", "JUPYTER_RUNTIME")}
    options = [
        f"--ServerApp.root_dir={folder}",
        f"--IdentityProvider.token={token}",
        "--no-browser",
    ]
    options += [f"--port={port}", "--ServerApp.port_retries=0", "--allow-root", "--ip=127.0.0.1"]
    quiet = (
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    )
    command = [sys.executable, "-m", "jupyterlab", *options, *quiet]
    env = os.environ | places | {"IPYTHONDIR": str(home / "ipython")}
    env.pop("MPLBACKEND", None)  # the tests' own: a kernel shows its plots
    env |= {
        "JUPYTERLAB_SETTINGS_DIR": str(home / "s"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "w"),
    }
    with subprocess.Popen(
        command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as server:
        try:
            eventually(lambda: server.poll() is not None or _listens(port), within=60)
            assert server.poll() is None
            yield lambda path: f"http://127.0.0.1:{port}/{path}?token={token}"
        finally:
            server.terminate()
            server.wait(timeout=30)


def _listens(port):
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def menu(page, *words):
    """Choose something from JupyterLab's menus."""
    bar, *items = words
    page.locator(f".lm-MenuBar-itemLabel:text-is('{bar}')").click()
    for item in items:
        page.locator(f".lm-Menu-itemLabel:text-is('{item}')").click()


def run_all(page):
    page.wait_for_function(IDLE, timeout=MINUTE)
    menu(page, "Run", "Run All Cells")
    page.wait_for_selector(VIEW, timeout=MINUTE)


def run_cell(page, number):
    """Run one cell, and wait until it is over."""
    page.wait_for_function(IDLE, timeout=MINUTE)
    start_cell(page, number)
    page.wait_for_function(IDLE, timeout=MINUTE)


def start_cell(page, number):
    """Run one cell."""
    cell = page.locator(".jp-Notebook .jp-CodeCell").nth(number)
    cell.locator(".jp-InputArea-editor").click()
    page.locator(".jp-Notebook .jp-CodeCell.jp-mod-active").and_(cell).wait_for(timeout=MINUTE)
    page.keyboard.press("Control+Enter")


def opened(page, url, path):
    page.set_viewport_size(TALL)
    page.goto(url(path), timeout=MINUTE)
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=MINUTE)


def player(page, what):
    return page.evaluate(f"document.querySelector('{VIEW}').player.{what}")


def moves(page):
    """Wait until frames have been painted that were not there before, and show something else."""
    before, picture = player(page, "frames"), page.locator(f"{VIEW} canvas").first.screenshot()
    page.wait_for_function(
        f"document.querySelector('{VIEW}').player.frames > {before} + 20", timeout=MINUTE
    )
    return picture != page.locator(f"{VIEW} canvas").first.screenshot()


def said(page, number):
    """Wait for what a cell prints, and return it."""
    cell = page.locator(".jp-Notebook .jp-CodeCell").nth(number)
    output = cell.locator(".jp-OutputArea-output pre").last
    output.wait_for(timeout=MINUTE)
    return output.text_content().strip()


def click_node(page, number):
    spot = player(page, f"stage.spots[{number}]")
    page.locator(f"{VIEW} canvas").first.click(position={"x": spot["x"], "y": spot["y"]})
