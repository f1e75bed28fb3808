# %% [markdown]
# # 6. Is anybody there?
#
# Nodes crash, freeze, lose their network, and never say goodbye. The others go on sending to them, and
# wait for answers. **How does a group find out who is still there, when nobody can tell a node that is
# gone from one that is slow, or from a message that was lost?**
#
# You will write the obvious answer, see what it costs, and then a better one that costs every node the
# same in a group of five and of a million; measure how soon it notices a crash, and how often it imagines
# one; and in the exercise, make it forgive.

# %%
import _thread
import inspect
import math
import statistics
import threading
import traceback
import warnings

import matplotlib.pyplot as plt
import networkx as nx
import numpy as np

from p2pkit import Link, LocalNetwork, Message, Protocol, SimNetwork, on, plot
from p2pkit.plot import style
from p2pkit.protocols import swim

PATIENCE = 20.0  # seconds that we wait for anything, at the most
GROUP = 50  # members, where nothing else is said
QUIET = Link(latency=0.01)  # seconds; nothing is lost

# %% [markdown]
# ## Everybody tells everybody
#
# The obvious answer is a **heartbeat**: once a period, each node tells all others that it is there. Who
# has not been heard for three periods is taken for dead. `self.now` is the time on a node's clock, in
# seconds.
#
# Start twelve real nodes, and let `n3` freeze, as if its program hung or its machine slept: that is
# `net.pause`. No connection breaks, so nothing tells the others but silence. Watch them: a node turns
# orange when it takes somebody for dead.


# %%
class Beat(Message):
    """I am here."""


class Heartbeat(Protocol):
    """Tell all others once a period, and take for dead whoever has not been heard for a while."""

    period = 1.0  # seconds
    misses = 3  # periods of silence

    def on_start(self):
        self.heard = {}
        self.members = {self.id: "alive"}
        self.every(self.period, self.beat)

    def on_connect(self, peer):
        self.heard[peer] = self.now

    @on(Beat)
    def hear(self, beat, sender):
        self.heard[sender] = self.now

    def beat(self):
        self.broadcast(Beat())
        for id, when in self.heard.items():
            late = self.now - when > self.misses * self.period
            self.members[id] = "dead" if late else "alive"


def notices(node):
    """Return a node's colour: does it take anybody for dead?"""
    return style.REACHED if "dead" in node.members.values() else style.NODE


def all_say(net, about, state):
    """Tell whether all others say that a node is in some state."""
    return all(node.members.get(about) == state for node in net if node.id != about)


with LocalNetwork(Heartbeat.using(period=0.3), 12) as net:
    plot.live(net, color=notices)
    net.run(1.0)
    net.pause("n3")
    frozen = net.now
    print("all miss it:", net.run(until=lambda: all_say(net, "n3", "dead"), within=PATIENCE))
    print(f"{(net.now - frozen) / 0.3:.1f} periods after it froze")
    net.run(1.0)  # so that you see it

# %% [markdown]
# It works, but look at the price. With $n$ members, every node sends $n - 1$ messages a period, and all
# together $n (n - 1)$. It is not safe either: if a share $p$ of all messages is lost, three in a row are
# lost with probability $p^3$. That is little, but there are $n (n - 1)$ pairs, and the next period comes.
#
# ## Ask one
#
# Das, Gupta and Motivala found in 2002 that it is enough to **ask one member a period**. They call it
# *SWIM*. Each node goes through all members, in an order of its own, and shuffles them anew when it is
# through. It **pings** the one whose turn it is, which means: are you there?
#
# - It answers. Fine, until the next period.
# - After a third of the period it has not answered. A message may be lost, or the trouble may lie between
#   the two. So the node asks `k` others to ping it. If one of them gets an answer, it passes that on, and
#   all is well.
# - By the end of the period there is no answer. The node gives it up.
#
# So there are three kinds of messages. Each has room for news, which nobody uses yet: that will be your
# part, in the exercise.


# %%
class News(Message):
    """What is said of a member: it is alive, suspect or dead."""

    id: str
    state: str
    incarnation: int


class Ping(Message):
    """Are you there?"""

    news: tuple[News, ...]


class Ack(Message):
    """This member is there."""

    id: str
    news: tuple[News, ...]


