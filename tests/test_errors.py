"""Errors: one tree, drawn as it is."""

import re

import pytest

from p2pkit import errors

CLASSES = [thing for thing in vars(errors).values() if isinstance(thing, type)]


def drawn():
    """Read the tree in the module's docstring: each class, its parent, and the built-in it is too."""
    parents, tree = [], {}
    pattern = r"^    ([│├└─ ]*)(\w+)(?: {2,}[^\n(]*(?:\([an]+ (\w+)\))?)?$"
    for indent, name, builtin in re.findall(pattern, errors.__doc__, re.MULTILINE):
        depth = len(indent) // 4
        parents[depth:] = [name]
        tree[name] = (parents[depth - 1] if depth else "Exception", builtin)
    return tree


def test_the_tree_in_the_docstring_is_the_tree_of_the_classes():
    assert drawn() == {
        cls.__name__: (
            cls.__bases__[0].__name__,
            "".join(base.__name__ for base in cls.__bases__[1:]),
        )
        for cls in CLASSES
    }


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_every_error_says_what_it_is_for(cls):
    assert cls.__doc__
    assert issubclass(cls, errors.P2PKitError)
    assert str(cls("a sentence")) == "a sentence"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a sentence", "a sentence"),
        ("", ""),
        ("ünïcödé ✓ and 'quotes'", "ünïcödé ✓ and 'quotes'"),
        ("\x1b[2J\r\n\0", r"\x1b[2J\r\n\x00"),
        ("\u202egnihtemos", r"\u202egnihtemos"),
        ("\ud800", r"\ud800"),
        ("x" * 200, "x" * 200),
        ("x" * 201, "x" * 199 + "…"),
        ("\0" * 201, r"\x00" * 49 + r"\x0" + "…"),
    ],
)
def test_strangers_sentences_are_shown_on_a_line_or_two_and_do_nothing(text, shown):
    assert errors.harmless(text) == shown
    assert str(errors.NotUnderstood(text)) == shown


def test_mine_and_yours_are_kept_apart():
    strangers = {cls for cls in CLASSES if issubclass(cls, errors.StrangerError)}
    assert {cls.__name__ for cls in strangers} == {
        "StrangerError", "FrameError", "HelloError", "NotUnderstood"
    }  # fmt: skip
    assert not any(issubclass(cls, TypeError | ValueError | RuntimeError) for cls in strangers)
