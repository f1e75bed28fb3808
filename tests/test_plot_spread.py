"""The spread: that the curve counts nodes, in the right unit, for one run and for many."""

import numpy as np
import pytest
from matplotlib import pyplot
from pictures import Rumor, amount, legend, texts, tick_labels, told

from p2pkit import plot
from p2pkit.errors import TraceError
from p2pkit.plot import style
from p2pkit.stats import arrivals, started
from p2pkit.trace import Trace

pytestmark = pytest.mark.usefixtures("without_a_screen")


def curve(ax, number=-1):
    """Return a curve's points inside the axes."""
    x, y = [line for line in ax.lines if line.get_linewidth() == 2][number].get_data()
    inside = np.asarray(x) <= ax.get_xlim()[1]
    return list(np.asarray(x)[inside]), list(np.asarray(y)[inside])


def test_arrivals_are_first_ones_in_order():
    trace = Trace()
    for name in ("n2", "n0", "n1", "n2"):
        trace.add(0.0, "start", name)
    trace.add(1.0, "send", "n0", "n1", message="Rumor")
    trace.add(2.0, "receive", "n1", "n0", message="Rumor")
    trace.add(2.5, "drop", "n2", "n0", message="Rumor", reason="lost")
    trace.add(3.0, "receive", "n0", "n1", message="Rumor")
    trace.add(4.0, "receive", "n2", message="Ping")
    assert arrivals(trace, "Rumor") == {"n0": 1.0, "n1": 2.0}
    assert list(arrivals(trace, "Rumor")) == ["n0", "n1"]
    assert arrivals(trace, "Nothing") == {}
    assert started(trace) == ["n2", "n0", "n1"]


def test_arrivals_of_one_message_and_of_a_class():
    trace = told([1.0, 2.0])
    trace.add(0.5, "receive", "n1", message="Rumor", data=b'["Rumor",{"text":"bye"}]')
    assert arrivals(trace, Rumor("hello")) == {"n0": 1.0, "n1": 2.0}
    assert arrivals(trace, Rumor("bye")) == {"n1": 0.5}
    assert arrivals(trace, Rumor) == arrivals(trace, "Rumor") == {"n1": 0.5, "n0": 1.0}


@pytest.mark.parametrize("message", [Rumor("hello"), Rumor, "Rumor"])
def test_the_curve_counts_nodes_from_the_first_arrival(message):
    ax = plot.spread(told([0.0, 1.0, 3.0, 2.0], seconds=7.0), message)
    assert curve(ax) == ([0, 1, 2, 3], [10, 20, 30, 40])
    assert ax.lines[0].get_drawstyle() == "steps-post"
    assert ax.get_xlabel() == "time since the first node had it (s)"
    assert ax.get_ylabel() == "nodes with Rumor (%)"
    assert texts(ax) == ["4 of 10 nodes"]
    assert ax.get_ylim()[0] == 0
    assert 100 < ax.get_ylim()[1] < 115


def test_the_curve_is_seen():
    ax = plot.spread(told([0.0, 1.0, 3.0, 2.0]), Rumor)
    assert amount(ax, style.SERIES[0]) > 500


def test_below_a_second_ticks_are_milliseconds():
    ax = plot.spread(told([0.0, 0.1, 0.25]), Rumor)
    assert ax.get_xlabel() == "time since the first node had it (ms)"
    assert "200" in tick_labels(ax)
    plot.spread(told([0.0, 4.0]), Rumor, ax=ax)  # the axis now has to hold both
    assert ax.get_xlabel() == "time since the first node had it (s)"
    assert "4" in tick_labels(ax)
    assert "200" not in tick_labels(ax)


def test_two_calls_share_axes_in_two_colours_with_a_legend():
    ax = plot.spread(told([0.0, 9.0]), Rumor, label="slow")
    assert plot.spread(told([0.0, 1.0]), Rumor, label="fast", ax=ax) is ax
    assert legend(ax) == ["slow", "fast"]
    assert [line.get_color() for line in ax.lines] == list(style.SERIES[:2])
    assert ax.get_xlim()[1] > 9
    for color in style.SERIES[:2]:
        assert amount(ax, color) > 200
    assert ax.lines[1].get_xdata()[-1] > 9  # what was reached stays reached
    assert texts(ax) == []


def test_many_runs_have_a_median_and_a_band():
    runs = [told([0.0, 1.0 + number, 20.0]) for number in range(11)]
    ax = plot.spread(runs, Rumor)
    assert legend(ax) == ["10 to 90 % of the runs", "median of 11 runs"]
    assert len(ax.lines) == 12
    x, y = curve(ax)
    assert y[0] == 10
    assert x[int(np.argmax(np.array(y) >= 20))] == pytest.approx(6, abs=0.1)  # 1 + 5, the median
    band = ax.collections[0].get_paths()[0]
    assert (band.get_extents().y0, band.get_extents().y1) == (10, 30)
    # 10 % of 11 runs are there when the second is, at 2 s.
    assert min(x for x, y in band.vertices if y >= 20) == pytest.approx(2, abs=0.1)
    assert legend(plot.spread(runs, Rumor, label="push")) == ["push"]
    assert texts(ax) == []


def test_a_list_of_one_run_is_one_run():
    ax = plot.spread([told([0.0, 1.0])], Rumor)
    assert len(ax.lines) == 1
    assert texts(ax) == ["2 of 10 nodes"]


def test_one_node_alone_can_be_drawn():
    ax = plot.spread(told([3.0], n=1), Rumor)
    assert curve(ax) == ([0], [100])
    assert ax.get_xlim()[1] == 1


def test_what_cannot_be_drawn_says_why():
    with pytest.raises(TraceError, match=r"no node ever had Rumor\(text='bye'\) in this trace"):
        plot.spread(told([0.0]), Rumor("bye"))
    with pytest.raises(TraceError, match="no node ever had Nothing"):
        plot.spread(told([0.0]), "Nothing")
    with pytest.raises(TraceError, match="there is no trace to draw"):
        plot.spread([], Rumor)
    with pytest.raises(TraceError, match='record="all"'):
        plot.spread(Trace(record="counts"), Rumor)
    assert pyplot.get_fignums() == []


def test_spread_uses_given_axes():
    figure, axes = pyplot.subplots(1, 2)
    assert plot.spread(told([0.0, 1.0]), Rumor, ax=axes[1]) is axes[1]
    assert pyplot.get_fignums() == [figure.number]
