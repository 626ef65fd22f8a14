"""How a visitor of the website shows a digit: by drawing it, or on a photo."""

import streamlit as st

from mnistgan.widgets import strokes

DRAW, UPLOAD, CAMERA = "Draw it here", "Upload a photo", "Take a photo"
PHOTOS = ["jpg", "jpeg", "png", "webp"]  # without HEIC here, an iPhone sends JPEG


def ask_way() -> str:
    """Lets the visitor choose how to show a digit."""
    ways = [DRAW, UPLOAD, CAMERA]
    return st.radio("How do you show it?", ways, horizontal=True)


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
