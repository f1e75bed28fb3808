"""The `websockets` package: JSON in text messages, types checked by msgspec, compression off."""

import asyncio
from typing import Literal

import msgspec
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

from tests.benchmarks import child
from tests.benchmarks.workloads import KIND, Rumor, Stream, Tally, Workload

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(tuple[Literal["Rumor"], Rumor]).decode
_FAST = {"compression": None, "max_size": None, "ping_interval": None}


def receive(workload: Workload) -> None:
    """Be the receiver."""

    async def attend(websocket: ServerConnection) -> None:
        answers: list[Rumor] = []
        tally = Tally(workload, lambda n, text: answers.append(Rumor(n, text)))
        while True:
            rumor = _decode(await websocket.recv(decode=False))[1]
            tally.got(rumor.n, rumor.text)
            while answers:
                await websocket.send(_encode((KIND, answers.pop())), text=True)

    async def listen() -> None:
        async with serve(attend, "127.0.0.1", 0, **_FAST) as server:  # type: ignore[arg-type]
            child.attend(server.sockets[0].getsockname()[1])
            await server.serve_forever()

    asyncio.run(listen())


def send(workload: Workload, port: int) -> None:
    """Be the sender."""
    loop = asyncio.new_event_loop()

    async def dial() -> object:
        return await connect(f"ws://127.0.0.1:{port}", proxy=None, **_FAST)  # type: ignore[arg-type]

    websocket = loop.run_until_complete(dial())
    due: list[tuple[range, str]] = []
    stream = Stream(workload, lambda numbers, text: due.append((numbers, text)), lambda: None)

    async def run(count: int) -> None:
        stream.begin(count)
        while due:
            numbers, text = due.pop()
            for n in numbers:
                await websocket.send(_encode((KIND, Rumor(n, text))), text=True)  # type: ignore[attr-defined]
            # Each answer releases one more chunk, so the window stays full.
            await _one_answer(websocket, stream)
        for _chunk in range(min(workload.chunks, count // workload.chunk) - 1):
            await _one_answer(websocket, stream)

    child.obey(stream, lambda count: loop.run_until_complete(run(count)))


async def _one_answer(websocket: object, stream: Stream) -> None:
    rumor = _decode(await websocket.recv(decode=False))[1]  # type: ignore[attr-defined]
    stream.acknowledged(rumor.n)


if __name__ == "__main__":
    child.main(receive, send)
