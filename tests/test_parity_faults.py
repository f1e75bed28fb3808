"""What can happen to nodes, and to what lies between them, has the same outcome in every world: bad
links, crash and restart, pause and resume, join and leave, cuts and partitions.

As in test_parity.py, a story waits for conditions. Where silence has to be noticed, a third of a second
is enough, but workers would have to be told so: those tests leave them out.
"""

import sys

import cloudpickle
import networkx as nx
import pytest
from diary import Diary, Note, Question, drops, edges, run_until

from p2pkit import Link, on
from p2pkit.errors import MessageError, NetworkError, NodeDown, ProtocolError
from p2pkit.protocols.flood import Rumor

pytestmark = pytest.mark.usefixtures("nothing_left")

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # see test_parity.py


def flights(net):
    """Return how long each message took, by what the trace says, in the order of receiving."""
    sent = {event.id: event.time for event in net.trace.where(kind="send")}
    return [event.time - sent[event.id] for event in net.trace.where(kind="receive") if event.peer]


def disconnects(net):
    """Return who lost whom, and when."""
    return {(event.node, event.peer): event.time for event in net.trace.where(kind="disconnect")}


# Links


def test_a_link_loses_its_share_and_records_it(network):
    def lost(seed):
        with network(Diary, 2, link=Link(loss=0.3), seed=seed) as net:
            net.call("n0", "say", "n1", *range(500))
            run_until(net, lambda: len(net["n1"].notes) + net.trace.count(kind="drop") == 500)
            missing = sorted(set(range(500)) - set(net["n1"].numbers()))
            assert drops(net) == [("n0", "n1", number, "lost") for number in missing]
            assert net.trace.count(kind="send") == 500
            return missing

    first = lost(1)
    assert 100 < len(first) < 200
    assert lost(1) == first
    assert lost(2) != first


def test_a_link_delays_and_keeps_the_order(network):
    with network(Diary, 2, link=Link(latency=(0.05, 0.15))) as net:
        net.call("n0", "say", "n1", *range(100))
        run_until(net, lambda: len(net["n1"].notes) == 100)
        assert net["n1"].numbers() == list(range(100))
        times = [event.time for event in net.trace.where(kind="receive")]
        [begin] = {event.time for event in net.trace.where(kind="send")}
    assert 0.05 <= min(times) - begin < max(times) - begin


def test_a_link_takes_a_function_and_may_let_messages_overtake(network):
    with network(Diary, 2, link=Link(latency=lambda dice: dice.random() / 5, ordered=False)) as net:
        net.call("n0", "say", "n1", *range(100))
        run_until(net, lambda: len(net["n1"].notes) == 100)
        assert net["n1"].numbers() != list(range(100))
        assert sorted(net["n1"].numbers()) == list(range(100))


def test_a_link_duplicates(network):
    with network(Diary, 2, link=Link(duplicate=1.0)) as net:
        net.call("n0", "say", "n1", 1, 2)
        run_until(net, lambda: len(net["n1"].notes) == 4)
        assert sorted(net["n1"].numbers()) == [1, 1, 2, 2]
        assert net.trace.count(kind="send") == 2


def test_a_large_message_occupies_the_bandwidth(network):
    with network(Diary, 2, link=Link(bandwidth=100_000)) as net:
        net.call("n0", "say", "n1", 1, *[2] * 9)
        net.shape(0, 1, Link(bandwidth=1_000), oneway=True)
        net.call("n0", "say", "n1", 3, 4)
        run_until(net, lambda: len(net["n1"].notes) == 12)
        sent = {event.id: event.time for event in net.trace.where(kind="send")}
        *_, last = net.trace.where(kind="receive")
    assert last.time - sent[last.id] > 2 * last.size / 1_000


def test_a_large_message_keeps_those_behind_it_waiting(network):
    class Loader(Diary):
        def load(self):
            self.send("n1", Note(1, "x" * 30_000))
            self.send("n1", Note(2))

    with network(Loader, 2, link=Link(bandwidth=100_000)) as net:
        net.call("n0", "load")
        run_until(net, lambda: len(net["n1"].notes) == 2)
        assert min(flights(net)) >= 0.3


