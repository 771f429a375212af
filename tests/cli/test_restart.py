"""`revurb restart` on servers in processes of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.local import run
from tests.processes.serving import all_ready, serving

pytestmark = pytest.mark.usefixtures("elsewhere")


def test_restart(tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "2") as server:
        before = {row.pid for row in server.workers()}
        result = run(server.runtime_dir, "restart")
        assert result.output == f"Restarted the workers of the server on port {server.port}\n"
        assert not before & {row.pid for row in server.workers()}
        (tmp_path / "revurb.toml").write_text("[server]\nprot = 1\n")
        result = run(server.runtime_dir, "restart")
        assert result.exit_code == 1
        assert result.output.startswith("Error: server.prot: unknown key, found in")
        server.becomes(all_ready)


def test_one_process_cannot_be_restarted(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        result = run(server.runtime_dir, "restart")
        assert result.exit_code == 1
        assert "run it with --workers 2 or more" in result.output
