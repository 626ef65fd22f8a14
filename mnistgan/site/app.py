"""The website itself: `mnistgan site`, or `streamlit run mnistgan/site/app.py`."""

import inspect
import io
import random
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

import mnistgan  # noqa: F401 -- first: it sets TensorFlow up
from mnistgan.engine.machine import load_tensorflow

try:
    load_tensorflow()
except ImportError as error:
    st.error(f"{error}.")
    st.stop()

import keras

from mnistgan import plots
from mnistgan.engine import keras_state
from mnistgan.engine.runs import GAN_OF_DIGITS
from mnistgan.evaluation import Judge, load_judge
from mnistgan.photos import prepare_drawing
from mnistgan.settings import runs_folder
from mnistgan.site import share
from mnistgan.site.studio import AT_ONCE, COURSE, Studio, identity, models
from mnistgan.site.visitor import DRAW, ask_for_drawing, ask_for_photo, ask_way
from mnistgan.widgets import questions, strokes
from mnistgan.widgets.questions import Questions

SEEDS = 1_000_000
HAS_ALT = "alt" in inspect.signature(st.image).parameters  # newer Streamlit
put = st.session_state.update  # what a button does: it moves boxes and slide bars


def show_image(
    place: Any, png: bytes, alt: str, caption: str | None = None, **size: int
) -> None:
    """Shows a picture, and tells it to a screen reader, where Streamlit can."""
    told = {"alt": alt} if HAS_ALT else {}
    place.image(png, caption=caption, **size, **told)


@st.cache_resource(max_entries=4, show_spinner="The robot is waking up …")
def open_studio(path: str, identity: str) -> Studio:
    """Loads a model once for all visitors, and again when its files are others."""
    # After each answer, Streamlit makes Keras forget what it prepared. All visitors
    # share one robot, so that would cost each of them a quarter of a second, and might
    # hit another for whom it is just drawing. Nothing is built here that piles up.
    keras.backend.clear_session = lambda *_, **__: None
    return Studio(Path(path))


def choose_studio(known: dict[str, Path]) -> Studio:
    """Lets the visitor choose a robot; ends the page when it cannot be loaded."""
    name = st.selectbox("Which robot?", list(known), help="Yours, or the course's.")
    path = known[name]
    try:
        return open_studio(str(path), identity(path))
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or str(error)
        reason = said.splitlines()[0].replace(str(path), path.name)
        reason = reason.replace(f"{path.parent}/", "").rstrip(".")  # no folders of ours
        st.error(
            f"“{name}” cannot draw: {reason}. Choose another robot, or train this one "
            "again."
        )
        st.stop()


def seed_box(label: str, key: str, start: int) -> int:
    """A box for a seed, and a button that rolls the dice."""
    st.session_state.setdefault(key, start)
    box, button = st.columns([2, 1], vertical_alignment="bottom")
    dice, other = ":material/casino:", {key: random.randrange(SEEDS)}
    button.button("Surprise me", f"roll_{key}", icon=dice, on_click=put, args=[other])
    return int(box.number_input(label, 0, SEEDS - 1, key=key))


def choose_label(studio: Studio) -> int | None:
    """Lets the visitor say which digit to draw, where the robot can be asked."""
    if not studio.classes:
        return None
    choices: list[str] = ["all in turn", *map(str, range(studio.classes))]
    choice = st.selectbox("Which digit shall it draw?", choices)
    return None if choice == choices[0] else int(choice)


def turn_knobs(studio: Studio, label: int | None) -> None:
    """One picture, and a slide bar for each knob."""
    seed = seed_box("Seed (the picture to start from)", "seed", 4)
    picture, sliders = st.columns(2)
    keys = [f"turn_{name}" for name in studio.directions.names]
    with sliders:
        turns = [
            st.slider(name.replace("_", " "), -3.0, 3.0, 0.0, 0.1, key=key)
            for name, key in zip(studio.directions.names, keys, strict=True)
        ]
        middle = dict.fromkeys(keys, 0.0)
        st.button("All knobs to the middle", on_click=put, args=[middle])
    png = studio.picture(studio.turned(seed, turns), label)
    with picture, st.container(key="picture"):
        words = f"Drawn from seed {seed}"
        show_image(st, png, f"A picture. {words}", words, width=320)
    sliders.download_button("Download it (PNG)", png, "picture.png", "image/png")


