"""The meter: a run that cannot end says so, and one that has much to do goes on."""

import networkx as nx
import pytest

from p2pkit import Link, Message, Protocol, SimNetwork, meter, on
from p2pkit.errors import NetworkError
from p2pkit.protocols.flood import Flood, Rumor


class Echo(Flood):
    """Forget to look for duplicates."""

    @on(Rumor)
    def hear(self, rumor, sender):
        self.broadcast(rumor)


class Tick(Protocol):
    """Do something now and then."""

    period = 1.0

    def on_start(self):
        self.every(self.period, self.ring)

    def ring(self):
        pass


class Ping(Message):
    pass


class Chatter(Protocol):
    """Send the same message to all, again and again."""

    period = 0.001

    def on_start(self):
        self.heard = 0
        self.every(self.period, lambda: self.broadcast(Ping()))

    @on(Ping)
    def hear(self, ping, sender):
        self.heard += 1

    def burst(self, times):
        for _ in range(times):
            self.broadcast(Ping())


class Spin(Flood):
    """Set a timer again at once."""

    begin = 0.5

    def on_start(self):
        super().on_start()
        self.after(self.begin, self.spin)

    def spin(self):
        self.after(0.0, self.spin)


@pytest.fixture
def small_budget(monkeypatch):
    monkeypatch.setattr(meter, "BUDGET", 5000)
    monkeypatch.setattr(meter, "EACH", 1000)


@pytest.mark.usefixtures("small_budget")
@pytest.mark.parametrize("record", ["all", "counts"])
def test_a_missing_duplicate_check_is_told(record):
    with SimNetwork(Echo, 5, record=record) as net:
        net.tell("n0", Rumor("hello"))
        expected = r"5,000 events in 0\.\d+ s .* 100% of the messages in Echo.hear: .*duplicate"
        with pytest.raises(NetworkError, match=expected):
            net.run(10.0)


@pytest.mark.usefixtures("small_budget")
def test_a_timer_that_is_set_again_at_once_is_told():
    with SimNetwork(Spin, 2) as net:
        net.tell("n0", Rumor("before"))  # what was before is not to blame
        with pytest.raises(NetworkError, match=r"5,000 events in 0.* does a timer set itself"):
            net.run(10.0)


@pytest.mark.usefixtures("small_budget")
def test_a_run_that_has_gone_well_for_long_is_watched_all_the_same():
    with SimNetwork(Tick.using(period=0.0005), 2, roles={1: Spin.using(begin=9.0)}) as net:
        with pytest.raises(NetworkError, match="does a timer set itself"):
            net.run(10.0)
        assert net.now == 9.0


@pytest.mark.usefixtures("small_budget")
def test_an_action_that_asks_for_itself_at_once_is_told():
    with SimNetwork(Flood, 2) as net:

        def again():
            net.after(0.0, again)

        again()
        with pytest.raises(NetworkError, match="5,000 events in 0 s"):
            net.run(10.0)


@pytest.mark.usefixtures("small_budget")
def test_much_to_do_is_no_endless_run(monkeypatch):
    with SimNetwork(Tick.using(period=0.001), 4) as net:
        net.run(5.0)  # 4,000 events a second
    monkeypatch.setattr(meter, "EACH", 10_000)
    with SimNetwork(Tick.using(period=0.0001), 1) as net:
        net.run(0.9)


STORMS = [
    (nx.complete_graph(4), "all"),
    (nx.complete_graph(10), "counts"),
    (nx.random_regular_graph(3, 20, seed=1), "counts"),
]


@pytest.mark.parametrize(("graph", "record"), STORMS, ids=["4", "10", "20"])
def test_a_storm_is_noticed_while_it_grows(graph, record):
    with SimNetwork(Echo, graph, link=Link(latency=(0.01, 0.1)), record=record) as net:
        net.run(5.0)  # what was before does not hide it
        net.tell("n0", Rumor("hello"))
        with pytest.raises(NetworkError, match=r"100% of the messages in Echo.hear: .*duplicate"):
            net.run(10.0)
        assert net.trace.count(kind="receive") < 10 * meter.GLANCE


def test_the_handler_that_is_named_is_the_one_that_ran():
    with SimNetwork(Chatter.using(period=1.0), 4, roles=dict.fromkeys(range(4), Echo)) as net:
        net.tell("n0", Rumor("hello"))
        with pytest.raises(NetworkError, match=r"in Echo.hear:"):
            net.run(10.0)


def test_many_floods_at_once_are_no_storm():
    with SimNetwork(Flood, nx.random_regular_graph(8, 50, seed=1), record="counts") as net:
        for number in range(1000):
            net.tell(number % 50, Rumor(f"rumor {number}"))
        net.run(1.0)
        assert net.trace.count(kind="receive") == 1000 * (2 * 200 - 50 + 2)


def test_a_slow_link_with_ever_more_to_carry_is_no_storm():
    link = Link(bandwidth=15_000)
    with SimNetwork(Chatter, 4, link=link, record="counts") as net:
        net.run(10.0)
        assert net.trace.count(kind="send") == 120_000
        assert net.clock.pending > 20_000


def test_a_burst_is_no_storm():
    with SimNetwork(Chatter.using(period=60.0), 2, record="counts") as net:
        net.call("n0", "burst", 150_000)
        net.run(1.0)
        assert net["n1"].heard == 150_000
