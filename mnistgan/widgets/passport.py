"""A learner's passport: its stamps, and the best digits of their own best robot."""

import base64
import html
from pathlib import Path

import numpy as np
import tensorflow as tf

from mnistgan import evaluation, sampling
from mnistgan.data import to_float
from mnistgan.engine import files
from mnistgan.settings import runs_folder
from mnistgan.widgets import stamps
from mnistgan.widgets.passport_picture import (
    WIDTH,
    check_name,
    draw_passport,
    to_light_png,
)
from mnistgan.widgets.questions import find_detective
from mnistgan.widgets.stamps import Stamps

COUNT, SHOWN = 200, 16  # drawings to choose from, and those that are shown
WHO = {
    "judge": f"Of {COUNT} drawings by your best robot, these {SHOWN} are the ones that "
    "the judge is surest of, each digit in turn.",
    "detective": f"Of {COUNT} drawings by your best robot, these {SHOWN} fool its "
    "detective best.",
    "": f"The first {SHOWN} drawings by your best robot, unpicked.",
}
NO_ROBOT = "Your own robot’s digits come here. Notebook 03 teaches one."


def surest(probabilities: np.ndarray) -> np.ndarray:
    """Sorts drawings: of each digit the surest one, then of each the second, …

    Args:
        probabilities: `(count, 10)`, float: what a judge makes of each drawing.

    Returns:
        `(count,)`, whole numbers: which drawing comes first, second, …
    """
    digits, sure = probabilities.argmax(axis=1), probabilities.max(axis=1)
    order = np.argsort(-sure, kind="stable")
    turn = [np.sum(digits[order[:i]] == digits[n]) for i, n in enumerate(order)]
    return order[np.argsort(turn, kind="stable")]


def choose_best(drawings: np.ndarray, model: Path) -> tuple[np.ndarray, str]:
    """Chooses the best drawings of a robot, as far as somebody is there to say.

    Args:
        drawings: `(count, 64, 64, 1)`, uint8.
        model: The robot's file.

    Returns:
        `SHOWN` of the drawings, and who chose: "judge", "detective", or nobody.
    """
    file = runs_folder() / "judge" / "judge.keras"
    note = file.with_suffix(".json")
    judge = evaluation.load_kept(file, note, evaluation.JudgeSettings())
    if judge is not None:
        logits = judge(evaluation.see(judge, drawings), training=False)
        probabilities = tf.nn.softmax(logits).numpy()
        best = surest(probabilities)[:SHOWN]
        return drawings[best[probabilities[best].argmax(axis=1).argsort()]], "judge"
    if detective := find_detective(model):
        real = detective(to_float(drawings), training=False).numpy().ravel()
        return drawings[real.argsort()[::-1][:SHOWN]], "detective"
    return drawings[:SHOWN], ""


def best_digits() -> tuple[np.ndarray | None, str]:
    """Draws with the learner's own best robot, never with the course's own.

    Returns:
        `(SHOWN, 64, 64, 1)`, uint8, and a caption that says who chose them; None while
        there is no such robot, or none that can be read.
    """
    model = sampling.best_model()
    if model == sampling.PRETRAINED:
        return None, NO_ROBOT
    try:
        generator = sampling.load_generator(model)
        noise = sampling.make_noise(generator, COUNT, seed=0)
        best, who = choose_best(sampling.draw(generator, noise), model)
    except (OSError, ValueError) as error:
        return None, f"Your best robot cannot draw here: {error}"
    return best, WHO[who]


def show() -> None:
    """Shows the passport in a notebook, with words for those who do not see it."""
    from IPython.display import HTML, display

    kept = stamps.load_stamps()
    png = base64.b64encode(to_light_png(draw_passport(kept, *best_digits()))).decode()
    words = html.escape(stamps.tell_in_short(kept))
    size = f"width: {WIDTH}px; max-width: 100%"  # small enough for a phone
    image = f'<img src="data:image/png;base64,{png}" alt="{words}" style="{size}">'
    display(HTML(image))  # since not every program reads the words of a plain picture


def save_picture(path: Path, name: str = "") -> Stamps:
    """Saves the passport as a picture, `.png`; returns the stamps that are on it.

    Args:
        path: The file.
        name: Stands on the picture, and is kept nowhere else; empty for none.

    Raises:
        ValueError: The file ends in something else, or the name cannot be drawn.
        OSError: The file cannot be written, or the stamps cannot be read.
    """
    if path.suffix.lower() != ".png":
        raise ValueError(f"{path} must end in .png")
    check_name(name)
    files.check_place(path)
    kept = stamps.load_stamps()
    picture = draw_passport(kept, *best_digits(), name=name)
    with files.atomic_write(path) as aside:
        aside.write_bytes(to_light_png(picture))
    return kept
