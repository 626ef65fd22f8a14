"""What several tests share: real digits, and files like MNIST's own."""

import hashlib
import os

import margins
import numpy as np
import pytest

from mnistgan import data
from mnistgan.datasets import mnist
from mnistgan.engine import machine

machine.load_tensorflow()  # quietly
if "MARGINS_FILE" in os.environ:
    margins.start()


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    """Notes by how much each comparison of a test holds, if `margins` asks for it."""
    if "MARGINS_FILE" in os.environ:
        pyfuncitem.obj = margins.rewritten(pyfuncitem.obj)


def pytest_collection_modifyitems(items):
    """Where two processes share the work, one has the notebooks, the other the tests.

    Notebooks use each other's robots, so they stay in order, and begin first, since
    they take longer. A file of tests stays together, because of what its tests share.
    """
    items.sort(key=lambda item: item.path.suffix != ".ipynb")
    for item in items:
        file = item.path.name if item.path.suffix == ".py" else "notebooks"
        item.add_marker(pytest.mark.xdist_group(file))


@pytest.fixture(scope="session")
def digits():
    """2,000 real training digits, 28×28, uint8."""
    images, _ = data.load_mnist("train[:2000]")
    return images


@pytest.fixture(scope="session")
def digits64(digits):
    """The same digits, 64×64, uint8."""
    return data.prepare_all(digits)


def idx(array):
    """An IDX file of bytes, as MNIST's are."""
    sizes = np.array(array.shape, ">i4").tobytes()
    return bytes([0, 0, 8, array.ndim]) + sizes + array.astype("uint8").tobytes()


@pytest.fixture
def four_files(digits, monkeypatch):
    """A small MNIST of real digits, with its own checksums."""
    labels = np.arange(300) % 10
    files = {
        "train-images-idx3-ubyte": idx(digits[:200, ..., 0]),
        "train-labels-idx1-ubyte": idx(labels[:200]),
        "t10k-images-idx3-ubyte": idx(digits[200:300, ..., 0]),
        "t10k-labels-idx1-ubyte": idx(labels[200:]),
    }
    sums = {name: hashlib.md5(raw).hexdigest() for name, raw in files.items()}
    monkeypatch.setattr(mnist, "MD5", sums)
    return files


def put(files, folder):
    folder.mkdir(parents=True)
    for name, raw in files.items():
        (folder / name).write_bytes(raw)
