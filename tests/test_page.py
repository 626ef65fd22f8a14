"""A robot's page, in a real browser, from a file, without a network."""

import json
from functools import partial

import keras
import numpy as np
import pytest
from keras import layers
from patience import PATIENCE, until
from PIL import Image
from shots import SHOTS, matches_the_lessons

from mnistgan import __main__, data, latent, models, sampling
from mnistgan.engine import model_io, runs
from mnistgan.projects import conditional, faces, flow, music
from mnistgan.settings import choose_settings
from mnistgan.site import page as page_module
from mnistgan.site import share
from mnistgan.widgets import questions

SMALL = {"noise_dim": 8, "width": 4}
ROBOTS = {
    "digits": partial(models.build_generator, **SMALL),
    "no hidden layers": partial(models.build_generator, **SMALL, hidden=0),
    "faces": partial(models.build_generator, **SMALL, channels=3),
    "conditional": partial(conditional.build_conditional_generator, **SMALL),
    "music": partial(music.build_roll_generator, **SMALL),
    "flow": lambda: build_flow(),
}


def practised(generator, seed=0):
    """A robot whose weights and memories are those of nobody's start."""
    chance = np.random.default_rng(seed)
    for layer in generator.layers:
        if isinstance(layer, keras.Model):
            practised(layer, seed)
        elif isinstance(layer, layers.BatchNormalization):
            for weight in layer.weights:
                weight.assign(chance.uniform(0.5, 1.5, weight.shape))
        else:
            for weight in layer.weights:
                weight.assign(chance.normal(0, 0.1, weight.shape))
    return generator


def build_flow():
    """A small robot that walks, and looks several times."""
    return flow.build_flow_generator(flow.build_velocity(4), steps=2)


@pytest.fixture(autouse=True)
def nothing_saved(tmp_path, monkeypatch):
    """Knobs that notebook 06 has named would be on the page, too."""
    monkeypatch.setenv("MNISTGAN_RUNS", str(tmp_path / "runs"))


@pytest.fixture(scope="module")
def offline(browser):
    """A browser without a network; complaints of its pages are collected."""
    context = browser.new_context(viewport={"width": 820, "height": 900}, offline=True)
    context.set_default_timeout(1000 * PATIENCE)
    context.complaints = []
    context.on("console", lambda message: context.complaints.append(message.text))

    def complain(error):
        context.complaints.append(str(error.error))
        print(error.error.stack)
        error.page.close()  # whoever waits for something on it fails at once

    context.on("weberror", complain)
    yield context
    context.close()


def open_robot(offline, folder, generator, robot=None):
    """Writes a robot's page, and opens the file."""
    file = folder / "robot.html"
    model = folder / "generator.keras"
    if generator is not None:
        model_io.save_model(generator, model)
    robot = robot or share.open_robot(model, sampling.load_generator(model))
    share.write_page(robot, file)
    page = offline.new_page()
    page.goto(file.as_uri())
    page.locator("#surprise").wait_for()
    return page


def drawn_by(page, generator, noise):
    """What the page's code draws from noise, 0 to 255, not rounded; all classes."""
    labels = sampling.one_hot_labels(generator, len(noise))
    asked = noise if labels is None else np.concatenate([noise, labels], axis=1)
    code = "rows => rows.map(row => Array.from(draw(robot.layers, row)))"
    pictures = np.array(page.evaluate(code, asked.tolist()))
    return 127.5 * (pictures.reshape(-1, *generator.output_shape[1:]) + 1)


@pytest.mark.parametrize("name", ROBOTS)
def test_the_page_draws_what_keras_draws(offline, name, tmp_path):
    generator = practised(ROBOTS[name]())
    page = open_robot(offline, tmp_path, generator)
    noise = sampling.make_noise(generator, 6, seed=1).numpy()
    wanted = sampling.draw(generator, noise).astype(float)
    found = drawn_by(page, generator, noise)
    page.close()
    assert wanted.std() > 5, "a picture of one grey would prove nothing"
    assert np.abs(found - wanted).max() < 2
    assert not offline.complaints


