"""The command line: what it does, what it says when it cannot, and that Ctrl-C always ends it."""

import os
import re
import struct
import subprocess
import sys
import time
from pathlib import Path

import networkx as nx
import pytest
from program import HOUSE, interrupts
from typer.testing import CliRunner

import p2pkit
from p2pkit import Link, LocalNetwork, Message, Protocol, Trace, arguments, doctor, on, terminal
from p2pkit.cli import app
from p2pkit.console import Console
from p2pkit.demo import Story, choose_halves, choose_victims
from p2pkit.errors import P2PKitError, ProtocolError
from p2pkit.news import News, at_a_node
from p2pkit.protocols.flood import Flood, Rumor
from p2pkit.protocols.gossip import Rumor as Heard
from p2pkit.protocols.repair import Notes, RepairedGossip
from p2pkit.stats import latencies
from p2pkit.testing import alone
from p2pkit.topology import TOPOLOGIES, build, named

FLOOD = "p2pkit.protocols.flood:Flood"

DIARY = """
from p2pkit import Protocol

class Diary(Protocol):
    def on_start(self):
        self.log("I begin")
"""

LESSON = """
from p2pkit import Message, Protocol, on

class Rumor(Message):
    text: str

class Gossip(Protocol):
    fanout = 3
    share = 0.5

    def on_start(self):
        self.heard = set()

    @on(Rumor)
    def hear(self, rumor, sender):
        if rumor.text == "trap":
            return self.nothing_there
        while rumor.text == "loop":
            pass
        if rumor not in self.heard:
            self.heard.add(rumor)
            self.broadcast(rumor, but=sender)

class Selfish(Gossip):
    @on(Rumor)
    def hear(self, rumor, sender):
        self.heard.add(rumor)

class Wrong(Gossip):
    def on_connect(self, peer):
        self.send(peer, Rumor(5))
"""


def run(*words, text=None):
    """Run a command in this process."""
    return CliRunner().invoke(app, list(words), input=text)


@pytest.fixture
def lesson(tmp_path, monkeypatch):
    """Stand in a directory with a student's file in it, whose module has a name of its own."""
    module = f"lesson_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{module}.py").write_text(LESSON)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield module
    sys.modules.pop(module, None)


# demo


def png_size(path):
    head = path.read_bytes()[:24]
    assert head.startswith(b"\x89PNG")
    return struct.unpack(">II", head[16:24])


def test_the_demo_tells_its_story_and_leaves_a_picture(tmp_path):
    out = tmp_path / "picture.png"
    result = run("demo", "--out", str(out), "--nodes", "16", "--seed", "3")
    assert result.exit_code == 0, result.output
    assert png_size(out) == (1300, 600)
    assert "16 nodes are up" in result.output
    assert "All 16 have heard it" in result.output
    assert "All 14 who live have heard it" in result.output
    assert "Nobody on the other side has" in result.output
    assert "\x1b" not in result.output


def test_the_demo_as_a_program_needs_no_screen_and_no_settings(start, tmp_path):
    program = start("demo")
    program.expect("40 nodes are up")
    code, said, errors = program.end()
    assert (code, errors) == (0, ""), errors
    assert "All 38 who live have heard it" in said
    assert png_size(tmp_path / "p2pkit-demo.png") == (1300, 600)


def test_the_demo_leaves_a_film_if_it_is_asked_to(tmp_path):
    out, film = tmp_path / "picture.png", tmp_path / "film.gif"
    words = ("--out", str(out), "--animate", str(film), "--nodes", "12", "--processes", "0")
    result = run("demo", *words)
    assert result.exit_code == 0, result.output
    assert "all that happened" in result.output
    assert film.read_bytes().startswith(b"GIF89a")
    assert film.stat().st_size > 50_000


def test_the_demo_refuses_a_film_before_the_story_begins(tmp_path):
    result = run("demo", "--animate", str(tmp_path / "film.avi"))
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "ends in .gif or .mp4" in result.stderr
    assert result.stderr.count("\n") == 1


