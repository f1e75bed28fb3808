"""Notebook 5: its averaging is the kit's own, and the exercise's check finds what is wrong."""

import signal

import pytest
from test_notebooks import SOURCES, definitions

pytest.importorskip("jupytext", reason="the notebooks need p2pkit[notebooks]")
pytest.importorskip("matplotlib", reason="the notebooks need p2pkit[notebooks]")

from p2pkit import Contact, Link, Message, SimNetwork, on
from p2pkit.protocols import averaging
from p2pkit.protocols.sampling import Cyclon, Entry, Trade
from p2pkit.topology import build

SOURCE = next(source for source in SOURCES if source.stem.startswith("05_"))


@pytest.fixture(scope="module")
def notebook():
    return definitions(SOURCE)


# What the notebook builds


@pytest.mark.parametrize("name", ["Averaging", "Count", "Maximum"])
def test_what_is_built_is_what_the_kit_ships(notebook, name):
    """Both do the same, event for event, also when messages are lost and a node crashes."""

    def digest(protocol):
        link = Link(latency=(0.01, 0.5), loss=0.05)
        with SimNetwork(protocol, build("small-world", 20), link=link, seed=5) as net:
            for number, name in enumerate(net.names):
                net.call(name, "begin", float(number))
            net.run(6.0)
            net.crash("n7")
            net.run(3.0)
            net.restart("n7")
            net.run(3.0)
        return net.trace.digest()

    assert digest(notebook[name]) == digest(getattr(averaging, name))


# The check: it must find what is wrong, and let pass what is right. These are the kit's own solution,
# and what students make of it.


class Right(Cyclon):
    """A solution, written as the exercise wants it."""


class Stamped(Message):
    """A contact, and when it was heard of, in seconds; names of fields are a student's own."""

    contact: Contact
    said_so_at_this_time: float


class Offered(Message):
    all_that_i_offer: tuple[Stamped, ...]


class Given(Message):
    all_that_i_give: tuple[Stamped, ...]


class WithStamps(Right):
    """A solution without ages: whoever was heard of the longest ago is the oldest."""

    def on_connect(self, peer):
        self.keep([Stamped(Contact(peer, self.peers[peer]), self.now)], ())

    def shuffle(self):
        if self.view:
            oldest = min(self.view.values(), key=lambda known: known.said_so_at_this_time)
            del self.view[oldest.contact.id]
            given = self.some(self.traded - 1)
            offer = Offered((Stamped(self.contact, self.now), *given))
            self.ask(oldest.contact, offer, lambda answer: self.take(given, answer))

    @on(Offered)
    def offered(self, offer, sender):
        given = self.some(self.traded)
        self.keep(offer.all_that_i_offer, given)
        return Given(tuple(given))

    def take(self, given, answer):
        if answer is not None:
            self.keep(answer.all_that_i_give, given)


class Patient(WithStamps):
    """A solution that takes nobody out of view before the answer is there, or late."""

    def shuffle(self):
        before = self.view.copy()
        super().shuffle()
        gone = {id: before[id] for id in before.keys() - self.view.keys()}
        self.view = before
        self.waiting = gone

    def take(self, given, answer):
        for id, known in self.waiting.items():
            if self.view.get(id) is known:
                del self.view[id]
        super().take(given, answer)


class Deaf(Right):
    """Takes nobody into view."""

    def keep(self, entries, given):
        pass


class Quiet(Right):
    """Never trades."""

    def shuffle(self):
        pass


class Narcissus(Right):
    """Takes itself into view."""

    def keep(self, entries, given):
        super().keep(entries, given)
        for entry in entries:
            if entry.contact.id == self.id:
                self.view[self.id] = entry


class Hoarder(Right):
    """Knows no limit."""

    def keep(self, entries, given):
        for entry in entries:
            if entry.contact.id != self.id:
                self.view[entry.contact.id] = entry


class Inventor(Right):
    """Has somebody in view who does not exist."""

    def shuffle(self):
        super().shuffle()
        self.view["nobody"] = Entry(Contact("nobody", "127.0.0.1:1"), 0)


class Listing(Right):
    """Has a list in the place of a dict."""

    def on_start(self):
        self.view = []

    def on_connect(self, peer):
        self.view.append(peer)


class Keyed(Right):
    """Has contacts for keys."""

    def on_connect(self, peer):
        contact = Contact(peer, self.peers[peer])
        self.view[contact] = Entry(contact, 0)


class Endless(Right):
    """Draws until it has enough, also where there are not as many."""

    def some(self, k):
        drawn = {}
        while len(drawn) < k:
            for id in self.random.sample([*self.view], min(1, len(self.view))):
                drawn[id] = self.view[id]
        return [*drawn.values()]


class Restless(Right):
    """Makes the next offer as soon as there is an answer."""

    def trade_back(self, given, answer):
        super().trade_back(given, answer)
        self.shuffle()


class Silent(Right):
    """Takes what is offered, and does not answer."""

    @on(Trade)
    def trade(self, offer, sender):
        self.keep(offer.entries, self.some(self.traded))


class Careless(Right):
    """Forgets that there may be no answer."""

    def trade_back(self, given, answer):
        self.keep(answer.entries, given)


class Clinging(Right):
    """Leaves whom it trades with in view."""

    def shuffle(self):
        self.view = {id: Entry(old.contact, old.age + 1) for id, old in self.view.items()}
        if self.view:
            oldest = max(self.view.values(), key=lambda entry: entry.age)
            given = self.some(self.traded - 1)
            trade = Trade((Entry(self.contact, 0), *given))
            self.ask(oldest.contact, trade, lambda answer: self.trade_back(given, answer))


