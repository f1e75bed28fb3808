"""Sweeps: every combination, in order, on all cores; on this machine and on a Dask cluster."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
import traceback
from contextlib import contextmanager
from pathlib import Path

import networkx as nx
import pytest
import test_children
from tools import eventually, on_thread

from p2pkit import Link, Message, Protocol, SimNetwork, on
from p2pkit.errors import NetworkError

joblib = pytest.importorskip("joblib", reason="sweeps need p2pkit[sweep]")
pandas = pytest.importorskip("pandas", reason="sweeps need p2pkit[sweep]")

from p2pkit import progress, sweep  # noqa: E402

MINUTE = 60.0  # a busy machine takes its time to start processes
mark, notebook = test_children.mark, test_children.notebook
posix = pytest.mark.skipif(not Path("/proc").exists(), reason="finds processes in /proc")


class Rumor(Message):
    text: str


class Gossip(Protocol):
    fanout = 3

    def on_start(self):
        self.heard = set()

    @on(Rumor)
    def hear(self, rumor, sender):
        if rumor not in self.heard:
            self.heard.add(rumor)
            for peer in self.sample(self.fanout):
                self.send(peer, rumor)


def gossip(fanout, loss, seed):
    graph = nx.random_regular_graph(6, 30, seed=1)
    with SimNetwork(Gossip.using(fanout=fanout), graph, link=Link(loss=loss), seed=seed) as net:
        net.tell("n0", Rumor("hello"))
        net.run(5)
        return {
            "heard": sum(Rumor("hello") in node.heard for node in net),
            "messages": net.trace.count(kind="send"),
            "digest": net.trace.digest(),
        }


GRID = {"fanout": [3, 1, 2], "loss": [0, 0.3]}


def here(*args):
    """Do a sweep in this process."""
    with joblib.parallel_config(n_jobs=1):
        return sweep(*args)


def shown(error):
    return "".join(traceback.format_exception(error))


# The table


def test_there_is_a_row_for_each_call_in_the_order_of_the_grid():
    frame = sweep(lambda b, a, seed: {"product": a * b + seed}, {"b": [3, 1], "a": [2, 5]}, seeds=2)
    assert list(frame.columns) == ["b", "a", "seed", "product"]
    calls = [(b, a, seed) for b in (3, 1) for a in (2, 5) for seed in (0, 1)]
    assert list(frame.itertuples(index=False, name=None)) == [
        (b, a, seed, a * b + seed) for b, a, seed in calls
    ]
    assert list(frame.index) == list(range(8))


def test_rows_are_in_order_whichever_run_is_done_first():
    def slow_at_first(seed):
        time.sleep(0.2 if seed == 0 else 0)
        return {"seed squared": seed**2}

    frame = sweep(slow_at_first, {}, seeds=40)
    assert list(frame["seed squared"]) == [seed**2 for seed in range(40)]


def test_seeds_are_a_number_or_the_seeds_themselves():
    assert list(here(lambda seed: -seed, {}, 3).result) == [0, -1, -2]
    for seeds in ([7, 5], (7, 5), iter([7, 5]), range(7, 3, -2)):
        assert list(here(lambda seed: -seed, {}, seeds).result) == [-7, -5]


def test_the_frame_is_the_same_on_any_number_of_cores():
    with joblib.parallel_config(n_jobs=1):
        one = sweep(gossip, GRID, seeds=2)
    assert one.digest.nunique() == len(one) == 12
    assert one[one.fanout == 1].heard.max() < one[one.fanout == 3].heard.min()
    pandas.testing.assert_frame_equal(sweep(gossip, GRID, seeds=2), one)
    with joblib.parallel_config(n_jobs=3):
        pandas.testing.assert_frame_equal(sweep(gossip, GRID, seeds=2), one)
    for backend in ("threading", "multiprocessing", "loky"):
        with joblib.parallel_config(backend=backend, n_jobs=2):
            pandas.testing.assert_frame_equal(sweep(gossip, GRID, seeds=2), one)


def test_a_run_that_leaves_a_key_out_leaves_its_place_empty():
    frame = here(lambda seed: {"odd": True, "b": 1} if seed % 2 else {"a": 2.0}, {}, 4)
    assert list(frame.columns) == ["seed", "a", "odd", "b"]
    assert list(frame.a.isna()) == [False, True, False, True]
    assert list(frame.odd.isna()) == [True, False, True, False]


def test_what_is_no_dict_is_in_the_column_result_whatever_it_is():
    things = [b"raw", [1, 2], (3,), Rumor("x"), pandas.DataFrame({"a": [1]}), {4}]
    for do in (here, sweep):
        results = list(do(lambda seed: things[seed], {}, len(things)).result)
        assert [type(result) for result in results] == [type(thing) for thing in things]
        assert results[:4] == things[:4]
        assert results[4].equals(things[4])


def test_parameters_may_be_classes_and_graphs():
    grid = {"protocol": [Gossip, Gossip.using(fanout=1)], "graph": [nx.path_graph(3)]}

    def run(protocol, graph, seed):
        return {"fanout": protocol.fanout, "size": len(graph), "same": protocol}

    frame = sweep(run, grid, 1)
    assert list(frame.fanout) == [3, 1]
    assert list(frame["size"]) == [3, 3]
    assert list(frame.same) == list(frame.protocol) == grid["protocol"]
    assert frame.graph[0] is grid["graph"][0]


def test_classes_that_processes_make_themselves_do_not_get_mixed_up():
    def run(seed):
        class Own(Message):
            number: int

        time.sleep(0.05)  # so that the other process has its share
        made.append(Own)
        return {"pid": os.getpid(), "one": made[0](seed), "own": made[0]}

    made = []
    with joblib.parallel_config(n_jobs=2):
        frame = sweep(run, {}, 12)
    pairs = frame[["pid", "own"]].drop_duplicates()
    assert pairs.pid.nunique() == pairs.own.nunique() == len(pairs) == 2
    assert [row.own(row.seed) for row in frame.itertuples()] == list(frame.one)


def test_no_sweep_takes_over_what_another_has_left_as_its_state():
    def run(seed):
        return count.append(seed) or len(count)

    count = []
    with joblib.parallel_config(backend="loky", n_jobs=2):  # which keeps its processes
        assert sum(sweep(run, {}, 2).result) <= 3
        assert sum(sweep(run, {}, 2).result) <= 3


# What a caller may have got wrong


def never(a, seed):
    raise AssertionError("this was to be refused before")


@pytest.mark.parametrize(
    ("arguments", "error", "sentence"),
    [
        ((never, {"b": [1]}, 1), TypeError, r"never\(a, seed\) cannot .* b, seed, .*argument"),
        ((never, {}, 1), TypeError, r"missing a required argument: 'a'"),
        ((lambda a: a, {"a": [1]}, 1), TypeError, "unexpected keyword argument 'seed'"),
        ((never, {"a": 5}, 1), TypeError, "a is 5: a list"),
        ((never, {"a": "xyz"}, 1), TypeError, "a is 'xyz': a list"),
        ((never, {"a": {1, 2}}, 1), TypeError, "a is {1, 2}: a list of values, in their order"),
        ((never, {"a": []}, 1), ValueError, "a has no values"),
        ((never, {"a": [1]}, 0), ValueError, "seeds has no values"),
        ((never, {"a": [1]}, 2.5), TypeError, "seeds is 2.5"),
        ((never, {"a": [1], "seed": [1]}, 1), ValueError, "seed is no parameter of the grid"),
        ((never, [1, 2], 1), TypeError, r"a grid is a dict.* not \[1, 2\]"),
        (({"result": 1}, {}, 1), TypeError, "needs the function itself.*{'result': 1}"),
    ],
)
def test_what_does_not_go_together_is_refused_before_anything_runs(arguments, error, sentence):
    with pytest.raises(error, match=sentence):
        sweep(*arguments)


def test_a_function_that_cannot_travel_is_refused_with_the_name_of_what_is_wrong():
    lock = threading.Lock()

    def run(seed):
        return lock.locked()

    with pytest.raises(NetworkError, match=r"lock, which .*run uses"):
        sweep(run, {}, 2)


@pytest.mark.parametrize("do", [here, sweep])
def test_a_result_that_has_no_place_in_the_table_is_refused_with_the_call(do):
    def idle(a, seed):
        pass

    with pytest.raises(ValueError, match=r"^idle\(a='x', seed=\d\) has returned nothing"):
        do(idle, {"a": ["x"]}, 2)
    with pytest.raises(ValueError, match=r"\(a=1, seed=\d\) has returned 'a', which is a param"):
        do(lambda a, seed: {"a": a}, {"a": [1]}, 2)
    with pytest.raises(ValueError, match="has returned 'result'"):
        do(lambda result, seed: 1, {"result": [1]}, 2)


def test_a_result_that_cannot_travel_is_refused_with_the_call():
    with pytest.raises(NetworkError, match="generator") as caught:
        sweep(lambda seed: (number for number in "abc"), {}, 2)
    assert re.search(r"which this repeats: <lambda>\(seed=\d\)", shown(caught.value))


# What goes wrong in a run


class Odd(Exception):
    """An error of a student's own."""


