"""How good is a preset, whatever the seed? Trains it with three, and takes the median.

    python tests/benchmarks/seeds.py quick laptop      # medians of seeds 0, 1 and 2
    python tests/benchmarks/seeds.py full --epochs 40  # not as many as the preset's
    python tests/benchmarks/seeds.py laptop --seeds 1 --core 0  # two can run at once

Every run is kept in runs/seeds, and what is there is not trained again. An interrupted
run goes on. Each is judged on 10,000 drawings, as `python -m mnistgan judge` does.
"""

import argparse
import json
import os
import statistics

COLUMNS = ("confident", "coverage", "frechet")


def parse():
    """Reads the command line; before TensorFlow starts, which then keeps to a core."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("presets", nargs="+", choices=("quick", "laptop", "full"))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--core", type=int, help="use only this one")
    options = parser.parse_args()
    if options.core is not None:
        os.sched_setaffinity(0, {options.core})
        threads = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
        os.environ |= dict.fromkeys(threads, "1")
    return options


def measure(preset, seed, epochs):
    """Trains and judges one run, or reads what an earlier call found."""
    from mnistgan import evaluation, sampling, settings, training
    from mnistgan.engine import files

    changes = {"epochs": epochs} if epochs else {}
    chosen = settings.choose_settings(preset, seed=seed, judged=0, **changes)
    name = f"{preset}-{chosen.epochs}-{seed}"
    folder = settings.runs_folder() / "seeds" / name
    kept = folder / "judged.json"
    if not kept.exists():
        training.train(chosen, folder)
        generator = sampling.load_generator(folder / "generator.keras")
        drawn = sampling.draw(generator, sampling.make_noise(generator, 10_000, seed=0))
        found = evaluation.score(evaluation.load_judge(), drawn)
        with files.atomic_write(kept) as aside:
            aside.write_text(json.dumps({key: getattr(found, key) for key in COLUMNS}))
    return chosen.epochs, json.loads(kept.read_text())


def line(words, found):
    """A row of the Markdown table."""
    values = f"{found['confident']:.1%} | {found['coverage']:.3f} | "
    return f"| {' | '.join(map(str, words))} | {values}{found['frechet']:.2f} |"


def main():
    """Prints a row for each run, and one with the medians of each preset."""
    options = parse()
    from mnistgan.engine import machine

    machine.load_tensorflow()
    print("| preset | epochs | seed | recognised | coverage | Fréchet |")
    print("|---|---|---|---|---|---|")
    for preset in options.presets:
        rows = []
        for seed in options.seeds:
            epochs, found = measure(preset, seed, options.epochs)
            rows.append(found)
            print(line((preset, epochs, seed), found), flush=True)
        middle = {key: statistics.median(row[key] for row in rows) for key in COLUMNS}
        print(line((preset, epochs, "median"), middle))


if __name__ == "__main__":
    main()
