"""Sliders and buttons for a notebook: change the noise, and watch the picture follow.

Only what `ipywidgets` itself brings is used, so that it works in JupyterLab, in voila
and in Colab.
"""

import random
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image, ImageDraw
from tensorflow import keras

from mnistgan import latent, plots, sampling
from mnistgan.engine.valid import checked, integer
from mnistgan.widgets.parts import STIFF, WRAP, make_button, widgets

SEEDS = 1_000_000  # that can be chosen
REACH = 3.0  # sliders go from -3 to 3: 99.7% of a normal distribution


@checked(pixels=integer(1, 10_000))
def make_painter(generator: keras.Model, pixels: int = 256) -> Callable:
    """Makes a quick painter for one picture at a time.

    Args:
        generator: A trained generator.
        pixels: Width and height of the PNG picture.

    Returns:
        A function from noise `(noise_dim,)`, float32, to the bytes of a PNG file. Its
        second argument is the class asked for, if the generator can be asked.
    """
    paint = sampling.compile_draw(generator)

    def paint_png(noise, label=None):
        return plots.to_png(paint(noise[np.newaxis], label)[0], pixels)

    return paint_png


def make_slider(name: str, follow: Callable[[dict], None]) -> widgets.FloatSlider:
    """Makes a slider from -`REACH` to `REACH`, with a function that follows it."""
    slider = widgets.FloatSlider(min=-REACH, max=REACH, step=0.05, description=name)
    slider.observe(follow, "value")
    return slider


class Explorer:
    """A picture, and sliders that change the noise that it is drawn from.

    Show its `box` in a notebook cell. Without knobs, the sliders are some of the raw
    numbers of the noise, and `picker` chooses which.

    Attributes:
        noise: `(noise_dim,)`, float32: what is drawn now.
        label: The buttons that choose a class; None where nothing can be asked for.
        picture: The image widget. Its `value` is the PNG file's bytes.
        sliders: One for each knob, or for each number that was picked.
        seed: The box for a seed; `surprise`, `zero` and `undo` are buttons.
        box: All of it.
    """

    @checked(seed=integer(0, SEEDS - 1))
    def __init__(
        self,
        generator: keras.Model,
        directions: latent.Directions | None = None,
        seed: int = 0,
        numbers: Sequence[int] | None = None,
    ) -> None:
        """Builds the widgets.

        Args:
            generator: A trained generator.
            directions: From `latent.find_directions`; None for raw numbers.
            seed: Of the first noise, from 0 to `SEEDS` - 1.
            numbers: Which raw numbers get a slider at first; None for the first six.

        Raises:
            ValueError: There is no such number or seed.
        """
        self._generator, self._paint = generator, make_painter(generator)
        self._history: list[np.ndarray] = []
        self._last_touched: object = None
        self._quiet = False
        self.noise = sampling.make_noise(generator, 1, seed)[0].numpy()
        dim = len(self.noise)
        numbers = range(min(6, dim)) if numbers is None else numbers
        if not set(numbers) <= set(range(dim)):
            raise ValueError(f"numbers is {numbers}; each must be from 0 to {dim - 1}")
        self.picture = widgets.Image(width=256, height=256, layout=STIFF)
        self.picture.add_class("mnistgan-picture")
        self.seed = widgets.BoundedIntText(seed, 0, SEEDS - 1, description="seed")
        self.seed.observe(self._use_seed, "value")
        self.surprise = make_button("surprise me", "random", self._surprise)
        self.zero = make_button(
            "all to zero", "circle-o", lambda: self.go_to(np.zeros(dim))
        )
        self.undo = make_button("undo", "undo", self._undo)
        self.picker = widgets.SelectMultiple(
            options=range(dim), value=tuple(numbers), rows=6, description="numbers"
        )
        self.picker.observe(lambda change: self._pick(change["new"]), "value")
        self._panel = widgets.VBox()
        buttons = widgets.HBox([self.surprise, self.zero, self.undo])
        controls = [self._panel, self.seed, buttons]
        self.label = None
        if known := sampling.classes(generator):
            self.label = widgets.ToggleButtons(options=range(known), description="draw")
            self.label.style.button_width = "36px"
            self.label.observe(self._show, "value")
            controls.insert(0, self.label)
        if directions is None:
            self._pick(numbers)
            controls.insert(1, self.picker)
        else:
            self._set_sliders(directions.names, directions.vectors)
        self.box = widgets.HBox([self.picture, widgets.VBox(controls)], layout=WRAP)
        self._show()

    def go_to(self, noise: np.ndarray) -> None:
        """Jumps to a noise `(noise_dim,)`; `undo` leads back."""
        self._remember(None)
        self.noise = np.asarray(noise, "float32")
        self._place_sliders()
        self._show()

    def _set_sliders(self, names: Sequence[str], vectors: np.ndarray) -> None:
        self._directions = vectors
        self.sliders = [make_slider(name, self._slide) for name in names]
        self._panel.children = self.sliders
        self._place_sliders()

    def _pick(self, numbers: Sequence[int]) -> None:
        names = [f"number {number}" for number in numbers]
        self._set_sliders(names, np.eye(len(self.noise), dtype="float32")[[*numbers]])

    def _place_sliders(self) -> None:
        """Puts the sliders where the noise is, as near as they reach."""
        values = np.linalg.pinv(self._directions.T) @ self.noise
        self._quiet = True
        for slider, value in zip(self.sliders, values, strict=True):
            slider.value = float(np.clip(value, -REACH, REACH))
        self._quiet = False

    def _slide(self, change: dict) -> None:
        if self._quiet:
            return
        self._remember(change["owner"])
        direction = self._directions[self.sliders.index(change["owner"])]
        self.noise = self.noise + (change["new"] - change["old"]) * direction
        self._show()

    def _remember(self, touched: object) -> None:
        """Keeps the noise for `undo`; one drag of a slider counts as one change."""
        if touched is None or touched is not self._last_touched:
            self._history.append(self.noise)
        self._last_touched = touched

    def _undo(self) -> None:
        if self._history:
            self.noise, self._last_touched = self._history.pop(), None
            self._place_sliders()
            self._show()

    def _surprise(self) -> None:
        further = random.randrange(1, SEEDS)  # never the seed that is there now
        self.seed.value = (self.seed.value + further) % SEEDS

    def _use_seed(self, change: dict) -> None:
        self.go_to(sampling.make_noise(self._generator, 1, change["new"])[0].numpy())

    def _show(self, _: object = None) -> None:
        label = self.label.value if self.label else None
        self.picture.value = self._paint(self.noise, label)


