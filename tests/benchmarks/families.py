"""Three families, one clock: GAN, VAE and flow after the same processor time.

    python tests/benchmarks/families.py                       # all, three seeds: hours
    python tests/benchmarks/families.py --minutes 2 --seeds 0 # a part
    python tests/benchmarks/families.py --projects flow --core 0   # two can run at once
    python tests/benchmarks/families.py --table               # what earlier calls found

A minute is one of two cores: 120 seconds of processor time. How many steps fit into it
is measured first, and the learning rates fall to the end of them. Each is judged on
10,000 drawings.

What is found goes to families.csv beside this file, which is committed: all of it takes
hours, and so it may be measured a few runs at a time, on several machines. A run that
stands there is not made again, unless you delete its row and its folder in
runs/families. The table has medians over the seeds. `--table` makes
images/families.png of it, and images/families_drawn.png of those runs in runs/families
that had the longest time that all families have had.
"""

import argparse
import csv
import dataclasses
import itertools
import statistics
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import seeds

IMAGES = Path(__file__).parents[2] / "images"
FOUND = Path(__file__).with_name("families.csv")
PRESETS = {2: "quick", 8: "laptop", 20: "full"}  # whose batches suit that time
LINES = {  # told apart by their marks, too (colours: Okabe and Ito)
    "digits": {"label": "GAN", "marker": "o", "color": "#0072B2"},
    "conditional": {"label": "GAN with labels", "marker": "s", "color": "#56B4E9"},
    "vae": {"label": "VAE", "marker": "^", "color": "#009E73"},
    "flow": {"label": "flow with labels", "marker": "*", "color": "#D55E00"},
}
COLUMNS = {
    **{x: seeds.COLUMNS[x] for x in ("confident", "coverage", "recall", "frechet")},
    "power_50_75": ("finest waves", ".2f"),
    "milliseconds": ("ms a drawing", ".1f"),
    "numbers": ("numbers", ",.0f"),
    "nats": ("ELBO", ".1f"),
}


