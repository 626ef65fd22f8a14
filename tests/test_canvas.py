"""The drawing board, without a browser."""

import io
import sys
from datetime import datetime, timezone

import numpy as np
import phone
import pytest
from PIL import Image

from mnistgan import data, latent, photos, plots
from mnistgan.sampling import PRETRAINED, draw, load_generator, make_noise
from mnistgan.widgets import strokes
from mnistgan.widgets.canvas import DrawingCanvas

SEVEN = [(0.25, 0.2), (0.75, 0.2), (0.4, 0.85)]


@pytest.fixture(scope="module")
def generator():
    return load_generator(PRETRAINED)


@pytest.fixture
def canvas(generator, monkeypatch):
    """A board whose robot searches for a moment only."""
    search = latent.find_noise
    monkeypatch.setattr(latent, "find_noise", lambda *a: search(*a, steps=1))
    return DrawingCanvas(generator)


def put(canvas, content):
    """Uploads a file, as a browser would."""
    now = datetime.now(timezone.utc)
    file = {"name": "photo", "type": "", "size": len(content), "last_modified": now}
    canvas.upload.value = ({**file, "content": memoryview(content)},)


def shown(frame):
    return frame.layout.display != "none" and bool(frame.value)


def said(canvas):
    return "".join(part.get("text", "") for part in canvas._output.outputs)


@pytest.fixture(scope="module")
def photo():
    images, _ = data.load_mnist("test[:3]")
    return phone.photo_of(images[..., 0], 0, "shadow 45%")


def test_the_board_gives_what_was_clicked():
    canvas = DrawingCanvas()
    with pytest.raises(ValueError, match="empty"):
        canvas.picture()
    for row in range(2, 12):
        canvas.squares[row * canvas.SIZE + 5].value = True
    picture = canvas.picture()
    assert latent.measure(picture[None])["height"] > 40
    canvas.clear.click()
    with pytest.raises(ValueError, match="empty"):
        canvas.picture()


def test_the_robot_copies_what_was_uploaded(generator):
    canvas = DrawingCanvas(generator)
    canvas.copy.click()  # nothing to copy yet: a sentence, and no picture
    assert not canvas.copied.value and canvas.noise is None
    file = io.BytesIO()
    Image.fromarray(draw(generator, make_noise(generator, 1, 3))[0, ..., 0]).save(
        file, "PNG"
    )
    put(canvas, file.getvalue())
    canvas.copy.click()
    copied = np.array(Image.open(io.BytesIO(canvas.copied.value)).resize((64, 64)))
    wanted = canvas.picture()[..., 0].astype(int)
    assert np.sqrt(((copied - wanted) ** 2).mean()) < 60
    canvas.clear.click()
    assert not canvas.upload.value


def test_an_upload_is_shown_at_once_as_the_program_sees_it(canvas, photo):
    assert not shown(canvas.seen) and not shown(canvas.copied)
    put(canvas, photo)
    assert shown(canvas.seen) and not shown(canvas.copied)
    assert canvas.seen.value == plots.to_png(canvas.picture())


def test_clear_takes_everything_back(canvas, photo):
    put(canvas, photo)
    canvas.copy.click()
    assert shown(canvas.copied) and canvas.noise.shape == (32,)
    canvas.clear.click()
    assert not shown(canvas.seen) and not shown(canvas.copied)
    assert canvas.noise is None and not canvas.upload.value
    with pytest.raises(ValueError, match="looks empty"):
        canvas.picture()


def test_another_picture_takes_the_old_copy_away(canvas, photo):
    for square in canvas.squares[30:160:14]:
        square.value = True
    canvas.copy.click()
    drawn = canvas.seen.value
    assert shown(canvas.seen) and shown(canvas.copied)
    put(canvas, photo)
    assert not shown(canvas.copied) and canvas.noise is None
    assert shown(canvas.seen) and canvas.seen.value != drawn


def test_a_bad_file_gets_a_sentence_without_an_address(canvas):
    put(canvas, b"no picture")
    assert "not a picture that can be read" in said(canvas)
    assert " at 0x" not in said(canvas) and not shown(canvas.seen)