def test_the_demo_fails_if_its_story_does_not_hold(monkeypatch, tmp_path):
    monkeypatch.setattr("p2pkit.demo.PATIENCE", 0.5)
    monkeypatch.setattr("p2pkit.protocols.repair.RepairedGossip.compare", lambda self: None)
    result = run(
        "demo", "--out", str(tmp_path / "picture.png"), "--nodes", "16", "--processes", "0"
    )
    assert result.exit_code == 1
    assert "nodes did not hear it in" in result.stderr
    assert not (tmp_path / "picture.png").exists()


def test_the_demo_refuses_a_picture_it_could_not_save(tmp_path):
    for out in ("picture.xyz", str(tmp_path / "nowhere" / "picture.png")):
        result = run("demo", "--out", out)
        assert result.exit_code == 1
        assert result.stdout == ""
        assert result.stderr.count("\n") == 1


def test_the_live_demo_tells_its_story_even_if_nobody_watches(monkeypatch, tmp_path, nothing_left):
    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr("p2pkit.demo.VIEWER_WITHIN", 0.1)
    monkeypatch.setattr("p2pkit.demo._stay", interrupted)
    monkeypatch.setattr("p2pkit.live.page.webbrowser.open", lambda url: False)
    out = tmp_path / "picture.png"
    words = ("--out", str(out), "--nodes", "12", "--processes", "0")
    result = run("demo", "--live", *words)
    assert result.exit_code == 130
    lines = result.stdout.splitlines()
    assert re.fullmatch(
        r"Watch it at http://127\.0\.0\.1:\d+/\S+/  \(open it in a browser\)", lines[0]
    )
    assert lines[1:3] == [
        "It begins when somebody watches, or in 0 s.",
        "Nobody watches; it begins all the same.",
    ]
    assert "12 nodes are up" in lines[3]
    assert lines[-1] == "The page stays, and plays it again and slower. Ctrl-C ends it."
    assert png_size(out) == (1300, 600)


@pytest.mark.parametrize("n", [8, 9, 19, 28, 40, 59, 101])
def test_the_demo_never_isolates_a_survivor(n):
    for seed in range(12):
        graph = named(build("small-world", n, seed))
        halves = choose_halves(graph)
        victims = choose_victims(graph, halves, min(halves[0]), seed)
        assert min(halves[0]) not in victims
        assert all(nx.is_connected(graph.subgraph(half.difference(victims))) for half in halves)


def test_a_leak_through_the_split_would_be_noticed(monkeypatch):
    with LocalNetwork(Flood, nx.cycle_graph(8)) as net:
        story = Story(net, lambda text, style: None)
        monkeypatch.setattr(net, "partition", lambda *groups: None)
        monkeypatch.setattr("p2pkit.demo.SECOND", Rumor("leak"))
        with pytest.raises(P2PKitError, match="heard it across the split"):
            story.split()


def test_a_repair_tells_what_is_missing_and_nothing_else():
    with alone(RepairedGossip, peers=["a"]) as bench:
        bench.tell(Heard("new"))
        bench.expect("a", Heard("new"))
        bench.receive(Notes(frozenset({"old"})), "a")
        bench.expect("a", Heard("new"))
        bench.receive(Notes(frozenset({"new"})), "a")
        bench.expect_silence()
        bench.advance(2 * RepairedGossip.pause)
        bench.expect("a", Notes(frozenset({"new"})))


# launch


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_launch_runs_every_topology_and_sums_up(topology):
    words = ("launch", FLOOD, "--topology", topology, "--nodes", "5", "--console")
    result = run(*words, text="tell n0 Rumor hello\nwait 0.2\nlist\n")
    assert result.exit_code == 0, result.output
    assert result.stdout.count("heard={Rumor(text='hello')}") == 5
    assert "nodes     5\n" in result.stdout
    assert "p50" in result.stdout
    assert result.stderr == ""


def test_launch_reads_a_topology_from_a_file(tmp_path):
    (tmp_path / "edges.csv").write_text("ann,bob\nbob,eve\n")
    words = ("--topology", str(tmp_path / "edges.csv"), "--console")
    result = run("launch", FLOOD, *words, text="tell ann Rumor hello\nwait 0.2\nshow eve\n")
    assert "{Rumor(text='hello')}" in result.stdout


