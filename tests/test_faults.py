"""Faults on real sockets: who is told of a cut, a partition, a crash or a pause, and who is not.

The rules are in the design, section 4: a fault is between two nodes and in one direction, or of one
node; what it drops is recorded; who is cut off is told after PEER_TIMEOUT, which the fixture
`impatient` makes short; `heal` and `resume` make the graph's connections again.
"""

from statistics import median

import networkx as nx
import pytest
from post import EARLY, MARGIN, Here, arrived, flights, numbers, post
from tools import PATIENCE

from p2pkit import Link

pytestmark = pytest.mark.usefixtures("nothing_left")


def disconnects(net):
    return {(event.node, event.peer) for event in net.trace.where(kind="disconnect")}


def told(net, *links):
    """Let the network run until both ends of these links, and nobody else, are disconnected."""
    ends = {end for a, b in links for end in ((a, b), (b, a))}
    assert net.run(until=lambda: disconnects(net) >= ends, within=PATIENCE)
    net.run(0.5)  # longer than the timeout: others would have been given up as well
    assert disconnects(net) == ends


def edges(net):
    return {frozenset(edge) for edge in net.overlay().edges}


def all_edges(net):
    return {frozenset(edge) for edge in net.graph.edges}


# Cuts and partitions


@pytest.mark.parametrize("oneway", [True, False])
def test_a_cut_ends_its_link_at_both_ends_and_no_other(impatient, oneway):
    with post(graph=nx.complete_graph(4)) as net:
        net.cut("n0", "n1", oneway=oneway)
        told(net, ("n0", "n1"))
        assert edges(net) == all_edges(net) - {frozenset(("n0", "n1"))}
        net.heal()
        assert edges(net) == all_edges(net)


def test_a_cut_lets_pass_what_goes_the_other_way_or_to_others():
    with post(graph=nx.complete_graph(3)) as net:
        net.cut("n0", "n1", oneway=True)
        for a, b in [(a, b) for a in net.names for b in net.names if a != b]:
            net.call(a, "burst", b, 10)
        arrived(net, 50)
        drops = [(e.node, e.peer, e.reason) for e in net.trace.where(kind="drop")]
        assert drops == [("n0", "n1", "cut")] * 10
        assert not flights(net, "n0", "n1")


def test_what_was_on_its_way_before_a_cut_still_arrives():
    with post(Link(latency=0.2)) as net:
        net.call("n0", "burst", "n1", 5)
        net.cut("n0", "n1")
        net.call("n0", "burst", "n1", 7)
        arrived(net, 5)
        assert net.trace.drops == {"cut": 7}


def test_what_a_cut_drops_is_not_lost_or_doubled_as_well():
    with post(Link(loss=0.5, duplicate=0.5)) as net:
        net.cut("n0", "n1")
        net.call("n0", "burst", "n1", 100)
        assert net.trace.drops == {"cut": 100}


def test_a_question_over_a_bad_link_is_answered_or_its_time_is_up():
    with post(Link(loss=0.3), seed=2) as net:
        for _ in range(100):
            net.call("n0", "wonder", "n1", 0.3)
        assert net.run(until=lambda: len(net["n0"].answers) == 100, within=PATIENCE)
        answers = net["n0"].answers
        assert answers.count(None) == net.trace.drops["lost"] > 20
        assert answers.count(Here()) == 100 - answers.count(None)


def test_a_partition_that_heals_in_time_is_told_to_nobody():
    with post(graph=nx.complete_graph(4)) as net:
        for groups in ([["n0"]], [["n0", "n1"], ["n2", "n3"]], [["n0"], ["n1"], ["n2"], ["n3"]]):
            net.partition(*groups)
            net.run(0.05)
            net.heal()
        for a, b in net.graph.edges:
            net.call(a, "burst", b, 1)
        arrived(net, 6)
        assert not disconnects(net)


