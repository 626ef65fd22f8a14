"""Model files from strangers: nothing in them runs."""

import importlib.util
import io
import json
import os
import subprocess
import sys
import zipfile

import h5py
import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from mnistgan.engine import legacy_layers, model_io
from mnistgan.evaluation import build_judge
from mnistgan.models import build_discriminator, build_generator
from mnistgan.projects.attribute_classifier import build_attribute_classifier
from mnistgan.projects.conditional import (
    build_conditional_discriminator,
    build_conditional_generator,
)
from mnistgan.projects.flow import build_flow_generator, build_velocity
from mnistgan.projects.melody import build_chorale_rnn
from mnistgan.projects.vae import build_encoder
from mnistgan.sampling import PRETRAINED, load_generator, make_noise


def rewritten(path, change):
    """A copy of a model file whose description was changed."""
    other = path.with_name("other.keras")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(other, "w") as new:
        for entry in old.namelist():
            raw = old.read(entry)
            if entry == "config.json":
                raw = json.dumps(change(json.loads(raw)))
            new.writestr(entry, raw)
    return other


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "robot.keras"
    model_io.save_model(build_generator(8, 2), path)
    return path


def test_what_was_saved_comes_back(model):
    noise = tf.ones((2, 8))
    again = load_generator(model)
    assert again(noise).shape == (2, 64, 64, 1)
    assert again.layers[-1].dtype_policy.name == "float32"


def test_a_lambda_layer_is_refused(tmp_path):
    noise = keras.Input((8,))
    wild = keras.layers.Lambda(lambda x: __import__("os").system("true") or x)
    keras.Model(noise, wild(noise)).save(tmp_path / "wild.keras")
    with pytest.raises(ValueError, match=r"wild\.keras .*Lambda.*foreign code"):
        model_io.load_model(tmp_path / "wild.keras")


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "system"),
        ("builtins", "function"),
        ("keras.utils", "get_file"),
        ("keras.layers", "TFSMLayer"),
        ("keras.layers", "deserialize"),
        ("keras.initializers", "get"),
        ("mnistgan.layers", "modern"),
        ("tests.evil", "Dense"),
        (None, "Dense"),
        (["keras"], "Functional"),
        ("keras.layers", ["Dense"]),
    ],
)
def test_foreign_code_is_refused(model, module, name):
    def change(config):
        wild = {"module": module, "class_name": name, "config": {"arguments": ["true"]}}
        config["config"]["layers"][1]["config"]["kernel_initializer"] = wild
        return config

    with pytest.raises(ValueError, match=r"other\.keras is not a readable"):
        model_io.load_model(rewritten(model, change))


def test_what_every_object_has_is_no_class_of_a_module():
    assert not model_io.is_known({"module": "evil", "class_name": "__class__"})


def test_a_custom_registered_class_is_refused(tmp_path):
    @keras.utils.register_keras_serializable("stranger")
    class Wild(keras.layers.Layer):
        def call(self, x):
            return x

    noise = keras.Input((8,))
    keras.Model(noise, Wild()(noise)).save(tmp_path / "wild.keras")
    with pytest.raises(ValueError, match=r"Wild, which could run foreign code"):
        model_io.load_model(tmp_path / "wild.keras")


def test_a_file_that_would_fill_the_memory_is_refused(tmp_path):
    path = tmp_path / "bomb.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("model.weights.h5", "w", force_zip64=True) as entry:
            for _ in range(501):
                entry.write(bytes(1_000_000))
    assert path.stat().st_size < 1_000_000
    with pytest.raises(ValueError, match="501,000,000 bytes"):
        model_io.load_model(path)


def test_the_old_format_is_refused(tmp_path):
    with h5py.File(tmp_path / "old.keras", "w") as old:
        old.attrs["model_config"] = "{}"
    with pytest.raises(ValueError, match=r"old\.keras is not a readable"):
        model_io.load_model(tmp_path / "old.keras")


