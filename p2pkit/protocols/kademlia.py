"""Kademlia: a hash table that belongs to nobody, and whose nodes come and go.

A pair of key and value is stored on the k nodes closest to the key. Whoever is asked for a point
names the k closest that it knows (`kbuckets`), and among those is one at half the distance, as far as
there is one. So a search that asks on takes about log2 n steps at most, and mostly far fewer.

    $ python -m p2pkit launch p2pkit.protocols.kademlia:Kademlia --nodes 30 --console
    > call n3 put color blue
    > call n7 get color
    > show n7                      # found holds {'color': 'blue'}
    > crash n3                     # whoever has put it, or keeps it, need not be there …
    > call n9 get color
    > list                         # … and after 20 s, as many nodes as before have it in pairs

A node joins through the peers that it is given, and learns the rest: links are there to join only,
all questions go to contacts.

Petar Maymounkov and David Mazières, "Kademlia: a peer-to-peer information system based on the XOR
metric" (IPTPS 2002), sections 2.3 and 2.5. Left out are copies along the way to a value, and handing
pairs to newcomers at once, who get them here when they are next stored anew.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from p2pkit.message import Contact, Message
from p2pkit.protocol import on
from p2pkit.protocols.kbuckets import BITS, KBuckets, closest, point

Data = str | int | float | bool


class FindNode(Message):
    """Which nodes do you know that are closest to a point, a number in hexadecimal?"""

    target: str
    caller: Contact

    def __post_init__(self) -> None:
        int(self.target, 16)  # what is no number raises here, and so is not understood


class FindValue(Message):
    """What do you keep under this key? Or else, which nodes do you know that are closest to it?"""

    key: str
    caller: Contact


class Nodes(Message):
    """Those that I know, closest first."""

    contacts: tuple[Contact, ...]


class Value(Message):
    """What I keep under the key."""

    value: Data


class Store(Message):
    """Keep this pair, for as many seconds as are left to it."""

    key: str
    value: Data
    left: float
    caller: Contact


class Pair(NamedTuple):
    """A value that a node keeps for all; times are seconds since the network started."""

    value: Data
    expires: float
    stored: float  # when somebody last asked to keep it


class Search:
    """A search under way: whom it has heard of, and whom it has asked."""

    value: Data | None = None  # that was found, if it looks for one,
    depth = 0  # … and how many steps away
    is_over = False

    def __init__(self, target: int, question: Message, then: Callable[["Search"], None]) -> None:
        self.target = target
        self.question = question
        self.then = then  # what is called when it is over
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


class Kademlia(KBuckets):
    """Put and get values by their keys; `found` holds what was got, and None for what is nowhere."""

    alpha = 3  # questions of one search that are under way
    refresh = 20.0  # seconds that a bucket may go without a search: an hour in the paper
    replicate = 20.0  # … and a pair without being stored anew, by whoever keeps it: an hour
    republish = 240.0  # … and by whoever has put it: a day
    expire = 250.0  # seconds that a pair lives without that: a little more than a day

    pairs: dict[str, Pair]
    own: dict[str, Data]
    found: dict[str, Data | None]
    hops: dict[str, int]

    def on_start(self) -> None:
        super().on_start()
        self.pairs = {}  # what is kept here for all
        self.own = {}  # what was put here
        self.found = {}  # what was looked for here,
        self.hops = {}  # … and how many steps away it was
        self.searched: dict[int, float] = {}  # when a bucket last was
        self.is_joining = False
        self.every(self.refresh, self.refresh_buckets, self.refresh, jitter=self.refresh)
        self.every(self.replicate, self.replicate_pairs, jitter=self.replicate)
        self.every(self.republish, self.publish_own, jitter=self.replicate)

    # For whoever this node belongs to

    def put(self, key: str, value: Data) -> str:
        """Store a value at the k nodes closest to its key, and again from time to time."""
        self.own[key] = value
        self.publish(key, value, self.now + self.expire)
        return f"{self.id} stores {key}: the trace, and the pairs of others, will tell"

    def get(self, key: str) -> str:
        """Look for the value of a key. It is in `found` in a moment."""
        self.found.pop(key, None)
        if key in self.pairs:
            self.note(key, self.pairs[key].value, 0)
        else:
            question = FindValue(key, self.contact)
            self.search(point(key), question, partial(self.note_value, key))
        return f"{self.id} looks for {key}: its found will tell"

    def find(self, name: str) -> str:
        """Look for the address of a node. It is in `found` in a moment."""
        self.found.pop(name, None)
        self.search_nodes(point(name), partial(self.note_node, name))
        return f"{self.id} looks for {name}: its found will tell"

    def note_value(self, key: str, search: Search) -> None:
        self.note(key, search.value, search.depth)

    def note_node(self, name: str, search: Search) -> None:
        there = search.known.get(name)
        self.note(name, there.address if there else None, search.depths.get(name, 0))

    def note(self, key: str, value: Data | None, hops: int) -> None:
        self.found[key], self.hops[key] = value, hops
        self.log(f"{key} is {value}, after {hops} hops")

    # Searching, section 2.3

    def search(self, target: int, question: Message, then: Callable[[Search], None]) -> None:
        """Ask those closest to a point, and those that they name, until all the k closest have
        answered, or one had the value. Then call then(the search)."""
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
            then = partial(self.proceed_with, search, contact)
            self.ask(contact, search.question, then, self.patience)
        if not search.waiting:
            search.end()

    def proceed_with(self, search: Search, asked: Contact, answer: Nodes | Value | None) -> None:
        """Learn from an answer, or from there being none."""
        search.waiting.discard(asked.id)
        if answer is None:
            self.forget(asked.id)
            search.known.pop(asked.id, None)
        else:
            self.see(asked)
        if search.is_over:
            return
        if isinstance(answer, Value):
            search.value, search.depth = answer.value, search.depths[asked.id]
            search.end()
            return
        if isinstance(answer, Nodes):
            others = tuple(it for it in answer.contacts[: self.k] if it.id != self.id)
            search.learn(others, search.depths[asked.id] + 1)
        self.proceed(search)

    @on(FindNode)
    def name_nodes(self, question: FindNode, sender: str) -> Nodes:
        self.hear(question.caller, sender)
        return Nodes(tuple(self.closest(int(question.target, 16), but=sender)))

    @on(FindValue)
    def name_value(self, question: FindValue, sender: str) -> Nodes | Value:
        self.hear(question.caller, sender)
        if question.key in self.pairs:
            return Value(self.pairs[question.key].value)
        return Nodes(tuple(self.closest(point(question.key), but=sender)))

    # Joining, and staying in touch, section 2.3

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

    # Storing, section 2.5

    def publish(self, key: str, value: Data, expires: float) -> None:
        """Store a pair at the k nodes closest to its key."""
        self.search_nodes(point(key), partial(self.store, key, value, expires))

    def store(self, key: str, value: Data, expires: float, search: Search) -> None:
        pair = Store(key, value, expires - self.now, self.contact)
        for contact in closest([*search.known.values(), self.contact], search.target, self.k):
            if contact.id == self.id:
                self.keep(pair, self.id)
            else:
                self.send(contact, pair)

    @on(Store)
    def keep(self, pair: Store, sender: str) -> None:
        """Keep a pair, unless there is one under this key that was published later."""
        self.hear(pair.caller, sender)
        expires = self.now + min(pair.left, self.expire)
        if pair.key not in self.pairs or self.pairs[pair.key].expires <= expires:
            self.pairs[pair.key] = Pair(pair.value, expires, self.now)

    def replicate_pairs(self) -> None:
        """Store each pair anew, as nodes have come and gone, unless another has just done so."""
        self.pairs = {key: pair for key, pair in self.pairs.items() if pair.expires > self.now}
        for key, pair in self.pairs.items():
            if self.now - pair.stored >= self.replicate:
                self.publish(key, pair.value, pair.expires)

    def publish_own(self) -> None:
        """Store what was put here, for another while."""
        for key, value in self.own.items():
            self.publish(key, value, self.now + self.expire)
