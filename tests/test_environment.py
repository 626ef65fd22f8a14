"""What a newcomer installs: locally, with conda, and in Colab."""

import itertools
import os
import re
import shutil
import subprocess
import sys
import types
from pathlib import Path

import course
import matrix
import pytest
import yaml

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomli")

PROJECT = tomllib.loads((course.ROOT / "pyproject.toml").read_text())
NOWHERE = "https://github.com/OWNER/mnistgan"
UV = Path(sys.executable).with_name("uv")


def resolve(requirements, tmp_path):
    """Resolves requirements without installing them; returns the plan."""
    command = [UV, "pip", "install", "--dry-run", "--target", tmp_path, *requirements]
    for _ in range(3):  # a package index does not always answer
        result = subprocess.run(
            command, cwd=course.ROOT, capture_output=True, text=True
        )
        if result.returncode == 0:
            return result.stderr
    raise AssertionError(result.stderr)


def test_the_conda_environment_resolves(tmp_path):
    environment = yaml.safe_load((course.ROOT / "environment.yml").read_text())
    *conda, pip = environment["dependencies"]
    assert conda == [f"python{PROJECT['project']['requires-python']}", "pip"]
    arguments = [part for line in pip["pip"] for part in line.split()]
    plan = resolve(arguments, tmp_path)
    assert "mnistgan" in plan and "tensorflow" in plan


def test_no_version_is_named_twice():
    environment = (course.ROOT / "environment.yml").read_text()
    assert re.findall(r"[=<>]=?\s*\d[\d.]*", environment) == [">=3.10", "<3.14"]


def test_every_dependency_is_pinned_and_no_address_is():
    pins = (course.ROOT / "constraints.txt").read_text()
    assert "://" not in pins and "--" not in pins
    project = PROJECT["project"]
    extras = project["optional-dependencies"]
    groups = [project["dependencies"], extras["notebooks"], extras["dev"]]
    for requirement in itertools.chain(*groups):
        name = re.match(r"[\w.-]+", requirement).group()
        if name != "mnistgan":
            pattern = rf"^{name.replace('_', '[-_]')}=="
            assert re.search(pattern, pins, re.M | re.I), f"{name}: run `make pins`"


def test_the_pinned_versions_are_installed():
    """Else the tests would not test what a newcomer gets."""
    from importlib.metadata import version

    pins = (course.ROOT / "constraints.txt").read_text()
    assert f"tensorflow=={version('tensorflow')}" in pins


def test_what_other_pythons_try_is_there():
    assert matrix.TRIED and all((course.ROOT / path).exists() for path in matrix.TRIED)


def make_apart(folder, python):
    """Makes an environment in a folder that holds only what make reads for it."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(course.ROOT / name, folder)
    plain = {key: at for key, at in os.environ.items() if not key.startswith("MAKE")}
    command = ["make", python, ".venv/.ready"]
    return subprocess.run(command, cwd=folder, env=plain, capture_output=True)


def test_make_asks_for_the_python_that_the_course_needs(tmp_path):
    wanted = PROJECT["project"]["requires-python"]
    known = (course.ROOT / "Makefile").read_text()
    low, high = (f"({x.replace('.', ', ')})" for x in re.findall(r"\d\.\d+", wanted))
    assert f"{low} <= sys.version_info < {high}" in known
    done = make_apart(tmp_path, "PYTHON=false")
    assert done.returncode and b"add PYTHON=python3.12" in done.stdout


def test_an_environment_whose_python_has_gone_is_made_anew(tmp_path):
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(tmp_path / "gone")
    (tmp_path / ".venv" / ".ready").touch()
    make_apart(tmp_path, "PYTHON=true")
    assert not python.is_symlink()


@pytest.fixture
def colab(tmp_path, monkeypatch):
    """A stand-in for Colab: its module, an empty folder, packages installed aside."""
    from IPython.core.interactiveshell import InteractiveShell

    google = types.ModuleType("google.colab")
    monkeypatch.setitem(sys.modules, "google.colab", google)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(tmp_path)
    return InteractiveShell()


def copy_of_the_course(folder):
    """A git repository with the course as it is now, uncommitted changes included."""
    course.copy_to(folder)
    who = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    for command in (["init", "-q"], ["add", "-A"], [*who, "commit", "-qm", "all"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    return folder


def test_colab_installs_the_course_and_leaves_tensorflow_alone(tmp_path):
    """Runs the set-up cell in a process of its own, which has no course at first."""
    address = f"file://{copy_of_the_course(tmp_path / 'origin')}"
    cell = course.setup_source(address)
    script = (
        "import sys, types; sys.modules['google.colab'] = types.ModuleType('colab')\n"
        "from IPython.core.interactiveshell import InteractiveShell\n"
        f"result = InteractiveShell().run_cell({cell!r})\n"
        "result.raise_error()\n"
        "import mnistgan; print('from', mnistgan.__file__)"
    )
    installed, empty = tmp_path / "installed", tmp_path / "empty"
    installed.mkdir()
    empty.mkdir()
    # Installed aside and looked for there first: this environment stays as it is.
    aside = {"PIP_TARGET": str(installed), "PYTHONPATH": str(installed)}
    aside["PIP_NO_BUILD_ISOLATION"] = "0"  # "no isolation": it would inherit the target
    result = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, **aside},
        cwd=empty,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert f"from {installed}" in result.stdout
    assert "Colab can lend you a GPU" in result.stdout
    packages = {path.name.lower() for path in installed.iterdir()}
    assert "mnistgan" in packages and "importlib_resources" in packages
    assert not packages & {"tensorflow", "numpy", "keras"}


def test_colab_without_an_address_says_how_to_bring_the_course(
    colab, capsys, monkeypatch
):
    monkeypatch.setitem(sys.modules, "mnistgan", None)  # not installed
    with pytest.raises(ImportError, match=r"mnistgan.*make lab.*upload the folder"):
        colab.run_cell(course.setup_source(NOWHERE)).raise_error()
    assert "tensorflow" not in colab.user_ns, "it went on without the course"


def test_colab_uses_a_folder_that_was_brought_along(
    colab, tmp_path, monkeypatch, capsys
):
    (tmp_path / "mnistgan").symlink_to(course.ROOT)
    colab.run_cell(course.setup_source(NOWHERE)).raise_error()
    assert "Your machine" in capsys.readouterr().out


FAKE_UV = """#!/bin/sh
echo "$@" > "$(dirname "$0")/asked"
echo "Resolved 250 packages in 1s"
[ -z "$BREAK" ] || { echo "error: no such package" >&2; exit 1; }
for name in $(seq 250); do
  echo "Downloading $name (1.0MiB)"; echo " Downloaded $name"; echo " + $name==1.0"