@pytest.mark.parametrize("place", ["{}", "{}.py", "./{}.py"])
def test_launch_finds_a_students_class(lesson, place):
    module = place.format(lesson)
    options = ("--set", "fanout=4", "--roles", f"n1={module}:Selfish", "--nodes", "3")
    text = "tell n1 Rumor mine\nwait 0.2\nshow n1\nshow n0\ncall n0 sample 9\n"
    result = run("launch", f"{module}:Gossip", *options, "--console", text=text)
    assert result.exit_code == 0, result.output
    assert "n1       Selfish" in result.stdout
    assert result.stdout.count("{Rumor(text='mine')}") == 1
    assert "['n" in result.stdout


def test_launch_saves_the_trace(tmp_path):
    out = tmp_path / "out.jsonl"
    words = ("--nodes", "4", "--seconds", "0.1", "--link", "latency=0.01..0.02,loss=0.5")
    result = run("launch", "p2pkit.protocols.bootstrap:Bootstrap", *words, "--trace", str(out))
    assert result.exit_code == 0, result.output
    trace = Trace.load(out)
    assert trace.count(kind="start") == 4
    lost = trace.count(kind="drop", reason="lost")
    assert lost > 0
    assert f"lost {lost}" in result.stdout


def test_the_disks_are_where_data_says(lesson, tmp_path):
    Path("keeper.py").write_text(
        "from p2pkit import Protocol\n"
        "class Keeper(Protocol):\n"
        "    def on_start(self):\n"
        "        self.disk['runs'] = self.disk.get('runs', 0) + 1\n"
        "        self.runs = self.disk['runs']\n"
    )
    for runs in (1, 2):
        words = ("--nodes", "1", "--data", "disks", "--console")
        result = run("launch", "keeper.py:Keeper", *words, text="list\n")
        assert f"runs={runs}" in result.stdout
    sys.modules.pop("keeper")


# What goes wrong is said in a sentence


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["launch"], "Missing argument"),
        (["lunch"], "No such command"),
        (["launch", "flood"], "write MODULE:CLASS, as in gossip:Gossip"),
        (["launch", "flod:Flood"], "did you mean p2pkit.protocols.flood?"),
        (["launch", "..:Flood"], "there is no module .."),
        (["launch", "nowhere.py:Flood"], "there is no file"),
        (["launch", "p2pkit.protocols.flood:Rumor"], "the protocols there are: Flood"),
        (["launch", "p2pkit.protocols.flood:Flud"], "there is no Flud"),
        (["launch", "p2pkit.link:Link"], "nor is there any Protocol"),
        (["launch", FLOOD, "--set", "fanout=3"], "Flood has no parameter fanout"),
        (["launch", FLOOD, "--set", "fanout"], "write NAME=VALUE"),
        (["launch", FLOOD, "--link", "speed=1"], "a link has no speed"),
        (["launch", FLOOD, "--link", "latency=fast"], "is a number"),
        (["launch", FLOOD, "--link", "ordered=1"], "True or False"),
        (["launch", FLOOD, "--link", "loss=2"], "a share lies between 0 and 1"),
        (["launch", FLOOD, "--topology", "rnig"], "did you mean 'ring'?"),
        (["launch", FLOOD, "--nodes", "0"], "--nodes"),
        (["launch", FLOOD, "--roles", f"n99={FLOOD}"], "there is no node n99"),
        (["launch", FLOOD, "--trace", "/no/where.jsonl"], "there is no directory"),
        (["node", FLOOD, "--port", "70000"], "--port"),
        (["node", FLOOD, "--host", "256.0.0.1"], "cannot listen on 256.0.0.1:0"),
    ],
)
def test_a_mistake_is_answered_with_one_sentence(words, sentence):
    result = run(*words)
    assert result.exit_code in (1, 2)
    assert sentence in result.stderr
    assert result.stderr.strip().count("\n") == 0
    assert result.stdout == ""


def test_a_number_stays_a_number(lesson):
    result = run("launch", f"{lesson}:Gossip", "--set", "fanout=four")
    assert result.stderr == "Gossip.fanout is a number, as in fanout=3, not 'four'\n"


