"""Invariants: broken at which event, at which node, and what that says."""

import sys

import cloudpickle
import networkx as nx
import pytest

import p2pkit.check
from p2pkit import Link, LocalNetwork, Message, Protocol, SimNetwork, check, on
from p2pkit.check import CheckFailed
from p2pkit.errors import NetworkError, TraceError
from p2pkit.trace import Trace

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # as what a notebook defines


class Order(Message):
    """Pay somebody, whether you can or not."""

    to: str
    amount: int


class Pay(Message):
    amount: int


class Bank(Protocol):
    """Pay what is asked for, without a look at the balance."""

    tax = 0.0  # seconds after which one coin is gone

    def on_start(self):
        self.balance = 10
        if self.tax:
            self.after(self.tax, self.lose)

    @on(Order)
    def pay(self, order, sender):
        self.balance -= order.amount
        self.send(order.to, Pay(order.amount))

    @on(Pay)
    def take(self, pay, sender):
        self.balance += pay.amount

    def lose(self, amount=20):
        self.balance -= amount


def watch(node):
    return {"balance": node.balance}


def bank(number=5, *, protocol=Bank, seed=7, **options):
    return SimNetwork(protocol, number, seed=seed, **options)


def said(error):
    return str(error.value).splitlines()


def solvent(node):
    return node.balance >= 0


# After every event


def test_the_example_at_the_front_door_is_what_is_said():
    with bank() as net:
        check.always(net, each=lambda node: node.balance >= 0)
        net.after(0.07, net.tell, "n4", Order("n1", 13))
        with pytest.raises(CheckFailed) as error:
            net.run(1)
    shown = "\n".join(f"    {line}" for line in said(error))
    assert shown in p2pkit.check.__doc__
    assert (error.value.node, error.value.time, error.value.seed) == ("n4", 0.07, 7)


def test_a_failed_check_is_an_assertion():
    with bank() as net, pytest.raises(AssertionError):
        check.always(net, lambda net: len(net) == 6)


def test_a_condition_on_the_network_names_the_event_that_broke_it():
    with bank() as net:
        check.always(net, lambda net: sum(node.balance for node in net) <= 50)
        net.tell("n0", Order("n1", 5))
        net.after(0.05, net.tell, "n2", Order("n3", -9))  # n2 has the coins before n3 has lost them
        with pytest.raises(CheckFailed) as error:
            net.run(1)
    assert said(error) == [
        "not always true, 0.050 s after the start: sum(node.balance for node in net) <= 50",
        "  sum(node.balance for node in net) is 59",
        "  after   0.050 s  n2 is told Order(to='n3', amount=-9)",
        "  again   SimNetwork(Bank, …, seed=7)",
    ]
    assert (error.value.node, error.value.time, error.value.seed) == (None, 0.05, 7)


def test_a_condition_on_each_node_names_the_last_event_of_that_node():
    with bank() as net:
        check.always(net, each=solvent)
        net.tell("n0", Order("n1", 5))
        net.after(0.02, net.tell, "n1", Order("n2", 1))
        net.after(0.04, net.tell, "n1", Order("n2", 15))
        with pytest.raises(CheckFailed) as error:
            net.run(1)
    assert said(error)[1:] == [
        "  node.balance is -1",
        "  after   0.040 s  n1 is told Order(to='n2', amount=15)",
        "  again   SimNetwork(Bank, …, seed=7)",
    ]


@pytest.mark.parametrize("each", [True, False])
@pytest.mark.parametrize("record", ["all", "counts"])
def test_the_run_stops_at_the_very_moment(each, record):
    condition = {"each": solvent} if each else {"condition": lambda net: all(map(solvent, net))}
    link = Link(latency=0.25)
    with bank(record=record, link=link) as net:
        check.always(net, **condition)
        net.tell("n0", Order("n1", 10))
        net.run(0.1)
        net.tell("n1", Order("n2", 5))
        net.after(0.5, net.tell, "n1", Order("n3", 16))  # n1 has 15 then
        with pytest.raises(CheckFailed) as error:
            net.run(5)
        assert net.now == error.value.time == 0.6
        assert [node.balance for node in net] == [0, -1, 15, 10, 10]


