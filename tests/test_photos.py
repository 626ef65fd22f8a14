"""Photos of handwriting: what a phone sees becomes a digit like MNIST's.

The photos are made by `tests/benchmarks/phone.py` from real test digits, and the judge
reads what comes out. `tests/benchmarks/photos.py` is the long form, with 300 a kind.
"""

import io

import numpy as np
import phone
import pytest
import tensorflow as tf
from PIL import Image

from mnistgan import data, photos
from mnistgan.evaluation import load_judge, read
from mnistgan.latent import measure

DIGITS = 30  # of each kind


@pytest.fixture(scope="module")
def tests():
    """Real test digits `(300, 28, 28)`, uint8, and what they are."""
    images, labels = data.load_mnist("test[:300]")
    return images[..., 0], labels


@pytest.fixture(scope="module")
def share_read():
    """The share of prepared drawings that the judge reads as what they are."""
    network = load_judge().network

    def share(drawings, labels):
        known = read(network, np.stack(drawings))[1].argmax(axis=1)
        return np.mean(known == labels)

    return share


@pytest.mark.trained
@pytest.mark.parametrize("kind", [k for k in phone.KINDS if k != "12 megapixels"])
def test_nine_of_ten_photos_can_be_read(tests, share_read, kind):
    images, labels = tests
    files = [phone.photo_of(images, number, kind) for number in range(DIGITS)]
    drawings = [photos.prepare_drawing(file) for file in files]
    assert share_read(drawings, labels[:DIGITS]) >= 0.9


@pytest.mark.trained
def test_photos_of_12_and_48_megapixels_can_be_read(tests, share_read):
    images, labels = tests
    large = {"width": 8064, "shadow": 0.3}
    files = [phone.photo_of(images, n, "12 megapixels") for n in (0, 1, 2)]
    files.append(phone.photo_of(images, 3, large))
    drawings = [photos.prepare_drawing(file) for file in files]
    assert share_read(drawings, labels[:4]) == 1


def as_given(digit):
    """One digit, `(28, 28)`, uint8, in the ways in which people have it at hand."""
    share = digit / 255
    return {
        "uint8": digit,
        "0…1": share,
        "float32, 0…1": share.astype("float32"),
        "-1…1": 2 * share - 1,
        "0…255": digit.astype(float),
        "int64": digit.astype("int64"),
        "black and white": digit > 127,
        "a row": share.reshape(784),
        "a row of bytes": digit.reshape(1, 784),
        "from load_mnist": digit[..., np.newaxis],
        "a batch of one": digit[np.newaxis, ..., np.newaxis],
        "in colour": np.stack([digit] * 3, axis=-1),
        "a tensor": tf.constant(digit),
        "a list": digit.tolist(),
        "Pillow": Image.fromarray(digit),
        "bytes": png(Image.fromarray(digit)),
        "a file": io.BytesIO(png(Image.fromarray(digit))),
    }


@pytest.mark.trained
def test_clean_digits_are_read_however_they_are_given(tests, share_read):
    images, labels = tests
    ways = [as_given(digit) for digit in images[:200]]
    exact = [photos.prepare_drawing(way["uint8"]) for way in ways]
    assert share_read(exact, labels[:200]) >= 0.985
    for name in ways[0]:
        if name != "black and white":
            for way, wanted in zip(ways[:3], exact[:3], strict=True):
                drawn = photos.prepare_drawing(way[name])
                apart = np.abs(drawn.astype(int) - wanted)
                assert apart.max() <= 4, name
    bold = [photos.prepare_drawing(way["black and white"]) for way in ways[:50]]
    assert share_read(bold, labels[:50]) >= 0.9


@pytest.mark.parametrize(
    "numbers",
    [
        np.linspace(-0.3, 1, 784),
        np.linspace(0, 1.4, 784).reshape(28, 28),
        np.linspace(0, 900, 784).reshape(28, 28),
        np.eye(28, dtype="int64"),
        np.full((28, 28), np.nan),
        np.full((28, 28), np.inf),
        np.zeros((5, 28, 28)),
        np.zeros(300),
        np.zeros((28, 28), complex),
    ],
)
def test_an_array_that_could_mean_several_things_is_named(numbers):
    with pytest.raises(ValueError, match=f"it is {numbers.dtype.name} of shape"):
        photos.prepare_drawing(numbers)


