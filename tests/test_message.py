"""Messages: which classes can be made, which values can travel, and what becomes of hostile bytes."""

import copy
import json
import pickle
import sys
import typing
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import FrozenInstanceError, fields, replace
from datetime import datetime
from decimal import Decimal
from enum import Enum
from types import ModuleType
from typing import Any, Literal, Optional

import pytest
from fuzz import rules
from hypothesis import given
from hypothesis import strategies as some

from p2pkit import message
from p2pkit.errors import MessageError, NotUnderstood, StrangerError
from p2pkit.message import MAX_BODY, Contact, Decoder, Message, decode, encode


class Rumor(Message):
    text: str


class Number(Message):
    value: int


class Real(Message):
    value: float


class Data(Message):
    value: bytes


class Flag(Message):
    value: bool


class Ping(Message):
    pass


class Known(Message):
    contacts: tuple[Contact, ...]
    hops: int = 0


class Crowd(Message):
    names: frozenset[str]


class Tree(Message):
    value: int
    children: "tuple[Tree, ...]" = ()


class Chain(Message):
    before: "Chain | None" = None


class Early(Message):
    later: "Later | None"


class Later(Message):
    early: Early | None


class Everything(Message):
    text: str
    data: bytes
    number: int
    real: float
    flag: bool
    nothing: None
    maybe: str | None
    either: int | str
    optional: Optional[Rumor]  # noqa: UP045
    word: Literal["peer", "contact"]
    pair: tuple[int, str]
    empty: tuple[()]
    many: tuple[str, ...]
    nested: tuple[tuple[int, ...], ...]
    names: frozenset[str]
    crowd: frozenset[Contact]
    pairs: frozenset[tuple[int, bytes]]
    friend: Contact
    friends: tuple[Contact, ...]


HERE = {cls.__name__: cls for cls in Message.__subclasses__()}
find = HERE.get


def make(hint, name="Odd"):
    """Make a class of messages with one field, as `class Odd(Message): field: hint` does."""
    return type(name, (Message,), {"__annotations__": {"field": hint}, "__module__": __name__})


# A class of messages


@pytest.mark.parametrize(
    ("hint", "advice"),
    [
        (list, r"list.*use tuple\[str, \.\.\.\]"),
        (list[str], r"list.*use tuple\[str, \.\.\.\]"),
        (typing.List[int], r"list.*use tuple"),  # noqa: UP006
        (set, r"set.*use frozenset\[str\]"),
        (list[int], r"list.*use tuple\[int, \.\.\.\]"),
        (set[int], r"set.*use frozenset\[int\]"),
        (dict, r"dict.*use tuple\[tuple\[str, int\], \.\.\.\]"),
        (dict[str, int], r"dict.*use tuple\[tuple\[str, int\], \.\.\.\]"),
        (tuple, "tuple.*says what is in it"),
        (typing.Tuple, "tuple.*says what is in it"),  # noqa: UP006
        (frozenset, "frozenset.*says what is in it"),
        (typing.FrozenSet, "frozenset.*says what is in it"),  # noqa: UP006
        (bytearray, "use bytes"),
        (Any, "the type that it really has"),
        (object, "the type that it really has"),
        (datetime, "use str, bytes, int, float, bool"),
        (Decimal, "use str, bytes, int, float, bool"),
        (complex, "use str, bytes, int, float, bool"),
        (Enum, "use str, bytes, int, float, bool"),
        (Sequence[str], "use str, bytes, int, float, bool"),
        (str | list[str], "list"),
        (tuple[list[int], ...], "list"),
        (frozenset[tuple[dict[str, int], ...]], "dict"),
        (Optional[bytearray], "use bytes"),  # noqa: UP045
    ],
)
def test_a_field_that_can_change_is_refused_with_advice_when_the_class_is_made(hint, advice):
    with pytest.raises(MessageError, match=rf"Odd\.field is a .*{advice}"):
        make(hint)


@pytest.mark.parametrize(
    "hint", [frozenset[int | str], frozenset[str | None], frozenset[frozenset[int]],
             frozenset[tuple[int, str | None]]]
)  # fmt: skip
def test_a_set_that_cannot_be_sorted_is_refused_when_the_class_is_made(hint):
    with pytest.raises(MessageError, match=r"Odd\.field .* cannot be sorted"):
        make(hint)


