"""Drawing, walking, and the pictures that are kept."""

import os

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from mnistgan import checks, plots, sampling
from mnistgan.engine import files
from mnistgan.models import build_discriminator, build_generator
from mnistgan.sampling import draw, interpolate, load_generator, make_noise


@pytest.fixture(scope="module")
def generator():
    return build_generator(8, 2)


def test_a_seed_always_gives_the_same_noise(generator):
    assert np.array_equal(make_noise(generator, 5, 3), make_noise(generator, 5, 3))
    assert np.array_equal(make_noise(generator, 9, 3)[:5], make_noise(generator, 5, 3))
    assert not np.array_equal(make_noise(generator, 5, 4), make_noise(generator, 5, 3))


def test_noise_is_standard_normal(generator):
    noise = make_noise(generator, 2000).numpy()
    assert abs(noise.mean()) < 0.03 and abs(noise.std() - 1) < 0.03


@pytest.mark.parametrize("count, seed", [(0, 0), (-3, 0), (1, -1)])
def test_impossible_noise_is_named(generator, count, seed):
    with pytest.raises(ValueError, match=r"(count|seed) is .*; it must be"):
        make_noise(generator, count, seed)


def test_a_picture_does_not_depend_on_its_company(generator):
    noise = make_noise(generator, 600)  # more than are drawn at once
    together = draw(generator, noise)
    assert together.shape == (600, 64, 64, 1) and together.dtype == np.uint8
    alone = draw(generator, noise[555:556])
    assert np.abs(together[555].astype(int) - alone[0]).max() <= 1  # rounding


@pytest.mark.parametrize("shape", [(3, 9), (8,), (0, 8), (2, 2, 8)])
def test_noise_of_another_shape_is_named(generator, shape):
    with pytest.raises(ValueError, match=r"it must be \(count, 8\)"):
        draw(generator, tf.zeros(shape))


def test_a_walk_keeps_its_ends_and_its_distance_from_zero():
    start, end = tf.random.stateless_normal((2, 64), seed=(1, 2))
    way = interpolate(start, end, 9)
    assert way.shape == (9, 64)
    assert np.allclose(way[0], start, atol=1e-5) and np.allclose(
        way[-1], end, atol=1e-5
    )
    lengths = tf.norm(way, axis=1)
    assert float(tf.reduce_min(lengths)) > 0.9 * min(lengths[0], lengths[-1])
    assert np.allclose(interpolate(start, start, 3), [start] * 3)


def test_noise_of_numpys_own_kind_is_welcome(generator):
    """NumPy rolls float64 where nobody says otherwise."""
    noise = np.random.default_rng(0).standard_normal((2, 8))
    way = interpolate(tf.constant(noise[0]), noise[1], 3)
    assert way.dtype == tf.float32 and np.allclose(way[0], noise[0], atol=1e-5)
    drawn = draw(generator, tf.constant(noise))
    assert np.array_equal(drawn, draw(generator, noise.astype("float32")))


@pytest.mark.parametrize("start, end", [(0, 1), (1, 0), (0, 0)])
def test_a_walk_from_or_to_zero_is_straight(start, end):
    way = interpolate(tf.fill(8, float(start)), tf.fill(8, float(end)), 5)
    line = np.linspace(start, end, 5)[:, None]
    assert np.allclose(way, np.repeat(line, 8, axis=1))


def test_impossible_walks_are_named():
    with pytest.raises(ValueError, match="steps is 1"):
        interpolate(tf.ones(8), tf.zeros(8), 1)
    with pytest.raises(ValueError, match="must be alike"):
        interpolate(tf.ones(8), tf.ones(9), 5)


def test_what_is_not_a_generator_is_named(tmp_path):
    with pytest.raises(OSError, match=r"no file .*nothing\.keras"):
        load_generator(tmp_path / "nothing.keras")
    (tmp_path / "text.keras").write_text("I am not a robot")
    with pytest.raises(ValueError, match=r"text\.keras is not a readable"):
        load_generator(tmp_path / "text.keras")
    build_discriminator(2).save(tmp_path / "detective.keras")
    with pytest.raises(ValueError, match=r"detective\.keras is not a generator"):
        load_generator(tmp_path / "detective.keras")


