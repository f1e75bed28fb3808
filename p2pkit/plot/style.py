"""The style of all pictures: one colour for one thing, and one size that fits a notebook.

The colours are Okabe and Ito's, "Color Universal Design" (2008), made so that people who see colours
differently can tell them apart. Curves take them in an order that also differs in a grey print:

    >>> SERIES[0] == BLUE, SERIES[1] == ORANGE
    (True, True)
    >>> series(0) == series(len(SERIES))
    True
    >>> messages(["Ping", "Pong", "Ping"])
    {'Ping': '#d55e00', 'Pong': '#0072b2'}

Nothing here changes matplotlib's own settings, so that these plots and others can share a page.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, chain, repeat
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

    from p2pkit.stats.traffic import What

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

MESSAGES = (VERMILION, BLUE, GREEN, PURPLE, SKY, INK, ORANGE)
"""The colours of kinds of messages, in the order in which they first appear in a trace, wherever
messages are drawn."""

OTHERS = "#b8b8b8"
"""All kinds of messages beyond those, alike."""

COLORMAP = "viridis"
"""From numbers to colours: even steps to every eye, and from dark to light in a grey print."""

WIDTH = 6.5
"""Inches across a picture: the width of a notebook's cell."""

HEIGHT = 4.2
"""Inches down a picture of curves."""

NAME = 16
"""Letters of a name that are written in a picture: names may have 128."""

SMALL = 9
"""Points: the size of what is written inside a picture."""


def series(number: int) -> str:
    """Return the colour of a curve, given how many came before; after the last comes the first."""
    return SERIES[number % len(SERIES)]


def messages(kinds: Iterable[str]) -> dict[str, str]:
    """Return the colour of each kind of messages, given their kinds as they came."""
    colors = chain(MESSAGES, repeat(OTHERS))
    return dict(zip(dict.fromkeys(kinds), colors, strict=False))


def seconds(axis: "Axis", span: float) -> str:
    """Let an axis of seconds read as milliseconds if it spans less than one; return its unit."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    factor, unit = (1000, "ms") if span < 1 else (1, "s")
    if axis.get_scale() != "log":
        axis.set_major_locator(MaxNLocator(7, steps=[1, 2, 2.5, 5, 10]))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{factor * value:.10g}"))
    return unit


def kind_of(message: "What") -> str:
    """Return the name of a kind of messages, given that, its class, or one of them."""
    if isinstance(message, str):
        return message
    return message.__name__ if isinstance(message, type) else type(message).__name__


def short(text: str) -> str:
    """Return a name as it is written in a picture, its middle left out if it is long.

    >>> short("n7"), short("a-node-with-a-rather-long-name-7")
    ('n7', 'a-node-wi…name-7')
    """
    return text if len(text) <= NAME else f"{text[: NAME - 7]}…{text[-6:]}"


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


def note(ax: "Axes", text: str) -> None:
    """Write below a picture what else a reader has to know."""
    ax.annotate(
        text,
        (1, 0),
        xycoords="axes fraction",
        xytext=(0, -36),
        textcoords="offset points",
        ha="right",
        va="top",
        fontsize=SMALL,
        color=INK,
        annotation_clip=False,
    )


def message_keys(colors: Mapping[str, str]) -> list[Any]:
    """Return the keys of a legend for these kinds of messages; those that look alike share one."""
    from matplotlib.lines import Line2D

    keys = [(short(kind), color) for kind, color in colors.items() if color != OTHERS]
    others = len(colors) - len(keys)
    if others:
        keys.append((f"{others} other kind{'s' if others > 1 else ''}", OTHERS))
    return [Line2D([], [], color=color, lw=2.5, label=name) for name, color in keys]


def columns(keys: Sequence[Any], width: float) -> int:
    """Return in how many columns a legend fits that may be so many inches wide."""
    widths = [0.5 + len(str(key.get_label())) * SMALL * 0.55 / 72 for key in keys]
    for number in range(len(keys), 1, -1):
        rows, longer = divmod(len(keys), number)  # the first columns have one row more
        ends = list(accumulate(rows + (at < longer) for at in range(number)))
        if sum(max(widths[a:b]) for a, b in zip([0, *ends], ends, strict=False)) <= width:
            return number
    return 1


def legend_above(ax: "Axes", keys: Sequence[Any]) -> None:
    """Put a legend above the axes, in as many columns as fit."""
    if keys:
        names = max((len(label.get_text()) for label in ax.get_yticklabels()), default=0)
        ax.legend(
            handles=keys,
            loc="lower left",
            bbox_to_anchor=(-0.01, 1.0),
            ncols=columns(keys, WIDTH - 0.5 - names * 10 * 0.55 / 72),
            frameon=False,
            fontsize=SMALL,
            handlelength=1.6,
            columnspacing=1.4,
        )
