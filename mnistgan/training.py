"""Teaching the two robots: one step of the game, and a whole run of it."""

import dataclasses
import os
from collections.abc import Iterator, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow import keras

from mnistgan import data, plots, projects
from mnistgan.data import to_float
from mnistgan.engine import checkpoints, loop, machine, runs
from mnistgan.engine.accelerate import accelerate
from mnistgan.engine.callbacks import Callback, Session
from mnistgan.engine.distribute import SINGLE, Cluster, form_cluster, shared_normal
from mnistgan.engine.keras_state import own_keras
from mnistgan.engine.loggers import Loggers, check_names
from mnistgan.engine.model_io import save_model
from mnistgan.engine.optimizers import Adam
from mnistgan.engine.runs import Run
from mnistgan.evaluation import load_judge
from mnistgan.models import discriminator_loss, generator_loss
from mnistgan.sampling import draw, make_noise
from mnistgan.scores import Evaluate
from mnistgan.settings import Settings, choose_settings, runs_folder


def make_train_step(
    generator, discriminator, generator_optimizer, discriminator_optimizer
):
    """Makes the compiled training step for these two networks and their optimizers.

    Make a new step whenever you build a new network: a step trains the networks that it
    was made with, and no others.

    Args:
        generator: From noise to pictures in [-1, 1].
        discriminator: From what the generator returns to logits `(batch, 1)`.
        generator_optimizer: Changes the generator. It is built here.
        discriminator_optimizer: Changes the discriminator. It is built here.

    Returns:
        A `tf.function` from real pictures `(batch, 64, 64, channels)`, float32, in
        [-1, 1], and noise `(batch, noise_dim)`, float32, standard normal, to the
        discriminator's loss, the generator's loss (float32 scalars, in nats), and the
        logits `(batch, 1)`, float32, that real and drawn pictures got.
    """
    g_weights, d_weights = (x.trainable_variables for x in (generator, discriminator))
    generator_optimizer.build(g_weights)
    discriminator_optimizer.build(d_weights)

    def train_step(real_images, noise):
        with tf.GradientTape() as g_tape:
            fake_images = generator(noise, training=True)
            with tf.GradientTape() as d_tape:  # begins after the drawing
                real_logits = discriminator(real_images, training=True)
                fake_logits = discriminator(fake_images, training=True)
                d_loss = discriminator_loss(real_logits, fake_logits)
            g_loss = generator_loss(fake_logits)
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


class LinearDecay(keras.optimizers.schedules.PolynomialDecay):
    """Learning rates that fall in a straight line, and are halved by each rollback."""

    def __init__(self, rate: float, steps: int, end: float, rollbacks: tf.Variable):
        """From `rate` to `end` in so many steps; `rollbacks` is read at each."""
        super().__init__(rate, steps, end)
        self.rollbacks = rollbacks

    def __call__(self, step):
        """The learning rate after `step` steps, a scalar, float32."""
        return super().__call__(step) * 0.5 ** tf.cast(self.rollbacks, tf.float32)


@own_keras()
def new_state(settings: Settings, cluster: Cluster = SINGLE) -> tf.train.Checkpoint:
    """Builds everything that training changes, so that all of it can be saved.

    Each device of a cluster gets a copy of the robots and their optimizers' memory.

    Returns:
        A checkpoint with `generator`, `discriminator`, their optimizers, `averaged`
        (the generator that people keep), `step`, `seconds` (training time) and
        `fixed_noise`, `(64, noise_dim)`: the noise of all preview grids. `rollbacks`
        counts how often the run went back; each time halves both learning rates.
    """
    keras.utils.set_random_seed(settings.seed)
    policy = "mixed_bfloat16" if settings.mixed_precision else "float32"
    with own_keras(dtype_policy=policy), cluster.strategy.scope():
        project = projects.find_project(settings.project)
        generator, discriminator = project.build(settings)
        averaged = keras.models.clone_model(generator)

    rollbacks = tf.Variable(0, dtype=tf.int64)

    def adam(rate: float, robot: keras.Model) -> keras.optimizers.Optimizer:
        end = rate * settings.final_rate
        rates = LinearDecay(rate, settings.total_steps, end, rollbacks)
        with cluster.strategy.scope():
            optimizer = Adam(rates, beta_1=settings.beta_1)
            optimizer.build(robot.trainable_variables)
        return optimizer

    return tf.train.Checkpoint(
        generator=generator,
        discriminator=discriminator,
        averaged=averaged,
        generator_optimizer=adam(settings.generator_learning_rate, generator),
        discriminator_optimizer=adam(
            settings.discriminator_learning_rate, discriminator
        ),
        # All variables, because Keras leaves out the random state of the noise.
        variables=[v.value for v in generator.variables + discriminator.variables],
        step=tf.Variable(0, dtype=tf.int64),
        seconds=tf.Variable(0.0, dtype=tf.float64),
        rollbacks=rollbacks,
        fixed_noise=tf.Variable(make_noise(generator, 64, settings.seed)),
    )


