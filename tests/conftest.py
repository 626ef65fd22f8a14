"""What several tests share: real digits, and files like MNIST's own."""

import hashlib
import os
import re
import shutil
from pathlib import Path

import executed
import margins
import numpy as np
import pytest
from shots import SHOTS
from xdist.scheduler import LoadScopeScheduling

from mnistgan.engine import machine

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"]
FLAGS += ["--disable-background-networking", "--disable-component-update"]
MEASURING = "MARGINS_FILE" in os.environ
if MEASURING:
    margins.start()


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session):
    """Whoever only shares out the tests does not need TensorFlow."""
    if not session.config.pluginmanager.hasplugin("dsession"):
        machine.load_tensorflow()  # quietly, before a test imports it


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    """Notes by how much each comparison of a test holds, if `margins` asks for it."""
    if MEASURING:
        margins.listens = bool(pyfuncitem.get_closest_marker("trained"))
        if margins.listens:
            pyfuncitem.obj = margins.rewritten(pyfuncitem.obj)


def pytest_configure(config):
    """Hooks in this file would not hear of notebooks, which lie beside its folder."""
    config.pluginmanager.register(executed)


LATER = {  # notebooks that need no robot of earlier ones but the judge
    **dict.fromkeys(("09", "10", "11"), "notebooks 09 to 11"),
    **dict.fromkeys(("12", "13"), "notebooks 12 and 13"),
}
BOOK = "test_book.py"  # shows what they have shown
JUDGE = "test_evaluation.py"  # teaches the judge, which many notebooks need
LONG = [  # more than a minute each; what is short comes last, and fills the gaps
    *("test_workers.py", "test_faults.py", "test_browser.py", "test_projects.py"),
    *("test_loggers.py", "test_types.py", "test_installed.py", "test_scores.py"),
    *("test_training.py", "test_data.py", "test_ablations.py", "test_diagnosis.py"),
]


def scope_of(path):
    """What must stay together where two processes share the work, and in order.

    A file of tests shares what its fixtures make, and notebooks use the robots that
    earlier ones have taught.
    """
    if path.suffix == ".ipynb":
        return LATER.get(path.name[:2], "notebooks")
    return "notebooks" if path.name == BOOK else path.name


class Scopes(LoadScopeScheduling):
    def _split_scope(self, nodeid):
        return scope_of(Path(nodeid.split("::")[0]))


def pytest_xdist_make_scheduler(config, log):
    return Scopes(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """What takes longest begins first, and the judge before those who need it.

    The notebooks about music and machines do not: they fill the time.
    """
    for item in items:
        if item.path.suffix == ".ipynb":  # most use a robot, and few can do without
            item.add_marker("trained")
    later, without_judge = dict.fromkeys(LATER.values())
    order = [JUDGE, without_judge, "notebooks", later, *LONG]

    def place(item):
        scope = scope_of(item.path)
        return (*order, scope).index(scope), item.path.name == BOOK

    items.sort(key=place)


@pytest.fixture(scope="module")
def browser():
    """A real one, without a window."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if not found:
        pytest.skip("no Chromium or Chrome on the path; `make test` installs one")
    from playwright.sync_api import sync_playwright

    SHOTS.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def digits():
    """2,000 real training digits, 28×28, uint8."""
    from mnistgan import data

    images, _ = data.load_mnist("train[:2000]")
    return images


@pytest.fixture(scope="session")
def digits64(digits):
    """The same digits, 64×64, uint8."""
    from mnistgan import data

    return data.prepare_all(digits)


def idx(array):
    """An IDX file of bytes, as MNIST's are."""
    sizes = np.array(array.shape, ">i4").tobytes()
    return bytes([0, 0, 8, array.ndim]) + sizes + array.astype("uint8").tobytes()


@pytest.fixture
def four_files(digits, monkeypatch):
    """A small MNIST of real digits, with its own checksums."""
    from mnistgan.datasets import mnist

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


@pytest.fixture
def robot(tmp_path):
    """The option that names a small robot of digits."""
    from mnistgan import models
    from mnistgan.engine import model_io

    model_io.save_model(models.build_generator(8, 2), tmp_path / "robot.keras")
    return f"--model={tmp_path / 'robot.keras'}"


@pytest.fixture
def complaint(capsys):
    """Runs a command that must be refused, and gives its one sentence."""
    from mnistgan import __main__

    def run(*arguments):
        assert __main__.main([str(each) for each in arguments]) == 2
        said = capsys.readouterr().err
        assert said.startswith("Sorry: ") and said.count("\n") == 1
        assert not re.search(r"Errno|\{\{|\[Op:|Error\b", said)
        return said

    return run
