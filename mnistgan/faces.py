"""Cartoon faces: an album that the course draws itself, and a witness who describes it.

The faces are put together from parts of the style "Adventurer" by Lisa Wischofsky
(CC BY 4.0), as DiceBear offers them. A folder of your own pictures does as well.
"""

import io
import itertools
import json
import os
import warnings
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds
from PIL import Image, ImageOps
from tensorflow import keras
from tensorflow.keras import layers
from tqdm.auto import tqdm

from mnistgan import fetch, measures
from mnistgan.models import build_features
from mnistgan.valid import checked, optional, text, whole
from mnistgan.valid import path as valid_path
from mnistgan.valid import pictures as valid_pictures

NAME, VERSION = "cartoon_faces", "1.0.0"
SIZES = {"train": 10_000, "test": 2_000}
SOURCE = "https://www.figma.com/community/file/1184595184137881796"
CREDIT = (
    'Remix of "Adventurer" by Lisa Wischofsky, licensed under CC BY 4.0 '
    "(https://creativecommons.org/licenses/by/4.0/). Put together with DiceBear "
    "(https://www.dicebear.com): fewer parts, a larger head, 64×64 pixels."
)
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
MOST_PIXELS = 25_000_000
SURE = 0.95  # an answer counts as sure when the witness is at least this confident


@cache
def load_style() -> Any:
    """Loads DiceBear's style "Adventurer", once: its parts, colours and licence.

    Raises:
        ImportError: DiceBear is not installed; the message says how to install it.
    """
    try:
        import dicebear
        import resvg_py  # noqa: F401, which turns the drawing into pixels

        text = (files("dicebear_styles") / "adventurer.json").read_text("utf-8")
    except ImportError as error:
        raise ImportError(
            f"cartoon faces need DiceBear ({error}); get it with "
            "`.venv/bin/pip install -e '.[faces]'`, or, in Colab, with "
            "`%pip install dicebear-core dicebear-styles resvg-py`"
        ) from error
    return dicebear.Style(json.loads(text))


def render_face(seed: str) -> tuple[np.ndarray, dict[str, str]]:
    """Puts one face together, from parts that the seed chooses.

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
    png = resvg_py.svg_to_bytes(svg_string=str(face), width=64, height=64)
    return np.array(Image.open(io.BytesIO(bytes(png))).convert("RGB")), named


def render_all() -> dict[str, list[tuple[int, dict]]]:
    """Draws every face of the data set, no two alike, with a bar; for `prepare_faces`.

    Returns:
        For each split of `SIZES` its faces, numbered, with a PNG file as `image`.
    """
    faces: dict[tuple, dict] = {}
    total = sum(SIZES.values())
    with tqdm(total=total, desc="Drawing faces", unit="face", mininterval=1) as bar:
        for seed in itertools.count():
            picture, named = render_face(str(seed))
            face = {"image": io.BytesIO(fetch.png(picture)), **named}
            faces.setdefault(tuple(named.values()), face)
            bar.update(len(faces) - bar.n)
            if len(faces) == total:
                break
    rest = iter(enumerate(faces.values()))
    return {
        split: list(itertools.islice(rest, count)) for split, count in SIZES.items()
    }


def prepare_faces(data_dir: str | os.PathLike | None = None) -> Path:
    """Makes sure that the faces lie ready as a TFDS data set, drawing them if need be.

    Drawing takes about a minute. It happens aside; see `mnistgan.fetch.made_aside`.

    Args:
        data_dir: Where data sets are kept; see `mnistgan.fetch.data_folder`.

    Returns:
        The folder, for `tfds.load("cartoon_faces", data_dir=...)`.

    Raises:
        ImportError: See `load_style`.
        OSError: The folder cannot be written to.
    """
    root = fetch.data_folder(data_dir)
    target = root / NAME / VERSION
    if fetch.is_ready(target):
        return root
    load_style()  # complains before anything is written
    labels = {q: tfds.features.ClassLabel(names=names) for q, names in ANSWERS.items()}
    image = tfds.features.Image(shape=(64, 64, 3))
    with fetch.made_aside(target) as aside:
        tfds.dataset_builders.store_as_tfds_dataset(
            name=NAME,
            version=VERSION,
            features=tfds.features.FeaturesDict({"image": image, **labels}),
            split_datasets=render_all(),
            data_dir=aside,
            description=CREDIT,
            homepage=SOURCE,
            citation="Lisa Wischofsky: Adventurer. Figma Community. CC BY 4.0.",
        )
    return root


@checked(split=text, data_dir=optional(valid_path))
def load_faces(
    split: str = "train", data_dir: str | os.PathLike | None = None
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Loads the cartoon faces through `tfds.load`, drawing them first if needed.

    Args:
        split: `"train"` (10,000 faces) or `"test"` (2,000), or a TFDS slice of one,
            such as `"train[:1000]"`. No two faces are made of the same parts.
        data_dir: Where data sets are kept; see `mnistgan.fetch.data_folder`.

    Returns:
        Pictures `(count, 64, 64, 3)`, uint8, in [0, 255], and for each question of
        `ANSWERS` the numbers of the answers, `(count,)`, int64.

    Raises:
        ImportError: See `load_style`.
        OSError: The folder cannot be written to.
        ValueError: There is no such split, or there are fewer faces.
    """
    root = prepare_faces(data_dir)
    faces = fetch.load_set(f"{NAME}:{VERSION}", split, root)
    return faces.pop("image"), faces


