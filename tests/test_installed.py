"""The course without its folder: installed from its wheel, in an empty folder."""

import os
import re
import subprocess
import sys
import urllib.request
import zipfile
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import course
import nbformat
import pytest
from patience import PATIENCE, until
from site_load import answers, free_port

from mnistgan import evaluation
from mnistgan.__main__ import main
from mnistgan.engine import course_files
from mnistgan.settings import runs_folder

PARTS = ("mnistgan", *course_files.PARTS)
ABROAD = "127.0.0.2"  # another address of this machine: a page for all would answer


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel of the course as it is now, and the names of what went into it."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    names = course.copy_to(source)
    pip = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-index", "--quiet"]
    pip += ["--no-build-isolation", "--wheel-dir", str(out), str(source)]
    built = subprocess.run(pip, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    (path,) = out.glob("*.whl")
    return path, names


@pytest.fixture(scope="module")
def place(wheel, tmp_path_factory):
    """An environment that has the course from its wheel, and an empty folder.

    All else comes from the environment of these tests. The file that leads to it is
    read after its own such files would have been, so the checkout is out of sight.
    """
    home = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", home], check=True)
    own = home / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(own), "install", "--no-index"]
    subprocess.run([*pip, "--quiet", "--no-deps", str(wheel[0])], check=True)
    (packages,) = home.glob("lib/python*/site-packages")
    (packages / "others.pth").write_text(str(Path(pytest.__file__).parent.parent))
    (home / "share").symlink_to(Path(sys.prefix) / "share")  # the pages of Jupyter
    config = tmp_path_factory.mktemp("jupyter") / "jupyter_server_config.json"
    config.write_text('{"ServerApp": {"allow_root": true}}')
    theirs = "PYTHONPATH", "MNISTGAN_RUNS"
    environment = {k: v for k, v in os.environ.items() if k not in theirs}
    environment |= {"PATH": os.defpath, "JUPYTER_CONFIG_DIR": str(config.parent)}
    folder = tmp_path_factory.mktemp("empty")
    return SimpleNamespace(
        bin=home / "bin", packages=packages, folder=folder, environment=environment
    )


def run(place, program, *words):
    """Runs a program of the environment in the empty folder."""
    command = [place.bin / program, *map(str, words)]
    given = {"cwd": place.folder, "env": place.environment}
    return subprocess.run(command, capture_output=True, text=True, **given)


def test_the_wheel_holds_the_whole_course(wheel):
    path, names = wheel
    wanted = {name for name in names if name.split("/")[0] in PARTS}
    inside = {n for n in zipfile.ZipFile(path).namelist() if ".dist-info/" not in n}
    assert {name.replace("mnistgan/course/", "") for name in inside} == wanted


def test_links_of_a_copy_lead_somewhere(tmp_path):
    """To another copy, or to the web: the code is not copied."""
    course_files.copy_to(tmp_path)
    pages = [*tmp_path.rglob("*.md"), *tmp_path.rglob("*.ipynb")]
    for page in pages:
        for target in re.findall(r"\]\(([^)#\s]+)[^)\s]*\)", page.read_text()):
            assert "://" in target or (page.parent / target).exists(), (page, target)
    code = f"{course.repository()}/blob/main/mnistgan/settings.py"
    assert f"]({code})" in (tmp_path / "lessons/03_teach_the_robots.md").read_text()


def test_the_command_is_there_and_says_what_it_can(place):
    shown = run(place, "mnistgan", "--help")
    assert shown.returncode == 0 and shown.stdout.startswith("usage: mnistgan ")
    for name in ("train", "draw", "judge", "export", "settings"):
        assert f"\n    {name} " in shown.stdout
    for name in ("site", "explore", "lab", "notebooks"):
        assert f"\n    {name}" in shown.stdout


SESSION = """
import dataclasses

import mnistgan
from mnistgan import evaluation
from mnistgan.__main__ import main

# As in test_evaluation.py, which may have taught it.
evaluation.SECOND = dataclasses.replace(evaluation.SECOND, epochs=1)

print("from", mnistgan.__file__)
assert not main(["settings"])
assert not main(["draw", "--count", "8", "--out", "eight.png"])
assert not main(["judge", "--count", "200"])

import logging
from pathlib import Path

from streamlit.testing.v1 import AppTest

logging.disable(logging.WARNING)
page = AppTest.from_file(Path(mnistgan.__file__).with_name("site") / "app.py")
assert not page.run(timeout=600).exception and len(page.slider) == 6
"""


