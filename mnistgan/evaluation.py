"""How good are the drawings? A judge that knows real digits puts numbers on it.

The judge is a small network that reads real digits. What it sees in a picture, just
before it names the digit, are its **features**: 64 numbers. Drawn digits are compared
with real ones by their features. All pictures, drawn or real, reach the judge the same
way: 64×64, then antialiased down to 28×28.

A second judge, of another make, looks at all 64×64 pixels. Whoever was chosen by one
judge looks a little better to that one than to others.
"""

import dataclasses
import hashlib
import inspect
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers

from mnistgan import data, metrics
from mnistgan.engine import files
from mnistgan.engine.bars import epochs_bar, slow
from mnistgan.engine.keras_state import own_keras
from mnistgan.engine.model_io import load_model, save_model
from mnistgan.engine.valid import checked, listed, pictures
from mnistgan.sampling import draw, make_noise
from mnistgan.settings import MOST_DRAWN, runs_folder

SURE = 0.95  # a digit counts as recognised when the judge is at least this confident
PART = 1000  # pictures handled at once: bounds the memory
COMPARED = 2000  # with all 60,000 training digits, each: seconds, not minutes
LABELS = {
    "count": ("pictures", ",d"),
    "confident": (f"recognised (> {SURE:.0%} sure)", ".1%"),
    "frechet": ("digit Fréchet distance", ".2f"),
    "precision": ("precision", ".3f"),
    "recall": ("recall", ".3f"),
    "density": ("density", ".3f"),
    "coverage": ("coverage", ".3f"),
    "class_kl": ("unequal classes (KL, nats)", ".4f"),
    "power_25_35": ("power at 0.25-0.35 ÷ real", ".2f"),
    "power_35_50": ("power at 0.35-0.50 ÷ real", ".2f"),
    "power_50_75": ("power at 0.50-0.75 ÷ real", ".2f"),
    "copied": (f"copied (of the first {COMPARED})", ".1%"),
}

OPINION = "confident", "frechet", "precision", "recall", "density", "coverage"


@dataclass(frozen=True)
class JudgeSettings:
    """How the judge is trained. The same settings give the same judge.

    Attributes:
        epochs: Rounds through the 60,000 training pictures.
        batch_size: Pictures in one step.
        learning_rate: Adam's step size at the start; it falls to zero along a cosine.
        seed: Starts the weights and the order of the pictures.
        full_size: Whether it looks at all 64×64 pixels, as the second judge does.
    """

    epochs: int = 4
    batch_size: int = 128
    learning_rate: float = 3e-3
    seed: int = 0
    full_size: bool = False

    @property
    def name(self) -> str:
        """What its file is called."""
        return "second_judge" if self.full_size else "judge"


SECOND = JudgeSettings(seed=1, full_size=True)


@checked(images=pictures(64, 64, 1, least=0))
def shrink(images: np.ndarray) -> np.ndarray:
    """Brings pictures to the judge: antialiased, so that no pixel is left out.

    Args:
        images: `(count, 64, 64, 1)`, uint8, in [0, 255].

    Returns:
        `(count, 28, 28, 1)`, float32, in [-1, 1].
    """
    small = np.empty((len(images), 28, 28, 1), np.float32)
    for start in range(0, len(images), PART):
        part = data.to_float(images[start : start + PART])
        small[start : start + PART] = tf.image.resize(part, (28, 28), antialias=True)
    return small


def as_judged(digits: np.ndarray) -> np.ndarray:
    """Takes digits `(count, 28, 28, 1)`, uint8, the way of all pictures; see `shrink`.

    They are enlarged first, a part at a time, so that few are large at once.
    """
    parts = [digits[start : start + PART] for start in range(0, len(digits), PART)]
    ready = [shrink(data.prepare_all(part)) for part in slow(parts, "Making ready")]
    return np.concatenate(ready)


