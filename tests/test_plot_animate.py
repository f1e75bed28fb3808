"""The animation: that a film shows what happened when, in a file that is small, quickly."""

import os
import shutil
import sys
import time

import networkx as nx
import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.colors import to_rgb
from PIL import Image

from p2pkit import Link, LocalNetwork, SimNetwork, plot
from p2pkit.errors import P2PKitError, TraceError
from p2pkit.plot import style
from p2pkit.protocols.gossip import Gossip, Rumor
from p2pkit.topology import build
from p2pkit.trace import Trace

SHORT = {"seconds": 1.0, "fps": 10}


def story(network=SimNetwork, graph=None, **options):
    """Return a network in which a rumor spreads, a node crashes, and another rumor is told."""
    graph = build("small-world", 12, 1) if graph is None else graph
    link = options.pop("link", Link(latency=(0.02, 0.1)))
    with network(Gossip, graph, link=link, seed=3, **options) as net:
        net.tell("n0", Rumor("hello"))
        net.after(0.6, net.crash, "n5")
        net.after(0.7, net.tell, "n1", Rumor("bye"))
        net.run(1.5)
    return net


def pictures(path):
    """Return the pictures of a film, as arrays of rows of (red, green, blue)."""
    with Image.open(path) as film:
        found = []
        for number in range(film.n_frames):
            film.seek(number)
            found.append((np.asarray(film.convert("RGB")).astype(int), film.info["duration"]))
    return [picture for picture, duration in found for _ in range(round(duration / 100))]


def amount(picture, color):
    """Count the pixels of a picture that have nearly this colour."""
    wanted = np.round(np.array(to_rgb(color)) * 255)
    return int((np.abs(picture - wanted).max(axis=2) <= 12).sum())


