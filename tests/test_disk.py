"""Disks: what they keep, what they refuse, and that both kinds of store behave like a dict."""

from collections import namedtuple
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as some

from p2pkit.disk import Disk
from p2pkit.errors import MessageError
from p2pkit.message import Contact, Message
from p2pkit.storage import SQLiteStore


class Block(Message):
    height: int
    data: bytes = b""


class Unknown(Message):
    text: str


find = {"Block": Block, "Contact": Contact}.get
Pair = namedtuple("Pair", "a b")


@pytest.fixture(params=["memory", "file"])
def disk(request, tmp_path):
    made = Disk({} if request.param == "memory" else SQLiteStore(tmp_path / "disk"), find)
    yield made
    made.close()


def test_a_disk_is_a_dict(disk):
    disk["a"] = 1
    disk["b"] = [2]
    assert disk == {"a": 1, "b": [2]}
    assert (len(disk), list(disk), "a" in disk, "c" in disk) == (2, ["a", "b"], True, False)
    assert disk.get("c", 3) == 3
    assert disk.setdefault("c", {}) == {}
    assert disk.pop("c") == {}
    del disk["a"]
    assert repr(disk) == "Disk({'b': [2]})"
    disk.clear()
    assert not disk


@pytest.mark.parametrize("act", [lambda disk: disk["no"], lambda disk: disk.__delitem__("no")])
def test_what_is_not_there_is_a_key_error(disk, act):
    with pytest.raises(KeyError, match="no"):
        act(disk)


def test_keys_keep_the_order_in_which_they_were_first_set(disk):
    for key in "bac":
        disk[key] = 0
    disk["b"] = 1
    assert list(disk) == ["b", "a", "c"]
    del disk["b"]
    disk["b"] = 2
    assert list(disk.items()) == [("a", 0), ("c", 0), ("b", 2)]


plain = some.recursive(
    some.none()
    | some.booleans()
    | some.integers()
    | some.floats(allow_nan=False, allow_infinity=False)
    | some.text(max_size=5),
    lambda inner: (
        some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(some.text(max_size=5), plain)
def test_json_values_are_read_as_they_were_written(key, value):
    disk = Disk({}, find)
    disk[key] = value
    assert disk[key] == value
    assert type(disk[key]) is type(value)


@given(some.dictionaries(some.text(max_size=5), some.integers(-9, 9), max_size=6))
def test_any_text_is_a_key_in_a_file_too(items):
    store = SQLiteStore(":memory:")
    disk = Disk(store, find)
    disk.update(items)
    assert list(disk.items()) == list(items.items())
    disk.close()


def test_messages_are_read_as_they_were_written(disk):
    disk["tip"] = Block(3, b"\0\xff")
    assert disk["tip"] == Block(3, b"\0\xff")


def test_what_is_read_can_be_changed_without_changing_the_disk(disk):
    value = [1, 2]
    disk["list"] = value
    value.append(3)
    disk["list"].append(4)
    assert disk["list"] == [1, 2]


@pytest.mark.parametrize(
    "value",
    [
        (1, 2), {1, 2}, {1: 2}, {(1,): 2}, b"bytes", float("nan"), float("inf"), [float("nan")], "\ud800",
        datetime(2020, 1, 1), Pair(1, 2), object(), Block, [Block(1)], {"a": Block(1)}, 1j,
    ],
    ids=lambda value: repr(value).partition(" at 0x")[0],
)  # fmt: skip
def test_what_would_not_be_read_back_the_same_is_refused_with_the_key(disk, value):
    disk["key"] = "old"
    with pytest.raises(MessageError, match=r"disk\['key'\].* cannot be kept.*JSON values"):
        disk["key"] = value
    assert disk["key"] == "old"


def test_a_list_that_holds_itself_is_refused(disk):
    endless = []
    endless.append(endless)
    with pytest.raises(MessageError, match="cannot be kept"):
        disk["key"] = endless


def test_a_message_that_cannot_travel_cannot_be_kept_either(disk):
    with pytest.raises(MessageError, match=r"Block\.height"):
        disk["key"] = Block("three")
    assert "key" not in disk


@pytest.mark.parametrize("key", [5, None, ("a", 1), b"a", Block(1)])
def test_a_key_is_a_str(disk, key):
    with pytest.raises(
        MessageError, match=r"keys are str, and this is a (int|NoneType|tuple|bytes|Block)"
    ):
        disk[key] = 1


@pytest.mark.parametrize("key", [5, None, b"5"])
def test_what_is_no_str_is_not_there(disk, key):
    disk["5"] = 1
    assert key not in disk


def test_a_message_whose_class_is_gone_is_named_when_it_is_read(disk):
    disk["odd"] = Unknown("?")
    with pytest.raises(
        MessageError, match=r"disk\['odd'\] holds a message .* no handler for Unknown"
    ):
        disk["odd"]
    assert list(disk) == ["odd"]


def test_a_copy_of_a_disk_has_the_same_content_and_its_own(disk):
    disk["a"] = Block(1)
    copy = disk.copy()
    disk["a"] = Block(2)
    copy["b"] = 5
    assert dict(copy) == {"a": Block(1), "b": 5}
    assert dict(disk) == {"a": Block(2)}
