"""The fuzzer itself, as `tests/fuzz/__init__.py` describes it."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import atheris

with atheris.instrument_imports(include=["p2pkit", "json", "tests"]):
    from p2pkit.framing import HEARTBEAT_FRAME, frame
    from p2pkit.message import encode
    from tests.fuzz.rules import EXAMPLES, read_alike, understood_or_not
    from tests.fuzz.town import Town, Word, greeting

WORDS = (
    *('["Flat",', '["Mixed",', '["Tree",', '["Contact",', '"twin":', '"branches":[', '"value":'),
    *("null", "true", "1e999", "NaN", "-0.0", "9223372036854775808", r'"\u0000"', r'"\ud800"'),
)


def try_bytes(data: bytes) -> None:
    """Check one rule, which the first byte chooses, with the rest."""
    if not data:
        return
    rule, rest = data[0] % 4, data[1:]
    if rule == 0:
        understood_or_not(rest)
    elif rule > 1:
        visit(rest, greeted=rule == 3)
    elif rest:
        count, limit = rest[0] % 16, 1 << (rest[0] >> 4)
        read_alike(rest[1 + count :], list(rest[1 : 1 + count]), limit * 16)


def visit(data: bytes, *, greeted: bool) -> None:
    """Be two strangers, whose bytes come in turns: in pieces of a length that is their first byte."""
    town = Town()
    strangers = [town.arrive(), town.arrive() if greeted else town.dialled()]
    if greeted:
        for name, stranger in zip("ay", strangers, strict=True):
            town.feed(stranger, greeting(name))
    turn = 0
    while data:
        length = data[0] + 1
        town.feed(strangers[turn % 2], data[1 : 1 + length])
        data, turn = data[1 + length :], turn + 1
    town.check()


def main() -> None:
    """Write examples and words for the fuzzer to begin with, and let it run."""
    with TemporaryDirectory() as place:
        first = Path(place)
        stream = b"".join(frame(b"x" * size, size, 1) for size in range(9)) + HEARTBEAT_FRAME
        words = frame(encode(Word("hello", ((1,), ()))), 1) + frame(encode(Word()), 2, 1)
        starts = [b"\0" + encode(example) for example in EXAMPLES] + [b"\1\x43\1\7\60" + stream]
        starts += [b"\2\xc0" + greeting("x") + b"\xff" + words, b"\3\xff" + words]
        (first / "corpus").mkdir()
        for number, start in enumerate(starts):
            (first / "corpus" / str(number)).write_bytes(start)
        lines = ['"' + "".join(f"\\x{ord(letter):02x}" for letter in word) + '"' for word in WORDS]
        (first / "words").write_text("\n".join(lines))
        own = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
        options = [argument for argument in sys.argv[1:] if argument.startswith("-")]
        corpus = [*own, str(first / "corpus")]  # what is found goes into the first
        atheris.Setup([sys.argv[0], f"-dict={first / 'words'}", *options, *corpus], try_bytes)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
