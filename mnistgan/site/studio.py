"""What the website draws, apart from the website: models, pictures and films as bytes.

Nothing here knows Streamlit. A `Studio` may be shared by all visitors: once it is
built, drawing changes nothing in it.
"""

import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from mnistgan import latent, plots, sampling
from mnistgan.engine import files
from mnistgan.projects import find_project
from mnistgan.widgets.questions import find_detective

COURSE = "the robot of the course"
AT_ONCE = 64  # pictures that one visitor can ask for


def models() -> dict[str, Path]:
    """Lists the models that visitors can choose: finished runs, then the course's own.

    Returns:
        Names and `.keras` files; see `mnistgan.sampling.best_model` for the first.
    """
    first = sampling.best_model()
    own = sorted(sampling.own_models(), key=lambda path: (path != first, path))
    return {path.parent.name: path for path in own} | {COURSE: sampling.PRETRAINED}


def identity(model: Path) -> str:
    """The checksums of a model and of its knobs. Raises OSError without a model."""
    directions = latent.directions_file(model)
    known = [model, directions] if directions.exists() else [model]
    return " ".join(map(files.checksum, known))


def why_not(generator) -> str:
    """Why a robot cannot copy a photo, in a sentence; empty when it can."""
    if sampling.classes(generator):
        return (
            "This robot draws what it is asked for, and cannot search for a copy. "
            "Choose one that draws digits as they come."
        )
    if generator.output_shape[-1] != 1:
        return (
            "This robot draws in colour, and cannot copy handwriting. Choose one that "
            "draws digits."
        )
    return ""


def why_no_quiz(path: Path, generator) -> str:
    """Why a robot's drawings cannot be mixed with digits; empty where they can."""
    settings = sampling.finished_run(path.parent)
    digits = settings is None or find_project(settings.project).draws_digits
    if digits and generator.output_shape[-1] == 1:
        return ""
    return "This robot draws no digits. Choose one that does."


class Studio:
    """One generator with its knobs, ready to draw.

    Attributes:
        directions: Those saved beside the model; else the six strongest.
        path: The model's file.
        generator: What is in it.
        noise_dim: Numbers in one noise.
        classes: Kinds of pictures that visitors can ask for; 0 for no choice.
        cannot_copy: Why it cannot copy a photo, in a sentence; empty when it can.
        no_quiz: Why it has no part in a quiz about digits, likewise.
        discriminator: The detective that lies beside it; None where there is none.
    """

    def __init__(self, path: Path) -> None:
        """Loads a model. Raises OSError or ValueError, with a sentence, when it fails.

        Args:
            path: One of the files of `models()`.
        """
        self.path = path
        self.generator = sampling.load_generator(path)
        self.noise_dim = sampling.noise_dim(self.generator)
        self.classes = sampling.classes(self.generator)
        self.cannot_copy = why_not(self.generator)
        self.no_quiz = why_no_quiz(path, self.generator)
        self.discriminator = find_detective(path)
        saved = latent.saved_directions(path, self.noise_dim)
        self.directions = saved or latent.usual_directions(self.generator)
        self._draw = sampling.compile_draw(self.generator)
        # One thread draws for all visitors: TensorFlow prepares itself anew in each
        # thread, which costs ten times as much as drawing a digit.
        self._painter = ThreadPoolExecutor(max_workers=1)
        self._searcher = ThreadPoolExecutor(max_workers=1)  # seconds each: one by one
        self.draw(self.noise(0, 1))  # compiles now, before the first visitor waits

    def noise(self, seed: int, count: int) -> np.ndarray:
        """Makes `(count, noise_dim)` noise; see `mnistgan.sampling.make_noise`."""
        return sampling.make_noise(self.generator, count, seed).numpy()

    def draw(self, noise: np.ndarray, label: int | None = None) -> np.ndarray:
        """Draws `(count, 64, 64, channels)`, uint8, all in one batch.

        Args:
            noise: `(count, noise_dim)`, float32.
            label: The class to draw; None for all in turn, or without classes.

        Raises:
            ValueError: More than `AT_ONCE` pictures, or none; or no such class.
        """
        if not 1 <= len(noise) <= AT_ONCE:
            raise ValueError(f"{len(noise)} pictures; choose 1 to {AT_ONCE}")
        return self._painter.submit(self._draw, noise, label).result()

    def turned(self, seed: int, turns: list[float]) -> np.ndarray:
        """The noise of a seed after each knob was turned: `(1, noise_dim)`, float32."""
        moves = np.array(turns, "float32") @ self.directions.vectors
        return self.noise(seed, 1) + moves

    def picture(self, noise: np.ndarray, label: int | None = None) -> bytes:
        """Draws one picture as a PNG file, from noise `(1, noise_dim)`."""
        return plots.to_png(self.draw(noise, label)[0], 320)

    def grid(self, seed: int, count: int, label: int | None = None) -> bytes:
        """Draws many pictures, as they come, as a PNG file."""
        return plots.to_png(plots.tile(self.draw(self.noise(seed, count), label)))

    def copy(self, digit: np.ndarray) -> bytes:
        """Draws a digit as nearly as it can, as a PNG file. It takes some seconds.

        Args:
            digit: `(64, 64, 1)`, uint8, from `mnistgan.photos.prepare_drawing`.

        Raises:
            ValueError: This robot cannot; see `cannot_copy`.
        """
        if self.cannot_copy:
            raise ValueError(self.cannot_copy)
        search = self._searcher.submit(latent.find_noise, self.generator, digit)
        return self.picture(search.result()[0].numpy()[np.newaxis])

    def morph(
        self, start: int, end: int, label: int | None = None
    ) -> tuple[bytes, bytes]:
        """Morphs the picture of one seed into that of another, and back.

        Returns:
            A strip as a PNG file, and an endless film as a GIF file.
        """
        one, two = self.noise(start, 1)[0], self.noise(end, 1)[0]
        first = 0 if self.classes and label is None else label
        frames = self.draw(sampling.interpolate(one, two, 12).numpy(), first)
        film = io.BytesIO()
        images = [Image.fromarray(f.squeeze()).resize((256, 256)) for f in frames]
        images += images[-2:0:-1]
        images[0].save(
            film, "GIF", save_all=True, append_images=images[1:], duration=120, loop=0
        )
        return plots.to_png(plots.tile(frames, columns=6)), film.getvalue()