def test_a_students_exception_shows_the_students_lines(lesson):
    result = run("launch", f"{lesson}:Wrong", "--nodes", "2", "--seconds", "1")
    assert result.exit_code == 1
    lines = result.stderr.splitlines()
    assert lines[0] == "In your code:"
    assert lines[1].endswith("in on_connect")
    assert lines[2].strip() == "self.send(peer, Rumor(5))"
    assert "Rumor.text is declared as str" in result.stderr
    assert "at node n0" in result.stderr
    assert not any(str(Path(p2pkit.__file__).parent) in line for line in lines)


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("class Gossip(Protocol:\n", "SyntaxError"),
        ("import not_installed_anywhere\n", "No module named 'not_installed_anywhere'"),
        ("from p2pkit import Message\nclass A(Message):\n    a: list\n", "A.a is a list"),
        ("1 / 0\n", "ZeroDivisionError"),
    ],
)
def test_a_file_that_cannot_be_imported_shows_where(lesson, program, said):
    Path("broken.py").write_text(program)
    for place in ("broken.py", "broken"):
        result = run("launch", f"{place}:Gossip")
        assert result.exit_code == 1
        assert said in result.stderr
        assert "broken.py" in result.stderr
        assert "importlib" not in result.stderr
        assert "broken" not in sys.modules


def test_a_file_must_not_hide_a_module(lesson):
    Path("json.py").write_text(LESSON)
    result = run("launch", "json.py:Gossip")
    assert "json.py has the name of another module" in result.stderr


def test_a_networks_warning_is_a_sentence(capsys):
    class Chatty(Protocol):
        def shout(self):
            for _ in range(200):
                self.send("nobody", Rumor("hello"))

    with LocalNetwork(Chatty, 1) as net, terminal.hints_as_sentences():
        net.call("n0", "shout")
        answer = Console(net).execute("wait 0")
    assert answer == ""
    assert capsys.readouterr().err.startswith("hint: 200 drops, no such peer: ")


def test_a_file_whose_name_is_no_modules_is_asked_for_as_a_file(lesson):
    Path("my-lesson.py").write_text(LESSON)
    assert "write my-lesson.py:…" in run("launch", "my-lesson:Gossip").stderr
    assert run("launch", "my-lesson.py:Gossip", "--seconds", "0").exit_code == 0


def test_our_own_mistake_is_not_hidden():
    with pytest.raises(ZeroDivisionError):
        terminal.complain(ZeroDivisionError("in p2pkit"))


def test_without_typer_one_sentence_says_what_to_install():
    hidden = "import sys; sys.modules['typer'] = None; from p2pkit.__main__ import main; main()"
    here = os.environ | {"PYTHONPATH": HOUSE}
    done = subprocess.run([sys.executable, "-c", hidden], capture_output=True, text=True, env=here)
    assert done.returncode == 2
    assert done.stderr == 'The command line needs one more package: pip install "p2pkit[cli]"\n'


def test_help_and_version():
    for words in ([], ["--help"], ["demo", "--help"], ["launch", "--help"], ["node", "--help"]):
        result = run(*words)
        assert result.exit_code == 0
        assert "python -m p2pkit" in result.output
    assert run("--version").output == f"p2pkit {p2pkit.__version__}\n"


# Ctrl-C


@interrupts
def test_ctrl_c_ends_a_launch_with_its_summary(start, tmp_path):
    program = start("launch", FLOOD, "--nodes", "6", "--trace", "out.jsonl")
    program.expect("Ctrl-C ends it")
    program.interrupt()
    code, said, errors = program.end()
    assert (code, errors) == (130, "")
    assert "nodes     6" in said
    assert Trace.load(tmp_path / "out.jsonl").count(kind="start") == 6


@interrupts
@pytest.mark.parametrize("line", ["40 nodes are up", "crash", "split in two", "heals"])
def test_ctrl_c_ends_the_demo_anywhere(start, line):
    program = start("demo")
    program.expect(line)
    program.interrupt()
    code, _, errors = program.end()
    assert (code, errors) == (130, "")


@interrupts
@pytest.mark.parametrize("line", ["Watch it at", "It begins when somebody watches"])
def test_ctrl_c_ends_a_demo_that_waits_for_somebody(start, line):
    program = start("demo", "--live", "--nodes", "12")
    program.expect(line)
    program.interrupt()
    code, _, errors = program.end()
    assert (code, errors) == (130, "")


@interrupts
def test_ctrl_c_ends_a_console_that_waits_for_a_line(start):
    program = start("launch", FLOOD, "--nodes", "3", "--console")
    program.expect("help lists the commands")
    program.interrupt()
    code, said, errors = program.end()
    assert (code, errors) == (130, "")
    assert "nodes     3" in said