def draw_many(studio: Studio, label: int | None) -> None:
    """Many new pictures at once."""
    seed = seed_box("Seed (which pictures)", "many_seed", 0)
    count = st.slider("How many pictures?", 8, AT_ONCE, 32, 8)
    png = studio.grid(seed, count, label)
    words = f"{count} new pictures from seed {seed}, unpicked"
    show_image(st, png, "A grid of drawings", words)
    st.download_button("Download all (PNG)", png, "pictures.png", "image/png")


def morph_two(studio: Studio, label: int | None) -> None:
    """A film from one picture to another."""
    start = seed_box("Seed of the first picture", "start", 1)
    end = seed_box("Seed of the second picture", "end", 2)
    strip, film = studio.morph(start, end, label)
    words = f"From seed {start} to seed {end}, and back"
    show_image(st, film, f"A film. {words}", words, width=256)
    show_image(st, strip, "A strip of drawings", "The same, step by step")
    st.download_button("Download the film (GIF)", film, "morph.gif", "image/gif")


@st.cache_data(max_entries=50, show_spinner="The robot is searching …")
def copy_digit(_studio: Studio, path: str, content: str, digit: np.ndarray) -> bytes:
    """What a robot makes of a digit; kept, so that it searches for each only once."""
    return _studio.copy(digit)


def copy_visitor(studio: Studio, label: int | None) -> None:
    """What the robot sees in a visitor's digit, and how it would draw that itself."""
    if studio.cannot_copy:
        st.info(studio.cannot_copy)
        return
    way = ask_way()
    shown = ask_for_drawing() if way == DRAW else ask_for_photo(way)
    if shown is None:
        return
    width = 160 if way == DRAW else 320  # all in view, below the canvas
    row = st.container(horizontal=True)
    try:
        digit = prepare_drawing(strokes.paint(shown) if way == DRAW else shown)
    except ValueError as error:
        st.error(f"Sorry, {error}.")
        if (seen := getattr(error, "seen", None)) is not None:
            show_image(row, seen, "Your picture", "What I saw", width=width)
        return
    png = plots.to_png(digit, 320)
    show_image(row, png, "Your digit, small", "What I saw", width=width)
    if way == DRAW and shown != st.session_state.get("copied"):
        return  # a search takes seconds: not after each stroke
    png = copy_digit(studio, str(studio.path), identity(studio.path), digit)
    show_image(row, png, "My copy of it", "My copy", width=width)
    st.download_button("Download it (PNG)", png, "copy.png", "image/png")


@st.cache_resource(show_spinner="The judge is coming …")
def open_judge(kept: bool) -> Judge | None:
    """The judge, if there is one already: visitors do not wait until it has learned."""
    return load_judge() if kept else None


@st.cache_data(max_entries=50, show_spinner="The pictures are being mixed …")
def mix_pictures(_studio: Studio, path: str, identity: str, seed: int) -> Questions:
    """The pictures of a quiz, kept while somebody answers."""
    return questions.make_questions(_studio.generator, seed=seed)


def play_quiz(studio: Studio, label: int | None) -> None:
    """Twenty pictures, one at a time: real or drawn?"""
    if studio.no_quiz:
        st.info(studio.no_quiz)
        return
    which = str(studio.path), identity(studio.path)
    if st.session_state.get("quiz_of") != which:  # another robot, another game
        put({"quiz_of": which, "quiz": random.randrange(SEEDS), "answers": []})
    seed = st.session_state["quiz"]
    other = {"quiz": random.randrange(SEEDS), "answers": []}
    answers = st.session_state["answers"]
    try:
        quiz = mix_pictures(studio, *which, seed)
    except OSError:  # it would name our folders
        st.info("The real digits are not on this machine.")
        return
    number = len(answers)
    if number < questions.COUNT:
        st.write(f"**Picture {number + 1} of {questions.COUNT}:** real or drawn?")
        png = plots.to_png(quiz.images[number], 224)
        show_image(st, png, "Real or drawn?", width=224)
        for column, (words, sign) in zip(
            st.columns(2), {"Real": 1.0, "Drawn": -1.0}.items(), strict=True
        ):
            said = {"answers": [*answers, sign]}
            column.button(words, on_click=put, args=[said])
        return
    kept = (runs_folder() / "judge" / "judge.json").exists()
    machines = questions.ask_machines(quiz, studio.discriminator, open_judge(kept))
    results = {
        name: questions.score_answers(found, quiz.real)
        for name, found in {"You": np.array(answers), **machines}.items()
    }
    st.write("  \n".join(questions.in_words(results)))
    for words, images in questions.find_mistakes(results, quiz).items():
        strip = plots.to_png(plots.tile(images, len(images)))
        show_image(st, strip, "A strip of digits", words)
    st.button("New pictures", on_click=put, args=[other])


