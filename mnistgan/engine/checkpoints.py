"""Checkpoints: all that a run needs to go on, whole, checked, and locked while it runs.

A checkpoint is a folder: what training changes (TensorFlow's own format), the run's
notes as they were at that step, and the checksums of both.
"""

import errno
import os
import platform
import shutil
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock
import numpy as np
import tensorflow as tf
from tensorflow import keras

from mnistgan.engine import files
from mnistgan.engine.model_io import load_model

NOTES = ("settings.json", "history.csv", "scores.csv")
KEPT = 3


def found(run: Path) -> list[Path]:
    """The checkpoints of a run, the newest first; damaged ones, too."""
    return by_step((run / "checkpoints").glob("step_*"))[::-1]


def step_of(checkpoint: Path) -> int:
    """The step that a checkpoint was saved, or a preview drawn, after."""
    return int(checkpoint.stem.removeprefix("step_"))


def by_step(paths: Iterable[Path]) -> list[Path]:
    """Those paths that are named after a step, the earliest first."""
    named = (path for path in paths if path.stem.removeprefix("step_").isdigit())
    return sorted(named, key=step_of)


def changed_by(state: tf.train.Checkpoint) -> list[tf.Variable]:
    """Everything that training changes, and that `save` saves."""
    adams = state.generator_optimizer, state.discriminator_optimizer
    known = [x.value for part in (*adams, state.averaged) for x in part.variables]
    others = state.step, state.seconds, state.rollbacks, state.fixed_noise
    return [*state.variables, *known, *others]


@contextmanager
def folder_in_memory() -> Iterator[str]:
    """A folder for TensorFlow alone, which takes paths on a disk for patterns.

    So a run may lie in a folder whose name looks like one, such as `run [1]`.
    """
    folder = f"ram://{uuid.uuid4().hex}"
    tf.io.gfile.makedirs(folder)
    try:
        yield folder
    finally:
        tf.io.gfile.rmtree(folder)


def write_state(state: tf.train.Checkpoint, checkpoint: Path) -> None:
    """Writes what training changes into a folder, in TensorFlow's own format."""
    with folder_in_memory() as memory:
        state.write(f"{memory}/state")
        for name in tf.io.gfile.listdir(memory):
            with tf.io.gfile.GFile(f"{memory}/{name}", "rb") as file:
                (checkpoint / name).write_bytes(file.read())


@contextmanager
def lifted(checkpoint: Path) -> Iterator[str]:
    """What `write_state` wrote, in memory; yields where TensorFlow finds it."""
    with folder_in_memory() as memory:
        for path in checkpoint.glob("state.*"):
            with tf.io.gfile.GFile(f"{memory}/{path.name}", "wb") as file:
                file.write(path.read_bytes())
        yield f"{memory}/state"


def read_state(state: tf.train.Checkpoint, checkpoint: Path) -> None:
    """Reads what `write_state` wrote."""
    with lifted(checkpoint) as prefix:
        state.read(prefix).assert_consumed()


def read_seconds(checkpoint: Path) -> float:
    """For how long a run had trained when a checkpoint was saved."""
    with lifted(checkpoint) as prefix:
        name = "seconds/.ATTRIBUTES/VARIABLE_VALUE"
        found = tf.raw_ops.RestoreV2(
            prefix=prefix, tensor_names=[name], shape_and_slices=[""], dtypes=["double"]
        )
    return float(found[0])


