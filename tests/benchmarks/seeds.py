"""How good is a preset, whatever the seed? Trains it with three, and takes the median.

    python tests/benchmarks/seeds.py quick laptop      # medians of seeds 0, 1 and 2
    python tests/benchmarks/seeds.py full --epochs 40  # not as many as the preset's
    python tests/benchmarks/seeds.py laptop --seeds 1 --core 0  # two can run at once

Every run is kept in runs/seeds, and what is there is not trained again. An interrupted
run goes on. Each is judged on 10,000 drawings, as `python -m mnistgan judge` does.
"""

import argparse
import dataclasses
import json
import os
import statistics

COLUMNS = {  # what the table shows: of the judge, the second judge, the spectrum
    "confident": ("recognised", ".1%"),
    "recall": ("recall", ".3f"),
    "coverage": ("coverage", ".3f"),
    "frechet": ("Fréchet", ".2f"),
    "second_recall": ("recall (second judge)", ".3f"),
    "second_frechet": ("Fréchet (second judge)", ".1f"),
    "power_25_35": ("power 0.25-0.35", ".2f"),
    "power_35_50": ("0.35-0.5", ".2f"),
    "power_50_75": ("0.5-0.75", ".2f"),
}


def parse():
    """Reads the command line; before TensorFlow starts, which then keeps to a core."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("presets", nargs="+", choices=("quick", "laptop", "full"))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--core", type=int, help="use only this one")
    options = parser.parse_args()
    keep_to(options.core)
    return options


def keep_to(core):
    """Lets this process use only one core, where the system can; None for all."""
    if core is not None:
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, {core})
        threads = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
        os.environ |= dict.fromkeys(threads, "1")


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
        found = dataclasses.asdict(evaluation.score(evaluation.load_judge(), drawn))
        judge = evaluation.load_judge(settings=evaluation.SECOND)
        second = dataclasses.asdict(evaluation.score(judge, drawn))
        found |= {f"second_{name}": value for name, value in second.items()}
        with files.atomic_write(kept) as aside:
            aside.write_text(json.dumps({key: found[key] for key in COLUMNS}))
    return chosen.epochs, json.loads(kept.read_text())


def line(words, found):
    """A row of the Markdown table."""
    values = [format(found[key], form) for key, (_, form) in COLUMNS.items()]
    return f"| {' | '.join([*map(str, words), *values])} |"


def main():
    """Prints a row for each run, and one with the medians of each preset."""
    options = parse()
    from mnistgan.engine import machine

    machine.load_tensorflow()
    heads = ["preset", "epochs", "seed", *(head for head, _ in COLUMNS.values())]
    print(f"| {' | '.join(heads)} |\n{'|---' * len(heads)}|")
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
