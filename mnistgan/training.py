"""Teaching the two robots: one step of the game, and the loop that repeats it."""

import dataclasses
import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image
from tensorflow import keras
from tqdm.auto import tqdm

from mnistgan import data, files, plots, projects, scores, vae
from mnistgan.data import to_float
from mnistgan.diaries import Diaries, check_names
from mnistgan.drawing import draw, make_noise
from mnistgan.judge import load_judge
from mnistgan.models import (
    build_discriminator,
    build_generator,
    discriminator_loss,
    generator_loss,
    told,
)
from mnistgan.optimizers import Adam
from mnistgan.runs import COLUMNS, Run, claim_folder, read_diary, write_diary
from mnistgan.settings import Settings, choose_settings, runs_folder

SECONDS_BETWEEN_CHECKPOINTS = 30
STEPS_BETWEEN_ROWS = 25


def make_train_step(
    generator, discriminator, generator_optimizer, discriminator_optimizer, seed=0
):
    """Makes the compiled training step for these two networks and their optimizers.

    Make a new step whenever you build a new network: a step trains the networks that it
    was made with, and no others.

    Args:
        generator: From noise `(batch, noise_dim)` to pictures in [-1, 1].
        discriminator: From pictures to logits `(batch, 1)`.
        generator_optimizer: Changes the generator. It is built here.
        discriminator_optimizer: Changes the discriminator. It is built here.
        seed: Starts the noise. Each step's noise follows from this seed and the number
            of steps taken, so a resumed run sees the same noise as an unbroken one.

    Returns:
        A `tf.function` from pictures `(batch, 64, 64, channels)`, uint8, in [0, 255],
        and their labels, if the robots have classes, to the discriminator's loss, the
        generator's loss (float32 scalars, in nats), and the logits `(batch, 1)`,
        float32, that real and drawn pictures got. What is drawn has the same labels.
    """
    g_weights, d_weights = (x.trainable_variables for x in (generator, discriminator))
    generator_optimizer.build(g_weights)
    discriminator_optimizer.build(d_weights)

    def train_step(images, labels=None):
        shape = (len(images), generator.inputs[0].shape[1])
        step = generator_optimizer.iterations.value
        noise = tf.random.stateless_normal(shape, (seed, step))
        with tf.GradientTape() as g_tape, tf.GradientTape() as d_tape:
            fake_images = generator(told(noise, labels), training=True)
            real_logits = discriminator(told(to_float(images), labels), training=True)
            fake_logits = discriminator(told(fake_images, labels), training=True)
            g_loss = generator_loss(fake_logits)
            d_loss = discriminator_loss(real_logits, fake_logits)
        generator_optimizer.apply(g_tape.gradient(g_loss, g_weights))
        discriminator_optimizer.apply(d_tape.gradient(d_loss, d_weights))
        return d_loss, g_loss, real_logits, fake_logits

    return tf.function(train_step)


def make_average_step(generator, averaged):
    """Makes the compiled step that lets an averaged generator follow a learning one.

    A learning generator sways: each batch pulls it somewhere else. The average of its
    recent weights sways less and draws better (Yazıcı et al. 2019, "The Unusual
    Effectiveness of Averaging in GAN Training"). The newest weights count for less and
    less, so that the average always reaches back over about the last third of the
    training (polynomial-decay averaging, Shamir and Zhang 2013, η = 3). BatchNorm's
    memory is averaged along with the weights.

    Args:
        generator: The one that learns.
        averaged: One of the same shape, which is changed.

    Returns:
        A `tf.function` from the number of steps taken, an integer of at least 1, to
        nothing.
    """
    pairs = list(zip(averaged.variables, generator.variables, strict=True))

    def average_step(step):
        share = 4.0 / (3.0 + tf.cast(step, tf.float32))  # 1 at the first step
        for slow, quick in pairs:
            slow.assign_add(share * (quick.value - slow.value))

    return tf.function(average_step)


def build_robots(settings: Settings) -> tuple[keras.Model, ...]:
    """Builds a generator, its counterpart, and the generator that will be averaged."""
    kind = {"channels": settings.channels, "classes": settings.classes}
    artist = {"width": settings.generator_width, "hidden": settings.hidden, **kind}
    generator = build_generator(settings.noise_dim, **artist)
    if settings.project == "vae":
        counterpart = vae.build_encoder(
            settings.noise_dim, settings.discriminator_width, settings.channels
        )
        vae.start_dark(generator)
    else:
        counterpart = build_discriminator(
            settings.discriminator_width, settings.fog, **kind
        )
    return generator, counterpart, build_generator(settings.noise_dim, **artist)


