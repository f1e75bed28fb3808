"""Anti-entropy: copies of a database that become equal, whatever was missed.

Everybody may write at any node. Now and then each node compares with one peer, chosen at random: first
a checksum of all that it has, which is the same nearly always, and costs one short message. If it is
not, the peer answers with the versions of its entries, and the two resolve their differences in both
directions (push-pull). Of two entries with one key, the later one stays. What is deleted leaves a
*death certificate*, an entry without a value; were it just forgotten, it would come back from the
next one who has not heard of it.

    net.call("n0", "put", "colour", "green")
    net.run(5.0)
    net.call("n7", "get", "colour")

Rumors are fast and may fail; this is slower and does not, so it backs them up. Everybody has an
update after log2 n + log2 ln n + O(1) comparisons each, or fewer, however much was lost.

Demers and others, "Epidemic algorithms for replicated database maintenance" (PODC 1987), section 1.3
(ResolveDifference, checksums) and 2 (death certificates). Their section 3 chooses near peers more
often, where messages over far links are dear: override `partners`.
"""

from hashlib import sha256

from p2pkit.message import Message
from p2pkit.protocol import Protocol, on


class Version(Message):
    """When, by the clock of which node, an entry was written."""

    key: str
    time: float
    writer: str


class Entry(Message):
    """What stands in the database; value is None where it was deleted."""

    version: Version
    value: str | None


class Checksum(Message):
    """A number that two nodes have in common if they have all entries in common."""

    sum: int


class Versions(Message):
    """What I have: give me what is newer with you, and ask for what is older."""

    versions: frozenset[Version]


class Wanted(Message):
    """Give me the entries with these keys."""

    keys: frozenset[str]


class AntiEntropy(Protocol):
    """Keep a copy of a database, and compare it with those of others."""

    pause = 0.2  # seconds between two comparisons; each is up to as much late
    entries: dict[str, Entry]
    sum: int

    def on_start(self) -> None:
        self.entries = {}
        self.sum = 0
        self.every(self.pause, self.compare, jitter=self.pause)

    # What a user does

    def get(self, key: str) -> str | None:
        """Return what was written under a key, as far as this node knows."""
        return self.entries[key].value if key in self.entries else None

    def put(self, key: str, value: str | None) -> None:
        """Write something: it is later than all that this node knows under that key."""
        known = self.entries.get(key)
        time = max(self.now, known.version.time + 1e-6) if known else self.now
        self.store(Entry(Version(key, time, self.id), value), None)

    def delete(self, key: str) -> None:
        """Write a death certificate."""
        self.put(key, None)

    # What nodes do

    @on(Entry)
    def store(self, entry: Entry, _: str | None) -> None:
        known = self.entries.get(entry.version.key)
        if known is None or is_later(entry.version, known.version):
            self.entries[entry.version.key] = entry
            self.sum ^= number_of(entry) ^ (number_of(known) if known else 0)

    def compare(self) -> None:
        for peer in self.partners():
            self.send(peer, Checksum(self.sum))

    def partners(self) -> list[str]:
        """Choose whom to compare with."""
        return self.sample(1)

    @on(Checksum)
    def check(self, theirs: Checksum, sender: str) -> None:
        if theirs.sum != self.sum:
            versions = frozenset(entry.version for entry in self.entries.values())
            self.send(sender, Versions(versions))

    @on(Versions)
    def resolve(self, theirs: Versions, sender: str) -> None:
        """Give a peer what it misses, and ask for what is missing here."""
        known = {version.key: version for version in theirs.versions}
        for key, entry in self.entries.items():
            if key not in known or is_later(entry.version, known[key]):
                self.send(sender, entry)
        mine = {key: entry.version for key, entry in self.entries.items()}
        wanted = {key for key in known if key not in mine or is_later(known[key], mine[key])}
        if wanted:
            self.send(sender, Wanted(frozenset(wanted)))

    @on(Wanted)
    def give(self, wanted: Wanted, sender: str) -> None:
        for key, entry in self.entries.items():
            if key in wanted.keys:
                self.send(sender, entry)


def is_later(one: Version, other: Version) -> bool:
    """Tell which of two versions stays; of two that are as old, all nodes choose the same."""
    return (one.time, one.writer) > (other.time, other.writer)


def number_of(entry: Entry) -> int:
    """Return 60 bits of an entry's hash: the sum of many, without carry, is their checksum."""
    return int(sha256(repr(entry).encode()).hexdigest()[:15], 16)