@checked(path=valid_path)
def read_picture(path: str | os.PathLike) -> np.ndarray:
    """Reads a picture of any size and mode, and makes it a small square in colour.

    It is turned upright (EXIF) and laid on white paper where it is see-through; of an
    animation it is the first frame. The largest square in its middle is kept.

    Args:
        path: A file of any format that Pillow reads.

    Returns:
        `(64, 64, 3)`, uint8, in [0, 255].

    Raises:
        OSError: There is no such file, or it is no picture.
        ValueError: It has more than 25 million pixels, or pixels of floating point.
    """
    with warnings.catch_warnings(), open(path, "rb") as file:
        warnings.simplefilter("ignore")  # about sizes that are refused below, anyway
        picture: Image.Image = Image.open(file)
        if picture.width * picture.height > MOST_PIXELS:
            raise ValueError(f"{picture.width}×{picture.height} pixels are too many")
        if picture.mode == "F":
            raise ValueError("its pixels are numbers without a fixed black and white")
        picture = ImageOps.exif_transpose(picture)
        if picture.mode.startswith("I"):  # 16 bits a pixel
            grey = np.clip(np.array(picture) / 257, 0, 255)
            picture = Image.fromarray(np.uint8(np.round(grey)))
        picture = picture.convert("RGBA")
    paper = Image.new("RGBA", picture.size, "white")
    flat = Image.alpha_composite(paper, picture).convert("RGB")
    return np.array(ImageOps.fit(flat, (64, 64)))


