# %% [markdown]
# # 7. Finding a key
#
# A million nodes share a dictionary, and none of them has all of it: a **distributed hash table**, or
# DHT. You want the value of one key. **Who has it, and how do you find that node without asking
# everybody?**
#
# First you will decide *where* a key belongs, so that hardly anything has to move when a node comes or
# goes. Then you will build what most of the world's file sharing, and Ethereum's search for peers, run
# on: Kademlia. And you will see how few questions it takes to find anything among ten thousand nodes.

# %%
import _thread
import inspect
import math
import random
import threading
import traceback
from bisect import bisect_left
from functools import partial
from hashlib import sha1
from statistics import fmean, stdev

import matplotlib.pyplot as plt
import networkx as nx
import numpy as np

from p2pkit import Contact, Link, LocalNetwork, Message, Protocol, SimNetwork, on, plot
from p2pkit.plot import style
from p2pkit.protocols import kademlia, lookup
from p2pkit.topology import build

PATIENCE = 5.0  # seconds that we wait for anything, at the most
BITS = 160  # of a SHA-1 hash

# %% [markdown]
# ## Where does a key belong?
#
# Let everybody compute it: hash the key, and out comes a number that looks random and is the same for all.
# With ten nodes, take it modulo ten: that is `by_modulo`, and how a dictionary finds its slot. What happens
# when an eleventh node comes? And is there a better rule than modulo?


# %%
def point(name):
    """Return the hash of a name: a number from 0 to 2^160 - 1."""
    return int.from_bytes(sha1(name.encode()).digest(), "big")


def by_modulo(key, nodes):
    return nodes[point(key) % len(nodes)]


def by_circle(key, nodes):
    """Return the first node at or after the key, on a circle of points."""
    circle = sorted(nodes, key=point)
    place = bisect_left(circle, point(key), key=point)
    return circle[place % len(circle)]


KEYS = [f"key {number}" for number in range(10_000)]
ten = [f"n{number}" for number in range(10)]
eleven = [*ten, "n10"]
for rule in (by_modulo, by_circle):
    moved = [key for key in KEYS if rule(key, ten) != rule(key, eleven)]
    losers = {rule(key, ten) for key in moved}
    share = len(moved) / len(KEYS)
    print(
        f"{rule.__name__:10} {share:6.1%} of the keys move; nodes that lose some: {len(losers):2}"
    )
print(f"a fair share for the newcomer would be {1 / len(eleven):.1%}")

# %% [markdown]
# By modulo, almost everything moves: a network in which nodes come and go all the time would do nothing
# else. The second rule is **consistent hashing** (Karger and others, 1997). Nodes are hashed, too, onto
# the *same* numbers, bent to a circle; a key belongs to the first node at or after it. A newcomer takes
# keys from one neighbour, and no other key moves.
#
# But it took more than its fair share. That is the price: chance is not fair.

# %%
fig, axes = plt.subplots(
    1, 2, figsize=(style.WIDTH, 3.4), layout="constrained", subplot_kw={"projection": "polar"}
)
names = [f"n{number}" for number in range(6)]
colors = dict(zip(names, style.SERIES, strict=True))
for ax, points in zip(axes, (1, 20), strict=True):
    places = sorted((point(f"{name}/{i}"), name) for name in names for i in range(points))
    ends = [place / 2**BITS for place, _ in places]
    starts = [ends[-1] - 1, *ends[:-1]]
    share = dict.fromkeys(names, 0.0)
    for start, end, (_, name) in zip(starts, ends, places, strict=True):
        share[name] += end - start
        ax.bar(2 * math.pi * start, 0.4, width=2 * math.pi * (end - start), bottom=0.8,
               align="edge", color=colors[name])  # fmt: skip
        if points == 1:
            ax.plot(2 * math.pi * end, 1.2, "o", color=style.INK, ms=5, clip_on=False)
    ax.set(theta_direction=-1, theta_offset=math.pi / 2, ylim=(0, 1.25))  # as a clock: from the top
    ax.set_axis_off()
    ax.set_title(f"points of a node: {points}", fontsize=style.SMALL)
    shares = sorted(share.values())
    print(f"points of a node: {points:2}, shares from {shares[0]:.1%} to {shares[-1]:.1%}")
plt.show()

# %% [markdown]
# Six nodes, a colour each, clockwise. On the left each node is one point, a dot, and has the arc that ends
# there; one has so little that you hardly see it.
# On the right each stands on the circle twenty times, as so many **virtual nodes**; what it has is a sum
# of many arcs, and sums of chances even out. By how much? The makers of Chord measured it (Stoica and
# others, 2001, figure 9), for 10,000 nodes and a million keys: how many times the mean do the busiest
# nodes have, and how little the idlest? One node in a hundred is above the *99th percentile*, and one in
# a hundred below the *1st*. You can do the same.


