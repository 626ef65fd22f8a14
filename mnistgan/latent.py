"""What the noise means: measures of a digit, knobs that change one, and a way back."""

import dataclasses
import json
import os
from pathlib import Path

import numpy as np
import tensorflow as tf
from scipy.fft import dct
from scipy.sparse.linalg import eigsh
from tensorflow import keras
from tqdm.auto import trange

from mnistgan import sampling
from mnistgan.data import to_float
from mnistgan.engine import files, valid
from mnistgan.engine.keras_state import own_keras
from mnistgan.sampling import draw, make_noise, noise_dim, one_hot_labels, with_labels
from mnistgan.settings import runs_folder


@valid.checked(images=valid.pictures(None, None, 1))
def measure(images: np.ndarray) -> dict[str, np.ndarray]:
    """Measures pictures with simple statistics of their bright pixels.

    Args:
        images: `(count, height, width, 1)`, uint8, in [0, 255].

    Returns:
        Four arrays `(count,)`, float64: `ink`, the mean brightness in percent of a
        white picture; `width` and `height`, four standard deviations of where the ink
        is, in pixels; `slant`, how far the top leans to the right, in degrees (from the
        second moments, as in LeCun et al. 1998, section 3.3). Zeros for black pictures.
    """
    ink = images.mean(axis=-1)
    y, x = np.mgrid[: ink.shape[1], : ink.shape[2]]
    total = np.maximum(ink.sum((1, 2)), 1e-9)

    def mean(values):
        return (ink * values).sum((1, 2)) / total

    dx = x - mean(x)[:, None, None]
    dy = y - mean(y)[:, None, None]
    across, along, both = mean(dx**2), mean(dy**2), mean(dx * dy)
    slant = np.degrees(np.arctan(-both / np.maximum(along, 1e-9)))
    return {
        "ink": ink.mean((1, 2)) / 2.55,
        "width": 4 * np.sqrt(across),
        "height": 4 * np.sqrt(along),
        "slant": slant,
    }


@dataclasses.dataclass(frozen=True)
class Directions:
    """Directions in the noise, each with the name that somebody gave it.

    The notebooks call them knobs.

    Attributes:
        names: One for each direction.
        vectors: `(count, noise_dim)`, float32, each of length 1: as long as one
            standard deviation of the noise along it.
    """

    names: tuple[str, ...]
    vectors: np.ndarray

    def rename(self, **new: str) -> "Directions":
        """Gives knobs new names: `rename(knob_1="slant")`.

        Raises:
            ValueError: There is no knob of that name, or two would have the same one.
        """
        for name in new:
            if name not in self.names:
                raise ValueError(f"there is no knob {name!r}; choose from {self.names}")
        names = tuple(new.get(name, name) for name in self.names)
        if len(set(names)) < len(names):
            raise ValueError(f"two knobs would have the same name: {names}")
        return dataclasses.replace(self, names=names)

    def save(self, path: str | os.PathLike) -> None:
        """Writes the knobs as a small JSON file."""
        rows = dict(zip(self.names, self.vectors.tolist(), strict=True))
        with files.atomic_write(Path(path)) as aside:
            aside.write_text(json.dumps(rows, indent=1) + "\n")


@valid.checked(path=valid.path)
def load_directions(path: str | os.PathLike, noise_dim: int) -> Directions:
    """Reads what `Directions.save` wrote.

    Raises:
        OSError: There is no such file.
        ValueError: It is damaged, or made for a generator with another `noise_dim`.
    """
    try:
        rows = json.loads(Path(path).read_text())
        vectors = np.array(list(rows.values()), "float32")
    except (ValueError, AttributeError, TypeError) as error:
        raise ValueError(f"{path} holds no knobs: {error}") from error
    if vectors.ndim != 2 or vectors.shape[1] != noise_dim:
        raise ValueError(
            f"{path} has knobs of shape {vectors.shape}; this generator needs "
            f"(knobs, {noise_dim})"
        )
    return Directions(tuple(rows), vectors)


