"""The course under every Python that is installed here, and with old and new packages.

    make test-matrix                              # all of them
    .venv/bin/python tests/matrix.py 3.12 lowest  # some of them

For each it makes an environment in build/matrix, runs the tests of the engine and
notebooks 01 to 03, and prints a line. `lowest` takes the oldest versions that
pyproject.toml allows, with the oldest Python; the others take the newest ones.
"""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PLACE = ROOT / "build" / "matrix"
PYTHONS = ("3.10", "3.11", "3.12", "3.13")
TRIED = [
    *(f"tests/test_{name}.py" for name in ("settings", "data", "models", "drawing")),
    *(f"tests/test_{name}.py" for name in ("training", "loading", "measures", "judge")),
    "notebooks/01_get_the_pictures_ready.ipynb",
    "notebooks/02_build_the_robots.ipynb",
    "notebooks/03_teach_the_robots.ipynb",
]
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


def run(name):
    """Tries one environment; returns its line."""
    version = PYTHONS[0] if name == "lowest" else name
    python = find_python(version)
    if python is None:
        return f"| {name} | not installed here | |"
    home, start = PLACE / name, time.monotonic()
    inside = home / "bin" / "python"
    resolution = "lowest-direct" if name == "lowest" else "highest"
    uv = ROOT / ".venv" / "bin" / "uv"
    home.parent.mkdir(parents=True, exist_ok=True)
    runs = {"MNISTGAN_RUNS": str(home / "runs"), "MNISTGAN_PRESET": "quick"}
    with open(PLACE / f"{name}.log", "w") as log:
        good = (
            call(uv, "venv", "--clear", "--python", python, home, log=log)
            and call(
                *(uv, "pip", "install", "--python", inside, "--resolution", resolution),
                *("--editable", ".[dev]"),
                log=log,
            )
            and call(inside, "-m", "pytest", "-q", *TRIED, log=log, **runs)
        )
    found = subprocess.run([inside, "-c", VERSIONS], capture_output=True, text=True)
    minutes = (time.monotonic() - start) / 60
    verdict = "passed" if good else f"FAILED, see {PLACE / name}.log"
    return f"| {name} | {found.stdout.strip()} | {verdict}, {minutes:.0f} min |"


def main():
    print("| environment | versions | result |\n|---|---|---|")
    lines = []
    for name in sys.argv[1:] or [*PYTHONS, "lowest"]:
        lines.append(run(name))
        print(lines[-1], flush=True)
    sys.exit(any("FAILED" in line for line in lines))


if __name__ == "__main__":
    main()
