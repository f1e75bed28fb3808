"""Workers: nodes in processes of their own, and what happens when such a process dies."""

import io
import os
import signal
import subprocess
import sys
import threading

import cloudpickle
import networkx as nx
import pytest
from tools import PATIENCE, eventually, takes_less_than

from p2pkit import LocalNetwork, Message, Protocol, on
from p2pkit import worker as worker_module
from p2pkit.errors import NetworkError, NodeDown, ProtocolError
from p2pkit.network import NetworkWarning

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # spares the workers importing pytest

pytestmark = pytest.mark.usefixtures("nothing_left")

KILL = getattr(signal, "SIGKILL", signal.SIGTERM)  # on Windows, every signal ends a process at once


class Entry(Message):
    number: int


class Keeper(Protocol):
    """Keeps what it is told on its disk, and then says so to everyone."""

    def on_start(self):
        self.known = self.disk.get("numbers", [])
        self.lost = []

    def on_disconnect(self, peer):
        self.lost.append((peer, self.now))

    @on(Entry)
    def keep(self, entry, sender):
        if sender is None:
            self.known.append(entry.number)
            self.disk["numbers"] = self.known
            self.broadcast(entry)

    def whoami(self):
        return os.getpid()

    def own_peers(self):
        return sorted(self.peers)


def kill(net, *names):
    """Kill the processes of some nodes, and wait until the network knows."""
    for pid in {net.pids[name] for name in names}:
        os.kill(pid, KILL)
    with pytest.warns(NetworkWarning, match="went down with it"):
        wait_until_down(net, *names)


def wait_until_down(net, *names):
    assert net.run(until=lambda: not any(map(net.is_up, names)), within=PATIENCE)
    net.run(0)  # says what has happened


def all_met(net):
    return lambda: net.overlay().number_of_edges() == net.graph.number_of_edges()


# Who is where


@pytest.mark.parametrize(("processes", "found"), [(1, 1), (2, 2), (4, 4), (9, 4)])
def test_nodes_are_spread_over_processes_in_turn(processes, found):
    with LocalNetwork(Keeper, nx.cycle_graph(4), processes=processes) as net:
        pids = net.pids
        assert {name: net.call(name, "whoami") for name in net.names} == pids
        assert len(set(pids.values())) == found
        assert os.getpid() not in pids.values()
        sizes = [list(pids.values()).count(pid) for pid in set(pids.values())]
        assert max(sizes) - min(sizes) <= 1


def test_nodes_of_this_process_have_no_other_that_could_be_killed():
    with LocalNetwork(Keeper, 2) as net, pytest.raises(NetworkError, match="live in this process"):
        _ = net.pids


def test_a_node_that_joins_lives_where_there_is_most_room():
    with LocalNetwork(Keeper, nx.path_graph(3), processes=2) as net:
        net.join("new", to="n0")
        assert net.pids["new"] == net.pids["n1"] != net.pids["n0"]
        assert net.call("new", "own_peers") == ["n0"]
        assert net.run(until=lambda: "new" in net["n0"].peers, within=PATIENCE)


@pytest.mark.parametrize("processes", [0, -1, 2.5, "two"])
def test_the_number_of_processes_is_a_number_from_1(processes):
    with pytest.raises(NetworkError, match=r"processes=.*from 1, or None"):
        LocalNetwork(Keeper, 3, processes=processes)


def test_without_cloudpickle_a_sentence_says_what_to_install(tmp_path):
    program = (
        "import sys; sys.modules['cloudpickle'] = None\n"
        "from p2pkit import LocalNetwork, Protocol\n"
        "class Idle(Protocol): pass\n"
        "LocalNetwork(Idle, 2).close()\n"
        "try: LocalNetwork(Idle, 2, processes=2)\n"
        "except Exception as error: print(type(error).__name__, error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.startswith("NetworkError nodes in processes need one more package: pip"), (
        done
    )


def test_workers_load_neither_plots_nor_networkx():
    class Curious(Protocol):
        def loaded(self):
            return sorted({"networkx", "matplotlib", "numpy", "jupyter"} & set(sys.modules))

    with LocalNetwork(Curious, 2, processes=2) as net:
        assert net.call("n0", "loaded") == []


# Dying


def test_peers_are_told_within_a_second_that_a_process_was_killed():
    with LocalNetwork(Keeper, 5, processes=5) as net:
        began = net.now
        kill(net, "n2")
        assert net.run(until=lambda: all(node.lost for node in net), within=PATIENCE)
        for node in net:
            [(peer, when)] = node.lost
            assert peer == "n2"
            assert when - began < 1


