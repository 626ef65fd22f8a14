"""Pictures of your own: any folder of picture files becomes an album."""

import os
import warnings
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps
from tqdm.auto import tqdm

from mnistgan.engine import valid

MOST_PIXELS = 25_000_000


def open_flat(file: BinaryIO) -> Image.Image:
    """Opens a picture of any mode: upright (EXIF), in colour, on white paper.

    Of an animation it is the first frame.

    Args:
        file: An open file of any format that Pillow reads.

    Returns:
        The picture, in mode RGB.

    Raises:
        OSError: It is no picture, or damaged.
        ValueError: It has more than 25 million pixels, or pixels of floating point.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about sizes that are refused below, anyway
        picture: Image.Image = Image.open(file)
        if picture.width * picture.height > MOST_PIXELS:
            raise ValueError(f"{picture.width}×{picture.height} pixels are too many")
        if picture.mode == "F":
            raise ValueError("its pixels are numbers without a fixed black and white")
        picture = ImageOps.exif_transpose(picture)
        if picture.mode.startswith("I"):  # 16 bits a pixel
            grey = np.clip(np.array(picture) / 257, 0, 255)
            picture = Image.fromarray(np.uint8(np.round(grey)))
        picture = picture.convert("RGBA")
    paper = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(paper, picture).convert("RGB")


@valid.checked(path=valid.path)
def read_picture(path: str | os.PathLike) -> np.ndarray:
    """Reads a picture, and keeps the largest square in its middle, made small.

    Args:
        path: A file of any format that Pillow reads; see `open_flat`.

    Returns:
        `(64, 64, 3)`, uint8, in [0, 255].

    Raises:
        OSError: There is no such file, or it is no picture.
        ValueError: See `open_flat`.
    """
    with open(path, "rb") as file:
        return np.array(ImageOps.fit(open_flat(file), (64, 64)))


@valid.checked(folder=valid.path, least=valid.integer(1))
def load_folder(folder: str | os.PathLike, least: int = 100) -> np.ndarray:
    """Loads all pictures of a folder of your own, and those of the folders in it.

    Files that cannot be used are left out, and named in a printed sentence.

    Args:
        folder: Where your pictures are. Hidden files are not looked at.
        least: How many pictures it takes.

    Returns:
        `(count, 64, 64, 3)`, uint8, in [0, 255], in the order of the files' names; see
        `read_picture`.

    Raises:
        OSError: There is no such folder.
        ValueError: There are fewer than `least` pictures.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(
            f"there is no folder {folder}; make it, and put your pictures in"
        )
    names = sorted(path.relative_to(folder) for path in folder.rglob("*"))
    shown = [name for name in names if not any(part[0] == "." for part in name.parts)]
    seen = [name for name in shown if (folder / name).is_file()]
    pictures, bad = [], []
    for name in tqdm(seen, "Reading pictures", unit="file", mininterval=1):
        try:
            pictures.append(read_picture(folder / name))
        except Exception as error:  # a damaged file can fail anywhere inside Pillow
            bad.append(f"{name} ({error})")
    if bad:
        more = f"; and {len(bad) - 10} more" * (len(bad) > 10)
        print(f"Left out {len(bad)} of {len(seen)} files: {'; '.join(bad[:10])}{more}.")
    if len(pictures) < least:
        raise ValueError(
            f"{folder} has {len(pictures)} pictures that can be used; it takes "
            f"at least {least}: add some"
        )
    return np.stack(pictures)
