"""A training run's folder: whose it is, what it holds, and its diary."""

import csv
import dataclasses
import json
import os
from dataclasses import dataclass
from pathlib import Path

from mnistgan import files
from mnistgan.settings import Settings

COLUMNS = ("step", "epoch", "d_loss", "g_loss", "d_real", "d_fake")


@dataclass(frozen=True)
class Run:
    """What a training run left behind.

    Attributes:
        folder: Where its files are.
        step: Training steps taken so far.
        total_steps: Steps that the settings ask for.
        diary: One row for every few steps; see `COLUMNS`.
        seconds: Training time so far, without the judge's.
    """

    folder: Path
    step: int
    total_steps: int
    diary: list[dict[str, float]]
    seconds: float

    @property
    def finished(self) -> bool:
        """Whether every step was taken; when not, training again goes on from here."""
        return self.step >= self.total_steps


def claim_folder(folder: Path, settings: Settings) -> None:
    """Notes a new run's settings in its folder, or compares them with an old run's.

    Raises:
        OSError: The folder cannot be made or written to.
        ValueError: It holds a run with other settings, or its settings are damaged.
    """
    note = folder / "settings.json"
    wanted = dataclasses.asdict(settings)
    if not (folder / "checkpoints" / "checkpoint").exists():
        with files.whole(note) as aside:
            aside.write_text(json.dumps(wanted, indent=2) + "\n")
        return
    try:
        found = dict(json.loads(note.read_text()))
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"{note} is damaged: {error}; choose another folder"
        ) from error
    changes = [
        f"{name} was {found.get(name)!r}, now {value!r}"
        for name, value in wanted.items()
        if found.get(name) != value and name != "preset"
    ]
    if changes:
        raise ValueError(
            f"{folder} holds a run with other settings: {'; '.join(changes)}. Use the "
            "same settings to go on with it, choose another folder, or delete this one"
        )


def finished_project(folder: Path) -> str | None:
    """The project of the run in a folder, if it was trained to its end; else None."""
    try:
        settings = Settings(**json.loads((folder / "settings.json").read_text()))
        done = read_diary(folder)[-1]["step"] == settings.total_steps
        return settings.project if done else None
    except (OSError, ValueError, TypeError, LookupError):
        return None  # no run, or one whose notes cannot be read


def read_diary(folder: str | os.PathLike, last_step: int | None = None) -> list[dict]:
    """Reads a run's training diary.

    Args:
        folder: The run's folder.
        last_step: Rows after this step are left out; None for all.

    Returns:
        Rows with the keys `COLUMNS`: whole numbers, then means since the row before.
    """
    path = Path(folder) / "diary.csv"
    if not path.exists():
        return []
    with open(path, newline="") as lines:
        rows = [
            {
                name: int(v) if name in COLUMNS[:2] else float(v)
                for name, v in row.items()
            }
            for row in csv.DictReader(lines)
        ]
    return [row for row in rows if last_step is None or row["step"] <= last_step]


def write_diary(folder: Path, diary: list[dict]) -> None:
    """Writes the whole diary as `diary.csv`."""
    with (
        files.whole(folder / "diary.csv") as aside,
        open(aside, "w", newline="") as lines,
    ):
        writer = csv.DictWriter(lines, COLUMNS)
        writer.writeheader()
        writer.writerows(diary)
