# %% [markdown]
# # 4. Rumors
#
# Flooding sends a message over every link, and most of them reach somebody who knew already. People do
# not do that: they tell a few friends, and **a rumor gets around**. How many does it reach? How fast?
# What does it cost, and when should one stop telling it?
#
# All of that can be predicted, though every node only throws dice. You will write gossip that pushes,
# pulls and does both, and a rumor that dies out; run it among a million nodes; and meet the tables of a
# paper of 1987, with which all of this began.

# %%
import inspect
import math
from functools import partial
from random import Random
from statistics import mean, stdev

import matplotlib.pyplot as plt
import networkx as nx

from p2pkit import Link, LocalNetwork, Message, Protocol, SimNetwork, on, plot, rounds, stats
from p2pkit.plot import style
from p2pkit.protocols import flood, gossip, lazy, rumor, tree

PATIENCE = 5.0  # seconds that we wait for anything, at the most

# %% [markdown]
# ## Tell two
#
# The smallest program: whoever hears a rumor for the first time tells it to a few of its peers, chosen
# at random, and never speaks of it again: *infect and die*. `self.sample(3)` draws three different peers;
# how many it is, is called the **fanout**. Run it on 25 real nodes with slow links, eight peers each, and
# a fanout of two. `plot.live` shows the nodes as they run; it is over in a moment, so press play to see it
# again. Orange nodes have heard it.


# %%
class Rumor(Message):
    text: str


class Gossip(Protocol):
    """Tell every new rumor to a few peers, chosen at random."""

    fanout = 3

    def on_start(self):
        self.heard = set()

    @on(Rumor)
    def hear(self, rumor, sender):
        if rumor in self.heard:
            return
        self.heard.add(rumor)
        for peer in self.sample(self.fanout):
            self.send(peer, rumor)


HELLO = Rumor("hello")
FRIENDS = nx.random_regular_graph(8, 25, seed=4)

with LocalNetwork(Gossip.using(fanout=2), FRIENDS, link=Link(latency=(0.05, 0.2)), seed=5) as net:
    plot.live(net, color=lambda node: style.REACHED if node.heard else style.QUIET)
    net.tell("n0", HELLO)
    net.run(2.5)  # seconds: far more than it takes
    real = net

heard = sum(bool(node.heard) for node in real)
sent = real.trace.count(kind="send")
print(f"{heard} of {len(real)} nodes have heard it, by {sent} messages")
print(f"a flood would have taken {2 * len(FRIENDS.edges) - len(FRIENDS) + 1}")

# %%
plot.spread(real.trace, HELLO)
plt.show()

# %% [markdown]
# It grows slowly while few know it, quickly in the middle, and slowly again when most of those who are
# told know it already. Run the two cells again: the times differ, but whom a node tells depends only on its
# own dice, and those on the seed. With another `seed` others are left out, or nobody is.
#
# ## How many are left out?
#
# Let there be $n$ nodes, each of which may tell every other, and let a share $p$ of them hear the rumor.
# Those $p n$ nodes send $f$ messages each, to nodes at random. One message misses a certain node with
# probability $1 - \frac 1n$, and all of them do with $(1 - \frac 1n)^{f p n} \approx e^{-f p}$. But the
# share that all messages miss is the share that has not heard it:
#
# $$1 - p = e^{-f p}$$
#
# This is as old as the mathematics of epidemics (Kermack and McKendrick, 1927). It cannot be solved for
# $p$ on paper, but a computer does it: begin with $p = 1$, put it into $1 - e^{-f p}$, and go on with what
# comes out, until that no longer changes.
#
# Lay it over what your class does with 200 nodes. For larger networks, `p2pkit.rounds` does the same
# with arrays, for all nodes at once: it knows no messages and no clock, only who tells whom. (An error
# bar shows where the mean is with 95 % certainty: two standard errors of 20 runs to each side.)

# %%
FANOUTS = (1, 2, 3, 4, 5, 6)
RUNS = 20


def settle(law, start):
    """Return the number that a law leaves as it is."""
    while abs(law(start) - start) > 1e-9:
        start = law(start)
    return start


def predicted(fanout):
    return settle(lambda share: 1 - math.exp(-fanout * share), 1.0)


def reached(fanout, seed, nodes=200):
    with SimNetwork(Gossip.using(fanout=fanout), nodes, seed=seed, record="counts") as net:
        net.tell("n0", HELLO)
        net.run(PATIENCE)
        return mean(bool(node.heard) for node in net)


def with_error(values):
    """Return the mean, and two standard errors."""
    values = list(values)
    return mean(values), 2 * stdev(values) / math.sqrt(len(values))


