"""The game of artist and detective in slow motion: points in a plane, and buttons.

The step and the losses are those of the pictures. (The idea of watching a GAN on points
is from Kahng et al. 2019, "GAN Lab".) Only what `ipywidgets` itself brings is used, and
all of it can be reached by the keyboard.
"""

from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers

from mnistgan import plots
from mnistgan.engine.keras_state import own_keras
from mnistgan.engine.valid import checked, integer
from mnistgan.models import generator_loss
from mnistgan.training import make_train_step
from mnistgan.widgets.canvas import DrawingCanvas
from mnistgan.widgets.parts import BESIDE, STIFF, WRAP, make_button, widgets
from mnistgan.widgets.points import (
    REACH,
    SHAPES,
    View,
    make_points,
    paint,
    points_of_drawing,
    visited_clusters,
)

BATCH = 64  # points in a step
NOISE_DIM = 2
SHOWN = 80  # points of each kind
OWN = "draw it yourself"
SWIFT, SLOW = 50, 700  # milliseconds between two pictures
LEGEND = (
    "<small><b>●</b> real &ensp; <b>✕</b> drawn &ensp; <b>→</b> where the detective's "
    "hint pushes it<br><span style='color:#0072B2'>■</span> blue ground: the detective "
    "believes “real” &ensp; <span style='color:#D55E00'>■</span> orange: “drawn”"
    "</small>"
)


class PointGan:
    """Two tiny dense networks, and the training step of the pictures.

    Attributes:
        real_points: `(count, 2)`, float32, to learn from.
        generator, discriminator: The networks.
        generator_learning_rate, discriminator_learning_rate: Adam's; may be changed.
        discriminator_steps: How often the discriminator learns in a round.
        rounds: Played so far.
        losses: Of the last step: the discriminator's and the generator's, in nats.
    """

    @own_keras()
    def __init__(self, real_points: np.ndarray, seed: int = 0) -> None:
        """Builds the networks; `seed` is that of their weights and of all noise."""
        self.real_points, self._seed = real_points, seed
        self.generator_learning_rate = 0.002
        self.discriminator_learning_rate = 0.005
        self.discriminator_steps = 1
        self.generator = _dense(NOISE_DIM, 2, layers.ReLU(), 6 * seed)
        self.discriminator = _dense(
            2, 1, layers.LeakyReLU(negative_slope=0.2), 6 * seed + 3
        )
        self._optimizers = [keras.optimizers.Adam(beta_1=0.5) for _ in range(2)]
        robots = self.generator, self.discriminator
        self._train_step = make_train_step(*robots, *self._optimizers)
        changing = [*robots, *self._optimizers]
        self._variables = [v for owner in changing for v in owner.variables]
        self._first = [v.numpy() for v in self._variables]
        self._look = _make_look(*robots)
        self.restart(real_points)

    def restart(self, real_points: np.ndarray) -> None:
        """Forgets all that was learned; there may be other points."""
        for variable, value in zip(self._variables, self._first, strict=True):
            variable.assign(value)
        self.real_points, self.rounds = real_points, 0
        self.losses = float("nan"), float("nan")
        self._rng = np.random.default_rng(self._seed)
        self._shown = self._noise(SHOWN)

    def _noise(self, count: int) -> tf.Tensor:
        return tf.constant(self._rng.standard_normal((count, NOISE_DIM), "float32"))

    @own_keras()
    def step(self, discriminator: bool = True, generator: bool = True) -> None:
        """Takes one training step; a network that shall rest gets the rate 0.

        (Its optimizer goes on remembering, as if it were looking on.)
        """
        rates = (
            generator * self.generator_learning_rate,
            discriminator * self.discriminator_learning_rate,
        )
        for optimizer, rate in zip(self._optimizers, rates, strict=True):
            optimizer.learning_rate = rate
        which = self._rng.integers(len(self.real_points), size=BATCH)
        real_points = tf.constant(self.real_points[which])
        d_loss, g_loss, *_ = self._train_step(real_points, self._noise(BATCH))
        self.losses = float(d_loss), float(g_loss)
        self.rounds += generator

    def play(self, rounds: int = 1) -> None:
        """Plays rounds: in each, the generator learns once."""
        for _ in range(rounds):
            for _ in range(self.discriminator_steps - 1):
                self.step(generator=False)
            self.step()

    def draw(self, count: int) -> np.ndarray:
        """Draws points: `(count, 2)`, float32; from other noise after each round."""
        noise = np.random.default_rng(self.rounds).standard_normal((count, NOISE_DIM))
        return self.generator(noise.astype("float32"), training=False).numpy()

    def look(self) -> View:
        """What is to be seen now."""
        return View(*(part.numpy() for part in self._look(self._shown)))

    def paint(self, pixels: int = 360) -> np.ndarray:
        """Paints that, see `mnistgan.widgets.points.paint`."""
        return paint(self.real_points, self.look(), pixels)


