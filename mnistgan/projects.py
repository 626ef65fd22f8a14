"""The projects of the course: which pictures each of them learns from."""

import os

import numpy as np

from mnistgan import data
from mnistgan.settings import Settings
from mnistgan.valid import array, checked

Album = tuple[np.ndarray, np.ndarray | None]


def load_album(
    settings: Settings,
    data_dir: str | os.PathLike | None = None,
    pictures: np.ndarray | None = None,
    numbers: np.ndarray | None = None,
) -> Album:
    """Loads what a run learns from, fetching or making it first if needed.

    Args:
        settings: Of the run.
        data_dir: Where data sets are kept; see `mnistgan.fetch.data_folder`.
        pictures: Your own; see `check_own`. None for those of the project.
        numbers: Which of the pictures, where several workers share them; None for all.

    Returns:
        Pictures `(settings.pictures, 64, 64, settings.channels)`, uint8, in [0, 255],
        and their labels `(settings.pictures, settings.classes)`, float32, a 1 in each
        row; None without classes.

    Raises:
        OSError: The data cannot be fetched.
        ImportError: An extra is missing; the message says how to install it.
    """
    chosen = slice(None) if numbers is None else numbers
    if pictures is not None:
        return pictures[chosen], None
    some = f"train[:{settings.pictures}]"
    if settings.project == "faces":
        from mnistgan import faces

        return faces.load_faces(some, data_dir)[0][chosen], None
    if settings.project == "music":
        from mnistgan import chorales

        return chorales.load_rolls(some, data_dir)[chosen], None
    digits, names = data.load_mnist(some, data_dir)
    labels = data.one_hot(names[chosen]) if settings.classes else None
    return data.prepare_all(digits[chosen]), labels


@checked(pictures=array())
def check_own(pictures: np.ndarray, settings: Settings) -> None:
    """Refuses pictures of yours that are not what the settings say: ValueError."""
    wanted = (settings.pictures, 64, 64, settings.channels)
    if pictures.shape != wanted or pictures.dtype != np.uint8:
        raise ValueError(
            f"the pictures are {pictures.dtype} of shape {pictures.shape}; these "
            f"settings need uint8 of shape {wanted}"
        )
    if settings.classes:
        raise ValueError(
            f"classes is {settings.classes}, but your own pictures have no labels; "
            "it must be 0"
        )
