"""SWIM: how soon a crash is noticed, how often one is imagined, what it costs, how news spreads.

Das, Gupta and Motivala, "SWIM: Scalable weakly-consistent infection-style process group membership
protocol" (DSN 2002). Each figure is met twice: by a model of a few lines, with as many runs as its
tolerance asks for, and by the protocol itself, in fewer runs, judged by three standard errors.
"""

from math import ceil, e, log, sqrt
from random import Random

import numpy as np

from p2pkit import Link, SimNetwork
from p2pkit.message import Contact
from p2pkit.protocols.swim import News, Swim
from tests.reproduce.harness import Row, published, row

PERIOD = 1.0  # seconds
QUIET = Link(latency=0.01)
SETTLED = 3 * PERIOD
"""Seconds after which all have probed somebody."""


class Acquainted(Swim):
    """Know all members from the start, as peers, so that nobody has to be asked for a list."""

    def begin(self):
        self.joined = True
        self.meet_peers()
        super().begin()


def members(protocol, nodes, seed, link=QUIET, record="counts", **parameters):
    """Return a network of members who all know each other."""
    made = protocol.using(period=PERIOD, **parameters)
    net = SimNetwork(made, nodes, link=link, seed=seed, record=record)
    net.run(SETTLED)
    return net


# The first to notice


def expected_periods(nodes):
    """Return the mean number of whole periods until somebody pings one who has crashed (section 3.1,
    there as its limit e / (e - 1)): n - 1 members choose among n - 1 others."""
    return 1 / (1 - (1 - 1 / (nodes - 1)) ** (nodes - 1))


def periods_until_noticed(nodes, runs, dice):
    """Let all ping whom they like, period after period, until one pings member 0, who has crashed."""
    periods, going = np.zeros(runs, int), np.arange(runs)
    while len(going):
        periods[going] += 1
        chosen = dice.integers(0, nodes - 1, (len(going), nodes - 1))
        going = going[(chosen != 0).all(axis=1)]
    return periods


@published("swim-detect", reduced=2000, full=5000)
def model(runs):
    dice = np.random.default_rng(1)
    for nodes, theory in PRINTED.items():
        yield row(f"n={nodes}", theory, periods_until_noticed(nodes, runs, dice), 0.04)


PRINTED = {5: 1.4629, 10: 1.5301, 20: 1.5576, 50: 1.5726, 100: 1.5773, 500: 1.5811}
"""The first detection, in periods, by the number of members."""


class Noting(Acquainted):
    """Note whom it probes, and when."""

    def on_start(self):
        super().on_start()
        self.probes = []

    def probe(self):
        super().probe()
        self.probes.append((self.now, self.silent))


class Uniform(Noting):
    """Probe anybody, as in the paper's analysis: nobody has to wait for a turn."""

    def next_member(self):
        return self.random.choice(self.living())


def first_probe(protocol, nodes, seed):
    """Crash a node, and return in which period after that somebody probes it."""
    with members(protocol, nodes, seed) as net:
        victim = Random(seed).choice(net.names)
        net.crash(victim)
        crashed, times = net.now, []
        while not times:
            net.run(PERIOD)
            probes = [probe for node in net for probe in node.probes]
            times = [at for at, whom in probes if whom == victim and at > crashed]
        return ceil((min(times) - crashed) / PERIOD)


@published("swim-detect", reduced=20, full=200)
def protocol(runs):
    for kind, nodes in ((Uniform, 5), (Uniform, 50), (Noting, 50), (Noting, 100)):
        order = "in turn" if kind is Noting else "uniform"
        noticed = [first_probe(kind, nodes, seed) for seed in range(runs)]
        yield row(f"n={nodes}, protocol, {order}", PRINTED[nodes], noticed)


@published("swim-detect", reduced=1, full=1)
def theory(_):
    for nodes, printed in PRINTED.items():
        yield Row(f"formula, n={nodes}", printed, expected_periods(nodes), 0.00005)
    yield Row("limit", 1.58198, e / (e - 1), 0.000005)


# The prototype


