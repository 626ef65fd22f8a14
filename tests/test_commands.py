"""What a page or a cell tells you to run is found, in a shell that nobody prepared."""

import ast
import os
import re
import shlex
import shutil
import sysconfig
from pathlib import Path

import course
import nbformat
import pytest

from mnistgan.__main__ import build_parser
from mnistgan.engine import machine
from mnistgan.settings import check_machine

SCRIPTS = Path(sysconfig.get_path("scripts"))
PAGES = [*sorted((course.ROOT / "lessons").glob("*.md")), course.ROOT / "README.md"]
TARGETS = re.findall(r"^([a-z-]+):", (course.ROOT / "Makefile").read_text(), re.M)
ENVIRONMENTS = (".venv/bin/", "course/bin/")  # that the pages tell you to make
# Needed before the course is: README says so. The last one is for those with conda.
OUTSIDE = ("git", "conda", "npm", "pip", "%pip", "jupyter")
MAGICS = {"load_ext": None, "pip": None, "tensorboard": "tensorboard"}  # and programs


def name(path):
    return path.relative_to(course.ROOT).as_posix()


def cells(path, kind):
    notebook = nbformat.read(path, as_version=4)
    return [cell.source for cell in notebook.cells if cell.cell_type == kind]


def commands(text):
    """The lines of a page's blocks, and its inline code, that begin like a command."""
    blocks = re.findall(r"^```(?:|sh|bash)\n(.*?)^```", text, re.M | re.S)
    prose = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    lines = [line for block in blocks for line in block.splitlines()]
    programs = {"make", "python", "python3", *OUTSIDE, *os.listdir(SCRIPTS)}
    for line in [*lines, *re.findall(r"`([^`\n]+)`", prose)]:
        first, _, rest = line.strip().partition(" ")
        ours = first.startswith(ENVIRONMENTS)
        if "…" not in line and (ours or (first in programs and rest)):
            yield line  # `wandb` alone is a name


def fault(command):
    """Why a command of a page would not work; nothing where it would."""
    first, *words = shlex.split(command, comments=True)
    program = first
    for environment in ENVIRONMENTS:
        program = program.removeprefix(environment)
    if program != first and not (SCRIPTS / program).exists():
        return f"the environment has no {program}"
    if first == "make":
        return "" if set(words) <= {*TARGETS, "help"} else "no such target"
    if program in ("python", "python3") and words[:2] == ["-m", "mnistgan"]:
        program, words = "mnistgan", words[2:]
    if program == "mnistgan":
        try:
            build_parser().parse_args(words or ["--help"])  # alone, it is a name
        except SystemExit as end:
            return end.code and "the command line does not understand it"
    elif program in ("python", "python3"):
        known = not words or words[0] == "-m" or (course.ROOT / words[0]).is_file()
        return "" if known else f"there is no {words[0]}"
    elif program == first and first not in OUTSIDE:
        return "it is on the path of an activated environment only"
    return ""


@pytest.mark.parametrize("path", [*PAGES, *course.notebooks()], ids=name)
def test_a_command_on_a_page_works(path):
    text = path.read_text()
    if path.suffix == ".ipynb":
        text = "\n\n".join(cells(path, "markdown"))
    faults = {line: fault(line) for line in commands(text)}
    assert not {line: why for line, why in faults.items() if why}


@pytest.mark.parametrize(
    "line, why",
    [
        ("`tensorboard --logdir runs`", "activated environment"),
        ("`.venv/bin/tensorbord --logdir runs`", "has no tensorbord"),
        ("`make music`", "no such target"),
        ("`.venv/bin/python tests/benchmarks/fast.py`", "there is no"),
        ("```\n.venv/bin/python -m mnistgan draw --many 3\n```", "not understand"),
    ],
)
def test_a_command_that_would_not_work_is_noticed(line, why):
    (command,) = commands(line)
    assert why in fault(command)


def programs(source):
    """The programs that a cell starts: by magic, by `!`, by `subprocess` and `os`."""
    yield from re.findall(r"^\s*!(\w[\w./-]*)", source, re.M)
    for magic in re.findall(r"^\s*%+(\w+)", source, re.M):
        assert magic in MAGICS, f"which program does %{magic} start? Add it to MAGICS"
        if MAGICS[magic]:
            yield MAGICS[magic]
    plain = re.sub(r"^(\s*)[%!].*$", r"\1pass", source, flags=re.M)
    tree = list(ast.walk(ast.parse(plain)))
    lists = {
        node.targets[0].id: node.value
        for node in tree
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    for call in (node for node in tree if isinstance(node, ast.Call) and node.args):
        module = getattr(getattr(call.func, "value", None), "id", "")
        if module == "subprocess" or ast.unparse(call.func) == "os.system":
            given = lists.get(getattr(call.args[0], "id", ""), call.args[0])
            first = given.elts[0] if isinstance(given, ast.List) else given
            if isinstance(first, ast.Constant):
                yield shlex.split(first.value)[0]


@pytest.mark.parametrize("path", course.notebooks(), ids=name)
def test_a_program_that_a_cell_starts_is_found(path, monkeypatch):
    monkeypatch.setenv("PATH", os.defpath)
    machine.find_programs()
    started = set(programs("\n".join(cells(path, "code"))))
    assert not {program for program in started if not shutil.which(program)}


@pytest.mark.parametrize(
    "cell",
    [
        "!robots --draw",
        'import subprocess\nwords = ["robots", "7"]\nsubprocess.run(words)',
        'import os\nos.system("robots 7")',
    ],
)
def test_a_program_that_is_not_there_is_noticed(cell):
    assert list(programs(cell)) == ["robots"] and not shutil.which("robots")


def test_the_set_up_cell_finds_the_programs_of_its_environment(monkeypatch):
    """Before those of others, and also where nobody has activated it."""
    monkeypatch.setenv("PATH", os.defpath)
    check_machine()
    check_machine()
    assert shutil.which("tensorboard") == str(SCRIPTS / "tensorboard")
    assert os.environ["PATH"].count(str(SCRIPTS)) == 1
