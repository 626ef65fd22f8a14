"""How fast is our training step? Beside PyTorch's, on one machine, in one run.

`make bench` runs it. Both frameworks train the same DCGAN (same layers, widths, batch,
Adam, fog) on the same digits: once by the same calculation, once with the third look of
the discriminator that PyTorch's own DCGAN example takes. They take turns, each in a
process of its own, so that neither disturbs the other; medians are printed. PyTorch
runs in its fastest layout for such networks, channels_last. Then: what a step costs
when the networks are wider, the batches larger, or the cores fewer; and how much of the
time of a whole run is spent outside the step. All tables are Markdown.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

TURNS = 3
WARM_UP, STEPS = 10, 100
WIDE = {"generator_width": 32, "discriminator_width": 32}
NARROW = {"generator_width": 8, "discriminator_width": 8}


def measure(step, batches):
    """Images per second, and the process' memory peak in GB."""
    for number in range(WARM_UP):
        step(batches[number % len(batches)])
    start = time.perf_counter()
    for number in range(STEPS):
        step(batches[number % len(batches)])
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    return {"images/s": STEPS * len(batches[0]) / seconds, "GB": peak}


def digits(changes):
    """Sixteen batches of real digits, uint8, and the settings they are for."""
    from mnistgan import data, settings

    chosen = settings.choose_settings("laptop", **changes)
    album = data.prepare_all(data.load_mnist(f"train[:{16 * chosen.batch_size}]")[0])
    return list(data.make_dataset(album, chosen.batch_size, seed=0)), chosen


def run_tensorflow(**changes):
    """Our own step, with our own settings, and how much of the peak it uses."""
    from mnistgan import training

    batches, chosen = digits(changes)
    state = training.new_state(chosen)
    step = training.make_train_step(
        state.generator,
        state.discriminator,
        state.generator_optimizer,
        state.discriminator_optimizer,
    )
    found = measure(lambda batch: float(step(batch)[0]), batches)
    flop = step_flop(state.generator, state.discriminator)
    return {**found, "peak share": found["images/s"] * flop / matrix_peak()}


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
    settings = choose_settings("laptop", epochs=2, pictures=32_000)
    with tempfile.TemporaryDirectory() as folder:
        training.train(settings, folder)
        over = time.perf_counter()
    inside = sum(end - start for start, end in spent[1:])  # the first one compiles
    return {"outside": 1 - inside / (over - spent[0][1])}


def torch_networks(chosen):
    """The same two networks in PyTorch."""
    from torch import nn

    class Fog(nn.Module):
        def forward(self, x):
            return x + chosen.fog * x.new_empty(x.shape).uniform_(-(3**0.5), 3**0.5)

    def norm(channels, kind=nn.BatchNorm2d):
        return kind(channels, eps=1e-3, momentum=0.1)

    def dense(inputs, outputs):
        return nn.Linear(inputs, outputs, bias=False), norm(outputs, nn.BatchNorm1d)

    wide, narrow = chosen.generator_width, chosen.discriminator_width
    painter = [*dense(chosen.noise_dim, 128), nn.ReLU()]
    painter += [*dense(128, 128 * wide), nn.ReLU(), nn.Unflatten(1, (8 * wide, 4, 4))]
    for size in (4 * wide, 2 * wide, wide):
        painter += [nn.ConvTranspose2d(2 * size, size, 4, 2, 1, bias=False)]
        painter += [norm(size), nn.ReLU()]
    painter += [nn.ConvTranspose2d(wide, 1, 4, 2, 1), nn.Tanh()]
    judge = [Fog(), nn.PixelUnshuffle(4), nn.ZeroPad2d((0, 1, 0, 1))]
    judge += [nn.Conv2d(16, narrow, 2), nn.LeakyReLU(0.2)]
    for inputs, outputs in ((narrow, 4 * narrow), (4 * narrow, 8 * narrow)):
        judge += [nn.Conv2d(inputs, outputs, 4, 2, 1, bias=False)]
        judge += [norm(outputs), nn.LeakyReLU(0.2)]
    judge += [nn.Flatten(), *dense(128 * narrow, 256), nn.LeakyReLU(0.2)]
    judge += [nn.Linear(256, 1)]
    return nn.Sequential(*painter), nn.Sequential(*judge)


