# %% [markdown]
# # 5. Sums without a centre
#
# Every node of a network has a number: how warm it is there, how much room is left on its disk. **What is
# the mean of them all? And how many nodes are there?**
#
# A server would ask everybody, and add up. Here there is no server, and nobody knows all the others. You
# will write a protocol that finds the mean all the same, measure how fast it is, and meet a published
# figure to the third digit. What it needs is a partner drawn from everybody, each time anew. So you will
# write a second protocol, which finds one.

# %%
import _thread
import inspect
import math
import random
import threading
import traceback
from functools import partial
from statistics import fmean, pstdev, pvariance, stdev

import matplotlib.pyplot as plt
import networkx as nx
from matplotlib.colors import to_hex

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
# its estimate to one of the others. That one answers with its own, and both take the mean of the two.
#
# `self.every` is known to you. With a `jitter` as long as the cycle, it acts once in each cycle, at a
# moment that is drawn anew: so the nodes do not all act at once, nor always in the same order. New is
# `net.call(name, "begin", value)`, which calls a method of a node from outside: here it sets the estimate.


# %%
class Offer(Message):
    """My estimate: let us agree."""

    estimate: float


class Answer(Message):
    """And this is what you need from me."""

    value: float


class Halfway(Protocol):
    """Hold an estimate of the mean of all values."""

    value = 0.0  # to begin with
    cycle = 1.0  # seconds
    timeout = 60.0  # seconds to wait for an answer: one that came later would be lost

    def on_start(self):
        super().on_start()  # does nothing, until you mix this with another protocol
        self.begin(self.value)
        self.every(self.cycle, self.exchange, jitter=self.cycle)

    def begin(self, value):
        self.estimate = value

    def partner(self):
        """Choose whom to make an offer, if there is anybody."""
        peers = self.sample(1)
        return peers[0] if peers else None

    def exchange(self):
        if partner := self.partner():
            self.ask(partner, Offer(self.estimate), self.settle, self.timeout)

    @on(Offer)
    def meet(self, offer, sender):
        mine = self.estimate
        self.estimate = (mine + offer.estimate) / 2
        return Answer(mine)

    def settle(self, answer):
        if answer is not None:
            self.estimate = (self.estimate + answer.value) / 2


def begin(net, values):
    """Give each node its number."""
    for name, value in zip(net.names, values, strict=True):
        net.call(name, "begin", value)


def show_how_it_goes(protocol, link, nodes=10, cycles=(0, 2, 5, 10, 20)):
    with SimNetwork(protocol, nodes, link=link, seed=5) as net:
        begin(net, map(float, range(nodes)))
        for cycle in cycles:
            net.run(cycle + 1 - net.now)  # seconds: the first cycle begins after one
            estimates = [node.estimate for node in net]
            shown = " ".join(f"{estimate:5.2f}" for estimate in estimates)
            print(f"cycle {cycle:2}: {shown}   sum {sum(estimates):5.2f}")


show_how_it_goes(Halfway, Link(latency=0))

# %% [markdown]
# It works. All come to the same number, nobody has counted anything, and the last column says why it
# is the right one: an exchange takes from one what it gives to the other, so the **sum never changes**. That
# makes it an **invariant**. And when all estimates are equal, they can only be the mean.
#
# These links take no time at all. Now with links like real ones, only slower.

# %%
SLOW = Link(latency=(0.1, 0.9))  # seconds
show_how_it_goes(Halfway, SLOW)

# %% [markdown]
# All agree again, but on another number. Look at the sum: it is not what it was. While an answer is on its
# way to a node, that node meets others, and its estimate moves. When the answer comes, it takes the mean of
# that and its *new* estimate; but the other one has met the *old*. What one gained, the other did not lose.
#
# It could refuse all others while it waits. There is something simpler: let the answer be what one gains
# and the other has to lose, a **step**. One takes it forwards and the other backwards, each from wherever
# it is by then.


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
# The sum wavers while steps are on their way, and comes back. Now on twenty real nodes, each connected to
# four others. Real nodes do not wait for you: each has to have its number before the first offer comes, or
# some of what is exchanged is forgotten. So here each begins with the number in its own name.
#
# `plot.live` shows them while they run, the lowest estimates dark and the highest yellow: watch how they
# become one colour, and press play to see it again. And `watch=` notes in the trace what a function says
# of each node, whenever that changes, so that it can be drawn afterwards.

