"""Notebooks: each is built from its source, executed, clean, and runs afresh without an error."""

import ast
import copy
import hashlib
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

jupytext = pytest.importorskip("jupytext", reason="the notebooks need p2pkit[notebooks]")
nbformat = pytest.importorskip("nbformat", reason="the notebooks need p2pkit[notebooks]")
pytest.importorskip("nbclient", reason="the notebooks need p2pkit[notebooks]")

FOLDER = Path(__file__).resolve().parent.parent / "notebooks"
SOURCES = sorted((FOLDER / "source").glob("[0-9]*.py"))

MAX_CELLS = 36
"""Cells of a notebook: about thirty are a lesson."""


def _load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


build = _load(FOLDER / "build.py")
each_source = pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)


def run_build(*arguments):
    """Run the command as a person would, and return what it said and its exit code."""
    done = subprocess.run(
        [sys.executable, str(FOLDER / "build.py"), *map(str, arguments)],
        capture_output=True,
        encoding="utf-8",
        env=os.environ | {"PYTHONIOENCODING": "utf-8"},
        timeout=600,
        check=False,
    )
    return done.stdout + done.stderr, done.returncode


def built(source):
    return nbformat.read(FOLDER / f"{source.stem}.ipynb", as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_there_are_notebooks():
    assert SOURCES


# What is stored


@each_source
def test_matches_its_source(source):
    assert build.check(source, FOLDER / f"{source.stem}.ipynb") == []


def test_every_notebook_has_a_source():
    assert build.orphans(FOLDER) == []


@each_source
def test_is_executed_and_clean(source):
    notebook = built(source)
    nbformat.validate(notebook)
    assert build.faults(notebook) == []
    cells = code_cells(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    kinds = {kind for cell in cells for output in cell.outputs for kind in output.get("data", {})}
    assert "image/png" in kinds
    assert any(output.output_type == "stream" for cell in cells for output in cell.outputs)


@each_source
def test_stores_no_times_and_nothing_of_this_machine(source):
    text = (FOLDER / f"{source.stem}.ipynb").read_text(encoding="utf-8")
    assert len(text.encode()) < build.MAX_BYTES
    assert '"iopub' not in text
    assert '"execution": {' not in text
    for private in (FOLDER.parent, sys.prefix, Path.home() / "x"):
        assert str(private).removesuffix("x") not in text


@each_source
def test_is_a_lesson_long(source):
    assert len(built(source).cells) <= MAX_CELLS


@each_source
def test_cell_ids_are_unique_and_stay(source):
    ids = [cell.id for cell in build.read_source(source).cells]
    assert len(set(ids)) == len(ids)
    assert ids == [cell.id for cell in build.read_source(source).cells]
    assert ids == [cell.id for cell in built(source).cells]


def test_a_cell_keeps_its_id_when_others_come_and_go(tmp_path):
    before, after = tmp_path / "before.py", tmp_path / "after.py"
    before.write_text("# %%\nx = 1\n\n# %%\nx += 1\n\n# %%\nx += 1\n")
    after.write_text("# %% [markdown]\n# New.\n\n# %%\nx = 1\n\n# %%\nx += 1\n\n# %%\nx += 1\n")
    ids = [cell.id for cell in build.read_source(before).cells]
    assert len(set(ids)) == 3
    assert ids == [cell.id for cell in build.read_source(after).cells][1:]


def test_faults_are_found():
    shown = ["/home/ada/p2p", "/tmp/ipykernel_7/1.py", r"C:\Users\ada", "<Axes at 0x7f00beef>"]
    fine = ["127.0.0.1:8001", "http://a.org/home/x", "a/tmp/b", "at 0x05", "50 %/s"]

    def faults(text, name="stdout"):
        cell = nbformat.v4.new_code_cell("x", outputs=[nbformat.v4.new_output("stream", text=text)])
        cell.outputs[0].name = name
        return build.faults(nbformat.v4.new_notebook(cells=[cell]))

    assert [len(faults(text)) for text in shown] == [1] * len(shown)
    assert [faults(text) for text in fine] == [[]] * len(fine)
    assert "stderr" in faults("UserWarning", "stderr")[0]


def test_check_says_what_differs(tmp_path):
    source, target = tmp_path / "98_small.py", tmp_path / "98_small.ipynb"
    source.write_text("# %% [markdown]\n# Hello\n\n# %%\n1 + 1\n")
    assert build.check(source, target) == ["is not built yet"]
    nbformat.write(build.read_source(source), target)
    assert build.check(source, target) == []
    source.write_text("# %% [markdown]\n# Hello\n\n# %%\n1 + 2\n")
    assert build.check(source, target) == ["cell 2 differs from its source (98_small.py, line 4)"]
    source.write_text("# %% [markdown]\n# Hello\n")
    assert build.check(source, target) == ["has 2 cells, and its source 1"]


# Building


@pytest.mark.slow
@each_source
def test_runs_afresh_and_its_cells_once_more_in_any_order(source):
    notebook, stored = build.read_source(source), built(source)
    again = [copy.deepcopy(cell) for cell in reversed(code_cells(notebook))]
    for cell in again:
        cell.id += "-again"
    notebook.cells += again
    build.execute(notebook, source)
    build.tidy(notebook)
    assert build.faults(notebook) == []
    for old, new in zip(stored.cells, notebook.cells, strict=False):
        assert {**old, "outputs": []} == {**new, "outputs": []}
        # What runs elsewhere may say other things, but it says them in the same way.
        kinds = [[output.output_type for output in cell.get("outputs", ())] for cell in (old, new)]
        assert kinds[0] == kinds[1], old.source


@pytest.mark.slow
def test_a_failing_cell_is_named_and_nothing_is_written(tmp_path):
    source = tmp_path / "99_broken.py"
    source.write_text("# %% [markdown]\n# Fine.\n\n# %%\nx = 1\n\n# %%\nprint(x / 0)\n")
    said, code = run_build(source, "--into", tmp_path)
    assert code == 1
    assert "cell 3 failed (line 7 of 99_broken.py)" in said
    assert "print(x / 0)" in said
    assert "ZeroDivisionError: division by zero" in said
    assert "\x1b" not in said
    assert not (tmp_path / "99_broken.ipynb").exists()


@pytest.mark.slow
def test_two_builds_are_the_same_and_bars_are_left_out(tmp_path):
    source = tmp_path / "99_same.py"
    source.write_text(
        "# %%\nimport sys\nfor n in range(50):\n    print(n)\n    sys.stdout.flush()\n\n"
        "# %%\nprint({'a', 'b', 'c'})\n\n"
        "# %%\nimport matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()\n"
    )
    digests = []
    for folder in ("one", "two"):
        said, code = run_build(source, "--into", tmp_path / folder)
        assert code == 0, said
        data = (tmp_path / folder / "99_same.ipynb").read_bytes()
        digests.append(hashlib.sha256(data).hexdigest())
    assert digests[0] == digests[1]


def test_an_unknown_name_is_refused():
    said, code = run_build("77")
    assert code == 2
    assert "no notebook begins with '77'" in said


# The exercise of notebook 1: its check must find what is wrong, and let pass what is right.


class Right:
    """A framer as the exercise wants it."""

    def __init__(self, limit):
        self.limit = limit
        self.rest = bytearray()

    def feed(self, chunk):
        self.rest += chunk
        messages = []
        while len(self.rest) >= 4:
            length = int.from_bytes(self.rest[:4], "big")
            if length > self.limit:
                raise ValueError(f"{length} bytes are announced")
            if len(self.rest) < 4 + length:
                break
            messages.append(bytes(self.rest[4 : 4 + length]))
            del self.rest[: 4 + length]
        return messages


class Forgetful(Right):
    def feed(self, chunk):
        self.rest.clear()
        return super().feed(chunk)


class OneAtATime(Right):
    def feed(self, chunk):
        messages = super().feed(chunk)
        return messages[:1]


class HatesEmpty(Right):
    def feed(self, chunk):
        return [message for message in super().feed(chunk) if message]


class Trusting(Right):
    def __init__(self, limit):
        super().__init__(2**32)


class TooStrict(Right):
    def __init__(self, limit):
        super().__init__(limit - 1)


class Slow(Right):
    def feed(self, chunk):
        for _ in range(10):
            self.rest = bytearray(bytes(self.rest))
        return super().feed(chunk)


class HeaderMustBeWhole(Right):
    def feed(self, chunk):
        if not self.rest and len(chunk) < 4:
            raise ValueError("not enough bytes")
        return super().feed(chunk)


class ReturnsNothing(Right):
    def feed(self, chunk):
        super().feed(chunk)


def definitions(source):
    """Return what a notebook's cells define: their imports, constants, functions and classes."""
    cells = "\n".join(cell.source for cell in code_cells(build.read_source(source)))
    tree = ast.parse(cells)
    tree.body = [
        part
        for part in tree.body
        if isinstance(part, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef)
        or (isinstance(part, ast.Assign) and getattr(part.targets[0], "id", "a").isupper())
    ]
    names = {"__name__": source.stem}
    exec(compile(tree, str(source), "exec"), names)
    return names


def run_check(framer, capsys):
    """Run the first notebook's check on a class of framers, and return what it prints."""
    names = definitions(next(source for source in SOURCES if source.stem.startswith("01_")))
    names["check"](framer)
    return capsys.readouterr().out


def test_the_check_lets_a_right_framer_pass(capsys):
    said = run_check(Right, capsys)
    assert "all 9 steps done" in said
    assert "your feed has 12 lines" in said


@pytest.mark.parametrize(
    ("framer", "step", "words"),
    [
        (Forgetful, "one message in two pieces", "stays in self"),
        (OneAtATime, "two messages in one piece", "a loop?"),
        (HatesEmpty, "empty messages", "a header of zeros"),
        (HeaderMustBeWhole, "half a header", "it raised ValueError: not enough bytes"),
        (TooStrict, "a huge message", "it raised ValueError"),
        (Trusting, "a stranger who lies", "4,000,001 were announced"),
        (ReturnsNothing, "one message in one piece", "returned None"),
        (Slow, "a huge message", "2.0 s were over"),
    ],
)
def test_the_check_says_what_is_wrong(framer, step, words, capsys):
    said = run_check(framer, capsys)
    assert f"next  {step}" in said
    assert words in said
    assert "Traceback" not in said
