"""p2pkit's `Node`, the first lesson's door: a callback on its own thread, and dicts as data."""

import threading
from typing import Any

from p2pkit import Node
from tests.benchmarks import child
from tests.benchmarks.workloads import KIND, Stream, Tally, Workload


def receive(workload: Workload) -> None:
    """Be the receiver."""

    def answer(n: int, text: str) -> None:
        node.send_to_nodes({"kind": KIND, "n": n, "text": text})

    tally = Tally(workload, answer)

    def callback(event: str, _node: Node, _other: Any, data: Any) -> None:
        if event == "NODEMESSAGE":
            tally.got(data["n"], data["text"])

    node = Node("127.0.0.1", 0, callback)
    node.start()
    child.attend(node.port).join()


def send(workload: Workload, port: int) -> None:
    """Be the sender."""

    def callback(event: str, _node: Node, _other: Any, data: Any) -> None:
        if event == "NODEMESSAGE":
            stream.acknowledged(data["n"])

    def send_all(numbers: range, text: str) -> None:
        for n in numbers:
            node.send_to_nodes({"kind": KIND, "n": n, "text": text})

    done = threading.Event()
    stream = Stream(workload, send_all, done.set)
    node = Node("127.0.0.1", 0, callback)
    node.start()
    node.connect_with_node("127.0.0.1", port)
    child.obey_with_threads(stream, done, stream.begin)


if __name__ == "__main__":
    child.main(receive, send)
