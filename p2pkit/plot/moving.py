"""The moving picture: a network at any moment of a run, drawn so that the next moment comes fast."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from p2pkit.layout import Array
from p2pkit.plot import style
from p2pkit.plot.colors import colors_of
from p2pkit.plot.excerpt import ENDS, WAY
from p2pkit.plot.film import Picture
from p2pkit.plot.flights import kinds
from p2pkit.plot.links import MANY, opacity
from p2pkit.plot.reel import Changes, Followed, dots, followed, looks, paints
from p2pkit.plot.scene import FEW, Scene, height_of, make_room
from p2pkit.stats.traffic import What
from p2pkit.trace import Trace


class Moving:
    """The picture, and what moves in it.

    All that never changes is drawn once. For each picture only the rest is drawn upon that, which is
    ten times as fast as drawing all.
    """

    def __init__(self, scene: Scene, places: Array, trace: Trace, least: float) -> None:
        """least: seconds that each message is under way."""
        self.places = places
        self.least = least
        self.ax = _axes(height_of(places))
        diameter = make_room(self.ax, places)
        self.changes = Changes(trace, scene)
        self.dots = dots(trace, self.changes.number, least)
        self.kinds = style.messages(kinds(trace))
        self.died = any(event.kind in ENDS for event in trace)
        self.palette: list[Any] = [style.INK, style.EDGE, style.QUIET, *self.kinds.values()]
        self._draw(diameter)
        self.names = _names(self.ax, scene, places, diameter)
        self.titles = {
            place: self.ax.set_title(" ", loc=place, fontsize=style.SMALL + 2)
            for place in ("left", "center", "right")
        }

    def _draw(self, diameter: float) -> None:
        """Draw all that changes, as there is to be something to change."""
        many, (x, y) = len(self.places) > MANY, self.places.T
        self.links: Any = _links(self.ax, self.places, self.changes)
        self.opacity = opacity(self.links.get_segments(), self.places)
        rim: dict[str, Any] = {"edgecolors": style.INK, "lw": 0.3 if many else 0.8}
        self.nodes: Any = self.ax.scatter(x, y, diameter**2, zorder=2, **rim)
        cross: dict[str, Any] = {"marker": "x", "zorder": 4}
        self.dead: Any = self.ax.scatter([], [], diameter**2 / 4, style.INK, lw=1.0, **cross)
        size = min(max(diameter**2 / 5, 9.0), 45.0)
        rim = {"edgecolors": style.PAPER, "lw": 0.0 if many else 0.4}
        self.moving: Any = self.ax.scatter([], [], size, zorder=4, **rim)
        self.gone: Any = self.ax.scatter([], [], 1.3 * size, lw=1.5, **cross)

    def paint(
        self,
        trace: Trace,
        message: What | Sequence[What] | None,
        color: Callable[[Any], Any] | None,
    ) -> None:
        """Decide what colour nodes have when, and explain that."""
        number = self.changes.number
        self.found = [] if color else followed(trace, message)
        paint = looks(trace, number, color) if color else paints(number, self.found)
        painted = [to_rgba(one) for one in colors_of(self.ax, paint.values, color)]
        self.paints = paint._replace(values=painted)
        self.palette += painted
        _draw_legend(self.ax, self.found, self.kinds, died=self.died)

    def pictures(self, times: Array, captions: Mapping[float, str]) -> Iterator[Picture]:
        """Yield the picture of each of these moments."""
        figure: Any = self.ax.figure
        canvas = figure.canvas
        moving = [self.links, self.nodes, self.dead, self.moving, self.gone, *self.names]
        moving += self.titles.values()
        for artist in moving:
            artist.set_animated(True)
        canvas.draw()
        figure.set_layout_engine("none")
        background = canvas.copy_from_bbox(figure.bbox)
        face = np.full((len(self.places), 4), to_rgba(style.QUIET))
        done = 0
        for time in times:
            upto = int(np.searchsorted(self.paints.times, time, side="right"))
            for at in range(done, upto):
                face[self.paints.nodes[at]] = self.paints.values[at]
            done = upto
            self._show(time, face)
            self._write(time, captions)
            canvas.restore_region(background)
            for artist in moving:
                self.ax.draw_artist(artist)
            yield np.asarray(canvas.buffer_rgba())[:, :, :3].copy()

    def _show(self, time: float, face: Array) -> None:
        """Let the picture show this moment."""
        changes = self.changes
        changes.advance(time)
        if self.changes.edges:
            self.links.set_alpha(np.where(changes.linked, self.opacity, 0.0))
        dead = ~changes.up
        self.nodes.set_facecolor(np.where(dead[:, None], to_rgba(style.PAPER), face))
        self.dead.set_offsets(self.places[dead])
        for name, is_dead in zip(self.names, dead, strict=False):
            name.set_visible(not is_dead)
        self._move(time)

    def _write(self, time: float, captions: Mapping[float, str]) -> None:
        """Write above the picture when this is, what happens, and how many have the message."""
        self.titles["left"].set_text(f"{time:.2f} s")
        said = [text for when, text in sorted(captions.items()) if when <= time]
        self.titles["center"].set_text(said[-1] if said else "")
        counts = [sum(when <= time for when in one.arrivals.values()) for one in self.found]
        have = next(filter(None, reversed(counts)), 0)  # of the last one that is around already
        if self.found:
            self.titles["right"].set_text(f"{have:,} of {len(self.places):,} nodes")

    def _move(self, time: float) -> None:
        """Put the dots where messages are, and crosses where they went no further."""
        all_ = self.dots
        share = (time - all_.sent) / (all_.ends - all_.sent)
        limit = np.where(all_.lost, WAY, 1.0)
        here, there = self.places[all_.here], self.places[all_.there]
        spots = here + (there - here) * np.minimum(share, limit)[:, None]
        under_way = (share >= 0) & (share < limit)
        since = time - all_.sent - WAY * (all_.ends - all_.sent)
        gone = all_.lost & (share >= limit) & (since < self.least)
        for artist, which in ((self.moving, under_way), (self.gone, gone)):
            artist.set_offsets(spots[which])
            artist.set_facecolor(all_.colors[which])
        self.gone.set_edgecolor(all_.colors[gone])


def _axes(height: float) -> Axes:
    """Return axes in a figure of their own, that no screen and nobody else knows of."""
    figure = Figure(figsize=(style.WIDTH, height + 0.9), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    return figure.subplots()


def _links(ax: Axes, places: Array, changes: Changes) -> LineCollection:
    """Draw all connections that there ever are."""
    pairs = [[changes.number[name] for name in edge] for edge in changes.edges]
    lines = places[np.array(pairs, dtype=int).reshape(-1, 2)]
    width = 1.0 if len(places) <= MANY else 0.5
    drawn = LineCollection(list(lines), colors=style.EDGE, linewidths=width, zorder=1)
    ax.add_collection(drawn)
    return drawn


def _names(ax: Axes, scene: Scene, places: Array, diameter: float) -> list[Any]:
    """Write names on nodes, if they are few and their names are short enough to stand inside."""
    letters = max(map(len, scene.names))
    if len(scene.names) > FEW or letters * style.SMALL * 0.62 > diameter:
        return []
    look: dict[str, Any] = {"ha": "center", "va": "center_baseline", "fontsize": style.SMALL}
    return [
        ax.text(x, y, name, zorder=5, **look)
        for name, (x, y) in zip(scene.names, places, strict=True)
    ]


def _draw_legend(ax: Axes, found: list[Followed], colors: dict[str, str], *, died: bool) -> None:
    """Explain below the picture what nodes and dots are."""
    big: dict[str, Any] = {"ls": "", "marker": "o", "ms": 9, "mec": style.INK, "mew": 0.8}
    keys = [Line2D([], [], mfc=one.color, label=f"has {one.name}", **big) for one in found]
    if died:
        down: dict[str, Any] = big | {"marker": r"$\otimes$", "mew": 0.2}
        keys.append(Line2D([], [], color=style.INK, label="down", **down))
    small: dict[str, Any] = {"ls": "", "marker": "o", "ms": 4.5, "mew": 0.0}
    keys += [
        Line2D([], [], mfc=key.get_color(), label=key.get_label(), **small)
        for key in style.message_keys(colors)
    ]
    if keys:
        place: dict[str, Any] = {"loc": "upper center", "bbox_to_anchor": (0.5, 0.02)}
        columns = style.columns(keys, style.WIDTH - 0.4)
        ax.legend(handles=keys, ncols=columns, frameon=False, fontsize=style.SMALL, **place)
