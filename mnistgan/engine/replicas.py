"""Chance, where several devices share a batch: together they draw what one would."""

from collections.abc import Callable

import tensorflow as tf


def own_rows(draw: Callable[[int], tf.Tensor], rows: int) -> tf.Tensor:
    """Draws at random for a batch that is shared, and keeps this replica's rows.

    So the replicas draw together exactly what one of them would draw alone.

    Args:
        draw: From a number of rows to a tensor with so many; the same on all replicas.
        rows: How many this replica has.

    Returns:
        `rows` rows.
    """
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return draw(rows)
    everybody = draw(context.num_replicas_in_sync * rows)
    first = context.replica_id_in_sync_group * rows
    return everybody[first : first + rows]


def shared_normal(shape: tuple[int, ...], seed) -> tf.Tensor:
    """Draws numbers from a normal distribution, with mean 0 and deviation 1.

    Args:
        shape: Of what is drawn; its first number is the batch, or this replica's share.
        seed: Two whole numbers. The same ones give the same numbers.

    Returns:
        `tf.random.stateless_normal(shape, seed)`, float32; where replicas share a
        batch, this one's rows of what one alone would draw.
    """
    return own_rows(
        lambda rows: tf.random.stateless_normal((rows, *shape[1:]), seed), shape[0]
    )
