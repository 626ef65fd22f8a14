"""What a function may be given: rules that refuse a bad value by name, in a sentence.

@checked(count=integer(1), pictures=pictures(64, 64, 1))
def judge(pictures, count): ...

Pictures become grey levels, uint8, on the way in.
"""

import contextlib
import functools
import inspect
import os
from collections.abc import Callable
from typing import Any

import numpy as np

Rule = Callable[[Any], str]  # from a value to what it must be; empty when it is that
MOST = 2**31 - 1  # the largest seed that Keras, TensorFlow and NumPy all take
RANGES = "in uint8, or in numbers that clearly are 0…255, 0…1 or -1…1"


def check(name: str, value: Any, rule: Rule) -> None:
    """Refuses a value that breaks a rule: ValueError, by name."""
    if wanted := rule(value):
        raise ValueError(f"{name} is {shown(value)}; it must be {wanted}")


def checked(**rules: Rule) -> Callable:
    """Makes a function refuse arguments that break a rule: ValueError, by name."""

    def decorate(function: Callable) -> Callable:
        signature = inspect.signature(function)

        @functools.wraps(function)
        def call(*args, **kwargs):
            given = signature.bind(*args, **kwargs)
            for name, value in given.arguments.items():
                if name in rules:
                    check(name, value, rules[name])
                    if getattr(rules[name], "as_levels", False):
                        given.arguments[name] = grey_levels(value)
            return function(*given.args, **given.kwargs)

        return call

    return decorate


def shown(value: Any) -> str:
    """A value as it is named in an error: short, and arrays by type and shape."""
    if isinstance(value, (list, tuple)) and any(hasattr(v, "shape") for v in value):
        with contextlib.suppress(ValueError):  # they are not of one shape
            value = np.asarray(value)
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        if value.ndim:
            kind = getattr(value.dtype, "name", value.dtype)
            return f"{kind} of shape {tuple(value.shape)}{span(value)}"
        value = value[()] if isinstance(value, np.ndarray) else value
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def span(value: Any) -> str:
    """From where to where the numbers of an array go, in words; empty for grey levels.

    And for what cannot be told: no numbers, or none at hand, as in a traced function.
    """
    known = isinstance(value, np.ndarray) or hasattr(value, "numpy")
    numbers = np.asarray(value) if known else np.zeros(0)
    if numbers.dtype == np.uint8 or numbers.dtype.kind not in "iuf" or not numbers.size:
        return ""
    return f", from {numbers.min():g} to {numbers.max():g}"


def grey_levels(value: Any) -> np.ndarray | None:
    """Turns pictures into grey levels, where it is clear which numbers mean black.

    Args:
        value: An array. Truth values are black and white, and uint8 is as it is. Other
            numbers that go to 2 or beyond are in 0…255. Of those that do not, whole
            ones are not clear; others are in 0…1, or, where some are below -0.5, in
            -1…1.

    Returns:
        The same shape, uint8, in [0, 255]; None where it is not clear.
    """
    numbers = np.asarray(value)
    if numbers.dtype == np.uint8 or not numbers.size:
        return numbers.astype(np.uint8, copy=False)
    if numbers.dtype == bool:
        return numbers * np.uint8(255)
    low, high = float(numbers.min()), float(numbers.max())
    if low == high == 0:
        return numbers.astype(np.uint8)
    if low >= 0 and 2 <= high <= 255:
        scaled = numbers
    elif numbers.dtype.kind in "iu":
        return None
    elif low >= 0 and high <= 1:
        scaled = numbers * 255.0
    elif -1 <= low < -0.5 and high <= 1:
        scaled = (numbers + 1.0) * 127.5
    else:  # NaN ends here, too
        return None
    return np.round(scaled).astype(np.uint8)


def one_picture(value: Any) -> np.ndarray:
    """Turns an array of one picture into grey levels `(height, width[, 3 or 4])`.

    Raises:
        ValueError: It is no array of numbers, more than one picture, or in a range that
            could mean several things.
    """
    rule = array(ranks=range(1, 6))
    try:
        numbers = np.asarray(value)
    except ValueError:  # a ragged list
        numbers = np.array(None)
    if not numbers.size:
        raise ValueError("it has no pixels")
    shape = tuple(size for size in numbers.shape if size > 1)
    shape = {(784,): (28, 28), (4096,): (64, 64)}.get(shape, shape)
    fits = len(shape) == 2 or (len(shape) == 3 and shape[2] in (3, 4))
    if rule(numbers) or not fits or (levels := grey_levels(numbers)) is None:
        raise ValueError(
            f"it is {shown(value)}; one picture is (height, width), or in colour "
            f"(height, width, 3), {RANGES}"
        )
    return levels.reshape(shape)


