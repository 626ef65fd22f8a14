"""What the course says is true, names the limit, and can be followed."""

import dataclasses
import errno
import re

import numpy as np
import pytest
from patience import PATIENCE
from PIL import Image
from site_load import APP
from streamlit.testing.v1 import AppTest

from mnistgan import evaluation, latent, models, plots, sampling, settings
from mnistgan.__main__ import main
from mnistgan.engine import model_io, runs, valid
from mnistgan.projects import conditional
from mnistgan.site import studio
from mnistgan.widgets import explore

GENERATOR = models.build_generator(8, 2)
ASKED = conditional.build_conditional_generator(8, 3, 2)
FACES = models.build_generator(8, 2, channels=3)
LIMITS = [(name, high) for name, (_, high) in settings.RANGES.items()]


@pytest.mark.parametrize(("name", "high"), LIMITS)
def test_a_number_that_is_too_large_is_told_the_largest(name, high):
    words = "1, grey, or 3" if name == "channels" else rf"\b{re.escape(str(high))}\b"
    too_large = high + 1 if isinstance(high, int) else 2.0
    with pytest.raises(ValueError, match=words):
        settings.choose_settings("quick", **{name: too_large})


def test_every_number_of_the_settings_has_limits(capsys):
    numbers = {
        x.name for x in dataclasses.fields(settings.Settings) if x.type in (int, float)
    }
    assert numbers == set(settings.RANGES)
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    for low, high in settings.RANGES.values():
        assert f"From {low} to {high}." in said


