"""A robot in one file: a page that draws in a browser, without a server.

The page holds the artist's weights, as half-precision numbers, and `draw.js`, which
calculates with them what Keras calculates with `generator.keras`.
"""

import base64
import html
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from tensorflow import keras
from tensorflow.keras import layers

from mnistgan import plots, sampling

HERE = Path(__file__).resolve().parent
STILLS = 16  # pictures for browsers that run no code
Step = dict[str, Any]


def refuse(layer: keras.layers.Layer) -> NoReturn:
    """Refuses a layer that `draw.js` does not know, or not there: ValueError."""
    raise ValueError(
        f"a page cannot draw with the layer {layer.name}, {type(layer).__name__}; "
        "export the robot instead: python -m mnistgan export"
    )


def describe_bend(layer: keras.layers.Layer, name: str) -> list[Step]:
    """What an activation does; ValueError for an unknown one."""
    if name not in ("linear", "relu", "tanh", "silu"):
        refuse(layer)
    bend = {"kind": name, **({"slope": 0.0, "most": None} if name == "relu" else {})}
    return [bend] if name != "linear" else []


def describe_relu(layer: keras.layers.ReLU | keras.layers.LeakyReLU) -> list[Step]:
    """What it does: below 0 it is flatter, and it may have a limit."""
    if getattr(layer, "threshold", 0):
        refuse(layer)
    most, slope = getattr(layer, "max_value", None), float(layer.negative_slope)
    return [{"kind": "relu", "slope": slope, "most": most and float(most)}]


def describe_weights(layer: keras.layers.Layer) -> list[Step]:
    """What a dense layer or a convolution does, and its activation after it."""
    step, shape = {"kind": "dense", "weights": layer.kernel}, layer.input.shape[1:]
    if not isinstance(layer, layers.Dense):
        kernel, stride = layer.kernel_size[0], layer.strides[0]
        usual = (kernel, kernel), (stride, stride), "same", (1, 1), 1
        found = layer.kernel_size, layer.strides, layer.padding, layer.dilation_rate
        groups = getattr(layer, "groups", 1)
        if (*found, groups) != usual or kernel < stride or shape[0] != shape[1]:
            refuse(layer)
        step |= {"kind": "convolve", "shape": [*shape], "kernel": kernel}
        step |= {"stride": stride}
    elif len(shape) > 1:
        refuse(layer)
    if isinstance(layer, layers.Conv2DTranspose):
        if layer.output_padding is not None:
            refuse(layer)
        # What comes out stands last, as in the other layers.
        step |= {"kind": "stamp", "weights": np.swapaxes(layer.kernel, 2, 3)}
    width = step["weights"].shape[-1]
    step["bias"] = layer.bias if layer.use_bias else np.zeros(width)
    return [step, *describe_bend(layer, layer.get_config()["activation"])]


def describe_norm(norm: keras.layers.BatchNormalization) -> list[Step]:
    """What it does once training has ended: the same two numbers for every picture."""
    last = len(norm.input.shape) - 1
    if norm.gamma is None or norm.beta is None or norm.axis not in (-1, last):
        refuse(norm)
    scale = norm.gamma.numpy() / np.sqrt(norm.moving_variance.numpy() + norm.epsilon)
    shift = norm.beta.numpy() - scale * norm.moving_mean.numpy()
    return [{"kind": "scale", "weights": scale, "bias": shift}]


def describe_merge(layer: keras.layers.Layer) -> list[Step]:
    """What it makes of two results, of which one may be the same for all points."""
    few, many = sorted((x.shape[1:] for x in layer.input), key=np.prod)
    if len(layer.input) > 2 or few not in (many, (1, 1, many[-1])):
        refuse(layer)
    return [{"kind": type(layer).__name__.lower()}]


def describe_rescaling(layer: keras.layers.Rescaling) -> list[Step]:
    """What it does: times one number, plus another."""
    if np.size(layer.scale) > 1 or np.size(layer.offset) > 1:
        refuse(layer)
    return [{"kind": "rescale", "by": float(layer.scale), "plus": float(layer.offset)}]


def describe_join(layer: keras.layers.Concatenate) -> list[Step]:
    """What it does: in each point, one result's numbers after the other's."""
    if layer.axis not in (-1, len(layer.output.shape) - 1):
        refuse(layer)
    return [{"kind": "join", "sizes": [x.shape[-1] for x in layer.input]}]


def describe_mean(layer: keras.layers.GlobalAveragePooling2D) -> list[Step]:
    """What it does: the mean over all points."""
    return [{"kind": "mean", "sizes": layer.output.shape[-1]}]


