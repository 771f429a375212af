"""Runs the `revurb` command as an operator does."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

PORT = {"REVERB_SERVER_PORT": "0"}


def revurb(cwd: Path, environment: Mapping[str, str], *arguments: str) -> tuple[int, str, str]:
    app = {"REVERB_APP_ID": "1", "REVERB_APP_KEY": "key1", "REVERB_APP_SECRET": "secret1"}
    done = subprocess.run(
        [sys.executable, "-P", "-m", "revurb", *arguments],
        cwd=cwd,
        # In a folder of its own, so that servers of others on this host are not found.
        env={"PATH": os.environ["PATH"], "REVURB_RUNTIME_DIR": str(cwd), **PORT, **app, **environment},
        capture_output=True,
        text=True,
        timeout=30,
    )
    return done.returncode, done.stdout, done.stderr
