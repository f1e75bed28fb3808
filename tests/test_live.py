"""The live view, as far as Python goes: what a viewer is told, and what a viewer may do."""

import json
import re
from types import SimpleNamespace

import networkx as nx
import pytest
from tools import eventually

from p2pkit import Message, Protocol, SimNetwork, on
from p2pkit.errors import NetworkError, TraceError
from p2pkit.link import Link
from p2pkit.live.control import Control
from p2pkit.live.document import document, embedded
from p2pkit.live.feed import Feed
from p2pkit.live.looks import Looks
from p2pkit.live.script import WORDS, spelled
from p2pkit.live.stage import MOST_NODES
from p2pkit.protocols.flood import Flood, Rumor
from p2pkit.trace import Trace

RUMOR = Rumor("hello")


def story(net):
    """Tell a rumor, crash a node, bring it back, let one more come and one leave."""
    net.tell("n0", RUMOR)
    net.after(0.2, net.crash, "n3")
    net.after(0.3, net.restart, "n3")
    net.after(0.35, net.pause, "n1")
    net.after(0.4, net.join, "new", ["n0", "n2"])
    net.after(0.5, net.leave, "n4")
    net.run(0.7)
    return net


@pytest.fixture
def played():
    """A small network to which something has happened, and that is still open."""
    with SimNetwork(Flood, nx.cycle_graph(6), link=Link(latency=0.05), seed=1) as net:
        yield story(net)


def lines(batch, word):
    return [line[2:] for line in batch["events"] if line[1] == word]


# What happened, as the player reads it


def test_a_viewer_is_told_the_stage_and_what_has_happened(played):
    stage, batch = Feed(played).begin()
    assert (stage["mode"], stage["title"]) == ("simulated", "SimNetwork of Flood")
    assert [node[0] for node in stage["nodes"]] == [f"n{number}" for number in range(6)]
    assert {node[3] for node in stage["nodes"]} == {"down"}  # nothing has begun at that time
    assert batch["now"] == pytest.approx(0.7)
    assert batch["texts"] == ["Rumor(text='hello')"]
    assert stage["kinds"] == ["Rumor"]
    assert lines(batch, "n") == [[6, "new", *_place(batch)]]
    assert lines(batch, "-") == [[3, "crash"], [4, "leave"]]
    assert lines(batch, "p") == [[1]]
    assert lines(batch, "+").count([3]) == 2
    json.dumps([stage, batch], allow_nan=False)


def _place(batch):
    [[_, _, x, y]] = lines(batch, "n")
    return [x, y]


def test_every_message_is_there_once_with_its_end(played):
    _, batch = Feed(played).begin()
    sent = [tuple(line) for line in lines(batch, "s")]
    ends = [(there, here, *more) for here, there, *more in lines(batch, "r") if there >= 0]
    dropped = [tuple(line[:5]) for line in lines(batch, "d")]
    assert len(sent) == played.trace.count(kind="send") > 6
    assert sorted(ends + dropped) == sorted(sent)
    assert lines(batch, "r")[0] == [0, -1, 0, 0, 0]  # told from outside


def test_all_words_are_explained_and_times_are_in_order(played):
    _, batch = Feed(played).begin()
    assert {line[1] for line in batch["events"]} <= set(WORDS)
    times = [line[0] for line in batch["events"]]
    assert times == sorted(times)


def test_the_rest_comes_as_it_happens_and_ends_when_the_network_closes():
    with SimNetwork(Flood, 4, seed=1) as net:
        feed = Feed(net)
        feed.begin()
        assert feed.more() is None  # no time has passed
        net.tell("n0", RUMOR)
        net.run(1.0)
        batch = feed.more()
        assert (len(lines(batch, "s")), batch["now"]) == (3 + 3 * 2, 1.0)
        assert not feed.over
    assert feed.more()["closed"]
    assert feed.over
    stage, batch = Feed(net).begin()
    assert stage["mode"] == "replay"
    assert len(lines(batch, "r")) == 1 + 9


