"""What several tests share: real digits, and small networks."""

import pytest

from mnistgan import data, machine

machine.load_tensorflow()  # quietly


@pytest.fixture(scope="session")
def digits():
    """2,000 real training digits, 28×28, uint8."""
    images, _ = data.load_mnist("train[:2000]")
    return images


@pytest.fixture(scope="session")
def album(digits):
    """The same digits, 64×64, uint8."""
    return data.prepare_all(digits)