def breaks(fanout, loss, seed):
    if (fanout, loss, seed) == (3, 0.1, 7):
        raise Odd("mine")  # this line
    return 1


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_exception_in_a_run_comes_with_its_line_and_the_call_that_repeats_it(jobs):
    with joblib.parallel_config(n_jobs=jobs), pytest.raises(Odd, match=r"^mine") as caught:
        sweep(breaks, {"fanout": [2, 3], "loss": [0, 0.1]}, seeds=10)
    text = shown(caught.value)
    assert "which this repeats: breaks(fanout=3, loss=0.1, seed=7)" in text
    assert re.search(r'test_sweep.py", line \d+, in breaks\n\s+raise Odd\("mine"\)  # this', text)
    with pytest.raises(Odd):
        eval("breaks(fanout=3, loss=0.1, seed=7)")


def test_an_exception_stops_the_other_runs(tmp_path):
    def run(seed):
        (tmp_path / str(seed)).touch()
        if seed == 3:
            raise Odd
        time.sleep(0.05)
        return 1

    with pytest.raises(Odd):
        sweep(run, {}, 1000)
    assert len(list(tmp_path.iterdir())) < 500
    begun = len(list(tmp_path.iterdir()))
    time.sleep(0.2)
    assert len(list(tmp_path.iterdir())) == begun