def test_a_timer_that_leaves_no_trace_is_noticed_at_once():
    with bank(50, roles={"n7": Bank.using(tax=0.5)}) as net:
        check.always(net, each=solvent)
        with pytest.raises(CheckFailed) as error:
            net.run(2)
    assert net.now == 0.5
    assert said(error)[:1] == ["not always true at n7, 0.500 s after the start: solvent"]
    assert said(error)[1:3] == [
        "  node.balance is -10",
        "  after   0.000 s: by a timer, or from outside; the trace has no event of it",
    ]


class Spender(Bank):
    """Give coins away by itself."""

    def on_start(self):
        super().on_start()
        self.after(0.5, self.spend)

    def spend(self):
        self.balance -= 11
        self.send("n1", Pay(11))


def test_what_a_timer_has_sent_is_shown_where_nothing_else_has_happened():
    with bank(3, roles={"n2": Spender}, watch=watch) as net:
        check.always(net, each=solvent)
        with pytest.raises(CheckFailed) as error:
            net.run(1)
    assert said(error)[2] == "  after   0.500 s  n2 sends n1 Pay(amount=11)"
    with pytest.raises(CheckFailed) as error:
        check.always(net.trace, each=solvent)
    assert said(error)[2] == "  after   0.500 s  n2 sends n1 Pay(amount=11)"


def test_what_was_changed_from_outside_is_noticed_after_as_many_events_as_there_are_nodes():
    with bank(8) as net:
        check.always(net, each=solvent)
        for _ in range(20):
            net.tell("n0", Order("n1", 0))
        net.call("n5", "lose")
        with pytest.raises(CheckFailed, match=r"not always true at n5, 0.010 s"):
            net.run(1)
        assert net.trace.count(kind="receive", message=Pay) <= 8


def test_only_nodes_that_had_a_part_are_looked_at_otherwise():
    looked = []
    with bank(50) as net:
        check.always(net, each=lambda node: looked.append(node.id) or True)
        del looked[:]
        net.tell("n0", Order("n1", 1))
        net.run(1)
    assert sorted(set(looked)) == ["n0", "n1"]


def test_all_nodes_are_looked_at_where_events_are_only_counted():
    looked = []
    with bank(50, record="counts") as net:
        check.always(net, each=lambda node: looked.append(node.id) or True)
        del looked[:]
        net.tell("n0", Order("n1", 1))
        net.run(1)
    assert len(looked) == 100  # as the run begins, and after its only event


def test_where_events_are_only_counted_the_failure_says_that_it_does_not_know():
    with bank(record="counts") as net:
        check.always(net, each=solvent)
        net.tell("n0", Order("n1", 11))
        with pytest.raises(CheckFailed, match="the trace only counts events, and does not know"):
            net.run(1)


def test_nodes_that_are_down_are_not_looked_at_one_by_one():
    with bank() as net:
        check.always(net, each=solvent)
        net.call("n1", "lose")
        net.crash("n1")
        net.run(1)
        assert net["n1"].balance == -10
        with pytest.raises(CheckFailed, match="it was so when the check began"):
            check.always(net, lambda net: all(map(solvent, net)))  # but as a part of the network


def test_what_is_wrong_at_the_beginning_fails_there():
    with bank() as net:
        net.tell("n3", Order("n1", 11))
        with pytest.raises(CheckFailed) as error:
            check.always(net, each=solvent)
        assert said(error) == [
            "not always true at n3, 0.000 s after the start: solvent",
            "  node.balance is -1",
            "  after   nothing: it was so when the check began",
            "  again   SimNetwork(Bank, …, seed=7)",
        ]
        net.run(1)  # nobody watches


def test_several_can_be_watched_and_step_looks_too():
    with bank() as net:
        check.always(net, each=solvent)
        check.always(net, lambda net: net.now < 0.05)
        net.after(0.06, int)
        net.after(0.02, int)
        assert net.step()
        with pytest.raises(CheckFailed, match=r"net.now < 0.05\n  net.now is 0.06"):
            net.step()


