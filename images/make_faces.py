"""Makes the pictures of faces in this folder, and prints the table of lesson 11.

First: `.venv/bin/python -m mnistgan train --project faces --preset quick`, whose robot
this script draws with. Then: `.venv/bin/python images/make_faces.py`.
"""

from itertools import pairwise
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

from mnistgan.engine import machine

tf = machine.load_tensorflow()

from mnistgan import latent, plots  # noqa: E402
from mnistgan.datasets import faces  # noqa: E402
from mnistgan.projects import attribute_classifier  # noqa: E402
from mnistgan.sampling import draw, interpolate, load_generator, make_noise  # noqa: E402
from mnistgan.settings import runs_folder  # noqa: E402

HERE = Path(__file__).resolve().parent
RUN = runs_folder() / "faces"
COUNT = 2000  # pictures in each row of the table


def light_copy(image, name, colours=64):
    """Saves a picture with few colours, so that it is light."""
    with plots.files.atomic_write(HERE / name) as aside:
        image.quantize(colours, dither=Image.Dither.NONE).save(aside, optimize=True)


def compared(rows):
    """Pictures of each kind, with a title above each."""
    figure, places = plt.subplots(len(rows), 1, figsize=(8, 4.7), layout="constrained")
    for axes, (title, pictures) in zip(places, rows.items(), strict=True):
        axes.imshow(plots.tile(pictures[:24], columns=12), interpolation="nearest")
        axes.set_title(title, fontsize=11)
        axes.set_axis_off()
    plots.save_figure(figure, HERE / "faces.png")
    light_copy(Image.open(HERE / "faces.png").convert("RGB"), "faces.png", 128)


def film(paths, name, frames=9):
    """Some previews of the run, cropped to 16 faces, as a film."""
    chosen = [paths[i] for i in np.linspace(0, len(paths) - 1, frames).astype(int)]
    grids = [Image.open(path).crop((0, 0, 262, 262)) for path in chosen]
    small = [grid.resize((160, 160)).quantize(16, dither=0) for grid in grids]
    plots.save_film(small, HERE / name)


def morph(generator, noise, name):
    """A walk through some faces and back to the first."""
    stops = [*noise, noise[0]]
    way = tf.concat([interpolate(a, b, 7)[:-1] for a, b in pairwise(stops)], axis=0)
    frames = [Image.fromarray(face) for face in draw(generator, way)]
    large = [f.resize((96, 96), Image.Resampling.BICUBIC) for f in frames]
    plots.save_film([f.quantize(32, dither=0) for f in large], HERE / name, 5)


def directions(generator, name, seed=4, shown=3):
    """What the strongest knobs do to one face, a row each."""
    start = make_noise(generator, 1, seed).numpy()
    turns = np.linspace(-3, 3, 9, dtype="float32")[:, np.newaxis]
    found = latent.find_directions(generator, 6).vectors[:shown]
    rows = [draw(generator, start + turns * knob) for knob in found]
    light_copy(Image.fromarray(plots.tile(np.concatenate(rows), 9)), name)


def table(sets):
    """Scores every set of pictures, and prints a row for each."""
    images, named = faces.load_faces("train")
    unseen, _ = faces.load_faces("test")
    tf.keras.utils.set_random_seed(0)
    eyes = attribute_classifier.build_attribute_classifier()
    attribute_classifier.train_attribute_classifier(eyes, images, named)
    for title, pictures in sets.items():
        row = attribute_classifier.score_faces(eyes, pictures, unseen)
        print(f"{title:10}", *(f"{name} {value:.3f}" for name, value in row.items()))


if __name__ == "__main__":
    generator = load_generator(RUN / "generator.keras")
    noise = make_noise(generator, COUNT, seed=1)
    images = faces.load_faces(f"train[:{COUNT}]")[0]
    blends, drawn = faces.blend_faces(images, COUNT), draw(generator, noise)
    compared(
        {
            "From the album": images,
            "Drawn by the robot, unpicked": drawn,
            "Blended without a robot": blends,
        }
    )
    film(sorted((RUN / "previews").glob("*.png")), "faces_progress.gif")
    directions(generator, "faces_knobs.png")
    morph(generator, noise[:4], "faces_morph.gif")
    chance = np.random.default_rng(0).standard_normal(images.shape)
    mist = np.clip(images.mean(axis=0) + images.std(axis=0) * chance, 0, 255)
    mist = mist.astype("uint8")
    table({"real": images, "drawn": drawn, "blends": blends, "mist": mist})
