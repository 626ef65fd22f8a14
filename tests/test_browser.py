"""What people see: JupyterLab, voila and the website, in a real browser.

Chromium is driven by Playwright. `make test` installs it where Debian's packages are;
elsewhere any Chromium or Chrome on the path will do. Screenshots go to
build/screenshots, from where `make screenshots` takes those of the lessons.
"""

import json
import subprocess
import sys
from contextlib import contextmanager

import course
import nbformat
import numpy as np
import pytest
from hand import (
    BAR,
    SEVEN,
    canvas_of,
    draw_with_finger,
    draw_with_mouse,
    ink_of,
    looks_like,
    resting_box,
)
from patience import PATIENCE, until
from shots import SHOTS, matches_the_lessons
from site_load import answers, free_port, start_site

from mnistgan.widgets.strokes import make_stroke


@pytest.fixture(scope="module", autouse=True)
def no_runs(tmp_path_factory):
    """Nobody has trained a robot yet: everything shows the one of the course."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MNISTGAN_RUNS", str(tmp_path_factory.mktemp("runs")))
        yield


def open_page(browser, address, width=1100, height=800, heard=None, **screen):
    """Opens a page; `heard` is told every address that it asks for."""
    page = browser.new_page(viewport={"width": width, "height": height}, **screen)
    if heard:
        page.on("request", lambda request: heard(request.url))
    page.set_default_timeout(1000 * PATIENCE)  # milliseconds
    page.goto(address)
    return page


@contextmanager
def serving(command, port, health):
    """A server that answers at an address, until the block ends."""
    log = SHOTS / f"{port}.log"
    with open(log, "w") as lines:
        server = subprocess.Popen(command, stdout=lines, stderr=subprocess.STDOUT)
    try:
        address = f"http://127.0.0.1:{port}"
        until(lambda: answers(address + health) or server.poll() is not None)
        assert server.poll() is None, log.read_text()
        yield address
    finally:
        server.terminate()
        server.wait(PATIENCE)


@pytest.fixture(scope="module")
def explorers(tmp_path_factory):
    """A folder with the code of notebook 06 as far as its first explorer.

    Without the prose it fits on one screen: JupyterLab does not draw what is off it.
    """
    folder = tmp_path_factory.mktemp("lab")
    notebook = nbformat.read(
        course.ROOT / "notebooks" / "06_explore_the_noise.ipynb", as_version=4
    )
    sources = [cell.source for cell in notebook.cells]
    last = next(n for n, source in enumerate(sources) if source.endswith("r.box"))
    notebook.cells = [c for c in notebook.cells[: last + 1] if c.cell_type == "code"]
    nbformat.write(notebook, folder / "explore.ipynb")
    return folder


@pytest.fixture
def no_news(tmp_path, monkeypatch):
    """JupyterLab does not ask about news; its question would hide the sliders."""
    file = tmp_path / "@jupyterlab/apputils-extension/notification.jupyterlab-settings"
    file.parent.mkdir(parents=True)
    file.write_text('{"fetchNews": "false"}')
    monkeypatch.setenv("JUPYTERLAB_SETTINGS_DIR", str(tmp_path))
    monkeypatch.setenv("JUPYTERLAB_WORKSPACES_DIR", str(tmp_path / "workspaces"))


def drag_first_slider(page):
    """Drags the first slider of a notebook; returns the picture before and after."""
    picture = page.locator("img.mnistgan-picture").first
    picture.wait_for()
    handle = page.locator(".noUi-handle").first
    picture.scroll_into_view_if_needed()
    box = resting_box(handle)
    before = picture.get_attribute("src")
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    for step in range(8):
        page.mouse.move(x + 6 * step, y)
    page.mouse.up()
    page.wait_for_function(
        "old => document.querySelector('img.mnistgan-picture').src !== old", arg=before
    )
    return before, picture.get_attribute("src")


@contextmanager
def jupyterlab(browser, folder, name):
    """A notebook in JupyterLab, whose kernel is there."""
    port = free_port()
    command = [sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root"]
    command += [f"--port={port}", f"--ServerApp.root_dir={folder}"]
    command += ["--IdentityProvider.token=", "--expose-app-in-browser"]
    command += ["--ServerApp.disable_check_xsrf=True"]
    with serving(command, port, "/api") as site:
        page = open_page(browser, f"{site}/lab/tree/{name}", height=1300)
        wait_for_kernel(page)
        yield page
        page.close()


def wait_for_kernel(page):
    page.locator(".jp-Notebook").wait_for()
    page.wait_for_function("window.jupyterapp !== undefined")
    page.get_by_text("| Idle").first.wait_for()


def run_all(page):
    page.evaluate("void window.jupyterapp.commands.execute('notebook:run-all-cells')")


def test_sliders_are_alive_in_jupyterlab(browser, explorers, no_news):
    with jupyterlab(browser, explorers, "explore.ipynb") as page:
        run_all(page)
        before, after = drag_first_slider(page)
        assert before != after
        cell = page.locator(".jp-Notebook .jp-Cell").last
        matches_the_lessons("lab", cell, cell)


TRAINING = """\
from mnistgan.settings import choose_settings
from mnistgan.training import train