def directions_file(model: str | os.PathLike) -> Path:
    """Where the knobs of a generator are kept: beside its `.keras` file.

    The name holds the beginning of the file's checksum. So knobs belong to this very
    robot, whatever its date, and not to the next one of its name.

    Nothing is written beside the robot of the course: its knobs are kept in
    `mnistgan.settings.runs_folder`.

    Raises:
        OSError: There is no such robot.
    """
    model = Path(model)
    ours = model.resolve() == sampling.PRETRAINED.resolve()
    folder = runs_folder() if ours else model.parent
    return folder / f"{model.stem}.{files.checksum(model)[:12]}.knobs.json"


def saved_directions(model: str | os.PathLike, noise_dim: int) -> Directions | None:
    """The knobs that were named and saved for a `.keras` file.

    Args:
        model: The file.
        noise_dim: Of the generator in it.

    Returns:
        The knobs; None if there are none, or none that fit: damaged ones, or those of
        another model of that name.
    """
    try:
        file = directions_file(model)
        if not file.exists():
            file = legacy_directions_file(Path(model), file.parent)
        return load_directions(file, noise_dim)
    except (OSError, ValueError):
        return None


def legacy_directions_file(model: Path, folder: Path) -> Path:
    """Where version 0.1 kept knobs. It told robots of one name apart by their dates.

    Raises:
        OSError: There are none, or those of an older robot; in that case, it is said.
    """
    file = folder / f"{model.stem}.knobs.json"
    if file.stat().st_mtime < model.stat().st_mtime and model != sampling.PRETRAINED:
        files.say_once(
            f"{file} may belong to an earlier robot, so its knobs are left out. "
            f"If they are this one's, rename it to {directions_file(model).name}"
        )
        raise FileNotFoundError(file)
    return file


def find_directions(generator, count=None, seed: int = 0) -> Directions:
    """Finds the directions of the noise that change the artist's first sketch most.

    GANSpace (Härkönen et al. 2020, section 2.2): draw many noises, look at what the
    last dense layer makes of them, find the principal components of that, and then the
    direction of the noise that belongs to each (by least squares).

    Args:
        generator: A trained generator.
        count: How many knobs, from 1 to `noise_dim`; None for 6, if it has so many.
        seed: Starts the noise.

    Returns:
        `count` knobs, the strongest first, called `knob_1`, `knob_2`, …

    Raises:
        ValueError: `count` is below 1 or above `noise_dim`.
    """
    most = noise_dim(generator)
    count = min(6, most) if count is None else count
    if not 1 <= count <= most:
        raise ValueError(f"count is {count}; it must be from 1 to {most}")
    first = next(x for x in generator.layers if isinstance(x, keras.layers.Reshape))
    sketch = keras.Model(generator.input, first.output)
    noise = make_noise(generator, 5_000, seed)
    asked = with_labels(noise, one_hot_labels(generator, len(noise)))
    seen = tf.cast(sketch(asked, training=False), "float32").numpy().reshape(5_000, -1)
    seen -= seen.mean(axis=0)
    _, components = eigsh(seen.T @ seen, count, v0=seen[0])  # the strongest last
    along = seen @ components[:, ::-1]
    along /= along.std(axis=0) * np.sign(along[0])  # which way it points
    vectors = np.linalg.lstsq(along, noise.numpy(), rcond=None)[0]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    names = tuple(f"knob_{number}" for number in range(1, count + 1))
    return Directions(names, vectors.astype("float32"))