def test_it_draws_and_judges_and_its_page_works(place):
    """All in one process: TensorFlow takes its time to load."""
    if not (runs_folder() / "judge" / "judge.keras").exists():
        evaluation.load_judge()
    for file in (runs_folder() / "judge").iterdir():
        copy = place.folder / "runs" / "judge" / file.name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(file.read_bytes())
    said = run(place, "python", "-c", SESSION)
    assert said.returncode == 0, said.stdout + said.stderr
    assert f"from {place.packages}" in said.stdout
    assert "drew 8 pictures: eight.png" in said.stdout
    assert "drawn digits: " in said.stdout and "Training" not in said.stdout
    assert (place.folder / "eight.png").read_bytes().startswith(b"\x89PNG")


@contextmanager
def opened(place, command, health):
    """A page of the installed course, and what its command printed so far."""
    port, log = free_port(), place.folder / f"{command[0]}.log"
    words = [place.bin / "mnistgan", *command, "--no-browser", "--port", str(port)]
    given = {"cwd": place.folder, "env": place.environment, "stderr": subprocess.STDOUT}
    with open(log, "w") as lines:
        server = subprocess.Popen(words, stdout=lines, **given)
    try:
        here = f"http://127.0.0.1:{port}{health}"
        until(lambda: answers(here) or server.poll() is not None)
        assert server.poll() is None, log.read_text()
        yield here, log.read_text()
    finally:
        server.terminate()
        server.wait(PATIENCE)


def test_the_site_is_for_this_machine_and_counts_nobody(place):
    """Whatever the settings of the folder that it is started from say."""
    strange = place.folder / ".streamlit" / "config.toml"
    strange.parent.mkdir(exist_ok=True)
    strange.write_text('[server]\naddress = "0.0.0.0"\n')
    with opened(place, ["site"], "/_stcore/health") as (here, log):
        until(lambda: answers(here.replace("/_stcore/health", "/")))
        assert not answers(here.replace("127.0.0.1", ABROAD))
    assert "usage statistics" not in log


def test_explore_shows_the_sliders_for_this_machine_only(place):
    (place.folder / "voila.json").write_text('{"Voila": {"ip": "0.0.0.0"}}')
    script = "/voila/static/voila.js"
    with opened(place, ["explore"], script) as (here, _):
        page = urllib.request.urlopen(here.removesuffix(script), timeout=PATIENCE)
        text = page.read().decode()
        assert not answers(here.replace("127.0.0.1", ABROAD))
    assert page.status == 200 and "comes with the course" in text
    assert "mnistgan-picture" in text or "jupyter-widgets" in text
    assert "error" not in re.findall(r'class="[^"]*output_(\w+)', text)


def test_explore_uses_the_robots_of_the_current_folder(tmp_path, monkeypatch):
    """Although its code runs in another one, where its page lies."""
    voila = pytest.importorskip("voila.app").Voila
    told = []
    monkeypatch.delenv("MNISTGAN_RUNS", raising=False)
    monkeypatch.setattr(course_files, "PACKAGE", tmp_path / "packages" / "mnistgan")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(voila, "launch_instance", told.append)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MNISTGAN_RUNS", "")
        assert main(["explore", "--no-browser"]) == 0
        assert os.environ["MNISTGAN_RUNS"] == str(tmp_path / "runs")
    assert "--Voila.ip=127.0.0.1" in told[0] and "--Voila.open_browser=False" in told[0]


def test_runs_lie_beside_the_copied_notebooks(tmp_path, monkeypatch):
    """Whether a notebook asks, or a command in the folder above."""
    monkeypatch.delenv("MNISTGAN_RUNS", raising=False)
    monkeypatch.setattr(course_files, "PACKAGE", tmp_path / "packages" / "mnistgan")
    monkeypatch.chdir(tmp_path)
    assert runs_folder() == Path("runs")
    first = tmp_path / "mine" / course_files.FIRST
    first.parent.mkdir(parents=True)
    first.write_text("")
    for place in (first.parent, tmp_path / "mine"):
        monkeypatch.chdir(place)
        assert runs_folder() == tmp_path / "mine" / "runs"


