"""What the tests of plots use: looking at pictures, and as much of a network as a plot sees."""

from itertools import combinations
from types import SimpleNamespace

import networkx as nx
import numpy as np
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.colors import to_rgb

from p2pkit.message import Message
from p2pkit.topology import named
from p2pkit.trace import Trace


class Rumor(Message):
    text: str


class Net:
    """As much of a network as a plot sees."""

    def __init__(self, graph, *, down=(), cut=(), new=()):
        self.graph = named(graph)
        self.down = set(down)
        self.gone = {frozenset(edge) for edge in cut}
        self.new = list(new)
        self.nodes = {
            name: SimpleNamespace(id=name, number=number, peers=dict.fromkeys(self.graph[name]))
            for number, name in enumerate(self.graph)
        }

    def __iter__(self):
        return iter(self.nodes.values())

    def __getitem__(self, name):
        return self.nodes[name]

    def is_up(self, name):
        return name not in self.down

    def overlay(self):
        graph = nx.Graph()
        graph.add_nodes_from(name for name in self.graph if name not in self.down)
        edges = [*self.graph.edges, *self.new]
        graph.add_edges_from(
            edge for edge in edges if not set(edge) & self.down and frozenset(edge) not in self.gone
        )
        return graph


def pixels(ax):
    """Return the picture inside the axes, as rows of (red, green, blue) from 0 to 255."""
    ax.figure.canvas.draw()
    picture = np.asarray(ax.figure.canvas.buffer_rgba())[::-1, :, :3]
    box = ax.get_window_extent()
    return picture[int(box.y0) : int(box.y1) + 1, int(box.x0) : int(box.x1) + 1].reshape(-1, 3)


def amount(ax, color, within=1):
    """Count the pixels inside the axes that have this very colour, or nearly (of 255)."""
    wanted = np.round(np.array(to_rgb(color)) * 255)
    return int((np.abs(pixels(ax).astype(int) - wanted).max(axis=1) <= within).sum())


def texts(ax):
    return [text.get_text() for text in ax.texts if text.get_text()]


def legend(ax):
    found = ax.get_legend()
    return [text.get_text() for text in found.get_texts()] if found else []


def connections(ax):
    return [c for c in ax.collections if isinstance(c, LineCollection)]


def dots(ax):
    """Return the places where nodes are drawn, in all collections."""
    found = [c.get_offsets() for c in ax.collections if isinstance(c, PathCollection)]
    return np.asarray(np.concatenate(found))


def told(arrived, n=10, seconds=0.0):
    """Return the trace of a run in which nodes n0, n1, … got a rumor at these times."""
    trace = Trace()
    for number in range(n):
        trace.add(0.0, "start", f"n{number}")
    for number, time in enumerate(arrived):
        data = b'["Rumor",{"text":"hello"}]'
        trace.add(time + seconds, "receive", f"n{number}", message="Rumor", data=data)
        trace.add(time + seconds + 5, "receive", f"n{number}", message="Rumor", data=data)
        trace.add(time + seconds, "receive", f"n{number}", message="Other", data=b'["Other",{}]')
    return trace


def tick_labels(ax):
    ax.figure.canvas.draw()
    return [label.get_text() for label in ax.get_xticklabels()]


def everything_fits(ax):
    """Check that all that is written stands inside the figure, and that no tick's label touches
    another."""
    ax.figure.canvas.draw()
    figure = ax.figure.bbox
    for one in ax.figure.axes:
        legend = one.get_legend()
        written = [*one.texts, *(legend.get_texts() if legend else [])]
        written += [one.xaxis.label, one.yaxis.label, one.title]
        boxes = [label.get_window_extent() for label in written if label.get_text()]
        for axis in (one.xaxis, one.yaxis) if one.axison else ():
            low, high = sorted(axis.get_view_interval())
            ticks = [
                label.get_window_extent()
                for tick in axis.get_major_ticks()
                for label in (tick.label1, tick.label2)
                if low <= tick.get_loc() <= high and label.get_visible() and label.get_text()
            ]
            assert not any(a.overlaps(b) for a, b in combinations(ticks, 2)), "labels overlap"
            boxes += ticks
        for box in boxes:
            assert figure.x0 - 1 <= box.x0, "cut off at the left"
            assert box.x1 <= figure.x1 + 1, "cut off at the right"
            assert figure.y0 - 1 <= box.y0, "cut off below"
            assert box.y1 <= figure.y1 + 1, "cut off above"
    return True


def ink(ax):
    """Count the pixels inside the axes that are not white."""
    return int((pixels(ax).min(axis=1) < 200).sum())
