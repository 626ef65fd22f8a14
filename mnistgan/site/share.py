"""What to show of a robot to others: its page, its card, and both in a folder."""

import dataclasses
import json
import operator
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
from tensorflow import keras

from mnistgan import latent, plots, sampling
from mnistgan.engine import course_files, files, legacy
from mnistgan.engine.model_io import save_model
from mnistgan.engine.runs import OWN_PICTURES, best_score, read_scores, write_settings
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
    OWN_PICTURES,
)
SCORES = {  # what is said of the judge's numbers, and how
    "confident": ("recognised by the judge", ".1%"),
    "frechet": ("digit Fréchet distance (lower is better)", ".2f"),
    "recall": ("recall (at most 1)", ".3f"),
    "coverage": ("coverage (at most 1)", ".3f"),
}
CARD = """---
library_name: keras
tags: [image-generation, mnistgan]
{hub}---

# A robot that draws

![{shown} drawings by this robot, unpicked.](grid.png)

`generator.keras` turns {given} into a picture of 64×64 pixels. It was trained with the
course {course}. `index.html` is a page on which it draws in a browser, without a
server. What else lies here tells of its training: `settings.json`, the judge's numbers
in `scores.json`, and a film, `progress.gif`, where they are known.

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
        project: What it draws; None where that is not known.
    """

    model: Path
    generator: keras.Model
    settings: Settings | None
    scores: dict[str, float]
    project: Project | None


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
        What `share` wrote; or the `drawn` row of what `python -m mnistgan judge --json`
        wrote, if that file has the robot's name; or a row of the run's `scores.csv`,
        for a robot that the run kept; or nothing.
    """

    def read(name):
        return json.loads(model.with_name(name).read_text())

    sources = [
        lambda: read("scores.json"),
        lambda: read(f"{model.stem}.json")["rows"]["drawn"],
    ]
    if model.name in ("generator.keras", "best.keras"):
        last = model.name == "generator.keras"
        pick = operator.itemgetter(-1) if last else best_score
        sources.append(lambda: pick(read_scores(model.parent)))
    for source in sources:
        try:
            found = source().items()
            known = ((name, x) for name, x in found if x is not None)
            return {name: x for name, x in known if np.isfinite(x).all()}
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            continue
    return {}


def open_robot(model: Path, generator: keras.Model) -> Robot:
    """Gathers what is known of a robot."""
    settings = read_settings(model)
    project = find_project(settings.project) if settings else None
    if project and not project.yours and model.with_name(OWN_PICTURES).exists():
        project = None  # train(pictures=...): what it says of its pictures is not so
    return Robot(model, generator, settings, read_judged(model), project)


def list_facts(robot: Robot) -> dict[str, str]:
    """What can be said of a robot, in words."""
    facts = {"Size": f"{robot.generator.count_params():,} numbers"}
    if known := robot.settings:
        facts["Settings of its training"] = (
            f"preset {known.preset}, {known.epochs} epochs of {known.pictures:,} "
            f"pictures in batches of {known.batch_size}, seed {known.seed}"
        )
    credit = robot.project.credit if robot.project else ""
    facts["Learned from"] = credit or "pictures of whoever trained it"
    judged = {name: robot.scores[name] for name in SCORES if name in robot.scores}
    if judged:
        said = (f"{SCORES[k][0]} {v:{SCORES[k][1]}}" for k, v in judged.items())
        facts["Judged"] = ", ".join(said)
    return facts | {"Licence": "MIT" if credit else "ask whoever trained it"}


def page_of(robot: Robot, directions: latent.Directions | None = None) -> str:
    """Builds a robot's page; see `mnistgan.site.page.build_page`.

    Args:
        robot: From `open_robot`.
        directions: Its knobs; None for those that are saved beside it, or else the six
            strongest.

    Raises:
        ValueError: The page does not know a layer, or the weights are broken.
    """
    dim = sampling.noise_dim(robot.generator)
    found = directions or latent.saved_directions(robot.model, dim)
    found = found or latent.usual_directions(robot.generator)
    knobs = dict(zip(found.names, found.vectors.round(5).tolist(), strict=True))
    digits = robot.project is not None and robot.project.draws_digits
    return page.build_page(robot.generator, knobs, list_facts(robot), quiz=digits)


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
    call, given = "noise", f"{dim} random numbers"
    code = [f'noise = np.random.standard_normal((16, {dim})).astype("float32")']
    if classes:
        call, given = "[noise, labels]", f"{given} and a wish"
        which = f"np.arange(16) % {classes}"
        code.append(f'labels = np.eye({classes}, dtype="float32")[{which}]')
    hub = ["license: mit"] if project and project.credit else []
    hub += ["pipeline_tag: unconditional-image-generation"] if not classes else []
    hub += [f"datasets: [{project.hub_id}]"] if project and project.hub_id else []
    measured = [name for name in ("recall", "coverage") if name in robot.scores]
    hub += [f"metrics: [{', '.join(measured)}]"] if measured else []
    facts = (f"- **{name}**: {fact}" for name, fact in list_facts(robot).items())
    limits = project.limits if project else ""
    return CARD.format(
        call="\n".join([*code, f"pictures = generator({call}, training=False)"]),
        channels=generator.output_shape[-1],
        course=course(),
        facts="\n".join(facts),
        given=given,
        hub="".join(f"{line}\n" for line in hub),
        limits=limits or "It draws only what it has learned from.",
        shown=SHOWN,
    )


def course() -> str:
    """The name of the course, with a link to where it lives, if that is known."""
    link = course_files.address()
    return f"[mnistgan]({link})" if link else "mnistgan"


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
    others = sorted(path.name for path in folder.iterdir() if path.name not in MADE)
    if others := [name for name in others if not name.startswith(".")]:
        raise ValueError(
            f"{folder} holds other files ({', '.join(others[:3])}); choose a new folder"
        )
    # All are made before any takes its place.
    with files.named_errors(folder, folder / "index.html"):
        with tempfile.TemporaryDirectory(dir=folder, prefix=".") as aside:
            fill(robot, Path(aside))
            made = [name for name in MADE if Path(aside, name).exists()]
            for name in made:
                os.replace(Path(aside, name), folder / name)
    for name in {*MADE} - {*made}:
        (folder / name).unlink(missing_ok=True)
    return made


def fill(robot: Robot, place: Path) -> None:
    """Writes the files of `share` into an empty folder."""
    write_page(robot, place / "index.html")
    (place / "README.md").write_text(write_card(robot), "utf-8")
    save_model(robot.generator, place / "generator.keras")
    noise = sampling.make_noise(robot.generator, SHOWN)
    plots.save_grid(sampling.draw(robot.generator, noise), place / "grid.png")
    if robot.settings:
        write_settings(place, robot.settings)
    if robot.scores:
        (place / "scores.json").write_text(json.dumps(robot.scores, indent=2))
    for name in ("progress.gif", OWN_PICTURES):
        if (kept := robot.model.with_name(name)).exists():
            shutil.copyfile(kept, place / name)
