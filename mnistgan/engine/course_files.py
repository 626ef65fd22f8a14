"""Where the course's notebooks, lessons and pictures lie, and how to copy them."""

import os
import re
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

from mnistgan.engine import files

PACKAGE = Path(__file__).resolve().parent.parent
PARTS = ("notebooks", "lessons", "images")
FIRST = "notebooks/00_pick_a_project.ipynb"


def find_home() -> Path | None:
    """The course's folder, or a copy of it around the current one; None without any."""
    here = Path.cwd()
    places = [PACKAGE.parent, here, *here.parents]
    return next((place for place in places if (place / FIRST).is_file()), None)


def originals() -> list[tuple[Path, Path]]:
    """The course's files, and each one's place in a copy.

    They lie in the course's folder, or, where there is none, in the installed package.
    """
    checkout = PACKAGE.parent
    root = checkout if (checkout / FIRST).is_file() else PACKAGE / "course"
    found = (path for part in PARTS for path in sorted((root / part).rglob("*")))
    pairs = ((path, path.relative_to(root)) for path in found if path.is_file())
    skipped = {"__pycache__", ".ipynb_checkpoints"}
    return [(path, place) for path, place in pairs if not skipped & {*place.parts}]


def address() -> str | None:
    """Where the course lives, on the web; None if that is not known."""
    try:
        (link,) = metadata("mnistgan").get_all("Project-URL") or []
        return link.split(", ")[1]
    except (PackageNotFoundError, ValueError):
        return None


def for_copy(path: Path, place: Path) -> bytes:
    """What a copy of a file holds: links to what is not copied lead to the web.

    Args:
        path: The file.
        place: Of its copy, in the folder of all copies.
    """
    raw, home = path.read_bytes(), address()
    if path.suffix not in (".md", ".ipynb") or not home:
        return raw

    def point(link: re.Match[str]) -> str:
        target = Path(os.path.normpath(place.parent / link[1])).as_posix()
        inside = target.split("/")[0] in PARTS
        return link[0] if inside else f"]({home}/blob/main/{target}{link[2]})"

    return re.sub(r"\]\((\.\./[^)#\s]+)([^)\s]*)\)", point, raw.decode()).encode()


def copy_to(folder: Path) -> tuple[int, list[Path]]:
    """Copies the course's files into a folder, and changes none that is there.

    Args:
        folder: It is made where it is missing.

    Returns:
        How many files were copied, and which ones stayed because they differ from the
        course's.

    Raises:
        OSError: The folder cannot be made or written to.
    """
    copied, changed = 0, []
    for path, place in originals():
        raw, goal = for_copy(path, place), folder / place
        try:
            if not goal.exists():
                with files.atomic_write(goal) as aside:
                    aside.write_bytes(raw)
                copied += 1
            elif goal.read_bytes() != raw:
                changed.append(place)
        except OSError as error:
            raise OSError(
                f"the course cannot be copied to {folder} ({error.strerror or error}); "
                "choose another folder"
            ) from error
    return copied, changed
