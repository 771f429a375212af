"""Where an examination ends: without scaling, and without a Redis."""

from __future__ import annotations

from pathlib import Path

from tests.doctor.command import revurb


def test_a_redis_that_is_not_there(tmp_path: Path) -> None:
    environment = {"REVERB_SCALING_ENABLED": "true", "REDIS_URL": f"unix://{tmp_path}/none.sock"}
    code, out, _ = revurb(tmp_path, environment, "doctor")
    assert code == 1
    assert out.startswith("wrong  connection")
    assert "REDIS_URL" in out
    code, _, err = revurb(tmp_path, environment, "status", "--cluster")
    assert code == 1
    assert "revurb doctor" in err


def test_without_scaling_there_is_nothing_to_look_at(tmp_path: Path) -> None:
    code, out, _ = revurb(tmp_path, {}, "doctor")
    assert (code, out.split()[:2]) == (0, ["ok", "scaling"])
    code, _, err = revurb(tmp_path, {}, "status", "--cluster")
    assert code == 1
    assert "REVERB_SCALING_ENABLED" in err