def save(run: Path, state: tf.train.Checkpoint, best: int | None = None) -> None:
    """Saves a run, and forgets all but the newest checkpoints.

    Those of later steps are forgotten, too: the run has gone back, or left them out.

    Args:
        run: Its folder.
        state: From `mnistgan.training.new_state`; its `step` names the checkpoint.
        best: The step with the best score, if there is one: the last checkpoint that
            is not after it is kept, too.

    Raises:
        OSError: It cannot be written; earlier checkpoints stay as they were.
    """
    target = run / "checkpoints" / f"step_{int(state.step):08}"
    try:
        with files.atomic_folder(target) as aside:
            write_state(state, aside)
            for name in NOTES:
                if (run / name).exists():
                    shutil.copyfile(run / name, aside / name)
    except (tf.errors.OpError, OSError) as error:
        reason = files.in_words(error.__cause__ or error)
        others = [path.name for path in found(run) if not files.damage(path)]
        earlier = f"{others[0]} is whole" if others else "there is no earlier one"
        raise OSError(
            f"the checkpoint {target} cannot be written ({reason}); "
            f"{earlier}. Make room, and start again"
        ) from error
    past = [path for path in found(run) if step_of(path) <= step_of(target)]
    kept = past[:KEPT]
    if best is not None:
        kept += [path for path in past if step_of(path) <= best][:1]
    for path in found(run):
        if path not in kept:
            shutil.rmtree(path, ignore_errors=True)


def newest(run: Path, before: int | None = None) -> Path | None:
    """Finds the newest checkpoint that is undamaged, and names damaged ones.

    Args:
        run: The run's folder.
        before: Only those up to this step; None for all.

    Returns:
        Its folder; None where there is none.

    Raises:
        ValueError: There are some, and all are damaged.
    """
    known = [p for p in found(run) if before is None or step_of(p) <= before]
    for path in known:
        if not (wrong := files.damage(path)):
            return path
        print(f"The checkpoint {path.name} is damaged ({wrong}). It is left out.")
    if known:
        raise ValueError(
            f"all checkpoints of {run} are damaged: delete the folder, or choose "
            "another, and start again"
        )
    return None


def restore(checkpoint: Path, run: Path, state: tf.train.Checkpoint) -> None:
    """Takes a run back to a checkpoint: its state, and its notes.

    Args:
        checkpoint: From `newest`.
        run: The run's folder.
        state: From `mnistgan.training.new_state`, with the run's settings.
    """
    read_state(state, checkpoint)
    for name in NOTES:
        if (checkpoint / name).exists():
            with files.atomic_write(run / name, noted=True) as aside:
                shutil.copyfile(checkpoint / name, aside)
        else:
            (run / name).unlink(missing_ok=True)


@contextmanager
def lock_run(run: Path) -> Iterator[None]:
    """Holds a run's folder, so that no other training can write to it.

    The lock is the operating system's: it falls with the process that holds it.

    Raises:
        OSError: Another training holds it; the message says which. Or the folder
            cannot be made or written to.
    """
    place = run / "checkpoints"
    files.check_letters(run)
    files.make_folder(run)  # first: it is what somebody chose
    files.make_folder(place)
    lock, owner = filelock.FileLock(place / "lock"), place / "owner.txt"
    try:
        lock.acquire(blocking=False)
    except filelock.Timeout as error:
        who = owner.read_text() if owner.exists() else "another process"
        raise OSError(
            f"{run} is being trained already, by {who}. Wait for it, or choose "
            "another folder"
        ) from error
    except (OSError, NotImplementedError) as error:
        if getattr(error, "errno", errno.ENOSYS) not in files.CANNOT:
            raise
        files.say_once(
            "This drive knows no locks, as some network drives do not. Take care that "
            "no two trainings use the same folder."
        )
    try:
        if lock.is_locked and owner.exists():
            print(f"Nobody trains {run} any more: {owner.read_text()} was killed.")
        files.remove_temp(run)
        since = time.strftime("%Y-%m-%d %H:%M:%S")
        owner.write_text(f"process {os.getpid()} on {platform.node()} since {since}")
        yield
    finally:
        owner.unlink(missing_ok=True)
        lock.release()


def are_kept(robots: dict[Path, keras.Model]) -> bool:
    """Whether robots lie in their files: undamaged, noted, and with these weights."""
    try:
        for path, robot in robots.items():
            known = files.read_ledger(path.parent)
            pairs = zip(
                load_model(path).get_weights(), robot.get_weights(), strict=True
            )
            if path.name not in known or not all(np.array_equal(*x) for x in pairs):
                return False
    except (OSError, ValueError):
        return False
    return True
