"""Notebook 6: what it measures is SWIM's, and the exercise's check finds what is wrong."""

from dataclasses import replace
from math import ceil, log

import pytest
from test_notebooks import SOURCES, definitions

pytest.importorskip("jupytext", reason="the notebooks need p2pkit[notebooks]")
pytest.importorskip("matplotlib", reason="the notebooks need p2pkit[notebooks]")

from p2pkit import on
from p2pkit.protocols import swim

SOURCE = next(source for source in SOURCES if source.stem.startswith("06_"))


NOTEBOOK = definitions(SOURCE)
News, Prober = NOTEBOOK["News"], NOTEBOOK["Prober"]
Ack, Ping = NOTEBOOK["Ack"], NOTEBOOK["Ping"]


# What the notebook builds


def test_the_notebooks_prober_pings_as_the_kits_swim_does():
    """With the same members, both ask as many, as often."""
    assert NOTEBOOK["load"](Prober, 20) == 2.0
    assert NOTEBOOK["load"](NOTEBOOK["Heartbeat"], 20) == 19.0


def test_formulas_are_those_of_the_paper():
    assert NOTEBOOK["with_dice"](100) == pytest.approx(1.5773, abs=5e-5)
    assert NOTEBOOK["with_dice"](10**6) == pytest.approx(1.58198, abs=5e-5)
    assert NOTEBOOK["formula"](0.1, 3) == pytest.approx(0.0077277, rel=1e-4)


# The check: it must find what is wrong, and let pass what is right. This is a solution as the exercise
# wants it, and what students make of it.


class Right(Prober):
    """A solution."""

    waits = 5  # times log(n) periods
    tells = 3  # times log(n)

    def on_start(self):
        super().on_start()
        self.latest = {}
        self.fresh = {}
        self.believe(News(self.id, "alive", 0))

    def about(self, id):
        return self.latest.get(id) or News(id, "alive", 0)

    def log_size(self):
        return ceil(log(len(self.members) + 1))

    def give_up(self, id):
        if self.members[id] == "alive":
            self.hear([replace(self.about(id), state="suspect")])

    def bury(self, news):
        if self.latest[news.id] == news:
            self.hear([replace(news, state="dead")])

    def gossip(self, to):
        told = sorted(self.fresh, key=self.fresh.get)[:8]
        for id in told:
            self.fresh[id] += 1
            if self.fresh[id] > self.tells * self.log_size():
                del self.fresh[id]
        wronged = [to] if self.members.get(to) in ("suspect", "dead") else []
        return tuple(self.about(id) for id in {self.id: 0} | dict.fromkeys(wronged + told))

    def hear(self, news):
        for item in news:
            if self.overrides(item):
                if item.id == self.id:
                    item = News(self.id, "alive", item.incarnation + 1)
                self.believe(item)

    def overrides(self, news):
        old, order = self.about(news.id), ["alive", "suspect", "dead"].index
        return (news.incarnation, order(news.state)) > (old.incarnation, order(old.state))

    def believe(self, news):
        self.latest[news.id] = news
        self.members[news.id] = news.state
        self.fresh[news.id] = 0
        if news.state == "suspect":
            self.after(self.period * self.waits * self.log_size(), self.bury, news)


class Loner(Right):
    """Tells nobody."""

    def gossip(self, to):
        return ()


class Hasty(Right):
    """Does not suspect before it buries."""

    def give_up(self, id):
        self.hear([replace(self.about(id), state="dead")])


class Impatient(Right):
    """Does not wait long enough."""

    waits = 0.5


class Mute(Right):
    """Denies nothing."""

    def hear(self, news):
        super().hear([item for item in news if item.id != self.id])


class Endless(Right):
    """Suspects for ever."""

    def bury(self, news):
        pass


class Careless(Right):
    """Lets old news override newer."""

    def overrides(self, news):
        return news.state != self.about(news.id).state


class Final(Right):
    """Does not believe that anybody comes back."""

    def overrides(self, news):
        return self.members.get(news.id) != "dead" and super().overrides(news)


class Discreet(Right):
    """Does not tell the dead that they are."""

    def gossip(self, to):
        return tuple(item for item in super().gossip(to) if (item.id, item.state) != (to, "dead"))


class Whispering(Right):
    """Tells of deaths only, so that the suspects never hear that they are."""

    def gossip(self, to):
        return tuple(item for item in super().gossip(to) if item.state != "suspect")


class Selfish(Right):
    """Tells what it has found out itself, and passes nothing on."""

    def hear(self, news):
        before = dict(self.fresh)
        super().hear(news)
        if len(news) > 1:
            self.fresh = before


