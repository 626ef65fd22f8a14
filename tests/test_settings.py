"""Settings, presets and the machine; and the command line that speaks of them."""

import dataclasses
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from mnistgan import settings
from mnistgan.__main__ import main
from mnistgan.engine import launch, machine
from mnistgan.models import build_generator
from mnistgan.settings import PRESETS, Settings, choose_settings, pick_preset


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


@pytest.fixture(autouse=True)
def no_wish(monkeypatch):
    monkeypatch.delenv("MNISTGAN_PRESET", raising=False)


@pytest.mark.parametrize(
    "gpu, cores, preset", [(False, 2, "laptop"), (False, 1, "quick"), (True, 2, "full")]
)
def test_the_machine_decides(monkeypatch, gpu, cores, preset):
    monkeypatch.setattr(settings, "has_gpu", lambda: gpu)
    monkeypatch.setattr(settings, "count_cores", lambda: cores)
    name, reason = pick_preset()
    assert name == preset and ("GPU" in reason)
    chosen = choose_settings()
    assert chosen.jit_compile == gpu and chosen.preset == preset


def test_cores_that_the_process_may_not_use_do_not_count(monkeypatch):
    monkeypatch.setattr(settings, "has_gpu", lambda: False)
    monkeypatch.setattr(machine.os, "sched_getaffinity", lambda _: {3}, raising=False)
    assert pick_preset() == ("quick", "there is no GPU and only one core")


def test_a_wish_beats_the_machine_and_an_argument_beats_the_wish(monkeypatch):
    monkeypatch.setenv("MNISTGAN_PRESET", "full")
    assert pick_preset() == ("full", "MNISTGAN_PRESET says so")
    assert pick_preset("quick")[0] == "quick"
    assert choose_settings("quick", seed=5).seed == 5


def test_presets_grow():
    epochs = [choose_settings(name).epochs for name in PRESETS]
    assert epochs == sorted(epochs) and epochs[-1] == 20
    assert list(PRESETS) == ["smoke", "quick", "laptop", "full"]


def test_settings_cannot_be_changed_by_accident():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings().epochs = 3


@pytest.mark.parametrize(
    "name, value",
    [
        ("epochs", 0),
        ("epochs", 2.5),
        ("epochs", True),
        ("batch_size", -64),
        ("pictures", 60_001),
        ("pictures", 10),
        ("judged", 5),
        ("seed", -1),
        ("seed", 2**31),
        ("noise_std", -0.1),
        ("noise_std", float("nan")),
        ("beta_1", 1.0),
        ("generator_learning_rate", 0.0),
        ("generator_learning_rate", "fast"),
        ("jit_compile", 1),
        ("preset", "slow"),
    ],
)
def test_a_value_that_cannot_work_is_named(name, value):
    with pytest.raises(ValueError, match=f"{name} is {value!r}"):
        Settings(**{name: value})


def test_unknown_names_are_named(monkeypatch):
    with pytest.raises(ValueError, match="'speed'"):
        choose_settings(speed=9)
    monkeypatch.setenv("MNISTGAN_PRESET", "warp")
    with pytest.raises(ValueError, match=r"'warp' \(MNISTGAN_PRESET says so\)"):
        choose_settings()


def test_checking_the_machine_says_what_it_found(capsys):
    settings.check_machine()
    text = capsys.readouterr().out
    assert "TensorFlow" in text and "cores" in text and "because" in text


def test_only_the_cores_that_may_be_used_count(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {3}, raising=False)
    monkeypatch.setattr(settings, "has_gpu", lambda: False)
    settings.check_machine()
    text = capsys.readouterr().out
    assert "Your machine: 1 core, no GPU." in text and "only one core" in text
    monkeypatch.setattr(
        "os.sched_getaffinity", lambda _: {0, 1, 2, 3, 4, 5}, raising=False
    )
    given = []
    monkeypatch.setattr("subprocess.Popen", lambda *_, env, **__: given.append(env))
    launch.start(2, [], tmp_path)
    assert [env["TF_NUM_INTRAOP_THREADS"] for env in given] == ["3", "3"]


