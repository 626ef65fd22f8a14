"""Measures, knobs, and the way from a picture back to its noise."""

import os
import shutil

import numpy as np
import pytest

from mnistgan import latent
from mnistgan.engine import model_io
from mnistgan.models import build_generator
from mnistgan.sampling import PRETRAINED, draw, load_generator, make_noise


@pytest.fixture(scope="module")
def generator():
    return load_generator(PRETRAINED)


@pytest.fixture(scope="module")
def directions(generator):
    return latent.find_directions(generator, count=8)


def bar(lean=0, thick=4, side=64):
    """A bar that leans by so many pixels to the right on its way up, 40 rows high."""
    picture = np.zeros((1, side, side, 1), np.uint8)
    for row in range(12, 52):
        left = round(30 + lean * (31.5 - row) / 40)
        picture[0, row, left : left + thick] = 255
    return picture


def test_the_measures_know_a_bar():
    upright, leaning = latent.measure(bar()), latent.measure(bar(lean=20))
    assert upright["ink"] == pytest.approx(100 * 40 * 4 / 64**2)
    assert upright["slant"] == pytest.approx(0, abs=0.1)
    assert leaning["slant"] == pytest.approx(np.degrees(np.arctan(20 / 40)), abs=1)
    assert upright["height"] == pytest.approx(4 * 40 / 12**0.5, rel=0.01)
    assert leaning["width"] > upright["width"]
    assert all(value == 0 for value in latent.measure(0 * bar()).values())


@pytest.mark.trained
def test_the_knobs_change_the_pictures_more_than_chance(generator, directions):
    assert directions.vectors.shape == (8, 32)
    assert np.allclose(np.linalg.norm(directions.vectors, axis=1), 1, atol=1e-5)
    noise = make_noise(generator, 100, seed=3)

    def change(direction):
        moved = draw(generator, noise + 2 * direction).astype(float)
        return np.abs(moved - draw(generator, noise)).mean()

    chance = make_noise(generator, 5, seed=9).numpy()
    chance /= np.linalg.norm(chance, axis=1, keepdims=True)
    assert change(directions.vectors[0]) > np.mean([change(c) for c in chance])
    slants = [abs(latent.effect(generator, k)["slant"]) for k in directions.vectors]
    assert max(slants) > 0.3  # standard deviations


@pytest.mark.trained
def test_the_same_knobs_are_found_again(generator, directions):
    again = latent.find_directions(generator, count=3)
    assert np.allclose(again.vectors, directions.vectors[:3], atol=1e-4)


@pytest.mark.parametrize("count", [0, -1, 33])
def test_an_impossible_number_of_knobs_is_named(generator, count):
    with pytest.raises(ValueError, match=f"count is {count}; it must be"):
        latent.find_directions(generator, count)


def test_named_knobs_are_kept(directions, tmp_path):
    named = directions.rename(knob_2="slant", knob_5="größe")
    shutil.copy(PRETRAINED, tmp_path / "generator.keras")
    file = latent.directions_file(tmp_path / "generator.keras")
    named.save(file)
    again = latent.load_directions(file, 32)
    assert again.names == named.names and again.names[1] == "slant"
    assert np.array_equal(again.vectors, directions.vectors)
    with pytest.raises(ValueError, match="there is no knob 'knob_2'"):
        named.rename(knob_2="again")
    with pytest.raises(ValueError, match="two knobs"):
        directions.rename(knob_1="slant", knob_2="slant")


def test_knobs_belong_to_a_robot_and_not_to_a_date(directions, tmp_path):
    robot = tmp_path / "generator.keras"
    shutil.copy(PRETRAINED, robot)
    directions.rename(knob_1="slant").save(latent.directions_file(robot))
    for date in (0, 2_000_000_000):  # the clock was set, or the robot copied
        os.utime(robot, (date, date))
        assert latent.saved_directions(robot, 32).names[0] == "slant"
    model_io.save_model(build_generator(), robot)  # another one takes its place
    os.utime(robot, (0, 0))
    assert latent.saved_directions(robot, 32) is None


def test_knobs_of_version_0_1_still_open(directions, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MNISTGAN_RUNS", str(tmp_path))
    robot, files = tmp_path / "generator.keras", []
    shutil.copy(PRETRAINED, robot)
    for name in ("digits", "generator"):
        files.append(tmp_path / f"{name}.knobs.json")
        directions.rename(knob_1="slant").save(files[-1])
        os.utime(files[-1], (0, 0))
    assert latent.saved_directions(PRETRAINED, 32).names[0] == "slant"
    assert latent.saved_directions(robot, 32) is None  # it is older than the robot
    new_name = latent.directions_file(robot).name
    assert f"rename it to {new_name}" in capsys.readouterr().out
    os.utime(robot, (0, 0))
    assert latent.saved_directions(robot, 32).names[0] == "slant"


@pytest.mark.parametrize("text", ["", "[1, 2]", '{"a": "b"}', '{"a": [1, 2]}', "{}"])
def test_a_damaged_file_of_knobs_is_named(tmp_path, text):
    file = tmp_path / "generator.knobs.json"
    file.write_text(text)
    with pytest.raises(ValueError, match="knobs"):
        latent.load_directions(file, 32)


@pytest.mark.trained
def test_the_noise_of_a_drawing_is_found_again(generator):
    picture = draw(generator, make_noise(generator, 1, seed=77))[0]
    noise, error = latent.find_noise(generator, picture, steps=80)
    again = draw(generator, noise[np.newaxis])[0]
    assert noise.shape == (32,)
    real = np.sqrt(np.mean((again.astype(float) - picture) ** 2))
    assert real == pytest.approx(error, rel=0.1)
    some = draw(generator, make_noise(generator, 50, seed=1)).astype(float)
    usual = np.sqrt(((some - picture) ** 2).mean((1, 2, 3))).min()
    assert error < usual / 2


def test_the_error_of_a_noise_is_that_of_what_it_draws(generator):
    picture = draw(generator, make_noise(generator, 1, seed=77))[0]
    noise, error = latent.find_noise(generator, picture, steps=1)
    again = draw(generator, noise[np.newaxis])[0]
    real = np.sqrt(np.mean((again.astype(float) - picture) ** 2))
    assert real == pytest.approx(error, rel=1e-3)


@pytest.mark.parametrize("shape, number", [((28, 28, 1), 0), ((64, 64, 1), 1.5)])
def test_a_picture_of_another_kind_is_named(shape, number):
    with pytest.raises(ValueError, match=r"cannot search for a picture|picture is"):
        latent.find_noise(build_generator(4, 1), np.full(shape, number))
