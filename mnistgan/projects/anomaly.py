"""Spotting the odd one out: robots that have seen only ordinary digits get suspicious.

Every score here is higher for odder pictures. Two come from our robots, two from simple
rivals (scikit-learn's, from the extra `anomaly`).
"""

import os
from functools import partial
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow import keras

from mnistgan import metrics
from mnistgan.data import prepare_all, to_float
from mnistgan.datasets import mnist
from mnistgan.engine.bars import slow
from mnistgan.engine.machine import import_extra
from mnistgan.engine.model_io import load_model
from mnistgan.engine.valid import array, checked, finite, integer, listed
from mnistgan.engine.valid import pictures as valid_pictures
from mnistgan.projects.vae import kl_to_noise, log_likelihood, to_probabilities
from mnistgan.settings import choose_settings
from mnistgan.training import train

PROTOCOLS = ("only", "without")
NEIGHBOURS = 5
BATCH = 64
AT_ONCE = 500


def is_anomaly(labels: np.ndarray, digit: int, protocol: str) -> np.ndarray:
    """Says which pictures are odd.

    Args:
        labels: `(count,)`, in 0..9.
        digit: The digit that is special, in 0..9.
        protocol: `"only"`: the digit is ordinary, and all others are odd;
            `"without"`: the digit is odd, and all others are ordinary.

    Returns:
        `(count,)`, bool.

    Raises:
        ValueError: There is no such digit or protocol.
    """
    if digit not in range(10) or protocol not in PROTOCOLS:
        raise ValueError(
            f"digit is {digit!r} and protocol {protocol!r}; it takes 0 to 9, and one "
            f"of {', '.join(PROTOCOLS)}"
        )
    return (labels == digit) == (protocol == "without")


@checked(pictures=valid_pictures(64, 64, 1))
def in_parts(score, pictures: np.ndarray) -> np.ndarray:
    """Applies a function to a few hundred pictures at a time: bounds the memory."""
    parts = np.split(pictures, range(AT_ONCE, len(pictures), AT_ONCE))
    return np.concatenate([score(to_float(part)) for part in slow(parts, "Looking")])


def negative_elbo(generator: keras.Model, encoder: keras.Model, pictures) -> np.ndarray:
    """How much a VAE is surprised: what its redrawing misses, plus what it has to say.

    Args:
        generator: A VAE's generator.
        encoder: Its encoder.
        pictures: `(count, 64, 64, 1)`, uint8, in [0, 255].

    Returns:
        `(count,)`, float32, in nats: the negative ELBO at the middle of the description
        (An and Cho 2015, "Variational Autoencoder based Anomaly Detection").
    """

    def score(images):
        mean, log_variance = tf.split(encoder(images, training=False), 2, axis=1)
        drawn = to_probabilities(generator(mean, training=False))
        likelihood = log_likelihood(to_probabilities(images), drawn)
        return kl_to_noise(mean, log_variance) - likelihood

    return in_parts(score, pictures)


def feature_extractor(discriminator: keras.Model) -> keras.Model:
    """The detective without its verdict: from pictures to features `(batch, 256)`."""
    last = next(x for x in reversed(discriminator.layers) if x.weights)
    return keras.Model(discriminator.inputs, last.input)


def knn_distance(discriminator: keras.Model, normal, pictures) -> np.ndarray:
    """How far a picture is, in the detective's eyes, from the ordinary ones.

    Args:
        discriminator: Of a GAN that was trained on ordinary pictures.
        normal: Some of those, `(count, 64, 64, 1)`, uint8; at least `NEIGHBOURS`.
        pictures: `(count, 64, 64, 1)`, uint8.

    Returns:
        `(count,)`, float64: the mean distance of its features from those of its
        `NEIGHBOURS` nearest ordinary pictures.
    """

    look = partial(feature_extractor(discriminator), training=False)
    neighbors = import_extra("sklearn.neighbors", "anomaly")
    known = neighbors.NearestNeighbors(n_neighbors=NEIGHBOURS)
    known.fit(in_parts(look, normal))
    return known.kneighbors(in_parts(look, pictures))[0].mean(axis=1)


@checked(
    normal=finite(array(None)), pictures=finite(array(None)), parts=integer(1, 784)
)
def pca_error(normal: np.ndarray, pictures: np.ndarray, parts: int = 64) -> np.ndarray:
    """A simple rival: what some principal components of ordinary pictures miss.

    Args:
        normal: Rows of pixels, `(count, 784)`, from `mnistgan.evaluation.shrink`;
            at least `parts`.
        pictures: `(count, 784)`.
        parts: How many components to keep, from 1 to 784; the judge has 64 features.

    Returns:
        `(count,)`: the distance of each picture from its projection.
    """
    if len(normal) < parts:
        raise ValueError(
            f"{len(normal)} ordinary pictures have no {parts} components; use more "
            "pictures, or fewer components"
        )
    decomposition = import_extra("sklearn.decomposition", "anomaly")
    known = decomposition.PCA(parts, random_state=0).fit(normal)
    again = known.inverse_transform(known.transform(pictures))
    return np.linalg.norm(pictures - again, axis=1)


