"""Scores along the way: kept, resumed, and able to say what ails a run."""

import dataclasses
import time

import numpy as np
import pytest
from tensorflow import keras
from test_training import SMALL

from mnistgan import data, metrics, plots, scores, training
from mnistgan.engine import runs
from mnistgan.evaluation import Score
from mnistgan.sampling import load_generator

JUDGED = dataclasses.replace(SMALL, judged=50)
FRECHET = {25: 20.0, 40: 9.0, 50: 8.0, 80: 3.0, 100: 6.0, 120: 5.0}


@pytest.fixture
def kept(monkeypatch):
    """A judge that likes step 80 best; returns the weights that it saw at each call."""
    seen = []
    monkeypatch.setattr(training, "load_judge", lambda **_: "the judge")

    def score(judge, images):
        assert judge == "the judge" and images.shape == (50, 64, 64, 1)
        frechet = list(FRECHET.values())[len(seen) % 6]
        seen.append(images)
        counts = (5,) * 10
        return Score(50, 0.9, frechet, 0.9, 0.9, 0.9, 0.8, counts, 0.0, 1.0, 1.0, 1.0)

    monkeypatch.setattr(scores, "score", score)
    return seen


def test_a_judged_run_keeps_its_scores_and_its_best_robot(kept, tmp_path):
    training.train(JUDGED, tmp_path / "run")
    rows = runs.read_scores(tmp_path / "run")
    assert {row["step"]: row["frechet"] for row in rows} == FRECHET
    assert runs.best_score(rows)["step"] == 80
    assert [tuple(row) for row in rows] == 6 * [runs.SCORES]
    assert all(row[name] == 1 for row in rows for name in metrics.BANDS)
    minutes = [row["minutes"] for row in rows]
    assert minutes == sorted(minutes)

    def drawn_by(name):
        generator = load_generator(tmp_path / "run" / name)
        noise = scores.make_noise(generator, 50, scores.SEED)
        return scores.draw(generator, noise)

    for name, seen in (("best.keras", kept[3]), ("generator.keras", kept[5])):
        assert np.abs(drawn_by(name).astype(int) - seen).max() <= 1  # rounding


def test_runs_are_compared_over_minutes(kept, tmp_path):
    run = training.train(JUDGED, tmp_path / "judged")
    short = dataclasses.replace(SMALL, epochs=1)
    training.train(short, tmp_path / "short")
    folders = [tmp_path / "judged", tmp_path / "short"]
    figure = plots.compare_runs(folders)
    *curves, first, second = figure.get_axes()
    assert [len(axes.lines) for axes in curves] == [2, 2, 2, 2]
    assert [first.get_title(), second.get_title()] == ["judged", "short"]
    minutes = curves[0].lines[0].get_xdata()
    assert minutes[-1] == pytest.approx(run.seconds / 60)
    plots.plt.close(figure)
    assert len(plots.compare_runs(folders[1:]).get_axes()) == 3
    shown = plots.plt.get_fignums()
    with pytest.raises(ValueError, match="holds no run that was saved"):
        plots.compare_runs([*folders, tmp_path])
    assert plots.plt.get_fignums() == shown, "a figure was left behind"


@pytest.mark.parametrize("folders", [[], ["one"] * 7, "one", 3])
def test_what_are_no_runs_is_refused_by_name(folders, tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="1 to 6 folders"):
        plots.compare_runs(folders)
    with pytest.raises(ValueError, match="nothing holds no run that was saved"):
        plots.compare_runs([tmp_path / "nothing"])


def test_scores_of_an_earlier_version_are_kept(tmp_path):
    """What they did not know yet is no number, and the table can still be read."""
    old = {"step": 25, "frechet": 9.0, "classes": 10}
    new = dict.fromkeys(runs.SCORES, 1)
    runs.write_table(tmp_path / "scores.csv", runs.SCORES, [old, new])
    first, second = runs.read_scores(tmp_path)
    assert first["frechet"] == 9 and np.isnan(first["power_50_75"])
    assert second["power_50_75"] == 1