def test_an_error_of_a_node_keeps_what_the_network_says_about_it():
    class Bad(Gossip):
        @on(Rumor)
        def hear(self, rumor, sender):
            return 1 / 0

    def run(seed):
        with SimNetwork(Bad, 3, seed=seed) as net:
            net.tell("n1", Rumor("x"))
            net.run(1)

    with pytest.raises(ZeroDivisionError) as caught:
        sweep(run, {}, 2)
    notes = "\n".join(caught.value.__notes__)
    assert re.search(r"at node n1.*\n.*which this repeats: run\(seed=\d\)", notes)


def test_a_process_that_dies_is_an_error():
    with pytest.raises(Exception, match="unexpectedly terminated"):
        sweep(lambda seed: os._exit(3), {}, 2)
    assert list(sweep(lambda seed: seed, {}, 2).result) == [0, 1]


# Processes


def test_all_cores_are_used_and_no_process_does_two_sweeps():
    def meet(seed, folder):
        (folder / str(seed)).touch()
        return eventually(lambda: len(list(folder.iterdir())) == 2) and os.getpid()

    def run(folder, seed):
        return meet(seed, folder)

    import tempfile

    pids = set()
    with joblib.parallel_config(n_jobs=2):
        for _ in range(2):
            with tempfile.TemporaryDirectory() as folder:
                pids |= set(sweep(run, {"folder": [Path(folder)]}, 2).result)
    assert len(pids) == 4
    assert os.getpid() not in pids


