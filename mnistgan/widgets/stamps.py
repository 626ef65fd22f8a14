"""Which checks of the course have passed, and when: the stamps of a passport.

They are kept in `passport.json`, in `mnistgan.settings.runs_folder()`: for each
notebook the names of its stamps, and the day of each. Nothing says whose they are.
"""

import datetime
import json
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

from mnistgan.engine import files
from mnistgan.settings import runs_folder

Stamps = dict[str, dict[str, str]]  # page → stamp → day, such as "2026-11-28"


class Page(NamedTuple):
    """A page of the passport: a notebook's title, and its stamps in their order."""

    title: str
    stamps: tuple[str, ...]


def make_page(title: str, stamps: str) -> Page:
    """Makes a page of its title and the names of its stamps, with commas between."""
    return Page(title, tuple(stamps.split(", ")))


PAGES = {
    "00_pick_a_project": make_page(
        "Pick a project",
        "same noise, artist, project, machine, pictures",
    ),
    "01_get_the_pictures_ready": make_page(
        "Get the pictures ready",
        "album, larger, prepared, there and back, memory, batches",
    ),
    "02_build_the_robots": make_page(
        "Build the robots",
        "artist, layers, memory, detective, mode collapse",
    ),
    "03_teach_the_robots": make_page(
        "Teach the robots",
        "prepared, losses, learned, quick step, trained, draws digits, in the game",
    ),
    "04_is_it_any_good": make_page(
        "Is it any good?",
        "draws digits, judge, readable, two clouds, gaps, no copies, "
        "fine waves, one table, trained, better",
    ),
    "05_draw_new_numbers": make_page(
        "Draw new numbers",
        "draws digits, same noise, loudness, walk, saved",
    ),
    "06_explore_the_noise": make_page(
        "Explore the noise",
        "sliders, knobs, two ways, sums, map, morph",
    ),
    "07_make_a_website": make_page(
        "Make a website",
        "one file, first page, it draws, loads once, served, knobs turn",
    ),
    "08_draw_with_a_vae": make_page(
        "Draw with a VAE",
        "describer, dice, missed, said, trained, drawn again, nats, map, judged",
    ),
    "09_ask_for_a_digit": make_page(
        "Ask for a digit",
        "wishes, both told, trained, draws digits, writes, obeys, teaches, "
        "half and half",
    ),
    "10_spot_the_odd_one_out": make_page(
        "Spot the odd one out",
        "threes, redrawn, surprise, eyes, rivals, blind spot, odd things",
    ),
    "11_cartoon_faces": make_page(
        "Cartoon faces",
        "album, trained, varied, witness, beats mist, knobs, morph, own pictures",
    ),
    "12_music_notes": make_page(
        "Music notes",
        "rolls, sound, trained, notes, measured, singer, sings",
    ),
    "13_many_machines": make_page(
        "Many machines",
        "BatchNorm, same dice, who is who, two at work, one killed, gone on, "
        "trained, same lesson, costs",
    ),
    "14_break_it_on_purpose": make_page(
        "Break it on purpose",
        "healthy, broken, found, ward, counted",
    ),
    "15_from_fog_to_digit": make_page(
        "From fog to digit",
        "straight way, guide, pointed, trained, walked, guided, judged",
    ),
}
# Who has all the stamps of these has a certificate.
MAIN = tuple(page for page in PAGES if "01" <= page[:2] <= "07")

_opened = ""  # the page that `add_stamp` stamps; none in a program that opens none


def open_page(page: str) -> None:
    """Says to which page of the passport the stamps of this process go from now on.

    Raises:
        ValueError: There is no such page.
    """
    global _opened
    if page not in PAGES:
        raise ValueError(
            f"the passport has no page {page!r}; choose from {', '.join(PAGES)}"
        )
    _opened = page


def passport_file() -> Path:
    """Where the stamps are kept."""
    return runs_folder() / "passport.json"


def read_stamps() -> Stamps:
    """Reads the stamps that are kept; none where nothing is kept yet.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is damaged, or something else.
    """
    file = passport_file()
    try:
        kept = json.loads(file.read_bytes()) if file.exists() else {}
        for stamps in kept.values():
            for day in stamps.values():
                datetime.date.fromisoformat(day)
        return kept
    except OSError as error:
        raise OSError(
            f"{file} cannot be read ({files.in_words(error)}); let it be read, or move "
            "it away"
        ) from error
    except (ValueError, AttributeError, TypeError, RecursionError) as error:
        raise ValueError(f"{file} is damaged, or no passport ({error})") from error


def in_turn() -> AbstractContextManager[None]:
    """Lets one process at a time change the passport, as two notebooks may want to."""
    file = passport_file()
    files.make_folder(file.parent)
    return files.wait_for_turn(file.with_suffix(".lock"))


