"""LocalNetwork: what is about sockets, ports, threads and real time. What all worlds share:
test_parity.py and its neighbours."""

import threading
import time

import networkx as nx
import pytest
from diary import Diary, Note, drops, run_until
from tools import PATIENCE, eventually, free_port, hosts, on_thread, stays, takes_less_than

from p2pkit import Contact, LocalNetwork, Message, Protocol, on, plot
from p2pkit import contacts as contacts_module
from p2pkit.errors import NetworkError

pytestmark = pytest.mark.usefixtures("nothing_left")


def pair(protocol=Diary, **options):
    return LocalNetwork(protocol, nx.path_graph(2), **options)


# What a student writes


class Rumor(Message):
    """As in the design, section 2."""

    text: str


class Gossip(Protocol):
    """Tell every new rumor to a few peers, chosen at random."""

    fanout = 3

    def on_start(self):
        self.heard = set()

    @on(Rumor)
    def hear(self, rumor, sender):
        if rumor in self.heard:
            return
        self.heard.add(rumor)
        for peer in self.sample(self.fanout):
            self.send(peer, rumor)


def story(net):
    net.tell("n0", Rumor("hello"))
    net.after(0.2, net.crash, "n3")
    net.run(1.0)
    return sum(Rumor("hello") in node.heard for node in net)


@pytest.mark.parametrize(
    "draw",
    [
        lambda net: plot.spread(net.trace, Rumor("hello")),
        lambda net: plot.topology(net, color=lambda node: "orange" if node.heard else "grey"),
    ],
    ids=["spread", "topology"],
)
def test_the_plots_of_the_design_are_drawn_of_a_closed_network(draw):
    from matplotlib import pyplot

    with LocalNetwork(Gossip, nx.complete_graph(5)) as net:
        story(net)
    try:
        assert draw(net) is not None
    finally:
        pyplot.close("all")


# Start


def test_a_node_listens_where_it_is_told_to():
    port = free_port()  # for the first to listen, as another might be given this very port
    with pair(listen={0: f"127.0.0.1:{port}"}) as net:
        assert net["n1"].peers == {"n0": f"127.0.0.1:{port}"}


def test_a_port_that_is_taken_is_said_before_anything_runs():
    with (
        LocalNetwork(Diary, 1) as net,
        pytest.raises(NetworkError, match=r"n0 cannot listen on .*another program has this port"),
    ):
        LocalNetwork(Diary, 1, listen={"n0": net.call("n0", "me").address})


def test_progress_is_told_up_to_the_end():
    steps = []
    with LocalNetwork(Diary, nx.cycle_graph(5), progress=lambda *step: steps.append(step)):
        pass
    assert steps[0] == (1, 10)
    assert max(steps) == (10, 10)


# Time


def test_run_until_sees_a_condition_that_holds_already_without_waiting():
    with pair() as net:
        before = net.now
        assert net.run(until=lambda: True)
        assert net.now - before < 0.1


def test_actions_are_done_in_this_thread_during_run_and_in_order():
    done = []

    def act(what):
        done.append((what, threading.current_thread(), net.now))

    with pair() as net:
        net.after(0.10, act, "third")
        net.after(0.05, act, "first")
        net.after(0.05, act, "second")
        net.after(9.0, act, "never")
        time.sleep(0.15)
        assert not done  # nothing happens outside run
        net.run(0.1)
    assert [what for what, _, _ in done] == ["first", "second", "third"]
    assert {thread for _, thread, _ in done} == {threading.current_thread()}
    assert all(now >= 0.05 for _, _, now in done)


def test_timers_keep_time_without_drift():
    with LocalNetwork(Diary.using(tick=0.05), 1) as net:
        run_until(net, lambda: len(net["n0"].ticks) >= 10)
        ticks = net["n0"].ticks
    due = [0.05 * round(tick / 0.05) for tick in ticks]  # the turns of a hiccup are left out
    assert all(tick >= turn - 0.025 for tick, turn in zip(ticks, due, strict=True))
    assert len(set(due)) >= 9
    start = min(tick % 0.05 for tick in ticks)
    assert start < 0.05


def test_timers_of_no_time_hold_nobody_up():
    class Spinning(Diary):
        def on_start(self):
            super().on_start()
            self.turns = 0
            self.spin()

        def spin(self):
            self.turns += 1
            self.after(0, self.spin)

    with pair(roles={"n0": Spinning}) as net:
        net.call("n1", "say", "n0", 1)
        run_until(net, lambda: net["n0"].notes and net["n0"].turns > 10)


