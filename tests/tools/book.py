"""Builds the web book: every lesson, and every notebook with what it shows.

    make book                 # runs what changed since, with the preset `quick`
    make book PRESET=smoke    # after `make test`, which has run all: nothing runs again

The site is `build/book/html`. It asks no other host for anything, and works from a
disk. Pages keep their places in the course; files that a page links to, and that are
no pages, become pages with their code.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from posixpath import normpath, relpath

import course
import executed
import nbformat
from course import ROOT

BOOK = ROOT / "build" / "book"
PLAN = Path(__file__).with_name("book_pages")  # its first page, settings and style
CODE = {".py": "python", ".js": "javascript", ".html": "html", ".sh": "bash"}
CODE |= {".json": "json", ".yaml": "yaml", ".yml": "yaml", ".csv": "text", "": "text"}
FOLDERS = dict.fromkeys(("lessons", "notebooks", "notebooks/solutions"), "index.md")
FOLDERS |= {"images": "gallery.md", "tests": "tests/README.md"}  # the others get pages
LINK = re.compile(r"(!?)\[((?:[^][]|!\[[^]]*\]\([^)]*\))*)\]\(([^)\s]+)\)")
FENCED = re.compile(r"(^```.*?^```)", re.M | re.S)
BADGES = {  # pictures on other hosts, and ours
    "https://colab.research.google.com/assets/colab-badge.svg": "static/colab.svg",
    "https://kaggle.com/static/images/open-in-kaggle.svg": "static/kaggle.svg",
}
APART = "---\norphan: true\n---\n"  # not in the list of contents
MOVES = """\
<p class="moves">In the notebook, this moves. A robot that moves here, too, lies on
<a href="{}">a page of its own</a>.</p>
"""


def run_notebooks(paths: list[Path]) -> None:
    """Runs those that were not run since they changed, as the tests run them.

    Raises:
        CalledProcessError: A cell failed, and pytest has said which.
    """
    stale = [str(path) for path in paths if not executed.executed(path)]
    if stale:
        both = ["-n", "2", "--dist", "loadscope", "--no-loadscope-reorder"]
        # The folder beside the notebooks: its conftest.py keeps what they show.
        command = [sys.executable, "-m", "pytest", *both, "tests/tools", *stale]
        env = {"MNISTGAN_RUNS": str(executed.folder() / "runs")} | os.environ
        subprocess.run(command, cwd=ROOT, env=env, check=True)


def pages() -> list[str]:
    """What becomes a page, from the top of the course."""
    texts = [
        *ROOT.glob("*.md"),
        *(ROOT / "lessons").glob("*.md"),
        ROOT / "mnistgan/pretrained/README.md",
        ROOT / "tests/README.md",
        *course.notebooks(),
    ]
    return sorted(path.relative_to(ROOT).as_posix() for path in texts)


def outside_code(text: str, change: Callable[[str], str]) -> str:
    """Changes a page's words, but not its code."""
    parts = FENCED.split(text)
    return "".join(part if i % 2 else change(part) for i, part in enumerate(parts))


class Links:
    """Turns links that work on GitHub into links that work in the book.

    Attributes:
        code: Files that pages link to and that are no pages, by their names.
        folders: The same of folders.
        pictures: Where each picture is shown first, and with which words.
    """

    def __init__(self, known: list[str]) -> None:
        """Knows which files become pages."""
        self.known = set(known)
        self.code: set[str] = set()
        self.folders: set[str] = set()
        self.pictures: dict[str, tuple[str, str]] = {}

    def rewrite(self, text: str, page: str, at: str = "") -> str:
        """A page's words, with links that work in the book; `at` is another page."""
        here = Path(at or page).parent.as_posix()

        def change(found: re.Match) -> str:
            mark, words, target = found.groups()
            if not mark and words.startswith("!"):  # a picture that is a link
                words = self.rewrite(words, page, at)
            if target in BADGES:
                return f"{mark}[{words}]({relpath(BADGES[target], here)})"
            if target.startswith(("#", "http:", "https:", "mailto:")):
                return f"{mark}[{words}]({target})"
            path, hash_mark, anchor = target.partition("#")
            path = normpath(f"{Path(page).parent.as_posix()}/{path}")
            if mark:
                self.pictures.setdefault(path, (words, page))
            elif path not in self.known:
                path = self.place_of_code(path)
            return f"{mark}[{words}]({relpath(path, here)}{hash_mark}{anchor})"

        return LINK.sub(change, text)

    def place_of_code(self, path: str) -> str:
        """The page of a file with code, or of a folder; it will be made."""
        if path in FOLDERS:
            return FOLDERS[path]
        (self.folders if (ROOT / path).is_dir() else self.code).add(path)
        return f"code/{path}.md"


def write(page: str, text: str) -> None:
    """Writes one page of the book's source."""
    target = BOOK / "source" / page
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)


