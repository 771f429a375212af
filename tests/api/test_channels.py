"""The routes about channels."""

from typing import Any

import pytest

from tests.api.desk import ALL, Desk


@pytest.mark.parametrize(
    ("params", "channels"),
    [
        ({}, {"pub": {}, "cache-c": {}, "presence-r": {}}),
        ({"filter_by_prefix": "presence-", "info": "user_count"}, {"presence-r": {"user_count": 2}}),
        ({"info": "user_count"}, {"pub": {}, "cache-c": {}, "presence-r": {"user_count": 2}}),
        ({"filter_by_prefix": "zzz"}, {}),
    ],
)
def test_channels(occupied: Desk, params: dict[str, str], channels: dict[str, Any]) -> None:
    assert occupied.call("GET", "/channels", **params) == (200, {"channels": channels})


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/channels/pub", {"occupied": True, "subscription_count": 2}),
        ("/channels/presence-r", {"occupied": True, "user_count": 2}),
        ("/channels/nobody", {"occupied": False}),
    ],
)
def test_channel(occupied: Desk, path: str, answer: dict[str, Any]) -> None:
    assert occupied.call("GET", path, info=ALL) == (200, answer)
    assert occupied.call("GET", path) == (200, {"occupied": answer["occupied"]})


def test_users(occupied: Desk) -> None:
    assert occupied.call("GET", "/channels/presence-r/users") == (200, {"users": [{"id": "1"}, {"id": 2}]})
    assert occupied.call("GET", "/channels/pub/users") == (400, {})
    assert occupied.call("GET", "/channels/presence-x/users") == (404, {})