def middle(picture):
    """Return a picture without what is written above and below the network."""
    height = len(picture)
    return picture[height // 12 : -height // 6]


def test_nodes_take_colour_as_they_get_the_message(tmp_path):
    path = plot.animate(story(), tmp_path / "run.gif", message=Rumor("hello"), **SHORT)
    film = [middle(picture) for picture in pictures(path)]
    assert len(film) == 10
    reached = [amount(picture, style.REACHED) for picture in film]
    assert 100 < reached[0] < reached[-1] / 5
    waiting = [amount(picture, style.QUIET) for picture in film]
    assert waiting[0] > 1000
    assert waiting[-1] < waiting[0] / 3
    dots = [amount(picture, style.MESSAGES[0]) for picture in film]
    assert max(dots) > 40
    assert dots[-1] < max(dots) / 3


def test_the_first_message_told_is_followed(tmp_path):
    net = story()
    plot.animate(net, tmp_path / "first.gif", **SHORT)
    plot.animate(net, tmp_path / "hello.gif", message=Rumor("hello"), **SHORT)
    first, hello = (pictures(tmp_path / name) for name in ("first.gif", "hello.gif"))
    assert all(np.array_equal(one, other) for one, other in zip(first, hello, strict=True))


def test_of_several_messages_a_node_shows_the_last_it_has(tmp_path):
    both = [Rumor("hello"), Rumor("bye")]
    path = plot.animate(story(), tmp_path / "run.gif", message=both, **SHORT)
    film = [middle(picture) for picture in pictures(path)]
    assert amount(film[0], style.GREEN) < 30
    assert max(amount(picture, style.REACHED) for picture in film) > 1000
    assert amount(film[-1], style.GREEN) > 1000
    with pytest.raises(TraceError, match="only 3 have a colour"):
        plot.animate(story(), tmp_path / "run.gif", message=both * 2, **SHORT)


def test_a_dead_node_is_hollow(tmp_path):
    net = story()
    path = plot.animate(net, tmp_path / "run.gif", **SHORT)
    film = pictures(path)
    coloured = [amount(middle(p), style.REACHED) + amount(middle(p), style.QUIET) for p in film]
    assert coloured[-1] < coloured[0] - 150  # a node less


def test_time_and_captions_are_written(tmp_path):
    net = story()
    plain = pictures(plot.animate(net, tmp_path / "plain.gif", **SHORT))
    said = plot.animate(net, tmp_path / "said.gif", captions={0.7: "and another"}, **SHORT)
    top = slice(0, len(plain[0]) // 18)
    assert not np.array_equal(plain[1][top], plain[5][top])  # the clock
    differ = [
        not np.array_equal(a[top], b[top]) for a, b in zip(plain, pictures(said), strict=True)
    ]
    assert differ == sorted(differ)
    assert not differ[0]
    assert differ[-1]


def test_a_loaded_trace_and_a_real_network_make_a_film(tmp_path):
    net = story(LocalNetwork)
    net.trace.save(tmp_path / "run.jsonl")
    for source in (net, net.trace, Trace.load(tmp_path / "run.jsonl")):
        film = pictures(plot.animate(source, tmp_path / "run.gif", **SHORT))
        assert amount(middle(film[-1]), style.REACHED) > 1000
        assert max(amount(middle(picture), style.MESSAGES[0]) for picture in film) > 20


def test_lost_messages_end_in_a_cross(tmp_path):
    net = story(link=Link(latency=0.05, loss=1.0))
    film = pictures(plot.animate(net, tmp_path / "run.gif", end=0.4, **SHORT))
    assert max(amount(middle(picture), style.MESSAGES[0]) for picture in film) > 20
    assert amount(middle(film[-1]), style.REACHED) < 1200  # nobody else ever had it


def test_colours_follow_what_watch_has_recorded(tmp_path):
    net = story(watch=lambda node: {"count": len(node.heard)})
    colors = ["white", "red", "blue"]
    path = plot.animate(net, tmp_path / "run.gif", color=lambda node: colors[node.count], **SHORT)
    film = [middle(picture) for picture in pictures(path)]
    assert max(amount(picture, "red") for picture in film) > 1000
    assert amount(film[-1], "blue") > 1000
    plot.animate(net, tmp_path / "number.gif", color=lambda node: node.count, **SHORT)
    with pytest.raises(TraceError, match=r"no attribute 'heard': of nodes, .* recorded count"):
        plot.animate(net, tmp_path / "run.gif", color=lambda node: node.heard)
    with pytest.raises(TraceError, match=r"make the network with watch=lambda node"):
        plot.animate(story(), tmp_path / "run.gif", color=lambda node: node.heard)


def test_all_of_a_run_fits_into_the_seconds(tmp_path):
    with Image.open(plot.animate(story(), tmp_path / "run.gif", seconds=2, fps=20)) as film:
        total = 0
        for number in range(film.n_frames):
            film.seek(number)
            total += film.info["duration"]
    assert total == pytest.approx(2000, abs=60)


def test_a_film_is_small_and_made_quickly(tmp_path):
    net = story(graph=build("small-world", 40, 1))
    began = time.monotonic()
    path = plot.animate(net, tmp_path / "run.gif")
    assert time.monotonic() - began < 40
    assert path.stat().st_size < 1_000_000


def test_nothing_is_left_behind(tmp_path):
    before = pyplot.get_fignums()
    plot.animate(story(), tmp_path / "run.gif", **SHORT)
    assert pyplot.get_fignums() == before


def test_a_node_alone_two_and_a_crowd(tmp_path):
    for graph in (1, 2, 150):
        with SimNetwork(Gossip, graph) as net:
            net.tell("n0", Rumor("x"))
            net.run(1)
        path = plot.animate(net, tmp_path / "run.gif", seconds=0.5, fps=10)
        assert amount(middle(pictures(path)[-1]), style.REACHED) > 50


def test_a_film_in_mp4(tmp_path):
    if shutil.which("ffmpeg") is None:
        with pytest.raises(P2PKitError, match=r"needs ffmpeg .* or use .gif"):
            plot.animate(story(), tmp_path / "run.mp4")
        assert not list(tmp_path.iterdir())
    else:
        path = plot.animate(story(), tmp_path / "run.mp4", **SHORT)
        assert path.read_bytes()[4:8] == b"ftyp"


@pytest.mark.skipif(sys.platform == "win32", reason="stands in for ffmpeg with a shell script")
def test_pictures_go_to_ffmpeg_and_its_complaints_come_back(tmp_path, monkeypatch):
    program = tmp_path / "ffmpeg"
    program.write_text('#!/bin/sh\nfor last; do :; done\ncat > "$last"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    path = plot.animate(story(), tmp_path / "run.mp4", **SHORT)
    frame = path.stat().st_size / 10
    assert frame == int(frame)
    assert frame / 3 % (style.WIDTH * 100) == 0
    program.write_text("#!/bin/sh\necho no such codec >&2\nexit 1\n")
    with pytest.raises(P2PKitError, match="ffmpeg failed: no such codec"):
        plot.animate(story(), tmp_path / "run.mp4", **SHORT)


def test_what_cannot_be_filmed_says_why(tmp_path):
    for path in ("run.avi", "nowhere/run.gif"):
        with pytest.raises(P2PKitError, match=r"ends in .gif or .mp4, in a directory that exists"):
            plot.animate(story(), tmp_path / path)
    path = tmp_path / "run.gif"
    with pytest.raises(TraceError, match='record="all"'):
        plot.animate(story(record="counts"), path)
    with pytest.raises(TraceError, match="let the network run"):
        plot.animate(Trace(), path)
    with pytest.raises(TraceError, match="the end must come after the start"):
        plot.animate(story(), path, start=2, end=1)
    with pytest.raises(ValueError, match="seconds=0"):
        plot.animate(story(), path, seconds=0)
    partly = Trace()
    partly.add(1.0, "send", "n0", "n1", message="Rumor", serial=1)
    with pytest.raises(TraceError, match="no node starts in this trace"):
        plot.animate(partly, path)
    assert not path.exists()


def test_a_plan_is_a_picture_of_its_own(tmp_path):
    net = story(graph=nx.path_graph(12))
    film = pictures(plot.animate(net, tmp_path / "run.gif", **SHORT))
    round_ = plot.animate(net, tmp_path / "round.gif", layout=nx.circular_layout, **SHORT)
    assert film[0].shape != pictures(round_)[0].shape
