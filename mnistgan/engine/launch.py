"""Starting several workers on this machine, and reading what they say."""

import json
import os
import re
import socket
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import zip_longest
from pathlib import Path

from mnistgan.engine import files, valid
from mnistgan.engine.machine import count_cores


def free_addresses(count: int) -> list[str]:
    """So many addresses of this machine where nobody listens, `host:port`."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [f"127.0.0.1:{each.getsockname()[1]}" for each in sockets]


@valid.checked(count=valid.integer(2, 64), logs=valid.path)
def start(
    count: int, options: Sequence[str], logs: str | os.PathLike
) -> list[subprocess.Popen]:
    """Starts several workers on this machine, which share its cores (not its GPUs).

    On several machines, you start one on each, with `TF_CONFIG` set; lesson 13 shows
    how.

    Args:
        count: How many, from 2 to 64.
        options: For `python -m mnistgan train`, such as `["--preset", "quick"]`; the
            same for all.
        logs: A folder; what the workers say goes to `worker_0.txt`, `worker_1.txt`, …

    Returns:
        Their processes, the chief's first.

    Raises:
        OSError: The folder cannot be made or written to.
    """
    logs = Path(logs)
    files.make_folder(logs)
    cluster = {"worker": free_addresses(count)}
    cores = str(max(1, count_cores() // count))
    # They find this package, too, where a notebook found it in a folder.
    places = [os.environ.get("PYTHONPATH"), str(Path(__file__).parents[2])]
    words = [sys.executable, "-m", "mnistgan", "train", "--strategy=workers", *options]
    started = []
    for rank in range(count):
        task = {"type": "worker", "index": rank}
        env = {
            **os.environ,
            "TF_CONFIG": json.dumps({"cluster": cluster, "task": task}),
            "TF_NUM_INTRAOP_THREADS": cores,
            "TF_NUM_INTEROP_THREADS": cores,
            "CUDA_VISIBLE_DEVICES": "-1",
            "PYTHONPATH": os.pathsep.join(filter(None, places)),
        }
        with open(logs / f"worker_{rank}.txt", "w") as log:
            started.append(subprocess.Popen(words, env=env, stdout=log, stderr=log))
    return started


def briefly(line: str) -> list[str]:
    """A log's line in a narrow column; of a progress bar, the step and the losses."""
    if bar := re.search(r"(\d+)/\d+ \[.*step", line):
        losses = re.findall(r"[dg]_loss=[^,\]]+", line)
        return [", ".join([f"step {bar[1]}", *losses])]
    return textwrap.wrap(line, 42)


@valid.checked(logs=valid.path, lines=valid.integer(1, 1_000))
def side_by_side(logs: str | os.PathLike, lines: int = 6) -> str:
    """Sets what two workers said last side by side.

    Args:
        logs: The folder that `start` was given.
        lines: How many lines of each.

    Returns:
        Text of 88 columns.
    """
    said = []
    for rank in range(2):
        text = (Path(logs) / f"worker_{rank}.txt").read_text(errors="replace")
        parts = map(briefly, text.replace("\r", "\n").splitlines())
        said.append([part for some in parts for part in some][-lines:])
    rows = zip_longest(["worker 0", *said[0]], ["worker 1", *said[1]], fillvalue="")
    return "\n".join(f"{left:42} │ {right:42}".rstrip() for left, right in rows)
