"""The latency: that the curve counts messages, marks its quantiles, and compares runs."""

import networkx as nx
import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.collections import PathCollection
from pictures import amount, everything_fits, legend, texts, tick_labels

from p2pkit import Link, LocalNetwork, SimNetwork, plot
from p2pkit.errors import TraceError
from p2pkit.plot import style
from p2pkit.protocols.gossip import Gossip, Rumor
from p2pkit.trace import Trace

pytestmark = pytest.mark.usefixtures("without_a_screen")


def took(*seconds, kind="Ping"):
    """Return the trace of messages that took so long; None is a message that was lost."""
    trace = Trace()
    for number, time in enumerate(seconds, start=1):
        trace.add(1.0, "send", "n0", "n1", message=kind, serial=number)
        if time is not None:
            trace.add(1.0 + time, "receive", "n1", "n0", message=kind, serial=number)
    return trace


def gossip(network, **options):
    with network(Gossip, nx.complete_graph(8), seed=1, **options) as net:
        net.tell("n0", Rumor("hello"))
        net.run(1)
    return net.trace


def curve(ax, number=-1):
    """Return the corners of a curve, inside the axes."""
    x, y = ax.lines[number].get_data()
    inside = np.asarray(x) <= ax.get_xlim()[1]
    return np.asarray(x)[inside].round(6).tolist(), np.asarray(y)[inside].round(6).tolist()


def marks(ax):
    found = [c for c in ax.collections if isinstance(c, PathCollection)]
    return [tuple(map(float, c.get_offsets()[0].round(6))) for c in found]


def test_the_curve_counts_the_messages_that_arrived():
    ax = plot.latency(took(1.0, 4.0, None, 2.0, 3.0))
    assert curve(ax) == ([1, 1, 2, 3, 4], [0, 25, 50, 75, 100])
    assert ax.lines[0].get_drawstyle() == "steps-post"
    assert ax.get_xlabel() == "time from sender to receiver (s)"
    assert ax.get_ylabel() == "messages that took no longer (%)"
    assert amount(ax, style.SERIES[0]) > 500
    assert everything_fits(ax)


def test_median_and_99_percent_are_marked_and_written():
    ax = plot.latency(took(*[0.001 * (number + 1) for number in range(101)]))
    assert marks(ax) == [(0.051, 50.0), (0.1, 99.0)]
    assert texts(ax) == ["median: 51 ms", "99 %: 100 ms"]
    assert legend(ax) == []
    assert ax.get_xlabel() == "time from sender to receiver (ms)"
    assert "100" in tick_labels(ax)
    box = ax.get_window_extent()
    for text in ax.texts:
        assert text.get_window_extent().x1 <= box.x1


def test_only_of_one_kind_or_one_message():
    trace = took(1.0, 2.0)
    trace.add(0.0, "send", "n0", "n1", message="Pong", serial=9)
    trace.add(9.0, "receive", "n1", "n0", message="Pong", serial=9)
    assert curve(plot.latency(trace))[0][-1] == 9
    ax = plot.latency(trace, "Ping")
    assert curve(ax)[0] == [1, 1, 2]
    assert ax.get_ylabel() == "Ping messages that took no longer (%)"
    assert plot.latency(gossip(SimNetwork), Rumor).get_ylabel().startswith("Rumor messages")


def test_several_are_compared_with_a_legend():
    ax = plot.latency({"near": took(0.1, 0.1), "far": took(0.8, 3.0)})
    assert legend(ax) == [
        "near (median: 100 ms, 99 %: 100 ms)",
        "far (median: 1.9 s, 99 %: 2.98 s)",
    ]
    assert texts(ax) == []
    for color in style.SERIES[:2]:
        assert amount(ax, color) > 200
    assert len(marks(ax)) == 4
    assert everything_fits(ax)
    labels = legend(plot.latency([took(1.0), took(2.0)]))
    assert [label.partition(" (")[0] for label in labels] == ["run 1", "run 2"]


def test_two_calls_share_axes():
    ax = plot.latency(took(1.0, 9.0), label="slow")
    assert plot.latency(took(0.1), label="fast", ax=ax) is ax
    assert [label.partition(" (")[0] for label in legend(ax)] == ["slow", "fast"]
    assert ax.get_xlim()[1] > 9
    assert [line.get_color() for line in ax.lines] == list(style.SERIES[:2])


def test_times_that_differ_by_powers_of_ten():
    ax = plot.latency({"near": took(0.0, 0.001), "far": took(10.0)}, log=True)
    assert ax.get_xscale() == "log"
    assert 0 < ax.get_xlim()[0] < 0.001
    assert ax.get_xlim()[1] > 10
    assert everything_fits(ax)


def test_a_message_that_takes_no_time():
    for log in (False, True):
        ax = plot.latency(took(0.0), log=log)
        assert ax.get_xlim()[1] > 0
        assert everything_fits(ax)


def test_simulated_and_real():
    ax = plot.latency(gossip(SimNetwork, link=Link(latency=(0.02, 0.1), loss=0.1)))
    x, y = curve(ax)
    assert 0.02 <= x[0] < x[-1] <= 0.1
    assert y[-1] == 100
    ax = plot.latency(gossip(LocalNetwork))
    assert curve(ax)[1][-1] == 100
    assert amount(ax, style.SERIES[0]) > 300
    assert everything_fits(ax)


def test_given_axes_are_used():
    figure, (left, right) = pyplot.subplots(1, 2)
    assert plot.latency(took(1.0), ax=right) is right
    assert not left.lines
    assert pyplot.get_fignums() == [figure.number]


def test_what_cannot_be_drawn_says_why():
    with pytest.raises(TraceError, match='record="all"'):
        plot.latency(Trace(record="counts"))
    with pytest.raises(TraceError, match="no message arrived in this trace"):
        plot.latency(took(None, None))
    with pytest.raises(TraceError, match="no Pong message arrived in the trace of ring"):
        plot.latency({"ring": took(1.0)}, "Pong")
    with pytest.raises(TraceError, match="there is no trace to draw"):
        plot.latency([])
    assert pyplot.get_fignums() == []
