"""Colours: what a function of the node returns, turned into what is painted, and explained."""

import math
from numbers import Real
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize, to_rgb
from matplotlib.ticker import MaxNLocator

from p2pkit.plot import style


def colors_of(ax: Axes, values: list[Any], source: Any) -> list[Any]:
    """Return the colours that values of nodes stand for, and explain them if those are numbers."""
    numbers = [value for value in values if _is_number(value)]
    if numbers:
        scale = ScalarMappable(Normalize(min(numbers), max(numbers)), colormaps[style.COLORMAP])
        _explain_numbers(ax, scale, numbers, _subject(source))
        return [scale.to_rgba(value) if _is_number(value) else _plain(value) for value in values]
    return [_plain(value) for value in values]


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def _plain(value: Any) -> Any:
    """Return the colour that a value which is no number stands for."""
    if isinstance(value, bool | np.bool_):
        return style.REACHED if value else style.QUIET
    return style.QUIET if value is None or isinstance(value, Real) else value


def _explain_numbers(ax: Axes, scale: ScalarMappable, numbers: list[Any], subject: str) -> None:
    bar = ax.figure.colorbar(scale, ax=ax, label=subject, shrink=0.7, aspect=25, pad=0.02)
    bar.outline.set_visible(False)
    if all(float(number).is_integer() for number in numbers):
        bar.locator = MaxNLocator(6, integer=True)
        bar.update_ticks()


def _subject(function: Any) -> str:
    """Return what a function of the node is about: its name, or for a lambda, what it looks at."""
    name = str(getattr(function, "__name__", "value"))
    looks_at = getattr(getattr(function, "__code__", None), "co_names", ())
    if name == "<lambda>":
        name = looks_at[-1] if looks_at else "value"
    return name.strip("_").replace("_", " ")


def is_dark(color: Any) -> bool:
    """Tell whether white can be read on a colour better than black."""
    red, green, blue = to_rgb(color)
    return 0.299 * red + 0.587 * green + 0.114 * blue < 0.5