def test_shape_changes_one_link_or_one_direction_of_it(network):
    with network(Diary, 3) as net:
        net.shape("n0", "n1", Link(latency=0.2))
        net.shape("n0", "n2", Link(loss=1.0), oneway=True)
        for sender, receiver in ["01", "10", "02", "20", "12"]:
            net.call(f"n{sender}", "say", f"n{receiver}", int(sender + receiver))
        run_until(net, lambda: [len(node.notes) for node in net] == [2, 1, 1])
        assert [node.numbers() for node in net] == [[20, 10], [1], [12]]
        assert drops(net) == [("n0", "n2", 2, "lost")]
        net.heal()  # links keep their shape
        net.call("n0", "say", "n2", 6)
        run_until(net, lambda: len(drops(net)) == 2)


def test_a_link_that_becomes_quick_does_not_let_messages_overtake(network):
    with network(Diary, 2) as net:
        net.shape("n0", "n1", Link(latency=0.3))
        net.call("n0", "say", "n1", 1, 2)
        net.shape("n0", "n1", Link())
        net.call("n0", "say", "n1", 3)
        run_until(net, lambda: len(net["n1"].notes) == 3)
        assert net["n1"].numbers() == [1, 2, 3]
        net.call("n0", "say", "n1", 4)
        run_until(net, lambda: len(net["n1"].notes) == 4)


def test_a_restarted_node_has_its_links_shape(network):
    with network(Diary, 2) as net:
        net.shape("n0", "n1", Link(loss=1.0))
        net.crash("n1")
        net.restart("n1")
        net.call("n0", "say", "n1", 1)
        assert drops(net) == [("n0", "n1", 1, "lost")]


# Crash and restart


class Careful(Diary):
    """Keep notes on the disk."""

    def on_start(self):
        super().on_start()
        self.disk["lives"] = self.disk.get("lives", 0) + 1

    @on(Note)
    def write(self, note, sender):
        super().write(note, sender)
        self.disk["note"] = note

    def kept(self):
        return dict(self.disk)

    def keep(self, key, value):
        self.disk[key] = value


def test_a_restarted_node_has_its_disk_and_nothing_else(network):
    with network(Careful, nx.cycle_graph(4)) as net:
        old = net.call("n0", "me").address
        net.tell("n0", Note(5))
        net.crash("n0")
        run_until(net, lambda: "-n0" in net["n1"].seen and "-n0" in net["n3"].seen)
        assert net["n0"].notes == [(None, Note(5))]  # its last state
        assert edges(net.overlay()) == [("n1", "n2"), ("n2", "n3")]
        net.restart("n0")
        assert net.is_up("n0")
        assert net.call("n0", "kept") == {"lives": 2, "note": Note(5)}
        assert net["n0"].disk["note"] == Note(5)
        assert net.call("n2", "kept") == {"lives": 1}
        assert net["n0"].notes == []
        assert net["n0"].peers.keys() == {"n1", "n3"}
        assert sorted(net["n0"].seen) == ["+n1", "+n3", "start"]
        assert net.call("n0", "me").address != old
        assert net["n1"].peers["n0"] == net.call("n0", "me").address
        assert net["n1"].seen == ["start", "+n0", "+n2", "-n0", "+n0"]
        net.call("n1", "say", "n0", 6)
        run_until(net, lambda: net["n0"].notes == [("n1", Note(6))])


def test_a_disk_keeps_what_was_put_there_and_not_what_became_of_it(network):
    with network(Careful, 1) as net:
        value = [1, 2]
        net.call(0, "keep", "k", value)
        value.append(3)
        with pytest.raises(MessageError, match="cannot be kept"):
            net.call(0, "keep", "k", object)
        net.crash(0)
        assert net[0].disk["k"] == [1, 2]
        net.restart(0)
        assert net[0].disk["k"] == [1, 2]