# %%
FEW = 20  # nodes
MEAN = fmean(range(FEW))


class Numbered(Averaging):
    """Begin with the number in one's name: n7 with 7."""

    cycle = 0.4  # seconds

    def on_start(self):
        super().on_start()
        self.begin(float(self.id[1:]))


def estimate(node):
    return {"estimate": round(node.estimate, 3)}


def shade(node):
    return to_hex(plt.get_cmap(style.COLORMAP)(node.estimate / (FEW - 1)))


def near(node):
    return abs(node.estimate - MEAN) < 0.1


with LocalNetwork(Numbered, build("random-regular", FEW, seed=2), watch=estimate) as net:
    plot.live(net, color=shade)
    agree = net.run(until=lambda: all(map(near, net)), within=PATIENCE)
print("all are within 0.1 of the mean:", agree)

fig, ax = plt.subplots(figsize=(style.WIDTH, 3.4), layout="constrained")
for name in net.names:
    states = net.trace.where(kind="state", node=name)
    changes = [event for event in states if "estimate" in event.value]
    times = [event.time for event in changes]
    values = [event.value["estimate"] for event in changes]
    ax.step([*times, net.now], [*values, values[-1]], where="post", color=style.BLUE, lw=0.9)
ax.axhline(MEAN, color=style.VERMILION, ls="--", zorder=3, label="the mean")
ax.set(xlabel="time (s)", ylabel="estimate of each node")
style.curves(ax)
ax.legend(frameon=False)
plt.show()

# %% [markdown]
# ## How fast?
#
# Jelasity, Montresor and Babaoglu asked that in 2005, for a network in which everybody can talk to
# everybody. Disagreement is measured by the **variance** of the estimates: how far each is from the mean of
# all, squared, on average. One cycle leaves of it
#
# $$\frac{1}{2\sqrt{e}} \approx 0.303$$
#
# on average, if there are many nodes, no matter how many: every two cycles are worth a digit.
#
# Let your class do it in simulation, twenty times. And, to compare, once on a ring, where each node knows
# only its two neighbours.

# %%
NODES = 200
CYCLES = 15  # of a second each
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
    """Return the mean of some values, and half of its 95 % interval, for 20 of them or more."""
    return fmean(values), T_QUANTILE * stdev(values) / math.sqrt(len(values))


runs = list(sweep(variances, {}, seeds=RUNS).result)
ring = variances(1, graph=build("ring", NODES))
print("what a cycle leaves of the variance:")
print(f"published           {PUBLISHED:.4f}")
print("your class          {:.4f} ± {:.4f}".format(*interval([*map(factor, runs)])))
print(f"on a ring, first    {ring[1]:.4f}")
print(f"on a ring, last     {ring[-1] / ring[-2]:.4f}")

fig, ax = plt.subplots(figsize=(style.WIDTH, 3.8), layout="constrained")
cycles = range(CYCLES + 1)
logs = [[math.log(run[cycle]) for run in runs] for cycle in cycles]
low = [math.exp(fmean(log) - 1.96 * stdev(log)) for log in logs]
high = [math.exp(fmean(log) + 1.96 * stdev(log)) for log in logs]
middle = [math.exp(fmean(log)) for log in logs]
ax.plot(cycles, ring, "^-", color=style.PURPLE, ms=5, label="your class on a ring, a run")
ax.plot(cycles, [PUBLISHED**cycle for cycle in cycles], color=style.INK, lw=1, label="published")
ax.plot(
    cycles,
    middle,
    "o",
    color=style.BLUE,
    label=f"your class, {NODES} nodes, the mean of {RUNS} runs",
)
ax.fill_between(cycles, low, high, color=style.SKY, alpha=0.4, lw=0, label="95 % of these runs")
ax.set(yscale="log", xlabel="cycles", ylabel="variance, as part of that at first")
style.curves(ax)
ax.legend(frameon=False, loc="lower left")
plt.show()

