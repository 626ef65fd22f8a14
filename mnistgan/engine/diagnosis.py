"""What ails the two robots: from history and drawings to a cause and a remedy.

The rules are simple on purpose: each looks at one to three signs, and its limits were
read off a few trainings with and without faults (notebook 14). Lesson 14 says how often
they are right on others, that they were not made for.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

LEAST = 16  # rows of history before there is anything to read: 400 steps
START = 8  # rows at the start


@dataclass(frozen=True)
class Diagnosis:
    """What the doctor has found.

    Attributes:
        fault: What it is most likely, in a word or two.
        symptom: What can be seen of it, with numbers; a sentence.
        remedy: The likely cause, and one thing to change; a sentence or two.
    """

    fault: str
    symptom: str
    remedy: str

    def __str__(self) -> str:
        """All of it, as it is printed."""
        return f"{self.symptom} {self.remedy}"


class Signs(NamedTuple):
    """What the doctor looks at.

    Attributes:
        d_real: The detective's mean belief in real pictures, in the last quarter.
        d_fake: The same in drawn ones.
        early: The detective's mean loss in the first `START` rows, in nats.
        jitter: How far its belief in drawn pictures jumps from row to row; the median.
        darkest: The darkest grey level of all drawings, less that of real pictures.
        light: Mean grey level of the drawings, less that of real pictures.
        variety: How much a pixel differs from drawing to drawing, ÷ real.
        moved: By how many grey levels the drawings changed since the start.
    """

    d_real: float
    d_fake: float
    early: float
    jitter: float
    darkest: float
    light: float
    variety: float
    moved: float

    @property
    def gap(self) -> float:
        """How far the detective tells real from drawn: 0 not at all, 1 always."""
        return self.d_real - self.d_fake


def read_signs(
    history: Sequence[dict[str, float]],
    drawings: np.ndarray,
    real_images: np.ndarray,
    before: np.ndarray | None = None,
) -> Signs:
    """Reads the signs; see `diagnose` for the arguments."""
    names = "d_loss", "d_real", "d_fake"
    d_loss, d_real, d_fake = (np.array([r[x] for r in history]) for x in names)
    late = -(len(history) // 4)
    drawn, real = (x.astype(float) for x in (drawings, real_images))
    spread = real.std(axis=0).mean() or 1.0
    return Signs(
        d_real=d_real[late:].mean(),
        d_fake=d_fake[late:].mean(),
        early=d_loss[:START].mean(),
        jitter=np.median(np.abs(np.diff(d_fake[len(history) // 2 :]))),
        darkest=drawn.min() - real.min(),
        light=drawn.mean() - real.mean(),
        variety=drawn.std(axis=0).mean() / spread,
        moved=np.inf if before is None else np.abs(drawn - before).mean(),
    )


@dataclass(frozen=True)
class Rule:
    """When which fault is named, and in which words.

    Attributes:
        fault: What it is called.
        fits: From signs to whether it is this one, if no rule before it fits.
        symptom: The sentence, with the names of signs in braces.
        remedy: The likely cause, and one thing to change.
        quiet: Whether its limits hold for small digits only: other pictures are harder
            or easier to tell from drawn ones.
    """

    fault: str
    fits: Callable[[Signs], bool]
    symptom: str
    remedy: str
    quiet: bool = False


# In this order: what can be seen in the drawings alone comes first.
RULES = (
    Rule(
        "old step",
        lambda see: see.moved < 1,
        "The drawings are what they were before the first step.",
        "The step teaches other robots than these: make a new one with "
        "make_train_step whenever you build a robot.",
    ),
    Rule(
        "sigmoid",
        lambda see: see.darkest > 60,
        "The paper is grey: the darkest pixel of all drawings has the grey level "
        "{darkest:.0f}.",
        "The artist cannot draw black. Pictures from -1 to 1 need a tanh at its end, "
        "no sigmoid.",
    ),
    Rule(
        "labels swapped",
        lambda see: see.gap < -0.2,
        "The detective believes in drawn pictures ({d_fake:.0%}), and not in real ones "
        "({d_real:.0%}).",
        "It learns the wrong way round: look at the labels in its loss, and at the "
        "order of the arguments.",
    ),
    Rule(
        "gradient stopped",
        lambda see: see.d_real > 0.85 and see.d_fake > 0.85,
        "The detective takes everything for real, drawn pictures too ({d_fake:.0%}).",
        "It learns nothing from drawn pictures: look for a stop_gradient, or a loss "
        "that leaves them out.",
    ),
    Rule(
        "0 to 255",
        lambda see: see.light > 70 and see.gap > 0.2,
        "The drawings are lighter than real pictures, by {light:.0f} grey levels.",
        "The artist cannot reach the numbers of the real pictures: bring those to "
        "-1 to 1, with to_float.",
    ),
    Rule(
        "training=False",
        lambda see: see.gap > 0.8 and see.variety < 0.4 and see.early < 0.9,
        "The detective won within {start} steps, and the drawings vary only "
        "{variety:.0%} as much as real pictures.",
        "BatchNorm does not see the batches: call both robots with training=True in "
        "the step.",
    ),
    Rule(
        "no BatchNorm",
        lambda see: see.gap > 0.3 and see.variety < 0.4 and see.jitter > 0.012,
        "The drawings vary only {variety:.0%} as much as real pictures.",
        "The artist has collapsed: give it BatchNormalization after each layer, or try "
        "half its learning rate.",
    ),
    Rule(
        "batch of 4",
        lambda see: abs(see.gap) < 0.02,
        "The detective cannot tell anything: it says {d_real:.1%} to real pictures and "
        "{d_fake:.1%} to drawn ones.",
        "Nobody learns. A batch that is too small is the likeliest cause: show 16 "
        "pictures at a time, or more.",
        quiet=True,
    ),
    Rule(
        "rate × 10",
        lambda see: 1.1 < see.early < 1.28 and 0.19 < see.gap < 0.4,
        "The detective pulls ahead fast ({d_real:.0%} against {d_fake:.0%}), and its "
        "belief jumps by {jitter:.1%} from row to row.",
        "It is hasty: try a third of its learning rate, or less.",
        quiet=True,
    ),
    Rule(
        "no noise",
        lambda see: 1.1 < see.early < 1.29 and see.gap < 0.19,
        "The detective is quicker than usual: its loss is {early:.2f} in the first "
        "{start} steps, where 1.3 is healthy.",
        "It sees pixels that nobody else sees: give it noise, with noise_std=0.5.",
        quiet=True,
    ),
)


def diagnose(
    history: Sequence[dict[str, float]],
    drawings: np.ndarray,
    real_images: np.ndarray,
    before: np.ndarray | None = None,
    quiet: bool = True,
) -> Diagnosis | None:
    """Says what most likely ails a training of a generator and a discriminator.

    Args:
        history: Its rows; see `mnistgan.engine.runs.read_history`.
        drawings: What the generator draws now, `(count, height, width, channels)`,
            uint8.
        real_images: What it learns from, likewise; some are enough.
        before: What it drew before the first step, from the same noise; None where
            that is not known.
        quiet: Whether to ask for faults with quiet signs as well, which are known of
            digits only.

    Returns:
        The first rule that fits; None for none, or while there are fewer than `LEAST`
        rows.
    """
    if len(history) < LEAST:
        return None
    see = read_signs(history, drawings, real_images, before)
    asked = [rule for rule in RULES if quiet or not rule.quiet]
    rule = next((rule for rule in asked if rule.fits(see)), None)
    if rule is None:
        return None
    words = {**see._asdict(), "start": START * 25}
    return Diagnosis(rule.fault, rule.symptom.format(**words), rule.remedy)
