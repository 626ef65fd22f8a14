"""What does a step cost, and where does its time go?

`make bench` runs it. Three Markdown tables: how the cost grows with the networks'
width, the batch, the size of the pictures and the cores; how many of the operations
that one large matrix product would reach are reached; and which operations take the
time. Then the share of a whole run that is spent outside the step, and how long the
explorer of lesson 06 needs from a slider's move to the new picture.
"""

import collections
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from speed import digits, measure, run, with_noise

CHOICES = {
    "as it is": {},
    "half as wide": {"generator_width": 8, "discriminator_width": 8},
    "twice as wide": {"generator_width": 32, "discriminator_width": 32},
    "batch 16": {"batch_size": 16},
    "batch 32": {"batch_size": 32},
    "batch 128": {"batch_size": 128},
    "pictures of 32×32": {"size": 32},
    "pictures of 128×128": {"size": 128},
}
if hasattr(os, "sched_setaffinity"):  # not on macOS
    CHOICES["one core"] = {"cores": 1}


def layer_flop(layer):
    """Multiplications and additions of one layer for one picture, forwards."""
    if not hasattr(layer, "kernel"):
        return 0
    places = 1
    if len(layer.kernel.shape) == 4:
        turned = "Transpose" in type(layer).__name__
        _, height, width, _ = (layer.input if turned else layer.output).shape
        places = height * width
    return 2 * places * int(layer.kernel.value.shape.num_elements())


def step_flop(generator, discriminator):
    """What one picture costs in one training step, counted: convolutions and dense.

    A layer costs the same forwards, for its input's gradient, and for its weights'. No
    gradient of noise or of real pictures is needed. The discriminator looks twice; its
    look at the drawn picture is also followed back for the generator.
    """
    g, d = (
        [f for f in map(layer_flop, m.layers) if f] for m in (generator, discriminator)
    )
    return 3 * sum(g) - g[0] + (3 + 4) * sum(d) - 2 * d[0]


def matrix_peak(size=2048):
    """FLOP per second of a product of two large matrices: the best of ten."""
    import tensorflow as tf

    table = tf.random.normal((size, size))
    times = []
    for _ in range(10):
        start = time.perf_counter()
        tf.matmul(table, table).numpy()
        times.append(time.perf_counter() - start)
    return 2 * size**3 / min(times)


