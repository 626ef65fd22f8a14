"""The passport: a stamp for each check that passed, and the picture of them all."""

import datetime
import html
import json
import os
import re
import subprocess
import sys

import course
import IPython
import numpy as np
import pytest
from PIL import Image

from mnistgan import checks, evaluation, sampling
from mnistgan.__main__ import main
from mnistgan.engine import files, model_io
from mnistgan.models import build_discriminator, build_generator
from mnistgan.widgets import passport, stamps
from mnistgan.widgets.passport_picture import draw_passport
from mnistgan.widgets.sheet import BOLD, Style, width_of, wrap
from mnistgan.widgets.stamps import MAIN, PAGES

FIRST = "01_get_the_pictures_ready"
TODAY = datetime.date.today().isoformat()


@pytest.fixture(autouse=True)
def runs(tmp_path, monkeypatch):
    """An empty folder for runs, and no open page."""
    monkeypatch.setenv("MNISTGAN_RUNS", str(tmp_path / "runs"))
    monkeypatch.setattr(stamps, "_opened", "")
    return tmp_path / "runs"


def filled(pages, day="2026-01-02"):
    """All stamps of some pages."""
    return {page: dict.fromkeys(PAGES[page].stamps, day) for page in pages}


def test_without_an_open_page_nothing_is_kept(runs, capsys):
    checks.passed("album", "you have the album.")
    assert capsys.readouterr().out == "✔ Well done: you have the album.\n"
    assert not runs.exists() and stamps.load_stamps() == {}


def test_a_stamp_is_kept_once_with_its_first_day(runs):
    checks.open_passport(FIRST)
    checks.passed("album", "first")
    assert json.loads((runs / "passport.json").read_text()) == {FIRST: {"album": TODAY}}
    older = {FIRST: {"album": "2020-02-02"}}
    (runs / "passport.json").write_text(json.dumps(older))
    checks.passed("album", "again")
    assert stamps.load_stamps() == older
    checks.check(True, "good", "bad", "larger")
    checks.check(True, "good", "bad")
    checks.passed("an idea of your own", "which the passport does not know")
    assert list(stamps.load_stamps()[FIRST]) == ["album", "larger"]


def test_a_check_that_fails_leaves_no_stamp(runs):
    checks.open_passport("02_build_the_robots")
    with pytest.raises(AssertionError, match="Not yet"):
        checks.generator_works(build_discriminator(4) and build_generator(8, 2, 3))
    assert not runs.exists()
    checks.generator_works(build_generator(8, 2))
    assert list(stamps.load_stamps()["02_build_the_robots"]) == ["artist"]


def test_a_page_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="has no page '99_fly'; choose from 00_pick"):
        checks.open_passport("99_fly")


WORK = """
import sys
from mnistgan.widgets import stamps
print("ready", flush=True)
input()
for page in list(stamps.PAGES)[int(sys.argv[1]) :: 2]:
    stamps.open_page(page)
    for name in stamps.PAGES[page].stamps:
        stamps.add_stamp(name)
"""


def test_two_notebooks_at_once_lose_no_stamp():
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    python = [sys.executable, "-c", WORK]
    both = [subprocess.Popen([*python, which], **pipes) for which in "01"]
    for each in both:
        assert each.stdout.readline() == b"ready\n"
    for each in both:
        each.stdin.write(b"\n")
        each.stdin.flush()
    assert [each.wait() for each in both] == [0, 0]
    assert stamps.load_stamps() == filled(PAGES, TODAY)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"[" * 100_000,
        b"[1]",
        b'{"a": 3}',
        b'{"a": {"b": 3}}',
        b'{"a": {"b": "x"}}',
    ],
)
def test_a_damaged_passport_is_kept_aside_and_stops_nobody(content, runs, capsys):
    runs.mkdir()
    (runs / "passport.json").write_bytes(content)
    checks.open_passport(FIRST)
    checks.passed("album", "well")
    assert stamps.load_stamps() == {FIRST: {"album": TODAY}}
    assert (runs / "passport-1.json").read_bytes() == content
    said = capsys.readouterr().out
    assert "damaged, or no passport" in said and "kept as passport-1.json" in said
    (runs / "passport.json").write_bytes(content)
    assert stamps.load_stamps() == {}
    assert (runs / "passport-2.json").read_bytes() == content