# Acting and looking


def test_iteration_shows_all_nodes_at_one_moment():
    class Token(Protocol):
        """One token wanders; somebody has it, or it is on its way: nobody has two."""

        def on_start(self):
            self.tokens = 0

        @on(Note)
        def take(self, note, sender):
            self.tokens += 1
            self.after(0.0, self.give, note)

        def give(self, note):
            self.tokens -= 1
            self.send(self.sample(1)[0], Note(note.number + 1))

    with LocalNetwork(Token, 5) as net:
        net.tell("n0", Note(0))
        for _ in range(100):
            assert sum(node.tokens for node in net) <= 1


# What students do wrong


def test_an_exception_that_no_run_saw_leaves_the_end_of_the_with_block():
    with pytest.raises(ZeroDivisionError), LocalNetwork(Diary, 2) as net:  # noqa: PT012
        net.call("n0", "spoil", "n1")
        eventually(lambda: not net.is_up("n1"))


def test_verbs_inside_a_handler_are_refused():
    networks = []

    class Meddler(Diary):
        @on(Note)
        def write(self, note, sender):
            networks[0].crash("n1")

    with pair(Meddler) as net:
        networks.append(net)
        with pytest.raises(NetworkError, match="a handler cannot act on the network"):
            net.tell("n0", Note(1))
        assert net.is_up("n1")
    networks.clear()


# Join and leave


def test_a_join_that_cannot_listen_leaves_nothing_behind():
    with LocalNetwork(Diary, 1, listen={"x": "127.0.0.1:nonsense"}) as net:
        with pytest.raises(NetworkError, match="no address"):
            net.join("x", to=0)
        assert net.names == ["n0"]


def test_a_condition_is_noticed_soon():
    with pair() as net:
        began = net.now
        net.after(0.0, net.call, 0, "say", "n1", 1)
        run_until(net, lambda: net["n1"].notes)
        assert net.now - began < 0.09  # and not at the next of some ten looks a second


def test_leaving_takes_no_time_when_nobody_is_slow():
    with LocalNetwork(Diary, 5) as net, takes_less_than(0.5):
        net.leave("n0")


# Disks


def test_a_disk_is_kept_where_it_is_told_to(tmp_path):
    class Saver(Protocol):
        def on_start(self):
            self.lives = self.disk["lives"] = self.disk.get("lives", 0) + 1

    for life in (1, 2):
        with LocalNetwork(Saver, 2, data=tmp_path) as net:
            assert [node.lives for node in net] == [life, life]
    assert len(list(tmp_path.glob("*.sqlite"))) == 2


def test_a_disk_in_a_temporary_directory_goes_with_the_network():
    class Saver(Protocol):
        def on_start(self):
            self.disk["x"] = 1

    with LocalNetwork(Saver, 2) as net:
        place = net._disks._directory
        assert place.exists()
    assert not place.exists()


# Work


class Worker(Diary):
    """Let others do the sums."""

    def on_start(self):
        super().on_start()
        self.sums = []

    def calculate(self, function, *args):
        self.work(function, *args, then=self.sums.append)
        return len(self.sums)


@pytest.mark.usefixtures("nothing_left", "no_processes")
def test_the_result_of_work_comes_back_on_the_nodes_own_thread():
    class Where(Worker):
        def calculate(self):
            self.here = threading.get_ident()
            self.work(threading.get_ident, then=self.done)

        def done(self, elsewhere):
            self.sums.append((self.here == threading.get_ident(), elsewhere != self.here))

    with LocalNetwork(Where, 1) as net:
        net.call("n0", "calculate")
        run_until(net, lambda: net["n0"].sums)
        assert net["n0"].sums == [(True, True)]


@pytest.mark.usefixtures("nothing_left", "no_processes")
def test_the_result_of_work_is_for_this_life_only():
    begun, go = threading.Event(), threading.Event()

    def slow():
        begun.set()
        go.wait(PATIENCE)
        return 1

    with LocalNetwork(Worker, 1) as net:
        net.call("n0", "calculate", slow)
        begun.wait(PATIENCE)
        net.crash("n0")
        net.restart("n0")
        go.set()
        net.run(0.1)
        assert net["n0"].sums == []


