"""Notebook 2: the check of its exercise lets pass what is right, and says what is wrong."""

import math
import time

import networkx as nx
import pytest
from test_notebooks import SOURCES, definitions

pytest.importorskip("matplotlib", reason="the notebooks need p2pkit[notebooks]")

from p2pkit import Contact, Message, Protocol, SimNetwork, on
from p2pkit.protocols import bootstrap

SOURCE = next(source for source in SOURCES if source.stem.startswith("02_"))
NOTEBOOK = definitions(SOURCE)
Introduced, Known = NOTEBOOK["Introduced"], NOTEBOOK["Known"]


@pytest.fixture
def run_check(capsys, monkeypatch):
    """Run the check on a class, and return what it prints."""

    def run(protocol, too_slow=60.0):
        monkeypatch.setitem(NOTEBOOK, "TOO_SLOW", too_slow)
        NOTEBOOK["check"](protocol)
        return capsys.readouterr().out

    return run


class Talkative(Introduced):
    """A right solution that is not the kit's: tell somebody what I know, twice a second."""

    most = 8
    few = 3  # so that there is room for newcomers

    def on_start(self):
        self.contacts = {}
        self.every(0.5, self.turn, jitter=0.5)

    def on_connect(self, peer):
        self.tell(peer)
        if len(self.peers) > self.most:
            self.disconnect(peer)

    def on_unreachable(self, address):
        for id in [id for id, contact in self.contacts.items() if contact.address == address]:
            del self.contacts[id]

    @on(Known)
    def learn(self, known, sender):
        self.contacts.update({contact.id: contact for contact in known.contacts})

    def tell(self, peer):
        others = tuple(Contact(id, self.peers[id]) for id in self.sample(self.most) if id != peer)
        self.send(peer, Known(others))

    def turn(self):
        for peer in self.sample(1):
            self.tell(peer)
        strangers = sorted(self.contacts.keys() - self.peers.keys() - {self.id})
        if len(self.peers) < self.few:
            for id in self.random.sample(strangers, min(2, len(strangers))):
                self.connect(self.contacts[id])


@pytest.mark.slow
@pytest.mark.parametrize("protocol", [bootstrap.Bootstrap, Talkative])
def test_the_check_lets_a_right_protocol_pass(protocol, run_check):
    said = run_check(protocol)
    assert "all 9 steps done" in said
    assert "the methods of your class have" in said


def test_a_student_begins_with_a_few_steps_done(run_check):
    said = run_check(NOTEBOOK["Bootstrap"])
    assert "3 of 9 steps done" in said
    assert "The same again: life(Bootstrap, nodes=50)" in said


class Nobody(Protocol):
    """Nobody dials."""


class Rude(Introduced):
    def on_connect(self, peer):
        self.disconnect(peer)


class Deaf(bootstrap.Bootstrap):
    """Hang up on whoever is too much, without a word."""

    def on_connect(self, peer):
        if len(self.peers) > self.most:
            self.disconnect(peer)
        else:
            super().on_connect(peer)


class Generous(bootstrap.Bootstrap):
    most = 9


class Complacent(bootstrap.Bootstrap):
    """Have few peers, and never look around again after the first seconds."""

    degree = 2
    most = 5

    def look_around(self):
        if self.now < 6.0:  # seconds, in which all fifty have come
            super().look_around()


class Villages(bootstrap.Bootstrap):
    """Once all are there, stay with those whose number is even, or odd, like one's own."""

    def look_around(self):
        near = {
            id for id in [*self.peers, *self.known] if (int(id[1:]) - int(self.id[1:])) % 2 == 0
        }
        if self.now > 4.9:
            self.known = {id: contact for id, contact in self.known.items() if id in near}
            for peer in [peer for peer in self.peers if peer not in near]:
                self.disconnect(peer)
        super().look_around()


class Mistaken(Introduced):
    @on(Known)
    def learn(self, known, sender):
        self.connect(self.peers["nobody"])


class Ping(Message):
    number: int


class Storm(Introduced):
    """Answer every message with two."""

    @on(Ping)
    def more(self, ping, sender):
        self.send(sender, ping)
        self.send(sender, ping)

    def on_connect(self, peer):
        self.send(peer, Ping(1))


class Slow(bootstrap.Bootstrap):
    degree = 100  # so that nobody is ever content

    def look_around(self):
        time.sleep(0.01)
        super().look_around()


@pytest.mark.parametrize(
    ("protocol", "step", "words"),
    [
        (Nobody, "fifty nodes, in one piece", "connected with n0, and with nobody else"),
        (Rude, "two nodes", "2 of 2 nodes have no link at all, such as n0"),
        (Introduced, "none has more than 8 links", "n0 has 49 links, and 8 are allowed"),
        (Generous, "none has more than 8 links", "has 9 links, and 8 are allowed"),
        (Deaf, "fifty nodes, in one piece", "no link at all"),
        (Villages, "fifty nodes, in one piece", "there are 2 pieces, of 25, 25 nodes"),
        (
            Mistaken,
            "two nodes",
            "KeyError: 'nobody', in learn: self.connect(self.peers[\"nobody\"])",
        ),
        (Complacent, "again a fifth, and again", "Hint"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_the_check_says_what_is_wrong(protocol, step, words, run_check):
    said = run_check(protocol)
    assert f"next  {step}" in said, said
    assert words in said
    assert "Hint: " in said
    assert f"The same again: life({protocol.__name__}, nodes=" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("protocol", [Storm, Slow])
def test_the_check_does_not_wait_for_ever(protocol, run_check):
    said = run_check(protocol, too_slow=1.0)
    assert "it raised" in said
    assert "s here were" in said or "events in" in said


# What the notebook measures


def test_links_at_random_connect_all_as_often_as_erdos_and_renyi_say():
    """P = exp(-exp(-c)) with n (ln n + c) / 2 links; the tolerance is three standard errors."""
    drawings = 200
    histories = [NOTEBOOK["link_up"](seed) for seed in range(drawings)]
    for c in (-1, 0, 1, 2, 3):
        links = round(500 * (math.log(1000) + c))
        odds = sum(len(history) - 1 <= links for history in histories) / drawings
        assert odds == pytest.approx(math.exp(-math.exp(-c)), abs=3 * 0.5 / math.sqrt(drawings)), c


def test_newcomers_find_the_same_peers_in_every_run():
    def digest():
        with SimNetwork(Introduced, nx.empty_graph(1), seed=2) as net:
            for number in range(1, 100):
                NOTEBOOK["arrive"](net, number)
            degrees = dict(net.overlay().degree)
        assert degrees.pop("n0") == 99
        assert min(degrees.values()) >= 3
        return net.trace.digest()

    assert digest() == digest()
