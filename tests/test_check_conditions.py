"""Conditions: their words, and why they do not hold."""

import linecache
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

import p2pkit
from p2pkit.check.conditions import Condition
from p2pkit.check.views import Ghost
from p2pkit.check.words import apart, listed, shown, told
from p2pkit.trace import Event


def net(**coins):
    """Return nodes that have so many coins each."""
    return [Ghost(name, {"coins": number, "heard": {name}}) for name, number in coins.items()]


LIMIT = 100


# Words


def test_a_lambda_is_said_as_it_was_written():
    assert Condition(lambda net: sum(node.coins for node in net) == 100).text == (
        "sum(node.coins for node in net) == 100"
    )


def test_a_lambda_over_several_lines_is_said_in_one():
    # fmt: off
    condition = Condition(lambda net:
                              len(net)
                              ==   5)
    # fmt: on
    assert condition.text == "len(net) == 5"


def test_each_of_several_lambdas_in_a_line_has_its_own_words():
    one, two = Condition(lambda net: len(net) == 5), Condition(lambda net: len(net) > 5)
    assert (one.text, two.text) == ("len(net) == 5", "len(net) > 5")


def test_a_lambda_within_another_has_its_own_words():
    outer = lambda limit: lambda net: len(net) < limit  # noqa: E731
    assert Condition(outer(3)).text == "len(net) < limit"
    assert Condition(outer(3)).why([1, 2, 3]) == ["len(net) is 3", "limit is 3"]


def test_what_is_not_ascii_does_not_shift_the_words():
    assert Condition(lambda net: "zweiundvierzig ✓ äöü" and net == "é").text == (
        '"zweiundvierzig ✓ äöü" and net == "é"'
    )


def test_a_function_is_said_by_its_name_and_explained_by_what_it_returns():
    def money_is_kept(net):
        """Nobody makes money."""
        return sum(node.coins for node in net) == LIMIT

    condition = Condition(money_is_kept)
    assert condition.text == "money_is_kept"
    assert condition.why(net(n0=60, n1=41)) == [
        "sum(node.coins for node in net) is 101",
        "LIMIT is 100",
    ]


def test_a_function_that_does_more_is_only_named():
    def money_is_kept(net):
        total = sum(node.coins for node in net)
        return total == LIMIT

    assert Condition(money_is_kept).text == "money_is_kept"
    assert Condition(money_is_kept).why(net(n0=60)) == []


class Rich:
    def __call__(self, node):
        return node.coins > 5

    def __repr__(self):
        return "Rich()"

    def enough(self, node):
        return node.coins > 5


def test_what_is_no_plain_function_can_be_a_condition_too():
    [node] = net(n0=3)
    assert Condition(Rich()).text == "Rich()"
    assert Condition(Rich()).why(node) == []
    assert Condition(Rich().enough).text == "enough"
    assert Condition(Rich().enough).why(node) == ["node.coins is 3"]
    assert Condition(partial(isinstance, 5)).why(int) == []
    assert Condition(len).text == "len"


@pytest.mark.parametrize("file", ["<cell 3>", "/tmp/kernel_17/3141.py"])
def test_a_cell_of_a_notebook_has_words(file):
    source = "n = 7\ncondition = lambda net: net == n\n"
    linecache.cache[file] = (len(source), None, source.splitlines(True), file)
    names = {}
    exec(compile(source, file, "exec"), names)
    condition = Condition(names["condition"])
    assert condition.text == "net == n"
    assert condition.why(5) == ["net is 5", "n is 7"]
    del linecache.cache[file]


def test_without_a_source_there_is_no_explanation():
    condition = Condition(eval("lambda net: net == 3"))
    assert condition.text == "the condition"
    assert condition.why(5) == []


