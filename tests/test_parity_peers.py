"""How nodes come together and part, alike in every world: contacts, dialling, disconnecting."""

import sys
import time

import cloudpickle
import networkx as nx
import pytest
from diary import Answer, Diary, Note, drops, edges, run_until
from tools import free_port

from p2pkit import Contact, Link
from p2pkit.contacts import MAX_WAITING

pytestmark = pytest.mark.usefixtures("nothing_left")

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # see test_parity.py


# Contacts


def test_a_contact_is_dialled_on_demand_and_does_not_become_a_peer(network):
    with network(Diary, nx.empty_graph(3)) as net:
        other = net.call("n2", "me")
        assert other == Contact("n2", other.address)
        net.call("n0", "say", other, 1, 2)
        net.call("n1", "want", other, 5)
        run_until(net, lambda: len(net["n2"].notes) == 2 and net["n1"].answers)
        assert net["n2"].notes == [("n0", Note(1)), ("n0", Note(2))]
        assert net["n1"].answers == [Answer(25)]
        assert not [node for node in net if node.peers]
        assert edges(net.overlay()) == []
        assert net.trace.count(kind="connect") == 0


def test_what_is_for_a_contact_that_is_down_is_dropped(network):
    with network(Diary, nx.empty_graph(2)) as net:
        gone = net.call("n1", "me")
        net.crash("n1")
        net.call("n0", "say", gone, 1)
        run_until(net, lambda: net.trace.count(kind="drop"))
        assert drops(net) == [("n0", "n1", 1, "unreachable")]
        assert net.trace.count(kind="unreachable", node="n0") == 1
        net.call("n0", "dial", gone.address)
        run_until(net, lambda: net["n0"].unreachable == [gone.address])


def test_a_contact_that_is_a_peer_is_spoken_to_as_a_peer(network):
    with network(Diary, 2) as net:
        contact = net.call("n1", "me")
        net.call("n0", "say", Contact("n1", "127.0.0.1:1"), 1)  # its address does not matter then
        net.call("n0", "want", contact, 3)
        run_until(net, lambda: net["n1"].notes and net["n0"].answers)
        assert net.trace.count(kind="unreachable") == 0


def test_a_contact_that_cannot_be_reached_is_recorded(network):
    with network(Diary, nx.empty_graph(1)) as net:
        nobody = Contact("nobody", f"127.0.0.1:{free_port()}")
        net.call("n0", "say", nobody, 1, 2)
        net.call("n0", "want", nobody, 3, 0.2)
        run_until(net, lambda: len(drops(net)) == 3 and net["n0"].answers == [None])
        assert drops(net) == [("n0", "nobody", n, "unreachable") for n in (1, 2, 3)]
        assert net.trace.count(kind="unreachable", node="n0") >= 1
        assert net["n0"].unreachable == []  # that is for what connect dialled


def test_a_contact_at_whose_address_somebody_else_lives_is_not_reached(network):
    with network(Diary, nx.empty_graph(2)) as net:
        wrong = Contact("n7", net.call("n1", "me").address)
        net.call("n0", "say", wrong, 1)
        run_until(net, lambda: net.trace.count(kind="unreachable"))
        assert net["n1"].notes == []
        [event] = net.trace.where(kind="unreachable")
        assert "'n1' answers there, and n7 was wanted" in event.reason


def test_only_so_many_messages_wait_for_a_contact(network):
    with network(Diary, nx.empty_graph(2)) as net:
        net.call("n0", "say", net.call("n1", "me"), *range(MAX_WAITING + 2))
        run_until(net, lambda: len(net["n1"].notes) == MAX_WAITING)
        assert net["n1"].numbers() == list(range(MAX_WAITING))
        assert drops(net) == [
            ("n0", "n1", number, "unreachable") for number in (MAX_WAITING, MAX_WAITING + 1)
        ]


def test_two_nodes_can_be_each_others_contacts(network):
    with network(Diary, nx.empty_graph(2)) as net:
        zero, one = net.call("n0", "me"), net.call("n1", "me")
        net.call("n0", "say", one, *range(10))
        net.call("n1", "say", zero, *range(10))
        run_until(net, lambda: all(len(node.notes) == 10 for node in net))
        assert not drops(net)


# Dialling


