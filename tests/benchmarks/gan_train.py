"""GAN-train: what does a reader learn from drawn digits, and what from real ones?

python tests/benchmarks/gan_train.py [FILE]  # or runs/conditional/generator.keras
"""

import sys

from mnistgan import data, sampling
from mnistgan.engine import machine
from mnistgan.projects import conditional
from mnistgan.settings import runs_folder


def main():
    """Prints both accuracies on the real test digits."""
    machine.load_tensorflow()
    model = (
        sys.argv[1]
        if sys.argv[1:]
        else runs_folder() / "conditional" / "generator.keras"
    )
    drawn = conditional.drawn_lessons(sampling.load_generator(model), 60_000)
    digits, labels = data.load_mnist("train")
    for name, lessons in (
        ("drawn", drawn),
        ("real", (data.prepare_all(digits), labels)),
    ):
        found = conditional.accuracy_after(*lessons)
        print(f"learned from 60,000 {name} digits: {found:.2%}")


if __name__ == "__main__":
    main()
