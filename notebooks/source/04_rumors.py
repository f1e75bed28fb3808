# %% [markdown]
# # 4. Rumors
#
# Flooding sends a message over every link, most of them to somebody who knew already. People do not
# do that: they tell a few friends, and **a rumor gets around**. How many does it reach? How fast? What
# does it cost, and when should one stop telling it?
#
# All of that can be predicted, though nobody decides anything but by throwing dice. You will write
# gossip that pushes, pulls and does both, and a rumor that dies out; see a million nodes in a second; and
# meet the tables of a paper of 1987, with which all of this began.

# %%
import inspect
import math
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
# at random, and never speaks of it again: *infect and die*. Run it on 25 real nodes with slow links,
# eight peers each, and a **fanout** of two. `plot.live` shows the nodes as they run; it is over in a
# moment, so press play to see it again. Who has heard it is orange.


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
# ## How many are left out?
#
# Suppose that a share $p$ of $n$ nodes hears it, and everybody may be told by everybody. Then $f p n$
# messages are sent, each to somebody at random. All of them miss a certain node with probability
# $(1 - \frac 1n)^{f p n} \approx e^{-f p}$. But who is missed is just who has not heard it:
#
# $$1 - p = e^{-f p}$$
#
# This is as old as the mathematics of epidemics (Kermack and McKendrick, 1927). There is no formula for
# $p$, but a computer finds it: begin with any $p$, put it into the right side, and go on with what
# comes out.
#
# Lay it over what your class does with a thousand nodes. For larger ones, `p2pkit.rounds` does the same
# with arrays, for all nodes at once: it knows no messages and no clock, only who tells whom.

# %%
FANOUTS = (1, 2, 3, 4, 5, 6)
NODES = 1000


def settle(law, start):
    """Return the number that a law leaves as it is."""
    for _ in range(1000):
        start = law(start)
    return start


def reached(fanout, seed):
    with SimNetwork(Gossip.using(fanout=fanout), NODES, seed=seed, record="counts") as net:
        net.tell("n0", HELLO)
        net.run(PATIENCE)
        return mean(bool(node.heard) for node in net)


print("fanout      theory    your class     100,000 nodes")
yours, large, theory = [], [], []
for fanout in FANOUTS:
    yours.append([reached(fanout, seed) for seed in range(4)])
    large.append([rounds.infect_and_die(100_000, fanout=fanout, seed=s).coverage for s in range(3)])
    theory.append(settle(lambda p: 1 - math.exp(-fanout * p), 1.0))  # noqa: B023
    print(f"{fanout:6} {theory[-1]:11.2%} {mean(yours[-1]):13.2%} {mean(large[-1]):17.2%}")

fig, ax = plt.subplots(figsize=(style.WIDTH, 3.6), layout="constrained")
fine = [1 + step / 50 for step in range(251)]
curve = [100 * settle(lambda p: 1 - math.exp(-f * p), 1.0) for f in fine]  # noqa: B023
ax.plot(fine, curve, color=style.EDGE, lw=2, label="$1 - p = e^{-fp}$", zorder=1)
for shares, color, name in (
    (yours, style.BLUE, "your class, 1000 nodes: all of 4 runs"),
    (large, style.ORANGE, "arrays, 100,000 nodes"),
):
    middle = [100 * mean(runs) for runs in shares]
    span = [
        [100 * (mean(runs) - min(runs)) for runs in shares],
        [100 * (max(runs) - mean(runs)) for runs in shares],
    ]
    ax.errorbar(FANOUTS, middle, span, fmt="o", color=color, ms=5, capsize=3, label=name)
ax.set(xlabel="fanout $f$", ylabel="nodes that hear it (%)", ylim=(-3, 105))
style.curves(ax)
ax.legend(frameon=False, loc="lower right")
plt.show()

