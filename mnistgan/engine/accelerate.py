"""Quicker layers for training: the weights and results of Keras' own, in less time.

Keras' layers are made for every machine. These do the same work in fewer and larger
operations, which saves a fifth to a quarter of a step on a processor (`make bench`).
Where several replicas share a batch, they also do what only all of them can do
together: normalise by the whole batch, and draw the noise of the whole batch.
"""

import tensorflow as tf
from tensorflow import keras

from mnistgan.engine.distribute import own_rows
from mnistgan.engine.keras_state import own_keras

SPREAD_OF_BYTES = ((256**2 - 1) / 12) ** 0.5  # standard deviation of 0..255, all alike


@own_keras()
def accelerate(model: keras.Model) -> keras.Model:
    """Makes a model that calculates the same, with the same weights, but quicker.

    The weights are shared, not copied: to train one is to train the other. So train the
    quick model, and save, show and draw with the plain one. Only noise is not quite the
    same; see `QuickNoise`.

    Args:
        model: A functional model of Keras' layers.

    Returns:
        The model, in which some layers are replaced by quicker ones.
    """
    return keras.models.clone_model(model, clone_function=quicker)


def quicker(layer: keras.layers.Layer) -> keras.layers.Layer:
    """What stands for a layer in a quick model: often the layer itself."""
    if isinstance(layer, keras.Model):  # a model that is used as a layer
        return accelerate(layer)
    for kind in QUICK:
        if type(layer) is kind.replaces and kind.suits(layer):
            return kind(layer, name=layer.name, dtype=layer.dtype_policy)
    return layer


def has_no_options(convolution: keras.layers.Layer) -> bool:
    """Whether a convolution is a plain one: a quick layer knows all that it does."""
    usual = {
        "activation": "linear",
        "data_format": "channels_last",
        "dilation_rate": (1, 1),
        "groups": 1,
        "output_padding": None,
    }
    config = convolution.get_config()
    return all(config.get(name, value) == value for name, value in usual.items())


class Quick(keras.layers.Wrapper):
    """Stands for the layer that it holds, and uses that layer's weights."""

    replaces: type[keras.layers.Layer]

    @staticmethod
    def suits(layer: keras.layers.Layer) -> bool:
        """Whether it can stand for this one."""
        return True