run = train(choose_settings("quick", epochs=100), "run")
"""


PYTHON = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}


def one_cell(browser, folder, source):
    """A notebook of one cell in JupyterLab."""
    cells = [nbformat.v4.new_code_cell(source)]
    notebook = nbformat.v4.new_notebook(cells=cells, metadata=PYTHON)
    nbformat.write(notebook, folder / "one_cell.ipynb")
    return jupyterlab(browser, folder, "one_cell.ipynb")


def test_training_can_be_watched_in_jupyterlab_and_stopped(browser, tmp_path, no_news):
    with one_cell(browser, tmp_path, TRAINING) as page:
        picture, saved = (
            page.locator("img.mnistgan-live"),
            tmp_path / "run" / "grid.png",
        )
        stop = page.get_by_role("button", name="stop and save")

        def watch(times):
            shown = ""
            for _ in range(times):
                page.wait_for_function(
                    "old => { const i = document.querySelector('img.mnistgan-live');"
                    " return i && i.src !== old; }",
                    arg=shown,
                )
                shown = picture.get_attribute("src")

        run_all(page)
        watch(6)
        assert page.locator("svg polyline").count() == 2
        assert page.locator("meter").count() == 2
        page.locator(".jp-Notebook .jp-Cell").last.screenshot(path=SHOTS / "live.png")
        stop.click()
        page.get_by_text("Stopped and saved after step").wait_for()
        assert not picture.count()
        assert page.locator(".jp-OutputArea img").count() == 1  # a still
        page.screenshot(path=SHOTS / "live_end.png")

        before = saved.stat().st_mtime_ns
        run_all(page)
        watch(2)
        page.evaluate("window.jupyterapp.commands.execute('docmanager:save')")
        page.reload()  # the kernel is busy, and cannot answer before the end
        page.locator(".jp-Notebook").wait_for()
        assert saved.stat().st_mtime_ns == before
        kernels = page.url.partition("/lab/")[0] + "/api/kernels"
        number = page.request.get(kernels).json()[0]["id"]
        assert page.request.post(f"{kernels}/{number}/interrupt").ok
        until(lambda: saved.stat().st_mtime_ns > before)
        watch(1)


PLAYGROUND = """\
from mnistgan.widgets.playground import Playground

playground = Playground("ring")
playground.play(200)
playground.box
"""
ROUND = (
    "Number(document.querySelector('.jp-Notebook').innerText.match(/round (\\d+)/)[1])"
)


def test_the_game_on_points_is_played_by_keyboard(browser, tmp_path, no_news):
    with one_cell(browser, tmp_path, PLAYGROUND) as page:
        run_all(page)
        picture = page.locator("img.mnistgan-playground")
        picture.wait_for()
        page.get_by_text("round 200").wait_for()
        cell = page.locator(".jp-Notebook .jp-Cell").last
        page.wait_for_timeout(1000)
        matches_the_lessons("playground", cell, cell)
        before = picture.get_attribute("src")
        page.get_by_role("button", name="detective learns").press("Enter")
        page.wait_for_function(
            "old => document.querySelector('img.mnistgan-playground').src !== old",
            arg=before,
        )
        assert page.evaluate(ROUND) == 200  # the artist has rested
        page.get_by_role("button", name="one round").press("Enter")
        page.get_by_text("round 201").wait_for()
        play = page.locator(".jupyter-widgets-play button, .widget-play button").first
        play.press("Enter")
        page.wait_for_function(f"{ROUND} > 230")
        play.press("Enter")
        until(lambda: page.evaluate(PAUSED))
        page.get_by_role("button", name="start again").press("Enter")
        page.get_by_text("round 0").wait_for()
        page.get_by_role("button", name="one round").press("Enter")
        page.get_by_text("round 1").wait_for()
        page.locator(".jp-OutputArea select").select_option("draw it yourself")
        page.locator(".mnistgan-canvas").wait_for()
        draw_with_mouse(page, SEVEN)
        page.get_by_role("button", name="play with it").click()
        page.get_by_text("round 0").wait_for()  # with other points


PAUSED = f"""async () => {{
    const before = {ROUND};
    await new Promise(done => setTimeout(done, 2000));
    return {ROUND} === before;
}}"""


CANVAS = """\
import json
from pathlib import Path

