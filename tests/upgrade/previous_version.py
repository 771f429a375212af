"""The previous version of the server, built from the history of this repository.

`tests/upgrade/PREVIOUS` names its commit or tag; a variable of that name in the environment is another one to try.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def previous_ref() -> str:
    return os.environ.get("PREVIOUS") or (ROOT / "tests" / "upgrade" / "PREVIOUS").read_text().strip()


def build_previous(path: Path) -> Path:
    """Build the previous version in the folder `path`. With that as PYTHONPATH, `python -m revurb` is that version.
    Raises RuntimeError if its commit is not in the history, as in a shallow clone."""
    ref = previous_ref()
    archived = subprocess.run(
        ["git", "archive", "--format=tar", ref], cwd=ROOT, capture_output=True, check=False
    )
    if archived.returncode:
        reason = archived.stderr.decode().strip()
        raise RuntimeError(
            f"{ref}, the previous version, is not in the history here ({reason}): git fetch --unshallow"
        )
    subprocess.run(["tar", "-x", "-C", str(path)], input=archived.stdout, check=True)
    build = [sys.executable, "setup.py", "--quiet", "build_ext", "--inplace"]
    subprocess.run(build, cwd=path, check=True, capture_output=True)
    return path