@checked(normal=array(None), pictures=array(None))
def distance(normal: np.ndarray, pictures: np.ndarray) -> np.ndarray:
    """The simplest rival: how far is the nearest ordinary picture, pixel by pixel?"""
    return metrics.nearest(pictures, normal)[1]


@checked(scores=listed(finite(array(ranks=(1,)))), anomalous=listed(array(ranks=(1,))))
def auroc(scores: np.ndarray, anomalous: np.ndarray) -> float:
    """How often an odd picture scores higher than an ordinary one, as a share.

    The area under the ROC curve: 1 for a perfect score, 0.5 for tossing a coin, less
    when odd pictures look *more* ordinary than ordinary ones.
    """
    if len(anomalous) != len(scores) or len(set(anomalous)) != 2:
        raise ValueError(
            f"{len(scores)} scores and {len(anomalous)} answers: it takes one for "
            "each, and both kinds of answers"
        )
    formulas = import_extra("sklearn.metrics", "anomaly")
    return float(formulas.roc_auc_score(anomalous, scores))


@checked(pictures=valid_pictures(64, 64, 1))
def make_anomalies(
    pictures: np.ndarray, seed: int = 0, data_dir: str | os.PathLike | None = None
) -> dict[str, np.ndarray]:
    """Makes odd things from digits.

    Args:
        pictures: `(count, 64, 64, 1)`, uint8, in [0, 255].
        seed: Starts the noise, and where strokes are broken.
        data_dir: Where data sets are kept; see `mnistgan.datasets.mnist.data_folder`.

    Returns:
        As many pictures of each kind: pixels by `noise`, digits `upside down`, and
        digits with a `broken stroke`: a gap of 8 pixels through some of the ink. With
        Fashion-MNIST (Xiao and others 2017) on this machine, where
        `tfds.load("fashion_mnist")` puts it, `clothes` as well, at most 10,000.
    """
    chance = np.random.default_rng(seed)
    broken = pictures.copy()
    for picture in broken:
        ink = np.argwhere(picture[..., 0] > 127)
        if len(ink):
            row, column = np.maximum(ink[chance.integers(len(ink))] - 4, 0)
            picture[row : row + 8, column : column + 8] = 0
    things = {
        "noise": chance.integers(0, 256, pictures.shape, np.uint8),
        "upside down": pictures[:, ::-1, ::-1],
        "broken stroke": broken,
    }
    root = mnist.data_folder(data_dir)
    if (root / "fashion_mnist").exists():
        clothes = mnist.load_set("fashion_mnist", f"test[:{len(pictures)}]", root)
        things["clothes"] = prepare_all(clothes["image"])
    return things


def train_on(
    project: str, normal: np.ndarray, folder: Path, steps: int, seed: int
) -> Path:
    """Teaches the robots of a project what is normal; returns their run's folder.

    Raises:
        ValueError: There are too few pictures, or no steps.
        KeyboardInterrupt: You stopped it: the robots are not ready.
    """
    if len(normal) < BATCH or steps < 1:
        raise ValueError(
            f"{len(normal)} pictures and {steps} steps; it takes at least {BATCH} "
            "pictures and 1 step"
        )
    count = min(len(normal), steps * BATCH)
    epochs = -(-steps // (count // BATCH))
    enough = {"pictures": count, "epochs": epochs, "batch_size": BATCH, "previews": 1}
    settings = choose_settings(None, project, **enough, judged=0, seed=seed)
    run = train(settings, folder / project, pictures=normal[:count])
    if not run.finished:
        raise KeyboardInterrupt("stopped; the same call goes on from here")
    return run.folder


def train_vae(
    normal: np.ndarray, folder: Path, steps: int = 300, seed: int = 0
) -> tuple[keras.Model, keras.Model]:
    """Teaches a VAE what is normal.

    Args:
        normal: `(count, 64, 64, 1)`, uint8, in [0, 255]; at least 64.
        folder: Where its run is kept, in `vae`. A finished one is used again, an
            interrupted one goes on.
        steps: Of 64 pictures each; rounded up to whole rounds.
        seed: Starts it.

    Returns:
        Its generator and encoder.

    Raises:
        ValueError: See `train_on`, as for the next.
        KeyboardInterrupt: You stopped it.
    """
    run = train_on("vae", normal, folder, steps, seed)
    return load_model(run / "generator.keras"), load_model(run / "encoder.keras")


def train_detectors(
    normal: np.ndarray, folder: Path, steps: int = 300, seed: int = 0
) -> tuple[keras.Model, keras.Model, keras.Model]:
    """Teaches a VAE and a GAN what is normal; see `train_vae`.

    Returns:
        The VAE's generator and encoder, and the GAN's discriminator.
    """
    generator, encoder = train_vae(normal, folder, steps, seed)
    run = train_on("digits", normal, folder, steps, seed)
    return generator, encoder, load_model(run / "discriminator.keras")
