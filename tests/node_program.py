"""Node, and the client libraries beside tests/e2e/driver.mjs."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent / "e2e"


@pytest.fixture(scope="session")
def node_program(need: Callable[[str], str]) -> str:
    """Node, with the client libraries installed beside driver.mjs."""
    program, npm = need("node"), need("npm")
    wanted = json.loads((FOLDER / "package.json").read_text())["dependencies"]
    if not all((FOLDER / "node_modules" / name).is_dir() for name in wanted):
        command = [npm, "ci", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            reason = f"npm could not install the client libraries: {done.stderr.strip()}"
            if os.environ.get("CI"):
                pytest.fail(reason)
            pytest.skip(reason)
    return program
