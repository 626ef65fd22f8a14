"""The judge: it reads real digits, and its scores know right from wrong."""

import dataclasses
import errno
import json
import threading
import time

import filelock
import numpy as np
import pytest
from patience import PATIENCE

from mnistgan import __main__ as command_line
from mnistgan import data, evaluation, metrics, sampling
from mnistgan.evaluation import OPINION
from mnistgan.models import build_generator

pytestmark = pytest.mark.trained


@pytest.fixture(scope="module")
def real_judge():
    """The real one: trained by the first test, kept for the notebooks."""
    return evaluation.load_judge()


@pytest.fixture(scope="module", autouse=True)
def one_round():
    """The second judge learns for one round here: it takes four times as long."""
    with pytest.MonkeyPatch.context() as patch:
        quick = dataclasses.replace(evaluation.SECOND, epochs=1)
        patch.setattr(evaluation, "SECOND", quick)
        yield


@pytest.fixture(scope="module")
def second_judge(one_round):
    """The other one, which looks at 64×64."""
    return evaluation.load_judge(settings=evaluation.SECOND)


@pytest.fixture(scope="module")
def train_set():
    """2,000 training digits, 64×64, and their labels."""
    images, labels = data.load_mnist("train[:2000]")
    return data.prepare_all(images), labels


def test_the_judge_names_test_digits(real_judge):
    assert real_judge.accuracy >= 0.985  # 99.2% as a rule, 10% without learning


def test_real_digits_score_well(real_judge, train_set):
    found = evaluation.score(real_judge, train_set[0])
    assert found.confident > 0.95 and found.coverage > 0.9 and found.precision > 0.9
    assert sum(found.class_counts) == found.count == 2000
    assert found.class_kl < 0.01
    for name in metrics.BANDS:
        assert getattr(found, name) == pytest.approx(1, abs=0.15)


def test_specks_that_the_judge_overlooks_are_seen(real_judge, train_set):
    checkered = 12 * (np.indices((64, 64)).sum(0)[..., None] % 2).astype("uint8")
    clean, specked = (
        evaluation.score(real_judge, images)
        for images in (train_set[0], np.maximum(train_set[0], checkered))
    )
    assert specked.confident > clean.confident - 0.05
    assert specked.power_50_75 > 20 * clean.power_50_75


def test_test_digits_beside_themselves_are_perfect(real_judge):
    images, _ = data.load_mnist("test[:500]")
    found = evaluation.score(real_judge, data.prepare_all(images))
    assert found.frechet < 1e-3
    assert found.precision == found.recall == found.coverage == 1


def test_the_second_judge_knows_right_from_wrong_as_well(second_judge, train_set):
    assert second_judge.accuracy >= 0.96  # 98% after one round, 10% without learning
    images, labels = train_set
    found = evaluation.score(second_judge, images)
    assert found.confident > 0.9 and found.coverage > 0.85 and found.precision > 0.85
    without = evaluation.score(second_judge, images[labels != 7])
    assert without.class_counts[7] <= 5
    assert without.coverage < found.coverage - 0.05
    again = evaluation.score(second_judge, np.repeat(images[:1], 500, axis=0))
    assert again.coverage < 0.05 and again.recall < 0.05


def test_a_missing_class_shows(real_judge, train_set):
    images, labels = train_set
    whole = evaluation.score(real_judge, images)
    without = evaluation.score(real_judge, images[labels != 7])
    assert without.class_counts[7] <= 5
    assert without.class_kl == pytest.approx(np.log(10 / 9), abs=0.02)
    assert without.coverage < whole.coverage - 0.05
    assert without.frechet > 2 * whole.frechet


def test_the_same_picture_again_and_again_shows(real_judge, train_set):
    found = evaluation.score(real_judge, np.repeat(train_set[0][:1], 500, axis=0))
    assert found.coverage < 0.05 and found.recall < 0.05
    assert found.class_kl == pytest.approx(np.log(10))


def test_noise_scores_badly(real_judge):
    noise = np.random.default_rng(0).integers(0, 256, (500, 64, 64, 1), np.uint8)
    found = evaluation.score(real_judge, noise)
    assert found.coverage < 0.05  # precision may be anything: one ball may hold all
    assert found.frechet > 50  # real digits: 2, drawings: 5


def test_copies_are_noticed(train_set):
    digits64 = evaluation.shrink(train_set[0]).reshape(2000, -1)
    limit = evaluation.copy_limit(digits64, evaluation.load_real_rows("test[:500]"))
    assert evaluation.copied_share(train_set[0][:300], digits64, limit) == 1
    others = data.prepare_all(data.load_mnist("test[500:1000]")[0])
    assert evaluation.copied_share(others, digits64, limit) < 0.05


