"""Transcripts of signing in: what a client says, what it and the others are told."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from revurb.pusher.dispatch import FEW_SESSIONS
from revurb.pusher.signing_in import MAX_WATCHED
from tests.pusher.room import Client, Room, an_app
from tests.pusher.sign_ins import (
    APP,
    NOTHING,
    is_limited,
    leftovers,
    note,
    refused,
    say_signed,
    send_to,
    success,
    told,
)
from tests.pusher.test_subscribing import added, presence, removed, succeeded


def test_the_answer_has_user_data_as_it_was_signed(room: Room) -> None:
    client = room.client(APP)
    text = '{"id": "7","user_info":{"name":"\\u00e9\\ud83d"}, "x":1}'
    assert say_signed(client, text) == [success(text)]
    counters = client.session.app_state.counters
    assert (counters.signins_total, counters.signins_refused_total) == (1, 0)


def test_what_is_sent_to_a_user_reaches_each_connection_and_nobody_else(room: Room) -> None:
    clients = [room.client(APP) for _ in range(4)]
    for client, user_id in zip(clients, ("7", "7", "8"), strict=False):
        client.sign_in(user_id)
    room.client(an_app(id="2", key="key2")).sign_in("7")
    send_to(room, "7")
    assert [client.heard() for client in clients] == [[note("7")], [note("7")], [], []]


def test_a_user_s_channel_counts_as_a_subscription_until_it_is_left(room: Room) -> None:
    client = room.client(APP)
    counts = client.session.app_state.counts
    client.sign_in("7")
    client.sign_in("7")
    assert (counts.subscriptions, counts.subscriptions_total) == (1, 1)
    client.session.closed()
    assert (counts.subscriptions, counts.subscriptions_total) == (0, 1)


def test_a_client_that_subscribes_itself_gets_everything_once(room: Room) -> None:
    """As pusher-js and the Java client do, when they have signed in."""
    client = room.client(APP)
    client.sign_in("7")
    wanted = {"auth": "", "channel": "#server-to-user-7"}
    subscribe = {"event": "pusher:subscribe", "data": wanted}
    assert client.say(subscribe) == [succeeded("#server-to-user-7")]
    assert not is_limited(client), "it was no repeated subscription"
    send_to(room, "7")
    assert client.heard() == [note("7")]
    assert client.say(subscribe) == [succeeded("#server-to-user-7")]
    assert is_limited(client)
    client.say({"event": "pusher:unsubscribe", "data": {"channel": "#server-to-user-7"}})
    send_to(room, "7")
    assert client.heard() == []
    client.sign_in("7")
    send_to(room, "7")
    assert client.heard() == [note("7")]
    client.session.closed()
    assert leftovers(room) == NOTHING


@pytest.mark.parametrize("channel", ["#server-to-user-8", "#server-to-user-", "#online-7", "#online-8"])
def test_other_channels_of_users_stay_closed(room: Room, channel: str) -> None:
    client = room.client(APP)
    client.sign_in("7")
    auth = f"key1:{APP.sign(f'{client.session.socket_id}:{channel}')}"
    answer = client.say({"event": "pusher:subscribe", "data": {"channel": channel, "auth": auth}})
    assert [event["event"] for event in answer] == ["pusher:error", "pusher:subscription_error"]
    assert list(client.session.channels) == ["#server-to-user-7"]


def test_clients_send_nothing_to_the_channels_of_users(room: Room) -> None:
    app = an_app(accept_client_events_from="all")
    client, user = room.client(app), room.client(app)
    user.sign_in("7", ["8"])
    for channel in ("#server-to-user-7", "#online-8"):
        (error,) = client.say({"event": "client-x", "channel": channel, "data": 1})
        assert error["data"]["code"] == 4301
    assert client.say({"event": "client-x", "channel": "#general", "data": 1}) == []
    assert user.heard() == []


@pytest.mark.parametrize("data", [{}, {"user_data": None}, {"user_data": {"id": "1"}}, [], None, 5, "x"])
def test_a_sign_in_without_user_data_is_no_message(room: Room, data: object) -> None:
    answer = room.client(APP).say({"event": "pusher:signin", "data": data})
    assert answer == refused(4200, "Invalid message format")


@pytest.mark.parametrize(
    "auth", [None, "", ":", "key1", "key1:", "key1:00", "key2:{right}", "{right}", "key1:{channel}", 5]
)
def test_a_wrong_signature_is_refused_and_the_connection_stays(room: Room, auth: object) -> None:
    client = room.client(APP)
    user_data = '{"id":"7"}'
    right = APP.sign(f"{client.session.socket_id}::user::{user_data}")
    channel = APP.sign(f"{client.session.socket_id}:presence-a:{user_data}")
    if isinstance(auth, str):
        auth = auth.format(right=right, channel=channel)
    answer = client.say({"event": "pusher:signin", "data": {"auth": auth, "user_data": user_data}})
    assert answer == refused(4009, "Connection is unauthorized")
    assert (client.session.user, client.outlet.closed_with) == (None, None)
    assert client.session.app_state.counters.signins_refused_total == 1
    assert client.subscribe("news") == [succeeded("news")]


def test_a_signature_is_for_one_connection(room: Room) -> None:
    first, second = room.client(APP), room.client(APP)
    data = APP.authenticate_user(first.session.socket_id, {"id": "7"})
    answer = second.say({"event": "pusher:signin", "data": data})
    assert answer == refused(4009, "Connection is unauthorized")


@pytest.mark.parametrize(
    "user_data", ["", "[]", "null", '{"id":""}', '{"id":"1","watchlist":5}', '{"user_id":"1"}']
)
def test_what_is_signed_but_no_user_is_refused_with_a_reason(room: Room, user_data: str) -> None:
    client = room.client(APP)
    (error,) = say_signed(client, user_data)
    assert error["data"]["code"] == 4009
    assert "user_data" in error["data"]["message"]
    assert client.session.user is None


def test_the_watchlist_has_a_hundred_names(room: Room) -> None:
    client = room.client(APP)
    many = [str(number) for number in range(MAX_WATCHED)]
    assert client.sign_in("7", [*many, "x"]) == refused(4302, "More than 100 users on a watchlist")
    assert client.session.user is None
    assert client.sign_in("7", [*many, *many])[0]["event"] == "pusher:signin_success"
    assert MAX_WATCHED == 100


def test_a_watcher_is_told_who_is_online_and_then_who_comes_and_goes(room: Room) -> None:
    ann, bob = room.client(APP), room.client(APP)
    ann.sign_in("ann")
    answer = bob.sign_in("bob", ["ann", "cem", "dan"])
    assert answer[1:] == [told("online", "ann")]
    cem, cem_again = room.client(APP), room.client(APP)
    cem.sign_in("cem")
    cem_again.sign_in("cem")
    assert bob.heard() == [told("online", "cem")]
    cem.session.closed()
    assert bob.heard() == []
    cem_again.session.closed()
    assert bob.heard() == [told("offline", "cem")]
    assert ann.heard() == [], "who is watched is told nothing"
    for client in (ann, bob):
        client.session.closed()
    assert leftovers(room) == NOTHING


def test_nobody_online_is_no_message(room: Room) -> None:
    assert len(room.client(APP).sign_in("1", ["2", "3"])) == 1


def test_users_of_presence_channels_alone_are_not_online(room: Room) -> None:
    watcher = room.client(APP)
    watcher.sign_in("1", ["2"])
    room.client(APP).subscribe("presence-r", '{"user_id":"2"}')
    assert watcher.heard() == []


def test_two_can_watch_each_other_and_themselves(room: Room) -> None:
    ann, bob = room.client(APP), room.client(APP)
    assert ann.sign_in("ann", ["bob", "ann"])[1:] == [told("online", "ann")]
    assert bob.sign_in("bob", ["ann"])[1:] == [told("online", "ann")]
    assert ann.heard() == [told("online", "bob")]
    ann.session.closed()
    assert bob.heard() == [told("offline", "ann")]
    bob.session.closed()
    assert leftovers(room) == NOTHING


def test_signing_in_again_replaces_the_watchlist(room: Room) -> None:
    client, kept, dropped, new = [room.client(APP) for _ in range(4)]
    for other, user_id in ((kept, "kept"), (dropped, "dropped"), (new, "new")):
        other.sign_in(user_id)
    client.sign_in("7", ["kept", "dropped"])
    assert client.sign_in("7", ["new", "kept"])[1:] == [told("online", "new", "kept")]
    for other in (kept, dropped, new):
        other.session.closed()
    assert client.heard() == [told("offline", "kept"), told("offline", "new")]
    assert len(client.sign_in("7")) == 1
    room.client(APP).sign_in("new")
    assert client.heard() == []
    send_to(room, "7")
    assert client.heard() == [note("7")]


def test_signing_in_again_leaves_the_user_online(room: Room) -> None:
    watcher, client = room.client(APP), room.client(APP)
    watcher.sign_in("1", ["7"])
    for _ in range(3):
        client.sign_in("7")
    assert watcher.heard() == [told("online", "7")]
    client.session.closed()
    assert watcher.heard() == [told("offline", "7")]
    watcher.session.closed()
    assert leftovers(room) == NOTHING


def test_signing_in_as_somebody_else_is_refused(room: Room) -> None:
    client = room.client(APP)
    client.sign_in("7", ["8"])
    assert client.sign_in("9", ["10"]) == refused(4009, "This connection has signed in as another user")
    room.client(APP).sign_in("8")
    send_to(room, "7")
    send_to(room, "9")
    assert client.heard() == [told("online", "8"), note("7")]
    assert room.state(APP).sessions_of("9") == ()
    assert client.outlet.closed_with is None


def test_signing_in_again_is_limited_as_subscribing_again_is(room: Room) -> None:
    app = an_app(max_subscriptions_per_second=100)
    client = room.client(app)
    assert client.sign_in("7", ["a"] * 100)[0]["event"] == "pusher:signin_success"
    names = [str(number) for number in range(60)]
    assert client.sign_in("7", names, now=10.0)[0]["event"] == "pusher:signin_success"
    assert client.sign_in("7", names, now=10.5)[0]["data"]["code"] == 4301
    assert client.sign_in("7", names, now=11.5)[0]["event"] == "pusher:signin_success"


def test_a_long_watchlist_is_entered_and_left_in_steps() -> None:
    steps: list[Iterator[None]] = []
    room = Room(work=steps.append)
    client, other = room.client(APP), room.client(APP)
    other.sign_in("99")
    assert client.sign_in("7", [str(number) for number in range(100)]) == []
    for _ in range(99):
        next(steps[0])
    assert client.heard() == []
    assert sum(1 for _ in steps.pop()) == 1
    assert [event["event"] for event in client.heard()] == [
        "pusher:signin_success",
        told("online", "")["event"],
    ]
    assert client.sign_in("7", ["99"]) == []
    assert sum(1 for _ in steps.pop()) == 100
    assert client.heard()[1:] == [told("online", "99")]
    other.session.closed()
    assert client.heard() == [told("offline", "99")]


def test_who_goes_while_its_watchlist_is_entered_leaves_nothing() -> None:
    steps: list[Iterator[None]] = []
    room = Room(work=steps.append)
    client = room.client(APP)
    client.sign_in("7", [str(number) for number in range(100)])
    for _ in range(50):
        next(steps[0])
    client.session.closed()
    assert sum(1 for _ in steps[0]) == 0
    assert sum(1 for _ in steps[1]) == 50
    assert client.heard() == []
    assert leftovers(room) == NOTHING


def test_a_long_watchlist_is_left_in_steps() -> None:
    steps: list[Iterator[None]] = []
    room = Room(work=steps.append)
    client = room.client(APP)
    client.sign_in("7", [str(number) for number in range(100)])
    for _ in steps.pop():
        pass
    client.session.closed()
    assert len(room.state(APP).channels) == 100
    (left,) = steps
    assert sum(1 for _ in left) == 100
    assert leftovers(room) == NOTHING


def test_very_many_connections_of_a_user_are_ended_in_steps() -> None:
    steps: list[Iterator[None]] = []
    room = Room(work=steps.append)
    clients = [room.client(APP) for _ in range(FEW_SESSIONS + 1)]
    for client in clients:
        client.sign_in("guest")
    other = room.client(APP)
    other.sign_in("7")
    assert room.dispatch.terminate(APP.id, "guest") == len(clients)
    (ending,) = steps
    next(ending)
    assert [client.outlet.closed_with is None for client in clients] == [False] + [True] * FEW_SESSIONS
    clients[1].session.closed()  # of itself
    assert sum(1 for _ in ending) == FEW_SESSIONS
    assert all(client.outlet.closed_with for client in (clients[0], *clients[2:]))
    assert other.outlet.closed_with is None


def presence_auth(client: Client, channel: str) -> dict[str, object]:
    auth = f"key1:{APP.sign(f'{client.session.socket_id}:{channel}')}"
    return {"event": "pusher:subscribe", "data": {"channel": channel, "auth": auth}}


def test_who_has_signed_in_needs_no_channel_data(room: Room) -> None:
    watcher, client = room.client(APP), room.client(APP)
    watcher.subscribe("presence-r", '{"user_id":"w"}')
    client.sign_in("7", user_info={"name": "é"})
    assert client.subscribe("presence-r") == [
        succeeded("presence-r", presence(**{"w": None, "7": {"name": "é"}}))
    ]
    (came,) = watcher.heard()
    assert came["data"] == {"user_id": "7", "user_info": {"name": "é"}}
    client.session.closed()
    assert watcher.heard() == [removed("presence-r", "7")]


def test_channel_data_goes_before_the_user(room: Room) -> None:
    watcher, client = room.client(APP), room.client(APP)
    watcher.subscribe("presence-r", '{"user_id":"w"}')
    client.sign_in("7")
    client.subscribe("presence-r", '{"user_id":"8"}')
    assert watcher.heard() == [added("presence-r", "8")]


def test_nobody_joins_without_signature_or_user(room: Room) -> None:
    client = room.client(APP)
    (error, _) = client.subscribe("presence-r")
    assert "channel_data" in error["data"]["message"]
    client.sign_in("7")
    wanted = {"channel": "presence-r", "auth": "key1:00"}
    answer = client.say({"event": "pusher:subscribe", "data": wanted})
    assert [event["event"] for event in answer] == ["pusher:error", "pusher:subscription_error"]
