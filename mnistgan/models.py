"""The two robots, and the two losses that keep the score of their game.

The networks follow Radford et al. 2016, "Unsupervised Representation Learning with Deep
Convolutional GANs": strided convolutions, batch normalisation in both, ReLU in the
generator, LeakyReLU in the discriminator, tanh out. As in that paper's own code for
MNIST, each network also has fully connected hidden layers at its narrow end: the
discriminator one, the generator three, in which it sorts the noise before it draws.
"""

import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers


def build_generator(
    noise_dim: int = 32, width: int = 16, channels: int = 1, hidden: int = 3
) -> keras.Model:
    """Builds the artist: noise in, picture out.

    It draws on 28×28 points, as fine as MNIST's digits are, and then the picture is
    enlarged as they were. An artist that draws all 64×64 pixels itself leaves dots and
    specks on them (Durall et al. 2020, "Watch your Up-Convolution").

    Args:
        noise_dim: How many random numbers make one picture, at least 1.
        width: There are `4 * width` channels at 7×7, and `2 * width` at 14×14.
        channels: 1 for grey pictures, 3 for colours.
        hidden: Dense layers in which it sorts the noise before it draws.

    Returns:
        A model from noise `(batch, noise_dim)`, float32, standard normal, to pictures
        `(batch, 64, 64, channels)`, float32, in [-1, 1].
    """
    start = {"kernel_initializer": keras.initializers.RandomNormal(stddev=0.02)}
    x = noise = keras.Input((noise_dim,))
    for size in hidden * [128] + [7 * 7 * 4 * width]:
        x = layers.Dense(size, use_bias=False, **start)(x)
        x = layers.BatchNormalization(momentum=0.9)(x)
        x = layers.ReLU()(x)
    x = layers.Reshape((7, 7, 4 * width))(x)  # (7, 7, 64) when width is 16
    x = layers.Conv2DTranspose(2 * width, 4, 2, "same", use_bias=False, **start)(x)
    x = layers.BatchNormalization(momentum=0.9)(x)
    x = layers.ReLU()(x)  # (14, 14, 32)
    x = layers.Conv2DTranspose(channels, 4, 2, "same", **start)(x)
    # float32 even where a GPU calculates less exactly, for the sake of 256 grey levels.
    drawing = layers.Activation("tanh", dtype="float32")(x)  # (28, 28, channels)
    images = layers.Resizing(64, 64, dtype="float32")(drawing)  # (64, 64, channels)
    return keras.Model(noise, images, name="generator")


def build_features(
    width: int = 16, channels: int = 1, noise_std: float = 0.5
) -> keras.Model:
    """Builds the detective's eyes: picture in, what matters about it out.

    Args:
        width: Channels of the first layer, 16×16, for each colour; the next have
            `4 * width` at 8×8 and `8 * width` at 4×4.
        channels: 1 for grey pictures, 3 for colours.
        noise_std: Standard deviation of the random noise laid over every picture in
            training, in the same units as the pixels; 0 for none, at most 1. It keeps
            the detective from winning by pixel dust alone (instance noise, Sønderby et
            al. 2017, section 3.2).

    Returns:
        A model from pictures `(batch, 64, 64, channels)`, float32, in [-1, 1], to
        features `(batch, 256)`, float32.
    """
    start = {"kernel_initializer": keras.initializers.RandomNormal(stddev=0.02)}
    images = keras.Input((64, 64, channels))
    x = layers.GaussianNoise(noise_std)(images)
    # A step covers 4×4 pixels: with fewer than 16 patterns, some specks are lost.
    x = layers.Conv2D(channels * width, 8, 4, "same", **start)(x)  # (16, 16, 16)
    x = layers.LeakyReLU(negative_slope=0.2)(x)
    for depth in (4 * width, 8 * width):  # (8, 8, 64), then (4, 4, 128)
        x = layers.Conv2D(depth, 4, 2, "same", use_bias=False, **start)(x)
        x = layers.BatchNormalization(momentum=0.9)(x)
        x = layers.LeakyReLU(negative_slope=0.2)(x)
    x = layers.Flatten()(x)  # (4, 4, 128) becomes (2048,)
    x = layers.Dense(256, use_bias=False, **start)(x)
    x = layers.BatchNormalization(momentum=0.9)(x)
    x = layers.LeakyReLU(negative_slope=0.2)(x)
    return keras.Model(images, x, name="features")


def build_discriminator(
    width: int = 16, channels: int = 1, noise_std: float = 0.5
) -> keras.Model:
    """Builds the detective: picture in, one number out.

    Args:
        width: See `build_features`, as for the others.
        channels: 1 for grey pictures, 3 for colours.
        noise_std: Random noise over every picture in training.

    Returns:
        A model from pictures `(batch, 64, 64, channels)`, float32, in [-1, 1], to
        logits `(batch, 1)`, float32: above 0 means "I think it is real".
    """
    start = {"kernel_initializer": keras.initializers.RandomNormal(stddev=0.02)}
    features = build_features(width, channels, noise_std)
    logits = layers.Dense(1, dtype="float32", **start)(features.output)
    return keras.Model(features.input, logits, name="discriminator")


def discriminator_loss(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
    """Scores the detective: low when real pictures get high logits and fakes low ones.

    Args:
        real_logits: Its verdicts on real pictures, `(batch, 1)`, float32.
        fake_logits: Its verdicts on drawn pictures, `(batch, 1)`, float32.

    Returns:
        A scalar, float32, in nats, at least 0; 2 ln 2 ≈ 1.386 for a coin-flipper
        (Goodfellow et al. 2014, equation 1, with the sign turned round).
    """
    cross_entropy = keras.losses.BinaryCrossentropy(from_logits=True)
    real_loss = cross_entropy(tf.ones_like(real_logits), real_logits)
    fake_loss = cross_entropy(tf.zeros_like(fake_logits), fake_logits)
    return real_loss + fake_loss


def generator_loss(fake_logits: tf.Tensor) -> tf.Tensor:
    """Scores the artist: low when the detective takes its drawings for real.

    Args:
        fake_logits: The detective's verdicts on drawn pictures, `(batch, 1)`, float32.

    Returns:
        A scalar, float32, in nats, at least 0; ln 2 ≈ 0.693 when the detective flips a
        coin (the "non-saturating" loss of Goodfellow et al. 2014, section 3).
    """
    cross_entropy = keras.losses.BinaryCrossentropy(from_logits=True)
    return cross_entropy(tf.ones_like(fake_logits), fake_logits)
