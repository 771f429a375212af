"""Transcripts: what a client says, what it and the others are told."""

from typing import Any

import pytest

from revurb.pusher.deferred_messages import MAX_DEFERRED
from revurb.pusher.ports import PublishedEvent
from tests.pusher.room import Room, an_app

SUCCEEDED = "pusher_internal:subscription_succeeded"
UNAUTHORIZED = {"code": 4009, "message": "Connection is unauthorized"}


def succeeded(channel: str, data: Any = None) -> dict[str, Any]:
    return {"event": SUCCEEDED, "data": data or {}, "channel": channel}


def presence(**members: Any) -> dict[str, Any]:
    return {"presence": {"count": len(members), "ids": list(members), "hash": members}}


def added(channel: str, user_id: str) -> dict[str, Any]:
    return {"event": "pusher_internal:member_added", "data": {"user_id": user_id}, "channel": channel}


def removed(channel: str, user_id: object) -> dict[str, Any]:
    return {"event": "pusher_internal:member_removed", "data": {"user_id": user_id}, "channel": channel}


def user(user_id: str) -> str:
    return f'{{"user_id":"{user_id}"}}'


def test_a_public_channel(room: Room) -> None:
    client = room.client(an_app())
    assert client.subscribe("news") == [succeeded("news")]
    assert client.subscribe("news") == [succeeded("news")]  # again is answered again
    assert room.dispatch.deliver(PublishedEvent("app1", "news", b"{}")) == 1


def test_a_private_channel(room: Room) -> None:
    assert room.client(an_app()).subscribe("private-news") == [succeeded("private-news")]


@pytest.mark.parametrize("channel", ["private-news", "private-encrypted-news", "private-cache-news"])
def test_empty_channel_data_is_none_where_nobody_is_a_member(room: Room, channel: str) -> None:
    client = room.client(an_app())
    signed = an_app().sign(f"{client.session.socket_id}:{channel}")
    data = {"channel": channel, "auth": f"key1:{signed}", "channel_data": ""}
    assert client.say({"event": "pusher:subscribe", "data": data})[0] == succeeded(channel)
    assert client.subscribe(channel, "{}") == client.subscribe(channel)
    assert client.subscribe("presence-news", "")[0]["event"] == "pusher:error"


@pytest.mark.parametrize("auth", [None, "", "key1", "key1:", ":", "key1:00", 5, ["key1:x"], {}])
def test_a_bad_signature_is_told_twice_and_creates_nothing(room: Room, auth: object) -> None:
    client = room.client(an_app())
    answer = client.say({"event": "pusher:subscribe", "data": {"channel": "private-news", "auth": auth}})
    assert answer == [
        {"event": "pusher:error", "data": UNAUTHORIZED},
        {
            "event": "pusher:subscription_error",
            "data": {"type": "AuthError", "error": "Connection is unauthorized", "status": 401},
            "channel": "private-news",
        },
    ]
    assert room.state(an_app()).channels == {}


def test_the_key_before_the_colon_must_be_the_apps(room: Room) -> None:
    app = an_app()
    client = room.client(app)
    signature = app.sign(f"{client.session.socket_id}:private-news")
    subscribe = {
        "event": "pusher:subscribe",
        "data": {"channel": "private-news", "auth": f"other:{signature}"},
    }
    assert client.say(subscribe)[0] == {"event": "pusher:error", "data": UNAUTHORIZED}


def test_a_signature_is_for_one_socket_and_one_app(room: Room) -> None:
    mine, theirs = room.client(an_app()), room.client(an_app())
    foreign = room.client(an_app(id="app2", key="key2", secret="secret2"))
    auth = f"key1:{an_app().sign(f'{mine.session.socket_id}:private-news')}"
    subscribe = {"event": "pusher:subscribe", "data": {"channel": "private-news", "auth": auth}}
    assert mine.say(subscribe) == [succeeded("private-news")]
    assert theirs.say(subscribe)[0]["event"] == "pusher:error"
    assert foreign.say(subscribe)[0]["event"] == "pusher:error"


