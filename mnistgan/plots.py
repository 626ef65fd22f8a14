"""Grids, strips, films and curves: everything that is looked at."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from mnistgan.engine import files
from mnistgan.engine.valid import (
    array,
    checked,
    integer,
    listed,
    number,
    pictures,
    shares,
)
from mnistgan.engine.valid import path as valid_path

BLUE, ORANGE = "#0072B2", "#D55E00"  # told apart by colour-blind readers (Okabe & Ito)


@checked(images=listed(pictures(None, None, None)), columns=integer(1, 100_000))
def tile(images: np.ndarray, columns: int = 8, gap: int = 2) -> np.ndarray:
    """Lays pictures out in a grid, row by row.

    Args:
        images: `(count, height, width, channels)`, uint8, in [0, 255]; grey with 1
            channel, in colour with 3.
        columns: Pictures in a row, at least 1.
        gap: Black pixels between pictures.

    Returns:
        One picture, uint8, `(grid height, grid width)`, or, in colour,
        `(grid height, grid width, 3)`. Places left over stay black.

    Raises:
        ValueError: `images` has another shape or type or is empty; or no columns.
    """
    images = np.asarray(images)
    count, height, width, channels = images.shape
    if channels not in (1, 3):
        raise ValueError(f"pictures have 1 or 3 channels, not {channels}")
    columns = min(columns, count)
    rows = -(-count // columns)
    grid = np.zeros(
        (rows * (height + gap) - gap, columns * (width + gap) - gap, channels),
        np.uint8,
    )
    for place, image in enumerate(images):
        top = place // columns * (height + gap)
        left = place % columns * (width + gap)
        grid[top : top + height, left : left + width] = image
    return grid if channels == 3 else grid[..., 0]


def show(images: np.ndarray, columns: int = 8, title: str = "") -> None:
    """Shows pictures as a grid in a notebook; see `tile` for their shape and type."""
    grid = tile(images, columns)
    height, width = grid.shape[:2]
    scale = min(8 / width, 6 / height)  # inches: small pictures are shown large
    _, axes = plt.subplots(figsize=(width * scale, height * scale))
    axes.imshow(grid, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    axes.set_axis_off()
    axes.set_title(title)
    plt.show()


@checked(path=valid_path)
def save_grid(images: np.ndarray, path: str | os.PathLike, columns: int = 8) -> None:
    """Saves pictures as a grid, in any format that Pillow knows by the file's ending.

    Raises:
        ValueError: The pictures do not fit `tile`, or the ending is unknown.
        OSError: The file cannot be written.
    """
    grid = Image.fromarray(tile(images, columns))
    if Path(path).suffix.lower() not in Image.registered_extensions():
        raise ValueError(f"{path} must end like a picture, for instance in .png")
    with files.atomic_write(path) as aside:
        grid.save(aside)


def read_frames(paths: Sequence[Path]) -> list[Image.Image]:
    """Opens pictures for a film; a damaged one is left out, and named."""
    frames: list[Image.Image] = []
    for path in paths:
        try:
            with Image.open(path) as picture:
                picture.verify()  # its checksums
            with Image.open(path) as picture:  # one that was verified is used up
                frames.append(picture.copy())
        except Exception as error:  # a damaged file can fail anywhere inside Pillow
            print(f"The preview {path.name} is damaged ({error}). It is left out.")
    return frames


def film(frames: Any) -> str:
    """A rule: at least one frame, each of Pillow's or from `tile`, of one size."""
    picture = array(None, kinds="u"), array(None, 3, kinds="u")
    try:
        sizes = {getattr(frame, "size", 0) for frame in frames}
        fits = all(
            isinstance(frame, Image.Image) or not all(rule(frame) for rule in picture)
            for frame in frames
        )
    except TypeError:
        sizes, fits = set(), False
    return "" if fits and len(sizes) == 1 else "at least one frame, all of one size"


