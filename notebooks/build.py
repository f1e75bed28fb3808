"""Build the notebooks: from a text file that a person can review to an executed notebook.

    python notebooks/build.py                 build every notebook
    python notebooks/build.py 01 07           build those whose names begin so
    python notebooks/build.py --check         execute nothing: which notebooks are not up to date?
    python notebooks/build.py --into DIR      leave the notebooks here as they are, and write to DIR

A source is `notebooks/source/NN_name.py`, in jupytext's percent format. What is built from it,
`notebooks/NN_name.ipynb`, has its outputs and pictures inside, and nothing that changes from one
build to the next unless a socket made it: cell ids follow from what the cells say, and no times are
kept. A cell that raises, warns, or shows a path of this machine fails the build.
"""

import argparse
import hashlib
import os
import re
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import jupytext
import nbformat
import zmq
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from traitlets.config import Config

HERE = Path(__file__).resolve().parent
SOURCES = HERE / "source"

MAX_BYTES = 1_000_000
"""Bytes of a built notebook: web pages that show notebooks give up on larger ones."""

CELL_TIMEOUT = 120
"""Seconds that a cell may take. A whole notebook shall take 60 on two cores."""

_FORMAT = "py:percent"
_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
_WIDGET = "application/vnd.jupyter.widget-view+json"
_MACHINE = re.compile(r"(?<![\w.~/:])/(?:home|Users|root|tmp|private|opt|mnt)/\S+|\b[A-Z]:\\\S+")
_ADDRESS = re.compile(r"\bat 0x[0-9a-fA-F]{6,}")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class BuildError(Exception):
    """A notebook that cannot be built; its text says which cell, and why."""


