"""Scores along the way: how a run gets better, and what ails it when it does not."""

import os
from pathlib import Path

import tensorflow as tf

from mnistgan.engine.model_io import save_model
from mnistgan.engine.valid import checked
from mnistgan.engine.valid import path as valid_path
from mnistgan.evaluation import Judge, score
from mnistgan.runs import read_table, write_table
from mnistgan.sampling import draw, make_noise

COLUMNS = ("step", "minutes", "confident", "frechet", "coverage", "classes")
SEED = 1  # of the noise that is judged; the preview grids have the run's own
LARGEST_LOSS = 1e6  # nats; a healthy one stays below a thousand
EXPLODED = (
    "the losses have exploded, and nothing can be learned from them any more. The last "
    "checkpoint is from before. The robots learn too fast: try half the "
    "--generator-learning-rate and --discriminator-learning-rate, in another folder."
)
RARE = 0.02  # a digit that makes up less than this share counts as missing


def judge_run(
    judge: Judge, count: int, state: tf.train.Checkpoint, folder: Path, minutes: float
) -> dict[str, float]:
    """Scores what the averaged generator draws now, and keeps it if it is the best.

    Args:
        judge: From `mnistgan.evaluation.load_judge`.
        count: How many drawings to judge, 6 to 10,000.
        state: The run's state, from `mnistgan.training.new_state`.
        folder: The run's folder. `scores.csv` gets a new row, and `best.keras` is
            written when no earlier row has a smaller Fréchet distance.
        minutes: Training time so far.

    Returns:
        The new row, with the keys `COLUMNS`; `classes` counts the digits that make up
        at least 2% of the drawings.
    """
    step = int(state.generator_optimizer.iterations)
    found = score(judge, draw(state.averaged, make_noise(state.averaged, count, SEED)))
    row = {
        "step": step,
        "minutes": round(minutes, 2),
        "confident": round(found.confident, 5),
        "frechet": round(found.frechet, 5),
        "coverage": round(found.coverage, 5),
        "classes": sum(n >= RARE * count for n in found.class_counts),
    }
    earlier = [row for row in read_scores(folder) if row["step"] < step]
    if all(row["frechet"] < old["frechet"] for old in earlier):
        save_model(state.averaged, folder / "best.keras")
    write_table(folder / "scores.csv", COLUMNS, [*earlier, row])
    return row


@checked(folder=valid_path)
def read_scores(folder: str | os.PathLike) -> list[dict[str, float]]:
    """Reads the scores of a run: rows with the keys `COLUMNS`, oldest first.

    Raises:
        ValueError: They are damaged. (Training again repairs them.)
    """
    return read_table(Path(folder) / "scores.csv", ("step", "classes"))


def best_score(rows: list[dict[str, float]]) -> dict[str, float]:
    """The row with the smallest Fréchet distance: the one that `best.keras` is from."""
    return min(rows, key=lambda row: row["frechet"])


def best_step(folder: Path) -> int | None:
    """The step of the best score of a run; None where it is not judged."""
    known = read_scores(folder)
    return int(best_score(known)["step"]) if known else None


def diagnose(diary_row: dict[str, float], scores: list[dict[str, float]]) -> str:
    """Says what ails a run, the likely cause, and one thing to change.

    Args:
        diary_row: The newest row of the run's diary.
        scores: Its scores so far, oldest first; empty when it is not judged.

    Returns:
        One or two sentences; empty when nothing is wrong.
    """
    if diary_row["d_real"] > 0.98 and diary_row["d_fake"] < 0.02:
        return (
            "The detective has won outright: it is sure of everything, and its hints "
            "no longer help the artist. It learns too easily; try more --fog."
        )
    if len(scores) < 2:
        return ""  # nothing to compare with: every run starts badly
    now, best = scores[-1], best_score(scores)
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
