"""Node: the first lesson's door, as it has been since 2018."""

import socket
import subprocess
import sys
import textwrap
import threading
import time

import pytest
from tools import (
    PATIENCE,
    Events,
    Stranger,
    eventually,
    free_port,
    on_thread,
    stays,
    takes_less_than,
)

from p2pkit import Node
from p2pkit import node as node_module
from p2pkit.errors import MessageError, NetworkError
from p2pkit.node import Bytes

pytestmark = pytest.mark.usefixtures("nothing_left")


@pytest.fixture
def make_node():
    """Return a function that makes a node, with its events as `node.events`."""
    nodes = []

    def make(callback=None, *, start=True):
        events = Events()
        node = Node("localhost", 0, callback or events)
        node.events = events
        if start:
            node.start()
        nodes.append(node)
        return node

    yield make
    for node in nodes:
        node.stop()
    for node in nodes:
        node.join(PATIENCE)


@pytest.fixture
def shown(monkeypatch):
    """Return the exceptions that are shown as those of threads."""
    errors = []
    monkeypatch.setattr(threading, "excepthook", lambda args: errors.append(args))
    return errors


def connect(a, b):
    assert a.connect_with_node("localhost", b.port), a.failure
    eventually(lambda: any(other.id == a.id for other in b.nodesIn))


# A whole program


def test_a_program_in_the_manner_of_2018():
    """Two nodes that thank each other for every event, as the first README had it."""
    program = f"""
        import time
        from p2pkit import Node

        answered = []

        def tell(event, node, other, data):
            print(f"{{node.name}}: {{event}}: {{data}}\\n", end="")  # in one piece
            if event == "NODEMESSAGE" and data.get("type") == "message":
                node.send_to_nodes({{"thank": "you"}})
            answered.append(event)

        one = Node("localhost", 0, tell)
        one.name = "one"
        two = Node("localhost", 0, tell)
        two.name = "two"
        one.start()
        two.start()

        print(one.connect_with_node("localhost", {free_port()}))
        one.connect_with_node("localhost", two.port)
        one.send_to_nodes({{"type": "message", "message": "test"}})
        while len(answered) < 4:
            time.sleep(0.01)

        one.terminate_flag.set()
        one.send_to_nodes({{"type": "message", "message": "nobody hears this"}})
        while len(answered) < 5:
            time.sleep(0.01)
        one.stop()
        one.join()
        two.stop()
        two.join()
        print("end")
    """
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[0] == "False"
    assert lines[-1] == "end"
    assert [line for line in lines[1:-1] if line.startswith("one")] == [
        "one: CONNECTEDWITHNODE: {}",
        "one: NODEMESSAGE: {'thank': 'you'}",
    ]
    assert [line for line in lines[1:-1] if line.startswith("two")] == [
        "two: NODECONNECTED: {}",
        "two: NODEMESSAGE: {'type': 'message', 'message': 'test'}",
        "two: NODEINBOUNDCLOSED: {}",
    ]


