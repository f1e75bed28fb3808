"""Rounds: gossip among a million nodes, as arrays instead of objects.

The protocols in `p2pkit.protocols` run message by message. What a paper counts in rounds can be
had faster: in each round every node that has something to do draws one of all the others, and numpy
does that for all nodes at once.

    rounds.push(1_000_000).rounds                      # until everybody knows
    rounds.mongering(1_000_000, k=2).residue           # who never heard
    rounds.infect_and_die(1_000_000, fanout=3).coverage
    rounds.averaging(1_000_000, cycles=20)             # the variance after each cycle

Rounds are synchronous: whoever hears the rumor in a round passes it on from the next one, and all
contacts are judged by what was known when the round began. That last detail decides whether a
printed figure is met; `protocols.rumor` does it so with `synchronous = True`.

In all functions node 0 knows the rumor, at round 0, and a node never draws itself. seed: of the
dice; the same gives the same.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Numbers: TypeAlias = NDArray[np.int64]
"""Numbers of nodes, or how many there are."""

Marks: TypeAlias = NDArray[np.bool_]
"""Yes or no, for each of some nodes."""

NEVER = -1
"""The round in which a node heard the rumor that never did."""


@dataclass(frozen=True)
class Spread:
    """What became of a rumor.

    heard: the round in which each node heard it, or NEVER. messages: how often the rumor was sent, to
    those who knew it as well; questions, and answers without the rumor in them, are not counted.
    """

    heard: NDArray[np.int32]
    messages: int

    @property
    def coverage(self) -> float:
        """The share of nodes that heard it, the first one included."""
        return float(np.mean(self.heard != NEVER))

    @property
    def residue(self) -> float:
        """The share of nodes that never heard it: s in Demers et al. (1987), section 1.4."""
        return float(np.mean(self.heard == NEVER))

    @property
    def traffic(self) -> float:
        """How often the rumor was sent, per node: m there."""
        return self.messages / len(self.heard)

    @property
    def rounds(self) -> int:
        """The round in which the last of those who heard it did: t_last there."""
        return int(self.heard.max())

    @property
    def mean_round(self) -> float:
        """The round in which those who heard it did, on average, with the first one: t_ave there."""
        return float(self.heard[self.heard != NEVER].mean())

    @property
    def curve(self) -> Numbers:
        """How many nodes had heard it after each round; one, after round 0."""
        return np.cumsum(np.bincount(self.heard[self.heard != NEVER]))


# Until everybody knows


def push(nodes: int, *, seed: int = 0) -> Spread:
    """Let all who know the rumor tell it to one other node in every round, until all know.

    That takes log2 n + ln n + O(1) rounds: Frieze and Grimmett, "The shortest-path problem for graphs
    with random arc-lengths" (1985), and Pittel, "On spreading a rumor" (1987).
    """
    run = _Run(nodes, seed)
    return run.until_all_know(lambda: run.tell(run.draw(run.knowing())))


def pull(nodes: int, *, seed: int = 0) -> Spread:
    """Let all who do not know it ask one other node in every round, until all know.

    That takes log2 n + log2 ln n + O(1) rounds.
    """
    run = _Run(nodes, seed)

    def turn() -> None:
        asking = np.flatnonzero(run.heard == NEVER)
        run.tell(asking[run.knows(run.draw(asking))])

    return run.until_all_know(turn)


def push_pull(nodes: int, *, seed: int = 0) -> Spread:
    """Let every node call one other in every round, and each tell the other what it knows.

    That takes log3 n + O(log log n) rounds: Karp, Schindelhauer, Shenker and Vöcking, "Randomized rumor
    spreading" (FOCS 2000). As there, a pair that both know the rumor sends it twice.
    """
    run = _Run(nodes, seed)

    def turn() -> None:
        callers = np.arange(nodes)
        called = run.draw(callers)
        run.tell(np.concatenate([called[run.knows(callers)], callers[run.knows(called)]]))

    return run.until_all_know(turn)


# Until nobody is interested


def mongering(
    nodes: int,
    *,
    k: int,
    feedback: bool = True,
    counter: bool = True,
    reset: bool = True,
    pulling: bool = False,
    limited: bool = False,
    seed: int = 0,
) -> Spread:
    """Let all who are interested in the rumor spread it, until nobody is.

    Demers and others, "Epidemic algorithms for replicated database maintenance" (PODC 1987), section
    1.4; their tables 1 to 3 are feedback and counter, blind and coin, and pulling, feedback and
    counter.

    k: how much it takes to lose interest, at least 1. feedback: contacts with those who knew are in
    vain; blind, all are. counter: lose interest after k contacts in vain; with a coin, after each with
    probability 1/k. reset: a contact that was not in vain sets the counter back to 0. pulling: all
    nodes ask in every round, and those of interest are asked; what happens to one in a round counts as
    one contact, in vain if all in it was. limited: a node hears one teller in a round; the others it
    refuses, and nothing has happened. That is only for telling.

    Raises ValueError for k below 1, and if it is both pulling and limited.
    """
    if k < 1 or (pulling and limited):
        raise ValueError("k is at least 1, and those who ask are not limited")
    run = _Run(nodes, seed)
    hot = run.knowing()
    vain = np.zeros(nodes, np.int64)  # contacts in vain, of each node
    while len(hot):
        told, tellers = run.asked(hot) if pulling else (run.draw(hot), hot)
        if limited:
            first = run.one_each(told)
            told, tellers = told[first], tellers[first]
        useful = ~run.knows(told) & feedback
        met = np.bincount(tellers, minlength=nodes)[hot] > 0
        helped = np.bincount(tellers[useful], minlength=nodes)[hot] > 0
        vain[hot[met & ~helped]] += 1
        if reset:
            vain[hot[helped]] = 0
        bored = vain[hot] >= k if counter else met & ~helped & (run.dice.random(len(hot)) < 1 / k)
        hot = np.concatenate([hot[~bored], run.tell(told)])
    return run.spread()


def infect_and_die(nodes: int, *, fanout: int, seed: int = 0) -> Spread:
    """Let each node, when it hears the rumor, tell `fanout` different others, and be done.

    The share p that hears it solves p = 1 - e^(-fanout p); see `protocols.gossip`. Raises ValueError
    for a fanout that is not 0 to nodes - 1.
    """
    if not 0 <= fanout < nodes:
        raise ValueError(f"fanout={fanout}: 0 to {nodes - 1} others can be told")
    run = _Run(nodes, seed)
    fresh = run.knowing()
    while len(fresh):
        fresh = run.tell(run.draw_several(fresh, fanout))
    return run.spread()


# Averages

Order: TypeAlias = Literal["shuffled", "fixed", "pairs", "matching"]


def averaging(
    nodes: int, *, cycles: int, order: Order = "shuffled", seed: int = 0
) -> NDArray[np.float64]:
    """Let pairs of nodes take the mean of their two numbers; return the variance at the beginning
    and after each cycle of as many calls as there are nodes.

    Jelasity, Montresor and Babaoglu, "Gossip-based aggregation in large dynamic networks" (TOCS 2005),
    section 3. order: who calls. "shuffled": all nodes one after the other, in an order that is drawn
    anew in each cycle, which makes the variance smaller by 1 / (2 sqrt(e)); "fixed": always in the
    same order; "pairs": two nodes at random each time, 1 / e; "matching": everybody is in two pairs of
    a cycle exactly, 1/4. The numbers are normally distributed at first.
    """
    if nodes < 2:
        raise ValueError(f"nodes={nodes}: an average needs 2 nodes at least")
    dice = np.random.default_rng(seed)
    values = dice.standard_normal(nodes)
    everybody = np.arange(nodes)
    variances = [values.var()]
    for _ in range(cycles):
        if order == "matching":
            for _ in range(2):
                _meet(values, *dice.permutation(nodes)[: nodes // 2 * 2].reshape(2, -1))
        else:
            callers = dice.permutation(nodes) if order == "shuffled" else everybody
            callers = dice.integers(0, nodes, nodes) if order == "pairs" else callers
            _meet(values, callers, _others(dice, callers, nodes))
        variances.append(values.var())
    return np.array(variances)


def _meet(values: NDArray[np.float64], callers: Numbers, called: Numbers) -> None:
    """Let pairs take their means, one pair after the other: all those at once whose earlier calls
    are done."""
    first = np.empty(len(values), np.int64)
    while len(callers):
        places = np.arange(len(callers))
        backwards = places[::-1]
        first[np.column_stack([callers, called])[::-1].ravel()] = np.repeat(backwards, 2)
        ready = (first[callers] == places) & (first[called] == places)
        a, b = callers[ready], called[ready]
        values[a] = values[b] = (values[a] + values[b]) / 2
        callers, called = callers[~ready], called[~ready]


# Details


class _Run:
    """A rumor on its way: who has heard it, and in which round that was."""

    def __init__(self, nodes: int, seed: int) -> None:
        if nodes < 2:
            raise ValueError(f"nodes={nodes}: a rumor needs 2 nodes at least")
        self.dice = np.random.default_rng(seed)
        self.heard = np.full(nodes, NEVER, np.int32)
        self.heard[0] = 0
        self.round = 0
        self.messages = 0

    def knowing(self) -> Numbers:
        return np.flatnonzero(self.heard != NEVER)

    def knows(self, nodes: Numbers) -> Marks:
        known: Marks = self.heard[nodes] != NEVER
        return known

    def draw(self, nodes: Numbers) -> Numbers:
        """Draw another node for each of some."""
        return _others(self.dice, nodes, len(self.heard))

    def draw_several(self, nodes: Numbers, several: int) -> Numbers:
        """Draw so many different others for each of some."""
        drawn = np.empty((several, len(nodes)), np.int64)
        taken = nodes[np.newaxis]  # what each cannot draw any more, the lowest first
        for row in drawn:
            row[:] = self.dice.integers(0, len(self.heard) - len(taken), len(nodes))
            for other in taken:
                row += row >= other
            taken = np.sort(np.vstack([taken, row]), axis=0)
        return drawn.ravel()

    def asked(self, hot: Numbers) -> tuple[Numbers, Numbers]:
        """Let all nodes ask another one, and return those who get an answer, and who gives it."""
        interested = np.zeros(len(self.heard), np.bool_)
        interested[hot] = True
        asked = self.draw(np.arange(len(self.heard)))
        askers = np.flatnonzero(interested[asked])
        return askers, asked[askers]

    def one_each(self, told: Numbers) -> Numbers:
        """Return the places of one teller, at random, for each node that is told."""
        order = self.dice.permutation(len(told))
        return order[np.unique(told[order], return_index=True)[1]]

    def tell(self, told: Numbers) -> Numbers:
        """End a round in which these are told, and return those to whom it was news."""
        self.round += 1
        self.messages += len(told)
        self.heard[told[~self.knows(told)]] = self.round
        return np.flatnonzero(self.heard == self.round)

    def until_all_know(self, turn: Callable[[], object]) -> Spread:
        while (self.heard == NEVER).any():
            turn()
        return self.spread()

    def spread(self) -> Spread:
        return Spread(self.heard, self.messages)


def _others(dice: np.random.Generator, nodes: Numbers, among: int) -> Numbers:
    """Draw one of all the others for each of some nodes."""
    others = dice.integers(0, among - 1, len(nodes))
    others += others >= nodes
    return others
