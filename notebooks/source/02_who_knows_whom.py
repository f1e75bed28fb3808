# %% [markdown]
# # 2. Who knows whom
#
# In the first notebook two nodes knew each other because you introduced them. Now there are fifty, and
# you are not there. **Each newcomer knows one address. How does that become a network, and when is it a
# good one?**
#
# The one address belongs to a node that was there first: the **seed**. Bitcoin's programs carry the
# names of a few seeds inside, BitTorrent's a few routers; all the rest nodes have to find out by
# themselves. What they arrive at is a graph, the **overlay**: its nodes are programs, and its **links**
# are connections.

# %%
import inspect
import json
import math
import random
import time
import traceback
from statistics import mean, stdev

import matplotlib.pyplot as plt
import networkx as nx

from p2pkit import Contact, LocalNetwork, Message, Protocol, SimNetwork, on, plot, stats
from p2pkit.errors import NodeDown
from p2pkit.layout import positions
from p2pkit.plot import style
from p2pkit.protocols import bootstrap
from p2pkit.sweep import sweep

PATIENCE = 5.0  # seconds that we wait for anything, at the most
FEW = 12  # nodes in the first networks
SEED = 2  # of all dice (this word has two meanings: here it is where the chance begins)
T_QUANTILE = 2.09  # of Student's distribution, for 20 runs: 95 % of the intervals hold the truth

# %% [markdown]
# ## Everybody knows the seed
#
# The smallest program that answers the question is empty: whoever joins is connected to the seed, and
# that is all. `net.join(…, to="n0")` starts a real node on real sockets, which is given one address.


# %%
class Guest(Protocol):
    """Know the seed, and nobody else."""


def draw(graph, ax, title, places):
    """Draw an overlay, with the seed in a colour of its own."""
    plot.topology(
        graph,
        ax=ax,
        color=lambda name: style.PURPLE if name == "n0" else style.NODE,
        size=45,  # square points
        label=lambda name: "",
        layout=places,
    )
    ax.set_title(title, fontsize=style.SMALL)
    xs, ys = zip(*places.values(), strict=True)
    room = 0.06 * (max(xs) - min(xs))  # the same frame, however many of the nodes are there yet
    ax.set(xlim=(min(xs) - room, max(xs) + room), ylim=(min(ys) - room, max(ys) + room))


with LocalNetwork(Guest, nx.empty_graph(1)) as net:
    for number in range(1, FEW):
        net.join(number, to="n0")
    before = net.overlay()
    net.crash("n0")
    after = net.overlay()

fig, axes = plt.subplots(1, 2, figsize=(style.WIDTH, 2.4), layout="constrained")
draw(before, axes[0], f"{len(before)} nodes, the seed in purple", positions(before))
draw(after, axes[1], "the seed has crashed", positions(before))
plt.show()

# %% [markdown]
# One piece before, and as many pieces as nodes after: that is a star, and its middle is a *server*.
#
# ## Introductions
#
# So the seed has to introduce its guests to each other. A **contact** is how a node speaks of another:
# its id and its address. Two messages are enough: *whom do you know?*, and the answer. The one who asks
# is the newcomer, and you can tell it by this: the peer that it has just got is its first.


# %%
class Whom(Message):
    """Whom do you know?"""


class Known(Message):
    """Some nodes that the speaker is connected to."""

    contacts: tuple[Contact, ...]


class Curious(Protocol):
    """Ask the first peer whom it knows, and answer whoever asks."""

    wanted = 2  # contacts in an answer, at the most

    def on_connect(self, peer):
        if len(self.peers) == 1:
            self.send(peer, Whom())

    @on(Whom)
    def introduce(self, question, sender):
        others = [id for id in self.sample(self.wanted + 1) if id != sender]
        contacts = [Contact(id, self.peers[id]) for id in others[: self.wanted]]
        self.send(sender, Known(tuple(contacts)))

    @on(Known)
    def learn(self, known, sender):
        """Do nothing with it yet."""


with LocalNetwork(Curious, nx.empty_graph(1), seed=SEED) as net:
    for number in range(1, 6):
        net.join(number, to="n0")
    net.run(until=lambda: net.trace.count(kind="receive", message=Known) == 6, within=PATIENCE)
