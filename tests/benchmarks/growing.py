"""Growing: small pictures first (Karras et al. 2018, section 2), for ablations.py.

The robots of the recipe learn to draw 16×16 pixels, then 32×32, then 64×64. The layers
that a smaller picture needs are the same ones all the time, and so they keep what they
have learned. Each size gets an output and a first layer of its own, without fading.
"""

import time

import tensorflow as tf
from speed import with_noise
from tensorflow import keras
from tensorflow.keras import layers

from mnistgan import training
from mnistgan.engine.accelerate import accelerate
from mnistgan.engine.optimizers import Adam

SHARES = {16: 0.2, 32: 0.3}  # of the time; the rest goes to 64×64
START = {"kernel_initializer": keras.initializers.RandomNormal(stddev=0.02)}


def smaller_generator(generator, size):
    """The artist's first layers, with an output of `size` × `size` pixels."""
    inner = [x.output for x in generator.layers if isinstance(x, layers.ReLU)]
    (half,) = [x for x in inner if x.shape[1:-1] == (size // 2, size // 2)]
    drawn = layers.Activation("tanh")(
        layers.Conv2DTranspose(1, 4, 2, "same", **START)(half)
    )
    return keras.Model(generator.input, drawn)


def smaller_discriminator(discriminator, size, noise_std):
    """The detective's later layers, behind a first one for `size` × `size` pixels."""
    images, tile = keras.Input((size, size, 1)), size // 16
    x = layers.Reshape((16, tile, 16, tile))(layers.GaussianNoise(noise_std)(images))
    x = layers.Reshape((16, 16, tile**2))(layers.Permute((1, 3, 2, 4))(x))
    x = layers.Conv2D(16, 2, padding="same", **START)(x)
    first = [isinstance(x, layers.Conv2D) for x in discriminator.layers].index(True)
    for layer in discriminator.layers[first + 1 :]:
        x = layer(x)
    return keras.Model(images, x)


def grow(settings, state, seconds, batches):
    """Teaches a run's robots with 16×16 and then 32×32 pixels; the last size is left.

    Args:
        settings: Of the run.
        state: From `mnistgan.training.new_state`; its two robots are changed.
        seconds: Processor time of all three sizes together.
        batches: An iterator of 64×64 pictures, uint8, that does not end.

    Returns:
        The number of steps taken.
    """
    taken = 0
    for size, share in SHARES.items():
        generator = smaller_generator(state.generator, size)
        discriminator = smaller_discriminator(
            state.discriminator, size, settings.noise_std
        )
        adams = (Adam(1e-3, beta_1=settings.beta_1) for _ in range(2))
        quick = map(accelerate, (generator, discriminator))
        step = training.make_train_step(*quick, *adams)
        step = with_noise(step, settings.noise_dim)
        deadline = time.process_time() + share * seconds
        while time.process_time() < deadline:
            small = tf.image.resize(next(batches), (size, size), "area")
            step(tf.cast(tf.round(small), "uint8"))
            taken += 1
    return taken
