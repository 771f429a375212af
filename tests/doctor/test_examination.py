"""Where an examination ends: without scaling, and without a Redis; and that its texts are shown as they are."""

from __future__ import annotations

import re
from pathlib import Path

from tests.doctor.command import revurb
from tests.redis_server import RedisServer


def test_a_redis_that_is_not_there(tmp_path: Path) -> None:
    environment = {"REVERB_SCALING_ENABLED": "true", "REDIS_URL": f"unix://{tmp_path}/none.sock"}
    code, out, _ = revurb(tmp_path, environment, "doctor")
    assert code == 1
    wrong, advice = out.splitlines()[-2:]
    assert wrong.split()[:2] == ["wrong", "Redis"]
    assert "REDIS_URL" in advice
    code, _, err = revurb(tmp_path, environment, "status", "--cluster")
    assert code == 1
    assert "revurb doctor" in err


def test_without_scaling_this_host_is_looked_at(tmp_path: Path) -> None:
    code, out, _ = revurb(tmp_path, {}, "doctor")
    subjects = [re.split(" {2,}", line)[1] for line in out.splitlines() if not line.startswith(" ")]
    assert (code, subjects) == (
        0,
        ["port", "TLS", "open files", "backlog", "memory", "app 1", "scaling"],
    ), out
    code, _, err = revurb(tmp_path, {}, "status", "--cluster")
    assert code == 1
    assert "REVERB_SCALING_ENABLED" in err


def test_a_text_of_the_settings_is_not_markup(server: RedisServer, tmp_path: Path) -> None:
    environment = {
        "REVERB_SCALING_ENABLED": "true",
        "REDIS_URL": f"unix://{server.socket}",
        "REVERB_SCALING_CHANNEL": "[/x] a[red]b :x:",
    }
    code, out, err = revurb(tmp_path, environment, "doctor")
    assert (code, err) == (0, "")
    assert "listen on '[/x] a[red]b :x:': 0" in out