from mnistgan.sampling import PRETRAINED, load_generator
from mnistgan.widgets.canvas import DrawingCanvas

def tell(change):
    Path("half.json").write_text(json.dumps(change["new"]))
    Path("half.json").replace("strokes.json")  # the test may look at any moment

canvas = DrawingCanvas(load_generator(PRETRAINED))
canvas.pad.observe(tell, "strokes")
canvas.box
"""


def test_a_digit_is_drawn_in_jupyterlab(browser, tmp_path, no_news):
    file = tmp_path / "strokes.json"

    def arrived(*drawn):
        """Whether Python has what was drawn, and the browser shows the same."""
        found = json.loads(file.read_text()) if file.exists() else []
        if [one["width"] for one in found] != [one["width"] for one in drawn]:
            return False
        for one, other in zip(found, drawn, strict=True):
            ends = np.array(one["points"])[[0, -1]], np.array(other["points"])[[0, -1]]
            assert np.allclose(*ends, atol=0.02)
        return looks_like(page, *drawn) and looks_like(page, *found)

    seven, bar = make_stroke(SEVEN), make_stroke(BAR, "thin")
    with one_cell(browser, tmp_path, CANVAS) as page:
        run_all(page)
        page.locator(".mnistgan-canvas").wait_for()
        page.wait_for_timeout(1000)
        thin, thick, undo = (
            page.get_by_role("button", name=name) for name in ("thin", "thick", "undo")
        )
        assert thick.get_attribute("aria-pressed") == "true" and undo.is_disabled()
        draw_with_mouse(page, SEVEN)
        until(lambda: arrived(seven))
        thin.click()
        assert thin.get_attribute("aria-pressed") == "true"
        assert thick.get_attribute("aria-pressed") == "false"
        draw_with_mouse(page, BAR)
        until(lambda: arrived(seven, bar))
        undo.click()
        until(lambda: arrived(seven))
        page.get_by_role("button", name="copy me").click()
        page.locator("img.mnistgan-copied").wait_for()
        page.screenshot(path=SHOTS / "canvas.png")

        page.evaluate("window.jupyterapp.commands.execute('docmanager:save')")
        page.reload()  # the kernel remembers
        wait_for_kernel(page)
        until(lambda: page.locator(".mnistgan-canvas").count() and arrived(seven))
        page.get_by_role("button", name="clear").click()
        until(lambda: arrived() and not ink_of(page).any())

        canvas_of(page).focus()  # by keyboard: a 1, from top to bottom
        for key in ["ArrowUp"] * 9 + [" "] + ["ArrowDown"] * 18 + [" "]:
            page.keyboard.press(key)
        until(lambda: arrived(make_stroke([(0.5, 5 / 28), (0.5, 23 / 28)])))
        page.get_by_text("or click squares").click()
        page.locator("button.widget-toggle-button").first.press("Enter")


QUIZ = """\
from mnistgan.sampling import PRETRAINED, load_generator
from mnistgan.widgets.quiz import Quiz

