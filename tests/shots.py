"""Pictures of what people see, and whether the lessons still show the same."""

import re
import time

import course
from PIL import Image

SHOTS = course.ROOT / "build" / "screenshots"
WORD = re.compile(r"[A-Za-z]+[ ?]")  # no number, and no icon's name: it has no space


def matches_the_lessons(name, shown, view):
    """Takes a screenshot, and compares its words with the lessons' picture of it."""
    with Image.open(course.ROOT / "images" / f"{name}.png") as kept:
        old = kept.text.get("words", "")
    began, words = time.monotonic(), None
    while words != old and time.monotonic() - began < 60:  # a busy machine needs long
        shown.page.wait_for_timeout(500)
        lines = shown.inner_text().split("\n")
        words = "\n".join(filter(WORD.match, lines))
    view.screenshot(path=SHOTS / f"{name}.png")
    (SHOTS / f"{name}.txt").write_text(words)
    assert words == old, f"images/{name}.png is out of date: run `make screenshots`"
