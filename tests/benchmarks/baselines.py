"""How good after how many minutes? Our presets beside three well-known DCGANs.

`make bench` runs it. Every peer is written from its own description, at its own
settings, and trains on the same digits and the same cores, one after the other. All
TensorFlow code has oneDNN on, ours or not. Minutes are those of two busy cores: half
the processor time. So other programs hardly matter, and two can race side by side, each
on a core of its own. The clock stops while the judge of lesson 04 looks at 2,000
drawings; pictures of 28×28 reach it the way all pictures do, by way of 64×64. The
results go to images/quality.png, and as a table to the screen.

    python tests/benchmarks/baselines.py [--minutes 8] [--seed 0] [NAME ...]
"""

import argparse
import itertools
import json
import subprocess
import sys
import time
from pathlib import Path

from mnistgan.engine import machine

tf = machine.load_tensorflow()

from matplotlib import pyplot as plt  # noqa: E402
from speed import with_noise  # noqa: E402
from tensorflow import keras  # noqa: E402
from tensorflow.keras import layers  # noqa: E402

from mnistgan import data, evaluation, plots, sampling, training  # noqa: E402
from mnistgan.engine import files  # noqa: E402
from mnistgan.settings import PRESETS, choose_settings, runs_folder  # noqa: E402

PICTURE = Path(__file__).parent.parent.parent / "images" / "quality.png"
JUDGED = 2000
CORES = 2
MOMENTS = (0.5, 1, 2, 4, 6, 8, 12, 16, 20)
sigmoid_entropy = keras.losses.BinaryCrossentropy(from_logits=True)


def endless(images, batch_size, seed):
    """Shuffled batches without an end."""
    for epoch in itertools.count():
        yield from data.make_dataset(images, batch_size, seed * 10_000 + epoch)


def ours(preset):
    """One of our presets: it stops by itself when its epochs are over."""

    def begin(digits, seed):
        settings = choose_settings(preset, seed=seed)
        state = training.new_state(settings)
        step = training.make_whole_step(settings, state)
        digits64 = data.prepare_all(digits)
        batches_left = (
            images for (images,) in training.make_batches(digits64, None, settings)
        )

        def draw(count):
            noise = sampling.make_noise(state.averaged, count, seed=1)
            return sampling.draw(state.averaged, noise)

        return batches_left, step, draw

    return begin


def tensorflow_tutorial(digits, seed):
    """The DCGAN of the TensorFlow docs (tutorials/generative/dcgan): 28×28."""
    conv, turned = layers.Conv2D, layers.Conv2DTranspose
    bare = {"padding": "same", "use_bias": False}
    generator = keras.Sequential(
        [
            keras.Input((100,)),
            layers.Dense(7 * 7 * 256, use_bias=False),
            layers.BatchNormalization(),
            layers.LeakyReLU(),
            layers.Reshape((7, 7, 256)),
            turned(128, 5, 1, **bare),
            layers.BatchNormalization(),
            layers.LeakyReLU(),
            turned(64, 5, 2, **bare),
            layers.BatchNormalization(),
            layers.LeakyReLU(),
            turned(1, 5, 2, **bare, activation="tanh"),
        ]
    )
    discriminator = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            conv(64, 5, 2, "same"),
            layers.LeakyReLU(),
            layers.Dropout(0.3),
            conv(128, 5, 2, "same"),
            layers.LeakyReLU(),
            layers.Dropout(0.3),
            layers.Flatten(),
            layers.Dense(1),
        ]
    )
    step = training.make_train_step(
        generator,
        discriminator,
        keras.optimizers.Adam(1e-4),
        keras.optimizers.Adam(1e-4),
    )
    step = with_noise(step, 100, seed)

    def draw(count):
        noise = tf.random.normal((count, 100))
        small = generator.predict(noise, 500, verbose=0)
        return data.prepare_all(data.to_uint8(small).numpy())

    return endless(digits, 256, seed), step, draw


