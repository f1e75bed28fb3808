"""Faults: who is told of a cut, a partition, a crash or a pause, and who is not, in every world.

A fault is between two nodes and in one direction, or of one node; what it drops is recorded; who is
cut off is told after PEER_TIMEOUT, which the fixture `impatient_network` makes short; `heal` and
`resume` make the graph's connections again. The first stories of this kind: test_parity_faults.py.
"""

from statistics import median

import networkx as nx
import pytest
from post import EARLY, MARGIN, Here, Post, arrived, flights
from tools import PATIENCE

from p2pkit import Link

pytestmark = pytest.mark.usefixtures("nothing_left")


def post(network, link=None, graph=None, **options):
    return network(Post, graph or nx.path_graph(2), link=link, **options)


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
def test_a_cut_ends_its_link_at_both_ends_and_no_other(impatient_network, oneway):
    with post(impatient_network, graph=nx.complete_graph(4)) as net:
        net.cut("n0", "n1", oneway=oneway)
        told(net, ("n0", "n1"))
        assert edges(net) == all_edges(net) - {frozenset(("n0", "n1"))}
        net.heal()
        assert edges(net) == all_edges(net)


def test_a_question_over_a_bad_link_is_answered_or_its_time_is_up(network):
    with post(network, Link(loss=0.3), seed=2) as net:
        for _ in range(100):
            net.call("n0", "wonder", "n1", 0.3)
        assert net.run(until=lambda: len(net["n0"].answers) == 100, within=PATIENCE)
        answers = net["n0"].answers
        assert answers.count(None) == net.trace.drops["lost"] > 20
        assert answers.count(Here()) == 100 - answers.count(None)


def test_a_partition_that_heals_in_time_is_told_to_nobody(network):
    with post(network, graph=nx.complete_graph(4)) as net:
        for groups in ([["n0"]], [["n0", "n1"], ["n2", "n3"]], [["n0"], ["n1"], ["n2"], ["n3"]]):
            net.partition(*groups)
            net.run(0.05)
            net.heal()
        for a, b in net.graph.edges:
            net.call(a, "burst", b, 1)
        arrived(net, 6)
        assert not disconnects(net)


def test_a_partition_ends_the_links_between_its_groups_and_heal_redials_them(impatient_network):
    with post(impatient_network, graph=nx.cycle_graph(6)) as net:
        net.partition(["n0", "n1", "n2"], ["n3", "n4"])  # and n5, alone
        told(net, ("n2", "n3"), ("n4", "n5"), ("n5", "n0"))
        net.heal()
        assert edges(net) == all_edges(net)
        for a, b in net.graph.edges:
            net.call(a, "burst", b, 1)
            net.call(b, "burst", a, 1)
        arrived(net, 12)


def test_a_link_keeps_its_shape_when_it_is_made_again(impatient_network):
    with post(impatient_network, graph=nx.path_graph(2)) as net:
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


def test_a_crash_is_told_to_all_its_peers_at_once_and_to_nobody_else(network):
    with post(network, graph=nx.cycle_graph(5)) as net:
        net.crash("n0")
        crashed = net.now
        assert net.run(until=lambda: len(disconnects(net)) == 2, within=PATIENCE)
        assert disconnects(net) == {("n1", "n0"), ("n4", "n0")}
        assert net.now < crashed + 1.0  # by a reset, not by silence
        net.restart("n0")
        assert edges(net) == all_edges(net)


def test_a_short_pause_is_told_to_nobody_and_loses_nothing(network):
    with post(network, Link(latency=(0.0, 0.05)), nx.cycle_graph(3)) as net:
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


def test_a_long_pause_ends_all_links_of_the_node_and_resume_redials_them(impatient_network):
    with post(impatient_network, graph=nx.cycle_graph(4)) as net:
        net.pause("n0")
        assert net.run(until=lambda: len(disconnects(net)) == 2, within=PATIENCE)
        net.resume("n0")  # only now it learns what it has missed
        told(net, ("n0", "n1"), ("n0", "n3"))
        assert edges(net) == all_edges(net)
        net.call("n0", "burst", "n1", 1)
        net.call("n3", "burst", "n0", 1)
        arrived(net, 2)


def test_a_node_pauses_behind_a_partition_and_all_is_well_when_both_end(impatient_network):
    with post(impatient_network, graph=nx.complete_graph(3)) as net:
        net.partition(["n0"])
        net.pause("n0")
        assert net.run(until=lambda: len(disconnects(net)) == 2, within=PATIENCE)
        net.heal()
        assert [list(net[name].peers) for name in ("n1", "n2")] == [["n2"], ["n1"]]
        net.resume("n0")
        assert edges(net) == all_edges(net)