def describe_resizing(layer: keras.layers.Resizing) -> list[Step]:
    """What it does, between the points that there are."""
    if layer.interpolation != "bilinear":
        refuse(layer)
    shape, size = [*layer.input.shape[1:]], [layer.height, layer.width]
    return [{"kind": "enlarge", "shape": shape, "size": size}]


KNOWN: dict[type, Callable[[Any], list[Step]]] = {
    layers.Activation: lambda x: describe_bend(x, x.get_config()["activation"]),
    layers.Add: describe_merge,
    layers.BatchNormalization: describe_norm,
    layers.Concatenate: describe_join,
    layers.Conv2D: describe_weights,
    layers.Conv2DTranspose: describe_weights,
    layers.Dense: describe_weights,
    layers.GlobalAveragePooling2D: describe_mean,
    layers.LeakyReLU: describe_relu,
    layers.Multiply: describe_merge,
    layers.ReLU: describe_relu,
    layers.Rescaling: describe_rescaling,
    layers.Reshape: lambda _: [],  # numbers in a row stay in it
    layers.Resizing: describe_resizing,
    layers.Subtract: describe_merge,
}


def follow(model: keras.Model, inputs: Sequence[int], steps: list[Step]) -> int:
    """Adds all that a model does to `steps`, also what models in it do.

    Args:
        model: A functional model.
        inputs: Which results it gets: 0 for the page's numbers, n for those of step n.
        steps: Those so far; see `describe`.

    Returns:
        Which result is the model's.
    """
    config = model.get_config()
    calls = {layer["name"]: layer["inbound_nodes"] for layer in config["layers"]}
    ends = np.reshape(np.array(config["input_layers"], object), (-1, 3))
    known = {(name, 0): found for (name, *_), found in zip(ends, inputs, strict=True)}

    def result(name: str, call: int, _: int = 0) -> int:
        """The result of a layer, which may be called more than once."""
        if (name, call) not in known:
            layer, given = model.get_layer(name), calls[name][call]["args"][0]
            given = given if isinstance(given, list) else [given]
            places = [result(*x["config"]["keras_history"]) for x in given]
            if isinstance(layer, keras.Model):
                known[name, call] = follow(layer, places, steps)
                return known[name, call]
            if type(layer) not in KNOWN:
                refuse(layer)
            for step in KNOWN[type(layer)](layer):
                steps.append({**step, "of": places})
                places = [len(steps)]
            known[name, call] = places[0]
        return known[name, call]

    return result(*np.ravel(np.array(config["output_layers"], object)))


def describe(generator: keras.Model) -> list[Step]:
    """Everything that a generator does, step by step, for `draw.js`.

    Args:
        generator: Of noise, or of noise and labels.

    Returns:
        For each step its `kind` in `draw.js`, what that needs (`weights` and `bias` are
        arrays), and `of`: whose results it takes; 0 for the page's numbers, n for those
        of step n.

    Raises:
        ValueError: It has a layer that `draw.js` does not know.
    """
    steps: list[Step] = []
    sizes = [x.shape[1] for x in generator.inputs]
    for start, size in zip(np.cumsum([0, *sizes]), sizes, strict=False):
        steps.append({"kind": "part", "from": int(start), "size": size, "of": [0]})
    follow(generator, range(1, len(steps) + 1), steps)
    return steps


def pack(generator: keras.Model, knobs: dict[str, list[float]]) -> str:
    """Packs a robot and its knobs as JSON, with weights in half precision.

    Returns:
        An object with `noise` (numbers in one), `classes`, `channels`, `knobs` (names
        and vectors), `layers` (see `describe`; instead of weights and bias, which of
        the arrays they are), `sizes` of the arrays, and `numbers`: all of them, in
        base64, 2 bytes each.

    Raises:
        ValueError: It has a layer that `draw.js` does not know, or broken weights.
    """
    arrays: dict[bytes, int] = {}  # one that is needed again is there already
    steps = describe(generator)
    for step in steps:
        for name in ("weights", "bias") if "bias" in step else ():
            array = np.asarray(step[name]).astype("<f2").tobytes()
            step[name] = arrays.setdefault(array, len(arrays))
    numbers = b"".join(arrays)
    if not np.isfinite(np.frombuffer(numbers, "<f2")).all():
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
        "sizes": [len(array) // 2 for array in arrays],
        "numbers": base64.b64encode(numbers).decode(),
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
        "quiz": json.dumps(quiz),
    }
    page = (HERE / "page.html").read_text("utf-8")
    return re.sub(r"\{\{(.+?)\}\}", lambda found: parts[found[1]], page)
