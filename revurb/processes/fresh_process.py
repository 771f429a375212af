"""Starts a fresh interpreter: with the code on disk, and without the memory of this process."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where a process runs. Its standard input is /dev/null, its output that of this process."""

    environ: Mapping[str, str]
    cwd: Path
    interpreter: Path = field(default_factory=lambda: Path(sys.executable))


def start_fresh(module: str, arguments: Sequence[str], fds: Sequence[int], place: Surroundings) -> int:
    """Run `python -m module arguments`, and return its pid. It inherits `fds` under their numbers. Whoever calls this
    waits for the process. Raises OSError."""
    process = subprocess.Popen(
        [*python_command(place), "-m", module, *arguments],
        cwd=place.cwd,
        env=dict(place.environ),
        stdin=subprocess.DEVNULL,
        pass_fds=tuple(fds),
        process_group=0,  # Ctrl-C reaches the supervisor only, which then drains its children
    )
    process.returncode = 0  # so that subprocess does not wait for it too
    return process.pid


def imported_from(folder: Path) -> bool:
    """Whether Revurb itself is imported from `folder`."""
    return Path(__file__).parents[2] == folder.resolve()


def python_command(place: Surroundings) -> list[str]:
    """The Python command. With -P the working directory is not searched for modules: it is the user's project, where
    a file token.py may shadow one of the standard library. Without, if Revurb itself is imported from there."""
    return [str(place.interpreter), *(() if imported_from(place.cwd) else ("-P",))]
