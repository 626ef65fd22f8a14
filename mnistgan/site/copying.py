"""The website's page where the robot copies a visitor's digit."""

import numpy as np
import streamlit as st

from mnistgan import plots
from mnistgan.photos import prepare_drawing
from mnistgan.site.studio import Studio, identity
from mnistgan.widgets import strokes

DRAW, UPLOAD, CAMERA = "Draw it here", "Upload a photo", "Take a photo"
PHOTOS = ["jpg", "jpeg", "png", "webp"]  # without HEIC here, an iPhone sends JPEG


def ask_for_drawing() -> list | None:
    """Lets the visitor draw a digit; returns its strokes, as the browser sent them."""
    st.write("Draw one digit with your finger, a pen or the mouse.")
    canvas = st.components.v2.component(
        "canvas", js=strokes.read_script("site"), css=strokes.read_style()
    )
    # Streamlit forgets what is not on the page; the visitor may come back to it.
    kept = st.session_state.setdefault("drawn", [])
    drawn = canvas(
        key="canvas",
        data=kept,
        default={"strokes": kept},
        on_strokes_change=lambda: None,
    ).strokes
    st.session_state["drawn"] = drawn
    put = st.session_state.update
    st.button("Copy it", disabled=not drawn, on_click=put, args=[{"copied": drawn}])
    return drawn or None


def ask_for_photo(way: str) -> bytes | None:
    """Lets the visitor upload a photo of a digit, or take one."""
    st.write(
        "Write one digit, large and dark. Shadows and lines on the paper are fine."
    )
    if way == UPLOAD:
        hint = "HEIC photos, as iPhones keep them, must be saved as JPEG first."
        photo = st.file_uploader("A photo of your digit", PHOTOS, help=hint)
    else:
        photo = st.camera_input("Hold the camera straight above the paper")
    return photo.getvalue() if photo else None


@st.cache_data(max_entries=50, show_spinner="The robot is searching …")
def copy_digit(_studio: Studio, path: str, content: str, digit: np.ndarray) -> bytes:
    """What a robot makes of a digit; kept, so that it searches for each only once."""
    return _studio.copy(digit)


def copy_visitor(studio: Studio, label: int | None) -> None:
    """What the robot sees in a visitor's digit, and how it would draw that itself."""
    if studio.cannot_copy:
        st.info(studio.cannot_copy)
        return
    way = st.radio("How do you show it?", [DRAW, UPLOAD, CAMERA], horizontal=True)
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
            row.image(seen, caption="What I saw", width=width)
        return
    row.image(plots.to_png(digit, 320), caption="What I saw", width=width)
    if way == DRAW and shown != st.session_state.get("copied"):
        return  # a search takes seconds: not after each stroke
    png = copy_digit(studio, str(studio.path), identity(studio.path), digit)
    row.image(png, caption="My copy", width=width)
    st.download_button("Download it (PNG)", png, "copy.png", "image/png")
