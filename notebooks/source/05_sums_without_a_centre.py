# %% [markdown]
# # 5. Sums without a centre
#
# Every node of a network has a number: how warm it is there, how much room is left on its disk. **What is
# the mean of them all? And how many nodes are there?**
#
# A server would ask everybody, and add up. Here there is none, and nobody knows all the others. You
# will write a protocol that finds the mean all the same, in a time that hardly depends on how many they
# are, and measure how fast it is, to the third digit. Then you will find out that it takes for granted
# somebody to talk to, drawn from everybody, and write a second protocol that provides that.

# %%
import inspect
import math
import random
from functools import partial
from statistics import fmean, pstdev, pvariance, stdev

import matplotlib.pyplot as plt
import networkx as nx

from p2pkit import (
    Contact,
    Link,
    LocalNetwork,
    Message,
    Protocol,
    SimNetwork,
    on,
    plot,
    rounds,
)
from p2pkit.check import hash_seeds
from p2pkit.errors import CheckFailed
from p2pkit.plot import style
from p2pkit.protocols import sampling
from p2pkit.sweep import sweep
from p2pkit.topology import build

PATIENCE = 10.0  # seconds that we wait for anything, at the most

# %% [markdown]
# ## Meet in the middle
#
# The smallest program: each node has an **estimate**, at first its own number. Once in a cycle it tells
# it to one of the others. That one answers with its own, and both take the mean of the two.
#
# Two things are new to you. `self.every(s, f, jitter=s)` calls `f` once in each cycle of `s` seconds, at a
# moment that is drawn anew, so that nodes do not all act at once, nor always in the same order. And the
# `estimate` of all nodes is set from outside, by `net.call`.


# %%
class Offer(Message):
    """My estimate: let us agree."""

    estimate: float


class Answer(Message):
    value: float


class Halfway(Protocol):
    """Hold an estimate of the mean of all values."""

    value = 0.0  # to begin with
    cycle = 1.0  # seconds
    patience = 60.0  # seconds to wait for an answer: one that came later would be lost

    def on_start(self):
        super().on_start()  # does nothing, until you mix this with another protocol
        self.begin(self.value)
        self.every(self.cycle, self.exchange, jitter=self.cycle)

    def begin(self, value):
        self.estimate = value

    def partner(self):
        """Choose whom to make an offer, if there is anybody."""
        return next(iter(self.sample(1)), None)

    def exchange(self):
        if partner := self.partner():
            self.ask(partner, Offer(self.estimate), self.settle, self.patience)

    @on(Offer)
    def meet(self, offer, sender):
        mine = self.estimate
        self.estimate = (mine + offer.estimate) / 2
        return Answer(mine)

    def settle(self, answer):
        if answer is not None:
            self.estimate = (self.estimate + answer.value) / 2


def begin(net, values):
    for name, value in zip(net.names, values, strict=True):
        net.call(name, "begin", value)


def show_how_it_goes(protocol, link, nodes=10, cycles=(0, 2, 5, 10, 20)):
    with SimNetwork(protocol, nodes, link=link, seed=5) as net:
        begin(net, map(float, range(nodes)))
        for cycle in cycles:
            net.run(cycle + 1 - net.now)  # the first offers come after one second
            estimates = [node.estimate for node in net]
            shown = " ".join(f"{estimate:5.2f}" for estimate in estimates)
            print(f"cycle {cycle:2}: {shown}   sum {sum(estimates):5.2f}")


show_how_it_goes(Halfway, Link(latency=0))

# %% [markdown]
# It works. All come to the same number, nobody has counted anything, and the last column says why it
# is the right one: an exchange takes from one what it gives to the other, so the **sum never changes**. When
# all estimates are equal, they can only be the mean.
#
# These links take no time at all. Now with links like real ones, only slower.

# %%
SLOW = Link(latency=(0.1, 0.9))  # seconds
show_how_it_goes(Halfway, SLOW)

