"""Bars for long work: all look alike, and what is soon done has none."""

import io
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any

from tqdm.auto import tqdm

PATIENCE = 2  # seconds after which somebody wants to know how long it takes


def slow(items: Any, words: str) -> Iterable:
    """Loops over items, with a bar if that turns out to take long.

    Args:
        items: A list, a range, or the like.
        words: What is being done, for the bar.

    Returns:
        The items.
    """
    if len(items) < 2:
        return items
    return tqdm(items, words, unit="part", mininterval=1, delay=PATIENCE, leave=False)


class EpochReader(io.TextIOBase):
    """Reads what Keras' `fit(verbose=2)` prints, a line for each epoch, into a bar."""

    def __init__(self, bar: tqdm) -> None:
        """`bar` counts epochs."""
        self.bar = bar

    def write(self, text: str) -> int:
        """Takes what was printed. A line ends in how well the network does."""
        for accuracy in re.findall(r"accuracy: (\S+)", text):
            self.bar.set_postfix(accuracy=accuracy, refresh=False)
            self.bar.update()
        return len(text)


@contextmanager
def steps_bar(steps: int, words: str | None = None) -> Iterator[Any]:
    """Makes a callback for Keras' `fit` that counts batches on a bar."""
    # Here, since formulas have bars, too, and do without TensorFlow.
    from tensorflow.keras.callbacks import LambdaCallback

    with tqdm(total=steps, desc=words, unit="step", mininterval=1) as bar:
        yield LambdaCallback(on_train_batch_end=lambda batch, logs: bar.update())


@contextmanager
def epochs_bar(epochs: int, words: str) -> Iterator[None]:
    """Shows a bar where Keras' `fit(verbose=2)` would print its own lines."""
    with tqdm(total=epochs, desc=words, unit="epoch", mininterval=1) as bar:
        with redirect_stdout(EpochReader(bar)):
            yield
