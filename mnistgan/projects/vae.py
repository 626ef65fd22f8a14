"""A variational autoencoder: the artist learns from a describer, not from a detective.

The encoder looks at a picture and describes it in a few numbers, each with how unsure
it is. The generator, which is the same network as in the GAN, draws the picture again
from such a description (Kingma and Welling 2014, "Auto-Encoding Variational Bayes").
"""

from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers

from mnistgan.data import prepare_image
from mnistgan.engine.bars import slow
from mnistgan.engine.runs import Words
from mnistgan.engine.valid import checked, integer, pictures
from mnistgan.models import build_features, build_generator
from mnistgan.projects import Project
from mnistgan.projects.digits import CARD, load_digits

TINY = 1e-4  # no pixel is quite certain: the logarithm of 0 has no value
PAPER = -0.95  # tanh of it is the mean of all pixels of the digits


def build_encoder(
    noise_dim: int = 32, width: int = 16, channels: int = 1
) -> keras.Model:
    """Builds the describer: picture in, a description and how unsure it is out.

    Args:
        noise_dim: How many numbers describe a picture, at least 1.
        width: Channels of the first layer; see `mnistgan.models.build_features`.
        channels: 1 for grey pictures, 3 for colours.

    Returns:
        A model from pictures `(batch, 64, 64, channels)`, float32, in [-1, 1], to
        `(batch, 2 * noise_dim)`, float32: the means, then the logarithms of the
        variances, of a normal distribution for each number.
    """
    start = {"kernel_initializer": keras.initializers.RandomNormal(stddev=0.02)}
    features = build_features(width, channels, noise_std=0.0)
    described = layers.Dense(2 * noise_dim, dtype="float32", **start)(features.output)
    return keras.Model(features.input, described, name="encoder")


def start_dark(generator: keras.Model) -> None:
    """Lets an untrained generator draw dark paper instead of grey mist.

    Grey pictures are so unlikely digits that a VAE's first steps push all patterns of
    the last layer towards black, and it takes thousands of steps until some are white
    again. A GAN has no such trouble: its losses do not count pixels.

    Args:
        generator: From `mnistgan.models.build_generator`; its last bias is changed.
    """
    last = next(x for x in reversed(generator.layers) if x.weights)
    last.bias.assign(tf.fill(last.bias.shape, PAPER))


def to_probabilities(images: tf.Tensor) -> tf.Tensor:
    """Reads a picture as probabilities: how likely is each pixel of 28×28 to be white?

    Args:
        images: `(batch, 64, 64, 1)`, float32, in [-1, 1].

    Returns:
        `(batch, 28, 28, 1)`, float32, in [`TINY`, 1 - `TINY`]; antialiased.
    """
    small = tf.image.resize(images, (28, 28), antialias=True)
    return TINY + (1.0 - 2.0 * TINY) * (small + 1.0) / 2.0


def log_likelihood(pictures: tf.Tensor, drawn: tf.Tensor) -> tf.Tensor:
    """How likely is a picture, if each of its pixels is white with what is drawn there?

    Args:
        pictures: `(batch, 28, 28, 1)`, float32, in [0, 1]: white or black, or the share
            of white.
        drawn: Probabilities of the same shape, from `to_probabilities`.

    Returns:
        `(batch,)`, float32, in nats, at most 0: the log-likelihood of independent
        Bernoulli pixels.
    """
    white, black = pictures * tf.math.log(drawn), tf.math.log(1.0 - drawn)
    return tf.reduce_sum(white + (1.0 - pictures) * black, axis=[1, 2, 3])


def kl_to_noise(mean: tf.Tensor, log_variance: tf.Tensor) -> tf.Tensor:
    """How much a description says: its distance from plain noise.

    Args:
        mean: `(batch, noise_dim)`, float32.
        log_variance: Of the same shape.

    Returns:
        `(batch,)`, float32, in nats, at least 0: the Kullback-Leibler divergence from
        the standard normal distribution (Kingma and Welling 2014, appendix B).
    """
    surplus = tf.exp(log_variance) + mean**2 - 1.0 - log_variance
    return 0.5 * tf.reduce_sum(surplus, axis=1)


