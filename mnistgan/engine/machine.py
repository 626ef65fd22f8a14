"""What this machine has: Keras as we need it, other packages, and perhaps a GPU."""

import codecs
import gc
import importlib
import importlib.util
import io
import json
import os
import shlex
import sys
import sysconfig
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

EXTRAS = {  # what each of them needs in Colab, where pip must leave the rest alone
    "anomaly": "scikit-learn",
    "loggers": "tensorboard wandb",
    "faces": "dicebear-core dicebear-styles resvg-py",
    "music": "music21 pretty_midi (music21 needs Python 3.11 or newer)",
    "notebooks": "jupyterlab ipywidgets anywidget voila",
    "site": "streamlit",
}


# Visitors of the website come at once. Of two threads that turn standard error away,
# one would keep the other's way to nowhere, and put that back for good.
SILENCING = threading.Lock()


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


def in_notebook() -> bool:
    """Whether a notebook's cell runs this, and `ipywidgets` is there to be shown."""
    shell = sys.modules.get("IPython") and sys.modules["IPython"].get_ipython()
    kernel = getattr(shell, "kernel", None)
    return kernel is not None and importlib.util.find_spec("ipywidgets") is not None


class NotReady(ImportError):
    """Keras cannot work for the course as this machine is set up."""

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows instead of a traceback: the sentence alone."""
        return [f"Sorry: {self}."]


def keras_file() -> Path:
    """Where Keras' configuration file is, if there is one."""
    return Path(os.environ.get("KERAS_HOME", "~/.keras"), "keras.json").expanduser()


def keras_backend() -> tuple[str, str]:
    """Which backend Keras has, or will have once it is imported, and what says so.

    Like Keras itself, it looks at `KERAS_BACKEND` first, and then at the file.
    """
    if keras := sys.modules.get("keras"):
        return keras.config.backend(), "as it was imported"
    try:
        kept = json.loads(keras_file().read_text()).get("backend", "tensorflow")
    except (OSError, ValueError, AttributeError):  # none, or one that Keras ignores
        kept = "tensorflow"
    named = os.environ.get("KERAS_BACKEND")
    return (named, "KERAS_BACKEND") if named else (kept, str(keras_file()))


def check_keras() -> None:
    """Refuses what the course's Keras cannot work with, before Keras is imported.

    Raises:
        NotReady: Another backend than TensorFlow, or the Keras of old; the message says
            what asked for it.
    """
    backend, source = keras_backend()
    if backend != "tensorflow":
        raise NotReady(
            f"Keras is to calculate with {backend!r} ({source}), but the course needs "
            "TensorFlow: restart with KERAS_BACKEND=tensorflow, which in a notebook "
            "is a first cell with %env KERAS_BACKEND=tensorflow"
        )
    if (switch := os.environ.get("TF_USE_LEGACY_KERAS")) in ("1", "true", "True"):
        raise NotReady(
            f"TF_USE_LEGACY_KERAS is {switch!r}, but the course needs Keras 3: restart "
            "with TF_USE_LEGACY_KERAS=0, which in a notebook is a first cell with %env "
            "TF_USE_LEGACY_KERAS=0"
        )


def count_cores() -> int:
    """How many cores this process may use; `taskset` and the like allow fewer."""
    if hasattr(os, "sched_getaffinity"):  # not on a Mac, nor on Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def say_anyway(error: UnicodeEncodeError) -> tuple[bytes, int]:
    """What is said in place of letters that a stream does not know.

    A question mark; or, of a file's name that Python could not read, its bytes.
    """
    said = error.object[error.start : error.end]
    marks = [ord(x) - 0xDC00 if "\udc80" <= x <= "\udcff" else ord("?") for x in said]
    return bytes(marks), error.end


def open_streams() -> None:
    """Makes sure that everything can be said: to nobody, where a stream is closed."""
    codecs.register_error("mnistgan", say_anyway)  # type: ignore[arg-type]
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            try:
                os.fstat(number)
            except OSError:  # else the next file to be opened would be what is said to
                os.open(os.devnull, os.O_RDWR)  # takes the lowest free number: this
            setattr(sys, name, open(os.devnull, "r+"))  # noqa: SIM115 -- for good
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a notebook has others
            stream.reconfigure(errors="mnistgan")


@contextmanager
def no_garbage() -> Iterator[None]:
    """Python's garbage collector rests while TensorFlow is imported the first time.

    Nor does it look, later, at the hundreds of thousands of objects that have come to
    stay. So imports take less time, and so does what Keras does first.
    """
    collects, first = gc.isenabled(), "tensorflow" not in sys.modules
    gc.disable()
    try:
        yield
    finally:
        if first:
            gc.freeze()
        if collects:
            gc.enable()


def load_tensorflow() -> ModuleType:
    """Loads TensorFlow without its start-up notes, which obey no log level.

    Compiled code writes them to standard error, where Python cannot silence it; see
    https://github.com/tensorflow/tensorflow/issues/100442.

    Raises:
        NotReady: TensorFlow or Keras cannot be imported, or not in a way that we need.
    """
    check_keras()
    open_streams()
    with SILENCING:
        return silently_import()


def silently_import() -> ModuleType:
    """Imports TensorFlow and Keras while standard error leads nowhere."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        with no_garbage():
            import tensorflow as tf

            tf.config.list_physical_devices("GPU")
            importlib.import_module("keras")
    except Exception as error:  # a broken library or configuration can fail anyhow
        raise NotReady(
            f"Keras cannot be imported ({error!r}): if {keras_file()} holds something "
            "unusual, correct it or delete it; else, install the course again"
        ) from error
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