def main(arguments: list[str] | None = None) -> int:
    """Build or check what the command line names; return 0 if all is well."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("name", nargs="*", help="how a name begins, such as 01, or a source's path")
    parser.add_argument("--check", action="store_true", help="only say what is not up to date")
    parser.add_argument("--into", type=Path, default=HERE, metavar="DIR", help="where to write")
    options = parser.parse_args(arguments)
    try:
        sources = find_sources(options.name)
    except BuildError as error:
        parser.error(str(error))
    failures = 0
    for source in sources:
        target = options.into / f"{source.stem}.ipynb"
        look = check if options.check else _try_to_build
        problems = look(source, target)
        failures += bool(problems)
        for problem in problems:
            print(f"{source.stem}: {problem}", flush=True)
    if options.check:
        left = [] if options.name else orphans(options.into)
        failures += len(left)
        for orphan in left:
            print(f"{orphan.stem}: has no source")
        print(f"{len(sources)} checked, {failures} not up to date")
    return 1 if failures else 0


def find_sources(names: list[str]) -> list[Path]:
    """Return the sources that some names mean, or all. Raises BuildError for a name without one."""
    known = sorted(SOURCES.glob("[0-9]*.py"))
    chosen: list[Path] = []
    for name in names:
        path = Path(name)
        found = [path] if path.is_file() else [one for one in known if one.stem.startswith(name)]
        if not found:
            raise BuildError(f"no notebook begins with {name!r}: there is "
                             f"{', '.join(one.stem for one in known) or 'none'}")  # fmt: skip
        chosen += [one for one in found if one not in chosen]
    return chosen if names else known


def orphans(folder: Path) -> list[Path]:
    """Return the notebooks in a folder that have no source."""
    sources = {source.stem for source in SOURCES.glob("*.py")}
    return [path for path in sorted(folder.glob("*.ipynb")) if path.stem not in sources]


# One notebook


def read_source(source: Path) -> NotebookNode:
    """Return the notebook that a source says: its cells with their ids, and no outputs."""
    notebook = jupytext.reads(source.read_text(encoding="utf-8"), fmt=_FORMAT)
    twins: Counter[str] = Counter()
    cells = []
    for cell in notebook.cells:
        said = f"{cell.cell_type}\n{cell.source}"
        name = hashlib.sha256(f"{twins[said]}\n{said}".encode()).hexdigest()[:12]
        twins[said] += 1
        metadata = {"tags": cell.metadata["tags"]} if "tags" in cell.metadata else {}
        fresh = {"code": nbformat.v4.new_code_cell, "markdown": nbformat.v4.new_markdown_cell}
        if cell.cell_type not in fresh:
            raise BuildError(
                f"a {cell.cell_type} cell: only code and markdown are shown everywhere"
            )
        cells.append(fresh[cell.cell_type](cell.source, id=name, metadata=metadata))
    built = nbformat.v4.new_notebook(cells=cells, metadata=_METADATA)
    built.nbformat_minor = 5
    return built


def build(source: Path, target: Path) -> None:
    """Execute a source and write the notebook. Raises BuildError; then nothing is written."""
    notebook = read_source(source)
    execute(notebook, source)
    tidy(notebook)
    problems = faults(notebook)
    text = _text(notebook)
    if len(text.encode()) > MAX_BYTES:
        problems.append(f"{len(text.encode()):,} bytes, and {MAX_BYTES:,} are allowed")
    if problems:
        raise BuildError("\n  ".join(["built, but not kept:", *problems]))
    target.parent.mkdir(parents=True, exist_ok=True)
    half = target.with_suffix(".part")
    half.write_text(text, encoding="utf-8", newline="\n")
    half.replace(target)


def execute(notebook: NotebookNode, source: Path) -> None:
    """Run the cells in a new kernel, in the folder where students run them."""
    total = len(notebook.cells)
    now = {"cell": 0, "began": 0.0}

    def begins(cell: NotebookNode, cell_index: int) -> None:
        now.update(cell=cell_index, began=time.perf_counter())

    def ended(cell: NotebookNode, cell_index: int, execute_reply: Any) -> None:
        seconds = time.perf_counter() - now["began"]
        print(f"  cell {cell_index + 1:2} of {total}  {seconds:5.1f} s", flush=True)

    client = NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT,
        kernel_name="python3",
        record_timing=False,
        store_widget_state=False,
        resources={"metadata": {"path": str(HERE)}},
        config=_kernel_settings(),
        on_cell_execute=begins,
        on_cell_executed=ended,
    )
    with tempfile.TemporaryDirectory() as profile:
        try:
            client.execute(env=_environment(profile))
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
            raise BuildError(_report(notebook, now["cell"], source, error)) from None


def tidy(notebook: NotebookNode) -> None:
    """Leave nothing in the outputs that another run would store differently for no reason."""
    notebook.metadata = nbformat.from_dict(_METADATA)
    number = 0
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        number += 1
        cell.execution_count = number
        cell.metadata.pop("execution", None)
        joined: list[NotebookNode] = []
        for output in cell.outputs:
            if _WIDGET in output.get("data", {}):
                continue  # it lives in a kernel: what follows is the picture that stands in for it
            if "execution_count" in output:
                output.execution_count = number
            last = joined[-1] if joined else None
            if last and output.output_type == "stream" and last.get("name") == output.name:
                last.text += output.text  # how a stream is cut into pieces is chance
            else:
                joined.append(output)
        cell.outputs = joined


def faults(notebook: NotebookNode) -> list[str]:
    """Say what must not be in a built notebook, one sentence each."""
    found = []
    for number, cell in enumerate(notebook.cells, start=1):
        for output in cell.get("outputs", ()):
            where, text = f"cell {number}", _shown(output)
            paths = [*_MACHINE.findall(text), *(path for path in _here() if path in text)]
            if output.output_type == "error":
                found.append(f"{where} raises {output.ename}: {output.evalue}")
            if output.get("name") == "stderr":
                found.append(f"{where} writes to stderr: {text.strip()[:200]}")
            if paths:
                found.append(f"{where} shows a path of this machine: {paths[0]}")
            if address := _ADDRESS.search(text):
                found.append(f"{where} shows where an object lies in memory: {address[0]}")
        if "execution" in cell.metadata:
            found.append(f"cell {number} stores when it ran")
    ids = [cell.id for cell in notebook.cells]
    if len(set(ids)) < len(ids):
        found.append("two cells have the same id")
    return found


def check(source: Path, target: Path) -> list[str]:
    """Say where a built notebook does not match its source, without executing anything."""
    if not target.exists():
        return ["is not built yet"]
    built = nbformat.read(target, as_version=4)
    wanted = read_source(source)
    if len(built.cells) != len(wanted.cells):
        return [f"has {len(built.cells)} cells, and its source {len(wanted.cells)}"]
    problems = [
        f"cell {number} differs from its source ({source.name}, line {_line(source, number - 1)})"
        for number, (old, new) in enumerate(zip(built.cells, wanted.cells, strict=True), start=1)
        if (old.cell_type, old.source, old.id, old.metadata)
        != (new.cell_type, new.source, new.id, new.metadata)
    ]
    if built.metadata != wanted.metadata:
        problems.append("its metadata is not what a build writes")
    return problems


# Details


def _try_to_build(source: Path, target: Path) -> list[str]:
    print(f"{source.stem}: building", flush=True)
    began = time.perf_counter()
    try:
        build(source, target)
    except BuildError as error:
        return [str(error)]
    seconds, size = time.perf_counter() - began, target.stat().st_size
    print(f"{source.stem}: built in {seconds:.1f} s, {size / 1000:,.0f} kB", flush=True)
    return []


def _kernel_settings() -> Config:
    """Let the kernel's sockets be encrypted where that is possible: ipykernel 7 warns otherwise,
    and older ones know nothing of it."""
    config = Config()
    if "transport_encryption" in AsyncKernelManager.class_trait_names() and zmq.has("curve"):
        config.KernelManager.transport_encryption = "auto"
    return config


def _environment(profile: str) -> dict[str, str]:
    """Return what the kernel shall see: this repository's p2pkit, pictures that go into the notebook,
    nobody's own settings, no progress bars, which would be stored as they began, at 0 %, and no sign of a
    test that builds it, as IPython then lets what it prints at its end through."""
    own = {key: value for key, value in os.environ.items() if key != "PYTEST_CURRENT_TEST"}
    paths = [str(HERE.parent), os.environ.get("PYTHONPATH", "")]
    return own | {
        "PYTHONPATH": os.pathsep.join(path for path in paths if path),
        "PYTHONHASHSEED": "0",
        "IPYTHONDIR": profile,
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "TQDM_DISABLE": "1",
    }


def _report(notebook: NotebookNode, index: int, source: Path, error: Exception) -> str:
    """Name the cell that failed, and show it and its traceback."""
    cell = notebook.cells[index]
    errors = [output for output in cell.get("outputs", ()) if output.output_type == "error"]
    why = "\n".join(errors[0].traceback) if errors else str(error)
    return (
        f"cell {index + 1} failed (line {_line(source, index)} of {source.name}):\n\n"
        f"{cell.source}\n\n{_COLOUR.sub('', why)}\n"
    )


def _line(source: Path, index: int) -> int:
    """Return the line of a source where a cell begins."""
    lines = source.read_text(encoding="utf-8").splitlines()
    marks = [number for number, line in enumerate(lines, start=1) if line.startswith("# %%")]
    return marks[index] if index < len(marks) else 1


def _shown(output: NotebookNode) -> str:
    """Return the text in an output; pictures are no text."""
    data = output.get("data", {})
    texts = [str(value) for kind, value in data.items() if not kind.startswith("image/p")]
    return "\n".join([output.get("text", ""), *texts, *output.get("traceback", ())])


def _here() -> list[str]:
    """Return the folders of this machine that have no place in an output."""
    folders = {str(HERE.parent), sys.prefix, str(Path.home())}
    return [folder for folder in folders if len(folder) > len("/usr")]


def _text(notebook: NotebookNode) -> str:
    nbformat.validate(notebook)
    return str(nbformat.writes(notebook)).rstrip("\n") + "\n"


if __name__ == "__main__":
    sys.exit(main())
