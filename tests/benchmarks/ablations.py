"""What was tried for the recipe, and what it gave: reruns any row of lessons/recipe.md.

    python tests/benchmarks/ablations.py                      # lists the rows
    python tests/benchmarks/ablations.py "batch 64" --seed 1  # trains and judges one

A row changes something in the recipe as it was when the search for more dense layers
began: with one in the artist, which drew all 64×64 pixels itself, and batches of 32.
"The recipe" is what came of that search, "28×28 points" today's. Every row gets the
same time on one core, and its learning rates fall to the end of that time: a dearer row
takes fewer steps. Processor time is counted, not the clock, so other programs on the
machine hardly change the result.
"""

import argparse
import dataclasses
import functools
import itertools
import os
import time

if __name__ == "__main__":  # one core for a row
    os.environ |= dict.fromkeys(
        ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), "1"
    )

from mnistgan.engine import machine

tf = machine.load_tensorflow()

import growing  # noqa: E402
from tensorflow import keras  # noqa: E402
from tensorflow.keras import layers  # noqa: E402

from mnistgan import data, evaluation, metrics, models, sampling, training  # noqa: E402
from mnistgan.projects import digits, music  # noqa: E402
from mnistgan.settings import Settings, choose_settings  # noqa: E402
from mnistgan.training import make_train_step  # noqa: E402

START = {"kernel_initializer": keras.initializers.RandomNormal(stddev=0.02)}
softplus = tf.nn.softplus


@dataclasses.dataclass(frozen=True)
class Timed(Settings):
    """Settings whose learning rates fall over a number of steps, not of epochs."""

    steps: int = 1

    def __post_init__(self):
        """They were checked when they were chosen, and `steps` is none of them."""

    @property
    def total_steps(self):
        return self.steps


def slope(x):
    return layers.LeakyReLU(negative_slope=0.2)(x)


def conv(x, channels, kernel=4, stride=2):
    x = layers.Conv2D(channels, kernel, stride, "same", use_bias=False, **START)(x)
    return slope(layers.BatchNormalization(momentum=0.9)(x))


def tiles(x):
    """Cuts 64×64×n into 16×16×16n."""
    channels = x.shape[-1]
    x = layers.Permute((1, 3, 2, 4, 5))(layers.Reshape((16, 4, 16, 4, channels))(x))
    return layers.Reshape((16, 16, 16 * channels))(x)


def head(x, dense):
    x = layers.Flatten()(x)
    if dense:
        x = layers.Dense(dense, use_bias=False, **START)(x)
        x = slope(layers.BatchNormalization(momentum=0.9)(x))
    return layers.Dense(1, **START)(x)


def detective(
    width=16,
    noise_std=0.5,
    first=16,
    kernel=8,
    stride=4,
    dense=256,
    spread=False,
    before=(),
    **grey,  # one channel: there is nothing to choose
):
    """The discriminator, with more to choose from."""
    x = images = keras.Input((64, 64, 1))
    for layer in before:
        x = layer()(x)
    x = layers.GaussianNoise(noise_std)(x)
    if stride == 4:
        x, kernel, stride = tiles(x), kernel // 4, 1
    x = slope(layers.Conv2D(first, kernel, stride, "same", **START)(x))
    for channels in (64, 128) if stride == 1 else (32, 64, 128):
        x = conv(x, channels)
    if spread:
        x = layers.Concatenate()([x, MinibatchSpread()(x)])
    return keras.Model(images, head(x, dense))


def artist(
    noise_dim=32,
    width=16,
    mapping=(128,),
    quarter=False,
    beside=False,
    leaky=False,
    norm=True,
    coins=0,
    **grey,  # as above; and `mapping` takes the place of `hidden`
):
    """The generator, with more to choose from."""
    x = noise = keras.Input((noise_dim,))
    if coins:
        x = Coins(coins)(x)
    for number, size in enumerate((*mapping, 4 * 4 * 8 * width)):
        last = number == len(mapping)
        if beside and last:
            x = layers.Concatenate()([x, noise])
        if norm or last:
            x = layers.Dense(size, use_bias=False, **START)(x)
            x = layers.BatchNormalization(momentum=0.9)(x)
        else:
            x = layers.Dense(size, kernel_initializer="he_normal")(x)
        x = slope(x) if leaky and not last else layers.ReLU()(x)
    x = layers.Reshape((4, 4, 8 * width))(x)
    for channels in (
        (4 * width, 2 * width) if quarter else (4 * width, 2 * width, width)
    ):
        x = layers.Conv2DTranspose(channels, 4, 2, "same", use_bias=False, **START)(x)
        x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
    if quarter:
        x = layers.Conv2DTranspose(1, 8, 4, "same", **START)(x)
    else:
        x = layers.Conv2DTranspose(1, 4, 2, "same", **START)(x)
    return keras.Model(noise, layers.Activation("tanh")(x))


