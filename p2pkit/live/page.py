"""The live view as a page: served on this machine only, to whoever has its address.

    with Page(net) as page:
        print(page.url)                     # http://127.0.0.1:54321/Jq0s…/
        net.run(60)

The address holds a random token, which other users of this machine cannot guess. A page elsewhere
that knows or guesses the port still gets nothing: requests must call this host by its name, and a
browser says truly from which page a connection comes (Origin).
"""

import asyncio
import json
import os
import secrets
import sys
import threading
import webbrowser
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, HTTPError, RequestHandler
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from p2pkit.live.control import Control
from p2pkit.live.document import document
from p2pkit.live.feed import PAUSE, Feed
from p2pkit.live.looks import Looks
from p2pkit.network import Network
from p2pkit.thread import LoopThread
from p2pkit.trace import Trace

MAX_WISH = 65_536
"""Bytes that a viewer's message may have: a wish is a line."""

MAX_VIEWERS = 16
"""Connections at the same time: a class in front of one machine, and no more."""

HOME = """
const socket = new WebSocket(`ws://${location.host}${location.pathname}feed`);
const early = [];
const post = (wish) => {
  if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(wish));
  else early.push(wish);
};
const player = mount(document.getElementById("view"), post);
socket.onopen = () => { while (early.length) post(early.shift()); };
socket.onmessage = (event) => player.receive(JSON.parse(event.data));
socket.onclose = () => {
  player.receive({ type: "events", closed: true });
  player.receive({ type: "said", text: "the network's program has ended" });
};
"""


class Page:
    """A page that shows a network while it runs, at `url`.

    port: where, on 127.0.0.1; 0 takes a free one. Raises OSError if the port is taken.
    """

    def __init__(
        self,
        source: Network | Trace,
        looks: Looks | None = None,
        speed: float | None = None,
        *,
        port: int = 0,
    ) -> None:
        self.source, self.looks, self.speed = source, looks or Looks(), speed
        self.control = Control(source) if isinstance(source, Network) else None
        self.title = self.feed().title  # raises what is wrong with the source, here
        self.token = secrets.token_urlsafe(16)
        self.viewers: set[_Viewer] = set()
        self.watched = threading.Event()  # somebody has come to watch
        self._sockets = bind_sockets(port, "127.0.0.1")
        self.port = int(self._sockets[0].getsockname()[1])
        self._thread = LoopThread(
            "p2pkit live page", source._errors.append if isinstance(source, Network) else _ignore
        )
        self._thread.wait_for(self._serve)

    @property
    def url(self) -> str:
        """The address of the page, with its token."""
        return f"http://127.0.0.1:{self.port}/{self.token}/"

    def feed(self) -> Feed:
        """Return what tells one more viewer everything."""
        return Feed(self.source, self.looks, self.speed)

    def close(self) -> None:
        """End the page. Those who watch are told that it is over."""
        with suppress(RuntimeError):
            self._thread.wait_for(self._end)
        self._thread.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def allows(self, request: Any) -> bool:
        """Tell whether a request calls this host by its name: another name may have been made to
        point here by somebody else (DNS rebinding)."""
        return request.host in (f"127.0.0.1:{self.port}", f"localhost:{self.port}")

    async def _serve(self) -> None:
        base = rf"/{self.token}/"
        application = Application(
            [(base, _Document, {"page": self}), (base + "feed", _Viewer, {"page": self})],
            log_function=lambda handler: None,
            websocket_max_message_size=MAX_WISH,
        )
        self._server = HTTPServer(application, max_body_size=MAX_WISH, max_header_size=MAX_WISH)
        self._server.add_sockets(self._sockets)

    async def _end(self) -> None:
        self._server.stop()
        for viewer in list(self.viewers):
            viewer.close()
        await self._server.close_all_connections()


def open_browser(url: str) -> bool:
    """Open a page in the person's browser; return whether there is one to open it in."""
    has_screen = sys.platform in ("win32", "darwin") or any(map(os.environ.get, _SCREENS))
    return has_screen and webbrowser.open(url)


_SCREENS = ("DISPLAY", "WAYLAND_DISPLAY")


def _ignore(error: BaseException) -> None:
    """There is no network that could raise what went wrong in a connection."""


class _Document(RequestHandler):
    def initialize(self, page: Page) -> None:
        self._page = page

    def get(self) -> None:
        if not self._page.allows(self.request):
            raise HTTPError(403)
        connect = f"ws://{self.request.host}"
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.set_header("Cache-Control", "no-store")
        self.set_header("Referrer-Policy", "no-referrer")
        self.finish(document(self._page.title, HOME, connect=connect, without=WITHOUT))


WITHOUT = "<p>This page needs JavaScript, which is switched off here.</p>"


class _Viewer(WebSocketHandler):
    """One browser that watches."""

    def initialize(self, page: Page) -> None:
        self._page = page
        self._feeding: asyncio.Task[None] | None = None

    def check_origin(self, origin: str) -> bool:
        return origin == f"http://{self.request.host}"

    def prepare(self) -> None:
        if not self._page.allows(self.request) or len(self._page.viewers) >= MAX_VIEWERS:
            raise HTTPError(403)

    def open(self, *args: str, **kwargs: str) -> None:
        self._page.viewers.add(self)

    async def on_message(self, message: str | bytes) -> None:
        with suppress(ValueError, RecursionError):
            wish = json.loads(message)
            if isinstance(wish, dict) and wish.get("type") == "ready":
                self._stop()
                self._feeding = asyncio.create_task(self._feed())
                self._page.watched.set()
                return
            if self._page.control is not None:
                answer = await asyncio.to_thread(self._page.control.answer, wish)
                if answer is not None:
                    await self._tell(answer)

    def on_close(self) -> None:
        self._page.viewers.discard(self)
        self._stop()

    async def _feed(self) -> None:
        """Tell this browser what happens, from the beginning to the end."""
        feed = self._page.feed()
        stage, *events = await asyncio.to_thread(feed.begin)
        control = self._page.control
        offer = {} if feed.over or control is None else control.offer()
        for message in [{**stage, **offer}, *events]:
            await self._tell(message)
        while not feed.over:
            await asyncio.sleep(PAUSE)
            more = await asyncio.to_thread(feed.more)
            if more:
                await self._tell(more)

    async def _tell(self, message: dict[str, Any]) -> None:
        with suppress(WebSocketClosedError):
            await self.write_message(json.dumps(message, separators=(",", ":")))

    def _stop(self) -> None:
        if self._feeding is not None:
            self._feeding.cancel()
            self._feeding = None
