"""Flooding by hand: the connections of `peer_asyncio`, and nodes that encode once for all peers.

A `Group` holds some of the nodes, on a loop in a thread. Groups live in this process, or each in
one of its own, which is steered through its stdin as the other children are. No node has a name
here, and nobody says hello: whoever listens at the address is the peer.
"""

import asyncio
import json
import sys
import threading
from collections.abc import Coroutine
from functools import partial
from pathlib import Path
from typing import Any

from tests.benchmarks import child
from tests.benchmarks.flooding_board import COUNT, DEGREE, EDGES, TEXT, Ledger
from tests.benchmarks.harness import Child
from tests.benchmarks.peer_asyncio import _LENGTH, Connection, _encode
from tests.benchmarks.workloads import FIRST, KIND, Rumor


class Link(Connection):
    """A connection to another node."""

    buffer = 32 * 1024  # as much as can be under way

    def __init__(self, node: "Node") -> None:
        super().__init__()
        self._node = node

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Become one of the node's links."""
        super().connection_made(transport)
        self._node.links.append(self)

    def got(self, rumor: Rumor) -> None:
        """Take a message."""
        self._node.hear(rumor, self)

    def send_frame(self, frame: bytes) -> None:
        """Send what is encoded already, with all else of this turn."""
        if not self._flushes:
            self._flushes = True
            self._loop.call_soon(self._flush)
        self._parts.append(frame)

    def abort(self) -> None:
        """End with a reset."""
        self._transport.abort()  # type: ignore[attr-defined]


class Node:
    """Passes on what it hears for the first time."""

    def __init__(self, path: str, number: int) -> None:
        self.number = number
        self.links: list[Link] = []
        self._ledger = Ledger(path, number)

    def hear(self, rumor: Rumor, sender: Link | None) -> None:
        """Take a rumor from a link, or from nobody."""
        if not self._ledger.is_new(rumor.n):
            return
        body = _encode((KIND, rumor))
        frame = _LENGTH.pack(len(body)) + body
        for link in self.links:
            if link is not sender:
                link.send_frame(frame)


class Group:
    """Some of the nodes, on one loop."""

    def __init__(self, path: str, numbers: range) -> None:
        self._nodes = {number: Node(path, number) for number in numbers}
        self._servers: list[asyncio.Server] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def do(self, what: str, *args: Any) -> Any:
        """Call one of the following methods on the loop's thread."""
        work: Coroutine[Any, Any, Any] = getattr(self, what)(*args)
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def listen(self) -> list[tuple[int, int]]:
        """Return each node with its port."""
        for node in self._nodes.values():
            server = await self._loop.create_server(partial(Link, node), "127.0.0.1", 0)
            self._servers.append(server)
        ports = [server.sockets[0].getsockname()[1] for server in self._servers]
        return list(zip(self._nodes, ports, strict=True))

    async def dial(self, ports: list[int]) -> None:
        """Let each node connect to those of its peers that have larger numbers."""
        for number, peer in EDGES:
            if node := self._nodes.get(number):
                make = partial(Link, node)
                await self._loop.create_connection(make, "127.0.0.1", ports[peer])

    async def meet(self) -> None:
        """Wait until others have connected, too."""
        while any(len(node.links) != DEGREE for node in self._nodes.values()):
            await asyncio.sleep(0.001)

    async def tell(self, first: int, stop: int) -> None:
        """Tell node 0 some rumors."""
        for n in range(first, stop):
            self._nodes[0].hear(Rumor(FIRST + n, TEXT), None)

    async def close(self) -> None:
        """Close everything."""
        for server in self._servers:
            server.close()
        for node in self._nodes.values():
            for link in node.links:
                link.abort()
        await asyncio.sleep(0)  # the sockets are closed in the loop's next turn


class RemoteGroup:
    """A group in a process of its own."""

    def __init__(self, path: str, numbers: range) -> None:
        arguments = [path, str(numbers.start), str(numbers.step)]
        self._child = Child(["tests.benchmarks.flooding_asyncio", *arguments])

    def do(self, what: str, *args: Any) -> Any:
        """Call a method of the group there."""
        answer = self._child.ask(json.dumps([what, *args]))["answer"]
        if what == "close":
            self._child.__exit__()
        return answer


class Groups:
    """All nodes, in this process or in so many others, in turn."""

    def __init__(self, path: Path, processes: int | None = None) -> None:
        kind, step = (RemoteGroup, processes) if processes else (Group, 1)
        self._groups = [kind(str(path), range(start, COUNT, step)) for start in range(step)]
        ports = dict(pair for found in self._do("listen") for pair in found)
        self._do("dial", [ports[number] for number in range(COUNT)])
        self._do("meet")

    def tell(self, first: int, stop: int) -> None:
        """Tell node 0 some rumors."""
        self._groups[0].do("tell", first, stop)

    def close(self) -> None:
        """Close everything."""
        self._do("close")

    def _do(self, what: str, *args: Any) -> list[Any]:
        return [group.do(what, *args) for group in self._groups]


def main() -> None:
    """Be one group, which obeys what it reads."""
    path, start, step = sys.argv[1:]
    child.be_silent()
    group = Group(path, range(int(start), COUNT, int(step)))
    for line in sys.stdin:
        child.report(answer=group.do(*json.loads(line)))


if __name__ == "__main__":
    main()
