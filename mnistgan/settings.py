"""Every setting of a training run, in one frozen dataclass, with presets."""

import dataclasses
import os
import platform
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mnistgan.engine import course_files
from mnistgan.engine.machine import (
    count_cores,
    find_programs,
    has_gpu,
    likes_bfloat16,
    load_tensorflow,
)
from mnistgan.engine.valid import MOST
from mnistgan.projects import PROJECTS, find_project

PRESETS = {
    "smoke": {
        "epochs": 1,
        "pictures": 30_000,
        "batch_size": 16,
        "previews": 6,
        "generator_width": 8,
        "discriminator_width": 8,
    },
    "quick": {"epochs": 2, "batch_size": 32, "previews": 6},
    "laptop": {"epochs": 10, "batch_size": 48, "previews": 2},
    "full": {"epochs": 20, "batch_size": 64, "previews": 1, "judged": 2000},
}

EARLY = (25, 50, 100, 200, 400)  # steps after which a preview is drawn, too
MOST_DRAWN = 10_000_000  # pictures in one go
RANGES = {  # from where to where a number may go
    "epochs": (1, 1_000_000),
    "pictures": (1, 60_000),
    "batch_size": (1, 60_000),
    "noise_dim": (2, 10_000),
    "hidden": (0, 100),
    "generator_width": (1, 1_000),
    "discriminator_width": (1, 1_000),
    "channels": (1, 3),
    "classes": (0, 1_000),
    "noise_std": (0, 1),
    "generator_learning_rate": (1e-9, 1),
    "discriminator_learning_rate": (1e-9, 1),
    "beta_1": (0, 0.999),
    "final_rate": (0, 1),
    "previews": (1, 60_000),
    "judged": (0, 10_000),
    "seed": (0, MOST),
}


@dataclass(frozen=True)
class Settings:
    """What a training run needs to know. The same settings give the same result.

    Attributes:
        preset: The preset that the other values started from.
        project: What is drawn, and how it is learned.
        epochs: Rounds through all the pictures.
        pictures: How many of the 60,000 training pictures are used.
        batch_size: Pictures shown in one step.
        noise_dim: Random numbers that make one picture.
        hidden: Dense layers in which the generator sorts the noise.
        generator_width: Channels of the generator: twice as many at 14×14, four times
            as many at 7×7.
        discriminator_width: Channels of the discriminator: so many in its first layer,
            eight times as many in its last; see `mnistgan.models.build_features`.
        channels: 1 for grey pictures, 3 for colours.
        classes: Kinds of pictures that both robots know labels of; 0 for none.
        noise_std: Standard deviation of the noise laid over the pictures that the
            discriminator sees in training.
        generator_learning_rate: Adam's step size for the generator.
        discriminator_learning_rate: Adam's step size for the discriminator.
        beta_1: Adam's momentum, for both (0.5: Radford et al. 2016, section 4).
        final_rate: What is left of both learning rates at the end, as a share; they
            fall in a straight line.
        previews: Preview grids in each epoch, the last one at its end. A few early ones
            come on top, while the drawings change fastest.
        judged: Drawings that the judge scores at each preview; 0 for no judge.
        seed: Starts every random choice: weights, order of the pictures, noise.
        mixed_precision: Calculate in bfloat16 where it is safe; for GPUs that like it.
        jit_compile: Let XLA compile the step; for GPUs.
    """

    preset: str = "laptop"
    project: str = "digits"
    epochs: int = 10
    pictures: int = 60_000
    batch_size: int = 48
    noise_dim: int = 32
    hidden: int = 3
    generator_width: int = 16
    discriminator_width: int = 16
    channels: int = 1
    classes: int = 0
    noise_std: float = 0.5
    generator_learning_rate: float = 1e-3
    discriminator_learning_rate: float = 1e-3
    beta_1: float = 0.5
    final_rate: float = 0.02
    previews: int = 2
    judged: int = 0
    seed: int = 0
    mixed_precision: bool = False
    jit_compile: bool = False

    def __post_init__(self) -> None:
        """Refuses values that cannot work: ValueError, with the name and the value."""
        if self.channels not in (1, 3):
            raise ValueError(
                f"channels is {self.channels!r}; it must be 1, grey, or 3, in colour"
            )
        if type(self.judged) is int and self.judged not in (0, *range(6, 10_001)):
            raise ValueError(f"judged is {self.judged}; it must be 0, or 6 to 10000")
        for field in dataclasses.fields(self):
            name, value = field.name, getattr(self, field.name)
            if name in RANGES:
                low, high = RANGES[name]
                kinds = (int,) if field.type is int else (int, float)
                fits = type(value) in kinds and low <= value <= high
                wanted = "a whole number" if kinds == (int,) else "a number"
                wanted += f" from {low} to {high}"
            elif field.type is bool:
                fits, wanted = type(value) is bool, "True or False"
            else:
                known = PRESETS if name == "preset" else PROJECTS
                fits, wanted = value in list(known), f"one of {', '.join(known)}"
            if not fits:
                raise ValueError(f"{name} is {value!r}; it must be {wanted}")
        if not self.batch_size <= self.pictures <= 60_000:
            raise ValueError(
                f"pictures is {self.pictures}; it must be from batch_size, "
                f"{self.batch_size}, to 60000"
            )

    @property
    def steps_per_epoch(self) -> int:
        """Training steps in one round; a last, shorter batch is left out."""
        return self.pictures // self.batch_size

    @property
    def total_steps(self) -> int:
        """Training steps in all."""
        return self.epochs * self.steps_per_epoch

    def previews_by(self, step: int) -> int:
        """How many preview grids are due in the first `step` steps."""
        regular = step * self.previews // self.steps_per_epoch
        return regular + sum(step >= early for early in EARLY)


