"""Asking for digits: write whole numbers, and measure whether the artist obeys."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from tensorflow import keras
from tensorflow.keras import layers

from mnistgan import data, evaluation, sampling
from mnistgan.engine import valid
from mnistgan.engine.keras_state import own_keras
from mnistgan.models import build_features, build_generator
from mnistgan.projects import Project
from mnistgan.projects.digits import CARD, load_labelled_digits
from mnistgan.sampling import draw, make_noise
from mnistgan.training import make_train_step

SIGNS = " -./:+"  # what may stand between the digits; from a font, not from the artist
LONGEST = 64


def build_conditional_generator(
    noise_dim: int = 32, classes: int = 10, width: int = 16, hidden: int = 0
) -> keras.Model:
    """Builds an artist that can be asked (Mirza and Osindero 2014, section 3.2).

    Args:
        noise_dim: How many random numbers make one picture, at least 1.
        classes: Kinds of pictures that it can be asked for.
        width: See `mnistgan.models.build_generator`, as for the next.
        hidden: Dense layers that sort the noise. The label does most of that here.

    Returns:
        A model from a list, noise `(batch, noise_dim)` and labels `(batch, classes)`,
        float32, 1 for the class asked for and 0 for the others, to pictures
        `(batch, 64, 64, 1)`, float32, in [-1, 1].
    """
    noise, labels = keras.Input((noise_dim,)), keras.Input((classes,))
    x = layers.Concatenate()([noise, labels])
    for layer in build_generator(noise_dim + classes, width, hidden=hidden).layers[1:]:
        x = layer.from_config(layer.get_config())(x)  # the same, behind another input
    return keras.Model([noise, labels], x, name="generator")


def build_conditional_discriminator(
    classes: int = 10, width: int = 16, noise_std: float = 0.5
) -> keras.Model:
    """Builds a detective that also weighs how well a picture goes with its label.

    Args:
        classes: Kinds of pictures that it is told about.
        width: See `mnistgan.models.build_features`, as for the next.
        noise_std: Random noise over every picture in training.

    Returns:
        A model from a list, pictures `(batch, 64, 64, 1)`, float32, in [-1, 1], and
        labels `(batch, classes)`, float32, to logits `(batch, 1)`, float32 (Miyato and
        Koyama 2018, "cGANs with Projection Discriminator", equation 3).
    """
    start = {"kernel_initializer": keras.initializers.RandomNormal(stddev=0.02)}
    features = build_features(width, noise_std=noise_std)
    labels = keras.Input((classes,))
    looks_real = layers.Dense(1, dtype="float32", **start)(features.output)
    typical = layers.Dense(256, **start)(labels)  # features that its class should have
    fits = layers.Dot(1)([features.output, typical])  # large where both agree
    logits = layers.Add(dtype="float32")([looks_real, fits])
    return keras.Model([features.input, labels], logits, name="discriminator")


def make_conditional_step(
    generator, discriminator, generator_optimizer, discriminator_optimizer
):
    """Makes notebook 03's training step for robots that know labels.

    The labels pass through the generator, so that the discriminator gets each drawing
    together with what was asked for.

    Args:
        generator: From noise and labels to pictures in [-1, 1].
        discriminator: From pictures and labels to logits `(batch, 1)`.
        generator_optimizer: Changes the generator. It is built here.
        discriminator_optimizer: Changes the discriminator. It is built here.

    Returns:
        `step([real_images, labels], [noise, labels])`; see
        `mnistgan.training.make_train_step`.
    """
    noise, labels = generator.inputs
    labelled = keras.Model([noise, labels], [generator.output, labels])
    optimizers = generator_optimizer, discriminator_optimizer
    return make_train_step(labelled, discriminator, *optimizers)


@valid.checked(text=valid.text, seed=valid.integer())
def write(
    generator: keras.Model, text: str, seed: int = 0, one_hand: bool = True
) -> np.ndarray:
    """Writes a number, a telephone number or a date.

    Args:
        generator: One that can be asked for the digits 0 to 9.
        text: Digits, and any of the signs in `SIGNS` between them.
        seed: Starts the noise.
        one_hand: Draw all digits from the same noise, which makes them look as if one
            person had written them; else each has a noise of its own.

    Returns:
        A picture `(64, 64 * len(text), 1)`, uint8, in [0, 255].

    Raises:
        ValueError: The text is empty, longer than `LONGEST`, or has other characters;
            or the generator cannot be asked for ten digits.
    """
    if not set(text) <= set("0123456789" + SIGNS) or not 1 <= len(text) <= LONGEST:
        raise ValueError(
            f"cannot write {text!r}; it takes 1 to {LONGEST} characters, each a digit "
            f"or one of {SIGNS!r}"
        )
    if (known := sampling.classes(generator)) != 10:
        raise ValueError(
            f"this generator knows {known} classes, not ten digits; train "
            "one: python -m mnistgan train --project conditional"
        )
    labels = [int(sign) if sign not in SIGNS else 0 for sign in text]
    noise = make_noise(generator, len(text), seed).numpy()
    if one_hand:
        # Each digit is drawn once: two of a batch may be rounded in different ways.
        letters = draw(generator, np.repeat(noise[:1], 10, 0), np.arange(10))[labels]
    else:
        letters = draw(generator, noise, labels)
    font = ImageFont.load_default(size=44)
    for place, sign in enumerate(text):
        if sign in SIGNS:
            tile = Image.new("L", (64, 64))
            ImageDraw.Draw(tile).text((32, 32), sign, 255, font, anchor="mm")
            letters[place, ..., 0] = np.array(tile)
    return np.concatenate(list(letters), axis=1)


def drawn_lessons(generator: keras.Model, count: int, seed: int = 0):
    """Draws a training set: pictures `(count, 64, 64, 1)`, uint8, and their labels."""
    labels = np.arange(count) % 10
    return draw(generator, make_noise(generator, count, seed), labels), labels


@own_keras()
def accuracy_after(images: np.ndarray, labels: np.ndarray) -> float:
    """Trains a new reader on pictures, and tests it on the real test digits.

    With drawn pictures this is the "GAN-train" score (Shmelkov et al. 2018, "How good
    is my GAN?", section 3.1): only a varied artist that obeys makes a good teacher.

    Args:
        images: `(count, 64, 64, 1)`, uint8, in [0, 255]; at least 1,000.
        labels: `(count,)`, in 0..9.

    Returns:
        The share of the 10,000 real test digits that it names correctly.

    Raises:
        ValueError: There are fewer than 1,000 pictures, or another number of labels.
    """
    if len(images) < 1000 or len(images) != len(labels):
        raise ValueError(
            f"{len(images)} pictures with {len(labels)} labels; it takes at least "
            "1,000, and a label for each"
        )
    settings, seen = evaluation.JudgeSettings(), evaluation.shrink(images)
    student = evaluation.train_reader(settings, seen, labels, "Teaching a new reader")
    tests, answers = data.load_mnist("test")
    seen = evaluation.as_judged(tests)
    said = student.predict(seen, batch_size=1000, verbose=0).argmax(axis=1)
    return float(np.mean(said == answers))


def build_conditional_networks(settings):
    """Builds both networks from settings."""
    generator = build_conditional_generator(
        settings.noise_dim, settings.classes, settings.generator_width, settings.hidden
    )
    discriminator = build_conditional_discriminator(
        settings.classes, settings.discriminator_width, settings.noise_std
    )
    return generator, discriminator


PROJECT = Project(
    load_labelled_digits,
    build_conditional_networks,
    {"classes": 10, "hidden": 0},
    make_conditional_step,
    **CARD,
)