class PingRequest(Message):
    """Is the target there? It does not answer me."""

    target: str
    news: tuple[News, ...]


# %% [markdown]
# And this is the protocol. `self.after(s, f, x)` is new: it calls `f(x)` once, `s` seconds from now. The
# three methods at its end do hardly anything; the exercise will change them.


# %%
class Prober(Protocol):
    """Ping one member a period, and ask others to do so if it is silent."""

    period = 1.0  # seconds
    k = 1  # members that are asked

    def on_start(self):
        self.members = {self.id: "alive"}
        self.turn = []  # who is still to be pinged
        self.silent = None  # who is being pinged, until it is heard of
        self.after(self.random.uniform(0, self.period), self.begin)  # nobody keeps step

    def begin(self):
        self.members = dict.fromkeys(self.peers, "alive") | self.members
        self.every(self.period, self.probe)
        self.probe()

    def living(self):
        return [id for id, state in self.members.items() if state != "dead" and id != self.id]

    def probe(self):
        """Give up whoever was not heard of, and ping the next one."""
        if self.silent is not None:
            self.give_up(self.silent)
        self.turn = [id for id in self.turn if self.members[id] != "dead"]
        self.turn = self.turn or self.random.sample(self.living(), len(self.living()))
        self.silent = self.turn.pop() if self.turn else None
        if self.silent is not None:
            self.ping(self.silent, self.acknowledge)
            self.after(self.period / 3, self.ask_others, self.silent)

    def ping(self, target, then):
        self.ask(target, Ping(self.gossip(target)), then, timeout=self.period)

    @on(Ping)
    def answer(self, ping, sender):
        self.hear(ping.news)
        return Ack(self.id, self.gossip(sender))

    def ask_others(self, target):
        if target == self.silent:
            others = [id for id in self.living() if id != target]
            for id in self.random.sample(others, min(self.k, len(others))):
                self.send(id, PingRequest(target, self.gossip(id)))

    @on(PingRequest)
    def ping_for(self, request, sender):
        def report(ack):  # the target's answer, or None if none came
            if ack is not None:
                self.hear(ack.news)
                self.send(sender, Ack(ack.id, self.gossip(sender)))

        self.hear(request.news)
        self.ping(request.target, report)

    @on(Ack)
    def acknowledge(self, ack, sender=None):
        """Take an answer: from the target, None if none came, or from one who was asked."""
        if ack is not None:
            self.hear(ack.news)
            if ack.id == self.silent:
                self.silent = None

    # What the exercise will change

    def give_up(self, id):
        self.members[id] = "dead"

    def gossip(self, to):
        return ()

    def hear(self, news):
        pass


# %% [markdown]
# Look at one period. Of four members, two cannot reach each other: nothing passes between `n0` and `n1`.
# Time goes to the right, and each arrow is a message; a cross is one that did not arrive.

# %%
with SimNetwork(Prober, 4, link=Link(latency=0.05), seed=23) as net:
    net.run(1.0)
    net.cut("n0", "n1")
    net.run(until=lambda: net["n0"].silent == "n1", within=PATIENCE)
    pinged = net.now
    net.run(1.0)
    print("n1 is", net["n0"].members["n1"], "for n0")
ax = plot.timeline(net.trace, start=pinged - 0.05, end=pinged + 0.6)
plt.show()

# %% [markdown]
# The ping of `n0` is lost. A third of a period later it sends a request to another member. That one pings
# `n1`, gets an answer, and passes it on. (In between, somebody else pings whose turn it is, and is answered.)
#
# What does it cost? Let groups of different sizes run for twenty periods, and count.

# %%
SIZES = (5, 10, 20, 50, 100)  # members
PERIODS = 20


def load(protocol, nodes):
    """Return how many messages a node sends a period, when nothing is wrong."""
    with SimNetwork(protocol, nodes, link=QUIET, seed=1, record="counts") as net:
        net.run(2.5)
        before = net.trace.count(kind="send")
        net.run(PERIODS)
        return (net.trace.count(kind="send") - before) / nodes / PERIODS


