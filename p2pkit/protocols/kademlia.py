"""Kademlia: a hash table that belongs to nobody, and whose nodes come and go.

A pair of key and value is stored on the k nodes closest to the key, which a `lookup` finds. They keep
it for a while only, so that what nobody wants any more goes away; until then, whoever has put it
stores it anew from time to time, and so do those who keep it, as others around them come and go.

    $ python -m p2pkit launch p2pkit.protocols.kademlia:Kademlia --nodes 30 --console
    > call n3 put color blue
    > list pairs                   # 8 nodes keep it
    > call n0 get color
        7.02 s  n0: color is blue, 1 hop away
    > crash n3                     # neither who has put it nor who keeps it need stay …
    > call n9 get color
    > list pairs                   # … and within a minute, 8 that are up keep it again

Petar Maymounkov and David Mazières, "Kademlia: a peer-to-peer information system based on the XOR
metric" (IPTPS 2002), sections 2.3 and 2.5. Left out are copies along the way to a value, and handing
pairs to newcomers at once, who get them here when they are next stored anew.
"""

from functools import partial
from typing import NamedTuple

from p2pkit.message import Contact, Message
from p2pkit.protocol import on
from p2pkit.protocols.kbuckets import closest, point
from p2pkit.protocols.lookup import Lookup, Nodes, Search

Data = str | int | float | bool

MAX_PAIRS = 10_000  # that a node keeps for others: so nobody can fill its memory


class FindValue(Message):
    """What do you keep under this key? Or else, which nodes do you know that are closest to it?"""

    key: str
    caller: Contact


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


class Kademlia(Lookup):
    """Put and get values by their keys; `found` holds what was got, and None for what is nowhere."""

    replicate = (
        20.0  # seconds after which those who keep a pair store it anew: an hour in the paper
    )
    republish = 240.0  # … and whoever has put it: a day
    expire = 250.0  # seconds that a pair lives if that one does not: a little more than a day
    pairs: dict[str, Pair]
    own: dict[str, Data]

    def on_start(self) -> None:
        self.pairs = {}  # what is kept here for all
        self.own = {}  # what was put here
        super().on_start()
        self.every(self.replicate, self.replicate_pairs, jitter=self.replicate)
        self.every(self.republish, self.publish_own)

    # For whoever this node belongs to

    def put(self, key: str, value: Data) -> str:
        """Store a value at the k nodes closest to its key, and again from time to time."""
        self.own[key] = value
        self.publish(key, value, self.now + self.expire)
        return f"{self.id} stores {key}"

    def get(self, key: str) -> str:
        """Look for the value of a key. It is in `found` in a moment."""
        self.found.pop(key, None)
        if self.keeps(key):
            self.note(key, self.pairs[key].value, 0)
        else:
            question = FindValue(key, self.contact)
            self.search(point(key), question, partial(self.note_missing, key))
        return f"{self.id} looks for {key}"

    def keeps(self, key: str) -> bool:
        return key in self.pairs and self.pairs[key].expires > self.now

    # Finding, section 2.3

    @on(FindValue)
    def name_value(self, question: FindValue, sender: str) -> Nodes | Value:
        self.hear(question.caller, sender)
        if self.keeps(question.key):
            return Value(self.pairs[question.key].value)
        return Nodes(tuple(self.closest(point(question.key), but=sender)))

    def answered(self, search: Search, asked: Contact, answer: Message | None) -> None:
        """Learn from an answer; the first value ends the search."""
        question = search.question
        if isinstance(answer, Value) and isinstance(question, FindValue) and not search.is_over:
            search.is_over = True
            self.note(question.key, answer.value, search.depths[asked.id])
        super().answered(search, asked, answer)

    def note_missing(self, key: str, search: Search) -> None:
        self.note(key, None, 0)

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
        known = self.pairs.get(pair.key)
        if known.expires <= expires if known else len(self.pairs) < MAX_PAIRS:
            self.pairs[pair.key] = Pair(pair.value, expires, self.now)

    def replicate_pairs(self) -> None:
        """Store each pair anew, unless another has just done so, and drop what is past its time."""
        self.pairs = {key: pair for key, pair in self.pairs.items() if pair.expires > self.now}
        for key, pair in self.pairs.items():
            if self.now - pair.stored >= self.replicate:
                self.publish(key, pair.value, pair.expires)

    def publish_own(self) -> None:
        """Store what was put here, for another while."""
        for key, value in self.own.items():
            self.publish(key, value, self.now + self.expire)