yours, large = [], []
print("fanout      theory    your class, 200 nodes    arrays, 100,000 nodes")
for fanout in FANOUTS:
    yours.append(with_error(100 * reached(fanout, seed) for seed in range(RUNS)))
    many = [rounds.infect_and_die(100_000, fanout=fanout, seed=seed) for seed in range(RUNS)]
    large.append(with_error(100 * spread.coverage for spread in many))
    print(f"{fanout:6} {100 * predicted(fanout):9.2f} %", end="")
    print("{:15.2f} ± {:.2f} %".format(*yours[-1]), "{:16.2f} ± {:.2f} %".format(*large[-1]))

fig, ax = plt.subplots(figsize=(style.WIDTH, 3.6), layout="constrained")
fine = [1 + step / 50 for step in range(251)]
curve = [100 * predicted(fanout) for fanout in fine]
ax.plot(fine, curve, color=style.EDGE, lw=2, label="theory: $1 - p = e^{-fp}$", zorder=1)
for shares, color, size, name in (
    (yours, style.BLUE, 9, "your class, 200 nodes"),
    (large, style.ORANGE, 4, "arrays, 100,000 nodes"),
):
    ax.errorbar(
        FANOUTS, *zip(*shares, strict=True), fmt="o", color=color, ms=size, capsize=5, label=name
    )
ax.set(xlabel="fanout $f$", ylabel="nodes that hear it (%)", ylim=(-3, 105))
style.curves(ax)
ax.legend(frameon=False, loc="lower right")
plt.show()

# %% [markdown]
# The size of the network is not in the formula: a few messages from each node reach the same share of
# 200 nodes and of 100,000. With a fanout of one the share is zero, and the larger the network, the nearer
# one gets: the rumor walks from node to node, and ends at the first who knows it. With a larger fanout
# nearly all hear it, but **whoever is left out is left out for good**.
#
# ## Ask, too
#
# So let nobody wait to be told. In each turn, every node calls one peer and shows what it has heard, as
# **notes**. Whoever gets notes sends back the rumors that are missing in them: that is **pull**. And if it
# finds something in them that it has not heard itself, it answers with its own notes, so that it will be
# sent: **push-pull**. The fanout is 0 now: nobody tells before it is asked.
#
# `Push` is there to be compared: in each turn, it tells one peer all that it has heard, and never stops.


# %%
class Notes(Message):
    """The texts of all rumors that I have heard. What did I miss?"""

    texts: frozenset[str]


class Pull(Gossip):
    """In each turn, ask one peer, chosen at random, for what it has heard and you have not."""

    fanout = 0
    pause = 0.2  # seconds between two turns, which are rounds: all have theirs at the same time

    def on_start(self):
        super().on_start()
        self.every(self.pause, self.call)

    def call(self):
        for peer in self.sample(1):
            self.send(peer, self.notes())

    def notes(self):
        return Notes(frozenset(rumor.text for rumor in self.heard))

    @on(Notes)
    def complete(self, notes, sender):
        for text in sorted(self.notes().texts - notes.texts):
            self.send(sender, Rumor(text))


class PushPull(Pull):
    """Call one peer in each turn: both tell the other what it has missed."""

    @on(Notes)
    def complete(self, notes, sender):
        super().complete(notes, sender)
        if notes.texts - self.notes().texts:
            self.send(sender, self.notes())


class Push(Gossip):
    """In each turn, tell one peer all that you have heard, for ever."""

    fanout = 0
    pause = 0.2  # seconds

    def on_start(self):
        super().on_start()
        self.every(self.pause, self.call)

    def call(self):
        for peer in self.sample(1):
            for known in sorted(self.heard):
                self.send(peer, known)


# %% [markdown]
# How long does it take until all know? All nodes have their turns at the same time here, so a turn is a
# **round**, and rounds can be counted.


# %%
def rounds_of(protocol, nodes, seed):
    """Return how many rounds it takes until all know, and how often the rumor is sent."""
    with SimNetwork(protocol.using(pause=1.0), nodes, seed=seed, record="counts") as net:
        net.tell("n0", HELLO)
        net.run(0.5)  # seconds, so that we look in the middle between two rounds
        took = 0
        while not all(node.heard for node in net):
            net.run(1.0)
            took += 1
        return took, net.trace.count(kind="send", message=Rumor)


SMALL = (10, 30, 100)  # nodes
WAYS = {
    "push": (Push, rounds.push, style.BLUE),
    "pull": (Pull, rounds.pull, style.VERMILION),
    "push-pull": (PushPull, rounds.push_pull, style.GREEN),
}