sent = {kind: [load(kind, nodes) for nodes in SIZES] for kind in (Heartbeat, Prober)}
print("members    heartbeats    pings and answers    (messages a node and period)")
for nodes, *loads in zip(SIZES, *sent.values(), strict=True):
    print(f"{nodes:7} {loads[0]:13.2f} {loads[1]:20.2f}")

fig, ax = plt.subplots(figsize=(style.WIDTH, 3.2), layout="constrained")
ax.plot(SIZES, [nodes - 1 for nodes in SIZES], color=style.EDGE, lw=1, label="$n - 1$")
ax.axhline(2, color=style.EDGE, lw=1, ls="--", label="2: a ping and an answer")
ax.plot(SIZES, sent[Heartbeat], "o", color=style.VERMILION, label="heartbeats")
ax.plot(SIZES, sent[Prober], "o", color=style.BLUE, label="pings and answers")
ax.set(xscale="log", yscale="log", xlabel="members", ylabel="messages a node and period")
ax.set_xticks(SIZES, SIZES)
ax.set_yticks([2, 10, 100], [2, 10, 100])
ax.minorticks_off()
style.curves(ax)
ax.legend(frameon=False, fontsize=style.SMALL)
plt.show()

# %% [markdown]
# Each sends one ping and one answer, whatever the size. But surely it takes longer until somebody notices
# a crash, if each node asks only one of many?
#
# ## How long until somebody notices
#
# One of $n$ members has crashed. In each period, each of the $n - 1$ others pings one of *its* $n - 1$
# others. If they throw dice for it, one of them misses the crashed member with probability
# $1 - \frac{1}{n-1}$, and all of them do with probability $q = (1 - \frac{1}{n-1})^{n-1}$. What happens with
# probability $1 - q$ in each period takes $1/(1-q)$ periods in the mean, as a six takes six throws. And for
# large $n$, $q$ is $1/e$. So somebody pings the crashed member, and misses its answer, after
#
# $$\frac{1}{1 - (1 - \frac{1}{n-1})^{n-1}} \;\to\; \frac{e}{e - 1} \text{ periods}$$
#
# The more members there are, the less often each is asked by one of them, and the more of them ask: the
# two cancel. That is the paper's result.
#
# Yours do not throw dice, but take turns, which makes a difference where there are few. After $j$ periods
# each has pinged $j$ of its $n - 1$ others, so all have missed the crashed one with probability
# $(1 - \frac{j}{n-1})^{n-1}$. Add that up over $j = 0, 1, 2, …$, and you have the mean.
#
# Groups of up to a hundred you can simulate. For larger ones, a model throws the dice of all members at
# once, and does nothing else: that tests the formula, but not your protocol.

# %%
RUNS = 60
LARGE = (1_000, 10_000, 100_000, 1_000_000)  # members


def with_dice(n):
    return 1 / (1 - (1 - 1 / (n - 1)) ** (n - 1))


def in_turn(n):
    return sum((1 - j / (n - 1)) ** (n - 1) for j in range(min(n, 100)))


def first_notice(nodes, seed):
    """Crash a node, and return in which period after that somebody pings it."""
    with SimNetwork(Prober, nodes, link=QUIET, seed=seed) as net:
        net.run(1.0)
        crashed = net.now
        net.crash(seed % nodes)
        while not net.trace.count(kind="drop", message=Ping):
            net.run(1.0)
        first = next(iter(net.trace.where(kind="drop", message=Ping)))
        return math.ceil(first.time - crashed)


def first_notice_in_a_model(nodes, dice, runs=2000):
    """Return the same for many crashes, where nothing is simulated but the dice."""
    periods, going = np.zeros(runs), np.full(runs, True)
    while going.any():
        periods += going
        pings = dice.binomial(nodes - 1, 1 / (nodes - 1), runs)  # that go to the crashed one
        going &= pings == 0
    return periods


def mean_and_band(values):
    """Return a mean, and how far off it may be, with 95 % confidence."""
    return statistics.fmean(values), 1.96 * statistics.stdev(values) / math.sqrt(len(values))


dice = np.random.default_rng(1)
noticed = {nodes: mean_and_band([first_notice(nodes, s) for s in range(RUNS)]) for nodes in SIZES}
modelled = {nodes: mean_and_band(first_notice_in_a_model(nodes, dice)) for nodes in LARGE}

