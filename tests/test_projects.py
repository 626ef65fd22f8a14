"""The projects that share the engine: labels, colours, a VAE, and odd things."""

import dataclasses
import os
import signal

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from tensorflow import keras

from mnistgan import data, evaluation, projects, training
from mnistgan.engine import loop
from mnistgan.engine.accelerate import accelerate
from mnistgan.latent import find_directions, find_noise
from mnistgan.models import build_discriminator, build_generator
from mnistgan.projects import anomaly, conditional, vae
from mnistgan.sampling import classes, draw, load_generator, make_noise, one_hot_labels
from mnistgan.settings import choose_settings
from mnistgan.site.studio import Studio
from mnistgan.widgets.explore import Explorer

SMALL = {"generator_width": 2, "discriminator_width": 2, "noise_dim": 8}


def small(project, steps=40, **changes):
    """Settings for a run of a second or two."""
    sizes = SMALL | {"epochs": 1, "batch_size": 32, "pictures": 32 * steps}
    return choose_settings("quick", project, **{**sizes, **changes})


@pytest.fixture(scope="module")
def asked_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("asked")
    return training.train(small("conditional"), folder)


@pytest.fixture(scope="module")
def asked_generator(asked_run):
    return load_generator(asked_run.folder / "generator.keras")


@pytest.fixture(scope="module")
def loud_generator():
    """One that can be asked, untrained, but whose drawings differ from each other."""
    keras.utils.set_random_seed(0)
    generator = conditional.build_conditional_generator(8, 10, 2)
    for weight in generator.trainable_variables:
        weight.assign(tf.random.normal(weight.shape))
    return generator


@pytest.fixture(scope="module")
def vae_run(tmp_path_factory):
    return training.train(small("vae", steps=150), tmp_path_factory.mktemp("vae"))


def test_the_robots_can_have_classes():
    generator = conditional.build_conditional_generator(8, 4, 2, hidden=1)
    labels = tf.one_hot([0, 3], 4)
    images = generator([make_noise(generator, 2), labels], training=False)
    assert images.shape == (2, 64, 64, 1)
    discriminator = conditional.build_conditional_discriminator(4, 2)
    assert discriminator([images, labels], training=False).shape == (2, 1)


def test_asking_is_more_noise_for_the_same_network():
    """The artist of notebook 02, whose last numbers are the labels."""
    asked = conditional.build_conditional_generator(8, 3, 2)
    plain = build_generator(11, 2, hidden=0)
    plain.set_weights(asked.get_weights())
    noise, labels = make_noise(asked, 4), tf.one_hot([0, 1, 2, 1], 3)
    drawn = asked([noise, labels], training=False)
    assert np.allclose(drawn, plain(tf.concat([noise, labels], 1), training=False))


def test_a_conditional_step_teaches_every_weight():
    robots = (
        conditional.build_conditional_generator(8, 3, 2),
        conditional.build_conditional_discriminator(3, 2),
    )
    adams = [keras.optimizers.Adam(1e-3) for _ in robots]
    step = conditional.make_conditional_step(*robots, *adams)
    before = [robot.get_weights() for robot in robots]
    labels = tf.one_hot(np.arange(16) % 3, 3)
    step([tf.zeros((16, 64, 64, 1)), labels], [tf.random.normal((16, 8)), labels])
    for old, robot in zip(before, robots, strict=True):
        weights = [w.path for w in robot.weights if "seed" not in w.path]
        moved = [np.any(a != b) for a, b in zip(old, robot.get_weights(), strict=False)]
        assert all(moved[: len(weights)]), weights


def test_labels_are_dealt_with_their_pictures():
    pictures = np.arange(50, dtype="uint8")[:, None, None, None]
    labels = data.one_hot(np.arange(50) % 10)
    for images, told_labels in data.make_dataset(pictures, 10, 3, labels):
        digits = images.numpy().ravel() % 10
        assert np.array_equal(told_labels.numpy().argmax(1), digits)