def test_the_serial_numbers_of_all_lives_of_a_node_are_different(network):
    with network(Diary, 2) as net:
        for life in range(4):
            net.call("n0", "say", "n1", life)
            run_until(net, lambda life=life: len(net["n1"].notes) == life + 1)
            net.crash("n0")
            net.restart("n0")
        ids = [event.id for event in net.trace.where(kind="send", node="n0")]
    assert len(ids) == len(set(ids)) == 4


def test_a_crash_is_told_to_the_peers_and_drops_what_is_in_flight_in_both_directions(network):
    with network(Diary, 3, link=Link(latency=0.3)) as net:
        net.call("n0", "say", "n1", 1)
        net.call("n1", "say", "n0", 2)
        net.call("n1", "say", "n2", 3)
        net.crash("n0")
        run_until(net, lambda: net["n2"].notes and len(drops(net)) == 2)
        run_until(net, lambda: "-n0" in net["n1"].seen and "-n0" in net["n2"].seen)
        assert sorted(drops(net)) == [
            ("n0", "n1", 1, "node is down"),
            ("n1", "n0", 2, "node is down"),
        ]
        assert net["n1"].notes == []
        assert net["n1"].peers.keys() == {"n2"}
        assert net["n2"].notes == [("n1", Note(3))]  # the others' are not harmed


def test_nothing_happens_at_a_node_after_its_crash(network):
    with network(Diary.using(tick=0.01), 3, link=Link(latency=(0, 0.05))) as net:
        for number in range(50):
            net.call("n1", "say", "n0", number)
            net.call("n0", "say", "n1", number)
        net.crash("n0")
        net.run(0.2)
        kinds = [event.kind for event in net.trace.where(node="n0")]
    assert set(kinds[kinds.index("crash") + 1 :]) <= {"drop"}  # what was on its way


def test_what_was_on_its_way_at_a_crash_does_not_reach_the_next_life(network):
    with network(Diary, 2, link=Link(latency=0.3)) as net:
        net.call("n0", "say", "n1", 1)
        net.call("n1", "say", "n0", 2)
        net.crash("n0")
        net.restart("n0")
        net.call("n0", "say", "n1", 3)
        net.call("n1", "say", "n0", 4)
        run_until(net, lambda: len(net["n0"].notes) == 1 and len(net["n1"].notes) == 1)
        assert [node.numbers() for node in net] == [[4], [3]]


class Deaf(Diary):
    """Answer nothing."""

    @on(Question)
    def reply(self, question, sender):
        pass


def test_timers_and_questions_of_a_life_end_with_it(network):
    with network(Diary.using(tick=0.05), 2, roles={1: Deaf}) as net:
        net.call("n0", "want", "n1", 1, 0.1)
        net.crash("n0")
        ticks = list(net["n0"].ticks)
        net.run(0.2)
        assert net["n0"].ticks == ticks
        begun = net.now
        net.restart("n0")
        net.run(0.2)
        assert net["n0"].answers == []
        # Had the timer of the first life gone on, there would be twice as many.
        assert len(net["n0"].ticks) <= (net.now - begun) / 0.05 + 1e-6


def test_a_restarted_node_throws_other_dice(network):
    with network(Diary, 2, seed=7) as net:
        first = net.call("n0", "throw")
        net.crash("n0")
        net.restart("n0")
        assert net.call("n0", "throw") != first


def test_a_node_can_crash_and_restart_again_and_again(network):
    with network(Diary, 4) as net:
        for _ in range(10):
            net.crash("n2")
            net.restart("n2")
            assert net["n2"].peers.keys() == {"n0", "n1", "n3"}
            assert all("n2" in net[name].peers for name in ("n0", "n1", "n3"))


def test_neighbours_that_are_down_are_connected_when_they_come_back(network):
    with network(Diary, 2) as net:
        net.crash("n0")
        net.crash("n1")
        net.restart("n0")
        assert not net["n0"].peers
        net.restart("n1")
        assert net["n0"].peers.keys() == {"n1"}