# %% [markdown]
# All agree again, on something else. Look at the sum: where did it go wrong? While an answer is on its way,
# the one that waits for it meets others, and its estimate moves. Then comes the answer, and it takes the
# mean of that and of *a new* estimate, while the other one had met the old.
#
# One could let it refuse all others meanwhile. There is something simpler. What has to be equal is
# what one gains and the other loses: so let the answer be that, a **step**. One takes it forwards and the
# other backwards, from wherever they are by then.


# %%
class Averaging(Halfway):
    """Hold an estimate of the mean of all values."""

    @on(Offer)
    def meet(self, offer, sender):
        step = (offer.estimate - self.estimate) / 2
        self.estimate += step
        return Answer(step)

    def settle(self, answer):
        if answer is not None:
            self.estimate -= answer.value


show_how_it_goes(Averaging, SLOW)

# %% [markdown]
# The sum in the last column wavers while steps are on their way, and comes back. Now on twenty real nodes,
# of which each knows only a few. Real nodes do not wait for you: the numbers have to be there before the
# first offer, or part of what is exchanged is forgotten. So here each node begins with the number in its
# own name.
#
# `plot.live` shows them while they run: watch how the colours become one. And `watch=` writes an estimate
# down in the trace whenever it changes, so that it can be drawn afterwards.

# %%
FEW = 20  # nodes
MEAN = fmean(range(FEW))


class Numbered(Averaging):
    """Begin with the number in one's name: n7 with 7."""

    cycle = 0.2  # seconds

    def on_start(self):
        super().on_start()
        self.begin(float(self.id[1:]))


def estimate(node):
    return {"estimate": round(node.estimate, 3)}


def near(node):
    return abs(node.estimate - MEAN) < 0.1


with LocalNetwork(Numbered, build("random-regular", FEW, seed=2), watch=estimate) as net:
    plot.live(net, color=lambda node: node.estimate)
    agree = net.run(until=lambda: all(map(near, net)), within=PATIENCE)
    real = net
print("all are within 0.1 of the mean:", agree)

# %%
fig, ax = plt.subplots(figsize=(style.WIDTH, 3.4), layout="constrained")
for name in real.names:
    events = list(real.trace.where(kind="state", node=name))
    times = [event.time for event in events if "estimate" in event.value]
    values = [event.value["estimate"] for event in events if "estimate" in event.value]
    ax.step([*times, real.now], [*values, values[-1]], where="post", color=style.BLUE, lw=0.9)
ax.axhline(MEAN, color=style.VERMILION, ls="--", zorder=3)
ax.set(xlabel="time (s)", ylabel="estimates of the nodes")
style.curves(ax)
plt.show()

# %% [markdown]
# ## How fast?
#
# Jelasity, Montresor and Babaoglu asked that in 2005, for a network in which everybody can talk to
# everybody. Disagreement is measured by the **variance** of the estimates, and one cycle leaves of it, in
# the mean,
#
# $$\frac{1}{2\sqrt{e}} \approx 0.303$$
#
# however many nodes there are: every two cycles are worth a digit of the variance.
#
# Let your class do it in simulation, twenty times. And as their theory is for very many nodes, take a
# million as well: `rounds.averaging` does the same with arrays.

# %%
NODES = 200
CYCLES = 15
RUNS = 20  # with different dice
T_QUANTILE = 2.09  # of Student's distribution, for 20 runs: 95 % of the intervals hold the truth
PUBLISHED = 1 / (2 * math.sqrt(math.e))


def variances(seed, protocol=Averaging, graph=NODES, cycles=CYCLES):
    """Return the variance of the estimates at first and after each cycle, the first being 1."""
    dice = random.Random(seed)
    with SimNetwork(protocol, graph, link=Link(latency=0), seed=seed, record="counts") as net:
        begin(net, [dice.gauss(0, 1) for _ in net.names])
        seen = []
        for _ in range(cycles + 1):
            net.run(protocol.cycle)
            seen.append(pvariance(node.estimate for node in net))
    return [variance / seen[0] for variance in seen]


def factor(seen):
    """Return what a cycle leaves, in the geometric mean over all of them."""
    return (seen[-1] / seen[0]) ** (1 / (len(seen) - 1))