def test_a_worker_that_dies_is_reported_and_the_others_go_on():
    with LocalNetwork(Keeper, nx.cycle_graph(6), processes=3) as net:
        pid = net.pids["n1"]
        os.kill(pid, KILL)
        with pytest.warns(NetworkWarning, match=rf"process {pid}.*: n1, n4 went down with it"):
            wait_until_down(net, "n1")
        assert [name for name in net.names if not net.is_up(name)] == ["n1", "n4"]
        assert sorted(net.overlay()) == ["n0", "n2", "n3", "n5"]
        crashes = list(net.trace.where(kind="crash"))
        assert {event.node for event in crashes} == {"n1", "n4"}
        assert all(f"process {pid}" in event.reason for event in crashes)
        net.tell("n0", Entry(1))
        assert net.run(until=lambda: net.trace.count(kind="send", node="n0"), within=PATIENCE)


def test_nothing_is_known_of_a_node_whose_process_was_killed():
    with LocalNetwork(Keeper, nx.path_graph(4), processes=4) as net:
        net.tell("n1", Entry(1))
        kill(net, "n1")
        with pytest.raises(NodeDown, match=r"the state of n1 has gone.*net\.restart"):
            _ = net["n1"]
        for act in (net.crash, net.pause, net.resume, net.leave):
            with pytest.raises(NodeDown, match="n1 is down"):
                act("n1")
        with pytest.raises(NodeDown, match="n1 is down"):
            net.tell("n1", Entry(2))
        assert [node.id for node in net] == ["n0", "n2", "n3"]
    with pytest.raises(NodeDown):
        _ = net["n1"]
    assert [node.id for node in net] == ["n0", "n2", "n3"]


def test_a_question_that_is_under_way_when_its_process_dies_ends():
    class Suicide(Keeper):
        def end(self):
            os._exit(7)

    with LocalNetwork(Suicide, 2, processes=2) as net:
        with pytest.raises(NodeDown, match="has ended with code 7"):
            net.call("n0", "end")
        with pytest.warns(NetworkWarning, match="n0 went down with it"):
            net.run(0)


def test_the_other_nodes_of_a_process_come_back_one_by_one():
    with LocalNetwork(Keeper, nx.cycle_graph(6), processes=2) as net:
        for name in net.names:
            net.tell(name, Entry(int(name[1:])))
        kill(net, "n1", "n3", "n5")
        net.restart("n3")
        assert net["n3"].known == [3]
        assert not net.is_up("n1")
        with pytest.raises(NodeDown):
            _ = net["n5"]
        net.restart("n1")
        net.restart("n5")
        assert net.run(until=all_met(net), within=PATIENCE)
        assert [node.known for node in net] == [[number] for number in range(6)]
        assert len(set(net.pids.values())) == 2


def test_the_numbers_of_messages_go_on_after_a_kill():
    with LocalNetwork(Keeper, nx.path_graph(2), processes=2) as net:
        for life in range(3):
            for number in range(5):
                net.tell("n0", Entry(10 * life + number))
            net.run(until=lambda: net.trace.count(kind="receive", node="n1") % 5 == 0, within=5)
            net.run(2 * worker_module.SHIPPING)  # what a worker has not told is lost with it
            kill(net, "n0")
            net.restart("n0")
        ids = [event.id for event in net.trace.where(kind="send", node="n0")]
        assert len(ids) == len(set(ids)) == 15


def test_a_network_closes_when_some_of_a_killed_process_are_not_back():
    with LocalNetwork(Keeper, nx.cycle_graph(4), processes=2) as net:
        kill(net, "n0", "n2")
        net.restart("n0")
    assert [node.id for node in net] == ["n0", "n1", "n3"]
    with pytest.raises(NodeDown):
        _ = net["n2"]


def test_all_processes_can_be_killed_and_all_nodes_come_back():
    with LocalNetwork(Keeper, nx.cycle_graph(4), processes=4) as net:
        net.tell("n2", Entry(2))
        kill(net, *net.names)
        assert net.overlay().number_of_nodes() == 0
        for name in net.names:
            net.restart(name)
        assert net.run(until=all_met(net), within=PATIENCE)
        assert net["n2"].known == [2]