# Pause and resume


def test_a_paused_node_reads_nothing_and_its_timers_wait(network):
    with network(Diary.using(tick=0.02), 2) as net:
        run_until(net, lambda: net["n0"].ticks)
        net.pause("n0")
        before = list(net["n0"].ticks)
        net.call("n1", "say", "n0", 1, 2, 3)
        net.tell("n0", Note(4))
        net.run(0.3)
        assert (net["n0"].ticks, net["n0"].notes) == (before, [])
        assert net.is_up("n0")
        with pytest.raises(NetworkError, match="n0 is paused"):
            net.call("n0", "me")
        net.resume("n0")
        run_until(net, lambda: sorted(net["n0"].numbers()) == [1, 2, 3, 4])
        run_until(net, lambda: len(net["n0"].ticks) > len(before) + 2)
        assert net["n0"].seen == ["start", "+n1"]  # nobody noticed
        assert [e.kind for e in net.trace if e.kind in ("pause", "resume")] == ["pause", "resume"]


def test_what_a_paused_node_is_told_waits_and_a_mistake_is_said_at_once(network):
    with network(Diary, 2) as net:
        net.pause("n0")
        assert net.is_paused("n0")
        net.tell("n0", Note(1))
        with pytest.raises(ProtocolError, match="no @on"):
            net.tell("n0", Rumor("hello"))
        assert net["n0"].notes == []
        net.resume("n0")
        assert not net.is_paused("n0")
        assert net["n0"].notes == [(None, Note(1))]


def test_a_paused_node_can_crash_and_restart(network):
    with network(Diary, 2) as net:
        net.pause("n0")
        net.crash("n0")
        net.restart("n0")
        assert not net.is_paused("n0")
        assert net["n0"].peers.keys() == {"n1"}
        net.call("n0", "say", "n1", 1)
        run_until(net, lambda: net["n1"].notes)


def test_a_paused_node_is_given_up_by_its_peers_and_dialled_again(impatient_network):
    with impatient_network(Diary, nx.path_graph(3)) as net:
        net.pause("n1")
        paused = net.now
        run_until(net, lambda: "-n1" in net["n0"].seen and "-n1" in net["n2"].seen)
        assert all(when - paused > 0.2 for when in disconnects(net).values())
        assert net["n1"].seen == ["start", "+n0", "+n2"]  # it sleeps
        net.run(0.3)
        net.resume("n1")
        assert net["n1"].peers.keys() == {"n0", "n2"}
        assert net["n0"].seen == ["start", "+n1", "-n1", "+n1"]
        assert sorted(net["n1"].seen[3:5]) == ["-n0", "-n2"]
        assert sorted(net["n1"].seen[5:]) == ["+n0", "+n2"]
        assert net["n1"].peers["n0"] == net.call("n0", "me").address
        net.call("n0", "say", "n1", 1)
        run_until(net, lambda: net["n1"].notes)


def test_two_paused_neighbours_are_connected_when_both_are_back(impatient_network):
    with impatient_network(Diary, nx.path_graph(3)) as net:
        net.pause("n0")
        net.pause("n1")
        run_until(net, lambda: "-n1" in net["n2"].seen)
        net.run(0.4)
        net.resume("n0")
        net.resume("n1")
        assert net["n0"].peers.keys() == {"n1"}
        assert net["n1"].peers.keys() == {"n0", "n2"}


# Join and leave


