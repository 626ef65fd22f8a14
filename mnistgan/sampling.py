"""Drawing with a trained generator: load it, give it noise, get pictures."""

import math
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow import keras
from tqdm.auto import tqdm

from mnistgan.data import one_hot, to_uint8
from mnistgan.engine import files, legacy, valid
from mnistgan.engine.bars import slow
from mnistgan.engine.model_io import load_model
from mnistgan.engine.runs import OWN_PICTURES, read_history, read_scores
from mnistgan.settings import MOST_DRAWN, Settings, runs_folder

DRAWN_AT_ONCE = 500
Labels = Sequence[int] | np.ndarray | int | None
PRETRAINED = Path(__file__).parent / "pretrained" / "digits.keras"


def finished_run(folder: Path) -> Settings | None:
    """The settings of the run in a folder, if it was trained to its end; else None."""
    try:
        files.check_file(folder / "settings.json")
        settings = Settings(**legacy.read_settings(folder / "settings.json"))
        done = read_history(folder)[-1]["step"] == settings.total_steps
        return settings if done else None
    except (OSError, ValueError, TypeError, LookupError):
        return None  # no run, or one whose notes cannot be read


def own_models() -> dict[Path, Settings]:
    """Finds the robots that you trained to their end, in `runs_folder()`."""
    paths = sorted(runs_folder().glob("*/generator.keras"))
    found = {path: finished_run(path.parent) for path in paths}
    return {path: settings for path, settings in found.items() if settings}


def last_distance(model: Path) -> float | None:
    """The last Fréchet distance of a run, if a judge has noted any."""
    try:
        return read_scores(model.parent)[-1]["frechet"]
    except (OSError, ValueError, LookupError):
        return None


def best_model(project: str = "digits") -> Path:
    """Finds your best generator of a project, as far as that is known.

    Of those that were judged along the way, the one with the smallest Fréchet distance;
    of the others, the one that saw most pictures; of these two, again the one that saw
    more.

    Returns:
        The `generator.keras` of a finished run in `runs_folder()` that learned from the
        project's own pictures. Without one, that of the course, which draws digits;
        `README.md` beside it says how it was made.
    """
    seen = {
        path: settings.total_steps * settings.batch_size
        for path, settings in own_models().items()
        if settings.project == project and not (path.parent / OWN_PICTURES).exists()
    }
    distances = {path: last_distance(path) for path in seen}
    judged = {path: x for path, x in distances.items() if x is not None}
    few = sorted(judged, key=judged.__getitem__)[:1]
    few += [path for path in seen if path not in judged]
    return max(few, key=seen.__getitem__, default=PRETRAINED)


def trained_generator(path: str | os.PathLike | None = None) -> keras.Model:
    """Loads a generator that can draw, and says which, and how to take another.

    Args:
        path: Its `.keras` file; None for `best_model()`.
    """
    path, own = Path(path or best_model()), own_models()
    known = {other.resolve(): other for other in (*own, PRETRAINED)}
    path = known.get(path.resolve(), path)  # it may be named in another way
    if path in own:
        preset, steps = own[path].preset, own[path].total_steps
        print(f"Using your own robot, preset {preset!r}, {steps:,} steps: {path}")
    elif own or path != PRETRAINED:
        print(f"Using the robot {path}")
    else:
        print("No robot of your own yet: using the one that comes with the course.")
    if own:
        others = [other for other in known.values() if other != path]
        ways = " or ".join(f'trained_generator("{x.as_posix()}")' for x in others)
        print(f"To take another one: {ways}")
    return load_generator(path)


@valid.checked(path=valid.path)
def load_generator(path: str | os.PathLike) -> keras.Model:
    """Loads a generator from a `.keras` file.

    Args:
        path: The file that training, or `generator.save`, wrote.

    Returns:
        The generator; see `mnistgan.models.build_generator`.

    Raises:
        OSError: There is no such file.
        ValueError: The file is damaged, or holds another kind of model, or code.
    """
    model = load_model(path)
    ranks = [len(part.shape) for part in model.inputs]
    if ranks not in ([2], [2, 2]) or model.output_shape[1:3] != (64, 64):
        raise ValueError(
            f"{path} is not a generator: it turns {model.input_shape} into "
            f"{model.output_shape}, not noise into (None, 64, 64, 1)"
        )
    return model


