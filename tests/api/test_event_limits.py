"""Pusher's limits of events and batches, with its statuses and texts."""

from __future__ import annotations

from typing import Any

import pytest

from revurb.apps import PUSHER_LIMITS, AppLimits, FixedApps
from tests.api.desk import Desk
from tests.pusher.room import an_app
from tests.pusher.test_limits import TOO_MUCH_DATA

EVENT = {"name": "e", "channel": "c", "data": "1"}


@pytest.fixture
def pusher() -> Desk:
    return Desk(FixedApps([an_app(limits=PUSHER_LIMITS)]))


REFUSED: list[tuple[dict[str, Any], int, str]] = [
    ({"data": "x" * 10_241}, 413, TOO_MUCH_DATA),
    ({"data": "é" * 5_121}, 413, TOO_MUCH_DATA),
    ({"name": "e" * 201}, 400, "The event name has 201 characters; at most 200 are allowed."),
    (
        {"channel": "a b"},
        400,
        "Invalid channel name: 'a b' has other characters than letters, digits and _ - = @ , . ;.",
    ),
    (
        {"channel": "c" * 165},
        400,
        f"Invalid channel name: '{'c' * 100}...' has 165 characters; at most 164 are allowed.",
    ),
]


@pytest.mark.parametrize(("change", "status", "text"), REFUSED)
@pytest.mark.parametrize("path", ["/events", "/batch_events"])
def test_an_event_over_a_limit_is_refused_and_not_sent(
    change: dict[str, Any], status: int, text: str, path: str
) -> None:
    app = an_app(limits=PUSHER_LIMITS)
    room = Desk(FixedApps([app]), max_request_size_bytes=65_536)
    client = room.client(app)
    client.subscribe("c")
    event = {**EVENT, **change}
    body = event if path == "/events" else {"batch": [EVENT, event]}
    assert room.call("POST", path, body) == (status, text)
    assert client.heard() == []
    assert room.call("POST", path, EVENT if path == "/events" else {"batch": [EVENT]}) == (200, {})
    assert len(client.heard()) == 1


def test_up_to_a_hundred_channels_and_ten_events(pusher: Desk) -> None:
    names = [f"c{number}" for number in range(101)]
    event = {"name": "e" * 200, "data": "1", "channels": names[:100]}
    assert pusher.call("POST", "/events", event) == (200, {})
    assert pusher.call("POST", "/events", {**event, "channels": names}) == (
        400,
        "An event can be triggered on a maximum of 100 channels in a single call.",
    )
    assert pusher.call("POST", "/batch_events", {"batch": [EVENT] * 10}) == (200, {})
    assert pusher.call("POST", "/batch_events", {"batch": [EVENT] * 11}) == (
        400,
        "A maximum of 10 events can be triggered in a batch; it has 11.",
    )


def test_users_get_events_whatever_their_names_are(pusher: Desk) -> None:
    assert pusher.call("POST", "/events", {**EVENT, "channel": "#server-to-user-a b@c/d"}) == (200, {})


@pytest.mark.parametrize(
    ("limits", "refused"),
    [
        (AppLimits(max_event_data_bytes=10_240), "data"),
        (AppLimits(max_event_name_length=200), "name"),
        (AppLimits(max_events_per_batch=10), "batch"),
        (AppLimits(channel_name_charset="pusher"), "charset"),
        (AppLimits(max_channel_name_length=164), "length"),
        (None, ""),
    ],
)
def test_each_is_a_limit_of_its_own(limits: AppLimits | None, refused: str) -> None:
    room = Desk(FixedApps([an_app(limits=limits)]), max_request_size_bytes=65_536)
    tries: dict[str, tuple[str, dict[str, Any]]] = {
        "data": ("/events", {**EVENT, "data": "x" * 10_241}),
        "name": ("/events", {**EVENT, "name": "e" * 201}),
        "batch": ("/batch_events", {"batch": [EVENT] * 11}),
        "charset": ("/events", {**EVENT, "channel": "a b"}),
        "length": ("/events", {**EVENT, "channel": "c" * 165}),
    }
    statuses = {name: room.call("POST", path, body)[0] for name, (path, body) in tries.items()}
    assert {name for name, status in statuses.items() if status != 200} == ({refused} - {""})