def read_or_begin() -> Stamps:
    """Does what `read_stamps` does, in turn; puts a damaged file aside, and says so."""
    try:
        return read_stamps()
    except ValueError as error:
        file, number = passport_file(), 1
        while (other := file.with_stem(f"{file.stem}-{number}")).exists():
            number += 1
        file.rename(other)
        print(f"{error}. It is kept as {other.name}, and a new passport begins.")
        return {}


def load_stamps() -> Stamps:
    """Reads the stamps to look at them. Raises OSError when they cannot be read."""
    try:
        return read_stamps()
    except ValueError:
        with in_turn():
            return read_or_begin()


def add_stamp(name: str) -> None:
    """Stamps the page that `open_page` has opened, once, with the day.

    Nothing is stamped where no page is open, or where the page has no such stamp. Where
    it cannot be kept, a sentence says why, and the check has passed all the same.
    """
    if not _opened or name not in PAGES[_opened].stamps:
        return
    try:
        with in_turn():
            kept = read_or_begin()
            stamps = kept.setdefault(_opened, {})
            if name not in stamps:
                stamps[name] = datetime.date.today().isoformat()
                with files.atomic_write(passport_file()) as aside:
                    aside.write_text(json.dumps(kept, indent=1) + "\n")
    except OSError as error:
        files.say_once(f"(Your passport got no stamp: {error}.)")


def days_of(kept: Stamps, page: str) -> list[str]:
    """The days of a page's stamps, as far as it has them."""
    found = kept.get(page, {})
    return [found[name] for name in PAGES[page].stamps if name in found]


def is_complete(kept: Stamps, page: str) -> bool:
    """Whether a page has all its stamps."""
    return len(days_of(kept, page)) == len(PAGES[page].stamps)


def way_of(kept: Stamps) -> tuple[int, int]:
    """How many stamps of the main path are there, and how many it has."""
    done = sum(len(days_of(kept, page)) for page in MAIN)
    return done, sum(len(PAGES[page].stamps) for page in MAIN)


def certificate_day(kept: Stamps) -> str:
    """The day of the last stamp of the seven notebooks; empty while one is missing."""
    if not all(is_complete(kept, page) for page in MAIN):
        return ""
    return max(day for page in MAIN for day in days_of(kept, page))


def next_stamp(kept: Stamps) -> tuple[str, str] | None:
    """The page and the name of the stamp to come next; None when all are there."""
    ways = (*MAIN, *PAGES) if any(days_of(kept, page) for page in PAGES) else PAGES
    for page in ways:
        for name in PAGES[page].stamps:
            if name not in kept.get(page, {}):
                return page, name
    return None


def name_of(page: str) -> str:
    """What a page is called: "01 · Get the pictures ready"."""
    return f"{page[:2]} · {PAGES[page].title}"


def count_of(kept: Stamps, page: str) -> str:
    """How many stamps a page has, in words."""
    done, wanted = len(days_of(kept, page)), len(PAGES[page].stamps)
    return f"{name_of(page)}: {done} of {wanted} stamps"


def ends(kept: Stamps) -> tuple[str, str]:
    """The first and the last sentence about a passport: what it is, what comes next."""
    day, comes = certificate_day(kept), next_stamp(kept)
    done, wanted = way_of(kept)
    first = f"Your passport, with {done} of {wanted} stamps of notebooks 01 to 07."
    if day:
        first = f"Your certificate: notebooks 01 to 07 are done, since {day}."
    last = f"Next: “{comes[1]}” in notebook {name_of(comes[0])}" if comes else ""
    return first, last or "Every stamp of the course is there."


def tell_in_short(kept: Stamps) -> str:
    """Says how far each page is that was begun, in place of the picture."""
    begun = [f"{count_of(kept, page)}." for page in PAGES if days_of(kept, page)]
    first, last = ends(kept)
    return " ".join([first, *begun, last])


def tell_in_full(kept: Stamps) -> list[str]:
    """Says line by line which stamps are there, and which are to come.

    Args:
        kept: From `load_stamps`.
    """
    (first, last), lines = ends(kept), []
    for page in (*MAIN, *(page for page in PAGES if page not in MAIN)):
        done = [name for name in PAGES[page].stamps if name in kept.get(page, {})]
        open_ones = [name for name in PAGES[page].stamps if name not in done]
        parts = [", ".join(done)] if done else []
        parts += ["to come: " + ", ".join(open_ones)] if open_ones else []
        lines.append(f"{count_of(kept, page)} ({'; '.join(parts)})")
    return [first, *lines, last]