# When it ends


def test_it_ends_with_its_block_which_looks_a_last_time():
    with bank() as net:
        with check.always(net, each=solvent):
            net.run(0.1)
        net.call("n1", "lose")
        net.run(0.1)
        with pytest.raises(CheckFailed, match="it was so when the check began"):
            check.always(net, each=solvent)
        net.call("n1", "lose", -20)
        with pytest.raises(CheckFailed, match="at n2"), check.always(net, each=solvent):
            net.call("n2", "lose")


def test_it_ends_with_stop_which_looks_a_last_time():
    with bank() as net:
        watching = check.always(net, each=solvent)
        watching.stop()
        net.call("n1", "lose")
        net.run(0.1)
        watching.stop()  # it is over
        net.call("n1", "lose", -20)
        watching = check.always(net, each=solvent)
        net.call("n1", "lose")
        with pytest.raises(CheckFailed, match="n1"):
            watching.stop()


def test_it_ends_with_its_failure_and_the_network_can_run_on():
    with bank() as net, check.always(net, each=solvent) as watching:
        net.tell("n0", Order("n1", 11))
        with pytest.raises(CheckFailed):
            net.run(1)
        net.run(1)
        assert net["n1"].balance == 21
        watching.stop()


def test_another_failure_in_its_block_is_not_hidden():
    with bank() as net:
        with pytest.raises(NetworkError, match="n77"), check.always(net, each=solvent):
            net.call("n1", "lose", net.call("n1", "lose") or net["n77"])
        net.run(1)


def test_a_mistake_in_the_condition_says_where_it_is():
    with bank() as net:
        with pytest.raises(AttributeError) as error:
            check.always(net, each=lambda node: node.ballance >= 0)
        assert error.value.__notes__ == ["in check.always: node.ballance >= 0 of n0, at 0.000 s"]
        watching = check.always(net, lambda net: net.now < 0.1 or net.nonsense)
        net.after(0.2, int)
        with pytest.raises(AttributeError) as error:
            net.run(1)
        assert "in check.always: net.now < 0.1 or net.nonsense, at 0.200 s" in error.value.__notes__
        watching.stop()
        net.run(1)


def test_who_means_each_node_and_gets_the_network_is_told():
    with bank() as net:
        with pytest.raises(AttributeError, match="has no attribute 'coins'") as error:
            check.always(net, lambda node: node.coins >= 0)
        assert any("each=lambda node: …" in note for note in error.value.__notes__)


@pytest.mark.parametrize("given", [{}, {"condition": solvent, "each": solvent}])
def test_it_takes_one_condition(given):
    with bank() as net, pytest.raises(TypeError, match=r"check.always takes one condition"):
        check.always(net, **given)


# On real sockets


@pytest.mark.parametrize("processes", [None, 2])
def test_real_nodes_are_looked_at_too(nothing_left, processes):
    with LocalNetwork(Bank, 4, processes=processes, seed=3) as net:
        check.always(net, lambda net: sum(node.balance for node in net) <= 40)
        with check.always(net, each=solvent):
            net.tell("n0", Order("n1", 1))
            net.run(0.2)
        check.always(net, each=solvent)
        net.tell("n0", Order("n1", 100))
        with pytest.raises(CheckFailed) as error:
            net.run(20)
        assert net.now < 15
        [head, value, *_, after, again] = said(error)
        assert head.startswith("not always true at n0, ")
        assert value == "  node.balance is -91"
        assert after.endswith("n0 is told Order(to='n1', amount=100)")
        assert again.startswith("  again   LocalNetwork(Bank, …, seed=3), but real time never")


def test_a_condition_on_real_nodes_sees_them_all_at_one_moment(nothing_left):
    seen = []

    def look(net):
        seen.append((list(net), net["n1"], net[1], len(net), net.is_up("n1"), net.now))
        return len(seen) < 3

    with LocalNetwork(Bank, 3) as net:
        check.always(net, look)
        with pytest.raises(CheckFailed, match=r"not always true, .*: look"):
            net.run(20)
    for nodes, node, same, number, up, _ in seen:
        assert node is nodes[1] is same
        assert (number, up) == (3, True)
    times = [moment for *_, moment in seen]
    assert times[1] - times[0] >= 0.09  # they are left time to act
    assert times[2] - times[1] >= 0.09


