"""A robot in one file: a page that draws in a browser, without a server.

The page holds the artist's weights, as half-precision numbers, and `draw.js`, which
calculates with them what Keras calculates with `generator.keras`.
"""

import base64
import html
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from tensorflow import keras
from tensorflow.keras import layers

from mnistgan import plots, sampling

HERE = Path(__file__).resolve().parent
STILLS = 16  # pictures for browsers that run no code


def refuse(layer: keras.layers.Layer) -> NoReturn:
    """Refuses a layer that `draw.js` does not know, or not there: ValueError."""
    raise ValueError(
        f"a page cannot draw with the layer {layer.name}, {type(layer).__name__}; "
        "export the robot instead: python -m mnistgan export"
    )


def chain(generator: keras.Model) -> Iterator[keras.layers.Layer]:
    """The layers that calculate, in their order; labels are put after the noise.

    Raises:
        ValueError: They do not form a chain.
    """
    output = generator.inputs[0]
    for layer in generator.layers:
        if isinstance(layer, layers.InputLayer):
            continue
        if isinstance(layer, layers.Concatenate):
            known = [id(x) for x in generator.inputs]
            if [id(x) for x in layer.input] != known:
                refuse(layer)
        elif layer.input is output:
            yield layer
        else:
            refuse(layer)
        output = layer.output
    if output is not generator.outputs[0]:
        refuse(generator.layers[-1])


def describe_bend(layer: keras.layers.Layer) -> dict[str, Any]:
    """What `draw.js` needs to know of an activation; ValueError for an unknown one."""
    if isinstance(layer, layers.LeakyReLU):
        return {"kind": "relu", "slope": float(layer.negative_slope)}
    if isinstance(layer, layers.ReLU):
        if layer.max_value is not None or layer.threshold:
            refuse(layer)
        return {"kind": "relu", "slope": float(layer.negative_slope)}
    name = layer.get_config()["activation"]
    if name not in ("relu", "tanh"):
        refuse(layer)
    return {"kind": name, "slope": 0.0}


def describe_weights(layer: keras.layers.Layer) -> dict[str, Any]:
    """What `draw.js` needs to know of a layer with weights; ValueError if unknown."""
    step = {"kind": "dense", "weights": layer.kernel.numpy()}
    shape = layer.input.shape[1:]
    if isinstance(layer, layers.Conv2DTranspose):
        kernel, stride = layer.kernel_size[0], layer.strides[0]
        usual = (kernel, kernel), (stride, stride), "same", (1, 1), None
        found = layer.kernel_size, layer.strides, layer.padding, layer.dilation_rate
        if (*found, layer.output_padding) != usual or kernel < stride:
            refuse(layer)
        step |= {"kind": "stamp", "shape": [*shape], "kernel": kernel}
        # What comes out stands last, as in a dense layer.
        step |= {"stride": stride, "weights": step["weights"].swapaxes(2, 3)}
    elif len(shape) > 1:
        refuse(layer)
    width = step["weights"].shape[-1]
    return {**step, "bias": layer.bias.numpy() if layer.use_bias else np.zeros(width)}


def fold(step: dict[str, Any], norm: keras.layers.Layer) -> None:
    """Puts a BatchNormalization into the weights before it.

    Once training has ended it multiplies and adds the same numbers to every picture.
    """
    scale = norm.gamma.numpy() / np.sqrt(norm.moving_variance.numpy() + norm.epsilon)
    step["weights"] = step["weights"] * scale
    step["bias"] = (step["bias"] - norm.moving_mean.numpy()) * scale + norm.beta.numpy()