def test_weights_of_another_model_are_refused(model, tmp_path):
    buffer = io.BytesIO()
    other = tmp_path / "detective.keras"
    build_discriminator(2).save(other)
    with zipfile.ZipFile(other) as archive:
        weights = archive.read("model.weights.h5")
    with zipfile.ZipFile(model) as old, zipfile.ZipFile(buffer, "w") as new:
        new.writestr("metadata.json", old.read("metadata.json"))
        new.writestr("config.json", old.read("config.json"))
        new.writestr("model.weights.h5", weights)
    (tmp_path / "mixed.keras").write_bytes(buffer.getvalue())
    with pytest.raises(ValueError, match=r"mixed\.keras is not a readable"):
        model_io.load_model(tmp_path / "mixed.keras")


OPEN = """
import json, sys
import keras, numpy as np
model = keras.models.load_model(sys.argv[1])  # in Keras' safe mode
pictures = model(np.load(sys.argv[2]), training=False)
np.save(sys.argv[3], keras.ops.convert_to_numpy(pictures))
print([name for name in sys.modules if name.startswith("mnistgan")])
"""


@pytest.mark.parametrize("backend", ["tensorflow", "torch", "jax"])
def test_a_saved_robot_opens_and_draws_without_the_course(tmp_path, backend):
    if not importlib.util.find_spec(backend):
        pytest.skip(f"{backend} is not installed; the extra `bench` brings it")
    generator = load_generator(PRETRAINED)
    noise = make_noise(generator, 64).numpy()
    np.save(tmp_path / "noise.npy", noise)
    for number, robot in enumerate((generator, loud(build_generator()))):
        path, drawn = tmp_path / "robot.keras", tmp_path / f"{number}.npy"
        model_io.save_model(robot, path)
        words = [path, tmp_path / "noise.npy", drawn]
        ran = subprocess.run(
            [sys.executable, "-c", OPEN, *map(str, words)],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "KERAS_BACKEND": backend},
        )
        assert ran.stdout.strip().endswith("[]"), ran.stderr
        assert np.abs(np.load(drawn) - robot(noise, training=False)).max() < 1e-4


def loud(model):
    """Gives an untrained model weights that nobody could take for zeros."""
    for weight in model.weights:
        spread = 1.0 if "variance" in weight.path else 0.0
        weight.assign(spread + tf.abs(tf.random.normal(weight.shape, stddev=0.1)))
    return model


def test_a_saved_model_suits_older_keras(model, tmp_path):
    """Of what is new since Keras 3.10, nothing is in the files that does not matter."""
    own = keras.Input((8, 8, 4))
    x = keras.layers.MultiHeadAttention(1, 4)(own, own)
    x = keras.layers.Conv2DTranspose(1, 4, kernel_initializer="he_normal")(x)
    own = keras.Model(own, keras.layers.Dense(2)(x))
    for number, robot in enumerate((own, build_judge(), build_chorale_rnn())):
        model_io.save_model(robot, tmp_path / f"{number}.keras")
    for path in (model, PRETRAINED, *tmp_path.glob("?.keras")):
        with zipfile.ZipFile(path) as archive:
            description = archive.read("config.json").decode()
        assert not [name for name in model_io.UNUSED if f'"{name}"' in description]
        assert "mnistgan" not in description


def old_layer(layer):
    """What stood for a layer in version 0.1."""
    if isinstance(layer, keras.layers.GaussianNoise):
        return legacy_layers.Fog(layer.stddev, name=layer.name)
    kinds = {
        keras.layers.BatchNormalization: legacy_layers.BatchNorm,
        keras.layers.Conv2DTranspose: legacy_layers.ConvTranspose,
    }
    return kinds.get(type(layer), type(layer)).from_config(layer.get_config())


