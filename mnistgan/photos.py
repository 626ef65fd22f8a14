"""Handwriting in photos: finds the digit on its paper, and makes it one like MNIST's.

Light falls unevenly, paper has lines, and there is a table beneath it. So nothing here
compares grey levels with a fixed one: ink is what is darker than the paper around it.
"""

import dataclasses
import io
import os
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from scipy import ndimage

from mnistgan.datasets.image_folder import flatten, open_flat
from mnistgan.engine import valid

SIDE = 320  # pixels of the longer side, at which a photo is looked at
FAINT = 0.08  # a share of light that goes missing on plain paper, too
PALE = 0.15  # no pencil is paler
DRAWN = 0.5  # a stroke that reaches to the rim swallows more
ALONG = 0.1  # a share of the rim; no stroke covers more
DARK = 64  # grey levels: in paper darker than that, shares of light are mostly noise
SPECK = 8  # pixels: what is smaller cannot be read
EIGHT = np.ones((3, 3), bool)  # pixels that touch at a corner belong together


class NothingFoundError(ValueError):
    """There is no digit in a picture.

    Attributes:
        seen: The picture that the program saw, `(height, width)`, uint8, in [0, 255]:
            bright where something differs from the paper.
    """

    def __init__(self, message: str, seen: np.ndarray) -> None:
        """Keeps the picture beside the sentence."""
        super().__init__(message)
        self.seen = seen


@dataclasses.dataclass(frozen=True)
class Piece:
    """A patch of ink that hangs together.

    Attributes:
        box: Where it is: a slice of rows, and one of columns.
        mask: Which pixels of the box belong to it.
        strength: How dark it is: the share of light that its strokes swallow.
        rim: The share of the picture's rim that it covers; a table and a finger do.
    """

    box: tuple[slice, slice]
    mask: np.ndarray
    strength: float
    rim: float

    @property
    def weight(self) -> float:
        """How much it looks like what was meant: large and dark, and not at the rim.

        A line is long, but no longer than 25 times its width counts.
        """
        long = max(self.mask.shape)
        long = min(long, 25 * self.mask.sum() / long)
        return long * self.strength**2 * (0.1 if self.rim else 1.0)

    @property
    def beside(self) -> bool:
        """Whether it lies beside the paper, and nobody wrote it.

        A digit may reach to the rim, but in dark ink, and it does not run along it.
        """
        return self.rim > 0 and (self.strength < DRAWN or self.rim > ALONG)


def open_source(source: Any) -> Image.Image:
    """Opens whatever holds a picture; see `prepare_drawing`."""
    if isinstance(source, Image.Image):
        return flatten(source)
    if isinstance(source, (bytes, bytearray, memoryview)):
        return open_flat(io.BytesIO(source))
    if hasattr(source, "read"):
        return open_flat(io.BytesIO(source.read()))
    if isinstance(source, (str, os.PathLike)):
        return open_flat(io.BytesIO(Path(source).read_bytes()))
    return flatten(Image.fromarray(valid.one_picture(source)))


def dark_on_bright(grey: np.ndarray) -> np.ndarray:
    """Turns chalk on a board into ink on paper, and makes the noise of a camera less.

    Ink is rare: if what stands out from its surroundings is bright as a rule, it is
    chalk. The skewness tells, of two sizes of surroundings: bold digits need the
    larger, and a card on a table the smaller.
    """
    smooth = ndimage.gaussian_filter(grey, 0.7, truncate=2)
    skewness = 0.0
    for share in (0.25, 0.5):
        apart = smooth - ndimage.uniform_filter(smooth, window(grey, share))
        skewness += np.mean(apart**3) / max(np.mean(apart**2) ** 1.5, 1e-9)
    return 255 - smooth if skewness > 0 else smooth


def window(grey: np.ndarray, share: float) -> int:
    """An odd number of pixels: a share of the shorter side."""
    return max(3, round(share * min(grey.shape)) | 1)


def find_ink(grey: np.ndarray, share: float) -> np.ndarray:
    """Says of each pixel how much light goes missing there, beside the paper around it.

    Args:
        grey: `(height, width)`, float32, in [0, 255], from `dark_on_bright`.
        share: The widest stroke, as a share of the shorter side.

    Returns:
        The same shape, from 0 for paper to 1 for ink that swallows all light. A shadow
        on the paper does not count: light that falls on both is divided out.
    """
    # Closing fills whatever is narrower than its window and darker than both its sides.
    # Slopes and steps stay as they are: a shadow, or a table that begins.
    width = window(grey, share)
    # Beyond the rim, a slope goes on as a slope: mirrored, its end would be a valley.
    half = width // 2
    wide = np.pad(grey, half, "reflect", reflect_type="odd")
    paper = ndimage.grey_closing(wide, (width, width))[half:-half, half:-half]
    return (paper - grey) / np.maximum(paper, DARK)


def find_pieces(ink: np.ndarray) -> list[Piece]:
    """Cuts ink into patches that hang together, without the lines that cross them.

    A patch keeps what is at least 45% as dark as its darkest parts, so that a digit
    comes off the ruled line that it stands on.
    """
    names, _ = ndimage.label(ink > max(FAINT, 3 * np.median(ink)), EIGHT)
    edge = np.ones(ink.shape, bool)
    edge[2:-2, 2:-2] = False
    pieces = []
    for name, box in enumerate(ndimage.find_objects(names), start=1):
        seen = np.where(names[box] == name, ink[box], 0)
        if max(seen.shape) < SPECK:
            continue
        strength = float(np.percentile(seen[seen > 0], 90))
        if strength < PALE:
            continue
        parts, _ = ndimage.label(seen > 0.45 * strength, EIGHT)
        for part, (rows, columns) in enumerate(ndimage.find_objects(parts), start=1):
            mask = parts[rows, columns] == part
            if max(mask.shape) < SPECK:
                continue
            top, left = box[0].start + rows.start, box[1].start + columns.start
            place = slice(top, top + mask.shape[0]), slice(left, left + mask.shape[1])
            rim = float((mask & edge[place]).sum() / edge.sum())
            pieces.append(Piece(place, mask, strength, rim))
    return pieces


