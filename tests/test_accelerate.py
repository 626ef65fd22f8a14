"""The quick layers calculate what Keras' own do, with the same weights."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers

from mnistgan.data import to_float
from mnistgan.engine.accelerate import Quick, accelerate
from mnistgan.evaluation import build_judge
from mnistgan.models import build_discriminator, build_generator
from mnistgan.projects.attribute_classifier import build_attribute_classifier
from mnistgan.projects.conditional import (
    build_conditional_discriminator,
    build_conditional_generator,
)
from mnistgan.projects.faces import build_face_discriminator
from mnistgan.projects.vae import build_encoder
from mnistgan.training import make_train_step

MODELS = {
    "generator": lambda: build_generator(8, 2),
    "generator in colour": lambda: build_generator(8, 2, channels=3, hidden=0),
    "discriminator": lambda: build_discriminator(2, noise_std=0.0),
    "discriminator in colour": lambda: build_discriminator(2, 3, noise_std=0.0),
    "discriminator of faces": lambda: build_face_discriminator(2, noise_std=0.0),
    "conditional generator": lambda: build_conditional_generator(8, 3, 2),
    "conditional discriminator": lambda: build_conditional_discriminator(3, 2, 0.0),
    "encoder": lambda: build_encoder(8, 2),
}
each_model = pytest.mark.parametrize("name", MODELS)


def quick_layers(model):
    return [layer for layer in model.layers if isinstance(layer, Quick)]


def inputs_for(model, count=16):
    found = [tf.random.normal((count, *part.shape[1:])) for part in model.inputs]
    return found if len(found) > 1 else found[0]


def loud(model):
    """The same, with weights that nobody could take for zeros."""
    for weight in model.weights:
        spread = 1.0 if "variance" in weight.path else 0.0
        weight.assign(spread + tf.abs(tf.random.normal(weight.shape, stddev=0.1)))
    return model


@each_model
def test_outputs_gradients_and_memory_agree(name):
    """To 0.01% of the largest number of each array: rounding."""
    keras.utils.set_random_seed(1)
    plain = loud(MODELS[name]())
    quick, before = accelerate(plain), plain.get_weights()
    assert quick_layers(quick) and not quick_layers(plain)
    inputs, found = inputs_for(plain), []
    # What each output counts for, by chance: a loss whose parts cancel out would leave
    # gradients that are rounding alone.
    shares = tf.random.normal(plain(inputs, training=False).shape)
    for model in (plain, quick):
        plain.set_weights(before)
        with tf.GradientTape() as tape:
            outputs = model(inputs, training=True)
            loss = tf.reduce_mean(shares * outputs)
        gradients = tape.gradient(loss, plain.trainable_variables)
        memory = [weight.numpy() for weight in plain.non_trainable_variables]
        drawn = model(inputs, training=False)
        found.append([outputs, *gradients, *memory, drawn])
    for one, other in zip(*found, strict=True):
        one, other = np.asarray(one), np.asarray(other)
        np.testing.assert_allclose(other, one, rtol=0, atol=1e-4 * abs(one).max())


@each_model
def test_the_weights_are_shared(name):
    plain = MODELS[name]()
    quick = accelerate(plain)
    assert [id(x) for x in quick.variables] == [id(x) for x in plain.variables]
    assert quick.name == plain.name


@each_model
def test_every_model_can_be_cloned_and_summed_up(name):
    plain = MODELS[name]()
    for model in (plain, accelerate(plain)):
        copy = keras.models.clone_model(model)
        copy.summary(print_fn=lambda line, **_: None)
        assert copy.count_params() == plain.count_params()


@pytest.mark.parametrize("build", [build_judge, build_attribute_classifier])
def test_other_models_of_the_course_can_be_cloned_too(build):
    model = build()
    assert keras.models.clone_model(model).count_params() == model.count_params()


def play(digits64, make_quick, steps=20):
    """Twenty steps on real digits; what they returned, and all weights."""
    keras.utils.set_random_seed(0)
    robots = build_generator(8, 4), build_discriminator(4, noise_std=0.0)
    adams = [keras.optimizers.Adam(2e-4, beta_1=0.5) for _ in robots]
    step = make_train_step(*map(make_quick, robots), *adams)
    losses = []
    for number in range(steps):
        real_images = to_float(digits64[16 * number : 16 * (number + 1)])
        noise = tf.random.stateless_normal((16, 8), seed=(0, number))
        losses.append([float(loss) for loss in step(real_images, noise)[:2]])
    return np.array(losses), [w for robot in robots for w in robot.get_weights()]


def test_twenty_steps_agree(digits64):
    """Rounding grows from step to step: of four seeds, to 0.3% to 1.3% in twenty."""
    plain, plain_weights = play(digits64, lambda robot: robot)
    quick, quick_weights = play(digits64, accelerate)
    np.testing.assert_allclose(quick[:3], plain[:3], rtol=1e-4)
    np.testing.assert_allclose(quick, plain, rtol=0.05)
    moved = sum(np.square(w).sum() for w in plain_weights)
    apart = sum(
        np.square(w - v).sum()
        for w, v in zip(plain_weights, quick_weights, strict=True)
    )
    assert apart < 1e-3 * moved


@pytest.mark.parametrize("shape", [(64, 4, 4, 3), (5, 2, 6, 1), (64, 3)])
def test_batch_normalisation_of_any_shape(shape):
    x = 3.0 * tf.random.stateless_normal(shape, seed=(1, 2)) + 2.0
    image = keras.Input(shape[1:])
    norm = layers.BatchNormalization(momentum=0.9)
    plain = keras.Model(image, norm(image))
    quick, before, found = accelerate(plain), plain.get_weights(), []
    for model in (plain, quick):
        plain.set_weights(before)
        y = model(x, training=True)
        found.append([y, norm.moving_mean.numpy(), norm.moving_variance.numpy()])
    for pair in zip(*found, strict=True):
        np.testing.assert_allclose(*pair, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("size", [(8, 8), (3, 7)])
@pytest.mark.parametrize("filters", [1, 3])
def test_transposed_convolutions_of_any_size(size, filters):
    image = keras.Input((*size, 5))
    layer = layers.Conv2DTranspose(filters, 4, 2, "same")
    plain = loud(keras.Model(image, layer(image)))
    quick = accelerate(plain)
    assert quick_layers(quick)
    x = tf.random.stateless_normal((2, *size, 5), seed=(1, 2))
    np.testing.assert_allclose(quick(x), plain(x), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    "layer",
    [
        layers.Conv2DTranspose(8, 4, 2, "same"),  # too many channels come out
        layers.Conv2DTranspose(1, 3, 2, "same"),
        layers.Conv2DTranspose(1, 4, 2, "valid"),
        layers.Conv2D(4, 8, 2, "same"),
        layers.Conv2D(4, 5, 4, "same"),
        layers.Conv2D(4, 8, 4, "same", activation="relu"),
        layers.Conv2D(3, 8, 4, "same", groups=3),
        layers.Conv2DTranspose(1, 4, 2, "same", activation="tanh"),
        layers.Conv2DTranspose(1, 4, 2, "same", output_padding=1),
        layers.BatchNormalization(scale=False),
        layers.BatchNormalization(center=False),
        layers.BatchNormalization(axis=1),
        layers.LayerNormalization(),
    ],
)
def test_what_no_quick_layer_can_do_is_left_alone(layer):
    image = keras.Input((16, 16, 3))
    model = keras.Model(image, layer(image))
    assert accelerate(model).layers[-1] is layer


@pytest.mark.parametrize("size", [(None, None), (18, 16)])
def test_tiles_need_a_picture_that_is_made_of_them(size):
    image = keras.Input((*size, 3))
    layer = layers.Conv2D(4, 8, 4, "same")
    assert accelerate(keras.Model(image, layer(image))).layers[-1] is layer


def test_a_frozen_normalisation_only_remembers():
    image = keras.Input((4, 4, 3))
    norm = layers.BatchNormalization(momentum=0.5)
    plain = keras.Model(image, norm(image))
    norm.trainable = False
    x = 5.0 + tf.random.stateless_normal((8, 4, 4, 3), seed=(1, 2))
    found = [model(x, training=True) for model in (plain, accelerate(plain))]
    np.testing.assert_allclose(*found, rtol=1e-3)
    assert not norm.moving_mean.numpy().any()


def test_the_noise_is_nearly_normal_and_there_in_training_only():
    image = keras.Input((64, 64, 1))
    plain = keras.Model(image, layers.GaussianNoise(0.5, seed=1)(image))
    quick, paper = accelerate(plain), tf.zeros((64, 64, 64, 1))
    assert quick_layers(quick) and np.array_equal(quick(paper, training=False), paper)
    noise = quick(paper, training=True).numpy()
    assert noise.std() == pytest.approx(0.5, rel=0.01) and abs(noise.mean()) < 0.01
    within = [np.mean(abs(noise) < 0.5 * k) for k in (1, 2)]
    assert within == pytest.approx([0.683, 0.954], abs=0.02)  # of a normal distribution
    assert abs(np.corrcoef(noise[:-1].ravel(), noise[1:].ravel())[0, 1]) < 0.02
    again = quick(paper, training=True).numpy()
    assert abs(np.corrcoef(noise.ravel(), again.ravel())[0, 1]) < 0.02


def test_no_noise_is_no_noise():
    image = keras.Input((8, 8, 1))
    quick = accelerate(keras.Model(image, layers.GaussianNoise(0.0)(image)))
    paper = tf.ones((2, 8, 8, 1))
    assert np.array_equal(quick(paper, training=True), paper)


def test_a_model_inside_a_model_is_made_quick_too():
    noise = keras.Input((8,))
    plain = keras.Model(noise, build_generator(8, 2)(noise))
    (inside,) = [x for x in accelerate(plain).layers if isinstance(x, keras.Model)]
    assert quick_layers(inside)