def test_a_protocol_connects_to_an_address_or_a_contact(network):
    with network(Diary, nx.empty_graph(3)) as net:
        net.call("n0", "dial", net.call("n1", "me").address)
        net.call("n0", "dial", net.call("n2", "me"))
        run_until(net, lambda: net["n0"].peers.keys() == {"n1", "n2"} and net["n2"].peers)
        run_until(net, lambda: edges(net.overlay()) == [("n0", "n1"), ("n0", "n2")])
        assert net["n0"].peers["n1"] == net.call("n1", "me").address
        assert net["n2"].seen == ["start", "+n0"]


def test_connecting_twice_is_connecting_once(network):
    with network(Diary, nx.empty_graph(2)) as net:
        other = net.call("n1", "me")
        net.call("n0", "dial", other, other, other.address)
        run_until(net, lambda: net["n0"].peers and net["n1"].peers)
        net.call("n0", "dial", other, other.address)
        net.run(0.1)
        assert [node.seen for node in net] == [["start", "+n1"], ["start", "+n0"]]
        assert net["n0"].unreachable == []


def test_what_cannot_be_dialled_is_unreachable(network):
    with network(Diary, nx.empty_graph(1)) as net:
        me = net.call("n0", "me")
        wrong = [f"127.0.0.1:{free_port()}", "nowhere", "127.0.0.1", ":80", "", "127.0.0.1:99999"]
        net.call("n0", "dial", me, *wrong)
        run_until(net, lambda: len(net["n0"].unreachable) == 7)
        assert sorted(net["n0"].unreachable) == sorted([me.address, *wrong])
        reasons = [event.reason for event in net.trace.where(kind="unreachable")]
        assert sum("this node itself" in reason for reason in reasons) == 1
        assert net["n0"].seen == ["start"]


class Meeting(Diary):
    """Dial everybody at the same moment."""

    def meet(self, contacts):
        for contact in contacts:
            if contact.id != self.id:
                self.connect(contact)


def test_all_nodes_dial_all_others_at_once(network):
    with network(Meeting, nx.empty_graph(8)) as net:
        contacts = [net.call(name, "me") for name in net.names]
        for name in net.names:
            net.call(name, "meet", contacts)
        run_until(net, lambda: net.overlay().number_of_edges() == 28)
        run_until(net, lambda: all(len(node.peers) == 7 for node in net))
        net.run(0.2)
        for node in net:
            assert sorted(node.seen[1:]) == sorted(f"+{c.id}" for c in contacts if c.id != node.id)
        for name in net.names[1:]:
            net.call(name, "say", "n0", 1)
        run_until(net, lambda: len(net["n0"].notes) == 7)
        assert [net.trace.count(kind=kind) for kind in ("disconnect", "unreachable")] == [0, 0]


# Disconnecting


def test_disconnecting_delivers_first_and_is_told_to_both(network):
    with network(Diary, 2) as net:
        net.call("n0", "part", "n1", *range(100))
        run_until(net, lambda: "-n0" in net["n1"].seen and "-n1" in net["n0"].seen)
        assert net["n1"].numbers() == list(range(100))
        assert net["n0"].seen == ["start", "+n1", "parted", "-n1"]
        assert not net["n0"].peers
        assert edges(net.overlay()) == []
        assert net.trace.count(kind="disconnect") == 2
        assert not drops(net)


def test_who_disconnects_hears_no_more_of_what_is_on_its_way(network):
    with network(Diary, 2, link=Link(latency=0.3)) as net:
        net.call("n1", "say", "n0", 1, 2)
        net.call("n0", "part", "n1")
        run_until(net, lambda: "-n0" in net["n1"].seen)
        net.run(0.5)
        assert not [node for node in net if node.notes]
        assert net["n0"].seen == ["start", "+n1", "parted", "-n1"]


def test_what_is_said_to_one_who_has_disconnected_is_dropped(network):
    with network(Diary, 2, link=Link(latency=0.3)) as net:
        net.call("n0", "part", "n1")
        net.call("n1", "say", "n0", 1)  # it does not know yet
        run_until(net, lambda: "-n0" in net["n1"].seen)
        net.call("n1", "say", "n0", 2)
        net.run(0.5)
        assert net["n0"].notes == []
        assert ("n1", "n0", 2, "no such peer") in drops(net)


