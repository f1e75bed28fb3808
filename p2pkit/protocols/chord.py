"""Chord: nodes and keys on one circle, and each key belongs to the first node after it.

That is *consistent hashing*: a node that comes or goes takes keys from one neighbour or leaves them to
it, and no other key moves. A node knows the next nodes on the circle, its *successors*, and for each
power of two the first node that is so far away, its *fingers*. A finger halves the distance at least,
so a lookup asks about half of log2 n nodes. Only the successors have to be right for it to end well:
each node asks its successor again and again who comes before it, and so newcomers are noticed.

    $ python -m p2pkit launch p2pkit.protocols.chord:Chord --nodes 30 --console
    > wait 5                       # seconds, in which the circle closes
    > call n3 find color
        5.01 s  n3: color is at n6, 1 asked on the way

A node joins through the peers that it is given; all questions go to contacts.

Ion Stoica, Robert Morris, David Karger, Frans Kaashoek and Hari Balakrishnan, "Chord: a scalable
peer-to-peer lookup service for internet applications" (SIGCOMM 2001), sections 4 and 5; successor
lists and iterative lookups as in IEEE/ACM Transactions on Networking 11 (2003).
"""

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from hashlib import sha1
from typing import Any

from p2pkit.message import Contact, Message
from p2pkit.protocol import Protocol, on

BITS = 160  # of a point: a SHA-1 hash, as in the paper
CIRCLE = 1 << BITS


@lru_cache(maxsize=100_000)  # a node meets the same names again and again
def point(name: str) -> int:
    """Return where a name lies on the circle, of a node or a key: from 0 to 2^160 - 1."""
    return int.from_bytes(sha1(name.encode()).digest(), "big")


def way(a: int, b: int) -> int:
    """Return how far it is from one point on to another, clockwise; from a point to itself it is
    all the way round."""
    return (b - a) % CIRCLE or CIRCLE


class FindSuccessor(Message):
    """Which node is the first at or after a point, a number in hexadecimal?"""

    target: str

    def __post_init__(self) -> None:
        int(self.target, 16)  # what is no number raises here, and so is not understood


class Found(Message):
    """It is the first of these, my successors."""

    contacts: tuple[Contact, ...]


class Closer(Message):
    """Ask one of these, who come before it, the last one first."""

    contacts: tuple[Contact, ...]


class AskNeighbours(Message):
    """Who comes before you, and who after?"""


class Neighbours(Message):
    """These do, as far as I know."""

    predecessor: Contact | None
    successors: tuple[Contact, ...]


class Notify(Message):
    """I think that I come before you."""

    caller: Contact


class Search:
    """A lookup under way: whom it may ask next, and how many it has asked."""

    def __init__(
        self, target: int, first: list[Contact], then: Callable[[Sequence[Contact], int], None]
    ) -> None:
        self.target = target
        self.next = first  # the most promising first; those behind it are for when it is gone
        self.then = then
        self.asked: set[str] = set()


