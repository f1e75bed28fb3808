"""Plots: their style and their package. They need neither screen nor matplotlib; each has its own tests."""

import math
import os
import subprocess
import sys
from itertools import combinations, pairwise
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D
from pictures import Rumor, told

import p2pkit.plot
from p2pkit import plot
from p2pkit.plot import style

pytestmark = pytest.mark.usefixtures("without_a_screen")

# The style

# Machado, Oliveira and Fernandes, "A physiologically-based model for simulation of color vision
# deficiency" (2009), table 1, severity 1.0; the matrices are for linear light.
EYES = {
    "all cones": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
}


def linear(color):
    channels = np.array(to_rgb(color))
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def lightness(color):
    """Return how light a colour is in a grey print: CIE L*, from 0 to 100."""
    luminance = float(linear(color) @ [0.2126, 0.7152, 0.0722])
    return 116 * luminance ** (1 / 3) - 16


@pytest.mark.parametrize("eye", EYES)
def test_colours_differ_to_every_eye(eye):
    together = [*style.SERIES, style.QUIET]
    seen = [np.clip(EYES[eye] @ linear(color), 0, 1) ** (1 / 2.2) for color in together]
    assert min(math.dist(one, other) for one, other in combinations(seen, 2)) > 0.12


def test_colours_differ_in_grey():
    for one, other in combinations(style.SERIES[:3], 2):
        assert abs(lightness(one) - lightness(other)) > 20
    for one, other in pairwise(style.SERIES[:4]):
        assert abs(lightness(one) - lightness(other)) > 20
    assert abs(lightness(style.REACHED) - lightness(style.QUIET)) > 12
    assert abs(lightness(style.NODE) - lightness(style.QUIET)) > 12


@pytest.mark.parametrize("eye", EYES)
def test_kinds_of_messages_differ_to_every_eye(eye):
    together = [*style.MESSAGES, style.OTHERS]
    seen = [np.clip(EYES[eye] @ linear(color), 0, 1) ** (1 / 2.2) for color in together]
    assert min(math.dist(one, other) for one, other in combinations(seen, 2)) > 0.12


def test_kinds_of_messages_stand_out_from_paper_in_print():
    assert all(lightness(style.PAPER) - lightness(color) > 25 for color in style.MESSAGES)


def test_a_kind_of_messages_has_a_colour_by_when_it_came():
    kinds = [f"Kind{number}" for number in range(9)]
    colors = style.messages([*kinds, *kinds[:3]])
    assert list(colors) == kinds
    assert list(colors.values()) == [*style.MESSAGES, style.OTHERS, style.OTHERS]


def test_a_legend_has_as_many_columns_as_fit():
    def keys(*lengths):
        return [Line2D([], [], label="x" * length) for length in lengths]

    assert style.columns(keys(3), 6) == 1
    assert style.columns(keys(3, 3, 3, 3), 6) == 4
    assert style.columns(keys(40, 40, 40), 6) == 1
    assert 1 < style.columns(keys(*[8] * 12), 6) < 12


def test_pictures_are_as_wide_as_a_notebook():
    for ax in (plot.topology(nx.path_graph(3)), plot.spread(told([0.0, 1.0]), Rumor)):
        width, height = ax.figure.get_size_inches()
        assert width == style.WIDTH
        assert height <= 5


# The package


def run(program):
    """Run a program in a fresh interpreter, without a screen, and return what it prints."""
    here = str(Path(p2pkit.plot.__file__).parents[2])
    environment = {
        key: value for key, value in os.environ.items() if key not in ("DISPLAY", "MPLBACKEND")
    }
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment | {"PYTHONPATH": here},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


def test_matplotlib_comes_with_the_first_plot_and_chooses_no_backend():
    program = """
import sys
from p2pkit import plot
print("matplotlib" in sys.modules)
plot.topology, plot.spread
import matplotlib
print(matplotlib.rcParams._get("backend") is matplotlib.rcsetup._auto_backend_sentinel)
print("matplotlib.pyplot" in sys.modules)
"""
    assert run(program).split() == ["False", "True", "False"]


def test_a_plot_needs_no_screen():
    program = (
        "import networkx as nx; from p2pkit import plot; print(plot.topology(nx.path_graph(3)))"
    )
    assert run(program).startswith("Axes(")


@pytest.mark.parametrize("missing", ["matplotlib", "numpy"])
def test_without_matplotlib_a_plot_says_what_to_install(missing):
    program = f"""
import sys
sys.modules[{missing!r}] = None
from p2pkit import plot
try:
    plot.topology
except ImportError as error:
    print(error)
try:
    from p2pkit.plot import spread
except ImportError as error:
    print(error)
"""
    assert run(program).splitlines() == ['plots need matplotlib: pip install "p2pkit[plot]"'] * 2


def test_a_plot_is_a_function_even_after_its_module_was_imported():
    program = """
import p2pkit.plot.topology, p2pkit.plot.spread, p2pkit.plot.style
from p2pkit import plot
from p2pkit.layout import positions
print(type(plot.topology).__name__, type(plot.spread).__name__, type(plot.style).__name__)
"""
    assert run(program) == "function function module"


def test_the_names_are_there_and_no_others():
    for name in plot.__all__:
        assert callable(getattr(plot, name))
        assert name in dir(plot)
    with pytest.raises(AttributeError, match="has no attribute 'topologie'"):
        plot.topologie  # noqa: B018
