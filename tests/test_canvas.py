"""The drawing board, without a browser."""

import io
from datetime import datetime, timezone

import numpy as np
import pytest
from PIL import Image

from mnistgan import latent
from mnistgan.sampling import PRETRAINED, draw, load_generator, make_noise
from mnistgan.widgets.canvas import DrawingBoard


def test_the_board_gives_what_was_clicked():
    board = DrawingBoard()
    with pytest.raises(ValueError, match="empty"):
        board.picture()
    for row in range(2, 12):
        board.squares[row * board.SIZE + 5].value = True
    picture = board.picture()
    assert latent.measure(picture[None])["height"] > 40
    board.clear.click()
    with pytest.raises(ValueError, match="empty"):
        board.picture()


def test_the_robot_copies_what_was_uploaded():
    generator = load_generator(PRETRAINED)
    board = DrawingBoard(generator)
    board.copy.click()  # nothing to copy yet: a sentence, and no picture
    assert not board.copied.value and board.noise is None
    file = io.BytesIO()
    Image.fromarray(draw(generator, make_noise(generator, 1, 3))[0, ..., 0]).save(
        file, "PNG"
    )
    board.upload.value = [
        {
            "name": "digit.png",
            "type": "image/png",
            "size": file.tell(),
            "content": memoryview(file.getvalue()),
            "last_modified": datetime.now(timezone.utc),
        }
    ]
    board.copy.click()
    copied = np.array(Image.open(io.BytesIO(board.copied.value)).resize((64, 64)))
    wanted = board.picture()[..., 0].astype(int)
    assert np.sqrt(((copied - wanted) ** 2).mean()) < 60
    board.clear.click()
    assert not board.upload.value
