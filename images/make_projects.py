"""The pictures of lessons 08, 09 and 10, and the gallery of all projects.

`make pictures` runs it. They come from `python -m mnistgan train --preset quick` with
each `--project`, and from a watch that is taught here, for a minute.
"""

from make import HERE, light_copy

from mnistgan.engine import machine

machine.load_tensorflow()

import numpy as np  # noqa: E402
from matplotlib import pyplot as plt  # noqa: E402
from PIL import Image  # noqa: E402
from tensorflow import keras  # noqa: E402

from mnistgan import data, latent, plots  # noqa: E402
from mnistgan.datasets import chorales  # noqa: E402
from mnistgan.projects import anomaly, conditional  # noqa: E402
from mnistgan.sampling import (  # noqa: E402
    PRETRAINED,
    draw,
    load_generator,
    make_noise,
)
from mnistgan.settings import runs_folder  # noqa: E402


def load(project):
    """The generator of a project's run."""
    return load_generator(runs_folder() / project / "generator.keras")


def redrawn(pictures):
    """Real digits, and the same drawn again by the VAE."""
    encoder = runs_folder() / "vae" / "encoder.keras"
    described = keras.models.load_model(encoder, compile=False)(
        data.to_float(pictures), training=False
    )
    again = draw(load("vae"), described[:, : described.shape[1] // 2])
    rows = [pictures[:12], again[:12], pictures[12:24], again[12:24]]
    light_copy(Image.fromarray(plots.tile(np.concatenate(rows), 12)), "vae.png")


def ten_of_each():
    """What the artist draws when it is asked: ten noises for each digit."""
    generator = load("conditional")
    wanted = np.repeat(np.arange(10), 10)
    grid = plots.tile(draw(generator, make_noise(generator, 100), wanted), 10)
    light_copy(Image.fromarray(grid), "conditional.png", 16)


def lover_of_threes(pictures):
    """Digits, redrawn by a VAE that has only seen threes, and its surprise."""
    digits, labels = data.load_mnist("train")
    images = data.prepare_all(digits[labels == 3])
    generator, encoder = anomaly.train_vae(images, runs_folder() / "pictures-anomaly")
    described = encoder(data.to_float(pictures), training=False)
    again = draw(generator, described[:, : described.shape[1] // 2])
    nats = anomaly.negative_elbo(generator, encoder, pictures)
    figure, places = plt.subplots(2, len(pictures), figsize=(10, 2.5))
    for column, pair in enumerate(zip(pictures, again, strict=True)):
        for axes, picture in zip(places[:, column], pair, strict=True):
            axes.imshow(picture, cmap="gray", vmin=0, vmax=255)
            axes.set_axis_off()
        places[1, column].set_title(f"{nats[column]:.0f}", y=-0.35, fontsize=10)
    figure.tight_layout(pad=0.3)
    plots.save_figure(figure, HERE / "anomaly.png")
    return again


def gallery(odd_strip):
    """One strip for each project, drawn by the project."""
    digits = load_generator(PRETRAINED)
    turns = np.linspace(-3, 3, 12, dtype="float32")[:, None]
    knob = latent.find_directions(digits).vectors[0]
    faces, songs = load("faces"), load("music")
    rolls = draw(songs, make_noise(songs, 12))
    rolls = chorales.draw_rolls(chorales.read_rolls(rolls))
    strips = {
        "handwritten digits": draw(digits, make_noise(digits, 12)),
        "latent space explorer: one digit, one knob": draw(
            digits, make_noise(digits, 1, seed=4) + turns * knob
        ),
        "digits on demand": np.concatenate(
            np.split(
                conditional.write(load("conditional"), "25.11.2026 ", 7), 11, axis=1
            )
        ).reshape(11, 64, 64, 1),
        "cartoon faces": draw(faces, make_noise(faces, 12)),
        "anomaly detector: redrawn by one who has seen only threes": odd_strip,
        "music notes": rolls,
    }
    figure, places = plt.subplots(len(strips), 1, figsize=(9, 6.4))
    for axes, (title, strip) in zip(places, strips.items(), strict=True):
        axes.imshow(plots.tile(strip, 12), cmap="gray", vmin=0, vmax=255)
        axes.set_title(title, fontsize=10, loc="left")
        axes.set_axis_off()
    figure.tight_layout(pad=0.3)
    plots.save_figure(figure, HERE / "projects.png")
    light_copy(Image.open(HERE / "projects.png"), "projects.png", 64)


if __name__ == "__main__":
    digits, labels = data.load_mnist("test[:200]")
    pictures = data.prepare_all(digits)
    redrawn(pictures[:24])
    ten_of_each()
    some = [np.flatnonzero(labels == n)[0] for n in (3, 5, 8, 0, 1, 2, 4, 6, 7, 9)]
    threes = np.flatnonzero(labels == 3)[1:3]
    gallery(lover_of_threes(pictures[[*threes, *some]]))