class Chord(Protocol):
    """Find the node that has a key."""

    length = 8  # successors that a node knows: all would have to go at once to break the circle
    pause = 0.5  # seconds between two looks at the successor, and at one finger: 30 in the paper
    patience = 1.0  # seconds to wait for an answer
    tries = 3  # questions without an answer after which somebody is taken for gone
    found: dict[str, str | None]
    hops: dict[str, int]
    predecessor: Contact | None
    successors: list[Contact]
    fingers: dict[int, Contact]

    def on_start(self) -> None:
        self.found = {}  # which node has the keys that were looked for here,
        self.hops = {}  # … and how many nodes were asked for it
        self.predecessor = None
        self.successors = []  # the next nodes; none: alone on the circle
        self.fingers = {}  # number i: the first node at least 2^i away
        self.finger = BITS  # the one that was mended last
        for action in (self.stabilize, self.mend_finger, self.check_predecessor, self.join):
            self.every(self.pause, action, jitter=self.pause / 2)

    @property
    def point(self) -> int:
        """Where this node lies."""
        return point(self.id)

    # Lookups, section 4.3

    def find(self, key: str) -> str:
        """Look for the node that has a key. It is in `found` in a moment."""
        self.found.pop(key, None)
        self.search(point(key), partial(self.note, key))
        return f"{self.id} looks for {key}"

    def note(self, key: str, found: Sequence[Contact], hops: int) -> None:
        self.found[key], self.hops[key] = found[0].id if found else None, hops
        where = f"at {found[0].id}" if found else "nowhere to be found"
        self.log(f"{key} is {where}, {hops} asked on the way")

    def owns(self, key: str) -> bool:
        """Tell whether a key belongs here: it lies after the predecessor, and not after us."""
        before = point(self.predecessor.id) if self.predecessor else self.point
        return way(before, point(key)) <= way(before, self.point)

    def search(self, target: int, then: Callable[[Sequence[Contact], int], None]) -> None:
        """Find the first nodes at or after a point, and call then(them, how many were asked). There
        are none if nobody has answered."""
        answer = self.answer(target)
        if isinstance(answer, Found):
            then(answer.contacts, 0)
        else:
            self.proceed(Search(target, list(answer.contacts), then))

    def proceed(self, search: Search) -> None:
        """Ask the most promising node that was not asked yet."""
        while search.next and search.next[0].id in {*search.asked, self.id}:
            search.next.pop(0)
        if search.next:
            asked = search.next.pop(0)
            search.asked.add(asked.id)
            question = FindSuccessor(f"{search.target:040x}")
            self.inquire(asked, question, partial(self.answered, search))
        else:
            search.then((), len(search.asked))

    def answered(self, search: Search, answer: Found | Closer | None) -> None:
        if isinstance(answer, Found) and answer.contacts:
            search.then(answer.contacts[: self.length], len(search.asked))
            return
        if isinstance(answer, Closer):
            search.next[:0] = answer.contacts[: self.length]
        self.proceed(search)

    @on(FindSuccessor)
    def tell_closer(self, question: FindSuccessor, sender: str) -> Found | Closer:
        return self.answer(int(question.target, 16))

    def answer(self, target: int) -> Found | Closer:
        """Say who the successor of a point is, or who is closer to it than we are."""
        if not self.successors or way(self.point, target) <= self.distance(self.successors[0]):
            return Found(tuple(self.successors) or (self.contact,))
        known = {contact.id: contact for contact in (*self.fingers.values(), *self.successors)}
        before = [it for it in known.values() if self.distance(it) < way(self.point, target)]
        return Closer(tuple(sorted(before, key=self.distance, reverse=True)[: self.length]))

    def distance(self, contact: Contact) -> int:
        """Return how far on somebody is, clockwise."""
        return way(self.point, point(contact.id))

    # Stabilization, section 5 of 2001, and IV-E of 2003

    def stabilize(self) -> None:
        """Ask the successor who comes before it: perhaps a newcomer, who is our successor then."""
        if self.successors:
            first = self.successors[0]
            self.inquire(first, AskNeighbours(), partial(self.adopt, first))

    @on(AskNeighbours)
    def tell_neighbours(self, _: AskNeighbours, sender: str) -> Neighbours:
        return Neighbours(self.predecessor, tuple(self.successors))

    def adopt(self, first: Contact, answer: Neighbours | None) -> None:
        """Take over the successor's list; if there is no answer, the next one has its place."""
        if answer is None or self.successors[:1] != [first]:
            return  # it is gone, or has been overtaken by somebody closer
        newcomer = answer.predecessor
        self.follow(first, *answer.successors[: self.length])
        if newcomer and self.distance(newcomer) < self.distance(first):
            self.follow(newcomer, *self.successors)
        self.send(self.successors[0], Notify(self.contact))

    def follow(self, *contacts: Contact) -> None:
        """Take those who come next, in the order of the circle, each once."""
        others = {contact.id: contact for contact in contacts if contact.id != self.id}
        self.successors = sorted(others.values(), key=self.distance)[: self.length]

    @on(Notify)
    def meet(self, news: Notify, sender: str) -> None:
        caller = news.caller
        if caller.id != sender:
            return
        if not self.predecessor or self.distance(caller) > self.distance(self.predecessor):
            self.predecessor = caller
        if not self.successors:
            self.follow(caller)

    def check_predecessor(self) -> None:
        if self.predecessor:
            self.inquire(self.predecessor, AskNeighbours(), lambda _: None)

    def mend_finger(self) -> None:
        """Look one finger up, from the farthest to the first that is the successor anyway."""
        if not self.successors:
            return
        self.finger -= 1
        if 1 << self.finger <= self.distance(self.successors[0]):
            self.finger = BITS - 1
        target = (self.point + (1 << self.finger)) % CIRCLE
        self.search(target, partial(self.set_finger, self.finger))

    def set_finger(self, number: int, found: Sequence[Contact], _: int) -> None:
        if found and found[0].id != self.id:
            self.fingers[number] = found[0]

    # Who is gone

    def inquire(
        self, contact: Contact, question: Message, then: Callable[[Any], None], tried: int = 1
    ) -> None:
        """Ask, and again if no answer comes, as a message may be lost; at last, then(None)."""

        def judge(answer: Message | None) -> None:
            if answer is None and tried < self.tries:
                self.inquire(contact, question, then, tried + 1)
                return
            if answer is None:
                self.forget(contact)
            then(answer)

        self.ask(contact, question, judge, self.patience)

    def forget(self, contact: Contact) -> None:
        """Strike out somebody who does not answer."""
        self.successors = [it for it in self.successors if it.id != contact.id]
        self.fingers = {i: it for i, it in self.fingers.items() if it.id != contact.id}
        if self.predecessor and self.predecessor.id == contact.id:
            self.predecessor = None

    # Joining

    def join(self) -> None:
        """Let one of our peers look for our own place, in case we know of too few: so two circles
        that have formed apart become one."""
        for peer in self.sample(1):
            first = [Contact(peer, self.peers[peer])]
            self.proceed(Search(self.point, first, self.consider))

    def consider(self, found: Sequence[Contact], asked: int) -> None:
        """Take whoever stands in our place, unless that is us: then all is well already."""
        if found and found[0].id != self.id:
            self.follow(found[0], *self.successors)
