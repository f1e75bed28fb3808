"""Flooding with nodes that have a callback: p2pnetwork's `Node`, and p2pkit's with the same methods."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.benchmarks.flooding_board import COUNT, DEGREE, EDGES, TEXT, Ledger
from tests.benchmarks.workloads import FIRST, KIND


class CallbackNodes:
    """All nodes, of one class or the other.

    p2pnetwork calls back on a thread for each connection, so a node's memory needs a lock there.
    """

    def __init__(self, node_class: Any, event: str, path: Path) -> None:
        self._event = event
        self.nodes = [node_class("127.0.0.1", 0, callback=self._called) for _ in range(COUNT)]
        self._memories = {
            id(node): (threading.Lock(), Ledger(str(path), number))
            for number, node in enumerate(self.nodes)
        }

    def connect(self, links_of: Callable[[Any], int]) -> None:
        """Start all nodes, and connect them one after the other, as their API does it."""
        for node in self.nodes:
            node.start()
        for a, b in EDGES:
            if not self.nodes[a].connect_with_node("127.0.0.1", self.nodes[b].port):
                raise RuntimeError("a node did not connect")
        deadline = time.perf_counter() + 10
        while any(links_of(node) != DEGREE for node in self.nodes):
            if time.perf_counter() > deadline:
                raise RuntimeError("the nodes are not connected within 10 s")
            time.sleep(0.001)

    def tell(self, first: int, stop: int) -> None:
        """Tell the first node some rumors."""
        for n in range(first, stop):
            self._hear(self.nodes[0], {"kind": KIND, "n": FIRST + n, "text": TEXT}, [])

    def close(self) -> None:
        """Stop all nodes, and wait until they have stopped."""
        for node in self.nodes:
            node.stop()
        for node in self.nodes:
            node.join()

    def _called(self, event: str, node: Any, other: Any, data: Any) -> None:
        if event == self._event:
            self._hear(node, data, [other])

    def _hear(self, node: Any, rumor: dict[str, Any], senders: list[Any]) -> None:
        lock, ledger = self._memories[id(node)]
        with lock:
            new = ledger.is_new(rumor["n"])
        if new:
            node.send_to_nodes(rumor, exclude=senders)


def p2pnetwork(path: Path) -> CallbackNodes:
    """Connect nodes of p2pnetwork."""
    from p2pnetwork.node import Node

    nodes = CallbackNodes(Node, "node_message", path)
    for node in nodes.nodes:
        node.port = node.sock.getsockname()[1]
    nodes.connect(lambda node: len(node.all_nodes))
    return nodes


def p2pkit_node(path: Path) -> CallbackNodes:
    """Connect p2pkit's nodes with a callback."""
    from p2pkit import Node

    nodes = CallbackNodes(Node, "NODEMESSAGE", path)
    nodes.connect(lambda node: len(node.nodesIn) + len(node.nodesOut))
    return nodes
