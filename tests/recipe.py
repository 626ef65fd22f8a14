"""What was tried for the recipe, and what it gave: reruns any row of lessons/recipe.md.

    python tests/recipe.py                     # lists the rows
    python tests/recipe.py "batch 64" --seed 1 # trains and judges one; prints its line

Every row gets the same time on one core, and its learning rates fall to the end of that
time: a dearer row takes fewer steps. Processor time is counted, not the clock, so other
programs on the machine do not change the result.
"""

import argparse
import dataclasses
import functools
import itertools
import os
import time

os.environ["TF_NUM_INTRAOP_THREADS"] = os.environ["TF_NUM_INTEROP_THREADS"] = "1"

from mnistgan import machine

tf = machine.load_tensorflow()

from tensorflow import keras  # noqa: E402
from tensorflow.keras import layers  # noqa: E402

from mnistgan import data, drawing, judge, training  # noqa: E402
from mnistgan.settings import Settings, choose_settings  # noqa: E402

START = {"kernel_initializer": keras.initializers.RandomNormal(stddev=0.02)}
softplus = tf.nn.softplus


@dataclasses.dataclass(frozen=True)
class Timed(Settings):
    """Settings whose learning rates fall over a number of steps, not of epochs."""

    steps: int = 1

    @property
    def total_steps(self):
        return self.steps


def slope(x):
    return layers.LeakyReLU(negative_slope=0.2)(x)


def conv(x, channels, kernel=4, stride=2):
    x = layers.Conv2D(channels, kernel, stride, "same", use_bias=False, **START)(x)
    return slope(layers.BatchNormalization(momentum=0.9)(x))


def head(x, dense):
    x = layers.Flatten()(x)
    if dense:
        x = layers.Dense(dense, use_bias=False, **START)(x)
        x = slope(layers.BatchNormalization(momentum=0.9)(x))
    return layers.Dense(1, **START)(x)


def detective(width=16, fog=0.5, first=16, kernel=8, stride=4, dense=256, spread=False):
    """The discriminator, with more to choose from."""
    images = keras.Input((64, 64, 1))
    x = layers.GaussianNoise(fog)(images)
    x = slope(layers.Conv2D(first, kernel, stride, "same", **START)(x))
    for channels in (64, 128) if stride == 4 else (32, 64, 128):
        x = conv(x, channels)
    if spread:
        x = layers.Concatenate()([x, MinibatchSpread()(x)])
    return keras.Model(images, head(x, dense))


class MinibatchSpread(layers.Layer):
    """How much the batch varies, as one more sheet (Karras et al. 2018, section 3)."""

    def call(self, x):
        spread = tf.reduce_mean(tf.math.reduce_std(x, axis=0))
        return tf.zeros_like(x[..., :1]) + spread


def smooth_loss(real_logits, fake_logits):
    """One-sided label smoothing: real is 0.9 (Salimans et al. 2016, section 3.4)."""
    entropy = keras.losses.BinaryCrossentropy(from_logits=True)
    real = entropy(0.9 * tf.ones_like(real_logits), real_logits)
    return real + entropy(tf.zeros_like(fake_logits), fake_logits)


def saturating_loss(fake_logits):
    """Goodfellow et al. 2014, equation 1, as it stands."""
    return -tf.reduce_mean(softplus(fake_logits))


def make_relativistic_step(generator, discriminator, g_adam, d_adam, seed=0):
    """Each real picture against one drawn one (R3GAN, Huang et al. 2024, section 2)."""
    g_weights, d_weights = (x.trainable_variables for x in (generator, discriminator))
    g_adam.build(g_weights)
    d_adam.build(d_weights)

    def train_step(images):
        shape = (len(images), generator.input_shape[1])
        noise = tf.random.stateless_normal(shape, (seed, g_adam.iterations.value))
        with tf.GradientTape() as g_tape, tf.GradientTape() as d_tape:
            real_logits = discriminator(data.to_float(images), training=True)
            fake_logits = discriminator(generator(noise, training=True), training=True)
            g_loss = tf.reduce_mean(softplus(real_logits - fake_logits))
            d_loss = tf.reduce_mean(softplus(fake_logits - real_logits))
        g_adam.apply(g_tape.gradient(g_loss, g_weights))
        d_adam.apply(d_tape.gradient(d_loss, d_weights))
        return d_loss, g_loss, real_logits, fake_logits

    return tf.function(train_step)


