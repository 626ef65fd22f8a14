"""The section "Add a project of your own" of CONTRIBUTING.md, to the letter."""

import re
import sys

import course
import numpy as np

from mnistgan import projects, training
from mnistgan.sampling import draw, load_generator, make_noise
from mnistgan.settings import choose_settings


def test_a_project_of_your_own_takes_30_lines(tmp_path, monkeypatch):
    text = (course.ROOT / "CONTRIBUTING.md").read_text()
    code, line = re.findall(r"```python\n(.+?)```", text, re.S)
    assert len(code.splitlines() + line.splitlines()) <= 30
    (tmp_path / "circles.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    name, place = re.search(r'"(\w+)": "mnistgan\.projects\.(\w+)"', line).groups()
    monkeypatch.setitem(projects.PROJECTS, name, place)
    monkeypatch.delitem(sys.modules, place, raising=False)

    sizes = {"generator_width": 2, "discriminator_width": 2, "noise_dim": 8}
    settings = choose_settings("quick", name, **sizes, epochs=1, pictures=128)
    pictures, labels = projects.load_dataset(settings, numbers=np.array([3, 5]))
    assert pictures.shape == (2, 64, 64, 1) and pictures.dtype == np.uint8
    assert labels is None and pictures.min() == 0 and pictures.max() == 255
    run = training.train(settings, tmp_path / "run")
    generator = load_generator(run.folder / "generator.keras")
    assert run.finished and len(draw(generator, make_noise(generator, 2))) == 2
