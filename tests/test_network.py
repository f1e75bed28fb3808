"""What all networks share: names, hints, groups, and the time of actions."""

import warnings

import networkx as nx
import pytest
from tools import PATIENCE

from p2pkit import Link, LocalNetwork, Message, Protocol, local, network, on
from p2pkit.errors import NetworkError
from p2pkit.network import Network, NetworkWarning

pytestmark = pytest.mark.usefixtures("nothing_left")


class Note(Message):
    """Something to be written down."""

    number: int


class Diary(Protocol):
    """Write down."""

    def on_start(self):
        self.notes = []

    @on(Note)
    def write(self, note, sender):
        self.notes.append(note.number)

    def say(self, to, *numbers):
        for number in numbers:
            self.send(to, Note(number))


@pytest.fixture
def net():
    with LocalNetwork(Diary, nx.path_graph(4)) as net:
        yield net


def test_a_local_network_has_all_the_verbs():
    assert not LocalNetwork.__abstractmethods__
    assert issubclass(LocalNetwork, Network)
    for verb in Network.__abstractmethods__:
        if verb.startswith("_"):
            continue
        assert getattr(LocalNetwork, verb).__doc__ or getattr(Network, verb).__doc__


def test_names_are_found_by_what_stands_in_the_graph(net):
    assert net.name(2) == net.name("n2") == "n2"
    with pytest.raises(NetworkError, match="there is no node n9 in this network"):
        net.name(9)
    with pytest.raises(NetworkError, match=r"the nodes are n0, n1, n2, … n3|did you mean"):
        net.name("zebra")


def test_a_group_may_be_one_name(net):
    net.partition("n0", ["n1", "n2"])
    assert net.weather.is_cut("n0", "n1")
    assert not net.weather.is_cut("n1", "n2")
    assert net.weather.is_cut("n2", "n3")
    net.partition(0, [1])
    assert net.weather.is_cut("n0", "n1")
    net.heal()
    assert not net.weather.is_cut("n0", "n1")


def test_a_group_with_an_unknown_name_changes_nothing(net):
    with pytest.raises(NetworkError, match="no node"):
        net.partition(["n0", "n77"])
    with pytest.raises(NetworkError, match="no node"):
        net.cut("n0", "n77")
    with pytest.raises(NetworkError, match="no node"):
        net.shape("n77", "n0", Link(loss=1.0))
    assert not net.weather.is_cut("n0", "n1")


def test_run_waits_for_a_minute_if_it_is_not_told_how_long(net, monkeypatch):
    monkeypatch.setattr(network, "PATIENCE", 0.1)
    assert net.run(until=lambda: False) is False
    assert network.PATIENCE == 0.1


def test_an_action_may_ask_for_another(net):
    done = []

    def first():
        net.after(0.05, done.append, net.now)

    net.after(0.05, first)
    assert net.run(until=lambda: done, within=PATIENCE)


def test_an_action_that_is_late_is_done_at_the_next_run(net):
    done = []
    net.after(0.0, done.append, 1)
    assert net.run(0) is True
    assert done == [1]


def test_a_hint_points_at_the_line_that_runs(net):
    net.call("n0", "say", "n3", *range(150))
    with pytest.warns(NetworkWarning, match="150 drops, no such peer") as caught:
        net.run(0.01)
    assert caught[0].filename == __file__


def test_few_drops_deserve_no_hint(net):
    net.call("n0", "say", "n3", *range(99))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        net.run(0.01)


def test_a_trace_that_is_full_says_so_once(monkeypatch):
    monkeypatch.setattr(local, "MAX_EVENTS", 50)
    with LocalNetwork(Diary, 2) as net:
        net.call("n0", "say", "n1", *range(100))
        with pytest.warns(NetworkWarning, match="the first 50 events"):
            net.run(until=lambda: len(net["n1"].notes) == 100, within=PATIENCE)
        net.run(0.01)
        assert net.trace.count(kind="send") == 100  # counted all the same
