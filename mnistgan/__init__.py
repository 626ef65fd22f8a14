"""Teach two robots a game: an artist draws digits, a detective spots the fakes.

Import this package before TensorFlow. It switches on oneDNN, Intel's open library of
fast layers, which TensorFlow leaves off on most laptops and reads only once, while it
loads. On such a processor that doubles the speed of training. And it lets two layers be
calculated side by side, each on half of the cores, instead of one layer on all of them:
small layers do not gain much from more cores (10 to 15% on two cores: `make bench`).
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
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "2")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(max(1, (os.cpu_count() or 1) // 2)))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # hides "no CUDA found" and the like

from mnistgan.machine import check_machine

__all__ = ["check_machine"]
