"""Links: the connections of a picture, by their traffic if there is a trace, and those that are cut.

Many long connections would hide what they connect, so the more of them there are, the fainter they
are, until they are not drawn at all. Of links with traffic in a large network only the busiest are.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D

from p2pkit.layout import Array
from p2pkit.plot import style
from p2pkit.plot.scene import Scene
from p2pkit.trace import Trace

MANY = 200
"""Nodes above which lines are thin."""

INKED = 60.0
"""Length of all connections, in widths of the picture, from which on they fade. A grid of 1,000 nodes
has 60 and can be read; a random graph with as many connections has 800, and is a ball of hair."""

FAINTEST = 0.04
"""Opacity below which connections are left out: they could not be seen."""

BUSY = 20.0
"""Length of the connections that are drawn by their traffic in a large network, as above."""

WIDEST = 5.0
"""Points: the width of the connection over which most messages went; half of it among many nodes."""

VISIBLE = 0.5
"""Opacity below which cut connections are left out: the parts into which all falls are marked anyway."""

Edge = tuple[str, str]


def draw_links(ax: Axes, scene: Scene, places: Array, traffic: Trace | None) -> list[Any]:
    """Draw the connections of a scene, and return what a legend says of them."""
    number = {name: at for at, name in enumerate(scene.names)}
    cut = {frozenset(edge) for edge in scene.cut}
    edges = [edge for edge in scene.live.edges if frozenset(edge) not in cut]
    keys = []
    if traffic is not None:
        loads = _loads(traffic, number)
        edges = [edge for edge in edges if frozenset(edge) not in loads]
        keys = _draw_loads(ax, loads, number, places)
    _draw(ax, _lines(edges, number, places), places, color=style.EDGE, gid="links")
    if scene.cut:
        dashes: dict[str, Any] = {
            "color": style.VERMILION,
            "ls": (0, (4, 3)),
            "gid": "cut",
            "zorder": 1.7,
        }
        if _draw(ax, _lines(scene.cut, number, places), places, faintest=VISIBLE, **dashes):
            keys.append(Line2D([], [], color=style.VERMILION, ls=(0, (4, 3)), label="cut"))
    return keys


def _lines(edges: Iterable[Iterable[str]], number: dict[str, int], places: Array) -> Array:
    """Return the two ends of each edge: an array of the shape (edges, 2, 2)."""
    ends = np.array([[number[name] for name in edge] for edge in edges], dtype=int)
    return np.asarray(places[ends.reshape(-1, 2)])


def _length(lines: Array, places: Array) -> Array:
    """Return the length of each line, in widths of the picture."""
    across = max(float(np.ptp(places, axis=0).max()), 1e-9)
    return np.asarray(np.hypot(*(lines[:, 0] - lines[:, 1]).T) / across)


def opacity(lines: Any, places: Array) -> float:
    """Return how opaque connections may be among nodes in these places, from 0 to 1: less if there
    are many that are long, and 0 if they had better not be drawn."""
    length = float(_length(np.asarray(lines, dtype=float).reshape(-1, 2, 2), places).sum())
    alpha = min(1.0, INKED / max(length, 1e-9))
    return alpha if alpha > FAINTEST else 0.0


def _draw(ax: Axes, lines: Array, places: Array, *, faintest: float = 0.0, **look: Any) -> bool:
    """Draw lines unless they would be too faint, and tell whether they are drawn."""
    alpha = opacity(lines, places)
    if alpha > faintest:
        width = 1.0 if len(places) <= MANY else 0.5
        ax.add_collection(
            LineCollection(list(lines), lw=width, alpha=alpha, **{"zorder": 1, **look})
        )
    return alpha > faintest


# Traffic


def _loads(trace: Trace, number: dict[str, int]) -> Counter[frozenset[str]]:
    """Return how many messages were sent between two nodes that are drawn, the most first."""
    pairs = (frozenset((event.node, event.peer or "")) for event in trace.where(kind="send"))
    loads = Counter(pair for pair in pairs if len(pair) == 2 and pair <= number.keys())
    return Counter(dict(loads.most_common()))


def _draw_loads(
    ax: Axes, loads: Counter[frozenset[str]], number: dict[str, int], places: Array
) -> list[Any]:
    """Draw links as wide as their traffic, up to a length that can be read, the busiest on top."""
    if not loads:
        return []
    pairs = [sorted(pair, key=number.__getitem__) for pair in loads]
    lines = _lines(pairs, number, places)
    shown = max(1, int((np.cumsum(_length(lines, places)) <= BUSY).sum()))
    if len(places) <= MANY:
        shown = len(pairs)
    most, widest = max(loads.values()), WIDEST if len(places) <= MANY else WIDEST / 2
    shares = np.array(list(loads.values())[:shown]) / most
    ax.add_collection(
        LineCollection(
            list(lines[:shown])[::-1],
            linewidths=_width(shares, widest)[::-1],
            colors=[_shade(share) for share in shares][::-1],
            capstyle="round",
            zorder=1.5,
            gid="traffic",
        )
    )
    levels = dict.fromkeys([most, max(1, most // 4)])
    keys = [_key(level, level / most, widest) for level in levels]
    if shown < len(pairs):
        text = f"the busiest {shown:,} of {len(pairs):,} links"
        keys.append(Line2D([], [], ls="", label=text))
    return keys


def _width(share: Any, widest: float) -> Any:
    return 0.7 + (widest - 0.7) * share


def _shade(share: float) -> tuple[float, float, float]:
    """Return a grey, darker where more went."""
    return (0.72 - 0.55 * share,) * 3


def _key(level: int, share: float, widest: float) -> Any:
    name = f"{level:,} message{'s' if level > 1 else ''}"
    return Line2D([], [], color=_shade(share), lw=_width(share, widest), label=name)
