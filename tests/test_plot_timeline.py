"""The timeline: that lines, arrows, crosses and marks are where a trace has them."""

import networkx as nx
import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.patches import Rectangle
from matplotlib.quiver import Quiver
from pictures import Rumor, amount, everything_fits, legend, texts, tick_labels

from p2pkit import Link, LocalNetwork, Message, SimNetwork, plot
from p2pkit.errors import TraceError
from p2pkit.plot import style
from p2pkit.plot.excerpt import ARROWS, LINES
from p2pkit.protocols.gossip import Gossip
from p2pkit.protocols.gossip import Rumor as Gossiped
from p2pkit.protocols.repair import RepairedGossip
from p2pkit.trace import Trace

pytestmark = pytest.mark.usefixtures("without_a_screen")


def written(*events, nodes=("n0", "n1", "n2")):
    """Return a trace of nodes that start, and of events: (time, kind, node, peer, serial, …)."""
    trace = Trace()
    for name in nodes:
        trace.add(0.0, "start", name)
    for time, kind, node, *more in events:
        peer, serial, reason = (*more, None, None, None)[:3]
        message = "Rumor" if kind in ("send", "receive", "drop") else None
        trace.add(
            time, kind, node, peer, message=message, serial=serial or 0, reason=reason, size=7
        )
    return trace


def story(network, graph=5, **options):
    """Return the trace of a network in which everything happens."""
    graph = nx.complete_graph(graph) if isinstance(graph, int) else graph
    link = options.pop("link", Link(latency=(0.01, 0.1), loss=0.1))
    with network(RepairedGossip, graph, link=link, seed=7, **options) as net:
        first, second, third, *_, last = net.names
        net.tell(first, Gossiped("hello"))
        net.after(0.02, net.partition, [first, second])
        net.after(0.03, net.crash, last)
        net.after(0.06, net.pause, third)
        net.after(0.2, net.resume, third)
        net.after(0.3, net.restart, last)
        net.after(0.35, net.heal)
        net.after(0.4, net.tell, third, Gossiped("bye"))
        net.run(0.7)
    return net.trace


def arrows(ax):
    """Return where arrows begin and end, as (time, row, time, row)."""
    found = [c for c in ax.collections if isinstance(c, Quiver) and c.N]
    rows = [np.column_stack([c.X, c.Y, c.X + c.U, c.Y + c.V]) for c in found]
    return [tuple(map(float, row)) for row in np.concatenate([np.empty((0, 4)), *rows]).round(6)]


def crosses(ax):
    found = [c for c in ax.collections if isinstance(c, PathCollection) and c.get_gid() is None]
    return [tuple(map(float, spot)) for c in found for spot in c.get_offsets()]


def marks(ax, kind):
    found = [c for c in ax.collections if c.get_gid() == kind and isinstance(c, PathCollection)]
    return [tuple(map(float, spot)) for c in found for spot in c.get_offsets()]


def lives(ax):
    lines = next(c for c in ax.collections if isinstance(c, LineCollection))
    return [tuple(map(float, [*one, *other])) for one, other in lines.get_segments()]