done
echo "Installed 250 packages in 1s"
"""
FAKE_PIP = """#!/bin/sh
case "$*" in *uv) exit 0 ;; esac
echo "$@" > "$(dirname "$0")/asked_pip"
[ "$BREAK" != both ] || { echo "ERROR: no such package either"; exit 1; }
"""


@pytest.mark.parametrize("broken", ["", "uv", "both"])
@pytest.mark.parametrize("name, extras", [("READY", "course,export"), ("TOOLS", "all")])
def test_making_the_environment_says_what_it_does_but_no_more(
    tmp_path, broken, name, extras
):
    ready = tmp_path / name
    for program, script in {"uv": FAKE_UV, "pip": FAKE_PIP}.items():
        (tmp_path / program).write_text(script)
        (tmp_path / program).chmod(0o755)
    places = [f"READY={tmp_path / 'READY'}", f"TOOLS={tmp_path / 'TOOLS'}"]
    command = ["make", "PYTHON=true", f"BIN={tmp_path}", *places, str(ready)]
    # `make test` tells the makes below it that they are below it, and they say so.
    plain = {key: at for key, at in os.environ.items() if not key.startswith("MAKE")}
    done = subprocess.run(
        command,
        cwd=course.ROOT,
        env={**plain, "BREAK": broken},
        stdout=subprocess.PIPE,
    )
    said = done.stdout.decode()
    assert "a minute on a quick line" in said and "Resolved 250 packages" in said
    assert said.count("\n") < 9 and "1.0" not in said  # the count keeps its line
    assert ("250 large packages fetched" in said) == (not broken)
    assert ("error: no such package" in said) == bool(broken)
    assert ("no such package either" in said) == (broken == "both")
    assert (done.returncode == 0) == ready.exists() == (broken != "both")
    asked = (tmp_path / "asked").read_text()
    assert f"--editable .[{extras}]" in asked and "--compile-bytecode" in asked
    by_pip = tmp_path / "asked_pip"
    assert by_pip.exists() == bool(broken)
    assert not broken or f"--editable .[{extras}]" in by_pip.read_text()


def test_the_environment_fits_into_the_disk_that_the_readme_asks_for():
    wanted = re.search(r"(\d+) GB of disk", (course.ROOT / "README.md").read_text())
    place = course.ROOT / ".venv"
    if not (place / ".tools").exists():
        pytest.skip("the environment lies elsewhere")
    kilobytes = subprocess.run(["du", "-sk", place], capture_output=True, text=True)
    used = int(kilobytes.stdout.split()[0]) / 1e6
    assert used < 5 and used + 1 < int(wanted[1]), f".venv takes {used:.1f} GB"