@interrupts
def test_ctrl_c_ends_a_handler_that_never_returns(start, tmp_path):
    (tmp_path / "lesson.py").write_text(LESSON)
    program = start("launch", "lesson.py:Gossip", "--nodes", "2", "--console")
    program.expect("help lists the commands")
    program.type("tell n0 Rumor loop")
    program.type("list")  # which waits for the nodes
    time.sleep(0.5)  # until it does; if it does not yet, the test is only easier
    program.interrupt()
    code, _, errors = program.end()
    assert code == 130
    assert "a handler did not return" in errors
    assert "in hear" in errors


# node


def test_two_nodes_in_two_programs_gossip(start, tmp_path):
    (tmp_path / "lesson.py").write_text(LESSON)
    ann = start("node", "lesson:Gossip", "--name", "ann", "--console")
    address = ann.expect("ann listens on").rpartition(" ")[2]
    assert ann.expect("In another terminal").endswith(f"lesson:Gossip --connect {address}")
    bob = start("node", "lesson.py:Gossip", "--name", "bob", "--connect", address, "--console")
    bob.expect("ann is connected")
    ann.expect("bob is connected")
    ann.type("tell ann Rumor 'hello bob'")
    bob.expect("ann: Rumor text='hello bob'")
    bob.type('tell bob Rumor "hello ann"')
    ann.expect("bob: Rumor text='hello ann'")
    bob.type("quit")
    assert bob.end()[0::2] == (0, "")
    ann.expect("bob is gone")
    assert ann.end()[0::2] == (0, "")  # its input ends


def test_a_node_says_why_it_could_not_connect(start):
    program = start("node", FLOOD, "--connect", "nonsense", "--console")
    program.expect("nonsense: 'nonsense' is no address")
    other = start("node", FLOOD, "--network", "another")
    address = other.expect("listens on").rpartition(" ")[2]
    assert "--network another" in other.expect("In another terminal")
    name = program.type("list") or program.expect("up").split()[0]
    program.type(f"connect {name} {address}")
    assert "belongs to the network 'another'" in program.expect("cannot connect")
    program.type("quit")
    assert program.end()[0] == 0


@interrupts
def test_ctrl_c_ends_a_node_in_good_order(start):
    ann = start("node", FLOOD, "--name", "ann")
    address = ann.expect("ann listens on").rpartition(" ")[2]
    bob = start("node", FLOOD, "--name", "bob", "--connect", address)
    ann.expect("bob is connected")
    bob.interrupt()
    assert bob.end()[0::2] == (130, "")
    ann.expect("bob is gone: closed by the other side")
    ann.interrupt()
    assert ann.end()[0::2] == (130, "")


def test_a_console_outlives_the_mistakes_of_a_handler(start, tmp_path):
    (tmp_path / "lesson.py").write_text(LESSON)
    ann = start("node", "lesson:Gossip", "--name", "ann")
    address = ann.expect("ann listens on").rpartition(" ")[2]
    bob = start("node", "lesson:Gossip", "--name", "bob", "--connect", address, "--console")
    bob.expect("ann is connected")
    bob.type("tell bob Rumor innocent")
    ann.expect("innocent")
    bob.type("call bob broadcast")  # a mistake is answered, and the console goes on
    bob.expect("TypeError")
    bob.type("tell bob Rumor trap")
    bob.type("list")
    bob.expect("down")
    code, _, errors = bob.end()
    assert code == 0
    # It is the answer to the line, or comes from the side: whoever asks the network first.
    assert "nothing_there" in errors + "".join(bob.seen)


def test_news_are_told_in_few_lines():
    trace = Trace()
    news = News(trace, at_a_node)
    trace.add(1.0, "connect", "ann", "bob")
    trace.add(1.5, "receive", "ann", "bob", "Rumor", data=b'["Rumor",{"text":"\\u001b[31m"}]')
    trace.add(2.0, "send", "ann", "bob", "Rumor")
    trace.add(2.5, "log", "ann", data=b'"x\\ny"')
    trace.add(3.0, "drop", "ann", None, reason="refused: no\x1b hello")
    assert [line.strip() for line in news.lines()] == [
        "1.00 s  bob is connected",
        r"1.50 s  bob: Rumor text='\x1b[31m'",
        r"2.50 s  log: x\ny",
        r"3.00 s  dropped, a stranger: refused: no\x1b hello",
    ]
    assert news.lines() == []
    for _ in range(100):
        trace.add(4.0, "disconnect", "ann", "bob", reason="silent")
    assert len(news.lines()) == 21


