"""Scores along the way: how a run gets better, and what ails it when it does not."""

from dataclasses import dataclass

import numpy as np
from tqdm.auto import tqdm

from mnistgan.engine import diagnosis, runs
from mnistgan.engine.callbacks import Callback, Session
from mnistgan.engine.model_io import save_model
from mnistgan.evaluation import Judge, score
from mnistgan.metrics import BANDS
from mnistgan.projects import find_project
from mnistgan.sampling import draw, make_noise

SEED = 1  # of the noise that is judged; the preview grids have the run's own
RARE = 0.02  # a digit that makes up less than this share counts as missing


@dataclass(frozen=True)
class Evaluate(Callback):
    """Has the averaged generator judged at each preview, and says what ails the run.

    Attributes:
        judge: From `mnistgan.evaluation.load_judge`; None to watch the losses only.
        on_divergence: `"warn"` of what ails the run, or raise `TrainingDiverged`.
        real_images: Some of the pictures that the run learns from, uint8, for the
            doctor to compare its drawings with.
    """

    judge: Judge | None
    on_divergence: str
    real_images: np.ndarray

    def on_preview(self, session: Session) -> None:
        """Adds a row to `scores.csv`, and writes `best.keras` if it is the best."""
        run = session.run
        if self.judge and run.step:  # before the first step, there is only mist
            judge_run(self.judge, session)
        known = runs.read_scores(run.folder) if self.judge else []
        if run.history and (ailment := diagnose(run.history[-1], known)):
            ailment = f"Epoch {run.history[-1]['epoch']}: {ailment}"
            if self.on_divergence != "warn":
                raise runs.TrainingDiverged(ailment)
            tqdm.write(ailment)
        elif found := self.ask_doctor(session):
            tqdm.write(f"Epoch {run.history[-1]['epoch']}: {found}")

    def ask_doctor(self, session: Session) -> diagnosis.Diagnosis | None:
        """What the doctor says of a run; None for one without a detective.

        Its rules are too simple to stop a run for.
        """
        history, state = session.run.history, session.state
        if state.discriminator.name != "discriminator":
            return None
        drawings = draw(state.averaged, state.fixed_noise)
        digits = find_project(session.settings.project).draws_digits
        return diagnosis.diagnose(history, drawings, self.real_images, quiet=digits)


def judge_run(judge: Judge, session: Session) -> None:
    """Scores what the averaged generator draws now, and keeps it if it is the best.

    The run's `scores.csv` gets a new row, with the keys `runs.SCORES`; `classes` counts
    the digits that make up at least 2% of the drawings. `best.keras` is written when no
    earlier row has a smaller Fréchet distance.

    Args:
        judge: From `mnistgan.evaluation.load_judge`.
        session: `settings.judged`, 6 to 10,000, says how many drawings to judge.
    """
    run, averaged = session.run, session.state.averaged
    count = session.settings.judged
    found = score(judge, draw(averaged, make_noise(averaged, count, SEED)))
    row = {
        "step": run.step,
        "minutes": round(run.seconds / 60, 2),
        "confident": round(found.confident, 5),
        "frechet": round(found.frechet, 5),
        "coverage": round(found.coverage, 5),
        "classes": sum(n >= RARE * count for n in found.class_counts),
        **{name: round(getattr(found, name), 5) for name in BANDS},
    }
    earlier = [row for row in runs.read_scores(run.folder) if row["step"] < run.step]
    if all(row["frechet"] < old["frechet"] for old in earlier):
        save_model(averaged, run.folder / "best.keras")
    runs.write_table(run.folder / "scores.csv", runs.SCORES, [*earlier, row])


def diagnose(history_row: dict[str, float], scores: list[dict[str, float]]) -> str:
    """Says what ails a run, the likely cause, and one thing to change.

    Args:
        history_row: The newest row of the run's history.
        scores: Its scores so far, oldest first; empty when it is not judged.

    Returns:
        One or two sentences; empty when nothing is wrong.
    """
    if history_row["d_real"] > 0.98 and history_row["d_fake"] < 0.02:
        return (
            "The detective has won outright: it is sure of everything, and its hints "
            "no longer help the artist. It learns too easily; try more --noise-std."
        )
    if len(scores) < 2:
        return ""  # nothing to compare with: every run starts badly
    now, best = scores[-1], runs.best_score(scores)
    if now["coverage"] < best["coverage"] / 2:
        return (
            f"The robots are collapsing: coverage fell from {best['coverage']:.2f} to "
            f"{now['coverage']:.2f}, so the drawings look more and more alike. The "
            "artist runs after the detective too fast; try half the "
            "--generator-learning-rate. best.keras is from before."
        )
    if now["classes"] < 8 and best["classes"] > now["classes"]:
        return (
            f"Only {now['classes']} of the ten digits are left. The artist has found a "
            "few that always pass; try a larger --batch-size. best.keras has more."
        )
    return ""