@published("swim-params", reduced=1, full=1)
def prototype(_):
    yield Row("K", 1, Swim.k, 0)
    yield Row("period (s)", 2, Swim.period, 0)
    yield Row("lambda", 3, Swim.spread, 0)
    yield Row("suspicion, times log(n + 1)", 3, Swim.suspicion, 0)


# Imagined crashes

FALSE = {  # of a probe of a live member: by the loss of a message, and the number of helpers
    (0.01, 0): 0.0199,
    (0.01, 1): 0.00078414,
    (0.01, 3): 1.2175e-06,
    (0.05, 0): 0.0975,
    (0.05, 1): 0.018086,
    (0.05, 3): 0.00062229,
    (0.1, 0): 0.19,
    (0.1, 1): 0.065341,
    (0.1, 3): 0.0077277,
}
BATCH = 200_000
RARE = 1e-5


def failures(loss, k, dice):
    """Return of a batch of probes which the target's own answer does not end, and by helper, which
    ways round failed: two messages there, and four here, must not be lost."""
    arrives = dice.random((BATCH, 2 + 4 * k), dtype=np.float32) >= loss
    direct = arrives[:, :2].all(axis=1)
    round_about = arrives[:, 2:].reshape(BATCH, k, 4).all(axis=2)
    return ~direct, ~round_about


@published("swim-fp", reduced=2, full=20)
def probes(runs):
    """What is rarer than one in a batch is measured as a product, ways round being independent."""
    dice = np.random.default_rng(2)
    for (loss, k), printed in FALSE.items():
        if printed > RARE:
            hits = [
                (a & b.all(axis=1)).mean()
                for a, b in (failures(loss, k, dice) for _ in range(runs))
            ]
        else:
            hits = [
                a.mean() * b.mean() ** k for a, b in (failures(loss, k, dice) for _ in range(runs))
            ]
        measured = float(np.mean(hits))
        yield Row(
            f"p={loss}, k={k}", printed, measured, 0.06 * printed, chance(measured, runs * BATCH)
        )


def chance(share, of):
    """Return the standard error of a share."""
    return sqrt(share * (1 - share) / of)


class Doubting(Noting):
    """Count how often it suspects a member, and how often it believes that one is dead."""

    def on_start(self):
        super().on_start()
        self.suspicions = self.burials = 0

    def suspect(self, id):
        self.suspicions += 1
        super().suspect(id)

    def learn(self, news):
        believed = super().learn(news)
        self.burials += believed and news.state == "dead"
        return believed


@published("swim-fp", reduced=1, full=25)
def suspicions(runs):
    """The same, by the protocol: fifty members, none of whom crashes, and sixty periods a run."""
    for number, ((loss, k), printed) in enumerate(FALSE.items()):
        if loss < 0.05:
            continue  # a few in a run, at the most
        suspected = probed = 0
        for seed in range(100 * number, 100 * number + runs):  # other dice for each
            with members(
                Doubting, 50, seed, Link(latency=0.01, loss=loss), k=k, suspicion=5
            ) as net:
                net.run(60 * PERIOD)
                suspected += sum(node.suspicions for node in net)
                probed += sum(len(node.probes) - 1 for node in net)  # the last is still open
        error = chance(printed, probed)
        yield Row(f"p={loss}, k={k}, n=50", printed, suspected / probed, None, error)


@published("swim-fp", reduced=3, full=100)
def nobody_is_wronged(runs):
    """With three helpers and 5 ln n periods to deny, which is more than 3 log2 n, no live member is
    declared dead."""
    lossy, wronged = Link(latency=0.01, loss=0.1), 0
    for seed in range(runs):
        with members(Doubting, 50, seed, lossy, k=3, suspicion=5) as net:
            net.run(60 * PERIOD)
            wronged += sum(node.burials for node in net)
    yield Row(f"live members declared dead, {runs} x 60 periods", 0, wronged, 0)


# What it costs