def test_without_columns_nobody_can_tell_which_lambda_it_is(tmp_path):
    script = tmp_path / "two.py"
    script.write_text(
        "from p2pkit.check.conditions import Condition\n"
        "one, two = Condition(lambda net: net == 1), Condition(lambda net: net == 2)\n"
        "print(one.text, one.why(5))\n"
    )
    done = subprocess.run(
        [sys.executable, "-X", "no_debug_ranges", script],
        env={**os.environ, "PYTHONPATH": str(Path(p2pkit.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "the condition []\n"


def test_a_source_that_has_changed_since_gives_no_wrong_words():
    file = "<cell 4>"
    source = "condition = lambda net: net == 5\n"
    names = {}
    exec(compile(source, file, "exec"), names)
    other = "\n\n# something else\n"
    linecache.cache[file] = (len(other), None, other.splitlines(True), file)
    assert Condition(names["condition"]).text == "the condition"
    assert Condition(names["condition"]).why(4) == []
    del linecache.cache[file]


def test_a_value_in_place_of_a_function_is_refused_and_says_what_to_write():
    with pytest.raises(TypeError, match="was given True: write lambda net: … around"):
        Condition(1 + 1 == 2)


# Why


def test_both_sides_of_a_comparison_are_news_unless_they_are_constants():
    limit = 3
    condition = Condition(lambda net: 0 < len(net) <= limit)
    assert condition.why([1, 2, 3, 4]) == ["len(net) is 4", "limit is 3"]


def test_what_is_made_in_the_condition_itself_is_no_news():
    assert Condition(lambda node: frozenset("b") in node.heard).why(*net(n0=1)) == [
        "node.heard is {'n0'}"
    ]


def test_the_first_wrong_part_of_an_and_is_explained():
    condition = Condition(lambda net: net and len(net) < 3 and net[0].coins)
    assert condition.why([1, 2, 3]) == ["not true: len(net) < 3", "len(net) is 3"]
    assert condition.why([]) == ["not true: net", "net is []"]


def test_an_all_says_for_whom_it_is_not_true():
    condition = Condition(lambda net: all(node.coins >= 0 for node in net if node.id != "n1"))
    assert condition.why(net(n0=1, n1=-1, n2=-2, n3=-3)) == [
        "not true for n2, n3",
        "n2: node.coins is -2",
    ]


def test_a_not_any_says_for_whom_it_is_true():
    condition = Condition(
        lambda net: not any([node.coins < 0 for node in net])  # noqa: C419
    )
    assert condition.why(net(n0=1, n1=-1)) == ["true for n1", "n1: node.coins is -1"]


def test_an_all_over_pairs_says_for_which():
    condition = Condition(lambda net: all(a.coins == b.coins for a in net for b in net))
    assert condition.why(net(n0=1, n1=2)) == ["not true for n1, n0"]
    condition = Condition(lambda table: all(value for key, value in table.items()))
    assert condition.why({"a": 1, "b": 0}) == ["not true for ('b', 0)"]


def test_a_not_and_a_plain_value_are_shown():
    assert Condition(lambda node: not node.coins).why(*net(n0=3)) == ["node.coins is 3"]
    assert Condition(lambda node: node.coins).why(*net(n0=0)) == ["node.coins is 0"]
    assert Condition(lambda net: len(net) == 3 or len(net) == 4).why([]) == []


def test_defaults_are_known():
    assert Condition(lambda net, least=3: len(net) > least).why([]) == [
        "len(net) is 0",
        "least is 3",
    ]


def test_a_condition_that_fails_when_it_is_looked_at_again_is_not_explained():
    answers = iter([0])
    condition = Condition(lambda net: next(answers) > net)
    assert not condition.holds(1)
    assert condition.why(1) == []


# Values and events


def test_values_are_cut_and_sets_have_an_order():
    assert shown({3, 1, 2}) == "{1, 2, 3}"
    assert shown(frozenset({"b", "a"})) == "{'a', 'b'}"
    assert shown(set()) == "set()"
    assert shown("x" * 200) == "'" + "x" * 78 + "…"
    assert shown(SimpleNamespace(id="n0")) == "namespace(id='n0')"


def test_names_are_listed_up_to_six():
    assert listed("abc") == "a, b, c"
    assert listed("abcdef") == "a, b, c, d, e, f"
    assert listed("abcdefgh") == "a, b, c, d, e, f and 2 more"


def test_long_texts_are_cut_where_they_differ():
    assert apart(["abc", "abd"]) == ["abc", "abd"]
    assert apart(["x" * 100 + "end", "x" * 100]) == ["…" + "x" * 20 + "end", "…" + "x" * 20]
    assert apart(["a" + "x" * 100, "b"]) == ["a" + "x" * 58 + "…", "b"]


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (Event(0, "start", "n0"), "n0 start"),
        (Event(0, "connect", "n0", "n1"), "n0 connect n1"),
        (Event(0, "receive", "n0", None, "Go", data=b'["Go",{}]'), "n0 is told Go()"),
        (Event(0, "receive", "n0", "n1", "Go", data=b'["Go",{}]'), "n0 receives Go() from n1"),
        (Event(0, "receive", "n0", "n1", "Go", data=b"[3]"), "n0 receives Go from n1"),
        (
            Event(0, "drop", "n0", "n1", "Go", data=b'["Go",{"a":[1]}]', reason="lost"),
            "n0 drop n1 Go(a=[1]): lost",
        ),
        (Event(0, "log", "n0", data=b'"a\\u001b[2J"'), r"n0 log a\x1b[2J"),
        (Event(0, "state", "n0", data=b'{"a":1}'), "n0 state {'a': 1}"),
    ],
)
def test_events_are_told_in_words_that_do_nothing_to_a_terminal(event, text):
    assert told(event) == text