seen = {}  # how many rounds, for each way and number of nodes
for way, (protocol, *_) in WAYS.items():
    for nodes in SMALL:
        runs = [rounds_of(protocol, nodes, seed) for seed in range(10)]
        seen[way, nodes] = mean(took for took, _ in runs)
    messages = mean(sent for _, sent in runs)
    print(f"{way:9} {nodes} nodes: {seen[way, nodes]:4.1f} rounds, {messages:5.1f} times the rumor")

# %% [markdown]
# ## A million nodes
#
# What happens in rounds the arrays can do, too. The picture on the right shows the share of those who do
# **not** know yet, on a scale where each line is a tenth of the one above.

# %%
MILLION = 1_000_000

fig, (left, right) = plt.subplots(1, 2, figsize=(style.WIDTH + 2, 3.6), layout="constrained")
for way, (_, model, color) in WAYS.items():
    spread = model(MILLION, seed=1)
    know = [count / MILLION for count in spread.curve]
    left.plot([100 * share for share in know], color=color, lw=2, label=way)
    right.plot([1 - share for share in know if share < 1], color=color, lw=2, label=way)
    print(f"{way:9} {spread.rounds:3} rounds, {spread.traffic:6.2f} times the rumor for each node")
left.set(xlabel="round", ylabel="nodes that know (%)")
right.set(xlabel="round", ylabel="share that does not know", yscale="log")
for ax in (left, right):
    style.curves(ax)
left.legend(frameon=False)
plt.show()

# %% [markdown]
# **The beginning.** Whether they push or pull: in each round, those who know become twice as many. If they
# do both, three times as many. That takes $\log_2 n$ rounds, or $\log_3 n$.
#
# **The end** is different. Let a small share $s$ be left. Nearly all $n$ nodes push, and all of them miss a
# certain node with probability $(1 - \frac 1n)^n \approx e^{-1}$, so $s / e$ is left: a straight line, and
# $\ln n$ more rounds until it is below one node. Whoever *asks* is unlucky only if the one it asks does
# not know either: $s^2$ is left. It falls off a cliff, and takes $\log_2 \ln n$ more rounds. Doing both
# ends like pulling.
#
# All in all, that is $\log_2 n + \ln n$ rounds to push (Pittel 1987), $\log_2 n + \log_2 \ln n$ to pull, and
# $\log_3 n + \log_2 \ln n$ to do both (Karp and others 2000, who prove it up to a factor in the second
# term). The theory leaves a constant open for each. Lay them over each other.

# %%
THEORY = {
    "push": lambda n: math.log2(n) + math.log(n),
    "pull": lambda n: math.log2(n) + math.log2(math.log(n)),
    "push-pull": lambda n: math.log(n, 3) + math.log2(math.log(n)),
}
SIZES = (10, 30, 100, 300, 1000, 3000, 10_000)

print("rounds more than theory says:", *(f"{size:>13,}" for size in SIZES[::2]), "nodes")
fig, ax = plt.subplots(figsize=(style.WIDTH, 3.8), layout="constrained")
for way, (_, model, color) in WAYS.items():
    runs = [with_error(model(size, seed=s).rounds for s in range(300)) for size in SIZES]
    theory = [THEORY[way](size) for size in SIZES]
    low, high = ([took + sign * error for took, error in runs] for sign in (-1, 1))
    ax.fill_between(SIZES, low, high, color=color, alpha=0.25, lw=0)
    ax.plot(SIZES, [took for took, _ in runs], color=color, lw=2, label=way)
    ax.plot(SIZES, theory, ":", color=color, lw=1.5)
    ax.plot(SMALL, [seen[way, nodes] for nodes in SMALL], "o", color=color, mec=style.INK)
    more = [f"{took - by:6.2f} ± {err:.2f}" for (took, err), by in zip(runs, theory, strict=True)]
    print(f"{way:29}", *more[::2])
ax.plot([], [], ":", color=style.EDGE, label="theory, without its constant")
ax.plot([], [], "o", color=style.EDGE, mec=style.INK, label="your classes")
ax.set(xscale="log", xlabel="nodes", ylabel="rounds until all know")
style.curves(ax)
ax.legend(frameon=False)
plt.show()

# %% [markdown]
# As soon as $n$ is large, each dotted line runs below its curve at the same distance: that is the constant,
# and the theory is met. (For push-pull it is next to nothing. The bands, two standard errors, are hardly
# wider than the lines.)
#
# ## Lose interest
#
# After a few rounds everybody knows. And then? `Push` tells the rumor for ever, `Pull` asks for ever. At
# Xerox, Demers and others had that trouble with a database of names and addresses on hundreds of
# machines. What they wrote about it in 1987, *Epidemic algorithms for replicated database maintenance*,
# is the paper that all gossip comes from. Their answer is **rumor mongering**: tell a rumor while it is
# *hot*, and then lose interest in it.
#
# The simplest way is **blind**, with a **coin**: after each contact, lose interest with probability
# $1/k$, whatever the other knew. In each round, whoever is interested tells one peer.


