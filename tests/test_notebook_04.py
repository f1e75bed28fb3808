"""Notebook 4: its protocols are the kit's own, and the exercise's check finds what is wrong."""

from functools import partial

import networkx as nx
import pytest
from test_notebooks import SOURCES, definitions

pytest.importorskip("jupytext", reason="the notebooks need p2pkit[notebooks]")
pytest.importorskip("matplotlib", reason="the notebooks need p2pkit[notebooks]")
pytest.importorskip("numpy", reason="the notebooks need p2pkit[notebooks]")

from p2pkit import Link, SimNetwork, on
from p2pkit.protocols import gossip, rumor
from p2pkit.protocols.rumor import Rumor, Verdict

SOURCE = next(source for source in SOURCES if source.stem.startswith("04_"))


@pytest.fixture(scope="module")
def notebook():
    return definitions(SOURCE)


# What the notebook builds


def digest(protocol, message, link):
    """Return what a network of a protocol does, event for event."""
    graph = nx.random_regular_graph(6, 30, seed=2)
    with SimNetwork(protocol, graph, link=link, seed=5) as net:
        for number in range(5):
            net.tell(f"n{number}", message(f"rumor {number}"))
            net.run(1.5)
        net.crash("n7")
        net.tell("n8", message("after a crash"))
        net.run(3.0)
        net.restart("n7")
        net.run(30.0)
    return net.trace.digest()


@pytest.mark.parametrize("name", ["Gossip", "Pull", "PushPull"])
def test_what_is_built_is_what_the_kit_ships(notebook, name):
    link = Link(latency=(0.01, 0.1), loss=0.02)
    here = digest(notebook[name], notebook["Rumor"], link)
    assert here == digest(getattr(gossip, name), gossip.Rumor, link)


@pytest.mark.parametrize("k", [1, 3])
def test_the_blind_one_is_a_variant_of_the_kits(notebook, k):
    """What is told from outside counts as heard in that round; so there is one rumor at a time."""
    theirs = rumor.Mongering.using(feedback=False, counter=False, synchronous=True, pause=1.0, k=k)
    link = Link(latency=0.01)

    def run(protocol, message):
        with SimNetwork(protocol, 50, link=link, seed=k) as net:
            for text in ("one", "two"):
                net.tell("n0", message(text))
                net.run(80.5)
        return net.trace.digest()

    assert run(notebook["Blind"].using(k=k), notebook["Rumor"]) == run(theirs, rumor.Rumor)


# The check: it must find what is wrong, and let pass what is right. These are the kit's own solution,
# and what students make of it.


class Right(rumor.Mongering):
    """A solution, written as the exercise wants it."""

    counter = False


class Deaf(Right):
    def hear(self, rumor, sender):
        pass


class Shy(Right):
    """Tells nobody what it has not been told from outside."""

    @on(Rumor)
    def hear(self, rumor, sender):
        verdict = super().hear(rumor, sender)
        if sender:
            self.hot.pop(rumor, None)
        return verdict


class Tireless(Right):
    def lose_interest(self):
        pass


class Blind(Right):
    """Loses interest by every contact."""

    feedback = False


class Counting(Right):
    """Counts what was in vain, and throws no coin."""

    counter = True


class InRounds(Right):
    """Judges by what was known when the round began."""

    synchronous = True


class Mistaken(Right):
    """Loses interest when it was news, and else not."""

    def judge(self, rumor, verdict):
        super().judge(rumor, verdict and Verdict(not verdict.news))


class Hopeful(Right):
    """Is sure that there is an answer, and does not wait for it."""

    def judge(self, rumor, verdict):
        super().judge(rumor, Verdict(verdict.news))

    def tell(self, peer):
        for known in self.hot:
            self.ask(peer, known, partial(self.judge, known), 0.001)


class Failing(Right):
    def turn(self):
        raise KeyError("hot")


def run_check(notebook, protocol, capsys):
    """Run the notebook's check on a class, and return what it prints."""
    notebook["HELLO"] = Rumor("hello")
    notebook["check"](protocol)
    return capsys.readouterr().out


@pytest.mark.slow
def test_the_check_lets_a_right_protocol_pass(notebook, capsys):
    said = run_check(notebook, Right, capsys)
    assert "all 6 steps done" in said
    assert f"and has {notebook['lines'](rumor.Mongering)}" in said


@pytest.mark.parametrize(
    ("protocol", "step", "words"),
    [
        (Deaf, "two nodes", "has no rumor in it"),
        (Failing, "two nodes", "it raised KeyError: 'hot'"),
        (Hopeful, "two nodes", "it raised AttributeError"),
        (Tireless, "two nodes", "turns they still talk of it"),
        (Mistaken, "two nodes", "turns they still talk of it"),
        (Shy, "it gets around", "with k=2, 16% of 200 nodes hear it"),
        (Blind, "it gets around", "of 200 nodes hear it, and at least 87% should"),
        pytest.param(InRounds, "the law, k=1", "by the formula 0.2032", marks=pytest.mark.slow),
        pytest.param(Counting, "the law, k=2", "by the formula 0.0595", marks=pytest.mark.slow),
    ],
)
def test_the_check_says_what_is_wrong(notebook, protocol, step, words, capsys):
    said = run_check(notebook, protocol, capsys)
    assert f"next  {step}" in said, said
    assert words in said, said
    assert "Hint: " in said
    assert "Traceback" not in said


def test_the_check_says_so_of_the_cell_as_it_is(notebook, capsys):
    said = run_check(notebook, notebook["Mongering"], capsys)
    assert "next  two nodes" in said
    assert "0 of 6 steps done" in said
