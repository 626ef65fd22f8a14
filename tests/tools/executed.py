"""Keeps what each notebook shows while nbval runs it: the web book shows it again.

So nothing runs twice. A plugin for pytest: `conftest.py` registers it. A notebook lands
in `folder()` as soon as its last cell has passed.
"""

import base64
import hashlib
import html
import math
import os
from functools import cache
from pathlib import Path

import nbformat
import pytest
from course import ROOT

WIDGET = "application/vnd.jupyter.widget-view+json"
HIDDEN = {"display": "none", "visibility": "hidden"}


def folder() -> Path:
    """Where notebooks that were run with this preset are kept."""
    return ROOT / "build" / "executed" / os.environ.get("MNISTGAN_PRESET", "own")


@cache
def package_digest() -> bytes:
    """Changes whenever the package does."""
    digest = hashlib.sha256()
    for path in sorted((ROOT / "mnistgan").rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.digest()


def digest(path: Path) -> str:
    """Changes whenever a notebook does, or the package that it uses."""
    return hashlib.sha256(package_digest() + path.read_bytes()).hexdigest()


def executed(path: Path) -> nbformat.NotebookNode | None:
    """A notebook with its outputs, if it was run since it changed; else None."""
    kept = folder() / path.relative_to(ROOT)
    if kept.exists():
        notebook = nbformat.read(kept, as_version=4)
        if notebook.metadata.get("executed") == digest(path):
            return notebook
    return None


def pytest_collection_finish():
    """Lets kernels show what is plotted: Streamlit, once imported, forbids it."""
    os.environ.pop("MPLBACKEND", None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """Follows each cell while it runs."""
    if item.path.suffix != ".ipynb":
        return (yield)
    listen(item.parent)
    item.output_timeout = 300  # seconds; on a busy machine, five are too few
    result = yield
    keep(item)
    return result


def listen(file) -> None:
    """Lets a running notebook's widgets be heard: nbval alone passes over them.

    Args:
        file: nbval's collector of one notebook, whose kernel runs.
    """
    if hasattr(file, "widgets"):
        return
    file.widgets, hear = {}, file.get_kernel_message

    def get_kernel_message(*arguments, **options):
        message = hear(*arguments, **options)
        data = message["content"].get("data", {})
        if message["msg_type"] in ("comm_open", "comm_msg") and "state" in data:
            state = file.widgets.setdefault(message["content"]["comm_id"], {})
            state.update(data["state"])
            paths = data.get("buffer_paths", [])
            for (name, *_), raw in zip(paths, message.get("buffers", []), strict=True):
                state[name] = bytes(raw)
        return message

    file.get_kernel_message = get_kernel_message


def keep(cell) -> None:
    """Notes what a cell has shown, and writes the notebook after its last one.

    Args:
        cell: nbval's item of a cell that has passed.
    """
    file = cell.parent
    if not file.path.is_relative_to(ROOT / "notebooks"):
        return
    kept = file.kept = getattr(file, "kept", 0) + 1
    cell.cell.outputs = [still(output, file.widgets) for output in cell.test_outputs]
    cell.cell.outputs = [output for output in cell.cell.outputs if output]
    cell.cell.execution_count = kept
    if kept < sum(one.cell_type == "code" for one in file.nb.cells):
        return
    file.nb.metadata["executed"] = digest(file.path)
    target = folder() / file.path.relative_to(ROOT)
    target.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(file.nb, target)


def still(output, widgets: dict):
    """An output as it can be shown without a kernel; None if nothing is left of it."""
    if WIDGET not in output.get("data", {}):
        return output
    picture = draw_widget(output.data[WIDGET]["model_id"], widgets)
    if not picture:
        return None
    data = {"text/html": f'<div class="still">{picture}</div>'}
    return nbformat.v4.new_output("display_data", data=data)


def draw_widget(name: str, widgets: dict) -> str:
    """A widget and all that it holds, in HTML: as it looks, but nothing moves.

    Args:
        name: Its number, as in `IPY_MODEL_…`.
        widgets: All widgets' states, by their numbers.
    """
    state = widgets.get(name.removeprefix("IPY_MODEL_"), {})
    layout = widgets.get(state.get("layout", "").removeprefix("IPY_MODEL_"), {})
    if any(layout.get(one) == value for one, value in HIDDEN.items()):
        return ""
    words = html.escape(str(state.get("description") or ""))
    match state.get("_model_name"):
        case "HBoxModel" | "VBoxModel" | "GridBoxModel" as kind:
            inside = "".join(draw_widget(one, widgets) for one in state["children"])
            columns = layout.get("grid_template_columns")
            style = f' style="grid-template-columns: {columns}"' if columns else ""
            return inside and f'<div class="{kind}"{style}>{inside}</div>'
        case "AccordionModel":  # folded, as it is in the beginning
            inside = "".join(draw_widget(one, widgets) for one in state["children"])
            title = html.escape(" · ".join(state["titles"]))
            return f"<details><summary>{title}</summary>{inside}</details>"
        case "AnyModel":
            return draw_strokes(state["strokes"])
        case "ImageModel":
            png = base64.b64encode(state["value"]).decode()
            size = f'width="{state["width"]}"' if state["width"] else ""
            alt = "What the widget shows."
            return f'<img src="data:image/png;base64,{png}" alt="{alt}" {size}>'
        case "HTMLModel":
            return f"<span>{state['value']}</span>"
        case "LabelModel":
            return f"<span>{html.escape(state['value'])}</span>"
        case "FloatProgressModel":
            return (
                f'<progress value="{state["value"]}" max="{state["max"]}"></progress>'
            )
        case "FloatSliderModel" | "IntSliderModel":
            limits = " ".join(
                f'{x}="{state[x]}"' for x in ("min", "max", "step", "value")
            )
            slider = f'<input type="range" disabled {limits}>'
            value = state["value"]
            number = value if isinstance(value, int) else f"{value:.2f}"
            return f"<label>{words} {slider} {number}</label>"
        case "FloatLogSliderModel":
            place = math.log(state["value"], state["base"])
            limits = f'min="{state["min"]}" max="{state["max"]}" step="any"'
            slider = f'<input type="range" disabled {limits} value="{place:.2f}">'
            return f"<label>{words} {slider} {state['value']:.4f}</label>"
        case "PlayModel":
            return "<button disabled>▶</button>"
        case "BoundedIntTextModel":
            return f"<label>{words} <b>{state['value']}</b></label>"
        case "ToggleButtonsModel" | "DropdownModel":
            chosen = state["_options_labels"][state["index"] or 0]
            return f"<label>{words} <b>{html.escape(chosen)}</b></label>"
        case "SelectMultipleModel":
            chosen = ", ".join(state["_options_labels"][i] for i in state["index"])
            return f"<label>{words} <b>{html.escape(chosen)}</b></label>"
        case "ToggleButtonModel" if not words:
            filled = " filled" if state["value"] else ""
            return f'<span class="square{filled}"></span>'
        case "ButtonModel" | "FileUploadModel" | "ToggleButtonModel":
            return f"<button disabled>{words}</button>"
        case _:
            return ""


def draw_strokes(strokes: list[dict]) -> str:
    """What is on a canvas, see `mnistgan.widgets.strokes`, as SVG."""
    lines = "".join(
        f'<polyline points="{points}" stroke-width="{stroke["width"]}"/>'
        for stroke in strokes
        for points in [" ".join(f"{x},{y}" for x, y in stroke["points"])]
    )
    return (
        '<svg class="canvas" viewBox="0 0 1 1" width="280" height="280" role="img" '
        f'aria-label="A canvas to draw on.">{lines}</svg>'
    )
