"""The projects of the course: which pictures each of them learns from."""

import os

import numpy as np

from mnistgan import data
from mnistgan.engine.valid import array, checked
from mnistgan.settings import PROJECTS, Settings

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
        data_dir: Where data sets are kept; see `mnistgan.datasets.mnist.data_folder`.
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
        from mnistgan.datasets import faces

        return faces.load_faces(some, data_dir)[0][chosen], None
    if settings.project == "music":
        from mnistgan.datasets import chorales

        return chorales.load_rolls(some, data_dir)[chosen], None
    digits, names = data.load_mnist(some, data_dir)
    labels = data.one_hot(names[chosen]) if settings.classes else None
    return data.prepare_all(digits[chosen]), labels


def check_fits(settings: Settings) -> None:
    """Refuses settings that do not suit the project's own pictures: ValueError."""
    project = settings.project
    kinds = {"digits": (0, 10), "asked": (10,)}.get(project, (0,))
    channels = (PROJECTS[project].get("channels", 1),)
    for name, right in {"channels": channels, "classes": kinds}.items():
        if (value := getattr(settings, name)) not in right:
            raise ValueError(
                f"{name} is {value}; the pictures of the project {project} need "
                f"{' or '.join(map(str, right))}"
            )
    if settings.judged and project in ("faces", "music"):
        raise ValueError(
            f"judged is {settings.judged}; the judge knows digits only, so for the "
            f"project {project} it must be 0"
        )


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