def find_waves(generator: keras.Model, count: int = 6) -> Directions:
    """Finds the directions of a noise that is a picture itself: waves over it.

    Fine waves are soon gone from the fog. What is drawn hangs on the wide ones. These
    are the patterns of the discrete cosine transform (Ahmed et al. 1974): first the
    whole picture at once, then light on one side and dark on the other, and so on.

    Args:
        generator: One whose noise is laid out as a picture.
        count: How many knobs, from 1 to as many as that has pixels.

    Returns:
        `count` knobs, the widest wave first, called `knob_1`, `knob_2`, …, all at right
        angles.
    """
    fog = next(x for x in generator.layers if isinstance(x, keras.layers.Reshape))
    size = fog.output.shape[1:3]
    down, across = (dct(np.eye(n), axis=0, norm="ortho") for n in size)
    widest = sorted(np.ndindex(*size), key=lambda wave: np.hypot(*wave))[:count]
    vectors = [np.outer(down[y], across[x]).ravel() for y, x in widest]
    names = tuple(f"knob_{number}" for number in range(1, count + 1))
    return Directions(names, np.array(vectors, "float32"))


def usual_directions(generator: keras.Model) -> Directions:
    """Finds knobs of any generator: those of its first sketch, or else waves."""
    first = next(x for x in generator.layers if isinstance(x, keras.layers.Reshape))
    sketches = keras.Model(generator.input, first.output).weights
    return find_directions(generator) if sketches else find_waves(generator)


def effect(generator: keras.Model, direction: np.ndarray, seed: int = 0) -> dict:
    """Measures what a knob does to 500 drawings when it goes from -1 to 1.

    Args:
        generator: A trained generator.
        direction: `(noise_dim,)`, float32: one of the `vectors` of `Directions`.
        seed: Starts the noise.

    Returns:
        The mean change of each of `measure`'s numbers, in standard deviations of that
        number over the drawings, so that they can be compared.
    """
    noise = make_noise(generator, 500, seed)
    usual = measure(draw(generator, noise))
    low, high = (measure(draw(generator, noise + d * direction)) for d in (-1, 1))
    return {k: float((high[k] - low[k]).mean() / v.std()) for k, v in usual.items()}


@valid.checked(picture=valid.pictures(None, None))
@valid.checked(steps=valid.integer(1, 100_000), seed=valid.integer())
@own_keras()
def find_noise(
    generator: keras.Model, picture: np.ndarray, steps: int = 150, seed: int = 0
) -> tuple[tf.Tensor, float]:
    """Searches for the noise from which the artist draws (nearly) this picture.

    Starts from the 16 best of 2,000 random noises and goes downhill from each, with
    Adam on the mean squared error of the pixels, and a slight pull towards zero, so
    that the noise does not get too loud.

    Args:
        generator: A trained generator.
        picture: `(64, 64, 1)`, uint8, in [0, 255]; from `photos.prepare_drawing`.
        steps: How many steps to take, at least 1. Shown as a bar.
        seed: Starts the search.

    Returns:
        The noise, `(noise_dim,)`, float32, and the root mean squared error of what is
        drawn from it, in units of 0..255.

    Raises:
        ValueError: The picture does not fit, no steps, or the generator has classes.
    """
    if sampling.classes(generator):
        raise ValueError("a generator that takes wishes cannot search for a picture")
    wanted = generator.output_shape[1:]
    if picture.shape != wanted:
        raise ValueError(
            f"cannot search for a picture of shape {picture.shape}; it must be {wanted}"
        )

    def far(noise):
        return ((draw(generator, noise).astype(float) - picture) ** 2).mean((1, 2, 3))

    starts = make_noise(generator, 2_000, seed)
    noise = keras.Variable(tf.gather(starts, np.argsort(far(starts))[:16]))
    adam = keras.optimizers.Adam(0.05)
    adam.build([noise])
    target = to_float(picture)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            drawn = generator(noise.value, training=False)
            errors = tf.reduce_mean((drawn - target) ** 2, axis=[1, 2, 3])
            pull = 1e-3 * tf.reduce_mean(noise.value**2, axis=1)
            loss = tf.reduce_sum(errors + pull)
        adam.apply([tape.gradient(loss, noise.value)])

    for _ in trange(steps, unit="step", mininterval=1):
        step()
    errors = far(noise.value)
    best = int(errors.argmin())
    return noise.value[best], float(errors[best]) ** 0.5