def test_what_a_newer_course_has_stamped_stays(runs):
    runs.mkdir()
    newer = {FIRST: {"a new one": "2030-01-01"}, "20_fly": {"wings": "2030-01-01"}}
    (runs / "passport.json").write_text(json.dumps(newer))
    checks.open_passport(FIRST)
    checks.passed("album", "well")
    newer[FIRST]["album"] = TODAY
    assert stamps.load_stamps() == newer
    assert stamps.next_stamp(newer) == (FIRST, "larger")
    draw_passport(newer, None, "")


def test_where_nothing_can_be_kept_the_check_passes(runs, capsys):
    files.say_once.cache_clear()
    runs.write_text("a file in the way")
    checks.open_passport(FIRST)
    checks.passed("album", "well")
    checks.passed("larger", "well")
    said = capsys.readouterr().out
    assert said.count("Well done") == 2 and said.count("got no stamp") == 1
    assert "is a file, not a folder" in said


def test_a_passport_that_cannot_be_read_is_named(runs, complaint, tmp_path):
    (runs / "passport.json").mkdir(parents=True)
    said = complaint("passport", f"--out={tmp_path / 'x.png'}")
    assert "passport.json cannot be read" in said and "move it away" in said


def test_it_is_a_certificate_only_with_all_seven():
    kept = filled(MAIN)
    assert stamps.certificate_day(kept) == "2026-01-02"
    kept["03_teach_the_robots"]["losses"] = "2026-03-04"
    assert stamps.certificate_day(kept) == "2026-03-04"
    assert "certificate: notebooks 01 to 07" in stamps.tell_in_full(kept)[0]
    assert stamps.next_stamp(kept)[0] == "00_pick_a_project"
    for page in MAIN:
        less = {**kept, page: dict(list(kept[page].items())[1:])}
        assert not stamps.certificate_day(less)
        assert stamps.next_stamp(less) == (page, PAGES[page].stamps[0])
    assert not stamps.certificate_day(filled(set(PAGES) - {MAIN[0]}))


def test_the_words_say_what_is_there_and_what_comes_next():
    kept = {FIRST: {"album": TODAY}}
    first, *lines, last = stamps.tell_in_full(kept)
    wanted = sum(len(PAGES[page].stamps) for page in MAIN)
    assert first == f"Your passport, with 1 of {wanted} stamps of notebooks 01 to 07."
    assert last == "Next: “larger” in notebook 01 · Get the pictures ready"
    assert len(lines) == len(PAGES)
    assert lines[0].startswith("01 · Get the pictures ready: 1 of 6 stamps (album; to")
    assert stamps.tell_in_short(kept).count("stamps") == 2
    assert (
        stamps.tell_in_full(filled(PAGES))[-1] == "Every stamp of the course is there."
    )
    assert stamps.next_stamp({})[0] == "00_pick_a_project"


def pixels(kept, digits=None, **words):
    return np.asarray(draw_passport(kept, digits, "A caption.", **words), int)


def test_the_picture_changes_with_every_stamp_with_the_digits_and_the_name():
    empty, digits = pixels({}), np.full((16, 64, 64, 1), 99, np.uint8)
    height, width, _ = empty.shape
    assert width == 1800 and width < height < 1.5 * width
    for page in (*MAIN[:2], "00_pick_a_project", "13_many_machines"):
        for stamp in PAGES[page].stamps[-1:]:
            one = pixels({page: {stamp: TODAY}})
            assert (one != empty).any(), (page, stamp)
    assert (pixels({}, digits) != empty).any()
    certificate = pixels(filled(MAIN))
    assert (pixels(filled(MAIN), name="Ada") != certificate).any()


def test_the_picture_in_the_lesson_has_all_the_stamps():
    with Image.open(course.ROOT / "images" / "passport.png") as picture:
        words = picture.text["words"].splitlines()
    now = [", ".join((page, *known)) for page, (_, known) in PAGES.items()]
    assert words == now, "run `python images/make.py passport`"


def test_it_can_be_read_without_colours():
    """A stamp that is there is dark and full, one to come is an empty ring."""
    paper, full = (pixels(kept).mean(axis=2) for kept in ({}, filled(PAGES)))
    dark = [(picture < 110).sum() for picture in (paper, full)]
    assert dark[1] > 1.2 * dark[0]


def test_the_names_of_the_stamps_have_room():
    """Two lines below a stamp of the main path, one line beside a small one."""
    style = Style(10.5)
    for page, (title, names) in PAGES.items():
        wide, lines = (52, 2) if page in MAIN else (82, 1)
        assert len(set(names)) == len(names) <= 10
        assert width_of(title, Style(11.5, BOLD)) < 165
        for name in names:
            found = wrap(name, style, wide)
            assert len(found) <= lines, name
            assert max(width_of(line, style) for line in found) <= wide, name


