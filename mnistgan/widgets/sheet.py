"""A sheet of paper to draw on: words, boxes, round stamps and pictures."""

import functools
from pathlib import Path
from typing import NamedTuple

import matplotlib
import numpy as np
from matplotlib.ft2font import FT2Font
from PIL import Image, ImageDraw, ImageFont

INK, GREY, PAPER = "#1B2A38", "#5F6B76", "#FBF8F1"
PLAIN, BOLD, SERIF = "DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "DejaVuSerif-Bold.ttf"
FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"  # the same on all machines
FINE, SHARP = 4, 2  # it is drawn and kept so many times larger: for sharp edges
TICK = (-0.45, 0.05), (-0.12, 0.4), (0.48, -0.38)  # of a stamp with radius 1

Box = tuple[float, float, float, float]  # left, top, right, bottom


class Style(NamedTuple):
    """How words look. `anchor` is Pillow's: "la" left and top, "mm" in the middle."""

    size: float
    font: str = PLAIN
    colour: str = INK
    anchor: str = "la"


@functools.cache
def load_font(name: str, size: float) -> ImageFont.FreeTypeFont:
    """Loads a font that comes with Matplotlib."""
    return ImageFont.truetype(str(FONTS / name), round(size * FINE))


def unknown_letters(words: str) -> str:
    """The letters of `words` that the font of headlines does not have."""
    known = FT2Font(str(FONTS / SERIF)).get_charmap()
    return "".join(letter for letter in words if ord(letter) not in known)


def width_of(words: str, style: Style) -> float:
    """How wide a line of words is."""
    return load_font(style.font, style.size).getlength(words) / FINE


def wrap(words: str, style: Style, width: float) -> list[str]:
    """Breaks words into lines, none wider than `width` unless a word is."""
    lines = [""]
    for word in words.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and width_of(longer, style) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


class Sheet:
    """A sheet whose places and sizes are told in points, from its left upper corner."""

    def __init__(self, width: int, height: int) -> None:
        """Takes an empty sheet."""
        self._image = Image.new("RGB", (width * FINE, height * FINE), PAPER)
        self._pen = ImageDraw.Draw(self._image)

    def write(self, x: float, y: float, words: str, style: Style) -> None:
        """Writes one line."""
        place, chosen = (x * FINE, y * FINE), load_font(style.font, style.size)
        self._pen.text(place, words, style.colour, chosen, style.anchor)

    def write_lines(self, box: Box, words: str, style: Style) -> float:
        """Writes words line by line between two sides, and returns where it ended."""
        left, y, right, _ = box
        x = (left + right) / 2 if style.anchor[0] == "m" else left
        for line in wrap(words, style, right - left):
            self.write(x, y, line, style)
            y += 1.35 * style.size
        return y

    def box(
        self, box: Box, fill: str | None, edge: str | None, line: float = 1
    ) -> None:
        """Draws a box with round corners."""
        corners = [side * FINE for side in box]
        self._pen.rounded_rectangle(
            corners, 6 * FINE, fill, edge, round(line * FINE) if edge else 0
        )

    def ring(self, x: float, y: float, radius: float, line: float, colour: str) -> None:
        """Draws a ring around a point; a full disc where `line` is the radius."""
        corners = [(z + side) * FINE for side in (-radius, radius) for z in (x, y)]
        self._pen.ellipse(corners, None, colour, round(line * FINE))

    def stamp(self, x: float, y: float, radius: float, colour: str) -> None:
        """Draws a round stamp with a tick in it."""
        self.ring(x, y, radius, radius, colour)
        points = [((x + a * radius) * FINE, (y + b * radius) * FINE) for a, b in TICK]
        thick = round(0.24 * radius * FINE)
        self._pen.line(points, PAPER, thick, "curve")
        for a, b in points:  # round ends
            r = thick / 2
            self._pen.ellipse((a - r, b - r, a + r, b + r), PAPER)

    def paste(self, picture: np.ndarray, x: float, y: float, width: float) -> None:
        """Lays a grey picture, `(height, width)`, uint8, on the sheet."""
        image = Image.fromarray(picture)
        size = round(width * FINE), round(width * FINE * image.height / image.width)
        image = image.resize(size, Image.Resampling.BICUBIC).convert("RGB")
        self._image.paste(image, (round(x * FINE), round(y * FINE)))

    def finish(self) -> Image.Image:
        """The sheet as a picture, `SHARP` times as many pixels as points wide."""
        return self._image.reduce(FINE // SHARP)