@st.cache_data(max_entries=4, show_spinner="The robot is packing …")
def pack_robot(_studio: Studio, path: str, identity: str) -> str:
    """A robot's page in one file, kept for all; empty where it cannot be made."""
    try:
        robot = share.open_robot(_studio.path, _studio.generator)
        return share.page_of(robot, _studio.directions)
    except ValueError:
        return ""


def take_home(studio: Studio) -> None:
    """Offers the robot itself, as a page that needs no website."""
    if text := pack_robot(studio, str(studio.path), identity(studio.path)):
        st.download_button(
            "Take this robot home",
            text,
            "robot.html",
            "text/html",
            icon=":material/home:",
        )
        st.caption(
            "One file, which draws in the browser of a computer, without a network."
        )


@st.cache_data(max_entries=4, show_spinner="Comparing …")
def draw_comparison(folders: list[str], identities: str) -> bytes:
    """Runs side by side, as PNG; kept until one of them has learned more."""
    file = io.BytesIO()
    figure = plots.compare_runs(folders)
    figure.savefig(file)
    plots.plt.close(figure)
    return file.getvalue()


def show_runs(known: dict[str, Path]) -> None:
    """What was tried on this machine, and what came of it."""
    robots = [path for name, path in known.items() if name != COURSE]
    robots = robots[: len(plots.COLOURS)]
    if not robots:
        return
    with st.expander("Runs: what did I try, and what came of it?"):
        if not st.toggle("Compare them", help="It takes a moment."):
            return
        try:
            folders = [str(path.parent) for path in robots]
            png = draw_comparison(folders, " ".join(map(identity, robots)))
            show_image(st, png, "Losses, scores and drawings of your runs")
        except (OSError, ValueError) as error:
            said = str(error).replace(f"{runs_folder()}/", "")  # no folders of ours
            st.error(f"They cannot be compared: {said}.")


STYLE = """
<style>
/* The picture stays in view while a knob is moved, on a phone, too. */
[data-testid="stColumn"]:has(.st-key-picture) {
  position: sticky; top: 3.75rem; z-index: 1; align-self: flex-start;
}
@media (max-width: 640px) {
  [data-testid="stColumn"]:has(.st-key-picture) { background: Canvas; }
  .st-key-picture img { width: 11rem !important; }
}
</style>
"""
HOW = """
Nobody ever made these pictures. A **neural network**, the *artist*, draws each of them
from {numbers} random numbers.
{game}
The slide bars turn **knobs**: directions in the space of those {numbers} numbers, along
which the drawings change most. A knob without a name is called after its rank. In
notebook 06 of the course you find them yourself, give them names, and check the names
on numbers.

This robot has learned from: {credit}.
"""
GAME = """
How did it learn? In a game with a second network, the *detective*. The detective saw
60,000 real digits, written by people, and the artist's drawings, and had to tell which
is which. Each became better because of the other. The two together are called a
**GAN**, a generative adversarial network.
"""


def explain(studio: Studio) -> str:
    """How a robot works, and from whose pictures it has learned."""
    robot = share.open_robot(studio.path, studio.generator)
    digits = robot.project is not None and robot.project.words == GAN_OF_DIGITS
    return HOW.format(
        numbers=studio.noise_dim,
        game=GAME if digits else "",
        credit=share.list_facts(robot)["Learned from"].rstrip("."),
    )


def main() -> None:
    """Builds the page, from top to bottom, whenever a visitor moves something."""
    keras_state.use_ours()  # once: visitors come at the same time
    st.set_page_config("Robot, draw me a digit", "✏️", layout="centered")
    st.html(STYLE)
    st.title("Robot, draw me a digit")
    known = models()
    studio = choose_studio(known)
    pages = {
        "Turn the knobs": turn_knobs,
        "Many pictures": draw_many,
        "Morph": morph_two,
        "Copy my digit": copy_visitor,
        "Real or drawn?": play_quiz,
    }
    label = choose_label(studio)
    page = st.radio("What shall it do?", list(pages), horizontal=True)
    pages[page](studio, label)
    take_home(studio)
    with st.expander("How does it work?"):
        st.markdown(explain(studio))
    show_runs(known)


main()