# %%
class Blind(Protocol):
    """Tell a rumor to one peer a round, until a coin says that it is enough."""

    k = 2
    pause = 1.0  # seconds: a round

    def on_start(self):
        self.heard = set()
        self.hot = []  # what is of interest
        self.every(self.pause, self.turn)

    @on(Rumor)
    def hear(self, rumor, sender):
        if rumor not in self.heard:
            self.heard.add(rumor)
            self.hot.append(rumor)

    def turn(self):
        if not self.hot:
            return
        for peer in self.sample(1):
            for known in list(self.hot):
                self.send(peer, known)
                if self.random.random() < 1 / self.k:
                    self.hot.remove(known)


NODES = 1000


def died_out(protocol, seed, rumor=HELLO, nodes=NODES):
    """Spread a rumor until nobody is interested; return s, m, and the round of the last news."""
    with SimNetwork(protocol, nodes, seed=seed, record="counts") as net:
        net.tell("n0", rumor)
        net.run(0.5)  # seconds: between two rounds
        heard, last = 1, 0
        while any(node.hot for node in net):
            net.run(1.0)
            know = sum(rumor in node.heard for node in net)
            heard, last = know, int(net.now) if know > heard else last
        sent = net.trace.count(kind="send", message=type(rumor))
        return 1 - heard / nodes, sent / nodes, last


TABLE_2 = {  # k: residue s, traffic m, last round
    1: (0.96, 0.04, 38),
    2: (0.20, 1.6, 33),
    3: (0.06, 2.8, 32),
    4: (0.021, 3.9, 32),
    5: (0.008, 4.9, 32),
}

print(f"     {'the paper, table 2':^21}{'your class, 3 runs':^23}{'arrays, 300 runs':^33}")
print("k  ", 2 * "       s      m   last ", "          s              m   last")
for k, (s, m, last) in TABLE_2.items():
    print(f"{k}   {s:8.3f} {m:6.2f} {last:6}", end=" ")
    runs = [died_out(Blind.using(k=k), seed) for seed in range(3)]
    print("{:8.3f} {:6.2f} {:6.1f}".format(*map(mean, zip(*runs, strict=True))), end=" ")
    blind = {"k": k, "feedback": False, "counter": False}
    many = [rounds.mongering(NODES, seed=seed, **blind) for seed in range(300)]
    print("{:10.4f} ± {:.4f}".format(*with_error(run.residue for run in many)), end=" ")
    print(f"{mean(run.traffic for run in many):6.2f} {mean(run.rounds for run in many):6.1f}")
print(f"\nwith k = 1: a walk of {math.sqrt(math.pi * NODES / 2):.1f} nodes, by theory")

# %% [markdown]
# $s$ is the **residue**: the share that never hears of it. $m$ is the **traffic**: how often the rumor is
# sent, divided by the number of nodes. Nearly forty years lie between the columns. (Only in the last line
# the paper's residue is further off than the error, by the last digit that it prints.)
#
# The first line you have met above, as a fanout of one: with $k = 1$ the rumor walks from node to node, and
# ends at the first who knows it. How long is the walk? As long as it takes until one of the people who
# enter a room has the birthday of somebody inside; for $n$ days, that is about $\sqrt{\pi n / 2}$.
#
# ## Better ways, and one law
#
# One can be wiser. With **feedback**, a node loses interest only by contacts *in vain*, with somebody who
# knew. Instead of a coin, a **counter** can count to $k$; in the paper's tables, a contact that was not in
# vain sets it back to 0. And instead of telling, one may ask, as before: that is **pulled**. You will write
# feedback yourself, at the end; the arrays have all of it. Which way is the best? Plot what each of them
# leaves over what it costs.

# %%
TABLE_1 = {1: (0.18, 1.7), 2: (0.037, 3.3), 3: (0.011, 4.5), 4: (0.0036, 5.6), 5: (0.0012, 6.7)}
TABLE_3 = {1: (3.1e-2, 2.7), 2: (5.8e-4, 4.5)}
FAMILY = {  # of rumor mongering: parameters, colour, marker, and what the paper prints
    "feedback, counter": ({}, style.BLUE, "o", TABLE_1),
    "feedback, coin": ({"counter": False}, style.SKY, "s", {}),
    "blind, coin": ({"feedback": False, "counter": False}, style.ORANGE, "v", TABLE_2),
    "blind, counter": ({"feedback": False}, style.PURPLE, "^", {}),
    "pulled, feedback, counter": ({"pulling": True}, style.VERMILION, "D", TABLE_3),
}

