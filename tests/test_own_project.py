"""The section "Add a project of your own" of CONTRIBUTING.md, to the letter."""

import re
import sys

import course
import numpy as np
import pytest

from mnistgan import projects, training
from mnistgan.engine import runs
from mnistgan.models import build_generator
from mnistgan.sampling import draw, load_generator, make_noise
from mnistgan.settings import choose_settings
from mnistgan.site import share


def test_your_own_pictures_are_not_judged(tmp_path):
    settings = choose_settings(project="own", pictures=200, judged=50)
    pictures = np.zeros((200, 64, 64, 3), np.uint8)
    with pytest.raises(ValueError, match="judged is 50; the judge knows digits only"):
        training.train(settings, tmp_path, pictures=pictures)


def test_a_robot_that_saw_your_pictures_is_yours(tmp_path):
    """Its card shows no licence of ours, whatever notes lie beside it."""
    for project, channels in (("own", 3), ("faces", 3)):
        settings = choose_settings(project=project, pictures=200, judged=0)
        runs.write_settings(tmp_path, settings)
        (tmp_path / runs.OWN_PICTURES).write_text("checksum")
        generator = build_generator(channels=channels)
        robot = share.open_robot(tmp_path / "generator.keras", generator)
        assert share.list_facts(robot)["Licence"] == "ask whoever trained it"
        assert (robot.project is not None) == (project == "own")
        (tmp_path / runs.OWN_PICTURES).unlink()
        facts = share.list_facts(share.open_robot(robot.model, generator))
        assert (facts["Licence"] == "MIT") == (project == "faces")


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