def test_the_robot_of_the_course_fits_into_two_megabytes(offline, tmp_path):
    generator = sampling.load_generator(sampling.PRETRAINED)
    robot = share.open_robot(sampling.PRETRAINED, generator)
    page = open_robot(offline, tmp_path, None, robot)
    assert (tmp_path / "robot.html").stat().st_size < 2e6
    noise = sampling.make_noise(generator, 64, seed=1).numpy()
    wanted = sampling.draw(generator, noise).astype(float)
    assert np.abs(drawn_by(page, generator, noise) - wanted).max() < 2
    page.get_by_text("About this robot").click()
    assert "CC BY-SA" in page.locator("dl").inner_text()
    milliseconds = """() => Math.min(...Array.from({length: 20}, () => {
            const start = performance.now();
            draw(robot.layers, numbersOf(now));
            return performance.now() - start;
        }))"""
    until(lambda: page.evaluate(milliseconds) < 50)
    page.get_by_role("button", name="Sixteen more").click()
    matches_the_lessons("page", page.locator("body"), page)
    page.close()
    assert not offline.complaints


def test_knobs_undo_and_all_the_buttons(offline, tmp_path):
    generator = practised(models.build_generator(**SMALL))
    model = tmp_path / "generator.keras"
    model_io.save_model(generator, model)
    found = latent.find_directions(generator, 3).rename(knob_2="slant </script>")
    found.save(latent.directions_file(model))
    page = open_robot(offline, tmp_path, None, None)
    shown = partial(page.evaluate, "canvas.toDataURL()")
    first = shown()
    assert page.get_by_role("slider").count() == 3
    page.get_by_role("slider", name="slant </script>").focus()
    page.keyboard.press("ArrowRight")
    second = shown()
    assert second != first
    page.get_by_role("button", name="Undo").click()
    assert shown() == first and page.locator("#undo[aria-disabled=true]").count()
    page.get_by_role("button", name="Surprise me").click()
    assert shown() not in (first, second)
    page.get_by_role("slider", name="knob 1").focus()
    page.keyboard.press("End")
    assert page.evaluate("now.turns[0]") == 3
    page.get_by_role("button", name="All knobs to the middle").click()
    assert page.evaluate("now.turns") == [0, 0, 0]
    page.get_by_role("button", name="Sixteen more").click()
    fifth = page.get_by_role("button", name="Take drawing 5", exact=True)
    fifth.click()
    before = shown()
    page.get_by_role("button", name="Morph").click()
    page.wait_for_function("old => canvas.toDataURL() !== old", arg=before)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download it (PNG)").click()
    assert download.value.path().read_bytes().startswith(b"\x89PNG")
    page.close()
    assert not offline.complaints


def test_whoever_can_be_asked_has_a_button_for_each_digit(offline, tmp_path):
    generator = practised(conditional.build_conditional_generator(**SMALL))
    page = open_robot(offline, tmp_path, generator)
    page.get_by_role("button", name="7", exact=True).click()
    assert page.evaluate("numbersOf(now).slice(-10)") == [*[0] * 7, 1, 0, 0]
    pressed = page.locator("#classes [aria-pressed=true]")
    assert pressed.inner_text() == "7"
    page.close()


@pytest.fixture
def quiz(offline):
    """The page of the robot of the course, where the quiz has been opened."""

    def open_quiz(folder):
        generator = sampling.load_generator(sampling.PRETRAINED)
        robot = share.open_robot(sampling.PRETRAINED, generator)
        page = open_robot(offline, folder, None, robot)
        page.get_by_text("Real or drawn?").click()
        page.get_by_text("Picture 1 of 20").wait_for()
        return page

    return open_quiz


def test_a_quiz_shows_twenty_pictures_and_a_score(quiz, offline, tmp_path):
    page = quiz(tmp_path)
    shown = set()
    for number in range(20):
        page.get_by_text(f"Picture {number + 1} of 20").wait_for()
        shown.add(page.evaluate("document.querySelector('#quiz > canvas').toDataURL()"))
        real = page.evaluate("quiz.real[quiz.answers.length]") != (number < 3)
        page.get_by_role("button", name="Real" if real else "Drawn").press("Enter")
    assert len(shown) == 20
    found = questions.score_answers(np.where(np.arange(20) < 3, -1, 1), np.ones(20) > 0)
    words = page.locator("#score").inner_text()
    assert words.startswith("17 of 20 right. Over many games, the average may be ")
    assert f"{found.low:.0f} to {found.high:.0f}, so that was more than luck" in words
    assert "A coin would get about 10." in words
    assert page.locator("#mistakes canvas").count() == 3
    page.screenshot(path=SHOTS / "page_quiz.png", full_page=True)
    page.get_by_role("button", name="New pictures").click()
    assert "Picture 1 of 20" in page.locator("#score").inner_text()
    page.close()
    assert not offline.complaints