# %% [markdown]
# The dots are on the line, or nearly: your class leaves a little less than was published, and the interval
# says that this is no chance. Which detail is it? `rounds.averaging` does the same with arrays, so you can
# have as many nodes as you like. It also knows other ways to choose the pairs. Two of them are in the
# same paper; the last nobody has in mind, but many simulators do it: the nodes take turns *in the same order*
# in every cycle.

# %%
NEW_ORDER = "everybody offers once, in a new order"
CASES = (  # how pairs are chosen, its name for `rounds`, what is published, nodes, and runs
    (NEW_ORDER, "shuffled", PUBLISHED, 50, 200),
    (NEW_ORDER, "shuffled", PUBLISHED, NODES, 200),
    (NEW_ORDER, "shuffled", PUBLISHED, 10_000, RUNS),
    ("two at random, again and again", "pairs", 1 / math.e, 10_000, RUNS),
    ("everybody is in exactly two pairs", "matching", 1 / 4, 10_000, RUNS),
    ("everybody offers once, in the same order", "fixed", None, 10_000, RUNS),
)
print(f"{'':41}  nodes   published   measured")
for what, order, theory, nodes, times in CASES:
    factors = [
        factor(rounds.averaging(nodes, cycles=CYCLES, order=order, seed=seed))
        for seed in range(times)
    ]
    known = f"{theory:.4f}" if theory else "-"
    print("{:41} {:6,} {:>11}   {:.4f} ± {:.4f}".format(what, nodes, known, *interval(factors)))

# %% [markdown]
# The first three lines differ in nothing but the number of nodes. The theory is about very many, and ten
# thousand meet it. With few nodes a cycle leaves less, in arrays as in your class, mostly because nobody
# draws *itself*: that would be an exchange for nothing, and among few it would happen often.
#
# The last line is a little faster than the one for a new order, and it is *wrong*, as an answer to the
# same question: whoever is late in one cycle is late in the next, and that is not chance. If your numbers
# are a few per cent off, look for such a thing.
#
# ## How many are we?
#
# Here is the trick that is worth the lesson. Let one node begin with 1, and all others with 0. The mean
# is $1/n$. So every node learns **how many there are**, and nobody has counted. (Who has heard nothing
# of the 1 yet finds infinitely many.) And if both keep the larger number instead of the mean, all learn
# the **maximum**.


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
# step, and the other has not. Half of the nodes begin with 0 and half with 2, so they should agree on 1.

# %%
LOSSES = (0.0, 0.02, 0.1)  # share of the messages
LOSSY = 25  # cycles


def with_loss(loss, seed):
    with SimNetwork(Averaging, 40, link=Link(loss=loss), seed=seed, record="counts") as net:
        begin(net, [0.0] * 20 + [2.0] * 20)
        net.run(LOSSY * Averaging.cycle)
        estimates = [node.estimate for node in net]
    return {"mean": fmean(estimates), "differ by": max(estimates) - min(estimates)}


lossy = sweep(with_loss, {"loss": LOSSES}, seeds=RUNS)
print("loss    in a run, estimates differ by less than    they agree on, in the runs")
fig, ax = plt.subplots(figsize=(style.WIDTH, 2), layout="constrained")
ax.axvline(1, color=style.VERMILION, ls="--", label="the mean at first")
for place, (loss, some) in enumerate(lossy.groupby("loss")):
    print(f"{loss:4.0%} {some['differ by'].max():42.6f}", end="")
    print(f" {some['mean'].min():19.3f} to {some['mean'].max():.3f}")
    ax.plot(some["mean"], [place] * RUNS, "o", color=style.BLUE, alpha=0.5)
ax.set(xlabel="what all nodes agree on, one dot a run", ylabel="messages lost")
ax.set_yticks(range(len(LOSSES)), [f"{loss:.0%}" for loss in LOSSES])
ax.set_ylim(-0.6, len(LOSSES) - 0.4)
style.curves(ax)
ax.legend(frameon=False)
plt.show()

