"""200 connected nodes in one process: seconds and memory to connect them, seconds to close them.

Every node dials the next one, and the one ten further on: 400 links, 800 ends. Run as
`python -m tests.benchmarks.many_nodes NAME`; it prints one line of JSON.
"""

import sys
import time
from collections.abc import Callable
from typing import Literal

import psutil

from tests.benchmarks import child

COUNT = 200
STEPS = (1, 10)
ENDS = COUNT * len(STEPS) * 2

# The ring first, then the chords, as a node of p2pnetwork sleeps after each one that it accepts.
LINKS = [(i, (i + step) % COUNT) for step in STEPS for i in range(COUNT)]


def measure(open_nodes: Callable[[], Callable[[], None]]) -> None:
    """Open the nodes, close them with what `open_nodes` returned, and report what that took."""
    process = psutil.Process()
    before = process.memory_info().rss
    began = time.perf_counter()
    close = open_nodes()
    connected = time.perf_counter()
    after = process.memory_info().rss
    closing = time.perf_counter()
    close()
    closed = time.perf_counter()
    child.report(
        start=connected - began, memory=after - before, total=after, close=closed - closing
    )


def p2pnetwork() -> Callable[[], Callable[[], None]]:
    """Connect nodes of p2pnetwork, one after the other, as its own API does it."""
    from p2pnetwork.node import Node

    def open_nodes() -> Callable[[], None]:
        nodes = [Node("127.0.0.1", 0) for _ in range(COUNT)]
        for node in nodes:
            node.port = node.sock.getsockname()[1]
            node.start()
        for a, b in LINKS:
            if not nodes[a].connect_with_node("127.0.0.1", nodes[b].port):
                raise RuntimeError("p2pnetwork did not connect")
        _wait(lambda: sum(len(node.all_nodes) for node in nodes) == ENDS)
        return lambda: _stop(nodes)

    return open_nodes


def _stop(nodes: list) -> None:  # type: ignore[type-arg]
    for node in nodes:
        node.stop()
    for node in nodes:
        node.join()


def p2pkit(record: Literal["all", "counts"]) -> Callable[[], Callable[[], None]]:
    """Open a network of all nodes, which connects them too."""
    import networkx as nx

    from p2pkit import LocalNetwork, Protocol

    def open_nodes() -> Callable[[], None]:
        net = LocalNetwork(Protocol, nx.Graph(LINKS), record=record)
        if net.overlay().number_of_edges() * 2 != ENDS:
            raise RuntimeError("p2pkit did not connect")
        return net.close

    return open_nodes


def p2pkit_node() -> Callable[[], Callable[[], None]]:
    """Connect p2pkit's nodes with a callback, in the same way as p2pnetwork's."""
    from p2pkit import Node

    def open_nodes() -> Callable[[], None]:
        nodes = [Node("127.0.0.1", 0) for _ in range(COUNT)]
        for node in nodes:
            node.start()
        for a, b in LINKS:
            if not nodes[a].connect_with_node("127.0.0.1", nodes[b].port):
                raise RuntimeError(f"Node did not connect: {nodes[a].failure}")
        _wait(lambda: sum(len(node.nodesIn) + len(node.nodesOut) for node in nodes) == ENDS)
        return lambda: _stop(nodes)

    return open_nodes


def _wait(condition: Callable[[], bool], within: float = 60.0) -> None:
    deadline = time.perf_counter() + within
    while not condition():
        if time.perf_counter() > deadline:
            raise RuntimeError(f"not connected within {within:.0f} s")
        time.sleep(0.001)


def _raise_descriptor_limit() -> None:
    """Allow as many sockets as the system does: 200 nodes need 1,000."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = min(hard, 10_000) if hard != resource.RLIM_INFINITY else 10_000
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


KINDS = {
    "p2pnetwork": p2pnetwork,
    "p2pkit": lambda: p2pkit("all"),
    "p2pkit, counts": lambda: p2pkit("counts"),
    "p2pkit Node": p2pkit_node,
}


def main() -> None:
    """Measure one kind of node."""
    child.be_silent()
    _raise_descriptor_limit()
    measure(KINDS[sys.argv[1]]())


if __name__ == "__main__":
    main()