class Coins(layers.Layer):
    """Coins beside the noise: 1 or -1, the sign of its first numbers."""

    def __init__(self, coins, **kwargs):
        super().__init__(**kwargs)
        self.coins = coins

    def call(self, x):
        return tf.concat([x, tf.sign(x[:, : self.coins])], axis=-1)


def filtered(*sizes, **choices):
    """The recipe's artist; a binomial filter, 1 2 1 both ways, smooths its drawing."""
    generator = music.build_roll_generator(*sizes, **choices)
    x = generator.layers[-2].output
    for _ in range(2):
        x = layers.AveragePooling2D(2, 1, "same")(x)
    return keras.Model(generator.input, layers.Activation("tanh")(x))


def resized(*sizes, **choices):
    """The recipe's artist; its last sheets are enlarged, and then convolved."""
    generator = music.build_roll_generator(*sizes, **choices)
    x = layers.UpSampling2D(interpolation="bilinear")(generator.layers[-3].output)
    x = layers.Conv2D(1, 5, padding="same", **START)(x)
    return keras.Model(generator.input, layers.Activation("tanh")(x))


def convolved(noise_dim=32, width=16, channels=1, hidden=3):
    """Sixteen sheets of 28×28, and a convolution that makes one of them."""
    generator = models.build_generator(noise_dim, width, channels, hidden)
    x = generator.layers[-4].output  # (14, 14, 32)
    x = layers.Conv2DTranspose(width, 4, 2, "same", use_bias=False, **START)(x)
    x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
    x = layers.Activation("tanh")(layers.Conv2D(1, 5, padding="same", **START)(x))
    return keras.Model(generator.input, layers.Resizing(64, 64)(x))


def residual(noise_dim=32, width=16, channels=1, hidden=3):
    """Each dense layer but the first adds to what the one before it found."""
    x = noise = keras.Input((noise_dim,))
    for number in range(hidden):
        y = layers.Dense(128, use_bias=False, **START)(x)
        y = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(y))
        x = layers.Add()([x, y]) if number else y
    painter = models.build_generator(128, width, channels, hidden=0)
    return keras.Model(noise, painter(x))


def shrinking(width=16, channels=1, noise_std=0.5):
    """A detective that shrinks what it sees to 28×28 before it looks."""
    images = keras.Input((64, 64, channels))
    x = layers.Resizing(28, 28)(layers.GaussianNoise(noise_std)(images))
    x = slope(layers.Conv2D(2 * width, 4, 2, "same", **START)(x))
    for depth in (4 * width, 8 * width):
        x = conv(x, depth)
    return keras.Model(images, head(x, 256))


def two_heads(width=16, channels=1, noise_std=0.5):
    """A detective with a second head, for a random patch of 16×16 pixels."""
    whole = models.build_discriminator(width, channels, noise_std)
    x = layers.RandomCrop(16, 16)(whole.input)
    x = slope(layers.Conv2D(2 * width, 4, 2, "same", **START)(x))
    patch = head(conv(x, 4 * width), 0)
    both = layers.Concatenate()([whole.output, patch])  # each logit counts alike
    return keras.Model(whole.input, both)


class FadingNoise(layers.Layer):
    """Noise that thins out in a straight line, from `start` to `end`."""

    def __init__(self, start=0.5, end=0.1):
        super().__init__()
        self.start, self.end = start, end
        self.level = self.add_weight(name="level", trainable=False)

    def call(self, x, training=False):
        return x + self.level * tf.random.normal(tf.shape(x)) if training else x


class Pairs(layers.Layer):
    """Packing: the detective sees pictures in twos (PacGAN, Lin et al. 2018)."""

    def call(self, x):
        return tf.concat(tf.split(x, 2), axis=-1)


