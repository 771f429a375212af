"""What `ps` shows of a process that has given itself a title."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux")

CODE = """
import sys
from revurb.processes.process_title import set_title

for title in sys.argv[1:]:
    set_title(title)
    with open("/proc/self/cmdline") as file:
        print(file.read().rstrip("\\0"))
with open("/proc/self/comm") as file:
    print(file.read(), end="")
print(sys.argv[1:])
"""


def titled(*titles: str) -> list[str]:
    return subprocess.run(
        [sys.executable, "-c", CODE, *titles], capture_output=True, text=True, check=True, timeout=20
    ).stdout.splitlines()


def test_a_title_takes_the_place_of_the_command_line() -> None:
    assert titled("revurb: worker 0") == ["revurb: worker 0", "revurb:worker0", "['revurb: worker 0']"]


def test_a_title_can_be_set_again() -> None:
    assert titled("revurb: template", "revurb: hub")[:3] == ["revurb: template", "revurb: hub", "revurb:hub"]


def test_a_title_has_as_much_room_as_the_command_line() -> None:
    title = "revurb: " + "x" * 1000
    room = len("\0".join([sys.executable, "-c", CODE, title])) + 1
    assert titled(title)[0] == title[: room - 2]
    assert len(title) < room
