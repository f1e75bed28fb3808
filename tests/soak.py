"""The soak: real nodes under everything at once, for as long as you like, and nothing may grow.

    python -m tests.soak --minutes 30 --nodes 24 --processes 4 --seed 1

Nodes gossip, repair, ask each other and write to their disks, while they come and go, links are
shaped, cut and healed, nodes are paused, and worker processes (if there are any) are killed. Every
few seconds a line says how much memory, how many descriptors and how many threads are in use. At
the end comes the verdict: memory, descriptors and threads are as they were in the second quarter
of the time, and when all is healed, one more rumor reaches everybody. If not, the exit code is 1.
"""

import argparse
import os
import signal
import sys
import threading
import time
import warnings
from contextlib import suppress
from itertools import count
from random import Random
from statistics import median
from typing import NamedTuple

import networkx as nx

from p2pkit import Contact, Link, LocalNetwork, Message, on
from p2pkit.errors import NodeDown
from p2pkit.network import NetworkWarning
from p2pkit.protocols.gossip import Rumor
from p2pkit.protocols.repair import RepairedGossip

KEPT = 40
"""Rumors that a node remembers: what a protocol hoards is not what is measured here."""

RARELY = 0.1
"""Share of acquaintances that are spoken to: their connections come and go as they like, and are the
noise in the number of descriptors."""

EVERY = 5.0
"""Seconds between two lines."""

SPREAD = 60.0
"""Seconds that the last rumor may take to reach everybody."""

MEGABYTE = 1 << 20


class Whom(Message):
    """Whom do you know?"""


class Known(Message):
    """Somebody I know."""

    contact: Contact | None


class News(RepairedGossip):
    """Gossip about numbered rumors, forget old ones, and make acquaintances."""

    def on_start(self):
        super().on_start()
        self.latest = self.disk.get("latest", 0)
        self.every(0.5, self.wonder, jitter=0.5)

    @on(Rumor)
    def hear(self, rumor, sender):
        if int(rumor.text) <= self.latest - KEPT:
            return
        super().hear(rumor, sender)
        if int(rumor.text) > self.latest:
            self.disk["latest"] = self.latest = int(rumor.text)
            self.heard = {old for old in self.heard if int(old.text) > self.latest - KEPT}

    def wonder(self):
        for peer in self.sample(1):
            self.ask(peer, Whom(), self.greet, timeout=1.0)

    @on(Whom)
    def name_somebody(self, whom, sender):
        peers = [peer for peer in self.sample(2) if peer != sender]
        return Known(Contact(peers[0], self.peers[peers[0]]) if peers else None)

    def greet(self, known):
        """Tell somebody who is perhaps no peer: that needs a connection for the occasion."""
        if known and known.contact and self.heard and self.random.random() < RARELY:
            self.send(known.contact, max(self.heard, key=lambda rumor: int(rumor.text)))


# Trouble