@pytest.mark.parametrize(
    ("command", "limit"),
    [
        (["train", "--seed=2147483648"], "to 2147483647"),
        (["settings", "--noise-dim=99999"], "to 10000"),
        (["draw", "--seed=2147483648", "--out=x.npy"], "to 2147483647"),
        (["draw", "--count=10000001", "--out=x.npy"], "to 10000000"),
        (["draw", "--count=3969", "--out=x.png"], "3968 fit, 8 in a row"),
        (["judge", "--seed=2147483648"], "to 2147483647"),
        (["judge", "--count=10001"], "to 10000"),
        (["judge", "--count=5"], "from 6"),
    ],
)
def test_the_command_line_names_the_limit_at_once(
    command, limit, complaint, robot, monkeypatch, tmp_path
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(evaluation, "load_judge", None)  # nobody teaches a judge first
    given = [*command, robot] if command[0] in ("draw", "judge") else command
    assert limit in complaint(*given)
    assert not list(tmp_path.glob("x.*"))


def test_any_rule_for_whole_numbers_names_both_ends():
    for low, high in ((0, valid.MOST), (1, 7)):
        assert f"from {low} to {high}" in valid.integer(low, high)(high + 1)


@pytest.mark.parametrize("generator", [GENERATOR, ASKED, FACES])
@pytest.mark.parametrize("at_once", [4, 500])
def test_an_array_is_drawn_in_parts_and_is_the_same(
    generator, at_once, tmp_path, monkeypatch
):
    noise = sampling.make_noise(generator, 11, seed=3)
    whole = sampling.draw(generator, noise)
    monkeypatch.setattr(sampling, "DRAWN_AT_ONCE", at_once)
    sampling.save_drawings(generator, tmp_path / "x.NPY", 11, seed=3)
    kept = np.load(tmp_path / "x.NPY")
    assert kept.shape == whole.shape and kept.dtype == np.uint8
    assert np.abs(kept.astype(int) - whole).max() <= 1  # batches are rounded otherwise


def test_an_array_is_never_in_memory_as_a_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(sampling, "DRAWN_AT_ONCE", 50)
    drawn = []

    def draw(generator, noise, labels):
        drawn.append(len(noise))
        return np.zeros((len(noise), 64, 64, 1), np.uint8)

    monkeypatch.setattr(sampling, "draw", draw)
    sampling.save_drawings(GENERATOR, tmp_path / "x.npy", 1020)
    assert drawn == [50] * 20 + [20]
    assert np.load(tmp_path / "x.npy", mmap_mode="r").shape == (1020, 64, 64, 1)


@pytest.mark.parametrize("trouble", [KeyboardInterrupt, OSError(errno.ENOSPC, "full")])
def test_an_array_is_written_whole_or_not_at_all(tmp_path, monkeypatch, trouble):
    def draw(*_):
        raise trouble

    (tmp_path / "x.npy").write_text("mine")
    monkeypatch.setattr(sampling, "draw", draw)
    with pytest.raises((KeyboardInterrupt, OSError)) as caught:
        sampling.save_drawings(GENERATOR, tmp_path / "x.npy", 8)
    assert [path.name for path in tmp_path.iterdir()] == ["x.npy"]
    assert (tmp_path / "x.npy").read_text() == "mine"
    if isinstance(trouble, OSError):
        assert str(caught.value).startswith(f"{tmp_path / 'x.npy'} cannot be written")


@pytest.mark.parametrize("columns", [1, 8, 600])
def test_the_number_that_fits_into_a_grid_is_right(columns):
    with pytest.raises(ValueError, match="too many") as caught:
        plots.check_grid(10_000_000, columns)
    fit, row = map(
        int, re.search(r"(\d+) fit, (\d+) in a row", str(caught.value)).groups()
    )
    plots.check_grid(fit, row)
    with pytest.raises(ValueError, match="too many"):
        plots.check_grid(fit + 1, row)
    assert (plots.LARGEST_SIDE - 66) < fit // row * 66 - 2 <= plots.LARGEST_SIDE


def test_a_grid_of_any_size_is_checked_before_it_is_written(tmp_path):
    many = np.zeros((40, 1000, 2, 1), np.uint8)
    with pytest.raises(ValueError, match=r"40 pictures .* 32 fit, 1 in a row"):
        plots.save_grid(many, tmp_path / "x.png", columns=1)
    assert not list(tmp_path.iterdir())


def test_endings_may_be_large(robot, tmp_path, capsys):
    for name in ("a.PNG", "b.NPY"):
        assert main(["draw", robot, "--count=2", f"--out={tmp_path / name}"]) == 0
    assert "drew 2 pictures" in capsys.readouterr().out
    assert Image.open(tmp_path / "a.PNG").format == "PNG"
    assert np.load(tmp_path / "b.NPY").shape == (2, 64, 64, 1)


def test_every_ending_of_a_picture_can_be_written_and_no_other(tmp_path):
    digits = np.zeros((2, 64, 64, 1), np.uint8)
    for ending in plots.PICTURES:
        plots.save_grid(digits, tmp_path / f"x{ending}")
        assert Image.open(tmp_path / f"x{ending}").size == (130, 64)
    for ending in set(Image.registered_extensions()) - set(plots.PICTURES):
        with pytest.raises(ValueError, match=r"like a picture: \.png, "):
            plots.save_grid(digits, tmp_path / f"x{ending}")


def visit(path, monkeypatch):
    """Opens the website where there is only this robot."""
    monkeypatch.setattr(studio, "models", lambda: {"mine": path})
    return AppTest.from_file(str(APP), default_timeout=PATIENCE).run()


def test_a_robot_of_two_numbers_has_two_knobs_everywhere(tmp_path, monkeypatch):
    generator = models.build_generator(2, 2)
    model_io.save_model(generator, tmp_path / "narrow.keras")
    assert latent.find_directions(generator).names == ("knob_1", "knob_2")
    explorer = explore.Explorer(generator)
    assert len(explorer.sliders) == 2 and explorer.picker.value == (0, 1)
    app = visit(tmp_path / "narrow.keras", monkeypatch)
    assert not app.exception and not app.error and len(app.slider) == 2
    assert "from 2 random numbers" in app.expander[0].markdown[0].value


def test_what_an_explorer_cannot_show_is_refused_by_name():
    for wrong in ({"seed": 10**6}, {"numbers": [8]}):
        with pytest.raises(ValueError, match=r"seed is 1000000|from 0 to 7"):
            explore.Explorer(GENERATOR, **wrong)
    with pytest.raises(ValueError, match=r"size is 1; .* from 2 to 100"):
        explore.MapExplorer(GENERATOR, np.eye(8)[:2], size=1)


BROKEN = {
    "is not a readable": lambda path: path.write_text("no model"),
    "No such file": lambda path: None,
    "is damaged": lambda path: (
        model_io.save_model(GENERATOR, path),
        path.write_bytes(b"other"),
    ),
    "is not a generator": lambda path: model_io.save_model(
        models.build_discriminator(2), path
    ),
}


@pytest.mark.parametrize("reason", BROKEN)
def test_the_website_tells_the_cause(reason, tmp_path, monkeypatch):
    path = tmp_path / "mine.keras"
    BROKEN[reason](path)
    app = visit(path, monkeypatch)
    assert not app.exception and "“mine” cannot draw" in app.error[0].value
    assert reason in app.error[0].value and str(tmp_path) not in app.error[0].value


def test_the_judge_refuses_colours_before_it_is_taught(
    complaint, tmp_path, monkeypatch
):
    monkeypatch.setattr(evaluation, "load_judge", None)
    model_io.save_model(FACES, tmp_path / "faces.keras")
    said = complaint("judge", f"--model={tmp_path / 'faces.keras'}")
    assert "(None, 64, 64, 3); the judge knows digits only" in said


@pytest.mark.parametrize(
    ("pictures", "said"),
    [
        (np.zeros((8, 64, 64, 3), np.uint8), r"uint8 of shape \(8, 64, 64, 3\)"),
        (np.full((8, 64, 64, 1), 1.5), "float64 of shape .*, from 1.5 to 1.5"),
    ],
)
def test_the_judge_says_which_of_shape_and_type_is_wrong(pictures, said):
    judge = evaluation.Judge(None, 1.0, np.zeros((10, 64)), np.ones((1, 3)))
    with pytest.raises(ValueError, match=said):
        evaluation.score(judge, pictures)


def test_asking_for_too_few_or_too_many_digits_names_both_ends():
    for count in (9, 10**8):
        with pytest.raises(ValueError, match="from 10, one of each digit, to 10000000"):
            evaluation.class_agreement(None, ASKED, count)


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--epochs=2.5", "argument --epochs: '2.5' is no whole number"),
        ("--noise-std=0,5", "argument --noise-std: '0,5' is no number"),
    ],
)
def test_what_is_no_number_is_told_without_names_of_types(option, said, capsys):
    with pytest.raises(SystemExit):
        main(["settings", option])
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("row", ["1,x,3,4,5,6", "1,1", "1,1,2,3,4,5,6,7"])
def test_a_table_that_holds_no_numbers_is_named(row, tmp_path):
    table = tmp_path / "history.csv"
    table.write_text(",".join(runs.COLUMNS) + "\n" + row + "\n")
    with pytest.raises(ValueError, match=r"history\.csv is no table of numbers"):
        runs.read_history(tmp_path)


def test_a_folder_instead_of_a_robot_leads_to_its_file(complaint, tmp_path):
    said = complaint("draw", f"--model={tmp_path}", "--out=x.png")
    assert f"{tmp_path} is a folder; name the file in it" in said