@pytest.mark.parametrize("hint", [str | bytes, Rumor | Number, tuple[int, ...] | frozenset[int]])
def test_a_union_that_cannot_be_told_apart_is_refused_when_the_class_is_made(hint):
    with pytest.raises(MessageError, match="Odd cannot travel"):
        make(hint)


@pytest.mark.parametrize("hint", [field.type for field in fields(Everything)])
def test_every_immutable_type_may_be_a_field(hint):
    assert issubclass(make(hint), Message)


def test_a_message_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        Rumor("hello").text = "bye"


def test_messages_are_equal_by_kind_and_value_and_hash_alike():
    assert Rumor("hello") == Rumor("hello") != Rumor("bye")
    assert Number(1) != Flag(True)
    assert {Rumor("hello"), Rumor("hello"), Number(1)} == {Number(1), Rumor("hello")}


def test_replace_makes_a_changed_copy():
    assert replace(Known((), hops=1), hops=2) == Known((), hops=2)


def test_a_copy_of_a_message_is_the_message():
    rumor = Rumor("hello")
    assert copy.deepcopy([rumor])[0] is rumor


def test_a_message_can_be_pickled():
    known = Known((Contact("n1", "127.0.0.1:1"),))
    assert pickle.loads(pickle.dumps(known)) == known


def test_messages_sort_by_their_bytes():
    assert sorted([Rumor("b"), Number(2), Rumor("a")]) == [Number(2), Rumor("a"), Rumor("b")]
    with pytest.raises(TypeError, match="not supported"):
        sorted([Rumor("a"), 1])


def test_a_message_inherits_fields():
    class Signed(Rumor):
        author: str = "nobody"

    assert Signed("hello") == Signed(text="hello", author="nobody")
    assert encode(Signed("hi", "me")) == b'["Signed",{"text":"hi","author":"me"}]'
    assert decode(encode(Signed("hi", "me")), {"Signed": Signed}.get) == Signed("hi", "me")


def test_an_inherited_integer_is_still_held_to_64_bits():
    class Counted(Number):
        name: str

    with pytest.raises(MessageError, match=r"Counted\.value .* 64 bits"):
        encode(Counted(2**63, "n"))


def test_a_class_may_name_itself_and_what_comes_later():
    tree = Tree(1, (Tree(2), Tree(3, (Tree(4),))))
    assert decode(encode(tree), find) == tree
    early = Early(Later(Early(None)))
    assert decode(encode(early), find) == early


SOURCE = """
from __future__ import annotations
from p2pkit.message import Contact, Message

class Outer(Message):
    friend: Contact | None
    inner: Inner | None = None

class Inner(Message):
    numbers: tuple[int, ...]

def made_inside_a_function():
    class Local(Message):
        value: int
        before: Local | None = None
    return Local
"""


def test_annotations_may_be_strings(monkeypatch):
    module = ModuleType("with_strings")
    monkeypatch.setitem(sys.modules, "with_strings", module)
    exec(SOURCE, vars(module))
    outer = module.Outer(Contact("a", "b:1"), module.Inner((1, 2)))
    assert decode(encode(outer), vars(module).get) == outer
    local = module.made_inside_a_function()
    assert decode(encode(local(1, local(2))), {"Local": local}.get) == local(1, local(2))
    with pytest.raises(MessageError, match=r"Local\.value"):
        encode(local("one"))


def test_a_name_that_is_never_defined_is_said_where_the_message_is_sent():
    lonely = make("Nowhere | None", "Lonely")
    with pytest.raises(MessageError, match="Lonely: name 'Nowhere' is not defined: define"):
        encode(lonely(None))


def test_a_class_may_be_defined_again_as_a_notebook_does():
    old = make(str, "Cell")
    new = make(int, "Cell")
    assert encode(old("1")) == b'["Cell",{"field":"1"}]'
    assert decode(b'["Cell",{"field":1}]', {"Cell": new}.get) == new(1)
    with pytest.raises(NotUnderstood, match="Expected `int`"):
        decode(encode(old("1")), {"Cell": new}.get)
    assert old("1") != new("1")


# To bytes and back

