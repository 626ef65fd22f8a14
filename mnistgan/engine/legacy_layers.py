"""The layers of version 0.1: their names, and what stands for them today."""

from tensorflow import keras


@keras.utils.register_keras_serializable("mnistgan")
class BatchNorm(keras.layers.BatchNormalization):
    """Was quicker than Keras'; see `mnistgan.engine.accelerate` for how it is now."""


@keras.utils.register_keras_serializable("mnistgan")
class ConvTranspose(keras.layers.Conv2DTranspose):
    """Was quicker where few channels come out."""


@keras.utils.register_keras_serializable("mnistgan")
class Fog(keras.layers.Layer):
    """Was `GaussianNoise`, with a random state of another name."""

    def __init__(self, level, **kwargs):
        """`level` was the standard deviation."""
        super().__init__(**kwargs)
        self.level, self.seeds = level, keras.random.SeedGenerator()

    def call(self, inputs, training=False):
        """Does nothing: what stands for it here is a `GaussianNoise`."""
        return inputs


def modern(model: keras.Model) -> keras.Model:
    """Copies a model of version 0.1, with Keras' own layers instead of the course's."""
    copy = keras.models.clone_model(model, clone_function=modern_layer)
    copy.set_weights(model.get_weights())
    return copy


def modern_layer(layer: keras.layers.Layer) -> keras.layers.Layer:
    """A new layer of Keras' own that calculates the same as `layer`."""
    if isinstance(layer, keras.Model):  # a model that is used as a layer
        return modern(layer)
    if isinstance(layer, Fog):
        return keras.layers.GaussianNoise(layer.level, name=layer.name)
    kind = type(layer)
    if kind.__module__ == __name__:
        (kind,) = kind.__bases__
    return kind.from_config(layer.get_config())