for event in net.trace.where(kind="receive", message=Known):
    names = [contact["id"] for contact in json.loads(event.data)[1]["contacts"]]
    print(f"{event.peer} tells {event.node} of:", *(names or ["nobody"]))

# %% [markdown]
# The first guest and the seed are each other's first peer, so both ask, and neither knows anybody else.
# All later ones get names, with addresses. Now **dial them**. The rest of the class stays.


# %%
class Introduced(Curious):
    """Ask the first peer for a few others, and dial them."""

    @on(Known)
    def learn(self, known, sender):
        for contact in known.contacts:
            self.connect(contact)


def arrive(net, number):
    """Let a newcomer join, who knows the seed only, and wait until it has found its peers."""
    net.join(number, to="n0")
    enough = min(number, 1 + net.protocol.wanted)
    assert net.run(until=lambda: len(net[number].peers) >= enough, within=PATIENCE)


with LocalNetwork(Introduced.using(wanted=1_000_000), nx.empty_graph(1)) as net:
    for number in range(1, FEW):
        arrive(net, number)
    everybody = net.overlay()

fig, ax = plt.subplots(figsize=(2.4, 2.4), layout="constrained")
title = f"{len(everybody)} nodes, {everybody.number_of_edges()} links"
draw(everybody, ax, title, positions(everybody))
plt.show()

# %% [markdown]
# Whoever dials *everybody* ends here: all know all, $n(n-1)/2$ links, and for a thousand nodes half a
# million. Nothing can split this network, and no machine can carry it. Between the star and this picture
# lies everything that is useful.
#
# Now with `wanted = 2`, and fifty nodes. `plot.live` shows how they come and find each other, while it
# happens; press play to see it again.

# %%
moments = {}  # how many nodes there were, and when
with LocalNetwork(Introduced, nx.empty_graph(1), seed=SEED) as net:
    plot.live(net, color=lambda node: style.PURPLE if node.id == "n0" else style.NODE)
    for number in range(1, 50):
        arrive(net, number)
        moments[number + 1] = net.now
    grown = net.overlay()

# %% [markdown]
# The trace has noted when each connection came up, so `stats.overlay_at` can say afterwards what the
# overlay was like at any moment.

# %%
places = positions(grown)
fig, axes = plt.subplots(2, 2, figsize=(style.WIDTH, 4.6), layout="constrained")
for ax, size in zip(axes.flat, (4, 12, 25, 50), strict=True):
    then = stats.overlay_at(net.trace, moments[size])
    draw(then, ax, f"{size} nodes, {then.number_of_edges()} links", places)
plt.show()

# %% [markdown]
# The seed is still the one that everybody knows. But is it needed? Four numbers tell an overlay's
# fortune:
#
# - **Degree**: how many links a node has. Each link costs memory and messages.
# - **Pieces**: if there is more than one, some will never hear of others.
# - **Hops**: how many links a message has to pass from one node to another, on the shortest way (`nan`
#   if there is no way at all).
# - **Clustering**: how many of a node's peers know each other; 1 is all, 0 none.


# %%
def describe(title, graph, **options):
    seen = stats.overlay(graph, **options)
    print(
        f"{title:26} {seen.links:6,} {seen.min_degree:4} to {seen.max_degree:4} "
        f"{seen.components:7} {seen.path_length:6.2f} {seen.clustering:11.2f}"
    )


def without_seed(graph):
    return graph.subgraph(name for name in graph if name != "n0")


HEADINGS = f"{'':26}  links      degree  pieces   hops  clustering"
print(HEADINGS)
for title, graph in (("star", before), ("everybody", everybody), ("introduced", grown)):
    describe(title, graph)
    describe("… without its seed", without_seed(graph))

# %% [markdown]
# Look at the last two lines. The introduced hold together without their seed, though it takes a message
# more hops. And there are far fewer triangles: most of them had the seed as a corner.
#
# ## A thousand of them
#
# A thousand real nodes would fit on this machine, but you would wait for them. In simulation the clock
# jumps from one event to the next. The class stays as it is, and here one word changes.

# %%
with SimNetwork(Introduced, nx.empty_graph(1), seed=SEED) as net:
    for number in range(1, 1000):
        arrive(net, number)
    thousand = net.overlay()
