"""The loop around the training step: what happens between the first and the last one.

`mnistgan.training.train` prepares a session, and calls `fit`.
"""

import dataclasses
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import numpy as np
import tensorflow as tf
from tqdm.auto import tqdm

from mnistgan.engine import checkpoints, runs
from mnistgan.engine.callbacks import Session
from mnistgan.engine.runs import COLUMNS, Run, TrainingDiverged

SECONDS_BETWEEN_CHECKPOINTS = 30
STEPS_BETWEEN_ROWS = 25
ROLLBACKS = 2  # how often a run may go back
LARGEST_LOSS = 1e6  # nats; a healthy one stays below a thousand
EXPLODED = (
    "the losses have exploded, and nothing can be learned from them any more. The last "
    "checkpoint is from before. The robots learn too fast: try half the "
    "--generator-learning-rate and --discriminator-learning-rate, in another folder."
)


@contextmanager
def ctrl_c_asks() -> Iterator[threading.Event]:
    """Turns Ctrl-C, or the notebook's stop button, into an event for the loop to read.

    A step is then never cut in half. Outside the main thread, Ctrl-C is left alone.
    """
    asked = threading.Event()

    def hear(*_) -> None:
        if not asked.is_set():
            asked.set()
            with suppress(RuntimeError):  # it came in the middle of another sentence
                tqdm.write("Heard. A few more steps, then it saves and stops.")

    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    before = signal.signal(signal.SIGINT, hear)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, before)


def fit(session: Session, rollback: bool = False) -> Run:
    """Takes the steps that are left, until the end or Ctrl-C; the heart of `train`.

    Args:
        session: The run, and what belongs to it.
        rollback: Where the run diverges, go back to its best checkpoint and go on from
            there with half the learning rates; at most `ROLLBACKS` times.

    Returns:
        The run as it is now. All callbacks have heard of the end.

    Raises:
        TrainingDiverged: It cannot go on like this. The last checkpoint is from before.
    """
    run, stopped = session.run, False
    while not (run.finished or stopped):
        try:
            run, stopped = take_steps(session.at(run)), True
        except TrainingDiverged as error:
            if not rollback:
                raise
            run = roll_back(run, session.state, error)
    if session.cluster.chief:
        for callback in session.callbacks:
            callback.on_end(session.at(run))
    return run


def take_steps(session: Session) -> Run:
    """Takes the steps that are left, and notes, shows and saves what comes of them."""
    settings, chief = session.settings, session.cluster.chief
    run, recent = session.run, []
    if run.step == 0 and chief:
        preview(session, run)
        save(session, run)
    saved_at = time.monotonic()
    began = saved_at - run.seconds
    # Not more often than once a second: a notebook that is run by a program may lose
    # messages when a cell sends more than a thousand.
    bar = tqdm(total=run.total_steps, initial=run.step, unit="step", mininterval=1)
    with bar, ctrl_c_asks() as asked:
        for batch in session.batches(run.step):
            recent.append(session.train_step(*batch))
            seconds = time.monotonic() - began
            run = dataclasses.replace(run, step=run.step + 1, seconds=seconds)
            bar.update()
            due = settings.previews_by(run.step) > settings.previews_by(run.step - 1)
            if due and chief:
                preview(session, run)
                began = time.monotonic() - seconds  # that was no training
            epoch_ends = run.step % settings.steps_per_epoch == 0
            if run.step % settings.steps_per_epoch % STEPS_BETWEEN_ROWS:
                continue
            row = summary(run.step, settings.steps_per_epoch, recent)
            run, recent = dataclasses.replace(run, history=[*run.history, row]), []
            bar.set_description(f"Epoch {row['epoch']} of {settings.epochs}", False)
            bar.set_postfix({x: f"{row[x]:.2f}" for x in COLUMNS[2:]}, refresh=False)
            if chief:
                notify_row(session, run)
            waited = time.monotonic() - saved_at > SECONDS_BETWEEN_CHECKPOINTS
            wanted = asked.is_set() or any(one.stop for one in session.callbacks)
            stop = session.cluster.any_stop(wanted)
            if (waited or stop or epoch_ends) and chief:
                saved_at = time.monotonic()
                run = dataclasses.replace(run, seconds=time.monotonic() - began)
                save(session, run)
            if stop:
                break
    return dataclasses.replace(run, seconds=float(session.state.seconds))


def preview(session: Session, run: Run) -> None:
    """Lets the callbacks show what the artist draws by now."""
    for callback in session.callbacks:
        callback.on_preview(session.at(run))


def notify_row(session: Session, run: Run) -> None:
    """Lets the callbacks follow the history, every few steps."""
    for callback in session.callbacks:
        callback.on_row(session.at(run))


def save(session: Session, run: Run) -> None:
    """Saves everything that is needed to go on from this step.

    Raises:
        TrainingDiverged: Something is no number any more. It must not take the place
            of what still was.
    """
    state = session.state
    for value in checkpoints.changed_by(state):
        if value.dtype.is_floating and not np.isfinite(value.numpy()).all():
            raise TrainingDiverged(f"Step {run.step}: {EXPLODED}")
    runs.write_settings(run.folder, session.settings)
    runs.write_history(run.folder, run.history)
    state.step.assign(run.step)
    state.seconds.assign(run.seconds)
    checkpoints.save(run.folder, state, runs.best_step(run.folder))
    for callback in session.callbacks:
        callback.on_checkpoint(session.at(run))


def roll_back(run: Run, state: tf.train.Checkpoint, error: TrainingDiverged) -> Run:
    """Takes a run back to its best checkpoint, and halves the learning rates.

    Without a judge, the best one is the newest. A third time, the error is raised.
    """
    rollbacks, best = int(state.rollbacks) + 1, runs.best_step(run.folder)
    if rollbacks > ROLLBACKS or not (healthy := checkpoints.newest(run.folder, best)):
        raise error
    checkpoints.restore(healthy, run.folder, state)
    state.rollbacks.assign(rollbacks)
    checkpoints.save(run.folder, state, best)
    tqdm.write(
        f"{error} Back to step {int(state.step)}, from where both learning rates "
        "are halved."
    )
    return dataclasses.replace(
        run,
        step=int(state.step),
        history=runs.read_history(run.folder),
        seconds=float(state.seconds),
    )


def summary(step: int, per_epoch: int, results: list[tf.Tensor]) -> dict[str, float]:
    """Makes one row of the history from what the steps since the last row returned.

    Raises:
        TrainingDiverged: The losses exploded.
    """
    means = tf.reduce_mean(tf.stack(results), axis=0).numpy()
    means = [round(float(mean), 5) for mean in means]
    if not all(abs(mean) < LARGEST_LOSS for mean in means):  # or no number
        raise TrainingDiverged(f"Step {step}: {EXPLODED}")
    return dict(zip(COLUMNS, [step, -(-step // per_epoch), *means], strict=True))
