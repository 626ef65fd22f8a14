"""A board to draw a digit on, for a robot that tries to copy it."""

import numpy as np
from PIL import Image
from tensorflow import keras

from mnistgan import latent, photos, plots, sampling
from mnistgan.widgets.parts import STIFF, make_button, widgets


class DrawingCanvas:
    """A board to draw a digit on: click its squares, or upload a picture.

    Attributes:
        squares: The 14 × 14 buttons, row by row.
        upload: The button that takes a picture file; `clear` forgets it, too.
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
        small = {"width": "18px", "height": "18px", "margin": "0px", "padding": "0px"}
        self.squares = [widgets.ToggleButton(layout=small) for _ in range(self.SIZE**2)]
        for square in self.squares:
            square.observe(self._ink, "value")
        self.upload = widgets.FileUpload(accept="image/*", description="or a picture")
        self.clear = make_button("clear", "trash", self._clear)
        self.copy = make_button("copy me", "magic", self._copy)
        self.upload.observe(lambda change: change["new"] and self._look(), "value")
        self.seen, self.copied = make_frame("seen"), make_frame("copied")
        self._output = widgets.Output()
        columns = f"repeat({self.SIZE}, 18px)"
        grid = widgets.GridBox(
            self.squares,
            layout={**STIFF, "grid_template_columns": columns, "grid_gap": "1px"},
        )
        buttons = [self.upload, self.clear, self.copy]
        panel = widgets.VBox(buttons if generator else buttons[:2], layout=STIFF)
        shown = {"what I saw": self.seen, "my copy": self.copied}
        frames = [captioned(picture, words) for words, picture in shown.items()]
        canvas = widgets.HBox([grid, panel, *frames])
        self.box = widgets.VBox([canvas, self._output])

    def picture(self) -> np.ndarray:
        """What was uploaded last, or else what the squares show.

        Returns:
            `(64, 64, 1)`, uint8, in [0, 255]; see `mnistgan.photos.prepare_drawing`.

        Raises:
            ValueError: The board is empty, the file is no picture, or nothing is on it.
        """
        files = self.upload.value
        if files:  # a dictionary in ipywidgets 7, which Colab had for long
            file = next(iter(files.values() if isinstance(files, dict) else files))
            return photos.prepare_drawing(bytes(file["content"]))
        ink = np.array([square.value for square in self.squares], "uint8") * 255
        image = Image.fromarray(ink.reshape(self.SIZE, self.SIZE))
        image = image.resize((112, 112), Image.Resampling.BICUBIC)
        framed = np.pad(np.array(image), 8)
        return photos.prepare_drawing(framed)

    def _ink(self, change: dict) -> None:
        change["owner"].button_style = "info" if change["new"] else ""

    def _clear(self) -> None:
        for square in self.squares:
            square.value = False
        self.upload.value = type(self.upload.value)()
        self.noise = None
        fill(self.seen, None)
        fill(self.copied, None)
        self._output.clear_output()

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
