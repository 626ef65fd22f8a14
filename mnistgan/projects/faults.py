"""Faults that people really make, in one to three lines of what the course teaches.

Notebook 14 trains with them on purpose. A `Fault` names some words, and what somebody
wrote in their place. The changed functions are compiled beside the others: the package
itself stays as it is.
"""

import difflib
import inspect
import linecache
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure
from tensorflow import keras
from tqdm.auto import tqdm

from mnistgan import models, plots, training
from mnistgan.data import make_dataset, to_float
from mnistgan.engine.accelerate import accelerate
from mnistgan.engine.diagnosis import Diagnosis, diagnose
from mnistgan.engine.loop import STEPS_BETWEEN_ROWS
from mnistgan.engine.runs import COLUMNS
from mnistgan.models import build_discriminator, build_generator
from mnistgan.sampling import draw, make_noise
from mnistgan.training import make_train_step


def practise(images: np.ndarray, seed: int = 0, steps: int = 500):
    """Teaches two small robots for a few seconds, with all that a training needs.

    Args:
        images: Real pictures, `(count, 64, 64, 1)`, uint8.
        seed: Starts every random choice.
        steps: Training steps, each with 32 pictures.

    Returns:
        What `train_step` returned, for each step; and what the generator made of 64
        fixed noises before and after: `(64, 64, 64, 1)`, uint8, each.
    """
    keras.utils.set_random_seed(seed)
    generator, discriminator = build_generator(width=8), build_discriminator(width=8)
    g_optimizer = keras.optimizers.Adam(1e-3, beta_1=0.5)
    d_optimizer = keras.optimizers.Adam(1e-3, beta_1=0.5)
    quick = accelerate(generator), accelerate(discriminator)
    train_step = make_train_step(*quick, g_optimizer, d_optimizer)
    fixed_noise = make_noise(generator, 64, seed)
    results, before = [], draw(generator, fixed_noise)
    batches = make_dataset(images, 32, seed).repeat().take(steps)
    for real_images in tqdm(batches, total=steps, mininterval=1):
        noise = tf.random.normal((len(real_images), 32))
        results.append(train_step(to_float(real_images), noise))
    return results, before, draw(generator, fixed_noise)


# All that stands between the pictures and what is learned, in this order.
TAUGHT = (
    models.build_generator,
    models.build_features,
    models.build_discriminator,
    models.discriminator_loss,
    models.generator_loss,
    training.make_train_step,
    practise,
)


@dataclass(frozen=True)
class Fault:
    """Something that somebody wrote otherwise.

    Attributes:
        name: What it is called.
        function: The taught function that the line stands in, one of `TAUGHT`.
        before: A part of the line, as it should be.
        after: What stands there instead, wherever `before` stands in the function.
    """

    name: str
    function: Callable
    before: str
    after: str

    def sources(self) -> tuple[str, str]:
        """The source of the function, without and with the fault.

        Raises:
            ValueError: There is no such function or no such line.
        """
        known = [part.__name__ for part in TAUGHT]
        if self.function not in TAUGHT:
            raise ValueError(
                f"{self.function!r} is no function to break: take one of "
                f"{', '.join(known)}"
            )
        right = inspect.getsource(self.function)
        if not self.before or self.before not in right:
            raise ValueError(
                f"{self.before!r} is not written in {self.function.__name__}: copy a "
                "part of one of its lines"
            )
        return right, right.replace(self.before, self.after)

    def diff(self) -> str:
        """The lines that differ: as they should be after -, as they are after +."""
        right, wrong = (source.splitlines() for source in self.sources())
        lines = difflib.ndiff(right, wrong)
        return "\n".join(line for line in lines if line[0] in "-+")

    def practise(self, images: np.ndarray, seed: int = 0, steps: int = 500):
        """Does what `mnistgan.projects.faults.practise` does, with this fault.

        Raises:
            ValueError: As `sources`; or the changed line is no Python.
        """
        return self.compiled()["practise"](images, seed, steps)

    def compiled(self) -> dict[str, Any]:
        """Compiles all that is taught, with the fault in it.

        Returns:
            The functions by name, and whatever they use.

        Raises:
            ValueError: As `sources`; or the changed line is no Python.
        """
        _, wrong = self.sources()
        space = {**vars(models), **vars(training), **globals()}
        for part in TAUGHT:
            source = wrong if part is self.function else inspect.getsource(part)
            place = f"<{part.__name__} with {self.name!r}>"
            # Here Python looks lines up for a traceback, and TensorFlow as well.
            linecache.cache[place] = len(source), None, source.splitlines(True), place
            try:
                exec(compile(source, place, "exec"), space)
            except SyntaxError as error:
                raise ValueError(
                    f"with {self.after!r} instead of {self.before!r}, "
                    f"{part.__name__} is no Python any more: {error.msg}"
                ) from error
        return space


