"""Photos of handwriting, as a phone takes them: real test digits, drawn on paper.

`take_photo` is seeded: the same digit, kind and seed give the same photo. Light is a
factor on what the paper reflects, as in the world, and the camera adds its own noise.
"""

import functools
import io

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

WIDTH = 1008
WHITE, YELLOW = (238, 236, 230), (236, 214, 130)
BLACK, BLUE, RED, GREY = (38, 36, 40), (40, 60, 150), (185, 40, 45), (120, 118, 118)
# What differs from a black digit of half the photo's height, on white paper, in even
# light. Shadows darken the paper by their share from one side to the other.
KINDS = {
    "even light": {},
    **{f"shadow {share}%": {"shadow": share / 100} for share in (15, 30, 45, 60)},
    "hard shadow": {"hard": 0.45},
    "ruled paper": {"lines": "ruled"},
    "ruled, shadow": {"lines": "ruled", "shadow": 0.4},
    "dark lines": {"lines": "dark"},
    "squared paper": {"lines": "squared"},
    "table's edge": {"table": True},
    "a card": {"card": True, "lines": "ruled", "size": 0.35, "shadow": 0.2},
    "pencil": {"ink": GREY, "grain": True},
    "pencil, shadow": {"ink": GREY, "grain": True, "shadow": 0.45},
    "two lights": {"light": "two"},
    "vignette": {"light": "vignette"},
    "yellow paper": {"paper": YELLOW, "shadow": 0.2},
    "blue ink": {"ink": BLUE, "shadow": 0.2},
    "red ink": {"ink": RED, "shadow": 0.2},
    "finger": {"finger": True},
    "in a corner": {"corner": True, "size": 0.3},
    "small": {"size": 0.15},
    "large": {"size": 0.85},
    "tilted": {"tilt": 10, "shadow": 0.2},
    "12 megapixels": {"width": 4032, "shadow": 0.3},
    "blurred": {"blur": 13, "shadow": 0.2},
    "chalk": {"paper": (52, 70, 62), "ink": (222, 224, 218), "grain": True},
    "several": {"others": 2, "size": 0.42},
    "fine pen": {"fine": True, "shadow": 0.3},
}


@functools.cache
def noise(seed, width, height, spread):
    """Grey noise around 128, as large as a photo."""
    chance = np.random.default_rng(seed)
    grey = chance.normal(128, spread, (height, width))
    return Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8))