texts = some.text(max_size=8)
integers = some.integers(-(2**63), 2**63 - 1)
reals = some.floats(allow_nan=False, allow_infinity=False)
contacts = some.builds(Contact, texts, texts)
everything = some.builds(
    Everything,
    text=texts,
    data=some.binary(max_size=8),
    number=integers,
    real=reals,
    flag=some.booleans(),
    nothing=some.none(),
    maybe=some.none() | texts,
    either=integers | texts,
    optional=some.none() | some.builds(Rumor, texts),
    word=some.sampled_from(["peer", "contact"]),
    pair=some.tuples(integers, texts),
    empty=some.just(()),
    many=some.lists(texts, max_size=3).map(tuple),
    nested=some.lists(some.lists(integers, max_size=2).map(tuple), max_size=2).map(tuple),
    names=some.frozensets(texts, max_size=3),
    crowd=some.frozensets(contacts, max_size=3),
    pairs=some.frozensets(some.tuples(integers, some.binary(max_size=3)), max_size=3),
    friend=contacts,
    friends=some.lists(contacts, max_size=2).map(tuple),
)


@given(everything)
def test_what_is_sent_is_what_arrives(sent):
    arrived = decode(encode(sent), find)
    assert arrived == sent
    assert hash(arrived) == hash(sent)
    assert encode(arrived) == encode(sent)


def test_a_body_is_the_kind_and_the_fields_in_json():
    assert encode(Ping()) == b'["Ping",{}]'
    assert encode(Rumor('"Zoë"\n')) == '["Rumor",{"text":"\\"Zoë\\"\\n"}]'.encode()
    assert encode(Data(b"\0\xff")) == b'["Data",{"value":"AP8="}]'
    assert encode(Known((Contact("a", "b:1"),))) == (
        b'["Known",{"contacts":[{"id":"a","address":"b:1"}],"hops":0}]'
    )


def test_sets_are_sorted_on_the_wire():
    assert encode(Crowd(frozenset("cab"))) == b'["Crowd",{"names":["a","b","c"]}]'
    several = make(frozenset[Contact])
    one, two = Contact("a", "z:1"), Contact("b", "a:1")
    assert encode(several(frozenset({one, two}))) == encode(several(frozenset({two, one})))


def test_an_int_is_a_float_but_a_float_is_no_int():
    assert decode(encode(Real(5)), find) == Real(5.0)
    with pytest.raises(MessageError, match=r"Number\.value is declared as int"):
        encode(Number(5.0))


@pytest.mark.parametrize("value", [2**63 - 1, -(2**63), 0])
def test_integers_of_64_bits_travel(value):
    assert decode(encode(Number(value)), find) == Number(value)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (Rumor(5), r"Rumor\.text is declared as str, and was given 5, a value of type int"),
        (Rumor(None), r"Rumor\.text .* None"),
        (Rumor(b"hello"), r"Rumor\.text .* type bytes"),
        (Rumor("\ud800"), r"Rumor\.text .* not Unicode text: declare bytes"),
        (Number("5"), r"Number\.value .* type str$"),
        (Number("a\nb"), r"Number\.value .* type str$"),
        (Number(True), r"Number\.value .* type bool"),
        (Number(2**63), r"Number\.value .* 64 bits.*str or bytes"),
        (Number(-(2**63) - 1), r"Number\.value .* 64 bits"),
        (Number(10**5000), r"Number\.value .* too large to show, .* 64 bits"),
        (Real(float("nan")), r"Real\.value .* float \| None"),
        (Real(float("-inf")), r"Real\.value .* float \| None"),
        (Real(True), r"Real\.value .* type bool"),
        (Real(2**53 + 1), r"Real\.value is declared as float"),
        (Flag(1), r"Flag\.value .* type int"),
        (Data("text"), r"Data\.value .* type str"),
        (Data(bytearray(b"x")), r"Data\.value .* type bytearray"),
        (Crowd({"a"}), r"Crowd\.names .* type set"),
        (Crowd(("a",)), r"Crowd\.names .* type tuple"),
        (Crowd(frozenset({1})), r"Crowd\.names is declared as frozenset\[str\]"),
        (Crowd(frozenset({1, "a"})), r"Crowd\.names"),
        (Known([Contact("a", "b")]), r"Known\.contacts .* type list"),
        (Known((Contact("a", 5),)), r"Known\.contacts"),
        (Known((Rumor("a"),)), r"Known\.contacts"),
        (Known((), hops=None), r"Known\.hops .* None"),
        (Known((), hops=10**20), r"Known\.hops is declared as int, .* 64 bits"),
    ],
)
def test_a_wrong_value_is_refused_where_it_is_sent_and_its_field_is_named(wrong, sentence):
    with pytest.raises(MessageError, match=sentence):
        encode(wrong)