print("  members  periods    95 % band    in turn    with dice")
for nodes, (mean, band) in (noticed | modelled).items():
    low, high = mean - band, mean + band
    print(f"{nodes:9,} {mean:8.3f}  {low:.2f} to {high:.2f}", end="")
    print(f" {in_turn(nodes):10.3f} {with_dice(nodes):12.3f}")
print(f"e / (e - 1) = {math.e / (math.e - 1):.3f}")

# %%
fig, ax = plt.subplots(figsize=(style.WIDTH, 3.8), layout="constrained")
grid = np.unique(np.geomspace(min(SIZES), max(LARGE), 60).astype(int))
ax.plot(grid, [with_dice(n) for n in grid], color=style.INK, lw=1.5, label="the paper's formula")
ax.plot(grid, [in_turn(n) for n in grid], color=style.INK, lw=1, ls=":", label="taking turns")
ax.axhline(math.e / (math.e - 1), color=style.EDGE, lw=1, ls="--", label="$e/(e-1)$")
for points, color, what in (
    (noticed, style.BLUE, f"your protocol, {RUNS} crashes each"),
    (modelled, style.INK, "a model, 2000 crashes each"),
):
    means, bands = zip(*points.values(), strict=True)
    ax.errorbar([*points], means, bands, fmt="o", capsize=3, color=color, label=what)
ax.set(xscale="log", xlabel="members", ylabel="periods until somebody pings it", ylim=(1, 2.1))
style.curves(ax)
ax.legend(frameon=False, fontsize=style.SMALL, ncols=2)
plt.show()

# %% [markdown]
# In a group of a million it takes no longer than in one of a hundred. Bars are 95 % bands: about one in
# twenty such bars misses the truth, by chance.
#
# ## How often it imagines a crash
#
# Say that a share $p$ of all messages is lost. A ping and its answer both arrive with probability
# $(1 - p)^2$. The way round takes four messages: the request, the ping, the answer, and the answer passed
# on. There are $k$ ways round. A member that is alive is given up if all of them fail, with probability
#
# $$\left(1 - (1-p)^2\right) \left(1 - (1-p)^4\right)^k$$
#
# Count it. For this, mistakes are counted and not made, so that everybody goes on being pinged.

# %%
LOSSES = (0.05, 0.1, 0.15, 0.2)  # shares of the messages
HELPERS = {0: style.PURPLE, 1: style.SKY, 3: style.BLUE}


class Counting(Prober):
    """Count what would be mistakes, and make none."""

    mistakes = 0

    def give_up(self, id):
        self.mistakes += 1


def imagined(loss, k, nodes=GROUP):
    """Return which share of the probes ended with a mistake, and its 95 % band, to both sides."""
    periods = 240 if k == 3 else 60  # what is rare must be looked for longer
    link = Link(latency=0.01, loss=loss)
    seed = round(1000 * loss) + k  # other dice for each
    with SimNetwork(Counting.using(k=k), nodes, link=link, seed=seed, record="counts") as net:
        net.run(1.0 + periods)
        probes = nodes * periods
        share = sum(node.mistakes for node in net) / probes
        return share, 1.96 * math.sqrt(share * (1 - share) / probes)


def formula(p, k):
    return (1 - (1 - p) ** 2) * (1 - (1 - p) ** 4) ** k


print("loss    k   measured       95 % band         formula")
fig, ax = plt.subplots(figsize=(style.WIDTH, 3.8), layout="constrained")
losses = np.linspace(0.045, 0.205, 100)
for k, color in HELPERS.items():
    ax.plot(losses, formula(losses, k), color=color, lw=1.5)
    end = losses[-1], formula(losses[-1], k)
    ax.annotate(f"k = {k}", end, (5, 1 - 5 * (k > 0)), textcoords="offset points", color=color)
    for loss in LOSSES:
        share, band = imagined(loss, k)
        print(f"{100 * loss:2.0f} % {k:4} {share:10.4f}", end="   ")
        print(f"{share - band:.4f} to {share + band:.4f} {formula(loss, k):11.4f}")
        ax.errorbar(loss, share, band, fmt="o", capsize=3, color=color)
        if (loss, k) == (0.1, 3):
            often = f"every {1 / (share * GROUP):.0f} periods"