@pytest.mark.trained
def test_a_step_with_labels_teaches_the_artist_to_listen():
    """Zeros have a hole where ones have ink: soon it draws what was asked for.

    An artist that does not listen draws the same for both, so that `apart` is 0. The
    mean of two, each after 18 rounds: one of them, after 6, may be no better than that.
    """
    digits, known = data.load_mnist("train[:4000]")
    pictures = data.prepare_all(digits[known < 2][:640])
    labels = data.one_hot(known[known < 2][:640], 2)
    apart = []
    for seed in range(2):
        keras.utils.set_random_seed(seed)
        robots = (
            conditional.build_conditional_generator(4, 2, 4),
            conditional.build_conditional_discriminator(2, 4),
        )
        adams = (keras.optimizers.Adam(2e-3, beta_1=0.5) for _ in robots)
        step = conditional.make_conditional_step(*map(accelerate, robots), *adams)
        for epoch in range(18):
            for images, names in data.make_dataset(pictures, 32, epoch, labels):
                noise = tf.random.normal((32, 4))
                step([data.to_float(images), names], [noise, names])
        noise = make_noise(robots[0], 50)
        zero, one = (draw(robots[0], noise, n)[:, 24:40, 28:36].mean() for n in (0, 1))
        apart.append(one - zero)
    assert np.mean(apart) > 10  # grey levels


def test_wishes_are_granted_in_turn_or_as_asked(asked_generator):
    assert classes(asked_generator) == 10
    turn = one_hot_labels(asked_generator, 12).numpy().argmax(1)
    assert turn.tolist() == [*range(10), 0, 1]
    assert set(one_hot_labels(asked_generator, 3, 7).numpy().argmax(1)) == {7}
    assert one_hot_labels(build_generator(4, 1), 3) is None


@pytest.mark.parametrize("wanted", [10, -1, [1, 2], [0.5] * 3, "7", np.nan])
def test_impossible_wishes_are_refused(asked_generator, wanted):
    with pytest.raises(ValueError, match="cannot ask for"):
        one_hot_labels(asked_generator, 3, wanted)


def test_a_generator_without_labels_cannot_be_asked():
    generator = build_generator(4, 1)
    with pytest.raises(ValueError, match="without labels"):
        draw(generator, make_noise(generator, 1), 7)


def test_a_run_with_labels_resumes_and_draws(asked_run, asked_generator):
    assert asked_run.finished and asked_run.seconds > 0
    assert draw(asked_generator, make_noise(asked_generator, 3)).shape == (3, 64, 64, 1)
    again = training.train(small("conditional"), asked_run.folder)
    assert again.step == asked_run.step and again.history == asked_run.history


def test_explorer_and_website_offer_the_digits(loud_generator, tmp_path):
    generator = loud_generator
    explorer = Explorer(generator, find_directions(generator, 2))
    before = bytes(explorer.picture.value)
    explorer.label.value = 7
    assert bytes(explorer.picture.value) != before
    generator.save(tmp_path / "generator.keras")
    room = Studio(tmp_path / "generator.keras")
    assert room.classes == 10
    noise = room.noise(1, 1)
    assert room.picture(noise, 3) != room.picture(noise, 8)
    assert all(room.morph(1, 2)) and room.grid(0, 16, 5)


def test_a_picture_is_not_searched_for_where_a_wish_is_needed(asked_generator):
    with pytest.raises(ValueError, match="takes wishes"):
        find_noise(asked_generator, np.zeros((64, 64, 1), "uint8"))


def test_numbers_are_written_in_one_hand(loud_generator):
    page = conditional.write(loud_generator, "2 0-2", seed=3)
    assert page.shape == (64, 5 * 64, 1) and page.dtype == np.uint8
    first, gap, _, dash, last = np.split(page, 5, axis=1)
    assert np.array_equal(first, last) and not gap.any() and dash.any()
    other = conditional.write(loud_generator, "22", seed=3, one_hand=False)
    assert not np.array_equal(other[:, :64], other[:, 64:])


@pytest.mark.parametrize("text", ["", "seven", "1" * 65, "1\n2", "٣"])
def test_other_writing_is_refused(asked_generator, text):
    with pytest.raises(ValueError, match="cannot write"):
        conditional.write(asked_generator, text)


def test_only_a_robot_that_knows_digits_can_write():
    with pytest.raises(ValueError, match="--project conditional"):
        conditional.write(build_generator(4, 1), "7")


def test_obedience_is_counted(asked_generator):
    table = evaluation.class_agreement(
        evaluation.load_judge(), asked_generator, count=105
    )
    assert table.sum() == 105 and table.sum(axis=1).tolist() == [11] * 5 + [10] * 5
    with pytest.raises(ValueError, match="from 10, one of each digit"):
        evaluation.class_agreement(evaluation.load_judge(), asked_generator, count=9)