@pytest.mark.usefixtures("nothing_left", "no_processes")
def test_the_result_of_work_waits_while_the_node_is_paused():
    go = threading.Event()

    with LocalNetwork(Worker, 1) as net:
        net.call("n0", "calculate", go.wait, PATIENCE)
        net.pause("n0")
        go.set()
        net.run(0.1)
        assert net["n0"].sums == []
        net.resume("n0")
        run_until(net, lambda: net["n0"].sums == [True])


@pytest.mark.usefixtures("nothing_left", "no_processes")
def test_work_that_ends_after_the_network_disturbs_nobody(caplog):
    go = threading.Event()
    with LocalNetwork(Worker, 1) as net:
        net.call("n0", "calculate", go.wait, PATIENCE)
    go.set()
    time.sleep(0.05)
    assert not caplog.records


# Contacts


def test_a_contact_has_one_connection_and_one_that_is_a_peer_no_other():
    with LocalNetwork(Diary, nx.Graph([(0, 1)])) as net:
        net.join("n2")
        for name in ("n1", "n2"):
            net.call("n0", "say", net.call(name, "me"), 1, 2)
        run_until(net, lambda: all(len(net[name].notes) == 2 for name in ("n1", "n2")))
        assert len(hosts(net)["n0"].connections) == 2


def test_an_idle_connection_to_a_contact_is_closed_and_made_again(impatient, monkeypatch):
    monkeypatch.setattr(contacts_module, "CONTACT_IDLE", 0.2)
    with LocalNetwork(Diary, nx.empty_graph(2)) as net:
        other = net.call("n1", "me")
        both = hosts(net).values()
        net.call("n0", "say", other, 1)
        run_until(net, lambda: net["n1"].notes)
        assert all(host.connections for host in both)
        run_until(net, lambda: not any(host.connections for host in both))
        net.call("n0", "say", other, 2)
        run_until(net, lambda: len(net["n1"].notes) == 2)
        assert not drops(net)
        assert net["n1"].seen == ["start"]


def test_a_contact_that_is_spoken_to_stays(impatient, monkeypatch):
    monkeypatch.setattr(contacts_module, "CONTACT_IDLE", 0.4)
    with LocalNetwork(Diary, nx.empty_graph(2)) as net:
        other = net.call("n1", "me")
        net.call("n0", "say", other, 0)
        run_until(net, lambda: net["n1"].notes)
        [connection] = hosts(net)["n0"].connections
        for number in range(1, 16):
            net.call("n0", "say", other, number)
            net.run(0.05)
        assert hosts(net)["n0"].connections == {connection}


def test_a_contact_that_restarts_is_dialled_at_its_new_address():
    with LocalNetwork(Diary, nx.empty_graph(2)) as net:
        net.call("n0", "say", net.call("n1", "me"), 1)
        run_until(net, lambda: net["n1"].notes)
        net.crash("n1")
        run_until(net, lambda: not hosts(net)["n0"].connections)
        net.restart("n1")
        net.call("n0", "say", net.call("n1", "me"), 2)
        run_until(net, lambda: net["n1"].notes)


# Dialling


def test_connecting_twice_makes_one_connection():
    with LocalNetwork(Diary, nx.empty_graph(2)) as net:
        other = net.call("n1", "me")
        net.call("n0", "dial", other, other, other.address)
        run_until(net, lambda: net["n0"].peers and net["n1"].peers)
        net.call("n0", "dial", other, other.address)
        net.run(0.1)
        assert [len(host.connections) for host in hosts(net).values()] == [1, 1]


def test_connecting_to_oneself_by_another_name_is_unreachable_too():
    with LocalNetwork(Diary, nx.empty_graph(1), listen={"n0": "0.0.0.0:0"}) as net:
        port = net.call("n0", "me").address.rpartition(":")[2]
        net.call("n0", "dial", f"127.0.0.1:{port}")
        run_until(net, lambda: net["n0"].unreachable)
        [event] = net.trace.where(kind="unreachable")
        assert "this node itself" in event.reason
        assert net["n0"].seen == ["start"]


