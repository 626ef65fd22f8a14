"""What to show of a robot to others: its page, its card, and both in a folder."""

import dataclasses
import json
import os
import shutil
import tempfile
from importlib.metadata import metadata
from pathlib import Path

from tensorflow import keras

from mnistgan import latent, plots, sampling
from mnistgan.engine import files, legacy
from mnistgan.engine.model_io import save_model
from mnistgan.engine.runs import OWN_PICTURES, read_scores, write_settings
from mnistgan.projects import Project, find_project
from mnistgan.settings import Settings
from mnistgan.site import page

SHOWN = 64  # drawings in the grid
MADE = (
    "index.html",
    "README.md",
    "generator.keras",
    "grid.png",
    "progress.gif",
    "scores.json",
    "settings.json",
)
SCORES = {  # what is said of the judge's numbers, and how
    "confident": ("recognised by the judge", ".1%"),
    "frechet": ("digit Fréchet distance", ".2f"),
    "recall": ("recall", ".3f"),
    "coverage": ("coverage", ".3f"),
}
CARD = """---
license: mit
library_name: keras
pipeline_tag: unconditional-image-generation
tags: [gan, image-generation, mnistgan]
{hub}---

# A robot that draws

![{shown} drawings of this robot, unpicked.](grid.png)

`generator.keras` turns {noise} random numbers into a picture of 64×64 pixels. It was
trained with the course [mnistgan]({address}). `index.html` is a page on which it draws
in a browser, without a server.

{facts}

## Use it

```python
import keras, numpy as np
generator = keras.models.load_model("generator.keras")
{call}
```

The pictures are `(16, 64, 64, {channels})`, from -1 to 1.

## What it cannot do

{limits}
"""


@dataclasses.dataclass(frozen=True)
class Robot:
    """A robot, and what is known of it.

    Attributes:
        model: Its `.keras` file.
        generator: What is in it.
        settings: How it was trained; None where no notes lie beside it.
        scores: What the judge found last: some of the keys of `SCORES`.
    """

    model: Path
    generator: keras.Model
    settings: Settings | None
    scores: dict[str, float]

    @property
    def project(self) -> Project | None:
        """What it draws; None where that is not known."""
        own = (self.model.parent / OWN_PICTURES).exists()
        return (
            find_project(self.settings.project) if self.settings and not own else None
        )


def read_settings(model: Path) -> Settings | None:
    """How a robot was trained, by the notes beside it; None if there are none."""
    for name in (f"{model.stem}.settings.json", "settings.json"):
        try:
            return Settings(**legacy.read_settings(model.with_name(name)))
        except (OSError, ValueError, TypeError):
            continue
    return None


def read_judged(model: Path) -> dict[str, float]:
    """What a judge has found out about a robot, by the notes beside it.

    Returns:
        The `drawn` row of the file that `python -m mnistgan judge --json` wrote, if it
        has the robot's name; or the last row of the run's `scores.csv`; or nothing.
    """
    try:
        return json.loads(model.with_suffix(".json").read_text())["rows"]["drawn"]
    except (OSError, ValueError, LookupError):
        pass
    try:
        return read_scores(model.parent)[-1]
    except (OSError, ValueError, LookupError):
        return {}


def open_robot(model: Path, generator: keras.Model) -> Robot:
    """Gathers what is known of a robot."""
    return Robot(model, generator, read_settings(model), read_judged(model))


def list_facts(robot: Robot) -> dict[str, str]:
    """What can be said of a robot, in words."""
    weights = robot.generator.count_params()
    facts = {"Size": f"{weights:,} numbers, which training has chosen"}
    if known := robot.settings:
        facts["Trained"] = (
            f"preset {known.preset}, {known.epochs} epochs of {known.pictures:,} "
            f"pictures in batches of {known.batch_size}, seed {known.seed}"
        )
    if robot.project:
        facts["Learned from"] = robot.project.credit
    else:
        facts["Learned from"] = "pictures of whoever trained it"
    judged = {name: robot.scores[name] for name in SCORES if name in robot.scores}
    if judged:
        said = (f"{SCORES[k][0]} {v:{SCORES[k][1]}}" for k, v in judged.items())
        facts["Judged"] = ", ".join(said)
    return facts | {"Licence of the robot": "MIT"}