def test_judging_is_not_training_time(kept, tmp_path, monkeypatch):
    quick = scores.score

    def slow(judge, images):
        time.sleep(0.7)
        return quick(judge, images)

    monkeypatch.setattr(scores, "score", slow)
    start = time.monotonic()
    training.train(JUDGED, tmp_path / "run")
    whole = time.monotonic() - start
    assert 60 * runs.read_scores(tmp_path / "run")[-1]["minutes"] < whole - 4.1


def test_going_back_to_a_checkpoint_scores_no_step_twice(kept, tmp_path, monkeypatch):
    often = dataclasses.replace(JUDGED, previews=2)
    with monkeypatch.context() as patch:
        patch.setattr(data, "make_dataset", broken_after(105))
        with pytest.raises(RuntimeError, match="power cut"):
            training.train(often, tmp_path / "run")
    assert runs.read_scores(tmp_path / "run")[-1]["step"] == 100
    training.train(often, tmp_path / "run")  # from the checkpoint at step 80
    assert len(kept) == 9, "only step 100 was judged twice"
    rows = runs.read_scores(tmp_path / "run")
    assert [row["step"] for row in rows] == [20, 25, 40, 50, 60, 80, 100, 120]


def broken_after(steps):
    """A dealer of batches that fails after some steps, as if the power were cut."""
    whole, dealt = data.make_dataset, []

    class Deck:
        def __init__(self, *args, **labels):
            self.batches_left = whole(*args, **labels)

        def take(self, count):
            self.batches_left = self.batches_left.take(count)
            return self

        def skip(self, count):
            for batch in self.batches_left.skip(count):
                dealt.append(1)
                if len(dealt) > steps:
                    raise RuntimeError("power cut")
                yield batch

    return Deck


def test_a_judge_that_is_trained_first_does_not_shuffle_the_pictures(
    kept, tmp_path, monkeypatch
):
    whole, seen = training.make_whole_step, []

    def make_watched_step(*args):
        step = whole(*args)

        def watched(batch):
            seen[-1].append(batch.numpy())
            return step(batch)

        return watched

    def load_judge(**_):
        keras.utils.set_random_seed(99)  # as training a judge does
        return "the judge"

    monkeypatch.setattr(training, "make_whole_step", make_watched_step)
    monkeypatch.setattr(training, "load_judge", load_judge)
    for judged in (0, 50):
        seen.append([])
        settings = dataclasses.replace(SMALL, epochs=1, seed=1, judged=judged)
        training.train(settings, tmp_path / f"judged-{judged}")
    assert np.array_equal(*seen)


HEALTHY = {"d_real": 0.6, "d_fake": 0.4}


def row(**changes):
    return {"frechet": 5.0, "coverage": 0.8, "classes": 10, **changes}


def test_a_healthy_run_hears_nothing():
    assert scores.diagnose(HEALTHY, []) == ""
    assert scores.diagnose(HEALTHY, [row(coverage=0.1, classes=2)]) == ""
    assert scores.diagnose(HEALTHY, [row(), row(coverage=0.7, frechet=6.0)]) == ""


@pytest.mark.parametrize(
    ("history_row", "now", "words"),
    [
        ({"d_real": 0.99, "d_fake": 0.01}, row(), ["won outright", "--noise-std"]),
        (
            HEALTHY,
            row(coverage=0.2, frechet=50.0),
            ["collapsing", "0.80 to 0.20", "--generator-learning-rate"],
        ),
        (HEALTHY, row(classes=6, frechet=9.0), ["6 of the ten", "--batch-size"]),
    ],
)
def test_an_ailing_run_hears_the_cause_and_one_thing_to_change(history_row, now, words):
    written = scores.diagnose(history_row, [row(), now])
    assert all(word in written for word in words), written