def test_of_two_who_dial_each_other_the_connection_of_the_smaller_id_stays():
    addresses = {}

    class Meeting(Diary):
        def on_start(self):
            super().on_start()
            addresses[self.id] = self.contact
            self.after(0.05, self.meet)

        def meet(self):
            self.dial(*(contact for id, contact in addresses.items() if id != self.id))

    with LocalNetwork(Meeting, nx.empty_graph(8)) as net:
        run_until(net, lambda: net.overlay().number_of_edges() == 28)
        net.run(0.2)
        assert all(len(host.connections) == 7 for host in hosts(net).values())
        for name, host in hosts(net).items():
            for peer, connection in host.links.items():
                assert (connection.dial is not None) == (name < peer)
        assert net.trace.count(kind="disconnect") == 0
    assert net.trace.count(kind="unreachable") == 0


def test_nobody_dials_other_machines_unless_allowed_to():
    with LocalNetwork(Diary, nx.empty_graph(1)) as net:
        net.call("n0", "dial", "192.0.2.1:80")
        net.call("n0", "dial", "example.invalid:80")
        net.call("n0", "say", Contact("far", "192.0.2.1:80"), 1)
        run_until(net, lambda: len(net["n0"].unreachable) == 2 and drops(net))
        reasons = [event.reason for event in net.trace.where(kind="unreachable")]
        assert len(reasons) == 3
        assert all("allow it with remote=True" in reason for reason in reasons)


def test_an_address_that_is_none_is_unreachable():
    with LocalNetwork(Diary, nx.empty_graph(1)) as net:
        wrong = ["nowhere", "127.0.0.1", "127.0.0.1:x", ":80", "", "127.0.0.1:99999"]
        net.call("n0", "dial", *wrong)
        run_until(net, lambda: len(net["n0"].unreachable) == len(wrong))
        assert all("is no address" in e.reason for e in net.trace.where(kind="unreachable"))


def test_a_person_can_connect_a_node_to_an_address_and_is_told_why_not():
    with LocalNetwork(Diary, nx.empty_graph(2), name="test") as net:
        assert net.dial("n0", net.call("n1", "me").address) is None
        assert net.dial("n0", net.call("n1", "me").address) is None  # it is connected
        assert "nobody listens there" in net.dial("n0", f"127.0.0.1:{free_port()}")
        with LocalNetwork(Diary, 1, name="another") as other:
            why = net.dial("n0", other.call("n0", "me").address)
            assert "belongs to the network 'another', not to 'test'" in why
            assert not other["n0"].peers
        with LocalNetwork(Diary, nx.Graph([("n0", "x")]), name="test") as twin:
            assert "called n0 too" in net.dial("n0", twin.call("n0", "me").address)


def test_two_networks_of_one_name_can_meet():
    with (
        LocalNetwork(Diary, nx.Graph([("a", "b")]), name="test") as one,
        LocalNetwork(Diary, nx.Graph([("c", "d")]), name="test") as two,
    ):
        assert one.dial("a", two.call("c", "me").address) is None
        run_until(two, lambda: "a" in two["c"].peers)
        one.call("a", "say", "c", 1)
        run_until(two, lambda: two["c"].notes == [("a", Note(1))])


def test_an_id_that_is_taken_is_refused_and_the_first_stays():
    with (
        LocalNetwork(Diary, nx.Graph([("a", "b")]), name="test") as one,
        LocalNetwork(Diary, nx.Graph([("b", "c")]), name="test") as two,
    ):
        two.dial("b", one.call("a", "me").address)
        two.run(0.1)
        assert one["a"].peers == {"b": one.call("b", "me").address}
        assert set(two["b"].peers) == {"c"}
        one.call("a", "say", "b", 1)
        run_until(one, lambda: one["b"].notes)


# Threads


def test_a_network_can_be_used_from_several_threads():
    with LocalNetwork(Diary, 5) as net:

        def work(me):
            for number in range(100):
                net.call(me, "say", f"n{(int(me[1:]) + 1) % 5}", number)
                net[me]

        threads = [on_thread(work, name) for name in net.names]
        for thread in threads:
            thread.join()
        run_until(net, lambda: all(len(node.notes) == 100 for node in net))


def test_nodes_go_on_while_nobody_runs():
    with pair(Diary.using(tick=0.01)) as net:
        eventually(lambda: len(net["n0"].ticks) > 5)


def test_the_end_of_a_run_leaves_the_nodes_running():
    with pair() as net:
        net.call("n0", "say", "n1", 1)
        net.run(0)
        eventually(lambda: net["n1"].notes)
        stays(lambda: net.is_up("n0"))