def interval(values):
    """Return the mean of 20 values, and half of its 95 % interval."""
    return fmean(values), T_QUANTILE * stdev(values) / math.sqrt(len(values))


runs = list(sweep(variances, {}, seeds=RUNS).result)
million = list(rounds.averaging(1_000_000, cycles=CYCLES, seed=1))
print(f"published                        {PUBLISHED:.4f}")
print(
    "{} nodes, your class, {} runs    {:.4f} ± {:.4f}".format(
        NODES, RUNS, *interval([*map(factor, runs)])
    )
)
print(f"a million, in rounds             {factor(million):.4f}")

# %%
fig, ax = plt.subplots(figsize=(style.WIDTH, 3.8), layout="constrained")
cycles = range(CYCLES + 1)
logs = [[math.log(run[cycle]) for run in runs] for cycle in cycles]
low = [math.exp(fmean(log) - 1.96 * stdev(log)) for log in logs]
high = [math.exp(fmean(log) + 1.96 * stdev(log)) for log in logs]
label = f"your class, {NODES} nodes: 95 % of the runs"
ax.fill_between(cycles, low, high, color=style.SKY, alpha=0.4, lw=0, label=label)
middle = [math.exp(fmean(log)) for log in logs]
ax.plot(cycles, middle, "o", color=style.BLUE, label="… and their mean")
ax.plot(
    cycles, [one / million[0] for one in million], "x", color=style.VERMILION, label="a million"
)
ax.plot(cycles, [PUBLISHED**cycle for cycle in cycles], color=style.INK, lw=1, label="published")
ax.set(yscale="log", xlabel="cycles", ylabel="variance that is left")
style.curves(ax)
ax.legend(frameon=False)
plt.show()

# %% [markdown]
# Details decide. In the same paper are the figures for other ways to choose pairs; and there is one that
# nobody has in mind, but many simulators do: to let the nodes take turns *in the same order* in every
# cycle.

# %%
ORDERS = {
    "shuffled": ("everybody offers once, in a new order", PUBLISHED),
    "pairs": ("two at random, again and again", 1 / math.e),
    "matching": ("everybody is in exactly two pairs", 1 / 4),
    "fixed": ("everybody offers once, always in the same order", None),
}
print(f"{'':50} published   measured")
for order, (what, theory) in ORDERS.items():
    factors = [
        factor(rounds.averaging(10_000, cycles=CYCLES, order=order, seed=seed))
        for seed in range(RUNS)
    ]
    known = f"{theory:.4f}" if theory else "-"
    print("{:50} {:>9}     {:.4f} ± {:.4f}".format(what, known, *interval(factors)))

# %% [markdown]
# The last line is a little faster than the first, and it is *wrong*, as an answer to what the first line
# asks: whoever is late in one cycle is late in the next, and that is not chance. If your numbers are a few
# per cent off, look for such a thing.
#
# ## How many are we?
#
# Here is the trick that is worth the lesson. Let one node begin with 1, and all others with 0. The mean
# is $1/n$. So every node learns **how many there are**, and nobody has counted. And if both keep the
# larger number instead of the mean, all learn the **maximum**.


# %%
class Count(Averaging):
    """Hold an estimate of how many nodes there are."""

    @property
    def count(self):
        return 1 / self.estimate if self.estimate > 0 else math.inf


class Maximum(Averaging):
    """Hold the largest value that was heard of."""

    @on(Offer)
    def meet(self, offer, sender):
        self.estimate = max(self.estimate, offer.estimate)
        return Answer(self.estimate)

    def settle(self, answer):
        if answer is not None:
            self.estimate = max(self.estimate, answer.value)


with SimNetwork(Count, 1000, seed=1, record="counts") as net:
    net.call("n0", "begin", 1.0)
    print("cycle      lowest      middle     highest count")
    for cycle in (5, 10, 15, 20, 25):
        net.run(cycle + 1 - net.now)
        counts = sorted(node.count for node in net)
        print(f"{cycle:5} {counts[0]:11.2f} {counts[500]:11.2f} {counts[-1]:11.2f}")

