"""What was tried for the flow's recipe, and what it gave: rows of lessons/recipe.md.

    python tests/benchmarks/flow_recipes.py                      # lists the rows
    python tests/benchmarks/flow_recipes.py "batch 64" --core 0  # trains and judges one
    python tests/benchmarks/flow_recipes.py "the recipe" --walks "2 steps" "1 step"

Every row gets the same processor time, and its learning rates fall to the end of it;
previews are not counted. Each run is kept in runs/flow_recipes, and what is there is
not trained again. "straightened" spends half of its time on the robot's own ways.
"""

import argparse
import dataclasses
import time

import families
import seeds

ROWS = {  # settings that differ from `laptop`; the rest of a change is below
    "the recipe": {},
    "batch 16": {"batch_size": 16},
    "batch 64": {"batch_size": 64},
    "rate 0.002": {"generator_learning_rate": 2e-3},
    "rate 0.008": {"generator_learning_rate": 8e-3},
    "rate does not fall": {"final_rate": 1.0},
    "momentum 0.5": {"beta_1": 0.5},
    "16 channels": {"generator_width": 16},
    "32 channels": {"generator_width": 32},
    "not averaged": {},
    "a shorter memory": {},
    "all times alike": {},
    "without labels": {},
    "straightened": {},
}
WALKS = {  # guidance, steps, and whether each looks to its middle first
    "8 steps": (1.2, 8, True),
    "4 steps, the recipe": (1.2, 4, True),
    "2 steps": (1.2, 2, True),
    "1 step": (1.2, 1, True),
    "8 steps of Euler": (1.2, 8, False),
    "4 steps of Euler": (1.2, 4, False),
    "4 steps, no guidance": (1.0, 4, True),
    "2 steps, no guidance": (1.0, 2, True),
    "4 steps, guidance 1.5": (1.5, 4, True),
    "4 steps, guidance 2": (2.0, 4, True),
}
STRAIGHT = {"2 steps": (1.0, 2, True), "1 step": (1.0, 1, True)}
STRAIGHT |= {"2 steps of Euler": (1.0, 2, False)}
USUAL = {"4 steps, the recipe": WALKS["4 steps, the recipe"]}
PAIRS = 10_000
DRAWN = 10_000