def test_the_notebooks_are_copied_and_run(place):
    said = run(place, "mnistgan", "notebooks", "mine")
    assert said.returncode == 0 and "-m mnistgan lab mine" in said.stdout, said.stderr
    mine = place.folder / "mine"
    with opened(place, ["lab", "mine"], "/api") as (here, _):
        assert not answers(here.replace("127.0.0.1", ABROAD))
    path = mine / course_files.FIRST
    notebook = nbformat.read(path, as_version=4)
    ask = "import mnistgan, mnistgan.settings as s\n"
    ask += "print(mnistgan.__file__, s.runs_folder())"
    notebook.cells.append(nbformat.v4.new_code_cell(ask))
    nbformat.write(notebook, path)
    execute = "import sys, nbformat, nbclient; book = nbformat.read(sys.argv[1], 4); "
    execute += "nbclient.execute(book, sys.argv[2], startup_timeout=600); "
    execute += "print(book.cells[-1].outputs)"
    said = run(place, "python", "-c", execute, path, path.parent)
    assert said.returncode == 0, said.stderr
    assert f"{place.packages}/mnistgan/__init__.py {mine}/runs" in said.stdout


def copied(folder, capsys, code=0):
    """What `notebooks` prints."""
    assert main(["notebooks", str(folder)]) == code
    return " ".join(capsys.readouterr())


def test_links_between_notebooks_lessons_and_pictures_hold_in_a_copy(tmp_path, capsys):
    copied(tmp_path, capsys)
    pages = [*tmp_path.rglob("*.md"), *tmp_path.rglob("*.ipynb")]
    assert len(pages) > 40
    for page in pages:
        for target in re.findall(r"\]\(([^)\s#]+)[^)]*\)", page.read_text()):
            goal = Path(os.path.normpath(page.parent / target))
            away = "://" in target or target.startswith(("../mnistgan/", "../tests/"))
            assert away or goal.exists(), f"{page}: {target}"


def test_what_a_learner_has_changed_is_never_written_over(tmp_path, capsys):
    words = copied(tmp_path, capsys)
    assert f"Copied {len(course_files.originals())} files" in words
    changed, removed = sorted((tmp_path / "notebooks").glob("0*.ipynb"))[:2]
    changed.write_text("mine")
    removed.unlink()
    words = copied(tmp_path, capsys)
    assert "Copied 1 files" in words and f"notebooks/{changed.name}" in words
    assert changed.read_text() == "mine" and removed.exists()


def test_a_file_in_the_way_is_named(tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")
    words = copied(tmp_path / "file", capsys, code=2)
    assert f"cannot be copied to {tmp_path / 'file'}" in words and "Errno" not in words


def test_without_notebooks_lab_says_where_to_get_them(tmp_path, capsys):
    assert main(["lab", str(tmp_path)]) == 2
    assert f"no notebooks of the course in {tmp_path}" in capsys.readouterr().err


@pytest.mark.parametrize("port", ["0", "65536"])
def test_a_port_that_cannot_be_is_refused(port, capsys):
    assert main(["site", "--port", port]) == 2
    assert f"port is {port}; it must be" in capsys.readouterr().err


@pytest.mark.parametrize(
    "command, module, extra",
    [
        ("site", "streamlit.web.cli", "site"),
        ("explore", "voila.app", "notebooks"),
        ("lab", "jupyterlab.labapp", "notebooks"),
    ],
)
def test_what_is_missing_is_said_with_the_remedy(
    command, module, extra, monkeypatch, capsys
):
    monkeypatch.setitem(sys.modules, module, None)  # not installed
    assert main([command]) == 2
    remedy = f"{sys.executable} -m pip install 'mnistgan[{extra}]'"
    assert remedy in capsys.readouterr().err


def test_the_remedy_can_be_followed_from_any_folder(place):
    given = "--no-index", "--dry-run", "--quiet", "mnistgan[site,notebooks]"
    said = run(place, "python", "-m", "pip", "install", *given)
    assert said.returncode == 0, said.stderr