@pytest.mark.slow
def test_a_hundred_kills_lose_nothing_that_was_on_disk():
    """What a node has said to others was on its disk before: so it must still be there."""
    with LocalNetwork(Keeper, nx.path_graph(2), processes=2, record="counts") as net:
        number = 0
        for _ in range(100):
            written, told = threading.Event(), []

            def write(net=net, written=written, told=told):
                nonlocal number
                try:
                    while True:
                        net.tell("n0", Entry(number + 1))
                        number += 1  # `tell` returned: this is on the disk
                        written.set()
                except NodeDown:
                    pass
                except NetworkWarning as warning:
                    told.append(warning)  # whoever looks first is told of it

            thread = threading.Thread(target=write)
            thread.start()
            assert written.wait(PATIENCE)
            os.kill(net.pids["n0"], KILL)  # in the midst of its writing
            thread.join(PATIENCE)
            try:
                wait_until_down(net, "n0")
            except NetworkWarning as warning:
                told.append(warning)
            wait_until_down(net, "n0")
            assert len(told) == 1
            net.restart("n0")
            known = net["n0"].known
            assert known == list(range(1, len(known) + 1))
            assert len(known) in (number, number + 1)  # the last one may have been cut short
            number = len(known)
        assert net.run(until=all_met(net), within=PATIENCE)


# Making, and ending


