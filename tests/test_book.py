"""The web book: all that a reader finds in it without running anything."""

import html.parser
import os
import re
from urllib.parse import unquote, urldefrag

import book
import course
import executed
import nbformat
import pytest
from patience import PATIENCE
from shots import SHOTS

SHORT = sorted((course.ROOT / "notebooks").glob("0[056]_*.ipynb"))


@pytest.fixture(scope="module")
def site():
    """The book, with three notebooks that were run, or as many as were."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MNISTGAN_PRESET", os.environ.get("MNISTGAN_PRESET", "smoke"))
        book.run_notebooks(SHORT)
        yield book.build().parent


class Page(html.parser.HTMLParser):
    """What a page holds: its anchors, its links, and what it fetches by itself."""

    def __init__(self, path):
        super().__init__()
        self.anchors, self.links, self.fetched = set(), set(), set()
        self.feed(path.read_text())

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.anchors.update(found[name] for name in ("id", "name") if found.get(name))
        if tag == "a" and "href" in found:
            self.links.add(found["href"])
        elif address := found.get("src") or (tag == "link" and found.get("href")):
            self.fetched.add(address)


@pytest.fixture(scope="module")
def pages(site):
    return {path: Page(path) for path in site.rglob("*.html")}


def test_every_page_of_the_course_is_there(site):
    for page in book.pages():
        made = (site / page).with_suffix(".html")
        assert made.exists(), f"{page} is no page of the book"


@pytest.mark.parametrize("path", SHORT, ids=lambda path: path.stem)
def test_what_was_drawn_is_there(site, path):
    cells = executed.executed(path).cells
    drawn = [cell for cell in cells if "plots.show(" in cell.source]
    for cell in drawn:
        assert any("image/png" in one.get("data", {}) for one in cell.outputs), cell
    assert drawn


def test_every_link_leads_somewhere(pages):
    for path, page in pages.items():
        for link in page.links:
            if re.match(r"https?:|mailto:", link):
                continue
            file, anchor = urldefrag(link)
            target = (path.parent / unquote(file)).resolve() if file else path
            assert target.exists(), f"{path.name} links to {link}"
            if anchor and target in pages:
                assert unquote(anchor) in pages[target].anchors, f"{path.name}: {link}"


def test_nothing_comes_from_another_host(pages):
    for path, page in pages.items():
        for address in page.fetched:
            if not address.startswith(("data:", "#")):
                assert "//" not in address, f"{path.name} fetches {address}"
                file = (path.parent / unquote(address).split("?")[0]).resolve()
                assert file.exists(), f"{path.name} shows {address}"


def test_notebooks_stand_there_with_what_they_showed(site):
    for path in SHORT:
        shown = (site / "notebooks" / path.with_suffix(".html").name).read_text()
        assert shown.count('<div class="cell_output') > 5
        assert "<img" in shown.partition('<div class="cell_output')[2]
    explorer = (site / "notebooks/06_explore_the_noise.html").read_text()
    assert explorer.count('type="range"') >= 6 and "../robot.html" in explorer
    assert "jupyter.widget" not in explorer


def test_solutions_are_folded(site):
    for path in (site / "notebooks/solutions").glob("*.html"):
        text = path.read_text()
        code = text.count('<div class="cell_input')
        assert code and text.count("<details") >= code, path.name


def test_the_glossary_holds_all_words_to_know(site):
    text = (site / "glossary.html").read_text()
    words = [word for word, _, _ in book.words_to_know()]
    assert len(words) > 60
    assert all(f"<strong>{word}</strong>" in text for word in words)


def visit(browser, page, width=1200, scheme="light"):
    """Opens a page from the disk; returns it, and what went wrong meanwhile."""
    window = browser.new_page(
        viewport={"width": width, "height": 900}, color_scheme=scheme
    )
    trouble = []
    window.on("console", lambda m: m.type == "error" and trouble.append(m.text))
    window.on("pageerror", lambda error: trouble.append(str(error)))
    window.on(
        "request",
        lambda r: (
            r.url.startswith(("file:", "data:", "blob:")) or trouble.append(r.url)
        ),
    )
    window.set_default_timeout(PATIENCE * 1000)
    window.goto(page.as_uri())
    return window, trouble


@pytest.mark.parametrize("width, scheme", [(1200, "light"), (390, "dark")])
@pytest.mark.parametrize(
    "page", ["index", "lessons/05_draw_new_numbers", "notebooks/06_explore_the_noise"]
)
def test_pages_look_right(browser, site, page, width, scheme):
    window, trouble = visit(browser, site / f"{page}.html", width, scheme)
    wide = window.evaluate("document.documentElement.scrollWidth")
    window.screenshot(path=SHOTS / f"book_{page.split('/')[-1]}_{width}.png")
    window.close()
    assert not trouble
    assert wide <= width


def test_the_first_page_holds_a_robot_that_draws(browser, site):
    window, trouble = visit(browser, site / "index.html")
    robot = window.frame_locator("iframe")
    robot.get_by_role("button", name="Undo").is_disabled()
    before = robot.locator("canvas").first.evaluate("c => c.toDataURL()")
    robot.get_by_role("button", name="Surprise me").click()
    window.wait_for_timeout(500)
    after = robot.locator("canvas").first.evaluate("c => c.toDataURL()")
    window.close()
    assert before != after
    assert not trouble


def test_search_finds_a_word_from_the_disk(browser, site):
    window, _ = visit(browser, site / "index.html")  # excerpts come from servers only
    window.get_by_placeholder("Search").fill("slerp")
    window.keyboard.press("Enter")
    window.locator("ul.search a[href*='05_draw_new_numbers']").first.wait_for()
    window.close()


def widget(kind, **state):
    return {"_model_name": f"{kind}Model", **state}


def test_a_still_shows_what_the_widget_showed_and_hides_what_it_hid():
    widgets = {
        "hidden": {"display": "none"},
        "slider": widget(
            "FloatSlider", description="slant", min=-3, max=3, step=0.1, value=1.5
        ),
        "bar": widget("FloatProgress", value=3, max=3, layout="IPY_MODEL_hidden"),
        "words": widget("Label", value="a < b"),
        "rate": widget(
            "FloatLogSlider", description="rate", min=-4, max=-1, base=10.0, value=0.01
        ),
        "turns": widget(
            "IntSlider", description="turns", min=1, max=5, step=1, value=2
        ),
        "shape": widget("Dropdown", _options_labels=["ring", "moons"], index=1),
        "slow": widget("ToggleButton", description="slow motion", value=False),
        "play": widget("Play", value=0),
        "canvas": widget(
            "Any", strokes=[{"width": 0.09, "points": [[0.5, 0.1], [0.5, 0.9]]}]
        ),
        "square": widget("ToggleButton", description="", value=True),
        "folded": widget(
            "Accordion", titles=["or click squares"], children=["IPY_MODEL_square"]
        ),
    }
    inside = [f"IPY_MODEL_{name}" for name in widgets]
    widgets["box"] = widget("VBox", children=inside)
    shown = executed.draw_widget("IPY_MODEL_box", widgets)
    assert "slant" in shown and "1.50" in shown and "a &lt; b" in shown
    assert 'value="-2.00"> 0.0100' in shown and 'value="2"> 2<' in shown
    assert "<b>moons</b>" in shown and "▶" in shown
    assert "<button disabled>slow motion</button>" in shown
    assert '<polyline points="0.5,0.1 0.5,0.9" stroke-width="0.09"/>' in shown
    assert "<summary>or click squares</summary><span" in shown
    assert "progress" not in shown
    assert executed.draw_widget("IPY_MODEL_bar", widgets) == ""


def test_a_notebook_that_has_changed_is_not_shown_as_it_was(tmp_path, monkeypatch):
    monkeypatch.setattr(executed, "ROOT", tmp_path)
    path = tmp_path / "notebooks" / "00_short.ipynb"
    path.parent.mkdir()
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1")])
    nbformat.write(notebook, path)
    assert executed.executed(path) is None
    notebook.metadata["executed"] = executed.digest(path)
    kept = executed.folder() / "notebooks" / path.name
    kept.parent.mkdir(parents=True)
    nbformat.write(notebook, kept)
    assert executed.executed(path)
    nbformat.write(nbformat.v4.new_notebook(), path)
    assert executed.executed(path) is None
