"""What docs/deploy.md hands out is taken by the programs that it is for."""

from __future__ import annotations

import configparser
import os
import subprocess
from pathlib import Path

from tests.conftest import Need

EXAMPLES = Path(__file__).parents[2] / "examples"
NAME = "revurb.service"


def test_systemd_takes_the_unit(tmp_path: Path, need: Need) -> None:
    program = need("systemd-analyze")
    text = (EXAMPLES / "systemd" / NAME).read_text()
    assert "/opt/revurb/bin/revurb" in text
    unit = tmp_path / NAME
    # systemd looks whether the program is there.
    unit.write_text(text.replace("/opt/revurb/bin/revurb", "/bin/true"))
    done = subprocess.run(
        [program, "verify", "--man=no", unit], capture_output=True, text=True, timeout=60, check=False
    )
    of_this_unit = [
        line for line in (done.stdout + done.stderr).splitlines() if NAME in line or "line" in line
    ]
    assert (done.returncode, of_this_unit) == (0, [])


def test_the_unit_waits_for_the_drain() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(EXAMPLES / "systemd" / NAME)
    supervisor = configparser.ConfigParser(interpolation=None)
    supervisor.read(EXAMPLES / "supervisor" / "revurb.conf")
    assert int(unit["Service"]["TimeoutStopSec"]) > 8
    assert supervisor.getint("program:revurb", "stopwaitsecs") > 8
    assert os.path.isabs(supervisor["program:revurb"]["command"])
