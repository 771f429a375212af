"""The routes about channels."""

from collections.abc import Awaitable
from typing import Any

import orjson
import pytest

from revurb.api.channels import SLICE_CHANNELS
from revurb.api.info import channel_info, requested
from revurb.pusher.ports import CachedEvent, ChannelState
from revurb.wire.response import Response
from tests.api.desk import ALL, Desk, a_request, signed_query


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
        ("/channels/presence-r", {"occupied": True, "user_count": 2, "subscription_count": 3}),
        ("/channels/nobody", {"occupied": False, "subscription_count": 0}),
        ("/channels/presence-nobody", {"occupied": False, "user_count": 0, "subscription_count": 0}),
    ],
)
def test_channel(occupied: Desk, path: str, answer: dict[str, Any]) -> None:
    assert occupied.call("GET", path, info=ALL) == (200, answer)
    assert occupied.call("GET", path) == (200, {"occupied": answer["occupied"]})


def test_users(occupied: Desk) -> None:
    assert occupied.call("GET", "/channels/presence-r/users") == (200, {"users": [{"id": "1"}, {"id": "2"}]})
    assert occupied.call("GET", "/channels/presence-x/users") == (200, {"users": []})


@pytest.mark.parametrize("name", ["pub", "nobody", "private-x", "presencer"])
def test_only_presence_channels_have_users(occupied: Desk, name: str) -> None:
    status, text = occupied.call("GET", f"/channels/{name}/users")
    assert status == 400
    assert text.startswith("Bad request. Only presence channels have users")


def test_many_channels_are_answered_in_slices(desk: Desk) -> None:
    client = desk.client(desk.app)
    names = [f"c{number}" for number in range(2 * SLICE_CHANNELS + 1)]
    for name in names:
        client.subscribe(name)
    target = f"/apps/app1/channels?{signed_query(desk.app, 'GET', '/apps/app1/channels', info='subscription_count')}"
    answer = desk.api.answer(a_request("GET", target))
    assert not isinstance(answer, Response)
    response, turns = turned(answer)
    assert turns >= 6, "three slices of the bus, and three of the answer"
    assert orjson.loads(response.body) == {"channels": {name: {"subscription_count": 1} for name in names}}


def turned(answer: Awaitable[Response]) -> tuple[Response, int]:
    """What an event loop would get, and in how many turns."""
    steps, turns = answer.__await__(), 0
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return stop.value, turns
        turns += 1


@pytest.mark.parametrize("text", [b"", b"x", b"[]", b'{"event":"\xff","data":""}'])
def test_a_last_event_that_is_none_is_left_out(text: bytes) -> None:
    """In Redis, anybody can put anything in its place."""
    state = ChannelState(0, 0, CachedEvent(text, 1.0))
    assert channel_info("cache-c", state, requested("cache")) == {}


@pytest.mark.parametrize(("left_s", "ttl"), [(0.001, 1), (1.0, 1), (1.5, 2), (1800.0, 1800)])
def test_the_time_left_is_in_whole_seconds_and_never_0(left_s: float, ttl: int) -> None:
    text = b'{"event":"e","data":"x","channel":"cache-c"}'
    state = ChannelState(cached=CachedEvent(text, left_s))
    cache = {"event": "e", "data": "x", "channel": "cache-c", "ttl": ttl}
    assert channel_info("cache-c", state, requested("cache")) == {"cache": cache}


def test_what_is_not_known_is_left_out(occupied: Desk) -> None:
    assert occupied.call("GET", "/channels/pub", info="colour,subscription_count,") == (
        200,
        {"occupied": True, "subscription_count": 2},
    )
    assert occupied.call("GET", "/channels", info="colour", filter_by_prefix="pub") == (
        200,
        {"channels": {"pub": {}}},
    )
    body = {"name": "e", "channel": "pub", "data": "1", "info": "colour"}
    assert occupied.call("POST", "/events", body) == (200, {"channels": {"pub": {}}})
    assert occupied.call("POST", "/batch_events", {"batch": [body]}) == (200, {"batch": [{}]})


def test_the_channels_of_users_are_in_no_list(occupied: Desk) -> None:
    _, before = occupied.call("GET", "/channels")
    occupied.client(occupied.app).sign_in("7", ["8"])
    assert occupied.call("GET", "/channels") == (200, before)
    assert occupied.call("GET", "/channels", filter_by_prefix="#") == (200, {"channels": {}})
    everything = {"info": "subscription_count,user_count"}
    answer = {"occupied": False, "subscription_count": 0}
    assert occupied.call("GET", "/channels/%23online-7", **everything) == (200, answer)
    assert occupied.call("GET", "/channels/%23online-7/users")[0] == 400
    answer = {"occupied": True, "subscription_count": 1}
    assert occupied.call("GET", "/channels/%23server-to-user-7", **everything) == (200, answer)
