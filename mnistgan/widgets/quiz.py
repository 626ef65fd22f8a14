"""A quiz for a notebook: real or drawn? You, against the detective and the judge."""

import time

import numpy as np
from tensorflow import keras

from mnistgan import plots
from mnistgan.evaluation import Judge
from mnistgan.sampling import best_model
from mnistgan.widgets.parts import BESIDE, STIFF, WRAP, make_button, widgets
from mnistgan.widgets.questions import (
    COUNT,
    Result,
    ask_machines,
    find_detective,
    find_mistakes,
    in_words,
    make_questions,
    score_answers,
)


def trained_detective() -> keras.Model | None:
    """The detective of your best robot; None for the robot that comes with the course.

    It taught the generator that `mnistgan.sampling.trained_generator` loads.
    """
    return find_detective(best_model())


class Quiz:
    """Twenty pictures, one at a time, and who told best which are real.

    Attributes:
        questions: The pictures; see `mnistgan.widgets.questions.Questions`.
        picture: The image widget with the picture that is asked about.
        real, drawn: The two buttons to answer with; `again` asks about new pictures.
        words: The HTML widget that says how it goes, and in the end who won.
        box: All of it.
    """

    def __init__(
        self,
        generator: keras.Model,
        judge: Judge | None = None,
        discriminator: keras.Model | None = None,
        seed: int = 0,
        pixels: int = 256,
    ) -> None:
        """Builds the widgets.

        Args:
            generator: A trained generator of digits.
            judge: Plays, too; see `ask_judge`.
            discriminator: Plays, too: the one that has taught the generator.
            seed: Of the first twenty pictures.
            pixels: Width and height of the picture.
        """
        self._generator, self._seed = generator, seed
        self._judge, self._discriminator = judge, discriminator
        self.picture = widgets.Image(width=pixels, height=pixels, layout=STIFF)
        self.picture.add_class("mnistgan-quiz")
        self.real = make_button("real", "user", lambda: self.answer(True))
        self.drawn = make_button("drawn", "paint-brush", lambda: self.answer(False))
        self.again = make_button("new pictures", "refresh", self._next_seed)
        self.words = widgets.HTML()
        self._worst = widgets.VBox()
        buttons = widgets.HBox([self.real, self.drawn, self.again])
        panel = widgets.VBox([buttons, self.words, self._worst], layout=BESIDE)
        self.box = widgets.HBox([self.picture, panel], layout=WRAP)
        self._begin()

    def _next_seed(self) -> None:
        self._seed += 1
        self._begin()

    def _begin(self) -> None:
        self.questions = make_questions(self._generator, COUNT, self._seed)
        self._opinions: list[float] = []
        self._worst.children = ()
        self._ask()

    def _ask(self) -> None:
        """Shows the next picture; the answer counts from now on."""
        number = len(self._opinions)
        self.picture.value = plots.to_png(self.questions.images[number], 256)
        self._say(f"<b>Picture {number + 1} of {COUNT}:</b> real or drawn?")
        self.real.disabled = self.drawn.disabled = False
        self._began = time.monotonic()

    def _say(self, words: str) -> None:
        """Shows words, HTML, which a screen reader speaks at once."""
        self.words.value = f'<div role="alert">{words}</div>'

    def answer(self, real: bool) -> None:
        """Answers, as the buttons do. The quicker you are, the surer you seem."""
        if len(self._opinions) == COUNT:
            return
        sure = 1 / (1 + time.monotonic() - self._began)
        self._opinions.append(sure if real else -sure)
        if len(self._opinions) < COUNT:
            self._ask()
        else:
            self._end()

    def results(self) -> dict[str, Result]:
        """The score of each player; yours once you have answered everything."""
        opinions = ask_machines(self.questions, self._discriminator, self._judge)
        if len(self._opinions) == COUNT:
            opinions = {"You": np.asarray(self._opinions), **opinions}
        real = self.questions.real
        return {name: score_answers(found, real) for name, found in opinions.items()}

    def _end(self) -> None:
        self.real.disabled = self.drawn.disabled = True
        results = self.results()
        self._say("<br>".join(in_words(results)))
        rows = []
        for words, images in find_mistakes(results, self.questions).items():
            strip = plots.to_png(plots.tile(images, len(images)))
            rows += [widgets.HTML(words), widgets.Image(value=strip, layout=STIFF)]
        self._worst.children = rows
