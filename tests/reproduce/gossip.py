"""Gossip: Demers and others (1987), rounds until all know, and what a fixed fanout reaches.

The arrays of `p2pkit.rounds` take the full counts; the protocols themselves run with a thousand
nodes, some ten times, and are held to three standard errors.
"""

from collections.abc import Callable, Sequence
from math import ceil, exp, floor, log, log2, sqrt
from statistics import fmean
from typing import Any

import numpy as np

from p2pkit import Message, SimNetwork, on, rounds
from p2pkit.protocols import gossip
from p2pkit.protocols.antientropy import AntiEntropy, Checksum
from p2pkit.protocols.gossip import Gossip, Pull, PushPull
from p2pkit.protocols.rumor import Mongering, Rumor, Verdict
from p2pkit.rounds import Spread
from tests.reproduce.harness import Row, Rows, error, published, row

NODES = 1000

# Demers and others, "Epidemic algorithms for replicated database maintenance" (PODC 1987), section 1.4

FEEDBACK_COIN: dict[str, Any] = {"counter": False}
BLIND_COIN: dict[str, Any] = {"feedback": False, "counter": False}
FEEDBACK_COUNTER: dict[str, Any] = {}
BLIND_COUNTER: dict[str, Any] = {"feedback": False}

TABLE_1 = {1: (0.18, 1.7, 16.8), 2: (0.037, 3.3, 16.9), 3: (0.011, 4.5, 17.4)} | {
    4: (0.0036, 5.6, 17.5),
    5: (0.0012, 6.7, 17.7),
}
"""Telling, feedback and counter: k, and the residue s, the traffic m, the last round t_last."""

TABLE_2 = {1: (0.96, 0.04, 38), 2: (0.20, 1.6, 33), 3: (0.06, 2.8, 32)} | {
    4: (0.021, 3.9, 32),
    5: (0.008, 4.9, 32),
}
"""Telling, blind and coin; the errata say that its column is 1/probability."""

TABLE_3 = {1: (3.1e-2, 2.7, 17.6), 2: (5.8e-4, 4.5, 15.4)}
"""Pulling, feedback and counter. In its next line, two runs in three leave nobody out."""

BIRTHDAY = 0.959717, 0.040283, 39.283
"""What the first line of table 2 is exactly: a walk that ends at the first node that knows."""

HALF_A_DIGIT = 0.05
"""How far a figure with one decimal may be from what was rounded to it."""


def spreads(runs: int, **variant: Any) -> list[Spread]:
    return [rounds.mongering(NODES, seed=seed, **variant) for seed in range(runs)]


def table(printed: dict[int, tuple[float, float, float]], runs: int, **variant: Any) -> Rows:
    """Yield the rows of one of the paper's tables: s within 6 or 15 %, as it is printed with one or
    two digits, m within 0.06, and t_last within a round."""
    for k, (s, m, last) in printed.items():
        seen = spreads(runs, k=k, **variant)
        near = 0.06 if k <= 3 else 0.15
        yield row(f"residue s, k={k}", s, [it.residue for it in seen], near * s)
        tolerance = 0.06 + HALF_A_DIGIT * (k > 1)
        yield row(f"traffic m, k={k}", m, [it.traffic for it in seen], tolerance)
        if last:
            yield row(f"last round, k={k}", last, [it.rounds for it in seen], 1.0)


@published("demers-t1", reduced=100, full=2000)
def table_1(runs: int) -> Rows:
    yield from table(TABLE_1, runs, **FEEDBACK_COUNTER)


@published("demers-t2", reduced=100, full=2000)
def table_2(runs: int) -> Rows:
    s, m, last = BIRTHDAY  # the 38 rounds that are printed are too few: it was a matter of chance
    printed = TABLE_2 | {1: (*TABLE_2[1][:2], 0)}
    yield from table(printed, runs, **BLIND_COIN)
    seen = spreads(runs, k=1, **BLIND_COIN)
    yield row("residue, k=1, exactly", s, [it.residue for it in seen], 0.06 * s)
    yield row("traffic, k=1, exactly", m, [it.traffic for it in seen], 0.06)
    yield row("last round, k=1, exactly", last, [it.rounds for it in seen], 1.0)
    yield row("mean round, k=1, exactly", last / 2, [it.mean_round for it in seen], 1.0)


@published("demers-t3", reduced=40, full=1000)
def table_3(runs: int) -> Rows:
    yield from table(TABLE_3, runs, pulling=True, **FEEDBACK_COUNTER)


