"""What `mnistgan doctor` says of a machine, and what it keeps to itself."""

from pathlib import Path

import pytest
import yaml

from mnistgan import __main__
from mnistgan.datasets import mnist
from mnistgan.engine import doctor, machine

ROOT = Path(__file__).resolve().parent.parent


def told(capsys, *options):
    assert __main__.main(["doctor", *map(str, options)]) == 0
    return capsys.readouterr().out


def test_it_names_versions_room_and_extras(digits, capsys, monkeypatch):
    monkeypatch.setenv("TF_ENABLE_MAGIC", str(Path.home() / "wand"))
    monkeypatch.setenv("SECRET_KEY", "hush")
    shown = told(capsys)
    for words in ("Python 3.", "TensorFlow 2.", "Keras 3.", "GB of memory", "room for"):
        assert words in shown
    assert "MNIST: here" in shown and "TF_ENABLE_MAGIC=~" in shown
    assert "hush" not in shown and str(Path.home()) not in shown


def test_it_says_whether_the_digits_can_be_fetched(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(mnist, "TFDS_URL", "http://127.0.0.1:9/")
    shown = told(capsys, "--data-dir", tmp_path / "new")
    assert "MNIST: the host of TensorFlow Datasets gives no right answer" in shown
    assert not (tmp_path / "new").exists(), "it looks, and changes nothing"
    (tmp_path / "new" / mnist.HAND_FOLDER).mkdir(parents=True)
    shown = told(capsys, "--data-dir", tmp_path / "new")
    assert f"MNIST: files lie in {mnist.HAND_FOLDER}" in shown


def test_it_speaks_even_where_keras_does_not_work(capsys, monkeypatch):
    def broken():
        raise machine.NotReady("Keras is broken")

    monkeypatch.setattr(doctor, "load_tensorflow", broken)
    monkeypatch.setattr(__main__, "load_tensorflow", broken)
    shown = told(capsys)
    assert "TensorFlow does not work here: Keras is broken" in shown
    assert "extras: " in shown


@pytest.mark.parametrize("path", [".github/ISSUE_TEMPLATE/problem.yml", "CITATION.cff"])
def test_what_other_programs_read_can_be_read(path):
    found = yaml.safe_load((ROOT / path).read_text("utf-8"))
    assert found.get("body") or found["cff-version"] == "1.2.0"


def test_no_extra_is_forgotten():
    assert {*doctor.EXTRAS} == {*machine.EXTRAS, "export"}