class Shift(layers.Layer):
    """Augmentation: moves the whole batch by up to 4 pixels (Zhao et al. 2020)."""

    def call(self, x):
        by = tf.random.uniform([2], -4, 5, tf.int32)
        return tf.roll(x, by, [1, 2])


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


def hinge_loss(real_logits, fake_logits):
    """Lim and Ye 2017."""
    real = tf.reduce_mean(tf.nn.relu(1.0 - real_logits))
    return real + tf.reduce_mean(tf.nn.relu(1.0 + fake_logits))


def linear_loss(fake_logits):
    """What goes with `hinge_loss`."""
    return -tf.reduce_mean(fake_logits)


def best_loss(fake_logits, share=0.75):
    """Only the drawings that passed best teach the artist (Sinha et al. 2020)."""
    best = tf.sort(fake_logits, axis=0)[-round(share * fake_logits.shape[0]) :]
    return tf.reduce_mean(softplus(-best))


def worst_loss(fake_logits, share=0.5):
    """Only the drawings that passed worst teach the artist."""
    worst = tf.sort(fake_logits, axis=0)[: round(share * fake_logits.shape[0])]
    return tf.reduce_mean(softplus(-worst))


def make_relativistic_step(generator, discriminator, g_adam, d_adam):
    """Each real picture against one drawn one (R3GAN, Huang et al. 2024, section 2)."""
    g_weights, d_weights = (x.trainable_variables for x in (generator, discriminator))
    g_adam.build(g_weights)
    d_adam.build(d_weights)

    def train_step(real_images, noise):
        with tf.GradientTape() as g_tape, tf.GradientTape() as d_tape:
            real_logits = discriminator(real_images, training=True)
            fake_logits = discriminator(generator(noise, training=True), training=True)
            g_loss = tf.reduce_mean(softplus(real_logits - fake_logits))
            d_loss = tf.reduce_mean(softplus(fake_logits - real_logits))
        g_adam.apply(g_tape.gradient(g_loss, g_weights))
        d_adam.apply(d_tape.gradient(d_loss, d_weights))
        return d_loss, g_loss, real_logits, fake_logits

    return tf.function(train_step)


def make_penalised_step(generator, discriminator, g_adam, d_adam, gamma=0.1):
    """Relativistic, with R1 and R2: no steep slopes around real or drawn pictures."""
    g_weights, d_weights = (x.trainable_variables for x in (generator, discriminator))
    g_adam.build(g_weights)
    d_adam.build(d_weights)

    def steepness(pictures):
        with tf.GradientTape() as tape:
            tape.watch(pictures)
            logits = discriminator(pictures, training=True)
        slopes = tape.gradient(logits, pictures)
        return logits, tf.reduce_mean(tf.reduce_sum(slopes**2, axis=[1, 2, 3]))

    def train_step(real_images, noise):
        with tf.GradientTape() as g_tape, tf.GradientTape() as d_tape:
            fake_images = generator(noise, training=True)
            real_logits, real_steepness = steepness(real_images)
            fake_logits, fake_steepness = steepness(fake_images)
            g_loss = tf.reduce_mean(softplus(real_logits - fake_logits))
            d_loss = tf.reduce_mean(softplus(fake_logits - real_logits))
            d_loss += gamma / 2 * (real_steepness + fake_steepness)
        g_adam.apply(g_tape.gradient(g_loss, g_weights))
        d_adam.apply(d_tape.gradient(d_loss, d_weights))
        return d_loss, g_loss, real_logits, fake_logits

    return tf.function(train_step)


def make_twice_step(generator, discriminator, g_adam, d_adam):
    """The detective learns twice for each time that the artist does.

    Each half of the batch is a turn of the detective, the second one of both.
    """
    both = make_train_step(generator, discriminator, g_adam, d_adam)
    d_weights = discriminator.trainable_variables

    def train_step(real_images, noise):
        (first, second), (other, own) = tf.split(real_images, 2), tf.split(noise, 2)
        fake_images = generator(other, training=True)
        with tf.GradientTape() as tape:
            real_logits = discriminator(first, training=True)
            fake_logits = discriminator(fake_images, training=True)
            loss = models.discriminator_loss(real_logits, fake_logits)
        d_adam.apply(tape.gradient(loss, d_weights))
        d_adam.iterations.assign_sub(1)  # both turns belong to one step
        return both.python_function(second, own)

    return tf.function(train_step)