class Trouble:
    """Everything that can be done to a network, one thing after the other, at random."""

    def __init__(self, net, seed, *, kills):
        self.net = net
        self.dice = Random(f"{seed} soak")
        self.numbers = count(1)
        self.churn = net.churn(20.0, 5.0)
        self.over = False
        self.kinds = [self.partition, self.cut, self.shape, self.pause, self.heal, self.heal]
        self.tell()
        self.strike()
        if kills:
            net.after(10.0, self.kill)

    def tell(self):
        """Tell somebody a rumor, ten times a second."""
        if self.over:
            return
        with suppress(NodeDown):
            self.net.tell(self.dice.choice(self.net.names), self.next_rumor())
        self.net.after(0.1, self.tell)

    def next_rumor(self):
        return Rumor(str(next(self.numbers)))

    def strike(self):
        """Make trouble of some kind, and again soon."""
        if self.over:
            return
        self.dice.choice(self.kinds)()
        self.net.after(self.dice.uniform(0.5, 3.0), self.strike)

    def partition(self):
        names = self.dice.sample(self.net.names, len(self.net.names))
        self.net.partition(names[: self.dice.randint(1, len(names) // 2)])

    def cut(self):
        a, b = self.dice.choice(list(self.net.graph.edges))
        self.net.cut(a, b, oneway=self.dice.random() < 0.5)

    def shape(self):
        a, b = self.dice.choice(list(self.net.graph.edges))
        low = self.dice.uniform(0.0, 0.1)
        link = Link(
            latency=self.dice.choice(
                [None, low, (low, 2 * low), lambda dice: dice.expovariate(20)]
            ),
            bandwidth=self.dice.choice([None, 200_000]),
            loss=self.dice.choice([0.0, 0.2]),
            duplicate=self.dice.choice([0.0, 0.2]),
            ordered=self.dice.random() < 0.5,
        )
        self.net.shape(a, b, link, oneway=self.dice.random() < 0.5)

    def pause(self):
        name = self.dice.choice(self.net.names)
        with suppress(NodeDown):
            self.net.pause(name)
            self.net.after(self.dice.uniform(1.0, 8.0), self.resume, name)

    def resume(self, name):
        with suppress(NodeDown):
            self.net.resume(name)

    def heal(self):
        self.net.heal()

    def kill(self):
        """End a worker process without warning, and bring its nodes back two seconds later."""
        if self.over:
            return
        victim = self.net.pids[self.dice.choice(self.net.names)]
        names = [name for name, pid in self.net.pids.items() if pid == victim]
        os.kill(victim, signal.SIGKILL)
        self.net.after(2.0, self.restart, names)
        self.net.after(self.dice.uniform(15.0, 45.0), self.kill)

    def restart(self, names):
        for name in names:
            if not self.net.is_up(name):
                self.net.restart(name)

    def end(self):
        """Make all well again."""
        self.over = True
        self.churn.stop()
        for name in self.net.names:
            self.resume(name)
        self.restart(self.net.names)
        self.net.heal()


# Measuring


class Sample(NamedTuple):
    """What is in use at one moment."""

    parent: float  # bytes
    children: float  # bytes, of all together
    descriptors: float  # in the verdict: beside those that nodes and links explain
    threads: float


def measured():
    """Measure this process and those that it has started."""
    import psutil

    here = psutil.Process()
    used = [_of_process(here)]
    for child in here.children(recursive=True):
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):  # it has been killed
            used.append(_of_process(child))
    memory, descriptors, threads = zip(*used, strict=True)
    return Sample(memory[0], sum(memory[1:]), sum(descriptors), sum(threads))


def _of_process(process):
    with process.oneshot():
        return process.memory_info().rss, process.num_fds(), process.num_threads()


BOUNDS = Sample(8 * MEGABYTE, 8 * MEGABYTE, 20, 2)
"""What may be more at the end, beside a tenth: chance, and the allocator's habits."""


def grown(samples):
    """Return which figures have grown, with their medians in the second and the last quarter.

    >>> grown([Sample(1e8, 0, 100, 5)] * 8)
    {}
    >>> grown([Sample(1e8, 0, 100 + 10 * n, 5) for n in range(8)])
    {'descriptors': (125.0, 165.0)}
    """
    quarter = len(samples) // 4
    found = {}
    for name, bound in BOUNDS._asdict().items():
        values = [getattr(sample, name) for sample in samples]
        before, after = median(values[quarter : 2 * quarter]), median(values[-quarter:])
        if after > 1.1 * before + bound:
            found[name] = before, after
    return found


def explained(net):
    """Return how many descriptors the network needs now: more when more nodes and links are up."""
    return sum(map(net.is_up, net.names)) + 2 * net.overlay().number_of_edges()


def line(net, sample):
    """Return one line of the report."""
    up = sum(map(net.is_up, net.names))
    memory = f"{sample.parent / MEGABYTE:.1f} + {sample.children / MEGABYTE:.1f} MB"
    return (
        f"{net.now:7.0f} s  {up:3} up  {net.trace.count(kind='receive'):10,} messages  {memory}"
        f"  {sample.descriptors} descriptors  {sample.threads} threads"
    )


# The soak


def soak(net, options):
    """Make trouble until the time is over; return what was wrong, in sentences."""
    trouble = Trouble(net, options.seed, kills=options.processes)
    samples = []
    while net.now < 60 * options.minutes:
        net.run(EVERY)
        sample = measured()
        print(line(net, sample), flush=True)
        samples.append(sample._replace(descriptors=sample.descriptors - explained(net)))
    wrong = [
        f"{name} have grown from {before:,.0f} to {after:,.0f}"
        for name, (before, after) in grown(samples).items()
    ]
    trouble.end()
    last = trouble.next_rumor()
    net.tell("n0", last)
    if not net.run(until=lambda: all(last in node.heard for node in net), within=SPREAD):
        without = [node.id for node in net if last not in node.heard]
        wrong.append(f"the last rumor has not reached {', '.join(without)}")
    events = net.trace.counts()
    kinds = {kind: net.trace.count(kind=kind) for kind in sorted({key[0] for key in events})}
    print("events:", ", ".join(f"{number:,} {kind}" for kind, number in kinds.items()))
    print("drops:", ", ".join(f"{number:,} {why}" for why, number in net.trace.drops.items()))
    return wrong


def left_over(before):
    """Wait until nothing is left of a network; return what is left after all, in sentences."""
    deadline = time.monotonic() + 10.0
    while time.monotonic() < deadline:
        now = measured()
        wrong = [
            f"{name}: {old} before, and {new} after the end"
            for name, old, new in zip(Sample._fields, before, now, strict=True)
            if name in ("descriptors", "threads") and new > old
        ]
        if not wrong:
            break
        time.sleep(0.1)
    return wrong + [f"the thread {t.name} is left" for t in threading.enumerate()[1:]]


def main():
    """Soak, and exit with the verdict."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--nodes", type=int, default=24)
    parser.add_argument("--processes", type=int, default=0, help="0: all nodes in this one")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    warnings.simplefilter("ignore", NetworkWarning)  # killed workers, many drops: that is the idea
    before = measured()
    more = {"processes": options.processes} if options.processes else {}
    graph = nx.random_regular_graph(4, options.nodes, seed=options.seed)
    with LocalNetwork(News, graph, seed=options.seed, record="counts", **more) as net:
        wrong = soak(net, options)
    wrong += left_over(before)
    print("verdict:", "; ".join(wrong) if wrong else "flat, and everybody was reached")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
