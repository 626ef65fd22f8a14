"""Real or drawn? The questions, the score, and the quiz in a notebook."""

import io
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from scipy.stats import binom

from mnistgan import data, evaluation
from mnistgan.models import build_discriminator
from mnistgan.projects.conditional import build_conditional_generator
from mnistgan.sampling import PRETRAINED, load_generator
from mnistgan.widgets import questions, quiz


@pytest.fixture(scope="module")
def generator():
    return load_generator(PRETRAINED)


@pytest.fixture
def judge():
    """A judge that need not have learned anything."""
    network = evaluation.build_judge()
    outputs = [network.get_layer("features").output, network.output]
    return SimpleNamespace(network=evaluation.keras.Model(network.input, outputs))


def test_questions_are_real_test_digits_or_drawings_and_none_comes_twice(generator):
    asked = questions.make_questions(generator, 200, seed=1)
    assert asked.images.shape == (200, 64, 64, 1) and asked.images.dtype == np.uint8
    assert 70 <= asked.real.sum() <= 130
    assert len({image.tobytes() for image in asked.images}) == 200
    digits = {x.tobytes() for x in data.prepare_all(data.load_mnist("test")[0])}
    known = np.array([image.tobytes() in digits for image in asked.images])
    assert np.array_equal(known, asked.real)


def test_the_same_seed_asks_the_same(generator):
    one, two, other = (questions.make_questions(generator, seed=s) for s in (3, 3, 4))
    assert np.array_equal(one.images, two.images)
    assert not np.array_equal(one.images, other.images)


def test_a_robot_that_can_be_asked_does_not_draw_in_turn():
    generator = build_conditional_generator(8, 10, 2)
    one, two = (questions.make_questions(generator, seed=s) for s in (0, 1))
    assert one.images.shape == two.images.shape == (20, 64, 64, 1)
    with pytest.raises(ValueError, match="count is 0"):
        questions.make_questions(generator, 0)


def test_a_score_has_its_uncertainty_and_its_worst_mistakes():
    real = np.array([True] * 10 + [False] * 10)
    opinions = np.where(real, 1.0, -1.0)
    opinions[[2, 15]] = -0.5, 3.0
    found = questions.score_answers(opinions, real)
    assert (found.right, found.count, found.mistakes) == (18, 20, (15, 2))
    # Wilson's interval for 18 of 20, as in tables.
    assert found.low / 20 == pytest.approx(0.699, abs=1e-3)
    assert found.high / 20 == pytest.approx(0.972, abs=1e-3)


def test_a_coin_gets_fourteen_as_often_as_the_lesson_says():
    assert round(1 / binom.sf(13, 20, 0.5)) == 17


@pytest.mark.parametrize(
    "right, meaning", [(11, "a coin might"), (18, "more than luck"), (2, "mixed up")]
)
def test_what_a_score_means_is_said_beside_what_a_coin_gets(right, meaning):
    opinions = np.where(np.arange(20) < right, 1.0, -1.0)
    found = questions.score_answers(opinions, np.ones(20, bool))
    words = questions.in_words({"You": found})
    assert f"You: {right} of 20 right" in words[0] and meaning in words[0]
    assert words[-1] == "A coin would get about 10."


def test_the_machines_answer_by_what_they_see(generator, judge):
    asked = questions.make_questions(generator)
    detective = build_discriminator(2)
    found = questions.ask_machines(asked, detective, judge)
    assert list(found) == ["The detective", "The judge"]
    logits = detective(data.to_float(asked.images), training=False).numpy().ravel()
    assert np.array_equal(found["The detective"], logits)
    assert np.all(found["The judge"] < 0)  # it can read nothing yet
    assert questions.ask_machines(asked, None, None) == {}


def test_a_whole_quiz(generator, judge):
    game = quiz.Quiz(generator, judge, build_discriminator(2))
    real, shown = game.questions.real, []
    for number in range(20):
        assert f"Picture {number + 1} of 20" in game.words.value
        shown.append(game.picture.value)
        (game.real if real[number] == (number != 7) else game.drawn).click()
    assert len(set(shown)) == 20
    assert "You: 19 of 20 right" in game.words.value
    assert "The detective:" in game.words.value and "The judge:" in game.words.value
    assert game.results()["You"].mistakes == (7,)
    assert game.real.disabled and game.drawn.disabled
    label, strip = game._worst.children[:2]
    kind = "real" if real[7] else "drawn"
    assert label.value == f"You, fooled by these (in truth: {kind}):"
    assert Image.open(io.BytesIO(strip.value)).size == (64, 64)
    game.answer(True)  # after the end: nothing happens
    game.again.click()
    assert "Picture 1 of 20" in game.words.value and not game._worst.children
    assert not game.real.disabled and "You" not in game.results()


def test_the_quickest_mistake_counts_as_the_surest(generator, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(quiz.time, "monotonic", lambda: clock[0])
    game = quiz.Quiz(generator)
    for number, real in enumerate(game.questions.real):
        clock[0] += 1 if number == 11 else 5
        game.answer(real != (number in (4, 11)))
    assert game.results()["You"].mistakes == (11, 4)