# %% [markdown]
# In every single run the nodes agree with each other, to some digits; and with losses, on something that is
# not the mean. No node can notice that anything is wrong. **You** can, as you know what the sum was; a check
# of the sum is the first thing to write for such a protocol. A node that crashes takes its share away, too.
# That is why the authors let everybody begin again now and then, in *epochs*: an error lives no longer than
# one.
#
# ## Somebody to talk to
#
# All that speed has one condition: a partner drawn from *everybody*. Look once more at the ring, in the
# figure of *How fast?*: neighbours agree soon, and far ends do not hear of each other. But how shall a node
# know everybody, if there are many, and they come and go? It need not. **A few are enough, if they are others
# after a while.**
#
# So each node holds a **view**: the contacts of a few nodes. Once a cycle it takes one of them out, at
# random, and trades with it: *here are some of mine, and me; give me some of yours.* What is new goes to
# empty places, and then to the places of what was given away. So in a full view nobody is copied, only
# passed on, and nobody becomes famous.
#
# To have somebody in view is not to be connected. But a node can speak to any contact: then a connection is
# made, and closed when it is not used.


# %%
class Swap(Message):
    """Take these, and give me some of yours."""

    contacts: tuple[Contact, ...]


class Swapped(Message):
    """These are some of mine."""

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
        """Return k contacts in view, chosen at random, or all if there are fewer."""
        return self.random.sample([*self.view.values()], min(k, len(self.view)))

    def shuffle(self):
        for partner in self.some(1):  # one, or nobody if the view is empty
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


PACE = 0.3  # seconds: a cycle of the real nodes
SHOWN = {"at first": 0, "after 3 cycles": 4 * PACE, "after 12 cycles": 13 * PACE}  # seconds

fig, axes = plt.subplots(1, 3, figsize=(style.WIDTH, 2.4), layout="constrained")
with LocalNetwork(Views.using(size=3, traded=2, cycle=PACE), build("ring", FEW), seed=3) as net:
    plot.live(net, color=lambda node: style.NODE)
    for ax, (title, moment) in zip(axes, SHOWN.items(), strict=True):
        net.run(max(0, moment - net.now))
        graph = overlay(net).to_undirected()
        plot.topology(graph, ax=ax, layout=nx.circular_layout, label=lambda name: "", size=45)
        ax.set_title(title, fontsize=style.SMALL)
plt.show()

# %% [markdown]
# Those were twenty real nodes: the ring dissolves. (The live view draws the *connections* that the nodes
# began with, which stay a ring; the trades fly across.)
#
# ## As if drawn from all
#
# Is that as good as a random sample? In 2005 Voulgaris, Gavidia and van Steen asked that of the protocol
# above, *basic shuffling*, and of a better one of their own, **Cyclon**, which is `p2pkit.protocols.sampling`
# here. They compared the graph of who has whom in view with a random one, in which everybody has drawn as
# many from all:
#
# - its **clustering**, which you know from notebook 2: it is high where one knows a neighbourhood only;
# - its **in-degrees**: in how many views each node is. Who is in many is asked often, so these should be
#   even.
#
# Begin with a lattice, a ring in which everybody knows five neighbours on either side, and look.

# %%
CROWD = 100  # nodes
SIZE = 10  # places in a view
FRESH = 8  # runs, with different dice
LATTICE = nx.watts_strogatz_graph(CROWD, SIZE, 0)  # half of them on either side
MOMENTS = range(0, 25, 3)  # cycles
PROTOCOLS = {
    "basic": Views.using(size=SIZE, traded=3),
    "Cyclon": sampling.Cyclon.using(size=SIZE, traded=3),
}
COLORS = {"basic": style.ORANGE, "Cyclon": style.BLUE, "at random": style.EDGE}


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


def mix(kind, seed):
    """Return the clustering at some moments, and the in-degrees in the end."""
    with SimNetwork(PROTOCOLS[kind], LATTICE, seed=seed, record="counts") as net:
        seen = []
        for cycle in MOMENTS:
            net.run(cycle + 1 - net.now)
            graph = overlay(net)
            seen.append(clustering(graph))
    return {"clustering": seen, "degrees": in_degrees(graph)}


mixed = dict(list(sweep(mix, {"kind": PROTOCOLS}, seeds=FRESH).groupby("kind")))
graphs = [at_random(seed) for seed in range(RUNS)]
coefficients = [clustering(graph) for graph in graphs]
found = {  # the clustering of each run, and its in-degrees
    name: ([seen[-1] for seen in some.clustering], [*some.degrees]) for name, some in mixed.items()
}
found["at random"] = coefficients, [*map(in_degrees, graphs)]