def build_judge() -> keras.Model:
    """Builds the judge: picture in, one logit for each of the ten digits out.

    Returns:
        A model from pictures `(batch, 28, 28, 1)`, float32, in [-1, 1], to logits
        `(batch, 10)`, float32. The last layer but one has the features, `(batch, 64)`.
    """
    x = images = keras.Input((28, 28, 1))
    for channels, kernel, stride in ((32, 5, 2), (32, 3, 1), (64, 3, 2)):
        x = layers.Conv2D(channels, kernel, stride, "same", use_bias=False)(x)
        x = layers.BatchNormalization(momentum=0.9)(x)
        x = layers.ReLU()(x)  # (14, 14, 32), (14, 14, 32), (7, 7, 64)
    x = layers.Flatten()(x)
    x = layers.Dropout(0.4)(x)
    features = layers.Dense(64, activation="relu", name="features")(x)
    logits = layers.Dense(10, name="logits")(features)
    return keras.Model(images, logits, name="judge")


def build_second_judge() -> keras.Model:
    """Builds another kind of judge, which looks at every pixel of 64×64.

    Returns:
        A model from pictures `(batch, 64, 64, 1)`, uint8, in [0, 255], to logits
        `(batch, 10)`, float32. The last layer but one has the features, `(batch, 96)`.
    """
    images = keras.Input((64, 64, 1), dtype="uint8")
    x = layers.Rescaling(1 / 127.5, -1)(images)
    for channels, kernel, stride in ((32, 8, 4), (64, 3, 2), (128, 3, 2)):
        x = layers.Conv2D(channels, kernel, stride, "same")(x)
        x = layers.LeakyReLU(negative_slope=0.1)(x)
        x = layers.BatchNormalization(momentum=0.9)(x)
    x = layers.Flatten()(x)  # (16, 16, 32), (8, 8, 64), (4, 4, 128), then (2048,)
    x = layers.Dropout(0.4)(x)
    features = layers.Dense(96, activation="relu", name="features")(x)
    logits = layers.Dense(10, name="logits")(features)
    return keras.Model(images, logits, name="second_judge")