def test_what_nodes_log_is_shown_whether_there_is_a_console_or_not(start, tmp_path):
    (tmp_path / "lesson.py").write_text(LESSON)
    network = start("launch", "lesson:Gossip", "--nodes", "3", "--console")
    network.type("call n1 log 'what I have found'")
    network.expect("n1: what I have found")
    assert network.end()[0] == 0
    (tmp_path / "diary.py").write_text(DIARY)
    code, said, _ = start("launch", "diary:Diary", "--nodes", "3", "--seconds", "1").end()
    assert code == 0
    assert sorted(line.partition(" s  ")[2] for line in said.splitlines() if "begin" in line) == [
        f"n{number}: I begin" for number in range(3)
    ]


def test_a_node_without_a_console_ends_with_its_handlers_mistake(start, tmp_path):
    (tmp_path / "lesson.py").write_text(LESSON)
    ann = start("node", "lesson:Gossip", "--name", "ann")
    address = ann.expect("ann listens on").rpartition(" ")[2]
    eve = start("node", "lesson:Wrong", "--name", "eve", "--connect", address)
    code, _, errors = eve.end()
    assert code == 1
    assert "Rumor.text is declared as str" in errors
    ann.expect("eve is gone")


# The console


class Point(Message):
    x: int
    y: float = 0.5
    tags: frozenset[str] = frozenset()
    note: str | None = None
    raw: bytes = b""


class Plot(Protocol):
    def on_start(self):
        self.points = []

    @on(Point)
    def draw(self, point, sender):
        self.points.append(point)

    def put(self, key, value):
        return {key: value}


@pytest.fixture
def console():
    with LocalNetwork(Plot, nx.path_graph(4)) as net:
        yield Console(net)


def test_words_become_fields(console):
    for line, point in [
        ("tell n0 Point 1", Point(1)),
        ("tell n0 Point 1 2", Point(1, 2.0)),
        ("tell n0 Point -3 note=None raw=abc", Point(-3, raw=b"abc")),
        ("tell n0 Point x=4 note='a b=c'", Point(4, note="a b=c")),
        ("tell n0 Point y=1e3 5 \"{'a', 'b'}\" 42", Point(5, 1000.0, frozenset("ab"), "42")),
    ]:
        assert console.execute(line).startswith("n0 was told Point("), console.execute(line)
        assert console.net["n0"].points[-1] == point


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("tell n0 Point", "Point has the fields x, y, tags, note, raw: say x"),
        ("tell n0 Point one", "Point.x is declared as int"),
        ("tell n0 Point 1 x=2", "x is given twice"),
        ("tell n0 Point 1 2 () n r more", "is one too many"),
        ("tell n0 Pont 1", "Plot handles no message Pont: it handles Point"),
        ("tell n7 Point 1", "there is no node n7"),
        ("tell", "write it so: tell NODE MESSAGE FIELDS…"),
        ("tell n0 'Point", "No closing quotation"),
        ("call n0 put key 42", "{'key': 42}"),
        ("call n0 put", "TypeError"),
        ("call n0 fly", "Plot has no method fly"),
        ("conect", "did you mean connect?"),
        ("xyzzy", "help lists them"),
        ("wait long", "wait takes seconds"),
        ("list points", "node  state  peers  points\nn0    up     1      []\n"),
        ("list point", "no node has an attribute point: did you mean points?"),
        ("list put", "put is a method"),
        ("resume n0 n1", "write it so: resume NODE"),
        ("restart n0", "n0 is running"),
        ("partition n0,n1 n1", "one group of a partition, not in two"),
        ("connect n0 nowhere", "n0 cannot connect to nowhere: 'nowhere' is no address"),
        ("", ""),
        ("# a comment", ""),
    ],
)
def test_every_line_has_an_answer(console, line, answer):
    assert answer in console.execute(line)
    assert console.execute("list").count("up") == 4
    assert not console.is_over


