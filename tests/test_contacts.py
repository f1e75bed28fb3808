"""Contacts: who is dialled, what waits meanwhile, and what becomes of it."""

import pytest

from p2pkit import contacts as module
from p2pkit.contacts import CONTACT_IDLE, Contacts, Dial, Letter
from p2pkit.message import Contact

BOB = Contact("bob", "127.0.0.1:1")


class Line:
    """What Contacts knows of a connection."""

    def __init__(self, id="bob"):
        self.id = id
        self.heard = 0.0
        self.closed = None

    def close(self, reason):
        self.closed = reason


class Desk:
    """Contacts, and what it asks for."""

    def __init__(self):
        self.dials, self.posted, self.dropped = [], [], []
        self.contacts = Contacts(
            self.dials.append,
            lambda connection, letter: self.posted.append((connection, letter.serial)),
            lambda id, letter, reason: self.dropped.append((id, letter.serial, reason)),
        )

    def send(self, *serials, to=BOB, now=0.0):
        for serial in serials:
            self.contacts.send(to, Letter("Note", b"", serial, 0), now)


@pytest.fixture
def desk():
    return Desk()


def test_the_first_message_dials_and_those_after_wait(desk):
    desk.send(1, 2, 3)
    assert desk.dials == [Dial("127.0.0.1:1", "bob", "contact")]
    assert desk.posted == []


def test_what_waits_is_posted_in_order_when_the_connection_is_there(desk):
    desk.send(1, 2)
    line = Line()
    desk.contacts.ready(line, 0.0)
    desk.send(3)
    assert desk.posted == [(line, 1), (line, 2), (line, 3)]
    assert len(desk.dials) == 1


def test_what_waits_is_dropped_when_nobody_can_be_reached(desk):
    desk.send(1, 2)
    desk.contacts.failed("bob", "nobody listens there")
    assert desk.dropped == [
        ("bob", 1, "unreachable: nobody listens there"),
        ("bob", 2, "unreachable: nobody listens there"),
    ]
    desk.send(3)
    assert len(desk.dials) == 2  # tried again


def test_no_more_than_so_many_messages_wait(desk, monkeypatch):
    monkeypatch.setattr(module, "MAX_WAITING", 2)
    desk.send(1, 2, 3)
    assert [(id, serial) for id, serial, _ in desk.dropped] == [("bob", 3)]
    assert desk.dropped[0][2].startswith("unreachable: 2 messages wait")


def test_a_failure_of_somebody_unknown_is_no_matter(desk):
    desk.contacts.failed("carol", "whatever")
    desk.contacts.closed(Line("carol"))
    assert desk.dropped == []


def test_a_connection_that_ended_is_dialled_again(desk):
    desk.send(1)
    line = Line()
    desk.contacts.ready(line, 0.0)
    desk.contacts.closed(Line())  # another of his, an older one
    desk.send(2)
    assert len(desk.dials) == 1
    desk.contacts.closed(line)
    desk.send(3)
    assert len(desk.dials) == 2


def test_an_idle_connection_is_closed(desk):
    desk.send(1)
    line = Line()
    desk.contacts.ready(line, 0.0)
    desk.contacts.close_idle(CONTACT_IDLE - 1)
    assert line.closed is None
    desk.contacts.close_idle(CONTACT_IDLE + 1)
    assert line.closed == "idle"
    desk.send(2)
    assert len(desk.dials) == 2


def test_using_a_connection_keeps_it_whichever_way(desk):
    desk.send(1)
    line = Line()
    desk.contacts.ready(line, 0.0)
    desk.send(2, now=CONTACT_IDLE - 1)
    desk.contacts.close_idle(CONTACT_IDLE + 1)
    assert line.closed is None
    line.heard = 2 * CONTACT_IDLE  # something has come in
    desk.contacts.close_idle(2 * CONTACT_IDLE + 1)
    assert line.closed is None
    desk.contacts.close_idle(4 * CONTACT_IDLE)
    assert line.closed == "idle"


def test_a_dial_that_takes_long_is_not_idle(desk):
    desk.send(1)
    desk.contacts.close_idle(10 * CONTACT_IDLE)
    line = Line()
    desk.contacts.ready(line, 10 * CONTACT_IDLE)
    assert desk.posted == [(line, 1)]


def test_two_contacts_are_two_connections(desk):
    desk.send(1)
    desk.send(2, to=Contact("carol", "127.0.0.1:2"))
    assert [dial.expected for dial in desk.dials] == ["bob", "carol"]
