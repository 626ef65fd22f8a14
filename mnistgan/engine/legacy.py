"""What version 0.1 wrote, in today's words. It is understood for one version."""

import argparse
import json
from pathlib import Path
from typing import Any

from tensorflow import keras

SETTINGS = {"fog": "noise_std"}
PROJECTS = {"asked": "conditional"}
ON_DIVERGENCE = {"tell": "warn", "back": "rollback"}
HISTORY = "diary.csv"
HIDDEN: dict[str, Any] = dict.fromkeys(("help", "default"), argparse.SUPPRESS)


def add_options(train: argparse.ArgumentParser) -> None:
    """Lets `train` understand its old options, and does not speak of them."""
    train.add_argument("--diary", dest="loggers", **HIDDEN)
    train.add_argument(
        "--on-trouble",
        dest="on_divergence",
        type=lambda way: ON_DIVERGENCE.get(way, way),
        **HIDDEN,
    )


def read_settings(path: Path) -> dict[str, Any]:
    """Reads the settings of a run, a `.json` file, with the names of today.

    Raises:
        OSError: It cannot be read.
        ValueError: It is no JSON.
    """
    found = dict(json.loads(path.read_text()))
    found = {SETTINGS.get(name, name): value for name, value in found.items()}
    project = str(found.get("project"))
    return found | {"project": PROJECTS.get(project, project)}


def is_old(path: Path) -> bool:
    """Whether version 0.1 wrote these settings."""
    return bool(SETTINGS.keys() & json.loads(path.read_text()).keys())


@keras.utils.register_keras_serializable("mnistgan")
class BatchNorm(keras.layers.BatchNormalization):
    """Was quicker than Keras'; see `mnistgan.engine.accelerate` for how it is now."""


@keras.utils.register_keras_serializable("mnistgan")
class ConvTranspose(keras.layers.Conv2DTranspose):
    """Was quicker where few channels come out."""


@keras.utils.register_keras_serializable("mnistgan")
class Fog(keras.layers.Layer):
    """Was `GaussianNoise`, with a random state of another name."""

    def __init__(self, level, **kwargs):
        """`level` was the standard deviation."""
        super().__init__(**kwargs)
        self.level, self.seeds = level, keras.random.SeedGenerator()

    def call(self, inputs, training=False):
        """Does nothing: what stands for it here is a `GaussianNoise`."""
        return inputs


def modern(model: keras.Model) -> keras.Model:
    """Copies a model of version 0.1, with Keras' own layers instead of the course's."""
    copy = keras.models.clone_model(model, clone_function=modern_layer)
    copy.set_weights(model.get_weights())
    return copy


def modern_layer(layer: keras.layers.Layer) -> keras.layers.Layer:
    """A new layer of Keras' own that calculates the same as `layer`."""
    config = layer.get_config()
    if isinstance(layer, keras.Model):  # a model that is used as a layer
        return modern(layer)
    if isinstance(layer, Fog):
        return keras.layers.GaussianNoise(layer.level, name=layer.name)
    kind = type(layer)
    if kind.__module__ == __name__:
        (kind,) = kind.__bases__
    return kind.from_config(config)