class Newest(Right):
    """Trades with the newest in view."""

    def shuffle(self):
        if self.view:
            newest = min(self.view.values(), key=lambda entry: entry.age)
            self.view = {id: Entry(old.contact, old.age + 1) for id, old in self.view.items()}
            del self.view[newest.contact.id]
            given = self.some(self.traded - 1)
            trade = Trade((Entry(self.contact, 0), *given))
            self.ask(newest.contact, trade, lambda answer: self.trade_back(given, answer))


class Chatty(Right):
    """Trades twice in a cycle."""

    def on_start(self):
        super().on_start()
        self.every(self.cycle, self.shuffle, jitter=self.cycle)


class Generous(Right):
    """Gives all that it has."""

    def some(self, k):
        return [*self.view.values()]


class Keeping(Right):
    """Gives and keeps: what comes is taken only where there is room."""

    def keep(self, entries, given):
        super().keep(entries, ())


class Shy(Right):
    """Offers others, and never itself."""

    def shuffle(self):
        self.view = {id: Entry(old.contact, old.age + 1) for id, old in self.view.items()}
        if self.view:
            oldest = max(self.view.values(), key=lambda entry: entry.age)
            given = self.some(self.traded)
            trade = Trade(tuple(given))
            self.ask(oldest.contact, trade, lambda answer: self.trade_back(given, answer))


class Ageless(Right):
    """Does not count: whoever came first is the oldest."""

    def keep(self, entries, given):
        super().keep((Entry(entry.contact, 0) for entry in entries), given)

    def some(self, k):
        return [Entry(entry.contact, 0) for entry in super().some(k)]

    def shuffle(self):
        self.view = {id: Entry(old.contact, -1) for id, old in self.view.items()}
        items = [*self.view.items()]
        self.random.shuffle(items)
        self.view = dict(items)
        super().shuffle()


class Loyal(Right):
    """Puts those back who do not answer."""

    def shuffle(self):
        before = self.view
        super().shuffle()
        for id in before.keys() - self.view.keys():
            self.view[id] = before[id]


class Disorderly(Right):
    """Gives what is in a set as it comes."""

    def some(self, k):
        return [self.view[id] for id in list({*self.view})[:k]]


class Mistaken(Right):
    """Sends what is no message."""

    def shuffle(self):
        for peer in self.peers:
            self.send(peer, self.view)


@pytest.fixture
def check(notebook, capsys):
    """Return a function that runs the check on a class, and returns what it prints."""

    def run(protocol):
        notebook["check"](protocol)
        return capsys.readouterr().out

    return run


@pytest.mark.slow
def test_the_check_lets_a_right_solution_pass(check):
    said = check(Cyclon)
    assert "all 8 steps done" in said
    assert "your methods have 39 lines" in said
    assert "have 39." in said


@pytest.mark.slow
@pytest.mark.parametrize("protocol", [WithStamps, Patient])
def test_the_check_lets_other_right_solutions_pass(check, protocol):
    assert "all 8 steps done" in check(protocol)


@pytest.mark.parametrize(
    ("protocol", "step", "words"),
    [
        (Deaf, "three nodes", "only 0.0 are in view in the mean"),
        (Quiet, "a ring", "only 2.0 are in view in the mean"),
        (Narcissus, "three nodes", "has itself in view"),
        (Hoarder, "a ring", "in view, and size is 8"),
        (Inventor, "three nodes", "there is no such node"),
        (Listing, "three nodes", "has no dict in self.view"),
        (Keyed, "three nodes", "has a key in self.view that is no id: Contact("),
        (Mistaken, "three nodes", "in shuffle: self.send(peer, self.view)"),
        (Restless, "three nodes", "messages a node: far too many"),
        (Chatty, "few messages", "4.0 messages a node and cycle"),
        (Silent, "few messages", "1.0 messages a node and cycle: is every offer answered?"),
        (Generous, "few messages", "8 contacts in a message, and traded is 4"),
        (Keeping, "well mixed", "the clustering is 0.3"),
        (Shy, "well mixed", "somebody is in nobody's view"),
        (Newest, "a newcomer", "a newcomer is in"),
        pytest.param(Clinging, "half vanish", "have a dead one", marks=pytest.mark.slow),
        pytest.param(Careless, "half vanish", "has no attribute", marks=pytest.mark.slow),
        pytest.param(Ageless, "half vanish", "24 cycles later", marks=pytest.mark.slow),
        pytest.param(Loyal, "half vanish", "have a dead one in view", marks=pytest.mark.slow),
        pytest.param(
            Disorderly, "the same again", "write sorted(…) around the set", marks=pytest.mark.slow
        ),
    ],
)
def test_the_check_says_what_is_wrong(check, protocol, step, words):
    said = check(protocol)
    assert f"next  {step}\n" in said
    assert words in said
    assert "Traceback" not in said


def test_the_check_interrupts_what_never_ends(notebook, check, monkeypatch):
    monkeypatch.setitem(notebook, "TOO_SLOW", 1.0)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # as in a kernel
    try:
        said = check(Endless)
    finally:
        signal.signal(signal.SIGINT, before)
    assert "next  three nodes\n" in said
    assert "it did not end within 1 s, in some: " in said


@pytest.mark.slow
def test_what_the_notebook_builds_on_the_way_forgets_the_dead_too_late(notebook, check):
    said = check(notebook["Views"])
    assert "next  half vanish\n" in said
    assert "have a dead one in view" in said


def test_the_exercise_as_it_stands_gets_a_hint(notebook, check):
    said = check(notebook["Shuffle"])
    assert "0 of 8 steps done" in said
    assert "on_connect" in said
