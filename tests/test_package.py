"""The package as a whole: its names, what imports what, and what the house keeps out."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import p2pkit

HERE = Path(p2pkit.__file__).parent
TESTS = Path(__file__).parent
FILES = sorted(HERE.rglob("*.py"))
every_file = pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(HERE)))


def name_of(path):
    """Return the dotted name of a file inside the package: "tcp", "plot.spread", "" for the front door."""
    parts = path.relative_to(HERE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


MODULES = {name_of(path): ast.parse(path.read_text("utf-8")) for path in FILES}


def walk(tree):
    """Yield the nodes of a tree, but for those that only a type checker sees."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
            continue
        yield child
        yield from walk(child)


def imports(module):
    """Return what a module imports, wherever in it: full names, "p2pkit.trace" or "matplotlib.axes"."""
    found = set()
    for node in walk(MODULES[module]):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            whole = {f"{node.module}.{alias.name}" for alias in node.names}
            submodules = {name for name in whole if name.removeprefix("p2pkit.") in MODULES}
            found |= submodules or {node.module}
    return found


def own_imports(module):
    """Return the modules of the package that one of them imports."""
    return {name.removeprefix("p2pkit.") for name in imports(module) if name.startswith("p2pkit.")}


def outside_imports(module):
    return {name.partition(".")[0] for name in imports(module)} - {"p2pkit"}


# Names


def test_every_public_name_can_be_imported_and_is_explained():
    assert p2pkit.__all__ == sorted(p2pkit.__all__)
    for name in p2pkit.__all__:
        assert getattr(p2pkit, name).__doc__, name
        assert name in dir(p2pkit)


def test_a_name_that_there_is_not_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'p2pkit' has no attribute 'Gossip'"):
        _ = p2pkit.Gossip


def test_a_type_checker_sees_the_names_that_there_are():
    source = (HERE / "__init__.py").read_text("utf-8")
    assert sorted(re.findall(r"import (\w+) as \1\b", source)) == p2pkit.__all__


def test_the_front_door_names_files_that_there_are():
    named = re.findall(r"(\w+)\.py\b", p2pkit.__doc__)
    assert {"message", "protocol", "link", "trace"} <= set(named) <= set(MODULES)


@every_file
def test_every_file_says_what_it_is(path):
    sentence = ast.get_docstring(MODULES[name_of(path)]) or ""
    assert re.match(r"\S.+[.:?]", sentence, re.DOTALL)


def test_types_are_for_users_too():
    assert (HERE / "py.typed").exists()


# What is imported

LOADED = """
import sys
import {what}
print(*sorted(name for name in sys.modules if name.startswith("p2pkit.") or name in {{
    "socket", "asyncio", "threading", "matplotlib", "numpy", "networkx", "sqlite3", "multiprocessing"}}))
"""


def loaded(what):
    """Import something in a fresh interpreter; return which modules of interest that has loaded."""
    done = subprocess.run(
        [sys.executable, "-S", "-c", LOADED.format(what=what)],
        env={"PYTHONPATH": ":".join([str(HERE.parent), *filter(None, sys.path)])},
        check=True,
        capture_output=True,
        text=True,
    )
    return set(done.stdout.split())


def test_the_package_itself_loads_nothing():
    assert loaded("p2pkit") <= {"threading"}


def test_the_core_loads_no_sockets_no_loop_and_no_pictures():
    found = loaded(
        "p2pkit.message, p2pkit.protocol, p2pkit.link, p2pkit.trace, p2pkit.framing, p2pkit.host"
    )
    assert not found & {
        "socket",
        "asyncio",
        "matplotlib",
        "numpy",
        "networkx",
        "sqlite3",
        "multiprocessing",
    }
    assert not found & {"p2pkit.tcp", "p2pkit.local", "p2pkit.network", "p2pkit.connection"}


def test_networks_load_no_pictures():
    assert not loaded("p2pkit.local") & {"matplotlib", "p2pkit.plot"}


def test_imports_go_round_in_no_circle():
    done = set()
    todo = {module: own_imports(module) - {module} for module in MODULES if module}
    while ready := {module for module, needs in todo.items() if needs & set(todo) <= done}:
        done |= ready
        todo = {module: needs for module, needs in todo.items() if module not in ready}
    assert not todo, f"these import each other: {todo}"