@checked(folder=valid_path, least=whole(1))
def load_folder(folder: str | os.PathLike, least: int = 100) -> np.ndarray:
    """Loads all pictures of a folder of your own, and those of the folders in it.

    Files that cannot be used are left out, and named in a printed sentence.

    Args:
        folder: Where your pictures are. Hidden files are not looked at.
        least: How many pictures it takes.

    Returns:
        `(count, 64, 64, 3)`, uint8, in [0, 255], in the order of the files' names; see
        `read_picture`.

    Raises:
        OSError: There is no such folder.
        ValueError: There are fewer than `least` pictures.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(
            f"there is no folder {folder}; make it, and put your pictures in"
        )
    names = sorted(path.relative_to(folder) for path in folder.rglob("*"))
    shown = [name for name in names if not any(part[0] == "." for part in name.parts)]
    seen = [name for name in shown if (folder / name).is_file()]
    pictures, bad = [], []
    for name in tqdm(seen, "Reading pictures", unit="file", mininterval=1):
        try:
            pictures.append(read_picture(folder / name))
        except Exception as error:  # a damaged file can fail anywhere inside Pillow
            bad.append(f"{name} ({error})")
    if bad:
        more = f"; and {len(bad) - 10} more" * (len(bad) > 10)
        print(f"Left out {len(bad)} of {len(seen)} files: {'; '.join(bad[:10])}{more}.")
    if len(pictures) < least:
        raise ValueError(
            f"{folder} has {len(pictures)} pictures that can be used; it takes "
            f"at least {least}: add some"
        )
    return np.stack(pictures)


def build_witness() -> keras.Model:
    """Builds the witness: face in, an answer to every question about it out.

    Returns:
        A model from pictures `(batch, 64, 64, 3)`, uint8, in [0, 255], to a dictionary:
        features `(batch, 256)` as `"features"`, and for each question of `ANSWERS` the
        logits of its answers, `(batch, answers)`, float32.
    """
    images = keras.Input((64, 64, 3), dtype="uint8")
    eyes = build_features(16, fog=0.0, channels=3)
    features = eyes(layers.Rescaling(1 / 127.5, offset=-1.0)(images))
    logits = {
        question: layers.Dense(len(answers), name=question)(features)
        for question, answers in ANSWERS.items()
    }
    return keras.Model(images, {"features": features, **logits}, name="witness")


@checked(pictures=valid_pictures(64, 64, 3), epochs=whole(1, 10_000), seed=whole())
def train_witness(
    witness: keras.Model,
    pictures: np.ndarray,
    named: dict[str, np.ndarray],
    epochs: int = 4,
    seed: int = 0,
) -> None:
    """Teaches a witness with faces of which we know what they are made of.

    Args:
        witness: From `build_witness`. It is changed.
        pictures: `(count, 64, 64, 3)`, uint8, from `load_faces`.
        named: What they are made of, from there, too.
        epochs: Rounds through the pictures; 4 of 10,000 take 20 seconds of a processor.
        seed: Starts the order of the pictures.
    """
    keras.utils.set_random_seed(seed)
    steps = epochs * -(-len(pictures) // 64)
    witness.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(3e-3, steps)),
        {q: keras.losses.SparseCategoricalCrossentropy(True) for q in ANSWERS},
        jit_compile=False,  # on a CPU, XLA's convolutions are slower than oneDNN's
    )
    with tqdm(total=steps, desc="Teaching the witness", mininterval=1) as bar:
        tell = keras.callbacks.LambdaCallback(
            on_train_batch_end=lambda batch, logs: bar.update()
        )
        witness.fit(pictures, named, 64, epochs, verbose=0, callbacks=[tell])


def ask(witness: keras.Model, pictures: np.ndarray) -> dict[str, np.ndarray]:
    """Lets the witness look at pictures `(count, 64, 64, 3)`, uint8.

    Returns:
        `"features"`, `(count, 256)`, and for each question the probabilities of its
        answers, `(count, answers)`, float32.
    """
    starts = range(0, len(pictures), 1000)
    parts = [witness(pictures[i : i + 1000], training=False) for i in starts]
    seen = {name: tf.concat([part[name] for part in parts], 0) for name in parts[0]}
    sure = {name: tf.nn.softmax(seen[name]) for name in ANSWERS}
    return {name: x.numpy() for name, x in {**seen, **sure}.items()}


def score(witness, pictures: np.ndarray, real: np.ndarray) -> dict[str, float]:
    """Compares pictures with real faces, by what the witness sees in them.

    Args:
        witness: From `train_witness`.
        pictures: `(count, 64, 64, 3)`, uint8, more than 5.
        real: As many faces that the witness was not trained on.

    Returns:
        `sure`: the share of answers that the witness is at least 95% sure of;
        `frechet`, and `precision`, `recall`, `density` and `coverage`: see
        `mnistgan.measures`, on the witness's features.

    Raises:
        ValueError: There are too few pictures.
    """
    seen, known = ask(witness, pictures), ask(witness, real)["features"]
    return {
        "sure": float(np.mean([seen[q].max(1) >= SURE for q in ANSWERS])),
        "frechet": measures.frechet_distance(known, seen["features"]),
        **measures.neighbourhoods(known, seen["features"]),
    }


@checked(
    pictures=valid_pictures(64, 64, 3, least=65),
    count=whole(1, 1_000_000),
    seed=whole(),
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