@published("swim-load", reduced=5, full=50)
def load(periods):
    for nodes in (5, 10, 50, 200):
        with members(Acquainted, nodes, seed=1) as net:
            before = net.trace.count(kind="send"), net.trace.count(kind="receive")
            net.run(periods * PERIOD)
            after = net.trace.count(kind="send"), net.trace.count(kind="receive")
        for what, old, new in zip(("sent", "received"), before, after, strict=True):
            yield Row(f"messages {what}, n={nodes}", 2.0, (new - old) / nodes / periods, 0)


# How news spread

SPREAD = {  # by members and lambda: the share of runs in which all are reached, and the periods
    (50, 1): (0.4945, 4.92),
    (50, 2): (1.0, 3.98),
    (50, 3): (1.0, 3.91),
    (100, 1): (0.7295, 5.41),
    (100, 2): (1.0, 4.54),
    (100, 3): (1.0, 4.51),
    (1000, 1): (0.913, 7.28),
    (1000, 2): (1.0, 6.39),
    (1000, 3): (1.0, 6.39),
}


def periods_until_all_know(nodes, spread, dice):
    """Return in which period the last member hears the news, or None if it is not told any more.

    The detail that decides: members ping one after the other, the one who has the news first, and who
    hears it in a period passes it on in that same period. Were all to act at once on what they knew
    when it began, it would take half as long again.
    """
    most = spread * ceil(log(nodes + 1))
    left = [-1] * nodes  # how often a member still tells it; -1 of one who does not know it
    left[0] = most
    telling, know, periods = 1, 1, 0
    while telling and know < nodes:
        periods += 1
        for one in range(nodes):
            other = int(dice.random() * (nodes - 1))
            other += other >= one
            for teller, hearer in ((one, other), (other, one)):  # the ping, and its answer
                if left[teller] > 0:
                    left[teller] -= 1
                    telling -= not left[teller]
                    if left[hearer] < 0:
                        left[hearer] = most
                        know += 1
                        telling += 1
    return periods if know == nodes else None


@published("swim-dissem", reduced=30, full=2000)
def rounds(runs):
    dice = Random(3)
    for (nodes, spread), (share, periods) in SPREAD.items():
        took = [periods_until_all_know(nodes, spread, dice) for _ in range(runs)]
        reached = [time for time in took if time is not None]
        found = len(reached) / runs
        if spread > 1:
            yield Row(
                f"all reached, n={nodes}, lambda={spread}", share, found, 0.002, chance(found, runs)
            )
        else:  # what was printed is itself a count over runs, as many as these at the most
            either = sqrt(2) * chance(share, runs)
            yield Row(f"all reached, n={nodes}, lambda={spread}", share, found, None, either)
        yield row(f"periods, n={nodes}, lambda={spread}", periods, reached, 0.2)


class Hearing(Acquainted):
    """Note when it hears of somebody nobody has heard of, and bring such news up."""

    heard = None
    bring_up = False

    def learn(self, news):
        believed = super().learn(news)
        if believed and news.contact.id == "ghost":
            self.heard = self.now
        return believed

    def probe(self):
        if self.bring_up and self.heard is None:
            self.hear((News(Contact("ghost", "ghost:0"), "dead", 0),))
        super().probe()

    def know(self):
        self.bring_up = True


@published("swim-dissem", reduced=5, full=50)
def piggyback(runs):
    """The same, by the protocol: news of a stranger's death, so that nobody can deny it."""
    for nodes, spread in ((50, 2), (50, 3), (100, 2), (100, 3)):
        took = []
        for seed in range(runs):
            with members(Hearing, nodes, seed, Link(latency=0.001), spread=spread) as net:
                net.call(Random(seed).choice(net.names), "know")
                net.run(15 * PERIOD)
                times = [node.heard for node in net]
                if None not in times:
                    took.append(ceil((max(times) - min(times)) / PERIOD))
        yield Row(
            f"all reached, n={nodes}, lambda={spread}, protocol", 1.0, len(took) / runs, 0.002
        )
        yield row(f"periods, n={nodes}, lambda={spread}, protocol", SPREAD[nodes, spread][1], took)