def test_it_is_the_same_on_real_sockets_and_from_a_saved_trace(real_network, tmp_path):
    with real_network(Flood, nx.cycle_graph(5)) as net:
        feed = Feed(net)
        stage, batch = feed.begin()
        assert (stage["mode"], len(lines(batch, "+"))) == ("live", 5)
        net.tell("n0", RUMOR)
        seen = eventually(lambda: lines(feed.more(), "s"))
        net.run(until=lambda: all(RUMOR in node.heard for node in net), within=20)
    _, replayed = Feed(net).begin()
    assert len(lines(replayed, "s")) == net.trace.count(kind="send") >= len(seen)
    net.trace.save(tmp_path / "run.jsonl")
    stage, loaded = Feed(Trace.load(tmp_path / "run.jsonl")).begin()
    assert stage["mode"] == "replay"
    assert loaded["events"] == replayed["events"]


def test_a_viewer_who_comes_late_is_told_the_state_and_the_recent_past(played, monkeypatch):
    monkeypatch.setattr("p2pkit.live.feed.MOST_OLD", 4)
    stage, batch = Feed(played).begin()
    states = {name: state for name, _, _, state, _ in stage["nodes"]}
    assert (states["n0"], states["n1"], len(states)) == ("up", "paused", 7)
    assert len(batch["events"]) <= 4
    assert stage["time"] > 0


def test_who_comes_late_sees_what_the_others_see(played, monkeypatch):
    """The state at the end is the same, whether all is told or only the end of it."""
    whole = Feed(played)
    whole.begin()
    monkeypatch.setattr("p2pkit.live.feed.MOST_OLD", 10)
    late = Feed(played)
    late.begin()
    assert late.stage.status == whole.stage.status
    assert set(late.stage.links) == set(whole.stage.links)
    assert late.stage.places == whole.stage.places


def test_connections_are_those_of_the_overlay(played):
    feed = Feed(played)
    feed.begin()
    up = {name for name, state in feed.stage.status.items() if state != "down"}
    shown = {frozenset(pair) for pair in feed.stage.links if set(pair) <= up}
    assert shown == {frozenset(edge) for edge in played.overlay().edges}


def test_cuts_are_told_though_nothing_was_lost_there_yet(network):
    with network(Flood, nx.path_graph(4)) as net:
        feed = Feed(net)
        feed.begin()
        net.cut("n0", "n1")
        assert lines(feed.more(), "k") == [[0, 1, 1]]
        net.heal()
        net.partition(["n0", "n1"])
        assert lines(feed.more(), "k") == [[0, 1, 0], [1, 2, 1]]


# More than can be seen


def test_a_long_run_is_sampled_and_says_so_but_nobodys_first_hearing_is_left_out():
    with SimNetwork(Flood, nx.random_regular_graph(6, 200, seed=1), seed=1) as net:
        for number in range(20):
            net.tell(f"n{number}", Rumor(f"{number}"))
        net.run(3.0)
    feed = Feed(net)
    _, batch = feed.begin()
    assert len(net.trace) > 35_000
    assert 4_000 < len(batch["events"]) < 25_000
    assert re.fullmatch(r"1 in \d+ messages is shown", feed._note())
    heard = {(line[0], line[4]) for line in lines(batch, "r")}
    assert heard == {(node, text) for node in range(200) for text in range(20)}


def test_many_states_are_thinned_and_the_last_of_each_node_is_kept(monkeypatch):
    monkeypatch.setattr("p2pkit.live.feed.MOST_OLD", 400)
    watch = lambda node: {"heard": len(node.heard)}  # noqa: E731
    with SimNetwork(Flood, 30, seed=1, watch=watch) as net:
        for number in range(30):
            net.after(number / 10, net.tell, "n0", Rumor(f"{number}"))
        net.run(4.0)
    feed = Feed(net)
    _, batch = feed.begin()
    states = lines(batch, "w")
    assert 30 <= len(states) < 400 < net.trace.count(kind="state")
    last = {node: look["state"] for node, look in states}
    assert last == {node: [["heard", "30"]] for node in range(30)}


def test_a_huge_network_shows_as_many_nodes_as_fit_and_says_so():
    with SimNetwork(Flood, MOST_NODES + 500, seed=1) as net:
        feed = Feed(net)
        stage, _ = feed.begin()
    assert len(stage["nodes"]) == MOST_NODES
    assert "500 not" in stage["note"]


def test_counts_alone_cannot_be_shown():
    with SimNetwork(Flood, 3, record="counts") as net, pytest.raises(TraceError, match='"all"'):
        Feed(net)


# Looks