FAULTS = (
    Fault(
        "no BatchNorm",
        models.build_generator,
        "layers.BatchNormalization(momentum=0.9)",
        "layers.Identity()",
    ),
    Fault(
        "training=False",
        training.make_train_step,
        "training=True",
        "training=False",
    ),
    Fault(
        "0 to 255",
        practise,
        "to_float(real_images)",
        "tf.cast(real_images, tf.float32)",
    ),
    Fault("sigmoid", models.build_generator, '"tanh"', '"sigmoid"'),
    Fault(
        "rate × 10",
        practise,
        "d_optimizer = keras.optimizers.Adam(1e-3",
        "d_optimizer = keras.optimizers.Adam(1e-2",
    ),
    Fault(
        "no noise",
        models.build_discriminator,
        "build_features(width, channels, noise_std)",
        "build_features(width, channels, 0.0)",
    ),
    Fault(
        "gradient stopped",
        models.discriminator_loss,
        "real_loss + fake_loss",
        "real_loss + tf.stop_gradient(fake_loss)",
    ),
    Fault(
        "labels swapped",
        training.make_train_step,
        "discriminator_loss(real_logits, fake_logits)",
        "discriminator_loss(fake_logits, real_logits)",
    ),
    Fault(
        "old step",
        practise,
        "    results, before",
        "    generator = build_generator(width=8)\n    results, before",
    ),
    Fault("batch of 4", practise, "make_dataset(images, 32", "make_dataset(images, 4"),
)


def as_history(results: list) -> list[dict[str, float]]:
    """Turns what `practise` returns first into the rows of a history.

    Returns:
        A row with the keys `COLUMNS` for every 25 steps; see `read_history`. Steps
        after the last row are left out.
    """
    rows = len(results) // STEPS_BETWEEN_ROWS
    each = [
        (d_loss, g_loss, *(tf.reduce_mean(tf.sigmoid(x)) for x in logits))
        for d_loss, g_loss, *logits in results[: rows * STEPS_BETWEEN_ROWS]
    ]
    numbers = np.array(each, float).reshape(rows, STEPS_BETWEEN_ROWS, 4).mean(axis=1)
    return [
        dict(zip(COLUMNS, ((n + 1) * STEPS_BETWEEN_ROWS, 1, *row), strict=True))
        for n, row in enumerate(numbers)
    ]


def ask_doctor(training: tuple, images: np.ndarray) -> Diagnosis | None:
    """Lets the doctor read the diary and the drawings of what `practise` returns.

    Args:
        training: What `practise` returned.
        images: The real pictures that it learned from.

    Returns:
        What it found; None where it has nothing to complain of.
    """
    results, before, drawings = training
    return diagnose(as_history(results), drawings, images[:64], before)


def compare(trainings: dict[str, tuple]) -> Figure:
    """Shows what several trainings noted and drew, side by side.

    Args:
        trainings: Names, and what `practise` returned for each.

    Returns:
        The figure: both losses, both beliefs, and sixteen drawings of each.
    """
    count = len(trainings)
    figure = plots.plt.figure(figsize=(5 * count, 7), layout="constrained")
    axes = figure.subplots(3, count, squeeze=False, height_ratios=[3, 3, 2])
    rows = {"d_loss": 0, "g_loss": 0, "d_real": 1, "d_fake": 1}
    looks = (plots.BLUE, "-"), (plots.ORANGE, "--")
    for (name, (results, _, drawings)), column in zip(
        trainings.items(), axes.T, strict=True
    ):
        history = as_history(results)
        data = plots.as_columns(history, "step", *rows)
        for number, (key, row) in enumerate(rows.items()):
            colour, line = looks[number % 2]
            column[row].plot("step", key, line, color=colour, data=data)
        column[0].legend(["detective", "artist"])
        column[0].set(title=f"{name}: losses")
        column[1].legend(["for real digits", "for drawn digits"])
        column[1].set(title="the detective's beliefs", ylim=(-0.02, 1.02))
        column[2].imshow(plots.tile(drawings[:16], 8).squeeze(), "gray", vmax=255)
        column[2].axis("off")
    return figure