def make_batches(
    images: np.ndarray,
    labels: np.ndarray | None,
    settings: Settings,
    step: int = 0,
    cluster: Cluster = SINGLE,
) -> Iterator[tuple]:
    """Yields the batches of a run that are left after `step` steps.

    Args:
        images: `(count, 64, 64, channels)`, uint8; of several workers, its own.
        labels: `(count, classes)`, float32; None without classes.
        settings: Of the run.
        step: Steps taken so far.
        cluster: Who shares the batches.

    Returns:
        For each step `(images,)`, or `(images, labels)`.
    """
    dataset = partial(data.make_dataset, images, labels=labels)
    return cluster.batches(dataset, settings, step)


def make_whole_step(
    settings: Settings, state: tf.train.Checkpoint, cluster: Cluster = SINGLE
):
    """Makes the step of `train`: a training step, after which the average follows.

    Returns:
        A `tf.function` from a batch to four numbers for the history, `(4,)`, float32:
        both losses, and the detective's mean verdicts on real and drawn pictures.
    """
    project = projects.find_project(settings.project)
    numbers = settings.noise_dim + project.extra_noise
    train_step = (project.make_step or make_train_step)(
        accelerate(state.generator),
        accelerate(state.discriminator),
        state.generator_optimizer,
        state.discriminator_optimizer,
    )

    # Replicas that share a batch cannot talk inside a function that is compiled alone.
    take_step = getattr(train_step, "python_function", train_step)
    average_step = make_average_step(state.generator, state.averaged)

    def own_step(images, *labels):
        # From the seed and the number of the step: a resumed run sees the same noise.
        seed = settings.seed, state.generator_optimizer.iterations.value
        noise = shared_normal((len(images), numbers), seed)
        real_images = to_float(images)
        if labels:
            real_images, noise = [real_images, *labels], [noise, *labels]
        *losses, real_logits, fake_logits = take_step(real_images, noise)
        verdicts = [
            tf.reduce_mean(tf.sigmoid(logits)) / cluster.replicas
            for logits in (real_logits, fake_logits)
        ]
        # Keras has divided the losses by the number of replicas already.
        found = tf.stack([*losses, *verdicts])
        return tf.distribute.get_replica_context().all_reduce("SUM", found)

    def whole_step(*batch):
        found = cluster.strategy.run(own_step, batch)
        average_step(state.generator_optimizer.iterations.value)
        return cluster.strategy.experimental_local_results(found)[0]

    compiled = settings.jit_compile and cluster.replicas == 1  # XLA knows one device
    return tf.function(whole_step, jit_compile=compiled or None)


@dataclass(frozen=True)
class Options:
    """How a run is taken care of; it learns the same.

    Attributes:
        data_dir: Where data sets are kept; see `mnistgan.datasets.mnist.data_folder`.
        on_divergence: What to do when the losses explode, or the robots collapse:
            `"warn"` (an explosion stops the run all the same), `"stop"`, or
            `"rollback"`, to the best checkpoint, with both learning rates halved; at
            most twice.
        strategy: Who shares the work; see `mnistgan.engine.distribute.form_cluster`.
    """

    data_dir: str | os.PathLike | None = None
    on_divergence: str = "warn"
    strategy: str = "one"

    def __post_init__(self) -> None:
        """Refuses what does not exist: ValueError, with the name and the value."""
        choices = {"on_divergence": runs.ON_DIVERGENCE, "strategy": runs.STRATEGIES}
        for name, known in choices.items():
            if (value := getattr(self, name)) not in known:
                raise ValueError(f"{name} is {value!r}; choose from {', '.join(known)}")


