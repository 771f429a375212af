"""A Revurb to measure: `revurb serve --dev` in a process of its own, on core 0."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.load.generator import Target


@contextmanager
def revurb() -> Iterator[Target]:
    """Serves the ready-made app on a free port until the block is left."""
    command = ["taskset", "-c", "0", sys.executable, "-m", "revurb", "serve", "--dev", "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        found = next(
            filter(None, (re.search(r"listening on \S+?:(\d+)", line) for line in process.stdout)), None
        )
        if found is None:
            raise RuntimeError("revurb did not start")
        yield Target("revurb", int(found[1]), (process.pid,))
    finally:
        process.terminate()
        process.communicate(timeout=30)