def describe(generator: keras.Model) -> list[dict[str, Any]]:
    """Everything that a generator does, layer by layer, for `draw.js`.

    Args:
        generator: Of noise, or of noise and labels.

    Returns:
        For each layer its `kind` in `draw.js`, and what that needs; `weights` and
        `bias` are arrays.

    Raises:
        ValueError: It has a layer that `draw.js` does not know.
    """
    steps: list[dict[str, Any]] = []
    for layer in chain(generator):
        if isinstance(layer, layers.Dense | layers.Conv2DTranspose):
            steps.append(describe_weights(layer))
            if layer.get_config()["activation"] != "linear":
                steps.append(describe_bend(layer))
        elif isinstance(layer, layers.BatchNormalization):
            before = steps[-1] if steps else {}
            width = before["bias"].shape if "bias" in before else None
            if layer.gamma is None or layer.beta is None or layer.gamma.shape != width:
                refuse(layer)
            fold(before, layer)
        elif isinstance(layer, layers.ReLU | layers.LeakyReLU | layers.Activation):
            steps.append(describe_bend(layer))
        elif isinstance(layer, layers.Resizing) and layer.interpolation == "bilinear":
            size, shape = [layer.height, layer.width], [*layer.input.shape[1:]]
            steps.append({"kind": "enlarge", "shape": shape, "size": size})
        elif not isinstance(layer, layers.Reshape):  # numbers in a row stay in it
            refuse(layer)
    return steps


def pack(generator: keras.Model, knobs: dict[str, list[float]]) -> str:
    """Packs a robot and its knobs as JSON, with weights in half precision.

    Returns:
        An object with `noise` (numbers in one), `classes`, `channels`, `knobs` (names
        and vectors), `layers` (see `describe`; instead of weights and bias, how many
        there are), and `numbers`: all of them, in base64, 2 bytes each.

    Raises:
        ValueError: It has a layer that `draw.js` does not know, or broken weights.
    """
    parts = []
    steps = describe(generator)
    for step in steps:
        for name in ("weights", "bias") if "bias" in step else ():
            parts.append(step[name].astype("<f2").ravel())
            step[name] = parts[-1].size
    numbers = np.concatenate(parts)
    if not np.isfinite(numbers).all():
        raise ValueError(
            "its weights hold something that a page cannot hold (no number, or one "
            "above 65,504); train the robot again"
        )
    robot = {
        "noise": sampling.noise_dim(generator),
        "classes": sampling.classes(generator),
        "channels": generator.output_shape[-1],
        "knobs": [*knobs.items()],
        "layers": steps,
        "numbers": base64.b64encode(numbers.tobytes()).decode(),
    }
    text = json.dumps(robot, allow_nan=False)
    return text.replace("<", "\\u003c")  # so that no name ends the script


def list_facts(facts: dict[str, str]) -> str:
    """Writes facts about a robot as an HTML list."""
    return "".join(
        f"<dt>{html.escape(name)}</dt><dd>{html.escape(fact)}</dd>"
        for name, fact in facts.items()
    )


def build_page(
    generator: keras.Model,
    knobs: dict[str, list[float]],
    facts: dict[str, str],
    quiz: bool = False,
) -> str:
    """Builds the page of a robot, an HTML file that needs nothing else.

    Args:
        generator: The robot.
        knobs: For each name, how a knob changes the noise, `noise_dim` numbers.
        facts: What else to say about it.
        quiz: Whether to ask which of its digits are real; for robots of digits.

    Returns:
        The file's text: for the robot of the course, 1.3 MB.

    Raises:
        ValueError: The robot has a layer that `draw.js` does not know.
    """
    noise = sampling.make_noise(generator, STILLS)
    grid = plots.to_png(plots.tile(sampling.draw(generator, noise), 4))
    parts = {
        "draw.js": (HERE / "draw.js").read_text("utf-8"),
        "robot": pack(generator, knobs),
        "stills": base64.b64encode(grid).decode(),
        "facts": list_facts(facts),
        "digits": base64.b64encode((HERE / "digits.png").read_bytes()).decode(),
        "no quiz": "" if quiz else "hidden",
    }
    page = (HERE / "page.html").read_text("utf-8")
    return re.sub(r"\{\{(.+?)\}\}", lambda found: parts[found[1]], page)