@checked(frames=film, path=valid_path, seconds=number(0.1, 10_000))
def save_film(
    frames: Sequence[np.ndarray | Image.Image],
    path: str | os.PathLike,
    seconds: float = 4,
) -> None:
    """Saves frames as an endlessly looping GIF that rests on the last one.

    Args:
        frames: At least one grid from `tile`, or grey Pillow pictures of one size.
        path: A file that ends in `.gif`.
        seconds: How long one loop takes before the rest.

    Raises:
        ValueError: There are no frames.
        OSError: The file cannot be written.
    """
    if Path(path).suffix.lower() != ".gif":
        raise ValueError(f"{path} must end in .gif")
    shots = [f if isinstance(f, Image.Image) else Image.fromarray(f) for f in frames]
    pace = max(40, round(1000 * seconds / len(shots)))  # milliseconds; faster flickers
    rest = [pace] * (len(shots) - 1) + [1500]
    with files.atomic_write(path) as aside:
        shots[0].save(
            aside,
            format="GIF",
            save_all=True,
            append_images=shots[1:],
            duration=rest,
            loop=0,
        )


def plot_losses(history: Sequence[dict[str, float]]) -> Figure:
    """Draws the training history: both losses, and what the detective believed.

    Args:
        history: Rows with `step`, `d_loss`, `g_loss`, `d_real` and `d_fake`, as
            `mnistgan.engine.runs.read_history` returns them.

    Returns:
        The figure, which a notebook shows and `save_figure` saves.
    """
    figure, (losses, beliefs) = plt.subplots(
        1, 2, figsize=(10, 3.5), layout="constrained"
    )
    steps = [row["step"] for row in history]
    for axes, names in (
        (losses, {"d_loss": "detective", "g_loss": "artist"}),
        (beliefs, {"d_real": "for real digits", "d_fake": "for drawn digits"}),
    ):
        for (name, label), colour, line in zip(
            names.items(), (BLUE, ORANGE), ("-", "--"), strict=True
        ):
            axes.plot(
                steps, [row[name] for row in history], line, color=colour, label=label
            )
        axes.set_xlabel("training step")
        axes.legend()
    losses.set_title("Loss: lower is better for its owner")
    beliefs.set_title('The detective\'s probability of "real"')
    beliefs.set_ylim(0, 1)
    return figure


def save_figure(figure: Figure, path: str | os.PathLike) -> None:
    """Saves a figure and closes it. Raises OSError when the file cannot be written."""
    with files.atomic_write(path) as aside:
        figure.savefig(aside, dpi=100)
    plt.close(figure)


@checked(counts=shares)
def plot_wheel(counts: Sequence[int]) -> Figure:
    """Draws how often each of the ten digits was drawn, as a wheel.

    Args:
        counts: How many zeros, ones, … nines; at least one in all.

    Returns:
        The figure. The dashed circle is where ten equal spokes would end.
    """
    parts = np.asarray(counts) / np.sum(counts)
    angles = np.linspace(0, 2 * np.pi, 10, endpoint=False)
    figure = plt.figure(figsize=(4, 4))
    axes: Any = figure.add_subplot(projection="polar")
    axes.bar(angles, parts, width=0.5, color=BLUE)
    circle = np.linspace(0, 2 * np.pi, 200)
    axes.plot(circle, np.full(200, 0.1), "--", color=ORANGE)
    axes.set_xticks(angles, [f"{digit}\n{s:.0%}" for digit, s in enumerate(parts)])
    axes.set_yticks([])
    axes.set_theta_zero_location("N")
    axes.set_theta_direction(-1)
    axes.grid(False)
    return figure


def plot_scores(rows: Sequence[dict[str, float]]) -> Figure:
    """Draws how a run's scores grew with training time.

    Args:
        rows: As `mnistgan.engine.runs.read_scores` returns them, at least one.

    Returns:
        The figure: shares to the left, the digit Fréchet distance to the right.
    """
    figure, (shares, distance) = plt.subplots(
        1, 2, figsize=(10, 3.5), layout="constrained"
    )
    minutes = [row["minutes"] for row in rows]
    for name, colour, line in (
        ("confident", BLUE, "o-"),
        ("coverage", ORANGE, "s--"),
    ):
        shares.plot(
            minutes, [row[name] for row in rows], line, color=colour, label=name
        )
    shares.set_ylim(0, 1)
    shares.set_title("Confidence and coverage")
    shares.legend()
    distance.plot(minutes, [row["frechet"] for row in rows], "o-", color=BLUE)
    distance.set_yscale("log")
    distance.set_title("Digit Fréchet distance: lower is better")
    for axes in (shares, distance):
        axes.set_xlabel("minutes of training")
    return figure