def test_paper_without_a_digit_is_shown_beside_the_sentence(canvas):
    blank = phone.take_photo(np.zeros((28, 28), np.uint8), "vignette", seed=0)
    put(canvas, phone.to_jpeg(blank))
    assert "looks empty" in said(canvas) and shown(canvas.seen)
    canvas.copy.click()
    assert not shown(canvas.copied)


def difference(one, two):
    """How different two pictures are, in grey levels."""
    return np.sqrt(((one.astype(float) - two) ** 2).mean())


def empty(canvas):
    with pytest.raises(ValueError, match="looks empty"):
        canvas.picture()
    return True


@pytest.fixture
def no_anywidget(monkeypatch):
    """A notebook that lacks what the canvas needs, as Colab may."""
    monkeypatch.setitem(sys.modules, "anywidget", None)
    monkeypatch.delitem(sys.modules, "mnistgan.widgets.pad", raising=False)


def test_a_stroke_is_where_and_as_wide_as_it_was_drawn():
    for width, share in strokes.WIDTHS.items():
        painted = strokes.paint(
            [strokes.make_stroke([(0.25, 0.5), (0.75, 0.5)], width)]
        )
        assert painted.shape == (320, 320) and painted.dtype == np.uint8
        rows, columns = np.nonzero(painted > 127)
        assert rows.mean() == pytest.approx(159.5, abs=1)
        assert columns.mean() == pytest.approx(159.5, abs=1)
        assert np.ptp(rows) == pytest.approx(256 * share, abs=2)
        assert np.ptp(columns) == pytest.approx(256 * (0.5 + share), abs=2)
        assert not painted[rows.min(), columns.min()]  # ends are round


def test_a_dot_is_seen_and_so_is_a_stroke_along_the_rim():
    dot = strokes.paint([strokes.make_stroke([(0.5, 0.5)])])
    assert dot.sum() / 255 == pytest.approx(np.pi * (256 * 0.045) ** 2, rel=0.05)
    rim = strokes.make_stroke([(0, 0), (1, 0), (1, 1), (0, 1), (0, 0)])
    zero = photos.prepare_drawing(strokes.paint([rim]))
    assert not zero[28:36, 28:36].any() and zero[6:12, 28:36].any()


@pytest.mark.parametrize("width", strokes.WIDTHS)
def test_what_is_drawn_goes_the_way_of_a_photo(width):
    """The 7 stays a 7: its bar on top, nothing below it on the left, its foot."""
    canvas = DrawingCanvas()
    canvas.stroke(SEVEN, width)
    seven = canvas.picture()
    assert np.array_equal(
        seven, photos.prepare_drawing(strokes.paint(canvas.pad.strokes))
    )
    rows, columns = np.nonzero(seven[..., 0] > 127)
    top = columns[rows < rows.min() + 4]
    foot = columns[rows > rows.max() - 4]
    assert np.ptp(rows) == pytest.approx(46, abs=2)  # 20/28 of the side
    assert np.ptp(top) > 25 and np.ptp(foot) < 14 and foot.max() < top.mean() + 5
    assert not seven[rows.min() + 20 :, : columns.min() + 5].any()


def test_undo_and_clear_take_strokes_away():
    canvas = DrawingCanvas()
    canvas.stroke(SEVEN)
    plain = canvas.picture()
    canvas.stroke([(0.35, 0.5), (0.65, 0.5)], "thin")
    assert difference(canvas.picture(), plain) > 10
    canvas.pad.strokes = canvas.pad.strokes[:-1]  # as the browser's undo does
    assert np.array_equal(canvas.picture(), plain)
    canvas.clear.click()
    assert canvas.pad.strokes == [] and empty(canvas)


