"""`revurb stop` on servers in processes of their own."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.cli.local import run
from tests.processes.serving import serving

pytestmark = pytest.mark.usefixtures("elsewhere")


def test_stop_now_waits_for_nobody(tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "2", "--drain-timeout", "600") as server:
        with socket.create_connection(("127.0.0.1", server.port)) as stuck:
            stuck.sendall(b"GET /up HTTP/1.1\r\nHo")
            assert run(server.runtime_dir, "stop", "--now").exit_code == 0
        assert server.ended() == 0