print(f"At 10 % and k = 3, {GROUP} members that probe once a period imagine a crash {often}.")
ax.plot([], [], color=style.EDGE, label="formula")
ax.errorbar([], [], [], fmt="o", color=style.EDGE, label="your protocol, and its 95 % band")
ax.set(yscale="log", xlabel="messages that are lost (%)", ylabel="crashes imagined, per probe")
ax.set_xticks(LOSSES, [f"{100 * loss:.0f}" for loss in LOSSES])
style.curves(ax)
ax.legend(frameon=False, fontsize=style.SMALL)
plt.show()

# %% [markdown]
# Helpers help: each makes mistakes rarer. But in a group, even rare mistakes add up, as the last line says,
# and a mistake is for ever, because nobody asks the dead. Also, each node still keeps its own list, and
# tells nobody.
#
# ## Suspect, tell, deny
#
# The paper's remedy has three parts:
#
# - **Suspicion.** Whoever is silent is not dead but *suspect*, and has some periods to deny it. Only then
#   is it dead.
# - **Gossip.** What is new travels on the back of pings, answers and requests, which are sent anyway; no
#   message is sent for it. Each node passes each piece of news on $\lambda \log n$ times and no more, where
#   $\lambda$ is a small number such as 3.
# - **Incarnations.** A suspected member hears what is said of it, too, and denies it. But news can come in
#   any order, and old news must not win over newer news. So each member has a number, its *incarnation*,
#   which *it alone* raises, and all news of a member says which incarnation it is about. A higher number
#   overrides a lower one. With the same number, suspect overrides alive, and dead overrides both. To deny is
#   to say that one is alive, with a higher number than the suspicion has.
#
# The kit has a `Swim` that does all this, in `p2pkit.protocols.swim`. It keeps contacts, so that a newcomer
# needs to know one member only, and is told of the others. Run it on twenty real nodes that know only `n0`,
# freeze `n7`, and wake it up again. Nodes that do not know all others yet are grey, and those that take
# somebody for dead are orange, as before.

# %%
TWENTY = nx.star_graph(19)  # all joined through n0


def knows(node):
    """Return a node's colour: does it know all, and does it take anybody for dead?"""
    if len(node.members) < len(TWENTY):
        return style.QUIET
    return notices(node)


with LocalNetwork(swim.Swim.using(period=0.15), TWENTY) as net:
    plot.live(net, color=knows)
    joined = net.run(
        until=lambda: all(len(node.members) == len(TWENTY) for node in net), within=PATIENCE
    )
    print("all know all:", joined)
    net.pause("n7")
    frozen = net.now
    print("n7 is dead for all:", net.run(until=lambda: all_say(net, "n7", "dead"), within=PATIENCE))
    print(f"{(net.now - frozen) / 0.15:.0f} periods after it froze,", end=" ")
    print(f"and {net['n0'].suspicion * net['n0'].log_size()} of them were the suspicion")
    net.run(0.5)  # so that you see it
    net.resume("n7")
    print("all have it back:", net.run(until=lambda: all_say(net, "n7", "alive"), within=PATIENCE))
    print("its incarnation, which was 0:", net["n7"].latest["n7"].incarnation)

# %% [markdown]
# It took more periods than heartbeats did, because of the suspicion. That is the bargain: whoever is quick
# to judge is often wrong.
#
# ## Break it: judge at once
#
# So what if one *is* quick? Take fifty members, of whom nobody crashes, and lose a tenth of the messages.
# Compare three protocols: your `Prober`, which gives up for ever; SWIM with a suspicion of no periods, so
# that whoever is suspected is dead; and SWIM with a patient suspicion, of $5 \log n$ periods. In each
# period, count how often *dead* stands in all lists together. If everybody takes one living member for
# dead, that is 49 wrong entries.

# %%
LOSSY = Link(latency=0.01, loss=0.1)  # seconds, and a share of the messages
MINUTE = 60  # periods
KINDS = {
    "no suspicion, no gossip": (Prober.using(k=3), style.BLUE),
    "SWIM, suspicion of 0 periods": (swim.Swim.using(period=1.0, k=3, suspicion=0), style.ORANGE),
    "SWIM, patient suspicion": (swim.Swim.using(period=1.0, k=3, suspicion=5), style.GREEN),
}