def test_disconnecting_twice_or_from_nobody_does_nothing(network):
    class Parting(Diary):
        def part(self, peer):
            self.disconnect(peer)
            self.disconnect(peer)
            self.disconnect("nobody")

    with network(Parting, 2) as net:
        net.call("n0", "part", "n1")
        run_until(net, lambda: "-n0" in net["n1"].seen and "-n1" in net["n0"].seen)
        assert net["n0"].seen == ["start", "+n1", "-n1"]


def test_who_disconnects_and_dials_again_is_connected_and_what_was_said_arrives(network):
    class Restless(Diary):
        def reconnect(self, contact, *numbers):
            self.part(contact.id, *numbers)
            self.connect(contact)

    with network(Restless, 2) as net:
        net.call("n0", "reconnect", net.call("n1", "me"), *range(10))
        run_until(net, lambda: net["n1"].seen.count("+n0") == 2 and net["n0"].peers)
        assert net["n1"].numbers() == list(range(10))
        assert net["n1"].seen == ["start", "+n0", "-n0", "+n0"]
        assert net["n0"].seen == ["start", "+n1", "parted", "-n1", "+n1"]


class Returning(Diary):
    """Dial in each life whom one was told to dial in the first."""

    def on_start(self):
        super().on_start()
        if "friend" in self.disk:
            self.connect(self.disk["friend"])

    def befriend(self, address):
        self.disk["friend"] = address
        self.connect(address)


def befriended(network):
    """Make two nodes of which the first dials the second in each life."""
    net = network(Returning, nx.empty_graph(2))
    net.call("n0", "befriend", net.call("n1", "me").address)
    run_until(net, lambda: net["n0"].peers and net["n1"].peers)
    return net


def test_a_new_life_that_dials_takes_the_place_of_the_old_one(network):
    with befriended(network) as net:
        net.crash("n0")
        net.restart("n0")  # and dials, perhaps before the other has noticed
        run_until(net, lambda: net["n1"].seen.count("+n0") == 2 and net["n0"].peers)
        assert net["n1"].seen == ["start", "+n0", "-n0", "+n0"]
        assert net["n1"].peers["n0"] == net.call("n0", "me").address
        net.call("n1", "say", "n0", 1)
        run_until(net, lambda: net["n0"].notes)


def test_a_new_life_takes_the_place_of_one_that_lingers_behind_a_cut(network):
    with befriended(network) as net:
        net.cut("n0", "n1")
        net.crash("n0")
        net.heal()
        net.restart("n0")
        run_until(net, lambda: net["n1"].seen.count("+n0") == 2 and net["n0"].peers)
        assert net["n1"].seen == ["start", "+n0", "-n0", "+n0"]
        net.call("n0", "want", "n1", 5)
        run_until(net, lambda: net["n0"].answers == [Answer(25)])


# In the midst of it


def test_who_disconnects_hears_no_more_while_its_own_words_are_on_their_way(network):
    with network(Diary, 2, link=Link(latency=0.3)) as net:
        net.call("n1", "say", "n0", 1)
        net.run(0.15)
        net.call("n0", "part", "n1", 3)
        run_until(net, lambda: "-n0" in net["n1"].seen)
        assert [node.numbers() for node in net] == [[], [3]]


def test_nothing_is_received_by_a_node_that_has_left(network):
    with network(Diary, 2, link=Link(latency=0.3)) as net:
        net.call("n1", "say", "n0", 1)
        net.after(0.15, net.call, "n0", "say", "n1", 2)
        net.after(0.15, net.leave, "n0")
        run_until(net, lambda: "-n0" in net["n1"].seen)
        assert net.trace.count(kind="receive", node="n0") == 0


def test_a_condition_is_looked_at_once_more_in_the_end(network):
    with network(Diary, 2) as net:
        end = net.now + 0.1

        def is_over():
            if net.now < end:
                time.sleep(0.15)  # the time is over meanwhile
                return False
            return True

        assert net.run(until=is_over, within=0.1)


class Keeper(Diary):
    def keep(self, contact):
        self.disk["friend"] = contact

    def kept(self):
        return self.disk["friend"]


def test_a_contact_on_the_disk_is_read_back(network):
    with network(Keeper, 1) as net:
        net.call("n0", "keep", net.call("n0", "me"))
        assert net.call("n0", "kept") == net.call("n0", "me")
