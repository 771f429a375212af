"""Positions, and which channels have history."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from revurb.apps import HistoryRule
from revurb.pusher.history import (
    HistoryBounds,
    Position,
    Resume,
    history_of,
    read_position,
    read_resume,
    with_position,
)
from tests.pusher.room import an_app


@given(st.text("0123456789abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=16), st.integers(0, 2**53 - 1))
def test_a_position_is_read_as_it_was_written(epoch: str, number: int) -> None:
    position = Position(epoch, number)
    assert read_position(str(position)) == position


@pytest.mark.parametrize(
    "text",
    [
        None, 5, [], "", "-", "a", "a-", "-1", "a-01", "a--1", "A-1", "a-1 ", " a-1", "a-1\n", "a-٣", "a-1-1", "a_b-1",
        f"a-{2**53}", "a" * 17 + "-1", "a-1e3",
    ],
)  # fmt: skip
def test_what_is_no_position(text: object) -> None:
    assert read_position(text) is None


def test_the_first_rule_that_names_a_channel_counts() -> None:
    app = an_app(
        history=(
            HistoryRule(channels=("room-1",), size=5, ttl_s=9),
            HistoryRule(channels=("room-*", "#*"), size=7),
        ),
        max_history_size_bytes=1000,
    )
    assert history_of(app, "room-1") == HistoryBounds(5, 9, 1000)
    assert history_of(app, "room-2") == HistoryBounds(7, 300, 1000)
    assert history_of(app, "news") is None
    assert history_of(app, "#server-to-user-7") is None
    assert history_of(an_app(), "room-1") is None


def test_an_event_with_its_position() -> None:
    text = with_position(b'{"event":"e","data":"}"}', Position("e1", 17))
    assert orjson.loads(text) == {"event": "e", "data": "}", "id": "e1-17"}


@pytest.mark.parametrize(
    ("given", "position", "socket_id"),
    [
        ({"id": "e-1", "socket_id": "1.2"}, Position("e", 1), "1.2"),
        ({"id": "e-1"}, Position("e", 1), ""),
        ({"id": "e-1", "socket_id": 5, "more": 1}, Position("e", 1), ""),
        ({"id": 1}, None, ""),
        ({}, None, ""),
        ("e-1", None, ""),
        (True, None, ""),
    ],
)
def test_what_a_client_sends(given: object, position: Position | None, socket_id: str) -> None:
    app = an_app(max_resumed_events=3, max_resume_size_bytes=40)
    assert read_resume(given, app) == Resume(position, socket_id, 3, 40)
