"""Bad input gets a sentence that names it, never a traceback from inside TensorFlow.

Every case ends in a right answer, or in a ValueError or OSError that was raised by the
course itself, and whose words name the argument or the value.
"""

import dataclasses
import math
import os
import string
import traceback
import types
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

import mnistgan
from mnistgan import (
    __main__,
    data,
    evaluation,
    latent,
    metrics,
    models,
    photos,
    plots,
    projects,
    sampling,
    training,
)
from mnistgan.datasets import chorales, faces, image_folder
from mnistgan.engine import runs
from mnistgan.engine.valid import grey_levels, shown
from mnistgan.projects import anomaly, conditional, vae
from mnistgan.settings import Settings, choose_settings
from mnistgan.widgets import explore

PACKAGE = str(Path(mnistgan.__file__).parent)
QUICK = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)

GENERATOR = models.build_generator(8, 2)
ASKED = conditional.build_conditional_generator(8, 3, 2)
ENCODER = vae.build_encoder(8, 2)
DIGITS = np.zeros((8, 64, 64, 1), np.uint8)
FACES = np.zeros((70, 64, 64, 3), np.uint8)
ROWS = np.random.default_rng(0).random((20, 4))

NUMBERS = [-1, 2**70, 1.5, math.nan, -math.inf, "3", None, [1], {}, b"1", 3j]
ARRAYS = [
    np.zeros(0),
    np.zeros((2, 3, 4, 5, 6)),
    np.full((8, 64, 64, 1), np.nan),
    np.zeros((8, 64, 64, 7), np.uint8),
    np.zeros((8, 64, 64, 1), complex),
    np.array(["a"]),
    np.array([None]),
    "pictures",
    None,
    7,
    [[1, 2], [3]],
]
PATHS = ["", "a\0b", b"\xff\xfe", 5, None, 1.5, ["a"]]
FILES = ["/nonexistent/nothing", os.devnull, "/proc/nothing/here", "\udcff.keras"]

