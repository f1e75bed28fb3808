"""What a notebook shows of networks and traces: it says what there is, and is safe, whatever that is."""

import os
import signal
import sys
from functools import partial
from html.parser import HTMLParser

import networkx as nx
import pytest
from tools import eventually

from p2pkit import Link, LocalNetwork, Message, Protocol, SimNetwork, Trace, on, show
from p2pkit.errors import NetworkError
from p2pkit.message import encode
from p2pkit.network import NetworkWarning
from p2pkit.protocols.flood import Flood, Rumor
from p2pkit.show import MOST_LETTERS

pytestmark = pytest.mark.usefixtures("nothing_left")

WORLDS = {
    "simulated": SimNetwork,
    "sockets": LocalNetwork,
    "processes": partial(LocalNetwork, processes=2),
}
EVIL = '<script>alert("x")</script>'


class Page(HTMLParser):
    """The tags of a page, and the texts of the rows of its tables."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.rows, self.text = set(), [], ""
        self.open = []
        self.feed(html)
        assert not self.open, "not all tags are closed"

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.open.append(tag)
        assert {name for name, _ in attrs} <= {"style"}
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data
        if self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data

    def __getitem__(self, first):
        """Return the rest of the row, or of the rows, that begin with a word."""
        [rest] = [row[1:] for row in self.rows if row[0] == first]
        return rest[0] if len(rest) == 1 else rest


def shown(thing):
    """Return what is shown of a network or a trace, which is nothing but text in tables."""
    page = Page(thing._repr_html_())
    assert page.tags <= {"div", "b", "table", "tr", "td", "th"}
    return page


# Networks


def test_a_network_says_what_runs_and_what_goes_wrong():
    link = Link(latency=(0.01, 0.1), loss=0.25)
    roles = {"n5": Flood.using()}
    with SimNetwork(Flood, nx.cycle_graph(8), link=link, seed=42, roles=roles) as net:
        net.tell("n0", Rumor("hello"))
        net.run(1.5)
        net.crash("n1")
        net.pause("n2")
        net.cut("n4", "n5")
        net.shape("n3", "n4", Link(loss=1.0), oneway=True)
        net.shape("n7", "n6", Link(loss=1.0), oneway=True)
        net.run(0.25)
        page = shown(net)
        drops = net.trace.drops
        assert "SimNetwork of Flood at 1.750 s" in page.text
        assert "closed" not in page.text
        assert page["nodes"] == "6 up, 1 paused, 1 down"
        assert page["links"] == f"8 in the graph, {len(net.overlay().edges)} connections now"
        assert page["link"] == (
            "Link(latency=(0.01, 0.1), loss=0.25); 1 of the graph's are cut; 2 have one of their own"
        )
        assert page["roles"] == "1 Flood"
        assert page["seed"] == "42"
        assert page["trace"] == f"{len(net.trace):,} events"
        assert page["drops"] == f"lost: {drops['lost']}"
        assert page["node"] == ["state", "heard"]
        assert page["n0"] == ["up", "{Rumor(text='hello')}"]
        assert (page["n1"][0], page["n2"][0]) == ("down", "paused")
        assert "n5" not in [row[0] for row in page.rows]
        assert "… and 3 more nodes" in page.text


def test_a_small_quiet_network_is_a_short_page():
    with SimNetwork(Flood, 2) as net:
        page = shown(net)
    assert [row[0] for row in page.rows] == [
        "nodes", "links", "link", "seed", "trace", "node", "n0", "n1"
    ]  # fmt: skip
    assert page["link"] == "Link(latency=0.01)"
    assert "more" not in page.text


@pytest.mark.parametrize("world", WORLDS)
def test_every_network_is_shown_open_and_closed(world):
    with WORLDS[world](Flood, nx.cycle_graph(4)) as net:
        net.crash("n1")
        page = shown(net)
        assert page["nodes"] == "3 up, 1 down"
        assert page["n1"] == ["down", "set()"]
        assert ", closed" not in page.text
    page = shown(net)
    assert page["nodes"] == "3 up, 1 down"
    assert page["links"] == "4 in the graph, 2 connections now"
    assert page["n0"] == ["up", "set()"]
    assert ", closed" in page.text


@pytest.mark.skipif(sys.platform == "win32", reason="has no SIGKILL")
def test_a_node_that_was_killed_is_shown():
    with LocalNetwork(Flood, nx.path_graph(3), processes=3) as net:
        os.kill(net.pids["n1"], signal.SIGKILL)
        eventually(lambda: not net.is_up("n1"))
        page = shown(net)
        assert page["n1"] == ["down", ""]
        assert page["n2"] == ["up", "set()"]
        with pytest.warns(NetworkWarning):
            net.run(0.01)
    assert shown(net)["nodes"] == "2 up, 1 down"


class Odd(Protocol):
    """Keep what is hard to show."""

    def on_start(self):
        self.huge = 1 << 100_000
        self.bits = b"\x00" * 10_000_000
        self.long = "x" * 1_000_000
        self.many = list(range(1_000_000))
        self.deep = []
        for _ in range(300):
            self.deep = [self.deep, self.deep]
        self.own = self
        self.broken = Broken()
        self.mixed = {1, "a", None}
        self.evil = {EVIL: EVIL}
        self._hidden = EVIL


class Broken:
    def __repr__(self):
        raise ZeroDivisionError

    def __deepcopy__(self, memo):
        return self


def test_whatever_a_node_keeps_is_shown_in_brief():
    with SimNetwork(Odd, 1) as net:
        html = net._repr_html_()
        page = shown(net)
    assert len(html) < 5000
    cells = dict(zip(page["node"], page["n0"], strict=True))
    assert cells["huge"] == "<a number of 100,001 bits>"
    assert cells["many"].startswith("[0, 1, 2, 3, ...")
    assert "Broken" in cells["broken"]
    assert EVIL[:8] in cells["evil"]
    assert "hidden" not in html
    assert all(len(cell) <= MOST_LETTERS for cell in page["n0"])


def test_of_many_attributes_some_are_shown():
    class Collector(Protocol):
        def on_start(self):
            for number in range(50):
                setattr(self, f"field{number}", number)

    with SimNetwork(Collector, 1) as net:
        assert len(shown(net)["node"]) == 1 + show.MOST_ROWS


def test_a_state_that_cannot_be_copied_is_left_out():
    class Stuck(Protocol):
        def on_start(self):
            self.lines = (line for line in "abc")

    with LocalNetwork(Stuck, 2) as net:
        page = shown(net)
        assert page["n0"] == "up"


def test_a_large_network_is_not_asked_for_its_nodes(monkeypatch):
    looked = []
    look = SimNetwork.__getitem__

    def noted(net, name):
        looked.append(name)
        return look(net, name)

    monkeypatch.setattr(SimNetwork, "__getitem__", noted)
    monkeypatch.setattr(show, "MOST_LINKS", 300)
    with SimNetwork(Flood, nx.cycle_graph(301)) as net:
        monkeypatch.setattr(net, "overlay", None)  # would raise, if it were called
        page = shown(net)
    assert page["links"] == "301 in the graph"
    assert looked == net.names[: show.FIRST]
    assert "… and 296 more nodes" in page.text


def test_a_network_that_does_not_answer_is_shown_all_the_same(monkeypatch):
    with SimNetwork(Flood, 3) as net:

        def silent(*_):
            raise NetworkError(f"the worker does not answer, {EVIL}")

        monkeypatch.setattr(SimNetwork, "overlay", silent)
        monkeypatch.setattr(SimNetwork, "__getitem__", silent)
        net.trace.catch_up = silent
        page, trace = shown(net), shown(net.trace)
        net.trace.catch_up = lambda: None
    assert page["links"] == "3 in the graph"
    assert page["n0"] == "up"
    assert page["trace"] == f"the worker does not answer, {EVIL}"
    assert f"Trace: the worker does not answer, {EVIL}" in trace.text


def test_latencies_that_are_functions_have_a_name():
    def slow(random):
        return 1.0

    with SimNetwork(Flood, 2, link=Link(latency=slow, ordered=False)) as net:
        assert shown(net)["link"] == "Link(latency=slow, ordered=False)"


# Traces


def test_a_trace_says_what_there_was_how_often():
    with SimNetwork(Flood, nx.path_graph(20)) as net:
        net.tell("n0", Rumor("hello"))
        net.run(0.1)
        net.crash("n15")
        net.run(1.0)
        net.call("n0", "log", "the end")
        net.tell("n0", Rumor("again"))
    trace, page = net.trace, shown(net.trace)
    assert f"Trace of {len(trace)} events, 0.000 to 1.100 s" in page.text
    assert f"{trace.size('send'):,} bytes sent" in page.text
    assert page["message"] == ["send", "receive", "drop"]
    numbers = [trace.count(kind=kind, message=Rumor) for kind in ("send", "receive", "drop")]
    assert page["Rumor"] == [str(number) for number in numbers]
    assert page["other events"] == "38 connect, 20 start, 2 disconnect, 1 crash, 1 log"
    events = page.rows[
        page.rows.index(["time", "event", "node", "peer", "bytes", "what", "reason"]) :
    ]
    assert [row[1:3] for row in events[1:6]] == [["start", f"n{i}"] for i in range(5)]
    assert events[6][0] == f"… {len(trace) - 10:,} more"
    size, data = len(encode(Rumor("again"))), '["Rumor",{"text":"again"}]'
    assert events[-3][:6] == ["1.100 s", "log", "n0", "", "", '"the end"']
    assert events[-2][:6] == ["1.100 s", "receive", "n0", "", str(size), data]
    assert events[-1][:6] == ["1.100 s", "send", "n0", "n1", str(size), data]
    assert len(events) == 1 + 5 + 1 + 5


@pytest.mark.parametrize("number", [1, 4, 5, 6, 9, 10, 11])
def test_few_events_are_all_shown_and_each_once(number):
    trace = Trace()
    for time in range(number):
        trace.add(float(time), "log", f"n{time}")
    page = shown(trace)
    times = [row[2] for row in page.rows if len(row) == 7 and row[1] == "log"]
    assert times == [f"n{time}" for time in range(number) if time < 5 or number - time <= 5]
    assert ("… 1 more" in page.text) == (number == 11)
    assert f"Trace of {number} event{'s' if number > 1 else ''}," in page.text


def test_an_empty_trace_is_shown():
    page = shown(Trace())
    assert page.text == "Trace of 0 events, 0 bytes sent"
    assert not page.rows


def test_a_trace_that_only_counted_is_shown():
    trace = Trace("counts")
    trace.add(0.0, "start", "n0")
    trace.add(0.5, "send", "n0", "n1", "Rumor", 20)
    trace.add(0.5, "drop", "n0", "n1", "Rumor", 20, reason="lost")
    page = shown(trace)
    assert page.text.startswith("Trace of 3 events, 20 bytes sent, only counted")
    assert page["Rumor"] == ["1", "0", "1"]
    assert page["drops"] == "lost: 1"
    assert page["other events"] == "1 start"


def test_a_full_trace_says_how_much_of_it_there_is():
    trace = Trace(most=20)
    for number in range(1234):
        trace.add(number, "send", "n0", "n1", "Rumor", 2)
    page = shown(trace)
    assert "Trace of 1,234 events, 0.000 to 19.000 s, 2,468 bytes sent" in page.text
    assert "the first 20 kept, the rest only counted" in page.text
    assert page["Rumor"] == ["1,234", "0", "0"]


def test_drops_are_shown_by_reason_the_most_frequent_first():
    trace = Trace()
    for reason in ("cut", "lost", "lost", "not understood: A", "not understood: B", "lost"):
        trace.add(0.0, "drop", "n0", "n1", reason=reason)
    assert shown(trace)["drops"] == "lost: 3, not understood: 2, cut: 1"


def test_of_many_kinds_of_messages_some_are_shown():
    trace = Trace()
    for number in range(100):
        trace.add(0.0, "send", "n0", "n1", f"Kind{number:02}")
    page = shown(trace)
    assert sum(row[0].startswith("Kind") for row in page.rows) == show.MOST_ROWS
    assert "… and 88 more kinds" in page.text


# Strangers


class Tale(Message):
    """A long one."""

    text: str


class Listener(Protocol):
    """Remember what others say."""

    def on_start(self):
        self.last = ""

    @on(Tale)
    def hear(self, tale, sender):
        self.last = tale.text


def test_strangers_strings_are_text_only():
    with SimNetwork(Listener, nx.Graph([(EVIL, "n0")])) as net:
        net.tell("n0", Tale(EVIL))
        for thing in (net, net.trace):
            html, page = thing._repr_html_(), shown(thing)
            assert "<script" not in html
            assert EVIL in page.text
        assert page.text.count("alert") >= 3


@pytest.mark.parametrize("field", ["node", "peer", "message", "data", "reason"])
def test_every_field_of_an_event_may_be_evil(field):
    event = {"node": "n0", "peer": "n1", "message": "Tale", "data": b"null", "reason": "lost"}
    event[field] = EVIL.encode() if field == "data" else EVIL
    for record in ("all", "counts"):
        trace = Trace(record)
        trace.add(0.0, "drop", **event)
        page = shown(trace)
        assert (EVIL in page.text) or record == "counts"


def test_odd_characters_are_spelled_out_and_long_texts_cut():
    trace = Trace()
    trace.add(0.0, "log", "a\u202eb", data=b'"' + "é".encode() * 1_000_000)
    trace.add(0.0, "drop", "n0", data=b"\xff\x00\x1b[2J", reason="x" * 1000)
    page = shown(trace)
    html = trace._repr_html_()
    assert not {"\u202e", "\x1b", "\x00"} & set(html)
    assert "\\u202e" in html
    assert "é" * 50 in html
    assert len(html) < 4000
    cells = [cell for row in page.rows for cell in row if len(row) == 7]
    assert max(map(len, cells)) == MOST_LETTERS