def keras_example(digits, seed):
    """The DCGAN of keras.io (generative/dcgan_overriding_train_step): 64×64."""
    conv, turned = layers.Conv2D, layers.Conv2DTranspose

    def slope():
        return layers.LeakyReLU(negative_slope=0.2)

    discriminator = keras.Sequential([keras.Input((64, 64, 1))])
    for channels in (64, 128, 128):
        discriminator.add(conv(channels, 4, 2, "same"))
        discriminator.add(slope())
    for layer in (layers.Flatten(), layers.Dropout(0.2), layers.Dense(1)):
        discriminator.add(layer)
    generator = keras.Sequential([keras.Input((128,)), layers.Dense(8 * 8 * 128)])
    generator.add(layers.Reshape((8, 8, 128)))
    for channels in (128, 256, 512):
        generator.add(turned(channels, 4, 2, "same"))
        generator.add(slope())
    generator.add(conv(1, 5, 1, "same", activation="sigmoid"))
    g_adam, d_adam = keras.optimizers.Adam(1e-4), keras.optimizers.Adam(1e-4)
    g_adam.build(generator.trainable_variables)
    d_adam.build(discriminator.trainable_variables)

    @tf.function
    def step(images):
        count = len(images)
        drawn = generator(tf.random.normal((count, 128)))
        both = tf.concat([drawn, tf.cast(images, tf.float32) / 255], axis=0)
        labels = tf.concat([tf.ones((count, 1)), tf.zeros((count, 1))], axis=0)
        labels += 0.05 * tf.random.uniform(tf.shape(labels))
        with tf.GradientTape() as tape:
            loss = sigmoid_entropy(labels, discriminator(both, training=True))
        weights = discriminator.trainable_variables
        d_adam.apply(tape.gradient(loss, weights), weights)
        with tf.GradientTape() as tape:
            drawn = generator(tf.random.normal((count, 128)))
            verdict = discriminator(drawn, training=True)
            fooled = sigmoid_entropy(tf.zeros((count, 1)), verdict)
        weights = generator.trainable_variables
        g_adam.apply(tape.gradient(fooled, weights), weights)
        return loss, fooled

    def draw(count):
        images = generator.predict(tf.random.normal((count, 128)), 100, verbose=0)
        return tf.cast(tf.round(images * 255), tf.uint8).numpy()

    return endless(data.prepare_all(digits), 32, seed), step, draw


def torch_networks():
    """Both networks of the PyTorch example, with its weights."""
    from torch import nn

    def start(part):
        if isinstance(part, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(part.weight, 0.0, 0.02)
        elif isinstance(part, nn.BatchNorm2d):
            nn.init.normal_(part.weight, 1.0, 0.02)

    wide = (512, 256, 128, 64)
    painter = [nn.ConvTranspose2d(100, 512, 4, 1, 0, bias=False)]
    for inputs, outputs in itertools.pairwise(wide):
        painter += [nn.BatchNorm2d(inputs), nn.ReLU(True)]
        painter += [nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=False)]
    painter += [nn.BatchNorm2d(64), nn.ReLU(True)]
    painter += [nn.ConvTranspose2d(64, 1, 4, 2, 1, bias=False), nn.Tanh()]
    critic = [nn.Conv2d(1, 64, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, True)]
    for outputs, inputs in itertools.pairwise(wide):
        critic.insert(2, nn.LeakyReLU(0.2, True))
        critic.insert(2, nn.BatchNorm2d(outputs))
        critic.insert(2, nn.Conv2d(inputs, outputs, 4, 2, 1, bias=False))
    critic += [nn.Conv2d(512, 1, 4, 1, 0, bias=False), nn.Flatten()]
    return (nn.Sequential(*parts).apply(start) for parts in (painter, critic))


def pytorch_example(digits, seed):
    """The DCGAN of pytorch/examples (dcgan/main.py), its MNIST set at 64×64."""
    import torch
    from torch.nn.functional import binary_cross_entropy_with_logits as entropy

    torch.manual_seed(seed)
    generator, discriminator = torch_networks()
    betas = (0.5, 0.999)
    d_adam = torch.optim.Adam(discriminator.parameters(), 2e-4, betas)
    g_adam = torch.optim.Adam(generator.parameters(), 2e-4, betas)

    def step(batch):
        real = torch.from_numpy(batch.numpy()).permute(0, 3, 1, 2).float() / 127.5 - 1
        ones, zeros = torch.ones(len(real), 1), torch.zeros(len(real), 1)
        d_adam.zero_grad()
        entropy(discriminator(real), ones).backward()
        fake = generator(torch.randn(len(real), 100, 1, 1))
        entropy(discriminator(fake.detach()), zeros).backward()
        d_adam.step()
        g_adam.zero_grad()
        entropy(discriminator(fake), ones).backward()
        g_adam.step()

    @torch.no_grad()
    def draw(count):
        generator.eval()
        noise = torch.randn(count, 100, 1, 1).split(100)
        images = torch.cat([generator(part) for part in noise]).permute(0, 2, 3, 1)
        generator.train()
        return data.to_uint8(images.numpy()).numpy()

    return endless(data.prepare_all(digits), 64, seed), step, draw


