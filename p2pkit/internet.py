"""The Internet: how long messages take between the regions of the world, as it was measured.

>>> region_of("n0", 2019), region_of("n2", 2019)
('EUROPE', 'NORTH_AMERICA')
>>> measured(2019, "EUROPE", "JAPAN")
(Delay(mean=0.252), 750000.0)

`Link.internet()` makes a link of it.

The figures are those that SimBlock uses (Aoki, Otsuki, Kaneko, Banno and Shudo, "SimBlock: a blockchain
network simulator", IEEE INFOCOM workshops 2019; its file NetworkConfiguration.java, Apache-2.0): mean
latencies between six regions, bandwidths of their nodes, and where Bitcoin's nodes were, in 2015 and
in 2019.
"""

from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from random import Random
from typing import NamedTuple

REGIONS = ("NORTH_AMERICA", "EUROPE", "SOUTH_AMERICA", "ASIA_PACIFIC", "JAPAN", "AUSTRALIA")


class Year(NamedTuple):
    """What was measured in a year; all lists are in the order of REGIONS."""

    latency: tuple[tuple[int, ...], ...]
    """Mean milliseconds from one region (row) to another (column)."""
    download: tuple[float, ...]
    """Bits a second that a node of a region can receive."""
    upload: tuple[float, ...]
    """Bits a second that it can send."""
    share: tuple[float, ...]
    """Of Bitcoin's nodes, 0 to 1."""


BETWEEN_REGIONS = 6e6
"""Bits a second at the most from one region to another, in both years."""

YEARS = {
    2015: Year(
        latency=(
            (36, 119, 255, 310, 154, 208),
            (119, 12, 221, 242, 266, 350),
            (255, 221, 137, 347, 256, 269),
            (310, 242, 347, 99, 172, 278),
            (154, 266, 256, 172, 9, 163),
            (208, 350, 269, 278, 163, 22),
        ),
        download=(25e6, 24e6, 6.5e6, 10e6, 17.5e6, 14e6),
        upload=(4.7e6, 8.1e6, 1.8e6, 5.3e6, 3.4e6, 5.2e6),
        share=(0.3869, 0.5159, 0.0113, 0.0574, 0.0119, 0.0166),
    ),
    2019: Year(
        latency=(
            (32, 124, 184, 198, 151, 189),
            (124, 11, 227, 237, 252, 294),
            (184, 227, 88, 325, 301, 322),
            (198, 237, 325, 85, 58, 198),
            (151, 252, 301, 58, 12, 126),
            (189, 294, 322, 198, 126, 16),
        ),
        download=(52e6, 40e6, 18e6, 22.8e6, 22.8e6, 29.9e6),
        upload=(19.2e6, 20.7e6, 5.8e6, 15.7e6, 10.2e6, 11.3e6),
        share=(0.3316, 0.4998, 0.009, 0.1177, 0.0224, 0.0195),
    ),
}


@dataclass(frozen=True)
class Delay:
    """A latency that is mostly near its lowest value and now and then much longer.

    As in SimBlock, a Pareto distribution of shape m / 5 and scale m - 5, where m is the mean in
    milliseconds. mean: in seconds.
    """

    mean: float

    def __call__(self, random: Random) -> float:
        milliseconds = 1000 * self.mean
        shortest = milliseconds - 5
        return float(shortest * random.paretovariate(milliseconds / 5) / 1000)


@cache
def region_of(name: str, year: int) -> str:
    """Return the region of a node: a name decides, and many names have the measured shares."""
    shares = YEARS[year].share
    point = int.from_bytes(sha256(name.encode()).digest()[:8], "big") / 2**64 * sum(shares)
    for region, share in zip(REGIONS, shares, strict=True):
        if point < share:
            return region
        point -= share
    return REGIONS[0]


def measured(year: int, sender: str, receiver: str) -> tuple[Delay, float]:
    """Return the latency from one region to another, and the bandwidth in bytes a second."""
    figures = YEARS[year]
    here, there = REGIONS.index(sender), REGIONS.index(receiver)
    bits = min(figures.upload[here], figures.download[there])
    if here != there:
        bits = min(bits, BETWEEN_REGIONS)
    return Delay(figures.latency[here][there] / 1000), bits / 8
