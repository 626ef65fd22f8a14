"""Cartoon faces: an album that the course draws itself.

The faces are put together from parts of the style "Adventurer" by Lisa Wischofsky
(CC BY 4.0), as DiceBear offers them. `mnistgan.projects.attribute_classifier` looks at
them; `mnistgan.datasets.image_folder` reads pictures of your own.
"""

import io
import json
import os
from functools import cache
from importlib.resources import files
from itertools import count, islice
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image
from tqdm.auto import tqdm

from mnistgan.datasets import mnist
from mnistgan.engine import valid
from mnistgan.engine.machine import import_extra

NAME, VERSION = "cartoon_faces", "1.2.0"
SIZES = {"train": 10_000, "test": 2_000}
SOURCE = "https://www.figma.com/community/file/1184595184137881796"
CREDIT = (
    'Remix of "Adventurer" by Lisa Wischofsky, licensed under CC BY 4.0 '
    "(https://creativecommons.org/licenses/by/4.0/). Put together with DiceBear "
    "(https://www.dicebear.com): fewer parts, a larger head, few pixels."
)
CITATION = "Lisa Wischofsky: Adventurer. Figma Community. CC BY 4.0."
# What faces are made of, and what the witness is asked. Of 45 hairstyles, 26 pairs of
# eyes, 30 mouths and so on, some that can be told apart in 64×64 pixels; all colours.
PARTS = {
    "hairVariant": "long01 long06 long07 long13 long15 long21 "
    "short01 short03 short04 short11 short16 short18",
    "hairColor": "#0e0e0e #e5d7a3 #b9a05f #796a45 #85c2c6 #6a4e35 #562306 "
    "#afafaf #3eac2c #dba3be #592454 #ac6511 #cb6820 #ab2a18",
    "skinColor": "#f2d3b1 #ecad80 #9e5622 #763900",
    "eyesVariant": "variant03 variant15 variant17 variant20 variant22 variant23",
    "eyebrowsVariant": "variant02 variant10 variant13",
    "mouthVariant": "variant01 variant02 variant06 variant16 variant23 variant30",
    "glassesVariant": "variant01 variant02 variant03 none",
}
ANSWERS = {question: names.split() for question, names in PARTS.items()}
LOOK: dict[str, Any] = {
    **{part: [x for x in names if x != "none"] for part, names in ANSWERS.items()},
    **{"detailsProbability": 0, "earringsProbability": 0, "glassesProbability": 25},
    # A larger head, on white: the artist's tanh ends there, so that paper stays clean.
    **{"size": 64, "scale": 1.3, "backgroundColor": ["#ffffff"]},
}


@cache
def load_style() -> Any:
    """Loads DiceBear's style "Adventurer", once: its parts, colours and licence.

    Raises:
        ImportError: DiceBear is not installed; the message says how to install it.
    """
    import_extra("resvg_py", "faces")  # which turns the drawing into pixels
    styles = files(import_extra("dicebear_styles", "faces"))
    parts = json.loads((styles / "adventurer.json").read_text("utf-8"))
    return import_extra("dicebear", "faces").Style(parts)


def render_face(seed: str) -> tuple[np.ndarray, dict[str, str]]:
    """Puts one face together, from parts that the seed chooses.

    It is drawn with 28×28 pixels and then enlarged, as MNIST's digits are: as fine as
    our artist draws.

    Args:
        seed: Any text. The same text gives the same face.

    Returns:
        The picture, `(64, 64, 3)`, uint8, in [0, 255], and what it is made of: for each
        of the questions of `ANSWERS`, one of its answers.

    Raises:
        ImportError: See `load_style`.
    """
    style = load_style()
    import dicebear
    import resvg_py

    face = dicebear.Avatar(style, {**LOOK, "seed": seed})
    parts = face.to_json()["options"]
    named = {part: np.ravel(parts.get(part, "none")).item() for part in ANSWERS}
    png = resvg_py.svg_to_bytes(svg_string=str(face), width=28, height=28)
    small = Image.open(io.BytesIO(bytes(png))).convert("RGB")
    return np.array(small.resize((64, 64), Image.Resampling.BILINEAR)), named


