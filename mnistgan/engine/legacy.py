"""What version 0.1 wrote and was told, in today's words, for one version.

Its layers are in `mnistgan.engine.legacy_layers`: this module brings no TensorFlow.
"""

import argparse
import json
from pathlib import Path
from typing import Any

SETTINGS = {"fog": "noise_std"}
PROJECTS = {"asked": "conditional"}
ON_DIVERGENCE = {"tell": "warn", "back": "rollback"}
HISTORY = "diary.csv"
HIDDEN: dict[str, Any] = dict.fromkeys(("help", "default"), argparse.SUPPRESS)


def add_options(train: argparse.ArgumentParser) -> None:
    """Lets `train` understand its old options, and does not speak of them."""
    train.add_argument("--diary", dest="loggers", **HIDDEN)
    train.add_argument(
        "--on-trouble",
        dest="on_divergence",
        type=lambda way: ON_DIVERGENCE.get(way, way),
        **HIDDEN,
    )


def read_settings(path: Path) -> dict[str, Any]:
    """Reads the settings of a run, a `.json` file, with the names of today.

    Raises:
        OSError: It cannot be read.
        ValueError: It is no JSON.
    """
    found = dict(json.loads(path.read_text()))
    found = {SETTINGS.get(name, name): value for name, value in found.items()}
    project = str(found.get("project"))
    return found | {"project": PROJECTS.get(project, project)}


def is_old(settings: dict[str, Any]) -> bool:
    """Whether version 0.1 wrote these settings, as they stand in their file."""
    return bool(SETTINGS.keys() & settings.keys())
