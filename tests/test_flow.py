"""Flow matching: the way, the guide, the walk, and its place in the engine."""

import dataclasses
import functools
import os
import signal

import numpy as np
import pytest
import tensorflow as tf
from scipy.fft import dctn
from tensorflow import keras

from mnistgan import data, latent, projects, training
from mnistgan.engine.accelerate import accelerate
from mnistgan.engine.keras_state import own_keras
from mnistgan.projects import flow
from mnistgan.sampling import draw, load_generator, make_noise
from mnistgan.settings import choose_settings
from mnistgan.widgets.explore import Explorer


@pytest.fixture(scope="module")
def velocity():
    """A guide that is small and untrained, but has something to say."""
    keras.utils.set_random_seed(0)
    guide = flow.build_velocity(8)
    for weight in guide.trainable_variables:
        weight.assign(tf.random.normal(weight.shape, stddev=0.2))
    return guide


@pytest.fixture(scope="module")
def generator(velocity):
    return flow.build_flow_generator(velocity, steps=2)


@pytest.fixture(scope="module")
def fog():
    return tf.random.stateless_normal((6, 28, 28, 1), seed=(0, 0))


WISHES = tf.one_hot([0, 1, 2, 3, 4, 5], 10)


def test_the_way_is_straight_and_ends_at_the_picture(fog):
    pictures = tf.random.stateless_uniform(fog.shape, (1, 0), -1, 1)
    for time in (0.0, 0.3, 1.0):
        here, there = flow.straight_path(pictures, fog, tf.fill((6, 1), time))
        assert np.allclose(here + (1 - time) * there, pictures, atol=1e-5)
        assert np.allclose(here - time * there, fog, atol=1e-5)


def test_points_are_what_was_enlarged(digits):
    points = flow.to_points(data.to_float(data.prepare_all(digits[:64])))
    assert np.abs(points - data.to_float(digits[:64])).max() < 0.03


def test_an_untrained_guide_stays_where_it_is(fog):
    guide = flow.build_velocity(8)
    assert not np.any(guide([fog, tf.zeros((6, 1)), WISHES], training=False))
    drawn = draw(flow.build_flow_generator(guide), tf.reshape(fog, (6, 784)))
    wanted = data.prepare_all(data.to_uint8(fog).numpy())
    assert np.abs(drawn.astype(int) - wanted).max() <= 1


def test_a_guide_listens_to_fog_time_and_label(velocity, fog):
    usual = velocity([fog, tf.fill((6, 1), 0.5), WISHES], training=False)
    for other in (
        [fog[::-1], tf.fill((6, 1), 0.5), WISHES],
        [fog, tf.fill((6, 1), 0.6), WISHES],
        [fog, tf.fill((6, 1), 0.5), WISHES[::-1]],
    ):
        assert np.abs(velocity(other, training=False) - usual).max() > 1e-3


def test_guidance_does_more_of_what_the_label_changes(velocity, fog):
    time, nothing = tf.fill((6, 1), 0.4), tf.zeros_like(WISHES)
    asked = velocity([fog, time, WISHES], training=False)
    unasked = velocity([fog, time, nothing], training=False)
    for guidance in (0.0, 1.0, 3.0):
        guided = flow.guide(velocity, guidance)([fog, time, WISHES], training=False)
        assert np.allclose(guided, unasked + guidance * (asked - unasked), atol=1e-4)


def test_a_walk_with_the_true_velocity_ends_at_the_picture(fog):
    """However few its steps: a straight way needs one."""
    picture = tf.random.stateless_uniform(fog.shape, (1, 0), -1, 1)

    def knows(inputs, training):
        here, time, _ = inputs
        return (picture - here) / (1 - tf.reshape(time, (-1, 1, 1, 1)))

    for steps in (1, 7):
        way = flow.walk(knows, fog, WISHES, steps)
        assert len(way) == steps + 1 and np.allclose(way[-1], picture, atol=1e-4)
        assert np.array_equal(way[0], fog)


def test_the_generator_is_a_walk_by_the_midpoint_method(velocity, generator, fog):
    guided, here = flow.guide(velocity), fog
    for step in range(2):
        start, middle = (tf.fill((6, 1), (step + part) / 2) for part in (0.0, 0.5))
        half = here + guided([here, start, WISHES], training=False) / 4
        here = here + guided([half, middle, WISHES], training=False) / 2
    wanted = data.prepare_image(data.to_uint8(here))
    found = generator([tf.reshape(fog, (6, 784)), WISHES], training=False)
    assert found.shape == (6, 64, 64, 1) and np.abs(found).max() <= 1
    assert np.abs(found - wanted).max() < 0.02


def test_the_generator_is_made_of_plain_layers(generator, tmp_path):
    generator.save(tmp_path / "robot.keras")
    again = keras.models.load_model(tmp_path / "robot.keras")
    noise = make_noise(generator, 6)
    assert np.abs(draw(again, noise).astype(int) - draw(generator, noise)).max() <= 1


def batch_of(digits64, count):
    """Pictures and labels, noise and labels, for a step."""
    pictures = data.to_float(digits64[:count])
    labels = tf.one_hot(np.arange(count) % 10, 10)
    noise = tf.random.stateless_normal((count, 786), seed=(3, 0))
    return [pictures, labels], [noise, labels]


