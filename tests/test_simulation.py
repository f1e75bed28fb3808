"""SimNetwork: virtual time, and the same run every time. What all worlds share: test_parity.py."""

import copy as copying
import os
import pickle
import signal
import subprocess
import sys
from itertools import pairwise

import networkx as nx
import pytest

from p2pkit import Link, Message, Protocol, SimNetwork, on
from p2pkit.errors import NetworkError
from p2pkit.protocols.flood import Flood, Rumor
from p2pkit.simulation import LOOK, LOOK_AT_EACH


class Tick(Protocol):
    """Write down the times of a timer."""

    period = 1.0
    jitter = 0.0

    def on_start(self):
        self.times = []
        self.every(self.period, self.ring, jitter=self.jitter)

    def ring(self):
        self.times.append(self.now)


class Note(Message):
    """Something to be written down."""

    number: int


class Book(Protocol):
    """Write down what comes, and when."""

    def on_start(self):
        self.notes = []

    @on(Note)
    def write(self, note, sender):
        self.notes.append((self.now, note.number))

    def say(self, to, *numbers):
        for number in numbers:
            self.send(to, Note(number))


# The same seed, the same run

ALL_AT_ONCE = '''
import sys
import networkx as nx
from p2pkit import Contact, Link, Message, Protocol, SimNetwork, on

class Word(Message):
    texts: frozenset[str]

class Where(Message):
    pass

class Busy(Protocol):
    """Do all that a protocol can do."""

    def on_start(self):
        self.words = set()
        self.known = {}
        self.disk["lives"] = self.disk.get("lives", 0) + 1
        self.every(0.3, self.chat, jitter=0.2)

    def on_connect(self, peer):
        self.ask(peer, Where(), self.learn, timeout=0.15)

    def chat(self):
        for peer in self.sample(2):
            self.send(peer, Word(frozenset({self.id, str(self.random.random())})))
        for id in self.random.sample(sorted(self.known), min(1, len(self.known))):
            self.send(self.known[id], Word(frozenset({"hello", "stranger", id})))
        self.work(sum, range(10), then=self.log, takes=0.05)

    @on(Word)
    def hear(self, word, sender):
        if not word.texts <= self.words and len(self.words) < 60:
            self.words |= word.texts
            self.broadcast(word, but=sender)

    @on(Where)
    def tell(self, where, sender):
        if self.peers:
            [peer] = self.sample(1)
            return Contact(peer, self.peers[peer])

    def learn(self, contact):
        if contact and contact.id != self.id:
            self.known[contact.id] = contact

def story(net):
    churn = net.churn(session=3.0, downtime=1.0, nodes=["n1", "n2", "n3"])
    net.after(0.5, net.crash, "n5")
    net.after(1.5, net.restart, "n5")
    net.after(0.7, net.pause, "n6")
    net.after(2.0, net.partition, ["n0", "n7", "n8"])
    net.after(7.5, net.heal)
    net.after(8.0, net.resume, "n6")
    net.after(8.5, net.join, "late", ["n0", "n4"])
    net.run(10.0)
    churn.stop()

def events(seed, *more):
    graph = nx.random_regular_graph(4, 10, seed=1)
    graph.add_nodes_from(more)
    link = Link(latency=(0.01, 0.1), loss=0.05, duplicate=0.05, bandwidth=1e5)
    watch = lambda node: {"words": node.words}
    with SimNetwork(Busy, graph, link=link, seed=seed, watch=watch) as net:
        story(net)
    return net.trace
'''

PRINT = ALL_AT_ONCE + "\nprint(events(7).digest())"


@pytest.fixture(scope="module")
def events():
    scope = {"__name__": "all_at_once"}
    exec(ALL_AT_ONCE, scope)
    return scope["events"]


@pytest.fixture(scope="module")
def trace(events):
    return events(7)


def test_a_run_does_all_that_there_is(trace):
    kinds = {"start", "connect", "send", "receive", "drop", "disconnect", "crash", "leave"}
    assert {event.kind for event in trace} > kinds | {"pause", "resume", "log", "state"}
    assert trace.drops.keys() >= {"lost", "cut", "node is down"}
    assert trace.count(kind="start", node="n5") == 2
    assert trace.count(kind="receive", message="Contact") > 0


def test_the_same_seed_gives_the_same_run(events, trace):
    assert events(7).digest() == trace.digest()