# %%
def loads(nodes, keys, points, dice):
    """Return the keys of each node, over their mean, where each node stands at some points."""
    places = np.sort(dice.random(nodes * points))
    arcs = np.diff(places, prepend=places[-1] - 1)  # each from the point before
    owners = dice.permutation(np.repeat(np.arange(nodes), points))
    shares = np.bincount(owners, weights=arcs)
    return dice.multinomial(keys, shares) * nodes / keys  # the keys fall where they like


RUNS = 20
T_QUANTILE = 2.09  # of Student's distribution, for 20 runs: 95 % of the intervals hold the truth
POINTS = (1, 2, 5, 10, 20)
GAMMA = {1: (0.0101, 4.6052), 2: (0.0743, 3.3192), 5: (0.2558, 2.3209), 10: (0.4130, 1.8783),
         20: (0.5541, 1.5923)}  # percentiles 1 and 99 of the mean of so many random arcs  # fmt: skip
PAPER = [(1, 4.6), (20, 1.6), (20, 0.5)]  # section 6.1, and figure 9: points, keys over the mean

measured = {}
print("points   1st percentile        99th percentile")
for points in POINTS:
    runs = [
        loads(10_000, 1_000_000, points, np.random.default_rng([7, points, run]))
        for run in range(RUNS)
    ]
    measured[points] = np.percentile(runs, (1, 99), axis=1)
    low, high = measured[points].mean(axis=1)
    print(
        f"{points:6} {low:8.3f} (law {GAMMA[points][0]:.3f}) {high:10.3f} (law {GAMMA[points][1]:.3f})"
    )

fig, ax = plt.subplots(figsize=(style.WIDTH, 3.8), layout="constrained")
for rank, color, what in (
    (1, style.VERMILION, "99th percentile"),
    (0, style.BLUE, "1st percentile"),
):
    means = np.array([measured[points][rank].mean() for points in POINTS])
    band = np.array(
        [T_QUANTILE * measured[points][rank].std(ddof=1) / RUNS**0.5 for points in POINTS]
    )
    ax.fill_between(POINTS, means - band, means + band, color=color, alpha=0.25, lw=0)
    ax.plot(POINTS, means, "o-", color=color, lw=1, label=f"{what}, and its 95 % band")
    ax.plot(POINTS, [GAMMA[points][rank] for points in POINTS], "--", color=style.INK, lw=1)
ax.plot([], [], "--", color=style.INK, lw=1, label="law of the arcs")
ax.plot(
    *zip(*PAPER, strict=True),
    "D",
    color=style.ORANGE,
    mec=style.INK,
    label="Stoica and others, 2001",
)
ax.set(
    xlabel="points of a node", ylabel="keys of a node, over the mean", ylim=(0, 5), xticks=POINTS
)
ax.legend(frameon=False)
style.curves(ax)
plt.show()

# %% [markdown]
# The dashed law is about arcs alone, as if there were endlessly many keys. An arc between points thrown
# at random is as long as the wait for something that happens at random; the mean of $r$ such waits follows
# the *Gamma distribution*. With a hundred keys for each node, the keys add a little chance of their own:
# so the busiest have a bit more than the law says, and the idlest a bit less.
#
# ## Another distance
#
# So a key has a place. But `by_circle` knows *all* nodes, and nobody does. What must a node know, so that
# questions lead to the right one in the end?
#
# Kademlia (Maymounkov and Mazières, 2002) measures distance in a way that looks odd at first, the **XOR**
# of two points: write a one wherever their bits differ, and a zero wherever they agree, and read that as a
# number, $d(a, b) = a \oplus b$, in Python `a ^ b`. So the first bit in which they differ decides. A key
# belongs to whoever is *closest*. Here are sixteen points of four bits.

# %%
BITS_4 = [f"{number:04b}" for number in range(16)]
print(
    f"{BITS_4[5]} ^ {BITS_4[3]} = {BITS_4[5 ^ 3]}, so points 5 and 3 are at a distance of {5 ^ 3}"
)

distances = np.array([[a ^ b for b in range(16)] for a in range(16)])
lengths = np.array([[int(d).bit_length() for d in row] for row in distances])

fig, ax = plt.subplots(figsize=(style.WIDTH * 0.72, 4.6), layout="constrained")
ax.imshow(lengths, cmap="Blues", vmax=7)
for (a, b), distance in np.ndenumerate(distances):
    ax.text(b, a, distance, ha="center", va="center", fontsize=style.SMALL - 1, color=style.INK)