print(f"{net.trace.count():,} events in {net.now:.1f} seconds on the nodes' clocks\n")
print(HEADINGS)
describe("introduced, simulated", thousand, sample=100)
describe("… without its seed", without_seed(thousand), sample=100)

# %% [markdown]
# Run it again: every number is the same, because chance begins at `SEED`. (So that it takes no longer
# than it must, the hops are measured from a sample of 100 nodes.)
#
# The seed's degree is as large as the network; that is what you will get rid of in the exercise. The
# others are well off with few links. **How few would do?**
#
# ## How many links are enough?
#
# In 1959 Paul Erdős and Alfréd Rényi asked what becomes of $n$ nodes if links are drawn between random
# pairs, one after the other. With many nodes, and $d$ links a node on average, they found:
#
# - the largest piece holds a share $S$ of all nodes, where $S = 1 - e^{-dS}$: nothing up to $d = 1$, and
#   then suddenly much;
# - all are in one piece with probability $e^{-e^{-c}}$, where $c = d - \ln n$.
#
# Draw, and note after each link how large the largest piece is. `sweep` calls a function once for each
# `seed`, on all cores, and returns a table with what it has returned.

# %%
NODES = 1000
DRAWINGS = 200  # how often the whole experiment is repeated


def link_up(seed):
    """Draw links until all nodes are in one piece; return the largest piece after each link."""
    dice = random.Random(seed)
    piece = [{node} for node in range(NODES)]  # the piece that a node is in
    drawn, largest = set(), [1]
    while largest[-1] < NODES:
        one, other = divmod(dice.randrange(NODES**2), NODES)
        if one >= other or (one, other) in drawn:
            continue  # each pair counts once
        drawn.add((one, other))
        small, large = sorted((piece[one], piece[other]), key=len)
        if small is not large:
            large |= small
            for node in small:
                piece[node] = large
        largest.append(max(largest[-1], len(large)))
    return largest


def dial(wanted, seed):
    """Let every node dial some others, chosen at random; return whether all are in one piece."""
    dice = random.Random(seed)
    graph = nx.empty_graph(NODES)
    for node in graph:
        others = [other for other in dice.sample(range(NODES), wanted + 1) if other != node]
        graph.add_edges_from((node, other) for other in others[:wanted])
    return nx.is_connected(graph)


