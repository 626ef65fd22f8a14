"""Time limits that fail only what hangs: the machine may have other work to do."""

import time

PATIENCE = 600.0  # seconds


def until(happened, seconds=PATIENCE):
    """Waits until `happened()` is true, and returns what it gave; fails only late."""
    began = time.monotonic()
    while not (found := happened()):
        assert time.monotonic() - began < seconds, f"not even in {seconds:.0f} seconds"
        time.sleep(0.1)
    return found
