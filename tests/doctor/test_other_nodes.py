"""What `revurb doctor` and `revurb status --cluster` find on a real Redis with real nodes."""

from __future__ import annotations

import json
from pathlib import Path

from tests.doctor.command import revurb
from tests.processes.serving import serving
from tests.redis_server import RedisServer

HEADINGS = [
    "Host",
    "Pid",
    "State",
    "Uptime",
    "Connections",
    "Topics",
    "Lag",
    "Waiting",
    "Lost",
    "Invalid",
    "Version",
]


def test_nodes_are_found_and_asked(server: RedisServer, tmp_path: Path) -> None:
    environment = {"REVERB_SCALING_ENABLED": "true", "REDIS_URL": f"unix://{server.socket}"}
    with serving(tmp_path, environment=environment), serving(tmp_path, environment=environment):
        code, out, err = revurb(tmp_path, environment, "doctor")
        assert (code, err) == (0, "")
        assert "2 answered" in out
        of_redis = out[out.index("Redis  ") :]  # what this host allows is not of interest here
        assert "wrong" not in of_redis
        assert "warning" not in of_redis
        code, out, err = revurb(tmp_path, environment, "status", "--cluster", "--json")
        assert (code, err) == (0, "")
        found = json.loads(out)
        assert [node["state"] for node in found] == ["ready", "ready"]
        assert len({node["pid"] for node in found}) == 2
        code, out, _ = revurb(tmp_path, environment, "status", "--cluster")
        assert code == 0
        first, headings, *rows = out.splitlines()
        assert first == "2 processes on 1 host, 0 connections"
        assert headings.split() == HEADINGS
        assert len(rows) == 2
