"""p2pkit as a student uses it: a `Protocol` on a `LocalNetwork`, one node in each of the two
processes.

The option is what the network records: "all" (as it does unless told otherwise) or "counts".
"""

import threading
from typing import ClassVar, Literal

import networkx as nx

from p2pkit import LocalNetwork, Message, Protocol, on
from tests.benchmarks import child
from tests.benchmarks.workloads import WORKLOADS, Stream, Tally, Workload

Record = Literal["all", "counts"]


class Rumor(Message):
    """The message of all peers."""

    n: int
    text: str


class Receiver(Protocol):
    """Counts what arrives."""

    workload = WORKLOADS["throughput"]

    def on_connect(self, peer: str) -> None:
        """Begin to count, for the one peer that there is."""
        self.tally = Tally(self.workload, lambda n, text: self.send(peer, Rumor(n, text)))

    @on(Rumor)
    def got(self, rumor: Rumor, _sender: str) -> None:
        """Count a message."""
        self.tally.got(rumor.n, rumor.text)


class Sender(Protocol):
    """Sends what its stream wants sent."""

    workload = WORKLOADS["throughput"]
    connected = threading.Event()
    done = threading.Event()
    stream: ClassVar[Stream]  # here, so that the main thread can look at it while nothing happens

    def dial(self, address: str) -> None:
        """Connect to the receiver."""
        self.connect(address)

    def on_connect(self, peer: str) -> None:
        """Prepare the stream, to the one peer that there is."""
        self.receiver = peer
        Sender.stream = Stream(self.workload, self.send_all, self.done.set)
        self.connected.set()

    def send_all(self, numbers: range, text: str) -> None:
        """Send some messages, each with its number."""
        for n in numbers:
            self.send(self.receiver, Rumor(n, text))

    def begin(self, count: int) -> None:
        """Start to send."""
        self.stream.begin(count)

    @on(Rumor)
    def got(self, rumor: Rumor, _sender: str) -> None:
        """Take an acknowledgement."""
        self.stream.acknowledged(rumor.n)


def _network(protocol: type[Protocol], name: str, record: Record) -> LocalNetwork:
    graph = nx.empty_graph([name])
    return LocalNetwork(protocol, graph, record=record, listen={name: "127.0.0.1:0"}, name="bench")


def receive(workload: Workload, record: Record) -> None:
    """Be the receiver."""
    with _network(Receiver.using(workload=workload), "receiver", record) as net:
        address = net["receiver"].contact.address
        attending = child.attend(int(address.rsplit(":")[-1]))
        while attending.is_alive():
            net.run(1)  # which raises what has gone wrong


def send(workload: Workload, port: int, record: Record) -> None:
    """Be the sender."""
    with _network(Sender.using(workload=workload), "sender", record) as net:
        net.call("sender", "dial", f"127.0.0.1:{port}")
        Sender.connected.wait()
        child.obey_with_threads(
            Sender.stream, Sender.done, lambda n: net.call("sender", "begin", n)
        )


if __name__ == "__main__":
    child.main(receive, send)
