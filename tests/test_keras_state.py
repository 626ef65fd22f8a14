"""Whatever Keras was told elsewhere, the course works, and leaves that as it was.

Keras reads its configuration once, when it is imported. So each case has a process of
its own, which runs a function of this file.
"""

import contextlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import course
import nbformat
import numpy as np

HERE = Path(__file__).parent
PAGE = course.ROOT / "mnistgan" / "site"
SETUP = course.setup_source()
TINY = {"epochs": 1, "pictures": 32, "batch_size": 16, "hidden": 0}
TINY |= {"noise_dim": 4, "generator_width": 1, "discriminator_width": 1}


def process(function, folder, config, **env):
    """Runs a function of this file where Keras' configuration file says `config`."""
    (folder / "keras.json").write_text(json.dumps(config))
    places = map(str, (HERE, HERE / "tools", course.ROOT))
    kept = {name: value for name, value in os.environ.items() if "KERAS" not in name}
    own = {"KERAS_HOME": str(folder), "MNISTGAN_RUNS": str(folder / "runs")}
    code = f"import test_keras_state; test_keras_state.{function.__name__}()"
    ran = subprocess.run(
        [sys.executable, "-c", code],
        env={**kept, **own, "PYTHONPATH": os.pathsep.join(places), **env},
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert json.loads((folder / "keras.json").read_text()) == config


def notebook(*cells):
    """Runs cells as a notebook does; returns its variables, and what it shows."""
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell()
    with contextlib.redirect_stdout(io.StringIO()) as shown:
        for cell in cells:
            if not shell.run_cell(cell).success:
                break
    return shell.user_ns, shown.getvalue()


def few_digits(split, data_dir=None):
    """Stands for `load_mnist`."""
    chance = np.random.default_rng(0)
    return chance.integers(0, 256, (32, 28, 28, 1), np.uint8), np.arange(32) % 10


def work():
    """Trains, draws, finds knobs and a noise, and judges, each as small as can be."""
    from mnistgan import checks, data, evaluation, latent, sampling, training
    from mnistgan.engine import keras_state
    from mnistgan.settings import choose_settings

    data.load_mnist, before = few_digits, keras_state.read()
    run = training.train(choose_settings("quick", **TINY), afresh=True)
    generator = sampling.load_generator(run.folder / "generator.keras")
    checks.generator_works(generator)
    drawings = sampling.draw(generator, sampling.make_noise(generator, 6))
    assert latent.find_directions(generator, 2).vectors.dtype == np.float32
    assert 0 <= latent.find_noise(generator, drawings[0], steps=2)[1] < 255
    judge = evaluation.load_judge()
    assert judge.network.get_layer("features").dtype == "float32"
    assert evaluation.compare(judge, generator, 6)["drawn"].count == 6
    assert keras_state.read() == before, "the learner's settings changed"


def file_then_notebook():
    """Works in a program, and in a notebook, whose cells build robots and set Keras."""
    work()
    builders = "build_generator", "build_features", "build_discriminator"
    cells = [course.taught_source(f"mnistgan.models.{name}") for name in builders]
    robots = "artist, detective = build_generator(width=1), build_discriminator(1)"
    look = "seen = detective(artist(np.zeros((2, 32)), training=False), training=False)"
    variables, shown = notebook(SETUP, *cells, robots, look)
    assert "Your Keras is set to image_data_format channels_first" in shown
    assert variables["seen"].shape == (2, 1) and variables["seen"].dtype == "float32"
    assert "Your Keras" not in notebook(SETUP)[1], "said once"
    import keras

    keras.config.set_floatx("float64")
    keras.config.set_image_data_format("channels_first")
    keras.config.set_dtype_policy("mixed_float16")
    work()


def test_a_configuration_file_and_a_notebook_may_say_anything(tmp_path):
    turned = {"image_data_format": "channels_first", "floatx": "float16"}
    process(file_then_notebook, tmp_path, turned)


BAD = [  # the environment, Keras' configuration file, and what is named
    ({"KERAS_BACKEND": "torch"}, {}, ("'torch' (KERAS_BACKEND)", "=tensorflow")),
    ({"KERAS_BACKEND": "jax"}, {}, ("'jax'", "KERAS_BACKEND=tensorflow")),
    ({"TF_USE_LEGACY_KERAS": "1"}, {}, ("TF_USE_LEGACY_KERAS is '1'", "Keras 3")),
    ({}, {"backend": "jax"}, ("'jax'", "keras.json")),
]


def refused_everywhere():
    """Asks the set-up cell, the command line, and both pages, before Keras is there."""
    from streamlit.testing.v1 import AppTest

    from mnistgan.__main__ import main
    from mnistgan.engine.machine import check_keras

    page = nbformat.read(PAGE / "explore.ipynb", as_version=4).cells[1].source
    for env, config, said in BAD:
        Path("keras.json").write_text(json.dumps(config))
        os.environ.update(env)
        with contextlib.redirect_stderr(io.StringIO()) as told:
            assert main(["draw", "--out=x.png"]) == 2
        site = AppTest.from_file(PAGE / "app.py", default_timeout=600).run()
        (shown,) = [error.value for error in site.error]
        assert not site.exception
        places = [notebook(SETUP)[1], notebook(page)[1], told.getvalue(), shown]
        for words in places:
            assert all(part in words for part in said), words
            assert "Traceback" not in words and "make lab" not in words
            assert len(words.strip().splitlines()) <= 2, words
        for name in env:
            del os.environ[name]
    assert not {"keras", "tensorflow", "torch"} & set(sys.modules)
    os.environ["KERAS_BACKEND"] = "tensorflow"  # the remedy; the file still says jax
    check_keras()
    Path("keras.json").write_text("{}")


def test_what_cannot_work_is_named_before_keras_fails(tmp_path):
    process(refused_everywhere, tmp_path, {})


def broken_keras():
    """The configuration file is one that Keras itself refuses."""
    shown = notebook(SETUP)[1]
    assert "Sorry: Keras cannot be imported" in shown and "keras.json" in shown
    assert "Traceback" not in shown and "make lab" not in shown


def test_a_broken_keras_is_not_called_a_missing_course(tmp_path):
    process(broken_keras, tmp_path, {"floatx": "float1"})
