"""Notebook 7: its buckets are the kit's own, and the exercise's check finds what is wrong."""

import signal

import pytest
from test_notebooks import SOURCES, definitions

pytest.importorskip("jupytext", reason="the notebooks need p2pkit[notebooks]")
pytest.importorskip("matplotlib", reason="the notebooks need p2pkit[notebooks]")

from p2pkit import Message, Protocol, SimNetwork, on
from p2pkit.link import Link
from p2pkit.message import Contact
from p2pkit.protocols import kbuckets
from p2pkit.protocols.kademlia import Kademlia, Store, Value
from p2pkit.protocols.kbuckets import closest, point
from p2pkit.protocols.lookup import Nodes

SOURCE = next(source for source in SOURCES if source.stem.startswith("07_"))


@pytest.fixture(scope="module")
def notebook():
    return definitions(SOURCE)


# What the notebook builds


class Hello(Message):
    """Introduces its sender."""

    caller: Contact


class Greeter:
    """Sends its contact to others, for as long as it is up, so that buckets fill and age."""

    def on_start(self):
        super().on_start()
        self.every(0.5, self.greet, jitter=0.5)

    def greet(self):
        number = self.random.randrange(60)
        self.send(Contact(f"n{number}", f"n{number}"), Hello(self.contact))
        for contact in self.closest(self.random.getrandbits(160)):
            self.send(contact, Hello(self.contact))

    @on(Hello)
    def hello(self, news, sender):
        self.hear(news.caller, sender)


def test_the_buckets_are_those_of_the_kit(notebook):
    """Both do the same, event for event, also when nodes crash and come again."""

    def digest(buckets: type[Protocol]):
        protocol = type("Greeting", (Greeter, buckets), {"k": 3})
        with SimNetwork(protocol, 60, link=Link(latency=(0.01, 0.1)), seed=5) as net:
            net.run(4.0)
            for number in range(20):
                net.crash(number)
            net.run(6.0)
            net.restart(3)
            net.run(3.0)
            pings = net.trace.count(kind="send", message="Ping")
        return net.trace.digest(), pings

    assert digest(notebook["KBuckets"]) == digest(kbuckets.KBuckets)
    assert digest(kbuckets.KBuckets)[1] > 100


def test_the_introduction_fills_the_buckets_as_they_would_be(notebook):
    with notebook["unlinked"](kbuckets.KBuckets, 200) as net:
        notebook["introduce"](net)
        for node in net:
            others = [point(name) ^ node.point for name in net.names if name != node.id]
            for bits in range(140, 161):
                there = sum(distance.bit_length() == bits for distance in others)
                held = node.buckets.get(bits, {})
                assert len(held) == min(there, node.k)
                assert all((point(id) ^ node.point).bit_length() == bits for id in held)
                assert held == {it.id: net[it.id].contact for it in held.values()}


# The check: it must find what is wrong, and let pass what is right. This is the kit's own solution,
# and what students make of it.


class Right(Kademlia):
    """A solution, without what it does from time to time by itself."""

    refresh = replicate = republish = 1e6


class OneCopy(Right):
    """Stores a pair on one node."""

    def store(self, key, value, expires, search):
        [best] = closest([*search.known.values(), self.contact], search.target, 1)
        pair = Store(key, value, expires - self.now, self.contact)
        if best.id == self.id:
            self.keep(pair, self.id)
        else:
            self.send(best, pair)


class Discouraged(Right):
    """Gives up when somebody does not answer."""

    def answered(self, search, asked, answer):
        if answer is None and not search.is_over:
            search.waiting.clear()
            search.end()
        else:
            super().answered(search, asked, answer)


class Content(Right):
    """Asks those whom it knows already, and no more."""

    def proceed(self, search):
        if search.asked:
            if not search.waiting:
                search.end()
        else:
            super().proceed(search)

    alpha = 8


class Sleepy(Right):
    """Thinks before each question."""

    def proceed(self, search):
        self.after(1.0, super().proceed, search)


class Curious(Right):
    """Asks everybody that it hears of."""

    def proceed(self, search):
        fresh = [it for it in search.known.values() if it.id not in search.asked]
        for contact in fresh:
            search.asked.add(contact.id)
            search.waiting.add(contact.id)

            def then(answer, contact=contact):
                self.answered(search, contact, answer)

            self.ask(contact, search.question, then, self.patience)
        if not search.waiting:
            search.end()