print("            clustering    in-degree: mean   deviation: mean, and from run to run")
for name, (last, degrees) in found.items():
    spreads = [pstdev(run) for run in degrees]
    print(f"{name:10} {fmean(last):11.3f} {fmean(map(fmean, degrees)):18.1f}", end="")
    print(f" {fmean(spreads):11.2f}     {min(spreads):.2f} to {max(spreads):.2f}")

fig, (left, right) = plt.subplots(1, 2, figsize=(style.WIDTH + 1, 3.6), layout="constrained")
middle, spread = fmean(coefficients), 1.96 * stdev(coefficients)
left.axhspan(middle - spread, middle + spread, color=style.EDGE, alpha=0.3, lw=0)
left.axhline(middle, color=style.EDGE, label="at random")
for name, some in mixed.items():
    each = list(zip(*some.clustering, strict=True))  # of a moment, in all runs
    left.fill_between(
        MOMENTS, [*map(min, each)], [*map(max, each)], color=COLORS[name], alpha=0.3, lw=0
    )
    left.plot(MOMENTS, [*map(fmean, each)], color=COLORS[name], lw=2, label=name)
bins = [edge - 0.5 for edge in range(2 * SIZE + 2)]
for name, (_, degrees) in found.items():
    everybody = [degree for run in degrees for degree in run]
    share = [100 / len(everybody)] * len(everybody)  # in percent
    look = {"alpha": 0.3} if name == "at random" else {"histtype": "step", "lw": 2}
    right.hist(everybody, bins, weights=share, color=COLORS[name], **look)
left.set(xlabel="cycles", ylabel="clustering", ylim=0)
right.set(xlabel="in-degree: views that a node is in", ylabel="nodes (%)")
for ax in (left, right):
    style.curves(ax)
left.legend(frameon=False)
plt.show()

# %% [markdown]
# On the left, both forget within some cycles that they were a lattice, and then cannot be told from a
# random graph. (A shade reaches from the lowest run to the highest.) On the right, basic shuffling is a
# little more even than chance, and Cyclon much more.
#
# Now put the two halves together. `Sampled` is both: views from Cyclon, and `Averaging`, which draws its
# partner from the view. What Cyclon has in view are entries: a contact, and something else that is known of
# it. It begins as a ring, where `Averaging` alone got nowhere.


# %%
class Sampled(sampling.Cyclon, Averaging):
    """Find the mean, and somebody to talk to."""

    def partner(self):
        return next((entry.contact for entry in self.some(1)), None)


sampled = variances(1, protocol=Sampled, graph=build("ring", NODES), cycles=2 * CYCLES)
print("a cycle leaves, of the variance:")
print(f"all know all, published           {PUBLISHED:.2f}")
print(f"on a ring, the last 5 cycles      {factor(ring[-6:]):.2f}")
print(f"with a sample, the last 5 cycles  {factor(sampled[-6:]):.2f}")

fig, ax = plt.subplots(figsize=(style.WIDTH, 3.2), layout="constrained")
ax.plot(ring, "^-", color=style.PURPLE, ms=5, label="on a ring")
ax.plot(sampled, "s-", color=style.GREEN, ms=5, label="from a ring, with a sample")
law = [sampled[-1] * PUBLISHED ** (cycle - len(sampled) + 1) for cycle in range(len(sampled))]
ax.plot(
    range(CYCLES, len(law)),
    law[CYCLES:],
    color=style.INK,
    lw=1,
    label="published, as steep as this",
)
ax.set(yscale="log", xlabel="cycles", ylabel="variance, as part of that at first")
style.curves(ax)
ax.legend(frameon=False)
plt.show()

# %% [markdown]
# ## Half of them vanish
#
# As soon as the views are mixed, the variance falls as if all knew all. Now break this, too: half of all
# nodes crash, at the same moment. Are the others still connected, by what they have in view? And how long
# do they remember the dead?

# %%
AFTER = range(0, 37, 4)  # cycles after the crash