@pytest.mark.parametrize("prefix", ["private-", "presence-", "private-encrypted-", "presence-cache-"])
def test_a_signature_for_one_channel_opens_no_other(room: Room, prefix: str) -> None:
    """`socket:private-a:b` would be what is signed for private-a:b, and for private-a with the channel_data "b"."""
    client, member = room.client(an_app()), user("1")
    auth = f"key1:{an_app().sign(f'{client.session.socket_id}:{prefix}a:{member}')}"
    named = {"channel": f"{prefix}a:{member}", "auth": auth}
    signed = an_app().sign(f"{client.session.socket_id}:{prefix}a:b:{member}")
    with_member = {"channel": f"{prefix}a:b", "auth": f"key1:{signed}", "channel_data": member}
    for data in (named, with_member):
        told = client.say({"event": "pusher:subscribe", "data": data})
        assert [event["event"] for event in told] == ["pusher:error", "pusher:subscription_error"]
        assert "colon" in told[1]["data"]["error"]
    assert client.say({"event": "pusher:subscribe", "data": {"channel": "news:a"}}) == [succeeded("news:a")]


@pytest.mark.parametrize(
    ("data", "taken"),
    [
        ("b", False),
        ("5", False),
        ("[]", False),
        ("null", False),
        ('"b"', False),
        ('{"a":1}', True),
        ('{"user_info":"\\ud83d"}', True),
    ],
)
@pytest.mark.parametrize("prefix", ["private-", "private-encrypted-", "private-cache-"])
def test_a_signature_for_a_name_with_a_colon_opens_no_private_channel(
    room: Room, prefix: str, data: str, taken: bool
) -> None:
    """An endpoint that signs any name has signed private-a:b. As `channel_data`, SDKs sign JSON objects."""
    client = room.client(an_app())
    auth = f"key1:{an_app().sign(f'{client.session.socket_id}:{prefix}a:{data}')}"
    wanted = {"channel": f"{prefix}a", "auth": auth, "channel_data": data}
    told = client.say({"event": "pusher:subscribe", "data": wanted})
    if taken:
        assert told[0] == succeeded(f"{prefix}a")
    else:
        assert [event["event"] for event in told] == ["pusher:error", "pusher:subscription_error"]
        assert told[0]["data"] == {"code": 4009, "message": "channel_data must be a JSON object"}
        assert client.session.channels == {}


def test_pushers_own_signature_vectors(room: Room) -> None:
    app = an_app(key="278d425bdf160c739803", secret="7ad3773142a6692b25b8")
    assert app.sign("1234.1234:private-foobar") == (
        "58df8b0c36d6982b82c3ecf6b4662e34fe8c25bba48f5369f135bf843651c3a4"
    )


def test_user_channels_belong_to_the_server(room: Room) -> None:
    answer = room.client(an_app()).subscribe("#server-to-user-1")
    assert [event["event"] for event in answer] == ["pusher:error", "pusher:subscription_error"]


@pytest.mark.parametrize(
    "data",
    [None, {}, [], "x", "", 5, {"channel": None}, {"channel": 5}, {"channel": ["a"]}, {"channel": ""},
     {"channel": "a" * 1025}],
)  # fmt: skip
def test_a_subscription_without_a_channel_is_no_message(room: Room, data: object) -> None:
    answer = room.client(an_app()).say({"event": "pusher:subscribe", "data": data})
    assert answer == [{"event": "pusher:error", "data": {"code": 4200, "message": "Invalid message format"}}]


def test_data_may_be_a_json_string(room: Room) -> None:
    answer = room.client(an_app()).say({"event": "pusher:subscribe", "data": '{"channel":"news"}'})
    assert answer == [succeeded("news")]


def test_presence_says_who_is_there_and_who_comes(room: Room) -> None:
    app = an_app()
    first, second = room.client(app), room.client(app)
    assert first.subscribe("presence-r", user("1")) == [succeeded("presence-r", presence(**{"1": None}))]
    both = presence(**{"1": None, "2": None})
    assert second.subscribe("presence-r", user("2")) == [succeeded("presence-r", both)]
    assert first.heard() == [added("presence-r", "2")]


