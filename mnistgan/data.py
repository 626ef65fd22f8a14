"""MNIST, made ready for training: larger, in numbers from -1 to 1, in batches."""

import os

import numpy as np
import tensorflow as tf

from mnistgan.datasets import mnist
from mnistgan.engine import valid
from mnistgan.engine.bars import slow


def prepare_image(image: tf.Tensor) -> tf.Tensor:
    """Makes pictures ready for the robots: larger, and in numbers from -1 to 1.

    Args:
        image: One picture `(height, width, 1)` or a batch `(batch, height, width, 1)`,
            whole numbers in [0, 255]; MNIST's are 28×28.

    Returns:
        The same pictures, `(64, 64, 1)` or `(batch, 64, 64, 1)`, float32, in [-1, 1],
        enlarged by bilinear interpolation.

    Raises:
        ValueError: They are no whole numbers.
    """
    image = tf.convert_to_tensor(image)
    if not image.dtype.is_integer:
        raise ValueError(f"{image.dtype.name} is no grey level: use uint8, 0 to 255")
    large = tf.image.resize(image, (64, 64), method="bilinear")
    return large / 127.5 - 1.0


def to_uint8(images: tf.Tensor) -> tf.Tensor:
    """Turns pictures in [-1, 1] back into ordinary grey levels.

    Args:
        images: Any shape, floating point, in [-1, 1]. What lies beyond is cut off.

    Returns:
        The same shape, uint8, in [0, 255]; every grey level comes back exactly.
    """
    return tf.saturate_cast(tf.round((images + 1.0) * 127.5), tf.uint8)


def to_float(images: tf.Tensor) -> tf.Tensor:
    """Turns grey levels into the numbers that the robots like; `to_uint8` turns back.

    Args:
        images: Any shape, uint8, in [0, 255].

    Returns:
        The same shape, float32, in [-1, 1].

    Raises:
        ValueError: They are no whole numbers.
    """
    images = tf.convert_to_tensor(images)
    if not images.dtype.is_integer:
        raise ValueError(f"{images.dtype.name} is no grey level: use uint8, 0 to 255")
    return tf.cast(images, tf.float32) / 127.5 - 1.0


@valid.checked(split=valid.text, data_dir=valid.optional(valid.path))
def load_mnist(
    split: str = "train", data_dir: str | os.PathLike | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Loads the digits as they are, from their TFDS data set, fetching it if needed.

    Args:
        split: `"train"` (60,000 digits) or `"test"` (10,000), or a TFDS slice of one,
            such as `"train[:1000]"`.
        data_dir: Where data sets are kept; see `mnistgan.datasets.mnist.data_folder`.

    Returns:
        Pictures `(count, 28, 28, 1)`, uint8, in [0, 255], and labels `(count,)`, int64,
        in 0..9.

    Raises:
        OSError: The data could not be fetched.
        ValueError: There is no such split.
    """
    root = mnist.prepare_mnist(data_dir)
    digits = mnist.load_set(f"mnist:{mnist.VERSION}", split, root)
    return digits["image"], digits["label"]


@valid.checked(images=valid.pictures(None, None, 1, least=0))
def prepare_all(images: np.ndarray) -> np.ndarray:
    """Enlarges every picture once, and keeps them small in memory.

    Args:
        images: `(count, 28, 28, 1)`, uint8, in [0, 255].

    Returns:
        `(count, 64, 64, 1)`, uint8, in [0, 255]: a quarter of float32's memory. Each
        batch of a run is cast to [-1, 1] when it is its turn.
    """
    large = np.empty((len(images), 64, 64, 1), np.uint8)
    for start in slow(range(0, len(images), 1000), "Enlarging"):
        part = slice(start, start + 1000)
        large[part] = to_uint8(prepare_image(images[part]))
    return large


@valid.checked(labels=valid.listed(valid.array(kinds="iu", ranks=(1,), least=0)))
@valid.checked(classes=valid.integer(1, 1_000))
def one_hot(labels: np.ndarray, classes: int = 10) -> np.ndarray:
    """Writes labels as rows of zeros with a single 1.

    Args:
        labels: `(count,)`, whole numbers in 0..`classes` - 1.
        classes: How many there are.

    Returns:
        `(count, classes)`, float32.

    Raises:
        ValueError: There is another label.
    """
    if not np.isin(labels, np.arange(classes)).all():
        raise ValueError(f"there are labels outside of 0..{classes - 1}: {set(labels)}")
    return np.eye(classes, dtype="float32")[labels]


@valid.checked(images=valid.finite(valid.array()))
@valid.checked(batch_size=valid.integer(1), seed=valid.integer())
def make_dataset(
    images: np.ndarray,
    batch_size: int,
    seed: int,
    labels: np.ndarray | None = None,
) -> tf.data.Dataset:
    """Shuffles pictures into batches, one round through all of them.

    Args:
        images: `(count, height, width, channels)`, uint8.
        batch_size: Pictures in a batch, from 1 to `count`. A last, shorter batch is
            dropped: another size would make TensorFlow compile the step once more.
        seed: The same seed gives the same order (as long as TensorFlow's own seed, of
            `tf.random.set_seed`, is the same, too).
        labels: One row for each picture, such as `one_hot` makes; or None.

    Returns:
        A data set of `count // batch_size` batches of the pictures' own type; with
        labels, of pairs: pictures, and their labels.

    Raises:
        ValueError: `batch_size` is less than 1 or greater than the number of pictures.
    """
    if not 1 <= batch_size <= len(images):
        raise ValueError(
            f"batch_size is {batch_size}; it must be from 1 to {len(images)}, the "
            "number of pictures"
        )
    if labels is not None and len(labels) != len(images):
        raise ValueError(
            f"there are {len(images)} pictures and {len(labels)} labels; each picture "
            "needs one"
        )
    known = None if labels is None else tf.constant(labels)
    # Only the numbers of the pictures are shuffled: quick, and it costs no memory.
    order = tf.data.Dataset.range(len(images)).shuffle(len(images), seed=seed)
    batches = order.batch(batch_size, drop_remainder=True)
    shape = (batch_size, *images.shape[1:])

    def gather(numbers):  # from NumPy: no second copy in memory
        batch = tf.numpy_function(lambda rows: images[rows], [numbers], images.dtype)
        batch = tf.ensure_shape(batch, shape)
        return batch if labels is None else (batch, tf.gather(known, numbers))

    return batches.map(gather).prefetch(2)


def shuffled(count: int, seed: int) -> np.ndarray:
    """The numbers from 0 to `count` - 1, in the order in which pictures come."""
    (order,) = make_dataset(np.arange(count), count, seed)
    return order.numpy()
