"""The two robots, before any training."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from mnistgan import data
from mnistgan.engine.optimizers import Adam
from mnistgan.models import (
    build_discriminator,
    build_generator,
    discriminator_loss,
    generator_loss,
)
from mnistgan.sampling import make_noise


def norms(model):
    return [x for x in model.layers if isinstance(x, keras.layers.BatchNormalization)]


@pytest.mark.parametrize("noise_dim, width", [(32, 16), (1, 1), (100, 8)])
def test_the_generator_turns_noise_into_pictures(noise_dim, width):
    generator = build_generator(noise_dim, width)
    images = generator(make_noise(generator, 3), training=False)
    assert images.shape == (3, 64, 64, 1) and images.dtype == tf.float32
    assert float(tf.reduce_max(tf.abs(images))) <= 1.0


def test_the_picture_doubles_from_7_to_28_and_is_enlarged():
    sizes = [layer.output.shape[1] for layer in build_generator(8, 4).layers[13:]]
    assert sorted(set(sizes)) == [7, 14, 28, 64] and sizes == sorted(sizes)


def test_pictures_are_enlarged_as_the_digits_are():
    generator = build_generator(8, 4)
    drawing = keras.Model(generator.input, generator.layers[-2].output)
    noise = make_noise(generator, 3)
    small, large = (model(noise, training=True) for model in (drawing, generator))
    assert small.shape == (3, 28, 28, 1) and np.std(small) > 0.05
    expected = data.prepare_image(data.to_uint8(small))  # within half a grey level
    np.testing.assert_allclose(large, expected, atol=0.5 / 127.5 + 1e-5)


@pytest.mark.parametrize("width", [1, 16])
def test_the_discriminator_turns_pictures_into_logits(width):
    logits = build_discriminator(width)(tf.zeros((3, 64, 64, 1)), training=False)
    assert logits.shape == (3, 1) and logits.dtype == tf.float32


def test_both_have_batch_normalisation():
    assert len(norms(build_generator())) == 5
    assert len(norms(build_discriminator())) == 3


def test_the_noise_is_there_in_training_only(digits64):
    discriminator = build_discriminator(4, noise_std=0.5)
    images = tf.cast(digits64[:8], tf.float32) / 127.5 - 1.0
    first, second = (discriminator(images, training=False) for _ in range(2))
    assert np.array_equal(first, second)
    first, second = (discriminator(images, training=True) for _ in range(2))
    assert not np.array_equal(first, second)


def test_our_adam_goes_where_keras_goes():
    ends = []
    for kind in (Adam, keras.optimizers.Adam):
        fall = keras.optimizers.schedules.PolynomialDecay(0.1, 20, 0.01)
        weights = keras.Variable(tf.linspace(-1.0, 1.0, 12)), keras.Variable([[3.0]])
        adam = kind(fall, beta_1=0.5)
        adam.build(weights)
        for step in range(10):
            slopes = [tf.sin(w.value * (1 + step)) for w in weights]
            adam.apply(slopes)
        ends.append([w.numpy() for w in (*weights, *adam.variables)])
    for ours, theirs in zip(*ends, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("build", [build_generator, build_discriminator])
def test_saving_brings_back_the_same_network(build, tmp_path):
    model = build(width=4)
    inputs = tf.random.stateless_normal((3, *model.input_shape[1:]), seed=(1, 2))
    model(inputs, training=True)  # moves the statistics of the normalisation
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", compile=False)
    assert np.array_equal(model(inputs, training=False), again(inputs, training=False))


def test_the_statistics_move_in_training_and_not_in_drawing():
    generator = build_generator(width=4)
    noise = make_noise(generator, 16)

    def statistics():
        return np.concatenate([norm.moving_mean.numpy() for norm in norms(generator)])

    start = statistics()
    generator(noise, training=False)
    assert all(np.array_equal(a, b) for a, b in zip(start, statistics(), strict=True))
    generator(noise, training=True)
    assert not any(
        np.array_equal(a, b) for a, b in zip(start, statistics(), strict=True)
    )


def test_the_losses_are_cross_entropy():
    real, fake = (
        np.array([[2.0], [-1.0]], "float32"),
        np.array([[0.5], [-3.0]], "float32"),
    )

    def softplus(x):
        return np.log1p(np.exp(x)).mean()

    expected = softplus(-real) + softplus(fake)
    assert float(discriminator_loss(real, fake)) == pytest.approx(expected, rel=1e-5)
    assert float(generator_loss(fake)) == pytest.approx(softplus(-fake), rel=1e-5)
    coin = tf.zeros((4, 1))
    assert float(discriminator_loss(coin, coin)) == pytest.approx(2 * np.log(2))
