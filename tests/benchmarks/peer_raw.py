"""Blocking sockets and ready-made bytes, nothing encoded or decoded: what the system can do."""

import socket
from collections.abc import Iterator

import msgspec

from tests.benchmarks import child
from tests.benchmarks.workloads import FIRST, KIND, Rumor, Stream, Workload


def _frames(numbers: range, text: str) -> bytes:
    """Return what bare asyncio would put on the wire for these messages."""
    bodies = (msgspec.json.encode((KIND, Rumor(n, text))) for n in numbers)
    return b"".join(len(body).to_bytes(4, "big") + body for body in bodies)


def _arrivals(connection: socket.socket, size: int) -> Iterator[None]:
    """Yield each time that `size` bytes have arrived."""
    buffer = memoryview(bytearray(256 * 1024))
    missing = size
    while received := connection.recv_into(buffer[:missing]):
        missing -= received
        if not missing:
            missing = size
            yield


def receive(workload: Workload) -> None:
    """Be the receiver."""
    chunk = len(_frames(range(FIRST, FIRST + workload.chunk), workload.text))
    answer = _frames(range(FIRST, FIRST + 1), workload.answer)
    server = socket.create_server(("127.0.0.1", 0))
    attending = child.attend(server.getsockname()[1])
    connection, _address = server.accept()
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for _chunk in _arrivals(connection, chunk):
        connection.sendall(answer)
    attending.join()


def send(workload: Workload, port: int) -> None:
    """Be the sender."""
    connection = socket.create_connection(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    chunk = _frames(range(FIRST, FIRST + workload.chunk), workload.text)
    answers = _arrivals(connection, len(_frames(range(FIRST, FIRST + 1), workload.answer)))

    def send_all(numbers: range, text: str) -> None:
        for _chunk in range(len(numbers) // workload.chunk):
            connection.sendall(chunk)

    stream = Stream(workload, send_all, lambda: None)
    sent = FIRST

    def measure(count: int) -> None:
        nonlocal sent
        stream.begin(count)
        for _answer in range(count // workload.chunk):
            next(answers)
            sent += workload.chunk
            stream.acknowledged(sent - 1)

    child.obey(stream, measure)


if __name__ == "__main__":
    child.main(receive, send)
