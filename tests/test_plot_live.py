"""plot.live and plot.save: what they do where there is no notebook, no screen, or no package for it."""

import importlib
import subprocess
import sys
import threading
import urllib.request
from types import SimpleNamespace

import networkx as nx
import pytest
from program import HOUSE, without_a_screen
from tools import eventually

pytest.importorskip("matplotlib", reason="plots need matplotlib")
pytest.importorskip("tornado", reason="the page is served by tornado")

from p2pkit import LocalNetwork, SimNetwork, plot
from p2pkit.errors import TraceError
from p2pkit.live import page as page_module
from p2pkit.network import NetworkWarning
from p2pkit.protocols.flood import Flood, Rumor
from p2pkit.trace import Trace

live_module = importlib.import_module("p2pkit.plot.live")


@pytest.fixture
def opened(monkeypatch):
    """Let a screen be there, and return the addresses that a browser was opened at."""
    found = []
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(page_module.webbrowser, "open", lambda url: found.append(url) or True)
    return found


@pytest.fixture
def trace():
    with SimNetwork(Flood, nx.cycle_graph(5), seed=1) as net:
        net.tell("n0", Rumor("hello"))
        net.run(1.0)
    return net.trace


def read(url):
    with urllib.request.urlopen(url, timeout=20) as answer:
        return answer.read().decode()


# A script


def test_outside_notebooks_it_is_a_page_in_the_browser(opened, nothing_left):
    with LocalNetwork(Flood, 3) as net:
        view = plot.live(net)
        assert opened == [view.url]
        assert "LocalNetwork of Flood" in read(view.url)
    assert "LocalNetwork of Flood" in read(view.url)  # it stays, and is a replay now
    view.close()
    with pytest.raises(OSError, match="refused"):
        read(view.url)


def test_a_trace_is_a_page_too(opened, trace, nothing_left):
    view = plot.live(trace, color=lambda node: "orange", speed=0.1)
    assert "a trace" in read(view.url)
    view.close()