def parse():
    """Reads the command line; before TensorFlow starts, which then keeps to a core."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--projects", nargs="+", choices=LINES, default=list(LINES))
    times = {"type": int, "choices": PRESETS, "default": list(PRESETS)}
    parser.add_argument("--minutes", nargs="+", **times)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--table", action="store_true", help="run nothing")
    parser.add_argument("--core", type=int, help="use only this one")
    options = parser.parse_args()
    seeds.keep_to(options.core)
    return options


def fit(settings, minutes):
    """Settings with as many steps as fit into the time."""
    from mnistgan import projects, training

    few = dataclasses.replace(settings, pictures=60 * settings.batch_size, epochs=1)
    dataset = projects.load_dataset(few)
    step = training.make_whole_step(few, training.new_state(few))
    batches = list(training.make_batches(*dataset, few))
    for batch in batches[:10]:  # compiles, and warms up
        step(*batch)
    start = time.process_time()
    for batch in batches[10:]:
        step(*batch)
    cost = (time.process_time() - start) / len(batches[10:])
    pictures = int(120 * minutes / cost) * settings.batch_size
    epochs = -(-pictures // 60_000)
    return dataclasses.replace(settings, epochs=epochs, pictures=pictures // epochs)


def run_folder(minutes, project, seed):
    """Where a run is kept."""
    from mnistgan.settings import runs_folder

    return runs_folder() / "families" / f"{project}-{minutes}-{seed}"


def read_found():
    """What earlier calls have found: a row for each time, project and seed."""
    if not FOUND.exists():
        return {}
    with open(FOUND, newline="") as lines:
        rows = list(csv.reader(lines))[1:]
    return {
        (int(minutes), project, int(seed)): dict(
            zip(("steps", *COLUMNS), map(float, numbers), strict=True)
        )
        for minutes, project, seed, *numbers in rows
    }


def keep_found(run, found):
    """Adds a row, in one go: another process may do the same."""
    if not FOUND.exists():
        names = ["minutes", "project", "seed", "steps", *COLUMNS]
        FOUND.write_text(",".join(names) + "\n")
    numbers = [format(found[name], ".7g") for name in ("steps", *COLUMNS)]
    with open(FOUND, "a") as file:
        file.write(",".join([*map(str, run), *numbers]) + "\n")


def measure(minutes, project, seed):
    """Trains and judges one run; one that was interrupted goes on."""
    from mnistgan import evaluation, sampling, settings, training
    from mnistgan.engine.legacy import read_settings

    folder = run_folder(minutes, project, seed)
    try:
        chosen = settings.Settings(**read_settings(folder / "settings.json"))
    except OSError:
        usual = {"project": project, "seed": seed, "judged": 0}
        chosen = fit(settings.choose_settings(PRESETS[minutes], **usual), minutes)
    training.train(chosen, folder)
    generator = sampling.load_generator(folder / "generator.keras")
    drawn = sampling.draw(generator, sampling.make_noise(generator, 10_000, seed=0))
    found = dataclasses.asdict(evaluation.score(evaluation.load_judge(), drawn))
    found |= {"milliseconds": time_drawing(generator), "nats": float("nan")}
    found["steps"] = chosen.epochs * (chosen.pictures // chosen.batch_size)
    found["numbers"] = generator.count_params()
    if project == "vae":
        found["nats"] = measure_nats(generator, folder)
    keep_found((minutes, project, seed), found)


def time_drawing(generator):
    """Milliseconds for one drawing; the median of 50."""
    from mnistgan import sampling

    paint, times = sampling.compile_draw(generator), []
    label = 7 if sampling.classes(generator) else None
    for seed in range(51):  # the first compiles
        noise = sampling.make_noise(generator, 1, seed)
        start = time.perf_counter()
        paint(noise, label)
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times[1:])


def measure_nats(generator, folder):
    """The ELBO of the test digits."""
    from tensorflow import keras

    from mnistgan import data
    from mnistgan.projects import vae

    encoder = keras.models.load_model(folder / "encoder.keras", compile=False)
    return vae.elbo(generator, encoder, data.load_mnist("test")[0])


def plot(table):
    """What the judge says against minutes, one line for each family."""
    figure, places = plt.subplots(1, 3, figsize=(10, 3.6), layout="constrained")
    times, projects = (dict.fromkeys(names) for names in zip(*table, strict=True))
    for axes, key in zip(places, ("confident", "recall", "frechet"), strict=True):
        for project in projects:
            rows = {at: row for (at, name), row in table.items() if name == project}
            axes.plot(list(rows), [row[key] for row in rows.values()], **LINES[project])
        axes.set_xscale("log")
        axes.set_xticks(list(times), map(str, times))
        axes.set_xticks([], minor=True)
        axes.set_xlabel("minutes of training")
        axes.set_title(COLUMNS[key][0])
    places[1].legend(fontsize=9)
    places[2].set_yscale("log")
    return figure


def draw_some(run):
    """The first twelve drawings of a run."""
    from mnistgan import sampling

    generator = sampling.load_generator(run_folder(*run) / "generator.keras")
    return sampling.draw(generator, sampling.make_noise(generator, 12, seed=0))


def make_pictures(table, seed):
    """Makes the plot, and a row of drawings by each family, as far as they are here."""
    from mnistgan import plots

    plots.save_figure(plot(table), IMAGES / "families.png")
    times, known = (dict.fromkeys(names) for names in zip(*table, strict=True))
    shared = max(at for at in times if all((at, x) in table for x in known))
    runs = [(shared, project, seed) for project in known]
    if all(run_folder(*run).exists() for run in runs):
        rows = np.concatenate([draw_some(run) for run in runs])
        plots.save_grid(rows, IMAGES / "families_drawn.png", columns=12)


def print_table(found, options):
    """Prints a row for each time and family, and returns them: medians over seeds."""
    heads = "minutes", "family", "seeds", *(head for head, _ in COLUMNS.values())
    print("|", " | ".join(heads), "|\n|" + "---|" * len(heads))
    table = {}
    for minutes, project in itertools.product(options.minutes, options.projects):
        runs = [found.get((minutes, project, seed)) for seed in options.seeds]
        if not (runs := [run for run in runs if run]):
            continue
        row = {x: statistics.median(run[x] for run in runs) for x in COLUMNS}
        table[minutes, project] = row
        words = [format(row[x], form) for x, (_, form) in COLUMNS.items()]
        words = [word.replace("nan", "") for word in words]  # only a VAE has nats
        words = [str(minutes), LINES[project]["label"], str(len(runs)), *words]
        print("|", " | ".join(words), "|", flush=True)
    return table


def main():
    """Measures what is missing, or makes the table and the pictures."""
    options = parse()
    from mnistgan.engine import machine

    machine.load_tensorflow()
    runs = itertools.product(options.minutes, options.projects, options.seeds)
    for run in () if options.table else runs:
        if run not in read_found():
            measure(*run)
    table = print_table(read_found(), options)
    if options.table:
        make_pictures(table, options.seeds[0])


if __name__ == "__main__":
    main()
