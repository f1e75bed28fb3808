"""Notebook 3: its protocols are the kit's own, and the exercise's check finds what is wrong."""

import pytest
from test_notebooks import SOURCES, definitions

pytest.importorskip("jupytext", reason="the notebooks need p2pkit[notebooks]")
pytest.importorskip("matplotlib", reason="the notebooks need p2pkit[notebooks]")

from p2pkit import Link, SimNetwork, on
from p2pkit.protocols import batched, flood, lazy, tree
from p2pkit.protocols.batched import Batch, Notes, Rumor
from p2pkit.topology import build

SOURCE = next(source for source in SOURCES if source.stem.startswith("03_"))


@pytest.fixture(scope="module")
def notebook():
    return definitions(SOURCE)


# What the notebook builds


@pytest.mark.parametrize("module", [flood, tree, lazy], ids=lambda module: module.__name__)
def test_what_is_built_is_what_the_kit_ships(notebook, module):
    """Both do the same, event for event, also when a node crashes on the way."""
    name = module.__name__.rpartition(".")[2].capitalize()

    def digest(protocol, rumor):
        link = Link(latency=(0.01, 0.1), loss=0.02)
        with SimNetwork(protocol, build("small-world", 20), link=link, seed=5) as net:
            for number in range(5):
                net.tell(f"n{number}", rumor(f"rumor {number}"))
                net.run(1.5)
            net.crash("n7")
            net.tell("n8", rumor("after a crash"))
            net.run(3.0)
            net.restart("n7")
            net.tell("n9", rumor("after a restart"))
            net.run(3.0)
        return net.trace.digest()

    here = digest(notebook[name], notebook["Rumor"])
    assert here == digest(getattr(module, name), module.Rumor)


# The check: it must find what is wrong, and let pass what is right. These are the kit's own solution,
# and what students make of it.


class Right(batched.Broadcast):
    """A solution, written as the exercise wants it."""


class Silent(Right):
    def hear(self, rumor, sender):
        pass


class Parrot(Right):
    """Repeats what it has heard before, in batches."""

    @on(Rumor)
    def hear(self, rumor, sender):
        self.heard.add(rumor)
        self.fresh[rumor] = sender


class Storm(Right):
    """Repeats it at once, also to the one who told it."""

    @on(Rumor)
    def hear(self, rumor, sender):
        self.heard.add(rumor)
        self.broadcast(rumor)


class Chatty(Right):
    """Sends batches with nothing in them."""

    def tell(self):
        super().tell()
        self.broadcast(Batch(()))


class OneWay(Right):
    """Tells only the first of its peers."""

    def tell(self):
        for peer in list(self.peers)[:1]:
            self.send(peer, Batch(tuple(self.fresh)))
        self.fresh = {}

    def compare(self):
        pass


class Hasty(Right):
    """Does not wait long enough to save anything."""

    pause = 0.02


class Sluggish(Right):
    """Waits too long."""

    pause = 0.4


class Forgetful(Right):
    """Never compares."""

    def compare(self):
        pass


class OnlyOnConnect(Forgetful):
    """Compares only with new peers: nobody is one after a short partition."""

    def on_connect(self, peer):
        self.send(peer, Notes(frozenset(self.heard)))


class Unforgiving(Right):
    """Never again compares with a peer that it has lost once."""

    def on_start(self):
        super().on_start()
        self.lost = set()

    def on_disconnect(self, peer):
        self.lost.add(peer)

    def compare(self):
        for peer in self.sample(1):
            if peer not in self.lost:
                self.send(peer, Notes(frozenset(self.heard)))


class Disorderly(Right):
    """Sends what is in a set as it comes."""

    def tell(self):
        if news := {rumor.text for rumor in self.fresh}:
            self.broadcast(Batch(tuple(map(Rumor, news))))
        self.fresh = {}


class Mistaken(Right):
    """Sends what is no message."""

    def tell(self):
        if self.fresh:
            self.broadcast(self.fresh)


@pytest.fixture
def check(notebook, capsys, monkeypatch):
    """Return a function that runs the check on a class, and returns what it prints."""

    def run(protocol):
        # Students use the Rumor of the notebook; these classes have their own.
        monkeypatch.setitem(notebook, "Rumor", protocol.handlers["Rumor"].message)
        notebook["check"](protocol)
        return capsys.readouterr().out

    return run


@pytest.mark.slow
def test_the_check_lets_a_right_solution_pass(check):
    said = check(batched.Broadcast)
    assert "all 9 steps done" in said
    assert "your methods have 29 lines" in said
    assert "have 29." in said


@pytest.mark.parametrize(
    ("protocol", "step", "words"),
    [
        (Silent, "three nodes in a row", "0 of 1 rumors are known to all 3 nodes"),
        (Storm, "three nodes in a row", "does somebody repeat what is not new"),
        (Chatty, "three nodes in a row", "or send what is empty"),
        (Mistaken, "three nodes in a row", "it raised MessageError: this is of type dict"),
        (Parrot, "the grid", "does somebody repeat what is not new"),
        (OneWay, "three nodes in a row", "'rumor 0' is not known to n2"),
        (flood.Flood, "few messages", "56.0 messages a rumor, and below 20"),
        (Hasty, "few messages", "a message may carry many rumors"),
        (Sluggish, "in time", "half of the rumors took more than"),
        (Forgetful, "a short partition", "20 s later"),
        (OnlyOnConnect, "a short partition", "nobody is told of a lost message"),
        (Unforgiving, "a long partition", "self.peers has changed"),
        pytest.param(
            Disorderly, "the same again", "write sorted(…) around the set", marks=pytest.mark.slow
        ),
    ],
)
def test_the_check_says_what_is_wrong(check, protocol, step, words):
    said = check(protocol)
    assert f"next  {step}\n" in said
    assert words in said
    assert "Traceback" not in said


def test_the_exercise_as_it_stands_gets_a_hint(notebook, capsys):
    notebook["check"](notebook["Broadcast"])
    assert "0 of 9 steps done" in capsys.readouterr().out
