"""Churn: nodes come and go, at random and in their own time, and others' trouble is not touched."""

from math import exp, sqrt
from random import Random
from statistics import mean

import networkx as nx
import pytest
from tools import PATIENCE

from p2pkit import LocalNetwork, Protocol
from p2pkit.errors import NetworkError, NodeDown
from p2pkit.network import Network
from p2pkit.protocols.gossip import Rumor
from p2pkit.protocols.repair import RepairedGossip

pytestmark = pytest.mark.usefixtures("nothing_left")


class Clockwork(Network):
    """A network of nothing but a clock: its nodes are up, down or paused, and do nothing."""

    def __init__(self, nodes, seed=0):
        super().__init__(Protocol, nx.empty_graph(nodes), seed=seed)
        self.time = 0.0
        self.up = set(self.graph)
        self.paused = set()
        self.log = []  # (time, verb, node)

    @property
    def now(self):
        return self.time

    def _run(self, end, until):
        while self._next_action(end) < end:
            self.time = max(self.time, self._next_action(end))
            self._act()
        self.time = end

    def is_up(self, node):
        return self.name(node) in self.up

    def is_paused(self, node):
        return self.name(node) in self.paused

    def _end(self, verb, node):
        name = self.name(node)
        if name not in self.up:
            raise NodeDown(f"{name} is down")
        self.up.remove(name)
        self.log.append((self.now, verb, name))

    def crash(self, node):
        self._end("crash", node)

    def leave(self, node):
        self._end("leave", node)

    def restart(self, node):
        assert not self.is_up(node)
        self.up.add(self.name(node))
        self.log.append((self.now, "restart", self.name(node)))

    def pause(self, node):
        self.paused.add(self.name(node))

    def resume(self, node):
        self.paused.discard(self.name(node))

    tell = call = join = overlay = heal = None  # nobody asks
    _shut = _watch_with = _change_weather = __getitem__ = None

    def of(self, name):
        """Return what happened to one node, as (time, verb)."""
        return [(time, verb) for time, verb, node in self.log if node == name]


def churned(size=10, seconds=1000.0, seed=0, **options):
    net = Clockwork(size, seed)
    net.churn(**{"session": 30.0, "downtime": 10.0} | options)
    net.run(seconds)
    return net


def spans(net, seconds):
    """Return how long the sessions and the downtimes were that ended, and the share of time that
    nodes were up."""
    sessions, downtimes, total = [], [], 0.0
    for name in net.names:
        came, went = 0.0, None
        for time, verb in net.of(name):
            if verb == "restart":
                downtimes.append(time - went)
                came = time
            else:
                sessions.append(time - came)
                total += time - came
                went = time
        total += seconds - came if name in net.up else 0.0
    return sessions, downtimes, total / (seconds * len(net))


def distance(sample, cdf):
    """Return the Kolmogorov-Smirnov distance of a sample from a distribution."""
    values = sorted(sample)
    n = len(values)
    return max(max((i + 1) / n - cdf(x), cdf(x) - i / n) for i, x in enumerate(values))


# How often, how long


@pytest.mark.parametrize(
    ("session", "downtime", "share", "bound"),
    [
        (30.0, 10.0, 0.75, 0.01),  # four standard deviations
        (5, 20, 0.2, 0.01),
        (lambda random: random.uniform(10, 50), lambda random: 10.0, 0.75, 0.01),
        (lambda random: random.weibullvariate(15, 0.5), 10.0, 0.75, 0.03),  # its mean is 30
    ],
    ids=["mostly up", "mostly down", "functions", "heavy tail"],
)
def test_in_the_long_run_nodes_are_up_for_session_of_session_and_downtime(
    session, downtime, share, bound
):
    net = churned(50, 10_000.0, session=session, downtime=downtime)
    assert spans(net, 10_000.0)[2] == pytest.approx(share, abs=bound)