FUNCTIONS = {
    "noise_dim": (lambda x: choose_settings(noise_dim=x), NUMBERS),
    "width": (lambda x: choose_settings(generator_width=x), NUMBERS),
    "channels": (lambda x: choose_settings(channels=x), NUMBERS),
    "classes": (lambda x: choose_settings(classes=x), NUMBERS),
    "hidden": (lambda x: choose_settings(hidden=x), NUMBERS),
    "detective": (lambda x: choose_settings(discriminator_width=x), NUMBERS),
    "noise_std": (lambda x: choose_settings(noise_std=x), NUMBERS),
    "project": (lambda x: choose_settings(project=x), ["cats", 5, None, ["vae"]]),
    "count": (lambda x: sampling.make_noise(GENERATOR, x), NUMBERS),
    "seed": (lambda x: sampling.make_noise(GENERATOR, 2, x), NUMBERS),
    "noise": (lambda x: sampling.draw(GENERATOR, x), ARRAYS),
    "wishes": (
        lambda x: sampling.draw(ASKED, np.zeros((2, 8), "float32"), x),
        [-1, 3, 1.5, "3", [1], [1, 2, 3], {}, [0, 7]],
    ),
    "steps": (lambda x: sampling.interpolate(tf.ones(8), tf.ones(8), x), NUMBERS),
    "start": (lambda x: sampling.interpolate(x, tf.ones(8), 4), ARRAYS),
    "tile": (lambda x: plots.tile(x), ARRAYS),
    "columns": (lambda x: plots.tile(DIGITS, x), NUMBERS),
    "grid path": (lambda x: plots.save_grid(DIGITS, x), [*PATHS, *FILES]),
    "film path": (lambda x: plots.save_film([DIGITS[0, ..., 0]], x), [*PATHS, *FILES]),
    "film": (lambda x: plots.save_film(x, "x.gif"), ARRAYS),
    "model path": (sampling.load_generator, [*PATHS, *FILES]),
    "images": (data.prepare_all, ARRAYS),
    "labels": (data.one_hot, [*ARRAYS, np.array([10]), np.array([-1])]),
    "deck": (lambda x: data.make_dataset(x, 4, 0), [*ARRAYS[:3], *ARRAYS[4:]]),
    "batch_size": (lambda x: data.make_dataset(DIGITS, x, 0), [*NUMBERS, 0, 9]),
    "deck seed": (lambda x: data.make_dataset(DIGITS, 4, x), NUMBERS),
    "split": (
        data.load_mnist,
        ["nothing", "train[", "train[:x]", 5, None, "", b"test"],
    ),
    "data_dir": (lambda x: data.load_mnist("test[:5]", x), [os.devnull, *PATHS[1:4]]),
    "neighbourhoods": (lambda x: metrics.neighbourhoods(x, ROWS), ARRAYS),
    "nearest": (lambda x: metrics.nearest(x, ROWS), ARRAYS),
    "counts": (metrics.kl_from_uniform, [*ARRAYS, [-1, 2], [0, 0]]),
    "wheel": (plots.plot_wheel, [*ARRAYS, [-1, 2], [0, 0]]),
    "shrink": (evaluation.shrink, ARRAYS),
    "picture": (lambda x: latent.find_noise(GENERATOR, x), ARRAYS),
    "search": (lambda x: latent.find_noise(GENERATOR, DIGITS[0], x), NUMBERS),
    "knobs path": (lambda x: latent.load_directions(x, 8), [*PATHS, *FILES[:1]]),
    "statistics": (latent.measure, ARRAYS),
    "own drawing": (photos.prepare_drawing, [*ARRAYS, *PATHS, *FILES]),
    "pixels": (lambda x: explore.make_painter(GENERATOR, x), NUMBERS),
    "own picture": (image_folder.read_picture, [*PATHS, *FILES]),
    "own folder": (image_folder.load_folder, [*PATHS, *FILES]),
    "faces": (faces.load_faces, ["nothing", "train[", 5, None]),
    "blends": (lambda x: faces.blend_faces(x, 3), [*ARRAYS, FACES[:9]]),
    "blend count": (lambda x: faces.blend_faces(FACES, x), NUMBERS),
    "rolls": (chorales.read_rolls, ARRAYS),
    "own pictures": (lambda x: projects.check_own(x, Settings()), ARRAYS),
    "auroc": (lambda x: anomaly.auroc(x, np.array([0, 1])), [*ARRAYS, np.zeros(3)]),
    "misfit": (lambda x: anomaly.pca_error(x, DIGITS), ARRAYS),
    "digit": (lambda x: anomaly.is_anomaly(np.arange(10), x, "only"), [*NUMBERS, 10]),
    "protocol": (
        lambda x: anomaly.is_anomaly(np.arange(10), 3, x),
        [5, None, "none", ""],
    ),
    "text": (
        lambda x: conditional.write(ASKED, x),
        ["12a", "", None, 12, "½", "9" * 999],
    ),
    "elbo": (lambda x: vae.elbo(GENERATOR, ENCODER, x), ARRAYS),
    "samples": (
        lambda x: vae.elbo(GENERATOR, ENCODER, DIGITS[:, :28, :28], x),
        NUMBERS,
    ),
    "diary": (runs.read_history, PATHS),
    "scores": (runs.read_scores, PATHS),
    "trouble": (lambda x: training.Options(on_divergence=x), ["pray", 5, None]),
    "strategy": (lambda x: training.Options(strategy=x), ["pray", 5, None]),
    "diaries": (lambda x: training.train(loggers=x), [["paper"], [5], [None]]),
}
CASES = [(name, value) for name, (_, values) in FUNCTIONS.items() for value in values]


def assert_refused(call, value=None):
    """The call fails with a sentence of the course's own."""
    try:
        call()
    except (ValueError, OSError) as error:
        frames = traceback.extract_tb(error.__traceback__)
        said = str(error)
        assert frames[-1].filename.startswith(PACKAGE) or isinstance(error, OSError), (
            f"it comes from {frames[-1].filename}: {said}"
        )
        assert "Traceback" not in said and len(said) > 10
        return said
    raise AssertionError(f"{shown(value)} was accepted")


