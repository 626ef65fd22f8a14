"""Faults that are made on purpose, and the doctor who shall find them."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from mnistgan import models, training
from mnistgan.engine import diagnosis
from mnistgan.engine.runs import COLUMNS
from mnistgan.projects import faults
from mnistgan.projects.faults import FAULTS
from mnistgan.settings import choose_settings

NAMES = [fault.name for fault in FAULTS]
HEALTHY = {"d_loss": 1.31, "g_loss": 0.85, "d_real": 0.55, "d_fake": 0.45}


def history(rows=20, jitter=0.003, **changes):
    """A history that sways a little, as healthy ones do."""
    row = HEALTHY | changes
    sway = np.resize([0.5, -0.5], rows) * jitter
    values = [
        {**row, "step": 25 * (n + 1), "epoch": 1, "d_fake": row["d_fake"] + by}
        for n, by in enumerate(sway)
    ]
    return [{name: value[name] for name in COLUMNS} for value in values]


@pytest.mark.parametrize("fault", FAULTS, ids=NAMES)
def test_a_fault_is_a_change_in_what_is_written_and_nowhere_else(fault):
    right, wrong = fault.sources()
    lines = fault.diff().splitlines()
    assert right != wrong and 1 <= sum(line[0] == "+" for line in lines) <= 3
    before = fault.function.__code__
    practise = fault.compiled()["practise"]
    assert practise is not faults.practise and practise.__name__ == "practise"
    assert fault.function.__code__ is before


def test_the_changed_function_is_the_one_that_is_used(digits64):
    grey = next(fault for fault in FAULTS if fault.name == "sigmoid")
    results, before, after = grey.practise(digits64, steps=2)
    assert before.min() > 150 and after.shape == (64, 64, 64, 1)
    assert len(results) == 2 and faults.practise(digits64, steps=0)[1].min() < 150
    assert models.build_generator().layers[-2].activation.__name__ == "tanh"


def test_the_same_seed_gives_the_same_training(digits64):
    one, two, other = (
        FAULTS[0].practise(digits64, seed, steps=2)[-1] for seed in (3, 3, 4)
    )
    assert np.array_equal(one, two) and not np.array_equal(one, other)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"function": training.train}, "no function to break"),
        ({"before": "BatchNormalisation"}, "'BatchNormalisation' is not written in"),
        ({"before": ""}, "is not written in build_generator"),
        ({"after": "layers.ReLU("}, "is no Python any more"),
    ],
)
def test_a_fault_that_cannot_be_made_is_refused(digits64, changes, words):
    fault = dataclasses.replace(FAULTS[0], **changes)
    with pytest.raises(ValueError, match=words):
        fault.practise(digits64, steps=1)


def test_a_diary_has_a_row_for_every_25_steps():
    logits = tf.constant([[0.0], [0.0]])
    results = [(float(step), 0.5, logits, logits) for step in range(60)]
    rows = faults.as_history(results)
    assert [row["step"] for row in rows] == [25, 50]
    assert [row["d_loss"] for row in rows] == [12.0, 37.0]
    assert rows[0]["d_real"] == 0.5 and tuple(rows[0]) == COLUMNS
    assert faults.as_history(results[:20]) == []


@pytest.fixture
def drawings(digits64):
    return digits64[1000:1064]


def named(history, drawings, real, before=None):
    found = diagnosis.diagnose(history, drawings, real, before)
    return found and found.fault


def test_a_healthy_training_hears_nothing(digits64, drawings):
    real = digits64[:64]
    assert named(history(), drawings, real) is None
    assert named(history(), drawings, real, np.full_like(drawings, 128)) is None
    early = history(diagnosis.LEAST - 1, d_real=0.99, d_fake=0.99)
    assert named(early, drawings, real) is None, "too early to tell"


CASES = {
    "rate × 10": {"d_real": 0.65, "d_fake": 0.36, "d_loss": 1.2},
    "no noise": {"d_loss": 1.25},
    "labels swapped": {"d_real": 0.1, "d_fake": 0.9, "d_loss": 0.3},
    "gradient stopped": {"d_real": 0.99, "d_fake": 0.99, "d_loss": 5.0},
    "training=False": {"d_real": 0.99, "d_fake": 0.01, "d_loss": 0.05},
    "batch of 4": {"d_real": 0.5, "d_fake": 0.5, "d_loss": 1.386, "jitter": 0.0005},
}


@pytest.mark.parametrize("fault", CASES)
def test_the_doctor_reads_the_diary(fault, digits64, drawings):
    one = np.repeat(drawings[:1], 64, axis=0)
    shown = one if fault == "training=False" else drawings
    assert named(history(**CASES[fault]), shown, digits64[:64]) == fault


def test_the_doctor_looks_at_the_drawings(digits64, drawings):
    real = digits64[:64]
    grey = 128 + drawings // 2
    assert named(history(), grey, real) == "sigmoid"
    assert named(history(), drawings, real, drawings) == "old step"
    won = history(d_real=0.8, d_fake=0.2)
    assert named(won, 255 - drawings, real) == "0 to 255"
    one = np.repeat(drawings[:1], 64, axis=0)
    shaky = history(d_real=0.75, d_fake=0.25, d_loss=0.9, jitter=0.03)
    assert named(shaky, one, real) == "no BatchNorm"


def test_quiet_faults_are_known_of_digits_only(digits64, drawings):
    shown = history(d_loss=1.25), drawings, digits64[:64]
    assert diagnosis.diagnose(*shown) and not diagnosis.diagnose(*shown, quiet=False)


def test_a_run_asks_the_doctor_at_its_previews(tmp_path, capsys, monkeypatch):
    """As it is: what follows is only that something is said, and that it goes on."""
    swapped = next(fault for fault in FAULTS if fault.name == "labels swapped")
    make_step = swapped.compiled()["make_train_step"]
    monkeypatch.setattr(training, "make_train_step", make_step)
    settings = choose_settings(
        "smoke", pictures=8_000, epochs=1, previews=1, generator_width=4
    )
    assert training.train(settings, tmp_path).finished
    assert "learns the wrong way round" in capsys.readouterr().out


def test_an_answer_has_its_three_parts(digits64, drawings):
    found = diagnosis.diagnose(history(), 128 + drawings // 2, digits64[:64])
    assert "128" in found.symptom and "tanh" in found.remedy
    assert str(found) == f"{found.symptom} {found.remedy}"


def test_every_fault_of_the_notebook_is_one_that_the_doctor_knows():
    assert {rule.fault for rule in diagnosis.RULES} == set(NAMES)