def test_a_node_joins_and_is_connected(network):
    with network(Diary, 2) as net:
        net.join("n2", to="n0")
        net.join(3, to=["n1", "n2"])
        net.join("loner")
        assert net.names == ["n0", "n1", "n2", "n3", "loner"]
        assert edges(net.overlay()) == [("n0", "n1"), ("n0", "n2"), ("n1", "n3"), ("n2", "n3")]
        assert net["n2"].seen == ["start", "+n0", "+n3"]
        assert net["loner"].seen == ["start"]
        assert len({net.call(name, "me").address for name in net.names}) == 5
        with pytest.raises(NetworkError, match="there is a n2 already"):
            net.join("n2")
        with pytest.raises(NetworkError, match="no node n77"):
            net.join("n9", to="n77")
        net.call("n3", "say", "n2", 1)
        run_until(net, lambda: net["n2"].notes == [("n3", Note(1))])


def test_a_node_that_joined_has_its_connections_after_a_restart(network):
    with network(Diary, 2) as net:
        net.join("n2", to=["n0", "n1"])
        net.crash("n2")
        net.restart("n2")
        assert net["n2"].peers.keys() == {"n0", "n1"}


def test_a_join_that_fails_leaves_nothing_behind(network):
    with network(Diary, 2) as net:
        net.crash(0)
        for to, why in [("n0", NodeDown), ("n77", NetworkError), (["n1", "n0"], NodeDown)]:
            with pytest.raises(why):
                net.join("x", to=to)
        assert net.names == ["n0", "n1"]
        net.join("x", to="n1")
        assert edges(net.overlay()) == [("n1", "x")]


class Polite(Diary):
    """Say goodbye."""

    def on_stop(self):
        self.broadcast(Note(99))


@pytest.mark.parametrize("latency", [None, 0.3, 1.3])
def test_a_node_that_leaves_delivers_first(network, latency):
    with network(Polite, 3, link=Link(latency=latency)) as net:
        net.call("n0", "say", "n1", *range(50))
        net.leave("n0")
        assert not net.is_up("n0")
        run_until(net, lambda: "-n0" in net["n1"].seen and "-n0" in net["n2"].seen)
        assert net["n1"].numbers() == [*range(50), 99]
        assert net["n2"].numbers() == [99]
        assert not drops(net)
        assert [net.trace.count(kind=kind) for kind in ("leave", "crash")] == [1, 0]
        net.restart("n0")
        assert net["n0"].peers.keys() == {"n1", "n2"}


def test_nothing_happens_at_a_node_after_it_left(network):
    with network(Diary, 2, link=Link(latency=0.05)) as net:
        net.call("n1", "say", "n0", 1, 2, 3)
        net.leave("n0")
        net.run(0.2)
        kinds = [event.kind for event in net.trace.where(node="n0")]
    assert kinds[-1] == "leave"


class Noisy(Diary):
    """Never stop talking."""

    tick = 0.001

    def count(self):
        self.broadcast(Note(-1, "x" * 5000))


class Eloquent(Noisy):
    """Say a lot in the end, while others talk too."""

    def on_stop(self):
        self.say("n0", *range(400))


@pytest.mark.parametrize("verb", ["leave", "disconnect"])
def test_last_words_are_delivered_while_the_other_side_talks(network, verb):
    with network(Noisy, 2, roles={1: Eloquent}) as net:
        run_until(net, lambda: len(net["n0"].notes) > 10)
        if verb == "leave":
            net.leave(1)
        else:
            net.call(1, "part", "n0", *range(400))
        run_until(net, lambda: "-n1" in net["n0"].seen)
        assert [n for n in net["n0"].numbers() if n >= 0] == list(range(400))


class Clinging(Diary):
    """Dial whoever is gone."""

    def on_connect(self, peer):
        super().on_connect(peer)
        self.addresses = getattr(self, "addresses", {}) | {peer: self.peers[peer]}

    def on_disconnect(self, peer):
        super().on_disconnect(peer)
        self.connect(self.addresses[peer])


@pytest.mark.parametrize("verb", ["crash", "leave"])
def test_whoever_dials_a_node_that_is_gone_is_told_that_it_is_unreachable(network, verb):
    with network(Clinging, 3) as net:
        getattr(net, verb)("n0")
        run_until(net, lambda: net["n1"].unreachable and net["n2"].unreachable)
        assert net["n1"].seen == ["start", "+n0", "+n2", "-n0"]
        assert net["n2"].seen == ["start", "+n0", "+n1", "-n0"]


