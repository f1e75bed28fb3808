"""Clocks that tell what came before what, and no time.

No message is faster than light, no two clocks agree, and what happened at two places has an order only
if word of the one could have reached the other: it *happened before*, if it came first at the same
node, or is the sending of what was received there, or through several such steps (Lamport, "Time,
clocks, and the ordering of events in a distributed system", Communications of the ACM 1978).

Lamport's clock counts, and never lags behind a message: if a happened before b, a has the smaller time.
`sorted((time, id))` is then one order of all that happened, the same for everybody. But a smaller time
does not mean before. A vector clock counts for each node separately what is known to have happened
there, and tells exactly: before, after or neither (Fidge, "Timestamps in message-passing systems that
preserve the partial ordering", 1988; Mattern, "Virtual time and global states of distributed
systems", 1988). Its price is a number for each node in each message.

    net.call("n0", "happen", "a door is opened")
    net.call("n0", "say", "n1", "come in")
    net["n1"].diary
"""

from collections.abc import Mapping

from p2pkit.message import Message
from p2pkit.protocol import Protocol, on


class Note(Message):
    """Some words, and when they were said."""

    text: str
    time: int


class Lamport(Protocol):
    """Write down what happens, with a number that is larger than that of all it can depend on."""

    time: int
    diary: list[tuple[int, str]]

    def on_start(self) -> None:
        self.time, self.diary = 0, []

    def happen(self, what: str) -> None:
        self.time += 1
        self.diary.append((self.time, what))

    def say(self, to: str, text: str) -> None:
        self.happen(f"say {text}")
        self.send(to, Note(text, self.time))

    @on(Note)
    def hear(self, note: Note, sender: str) -> None:
        self.time = max(self.time, note.time)
        self.happen(f"hear {note.text}")


class Letter(Message):
    """Some words, and what their author knew of: how much had happened at each node."""

    text: str
    known: tuple[tuple[str, int], ...]


class Vector(Protocol):
    """Write down what happens, with how much is known to have happened at each node."""

    known: dict[str, int]
    diary: list[tuple[dict[str, int], str]]

    def on_start(self) -> None:
        self.known, self.diary = {}, []

    def happen(self, what: str) -> None:
        self.known[self.id] = self.known.get(self.id, 0) + 1
        self.diary.append((dict(self.known), what))

    def say(self, to: str, text: str) -> None:
        self.happen(f"say {text}")
        self.send(to, Letter(text, tuple(self.known.items())))

    @on(Letter)
    def hear(self, letter: Letter, sender: str) -> None:
        for id, count in letter.known:
            self.known[id] = max(self.known.get(id, 0), count)
        self.happen(f"hear {letter.text}")


def before(a: Mapping[str, int], b: Mapping[str, int]) -> bool:
    """Tell whether what has vector a happened before what has vector b.

    >>> before({"n0": 1}, {"n0": 1, "n1": 1}), before({"n0": 1}, {"n1": 1})
    (True, False)
    """
    return a != b and all(count <= b.get(id, 0) for id, count in a.items())