def test_a_partition_ends_the_links_between_its_groups_and_heal_redials_them(impatient):
    with post(graph=nx.cycle_graph(6)) as net:
        net.partition(["n0", "n1", "n2"], ["n3", "n4"])  # and n5, alone
        told(net, ("n2", "n3"), ("n4", "n5"), ("n5", "n0"))
        net.heal()
        assert edges(net) == all_edges(net)
        for a, b in net.graph.edges:
            net.call(a, "burst", b, 1)
            net.call(b, "burst", a, 1)
        arrived(net, 12)


def test_a_node_that_restarts_behind_a_partition_meets_its_own_side_only(impatient):
    with post(graph=nx.complete_graph(4)) as net:
        net.partition(["n0", "n1"])
        net.crash("n0")
        net.restart("n0")
        sides = {frozenset(("n0", "n1")), frozenset(("n2", "n3"))}
        assert net.run(until=lambda: edges(net) == sides, within=PATIENCE)
        net.heal()
        assert edges(net) == all_edges(net)


def test_a_link_keeps_its_shape_when_it_is_made_again(impatient):
    with post(graph=nx.path_graph(2)) as net:
        net.shape("n0", "n1", Link(latency=0.1), oneway=True)
        net.cut("n0", "n1")
        told(net, ("n0", "n1"))
        net.heal()
        net.call("n0", "stream", "n1", 20, 0.002)
        net.call("n1", "stream", "n0", 20, 0.002)
        arrived(net, 40)
        assert min(flights(net, "n0", "n1")) >= 0.1 - EARLY
        assert median(flights(net, "n1", "n0")) < MARGIN


# Crash and pause


def test_a_crash_is_told_to_all_its_peers_at_once_and_to_nobody_else():
    with post(graph=nx.cycle_graph(5)) as net:
        net.crash("n0")
        crashed = net.now
        assert net.run(until=lambda: len(disconnects(net)) == 2, within=PATIENCE)
        assert disconnects(net) == {("n1", "n0"), ("n4", "n0")}
        assert net.now < crashed + 1.0  # by a reset, not by silence
        net.restart("n0")
        assert edges(net) == all_edges(net)


def test_what_flies_to_and_from_a_node_that_crashes_is_dropped():
    with post(Link(latency=0.2), nx.path_graph(3)) as net:
        net.call("n0", "burst", "n1", 3)
        net.call("n1", "burst", "n2", 4)
        net.call("n2", "burst", "n1", 5)
        net.crash("n1")
        assert net.run(until=lambda: net.trace.drops["node is down"] == 12, within=PATIENCE)
        assert not numbers(net, "n0")
        assert not numbers(net, "n2")


def test_a_short_pause_is_told_to_nobody_and_loses_nothing():
    with post(Link(latency=(0.0, 0.05)), nx.cycle_graph(3)) as net:
        net.pause("n1")
        net.call("n0", "burst", "n1", 50)
        net.call("n2", "burst", "n1", 50)
        net.run(0.2)
        assert net.trace.count(kind="receive") == 0
        net.resume("n1")
        arrived(net, 100)
        for sender in ("n0", "n2"):
            assert [n for who, n in net["n1"].got if who == sender] == list(range(50))
        assert not disconnects(net)


def test_a_long_pause_ends_all_links_of_the_node_and_resume_redials_them(impatient):
    with post(graph=nx.cycle_graph(4)) as net:
        net.pause("n0")
        assert net.run(until=lambda: len(disconnects(net)) == 2, within=PATIENCE)
        net.resume("n0")  # only now it learns what it has missed
        told(net, ("n0", "n1"), ("n0", "n3"))
        assert edges(net) == all_edges(net)
        net.call("n0", "burst", "n1", 1)
        net.call("n3", "burst", "n0", 1)
        arrived(net, 2)


def test_a_node_pauses_behind_a_partition_and_all_is_well_when_both_end(impatient):
    with post(graph=nx.complete_graph(3)) as net:
        net.partition(["n0"])
        net.pause("n0")
        assert net.run(until=lambda: len(disconnects(net)) == 2, within=PATIENCE)
        net.heal()
        assert [list(net[name].peers) for name in ("n1", "n2")] == [["n2"], ["n1"]]
        net.resume("n0")
        assert edges(net) == all_edges(net)
