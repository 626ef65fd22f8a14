"""Checkpoints for the notebooks: each says "well done", or stops with a hint.

What passes leaves a stamp in the learner's passport; see `mnistgan.widgets.stamps`.
"""

import numpy as np
import tensorflow as tf
from tensorflow import keras

from mnistgan.engine.runs import Run
from mnistgan.metrics import band_powers
from mnistgan.sampling import draw, make_noise
from mnistgan.widgets import stamps

# Of the 60,000 training digits at 64×64, in grey levels: the mean of all pixels, and
# the standard deviation of a pixel from picture to picture (mean over all pixels).
REAL_INK, REAL_VARIETY = 33.3, 45.2
REAL_DETAIL = 3700.0  # their power in the finest of `metrics.BANDS`


def open_passport(page: str) -> None:
    """Opens the passport at a notebook's page, such as `"03_teach_the_robots"`.

    From now on, the checks of this notebook leave their stamps there. Without it, they
    leave none.

    Raises:
        ValueError: The passport has no such page.
    """
    stamps.open_page(page)


def check(passed: bool, praise: str, hint: str, stamp: str = "") -> None:
    """Prints praise, or raises AssertionError with a hint on what to look at.

    Args:
        passed: Whether all is well.
        praise: What is well.
        hint: What else is wrong, and what to do about it.
        stamp: The name of the stamp that it leaves in the passport; empty for none.
    """
    if not passed:
        raise AssertionError(f"Not yet: {hint}")
    print(f"✔ Well done: {praise}")
    stamps.add_stamp(stamp)


def passed(stamp: str, praise: str) -> None:
    """Praises, and stamps the passport, after the `assert`s of a step have passed."""
    check(True, praise, "", stamp)


def prepared(images: tf.Tensor) -> None:
    """Checks pictures for the robots: `(batch, 64, 64, 1)`, float32, in [-1, 1]."""
    images = tf.convert_to_tensor(images)
    low, high = float(tf.reduce_min(images)), float(tf.reduce_max(images))
    check(
        images.shape[1:] == (64, 64, 1) and images.dtype == tf.float32,
        "every picture is 64×64, in float32.",
        f"the shape is {images.shape} and the type {images.dtype.name}; they should be "
        "(batch, 64, 64, 1) and float32. Was every picture resized?",
    )
    check(
        -1.0 <= low < -0.9 and 0.5 < high <= 1.0,
        f"the pixels lie between {low:g} and {high:g}.",
        f"the pixels lie between {low:g} and {high:g}, not -1 and 1. Take grey levels "
        "from 0 to 255, divide by 127.5, then take away 1.",
        "prepared",
    )


def generator_works(generator: keras.Model) -> None:
    """Checks that a generator turns noise into pictures in [-1, 1], one for each."""
    images = generator(make_noise(generator, 4), training=False)
    span = float(tf.reduce_max(tf.abs(images)))
    check(
        images.shape == (4, 64, 64, 1) and span <= 1.0,
        "the artist turns noise into 64×64 pictures.",
        f"4 noises became {images.shape}, with values up to {span:g}; they should "
        "become (4, 64, 64, 1), from -1 to 1. Is the last activation tanh?",
        "artist",
    )


def discriminator_works(discriminator: keras.Model) -> None:
    """Checks that a discriminator gives one logit for each picture."""
    logits = discriminator(tf.zeros((4, 64, 64, 1)), training=False)
    check(
        logits.shape == (4, 1),
        "the detective gives one number for each picture.",
        f"4 pictures became {logits.shape}, not (4, 1). Does it end in Dense(1)?",
        "detective",
    )


def learned(before: list[np.ndarray], model: keras.Model, name: str) -> None:
    """Checks that every trainable weight of `model` differs from its value `before`."""
    pairs = zip(before, model.trainable_variables, strict=True)
    same = [new.path for old, new in pairs if np.array_equal(old, new.numpy())]
    check(
        not same,
        f"every weight of the {name} has moved.",
        f"these weights of the {name} stayed as they were: {', '.join(same)}. Did its "
        "optimizer get its gradients?",
        "learned",
    )


def finished(run: Run) -> None:
    """Checks that a training was not stopped half-way."""
    check(
        run.finished,
        f"all {run.total_steps:,} steps are taken.",
        f"the training was stopped after {run.step:,} of {run.total_steps:,} steps. "
        "Run its cell again: it goes on from there.",
        "trained",
    )


def draws_digits(generator: keras.Model) -> None:
    """Checks that a trained generator draws pictures as dark and as varied as digits.

    Raises:
        AssertionError: The pictures are not mostly black, or look too much alike: an
            untrained or a collapsed generator. Or they have dots and specks that a
            judge, who looks at 28×28 pixels, cannot see.
    """
    pictures = draw(generator, make_noise(generator, 200))
    ink, variety = pictures.mean(), pictures.std(axis=0).mean() / REAL_VARIETY
    check(
        0.5 < ink / REAL_INK < 2,
        "the paper is black, with a little white ink.",
        f"the mean grey level is {ink:.0f}; for real digits it is {REAL_INK:.0f}. Has "
        "this robot been trained?",
    )
    check(
        variety > 0.6,
        f"its drawings vary {variety:.0%} as much as real digits do.",
        f"its drawings vary only {variety:.0%} as much as real digits do. The "
        "artist has collapsed: it draws the same picture for every noise. Train again "
        "with another seed, or with a larger noise_std for the detective.",
    )
    detail = band_powers(pictures)[0, -1] / REAL_DETAIL
    check(
        detail < 5,
        f"its finest waves have {detail:.1f} times the power of real ones: no dots.",
        f"its finest waves have {detail:.0f} times the power of real ones: dots and "
        "specks. Robots of version 0.1 drew like that: train a new one.",
        "draws digits",
    )
