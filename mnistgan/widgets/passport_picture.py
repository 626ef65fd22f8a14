"""A passport as a picture: the stamps, some digits, and what was done."""

import io
import unicodedata

import numpy as np
from PIL import Image

from mnistgan import plots
from mnistgan.widgets import stamps
from mnistgan.widgets.sheet import (
    BOLD,
    GREY,
    INK,
    PAPER,
    SERIF,
    Box,
    Sheet,
    Style,
    unknown_letters,
    width_of,
)
from mnistgan.widgets.stamps import MAIN, PAGES, Stamps

WIDTH, MARGIN, SIDE = 900, 24, 222  # points: the sheet, its edge, the column of digits
TOP, TALL, FLAT = 104, 94, 134  # the headline, a page of the main path, another page
LONGEST = 40  # letters of a name
DEED, SEAL = "#0A4B78", "#B34700"  # blue and orange, dark enough to read on paper
FAINT = "#EAF1F6"  # under a page that is complete
DEEDS = (
    "Built an artist and a detective, and taught them to draw.",
    "Measured how good the drawings are, with a judge.",
    "Found knobs in the noise, and put a robot on a page.",
)


def check_name(name: str) -> str:
    """The name as it is written: without blanks around it, each accent on its letter.

    Raises:
        ValueError: It is too long, or has letters that cannot be drawn.
    """
    name = unicodedata.normalize("NFC", " ".join(name.split()))
    if len(name) > LONGEST:
        raise ValueError(
            f"the name has {len(name)} letters; for the passport it may have {LONGEST}"
        )
    if unknown := unknown_letters(name):
        raise ValueError(
            f"the name has letters that the passport cannot draw, {unknown!r}; write "
            "it in Latin, Greek or Cyrillic letters, or leave it out"
        )
    return name


def draw_headline(sheet: Sheet, kept: Stamps, name: str) -> None:
    """Writes what the sheet is, and whose, if a name was typed."""
    day = stamps.certificate_day(kept)
    sheet.box((-10, -10, WIDTH + 10, TOP - 18), DEED, None)
    light = {"colour": PAPER, "font": SERIF}
    title = "Certificate" if day else "Passport"
    sheet.write(MARGIN, 43, title, Style(36, anchor="lm", **light))
    words = "of a course in which robots learn to draw"
    if day:
        words = f"{name or 'You'} taught two robots to draw"
    elif name:
        words = f"of {name}, for teaching robots to draw"
    x = MARGIN + width_of(title, Style(36, SERIF)) + 18
    size = min(18.0, 18 * (WIDTH - MARGIN - x) / width_of(words, Style(18, SERIF)))
    sheet.write(x, 47, words, Style(size, anchor="lm", **light))


def draw_page(sheet: Sheet, kept: Stamps, page: str, y: float) -> None:
    """Draws a page of the main path: a row of stamps, each with its name below."""
    right = WIDTH - 2 * MARGIN - SIDE
    whole, days = stamps.is_complete(kept, page), stamps.days_of(kept, page)
    box = (MARGIN, y, right, y + TALL - 8)
    sheet.box(box, FAINT if whole else None, DEED if whole else GREY, 1 + whole)
    sheet.write(MARGIN + 12, y + 8, page[:2], Style(15, BOLD, DEED))
    sheet.write(MARGIN + 40, y + 8, PAGES[page].title, Style(15, BOLD))
    if days:
        words = max(days) if whole else f"begun {min(days)}"
        sheet.write(right - 12, y + 11, words, Style(11, colour=GREY, anchor="ra"))
    wide = (right - MARGIN - 8) / 10  # no page has more stamps than that
    for number, name in enumerate(PAGES[page].stamps):
        x, done = MARGIN + 4 + (number + 0.5) * wide, name in kept.get(page, {})
        if done:
            sheet.stamp(x, y + 40, 10, DEED)
        else:
            sheet.ring(x, y + 40, 10, 1.2, GREY)
        style = Style(10.5, colour=INK if done else GREY, anchor="ma")
        column = (x - wide / 2 + 4, y + 53, x + wide / 2 - 4, 0)
        sheet.write_lines(column, name, style)