with SimNetwork(Maximum, 1000, seed=1, record="counts") as net:
    begin(net, map(float, range(1000)))
    net.run(until=lambda: all(node.estimate == 999 for node in net), within=PATIENCE)
    print(f"\nall 1000 know the maximum after {net.now - 1:.1f} cycles")

# %% [markdown]
# These three are also in `p2pkit.protocols.averaging`.
#
# ## Break it
#
# What if messages are lost? An offer that is lost changes nothing. But a lost *answer*: one has taken its
# step, and the other has not.

# %%
LOSSES = (0.0, 0.02, 0.1)  # share of the messages
LOSSY = 30  # cycles


def with_loss(loss, seed):
    with SimNetwork(Averaging, 50, link=Link(loss=loss), seed=seed, record="counts") as net:
        begin(net, [0.0] * 25 + [2.0] * 25)
        net.run(LOSSY * Averaging.cycle)
        estimates = [node.estimate for node in net]
    return {"mean": fmean(estimates), "differ by": max(estimates) - min(estimates)}


lossy = sweep(with_loss, {"loss": LOSSES}, seeds=RUNS)
print("loss    estimates differ by less than    they are, in the runs")
for loss, some in lossy.groupby("loss"):
    print(f"{loss:4.0%} {some['differ by'].max():22.0e}", end="")
    print(f" {some['mean'].min():24.3f} to {some['mean'].max():.3f}")

# %% [markdown]
# The mean is 1. With losses, the nodes still agree with each other to many digits, in every single run: no
# node can notice that anything is wrong. **You** can, as you know what the sum was; a check of the sum is the
# first thing to write for such a protocol. Who crashes takes its share away, too. That is why the
# authors let everybody begin again now and then, in *epochs*: an error lives no longer than one.
#
# ## Somebody to talk to
#
# All that speed has one condition: a partner drawn from *everybody*. On a ring, where each
# node knows only its two neighbours, the same class does this:

# %%
ring = variances(1, graph=build("ring", NODES))
everybody = runs[0]
print("a cycle leaves, of the variance: in the 1st, 5th and last cycle")
for name, seen in (("all know all", everybody), ("a ring", ring)):
    left = [seen[cycle] / seen[cycle - 1] for cycle in (1, 5, CYCLES)]
    print(f"{name:13}", *(f"{one:8.2f}" for one in left))

# %% [markdown]
# Neighbours agree soon, and far ends do not hear of each other. But how shall a node know everybody, if
# there are many, and they come and go? It need not. **A few are enough, if they are others after a while.**
#
# So each node holds a **view**: the contacts of a few nodes. Once a cycle it takes one of them out, at
# random, and trades with it: *here are some of mine, and me; give me some of yours.* What is new gets
# the places of what was given away. Nobody is copied, so nobody becomes famous. A node that
# has somebody in view has no connection to it: when it speaks to a contact, one is made, and
# closed when it is not used.


# %%
class Swap(Message):
    """Take these, and give me some of yours."""

    contacts: tuple[Contact, ...]


class Swapped(Message):
    contacts: tuple[Contact, ...]


class Views(Protocol):
    """Hold a view of `size` other nodes, and trade `traded` of them once a cycle."""

    size = 20
    traded = 5
    cycle = 1.0  # seconds

    def on_start(self):
        super().on_start()
        self.view = {}  # contacts, by id
        self.every(self.cycle, self.shuffle, jitter=self.cycle)

    def on_connect(self, peer):
        self.keep([Contact(peer, self.peers[peer])], given=[])

    def some(self, k):
        return self.random.sample([*self.view.values()], min(k, len(self.view)))

    def shuffle(self):
        for partner in self.some(1):
            del self.view[partner.id]
            given = self.some(self.traded - 1)
            self.ask(partner, Swap((self.contact, *given)), partial(self.trade_back, given))

    @on(Swap)
    def trade(self, offer, sender):
        given = self.some(self.traded)
        self.keep(offer.contacts, given)
        return Swapped(tuple(given))

    def trade_back(self, given, answer):
        if answer is not None:
            self.keep(answer.contacts, given)

    def keep(self, contacts, given):
        """Keep what is new: in empty places, then in the places of what was given away."""
        places = [contact.id for contact in given]
        for contact in contacts:
            if contact.id != self.id and contact.id not in self.view:
                while places and len(self.view) >= self.size:
                    self.view.pop(places.pop(), None)
                if len(self.view) < self.size:
                    self.view[contact.id] = contact


