"""Broadcast in order: single reactions, the same story in every world, and mutants."""

from functools import partial
from random import Random

import pytest
from diary import run_until

from p2pkit import Link, SimNetwork, on
from p2pkit.protocols.broadcast import Causal, Numbered, Post, Request, Total
from p2pkit.testing import alone

# Single reactions: causal

QUESTION = Post("a", "who comes?", ())
REPLY = Post("b", "I", (("a", 1),))
SECOND = Post("a", "when?", (("a", 1),))


def test_who_says_something_tells_all_and_delivers_it_at_once():
    with alone(Causal, peers="ab") as bench:
        bench.node.say("hello")
        bench.node.say("again")
        for peer in "ab":
            bench.expect(peer, Post("n0", "hello", ()))
            bench.expect(peer, Post("n0", "again", (("n0", 1),)))
        assert [post.text for post in bench.node.delivered] == ["hello", "again"]


def test_an_answer_waits_for_its_question():
    with alone(Causal, peers="ab") as bench:
        bench.receive(REPLY, "b")
        assert bench.node.delivered == []
        bench.receive(QUESTION, "a")
        assert bench.node.delivered == [QUESTION, REPLY]
        assert bench.node.waiting == []


def test_posts_of_one_author_come_in_order_and_once():
    with alone(Causal, peers="ab") as bench:
        for post in (SECOND, SECOND, QUESTION, QUESTION, SECOND):
            bench.receive(post, "a")
        assert bench.node.delivered == [QUESTION, SECOND]
        assert bench.node.waiting == []


def test_what_one_says_knows_of_what_one_has_delivered_and_not_of_what_waits():
    with alone(Causal, peers="abc") as bench:
        bench.receive(QUESTION, "a")
        bench.receive(Post("c", "no, Tuesday", (("b", 1),)), "c")
        bench.node.say("Monday")
        for peer in "abc":
            bench.expect(peer, Post("n0", "Monday", (("a", 1),)))


# Single reactions: total


def test_who_is_not_the_sequencer_asks_it_and_waits():
    with alone(Total.using(sequencer="a"), peers="ab") as bench:
        bench.node.say("hello")
        bench.expect("a", Request("hello", 0))
        assert bench.node.delivered == []


def test_the_sequencer_numbers_and_tells_all():
    with alone(Total.using(sequencer="n0"), peers="ab") as bench:
        bench.receive(Request("hello", 0), "a")
        bench.receive(Request("hello", 0), "a")  # once is enough
        bench.node.say("mine")
        posts = [Numbered(0, "a", "hello"), Numbered(1, "n0", "mine")]
        for peer in "ab":
            for post in posts:
                bench.expect(peer, post)
        assert bench.node.delivered == posts


def test_numbers_are_delivered_in_order_and_once():
    posts = [Numbered(number, "b", str(number)) for number in range(4)]
    with alone(Total.using(sequencer="a"), peers="ab") as bench:
        for number, count in ((2, 0), (1, 0), (1, 0), (0, 3), (0, 3), (3, 4)):
            bench.receive(posts[number], "a")
            assert bench.node.delivered == posts[:count]
        assert bench.node.early == {}


# Laws


class Talk:
    """Mixed into a protocol: answer some of what is delivered, which makes causes."""

    longest = 3

    def on_start(self):
        super().on_start()
        self.answered = 0
        self.every(0.01, self.answer)

    def answer(self):
        news = self.delivered[self.answered :]
        self.answered = len(self.delivered)
        for post in news:
            is_short = len(post.text) < 3 * self.longest
            if post.author != self.id and is_short and self.random.random() < 0.4:
                self.say(f"{post.text}<{self.id}")


def talk(net, questions=20):
    dice = Random(2)
    for number in range(questions):
        net.after(dice.uniform(0, 0.3), net.call, dice.choice(net.names), "say", f"{number:03}")
    net.run(0.3)


def texts(net):
    return {node.id: [post.text for post in node.delivered] for node in net}


def all_deliver_all_once(net):
    said = texts(net)
    assert len(said["n0"]) > 20
    for heard in said.values():
        assert len(set(heard)) == len(heard)
        assert sorted(heard) == sorted(said["n0"])
        questions = sorted(text for text in heard if "<" not in text)
        assert questions == [f"{number:03}" for number in range(len(questions))]


def answers_come_after_questions(net):
    """Check it, and that it is a demand: a question has answers."""
    all_deliver_all_once(net)
    for heard in texts(net).values():
        places = {text: place for place, text in enumerate(heard)}
        answers = [text for text in heard if "<" in text]
        assert answers
        for text in answers:
            assert places[text.rpartition("<")[0]] < places[text]


def authors_are_in_order(net):
    """Check that all deliver what an author said in the order in which it did itself."""
    all_deliver_all_once(net)
    for author in net:
        own = [post.text for post in author.delivered if post.author == author.id]
        for node in net:
            assert [post.text for post in node.delivered if post.author == author.id] == own


