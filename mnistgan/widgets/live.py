"""A training run to watch while it goes on, in a notebook.

Only what `ipywidgets` itself brings is used, so that it works in JupyterLab, in VS Code
and in Colab.
"""

import html
import io
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from IPython.display import display
from PIL import Image

from mnistgan import plots
from mnistgan.engine.callbacks import Callback, Session
from mnistgan.engine.runs import GAN_OF_DIGITS, Words
from mnistgan.sampling import compile_draw
from mnistgan.widgets.parts import STIFF, WRAP, make_button, widgets

SHARE = 0.02  # of the training time may be spent on showing it
SHOWN = 16  # pictures
WIDE, HIGH = 360, 130  # of the curves, in pixels
MOST_POINTS = 200  # of a curve


class LiveView(Callback):
    """Shows what the artist draws, the losses and the beliefs; its button stops.

    After each update it waits 50 times as long as that took: so it costs at most
    `SHARE` of the training. It waits two seconds at least, and longer in long runs: a
    notebook that is run by a program may lose messages when a cell sends more than a
    thousand.

    Attributes:
        picture: The image widget with the first `SHOWN` of the fixed noises.
        curves: The HTML widget with the losses, and two meters for the beliefs.
        button: Stops the run, which is then saved.
        box: All of it.
    """

    def __init__(self, words: Words = GAN_OF_DIGITS) -> None:
        """Builds the widgets; `words` are those of the project."""
        self._words = words
        self._paint: Callable | None = None
        self._handle: Any = None
        self._due = 0.0
        self.picture = widgets.Image(width=262, height=262, layout=STIFF)
        self.picture.add_class("mnistgan-live")
        self.curves = widgets.HTML()
        self.button = make_button("stop and save", "stop", self._stop)
        # Not every program lets a button be heard while its cell runs.
        hint = widgets.HTML("<small>The ■ of the notebook does the same.</small>")
        side = widgets.VBox([self.curves, widgets.HBox([self.button, hint])])
        self.box = widgets.HBox([self.picture, side], layout=WRAP)

    def _stop(self) -> None:
        self.stop, self.button.disabled = True, True
        self.button.description = "stopping …"

    def on_preview(self, session: Session) -> None:
        """Shows the mist that all begins with."""
        self._update(session)

    def on_row(self, session: Session) -> None:
        """Shows how it goes, if it is time."""
        if time.monotonic() >= self._due:
            self._update(session)

    def on_end(self, session: Session) -> None:
        """Leaves a picture in the notebook, which needs no kernel to be shown.

        A page that was closed meanwhile did not hear of that: it finds the widgets.
        """
        if self._paint:
            self._update(session)
        self.button.disabled = True
        grid, losses = (
            Image.open(session.run.folder / name).convert("RGB")
            for name in ("grid.png", "losses.png")
        )
        losses.thumbnail((losses.width, grid.height))
        both = Image.new("RGB", (grid.width + losses.width, grid.height), "white")
        both.paste(grid, (0, 0))
        both.paste(losses, (grid.width, (grid.height - losses.height) // 2))
        file = io.BytesIO()
        both.save(file, "PNG")
        self._show({"image/png": file.getvalue()}, raw=True)

    def _show(self, what, **options) -> None:
        """Shows something in the place of what was shown before."""
        if self._handle is None:
            self._handle = display(what, display_id=True, **options)
        else:
            self._handle.update(what, **options)

    def _update(self, session: Session) -> None:
        began = time.monotonic()
        if self._paint is None:
            self._paint = compile_draw(session.state.averaged)
            self._paint(session.state.fixed_noise[:SHOWN])  # the first call compiles
            self._show(self.box)
            # Else ipykernel 7.4 takes a click to where the button was made: to this
            # cell, which is busy, and not to JupyterLab's own thread for widgets.
            vars(self.button.comm).pop("_reply_subshell_id", None)
            began = time.monotonic()
        grid = plots.tile(self._paint(session.state.fixed_noise[:SHOWN]), columns=4)
        self.picture.value = plots.to_png(grid)
        self.curves.value = draw_curves(session.run.history, self._words)
        now = time.monotonic()
        pause = max(2.0, (now - began) / SHARE, session.run.seconds / 30)
        self._due = now + pause


def draw_curves(history: list[dict[str, float]], words: Words) -> str:
    """Draws the losses as curves (SVG), and the newest beliefs as meters, in HTML.

    Args:
        history: See `mnistgan.engine.runs.read_history`.
        words: What its numbers are called.
    """
    if not history:
        return "<b>The first numbers come in a moment.</b>"
    rows = history[:: -(-len(history) // MOST_POINTS)]
    losses = np.array([[row["d_loss"], row["g_loss"]] for row in rows])
    styles = (plots.BLUE, "", "━"), (plots.ORANGE, "5 3", "╍")
    top = max(losses.max(), 1e-6)
    lines, legend = "", ""
    for values, style, word in zip(losses.T, styles, words.losses, strict=True):
        colour, dashes, mark = style
        points = zip(np.linspace(0, WIDE, len(values)), values, strict=True)
        path = " ".join(f"{x:.0f},{HIGH * (1 - y / top):.1f}" for x, y in points)
        stroke = f'stroke="{colour}" stroke-dasharray="{dashes}"'
        lines += f'<polyline points="{path}" fill="none" stroke-width="2" {stroke}/>'
        legend += f'<span style="color:{colour}">{mark}</span> '
        legend += f"{html.escape(word)} {values[-1]:.2f} &ensp;"
    meters = ""
    for name, word in zip(("d_real", "d_fake"), words.beliefs, strict=True):
        value = history[-1][name]
        meter = f'<meter min="0" max="1" value="{value:.3f}"></meter>'
        meters += f"<label>{meter} {value:.2f} {html.escape(word)}</label><br>"
    lines += f'<text x="0" y="11" font-size="11" fill="currentColor">{top:.2f}</text>'
    lines += f'<path d="M0 {HIGH}H{WIDE}" stroke="currentColor"/>'
    box = f'viewBox="0 0 {WIDE} {HIGH}" width="{WIDE}" height="{HIGH}" role="img"'
    return (
        f"<b>{html.escape(words.loss_title)}</b><br>"
        f'<svg {box} aria-label="curves of both losses">{lines}</svg><br>{legend}<br>'
        f"<b>{html.escape(words.belief_title)}</b><br>{meters}"
    )
