"""What all networks share: names, hints, groups, and the time of actions."""

import sys
import warnings

import cloudpickle
import networkx as nx
import pytest
from diary import Diary, Note, run_until

from p2pkit import Link, LocalNetwork, SimNetwork, local
from p2pkit import network as network_module
from p2pkit.errors import NetworkError
from p2pkit.network import Network, NetworkWarning

pytestmark = pytest.mark.usefixtures("nothing_left")

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # see test_parity.py


@pytest.mark.parametrize("world", [LocalNetwork, SimNetwork])
def test_every_world_has_all_the_verbs(world):
    assert not world.__abstractmethods__
    assert issubclass(world, Network)
    for verb in Network.__abstractmethods__:
        if verb.startswith("_"):
            continue
        assert getattr(world, verb).__doc__ or getattr(Network, verb).__doc__


def test_only_virtual_time_goes_step_by_step(real_network):
    with SimNetwork(Diary, 2) as net:
        net.call("n0", "say", "n1", 1)
        assert net.step()
        assert net["n1"].numbers() == [1]
    with (
        real_network(Diary, 2) as net,
        pytest.raises(NetworkError, match=r"no steps, .* SimNetwork"),
    ):
        net.step()


def test_names_are_found_by_what_stands_in_the_graph(network):
    with network(Diary, nx.path_graph(4)) as net:
        assert net.name(2) == net.name("n2") == "n2"
        with pytest.raises(NetworkError, match="there is no node n9 in this network"):
            net.name(9)
        with pytest.raises(NetworkError, match=r"the nodes are n0, n1, n2, … n3"):
            net.name("zebra")


def test_a_group_may_be_one_name(network):
    with network(Diary, nx.path_graph(4)) as net:
        net.partition("n0", ["n1", "n2"])
        assert net.weather.is_cut("n0", "n1")
        assert not net.weather.is_cut("n1", "n2")
        assert net.weather.is_cut("n2", "n3")
        net.partition(0, [1])
        assert net.weather.is_cut("n0", "n1")
        net.heal()
        assert not net.weather.is_cut("n0", "n1")


def test_a_group_with_an_unknown_name_changes_nothing(network):
    with network(Diary, nx.path_graph(4)) as net:
        with pytest.raises(NetworkError, match="no node"):
            net.partition(["n0", "n77"])
        with pytest.raises(NetworkError, match="no node"):
            net.cut("n0", "n77")
        with pytest.raises(NetworkError, match="no node"):
            net.shape("n77", "n0", Link(loss=1.0))
        assert not net.weather.is_cut("n0", "n1")


def test_run_waits_for_a_minute_if_it_is_not_told_how_long(network, monkeypatch):
    assert network_module.PATIENCE == 60.0
    monkeypatch.setattr(network_module, "PATIENCE", 0.1)
    with network(Diary, 2) as net:
        began = net.now
        assert net.run(until=lambda: False) is False
        assert net.now >= began + 0.1


def test_a_hint_points_at_the_line_that_runs(network):
    with network(Diary, 2) as net:
        net.call("n0", "say", "n9", *range(150))
        with pytest.warns(NetworkWarning, match="150 drops, no such peer") as caught:
            net.run(0.01)
        assert caught[0].filename == __file__


def test_few_drops_deserve_no_hint(network):
    with network(Diary, 2) as net:
        net.call("n0", "say", "n9", *range(99))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            net.run(0.01)


def test_a_trace_that_is_full_says_so_once(monkeypatch):
    monkeypatch.setattr(local, "MAX_EVENTS", 50)
    with LocalNetwork(Diary, 2) as net:
        net.call("n0", "say", "n1", *range(100))
        with pytest.warns(NetworkWarning, match="the first 50 events"):
            run_until(net, lambda: len(net["n1"].notes) == 100)
        net.run(0.01)
        assert net.trace.count(kind="send", message=Note) == 100  # counted all the same


def test_what_is_to_be_done_at_the_end_is_done_once_when_the_network_has_closed(network):
    seen = []
    with network(Diary, 2) as net:
        net.at_close(lambda: seen.append(net.is_up("n0")))
        net.at_close(lambda: seen.append("last"))
        assert not net.is_running
        net.after(0, lambda: seen.append(net.is_running))
        net.run(0.01)
        assert not net.is_running
    net.close()
    assert seen == [True, True, "last"]
