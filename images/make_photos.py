"""Makes photos.png: photos of digits, what is seen in them, and the robot's copies."""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from mnistgan.engine import machine

machine.load_tensorflow()

from mnistgan import data, latent, photos, plots  # noqa: E402
from mnistgan.sampling import PRETRAINED, draw, load_generator  # noqa: E402

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "tests" / "benchmarks"))

import phone  # noqa: E402

KINDS = {"ruled, shadow": 4, "table's edge": 7, "pencil, shadow": 2, "finger": 18}
ROWS = ("the photo", "what the program saw", "the robot's copy")


def main() -> None:
    """Draws four columns: each a photo, and what becomes of it."""
    images, _ = data.load_mnist("test[:100]")
    generator = load_generator(PRETRAINED)
    figure, axes = plt.subplots(
        3, len(KINDS), figsize=(7.6, 5.9), layout="constrained", facecolor="white"
    )
    for column, (kind, number) in enumerate(KINDS.items()):
        photo = phone.take_photo(images[number, ..., 0], kind, number)
        seen = photos.prepare_drawing(phone.to_jpeg(photo))
        noise, _ = latent.find_noise(generator, seen)
        copy = draw(generator, noise[np.newaxis])[0]
        shown = (photo.resize((252, 189)), seen, copy)
        for row, (picture, words) in enumerate(zip(shown, ROWS, strict=True)):
            axes[row, column].imshow(picture, cmap="gray", vmin=0, vmax=255)
            axes[row, column].set(xticks=[], yticks=[])
            axes[row, column].set_xlabel(words if column == 0 else "")
        axes[0, column].set_title(kind)
    plots.save_figure(figure, HERE / "photos.png")


main()
