"""What somebody who helps must know of a machine, in lines to paste into a report."""

import importlib.util
import os
import platform
import shutil
from collections.abc import Iterator
from pathlib import Path

from mnistgan.engine.machine import NotReady, count_cores, has_gpu, load_tensorflow

EXTRAS = {  # one module of each: with it, the others are there, too
    "notebooks": "jupyterlab",
    "site": "streamlit",
    "loggers": "tensorboard",
    "anomaly": "sklearn",
    "faces": "dicebear",
    "music": "music21",
    "export": "tf2onnx",
}
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "firefox", "msedge")
ASKED = (  # how the environment variables begin that change what the course does
    *("MNISTGAN_", "TFDS_", "KERAS_", "OMP_", "ONEDNN_", "CUDA_", "XLA_"),
    *("TF_CONFIG", "TF_CPP_", "TF_ENABLE_", "TF_FORCE_", "TF_GPU_", "TF_NUM_"),
    *("TF_USE_", "TF_XLA_"),
)


def memory() -> str:
    """How much memory the machine has, in words."""
    try:
        size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # not on Windows
        return "memory unknown"
    return f"{size / 1e9:.1f} GB of memory"


def room(folder: Path) -> str:
    """How much room is left on the disk of a folder, which need not be there yet."""
    places = folder, *folder.absolute().parents
    around = next((path for path in places if path.exists()), None)
    return f"{shutil.disk_usage(around).free / 1e9:.1f} GB" if around else "unknown"


def keras_lines() -> Iterator[str]:
    """The versions of TensorFlow and Keras, and the GPU; or why they do not work."""
    try:
        tf = load_tensorflow()
    except NotReady as error:
        yield f"TensorFlow does not work here: {error}"
        return
    found = f"TensorFlow {tf.__version__}, Keras {tf.keras.__version__}"
    yield f"{found}, {'a' if has_gpu() else 'no'} GPU"


def describe(version: str, runs: Path, data: Path, digits: str) -> Iterator[str]:
    """Describes this machine, a line for each thing.

    Args:
        version: Of the course.
        runs: Where runs are kept.
        data: Where data sets are kept.
        digits: Where MNIST is, in words.

    Yields:
        Lines without any path, so that nobody's name is among them.
    """
    yield f"mnistgan {version}, Python {platform.python_version()}"
    yield f"{platform.system()} {platform.release()}, {platform.machine()}"
    yield from keras_lines()
    yield f"{count_cores()} cores, {memory()}"
    yield f"room for runs {room(runs)}, for data sets {room(data)}"
    yield f"MNIST: {digits}"
    there = {name: bool(importlib.util.find_spec(x)) for name, x in EXTRAS.items()}
    yield "extras: " + ", ".join(name for name, is_there in there.items() if is_there)
    missing = [name for name, is_there in there.items() if not is_there]
    yield "extras not installed: " + (", ".join(missing) or "none")
    browser = next(filter(shutil.which, BROWSERS), "none on the path")
    yield f"browser: {browser}"
    for name in sorted(os.environ):
        if name.startswith(ASKED):
            yield f"{name}={os.environ[name].replace(str(Path.home()), '~')}"
