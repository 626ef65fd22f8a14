"""Makes flow.png, ways from fog to digit, and families_drawn.png.

The second needs the runs of `tests/benchmarks/families.py --minutes 8 --seeds 0`.
"""

from pathlib import Path

from mnistgan.engine import machine

machine.load_tensorflow()

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from PIL import Image  # noqa: E402

from mnistgan import plots  # noqa: E402
from mnistgan.data import one_hot, to_uint8  # noqa: E402
from mnistgan.projects.flow import guide, walk  # noqa: E402
from mnistgan.sampling import draw, load_generator, make_noise  # noqa: E402
from mnistgan.settings import runs_folder  # noqa: E402

HERE = Path(__file__).resolve().parent
SHOWN = (0, 2, 4, 6, 8, 10, 12, 14, 17, 20)  # of twenty steps
FAMILIES = ("digits", "conditional", "vae", "flow")


def ways(velocity):
    """Four rows, each a way from fog to digit."""
    fog = tf.random.stateless_normal((4, 28, 28, 1), seed=(0, 0))
    steps = walk(guide(velocity), fog, tf.constant(one_hot([7, 3, 5, 0])), 20)
    rows = np.stack([to_uint8(steps[n]).numpy() for n in SHOWN], axis=1)
    grid = plots.tile(rows.reshape(-1, 28, 28, 1), len(SHOWN)).squeeze()
    picture = Image.fromarray(grid).resize([3 * side for side in grid.shape[::-1]], 0)
    picture.quantize(32).save(HERE / "flow.png", optimize=True)


def families():
    """A row for each family: its first twelve drawings after eight minutes."""
    rows = []
    for name in FAMILIES:
        run = runs_folder() / "families" / f"{name}-8-0"
        generator = load_generator(run / "generator.keras")
        rows.append(draw(generator, make_noise(generator, 12, seed=0)))
    grid = Image.fromarray(plots.tile(np.concatenate(rows), 12))
    grid.quantize(32).save(HERE / "families_drawn.png", optimize=True)


if __name__ == "__main__":
    generator = load_generator(runs_folder() / "flow" / "generator.keras")
    ways(generator.get_layer("guided").get_layer("velocity"))
    families()
