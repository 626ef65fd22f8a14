"""Do several workers learn what one learns, and how fast? Takes a few steps, and tells.

    python tests/benchmarks/scaling.py one       # one device
    python tests/benchmarks/scaling.py mirrored  # two devices of this machine
    python tests/benchmarks/scaling.py workers   # two programs, a core for each
    python tests/benchmarks/scaling.py workers --batch 512        # larger batches
    python tests/benchmarks/scaling.py one --steps 100 --nudge 1  # rounds otherwise

The last line is JSON: what each step returned, and the median time of a step, in ms.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

import numpy as np


def parse(words=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("strategy", choices=("one", "mirrored", "workers"))
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--project", default="digits")
    parser.add_argument(
        "--silent",
        action="store_true",
        help="send no messages: what is left is the calculation",
    )
    parser.add_argument("--jit-compile", action="store_true")
    parser.add_argument(
        "--nudge",
        type=int,
        metavar="SEED",
        help="first change each weight of the artist by some ten-millionths of it",
    )
    return parser.parse_args(words)


def start_two(words):
    """Starts two of these programs, each with its own core; the first one tells."""
    from mnistgan.engine import launch

    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    cluster = {"worker": launch.free_addresses(2)}
    both = []
    for rank in range(2):
        task = {"type": "worker", "index": rank}
        config = json.dumps({"cluster": cluster, "task": task})
        core = str(cores[rank % len(cores)]) if cores else ""
        own = {**os.environ, "TF_CONFIG": config, "CORE": core}
        where = None if rank == 0 else subprocess.DEVNULL
        program = [sys.executable, __file__, *words]
        both.append(subprocess.Popen(program, env=own, stdout=where))
    return max(each.wait() for each in both)


def measure(options):
    """Takes the steps; returns what they returned, and the median time of one."""
    from mnistgan.engine import machine

    tf = machine.load_tensorflow()
    from mnistgan import data, projects, training
    from mnistgan.engine import checkpoints, distribute
    from mnistgan.settings import choose_settings

    if options.strategy == "mirrored":
        (device,) = tf.config.list_physical_devices("CPU")
        two = [tf.config.LogicalDeviceConfiguration()] * 2
        tf.config.set_logical_device_configuration(device, two)
    team = distribute.form_cluster(options.strategy)
    if options.silent:
        tf.distribute.ReplicaContext.all_reduce = lambda self, how, value: value
    settings = choose_settings(
        "quick",
        options.project,
        batch_size=options.batch,
        pictures=options.batch * options.steps,
        epochs=1,
        judged=0,
        jit_compile=options.jit_compile,
    )
    state = training.new_state(settings, team)
    if options.nudge is not None:
        nudge(state.generator, options.nudge)
    step = training.make_whole_step(settings, state, team)
    team.follow_chief(checkpoints.changed_by(state))
    numbers = team.own_numbers(settings, data.shuffled)
    dataset = projects.load_dataset(settings, numbers=numbers)
    found, spent = [], []
    for batch in training.make_batches(*dataset, settings, 0, team):
        start = time.perf_counter()
        found.append(step(*batch).numpy().tolist())
        spent.append(1000 * (time.perf_counter() - start))
    return {"steps": found, "ms": statistics.median(spent[1:] or spent)}


def nudge(robot, seed):
    """Changes each weight by about a ten-millionth, as another rounding would."""
    dice = np.random.default_rng(seed)
    for weight in robot.trainable_variables:
        change = 1 + 1e-7 * dice.standard_normal(weight.shape)
        weight.assign((weight.numpy() * change).astype("float32"))


def main():
    options = parse()
    if options.strategy == "workers" and "TF_CONFIG" not in os.environ:
        return start_two(sys.argv[1:])
    core = os.environ.get("CORE")
    if core and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {int(core)})
    print(json.dumps(measure(options)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
