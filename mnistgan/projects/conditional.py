"""Asking for digits: write whole numbers, and measure whether the artist obeys."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from tensorflow import keras

from mnistgan import data, evaluation
from mnistgan.engine.valid import checked, whole
from mnistgan.engine.valid import text as text_rule
from mnistgan.sampling import classes, draw, make_noise

SIGNS = " -./:+"  # what may stand between the digits; from a font, not from the artist
LONGEST = 64


@checked(text=text_rule, seed=whole())
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
    odd = sorted(set(text) - set("0123456789" + SIGNS))
    if odd or not 1 <= len(text) <= LONGEST:
        raise ValueError(
            f"cannot write {text!r}; it takes 1 to {LONGEST} characters, each a digit "
            f"or one of {SIGNS!r}"
        )
    if classes(generator) != 10:
        raise ValueError(
            f"this generator knows {classes(generator)} classes, not ten digits; train "
            "one: python -m mnistgan train --project asked"
        )
    wanted = [int(sign) if sign not in SIGNS else 0 for sign in text]
    noise = make_noise(generator, len(text), seed).numpy()
    if one_hand:
        # Each digit is drawn once: two of a batch may be rounded in different ways.
        kinds, places = np.unique(wanted, return_inverse=True)
        letters = draw(generator, np.repeat(noise[:1], len(kinds), 0), kinds)[places]
    else:
        letters = draw(generator, noise, wanted)
    font = ImageFont.load_default(size=44)
    for place, sign in enumerate(text):
        if sign in SIGNS:
            tile = Image.new("L", (64, 64))
            ImageDraw.Draw(tile).text((32, 32), sign, 255, font, anchor="mm")
            letters[place, ..., 0] = np.array(tile)
    return np.concatenate(list(letters), axis=1)


def obeyed(
    reader: evaluation.Judge, generator: keras.Model, count: int = 10_000, seed: int = 0
) -> np.ndarray:
    """Asks for digits, and lets the judge read what was drawn.

    Args:
        reader: From `mnistgan.evaluation.load_judge`.
        generator: One that can be asked for the digits 0 to 9.
        count: How many drawings, at least 10; each digit is asked for in turn.
        seed: Starts the noise.

    Returns:
        `(10, 10)`, whole numbers: how often the row was asked for and the column read.

    Raises:
        ValueError: `count` is below 10.
    """
    if count < 10:
        raise ValueError(f"count is {count}; it must be at least 10, one of each digit")
    wanted = np.arange(count) % 10
    drawings = draw(generator, make_noise(generator, count, seed), wanted)
    read = evaluation.read(reader.network, drawings)[1].argmax(axis=1)
    return np.bincount(10 * wanted + read, minlength=100).reshape(10, 10)


def drawn_lessons(generator: keras.Model, count: int, seed: int = 0):
    """Draws a training set: pictures `(count, 64, 64, 1)`, uint8, and their labels."""
    wanted = np.arange(count) % 10
    return draw(generator, make_noise(generator, count, seed), wanted), wanted


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
    student = evaluation.train_network(
        evaluation.JudgeSettings(), evaluation.shrink(images), labels
    )
    tests, answers = data.load_mnist("test")
    seen = evaluation.shrink(data.prepare_all(tests))
    said = student.predict(seen, batch_size=1000, verbose=0).argmax(axis=1)
    return float(np.mean(said == answers))
