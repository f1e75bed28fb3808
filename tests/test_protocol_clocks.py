"""Clocks: single reactions, the same story in every world, and mutants."""

from random import Random

import networkx as nx
import pytest
from diary import run_until

from p2pkit import Link, SimNetwork, on
from p2pkit.protocols.clocks import Lamport, Letter, Note, Vector, before
from p2pkit.testing import alone

# Single reactions


def test_lamport_counts_what_happens_and_puts_the_time_into_what_it_says():
    with alone(Lamport, peers="a") as bench:
        bench.node.happen("tea")
        bench.node.say("a", "hello")
        bench.expect("a", Note("hello", 2))
        assert bench.node.diary == [(1, "tea"), (2, "say hello")]


@pytest.mark.parametrize(("theirs", "then"), [(7, 8), (2, 3), (1, 3), (0, 3)])
def test_what_is_heard_is_later_than_its_sending_and_than_all_before_it(theirs, then):
    with alone(Lamport, peers="a") as bench:
        bench.node.happen("one")
        bench.node.happen("two")
        bench.receive(Note("hello", theirs), "a")
        assert bench.node.diary[-1] == (then, "hear hello")


def test_a_vector_counts_for_each_node():
    with alone(Vector, peers="a") as bench:
        bench.node.say("a", "hello")
        bench.expect("a", Letter("hello", (("n0", 1),)))
        bench.receive(Letter("you", (("a", 5), ("b", 2))), "a")
        bench.receive(Letter("there", (("a", 3), ("b", 4), ("n0", 1))), "a")
        assert bench.node.known == {"n0": 3, "a": 5, "b": 4}
        assert [at for at, _ in bench.node.diary] == [
            {"n0": 1},
            {"n0": 2, "a": 5, "b": 2},
            {"n0": 3, "a": 5, "b": 4},
        ]


@pytest.mark.parametrize(
    ("a", "b", "verdict"),
    [
        ({}, {"n0": 1}, True),
        ({"n0": 1}, {"n0": 2}, True),
        ({"n0": 1}, {"n0": 1}, False),
        ({"n0": 2}, {"n0": 1}, False),
        ({"n0": 1}, {"n1": 1}, False),
        ({"n0": 1, "n1": 2}, {"n0": 2, "n1": 1}, False),
        ({"n0": 1}, {"n0": 1, "n1": 1}, True),
    ],
)
def test_before(a, b, verdict):
    assert before(a, b) is verdict


# What happened before what, by its definition


def chatter(net, words=60, seed=1):
    """Let nodes say things to each other, now and then; each text is said once."""
    dice = Random(seed)
    for number in range(words):
        one, other = dice.sample(net.names, 2)
        if dice.random() < 0.3:
            net.call(one, "happen", f"event {number}")
        else:
            net.call(one, "say", other, f"word {number}")
        net.run(dice.uniform(0.0, 0.02))


def happenings(net):
    """Return the graph of what happened, with a way from each thing to all that it came before, and
    the clock of each, by (node, what)."""
    graph, clocks, said = nx.DiGraph(), {}, {}
    for node in net:
        last = None
        for clock, what in node.diary:
            this = node.id, what
            graph.add_node(this)
            clocks[this] = clock
            if last is not None:
                graph.add_edge(last, this)
            last = this
            if what.startswith("say "):
                said[what[4:]] = this
    for this in [*graph]:
        if this[1].startswith("hear "):
            graph.add_edge(said[this[1][5:]], this)
    return graph, clocks


def the_clock_condition_holds(net):
    """Check it: what came before has the smaller time; and nobody's clock stands still."""
    graph, clocks = happenings(net)
    assert len(graph) > 50
    for a in graph:
        for b in nx.descendants(graph, a):
            assert clocks[a] < clocks[b]
    ordered = sorted((clock, *what) for what, clock in clocks.items())
    assert nx.is_directed_acyclic_graph(graph)
    assert len({(time, node) for time, node, _ in ordered}) == len(ordered)  # no two are equal
    for node in net:
        times = [time for time, _ in node.diary]
        depth = [1 + max(_longest(graph, (node.id, what)), 0) for _, what in node.diary]
        assert times == depth  # as small as it may be


def _longest(graph, this):
    """Return how many things came before, one after the other."""
    past = graph.subgraph(nx.ancestors(graph, this) | {this})
    return nx.dag_longest_path_length(past)


def vectors_tell_exactly(net):
    """Check that of two things, one has the smaller vector if and only if it came before."""
    graph, clocks = happenings(net)
    assert len(graph) > 50
    for a in graph:
        after = nx.descendants(graph, a)
        for b in graph:
            assert before(clocks[a], clocks[b]) == (b in after)


LAWS = {Lamport: the_clock_condition_holds, Vector: vectors_tell_exactly}


def holds(protocol, law):
    link = Link(latency=(0.001, 0.2), ordered=False)
    with SimNetwork(protocol, 5, link=link, seed=3) as net:
        chatter(net)
        net.run(1.0)
    law(net)


@pytest.mark.parametrize("protocol", LAWS)
def test_clocks_tell_what_came_before_what(network, protocol):
    with network(protocol, 4) as net:
        chatter(net, words=40)
        run_until(net, lambda: not unheard(net))
    LAWS[protocol](net)


def unheard(net):
    whats = {what for node in net for _, what in node.diary}
    return [what for what in whats if what.startswith("say") and f"hear{what[3:]}" not in whats]


@pytest.mark.parametrize("protocol", LAWS)
def test_a_law_holds(protocol):
    holds(protocol, LAWS[protocol])


# Mutants


class Deaf(Lamport):
    @on(Note)
    def hear(self, note, sender):
        self.happen(f"hear {note.text}")


class Copying(Lamport):
    """Goes back in time."""

    @on(Note)
    def hear(self, note, sender):
        self.time = note.time
        self.happen(f"hear {note.text}")


class Level(Lamport):
    """Hears at the time at which it was said."""

    @on(Note)
    def hear(self, note, sender):
        self.time = max(self.time + 1, note.time)
        self.diary.append((self.time, f"hear {note.text}"))


class Early(Lamport):
    """Sends the time before the sending."""

    def say(self, to, text):
        self.send(to, Note(text, self.time))
        self.happen(f"say {text}")


class Rushing(Lamport):
    """Counts more than happens."""

    def happen(self, what):
        self.time += 1
        super().happen(what)


class Overwriting(Vector):
    @on(Letter)
    def hear(self, letter, sender):
        self.known |= dict(letter.known)
        self.happen(f"hear {letter.text}")


class Selfish(Vector):
    """Tells of itself only."""

    def say(self, to, text):
        self.happen(f"say {text}")
        self.send(to, Letter(text, ((self.id, self.known[self.id]),)))


class Sleepy(Vector):
    """Does not count what it hears."""

    @on(Letter)
    def hear(self, letter, sender):
        for id, count in letter.known:
            self.known[id] = max(self.known.get(id, 0), count)
        self.diary.append((dict(self.known), f"hear {letter.text}"))


class Sharing(Vector):
    """Writes down the vector itself, which goes on."""

    def happen(self, what):
        super().happen(what)
        self.diary[-1] = (self.known, what)


@pytest.mark.parametrize(
    "mutant", [Deaf, Copying, Level, Early, Rushing, Overwriting, Selfish, Sleepy, Sharing]
)
def test_a_mutant_is_noticed(mutant):
    with pytest.raises(AssertionError):
        holds(mutant, LAWS[mutant.__mro__[1]])