def networks(size, noise_dim, wide, narrow, noise_std):
    """Our two networks, as mnistgan.models builds them, for another picture size."""
    from tensorflow import keras
    from tensorflow.keras import layers

    def normal(x, layer, activation):
        return activation(layers.BatchNormalization(momentum=0.9)(layer(x)))

    doublings = (size // 16).bit_length() - 1  # of 7×7
    bare, slope = {"use_bias": False}, layers.LeakyReLU(negative_slope=0.2)
    x = noise = keras.Input((noise_dim,))
    for units in (128, 128, 128, 7 * 7 * wide * 2**doublings):
        x = normal(x, layers.Dense(units, **bare), layers.ReLU())
    x = layers.Reshape((7, 7, -1))(x)
    for channels in (wide * 2**k for k in reversed(range(1, doublings))):
        layer = layers.Conv2DTranspose(channels, 4, 2, "same", **bare)
        x = normal(x, layer, layers.ReLU())
    x = layers.Activation("tanh")(layers.Conv2DTranspose(1, 4, 2, "same")(x))
    drawn = layers.Resizing(size, size)(x)
    images = keras.Input((size, size, 1))
    x = layers.GaussianNoise(noise_std)(images)
    x = slope(layers.Conv2D(narrow, 8, 4, "same")(x))
    for channels in (8 * narrow // 2**k for k in reversed(range(doublings))):
        x = normal(x, layers.Conv2D(channels, 4, 2, "same", **bare), slope)
    x = normal(layers.Flatten()(x), layers.Dense(256, **bare), slope)
    return keras.Model(noise, drawn), keras.Model(images, layers.Dense(1)(x))


def run_step(size=64, cores=None, **changes):
    """The speed of a step, and its share of the matrix peak; on some or all cores."""
    if cores:
        os.sched_setaffinity(0, range(cores))
    import tensorflow as tf

    from mnistgan import training
    from mnistgan.engine.accelerate import accelerate
    from mnistgan.engine.optimizers import Adam
    from mnistgan.models import build_discriminator, build_generator

    batches, chosen = digits(changes)
    wide, narrow = chosen.generator_width, chosen.discriminator_width
    if size == 64:
        both = (
            build_generator(chosen.noise_dim, wide),
            build_discriminator(narrow, noise_std=chosen.noise_std),
        )
    else:
        both = networks(size, chosen.noise_dim, wide, narrow, chosen.noise_std)
        shape = (size, size)
        batches = [tf.cast(tf.image.resize(x, shape), "uint8") for x in batches]
    adams = (Adam(1e-3, beta_1=chosen.beta_1) for _ in both)
    step = training.make_train_step(*map(accelerate, both), *adams)
    step = with_noise(step, chosen.noise_dim)
    found = measure(lambda batch: float(step(batch)[0]), batches)
    share = found["images/s"] * step_flop(*both) / matrix_peak()
    return {**found, "batch": chosen.batch_size, "peak share": share}


def run_profile(steps=20):
    """Milliseconds that each kind of operation takes in a step, all cores together."""
    import tensorflow as tf
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    from mnistgan import training

    batches, chosen = digits({})
    state = training.new_state(chosen)
    step = training.make_whole_step(chosen, state)
    for batch in batches[:5]:  # the first call compiles
        step(batch)
    with tempfile.TemporaryDirectory() as folder:
        tf.profiler.experimental.start(folder)
        for number in range(steps):
            float(step(batches[number % len(batches)])[0])
        tf.profiler.experimental.stop()
        (path,) = Path(folder).rglob("*.xplane.pb")
        space = xplane_pb2.XSpace.FromString(path.read_bytes())
    spent = collections.Counter()
    for plane in space.planes:
        names = {key: kind.name for key, kind in plane.event_metadata.items()}
        for event in (event for line in plane.lines for event in line.events):
            name, _, kind = names[event.metadata_id].rpartition(":")
            # An operation of the graph, "name:Kind", and not a C++ "Class::Method".
            if name and not name.endswith(":") and kind.isidentifier():
                spent[kind] += event.duration_ps / 1e9 / steps
    return dict(spent.most_common())


def run_whole():
    """The share of a whole run, without its start, that is not spent in the step."""
    from mnistgan import training
    from mnistgan.settings import choose_settings

    spent, make = [], training.make_whole_step

    def make_timed_step(*args):
        step = make(*args)

        def timed(batch):
            start = time.perf_counter()
            results = step(batch)
            float(results[0])
            spent.append((start, time.perf_counter()))
            return results

        return timed

    training.make_whole_step = make_timed_step
    settings = choose_settings("laptop", epochs=2)
    with tempfile.TemporaryDirectory() as folder:
        training.train(settings, folder)
        over = time.perf_counter()
    inside = sum(end - start for start, end in spent[1:])  # the first one compiles
    return {"outside": 1 - inside / (over - spent[0][1])}


def run_redraw(moves=300):
    """Milliseconds from a slider's move to the PNG file's bytes: median and slowest."""
    from mnistgan import latent, sampling
    from mnistgan.widgets import explore

    generator = sampling.load_generator(sampling.PRETRAINED)
    explorer = explore.Explorer(generator, latent.find_directions(generator))
    waits = []
    for number in range(moves):
        slider = explorer.sliders[number % len(explorer.sliders)]
        before, start = explorer.picture.value, time.perf_counter()
        slider.value = round(-2.9 + 5.8 * number / moves, 2)
        waits.append(1000 * (time.perf_counter() - start))
        assert explorer.picture.value != before
    return {"median": statistics.median(waits), "slowest": max(waits)}


def main():
    """Prints the tables, or is one of their workers."""
    if sys.argv[1:]:
        workers = {"step": run_step, "profile": run_profile, "whole": run_whole}
        workers["redraw"] = run_redraw
        who, changes = sys.argv[1:]
        print(json.dumps(workers[who](**json.loads(changes))))
        return
    print("\n| step | ms | images/s | share of the matrix peak |\n|---|---|---|---|")
    for name, choice in CHOICES.items():
        found = run("step", __file__, **choice)
        speed, share = found["images/s"], f"{found['peak share']:.0%}"
        milliseconds = 1000 * found["batch"] / speed
        print(f"| {name} | {milliseconds:.0f} | {speed:.0f} | {share} |", flush=True)
    profile = run("profile", __file__)
    whole = sum(profile.values())
    print("\n| operation | ms of core time | share |\n|---|---|---|")
    for name, spent in list(profile.items())[:10]:
        print(f"| {name} | {spent:.1f} | {spent / whole:.0%} |")
    print(f"| all of them | {whole:.1f} | |")
    outside = run("whole", __file__)["outside"]
    print(f"\nOutside the step: {outside:.1%} of a run")
    redraw = run("redraw", __file__)
    median, slowest = redraw["median"], redraw["slowest"]
    print(f"A redraw in the explorer: median {median:.1f} ms, slowest {slowest:.1f} ms")


if __name__ == "__main__":
    main()
