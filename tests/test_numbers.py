"""Every number in the prose of the course has somebody to vouch for it.

A number is held by the code (`HELD`), or stands in a cell of the same notebook, or is
common to the whole course (`COMMON`), or is told by somebody else (`TOLD`): a paper, a
picture, a command that measures it. Tables, code and single digits are left out here.
"""

import inspect
import json
import math
import re
from statistics import median

import course
import nbformat
import numpy as np
import pytest
from tensorflow import keras

from mnistgan import latent
from mnistgan.data import load_mnist
from mnistgan.datasets import faces, image_folder
from mnistgan.engine import loop
from mnistgan.models import (
    build_discriminator,
    build_features,
    build_generator,
    discriminator_loss,
    generator_loss,
)
from mnistgan.projects import anomaly, flow, melody, music
from mnistgan.projects.conditional import build_conditional_generator
from mnistgan.settings import PRESETS, Settings, choose_settings
from mnistgan.widgets import live

ROOT = course.ROOT
FILES = [
    ROOT / "README.md",
    *sorted((ROOT / "lessons").glob("[0-9]*.md")),
    ROOT / "lessons" / "inside_the_engine.md",
    ROOT / "lessons" / "measured.md",
    *course.notebooks(),
]
REFERENCES = re.compile(
    r"\*About \d+ minutes? on 2 cores.*$|\b\d\d ·"
    r"|(?:[Nn]otebooks?|[Ll]essons?|[Nn]umber|[Tt]able|Python) [\d.]+"
    r"(?:(?:,| and| to) [\d.]+)*"
    r"|CC BY(?:-SA)? \d\.\d|\b(?:1[89]|20)\d\ds?\b|127\.0\.0\.1|version \d\.\d",
    re.M,
)
NUMBER = re.compile(r"(?<![\w.])\d(?:[\d,.×]*\d%?|%)")

# The pictures, small and large; the album; grey levels; noise; a batch, and a grid.
COMMON = {"28×28", "64×64", "28", "64", "60,000", "10,000", "70,000"}
COMMON |= {"255", "256", "32", "16", "128", "4×4", "7×7", "8×8", "14×14", "16×16"}


def tables(name):
    """The rows of all tables of a page: what they begin with, and what follows."""
    lines = re.findall(r"^\| (.+) \|$", (ROOT / name).read_text(), re.M)
    return [re.split(r" *\| *", line) for line in lines]


def measured(preset):
    """The row of a preset in measured.md: epochs, minutes, and the judge's numbers."""
    rows = tables("lessons/measured.md")
    return next(row[1:] for row in rows if row[0] == preset)


def networks():
    return build_generator(), build_discriminator()


