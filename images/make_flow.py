"""Makes flow.png: a robot's way from fog to digit, with many steps and with few."""

from pathlib import Path

from mnistgan.engine import machine

machine.load_tensorflow()

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from PIL import Image  # noqa: E402

from mnistgan import plots  # noqa: E402
from mnistgan.data import one_hot, to_uint8  # noqa: E402
from mnistgan.projects.flow import guide, walk  # noqa: E402
from mnistgan.sampling import load_generator  # noqa: E402
from mnistgan.settings import runs_folder  # noqa: E402

HERE = Path(__file__).resolve().parent
SHOWN = (0, 2, 4, 6, 8, 10, 12, 14, 17, 20)  # of twenty steps


def ways(velocity):
    """Four rows, each a way from fog to digit."""
    fog = tf.random.stateless_normal((4, 28, 28, 1), seed=(0, 0))
    steps = walk(guide(velocity), fog, tf.constant(one_hot([7, 3, 5, 0])), 20)
    rows = np.stack([to_uint8(steps[n]).numpy() for n in SHOWN], axis=1)
    grid = plots.tile(rows.reshape(-1, 28, 28, 1), len(SHOWN)).squeeze()
    picture = Image.fromarray(grid).resize([3 * side for side in grid.shape[::-1]], 0)
    picture.quantize(32).save(HERE / "flow.png", optimize=True)


if __name__ == "__main__":
    generator = load_generator(runs_folder() / "flow" / "generator.keras")
    ways(generator.get_layer("guided").get_layer("velocity"))