quiz = Quiz(load_generator(PRETRAINED))
quiz.box
"""


def test_the_quiz_is_played_by_keyboard(browser, tmp_path, no_news):
    with one_cell(browser, tmp_path, QUIZ) as page:
        run_all(page)
        for number in range(1, 21):
            page.get_by_text(f"Picture {number} of 20").wait_for()
            page.get_by_role("button", name="real").press("Enter")
        page.get_by_text("A coin would get about 10").wait_for()
        page.locator("img").nth(1).wait_for()
        cell = page.locator(".jp-Notebook .jp-Cell").last
        page.wait_for_timeout(1000)
        matches_the_lessons("quiz", cell, cell)


def test_the_page_of_make_explore_is_alive(browser):
    port = free_port()
    command = [sys.executable, "-m", "mnistgan", "explore"]
    command += ["--no-browser", f"--port={port}"]
    # Not the page: each visit of it, even one that is given up, starts a kernel.
    with serving(command, port, "/voila/static/voila.js"):
        page = open_page(browser, f"http://127.0.0.1:{port}/", height=2000)
        before, after = drag_first_slider(page)
        assert before != after
        draw_with_mouse(page, SEVEN)
        until(lambda: looks_like(page, make_stroke(SEVEN)))
        page.get_by_role("button", name="copy me").click()
        page.locator("img.mnistgan-copied").wait_for()
        page.screenshot(path=SHOTS / "voila.png")
        page.close()


@pytest.fixture(scope="module")
def site():
    port = free_port()
    server = start_site(port)
    yield f"http://127.0.0.1:{port}"
    server.terminate()
    server.wait(PATIENCE)


@pytest.mark.parametrize(
    "name, width, height", [("site", 1000, 1030), ("site_phone", 390, 1500)]
)
def test_the_website_draws_on_a_desk_and_on_a_phone(browser, site, name, width, height):
    page = open_page(browser, site, width, height)
    picture = page.locator('[data-testid="stImage"] img').first
    picture.wait_for()
    before = picture.get_attribute("src")
    page.get_by_role("slider", name="knob 1").focus()  # as a screen reader finds it
    for _ in range(12):
        page.keyboard.press("ArrowRight")  # by keyboard alone
    page.wait_for_function(
        "old => document.querySelector('[data-testid=stImage] img').src !== old",
        arg=before,
    )
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= width, f"the page is {wide} pixels wide on a screen of {width}"
    page.locator("h1").scroll_into_view_if_needed()
    page.wait_for_timeout(500)
    matches_the_lessons(name, page.locator("[data-testid=stMain]"), page)
    page.close()


def test_on_a_phone_the_picture_stays_in_view(browser, site):
    page = open_page(browser, site, 390, 600)
    page.get_by_role("slider", name="knob 3").scroll_into_view_if_needed()
    picture = page.locator('[data-testid="stImage"] img').first
    page.mouse.move(200, 300)

    def scrolled_to_the_last_knob():
        page.mouse.wheel(0, 50)
        box = page.get_by_role("slider", name="knob 6").bounding_box()
        return box and box["y"] < 500

    until(scrolled_to_the_last_knob)
    place = picture.bounding_box()
    page.screenshot(path=SHOTS / "site_scrolled.png")
    page.close()
    assert place["y"] >= 0 and place["y"] + place["height"] <= 400


def test_a_digit_is_drawn_with_a_finger_on_a_phone(browser, site):
    page = open_page(
        browser, site, 390, 844, has_touch=True, is_mobile=True, device_scale_factor=3
    )
    # Buttons get a click: on a busy machine a tap lasts too long to press anything.
    page.get_by_text("Copy my digit").click()
    page.locator(".mnistgan-canvas").wait_for()
    before = resting_box(canvas_of(page))
    draw_with_finger(page, SEVEN)
    page.get_by_text("What I saw").wait_for()
    assert canvas_of(page).bounding_box() == before  # the page has not scrolled
    until(lambda: looks_like(page, make_stroke(SEVEN)))
    page.get_by_role("button", name="thin").click()
    draw_with_finger(page, BAR)
    until(lambda: looks_like(page, make_stroke(SEVEN), make_stroke(BAR, "thin")))
    page.get_by_role("button", name="undo").click()
    until(lambda: looks_like(page, make_stroke(SEVEN)))
    copy = page.get_by_role("button", name="Copy it")
    copy.click()
    page.get_by_text("My copy").wait_for()
    assert looks_like(page, make_stroke(SEVEN))  # after all those answers
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 390, f"the page is {wide} pixels wide on a phone"
    page.screenshot(path=SHOTS / "site_canvas.png")
    page.get_by_role("button", name="clear").click()
    page.get_by_text("What I saw").wait_for(state="hidden")
    assert not ink_of(page).any()
    page.close()


def test_a_visitor_takes_the_robot_home(browser, site, tmp_path):
    page = open_page(browser, site)
    with page.expect_download() as download:
        page.get_by_role("button", name="Take this robot home").click()
    download.value.save_as(tmp_path / "robot.html")
    page.goto((tmp_path / "robot.html").as_uri())
    page.get_by_role("button", name="Surprise me").click()
    assert page.get_by_role("slider").count() == 6
    page.close()


def test_the_website_speaks_to_nobody_else(browser, site):
    asked = []
    page = open_page(browser, site, heard=asked.append)
    page.locator('[data-testid="stImage"] img').first.wait_for()
    page.close()
    strangers = [u for u in asked if not u.startswith((site, "data:", "blob:"))]
    assert not strangers
