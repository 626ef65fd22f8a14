"""How well is an odd digit spotted? The tables of lesson 10: all digits, four scores.

    taskset -c 0 python tests/benchmarks/anomaly.py [--steps 300]

It takes about 25 minutes of one core. Every pair of a protocol and a digit is kept in
runs/anomaly; an interrupted call goes on.
"""

import argparse
import json
import shutil

from mnistgan.engine import machine

machine.load_tensorflow()

import numpy as np  # noqa: E402

from mnistgan import data, evaluation  # noqa: E402
from mnistgan.engine import files  # noqa: E402
from mnistgan.projects import anomaly  # noqa: E402
from mnistgan.settings import runs_folder  # noqa: E402

MOST = 20_000  # ordinary pictures to compare with
SCORES = ("VAE", "detective", "PCA", "nearest")


def compare(digit, protocol, steps, train, test):
    """The AUROC of all four scores for one digit, on all test digits."""
    (pictures, rows, labels), (tests, test_rows, answers) = train, test
    usual = ~anomaly.is_anomaly(labels, digit, protocol)
    folder = runs_folder() / "anomaly" / f"{protocol}-{digit}"
    generator, encoder, discriminator = anomaly.train_detectors(
        pictures[usual], folder, steps
    )
    scores = {
        "VAE": anomaly.negative_elbo(generator, encoder, tests),
        "detective": anomaly.knn_distance(discriminator, pictures[usual][:MOST], tests),
        "PCA": anomaly.pca_error(rows[usual][:MOST], test_rows),
        "nearest": anomaly.distance(rows[usual][:MOST], test_rows),
    }
    shutil.rmtree(folder)
    strange = anomaly.is_anomaly(answers, digit, protocol)
    return {name: anomaly.auroc(found, strange) for name, found in scores.items()}


def digits64(split):
    """Digits at 64×64, as rows of 28×28 pixels, and their labels."""
    digits, labels = data.load_mnist(split)
    pictures = data.prepare_all(digits)
    return pictures, evaluation.shrink(pictures).reshape(len(pictures), -1), labels


def main():
    """Prints one table for each protocol."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=300)
    options = parser.parse_args()
    kept = runs_folder() / "anomaly" / f"{options.steps}.json"
    known = json.loads(kept.read_text()) if kept.exists() else {}
    train, test = digits64("train"), digits64("test")
    for protocol in anomaly.PROTOCOLS:
        for digit in range(10):
            name = f"{protocol} {digit}"
            if name not in known:
                known[name] = compare(digit, protocol, options.steps, train, test)
                with files.atomic_write(kept) as aside:
                    aside.write_text(json.dumps(known, indent=1))
        print(f"\n| {protocol} | {' | '.join(SCORES)} |\n|---|---|---|---|---|")
        table = np.array(
            [[known[f"{protocol} {n}"][s] for s in SCORES] for n in range(10)]
        )
        for digit, row in enumerate(table):
            print(f"| {digit} | {' | '.join(f'{100 * v:.1f}' for v in row)} |")
        print(f"| mean | {' | '.join(f'{100 * v:.1f}' for v in table.mean(axis=0))} |")


if __name__ == "__main__":
    main()