@pytest.mark.parametrize("pages", [(), MAIN, PAGES])
def test_no_words_leave_the_sheet(pages):
    """Nor the box of the stamps: all around them, there is paper."""
    picture = pixels(filled(pages), name="Wolfeschlegelsteinhausenbergerdorff jun.")
    edges = picture[200:, :40], picture[200:, -40:], picture[-20:]
    assert all((edge == picture[-1, 0]).all() for edge in edges)
    assert (picture[:160, -40:] == picture[0, 0]).all(), "the name is too wide"


@pytest.mark.parametrize(
    "name, words", [("x" * 41, "has 41 letters"), ("艾达", "'艾达'"), ("a\x07b", "07")]
)
def test_a_name_that_cannot_be_drawn_is_refused(name, words, complaint):
    said = complaint("passport", f"--name={name}")
    assert words in said and ("it may have 40" in said or "or leave it out" in said)


def test_the_command_draws_and_says_it_in_words(runs, capsys, tmp_path):
    checks.open_passport(FIRST)
    checks.passed("album", "well")
    assert main(["passport", "--name", "Zoë Ωmega"]) == 0
    said = capsys.readouterr().out
    assert "Next: “larger”" in said and f"As a picture: {runs / 'passport.png'}" in said
    with Image.open(runs / "passport.png") as picture:
        assert picture.size[0] == 1800
    assert os.path.getsize(runs / "passport.png") < 200_000
    assert "Zo" not in (runs / "passport.json").read_text()
    assert main(["passport", f"--out={tmp_path / 'here.png'}"]) == 0
    assert (tmp_path / "here.png").read_bytes() != (runs / "passport.png").read_bytes()


def test_the_command_refuses_another_ending(complaint, tmp_path):
    assert "must end in .png" in complaint("passport", f"--out={tmp_path / 'x.gif'}")


def test_a_notebook_shows_it_with_words(monkeypatch):
    shown = []
    monkeypatch.setattr(IPython.display, "display", shown.append)
    checks.open_passport(FIRST)
    checks.passed("album", "well")
    passport.show()
    page = shown[0].data
    alt = html.unescape(re.search('alt="(.*?)"', page).group(1))
    assert alt == stamps.tell_in_short(stamps.load_stamps()) and "1 of 6" in alt
    assert "max-width: 100%" in page and 'src="data:image/png;base64,' in page


@pytest.fixture
def robot(tmp_path, monkeypatch):
    """A robot of one's own, and its folder."""
    model = tmp_path / "runs" / "mine" / "generator.keras"
    model.parent.mkdir(parents=True)
    model_io.save_model(build_generator(8, 2), model)
    monkeypatch.setattr(sampling, "best_model", lambda: model)
    return model


def test_only_a_robot_of_ones_own_hangs_up_its_digits(robot):
    digits, caption = passport.best_digits()
    generator = sampling.load_generator(robot)
    first = sampling.draw(generator, sampling.make_noise(generator, 200, seed=0))[:16]
    assert np.array_equal(digits, first) and "unpicked" in caption
    robot.write_bytes(b"damaged")
    digits, caption = passport.best_digits()
    assert digits is None and "cannot draw here" in caption


def test_without_one_the_frame_is_empty():
    assert sampling.best_model() == sampling.PRETRAINED
    digits, caption = passport.best_digits()
    assert digits is None and "Notebook 03" in caption


def test_the_detective_beside_the_robot_chooses(robot):
    detective = build_discriminator(2)
    model_io.save_model(detective, robot.with_name("discriminator.keras"))
    digits, caption = passport.best_digits()
    real = detective(digits / np.float32(127.5) - 1, training=False).numpy().ravel()
    assert "detective" in caption and (np.diff(real) <= 1e-5).all()


def test_a_judge_that_is_kept_chooses_and_none_is_trained(robot, runs, monkeypatch):
    network = evaluation.build_judge()
    monkeypatch.setattr(evaluation, "load_kept", lambda *_: network)
    monkeypatch.setattr(evaluation, "train_and_keep", None)
    digits, caption = passport.best_digits()
    assert digits.shape == (16, 64, 64, 1) and "the judge is surest" in caption


def test_the_surest_of_each_digit_comes_first():
    sure = [(3, 0.9), (3, 0.8), (3, 0.7), (5, 0.6), (5, 0.5), (7, 0.4)]
    probabilities = np.zeros((6, 10))
    for row, (digit, share) in zip(probabilities, sure, strict=True):
        row[digit] = share
    assert passport.surest(probabilities).tolist() == [0, 3, 5, 1, 4, 2]
