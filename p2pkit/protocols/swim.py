"""SWIM: who is there, and who is not any more.

Once a period each node pings one member: all in turn, in an order of its own. If no answer comes, `k`
others are asked to ping it too, as the trouble may lie in between. If they bring no answer either,
the member is *suspected*, and has some periods to deny it before it is declared *dead*. What is new
travels on the back of these messages. So a node sends two a period, and the first to miss a crash
does so after e / (e - 1) = 1.58 periods: both on average, and however large the group is.

Only a member itself raises its *incarnation*: a higher one overrides whatever was said of it before,
and of the same one, `suspect` overrides `alive`, and `dead` both. Who is taken for dead is told
when it says something, and denies it likewise; so a node that is back is a member again.

    net = SimNetwork(Swim.using(period=0.5, k=3), nx.star_graph(49))      # all join through n0

Das, Gupta and Motivala, "SWIM: Scalable weakly-consistent infection-style process group membership
protocol" (DSN 2002), sections 3.1 and 4.1 to 4.3. Parameters are those of the prototype in section
5. Not from there: how one joins, and that each turn also tries one of the dead, as networks heal.
A broken connection means nothing here, as a machine without power breaks none.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from math import ceil, log
from typing import Any, Literal

from p2pkit.message import Contact, Message
from p2pkit.protocol import Protocol, on

STATES = "alive", "suspect", "dead"
MAX_INCARNATION = 2**53  # what any JSON reader counts to; a number above is somebody's joke
MAX_MEMBERS = 10_000  # of whom a node takes note: so nobody can fill its memory with inventions


class News(Message):
    """What is said of a member."""

    contact: Contact
    state: Literal["alive", "suspect", "dead"]
    incarnation: int


class Ping(Message):
    """Are you there?"""

    news: tuple[News, ...]


class PingRequest(Message):
    """Is the target there? It does not answer me."""

    target: Contact
    news: tuple[News, ...]


class Ack(Message):
    """This member is there."""

    id: str
    news: tuple[News, ...]


class Join(Message):
    """I want to be a member. Who else is?"""

    newcomer: News


class Roster(Message):
    """All members that I have heard of."""

    news: tuple[News, ...]


class Swim(Protocol):
    """Keep the list of all members right: `members` has the state of each, this one included."""

    period = 2.0  # seconds from one probe to the next
    patience = 1 / 3  # share of a period after which others are asked: a round trip, at least
    k = 1  # members that are asked
    spread = 3  # times log(n) that a node passes each piece of news on: the paper's λ
    suspicion = 3  # times log(n) periods for the suspected to deny
    most = 10  # pieces of news in a message, beside the sender's own
    members: dict[str, str]
    latest: dict[str, News]
    fresh: dict[str, int]
    turn: list[str]
    silent: str | None

    def on_start(self) -> None:
        self.members = {}
        self.latest = {}  # what is believed of each member
        self.fresh = {}  # whose news are passed on, and how often they were
        self.turn = []  # who is still to be probed, the next one last
        self.silent = None  # who is probed now, until it is heard of
        self.joined = False
        self.announce(self.disk.get("incarnation", -1) + 1)
        self.after(self.random.uniform(0, self.period), self.begin)  # nobody keeps step

    def begin(self) -> None:
        self.every(self.period, self.probe)
        self.probe()

    # Joining

    def join(self) -> None:
        """Ask a member for its list, as long as that brings anything new."""
        self.meet_peers()
        if others := self.living():
            member = self.latest[self.random.choice(others)].contact
            self.ask(member, Join(self.latest[self.id]), self.enter, self.period)

    def meet_peers(self) -> None:
        for peer, address in self.peers.items():
            self.learn(News(Contact(peer, address), "alive", 0))

    @on(Join)
    def admit(self, request: Join, _: str) -> Roster:
        if not self.joined:
            self.meet_peers()
        self.hear((request.newcomer,))
        return Roster(tuple(self.latest.values()))

    def enter(self, roster: Any) -> None:
        if isinstance(roster, Roster):
            self.joined = not sum(map(self.learn, roster.news))

    # Probing

    def probe(self) -> None:
        """Suspect whoever was not heard of, and probe the next one."""
        if not self.joined:
            self.join()
        if self.silent is not None:
            self.suspect(self.silent)
        self.silent = self.next_member()
        if self.silent is not None:
            self.ping(self.latest[self.silent].contact, self.acknowledge)
            self.after(self.patience * self.period, self.ask_others, self.silent)

    def next_member(self) -> str | None:
        """Return whose turn it is; when all had theirs, shuffle them anew, with one of the dead."""
        if not self.turn:
            dead = [id for id, state in self.members.items() if state == "dead"]
            self.turn = self.living() + self.random.sample(dead, min(1, len(dead)))
            self.random.shuffle(self.turn)
        return self.turn.pop() if self.turn else None

    def ping(self, target: Contact, then: Callable[[Any], None]) -> None:
        late = 3 * self.period  # what comes after the period is news all the same
        self.ask(target, Ping(self.gossip(target.id)), then, late)

    @on(Ping)
    def answer(self, ping: Ping, sender: str) -> Ack:
        self.hear(ping.news)
        return Ack(self.id, self.gossip(sender))

    def ask_others(self, target: str) -> None:
        """Ask k members to ping the target, if it is still silent."""
        if target == self.silent and self.members[target] != "dead":
            others = [id for id in self.living() if id != target]
            for id in self.random.sample(others, min(self.k, len(others))):
                request = PingRequest(self.latest[target].contact, self.gossip(id))
                self.send(self.latest[id].contact, request)

    @on(PingRequest)
    def ping_for(self, request: PingRequest, sender: str) -> None:
        self.hear(request.news)
        self.ping(request.target, partial(self.report, sender))

    def report(self, asker: str, ack: Any) -> None:
        """Pass an answer on to the one who asked for it."""
        if isinstance(ack, Ack):
            self.hear(ack.news)
            if asker in self.latest:
                self.send(self.latest[asker].contact, Ack(ack.id, self.gossip(asker)))

    @on(Ack)
    def acknowledge(self, ack: Ack | None, _: str = "") -> None:
        """Take an answer, from the target or from one who was asked; None is that none came."""
        if isinstance(ack, Ack):
            self.hear(ack.news)
            if ack.id == self.silent:
                self.silent = None

    # Suspicion

    def suspect(self, id: str) -> None:
        if self.members[id] == "alive":
            self.hear((replace(self.latest[id], state="suspect"),))

    def declare_dead(self, suspicion: News) -> None:
        """Give up a member of whom nothing newer has come than the suspicion."""
        if self.latest[suspicion.contact.id] == suspicion:
            self.hear((replace(suspicion, state="dead"),))

    def announce(self, incarnation: int) -> None:
        """Say that this node is alive: from now on, each of its messages does."""
        self.disk["incarnation"] = incarnation
        self.members[self.id] = "alive"
        self.latest[self.id] = News(self.contact, "alive", incarnation)

    # News

    def gossip(self, to: str) -> tuple[News, ...]:
        """Return what to tell: of oneself, what the receiver will deny, and what was told least."""
        told = sorted(self.fresh, key=self.fresh.__getitem__)[: self.most]
        for id in told:
            self.fresh[id] += 1
            if self.fresh[id] >= self.spread * self.log_size():
                del self.fresh[id]
        wronged = [to] if self.members.get(to, "alive") != "alive" else []
        return tuple(self.latest[id] for id in dict.fromkeys([self.id, *wronged, *told]))

    def hear(self, all_news: tuple[News, ...]) -> None:
        """Believe what is newer than what is known, and pass it on."""
        for news in all_news:
            if self.learn(news):
                self.fresh[news.contact.id] = 0

    def learn(self, news: News) -> bool:
        """Believe a piece of news, or deny it; return whether it is believed."""
        id = news.contact.id
        old = self.latest.get(id)
        if news.incarnation > MAX_INCARNATION or (old and rank(news) <= rank(old)):
            return False
        if old is None and len(self.latest) >= MAX_MEMBERS:
            return False
        if id == self.id:
            self.announce(news.incarnation + 1)
            return False
        self.latest[id] = news
        self.members[id] = news.state
        if news.state == "dead":
            self.turn = [other for other in self.turn if other != id]
        elif old is None or old.state == "dead":
            self.turn.insert(self.random.randint(0, len(self.turn)), id)
        if news.state == "suspect":
            wait = self.suspicion * self.log_size() * self.period
            self.after(wait, self.declare_dead, news)
        return True

    def living(self) -> list[str]:
        """Return the other members that are not dead."""
        return [id for id, state in self.members.items() if state != "dead" and id != self.id]

    def log_size(self) -> int:
        return ceil(log(len(self.members) + 1))


def rank(news: News) -> tuple[int, int]:
    """Return a number pair that is higher for news that override others of the same member."""
    return news.incarnation, STATES.index(news.state)
