"""A robot in one file: a page that draws in a browser, without a server.

The page holds the artist's weights, as half-precision numbers, and `draw.js`, which
calculates with them what Keras calculates with `generator.keras`.
"""

import base64
import html
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from tensorflow import keras
from tensorflow.keras import layers

from mnistgan import plots, sampling

HERE = Path(__file__).resolve().parent
STILLS = 16  # pictures for browsers that run no code


def chain(generator: keras.Model) -> Iterator[keras.layers.Layer]:
    """The layers that calculate, in their order; a label is put after the noise.

    Raises:
        ValueError: They do not form a chain.
    """
    output = generator.inputs[0]
    if len(generator.inputs) > 1:
        output = next(
            layer.output
            for layer in generator.layers
            if isinstance(layer, layers.Concatenate)
        )
    done = keras.Model(generator.inputs, output).layers
    for layer in generator.layers[len(done) :]:
        if layer.input is not output:
            raise ValueError(
                f"a page draws layer by layer, and the layer {layer.name} does not "
                "follow the one before it; export the robot instead: "
                "python -m mnistgan export"
            )
        output = layer.output
        yield layer


def refuse(layer: keras.layers.Layer) -> NoReturn:
    """Refuses a layer that `draw.js` does not know, or not there: ValueError."""
    raise ValueError(
        f"a page cannot draw with the layer {layer.name}, {type(layer).__name__}; "
        "export the robot instead: python -m mnistgan export"
    )


def describe_bend(layer: keras.layers.Layer) -> dict[str, Any]:
    """What `draw.js` needs to know of an activation; ValueError for an unknown one."""
    if isinstance(layer, layers.ReLU | layers.LeakyReLU):
        return {"kind": "relu", "slope": float(layer.negative_slope)}
    name = layer.get_config()["activation"]
    if name not in ("relu", "tanh"):
        refuse(layer)
    return {"kind": name, "slope": 0.0}


def describe_weights(layer: keras.layers.Layer) -> dict[str, Any]:
    """What `draw.js` needs to know of a layer with weights; ValueError if unknown."""
    step = {"kind": "dense", "weights": layer.kernel.numpy()}
    if isinstance(layer, layers.Conv2DTranspose):
        (kernel, stride), shape = (
            (layer.kernel_size[0], layer.strides[0]),
            layer.input.shape,
        )
        if layer.padding != "same" or {*layer.kernel_size} != {kernel}:
            refuse(layer)
        step |= {"kind": "stamp", "shape": [*shape[1:]], "kernel": kernel}
        # What comes out stands last, as in a dense layer.
        step |= {"stride": stride, "weights": step["weights"].swapaxes(2, 3)}
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
            if not steps or "weights" not in steps[-1]:
                refuse(layer)
            fold(steps[-1], layer)
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
        ValueError: It has a layer that `draw.js` does not know.
    """
    parts = []
    steps = describe(generator)
    for step in steps:
        for name in ("weights", "bias") if "bias" in step else ():
            parts.append(step[name].astype("<f2").ravel())
            step[name] = parts[-1].size
    robot = {
        "noise": sampling.noise_dim(generator),
        "classes": sampling.classes(generator),
        "channels": generator.output_shape[-1],
        "knobs": [*knobs.items()],
        "layers": steps,
        "numbers": base64.b64encode(np.concatenate(parts).tobytes()).decode(),
    }
    return json.dumps(robot).replace("</", "<\\/")  # no name ends the script


def list_facts(facts: dict[str, str]) -> str:
    """Writes facts about a robot as an HTML list."""
    return "".join(
        f"<dt>{html.escape(name)}</dt><dd>{html.escape(fact)}</dd>"
        for name, fact in facts.items()
    )


def build_page(
    generator: keras.Model, knobs: dict[str, list[float]], facts: dict[str, str]
) -> str:
    """Builds the page of a robot, an HTML file that needs nothing else.

    Args:
        generator: The robot.
        knobs: For each name, how a knob changes the noise, `noise_dim` numbers.
        facts: What else to say about it.

    Returns:
        The file's text: for the robot of the course, 1.4 MB.

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
    }
    page = (HERE / "page.html").read_text("utf-8")
    for name, text in parts.items():
        page = page.replace("{{" + name + "}}", text)
    return page