def noise_dim(generator: keras.Model) -> int:
    """How many random numbers make one picture."""
    return generator.inputs[0].shape[1]


def classes(generator: keras.Model) -> int:
    """How many kinds of pictures a generator can be asked for; 0 if it cannot."""
    return generator.inputs[1].shape[1] if len(generator.inputs) == 2 else 0


def one_hot_labels(
    generator: keras.Model, count: int, labels: Labels = None
) -> tf.Tensor | None:
    """Writes down what a generator is asked for.

    Args:
        generator: The generator.
        count: How many pictures.
        labels: A class for each of them, or one for all, in 0..`classes` - 1; None for
            all classes in turn: 0, 1, 2, …

    Returns:
        Labels `(count, classes)`, float32; None for a generator that cannot be asked.

    Raises:
        ValueError: There is no such class, another number of wishes than pictures, or
            a wish for a generator that cannot be asked.
    """
    known = classes(generator)
    if not known:
        if labels is not None:
            raise ValueError(
                f"this generator cannot be asked for {labels}: it was trained without "
                "labels"
            )
        return None
    rows = np.arange(count) % known if labels is None else np.asarray(labels)
    rows = np.broadcast_to(rows, count) if rows.ndim == 0 else rows
    if rows.shape != (count,) or not np.isin(rows, np.arange(known)).all():
        raise ValueError(
            f"cannot ask for {labels} in {count} pictures: it takes one number for "
            f"each, from 0 to {known - 1}"
        )
    return tf.constant(one_hot(rows.astype(int), known))


def with_labels(noise: tf.Tensor, labels: tf.Tensor | None):
    """What a generator is called with: noise, or a list of noise and labels."""
    return noise if labels is None else [noise, labels]


@valid.checked(count=valid.integer(1, MOST_DRAWN), seed=valid.integer())
def make_noise(generator: keras.Model, count: int, seed: int = 0) -> tf.Tensor:
    """Makes noise for a generator: the same seed always gives the same noise.

    Args:
        generator: The generator that the noise is for.
        count: How many pictures it is for, from 1 to `MOST_DRAWN`.
        seed: Any whole number from 0 to 2³¹ - 1.

    Returns:
        `(count, noise_dim)`, float32, standard normal. The first noises of a seed stay
        the same whatever the count.

    Raises:
        ValueError: `count` or `seed` is out of range.
    """
    shape = (count, noise_dim(generator))
    return tf.constant(np.random.default_rng(seed).standard_normal(shape, "float32"))


@valid.checked(noise=valid.finite(valid.array(least=0)))
def draw(generator: keras.Model, noise: tf.Tensor, labels: Labels = None) -> np.ndarray:
    """Draws one picture for each row of noise.

    Args:
        generator: The generator.
        noise: `(count, noise_dim)`, float32.
        labels: What to draw, if the generator can be asked; see `one_hot_labels`.

    Returns:
        `(count, 64, 64, channels)`, uint8, in [0, 255].

    Raises:
        ValueError: The noise does not have the generator's `noise_dim`, or the wishes
            cannot be granted.
    """
    noise = tf.cast(tf.convert_to_tensor(noise), tf.float32)
    dim = noise_dim(generator)
    if noise.ndim != 2 or noise.shape[1] != dim or not len(noise):
        raise ValueError(f"noise has shape {noise.shape}; it must be (count, {dim})")
    encoded, parts = one_hot_labels(generator, len(noise), labels), []
    for start in slow(range(0, len(noise), DRAWN_AT_ONCE), "Drawing"):
        part = slice(start, start + DRAWN_AT_ONCE)
        asked = with_labels(noise[part], None if encoded is None else encoded[part])
        parts.append(to_uint8(generator(asked, training=False)).numpy())
    return np.concatenate(parts)


