"""How many lines refusals may make."""

from __future__ import annotations

import logging

import pytest

from revurb.observe.refusal_log import LINES_EACH, MAX_FIELD_CHARS, WINDOW_S, RefusalLog


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def note(log: RefusalLog, what: str) -> None:
    if log.counts(what):
        log.write(what, "a:1", "do this")


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    found = [record.getMessage() for record in caplog.records]
    caplog.clear()
    return found


def test_of_each_kind_there_are_some_and_then_a_number(
    caplog: pytest.LogCaptureFixture, clock: Clock
) -> None:
    log = RefusalLog(clock=clock)
    for _ in range(LINES_EACH + 7):
        note(log, "origin refused")
    note(log, "app is full")
    assert lines(caplog) == ["origin refused"] * LINES_EACH + ["app is full"]
    clock.now += WINDOW_S - 1
    log.on_tick()
    assert lines(caplog) == []
    clock.now += 1
    log.on_tick()
    (record,) = caplog.records
    assert (vars(record)["of"], vars(record)["count"]) == ("origin refused", 7)
    caplog.clear()
    note(log, "origin refused")
    assert lines(caplog) == ["origin refused"]
    clock.now += WINDOW_S
    log.on_tick()
    log.on_tick()
    assert lines(caplog) == []


def test_without_a_limit_each_has_its_line(caplog: pytest.LogCaptureFixture, clock: Clock) -> None:
    log = RefusalLog(unlimited=True, clock=clock)
    for _ in range(LINES_EACH * 3):
        note(log, "origin refused")
    clock.now += WINDOW_S
    log.on_tick()
    assert lines(caplog) == ["origin refused"] * LINES_EACH * 3


def test_fields_are_in_order_and_cut_and_left_out_if_empty(
    caplog: pytest.LogCaptureFixture, clock: Clock
) -> None:
    caplog.set_level(logging.INFO)
    long = "x" * 1000
    RefusalLog(clock=clock).write("x", "a:1", "do", level=logging.INFO, path=long, key="")
    (record,) = caplog.records
    fields = [name for name in vars(record) if name in ("client", "path", "key", "advice")]
    assert (record.levelno, fields) == (logging.INFO, ["client", "path", "advice"])
    assert vars(record)["path"] == "x" * MAX_FIELD_CHARS + "..."