ax.set(xlabel="b", ylabel="a", title="distance of a and b; the darker, the more bits it has")
ax.title.set_fontsize(style.SMALL)
ax.set_xticks(range(16), BITS_4, rotation=90, fontsize=style.SMALL, family="monospace")
ax.set_yticks(range(16), BITS_4, fontsize=style.SMALL, family="monospace")
plt.show()

# %% [markdown]
# The table is the same when mirrored, so whoever is close to me has me close; that is not so on the
# circle, where one looks ahead only. In each row all distances are different: there is *one* closest
# node. And the shades are halves of halves. Take any row: half of all points have the darkest shade, a
# quarter the next, and so on, down to yourself.
#
# ## Whom a node knows
#
# That is what a node needs: some contacts of *each* shade, called a **bucket**, at most $k$ of them.
# So it knows nearly everybody close by, and few, but some, of those far away. When a bucket is full,
# whoever was silent longest is asked whether it is there; only if it does not answer, a newcomer takes
# its place. Nodes that have been up for long are the likeliest to stay.


# %%
class Ping(Message):
    """Are you there?"""


class Pong(Message):
    """I am here."""


def closest(contacts, target, k):
    return sorted(contacts, key=lambda contact: point(contact.id) ^ target)[:k]


class KBuckets(Protocol):
    """Keep at most k contacts for each length of a distance, those that have proved to stay."""

    k = 8
    patience = 1.0  # seconds until somebody who does not answer is taken for gone

    def on_start(self):
        self.buckets = {}  # by the bits of the distance; in each, least recently seen first
        self.doubted = set()  # who is asked whether it is there

    def on_connect(self, peer):
        self.see(Contact(peer, self.peers[peer]))

    def on_disconnect(self, peer):
        self.forget(peer)

    @property
    def point(self):
        return point(self.id)

    def bucket(self, id):
        return self.buckets.setdefault((point(id) ^ self.point).bit_length(), {})

    def closest(self, target, but=None):
        known = (it for bucket in self.buckets.values() for it in bucket.values() if it.id != but)
        return closest(known, target, self.k)

    def hear(self, caller, sender):
        """Note who speaks, if it is the one it says."""
        if caller.id == sender:
            self.see(caller)

    def see(self, contact):
        """Note a sign of life: it comes last in its bucket, if it is in there or there is room."""
        if contact.id == self.id:
            return
        bucket = self.bucket(contact.id)
        if contact.id in bucket or len(bucket) < self.k:
            bucket.pop(contact.id, None)
            bucket[contact.id] = contact
            return
        oldest = next(iter(bucket.values()))
        if oldest.id not in self.doubted:
            self.doubted.add(oldest.id)
            self.ask(oldest, Ping(), partial(self.decide, oldest, contact), self.patience)

    @on(Ping)
    def reply(self, _, sender):
        return Pong()

    def decide(self, oldest, newcomer, pong):
        self.doubted.discard(oldest.id)
        if pong is None:
            self.forget(oldest.id)
        self.see(newcomer if pong is None else oldest)

    def forget(self, id):
        self.bucket(id).pop(id, None)


# %% [markdown]
# A `Contact` is an id and an address. `ask` and `send` take it as they take a peer: whoever is not
# connected is dialled, and the connection ends when it is idle. So a node may talk to thousands, and
# does not keep a link to each.
#
# ## The walk to a key
#
# Ask the closest node that you know: *what do you keep under this key, and whom do you know that is
# closer?* Then ask that one, until there is nobody closer. Whoever is asked has a bucket for the part in
# which the key lies, and knows somebody there, if anybody is there; so each step gains one bit at least,
# and half of the nodes that are left fall away. It is *you* who asks each time, nobody passes anything
# on: such a lookup is called **iterative**. You get to know those who are named, and those whom you ask
# get to know you: that is how tables fill.


# %%
class Find(Message):
    """What do you keep under this key? And whom do you know that is closest to it?"""

    key: str
    caller: Contact


class Answer(Message):
    """This, if anything, and those, the closest first."""

    value: str | None
    contacts: tuple[Contact, ...]


class Keep(Message):
    """Keep this pair."""

    key: str
    value: str