# %% [markdown]
# The size of the network is not in the formula: the same few messages a node reach the same share of a
# thousand nodes and of a million. Only with a fanout of one it dies at once, at the first who knows.
# But whoever is left out is left out for good.
#
# ## Ask, too
#
# So let nobody wait to be told. In each turn, every node calls one peer and shows what it has heard, as
# **notes**. Whoever gets notes sends what is missing in them: that is **pull**. If something is missing
# here instead, it sends its own notes back, and gets it: **push-pull**. The fanout is 0 now: nobody tells
# before it is asked.


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
    pause = 0.2

    def on_start(self):
        super().on_start()
        self.every(self.pause, self.call)

    def call(self):
        for peer in self.sample(1):
            for known in sorted(self.heard):
                self.send(peer, known)


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
        runs = [rounds_of(protocol, nodes, seed) for seed in range(5)]
        seen[way, nodes] = mean(took for took, _ in runs)
    messages = mean(sent for _, sent in runs)
    print(f"{way:9} {seen[way, nodes]:5.1f} rounds, {messages:6.1f} times the rumor, {nodes} nodes")

# %% [markdown]
# ## A million nodes
#
# What matters here happens in rounds, so the arrays can do it. On the right is the share of those who
# do **not** know yet, on a scale where each line is a tenth of the one above.

# %%
MILLION = 1_000_000

fig, (left, right) = plt.subplots(1, 2, figsize=(style.WIDTH + 2, 3.6), layout="constrained")
for way, (_, model, color) in WAYS.items():
    spread = model(MILLION, seed=1)
    know = [count / MILLION for count in spread.curve]
    left.plot([100 * share for share in know], color=color, lw=2, label=way)
    right.plot([1 - share for share in know if share < 1], color=color, lw=2, label=way)
    print(f"{way:9} {spread.rounds:3} rounds, {spread.traffic:6.2f} messages a node")
left.set(xlabel="round", ylabel="nodes that know (%)")
right.set(xlabel="round", ylabel="share that does not", yscale="log")
for ax in (left, right):
    style.curves(ax)
left.legend(frameon=False)
plt.show()

# %% [markdown]
# At first, pushing and pulling do the same: those who know double. The end is different. When a share
# $s$ is left, a round of pushing misses a node with probability $e^{-1}$, and leaves $s / e$: a straight
# line. Whoever asks is unlucky only if the one it asks does not know either, so pulling leaves $s^2$: it
# falls off a cliff. Push-pull has the better half of both.
#
# So in theory it takes $\log_2 n + \ln n$ rounds to push a rumor to everybody (Pittel 1987),
# $\log_2 n + \log_2 \ln n$ to pull it, and $\log_3 n + O(\log \log n)$ to do both (Karp and others 2000): we
# take $\log_2 \ln n$ for that, too. A constant comes on top of each. Lay them over each other.

# %%
THEORY = {
    "push": lambda n: math.log2(n) + math.log(n),
    "pull": lambda n: math.log2(n) + math.log2(math.log(n)),
    "push-pull": lambda n: math.log(n, 3) + math.log2(math.log(n)),
}
SIZES = (10, 30, 100, 300, 1000, 3000, 10_000, 30_000, 100_000)

print("the difference from theory, in rounds:", *(f"{size:>7,}" for size in SIZES[2::2]))
fig, ax = plt.subplots(figsize=(style.WIDTH, 3.8), layout="constrained")
for way, (_, model, color) in WAYS.items():
    runs = {size: [model(size, seed=s).rounds for s in range(20)] for size in SIZES}
    means = [mean(took) for took in runs.values()]
    bands = [2 * stdev(took) / math.sqrt(len(took)) for took in runs.values()]
    low, high = ([m + sign * b for m, b in zip(means, bands, strict=True)] for sign in (-1, 1))
    ax.fill_between(SIZES, low, high, color=color, alpha=0.25, lw=0)
    ax.plot(SIZES, means, color=color, lw=2, label=way)
    ax.plot(SIZES, [THEORY[way](size) for size in SIZES], ":", color=color, lw=1.5)
    ax.plot(SMALL, [seen[way, nodes] for nodes in SMALL], "o", color=color, mec=style.INK)
    off = [f"{mean(runs[size]) - THEORY[way](size):7.2f}" for size in SIZES[2::2]]
    print(f"{way:38}", *off)
ax.plot([], [], ":", color=style.EDGE, label="theory, less a constant")
ax.plot([], [], "o", color=style.EDGE, mec=style.INK, label="your classes")
ax.set(xscale="log", xlabel="nodes", ylabel="rounds until all know")
style.curves(ax)
ax.legend(frameon=False)
plt.show()