def run_pytorch(again=False, **changes):
    """The same step in PyTorch; or, as its own example does, with one more look.

    There, the detective looks at the drawings `again` after it has learned.
    """
    import torch
    from torch.nn.functional import binary_cross_entropy_with_logits as cross_entropy

    batches, chosen = digits(changes)
    batches = [torch.from_numpy(batch.numpy()).permute(0, 3, 1, 2) for batch in batches]
    layout = {"memory_format": torch.channels_last}
    generator, discriminator = (net.to(**layout) for net in torch_networks(chosen))
    betas = (chosen.beta_1, 0.999)
    g_adam = torch.optim.Adam(generator.parameters(), 1e-3, betas)
    d_adam = torch.optim.Adam(discriminator.parameters(), 1e-3, betas)

    def step(batch):
        real = (batch.float() / 127.5 - 1).contiguous(**layout)
        fake = generator(torch.randn(len(batch), chosen.noise_dim))
        ones, zeros = torch.ones(len(batch), 1), torch.zeros(len(batch), 1)
        real_logits, fake_logits = discriminator(real), discriminator(fake)
        d_loss = cross_entropy(real_logits, ones) + cross_entropy(fake_logits, zeros)
        set_gradients(discriminator, d_loss)
        if again:
            d_adam.step()
            fake_logits = discriminator(fake)
        set_gradients(generator, cross_entropy(fake_logits, ones))
        g_adam.step()
        if not again:
            d_adam.step()
        return d_loss.item()

    def set_gradients(network, loss):
        weights = list(network.parameters())
        slopes = torch.autograd.grad(loss, weights, retain_graph=True)
        for weight, slope in zip(weights, slopes, strict=True):
            weight.grad = slope

    return measure(step, batches)


def run(who, cores=None, environment=None, **changes):
    """Runs one of the workers in a process of its own, on some or all of the cores."""
    command = [sys.executable, __file__, who, json.dumps(changes)]
    if cores:
        command = ["taskset", "-c", f"0-{cores - 1}", *command]
    environment = {**os.environ, **(environment or {})}
    return json.loads(subprocess.check_output(command, text=True, env=environment))


def compare():
    """Ours, ours as TensorFlow is installed, and PyTorch's, by turns."""
    racers = {
        "ours": {"who": "tensorflow"},
        "ours, oneDNN off": {
            "who": "tensorflow",
            "environment": {"TF_ENABLE_ONEDNN_OPTS": "0"},
        },
        "PyTorch, channels_last": {"who": "pytorch"},
        "PyTorch, looking again": {"who": "pytorch", "again": True},
    }
    results = {name: [] for name in racers}
    for _ in range(TURNS):
        for name, racer in racers.items():
            results[name].append(run(**racer))
    speeds = {
        name: statistics.median(row["images/s"] for row in rows)
        for name, rows in results.items()
    }
    print("| step | images/s | ours is | memory peak |\n|---|---|---|---|")
    for name, rows in results.items():
        peak = max(row["GB"] for row in rows)
        ratio = speeds["ours"] / speeds[name]
        print(f"| {name} | {speeds[name]:.0f} | {ratio:.2f} × | {peak:.2f} GB |")


def costs():
    """How a step's cost grows."""
    print("\n| step | ms | images/s | share of the matrix peak |\n|---|---|---|---|")
    for name, choice in {
        "as it is": {},
        "half as wide": NARROW,
        "twice as wide": WIDE,
        "batch 16": {"batch_size": 16},
        "batch 32": {"batch_size": 32},
        "batch 128": {"batch_size": 128},
        "one core": {"cores": 1},
    }.items():
        found = run("tensorflow", **choice)
        batch = choice.get("batch_size", 64)
        speed = found["images/s"]
        share = f"{found['peak share']:.0%}"
        print(f"| {name} | {1000 * batch / speed:.0f} | {speed:.0f} | {share} |")


def main():
    """Prints both tables, and the share of a run that is spent outside the step."""
    print(f"{os.cpu_count()} cores\n")
    compare()
    costs()
    print(f"\nOutside the step: {run('whole')['outside']:.1%} of a run")


if __name__ == "__main__":
    workers = {"tensorflow": run_tensorflow, "pytorch": run_pytorch, "whole": run_whole}
    if sys.argv[1:]:
        who, changes = sys.argv[1:]
        print(json.dumps(workers[who](**json.loads(changes))))
    else:
        main()
