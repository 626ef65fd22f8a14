"""How often does the doctor name a fault, and how often does it cry wolf? (Lesson 14)

    python tests/benchmarks/faults.py [--seeds 10 11 12] [--runs runs/*]

All faults, ten seeds each: most of an hour on two cores. Each training is kept in
runs/faults; an interrupted call goes on, and a second one is over in seconds. With
--runs it reads healthy runs instead, at each preview from step 400 on.
"""

import argparse
import json
from collections import Counter
from pathlib import Path

from mnistgan.engine import machine

machine.load_tensorflow()

import numpy as np  # noqa: E402
from PIL import Image  # noqa: E402

from mnistgan import data  # noqa: E402
from mnistgan.engine import checkpoints, diagnosis, files  # noqa: E402
from mnistgan.engine.runs import COLUMNS, read_history  # noqa: E402
from mnistgan.projects import faults, find_project  # noqa: E402
from mnistgan.settings import Settings, runs_folder  # noqa: E402

HEALTHY = "healthy"
WAYS = {HEALTHY: faults.practise} | {x.name: x.practise for x in faults.FAULTS}


def practise(name, images, seed):
    """The history of one training, and its drawings before and after."""
    kept = runs_folder() / "faults" / f"{name}-{seed}.npz"
    if not kept.exists():
        results, *drawings = WAYS[name](images, seed)
        rows = [list(row.values()) for row in faults.as_history(results)]
        with files.atomic_write(kept) as aside:
            np.savez_compressed(aside, rows=rows, drawings=drawings)
    found = np.load(kept)
    history = [dict(zip(COLUMNS, row, strict=True)) for row in found["rows"].tolist()]
    return history, *found["drawings"]


def untile(grid):
    """The 64 pictures of a preview grid, `(64, 64, 64, channels)`."""
    pixels = np.array(Image.open(grid))
    places = [slice(66 * n, 66 * n + 64) for n in range(8)]
    images = np.stack([pixels[rows, columns] for rows in places for columns in places])
    return images.reshape(64, 64, 64, -1)


def read_run(folder):
    """What the doctor said of a run at each of its previews."""
    settings = Settings(**json.loads((folder / "settings.json").read_text()))
    project = find_project(settings.project)
    real, _ = project.load(settings, None, slice(64))
    history = read_history(folder)
    for grid in checkpoints.by_step((folder / "previews").glob("step_*.png")):
        rows = [row for row in history if row["step"] <= checkpoints.step_of(grid)]
        if len(rows) >= diagnosis.LEAST:
            quiet = project.draws_digits
            yield diagnosis.diagnose(rows, untile(grid), real, quiet=quiet)


def cry_wolf(folders):
    """Prints how often the doctor complained of healthy runs, and of what."""
    said = Counter()
    for folder in folders:
        found = [one.fault if one else HEALTHY for one in read_run(folder)]
        said.update(found)
        print(f"{folder.name}: {dict(Counter(found))}")
    false = said.total() - said[HEALTHY]
    print(
        f"{false} false alarms in {said.total()} readings, {false / said.total():.1%}"
    )


def name_faults(seeds):
    """Prints what the doctor said of each fault, and how often."""
    images = data.prepare_all(data.load_mnist("train[:20000]")[0])
    said = {name: Counter() for name in WAYS}
    for seed in seeds:
        for name, counts in said.items():
            history, before, after = practise(name, images, seed)
            found = diagnosis.diagnose(history, after, images[:64], before)
            counts[found.fault if found else HEALTHY] += 1
    for name, counts in said.items():
        others = ", ".join(f"{x}: {n}" for x, n in counts.most_common() if x != name)
        print(f"| {name} | {counts[name]} of {counts.total()} | {others} |")


def main():
    """Asks the doctor."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=range(10, 20))
    parser.add_argument("--runs", type=Path, nargs="+", metavar="DIR")
    options = parser.parse_args()
    cry_wolf(options.runs) if options.runs else name_faults(options.seeds)


if __name__ == "__main__":
    main()