def train_network(settings: JudgeSettings, images, labels) -> keras.Model:
    """Trains a judge on real digits with Keras' own loop.

    Args:
        settings: How.
        images: What the judge looks at; see `see`.
        labels: `(count,)`, in 0..9.

    Returns:
        The trained network; see `build_judge` and `build_second_judge`.
    """
    keras.utils.set_random_seed(settings.seed)
    network = build_second_judge() if settings.full_size else build_judge()
    steps = settings.epochs * -(-len(images) // settings.batch_size)
    rates = keras.optimizers.schedules.CosineDecay(settings.learning_rate, steps)
    network.compile(
        keras.optimizers.Adam(rates),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=False,  # on a CPU, XLA's convolutions are slower than oneDNN's
    )
    network.fit(images, labels, settings.batch_size, settings.epochs, verbose=2)
    return network


def train_reader(settings: JudgeSettings, images, labels, words: str) -> keras.Model:
    """Does what `train_network` does, and shows a bar, with `words`, meanwhile."""
    with epochs_bar(settings.epochs, words):
        return train_network(settings, images, labels)


@dataclass(frozen=True)
class Judge:
    """A trained judge, and what it saw in the 10,000 test digits.

    Attributes:
        network: From pictures, as `see` shows them, to features and logits; of the
            first judge `(batch, 64)` and `(batch, 10)`.
        accuracy: The share of the test digits that it names correctly.
        test_features: `(10000, features)`, float32: what real digits look like to it.
        test_powers: How much fine detail they have; see `metrics.band_powers`.
    """

    network: keras.Model
    accuracy: float
    test_features: np.ndarray
    test_powers: np.ndarray


@dataclass(frozen=True)
class Score:
    """What the judge says of a set of pictures, beside as many real test digits.

    Attributes:
        count: How many pictures were judged.
        confident: The share that the judge recognises with confidence above `SURE`.
        frechet: The digit Fréchet distance; see `metrics.frechet_distance`.
        precision: See `metrics.neighbourhoods`, as for the next three.
        recall: The share of real digits that the drawings come near to.
        density: How crowded the drawings' surroundings are with real digits.
        coverage: The share of real neighbourhoods with a drawing inside.
        class_counts: How many zeros, ones, … nines the judge counts.
        class_kl: How unequal the counts are, in nats; see `metrics.kl_from_uniform`.
        power_25_35: How much fine detail the pictures have, from 0.25 to 0.35 cycles a
            pixel, divided by that of all test digits; see `metrics.detail`, as for the
            next two. At 64×64: the judge itself cannot see it.
        power_35_50: From 0.35 to 0.5.
        power_50_75: The finest.
        copied: The share that comes nearer to a training digit than all but 1% of the
            test digits do, pixel by pixel, of the first `COMPARED`; None where it was
            not asked for.
    """

    count: int
    confident: float
    frechet: float
    precision: float
    recall: float
    density: float
    coverage: float
    class_counts: tuple[int, ...]
    class_kl: float
    power_25_35: float
    power_35_50: float
    power_50_75: float
    copied: float | None = None


def see(network: keras.Model, images: np.ndarray) -> np.ndarray:
    """Brings pictures, `(count, 64, 64, 1)`, uint8, to what a judge looks at."""
    return images if network.input_shape[1] == 64 else shrink(images)


def read(network: keras.Model, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lets the judge look at pictures.

    Args:
        network: The judge's network, as in `Judge`.
        images: `(count, 64, 64, 1)`, uint8, in [0, 255].

    Returns:
        Features, `(count, 64)` (of the second judge: 96), and the probability of each
        digit, `(count, 10)`, float32.
    """
    parts = [images[start : start + PART] for start in range(0, len(images), PART)]
    seen = [network(see(network, x), training=False) for x in slow(parts, "Reading")]
    features, logits = (tf.concat(part, 0) for part in zip(*seen, strict=True))
    return features.numpy(), tf.nn.softmax(logits).numpy()


def check_count(judge: Judge, count: int) -> None:
    """Refuses a number of pictures that cannot be compared: ValueError."""
    least, most = metrics.NEIGHBOURS + 1, len(judge.test_features)
    if not least <= count <= most:
        raise ValueError(
            f"{count} pictures cannot be judged; it takes {least} to {most}"
        )


def check_kind(what: str, shape: tuple[int | None, ...]) -> None:
    """Refuses pictures that are no digits: ValueError, with their shape."""
    if shape[1:] != (64, 64, 1):
        raise ValueError(
            f"{what} have the shape {(*shape,)}; the judge knows digits only, of shape "
            "(count, 64, 64, 1)"
        )


@checked(images=listed(pictures(64, 64, 1)))
def score(judge: Judge, images: np.ndarray) -> Score:
    """Scores pictures beside as many real test digits.

    Args:
        judge: From `load_judge`.
        images: `(count, 64, 64, 1)`, uint8, in [0, 255]; 6 to 10,000 of them.

    Returns:
        The score.

    Raises:
        ValueError: The pictures are too few or too many, or of another shape or type.
    """
    check_count(judge, len(images))
    features, probabilities = read(judge.network, images)
    real = judge.test_features[: len(images)]
    counts = np.bincount(probabilities.argmax(1), minlength=10)
    return Score(
        count=len(images),
        confident=float(np.mean(probabilities.max(1) > SURE)),
        frechet=metrics.frechet_distance(real, features),
        **metrics.neighbourhoods(real, features),
        class_counts=tuple(counts.tolist()),
        class_kl=metrics.kl_from_uniform(counts),
        **metrics.detail(images, judge.test_powers),
    )


def class_agreement(
    judge: Judge, generator: keras.Model, count: int = 10_000, seed: int = 0
) -> np.ndarray:
    """Asks for digits, and lets the judge read what was drawn.

    Args:
        judge: From `load_judge`.
        generator: One that can be asked for the digits 0 to 9.
        count: How many drawings, 10 to `MOST_DRAWN`; each digit is asked for in turn.
        seed: Starts the noise.

    Returns:
        `(10, 10)`, whole numbers: how often the row was asked for and the column read.

    Raises:
        ValueError: `count` is out of range.
    """
    if not 10 <= count <= MOST_DRAWN:
        raise ValueError(
            f"count is {count}; it must be from 10, one of each digit, to {MOST_DRAWN}"
        )
    labels = np.arange(count) % 10
    drawings = draw(generator, make_noise(generator, count, seed), labels)
    seen = read(judge.network, drawings)[1].argmax(axis=1)
    return np.bincount(10 * labels + seen, minlength=100).reshape(10, 10)


def recipe_of(settings: JudgeSettings, model: Path) -> dict[str, Any]:
    """What is noted of a judge: its settings, the code that made it, its checksum."""
    build = build_second_judge if settings.full_size else build_judge
    parts = (shrink, build, train_network)
    code = "".join(inspect.getsource(part) for part in parts)
    made_by = hashlib.sha256(code.encode()).hexdigest()
    made = {"settings": dataclasses.asdict(settings), "code": made_by}
    return {**made, "sha256": files.checksum(model)}


def load_kept(model: Path, note: Path, settings: JudgeSettings) -> keras.Model | None:
    """Loads a judge that was kept; None if it is missing, damaged or another."""
    try:
        found = json.loads(note.read_text())
        return load_model(model) if found == recipe_of(settings, model) else None
    except (OSError, ValueError):
        return None


def train_and_keep(
    model: Path, note: Path, settings: JudgeSettings, data_dir: str | os.PathLike | None
) -> keras.Model:
    """Trains a judge, and keeps it for `load_kept`."""
    digits, labels = data.load_mnist("train", data_dir)
    images = data.prepare_all(digits) if settings.full_size else as_judged(digits)
    words = f"Training the {settings.name.replace('_', ' ')}, once"
    network = train_reader(settings, images, labels, words)
    save_model(network, model)
    with files.atomic_write(note) as aside:
        aside.write_text(json.dumps(recipe_of(settings, model), indent=2) + "\n")
    return network


@own_keras()
def load_judge(
    folder: str | os.PathLike | None = None,
    settings: JudgeSettings | None = None,
    data_dir: str | os.PathLike | None = None,
) -> Judge:
    """Fetches the judge, or trains it once: about a minute on 2 cores.

    Args:
        folder: Where the judge is kept; None for `judge` in `runs_folder()`.
        settings: How it is trained; None for `JudgeSettings()`, `SECOND` for the second
            judge.
        data_dir: Where data sets are kept; see `mnistgan.datasets.mnist.data_folder`.

    Returns:
        The judge. It is kept with its settings and its checksum; with other settings,
        or when the file is damaged, it is trained again.

    Raises:
        OSError: The digits cannot be fetched, or the folder cannot be written to.
    """
    folder = Path(folder) if folder else runs_folder() / "judge"
    settings = settings or JudgeSettings()
    model, note = (folder / f"{settings.name}.{kind}" for kind in ("keras", "json"))
    network = load_kept(model, note, settings)
    if network is None:
        files.make_folder(folder)
        # Who comes second finds what the first has trained.
        with files.wait_for_turn(folder / f"{settings.name}.lock"):
            network = load_kept(model, note, settings)
            network = network or train_and_keep(model, note, settings, data_dir)
    outputs = [network.get_layer("features").output, network.output]
    network = keras.Model(network.input, outputs, name=settings.name)
    digits, labels = data.load_mnist("test", data_dir)
    images = data.prepare_all(digits)
    features, probabilities = read(network, images)
    accuracy = float(np.mean(probabilities.argmax(1) == labels))
    return Judge(network, accuracy, features, metrics.band_powers(images))


def load_real_rows(split: str, data_dir: str | os.PathLike | None = None) -> np.ndarray:
    """Loads real digits the way the judge sees them.

    Args:
        split: A TFDS split of MNIST; see `mnistgan.data.load_mnist`.
        data_dir: Where data sets are kept.

    Returns:
        `(count, 784)`, float32, in [-1, 1]: rows for `metrics.nearest`.
    """
    images, _ = data.load_mnist(split, data_dir)
    return as_judged(images).reshape(len(images), -1)


def copied_share(images: np.ndarray, real_rows: np.ndarray, limit: float) -> float:
    """Which share of pictures is (almost) a copy of one in an album.

    Args:
        images: `(count, 64, 64, 1)`, uint8; the first `COMPARED` are looked at.
        real_rows: Real digits, from `load_real_rows`.
        limit: The distance below which a picture counts as a copy; see `copy_limit`.

    Returns:
        The share, from 0 to 1.
    """
    small = shrink(images[:COMPARED]).reshape(-1, real_rows.shape[1])
    return float(np.mean(metrics.nearest(small, real_rows)[1] < limit))


def copy_limit(real_rows: np.ndarray, others: np.ndarray) -> float:
    """The distance to an album that only 1% of other people's digits fall below.

    Args:
        real_rows: Training digits, from `load_real_rows`.
        others: Test digits, from `load_real_rows`.

    Returns:
        A Euclidean distance over 28×28 pixels in [-1, 1].
    """
    return float(np.quantile(metrics.nearest(others, real_rows)[1], 0.01))


def picture_sets(
    generator: keras.Model,
    count: int = 10_000,
    seed: int = 0,
    data_dir: str | os.PathLike | None = None,
) -> dict[str, np.ndarray]:
    """Gathers what is judged: `drawn` pictures, `real` training digits, and `noise`.

    Args:
        generator: The generator.
        count: How many pictures in each set.
        seed: Starts the noise.
        data_dir: Where data sets are kept.

    Returns:
        Each `(count, 64, 64, 1)`, uint8.

    Raises:
        ValueError: It draws something else.
    """
    check_kind("its drawings", generator.output_shape)
    drawn = draw(generator, make_noise(generator, count, seed))
    real = data.prepare_all(data.load_mnist(f"train[:{count}]", data_dir)[0])
    noise = np.random.default_rng(seed).integers(0, 256, drawn.shape, np.uint8)
    return {"drawn": drawn, "real": real, "noise": noise}


def compare(
    judge: Judge,
    generator: keras.Model,
    count: int = 10_000,
    seed: int = 0,
    data_dir: str | os.PathLike | None = None,
) -> dict[str, Score]:
    """Scores what a generator draws, beside real digits and beside pure noise.

    Args:
        judge: From `load_judge`.
        generator: The generator.
        count: How many pictures to judge in each row, 6 to 10,000.
        seed: Starts the noise.
        data_dir: Where data sets are kept.

    Returns:
        The scores of `drawn` pictures; of as many `real` training digits, to compare
        with; and of `noise`: pixels by chance.

    Raises:
        ValueError: `count` is out of range, or it draws something else.
    """
    check_count(judge, count)
    sets = picture_sets(generator, count, seed, data_dir)
    real_rows = load_real_rows("train", data_dir)
    limit = copy_limit(real_rows, load_real_rows(f"test[:{COMPARED}]", data_dir))
    rows = {}
    for name, images in slow(sets.items(), "Judging"):
        copied = copied_share(images, real_rows, limit)
        rows[name] = dataclasses.replace(score(judge, images), copied=copied)
    return rows


def second_opinion(
    judge: Judge,
    generator: keras.Model,
    count: int = 10_000,
    seed: int = 0,
    data_dir: str | os.PathLike | None = None,
) -> dict[str, Score]:
    """Asks the second judge about the same pictures; see `compare`."""
    sets = picture_sets(generator, count, seed, data_dir).items()
    return {name: score(judge, images) for name, images in slow(sets, "Judging again")}


def format_scores(rows: dict[str, Score], fields: Iterable[str] = LABELS) -> str:
    """Writes scores as a table, one column for each, ready to print.

    Args:
        rows: What each column is called, and its score.
        fields: Which lines; see `LABELS` and `OPINION`.

    Returns:
        The table.
    """
    lines = [" " * 28 + "".join(f"{name:>9}" for name in rows)]
    for field in fields:
        label, form = LABELS[field]
        values = [getattr(row, field) for row in rows.values()]
        cells = "".join(f"{'' if v is None else format(v, form):>9}" for v in values)
        lines.append(f"{label:28}{cells}")
    return "\n".join(lines)


def to_json(
    model: Path,
    seed: int,
    first: tuple[Judge, dict[str, Score]],
    second: tuple[Judge, dict[str, Score]],
) -> str:
    """Writes scores as JSON, in a form that later versions keep.

    Args:
        model: The file that was judged.
        seed: Of the noise.
        first: The judge, and its rows from `compare`.
        second: The second judge, and its rows from `second_opinion`.

    Returns:
        An object with `format` (1), `model` (the file's name), `seed`, `accuracy` (of
        the judge), and `rows`: for each row the fields of `Score`. Under `second`, it
        has the last two of the second judge.
    """

    def said(judge: Judge, rows: dict[str, Score]) -> dict[str, Any]:
        scores = {name: dataclasses.asdict(row) for name, row in rows.items()}
        return {"accuracy": judge.accuracy, "rows": scores}

    report = {"format": 1, "model": model.name, "seed": seed, **said(*first)}
    return json.dumps({**report, "second": said(*second)}, indent=2) + "\n"
