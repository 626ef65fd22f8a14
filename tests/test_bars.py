"""Long work shows a bar, and none of the lines that Keras prints of itself."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from mnistgan import data, evaluation, metrics, sampling
from mnistgan.engine import bars
from mnistgan.projects import anomaly, conditional, melody, vae

NOBODY = keras.Sequential([keras.Input((2,)), keras.layers.Reshape((2, 1, 1))])
CLOUD = np.random.default_rng(0).random((30, 3), "float32")


def white(count):
    return np.zeros((count, 64, 64, 1), np.uint8)


class Judge:
    input_shape = (None, 28, 28, 1)

    def __call__(self, images, training):
        return images[:, 0, 0], images[:, 0, 0]


def encoder(images, training):
    return tf.zeros((len(images), 8))


class Artist:
    inputs = (np.zeros((1, 4)),)

    def __call__(self, noise, training):
        return tf.zeros((len(noise), 64, 64, 1))


LONG = {
    "prepare_all": lambda: data.prepare_all(np.zeros((1001, 1, 1, 1), np.uint8)),
    "draw": lambda: sampling.draw(NOBODY, np.zeros((501, 2), "float32")),
    "read": lambda: evaluation.read(Judge(), white(12)),
    "as_judged": lambda: evaluation.as_judged(np.zeros((12, 28, 28, 1), np.uint8)),
    "reach": lambda: metrics.reach(CLOUD),
    "neighbourhoods": lambda: metrics.neighbourhoods(CLOUD, CLOUD),
    "nearest": lambda: metrics.nearest(CLOUD, CLOUD),
    "elbo": lambda: vae.elbo(Artist(), encoder, np.zeros((501, 28, 28, 1), np.uint8)),
    "in_parts": lambda: anomaly.in_parts(np.ravel, white(501)),
    "compose": lambda: melody.compose(melody.build_chorale_rnn(4), 1),
}


@pytest.mark.parametrize("name", LONG)
def test_what_takes_long_shows_a_bar(name, monkeypatch, capsys):
    for module in (evaluation, metrics):
        monkeypatch.setattr(module, "PART", 10)
    monkeypatch.setattr(bars, "PATIENCE", 1e9)
    LONG[name]()
    assert capsys.readouterr() == ("", ""), "it was soon done"
    clock = itertools.count(0, 10)  # whenever tqdm looks, ten seconds have gone
    monkeypatch.setattr("tqdm.std.time", lambda: next(clock))
    monkeypatch.setattr(bars, "PATIENCE", 2)
    LONG[name]()
    out, err = capsys.readouterr()
    assert not out and "part" in err and "%|" in err


def test_a_training_by_keras_shows_a_bar_of_ours(monkeypatch, capsys, tmp_path):
    digits = np.zeros((20, 28, 28, 1), np.uint8), np.arange(20) % 10
    monkeypatch.setattr(data, "load_mnist", lambda *_: digits)
    network = evaluation.load_judge(tmp_path).network
    out, err = capsys.readouterr()
    assert not out and "4/4" in err and "epoch" in err and "accuracy=" in err
    student = keras.Model(network.input, network.output[1])
    words = "Epoch 1/4\n1/1 - 9s - 9s/step - accuracy: 0.1094 - loss: 2.6427\n"
    monkeypatch.setattr(evaluation, "train_network", lambda *_: print(words) or student)
    conditional.accuracy_after(white(1000), np.arange(1000) % 10)
    out, err = capsys.readouterr()
    assert not out and "1/4" in err and "accuracy=0.1094" in err