fig, ax = plt.subplots(figsize=(style.WIDTH, 4.2), layout="constrained")
ax.plot([0, 7], [1, math.exp(-7)], color=style.EDGE, lw=2, label="$s = e^{-m}$", zorder=1)
print("s divided by e^-m:          ", *(f"k = {k}  " for k in range(1, 6)))
for name, (variant, color, marker, printed) in FAMILY.items():
    print(f"{name:26}", end="")
    for k in range(1, 3 if variant.get("pulling") else 6):
        many = [rounds.mongering(NODES, k=k, seed=seed, **variant) for seed in range(200)]
        m = mean(run.traffic for run in many)
        s, error = with_error(run.residue for run in many)
        ax.errorbar(
            m, s, error, fmt=marker, color=color, capsize=3, ms=6, label=name if k == 1 else None
        )
        print(f"{s / math.exp(-m):8.2f}", end="")
    print()
    ax.plot(
        [m for _, m, *_ in printed.values()], [s for s, *_ in printed.values()], marker,
        mfc="none", mec=style.INK, ms=11,
    )  # fmt: skip
ax.plot([], [], "o", mfc="none", mec=style.INK, ms=11, label="the paper: hollow")
ax.set(yscale="log", xlabel="traffic $m$ (messages a node)", ylabel="residue $s$")
style.curves(ax)
ax.legend(frameon=False, fontsize=style.SMALL)
plt.show()

# %% [markdown]
# All ways of *telling* lie on one line, $s = e^{-m}$. It is the argument of the fanout again: whoever has
# not heard it was missed by $mn$ messages to nodes at random. Feedback and counters are no free lunch:
# they leave fewer out, but send more, and all pay the same price. Only **pulling** does better, because
# those who ask are those who lack something. (Its questions are not in $m$. They cost nothing extra if
# there is always some rumor about, because one question asks for all of them.)
#
# ## A formula that is met, and is not
#
# With feedback and a coin, the paper has a theory of the residue. Let $s$ be the share that has not heard
# it yet, and $i$ the share that is interested. A contact finds somebody who did not know with probability
# $s$, and that one becomes interested; it is in vain with $1 - s$, and then the teller loses interest with
# $1/k$:
#
# $$\frac{ds}{dt} = -si \qquad\qquad \frac{di}{dt} = si - \frac{1}{k}(1 - s)i$$
#
# Divide the second by the first, and time is gone. What is left can be integrated from the beginning, where
# $s = 1$ and $i = 0$:
#
# $$\frac{di}{ds} = -\frac{k+1}{k} + \frac{1}{ks} \qquad\Longrightarrow\qquad
# i = \frac{k+1}{k}(1 - s) + \frac{1}{k} \ln s$$
#
# The rumor is dead when $i = 0$ again, and that is when $s = e^{-(k+1)(1-s)}$.
#
# Measure it twice: with the arrays, in rounds; and with contacts **one by one**, each of somebody who is
# interested, at random. Ten lines are enough for that. The kit's own class has the same difference as a
# parameter, `synchronous`.


# %%
def one_by_one(nodes, k, seed):
    """Let one node after the other tell the rumor, never two at once; return the residue."""
    dice = Random(seed)
    heard, hot = {0}, [0]
    while hot:
        place = dice.randrange(len(hot))
        told = (hot[place] + dice.randrange(1, nodes)) % nodes  # anybody but the teller
        if told not in heard:
            heard.add(told)
            hot.append(told)
        elif dice.random() < 1 / k:
            hot[place] = hot[-1]
            hot.pop()
    return 1 - len(heard) / nodes


def in_rounds(nodes, k, seed):
    return rounds.mongering(nodes, k=k, counter=False, seed=seed).residue


def formula_of(k):
    return settle(lambda s: math.exp(-(k + 1) * (1 - s)), 0.0)


KS = (1, 2, 3, 4)
MODELS = {"one by one": (one_by_one, style.INK), "in rounds": (in_rounds, style.SKY)}

fig, ax = plt.subplots(figsize=(style.WIDTH, 3.4), layout="constrained")
ax.plot(KS, [formula_of(k) for k in KS], color=style.EDGE, lw=2, label="the formula", zorder=1)
print("residue      ", *(f"{f'k = {k}':>17}" for k in KS))
print("the formula  ", *(f"{formula_of(k):17.4f}" for k in KS))
for way, (model, color) in MODELS.items():
    found = [with_error(model(NODES, k, seed) for seed in range(200)) for k in KS]
    print(f"{way:13}", *(f"{s:8.4f} ± {error:.4f}" for s, error in found))
    ax.errorbar(KS, *zip(*found, strict=True), fmt="o", color=color, ms=6, capsize=5, label=way)