def test_a_nested_message_of_a_subclass_is_refused_for_it_would_lose_fields():
    class Friend(Contact):
        since: int

    with pytest.raises(MessageError, match=r"Known\.contacts"):
        encode(Known((Friend("a", "b", 3),)))


junk = some.one_of(
    some.none(),
    some.booleans(),
    some.integers(),
    some.floats(),
    some.text(some.characters(), max_size=3),
    some.binary(max_size=3),
    some.builds(bytearray, some.binary(max_size=3)),
    some.lists(some.integers(), max_size=2),
    some.sets(some.text(max_size=2), max_size=2),
    some.frozensets(some.integers() | some.text(max_size=2), max_size=3),
    some.tuples(some.lists(some.integers(), max_size=1)),
    some.dictionaries(texts, some.integers(), max_size=2),
    some.builds(Contact, texts | some.integers(), texts),
    some.builds(Rumor, some.floats()),
    some.builds(object),
)


@given(everything, some.sampled_from([field.name for field in fields(Everything)]), junk)
def test_any_value_in_any_field_either_arrives_the_same_or_is_refused_by_name(good, name, value):
    odd = replace(good, **{name: value})
    try:
        body = encode(odd)
    except MessageError as error:
        assert f"Everything.{name} " in str(error)  # noqa: PT017
    else:
        assert decode(body, find) == odd
        assert isinstance(hash(odd), int)


@pytest.mark.parametrize("thing", ["text", 5, None, {"text": "a"}, Rumor, Message, Message()])
def test_what_is_no_message_is_refused_with_an_example(thing):
    with pytest.raises(MessageError, match=r"no message: make a class for it"):
        encode(thing)


def test_a_message_nested_too_deeply_is_refused():
    chain = None
    for _ in range(5000):
        chain = Chain(chain)
    with pytest.raises(
        MessageError, match="this Chain holds more than 100 messages within one another"
    ):
        encode(chain)


def test_a_message_above_the_limit_is_refused_with_its_size(monkeypatch):
    monkeypatch.setattr(message, "MAX_BODY", 1000)
    room = 1000 - len(encode(Rumor("")))
    assert len(encode(Rumor("x" * room))) == 1000
    with pytest.raises(MessageError, match=r"1,001 bytes .* 1,000 .*pieces"):
        encode(Rumor("x" * (room + 1)))


def test_the_limit_of_a_body_is_32_mebibytes():
    assert MAX_BODY == 32 * 2**20


# What others send


@pytest.mark.parametrize(
    "body",
    [
        b'[ "Rumor" , { "text" : "hello" } ]',
        b'\n["Rumor",\t{"text":"hello"}]\r\n',
        b'["\\u0052umor",{"text":"hello"}]',
        b'["Rumor",{"te\\u0078t":"\\u0068ello"}]',
        b'["Rumor",{"text":"hello","unknown":[1,{"deep":null}]}]',
        b'["Rumor",{"unknown":"first","text":"hello"}]',
    ],
)
def test_other_spellings_of_a_message_are_understood(body):
    assert decode(body, find) == Rumor("hello")


def test_fields_come_in_any_order_and_those_with_a_default_may_be_left_out():
    assert decode(b'["Known",{"hops":1,"contacts":[]}]', find) == Known((), 1)
    assert decode(b'["Known",{"contacts":[]}]', find) == Known(())
    assert decode(b'["Crowd",{"names":["b","a","b"]}]', find) == Crowd(frozenset("ab"))


@pytest.mark.parametrize("kind", ["Rumor", "Known"])
def test_an_unusual_spelling_is_taken_up_to_a_limit(kind, monkeypatch):
    monkeypatch.setattr(message, "MAX_LOOSE", 100)
    start = {"Rumor": '["Rumor",{"text":"a"', "Known": '["Known",{"contacts":[]'}[kind]
    good = f'{start},"x":"{"y" * 40}"}}]'.encode()
    assert len(good) <= 100
    assert type(decode(good, find)).__name__ == kind
    with pytest.raises(NotUnderstood, match="above 100 bytes with spaces or unknown fields"):
        decode(good + b" " * 100, find)