@pytest.mark.trained
def test_a_pupil_learns_from_real_digits_and_not_from_wrong_names():
    digits, labels = data.load_mnist("train[:2000]")
    pictures = data.prepare_all(digits)
    assert conditional.accuracy_after(pictures, labels) > 0.85
    assert conditional.accuracy_after(pictures, (labels + 1) % 10) < 0.1
    with pytest.raises(ValueError, match="a label for each"):
        conditional.accuracy_after(pictures, labels[:5])


def test_the_kl_divergence_is_that_of_the_formula():
    mean, log_variance = tf.constant([[0.0, 2.0]]), tf.constant([[0.0, 1.0]])
    by_hand = 0.5 * (np.e + 4 - 1 - 1)
    assert np.isclose(vae.kl_to_noise(mean, log_variance)[0], by_hand)
    assert vae.kl_to_noise(0 * mean, 0 * mean)[0] == 0


def test_the_likelihood_is_that_of_coins():
    half = tf.fill((2, 28, 28, 1), 0.5)
    white = tf.ones((2, 28, 28, 1))
    expected = -784 * np.log(2)
    assert np.allclose(vae.log_likelihood(white, half), expected)
    assert np.allclose(vae.log_likelihood(white, 0.9 * white), 784 * np.log(0.9))


@pytest.mark.trained
def test_a_vae_learns_and_keeps_both_robots(vae_run):
    first, last = vae_run.history[0], vae_run.history[-1]
    assert last["d_loss"] + last["g_loss"] < 0.9 * (first["d_loss"] + first["g_loss"])
    assert (vae_run.folder / "encoder.keras").exists()


def test_an_encoder_belongs_to_the_last_generator_only(tmp_path):
    """The best one may be older: together they would make a bound that is none's."""
    last, best = tmp_path / "generator.keras", tmp_path / "best.keras"
    assert vae.find_encoder(last) is None
    (tmp_path / "encoder.keras").touch()
    assert vae.find_encoder(last) == tmp_path / "encoder.keras"
    assert vae.find_encoder(best) is None


@pytest.mark.trained
def test_more_samples_give_a_tighter_bound(vae_run):
    generator = load_generator(vae_run.folder / "generator.keras")
    encoder = keras.models.load_model(vae_run.folder / "encoder.keras", compile=False)
    digits, _ = data.load_mnist("test[:100]")
    one, many = (vae.elbo(generator, encoder, digits, n) for n in (1, 20))
    assert -400 < one < many < 0
    assert vae.elbo(generator, encoder, digits) == one
    with pytest.raises(ValueError, match="samples is 0"):
        vae.elbo(generator, encoder, digits, samples=0)


def test_the_bound_of_a_model_that_is_known():
    """A decoder that ignores its numbers, an encoder that says nothing: exact."""
    generator = build_generator(4, 1)
    for weight in generator.trainable_variables:
        weight.assign(tf.zeros_like(weight))  # grey paper: every pixel is a fair coin
    encoder = vae.build_encoder(4, 1)
    for weight in encoder.trainable_variables:
        weight.assign(tf.zeros_like(weight))
    digits, _ = data.load_mnist("test[:20]")
    for samples in (1, 5):
        bound = vae.elbo(generator, encoder, digits, samples)
        assert np.isclose(bound, -784 * np.log(2), rtol=1e-4)


def test_own_pictures_are_taken_and_wrong_ones_refused(tmp_path):
    settings = small("digits", steps=2, channels=3)
    pictures = np.zeros((64, 64, 64, 3), "uint8")
    assert training.train(settings, tmp_path / "own", pictures=pictures).finished
    grey = pictures[..., :1]
    for wrong in (grey, pictures[:10], pictures + 1.5):
        with pytest.raises(ValueError, match="these settings need shape"):
            training.train(settings, tmp_path / "wrong", pictures=wrong)
    assert not (tmp_path / "wrong").exists()
    labelled = dataclasses.replace(settings, classes=10)
    with pytest.raises(ValueError, match="have no labels"):
        projects.check_own(pictures, labelled)


def test_who_is_odd():
    labels = np.array([3, 5, 3])
    assert anomaly.is_anomaly(labels, 3, "without").tolist() == [True, False, True]
    assert anomaly.is_anomaly(labels, 3, "only").tolist() == [False, True, False]
    for digit, protocol in ((10, "only"), (3, "among")):
        with pytest.raises(ValueError, match="it takes 0 to 9"):
            anomaly.is_anomaly(labels, digit, protocol)