def rates(g, d):
    return {"generator_learning_rate": g, "discriminator_learning_rate": d}


def other(**choices):
    return {"build_discriminator": functools.partial(detective, **choices)}


# What differs from the recipe: settings first, then functions of mnistgan.training.
ROWS = {
    "the recipe": ({}, {}),
    "rates 0.0005": (rates(5e-4, 5e-4), {}),
    "rates 0.002": (rates(2e-3, 2e-3), {}),
    "detective twice as fast": (rates(1e-3, 2e-3), {}),
    "artist half as fast": (rates(5e-4, 1e-3), {}),
    "textbook rates": (rates(2e-4, 2e-4), {}),
    "rates do not fall": ({"final_rate": 1.0}, {}),
    "batch 16": ({"batch_size": 16}, {}),
    "batch 64": ({"batch_size": 64}, {}),
    "batch 128": ({"batch_size": 128}, {}),
    "100 random numbers": ({"noise_dim": 100}, {}),
    "no fog": ({"fog": 0.0}, {}),
    "fog 0.3": ({"fog": 0.3}, {}),
    "fog 0.8": ({"fog": 0.8}, {}),
    "no momentum": ({"beta_1": 0.0}, {}),
    "artist half as wide": ({"generator_width": 8}, {}),
    "detective half as wide": ({"discriminator_width": 8}, {}),
    "detective twice as wide": ({"discriminator_width": 32}, {}),
    "detective starts 64 to 32": ({}, other(kernel=4, stride=2)),
    "detective with 4×4 windows": ({}, other(kernel=4, first=32)),
    "detective, dense 64": ({}, other(dense=64)),
    "detective, no dense layer": ({}, other(dense=0)),
    "minibatch spread": ({}, other(spread=True)),
    "label smoothing": ({}, {"discriminator_loss": smooth_loss}),
    "saturating loss": ({}, {"generator_loss": saturating_loss}),
    "relativistic loss": ({}, {"make_train_step": make_relativistic_step}),
}


def batches(images, settings):
    """Shuffled batches without an end."""
    for epoch in itertools.count():
        yield from data.make_dataset(images, settings.batch_size, seed=epoch)


def begin(settings):
    state = training.new_state(settings)
    return state, training.make_whole_step(settings, state)


def seconds_a_step(settings, images, steps=40):
    """Processor time of one step, on robots that are thrown away."""
    _, step = begin(settings)
    deck = itertools.islice(batches(images, settings), steps + 3)
    for batch in itertools.islice(deck, 3):  # the first call compiles
        step(batch)
    start = time.process_time()
    for batch in deck:
        step(batch)
    return (time.process_time() - start) / steps


def run(name, seconds, seed):
    """Trains and judges one row; returns its line of the table."""
    changes, patches = ROWS[name]
    for function, replacement in patches.items():
        setattr(training, function, replacement)
    chosen = choose_settings("laptop", seed=seed, **changes)
    settings = Timed(**dataclasses.asdict(chosen))
    images = data.prepare_all(data.load_mnist("train")[0])
    cost = seconds_a_step(settings, images)
    settings = dataclasses.replace(settings, steps=round(seconds / cost))
    state, step = begin(settings)
    for batch in itertools.islice(batches(images, settings), settings.steps):
        step(batch)
    noise = drawing.make_noise(state.averaged, 10_000, seed=1)
    found = judge.score(judge.load_judge(), drawing.draw(state.averaged, noise))
    epochs = settings.steps / settings.steps_per_epoch
    return (
        f"| {name} | {seed} | {1000 * cost:.0f} | {epochs:.1f} | "
        f"{found.confident:.1%} | {found.coverage:.3f} | {found.frechet:.2f} |"
    )


def main():
    """Runs the row that was asked for, or lists them."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("row", nargs="?", choices=ROWS)
    parser.add_argument("--seconds", type=float, default=200.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--core", type=int, default=0, help="run two rows side by side")
    options = parser.parse_args()
    if options.row is None:
        print("\n".join(ROWS))
        return
    if hasattr(os, "sched_setaffinity"):  # one core, so that all threads share it
        os.sched_setaffinity(0, {options.core})
    print(run(options.row, options.seconds, options.seed), flush=True)


if __name__ == "__main__":
    main()
