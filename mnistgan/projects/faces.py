"""Cartoon faces: the digits' artist in colour, and a detective that sees specks."""

from tensorflow import keras
from tensorflow.keras import layers

from mnistgan.datasets.faces import CREDIT, load_faces
from mnistgan.engine.runs import Words
from mnistgan.models import build_generator
from mnistgan.projects import Dataset, Project


def load_face_images(settings, data_dir=None, chosen=slice(None)) -> Dataset:
    """Loads the faces, drawing them first if needed; see `Project.load`."""
    faces, _ = load_faces(f"train[:{settings.pictures}]", data_dir)
    return faces[chosen], None


def build_face_discriminator(
    width: int = 16, channels: int = 3, noise_std: float = 0.3
) -> keras.Model:
    """Builds a detective that looks at 28×28 points, as fine as the artist draws.

    The digits' detective begins with large steps, and overlooks some specks. On ink,
    which is black or white, there are few. On skin and hair there are many.

    Args:
        width: There are `2 * width` channels at 14×14, `4 * width` at 7×7, and
            `8 * width` at 4×4.
        channels: 1 for grey pictures, 3 for colours.
        noise_std: Random noise over every picture in training.

    Returns:
        As of `mnistgan.models.build_discriminator`.
    """
    start = {"kernel_initializer": keras.initializers.RandomNormal(stddev=0.02)}
    images = keras.Input((64, 64, channels))
    x = layers.GaussianNoise(noise_std)(images)
    x = layers.Resizing(28, 28)(x)
    x = layers.Conv2D(2 * width, 4, 2, "same", **start)(x)
    x = layers.LeakyReLU(negative_slope=0.2)(x)
    for depth in (4 * width, 8 * width):  # (7, 7, 64), then (4, 4, 128)
        x = layers.Conv2D(depth, 4, 2, "same", use_bias=False, **start)(x)
        x = layers.BatchNormalization(momentum=0.9)(x)
        x = layers.LeakyReLU(negative_slope=0.2)(x)
    x = layers.Flatten()(x)
    x = layers.Dense(256, use_bias=False, **start)(x)
    x = layers.BatchNormalization(momentum=0.9)(x)
    x = layers.LeakyReLU(negative_slope=0.2)(x)
    logits = layers.Dense(1, dtype="float32", **start)(x)
    return keras.Model(images, logits, name="discriminator")


def build_face_networks(settings):
    """Builds the digits' generator, for colours, and its discriminator."""
    width, channels = settings.discriminator_width, settings.channels
    generator = build_generator(
        settings.noise_dim, settings.generator_width, channels, settings.hidden
    )
    return generator, build_face_discriminator(width, channels, settings.noise_std)


PROJECT = Project(
    load_face_images,
    build_face_networks,
    {
        "channels": 3,
        "hidden": 0,
        "pictures": 10_000,
        "judged": 0,
        "epochs": {"smoke": 3, "quick": 12, "laptop": 24, "full": 36},
        # Colours need more patterns than ink.
        "generator_width": {"smoke": 16, "quick": 32, "laptop": 32, "full": 32},
        "noise_std": 0.3,  # thin: with more, specks are forgiven
    },
    words=Words(beliefs=("for real faces", "for drawn faces")),
    credit=CREDIT,
    limits="It draws faces of one style, seen from the front, as fine as 28×28 points.",
)