LAYERS = [
    {"errors"},
    {"page", "tables"},
    {"show"},
    {"bounds", "message", "internet"},
    {"vocabulary"},
    {"protocol"},
    {"link", "trace", "framing", "crowd", "disk", "topology", "address", "descriptors"},
    {"host", "snapshot", "storage", "churn", "clock", "contacts"},
    {"network", "testing", "progress"},
    {"stats", "stats.overlays", "stats.scoreboard", "stats.spreading", "stats.traffic"},
    {"connection", "greeting", "reactor", "thread", "work"},
    {"tcp", "merging", "courier", "simhost", "ends", "meter", "interrupts"},
    {"simulation", "elsewhere"},
    {"sweep"},
    {"crew"},
    {"crews", "worker"},
    {"linking"},
    {"local", "node"},
]
"""Design, section 5: a layer imports what stands above it in this list, and its neighbours."""


@pytest.mark.parametrize("number", range(len(LAYERS)))
def test_imports_point_one_way(number):
    allowed = set().union(*LAYERS[: number + 1])
    for module in LAYERS[number]:
        assert own_imports(module) <= allowed, module


@pytest.mark.parametrize(
    "module",
    [
        *("message", "vocabulary", "protocol", "link", "trace", "framing", "host"),
        *("clock", "ends", "simhost", "simulation"),
    ],
)
def test_the_core_touches_no_socket_no_clock_and_no_global_dice(module):
    forbidden = {
        "socket",
        "asyncio",
        "threading",
        "time",
        "datetime",
        "selectors",
        "multiprocessing",
    }
    assert not outside_imports(module) & forbidden
    for node in walk(MODULES[module]):
        if isinstance(node, ast.Import):
            assert "random" not in [alias.name for alias in node.names], "only Random, with a seed"
        if isinstance(node, ast.ImportFrom) and node.module == "random":
            assert [alias.name for alias in node.names] == ["Random"]
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Random":
            assert node.args, "Random() without a seed"


PICTURES = {"matplotlib", "numpy", "pandas"}


@pytest.mark.parametrize("module", [name for name in MODULES if not name.startswith("plot")])
def test_only_plots_import_what_draws(module):
    allowed = {
        "trace": {"pandas"},
        "tables": {"pandas"},
        "sweep": {"pandas"},
        "demo": {"matplotlib"},
        "layout": {"numpy"},
        "rounds": {"numpy"},
    }.get(module, set())
    assert outside_imports(module) & PICTURES <= allowed


COMMAND_LINE = {
    "__main__",
    "cli",
    "console",
    "demo",
    "doctor",
    "launch",
    "news",
    "terminal",
    "arguments",
}


@pytest.mark.parametrize("module", [name for name in MODULES if not name.startswith("plot")])
def test_nothing_but_the_command_line_imports_plots_or_itself(module):
    if module not in COMMAND_LINE:
        used = own_imports(module)
        assert not {name for name in used if name.startswith("plot")}
        assert not used & COMMAND_LINE


SEEN = {"errors", "message", "stats", "topology", "trace", "network", "link", "layout", "progress"}
"""What is open to those who look on."""


def test_plots_see_traces_and_graphs_and_no_sockets():
    used = set().union(*[own_imports(name) for name in MODULES if name.startswith("plot")])
    core = {name for name in used if not name.startswith(("plot", "live", "stats."))}
    assert core <= SEEN
    from_live = {name for name in used if name.startswith("live")}
    assert from_live <= {f"live.{name}" for name in ("feed", "looks", "page", "replay", "widget")}


def test_the_live_view_sees_traces_and_networks_and_no_sockets_but_its_own():
    used = set().union(*[own_imports(name) for name in MODULES if name.startswith("live")])
    core = {name for name in used if not name.startswith("live")}
    assert core <= SEEN | {"crowd", "show", "simulation", "tables", "thread"}
    users = {name for name in MODULES if any(n.startswith("live") for n in own_imports(name))}
    assert {name for name in users if not name.startswith(("live", "plot"))} <= COMMAND_LINE
    for module in ("feed", "looks", "replay", "script", "stage", "document"):
        assert not outside_imports(f"live.{module}") & {"anywidget", "tornado", "IPython"}


def test_checks_see_traces_and_networks_and_no_sockets():
    used = set().union(*[own_imports(name) for name in MODULES if name.startswith("check")])
    core = {name for name in used if not name.startswith("check")}
    seen = {"errors", "message", "network", "protocol", "simulation", "stats", "topology", "trace"}
    assert core <= seen | {"courier", "progress"}
    assert not loaded("p2pkit.check") & {"asyncio", "matplotlib", "p2pkit.courier", "p2pkit.local"}