def new_state(settings: Settings) -> tf.train.Checkpoint:
    """Builds everything that training changes, so that all of it can be saved.

    Returns:
        A checkpoint with `generator`, `discriminator`, their optimizers, `averaged`
        (the generator that people keep), `step`, `epoch`, `seconds` (training time)
        and `fixed_noise`, `(64, noise_dim)`: the noise of all preview grids.
    """
    keras.utils.set_random_seed(settings.seed)
    policy = "mixed_bfloat16" if settings.mixed_precision else "float32"
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        generator, discriminator, averaged = build_robots(settings)
    finally:
        keras.config.set_dtype_policy(before)

    def adam(rate: float) -> keras.optimizers.Optimizer:
        fall = keras.optimizers.schedules.PolynomialDecay
        rates = fall(rate, settings.total_steps, rate * settings.final_rate)
        return Adam(rates, beta_1=settings.beta_1)

    return tf.train.Checkpoint(
        generator=generator,
        discriminator=discriminator,
        averaged=averaged,
        generator_optimizer=adam(settings.generator_learning_rate),
        discriminator_optimizer=adam(settings.discriminator_learning_rate),
        # All variables, because Keras leaves out the random state of the fog.
        variables=[v.value for v in generator.variables + discriminator.variables],
        step=tf.Variable(0, dtype=tf.int64),
        epoch=tf.Variable(0, dtype=tf.int64),
        seconds=tf.Variable(0.0, dtype=tf.float64),
        fixed_noise=tf.Variable(make_noise(generator, 64, settings.seed)),
    )


def make_whole_step(settings: Settings, state: tf.train.Checkpoint):
    """Makes the step of `train`: a training step, after which the average follows."""
    make = vae.make_vae_step if settings.project == "vae" else make_train_step
    train_step = make(
        state.generator,
        state.discriminator,
        state.generator_optimizer,
        state.discriminator_optimizer,
        settings.seed,
    )
    average_step = make_average_step(state.generator, state.averaged)

    def whole_step(images, labels=None):
        results = train_step(images, labels)
        average_step(state.generator_optimizer.iterations.value)
        return results

    return tf.function(whole_step, jit_compile=settings.jit_compile or None)


def remaining_batches(images, settings: Settings, step: int, labels=None) -> Iterator:
    """Deals out the batches that are left after `step` steps, to the very end.

    Each epoch is shuffled with a seed of its own, so the order does not depend on where
    a run was interrupted.
    """
    first, skipped = divmod(step, settings.steps_per_epoch)
    for epoch in range(first, settings.epochs):
        seed = settings.seed * 10_000 + epoch
        deck = data.make_dataset(images, settings.batch_size, seed, labels)
        yield from deck.skip(skipped)
        skipped = 0


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


