"""What is drawn on a canvas: strokes, out of a browser or out of code.

Nothing here knows ipywidgets or Streamlit. The notebook and the website show the same
canvas, `canvas.js`; each has an adapter of a few lines.
"""

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

HERE = Path(__file__).parent
WIDTHS = {"thin": 0.05, "thick": 0.09}  # shares of the side; thick is like MNIST's
SIDE = 256  # pixels; with both margins, as large as photos are looked at
MOST = 20_000  # points: a hand that never rests for minutes stays below


def read_script(place: str) -> str:
    """The canvas as a JavaScript module, for a `"notebook"` or for the `"site"`."""
    names = ("canvas.js", f"canvas_{place}.js")
    sources = [(HERE / name).read_text(encoding="utf-8") for name in names]
    return "\n".join([f"const WIDTHS = {json.dumps(WIDTHS)};", *sources])


def read_style() -> str:
    """How the canvas looks, as CSS."""
    return (HERE / "canvas.css").read_text(encoding="utf-8")


def make_stroke(points: Any, width: str = "thick") -> dict[str, Any]:
    """Makes a stroke as the browser makes one.

    Args:
        points: Its corners, `[(x, y), …]`, as shares of the side: (0, 0) is the top
            left, (1, 1) the bottom right.
        width: `"thin"` or `"thick"`.

    Raises:
        ValueError: There is no such width, or there are no such points.
    """
    if width not in WIDTHS:
        raise ValueError(f"width is {width!r}; it must be one of {', '.join(WIDTHS)}")
    ((share, corners),) = parse([{"width": WIDTHS[width], "points": points}])
    return {"width": share, "points": corners.tolist()}


def parse(strokes: Any) -> list[tuple[float, np.ndarray]]:
    """Reads strokes; a visitor's browser may have sent anything at all.

    Returns:
        For each its width, and `(count, 2)`, float64: x and y. All are shares of the
        side, from 0 to 1.

    Raises:
        ValueError: They are no strokes, or too many.
    """
    try:
        found = [
            (float(one["width"]), np.array(one["points"], float)) for one in strokes
        ]
    except (TypeError, ValueError, KeyError, IndexError, OverflowError):
        found = [(0.0, np.zeros(0))]
    for width, points in found:
        fits = points.ndim == 2 and points.shape[1:] == (2,) and len(points)
        if not (fits and 0 < width <= 0.5 and np.all((points >= 0) & (points <= 1))):
            raise ValueError(
                "these are no strokes: their points lie between 0 and 1; clear the "
                "canvas, and draw again"
            )
    if (count := sum(len(points) for _, points in found)) > MOST:
        raise ValueError(
            f"the drawing has {count:,} points, and at most {MOST:,} are looked at; "
            "clear the canvas, and draw less"
        )
    return found


def paint(strokes: Any, margin: int = 32) -> np.ndarray:
    """Paints strokes, white on black, as the canvas in the browser does.

    Args:
        strokes: A list of `{"width": …, "points": [[x, y], …]}`; see `make_stroke`.
        margin: Pixels that are left free around them. So no stroke touches the rim:
            in a photo, that is what a table does.

    Returns:
        `(side, side)`, uint8, in [0, 255]: 256 pixels and both margins.

    Raises:
        ValueError: They are no strokes, or too many.
    """
    image = Image.new("L", (2 * SIDE, 2 * SIDE))  # halved in the end: soft edges
    brush = ImageDraw.Draw(image)
    for width, points in parse(strokes):
        corners = 2 * SIDE * points - 0.5  # Pillow counts from a pixel's middle
        thick = 2 * SIDE * width
        for start, end in itertools.pairwise(corners):
            brush.line([*start, *end], fill=255, width=round(thick))
        half = (thick - 1) / 2  # both its first and its last pixel are painted
        for x, y in corners:  # round ends, and round corners
            brush.ellipse([x - half, y - half, x + half, y + half], fill=255)
    return np.pad(np.array(image.reduce(2)), margin)