def test_looks_are_asked_where_the_node_lives_and_whenever_it_has_acted(network):
    looks = Looks(color=lambda node: "orange" if node.heard else "grey", label=lambda node: node.id)
    with network(Flood, nx.path_graph(3)) as net:
        net.also_watch(looks)
        net.tell("n0", RUMOR)
        net.run(until=lambda: all(node.heard for node in net), within=20)
        net.crash("n1")
        net.restart("n1")
        feed = Feed(net, looks)
        feed.begin()
        colors = {name: look["color"] for name, look in feed.stage.looks.items()}
        assert colors == {"n0": "orange", "n1": "grey", "n2": "orange"}
        assert {look["label"] for look in feed.stage.looks.values()} == {"n0", "n1", "n2"}


def test_what_the_network_watched_already_it_still_watches():
    with SimNetwork(Flood, 2, watch=lambda node: {"rumors": len(node.heard)}) as net:
        net.also_watch(Looks(color=lambda node: len(node.heard)))
        net.tell("n0", RUMOR)
    last = [event.value for event in net.trace.where(kind="state", node="n0")][-1]
    assert last == {"rumors": 1, "look": {"color": 1}}


def test_a_function_that_raises_ends_no_node_and_is_told():
    looks = Looks(color=lambda node: node.hoard)
    with SimNetwork(Flood, 2) as net:
        net.also_watch(looks)
        net.tell("n0", RUMOR)
        net.run(1.0)
        assert all(map(net.is_up, net.names))
    feed = Feed(net, looks)
    feed.begin()
    assert "color: AttributeError" in feed._note()
    assert "hoard" in feed._note()


def test_a_trace_is_coloured_by_what_was_watched():
    with SimNetwork(Flood, 3, watch=lambda node: {"heard": len(node.heard)}) as net:
        net.tell("n0", RUMOR)
        net.run(1.0)
    feed = Feed(net.trace, Looks(color=lambda node: node.heard * 10, size=lambda node: 2))
    feed.begin()
    assert feed.stage.looks["n2"] == {"color": 10, "size": 2.0}


def test_a_closed_network_that_watched_nothing_shows_its_nodes_as_they_ended():
    with SimNetwork(Flood, 3) as net:
        net.tell("n0", RUMOR)
        net.run(1.0)
    stage, _ = Feed(net, Looks(color=lambda node: "orange" if node.heard else "grey")).begin()
    assert [node[4] for node in stage["nodes"]] == [{"color": "orange"}] * 3


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        *[("tab:blue", "#1f77b4"), ("C1", "#e69f00"), ("#123456", "#123456"), (3, 3)],
        *[(None, None), (("a", 1), "('a', 1)"), (True, True)],
    ],
)
def test_colours_are_as_in_plots(value, shown):
    assert Looks(color=lambda node: value).of(None) == {"color": shown}


def test_looks_are_bounded():
    long = Looks(color=lambda node: "x" * 999, label=lambda node: "y" * 999).of(SimpleNamespace())
    assert max(map(len, long.values())) <= 24


# What a viewer may do


@pytest.fixture
def controlled(network):
    with network(Flood, nx.cycle_graph(4)) as net:
        yield net, Control(net)


def do(control, verb, *nodes, **more):
    return control.answer({"type": "do", "verb": verb, "nodes": list(nodes), **more})["text"]


def test_a_viewer_crashes_and_restarts_pauses_and_resumes(controlled):
    net, control = controlled
    assert do(control, "crash", "n1") == "crash n1"
    assert not net.is_up("n1")
    do(control, "restart", "n1")
    assert net.is_up("n1")
    do(control, "pause", "n2")
    assert net.is_paused("n2")
    do(control, "resume", "n2")
    assert not net.is_paused("n2")
    do(control, "cut", "n0", "n1")
    assert net.weather.divides("n0", "n1")
    do(control, "heal")
    assert not net.weather.divides("n0", "n1")


def test_a_viewer_tells_a_rumor_and_looks_at_what_a_node_knows(controlled):
    net, control = controlled
    assert control.offer()["tells"] == [{"kind": "Rumor", "fields": [("text", "str")]}]
    said = do(control, "tell", "n0", kind="Rumor", fields={"text": "hi"})
    assert said == "n0 is told Rumor(text='hi')"
    net.run(until=lambda: Rumor("hi") in net["n2"].heard, within=20)
    answer = control.answer({"type": "inspect", "node": "n2"})
    assert answer == {"type": "node", "node": "n2", "state": [["heard", "{Rumor(text='hi')}"]]}


