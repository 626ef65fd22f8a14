"""Flow matching: from fog to digit in small steps, by a robot that points the way.

One network looks at a picture in the fog and says how each pixel has to move (Lipman et
al. 2023, "Flow Matching for Generative Modeling"; Liu et al. 2023, "Flow Straight and
Fast"). To draw, begin with nothing but fog, and follow it.
"""

import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers

from mnistgan.engine.runs import Words
from mnistgan.projects import Project
from mnistgan.projects.digits import CARD, load_labelled_digits
from mnistgan.projects.vae import mean_logit

SIZE = 28  # the fog is as fine as MNIST's own digits
STEPS = 4  # of the generator's walk; each looks twice
UNSURE = 1e-3  # no pixel of a look ahead is quite black or white


def to_points(images: tf.Tensor) -> tf.Tensor:
    """Undoes the enlarging of `mnistgan.data.prepare_image`.

    Shrinking would smooth a picture, and whoever learns from smooth pictures draws soft
    ones. Here, only what was rounded to whole grey levels is lost.

    Args:
        images: `(batch, 64, 64, 1)`, float32, in [-1, 1]: enlarged from 28×28.

    Returns:
        `(batch, 28, 28, 1)`, float32, in [-1, 1]: what they were enlarged from.
    """
    with tf.init_scope():  # once, where a step is compiled
        enlarge = tf.image.resize(tf.eye(SIZE)[..., tf.newaxis], (64, SIZE))[..., 0]
        undo = np.linalg.pinv(enlarge.numpy()).astype("float32")  # (28, 64)
    return tf.einsum("ir,brco,jc->bijo", undo, images, undo)