def test_the_pretrained_robot_is_as_good_as_its_card_says(real_judge):
    folder = sampling.PRETRAINED.parent
    written = json.loads((folder / "digits.json").read_text())["rows"]["drawn"]
    generator = sampling.load_generator(sampling.PRETRAINED)
    noise = sampling.make_noise(generator, 2000, seed=0)
    found = evaluation.score(real_judge, sampling.draw(generator, noise))
    assert found.confident == pytest.approx(written["confident"], abs=0.03)
    assert found.precision == pytest.approx(written["precision"], abs=0.04)
    assert found.coverage > written["coverage"] - 0.04  # fewer pictures, wider balls
    assert found.frechet < 5 * written["frechet"]  # fewer pictures: farther by chance
    for name in metrics.BANDS:  # dotted edges: 1.5, 5.7 and 31
        assert 0.7 < getattr(found, name) < 1.4
    report = json.loads((folder / "digits.json").read_text())
    for judged, lines in ((report, evaluation.LABELS), (report["second"], OPINION)):
        rows = {name: evaluation.Score(**row) for name, row in judged["rows"].items()}
        table = evaluation.format_scores(rows, lines)
        assert table in (folder / "README.md").read_text()


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((10, 28, 28, 1), np.uint8), r"\(10, 28, 28, 1\)"),
        (np.full((10, 64, 64, 1), 1.5, np.float32), "float32"),
        (np.zeros((5, 64, 64, 1), np.uint8), "5 pictures"),
    ],
)
def test_pictures_that_cannot_be_judged_are_refused(real_judge, images, message):
    with pytest.raises(ValueError, match=message):
        evaluation.score(real_judge, images)


def test_the_judge_is_trained_once_and_checked(tmp_path, monkeypatch):
    trained = []

    def train_network(settings, images, labels):
        trained.append(settings)
        return evaluation.build_judge()

    few = data.load_mnist("test[:200]")
    monkeypatch.setattr(data, "load_mnist", lambda *_: few)
    monkeypatch.setattr(evaluation, "train_network", train_network)
    first, other = evaluation.JudgeSettings(), evaluation.JudgeSettings(seed=1)
    for settings in (first, first, other, other):
        evaluation.load_judge(tmp_path, settings)
    assert trained == [first, other]

    model = tmp_path / "judge.keras"
    raw = bytearray(model.read_bytes())
    raw[len(raw) // 2] ^= 1
    model.write_bytes(raw)
    evaluation.load_judge(tmp_path, other)
    (tmp_path / "judge.json").write_text("{half")
    evaluation.load_judge(tmp_path, other)
    assert trained == [first, other, other, other]


def test_two_who_need_the_judge_at_once_train_it_once(tmp_path, monkeypatch):
    trained, begun = [], threading.Event()

    def train_network(settings, images, labels):
        trained.append(settings)
        begun.set()
        time.sleep(1)
        return evaluation.build_judge()

    few = data.load_mnist("test[:200]")
    monkeypatch.setattr(data, "load_mnist", lambda *_: few)
    monkeypatch.setattr(evaluation, "train_network", train_network)
    first = threading.Thread(target=evaluation.load_judge, args=[tmp_path])
    first.start()
    assert begun.wait(PATIENCE)
    evaluation.load_judge(tmp_path)
    first.join()
    assert len(trained) == 1


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOLCK, "No locks"), NotImplementedError("no flock")]
)
def test_a_judge_is_kept_on_drives_that_know_no_locks(error, tmp_path, monkeypatch):
    def acquire(*_, **__):
        raise error

    few = data.load_mnist("test[:200]")
    monkeypatch.setattr(data, "load_mnist", lambda *_: few)
    monkeypatch.setattr(
        evaluation, "train_network", lambda *_: evaluation.build_judge()
    )
    monkeypatch.setattr(filelock.FileLock, "acquire", acquire)
    evaluation.load_judge(tmp_path)
    assert (tmp_path / "judge.keras").exists()


def test_the_command_line_writes_a_stable_table(
    tmp_path, monkeypatch, capsys, real_judge
):
    few = evaluation.load_real_rows("train[:300]")
    monkeypatch.setattr(evaluation, "load_real_rows", lambda split, data_dir=None: few)
    model, out = tmp_path / "generator.keras", tmp_path / "score.json"
    build_generator(8, 2).save(model)
    words = ["judge", "--model", str(model), "--count", "50", "--json", str(out)]
    assert command_line.main(words) == 0
    printed = capsys.readouterr().out
    assert "digit Fréchet distance" in printed and "coverage" in printed
    written = json.loads(out.read_text())
    assert list(written) == ["format", "model", "seed", "accuracy", "rows", "second"]
    fields = [field.name for field in dataclasses.fields(evaluation.Score)]
    for judged in written, written["second"]:
        rows = judged["rows"]
        assert list(rows) == ["drawn", "real", "noise"]
        assert all(list(row) == fields for row in rows.values())
        assert rows["real"]["frechet"] < rows["drawn"]["frechet"]
        assert judged["accuracy"] > 0.96
    assert "A second judge" in printed


def test_a_count_out_of_range_is_named(tmp_path, capsys):
    model = tmp_path / "generator.keras"
    build_generator(8, 2).save(model)
    assert command_line.main(["judge", "--model", str(model), "--count", "5"]) == 2
    assert (
        "count is 5; it must be a whole number from 6 to 10000"
        in capsys.readouterr().err
    )