@pytest.mark.parametrize(
    "wish",
    [
        *(None, 5, [], {}, {"type": "do"}, {"type": "inspect"}, {"type": "inspect", "node": "x"}),
        {"type": "do", "verb": "crash", "nodes": ["nobody"]},
        {"type": "do", "verb": "crash", "nodes": []},
        {"type": "do", "verb": "close", "nodes": []},
        {"type": "do", "verb": "__init__", "nodes": ["n0"]},
        {"type": "do", "verb": "tell", "nodes": ["n0"], "kind": "Rumour", "fields": {}},
        {"type": "do", "verb": "tell", "nodes": ["n0"], "kind": "Rumor", "fields": {}},
        {"type": "do", "verb": "tell", "nodes": ["n0"], "kind": "Rumor", "fields": {"text": 5}},
        {"type": "do", "verb": "restart", "nodes": ["n0"]},
    ],
    ids=repr,
)
def test_a_wish_that_makes_no_sense_is_answered_with_a_sentence(wish):
    with SimNetwork(Flood, 2) as net:
        answer = Control(net).answer(wish)
        assert answer is None or (answer["type"] == "said" and answer["text"])
        assert all(map(net.is_up, net.names))
        assert not any(node.heard for node in net)


class Count(Message):
    number: int
    share: float
    loud: bool = False


class Listening(Message):
    names: tuple[str, ...]


class Counter(Protocol):
    def on_start(self):
        self.seen = []

    @on(Count)
    def count(self, message, sender):
        self.seen.append(message)
        if message.number == 13:
            raise ValueError("bad luck")

    @on(Listening)
    def listen(self, message, sender):
        pass


def test_what_a_person_writes_into_a_form_becomes_what_the_field_says():
    with SimNetwork(Counter, 2) as net:
        control = Control(net)
        [form] = control.offer()["tells"]  # and none for a list of names
        assert form["fields"] == [("number", "int"), ("share", "float"), ("loud", "bool")]
        do(control, "tell", "n0", kind="Count", fields={"number": "3", "share": "0.5"})
        assert net["n0"].seen == [Count(3, 0.5)]
        assert (
            "expected"
            in do(
                control, "tell", "n0", kind="Count", fields={"number": "three", "share": "1"}
            ).lower()
        )


def test_a_students_mistake_is_shown_to_who_caused_it():
    with SimNetwork(Counter, 2) as net:
        said = do(Control(net), "tell", "n0", kind="Count", fields={"number": "13", "share": "0"})
        assert said == "ValueError: bad luck"
        assert not net.is_up("n0")


def test_a_simulation_that_runs_in_another_thread_acts_when_it_can():
    with SimNetwork(Flood, 3) as net:
        control = Control(net)
        net.after(0.5, lambda: do(control, "crash", "n1"))  # as if from another thread, in `run`
        net.run(1.0)
        assert not net.is_up("n1")
        [crash] = net.trace.where(kind="crash")
        assert crash.time == 0.5


def test_a_closed_network_says_that_it_is():
    with SimNetwork(Flood, 2) as net:
        pass
    assert "closed" in do(Control(net), "crash", "n0")
    with pytest.raises(NetworkError, match="closed"):
        net.also_watch(Looks())


# What strangers write


NASTY = "</script><script>alert(1)</script>"


def test_a_page_shows_strangers_words_as_text():
    page = document(NASTY, "", script=[{"text": NASTY}])
    assert NASTY not in page
    assert "&lt;/script&gt;&lt;script&gt;alert(1)" in page
    written = re.search(r'<script type="application/json" id="script">(.*?)</script>', page, re.S)
    assert json.loads(written[1]) == [{"text": NASTY}]


def test_no_text_ends_a_script_element():
    for text in (NASTY, "<!--", "]]>", "\u2028", "\0", "\ud800"):
        assert json.loads(embedded(text)) == text
        assert "<" not in embedded(text)


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xfe", b"[" * 5000, b'["Rumor", 5]', b"{}", b"x" * 99_999]
)
def test_bytes_that_are_no_message_have_a_text_too(data):
    assert len(spelled(data)) <= 120


def test_a_page_asks_nobody_for_anything():
    page = document("a run", "")
    assert "default-src 'none'" in page
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", page)