def overlay(net):
    """Return the graph of who has whom in view, of those that are up."""
    up = [node for node in net if net.is_up(node.id)]
    graph = nx.DiGraph()
    graph.add_nodes_from(node.id for node in up)
    graph.add_edges_from((node.id, other) for node in up for other in node.view)
    return graph


fig, axes = plt.subplots(1, 3, figsize=(style.WIDTH, 2.4), layout="constrained")
with LocalNetwork(Views.using(size=3, traded=2, cycle=0.2), build("ring", FEW), seed=3) as net:
    plot.live(net, color=lambda node: style.NODE)
    for ax, cycles in zip(axes, (0, 3, 12), strict=True):
        net.run(max(0.01, (cycles + 1) * Views.cycle * 0.2 - net.now))
        graph = overlay(net).to_undirected()
        plot.topology(graph, ax=ax, layout=nx.circular_layout, label=lambda name: "", size=45)
        ax.set_title(f"after {cycles} cycles", fontsize=style.SMALL)
plt.show()

# %% [markdown]
# Those were twenty real nodes: the ring dissolves. (The live view draws the *connections* that the nodes
# began with, which stay a ring; the trades fly across.)
#
# ## As if drawn from all
#
# Is that as good as a random sample? Voulgaris, Gavidia and van Steen, who invented this in 2005, compared
# the graph of who has whom in view with a random graph, in which everybody has drawn as many from all:
#
# - its **clustering**, the share of pairs of my neighbours that are neighbours themselves, which is high
#   while I know a neighbourhood only;
# - its **in-degrees**: in how many views I am. Whoever is in many is asked often, so these should be even.
#
# They call the protocol above *basic shuffling*, and have a better one, **Cyclon**, which is
# `p2pkit.protocols.sampling` here. Begin with a lattice, as clustered as can be, and look.

# %%
CROWD = 300  # nodes
SIZE = Views.size
LATTICE = nx.watts_strogatz_graph(CROWD, SIZE, 0)  # ten neighbours on either side


def at_random(seed):
    """Return a graph in which everybody knows as many, drawn from all."""
    dice = random.Random(seed)
    graph = nx.DiGraph()
    for node in range(CROWD):
        others = [other for other in dice.sample(range(CROWD), SIZE + 1) if other != node]
        graph.add_edges_from((node, other) for other in others[:SIZE])
    return graph


def clustering(graph):
    return nx.average_clustering(graph.to_undirected())


def in_degrees(graph):
    return [degree for _, degree in graph.in_degree]


MOMENTS = range(0, 31, 2)  # cycles


def mix(kind, seed):
    """Return the clustering at some moments, and the in-degrees in the end."""
    with SimNetwork(PROTOCOLS[kind], LATTICE, seed=seed, record="counts") as net:
        seen = []
        for cycle in MOMENTS:
            net.run(cycle + 1 - net.now)
            seen.append(clustering(overlay(net)))
        return {"clustering": seen, "degrees": in_degrees(overlay(net))}


PROTOCOLS = {"basic": Views, "Cyclon": sampling.Cyclon}
COLORS = {"basic": style.ORANGE, "Cyclon": style.BLUE}
drawn = [at_random(seed) for seed in range(RUNS)]
mixed = sweep(mix, {"kind": PROTOCOLS}, seeds=2).groupby("kind")
print(f"{'':10} clustering   in-degree: mean   deviation")
for name, some in mixed:
    degrees = [degree for run in some.degrees for degree in run]
    print(f"{name:10} {some.clustering.iloc[0][-1]:10.3f} {fmean(degrees):17.1f}", end="")
    print(f" {pstdev(degrees):11.1f}")