def wrong_entries(protocol):
    """Return how many entries say dead, period by period, and the nodes as they are in the end."""
    wrong = []
    with SimNetwork(protocol, GROUP, link=LOSSY, seed=2, record="counts") as net:
        for _ in range(MINUTE):
            net.run(1.0)
            wrong.append(sum([*node.members.values()].count("dead") for node in net))
        return wrong, list(net)


fig, ax = plt.subplots(figsize=(style.WIDTH, 3.6), layout="constrained")
for name, (protocol, color) in KINDS.items():
    wrong, nodes = wrong_entries(protocol)
    ax.plot(range(1, MINUTE + 1), wrong, color=color, lw=2, label=name)
    print(f"{name:28} at most {max(wrong):4} wrong entries", end="")
    if hasattr(nodes[0], "latest"):
        print(f", {sum(node.latest[node.id].incarnation for node in nodes):3} denials", end="")
    print()
ax.set(xlabel="periods", ylabel="entries that take a living node for dead")
style.curves(ax)
ax.legend(frameon=False, fontsize=style.SMALL)
plt.show()

# %% [markdown]
# Without gossip (blue), mistakes stay, and add up slowly. A hasty judge *with* gossip (orange) is worse: one
# node's mistake becomes everybody's within a few periods, until the member that was buried hears of it
# and denies it. Then it is the next one's turn. The group hardly rests: members **flap**, from alive
# to dead and back. That is how you recognise it in real systems, too. The patient one (green) has
# suspected members as well, or there would be no denials, but it has never buried anybody.
#
# ## Exercise: Swim
#
# Write the three parts yourself. `Swim` is a `Prober`, so it pings, and asks others. Four methods are for
# you to fill in:
#
# - `on_start()` is called once: here you set up what you want to keep. All members know each other from
#   the beginning, so take everybody for alive, with incarnation 0.
# - `give_up(id)` is called when a member was silent for a period. Suspect members are still pinged.
# - `gossip(to)` is called for each message, with the member that it goes to. Return the news that shall go
#   with it, as a tuple of `News(id, state, incarnation)`; an empty one is fine.
# - `hear(news)` is called for each message that has come, with what the other's `gossip` returned. Some of
#   it may be about you.
#
# `self.after` ends a suspicion when its time is over; by then, newer news may have overridden it. And mind
# that the suspects and the dead need to hear what is said of them: otherwise, how could they deny it?
#
# `self.members` says of each node whether it is "alive", "suspect" or "dead". You are done when
#
# - nobody who is alive is ever "dead" in any list, though **10 % of the messages are lost**;
# - whoever crashes is "dead" in all lists **within n periods**, also then;
# - no message is sent for the news: the load stays at **two messages** a node and period while nothing is
#   lost, with `k = 3`, and only few pieces of news are in each;
# - nobody raises the incarnation of somebody else;
# - and whoever was frozen until all took it for dead is alive in **all** lists some time after it woke.
#
# Fill in the cell, then run it and the one below, whose code you may skip.


# %% tags=["exercise"]
class Swim(Prober):
    """Suspect whoever is silent, tell the others, and let it deny that."""

    def on_start(self):
        super().on_start()
        # Your code goes here.

    def give_up(self, id):
        self.members[id] = "dead"

    def gossip(self, to):
        return ()

    def hear(self, news):
        pass


# %% tags=["check"]
BYTES = 1000  # a message, in the mean
LOSSY_LOAD = 5.0  # messages a node and period, where help is needed: SWIM sends about four
TOO_SLOW = 30.0  # seconds that a step may take here, on this machine