class QuickBatchNormalization(Quick):
    """Keras adds up a dozen operations; TensorFlow has one for all of them."""

    replaces = keras.layers.BatchNormalization

    @staticmethod
    def suits(layer):
        """Only where it may scale and shift, and the channels come last."""
        return layer.scale and layer.center and layer.axis == -1

    def call(self, inputs, training=False, mask=None):
        """Normalises `(batch, height, width, channels)`; others as Keras does."""
        training = training and self.layer.trainable  # a frozen one only remembers
        replicas = tf.distribute.get_replica_context()
        shared = training and replicas and replicas.num_replicas_in_sync > 1
        if not shared and (not training or len(inputs.shape) != 4):
            return self.layer(inputs, training=training)
        gamma = tf.cast(self.layer.gamma, "float32")
        beta = tf.cast(self.layer.beta, "float32")
        epsilon = self.layer.epsilon
        if shared:
            x = inputs if len(inputs.shape) == 4 else inputs[:, None, None, :]
            outputs, mean, variance = normalise_together(
                x, gamma, beta, epsilon, replicas
            )
            outputs = tf.reshape(outputs, tf.shape(inputs))
        else:
            outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
                inputs, gamma, beta, epsilon=epsilon
            )
            count = tf.cast(tf.size(inputs) // inputs.shape[-1], "float32")
            variance *= (count - 1.0) / count  # it divides by n - 1, and Keras by n
        memories = self.layer.moving_mean, self.layer.moving_variance
        for memory, new in zip(memories, (mean, variance), strict=True):
            momentum = self.layer.momentum
            memory.assign(momentum * memory + (1.0 - momentum) * new)
        return outputs


def normalise_together(x, gamma, beta, epsilon, replicas):
    """Batch normalisation over all replicas (Ioffe and Szegedy 2015, algorithm 1).

    Each way, forwards and back, they tell each other two numbers a channel, in one
    message.

    Args:
        x: This replica's rows, `(batch, height, width, channels)`.
        gamma: `(channels,)`, float32.
        beta: The same.
        epsilon: Added to the variance.
        replicas: The replica context.

    Returns:
        The rows, normalised; the mean and the variance of all rows, `(channels,)`.
    """
    fixed = {"epsilon": epsilon, "is_training": False}  # "by what I tell you"

    @tf.custom_gradient
    def normalise(x, gamma, beta):
        wide = tf.cast(x, "float32")
        means = [tf.reduce_mean(part, [0, 1, 2]) for part in (wide, wide * wide)]
        mean, squares = tf.unstack(replicas.all_reduce("MEAN", tf.stack(means)))
        variance = tf.nn.relu(squares - mean * mean)
        known = {"mean": mean, "variance": variance, **fixed}
        outputs, *_, space = tf.raw_ops.FusedBatchNormV3(
            x=x, scale=gamma, offset=beta, **known
        )

        def gradients(slope, *_):
            to_x, to_gamma, to_beta, *_ = tf.raw_ops.FusedBatchNormGradV3(
                y_backprop=slope,
                x=x,
                scale=gamma,
                reserve_space_1=mean,
                reserve_space_2=variance,
                reserve_space_3=space,
                **fixed,
            )
            rows = tf.cast(tf.size(x) // x.shape[-1], "float32")
            sums = tf.stack([to_gamma, to_beta]) / rows
            by_x, always = tf.unstack(replicas.all_reduce("MEAN", sums))
            scale = gamma * tf.math.rsqrt(variance + epsilon)
            by_mean_and_variance, *_ = tf.raw_ops.FusedBatchNormV3(
                x=x, scale=scale * by_x, offset=scale * always, **known
            )
            return to_x - by_mean_and_variance, to_gamma, to_beta

        return (outputs, mean, variance), gradients

    return normalise(x, gamma, beta)


class QuickConv2DTranspose(Quick):
    """TensorFlow's leaves most of a processor idle where few channels come out."""

    replaces = keras.layers.Conv2DTranspose

    @staticmethod
    def suits(layer):
        """Only for 4×4 windows in steps of 2 pixels, and colours rather than layers."""
        sizes = layer.kernel_size, layer.strides, layer.padding
        fits = layer.filters <= 3 and sizes == ((4, 4), (2, 2), "same")
        return fits and has_no_options(layer) and None not in layer.input.shape[1:]

    def call(self, inputs):
        """From `(batch, height, width, channels)` to twice the height and width."""
        outputs = spread(inputs, tf.cast(self.layer.kernel, inputs.dtype))
        if self.layer.use_bias:
            outputs += tf.cast(self.layer.bias, inputs.dtype)
        return outputs


@tf.custom_gradient
def spread(inputs, kernel):
    """Transposed convolution, 4×4 in steps of 2, and its gradients.

    The window is laid out as 2×2 tiles of 2×2 pixels, which an ordinary convolution
    calculates; the gradients are TensorFlow's own operations.

    Args:
        inputs: `(batch, height, width, channels)`.
        kernel: `(4, 4, filters, channels)`.

    Returns:
        `(batch, 2 * height, 2 * width, filters)`.
    """
    _, height, width, channels = inputs.shape
    filters, same = kernel.shape[2], {"strides": [1, 2, 2, 1], "padding": "SAME"}

    def gradients(slope):
        return tf.nn.conv2d(slope, kernel, **same), tf.raw_ops.Conv2DBackpropFilter(
            input=slope, filter_sizes=kernel.shape, out_backprop=inputs, **same
        )

    tiles = tf.reshape(kernel, [2, 2, 2, 2, filters, channels])
    tiles = tf.reverse(tf.transpose(tiles, [0, 2, 5, 1, 3, 4]), [0, 1])
    tiles = tf.reshape(tiles, [2, 2, channels, 4 * filters])
    edges = [[0, 0], [1, 1], [1, 1], [0, 0]]
    x = tf.nn.conv2d(inputs, tiles, 1, edges)
    x = tf.reshape(x, [-1, height + 1, width + 1, 2, 2 * filters])
    x = tf.transpose(x, [0, 1, 3, 2, 4])  # rows of pixels, instead of rows of tiles
    x = tf.reshape(x, [-1, 2 * height + 2, 2 * width + 2, filters])
    return x[:, 1:-1, 1:-1], gradients


class QuickConv2D(Quick):
    """Where windows of 8×8 move by 4 pixels, it cuts the picture into 4×4 tiles first.

    A tile becomes one place with 16 times as many channels, and a window 2×2 places.
    """

    replaces = keras.layers.Conv2D

    @staticmethod
    def suits(layer):
        """Only for 8×8 windows in steps of 4 pixels, which the picture is made of."""
        sizes = layer.kernel_size, layer.strides, layer.padding
        fits = sizes == ((8, 8), (4, 4), "same") and has_no_options(layer)
        return fits and all(n and n % 4 == 0 for n in layer.input.shape[1:3])

    def call(self, inputs):
        """From `(batch, 4 * height, 4 * width, channels)` to a quarter of both."""
        _, rows, columns, channels = inputs.shape
        high, wide, depth = rows // 4 + 1, columns // 4 + 1, 16 * channels
        x = tf.pad(inputs, [[0, 0], [2, 2], [2, 2], [0, 0]])
        x = tf.reshape(x, [-1, high, 4, wide, 4 * channels])
        x = tf.reshape(tf.transpose(x, [0, 1, 3, 2, 4]), [-1, high, wide, depth])
        kernel = tf.cast(self.layer.kernel, inputs.dtype)
        kernel = tf.reshape(kernel, [2, 4, 2, 4 * channels, -1])
        kernel = tf.reshape(tf.transpose(kernel, [0, 2, 1, 3, 4]), [2, 2, depth, -1])
        outputs = tf.nn.conv2d(x, kernel, 1, "VALID")
        if self.layer.use_bias:
            outputs += tf.cast(self.layer.bias, inputs.dtype)
        return outputs


class QuickNoise(Quick):
    """Adds up the four bytes of a random number: nearly normal, and soon done.

    Their sum has the mean and the standard deviation of Keras' noise, and by the
    central limit theorem nearly its shape: it ends at 3.5 standard deviations.
    """

    replaces = keras.layers.GaussianNoise

    def call(self, inputs, training=False):
        """Adds noise to `(batch, …)` when `training`."""
        if not training or not self.layer.stddev:
            return inputs
        seed = tf.cast(self.layer.seed_generator.next(), "int32")

        def draw(rows):
            shape = tf.concat([[rows], tf.shape(inputs)[1:]], 0)
            return tf.random.stateless_uniform(shape, seed, None, None, "int32")

        words = own_rows(draw, tf.shape(inputs)[0])
        total = tf.reduce_sum(tf.cast(tf.bitcast(words, "uint8"), inputs.dtype), -1)
        scale = self.layer.stddev / (2.0 * SPREAD_OF_BYTES)  # of a sum of four
        return inputs + scale * (total - 4 * 127.5)


QUICK = (QuickBatchNormalization, QuickConv2DTranspose, QuickConv2D, QuickNoise)
