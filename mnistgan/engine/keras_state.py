"""Keras' global settings belong to the learner: the course works with its own.

They come from Keras' configuration file, from the environment, or from a notebook's
cell, and count wherever a layer, a variable or a loss does not say what it is.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras

OURS = {  # as Keras has them, unless somebody says otherwise
    "image_data_format": "channels_last",
    "floatx": "float32",
    "epsilon": 1e-7,
    "dtype_policy": "float32",
    "max_epochs": None,  # these two cut a training short
    "max_steps_per_epoch": None,
}
KNOWN = [name for name in OURS if hasattr(keras.config, f"set_{name}")]


def read() -> dict[str, Any]:
    """Keras' global settings as they are now."""
    return {name: getattr(keras.config, name)() for name in KNOWN}


def write(values: dict[str, Any]) -> None:
    """Changes Keras' global settings in this process; its file stays as it is."""
    for name in KNOWN:
        getattr(keras.config, f"set_{name}")(values[name])


@contextmanager
def own_keras(**changes: Any) -> Iterator[None]:
    """Works with the settings of the course, and then puts back what was there.

    A `with` block, or a decorator: `@own_keras()`.

    Args:
        **changes: What is to differ from `OURS`.
    """
    before = read()
    try:
        write({**OURS, **changes})
        yield
    finally:
        write(before)


def use_ours() -> str:
    """Sets the course's settings for good, in this process, as notebooks need it.

    Returns:
        What was otherwise, in words; empty where nothing was.
    """
    found = {name: getattr(x, "name", x) for name, x in read().items()}
    write(OURS)
    return ", ".join(f"{name} {x}" for name, x in found.items() if x != OURS[name])