def make_spectral_step(generator, discriminator, g_adam, d_adam, weight=0.5):
    """Drawings whose spectrum is not that of real pictures cost the artist something.

    The mean power of each wave is compared, by its logarithm (after Durall et al. 2020,
    section 4).
    """
    g_weights, d_weights = (x.trainable_variables for x in (generator, discriminator))
    g_adam.build(g_weights)
    d_adam.build(d_weights)

    def log_power(pictures):
        waves = tf.signal.rfft2d(pictures[..., 0])
        return tf.math.log(1e-3 + tf.reduce_mean(tf.abs(waves) ** 2, axis=0))

    def train_step(real_images, noise):
        with tf.GradientTape() as g_tape:
            fake_images = generator(noise, training=True)
            with tf.GradientTape() as d_tape:
                real_logits = discriminator(real_images, training=True)
                fake_logits = discriminator(fake_images, training=True)
                d_loss = models.discriminator_loss(real_logits, fake_logits)
            apart = tf.abs(log_power(fake_images) - log_power(real_images))
            g_loss = models.generator_loss(fake_logits)
            g_loss += weight * tf.reduce_mean(apart)
        g_adam.apply(g_tape.gradient(g_loss, g_weights))
        d_adam.apply(d_tape.gradient(d_loss, d_weights))
        return d_loss, g_loss, real_logits, fake_logits

    return tf.function(train_step)


def make_copy_step(generator, averaged):
    """No average: the one that is kept is always the newest."""
    pairs = list(zip(averaged.variables, generator.variables, strict=True))

    def copy_step(step):
        for slow, quick in pairs:
            slow.assign(quick.value)

    return tf.function(copy_step)


def make_short_average_step(generator, averaged):
    """The average reaches back over the last eighth of the training, not a third."""
    pairs = list(zip(averaged.variables, generator.variables, strict=True))

    def average_step(step):
        share = 9.0 / (8.0 + tf.cast(step, tf.float32))
        for slow, quick in pairs:
            slow.assign_add(share * (quick.value - slow.value))

    return tf.function(average_step)


def rates(g, d):
    return {"generator_learning_rate": g, "discriminator_learning_rate": d}


def other(**choices):
    return {"build_discriminator": functools.partial(detective, **choices)}


def clearing(start, end):
    layer = functools.partial(FadingNoise, start, end)
    return {
        "build_discriminator": lambda width, **_: detective(
            noise_std=0.0, before=[layer]
        )
    }


def drawn_by(**choices):
    return {"build_generator": functools.partial(artist, **choices)}


def best(share):
    return {"generator_loss": functools.partial(best_loss, share=share)}


SORTED = {"build_generator": music.build_roll_generator}  # with three dense layers
OURS = {"build_generator": models.build_generator}
ADDING = {"build_generator": residual}
GROWING = "growing, 16 to 32 to 64"