# %% [markdown]
# The bands are where the means of so many runs are, with 95 % certainty. The dotted lines run beside
# them, at the same distance everywhere: that is the constant, and the theory is met. (For push-pull it
# is next to nothing.)
#
# ## Lose interest
#
# Everybody knows, after a few rounds. And then? `Push` tells the rumor for ever, `Pull` asks for ever. In
# 1987 Demers and others, at Xerox, had that trouble with a database of names and addresses on hundreds
# of machines, and wrote the paper that all gossip comes from, *Epidemic algorithms for replicated database
# maintenance*. Their answer is **rumor mongering**: tell it as long as it is *hot*, and lose interest.
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
        self.hot = {}  # what is of interest, and whether it was told in the last round
        self.every(self.pause, self.turn)

    @on(Rumor)
    def hear(self, rumor, sender):
        if rumor not in self.heard:
            self.heard.add(rumor)
            self.hot[rumor] = False

    def turn(self):
        for known, told in list(self.hot.items()):
            if told and self.random.random() < 1 / self.k:
                del self.hot[known]
        if not self.hot:
            return
        for peer in self.sample(1):
            for known in self.hot:
                self.send(peer, known)
                self.hot[known] = True


def died_out(protocol, seed, rumor=HELLO, nodes=NODES):
    """Spread a rumor until nobody is interested; return s, m, and the round of the last news."""
    with SimNetwork(protocol, nodes, seed=seed, record="counts") as net:
        net.tell("n0", rumor)
        net.run(0.5)
        heard, last = 1, 0
        while any(node.hot for node in net):
            net.run(1.0)
            know = sum(rumor in node.heard for node in net)
            heard, last = know, round(net.now) if know > heard else last
        sent = net.trace.count(kind="send", message=type(rumor))
        return 1 - heard / nodes, sent / nodes, last


TABLE_2 = {  # k: residue s, traffic m, last round
    1: (0.96, 0.04, 38),
    2: (0.20, 1.6, 33),
    3: (0.06, 2.8, 32),
    4: (0.021, 3.9, 32),
    5: (0.008, 4.9, 32),
}

print(f"       {'the paper, table 2':^20} {'your class, 3 runs':^20}   {'arrays, 300 runs':^20}")
print("   k  " + 3 * "       s      m   last")
for k, (s, m, last) in TABLE_2.items():
    print(f"{k:4}   {s:7.3f} {m:6.2f} {last:6}", end="")
    runs = [died_out(Blind.using(k=k), seed) for seed in range(3)]
    print("{:8.3f} {:6.2f} {:6.1f}".format(*map(mean, zip(*runs, strict=True))), end="")
    many = [
        rounds.mongering(NODES, k=k, feedback=False, counter=False, seed=seed)
        for seed in range(300)
    ]
    s, m = mean(run.residue for run in many), mean(run.traffic for run in many)
    print(f"{s:8.3f} {m:6.2f} {mean(run.rounds for run in many):6.1f}")

# %% [markdown]
# $s$ is the **residue**: who never hears of it. $m$ is the **traffic**: how often the rumor is sent, per
# node. Nearly forty years lie between the columns.
#
# The first line has a surprise that you have met above: with $k = 1$, a walk from node to node that ends
# at the first who knows. That is the birthday problem, and all those who ever hear of it are about
# $\sqrt{\pi n / 2}$.
#
# ## Better ways, and one law
#
# One can be wiser. With **feedback**, only contacts *in vain*, with somebody who knew, make one lose
# interest. Instead of a coin, a **counter** can count to $k$; in the paper's tables, a contact that was
# not in vain sets it back to 0. You will write feedback yourself, at the end; the arrays have all of
# it. Which way is the best? Plot what each of them leaves over what it costs.

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
for name, (variant, color, marker, printed) in FAMILY.items():
    for k in range(1, 3 if variant.get("pulling") else 6):
        many = [rounds.mongering(NODES, k=k, seed=seed, **variant) for seed in range(100)]
        s, m = mean(run.residue for run in many), mean(run.traffic for run in many)
        off = 2 * stdev(run.residue for run in many) / math.sqrt(len(many))
        ax.errorbar(
            m, s, off, fmt=marker, color=color, capsize=3, ms=6, label=name if k == 1 else None
        )
        print(f"{name:26} k={k}   s = {s:7.5f}   m = {m:5.2f}   s e^m = {s * math.exp(m):5.3f}")
    ax.plot(
        [m for _, m, *_ in printed.values()], [s for s, *_ in printed.values()], marker,
        mfc="none", mec=style.INK, ms=11,
    )  # fmt: skip