def pick_preset(preset: str | None = None) -> tuple[str, str]:
    """Picks a preset: the one asked for, `MNISTGAN_PRESET`, or what suits the machine.

    Args:
        preset: `"quick"`, `"laptop"` or `"full"`, or `"smoke"`, which only shows that
            everything works; None to let the machine decide.

    Returns:
        The name of the preset, and the reason in words.

    Raises:
        ValueError: There is no preset of that name.
    """
    cores = count_cores()
    if preset:
        name, reason = preset, "you asked for it"
    elif wish := os.environ.get("MNISTGAN_PRESET"):
        name, reason = wish, "MNISTGAN_PRESET says so"
    elif has_gpu():
        name, reason = "full", "there is a GPU"
    elif cores < 2:
        name, reason = "quick", "there is no GPU and only one core"
    else:
        name, reason = "laptop", f"there is no GPU, but there are {cores} cores"
    if name not in PRESETS:
        raise ValueError(
            f"there is no preset {name!r} ({reason}); choose from {', '.join(PRESETS)}"
        )
    return name, reason


def check_machine() -> None:
    """Prints the versions, what the machine has, and the preset that suits it.

    And lets a notebook find the programs of its own environment, such as TensorBoard.
    In this process, Keras' global settings are the course's from now on: the cells of
    its notebooks build robots by hand.

    Raises:
        ImportError: Keras cannot work for the course; the message says why.
    """
    from mnistgan import __version__

    find_programs()
    tf = load_tensorflow()
    from mnistgan.engine import keras_state

    preset, reason = pick_preset()
    print(
        f"mnistgan {__version__}, TensorFlow {tf.__version__}, "
        f"Keras {tf.keras.__version__}, Python {platform.python_version()}"
    )
    cores = "1 core" if count_cores() == 1 else f"{count_cores()} cores"
    print(f"Your machine: {cores}, {'a' if has_gpu() else 'no'} GPU.")
    print(f"It will train with the preset {preset!r}, because {reason}.")
    if others := keras_state.use_ours():
        print(
            f"Your Keras is set to {others}. This notebook works with Keras' usual "
            "settings instead; your configuration file stays as it is."
        )
    if "google.colab" in sys.modules and not has_gpu():
        print(
            "Colab can lend you a GPU: Runtime → Change runtime type → T4 GPU. "
            "Everything works without one, only more slowly."
        )


def choose_settings(
    preset: str | None = None, project: str = "digits", **changes: Any
) -> Settings:
    """Makes the settings for a run: a preset, the project's own, then your changes.

    Args:
        preset: See `pick_preset`.
        project: What is drawn; one of `PROJECTS`.
        **changes: Any field of `Settings`, by name.

    Returns:
        The settings.

    Raises:
        ValueError: A preset, a name or a value that does not exist or cannot work.
    """
    known = sorted(field.name for field in dataclasses.fields(Settings))
    for name in changes:
        if name not in known:
            raise ValueError(f"there is no setting {name!r}; choose from {known}")
    name, _ = pick_preset(preset)
    values: dict[str, Any] = {"preset": name, "project": project, **PRESETS[name]}
    values |= {"mixed_precision": likes_bfloat16(), "jit_compile": has_gpu()}
    found = find_project(project)
    own = found.defaults
    values["epochs"] *= 60_000 // own.get("pictures", 60_000)  # as many steps as digits
    for key, value in own.items():
        values[key] = value[name] if isinstance(value, dict) else value
    count = changes.get("pictures")
    if found.yours and isinstance(count, int) and count > 0:  # else refused below
        values["epochs"] = max(1, values["epochs"] * own["pictures"] // count)
    return Settings(**{**values, **changes})


def runs_folder() -> Path:
    """Where runs are kept: `MNISTGAN_RUNS`, or `runs` in the course's folder.

    Where the course is installed and its folder is not there, it is `runs` beside the
    notebooks that were copied; without those (in Colab), `runs` in the current folder.
    """
    wish = os.environ.get("MNISTGAN_RUNS")
    if wish:
        return Path(wish).expanduser()
    return (course_files.find_home() or Path()) / "runs"