def draw_small_page(sheet: Sheet, kept: Stamps, page: str, box: Box) -> None:
    """Draws another page: its stamps in two columns, each beside its name."""
    left, top, right, bottom = box
    whole, days = stamps.is_complete(kept, page), stamps.days_of(kept, page)
    sheet.box(box, FAINT if whole else None, DEED if whole else GREY, 1 + whole)
    sheet.write(left + 9, top + 8, page[:2], Style(11.5, BOLD, DEED))
    sheet.write(left + 30, top + 8, PAGES[page].title, Style(11.5, BOLD))
    for number, name in enumerate(PAGES[page].stamps):
        x = left + 16 + number % 2 * (right - left - 10) / 2
        y, done = top + 35 + number // 2 * 16, name in kept.get(page, {})
        if done:
            sheet.stamp(x, y, 5.5, DEED)
        else:
            sheet.ring(x, y, 5.5, 1, GREY)
        style = Style(10.5, colour=INK if done else GREY, anchor="lm")
        sheet.write(x + 10, y, name, style)
    if whole:
        style = Style(9, colour=GREY, anchor="rd")
        sheet.write(right - 9, bottom - 7, max(days), style)


def draw_digits(sheet: Sheet, digits: np.ndarray | None, caption: str) -> float:
    """Hangs up the digits, or an empty frame; returns where the caption ends."""
    left, right = WIDTH - MARGIN - SIDE, WIDTH - MARGIN
    sheet.box((left, TOP, right, TOP + SIDE), "white", INK, 2)
    if digits is not None:
        grid = plots.tile(digits, columns=4)
        sheet.paste(grid, left + 6, TOP + 6, SIDE - 12)
        return sheet.write_lines((left, TOP + SIDE + 10, right, 0), caption, Style(11))
    middle = (left + 24, TOP + SIDE / 2 - 26, right - 24, 0)
    sheet.write_lines(middle, caption, Style(12, colour=GREY, anchor="ma"))
    return TOP + SIDE


def draw_side(sheet: Sheet, kept: Stamps, y: float) -> None:
    """Tells what was done, with a seal; or what comes next."""
    left, right = WIDTH - MARGIN - SIDE, WIDTH - MARGIN
    day = stamps.certificate_day(kept)
    bottom = TOP + len(MAIN) * TALL - 8
    if day:
        for deed in DEEDS:
            sheet.stamp(left + 7, y + 8, 6, SEAL)
            y = sheet.write_lines((left + 22, y, right, 0), deed, Style(12)) + 6
        x, y = (left + right) / 2, bottom - 58
        sheet.ring(x, y, 57, 3, SEAL)
        sheet.stamp(x, y - 10, 24, SEAL)
        sheet.write(x, y + 24, "01 to 07", Style(11, BOLD, SEAL, "mm"))
        sheet.write(x, y + 38, day, Style(10, BOLD, SEAL, "mm"))
        return
    done, wanted = stamps.way_of(kept)
    sheet.write(left, y, f"{done} of {wanted} stamps", Style(14, BOLD))
    words = "of notebooks 01 to 07. With all of them, this becomes a certificate."
    y = sheet.write_lines((left, y + 22, right, 0), words, Style(12)) + 14
    if comes := stamps.next_stamp(kept):
        sheet.write(left, y, "Next:", Style(14, BOLD))
        words = f"“{comes[1]}” in notebook {stamps.name_of(comes[0])}"
        sheet.write_lines((left, y + 22, right, 0), words, Style(12))


def draw_passport(
    kept: Stamps, digits: np.ndarray | None, caption: str, name: str = ""
) -> Image.Image:
    """Draws the whole passport; a certificate, when all of the main path is stamped.

    Args:
        kept: From `mnistgan.widgets.stamps.load_stamps`.
        digits: `(count, 64, 64, 1)`, uint8, to hang up; None for an empty frame.
        caption: What stands below them, or in the frame.
        name: To write on it; see `check_name`.

    Returns:
        A picture, twice as many pixels as points wide.
    """
    others = [page for page in PAGES if page not in MAIN]
    end = TOP + len(MAIN) * TALL
    sheet = Sheet(WIDTH, end + 34 + -(-len(others) // 4) * FLAT + 22)
    draw_headline(sheet, kept, check_name(name))
    for number, page in enumerate(MAIN):
        draw_page(sheet, kept, page, TOP + number * TALL)
    draw_side(sheet, kept, draw_digits(sheet, digits, caption) + 16)
    sheet.write(MARGIN, end + 10, "A first look, and further projects", Style(13, BOLD))
    wide = (WIDTH - 2 * MARGIN + 10) / 4
    for number, page in enumerate(others):
        left, top = MARGIN + number % 4 * wide, end + 34 + number // 4 * FLAT
        box = (left, top, left + wide - 10, top + FLAT - 10)
        draw_small_page(sheet, kept, page, box)
    return sheet.finish()


def to_light_png(picture: Image.Image) -> bytes:
    """Packs the picture as a light PNG."""
    file = io.BytesIO()
    picture.quantize(128, Image.Quantize.FASTOCTREE).save(file, "PNG")
    return file.getvalue()