class Walker(KBuckets):
    """Walk to the node that is closest to a key, and store or find the value there."""

    pause = 0.2  # seconds between two walks to nowhere in particular, on which one meets others

    def on_start(self):
        super().on_start()
        self.pairs = {}  # what is kept here for all
        self.found = {}  # what was looked for here
        self.hops = {}  # … and how many nodes were asked
        self.is_resting = False
        self.every(self.pause, self.stroll, jitter=self.pause)

    def put(self, key, value):
        self.walk(key, partial(self.store, key, value))

    def get(self, key):
        self.walk(key, partial(self.note, key))

    def stroll(self):
        if not self.is_resting:
            self.walk(str(self.random.random()), lambda *_: None)

    def rest(self):
        self.is_resting = True

    def walk(self, key, then):
        """Walk to a key, and call then(the contact there, its value, the steps it took)."""
        nearest = closest([*self.closest(point(key)), self.contact], point(key), 1)[0]
        if nearest.id == self.id:
            then(self.contact, self.pairs.get(key), 0)
        else:
            self.step(key, then, nearest, 1)

    def step(self, key, then, to, steps):
        self.ask(to, Find(key, self.contact), partial(self.arrive, key, then, to, steps))

    def arrive(self, key, then, at, steps, answer):
        if answer is None:
            then(at, None, steps)  # nobody is there
            return
        for contact in (at, *answer.contacts):
            self.see(contact)
        nearest = closest([at, *answer.contacts], point(key), 1)[0]
        if answer.value is not None or nearest == at or nearest.id == self.id:
            then(at, answer.value, steps)
        else:
            self.step(key, then, nearest, steps + 1)

    @on(Find)
    def answer(self, question, sender):
        self.hear(question.caller, sender)
        return Answer(self.pairs.get(question.key), tuple(self.closest(point(question.key))))

    def store(self, key, value, at, *_):
        if at.id == self.id:
            self.pairs[key] = value
        else:
            self.send(at, Keep(key, value))

    @on(Keep)
    def keep(self, pair, sender):
        self.pairs[pair.key] = pair.value

    def note(self, key, at, value, steps):
        self.found[key], self.hops[key] = value, steps


# %% [markdown]
# Twenty real nodes, each with a handful of peers at first, and small buckets, so that nobody knows all.
# Watch them: `plot.live` shows the links of the overlay, and messages between nodes that have none fly
# across. First they all walk about, for some seconds, and meet. Then they rest, and a pair is put: its
# node turns orange. Then three look for it, and turn blue. When the cell is over, drag the slider back
# to where it grows quiet, choose 0.2 × as the speed, press play, and follow each question to its answer.


# %%
def look(node):
    return style.REACHED if node.pairs else style.BLUE if node.found else style.QUIET


ASKERS = ("n7", "n10", "n18")
LATENCY = 0.1  # seconds, slow enough to watch
small = Walker.using(k=3)  # contacts in a bucket
with LocalNetwork(small, build("small-world", 20, seed=7), link=Link(latency=LATENCY)) as net:
    plot.live(net, color=look)
    net.run(5.0)  # seconds, in which they walk about and meet
    for name in net.names:
        net.call(name, "rest")
    net.run(10 * LATENCY)  # what is under way comes to its end
    net.call("n3", "put", "color", "blue")
    net.run(until=lambda: any(node.pairs for node in net), within=PATIENCE)
    for asker in ASKERS:
        net.call(asker, "get", "color")
    net.run(until=lambda: all(net[asker].found for asker in ASKERS), within=PATIENCE)

    keeper = next(node.id for node in net if node.pairs)
    print(
        f"{keeper} has the pair, and the closest of all is",
        min(net.names, key=lambda name: point(name) ^ point("color")),
    )
    for asker in ASKERS:
        print(
            f"{asker:3} found {net[asker].found['color']!r} (questions: {net[asker].hops['color']})"
        )
    known = [sum(map(len, node.buckets.values())) for node in net]
    print(
        f"in the mean, a node had {2 * len(net.graph.edges) / len(net):.0f} peers, "
        f"and knows {fmean(known):.1f} of the {len(net) - 1} others by now"
    )

# %% [markdown]
# ## Ten thousand nodes
#
# How many steps, or **hops**, is that in a large network? Whom you know yourself is one hop away, whom
# such a one names, two, and so on. Half of the rest falls away with each, so at most $\log_2 n$. But a
# bucket has $k$ contacts, and the closest of them shares a few bits with the key by luck, so it should be
# fewer: about $\ln n / H_k$, where $H_k = 1 + \frac12 + \dots + \frac1k$.
#
# So that we do not have to wait until ten thousand nodes have met, they are introduced: each bucket gets
# $k$ of those that belong there, drawn at random. (You may skip this code.) From here on we take the
# kit's `Lookup`: its buckets are those that you have just written, and its search is your walk, but
# three questions at a time.