class Mute(Right):
    """Says nothing of what is nowhere."""

    def note_missing(self, key, search):
        pass


class Shared(Right):
    """Keeps all pairs in one place, which belongs to the class."""

    shelf = {}

    def put(self, key, value):
        self.shelf[key] = value

    def get(self, key):
        self.found[key] = self.shelf.get(key)


BLACKBOARD = {}


class Telepathic(Right):
    """Knows what nobody has told it."""

    def put(self, key, value):
        BLACKBOARD[key] = value

    def get(self, key):
        self.found[key] = BLACKBOARD.get(key)


class Thorough(Right):
    """Asks one after the other, and goes on when it has the value."""

    alpha = 1

    def get(self, key):
        self.values = {}
        super().get(key)

    def answered(self, search, asked, answer):
        if isinstance(answer, Value):
            self.values[search.question.key] = answer.value
            answer = Nodes(())
        super().answered(search, asked, answer)

    def note_missing(self, key, search):
        self.note(key, self.values.get(key), 0)


class Unprepared(Right):
    """Reads answers that never came."""

    def answered(self, search, asked, answer):
        if not hasattr(answer, "value"):
            search.learn(answer.contacts, search.depths[asked.id] + 1)
        super().answered(search, asked, answer)


class Copied(Right):
    """Keeps what cannot be copied."""

    def on_start(self):
        super().on_start()
        self.numbers = (number for number in range(3))


class Waiting(Right):
    """Waits in a loop for what can only come after it."""

    def get(self, key):
        super().get(key)
        while key not in self.found:
            pass


class Mistaken(Right):
    """Sends what is no message."""

    def put(self, key, value):
        self.send(self.contact, (key, value))


@pytest.fixture
def check(notebook, capsys):
    """Return a function that runs the check on a class, and returns what it prints."""

    def run(protocol):
        notebook["check"](protocol)
        return capsys.readouterr().out

    return run


@pytest.mark.slow
def test_the_check_lets_a_right_solution_pass(check):
    said = check(Right)
    assert "all 7 steps done" in said


@pytest.mark.parametrize(
    ("protocol", "step", "words"),
    [
        (Mistaken, "two nodes", "it raised MessageError"),
        (Mistaken, "two nodes", ", in put: self.send(self.contact, (key, value))"),
        (Shared, "two nodes", "all nodes share the same shelf"),
        (Content, "a hundred nodes", "keys are not found"),
        (Sleepy, "hops", "log2 n questions to strangers take"),
        (Thorough, "hops", "log2 n questions to strangers take"),
        (Telepathic, "few messages", "a put sends nothing"),
        (Curious, "few messages", "messages in the mean"),
        (Mute, "what is nowhere", "where it should be {'nothing': None}"),
        (OneCopy, "after churn", "pairs were lost with the nodes that kept them"),
        (Discouraged, "after churn", "and 0 pairs were lost"),
        (Unprepared, "after churn", "in answered: search.learn(answer.contacts"),
        (Copied, "real sockets", "keep plain data in the attributes"),
    ],
    ids=lambda it: getattr(it, "__name__", None),
)
def test_the_check_says_what_is_wrong(check, protocol, step, words):
    said = check(protocol)
    assert f"next  {step}\n" in said
    assert words in said
    assert "Traceback" not in said


def test_a_loop_without_end_is_interrupted(notebook, check, monkeypatch):
    monkeypatch.setitem(notebook, "TOO_SLOW", 1.0)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # as in a kernel
    try:
        said = check(Waiting)
    finally:
        signal.signal(signal.SIGINT, before)
    assert "it did not end within 1 s, in get: while key not in self.found:" in said


def test_the_walker_of_the_notebook_is_not_enough(notebook, check):
    assert "next  after churn\n" in check(notebook["Walker"].using(pause=1e6))


def test_the_exercise_as_it_stands_gets_a_hint(notebook, capsys):
    notebook["check"](notebook["Lookup"])
    assert "0 of 7 steps done" in capsys.readouterr().out