def test_the_step_teaches_the_guide_in_the_generator(digits64):
    keras.utils.set_random_seed(0)
    settings = choose_settings("smoke", "flow")
    generator, guide = flow.build_flow_networks(settings)
    before = [x.numpy() for x in generator.trainable_variables]
    step = flow.make_flow_step(generator, guide, keras.optimizers.Adam(3e-3), None)
    batch = batch_of(digits64, 32)
    found = [[float(x) for x in step(*batch)] for _ in range(40)]
    errors = [sum(row[:2]) for row in found]
    assert errors[-1] < 0.5 * errors[0]
    ink, paper = found[-1][2:]
    assert ink > paper, "it should see ink where there is ink"
    for old, new in zip(before, generator.trainable_variables, strict=True):
        assert not np.array_equal(old, new), new.path


def test_the_step_forgets_one_label_in_ten(digits64):
    """So the network must have seen rows without a label, and rows with one."""
    seen = []

    class Guide:
        trainable_variables = (tf.Variable(tf.zeros((28, 28, 1))),)

        def __call__(self, inputs, training):
            assert training
            seen.append(inputs[2])
            return inputs[0] * 0 + self.trainable_variables[0]

    optimizer = keras.optimizers.SGD()
    optimizer.build = optimizer.apply = lambda *_: None
    step = flow.make_flow_step(None, Guide(), optimizer, None)
    step.python_function(*batch_of(digits64, 500))
    told = np.sum(seen[0], axis=1)
    assert set(told) == {0, 1} and 0.05 < np.mean(told == 0) < 0.16


def test_quick_layers_give_the_same_velocity(velocity, fog):
    asked = [fog, tf.fill((6, 1), 0.5), WISHES]
    plain, quick = (x(asked, training=False) for x in (velocity, accelerate(velocity)))
    assert np.allclose(plain, quick, atol=1e-4)


def test_mixed_precision_draws_in_float32():
    with own_keras(dtype_policy="mixed_bfloat16"):
        generator, _ = flow.build_flow_networks(choose_settings("smoke", "flow"))
    labels = tf.one_hot([1], 10)
    drawn = generator([make_noise(generator, 1), labels], training=False)
    assert drawn.dtype == tf.float32 and drawn.shape == (1, 64, 64, 1)


@pytest.fixture(scope="module", autouse=True)
def short():
    """Robots of runs walk one step: that is drawn sooner."""
    with pytest.MonkeyPatch.context() as patch:
        build = functools.partial(flow.build_flow_generator, steps=1)
        patch.setattr(flow, "build_flow_generator", build)
        yield


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    settings = choose_settings(
        "smoke", "flow", epochs=1, pictures=1280, batch_size=16, generator_width=4
    )
    return training.train(settings, tmp_path_factory.mktemp("flow")), settings


def test_a_run_resumes_as_if_it_had_not_stopped(finished, tmp_path, monkeypatch):
    run, settings = finished
    real, calls = training.make_whole_step, []

    def stops(*given):
        step = real(*given)

        def counted(*batch):
            calls.append(0)
            if len(calls) == 9:
                os.kill(os.getpid(), signal.SIGINT)
            return step(*batch)

        return counted

    monkeypatch.setattr(training, "make_whole_step", stops)
    stopped = training.train(settings, tmp_path)
    assert not stopped.finished and stopped.step >= 9
    again = training.train(settings, tmp_path)
    assert again.finished
    one, two = (load_generator(x.folder / "generator.keras") for x in (run, again))
    for first, second in zip(one.variables, two.variables, strict=True):
        assert np.array_equal(first, second), first.path


def test_a_run_leaves_the_guide_beside_the_generator(finished):
    run, _ = finished
    names = {path.name for path in run.folder.glob("*.keras")}
    assert names == {"generator.keras", "velocity.keras"}
    guide = keras.models.load_model(run.folder / "velocity.keras")
    assert guide.output_shape == (None, 28, 28, 1)


def test_its_noise_has_as_many_numbers_as_the_picture_has_points():
    settings = dataclasses.replace(choose_settings("smoke", "flow"), noise_dim=32)
    with pytest.raises(ValueError, match="noise_dim is 32"):
        projects.check_fits(settings)


def test_knobs_are_waves_the_widest_first(generator):
    knobs = latent.find_waves(generator, 9)
    assert np.allclose(knobs.vectors @ knobs.vectors.T, np.eye(9), atol=1e-5)
    spectra = np.abs([dctn(x.reshape(28, 28), norm="ortho") for x in knobs.vectors])
    places = [np.unravel_index(x.argmax(), x.shape) for x in spectra]
    assert places[0] == (0, 0) and set(places[1:3]) == {(0, 1), (1, 0)}
    far = [np.hypot(*place) for place in places]
    assert far == sorted(far) and np.allclose(spectra.max((1, 2)), 1, atol=1e-5)
    assert latent.usual_directions(generator).names == knobs.names[:6]


def test_an_explorer_turns_its_knobs_and_asks(generator):
    explorer = Explorer(generator, latent.usual_directions(generator))
    before = explorer.picture.value
    explorer.sliders[1].value = 3.0
    turned = explorer.picture.value
    explorer.label.value = 7
    assert len({before, turned, explorer.picture.value}) == 3
