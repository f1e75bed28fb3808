"""The scoreboard: what it counts is what was sent."""

from functools import partial

import networkx as nx
import pytest

from p2pkit import Link, LocalNetwork, Protocol, SimNetwork, stats
from p2pkit.protocols.flood import Flood
from p2pkit.protocols.gossip import Gossip, Pull, PushPull
from p2pkit.protocols.lazy import Lazy
from p2pkit.protocols.rumor import Mongering
from p2pkit.protocols.tree import Tree
from p2pkit.topology import build

pytest.importorskip("pandas")

WAYS = {
    "flood": Flood,
    "tree": Tree,
    "lazy": Lazy,
    "push": Gossip,
    "pull": Pull,
    "push-pull": PushPull,
    "rumor": Mongering,
}
GRID = build("grid", 25)
LINKS = len(GRID.edges)


@pytest.fixture(scope="module")
def board():
    return stats.scoreboard(WAYS, GRID, SimNetwork, link=Link(latency=0.1), settle=5.0, seed=2)


def test_there_is_a_row_for_each_way(board):
    assert list(board.index) == list(WAYS)
    assert list(board.columns) == [
        *("messages", "bytes", "redundancy", "coverage", "complete"),
        *("median", "p95", "p99", "worst"),
    ]


def test_what_has_a_formula_has_its_number(board):
    assert board.messages["flood"] == 2 * LINKS - 25 + 1
    assert board.messages["tree"] == 24
    assert board.messages["lazy"] == 2 * LINKS - 25 + 1 + 2 * 24
    assert board.redundancy["flood"] == pytest.approx((2 * LINKS - 24) / 24 - 1)
    assert board.redundancy[["tree", "lazy"]].tolist() == [0, 0]
    assert board.coverage[["flood", "tree", "lazy"]].tolist() == [1, 1, 1]
    assert board.complete["flood"] == 1
    assert board.bytes["flood"] == pytest.approx(
        56 * len('["Rumor",{"text":"rumor 10"}]'), rel=0.01
    )


def test_a_latency_is_the_farthest_way(board):
    """From a corner of the grid to the opposite one it is eight hops, and from its middle four."""
    assert board.worst["flood"] == pytest.approx(0.8)
    assert 0.4 <= board["median"]["flood"] <= 0.7
    assert (board["median"] <= board.p95).all()
    assert (board.p95 <= board.worst).all()
    assert board.worst["lazy"] == pytest.approx(3 * 0.8)


def test_what_is_left_to_chance_leaves_somebody_out_or_costs_more(board):
    assert 0.5 < board.coverage["rumor"] < 1
    assert 0.5 < board.complete["rumor"] < 1
    assert board.messages["push"] < 25 * Gossip.fanout
    assert board.coverage[["pull", "push-pull"]].tolist() == [1, 1]
    assert board["median"]["push-pull"] < board["median"]["pull"]


def test_the_chatter_when_there_is_no_news_is_counted():
    """A hundred rumors in ten seconds, and five more: each node asks once a turn."""
    never = Pull.using(pause=1.0)
    board = stats.scoreboard(
        {"pull": never}, nx.path_graph(2), SimNetwork, operations=10, rate=1.0, settle=2.0
    )
    assert board.messages["pull"] == pytest.approx(2 * 12 / 10 + 1, abs=0.2)


def test_a_protocol_without_a_rumor_is_refused():
    with pytest.raises(
        ValueError, match="nothing: Protocol has no handler for a message called Rumor"
    ):
        stats.scoreboard({"nothing": Protocol}, 3, SimNetwork)


def test_without_rumors_there_is_nothing_to_say():
    board = stats.scoreboard({"none": Flood}, 1, SimNetwork, operations=2, settle=0.1)
    assert board.redundancy.isna().all()
    assert len(stats.scoreboard({}, 3, SimNetwork)) == 0


@pytest.mark.slow
@pytest.mark.parametrize("processes", [1, 3])
def test_real_nodes_send_as_many(processes):
    """25 nodes, links of 100 ms, as in Maelstrom's challenge."""
    world = partial(LocalNetwork, processes=processes)
    board = stats.scoreboard(
        {"flood": Flood, "lazy": Lazy},
        GRID,
        world,
        link=Link(latency=0.1),
        operations=20,
        settle=4.0,
    )
    assert board.messages["flood"] == 2 * LINKS - 25 + 1
    assert board.redundancy["flood"] == pytest.approx((2 * LINKS - 24) / 24 - 1)
    assert board.redundancy["lazy"] == 0
    assert board.complete.tolist() == [1, 1]
    assert board["median"]["flood"] >= 0.4