@pytest.mark.parametrize("switch, warnings", [("0", 1), ("1", 0)])
def test_importing_tensorflow_first_is_warned_of_once(monkeypatch, switch, warnings):
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", switch)
    result = run("import tensorflow, mnistgan; from mnistgan import data")
    assert result.stderr.count("imported before mnistgan") == warnings


def test_onednn_is_switched_on(monkeypatch):
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)
    result = run("import mnistgan, os; print(os.environ['TF_ENABLE_ONEDNN_OPTS'])")
    assert result.stdout.strip() == "1"


def test_loading_tensorflow_is_silent_and_leaves_the_garbage_collector_on():
    """What it has loaded stays for good, so the collector need not look there."""
    code = "import gc; from mnistgan.engine import machine; machine.has_gpu(); "
    code += "print(gc.isenabled(), gc.get_freeze_count() > 100_000)"
    result = run(code)
    assert (result.stdout, result.stderr) == ("True True\n", "")


def test_the_command_line_trains_and_draws(tmp_path, capsys):
    run, drawn = tmp_path / "run", tmp_path / "drawn.npy"
    small = ["--epochs=1", "--pictures=64", "--batch-size=16", "--generator-width=2"]
    assert main(["train", "--preset=quick", "--seed=3", f"--out={run}", *small]) == 0
    text = capsys.readouterr().out
    assert "because you asked for it" in text and str(run / "grid.png") in text
    model = f"--model={run / 'generator.keras'}"
    assert main(["draw", model, "--count=5", "--seed=1", f"--out={drawn}"]) == 0
    pictures = np.load(drawn)
    assert pictures.shape == (5, 64, 64, 1) and pictures.dtype == np.uint8
    assert main(["draw", model, "--count=5", f"--out={tmp_path / 'drawn.png'}"]) == 0
    assert Image.open(tmp_path / "drawn.png").size == (5 * 66 - 2, 64)


def test_the_command_line_prints_settings(capsys):
    assert main(["settings", "--preset=full", "--noise-std=0.25"]) == 0
    text = capsys.readouterr().out
    assert "epochs" in text and "20" in text and "0.25" in text


@pytest.mark.parametrize("command", [[], ["train"], ["draw"], ["judge"], ["settings"]])
def test_help_explains_every_command(command, capsys):
    with pytest.raises(SystemExit) as stopped:
        main([*command, "--help"])
    assert stopped.value.code == 0
    assert "usage: python -m mnistgan" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["draw", "--model=none.keras", "--out=x.png"], "no file none.keras"),
        (["judge", "--model=none.keras"], "no file none.keras"),
        (
            ["draw", "--model=none.keras", "--out=x.txt"],
            "x.txt must end in .png or .npy",
        ),
        (["train", "--epochs=-2"], "epochs is -2"),
        (["train", "--noise-std=nan"], "noise_std is nan"),
    ],
)
def test_mistakes_get_one_sentence(arguments, said, capsys):
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("Sorry: ") and said in error and error.count("\n") == 1


def test_a_file_in_the_way_gets_one_sentence(tmp_path, capsys):
    build_generator(8, 2).save(tmp_path / "robot.keras")
    (tmp_path / "wall").write_text("")
    arguments = [f"--model={tmp_path / 'robot.keras'}", f"--out={tmp_path}/wall/x.png"]
    assert main(["draw", *arguments]) == 2
    assert str(tmp_path / "wall") in capsys.readouterr().err


def test_a_project_may_have_its_own_epochs_for_each_preset():
    epochs = [settings.choose_settings(preset, "faces").epochs for preset in PRESETS]
    assert epochs == sorted(epochs) and len(set(epochs)) == 4
    assert settings.choose_settings("quick", "faces", epochs=5).epochs == 5
