"""What cannot be used is counted, and named in the log once in a while."""

from __future__ import annotations

import logging

import pytest

from revurb.bus.redis import invalid_values
from revurb.bus.redis.invalid_values import MAX_KEYS_LOGGED, InvalidValues


def keys(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.__dict__["key"] for record in caplog.records if record.levelno == logging.WARNING]


def test_a_key_is_named_once(caplog: pytest.LogCaptureFixture) -> None:
    invalid = InvalidValues()
    for _ in range(3):
        invalid.report("key", "reason")
    invalid.report(b"\xff" + b"x" * 1000, ValueError("y" * 1000))
    assert invalid.count == 4
    assert keys(caplog) == ["key", "\\xff" + "x" * 196]
    assert len(caplog.records[-1].__dict__["reason"]) == 200


def test_no_flood_of_keys_fills_the_log(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    invalid = InvalidValues()
    for number in range(10 * MAX_KEYS_LOGGED):
        invalid.report(str(number), "reason")
    assert invalid.count == 10 * MAX_KEYS_LOGGED
    assert len(keys(caplog)) == MAX_KEYS_LOGGED
    monkeypatch.setattr(invalid_values, "LOG_EVERY_S", 0)
    invalid.report("later", "reason")
    assert keys(caplog)[-1] == "later"
