"""The live view outside notebooks, in a real browser: the page of a program that runs, and the replay."""

import re

import networkx as nx
import pytest
from program import DEADLINE, interrupts

from p2pkit import Link, LocalNetwork, Message, Protocol, SimNetwork, Trace, on, plot
from p2pkit.protocols.flood import Flood, Rumor

pytest.importorskip("tornado", reason="the page is served by tornado")
pytest.importorskip("matplotlib", reason="a replay has a picture in it")


FLOOD = "p2pkit.protocols.flood:Flood"
EVIL = "</script><script>alert(1)</script>"
VIEW = ".p2pkit-live"
PLAYER = f"document.querySelector('{VIEW}').player"


class View:
    """The player in a page."""

    def __init__(self, page, url):
        self.page = page
        page.goto(url)
        page.wait_for_selector(VIEW)
        self.wait("p.stage.spots.length > 0")

    def ask(self, expression):
        return self.page.evaluate(f"() => {{ const p = {PLAYER}; return {expression}; }}")

    def wait(self, expression, within=DEADLINE):
        self.page.wait_for_function(
            f"() => {{ const p = {PLAYER}; return {expression}; }}", timeout=1000 * within
        )

    def press(self, label):
        self.page.get_by_label(label).click()

    def click_node(self, number):
        spot = self.ask(f"p.stage.spots[{number}]")
        self.page.locator(".p2p-canvas").click(position={"x": spot["x"], "y": spot["y"]})

    def choose(self, entry):
        self.page.get_by_role("menuitem", name=re.compile(entry)).click()

    def picture(self):
        return self.page.locator(".p2p-canvas").screenshot()

    def moves(self):
        """Wait for some frames, and tell whether they show something else."""
        before, frames = self.picture(), self.ask("p.frames")
        self.wait(f"p.frames > {frames} + 10")
        return before != self.picture()


def url_in(line):
    return re.search(r"http://\S+", line).group()


# The page of a program that runs


@pytest.mark.slow
@interrupts
def test_a_launched_network_is_watched_told_and_harmed_in_the_browser(start, page, tmp_path):
    words = ("--nodes", "12", "--seconds", "300", "--link", "latency=0.1..0.4", "--live")
    program = start("launch", FLOOD, *words, "--trace", "out.jsonl")
    view = View(page, url_in(program.expect("Watch it at")))
    view.wait("p.counts().up === 12")

    view.click_node(0)
    view.choose("tell Rumor")
    page.get_by_label("text: str").fill(EVIL)
    page.keyboard.press("Enter")
    assert view.moves()
    view.wait("p.timeline.having.size === 12")
    view.click_node(3)
    view.choose("crash")
    view.wait("p.status('n3') === 'down'")

    program.interrupt()
    page.locator(".p2p-said", has_text="program has ended").wait_for()
    # What is over can be played again, and no more.
    page.get_by_label("Heal").wait_for(state="hidden")
    code, said, errors = program.end()
    assert (code, errors) == (130, "")
    assert "12, 1 of them down" in said
    trace = Trace.load(tmp_path / "out.jsonl")
    assert [event.node for event in trace.where(kind="crash")] == ["n3"]
    assert {event.node for event in trace.where(kind="receive")} == {f"n{n}" for n in range(12)}
    view.press("Play")
    view.wait("p.playing && p.time < p.end")


@pytest.mark.slow
@interrupts
def test_the_demo_waits_for_who_watches_and_can_be_played_again(start, page):
    program = start("demo", "--live", "--nodes", "16", "--processes", "2")
    address = url_in(program.expect("Watch it at"))
    program.expect("It begins when somebody watches")
    view = View(page, address)
    program.expect("16 nodes are up")
    assert view.moves()
    program.expect("All 14 who live have heard it")
    program.expect("Ctrl-C ends it")
    view.wait("p.clock.mode === 'replay' && !p.playing && p.counts().down === 2")
    view.press("Play")
    view.wait("p.playing && p.time < p.end && p.time > p.timeline.begin")
    program.interrupt()
    code, _, errors = program.end()
    assert (code, errors) == (130, "")
    page.locator(".p2p-said", has_text="program has ended").wait_for()


@pytest.mark.slow
@interrupts
def test_ctrl_c_ends_a_demo_in_the_midst_of_its_story(start, page):
    program = start("demo", "--live", "--nodes", "16", "--processes", "2")
    View(page, url_in(program.expect("Watch it at")))
    program.expect("split in two")
    program.interrupt()
    code, _, errors = program.end()
    assert (code, errors) == (130, "")


# The replay


class Note(Message):
    text: str


class Loud(Protocol):
    """Tells everybody, and writes it into the log."""

    @on(Note)
    def hear(self, note, sender):
        self.log(note.text)
        if sender is None:
            self.broadcast(note)


@pytest.fixture
def saved(tmp_path):
    """Return a function that saves a replay, and returns where it is."""
    return lambda source, **looks: plot.save(source, tmp_path / "run.html", **looks)