def vanish(kind, seed):
    """Return the dead in a view after the crash, in the mean, and in how many pieces the others are."""
    with SimNetwork(PROTOCOLS[kind], LATTICE, seed=seed, record="counts") as net:
        net.run(21.0)  # seconds
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


gone = sweep(vanish, {"kind": PROTOCOLS}, seeds=3)

print("           dead in a view, at the end    pieces, at most")
fig, ax = plt.subplots(figsize=(style.WIDTH, 3.2), layout="constrained")
for name, some in gone.groupby("kind"):
    each = list(zip(*some.dead, strict=True))
    ax.fill_between(
        AFTER, [*map(min, each)], [*map(max, each)], color=COLORS[name], alpha=0.3, lw=0
    )
    ax.plot(AFTER, [*map(fmean, each)], "o-", color=COLORS[name], label=name)
    print(f"{name:10} {fmean(each[-1]):26.2f} {some.pieces.max():18}")
ax.set(xlabel="cycles after half of the nodes have crashed", ylabel="dead nodes in a view")
style.curves(ax)
ax.legend(frameon=False)
plt.show()

# %% [markdown]
# Neither falls apart. But basic shuffling forgets the dead one by one, as chance has it, and the last
# ones hardly ever; Cyclon has forgotten all of them after some time. What does it do differently?
#
# ## Exercise: shuffle with memory
#
# Write `Shuffle`. It is like `Views`, so you may begin with a copy of that, but
#
# - its **views** are right at every moment: at most `size` others, never oneself, and only nodes that there
#   are; soon they are full;
# - it sends no more than **two messages** a node and cycle, an offer and its answer, of no more than
#   `traded` contacts each;
# - a **newcomer** that knows one node is soon in view of others;
# - when **half vanish**, the rest stays connected, and 3 · `size` cycles later **nobody has a dead one in
#   view**.
#
# A dead node says nothing new of itself, and the living do, again and again. So how can you tell from what
# is in view who may be dead? Whatever it is that you have to know for that, it has to travel with the
# contact when that is traded, in a message of your own. `self.view` is a dict, by id, and what its values
# are is up to you. Fill in the cell, then run it and the one below, whose code you may skip.


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
PORT = b":8000"  # every address ends so in a simulation
MANY = 30  # messages a node and cycle: something never stops
TOO_SLOW = 60.0  # seconds for one task: they take some seconds


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
        if others := [name for name in view if not isinstance(name, str)]:
            return f"{node.id} has a key in self.view that is no id: {others[0]!r:.40}"
        if strangers := [name for name in view if name not in net.names]:
            return f"{node.id} has {strangers[0]!r:.40} in view, and there is no such node"
    return ""


def network(protocol, nodes, seed, world=SimNetwork, record="counts", **parameters):
    some = protocol.using(size=PLACES, traded=TRADED, **parameters)
    return world(some, build("ring", nodes), seed=seed, record=record)


def right_views(protocol, nodes, cycles, seed, world=SimNetwork, cycle=1.0):
    """Look at the views again and again, and say whether they are wrong, or do not become full."""
    with network(protocol, nodes, seed, world, cycle=cycle) as net:
        for _ in range(4 * cycles):
            if problem := wrong_views(net):
                return f"after {net.now / cycle:.1f} cycles, {problem}"
            messages = net.trace.count(kind="send") / nodes
            if messages > MANY * (1 + net.now / cycle):
                return f"after {net.now / cycle:.1f} cycles, {messages:.0f} messages a node: far too many"
            net.run(cycle / 4)
        mean, wanted = fmean(len(node.view) for node in net), min(0.75 * PLACES, 0.3 * nodes)
        if mean < wanted:
            return f"after {cycles} cycles, only {mean:.1f} are in view in the mean"
        if nodes > PLACES and not nx.is_weakly_connected(overlay(net)):
            return f"after {cycles} cycles, the views are in pieces"
    return ""


