"""Several devices or machines share a batch, and learn what one would learn."""

import dataclasses
import json
import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import course
import numpy as np
import pytest
import scaling
import tensorflow as tf
import yaml
from patience import PATIENCE, until

from mnistgan import __main__, data, projects, training
from mnistgan.engine import checkpoints, distribute, launch, runs
from mnistgan.settings import Settings

SMALL = Settings(
    preset="quick",
    epochs=2,
    pictures=654,  # the last 14 are too few for a batch
    batch_size=20,
    noise_dim=8,
    generator_width=2,
    discriminator_width=2,
    previews=1,
)


NARROW = ["--generator-width=2", "--discriminator-width=2"]  # a step is soon done


def team(rank, count=2, replicas=None):
    """A team of so many, without a network."""
    strategy = SimpleNamespace(num_replicas_in_sync=replicas or count)
    addresses = tuple(f"machine{number}:4000" for number in range(count))
    return distribute.Cluster(strategy, addresses, rank)


def steps(strategy, *words):
    """What the first 20 steps return: `(20, 4)`. Several devices need a new program."""
    if strategy == "one":
        return np.array(scaling.measure(scaling.parse([strategy, *words]))["steps"])
    program = [sys.executable, scaling.__file__, strategy, *words]
    ran = subprocess.run(program, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return np.array(json.loads(ran.stdout.splitlines()[-1])["steps"])


@pytest.fixture(scope="module")
def alone():
    return steps("one")


def farthest(found, wanted):
    """The largest difference, as a share of what is wanted."""
    return np.max(np.abs(found / wanted - 1))


@pytest.mark.trained
@pytest.mark.parametrize("strategy", ["mirrored", "workers"])
def test_two_learn_what_one_learns(alone, strategy):
    """The rounding differs, and Adam enlarges that: by 0.4% in 20 steps, here.

    As much as if one device calculates with oneDNN and another without.
    """
    shared = steps(strategy)
    assert farthest(shared[:3], alone[:3]) < 2e-4
    assert farthest(shared, alone) < 0.02


def test_a_worker_with_two_devices_hears_the_chief():
    program = """
import tensorflow as tf
from mnistgan.engine import distribute
(device,) = tf.config.list_physical_devices("CPU")
two = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(device, two)
devices = [each.name for each in tf.config.list_logical_devices("CPU")]
strategy = tf.distribute.MirroredStrategy(devices)
team = distribute.Cluster(type("Both", (), {
    "num_replicas_in_sync": 4,
    "run": strategy.run,
    "experimental_local_results": strategy.experimental_local_results,
})(), ("a:1", "b:2"), 0)
with strategy.scope():
    shared = tf.Variable([1.0, 2.0])
plain = tf.Variable(3, dtype=tf.int64)
team.follow_chief([shared, plain])
assert shared.numpy().tolist() == [1.0, 2.0], shared
assert plain.numpy() == 3, plain
"""
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.trained
@pytest.mark.parametrize(
    "project, more", [("vae", ["--jit-compile"]), ("conditional", []), ("flow", [])]
)
def test_the_other_steps_are_shared_too(project, more):
    """Without XLA, which `jit_compile`, usual where there is a GPU, would ask for."""
    words = "--project", project, "--steps", "2"
    one, two = steps("one", *words), steps("mirrored", *words, *more)
    assert farthest(two[:, :2], one[:, :2]) < 1e-3


def firsts(numbers, *words):
    """The pictures of all batches."""
    return [batch[0] for batch in training.make_batches(numbers, None, *words)]


def test_each_worker_has_its_own_pictures_and_its_rows_of_each_batch():
    """In the first epoch, the batches are those of one machine."""
    count = SMALL.pictures
    own = [team(rank).own_numbers(SMALL, data.shuffled) for rank in range(2)]
    assert sorted(np.concatenate(own)) == list(range(count))

    numbers = np.arange(count).reshape(-1, 1)
    whole = firsts(numbers, SMALL)
    halves = []
    for rank in range(2):
        halves.append(firsts(numbers[own[rank]], SMALL, 0, team(rank)))
    assert len(whole) == len(halves[0]) == len(halves[1]) == SMALL.total_steps
    for batch, *parts in zip(whole[:32], *halves, strict=False):
        assert np.array_equal(batch, np.concatenate(parts))
    for parts in halves:  # later epochs: the same pictures, in another order
        first, second = (np.concatenate(parts[at : at + 32]) for at in (0, 32))
        assert not np.array_equal(first, second)
    left = firsts(numbers[own[1]], SMALL, 40, team(1))
    assert all(map(np.array_equal, left, halves[1][40:]))


def test_one_device_may_have_batches_of_one():
    single = dataclasses.replace(SMALL, batch_size=1, epochs=1, pictures=3)
    numbers = np.arange(3).reshape(-1, 1)
    batches = firsts(numbers, single)
    assert sorted(int(batch[0, 0]) for batch in batches) == [0, 1, 2]


def test_a_worker_loads_no_more_than_its_share():
    numbers = team(1).own_numbers(SMALL, data.shuffled)
    asked = dataclasses.replace(SMALL, project="conditional", classes=10)
    pictures, labels = projects.load_dataset(asked, numbers=numbers)
    whole, known = projects.load_dataset(asked)
    assert len(pictures) == len(labels) == 327
    assert np.array_equal(pictures, whole[numbers])
    assert np.array_equal(labels, known[numbers])


def test_only_the_chief_writes(tmp_path):
    helper = distribute.Cluster(distribute.SINGLE.strategy, rank=1)
    run = training.take_part(SMALL, tmp_path / "run", helper)
    assert run.finished and not run.chief
    assert list(tmp_path.iterdir()) == []


def test_logs_stand_side_by_side(tmp_path):
    bar = "Epoch 1 of 2:  9%|▏ | 9/99 [00:10<00:13, 9.9step/s, d_loss=1.32, g_loss=0.7]"
    (tmp_path / "worker_0.txt").write_text(f"{bar}\r{bar.replace('9/99', '10/99')}\n")
    (tmp_path / "worker_1.txt").write_text("Sorry: " + "many words " * 6)
    rows = launch.side_by_side(tmp_path, 2).splitlines()
    assert [row.split(" │ ")[0].strip() for row in rows] == [
        "worker 0",
        "step 9, d_loss=1.32, g_loss=0.7",
        "step 10, d_loss=1.32, g_loss=0.7",
    ]
    assert all(len(row) <= 88 and row[43] == "│" for row in rows)


def last_line(log):
    return log.read_text().replace("\r", "\n").strip().splitlines()[-1]


NO_PROXY_THERE = dict.fromkeys(["http_proxy", "https_proxy"], "http://127.0.0.1:9")


def two_workers(tmp_path, *different):
    """Starts workers, whose last options differ, on a machine that uses a proxy."""
    cluster = {"worker": launch.free_addresses(2)}
    words = [sys.executable, "-m", "mnistgan", "train", "--strategy=workers"]
    words += ["--preset=quick", "--pictures=6400", *NARROW]
    words += [f"--out={tmp_path / 'run'}"]
    both = []
    for rank, own in enumerate(different):
        config = {"cluster": cluster, "task": {"type": "worker", "index": rank}}
        env = {**os.environ, **NO_PROXY_THERE, "TF_CONFIG": json.dumps(config)}
        with open(tmp_path / f"{rank}.txt", "w") as log:
            said = {"stdout": log, "stderr": log}
            # A shell's background jobs ignore Ctrl-C; what they start would, too.
            hears = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
            started = subprocess.Popen(
                [*words, *own], env=env, preexec_fn=hears, **said
            )
            both.append(started)
    return both


def test_workers_must_agree_on_the_settings(tmp_path):
    both = two_workers(tmp_path, ["--epochs=1"], ["--epochs=3", "--batch-size=64"])
    assert [each.wait(PATIENCE) for each in both] == [2, 2]
    for rank in range(2):
        found = last_line(tmp_path / f"{rank}.txt")
        assert found.startswith("Sorry: worker 1 (127.0.0.1:")
        assert "has other settings than worker 0: epochs, batch_size." in found


def test_who_is_stopped_or_killed_stops_all_and_the_chief_saves(tmp_path):
    """And they go on where they were. Notebook 13 does so to the end."""
    both = two_workers(tmp_path, [], [])
    until((tmp_path / "run/previews/step_000050.png").exists)
    both[1].send_signal(signal.SIGINT)
    assert [each.wait(PATIENCE) for each in both] == [130, 130]
    step = runs.read_history(tmp_path / "run")[-1]["step"]
    first, second = (last_line(tmp_path / f"{rank}.txt") for rank in range(2))
    assert step and f"Stopped and saved after step {step} of" in first
    assert "WARNING:tensorflow" not in (tmp_path / "0.txt").read_text()
    assert f"Stopped with the others after step {step} of" in second

    both = two_workers(tmp_path, [], [])
    kept = partial(checkpoints.found, tmp_path / "run")
    until(lambda: max(map(checkpoints.step_of, kept()), default=0) > step)
    both[1].kill()
    assert both[0].wait(PATIENCE) == 2
    found = last_line(tmp_path / "0.txt")
    assert "worker 1 (127.0.0.1:" in found and "stopped answering" in found
    rows = [row["step"] for row in runs.read_history(tmp_path / "run")]
    assert rows == list(range(25, rows[-1] + 1, 25)), "they did not go on"


def test_a_helper_says_who_keeps_what_was_learned(monkeypatch, tmp_path, capsys):
    run = SimpleNamespace(finished=True, chief=False)
    monkeypatch.setattr(training, "train", lambda *_, **__: run)
    assert __main__.main(["train", f"--out={tmp_path / 'run'}"]) == 0
    assert "The first worker keeps what was learned" in capsys.readouterr().out


@pytest.mark.parametrize("kind, code", [("SIGINT", 130), ("SIGTERM", -15)])
def test_a_worker_that_waits_alone_can_be_ended(tmp_path, kind, code):
    (alone,) = two_workers(tmp_path, [])
    log = tmp_path / "0.txt"
    until(lambda: "Worker 0 of 2: waiting for the others." in log.read_text())
    alone.send_signal(getattr(signal, kind))
    assert alone.wait(PATIENCE) == code
    assert "Traceback" not in log.read_text()


def test_a_worker_says_for_whom_it_waits_and_not_for_ever(monkeypatch, capsys):
    monkeypatch.setattr(distribute, "SECONDS_BETWEEN_WORDS", 0)
    monkeypatch.setattr(distribute, "SECONDS_TO_COME", 3.0)
    addresses = launch.free_addresses(2)
    with pytest.raises(OSError, match=rf"worker 1 \({addresses[1]}\) did not come"):
        distribute.meet(addresses, 0)
    assert f"Still waiting for worker 1 ({addresses[1]})" in capsys.readouterr().out


def test_workers_meet_whoever_comes_first():
    addresses = launch.free_addresses(3)

    def come(rank):
        distribute.meet(addresses, rank)  # then TensorFlow listens there
        place = "", int(addresses[rank].rpartition(":")[2])
        return listening.enter_context(socket.create_server(place))

    with ExitStack() as listening, ThreadPoolExecutor(3) as pool:
        early = [pool.submit(come, rank) for rank in (2, 0)]
        time.sleep(0.3)
        assert not any(each.done() for each in early)
        for each in (*early, pool.submit(come, 1)):
            each.result(PATIENCE)


def test_a_worker_who_waits_long_still_hears_the_others():
    """Whoever looks leaves a closed connection; the system keeps 128 of them."""
    addresses = launch.free_addresses(2)
    with ThreadPoolExecutor(1) as pool:
        early = pool.submit(distribute.meet, addresses, 0)
        until(lambda: distribute.answers(addresses[0]))
        for _ in range(30):
            assert all(distribute.answers(addresses[0]) for _ in range(10))
            time.sleep(0.05)
        with socket.create_server(("", int(addresses[1].rpartition(":")[2]))):
            early.result(PATIENCE)


def test_workers_find_the_package_that_a_notebook_found(tmp_path, monkeypatch):
    """In Colab it may lie in a folder that only the notebook's own path names."""
    python = tmp_path / "python"
    look = "from importlib.util import find_spec; print(find_spec('mnistgan').origin)"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -S -c "{look}"\n')
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.chdir(tmp_path)
    for worker in launch.start(2, [], tmp_path):
        assert worker.wait(PATIENCE) == 0
    found = (tmp_path / "worker_1.txt").read_text().strip()
    assert found == str(Path(training.__file__).with_name("__init__.py"))


@pytest.mark.parametrize(
    "known, wanted",
    [
        ({}, "localhost,127.0.0.1,first,second"),
        ({"no_proxy": "a.b,first"}, "a.b,first,localhost,127.0.0.1,second"),
        ({"no_grpc_proxy": "c"}, "c,localhost,127.0.0.1,first,second"),
    ],
)
def test_workers_talk_past_proxies(monkeypatch, known, wanted):
    for name in ("no_grpc_proxy", "no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, known.get(name, ""))
    distribute.bypass_proxies(["first:4000", "second:4000"])
    assert os.environ["no_grpc_proxy"] == wanted  # noqa: SIM112


def test_too_little_memory_is_said_in_a_sentence(monkeypatch, tmp_path):
    def take_part(*_):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating")

    monkeypatch.setattr(training, "take_part", take_part)
    with pytest.raises(OSError, match="not enough memory: choose a smaller batch"):
        training.train(SMALL, tmp_path / "run")


def test_an_address_that_is_taken_is_named(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        cluster = {"worker": [address, "127.0.0.1:1"]}
        config = {"cluster": cluster, "task": {"type": "worker", "index": 0}}
        program = [sys.executable, "-m", "mnistgan", "train", "--strategy=workers"]
        ran = subprocess.run(
            [*program, "--preset=quick", f"--out={tmp_path / 'run'}"],
            env={**os.environ, "TF_CONFIG": json.dumps(config)},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
    assert ran.returncode == 2
    last = ran.stderr.strip().splitlines()[-1]
    assert last.startswith(f"Sorry: worker 0 cannot listen at {address} (")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"cluster": {"worker": ["a:1"]}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "ps", "index": 0}}',
        '{"cluster": {"worker": ["a"]}, "task": {"type": "worker", "index": 0}}',
        '{"cluster": {"worker": [1]}, "task": {"type": "worker", "index": 0}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": "x"}}',
        '{"cluster": {"worker": ["a:0"]}, "task": {"type": "worker", "index": 0}}',
        '{"cluster": {"worker": ["a:65536"]}, "task": {"type": "worker", "index": 0}}',
    ],
)
def test_a_wrong_tf_config_is_named(text, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(ValueError, match="TF_CONFIG is "):
        distribute.form_cluster("workers")


def test_a_chief_comes_first():
    cluster = {"worker": ["b:2", "c:3"], "chief": ["a:1"]}
    for kind, index, rank in (("chief", 0, 0), ("worker", 0, 1), ("worker", 1, 2)):
        text = json.dumps({"cluster": cluster, "task": {"type": kind, "index": index}})
        assert distribute.read_config(text) == (("a:1", "b:2", "c:3"), rank)


def test_what_a_team_cannot_do_is_refused(monkeypatch, tmp_path):
    with pytest.raises(ValueError, match="strategy is 'all'"):
        training.Options(strategy="all")
    with pytest.raises(ValueError, match="batch_size is 20, for 3 devices"):
        team(0, 3).check_batch(SMALL, "warn")
    with pytest.raises(ValueError, match="on_divergence is 'rollback'"):
        team(0).check_batch(SMALL, "rollback")
    tf.zeros(1)  # TensorFlow is at work
    monkeypatch.setenv("TF_CONFIG", distribute.EXAMPLE)
    with pytest.raises(ValueError, match="before TensorFlow calculates anything"):
        distribute.form_cluster("workers")
    assert not (tmp_path / "run").exists()


def test_the_slurm_script_tells_each_worker_who_it_is(tmp_path):
    """With stand-ins for Slurm's commands, and for Python."""
    stand_ins = {
        "scontrol": "printf 'node1\\nnode2\\nnode3\\n'",
        "srun": 'shift; for SLURM_PROCID in 0 1 2; do export SLURM_PROCID; "$@"; done',
        ".venv/bin/python": 'echo "$TF_CONFIG" >> notes.txt; echo "$@" >> words.txt',
    }
    for name, does in stand_ins.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/bash\n{does}\n")
        path.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    env = {**os.environ, "PATH": path, "SLURM_JOB_NODELIST": "node[1-3]"}
    script = course.ROOT / "lessons" / "many_machines" / "slurm.sh"
    subprocess.run(["bash", script], cwd=tmp_path, env=env, check=True)
    notes = (tmp_path / "notes.txt").read_text().splitlines()
    everybody = "node1:4000", "node2:4000", "node3:4000"
    assert [distribute.read_config(note) for note in notes] == [
        (everybody, rank) for rank in range(3)
    ]
    _, *words = (tmp_path / "words.txt").read_text().splitlines()[0].split()[1:]
    assert __main__.build_parser().parse_args(words).strategy == "workers"


def test_the_kubernetes_file_starts_what_there_is():
    page = (course.ROOT / "lessons" / "many_machines" / "tfjob.yaml").read_text()
    (worker,) = yaml.safe_load(page)["spec"]["tfReplicaSpecs"].values()
    (container,) = worker["template"]["spec"]["containers"]
    words = container["command"][3:] + container["args"]
    options = __main__.build_parser().parse_args(words)
    assert (
        options.strategy == "workers" and options.batch_size % worker["replicas"] == 0
    )
