"""Handwritten digits, the project of notebooks 01 to 07."""

from typing import Any

from mnistgan import data
from mnistgan.datasets.mnist import CREDIT
from mnistgan.models import build_discriminator, build_generator
from mnistgan.projects import Dataset, Project


def load_digits(settings, data_dir=None, chosen=slice(None)) -> Dataset:
    """Loads MNIST's digits; see `mnistgan.projects.Project.load`."""
    return load_labelled_digits(settings, data_dir, chosen)[0], None


def load_labelled_digits(settings, data_dir=None, chosen=slice(None)) -> Dataset:
    """Loads MNIST's digits with their labels; see `mnistgan.projects.Project.load`."""
    digits, labels = data.load_mnist(f"train[:{settings.pictures}]", data_dir)
    return data.prepare_all(digits[chosen]), data.one_hot(labels[chosen])


def build_networks(settings):
    """Builds the generator and the discriminator of notebook 02."""
    generator = build_generator(
        settings.noise_dim,
        settings.generator_width,
        channels=settings.channels,
        hidden=settings.hidden,
    )
    discriminator = build_discriminator(
        settings.discriminator_width,
        channels=settings.channels,
        noise_std=settings.noise_std,
    )
    return generator, discriminator


CARD: dict[str, Any] = {
    "credit": CREDIT,
    "limits": "It draws digits as Americans wrote them in the 1990s, white on black; "
    "some of its drawings cannot be read.",
    "hub_id": "ylecun/mnist",
}
PROJECT = Project(load_digits, build_networks, **CARD)
