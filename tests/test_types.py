"""The types fit, as mypy reads them: here, so that other tests run beside it."""

import subprocess
import sys

import course


def test_types_fit():
    mypy = [sys.executable, "-m", "mypy"]
    ran = subprocess.run(mypy, cwd=course.ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