RACERS = {
    "quick": ours("quick"),
    "laptop": ours("laptop"),
    "full": ours("full"),
    "TensorFlow tutorial": tensorflow_tutorial,
    "keras.io": keras_example,
    "PyTorch example": pytorch_example,
}


LINES = {  # told apart by their marks, too (colours: Okabe and Ito)
    "quick": {"marker": "D", "color": "#56B4E9"},
    "laptop": {"marker": "o", "color": "#0072B2"},
    "full": {"marker": "*", "color": "#000000"},
    "TensorFlow tutorial": {"marker": "s", "color": "#D55E00", "ls": "--"},
    "keras.io": {"marker": "^", "color": "#009E73", "ls": "--"},
    "PyTorch example": {"marker": "v", "color": "#CC79A7", "ls": "--"},
}


def race(name, minutes, seed, the_judge):
    """Trains one of them; returns a row of scores for each moment, and its end."""
    keras.utils.set_random_seed(seed)
    batches_left, step, draw = RACERS[name](data.load_mnist("train")[0], seed)
    rows, moments = [], [m for m in MOMENTS if m < minutes]
    begun = time.process_time()

    def spent():
        return (time.process_time() - begun) / 60 / CORES

    def look():
        row = {"minutes": round(spent(), 2), "seed": seed}
        found = evaluation.score(the_judge, draw(JUDGED))
        row |= {k: getattr(found, k) for k in ("confident", "coverage", "frechet")}
        rows.append(row)
        print(name, row, file=sys.stderr, flush=True)

    for batch in batches_left:
        step(batch)
        if spent() >= minutes:
            break
        if moments and spent() >= moments[0]:
            moments.pop(0)
            paused = time.process_time()
            look()
            begun += time.process_time() - paused
    look()
    return rows


def plot(known):
    """Confidence and coverage against minutes, one line for each racer."""
    figure, places = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for axes, key in zip(places, ("confident", "coverage"), strict=True):
        for name, rows in known.items():
            x, y = ([row[k] for row in rows] for k in ("minutes", key))
            axes.plot(x, y, label=name, **LINES[name])
        axes.set_ylim(0, 1)
        axes.set_xscale("log")
        axes.set_xticks([0.5, 1, 2, 4, 8, 16], ["½", "1", "2", "4", "8", "16"])
        axes.set_xlabel("minutes of training")
    places[0].set_title("Recognised with more than 95% confidence")
    places[1].set_title("Coverage")
    places[1].legend(fontsize=9)
    return figure


def main():
    """Lets them race, one after the other; keeps what earlier calls found."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(RACERS))
    parser.add_argument("--minutes", type=float, default=8.0, help="for the peers")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    kept = runs_folder() / "peers.json"
    names = options.names or list(RACERS)
    for name in names:
        if name not in RACERS:
            parser.error(f"no racer {name!r}; choose from {', '.join(RACERS)}")
    if len(names) > 1:  # each in a process of its own: none disturbs the next
        for name in names:
            words = [name, "--minutes", options.minutes, "--seed", options.seed]
            subprocess.run([sys.executable, __file__, *map(str, words)], check=True)
        return
    minutes = 60 if names[0] in PRESETS else options.minutes
    rows = race(names[0], minutes, options.seed, evaluation.load_judge())
    known = json.loads(kept.read_text()) if kept.exists() else {}
    known[names[0]] = rows
    with files.atomic_write(kept) as aside:
        aside.write_text(json.dumps(known, indent=1))
    known = {name: known[name] for name in RACERS if name in known}
    plots.save_figure(plot(known), PICTURE)
    print("| | minutes | recognised | coverage | Fréchet |\n|---|---|---|---|---|")
    for name, rows in known.items():
        last = rows[-1]
        print(
            f"| {name} | {last['minutes']:.1f} | {last['confident']:.1%} | "
            f"{last['coverage']:.3f} | {last['frechet']:.2f} |"
        )


if __name__ == "__main__":
    main()