histories = list(sweep(link_up, {}, seeds=DRAWINGS).result)
dialled = sweep(dial, {"wanted": (1, 2, 3)}, seeds=DRAWINGS // 4)


# %%
def largest_share(degree):
    """Solve S = 1 - exp(-d S), by inserting what comes out until it stays."""
    share = 1.0
    for _ in range(10_000):
        share = 1 - math.exp(-degree * share)
    return share


def connected(degree):
    """Return the probability that all are in one piece, exp(-exp(-c))."""
    return math.exp(-math.exp(math.log(NODES) - degree))


def links(degree):
    return round(degree * NODES / 2)


print("  d   share in the largest piece    theory")
shares = {}  # by d: the mean, and half of its interval
for d in (0.5, 1.0, 1.5, 2.0, 3.0, 4.0):
    sizes = [history[min(links(d), len(history) - 1)] / NODES for history in histories]
    shares[d] = mean(sizes), 1.96 * stdev(sizes) / math.sqrt(DRAWINGS)
    print(f"{d:4} {shares[d][0]:18.3f} ± {shares[d][1]:.3f} {largest_share(d):13.3f}")

print(f"\n  d     c   all in one piece, of {DRAWINGS}    theory")
whole = {}  # by d: how often all were in one piece
for c in (-1, 0, 1, 2, 3):
    d = math.log(NODES) + c
    whole[d] = sum(len(history) - 1 <= links(d) for history in histories)
    print(f"{d:4.1f} {c:5} {whole[d]:18} {DRAWINGS * connected(d):17.0f}")


# %%
def plot_odds(ax, hits, tries, look, color, label):
    """Plot how often something was the case, with Wilson's interval, which holds for few, too."""
    z = 1.96  # of the normal distribution: 95 %
    for degree, hit in hits.items():
        middle = (hit + z**2 / 2) / (tries + z**2)
        spread = z * math.sqrt(hit * (tries - hit) / tries + z**2 / 4) / (tries + z**2)
        ax.errorbar(degree, middle, spread, color=color, capsize=3)
    odds = [hit / tries for hit in hits.values()]
    ax.plot(list(hits), odds, look, color=color, label=label)


fig, ax = plt.subplots(figsize=(style.WIDTH, 4), layout="constrained")
degrees = [step / 50 for step in range(1, 551)]
largest = [largest_share(degree) for degree in degrees]
ax.plot(degrees, largest, color=style.EDGE, label="theory, 1959")
ax.plot(degrees, [connected(degree) for degree in degrees], color=style.EDGE)
means, errors = zip(*shares.values(), strict=True)
label = "share in the largest piece"
ax.errorbar(list(shares), means, errors, fmt="o", color=style.BLUE, capsize=3, label=label)
plot_odds(ax, whole, DRAWINGS, "^", style.ORANGE, "all in one piece")
hits = dialled.groupby("wanted").result.sum()
hits = {2 * wanted: hits[wanted] for wanted in hits.index}  # a link counts at both its ends
plot_odds(ax, hits, DRAWINGS // 4, "s", style.GREEN, "all in one piece, if every node dials")
ax.set(xlabel="d: links of a node, on average", ylabel="share of the nodes, or of the drawings")
style.curves(ax)
fig.legend(loc="outside upper center", ncols=2, frameon=False)
plt.show()

# %% [markdown]
# Blue is for the crowd, orange for the last one: with four links on average nearly everybody is in the
# largest piece, but to get in the very last needs more than twice as many. Chance forgets somebody. (At
# $d = 1$, where it all begins, a thousand are not yet the *many* of the theory.)
#
# Green forgets nobody. If every node *itself* dials two others, that makes four links on average, too,
# and all are in one piece. So a rule follows for your overlay: **do not wait to be called.**
#
# ## How far is it?
#
# Links cost, hops cost time. In 1998 Duncan Watts and Steven Strogatz took a ring in which everybody
# knows the nearest neighbours, as people in villages do, and then put one end of each link somewhere
# else, with probability $p$.

# %%
fig, axes = plt.subplots(1, 3, figsize=(style.WIDTH, 2.2), layout="constrained")
names = ("all near", "a few far", "all anywhere")
for ax, name, p in zip(axes, names, (0, 0.2, 1), strict=True):
    graph = nx.watts_strogatz_graph(16, 4, p, seed=SEED)
    plot.topology(graph, ax=ax, layout=nx.circular_layout, label=lambda name: "", size=45)
    ax.set_title(f"{name}: p = {p}", fontsize=style.SMALL)
plt.show()

# %% [markdown]
# On the left, many of your friends know each other, and it is a long way around the ring. On the right
# all ways are short, and hardly two of your friends know each other. In between, you might expect, one
# is traded for the other. Measure it as they did, with 1,000 nodes, 10 links each, and 20 graphs for
# each $p$. (Hops are again measured from a sample, of 20 nodes in each graph.)

# %%
GRAPHS = 20  # for each p
LATTICE = nx.watts_strogatz_graph(1000, 10, 0)

# Their figure 2 is a picture, without a table. These are its points as computed by a program
# that has nothing to do with this kit: p, clustering, and hops, compared with the ring's.
FIGURE_2 = (
    (0.0001, 0.9996, 0.8861), (0.0002, 0.9992, 0.8158), (0.0005, 0.9985, 0.6971),
    (0.001, 0.9971, 0.5452), (0.002, 0.9941, 0.3903), (0.005, 0.9854, 0.2434),
    (0.01, 0.9722, 0.1815), (0.02, 0.9437, 0.1369), (0.05, 0.8622, 0.104),
    (0.1, 0.7342, 0.0878), (0.2, 0.5226, 0.0766), (0.5, 0.1351, 0.067), (1.0, 0.0138, 0.0648),
)  # fmt: skip


def rewire(p, seed):
    seen = stats.overlay(nx.watts_strogatz_graph(1000, 10, p, seed=seed), sample=20, seed=seed)
    return {"clustering": seen.clustering, "hops": seen.path_length}


ring = stats.overlay(LATTICE)
print(f"the ring: clustering {ring.clustering:.3f}, {ring.path_length:.2f} hops")
measured = sweep(rewire, {"p": [p for p, _, _ in FIGURE_2]}, seeds=GRAPHS)

# %%
measured["clustering, C(p) / C(0)"] = measured.clustering / ring.clustering
measured["hops, L(p) / L(0)"] = measured.hops / ring.path_length
ps, clustering, hops = zip(*FIGURE_2, strict=True)
published = {"clustering, C(p) / C(0)": clustering, "hops, L(p) / L(0)": hops}

fig, ax = plt.subplots(figsize=(style.WIDTH, 3.8), layout="constrained")
looks = {"clustering, C(p) / C(0)": ("o", style.BLUE), "hops, L(p) / L(0)": ("^", style.ORANGE)}
ax.plot(ps, clustering, color=style.EDGE, label="figure 2 of 1998, recomputed")
ax.plot(ps, hops, color=style.EDGE)
for name, line in published.items():
    look, color = looks[name]
    runs = measured.groupby("p")[name]
    middle, error = runs.mean(), T_QUANTILE * runs.std() / math.sqrt(GRAPHS)
    ax.errorbar(ps, middle, error, fmt=look, color=color, capsize=3, label=name)
    inside = (abs(middle - list(line)) <= math.sqrt(2) * error).sum()  # both have errors
    print(f"{name}: {inside} of {len(ps)} points agree within the errors of both,", end=" ")
    print(f"and none is off by more than {abs(middle - list(line)).max():.3f}")
ax.set(xscale="log", xlabel="p: share of the links that lead anywhere")
ax.set(ylabel="compared with the ring", ylim=(0, 1.05))
style.curves(ax)
fig.legend(loc="outside upper center", ncols=3, frameon=False)
plt.show()

# %% [markdown]
# It is not traded. A few far links bring everybody close, long before the triangles are gone: where the
# orange points are low and the blue ones still high, there is a **small world**.
#
# And yours? Compare your thousand, without their seed, with a ring and with a random graph that have as
# many links.

# %%
yours = without_seed(thousand)
n, m = len(yours), yours.number_of_edges()
print(HEADINGS)
describe("a ring", nx.watts_strogatz_graph(n, 4, 0), sample=100)
describe("a small world", nx.watts_strogatz_graph(n, 4, 0.05, seed=SEED), sample=100)
describe("yours", yours, sample=100)
describe("a random graph", nx.gnm_random_graph(n, m, seed=SEED), sample=100)

# %% [markdown]
# Yours is on the far right: few hops, and hardly a triangle. That is what you get when strangers are
# introduced to strangers, by one who knows all. And in contrast to the random graph, it is in one piece.
#
# ## Break it
#
# First the seed dies, while others want to join. Then node after node crashes: at random, as machines do,
# or the best-connected first, as an attacker would choose. For a random graph theory knows the
# answer: a link is left if both its ends are, so $d$ shrinks as the number of nodes does, and
# $S = 1 - e^{-dS}$ tells the rest.

# %%
CROWD = 200  # nodes
STEP = 10  # nodes that crash between two looks
RUNS = 20  # of each kind of strike


def grow(seed):
    net = SimNetwork(Introduced, nx.empty_graph(1), seed=seed)
    for number in range(1, CROWD):
        arrive(net, number)
    return net


def strike(order, seed):
    """Crash the seed, then others; return which share of those left is in the largest piece."""
    dice, shares = random.Random(seed), {0.0: 1.0}
    with grow(seed) as net:
        net.crash("n0")
        for crashed in range(STEP, CROWD * 4 // 5 + 1, STEP):
            degree = dict(net.overlay().degree)
            ranking = sorted(degree, key=degree.get, reverse=True)
            if order == "at random":
                dice.shuffle(ranking)
            for name in ranking[: len(degree) - (CROWD - crashed)]:
                net.crash(name)
            left = net.overlay()
            shares[crashed / CROWD] = max(map(len, nx.connected_components(left))) / len(left)
    return shares


with grow(SEED) as net:
    net.crash("n0")
    degree = stats.overlay(net.overlay()).mean_degree
    try:
        arrive(net, CROWD)
    except NodeDown as error:
        print("a newcomer is told:", error)
runs = sweep(strike, {"order": ("at random", "best-connected first")}, seeds=RUNS)

# %%
fig, ax = plt.subplots(figsize=(style.WIDTH, 3.8), layout="constrained")
for order, look, color in (
    ("at random", "o", style.BLUE),
    ("best-connected first", "^", style.VERMILION),
):
    rest = runs[runs.order == order].drop(columns=["order", "seed"])
    middle, error = 100 * rest.mean(), 100 * T_QUANTILE * rest.std() / math.sqrt(RUNS)
    ax.errorbar(100 * middle.index, middle, error, fmt=look, color=color, capsize=3, label=order)
    half = middle.index[middle < 50][0]
    print(f"{order}: fewer than half are together once {half:.0%} have crashed")
gone = [step / 200 for step in range(161)]
together = [100 * largest_share(degree * (1 - share)) for share in gone]
label = "theory, at random"
ax.plot([100 * share for share in gone], together, color=style.EDGE, zorder=1, label=label)
style.curves(ax)
ax.set(xlabel="crashed (% of the nodes)", ylabel="in the largest piece (% of the rest)")
ax.set(ylim=(0, 103))
fig.legend(loc="outside upper center", ncols=3, frameon=False)
plt.show()

# %% [markdown]
# At first the blue points are above theory, because everybody has dialled, and nobody is left to chance; in
# the end the few that are left are not *many*. In between, the two agree.
#
# So there are two weaknesses. Nobody can join any more, as the only address that newcomers know is dead.
# And nobody does anything when a peer is gone: no `on_disconnect`, no new links. What holds the rest
# together is luck, and an attacker knows where to look: those that came first have been introduced most
# often.
#
# ## Exercise: no seed that everything hangs on
#
# Write a `Bootstrap` that makes fifty nodes, who know one seed, into one piece, **with no node above 8
# links, the seed included**; and again after a fifth of them has left. You begin with the class above,
# and may override what you like, or begin afresh. You will want some of these:
#
# - `self.peers`: who is connected now. `self.connect(contact)` dials, and nothing happens if that node
#   is a peer already. `self.disconnect(peer)` hangs up, after what you sent before has been delivered.
# - `on_connect(peer)` and `on_disconnect(peer)`: a link has come up, or is gone.
#   `on_unreachable(address)`: nobody has answered there.
# - `on_start()`: the place for attributes, such as a notebook with all contacts ever heard of, and for
#   `self.every(0.2, self.look_around, jitter=0.2)`: call a method of yours every 0.2 seconds, or a bit
#   later, so that not all do it at once.
# - `self.random`: the node's own dice; `self.random.sample(…)`, `self.sample(…)`.
#
# A call cannot be refused: whoever is dialled has a link, and may hang up. Fill in the cell, and run it
# and the one below, which lets your class live through more and more trouble. What it says is for you;
# its code you may skip. When things go wrong, run your class by hand with ten nodes, draw the overlay,
# and look at a node's state: `net["n3"].peers`.


# %% tags=["exercise"]
class Bootstrap(Introduced):
    """Find peers, beginning with one; have `most` at most; replace those that go."""

    most = 8

    # Your code goes here.


# %% tags=["check"]
MOST = 8  # links of a node
REST = 5.0  # seconds until all should have found their place
TOO_SLOW = 30.0  # seconds that a step may take here, on this machine


def trouble(overlay, most):
    """Say what is wrong with an overlay, and give a hint; or return None."""
    degree = dict(overlay.degree)
    busiest = max(degree, key=degree.get)
    pieces = sorted(map(len, nx.connected_components(overlay)), reverse=True)
    alone = [name for name in degree if degree[name] == 0]
    if overlay.number_of_edges() == degree[busiest] == len(overlay) - 1 > MOST:
        problem = f"all are connected with {busiest}, and with nobody else: that is a star"
        hint = "a newcomer has to hear of others, and to dial them: self.connect(contact)"
    elif len(pieces) > 1 and alone:
        problem = f"{len(alone)} of {len(overlay)} nodes have no link at all, such as {alone[0]}"
        hint = "whom can a node dial whose last peer is gone? It must know more than its peers"
    elif len(pieces) > 1:
        problem = f"there are {len(pieces)} pieces, of {', '.join(map(str, pieces))} nodes"
        hint = "who has few links loses them all at once; and do not only dial friends of friends"
    elif degree[busiest] > most:
        problem = f"{busiest} has {degree[busiest]} links, and {most} are allowed"
        hint = "a caller for whom there is no room needs to hear of others before you hang up"
    else:
        return None
    return problem, hint


def life(protocol, nodes, *, most=MOST, pause=0.1, leavings=(), seed=1, world=SimNetwork):
    """Let nodes join, and some leave again; return what is wrong when all have come to rest."""
    deadline, dice = time.perf_counter() + TOO_SLOW, random.Random(seed)

    def wait(seconds, until=lambda: False):
        end = net.now + seconds
        while net.now < end and not until():
            net.run(min(0.05, end - net.now))  # seconds between two looks
            if time.perf_counter() > deadline:
                raise TimeoutError(f"{TOO_SLOW} s here were {net.now:.1f} s on the nodes' clocks")

    with world(protocol, nx.empty_graph(1), seed=seed, record="counts") as net:
        for number in range(1, nodes):
            net.join(number, to="n0")
            wait(pause)
        for leaving in ("nobody", *leavings):
            up = sorted(net.overlay())
            gone = [] if leaving == "nobody" else dice.sample(up, len(up) // 5)
            if leaving == "the seed too" and "n0" not in gone:
                gone[0] = "n0"
            for name in gone:
                net.leave(name)
            wait(REST, until=lambda: not trouble(net.overlay(), most))
            wait(1.0)  # does it stay like that?
            if found := trouble(net.overlay(), most):
                return found
    return None


def check(protocol):
    """Let a class of nodes live harder and harder lives; at the first trouble, give a hint."""
    fifth = "a fifth"
    steps = [
        ("two nodes", [{"nodes": 2}]),
        ("nine nodes", [{"nodes": 9}]),
        ("fifty nodes, in one piece", [{"nodes": 50, "most": 50}]),
        (f"none has more than {MOST} links", [{"nodes": 50}]),
        ("all fifty come at once", [{"nodes": 50, "pause": 0}]),
        ("a fifth leaves", [{"nodes": 50, "leavings": [fifth]}]),
        ("again a fifth, and again", [{"nodes": 50, "leavings": [fifth] * 3}]),
        ("with other dice, and the seed leaves too",
         [{"nodes": 50, "leavings": ["the seed too"], "seed": seed} for seed in range(900, 915)]),
        ("on real sockets",
         [{"nodes": 50, "leavings": [fifth], "pause": 0.01, "world": LocalNetwork}]),
    ]  # fmt: skip
    for number, (title, lives) in enumerate(steps):
        for options in lives:
            try:
                found = life(protocol, **options)
            except Exception as error:
                hint = "run it with fewer nodes, and look at what they know"
                found = f"it raised {type(error).__name__}: {error}{where(error, protocol)}", hint
            if found:
                call = ", ".join(f"{key}={show(value)}" for key, value in options.items())
                print(f"next  {title}\n        {found[0]}\n        Hint: {found[1]}.")
                print(f"        The same again: life({protocol.__name__}, {call})")
                print(f"{number} of {len(steps)} steps done")
                return
        print("ok   ", title)
    print(
        f"all {len(steps)} steps done, and the methods of your class have {lines(protocol)} lines."
    )
    print(f"Those of the kit's own have {lines(bootstrap.Bootstrap)}.")


def show(value):
    return getattr(value, "__name__", repr(value))


def methods(protocol):
    return [thing for thing in vars(protocol).values() if inspect.isfunction(thing)]


def where(error, protocol):
    """Return the line of a class in which an exception began."""
    files = {method.__code__.co_filename for method in methods(protocol)}
    own = [place for place in traceback.extract_tb(error.__traceback__) if place.filename in files]
    return f", in {own[-1].name}: {own[-1].line}" if own else ""


def lines(protocol):
    return sum(len(inspect.getsourcelines(method)[0]) for method in methods(protocol))


check(Bootstrap)

# %% [markdown]
# ## What you know now
#
# - One address is enough to begin, and a star is what you get if nobody says more.
# - An overlay is a graph: count its links, pieces, hops and triangles.
# - Links that come by chance forget somebody; who dials for itself is not forgotten.
# - A few far links bring everybody close.
# - Nodes go. An overlay stays whole only if somebody notices, and dials.
#
# Fifty nodes know each other. What does it cost to tell them all something? That is the next notebook.
