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


class CountingAll(Counting):
    """Does not begin to count again: the residue is the same as with a coin."""

    reset = False


class Bored(Right):
    """Loses interest in all rumors when one was told in vain."""

    def lose_interest(self):
        before = len(self.hot)
        super().lose_interest()
        if len(self.hot) < before:
            self.hot.clear()


class Once(Right):
    """Is never interested again when it has lost interest."""

    @on(Rumor)
    def hear(self, rumor, sender):
        verdict = super().hear(rumor, sender)
        if len(self.heard) > 1 and verdict != Verdict(False) and not self.useful:
            self.hot.pop(rumor, None)
        return verdict


class Tired(Right):
    """Loses interest for no reason, too, if rarely."""

    weariness = 0.1  # a turn

    def turn(self):
        super().turn()
        for known in list(self.hot):
            if self.random.random() < self.weariness:
                del self.hot[known]


class Impatient(Right):
    """Knows only small k."""

    def lose_interest(self):
        k, self.k = self.k, min(self.k, 3)
        super().lose_interest()
        self.k = k


class Symmetric(Right):
    """Loses interest when told in vain, as well."""

    @on(Rumor)
    def hear(self, rumor, sender):
        if rumor in self.hot and self.random.random() < 1 / self.k:
            del self.hot[rumor]
            self.useful.pop(rumor, None)
        return super().hear(rumor, sender)


class Louder(Right):
    """Tells two peers in each turn."""

    def sample(self, many):
        return super().sample(2 * many)


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


class Early(Right):
    """Throws the coin as soon as there is an answer, and has its turns at once: right, too."""

    def on_start(self):
        super().on_start()
        self.coins = []

    def judge(self, rumor, verdict):
        super().judge(rumor, verdict)
        self.lose_interest()

    def tell(self, peer):
        for known in list(self.hot):
            self.ask(peer, known, partial(self.judge, known))


class Endless(Right):
    """Never stops sending, in no time at all."""

    def turn(self):
        super().turn()
        self.after(0.0, self.turn)


def run_check(notebook, protocol, capsys):
    """Run the notebook's check on a class that knows the kit's rumors, and return what it prints."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(notebook, "Rumor", Rumor)
        notebook["check"](protocol)
    return capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("protocol", [Right, Early])
def test_the_check_lets_a_right_protocol_pass(notebook, protocol, capsys):
    said = run_check(notebook, protocol, capsys)
    assert "all 9 steps done" in said, said
    assert f"and has {notebook['lines'](rumor.Mongering)}" in said


@pytest.mark.parametrize(
    ("protocol", "step", "words"),
    [
        (Deaf, "two nodes", "has no such thing in self.heard"),
        (Failing, "two nodes", "it raised KeyError: 'hot'"),
        (Hopeful, "two nodes", "it raised AttributeError"),
        (Tireless, "two nodes", "turns they still talk of it"),
        (Mistaken, "two nodes", "turns they still talk of it"),
        (Shy, "it gets around", "with k=2, 16% of 200 nodes hear it"),
        (Blind, "it gets around", "of 200 nodes hear it, and at least 87% should"),
        (Once, "the next rumor", "of 50 nodes hear it, and at least 70% should"),
        (Counting, "a coin", "two nodes send a rumor 7 times, in each of 20 runs"),
        (CountingAll, "a coin", "two nodes send a rumor 7 times, in each of 20 runs"),
        pytest.param(
            Endless, "two nodes", "it raised NetworkError: 1,000,000 events", marks=pytest.mark.slow
        ),
        pytest.param(InRounds, "the law, k=1", "by the formula, 0.2032", marks=pytest.mark.slow),
        pytest.param(Bored, "the law, k=1", "by the formula, 0.2032", marks=pytest.mark.slow),
        pytest.param(Tired, "the law, k=1", "by the formula, 0.2032", marks=pytest.mark.slow),
        pytest.param(Symmetric, "the law, k=1", "by the formula, 0.2032", marks=pytest.mark.slow),
        pytest.param(Louder, "the law, k=1", "by the formula, 0.2032", marks=pytest.mark.slow),
        pytest.param(
            Tired.using(weariness=0.03),
            "the law, k=2",
            "by the formula, 0.0595",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            Tired.using(weariness=0.01),
            "the law, k=4",
            "by the formula, 0.0070",
            marks=pytest.mark.slow,
        ),
        pytest.param(Impatient, "the law, k=4", "by the formula, 0.0070", marks=pytest.mark.slow),
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
    assert "0 of 9 steps done" in said