def test_a_module_that_has_changed_is_not_used_as_it_was(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "changing.py").write_text("def run(seed):\n    return 'old'\n")
    import changing

    assert set(sweep(changing.run, {}, 2).result) == {"old"}
    (tmp_path / "changing.py").write_text("def run(seed):\n    return 'brand new'\n")
    assert set(sweep(changing.run, {}, 2).result) == {"brand new"}


def test_a_setting_of_joblibs_is_respected():
    assert set(here(lambda seed: os.getpid(), {}, 3).result) == {os.getpid()}
    with joblib.parallel_config(backend="threading", n_jobs=2):
        assert set(sweep(lambda seed: os.getpid(), {}, 3).result) == {os.getpid()}
    with joblib.parallel_config(backend="loky", n_jobs=2):
        assert os.getpid() not in set(sweep(lambda seed: os.getpid(), {}, 3).result)


def test_the_name_is_always_the_function():
    script = """
import p2pkit.sweep
from p2pkit import sweep
assert sweep is p2pkit.sweep is sys.modules["p2pkit.sweep"].sweep
sweep(lambda seed: seed, {}, 2)
assert sweep is p2pkit.sweep
assert not {"dask", "distributed"} & set(sys.modules)
"""
    ran("import sys\n" + script)


@pytest.mark.parametrize("package", ["joblib", "pandas", "cloudpickle"])
def test_a_package_that_is_missing_is_named(package):
    script = f"""
import sys
sys.modules["{package}"] = None
try:
    from p2pkit import sweep
    sweep(lambda seed: seed, {{}}, 2)
except ImportError as error:
    assert str(error) == 'sweeps need more packages: pip install "p2pkit[sweep]"', error
else:
    raise AssertionError
"""
    ran(script)


def ran(script, expected=""):
    """Run a script as a program of its own, and check what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | {"PYTHONPATH": test_children.ROOT},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, expected, "")


# The end, however it comes


LONG = "import time\nfrom p2pkit import sweep\ndef run(seed):\n    time.sleep(600)\n    return 1\n"


@posix
def test_ctrl_c_ends_a_sweep_and_all_its_processes(mark):
    one_is_idle = (  # both write their line at once, so that it stays whole
        "import joblib, os\ndef some(seed):\n    os.write(1, b'run\\n')\n    return seed or run(0)\n"
    )
    sweeping = "with joblib.parallel_config(n_jobs=2):\n    sweep(some, {}, 2)"
    with started(mark, LONG + one_is_idle + sweeping) as parent:
        assert [parent.stdout.readline() for _ in range(2)] == ["run\n"] * 2
        os.killpg(parent.pid, signal.SIGINT)  # as a terminal does
        _, errors = parent.communicate(timeout=MINUTE)
    assert parent.returncode == -signal.SIGINT
    assert errors.endswith("\nKeyboardInterrupt\n")
    assert errors.count("Traceback") == 1
    test_children.all_gone(mark)


@posix
def test_no_process_outlives_a_parent_that_is_killed(mark):
    with started(mark, LONG + "print('go')\nsweep(run, {}, 50)") as parent:
        parent.stdout.readline()
        eventually(lambda: len(at_work(mark)) >= 3, within=MINUTE)
        parent.kill()
        parent.communicate(timeout=MINUTE)
    test_children.all_gone(mark, within=MINUTE)


@posix
def test_no_process_is_left_after_a_sweep(mark):
    script = LONG + "sweep(lambda seed: seed, {}, 50)\nprint('done')\ntime.sleep(600)"
    with started(mark, script) as parent:
        parent.stdout.readline()
        assert at_work(mark) == [parent.pid]
        parent.kill()
        parent.communicate(timeout=MINUTE)


def at_work(mark):
    """Return the processes of a test, but for those that keep books for others all the time."""
    found = []
    for pid in test_children.marked(mark):
        try:
            line = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            continue  # it has ended meanwhile
        if b"resource_tracker" not in line:
            found.append(pid)
    return found


@contextmanager
def started(mark, script):
    """Start a script in a session of its own, as a terminal would, and end it when a test fails."""
    with subprocess.Popen(
        [sys.executable, "-c", script],
        env=test_children.environment(mark),
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as parent:
        try:
            yield parent
        finally:
            parent.kill()


# Programs and notebooks

CELL = """
from p2pkit import Message, Protocol, SimNetwork, on, sweep