def test_a_large_message_in_our_own_spelling_is_understood(monkeypatch):
    monkeypatch.setattr(message, "MAX_LOOSE", 100)
    for large in (Rumor('"' * 500), Rumor("x" * 500), Known((Contact("x" * 500, "a"),), 1)):
        assert decode(encode(large), find) == large


NESTED = b"[" * 100_000 + b"]" * 100_000

HOSTILE = {
    "nothing": b"",
    "a byte": b"[",
    "a quote": b'["',
    "zeros": bytes(12),
    "text": b"hello",
    "HTTP": b"GET / HTTP/1.1\r\n\r\n",
    "a pickle": pickle.dumps(OrderedDict(a=1)),
    "cut off": encode(Rumor("hello"))[:-1],
    "more behind": encode(Rumor("hello")) + b"x",
    "twice": encode(Rumor("hello")) * 2,
    "UTF-16": encode(Rumor("hello")).decode().encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf" + encode(Rumor("hello")),
    "bad UTF-8 in a field": b'["Rumor",{"text":"\xff"}]',
    "bad UTF-8 in the kind": b'["\xff",{"text":"a"}]',
    "bad UTF-8 in an unknown field": b'["Rumor",{"text":"a","x":"\xff"}]',
    "bad UTF-8 in an unknown name": b'["Rumor",{"text":"a","\xff":1}]',
    "an overlong slash": b'["Rumor",{"text":"\xc0\xaf"}]',
    "half a surrogate": b'["Rumor",{"text":"\\ud800"}]',
    "half a surrogate in the kind": b'["\\ud800",{}]',
    "deep nesting": NESTED,
    "deep nesting in a field": b'["Rumor",{"text":' + NESTED + b"}]",
    "deep nesting in an unknown field": b'["Rumor",{"text":"a","x":' + NESTED + b"}]",
    "deep nesting of our own": b'["Chain",' + b'{"before":' * 50_000 + b"null" + b"}" * 50_000 + b"]",
    "a field twice": b'["Rumor",{"text":"a","text":"b"}]',
    "a field twice, escaped": b'["Rumor",{"text":"a","te\\u0078t":"b"}]',
    "a field twice, alike": b'["Rumor",{"text":"a","text":"a"}]',
    "a number twice": b'["Number",{"value":1,"value":2}]',
    "a field with a default twice": b'["Known",{"contacts":[],"hops":1,"hops":2}]',
    "a nested field twice": b'["Known",{"contacts":[{"id":"a","id":"b","address":"c"}],"hops":0}]',
    "an unknown field twice": b'["Ping",{"x":1,"x":2}]',
    "an unknown nested field twice": b'["Ping",{"x":{"y":1,"y":2}}]',
    "an unknown kind": b'["Stranger",{"text":"a"}]',
    "no kind": b'["",{}]',
    "a kind that is no text": b"[5,{}]",
    "a long kind": b'["' + b"x" * 100_000 + b'",{}]',
    "the base of all kinds": b'["Message",{}]',
    "no list": b'{"Rumor":{"text":"a"}}',
    "an empty list": b"[]",
    "a list of one": b'["Rumor"]',
    "a list of three": b'["Rumor",{"text":"a"},1]',
    "no fields": b'["Rumor",null]',
    "fields in a list": b'["Rumor",["a"]]',
    "a field missing": b'["Rumor",{}]',
    "a wrong type": b'["Rumor",{"text":5}]',
    "null": b'["Rumor",{"text":null}]',
    "a number as text": b'["Number",{"value":"5"}]',
    "a float for an int": b'["Number",{"value":5.0}]',
    "true for an int": b'["Number",{"value":true}]',
    "65 bits": b'["Number",{"value":9223372036854775808}]',
    "65 bits below": b'["Number",{"value":-9223372036854775809}]',
    "a huge int": b'["Number",{"value":' + b"9" * 100_000 + b"}]",
    "a huge int in an unknown field": b'["Ping",{"x":' + b"9" * 100_000 + b"}]",
    "NaN": b'["Real",{"value":NaN}]',
    "infinity": b'["Real",{"value":Infinity}]',
    "beyond a float": b'["Real",{"value":1e999}]',
    "NaN in an unknown field": b'["Ping",{"x":NaN}]',
    "no base64": b'["Data",{"value":"!!"}]',
    "base64 cut off": b'["Data",{"value":"YQ="}]',
    "a tuple too long": b'["Pair",{"field":[1,2,3]}]',
    "a comment": b'["Ping",{/* hello */}]',
    "a comma too many": b'["Ping",{},]',
}  # fmt: skip


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_hostile_bytes_are_not_understood_and_the_reason_is_a_short_sentence(body):
    names = HERE | {"Pair": make(tuple[int, int], "Pair"), "Chain": Chain}
    with pytest.raises(NotUnderstood) as caught:
        decode(body, names.get)
    assert 0 < len(str(caught.value)) < 200