@published("demers-se-m", reduced=100, full=2000)
def law_of_traffic(runs: int) -> Rows:
    """s = e^-m, whatever the variant."""
    for variant, name in (
        (FEEDBACK_COIN, "feedback, coin"),
        (BLIND_COIN, "blind, coin"),
        (FEEDBACK_COUNTER, "feedback, counter"),
        (BLIND_COUNTER, "blind, counter"),
    ):
        for k in range(1, 6):
            chancy = variant is BLIND_COIN and k >= 4  # some runs end before they have begun
            seen = spreads(5 * runs if chancy else runs, k=k, **variant)
            s, m = [it.residue for it in seen], fmean(it.traffic for it in seen)
            factor = exp(m)
            yield Row(f"s e^m, {name}, k={k}", 1.0, fmean(s) * factor, 0.05, error(s) * factor)


ODE = {1: 0.203188, 2: 0.05952, 3: 0.019827, 4: 0.006977, 5: 0.002516, 6: 0.000918}
"""k, and the s that solves s = exp(-(k + 1)(1 - s))."""

IN_ROUNDS = {1: (0.1748, 1.744), 2: (0.05, 2.998), 3: (0.0166, 4.103), 4: (0.0058, 5.158)} | {
    5: (0.0021, 6.184)
}
"""k, and s and m of synchronous rounds: those who meet at a node find both that it was news."""


def solution(law: Callable[[float], float], start: float) -> float:
    """Return what a law leaves as it is."""
    for _ in range(1000):
        start = law(start)
    return start


@published("demers-ode", reduced=1, full=1)
def formula(runs: int) -> Rows:
    for k, s in ODE.items():
        found = solution(lambda s, k=k: exp(-(k + 1) * (1 - s)), 0.0)  # type: ignore[misc]
        yield Row(f"solution, k={k}", s, found, 1e-6)


@published("demers-ode", reduced=100, full=2000)
def in_rounds(runs: int) -> Rows:
    for k, (s, m) in IN_ROUNDS.items():
        seen = spreads(runs, k=k, **FEEDBACK_COIN)
        last_digit = 0.00005  # half of it, in which the last of these are rounded
        tolerance = 0.04 * s + last_digit
        yield row(f"residue in rounds, k={k}", s, [it.residue for it in seen], tolerance)
        yield row(f"traffic in rounds, k={k}", m, [it.traffic for it in seen], 0.06)


LIMITED = {1: (0.144, 1.711), 2: (0.0259, 2.921), 3: (0.00533, 3.978)} | {
    4: (0.00112, 4.993),
    5: (0.000236, 5.998),
}
"""k, and s and m if a node hears one teller in a round, and the counter is never set back."""


@published("demers-connlimit", reduced=100, full=4000)
def connection_limit(runs: int) -> Rows:
    for k, (s, m) in LIMITED.items():
        seen = spreads(runs, k=k, limited=True, reset=False)
        residue, traffic = [it.residue for it in seen], [it.traffic for it in seen]
        yield row(f"residue, k={k}", s, residue, 0.15 * s)
        yield row(f"traffic, k={k}", m, traffic, 0.05)
        exponent = -log(max(fmean(residue), 1e-9)) / fmean(traffic)
        chance = error(residue) / max(fmean(residue), 1e-9) / fmean(traffic)
        if k < 5 or runs >= 1000:  # few runs leave out a handful of nodes in all
            yield Row(f"exponent (1.1 to 1.4), k={k}", 1.25, exponent, 0.15, chance)


# The same by the protocol

HELLO = Rumor("hello")


def died_out(
    protocol: type[Mongering], seed: int, sent: type[Message] = Rumor
) -> tuple[float, ...]:
    """Return s, m and t_last of one rumor. sent: what is counted."""
    with SimNetwork(protocol, NODES, seed=seed, record="counts") as net:
        net.tell("n0", HELLO)
        net.run(0.5)
        while any(node.hot for node in net):
            net.run(1.0)
        turns = [node.heard[HELLO] for node in net if HELLO in node.heard]
        sends = net.trace.count(kind="send", message=sent)
        return 1 - len(turns) / NODES, sends / NODES, max(turns)


def by_protocol(
    known: dict[int, tuple[float, ...]],
    runs: int,
    protocol: type[Mongering] = Mongering,
    **variant: Any,
) -> Rows:
    """Yield s and m, for each k."""
    for k, figures in known.items():
        variety = protocol.using(**{"synchronous": True, "pause": 1.0, "k": k, **variant})
        seen = [died_out(variety, seed) for seed in range(runs)]
        for name, figure, values in zip(
            ("s", "m", "t_last"), figures, zip(*seen, strict=True), strict=False
        ):
            yield row(f"{name}, k={k}, {runs} runs", figure, values)


