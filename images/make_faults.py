"""Makes faults.png: what robots draw after a short training with a fault in it."""

from pathlib import Path

import matplotlib.pyplot as plt

from mnistgan.engine import machine

machine.load_tensorflow()

from PIL import Image  # noqa: E402

from mnistgan import data, plots  # noqa: E402
from mnistgan.projects import faults  # noqa: E402

HERE = Path(__file__).resolve().parent


def ward(drawings):
    """A row of drawings for each name."""
    figure, places = plt.subplots(len(drawings), 1, figsize=(9, 0.62 * len(drawings)))
    figure.subplots_adjust(0.17, 0.01, 0.995, 0.99, hspace=0.06)
    for axes, (name, images) in zip(places, drawings.items(), strict=True):
        row = plots.tile(images[:12], 12).squeeze()
        axes.imshow(row, cmap="gray", vmin=0, vmax=255)
        axes.set_axis_off()
        words = {"ha": "right", "va": "center", "transform": axes.transAxes}
        axes.text(-0.015, 0.5, name, fontsize=11, **words)
    plots.save_figure(figure, HERE / "faults.png")
    light = Image.open(HERE / "faults.png").convert("L").quantize(16)
    light.save(HERE / "faults.png", optimize=True)


if __name__ == "__main__":
    images = data.prepare_all(data.load_mnist("train[:20000]")[0])
    drawings = {"healthy": faults.practise(images)[-1]}
    drawings |= {x.name: x.practise(images)[-1] for x in faults.FAULTS}
    ward(drawings)