class Trial:
    """A group that runs somebody's class, and is looked at once a period."""

    def __init__(self, protocol, nodes=GROUP, link=QUIET, seed=1, world=SimNetwork, period=1.0):
        protocol = protocol.using(period=period, k=3)
        self.period, self.nodes = period, nodes
        self.net = world(protocol, nodes, link=link, seed=seed)
        self.gone = set()  # who is down or frozen

    def entries(self):
        """Return what each node that is up says of each other."""
        up = [node for node in self.net if node.id not in self.gone]
        return [(node.id, id, node.members.get(id)) for node in up for id in self.net.names]

    def wrong(self, dead=()):
        """Say which entry is wrong, when just these are dead, if one is."""
        for who, whom, state in self.entries():
            if whom in dead and state != "dead":
                return f"for {who}, {whom} is {state}, and should be dead"
            if whom not in dead and state != "alive":
                return f"for {who}, {whom} is {state or 'unknown'}, and should be alive"
        return ""

    def buried(self, but=()):
        """Say who takes a living node for dead, if anybody does."""
        for who, whom, state in self.entries():
            if state == "dead" and whom not in but:
                return f"after {self.net.now / self.period:.0f} periods, {whom} is dead for {who}"
        return ""

    def until(self, right, periods):
        """Run until nothing is wrong, for so many periods; return what is wrong then."""
        for _ in range(periods):
            self.net.run(self.period)
            if not (problem := right()):
                return ""
        return f"{periods} periods later, {problem}"


def nothing_happens(protocol):
    """Nobody crashes, nothing is lost: all are alive, and it costs two messages."""
    trial = Trial(protocol)
    with trial.net as net:
        net.run(10)
        before = net.trace.count(kind="send")
        net.run(10)
        if problem := trial.wrong():
            return problem
        each = (net.trace.count(kind="send") - before) / GROUP / 10
        return "" if each < 2.1 else f"{each:.1f} messages a node and period, and two are enough"


def one_crashes(protocol, link, seed):
    """Somebody crashes: within n periods, it is dead for all."""
    trial = Trial(protocol, link=link, seed=seed)
    with trial.net as net:
        net.run(5)
        net.crash("n7")
        trial.gone = {"n7"}
        for _ in range(GROUP):
            net.run(1.0)
            if problem := trial.buried(but=["n7"]):
                return problem
            if all(state == "dead" for _, id, state in trial.entries() if id == "n7"):
                return ""
        who = [who for who, id, state in trial.entries() if id == "n7" and state != "dead"]
        return f"n7 crashed, and {GROUP} periods later it is not dead for {len(who)} of {GROUP - 1}"


def nobody_crashes(protocol, seed):
    """Messages are lost, and nobody is ever taken for dead."""
    trial = Trial(protocol, link=LOSSY, seed=seed)
    with trial.net as net:
        for _ in range(MINUTE):
            net.run(1.0)
            if problem := trial.buried():
                return problem
        sizes = [event.size for event in net.trace.where(kind="send")]
        each, mean = len(sizes) / GROUP / MINUTE, statistics.fmean(sizes)
        if each > LOSSY_LOAD:
            return (
                f"{each:.1f} messages a node and period: do you send messages for the news alone?"
            )
        if mean > BYTES:
            return f"a message has {mean:,.0f} bytes: tell only what is new"
        return raised_by_others(net.trace)


def raised_by_others(trace):
    """Say who told a higher incarnation of a member than that member ever had, if anybody did."""
    own = {}  # the highest incarnation that each member has told of itself, or was first said to have
    for event in trace.where(kind="send"):
        _, fields = event.value
        for news in fields.get("news", ()):
            id, number = news.get("id"), news["incarnation"]
            if id == event.node or id not in own:
                own[id] = max(number, own.get(id, 0))
            elif (
                number > own[id] and id is not None
            ):  # the kit's own news have a contact, and no id
                return f"{event.node} tells of {id} in incarnation {number}, which {id} never told"
    return ""


def one_is_frozen(protocol, seed):
    """Somebody freezes, all take it for dead; it wakes, and all have it back."""
    trial = Trial(protocol, nodes=20, seed=seed)
    with trial.net as net:
        net.run(3)
        net.pause("n7")
        trial.gone = {"n7"}
        if problem := trial.until(lambda: trial.wrong(dead=["n7"]), 40):
            return problem
        net.resume("n7")
        trial.gone = set()
        return trial.until(trial.wrong, 40)


def real_nodes(protocol):
    """The same on sockets, with a node that crashes."""
    trial = Trial(protocol, nodes=12, link=None, world=LocalNetwork, period=0.2)
    with trial.net as net:
        net.run(1.0)
        net.crash("n7")
        trial.gone = {"n7"}
        return trial.until(lambda: trial.wrong(dead=["n7"]), 100)


