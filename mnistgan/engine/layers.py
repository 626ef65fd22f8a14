"""Three layers that Keras has too, and that cost less here on a processor.

`make bench` shows what they save.
"""

import tensorflow as tf
from tensorflow import keras

from mnistgan.engine.distribute import own_rows
from mnistgan.engine.valid import number

SPREAD_OF_BYTES = ((256**2 - 1) / 12) ** 0.5  # standard deviation of 0..255, all alike


@keras.utils.register_keras_serializable("mnistgan")
class BatchNorm(keras.layers.BatchNormalization):
    """Keras' `BatchNormalization`, with the work of a training step done in one go.

    Keras adds up a dozen small operations. TensorFlow has one for all of them, and so
    the numbers travel from memory and back only once. The results are the same; only
    the variance that is remembered is larger by n / (n - 1), for n numbers a channel.
    """

    def call(self, inputs, training=False):
        """Normalises `(batch, height, width, channels)`; others as Keras does."""
        replicas = tf.distribute.get_replica_context()
        if training and replicas and replicas.num_replicas_in_sync > 1:
            return self.call_together(inputs, replicas)
        if not training or len(inputs.shape) != 4:
            return super().call(inputs, training=training)
        gamma, beta = (tf.cast(x, "float32") for x in (self.gamma, self.beta))
        outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            inputs, gamma, beta, epsilon=self.epsilon
        )
        self.remember(mean, variance)
        return outputs

    def remember(self, mean, variance):
        """Moves the memory a little towards what was found in this batch."""
        for memory, new in (
            (self.moving_mean, mean),
            (self.moving_variance, variance),
        ):
            memory.assign(self.momentum * memory + (1.0 - self.momentum) * new)

    def call_together(self, inputs, replicas):
        """Normalises by the whole batch, of which this replica has some rows only."""
        x = inputs if len(inputs.shape) == 4 else inputs[:, None, None, :]
        gamma, beta = (tf.cast(part, "float32") for part in (self.gamma, self.beta))
        outputs, mean, variance = normalise_together(
            x, gamma, beta, self.epsilon, replicas
        )
        if x is inputs:  # as above, n / (n - 1)
            count = tf.size(x) // x.shape[-1] * replicas.num_replicas_in_sync
            variance *= tf.cast(count / (count - 1), "float32")
        self.remember(mean, variance)
        return tf.reshape(outputs, tf.shape(inputs))


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


@keras.utils.register_keras_serializable("mnistgan")
class ConvTranspose(keras.layers.Conv2DTranspose):
    """Keras' `Conv2DTranspose`, faster where a single channel comes out.

    TensorFlow's own operation then leaves most of the processor idle. So this layer
    lays its 4×4 window out as 2×2 tiles of 2×2 pixels, which an ordinary convolution
    calculates; the gradients are TensorFlow's. The results are the same, to rounding.

    Args:
        filters: Channels out.

    Raises:
        ValueError: `filters` is not a whole number of at least 1.
    """

    def __init__(self, filters, **kwargs):
        """The window is 4×4, and it moves by 2 pixels: nothing else is needed here."""
        fixed = {"kernel_size": 4, "strides": 2, "padding": "same"}
        super().__init__(filters, **{**kwargs, **fixed})

    def call(self, inputs):
        """From `(batch, height, width, channels)` to twice the height and width."""
        outputs = spread(inputs, tf.cast(self.kernel, inputs.dtype))
        return outputs + tf.cast(self.bias, inputs.dtype) if self.use_bias else outputs


@tf.custom_gradient
def spread(inputs, kernel):
    """What `ConvTranspose` calculates, and its gradients."""
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


@keras.utils.register_keras_serializable("mnistgan")
class Fog(keras.layers.Layer):
    """Lays random specks over pictures, in training only.

    Like Keras' `GaussianNoise`, but each speck takes one random byte, and every value
    from the darkest to the brightest is equally likely.

    Args:
        level: The specks' standard deviation, in the same units as the pixels, at
            least 0.
        seed: Starts the specks; None for one that `keras.utils.set_random_seed` rules.

    Raises:
        ValueError: `level` is negative.
    """

    def __init__(self, level, seed=None, **kwargs):
        """Checks the level; the specks come when the layer is called."""
        super().__init__(**kwargs)
        if wanted := number(0, 1_000)(level):
            raise ValueError(f"level is {level!r}; it must be {wanted}")
        self.level = level
        self.seeds = keras.random.SeedGenerator(seed)

    def call(self, inputs, training=False):
        """Adds the specks to `(batch, …)` when `training`; a multiple of 4 numbers."""
        if not training or not self.level:
            return inputs
        seed = tf.cast(self.seeds.next(), "int32")
        every = {"minval": None, "maxval": None, "dtype": "int32"}
        words = own_rows(
            lambda count: tf.random.stateless_uniform([count], seed, **every),
            tf.size(inputs) // 4,
        )
        specks = tf.reshape(tf.bitcast(words, "uint8"), tf.shape(inputs))
        specks = (tf.cast(specks, inputs.dtype) - 127.5) / SPREAD_OF_BYTES
        return inputs + self.level * specks

    def get_config(self):
        """What Keras saves."""
        return {**super().get_config(), "level": self.level}
