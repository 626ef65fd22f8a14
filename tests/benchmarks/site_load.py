"""Twenty visitors at once on the website: how long does each wait?

    python tests/benchmarks/site_load.py [--visitors 20] [--seconds 20] [--leave 0.1]

Starts the site and speaks to it as a browser does, over its websocket. Each visitor
opens the page, then moves a slide bar again and again, on average half a second after
each answer. Prints the median and the slowest answer, and how the server's memory grew.
"""

import argparse
import asyncio
import os
import random
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from tornado.websocket import websocket_connect

ROOT = Path(__file__).resolve().parent.parent.parent
APP = ROOT / "mnistgan" / "site" / "app.py"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(address):
    """Whether a server answers there."""
    try:
        return urllib.request.urlopen(address, timeout=1).status == 200
    except OSError:
        return False


def start_site(port, **environment):
    """Starts the website and waits until it answers."""
    command = [sys.executable, "-m", "mnistgan", "site", "--no-browser"]
    server = subprocess.Popen(
        [*command, "--port", str(port)],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while not answers(f"http://127.0.0.1:{port}/_stcore/health"):
        if server.poll() is not None:
            raise RuntimeError(f"the site stopped at once, with {server.returncode}")
        time.sleep(0.5)
    return server


def memory(pid):
    """Resident memory of a process, in MB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


async def answer(page):
    """Reads until the page is built; returns the sliders' ids and the errors seen."""
    sliders, errors = [], []
    while True:
        raw = await page.read_message()
        if raw is None:
            raise ConnectionError("the site hung up")
        message = ForwardMsg.FromString(raw)
        element = message.delta.new_element
        if element.WhichOneof("type") == "slider":
            sliders.append(element.slider.id)
        if element.WhichOneof("type") == "exception":
            errors.append(element.exception.message)
        if message.WhichOneof("type") == "script_finished":
            return sliders, errors


async def open_page(port, errors):
    """Opens the page as a browser does; returns it, and its sliders' ids."""
    address = f"ws://127.0.0.1:{port}/_stcore/stream"
    page = await websocket_connect(address, max_message_size=2**27)
    hello = BackMsg()
    hello.rerun_script.query_string = ""
    await page.write_message(hello.SerializeToString(), binary=True)
    sliders, seen = await answer(page)
    errors += seen
    return page, sliders


async def visit(port, until, leave, waits, errors):
    """One visitor: opens the page, then moves its first slide bar until it is time.

    After some of the moves the visitor is gone before the answer comes, and opens the
    page anew.
    """
    page, sliders = await open_page(port, errors)
    while time.monotonic() < until:
        await asyncio.sleep(random.uniform(0.2, 0.8))
        move = BackMsg()
        state = move.rerun_script.widget_states.widgets.add()
        state.id = sliders[0]
        state.double_array_value.data.append(round(random.uniform(-3, 3), 1))
        start = time.monotonic()
        await page.write_message(move.SerializeToString(), binary=True)
        if random.random() < leave:
            page.close()
            page, sliders = await open_page(port, errors)
            continue
        _, seen = await answer(page)
        waits.append(time.monotonic() - start)
        errors += seen
    page.close()


async def crowd(port, visitors, seconds, leave=0.0):
    """All visitors at once. Returns their waits, in seconds, and all errors."""
    waits, errors = [], []
    until = time.monotonic() + seconds
    visits = (visit(port, until, leave, waits, errors) for _ in range(visitors))
    await asyncio.gather(*visits)
    return waits, errors


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--visitors", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--leave", type=float, default=0.0, help="share of moves")
    options = parser.parse_args()
    port = free_port()
    server = start_site(port)
    try:
        asyncio.run(crowd(port, 2, 3))  # wakes the robot up
        before = memory(server.pid)
        waits, errors = asyncio.run(
            crowd(port, options.visitors, options.seconds, options.leave)
        )
        after = memory(server.pid)
    finally:
        server.terminate()
    print(
        f"{options.visitors} visitors, {len(waits)} answers: median "
        f"{1000 * statistics.median(waits):.0f} ms, slowest {1000 * max(waits):.0f} "
        f"ms; memory {before:.0f} MB, then {after:.0f} MB; {len(errors)} errors"
    )


if __name__ == "__main__":
    main()
