"""Folders, disks and streams that are not as they should be: told in plain words."""

import errno
import io
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from conftest import put
from test_training import SMALL

from mnistgan import sampling, settings, training
from mnistgan.__main__ import main
from mnistgan.datasets import image_folder, mnist
from mnistgan.engine import checkpoints, export, files, machine, runs


def test_too_many_for_the_disk_is_said_beforehand(complaint, robot, tmp_path):
    room = sampling.shutil.disk_usage(tmp_path)._replace(free=5 * 4096 + 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sampling.shutil, "disk_usage", lambda _: room)
        said = complaint("draw", robot, "--count=64", f"--out={tmp_path / 'x.npy'}")
    assert "64 pictures are too many" in said and "5 fit" in said


def test_a_file_where_a_folder_is_wanted_is_named(complaint, robot, tmp_path):
    wall = tmp_path / "wall"
    wall.write_text("")
    places = [
        ("train", "--preset=smoke", f"--out={wall}"),
        ("train", "--preset=smoke", f"--out={wall}/run"),
        ("draw", robot, f"--out={wall}/x.npy"),
        ("draw", robot, f"--out={wall}/x.png"),
        ("judge", robot, f"--json={wall}/x.json"),
        ("export", robot, "--to=onnx", f"--out={wall}/x.onnx"),
        ("export", robot, "--to=saved_model", f"--out={wall}/x"),
    ]
    for place in places:
        said = complaint(*place)
        assert f"{wall} is a file, not a folder" in said, place
        assert "choose another" in said and "checkpoints" not in said


def test_a_link_to_nowhere_is_named(complaint, tmp_path):
    (tmp_path / "runs").symlink_to(tmp_path / "unplugged")
    for place in (tmp_path / "runs", tmp_path / "runs" / "mine"):
        said = complaint("train", "--preset=smoke", f"--out={place}")
        assert f"{tmp_path / 'runs'} is a link to nowhere, not a folder" in said


def test_a_file_of_yours_is_not_taken_for_a_run(complaint, tmp_path):
    (tmp_path / "previews").mkdir()
    files_of_yours = {
        "settings.json": '{"theme": "dark"}',
        "history.csv": "1",
        "previews/step_1.png": "mine",
    }
    for name, text in files_of_yours.items():
        (tmp_path / name).write_text(text)
        said = complaint("train", "--preset=smoke", f"--out={tmp_path}")
        assert f"holds {Path(name).name}, but no run that can be read. Nothing" in said
        assert (tmp_path / name).read_text() == text
        (tmp_path / name).unlink()


def test_the_folder_where_one_stands_can_be_put_aside(tmp_path, monkeypatch):
    (tmp_path / "run").mkdir()
    monkeypatch.chdir(tmp_path / "run")
    runs.set_aside(Path("."))
    assert [path.name for path in tmp_path.iterdir()] == ["run-1"]
    (tmp_path / "link").symlink_to(tmp_path / "run-1")  # to a larger disk
    runs.set_aside(tmp_path / "link")
    assert {path.name for path in tmp_path.iterdir()} == {"run-1", "link-1"}


def test_a_wave_means_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("MNISTGAN_RUNS", "~/robots")
    assert settings.runs_folder() == tmp_path / "robots"
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="pictures"):
        image_folder.load_folder("~/empty")


def test_two_threads_that_load_tensorflow_leave_standard_error_alone():
    before = os.fstat(2)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: machine.load_tensorflow(), range(400)))
    assert os.path.samestat(os.fstat(2), before)


