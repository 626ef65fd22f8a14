"""The rows of lessons/recipe.md can still be run, and what was found is told."""

import argparse
import dataclasses

import ablations
import course
import families
import flow_recipes
import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from mnistgan.projects import flow
from mnistgan.sampling import draw
from mnistgan.settings import choose_settings


@pytest.mark.parametrize(
    "name",
    [
        "the start",
        "the textbook, all of it",
        "instance noise from 0.5 to 0.2",
        "pairs",
        "8 coins",
        "relativistic, R1 and R2",
        "28×28 points, five dense layers that add",
        "28×28 points, and a convolution",
        "28×28 points, the detective shrinks them",
        "the recipe, a binomial filter",
        "the recipe, resized and convolved",
        "the recipe, a second head for a patch",
        "the recipe, a spectral loss",
        ablations.GROWING,
    ],
)
def test_a_row_takes_a_step(name, digits64, monkeypatch):
    changes, _ = ablations.ROWS[name]
    for place in ablations.places(name):
        monkeypatch.setattr(*place)
    chosen = choose_settings("quick", **{**changes, "batch_size": 16})
    settings = ablations.Timed(**dataclasses.asdict(chosen), steps=5)
    assert settings.total_steps == 5
    state, step = ablations.begin(settings)
    d_loss, g_loss, *_ = step(digits64[:16])
    assert float(d_loss) > 0 and float(g_loss) == float(g_loss)
    if name == ablations.GROWING:
        batches_left = iter([digits64[:16]] * 200)
        assert ablations.growing.grow(settings, state, 0.1, batches_left) >= 2


@pytest.mark.parametrize("name, hidden", [("five", 5), ("eight", 8)])
def test_a_row_has_as_many_dense_layers_as_it_says(name, hidden):
    changes, patches = ablations.ROWS[f"28×28 points, {name} dense layers that add"]
    generator = patches["build_generator"](8, 2, hidden=changes["hidden"])
    assert sum(isinstance(x, keras.layers.Add) for x in generator.layers) == hidden - 1


def test_times_and_labels_of_a_flow_are_changed_as_the_rows_say():
    noise = tf.random.stateless_normal((10_000, 786), seed=(0, 0))
    times = tf.sigmoid(flow_recipes.all_times_alike(noise)[:, 784])
    assert np.histogram(times, 10, (0, 1))[0] == pytest.approx([1000] * 10, abs=150)
    assert np.max(flow_recipes.without_labels(noise)[:, 785]) < -1.28


def test_the_usual_walk_is_the_generators():
    keras.utils.set_random_seed(0)
    velocity = flow.build_velocity(8)
    for weight in velocity.trainable_variables:
        weight.assign(tf.random.normal(weight.shape, stddev=0.1))
    fog, labels = flow_recipes.start(6, seed=0)
    (how,) = flow_recipes.USUAL.values()
    _, walked = flow_recipes.walk(velocity, fog, labels, *how)
    noise = tf.reshape(fog, (6, 784))
    drawn = draw(flow.build_flow_generator(velocity), noise, labels.numpy().argmax(1))
    assert walked.std() > 10 and np.abs(walked.astype(int) - drawn).max() <= 1


def test_the_table_of_families_has_medians_over_the_seeds(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(families, "FOUND", tmp_path / "found.csv")
    assert families.read_found() == {}
    numbers = dict.fromkeys(("steps", *families.COLUMNS), 1234567.0)
    for seed, recall in enumerate((0.5, 0.9, 0.6)):
        row = numbers | {"recall": recall, "nats": float("nan")}
        families.keep_found((8, "flow", seed), row)
    found = families.read_found()
    assert found[8, "flow", 1] == pytest.approx(
        numbers | row | {"recall": 0.9}, nan_ok=True
    )
    asked = argparse.Namespace(
        minutes=[2, 8], projects=["vae", "flow"], seeds=[0, 1, 2]
    )
    ((run, row),) = families.print_table(found, asked).items()
    assert run == (8, "flow") and row["recall"] == 0.6
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("| 8 | flow with labels | 3 |") and last.endswith("|  |")


def test_the_lesson_shows_the_table_of_families(capsys):
    asked = argparse.Namespace(
        minutes=[*families.PRESETS], projects=[*families.LINES], seeds=[0, 1, 2]
    )
    families.print_table(families.read_found(), asked)
    page = (course.ROOT / "lessons" / "15_from_fog_to_digit.md").read_text()
    assert capsys.readouterr().out in page