def test_a_mistake_of_a_module_in_a_worker_is_said_here(tmp_path, monkeypatch):
    path = tmp_path / "moody.py"
    path.write_text("from p2pkit import Protocol\nclass Moody(Protocol): pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    import moody

    path.write_text("raise LookupError('not here')\n")
    with pytest.raises(LookupError, match="not here"):
        LocalNetwork(moody.Moody, 2, processes=2)


def test_a_port_that_is_taken_is_said_and_leaves_no_process():
    with LocalNetwork(Keeper, 1, processes=1) as net:
        address = net["n0"].contact.address
        with pytest.raises(NetworkError, match="another program has this port"):
            LocalNetwork(Keeper, 3, processes=3, listen={"n2": address})


def test_a_network_with_processes_closes_at_once():
    net = LocalNetwork(Keeper, nx.cycle_graph(8), processes=4)
    with takes_less_than(5):
        net.close()
    assert [node.id for node in net] == net.names


def test_no_process_is_left(capfd):
    with LocalNetwork(Keeper, 4, processes=4) as net:
        pids = set(net.pids.values())
    eventually(lambda: not any(map(is_alive, pids)))
    assert capfd.readouterr().err == ""


def test_a_network_that_cannot_be_sent_is_refused_with_a_sentence():
    lock = threading.Lock()

    class Locked(Keeper):
        def on_start(self):
            with lock:
                super().on_start()

    with pytest.raises(NetworkError, match="plain data, functions and classes"):
        LocalNetwork(Locked, 2, processes=2)


def test_what_cannot_come_back_is_refused_with_a_sentence():
    class Secretive(Keeper):
        def lock(self):
            return threading.Lock()

        def hide(self):
            self.file = threading.Lock()

    with LocalNetwork(Secretive, 2, processes=2) as net:
        with pytest.raises(ProtocolError, match="what lock returned cannot be copied"):
            net.call("n0", "lock")
        net.call("n0", "hide")
        with pytest.raises(ProtocolError, match="the state of n0 cannot be copied"):
            _ = net["n0"]
        assert net["n1"].known == []
    with pytest.raises(ProtocolError, match="the state of n0 cannot be copied"):
        _ = net["n0"]


# Its voice


def test_what_a_handler_prints_is_printed_here(capsys):
    class Talker(Protocol):
        def talk(self):
            print("one", end=" ")  # noqa: T201
            print("line")  # noqa: T201
            print("a complaint", file=sys.stderr)  # noqa: T201

    with LocalNetwork(Talker, 2, processes=2) as net:
        net.call("n0", "talk")
        net.call("n1", "talk")
    said = capsys.readouterr()
    assert said.out == "one line\none line\n"
    assert said.err == "a complaint\na complaint\n"


def test_a_worker_that_does_not_answer_is_said_to(monkeypatch):
    monkeypatch.setattr(worker_module, "STUCK", 0.3)
    if not hasattr(signal, "SIGSTOP"):
        pytest.skip("processes cannot be stopped here")
    with LocalNetwork(Keeper, 2, processes=2) as net:
        os.kill(net.pids["n1"], signal.SIGSTOP)
        try:
            with pytest.raises(NetworkError, match="does not answer: has somebody stopped it"):
                _ = net["n1"]
            assert net["n0"].known == []
        finally:
            os.kill(net.pids["n1"], signal.SIGCONT)
        assert net["n1"].known == []


def test_a_stopped_worker_that_is_told_much_holds_nobody_else_up(monkeypatch):
    monkeypatch.setattr(worker_module, "STUCK", 0.3)
    if not hasattr(signal, "SIGSTOP"):
        pytest.skip("processes cannot be stopped here")

    class Listener(Keeper):
        def take(self, text):
            return len(text)

    with LocalNetwork(Listener, 2, processes=2) as net:
        os.kill(net.pids["n1"], signal.SIGSTOP)
        try:
            with pytest.raises(NetworkError, match="has somebody stopped it"):
                net.call("n1", "take", "x" * 10_000_000)  # far more than a pipe holds
            assert net.call("n0", "take", "short") == 5
        finally:
            os.kill(net.pids["n1"], signal.SIGCONT)
        assert net.call("n1", "take", "short") == 5


def test_events_of_the_others_are_kept_while_one_worker_does_not_answer(monkeypatch):
    monkeypatch.setattr(worker_module, "STUCK", 0.3)
    if not hasattr(signal, "SIGSTOP"):
        pytest.skip("processes cannot be stopped here")

    class Logger(Keeper):
        def say(self, text):
            self.log(text)

    with LocalNetwork(Logger, 2, processes=2) as net:
        os.kill(net.pids["n1"], signal.SIGSTOP)
        try:
            for number in range(3):
                net.call("n0", "say", str(number))
                with pytest.raises(NetworkError):
                    len(net.trace)
        finally:
            os.kill(net.pids["n1"], signal.SIGCONT)
        assert [event.value for event in net.trace.where(kind="log")] == ["0", "1", "2"]


@pytest.mark.parametrize("processes", [None, 2])
def test_a_method_that_wants_to_exit_ends_nothing(processes):
    class Quitter(Keeper):
        def quit(self):
            sys.exit(3)

    with LocalNetwork(Quitter, 2, processes=processes) as net:
        with pytest.raises(ProtocolError, match="quit ended with SystemExit"):
            net.call("n0", "quit")
        assert net.call("n0", "whoami")


@pytest.mark.parametrize("processes", [None, 3])
def test_last_words_are_heard_by_nobody(processes):
    class Eloquent(Keeper):
        def on_stop(self):
            self.broadcast(Entry(1))

        @on(Entry)
        def keep(self, entry, sender):
            self.known.append(entry.number)

    with LocalNetwork(Eloquent, 6, processes=processes) as net:
        pass
    assert [node.known for node in net] == [[]] * 6


def test_a_module_that_starts_workers_while_it_is_imported_is_told_so(tmp_path, monkeypatch):
    path = tmp_path / "eager.py"
    path.write_text(
        "from p2pkit import LocalNetwork, Protocol\n"
        "class Eager(Protocol): pass\n"
        "LocalNetwork(Eager, 2, processes=2)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(NetworkError, match=r"eager is being imported.*__main__"):
        import eager  # noqa: F401


def test_what_was_begun_to_be_printed_is_not_lost(capsys):
    class Dotted(Protocol):
        def dot(self):
            print("dots", end=".")  # noqa: T201

    with LocalNetwork(Dotted, 1, processes=1) as net:
        net.call("n0", "dot")
    assert capsys.readouterr().out == "dots."


def test_what_cannot_be_shown_here_is_no_mistake(monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    worker_module._show(stream, "caf\u00e9\n")
    stream.seek(0)
    assert stream.read() == "caf\\xe9\n"
    worker_module._show(None, "nobody has a console")
    stream.close()


def test_a_handler_that_hangs_in_a_worker_is_named(monkeypatch):
    monkeypatch.setattr(worker_module, "STUCK", 0.3)

    class Hanging(Keeper):
        def hang(self):
            while not self.disk.get("over"):
                pass

    with LocalNetwork(Hanging, 2, processes=2) as net:
        with pytest.raises(NetworkError, match=r"one of them is busy at .*, in hang"):
            net.call("n1", "hang")
        kill(net, "n1")


def test_a_full_trace_goes_on_counting(monkeypatch):
    monkeypatch.setattr("p2pkit.local.MAX_EVENTS", 100)
    with LocalNetwork(Keeper, 3, processes=3) as net:
        for number in range(60):
            net.tell("n0", Entry(number))
        with pytest.warns(NetworkWarning, match="it has the first 100 events"):
            net.run(until=lambda: net.trace.count(kind="receive") == 180, within=PATIENCE)
        assert net.trace.kept == 100
        assert net.trace.count(kind="send") == 120
        assert not net.trace.is_complete


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def test_pieces_of_the_pipe_are_whole_or_none():
    for data in (b"", b"hello", bytes(100_000)):
        pipe = io.BytesIO()
        worker_module._write(pipe, data)
        pipe.seek(0)
        assert worker_module._next(pipe) == data
        for cut in (0, 3, 8, len(data) + 7):
            if cut < len(data) + 8:
                assert worker_module._next(io.BytesIO(pipe.getvalue()[:cut])) is None
