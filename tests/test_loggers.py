"""Diaries for other programs: nothing twice, and no run is stopped by one."""

import dataclasses
import os
import signal
import sys

import numpy as np
import pytest
import tensorflow as tf
from test_training import SMALL

from mnistgan import plots, training
from mnistgan.engine import loggers, loop, runs

TINY = dataclasses.replace(SMALL, epochs=2)


class Notes:
    """A diary that remembers what it was told, over several runs."""

    pages: tuple = ()
    open = False

    def __init__(self, folder, settings):
        self.settings = settings
        Notes.open = True

    def write(self, step, numbers, pictures):
        Notes.pages += ((step, numbers, [path.name for path in pictures]),)

    def flush(self):
        pass

    def close(self):
        Notes.open = False


@pytest.fixture
def notes(monkeypatch):
    monkeypatch.setitem(loggers.LOGGERS, "notes", Notes)
    monkeypatch.setattr(Notes, "pages", ())
    return Notes


def test_a_diary_hears_of_every_row_and_every_grid_once(notes, tmp_path):
    run = training.train(TINY, tmp_path / "run", loggers=["csv", "notes"])
    written = {step: numbers for step, numbers, _ in notes.pages if numbers}
    assert list(written) == [row["step"] for row in run.history]
    assert (
        written[80]["d_loss"] == run.history[-1]["d_loss"] and written[80]["epoch"] == 2
    )
    grids = [name for _, _, names in notes.pages for name in names]
    assert grids == sorted(p.name for p in (tmp_path / "run" / "previews").iterdir())
    assert not notes.open


def test_an_interrupted_run_goes_on_in_the_same_diary(notes, tmp_path, monkeypatch):
    real, steps = loop.summary, []

    def interrupted(step, *rest):
        steps.append(step)
        if len(steps) == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return real(step, *rest)

    monkeypatch.setattr(loop, "summary", interrupted)
    first = training.train(TINY, tmp_path, loggers=["notes"])
    assert not first.finished and notes.pages and not notes.open
    run = training.train(TINY, tmp_path, loggers=["notes"])
    assert run.finished
    written = [step for step, numbers, _ in notes.pages if numbers]
    assert written == [row["step"] for row in run.history]


def test_a_diary_that_is_asked_for_later_gets_the_whole_run(notes, tmp_path):
    run = training.train(TINY, tmp_path)
    for _ in range(2):
        training.train(TINY, tmp_path, loggers=["notes"])
    written = [step for step, numbers, _ in notes.pages if numbers]
    assert written == [row["step"] for row in run.history]


def test_a_run_that_goes_back_writes_nothing_twice(notes, tmp_path):
    kept = loggers.Loggers(["notes"], tmp_path, {})
    for loss, reached in enumerate((50, 100, 150, 75, 100, 125, 175)):
        steps = range(25, reached + 1, 25)
        rows = [dict.fromkeys(runs.COLUMNS, loss) | {"step": step} for step in steps]
        runs.write_history(tmp_path, rows)
        kept.update(reached)
    written = [(step, numbers["d_loss"]) for step, numbers, _ in notes.pages]
    assert written == [
        (25, 0),
        (50, 0),
        (75, 1),
        (100, 1),
        (125, 2),
        (150, 2),
        (175, 6),
    ]


@pytest.mark.parametrize("moment", ["__init__", "write", "flush", "close"])
def test_a_broken_diary_never_stops_a_run(notes, tmp_path, monkeypatch, moment):
    def broken(*_):
        raise RuntimeError("no paper left")

    monkeypatch.setattr(Notes, moment, broken)
    with pytest.warns(UserWarning, match="'notes' stopped: no paper left"):
        assert training.train(TINY, tmp_path, loggers=["notes"]).finished


def test_an_unknown_diary_is_named_before_anything_is_written(tmp_path):
    with pytest.raises(ValueError, match="no logger 'tensorbored'; choose from csv"):
        training.train(TINY, tmp_path / "run", loggers=["tensorbored"])
    assert not (tmp_path / "run").exists()


def test_tensorboard_gets_numbers_pictures_and_settings(tmp_path):
    run = training.train(TINY, tmp_path, loggers=["tensorboard"])
    found = {}
    for path in sorted((tmp_path / "tensorboard").iterdir()):
        for event in tf.compat.v1.train.summary_iterator(str(path)):
            for value in event.summary.value:
                found.setdefault(value.tag, []).append((event.step, value.tensor))
    losses = {step: float(tf.make_ndarray(value)) for step, value in found["d_loss"]}
    assert losses == pytest.approx({row["step"]: row["d_loss"] for row in run.history})
    assert len(found["drawings"]) == len(list((tmp_path / "previews").iterdir()))
    assert "batch_size" in str(found["settings"][0][1].string_val[0])


def test_tensorboard_gets_colours(tmp_path):
    red = tmp_path / "step_000025.png"
    plots.save_grid(np.full((1, 64, 64, 3), (255, 0, 0), np.uint8), red)
    diary = loggers.TensorBoard(tmp_path, {})
    diary.write(25, {}, [red])
    diary.close()
    (path,) = (tmp_path / "tensorboard").iterdir()
    events = tf.compat.v1.train.summary_iterator(str(path))
    shown = [v.tensor for e in events for v in e.summary.value if v.tag == "drawings"]
    picture = tf.io.decode_png(shown[0].string_val[2]).numpy()
    assert picture.shape[2] == 3 and (picture == (255, 0, 0)).all(axis=2).any()


def test_weights_and_biases_works_offline_and_asks_for_nothing(tmp_path, monkeypatch):
    pytest.importorskip("wandb", reason="an extra: pip install 'mnistgan[loggers]'")
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    run = training.train(TINY, tmp_path / "run", loggers=["wandb"])
    assert run.finished
    files = [path.name for path in (tmp_path / "run" / "wandb").rglob("*.wandb")]
    assert len(files) == 1


def test_a_missing_package_is_named_and_the_run_goes_on(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.warns(UserWarning, match=r"pip install 'mnistgan\[loggers\]'"):
        assert training.train(TINY, tmp_path, loggers=["wandb"]).finished