def mean_logit(drawn: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """The logit of the weighted mean of what is drawn, a scalar, float32."""
    share = tf.reduce_sum(drawn * weights) / tf.reduce_sum(weights)
    return tf.math.log(share / (1.0 - share))


def make_vae_step(generator, encoder, generator_optimizer, encoder_optimizer):
    """Makes the compiled training step of a VAE; see `mnistgan.training`.

    Args:
        generator: From descriptions `(batch, noise_dim)` to pictures in [-1, 1].
        encoder: From `build_encoder`.
        generator_optimizer: Changes the generator. It is built here.
        encoder_optimizer: Changes the encoder. It is built here.

    Returns:
        A `tf.function` from pictures `(batch, 64, 64, 1)`, float32, in [-1, 1], and
        noise `(batch, noise_dim)`, float32, to the KL divergence and the reconstruction
        error (float32 scalars, in nats; their sum is the negative ELBO), and the logits
        (scalars, too) of the ink that it draws where the pictures have ink, and where
        they have none.
    """
    weights = [x.trainable_variables for x in (generator, encoder)]
    generator_optimizer.build(weights[0])
    encoder_optimizer.build(weights[1])

    def train_step(images, noise):
        with tf.GradientTape() as tape:
            mean, log_variance = tf.split(encoder(images, training=True), 2, axis=1)
            numbers = mean + tf.exp(0.5 * log_variance) * noise
            redrawn = generator(numbers, training=True)
            seen, drawn = to_probabilities(images), to_probabilities(redrawn)
            reconstruction = -tf.nn.compute_average_loss(log_likelihood(seen, drawn))
            kl = tf.nn.compute_average_loss(kl_to_noise(mean, log_variance))
            loss = kl + reconstruction
        gradients = tape.gradient(loss, weights)
        generator_optimizer.apply(gradients[0])
        encoder_optimizer.apply(gradients[1])
        return kl, reconstruction, mean_logit(drawn, seen), mean_logit(drawn, 1 - seen)

    return tf.function(train_step)


def find_encoder(model: Path) -> Path | None:
    """The file of the encoder that has learned together with a generator.

    Returns:
        The one beside it; None if there is none, or `model` is not a run's last
        generator: the best one may be older.
    """
    file = model.with_name("encoder.keras")
    return file if model.name == "generator.keras" and file.exists() else None


@checked(digits=pictures(28, 28, 1), samples=integer(1, 100_000))
def elbo(
    generator: keras.Model,
    encoder: keras.Model,
    digits: np.ndarray,
    samples: int = 1,
    seed: int = 0,
) -> float:
    """Measures how well a VAE knows digits that it has never seen, in nats a digit.

    The digits are made black and white by chance: a pixel of grey level g is white with
    probability g / 255, drawn once (Salakhutdinov and Murray 2008). With one sample,
    this estimates the ELBO; with more, the tighter importance-weighted bound (Burda et
    al. 2016, equation 8).

    Args:
        generator: A VAE's generator.
        encoder: Its encoder.
        digits: `(count, 28, 28, 1)`, uint8, in [0, 255].
        samples: Noises for each digit, at least 1.
        seed: Starts the black-and-white pictures and the noises.

    Returns:
        The mean over the digits of a lower bound of the log-likelihood; the higher, the
        better.

    Raises:
        ValueError: There are no digits, or no samples.
    """
    chance = np.random.default_rng(seed)
    white = (chance.random(digits.shape) < digits / 255).astype("float32")

    @tf.function(reduce_retracing=True)
    def log_weights(pictures, noise):
        seen = prepare_image(tf.cast(255.0 * pictures, tf.uint8))
        mean, log_variance = tf.split(encoder(seen, training=False), 2, axis=1)
        numbers = mean + tf.exp(0.5 * log_variance) * noise
        prior = -0.5 * tf.reduce_sum(numbers**2, axis=1)
        posterior = -0.5 * tf.reduce_sum(noise**2 + log_variance, axis=1)
        drawn = to_probabilities(generator(numbers, training=False))
        return log_likelihood(pictures, drawn) + prior - posterior

    bounds = []
    for part in slow(np.split(white, range(500, len(white), 500)), "Measuring"):
        shape = (len(part), generator.inputs[0].shape[1])
        noises = [chance.standard_normal(shape, "float32") for _ in range(samples)]
        weights = tf.stack([log_weights(part, noise) for noise in noises])
        bounds.append(tf.reduce_logsumexp(weights, axis=0) - np.log(samples))
    return float(tf.reduce_mean(tf.concat(bounds, axis=0)))


def build_vae_networks(settings):
    """Builds the generator, which starts with dark paper, and the encoder."""
    generator = build_generator(
        settings.noise_dim, settings.generator_width, settings.channels, settings.hidden
    )
    start_dark(generator)
    width, channels = settings.discriminator_width, settings.channels
    return generator, build_encoder(settings.noise_dim, width, channels)


PROJECT = Project(
    load_digits,
    build_vae_networks,
    {"hidden": 0, "generator_learning_rate": 3e-3, "discriminator_learning_rate": 3e-3},
    make_vae_step,
    words=Words(
        losses=("description (KL)", "reconstruction"),
        loss_title="Loss, in nats: lower is better",
        beliefs=("where there is ink", "where there is none"),
        belief_title="How white it draws",
    ),
    **CARD,
)
