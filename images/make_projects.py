"""The pictures of lessons 08, 09 and 10: `make pictures`.

They come from three runs: `python -m mnistgan train --project vae --preset quick`, the
same with `asked`, and a watch that is taught here, for a minute.
"""

from make import HERE, light_copy

from mnistgan import machine

machine.load_tensorflow()

import numpy as np  # noqa: E402
from matplotlib import pyplot as plt  # noqa: E402
from PIL import Image  # noqa: E402
from tensorflow import keras  # noqa: E402

from mnistgan import data, odd, plots  # noqa: E402
from mnistgan.drawing import draw, load_generator, make_noise  # noqa: E402
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
    generator = load("asked")
    wanted = np.repeat(np.arange(10), 10)
    grid = plots.tile(draw(generator, make_noise(generator, 100), wanted), 10)
    light_copy(Image.fromarray(grid), "asked.png", 16)


def lover_of_threes(pictures):
    """Digits, redrawn by a VAE that has only seen threes, and its surprise."""
    digits, labels = data.load_mnist("train")
    album = data.prepare_all(digits[labels == 3])
    generator, encoder, _ = odd.train_watch(album, runs_folder() / "pictures-odd")
    described = encoder(data.to_float(pictures), training=False)
    again = draw(generator, described[:, : described.shape[1] // 2])
    nats = odd.surprise(generator, encoder, pictures)
    figure, places = plt.subplots(2, len(pictures), figsize=(10, 2.5))
    for column, pair in enumerate(zip(pictures, again, strict=True)):
        for axes, picture in zip(places[:, column], pair, strict=True):
            axes.imshow(picture, cmap="gray", vmin=0, vmax=255)
            axes.set_axis_off()
        places[1, column].set_title(f"{nats[column]:.0f}", y=-0.35, fontsize=10)
    figure.tight_layout(pad=0.3)
    plots.save_figure(figure, HERE / "odd.png")


if __name__ == "__main__":
    digits, labels = data.load_mnist("test[:200]")
    pictures = data.prepare_all(digits)
    redrawn(pictures[:24])
    ten_of_each()
    some = [np.flatnonzero(labels == n)[0] for n in (3, 5, 8, 0, 1, 2, 4, 6, 7, 9)]
    threes = np.flatnonzero(labels == 3)[1:3]
    lover_of_threes(pictures[[*threes, *some]])