@published("demers-t2", reduced=4, full=40)
def table_2_by_the_protocol(runs: int) -> Rows:
    """Against the figures of many runs, as those that are printed have a digit or two."""
    many = {2: (0.20368, 1.59331, 32.786), 3: (0.05965, 2.824, 31.688), 1: BIRTHDAY}
    yield from by_protocol(many, runs, **BLIND_COIN)


@published("demers-se-m", reduced=4, full=40)
def law_of_traffic_by_the_protocol(runs: int) -> Rows:
    for k in (1, 2, 3):
        variety = Mongering.using(synchronous=True, pause=1.0, k=k)
        seen = [died_out(variety, seed) for seed in range(runs)]
        s, m = [it[0] for it in seen], fmean(it[1] for it in seen)
        yield Row(f"s e^m, k={k}", 1.0, fmean(s) * exp(m), error=error(s) * exp(m))


@published("demers-ode", reduced=3, full=40)
def whenever_they_like(runs: int) -> Rows:
    """Nodes that take their turns whenever they like have the residue of the formula, and those that
    do it in rounds a lower one."""
    free = {"synchronous": False, **FEEDBACK_COIN}
    yield from by_protocol({1: (ODE[1],), 2: (ODE[2],), 3: (ODE[3],)}, runs, **free)
    yield from by_protocol({1: IN_ROUNDS[1], 2: IN_ROUNDS[2]}, runs, **FEEDBACK_COIN)


class Refused(Message):
    """I have heard somebody in this round."""


class Limited(Mongering):
    """Hear one teller in a round, as if the others had not called."""

    last = -1

    @on(Rumor)
    def hear(self, rumor: Rumor, sender: str | None) -> Verdict | Refused | None:  # type: ignore[override]
        if sender is not None:
            if self.last == self.turns:
                return Refused()
            self.last = self.turns
        return super().hear(rumor, sender)

    def judge(self, rumor: Rumor, verdict: Verdict | Refused | None) -> None:
        super().judge(rumor, None if isinstance(verdict, Refused) else verdict)


@published("demers-connlimit", reduced=4, full=40)
def connection_limit_by_the_protocol(runs: int) -> Rows:
    """The traffic is that of the calls which were heard, so Verdicts are counted, not Rumors."""
    for k in (1, 2):
        variety = Limited.using(synchronous=True, pause=1.0, k=k, reset=False)
        seen = [died_out(variety, seed, Verdict) for seed in range(runs)]
        for name, figure, values in zip("sm", LIMITED[k], zip(*seen, strict=True), strict=False):
            yield row(f"{name}, k={k}, {runs} runs", figure, values)


# Demers and others, section 3: who chooses near partners spares the links, on a line

EXPONENTS = 1.25, 1.5, 1.75
"""Of p(d) ~ d^-a: here the traffic of a link is O(n^(2-a))."""


def slope(sizes: Sequence[int], traffic: Sequence[float]) -> float:
    """Return the exponent of a power law."""
    return float(np.polyfit(np.log(sizes), np.log(traffic), 1)[0])


def distances(size: int, a: float) -> np.ndarray[Any, Any]:
    """Return, for each place on a line (a row), how likely it calls each other place."""
    places = np.arange(size)
    far = np.abs(places[:, np.newaxis] - places).astype(float)
    np.fill_diagonal(far, np.inf)
    likely = far**-a
    return np.asarray(likely / likely.sum(axis=1, keepdims=True))


@published("demers-spatial", reduced=1, full=1)
def traffic_of_a_link(runs: int) -> Rows:
    """The expected traffic, which needs no runs."""
    sizes = 200, 400, 800, 1600
    for a in EXPONENTS:
        means = []
        for size in sizes:
            places = np.arange(size)
            far = np.abs(places[:, np.newaxis] - places)
            means.append(float((distances(size, a) * far).sum() / (size - 1)))
        yield Row(f"log-log slope, a={a}", 2 - a, slope(sizes, means), 0.15)


@published("demers-spatial", reduced=2, full=20)
def traffic_of_a_link_by_the_protocol(runs: int) -> Rows:
    """Anti-entropy with near partners, for 20 turns of each node."""
    sizes = 100, 200, 400, 800
    for a in EXPONENTS:
        slopes = []
        for seed in range(runs):
            means = [crossings(size, a, seed) / (size - 1) for size in sizes]
            slopes.append(slope(sizes, means))
        yield row(f"log-log slope, a={a}, {runs} runs", 2 - a, slopes, 0.15)