@functools.cache
def sensor(seed):
    """The camera's noise, to be added modulo 256: no photo comes near to 0 or 255."""
    grey = np.random.default_rng(seed).normal(0, 3, (WIDTH * 3 // 4, WIDTH))
    tile = np.clip(grey.round(), -12, 12).astype(np.int8).view(np.uint8)
    return Image.merge("RGB", [Image.fromarray(tile)] * 3)


def light_map(chance, size, shadow=0.0, hard=0.0, light=""):
    """How much light falls on each place, as a grey picture; 255 is all of it."""
    x, y = np.meshgrid(np.linspace(-1, 1, 84), np.linspace(-0.75, 0.75, 63))
    turn = chance.uniform(0, 2 * np.pi)
    along = (x * np.cos(turn) + y * np.sin(turn)) / 1.25  # -1 … 1
    shine = 1 - shadow * (along + 1) / 2
    if hard:  # somebody's arm: a border of a finger's width between light and dark
        shine *= 1 - hard / (1 + np.exp(-25 * (along - chance.uniform(-0.3, 0.3))))
    if light == "two":
        near, far = (np.exp(-((along - end) ** 2) / 0.5) for end in (-0.9, 0.9))
        shine = 0.35 + 0.65 * (near + 0.75 * far) / (near + 0.75 * far).max()
    if light == "vignette":
        shine = 1 - 0.6 * ((x**2 + y**2) / (x**2 + y**2).max()) ** 1.2
    grey = Image.fromarray(np.uint8(np.clip(255 * shine, 0, 255)))
    return grey.resize(size, Image.Resampling.BICUBIC)


def stroke(digit, height, fine=False):
    """How much ink lies on each place of a digit of a height, `(28, 28)`, in pixels."""
    rows, columns = np.flatnonzero(digit.max(1)), np.flatnonzero(digit.max(0))
    if not len(rows):
        return Image.new("L", (1, 1))
    cut = digit[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    cut = np.pad(cut, 2)
    scale = height / (len(rows))
    size = round(cut.shape[1] * scale), round(cut.shape[0] * scale)
    mask = Image.fromarray(cut).resize(size, Image.Resampling.BICUBIC)
    if fine:  # only what lies near to the middle of the stroke
        return mask.point(lambda value: 255 * (value > 185))
    return mask.point(lambda value: min(255, max(0, 2 * (value - 64))))


def draw_lines(sheet, chance, kind):
    """Rules the sheet, nearly level; squares it, if asked."""
    width, height = sheet.size
    pen, step = ImageDraw.Draw(sheet), round(width * chance.uniform(0.045, 0.07))
    lean, thick = chance.uniform(-0.03, 0.03) * width, max(1, round(width / 500))
    colour = (150, 175, 205)
    if kind == "dark":
        colour, thick = (100, 115, 150), round(1.5 * thick)
    if kind == "squared":
        step = round(step * 0.6)
    for at in range(round(chance.uniform(0, step)) - 2 * step, width + 2 * step, step):
        if at < height + 2 * step:
            pen.line([(0, at), (width, at + lean)], colour, thick)
        if kind == "squared":
            pen.line([(at, 0), (at - lean, height)], colour, thick)


@functools.cache
def wood(size):
    """A dark, grained table."""
    grain = noise(7, size[0], 40, 30).resize(size)
    brown = [grain.point(lambda v, k=k: v * k) for k in (0.7, 0.5, 0.36)]
    return Image.merge("RGB", brown)


def put_table(sheet, chance):
    """Lets the paper end in the picture: beyond it lies the table."""
    width, height = sheet.size
    inside = chance.uniform(0.04, 0.12) * width
    lean = chance.uniform(-0.04, 0.04) * width
    edge = [(0, 0), (inside + lean, 0), (inside - lean, height), (0, height)]
    mask = Image.new("L", sheet.size)
    ImageDraw.Draw(mask).polygon(edge, 255)
    if chance.random() < 0.5:
        below = height * (1 - chance.uniform(0.03, 0.1))
        ImageDraw.Draw(mask).polygon(
            [(0, below), (width, below + lean / 2), (width, height), (0, height)], 255
        )
    if chance.random() < 0.5:
        mask = mask.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    sheet.paste(wood(sheet.size), (0, 0), mask)


def lay_card(sheet, chance):
    """Makes the paper a card in the middle of the table."""
    width, height = sheet.size
    mask, turn = Image.new("L", sheet.size, 255), chance.uniform(-4, 4)
    card = [0.17 * width, 0.12 * height, 0.83 * width, 0.88 * height]
    ImageDraw.Draw(mask).rectangle(card, 0)
    mask = mask.rotate(turn, Image.Resampling.BILINEAR, fillcolor=255)
    sheet.paste(wood(sheet.size), (0, 0), mask)


def put_finger(sheet, chance):
    """A thumb that holds the paper."""
    width, height = sheet.size
    x = chance.choice([0.02, 0.98]) * width
    y = chance.uniform(0.3, 0.9) * height
    mask = Image.new("L", (width // 4, height // 4))
    long, thick = chance.uniform(0.08, 0.15) * width / 4, 0.05 * width / 4
    at = [x / 4 - long, y / 4 - thick, x / 4 + long, y / 4 + thick]
    ImageDraw.Draw(mask).ellipse(at, 255)
    mask = mask.filter(ImageFilter.GaussianBlur(2)).resize(sheet.size)
    dark = mask.transform(sheet.size, Image.Transform.AFFINE, (1, 0, 0, 0, 1, -12))
    sheet.paste((150, 140, 135), (0, 0), dark.point(lambda v: v // 2))
    sheet.paste((205, 150, 125), (0, 0), mask)


def places(chance, size, mask, corner):
    """Where the digit's upper left corner comes, in pixels."""
    free = np.maximum(np.subtract(size, mask.size), 0)
    margin = 0.03 * size[0]
    if corner:
        side = chance.integers(0, 2, 2)
        return tuple(np.int64(np.where(side, free - margin, margin)))
    return tuple(np.int64(free * chance.uniform(0.35, 0.65, 2)))


def put_ink(sheet, mask, at, ink, grain):
    """Writes on the sheet; a pencil and chalk leave out the valleys of the paper."""
    if grain:
        rough = noise(3, 300, 200, 45).resize(mask.size, Image.Resampling.BILINEAR)
        rough = rough.point(lambda value: min(255, 80 + 1.3 * value))
        mask = ImageChops.multiply(mask, rough)
    sheet.paste(ink, at, mask)


def put_others(sheet, chance, at, mask, others, ink):
    """Smaller digits to the left and to the right of the one that is meant."""
    for side, digit in enumerate(others):
        small = stroke(digit, mask.height * chance.uniform(0.45, 0.65))
        gap = 0.06 * sheet.width
        x = at[0] + mask.width + gap if side else at[0] - small.width - gap
        y = at[1] + chance.uniform(0, 1) * (mask.height - small.height)
        sheet.paste(ink, (round(x), round(y)), small)


def take_photo(digit, kind, seed, others=()):
    """Takes a photo of a digit.

    Args:
        digit: `(28, 28)`, uint8, from MNIST.
        kind: One of `KINDS`, or options such as stand there.
        seed: Starts the chance.
        others: More digits, for the kind "several".

    Returns:
        The photo, in mode RGB; `to_jpeg` makes a file of it.
    """
    options = {"paper": WHITE, "ink": BLACK, "width": WIDTH, "size": 0.5}
    options |= KINDS[kind] if isinstance(kind, str) else kind
    chance = np.random.default_rng(seed)
    size = options["width"], options["width"] * 3 // 4
    sheet = Image.new("RGB", size, options["paper"])
    if "lines" in options:
        draw_lines(sheet, chance, options["lines"])
    mask = stroke(digit, options["size"] * size[1], options.get("fine", False))
    if "tilt" in options:
        lean = options["tilt"] * chance.choice([-1, 1])
        mask = mask.rotate(lean, Image.Resampling.BILINEAR, expand=True)
    at = places(chance, size, mask, options.get("corner"))
    put_ink(sheet, mask, at, options["ink"], options.get("grain"))
    put_others(
        sheet, chance, at, mask, others[: options.get("others", 0)], options["ink"]
    )
    if "table" in options:
        put_table(sheet, chance)
    if "card" in options:
        lay_card(sheet, chance)
    if "finger" in options:
        put_finger(sheet, chance)
    return expose(sheet, chance, options)


def expose(sheet, chance, options):
    """What the camera makes of the sheet: light, a shaking hand, and noise."""
    lamp = {key: options[key] for key in ("shadow", "hard", "light") if key in options}
    if lamp:
        light = light_map(chance, sheet.size, **lamp)
        sheet = ImageChops.multiply(sheet, Image.merge("RGB", [light] * 3))
    if "blur" in options:
        steps = options["blur"]
        turn = chance.uniform(0, np.pi)
        moved = [
            np.asarray(
                ImageChops.offset(
                    sheet, round(k * np.cos(turn)), round(k * np.sin(turn))
                ),
                np.uint16,
            )
            for k in range(-(steps // 2), steps // 2 + 1, 3)
        ]
        sheet = Image.fromarray(np.uint8(sum(moved) / len(moved)))
    grain = sensor(int(chance.integers(4)))
    if grain.size != sheet.size:
        grain = grain.resize(sheet.size, Image.Resampling.NEAREST)
    return ImageChops.add_modulo(sheet, grain)


def to_jpeg(photo, quality=85):
    """A photo as the bytes of a JPEG file."""
    file = io.BytesIO()
    photo.save(file, "JPEG", quality=quality)
    return file.getvalue()


def photo_of(images, number, kind):
    """A photo of `images[number]` as a JPEG file; others stand beside it, if asked."""
    beside = np.roll(images, -number - 1, axis=0)[:2]
    return to_jpeg(take_photo(images[number], kind, number, beside))