ax.plot([], [], "o", mfc="none", mec=style.INK, ms=11, label="the paper")
ax.set(yscale="log", xlabel="traffic $m$ (messages a node)", ylabel="residue $s$")
style.curves(ax)
ax.legend(frameon=False, fontsize=style.SMALL)
plt.show()

# %% [markdown]
# All ways of *telling* lie on one line, $s = e^{-m}$. It is the argument of the fanout again: whoever has
# not heard it was missed by $mn$ messages to nodes at random. Feedback and counters are no free lunch:
# they buy a smaller residue with more traffic, and at the same price as the others. Only **pulling**
# does better, because it is those who lack something that ask.
#
# ## A formula that is met, and is not
#
# With feedback and a coin the paper has a theory of the residue, from two differential equations. Of
# those who are interested, a share $i$ of all, each contact finds with probability $s$ one who did not
# know, and is in vain with $1 - s$:
#
# $$\frac{ds}{dt} = -si \qquad \frac{di}{dt} = si - \frac{1}{k}(1 - s)i
# \qquad\Longrightarrow\qquad s = e^{-(k+1)(1-s)}$$
#
# The kit's own class has all variants as parameters. Measure two of them that differ in nothing but time:
# in one, all nodes have their turn at once, in rounds; in the other each whenever it likes.

# %%
RUNS = 5
COIN = rumor.Mongering.using(counter=False, pause=1.0)
ARE_SYNCHRONOUS = {"whenever they like": False, "in rounds": True}

formula, arrays = {}, {}
measured = {way: {} for way in ARE_SYNCHRONOUS}
print("k    the formula    whenever they like          in rounds        arrays, in rounds")
for k in (1, 2, 3, 4):
    formula[k] = settle(lambda s: math.exp(-(k + 1) * (1 - s)), 0.0)  # noqa: B023
    runs = [rounds.mongering(NODES, k=k, counter=False, seed=s).residue for s in range(300)]
    arrays[k], texts = mean(runs), ["", ""]
    if k <= 2:
        for way, synchronous in ARE_SYNCHRONOUS.items():
            variant = COIN.using(k=k, synchronous=synchronous)
            runs = [died_out(variant, seed, rumor.Rumor("hello"))[0] for seed in range(RUNS)]
            measured[way][k] = mean(runs), 2 * stdev(runs) / math.sqrt(RUNS)
        texts = ["{:.4f} ± {:.4f}".format(*found[k]) for found in measured.values()]
    print(f"{k} {formula[k]:14.4f} {texts[0]:>21} {texts[1]:>18} {arrays[k]:24.4f}")

fig, ax = plt.subplots(figsize=(style.WIDTH, 3.4), layout="constrained")
ax.plot(formula.keys(), formula.values(), color=style.GREEN, lw=2, label="the formula")
ax.plot(arrays.keys(), arrays.values(), "--", color=style.BLUE, lw=2, label="arrays, in rounds")
for (way, found), color in zip(measured.items(), (style.GREEN, style.BLUE), strict=True):
    residue, off = zip(*found.values(), strict=True)
    ax.errorbar(
        list(found), residue, off, fmt="o", color=color, mec=style.INK, ms=7, capsize=5, label=way
    )
ax.set(xlabel="$k$", ylabel="residue", yscale="log", xticks=list(formula))
ax.set_yticks([0.005, 0.01, 0.02, 0.05, 0.1, 0.2], ["0.5 %", "1 %", "2 %", "5 %", "10 %", "20 %"])
ax.minorticks_off()
style.curves(ax)
ax.legend(frameon=False)
plt.show()