def played(events=0):
    """Return what happened in a simulation that was told rumors until there were so many events."""
    graph = nx.random_regular_graph(4, 200 if events else 12, seed=1)
    with SimNetwork(Flood, graph, link=Link(latency=(0.1, 0.4)), seed=1) as net:
        number = 0
        while len(net.trace) < events or not number:
            net.tell("n0", Rumor(f"rumor {number}"))
            net.run(3.0)
            number += 1
        net.crash("n3")
    return net.trace


def test_a_replay_is_played_paused_stepped_sought_and_slowed(page, saved):
    view = View(page, saved(played()).as_uri())
    assert view.ask("p.playing")
    assert view.moves()
    view.press("Pause")
    view.wait("!p.playing && !p.request")
    frames, number = view.ask("[p.frames, p.head.number]")
    view.press("Step")
    view.wait(f"p.head.number === {number + 1}")
    assert view.ask("p.frames") <= frames + 5
    page.get_by_label("Time").fill("2.9")
    view.wait("Math.abs(p.time - 2.9) < 0.01 && p.counts().down === 0")
    page.get_by_label("Speed").select_option("0.01")
    view.press("Play")
    view.wait("p.playing && p.time > 2.9")
    page.get_by_label("Speed").select_option("100")
    view.wait("!p.playing && p.time === p.end && p.status('n3') === 'down'")
    assert "12 of 12" in page.locator(".p2p-curve").get_attribute("aria-label")
    assert "n3 crashes" in page.locator(".p2p-log").inner_text()


def test_ten_thousand_events_are_a_small_page_that_opens_at_once(page, saved):
    trace = played(events=10_000)
    path = saved(trace)
    assert len(trace) >= 10_000
    assert path.stat().st_size < 1_000_000
    view = View(page, path.as_uri())
    assert view.ask("performance.now()") < 10_000  # a second, on a machine that does nothing else
    assert view.ask("p.timeline.events.length") > 9_000
    assert page.locator(".p2p-note").inner_text() == ""


def long_trace(events):
    """Return a trace of so many events, as of a run of many rumors."""
    trace, count, time = Trace(), 200, 0.0
    names = [f"n{number}" for number in range(count)]
    for name in names:
        trace.add(0.0, "start", name)
    for number, name in enumerate(names):
        trace.add(0.0, "connect", name, names[number - 1])
    for serial in range((events - len(trace)) // 2):
        time += 0.001
        one, other = names[serial % count], names[(serial + 1) % count]
        data = b'["Rumor",{"text":"%d"}]' % (serial // 1000)
        trace.add(time, "send", one, other, "Rumor", len(data), serial, data)
        trace.add(time, "receive", other, one, "Rumor", len(data), serial, data)
    return trace


@pytest.mark.slow
def test_a_million_events_are_sampled_and_the_page_says_so(page, saved):
    trace = long_trace(1_000_000)
    assert len(trace) >= 999_999
    path = saved(trace)
    assert path.stat().st_size < 2_000_000
    view = View(page, path.as_uri())
    assert re.search(r"1 in \d+ messages is shown", page.locator(".p2p-note").inner_text())
    assert view.moves()


def test_other_peoples_words_are_text_in_a_replay(page, saved):
    graph = nx.cycle_graph([EVIL, "a", "b", "c"])
    with SimNetwork(Loud, graph, watch=lambda node: {EVIL: EVIL}) as net:
        net.tell(EVIL, Note(EVIL))
        net.run(1.0)
    path = saved(net.trace, label=lambda node: EVIL)
    view = View(page, path.as_uri())
    page.get_by_label("Speed").select_option("100")
    view.wait("!p.playing && p.time === p.end")
    log = page.locator(".p2p-log").inner_text()
    assert f"{EVIL} is told Note(text='{EVIL}')" in log
    assert f"a: {EVIL}" in log
    spot = view.ask("p.stage.spots[0]")
    page.locator(".p2p-canvas").hover(position={"x": spot["x"], "y": spot["y"]})
    page.locator(".p2p-card", has_text=EVIL).wait_for()
    for _ in range(5):
        view.press("Step")
    assert view.ask("document.scripts.length") == 2  # what is played, and the player


def test_a_replay_shows_a_real_network_and_asks_for_nothing(page, saved):
    with LocalNetwork(Flood, nx.cycle_graph(5), link=Link(latency=0.05)) as net:
        net.tell("n0", Rumor("hello"))
        net.run(until=lambda: all(node.heard for node in net), within=DEADLINE)
    requests = []
    page.on("request", lambda request: requests.append(request.url))
    path = saved(net)
    view = View(page, path.as_uri())
    view.wait("p.timeline.having.size === 5")
    assert requests == [path.as_uri()]
    view.click_node(0)
    assert page.get_by_role("menuitem").count() == 0  # there is nobody to act on


def test_without_javascript_there_is_a_picture_and_a_sentence(chromium, saved):
    path = saved(played())
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(path.as_uri())
    assert "JavaScript, which is switched off" in page.locator("p").first.inner_text()
    box = page.locator("img").bounding_box()
    assert box["width"] > 300
    assert len(page.locator("img").screenshot()) > 5_000
    context.close()