@own_keras()
def train(
    settings: Settings | None = None,
    folder: str | os.PathLike | None = None,
    pictures: np.ndarray | None = None,
    loggers: Sequence[str] = ("csv",),
    afresh: bool = False,
    options: Options = Options(),
) -> Run:
    """Teaches the two robots, or goes on where an interrupted run in `folder` stopped.

    Ctrl-C (in a notebook: the stop button) saves and stops; call again to go on. A run
    that was killed goes on from its last checkpoint, at most half a minute back. The
    same settings on the same machine give the same result, interrupted or not.

    Args:
        settings: What to do; None for `choose_settings()`.
        folder: Where the run is kept; None for one named after the project, in
            `runs_folder()`.
        pictures: Your own, `(settings.pictures, 64, 64, settings.channels)`, uint8, in
            [0, 255], or what can be turned into it; None for those of the project.
        loggers: Who keeps a diary of the run: `"csv"` (always), `"tensorboard"`,
            `"wandb"`. One that fails is left out with a warning.
        afresh: Put an earlier run in `folder` aside, under another name, and begin.
        options: See `Options`. Of several workers, only the first reads and writes
            `folder`.

    Returns:
        The run. Its folder holds `generator.keras`, `discriminator.keras` (of a VAE:
        `encoder.keras`), `settings.json`, `history.csv`, `grid.png`, `progress.gif`,
        `losses.png`, `checkpoints/`, `previews/` and `checksums.json`; with
        `settings.judged` also `scores.csv` and `best.keras`.

    Raises:
        OSError: The data cannot be fetched, the folder cannot be written to, another
            training holds it, another worker has gone, or the memory is full.
        TrainingDiverged: The losses exploded, or the robots collapsed; see
            `Options`. The last checkpoint is from before.
        ValueError: The folder holds a run with other settings, which are named, or all
            its checkpoints are damaged; or there is no logger of that name; or the
            pictures have another shape, or numbers that could mean several things.
    """
    settings = settings or choose_settings()
    folder = Path(folder) if folder else runs_folder() / settings.project
    check_names(loggers)
    if pictures is None:
        projects.check_fits(settings)
    else:
        pictures = projects.check_own(pictures, settings)
    cluster = form_cluster(options.strategy)
    cluster.check_batch(settings, options.on_divergence)
    with cluster.together():
        if afresh and cluster.chief and folder.exists():
            with checkpoints.lock_run(folder):
                pass  # nobody else does
            runs.set_aside(folder)
        with checkpoints.lock_run(folder) if cluster.chief else nullcontext():
            run = take_part(settings, folder, cluster, pictures, loggers, options)
    if not run.finished:
        saved = "Stopped and saved" if run.chief else "Stopped with the others"
        print(
            f"{saved} after step {run.step} of {run.total_steps}: "
            f"{run.step / run.total_steps:.0%} of the training is done. The same cell, "
            "or command, goes on from here."
        )
    return run


def take_part(
    settings: Settings,
    folder: Path,
    cluster: Cluster,
    pictures: np.ndarray | None = None,
    loggers: Sequence[str] = (),
    options: Options = Options(),
) -> Run:
    """Does what `train` was asked to do, which was checked.

    Alone, or in a cluster, whose chief alone reads and writes the folder.
    """
    last = judge = None
    if cluster.chief:
        last = checkpoints.newest(folder)
        runs.claim_folder(folder, settings, last, pictures)
        done = last and checkpoints.step_of(last) >= settings.total_steps
        if settings.judged and not done:
            judge = load_judge(data_dir=options.data_dir)
    state = new_state(settings, cluster)  # after the judge, whose training sets seeds
    step = make_whole_step(settings, state, cluster)
    if last:
        checkpoints.restore(last, folder, state)
    if len(cluster.addresses) > 1:
        cluster.check_settings(settings)
        cluster.follow_chief(checkpoints.changed_by(state))
    history = runs.read_history(folder) if cluster.chief else []
    place = int(state.step), settings.total_steps
    run = Run(folder, *place, history, float(state.seconds), cluster.chief)

    dataset: projects.Dataset = np.empty(0), None  # a finished run needs none
    if not run.finished:
        own = cluster.own_numbers(settings, data.shuffled)
        dataset = projects.load_dataset(settings, options.data_dir, pictures, own)

    def batches(step: int) -> Iterator[tuple]:
        return make_batches(*dataset, settings, step, cluster)

    kept = loggers if cluster.chief else ()
    with closing(Loggers(kept, folder, dataclasses.asdict(settings))) as logs:
        evaluate = Evaluate(judge, options.on_divergence, dataset[0][:64])
        besides = [Preview(), evaluate, logs, KeepResults()]
        if cluster.chief and machine.in_notebook():
            from mnistgan.widgets.live import LiveView  # needs more than training does

            besides.append(LiveView(projects.find_project(settings.project).words))
        session = Session(run, settings, batches, step, state, cluster, tuple(besides))
        return loop.fit(session, rollback=options.on_divergence == "rollback")


class Preview(Callback):
    """Keeps what the artist makes of the fixed noise, again and again."""

    def on_preview(self, session: Session) -> None:
        """Adds a grid to `previews/`."""
        run, state = session.run, session.state
        pictures = draw(state.averaged, state.fixed_noise)
        plots.save_grid(pictures, run.folder / "previews" / f"step_{run.step:06}.png")


class KeepResults(Callback):
    """Writes what people keep of a run: the robots, and the pictures."""

    def on_end(self, session: Session) -> None:
        """Robots that were saved already stay as they are: knobs may have names."""
        folder, state = session.run.folder, session.state
        robots = {folder / "generator.keras": state.averaged}
        robots[folder / f"{state.discriminator.name}.keras"] = state.discriminator
        if not checkpoints.are_kept(robots):
            for path, robot in robots.items():
                save_model(robot, path)
        plots.save_grid(draw(state.averaged, state.fixed_noise), folder / "grid.png")
        words = projects.find_project(session.settings.project).words
        figure = plots.plot_losses(session.run.history, words)
        plots.save_figure(figure, folder / "losses.png")
        grids = checkpoints.by_step((folder / "previews").glob("step_*.png"))
        if frames := plots.read_frames(grids):
            plots.save_film(frames, folder / "progress.gif")
