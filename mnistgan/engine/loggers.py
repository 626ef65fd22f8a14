"""Loggers, which keep a training diary: TensorBoard, and Weights & Biases.

The run's own folder is the source: `history.csv`, `scores.csv` and `previews/`. From
there, a logger copies what is new since it was last brought up to date, and never more
than the newest checkpoint knows. A run that was killed, or that goes back, writes
nothing twice: what a diary holds stays there, and new rows begin where it ended.
"""

import json
import os
import uuid
import warnings
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from PIL import Image

from mnistgan.engine import checkpoints, files
from mnistgan.engine.callbacks import Callback, Session
from mnistgan.engine.machine import import_extra
from mnistgan.engine.runs import read_history, read_scores


class Logger:
    """What a logger must be able to do. By itself, it notes nothing."""

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        """Opens the diary of the run in a folder, or goes on with it."""

    def write(self, step: int, numbers: dict[str, float], pictures: list[Path]) -> None:
        """Notes numbers by name, and grids of drawings, for one step."""

    def flush(self) -> None:
        """Brings everything noted so far to the disk."""

    def close(self) -> None:
        """Ends the diary; nothing can be noted any more."""


class TensorBoard(Logger):
    """Writes `tensorboard/` in the run's folder: `tensorboard --logdir runs`."""

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        """Opens the diary and notes the settings, if it is new."""
        import_extra("tensorboard", "loggers")
        place = folder / "tensorboard"
        new = not place.exists()
        self._writer = tf.summary.create_file_writer(str(place))
        if new:
            rows = [f"| {name} | {value} |" for name, value in settings.items()]
            table = "\n".join(["| setting | value |", "|---|---|", *rows])
            with self._writer.as_default():
                tf.summary.text("settings", table, step=0)

    def write(self, step: int, numbers: dict[str, float], pictures: list[Path]) -> None:
        """See `Logger.write`."""
        with self._writer.as_default():
            for name, value in numbers.items():
                tf.summary.scalar(name, value, step)
            for path in pictures:
                image = np.atleast_3d(np.array(Image.open(path)))[None]
                tf.summary.image("drawings", image, step)

    def flush(self) -> None:
        """See `Logger.flush`."""
        self._writer.flush()

    def close(self) -> None:
        """See `Logger.close`."""
        self._writer.close()


class WeightsAndBiases(Logger):
    """Writes to Weights & Biases: online if you are logged in, else `wandb/` only.

    It never asks for a key. `wandb sync` sends an offline diary later. There is nothing
    to flush: wandb writes by itself.
    """

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        """Opens the run's diary, and goes on with it when there is one."""
        wandb = import_extra("wandb", "loggers")
        note = folder / "wandb" / "id.txt"
        name = note.read_text() if note.exists() else uuid.uuid4().hex[:8]
        with files.atomic_write(note) as aside:
            aside.write_text(name)
        self._wandb = wandb
        self._run = wandb.init(
            project="mnistgan",
            dir=str(folder),
            id=name,
            resume="allow",
            config=settings,
            mode=os.environ.get("WANDB_MODE")
            or ("online" if knows_you() else "offline"),
            settings=wandb.Settings(silent=True, console="off"),
        )

    def write(self, step: int, numbers: dict[str, float], pictures: list[Path]) -> None:
        """See `Logger.write`."""
        notes: dict[str, Any] = dict(numbers)
        if pictures:
            notes["drawings"] = [self._wandb.Image(str(path)) for path in pictures]
        self._run.log(notes, step=step)

    def close(self) -> None:
        """See `Logger.close`."""
        self._run.finish()


def knows_you() -> bool:
    """Whether there is a key for Weights & Biases, without asking for one."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    notes = (Path.home() / name for name in (".netrc", "_netrc"))
    return any("api.wandb.ai" in path.read_text() for path in notes if path.is_file())


LOGGERS = {"tensorboard": TensorBoard, "wandb": WeightsAndBiases}


def check_names(names: Sequence[str]) -> None:
    """Refuses a logger that does not exist: ValueError, with the name."""
    for name in names:
        if name != "csv" and name not in LOGGERS:
            raise ValueError(
                f"there is no logger {name!r}; choose from csv, {', '.join(LOGGERS)}"
            )


class Loggers(Callback):
    """The loggers of one run. One that fails is closed with a warning; the run goes on.

    The logger `csv` is always there: it is the training itself.
    """

    def __init__(
        self, names: Sequence[str], folder: Path, settings: dict[str, Any]
    ) -> None:
        """Opens them.

        Args:
            names: Some of `LOGGERS`, or `"csv"`.
            folder: The run's folder.
            settings: What to note about the run.

        Raises:
            ValueError: There is no logger of that name.
        """
        check_names(names)
        self._folder = folder
        self._open: dict[str, Logger] = {}
        for name in names:
            if name in LOGGERS:
                with self._guard(name):
                    self._open[name] = LOGGERS[name](folder, settings)

    def update(self, step: int) -> None:
        """Copies everything that is new, up to and including `step`."""
        note = self._folder / "loggers.json"
        for name, logger in list(self._open.items()):
            with self._guard(name):
                known = json.loads(note.read_text()) if note.exists() else {}
                reached = known.get(name, -1)
                for entry in news(self._folder, reached, step):
                    logger.write(*entry)
                known[name] = max(step, reached)
                # First the note, then the disk: after a crash, rather a gap than rows
                # twice.
                with files.atomic_write(note) as aside:
                    aside.write_text(json.dumps(known) + "\n")
                logger.flush()

    def on_checkpoint(self, session: Session) -> None:
        """Copies what the new checkpoint knows, and no more."""
        self.update(session.run.step)

    on_end = on_checkpoint  # what is left, such as all of a run that was finished

    def close(self) -> None:
        """Closes all of them."""
        for name, logger in list(self._open.items()):
            with self._guard(name):
                logger.close()

    @contextmanager
    def _guard(self, name: str) -> Iterator[None]:
        """A logger must never stop a training run, whatever goes wrong in it."""
        try:
            yield
        except Exception as error:
            self._open.pop(name, None)
            warnings.warn(f"the logger {name!r} stopped: {error}", stacklevel=3)


def news(
    folder: Path, after: int, until: int
) -> Iterator[tuple[int, dict[str, float], list[Path]]]:
    """What a run noted after one step and until another, in order."""
    numbers: dict[int, dict[str, float]] = defaultdict(dict)
    pictures: dict[int, list[Path]] = defaultdict(list)
    for row in read_history(folder):
        numbers[row.pop("step")].update(row)
    for row in read_scores(folder):
        step = int(row.pop("step"))
        numbers[step].update({f"judge/{name}": x for name, x in row.items()})
    for path in checkpoints.by_step((folder / "previews").glob("step_*.png")):
        pictures[checkpoints.step_of(path)].append(path)
    for step in sorted({*numbers, *pictures}):
        if after < step <= until:
            yield step, numbers[step], pictures[step]