@valid.checked(path=valid.path, seed=valid.integer())
@valid.checked(count=valid.integer(1, MOST_DRAWN))
def save_drawings(
    generator: keras.Model, path: str | os.PathLike, count: int, seed: int = 0
) -> None:
    """Draws into a `.npy` file, part by part: any number of pictures fits into memory.

    Args:
        generator: The generator. One that can be asked draws all classes in turn.
        path: The file, written whole or not at all: `(count, 64, 64, channels)`, uint8,
            what `draw` would make of `make_noise(generator, count, seed)`.
        count: How many pictures, from 1 to `MOST_DRAWN`.
        seed: Starts the noise.

    Raises:
        OSError: It cannot be written, or there is too little room on the disk.
    """
    path, shape = Path(path), (count, *generator.output_shape[1:])
    about = {"descr": "|u1", "fortran_order": False, "shape": shape}
    chance, known = np.random.default_rng(seed), classes(generator)
    bar = tqdm(total=count, unit="picture", mininterval=1, delay=2)
    with bar, files.atomic_write(path) as aside, open(aside, "wb") as file:
        room = shutil.disk_usage(path.parent).free // math.prod(shape[1:])
        if count > room:
            raise OSError(
                f"{count} pictures are too many for the disk of {path}: {room} fit; "
                "take fewer, or choose another place"
            )
        np.lib.format.write_array_header_1_0(file, about)
        for start in range(0, count, DRAWN_AT_ONCE):
            numbers = np.arange(start, min(start + DRAWN_AT_ONCE, count))
            # Taken bit by bit, the noise is the same as if it were taken at once.
            size = len(numbers), noise_dim(generator)
            noise = chance.standard_normal(size, "float32")
            file.write(draw(generator, noise, numbers % known if known else None))
            bar.update(len(numbers))


def compile_draw(generator: keras.Model) -> Callable:
    """Makes a quicker `draw`, for a few pictures, again and again.

    Args:
        generator: The generator.

    Returns:
        A function from noise `(count, noise_dim)`, float32, and labels, see
        `one_hot_labels`, to pictures `(count, 64, 64, channels)`, uint8, all drawn in
        one batch. The first call takes longer: it compiles.
    """
    shapes = tf.nest.map_structure(lambda x: tf.TensorSpec(x.shape), generator.input)

    @tf.function(input_signature=[shapes])  # whatever the count, it compiles once
    def paint(asked):
        return to_uint8(generator(asked, training=False))

    def draw_quickly(noise, labels=None):
        encoded = one_hot_labels(generator, len(noise), labels)
        return paint(with_labels(noise, encoded)).numpy()

    return draw_quickly


@valid.checked(start=valid.finite(valid.array()), end=valid.finite(valid.array()))
@valid.checked(steps=valid.integer(2, 1_000_000))
def interpolate(
    start: tf.Tensor, end: tf.Tensor, steps: int, straight: bool = False
) -> tf.Tensor:
    """Makes the noises on the way from one noise to another, both ends included.

    The walk follows the arc between them, not the straight line: noise of a normal
    distribution lies near a sphere, and a straight line would cut through its empty
    inside (White 2016, "Sampling Generative Networks", section 2.1). Zero has no
    direction: from there, or to there, the walk is straight.

    Args:
        start: `(noise_dim,)`, float32.
        end: `(noise_dim,)`, float32.
        steps: How many noises, at least 2.
        straight: Take the straight line all the same.

    Returns:
        `(steps, noise_dim)`, float32.

    Raises:
        ValueError: `steps` is below 2, or the shapes differ.
    """
    if start.shape != end.shape:
        raise ValueError(
            f"cannot walk from shape {start.shape} to {end.shape}: both must be alike"
        )
    start, end = tf.cast(start, tf.float32), tf.cast(end, tf.float32)
    share = tf.linspace(0.0, 1.0, steps)[:, tf.newaxis]
    lengths = tf.norm(start) * tf.norm(end)
    cosine = tf.math.divide_no_nan(tf.reduce_sum(start * end), lengths)
    angle = tf.acos(tf.clip_by_value(cosine, -1.0, 1.0))
    # In the same direction, or from or to zero, the arc is a line.
    if straight or lengths == 0 or tf.sin(angle) < 1e-4:
        return (1 - share) * start + share * end
    near, far = tf.sin((1 - share) * angle), tf.sin(share * angle)
    return (near * start + far * end) / tf.sin(angle)
