"""What this machine has: optional packages, and perhaps a GPU."""

import importlib
import os
import shlex
import sys
import sysconfig
from types import ModuleType

EXTRAS = {  # what each of them needs in Colab, where pip must leave the rest alone
    "anomaly": "scikit-learn",
    "loggers": "tensorboard wandb",
    "faces": "dicebear-core dicebear-styles resvg-py",
    "music": "music21 pretty_midi (music21 needs Python 3.11 or newer)",
    "notebooks": "jupyterlab ipywidgets voila",
    "site": "streamlit",
}


def pip_install(extra: str) -> str:
    """The command that brings an extra into this environment, from any folder."""
    return f"{shlex.quote(sys.executable)} -m pip install 'mnistgan[{extra}]'"


def import_extra(module: str, extra: str) -> ModuleType:
    """Imports a module of an extra; ImportError says how to install what is missing."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f"this needs more ({error}): `{pip_install(extra)}`, or, in Colab, "
            f"%pip install {EXTRAS[extra]}"
        ) from error


def load_tensorflow() -> ModuleType:
    """Loads TensorFlow without its start-up notes, which obey no log level.

    Compiled code writes them to standard error, where Python cannot silence it; see
    https://github.com/tensorflow/tensorflow/issues/100442.
    """
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        import tensorflow as tf

        tf.config.list_physical_devices("GPU")
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
    return tf


def has_gpu() -> bool:
    """Whether TensorFlow sees a GPU."""
    return bool(load_tensorflow().config.list_physical_devices("GPU"))


def likes_bfloat16() -> bool:
    """Whether the first GPU is quick in bfloat16: compute capability 8 or more."""
    tf = load_tensorflow()
    for gpu in tf.config.list_physical_devices("GPU")[:1]:
        details = tf.config.experimental.get_device_details(gpu)
        return details.get("compute_capability", (0, 0)) >= (8, 0)
    return False


def find_programs() -> None:
    """Puts this environment's programs on the path, as activating it would.

    Otherwise a notebook finds `tensorboard` only where somebody has activated the
    environment before JupyterLab was started.
    """
    own, path = sysconfig.get_path("scripts"), os.environ.get("PATH", os.defpath)
    if path.split(os.pathsep)[0] != own:
        os.environ["PATH"] = os.pathsep.join([own, path])