class Relentless(Right):
    """Buries when the time is over, whatever it has heard by then."""

    def bury(self, news):
        self.hear([replace(self.about(news.id), state="dead")])


class Meddling(Right):
    """Denies for others: raises the incarnation of whoever answers."""

    @on(Ack)
    def acknowledge(self, ack, sender=None):
        super().acknowledge(ack, sender)
        if ack is not None and self.members[ack.id] != "alive":
            self.hear([News(ack.id, "alive", self.about(ack.id).incarnation + 1)])


class Shouting(Right):
    """Sends each piece of news to all at once."""

    def believe(self, news):
        super().believe(news)
        self.broadcast(Ping((news,)))


class Broken(Right):
    """Raises."""

    def give_up(self, id):
        self.suspects.add(id)


class Listing(Right):
    """Returns a list."""

    def gossip(self, to):
        return [*super().gossip(to)]


class Looping(Right):
    """Waits in a loop."""

    def give_up(self, id):
        while self.members[id] == "alive":
            pass


class Storming(Right):
    """Answers each message with more of them."""

    def hear(self, news):
        self.broadcast(Ping(()))


class Talkative(Right):
    """Tells everything it knows, for ever, to everybody."""

    def gossip(self, to):
        return tuple(self.about(id) for id in self.members)


class Busy(Right):
    """Pings a second member in each period."""

    def probe(self):
        super().probe()
        for peer in self.sample(1):
            self.ping(peer, self.acknowledge)


class Mistaken(Right):
    """Sends what is no news."""

    def gossip(self, to):
        return tuple(self.members)


class Empty(Prober):
    """Forgets to begin as its parent does."""

    def on_start(self):
        self.heard = {}


@pytest.fixture
def check(capsys):
    """Return a function that runs the check on a class, and returns what it prints."""

    def run(protocol):
        NOTEBOOK["check"](protocol)
        return capsys.readouterr().out

    return run


@pytest.mark.slow
@pytest.mark.parametrize(
    "protocol", [Right, swim.Swim.using(suspicion=5)], ids=["ours", "the kit's"]
)
def test_the_check_lets_a_right_solution_pass(check, protocol):
    said = check(protocol)
    assert "all 6 steps done" in said, said
    assert "The kit's own, with probing and joining, have" in said


def slow(*values):
    return pytest.param(*values, marks=pytest.mark.slow)


@pytest.mark.parametrize(
    ("protocol", "step", "words"),
    [
        (Empty, "nothing happens", "did you call super().on_start()?"),
        (Mistaken, "nothing happens", "it raised MessageError"),
        (Busy, "nothing happens", "4.0 messages a node and period, and two are enough"),
        (Loner, "one crashes", "is not dead for"),
        (Endless, "one crashes", "50 periods later it is not dead for 49 of 49"),
        (Hasty, "nobody crashes", "is dead for"),
        (Impatient, "nobody crashes", "suspect first"),
        (Mute, "nobody crashes", "denies it, with a higher incarnation"),
        (Relentless, "nobody crashes", "only if nothing has overridden the suspicion"),
        (Whispering, "nobody crashes", "hears that it is suspected denies it"),
        (Meddling, "nobody crashes", "in incarnation 1, which n"),
        (Shouting, "nobody crashes", "do you send messages for the news alone?"),
        (Broken, "one crashes", "in give_up: self.suspects.add(id)"),
        (Listing, "nothing happens", "write tuple(…) around it"),
        (Talkative, "nobody crashes", "tell only what is new"),
        slow(Final, "one is frozen, and wakes", "40 periods later, "),
        slow(Discreet, "one is frozen, and wakes", "nobody asks the dead"),
    ],
)
def test_the_check_says_what_is_wrong(check, protocol, step, words):
    said = check(protocol)
    assert f"next  {step}\n" in said, said
    assert words in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("protocol", "words"),
    [(Looping, "in give_up: "), (Storming, "does each message make others be sent?")],
)
def test_what_never_ends_is_interrupted(check, protocol, words, monkeypatch):
    monkeypatch.setitem(NOTEBOOK, "TOO_SLOW", 2.0)  # seconds
    said = check(protocol)
    assert "2 s were over" in said
    assert words in said


def test_whoever_passes_nothing_on_is_found(check):
    assert "all 6 steps done" not in check(Selfish)


def test_old_news_that_wins_over_newer_is_found(check):
    assert "all 6 steps done" not in check(Careless)


def test_the_exercise_as_it_stands_gets_a_hint(check):
    said = check(NOTEBOOK["Swim"])
    assert "1 of 6 steps done" in said
    assert "Tell the others" in said
