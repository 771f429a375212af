from __future__ import annotations

import logging
from pathlib import Path

import pytest

from revurb.config import Config, load
from revurb.processes.fixed_options import refusal, warn_of_changes

APP = {"REVERB_APP_ID": "1", "REVERB_APP_KEY": "k", "REVERB_APP_SECRET": "s"}


def config(**environ: str) -> Config:
    return load(environ=APP | environ, cwd=Path("/nowhere"))


def test_where_the_workers_meet_cannot_change() -> None:
    alone, scaled = config(), config(REVERB_SCALING_ENABLED="true")
    assert refusal(alone, alone) is None
    for before, after in ((alone, scaled), (scaled, alone)):
        assert "scaling.enabled has changed" in str(refusal(before, after))


def test_each_change_without_effect_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    before = config(REVERB_SERVER_PORT="1", REVURB_WORKERS="2")
    after = config(REVERB_SERVER_PORT="2", REVURB_WORKERS="3", REVERB_SERVER_PATH="/ws")
    with caplog.at_level(logging.WARNING):
        warn_of_changes(before, after, workers=2)
    said = [(record.__dict__["option"], record.__dict__["configured"]) for record in caplog.records]
    assert said == [("server.port", 2), ("process.workers", 3)]


def test_the_listener_stays_as_it_is_and_no_token_is_told(caplog: pytest.LogCaptureFixture) -> None:
    before = config(REVURB_ADMIN_PORT="1", REVURB_ADMIN_TOKEN="hush")
    after = config(REVURB_ADMIN_PORT="2", REVURB_ADMIN_TOKEN="hush-hush", REVURB_METRICS_NAMES="soketi")
    with caplog.at_level(logging.WARNING):
        warn_of_changes(before, after, workers=1)
    said = [record.__dict__["option"] for record in caplog.records]
    assert said == ["admin.port", "admin.token", "metrics.names"]
    assert "hush" not in str([record.__dict__ for record in caplog.records])
