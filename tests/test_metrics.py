"""The formulas of the judge: beside reference implementations, and on known answers."""

import numpy as np
import prdc
import pytest
import scipy.linalg

from mnistgan import metrics

SPREAD = np.linspace(0.5, 2, 8, dtype="float32")


def cloud(count, seed, shift=0.0):
    """Rows from one bell-shaped cloud: wider in some directions than in others."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal((count, 8), "float32") * SPREAD + np.float32(shift)


def test_frechet_agrees_with_scipy():
    a, b = cloud(500, 0), cloud(400, 1, shift=0.3)
    mean = np.sum((a.mean(0) - b.mean(0)) ** 2)
    a_cov, b_cov = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    cross = scipy.linalg.sqrtm(a_cov @ b_cov).real
    expected = mean + np.trace(a_cov + b_cov - 2 * cross)
    assert metrics.frechet_distance(a, b) == pytest.approx(expected, rel=1e-6)


def test_frechet_of_shifted_bells_is_the_shift_squared():
    a = cloud(500, 0)
    assert metrics.frechet_distance(a, a) == pytest.approx(0, abs=1e-9)
    assert metrics.frechet_distance(a, a + 2) == pytest.approx(8 * 2**2, rel=1e-5)


@pytest.mark.parametrize("shift", [0.0, 0.5, 3.0])
def test_neighbourhoods_agree_with_prdc(shift, monkeypatch):
    monkeypatch.setattr(metrics, "PART", 64)  # several parts, the last one short
    real, fake = cloud(300, 0), cloud(250, 1, shift)
    expected = prdc.compute_prdc(real, fake, nearest_k=metrics.NEIGHBOURS)
    assert metrics.neighbourhoods(real, fake) == pytest.approx(expected, abs=1e-6)


def test_a_set_is_close_to_itself_and_far_from_elsewhere():
    real = cloud(200, 0)
    for name, value in metrics.neighbourhoods(real, real).items():
        # Density counts the ball's own centre and its five neighbours but the last.
        assert value == pytest.approx(1, abs=0.01), name
    assert set(metrics.neighbourhoods(real, real + 100).values()) == {0}


def test_the_same_picture_again_and_again_covers_next_to_nothing():
    real = cloud(200, 0)
    same = np.repeat(real[:1], 200, axis=0)
    found = metrics.neighbourhoods(real, same)
    assert found["precision"] == 1 and found["recall"] == 0
    assert found["coverage"] < 0.1


def test_a_missing_half_costs_half_of_the_coverage():
    real = np.concatenate([cloud(200, 0), cloud(200, 1, shift=50)])
    found = metrics.neighbourhoods(real, cloud(400, 2))
    assert 0.4 < found["coverage"] <= 0.5 and 0.4 < found["recall"] <= 0.5
    assert found["precision"] > 0.9


def test_too_few_pictures_are_refused():
    with pytest.raises(ValueError, match="5 real and 200 drawn"):
        metrics.neighbourhoods(cloud(5, 0), cloud(200, 1))


def test_the_nearest_of_an_album_is_found(monkeypatch):
    monkeypatch.setattr(metrics, "PART", 64)
    digits64 = cloud(500, 0)
    which, far = metrics.nearest(digits64[100:300] + 0.01, digits64)
    assert np.array_equal(which, np.arange(100, 300))
    assert far == pytest.approx(8**0.5 * 0.01, rel=0.1)


def test_kl_from_uniform_knows_the_two_ends():
    assert metrics.kl_from_uniform(np.full(10, 7)) == pytest.approx(0)
    assert metrics.kl_from_uniform(np.eye(10)[3]) == pytest.approx(np.log(10))


def wave(fineness, height=64):
    """Pictures of a wave with so many cycles per pixel, `(2, height, 64)`."""
    columns = np.cos(2 * np.pi * fineness * np.arange(64))
    return np.tile(columns, (2, height, 1))


def test_a_wave_has_its_power_where_it_is_as_fine():
    edges = np.array([0.05, 0.2, 0.3, 0.45, 0.6])
    for ring, fineness in enumerate([0.125, 0.25, 0.375, 0.5]):
        for images in (wave(fineness), wave(fineness).swapaxes(1, 2)):
            power = metrics.power_spectrum(images, edges)
            assert np.delete(power, ring).max() < 1e-6 * power[ring]
    assert metrics.power_spectrum(3 * wave(0.25), edges) == pytest.approx(
        9 * metrics.power_spectrum(wave(0.25), edges), abs=1e-6
    )


def test_rows_of_other_lengths_are_not_compared():
    for measure in (metrics.nearest, metrics.neighbourhoods):
        with pytest.raises(ValueError, match=r"rows of \d and of \d numbers"):
            measure(*(np.zeros((9, n), np.float32) for n in (7, 4)))


def test_the_spectrum_holds_all_the_power_there_is():
    """Parseval: as much in the waves as in the pixels."""
    images = np.random.default_rng(0).normal(size=(3, 64, 64))
    (mean,) = metrics.power_spectrum(images, np.array([0, 1]))
    assert mean == pytest.approx(np.sum(images**2) / 3)


def test_blur_lacks_detail_and_specks_have_too_much(digits64):
    half, others = digits64[:1000], digits64[1000:]
    real = metrics.band_powers(half)
    assert real.shape == (1, 3)
    for value in metrics.detail(others, real).values():
        assert value == pytest.approx(1, abs=0.15)
    blurred = (others[:, 1:] // 2 + others[:, :-1] // 2)[:, :, :63]
    assert metrics.detail(blurred, real)["power_35_50"] < 0.7
    checkered = np.indices((64, 64)).sum(0)[..., None] % 2 == 0
    specks = np.maximum(others, 8 * checkered.astype("uint8"))
    assert metrics.detail(specks, real)["power_50_75"] > 20


def test_of_several_channels_the_worst_counts(digits64):
    real = np.repeat(digits64[:200], 3, axis=-1)
    powers, drawn = metrics.band_powers(real), real.copy()
    assert metrics.detail(drawn, powers) == pytest.approx(
        dict.fromkeys(metrics.BANDS, 1)
    )
    drawn[..., 1] //= 2  # a quarter of the power
    for value in metrics.detail(drawn, powers).values():
        assert value == pytest.approx(0.25, abs=0.02)
