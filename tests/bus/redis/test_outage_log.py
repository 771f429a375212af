"""How often an outage is logged."""

from __future__ import annotations

import logging

import pytest

from revurb.bus.redis.outage_log import LOG_EVERY_S, MAX_CHANGES, OutageLog
from revurb.bus.redis.shared_redis import PLANNED_END


def reasons(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.__dict__["reason"] for record in caplog.records]


def test_the_beginning_and_every_change(caplog: pytest.LogCaptureFixture) -> None:
    log = OutageLog(logging.getLogger("revurb.test"), "redis is out of reach")
    for reason in ("refused", "refused", "LOADING", "LOADING", "refused"):
        log.failed(reason, is_new_outage=False)
    assert reasons(caplog) == ["refused", "LOADING", "refused"]
    log.failed("refused", is_new_outage=True)
    assert reasons(caplog)[3:] == ["refused"]


def test_a_reason_that_changes_all_the_time_is_not_a_flood(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr("revurb.bus.redis.outage_log.time.monotonic", lambda: now)
    log = OutageLog(logging.getLogger("revurb.test"), "redis is out of reach")
    for number in range(1000):
        log.failed(str(number % 2), is_new_outage=False)
    assert len(caplog.records) == MAX_CHANGES
    now = LOG_EVERY_S
    for number in range(1000):
        log.failed(str(number % 2), is_new_outage=False)
    assert len(caplog.records) == MAX_CHANGES + 1


def test_a_planned_end_is_no_warning(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    log = OutageLog(logging.getLogger("planned"), "out of reach")
    log.failed(PLANNED_END, is_new_outage=True)
    log.failed("closed", is_new_outage=True)
    assert [record.levelname for record in caplog.records] == ["INFO", "WARNING"]