def test_member_added_carries_what_was_signed(room: Room) -> None:
    app = an_app()
    first, second = room.client(app), room.client(app)
    first.subscribe("presence-r", user("1"))
    second.subscribe("presence-r", '{"user_info":{"u":"http://a/é","e":{}},"user_id":5}')
    assert first.heard()[0]["data"] == {"user_id": 5, "user_info": {"u": "http://a/é", "e": {}}}


def test_three_tabs_are_one_member(room: Room) -> None:
    app = an_app()
    watcher = room.client(app)
    watcher.subscribe("presence-r", user("w"))
    tabs = [room.client(app) for _ in range(3)]
    for tab in tabs:
        tab.subscribe("presence-r", user("1"))
    assert watcher.heard() == [added("presence-r", "1")]
    tabs[0].say({"event": "pusher:unsubscribe", "data": {"channel": "presence-r"}})
    tabs[1].session.closed()
    assert watcher.heard() == []
    tabs[2].session.closed()
    assert watcher.heard() == [removed("presence-r", "1")]


def test_a_user_id_of_zero_is_a_user(room: Room) -> None:
    app = an_app()
    watcher, zero = room.client(app), room.client(app)
    watcher.subscribe("presence-r", user("w"))
    zero.subscribe("presence-r", '{"user_id":0}')
    zero.session.closed()
    assert watcher.heard()[1] == removed("presence-r", 0)


def test_the_same_connection_as_another_user_leaves_and_joins(room: Room) -> None:
    app = an_app()
    watcher, client = room.client(app), room.client(app)
    watcher.subscribe("presence-r", user("w"))
    client.subscribe("presence-r", user("9"))
    client.subscribe("presence-r", user("9"))
    client.subscribe("presence-r", user("10"))
    assert watcher.heard() == [
        added("presence-r", "9"),
        removed("presence-r", "9"),
        added("presence-r", "10"),
    ]
    assert list(room.state(app).sessions_of("9")) == []
    assert room.state(app).sessions_of("10") == (client.session,)


@pytest.mark.parametrize("channel_data", ['{"user_id":""}', '{"user_id":null}', "[]", "null", "no json"])
def test_presence_without_a_user_is_refused(room: Room, channel_data: str) -> None:
    app = an_app()
    watcher = room.client(app)
    watcher.subscribe("presence-r", user("w"))
    answer = room.client(app).subscribe("presence-r", channel_data)
    assert [event["event"] for event in answer] == ["pusher:error", "pusher:subscription_error"]
    assert watcher.heard() == []


def test_channel_data_on_a_public_channel_makes_nobody_a_user(room: Room) -> None:
    app = an_app()
    room.client(app).subscribe("news", user("spoof"))
    assert room.state(app).users == {}


def test_cache_channels_tell_the_last_event_or_that_there_is_none(room: Room) -> None:
    app = an_app()
    miss = {"event": "pusher:cache_miss", "data": {}, "channel": "cache-a"}
    first, second = room.client(app), room.client(app)
    assert first.subscribe("cache-a") == [succeeded("cache-a"), miss]
    room.trigger.send(app, ["cache-a"], "tick", '{"n":1}')
    event = {"event": "tick", "data": {"n": 1}, "channel": "cache-a"}
    assert first.heard() == [event]
    assert second.subscribe("cache-a") == [succeeded("cache-a"), event]
    room.clock.now += 1801
    assert second.subscribe("cache-a") == [succeeded("cache-a"), miss]


def test_the_cache_needs_no_subscriber(room: Room) -> None:
    app = an_app()
    room.trigger.send(app, ["cache-a"], "tick", "1", except_socket_id="1.1")
    assert room.client(app).subscribe("cache-a")[1]["event"] == "tick"