def few_messages(protocol, seed):
    """Count messages, and the contacts in them."""
    nodes, cycles = 60, 20
    with network(protocol, nodes, seed, record="all") as net:
        net.run(cycles + 1.0)
        sent = [event.data for event in net.trace.where(kind="send")]
    messages = len(sent) / nodes / cycles
    if messages > 2.2:
        return f"{messages:.1f} messages a node and cycle, and 2 are enough"
    if messages < 1.5:
        return f"{messages:.1f} messages a node and cycle: is every offer answered?"
    most = max((data.count(PORT) for data in sent), default=0)
    if most > TRADED:
        return f"{most} contacts in a message, and traded is {TRADED}"
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
         "take each new peer into view in on_connect; and where there are empty places, keep what you have "
         "given away, so that a view does not run empty."),
        ("a ring", right_views, [(60, 15, 22)],
         "what is in view already, and oneself, are not news; places come free by what was given away."),
        ("few messages", few_messages, [(23,)],
         "one offer a cycle, to one node, and one answer; yourself is one of the contacts in the offer."),
        ("well mixed", well_mixed, [(24,)],
         "give what is drawn at random, and yourself; and who has given something does not keep it."),
        ("a newcomer", newcomer, [(25,)],
         "among what you offer must be yourself: how else would anybody hear of you? And if all trade with "
         "the newest in view, the others are left where they are."),
        ("half vanish", half_vanishes, [(26,)],
         "count how many cycles each entry has seen, wherever it was: the dead are the oldest. And the "
         "dead do not answer: then `ask` hands you None."),
        ("the same again", alike, [(28,)],
         "all dice are self.random, and what is sent must not follow the order of a set."),
        ("real sockets", right_views, [(20, 20, 29, LocalNetwork, 0.15)],
         "what is different there is time: between your offer and the answer, others trade with you."),
    ]  # fmt: skip
    for number, (title, task, trials, hint) in enumerate(steps):
        for trial in trials:
            try:
                problem = in_time(task, protocol, *trial)
            except Exception as error:
                notes = "".join(f" ({note})" for note in getattr(error, "__notes__", ()))
                problem = (
                    f"it raised {type(error).__name__}: {error}{where(error, protocol)}{notes}"
                )
            if problem:
                print(f"next  {title}\n        {problem}\n        Hint: {hint}")
                print(f"{number} of {len(steps)} steps done")
                return
        print("ok   ", title)
    print(f"all {len(steps)} steps done, and your methods have {lines(protocol)} lines.")
    print(f"The kit's own, in p2pkit/protocols/sampling.py, have {lines(sampling.Cyclon)}.")


def in_time(task, protocol, *trial):
    """Run a task, and interrupt it if it takes too long: a loop may have no end."""
    done, late = threading.Event(), threading.Event()

    def watch():
        for seconds in (TOO_SLOW, 1.0):  # the kit holds a first interrupt back, not a second
            if done.wait(seconds):
                return
            late.set()
            _thread.interrupt_main()

    threading.Thread(target=watch, daemon=True).start()
    try:
        return task(protocol, *trial)
    except KeyboardInterrupt as error:
        if not late.is_set():
            raise  # it was you
        return f"it did not end within {TOO_SLOW:.0f} s{where(error, protocol)}"
    finally:
        done.set()


def methods(protocol):
    return [it for it in vars(protocol).values() if inspect.isfunction(it)]


def where(error, protocol):
    """Return the line of a class in which an exception began."""
    files = {method.__code__.co_filename for method in methods(protocol)}
    own = [place for place in traceback.extract_tb(error.__traceback__) if place.filename in files]
    return f", in {own[-1].name}: {own[-1].line}" if own else ""


def lines(protocol):
    return sum(len(inspect.getsource(method).splitlines()) for method in methods(protocol))


check(Shuffle)

# %% [markdown]
# ## What you know now
#
# - If every exchange keeps the sum, all find the mean, without a centre, and with it how many they are. In
#   a large network a cycle leaves the same part of the disagreement, however large it is.
# - An invariant is the thing to watch: when messages cross or are lost it is the first to break, and no
#   node can see it.
# - A published number belongs to its details: how many nodes there are, and in which order they act, was
#   worth some per cent.
# - Nobody has to know everybody. A few contacts, traded on and on, are as good as a sample from all, if
#   the dead are forgotten.
#
# Here a dead node was found out when somebody happened to ask it. To know **soon** who is dead, and **for
# sure**, takes a protocol of its own: the next notebook.