def play(run, settings, album, take_step, manager, judge, diaries) -> Run:
    """Takes the steps that are left, until the end or Ctrl-C; the heart of `train`."""
    state, step, diary, recent = manager.checkpoint, run.step, list(run.diary), []
    per_epoch, saved_at = settings.steps_per_epoch, time.monotonic()
    begun = saved_at - float(state.seconds)
    if step == 0:
        preview(run.folder, step, state)
    # Not more often than once a second: a notebook that is run by a program may lose
    # messages when a cell sends more than a thousand.
    bar = tqdm(total=run.total_steps, initial=step, unit="step", mininterval=1)
    with bar, ctrl_c_asks() as asked:
        for batch in remaining_batches(album[0], settings, step, album[1]):
            recent.append(take_step(*batch) if settings.classes else take_step(batch))
            step += 1
            bar.update()
            if settings.previews_by(step) > settings.previews_by(step - 1):
                preview(run.folder, step, state)
                paused = time.monotonic()
                minutes = (paused - begun) / 60
                watch(run.folder, settings, state, judge, minutes, diary)
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
            if waited or asked.is_set() or step % per_epoch == 0:
                write_diary(run.folder, diary)  # first: surplus rows are left out later
                state.step.assign(step)
                state.epoch.assign(step // per_epoch)
                saved_at = time.monotonic()
                state.seconds.assign(saved_at - begun)
                manager.save()
                diaries.update(step)
            if asked.is_set():
                break
    return dataclasses.replace(
        run, step=step, diary=diary, seconds=float(state.seconds)
    )


def summary(step: int, per_epoch: int, results: list[tuple]) -> dict[str, float]:
    """Makes one row of the diary from what the steps since the last row returned."""
    d_loss, g_loss, *logits = (tf.stack(part) for part in zip(*results, strict=True))
    values = [d_loss, g_loss, *map(tf.sigmoid, logits)]
    means = [round(float(tf.reduce_mean(value)), 5) for value in values]
    return dict(zip(COLUMNS, [step, -(-step // per_epoch), *means], strict=True))


def preview(folder: Path, step: int, state: tf.train.Checkpoint) -> None:
    """Saves what the artist makes of the fixed noise after this many steps."""
    pictures = draw(state.averaged, state.fixed_noise)
    plots.save_grid(pictures, folder / "previews" / f"step_{step:06}.png")


def watch(folder, settings, state, judge, minutes, diary) -> None:
    """Asks the judge, if there is one, and says so when something ails the run."""
    if judge:
        scores.judge_run(judge, settings.judged, state, folder, minutes)
    known = scores.read_scores(folder) if judge else []
    if diary and (ailment := scores.diagnose(diary[-1], known)):
        tqdm.write(f"Epoch {diary[-1]['epoch']}: {ailment}")


def finish(run: Run, state: tf.train.Checkpoint) -> None:
    """Writes what people keep of a run: the generator, and its pictures."""
    with files.whole(run.folder / "generator.keras") as aside:
        state.averaged.save(aside)
    with files.whole(run.folder / f"{state.discriminator.name}.keras") as aside:
        state.discriminator.save(aside)
    plots.save_grid(draw(state.averaged, state.fixed_noise), run.folder / "grid.png")
    plots.save_figure(plots.plot_losses(run.diary), run.folder / "losses.png")
    frames = [
        Image.open(path) for path in sorted((run.folder / "previews").glob("*.png"))
    ]
    if frames:
        plots.save_film(frames, run.folder / "progress.gif")


def train(
    settings: Settings | None = None,
    folder: str | os.PathLike | None = None,
    data_dir: str | os.PathLike | None = None,
    diary: Sequence[str] = ("csv",),
    pictures: np.ndarray | None = None,
) -> Run:
    """Teaches the two robots, or goes on where an interrupted run in `folder` stopped.

    Ctrl-C (in a notebook: the stop button) saves and stops; call again to go on. A run
    that was killed goes on from its last checkpoint, at most half a minute back. The
    same settings on the same machine give the same result, interrupted or not.

    Args:
        settings: What to do; None for `choose_settings()`.
        folder: Where the run is kept; None for one named after the project, in
            `runs_folder()`.
        data_dir: Where data sets are kept; see `mnistgan.fetch.data_folder`.
        diary: Which diaries to keep: `"csv"` (always kept), `"tensorboard"`, `"wandb"`.
            One that fails is left out with a warning.
        pictures: Your own, `(settings.pictures, 64, 64, settings.channels)`, uint8, in
            [0, 255]; None for those of the project.

    Returns:
        The run. Its folder holds `generator.keras`, `discriminator.keras` (of a VAE:
        `encoder.keras`), `settings.json`, `diary.csv`, `grid.png`, `progress.gif`,
        `losses.png`, `checkpoints/` and `previews/`; with `settings.judged` also
        `scores.csv` and `best.keras`.

    Raises:
        OSError: The data cannot be fetched, or the folder cannot be written to.
        ValueError: The folder holds a run with other settings, which are named; or
            there is no diary of that name; or the pictures have another shape or type.
    """
    settings = settings or choose_settings()
    folder = Path(folder) if folder else runs_folder() / settings.project
    check_names(diary)
    if pictures is not None:
        projects.check_own(pictures, settings)
    claim_folder(folder, settings)
    judge = load_judge(data_dir=data_dir) if settings.judged else None
    state = new_state(settings)  # after the judge, whose training sets seeds of its own
    step = make_whole_step(settings, state)
    manager = tf.train.CheckpointManager(
        state, str(folder / "checkpoints"), max_to_keep=3
    )
    if manager.latest_checkpoint:
        state.restore(manager.latest_checkpoint).assert_consumed()
    run = Run(
        folder,
        int(state.step),
        settings.total_steps,
        read_diary(folder, int(state.step)),
        float(state.seconds),
    )
    with closing(Diaries(diary, folder, dataclasses.asdict(settings))) as diaries:
        if not run.finished:
            album = projects.load_album(settings, data_dir, pictures)
            run = play(run, settings, album, step, manager, judge, diaries)
        diaries.update(run.step)
    finish(run, state)
    return run
