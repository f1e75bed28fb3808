"""Storage: files that survive a kill, with names that every file system takes."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

import p2pkit
from p2pkit.message import Message
from p2pkit.protocol import Protocol, on
from p2pkit.storage import DiskDrawer, SQLiteStore, file_name


class Block(Message):
    height: int


class Chain(Protocol):
    @on(Block)
    def take(self, block, sender): ...


@pytest.fixture
def drawer(tmp_path):
    made = DiskDrawer(tmp_path / "made" / "when" / "needed")
    yield made
    made.close()


def test_a_disk_has_what_it_had_when_it_was_closed(drawer):
    disk = drawer.open("n0", Chain)
    disk["tip"] = Block(3)
    disk.close()
    again = drawer.open("n0", Chain)
    assert dict(again) == {"tip": Block(3)}
    again.close()


def test_each_node_has_a_disk_of_its_own(drawer):
    disks = [drawer.open(name, Chain) for name in ("a", "A", "a/b", "..", "")]
    for number, disk in enumerate(disks):
        disk["number"] = number
    assert [disk["number"] for disk in disks] == [0, 1, 2, 3, 4]
    for disk in disks:
        disk.close()


def test_a_temporary_drawer_takes_its_files_away():
    drawer = DiskDrawer(None)
    disk = drawer.open("n0", Chain)
    [(_, _, path)] = disk._store._database.execute("PRAGMA database_list")
    disk["a"] = 1
    assert Path(path).exists()
    disk.close()
    drawer.close()
    assert not Path(path).parent.exists()


def test_a_drawer_that_was_never_opened_makes_no_files(tmp_path):
    DiskDrawer(tmp_path / "never").close()
    assert not list(tmp_path.iterdir())


PROGRAM = """
import sys
from pathlib import Path
from p2pkit.storage import SQLiteStore
store = SQLiteStore(Path(sys.argv[1]))
for number in range(1000):
    store["number"] = b"%d" % number
    if number == 7:
        print("written", flush=True)
        sys.stdin.readline()
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_what_was_set_is_there_after_a_kill(tmp_path):
    path = tmp_path / "disk"
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": str(Path(p2pkit.__file__).parents[1])},
    ) as process:
        assert process.stdout.readline().strip() == b"written"
        process.kill()
    store = SQLiteStore(path)
    assert store["number"] == b"7"
    store.close()


# Names of files

HOSTILE = [
    "", ".", "..", "../..", "a/b", "a\\b", "/etc/passwd", "C:\\x", "~", "a\0b", "CON", "nul", "a:b", "a ",
    "a.", "*?", "Zoë of Köln", "名前", "x" * 10_000, "é" * 500, "n0", "N0", "%2e", "a%2Fb",
]  # fmt: skip


def test_hostile_names_get_harmless_files_each_its_own(tmp_path):
    files = [file_name(name) for name in HOSTILE]
    assert len({name.lower() for name in files}) == len(HOSTILE)
    for name in files:
        (tmp_path / name).touch()
    assert sorted(entry.name for entry in tmp_path.iterdir()) == sorted(files)


@given(some.text(max_size=100))
def test_any_name_gets_a_short_plain_file_name(name):
    file = file_name(name)
    assert len(file) < 100
    assert file.isascii()
    assert not set(file) & set('/\\:*?"<>| \0')
    assert file == Path(file).name


def test_a_plain_name_can_be_recognised():
    assert file_name("n12").startswith("n12-")