def test_protocols_see_messages_and_protocols_only():
    for module in MODULES:
        if module.startswith("protocols."):
            core = {name for name in own_imports(module) if not name.startswith("protocols.")}
            assert core <= {"message", "protocol"}
            assert outside_imports(module) <= set(sys.stdlib_module_names)


# What the house keeps out

PRINTS = {"node": 2, "terminal": 1}
"""Node.print_connections prints, as its name says; and terminal.py is what the command line prints with."""


@every_file
def test_nothing_prints(path):
    module = name_of(path)
    calls = [node for node in walk(MODULES[module]) if isinstance(node, ast.Call)]
    prints = [call for call in calls if ast.unparse(call.func) == "print"]
    assert len(prints) == PRINTS.get(module, 0)


CATCHES_ALL = {
    "message": 1,  # what a stranger's bytes make a message's own checks raise
    "live.control": 1,  # a student's, whose node a person has told something: shown to them
    "live.looks": 1,  # a person's function, to look at a node with: shown in place of the look
    "host": 2,  # a student's handler: recorded, and handed to `failed`
    "node": 1,  # a student's callback: shown, and the node goes on
    "thread": 1,  # raised again in the thread that waits
    "local": 1,  # cleans up, and raises again
    "courier": 1,  # a student's own class of exceptions may not like to travel
    "worker": 3,  # raised again where it was asked for, in the other process
    "arguments": 1,  # cleans up, and raises again
    "cli": 1,  # a student's program: shown without the kit's own lines
    "console": 1,  # what a person typed
    "launch": 1,  # a node's; the network goes on without it
    "elsewhere": 1,  # a run's, in a sweep: raised again where that was asked for
    "check.conditions": 1,  # a student's condition, looked at once more to explain it
    "check.invariants": 1,  # the same, where it is at fault: a note is added, and it is raised again
    "check.hunt": 1,  # what a hunt looks for
    "check.hashes": 1,  # raised again where the check was called, in the other process
}


@every_file
def test_all_exceptions_are_caught_in_few_places_only(path):
    module = name_of(path)
    handlers = [node for node in walk(MODULES[module]) if isinstance(node, ast.ExceptHandler)]
    broad = [
        handler
        for handler in handlers
        if handler.type is None or re.search(r"\b(Base)?Exception\b", ast.unparse(handler.type))
    ]
    assert len(broad) == CATCHES_ALL.get(module, 0), [handler.lineno for handler in broad]


@every_file
def test_no_logging_no_globals_and_no_mutable_defaults(path):
    module = name_of(path)
    assert "logging" not in outside_imports(module)
    for node in walk(MODULES[module]):
        assert not isinstance(node, ast.Global), f"line {node.lineno}"
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            defaults = [*node.args.defaults, *filter(None, node.args.kw_defaults)]
            if module == "cli":
                continue  # typer reads options from defaults, and makes a list of its own each time
            assert not any(isinstance(value, ast.List | ast.Dict | ast.Set) for value in defaults)


@every_file
def test_every_public_function_and_class_is_explained(path):
    for node in walk(MODULES[name_of(path)]):
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), node.name
    for node in MODULES[name_of(path)].body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), node.name


ELSEWHERE = {
    "connection": "test_complaints",
    "ends": "test_simhost",
    "interrupts": "test_simulation",
    "contacts": "test_local",
    "crew": "test_parity",
    "crews": "test_parity",
    "linking": "test_parity",
    "greeting": "test_complaints",
    "network": "test_local",
    "reactor": "test_local",
    "tcp": "test_local",
    "thread": "test_local",
    "arguments": "test_cli",
    "console": "test_cli",
    "demo": "test_cli",
    "doctor": "test_cli",
    "launch": "test_cli",
    "news": "test_cli",
    "terminal": "test_cli",
    "__main__": "test_cli",
    "page": "test_show",
    "elsewhere": "test_sweep",
    "progress": "test_sweep",
    "check": "test_check_invariants",
}
"""Modules that are tested together with others, and where."""


@every_file
def test_each_module_has_its_tests(path):
    module = name_of(path).partition(".")[0] or "package"
    homes = {f"test_{module}", ELSEWHERE.get(module, "")}
    assert any((TESTS / f"{home}.py").exists() for home in homes)
