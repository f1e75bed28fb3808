"""The live view in a notebook: the player as a widget, fed by a thread while cells run.

A kernel that is busy with a cell reads no messages. So nothing here waits for the browser: the
widget is born with what has happened so far, and a thread sends what happens next, at most ten
times a second, whether anybody listens or not. Whoever comes later says "ready", and is told
everything from the beginning.
"""

import secrets
import threading
import time
from collections.abc import Callable
from typing import Any
from weakref import WeakValueDictionary

import anywidget
import traitlets
from comm import get_comm_manager
from IPython.display import display

from p2pkit.live import bundle
from p2pkit.live.control import Control
from p2pkit.live.feed import PAUSE, Feed
from p2pkit.live.looks import Looks
from p2pkit.network import Network
from p2pkit.trace import Trace

FIRST_LOOK = 1.5
"""Seconds that the browser has to draw the widget before it is sent what happens next."""

TARGET = "p2pkit.live"
"""The name of the line on which the player's wishes come."""

HOME = """
// A widget's own messages wait until the cell that runs is done. Where Jupyter has subshells, a line
// that the page opens has a thread of its own in the kernel, and a click acts at once.
async function opened(model) {
  const comm = model.widget_manager.kernel.createComm("p2pkit.live");
  const late = new Promise((_, reject) => setTimeout(reject, 2000));
  await Promise.race([comm.subshellStarted, late]);
  comm.open({ view: model.get("name") });
  return (wish) => comm.send(wish);
}

function wishLine(model) {
  const early = [];
  let send = (wish) => early.push(wish);
  const begin = (way) => {
    send = way;
    early.forEach(way);
  };
  opened(model).then(begin, () => begin((wish) => model.send(wish)));
  return (wish) => send(wish);
}

export default {
  render({ model, el }) {
    const player = mount(el, wishLine(model));
    const hear = (message) => player.receive(message);
    for (const message of model.get("first")) hear(message);
    model.on("msg:custom", hear);
    return () => { model.off("msg:custom", hear); player.destroy(); };
  },
};
"""
"""Where the player lives: `mount` is its own."""

ALONE = """
.jp-OutputArea-child:has(.p2pkit-live) + .jp-OutputArea-child:has(img) { display: none }
"""
"""While the player is there, its picture, which follows it in the same cell, is not needed."""


class LiveView(anywidget.AnyWidget):
    """A network, or a trace, to be watched.

    still: draws how things are now, as the bytes of a PNG: for all places where there is no widget.
    """

    _esm = bundle.module() + HOME
    _css = bundle.style() + ALONE
    first: traitlets.List[Any] = traitlets.List().tag(sync=True)
    name: traitlets.Unicode[str, Any] = traitlets.Unicode().tag(sync=True)

    def __init__(
        self,
        source: Network | Trace,
        looks: Looks,
        speed: float | None,
        still: Callable[[], bytes],
    ) -> None:
        self._source, self._looks, self._speed, self._still = source, looks, speed, still
        self._control = Control(source) if isinstance(source, Network) else None
        self._wanted = threading.Event()  # a viewer has come, who wants to be told everything
        self._lock = threading.Lock()
        self._feed = self._new_feed()
        super().__init__(first=self._begin(), name=secrets.token_hex(8))
        self.on_msg(lambda _widget, wish, _buffers: self._hear(wish))
        _VIEWS[self.name] = self
        get_comm_manager().register_target(TARGET, _answer)

    def __repr__(self) -> str:
        """Return what is shown in place of the widget beside the picture."""
        return f"The live view: {self._feed.title}"

    def show(self) -> None:
        """Display the player in the cell that is running, and the picture that stands in for it."""
        display(self)
        picture = display({"image/png": self._still()}, raw=True, display_id=True)
        if self._feed.over or not isinstance(self._source, Network):
            return

        def end() -> None:
            self._tell()
            picture.update({"image/png": self._still()}, raw=True)

        self._source.at_close(end)
        threading.Thread(target=self._follow, name="p2pkit live view", daemon=True).start()

    def close(self) -> None:
        """End the view: nothing is sent any more."""
        self._feed.over = True
        super().close()

    def _follow(self) -> None:
        """Send what happens until the network closes."""
        self._wanted.wait(FIRST_LOOK)
        while not self._feed.over:
            self._tell()
            time.sleep(PAUSE)

    def _tell(self) -> None:
        """Send what has happened since the last time."""
        with self._lock:
            message = None if self._feed.over else self._feed.more()
            if message:
                self.send(message)

    def _hear(self, wish: Any) -> None:
        """Take what the player says; it may be in another thread than the last time."""
        if isinstance(wish, dict) and wish.get("type") == "ready":
            with self._lock:
                self._feed = self._new_feed()
                for message in self._begin():
                    self.send(message)
            self._wanted.set()
        elif self._control is not None:
            answer = self._control.answer(wish)
            if answer is not None:
                self.send(answer)

    def _begin(self) -> list[dict[str, Any]]:
        stage, *events = self._feed.begin()
        offer = self._control.offer() if self._control and not self._feed.over else {}
        return [{**stage, **offer}, *events]

    def _new_feed(self) -> Feed:
        return Feed(self._source, self._looks, self._speed)


_VIEWS: WeakValueDictionary[str, LiveView] = WeakValueDictionary()


def _answer(comm: Any, opening: dict[str, Any]) -> None:
    """Let the player that has opened a line talk on it to its own view."""
    view = _VIEWS.get(str(opening["content"]["data"].get("view")))
    if view is not None:
        comm.on_msg(lambda message: view._hear(message["content"]["data"]))