# %%
def introduce(net, seed=1):
    """Let each node know k others in each bucket, or all there are, chosen at random."""
    dice = random.Random(seed)
    contacts = sorted((node.contact for node in net), key=lambda contact: point(contact.id))
    points = [point(contact.id) for contact in contacts]
    for node in net:
        own, first, last = point(node.id), 0, len(points)  # those as close as the last bits allow
        for bits in range(BITS, 0, -1):
            if last - first == 1:
                break
            middle = bisect_left(points, (own >> (bits - 1) | 1) << (bits - 1), first, last)
            halves = [range(first, middle), range(middle, last)]
            bit = own >> (bits - 1) & 1
            first, last, others = halves[bit].start, halves[bit].stop, halves[1 - bit]
            drawn = [contacts[place] for place in dice.sample(others, min(node.k, len(others)))]
            node.buckets[bits] = {contact.id: contact for contact in drawn}


def quiet(protocol, **parameters):
    """Return a protocol without what it does from time to time by itself."""
    timers = ("pause", "refresh", "replicate", "republish")  # seconds: never, in our short runs
    return protocol.using(**{name: 1e6 for name in timers if hasattr(protocol, name)}, **parameters)


def unlinked(protocol, nodes, seed=1, **options):
    """Return a simulated network without links: all talk to contacts."""
    link = Link(latency=0.05)  # seconds
    return SimNetwork(protocol, nx.empty_graph(nodes), link=link, seed=seed, **options)


SEARCHES = 200
hops = {}
for k in (8, 20):
    for n in (30, 100, 300, 1000, 3000, 10_000):
        with unlinked(quiet(lookup.Lookup, k=k), n, record="counts") as net:
            introduce(net)
            dice = random.Random(n)
            pairs = [dice.sample(net.names, 2) for _ in range(SEARCHES)]
            for asker, name in pairs:
                net.call(asker, "find", name)
            net.run(PATIENCE)
            hops[n, k] = [net[asker].hops[name] for asker, name in pairs]
        print(f"{n:6,} nodes, k = {k:2}: {fmean(hops[n, k]):.2f} hops, at most {max(hops[n, k])}, "
              f"and log2 n is {math.log2(n):.1f}")  # fmt: skip

# %%
ROUNDS = {  # hops, found by a second program, which knows tables and rounds, and no messages
    8: {100: 1.63, 1000: 2.245, 5000: 2.71, 10_000: 2.885},
    20: {100: 1.367, 1000: 1.897, 5000: 2.255, 10_000: 2.4},
}

fig, ax = plt.subplots(figsize=(style.WIDTH, 3.8), layout="constrained")
for k, color in ((8, style.VERMILION), (20, style.BLUE)):
    sizes = [n for n, size in hops if size == k]
    means = np.array([fmean(hops[n, k]) for n in sizes])
    band = np.array([1.96 * stdev(hops[n, k]) / SEARCHES**0.5 for n in sizes])
    ax.fill_between(sizes, means - band, means + band, color=color, alpha=0.25, lw=0)
    ax.plot(sizes, means, "o-", color=color, lw=1, label=f"k = {k}, and its 95 % band")
    ax.plot(ROUNDS[k].keys(), ROUNDS[k].values(), "D", color=color, mec=style.INK)
    harmonic = sum(1 / number for number in range(1, k + 1))
    ax.plot(sizes, np.log(sizes) / harmonic, "--", color=color, lw=1)
ax.plot([], [], "D", color=style.EDGE, mec=style.INK, label="the second program")
ax.plot([], [], "--", color=style.EDGE, lw=1, label=r"$\ln n\,/\,H_k$")
ax.plot((30, 10_000), np.log2((30, 10_000)), ":", color=style.INK, lw=1)
ax.annotate(r"$\log_2 n$, the most it can be", (75, 5.4), color=style.INK)
ax.set(xscale="log", xlabel="nodes", ylabel="hops of a search, in the mean", ylim=(0, 8))
ax.legend(frameon=False, loc="upper right", fontsize=style.SMALL)
style.curves(ax)
plt.show()

# %% [markdown]
# On this scale, a straight line is a logarithm: ten times as many nodes cost less than one more hop. That
# it must be $c \log n$ has been proved (Cai and Devroye, 2013); $\ln n / H_k$ is a rule of thumb, for
# one question at a time. The diamonds come from a second program, written only to check this one: it
# knows nothing of messages and clocks. That they lie in the band, or at its edge, tells you that nothing
# of that matters here.
#
# ## Three in ten vanish
#
# Now **break it on purpose**. Three hundred nodes, two hundred keys, and then three nodes in ten crash at
# the same moment. First your walk; then the kit's `Kademlia`, which differs in three things: it stores
# a pair on the $k$ closest nodes, not on one; it asks three at a time; and when somebody does not answer,
# it goes on with the next closest that it has heard of.