theirs = [degree for graph in drawn for degree in in_degrees(graph)]
print(f"{'at random':10} {fmean(map(clustering, drawn)):10.3f} {fmean(theirs):17.1f}", end="")
print(f" {pstdev(theirs):11.1f}")

# %%
fig, (left, right) = plt.subplots(1, 2, figsize=(style.WIDTH + 1, 3.6), layout="constrained")
coefficients = [clustering(graph) for graph in drawn]
middle, spread = fmean(coefficients), 1.96 * stdev(coefficients)
left.axhspan(middle - spread, middle + spread, color=style.EDGE, alpha=0.4, lw=0)
left.axhline(middle, color=style.EDGE, label="at random")
bins = [edge - 0.5 for edge in range(2, 2 * SIZE)]
right.hist(theirs, bins, density=True, color=style.QUIET, label="at random")
for name, some in mixed:
    color = COLORS[name]
    for seen in some.clustering:
        left.plot(MOMENTS, seen, "o-", ms=4, color=color, label=name)
        name = None  # one entry in the legend is enough
    degrees = [degree for run in some.degrees for degree in run]
    right.hist(degrees, bins, density=True, histtype="step", lw=2, color=color)
left.set(xlabel="cycles", ylabel="clustering", ylim=0)
right.set(xlabel="in-degree: views that a node is in", ylabel="share of the nodes")
for ax in (left, right):
    style.curves(ax)
    ax.legend(frameon=False)
plt.show()

# %% [markdown]
# On the left, both forget after some cycles that they were a lattice, and then cannot be told from a
# random graph. On the right, both are narrower than chance: nobody is copied, only passed on. And Cyclon is
# the narrower one.
#
# Now the two halves together. A class that is both: views from Cyclon, and `Averaging`, that draws its
# partner from the view. It begins as a ring, on which it would have taken for ever.


# %%
class Sampled(sampling.Cyclon, Averaging):
    """Find the mean, and somebody to talk to."""

    def partner(self):
        return next((entry.contact for entry in self.some(1)), None)


sampled = variances(1, protocol=Sampled, graph=build("ring", NODES), cycles=30)
print("a cycle leaves, of the variance:")
print(f"all know all, published      {PUBLISHED:.2f}")
print(f"a ring, its last 5 cycles    {factor(ring[-6:]):.2f}")
print(f"a sample, its last 5 cycles  {factor(sampled[-6:]):.2f}")

# %% [markdown]
# ## Half of them vanish
#
# Now break this, too: half of all nodes crash, at the same moment. Are the others still connected, by what
# they have in view? And how long do they remember the dead?

# %%
AFTER = range(0, 49, 4)  # cycles after the crash


