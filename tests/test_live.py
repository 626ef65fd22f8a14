"""A run that is watched in a notebook: what it shows, what it costs, and its button."""

import dataclasses
import io
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from test_training import SMALL

from mnistgan import training
from mnistgan.engine import machine
from mnistgan.engine.runs import Run
from mnistgan.projects import find_project
from mnistgan.widgets import live


@pytest.fixture
def shown(monkeypatch):
    """A notebook without a browser: what is shown in it, one after the other."""
    shown = []

    def display(what, **options):
        shown.append(what)
        return SimpleNamespace(update=display)

    monkeypatch.setattr(live, "display", display)
    monkeypatch.setattr(machine, "in_notebook", lambda: True)
    return shown


def test_a_run_in_a_notebook_is_shown_and_leaves_a_still(shown, tmp_path):
    training.train(SMALL, tmp_path)
    box, still = shown
    picture, side = box.children
    with Image.open(io.BytesIO(picture.value)) as grid:
        assert grid.size == (262, 262) and np.std(grid) > 10
    assert side.children[0].value.count("<polyline") == 2
    assert side.children[0].value.count("<meter") == 2
    with Image.open(io.BytesIO(still["image/png"])) as picture:
        assert picture.width > 2 * picture.height


def test_the_button_stops_the_run_which_goes_on_later(shown, tmp_path, monkeypatch):
    views, init = [], live.LiveView.__init__

    def remember(view, *arguments):
        init(view, *arguments)
        views.append(view)

    monkeypatch.setattr(live.LiveView, "__init__", remember)
    on_row = live.LiveView.on_row

    def click(view, session):
        on_row(view, session)
        if session.run.step == 65:
            view.button.click()

    monkeypatch.setattr(live.LiveView, "on_row", click)
    run = training.train(SMALL, tmp_path)
    assert run.step == 65 and not run.finished
    assert views[0].button.disabled
    assert training.train(SMALL, tmp_path).finished
    assert len(shown) == 4


def test_a_finished_run_shows_its_still_at_once(shown, tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "in_notebook", lambda: False)
    training.train(SMALL, tmp_path)
    monkeypatch.setattr(machine, "in_notebook", lambda: True)
    training.train(SMALL, tmp_path)
    assert [list(one) for one in shown] == [["image/png"]]


@pytest.mark.parametrize("seconds", [0.001, 0.5, 4.0])
def test_it_costs_two_percent_at_most(shown, monkeypatch, tmp_path, seconds):
    clock, spent = [100.0], [0.0]

    def draw(*_):
        clock[0] += seconds
        spent[0] += seconds
        return ""

    monkeypatch.setattr(live, "draw_curves", draw)
    monkeypatch.setattr(live.time, "monotonic", lambda: clock[0])
    picture = np.zeros((16, 64, 64, 1), np.uint8)
    monkeypatch.setattr(live, "compile_draw", lambda _: lambda noise: picture)
    run = Run(tmp_path, 0, 1000, [], 0.0)
    state = SimpleNamespace(averaged=None, fixed_noise=np.zeros((64, 8)))
    view = live.LiveView()
    for _ in range(10_000):
        clock[0] += 0.1
        run = dataclasses.replace(run, seconds=clock[0] - 100.0)
        view.on_row(SimpleNamespace(run=run, state=state))
    assert spent[0] >= seconds * 3
    assert spent[0] <= live.SHARE * (clock[0] - 100.0) + seconds


def test_the_curves_say_what_the_project_calls_them():
    row = {"step": 25, "d_loss": 30.0, "g_loss": 90.0, "d_real": 0.7, "d_fake": 0.1}
    drawn = live.draw_curves([row] * 500, find_project("vae").words)
    assert "reconstruction 90.00" in drawn and "0.10 where there is none" in drawn
    assert len(drawn) < 8_000
    assert "moment" in live.draw_curves([], find_project("digits").words)