def all_have_one_order(net):
    all_deliver_all_once(net)
    assert len({tuple(heard) for heard in texts(net).values()}) == 1


LAWS = {
    Causal: [all_deliver_all_once, answers_come_after_questions, authors_are_in_order],
    Total: [all_deliver_all_once, all_have_one_order],
}


def after_a_talk(protocol, seed=1):
    """Return a network after a talk in which messages overtake each other, and come twice."""
    talking = type("Talking", (Talk, protocol), {})
    link = Link(latency=(0.001, 0.3), ordered=False, duplicate=0.1)
    with SimNetwork(talking, 5, link=link, seed=seed) as net:
        talk(net)
        net.run(5.0)
    return net


@pytest.mark.parametrize("protocol", LAWS)
def test_all_laws_hold(protocol):
    net = after_a_talk(protocol)
    for law in LAWS[protocol]:
        law(net)
    assert not any(getattr(node, "waiting", None) or getattr(node, "early", None) for node in net)


def test_causal_order_is_not_one_order():
    with pytest.raises(AssertionError):
        all_have_one_order(after_a_talk(Causal))


def has(net, name, text):
    return text in [post.text for post in net[name].delivered]


@pytest.mark.parametrize("protocol", LAWS)
def test_a_talk(network, protocol):
    link = Link(latency=(0.0, 0.05))
    with network(protocol, 4, link=link) as net:
        for number in range(12):
            question = f"{number:03}"
            net.call(net.names[number % 4], "say", question)
            run_until(net, partial(has, net, "n1", question))
            net.call("n1", "say", f"{question}<n1")
        run_until(net, lambda: all(len(node.delivered) == 24 for node in net))
        answers_come_after_questions(net)
        if protocol is Total:
            all_have_one_order(net)
        else:
            authors_are_in_order(net)


@pytest.mark.parametrize("nodes", [2, 5, 10])
def test_what_a_post_takes(nodes):
    for protocol, author, messages in (
        (Causal, "n0", nodes - 1),
        (Total, "n0", nodes - 1),
        (Total, "n1", nodes),
    ):
        with SimNetwork(protocol, nodes) as net:
            net.call(author, "say", "hello")
            net.run(1.0)
            assert net.trace.count(kind="send") == messages
            assert all(len(node.delivered) == 1 for node in net)


# Mutants


class Careless(Causal):
    """Delivers what comes."""

    def is_next(self, post):
        return True


class Fifo(Causal):
    """Looks at the author's own posts only."""

    def is_next(self, post):
        return self.seen.get(post.author, 0) == dict(post.seen).get(post.author, 0)


class Unfifo(Causal):
    """Looks at all the others' only."""

    def is_next(self, post):
        return all(
            self.seen.get(author, 0) >= count
            for author, count in post.seen
            if author != post.author
        )


class Once(Causal):
    """Forgets to look again at what waits."""

    @on(Post)
    def hear(self, post, sender):
        if post in self.waiting or post in self.delivered:
            return
        if self.is_next(post):
            self.deliver(post)
        else:
            self.waiting.append(post)


class Impatient(Total):
    """Delivers what comes, in the order in which it comes."""

    @on(Numbered)
    def hear(self, post, sender):
        if post not in self.delivered:
            self.delivered.append(post)


class Eager(Total):
    """Delivers its own at once."""

    def say(self, text):
        super().say(text)
        if self.id != self.sequencer:
            self.delivered.append(Numbered(-1, self.id, text))


class Everyone(Total):
    """Numbers its own posts itself."""

    def say(self, text):
        self.number(Request(text, len(self.delivered)), self.id)


class Forgetful(Total):
    """Numbers what it has numbered already."""

    @on(Request)
    def number(self, request, sender):
        super().number(Request(request.text, len(self.numbered)), sender)


class Gapless(Total):
    """Waits for a number that has come already, as it starts at 1."""

    @on(Numbered)
    def hear(self, post, sender):
        self.early[post.number] = post
        while len(self.delivered) + 1 in self.early:
            self.delivered.append(self.early.pop(len(self.delivered) + 1))


@pytest.mark.parametrize(
    ("mutant", "law"),
    [
        (Careless, answers_come_after_questions),
        (Fifo, answers_come_after_questions),
        (Unfifo, authors_are_in_order),
        (Once, all_deliver_all_once),
        (Impatient, all_have_one_order),
        (Eager, all_have_one_order),
        (Everyone, all_have_one_order),
        (Forgetful, all_deliver_all_once),
        (Gapless, all_deliver_all_once),
    ],
)
def test_a_mutant_is_noticed(mutant, law):
    assert law in LAWS[mutant.__mro__[1]]
    net = after_a_talk(mutant)
    with pytest.raises(AssertionError):
        law(net)
