"""A small herd: everybody is served, and all figures are printed."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.conftest import Need


@pytest.mark.parametrize("workers", ["1", "2"])
def test_all_come_back(need: Need, workers: str) -> None:
    need("taskset")
    command = [
        sys.executable,
        "-m",
        "benchmarks.load.herd",
        "--clients",
        "40",
        "--missed",
        "3",
        "--workers",
        workers,
    ]
    output = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    assert re.search(r"^a kept event of 100 bytes takes \d+ bytes$", output, re.MULTILINE)
    assert re.search(
        r"^40 clients with 3 missed events each: all served after [\d.]+ s, \d+ us of server CPU each;"
        r" a ping took [\d.]+ ms in the middle, [\d.]+ at the 99th percentile, [\d.]+ at most$",
        output,
        re.MULTILINE,
    )