@pytest.mark.parametrize(
    "kind", ["dark lines", "squared paper", "table's edge", "finger"]
)
def test_nothing_is_read_on_an_empty_sheet(kind):
    """What lies beside the paper, and what was printed on it, nobody wrote."""
    for seed in range(5):
        blank = phone.take_photo(np.zeros((28, 28), np.uint8), kind, seed)
        with pytest.raises(photos.NothingFoundError):
            photos.prepare_drawing(phone.to_jpeg(blank))


def test_what_was_seen_comes_with_the_sentence():
    blank = phone.take_photo(np.zeros((28, 28), np.uint8), "two lights", seed=0)
    with pytest.raises(photos.NothingFoundError, match="looks empty") as refused:
        photos.prepare_drawing(phone.to_jpeg(blank))
    assert refused.value.seen.shape == (240, 320)
    assert refused.value.seen.dtype == np.uint8 and refused.value.seen.max() < 60


def test_the_bar_of_a_5_belongs_to_it_and_a_neighbour_does_not():
    sheet = np.full((300, 400), 235, np.uint8)
    sheet[100:220, 100:112] = 40  # the digit, 120 rows high
    sheet[84:94, 120:170] = 40  # its bar, apart
    alone = photos.prepare_drawing(sheet)
    sheet[130:200, 260:272] = 40  # the next digit
    assert np.array_equal(photos.prepare_drawing(sheet), alone)
    assert (alone.max(axis=0) > 127).sum() > 20  # the bar is there


def test_a_heic_photo_is_named_and_what_to_do():
    raw = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(500)
    with pytest.raises(ValueError, match=r"HEIC photo.*JPEG.*Most Compatible"):
        photos.prepare_drawing(raw)


def test_no_address_of_an_object_is_told():
    for raw in (b"", b"no picture", b"\xff\xd8\xff" + bytes(40)):
        with pytest.raises(ValueError) as refused:
            photos.prepare_drawing(raw)
        assert " at 0x" not in str(refused.value)


def png(image, kind="PNG"):
    file = io.BytesIO()
    image.save(file, kind)
    return file.getvalue()


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "CMYK", "I;16", "1", "P"])
@pytest.mark.parametrize("dark_on_bright", [True, False])
def test_any_picture_of_a_digit_comes_out_like_mnist(mode, dark_on_bright):
    ink = np.zeros((200, 300), np.uint8)
    ink[20:120, 30:50] = 255
    image = Image.fromarray(255 - ink if dark_on_bright else ink)
    if mode == "I;16":
        image = Image.fromarray(np.array(image).astype(np.uint16) * 257)
    else:
        image = image.convert(mode)
    raw = png(image, "TIFF" if mode == "CMYK" else "PNG")
    picture = photos.prepare_drawing(raw)
    assert picture.shape == (64, 64, 1) and picture.dtype == np.uint8
    assert picture.max() > 200 and picture[0].max() < 50
    found = measure(picture[None])
    assert found["height"] == pytest.approx(4 * 46 / 12**0.5, rel=0.05)
    y, x = np.mgrid[:64, :64]
    weights = picture[..., 0]
    assert np.average(x, weights=weights) == pytest.approx(31.5, abs=0.6)
    assert np.average(y, weights=weights) == pytest.approx(31.5, abs=0.6)


@pytest.mark.parametrize("upright", [False, True])
def test_a_hairline_stays_visible(upright):
    ink = np.zeros((60, 400), np.uint8)
    ink[30] = 255
    picture = photos.prepare_drawing(ink.T if upright else ink)
    assert picture.shape == (64, 64, 1)
    assert (picture > 200).sum() == 46


@pytest.mark.parametrize("raw", [b"", b"no picture", png(Image.new("L", (9, 9)))[:40]])
def test_what_is_no_picture_is_refused(raw):
    with pytest.raises(ValueError, match=r"not a picture|cannot be used"):
        photos.prepare_drawing(raw)


def test_an_empty_or_a_giant_picture_is_refused(tmp_path):
    with pytest.raises(ValueError, match="empty"):
        photos.prepare_drawing(png(Image.new("L", (50, 50), "white")))
    dots = np.zeros((2000, 2000), np.uint8)
    dots[0, 0] = dots[-1, -1] = 255  # too small to be seen at 46×46
    with pytest.raises(ValueError, match="empty"):
        photos.prepare_drawing(dots)
    with pytest.raises(ValueError, match="11000×11000 pixels are too many"):
        photos.prepare_drawing(png(Image.new("1", (11000, 11000))))
    with pytest.raises(ValueError, match="far more than 120,000,000 pixels"):
        photos.prepare_drawing(png(Image.new("1", (20000, 20000))))
    with pytest.raises(FileNotFoundError):
        photos.prepare_drawing(tmp_path / "nothing.png")