def render_all() -> dict[str, list[tuple[int, dict]]]:
    """Draws every face of the data set, no two alike, with a bar; for `store_faces`.

    Returns:
        For each split of `SIZES` its faces, numbered, with a PNG file as `image`.
    """
    faces: dict[tuple, dict] = {}
    seeds, total = count(), sum(SIZES.values())
    with tqdm(total=total, desc="Drawing faces", unit="face", mininterval=1) as bar:
        while len(faces) < total:
            picture, named = render_face(str(next(seeds)))
            face = {"image": mnist.png(picture), **named}
            faces.setdefault(tuple(named.values()), face)
            bar.update(len(faces) - bar.n)
    rest = iter(enumerate(faces.values()))
    return {split: list(islice(rest, size)) for split, size in SIZES.items()}


def store_faces(folder: Path) -> None:
    """Draws all faces and stores them in `folder` as the data set `cartoon_faces`."""
    load_style()  # complains before anything is drawn
    labels = {q: tfds.features.ClassLabel(names=names) for q, names in ANSWERS.items()}
    features = {"image": tfds.features.Image(shape=(64, 64, 3)), **labels}
    about = {"description": CREDIT, "homepage": SOURCE, "citation": CITATION}
    mnist.store(folder, NAME, VERSION, features, render_all(), **about)


def prepare_faces(data_dir: str | os.PathLike | None = None) -> Path:
    """Makes sure that the faces lie ready as a TFDS data set, drawing them if need be.

    Drawing takes about a minute; see `mnistgan.datasets.mnist.prepare`.

    Args:
        data_dir: Where data sets are kept; see `mnistgan.datasets.mnist.data_folder`.

    Returns:
        The folder, for `tfds.load("cartoon_faces", data_dir=...)`.

    Raises:
        ImportError: See `load_style`.
        OSError: The folder cannot be written to.
    """
    return mnist.prepare(NAME, VERSION, mnist.data_folder(data_dir), store_faces)


@valid.checked(split=valid.text, data_dir=valid.optional(valid.path))
def load_faces(
    split: str = "train", data_dir: str | os.PathLike | None = None
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Loads the cartoon faces from their TFDS data set, drawing them first if needed.

    Args:
        split: `"train"` (10,000 faces) or `"test"` (2,000), or a TFDS slice of one,
            such as `"train[:1000]"`. No two faces are made of the same parts.
        data_dir: Where data sets are kept; see `mnistgan.datasets.mnist.data_folder`.

    Returns:
        Pictures `(count, 64, 64, 3)`, uint8, in [0, 255], and for each question of
        `ANSWERS` the numbers of the answers, `(count,)`, int64.

    Raises:
        ImportError: See `load_style`.
        OSError: The folder cannot be written to.
        ValueError: There is no such split, or there are fewer faces.
    """
    root = prepare_faces(data_dir)
    faces = mnist.load_set(f"{NAME}:{VERSION}", split, root)
    return faces.pop("image"), faces


@valid.checked(
    pictures=valid.pictures(64, 64, 3, least=65),
    count=valid.integer(1, 1_000_000),
    seed=valid.integer(),
)
def blend_faces(pictures: np.ndarray, count: int, seed: int = 0) -> np.ndarray:
    """Draws without a robot, to compare with: the mean face, changed at random.

    It varies along the 64 principal components of the pictures, as much as they do.

    Args:
        pictures: `(number, 64, 64, 3)`, uint8, at least 65.
        count: How many to draw.
        seed: Starts the chance.

    Returns:
        `(count, 64, 64, 3)`, uint8, in [0, 255].
    """
    rows = pictures.reshape(len(pictures), -1).astype("float32")
    mean = rows.mean(axis=0)
    _, vectors = np.linalg.eigh((rows - mean) @ (rows - mean).T)  # strongest last
    spread = vectors[:, -64:].T @ (rows - mean) / len(rows) ** 0.5  # (64, numbers)
    chance = np.random.default_rng(seed).standard_normal((count, 64), "float32")
    drawn = mean + chance @ spread
    return np.clip(np.round(drawn), 0, 255).astype("uint8").reshape(-1, 64, 64, 3)
