"""The disk: what survives a crash.

A protocol sees a dict, `self.disk`, from str to messages or JSON values (None, bool, numbers, str,
lists and dicts of these). Behind it are bytes, so that nothing is shared with the memory that a
crash takes away:

    >>> disk = Disk({}, {"Contact": Contact}.get)
    >>> disk["friend"] = Contact("n1", "127.0.0.1:8001")
    >>> disk["visits"] = [1, 2, 3]
    >>> disk["visits"].append(4)                # changes the list that was read, not the disk
    >>> disk["friend"], disk["visits"]
    (Contact(id='n1', address='127.0.0.1:8001'), [1, 2, 3])

In simulation the bytes are kept in memory, on real nodes in an SQLite file for each node.
"""

from collections.abc import Iterator, MutableMapping
from typing import Any

import msgspec

from p2pkit.errors import MessageError, NotUnderstood
from p2pkit.message import Contact, Find, Message, decode, encode

__all__ = ["Contact", "Disk"]


class Disk(MutableMapping[str, Any]):
    """A dict from str to messages or JSON values, kept as bytes in a store.

    Reading raises KeyError for what is not there, and MessageError for a message whose class is
    gone. Writing raises MessageError for what would not be read back as the same.
    """

    def __init__(self, store: MutableMapping[str, bytes], find: Find) -> None:
        self._store = store
        self._find = find

    def __getitem__(self, key: str) -> Any:
        if not isinstance(key, str):
            raise KeyError(key)  # SQLite would find "5" for 5
        data = self._store[key]
        if data[:1] == _JSON:
            return msgspec.json.decode(data[1:])
        try:
            return decode(data[1:], self._find)
        except NotUnderstood as error:
            raise MessageError(
                f"disk[{key!r}] holds a message that this protocol does not know: {error}"
            ) from None

    def __setitem__(self, key: str, value: Any) -> None:
        if not isinstance(key, str):
            raise MessageError(f"disk[{key!r}]: keys are str, and this is a {type(key).__name__}")
        self._store[key] = (
            _MESSAGE + encode(value) if isinstance(value, Message) else _JSON + _plain(key, value)
        )

    def __delitem__(self, key: str) -> None:
        del self._store[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._store)

    def __len__(self) -> int:
        return len(self._store)

    def copy(self) -> "Disk":
        """Return a disk in memory with the same content."""
        return Disk(dict(self._store), self._find)

    def __repr__(self) -> str:
        return f"Disk({dict(self)!r})"

    def close(self) -> None:
        """Close the file behind it, if there is one."""
        close = getattr(self._store, "close", None)
        if close is not None:
            close()


_JSON, _MESSAGE = b"j", b"m"


def _plain(key: str, value: Any) -> bytes:
    try:
        data = msgspec.json.encode(value)
        if msgspec.json.decode(data) == value:
            return data
        why = "it would be read back as something else"
    except (TypeError, ValueError, RecursionError, OverflowError, msgspec.MsgspecError) as error:
        why = str(error)
    raise MessageError(
        f"disk[{key!r}]: {value!r:.100} cannot be kept: {why}. A disk keeps messages, and JSON values: "
        "None, bool, numbers, str, lists, and dicts with str keys"
    )