@pytest.mark.parametrize("hash_seed", ["0", "1"])
def test_the_same_seed_gives_the_same_run_in_every_process(trace, hash_seed):
    done = subprocess.run(
        [sys.executable, "-c", PRINT],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == [trace.digest()]


def test_another_seed_gives_another_run(events, trace):
    assert len({events(seed).digest() for seed in range(3)} | {trace.digest()}) == 4


def test_a_node_that_nobody_knows_changes_nothing_for_the_others(events, trace):
    more = events(7, "hermit")
    assert more.count(node="hermit") > 0
    before = 8.5  # when one more joins, who has another address then
    assert [event for event in more if event.node != "hermit" and event.time < before] == [
        event for event in trace if event.time < before
    ]


def test_the_dice_of_links_are_not_those_of_nodes():
    def throws(link):
        with SimNetwork(Flood, nx.cycle_graph(5), link=link) as net:
            net.tell("n0", Rumor("hello"))
            net.run(1.0)
            return [node.random.random() for node in net]

    assert throws(Link()) == throws(Link(latency=(0.01, 0.02), duplicate=0.5))


# Time


def test_a_run_ends_exactly_at_its_time():
    with SimNetwork(Book, 2) as net:
        assert net.now == 0.0
        assert net.run(0.3)
        assert net.now == 0.3
        net.call("n0", "say", "n1", 1)
        net.run(0.005)
        assert (net.now, net["n1"].notes) == (0.305, [])  # the message is on its way
        net.run(60)
        assert (net.now, net["n1"].notes) == (60.305, [(0.31, 1)])


def test_what_is_due_just_at_the_end_happens():
    with SimNetwork(Tick, 1) as net:
        net.after(1.0, net.crash, "n0")
        net.run(1.0)
        assert not net.is_up("n0")  # an action comes before what nodes do at the same time
        assert net["n0"].times == []
    with SimNetwork(Tick, 1) as net:
        net.run(1.0)
        assert net["n0"].times == [1.0]


def test_nothing_happens_outside_of_run_and_step():
    with SimNetwork(Flood, 3) as net:
        net.tell("n0", Rumor("hello"))
        net.after(0.0, net.crash, "n1")
        assert (net.now, len(net["n1"].heard)) == (0.0, 0)
        assert net.is_up("n1")
        net.run(0.0)
        assert not net.is_up("n1")


def test_verbs_take_effect_at_once():
    with SimNetwork(Flood, nx.path_graph(3)) as net:
        net.tell("n0", Rumor("hello"))
        assert net["n0"].heard == {Rumor("hello")}
        net.crash("n1")
        assert (net.is_up("n1"), net.overlay().size()) == (False, 0)
        net.restart("n1")
        assert (net.is_up("n1"), net.overlay().size()) == (True, 2)
        net.pause("n1")
        assert net.is_paused("n1")
        net.resume("n1")
        net.join("n9", to="n0")
        assert net["n9"].peers.keys() == {"n0"}
        net.leave("n9")
        assert not net.is_up("n9")
        assert net.now == 0.0


def test_step_by_step():
    with SimNetwork(Book, 2, link=Link(latency=0.5)) as net:
        assert not net.step()
        net.after(0.2, net.call, "n0", "say", "n1", 7)
        assert net.step()
        assert (net.now, net["n1"].notes) == (0.2, [])
        assert net.step()
        assert net["n1"].notes == [(0.7, 7)]
        assert not net.step()
        assert net.now == 0.7


def test_actions_happen_at_their_times_and_in_order():
    seen = []
    with SimNetwork(Tick, 1) as net:
        net.after(2.5, lambda: seen.append(("c", net.now, len(net["n0"].times))))
        net.after(0.5, lambda: seen.append(("a", net.now, len(net["n0"].times))))
        net.after(0.5, lambda: net.after(0.25, lambda: seen.append(("b", net.now, 0))))
        net.run(3.0)
    assert seen == [("a", 0.5, 0), ("b", 0.75, 0), ("c", 2.5, 2)]


def test_a_run_until_ends_when_the_condition_holds():
    with SimNetwork(Flood, nx.path_graph(10), link=Link(latency=0.1)) as net:
        net.tell("n0", Rumor("hello"))
        assert net.run(until=lambda: net["n3"].heard)
        assert 0.3 <= net.now <= 0.3 + LOOK + 10 * LOOK_AT_EACH
        assert not net["n4"].heard
        assert net.run(until=lambda: True)
        assert 0.3 <= net.now <= 0.3 + LOOK + 10 * LOOK_AT_EACH
        net.after(0.25, net.crash, "n9")
        assert net.run(until=lambda: not net.is_up("n9"))
        assert 0.55 <= net.now <= 0.55 + LOOK + 10 * LOOK_AT_EACH


def test_among_many_events_the_condition_is_looked_at_every_millisecond():
    looks = []
    with SimNetwork(Tick.using(period=1e-5), 1) as net:
        net.run(until=lambda: looks.append(net.now), within=0.1)
        assert len(net["n0"].times) == 10_000
    assert 90 <= len(looks) <= 110
    assert max(b - a for a, b in pairwise(looks)) < LOOK + LOOK_AT_EACH + 2e-5


def test_a_run_until_gives_up_in_time():
    with SimNetwork(Tick, 2) as net:
        assert not net.run(until=lambda: False, within=2.5)
        assert net.now == 2.5
        assert net.run(until=lambda: net.now >= 5.0, within=2.5)
        assert not net.run(until=lambda: False)
        assert net.now == 65.0
    with SimNetwork(Flood, 2) as net:
        assert net.run(until=lambda: net.now >= 2.0, within=2.0)  # though nothing has happened


def test_timers_do_not_drift():
    with SimNetwork(Tick.using(period=0.1), 1) as net:
        net.run(100.05)
        assert net["n0"].times == [turn * 0.1 for turn in range(1, 1001)]


def test_jitter_makes_timers_late_but_does_not_add_up():
    with SimNetwork(Tick.using(jitter=0.5), 2) as net:
        net.run(100.0)
        one, two = (node.times for node in net)
    assert one != two
    for turn, (a, b) in enumerate(zip(one, two, strict=False), 1):
        assert 0 <= a - turn <= 0.5
        assert 0 <= b - turn <= 0.5


def test_virtual_time_is_not_real_time():
    with SimNetwork(Tick.using(period=3600.0), 3) as net:
        net.run(30 * 86400)
        assert len(net["n2"].times) == 720


def test_a_closed_network_stands_still_and_shows_its_last_state():
    with SimNetwork(Tick, 2) as net:
        net.run(3.0)
        net.crash("n1")
    assert (net.now, net["n0"].times) == (3.0, [1.0, 2.0, 3.0])
    assert (net.is_up("n0"), net.is_up("n1")) == (True, False)
    for act in (net.step, lambda: net.run(1.0), lambda: net.crash("n0"), net.heal):
        with pytest.raises(NetworkError, match="closed"):
            act()


# A run that cannot end


# What a flood costs

GRAPHS = [
    nx.path_graph(10),
    nx.cycle_graph(9),
    nx.star_graph(8),
    nx.complete_graph(12),
    nx.grid_2d_graph(5, 6),
    nx.random_regular_graph(4, 40, seed=1),
    nx.barabasi_albert_graph(60, 2, seed=1),
]


@pytest.mark.parametrize("graph", GRAPHS, ids=lambda graph: f"{len(graph)}-{graph.size()}")
@pytest.mark.parametrize("link", [Link(), Link(latency=(0.01, 0.2))], ids=["even", "uneven"])
def test_a_flood_costs_2m_minus_n_plus_1_messages(graph, link):
    with SimNetwork(Flood, graph, link=link, seed=3) as net:
        net.tell(next(iter(graph)), Rumor("hello"))
        net.run(10.0)
        assert all(node.heard for node in net)
        assert net.trace.count(kind="send") == 2 * graph.size() - len(graph) + 1


def test_a_flood_reaches_everybody_in_as_many_hops_as_they_are_away():
    graph = nx.random_regular_graph(3, 50, seed=2)
    hops = nx.single_source_shortest_path_length(graph, 0)
    first = {}
    with SimNetwork(Flood, graph, link=Link(latency=1.0)) as net:
        net.tell(0, Rumor("hello"))
        net.run(20.0)
    for event in net.trace.where(kind="receive"):
        first.setdefault(event.node, event.time)
    assert first == {f"n{node}": float(away) for node, away in hops.items()}


# What the simulation does without

WITHOUT = """
import sys
import networkx as nx  # which loads sockets and threads of its own, and uses none
import random, selectors, socket, threading, time

for name in "asyncio sqlite3 multiprocessing subprocess ssl cloudpickle p2pkit.tcp p2pkit.local".split():
    sys.modules[name] = None

def forbidden(*_, **__):
    raise AssertionError("this is not for simulations")

socket.socket.__init__ = threading.Thread.start = selectors.DefaultSelector.__init__ = forbidden
for name in "time monotonic perf_counter sleep time_ns monotonic_ns perf_counter_ns".split():
    setattr(time, name, forbidden)
for name in "random randint choice sample shuffle seed uniform getrandbits".split():
    setattr(random, name, forbidden)
"""


def test_there_are_no_sockets_threads_clocks_and_global_dice():
    program = WITHOUT + PRINT
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


# What a review has found


def test_the_one_who_dials_knows_its_peer_before_it_hears_from_it():
    class Greeter(Protocol):
        def on_start(self):
            self.seen = []

        def on_connect(self, peer):
            self.seen.append(f"+{peer}")
            if self.id == "n1":
                self.send(peer, Note(1))

        @on(Note)
        def write(self, note, sender):
            self.seen.append((sender, sender in self.peers))

        def meet(self, contact):
            self.connect(contact)

    with SimNetwork(Greeter, nx.empty_graph(2)) as net:
        net.call("n0", "meet", net["n1"].contact)
        net.run(1.0)
        assert net["n0"].seen == ["+n1", ("n1", True)]


def test_who_parts_and_is_connected_again_at_once_has_its_peer():
    class Parting(Protocol):
        def on_start(self):
            self.seen = []

        def on_connect(self, peer):
            self.seen.append(f"+{peer}")

        def on_disconnect(self, peer):
            self.seen.append(f"-{peer}")

        def part(self, peer):
            self.disconnect(peer)

    with SimNetwork(Parting, 2) as net:
        net.call("n0", "part", "n1")
        net.heal()
        net.run(1.0)
        assert net["n0"].seen == ["+n1", "-n1", "+n1"]
        assert list(net["n0"].peers) == ["n1"]
        assert list(net["n1"].peers) == ["n0"]


def test_who_looks_on_changes_nothing():
    def ends(*looks):
        with SimNetwork(Asker, 4, link=Link(latency=(0.01, 0.1)), seed=3) as net:
            for look in looks:
                net.observe(look)
            net.run(until=lambda: net.now > 1.0)
            return net.now, net.trace.digest()

    class Asker(Protocol):
        """Set timers and cancel them."""

        def on_start(self):
            self.every(0.05, self.ask_around)

        def ask_around(self):
            for peer in self.sample(2):
                self.ask(peer, Note(1), lambda answer: None, timeout=0.2)

        @on(Note)
        def answer(self, note, sender):
            return note

    assert ends() == ends(lambda: None)


@pytest.mark.parametrize("within", [float("inf"), 1e9])
def test_a_run_ends_when_nothing_is_left_to_happen(within):
    with SimNetwork(Flood, 3) as net:
        net.tell("n0", Rumor("hello"))
        assert not net.run(until=lambda: False, within=within)
        net.run(float("inf"))
        assert net.now < float("inf")


def test_times_that_never_come_are_refused():
    with SimNetwork(Flood, 3) as net:
        with pytest.raises(NetworkError, match="never"):
            net.after(float("nan"), print)
        with pytest.raises(NetworkError, match="never be over"):
            net.run(float("nan"))


def test_ctrl_c_leaves_the_network_whole():
    class Interrupted(Tick):
        def ring(self):
            if self.id == "n1" and self.now == 2.0:
                signal.raise_signal(signal.SIGINT)
            super().ring()

    with SimNetwork(Interrupted, 3) as net:
        before = signal.getsignal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            net.run(10.0)
        assert signal.getsignal(signal.SIGINT) is before
        assert net.now == 2.0
        net.run(8.0)
        assert [len(node.times) for node in net] == [10, 10, 10]
        assert all(net.is_up(name) for name in net.names)


def test_a_second_ctrl_c_does_not_wait():
    class Hanging(Tick):
        def ring(self):
            while True:
                signal.raise_signal(signal.SIGINT)

    with SimNetwork(Hanging, 1) as net, pytest.raises(KeyboardInterrupt):
        net.run(10.0)


def test_a_network_is_neither_copied_nor_pickled():
    with SimNetwork(Flood, 3) as net:
        for copy in (copying.copy, copying.deepcopy):
            with pytest.raises(NetworkError, match="with the same seed"):
                copy(net)
        with pytest.raises(TypeError, match="take its trace"):
            pickle.dumps(net)


def test_a_crowds_graph_makes_another_network():
    class Greeted(Protocol):
        met = 0

        def on_connect(self, peer):
            self.met += 1

    with SimNetwork(Flood, 150) as net:
        with SimNetwork(Greeted, net.graph) as other:
            assert {node.met for node in other} == {149}
        with SimNetwork(Flood, net.graph) as other:
            other.join("new", "n3")
            other.tell("n0", Rumor("hello"))
            other.run(1.0)
            assert other["new"].heard
        assert "new" not in net.graph
        assert len(list(net)) == 150


def test_work_gets_what_its_arguments_were():
    class Worker(Protocol):
        def on_start(self):
            self.numbers = [1, 2, 3]
            self.work(sum, self.numbers, then=self.done, takes=1.0)
            self.numbers.clear()

        def done(self, result):
            self.result = result

        def cheat(self):
            self.work(sum, (), then=self.done, takes=-1.0)

    with SimNetwork(Worker, 1) as net:
        net.run(2.0)
        assert net["n0"].result == 6
        with pytest.raises(ValueError, match="takes"):
            net.call("n0", "cheat")


def test_many_cuts_cost_no_look_at_everybody():
    graph = nx.random_regular_graph(4, 1000, seed=1)
    with SimNetwork(Flood, graph, record="counts") as net:
        hosts = net._hosts
        looked = []
        for name in ("n500", "n501"):
            hosts[name].notice = lambda end: looked.append(end)
        net.cut("n0", "n1")
        net.shape("n2", "n3", Link(latency=1.0))
    assert not looked
