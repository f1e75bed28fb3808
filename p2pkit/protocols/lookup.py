"""Lookups as Kademlia does them: ask those who are closest, and then those whom they name.

Whoever is asked for a point names the k closest that it knows (`kbuckets`), and as far as there is
one, somebody at half its own distance is among them. So a search takes about log2 n steps at most,
and mostly far fewer. It is the one who searches that asks everybody, which is called *iterative*: no
message is passed on, and whoever does not answer costs a little time, not the search.

    net = SimNetwork(Lookup, build("small-world", 100))
    net.run(5.0)                                   # seconds, in which nodes join
    net.call("n3", "find", "n7")
    net.run(5.0)
    net["n3"].found, net["n3"].hops                # the address of n7, and how many steps away it was

A node joins through the peers that it is given, and learns the rest: links are there to join only,
all questions go to contacts.

Petar Maymounkov and David Mazières, "Kademlia: a peer-to-peer information system based on the XOR
metric" (IPTPS 2002), section 2.3.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from p2pkit.message import Contact, Message
from p2pkit.protocol import on
from p2pkit.protocols.kbuckets import BITS, KBuckets, closest, point


class FindNode(Message):
    """Which nodes do you know that are closest to a point, a number in hexadecimal?"""

    target: str
    caller: Contact

    def __post_init__(self) -> None:
        int(self.target, 16)  # what is no number raises here, and so is not understood


class Nodes(Message):
    """Those that I know, closest first."""

    contacts: tuple[Contact, ...]


class Search:
    """A search under way: whom it has heard of, and whom it has asked."""

    def __init__(self, target: int, question: Message, then: Callable[["Search"], None]) -> None:
        self.target = target
        self.question = question
        self.then = then  # what is called when it is over
        self.is_over = False
        self.known: dict[str, Contact] = {}  # but for those that did not answer
        self.depths: dict[str, int] = {}  # 1: we knew it; 2: we were told by such a one; …
        self.asked: set[str] = set()
        self.waiting: set[str] = set()

    def learn(self, contacts: tuple[Contact, ...], depth: int) -> None:
        """Note contacts that are new."""
        for contact in contacts:
            if contact.id not in self.depths:
                self.depths[contact.id] = depth
                self.known[contact.id] = contact

    def end(self) -> None:
        self.is_over = True
        self.then(self)


class Lookup(KBuckets):
    """Find the nodes that are closest to a point."""

    alpha = 3  # questions of one search that are under way
    refresh = 20.0  # seconds that a bucket may go without a search: an hour in the paper
    found: dict[str, Any]
    hops: dict[str, int]

    def on_start(self) -> None:
        self.found = {}  # what was looked for here, None if it is nowhere,
        self.hops = {}  # … and how many steps away it was
        super().on_start()
        self.searched: dict[int, float] = {}  # when a bucket last was
        self.is_joining = False
        self.every(self.refresh, self.refresh_buckets, self.refresh, jitter=self.refresh)

    def find(self, name: str) -> str:
        """Look for the address of a node. It is in `found` in a moment."""
        self.found.pop(name, None)
        self.search_nodes(point(name), partial(self.note_node, name))
        return f"{self.id} looks for {name}"

    def note_node(self, name: str, search: Search) -> None:
        there = search.known.get(name)
        self.note(name, there.address if there else None, search.depths.get(name, 0))

    def note(self, name: str, what: Any, hops: int) -> None:
        """Write down what was found."""
        self.found[name], self.hops[name] = what, hops
        away = f", {hops} hop{'s' if hops > 1 else ''} away" if hops else ""
        self.log(f"{name} is {'nowhere' if what is None else what}{away}")

    # Searching

    def search(self, target: int, question: Message, then: Callable[[Search], None]) -> None:
        """Ask those closest to a point, and those that they name, until the k closest of all have
        answered. Then call then(the search)."""
        self.searched[(target ^ self.point).bit_length()] = self.now
        search = Search(target, question, then)
        search.learn(tuple(self.closest(target)), 1)
        self.proceed(search)

    def search_nodes(self, target: int, then: Callable[[Search], None]) -> None:
        """Search for the k nodes that are closest to a point."""
        self.search(target, FindNode(f"{target:040x}", self.contact), then)

    def proceed(self, search: Search) -> None:
        """Ask on, so that alpha questions are under way; if there is nobody left to ask, end."""
        nearest = closest(search.known.values(), search.target, self.k)
        fresh = [contact for contact in nearest if contact.id not in search.asked]
        for contact in fresh[: self.alpha - len(search.waiting)]:
            search.asked.add(contact.id)
            search.waiting.add(contact.id)
            then = partial(self.answered, search, contact)
            self.ask(contact, search.question, then, self.patience)
        if not search.waiting:
            search.end()

    def answered(self, search: Search, asked: Contact, answer: Message | None) -> None:
        """Learn from an answer, or from there being none."""
        search.waiting.discard(asked.id)
        if answer is None:
            self.forget(asked.id)
            search.known.pop(asked.id, None)
        else:
            self.see(asked)
        if isinstance(answer, Nodes):
            others = [contact for contact in answer.contacts if contact.id != self.id]
            search.learn(tuple(others[: self.k]), search.depths[asked.id] + 1)
        if not search.is_over:
            self.proceed(search)

    @on(FindNode)
    def name_nodes(self, question: FindNode, sender: str) -> Nodes:
        self.hear(question.caller, sender)
        return Nodes(tuple(self.closest(int(question.target, 16), but=sender)))

    # Joining, and staying in touch

    def on_connect(self, peer: str) -> None:
        super().on_connect(peer)
        if not self.is_joining:
            self.is_joining = True
            self.after(self.random.random(), self.join)  # seconds: there may be more peers to come

    def join(self) -> None:
        """Search for ourselves, so that those around hear of us, and then farther and farther out."""
        self.is_joining = False
        self.search_nodes(self.point, lambda _: self.refresh_buckets(0.0))

    def refresh_buckets(self, age: float) -> None:
        """Search in each bucket, from the closest with somebody in it, that was not searched for
        so many seconds."""
        nearest = min((bits for bits, bucket in self.buckets.items() if bucket), default=BITS + 1)
        for bits in range(nearest, BITS + 1):
            if self.now - self.searched.get(bits, -age) >= age:
                distance = 1 << (bits - 1) | self.random.getrandbits(bits - 1)
                self.search_nodes(self.point ^ distance, lambda _: None)
