"""The vocabulary of a protocol: @on, overriding, and how a name becomes a class."""

import sys
from types import ModuleType

import pytest

from p2pkit import message as imported
from p2pkit.errors import ProtocolError
from p2pkit.message import Contact, Message
from p2pkit.protocol import Protocol, on


class Ping(Message):
    n: int = 0


class Pong(Message):
    n: int = 0


class Echo(Protocol):
    @on(Ping)
    def ping(self, message, sender):
        return Pong(message.n)


def vocabulary(protocol):
    return {kind: (handler.message, handler.method) for kind, handler in protocol.handlers.items()}


# @on


@pytest.mark.parametrize("kind", [Ping(), "Ping", 5, None, int, Protocol, Message])
def test_on_takes_a_class_of_messages(kind):
    with pytest.raises(ProtocolError, match=r"@on\(.*\): write the class"):
        on(kind)


def test_on_without_parentheses_is_refused():
    with pytest.raises(ProtocolError, match=r"@on\(ping\): write the class"):

        class Hasty(Protocol):
            @on
            def ping(self, message, sender): ...


def test_handlers_are_the_vocabulary():
    assert vocabulary(Echo) == {"Ping": (Ping, "ping")}
    assert vocabulary(Protocol) == {}


def test_one_method_may_handle_several_messages():
    class Both(Protocol):
        @on(Ping)
        @on(Pong)
        def hear(self, message, sender): ...

    assert vocabulary(Both) == {"Ping": (Ping, "hear"), "Pong": (Pong, "hear")}


def test_two_handlers_for_one_message_in_one_class_are_refused():
    with pytest.raises(ProtocolError, match="Twice has two handlers for Ping, one and two"):

        class Twice(Protocol):
            @on(Ping)
            def one(self, message, sender): ...

            @on(Ping)
            def two(self, message, sender): ...


def test_two_protocols_may_have_messages_of_one_name():
    mine = type("Ping", (Message,), {"__annotations__": {"text": str}})

    class Other(Protocol):
        @on(mine)
        def ping(self, message, sender): ...

    assert Other.find_message("Ping") is mine
    assert Echo.find_message("Ping") is Ping


def wrong_signatures():
    def none(): ...
    def no_sender(self, message): ...
    def too_many(self, message, sender, more): ...
    def keyword(self, message, sender, *, more): ...

    return [none, no_sender, too_many, keyword]


@pytest.mark.parametrize("function", wrong_signatures(), ids=lambda function: function.__name__)
def test_a_handler_takes_a_message_and_its_sender(function):
    with pytest.raises(ProtocolError, match=r"Odd\.hear must take \(self, message, sender\)"):
        type("Odd", (Protocol,), {"hear": on(Ping)(function)})


def right_signatures():
    def default(self, message, sender, more=1): ...
    def star(*args): ...
    def other_names(me, what, who, /): ...

    return [default, star, other_names]


@pytest.mark.parametrize("function", right_signatures(), ids=lambda function: function.__name__)
def test_a_handler_may_take_more_if_it_need_not(function):
    made = type("Fine", (Protocol,), {"hear": on(Ping)(function)})
    assert vocabulary(made) == {"Ping": (Ping, "hear")}


def waiting_functions():
    async def asynchronous(self, message, sender): ...

    def generator(self, message, sender):
        yield

    async def asynchronous_generator(self, message, sender):
        yield

    return [asynchronous, generator, asynchronous_generator]


@pytest.mark.parametrize("function", waiting_functions(), ids=lambda function: function.__name__)
def test_a_handler_never_waits(function):
    with pytest.raises(ProtocolError, match=r"Odd\.hear waits \(async or yield\)"):
        type("Odd", (Protocol,), {"hear": on(Ping)(function)})


# Overriding


def test_a_subclass_overrides_a_handler_by_its_name():
    class Silent(Echo):
        def ping(self, message, sender):
            return None

    assert vocabulary(Silent) == {"Ping": (Ping, "ping")}


