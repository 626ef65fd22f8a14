"""Real or drawn? Pictures for a quiz, what machines make of them, and the score."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import binomtest
from tensorflow import keras

from mnistgan import sampling
from mnistgan.data import load_mnist, prepare_all, to_float
from mnistgan.engine.model_io import load_model
from mnistgan.engine.valid import checked, integer
from mnistgan.evaluation import SURE, Judge, read

COUNT = 20


@dataclass(frozen=True)
class Questions:
    """Pictures, each real or drawn.

    Attributes:
        images: `(count, 64, 64, 1)`, uint8, in [0, 255].
        real: `(count,)`, bool. A coin has decided, so that nobody can count them off.
    """

    images: np.ndarray
    real: np.ndarray


@checked(count=integer(1, 1000), seed=integer())
def make_questions(
    generator: keras.Model, count: int = COUNT, seed: int = 0
) -> Questions:
    """Mixes drawings with real digits that no robot has learned from.

    Args:
        generator: Of digits, as they come or as asked for.
        count: How many pictures, 1 to 1,000; no digit comes twice.
        seed: Which pictures, and in which order.
    """
    rng = np.random.default_rng(seed)
    real = rng.random(count) < 0.5
    digits, _ = load_mnist("test")
    chosen = rng.choice(len(digits), size=count, replace=False)
    images = prepare_all(digits[chosen])
    drawings = sampling.draw(generator, sampling.make_noise(generator, count, seed))
    drawings = rng.permutation(drawings)  # one that can be asked draws digits in turn
    return Questions(np.where(real[:, None, None, None], images, drawings), real)


def find_detective(model: Path) -> keras.Model | None:
    """The discriminator beside a generator, if it looks at nothing but pictures."""
    with suppress(OSError, ValueError):
        found = load_model(model.parent / "discriminator.keras")
        return found if len(found.inputs) == 1 else None
    return None


def ask_machines(
    questions: Questions, discriminator: keras.Model | None, judge: Judge | None
) -> dict[str, np.ndarray]:
    """What the machines make of the pictures, by their names; None plays no part."""
    opinions = {}
    if discriminator is not None:
        opinions["The detective"] = ask_detective(discriminator, questions)
    if judge is not None:
        opinions["The judge"] = ask_judge(judge, questions)
    return opinions


def ask_detective(discriminator: keras.Model, questions: Questions) -> np.ndarray:
    """What a discriminator makes of the pictures: `(count,)` logits, real above 0."""
    return discriminator(to_float(questions.images), training=False).numpy().ravel()


def ask_judge(judge: Judge, questions: Questions) -> np.ndarray:
    """What a judge makes of the pictures: it takes for real what it can read well.

    Returns:
        `(count,)`: how much its confidence exceeds `SURE`; real above 0.
    """
    return read(judge.network, questions.images)[1].max(axis=1) - SURE


@dataclass(frozen=True)
class Result:
    """How well somebody has told real from drawn.

    Attributes:
        right, count: Right answers, and all.
        low, high: Between which numbers the player's average over very many games
            probably lies (95%, Wilson's interval).
        mistakes: The numbers of the pictures that were taken wrongly, the worst first.
    """

    right: int
    count: int
    low: float
    high: float
    mistakes: tuple[int, ...]

    @property
    def meaning(self) -> str:
        """What can be said of a player who gets so many right, in words."""
        if self.high < self.count / 2:
            return "so real and drawn are mostly mixed up"
        if self.low > self.count / 2:
            return "so that was more than luck"
        return "so a coin might do as well"


def score_answers(opinions: np.ndarray, real: np.ndarray) -> Result:
    """Counts right answers.

    Args:
        opinions: `(count,)`: above 0 for real, and the further from 0, the surer.
        real: `(count,)`, bool: what is right.
    """
    count = len(real)
    wrong = np.flatnonzero((opinions > 0) != real)
    right = count - len(wrong)
    interval = binomtest(right, count).proportion_ci(method="wilson")
    worst = wrong[np.argsort(-np.abs(opinions[wrong]), kind="stable")]
    low, high = count * interval.low, count * interval.high
    return Result(right, count, low, high, tuple(map(int, worst)))


def find_mistakes(
    results: dict[str, Result], questions: Questions, most: int = 5
) -> dict[str, np.ndarray]:
    """What fooled each player, the worst mistakes first.

    Returns:
        For each player who made a mistake a sentence, and the pictures it is about,
        `(count, 64, 64, 1)`, uint8, at most `most`.
    """
    found = {}
    for name, result in results.items():
        if worst := list(result.mistakes[:most]):
            kinds = ("real" if questions.real[i] else "drawn" for i in worst)
            words = f"{name}, fooled by these (in truth: {', '.join(kinds)}):"
            found[words] = questions.images[worst]
    return found


def in_words(results: dict[str, Result]) -> list[str]:
    """The score of each player in a sentence, and what a coin would get."""
    lines = [
        f"{name}: {found.right} of {found.count} right. Over many games, the average "
        f"may be {found.low:.0f} to {found.high:.0f}, {found.meaning}."
        for name, found in results.items()
    ]
    count = next(iter(results.values())).count
    return [*lines, f"A coin would get about {count / 2:g}."]
