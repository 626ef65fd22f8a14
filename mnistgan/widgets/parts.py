"""What several widgets are made of."""

from collections.abc import Callable

from mnistgan.engine.machine import import_extra

import_extra("ipywidgets", "notebooks")
import ipywidgets as widgets  # noqa: E402

STIFF = {"flex": "0 0 auto", "align_self": "flex-start"}  # keeps a picture's shape
WRAP = {"flex_flow": "row wrap"}  # on a phone, or enlarged: one below the other
BESIDE = {"flex": "1 1 18rem"}  # beside a picture, as long as so much room is left


def make_button(words: str, icon: str, action: Callable[[], None]) -> widgets.Button:
    """Makes a button that does something when it is clicked."""
    button = widgets.Button(description=words, icon=icon)
    button.on_click(lambda _: action())
    return button
