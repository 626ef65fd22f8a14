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

from mnistgan.engine.layers import BatchNorm, ConvTranspose, Fog
from mnistgan.engine.valid import checked, number, whole


@checked(
    noise_dim=whole(1, 10_000),
    width=whole(1, 1_000),
    channels=whole(1, 100),
    classes=whole(0, 10_000),
    hidden=whole(0, 100),
)
def build_generator(
    noise_dim: int = 32, width: int = 16, channels=1, classes=0, hidden=3
) -> keras.Model:
    """Builds the artist: noise in, picture out.

    Args:
        noise_dim: How many random numbers make one picture, at least 1.
        width: Channels of the 32×32 layer; each smaller layer has twice as many, up to
            `8 * width` at 4×4.
        channels: 1 for grey pictures, 3 for colours.
        classes: Kinds of pictures that it can be asked for; 0 if it cannot be asked.
        hidden: Dense layers in which it sorts the noise before it draws.

    Returns:
        A model from noise `(batch, noise_dim)`, float32, standard normal, to pictures
        `(batch, 64, 64, channels)`, float32, in [-1, 1]. With `classes`, its input is
        a list: noise, and labels `(batch, classes)`, float32, 1 for the one asked for
        and 0 for the others (Mirza and Osindero 2014, section 3.2).

    Raises:
        ValueError: A number is not a whole number, or too small.
    """
    start = {"kernel_initializer": keras.initializers.RandomNormal(stddev=0.02)}
    noise = keras.Input((noise_dim,))
    inputs = [noise, keras.Input((classes,))] if classes else noise
    x = layers.Concatenate()(inputs) if classes else noise
    for size in hidden * [128] + [4 * 4 * 8 * width]:
        x = layers.Dense(size, use_bias=False, **start)(x)
        x = BatchNorm(momentum=0.9)(x)
        x = layers.ReLU()(x)
    x = layers.Reshape((4, 4, 8 * width))(x)  # (4, 4, 128) when width is 16
    for depth in (4 * width, 2 * width, width):
        x = layers.Conv2DTranspose(depth, 4, 2, "same", use_bias=False, **start)(x)
        x = BatchNorm(momentum=0.9)(x)
        x = layers.ReLU()(x)  # in the end (32, 32, 16)
    x = ConvTranspose(channels, **start)(x)
    images = layers.Activation("tanh", dtype="float32")(x)  # (64, 64, channels)
    return keras.Model(inputs, images, name="generator")


@checked(width=whole(1, 1_000), fog=number(0, 1_000), channels=whole(1, 100))
def build_features(width: int = 16, fog: float = 0.5, channels: int = 1) -> keras.Model:
    """Builds the detective's eyes: picture in, what matters about it out.

    Args:
        width: Channels of the first layer, 16×16, for each colour; the next have
            `4 * width` at 8×8 and `8 * width` at 4×4. The first one takes steps of 4
            pixels, less than 2 of the original 28×28. A tile of 4×4 has 16 numbers in
            each colour: with fewer channels than that, some specks go unseen.
        fog: Standard deviation of the random noise laid over every picture in training,
            in the same units as the pixels; 0 for none. It keeps the detective from
            winning by pixel dust alone (instance noise, Sønderby et al. 2017,
            section 3.2).
        channels: 1 for grey pictures, 3 for colours.

    Returns:
        A model from pictures `(batch, 64, 64, channels)`, float32, in [-1, 1], to
        features `(batch, 256)`, float32.

    Raises:
        ValueError: `width` is not a whole number of at least 1, or `fog` is negative.
    """
    start = {"kernel_initializer": keras.initializers.RandomNormal(stddev=0.02)}
    images = keras.Input((64, 64, channels))
    x = Fog(fog)(images)
    x = layers.Reshape((16, 4, 16, 4 * channels))(x)  # rows and columns of 4×4 tiles
    x = layers.Permute((1, 3, 2, 4))(x)
    x = layers.Reshape((16, 16, 16 * channels))(x)  # a tile is now 16 numbers deep
    x = layers.Conv2D(channels * width, 2, padding="same", **start)(x)  # and neighbours
    x = layers.LeakyReLU(negative_slope=0.2)(x)
    for depth in (4 * width, 8 * width):  # (8, 8, 64), then (4, 4, 128)
        x = layers.Conv2D(depth, 4, 2, "same", use_bias=False, **start)(x)
        x = BatchNorm(momentum=0.9)(x)
        x = layers.LeakyReLU(negative_slope=0.2)(x)
    x = layers.Flatten()(x)  # (4, 4, 128) becomes (2048,)
    x = layers.Dense(256, use_bias=False, **start)(x)
    x = BatchNorm(momentum=0.9)(x)
    x = layers.LeakyReLU(negative_slope=0.2)(x)
    return keras.Model(images, x, name="features")


@checked(
    width=whole(1, 1_000),
    fog=number(0, 1_000),
    channels=whole(1, 100),
    classes=whole(0, 10_000),
)
def build_discriminator(
    width: int = 16, fog: float = 0.5, channels: int = 1, classes: int = 0
) -> keras.Model:
    """Builds the detective: picture in, one number out.

    Args:
        width: See `build_features`, as for the next two.
        fog: Random specks over every picture in training.
        channels: 1 for grey pictures, 3 for colours.
        classes: Kinds of pictures that it is told about; 0 if it is told nothing.

    Returns:
        A model from pictures `(batch, 64, 64, channels)`, float32, in [-1, 1], to
        logits `(batch, 1)`, float32: above 0 means "I think it is real". With
        `classes`, its input is a list: pictures, and labels `(batch, classes)`,
        float32. It then also weighs how well the features go with the label (Miyato
        and Koyama 2018, "cGANs with Projection Discriminator", equation 3).

    Raises:
        ValueError: See `build_features`.
    """
    start = {"kernel_initializer": keras.initializers.RandomNormal(stddev=0.02)}
    features = build_features(width, fog, channels)
    inputs, x = features.input, features.output
    logits = layers.Dense(1, dtype="float32", **start)(x)
    if classes:
        inputs = [inputs, keras.Input((classes,))]
        typical = layers.Dense(x.shape[1], **start)(inputs[1])
        logits = layers.Add(dtype="float32")([logits, layers.Dot(1)([x, typical])])
    return keras.Model(inputs, logits, name="discriminator")


def told(inputs: tf.Tensor, labels: tf.Tensor | None):
    """What a robot is told: noise or pictures, together with labels where it has any.

    Args:
        inputs: Noise for a generator, or pictures for a discriminator.
        labels: `(batch, classes)`, float32; None for robots without classes.

    Returns:
        What to call the robot with: `inputs` alone, or a list of both.
    """
    if labels is None:
        return inputs
    return [tf.cast(part, tf.float32) for part in (inputs, labels)]


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
