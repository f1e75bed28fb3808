"""Expectations: what must become true, who agrees, whom a message has reached, and who is missing."""

import networkx as nx
import pytest

from p2pkit import Link, LocalNetwork, Message, Protocol, SimNetwork, check, on
from p2pkit.check import CheckFailed
from p2pkit.errors import NetworkError, TraceError
from p2pkit.trace import Trace


class Rumor(Message):
    text: str


HELLO = Rumor("hello")


class Flood(Protocol):
    def on_start(self):
        self.heard = []

    @on(Rumor)
    def hear(self, rumor, sender):
        if rumor.text not in self.heard:
            self.heard.append(rumor.text)
            self.broadcast(rumor, but=sender)


def watch(node):
    return {"heard": node.heard}


def line(number=5, **options):
    """Return nodes in a line, 10 ms between two."""
    return SimNetwork(Flood, nx.path_graph(number), seed=3, **options)


def said(error):
    return str(error.value).splitlines()


AGAIN = "  again   SimNetwork(Flood, …, seed=3)"


# Eventually


def test_the_network_runs_until_it_holds():
    with line() as net:
        net.tell("n0", HELLO)
        when = check.eventually(net, lambda net: "hello" in net["n2"].heard, within=5)
        assert when == net.now == pytest.approx(0.02, abs=0.002)
        assert net["n4"].heard == []
        assert check.eventually(net, each=lambda node: node.heard, within=5) == net.now
        assert net.now == pytest.approx(0.04, abs=0.002)


def test_what_does_not_hold_in_time_says_what_is_missing():
    with line() as net:
        net.tell("n0", HELLO)
        with pytest.raises(CheckFailed) as error:
            check.eventually(
                net, lambda net: all(len(node.heard) > 0 for node in net), within=0.025
            )
        assert said(error) == [
            "not within 0.025 s: all(len(node.heard) > 0 for node in net)",
            "  not true for n3, n4",
            "  n3: len(node.heard) is 0",
            AGAIN,
        ]
        assert (error.value.time, error.value.seed) == (0.025, 3)


def test_each_names_those_that_are_late_among_those_that_are_up():
    with line() as net:
        net.tell("n0", HELLO)
        net.crash("n2")
        with pytest.raises(CheckFailed) as error:
            check.eventually(net, each=lambda node: node.heard == ["hello"], within=1)
    assert said(error) == [
        'not within 1 s: node.heard == ["hello"]',
        "  not true for n3, n4: 2 of 4 nodes",
        "  n3: node.heard is []",
        AGAIN,
    ]


def test_those_that_are_down_are_not_waited_for():
    with line() as net:
        net.crash("n4")
        net.tell("n0", HELLO)
        assert check.eventually(net, each=lambda node: node.heard, within=1) < 0.04


def test_each_of_no_nodes_is_nobody():
    with line(2) as net:
        net.crash("n0")
        net.crash("n1")
        with pytest.raises(CheckFailed, match=r"not within 1 s: node.heard\n  no node is up"):
            check.eventually(net, each=lambda node: node.heard, within=1)


def test_real_nodes_are_waited_for(nothing_left):
    with LocalNetwork(Flood, nx.path_graph(4), processes=2) as net:
        net.tell("n0", HELLO)
        when = check.eventually(net, each=lambda node: node.heard, within=20)
        assert 0 < when <= net.now < 20
        check.eventually(net, lambda net: net["n1"] is net["n1"], within=5)  # at one moment
        with pytest.raises(CheckFailed) as error:
            check.eventually(net, lambda net: net["n1"].heard == net[2], within=0.05)
        assert said(error)[:2] == [
            'not within 0.05 s: net["n1"].heard == net[2]',
            "  net[\"n1\"].heard is ['hello']",
        ]


def test_a_trace_is_searched_for_the_moment():
    with line(watch=watch) as net:
        net.run(1)
        net.tell("n0", HELLO)
        net.run(1)
    trace = net.trace
    assert check.eventually(trace, each=lambda node: node.heard, within=2) == 1.04
    assert check.eventually(trace, lambda net: "hello" in net["n2"].heard, within=2) == 1.02
    with pytest.raises(CheckFailed) as error:
        check.eventually(trace, each=lambda node: node.heard, within=1.035)
    assert said(error) == [
        "not within 1.035 s: node.heard",
        "  not true for n4: 1 of 5 nodes",
        "  n4: node.heard is []",
    ]


