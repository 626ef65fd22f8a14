"""The drawing board, without a browser."""

import io
from datetime import datetime, timezone

import numpy as np
import pytest
from PIL import Image

from mnistgan import latent
from mnistgan.sampling import PRETRAINED, draw, load_generator, make_noise
from mnistgan.widgets.canvas import DrawingCanvas


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


def test_the_robot_copies_what_was_uploaded():
    generator = load_generator(PRETRAINED)
    canvas = DrawingCanvas(generator)
    canvas.copy.click()  # nothing to copy yet: a sentence, and no picture
    assert not canvas.copied.value and canvas.noise is None
    file = io.BytesIO()
    Image.fromarray(draw(generator, make_noise(generator, 1, 3))[0, ..., 0]).save(
        file, "PNG"
    )
    canvas.upload.value = [
        {
            "name": "digit.png",
            "type": "image/png",
            "size": file.tell(),
            "content": memoryview(file.getvalue()),
            "last_modified": datetime.now(timezone.utc),
        }
    ]
    canvas.copy.click()
    copied = np.array(Image.open(io.BytesIO(canvas.copied.value)).resize((64, 64)))
    wanted = canvas.picture()[..., 0].astype(int)
    assert np.sqrt(((copied - wanted) ** 2).mean()) < 60
    canvas.clear.click()
    assert not canvas.upload.value
