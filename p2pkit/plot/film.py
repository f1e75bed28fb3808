"""Films: pictures one after the other, in a .gif or .mp4 file.

A GIF has few colours, the same for all its pictures, so that what has not changed from one to the
next costs nothing, and the file stays small enough to be sent around.
"""

import shutil
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rcParams
from matplotlib.colors import to_rgb
from numpy.typing import NDArray
from PIL import Image

from p2pkit.errors import P2PKitError

Picture = NDArray[np.uint8]
"""Rows of pixels of (red, green, blue), from 0 to 255."""

MOST = 255
"""Colours of a GIF, but for the one that means "as before"."""

STEPS = (1.0, 0.75, 0.5, 0.25)
"""How much of a colour there is where its edge is drawn smoothly, on white and on another colour."""


def need_format(path: Path) -> None:
    """Raise P2PKitError for a path to which no film can be written, on this machine."""
    if path.suffix not in (".gif", ".mp4") or not path.absolute().parent.is_dir():
        raise P2PKitError(f"{path}: an animation ends in .gif or .mp4, in a directory that exists")
    if path.suffix == ".mp4" and _ffmpeg() is None:
        raise P2PKitError(
            f"{path}: .mp4 needs ffmpeg (https://ffmpeg.org): install it, or use .gif"
        )


def write(path: Path, pictures: Iterator[Picture], fps: int, colors: Sequence[Any]) -> None:
    """Write pictures that are all of one size, so many a second. colors: what they are painted in."""
    if path.suffix == ".gif":
        _write_gif(path, pictures, fps, colors)
    else:
        _write_mp4(path, pictures, fps)


def _write_gif(path: Path, pictures: Iterator[Picture], fps: int, colors: Sequence[Any]) -> None:
    palette = Image.new("P", (1, 1))
    palette.putpalette(_palette(colors))
    frames = (
        Image.fromarray(picture).quantize(palette=palette, dither=Image.Dither.NONE)
        for picture in pictures
    )
    # A GIF counts in hundredths of a second.
    duration = 10 * max(2, round(100 / fps))
    options: dict[str, Any] = {"save_all": True, "loop": 0, "optimize": True}
    next(frames).save(path, append_images=frames, duration=duration, **options)


def _palette(colors: Iterable[Any]) -> list[int]:
    """Return up to MOST colours: those given, and those between them and white, and black."""
    base = np.array([to_rgb(color) for color in dict.fromkeys(map(to_rgb, colors))])
    shades = [base * step + (1 - step) * other for other in (1.0, 0.13) for step in STEPS]
    rows = np.unique(np.vstack([[[1.0, 1.0, 1.0]], *shades]).round(3), axis=0)
    rows = rows[np.linspace(0, len(rows) - 1, min(len(rows), MOST)).astype(int)]
    return list(chain.from_iterable((255 * rows).round().astype(int).tolist()))


def _ffmpeg() -> str | None:
    return shutil.which(str(rcParams["animation.ffmpeg_path"]))


def _write_mp4(path: Path, pictures: Iterator[Picture], fps: int) -> None:
    first = next(pictures)
    height, width = (size - size % 2 for size in first.shape[:2])  # the format wants even numbers
    command = [str(_ffmpeg()), "-y", "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "rgb24"]
    command += ["-s", f"{width}x{height}", "-r", str(fps), "-i", "-", "-pix_fmt", "yuv420p"]
    command += ["-crf", "20", str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin is not None  # a pipe, as asked for
        try:
            for picture in chain([first], pictures):
                process.stdin.write(np.ascontiguousarray(picture[:height, :width]).tobytes())
        except BrokenPipeError:
            pass  # it has ended early, and says below why
        _, errors = process.communicate()
    if process.returncode:
        said = errors.decode("utf-8", "replace").strip()
        raise P2PKitError(f"{path}: ffmpeg failed: {said}")
