"""Sharing a batch: several devices, or several machines, teach the same two robots.

Each replica, a device that takes part, looks at its own rows of every batch. What they
learn is added up before anybody changes (synchronous data parallelism, with
`tf.distribute`). So all replicas stay equal, and learn what one alone would learn.
"""

import dataclasses
import functools
import json
import os
import re
import signal
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
import tensorflow as tf

SECONDS_TO_ANSWER = 2
SECONDS_TO_COME = 600  # how long a worker waits for the others
SECONDS_BETWEEN_WORDS = 10
BROKEN = (  # what TensorFlow raises when a message to another worker gets no answer
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.InternalError,
)
EXAMPLE = (
    '{"cluster": {"worker": ["first:4000", "second:4000"]}, '
    '"task": {"type": "worker", "index": 0}}'
)


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


@dataclasses.dataclass(frozen=True)
class Cluster:
    """Who shares the work, and which of them this process is.

    Attributes:
        strategy: TensorFlow's way of sharing it.
        addresses: One for each process, `host:port`; the first is the chief's, who
            alone writes files.
        rank: Which of them this process is.
    """

    strategy: tf.distribute.Strategy
    addresses: tuple[str, ...] = ("",)
    rank: int = 0

    @property
    def chief(self) -> bool:
        """Whether this process writes the files."""
        return self.rank == 0

    @property
    def replicas(self) -> int:
        """How many devices share a batch."""
        return self.strategy.num_replicas_in_sync

    def rows(self, settings: Any) -> int:
        """How many pictures of each batch a replica has."""
        return settings.batch_size // self.replicas

    def check_batch(self, settings: Any, on_divergence: str) -> None:
        """Refuses what a cluster cannot do, with ValueError, and says how it shares."""
        if self.replicas == 1:
            return
        rows = self.rows(settings)
        if settings.batch_size % self.replicas or rows < 2:
            raise ValueError(
                f"batch_size is {settings.batch_size}, for {self.replicas} devices; it "
                "must be a multiple of their number, with at least 2 for each"
            )
        if on_divergence == "rollback" and len(self.addresses) > 1:
            raise ValueError(
                "on_divergence is 'rollback', but several workers cannot go back "
                "together; choose 'stop', and start them again"
            )
        print(
            f"Worker {self.rank} of {len(self.addresses)}. Batches of "
            f"{settings.batch_size} = {self.replicas} × {rows}, learning rates "
            f"{settings.generator_learning_rate:g} and "
            f"{settings.discriminator_learning_rate:g}: those of a single device.",
            flush=True,
        )

    def own_numbers(
        self, settings: Any, shuffled: Callable[[int, int], np.ndarray]
    ) -> np.ndarray | None:
        """Says which pictures this process needs; None for all of them.

        In the first epoch, the processes have together the very batches that one alone
        would have. From then on, each shuffles its own pictures.

        Args:
            settings: Of the run.
            shuffled: From a count and a seed to the order in which so many pictures
                come; see `mnistgan.data.shuffled`.
        """
        if len(self.addresses) == 1:
            return None
        rows = shuffled(settings.pictures, seed_of(settings, 0))
        used = settings.steps_per_epoch * settings.batch_size
        batches = rows[:used].reshape(settings.steps_per_epoch, len(self.addresses), -1)
        rest = rows[used:][self.rank :: len(self.addresses)]
        own = np.concatenate([batches[:, self.rank].ravel(), rest])
        numbers = np.empty_like(own)  # placed so that shuffling brings this order back
        numbers[shuffled(len(own), seed_of(settings, 0))] = own
        return numbers

    def batches(
        self, make: Callable[[int, int], tf.data.Dataset], settings: Any, step: int
    ) -> Iterator[tuple]:
        """Yields the batches that are left after `step` steps, to the very end.

        Each epoch is shuffled with a seed of its own, so the order does not depend on
        where a run was interrupted.

        Args:
            make: From the size of a batch and a seed to an epoch of batches of the
                pictures of `own_numbers`; see `mnistgan.data.make_dataset`.
            settings: Of the run.
            step: Steps taken so far.

        Yields:
            For each step this process's share: pictures, and their labels if any.
        """
        first, skipped = divmod(step, settings.steps_per_epoch)
        here = self.replicas // len(self.addresses)
        for epoch in range(first, settings.epochs):
            dataset = make(self.rows(settings), seed_of(settings, epoch))
            dataset = dataset.take(here * settings.steps_per_epoch).skip(here * skipped)
            skipped = 0
            if here > 1:  # hands a part to each device; between machines it takes 10 s
                dataset = self.strategy.distribute_datasets_from_function(
                    lambda _, dataset=dataset: dataset
                )
            for batch in dataset:
                yield batch if isinstance(batch, tuple) else (batch,)

    def follow_chief(self, variables: list[tf.Variable]) -> None:
        """Gives every process the chief's values, such as those of a checkpoint."""
        values = [variable.read_value() for variable in variables]
        own = values if self.chief else [tf.zeros_like(value) for value in values]
        for variable, new in zip(variables, self.sums(own), strict=True):
            variable.assign(new)

    def check_settings(self, settings: Any) -> None:
        """Refuses processes whose settings are not the chief's, with ValueError."""
        names = [field.name for field in dataclasses.fields(settings)[1:]]
        values = [repr(getattr(settings, name)).encode() for name in names]
        table = np.zeros((len(self.addresses), len(names)), "int64")  # a row for each
        table[self.rank] = [zlib.crc32(value) for value in values]
        (whole,) = self.sums([tf.constant(table)])
        for rank, other in enumerate(whole.numpy() != whole[0].numpy()):
            if differ := [name for name, x in zip(names, other, strict=True) if x]:
                raise ValueError(
                    f"worker {rank} ({self.addresses[rank]}) has other settings than "
                    f"worker 0: {', '.join(differ)}. Start all of them with the same "
                    "command"
                )

    def any_stop(self, asked: bool) -> bool:
        """Whether any process was asked to stop: then all of them stop together."""
        (count,) = self.sums([tf.constant(int(asked))])
        return int(count) > 0

    @functools.cached_property
    def sums(self) -> Callable[[list[tf.Tensor]], list[tf.Tensor]]:
        """Adds up, one by one, the tensors that each process has; compiled once."""
        if len(self.addresses) == 1:
            return list  # alone, a sum is what one has
        here = self.replicas // len(self.addresses)

        def add(value):
            wide = tf.cast(value, tf.int64) if value.dtype == tf.uint32 else value
            context = tf.distribute.get_replica_context()
            speaks = context.replica_id_in_sync_group % here == 0  # one of a process
            sent = tf.where(speaks, wide, tf.zeros_like(wide))
            return tf.cast(context.all_reduce("SUM", sent), value.dtype)

        def add_all(values):
            found = self.strategy.run(lambda: [add(value) for value in values])
            return [self.strategy.experimental_local_results(x)[0] for x in found]

        return tf.function(add_all)

    @contextmanager
    def together(self) -> Iterator[None]:
        """Says in a sentence what TensorFlow says in many.

        Raises:
            OSError: Another worker has gone; the message says which. Or there is not
                enough memory.
        """
        try:
            yield
        except tf.errors.ResourceExhaustedError as error:
            raise OSError(
                "there is not enough memory: choose a smaller batch_size or narrower "
                "robots, or close other programs"
            ) from error
        except BROKEN as error:
            if len(self.addresses) == 1:
                raise
            names = absent(self.addresses, self.rank)
            names = names or "a worker, or the network between them,"
            raise OSError(
                f"{names} stopped answering, so worker {self.rank} stopped, too. Start "
                "all of them again with the same command: they go on from the last "
                "checkpoint"
            ) from error


