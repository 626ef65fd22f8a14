"""The website, without a browser."""

import asyncio
import io
import os
import re
import shutil
import statistics
import threading

import numpy as np
import phone
import pytest
import streamlit as st
from patience import PATIENCE, until
from PIL import Image
from site_load import APP, crowd, free_port, start_site
from streamlit.testing.v1 import AppTest
from test_training import SMALL

from mnistgan import data, latent, training
from mnistgan.engine.runs import write_settings
from mnistgan.models import build_generator
from mnistgan.projects import conditional
from mnistgan.sampling import PRETRAINED
from mnistgan.settings import choose_settings
from mnistgan.site import studio
from mnistgan.widgets import questions, strokes


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:  # nobody has named its knobs
        patch.setenv("MNISTGAN_RUNS", str(tmp_path_factory.mktemp("runs")))
        return studio.Studio(PRETRAINED)


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """An empty folder for runs: the site knows only the robot of the course."""
    monkeypatch.setenv("MNISTGAN_RUNS", str(tmp_path))
    return tmp_path


def visit():
    return AppTest.from_file(str(APP), default_timeout=PATIENCE).run()


def test_only_finished_runs_can_be_chosen(runs):
    (runs / "broken").mkdir()
    (runs / "broken" / "generator.keras").write_text("no model")
    assert studio.models() == {studio.COURSE: PRETRAINED}


def test_pictures_and_films_are_what_they_say(room):
    digit = Image.open(io.BytesIO(room.picture(room.noise(4, 1))))
    assert digit.format == "PNG" and digit.size == (320, 320)
    strip, film = (Image.open(io.BytesIO(raw)) for raw in room.morph(1, 2))
    assert film.format == "GIF" and film.n_frames == 22 and strip.format == "PNG"
    many = Image.open(io.BytesIO(room.grid(0, 32)))
    assert many.width > 8 * 64


@pytest.mark.parametrize("count", [0, 65, 10**9])
def test_nobody_can_ask_for_too_much(room, count):
    with pytest.raises(ValueError, match="choose 1 to 64"):
        room.draw(np.broadcast_to(np.float32(0), (count, room.noise_dim)))


@pytest.mark.parametrize("own", [True, False])
def test_saved_names_of_knobs_are_used(runs, room, own):
    model = runs / "generator.keras" if own else PRETRAINED
    if own:
        model.write_bytes(PRETRAINED.read_bytes())
    before, file = studio.identity(model), latent.directions_file(model)
    assert file.parent == runs  # never in the package itself
    room.directions.rename(knob_1="slant").save(file)
    assert studio.Studio(model).directions.names[0] == "slant"
    assert studio.identity(model) != before  # so that the site loads it again
    os.utime(file, (0, 0))  # a date says nothing: the clock was set, or it is a copy
    assert studio.Studio(model).directions.names[0] == "slant"


