"""The commands that open a page: `site`, `explore`, `lab`; `notebooks` copies some."""

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

from mnistgan.engine import course_files, valid
from mnistgan.engine.machine import find_programs, import_extra
from mnistgan.settings import runs_folder

HERE = Path(__file__).resolve().parent
LOOPBACK = "127.0.0.1"  # only this machine can reach it


def add_commands(add: Callable) -> None:
    """Adds the commands to the command line, with its `add(run, about, parent)`."""
    page = argparse.ArgumentParser(add_help=False)
    door = "the door at which the page listens; default: a free one"
    page.add_argument("--port", type=int, metavar="N", help=door)
    quiet = "print the address, and open no browser"
    page.add_argument("--no-browser", action="store_true", help=quiet)

    add(site, "open a little website, where your robots draw for visitors", page)
    add(explore, "open the sliders of notebook 06, without the code", page)
    begin = add(lab, "open the notebooks, to read and run them", page)
    place = "where they are; default: around the current folder"
    begin.add_argument("folder", type=Path, nargs="?", metavar="DIR", help=place)
    copy = add(notebooks, "copy the notebooks, lessons and pictures of the course")
    new = "where they go; files that you have changed there stay as they are"
    copy.add_argument("folder", type=Path, metavar="DIR", help=new)


@valid.checked(port=valid.optional(valid.integer(1, 65_535)))
def page_flags(program: str, port: int | None, **flags: object) -> list[str]:
    """The flags of a program, without those that are None."""
    known = {"port": port, **flags}.items()
    return [f"--{program}.{name}={value}" for name, value in known if value is not None]


def site(options: argparse.Namespace) -> None:
    """Runs `site`. Its other settings lie beside it, in `.streamlit/config.toml`."""
    program = import_extra("streamlit.web.cli", "site")
    headless = str(options.no_browser).lower()
    flags = page_flags("server", options.port, headless=headless)
    program.main(["run", str(HERE / "app.py"), *flags], prog_name="streamlit")


def explore(options: argparse.Namespace) -> None:
    """Runs `explore`."""
    program = import_extra("voila.app", "notebooks").Voila
    import_extra("ipywidgets", "notebooks")  # which the page needs, not the program
    browser = not options.no_browser
    flags = page_flags("Voila", options.port, ip=LOOPBACK, open_browser=browser)
    # Its code runs in the folder where the page lies, but the robots are here.
    os.environ["MNISTGAN_RUNS"] = str(runs_folder().resolve())
    program.launch_instance(
        [str(HERE / "explore.ipynb"), "--strip_sources=True", *flags]
    )


def lab(options: argparse.Namespace) -> None:
    """Runs `lab`. Raises FileNotFoundError where there are no notebooks."""
    program = import_extra("jupyterlab.labapp", "notebooks").LabApp
    course = options.folder or course_files.find_home()
    if not course or not (course / course_files.FIRST).is_file():
        raise FileNotFoundError(
            f"there are no notebooks of the course in {course or Path.cwd()}; copy "
            "them first, into a new folder: python -m mnistgan notebooks DIR"
        )
    find_programs()  # for the terminals that can be opened beside the notebooks
    browser = not options.no_browser
    flags = page_flags("ServerApp", options.port, ip=LOOPBACK, open_browser=browser)
    flags += [f"--ServerApp.root_dir={course.resolve()}"]
    program.launch_instance(
        [*flags, f"--LabApp.default_url=/lab/tree/{course_files.FIRST}"]
    )


def notebooks(options: argparse.Namespace) -> None:
    """Runs `notebooks`."""
    copied, changed = course_files.copy_to(options.folder)
    print(f"Copied {copied} files of the course to {options.folder}.")
    if changed:
        print(
            f"{len(changed)} stayed as they were, because you have changed them: "
            f"{', '.join(map(str, changed))}. For the course's own, move yours away "
            "and run this again, or choose another folder."
        )
    print(f"Begin: {sys.executable} -m mnistgan lab {options.folder}")
