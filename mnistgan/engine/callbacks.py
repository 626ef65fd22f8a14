"""Callbacks: what happens in a training run besides its steps."""

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from mnistgan.engine.distribute import SINGLE, Cluster
from mnistgan.engine.runs import Run


@dataclass(frozen=True)
class Session:
    """All that the loop needs to know of one training run.

    Attributes:
        run: Where it stands, and what it has noted.
        settings: See `mnistgan.settings.Settings`.
        batches: From a number of steps taken to the batches that are left, each a
            tuple: what `train_step` is called with.
        train_step: From a batch to the four numbers of the history, `(4,)`, float32.
        state: All that training changes; see `mnistgan.training.new_state`.
        cluster: Who shares the work. Only the chief's callbacks are called.
        callbacks: What happens besides, in this order.
    """

    run: Run
    settings: Any
    batches: Callable[[int], Iterator[tuple]]
    train_step: Callable[..., tf.Tensor]
    state: tf.train.Checkpoint
    cluster: Cluster = SINGLE
    callbacks: tuple["Callback", ...] = ()

    def at(self, run: Run) -> "Session":
        """The same session, where the run has got on, or has gone back."""
        return dataclasses.replace(self, run=run)


class Callback:
    """What may happen besides the steps. By itself, nothing does.

    Attributes:
        stop: It wants the run to stop: after the next row of the history, the run is
            saved, as after Ctrl-C.
    """

    stop = False

    def on_row(self, session: Session) -> None:
        """After each row of the history. This time counts as training: be quick."""

    def on_preview(self, session: Session) -> None:
        """When a preview is due. This time does not count as training."""

    def on_checkpoint(self, session: Session) -> None:
        """After a checkpoint was saved."""

    def on_end(self, session: Session) -> None:
        """After the last step, or when the run is stopped."""
