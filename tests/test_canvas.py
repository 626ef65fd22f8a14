"""The drawing board, without a browser."""

import io
from datetime import datetime, timezone

import numpy as np
import phone
import pytest
from PIL import Image

from mnistgan import data, latent, plots
from mnistgan.sampling import PRETRAINED, draw, load_generator, make_noise
from mnistgan.widgets.canvas import DrawingCanvas


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
