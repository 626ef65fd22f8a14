"""The loop around the training step: what happens between the first and the last one.

`mnistgan.training.train` prepares a run, and calls `play_on` and `finish`.
"""

import dataclasses
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import tensorflow as tf
from tqdm.auto import tqdm

from mnistgan import plots, scores
from mnistgan.engine import checkpoints, files
from mnistgan.engine.model_io import save_model
from mnistgan.runs import COLUMNS, Run, Trouble, read_diary, write_diary, write_settings
from mnistgan.sampling import draw

SECONDS_BETWEEN_CHECKPOINTS = 30
STEPS_BETWEEN_ROWS = 25
RESCUES = 2  # how often a run may go back


@contextmanager
def ctrl_c_asks() -> Iterator[threading.Event]:
    """Turns Ctrl-C, or the notebook's stop button, into an event for the loop to read.

    A step is then never cut in half. Outside the main thread, Ctrl-C is left alone.
    """
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    before = signal.signal(signal.SIGINT, lambda *_: asked.set())
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, before)


def play(run, settings, album, take_step, state, judge, diaries, on_trouble, team):
    """Takes the steps that are left, until the end or Ctrl-C; the heart of `train`."""
    step, diary, recent = run.step, list(run.diary), []
    per_epoch, saved_at = settings.steps_per_epoch, time.monotonic()
    begun = saved_at - run.seconds
    if step == 0 and team.chief:
        preview(run.folder, step, state)
        keep(run.folder, settings, state, step, 0.0, diary)
    # Not more often than once a second: a notebook that is run by a program may lose
    # messages when a cell sends more than a thousand.
    bar = tqdm(total=run.total_steps, initial=step, unit="step", mininterval=1)
    with bar, ctrl_c_asks() as asked:
        for batch in team.deal(album, settings, step):
            recent.append(take_step(*batch) if settings.classes else take_step(batch))
            step += 1
            bar.update()
            due = settings.previews_by(step) > settings.previews_by(step - 1)
            if due and team.chief:
                preview(run.folder, step, state)
                paused = time.monotonic()
                minutes = (paused - begun) / 60
                watch(run.folder, settings, state, judge, minutes, diary, on_trouble)
                begun += time.monotonic() - paused  # judging is not training
            if step % per_epoch % STEPS_BETWEEN_ROWS:
                continue
            diary.append(summary(step, per_epoch, recent))
            recent = []
            bar.set_description(
                f"Epoch {diary[-1]['epoch']} of {settings.epochs}", False
            )
            shown = {name: f"{diary[-1][name]:.2f}" for name in COLUMNS[2:]}
            bar.set_postfix(shown, refresh=False)
            waited = time.monotonic() - saved_at > SECONDS_BETWEEN_CHECKPOINTS
            stop = team.anybody(asked.is_set())
            due = waited or stop or step % per_epoch == 0
            if due and team.chief:
                saved_at = time.monotonic()
                keep(run.folder, settings, state, step, saved_at - begun, diary)
                diaries.update(step)
            if stop:
                break
    return dataclasses.replace(
        run, step=step, diary=diary, seconds=float(state.seconds)
    )


def play_on(run, settings, album, take_step, state, judge, diaries, on_trouble, team):
    """Plays; and where the run falls sick, and you wish, goes back and plays on."""
    game = settings, album, take_step, state, judge, diaries, on_trouble, team
    while True:
        try:
            return play(run, *game)
        except Trouble as trouble:
            if on_trouble != "back":
                raise
            run = go_back(run, state, trouble)


def keep(folder: Path, settings, state, step: int, seconds: float, diary) -> None:
    """Saves everything that is needed to go on from this step; Trouble if it is sick.

    What is no number any more must not take the place of what still was.
    """
    adams = state.generator_optimizer, state.discriminator_optimizer
    changed = [*state.variables, *(v.value for adam in adams for v in adam.variables)]
    for value in changed:
        if value.dtype.is_floating and not np.isfinite(value.numpy()).all():
            raise Trouble(f"Step {step}: {scores.EXPLODED}")
    write_settings(folder, settings)
    write_diary(folder, diary)
    state.step.assign(step)
    state.seconds.assign(seconds)
    checkpoints.save(folder, state, scores.best_step(folder))


