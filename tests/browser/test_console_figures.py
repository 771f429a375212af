"""What the console's modules compute without a page: rates, gaps and totals, axes, filters, routes, texts. In Node."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.conftest import Need

PROGRAM = Path(__file__).with_name("console_figures.mjs")


def test_the_console_computes_what_it_shows(need: Need) -> None:
    done = subprocess.run(
        [need("node"), str(PROGRAM)], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(done.stdout.splitlines()) == 13
