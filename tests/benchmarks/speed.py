"""How fast is our training step? Beside PyTorch's, on one machine, in one run.

`make bench` runs it. Both frameworks train the same DCGAN (same layers, widths, batch,
Adam, noise) on the same digits: once by the same calculation, once with the third look
of the discriminator that PyTorch's own DCGAN example takes. They take turns, each in a
process of its own, so that neither disturbs the other; medians are printed. PyTorch
runs in its fastest layout for such networks, channels_last, and once more compiled by
`torch.compile`, with Adam fused into one operation. cost.py says what makes a
step dearer, and where its time goes.
"""

import itertools
import json
import os
import resource
import statistics
import subprocess
import sys
import time

TURNS = 3
WARM_UP, STEPS = 20, 100


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

    chosen = settings.choose_settings("full", **changes)
    digits64 = data.prepare_all(data.load_mnist(f"train[:{16 * chosen.batch_size}]")[0])
    return list(data.make_dataset(digits64, chosen.batch_size, seed=0)), chosen


def with_noise(step, noise_dim, seed=0):
    """A training step that takes pictures, uint8, and draws its own noise."""
    import tensorflow as tf

    from mnistgan.data import to_float

    number = tf.Variable(0, dtype=tf.int64)

    @tf.function
    def whole_step(images):
        number.assign_add(1)
        noise = tf.random.stateless_normal((len(images), noise_dim), (seed, number))
        return step.python_function(to_float(images), noise)

    return whole_step


def run_tensorflow(quick=True, **changes):
    """Our own step, with our own settings; with the quick layers, or Keras' own."""
    from mnistgan import training
    from mnistgan.engine.accelerate import accelerate

    batches, chosen = digits(changes)
    state = training.new_state(chosen)
    robots = state.generator, state.discriminator
    step = training.make_train_step(
        *(map(accelerate, robots) if quick else robots),
        state.generator_optimizer,
        state.discriminator_optimizer,
    )
    step = with_noise(step, chosen.noise_dim)
    return measure(lambda batch: float(step(batch)[0]), batches)


def torch_networks(chosen):
    """The same two networks in PyTorch."""
    import torch
    from torch import nn

    class GaussianNoise(nn.Module):
        def forward(self, x):
            return x + chosen.noise_std * torch.randn_like(x)

    def norm(channels, kind=nn.BatchNorm2d):
        return kind(channels, eps=1e-3, momentum=0.1)

    def dense(inputs, outputs):
        return nn.Linear(inputs, outputs, bias=False), norm(outputs, nn.BatchNorm1d)

    wide, narrow = chosen.generator_width, chosen.discriminator_width
    sizes, painter = (chosen.noise_dim, 128, 128, 128, 7 * 7 * 4 * wide), []
    for inputs, outputs in itertools.pairwise(sizes):
        painter += [*dense(inputs, outputs), nn.ReLU()]
    painter += [nn.Unflatten(1, (4 * wide, 7, 7))]
    painter += [nn.ConvTranspose2d(4 * wide, 2 * wide, 4, 2, 1, bias=False)]
    painter += [norm(2 * wide), nn.ReLU()]
    painter += [nn.ConvTranspose2d(2 * wide, 1, 4, 2, 1), nn.Tanh()]
    painter += [nn.Upsample((64, 64), mode="bilinear")]
    judge = [GaussianNoise(), nn.Conv2d(1, narrow, 8, 4, 2), nn.LeakyReLU(0.2)]
    for inputs, outputs in ((narrow, 4 * narrow), (4 * narrow, 8 * narrow)):
        judge += [nn.Conv2d(inputs, outputs, 4, 2, 1, bias=False)]
        judge += [norm(outputs), nn.LeakyReLU(0.2)]
    judge += [nn.Flatten(), *dense(128 * narrow, 256), nn.LeakyReLU(0.2)]
    judge += [nn.Linear(256, 1)]
    return nn.Sequential(*painter), nn.Sequential(*judge)


def run_pytorch(again=False, compiled=False, **changes):
    """The same step in PyTorch; or, as its own example does, with one more look.

    There, the detective looks at the drawings `again` after it has learned.
    """
    import torch
    import torch._functorch.config
    from torch.nn.functional import binary_cross_entropy_with_logits as cross_entropy

    batches, chosen = digits(changes)
    batches = [torch.from_numpy(batch.numpy()).permute(0, 3, 1, 2) for batch in batches]
    layout = {"memory_format": torch.channels_last}
    generator, discriminator = (net.to(**layout) for net in torch_networks(chosen))
    g_adam, d_adam = (
        torch.optim.Adam(x.parameters(), 1e-3, (chosen.beta_1, 0.999), fused=compiled)
        for x in (generator, discriminator)
    )
    if compiled:
        # Both losses go back through one drawing, whose memory must not be given away.
        torch._functorch.config.donated_buffer = False
        generator, discriminator = map(torch.compile, (generator, discriminator))

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


def run(who, script=__file__, environment=None, **changes):
    """Runs one of a script's workers in a process of its own; returns what it found."""
    command = [sys.executable, script, who, json.dumps(changes)]
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
        "ours, Keras' layers only": {"who": "tensorflow", "quick": False},
        "PyTorch, channels_last": {"who": "pytorch"},
        "PyTorch, compiled, Adam fused": {"who": "pytorch", "compiled": True},
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


def main():
    """Prints the table, or is one of its workers."""
    if sys.argv[1:]:
        workers = {"tensorflow": run_tensorflow, "pytorch": run_pytorch}
        who, changes = sys.argv[1:]
        print(json.dumps(workers[who](**json.loads(changes))))
    else:
        from mnistgan.engine.machine import count_cores

        print(f"{count_cores()} cores\n")
        compare()


if __name__ == "__main__":
    main()
