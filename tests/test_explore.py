"""The sliders, without a browser."""

import importlib
import io
import sys
import time

import numpy as np
import pytest
from patience import until
from PIL import Image

from mnistgan import latent
from mnistgan.sampling import PRETRAINED, draw, load_generator, make_noise
from mnistgan.widgets import explore


def test_a_kernel_without_ipywidgets_gets_a_sentence(monkeypatch):
    for name in ("explore", "canvas", "live", "parts"):
        monkeypatch.delitem(sys.modules, f"mnistgan.widgets.{name}", raising=False)
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    for name in ("explore", "canvas", "live"):
        with pytest.raises(
            ImportError, match=r"this needs more .* 'mnistgan\[notebooks\]'"
        ):
            importlib.import_module(f"mnistgan.widgets.{name}")


@pytest.fixture(scope="module")
def generator():
    return load_generator(PRETRAINED)


@pytest.fixture
def explorer(generator):
    return explore.Explorer(generator, seed=4)


def pixels(png):
    return np.array(Image.open(io.BytesIO(png)))


def test_the_picture_is_the_one_of_the_noise(generator, explorer):
    assert np.array_equal(explorer.noise, make_noise(generator, 1, 4)[0])
    small = Image.fromarray(pixels(explorer.picture.value)).resize((64, 64))
    wanted = draw(generator, explorer.noise[None])[0, ..., 0]
    assert np.abs(np.array(small).astype(int) - wanted).mean() < 8


def test_a_slider_changes_its_number_and_nothing_else(explorer):
    before = explorer.noise.copy()
    shown = explorer.picture.value
    explorer.sliders[2].value = 2.5
    changed = np.flatnonzero(~np.isclose(explorer.noise, before, atol=1e-5))
    assert changed.tolist() == [2] and explorer.noise[2] == pytest.approx(2.5)
    assert explorer.picture.value != shown


def test_other_numbers_can_be_picked(explorer):
    explorer.picker.value = (7, 30)
    assert [s.description for s in explorer.sliders] == ["number 7", "number 30"]
    assert explorer.sliders[1].value == pytest.approx(explorer.noise[30], abs=0.03)
    explorer.sliders[1].value = -1.0
    assert explorer.noise[30] == pytest.approx(-1.0, abs=1e-5)


def test_undo_takes_back_a_whole_drag_and_every_button(explorer):
    first, picture = explorer.noise.copy(), explorer.picture.value
    for value in (0.5, 1.0, 1.5):
        explorer.sliders[0].value = value
    explorer.zero.click()
    assert not explorer.noise.any() and all(s.value == 0 for s in explorer.sliders)
    explorer.surprise.click()
    assert explorer.noise.any()
    explorer.undo.click()
    assert not explorer.noise.any()
    explorer.undo.click()
    assert explorer.noise[0] == pytest.approx(1.5)
    explorer.undo.click()
    assert np.array_equal(explorer.noise, first) and explorer.picture.value == picture
    explorer.undo.click()  # there is nothing left to undo
    assert np.array_equal(explorer.noise, first)


def test_a_seed_leads_to_its_noise(generator, explorer):
    explorer.seed.value = 12
    assert np.array_equal(explorer.noise, make_noise(generator, 1, 12)[0])
    explorer.sliders[0].value = 1.0
    explorer.seed.value = 13
    explorer.undo.click()
    assert explorer.noise[0] == pytest.approx(1.0)


def test_knobs_move_along_their_directions(generator):
    directions = latent.find_directions(generator, 3).rename(knob_1="slant")
    explorer = explore.Explorer(generator, directions)
    assert explorer.sliders[0].description == "slant"
    before, start = explorer.noise.copy(), explorer.sliders[0].value
    target = start - 1.0 if start > 0 else start + 1.0
    explorer.sliders[0].value = target
    moved = explorer.noise - before
    along = directions.vectors[0] * (explorer.sliders[0].value - start)
    assert np.allclose(moved, along, atol=1e-4)


def test_sliders_stay_still_when_they_cannot_reach(generator):
    explorer = explore.Explorer(generator)
    far = np.full(32, 5.0, "float32")
    explorer.go_to(far)
    assert np.array_equal(explorer.noise, far)
    assert explorer.sliders[0].value == explore.REACH
    explorer.sliders[0].value = 1.0  # the others do not jump
    assert np.allclose(explorer.noise[1:], 5.0, atol=1e-5)


def test_the_map_follows_its_point(generator):
    vectors = latent.find_directions(generator, 2).vectors
    atlas = explore.MapExplorer(generator, vectors)
    middle, digit = pixels(atlas.map.value), atlas.picture.value
    atlas.x.value, atlas.y.value = explore.REACH, explore.REACH
    corner = pixels(atlas.map.value)
    assert middle.shape == corner.shape == (288, 288, 3)
    assert atlas.picture.value != digit
    yellow = (corner == [240, 228, 66]).all(axis=2)
    y, x = np.argwhere(yellow).mean(axis=0)
    assert x == pytest.approx(288 * 8.5 / 9, abs=2)  # the middle of the last column
    assert y == pytest.approx(288 * 0.5 / 9, abs=2)  # … and of the first row
    with pytest.raises(ValueError, match="2 directions, not 3"):
        explore.MapExplorer(generator, np.eye(3, 32))


def test_a_drag_is_live(explorer):
    def keeps_up():
        start = time.process_time()
        for value in np.linspace(-3, 3, 40):
            explorer.sliders[0].value = float(value)
        return (
            time.process_time() - start
        ) / 40 < 0.06  # seconds of a core; twice the promise

    until(keeps_up)