def vanish(kind, seed):
    """Return the dead in a view after the crash, in the mean, and in how many pieces the others are."""
    with SimNetwork(PROTOCOLS[kind], LATTICE, seed=seed, record="counts") as net:
        net.run(21.0)
        dead = random.Random(seed).sample(net.names, CROWD // 2)
        for name in dead:
            net.crash(name)
        began, seen, pieces = net.now, [], []
        for cycle in AFTER:
            net.run(began + cycle - net.now)
            graph = overlay(net)
            living = graph.subgraph(name for name in net.names if net.is_up(name))
            pieces.append(nx.number_weakly_connected_components(living))
            pointers = sum(graph.out_degree(name) for name in living) - living.number_of_edges()
            seen.append(pointers / len(living))
        return {"dead": seen, "pieces": max(pieces)}


gone = sweep(vanish, {"kind": PROTOCOLS}, seeds=1)

fig, ax = plt.subplots(figsize=(style.WIDTH, 3.2), layout="constrained")
for name, some in gone.groupby("kind"):
    seen, pieces = some.dead.iloc[0], some.pieces.iloc[0]
    ax.plot(AFTER, seen, "o-", color=COLORS[name], label=name)
    print(f"{name:7} pieces, at most: {pieces}   dead in a view at the end: {seen[-1]:.2f}")
ax.set(xlabel="cycles after half of the nodes have crashed", ylabel="dead ones in a view")
style.curves(ax)
ax.legend(frameon=False)
plt.show()

# %% [markdown]
# Neither falls apart. But with basic shuffling the dead are forgotten one by one, as chance has it, and the
# last ones hardly ever; Cyclon is done with all of them at some point. What does it do differently?
#
# ## Exercise: shuffle with memory
#
# Write `Shuffle`: `Views`, made better, so that
#
# - its **views** are right at every moment: at most `size` others, never oneself, and only nodes that there
#   are; soon they are full;
# - it sends no more than **two messages** a node and cycle, of no more than `traded` contacts each;
# - a **newcomer** that knows one node is soon in view of others;
# - when **half vanish**, the rest stays connected, and 3 · `size` cycles later **nobody has a dead one in
#   view**.
#
# A dead node tells no more of itself. So what is the news of it, compared with that of the living? You
# need a message that carries more than a contact. `self.view` is a dict, by id; what its values are is up
# to you. Fill in the cell, then run it and the one below, whose code you may skip.


# %% tags=["exercise"]
class Shuffle(Protocol):
    """Hold a view of `size` other nodes, which forgets the dead."""

    size = 20
    traded = 5
    cycle = 1.0  # seconds

    def on_start(self):
        self.view = {}
        # Your code goes here.


# %% tags=["check"]
PLACES = 8  # in a view
TRADED = 4  # contacts in a message
ENTRY = 90  # bytes that a contact, and what else is known of it, may take in a message


def wrong_views(net):
    """Say whose view is wrong, and how."""
    for node in net:
        view = getattr(node, "view", None)
        if not isinstance(view, dict):
            return f"{node.id} has no dict in self.view, but {view!r:.40}"
        if len(view) > PLACES:
            return f"{node.id} has {len(view)} in view, and size is {PLACES}"
        if node.id in view:
            return f"{node.id} has itself in view"
        if strangers := [name for name in view if name not in net.names]:
            return f"{node.id} has {strangers[0]!r:.40} in view, and there is no such node"
    return ""


def network(protocol, nodes, seed, world=SimNetwork, **parameters):
    some = protocol.using(size=PLACES, traded=TRADED, **parameters)
    return world(some, build("ring", nodes), seed=seed, record="counts")


def right_views(protocol, nodes, cycles, seed, world=SimNetwork, cycle=1.0):
    """Look at the views again and again, and say whether they are wrong, or do not become full."""
    with network(protocol, nodes, seed, world, cycle=cycle) as net:
        for _ in range(4 * cycles):
            if problem := wrong_views(net):
                return f"after {net.now / cycle:.1f} cycles, {problem}"
            net.run(cycle / 4)
        mean, wanted = fmean(len(node.view) for node in net), min(0.75 * PLACES, 0.3 * nodes)
        if mean < wanted:
            return f"after {cycles} cycles, only {mean:.1f} are in view in the mean"
        if nodes > PLACES and not nx.is_weakly_connected(overlay(net)):
            return f"after {cycles} cycles, the views are in pieces"
    return ""


def few_messages(protocol, seed):
    """Count messages and bytes."""
    nodes, cycles = 60, 20
    with network(protocol, nodes, seed) as net:
        net.run(cycles + 1.0)
        messages = net.trace.count(kind="send") / nodes / cycles
        size = net.trace.size("send") / max(1, net.trace.count(kind="send"))
    if messages > 2.2:
        return f"{messages:.1f} messages a node and cycle, and 2 are enough"
    if size > ENTRY * TRADED + 50:
        return f"{size:.0f} bytes a message: that is more than {TRADED} contacts"
    return ""


def well_mixed(protocol, seed):
    """Compare the views with a sample from all."""
    with network(protocol, 100, seed) as net:
        net.run(30.0)
        graph = overlay(net)
    chance = 2 * PLACES / 100  # that two of my neighbours know each other, in a random graph
    if clustering(graph) > 1.5 * chance:
        return f"the clustering is {clustering(graph):.2f}, and at random it would be {chance:.2f}"
    if max(in_degrees(graph)) > 3 * PLACES:
        return f"somebody is in {max(in_degrees(graph))} views, and {PLACES} is the mean"
    if not min(in_degrees(graph)):
        return "somebody is in nobody's view"
    return ""


def newcomer(protocol, seed):
    """Let somebody join who knows one node."""
    with network(protocol, 50, seed) as net:
        net.run(15.0)
        net.join("new", to="n7")
        net.run(12.0)
        known, knows = overlay(net).in_degree("new"), len(net["new"].view)
    if min(known, knows) < 3:
        return (
            f"12 cycles after it came, a newcomer is in {known} views, and has {knows} in its own"
        )
    return ""


def half_vanishes(protocol, seed):
    """Let half of the nodes crash, and see who remembers them."""
    with network(protocol, 100, seed) as net:
        net.run(25.0)
        dead = random.Random(seed).sample(net.names, 50)
        for name in dead:
            net.crash(name)
        left = [name for name in net.names if name not in dead]
        if not nx.is_weakly_connected(overlay(net).subgraph(left)):
            return "right after the crash, the views of the others are in pieces"
        net.run(3.0 * PLACES)
        graph = overlay(net)
        remembering = [name for name in left if {*net[name].view} & {*dead}]
        if remembering:
            return f"{3 * PLACES} cycles later, {len(remembering)} of {len(left)} have a dead one in view"
        if not nx.is_weakly_connected(graph):
            return f"{3 * PLACES} cycles later, the views are in pieces"
        full = fmean(degree for _, degree in graph.out_degree)
    return "" if full > 0.8 * PLACES else f"{3 * PLACES} cycles later, only {full:.1f} are in view"


def alike(protocol, seed):
    """Run the same in two new interpreters, with sets in another order."""

    def story():
        some = protocol.using(size=PLACES, traded=TRADED)
        with SimNetwork(some, build("ring", 30), seed=seed) as net:
            net.run(8.0)
        return net

    try:
        hash_seeds(story, seeds=(0, 1))
    except CheckFailed as error:
        return str(error)
    return ""


def check(protocol):
    """Try a class on harder and harder tasks; at the first trouble, give a hint."""
    steps = [
        ("three nodes", right_views, [(3, 5, 21)],
         "take your peers into view in on_connect, and whoever you have traded with out, or back in."),
        ("a ring", right_views, [(60, 15, 22)],
         "what is in view already, and oneself, are not news; places come free by what was given away."),
        ("few messages", few_messages, [(23,)],
         "one offer a cycle, to one node, and one answer."),
        ("well mixed", well_mixed, [(24,)],
         "give what is drawn at random, and yourself; and who has given something does not keep it."),
        ("a newcomer", newcomer, [(25,)],
         "among what you offer must be yourself: how else would anybody hear of you?"),
        ("half vanish", half_vanishes, [(26,)],
         "count how often each entry has seen a cycle, wherever it was: the dead are the oldest."),
        ("the same again", alike, [(28,)],
         "all dice are self.random, and what is sent must not follow the order of a set."),
        ("real sockets", right_views, [(20, 20, 29, LocalNetwork, 0.15)],
         "what is different there is time: between your offer and the answer, others trade with you."),
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
    print(f"The kit's own, in p2pkit/protocols/sampling.py, have {lines(sampling.Cyclon)}.")


def lines(protocol):
    methods = filter(inspect.isfunction, vars(protocol).values())
    return sum(len(inspect.getsource(method).splitlines()) for method in methods)


check(Shuffle)

# %% [markdown]
# ## What you know now
#
# - A sum that every exchange keeps is found by all, without a centre: by means a count, by maxima the
#   largest. A cycle leaves a fixed part of the disagreement, whatever the size of the network.
# - An invariant is the thing to watch: when messages cross or are lost it is the first to break, and no
#   node can see it.
# - A published number belongs to its details: in which order nodes act was worth some per cent.
# - Nobody has to know everybody. A few contacts, traded on and on, are as good as a sample from all, if
#   the dead are forgotten.
#
# Who is dead was found out by asking, one by one, as it happened. If you have to know **soon**, and **for
# sure**, that takes a protocol of its own: the next notebook.