SINGLE = Cluster(tf.distribute.get_strategy())


def seed_of(settings: Any, epoch: int) -> int:
    """The seed that shuffles the pictures of an epoch."""
    return (settings.seed * 10_000 + epoch) % 2**31


def answers(address: str) -> bool:
    """Whether somebody listens at an address, `host:port`."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), SECONDS_TO_ANSWER).close()
    except OSError:
        return False
    return True


def absent(addresses: Sequence[str], rank: int) -> str:
    """Who of the others does not listen, in words; empty when all do."""
    gone = (n for n, x in enumerate(addresses) if n != rank and not answers(x))
    return " and ".join(f"worker {n} ({addresses[n]})" for n in gone)


def bypass_proxies(addresses: Sequence[str]) -> None:
    """Lets workers talk to each other directly, whatever proxy this machine uses.

    TensorFlow's messages, by gRPC, would go to the proxy of `http_proxy`, which knows
    none of the workers; `no_grpc_proxy` is for such messages only.
    """
    names = "no_grpc_proxy", "no_proxy", "NO_PROXY"
    known = ",".join(os.environ.get(name, "") for name in names).split(",")
    hosts = [address.rpartition(":")[0] for address in addresses]
    direct = dict.fromkeys([*known, "localhost", "127.0.0.1", *hosts])
    os.environ["no_grpc_proxy"] = ",".join(filter(None, direct))  # noqa: SIM112


def meet(addresses: Sequence[str], rank: int) -> None:
    """Waits until all workers are there: each listens at its address, and looks round.

    TensorFlow would wait, too, but it hears no Ctrl-C, and says nothing.

    Raises:
        OSError: Another program listens at this worker's address, or somebody did not
            come; the message says who.
    """
    began = said = time.monotonic()
    port = int(addresses[rank].rpartition(":")[2])
    with socket.create_server(("", port)) as door:
        door.setblocking(False)
        while names := absent(addresses, rank):
            # Those who looked are let go: a door with a full queue hears nobody.
            with suppress(OSError):
                while True:
                    door.accept()[0].close()
            now = time.monotonic()
            if now - began > SECONDS_TO_COME:
                raise TimeoutError(
                    f"{names} did not come within {SECONDS_TO_COME / 60:g} minutes. "
                    "Look at what they said last, and start all of them again"
                )
            if now - said > SECONDS_BETWEEN_WORDS:
                said = now
                print(f"Still waiting for {names}. Ctrl-C ends it.", flush=True)
            time.sleep(0.2)


@contextmanager
def signals_end_it() -> Iterator[None]:
    """While TensorFlow comes together with others, Ctrl-C ends the whole program.

    Nothing else could: Python does not run until it is done. Afterwards, Ctrl-C and
    SIGTERM do what they did before; TensorFlow would ignore SIGTERM from now on.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    kinds = signal.SIGINT, signal.SIGTERM
    before = {kind: signal.getsignal(kind) for kind in kinds}
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        for kind, action in before.items():
            signal.signal(kind, action)