def test_an_arrow_goes_from_the_send_to_the_receive():
    ax = plot.timeline(
        written(
            (1.0, "receive", "n0"),
            (1.0, "send", "n0", "n2", 1),
            (1.0, "send", "n0", "n1", 2),
            (1.5, "receive", "n1", "n0", 2),
            (2.0, "receive", "n2", "n0", 1),
        )
    )
    assert sorted(arrows(ax)) == [(1.0, 0.0, 1.5, 1.0), (1.0, 0.0, 2.0, 2.0)]
    assert marks(ax, "told") == [(1.0, 0.0)]
    assert crosses(ax) == []
    assert legend(ax) == ["Rumor", "told from outside"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["n0", "n1", "n2"]
    assert ax.get_ylim()[0] > ax.get_ylim()[1]  # the first node is on top
    assert ax.get_xlabel() == "time since the network started (s)"
    assert amount(ax, style.MESSAGES[0]) > 300
    assert amount(ax, style.INK) > 800  # the nodes' lines


def test_a_lost_message_ends_on_its_way_and_one_for_a_dead_node_at_its_line():
    ax = plot.timeline(
        written(
            (1.0, "send", "n0", "n1", 1),
            (1.4, "receive", "n1", "n0", 1),
            (1.0, "send", "n0", "n2", 2),
            (1.0, "drop", "n0", "n2", 2, "lost"),
            (1.2, "crash", "n2"),
            (1.1, "send", "n1", "n2", 1),
            (1.6, "drop", "n1", "n2", 1, "node is down"),
        )
    )
    assert len(arrows(ax)) == 1
    lost, down = sorted(crosses(ax))
    assert 1.0 < lost[0] < 1.4
    assert 0 < lost[1] < 1
    assert down == (1.6, 2.0)
    assert legend(ax) == ["Rumor", "crash", "lost, node is down"]


def test_a_message_that_is_still_on_its_way_has_neither_head_nor_cross():
    ax = plot.timeline(written((1.0, "send", "n0", "n1", 1)))
    assert arrows(ax) == crosses(ax) == []
    assert amount(ax, style.MESSAGES[0], within=90) > 20


def test_all_lost():
    ax = plot.timeline(story(SimNetwork, link=Link(loss=1.0)))
    assert arrows(ax) == []
    assert len(crosses(ax)) > 10
    assert everything_fits(ax)


def test_a_life_ends_with_a_crash_and_begins_again():
    ax = plot.timeline(
        written(
            (1.0, "crash", "n1"), (3.0, "start", "n1"), (4.0, "leave", "n2"), (5.0, "log", "n0")
        )
    )
    end = ax.get_xlim()[1]
    assert sorted(lives(ax), key=lambda life: (life[1], life[0])) == [
        (0.0, 0.0, end, 0.0),
        (0.0, 1.0, 1.0, 1.0),
        (3.0, 1.0, end, 1.0),
        (0.0, 2.0, 4.0, 2.0),
    ]
    assert marks(ax, "crash") == [(1.0, 1.0)]
    assert marks(ax, "start") == [(3.0, 1.0)]
    assert marks(ax, "leave") == [(4.0, 2.0)]
    assert marks(ax, "log") == [(5.0, 0.0)]
    assert legend(ax) == ["crash", "leave", "log"]


def test_a_pause_is_a_grey_stretch():
    ax = plot.timeline(written((1.0, "pause", "n1"), (2.0, "resume", "n1"), (4.0, "pause", "n0")))
    pauses = [patch.get_bbox() for patch in ax.patches if isinstance(patch, Rectangle)]
    assert sorted((box.x0, box.x1) for box in pauses) == [(1.0, 2.0), (4.0, ax.get_xlim()[1])]
    assert amount(ax, style.QUIET) > 200
    assert legend(ax) == ["paused"]


def test_a_simulated_and_a_real_run_look_alike():
    for network in (SimNetwork, LocalNetwork):
        trace = story(network)
        ax = plot.timeline(trace)
        arrived = trace.count(kind="receive") - 2  # two were told from outside
        assert len(arrows(ax)) == arrived > 10
        assert legend(ax)[:2] == ["Rumor", "Notes"]
        assert ax.get_xlabel() == "time since the network started (ms)"
        assert "400" in tick_labels(ax)
        for color in style.MESSAGES[:2]:
            assert amount(ax, color) > 100
        assert len(marks(ax, "told")) == 2
        assert everything_fits(ax)


def test_a_loaded_trace_is_the_same_picture(tmp_path):
    trace = story(SimNetwork)
    trace.save(tmp_path / "run.jsonl")
    ax, again = plot.timeline(trace), plot.timeline(Trace.load(tmp_path / "run.jsonl"))
    assert arrows(ax) == arrows(again) != []
    assert crosses(ax) == crosses(again)


def test_nodes_time_and_message_choose_what_is_drawn():
    trace = story(SimNetwork)
    ax = plot.timeline(trace, nodes=["n3", 0], start=0.3, end=0.6, message=Gossiped)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["n3", "n0"]
    assert ax.get_xlim() == (0.3, 0.6)
    assert {(row, until) for _, row, _, until in arrows(ax)} <= {(0, 1), (1, 0)}
    assert legend(ax)[0] == "Rumor"
    assert "Notes" not in legend(ax)
    assert any("2 of 5 nodes" in text for text in texts(ax))
    one = plot.timeline(trace, message=Gossiped("bye"))
    assert 0 < len(arrows(one)) < len(arrows(plot.timeline(trace, message="Rumor")))
    notes = plot.timeline(trace, message="Notes")
    assert amount(notes, style.MESSAGES[1]) > 100  # a kind keeps its colour
    assert amount(notes, style.MESSAGES[0]) == 0


def test_of_many_nodes_the_first_are_drawn_and_the_picture_says_so():
    trace = story(SimNetwork, nx.random_regular_graph(8, 100, seed=1))
    ax = plot.timeline(trace)
    assert len(ax.get_yticks()) == LINES
    assert "n0" in [label.get_text() for label in ax.get_yticklabels()]
    assert any(text.startswith(f"shown: {LINES} of 100 nodes, ") for text in texts(ax))
    assert everything_fits(ax)


def test_of_many_messages_the_first_are_drawn_unless_somebody_says_until_when():
    with SimNetwork(Gossip, 6, seed=1) as net:
        for number in range(60):
            net.after(0.1 * number, net.tell, "n0", Gossiped(str(number)))
        net.run(10)
    ax = plot.timeline(net.trace)
    assert ARROWS <= len(arrows(ax)) <= 1.2 * ARROWS
    assert 0 < ax.get_xlim()[1] < 4
    all_ = net.trace.count(kind="send")
    assert texts(ax) == [f"shown: {len(arrows(ax)):,} of {all_:,} messages"]
    ax = plot.timeline(net.trace, end=10)
    assert len(arrows(ax)) == all_
    assert texts(ax) == []


def test_long_names_are_shortened():
    names = {number: f"a-node-with-a-very-long-name-{number}" for number in range(5)}
    ax = plot.timeline(story(SimNetwork, nx.relabel_nodes(nx.complete_graph(5), names)))
    assert all(len(label.get_text()) <= style.NAME for label in ax.get_yticklabels())
    assert everything_fits(ax)


def test_a_node_alone_and_two():
    with SimNetwork(Gossip, 1) as net:
        net.run(1)
    ax = plot.timeline(net.trace)
    assert lives(ax) == [(0.0, 0.0, 1.0, 0.0)]
    assert ax.get_xlim() == (0, 1)
    with SimNetwork(Gossip, 2) as net:
        net.tell("n0", Gossiped("x"))
        net.run(1)
    assert arrows(plot.timeline(net.trace)) == [(0, 0, 0.01, 1), (0.01, 1, 0.02, 0)]


def test_labels_stand_on_messages():
    trace = story(SimNetwork)
    ax = plot.timeline(trace, message=Gossiped("bye"), label=lambda event: event.value[1]["text"])
    assert {text for text in texts(ax) if "shown" not in text} == {"bye"}
    assert len([text for text in texts(ax) if text == "bye"]) >= len(arrows(ax)) > 3
    assert texts(plot.timeline(trace, label=lambda event: None)) == []


def test_more_kinds_than_colours_share_the_last():
    trace = Trace()
    trace.add(0.0, "start", "n0")
    for number in range(9):
        trace.add(number, "send", "n0", "n1", message=f"Kind{number}", serial=number)
        trace.add(number + 0.5, "receive", "n1", "n0", message=f"Kind{number}", serial=number)
    ax = plot.timeline(trace)
    assert legend(ax) == [*(f"Kind{number}" for number in range(7)), "2 other kinds"]
    for color in style.MESSAGES:
        assert amount(ax, color) > 20
    assert everything_fits(ax)


def test_given_axes_are_used():
    figure, (left, right) = pyplot.subplots(1, 2)
    assert plot.timeline(story(SimNetwork), ax=right) is right
    assert not left.collections
    assert pyplot.get_fignums() == [figure.number]


def test_what_cannot_be_drawn_says_why():
    with pytest.raises(TraceError, match='record="all"'):
        plot.timeline(Trace(record="counts"))
    with pytest.raises(TraceError, match="let the network run"):
        plot.timeline(Trace())
    with pytest.raises(TraceError, match="no node n7 in this trace: its nodes are n0, n1"):
        plot.timeline(written(nodes=["n0", "n1"]), nodes=["n7"])
    with pytest.raises(TraceError, match="no node alise in this trace: did you mean alice"):
        plot.timeline(written(nodes=["alice", "bob"]), nodes=["alise"])
    with pytest.raises(TraceError, match="the end must come after the start"):
        plot.timeline(written(), start=2, end=1)
    assert pyplot.get_fignums() == []


def test_a_message_may_be_one_that_nobody_sent():
    class Ping(Message):
        pass

    ax = plot.timeline(story(SimNetwork), message=Ping)
    assert arrows(ax) == []
    assert Rumor.__name__ not in legend(ax)