def write_notebook(page: str, links: Links) -> None:
    """Writes a notebook with what it has shown; solutions are folded."""
    path = ROOT / page
    notebook = executed.executed(path) or nbformat.read(path, as_version=4)
    robot = relpath("robot.html", Path(page).parent.as_posix())
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = links.rewrite(cell.source, page)
            continue
        if cell.metadata.get("jupyter", {}).get("source_hidden"):
            cell.metadata["tags"] = ["hide-input"]
        elif "solutions" in page:
            cell.metadata["tags"] = ["hide-cell"]
        for output in cell.outputs:
            shown = output.get("data", {}).get("text/html", "")
            if 'type="range"' in shown:
                output.data["text/html"] = shown + MOVES.format(robot)
    write(page, nbformat.writes(notebook))


def write_text(page: str, links: Links) -> None:
    """Writes a page of words; a lesson has its notebook and its solutions below it."""
    text = outside_code((ROOT / page).read_text(), lambda x: links.rewrite(x, page))
    twin = page.replace("lessons/", "notebooks/").replace(".md", ".ipynb")
    if twin != page and twin in links.known:
        answers = twin.replace("notebooks/", "notebooks/solutions/")
        listed = "\n".join(f"/{one}" for one in (twin, answers))
        text += f"\n```{{toctree}}\n:hidden:\n{listed}\n```\n"
    write(page, text)


def write_code(links: Links) -> None:
    """Writes the pages of all files and folders that some page links to."""
    for folder in sorted(links.folders):
        files = sorted(
            path.relative_to(ROOT).as_posix()
            for path in (ROOT / folder).rglob("*")
            if path.suffix in CODE and path.suffix and "__pycache__" not in str(path)
        )
        links.code.update(files)
        lines = [
            f"- [`{one}`]({relpath(one, Path(folder).parent)}.md)" for one in files
        ]
        write(f"code/{folder}.md", "\n".join([f"{APART}# `{folder}/`", "", *lines, ""]))
    for name in sorted(links.code):
        path = ROOT / name
        kind, text = CODE[path.suffix], path.read_text()
        fenced = f"~~~~~~{kind}\n{text.strip()}\n~~~~~~\n"
        write(f"code/{name}.md", f"{APART}# `{name}`\n\n{fenced}")


def words_to_know() -> Iterator[tuple[str, str, str]]:
    """Every word that a lesson explains: the word, the whole entry, and the lesson."""
    for path in sorted((ROOT / "lessons").glob("[0-9]*.md")):
        part = path.read_text().partition("## Words to know")[2].partition("\n## ")[0]
        for entry in re.findall(r"^- (.+)$", part, re.M):
            word = re.search(r"\*\*(.+?)\*\*", entry).group(1)
            yield word, entry, path.relative_to(ROOT).as_posix()


def write_glossary(links: Links) -> None:
    """Writes all words to know on one page, in the order of the alphabet."""
    lines = ["# Glossary", "", "All words to know, from all lessons.", ""]
    for _, entry, page in sorted(words_to_know(), key=lambda x: x[0].lower()):
        number = Path(page).name[:2]
        entry = links.rewrite(entry, page, at="glossary.md")
        lines.append(f"- {entry} ([lesson {number}]({page}))")
    write("glossary.md", "\n".join(lines) + "\n")


def write_gallery(links: Links) -> None:
    """Writes all pictures of the course on one page."""
    lines = ["# Gallery", "", "Every picture of the course, and where it stands.", ""]
    for picture, (words, page) in links.pictures.items():
        if picture.startswith("images/"):
            lines += [f"![{words}]({picture})", "", f"{words} *[Where?]({page})*", ""]
    write("gallery.md", "\n".join(lines))


def write_source() -> None:
    """Writes all that Sphinx reads into `build/book/source`."""
    source = BOOK / "source"
    shutil.rmtree(source, ignore_errors=True)
    shutil.copytree(PLAN, source, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "images", source / "images")
    preset = executed.folder().name
    write("index.md", (PLAN / "index.md").read_text().replace("PRESET", preset))
    links = Links(pages())
    for page in pages():
        write_notebook(page, links) if page.endswith(".ipynb") else write_text(
            page, links
        )
    write_glossary(links)
    write_gallery(links)
    write_code(links)
    (source / "extra").mkdir()
    subprocess.run(
        [
            sys.executable,
            "-m",
            "mnistgan",
            "page",
            "--out",
            source / "extra/robot.html",
        ],
        env={"MNISTGAN_RUNS": str(BOOK / "none")} | os.environ,
        check=True,
    )


def build() -> Path:
    """Builds the site from what was run, and returns the path of its first page.

    Raises:
        CalledProcessError: Sphinx found something wrong, for example a broken link.
    """
    write_source()
    site = BOOK / "html"
    shutil.rmtree(site, ignore_errors=True)
    sphinx = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-j", "2"]
    subprocess.run([*sphinx, BOOK / "source", site], cwd=ROOT, check=True)
    return site / "index.html"


if __name__ == "__main__":
    run_notebooks(course.notebooks())
    print(f"The book is ready: open {build()}")