# Cuts and partitions


def test_a_partition_drops_what_is_sent_and_heals(network):
    with network(Diary, 4) as net:
        net.partition(["n0", "n1"])  # those not named are one more group
        for sender, receiver in ["01", "02", "31", "32"]:
            net.call(f"n{sender}", "say", f"n{receiver}", int(sender + receiver))
        run_until(net, lambda: net["n1"].notes and net["n2"].notes and len(drops(net)) == 2)
        assert drops(net) == [("n0", "n2", 2, "cut"), ("n3", "n1", 31, "cut")]
        assert len(net.overlay().edges) == 6  # nobody has noticed yet
        net.heal()
        net.call("n0", "say", "n2", 4)
        run_until(net, lambda: net["n2"].numbers() == [32, 4])  # what was lost stays lost
        assert net.trace.count(kind="disconnect") == 0
        with pytest.raises(NetworkError, match="in one group"):
            net.partition(["n0", "n1"], ["n1", "n2"])


def test_a_cut_stops_one_direction_or_both(network):
    with network(Diary, 3) as net:
        net.cut("n0", "n1", oneway=True)
        net.cut("n1", "n2")
        for sender, receiver in ["01", "10", "12", "21"]:
            net.call(f"n{sender}", "say", f"n{receiver}", int(sender + receiver))
        run_until(net, lambda: net["n0"].notes and len(drops(net)) == 3)
        assert [node.numbers() for node in net] == [[10], [], []]
        assert {cause for *_, cause in drops(net)} == {"cut"}


def test_what_was_on_its_way_before_a_cut_still_arrives(network):
    with network(Diary, 2, link=Link(latency=0.2)) as net:
        net.call("n0", "say", "n1", 1)
        net.cut("n0", "n1")
        net.call("n0", "say", "n1", 2)
        run_until(net, lambda: net["n1"].notes)
        net.run(0.3)
        assert net["n1"].numbers() == [1]
        assert drops(net) == [("n0", "n1", 2, "cut")]


def test_what_a_cut_drops_is_not_lost_or_doubled_as_well(network):
    with network(Diary, 2, link=Link(loss=0.5, duplicate=0.5)) as net:
        net.cut("n0", "n1")
        net.call("n0", "say", "n1", *range(100))
        assert net.trace.drops == {"cut": 100}


def test_a_partition_takes_the_place_of_the_one_before_and_heal_undoes_all(network):
    with network(Diary, 3) as net:
        net.cut("n0", "n1")
        net.partition(["n0"])
        net.partition(["n2"])
        net.call("n0", "cry")
        assert sorted(drops(net)) == [("n0", "n1", 1, "cut"), ("n0", "n2", 1, "cut")]
        net.heal()
        net.call("n0", "cry")
        run_until(net, lambda: net["n1"].notes and net["n2"].notes)
        with pytest.raises(NetworkError, match="in one group"):
            net.partition(["n0", "n1"], ["n1", "n2"])


def test_heal_redials_no_node_that_is_down(network):
    with network(Diary, 3) as net:
        net.partition(["n0"])
        net.crash("n1")
        net.heal()
        assert edges(net.overlay()) == [("n0", "n2")]


def test_a_node_that_joins_a_partitioned_network_is_in_the_other_group(network):
    with network(Diary, 2) as net:
        net.partition(["n0"])
        net.join("n2", to=["n0", "n1"])
        assert edges(net.overlay()) == [("n0", "n1"), ("n1", "n2")]
        net.heal()
        assert len(net.overlay().edges) == 3


