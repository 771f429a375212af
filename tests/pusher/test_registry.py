"""The state of each app in this process."""

from __future__ import annotations

from revurb.observe.counters import Counters
from revurb.pusher.registry import Registry
from tests.pusher.room import Room, an_app


def test_the_newest_value_of_an_app_counts() -> None:
    registry = Registry()
    first = registry.state(an_app())
    assert registry.state(an_app(max_connections=3)) is first
    assert first.app.max_connections == 3


def test_counters_can_be_reached_from_a_session(room: Room) -> None:
    client = room.client(an_app())
    client.subscribe("news")
    client.say({"event": "pusher:subscribe", "data": {"channel": "private-x", "auth": "key1:00"}})
    assert client.session.app_state.counters.subscriptions_refused_total == 1


def test_apps_share_the_counters_of_the_process() -> None:
    counters = Counters()
    registry = Registry(counters)
    assert registry.state(an_app()).counters is registry.state(an_app(id="2", key="k2")).counters is counters


def test_shrinking_keeps_everything(room: Room) -> None:
    client = room.client(an_app())
    client.subscribe("presence-r", '{"user_id":"1"}')
    before = len(room.state(an_app()).sessions)
    room.registry.shrink()
    assert len(room.state(an_app()).sessions) == before == 1
    assert room.state(an_app()).sessions_of("1") == (client.session,)
    assert client.session.outlet in room.state(an_app()).channels["presence-r"].subscribers
