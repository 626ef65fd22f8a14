"""A hand that draws on the canvas in a browser: with a mouse, or with a finger."""

import base64
import io
import json

import numpy as np
from patience import until
from PIL import Image

from mnistgan.widgets import strokes

SEVEN = [(0.25, 0.2), (0.75, 0.2), (0.4, 0.85)]
BAR = [(0.35, 0.5), (0.65, 0.5)]


def resting_box(part):
    """Where a part of a page is, once it has not moved for half a second."""
    places = [part.bounding_box()]

    def rests():
        part.page.wait_for_timeout(500)
        places.append(part.bounding_box())
        return places[-1] and places[-1] == places[-2]

    until(rests)
    return places[-1]


def canvas_of(page):
    """The canvas of a page, in view."""
    canvas = page.locator(".mnistgan-canvas canvas").first
    canvas.scroll_into_view_if_needed()
    return canvas


def way(page, corners):
    """The way of a hand over a page, in small steps."""
    box = resting_box(canvas_of(page))
    corners = np.array(corners) * [box["width"], box["height"]] + [box["x"], box["y"]]
    places = range(len(corners))
    steps = np.linspace(0, places[-1], 8 * places[-1] + 1)
    return zip(*(np.interp(steps, places, x).tolist() for x in corners.T), strict=True)


def draw_with_mouse(page, corners):
    """Draws one stroke, from corner to corner."""
    start, *others = way(page, corners)
    page.mouse.move(*start)
    page.mouse.down()
    for place in others:
        page.mouse.move(*place)
    page.mouse.up()


def draw_with_finger(page, corners):
    """The same by touch. Playwright itself can only tap."""
    session = page.context.new_cdp_session(page)

    def touch(kind, *places):
        points = [{"x": x, "y": y} for x, y in places]
        session.send(
            "Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": points}
        )

    start, *others = way(page, corners)
    touch("Start", start)
    for place in others:
        touch("Move", place)
    touch("End")


def ink_of(page):
    """What the browser shows on the canvas: `(256, 256)`, from 0 to 255."""
    address = canvas_of(page).evaluate("c => c.toDataURL()")
    png = io.BytesIO(base64.b64decode(address.partition(",")[2]))
    image = Image.open(png).convert("L").resize((256, 256), Image.Resampling.BOX)
    return np.array(image, float)


def looks_like(page, *drawn):
    """Whether the browser shows what Python would paint: a list of strokes."""
    wanted = strokes.paint(json.loads(json.dumps(drawn)), margin=0)
    return np.sqrt(((ink_of(page) - wanted) ** 2).mean()) < 12  # edges differ a little
