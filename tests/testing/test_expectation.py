"""What an event must be like, and what an assertion says."""

from __future__ import annotations

from typing import Any

import pytest

from revurb.pusher_client import Event
from revurb.testing.expectation import ANY, SHOWN_EVENTS, Expectation, described

SHIPPED = Event("order.shipped", "orders", '{"id":7}')


@pytest.mark.parametrize(
    ("event", "channel", "data", "is_met"),
    [
        ("order.shipped", None, ANY, True),
        ("order.shipped", "orders", {"id": 7}, True),
        ("order.shipped", "others", ANY, False),
        ("order.lost", None, ANY, False),
        ("order.shipped", None, {"id": 8}, False),
        ("order.shipped", None, None, False),  # None is a value, null
        ("order.shipped", None, lambda data: data["id"] > 6, True),
        ("order.shipped", None, lambda data: data["id"] > 7, False),
    ],
)
def test_an_event_meets_an_expectation(event: str, channel: str | None, data: Any, is_met: bool) -> None:
    assert Expectation(event, channel, data).is_met(SHIPPED, ["orders"]) is is_met


def test_data_that_is_no_json_is_its_text() -> None:
    assert Expectation("note", data="hello").is_met(Event("note", "room", "hello"), ["room"])


def test_an_expectation_reads_as_a_sentence() -> None:
    assert str(Expectation("created", "orders", {"id": 7})) == 'created on orders with {"id": 7}'
    assert str(Expectation("created")) == "created"


def test_the_last_events_are_described_and_long_data_is_cut() -> None:
    events = [
        (["orders"], Event(f"number-{number}", "orders", "x" * 5_000)) for number in range(SHOWN_EVENTS + 3)
    ]
    text = described(events)
    assert text.splitlines()[1] == "  (3 more before)"
    assert text.splitlines()[2].startswith("  number-3 on orders: xxx")
    assert len(text) < SHOWN_EVENTS * 300
    assert described([]) == "nothing"
