"""The style of all pictures: one colour for one thing, and one size that fits a notebook.

The colours are Okabe and Ito's, "Color Universal Design" (2008), made so that people who see colours
differently can tell them apart. Curves take them in an order that also differs in a grey print:

    >>> SERIES[0] == BLUE, SERIES[1] == ORANGE
    (True, True)
    >>> series(0) == series(len(SERIES))
    True

Nothing here changes matplotlib's own settings, so that these plots and others can share a page.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK = "#222222"
"""Outlines, names, and whatever else is written."""

EDGE = "#8c8c8c"
"""Connections."""

QUIET = "#d9d9d9"
"""What nothing happened to: nodes that were not reached, the unlit part of a picture."""

PAPER = "#ffffff"
"""The inside of what is hollow, such as a node that is down."""

BLUE = "#0072b2"
ORANGE = "#e69f00"
VERMILION = "#d55e00"
SKY = "#56b4e9"
GREEN = "#009e73"
PURPLE = "#cc79a7"

NODE = SKY
"""A node of which nothing else is said."""

REACHED = ORANGE
"""A node that something happened to: it has heard the rumor, it found the block."""

SERIES = (BLUE, ORANGE, INK, SKY, VERMILION, GREEN)
"""The colours of curves, in order."""

COLORMAP = "viridis"
"""From numbers to colours: even steps to every eye, and from dark to light in a grey print."""

WIDTH = 6.5
"""Inches across a picture: the width of a notebook's cell."""

HEIGHT = 4.2
"""Inches down a picture of curves."""

SMALL = 9
"""Points: the size of what is written inside a picture."""


def series(number: int) -> str:
    """Return the colour of a curve, given how many came before; after the last comes the first."""
    return SERIES[number % len(SERIES)]


def axes(ax: "Axes | None", height: float = HEIGHT) -> "Axes":
    """Return `ax`, or if there is none, axes in a new figure of so many inches down."""
    if ax is not None:
        return ax
    from matplotlib import pyplot  # here, as it must not choose a backend before there is a picture

    return pyplot.subplots(figsize=(WIDTH, height), layout="constrained")[1]


def curves(ax: "Axes") -> None:
    """Give axes for curves their look: a light grid, and no frame at the top and right."""
    ax.grid(color=QUIET, linewidth=0.6)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