@pytest.mark.parametrize(
    "build", [lambda: build_generator(8, 2), lambda: build_discriminator(2)]
)
def test_a_robot_of_version_0_1_still_opens(build, tmp_path):
    """It holds the course's own layers, from where they were then."""
    robot = loud(build())
    old = keras.models.clone_model(robot, clone_function=old_layer)
    old.set_weights(robot.get_weights()[: len(old.get_weights())])
    old.save(tmp_path / "old.keras")

    def older(config):
        text = json.dumps(config).replace(legacy_layers.__name__, "mnistgan.layers")
        assert "mnistgan>BatchNorm" in text
        return json.loads(text)

    again = model_io.load_model(rewritten(tmp_path / "old.keras", older))
    assert {type(x).__module__.split(".")[0] for x in again.layers} == {"keras"}
    inputs = tf.random.normal((4, *robot.input_shape[1:]))
    drawn = [model(inputs, training=False) for model in (again, robot)]
    np.testing.assert_allclose(*drawn, atol=1e-6)


def test_missing_weights_are_not_made_up(model):
    other = model.with_name("poor.keras")
    with zipfile.ZipFile(model) as old, zipfile.ZipFile(other, "w") as new:
        raw = io.BytesIO(old.read("model.weights.h5"))
        with h5py.File(raw, "r+") as weights:
            del weights["layers/dense"]
        for entry in ("metadata.json", "config.json"):
            new.writestr(entry, old.read(entry))
        new.writestr("model.weights.h5", raw.getvalue())
    with pytest.raises(ValueError, match=r"poor\.keras is not a readable"):
        model_io.load_model(other)


@pytest.mark.parametrize("name", ["robot.h5", "robot.hdf5", "robot.KERAS", "robot"])
def test_only_one_ending_is_opened(model, tmp_path, name):
    """Keras reads an `.h5` file in the old way, even where a good ZIP hangs behind."""
    noise = keras.Input((8,))
    keras.Model(noise, keras.layers.Dense(1)(noise)).save(tmp_path / "wild.h5")
    other = tmp_path / name
    other.write_bytes((tmp_path / "wild.h5").read_bytes() + model.read_bytes())
    with pytest.raises(ValueError, match=rf"{name} does not end in \.keras"):
        model_io.load_model(other)


def test_layers_that_open_files_are_refused(tmp_path):
    (tmp_path / "words.txt").write_text("mine\n")
    word = keras.Input((1,), dtype="string")
    wild = keras.layers.StringLookup(vocabulary=str(tmp_path / "words.txt"))
    keras.Model(word, wild(word)).save(tmp_path / "wild.keras")
    with pytest.raises(ValueError, match=r"StringLookup, which could .*open files"):
        model_io.load_model(tmp_path / "wild.keras")


def test_every_layer_that_is_let_in_exists():
    for name in model_io.LAYERS:
        assert issubclass(getattr(keras.layers, name), keras.layers.Layer)


@pytest.mark.parametrize(
    "build",
    [
        build_generator,
        build_discriminator,
        lambda: build_conditional_generator(8, 3, 2, hidden=16),
        lambda: build_conditional_discriminator(3, 2),
        lambda: build_encoder(8, 2),
        lambda: build_flow_generator(build_velocity(4), 2),
        build_judge,
        build_attribute_classifier,
    ],
)
def test_every_model_of_the_course_is_let_in(build, tmp_path):
    model = build()
    model_io.save_model(model, tmp_path / "robot.keras")
    again = model_io.load_model(tmp_path / "robot.keras")
    assert again.count_params() == model.count_params()


def test_layers_that_only_calculate_may_be_yours(tmp_path):
    noise = keras.Input((8,))
    x = keras.layers.Dense(64, kernel_regularizer=keras.regularizers.L2(1e-4))(noise)
    x = keras.layers.UpSampling2D(8)(keras.layers.Reshape((8, 8, 1))(x))
    keras.Model(noise, keras.layers.Activation("tanh")(x)).save(tmp_path / "own.keras")
    assert load_generator(tmp_path / "own.keras").input_shape == (None, 8)