def test_the_real_digits_of_a_quiz_are_test_digits(quiz, tmp_path):
    page = quiz(tmp_path)
    sheet = Image.open(page_module.HERE / "digits.png")
    digits = [
        np.array(sheet.crop((28 * x, 28 * y, 28 * x + 28, 28 * y + 28)))
        for y in range(6)
        for x in range(10)
    ]
    known = {image.tobytes() for image in data.load_mnist("test")[0]}
    assert len({x.tobytes() for x in digits} & known) == 60
    shown = np.array(page.evaluate("Array.from(realDigit(23))")).reshape(64, 64, 1)
    wanted = data.prepare_image(digits[23][..., None]).numpy()
    assert np.abs(shown - wanted).max() < 0.02
    page.close()


def test_a_robot_of_faces_asks_no_quiz(offline, tmp_path):
    page = open_robot(offline, tmp_path, practised(ROBOTS["faces"]()))
    assert page.locator("#quiz").is_hidden()
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_the_picture_stays_in_view(browser, scheme, tmp_path):
    share.write_page(
        share.open_robot(
            sampling.PRETRAINED, sampling.load_generator(sampling.PRETRAINED)
        ),
        tmp_path / "robot.html",
    )
    page = browser.new_page(viewport={"width": 390, "height": 480}, color_scheme=scheme)
    page.set_default_timeout(1000 * PATIENCE)
    page.goto((tmp_path / "robot.html").as_uri())
    last = page.get_by_role("slider").last
    last.scroll_into_view_if_needed()

    def scrolled():
        page.mouse.wheel(0, 150)
        return page.evaluate("scrollY > 100")

    until(scrolled)
    box = page.locator("#picture canvas").bounding_box()
    assert box["y"] >= 0 and box["y"] + box["height"] <= 480
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.screenshot(path=SHOTS / f"page_phone_{scheme}.png")
    page.close()


def test_without_code_there_are_sixteen_drawings(browser, tmp_path):
    generator = sampling.load_generator(sampling.PRETRAINED)
    robot = share.open_robot(sampling.PRETRAINED, generator)
    share.write_page(robot, tmp_path / "robot.html")
    page = browser.new_page(java_script_enabled=False)
    page.set_default_timeout(1000 * PATIENCE)
    page.goto((tmp_path / "robot.html").as_uri())
    picture = page.get_by_alt_text("Sixteen drawings by the robot")
    assert picture.bounding_box()["width"] > 200
    assert not page.locator("main").is_visible()
    assert not page.locator("#quiz").is_visible()  # nobody could answer
    page.close()


def test_a_layer_that_the_page_does_not_know_is_named(tmp_path, complaint):
    noise = keras.Input((4,))
    x = layers.Reshape((64, 64, 1))(layers.Dense(4096)(noise))
    curved = keras.Model(noise, layers.Activation("sigmoid", name="curve")(x))
    both = [layers.Dense(4096)(noise) for _ in range(2)]
    x = layers.Maximum(name="larger")(both)
    forked = keras.Model(noise, layers.Reshape((64, 64, 1))(x))
    for robot, words in (curved, "the layer curve"), (forked, "the layer larger"):
        model_io.save_model(robot, tmp_path / "robot.keras")
        out = tmp_path / "robot.html"
        said = complaint("page", f"--model={tmp_path / 'robot.keras'}", f"--out={out}")
        assert words in said and "export" in said and not out.exists()


def test_a_page_ends_in_html(robot, tmp_path, complaint):
    assert "must end in .html" in complaint("page", robot, f"--out={tmp_path / 'x'}")


@pytest.fixture
def trained(tmp_path):
    """The folder of a run of faces that has been judged, and its robot."""
    folder = tmp_path / "run"
    folder.mkdir()
    model_io.save_model(
        models.build_generator(**SMALL, channels=3), folder / "generator.keras"
    )
    runs.write_settings(folder, choose_settings("smoke", "faces"))
    (folder / "progress.gif").write_bytes(b"GIF89a")
    return folder


