"""Teach two robots a game: an artist draws digits, a detective spots the fakes.

Import this package before TensorFlow. It switches on oneDNN, Intel's open library of
fast layers, which TensorFlow leaves off on most laptops and reads only once, while it
loads. On such a processor that doubles the speed of training.
"""

import os
import sys
import warnings

__version__ = "0.1.0"

if "tensorflow" in sys.modules:
    from tensorflow.python.util import _pywrap_util_port  # private, but alone knows it

    if not _pywrap_util_port.IsMklEnabled():
        warnings.warn(
            "TensorFlow was imported before mnistgan, with oneDNN off, so training may "
            "take twice as long. Restart the kernel and import mnistgan first.",
            stacklevel=2,
        )
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # hides "no CUDA found" and the like

from mnistgan.settings import check_machine

__all__ = ["check_machine"]
