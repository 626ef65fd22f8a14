"""A witness describes cartoon faces, and so lets us measure how good drawn ones are."""

import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers

from mnistgan import metrics
from mnistgan.datasets.faces import ANSWERS
from mnistgan.engine.bars import steps_bar
from mnistgan.engine.keras_state import own_keras
from mnistgan.engine.valid import checked, integer
from mnistgan.engine.valid import pictures as valid_pictures
from mnistgan.models import build_features

SURE = 0.95  # an answer counts as sure when the witness is at least this confident


def build_attribute_classifier() -> keras.Model:
    """Builds the witness: face in, an answer to every question about it out.

    Returns:
        A model from pictures `(batch, 64, 64, 3)`, uint8, in [0, 255], to a dictionary:
        features `(batch, 256)` as `"features"`, and for each question of `ANSWERS` the
        logits of its answers, `(batch, answers)`, float32.
    """
    images = keras.Input((64, 64, 3), dtype="uint8")
    extractor = build_features(16, channels=3, noise_std=0.0)
    features = extractor(layers.Rescaling(1 / 127.5, offset=-1.0)(images))
    logits = {
        question: layers.Dense(len(answers), name=question)(features)
        for question, answers in ANSWERS.items()
    }
    return keras.Model(
        images, {"features": features, **logits}, name="attribute_classifier"
    )


@checked(pictures=valid_pictures(64, 64, 3), epochs=integer(1, 10_000), seed=integer())
@own_keras()
def train_attribute_classifier(
    classifier: keras.Model,
    pictures: np.ndarray,
    named: dict[str, np.ndarray],
    epochs: int = 4,
    seed: int = 0,
) -> None:
    """Teaches a witness with faces of which we know what they are made of.

    Args:
        classifier: From `build_attribute_classifier`. It is changed.
        pictures: `(count, 64, 64, 3)`, uint8, from `load_faces`.
        named: What they are made of, from there, too.
        epochs: Rounds through the pictures; 4 of 10,000 take 20 seconds of a processor.
        seed: Starts the order of the pictures.
    """
    keras.utils.set_random_seed(seed)
    steps = epochs * -(-len(pictures) // 64)
    classifier.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(3e-3, steps)),
        {q: keras.losses.SparseCategoricalCrossentropy(True) for q in ANSWERS},
        jit_compile=False,  # on a CPU, XLA's convolutions are slower than oneDNN's
    )
    with steps_bar(steps, "Teaching the witness") as watch:
        classifier.fit(pictures, named, 64, epochs, verbose=0, callbacks=[watch])


@checked(pictures=valid_pictures(64, 64, 3))
def ask(classifier: keras.Model, pictures: np.ndarray) -> dict[str, np.ndarray]:
    """Lets the witness look at pictures `(count, 64, 64, 3)`, uint8.

    Returns:
        `"features"`, `(count, 256)`, and for each question the probabilities of its
        answers, `(count, answers)`, float32.
    """
    seen = classifier.predict(pictures, batch_size=1000, verbose=0)
    sure = {name: tf.nn.softmax(seen[name]).numpy() for name in ANSWERS}
    return {**seen, **sure}


def score_faces(classifier, pictures: np.ndarray, real: np.ndarray) -> dict[str, float]:
    """Compares pictures with real faces, by what the witness sees in them.

    Args:
        classifier: From `train_attribute_classifier`.
        pictures: `(count, 64, 64, 3)`, uint8, more than 5.
        real: As many faces that the witness was not trained on.

    Returns:
        `sure`: the share of answers that the witness is at least 95% sure of;
        `frechet`, and `precision`, `recall`, `density` and `coverage`: see
        `mnistgan.metrics`, on the witness's features. For each of `metrics.BANDS`, the
        fine detail ÷ that of the real ones, in the worst colour channel.

    Raises:
        ValueError: There are too few pictures.
    """
    seen, known = ask(classifier, pictures), ask(classifier, real)["features"]
    return {
        "sure": float(np.mean([seen[q].max(1) >= SURE for q in ANSWERS])),
        "frechet": metrics.frechet_distance(known, seen["features"]),
        **metrics.neighbourhoods(known, seen["features"]),
        **metrics.detail(pictures, metrics.band_powers(real)),
    }