def crossings(size: int, a: float, seed: int) -> int:
    """Return how many links all comparisons cross together."""
    likely = distances(size, a).cumsum(axis=1)
    crossed = 0

    class OnALine(AntiEntropy):
        def partners(self) -> list[str]:
            place = int(self.id[1:])
            there = int(np.searchsorted(likely[place], self.random.random()))
            return [f"n{there}"]

        @on(Checksum)
        def check(self, theirs: Checksum, sender: str) -> None:
            nonlocal crossed
            crossed += abs(int(self.id[1:]) - int(sender[1:]))

    with SimNetwork(OnALine.using(pause=1.0), size, seed=seed, record="counts") as net:
        net.run(22.0)
    return crossed


# Rounds until all know, on a complete graph: means over many runs of an independent simulation; those
# for 100,000 nodes are multiples of 1/30, so they are over 30 runs, and have an error of their own

PUSH = {100: (12.32, 5.626), 1000: (18.043, 7.98), 10**4: (23.715, 10.321), 10**5: (29.567, 12.852)}
PULL = {100: (9.797, 0.99), 1000: (13.781, 0.999), 10**4: (17.502, 1.0), 10**5: (21.067, 1.0)}
PUSH_PULL = {
    100: (6.528, 4.494),
    1000: (9.144, 5.486),
    10**4: (11.61, 6.182),
    10**5: (14.033, 6.866),
}
"""n, and rounds and messages a node. A round that more or less costs a message a node, and with both
at once two."""

FEW = {"push": 1.294 / sqrt(30), "pull": 1.528 / sqrt(30), "push-pull": 0.486 / sqrt(30)}
"""The standard errors of the figures for 100,000 nodes, in rounds."""

RUNS = {"reduced": 30, "full": 2000}


def until_all_know(
    model: Callable[..., Spread],
    known: dict[int, tuple[float, float]],
    way: str,
    price: float,
    runs: int,
) -> Rows:
    for nodes, (took, messages) in known.items():
        seen = [model(nodes, seed=seed) for seed in range(runs)]
        off = 0.15 if nodes < 100_000 else 3 * FEW[way]
        yield row(f"rounds, n={nodes:,}", took, [it.rounds for it in seen], off)
        spent = [it.traffic for it in seen]
        yield row(f"messages a node, n={nodes:,}", messages, spent, off * price + 0.001)


@published("spread-push", **RUNS)
def push(runs: int) -> Rows:
    yield from until_all_know(rounds.push, PUSH, "push", 1.0, runs)


@published("spread-push", **RUNS)
def push_between_bounds(runs: int) -> Rows:
    """Doerr and Künnemann (2014): floor(log2 n) + ln n - 1.116 <= E <= ceil(log2 n) + ln n + 2.765."""
    for nodes in (100, 1000, 10_000):
        low, high = floor(log2(nodes)) + log(nodes) - 1.116, ceil(log2(nodes)) + log(nodes) + 2.765
        seen = [rounds.push(nodes, seed=seed).rounds for seed in range(runs)]
        what = f"rounds, n={nodes:,}, {low:.2f} to {high:.2f}"
        yield row(what, (low + high) / 2, seen, (high - low) / 2)


@published("spread-pull", **RUNS)
def pull(runs: int) -> Rows:
    yield from until_all_know(rounds.pull, PULL, "pull", 0.0, runs)


@published("spread-pushpull", **RUNS)
def push_pull(runs: int) -> Rows:
    yield from until_all_know(rounds.push_pull, PUSH_PULL, "push-pull", 2.0, runs)


def rounds_of(protocol: type[Any], rumor: Message, nodes: int, seed: int) -> tuple[int, float]:
    """Return the rounds until all know, and how often the rumor was sent, per node."""
    with SimNetwork(protocol.using(pause=1.0), nodes, seed=seed, record="counts") as net:
        net.tell("n0", rumor)
        net.run(0.5)
        took = 0
        while not all(node.heard for node in net):
            net.run(1.0)
            took += 1
        return took, net.trace.count(kind="send", message=type(rumor)) / nodes


DEVIATION = {
    "push": {100: 1.323, 1000: 1.284},
    "pull": {100: 1.35, 1000: 1.331},
    "push-pull": {100: 0.573, 1000: 0.495},
}
"""By how many rounds runs differ: better known than from a few."""