def test_a_subclass_overrides_a_handler_by_its_message():
    class Liar(Echo):
        @on(Ping)
        def lie(self, message, sender):
            return Pong(-1)

    assert vocabulary(Liar) == {"Ping": (Ping, "lie")}
    assert vocabulary(Echo) == {"Ping": (Ping, "ping")}


def test_a_subclass_may_handle_something_else_in_a_method_of_the_same_name():
    class Other(Echo):
        @on(Pong)
        def ping(self, message, sender): ...

    assert vocabulary(Other) == {"Pong": (Pong, "ping")}


def test_a_subclass_may_put_another_message_of_the_same_name_in_the_place_of_one():
    longer = type("Ping", (Message,), {"__annotations__": {"n": int, "text": str}})

    class Mutant(Echo):
        @on(longer)
        def ping(self, message, sender): ...

    assert vocabulary(Mutant) == {"Ping": (longer, "ping")}
    assert Mutant.find_message("Ping") is longer


def test_a_subclass_adds_handlers_to_those_of_all_its_bases():
    class Counting:  # a mix-in, and no protocol
        @on(Pong)
        def count(self, message, sender): ...

    class Both(Counting, Echo): ...

    assert vocabulary(Both) == {"Ping": (Ping, "ping"), "Pong": (Pong, "count")}


def test_a_handler_that_a_subclass_spoils_is_refused():
    with pytest.raises(ProtocolError, match=r"Spoilt\.ping must take"):

        class Spoilt(Echo):
            ping = None


# Finding the class of a message


def test_what_a_protocol_handles_is_found():
    assert Echo.find_message("Ping") is Ping


def test_what_stands_in_its_module_is_found():
    assert "Pong" not in Echo.handlers
    assert Echo.find_message("Pong") is Pong


def test_what_a_class_holds_is_found():
    class Holder(Protocol):
        class Inside(Message): ...

    assert Holder.find_message("Inside") is Holder.Inside


def test_what_a_function_sees_around_it_is_found():
    class Local(Message): ...

    class Closing(Protocol):
        def say(self):
            return Local(), later

    assert Closing.find_message("Local") is Local
    assert Closing.find_message("later") is None  # it has no value yet
    later = Local


def test_what_an_imported_module_holds_is_found_where_it_is_used():
    class Using(Protocol):
        def say(self):
            return imported.Contact("a", "b:1")

    assert Using.find_message("Contact") is imported.Contact
    assert Echo.find_message("Contact") is Contact  # which everybody knows


@pytest.mark.parametrize("kind", ["Nothing", "", "Protocol", "ping", "sys", "vocabulary", "Echo"])
def test_what_is_no_message_is_not_found(kind):
    assert Echo.find_message(kind) is None


def test_a_variant_and_a_subclass_elsewhere_find_what_their_base_finds():
    elsewhere = ModuleType("elsewhere")
    elsewhere.Echo = Echo
    exec("class Louder(Echo):\n    volume = 11\n", vars(elsewhere))
    assert elsewhere.Louder.__module__ == "elsewhere"
    assert elsewhere.Louder.find_message("Pong") is Pong
    assert elsewhere.Louder.using(volume=12).find_message("Pong") is Pong


def test_a_subclass_finds_its_own_before_that_of_its_base():
    elsewhere = ModuleType("elsewhere")
    vars(elsewhere).update(Echo=Echo, Message=Message)
    code = "class Pong(Message): ...\nclass Mine(Echo):\n    def say(self): return Pong()\n"
    exec(code, vars(elsewhere))
    assert elsewhere.Mine.find_message("Pong") is elsewhere.Pong


def test_finding_imports_nothing_and_leaves_no_trace():
    before = set(sys.modules)
    assert Echo.find_message("antigravity") is None
    assert set(sys.modules) == before


def test_a_hook_that_waits_is_refused_when_the_class_is_made():
    with pytest.raises(ProtocolError, match=r"Late\.on_start waits"):

        class Late(Protocol):
            async def on_start(self):
                pass
