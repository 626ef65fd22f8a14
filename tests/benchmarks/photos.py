"""How many photos of handwriting can be read, of each kind?

    python tests/benchmarks/photos.py [--digits 300] [--failures FOLDER] [KIND …]

`phone.py` makes the photos from MNIST's test digits, `mnistgan.photos` finds the digit,
and the judge of notebook 04 reads it. `clean` digits are MNIST's own, without a photo.
With `--failures`, photos that were read wrongly are kept, beside what was seen in them.
"""

import argparse
import io
from pathlib import Path

import numpy as np
import phone
from PIL import Image

from mnistgan.engine import machine

machine.load_tensorflow()

from mnistgan import data, evaluation, photos  # noqa: E402

LARGE = 20  # times fewer photos of 12 megapixels


def look(source):
    """What is found in a picture; black where nothing is."""
    try:
        return photos.prepare_drawing(source)
    except photos.NothingFoundError:
        return np.zeros((64, 64, 1), np.uint8)


def keep(folder, name, file, drawing):
    """Writes a photo beside what was seen in it."""
    folder.mkdir(parents=True, exist_ok=True)
    sheet = Image.new("RGB", (640 + 480, 480))
    sheet.paste(Image.open(file).convert("RGB").resize((640, 480)), (0, 0))
    sheet.paste(Image.fromarray(drawing[..., 0]).resize((480, 480)), (640, 0))
    sheet.save(folder / f"{name}.png")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kinds", nargs="*", default=["clean", *phone.KINDS])
    parser.add_argument("--digits", type=int, default=300)
    parser.add_argument("--failures", type=Path)
    chosen = parser.parse_args()
    images, labels = data.load_mnist(f"test[:{chosen.digits}]")
    images = images[..., 0]
    judge = evaluation.load_judge()
    for kind in chosen.kinds:
        count = max(1, chosen.digits // (LARGE if kind == "12 megapixels" else 1))
        files = (
            images[n] if kind == "clean" else phone.photo_of(images, n, kind)
            for n in range(count)
        )
        drawings = np.stack([look(file) for file in files])
        known = evaluation.read(judge.network, drawings)[1].argmax(axis=1)
        wrong = np.flatnonzero(known != labels[:count])
        print(f"{kind:16} {count - len(wrong):4} of {count}", flush=True)
        for n in wrong if chosen.failures and kind != "clean" else ():
            file = io.BytesIO(phone.photo_of(images, n, kind))
            name = f"{kind}-{n}-read-as-{known[n]}".replace(" ", "-")
            keep(chosen.failures, name, file, drawings[n])


if __name__ == "__main__":
    main()