# %%
CHURN = 0.3  # of all nodes, at the same moment
PAIRS = {f"key {number}": f"value {number}" for number in range(200)}


def found_share(net, dice):
    """Look for all keys, from nodes chosen at random; return the share that is found."""
    live = [name for name in net.names if net.is_up(name)]
    askers = {key: dice.choice(live) for key in PAIRS}
    for key, asker in askers.items():
        net.call(asker, "get", key)
    net.run(4 * PATIENCE)
    return fmean(net[asker].found.get(key) == PAIRS[key] for key, asker in askers.items())


shares = {}
for protocol in (Walker, kademlia.Kademlia):
    dice = random.Random(3)
    with unlinked(quiet(protocol), 300, record="counts") as net:
        introduce(net)
        for key, value in PAIRS.items():
            net.call(dice.choice(net.names), "put", key, value)
        net.run(PATIENCE)
        before = found_share(net, dice)
        for name in dice.sample(net.names, int(CHURN * len(net))):
            net.crash(name)
        after = found_share(net, dice)
        live = [node for node in net if net.is_up(node.id)]
        gone = sum(not any(key in node.pairs for node in live) for key in PAIRS)
        vain = sum(net.trace.count(kind="drop", message=it) for it in ("Find", "FindValue"))
    shares[protocol.__name__] = before, after
    lost = round((1 - after) * len(PAIRS))
    print(f"{protocol.__name__}: {before:.0%} found, then {after:.0%}")
    print(
        f"  {lost:3} of {len(PAIRS)} keys are not found, and {gone} pairs have no node left that keeps them"
    )
    print(f"  {vain:3} questions were dropped as unreachable")

# %%
fig, ax = plt.subplots(figsize=(style.WIDTH * 0.75, 3.0), layout="constrained")
for place, both in enumerate(shares.values()):
    for side, share, color in zip((-0.2, 0.2), both, (style.BLUE, style.VERMILION), strict=True):
        ax.bar(place + side, 100 * share, width=0.36, color=color)
        ax.annotate(
            f"{share:.0%}",
            (place + side, 100 * share),
            (0, 3),
            textcoords="offset points",
            ha="center",
        )
ax.bar(0, 0, color=style.BLUE, label="all are up")
ax.bar(0, 0, color=style.VERMILION, label="three in ten have crashed")
ax.set(
    xticks=range(len(shares)),
    xticklabels=shares,
    ylabel="keys found (%)",
    ylim=(0, 112),
    yticks=range(0, 101, 25),
)
ax.legend(frameon=False, ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1.0))
style.curves(ax)
ax.grid(visible=False, axis="x")
plt.show()

# %% [markdown]
# You see it in the trace: a question to a node that is gone is dropped, as *unreachable*. Each one that
# `Walker` asks in vain is a key that it does not find: who walks on one path is lost when one step is.
# Most of those pairs are gone for good anyway, with the only node that had them. `Kademlia` asks in vain
# more often, and it does not matter: there is always somebody else to ask, and a pair is gone only when
# all $k$ who keep it are.
#
# What you do not see here is the repair: those who keep a pair store it anew from time to time, on
# whoever is closest *then*. In a terminal, you can watch that, and crash whom you like (`help` says how):
#
#     python -m p2pkit launch p2pkit.protocols.kademlia:Kademlia --nodes 30 --console
#
# ## Exercise: not to be lost
#
# Write `Lookup`, on top of your `KBuckets`, with
#
# - `put(key, value)`: store the pair on the $k$ nodes that are closest to the key;
# - `get(key)`: look for the value, and write it into `self.found[key]`; write `None` if it is nowhere.
#
# You are done when
#
# - a `get` takes no longer than **$\log_2 n$ questions**, one after the other, while nobody is missing;
# - a `put` or a `get` takes **80 messages at most**, in the mean: questions, answers and copies;
# - **at least 99 % of the keys are found after 30 % of the nodes have crashed** at once;
# - and all that works on real sockets, too.
#
# The tables are filled already: `self.closest(point(key))` are the closest that a node knows. Both methods
# need the same search:
#
# - it remembers whom it has heard of, and whom it has asked; there may be several searches under way in
#   a node, so each needs a memory of its own;
# - it asks the closest that it has not asked yet, up to three at a time, and learns from each answer;
# - who does not answer, is struck out: then `ask` hands `None` to your method;
# - it ends when the $k$ closest that it has heard of have answered, and a `get` with the first value.
#
# You may be among the closest yourself, and you may have the pair already.
#
# Messages are yours to define: `Find`, `Answer` and `Keep` from above will do, and their handlers in
# `Walker` may be copied. Fill in the cell, then run it and the one below, whose code you may skip.