class MapExplorer:
    """A plane of noise: a map of what is drawn where, and a point to move over it.

    Attributes:
        map, picture: The image widgets: the map with its marker, and the point's digit.
        x, y: The sliders, from -`REACH` to `REACH`.
        box: All of it.
    """

    @checked(size=integer(2, 100))
    def __init__(
        self, generator: keras.Model, vectors: np.ndarray, size: int = 9
    ) -> None:
        """Draws the map.

        Args:
            generator: A trained generator.
            vectors: `(2, noise_dim)`, float32: where x and y lead.
            size: The map shows `size` × `size` drawings, 2 to 100.

        Raises:
            ValueError: There are not two directions.
        """
        if len(vectors) != 2:
            raise ValueError(f"a map needs 2 directions, not {len(vectors)}")
        self._directions, self._paint = vectors, make_painter(generator)
        self._map = draw_map(generator, vectors, size)
        self._span = 2 * REACH * size / (size - 1)  # from edge to edge, not centres
        self.map = widgets.Image(width=288, height=288, layout=STIFF)
        self.picture = widgets.Image(width=192, height=192, layout=STIFF)
        self.x, self.y = make_slider("x", self._show), make_slider("y", self._show)
        side = widgets.VBox([self.picture, self.x, self.y])
        self.box = widgets.HBox([self.map, side], layout=WRAP)
        self._show()

    def _show(self, _: object = None) -> None:
        x, y = self.x.value, self.y.value
        self.picture.value = self._paint(np.array([x, y], "float32") @ self._directions)
        side = len(self._map)
        across, down = (side * (0.5 + v / self._span) for v in (x, -y))
        image = Image.fromarray(self._map).convert("RGB")
        ring = [across - 9, down - 9, across + 9, down + 9]
        ImageDraw.Draw(image).ellipse(ring, outline="#F0E442", width=3)
        self.map.value = plots.to_png(np.array(image))


def draw_map(generator: keras.Model, vectors: np.ndarray, size: int = 9) -> np.ndarray:
    """Draws a plane of noise as a grid, see `plots.tile`; y points up."""
    steps = np.linspace(-REACH, REACH, size, dtype="float32")
    points = np.array([(x, y) for y in steps[::-1] for x in steps], "float32")
    pictures = sampling.draw(generator, points @ vectors)[:, ::2, ::2]
    return plots.tile(pictures, size, gap=0)
