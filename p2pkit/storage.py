"""Storage: where the disks of real nodes keep their bytes, an SQLite file for each node."""

import hashlib
import sqlite3
import tempfile
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from urllib.parse import quote

from p2pkit.disk import Disk
from p2pkit.protocol import Protocol


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
        # Like a dict, and unlike INSERT OR REPLACE, this leaves a key that exists in its place.
        self._database.execute(
            "INSERT INTO disk VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            (key, value),
        )

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
        return Disk(SQLiteStore(self.directory() / file_name(name)), protocol.find_message)

    def directory(self) -> Path:
        """Return the directory of the files, which is made when it is first needed."""
        if self._directory is None:
            self._temporary = tempfile.TemporaryDirectory(
                prefix="p2pkit-", ignore_cleanup_errors=True
            )
            self._directory = Path(self._temporary.name)
        self._directory.mkdir(parents=True, exist_ok=True)
        return self._directory

    def has(self, name: str) -> bool:
        """Tell whether a node has a disk, from this life or one before."""
        return self._directory is not None and (self._directory / file_name(name)).exists()

    def close(self) -> None:
        """Remove what was temporary."""
        if self._temporary is not None:
            self._temporary.cleanup()


def file_name(name: str) -> str:
    """Return a file name for a node's name, which may contain anything.

    The hash keeps "A" and "a" apart where the file system does not.
    """
    return f"{quote(name, safe='')[:60]}-{hashlib.sha256(name.encode()).hexdigest()[:10]}.sqlite"
