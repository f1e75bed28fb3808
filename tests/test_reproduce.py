"""Published figures: with reduced runs each is met. `python -m tests.reproduce` takes full runs."""

import subprocess
import sys
from math import nan
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # these are no part of the package

from tests.reproduce import harness  # noqa: E402
from tests.reproduce.harness import Done, Row, table  # noqa: E402

CLAIMS = harness.load()


@pytest.mark.slow
@pytest.mark.parametrize("name", CLAIMS)
def test_what_was_published_is_met(name):
    rows = CLAIMS[name].rows(reduced=True)
    assert rows
    missed = [row for row in rows if not row.verdict]
    assert not missed, "\n" + table([Done(name, missed, 0.0)])


# The harness itself


@pytest.mark.parametrize(
    ("measured", "tolerance", "error", "reduced", "met"),
    [
        (1.05, 0.06, None, False, True),
        (1.05, 0.04, None, False, False),
        (0.95, 0.04, None, False, False),
        (1.05, 0.04, 0.02, False, False),  # with full runs the tolerance decides
        (1.05, 0.04, 0.02, True, True),
        (1.07, 0.04, 0.02, True, False),
        (1.05, 0.06, 0.001, True, True),
        (1.05, None, 0.02, False, True),  # where there is none, three standard errors
        (1.07, None, 0.02, False, False),
        (1.0, None, None, False, True),
        (1.001, None, None, False, False),
        (nan, 10.0, 1.0, True, False),
    ],
)
def test_a_figure_is_met_within_its_tolerance_or_three_standard_errors(
    measured, tolerance, error, reduced, met
):
    assert Row("it", 1.0, measured, tolerance, error, reduced).verdict is met


def test_a_row_of_runs_has_their_mean_and_its_error():
    it = harness.row("it", 2.0, [1, 2, 3], 0.5)
    assert (it.measured, it.tolerance) == (2.0, 0.5)
    assert it.error == pytest.approx(1 / 3**0.5)


def test_the_table_says_what_was_not_met():
    rows = [Row("a | b", 0.25, 0.25), Row("c", 4001, 4002, error=0.1)]
    lines = table([Done("some/thing", rows, 1.0)]).splitlines()
    assert lines[2] == r"| some/thing | a \| b | 0.25 | 0.25 | ± 0 | met |"
    assert lines[3] == "| some/thing | c | 4001 | 4002 ± 0.1 | ± 0.3 | **not met** |"


def test_the_command_knows_what_there_is():
    done = subprocess.run(
        [sys.executable, "-m", "tests.reproduce", "phlogiston"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    assert "nothing published begins with 'phlogiston'" in done.stderr