ax.set(xlabel="$k$", ylabel="residue", yscale="log", xticks=KS)
ax.set_yticks([0.005, 0.01, 0.02, 0.05, 0.1, 0.2], ["0.5 %", "1 %", "2 %", "5 %", "10 %", "20 %"])
ax.minorticks_off()
style.curves(ax)
ax.legend(frameon=False)
plt.show()

COIN = rumor.Mongering.using(counter=False, pause=1.0, k=1)
print(f"the kit's class, k = 1, {RUNS} runs:")
for way, is_synchronous in {"whenever they like": False, "in rounds": True}.items():
    variant = COIN.using(synchronous=is_synchronous)
    runs = [died_out(variant, seed, rumor.Rumor("hello"), 400)[0] for seed in range(RUNS)]
    print(f"{way:18}", "{:8.4f} ± {:.4f}".format(*with_error(runs)))

# %% [markdown]
# One by one, the formula is met. Rounds leave out fewer, and they are right, too. In a round, everybody is
# judged by what it knew when the round *began*: if two tell the same node, both find that it was news, and
# stay interested. Differential equations know no "at once". The paper has both, the formula and tables
# that were made in rounds: whoever wants to meet a published number has to know which detail belongs to
# it.
#
# ## Break it
#
# A rumor dies out when those who are interested meet nobody who has missed it. There may be others whom
# they cannot meet. **Break it on purpose**: let the network be in two pieces while the rumor spreads, and
# heal it when all is quiet.

# %%
WHOLE = 300  # nodes
CUT = [f"n{number}" for number in range(90)]
LATE = 4.5  # seconds until the network is whole again: too few for anybody to notice


def heal_late(protocol, news):
    """Cut a network in two, spread a rumor in the larger piece, and heal."""
    with SimNetwork(protocol, WHOLE, link=Link(latency=0.01), seed=3) as net:
        net.partition(CUT)
        net.tell("n299", news)
        net.run(LATE)
        net.heal()
        net.run(LATE)
    return net.trace


MADE = {
    "rumor mongering": (rumor.Mongering.using(k=3, pause=0.15), rumor.Rumor("hello"), style.ORANGE),
    "infect and die": (Gossip.using(fanout=4), HELLO, style.BLUE),
    "… and push-pull": (PushPull.using(fanout=4, pause=1.0), HELLO, style.GREEN),
}
fig, ax = plt.subplots(figsize=(style.WIDTH, 3.6), layout="constrained")
for name, (protocol, news, color) in MADE.items():
    trace = heal_late(protocol, news)
    spread = stats.coverage_over_time(trace, news)
    ax.step(
        [*spread.time, 2 * LATE], [*(100 * spread.share), 100 * spread.share.iloc[-1]],
        where="post", color=color, lw=2, label=name,
    )  # fmt: skip
    sent = trace.count(kind="send")
    print(
        f"{name:21} {stats.coverage(trace, news):6.1%} have heard it, {sent:6,} messages of any kind"
    )
reachable = 100 * (1 - len(CUT) / WHOLE)
print(f"before it was healed, {reachable:.0f}% could hear it")
ax.axhline(reachable, color=style.EDGE, lw=1, ls=":")
ax.annotate(
    "all in the larger piece", (2 * LATE, reachable), (0, 4), textcoords="offset points",
    ha="right", color=style.EDGE,
)  # fmt: skip
ax.axvline(LATE, color=style.EDGE, lw=1, ls=":")
ax.annotate("healed", (LATE, 8), (4, 0), textcoords="offset points", color=style.EDGE)
ax.set(xlabel="time (s)", ylabel="nodes that have heard it (%)", ylim=(0, 105))
style.curves(ax)
ax.legend(frameon=False, loc="lower right")
plt.show()

# %% [markdown]
# Two curves stay flat: the network is whole again, but nobody is interested any more, so those in the
# smaller piece never hear of it. *You* see that, in the picture or in a table of what each node has heard.
# The nodes do not: nobody was told that a message was lost, and nothing raised an error.
#
# The green curve is your `PushPull` with a fanout: it pushes at once what is new, and compares notes once
# a second, for ever. Demers and his colleagues did just that, and called the slow half **anti-entropy**.
# Theirs compares checksums, not notes, so that it costs nearly nothing when all is well: read it in
# `p2pkit/protocols/antientropy.py`.
#
# ## The scoreboard
#
# You have seven ways to tell everybody now, counting those of notebook 3. Here they are side by side, on an
# overlay of 25 nodes with links of 100 ms, as in Maelstrom's challenge, and a hundred rumors:
#
# - `messages` and `bytes` are all that was sent, for each rumor;
# - `redundancy`: how often the rumor itself was sent for each node that heard it, less one;
# - `coverage`: the share of nodes that hear a rumor. `complete`: the share of rumors that all nodes hear;
# - the rest are seconds, within which half, 95 %, 99 % and all of the rumors had reached the last who
#   ever hear of them.