def test_trouble_by_hand(console):
    net = console.net
    assert console.execute("crash n3") == "n3 is down"
    assert "n3 is down" in console.execute("tell n3 Point 1")
    assert "n3    down   0" in console.execute("list")
    assert console.execute("restart n3") == "n3 is up"
    assert console.execute("pause n1") == "n1 is paused"
    assert "n1    paused" in console.execute("list")
    assert console.execute("resume n1") == "n1 goes on"
    assert console.execute("join n9 n0 n3") == "n9 is up"
    assert set(net["n9"].peers) == {"n0", "n3"}
    console.execute("partition n0,n1 n2,n3")
    assert net.weather.is_cut("n1", "n2")
    assert net.weather.is_cut("n9", "n0")
    assert console.execute("heal") == "the network is whole"
    console.execute("cut n0 n9")
    assert net.weather.is_cut("n9", "n0")
    assert console.execute("leave n9") == "n9 is down"
    assert "crash" in console.execute("trace")
    assert "127.0.0.1:" in console.execute("show n0")
    assert console.execute("help").count("\n") == len(console._commands)
    assert console.execute("quit") == ""
    assert console.is_over


def test_completion(console):
    assert console.complete("", "") == list(console._commands)
    assert console.complete("te", "") == ["tell"]
    assert console.complete("n", "crash ") == ["n0", "n1", "n2", "n3"]
    assert console.complete("", "tell n0 ") == ["Point"]


# doctor


def test_the_doctor_finds_this_machine_well(start):
    code, said, errors = start("doctor").end()
    assert (code, errors) == (0, ""), errors
    lines = said.splitlines()
    assert all(line.startswith("ok ") for line in lines[:-1]), said
    for what in ("Python 3.", "msgspec", "two nodes have talked", "one was drawn", "kernel"):
        assert what in said
    assert lines[-1] == "p2pkit works here."


def test_the_doctor_says_how_to_get_what_is_missing(monkeypatch):
    monkeypatch.setattr(doctor, "PACKAGES", (("no_such_package", "pictures", "plot"),))
    monkeypatch.setattr(doctor, "_kernel", lambda: "kernel")
    result = run("doctor")
    assert result.exit_code == 0
    assert 'missing  no_such_package: pictures. pip install "p2pkit[plot]"' in result.stdout
    monkeypatch.setattr(doctor, "PACKAGES", (("no_such_package", "graphs", ""),))
    result = run("doctor")
    assert result.exit_code == 1
    assert "missing  no_such_package: graphs. pip install no_such_package" in result.stdout
    assert result.stderr == "p2pkit cannot work here yet.\n"


# Arguments and helpers


def test_a_link_is_read():
    assert arguments.link("") == Link()
    assert arguments.link("latency=0.5, bandwidth=1e6") == Link(latency=0.5, bandwidth=1e6)
    assert arguments.link("latency=1..2,ordered=False") == Link(latency=(1, 2), ordered=False)


def test_a_variant_is_checked(lesson):
    gossip = arguments.protocol(f"{lesson}:Gossip")
    assert arguments.variant(gossip, ["fanout=7", "share=1"]).fanout == 7
    assert arguments.variant(gossip, []) is gossip
    with pytest.raises(ProtocolError):
        arguments.variant(gossip, ["hear=1"])


def test_latencies_follow_each_message_to_each_receiver():
    trace = Trace()
    for peer in ("n1", "n2"):
        trace.add(1.0, "send", "n0", peer, "Rumor", serial=1)
    trace.add(1.25, "receive", "n2", "n0", "Rumor", serial=1)
    trace.add(2.0, "receive", "n1", "n0", "Rumor", serial=1)
    trace.add(2.5, "receive", "n1", "n0", "Rumor", serial=1)  # twice
    trace.add(3.0, "receive", "n1", None, "Rumor")  # told from outside
    trace.add(3.0, "receive", "n1", "elsewhere", "Rumor", serial=9)
    assert latencies(trace) == [0.25, 1.0, 1.5]


def test_strangers_cannot_paint_the_terminal():
    assert terminal.printable("a\x1b[2Jb\r\u202e") == "a\\x1b[2Jb\\r\\u202e"
    assert terminal.short("x" * 100, 10) == "x" * 9 + "…"
