"""Comparing traces: two simulations, a run on real sockets with a simulated one; and where they part."""

import json

import networkx as nx
import pytest

from p2pkit import Contact, Link, LocalNetwork, Message, Protocol, SimNetwork, check, on, plot
from p2pkit.check import Difference
from p2pkit.errors import TraceError
from p2pkit.trace import Event, Trace


class Rumor(Message):
    text: str


class Call(Message):
    contact: Contact


class Gossip(Protocol):
    fanout = 2

    def on_start(self):
        self.heard = set()

    @on(Rumor)
    def hear(self, rumor, sender):
        if rumor not in self.heard:
            self.heard.add(rumor)
            for peer in self.sample(self.fanout):
                self.send(peer, rumor)

    @on(Call)
    def take(self, call, sender):
        self.log(call.contact.id)

    def introduce(self, to):
        self.send(to, Call(self.contact))


def story(net):
    """One rumor, along a line: who hears it from whom is not a matter of luck."""
    net.tell("n0", Rumor("hello"))
    net.run(until=lambda: len(net["n5"].heard) == 1, within=20)
    net.run(until=lambda: net.trace.count(kind="receive") == 1 + net.trace.count(kind="send"))
    net.crash("n2")
    net.run(until=lambda: net.trace.count(kind="disconnect") >= 2)
    net.restart("n2")
    net.run(until=lambda: net.trace.count(kind="connect") >= 14)
    net.call("n3", "introduce", "n4")
    net.run(until=lambda: net.trace.count(kind="log") == 1)
    return net.trace


LINE = nx.path_graph(6)


def simulated(protocol=Gossip, graph=LINE, **options):
    with SimNetwork(protocol, graph, seed=3, **options) as net:
        return story(net)


def lines(difference):
    return str(difference).splitlines()


# Real and simulated


def test_a_story_on_real_sockets_is_alike_where_it_must_be(nothing_left, tmp_path):
    with LocalNetwork(Gossip, LINE, seed=3) as net:
        story(net)
    net.trace.save(tmp_path / "real.jsonl")
    real = Trace.load(tmp_path / "real.jsonl")
    assert check.compare(real, net.trace, by="run") is None
    assert check.compare(real, simulated()) is None
    assert check.compare(real, simulated(), by="link") is None
    assert check.compare(real, simulated(), by="run") is not None  # times

    other = check.compare(real, simulated(Gossip.using(fanout=1)))
    assert other.track in {("n1",), ("n2",), ("n3",), ("n4",)}  # the ends have one peer anyway
    assert other.first != other.second

    for trace in (real, simulated()):
        ax = plot.spread(trace, Rumor("hello"))
        [curve] = ax.lines
        assert curve.get_ydata()[-1] == 100


def test_by_link_one_sees_what_was_said_to_whom_and_what_was_not():
    difference = check.compare(simulated(), simulated(Gossip.using(fanout=1)), by="link")
    assert difference.track == ("n1", "n0")
    assert lines(difference) == [
        "the traces differ at event 2 at n1, with n0 (the first is event 0):",
        "  both    0 s  n1 connect n0",
        "  both    0.01 s  n1 receives Rumor(text='hello') from n0",
        "  first   0.01 s  n1 sends n0 Rumor(text='hello')",
        "  second  nothing more",
    ]


# Two simulations


def test_the_same_seed_is_alike_event_for_event():
    assert check.compare(simulated(), simulated(), by="run") is None


def test_other_times_are_no_difference_unless_the_run_is_compared():
    slow = simulated(link=Link(latency=0.02))
    assert check.compare(simulated(), slow) is None
    difference = check.compare(simulated(), slow, by="run")
    assert difference.track == ()
    assert (difference.first.time, difference.second.time) == (0.01, 0.02)
    assert lines(difference)[0] == (
        f"the traces differ at event {difference.index} (the first is event 0):"
    )


def test_a_longer_trace_differs_where_the_other_ends():
    with SimNetwork(Gossip, 2) as net:
        short = Trace()
        short.absorb(net.trace, {})
        net.tell("n0", Rumor("hello"))
    difference = check.compare(short, net.trace)
    assert difference == Difference(
        ("n0",), 2, None, Event(*difference.second), tuple(net.trace.where(node="n0"))[:2]
    )
    assert lines(difference) == [
        "the traces differ at event 2 at n0 (the first is event 0):",
        "  both    0 s  n0 start",
        "  both    0 s  n0 connect n1",
        "  first   nothing more",
        "  second  0 s  n0 is told Rumor(text='hello')",
    ]
    turned = check.compare(net.trace, short)
    assert lines(turned)[-1] == "  second  nothing more"


