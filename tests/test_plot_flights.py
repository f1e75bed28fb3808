"""Flights: that each message of a trace is found, from its send to where it ended."""

from collections import Counter

from p2pkit import Link, LocalNetwork, SimNetwork
from p2pkit.plot.flights import flights, usual
from p2pkit.protocols.gossip import Gossip, Rumor
from p2pkit.stats import latencies
from p2pkit.trace import Trace


def gossip(network):
    link = Link(latency=(0.01, 0.05), loss=0.2, duplicate=0.2)
    with network(Gossip, 6, link=link, seed=2) as net:
        net.tell("n0", Rumor("hello"))
        net.after(0.02, net.crash, "n3")
        net.after(0.3, net.restart, "n3")
        net.after(0.4, net.tell, "n3", Rumor("bye"))
        net.run(0.8)
    return net.trace


def check(trace):
    found = list(flights(trace))
    took = [one.ended - one.sent for one in found if one.arrived]
    assert sorted(took) == sorted(latencies(trace))
    causes = Counter(one.cause for one in found if one.cause)
    assert causes == trace.drops
    assert causes["lost"] > 0
    for one in found:
        assert one.event.kind in ("send", "drop")
        assert one.ended is None or one.ended >= one.sent


def test_all_messages_are_found_in_a_simulated_and_a_real_run():
    check(gossip(SimNetwork))
    check(gossip(LocalNetwork))


def test_one_message_and_one_kind():
    trace = gossip(SimNetwork)
    every, bye = list(flights(trace)), list(flights(trace, Rumor("bye")))
    assert list(flights(trace, Rumor)) == list(flights(trace, "Rumor")) == every
    assert bye == [one for one in every if one.event.value[1]["text"] == "bye"]
    assert list(flights(trace, "Ping")) == []


def test_a_node_that_restarts_counts_from_the_beginning():
    trace = Trace()
    trace.add(1.0, "send", "n0", "n1", message="Old", serial=1)
    trace.add(2.0, "send", "n0", "n1", message="New", serial=1)
    trace.add(3.0, "receive", "n1", "n0", message="New", serial=1)
    assert [(one.kind, one.ended) for one in flights(trace)] == [("Old", None), ("New", 3.0)]
    assert [one.kind for one in flights(trace, "New")] == ["New"]
    assert next(flights(trace, "Old")).ended is None


def test_what_the_receiver_did_not_understand_has_ended_there():
    trace = Trace()
    trace.add(1.0, "send", "n0", "n1", message="Odd", serial=4)
    trace.add(2.0, "drop", "n1", "n0", serial=4, reason="not understood: no Odd")
    (one,) = flights(trace)
    assert (one.sender, one.receiver, one.ended, one.cause) == ("n0", "n1", 2.0, "not understood")


def test_what_could_not_even_be_sent_is_there():
    trace = Trace()
    trace.add(1.0, "drop", "n0", "n9", message="Ping", serial=4, reason="no such peer")
    (one,) = flights(trace, "Ping")
    assert (one.sender, one.receiver, one.sent, one.cause) == ("n0", "n9", 1.0, "no such peer")


def test_what_is_usual():
    some = list(flights(gossip(SimNetwork)))
    assert 0.01 < usual(some, 9.0) < 0.06
    assert usual([], 9.0) == 9.0
    assert some[0].until(9.0) == some[0].ended
    assert some[0]._replace(ended=None).until(9.0) == some[0].sent + 9.0
