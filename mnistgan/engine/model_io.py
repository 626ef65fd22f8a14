"""Model files: written whole, and opened safely: damage is noticed, nothing runs."""

import json
import os
import tempfile
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tensorflow import keras

from mnistgan.engine import files, legacy_layers
from mnistgan.engine.keras_state import own_keras

KINDS = {  # what a model may be made of, by the module that Keras writes down
    "keras.layers": keras.layers,
    "keras.initializers": keras.initializers,
    "keras.regularizers": keras.regularizers,
    "keras.constraints": keras.constraints,
    "mnistgan.layers": legacy_layers,  # where version 0.1 had layers of its own
}
# Of Keras' layers, those that only calculate. Others open files, or run code.
LAYERS = {
    "Activation", "Add", "Average", "AveragePooling2D", "BatchNormalization",
    "Concatenate", "Conv1D", "Conv1DTranspose", "Conv2D", "Conv2DTranspose",
    "Cropping2D", "Dense", "DepthwiseConv2D", "Dot", "Dropout", "ELU", "Embedding",
    "Flatten", "GRU", "GaussianDropout", "GaussianNoise", "GlobalAveragePooling2D",
    "GlobalMaxPooling2D", "GroupNormalization", "Identity", "InputLayer", "LSTM",
    "LayerNormalization", "LeakyReLU", "MaxPooling2D", "Maximum", "Minimum",
    "MultiHeadAttention", "Multiply", "PReLU", "Permute", "ReLU", "RepeatVector",
    "Rescaling", "Reshape", "Resizing", "SeparableConv2D", "Softmax",
    "SpatialDropout2D", "SpectralNormalization", "Subtract", "UnitNormalization",
    "UpSampling2D", "ZeroPadding2D"
}  # fmt: skip
UNUSED = {  # options of newer Keras, and what they are when nobody uses them
    "input_axes": None,
    "output_axes": None,
    "quantization_config": None,
    "renorm": False,
    "renorm_clipping": None,
    "renorm_momentum": 0.99,
    "sliding_window": None,
    "use_gate": False,
}
OTHERS = {"Functional", "Sequential", "Model", "DTypePolicy", "__keras_tensor__"}
LARGEST = 500_000_000  # bytes, unpacked; the course's largest model has 8 million


def parts(config: Any) -> Iterator[dict]:
    """Every part of a model's description that names a class."""
    if isinstance(config, dict):
        if "class_name" in config:
            yield config
        config = list(config.values())
    if isinstance(config, list):
        for inner in config:
            yield from parts(inner)


def is_known(part: dict) -> bool:
    """Whether a part of a model is a class of Keras or ours that only calculates.

    Args:
        part: With `class_name`, and the module that the class is from.
    """
    name, module = part["class_name"], part.get("module")
    if name in OTHERS:
        return module is None or module.split(".")[0] == "keras"
    home = KINDS.get(str(module))
    found = home and vars(home).get(str(name))
    return isinstance(found, type) and (module != "keras.layers" or name in LAYERS)


def check_model(path: Path) -> None:
    """Refuses a `.keras` file that is damaged, far too large, or holds foreign code.

    Keras' own safe mode refuses some code as well. Here, only layers that
    calculate are let in, so that a gap in that mode does not matter.

    Raises:
        ValueError: One of these; the message says which.
    """
    with zipfile.ZipFile(path) as archive:
        size = sum(entry.file_size for entry in archive.infolist())
        if size > LARGEST:
            raise ValueError(f"unpacked it would have {size:,} bytes")
        if broken := archive.testzip():
            raise ValueError(f"its part {broken} is damaged")
        config = json.loads(archive.read("config.json"))
    description = {key: config[key] for key in config if key != "compile_config"}
    for part in parts(description):
        if not is_known(part):
            name = f"{part.get('module')}.{part['class_name']}"
            raise ValueError(
                f"it holds {name}, which could run foreign code or open files"
            )


@own_keras()
def load_model(path: str | os.PathLike) -> keras.Model:
    """Loads a model that the course wrote; see `check_model`.

    Args:
        path: A `.keras` file. For other endings, Keras has readers of its own, which
            `check_model` does not know.

    Returns:
        The model, not compiled.

    Raises:
        OSError: There is no such file.
        ValueError: It is damaged, has another ending, or is not a model of this course.
    """
    path = Path(path)
    if path.is_dir():
        raise ValueError(f"{path} is a folder; name the file in it: {path}/name.keras")
    if not path.is_file():
        raise FileNotFoundError(
            f"there is no file {path}; train first: python -m mnistgan train"
        )
    if not path.name.endswith(".keras"):
        raise ValueError(
            f"{path} does not end in .keras; only such files are opened. If it is one, "
            "rename it; else, save the model again, as robot.keras"
        )
    files.check_file(path)
    try:
        check_model(path)
        with warnings.catch_warnings():  # Keras leaves out weights that it cannot find
            warnings.filterwarnings("error", "Skipping")
            model = keras.models.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # a damaged file can fail anywhere inside Keras
        raise ValueError(f"{path} is not a readable .keras model: {error}") from error
    kinds = {type(layer).__module__ for layer in model.layers}
    return legacy_layers.modern(model) if legacy_layers.__name__ in kinds else model


def without_unused(part: dict) -> dict:
    """A part of a description without the options of newer Keras that are not used."""
    return {name: x for name, x in part.items() if (name, x) not in UNUSED.items()}


def save_model(model: keras.Model, path: str | os.PathLike) -> None:
    """Writes a model as a `.keras` file that anybody can open, and notes its checksum.

    Newer versions of Keras write down options that older ones do not know, even where
    they are not used; these are left out. The file is written whole or not at all.

    Raises:
        OSError: It cannot be written.
    """
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "model.keras"
        with files.named_errors(Path(tempfile.gettempdir()), Path(folder)):
            model.save(raw)
        with files.atomic_write(path, noted=True) as aside, zipfile.ZipFile(raw) as old:
            with zipfile.ZipFile(aside, "w", zipfile.ZIP_DEFLATED) as new:
                for name in old.namelist():
                    part = old.read(name)
                    if name == "config.json":
                        config = json.loads(part, object_hook=without_unused)
                        part = json.dumps(config).encode()
                    new.writestr(name, part)
