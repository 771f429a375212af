"""The echo server under test: one process for a module."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ECHO = Path(__file__).with_name("echo.py")
END_WAIT_S = 10.0  # from SIGTERM to the end of the process


@pytest.fixture(scope="module")
def echo_port() -> Iterator[int]:
    """The port of echo.py on loopback. Ends with it, and fails if it did not end well."""
    with subprocess.Popen(
        [sys.executable, "-W", "error", str(ECHO), "--port", "0"], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("listening on "), line
            yield int(line.rpartition(":")[2])
        finally:
            process.terminate()
            try:
                status = process.wait(END_WAIT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        assert status == 0
