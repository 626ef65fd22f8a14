"""A board to draw a digit on, for a robot that tries to copy it."""

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
from PIL import Image
from tensorflow import keras

from mnistgan import latent, photos, plots, sampling
from mnistgan.widgets import strokes
from mnistgan.widgets.parts import STIFF, WRAP, make_button, widgets


def open_pad() -> Any:
    """The canvas, `mnistgan.widgets.pad.Pad`; None where `anywidget` is not there."""
    try:
        from mnistgan.widgets.pad import Pad
    except ImportError:
        return None
    return Pad(layout={**STIFF, "width": "284px", "max_width": "100%"})


class DrawingCanvas:
    """A board for a digit: draw it, click its squares, or upload a picture.

    What was changed last counts.

    Attributes:
        pad: The canvas for finger, pen and mouse. Its `strokes` are what is on it. None
            without `anywidget`: then the squares stand alone.
        squares: The 14 × 14 buttons, row by row, which need no more than a keyboard.
        upload: The button that takes a picture file; `clear` forgets everything.
        copy: With a generator, the button that starts the search for a noise.
        seen: The image widget with what the program saw on the board or in the file.
        copied: The image widget with what the robot made of it.
        noise: `(noise_dim,)`, float32, from which it drew that; None before.
        box: All of it.
    """

    SIZE = 14

    def __init__(self, generator: keras.Model | None = None) -> None:
        """Builds the widgets.

        Args:
            generator: A trained generator that shall copy the drawing; None for a
                board alone.
        """
        self._generator = generator
        self.noise: np.ndarray | None = None
        # What there is to see, in the order of its last change.
        self._sources = [self._clicked, self._drawn, self._uploaded]
        if pad := open_pad():
            pad.observe(lambda _: self._change(self._drawn), "strokes")
        self.pad = pad
        small = {"width": "18px", "height": "18px", "margin": "0px", "padding": "0px"}
        places = product(range(1, self.SIZE + 1), repeat=2)
        self.squares = [  # a screen reader would call each of them "null"
            widgets.ToggleButton(tooltip=f"row {row}, column {column}", layout=small)
            for row, column in places
        ]
        for square in self.squares:
            square.observe(self._ink, "value")
        self.upload = widgets.FileUpload(accept="image/*", description="or a picture")
        self.clear = make_button("clear", "trash", self._clear)
        self.copy = make_button("copy me", "magic", self._copy)
        self.upload.observe(self._take, "value")
        self.seen, self.copied = make_frame("seen"), make_frame("copied")
        self._output = widgets.Output()
        self.box = self._arrange()

    def _arrange(self) -> widgets.VBox:
        """The board, its buttons and frames; on a phone, one below the other."""
        columns = f"repeat({self.SIZE}, 18px)"
        grid = widgets.GridBox(
            self.squares,
            layout={**STIFF, "grid_template_columns": columns, "grid_gap": "1px"},
        )
        buttons = [self.upload, self.clear, self.copy]
        shown = buttons if self._generator else buttons[:2]
        panel = widgets.VBox(shown, layout=STIFF)
        frames = captioned(self.seen, "what I saw"), captioned(self.copied, "my copy")
        board = widgets.HBox([self.pad or grid, panel, *frames], layout=WRAP)
        if not self.pad:
            return widgets.VBox([board, self._output])
        folded = widgets.Accordion([grid], titles=["or click squares"])
        folded.layout.max_width = "320px"
        return widgets.VBox([board, folded, self._output])

    def stroke(self, points: Any, width: str = "thick") -> None:
        """Draws a stroke, as a hand would. Without a pad, it clicks squares instead.

        Args:
            points: Its corners, `[(x, y), …]`, as shares of the board's side: (0, 0) is
                the top left, (1, 1) the bottom right.
            width: `"thin"` or `"thick"`.

        Raises:
            ValueError: There is no such width, or there are no such points.
        """
        new = [strokes.make_stroke(points, width)]
        if self.pad:
            self.pad.strokes = self.pad.strokes + new
            return
        image = Image.fromarray(strokes.paint(new, margin=0))
        ink = np.array(image.resize((self.SIZE, self.SIZE), Image.Resampling.BOX))
        for square, level in zip(self.squares, ink.ravel(), strict=True):
            square.value = square.value or bool(level > 80)

    def picture(self) -> np.ndarray:
        """What was changed last: the canvas, the squares, or the upload.

        Returns:
            `(64, 64, 1)`, uint8, in [0, 255]; see `mnistgan.photos.prepare_drawing`.

        Raises:
            ValueError: The board is empty, the file is no picture, or nothing is on it.
        """
        for source in reversed(self._sources):
            if (found := source()) is not None:
                return photos.prepare_drawing(found)
        return photos.prepare_drawing(np.zeros((128, 128), "uint8"))  # says: empty

    def _uploaded(self) -> bytes | None:
        if not (files := self.upload.value):
            return None
        # A dictionary in ipywidgets 7, which Colab had for long.
        file = next(iter(files.values() if isinstance(files, dict) else files))
        return bytes(file["content"])

    def _drawn(self) -> np.ndarray | None:
        drawn = self.pad.strokes if self.pad else []
        return strokes.paint(drawn) if drawn else None

    def _clicked(self) -> np.ndarray | None:
        ink = np.array([square.value for square in self.squares], "uint8") * 255
        if not ink.any():
            return None
        image = Image.fromarray(ink.reshape(self.SIZE, self.SIZE))
        image = image.resize((112, 112), Image.Resampling.BICUBIC)
        return np.pad(np.array(image), 8)

    def _change(self, source: Callable) -> None:
        """Remembers what was changed last, and takes the answer to the old away."""
        self._sources.remove(source)
        self._sources.append(source)
        self.noise = None
        fill(self.seen, None)
        fill(self.copied, None)
        self._output.clear_output()

    def _ink(self, change: dict) -> None:
        change["owner"].button_style = "info" if change["new"] else ""
        self._change(self._clicked)

    def _take(self, change: dict) -> None:
        self._change(self._uploaded)
        if change["new"]:
            self._look()

    def _clear(self) -> None:
        for square in self.squares:
            square.value = False
        self.upload.value = type(self.upload.value)()
        if self.pad:
            self.pad.strokes = []
        self._change(self._clicked)  # takes a sentence away, too

    def _look(self) -> np.ndarray | None:
        """Shows what the program sees; without a digit, a sentence, and None."""
        self.noise = None
        fill(self.copied, None)
        self._output.clear_output()
        try:
            picture = self.picture()
        except ValueError as error:
            fill(self.seen, getattr(error, "seen", None))
            self._output.append_stdout(f"{error}\n")
            return None
        fill(self.seen, picture)
        return picture

    def _copy(self) -> None:
        if (picture := self._look()) is None:
            return
        with self._output:
            try:
                found, _ = latent.find_noise(self._generator, picture)
            except ValueError as error:
                print(error)
                return
        self.noise = found.numpy()
        fill(self.copied, sampling.draw(self._generator, found[np.newaxis])[0])


def make_frame(name: str) -> widgets.Image:
    """A place for a picture, not to be seen before it is filled."""
    layout = {**STIFF, "display": "none", "object_fit": "contain"}
    frame = widgets.Image(width=192, height=192, layout=layout)
    frame.add_class(f"mnistgan-{name}")
    return frame


def captioned(frame: widgets.Image, words: str) -> widgets.VBox:
    """A frame with words above it, which come and go with it."""
    label = widgets.Label(words, layout={"display": "none"})
    frame.layout.observe(
        lambda change: label.layout.set_trait("display", change["new"]), "display"
    )
    return widgets.VBox([label, frame], layout=STIFF)


def fill(frame: widgets.Image, picture: np.ndarray | None) -> None:
    """Shows a picture in a frame; None hides it."""
    frame.value = b"" if picture is None else plots.to_png(picture)
    frame.layout.display = "none" if picture is None else ""
