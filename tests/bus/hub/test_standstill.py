"""When a worker that stood still says that events may be lost."""

from __future__ import annotations

import pytest

from revurb.bus.brokered import broker_messages as m
from revurb.bus.hub.standstill import HUB_WAITS_S, Standstill

TICK_S = 0.25


def welcomes(*stops_s: float, epochs: str) -> list[int]:
    """What is missed at each Welcome, before each of which the worker stood still for so long."""
    standstill, now, missed = Standstill(), 0.0, []
    for stop_s, epoch in zip(stops_s, epochs, strict=True):
        standstill.tick(now)
        now += stop_s
        standstill.tick(now)
        now += TICK_S
        standstill.tick(now)
        missed.append(standstill.welcomed(m.Welcome(epoch, 0, 0)).missed)
    return missed


@pytest.mark.parametrize(
    ("stops_s", "epochs", "missed"),
    [
        ((9, 9), "ab", [0, 1]),  # there was nothing to miss before the first
        ((9, 9), "aa", [0, 0]),  # the hub that lives has what was published
        ((0, HUB_WAITS_S), "ab", [0, 0]),  # it waits as long
        ((0, 9, 0), "aab", [0, 0, 0]),  # it was welcomed by the first since
        ((0, 9, 0), "abc", [0, 1, 0]),
    ],
)
def test_a_loss_is_told_where_there_may_be_one(
    stops_s: tuple[float, ...], epochs: str, missed: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    assert welcomes(*stops_s, epochs=epochs) == missed
    assert len(caplog.records) == sum(missed)


def test_what_the_hub_knows_to_be_missed_stays() -> None:
    standstill = Standstill()
    for now in (0.0, 9.0):
        standstill.tick(now)
    standstill.welcomed(m.Welcome("a", 0, 0))
    for now in (9.0, 18.0):
        standstill.tick(now)
    assert standstill.welcomed(m.Welcome("b", 0, 7)).missed == 7