def test_a_full_disk_is_told_in_plain_words(tmp_path, monkeypatch):
    state = training.new_state(SMALL)

    def no_room(self, path):
        place = f"{path}_temp/part-00000-of-00001"
        said = f"{{{{function_node __SaveV2}}}} {place}; No space left [Op:SaveV2]"
        raise tf.errors.ResourceExhaustedError(None, None, said)

    def save():
        with pytest.raises(OSError, match="cannot be written") as caught:
            checkpoints.save(tmp_path, state)
        assert not re.search(r"\{\{|\[Op|part-0|/\.", str(caught.value))
        assert "No space left on device" in str(caught.value)
        return str(caught.value)

    with monkeypatch.context() as patch:
        patch.setattr(tf.train.Checkpoint, "write", no_room)
        assert "there is no earlier one" in save()
    checkpoints.save(tmp_path, state)
    state.step.assign(7)
    with monkeypatch.context() as patch:
        patch.setattr(tf.train.Checkpoint, "write", no_room)
        assert "step_00000000 is whole" in save()

    def no_more(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(files, "write_ledger", no_more)
        assert "step_00000000 is whole" in save()


@pytest.mark.parametrize("free", [True, False])
def test_a_data_folder_that_cannot_be_used_leads_to_another(
    free, tmp_path, monkeypatch
):
    if free:
        monkeypatch.setattr(files.os, "access", lambda *_: False)
    else:
        room = mnist.shutil.disk_usage(tmp_path)._replace(free=10)
        monkeypatch.setattr(mnist.shutil, "disk_usage", lambda _: room)
    with pytest.raises(OSError, match="no data set can be kept there") as caught:
        mnist.prepare_mnist(tmp_path / "data")
    assert "--data-dir" in str(caught.value) and "by hand" not in str(caught.value)


def test_a_data_folder_that_is_a_file_is_named(tmp_path):
    (tmp_path / "data").write_text("")
    with pytest.raises(OSError, match=r"data is a file, not a folder.*--data-dir"):
        mnist.prepare_mnist(tmp_path / "data")


def test_files_by_hand_may_have_any_names(tmp_path, four_files, monkeypatch):
    monkeypatch.setattr(mnist, "SOURCES", [mnist.from_hand])
    names = "train-images.idx3-ubyte", "labels", "t10k (1).bin", "box/deep/t10k-labels"
    place = tmp_path / mnist.HAND_FOLDER
    (place / "box" / "deep").mkdir(parents=True)
    for name, raw in zip(names, four_files.values(), strict=True):
        (place / name).write_bytes(mnist.gzip.compress(raw) if "1" in name else raw)
    (place / "notes.txt").write_text("mine")
    (place / "train-images-idx3-ubyte").write_text("a wrong one of the right name")
    assert mnist.prepare_mnist(tmp_path) == tmp_path
    assert (tmp_path / "mnist" / mnist.VERSION).is_dir()


def test_what_lies_in_the_folder_is_listed(tmp_path, four_files, monkeypatch):
    monkeypatch.setattr(mnist, "SOURCES", [mnist.from_hand])
    four_files.pop("t10k-labels-idx1-ubyte")
    put(four_files, tmp_path / mnist.HAND_FOLDER)
    (tmp_path / mnist.HAND_FOLDER / "half.gz").write_bytes(b"\x1f\x8bhalf")
    with pytest.raises(OSError, match=r"there is no t10k-labels-idx1-ubyte, under any"):
        mnist.prepare_mnist(tmp_path)
    with pytest.raises(OSError, match=r"there: half\.gz, t10k-images-idx3-ubyte, tr"):
        mnist.prepare_mnist(tmp_path)


@pytest.mark.parametrize("name", ["B\udcc3\udca4r", "\udcff"])
def test_letters_that_tensorflow_cannot_read_are_told_before_training(name, tmp_path):
    """As Python reads them where the locale is plain: PYTHONUTF8=0 LC_ALL=C."""
    for work in (partial(training.train, SMALL), mnist.prepare_mnist):
        with pytest.raises(OSError, match=r"no text here.*PYTHONUTF8=1"):
            work(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_drawings_may_lie_in_a_folder_with_any_letters(tmp_path, robot):
    place = tmp_path / "B\udcc3\udca4r"
    assert main(["draw", robot, "--count=2", f"--out={place}/x.npy"]) == 0
    assert main(["draw", robot, "--count=2", f"--out={place}/x.png"]) == 0
    assert len(list(place.iterdir())) == 2


def test_an_export_that_tensorflow_writes_needs_letters(tmp_path):
    generator = sampling.load_generator(sampling.PRETRAINED)
    with pytest.raises(OSError, match="no text here"):
        export.export(generator, "saved_model", tmp_path / "\udcff")
    assert not list(tmp_path.iterdir())


def test_closed_streams_do_no_harm(robot, tmp_path, monkeypatch):
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, None)
    assert main(["draw", robot, "--count=2", f"--out={tmp_path / 'x.npy'}"]) == 0
    assert main(["draw", robot, "--count=0", f"--out={tmp_path / 'x.npy'}"]) == 2
    assert np.load(tmp_path / "x.npy").shape == (2, 64, 64, 1)


@pytest.mark.parametrize("closed", [[1], [2], [0, 1, 2]])
def test_no_file_takes_the_place_of_a_closed_stream(closed, tmp_path):
    """Else, what compiled code says to a stream would land in that file."""
    code = (
        "import os, sys; from mnistgan.engine.machine import open_streams;"
        "open_streams(); place = os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY);"
        "print('said'); print('said', file=sys.stderr);"
        "os.write(place, str(place).encode())"
    )

    def close():
        for number in closed:
            os.close(number)

    command = [sys.executable, "-c", code, str(tmp_path / "file")]
    assert subprocess.run(command, preexec_fn=close).returncode == 0
    assert int((tmp_path / "file").read_text()) > 2


def broken_pipe():
    reading, writing = os.pipe()
    os.close(reading)
    return writing


def test_settings_may_be_read_half(monkeypatch, capfd):
    """As `head -1` does, which hangs up after a line."""
    with open(broken_pipe(), "w") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        assert main(["settings", "--preset=smoke"]) == 141
    assert not capfd.readouterr().err


def test_help_may_be_read_half():
    command, pipe = [sys.executable, "-m", "mnistgan", "--help"], broken_pipe()
    ended = subprocess.run(command, stdout=pipe, stderr=subprocess.PIPE, text=True)
    os.close(pipe)
    assert ended.returncode in (0, 141) and not ended.stderr


def test_what_the_terminal_cannot_show_is_told_all_the_same(monkeypatch):
    plain = io.TextIOWrapper(io.BytesIO(), "ascii")
    monkeypatch.setattr(sys, "stdout", plain)
    machine.open_streams()
    print("Fréchet, ✔, B\udcc3\udca4r")
    plain.flush()
    assert plain.buffer.getvalue() == "Fr?chet, ?, Bär\n".encode()