# %%
OVERLAY = nx.random_regular_graph(6, 25, seed=1)
SLOW = Link(latency=0.1)  # seconds
CONTESTANTS = {
    "flood": flood.Flood,
    "tree": tree.Tree,
    "lazy": lazy.Lazy,
    "infect and die": gossip.Gossip,
    "pull": gossip.Pull,
    "push-pull": gossip.PushPull,
    "mongering": rumor.Mongering,
}

board = stats.scoreboard(CONTESTANTS, OVERLAY, SimNetwork, link=SLOW, settle=5.0)
print(board.round(2).to_string())
print("\nand two of them on real nodes:")
few = {name: CONTESTANTS[name] for name in ("flood", "infect and die")}
real_board = stats.scoreboard(
    few, OVERLAY, LocalNetwork, link=SLOW, operations=50, rate=50.0, settle=1.5
)
print(real_board.round(2).to_string())

# %% [markdown]
# Read a column at a time. The flood is the fastest, and repeats itself. The tree seems to win all the
# rest, but you have seen in notebook 3 what one crash does to it. What never asks leaves somebody out; what
# asks is slow, and its notes are long. And mongering, with its answers, sends even more than the flood:
# with six peers each, a flood is cheap. The more peers each has, the more a flood sends, and gossip sends
# as little as before.
#
# ## Exercise: in vain
#
# Write rumor mongering with **feedback and a coin**, for nodes that take their turns whenever they like:
#
# - whoever hears a rumor keeps it in `self.heard`, a set, and is interested in it;
# - in each of its turns, `self.pause` seconds apart or a bit more, a node sends each `Rumor` that it is
#   interested in to a peer, chosen at random, and finds out whether that peer **knew** it already;
# - if so, the contact was in vain, and the one who told it loses interest in it with probability $1/k$;
# - each rumor is a matter of its own, and who is interested in none is silent.
#
# The residue shall be that of the formula, $s = e^{-(k+1)(1-s)}$, within 10 %, for whatever $k$, and over
# seeds that you do not know. You will want some of these:
#
# - `self.every(self.pause, self.turn, jitter=self.pause)` begins the turns, each a bit late, so that not all
#   have theirs at once; `self.random` are the dice.
# - `self.ask(peer, rumor, then)` sends the rumor, and calls `then(answer)` with what the other's handler
#   has returned, or with None if nothing came. You may define messages of your own to be returned.
# - `partial(self.judge, rumor)`, from `functools`, is a `then` that remembers which rumor it is about. When
#   the answer comes, you may have lost interest already.
#
# Fill in the cell, then run it and the one below, whose code you may skip. When all is well, it takes some
# ten seconds.


# %% tags=["exercise"]
class Mongering(Protocol):
    """Tell a rumor to one peer a turn, until too many have heard it already."""

    k = 2
    pause = 1.0  # seconds between two turns

    def on_start(self):
        self.heard = set()

    @on(Rumor)
    def hear(self, rumor, sender):
        # Your code goes here.
        pass


# %% tags=["check"]
QUIET = 5  # turns without a word, after which all rumors are dead
LONG = 150  # turns within which they must be
NEAR = 0.1  # how far off the residue may be, as a share of it
CROWD = 300  # nodes
MANY = 20  # rumors that share their network, so that it costs less


class Wrong(Exception):
    """What a class does wrong, in a sentence."""


def spread_out(protocol, nodes, k, seed, rumors=1, apart=1, world=SimNetwork, pause=1.0):
    """Let rumors begin, some turns apart, and wait until all are silent.

    Return the residue, and how often a node sent a rumor: both are means over the rumors.
    """
    dice = Random(seed)
    told = [Rumor(f"rumor {number}") for number in range(rumors)]
    with world(protocol.using(k=k, pause=pause), nodes, seed=seed, record="counts") as net:
        for rumor in told:
            teller = dice.choice(net.names)
            net.tell(teller, rumor)
            net.run(apart * pause)
            if rumor not in net[teller].heard:
                raise Wrong(
                    f"a node was told {rumor} from outside, and has no such thing in self.heard"
                )
        sent, end = -1, net.now + LONG * pause
        while sent != (sent := net.trace.count(kind="send")):
            net.run(QUIET * pause)
            if net.now > end:
                raise Wrong(f"after {LONG} turns they still talk of it: {sent:,} messages")
        missed = mean(rumor not in node.heard for rumor in told for node in net)
        return missed, net.trace.count(kind="send", message=Rumor) / nodes / rumors


