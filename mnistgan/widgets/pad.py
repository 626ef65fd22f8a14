"""The canvas in a notebook. It needs `anywidget`, and `DrawingCanvas` lives without."""

import anywidget
import traitlets

from mnistgan.widgets.strokes import read_script, read_style


class Pad(anywidget.AnyWidget):
    """A canvas to draw on with finger, pen, mouse or keyboard.

    Attributes:
        strokes: What is drawn on it, see `mnistgan.widgets.strokes.paint`. It may be
            replaced, too; a list that is changed in its place is not seen.
    """

    _esm = read_script("notebook")
    _css = read_style()
    strokes = traitlets.Any([]).tag(sync=True)  # whatever comes is checked by `paint`
