"""HyParView: a flood over small views still reaches everybody after most nodes have failed at once.

Leitão, Pereira and Rodrigues, "HyParView: a membership protocol for reliable gossip-based broadcast"
(DSN 2007), sections 4 and 5, with its configuration: 10,000 nodes, active views of 5, passive
views of 30. The figure is only drawn there, so what is checked is what can be read off it.

This is a model of the repair alone, in rounds: it begins with views as the protocol would have made
them, a regular random graph and random contacts. In a round, each node that misses somebody asks one
of its passive view to be a neighbour. The dead are struck off; a live one takes who asks, if it
has room, and whoever has no neighbour left in any case, in the place of another.
"""

from random import Random

import networkx as nx

from tests.reproduce.harness import published, row

NODES = 10_000
ACTIVE = 5
PASSIVE = 30
ROUNDS = 20


def after_failure(share, dice):
    """Let a share of all nodes fail, repair the views, and return which share of the others a flood
    reaches, before and after."""
    graph = nx.random_regular_graph(ACTIVE, NODES, seed=dice.getrandbits(32))
    alive = dice.sample(range(NODES), round(NODES * (1 - share)))
    living = set(alive)
    active = {node: {peer for peer in graph[node] if peer in living} for node in alive}
    passive = {node: dice.sample(range(NODES), PASSIVE) for node in alive}
    before = reached(active, dice.choice(alive))
    for _ in range(ROUNDS):
        dice.shuffle(alive)
        for node in alive:
            if len(active[node]) < ACTIVE and passive[node]:
                ask_one(node, active, passive, living, dice)
    return before, reached(active, dice.choice(alive))


def ask_one(node, active, passive, living, dice):
    """Ask one of the passive view to be a neighbour."""
    other = passive[node].pop(dice.randrange(len(passive[node])))
    if other not in living or other == node or other in active[node]:
        return
    if len(active[other]) >= ACTIVE:
        if active[node]:  # it asks with low priority, and is turned down
            passive[node].append(other)
            return
        dropped = dice.choice(sorted(active[other]))
        active[other].discard(dropped)
        active[dropped].discard(other)
        passive[dropped].append(other)
        passive[other].append(dropped)
    active[node].add(other)
    active[other].add(node)


def reached(active, start):
    """Return which share of all nodes a flood from one of them reaches."""
    seen, edge = {start}, [start]
    while edge:
        fresh = {peer for node in edge for peer in active[node]} - seen
        seen |= fresh
        edge = list(fresh)
    return len(seen) / len(active)


@published("hyparview-reliability", reduced=1, full=20)
def reliability(runs):
    """After healing, at least 99 % at 70 % failed, and what is drawn for 80 and 90 %: nearly all, and
    90 % or more."""
    dice = Random(4)
    for share, low, high in ((0.5, 0.99, 1.0), (0.7, 0.99, 1.0), (0.8, 0.98, 1.0), (0.9, 0.9, 1.0)):
        healed = [after_failure(share, dice)[1] for _ in range(runs)]
        middle, half = (low + high) / 2, (high - low) / 2
        yield row(f"reached after {share:.0%} failed: {low} to {high}", middle, healed, half)