def reaches(protocol, nodes, k, least, seeds=(21, 22, 23), **setting):
    """Find out whether too few hear of it."""
    share = 1 - mean(spread_out(protocol, nodes, k, seed, **setting)[0] for seed in seeds)
    if share < least:
        raise Wrong(
            f"with k={k}, {share:.0%} of {nodes} nodes hear it, and at least {least:.0%} should"
        )


def varies(protocol, k, runs):
    """Find out whether there is chance: two nodes tell each other in vain until both have enough."""
    counts = {2 * spread_out(protocol, 2, k, seed)[1] for seed in range(runs)}
    if len(counts) == 1:
        raise Wrong(
            f"with k={k}, two nodes send a rumor {counts.pop():g} times, in each of {runs} runs"
        )


def law(protocol, k, seeds, is_counted=True):
    """Find out whether the residue is the formula's; where too few are left to be counted, it is e^-m."""
    runs = [spread_out(protocol, CROWD, k, seed, MANY) for seed in seeds]
    s, m = (mean(values) for values in zip(*runs, strict=True))
    residue, how = (s, "") if is_counted else (math.exp(-m), f"each node sends it {m:.2f} times, ")
    if abs(residue - formula_of(k)) > NEAR * formula_of(k):
        raise Wrong(
            f"with k={k}, {how}the residue is {residue:.4f}; by the formula, {formula_of(k):.4f}"
        )


def check(protocol):
    """Try a class on harder and harder tasks; at the first trouble, give a hint."""
    steps = [
        ("two nodes", reaches, [(2, 1, 1.0)],
         "who hears a rumor keeps it in self.heard, and tells it in each turn; k=1: until it is in vain."),
        ("it dies out", reaches, [(5, 2, 0.4)],
         "when somebody knew already, lose interest, sometimes; with nothing of interest, be silent."),
        ("it gets around", reaches, [(200, 2, 0.87), (200, 6, 0.98)],
         "only a contact in vain counts: does the answer say whether it was news? And what is k for?"),
        ("the next rumor", partial(reaches, rumors=3, apart=LONG), [(50, 3, 0.7)],
         "each rumor is a matter of its own: it is of interest, whatever became of the one before."),
        ("a coin", varies, [(3, 20)],
         "a coin has no memory: each contact in vain ends it with probability 1 / k."),
        ("the law, k=1", law, [(1, range(31, 35))],
         "one peer a turn? What did it know when it was told? And of many rumors, which was in vain?"),
        ("the law, k=2", law, [(2, range(41, 49))],
         "does anything but a contact in vain make a node lose interest?"),
        ("the law, k=4", law, [(4, range(51, 55), False)],
         "one peer a turn, a Rumor sent once for each contact, a coin thrown once for each in vain?"),
        ("real sockets", partial(reaches, rumors=8, world=LocalNetwork, pause=0.1), [(8, 3, 0.7, (61,))],
         "what is different there is time: answers take their time, and turns are never at once."),
    ]  # fmt: skip
    for number, (title, task, trials, hint) in enumerate(steps):
        for trial in trials:
            try:
                task(protocol, *trial)
            except Exception as error:
                notes = "".join(f" ({note})" for note in getattr(error, "__notes__", ()))
                raised = "" if isinstance(error, Wrong) else f"it raised {type(error).__name__}: "
                print(f"next  {title}\n        {raised}{error}{notes}\n        Hint: {hint}")
                print(f"{number} of {len(steps)} steps done")
                return
        print("ok   ", title)
    print(f"all {len(steps)} steps done, and your methods have {lines(protocol)} lines.")
    print("The kit's own, p2pkit/protocols/rumor.py, can do all variants,", end=" ")
    print(f"and has {lines(rumor.Mongering)}.")


def lines(protocol):
    methods = filter(inspect.isfunction, vars(protocol).values())
    return sum(len(inspect.getsource(method).splitlines()) for method in methods)


check(Mongering)

# %% [markdown]
# ## What you know now
#
# - A few messages a node reach nearly everybody, in a network of any size, and never surely all.
# - Pushing leaves the last ones waiting, pulling does not; both together need about $\log_3 n$ rounds.
# - Whatever makes them lose interest, $m$ messages a node leave a share of $e^{-m}$ out.
# - A published number belongs to a model. Rounds or no rounds is a detail, and decides whether you meet it.
# - What is fast may fail, and does not notice. Something slow that never ends should stand behind it.
#
# Everybody knows the same now. Can they also *compute* something together, such as how many they are?
# That is the next notebook.
