"""The hash-seed checker: what it finds, what it leaves in peace, and how stories travel."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import cloudpickle
import pytest
from tools import takes_less_than

import p2pkit
from p2pkit import LocalNetwork, Message, Protocol, SimNetwork, check, on
from p2pkit.check import CheckFailed
from p2pkit.errors import NetworkError, TraceError
from p2pkit.trace import Trace

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # as what a notebook defines


class Rumor(Message):
    text: str


class Flood(Protocol):
    def on_start(self):
        self.heard = set()

    @on(Rumor)
    def hear(self, rumor, sender):
        if rumor not in self.heard:
            self.heard.add(rumor)
            for peer in self.order(self.peers):
                self.send(peer, rumor)

    def order(self, peers):
        return sorted(peers)


class Careless(Flood):
    """Loop over a set of names."""

    def order(self, peers):
        return set(peers)


def story(protocol=Flood, **options):
    net = SimNetwork(protocol, 8, seed=7, **options)
    net.tell("n0", Rumor("hello"))
    net.run(1)
    return net


def test_a_loop_over_a_set_is_found_and_shown():
    with pytest.raises(CheckFailed) as error:
        check.hash_seeds(lambda: story(Careless))
    lines = str(error.value).splitlines()
    assert re.fullmatch(
        r"the story depends on the hash seed: with PYTHONHASHSEED 0 \(first\) and [123] \(second\)",
        lines[0],
    )
    assert lines[1].startswith("the traces differ at event ")
    assert lines[-4].startswith("  first   0 s  n0 sends n")
    assert lines[-3].startswith("  second  0 s  n0 sends n")
    assert lines[-4][10:] != lines[-3][10:]
    assert "write sorted(…) around the set" in lines[-1]
    assert (error.value.node, error.value.time) == ("n0", 0.0)


def test_a_story_that_depends_on_no_set_is_left_in_peace():
    assert check.hash_seeds(story) is None
    assert check.hash_seeds(lambda: story().trace, seeds=[5, 6]) is None


def test_sets_that_are_watched_and_sent_are_no_difference():
    def watched():
        def watch(node):
            return {"heard": {rumor.text for rumor in node.heard}, "peers": set(node.peers)}

        return story(watch=watch)

    check.hash_seeds(watched, seeds=(0, 3))


def test_the_hash_seeds_are_those_that_were_asked_for():
    def told():
        trace = Trace()
        trace.add(0.0, "log", "n0", data=os.environ["PYTHONHASHSEED"].encode())
        trace.add(1.0, "log", f"n{hash('n0') % 1000}")
        return trace

    with pytest.raises(CheckFailed) as error:
        check.hash_seeds(told, seeds=(17, 4))
    assert "  first   0 s  n0 log 17\n  second  0 s  n0 log 4\n" in str(error.value)
    assert "with PYTHONHASHSEED 17 (first) and 4 (second)\n" in str(error.value)


def test_a_difference_in_time_is_one():
    def told():
        trace = Trace()
        trace.add(float(os.environ["PYTHONHASHSEED"]), "log", "n0")
        return trace

    with pytest.raises(CheckFailed, match="  first   1 s  n0 log\n  second  2 s  n0 log\n"):
        check.hash_seeds(told, seeds=(1, 2))


def test_nobody_goes_on_telling_when_one_has_failed():
    def told():
        assert os.environ["PYTHONHASHSEED"] == "2", "broken"
        time.sleep(120)

    with takes_less_than(60), pytest.raises(AssertionError, match="broken"):
        check.hash_seeds(told, seeds=(1, 2))


def test_a_mistake_in_the_story_is_raised_as_it_is():
    def broken():
        net = story()
        net.tell("n77", Rumor("hello"))

    with pytest.raises(NetworkError, match="there is no node n77") as error:
        check.hash_seeds(broken, seeds=(3, 4))
    assert "in the story, with PYTHONHASHSEED=3" in error.value.__notes__


def test_an_interpreter_that_dies_is_said():
    with pytest.raises(RuntimeError, match=r"has ended:\nFatal: no more\n"):
        check.hash_seeds(die, (0, 1))


def die():
    os.write(2, b"Fatal: no more\n")
    os._exit(3)


@pytest.mark.parametrize("seeds", [(), (1,), (1, 1)])
def test_one_hash_seed_is_not_enough(seeds):
    with pytest.raises(ValueError, match="two, or more"):
        check.hash_seeds(story, seeds)


def test_a_story_returns_a_simulated_network_or_a_trace():
    with pytest.raises(TraceError, match="the story returned None: let it return its network"):
        check.hash_seeds(lambda: story() and None, (0, 1))

    def real():
        with LocalNetwork(Flood, 2) as net:
            return net

    with pytest.raises(TraceError, match="on real sockets are never alike"):
        check.hash_seeds(real, (0, 1))


SCRIPT = """
from p2pkit import Message, Protocol, SimNetwork, check, on

class Rumor(Message):
    text: str

class Gossip(Protocol):
    @on(Rumor)
    def hear(self, rumor, sender):
        for peer in {order}(self.peers):
            self.send(peer, Rumor(rumor.text + "."[:len(rumor.text) < 7])) if len(rumor.text) < 7 else None

def story():
    print("told")
    with SimNetwork(Gossip, 6, seed=1) as net:
        net.tell("n0", Rumor("hello"))
        net.run(1)
        return net

check.hash_seeds(story, (0, 1))
print("alike")
"""


@pytest.mark.parametrize(("order", "said"), [("list", "alike\n"), ("set", "")])
def test_a_script_needs_no_main_block_and_its_prints_stay_away(tmp_path, order, said):
    script = tmp_path / "gossip.py"
    script.write_text(SCRIPT.replace("{order}", order), "utf-8")
    done = subprocess.run(
        [sys.executable, script],
        env={**os.environ, "PYTHONPATH": str(Path(p2pkit.__file__).parents[1])},
        capture_output=True,
        text=True,
    )
    assert done.stdout == said, done.stderr
    assert ("CheckFailed: the story depends on the hash seed" in done.stderr) == (not said)