def page_of(robot: Robot) -> str:
    """Builds a robot's page; see `mnistgan.site.page.build_page`.

    It has the knobs that are saved beside the robot, or else the six strongest.

    Raises:
        ValueError: The robot has a layer that the page does not know.
    """
    dim = sampling.noise_dim(robot.generator)
    found = latent.saved_directions(robot.model, dim)
    found = found or latent.find_directions(robot.generator)
    knobs = dict(zip(found.names, found.vectors.round(5).tolist(), strict=True))
    return page.build_page(robot.generator, knobs, list_facts(robot))


def write_page(robot: Robot, path: Path) -> None:
    """Writes what `page_of` builds.

    Raises:
        OSError: It cannot be written.
        ValueError: As of `page_of`; or `path` does not end in `.html`.
    """
    if path.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"{path} must end in .html")
    text = page_of(robot)
    with files.atomic_write(path) as aside:
        aside.write_text(text, "utf-8")


def write_card(robot: Robot) -> str:
    """Writes a model card, with what a model hub wants to know at its top."""
    generator, project = robot.generator, robot.project
    dim, classes = sampling.noise_dim(generator), sampling.classes(generator)
    noise = f'noise = np.random.standard_normal((16, {dim})).astype("float32")'
    asked = "noise"
    if classes:
        noise += (
            f'\nlabels = np.eye({classes}, dtype="float32")[np.arange(16) % {classes}]'
        )
        asked = "[noise, labels]"
    hub = f"datasets: [{project.hub_id}]\n" if project and project.hub_id else ""
    measured = [name for name in ("recall", "coverage") if name in robot.scores]
    hub += f"metrics: [{', '.join(measured)}]\n" if measured else ""
    facts = (f"- **{name}**: {fact}" for name, fact in list_facts(robot).items())
    return CARD.format(
        address=repository(),
        call=f"{noise}\npictures = generator({asked}, training=False)",
        channels=generator.output_shape[-1],
        facts="\n".join(facts),
        hub=hub,
        limits=project.limits if project else "It draws only what it has learned from.",
        noise=dim,
        shown=SHOWN,
    )


def repository() -> str:
    """Where the course lives, by its installed package."""
    links = metadata("mnistgan").get_all("Project-URL") or ["Repository, "]
    return links[0].split(", ", 1)[1]


def share(robot: Robot, folder: Path) -> list[str]:
    """Makes a folder that can be put up as it is: as a website, or on a model hub.

    Args:
        robot: From `open_robot`.
        folder: A new or empty one, or one that this function made earlier.

    Returns:
        The names of the files in it, of `MADE`: those about its training are left out
        where nothing is known of it.

    Raises:
        OSError: The folder cannot be made or written to.
        ValueError: It holds other files; or the page cannot be made.
    """
    files.make_folder(folder)
    if others := sorted({path.name for path in folder.iterdir()} - {*MADE}):
        raise ValueError(
            f"{folder} holds other files ({', '.join(others[:3])}); choose a new folder"
        )
    # All are made before any takes its place.
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".") as aside:
        place, noise = Path(aside), sampling.make_noise(robot.generator, SHOWN)
        with files.named_errors(folder, place):
            write_page(robot, place / "index.html")
            (place / "README.md").write_text(write_card(robot), "utf-8")
            save_model(robot.generator, place / "generator.keras")
            plots.save_grid(sampling.draw(robot.generator, noise), place / "grid.png")
            if robot.settings:
                write_settings(place, robot.settings)
            if robot.scores:
                (place / "scores.json").write_text(json.dumps(robot.scores, indent=2))
            if (film := robot.model.with_name("progress.gif")).exists():
                shutil.copyfile(film, place / film.name)
            made = [name for name in MADE if (place / name).exists()]
            for name in MADE:
                (folder / name).unlink(missing_ok=True)
            for name in made:
                os.replace(place / name, folder / name)
    return made