class Rumor(Message):
    text: str
    hops: int = 0

class Gossip(Protocol):
    fanout = 3

    def on_start(self):
        self.heard = set()

    @on(Rumor)
    def hear(self, rumor, sender):
        if rumor not in self.heard:
            self.heard.add(rumor)
            for peer in self.sample(self.fanout):
                self.send(peer, rumor)

def run(fanout, seed):
    with SimNetwork(Gossip.using(fanout=fanout), 12, seed=seed) as net:
        net.tell("n0", Rumor("hello"))
        net.run(5)
        return {"heard": sum(bool(node.heard) for node in net), "rumor": Rumor("hello")}

frame = sweep(run, {"fanout": [1, 3]}, seeds=3)
assert all(rumor == Rumor("hello") and type(rumor) is Rumor for rumor in frame.rumor)
assert [run(**call)["heard"] for call in frame[["fanout", "seed"]].to_dict("records")] == list(frame.heard)
"""


def test_a_program_defines_all_that_it_uses(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(CELL)
    ran(f"import runpy; runpy.run_path({str(script)!r}, run_name='__main__')")
    ran(CELL)


@posix
def test_a_notebook_defines_what_it_uses_and_defines_it_again(notebook):
    for hops in (0, 1, 2):
        changed = CELL.replace("hops: int = 0", f"hops: int = {hops}")
        printed, error = notebook.run(changed + "\nprint(set(frame.rumor))")
        assert error is None, printed
        assert f"Rumor(text='hello', hops={hops})" in printed
    printed, error = notebook.run(
        "Gossip.fanout = 0\nprint(set(sweep(lambda seed: Gossip.fanout, {}, 4).result))"
    )
    assert (printed, error) == ("{0}\n", None)


@posix
def test_a_cell_can_be_interrupted_and_the_next_sweep_works(notebook, mark):
    notebook.start(LONG + "print('go')\nsweep(run, {}, 50)")
    eventually(lambda: len(at_work(mark)) >= 3, within=MINUTE)
    assert notebook.interrupt() == "KeyboardInterrupt"
    printed, error = notebook.run("print(list(sweep(lambda seed: seed, {}, 3).result))")
    assert (printed, error) == ("[0, 1, 2]\n", None)
    assert len(at_work(mark)) == 1


def test_a_notebook_stores_how_many_runs_there_were_and_nothing_else():
    nbclient = pytest.importorskip("nbclient")
    nbformat = pytest.importorskip("nbformat")
    code = "import time\nfrom p2pkit import sweep\n"
    code += "frame = sweep(lambda seed: time.sleep(0.02) or seed, {}, 20)"
    books = []
    for _ in range(2):
        book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code, id="one")])
        client = nbclient.NotebookClient(book, kernel_name="python3", record_timing=False)
        client.km = client.create_kernel_manager()
        client.km.transport_encryption = "auto"
        client.execute(env=os.environ | {"PYTHONPATH": test_children.ROOT})
        books.append(nbformat.writes(book))
    [output] = book.cells[0].outputs
    assert output.output_type == "display_data"
    assert output.data == {"text/plain": "20 of 20 runs"}
    assert books[0] == books[1]


# A cluster


@pytest.fixture(scope="module")
def dask():
    return pytest.importorskip("distributed", reason="clusters need p2pkit[cluster]")


@pytest.fixture
def cluster(dask):
    """A Dask cluster on this machine, whose two workers are processes, and its client."""
    options = {"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0", "silence_logs": 50}
    with (
        dask.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, **options) as home,
        dask.Client(home) as client,
    ):
        yield client


def workers(client):
    """Return the processes of a cluster's workers."""
    return set(client.run(os.getpid).values())


def with_pid(fanout, loss, seed):
    return gossip(fanout, loss, seed) | {"pid": os.getpid(), "rumor": Rumor("x")}


