"""Robots for other programs draw what Keras draws."""

import numpy as np
import pytest
import tensorflow as tf

from mnistgan import __main__ as command_line
from mnistgan.engine import export
from mnistgan.projects.conditional import build_conditional_generator
from mnistgan.projects.flow import build_flow_generator, build_velocity
from mnistgan.sampling import PRETRAINED, load_generator, make_noise

# LiteRT was TensorFlow Lite before, and TensorFlow still brings its interpreter.
pytestmark = pytest.mark.filterwarnings("ignore:.*tf.lite.Interpreter is deprecated")


@pytest.fixture(scope="module")
def drawn():
    """64 noises, and what the robot of the course draws from them."""
    generator = load_generator(PRETRAINED)
    noise = make_noise(generator, 64)
    return noise.numpy(), generator(noise, training=False).numpy()


def run(kind, path):
    """Exports the robot of the course, as a user does."""
    words = ["export", "--model", str(PRETRAINED), "--to", kind, "--out", str(path)]
    return command_line.main(words)


def test_onnx_draws_the_same(tmp_path, drawn):
    runtime = pytest.importorskip("onnxruntime")
    assert run("onnx", tmp_path / "robot.onnx") == 0
    session = runtime.InferenceSession(tmp_path / "robot.onnx")
    (pictures,) = session.run(None, {session.get_inputs()[0].name: drawn[0]})
    assert np.abs(pictures - drawn[1]).max() < 1e-4


def test_litert_draws_the_same(tmp_path, drawn):
    assert run("litert", tmp_path / "robot.tflite") == 0
    robot = tf.lite.Interpreter(model_path=str(tmp_path / "robot.tflite"))
    (into,), (out,) = robot.get_input_details(), robot.get_output_details()
    robot.resize_tensor_input(into["index"], drawn[0].shape)
    robot.allocate_tensors()
    robot.set_tensor(into["index"], drawn[0])
    robot.invoke()
    assert np.abs(robot.get_tensor(out["index"]) - drawn[1]).max() < 1e-4


def test_a_saved_model_draws_the_same_and_replaces_no_folder(tmp_path, drawn, capsys):
    folder = tmp_path / "robot"
    assert run("saved_model", folder) == 0
    robot = tf.saved_model.load(str(folder))
    assert np.abs(robot.serve(drawn[0]) - drawn[1]).max() < 1e-4
    before = sorted(folder.rglob("*"))
    assert run("saved_model", folder) == 2
    assert "is there already; choose a new folder" in capsys.readouterr().err
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize(
    "build",
    [
        lambda: build_conditional_generator(8, 10, 2),
        lambda: build_flow_generator(build_velocity(4), 2),
    ],
)
def test_a_robot_that_can_be_asked_can_be_exported(tmp_path, build):
    generator = build()
    export.export(generator, "saved_model", tmp_path / "robot")
    noise = make_noise(generator, 2).numpy()
    labels = np.eye(10, dtype="float32")[[3, 8]]
    robot = tf.saved_model.load(str(tmp_path / "robot"))
    wanted = generator([noise, labels], training=False)
    assert np.abs(robot.serve([noise, labels]) - wanted).max() < 1e-4


@pytest.mark.parametrize("kind, name", [("onnx", "a.tflite"), ("litert", "a")])
def test_another_ending_is_refused(tmp_path, capsys, kind, name):
    assert run(kind, tmp_path / name) == 2
    assert f"{name} must end in ." in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_what_is_missing_is_named(tmp_path, monkeypatch, capsys):
    def missing(*_, **__):
        raise ImportError("No module named 'tf2onnx'")

    monkeypatch.setattr("keras.Model.export", missing)
    assert run("onnx", tmp_path / "robot.onnx") == 2
    said = capsys.readouterr().err
    assert "tf2onnx" in said and "pip install 'mnistgan[export]'" in said