def read_config(text: str) -> tuple[tuple[str, ...], int]:
    """Reads `TF_CONFIG`: everybody's address, and which of them is this process's.

    Args:
        text: JSON; see https://www.tensorflow.org/guide/distributed_training.

    Returns:
        The addresses, the chief's first, and the place of this process among them.

    Raises:
        ValueError: It cannot be read, or this process is not in it.
    """
    try:
        config = json.loads(text)
        cluster, task = config["cluster"], config["task"]
        chiefs = list(cluster.get("chief", []))
        everybody = [*chiefs, *cluster.get("worker", [])]
        rank = int(task["index"]) + (len(chiefs) if task["type"] == "worker" else 0)
        known = task["type"] in ("chief", "worker") and 0 <= rank < len(everybody)
        known &= all(re.fullmatch(r"[^:\s]+:\d{1,5}", address) for address in everybody)
        known &= all(0 < int(x.rpartition(":")[2]) < 2**16 for x in everybody)
    except (ValueError, TypeError, LookupError, AttributeError):
        known = False
    if not known:
        raise ValueError(
            f"TF_CONFIG is {text!r}; for each worker, it must say where all of them "
            f"are, and which one it is: {EXAMPLE}"
        )
    return tuple(everybody), rank


def form_cluster(strategy: str = "one") -> Cluster:
    """Finds out who shares the work.

    Args:
        strategy: `"one"` device; `"mirrored"`, all devices of this machine; or
            `"workers"`, several processes or machines, as `TF_CONFIG` says.

    Returns:
        The cluster. With `"workers"`, this waits until all of them are there.

    Raises:
        OSError: Another program listens at this worker's address, or another worker did
            not come.
        ValueError: `TF_CONFIG` is wrong, or TensorFlow has calculated something
            already, after which it cannot join others.
    """
    if strategy == "one":
        return SINGLE
    if strategy == "mirrored":
        devices = tf.config.list_logical_devices("GPU")
        devices = devices or tf.config.list_logical_devices("CPU")
        return Cluster(tf.distribute.MirroredStrategy([each.name for each in devices]))
    addresses, rank = read_config(os.environ.get("TF_CONFIG", ""))
    bypass_proxies(addresses)
    threads = tf.config.threading.get_inter_op_parallelism_threads()
    try:
        for number in (threads + 1, threads):  # raises RuntimeError once it calculates
            tf.config.threading.set_inter_op_parallelism_threads(number)
        print(f"Worker {rank} of {len(addresses)}: waiting for the others.", flush=True)
        meet(addresses, rank)
        with signals_end_it():
            workers = tf.distribute.MultiWorkerMirroredStrategy()
    except TimeoutError:
        raise
    except (OSError, tf.errors.OpError) as error:
        why = getattr(error, "message", None) or os.strerror(error.errno or 0)
        raise OSError(
            f"worker {rank} cannot listen at {addresses[rank]} ({why}): is it running "
            "already? Otherwise give it another port"
        ) from error
    except RuntimeError as error:
        raise ValueError(
            "workers must come together before TensorFlow calculates anything: start "
            f"them as programs of their own ({error})"
        ) from error
    return Cluster(workers, addresses, rank)
