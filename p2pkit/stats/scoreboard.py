"""The scoreboard: several ways to tell everybody, on the same overlay, with the same rumors.

    ways = {"flood": Flood, "tree": Tree, "push": Gossip, "push-pull": PushPull}
    stats.scoreboard(ways, build("grid", 25), SimNetwork, link=Link(latency=0.1))

It is what Maelstrom's broadcast challenge counts (fly.io/dist-sys/3d): rumors begin at nodes chosen at
random, so many a second, and all messages are shared out among them, also those that are sent when there
is no news. The same call with a LocalNetwork has real nodes do it.
"""

from collections.abc import Callable, Mapping
from math import nan
from random import Random
from typing import TYPE_CHECKING, Any

from p2pkit.message import Message
from p2pkit.network import Network
from p2pkit.protocol import Protocol
from p2pkit.stats.spreading import Broadcast, broadcasts
from p2pkit.stats.traffic import cost, quantiles
from p2pkit.tables import frame

if TYPE_CHECKING:
    import networkx as nx

QUANTILES = {"median": 0.5, "p95": 0.95, "p99": 0.99, "worst": 1.0}
"""Columns, and which share of the rumors is everywhere by then: Maelstrom prints these."""


def scoreboard(
    protocols: Mapping[str, type[Protocol]],
    graph: "nx.Graph[Any] | int",
    world: Callable[..., Network],
    *,
    operations: int = 100,
    rate: float = 10.0,
    settle: float = 3.0,
    seed: int = 0,
    **options: Any,
) -> Any:
    """Return a DataFrame with a row for each way to tell everybody.

    protocols: by the names of the rows; each has a handler for a message called Rumor, whose field is
    a text. world: SimNetwork, or another class of networks; options are for it, such as a link.
    operations: how many rumors are told, after a first one that does not count, as a tree grows with
    it. rate: rumors a second. settle: seconds in which nothing begins, after the first rumor and after
    the last.

    The columns: messages and bytes, for each rumor, all counted; redundancy, which is how often a rumor
    was sent for each node that heard it, less one; coverage, the share of nodes that heard a rumor, and
    complete, the share of rumors that all heard; and in seconds, until when half, 95 %, 99 % and all
    of the rumors were everywhere, or if somebody never heard one, with the last who did.
    Raises ValueError for a protocol without a Rumor.
    """
    rows = {}
    for name, protocol in protocols.items():
        rumor = protocol.find_handled("Rumor")
        if rumor is None:
            raise ValueError(
                f"{name}: {protocol.__name__} has no handler for a message called Rumor"
            )
        with world(protocol, graph, seed=seed, **options) as net:
            rows[name] = _measure(net, rumor, operations, rate, settle)
    columns = next(iter(rows.values()), {})
    return frame({column: [row[column] for row in rows.values()] for column in columns}, rows)


def _measure(
    net: Network, rumor: Callable[[str], Message], operations: int, rate: float, settle: float
) -> dict[str, float]:
    """Return the row of a network."""
    dice = Random(net.seed)
    texts = [f"rumor {number}" for number in range(operations)]
    net.tell(dice.choice(net.names), rumor("the first one"))
    net.run(settle)
    before = cost(net.trace)
    began = net.now
    for number, text in enumerate(texts):
        net.tell(dice.choice(net.names), rumor(text))
        net.run(max(0.0, began + (number + 1) / rate - net.now))
    net.run(settle)
    after = cost(net.trace)
    told = [it for it in broadcasts(net.trace, "Rumor") if it.value[1]["text"] in texts]
    return {
        "messages": (after.messages - before.messages) / operations,
        "bytes": (after.bytes - before.bytes) / operations,
        **_spread(told, len(net)),
    }


def _spread(told: list[Broadcast], nodes: int) -> dict[str, float]:
    """Return what can be said of rumors one by one."""
    heard = [len(one.arrivals) for one in told]
    others = sum(heard) - len(heard)
    seconds = quantiles((one.took for one in told), QUANTILES.values())
    return {
        "redundancy": sum(one.messages for one in told) / others - 1 if others else nan,
        "coverage": sum(heard) / nodes / len(told) if told else nan,
        "complete": heard.count(nodes) / len(told) if told else nan,
        **{column: seconds[share] for column, share in QUANTILES.items()},
    }