def test_a_node_keeps_its_program_alive_until_it_is_stopped():
    program = """
        import sys, threading
        from p2pkit import Node

        def tell(event, node, other, data):
            print(data, flush=True)
            if data == "stop":
                node.stop()

        node = Node("localhost", 0, tell)
        node.start()
        print(node.port, flush=True)
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, text=True
    ) as process:
        node = Node("localhost", 0)
        node.start()
        try:
            assert node.connect_with_node("localhost", int(process.stdout.readline()))
            node.send_to_nodes("stop")
            assert process.stdout.read().split() == ["{}", "stop"]
            assert process.wait(PATIENCE) == 0
        finally:
            process.kill()
            node.stop()
            node.join()


# Events


def test_all_five_events_with_their_order_and_data(make_node):
    a, b = make_node(), make_node()
    connect(a, b)
    a.send_to_nodes({"number": 1})
    b.send_to_nodes("two")
    a.send_to_nodes(b"three")
    eventually(lambda: len(a.events.all) == 2 and len(b.events.all) == 3)
    a.stop()
    eventually(lambda: len(b.events.all) == 4)
    assert a.events.all[:2] == [
        ("CONNECTEDWITHNODE", b.id, {}),
        ("NODEMESSAGE", b.id, "two"),
    ]
    assert b.events.all == [
        ("NODECONNECTED", a.id, {}),
        ("NODEMESSAGE", a.id, {"number": 1}),
        ("NODEMESSAGE", a.id, b"three"),
        ("NODEINBOUNDCLOSED", a.id, {}),
    ]


def test_the_end_of_an_outbound_connection_is_an_event_of_its_own(make_node):
    a, b = make_node(), make_node()
    connect(a, b)
    b.stop()
    eventually(lambda: a.events.kinds == ["CONNECTEDWITHNODE", "NODEOUTBOUNDCLOSED"])
    assert a.events.all[-1] == ("NODEOUTBOUNDCLOSED", b.id, {})


def test_the_callback_is_given_the_node_the_other_and_its_address(make_node):
    seen = []
    a = make_node(lambda *arguments: seen.append(arguments))
    b = make_node()
    connect(b, a)
    eventually(lambda: seen)
    event, node, other, data = seen[0]
    assert (event, data) == ("NODECONNECTED", {})
    assert node is a
    assert other == (b.id, "127.0.0.1", b.port)  # where it listens, so it can be dialled
    assert (other.id, other.host, other.port) == other


def test_the_connected_nodes_are_in_and_out(make_node):
    a, b, c = make_node(), make_node(), make_node()
    connect(a, b)
    connect(c, a)
    assert [other.id for other in a.nodesOut] == [b.id]
    assert [other.id for other in a.nodesIn] == [c.id]
    assert [other.id for other in b.nodesIn] == [a.id]
    assert b.nodesOut == []
    a.nodesOut.clear()  # a list of its own
    assert len(a.nodesOut) == 1


def test_an_event_comes_after_the_lists_have_changed(make_node):
    lengths = []
    a = make_node(lambda event, node, other, data: lengths.append((event, len(node.nodesIn))))
    b = make_node()
    connect(b, a)
    eventually(lambda: len(lengths) == 1)
    b.stop()
    eventually(lambda: len(lengths) == 2)
    assert lengths == [("NODECONNECTED", 1), ("NODEINBOUNDCLOSED", 0)]


def test_a_node_needs_no_callback():
    a, b = Node("localhost", 0), Node("localhost", 0)
    a.start()
    b.start()
    try:
        assert a.connect_with_node("localhost", b.port)
        a.send_to_nodes("hello")
        eventually(lambda: b.nodesIn)
    finally:
        a.stop()
        b.stop()


# Callbacks


def test_callbacks_come_one_at_a_time_on_the_nodes_own_thread(make_node):
    inside, most = [], []

    def slow(event, node, other, data):
        inside.append(data)
        most.append(len(inside))
        time.sleep(0.005)
        inside.pop()
        node.events(event, node, other, data)

    hub = make_node(slow)
    others = [make_node() for _ in range(4)]
    for other in others:
        connect(other, hub)
    for number in range(5):
        for other in others:
            other.send_to_nodes(number)
    eventually(lambda: len(hub.events.messages) == 20)
    assert set(most) == {1}
    assert len(hub.events.threads) == 1
    [thread] = hub.events.threads
    assert thread is not threading.current_thread()
    assert hub.id in thread.name
    assert hub.events.threads.isdisjoint(others[0].events.threads)


def test_a_callback_that_sleeps_holds_nobody_else_up(make_node):
    wake = threading.Event()
    sleeper = make_node(lambda *_: wake.wait(PATIENCE))
    a, b = make_node(), make_node()
    connect(a, sleeper)
    connect(a, b)
    try:
        with takes_less_than(PATIENCE / 2):
            a.send_to_nodes("hello")
            eventually(lambda: b.events.messages == ["hello"])
            sleeper.send_to_nodes("asleep, and can still send")
            eventually(lambda: a.events.messages)
    finally:
        wake.set()


def test_a_callback_may_connect_and_send(make_node):
    c = make_node()

    def relay(event, node, other, data):
        if event == "NODECONNECTED":
            node.connect_with_node("localhost", c.port)
        elif event == "NODEMESSAGE":
            node.send_to_nodes({"relayed": data}, exclude=[other])
            node.send_to_node(other, "done")

    b = make_node(relay)
    a = make_node()
    connect(a, b)
    a.send_to_nodes("word")
    eventually(lambda: c.events.messages == [{"relayed": "word"}])
    eventually(lambda: a.events.messages == ["done"])


def test_a_callback_may_disconnect_and_stop(make_node):
    def leave(event, node, other, data):
        if event == "NODECONNECTED":
            node.disconnect_with_node(other)
        elif event == "NODEINBOUNDCLOSED":
            node.stop()

    a, b = make_node(), make_node(leave)
    assert a.connect_with_node("localhost", b.port)
    eventually(lambda: a.events.kinds == ["CONNECTEDWITHNODE", "NODEOUTBOUNDCLOSED"])
    with takes_less_than(PATIENCE):
        b.join()
    assert b.terminate_flag.is_set()


def test_a_callback_that_raises_is_shown_and_the_node_goes_on(make_node, shown):
    def fail(event, node, other, data):
        node.events(event, node, other, data)
        if data == "fail":
            raise LookupError("a mistake")

    a, b = make_node(), make_node(fail)
    connect(a, b)
    a.send_to_nodes("fail")
    a.send_to_nodes("go on")
    eventually(lambda: b.events.messages == ["fail", "go on"])
    [error] = shown
    assert error.exc_type is LookupError
    assert error.exc_traceback is not None
    assert b.id in error.thread.name


# Sending


@pytest.mark.parametrize(
    "data",
    [
        {"a": [1, 2.5, None, True, {"b": "é"}]},
        [1, "two", [3.0]],
        "text",
        "",
        b"bytes\x00\xff",
        b"",
        5,
        -5.5,
        1e300,
        True,
        None,
        {},
        [],
        2**63,
        10**30,
    ],
    ids=repr,
)
def test_data_arrives_typed(make_node, data):
    a, b = make_node(), make_node()
    connect(a, b)
    a.send_to_nodes(data)
    eventually(lambda: b.events.messages)
    [arrived] = b.events.messages
    assert arrived == data
    assert type(arrived) is type(data)


def test_bytes_in_other_clothes_arrive_as_bytes(make_node):
    a, b = make_node(), make_node()
    connect(a, b)
    a.send_to_nodes(bytearray(b"one"))
    a.send_to_nodes(memoryview(b"two"))
    eventually(lambda: b.events.messages == [b"one", b"two"])
    assert {type(data) for data in b.events.messages} == {bytes}


@pytest.mark.parametrize(
    "data",
    [
        (1, 2),
        {1: "a"},
        {"a": (1, 2)},
        {1, 2},
        object(),
        float("nan"),
        float("inf"),
        {"a": b"bytes inside"},
        lambda: None,
        "\ud800",
        {"deep": {"a": {2: 3}}},
    ],
    ids=lambda data: f"{data!r:.20}",
)
def test_what_cannot_be_sent_raises_where_it_is_sent(make_node, data):
    a, b = make_node(), make_node()
    connect(a, b)
    with pytest.raises(MessageError, match="cannot"):
        a.send_to_nodes(data)
    a.send_to_nodes("fine")
    eventually(lambda: b.events.messages == ["fine"])


def test_what_is_nested_too_deeply_raises(make_node):
    node = make_node()
    deep = []
    for _ in range(100_000):
        deep = [deep]
    try:
        with pytest.raises(MessageError):
            node.send_to_nodes(deep)
    finally:
        while deep:  # a list that deep cannot even be thrown away at once on some Pythons
            deep = deep[0]


def test_what_is_changed_after_sending_arrives_as_it_was(make_node):
    a, b = make_node(), make_node()
    connect(a, b)
    data = {"numbers": [1]}
    a.send_to_nodes(data)
    data["numbers"].append(2)
    eventually(lambda: b.events.messages == [{"numbers": [1]}])


def test_sending_to_some_to_one_and_to_nobody(make_node):
    hub, others = make_node(), [make_node() for _ in range(3)]
    for other in others:
        connect(hub, other)
    first, second, third = (
        next(node for node in hub.nodesOut if node.id == other.id) for other in others
    )
    hub.send_to_nodes("all")
    hub.send_to_nodes("not the first", exclude=[first])
    hub.send_to_nodes("only the third", exclude=(first, second))
    hub.send_to_node(second, "only the second")
    hub.send_to_nodes("nobody", exclude=hub.nodesOut)
    hub.send_to_nodes("end")
    for other in others:
        eventually(lambda other=other: "end" in other.events.messages)
    assert [other.events.messages for other in others] == [
        ["all", "end"],
        ["all", "not the first", "only the second", "end"],
        ["all", "not the first", "only the third", "end"],
    ]
    assert third.host == "127.0.0.1"


def test_sending_without_connections_does_nothing(make_node):
    node = make_node()
    node.send_to_nodes("nobody hears")
    node.send_to_node(node_module.OtherNode("gone", "127.0.0.1", 1), "nobody hears")


def test_messages_of_several_threads_arrive_each_in_order(make_node):
    a, b = make_node(), make_node()
    connect(a, b)

    def send(name):
        for number in range(500):
            a.send_to_nodes([name, number])

    threads = [on_thread(send, name) for name in range(4)]
    for thread in threads:
        thread.join()
    eventually(lambda: len(b.events.messages) == 2000)
    for name in range(4):
        assert [n for who, n in b.events.messages if who == name] == list(range(500))


def test_a_sender_waits_for_a_slow_reader_and_nothing_is_lost(make_node, monkeypatch):
    monkeypatch.setattr(node_module, "MAX_PENDING", 1024 * 1024)
    monkeypatch.setattr(node_module, "PAUSE_UNSENT", 1024 * 1024)
    go, sent = threading.Event(), []

    def slow(event, node, other, data):
        go.wait(PATIENCE)
        node.events(event, node, other, data)

    a, b = make_node(), make_node(slow)
    connect(a, b)

    def send():
        for number in range(1000):
            a.send_to_nodes(number.to_bytes(2, "big") * 25_000)
            sent.append(number)

    thread = on_thread(send)
    try:
        stays(lambda: len(sent) < 1000, 0.5)  # 50 MB do not just pile up
        assert sent
    finally:
        go.set()
        thread.join()
    eventually(lambda: len(b.events.messages) == 1000)
    assert b.events.messages == [number.to_bytes(2, "big") * 25_000 for number in range(1000)]
    assert "NODEINBOUNDCLOSED" not in b.events.kinds


def test_a_node_whose_callback_keeps_up_never_stays_deaf(make_node, monkeypatch):
    """Even when the callback has taken the last event before the node knows that it has many."""
    monkeypatch.setattr(node_module, "MAX_PENDING", 10_000)
    now = node_module._Inbox.size.fget

    def seen_before_it_is_taken(inbox):
        size = now(inbox)
        if size > 10_000:
            eventually(lambda: now(inbox) < size, within=1)
        return size

    monkeypatch.setattr(node_module._Inbox, "size", property(seen_before_it_is_taken))
    a, b = make_node(), make_node()
    connect(a, b)
    for number in range(5):
        a.send_to_nodes(bytes([number]) * 20_000)
    eventually(lambda: len(b.events.messages) == 5)


# Connecting


def test_connecting_tells_whether_and_if_not_why(make_node):
    a, b = make_node(), make_node()
    assert a.connect_with_node("127.0.0.1", b.port) is True
    assert a.failure == ""
    assert a.connect_with_node("localhost", free_port()) is False
    assert a.failure.startswith("nobody listens there")


@pytest.mark.parametrize("host", ["a..b", "x" * 70, "ex\0ample", "", "::::", "example.invalid"])
def test_a_host_that_is_none_is_a_failure_and_no_exception(make_node, host):
    node = make_node()
    result = []
    thread = on_thread(lambda: result.append(node.connect_with_node(host, free_port())))
    thread.join(PATIENCE)
    assert result == [False]
    assert node.failure


def test_connecting_to_somebody_who_never_answers_ends(make_node, monkeypatch):
    from p2pkit import greeting

    monkeypatch.setattr(greeting, "HELLO_TIMEOUT", 0.2)
    node = make_node()
    with socket.create_server(("127.0.0.1", 0)) as mute:
        assert node.connect_with_node("localhost", mute.getsockname()[1]) is False
    assert "no hello" in node.failure


def test_stopping_while_somebody_connects_makes_that_fail(make_node):
    node = make_node()
    results = []
    with socket.create_server(("127.0.0.1", 0)) as mute:
        thread = on_thread(
            lambda: results.append(node.connect_with_node("localhost", mute.getsockname()[1]))
        )
        connection, _ = mute.accept()
        with connection, takes_less_than(2):
            node.stop()
            thread.join()
    assert results == [False]
    assert node.failure


def test_disconnecting_delivers_first_and_is_told_to_both(make_node):
    a, b = make_node(), make_node()
    connect(a, b)
    [other] = a.nodesOut
    a.send_to_nodes("last words")
    a.disconnect_with_node(other)
    eventually(lambda: "NODEINBOUNDCLOSED" in b.events.kinds)
    assert b.events.kinds == ["NODECONNECTED", "NODEMESSAGE", "NODEINBOUNDCLOSED"]
    eventually(lambda: a.events.kinds == ["CONNECTEDWITHNODE", "NODEOUTBOUNDCLOSED"])
    assert a.nodesOut == b.nodesIn == []
    a.disconnect_with_node(other)  # twice is no mistake
    connect(a, b)
    assert len(a.nodesOut) == 1


def test_somebody_who_connects_before_the_start_is_known_after_it(make_node):
    a, b = make_node(), make_node(start=False)
    thread = on_thread(a.connect_with_node, "localhost", b.port)
    time.sleep(0.1)
    b.start()
    thread.join()
    eventually(lambda: b.nodesIn)
    a.send_to_nodes("hello")
    eventually(lambda: b.events.messages == ["hello"])
    assert b.events.kinds == ["NODECONNECTED", "NODEMESSAGE"]


def test_everybody_can_be_listened_for():
    a, b = Node("", 0), Node("localhost", 0)
    try:
        a.start()
        b.start()
        assert b.connect_with_node("localhost", a.port)
        assert b.nodesOut[0].host == "127.0.0.1"  # an address to dial, not 0.0.0.0
    finally:
        a.stop()
        b.stop()


def test_a_port_in_use_is_said_in_a_sentence(make_node):
    a = make_node()
    with pytest.raises(NetworkError, match="another program has this port"):
        Node("localhost", a.port)


def test_the_port_of_a_stopped_node_is_free_at_once(make_node):
    a, b = make_node(), make_node()
    connect(b, a)
    port = a.port
    a.stop()
    a.join()
    again = Node("localhost", port)
    again.stop()


def test_a_node_knows_its_name_host_and_port(make_node):
    a, b = make_node(), make_node()
    assert a.id != b.id
    assert a.host == "localhost"
    assert 0 < a.port < 65536
    port = free_port()
    c = Node("localhost", port)
    assert c.port == port
    c.stop()


def test_the_connections_are_printed(make_node, capsys):
    a, b, c = make_node(), make_node(), make_node()
    connect(a, b)
    connect(c, a)
    capsys.readouterr()
    a.print_connections()
    printed = capsys.readouterr().out
    assert "1 in, 1 out" in printed
    assert f"127.0.0.1:{b.port}" in printed
    assert f"127.0.0.1:{c.port}" in printed


# Stopping


def test_stopping_delivers_what_was_sent(make_node):
    a, b = make_node(), make_node()
    connect(a, b)
    for number in range(1000):
        a.send_to_nodes(number)
    a.stop()
    eventually(lambda: "NODEINBOUNDCLOSED" in b.events.kinds)
    assert b.events.messages == list(range(1000))


def test_stopping_by_the_flag_is_stopping(make_node):
    a, b = make_node(), make_node()
    connect(a, b)
    assert not a.terminate_flag.is_set()
    a.terminate_flag.set()
    eventually(lambda: "NODEINBOUNDCLOSED" in b.events.kinds)
    a.send_to_nodes("nobody hears")
    assert a.connect_with_node("localhost", b.port) is False
    assert "stopped" in a.failure
    a.stop()
    a.stop()
    with takes_less_than(PATIENCE):
        a.join()


def test_a_stopped_node_is_connected_to_nobody(make_node):
    a, b, c = make_node(), make_node(), make_node()
    connect(a, b)
    connect(c, a)
    a.stop()
    a.join()
    assert a.nodesIn == a.nodesOut == []


def test_join_waits_for_the_last_callback(make_node):
    finished = []

    def slow(event, node, other, data):
        time.sleep(0.1)
        finished.append(event)

    a, b = make_node(), make_node(slow)
    connect(a, b)
    eventually(lambda: b.nodesIn)
    b.stop()
    b.join()
    assert "NODECONNECTED" in finished


def test_join_waits_no_longer_than_it_is_told_to(make_node):
    node = make_node()
    with takes_less_than(PATIENCE / 2):
        node.join(0.05)
    assert not node.terminate_flag.is_set()


def test_a_node_that_was_never_started_can_be_stopped():
    node = Node("localhost", 0)
    node.stop()
    node.join()


def test_stopping_while_others_send_and_connect_disturbs_nobody(shown):
    """Whatever another thread does at that moment, it gets no exception."""
    for _ in range(5):
        a, b = Node("localhost", 0), Node("localhost", 0)
        a.start()
        b.start()
        connect(a, b)
        errors, end = [], threading.Event()

        def keep(act, *args, end=end, errors=errors):
            try:
                while not end.is_set():
                    act(*args)
            except BaseException as error:
                errors.append(error)

        others = [
            on_thread(keep, a.send_to_nodes, "x"),
            on_thread(keep, a.send_to_nodes, bytes(100_000)),
            on_thread(keep, a.connect_with_node, "localhost", b.port),
            on_thread(keep, a.connect_with_node, "localhost", a.port),
            on_thread(keep, a.disconnect_with_node, a.nodesOut[0]),
        ]
        time.sleep(0.02)
        a.stop()
        end.set()
        for thread in others:
            thread.join(PATIENCE)
            assert not thread.is_alive()
        b.stop()
        a.join()
        b.join()
        assert errors == []
    assert shown == []


def test_stopping_frees_a_sender_who_waits_for_a_slow_reader(make_node, monkeypatch):
    monkeypatch.setattr(node_module, "MAX_PENDING", 1024 * 1024)
    monkeypatch.setattr(node_module, "PAUSE_UNSENT", 1024 * 1024)
    go, errors = threading.Event(), []
    a, b = make_node(), make_node(lambda *_: go.wait(PATIENCE))
    connect(a, b)

    def send():
        try:
            for _ in range(1000):
                a.send_to_nodes(bytes(50_000))
        except BaseException as error:
            errors.append(error)

    try:
        thread = on_thread(send)
        stays(thread.is_alive, 0.5)
        a.stop()
        thread.join(PATIENCE)
        assert not thread.is_alive()
        assert errors == []
    finally:
        go.set()


# Strangers


def test_strangers_do_not_disturb_a_node(make_node, shown):
    a, b = make_node(), make_node()
    connect(a, b)
    address = f"127.0.0.1:{a.port}"
    with Stranger(address) as web:
        web.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert web.is_hung_up_on()
    with Stranger(address) as contact:
        contact.hello("node", id="x", purpose="contact")
        contact.say(Bytes(b"from nowhere"))
        contact.say(Bytes(b"again"))
        time.sleep(0.1)
    with Stranger(address) as odd:
        odd.hello("node", id="y")
        odd.say(Bytes(b"fine"))
        body = b'["Json",{"value":' + b"[" * 5000 + b"]" * 5000 + b"}]"
        odd.send(len(body).to_bytes(4, "big") + bytes(8) + body)
        body = b'["Nonsense",{}]'
        odd.send(len(body).to_bytes(4, "big") + bytes(8) + body)
        odd.say(Bytes(b"still here"))
        eventually(lambda: b"still here" in a.events.messages)
    b.send_to_nodes("all is well")
    eventually(lambda: "all is well" in a.events.messages)
    assert b"from nowhere" not in a.events.messages
    assert shown == []


def test_who_has_connected_is_connected_on_both_sides():
    for _ in range(20):  # either may have the smaller id, which decides
        one, other = Node("localhost", 0), Node("localhost", 0)
        one.start()
        other.start()
        try:
            assert one.connect_with_node("localhost", other.port)
            assert [node.id for node in other.nodesIn] == [one.id]
        finally:
            for node in (one, other):
                node.stop()
                node.join()


def test_what_was_sent_before_the_stop_arrives_although_the_other_answers():
    came = []

    def answer(event, node, other, data):
        if event == "NODEMESSAGE":
            came.append(data)
            node.send_to_node(other, data)

    one, other = Node("localhost", 0), Node("localhost", 0, answer)
    one.start()
    other.start()
    try:
        one.connect_with_node("localhost", other.port)
        for number in range(300):
            one.send_to_nodes({"number": number, "pad": "x" * 3000})
        one.stop()
        eventually(lambda: len(came) == 300, within=PATIENCE)
        assert [data["number"] for data in came] == list(range(300))
    finally:
        for node in (one, other):
            node.stop()
            node.join()