def go_back(run: Run, state: tf.train.Checkpoint, trouble: Trouble) -> Run:
    """Takes a sick run back to its best checkpoint, and halves the learning rates.

    Without a judge, the best one is the newest. A third time, the trouble is raised.
    """
    rescues = int(state.rescues) + 1
    if rescues > RESCUES:
        raise trouble
    best = scores.best_step(run.folder)
    healthy = checkpoints.newest(run.folder, best)
    if healthy is None:
        raise trouble
    checkpoints.restore(healthy, run.folder, state)
    checkpoints.forget_after(run.folder, int(state.step))
    state.rescues.assign(rescues)
    checkpoints.save(run.folder, state, best)
    tqdm.write(
        f"{trouble} Back to step {int(state.step)}, from where both learning rates "
        "are halved."
    )
    return dataclasses.replace(
        run,
        step=int(state.step),
        diary=read_diary(run.folder),
        seconds=float(state.seconds),
    )


def summary(step: int, per_epoch: int, results: list[tf.Tensor]) -> dict[str, float]:
    """Makes one row of the diary from what the steps since the last row returned.

    Raises:
        Trouble: The losses exploded.
    """
    means = tf.reduce_mean(tf.stack(results), axis=0).numpy()
    means = [round(float(mean), 5) for mean in means]
    if not all(abs(mean) < scores.LARGEST_LOSS for mean in means):  # or no number
        raise Trouble(f"Step {step}: {scores.EXPLODED}")
    return dict(zip(COLUMNS, [step, -(-step // per_epoch), *means], strict=True))


def preview(folder: Path, step: int, state: tf.train.Checkpoint) -> None:
    """Saves what the artist makes of the fixed noise after this many steps."""
    pictures = draw(state.averaged, state.fixed_noise)
    plots.save_grid(pictures, folder / "previews" / f"step_{step:06}.png")


def watch(folder, settings, state, judge, minutes, diary, on_trouble) -> None:
    """Asks the judge, if there is one, and says so when something ails the run."""
    if judge:
        scores.judge_run(judge, settings.judged, state, folder, minutes)
    known = scores.read_scores(folder) if judge else []
    if diary and (ailment := scores.diagnose(diary[-1], known)):
        ailment = f"Epoch {diary[-1]['epoch']}: {ailment}"
        if on_trouble != "tell":
            raise Trouble(ailment)
        tqdm.write(ailment)


def are_kept(robots: list[Path], saved: Path) -> bool:
    """Whether files of robots are there, undamaged, and from the last checkpoint."""
    try:
        known = files.read_ledger(saved.parent.parent)
        for path in robots:
            files.check(path)
        since = (saved / "settings.json").stat().st_mtime
        return all(x.name in known and x.stat().st_mtime >= since for x in robots)
    except (OSError, ValueError):
        return False


def finish(run: Run, state: tf.train.Checkpoint) -> None:
    """Writes what people keep of a run: the robots, and the pictures.

    Robots that are there stay as they are, for the names of their knobs' sake.
    """
    made = state.averaged, state.discriminator
    names = "generator.keras", f"{state.discriminator.name}.keras"
    robots = [run.folder / name for name in names]
    if not are_kept(robots, run.folder / "checkpoints" / f"step_{run.step:08}"):
        for robot, path in zip(made, robots, strict=True):
            save_model(robot, path)
    plots.save_grid(draw(state.averaged, state.fixed_noise), run.folder / "grid.png")
    plots.save_figure(plots.plot_losses(run.diary), run.folder / "losses.png")
    if frames := plots.read_frames(
        sorted((run.folder / "previews").glob("step_*.png"))
    ):
        plots.save_film(frames, run.folder / "progress.gif")
