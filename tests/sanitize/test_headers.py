"""Our own C is free of warnings, alone: what Cython writes around it is not held to this."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import revurb._speedups

SOURCES = Path(revurb._speedups.__file__).parent
HEADERS = sorted(SOURCES.glob("*.h"))
WARNINGS = ["-Wall", "-Wextra", "-Wconversion", "-Wsign-conversion", "-Wshadow", "-Wpedantic", "-Werror"]


@pytest.mark.parametrize("header", HEADERS, ids=[path.name for path in HEADERS])
def test_header_compiles_alone_without_a_warning(
    header: Path, tmp_path: Path, need: Callable[[str], str]
) -> None:
    compiler = need(os.environ.get("CC", "cc"))
    # Twice, for its guard. At -O2, since some warnings need the compiler to look at the flow of values.
    unit = tmp_path / "unit.c"
    unit.write_text(f'#include "{header.name}"\n#include "{header.name}"\nint nothing;\n')
    command = [compiler, "-std=gnu11", "-O2", *WARNINGS, f"-I{SOURCES}", "-c", str(unit), "-o", os.devnull]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_there_is_something_to_compile() -> None:
    assert HEADERS