def test_a_channel_lives_from_its_first_subscriber_to_its_last(room: Room) -> None:
    app = an_app()
    clients = [room.client(app) for _ in range(2)]
    for client in clients:
        client.subscribe("news")
    assert list(room.state(app).channels) == ["news"]
    clients[0].say({"event": "pusher:unsubscribe", "data": {"channel": "news"}})
    assert clients[0].say({"event": "pusher:unsubscribe", "data": {"channel": "never"}}) == []
    clients[1].session.closed()
    state = room.state(app)
    assert (state.channels, list(state.sessions)) == ({}, [clients[0].session.socket_id])


def test_apps_do_not_see_each_other(room: Room) -> None:
    one, two = an_app(), an_app(id="app2", key="key2", secret="secret2")
    mine, theirs = room.client(one), room.client(two)
    mine.subscribe("presence-r", user("1"))
    assert theirs.subscribe("presence-r", user("2")) == [succeeded("presence-r", presence(**{"2": None}))]
    room.trigger.send(one, ["presence-r"], "tick", "1")
    assert [event["event"] for event in mine.heard()] == ["tick"]
    assert theirs.heard() == []


def refused(channel: str, text: str) -> list[object]:
    return [
        {"event": "pusher:error", "data": {"code": 4301, "message": text}},
        {
            "event": "pusher:subscription_error",
            "data": {"type": "LimitReached", "error": text, "status": 4301},
            "channel": channel,
        },
    ]


def test_a_connection_has_so_many_channels(room: Room) -> None:
    client = room.client(an_app(max_channels_per_connection=2))
    client.subscribe("a")
    client.subscribe("private-b")
    text = "More than 2 channels on one connection"
    assert client.subscribe("c") == refused("c", text)
    assert client.subscribe("presence-c", '{"user_id":"1"}') == refused("presence-c", text)
    assert client.session.app_state.counters.subscriptions_refused_total == 2
    assert [event["event"] for event in client.subscribe("a")] == ["pusher_internal:subscription_succeeded"]
    client.say({"event": "pusher:unsubscribe", "data": {"channel": "a"}})
    assert [event["event"] for event in client.subscribe("c")] == ["pusher_internal:subscription_succeeded"]


def test_subscriptions_that_wait_for_the_bus_count_as_well(room: Room) -> None:
    client = room.client(an_app(max_channels_per_connection=2))
    room.bus.enter = lambda request, on_entered: None  # type: ignore[method-assign]
    for channel in ("a", "b"):
        assert client.subscribe(channel) == []
    assert client.subscribe("c") == refused("c", "More than 2 channels on one connection")


def test_a_connection_that_leaves_and_comes_is_held_to_a_rate(room: Room) -> None:
    """Each time everybody on a presence channel is told. A client that only subscribes, however much, is not."""
    client = room.client(an_app(max_subscriptions_per_second=3))
    for number in range(10):
        assert len(client.subscribe(f"c{number}")) == 1
    text = (
        "More than 3 subscriptions in a second by a connection that leaves channels or repeats subscriptions"
    )
    for _ in range(3):
        client.say({"event": "pusher:unsubscribe", "data": {"channel": "c0"}})
        assert len(client.subscribe("c0")) == 1
    client.say({"event": "pusher:unsubscribe", "data": {"channel": "c0"}})
    assert client.subscribe("c0") == refused("c0", text)
    assert client.say({"event": "pusher:subscribe", "data": {"channel": "c0"}}, now=1.0)[0]["channel"] == "c0"
    repeating = room.client(an_app(max_subscriptions_per_second=3))
    repeating.subscribe("a")
    assert [len(repeating.subscribe("a")) for _ in range(4)] == [1, 1, 1, 2]


def test_messages_about_channels_that_wait_for_the_bus_are_bounded_for_all_together(room: Room) -> None:
    client = room.client(an_app(accept_client_events_from="all"))
    room.bus.enter = lambda request, on_entered: None  # type: ignore[method-assign]
    for channel in ("a", "b"):
        client.subscribe(channel)
    for number in range(MAX_DEFERRED):
        assert client.say({"event": "client-x", "channel": "ab"[number % 2], "data": {}}) == []
    assert client.say({"event": "client-x", "channel": "a", "data": {}})[0]["data"]["code"] == 4100
    assert client.outlet.closed_with is not None