# %% tags=["exercise"]
class Lookup(KBuckets):
    """Store and find values, wherever their nodes are, and whoever is missing."""

    def on_start(self):
        super().on_start()
        self.pairs = {}  # what is kept here for all
        self.found = {}  # what was looked for here

    def put(self, key, value):
        # Your code goes here.
        pass

    def get(self, key):
        # And here.
        pass


# %% tags=["check"]
FEW = 80  # messages of a put or a get, at most, in the mean
SHARE = 0.99  # of the keys that must be found after the churn
TOO_SLOW = 30.0  # seconds that a step may take here, on this machine


class Trial:
    """A simulated network that runs somebody's class."""

    def __init__(self, protocol, nodes, seed=1):
        self.dice = random.Random(seed)
        self.written = {}  # when an answer stood in found, by key
        self.net = unlinked(protocol, nodes, seed, watch=self.look, record="counts")
        introduce(self.net, seed)

    def look(self, node):
        for key in getattr(node, "found", ()):
            self.written.setdefault(key, node.now)
        return {}

    def put(self, keys):
        for key in keys:
            self.net.call(self.dice.choice(self.net.names), "put", key, PAIRS[key])
        self.net.run(PATIENCE)

    def get(self, keys, within=PATIENCE):
        """Look for keys, and return the answers, without those that never came."""
        live = [name for name in self.net.names if self.net.is_up(name)]
        askers = {key: self.dice.choice(live) for key in keys}
        for key, asker in askers.items():
            self.net.call(asker, "get", key)
        self.net.run(within)
        nodes = {key: self.net[asker] for key, asker in askers.items()}
        return {key: node.found[key] for key, node in nodes.items() if key in node.found}

    def sent(self):
        return self.net.trace.count(kind="send")


def wrong(answers, keys):
    """Say what is wrong with answers, or nothing."""
    bad = [key for key in keys if answers.get(key) != PAIRS[key]]
    if not bad:
        return ""
    what = f"found says {answers[bad[0]]!r}" if bad[0] in answers else "found says nothing"
    return f"{len(bad)} of {len(keys)} keys are not found; of {bad[0]!r}, {what}"


def shared(node):
    """Return the names of what a node shares with all others: its class has it, and not the node."""
    own = {name: it for cls in type(node).__mro__ for name, it in vars(cls).items()}
    own = {name: it for name, it in own.items() if isinstance(it, dict | list | set)}
    return [name for name in own if name not in vars(node) and not hasattr(Protocol, name)]


def finds(protocol, nodes, keys):
    trial, keys = Trial(protocol, nodes), list(PAIRS)[:keys]
    with trial.net as net:
        if names := [name for name in shared(net["n0"]) if not name.isupper()]:
            return f"all nodes share the same {names[0]}, which is the class's: make it in on_start"
        trial.put(keys)
        return wrong(trial.get(keys), keys)


def round_trip():
    """Measure how long it takes to ask a stranger: the dial, the question, the answer."""
    with unlinked(Walker.using(pause=1e6), 2, watch=lambda node: {"hops": len(node.hops)}) as net:
        introduce(net)
        key = next(key for key in KEYS if point(key) ^ point("n1") < point(key) ^ point("n0"))
        net.call("n0", "get", key)
        net.run(until=lambda: net["n0"].hops, within=PATIENCE)
        return net.now


def in_hops(protocol, nodes, seed):
    """Say whether a get takes more than log2 n questions, one after the other."""
    trial, keys = Trial(protocol, nodes, seed), list(PAIRS)
    with trial.net as net:
        trial.put(keys)
        trial.written.clear()
        began = net.now
        if problem := wrong(trial.get(keys), keys):
            return problem
    hops = max(trial.written.values()) - began
    allowed = math.log2(nodes) * round_trip()
    if hops <= allowed * 1.001:
        return ""
    return (
        f"the slowest get took {hops:.2f} s, and log2 n questions to strangers take {allowed:.2f} s"
    )


def with_few(protocol, nodes):
    """Say whether a put or a get takes too many messages."""
    trial, keys = Trial(protocol, nodes), list(PAIRS)
    with trial.net:
        for what, action in (("put", trial.put), ("get", trial.get)):
            before = trial.sent()
            action(keys)
            messages = (trial.sent() - before) / len(keys)
            if messages > FEW:
                return f"a {what} takes {messages:.0f} messages in the mean, and {FEW} are enough"
            if messages < 1:
                return f"a {what} sends nothing: what do nodes know that nobody has told them?"
    return ""