def test_without_a_screen_it_says_where_the_page_is(monkeypatch, trace):
    opened = []
    monkeypatch.setattr(page_module.webbrowser, "open", opened.append)
    monkeypatch.setattr(page_module.sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.warns(NetworkWarning, match=r"watch it at http://127\.0\.0\.1:\d+/") as said:
        view = plot.live(trace)
    assert said[0].filename == __file__  # the line that asked for it
    assert view.url in str(said[0].message)
    assert opened == []
    view.close()


def test_functions_of_a_node_are_watched_from_now_on(opened):
    with SimNetwork(Flood, 3) as net:
        view = plot.live(net, color=lambda node: "orange" if node.heard else "grey")
        net.tell("n0", Rumor("hello"))
        net.run(1.0)
        looks = [event.value["look"]["color"] for event in net.trace.where(kind="state")]
        assert looks.count("orange") == 3
        view.close()


@pytest.mark.parametrize("show", [plot.live, lambda net: plot.save(net, "run.html")])
def test_a_network_that_only_counts_cannot_be_shown(show, opened, nothing_left):
    with (
        SimNetwork(Flood, 3, record="counts") as net,
        pytest.raises(TraceError, match='record="all"'),
    ):
        show(net)
    assert opened == []


# A file


def test_a_replay_is_saved_from_a_trace_and_from_a_network(tmp_path, trace):
    path = plot.save(trace, tmp_path / "run.html")
    assert path == tmp_path / "run.html"
    assert path.read_text().startswith("<!doctype html>")
    with LocalNetwork(Flood, 3) as net:
        net.tell("n0", Rumor("hello"))
        plot.save(net, str(tmp_path / "soon.htm"), color=lambda node: "red")
    text = (tmp_path / "soon.htm").read_text()
    assert "LocalNetwork of Flood, replayed" in text
    assert '"color":"red"' in text
    assert '"mode":"replay"' in text


def test_a_replay_needs_events_and_a_name_that_says_what_it_is(tmp_path, trace):
    with pytest.raises(TraceError, match="no events"):
        plot.save(Trace(), tmp_path / "run.html")
    with pytest.raises(TraceError, match=r"ends in \.html; plot\.animate makes a \.gif"):
        plot.save(trace, tmp_path / "run.gif")
    assert list(tmp_path.iterdir()) == []


# Where something is missing


def without(module, program):
    """Run a program where a module is not installed, and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\nsys.modules[{module!r}] = None\n{program}"],
        capture_output=True,
        text=True,
        env=without_a_screen() | {"PYTHONPATH": HOUSE},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


SETTING = """
import warnings
from p2pkit import SimNetwork
from p2pkit.protocols.flood import Flood, Rumor
warnings.simplefilter("ignore")
with SimNetwork(Flood, 3) as net:
    net.tell("n0", Rumor("hello"))
    net.run(1.0)
"""
TRY = """
from p2pkit import plot
try:
    view = {what}
except ImportError as error:
    print(error)
else:
    print("fine")
"""
NOTEBOOK = """
from importlib import import_module
import_module("p2pkit.plot.live")._in_notebook = lambda: True
"""
PAGE = TRY.format(what="plot.live(net)")
FILE = TRY.format(what="plot.save(net, 'run.html')")

NEEDS_TORNADO = (
    'the live view needs tornado: pip install "p2pkit[live]"; plot.save(trace, "run.html") '
    "makes a page that needs nothing\n"
)
NEEDS_MATPLOTLIB = 'plots need matplotlib: pip install "p2pkit[plot]"\n'


@pytest.mark.parametrize(
    ("module", "program", "said"),
    [
        ("tornado", PAGE, NEEDS_TORNADO),
        ("tornado", FILE, "fine\n"),
        ("anywidget", PAGE, "fine\n"),
        ("anywidget", FILE, "fine\n"),
        ("anywidget", NOTEBOOK + PAGE, NEEDS_TORNADO.replace("tornado", "anywidget")),
        ("IPython", PAGE, "fine\n"),
        ("IPython", FILE, "fine\n"),
        ("matplotlib", PAGE, NEEDS_MATPLOTLIB),
        ("matplotlib", FILE, NEEDS_MATPLOTLIB),
    ],
)
def test_what_is_missing_is_said_in_a_sentence(module, program, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert without(module, SETTING + program) == said


MAIN = """
from p2pkit.__main__ import main
sys.argv[1:] = {words}
try:
    main()
except SystemExit as end:
    print(end.code, flush=True)
"""
LAUNCH = ["launch", "p2pkit.protocols.flood:Flood", "--nodes", "3", "--seconds", "0.1", "--live"]


@pytest.mark.parametrize("words", [LAUNCH, ["demo", "--live"]])
def test_the_commands_need_tornado_and_say_so_before_they_begin(words):
    said = without("tornado", "sys.stderr = sys.stdout\n" + MAIN.format(words=words))
    assert said == '--live needs tornado: pip install "p2pkit[live]"\n1\n'


@pytest.mark.parametrize("module", ["matplotlib", "anywidget", "IPython"])
def test_launch_live_needs_nothing_else(module):
    said = without(module, MAIN.format(words=LAUNCH))
    assert "Watch it at http://127.0.0.1:" in said
    assert "(open it in a browser)" in said
    assert said.endswith("0\n")


# A notebook: the rest of it is tested in one


@pytest.fixture
def notebook(monkeypatch):
    """Let this be a notebook, in which nobody looks at the widget; return what is displayed."""
    pytest.importorskip("anywidget", reason="the live view in notebooks needs anywidget")
    widget_module = importlib.import_module("p2pkit.live.widget")
    shown = []

    def display(what, **more):
        shown.append(what)
        return SimpleNamespace(update=lambda new, **more: shown.append(new))

    monkeypatch.setattr(widget_module, "display", display)
    monkeypatch.setattr(widget_module, "FIRST_LOOK", 0.01)
    monkeypatch.setattr(live_module, "_in_notebook", lambda: True)
    return shown


def test_in_a_notebook_it_is_a_widget_and_a_picture_that_stays(notebook, nothing_left):
    with LocalNetwork(Flood, 3) as net:
        view = plot.live(net)
        widget, picture = notebook
        sent = []
        widget.send = sent.append
        net.tell("n0", Rumor("hello"))
        eventually(lambda: any(batch["events"] for batch in sent))
    assert view.url is None
    assert sent[-1]["closed"]
    assert notebook[2]["image/png"].startswith(b"\x89PNG")
    assert notebook[2] != picture  # who has heard it is orange now


def test_a_widget_that_is_closed_sends_nothing_any_more(notebook, nothing_left):
    with LocalNetwork(Flood, 3) as net:
        view = plot.live(net)
        eventually(lambda: "p2pkit live view" in {one.name for one in threading.enumerate()})
        view.close()
        eventually(lambda: "p2pkit live view" not in {one.name for one in threading.enumerate()})
        sent = []
        notebook[0].send = sent.append
    assert sent == []


def test_a_trace_is_a_widget_that_holds_all_of_it(notebook, trace, nothing_left):
    plot.live(trace)
    stage, events = notebook[0].first
    assert stage["mode"] == "replay"
    assert len(events["events"]) == len(trace)
