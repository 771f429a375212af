"""docs/testing.md: each of its programs passes as a test file of its own."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "testing.md"


def test_its_programs_pass(tmp_path: Path) -> None:
    programs = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(programs) == 5
    for number, program in enumerate(programs):
        (tmp_path / f"test_program{number}.py").write_text(program)
    names = [f"test_program{number}.py" for number in range(len(programs))]
    # The fixtures that a program overrides are those of the session.
    own = [
        names.pop(number) for number in reversed(range(len(programs))) if "revurb_options" in programs[number]
    ]
    for chosen in (names, own):
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:asyncio",
            *chosen,
        ]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False)
        assert done.returncode == 0, done.stdout
        assert f"{len(chosen)} passed" in done.stdout
