"""A board to draw a digit on, for a robot that tries to copy it."""

import numpy as np
from PIL import Image
from tensorflow import keras

from mnistgan import latent, plots, sampling
from mnistgan.widgets.explore import STIFF, make_button, widgets


class DrawingCanvas:
    """A board to draw a digit on: click its squares, or upload a picture.

    Attributes:
        squares: The 14 × 14 buttons, row by row.
        upload: The button that takes a picture file; `clear` forgets it, too.
        copy: With a generator, the button that starts the search for a noise.
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
        self.copied = widgets.Image(width=192, height=192, layout=STIFF)
        self.copied.layout.display = "none"
        self.copied.add_class("mnistgan-copied")
        self._output = widgets.Output()
        columns = f"repeat({self.SIZE}, 18px)"
        grid = widgets.GridBox(
            self.squares,
            layout={**STIFF, "grid_template_columns": columns, "grid_gap": "1px"},
        )
        buttons = [self.upload, self.clear, self.copy]
        panel = widgets.VBox(buttons if generator else buttons[:2], layout=STIFF)
        canvas = widgets.HBox([grid, panel, self.copied])
        self.box = widgets.VBox([canvas, self._output])

    def picture(self) -> np.ndarray:
        """What was uploaded last, or else what the squares show.

        Returns:
            `(64, 64, 1)`, uint8, in [0, 255]; see `latent.prepare_drawing`.

        Raises:
            ValueError: The board is empty, or the file is no picture.
        """
        files = self.upload.value
        if files:  # a dictionary in ipywidgets 7, which Colab had for long
            file = next(iter(files.values() if isinstance(files, dict) else files))
            return latent.prepare_drawing(bytes(file["content"]))
        ink = np.array([square.value for square in self.squares], "uint8") * 255
        image = Image.fromarray(ink.reshape(self.SIZE, self.SIZE))
        image = image.resize((112, 112), Image.Resampling.BICUBIC)
        framed = np.pad(np.array(image), 8)
        return latent.prepare_drawing(framed)

    def _ink(self, change: dict) -> None:
        change["owner"].button_style = "info" if change["new"] else ""

    def _clear(self) -> None:
        for square in self.squares:
            square.value = False
        self.upload.value = type(self.upload.value)()

    def _copy(self) -> None:
        self._output.clear_output()
        with self._output:
            try:
                found, _ = latent.find_noise(self._generator, self.picture())
            except ValueError as error:
                print(error)
                return
        self.noise = found.numpy()
        drawn = sampling.draw(self._generator, found[np.newaxis])[0]
        self.copied.value = plots.to_png(drawn, 192)
        self.copied.layout.display = ""