def gather(pieces: list[Piece], ink: np.ndarray) -> tuple[np.ndarray, float]:
    """Takes the piece that is the digit, and those that lie near to it.

    Returns:
        Which pixels belong to the digit, a mask as large as `ink`; and how wide its
        strokes are, in pixels. The bar of a 5 belongs to it, and so do strokes that a
        pencil has broken; the next digit does not.
    """
    best = heaviest(pieces)
    width = 2 * float(ndimage.distance_transform_edt(np.pad(best.mask, 1)).max())
    mask = np.zeros(ink.shape, bool)
    for piece in pieces:
        if (not piece.rim or best.rim) and piece.strength > best.strength / 2:
            mask[piece.box] |= piece.mask
    reach = round(min(0.6 * width, 0.06 * max(best.mask.shape)))
    near = ndimage.maximum_filter(mask, 2 * reach + 1)
    names, _ = ndimage.label(near)
    row, column = np.argwhere(best.mask)[0] + [part.start for part in best.box]
    return mask & (names == names[row, column]), width


def heaviest(pieces: list[Piece]) -> Piece:
    """The piece that looks most like what was meant."""
    return max(pieces, key=lambda piece: piece.weight)


def without_lines(ink: np.ndarray) -> tuple[np.ndarray, list[Piece]]:
    """Finds pieces; what hangs on dark lines from rim to rim is freed from them."""
    pieces = find_pieces(ink)
    for width in (3, 5):
        if pieces and not heaviest(pieces).rim:
            break
        bold = ndimage.grey_opening(ink, (width, width))  # no stroke that thin is left
        freed = find_pieces(bold)
        if freed and not heaviest(freed).rim:
            return bold, freed
    return ink, pieces


def find_digit(picture: Image.Image) -> np.ndarray:
    """Finds the largest digit in a picture.

    Args:
        picture: In mode RGB.

    Returns:
        `(height, width)`, uint8, in [0, 255], at most `SIDE` pixels long: the digit's
        ink, bright on black, and nothing else.

    Raises:
        NothingFoundError: There is none.
    """
    long = max(picture.size)
    size = [max(1, round(SIDE * n / long)) for n in picture.size]
    way = Image.Resampling.BICUBIC if long < SIDE else Image.Resampling.BOX
    grey = np.asarray(picture.convert("L").resize(size, way), np.float32)
    grey = dark_on_bright(grey)
    found = None
    for share in (0.25, 0.5, 1.0):
        ink, pieces = without_lines(find_ink(grey, share))
        if not pieces or heaviest(pieces).beside:
            break
        mask, width = gather(pieces, ink)
        found = ink, mask
        if width < share / 2 * min(grey.shape):  # else strokes may be hollow
            break
    if found is None:
        raise NothingFoundError(
            "this picture looks empty: nothing on it stands out from the paper, away "
            "from the rim. Write larger, or with a darker pen",
            (255 * np.clip(ink, 0, 1)).astype(np.uint8),
        )
    ink, mask = found
    strength = np.percentile(ink[mask], 90)
    near = ndimage.maximum_filter(mask, 5)  # strokes have soft edges
    level = np.clip((np.where(near, ink, 0) / strength - 0.15) / 0.75, 0, 1)
    return (255 * level).astype(np.uint8)


def centre(digit: np.ndarray) -> np.ndarray:
    """Scales a digit to 20/28 of the side, its centre of mass in the middle.

    So MNIST's were made (LeCun et al. 1998, section 3.1).
    """
    picture = Image.fromarray(digit)
    picture = picture.crop(picture.point(lambda value: 255 * (value > 127)).getbbox())
    longest = max(picture.size)
    picture = picture.resize([max(1, round(46 * n / longest)) for n in picture.size])
    ink = np.array(picture, float)
    y, x = (np.indices(ink.shape) * ink).sum((1, 2)) / ink.sum()
    canvas = Image.new("L", (64, 64))
    canvas.paste(picture, (round(31.5 - x), round(31.5 - y)))
    return np.array(canvas)[..., None]


def prepare_drawing(source: Any) -> np.ndarray:
    """Makes a picture of a digit look like one of MNIST's.

    The digit may be dark on bright or bright on dark, drawn, scanned or photographed:
    in uneven light, on lined paper, with a table around it. Of several digits it is the
    largest.

    Args:
        source: A picture file: its path, its bytes, or the open file; a Pillow image;
            or an array of one picture, such as `(28, 28)`, `(28, 28, 1)`, `(784,)` or
            in colour, of grey levels or in 0…1 or -1…1.

    Returns:
        `(64, 64, 1)`, uint8, in [0, 255]: bright on black.

    Raises:
        OSError: There is no such file.
        NothingFoundError: There is no digit in it. It is a ValueError, and has what the
            program saw.
        ValueError: It is not a picture, or has more than 120 million pixels.
    """
    try:
        picture = open_source(source)
    except (ValueError, TypeError, SyntaxError) as error:
        raise ValueError(f"this picture cannot be used: {error}") from error
    except OSError as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise ValueError(f"this is not a picture that can be read: {error}") from error
    return centre(find_digit(picture))
