"""The projects of the course: what each of them draws, and how it learns.

The engine is the same for all of them. To add one of your own, see CONTRIBUTING.md.
"""

import importlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mnistgan.engine.runs import GAN_OF_DIGITS, Words
from mnistgan.engine.valid import RANGES, array, checked, grey_levels, shown

# Each name's module holds a `PROJECT`. It is imported when it is needed, not before.
PROJECTS = {
    "digits": "mnistgan.projects.digits",
    "vae": "mnistgan.projects.vae",
    "conditional": "mnistgan.projects.conditional",
    "faces": "mnistgan.projects.faces",
    "music": "mnistgan.projects.music",
    "own": "mnistgan.projects.own",
    "flow": "mnistgan.projects.flow",
}
Dataset = tuple[np.ndarray, np.ndarray | None]


@dataclass(frozen=True)
class Project:
    """What differs from one project to another.

    Attributes:
        load: From `mnistgan.settings.Settings`, the folder for data sets (None for the
            usual one), and which of the `settings.pictures` pictures are wanted (a
            slice, or their numbers) to those pictures, `(count, 64, 64, channels)`,
            uint8, in [0, 255], and their labels, `(count, classes)`, float32, a 1 in
            each row; None without classes. Fetches or makes them first if needed.
        build: From settings to the two networks that learn: the generator, and its
            counterpart, whose name its file gets.
        defaults: The settings in which it differs from digits; in braces, one for each
            preset. `channels`, `classes` and `noise_dim` (if it is there) cannot be
            changed, nor `judged` if it is 0.
        make_step: From both networks and an optimizer for each to their training step;
            None for `mnistgan.training.make_train_step`. The step gets pictures,
            float32, in [-1, 1], and noise; with labels, `[pictures, labels]` and
            `[noise, labels]`. It returns two losses, and logits for two beliefs.
        extra_noise: How many random numbers the step gets with each noise, behind it.
        credit: Whose the pictures are, and under which licence; for cards and pages.
        limits: What its robots cannot do, in a sentence.
        hub_id: What a model hub calls the data set, if it has it.
        words: What the numbers of its runs' history are called.
        yours: Whether it has no pictures but the learner's; `load` refuses.
    """

    load: Callable[[Any, str | os.PathLike | None, Any], Dataset]
    build: Callable[[Any], tuple[Any, Any]]
    defaults: dict[str, Any] = field(default_factory=dict)
    make_step: Callable[..., Any] | None = None
    extra_noise: int = 0
    credit: str = ""
    limits: str = ""
    hub_id: str = ""
    words: Words = GAN_OF_DIGITS
    yours: bool = False

    @property
    def draws_digits(self) -> bool:
        """Whether it draws handwritten digits, which the judge can read."""
        return self.defaults.get("judged") != 0


def find_project(name: str) -> Project:
    """Finds a project by its name, one of `PROJECTS`; else ValueError."""
    if name not in list(PROJECTS):  # a list may be asked for anything
        raise ValueError(
            f"project is {name!r}; it must be one of {', '.join(PROJECTS)}"
        )
    return importlib.import_module(PROJECTS[name]).PROJECT


def load_dataset(
    settings: Any,
    data_dir: str | os.PathLike | None = None,
    pictures: np.ndarray | None = None,
    numbers: np.ndarray | None = None,
) -> Dataset:
    """Loads what a run learns from, fetching or making it first if needed.

    Args:
        settings: Of the run.
        data_dir: Where data sets are kept; see `mnistgan.datasets.mnist.data_folder`.
        pictures: Your own; see `check_own`. None for those of the project.
        numbers: Which of the pictures, where several workers share them; None for all.

    Returns:
        Pictures and labels; see `Project.load`.

    Raises:
        OSError: The data cannot be fetched.
        ImportError: An extra is missing; the message says how to install it.
    """
    chosen = slice(None) if numbers is None else numbers
    if pictures is not None:
        return pictures[chosen], None
    return find_project(settings.project).load(settings, data_dir, chosen)


def check_fits(settings: Any) -> None:
    """Refuses settings that do not suit the project's own pictures: ValueError."""
    project = find_project(settings.project)
    if project.yours:
        project.load(settings, None, slice(None))
    defaults = project.defaults
    usual = {"channels": 1, "classes": 0, "noise_dim": settings.noise_dim}
    for name in usual:
        value, right = getattr(settings, name), defaults.get(name, usual[name])
        if value != right:
            raise ValueError(
                f"{name} is {value}; the pictures of the project {settings.project} "
                f"need {right}"
            )
    if settings.pictures > (most := defaults.get("pictures", 60_000)):
        raise ValueError(
            f"pictures is {settings.pictures}; the project {settings.project} learns "
            f"from at most {most}"
        )
    check_judged(settings)


def check_judged(settings: Any) -> None:
    """Refuses to have anything but digits judged: ValueError."""
    project = find_project(settings.project)
    if settings.judged and not project.draws_digits:
        raise ValueError(
            f"judged is {settings.judged}; the judge knows digits only, so for the "
            f"project {settings.project} it must be 0"
        )


@checked(pictures=array())
def check_own(pictures: np.ndarray, settings: Any) -> np.ndarray:
    """Refuses pictures of yours that are not what the settings say.

    Returns:
        The pictures, as grey levels; see `mnistgan.engine.valid.grey_levels`.

    Raises:
        ValueError: They have another shape, or their numbers could mean several things;
            or the settings ask for labels.
    """
    wanted = (settings.pictures, 64, 64, settings.channels)
    levels = grey_levels(pictures) if tuple(pictures.shape) == wanted else None
    if levels is None:
        raise ValueError(
            f"the pictures are {shown(pictures)}; these settings need shape {wanted}, "
            f"{RANGES}"
        )
    if settings.classes:
        raise ValueError(
            f"classes is {settings.classes}, but your own pictures have no labels; "
            "it must be 0"
        )
    check_judged(settings)
    return levels