@pytest.mark.trained
def test_without_a_robot_of_your_own_the_pretrained_one_draws(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("MNISTGAN_RUNS", str(tmp_path))
    assert sampling.PRETRAINED.stat().st_size <= 2_000_000
    generator = sampling.trained_generator()
    assert "comes with the course" in capsys.readouterr().out
    checks.draws_digits(generator)


def test_a_grid_is_filled_row_by_row():
    images = np.full((5, 64, 64, 1), 1, "uint8") * np.arange(1, 6)[:, None, None, None]
    grid = plots.tile(images.astype("uint8"), columns=3)
    assert grid.shape == (2 * 66 - 2, 3 * 66 - 2)
    assert (grid[0, 0], grid[0, 66], grid[0, 132]) == (1, 2, 3)
    assert (grid[66, 0], grid[66, 66], grid[66, 132]) == (4, 5, 0)


def test_a_grid_keeps_its_colours():
    reds = np.zeros((3, 8, 8, 3), "uint8")
    reds[..., 0] = 200
    grid = plots.tile(reds, columns=2, gap=1)
    assert grid.shape == (17, 17, 3)
    assert grid[0, 0].tolist() == [200, 0, 0] and not grid[9:, 9:].any()


@pytest.mark.parametrize(
    "images, columns",
    [
        (np.zeros((0, 64, 64, 1), "uint8"), 8),
        (np.full((2, 64, 64, 1), 1.5, "float32"), 8),
        (np.zeros((2, 64, 64, 2), "uint8"), 8),
        (np.zeros((64, 64, 1), "uint8"), 8),
        (np.zeros((2, 64, 64, 1), "uint8"), 0),
    ],
)
def test_what_makes_no_grid_is_named(images, columns):
    with pytest.raises(ValueError, match=r"it must be|1 or 3 channels"):
        plots.tile(images, columns)


def test_a_film_plays_every_frame_for_ever(tmp_path):
    frames = [np.full((10, 10), grey, "uint8") for grey in (0, 90, 180, 255)]
    plots.save_film(frames, tmp_path / "film.gif")
    with pytest.raises(ValueError, match="all of one size"):
        shapes = (64, 128), (128, 64)  # as many pixels, but not the same
        plots.save_film([np.zeros(x, np.uint8) for x in shapes], tmp_path / "x.gif")
    film = Image.open(tmp_path / "film.gif")
    assert film.n_frames == 4 and film.info["loop"] == 0
    with pytest.raises(ValueError, match="at least one frame"):
        plots.save_film([], tmp_path / "empty.gif")


@pytest.mark.skipif(
    not os.path.exists("/proc/self/fd"), reason="only Linux counts open files there"
)
def test_frames_leave_no_file_open(tmp_path):
    paths = [tmp_path / f"step_{number}.png" for number in range(20)]
    for grey, path in enumerate(paths):
        plots.save_grid(np.full((1, 8, 8, 1), grey, "uint8"), path)
    before = len(os.listdir("/proc/self/fd"))
    frames = plots.read_frames(paths)
    assert len(os.listdir("/proc/self/fd")) == before
    assert [frame.getpixel((0, 0)) for frame in frames] == list(range(20))


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "kept.txt"
    path.write_text("the old text")
    with pytest.raises(RuntimeError):
        with files.atomic_write(path) as aside:
            aside.write_text("half of the n")
            raise RuntimeError("power cut")
    assert path.read_text() == "the old text"
    assert list(tmp_path.iterdir()) == [path]
    with files.atomic_write(path) as aside:
        aside.write_text("the new text")
    assert path.read_text() == "the new text"
    assert list(tmp_path.iterdir()) == [path]
