"""The Internet: latencies and bandwidths between regions are those that were measured."""

import pickle
from collections import Counter
from random import Random
from statistics import median

import pytest

from p2pkit import Link, LocalNetwork, SimNetwork
from p2pkit.internet import REGIONS, YEARS
from p2pkit.protocols.flood import Flood, Rumor
from p2pkit.stats import latencies


@pytest.mark.parametrize("year", YEARS)
def test_the_tables_are_of_six_regions(year):
    figures = YEARS[year]
    assert [len(row) for row in figures.latency] == [6] * 6
    assert all(figures.latency[a][b] == figures.latency[b][a] for a in range(6) for b in range(6))
    assert len(figures.download) == len(figures.upload) == len(figures.share) == len(REGIONS)
    assert sum(figures.share) == pytest.approx(1, abs=0.001)


@pytest.mark.parametrize("year", YEARS)
@pytest.mark.parametrize("there", REGIONS)
def test_latencies_have_the_measured_mean(year, there):
    link = Link.internet(year, {"a": "EUROPE", "b": there}).between("a", "b")
    dice = Random(1)
    mean = YEARS[year].latency[REGIONS.index("EUROPE")][REGIONS.index(there)]
    found = [1000 * link.delay(dice) for _ in range(20_000)]
    assert min(found) >= mean - 5
    shape = mean / 5
    assert median(found) == pytest.approx((mean - 5) * 2 ** (1 / shape), rel=0.02)
    if shape > 3:  # below, a mean converges too slowly to be looked at
        assert sum(found) / len(found) == pytest.approx(mean, rel=0.01)


def test_bandwidth_is_what_both_sides_and_the_way_allow():
    link = Link.internet(2015, {"a": "EUROPE", "b": "SOUTH_AMERICA", "c": "EUROPE"})
    assert link.between("a", "c").bandwidth == 8.1e6 / 8
    assert link.between("a", "b").bandwidth == 6e6 / 8
    assert link.between("b", "a").bandwidth == 1.8e6 / 8


def test_nodes_are_where_bitcoins_were():
    link = Link.internet(2019)
    where = Counter(link.region(f"n{number}") for number in range(20_000))
    for region, share in zip(REGIONS, YEARS[2019].share, strict=True):
        assert where[region] / 20_000 == pytest.approx(share, abs=0.01)
    assert link.region("n7") == Link.internet(2019).region("n7")


def test_what_was_not_measured_is_an_error():
    with pytest.raises(ValueError, match="in 2015 and in 2019, not in 1999"):
        Link.internet(1999)
    with pytest.raises(ValueError, match="'EUROPA' is no region: NORTH_AMERICA, EUROPE"):
        Link.internet(regions={"n0": "EUROPA"})


def test_it_travels_to_other_processes():
    link = Link.internet(2015, {"n0": "JAPAN"})
    copy = pickle.loads(pickle.dumps(link))
    assert copy == link
    assert copy.between("n0", "n1") == link.between("n0", "n1")
    assert isinstance(hash(link), int)


@pytest.mark.parametrize("world", [SimNetwork, LocalNetwork])
def test_a_network_lives_on_it(world):
    link = Link.internet(regions={"n0": "EUROPE", "n1": "JAPAN", "n2": "EUROPE"})
    with world(Flood, 3, link=link) as net:
        net.tell("n0", Rumor("hello"))
        net.run(until=lambda: net.trace.count(kind="receive") >= 5, within=10)
        took = latencies(net.trace)
        assert net["n1"].heard
    assert max(took) >= 0.247  # to Japan
    assert min(took) < 0.1  # within Europe


def test_a_shaped_link_goes_before_it():
    with SimNetwork(Flood, 2, link=Link.internet()) as net:
        net.shape("n0", "n1", Link(latency=7.0))
        net.tell("n0", Rumor("hello"))
        net.run(until=lambda: net["n1"].heard)
        assert net.now == pytest.approx(7.0, abs=0.01)