def test_a_moment_before_any_node_has_a_state_says_so():
    trace = Trace()
    trace.add(1.0, "start", "n0")
    trace.add(1.0, "state", "n0", data=b'{"a":1}')
    with pytest.raises(CheckFailed, match="no node has a state in that time"):
        check.eventually(trace, each=lambda node: node.a == 1, within=0.5)


def test_a_closed_network_cannot_be_waited_for():
    with line() as net:
        pass
    with pytest.raises(NetworkError, match="closed"):
        check.eventually(net, each=lambda node: node.heard, within=1)


# Agreement


def test_nodes_that_agree_return_what_they_say():
    with line() as net:
        net.tell("n0", HELLO)
        net.run(1)
        assert check.agreement(net, "heard") == ["hello"]
        assert check.agreement(net, lambda node: len(node.heard)) == 1
    assert check.agreement(net, "heard") == ["hello"]  # a closed network, too


def test_nodes_that_do_not_agree_are_shown_in_parties():
    with line(12) as net:
        net.tell("n3", HELLO)
        net.tell("n0", Rumor("bye"))
        net.run(0.015)
        with pytest.raises(CheckFailed) as error:
            check.agreement(net, "heard")
    assert said(error) == [
        "no agreement on heard, 0.015 s after the start",
        "  7 nodes say []: n5, n6, n7, n8, n9, n10 and 1 more",
        "  3 nodes say ['hello']: n2, n3, n4",
        "  2 nodes say ['bye']: n0, n1",
        AGAIN,
    ]


def test_only_some_parties_are_shown():
    with line(9) as net, pytest.raises(CheckFailed) as error:
        check.agreement(net, lambda node: node.id)
    assert said(error)[0] == "no agreement on node.id, 0.000 s after the start"
    assert said(error)[1:-1] == [*(f"  n{n} says 'n{n}'" for n in range(5)), "  and 4 more answers"]


def test_long_answers_are_cut_where_they_differ():
    with line(2) as net, pytest.raises(CheckFailed) as error:
        check.agreement(net, lambda node: [*range(100), node.id])
    assert said(error)[1].endswith("97, 98, 99, 'n0']")
    assert len(said(error)[1]) < 60


def test_those_that_are_down_are_not_asked_and_it_can_be_said_who_is():
    with line() as net:
        net.tell("n1", HELLO)
        net.crash("n4")
        net.run(1)
        net.restart("n4")
        with pytest.raises(CheckFailed):
            check.agreement(net, "heard")
        assert check.agreement(net, "heard", nodes=["n0", 1, "n2"]) == ["hello"]
        net.crash("n4")
        assert check.agreement(net, "heard") == ["hello"]
        with pytest.raises(CheckFailed, match=r"no agreement on heard, 1.000 s .*: down is n4"):
            check.agreement(net, "heard", nodes=["n0", "n4"])
        for name in net.names[:4]:
            net.crash(name)
        with pytest.raises(CheckFailed, match="no node is up"):
            check.agreement(net, "heard")


def test_a_trace_is_asked_at_its_end():
    with line(watch=watch) as net:
        net.tell("n0", HELLO)
        net.run(1)
    assert check.agreement(net.trace, "heard") == ["hello"]
    with line(watch=watch) as net:
        net.tell("n0", HELLO)
        net.run(0.025)
    with pytest.raises(CheckFailed) as error:
        check.agreement(net.trace, "heard")
    assert said(error) == [
        "no agreement on heard, 0.020 s after the start",
        "  3 nodes say ['hello']: n0, n1, n2",
        "  2 nodes say []: n3, n4",
    ]


# Coverage


def test_a_message_that_has_reached_enough_nodes_returns_their_share():
    with line() as net:
        net.tell("n0", HELLO)
        net.run(0.035)
        assert check.coverage(net, HELLO, at_least=0.8) == pytest.approx(0.8)
        net.run(1)
    assert check.coverage(net, HELLO) == check.coverage(net.trace, Rumor) == 1.0
    assert check.coverage(net, "Rumor") == 1.0


