"""What is shown while something takes its time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.cli.conftest import process_environment
from tests.cli.terminal import terminal

PROGRAM = """
from revurb.cli.progress import waiting
with waiting("asking [red]them"):
    input()
print("done")
"""


def test_a_terminal_shows_what_is_going_on_and_then_no_more(tmp_path: Path) -> None:
    with terminal(tmp_path, "-c", PROGRAM) as shown:
        shown.shows(r"asking \[red\]them")
        shown.type("\n")
        assert shown.ended() == 0
    assert shown.screen.rstrip().endswith("done")
    assert "\x1b[2K" in shown.screen  # the line is erased


def test_elsewhere_nothing_is_written() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=process_environment(), input="\n", capture_output=True, text=True,
        timeout=30,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("done\n", "")
