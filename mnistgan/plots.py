"""Grids, strips, films and curves: everything that is looked at."""

import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from mnistgan.engine import files, runs, valid
from mnistgan.engine.runs import GAN_OF_DIGITS, Words
from mnistgan.metrics import BANDS, power_spectrum

PICTURES = ".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff"
LARGEST_SIDE = 32_767  # pixels: what programs that show pictures agree on
BLUE, ORANGE = "#0072B2", "#D55E00"  # told apart by colour-blind readers (Okabe & Ito)
COLOURS = BLUE, ORANGE, "#009E73", "#CC79A7", "#E69F00", "#56B4E9"  # the same


@valid.checked(
    images=valid.listed(valid.pictures(None, None, None)),
    columns=valid.integer(1, 100_000),
)
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
    size = rows * (height + gap) - gap, columns * (width + gap) - gap
    grid = np.zeros((*size, channels), np.uint8)
    for place, image in enumerate(images):
        top = place // columns * (height + gap)
        left = place % columns * (width + gap)
        grid[top : top + height, left : left + width] = image
    return grid if channels == 3 else grid[..., 0]


def to_png(picture: np.ndarray, pixels: int | None = None) -> bytes:
    """Packs a picture `(height, width[, 1 or 3])`, uint8, as PNG, of `pixels`²."""
    image = Image.fromarray(valid.one_picture(picture))
    if pixels:
        image = image.resize((pixels, pixels), Image.Resampling.BICUBIC)
    file = io.BytesIO()
    image.save(file, "PNG", compress_level=1)
    return file.getvalue()


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