def test_a_number_is_the_mean_of_an_exponential_distribution():
    sessions, downtimes, _ = spans(churned(50, 10_000.0), 10_000.0)
    for times, expected in ((sessions, 30.0), (downtimes, 10.0)):
        assert len(times) > 10_000
        bound = 2.5 / sqrt(len(times))  # exceeded by chance once in 100,000 times
        assert distance(times, lambda x, e=expected: 1 - exp(-x / e)) < bound


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_a_share_goes_by_a_crash_and_the_others_leave(share):
    goings = [verb for _, verb, _ in churned(50, 5000.0, crash=share).log if verb != "restart"]
    bound = 5 * sqrt(share * (1 - share) / len(goings))
    assert mean(verb == "crash" for verb in goings) == pytest.approx(share, abs=bound)


def test_some_nodes_come_and_go_and_the_others_stay():
    net = churned(nodes=["n1", 2])
    assert {name for _, _, name in net.log} == {"n1", "n2"}
    assert {name for _, _, name in churned(nodes="n4").log} == {"n4"}
    assert not churned(nodes=[]).log


def test_a_node_named_twice_goes_once():
    assert churned(nodes=["n1", "n1"]).log == churned(nodes=["n1"]).log


# Dice


def test_the_same_seed_makes_the_same_churn_and_another_seed_another():
    assert churned(seed=7).log == churned(seed=7).log
    assert churned(seed=7).log != churned(seed=8).log


def test_one_node_more_changes_nobody_elses_coming_and_going():
    few, many = churned(3), churned(4)
    assert len({tuple(many.of(name)) for name in many.names}) == 4
    for name in few.names:
        assert few.of(name) == many.of(name)


def test_trouble_of_one_node_changes_nobody_elses_coming_and_going():
    quiet, troubled = churned(3), Clockwork(3)
    troubled.crash("n1")
    troubled.churn(30.0, 10.0)
    troubled.run(1000.0)
    assert troubled.of("n0") == quiet.of("n0")
    assert troubled.of("n1") == [(0.0, "crash")]


# Others' trouble


def test_whoever_was_taken_down_by_somebody_else_is_left_down():
    net = Clockwork(5)
    net.after(100.0, lambda: [net.crash(name) for name in net.names if net.is_up(name)])
    churn = net.churn(30.0, 10.0)
    net.run(100.0)
    taken = set(churn.down)
    assert 0 < len(taken) < 5
    net.run(1000.0)
    after = {name for time, _, name in net.log if time > 100.0}
    assert after == taken


def test_whoever_is_back_by_somebody_elses_help_comes_and_goes_again():
    net = Clockwork(1)
    churn = net.churn(30.0, lambda random: 1000.0, crash=1.0)
    while net.up:
        net.run(1.0)
    assert churn.down == ["n0"]
    net.restart("n0")
    assert churn.down == []
    net.run(5000.0)
    verbs = [verb for _, verb in net.of("n0")]
    assert verbs[:4] == ["crash", "restart", "crash", "restart"]


def test_a_paused_node_is_left_alone_until_it_is_resumed():
    net = Clockwork(2)
    net.pause("n0")
    net.churn(30.0, 10.0)
    net.run(1000.0)
    assert not net.of("n0")
    assert net.of("n1")
    net.resume("n0")
    net.run(1000.0)
    assert net.of("n0")


# The end


def test_stop_leaves_everybody_where_they_are():
    net = Clockwork(20)
    churn = net.churn(30.0, 10.0)
    net.run(100.0)
    assert repr(churn) == f"<Churn, running: {len(churn.down)} nodes down>"
    churn.stop()
    before, down = list(net.log), churn.down
    assert set(down) == set(net.names) - net.up != set()
    net.run(1000.0)
    assert net.log == before
    for name in churn.down:
        net.restart(name)
    assert churn.down == []
    assert repr(churn) == "<Churn, stopped: 0 nodes down>"


# Mistakes


@pytest.mark.parametrize("name", ["session", "downtime"])
@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf"), "long", None, (1, 2)])
def test_a_mean_out_of_its_range_is_refused_and_named(name, value):
    net = Clockwork(2)
    with pytest.raises(ValueError, match=rf"churn\({name}=.*seconds on average, above 0"):
        net.churn(**{"session": 1.0, "downtime": 1.0} | {name: value})


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan"), "all", None])
def test_a_share_of_crashes_out_of_its_range_is_refused(share):
    with pytest.raises(ValueError, match=r"churn\(crash=.*between 0 and 1"):
        Clockwork(2).churn(1.0, 1.0, crash=share)


