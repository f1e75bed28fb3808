"""The courier: classes and objects on their way to another process, and back."""

import enum
import json
import os
import subprocess
import sys
import threading
import traceback
from functools import partial
from pathlib import Path
from random import Random
from typing import Literal

import cloudpickle
import pytest

import p2pkit
from p2pkit import Link, LocalNetwork, Message, Protocol, on
from p2pkit.courier import Courier, FromWorker, raised
from p2pkit.errors import MessageError, NetworkError, NodeDown
from p2pkit.message import Contact, decode, encode
from p2pkit.worker import _next, _write

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # as what a notebook defines

ROOT = str(Path(p2pkit.__file__).parents[1])

FAR = """
import json, sys
sys.path[:] = json.loads(sys.argv[1])
from p2pkit.courier import Courier
from p2pkit.worker import _next, _take_pipes, _write
asked, answers = _take_pipes()
courier = Courier("far")
while (data := _next(asked)) is not None:
    try:
        function, args = courier.unpack(data)
        answer = b"+" + courier.pack(function(*args))
    except BaseException as error:
        answer = b"-" + courier.pack_error(error)
    _write(answers, answer)
"""
"""The other end: a process that calls what it is sent, and sends back what that returns."""


class Far:
    """The way to a process of our own, and to what can be done there."""

    def __init__(self):
        self.courier = Courier("near")
        self.sizes = []  # bytes of what was sent
        self._process = subprocess.Popen(
            [sys.executable, "-c", FAR, json.dumps(sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def do(self, function, *args):
        """Call function(*args) in the other process; return or raise what it returns or raises."""
        data = self.courier.pack((function, args))
        self.sizes.append(len(data))
        _write(self._process.stdin, data)
        answer = _next(self._process.stdout)
        result = self.courier.unpack(answer[1:])
        if answer[:1] == b"-":
            raise raised(*result)
        return result

    def close(self):
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()


@pytest.fixture
def far():
    process = Far()
    yield process
    process.close()


def same(*values):
    """Return what was sent."""
    return values


def shown(error):
    return "".join(traceback.format_exception(error))


class Rumor(Message):
    text: str


class Gossip(Protocol):
    fanout = 3

    @on(Rumor)
    def hear(self, rumor, sender):
        return self.fanout


# Classes


def test_a_class_comes_back_as_the_very_same_one(far):
    [rumor, cls, protocol] = far.do(same, Rumor("hello"), Rumor, Gossip)
    assert (rumor, type(rumor), cls, protocol) == (Rumor("hello"), Rumor, Rumor, Gossip)
    assert {rumor} == {Rumor("hello")}
    assert far.do(lambda: (1, "a", b"b", None, (2.5,), frozenset({3}))) == (
        (1, "a", b"b", None, (2.5,), frozenset({3}))
    )


def test_a_class_travels_once_and_by_its_name_from_then_on(far):
    for _ in range(3):
        far.do(same, Rumor("hello"))
    first, *later = far.sizes
    assert first > 1_000
    assert max(later) < first / 2


def test_a_class_that_was_made_there_comes_here_and_is_known_there(far):
    def make():
        class Here(Message):
            number: int

        sys.kept = Here
        return Here(1), Here

    one, here = far.do(make)
    assert type(one) is here
    assert one == here(1)
    assert far.do(lambda message: type(message) is sys.kept, one)
    assert far.do(lambda: sys.kept(5)) == here(5)
    assert decode(encode(here(7)), {"Here": here}.get) == here(7)


def test_new_classes_come_later_in_both_directions(far):
    def there(number):
        class Made(Message):
            number: int

        return Made(number)

    def here(number):
        class Made(Message):
            number: int

        return Made(number)

    makers = [here, partial(far.do, there)] * 5
    made = [maker(number) for number, maker in enumerate(makers)]
    back = [far.do(same, message)[0] for message in made]
    assert back == made
    assert [type(message) for message in back] == [type(message) for message in made]
    assert len({type(message) for message in made}) == 10


def test_a_cell_that_runs_again_makes_another_class_of_the_same_name(far):
    def cell(default):
        class Vote(Message):
            colour: str = default

        return Vote

    red, green = cell("red"), cell("green")
    far.do(same, red())
    votes = far.do(lambda red, green: (red(), green()), red, green)
    assert [type(vote) for vote in votes] == [red, green]
    assert [vote.colour for vote in votes] == ["red", "green"]
    assert votes[0] != votes[1]


def test_enums_come_back_as_themselves(far):
    class Colour(enum.Enum):
        RED = 1
        GREEN = 2

    class Level(enum.IntEnum):
        LOW = 1

    assert far.do(same, Colour.RED, Level.LOW) == (Colour.RED, Level.LOW)
    [back] = far.do(same, Colour.GREEN)
    assert back is Colour.GREEN
    assert far.do(lambda colour: colour is Colour.RED, Colour.RED)


def test_variants_and_chains_of_classes_keep_their_family(far):
    class Base(Protocol):
        loud = 1

        def talk(self):
            return ["base"]

    class Middle(Base):
        def talk(self):
            return [*super().talk(), "middle", self.loud]

    class Last(Middle):
        def talk(self):
            return [*super().talk(), "last"]

    loud = Last.using(loud=2).using(loud=3)
    assert far.do(lambda cls: cls().talk(), loud) == ["base", "middle", 3, "last"]
    back, bases = far.do(lambda *classes: (classes, classes[0].__mro__), loud, Base)
    assert back == (loud, Base)
    assert bases == loud.__mro__
    assert far.do(lambda cls: cls.handlers["Rumor"], Gossip.using(fanout=5)).message is Rumor


def test_functions_travel_with_what_they_refer_to(far):
    factor, links = 3, Link(latency=lambda dice: dice.random() + 1, loss=0.1)
    assert far.do(lambda number: number * factor, 14) == 42
    [link] = far.do(same, links)
    assert link.latency(Random(1)) == links.latency(Random(1))
    assert link.loss == 0.1
    assert far.do(lambda: [encode(Rumor("x")), Contact("n0", "a:1")]) == [
        encode(Rumor("x")),
        Contact("n0", "a:1"),
    ]


# Messages of every kind


class Leaf(Message):
    name: str


class Tree(Message):
    value: int
    below: "tuple[Tree, ...]" = ()
    leaf: "Leaf | None" = None


def kinds():
    """Return a message of each kind, and one that must be refused."""

    class Inner(Message):
        number: int

    class Many(Message):
        inner: Inner
        all: tuple[Inner, ...]
        some: frozenset[str]
        pair: tuple[int, str] | None = None
        raw: bytes = b""

    class Chosen(Message):
        colour: Literal["red", "green"]
        size: float = 1.0

    class Self(Message):
        next: "Self | None" = None

    yield (
        Many(Inner(1), (Inner(2), Inner(3)), frozenset({"a", "b"}), (1, "x"), b"\0"),
        Many(1, (), 2),
    )
    yield Chosen("red"), Chosen("blue")
    yield Self(Self(Self())), Self(5)
    yield Tree(1, (Tree(2), Tree(3, (Tree(4),))), Leaf("x")), Tree(1, (Leaf("x"),))
    yield Inner(2**63 - 1), Inner(2**63)


@pytest.mark.parametrize("number", range(5))
def test_messages_of_every_kind_are_encoded_and_checked_alike_there(far, number):
    good, bad = list(kinds())[number]

    def check(good, body):
        kind = type(good).__name__
        return good, encode(good) == body, decode(body, {kind: type(good)}.get) == good, hash(good)

    assert far.do(check, good, encode(good))[:3] == (good, True, True)
    for do in (lambda function, *args: function(*args), far.do):
        with pytest.raises(MessageError):
            do(encode, bad)
    assert decode(encode(good), {type(good).__name__: type(good)}.get) == good  # and here, still


def test_a_message_whose_field_is_defined_later_travels_before_and_after(far):
    names = {"Message": Message, "__name__": "__main__"}
    exec("class Early(Message):\n    later: 'Later'", names)
    early = names["Early"]
    far.do(same, early)
    with pytest.raises(MessageError, match="define that class"):
        encode(early(1))


def test_classes_with_annotations_that_are_text(far, tmp_path):
    source = """
from __future__ import annotations
from p2pkit import LocalNetwork, Message, Protocol, on

def classes():
    class Note(Message):
        number: int
        tags: tuple[str, ...] = ()
        before: Note | None = None
    return Note

class Word(Message):
    text: str | None
    inside: tuple[Word, ...] = ()

Note = classes()

class Keeper(Protocol):
    def on_start(self):
        self.kept = []

    @on(Note)
    def keep(self, note, sender):
        self.kept.append(note)
        self.broadcast(Word("got it", (Word(None),)))

    @on(Word)
    def heard(self, word, sender):
        self.kept.append(word)

with LocalNetwork(Keeper, 2, processes=2) as net:
    net.tell("n0", Note(1, ("a",), Note(2)))
    assert net.run(until=lambda: net["n1"].kept, within=20)
    assert net["n0"].kept == [Note(1, ("a",), Note(2))]
    assert net["n1"].kept == [Word("got it", (Word(None),))]
"""
    script = tmp_path / "script.py"
    script.write_text(source, "utf-8")
    done = subprocess.run(
        [sys.executable, script],
        env=os.environ | {"PYTHONPATH": ROOT},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_class_works_here_while_it_travels(far):
    stop, errors, encoded = threading.Event(), [], []

    def use():
        while not stop.is_set():
            try:
                for cls in fresh:
                    encoded.append(encode(cls("x")))
                    decode(encoded[-1], {cls.__name__: cls}.get)
            except BaseException as error:
                errors.append(error)
                raise

    fresh = []
    threads = [threading.Thread(target=use) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(60):

            class Busy(Message):
                text: str

            fresh = [*fresh[-3:], Busy]
            assert far.do(same, Busy("y")) == (Busy("y"),)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not errors
    assert encoded


# Exceptions


class Odd(Exception):
    """Is made with other arguments than it keeps."""

    def __init__(self, who, *, why):
        super().__init__(f"{who}: {why}")
        self.why = why


class Poor(Exception):
    def __init__(self, coins):
        super().__init__(f"only {coins} coins")
        self.coins = coins


def fail(error, cause=None):
    error.add_note("at node n1")
    if cause is not None:
        raise error from cause
    raise error


@pytest.mark.parametrize(
    "error",
    [
        ValueError("no"),
        KeyError("k"),
        ZeroDivisionError(),
        OSError(2, "no such file"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"),
        MessageError("wrong"),
        NodeDown("down"),
        KeyboardInterrupt(),
        SystemExit(3),
        ExceptionGroup("two", [ValueError(1), KeyError(2)]),
    ],
    ids=lambda error: type(error).__name__,
)
def test_exceptions_keep_their_type_their_text_and_their_notes(far, error):
    with pytest.raises(type(error)) as caught:
        far.do(fail, error)
    assert type(caught.value) is type(error)
    assert str(caught.value) == str(error)
    assert caught.value.__notes__ == ["at node n1"]
    assert 'test_courier.py", line' in shown(caught.value)
    assert "in fail" in shown(caught.value)


def test_a_students_own_exception_keeps_its_type_and_what_it_knows(far):
    class Local(Poor):
        pass

    with pytest.raises(Local) as caught:
        far.do(lambda: fail(Local("x")))
    assert caught.value.__notes__ == ["at node n1"]

    def keep():
        error = Local(3)
        error.args = (3,)
        fail(error)

    with pytest.raises(Local, match=r"^3$|only 3") as caught:
        far.do(keep)
    assert caught.value.coins == 3


def test_an_exception_that_cannot_travel_says_the_same_as_another(far):
    def odd():
        fail(Odd("n1", why="because"))

    def locked():
        error = ValueError("it holds a lock")
        error.lock = threading.Lock()
        fail(error)

    for function, text in [(odd, "Odd: n1: because"), (locked, "ValueError: it holds a lock")]:
        with pytest.raises(NetworkError, match=text) as caught:
            far.do(function)
        assert "at node n1" in shown(caught.value)
        assert f"in {function.__name__}" in shown(caught.value)


def test_what_had_gone_wrong_before_is_shown(far):
    def chain():
        try:
            {}["missing"]
        except KeyError as error:
            fail(Poor(1), error)

    def context():
        try:
            {}["missing"]
        finally:
            raise ValueError("cleaning up")

    def hidden():
        try:
            {}["missing"]
        except KeyError:
            raise ValueError("simply") from None

    for function, error, before in [
        (chain, Poor, True),
        (context, ValueError, True),
        (hidden, ValueError, False),
    ]:
        with pytest.raises(error) as caught:
            far.do(function)
        assert ("KeyError: 'missing'" in shown(caught.value)) is before
        assert isinstance(caught.value.__cause__, FromWorker)


# What cannot travel


REFUSED = {
    "a lock": threading.Lock,
    "a TextIOWrapper": partial(open, os.devnull, "w"),
    "a generator": lambda: (number for number in range(3)),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_travel_is_refused_with_its_name(far, what):
    culprit = REFUSED[what]()

    class Keeper(Protocol):
        def keep(self):
            return culprit

    def uses():
        return (lambda: culprit)()

    cases = {
        rf"^{what} cannot be sent": culprit,
        rf"^{what} \(culprit, which Keeper\.keep uses\) cannot be sent": Keeper,
        rf"^{what} \(culprit, which uses uses\)": {"watch": uses},
        rf"^{what} \(culprit, which Keeper.keep uses\)": partial(same, a={"n1": Keeper}),
    }
    try:
        for words, value in cases.items():
            with pytest.raises(NetworkError, match=words):
                far.courier.pack(value)
    finally:
        if hasattr(culprit, "close"):
            culprit.close()


def test_the_network_itself_cannot_be_used_by_its_nodes():
    nets = []

    class Meddler(Protocol):
        @on(Rumor)
        def hear(self, rumor, sender):
            nets[0].crash("n1")

    with LocalNetwork(Gossip, 1) as net:
        nets.append(net)
        with pytest.raises(NetworkError, match=r"\(nets, which Meddler\.hear uses\)"):
            LocalNetwork(Meddler, 2, processes=2)
        nets.clear()


def test_a_class_attribute_that_cannot_travel_is_named(far):
    class Locked(Protocol):
        lock = threading.Lock()

    with pytest.raises(NetworkError, match=r"^a lock \(Locked\.lock\) cannot be sent"):
        far.courier.pack(Locked.using())


def test_after_something_was_refused_its_classes_still_travel(far):
    class Fine(Message):
        number: int

    with pytest.raises(NetworkError):
        far.do(same, Fine(1), threading.Lock())
    assert far.do(same, Fine(2)) == (Fine(2),)

    def both():
        class Made(Message):
            number: int

        sys.kept = Made
        return Made(1), threading.Lock()

    with pytest.raises(NetworkError, match="cannot be sent to another process"):
        far.do(both)
    assert far.do(lambda: sys.kept(3).number) == 3
    assert far.do(lambda: sys.kept(3)).number == 3


def test_what_could_not_be_unpacked_harms_nothing_that_comes_later(far):
    class Trap:
        def __reduce__(self):
            return exec, ("raise LookupError('a trap')",)

    class Sent(Message):
        number: int

    class After(Message):
        number: int

    with pytest.raises(LookupError, match="a trap"):
        far.do(same, Sent(1), Trap())
    assert far.do(same, After(2)) == (After(2),)
    with pytest.raises(NetworkError, match="could not be unpacked before"):
        far.do(same, Sent(3))
    assert far.do(same, After(4)) == (After(4),)
