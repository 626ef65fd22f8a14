"""Robots for other programs, and other machines: ONNX, LiteRT, and SavedModel."""

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mnistgan.engine import files
from mnistgan.engine.machine import pip_install

if TYPE_CHECKING:  # the command line reads `FORMATS` without waiting for TensorFlow
    from tensorflow import keras

FORMATS = {  # what we call it: what Keras calls it, and how such a file ends
    "onnx": ("onnx", ".onnx"),
    "litert": ("litert", ".tflite"),
    "saved_model": ("tf_saved_model", ""),
}


def export(model: "keras.Model", kind: str, path: Path) -> None:
    """Writes a model for a program that does not know Keras, by Keras' own export.

    Args:
        model: With inputs `(batch, …)`; any size of a batch can be calculated later.
        kind: One of `FORMATS`: `"onnx"` for browsers, games, and most languages,
            `"litert"` for phones, `"saved_model"`, a folder, for TensorFlow's servers.
        path: Where it goes, whole or not at all. A file is replaced, a folder never is.

    Raises:
        ImportError: The extra `export` is missing.
        OSError: It cannot be written.
        ValueError: `path` has another ending, or is a folder that is there already; or
            this version of Keras does not know the format.
    """
    name, ending = FORMATS[kind]
    if ending and path.suffix.lower() != ending:
        raise ValueError(f"{path} must end in {ending}")
    if not ending and path.exists():
        raise ValueError(f"{path} is there already; choose a new folder")
    # A model that comes fresh from a file must have been called once.
    zeros = [np.zeros((1, *part.shape[1:]), "float32") for part in model.inputs]
    model(zeros if len(zeros) > 1 else zeros[0])
    if ending:
        files.check_place(path)
    else:  # TensorFlow writes it itself
        files.check_letters(path)
    files.make_folder(path.parent)
    # Made beside its place, on the same disk, it can be moved there in one go.
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".") as folder:
        raw = Path(folder) / f"model{ending}"
        try:
            with files.named_errors(path, Path(folder)):
                model.export(raw, format=name, verbose=False)
        except ImportError as error:
            raise ImportError(
                f"exporting to {kind} needs more packages, and one of them is not "
                f"there ({error}): {pip_install('export')}"
            ) from error
        except ValueError as error:
            from tensorflow import keras

            raise ValueError(
                f"Keras {keras.__version__} cannot export to {kind} ({error}); a newer "
                "version may"
            ) from error
        os.replace(raw, path)
