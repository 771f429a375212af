"""Signing in over a bus that takes its time."""

from __future__ import annotations

import json

import pytest

from tests.pusher.sign_ins import (
    APP,
    NOTHING,
    leftovers,
    note,
    send_to,
    told,
)
from tests.pusher.test_pending_subscriptions import LateRoom


@pytest.fixture
def late() -> LateRoom:
    return LateRoom()


def test_success_is_said_when_the_bus_has_confirmed_everything(late: LateRoom) -> None:
    client = late.client(APP)
    assert client.sign_in("7", ["8"]) == []
    assert len(late.bus.late) == 3
    *most, last = late.bus.late
    for confirm in most:
        confirm()
    assert client.heard() == []
    last()
    assert [event["event"] for event in client.heard()] == ["pusher:signin_success"]
    send_to(late, "7")
    assert client.heard() == [note("7")]


def test_what_happens_before_all_is_confirmed_comes_after_the_list(late: LateRoom) -> None:
    """Else a client would be told that somebody is online who has gone meanwhile."""
    users = {name: late.client(APP) for name in ("stays", "goes", "flaps")}
    for name, user in users.items():
        user.sign_in(name)
        late.bus.confirm()
        user.heard()
    client = late.client(APP)
    client.sign_in("7", ["stays", "goes", "flaps", "comes", "last"])
    confirmed, late.bus.late = late.bus.late, []
    for confirm in confirmed[:-1]:
        confirm()
    users["goes"].session.closed()
    users["flaps"].session.closed()
    for name in ("flaps", "comes"):
        late.client(APP).sign_in(name)
    late.bus.confirm()
    assert client.heard() == []
    confirmed[-1]()
    assert client.heard()[1:] == [
        told("online", "stays", "goes", "flaps"),
        told("offline", "goes"),
        told("online", "flaps"),
        told("online", "comes"),
    ]
    users["stays"].session.closed()
    assert client.heard() == [told("offline", "stays")]


def test_messages_about_the_user_wait(late: LateRoom) -> None:
    client = late.client(APP)
    client.sign_in("7")
    client.say({"event": "pusher:subscribe", "data": {"channel": "#server-to-user-7", "auth": ""}})
    client.sign_in("7", ["8"])
    client.sign_in("9")
    assert client.heard() == []
    late.bus.confirm()
    first = client.heard()
    assert [event["event"] for event in first] == ["pusher:signin_success"]
    late.bus.confirm()
    late.bus.confirm()
    late.bus.confirm()
    second = client.heard()
    assert [event["event"] for event in second] == [
        "pusher_internal:subscription_succeeded",
        "pusher:signin_success",
        "pusher:error",
    ]
    assert json.loads(second[1]["data"]["user_data"])["watchlist"] == ["8"]
    assert client.say({"event": "pusher:ping"})[0]["event"] == "pusher:pong"


@pytest.mark.parametrize("confirmed", range(5))
def test_a_client_that_goes_meanwhile_leaves_nothing(late: LateRoom, confirmed: int) -> None:
    watcher = late.client(APP)
    watcher.sign_in("w", ["7"])
    late.bus.confirm()
    watcher.heard()
    client = late.client(APP)
    client.sign_in("7", ["w", "x"])
    waiting, late.bus.late = late.bus.late, []
    for confirm in waiting[:confirmed]:
        confirm()
    client.session.closed()
    for confirm in waiting[confirmed:]:
        confirm()
    assert client.heard() == [] or confirmed == 4
    assert [event["data"]["events"][0]["name"] for event in watcher.heard()] == ["online", "offline"]
    watcher.session.closed()
    assert leftovers(late) == NOTHING


@pytest.mark.parametrize("confirmed", range(4))
def test_a_client_that_goes_while_it_signs_in_again_leaves_nothing(late: LateRoom, confirmed: int) -> None:
    client = late.client(APP)
    client.sign_in("7", ["a", "b", "c"])
    late.bus.confirm()
    client.sign_in("7", ["b", "c", "d"])
    waiting, late.bus.late = late.bus.late, []
    assert len(waiting) == 3
    for confirm in waiting[:confirmed]:
        confirm()
    client.session.closed()
    for confirm in waiting[confirmed:]:
        confirm()
    assert leftovers(late) == NOTHING