def test_visitors_at_the_same_time_get_their_own_digits(room):
    alone = [room.picture(room.noise(seed, 1)) for seed in range(16)]
    found = [b""] * 16

    def draw(seed):
        for _ in range(5):
            found[seed] = room.picture(room.noise(seed, 1))

    threads = [threading.Thread(target=draw, args=[seed]) for seed in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == alone


def test_every_page_works(runs):
    app = visit()
    assert not app.exception and len(app.slider) == 6
    app.slider[0].set_value(2.0).run()
    app.button[0].click().run()
    assert not app.exception
    for name in ("Many pictures", "Morph", "Copy my digit", "Real or drawn?"):
        app.radio[0].set_value(name).run()
        assert not app.exception, name


def test_runs_are_compared_when_there_are_some(runs):
    assert len(visit().expander) == 1
    training.train(SMALL, runs / "mine")
    app = visit()
    assert app.expander[1].label.startswith("Runs")
    app.toggle[0].set_value(True).run()
    assert not app.exception and not app.error
    assert len(captions(app)) == 2
    shutil.rmtree(runs / "mine" / "checkpoints")
    st.cache_data.clear()
    app.run()
    assert "no run that was saved" in app.error[0].value


@pytest.fixture
def quick_search(monkeypatch):
    """The robot searches for a moment only."""
    search = latent.find_noise
    monkeypatch.setattr(latent, "find_noise", lambda *a: search(*a, steps=1))


def bring_photo(photo, name="digit.jpg"):
    """A visitor who uploads a photo."""
    app = visit()
    app.radio[0].set_value("Copy my digit").run()
    app.radio[1].set_value("Upload a photo").run()
    app.file_uploader[0].upload(name, photo, "image/jpeg").run()
    assert not app.exception
    return app


def captions(app):
    """What stands below the pictures of the page."""
    images = app.get("image") or app.get("imgs")  # new or older Streamlit
    return [i.caption for group in images for i in group.proto.imgs]


def test_a_photo_is_seen_and_copied(runs, quick_search):
    images, _ = data.load_mnist("test[:3]")
    app = bring_photo(phone.photo_of(images[..., 0], 0, "shadow 45%"))
    assert captions(app) == ["What I saw", "My copy"] and not app.error


def test_a_photo_without_a_digit_is_shown_with_a_sentence(runs):
    blank = phone.take_photo(np.zeros((28, 28), np.uint8), "vignette", seed=0)
    app = bring_photo(phone.to_jpeg(blank))
    assert "looks empty" in app.error[0].value and captions(app) == ["What I saw"]
    app = bring_photo(b"no picture")
    assert "not a picture" in app.error[0].value and not captions(app)
    assert " at 0x" not in app.error[0].value


def draw_on_canvas(app, drawn):
    """What the browser does after each stroke."""
    app.session_state["canvas"] = {"strokes": drawn}
    app.run()
    assert not app.exception


SEVEN = [strokes.make_stroke([(0.25, 0.2), (0.75, 0.2), (0.4, 0.85)])]


def test_a_drawing_is_seen_at_once_and_copied_when_asked(runs, quick_search):
    app = visit()
    app.radio[0].set_value("Copy my digit").run()
    assert not captions(app) and app.button[0].disabled  # an empty canvas
    draw_on_canvas(app, SEVEN)
    assert captions(app) == ["What I saw"] and not app.error
    press(app, "Copy it")
    assert captions(app) == ["What I saw", "My copy"] and not app.error
    app.radio[0].set_value("Morph").run()
    app.radio[0].set_value("Copy my digit").run()  # the drawing is still there
    assert captions(app) == ["What I saw", "My copy"]
    bar = strokes.make_stroke([(0.35, 0.5), (0.65, 0.5)], "thin")
    draw_on_canvas(app, [*SEVEN, bar])
    assert captions(app) == ["What I saw"]  # the copy was of another drawing
    draw_on_canvas(app, [])
    assert not captions(app) and not app.error


@pytest.mark.parametrize(
    "sent", ["a poem", [7], [{"width": 1, "points": []}], {"a": 1}]
)
def test_nonsense_from_a_browser_gets_a_sentence(runs, sent):
    app = visit()
    app.radio[0].set_value("Copy my digit").run()
    draw_on_canvas(app, sent)
    assert "these are no strokes" in app.error[0].value and not captions(app)


def test_a_photo_can_be_taken_with_the_camera(runs):
    app = visit()
    app.radio[0].set_value("Copy my digit").run()
    app.radio[1].set_value("Take a photo").run()
    assert not app.exception and len(app.camera_input) == 1


@pytest.mark.parametrize(
    "robot, words",
    [
        (conditional.build_conditional_generator(8, 10, 2), "what it is asked for"),
        (build_generator(8, 2, 3), "in colour"),
    ],
)
def test_a_robot_that_cannot_search_says_so(runs, monkeypatch, robot, words):
    file = runs / "robot.keras"
    robot.save(file)
    monkeypatch.setattr(studio, "models", lambda: {"mine": file})
    app = visit()
    app.radio[0].set_value("Copy my digit").run()
    assert not app.exception and words in app.info[0].value
    with pytest.raises(ValueError, match=words):
        studio.Studio(file).copy(np.zeros((64, 64, 1), np.uint8))


def press(app, label):
    next(button for button in app.button if button.label == label).click().run()
    assert not app.exception


def test_a_quiz_is_played_to_its_end(runs):
    (runs / "mine").mkdir()
    training.train(SMALL, runs / "mine")
    app = visit()
    app.radio[0].set_value("Real or drawn?").run()
    for number in range(20):
        assert f"Picture {number + 1} of 20" in app.markdown[0].value
        press(app, "Real")
    words = app.markdown[0].value
    assert "You: " in words and "The detective: " in words
    assert "A coin would get about 10" in words and "The judge" not in words
    press(app, "New pictures")
    assert "Picture 1 of 20" in app.markdown[0].value


def test_a_quiz_needs_real_digits(runs, monkeypatch):
    def no_digits(*_, **__):
        raise OSError(f"{runs} cannot be read")

    monkeypatch.setattr(questions, "make_questions", no_digits)
    app = visit()
    app.radio[0].set_value("Real or drawn?").run()
    assert not app.exception
    assert app.info[0].value == "The real digits are not on this machine."


def test_another_robot_is_another_quiz(runs, monkeypatch):
    """Else the answers to one robot's drawings would count for the other's."""
    known = {"one": PRETRAINED, "two": runs / "two.keras"}
    shutil.copy(PRETRAINED, known["two"])
    monkeypatch.setattr(studio, "models", lambda: known)
    app = visit()
    app.radio[0].set_value("Real or drawn?").run()
    for _ in range(3):
        press(app, "Real")
    assert "Picture 4 of 20" in app.markdown[0].value
    app.selectbox[0].set_value("two").run()
    assert "Picture 1 of 20" in app.markdown[0].value


@pytest.mark.parametrize("project, channels", [("digits", 1), ("faces", 3)])
def test_only_robots_of_digits_tell_of_a_game_for_digits(
    runs, monkeypatch, project, channels
):
    file = runs / "robot.keras"
    build_generator(8, 2, channels).save(file)
    write_settings(runs, choose_settings("quick", project=project))
    monkeypatch.setattr(studio, "models", lambda: {"mine": file})
    words = " ".join(part.value for part in visit().markdown)
    assert ("60,000 real digits" in words) == (project == "digits")
    assert ("Lisa Wischofsky" in words) == (project == "faces")


def test_a_photo_of_a_phone_is_small_enough():
    settings = (APP.with_name(".streamlit") / "config.toml").read_text()
    assert int(re.search(r"maxUploadSize = (\d+)", settings)[1]) >= 12


def test_a_quiz_needs_a_robot_that_draws_digits(runs, monkeypatch):
    file = runs / "robot.keras"
    build_generator(8, 2, 3).save(file)
    monkeypatch.setattr(studio, "models", lambda: {"mine": file})
    app = visit()
    app.radio[0].set_value("Real or drawn?").run()
    assert not app.exception and "draws no digits" in app.info[0].value


def test_all_knobs_go_back_to_the_middle(runs):
    app = visit()
    app.slider[2].set_value(-1.5).run()
    button = next(b for b in app.button if b.label == "All knobs to the middle")
    button.click().run()
    assert [bar.value for bar in app.slider] == [0.0] * 6


def test_a_broken_model_gives_a_sentence(runs, monkeypatch):
    broken = runs / "broken.keras"
    broken.write_text("no model")
    monkeypatch.setattr(studio, "models", lambda: {"mine": broken})
    app = visit()
    assert not app.exception
    assert "is not a readable .keras model" in app.error[0].value
    assert str(runs) not in app.error[0].value


def test_a_crowd_does_not_wait_long(runs):
    port = free_port()
    server = start_site(port, MNISTGAN_RUNS=str(runs))
    try:
        asyncio.run(crowd(port, visitors=1, seconds=0))  # wakes the robot up

        def waited_little():
            waits, errors = asyncio.run(crowd(port, visitors=8, seconds=6, leave=0.1))
            assert not errors
            # In seconds; twice the promise. And everybody must have had a turn.
            return len(waits) > 8 and statistics.median(waits) < 0.6

        until(waited_little)
    finally:
        server.terminate()
        server.wait(PATIENCE)
