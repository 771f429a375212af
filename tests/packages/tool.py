"""Runs what checks the packages."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
GO_TOOLS = ROOT / "build" / "tools"  # of install-tools
PYTHON_TOOLS = Path(sys.executable).parent


def run(*command: str | Path, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """The finished run of a program, with its output as text."""
    return subprocess.run(
        [str(part) for part in command], cwd=cwd, capture_output=True, text=True, timeout=300, check=False
    )


def passed(*command: str | Path, cwd: Path = ROOT) -> str:
    """The output of a program that has to succeed."""
    done = run(*command, cwd=cwd)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