def test_real_nodes_are_copied_once_a_look(nothing_left):
    with (
        LocalNetwork(Bank, 3) as net,
        check.always(net, lambda net: net["n1"] is net["n1"]),
        check.always(net, lambda net: all(a is b for a, b in zip(net, net, strict=True))),
    ):
        net.run(0.2)


def test_a_failure_after_many_events_shows_the_last_of_them(nothing_left):
    with LocalNetwork(Bank, 3) as net:
        check.always(net, each=solvent)
        for number in range(5):
            net.tell("n0", Pay(number))
        net.tell("n0", Order("n1", 100))
        with pytest.raises(CheckFailed) as error:
            net.run(20)
    after = said(error)[2:-1]
    assert after[0].startswith("  after   6 events since 0.0")
    assert all(line.startswith("          0.0") for line in after[1:])
    assert [line.partition("n0 ")[2] for line in after[1:]] == [
        "is told Pay(amount=3)",
        "is told Pay(amount=4)",
        "is told Order(to='n1', amount=100)",
    ]


# Over a trace


def told(net):
    net.tell("n0", Order("n1", 5))
    net.after(0.1, net.tell, "n1", Order("n2", 16))
    net.after(0.1, net.crash, "n4")
    net.run(1)
    return net.trace


def test_a_trace_is_replayed_state_by_state():
    with bank(watch=watch) as net:
        trace = told(net)
    with pytest.raises(CheckFailed) as error:
        check.always(trace, each=solvent)
    assert said(error) == [
        "not always true at n1, 0.100 s after the start: solvent",
        "  node.balance is -1",
        "  after   0.100 s  n1 is told Order(to='n2', amount=16)",
    ]
    assert (error.value.node, error.value.time, error.value.seed) == ("n1", 0.1, None)
    with pytest.raises(CheckFailed) as error:
        check.always(trace, lambda net: all(node.balance >= 0 for node in net))
    assert said(error)[1:3] == ["  not true for n1", "  n1: node.balance is -1"]
    check.always(trace, lambda net: sum(node.balance for node in net) <= 50).stop()
    check.always(trace, each=lambda node: node.balance >= -1).stop()


def test_a_condition_on_all_nodes_is_not_asked_before_all_have_begun():
    with bank(watch=watch) as net:
        net.run(1)
    check.always(net.trace, lambda net: sum(node.balance for node in net) == 50)
    with pytest.raises(CheckFailed):
        check.always(net.trace, lambda net: len(net) < 5)


def test_the_state_that_nodes_begin_with_is_looked_at_for_each():
    with bank(watch=watch) as net:
        pass
    with pytest.raises(CheckFailed, match="not always true at n0"):
        check.always(net.trace, each=lambda node: node.balance > 10)
    with pytest.raises(CheckFailed, match="not always true at n3"):
        check.always(net.trace, each=lambda node: node.id != "n3")


def test_nodes_of_which_nothing_was_watched_are_not_waited_for():
    with bank(3, watch=lambda node: {"id": 7} if node.id == "n1" else {}) as net:
        pass
    check.always(net.trace, lambda net: [node.id for node in net] == ["n1"])
    with pytest.raises(CheckFailed):
        check.always(net.trace, each=lambda node: node.id != "n1")


def test_a_node_that_crashed_before_it_had_a_state_is_not_looked_at():
    trace = Trace()
    trace.add(0.0, "start", "n0")
    trace.add(0.0, "state", "n0", data=b'{"balance":1}')
    trace.add(1.0, "start", "n1")
    trace.add(1.0, "crash", "n1")
    check.always(trace, each=solvent)


