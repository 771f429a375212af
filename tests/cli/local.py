"""Runs verbs that find servers by their control sockets."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner, Result

from revurb.cli.main import main


def run(runtime_dir: Path, *arguments: str) -> Result:
    environment = {"REVURB_RUNTIME_DIR": str(runtime_dir)}
    result = CliRunner().invoke(main, arguments, prog_name="revurb", env=environment)
    assert "Traceback" not in result.output
    return result