def check_grid(count: int, columns: int = 8, height: int = 64, width: int = 64) -> None:
    """Refuses a grid that is larger than programs can show; see `tile`.

    Raises:
        ValueError: It is; the message says how many pictures would fit.
    """
    high, wide = ((LARGEST_SIDE + 2) // (side + 2) for side in (height, width))
    if -(-count // columns) > high or min(columns, count) > wide:
        raise ValueError(
            f"{count} pictures are too many for a grid: of {height}×{width} pixels, "
            f"{high * min(columns, wide)} fit, {min(columns, wide)} in a row; take "
            "fewer, or write an array (.npy)"
        )


@valid.checked(path=valid.path)
def save_grid(images: np.ndarray, path: str | os.PathLike, columns: int = 8) -> None:
    """Saves pictures as a grid, in the format that the file's ending says: `PICTURES`.

    Raises:
        ValueError: The pictures do not fit `tile`, are too many, or the ending is
            another one.
        OSError: The file cannot be written.
    """
    if Path(path).suffix.lower() not in PICTURES:
        raise ValueError(f"{path} must end like a picture: {', '.join(PICTURES)}")
    grid = tile(images, columns)
    check_grid(len(images), columns, *np.shape(images)[1:3])
    with files.atomic_write(path) as aside:
        Image.fromarray(grid).save(aside)


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
    grey, colour = valid.pictures(None), valid.pictures(None, 3)

    def is_frame(frame):
        return isinstance(frame, Image.Image) or not (grey(frame) and colour(frame))

    def size(frame):
        return frame.size if isinstance(frame, Image.Image) else frame.shape[1::-1]

    try:
        fits = all(map(is_frame, frames)) and len(set(map(size, frames))) == 1
    except TypeError:  # it cannot be looped over
        fits = False
    return "" if fits else "at least one frame, all of one size"


@valid.checked(frames=film, path=valid.path, seconds=valid.number(0.1, 10_000))
def save_film(
    frames: Sequence[np.ndarray | Image.Image],
    path: str | os.PathLike,
    seconds: float = 4,
) -> None:
    """Saves frames as an endlessly looping GIF that rests on the last one.

    Args:
        frames: At least one grid from `tile`, or Pillow pictures of one size.
        path: A file that ends in `.gif`.
        seconds: How long one loop takes before the rest.

    Raises:
        ValueError: There are no frames.
        OSError: The file cannot be written.
    """
    if Path(path).suffix.lower() != ".gif":
        raise ValueError(f"{path} must end in .gif")
    grids = (f if isinstance(f, Image.Image) else valid.one_picture(f) for f in frames)
    shots = [f if isinstance(f, Image.Image) else Image.fromarray(f) for f in grids]
    pace = max(40, round(1000 * seconds / len(shots)))  # milliseconds; faster flickers
    rest = [pace] * (len(shots) - 1) + [1500]
    with files.atomic_write(path) as aside:
        shots[0].save(
            aside, "GIF", save_all=True, append_images=shots[1:], duration=rest, loop=0
        )


def two_plots(xlabel: str) -> tuple[Figure, Any, Any]:
    """Makes a figure with two plots side by side."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.5), layout="constrained")
    left.set_xlabel(xlabel)
    right.set_xlabel(xlabel)
    return figure, left, right


def as_columns(rows: Sequence[dict[str, float]], *names: str) -> dict[str, list[float]]:
    """Turns rows into columns, as Matplotlib's `data` wants them."""
    return {name: [row[name] for row in rows] for name in names}


def plot_losses(
    history: Sequence[dict[str, float]], words: Words = GAN_OF_DIGITS
) -> Figure:
    """Draws the training history: both losses, and what the detective believed.

    Args:
        history: Rows with `step`, `d_loss`, `g_loss`, `d_real` and `d_fake`, as
            `mnistgan.engine.runs.read_history` returns them.
        words: What they are called, where it is no GAN, or draws no digits.

    Returns:
        The figure, which a notebook shows and `save_figure` saves.
    """
    figure, losses, beliefs = two_plots("training step")
    data = as_columns(history, "step", "d_loss", "g_loss", "d_real", "d_fake")
    losses.plot("step", "d_loss", "-", color=BLUE, data=data)
    losses.plot("step", "g_loss", "--", color=ORANGE, data=data)
    losses.legend(words.losses)
    losses.set_title(words.loss_title)
    beliefs.plot("step", "d_real", "-", color=BLUE, data=data)
    beliefs.plot("step", "d_fake", "--", color=ORANGE, data=data)
    beliefs.legend(words.beliefs)
    beliefs.set(title=words.belief_title, ylim=(0, 1))
    return figure


def save_figure(figure: Figure, path: str | os.PathLike) -> None:
    """Saves a figure and closes it. Raises OSError when the file cannot be written."""
    with files.atomic_write(path) as aside:
        figure.savefig(aside, dpi=100)
    plt.close(figure)


@valid.checked(counts=valid.shares)
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
    axes.set(yticks=[], theta_zero_location="N", theta_direction=-1)
    axes.grid(False)
    return figure


def plot_spectra(sets: dict[str, np.ndarray]) -> Figure:
    """Draws how strong coarse and fine waves are in sets of pictures.

    Args:
        sets: For each name, pictures `(count, 64, 64, 1)`, uint8; two or three sets.

    Returns:
        The figure: to the left the spectra, with the edges of `metrics.BANDS`, to the
        right the middle of the first picture of each set, enlarged eight times.
    """
    wide = [4.5, *[2.7] * len(sets)]
    figure = plt.figure(figsize=(sum(wide), 3), layout="constrained")
    spectra, *rest = figure.subplots(1, len(wide), width_ratios=wide)
    edges = np.arange(1, 46) / 64  # rings as narrow as the spectrum can tell apart
    for (name, images), style, axes in zip(
        sets.items(), ("-", "--", ":"), rest, strict=False
    ):
        power = power_spectrum(images[..., 0], edges)
        spectra.semilogy(edges[:-1], power, style, label=name)
        axes.imshow(images[0, 16:48, 16:48], cmap="gray", vmin=0, vmax=255)
        axes.set_title(name)
        axes.axis("off")
    spectra.axvspan(0, 28 / 64 / 2, color="0.92", label="what the judge can see")
    for edge in np.unique(list(BANDS.values()))[:-1]:
        spectra.axvline(edge, color="grey", linewidth=0.5)
    spectra.set(xlabel="cycles per pixel: from coarse to fine", ylabel="power")
    spectra.legend()
    return figure


def plot_scores(rows: Sequence[dict[str, float]]) -> Figure:
    """Draws how a run's scores grew with training time.

    Args:
        rows: As `mnistgan.engine.runs.read_scores` returns them, at least one.

    Returns:
        The figure: shares to the left, the digit Fréchet distance to the right.
    """
    figure, shares, distance = two_plots("minutes of training")
    data = as_columns(rows, "minutes", "confident", "coverage", "frechet")
    shares.plot("minutes", "confident", "o-", color=BLUE, data=data)
    shares.plot("minutes", "coverage", "s--", color=ORANGE, data=data)
    shares.set(title="Confidence and coverage", ylim=(0, 1))
    shares.legend()
    distance.plot("minutes", "frechet", "o-", color=BLUE, data=data)
    distance.set(title="Digit Fréchet distance: lower is better", yscale="log")
    return figure


def list_folders(folders: Any) -> str:
    """A rule: as many runs as there are colours."""
    listed = isinstance(folders, list | tuple)
    fits = listed and 0 < len(folders) <= len(COLOURS)
    return "" if fits else f"a list of 1 to {len(COLOURS)} folders"


@valid.checked(folders=list_folders)
def compare_runs(folders: Sequence[str | os.PathLike]) -> Figure:
    """Draws runs beside each other: losses and scores over minutes, and their drawings.

    Args:
        folders: Of 1 to 6 runs, which `mnistgan.training.train` has saved.

    Returns:
        The figure. To the top both losses; below, where runs were judged, the share
        that can be read, and the Fréchet distance; at the bottom each run's grid.

    Raises:
        ValueError: A folder holds no run, or a damaged one.
    """
    paths = [Path(folder) for folder in folders]
    titles = ["d_loss: the detective's", "g_loss: the artist's"]
    known = [read_run(path) for path in paths]  # may refuse, so before the figure
    drawn = [plt.imread(path / "grid.png") for path in paths]
    if any(scores for *_, scores in known):
        titles += ["Share that can be read", "Fréchet distance: lower is better"]
    high = 1.25 * len(titles)
    figure = plt.figure(figsize=(10, high + 3), layout="constrained")
    parts: Any = figure.subfigures(2, height_ratios=[high, 3])
    top, bottom = parts
    curves = top.subplots(len(titles) // 2, 2).ravel()
    grids = bottom.subplots(1, len(paths), squeeze=False)[0]
    for axes, title in zip(curves, titles, strict=True):
        axes.set(title=title, xlabel="minutes of training")
    each = zip(paths, known, drawn, grids, COLOURS, "os^vDX", strict=False)
    for path, run, grid, axes, colour, mark in each:
        draw_run(curves, *run, color=colour, marker=mark, label=path.name)
        axes.imshow(grid, cmap="gray")
        axes.set_title(path.name, color=colour)
        axes.set_axis_off()
    curves[0].legend()
    return figure


def read_run(folder: Path) -> tuple[float, list[dict], list[dict]]:
    """Reads how many minutes a run takes for a step, its history, and its scores.

    Raises:
        ValueError: It has not been saved yet, or is damaged.
    """
    from mnistgan.engine import checkpoints  # brings TensorFlow, plots alone do not

    history, last = runs.read_history(folder), checkpoints.newest(folder)
    if not history or last is None or not (folder / "grid.png").exists():
        raise ValueError(f"{folder} holds no run that was saved; train one first")
    minutes = checkpoints.read_seconds(last) / 60 / history[-1]["step"]
    return minutes, history, runs.read_scores(folder)


def draw_run(
    curves: Sequence[Any],
    minutes: float,
    history: list[dict],
    scores: list[dict],
    **style: str,
) -> None:
    """Draws one run's losses, and its scores; see `compare_runs` and `read_run`."""
    when, every = [row["step"] * minutes for row in history], max(1, len(history) // 8)
    for axes, name in zip(curves, ("d_loss", "g_loss"), strict=False):
        axes.plot(when, [row[name] for row in history], markevery=every, **style)
    for axes, name in zip(curves[2:], ("confident", "frechet"), strict=False):
        data = as_columns(scores, "minutes", name)
        axes.plot("minutes", name, data=data, **style)