def test_a_replay_knows_who_is_up_and_who_is_paused():
    seen = []

    def look(net):
        seen.append((round(net.now, 3), net.is_up("n1"), net.is_paused(1), net["n1"].balance))
        return True

    with bank(3, watch=watch) as net:
        net.run(0.1)
        net.tell("n1", Order("n2", 1))
        net.pause("n1")
        net.run(0.1)
        net.resume("n1")
        net.run(0.1)
        net.crash("n1")
        net.run(0.1)
        net.restart("n1")
        net.run(0.1)
        net.leave("n1")
        net.join("n9", to="n0")
        assert net.names == ["n0", "n1", "n2", "n9"]
    check.always(net.trace, look)
    assert seen == [
        (0.0, True, False, 10),
        (0.1, True, False, 9),
        (0.1, True, True, 9),
        (0.11, True, True, 9),
        (0.2, True, False, 9),
        (0.3, False, False, 9),
        (0.4, True, False, 10),
        (0.5, False, False, 10),
        (0.5, False, False, 10),
    ]
    check.always(net.trace, lambda net: len(net) == (4 if net.now >= 0.5 else 3) or net.now == 0.5)


def test_a_node_that_crashed_at_the_start_is_not_waited_for():
    trace = Trace()
    trace.add(0.0, "start", "n0")
    trace.add(0.0, "state", "n0", data=b'{"balance":1}')
    trace.add(0.0, "start", "n1")
    trace.add(0.0, "crash", "n1")
    trace.add(1.0, "state", "n0", data=b'{"balance":-1}')
    trace.add(2.0, "start", "n1")
    trace.add(2.0, "state", "n1", data=b'{"balance":1}')
    with pytest.raises(CheckFailed, match=r"not always true at n0, 1.000 s"):
        check.always(trace, each=solvent)


def test_a_node_that_crashed_while_it_was_paused_is_paused_no_longer():
    with bank(2, watch=watch) as net:
        net.pause("n1")
        net.run(0.1)
        net.crash("n1")
        net.restart("n1")
    check.always(net.trace, lambda net: net.now == 0 or not net.is_paused("n1"))


def test_only_a_node_whose_state_has_changed_is_looked_at_again():
    with bank(watch=watch) as net:
        trace = told(net)
    looked = []
    check.always(trace, each=lambda node: looked.append(node.id) or True)
    assert looked == [*net.names, "n0", "n1", "n1", "n2"]


def test_a_trace_of_real_nodes_is_replayed_too(nothing_left, tmp_path):
    with LocalNetwork(Bank, 4, watch=watch, processes=2) as net:
        net.tell("n0", Order("n1", 11))
        net.run(until=lambda: net["n1"].balance > 10)
    net.trace.save(tmp_path / "bank.jsonl")
    trace = Trace.load(tmp_path / "bank.jsonl")
    check.always(trace, lambda net: sum(node.balance for node in net) in (40, 29))
    with pytest.raises(CheckFailed, match=r"n0 is told Order\(to='n1', amount=11\)"):
        check.always(trace, each=solvent)


def test_a_trace_without_states_says_how_to_record_them():
    with bank() as net:
        pass
    with pytest.raises(TraceError, match=r"no states of nodes in this trace: .* watch=lambda node"):
        check.always(net.trace, each=solvent)


def test_what_was_not_watched_says_how_to_record_it():
    with bank(watch=watch) as net:
        pass
    with pytest.raises(
        AttributeError, match=r"does not know the coins of n0: .*'coins': node.coins"
    ):
        check.always(net.trace, each=lambda node: node.coins)
    with pytest.raises(TraceError, match="knows no state of n77"):
        check.always(net.trace, lambda net: net["n77"])


# What it costs


def test_a_look_at_each_node_costs_little_more_than_its_events():
    looks = 0

    def look(node):
        nonlocal looks
        looks += 1
        return True

    with SimNetwork(Bank, nx.cycle_graph(100)) as net, check.always(net, each=look):
        looks = 0
        for number in range(1000):
            net.tell(number % 100, Order(f"n{(number + 1) % 100}", 1))
        net.run(1)
        assert net.trace.count(kind="receive", message=Pay) == 1000
        assert 1000 < looks < 3000