def test_what_was_not_understood_is_somebody_elses_mistake():
    assert issubclass(NotUnderstood, StrangerError)
    assert not issubclass(NotUnderstood, MessageError)


def test_a_kind_that_nobody_handles_is_not_understood_even_if_the_kit_itself_has_it():
    with pytest.raises(NotUnderstood, match="no handler for Contact"):
        decode(encode(Contact("a", "b:1")), {}.get)


def test_a_decoder_goes_on_after_what_it_did_not_understand():
    decoder = Decoder(find)
    for _ in range(2):
        assert decoder.decode(encode(Rumor("a"))) == Rumor("a")
        for body in HOSTILE.values():
            with pytest.raises(NotUnderstood):
                decoder.decode(body)
        assert decoder.decode(b'[ "Rumor",{"text":"b"}]') == Rumor("b")
        assert decoder.decode(encode(Number(1))) == Number(1)


def understood_or_not(decoder, body):
    """Decode bytes: what comes out is a proper message of ours, or NotUnderstood, nothing else."""
    try:
        arrived = decoder.decode(body)
    except NotUnderstood:
        return
    assert type(arrived) in HERE.values()
    assert decoder.decode(encode(arrived)) == arrived


@given(some.binary(max_size=60), some.sampled_from([b"", b'["', b'["Rumor",', b'["Everything",{']))
def test_no_bytes_at_all_raise_anything_but_not_understood(body, start):
    understood_or_not(Decoder(find), start + body)


scraps = some.sampled_from(
    [b'"', b"{", b"}", b"[", b"]", b",", b":", b"\\", b"\\u00", b"\\ud800", b"\xff", b"\0", b" ", b"-",
     b"9" * 30, b"1e400", b"null", b"true", b"NaN", b'"text":', b'"value":1,', b'["Rumor",', b"[" * 2000]
)  # fmt: skip


@given(
    everything | some.builds(Rumor, texts) | some.builds(Number, integers),
    some.lists(some.tuples(some.floats(0, 1), some.integers(0, 6), scraps), max_size=4),
)
def test_no_damage_to_a_good_body_raises_anything_but_not_understood(good, damages):
    body = encode(good)
    for where, length, scrap in damages:
        at = int(where * len(body))
        body = body[:at] + scrap + body[at + length :]
    understood_or_not(Decoder(find), body)


@given(
    some.sampled_from(rules.EXAMPLES),
    some.lists(some.tuples(some.floats(0, 1), some.integers(0, 9), scraps), max_size=4),
)
def test_what_is_understood_is_a_message_as_we_would_send_it(example, damages):
    body = encode(example)
    for where, length, scrap in damages:
        at = int(where * len(body))
        body = body[:at] + scrap + body[at + length :]
    rules.understood_or_not(body)


@given(everything, some.floats(0, 1), some.floats(0, 1))
def test_a_piece_repeated_inside_a_good_body_gives_no_name_two_values(good, start, end):
    """Whatever is accepted is read alike by Python's own parser, so no two readers can differ."""
    body = encode(good)
    first, last = sorted([int(start * len(body)), int(end * len(body))])
    body = body[:last] + body[first:]
    try:
        decode(body, find)
    except NotUnderstood:
        return
    json.loads(body, object_pairs_hook=lambda pairs: dict(pairs) if no_twins(pairs) else 1 / 0)


def no_twins(pairs):
    return len(dict(pairs)) == len(pairs)


def test_a_check_of_the_message_that_raises_is_a_message_not_understood():
    class Share(Message):
        part: float

        def __post_init__(self):
            1 / self.part

    assert decode(b'["Share",{"part":0.5}]', {"Share": Share}.get) == Share(0.5)
    with pytest.raises(NotUnderstood, match="division by zero"):
        decode(b'["Share",{"part":0.0}]', {"Share": Share}.get)


def test_a_field_of_any_message_at_all_is_refused():
    with pytest.raises(MessageError, match="could be any Message"):

        class Envelope(Message):
            inner: Message
