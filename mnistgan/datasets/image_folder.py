"""Pictures of your own: any folder of picture files becomes an album."""

import os
import warnings
from pathlib import Path
from typing import BinaryIO, NoReturn

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from tqdm.auto import tqdm

from mnistgan.engine import valid

MOST_PIXELS = 120_000_000
HEIC = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}


def open_flat(file: BinaryIO) -> Image.Image:
    """Opens a picture of any mode: upright (EXIF), in colour, on white paper.

    Of an animation it is the first frame. A JPEG of more than 16 million pixels may be
    opened at half its size, or less: at least 2,000 pixels of each side are left.

    Args:
        file: An open file of any format that Pillow reads.

    Returns:
        The picture, in mode RGB.

    Raises:
        OSError: It is no picture, or damaged.
        ValueError: It has more than 120 million pixels, or pixels of floating point;
            or it is a HEIC file, and nothing is installed that reads one.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about sizes that are refused below, anyway
        try:
            picture: Image.Image = Image.open(file)
        except Image.DecompressionBombError:  # Pillow has a limit of its own
            raise ValueError(
                f"it has far more than {MOST_PIXELS:,} pixels; save it smaller"
            ) from None
        except UnidentifiedImageError:
            refuse_unknown(file)
    if picture.width * picture.height > MOST_PIXELS:
        raise ValueError(
            f"{picture.width}×{picture.height} pixels are too many; save it with at "
            f"most {MOST_PIXELS:,}"
        )
    picture.draft("RGB", (2000, 2000))
    return flatten(picture)


def refuse_unknown(file: BinaryIO) -> NoReturn:
    """Says what a file is that Pillow does not know."""
    file.seek(0)
    head = file.read(12)
    if head[4:8] == b"ftyp" and head[8:12] in HEIC:
        raise ValueError(
            "it is a HEIC photo, as iPhones keep them; save or send it as JPEG (on the "
            "iPhone: Settings, Camera, Formats, Most Compatible), or take a screenshot"
        )
    raise OSError("it is in no format that is known here, such as JPEG or PNG")


def flatten(picture: Image.Image) -> Image.Image:
    """Turns a Pillow image of any mode upright (EXIF), into colour, on white paper.

    Returns:
        The picture, in mode RGB.

    Raises:
        ValueError: Its pixels are of floating point, or it has none.
    """
    if not picture.width or not picture.height:
        raise ValueError("it has no pixels")
    if picture.mode == "F":
        raise ValueError("its pixels are numbers without a fixed black and white")
    picture = ImageOps.exif_transpose(picture)
    if picture.mode.startswith("I"):  # 16 bits a pixel
        grey = np.clip(np.array(picture) / 257, 0, 255)
        picture = Image.fromarray(np.uint8(np.round(grey)))
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    paper = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(paper, picture.convert("RGBA")).convert("RGB")


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
    folder = Path(folder).expanduser()
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