INSISTENT = Mongering.using(k=10**9, feedback=False, synchronous=True)
"""Rumor mongering that never loses interest is pushing."""


def until_all_know_by_the_protocol(
    protocol: type[Any], rumor: Message, known: dict[int, tuple[float, float]], way: str, runs: int
) -> Rows:
    for nodes, deviation in DEVIATION[way].items():
        took = fmean(rounds_of(protocol, rumor, nodes, seed)[0] for seed in range(runs))
        what = f"rounds, n={nodes:,}, {runs} runs"
        yield Row(what, known[nodes][0], took, error=deviation / sqrt(runs))


@published("spread-push", reduced=5, full=50)
def push_by_the_protocol(runs: int) -> Rows:
    yield from until_all_know_by_the_protocol(INSISTENT, HELLO, PUSH, "push", runs)


@published("spread-pull", reduced=5, full=50)
def pull_by_the_protocol(runs: int) -> Rows:
    yield from until_all_know_by_the_protocol(Pull, gossip.Rumor("hello"), PULL, "pull", runs)
    seen = [rounds_of(Pull, gossip.Rumor("hello"), 100, seed)[1] for seed in range(runs)]
    yield row("messages a node, n=100", 0.99, seen)


@published("spread-pushpull", reduced=5, full=50)
def push_pull_by_the_protocol(runs: int) -> Rows:
    yield from until_all_know_by_the_protocol(
        PushPull, gossip.Rumor("hello"), PUSH_PULL, "push-pull", runs
    )


# Infect and die

COVERAGE = {2: 0.796812, 3: 0.94048, 4: 0.980173, 5: 0.993023, 6: 0.997484, 8: 0.999664}
"""The fanout f, and the p that solves p = 1 - exp(-f p)."""

REACHED = {1: 0.04033, 2: 0.7975, 3: 0.94077, 4: 0.98033, 5: 0.99308, 6: 0.99752, 8: 0.99968}
"""The same for a thousand nodes, in 4000 runs of an independent simulation. One is a birthday walk."""

ATOMIC = {5: 0.0013, 6: 0.0877, 7: 0.4108, 8: 0.7226, 9: 0.8883, 10: 0.9577, 11: 0.9844, 12: 0.9943}
"""f, and the probability exp(-n (1 - f / (n - 1))^(n - 1)) that nobody at all is left out."""


@published("fanout-coverage", reduced=60, full=2000)
def fanout(runs: int) -> Rows:
    for f, share in COVERAGE.items():
        found = solution(lambda p, f=f: 1 - exp(-f * p), 1.0)  # type: ignore[misc]
        yield Row(f"fixed point, f={f}", share, found, 1e-6)
    for f, share in ({1: REACHED[1]} | COVERAGE).items():
        seen = [rounds.infect_and_die(NODES, fanout=f, seed=seed).coverage for seed in range(runs)]
        yield row(f"coverage, f={f}", share, seen, 0.003 if f <= 2 else 0.002)


@published("fanout-atomic-fixed", reduced=100, full=2000)
def all_reached(runs: int) -> Rows:
    for f, share in ATOMIC.items():
        seen = [
            rounds.infect_and_die(NODES, fanout=f, seed=seed).residue == 0 for seed in range(runs)
        ]
        chance = sqrt(share * (1 - share) / runs)
        yield Row(f"all reached, f={f}", share, fmean(seen), 0.035, chance)


def reached(f: int, seed: int) -> float:
    """Return the coverage of one rumor that the protocol spreads."""
    with SimNetwork(Gossip.using(fanout=f), NODES, seed=seed, record="counts") as net:
        net.tell("n0", gossip.Rumor("hello"))
        net.run(10.0)
        return fmean(bool(node.heard) for node in net)


@published("fanout-coverage", reduced=6, full=50)
def fanout_by_the_protocol(runs: int) -> Rows:
    for f in (2, 3, 4, 5):
        seen = [reached(f, seed) for seed in range(runs)]
        yield row(f"coverage, f={f}, {runs} runs", REACHED[f], seen)


@published("fanout-atomic-fixed", reduced=10, full=50)
def all_reached_by_the_protocol(runs: int) -> Rows:
    for f in (7, 9):
        share = fmean(reached(f, seed) == 1 for seed in range(runs))
        chance = sqrt(ATOMIC[f] * (1 - ATOMIC[f]) / runs)
        yield Row(f"all reached, f={f}, {runs} runs", ATOMIC[f], share, error=chance)
