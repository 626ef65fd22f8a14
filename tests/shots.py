"""Pictures of what people see, and whether the lessons still show the same."""

import re

import course
from PIL import Image

SHOTS = course.ROOT / "build" / "screenshots"


def matches_the_lessons(name, shown, view):
    """Takes a screenshot, and compares its words with the lessons' picture of it."""
    view.screenshot(path=SHOTS / f"{name}.png")
    lines = filter(re.compile(r"[A-Za-z]+[ ?]").match, shown.inner_text().split("\n"))
    words = "\n".join(lines)  # without numbers, and icons, whose names have no spaces
    (SHOTS / f"{name}.txt").write_text(words)
    with Image.open(course.ROOT / "images" / f"{name}.png") as kept:
        old = kept.text.get("words", "")
    assert words == old, f"images/{name}.png is out of date: run `make screenshots`"