# What differs from the start: settings first, then functions of the course.
ROWS = {
    "the start": ({}, {}),
    "the recipe": ({}, SORTED),
    "the recipe, batch 64": ({"batch_size": 64}, SORTED),
    "the recipe, batch 48": ({"batch_size": 48}, SORTED),
    GROWING: ({}, SORTED),
    "the recipe, batch 48, a shorter memory": (
        {"batch_size": 48},
        SORTED | {"make_average_step": make_short_average_step},
    ),
    "the recipe, batch 64, instance noise 0.35": (
        {"batch_size": 64, "noise_std": 0.35},
        SORTED,
    ),
    "the recipe, batch 48, instance noise 0.7": (
        {"batch_size": 48, "noise_std": 0.7},
        SORTED,
    ),
    "not averaged": ({}, {"make_average_step": make_copy_step}),
    "the textbook, all of it": (
        {**rates(2e-4, 2e-4), "batch_size": 128, "noise_dim": 100, "final_rate": 1.0}
        | {"noise_std": 0.0},
        {"make_average_step": make_copy_step}
        | drawn_by(mapping=())
        | other(kernel=4, stride=2, dense=0),
    ),
    "no dense layers": ({}, drawn_by(mapping=()) | other(dense=0)),
    "rates 0.0005": (rates(5e-4, 5e-4), {}),
    "rates 0.002": (rates(2e-3, 2e-3), {}),
    "detective twice as fast": (rates(1e-3, 2e-3), {}),
    "artist half as fast": (rates(5e-4, 1e-3), {}),
    "textbook rates": (rates(2e-4, 2e-4), {}),
    "rates do not fall": ({"final_rate": 1.0}, {}),
    "batch 16": ({"batch_size": 16}, {}),
    "batch 64": ({"batch_size": 64}, {}),
    "batch 64, rates do not fall": ({"batch_size": 64, "final_rate": 1.0}, {}),
    "batch 128": ({"batch_size": 128}, {}),
    "16 random numbers": ({"noise_dim": 16}, {}),
    "100 random numbers": ({"noise_dim": 100}, {}),
    "no instance noise": ({"noise_std": 0.0}, {}),
    "instance noise 0.3": ({"noise_std": 0.3}, {}),
    "instance noise 0.8": ({"noise_std": 0.8}, {}),
    "instance noise from 0.5 to 0.2": ({}, clearing(0.5, 0.2)),
    "instance noise from 0.5 to 0.05": ({}, clearing(0.5, 0.05)),
    "no momentum": ({"beta_1": 0.0}, {}),
    "artist half as wide": ({"generator_width": 8}, {}),
    "detective half as wide": ({"discriminator_width": 8}, {}),
    "detective twice as wide": ({"discriminator_width": 32}, {}),
    "detective starts 64 to 32": ({}, other(kernel=4, stride=2)),
    "detective with 4×4 windows": ({}, other(kernel=4, first=32)),
    "detective, dense 64": ({}, other(dense=64)),
    "detective, no dense layer": ({}, other(dense=0)),
    "artist without the first dense layer": ({}, drawn_by(mapping=())),
    "artist with one more dense layer": ({}, drawn_by(mapping=(128, 128))),
    "artist, dense 256 twice": ({}, drawn_by(mapping=(256, 256))),
    "one more dense layer, pairs": (
        {},
        drawn_by(mapping=(128, 128)) | other(before=[Pairs]),
    ),
    "three dense layers beside the noise": (
        {},
        drawn_by(mapping=(128, 128, 128), beside=True),
    ),
    "two more, leaky": ({}, drawn_by(mapping=(128, 128, 128), leaky=True)),
    "two more, no BatchNorm there": (
        {},
        drawn_by(mapping=(128, 128, 128), norm=False),
    ),
    "two more, artist half as fast": (rates(5e-4, 1e-3), SORTED),
    "two more, spread": ({}, SORTED | other(spread=True)),
    "two more, 16 random numbers, batch 64": (
        {"batch_size": 64, "noise_dim": 16},
        SORTED,
    ),
    "8 coins": ({}, drawn_by(coins=8)),
    "32 coins": ({}, drawn_by(coins=32)),
    "three more, batch 64": (
        {"batch_size": 64},
        drawn_by(mapping=(128, 128, 128, 128)),
    ),
    "artist, dense 512": ({}, drawn_by(mapping=(512,))),
    "artist's last layer 16 to 64": ({}, drawn_by(quarter=True)),
    "pairs": ({}, other(before=[Pairs])),
    "shifted by up to 4 pixels": ({}, other(before=[Shift])),
    "hinge loss": (
        {},
        {"discriminator_loss": hinge_loss, "generator_loss": linear_loss},
    ),
    "the best 50% teach the artist": ({}, best(0.5)),
    "the best 75% teach the artist": ({}, best(0.75)),
    "the worst 50% teach the artist": ({}, {"generator_loss": worst_loss}),
    "minibatch spread": ({}, other(spread=True)),
    "label smoothing": ({}, {"discriminator_loss": smooth_loss}),
    "saturating loss": ({}, {"generator_loss": saturating_loss}),
    "relativistic loss": ({}, {"make_train_step": make_relativistic_step}),
    "detective learns twice": (
        {"batch_size": 64},
        {"make_train_step": make_twice_step},
    ),
    "relativistic, R1 and R2": ({}, {"make_train_step": make_penalised_step}),
    "relativistic, R1 and R2, no instance noise": (
        {"noise_std": 0.0},
        {"make_train_step": make_penalised_step},
    ),
    "28×28 points": ({}, OURS),
    "28×28 points, batch 48": ({"batch_size": 48}, OURS),
    "28×28 points, twice as many": ({"generator_width": 32}, OURS),
    "28×28 points, one dense layer": ({"hidden": 1}, OURS),
    "28×28 points, five dense layers that add": ({"hidden": 5}, ADDING),
    "28×28 points, eight dense layers that add": ({"hidden": 8}, ADDING),
    "28×28 points, and a convolution": ({}, {"build_generator": convolved}),
    "28×28 points, the detective shrinks them": (
        {},
        OURS | {"build_discriminator": shrinking},
    ),
    "28×28 points, label smoothing": ({}, OURS | {"discriminator_loss": smooth_loss}),
    "28×28 points, 100 random numbers": ({"noise_dim": 100}, OURS),
    "28×28 points, detective learns twice": (
        {"batch_size": 64},
        OURS | {"make_train_step": make_twice_step},
    ),
    "the recipe, a binomial filter": ({}, {"build_generator": filtered}),
    "the recipe, resized and convolved": ({}, {"build_generator": resized}),
    "the recipe, a second head for a patch": (
        {},
        SORTED | {"build_discriminator": two_heads},
    ),
    "the recipe, a spectral loss": (
        {},
        SORTED | {"make_train_step": make_spectral_step},
    ),
}