# What counts


def trace(*events):
    made = Trace()
    for event in events:
        made.add(*event)
    return made


SEND = Event(1.0, "send", "n0", "n1", "Rumor", 23, 1, b'["Rumor",{"text":"hello"}]')


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "receive"},
        {"peer": "n2"},
        {"message": "Other"},
        {"data": b'["Rumor",{"text":"bye"}]'},
    ],
)
@pytest.mark.parametrize("by", ["run", "node", "link"])
def test_what_happened_counts_in_every_way(change, by):
    difference = check.compare(trace(SEND), trace(SEND._replace(**change)), by=by)
    assert difference.first == SEND
    assert difference.index == 0


@pytest.mark.parametrize("change", [{"time": 1.5}, {"serial": 2}, {"size": 24}])
def test_what_is_never_alike_counts_only_between_two_simulations(change):
    one, other = trace(SEND), trace(SEND._replace(**change))
    assert check.compare(one, other) is None
    assert check.compare(one, other, by="link") is None
    assert check.compare(one, other, by="run").second == SEND._replace(**change)


def test_a_difference_that_words_do_not_show_is_shown_in_full():
    difference = check.compare(trace(SEND), trace(SEND._replace(serial=2)), by="run")
    first, second = lines(difference)[1:]
    assert "serial=1" in first
    assert "serial=2" in second


def test_the_cause_of_a_drop_or_an_error_counts_and_its_details_do_not():
    drop = Event(1.0, "drop", "n0", "n1", "Rumor", 23, 1, reason="unreachable: 127.0.0.1:4711")
    assert check.compare(trace(drop), trace(drop._replace(reason="unreachable: nobody"))) is None
    assert check.compare(trace(drop), trace(drop._replace(reason="lost"))) is not None
    error = Event(1.0, "error", "n0", reason="ValueError: 3")
    assert check.compare(trace(error), trace(error._replace(reason="ValueError: 4"))) is None
    assert check.compare(trace(error), trace(error._replace(reason="KeyError: 3"))) is not None
    gone = Event(1.0, "disconnect", "n0", "n1", reason="closed by the other side")
    reset = gone._replace(reason="reset by the other side")
    assert check.compare(trace(gone), trace(reset)) is None
    assert check.compare(trace(gone), trace(reset), by="run") is not None


def test_addresses_do_not_count_but_whose_they_are_does():
    def calls(id, address):
        contact = {"id": id, "address": address}
        data = ["Call", {"contact": contact, "others": [contact], "address": "mine"}]
        return trace(SEND._replace(data=json.dumps(data).encode()))

    assert check.compare(calls("n3", "127.0.0.1:4711"), calls("n3", "10.0.0.3:8000")) is None
    assert check.compare(calls("n3", "10.0.0.3:8000"), calls("n4", "10.0.0.3:8000")) is not None


def test_a_field_that_is_only_called_address_counts():
    one = trace(SEND._replace(data=b'["House",{"address":"here"}]'))
    assert (
        check.compare(one, trace(SEND._replace(data=b'["House",{"address":"there"}]'))) is not None
    )


def test_the_order_of_nodes_and_of_links_counts_only_where_it_should():
    a, b = SEND, SEND._replace(peer="n2")
    c = SEND._replace(node="n5")
    assert check.compare(trace(a, c), trace(c, a)) is None
    assert check.compare(trace(a, c), trace(c, a), by="run").index == 0
    assert check.compare(trace(a, b), trace(b, a)).index == 0
    assert check.compare(trace(a, b), trace(b, a), by="link") is None


def test_the_difference_that_comes_first_is_shown():
    late, early = SEND._replace(time=3.0), SEND._replace(node="n5", time=2.0)
    one = trace(SEND._replace(node="n9"), late, early)
    other = trace(SEND._replace(node="n9"))
    assert check.compare(one, other).first == early
    assert check.compare(other, one).second == early


def test_the_last_events_that_were_alike_are_shown():
    many = [SEND._replace(time=float(time)) for time in range(10)]
    difference = check.compare(trace(*many), trace(*many[:8]))
    assert [event.time for event in difference.before] == [5.0, 6.0, 7.0]
    assert repr(difference) == str(difference)


def test_another_way_and_a_trace_without_events_are_refused():
    with pytest.raises(ValueError, match='by "run", by "node" or by "link"'):
        check.compare(Trace(), Trace(), by="time")
    with pytest.raises(TraceError, match="only counted"):
        check.compare(Trace(), Trace("counts"))
