"""A crowd: everybody knows everybody, and nothing but speed tells that no links were made."""

from random import Random

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as some

from p2pkit import Contact, Link, Message, Protocol, SimNetwork, on, simulation, stats
from p2pkit.crowd import Others, Roll, complete_graph, is_crowd
from p2pkit.protocols.gossip import Gossip, Rumor

NODES = 9

# The names of the others


def others(size=5, me="n2"):
    return Others(Roll({f"n{number}": number for number in range(size)}), me)


def test_the_others_are_all_but_oneself_in_order():
    crowd = others()
    assert list(crowd) == ["n0", "n1", "n3", "n4"]
    assert dict(crowd) == {"n0": 0, "n1": 1, "n3": 3, "n4": 4}
    assert "n2" not in crowd
    assert "n5" not in crowd
    with pytest.raises(KeyError):
        crowd["n2"]
    with pytest.raises(KeyError):
        del crowd["n9"]


CHANGES = some.lists(some.tuples(some.booleans(), some.integers(0, 11)), max_size=30)


@given(CHANGES)
def test_it_changes_as_a_dict_does(changes):
    crowd = others(size=9)
    plain = dict(crowd)
    for add, number in changes:
        name = f"n{number}"
        if name == crowd.me:
            continue
        if add:
            plain.pop(name, None)
            crowd.pop(name, None)
            crowd[name] = plain[name] = 100 + number
        elif name in plain:
            del crowd[name], plain[name]
    assert list(crowd.items()) == list(plain.items())
    assert len(crowd) == len(plain)
    assert list(crowd.ids()) == list(plain)
    picked = Random(1).sample(crowd.ids(), len(plain) // 2)
    assert picked == Random(1).sample(list(plain), len(plain) // 2)


def test_who_is_given_another_value_has_it():
    crowd = others()
    crowd["n3"] = 33
    assert (crowd["n3"], len(crowd)) == (33, 4)
    crowd["n3"] = 34
    assert (crowd["n3"], len(crowd)) == (34, 4)


# The graph


def test_it_is_the_complete_graph():
    graph = complete_graph(7)
    plain = nx.relabel_nodes(nx.complete_graph(7), "n{}".format)
    assert list(graph.edges) == list(plain.edges)
    assert dict(graph.degree) == dict(plain.degree)
    assert nx.average_shortest_path_length(graph) == 1
    assert not is_crowd(graph.copy())
    assert nx.utils.graphs_equal(graph.copy(), plain)


def test_nodes_can_be_added_and_none_taken_away():
    graph = complete_graph(3)
    graph.add_node("new")
    graph.add_edge("new", "n1")
    assert list(graph) == ["n0", "n1", "n2", "new"]
    assert (list(graph["new"]), list(graph["n1"])) == (["n1"], ["n0", "n2", "new"])
    assert graph.number_of_edges() == 4
    with pytest.raises(TypeError, match="copy it first"):
        graph.remove_node("n0")


# The network


class Note(Message):
    number: int


class Diary(Protocol):
    """Write down what happens; say something to a few now and then."""

    def on_start(self):
        self.seen = []
        self.every(0.5, self.talk, jitter=0.1)

    def talk(self):
        for peer in self.sample(2):
            self.send(peer, Note(len(self.seen)))

    def on_disconnect(self, peer):
        self.seen.append((self.now, f"-{peer}"))

    def on_unreachable(self, address):
        self.seen.append((self.now, f"?{address}"))

    @on(Note)
    def write(self, note, sender):
        self.seen.append((self.now, sender, note.number))

    def say_to_all(self, number):
        self.broadcast(Note(number))

    def part(self, peer):
        self.disconnect(peer)
        self.send(peer, Note(99))

    def meet(self, contact):
        self.connect(contact)


def crash_and_restart(net):
    net.crash("n3")
    net.run(1)
    net.restart("n3")
    net.run(1)
    net.crash("n3")
    net.crash("n4")
    net.restart("n4")
    net.restart("n3")


def partition_and_heal(net):
    net.partition(["n0", "n1", "n2"], ["n3"])
    net.run(7)
    net.heal()


def a_short_partition(net):
    net.partition(["n0", "n1", "n2"])
    net.run(2)
    net.heal()


def cut_one_way(net):
    net.cut("n5", "n6", oneway=True)
    net.run(7)
    net.heal()


def pause_and_resume(net):
    net.pause("n7")
    net.run(7)
    net.resume("n7")


def come_and_go(net):
    net.join("new", to=["n0", "n4"])
    net.run(1)
    net.leave("n0")
    net.run(1)
    net.call("n4", "say_to_all", 5)


def part_and_meet(net):
    net.call("n2", "part", "n3")
    net.run(1)
    net.call("n2", "meet", net["n3"].contact)
    net.call("n5", "meet", net["n6"].contact)
    net.call("n5", "meet", Contact("n6", "10.0.0.99:1"))


def shaped(net):
    net.shape("n0", "n1", Link(latency=1.5, loss=0.5))
    net.call("n0", "say_to_all", 1)


STORIES = [
    crash_and_restart,
    partition_and_heal,
    a_short_partition,
    cut_one_way,
    pause_and_resume,
    come_and_go,
    part_and_meet,
    shaped,
]


def told(graph, story):
    """Tell a story; return what happened, but for the connections of the beginning."""
    link = Link(latency=(0.01, 0.1), loss=0.1)
    with SimNetwork(Diary, graph, link=link, seed=5) as net:
        net.run(0.9)
        story(net)
        net.run(3)
        links = {frozenset(edge) for edge in net.overlay().edges}
        peers = {node.id: dict(node.peers) for node in net if net.is_up(node.id)}
        events = [event for event in net.trace if (event.kind, event.time) != ("connect", 0)]
    return events, links, peers


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_a_crowd_does_what_a_complete_graph_does(story, monkeypatch):
    plain = told(nx.complete_graph(NODES), story)
    monkeypatch.setattr(simulation, "MANY", 3)
    events, links, peers = told(NODES, story)
    assert len(events) > 100
    assert (links, peers) == plain[1:]
    # What many notice at the same moment has no order of its own.
    assert sorted(events, key=repr) == sorted(plain[0], key=repr)


def test_a_large_crowd_gossips_without_its_links():
    with SimNetwork(Gossip.using(fanout=8), 2000, seed=1) as net:
        assert is_crowd(net.graph)
        assert net.overlay().number_of_edges() == net.graph.number_of_edges() == 1_999_000
        assert net.trace.count(kind="connect") == 2000
        net.tell("n0", Rumor("hello"))
        net.run(2)
        made = sum(len(host.links) for host in net._hosts.values()) / 2
        assert sum(bool(node.heard) for node in net) > 1980
    assert made <= net.trace.count(kind="send") <= 16_000
    assert len(net["n0"].peers) == 1999


def test_the_trace_of_a_crowd_knows_who_was_connected():
    with SimNetwork(Gossip, 101, seed=1) as net:
        net.crash("n7")
        net.run(1)
        assert is_crowd(net.graph)
        assert nx.utils.graphs_equal(stats.overlay_at(net.trace), net.overlay())
        assert net.overlay().number_of_edges() == 100 * 99 / 2


def test_who_wants_to_know_of_each_connection_is_told_of_each():
    class Counts(Protocol):
        met = 0

        def on_connect(self, peer):
            self.met += 1

    with SimNetwork(Counts, 105) as net:
        assert not is_crowd(net.graph)
        assert {node.met for node in net} == {104}
    with SimNetwork(Gossip, 105, roles={"n1": Counts}) as net:
        assert net["n1"].met == 104