def integer(least: int = 0, most: int = MOST) -> Rule:
    """A whole number from `least` to `most`."""
    wanted = f"a whole number from {least} to {most}"
    return between(least, most, (int, np.integer), wanted)


def number(low: float, high: float) -> Rule:
    """A number from `low` to `high`, and so neither infinite nor NaN."""
    kinds = int, float, np.integer, np.floating
    return between(low, high, kinds, f"a number from {low:g} to {high:g}")


def between(low: float, high: float, kinds: tuple[type, ...], wanted: str) -> Rule:
    """A number of some kinds, and no truth value, from `low` to `high`."""

    def rule(value: Any) -> str:
        fits = isinstance(value, kinds) and not isinstance(value, bool)
        return "" if fits and low <= value <= high else wanted

    return rule


def path(value: Any) -> str:
    """A path: text, or what `pathlib` makes of it. (This is a rule itself.)"""
    fits = isinstance(value, (str, os.PathLike)) and str(value)
    return "" if fits and "\0" not in str(value) else "a path, as text"


def text(value: Any) -> str:
    """Text. (This is a rule itself.)"""
    return "" if isinstance(value, str) else "text"


def optional(rule: Rule) -> Rule:
    """None, or what another rule lets in."""
    return lambda value: "" if value is None else rule(value)


def array(
    *sizes: int | None, kinds: str = "biuf", ranks=range(1, 9), least: int = 1
) -> Rule:
    """An array of numbers.

    Args:
        sizes: Its shape without the first axis; None where any size will do, and
            nothing at all for any shape.
        ranks: How many axes it may have, if `sizes` does not say.
        kinds: The kinds of numbers: `b` truth values, `i` and `u` whole ones, `f`
            others.
        least: The smallest number of rows.
    """
    wanted = "an array of " + ("numbers" if "f" in kinds else "whole numbers")
    if sizes:
        inner = ", ".join(str(size or "any") for size in sizes)
        wanted += f" of shape (count, {inner})"
        ranks = (len(sizes) + 1,)
    elif len(ranks) < 8:
        wanted += f" with {' or '.join(map(str, ranks))} axes"
    wanted += f", and a count of at least {least}"

    def rule(value: Any) -> str:
        if not (hasattr(value, "shape") and hasattr(value, "dtype")):
            return wanted
        try:
            kind = np.dtype(getattr(value.dtype, "as_numpy_dtype", value.dtype))
        except TypeError:  # an array of another library
            return wanted
        shape = tuple(value.shape)
        fits = kind.kind in kinds or kind.name == "bfloat16"
        fits = fits and len(shape) in ranks
        fits = fits and (shape[0] is None or shape[0] >= least)
        pairs = zip(sizes, shape[1:], strict=False)
        fits = fits and all(found and n in (None, found) for n, found in pairs)
        return "" if fits else wanted

    return rule


def pictures(*sizes: int | None, least: int = 1) -> Rule:
    """Pictures `(count, *sizes)`, which `checked` turns into `grey_levels`."""
    rule = array(*sizes, least=least)
    inner = ", ".join(str(size or "any") for size in sizes)
    wanted = f"pictures of shape (count, {inner}), at least {least}, {RANGES}"

    def either(value: Any) -> str:
        return wanted if rule(value) or grey_levels(value) is None else ""

    either.as_levels = True  # type: ignore[attr-defined]
    return either


def listed(rule: Rule) -> Rule:
    """What another rule lets in, also written as a list."""

    def either(value: Any) -> str:
        if not isinstance(value, (list, tuple)):
            return rule(value)
        try:
            return rule(np.asarray(value))
        except ValueError:  # a ragged list
            return rule(None)

    either.as_levels = getattr(rule, "as_levels", False)  # type: ignore[attr-defined]
    return either


def shares(value: Any) -> str:
    """Counts of several kinds, at least one in all. (This is a rule itself.)"""
    try:
        counts = np.asarray(value, float)
    except (TypeError, ValueError):
        counts = np.zeros(0)
    fits = counts.ndim == 1 and np.isfinite(counts).all() and (counts >= 0).all()
    return "" if fits and counts.sum() > 0 else "counts of at least 0, not all of them"


def finite(rule: Rule) -> Rule:
    """What another rule lets in, without infinity and NaN."""

    def strict(value: Any) -> str:
        known = isinstance(value, np.ndarray) or hasattr(value, "numpy")
        if (wanted := rule(value)) or not known:
            return wanted
        numbers = np.asarray(value)
        fits = numbers.dtype.kind in "biu" or np.isfinite(numbers).all()
        return "" if fits else "without NaN and infinity"

    return strict
