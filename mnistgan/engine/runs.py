"""A training run's folder: whose it is, what it holds, and its history."""

import csv
import dataclasses
import hashlib
import itertools
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mnistgan.engine import files, legacy, valid

ON_DIVERGENCE = ("warn", "stop", "rollback")
STRATEGIES = ("one", "mirrored", "workers")
COLUMNS = ("step", "epoch", "d_loss", "g_loss", "d_real", "d_fake")
OWN_PICTURES = "pictures.sha256"  # only where a run learns from the user's own
SCORES = (
    "step",
    "minutes",
    "confident",
    "frechet",
    "coverage",
    "classes",
    "power_25_35",
    "power_35_50",
    "power_50_75",
)


@dataclass(frozen=True)
class Words:
    """What the numbers of a run's history are called, where people see them.

    Attributes:
        losses: `d_loss` and `g_loss`; `loss_title` says what they are.
        beliefs: `d_real` and `d_fake`, from 0 to 1; `belief_title` says of what.
    """

    losses: tuple[str, str] = ("detective", "artist")
    loss_title: str = "Loss: lower is better for its owner"
    beliefs: tuple[str, str] = ("for real digits", "for drawn digits")
    belief_title: str = 'The detective\'s probability of "real"'


GAN_OF_DIGITS = Words()


@dataclass(frozen=True)
class Run:
    """What a training run left behind.

    Attributes:
        folder: Where its files are.
        step: Training steps taken so far.
        total_steps: Steps that the settings ask for.
        history: One row for every few steps; see `COLUMNS`. Of a worker that is not the
            chief, those since it was started.
        seconds: Training time so far, without the judge's. A worker that is not the
            chief knows only what it was when that worker started.
        chief: Whether this process wrote the files; of several workers, one does.
    """

    folder: Path
    step: int
    total_steps: int
    history: list[dict[str, float]]
    seconds: float
    chief: bool = True

    @property
    def finished(self) -> bool:
        """Whether every step was taken; when not, training again goes on from here."""
        return self.step >= self.total_steps


class TrainingDiverged(RuntimeError):
    """Training cannot go on like this: the losses explode, or the robots collapse."""


def write_settings(folder: Path, settings: Any) -> None:
    """Writes the settings of a run, a dataclass, as `settings.json`."""
    with files.atomic_write(folder / "settings.json", noted=True) as aside:
        aside.write_text(json.dumps(dataclasses.asdict(settings), indent=2) + "\n")


def claim_folder(
    folder: Path, settings: Any, last: Path | None, pictures: np.ndarray | None
) -> None:
    """Notes a new run's settings in its folder, or compares them with an old run's.

    Args:
        folder: The run's folder.
        settings: What is wanted, a dataclass.
        last: The old run's newest checkpoint; None for a new run.
        pictures: Your own; None for those of the project.

    Raises:
        OSError: The folder cannot be made or written to.
        ValueError: It holds a run with other settings, or that saw other pictures; or
            files with the names of a run's, which are none.
    """
    seen = folder / OWN_PICTURES
    own = ""
    if pictures is not None:
        own = hashlib.sha256(np.ascontiguousarray(pictures).data).hexdigest()
    if last is None:
        clear(folder)
        write_settings(folder, settings)
        if own:
            with files.atomic_write(seen) as aside:
                aside.write_text(own)
        return
    found = json.loads((last / "settings.json").read_text())
    if legacy.is_old(found):
        raise ValueError(
            f"{folder} holds a run of version 0.1. Its robots can draw, but not learn "
            "on: the detective is built in another way now. Put the run aside, and "
            "begin a new one: --afresh, or train(..., afresh=True)"
        )
    changes = [
        f"{name} was {found.get(name)!r}, now {value!r}"
        for name, value in dataclasses.asdict(settings).items()
        if found.get(name) != value and name != "preset"
    ]
    if changes:
        raise ValueError(
            f"{folder} holds a run with other settings: {'; '.join(changes)}. Use the "
            "same settings to go on with it, choose another folder, or put this run "
            "aside and begin a new one: --afresh, or train(..., afresh=True)"
        )
    if own != (seen.read_text() if seen.exists() else ""):
        raise ValueError(
            f"{folder} holds a run that learned from other pictures. Choose another "
            "folder, or put this run aside and begin a new one: "
            "train(..., afresh=True)"
        )


def clear(folder: Path) -> None:
    """Removes the notes and previews of an earlier run, which cannot go on.

    Raises:
        ValueError: The folder holds files of such names that are not a run's.
    """
    names = "history.csv", legacy.HISTORY, "scores.csv", "loggers.json", OWN_PICTURES
    grids = (folder / "previews").glob("step_*.png")
    stale = [*(folder / name for name in names), *grids]
    known = folder / "settings.json"
    try:
        ours = "preset" in legacy.read_settings(known)
    except (OSError, ValueError, TypeError):
        ours = False
    if not ours and (there := [x.name for x in (known, *stale) if x.exists()]):
        raise ValueError(
            f"{folder} holds {', '.join(there[:3])}, but no run that can be read. "
            "Nothing was changed: choose another folder"
        )
    for path in stale:
        path.unlink(missing_ok=True)


def set_aside(folder: Path) -> None:
    """Gives an old run's folder another name, the next that is free, and says so."""
    place = Path(os.path.abspath(folder))  # "." has no name; a link keeps its own
    others = (place.with_name(f"{place.name}-{n}") for n in itertools.count(1))
    other = next(path for path in others if not path.exists())
    place.rename(other)
    print(f"The run that was in {folder} is kept in {other}.")


def read_table(path: Path, whole_numbers: Sequence[str]) -> list[dict]:
    """Reads a run's table of numbers.

    Args:
        path: A `.csv` file with a header.
        whole_numbers: The columns that are `int`; the others are `float`.

    Returns:
        Its rows; none where there is no such file.

    Raises:
        ValueError: It is damaged.
    """
    if not path.exists():
        return []
    files.check_file(path)
    try:
        with open(path, newline="") as lines:
            return [
                {name: int(v) if name in whole_numbers else float(v) for name, v in row}
                for row in map(dict.items, csv.DictReader(lines))
            ]
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"{path} is no table of numbers; put an undamaged copy in its place, or "
            "train again with the same settings"
        ) from error


def write_table(path: Path, columns: Sequence[str], rows: list[dict]) -> None:
    """Writes a table of numbers as `.csv`, whole or not at all."""
    with files.atomic_write(path, noted=True) as aside:
        with open(aside, "w", newline="") as lines:
            # What an earlier version did not know yet is no number.
            writer = csv.DictWriter(lines, columns, restval="nan")
            writer.writeheader()
            writer.writerows(rows)


@valid.checked(folder=valid.path)
def read_history(folder: str | os.PathLike) -> list[dict]:
    """Reads a run's training history.

    Args:
        folder: The run's folder.

    Returns:
        Rows with the keys `COLUMNS`: whole numbers, then means since the row before.

    Raises:
        ValueError: It is damaged. (Training again repairs it.)
    """
    path = Path(folder) / "history.csv"
    if not path.exists():
        path = Path(folder) / legacy.HISTORY
    return read_table(path, COLUMNS[:2])


def write_history(folder: Path, history: list[dict]) -> None:
    """Writes the whole history as `history.csv`."""
    write_table(folder / "history.csv", COLUMNS, history)


@valid.checked(folder=valid.path)
def read_scores(folder: str | os.PathLike) -> list[dict[str, float]]:
    """Reads the scores of a run: rows with the keys `SCORES`, oldest first.

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