def nowhere(protocol, nodes):
    trial = Trial(protocol, nodes)
    with trial.net:
        answers = trial.get(["nothing"], 2 * PATIENCE)
    if answers == {"nothing": None}:
        return ""
    return f"found is {answers}, where it should be {{'nothing': None}}"


def after_churn(protocol, nodes, seed):
    """Let three in ten crash, and say whether too much is not found."""
    trial, keys = Trial(protocol, nodes, seed), list(PAIRS)
    with trial.net as net:
        trial.put(keys)
        for name in trial.dice.sample(net.names, int(CHURN * nodes)):
            net.crash(name)
        answers = trial.get(keys, 6 * PATIENCE)
        live = [node for node in net if net.is_up(node.id)]
    share = fmean(answers.get(key) == PAIRS[key] for key in keys)
    if share >= SHARE:
        return ""
    silent = len(keys) - len(answers)
    kept = {key for node in live for key in getattr(node, "pairs", ())}
    lost = len(keys) - len(kept)
    gone = f", and {lost} pairs were lost with the nodes that kept them" if kept else ""
    found = f"{share:.1%} of the keys are found with {len(live)} nodes left"
    return f"{found}; {silent} searches never ended{gone}"


def on_sockets(protocol, nodes):
    with LocalNetwork(protocol, nodes) as net:
        net.run(0.2)  # seconds
        net.call("n0", "put", "color", "blue")
        net.run(0.5)
        net.call("n5", "get", "color")
        net.run(until=lambda: getattr(net["n5"], "found", {}), within=PATIENCE)
        found = net["n5"].found
    return "" if found == {"color": "blue"} else f"n5 has found {found}"


def check(protocol):
    """Try a class on harder and harder tasks; at the first trouble, give a hint."""
    steps = [
        ("two nodes", finds, [(2, 5)],
         "put sends the pair to who is closest, and get asks, and writes into self.found[key]; you may be "
         "the closest yourself; no question is asked twice."),
        ("a hundred nodes", finds, [(100, 200)],
         "go on to those who were named, until the k closest have been asked, and then end; what was "
         "found must not be overwritten."),
        ("hops", in_hops, [(100, 5), (300, 6)],
         "ask the closest first, three at a time; a get is over with the first value."),
        ("few messages", with_few, [(300,)],
         "ask nobody twice, and only those among the k closest that you have heard of."),
        ("what is nowhere", nowhere, [(100,)],
         "when nobody is left to ask, write None; and who waits for an answer is not left to ask."),
        ("after churn", after_churn, [(200, 7), (200, 8)],
         "store k copies; and when `then` gets None, strike that one out, and ask the next closest."),
        ("real sockets", on_sockets, [(20,)],
         "what is different there is time, and that copies are looked at: keep plain data in attributes."),
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
    print(
        f"The kit's own, in p2pkit/protocols/lookup.py, have {lines(lookup.Lookup, lookup.Search)},"
    )
    print(f"with joining and refreshing, and {lines(kademlia.Kademlia)} more in kademlia.py.")


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


def methods(*classes):
    return [it for cls in classes for it in vars(cls).values() if inspect.isfunction(it)]


def where(error, protocol):
    """Return the line of a class in which an exception began."""
    files = {method.__code__.co_filename for method in methods(protocol)}
    own = [place for place in traceback.extract_tb(error.__traceback__) if place.filename in files]
    return f", in {own[-1].name}: {own[-1].line}" if own else ""


def lines(*classes):
    return sum(len(inspect.getsource(method).splitlines()) for method in methods(*classes))


check(Lookup)

# %% [markdown]
# ## What you know now
#
# - Where a key belongs, everybody can compute; and if nodes are hashed onto the same numbers as keys,
#   little moves when one of them comes or goes.
# - Chance is not fair, and the sum of many chances nearly is: that is what virtual nodes are for.
# - Knowing somebody at each length of distance is enough to find anybody in about $\log n$ questions.
# - One path, and one copy, are lost with one node. Several of both make a table that outlives many of
#   its nodes; and what nobody stores anew, goes away.
#
# One can search on the circle itself, too, if each node knows some that are half, a quarter, an eighth
# of the way round. That is Chord; the kit has it in `p2pkit/protocols/chord.py`, and it is a screen or
# two to read.
#
# All of this takes others at their word: who they are, what they keep, whom they know. From the next
# notebook on, nobody is believed.