def test_there_are_enough_cases():
    assert len(CASES) >= 400


@pytest.mark.parametrize(
    ("name", "value"), CASES, ids=[f"{name}-{shown(value)}" for name, value in CASES]
)
def test_a_bad_argument_is_refused_in_a_sentence(name, value, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert_refused(lambda: FUNCTIONS[name][0](value), value)
    assert not list(tmp_path.iterdir()), "it left something behind"


ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.binary(max_size=3),
    st.lists(st.integers(), max_size=2),
)
FIELDS = [field.name for field in dataclasses.fields(Settings)]


@QUICK
@given(st.sampled_from(FIELDS), ANYTHING)
def test_any_setting_is_right_or_refused_by_name(name, value):
    try:
        chosen = choose_settings("quick", **({name: value} if name != "preset" else {}))
    except (ValueError, OSError) as error:
        assert name in str(error) or "batch_size" in str(error)
    else:
        assert name == "preset" or getattr(chosen, name) == value


OPTIONS = [f"--{name.replace('_', '-')}" for name in FIELDS if name != "preset"]


@QUICK
@given(
    st.sampled_from(["settings", "train", "draw", "judge"]),
    st.sampled_from(
        [*OPTIONS, "--model", "--count", "--loggers", "--diary", "--nothing"]
    ),
    st.text(string.printable, max_size=6),
)
def test_any_option_of_the_command_line_gives_an_exit_code(command, option, value):
    """Nothing is trained or drawn: the folder for the runs is a file."""
    given_ = [command, f"{option}={value}", "--preset=quick"][
        : 3 if command in "settings train" else 2
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MNISTGAN_RUNS", os.devnull)
        try:
            code = __main__.main(given_)
        except SystemExit as error:
            code = error.code
    assert code in (0, 2)


NOISE = arrays.arrays(
    st.sampled_from([np.float32, np.float64, np.int32, np.uint8, np.bool_]),
    arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=9),
)


@QUICK
@given(NOISE)
def test_any_noise_is_drawn_or_refused(noise):
    fits = noise.ndim == 2 and noise.shape[1] == 8 and len(noise)
    if fits and np.isfinite(noise).all():
        drawn = sampling.draw(GENERATOR, noise)
        assert drawn.shape == (len(noise), 64, 64, 1) and drawn.dtype == np.uint8
    else:
        assert_refused(lambda: sampling.draw(GENERATOR, noise), noise)


@QUICK
@given(
    arrays.arrays(
        st.sampled_from([np.uint8, np.float32, np.int64]),
        arrays.array_shapes(min_dims=1, max_dims=5, min_side=0, max_side=4),
    ),
    st.integers(-3, 5),
)
def test_any_pictures_are_tiled_or_refused(images, columns):
    fits = images.ndim == 4 and images.shape[3:] in [(1,), (3,)]
    fits = fits and grey_levels(images) is not None
    if fits and images.size and columns > 0:
        assert plots.tile(images, columns).dtype == np.uint8
    else:
        assert_refused(lambda: plots.tile(images, columns), images)


@QUICK
@given(st.binary(max_size=300), st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"GIF89a"]))
def test_any_bytes_are_a_picture_or_refused(tmp_path_factory, body, magic):
    path = tmp_path_factory.mktemp("bytes") / "picture"
    path.write_bytes(magic + body)
    assert_refused(lambda: sampling.load_generator(path))
    assert_refused(lambda: photos.prepare_drawing(path))
    with pytest.raises((OSError, ValueError, SyntaxError)):
        image_folder.read_picture(path)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "CMYK", "I;16", "LAB"])