def test_on_a_cluster_the_frame_is_the_same(cluster):
    there = sweep(with_pid, GRID, 2)
    assert set(there.pid) == workers(cluster)
    local = here(with_pid, GRID, 2)
    pandas.testing.assert_frame_equal(there.drop(columns="pid"), local.drop(columns="pid"))
    assert type(there.rumor[0]) is Rumor


def test_the_cluster_is_left_alone_where_joblib_is_told_otherwise(cluster):
    assert set(here(lambda seed: os.getpid(), {}, 3).result) == {os.getpid()}
    with joblib.parallel_config(backend="loky", n_jobs=2):
        assert not set(sweep(lambda seed: os.getpid(), {}, 3).result) & workers(cluster)
    with joblib.parallel_config(n_jobs=2):  # says how many, and not where
        assert set(sweep(lambda seed: os.getpid(), {}, 3).result) <= workers(cluster)
    with joblib.parallel_config(backend="dask"):
        assert set(sweep(lambda seed: os.getpid(), {}, 3).result) <= workers(cluster)
    there = workers(cluster)
    cluster.close()
    assert not set(sweep(lambda seed: os.getpid(), {}, 3).result) & there


def test_an_exception_comes_back_and_nothing_is_left_on_the_cluster(cluster):
    def run(seed):
        time.sleep(0.01)
        breaks(3, 0.1, seed)
        return 1

    with pytest.raises(Odd) as caught:
        sweep(run, {}, 500)
    assert "which this repeats: run(seed=7)" in shown(caught.value)
    eventually(lambda: cluster.run_on_scheduler(lambda dask_scheduler: not dask_scheduler.tasks))
    assert list(sweep(lambda seed: seed, {}, 3).result) == [0, 1, 2]


def test_a_worker_that_is_killed_is_replaced_and_no_run_is_lost(cluster, tmp_path):
    def run(seed):
        (tmp_path / f"{os.getpid()} {seed}").touch()
        time.sleep(0.05)
        return seed

    victim = min(workers(cluster))

    def kill():
        eventually(lambda: len(list(tmp_path.glob(f"{victim} *"))) > 3)
        os.kill(victim, signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL)

    thread = on_thread(kill)
    frame = sweep(run, {}, 40)
    thread.join()
    assert list(frame.result) == list(range(40))
    assert victim not in workers(cluster)


def test_a_cluster_of_one_core_is_used_and_so_are_workers_that_come_later(dask, tmp_path):
    def run(seed):
        (tmp_path / str(os.getpid())).touch()
        time.sleep(0.05)
        return os.getpid()

    def waiting(dask_scheduler):
        return len(dask_scheduler.tasks)

    options = {"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0", "silence_logs": 50}
    with (
        dask.LocalCluster(n_workers=0, threads_per_worker=1, processes=True, **options) as home,
        dask.Client(home) as client,
    ):

        def grow():
            home.scale(1)
            eventually(lambda: list(tmp_path.iterdir()), within=MINUTE)
            eventually(lambda: client.run_on_scheduler(waiting) > 50)  # for those that come later
            home.scale(2)

        thread = on_thread(grow)
        pids = set(sweep(run, {}, 200).result)
        thread.join()
        assert pids == workers(client)
        assert len(pids) == 2


def test_threads_of_one_worker_do_not_get_in_each_others_way(dask):
    options = {"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0", "silence_logs": 50}
    with (
        dask.LocalCluster(n_workers=1, threads_per_worker=4, processes=True, **options) as home,
        dask.Client(home),
    ):
        frame = sweep(gossip, GRID, 4)
    pandas.testing.assert_frame_equal(frame, here(gossip, GRID, 4))


PROGRAM = """
import os
{cell}
if __name__ == "__main__":
    from dask.distributed import Client, LocalCluster
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1",
                      dashboard_address="127.0.0.1:0") as home, Client(home) as client:
        pids = set(sweep(lambda seed: os.getpid(), {{}}, 20).result)
        assert pids <= set(client.run(os.getpid).values())
        frame = sweep(run, {{"fanout": [1, 3]}}, seeds=3)
        assert all(rumor == Rumor("hello") and type(rumor) is Rumor for rumor in frame.rumor)
        heard = [run(**call)["heard"] for call in frame[["fanout", "seed"]].to_dict("records")]
        assert heard == list(frame.heard)
"""


