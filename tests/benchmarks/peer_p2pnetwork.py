"""p2pnetwork 1.2 from PyPI, the ancestor, as its README shows it: a callback, and dicts as data.

Its connections read 4,096 bytes, sleep 10 ms, and read again, on every machine: its numbers come
from that. So its large messages take 2.7 s a mebibyte, and a ping waits for the sleep after the one
before it. Its messages must not hold the byte 4, which ends them; ours do not.
"""

import threading
from typing import Any

from p2pnetwork.node import Node

from tests.benchmarks import child
from tests.benchmarks.workloads import KIND, Stream, Tally, Workload


def receive(workload: Workload) -> None:
    """Be the receiver."""

    def answer(n: int, text: str) -> None:
        node.send_to_nodes({"kind": KIND, "n": n, "text": text})

    tally = Tally(workload, answer)

    def callback(event: str, _node: Node, _other: Any, data: Any) -> None:
        if event == "node_message":
            tally.got(data["n"], data["text"])

    node = Node("127.0.0.1", 0, callback=callback)
    node.start()
    child.attend(node.sock.getsockname()[1]).join()


def send(workload: Workload, port: int) -> None:
    """Be the sender."""

    def callback(event: str, _node: Node, _other: Any, data: Any) -> None:
        if event == "node_message":
            stream.acknowledged(data["n"])

    def send_all(numbers: range, text: str) -> None:
        for n in numbers:
            node.send_to_nodes({"kind": KIND, "n": n, "text": text})

    done = threading.Event()
    stream = Stream(workload, send_all, done.set)
    node = Node("127.0.0.1", 0, callback=callback)
    node.start()
    node.connect_with_node("127.0.0.1", port)
    child.obey_with_threads(stream, done, stream.begin)


if __name__ == "__main__":
    child.main(receive, send)