# %% [markdown]
# The formula is right, and so are the rounds, which leave out fewer. In a round, everybody is judged by
# what it knew when the round *began*: if two tell the same node, both find that it was news, and stay
# interested. Differential equations know no "at once". The authors printed both, one above the other,
# and whoever wants to meet their figures has to know which detail belongs to which.
#
# ## Break it
#
# A rumor dies out when nobody near has missed it. That is not the same as when nobody has. Let the network
# be in two pieces while it spreads, and heal it when all is quiet.

# %%
CUT = [f"n{number}" for number in range(90)]
LATE = 4.5  # seconds until the network is whole again; from 5 on, nodes would notice


def heal_late(protocol, news):
    """Cut a network in two, spread a rumor in the larger piece, and heal."""
    with SimNetwork(protocol, 300, link=Link(latency=0.01), seed=3) as net:
        net.partition(CUT)
        net.tell("n299", news)
        net.run(LATE)
        net.heal()
        net.run(LATE)
    return net.trace


MADE = {
    "rumor mongering": (rumor.Mongering.using(k=3, pause=0.15), rumor.Rumor("hello"), style.ORANGE),
    "push": (Gossip.using(fanout=4), HELLO, style.BLUE),
    "push, then push-pull": (PushPull.using(fanout=4, pause=1.0), HELLO, style.GREEN),
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
ax.axvline(LATE, color=style.EDGE, lw=1, ls=":")
ax.annotate("healed", (LATE, 8), (4, 0), textcoords="offset points", color=style.EDGE)
ax.set(xlabel="time (s)", ylabel="nodes that have heard it (%)", ylim=(0, 105))
style.curves(ax)
ax.legend(frameon=False, loc="lower right")
plt.show()

# %% [markdown]
# Those on the other side never hear of it, in a network that is whole again, and nobody is interested.
# One sees it in a curve that stays flat, or in a table of what each node has heard; the nodes themselves do
# not see it. The green one is your `PushPull` with a fanout: it pushes at once what is new, and compares
# notes rarely, with patience. Demers and his colleagues did just that, and called the slow half
# **anti-entropy**. Theirs compares checksums, not notes, so that it costs nearly nothing when all is
# well: read it in `p2pkit/protocols/antientropy.py`.
#
# ## The scoreboard
#
# Seven ways to tell everybody now, counting those of notebook 3. Here they are side by side on an overlay
# of 25 nodes with links of 100 ms, as in Maelstrom's challenge: all messages, shared out among a hundred
# rumors. `redundancy` is how often a rumor itself was sent for each node that heard it, less one, and the
# last columns say after how many seconds so many of the rumors were everywhere.

# %%
OVERLAY = nx.random_regular_graph(6, 25, seed=1)
SLOW = Link(latency=0.1)  # seconds
CONTESTANTS = {
    "flood": flood.Flood,
    "tree": tree.Tree,
    "lazy": lazy.Lazy,
    "push": gossip.Gossip,
    "pull": gossip.Pull,
    "push-pull": gossip.PushPull,
    "rumor": rumor.Mongering,
}

board = stats.scoreboard(CONTESTANTS, OVERLAY, SimNetwork, link=SLOW, settle=5.0)
print(board.round(2).to_string())
print("\nand two of them on real nodes:")
few = {name: CONTESTANTS[name] for name in ("flood", "push")}
real_board = stats.scoreboard(
    few, OVERLAY, LocalNetwork, link=SLOW, operations=50, rate=50.0, settle=1.5
)
print(real_board.round(2).to_string())

# %% [markdown]
# Read a column at a time. None of them wins in all: what is cheap in messages is slow or long, what is
# fast repeats itself, what never asks leaves somebody out. On so small an overlay, with six peers each,
# there is little to be won from a flood; go up to a thousand nodes with fifty peers, and look again.
#
# ## Exercise: in vain
#
# Write rumor mongering with **feedback and a coin**, for nodes that take their turns whenever they like:
#
# - whoever hears a rumor keeps it in `self.heard`, a set, and is interested in it;
# - in each of its turns, about `self.pause` seconds apart, a node tells a peer, chosen at random, what it
#   is interested in;
# - a contact with somebody who **knew** the rumor makes it lose interest, with probability $1/k$.
#
# The residue shall be that of the formula, $s = e^{-(k+1)(1-s)}$, within 10 %, for whatever $k$, and
# over seeds that you do not know. You need a way to find out whether the other one knew: a handler may
# return an answer, and `self.ask(peer, message, then)` calls `then(answer)`, with None if none came.
# You may define messages of your own. Fill in the cell, then run it and the one below, whose code you may
# skip.


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
QUIET = 8  # turns without a word, after which a rumor is dead
LONG = 150  # turns within which it must be
NEAR = 0.1  # how far off the residue may be, as a share of it


def spread_out(protocol, nodes, seed, k, world=SimNetwork, pause=1.0):
    """Spread a rumor until all are silent; return what became of it, or say what is wrong."""
    with world(protocol.using(k=k, pause=pause), nodes, seed=seed, record="counts") as net:
        teller = Random(seed).choice(net.names)
        net.tell(teller, HELLO)
        sent = -1
        while sent != (sent := net.trace.count(kind="send")):
            net.run(QUIET * pause)
            if net.now > LONG * pause:
                return f"after {LONG} turns they still talk of it: {sent} messages", 0
        if HELLO not in net[teller].heard:
            return "self.heard of the node that was told from outside has no rumor in it", 0
        return "", 1 - sum(HELLO in node.heard for node in net) / nodes


def reaches(protocol, nodes, k, least, world=SimNetwork, pause=1.0):
    """Say whether a rumor reaches too few, in the mean of some runs."""
    missed = []
    for seed in (21, 22, 23):
        problem, residue = spread_out(protocol, nodes, seed, k, world, pause)
        if problem:
            return problem
        missed.append(residue)
    share = 1 - mean(missed)
    if share < least:
        return f"with k={k}, {share:.0%} of {nodes} nodes hear it, and at least {least:.0%} should"
    return ""


def law(protocol, k, seeds, nodes=1000):
    """Say whether the residue is another one than the formula's, by more than chance explains."""
    wanted = settle(lambda s: math.exp(-(k + 1) * (1 - s)), 0.0)
    found = []
    for seed in seeds:
        problem, residue = spread_out(protocol, nodes, seed, k)
        if problem:
            return problem
        found.append(residue)
    chance = 3 * stdev(found) / math.sqrt(len(found))
    if abs(mean(found) - wanted) <= max(NEAR * wanted, chance):
        return ""
    return f"with k={k}, the residue is {mean(found):.4f}, and by the formula {wanted:.4f}"


def check(protocol):
    """Try a class on harder and harder tasks; at the first trouble, give a hint."""
    steps = [
        ("two nodes", reaches, [(2, 1, 1.0)],
         "whoever hears something new keeps it in self.heard, and tells it in its next turn."),
        ("it dies out", reaches, [(5, 2, 0.5)],
         "when somebody knew already, lose interest, sometimes; with nothing of interest, be silent."),
        ("it gets around", reaches, [(200, 2, 0.87), (200, 6, 0.98)],
         "only a contact in vain counts: does the answer say whether it was news?"),
        ("the law, k=1", law, [(1, range(31, 39))],
         "what counts is what the other one knows at the moment when it is told."),
        ("the law, k=2", law, [(2, range(41, 51))],
         "a coin has no memory: each contact in vain ends it with probability 1 / k."),
        ("real sockets", reaches, [(8, 8, 0.7, LocalNetwork, 0.1)],
         "what is different there is time: answers take their time, and turns are never at once."),
    ]  # fmt: skip
    for number, (title, task, trials, hint) in enumerate(steps):
        for trial in trials:
            try:
                problem = task(protocol, *trial)
            except Exception as error:
                notes = "".join(f" ({note})" for note in getattr(error, "__notes__", ()))
                problem = f"it raised {type(error).__name__}: {error}{notes}"
            if problem:
                print(f"next  {title}\n        {problem}\n        Hint: {hint}")
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
# - Pushing is quick while few know, pulling when most do; both together need $\log_3 n$ rounds.
# - Whatever makes one lose interest, $m$ messages a node leave $e^{-m}$ of them out.
# - A published number belongs to a model. Rounds or no rounds is a detail, and decides whether you meet it.
# - What is fast may fail, and does not notice. Something slow that never ends should stand behind it.
#
# Everybody knows the same now. Can they also *compute* something together, such as how many they are?
# That is the next notebook.
