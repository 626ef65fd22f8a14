"""Points in a plane, for a game that is small enough to watch: shapes, a picture."""

from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from mnistgan.engine import valid

REACH = 1.25  # the plane is shown from -REACH to REACH
BLUE, ORANGE = (0, 114, 178), (213, 94, 0)  # as in `mnistgan.plots`
CLUSTERS = 0.75 * np.array([(np.cos(a), np.sin(a)) for a in np.arange(8) * np.pi / 4])
SHAPES = "ring", "two moons", "eight clusters"


@valid.checked(count=valid.integer(1), seed=valid.integer())
def make_points(shape: str, count: int = 2000, seed: int = 0) -> np.ndarray:
    """Makes real points in a shape: one of `SHAPES`.

    Returns:
        `(count, 2)`, float32, about in [-1, 1].

    Raises:
        ValueError: There is no such shape.
    """
    rng = np.random.default_rng(seed)
    if shape == "two moons":
        angles, upper = rng.uniform(0, np.pi, count), rng.random((count, 1)) < 0.5
        half = np.stack([np.cos(angles) - 0.5, np.sin(angles) - 0.25], 1)
        points = 0.65 * np.where(upper, half, -half) + rng.normal(0, 0.04, (count, 2))
    elif shape == "eight clusters":
        points = CLUSTERS[rng.integers(8, size=count)]
        points = points + rng.normal(0, 0.05, (count, 2))
    elif shape == "ring":
        angles = rng.uniform(0, 2 * np.pi, count)
        points = np.stack([np.cos(angles), np.sin(angles)], 1)
        points = points * rng.normal(0.75, 0.04, (count, 1))
    else:
        raise ValueError(f"shape is {shape!r}; it must be one of {', '.join(SHAPES)}")
    return points.astype("float32")


def points_of_drawing(
    picture: np.ndarray, count: int = 2000, seed: int = 0
) -> np.ndarray:
    """Scatters points over the ink of a picture, more of them where there is more.

    Args:
        picture: `(height, width, 1)`, uint8, in [0, 255], not all 0; white is ink.
        count: Of points.
        seed: Of their places.

    Returns:
        `(count, 2)`, float32, in [-1, 1]; the second number grows upwards.
    """
    rng = np.random.default_rng(seed)
    ink = np.asarray(picture, "float64")[..., 0]
    pixels = rng.choice(ink.size, size=count, p=ink.ravel() / ink.sum())
    places = np.stack([pixels % ink.shape[1], pixels // ink.shape[1]], 1)
    places = (places + rng.uniform(size=places.shape)) / ink.shape[::-1]
    return ((2 * places - 1) * (1, -1)).astype("float32")


def visited_clusters(points: np.ndarray) -> int:
    """Counts which of the eight clusters get at least 2% of the points `(count, 2)`."""
    distances = np.linalg.norm(points[:, np.newaxis] - CLUSTERS, axis=2)
    nearest = distances.argmin(axis=1)[distances.min(axis=1) < 0.2]
    return int((np.bincount(nearest, minlength=8) >= 0.02 * len(points)).sum())


class View(NamedTuple):
    """What is to be seen of a game.

    Attributes:
        fake_points: `(SHOWN, 2)`, float32: from the same noises each time.
        pushes: `(SHOWN, 2)`, float32: where the generator's loss falls, for each.
        beliefs: `(48, 48)`, float32, in [0, 1]: how real the discriminator believes a
            point to be, from the top left of the plane to its bottom right.
    """

    fake_points: np.ndarray
    pushes: np.ndarray
    beliefs: np.ndarray


def paint(real_points: np.ndarray, view: View, pixels: int = 360) -> np.ndarray:
    """Paints what is to be seen of a game.

    Returns:
        `(pixels, pixels, 3)`, uint8. Real points are dots, and drawn ones crosses; the
        ground is blue where the discriminator believes points to be real.
    """
    trust = 2 * view.beliefs[..., np.newaxis] - 1
    colour = np.where(trust > 0, BLUE, ORANGE)
    ground = 255 + 0.6 * np.abs(trust) * (colour - 255.0)
    image = Image.fromarray(ground.astype("uint8")).resize((pixels, pixels))
    pen = ImageDraw.Draw(image)
    half, size = pixels / 2, pixels / 130
    thin, thick = (max(1, round(share * size)) for share in (0.35, 0.7))

    def places(points):
        return half + half / REACH * points * (1, -1)

    for x, y in places(real_points[: len(view.fake_points)]):
        pen.ellipse([x - size, y - size, x + size, y + size], fill="#003A5C")
    # A hint is shown at a quarter of its strength, and never longer than a fifth.
    strength = np.linalg.norm(view.pushes, axis=1, keepdims=True) + 1e-9
    steps = view.pushes / strength * np.minimum(strength / 4, 0.2)
    starts, ends = places(view.fake_points), places(view.fake_points + steps)
    for (x, y), end in zip(starts, ends, strict=True):
        along = end - (x, y)
        along *= min(0.5, 2.5 * size / (np.linalg.norm(along) + 1e-9))
        aside = 0.4 * along[::-1] * (1, -1)
        head = end, end - along + aside, end - along - aside
        pen.line([x, y, *end], fill="#5A2800", width=thin)
        pen.polygon([value for corner in head for value in corner], fill="#5A2800")
        pen.line([x - size, y - size, x + size, y + size], fill="#A03C00", width=thick)
        pen.line([x - size, y + size, x + size, y - size], fill="#A03C00", width=thick)
    return np.array(image)
