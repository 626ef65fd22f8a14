"""The house: the course on top, the machinery below, and arrows that only go down."""

import ast
import importlib
import re
import subprocess
import sys

import course
import nbformat

PACKAGE = course.ROOT / "mnistgan"
MODULES = {
    ".".join(path.relative_to(course.ROOT).with_suffix("").parts): path
    for path in PACKAGE.rglob("*.py")
}
# What a folder may import, besides itself and what lies on the ground, engine.
BELOW = {"engine": set(), "datasets": {"engine"}}


def imports(name):
    """The modules of the package that a module imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(MODULES[name].read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(
            "mnistgan"
        ):
            for part in node.names:
                inner = f"{node.module}.{part.name}"
                found.add(inner if inner in MODULES else node.module)
        elif isinstance(node, ast.Import):
            found |= {x.name for x in node.names if x.name.startswith("mnistgan")}
    return {x for x in found if x in MODULES} - {name}


ARROWS = {name: imports(name) for name in MODULES}


def depth(name, above=()):
    """On which floor a module stands; AssertionError where it stands in a circle."""
    assert name not in above, f"a circle: {' → '.join([*above, name])}"
    return 1 + max((depth(x, (*above, name)) for x in ARROWS[name]), default=0)


def test_there_is_no_circle_and_the_house_is_not_high():
    assert max(depth(name) for name in MODULES) <= 8


def test_arrows_only_go_down():
    for name, found in ARROWS.items():
        room = name.split(".")[1] if name.count(".") > 1 else ""
        if room in BELOW:
            allowed = {room, *BELOW[room]}
            upwards = {x for x in found if x.split(".")[1] not in allowed}
            assert not upwards, f"{name} imports {upwards}"


def test_no_logic_hangs_on_assert():
    """Since `python -O` leaves it out."""
    for name, path in MODULES.items():
        nodes = ast.walk(ast.parse(path.read_text()))
        assert not any(isinstance(node, ast.Assert) for node in nodes), name


def test_the_course_has_few_modules_on_top():
    assert len(list(PACKAGE.glob("*.py"))) <= 14


def test_importing_the_models_brings_nothing_heavy_but_tensorflow():
    heavy = "tensorflow_datasets", "mnistgan.plots", "streamlit", "music21", "dicebear"
    code = (
        f"import sys, mnistgan.models; print([x for x in {heavy} if x in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ran.stdout.strip() == "[]", ran.stderr


def test_the_command_line_answers_before_tensorflow_is_there():
    """Which takes seconds: only a command that needs it brings it, or a page."""
    heavy = "tensorflow", "streamlit", "voila", "jupyterlab"
    code = "import sys, mnistgan.__main__; "
    code += f"print([x for x in {heavy} if x in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ran.stdout.strip() == "[]", ran.stderr


def sources():
    """All code of the course, and of what measures it, by name."""
    for path in sorted(course.ROOT.rglob("*.py")):
        if not {".venv", "build", "runs"} & set(path.parts):
            yield path.relative_to(course.ROOT).as_posix(), path.read_text()
    for path in course.notebooks():
        cells = nbformat.read(path, as_version=4).cells
        code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
        yield path.name, re.sub(r"^( *)[%!].*$", r"\1pass", code, flags=re.M)


def test_whatever_is_imported_from_the_course_exists():
    """Also where no test runs: in the benchmarks, and in what makes the pictures."""
    for name, source in sources():
        for node in ast.walk(ast.parse(source)):
            module = getattr(node, "module", None) or ""
            if isinstance(node, ast.ImportFrom) and module.split(".")[0] == "mnistgan":
                for part in node.names:
                    inner = f"{module}.{part.name}"
                    found = inner in MODULES or f"{inner}.__init__" in MODULES
                    found = found or hasattr(importlib.import_module(module), part.name)
                    assert found, f"{name}: there is no {inner}"
