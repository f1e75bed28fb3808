"""Wherever a student's classes are defined, nodes in every world run them, and messages come back as
equals: in an importable file, in a function, in a script, in modules that import each other."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

import p2pkit
from p2pkit import Message, Protocol, on

ROOT = str(Path(p2pkit.__file__).parents[1])

CALLS = {
    "simulated": "SimNetwork(Gossip, 3)",
    "sockets": "LocalNetwork(Gossip, 3)",
    "processes": "LocalNetwork(Gossip, 3, processes=2)",
}
every_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)

GOSSIP = """
from p2pkit import LocalNetwork, Message, Protocol, SimNetwork, on

class Rumor(Message):
    text: str

class Gossip(Protocol):
    def on_start(self):
        self.heard = set()

    @on(Rumor)
    def hear(self, rumor, sender):
        if rumor not in self.heard:
            self.heard.add(rumor)
            self.broadcast(rumor)
"""

STORY = """
def story(net):
    net.tell("n0", Rumor("hello"))
    assert net.run(until=lambda: all(Rumor("hello") in node.heard for node in net), within=20)
    assert all(node.heard == {Rumor("hello")} for node in net)
    assert {type(rumor) for node in net for rumor in node.heard} == {Rumor}
    assert {type(node) for node in net} <= {Gossip, *net.roles.values()}
"""


def story(net, rumor):
    net.tell("n0", rumor("hello"))
    assert net.run(until=lambda: all(rumor("hello") in node.heard for node in net), within=20)
    assert all(node.heard == {rumor("hello")} for node in net)
    assert {type(heard) for node in net for heard in node.heard} == {rumor}


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Write a file of a student's, and import it."""
    made = []

    def make(name, source):
        (tmp_path / f"{name}.py").write_text(source, "utf-8")
        importlib.invalidate_caches()
        made.append(name)
        return importlib.import_module(name)

    monkeypatch.syspath_prepend(str(tmp_path))
    yield make
    for name in made:
        del sys.modules[name]


@pytest.mark.usefixtures("nothing_left")
def test_classes_of_an_importable_file(network, module):
    lesson = module("lesson_one", GOSSIP)
    with network(lesson.Gossip, 3) as net:
        story(net, lesson.Rumor)
        assert {type(node) for node in net} == {lesson.Gossip}


class Rumor(Message):
    text: str


class Gossip(Protocol):
    def on_start(self):
        self.heard = set()

    @on(Rumor)
    def hear(self, rumor, sender):
        if rumor not in self.heard:
            self.heard.add(rumor)
            self.broadcast(rumor)


@pytest.mark.usefixtures("nothing_left")
def test_classes_of_this_very_module_which_workers_import(network):
    with network(Gossip, 3) as net:
        story(net, Rumor)


@pytest.mark.usefixtures("nothing_left")
def test_classes_of_a_function(network):
    class Local(Message):
        text: str

    class Talk(Protocol):
        def on_start(self):
            self.heard = set()

        @on(Local)
        def hear(self, rumor, sender):
            if rumor not in self.heard:
                self.heard.add(rumor)
                self.broadcast(rumor)

    with network(Talk, 3) as net:
        story(net, Local)


@pytest.mark.usefixtures("nothing_left")
def test_a_class_of_a_function_with_a_base_and_messages_of_a_file(network, module):
    lesson = module("lesson_two", GOSSIP)

    class Shy(lesson.Gossip):
        @on(lesson.Rumor)
        def hear(self, rumor, sender):
            super().hear(rumor, sender)
            self.last = rumor

    with network(lesson.Gossip, 3, roles={1: Shy, 2: Shy.using()}) as net:
        story(net, lesson.Rumor)
        assert isinstance(net["n2"], Shy)
        assert net["n1"].last == lesson.Rumor("hello")


@pytest.mark.usefixtures("nothing_left")
def test_messages_of_one_file_and_a_protocol_of_another(network, module):
    messages, _, rest = GOSSIP.partition("class Gossip")
    words = module("lesson_words", messages)
    deeds = module(
        "lesson_deeds",
        "from p2pkit import Protocol, on\nfrom lesson_words import Rumor\nclass Gossip" + rest,
    )
    with network(deeds.Gossip, 3) as net:
        story(net, words.Rumor)


@pytest.mark.parametrize("guard", ["", 'if __name__ == "__main__":\n    '], ids=["bare", "guarded"])
@every_call
def test_classes_of_a_script(call, guard, tmp_path):
    end = f"{guard}with {call} as net: story(net); print('told')\n"
    script = tmp_path / "script.py"
    script.write_text(GOSSIP + STORY + end, "utf-8")
    done = subprocess.run(
        [sys.executable, script],
        env=os.environ | {"PYTHONPATH": ROOT},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.stdout, done.stderr) == ("told\n", "")


@every_call
def test_classes_of_what_is_typed_at_the_prompt(call):
    lines = f"{GOSSIP}\n{STORY}\nnet = {call}\nstory(net)\nnet.close()\n"
    done = subprocess.run(
        [sys.executable, "-"],
        input=lines + "print('told')\n",
        env=os.environ | {"PYTHONPATH": ROOT},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.stdout, done.stderr) == ("told\n", "")