def _dense(inputs: int, outputs: int, activation, seed: int) -> keras.Model:
    """A network with two hidden dense layers; its first weights hang on three seeds."""
    x = start = keras.Input((inputs,))
    for number, size in enumerate((32, 32, outputs)):
        weights = keras.initializers.GlorotUniform(seed + number)
        x = layers.Dense(size, kernel_initializer=weights)(x)
        x = activation(x) if number < 2 else x
    return keras.Model(start, x)


def _make_look(generator: keras.Model, discriminator: keras.Model):
    """Compiles what a `View` needs, from the noise of the points to be shown."""
    across = np.linspace(-REACH, REACH, 48, dtype="float32")
    plane = tf.constant([(x, y) for y in across[::-1] for x in across])

    @tf.function
    def look(noise):
        fake_points = generator(noise, training=False)
        with tf.GradientTape() as tape:
            tape.watch(fake_points)
            loss = generator_loss(discriminator(fake_points, training=False))
        # The loss is a mean: times their number, it is each point's own.
        pushes = -tape.gradient(loss, fake_points) * len(noise)
        beliefs = tf.sigmoid(discriminator(plane, training=False))
        return fake_points, pushes, tf.reshape(beliefs, (48, 48))

    return look


def _named(words: str) -> dict[str, Any]:
    """What a slider is called, with room for it."""
    return {
        "description": words,
        "style": {"description_width": "112px"},
        "layout": {"width": "290px"},
    }