def test_those_that_are_missing_are_named_with_the_reason():
    with line(9) as net:
        net.cut("n2", "n3")
        net.shape("n4", "n3", Link(loss=1.0))
        net.pause("n8")
        net.tell("n0", HELLO)
        net.tell("n6", HELLO)
        net.run(0.015)
        net.crash("n4")
        net.run(0.01)
        with pytest.raises(CheckFailed) as error:
            check.coverage(net, HELLO, at_least=0.99)
    assert said(error) == [
        "Rumor(text='hello') has reached 6 of 9 nodes, 66.7%; wanted 99.0%",
        "  n3: it was sent there, and dropped: cut",
        "  n4: down since 0.015 s; it was sent there, and dropped: node is down",
        "  n8: paused since 0.000 s; it was sent there, and is not there yet",
        AGAIN,
    ]


def test_what_nobody_has_sent_and_what_is_lost_are_told_apart():
    with SimNetwork(Flood, 3, seed=3, link=Link(loss=1.0)) as net:
        net.cut("n0", "n1")
        net.tell("n0", HELLO)
        net.run(1)
        with pytest.raises(CheckFailed) as error:
            check.coverage(net.trace, Rumor)
    assert said(error) == [
        "Rumor has reached 1 of 3 nodes, 33.3%; wanted 100.0%",
        "  n1: it was sent there, and dropped: cut",
        "  n2: it was sent there, and dropped: lost",
    ]
    with line(3) as net, pytest.raises(CheckFailed) as error:
        check.coverage(net, HELLO)
    assert said(error)[1] == "  n0, n1, n2: nobody has sent it there"


def test_what_was_sent_to_no_peer_is_missing_too():
    class Lost(Flood):
        @on(Rumor)
        def hear(self, rumor, sender):
            self.send("n2", rumor)

    with SimNetwork(Lost, nx.path_graph(3)) as net:
        net.tell("n0", HELLO)
        with pytest.raises(CheckFailed) as error:
            check.coverage(net, HELLO)
    assert said(error)[1:3] == [
        "  n1: nobody has sent it there",
        "  n2: it was sent there, and dropped: no such peer",
    ]


def test_another_message_says_nothing_about_this_one():
    with line(3) as net:
        net.tell("n0", Rumor("bye"))
        net.run(1)
        net.leave("n2")
        with pytest.raises(CheckFailed) as error:
            check.coverage(net, HELLO)
    assert said(error)[1:3] == [
        "  n0, n1: nobody has sent it there",
        "  n2: down since 1.000 s; nobody has sent it there",
    ]


def test_nodes_that_came_back_are_not_called_down():
    with line(3) as net:
        net.crash("n2")
        net.restart("n2")
        net.pause("n1")
        net.resume("n1")
        with pytest.raises(CheckFailed) as error:
            check.coverage(net, HELLO)
    assert said(error)[1] == "  n0, n1, n2: nobody has sent it there"


def test_real_nodes_are_covered_too(nothing_left):
    with LocalNetwork(Flood, 3) as net:
        net.tell("n0", HELLO)
        check.eventually(net, each=lambda node: node.heard, within=20)
        assert check.coverage(net, HELLO) == 1.0


def test_a_trace_that_was_full_says_that_it_does_not_know():
    trace = Trace(most=1)
    trace.add(0.0, "start", "n0")
    trace.add(0.0, "receive", "n0", message="Rumor")
    with pytest.raises(CheckFailed, match="the trace was full before the end"):
        check.coverage(trace, Rumor)


def test_no_nodes_are_not_covered():
    with pytest.raises(CheckFailed, match="has reached 0 of 0 nodes"):
        check.coverage(Trace(), Rumor, at_least=0.0)


def test_what_cannot_be_known_or_wanted_is_refused():
    with line(record="counts") as net:
        with pytest.raises(TraceError, match='record="all"'):
            check.coverage(net, HELLO)
        with pytest.raises(ValueError, match="at_least=99: a share of the nodes, from 0 to 1"):
            check.coverage(net, HELLO, at_least=99)
        with pytest.raises(TypeError, match=r"check.eventually takes one condition"):
            check.eventually(net, within=1)
