"""The course under every Python that is installed here, and with old and new packages.

    make test-matrix                              # all of them
    .venv/bin/python tests/tools/matrix.py 3.12 colab   # some of them

For each it makes an environment in build/matrix, runs the tests of the engine and
notebooks 00 to 03, and prints a line. `lowest` takes the oldest versions that
pyproject.toml allows, with the oldest Python; the others take the newest ones. `colab`
takes what Colab had when it last announced its versions
(https://github.com/googlecolab/colabtools/issues/5489), adds the course as the set-up
cell does, and runs the notebooks with a stand-in for `google.colab`.
"""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PLACE = ROOT / "build" / "matrix"
PYTHONS = ("3.10", "3.11", "3.12", "3.13")
FILES = (
    *("settings", "data", "models", "sampling"),
    *("training", "model_io", "metrics", "evaluation"),
)
TRIED = [
    *(f"tests/test_{name}.py" for name in FILES),
    "notebooks/00_pick_a_project.ipynb",
    "notebooks/01_get_the_pictures_ready.ipynb",
    "notebooks/02_build_the_robots.ipynb",
    "notebooks/03_teach_the_robots.ipynb",
]
COLAB = [
    *("tensorflow==2.19.0", "keras==3.10.0", "numpy==2.0.2"),
    *("tensorflow-datasets==4.9.9", "tensorflow-metadata==1.17.2"),
    *("matplotlib", "ipywidgets", "tqdm", "pillow", "filelock", "ipykernel", "scipy"),
    *("pytest", "nbval"),  # ours, to run the notebooks
]
STAND_IN = "import sys, types; sys.modules['google.colab'] = types.ModuleType('colab')"
PACKAGES = ["tensorflow", "keras", "numpy", "tensorflow-datasets"]
VERSIONS = (
    "import sys, importlib.metadata as m; print(sys.version.split()[0], "
    f"*(n + ' ' + m.version(n) for n in {PACKAGES}))"
)


def find_python(version):
    """The path of an installed Python, or None."""
    homes = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
    return str(homes[-1]) if homes else shutil.which(f"python{version}")


def call(*command, log, **environment):
    """Runs a command; True when it succeeds. What it prints goes to the log."""
    done = subprocess.run(
        list(map(str, command)),
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    return done.returncode == 0


def prepare_colab(install, home, log):
    """Installs what Colab has, and a stand-in for the module that only Colab has."""
    (place,) = home.glob("lib/python*/site-packages")
    (place / "sitecustomize.py").write_text(STAND_IN + "\n")
    return call(*install, *COLAB, log=log)


def run(name):
    """Tries one environment; returns its line."""
    version = {"lowest": PYTHONS[0], "colab": "3.12"}.get(name, name)
    python = find_python(version)
    if python is None:
        return f"| {name} | not installed here | |"
    home, start = PLACE / name, time.monotonic()
    inside = home / "bin" / "python"
    uv = ROOT / ".venv" / "bin" / "uv"
    install = (uv, "pip", "install", "--python", inside)
    ours, tried = ["--editable", ".[dev]"], TRIED
    if name == "lowest":
        ours += ["--resolution", "lowest-direct"]
    if name == "colab":
        ours = ["--no-deps", "--editable", ".", "importlib_resources"]
        tried = [path for path in TRIED if path.startswith("notebooks")]
    home.parent.mkdir(parents=True, exist_ok=True)
    runs = {"MNISTGAN_RUNS": str(home / "runs"), "MNISTGAN_PRESET": "smoke"}
    with open(PLACE / f"{name}.log", "w") as log:
        good = (
            call(uv, "venv", "--clear", "--python", python, home, log=log)
            and (name != "colab" or prepare_colab(install, home, log))
            and call(*install, *ours, log=log)
            and call(inside, "-m", "pytest", "-q", *tried, log=log, **runs)
        )
    found = subprocess.run([inside, "-c", VERSIONS], capture_output=True, text=True)
    minutes = (time.monotonic() - start) / 60
    verdict = "passed" if good else f"FAILED, see {PLACE / name}.log"
    return f"| {name} | {found.stdout.strip()} | {verdict}, {minutes:.0f} min |"


def main():
    print("| environment | versions | result |\n|---|---|---|")
    lines = []
    for name in sys.argv[1:] or [*PYTHONS, "lowest", "colab"]:
        lines.append(run(name))
        print(lines[-1], flush=True)
    sys.exit(any("FAILED" in line for line in lines))


if __name__ == "__main__":
    main()
