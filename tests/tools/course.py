"""What the course's notebooks have in common: read, compare and rewrite them.

python tests/tools/course.py mirrors            # taught functions into notebooks
python tests/tools/course.py badges owner/name  # the course's address into all badges
"""

import ast
import importlib
import inspect
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parent.parent.parent
PLACEHOLDER = "OWNER"
SETUP = """\
# @title Set-up: run this cell first
import os
import sys

if "google.colab" in sys.modules or "KAGGLE_KERNEL_RUN_TYPE" in os.environ:
    %pip install -q --no-deps git+{repository} importlib_resources
    sys.path += ["mnistgan", "drive/MyDrive/mnistgan"]  # a folder that you brought
try:
    from mnistgan import check_machine
except ImportError as error:
    hint = "On a laptop, start with `make lab`. In Colab, upload the folder mnistgan"
    raise ImportError(f"{{error}}. {{hint}}, or mount your Drive with it.") from None
check_machine()

import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers
"""

# What shows a cell without its source: JupyterLab's word for it, and Colab's.
COLLAPSED = {"jupyter": {"source_hidden": True}, "cellView": "form"}


def notebooks() -> list[Path]:
    """All notebooks, solutions included."""
    return sorted((ROOT / "notebooks").rglob("[0-9]*.ipynb"))


def copy_to(folder: Path) -> list[str]:
    """Copies the course as it is now, uncommitted changes included; returns all names.

    What git ignores stays behind: runs, caches, and what was built before.
    """
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\0")
    names = [name for name in listed if name and (ROOT / name).exists()]
    for name in names:
        copy = folder / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes((ROOT / name).read_bytes())
    return names


def repository() -> str:
    """The course's public address, which stands in pyproject.toml and nowhere else."""
    text = (ROOT / "pyproject.toml").read_text()
    return re.search(r'^Repository = "(.+)"$', text, re.M).group(1)


def setup_source(address: str | None = None) -> str:
    """What every set-up cell must be: without an address, there is nothing to fetch."""
    lines = SETUP.format(repository=address or repository()).strip().splitlines()
    return "\n".join(line for line in lines if f"/{PLACEHOLDER}/" not in line)


def badge(path: Path) -> str:
    """The badges of one notebook: it opens in Colab, and in Kaggle."""
    place = repository().removeprefix("https://github.com/")
    name = path.relative_to(ROOT).as_posix()
    colab = "https://colab.research.google.com"
    kaggle = "https://kaggle.com"
    source = f"https://github.com/{place}/blob/main/{name}"
    return (
        f"[![Open in Colab]({colab}/assets/colab-badge.svg)]"
        f"({colab}/github/{place}/blob/main/{name}) "
        f"[![Open in Kaggle]({kaggle}/static/images/open-in-kaggle.svg)]"
        f"({kaggle}/kernels/welcome?src={source})"
    )


def mirror_of(cell: nbformat.NotebookNode) -> str | None:
    """The dotted name of the function that a cell mirrors, if it mirrors one."""
    for tag in cell.metadata.get("tags", []):
        if tag.startswith("mirror:"):
            return tag.removeprefix("mirror:")
    return None


def taught_source(name: str) -> str:
    """The source of a function of the package, without docstring and decorators."""
    module, function = name.rsplit(".", 1)
    source = inspect.getsource(getattr(importlib.import_module(module), function))
    node = ast.parse(source).body[0]
    lines = textwrap.dedent(source).splitlines()
    doc = node.body[0]
    code = lines[node.lineno - 1 : doc.lineno - 1] + lines[doc.end_lineno :]
    return "\n".join(code).strip()


def sentence(node: ast.expr) -> str:
    """The words of an error message in the code, with … for what it fills in."""
    if isinstance(node, ast.JoinedStr):
        return "".join(map(sentence, node.values))
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.BinOp):
        return sentence(node.left) + sentence(node.right)
    return "…"


def error_messages() -> set[str]:
    """Every message that the package can raise."""
    messages = set()
    for path in (ROOT / "mnistgan").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
                words = "".join(map(sentence, node.exc.args[:1]))
                messages.add(" ".join(words.replace("`", "").split()))
    return {words for words in messages if re.search(r"[a-z]", words)}


def syntax(source: str) -> str:
    """A source's syntax tree as text: layout and comments aside."""
    return ast.dump(ast.parse(source))


def rewrite(change) -> None:
    """Applies `change(notebook, path)` to every notebook, and saves what it changed."""
    for path in notebooks():
        text = path.read_text()
        notebook = nbformat.reads(text, as_version=4)
        change(notebook, path)
        new = nbformat.writes(notebook) + "\n"
        if new != text:
            path.write_text(new)
            print(f"rewrote {path.relative_to(ROOT)}")


def write_mirrors(notebook: nbformat.NotebookNode, path: Path) -> None:
    """Copies the taught functions from the package into a notebook."""
    for cell in notebook.cells:
        if name := mirror_of(cell):
            cell.source = taught_source(name)


def write_address(notebook: nbformat.NotebookNode, path: Path) -> None:
    """Writes the badge and the set-up cell of a notebook."""
    for cell in notebook.cells:
        if cell.source.startswith("[![Open in Colab]"):
            cell.source = badge(path)
        elif "setup" in cell.metadata.get("tags", []):
            cell.source = setup_source()
            cell.metadata.update(COLLAPSED)


def set_address(place: str) -> None:
    """Writes owner/name into the files that name the course's address."""
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", place):
        raise SystemExit(f"REPO is {place!r}; it must be owner/name")
    old = repository().removeprefix("https://github.com/")
    pages, new_pages = ("{}.github.io/{}".format(*x.split("/")) for x in (old, place))
    for name in ("pyproject.toml", "README.md", "CITATION.cff"):
        path = ROOT / name
        text = path.read_text().replace(f"/{old}", f"/{place}")
        path.write_text(text.replace(pages, new_pages))
    rewrite(write_address)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["mirrors"]:
            rewrite(write_mirrors)
        case ["badges", place]:
            set_address(place)
        case _:
            raise SystemExit("use: make mirrors, or make badges REPO=owner/name")
