"""A protocol that writes down what happens to it, and acts when told to: for tests in every world.

Workers import this file, so it imports nothing that takes long.
"""

import traceback

from tools import PATIENCE

from p2pkit import Message, Protocol, on


class Note(Message):
    """Something to be written down."""

    number: int
    text: str = ""


class Question(Message):
    """Asks for a square."""

    number: int


class Answer(Message):
    """A square. Nobody has a handler for it: it is found by its name."""

    number: int


class Diary(Protocol):
    """Write down what happens, and act when told to."""

    tick = 0.0

    def on_start(self):
        self.seen = ["start"]
        self.notes = []
        self.ticks = []
        self.answers = []
        self.unreachable = []
        if self.tick:
            self.every(self.tick, self.count)

    def on_connect(self, peer):
        self.seen.append(f"+{peer}")

    def on_disconnect(self, peer):
        self.seen.append(f"-{peer}")

    def on_unreachable(self, address):
        self.unreachable.append(address)

    def on_stop(self):
        self.seen.append("stop")

    def count(self):
        self.ticks.append(self.now)

    @on(Note)
    def write(self, note, sender):
        if note.text == "break":
            raise ZeroDivisionError("broken by a note")
        self.notes.append((sender, note))

    @on(Question)
    def reply(self, question, sender):
        return Answer(question.number**2)

    def say(self, to, *numbers, text=""):
        for number in numbers:
            self.send(to, Note(number, text))

    def spoil(self, to):
        self.send(to, Note(0, "break"))

    def cry(self, but=None):
        self.broadcast(Note(1), but=but)

    def want(self, to, number, timeout=PATIENCE):
        self.ask(to, Question(number), self.take, timeout=timeout)

    def take(self, answer):
        self.answers.append(answer)

    def part(self, peer, *numbers):
        self.say(peer, *numbers)
        self.disconnect(peer)
        self.seen.append("parted")  # on_disconnect comes after the handler

    def dial(self, *addresses):
        for address in addresses:
            self.connect(address)

    def numbers(self):
        return [note.number for _, note in self.notes]

    def written(self):
        return self.notes

    def me(self):
        return self.contact

    def throw(self):
        return [self.random.random() for _ in range(3)]


def run_until(net, condition, within=PATIENCE):
    """Let a network run until a condition holds; fail when it does not in time."""
    assert net.run(until=condition, within=within)


def drops(net):
    """Return who dropped which note for whom, and why, in one word or two."""
    return [(e.node, e.peer, e.value[1]["number"], e.cause) for e in net.trace.where(kind="drop")]


def edges(graph):
    """Return the edges of a graph in an order of their own."""
    return sorted(tuple(sorted(edge)) for edge in graph.edges)


def shown(error):
    """Return an exception as a student sees it."""
    return "".join(traceback.format_exception(error))
