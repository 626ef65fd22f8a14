"""What version 0.1 wrote, or was told, is understood for one version."""

import dataclasses
import json

import pytest

from mnistgan import sampling, training
from mnistgan.__main__ import build_parser, main
from mnistgan.engine import files, runs
from mnistgan.settings import Settings

SMALL = Settings(
    preset="quick",
    epochs=1,
    pictures=64,
    batch_size=16,
    noise_dim=8,
    generator_width=2,
    discriminator_width=2,
)


@pytest.fixture
def old_run(tmp_path):
    """A finished run, its notes written as in version 0.1."""
    run = training.train(SMALL, tmp_path / "runs" / "old")
    old = dataclasses.asdict(SMALL)
    old["fog"] = old.pop("noise_std")
    for folder in (run.folder, *(run.folder / "checkpoints").glob("step_*")):
        (folder / "settings.json").write_text(json.dumps(old))
        (folder / "history.csv").rename(folder / "diary.csv")
        (folder / "checksums.json").unlink()
        if folder != run.folder:
            files.write_checksums(folder)
    return run.folder


def test_a_robot_of_an_old_run_is_found(old_run, monkeypatch):
    monkeypatch.setenv("MNISTGAN_RUNS", str(old_run.parent))
    assert sampling.best_model() == old_run / "generator.keras"
    assert runs.read_history(old_run)[-1]["step"] == SMALL.total_steps


def test_an_old_run_says_why_it_cannot_go_on(old_run):
    before = {path: path.read_bytes() for path in old_run.glob("*.*")}
    with pytest.raises(ValueError, match=r"a run of version 0\.1.*--afresh"):
        training.train(SMALL, old_run)
    assert {path: path.read_bytes() for path in old_run.glob("*.*")} == before
    assert training.train(SMALL, old_run, afresh=True).finished


@pytest.mark.parametrize(
    "old, name, value",
    [
        (["--fog", "0.25"], "noise_std", 0.25),
        (["--project", "asked"], "project", "conditional"),
        (["--diary", "tensorboard"], "loggers", "tensorboard"),
        (["--on-trouble", "tell"], "on_divergence", "warn"),
        (["--on-trouble", "back"], "on_divergence", "rollback"),
        (["--on-trouble", "stop"], "on_divergence", "stop"),
    ],
)
def test_old_options_are_understood(old, name, value):
    assert getattr(build_parser().parse_args(["train", *old]), name) == value


def test_old_names_are_not_in_the_way(capsys):
    assert main(["settings", "--preset=quick", "--project=asked", "--fog=0.3"]) == 0
    said = capsys.readouterr().out
    assert "conditional" in said and "noise_std" in said and "0.3" in said