def test_the_simple_rivals_find_strangers():
    digits, labels = data.load_mnist("train[:3000]")
    rows = evaluation.shrink(data.prepare_all(digits)).reshape(3000, -1)
    normal, strange = rows[labels == 0], labels[2000:] != 0
    for score in (anomaly.pca_error, anomaly.distance):
        found = score(normal[:150], rows[2000:])
        assert anomaly.auroc(found, strange) > 0.9
        assert np.isclose(
            anomaly.auroc(-found, strange), 1 - anomaly.auroc(found, strange)
        )


@pytest.mark.trained
def test_the_detectors_learn_what_is_normal(tmp_path, monkeypatch):
    """An untrained VAE is as surprised by what is normal as by anything."""
    monkeypatch.setenv("MNISTGAN_PRESET", "quick")
    digits, labels = data.load_mnist("train[:2000]")
    pictures = data.prepare_all(digits[labels == 1])
    generator, encoder, discriminator = anomaly.train_detectors(pictures, tmp_path, 40)
    nats = anomaly.negative_elbo(generator, encoder, pictures[:30])
    untrained = vae.build_vae_networks(choose_settings("quick", "vae"))
    assert nats.mean() < 0.7 * anomaly.negative_elbo(*untrained, pictures[:30]).mean()
    assert anomaly.feature_extractor(discriminator).output_shape == (None, 256)
    with pytest.raises(ValueError, match="at least 64"):
        anomaly.train_detectors(pictures[:5], tmp_path)


def test_noise_is_farther_than_any_digit():
    digits, labels = data.load_mnist("train[:2000]")
    pictures = data.prepare_all(digits[labels == 1])
    generator, encoder = vae.build_vae_networks(choose_settings("quick", "vae"))
    things, discriminator = anomaly.make_anomalies(pictures[:30]), build_discriminator()
    nats, odder = (
        anomaly.negative_elbo(generator, encoder, x)
        for x in (pictures[:30], things["noise"])
    )
    assert odder.min() > nats.max()
    near, far = (
        anomaly.knn_distance(discriminator, pictures, x)
        for x in (pictures[:30], things["noise"])
    )
    assert far.min() > near.max()
    assert (things["broken stroke"] <= pictures[:30]).all()


def test_clothes_are_odd_things_where_there_are_any(tmp_path):
    chance = np.random.default_rng(0)
    clothes = chance.integers(0, 256, (5, 28, 28, 1), np.uint8)
    numbered = enumerate(clothes)
    pair = {"image": tfds.features.Image(shape=(28, 28, 1)), "label": np.int64}
    tfds.dataset_builders.store_as_tfds_dataset(
        name="fashion_mnist",
        version="3.0.1",
        features=tfds.features.FeaturesDict(pair),
        split_datasets={"test": [(n, {"image": x, "label": 0}) for n, x in numbered]},
        data_dir=tmp_path,
    )
    digits = np.zeros((3, 64, 64, 1), "uint8")
    assert (
        anomaly.make_anomalies(digits, data_dir=tmp_path)["clothes"].shape
        == digits.shape
    )
    assert "clothes" not in anomaly.make_anomalies(digits, data_dir=tmp_path / "empty")


def test_a_watch_that_is_stopped_gives_no_half_trained_robots(tmp_path, monkeypatch):
    real = loop.summary

    def interrupted(*row):
        os.kill(os.getpid(), signal.SIGINT)
        return real(*row)

    monkeypatch.setattr(loop, "summary", interrupted)
    pictures = np.zeros((128, 64, 64, 1), "uint8")
    with pytest.raises(KeyboardInterrupt, match="the same call goes on"):
        anomaly.train_detectors(pictures, tmp_path, steps=4)
    assert not (tmp_path / "digits").exists()
    monkeypatch.setattr(loop, "summary", real)
    assert len(anomaly.train_detectors(pictures, tmp_path, steps=4)) == 3


@pytest.mark.parametrize(
    "project, changes, words",
    [
        ("digits", {"channels": 2}, "channels is 2; it must be 1"),
        ("cats", {}, "project is 'cats'"),
    ],
)
def test_settings_that_fit_no_project_are_refused(project, changes, words):
    with pytest.raises(ValueError, match=words):
        choose_settings("quick", project, **changes)