def test_a_shared_folder_has_all_that_a_stranger_needs(trained, tmp_path, capsys):
    out = tmp_path / "shared"
    model = f"--model={trained / 'generator.keras'}"
    for _ in range(2):  # once more is no harm
        assert __main__.main(["share", model, f"--out={out}"]) == 0
    made = {path.name for path in out.iterdir()}
    assert made == {*share.MADE} - {"scores.json", runs.OWN_PICTURES}
    card = (out / "README.md").read_text("utf-8")
    assert card.startswith("---\n") and "\nlicense: mit\n" in card
    assert faces.PROJECT.credit in card and faces.PROJECT.limits in card
    assert "preset smoke" in card
    code = card.split("```python\n")[1].split("```")[0]
    place = {}
    exec(code.replace('"generator.keras"', repr(str(out / "generator.keras"))), place)
    assert place["pictures"].shape == (16, 64, 64, 3)
    assert "Lisa Wischofsky" in (out / "index.html").read_text("utf-8")


def test_the_card_of_a_robot_that_can_be_asked_works_too(tmp_path):
    model = tmp_path / "generator.keras"
    model_io.save_model(conditional.build_conditional_generator(**SMALL), model)
    model.with_suffix(".json").write_text(
        json.dumps({"rows": {"drawn": {"recall": 0.5, "frechet": 2.0}}})
    )
    robot = share.open_robot(model, sampling.load_generator(model))
    made = share.share(robot, tmp_path / "shared")
    assert "scores.json" in made and "progress.gif" not in made
    card = (tmp_path / "shared" / "README.md").read_text("utf-8")
    assert "recall (at most 1) 0.500" in card and "metrics: [recall]" in card
    code = card.split("```python\n")[1].split("```")[0]
    place = {}
    exec(code.replace('"generator.keras"', repr(str(model))), place)
    assert place["pictures"].shape == (16, 64, 64, 1)


def test_a_folder_with_other_files_is_left_alone(robot, tmp_path, complaint):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "diary.txt").write_text("dear diary")
    said = complaint("share", robot, f"--out={tmp_path / 'mine'}")
    assert "diary.txt" in said and "new folder" in said
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["diary.txt"]


def test_what_is_known_of_a_robot_is_known_of_this_one(trained):
    """Neither another's scores, nor MNIST where the pictures were the user's own."""
    generator = models.build_generator(**SMALL, channels=3)
    (trained / "scores.csv").write_text(
        "step,minutes,confident,frechet,coverage,classes\n"
        "1,1,0.5,3.0,0.5,9\n2,2,0.5,4.0,nan,9\n"
    )
    known = {
        name: share.open_robot(trained / f"{name}.keras", generator).scores
        for name in ("best", "generator", "other")
    }
    assert known["best"]["frechet"] == 3 and known["generator"]["frechet"] == 4
    assert "coverage" not in known["generator"] and not known["other"]
    (trained / runs.OWN_PICTURES).write_text("0123")
    robot = share.open_robot(trained / "generator.keras", generator)
    assert share.list_facts(robot)["Licence"] == "ask whoever trained it"
    assert "license:" not in share.write_card(robot)


@pytest.mark.parametrize("note", ["null", "[]", '{"rows": []}', "no JSON"])
def test_notes_that_make_no_sense_are_left_out(note, tmp_path):
    (tmp_path / "generator.json").write_text(note)
    assert share.read_judged(tmp_path / "generator.keras") == {}


def test_a_hidden_file_does_not_hinder(robot, tmp_path):
    out = tmp_path / "shared"
    (out / ".git").mkdir(parents=True)
    assert __main__.main(["share", robot, f"--out={out}"]) == 0
    assert (out / ".git").exists() and (out / "index.html").exists()


def test_broken_weights_are_named(tmp_path, complaint):
    generator = models.build_generator(**SMALL)
    generator.layers[-3].bias.assign([np.nan])
    model_io.save_model(generator, tmp_path / "robot.keras")
    model, out = f"--model={tmp_path / 'robot.keras'}", f"--out={tmp_path / 'x.html'}"
    assert "train the robot again" in complaint("page", model, out)