def batches(images, settings):
    """Shuffled batches without an end."""
    for epoch in itertools.count():
        yield from data.make_dataset(images, settings.batch_size, seed=epoch)


def places(name):
    """Where a row's own functions belong: a module, a name in it, and what goes there.

    The functions of "the start" are the course's first ones.
    """
    _, patches = ROWS[name]
    for function, own in {**drawn_by(), **patches}.items():
        if function == "make_train_step":
            project = dataclasses.replace(digits.PROJECT, make_step=own)
            yield digits, "PROJECT", project
        else:
            yield (digits if function.startswith("build") else training), function, own


def begin(settings):
    state = training.new_state(settings)
    return state, training.make_whole_step(settings, state)


def seconds_a_step(settings, images, steps=40):
    """Processor time of one step, on robots that are thrown away."""
    _, step = begin(settings)
    batches_left = itertools.islice(batches(images, settings), steps + 3)
    for batch in itertools.islice(batches_left, 3):  # the first call compiles
        step(batch)
    start = time.process_time()
    for batch in batches_left:
        step(batch)
    return (time.process_time() - start) / steps


def run(name, seconds, seed):
    """Trains and judges one row; returns its line of the table."""
    changes, _ = ROWS[name]
    for place in places(name):
        setattr(*place)
    chosen = choose_settings("quick", seed=seed, **changes)
    settings = Timed(**dataclasses.asdict(chosen))
    images = data.prepare_all(data.load_mnist("train")[0])
    cost = seconds_a_step(settings, images)
    early = sum(growing.SHARES.values()) if name == GROWING else 0.0
    steps = round(seconds * (1 - early) / cost)
    settings = dataclasses.replace(settings, steps=steps)
    state, step = begin(settings)
    taken = steps
    if early:
        taken += growing.grow(settings, state, seconds, batches(images, settings))
    fading = [x for x in state.discriminator.layers if isinstance(x, FadingNoise)]
    batches_left = itertools.islice(batches(images, settings), settings.steps)
    for number, batch in enumerate(batches_left):
        for layer in fading:
            layer.level.assign(
                layer.start + (layer.end - layer.start) * number / settings.steps
            )
        step(batch)
    noise = sampling.make_noise(state.averaged, 10_000, seed=1)
    drawn = sampling.draw(state.averaged, noise)
    found, second = (
        evaluation.score(evaluation.load_judge(settings=kind), drawn)
        for kind in (None, evaluation.SECOND)
    )
    epochs = taken / settings.steps_per_epoch
    powers = ", ".join(f"{getattr(found, band):.2g}" for band in metrics.BANDS)
    return (
        f"| {name} | {seed} | {1000 * cost:.0f} | {epochs:.1f} | "
        f"{found.confident:.1%} | {found.recall:.3f} | {found.coverage:.3f} | "
        f"{found.frechet:.2f} | {second.recall:.3f} | {second.frechet:.1f} | {powers} |"
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