@pytest.mark.usefixtures("dask")
def test_a_program_defines_what_it_uses_on_a_cluster(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(PROGRAM.format(cell=CELL.partition("\nframe")[0]))
    done = subprocess.run(
        [sys.executable, script],
        env=os.environ | {"PYTHONPATH": test_children.ROOT},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@posix
@pytest.mark.usefixtures("dask")
def test_a_notebook_defines_what_it_uses_on_a_cluster_and_defines_it_again(notebook):
    start = """
import os
from dask.distributed import Client, LocalCluster
home = LocalCluster(n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1",
                    dashboard_address="127.0.0.1:0")
client = Client(home)
"""
    assert notebook.run(start)[1] is None
    for hops in (0, 1):
        changed = CELL.replace("hops: int = 0", f"hops: int = {hops}")
        printed, error = notebook.run(changed + "\nprint(set(frame.rumor))")
        assert error is None, printed
        assert f"Rumor(text='hello', hops={hops})" in printed
    printed, error = notebook.run(
        "print(set(sweep(lambda seed: os.getpid(), {}, 9).result)"
        " <= set(client.run(os.getpid).values()))\nclient.close(); home.close()"
    )
    assert ("True" in printed, error) == (True, None)


@posix
def test_the_cluster_of_these_tests_is_on_this_machine_only(cluster):
    psutil = pytest.importorskip("psutil")
    ours = psutil.Process()
    sockets = [
        socket
        for process in [ours, *ours.children(recursive=True)]
        for socket in process.net_connections(kind="inet")
        if socket.status == psutil.CONN_LISTEN
    ]
    assert len(sockets) > 3
    assert {socket.laddr.ip for socket in sockets} <= {"127.0.0.1", "::1"}


# Progress


@pytest.fixture
def clock(monkeypatch):
    """The time that progress goes by."""
    now = [100.0]
    monkeypatch.setattr(progress, "monotonic", lambda: now[0])
    return now


class Screen(progress.Nowhere):
    def __init__(self):
        self.shown = []

    def show(self, text):
        self.shown.append(text)

    def end(self, text, took):
        self.shown.append(text + took)


def test_progress_says_how_many_how_long_and_how_long_to_go(monkeypatch, clock):
    screen = Screen()
    monkeypatch.setattr(progress, "_screen", lambda: screen)
    with progress.Progress(2000, "runs") as shown:
        shown.say("waiting")
        for _ in range(2000):
            clock[0] += 0.06
            shown.step()
    assert screen.shown[:3] == ["0 of 2,000 runs", "waiting", "2 of 2,000 runs, 0 s, 2 min to go"]
    assert "1,000 of 2,000 runs, 60 s, 60 s to go" in screen.shown
    assert screen.shown[-1] == "2,000 of 2,000 runs, 2 min"
    assert len(screen.shown) == 1003  # not oftener than an eye follows


class Tty:
    def __init__(self):
        self.text = ""

    def isatty(self):
        return True

    def write(self, text):
        self.text += text

    def flush(self):
        pass


def test_in_a_terminal_progress_is_one_line(monkeypatch, clock):
    tty = Tty()
    monkeypatch.setattr(sys, "stderr", tty)
    with progress.Progress(3, "runs") as shown:
        for _ in range(2):
            clock[0] += 700
            shown.step()
        shown.say("!")
    assert tty.text.endswith("\n")
    lines = [line.rstrip() for line in tty.text.rstrip("\n").split("\r")]
    assert lines == [
        *("", "0 of 3 runs", "1 of 3 runs, 12 min, 23 min to go"),
        *("2 of 3 runs, 23 min, 12 min to go", "!", "2 of 3 runs, 23 min"),
    ]
    assert "!" + " " * 32 in tty.text  # nothing of the longer line is left


def test_nothing_is_shown_where_nobody_looks(capfd):
    sweep(lambda seed: seed, {}, 3)
    assert capfd.readouterr() == ("", "")
