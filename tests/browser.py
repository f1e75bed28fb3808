"""A page in a real browser, for tests of what people see: the fixture `page`.

The browser lives as long as a file's tests need it: while it does,
its event loop runs in this thread, so such a file's tests cannot call `asyncio.run`.
"""

import shutil
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")

QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
"""Arguments that keep a browser from asking the network, or the graphics card, for anything."""

DEADLINE = 15_000
"""Milliseconds that a page has for whatever a test waits for."""

HERE = {None, "", "127.0.0.1", "localhost"}


@pytest.fixture(scope="module")
def chromium():
    """Start a browser for the tests of one file."""
    pytest.importorskip("playwright", reason="needs playwright, as in p2pkit[dev]")
    if not found():
        pytest.skip(f"needs a browser: one of {', '.join(NAMES)}")
    with started() as browser:
        yield browser


def found():
    """Return where the system's browser is, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def started():
    """Start the system's browser, without a window."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found(), args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium):
    """Open a page, and check in the end that it complained of nothing and asked no other host."""
    context = chromium.new_context(viewport={"width": 1040, "height": 620})
    page = context.new_page()
    page.set_default_timeout(DEADLINE)
    complaints = _listen(page)
    yield page
    page.evaluate("1")  # whatever has happened until now has been reported after this
    context.close()
    assert not complaints


def _listen(page):
    complaints = []

    def ask(url):
        if urlsplit(url).hostname not in HERE:
            complaints.append(f"asked {url}")

    def dialog(dialog):
        complaints.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def fail(stack):
        if "/static/notebook/" not in stack:  # Notebook 7's own, in a home without settings
            complaints.append(f"error: {stack}")

    def console(message):  # JupyterLab misses the widgets of a kernel that was restarted
        if message.type == "error" and "widget model not found" not in message.text:
            complaints.append(f"console: {message.text}")

    page.on("console", console)
    page.on("pageerror", lambda error: fail(error.stack))
    page.on("request", lambda request: ask(request.url))
    page.on("websocket", lambda socket: ask(socket.url))
    page.on("dialog", dialog)
    return complaints