def steps_of_watchmen():
    """How many steps a watchman takes that knows one digit only, for each digit."""
    counts = np.bincount(load_mnist("train")[1])
    each = counts // anomaly.BATCH
    return each * -(-default(anomaly.train_detectors, "steps") // each)


def megabytes(workers):
    """What each of some workers in a ring sends in a step, in MB."""
    weights = [w for network in networks() for w in network.trainable_variables]
    size = 4 * sum(math.prod(w.shape) for w in weights) / 1e6
    return 2 * (workers - 1) / workers * size


def default(function, name):
    return inspect.signature(function).parameters[name].default


def batch_norm(momentum_of):
    layers = momentum_of.layers
    return next(x for x in layers if isinstance(x, keras.layers.BatchNormalization))


def noises(function):
    """How many noises a function asks for."""
    source = inspect.getsource(function)
    return int(re.search(r"make_noise\(generator, ([\d_]+)", source)[1])


def noise_lengths():
    return np.linalg.norm(
        np.random.default_rng(0).standard_normal((20_000, 32)), axis=1
    )


def card():
    """What the judge says of the robot that comes with the course."""
    return json.loads((ROOT / "mnistgan" / "pretrained" / "digits.json").read_text())


def environment_size():
    """What `make digits` says of the environment that it makes, in GB."""
    return float(re.search(r"venv: (.+?) GB", (ROOT / "Makefile").read_text())[1])


def typical(preset, column):
    """The median over the seeds of a preset in the recipe's last table."""
    rows = [row for row in tables("lessons/recipe.md") if row[0] == preset]
    rows = [row for row in rows if int(row[1]) == PRESETS[preset[1:-1]]["epochs"]]
    return median(amount(row[column]) for row in rows)


def amount(text):
    """A number as it is written: 1,234 or 12.3%, or 4×4, which is 4."""
    value = float(text.split("×")[0].replace(",", "").rstrip("%"))
    return value / 100 if text.endswith("%") else value


def written(value, text):
    """Whether a value, rounded as a text is rounded, is what the text says."""
    digits = text.split("×")[0].replace(",", "").rstrip("%")
    zeros = min(len(digits) - len(digits.rstrip("0")), len(digits) - 2)
    unit = 10.0 ** (-len(digits.partition(".")[2]) if "." in digits else max(zeros, 0))
    unit /= 100 if text.endswith("%") else 1
    return abs(value - amount(text)) <= 0.5001 * unit


FACES = choose_settings("quick", project="faces")
HELD = {
    "README.md": {
        "20": lambda: PRESETS["full"]["epochs"],
        "1.3": lambda: build_generator().count_params() * 2 * 4 / 3 / 1e6,  # base64
        "3.6": environment_size,
    },
    "lessons/02": {
        "0.02": lambda: build_generator().layers[1].kernel_initializer.stddev,
        "0.99": lambda: keras.layers.BatchNormalization().momentum,
        "0.9": lambda: batch_norm(build_generator()).momentum,
        "486,000": lambda: build_generator().count_params(),
        "675,000": lambda: build_discriminator().count_params(),
    },
    "lessons/03": {
        "2%": lambda: live.SHARE,
        "1.39": lambda: float(discriminator_loss(np.zeros((4, 1)), np.zeros((4, 1)))),
        "0.69": lambda: float(generator_loss(np.zeros((4, 1)))),
        "48": lambda: PRESETS["laptop"]["batch_size"],
        "20": lambda: PRESETS["full"]["epochs"],
        "0.0002": lambda: Settings().generator_learning_rate / 5,
    },
    "lessons/04": {
        "130": lambda: 1 / (1 - card()["accuracy"]),
        "0.1": lambda: 1 / 10,  # cycles per pixel, of a wave ten pixels long
        "0.22": lambda: 28 / 64 / 2,
        "0.5": lambda: np.abs(np.fft.fftfreq(64)).max(),
        "0.7": lambda: np.hypot(*2 * [np.abs(np.fft.fftfreq(64)).max()]),
        "100%": lambda: card()["rows"]["noise"]["confident"],
    },
    "lessons/05": {
        "4.2": lambda: noise_lengths().mean() - 2 * noise_lengths().std(),
        "7.0": lambda: noise_lengths().mean() + 2 * noise_lengths().std(),
    },
    "lessons/06": {"500": lambda: noises(latent.effect)},
    "lessons/08": {
        "2.718": lambda: math.e,
        "1.44": lambda: 1 / math.log(2),
    },
    "lessons/10": {
        "300": lambda: default(anomaly.train_detectors, "steps"),
        "315": lambda: min(steps_of_watchmen()),
        "388": lambda: max(steps_of_watchmen()),
    },
    "lessons/11": {
        "290,304": lambda: math.prod(map(len, faces.ANSWERS.values())),
        "12,000": lambda: sum(faces.SIZES.values()),
        "2,000": lambda: faces.SIZES["test"],
        "0.3": lambda: FACES.noise_std,
        "0.5": lambda: Settings().noise_std,
        "120": lambda: image_folder.MOST_PIXELS / 1e6,
        "4×4": lambda: build_features().layers[2].strides[0],
    },
    "lessons/12": {
        "3,726": lambda: choose_settings("quick", project="music").total_steps,
        "192": lambda: default(melody.build_chorale_rnn, "units"),
        "7.8": lambda: 1.83 * 1.07 * 4,
        "0.69": lambda: math.log(2),
    },
    "lessons/13": {
        "4.6": lambda: megabytes(2),
        "8.1": lambda: megabytes(8),
        "9.1": lambda: megabytes(64),
    },
    "lessons/inside": {
        "8×8": lambda: build_features().layers[2].kernel_size[0],
        "4×4": lambda: build_features().layers[2].strides[0],
        "16×16": lambda: build_features().layers[2].output.shape[1],
    },
    "notebooks/00": {
        "20": lambda: PRESETS["full"]["epochs"],
        "500": lambda: round(2 * 2000**3 / (365 * 24 * 3600), -2),  # years
    },
    "notebooks/01": {"246": lambda: 60_000 * 64 * 64 / 1e6},
    "notebooks/02": {
        "0.9": lambda: batch_norm(build_generator()).momentum,
        "4,096": lambda: math.prod(build_generator().output_shape[1:]),
    },
    "notebooks/04": {
        "0.1": lambda: 1 / 10,
        "0.5": lambda: np.abs(np.fft.fftfreq(64)).max(),
        "11%": lambda: np.mean(load_mnist("test")[1] == 1),
        "9%": lambda: np.mean(load_mnist("test")[1] == 5),
    },
    "notebooks/06": {
        "5.7": lambda: math.sqrt(32),
        "500": lambda: noises(latent.effect),
        "5,000": lambda: noises(latent.find_directions),
    },
    "notebooks/08": {
        "150": lambda: default(latent.find_noise, "steps"),
        "1.44": lambda: 1 / math.log(2),
        "543": lambda: 28 * 28 * math.log(2),
    },
    "notebooks/09": {
        "42": lambda: 32 + default(build_conditional_generator, "classes")
    },
    "notebooks/15": {"1.2": lambda: default(flow.guide, "guidance")},
    "lessons/15": {"1.2": lambda: default(flow.guide, "guidance")},
    "notebooks/solutions/15": {"150": lambda: default(latent.find_noise, "steps")},
    "notebooks/10": {
        "1.44": lambda: 1 / math.log(2),
        "380": lambda: steps_of_watchmen()[3],
    },
    "notebooks/12": {
        "0.16": lambda: default(music.to_midi, "seconds"),
        "66": lambda: melody.build_chorale_rnn().output.shape[-1],
    },
    "notebooks/solutions/01": {"0.07": lambda: 64 * 64 / 60_000},
    "lessons/measured": {
        "99.2%": lambda: card()["accuracy"],
        "85.0%": lambda: typical("`quick`", 3),
        "0.706": lambda: typical("`quick`", 4),
        "0.759": lambda: typical("`quick`", 5),
        "5.35": lambda: typical("`quick`", 6),
        "0.895": lambda: card()["second"]["rows"]["drawn"]["recall"],
        "0.948": lambda: card()["second"]["rows"]["real"]["recall"],
        "4.55": lambda: card()["second"]["rows"]["drawn"]["frechet"],
        "3.65": lambda: card()["second"]["rows"]["real"]["frechet"],
    },
}

# Who says the others. A number that is measured has its command on the same page.
TOLD = {
    "README.md": {"an example": "500", "lessons/for_teachers.md": "90"},
    "lessons/01": {"LeCun, Cortes and Burges": "20×20"},
    "lessons/02": {"images/points.png": "100 1000"},
    "lessons/03": {
        "Radford and others": "0.0002 128 100",
        "images/losses.png": "1.4 1.3 0.7 0.8 1.05 0.6 0.4",
        "images/rounds.png": "10 20",
        "a question": "0.01",
    },
    "lessons/04": {"a question": "0.98 0.30", "images/spectrum.png": "0.15 30"},
    "lessons/05": {"noise in notebook 05": "0.3", "tests/test_export.py": "0.0001"},
    "lessons/08": {
        "an example": "1.3 0.2",
        "measured: mnistgan judge": "104.8 101.5 108.5 105.2 50 1,000 0.25 0.35",
        "Burda and others": "86.8 50 5,000 78",
    },
    "lessons/09": {"measured: gan_train.py and judge": "0.01 0.92 97.9%"},
    "lessons/10": {
        "a coin": "50 0.5",
        "Ruff and others; Tonnaer": "91.3 94.8 71.8 85.5",
        "measured: anomaly.py": "1.3 20,000",
        "questions": "0.1 0.9 0.99 1%",
    },
    "lessons/11": {
        "DiceBear's style": "45 26 30",
        "measured: make_faces.py": "94 100 1.00 24% 17%",
    },
    "lessons/12": {
        "Bach": "370",
        "measured: make_music.py": "295 2,917 77% 93% 299 1.83 2.76 73% 1.07 260",
        "mnistgan.projects.music": "99% 50 12",
        "Boulanger-Lewandowski and others": "5.56",
    },
    "lessons/13": {
        "tests/test_workers.py": "0.02% 2% 20",
        "measured: scaling.py": "25 100 1.17 1.24 1.14 1.29 29 36 0.85 0.74 26",
        "images/workers.png": "60 1024",
        "worked out on the page": "4,096 14 512 63 1,000 1,100",
    },
    "lessons/14": {
        "mnistgan.engine.diagnosis": "200 400",
        "measured: faults.py": "500 10 19 89 100 24 490 0.2%",
    },
    "lessons/15": {
        "measured: flow_recipes.py": "50.2% 200",
        "families.py": "240",
        "a processor": "512",
    },
    "lessons/inside": {"mnistgan.engine.accelerate": "2×2 64×64×1 16×16×16"},
    "lessons/measured": {
        "images/quality.png": "0.80 0.94 0.32 0.07 2,000",
        "measured: make bench": "2.13 2.21 77% 2.9%",
        "metrics.BANDS": "0.5 0.75",
        "a processor": "512",
        "version 0.1's card": "93.1% 0.780 2.76 31",
    },
    "lessons/recipe": {"version 0.1": "0.573 0.697"},
    "notebooks/02": {"a cell's sketch": "2×2"},
    "notebooks/04": {"mnistgan.evaluation.copy_limit": "1%"},
    "notebooks/06": {"a rule of thumb": "30"},
    "notebooks/07": {"an exercise": "5000"},
    "notebooks/15": {"Euler": "1768"},
    "notebooks/08": {"an example": "90%", "lesson 08": "108 87"},
    "notebooks/10": {"an exercise": "300"},
    "notebooks/11": {"mnistgan.projects.attribute_classifier": "95%"},
    "notebooks/12": {
        "lesson 12": "300",
        "MIDI": "60 61",
        "physics": "110",
        "an exercise": "1.5",
    },
    "notebooks/13": {"an exercise": "0.7", "cells": "50 100"},
    "notebooks/solutions/01": {"a cell": "59,999"},
    "notebooks/solutions/11": {"what a copyist would get": "0%"},
    "notebooks/solutions/13": {"a cell": "25", "lesson 13": "29"},
}


def prose(path):
    """What is told, without tables, code, addresses and the names of other pages."""
    text = path.read_text()
    if path.suffix == ".ipynb":
        cells = nbformat.reads(text, as_version=4).cells
        text = "\n\n".join(c.source for c in cells if c.cell_type == "markdown")
    text = re.sub(r"```.*?```|^\|.*?$", "", text, flags=re.S | re.M)
    text = re.sub(r"\[solutions/.*|\]\([^)]*\)|`[^`]*`", "", text)
    return REFERENCES.sub("", text)


def code(path):
    """The numbers in a notebook's cells, as prose would write them."""
    if path.suffix != ".ipynb":
        return set()
    cells = nbformat.read(path, as_version=4).cells
    source = "\n".join(c.source for c in cells if c.cell_type == "code")
    numbers = re.findall(r"(?<![\w.])\d[\d_.]*\b", source)
    return {f"{int(n):,}" if "." not in n else n for n in numbers}


def of_page(table, path):
    """What a table says of a page, by how its name begins."""
    name = path.relative_to(ROOT).as_posix()
    return next((table[begin] for begin in table if name.startswith(begin)), {})


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_somebody_vouches_for_every_number(path):
    found = {number.strip(",.") for number in NUMBER.findall(prose(path))}
    told = set(" ".join(of_page(TOLD, path).values()).split())
    held = set(of_page(HELD, path))
    unknown = found - COMMON - told - held - code(path)
    assert not unknown, "hold it in HELD, or say in TOLD who says so"
    assert not (told | held) - found, "the page no longer says this"


PAIRS = [(page, text) for page, numbers in HELD.items() for text in numbers]


@pytest.mark.parametrize("page, text", PAIRS)
def test_the_code_agrees(page, text):
    assert written(HELD[page][text](), text), HELD[page][text]()


def test_the_sheets_of_the_artist_are_those_of_its_picture():
    shapes = [layer.output.shape[1:] for layer in build_generator().layers]
    sheets = dict.fromkeys(tuple(shape) for shape in shapes if len(shape) == 3)
    said = "{} sheets of {}×{}, {} of {}×{}, {} of {}×{} and one picture of {}×{}"
    numbers = [n for h, w, c in sheets for n in (c, h, w)]
    del numbers[-3]
    for page in (
        "lessons/02_build_the_robots.md",
        "notebooks/02_build_the_robots.ipynb",
    ):
        assert said.format(*numbers) in (ROOT / page).read_text()


def test_minutes_and_epochs_are_told_once():
    """The README's table says what the notebooks say, and the presets what they do."""
    rows = {row[0][1:3]: row for row in tables("README.md") if row[0][:1] == "["}
    for path in filter(lambda p: p.parent.name == "notebooks", course.notebooks()):
        said = re.search(r"\*About (\d+) minutes? on 2 cores", path.read_text())[1]
        assert rows[path.name[:2]][2].split()[0] == said, path.name
    intro = (ROOT / "notebooks" / "00_pick_a_project.ipynb").read_text()
    for preset in ("quick", "laptop", "full"):
        epochs, minutes = measured(f"`{preset}`")[:2]
        assert int(epochs) == PRESETS[preset]["epochs"]
        limit = re.search(rf"`{preset}` \(up to (\d+) minutes\)", intro)
        assert not limit or float(minutes) <= int(limit[1])
    assert loop.SECONDS_BETWEEN_CHECKPOINTS == 30  # "twice a minute" in lesson 03


def test_what_was_measured_once_is_told_the_same_everywhere():
    ours = measured("`full`")[2:]
    drawn = card()["rows"]["drawn"]
    assert ours == [f"{drawn[name]:{form}}" for name, form in FORMS.items()]
    luck = [row for row in tables("lessons/recipe.md") if row[1:3] == [row[1], "0"]]
    luck = {row[0]: row[3:] for row in luck if row[0][:1] == "`"}
    assert luck == {preset: measured(preset)[2:] for preset in luck} and len(luck) == 3
    told = {row[0]: row[1:] for row in tables("README.md")}
    for preset in ("`quick`", "`laptop`", "`full`", "real digits"):
        minutes, recognised, recall, _, *others = measured(preset)[1:]
        assert told[preset] == [minutes, recognised, recall, *others]
    for page in ("08_draw_with_a_vae", "09_ask_for_a_digit"):
        told = (ROOT / "lessons" / f"{page}.md").read_text()
        for preset in ("`quick`", "real digits"):
            recognised, _, coverage, frechet, _ = measured(preset)[2:]
            assert f"{recognised} | {coverage} | {frechet}" in told


FORMS = {
    "confident": ".1%",
    "recall": ".3f",
    "coverage": ".3f",
    "frechet": ".2f",
    "power_50_75": ".2f",
}


def test_both_losses_may_fall_at_once():
    """So says lesson 03, and notebook 03 does not say that they cannot."""
    before, real, fake = np.zeros((4, 1)), np.full((4, 1), 1.0), np.full((4, 1), 0.2)
    assert discriminator_loss(real, fake) < discriminator_loss(before, before)
    assert generator_loss(fake) < generator_loss(before)