def test_both_sides_of_a_partition_are_told_after_the_timeout(impatient_network):
    with impatient_network(Diary, 4) as net:
        net.partition(["n0", "n1"])  # those not named are one more group
        began = net.now
        run_until(net, lambda: len(disconnects(net)) == 8)
        assert set(disconnects(net)) == {
            pair for a in ("n0", "n1") for b in ("n2", "n3") for pair in ((a, b), (b, a))
        }
        assert all(when - began > 0.2 for when in disconnects(net).values())
        net.run(0.5)
        assert edges(net.overlay()) == [("n0", "n1"), ("n2", "n3")]
        net.heal()
        assert net.overlay().number_of_edges() == 6
        net.call("n0", "say", "n3", 1)
        run_until(net, lambda: net["n3"].notes)


def test_a_cut_in_one_direction_ends_the_connection_at_both_ends(impatient_network):
    with impatient_network(Diary, 2) as net:
        net.cut("n0", "n1", oneway=True)
        net.call("n0", "say", "n1", 1)
        net.call("n1", "say", "n0", 2)
        run_until(net, lambda: net["n0"].notes)
        assert drops(net) == [("n0", "n1", 1, "cut")]
        run_until(net, lambda: len(disconnects(net)) == 2)
        assert net["n1"].notes == []
        net.heal()
        assert net.overlay().number_of_edges() == 1


def test_a_crash_behind_a_cut_is_noticed_as_silence(impatient_network):
    with impatient_network(Diary, 2) as net:
        net.cut("n0", "n1")
        net.crash("n0")
        crashed = net.now
        run_until(net, lambda: "-n0" in net["n1"].seen)
        [when] = disconnects(net).values()
        assert when - crashed > 0.2


def test_a_node_that_restarts_behind_a_partition_meets_its_own_side_only(impatient_network):
    with impatient_network(Diary, 4) as net:
        net.partition(["n0", "n1"])
        net.crash("n0")
        net.restart("n0")
        run_until(net, lambda: edges(net.overlay()) == [("n0", "n1"), ("n2", "n3")])
        net.heal()
        assert net.overlay().number_of_edges() == 6


def test_nobody_gets_through_a_cut_by_dialling(impatient_network):
    with impatient_network(Clinging, 2) as net:
        net.partition(["n0"], ["n1"])
        run_until(net, lambda: net["n0"].unreachable and net["n1"].unreachable)
        assert net["n0"].seen == ["start", "+n1", "-n1"]
        assert net["n1"].seen == ["start", "+n0", "-n0"]
        net.heal()
        assert net.overlay().number_of_edges() == 1


def test_contacts_are_not_reached_through_a_cut(impatient_network):
    with impatient_network(Diary, nx.empty_graph(2)) as net:
        net.partition(["n0"], ["n1"])
        net.call("n0", "say", net.call("n1", "me"), 1)
        run_until(net, lambda: net.trace.drops["unreachable"])
        assert net["n1"].notes == []


@pytest.mark.slow
def test_silence_is_noticed_after_five_seconds_and_healed(network):
    """All reasons for silence in one network, as five real seconds are long."""
    graph = nx.Graph([("a", "b"), ("c", "d"), ("e", "f"), ("g", "h")])
    with network(Diary, graph) as net:
        net.cut("a", "b")
        net.cut("c", "d", oneway=True)
        net.pause("e")
        began = net.now
        run_until(net, lambda: net.trace.count(kind="disconnect") == 5)
        assert edges(net.overlay()) == [("e", "f"), ("g", "h")]  # e has not noticed
        gone = [(e.time - began, e.node) for e in net.trace.where(kind="disconnect")]
        assert all(4 <= seconds < 9 for seconds, _ in gone)
        assert sorted(name for _, name in gone) == ["a", "b", "c", "d", "f"]
        assert net["e"].seen == ["start", "+f"]
        net.heal()
        net.resume("e")
        assert edges(net.overlay()) == edges(graph)
        run_until(net, lambda: net["e"].seen == ["start", "+f", "-f", "+f"])
        for sender, receiver in ["ab", "ba", "cd", "ef"]:
            net.call(sender, "say", receiver, 1)
        run_until(net, lambda: all(len(net[name].notes) == 1 for name in "abdf"))
        assert not drops(net)