@pytest.mark.parametrize("wrong", [-1.0, float("nan"), float("inf"), None, "1"])
@pytest.mark.parametrize("name", ["session", "downtime"])
def test_a_function_that_returns_no_time_is_named_at_once(name, wrong):
    functions = {"session": 1.0, "downtime": 1.0} | {name: lambda random: wrong}
    with pytest.raises(ValueError, match=f"the churn's {name} function returned"):
        Clockwork(2).churn(**functions)


def test_an_unknown_node_is_refused():
    with pytest.raises(NetworkError, match="there is no node n9"):
        Clockwork(2).churn(1.0, 1.0, nodes=["n0", "n9"])


# On real sockets


def verbs(net, name):
    """Return what the trace says of a node's coming and going."""
    told = {"start": "restart", "crash": "crash", "leave": "leave"}
    return [told[event.kind] for event in net.trace.where(node=name) if event.kind in told][1:]


def test_real_nodes_go_in_the_order_that_the_dice_of_the_seed_say():
    with LocalNetwork(Protocol, nx.cycle_graph(4), seed=3) as net:
        churn = net.churn(0.2, 0.1, nodes="n2")
        assert net.run(until=lambda: len(verbs(net, "n2")) >= 6, within=PATIENCE)
        churn.stop()
        real = verbs(net, "n2")
    clockwork = Clockwork(4, seed=3)
    clockwork.churn(0.2, 0.1, nodes="n2")
    clockwork.run(100.0)
    assert real == [verb for _, verb in clockwork.of("n2")][: len(real)]


def test_real_sessions_are_not_shorter_than_they_were_drawn():
    def draw(random):
        drawn.append(random.uniform(0.05, 0.15))
        return drawn[-1]

    drawn = []
    with LocalNetwork(Protocol, nx.path_graph(2)) as net:
        net.churn(draw, lambda random: 0.05, nodes="n0", crash=1.0)
        assert net.run(until=lambda: net.trace.count(kind="crash") >= 5, within=PATIENCE)
        times = [e.time for e in net.trace.where(node="n0") if e.kind in ("start", "crash")]
    sessions = [crash - start for start, crash in zip(times[::2], times[1::2], strict=False)]
    assert all(real >= asked - 1e-6 for real, asked in zip(sessions, drawn, strict=False))


def test_a_rumor_reaches_everybody_in_the_end_who_comes_back_from_churn():
    with LocalNetwork(RepairedGossip.using(pause=0.05), nx.cycle_graph(12), seed=5) as net:
        churn = net.churn(0.4, 0.2, nodes=net.names[1:])
        net.after(0.5, net.tell, "n0", Rumor("hello"))
        net.run(2.0)
        churn.stop()
        assert net.trace.count(kind="crash") > 0
        assert net.trace.count(kind="leave") > 0
        for name in churn.down:
            net.restart(name)
        assert net.run(
            until=lambda: all(Rumor("hello") in node.heard for node in net), within=PATIENCE
        )
        assert nx.utils.graphs_equal(net.overlay(), net.graph)


def test_a_network_can_be_closed_in_the_middle_of_churn():
    with LocalNetwork(Protocol, nx.cycle_graph(4)) as net:
        churn = net.churn(0.05, 0.05)
        assert net.run(until=lambda: churn.down, within=PATIENCE)
    assert set(churn.down) == {name for name in net.names if not net.is_up(name)}


def test_a_churn_begun_twice_on_the_same_nodes_hurts_nobody():
    with LocalNetwork(Protocol, nx.cycle_graph(4), seed=Random(1).randrange(9)) as net:
        net.churn(0.1, 0.05)
        net.churn(0.15, 0.05, crash=0.0)
        net.run(1.0)
        assert net.trace.count(kind="start") > 8