def check(protocol):
    """Try a class on harder and harder tasks; at the first trouble, give a hint."""
    steps = [
        ("nothing happens", nothing_happens, [()],
         "news goes on the back of messages that are sent anyway; did you call super().on_start()?"),
        ("one crashes", one_crashes, [(QUIET, 11)],
         "whoever was suspect for some log n periods is dead. Tell the others: who hears news that "
         "overrides what it knows passes it on, some log n times."),
        ("nobody crashes", nobody_crashes, [(21,), (22,), (23,)],
         "suspect first, for some log n periods, and bury only if nothing has overridden the suspicion "
         "by then. Whoever hears that it is suspected denies it, with a higher incarnation; only a member "
         "itself may do so, and the others pass it on."),
        ("one crashes, and messages are lost", one_crashes, [(LOSSY, 31), (LOSSY, 32)],
         "the suspicion must end in time, at each node that has heard of it, unless it was overridden."),
        ("one is frozen, and wakes", one_is_frozen, [(41,), (42,)],
         "nobody asks the dead: so who gets a message from one should tell it, in the answer; and alive "
         "of a higher incarnation overrides dead."),
        ("real sockets", real_nodes, [()],
         "what is different there is time: nothing happens exactly at once."),
    ]  # fmt: skip
    for number, (title, task, trials, hint) in enumerate(steps):
        for trial in trials:
            try:
                with warnings.catch_warnings(action="ignore"):
                    problem = in_time(task, protocol, *trial)
            except Exception as error:
                notes = "".join(f" ({note})" for note in getattr(error, "__notes__", ()))
                line = where(error, protocol)
                problem = f"it raised {type(error).__name__}: {error}{notes}{line}"
                hint = "" if line else hint  # whoever knows the line needs no other
            if problem:
                print(f"next  {title}\n        {problem}")
                print(f"        Hint: {hint}\n" if hint else "", end="")
                print(f"{number} of {len(steps)} steps done")
                return
        print("ok   ", title)
    print(f"all {len(steps)} steps done, and your methods have {lines(protocol)} lines.")
    print(f"The kit's own, with probing and joining, have {lines(swim.Swim)}.")


def in_time(task, protocol, *trial):
    """Run a task, and interrupt it when it takes too long: perhaps it would never end."""
    over, late = threading.Event(), threading.Event()

    def interrupt():
        for seconds in (TOO_SLOW, 1.0):  # twice: a simulation ends what it is doing after the first
            if over.wait(seconds):
                return
            late.set()
            _thread.interrupt_main()

    threading.Thread(target=interrupt, daemon=True).start()
    try:
        return task(protocol, *trial)
    except KeyboardInterrupt as error:
        if not late.is_set():
            raise  # it was you who pressed the button
        return (
            f"{TOO_SLOW:.0f} s were over{where(error, protocol)}: is there a loop without end, "
            "or does each message make others be sent?"
        )
    finally:
        over.set()


def methods(protocol):
    return [it for it in vars(protocol).values() if inspect.isfunction(it)]


def where(error, protocol):
    """Return the line of somebody's class in which an exception began, if it was there."""
    files = {method.__code__.co_filename for method in methods(protocol)}
    places = [it for it in traceback.extract_tb(error.__traceback__) if it.filename in files]
    return f", in {places[-1].name}: {places[-1].line}" if places else ""


def lines(protocol):
    return sum(len(inspect.getsource(method).splitlines()) for method in methods(protocol))


check(Swim)

# %% [markdown]
# ## What you know now
#
# - Nobody can tell a node that is gone from one that is slow. One can only choose how long to wait, and
#   pays for haste with mistakes.
# - Heartbeats to all cost $n - 1$ messages a node and period; asking one costs two, and somebody still
#   notices after $e/(e-1)$ periods on average.
# - A way round, by a helper, makes false alarms rare; a suspicion that can be denied makes them rarer still.
# - News needs no messages of its own where messages are sent anyway.
# - Old news and new come in any order. Let one node alone count, and everybody agrees on which is newer.
#
# HashiCorp's Consul and Serf use a descendant of this protocol. Now that a node knows *who* is there: how
# does it find *what* is there, and with whom? That is the next notebook.