class Playground:
    """The game on points, with what one needs to play and to stop it.

    Attributes:
        gan: The `PointGan` that is played.
        shape: Chooses the real points: a shape, or what is drawn on `canvas`.
        picture: The image widget; see `paint`.
        player: Plays one round for each picture; `slow` takes a round apart.
        discriminator_step, generator_step, round, restart: The other buttons.
        sliders: By name, as in `PointGan`: both learning rates, and how often the
            discriminator learns in a round.
        box: All of it.
    """

    @checked(seed=integer(), pixels=integer(100, 2000))
    def __init__(self, shape: str = "ring", seed: int = 0, pixels: int = 360) -> None:
        """Builds the widgets.

        Args:
            shape: One of `mnistgan.widgets.points.SHAPES`.
            seed: Of the first weights and all noise.
            pixels: Width and height of the picture, 100 to 2,000: 360 for one learner,
                more for a class that looks at a wall.

        Raises:
            ValueError: There is no such shape.
        """
        self.gan, self._pixels = PointGan(make_points(shape), seed), pixels
        self._first_half = False
        self.picture = widgets.Image(width=pixels, height=pixels, layout=STIFF)
        self.picture.add_class("mnistgan-playground")
        self.words = widgets.HTML()
        self.shape = widgets.Dropdown(
            options=[*SHAPES, OWN], value=shape, **_named("real points")
        )
        self.shape.observe(lambda _: self._choose(), "value")
        self.canvas = DrawingCanvas()
        self.use = make_button("play with it", "check", self._use_drawing)
        self._own = widgets.VBox([self.canvas.box, self.use])
        self._own.layout.display = "none"
        self.player = widgets.Play(interval=SWIFT, max=10**9, show_repeat=False)
        self.player.observe(self._tick, "value")
        self.slow = widgets.ToggleButton(description="slow motion", icon="hourglass")
        self.slow.observe(self._set_pace, "value")
        self.discriminator_step = make_button(
            "detective learns", "", lambda: self._step(generator=False)
        )
        self.generator_step = make_button(
            "artist learns", "", lambda: self._step(discriminator=False)
        )
        self.round = make_button("one round", "step-forward", self.play)
        self.restart = make_button("start again", "refresh", self._restart)
        self.sliders = {
            "discriminator_learning_rate": self._rate("detective's rate"),
            "generator_learning_rate": self._rate("artist's rate"),
            "discriminator_steps": widgets.IntSlider(
                1, 1, 5, **_named("detective's turns")
            ),
        }
        for name, slider in self.sliders.items():
            slider.value = getattr(self.gan, name)
            slider.observe(lambda _: self._set_rates(), "value")
        rows = [
            widgets.HBox([self.player, self.slow]),
            widgets.HBox([self.discriminator_step, self.generator_step]),
            widgets.HBox([self.round, self.restart]),
        ]
        for row in rows:
            for button in row.children:
                button.layout.width = "143px"
        panel = [self.shape, *rows, *self.sliders.values(), self.words]
        side = widgets.VBox(panel, layout=BESIDE)
        board = widgets.HBox([self.picture, side], layout=WRAP)
        self.box = widgets.VBox([board, widgets.HTML(LEGEND), self._own])
        self._show()

    @staticmethod
    def _rate(words: str) -> widgets.FloatLogSlider:
        return widgets.FloatLogSlider(
            min=-4, max=-1, step=0.1, readout_format=".4f", **_named(words)
        )

    def play(self, rounds: int = 1) -> None:
        """Plays some rounds, and shows what came of them."""
        self.gan.play(rounds)
        self._first_half = False
        self._show()

    def _step(self, **who: bool) -> None:
        self.gan.step(**who)
        self._show()

    def _tick(self, change: dict) -> None:
        """Plays on for the next picture; in slow motion, one robot at a time."""
        if not change["new"]:  # somebody pressed the player's ■
            return
        if self.slow.value:
            self._first_half = not self._first_half
            if self._first_half:
                for _ in range(self.gan.discriminator_steps):
                    self.gan.step(generator=False)
            else:
                self.gan.step(discriminator=False)
            self._show()
        else:
            self.play()

    def _set_pace(self, change: dict) -> None:
        self.player.interval = SLOW if change["new"] else SWIFT

    def _set_rates(self) -> None:
        for name, slider in self.sliders.items():
            setattr(self.gan, name, slider.value)

    def _restart(self, points: np.ndarray | None = None) -> None:
        self.gan.restart(self.gan.real_points if points is None else points)
        self._first_half = False
        self._show()

    def _choose(self) -> None:
        own = self.shape.value == OWN
        self._own.layout.display = "" if own else "none"
        if not own:
            self._restart(make_points(self.shape.value))

    def _use_drawing(self) -> None:
        try:
            points = points_of_drawing(self.canvas.picture())
        except ValueError as error:
            self.words.value = str(error)
            return
        self._restart(points)

    def _show(self) -> None:
        self.picture.value = plots.to_png(self.gan.paint(self._pixels))
        words = f"<b>round {self.gan.rounds}</b>"
        d_loss, g_loss = self.gan.losses
        if d_loss == d_loss:  # there was a step: no more NaN
            words += f"<br>losses: detective {d_loss:.2f}, artist {g_loss:.2f}"
        if self.shape.value == "eight clusters":
            visited = visited_clusters(self.gan.draw(400))
            words += f"<br>the artist visits <b>{visited} of 8</b> clusters"
        self.words.value = words
