"""Plots: pictures of a network and of what happened in it, each one function that returns its axes.

    from p2pkit import plot

    plot.topology(net, color=lambda node: "orange" if node.heard else "grey")
    plot.spread(net.trace, Rumor("hello"))
    plot.timeline(net.trace)
    plot.animate(net, "run.gif")

This is the only package that imports matplotlib, and it does so when a plot is first asked for: a
program that draws nothing does not need it, and one that draws without a screen needs no settings. No
function here shows a window: a notebook does that by itself, a script calls `matplotlib.pyplot.show()`.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from p2pkit.plot.animate import animate as animate
    from p2pkit.plot.degrees import degrees as degrees
    from p2pkit.plot.latency import latency as latency
    from p2pkit.plot.live import live as live
    from p2pkit.plot.save import save as save
    from p2pkit.plot.spread import spread as spread
    from p2pkit.plot.timeline import timeline as timeline
    from p2pkit.plot.topology import topology as topology
    from p2pkit.plot.traffic import traffic as traffic

__all__ = [
    "animate",
    "degrees",
    "latency",
    "live",
    "save",
    "spread",
    "timeline",
    "topology",
    "traffic",
]
"""Each is a function in the module of the same name."""


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module(f"{__name__}.{name}"), name)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in ("matplotlib", "numpy"):
            raise
        raise ImportError('plots need matplotlib: pip install "p2pkit[plot]"') from None


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _Plots(ModuleType):
    """This package, in which a plot's name means the function, even after its module was imported.

    Importing p2pkit.plot.spread sets the attribute `spread` of this package to the module. Everyone
    means the function of that name, so that is set instead.
    """

    def __setattr__(self, name: str, value: object) -> None:
        if isinstance(value, ModuleType) and name in __all__:
            value = getattr(value, name)
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Plots