def test_pictures_of_every_mode_can_be_copied_from(mode, tmp_path):
    digit = np.zeros((90, 70), np.uint8)
    digit[20:70, 30:40] = 255
    picture = Image.fromarray(digit)
    if mode == "I;16":
        picture = Image.fromarray(digit.astype(np.uint16) * 257)
    elif mode != "LAB":
        picture = picture.convert(mode)
    else:
        picture = Image.merge("LAB", [picture] * 3)
    picture.save(tmp_path / "digit.tiff")
    drawn = photos.prepare_drawing(tmp_path / "digit.tiff")
    assert drawn.shape == (64, 64, 1) and drawn.max() > 200


def striped(*shape):
    """Pictures with black and white and greys, which every range can hold exactly."""
    levels = np.random.default_rng(0).choice(np.uint8([0, 0, 0, 51, 204, 255]), shape)
    levels[..., 0, 0, :] = 0
    return levels


GREY = striped(8, 64, 64, 1)
EIGHT = types.SimpleNamespace(
    pictures=8, channels=1, classes=0, project="own", judged=0
)
TAKES_PICTURES = {  # the function, and the pictures that it takes
    "prepare_all": (data.prepare_all, GREY[:, :28, :28]),
    "tile": (plots.tile, GREY),
    "a list": (lambda x: plots.tile(list(x)), GREY),
    "to_png": (lambda x: plots.to_png(x[0]), GREY),
    "measure": (latent.measure, GREY),
    "shrink": (evaluation.shrink, GREY),
    "negative_elbo": (lambda x: anomaly.negative_elbo(GENERATOR, ENCODER, x), GREY),
    "anomalies": (lambda x: anomaly.make_anomalies(x)["upside down"], GREY),
    "elbo": (lambda x: vae.elbo(GENERATOR, ENCODER, x), GREY[:, :28, :28]),
    "find_noise": (lambda x: latent.find_noise(GENERATOR, x[0], 1)[1], GREY),
    "read_rolls": (chorales.read_rolls, GREY),
    "blend_faces": (lambda x: faces.blend_faces(x, 2), striped(70, 64, 64, 3)),
    "own pictures": (lambda x: projects.check_own(x, EIGHT), GREY),
    "prepare_drawing": (lambda x: photos.prepare_drawing(x[0]), GREY),
}


@pytest.mark.parametrize("name", TAKES_PICTURES)
def test_pictures_in_any_clear_range_are_the_same_pictures(name):
    function, levels = TAKES_PICTURES[name]
    wanted = function(levels)
    shares = levels / 255
    given_ = [shares, shares.astype("float32"), 2 * shares - 1, levels.astype("int64")]
    for pictures in [*given_, levels.astype(float), tf.constant(levels)]:
        found = function(pictures)
        assert str(found) == str(wanted), shown(pictures)
        if isinstance(found, np.ndarray):
            assert found.dtype == wanted.dtype and np.array_equal(found, wanted)


@pytest.mark.parametrize("name", TAKES_PICTURES)
def test_pictures_whose_range_is_not_clear_are_refused_by_it(name):
    function, levels = TAKES_PICTURES[name]
    for low, high in ((0, 1.5), (-0.25, 1), (0, 300), (-255, 255)):
        pictures = low + (high - low) * (levels / 255)
        said = assert_refused(lambda pictures=pictures: function(pictures), pictures)
        assert f"from {low:g} to {high:g}" in said
        assert "0…255, 0…1 or -1…1" in said


@pytest.mark.parametrize("function", [data.prepare_image, data.to_float])
def test_taught_functions_take_whole_numbers_only(function):
    for kind in ("float32", "float64", "bool"):
        with pytest.raises(ValueError, match=f"{kind} is no grey level"):
            function(np.zeros((2, 28, 28, 1), kind))
    exact = function(GREY[:2])
    assert np.array_equal(function(GREY[:2].astype("int64")), exact)
    assert np.array_equal(function(tf.constant(GREY[:2])), exact)


def test_names_that_are_not_utf8_work(tmp_path):
    folder = tmp_path / "B\udce4r"
    plots.save_grid(DIGITS, folder / "d\udcff.png")
    assert Image.open(folder / "d\udcff.png").size == (526, 64)
    plots.save_film([DIGITS[0, ..., 0]], folder / "f\udcff.gif")
