"""K-buckets: whom a Kademlia node knows, many that are close and few that are far.

Nodes and keys are points among 2^160, by their hashes, and the distance between two points is their
XOR, read as a number. A node sorts the contacts that it hears of by the length of that number: those
of n bits are bucket n. Half of all nodes fall into the farthest bucket, a quarter into the next, and
so on; as each holds k contacts at most, a node knows somebody in every region, and everybody around.

A bucket that is full has no room for a newcomer, unless the contact that was silent longest does not
answer: nodes that have been up for long are the likeliest to stay, and nobody can flush a table by
appearing with a thousand new names.

Petar Maymounkov and David Mazières, "Kademlia: a peer-to-peer information system based on the XOR
metric" (IPTPS 2002), sections 2.1 and 2.2. Their tree of buckets (2.4) is not needed for this.
"""

from collections.abc import Iterable
from functools import lru_cache, partial
from hashlib import sha1

from p2pkit.message import Contact, Message
from p2pkit.protocol import Protocol, on

BITS = 160  # of a point: a SHA-1 hash, as in the paper


@lru_cache(maxsize=100_000)  # a node meets the same names again and again
def point(name: str) -> int:
    """Return where a name lies, of a node or a key: from 0 to 2^160 - 1."""
    return int.from_bytes(sha1(name.encode()).digest(), "big")


def closest(contacts: Iterable[Contact], target: int, k: int) -> list[Contact]:
    """Return the k contacts closest to a point, closest first."""
    return sorted(contacts, key=lambda contact: point(contact.id) ^ target)[:k]


class Ping(Message):
    """Are you there? It introduces nobody: the one who is asked would have to ask the next."""


class Pong(Message):
    """I am here."""


class KBuckets(Protocol):
    """Keep at most k contacts for each length of a distance, those that have proved to stay."""

    k = 8  # contacts in a bucket; the paper takes 20
    patience = 1.0  # seconds until somebody who does not answer is taken for gone
    buckets: dict[int, dict[str, Contact]]

    def on_start(self) -> None:
        self.buckets = {}  # by the bits of the distance; in each, least recently seen first
        self.doubted: set[str] = set()  # who is asked whether it is there

    def on_connect(self, peer: str) -> None:
        self.see(Contact(peer, self.peers[peer]))

    def on_disconnect(self, peer: str) -> None:
        self.forget(peer)

    @property
    def point(self) -> int:
        """Where this node lies."""
        return point(self.id)

    def bucket(self, id: str) -> dict[str, Contact]:
        """Return the bucket in which somebody belongs."""
        return self.buckets.setdefault((point(id) ^ self.point).bit_length(), {})

    def closest(self, target: int, but: str | None = None) -> list[Contact]:
        """Return the k known contacts that are closest to a point, but for one id."""
        known = (it for bucket in self.buckets.values() for it in bucket.values() if it.id != but)
        return closest(known, target, self.k)

    def hear(self, caller: Contact, sender: str | None) -> None:
        """Note who speaks, if it is the one it says."""
        if caller.id == sender:
            self.see(caller)

    def see(self, contact: Contact) -> None:
        """Note a sign of life: it comes last in its bucket, if it is in there or there is room."""
        if contact.id == self.id:
            return
        bucket = self.bucket(contact.id)
        if contact.id in bucket or len(bucket) < self.k:
            bucket.pop(contact.id, None)
            bucket[contact.id] = contact
            return
        oldest = next(iter(bucket.values()))
        if oldest.id not in self.doubted:
            self.doubted.add(oldest.id)
            self.ask(oldest, Ping(), partial(self.decide, oldest, contact), self.patience)

    @on(Ping)
    def reply(self, _: Ping, sender: str) -> Pong:
        return Pong()

    def decide(self, oldest: Contact, newcomer: Contact, pong: Pong | None) -> None:
        """Keep the contact that was silent longest if it has answered, else take the newcomer."""
        self.doubted.discard(oldest.id)
        if pong is None:
            self.forget(oldest.id)
        self.see(newcomer if pong is None else oldest)

    def forget(self, id: str) -> None:
        """Strike somebody out who does not answer. Its next word brings it back."""
        self.bucket(id).pop(id, None)