def test_what_was_changed_last_counts(photo):
    canvas = DrawingCanvas()
    put(canvas, photo)
    uploaded = canvas.picture()
    canvas.stroke(SEVEN)
    drawn = canvas.picture()
    assert difference(drawn, uploaded) > 10 and not shown(canvas.seen)
    for square in canvas.squares[19:180:14]:
        square.value = True
    clicked = canvas.picture()
    assert difference(clicked, drawn) > 10
    put(canvas, photo + b" ")
    assert np.array_equal(canvas.picture(), uploaded)
    canvas.stroke([(0.3, 0.5), (0.7, 0.5)])
    canvas.pad.strokes = []  # nothing is left of it: what was there before counts again
    assert np.array_equal(canvas.picture(), uploaded)
    canvas.clear.click()
    assert empty(canvas)


def test_another_stroke_takes_the_old_copy_away(canvas):
    canvas.stroke(SEVEN)
    canvas.copy.click()
    assert shown(canvas.seen) and shown(canvas.copied)
    assert canvas.seen.value == plots.to_png(canvas.picture())
    canvas.stroke([(0.35, 0.5), (0.65, 0.5)])
    assert not shown(canvas.seen) and not shown(canvas.copied) and canvas.noise is None


NONSENSE = {
    "text": "a poem",
    "a number": 7,
    "no stroke": [7],
    "no points": [{"width": 0.1}],
    "no point": [{"width": 0.1, "points": []}],
    "a flat list": [{"width": 0.1, "points": [0.1, 0.2]}],
    "ragged": [{"width": 0.1, "points": [[0.1, 0.2], [0.3]]}],
    "far away": [{"width": 0.1, "points": [[0.5, 70]]}],
    "not a number": [{"width": 0.1, "points": [[0.5, float("nan")]]}],
    "words": [{"width": "wide", "points": [[0.5, 0.5]]}],
    "too wide": [{"width": 9, "points": [[0.5, 0.5]]}],
    "huge": [{"width": 10**400, "points": [[0.5, 0.5]]}],
    "a mapping": {"width": 0.1, "points": [[0.5, 0.5]]},
}


@pytest.mark.parametrize("sent", NONSENSE.values(), ids=NONSENSE)
def test_nonsense_from_a_browser_gets_a_sentence(generator, sent):
    canvas = DrawingCanvas(generator)
    canvas.pad.strokes = sent
    canvas.copy.click()
    assert "these are no strokes" in said(canvas) and not shown(canvas.copied)


def test_a_million_points_get_a_sentence():
    many = [{"width": 0.1, "points": [[0.5, 0.5]] * 1000}] * 1000
    with pytest.raises(ValueError, match="1,000,000 points, and at most 20,000"):
        strokes.paint(many)


def test_a_stroke_in_code_is_checked():
    with pytest.raises(ValueError, match="'fat'; it must be one of thin, thick"):
        DrawingCanvas().stroke(SEVEN, "fat")
    with pytest.raises(ValueError, match="points lie between 0 and 1"):
        DrawingCanvas().stroke([(10, 20), (30, 40)])


@pytest.mark.usefixtures("no_anywidget")
def test_without_anywidget_the_squares_stand_alone(generator):
    canvas = DrawingCanvas(generator)
    assert canvas.pad is None and empty(canvas)
    board = canvas.box.children[0]
    assert board.children[0].children == tuple(canvas.squares)
    canvas.squares[20].value = True
    canvas.clear.click()
    canvas.stroke(SEVEN)
    assert 15 < sum(square.value for square in canvas.squares) < 60
    with_squares = canvas.picture()
    drawn = photos.prepare_drawing(strokes.paint([strokes.make_stroke(SEVEN)]))
    assert difference(with_squares, drawn) < 60


def test_the_squares_are_kept_below_the_canvas():
    canvas = DrawingCanvas()
    folded = canvas.box.children[1]
    assert folded.selected_index is None  # closed, and opened by keyboard
    assert folded.children[0].children == tuple(canvas.squares)


@pytest.mark.parametrize("place", ["notebook", "site"])
def test_the_script_is_one_module_that_asks_nobody(place):
    script = strokes.read_script(place)
    assert (
        script.count("export default") == 1 and script.count("function openCanvas") == 1
    )
    assert "import " not in script and "http" not in script
    assert "http" not in strokes.read_style()
