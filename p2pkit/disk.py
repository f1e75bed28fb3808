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

import hashlib
import sqlite3
import tempfile
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from p2pkit.errors import MessageError, NotUnderstood
from p2pkit.message import Contact, Find, Message, decode, encode
from p2pkit.protocol import Protocol

__all__ = ["Contact", "Disk", "DiskDrawer", "SQLiteStore"]


class Disk(MutableMapping[str, Any]):
    """A dict from str to messages or JSON values, kept as bytes in a store.

    Reading raises KeyError for what is not there, and MessageError for a message whose class is
    gone. Writing raises MessageError for what would not be read back as the same.
    """

    def __init__(self, store: MutableMapping[str, bytes], find: Find) -> None:
        self._store = store
        self._find = find

    def __getitem__(self, key: str) -> Any:
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

    def __repr__(self) -> str:
        return f"Disk({dict(self)!r})"

    def close(self) -> None:
        """Close the file behind it, if there is one."""
        if isinstance(self._store, SQLiteStore):
            self._store.close()


class SQLiteStore(MutableMapping[str, bytes]):
    """A dict from str to bytes in an SQLite file. What was set is there after a kill -9 of this
    process.

    It is used by one thread, the one that made it.
    """

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(path, isolation_level=None)
        # The write-ahead log survives the process without waiting for the disk's platter at each write.
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = NORMAL")
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS disk (key TEXT PRIMARY KEY, value BLOB NOT NULL)"
        )

    def __getitem__(self, key: str) -> bytes:
        row = self._database.execute("SELECT value FROM disk WHERE key = ?", (key,)).fetchone()
        if row is None:
            raise KeyError(key)
        return bytes(row[0])

    def __setitem__(self, key: str, value: bytes) -> None:
        self._database.execute("INSERT OR REPLACE INTO disk VALUES (?, ?)", (key, value))

    def __delitem__(self, key: str) -> None:
        if not self._database.execute("DELETE FROM disk WHERE key = ?", (key,)).rowcount:
            raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        return iter(
            [row[0] for row in self._database.execute("SELECT key FROM disk ORDER BY rowid")]
        )

    def __len__(self) -> int:
        return int(self._database.execute("SELECT count(*) FROM disk").fetchone()[0])

    def close(self) -> None:
        """Close the file."""
        self._database.close()


class DiskDrawer:
    """The disks of a network's nodes: files in a directory, or in a temporary one that goes with
    the network."""

    def __init__(self, directory: str | Path | None) -> None:
        self._directory = None if directory is None else Path(directory)
        self._temporary: tempfile.TemporaryDirectory[str] | None = None

    def open(self, name: str, protocol: type[Protocol]) -> Disk:
        """Open the disk of a node."""
        if self._directory is None:
            self._temporary = tempfile.TemporaryDirectory(
                prefix="p2pkit-", ignore_cleanup_errors=True
            )
            self._directory = Path(self._temporary.name)
        self._directory.mkdir(parents=True, exist_ok=True)
        return Disk(SQLiteStore(self._directory / file_name(name)), protocol.find_message)

    def close(self) -> None:
        """Remove what was temporary."""
        if self._temporary is not None:
            self._temporary.cleanup()


def file_name(name: str) -> str:
    """Return a file name for a node's name, which may contain anything.

    The hash keeps "A" and "a" apart where the file system does not.
    """
    return f"{quote(name, safe='')[:60]}-{hashlib.sha256(name.encode()).hexdigest()[:10]}.sqlite"


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
