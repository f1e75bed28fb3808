"""The traffic: that the matrix holds what each node sent to each other one."""

import networkx as nx
import numpy as np
import pytest
from matplotlib import pyplot
from pictures import amount, everything_fits, ink, tick_labels

from p2pkit import LocalNetwork, SimNetwork, plot
from p2pkit.errors import TraceError
from p2pkit.plot import style
from p2pkit.plot.traffic import CELLS
from p2pkit.protocols.gossip import Gossip, Rumor
from p2pkit.protocols.repair import RepairedGossip
from p2pkit.topology import build
from p2pkit.trace import Trace

pytestmark = pytest.mark.usefixtures("without_a_screen")


def gossip(network, graph):
    with network(RepairedGossip, graph, seed=1) as net:
        net.tell(net.names[0], Rumor("hello"))
        net.run(0.8)
    return net.trace


def small():
    trace = Trace()
    for name in ("n0", "n1", "n2"):
        trace.add(0.0, "start", name)
    for sender, receiver, size in (("n0", "n1", 10), ("n0", "n1", 30), ("n2", "n0", 5)):
        trace.add(1.0, "send", sender, receiver, message="Ping", size=size)
    trace.add(1.0, "send", "n1", "n2", message="Pong", size=7)
    return trace


def cells(ax):
    return ax.images[0].get_array().filled(0).tolist()


def bar(ax):
    return ax.figure.axes[1]


def names(ax):
    ax.figure.canvas.draw()
    return [label.get_text() for label in ax.get_yticklabels()]


def test_a_row_is_a_sender_and_a_column_a_receiver():
    ax = plot.traffic(small())
    assert cells(ax) == [[0, 2, 0], [0, 0, 1], [1, 0, 0]]
    assert names(ax) == tick_labels(ax) == ["n0", "n1", "n2"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("receiver", "sender")
    assert bar(ax).get_ylabel() == "messages sent"
    most = pyplot.get_cmap(f"{style.COLORMAP}_r")(1.0)
    assert amount(ax, most) > 5000
    assert amount(ax, style.PAPER) > 5000  # what never happened is white
    assert everything_fits(ax)


def test_bytes_kinds_and_nodes():
    ax = plot.traffic(small(), unit="bytes")
    assert cells(ax) == [[0, 40, 0], [0, 0, 7], [5, 0, 0]]
    assert bar(ax).get_ylabel() == "bytes sent"
    assert cells(plot.traffic(small(), "Pong")) == [[0, 0, 0], [0, 0, 1], [0, 0, 0]]
    ax = plot.traffic(small(), nodes=["n2", 0])
    assert cells(ax) == [[0, 1], [0, 0]]
    assert names(ax) == ["n2", "n0"]
    assert np.sum(cells(plot.traffic(gossip(SimNetwork, 6), Rumor))) > 5


@pytest.mark.parametrize("n", [2, 12, 30, 31, 60, 61, 100])
def test_names_can_be_read_or_are_not_there(n):
    ax = plot.traffic(gossip(SimNetwork, build("small-world", n, 1)))
    shown = [name for name in names(ax) if name.startswith("n")]
    assert len(shown) == {True: n, False: (n + 1) // 2}[n <= 30] if n <= 60 else not shown
    assert everything_fits(ax)
    assert ink(ax) > 500
    sizes = {label.get_fontsize() for label in ax.get_yticklabels()}
    assert min(sizes) > 6


def test_long_names_are_shortened():
    graph = nx.relabel_nodes(
        nx.complete_graph(9), {i: f"a-node-with-a-long-name-{i}" for i in range(9)}
    )
    ax = plot.traffic(gossip(SimNetwork, graph))
    assert all(len(name) <= style.NAME for name in names(ax))
    assert everything_fits(ax)


def test_of_many_nodes_several_share_a_row():
    trace = gossip(SimNetwork, build("random-regular", 500, 1))
    ax = plot.traffic(trace)
    assert len(cells(ax)) == CELLS
    assert np.sum(cells(ax)) == trace.count(kind="send")
    assert bar(ax).get_ylabel() == "messages sent, from 5 nodes to 5 nodes"
    assert ax.get_xlabel() == "receiver (its number, in the order of starting)"
    assert "200" in tick_labels(ax)
    assert everything_fits(ax)


def test_a_real_network():
    with LocalNetwork(Gossip, nx.star_graph(5)) as net:
        net.tell("n0", Rumor("hello"))
        net.run(until=lambda: net.trace.count(kind="receive") > 3, within=20)
    ax = plot.traffic(net.trace)
    assert np.sum(cells(ax)) == net.trace.count(kind="send")
    assert names(ax) == [f"n{number}" for number in range(6)]
    assert ink(ax) > 1000


def test_given_axes_are_used():
    figure, (left, right) = pyplot.subplots(1, 2)
    assert plot.traffic(small(), ax=right) is right
    assert not left.images
    assert pyplot.get_fignums() == [figure.number]


def test_what_cannot_be_drawn_says_why():
    with pytest.raises(TraceError, match='record="all"'):
        plot.traffic(Trace(record="counts"))
    with pytest.raises(TraceError, match="let the network run"):
        plot.traffic(Trace())
    with pytest.raises(TraceError, match="no Pang message was sent between these nodes"):
        plot.traffic(small(), "Pang")
    with pytest.raises(TraceError, match="there is no node n7 in this trace"):
        plot.traffic(small(), nodes=["n7"])
    with pytest.raises(ValueError, match='in "messages" or in "bytes"'):
        plot.traffic(small(), unit="packets")
    assert pyplot.get_fignums() == []