def straight_path(
    pictures: tf.Tensor, fog: tf.Tensor, time: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Goes a part of the way from fog to pictures (Liu et al. 2023, equation 1).

    Args:
        pictures: `(batch, 28, 28, 1)`, float32, in [-1, 1].
        fog: Of the same shape, standard normal.
        time: `(batch, 1)`, float32, from 0, all fog, to 1, all picture.

    Returns:
        Where one is at that time, and the velocity there, which is the same all the
        way: both `(batch, 28, 28, 1)`, float32.
    """
    time = tf.reshape(time, (-1, 1, 1, 1))
    return (1.0 - time) * fog + time * pictures, pictures - fog


def residual_block(x: keras.KerasTensor, facts: keras.KerasTensor) -> keras.KerasTensor:
    """Lets every point look at its neighbours, and at the time and the label.

    Args:
        x: `(batch, height, width, channels)`.
        facts: `(batch, numbers)`, which scale and shift the channels.

    Returns:
        What it was, and what was found out, added: of the same shape (He et al. 2016,
        section 3.1).
    """
    channels = x.shape[-1]
    y = layers.Conv2D(channels, 3, padding="same", use_bias=False)(x)
    y = layers.BatchNormalization(momentum=0.9)(y)
    # A layer for each block: gradients of a shared one would be added up in no fixed
    # order, and no two runs would be alike.
    hints = layers.Dense(64, activation="silu")(facts)
    scale = layers.Dense(channels, bias_initializer="ones")(hints)
    shift = layers.Dense(channels)(hints)
    y = layers.Multiply()([y, layers.Reshape((1, 1, channels))(scale)])
    y = layers.Add()([y, layers.Reshape((1, 1, channels))(shift)])
    y = layers.Activation("silu")(y)
    y = layers.Conv2D(channels, 3, padding="same", use_bias=False)(y)
    y = layers.BatchNormalization(momentum=0.9)(y)
    return layers.Activation("silu")(layers.Add()([x, y]))


def build_velocity(width: int = 24, classes: int = 10) -> keras.Model:
    """Builds the guide: a picture in the fog in, how each pixel has to move out.

    It is a small U-Net (Ronneberger et al. 2015, figure 1): down to a few points that
    see everything, up again, and a bridge on which the details go.

    Args:
        width: There are `width` channels at 14×14, and `2 * width` at 7×7.
        classes: Kinds of pictures that it can be told of.

    Returns:
        A model from a list, pictures `(batch, 28, 28, 1)`, times `(batch, 1)` from 0 to
        1, and labels `(batch, classes)`, all zeros for "anything", to velocities
        `(batch, 28, 28, 1)`; all float32. Untrained, it says 0.
    """
    picture, time = keras.Input((28, 28, 1)), keras.Input((1,))
    labels = keras.Input((classes,))
    facts = layers.Concatenate()([time, labels])
    x = layers.Conv2D(width, 4, 2, "same")(picture)
    fine = residual_block(x, facts)  # (14, 14, 24)
    x = layers.Conv2D(2 * width, 4, 2, "same")(fine)  # (7, 7, 48)
    for _ in range(3):
        x = residual_block(x, facts)
    x = layers.Conv2DTranspose(width, 4, 2, "same")(x)
    x = residual_block(layers.Add()([x, fine]), facts)  # (14, 14, 24)
    start = {"kernel_initializer": "zeros", "dtype": "float32"}
    velocity = layers.Conv2DTranspose(1, 4, 2, "same", **start)(x)  # (28, 28, 1)
    return keras.Model([picture, time, labels], velocity, name="velocity")


def make_flow_step(generator, velocity, generator_optimizer, _):
    """Makes the compiled training step of flow matching; see `mnistgan.training`.

    Args:
        generator: From `build_flow_generator`. It learns with the guide, whose layers
            it walks with.
        velocity: From `build_velocity`.
        generator_optimizer: Changes the guide. It is built here.

    Returns:
        A `tf.function` from `[pictures, labels]`, pictures `(batch, 64, 64, 1)`,
        float32, in [-1, 1], and `[noise, labels]`, noise `(batch, 786)`, float32,
        standard normal, of which the last two numbers choose the time and whether the
        label is forgotten. It returns the squared error of the velocity in the first
        half of the way and in the second (float32 scalars; their sum is the loss,
        Lipman et al. 2023, equation 23), and the logits (scalars, too) of the ink that
        the guide sees ahead where there is some, and where there is none.
    """
    weights = velocity.trainable_variables
    generator_optimizer.build(weights)

    def train_step(real, noise):
        pictures = to_points(real[0])
        fog = tf.reshape(noise[0][:, :784], tf.shape(pictures))
        time = tf.sigmoid(noise[0][:, 784:785])  # often near the middle: it is hardest
        labels = real[1] * tf.cast(noise[0][:, 785:] > -1.28, tf.float32)  # 9 of 10
        here, wanted = straight_path(pictures, fog, time)
        late = tf.round(time[:, 0])  # 0 or 1
        with tf.GradientTape() as tape:
            found = velocity([here, time, labels], training=True)
            errors = tf.reduce_mean((found - wanted) ** 2, axis=[1, 2, 3])
            parts = errors * (1.0 - late), errors * late
            losses = [tf.nn.compute_average_loss(part) for part in parts]
        generator_optimizer.apply(tape.gradient(losses, weights))
        return *losses, *beliefs(here, found, time, pictures)

    return tf.function(train_step)


def beliefs(here, found, time, pictures):
    """Looks ahead to the end of the way, and compares the ink there with a picture's.

    Args:
        here: Pictures in the fog, `(batch, 28, 28, 1)`.
        found: Velocities of the same shape.
        time: `(batch, 1)`.
        pictures: The ones in the fog.

    Returns:
        Two logits, scalars: see `make_flow_step`.
    """
    ahead = here + tf.reshape(1.0 - time, (-1, 1, 1, 1)) * found
    drawn = tf.clip_by_value((ahead + 1.0) / 2.0, UNSURE, 1.0 - UNSURE)
    ink = (pictures + 1.0) / 2.0
    return mean_logit(drawn, ink), mean_logit(drawn, 1.0 - ink)


def walk(
    velocity: keras.Model, fog: tf.Tensor, labels: tf.Tensor, steps: int = 20
) -> list[tf.Tensor]:
    """Walks from fog to pictures: look where to go, take a step, look again.

    Args:
        velocity: A guide.
        fog: `(batch, 28, 28, 1)`, float32, standard normal.
        labels: `(batch, classes)`, float32.
        steps: How many, at least 1; each is as long as the others (Euler's method).

    Returns:
        The fog and what it was after each step: `steps + 1` tensors of its shape.
    """
    pictures = [fog]
    for step in range(steps):
        time = tf.fill((len(fog), 1), step / steps)
        moved = velocity([pictures[-1], time, labels], training=False) / steps
        pictures.append(pictures[-1] + moved)
    return pictures


def guide(velocity: keras.Model, guidance: float = 1.2) -> keras.Model:
    """Makes a guide that pays more heed to the label, or less.

    Args:
        velocity: A guide that has learned with labels, and without.
        guidance: 0 for a walk to anything, 1 for the label as it was learned; above,
            what the label changes is done more than once (classifier-free guidance, Ho
            and Salimans 2022, equation 6, whose w is `guidance - 1`).

    Returns:
        A guide that takes and returns what `velocity` does. It shares its weights.
    """
    picture, time, labels = (keras.Input(x.shape[1:]) for x in velocity.inputs)
    asked = velocity([picture, time, labels])
    unasked = velocity([picture, time, layers.Rescaling(0.0)(labels)])  # no wish
    change = layers.Rescaling(guidance)(layers.Subtract()([asked, unasked]))
    moved = layers.Add()([unasked, change])
    return keras.Model([picture, time, labels], moved, name="guided")


def build_flow_generator(velocity: keras.Model, steps: int = STEPS) -> keras.Model:
    """Builds the artist: the whole walk, from noise to picture, as one network.

    It walks by the midpoint method: half a step to see where that leads, and then a
    whole one in the direction found there. So the steps may be longer.

    Args:
        velocity: The guide. The artist shares its weights.
        steps: How many, at least 1.

    Returns:
        A model from a list, noise `(batch, 784)`, standard normal, and labels `(batch,
        classes)`, to pictures `(batch, 64, 64, 1)` in [-1, 1]; all float32.
    """
    exact = {"dtype": "float32"}
    noise = keras.Input((SIZE * SIZE,))
    labels = keras.Input(velocity.inputs[2].shape[1:])
    guided = guide(velocity)
    x = layers.Reshape((SIZE, SIZE, 1), **exact)(noise)
    # Some number for each picture: times 0, plus the time, it is a clock.
    clock = layers.GlobalAveragePooling2D(**exact)(x)

    def moved(picture, seen, time, share):
        now = layers.Rescaling(0.0, time, **exact)(clock)
        moves = layers.Rescaling(share, **exact)(guided([seen, now, labels]))
        return layers.Add(**exact)([picture, moves])

    for step in range(steps):
        half = moved(x, x, step / steps, 0.5 / steps)
        x = moved(x, half, (step + 0.5) / steps, 1.0 / steps)
    x = layers.Rescaling(1.0, 1.0, **exact)(x)
    x = layers.ReLU(max_value=2.0, **exact)(x)  # from 0 to 2
    drawing = layers.Rescaling(1.0, -1.0, **exact)(x)  # (28, 28, 1)
    images = layers.Resizing(64, 64, **exact)(drawing)  # (64, 64, 1)
    return keras.Model([noise, labels], images, name="generator")


def build_flow_networks(settings):
    """Builds the artist and its guide."""
    velocity = build_velocity(settings.generator_width, settings.classes)
    return build_flow_generator(velocity), velocity


PROJECT = Project(
    load_labelled_digits,
    build_flow_networks,
    {
        "classes": 10,
        "hidden": 0,
        "noise_dim": SIZE * SIZE,
        "epochs": {"smoke": 1, "quick": 1, "laptop": 4, "full": 10},
        "generator_width": {"smoke": 12, "quick": 16, "laptop": 24, "full": 32},
        "batch_size": {"smoke": 16, "quick": 32, "laptop": 32, "full": 64},
        "generator_learning_rate": 4e-3,
        "previews": 1,  # each takes a second or two
        "beta_1": 0.9,  # Adam's usual: nobody chases anybody
    },
    make_flow_step,
    extra_noise=2,
    words=Words(
        losses=("error, first half of the way", "error, second half"),
        loss_title="Squared error of the velocity: lower is better",
        beliefs=("where there is ink", "where there is none"),
        belief_title="How white it sees the end of the way",
    ),
    **CARD,
)