def parse():
    """Reads the command line; before TensorFlow starts, which then keeps to a core."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("row", nargs="?", choices=ROWS)
    parser.add_argument("--walks", nargs="+", choices=WALKS, default=list(USUAL))
    parser.add_argument("--seconds", type=float, default=200.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--core", type=int, help="use only this one")
    options = parser.parse_args()
    seeds.keep_to(options.core)
    return options


def with_noise(change):
    """A training step that changes the numbers that choose time and label."""
    import tensorflow as tf

    from mnistgan.projects import flow

    def make_step(*robots):
        step = flow.make_flow_step(*robots).python_function

        def train_step(real, noise):
            return step(real, [change(noise[0]), noise[1]])

        return tf.function(train_step)

    flow.PROJECT = dataclasses.replace(flow.PROJECT, make_step=make_step)


def all_times_alike(noise):
    """From 0 to 1, none more often than another, once the step takes its sigmoid."""
    import tensorflow as tf

    even = 0.5 * (1.0 + tf.math.erf(noise[:, 784:785] / 2**0.5))
    logits = tf.math.log(even) - tf.math.log1p(-even)
    return tf.concat([noise[:, :784], logits, noise[:, 785:]], axis=1)


def without_labels(noise):
    """So small that every label is forgotten."""
    import tensorflow as tf

    return tf.concat([noise[:, :785], tf.fill((len(noise), 1), -9.0)], axis=1)


def train(row, seconds, seed):
    """Trains a row, or opens what an earlier call has trained."""
    import ablations

    from mnistgan import sampling, settings, training

    averages = {"not averaged": ablations.make_copy_step}
    averages["a shorter memory"] = ablations.make_short_average_step
    training.make_average_step = averages.get(row, training.make_average_step)
    if row == "all times alike":
        with_noise(all_times_alike)
    if row == "without labels":
        with_noise(without_labels)
    changes = ROWS[row] | {"project": "flow", "seed": seed, "judged": 0}
    if row == "straightened":
        row, seconds = "the recipe", seconds / 2
    name = f"{row.replace(' ', '_')}-{seconds:.0f}-{seed}"
    folder = settings.runs_folder() / "flow_recipes" / name
    kept = folder / "generator.keras"
    if not kept.exists():
        chosen = settings.choose_settings("laptop", **changes)
        training.train(families.fit(chosen, seconds / 120), folder)
    guided = sampling.load_generator(kept).get_layer("guided")
    return guided.get_layer("velocity")


def walk(velocity, fog, labels, guidance, steps, look_ahead):
    """Goes from fog to pictures, 64×64, uint8."""
    import tensorflow as tf

    from mnistgan import data
    from mnistgan.projects import flow

    guided = velocity if guidance == 1 else flow.guide(velocity, guidance)

    @tf.function
    def go(x, asked):
        for step in range(steps):
            at, half = x, step / steps
            if look_ahead:
                move = guided([x, tf.fill((len(x), 1), half), asked], training=False)
                at, half = x + move / (2 * steps), (step + 0.5) / steps
            move = guided([at, tf.fill((len(x), 1), half), asked], training=False)
            x += move / steps
        return tf.clip_by_value(x, -1.0, 1.0)

    parts = [go(fog[n : n + 500], labels[n : n + 500]) for n in range(0, len(fog), 500)]
    small = tf.concat(parts, axis=0)
    return small, data.to_uint8(tf.image.resize(small, (64, 64))).numpy()


def start(count, seed, asked=True):
    """Fog, and what to draw: each digit in turn, or anything."""
    import numpy as np
    import tensorflow as tf

    from mnistgan.data import one_hot

    fog = tf.random.stateless_normal((count, 28, 28, 1), seed=(seed, 1))
    return fog, tf.constant(one_hot(np.arange(count) % 10) * float(asked))


def straighten(velocity, seconds, seed):
    """Teaches the robot its own ways, but straight (reflow, Liu et al. 2023, 2.2).

    From the fog that it began with directly to the picture where it ended. What its
    guidance did lies in these pictures, so it needs none afterwards.
    """
    import tensorflow as tf
    from tensorflow import keras

    from mnistgan.projects import flow

    begun = time.process_time()
    fog, labels = start(PAIRS, seed + 1000)
    pictures, _ = walk(velocity, fog, labels, *USUAL["4 steps, the recipe"])
    pairs = tf.data.Dataset.from_tensor_slices((pictures, fog, labels))
    pairs = pairs.shuffle(PAIRS, seed=seed).repeat().batch(32)
    adam = keras.optimizers.Adam(2e-3, use_ema=True, ema_momentum=0.998)
    adam.build(velocity.trainable_variables)

    @tf.function
    def step(pictures, fog, labels):
        times = tf.random.uniform((len(fog), 1))
        here, wanted = flow.straight_path(pictures, fog, times)
        with tf.GradientTape() as tape:
            found = velocity([here, times, labels], training=True)
            loss = tf.reduce_mean((found - wanted) ** 2)
        weights = velocity.trainable_variables
        adam.apply(tape.gradient(loss, weights), weights)

    for batch in pairs:
        spent = (time.process_time() - begun) / seconds
        if spent >= 1:
            break
        adam.learning_rate = 2e-3 * (1 - spent)
        step(*batch)
    adam.finalize_variable_values(velocity.trainable_variables)


def main():
    """Runs the row that was asked for, or lists them."""
    options = parse()
    if options.row is None:
        print("\n".join(ROWS))
        return
    from mnistgan import evaluation
    from mnistgan.engine import machine

    machine.load_tensorflow()
    velocity = train(options.row, options.seconds, options.seed)
    walks = {way: WALKS[way] for way in options.walks}
    if options.row == "straightened":
        straighten(velocity, options.seconds / 2, options.seed)
        walks = STRAIGHT
    fog, labels = start(DRAWN, options.seed, options.row != "without labels")
    for way, how in walks.items():
        _, drawn = walk(velocity, fog, labels, *how)
        found = evaluation.score(evaluation.load_judge(), drawn)
        guidance, steps, look_ahead = how
        looks = steps * (1 + look_ahead) * (1 + (guidance != 1))
        print(
            f"| {options.row} | {way} | {looks} | {options.seed} | "
            f"{found.confident:.1%} | {found.recall:.3f} | {found.coverage:.3f} | "
            f"{found.frechet:.2f} | {found.power_50_75:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
