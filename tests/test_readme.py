"""README.md: what it shows is what happens."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PROGRAMS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_there_is_a_program():
    assert PROGRAMS


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize("program", PROGRAMS)
def test_its_programs_run(program, capsys):
    exec(compile(program, "README.md", "exec"), {"__name__": "__main__"})
    heard, of = re.fullmatch(r"(\d+) of (\d+) have heard it\n", capsys.readouterr().out).groups()
    assert int(of) == 50
    assert 25 < int(heard) <= 50


def test_its_files_exist():
    links = re.findall(r"\]\(([^)#]+)\)", README)
    here = [link for link in links if "://" not in link]
    assert here
    assert [link for link in here if not (ROOT / link).exists()] == []


def test_its_make_targets_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"\bmake ([a-z]+)", README))
    assert {"demo", "test", "lab"} <= targets
    assert [target for target in targets if f"\n{target}:" not in makefile] == []
