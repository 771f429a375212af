"""What a subscriber of a channel with history is told, and in which order."""

from __future__ import annotations

from typing import Any

import pytest

from revurb.apps import App, HistoryRule
from revurb.bus.history_store import HistoryStore
from tests.pusher.room import Client, Room, an_app

SUCCEEDED = "pusher_internal:subscription_succeeded"
APP = an_app(
    history=(HistoryRule(channels=("*room*",), size=3),),
    accept_client_events_from="all",
    max_resume_size_bytes=300,
)


def subscribe(
    client: Client, channel: str, resume: object = None, app: App = APP, user: str = ""
) -> list[Any]:
    data: dict[str, object] = {"channel": channel}
    signed = f"{client.session.socket_id}:{channel}"
    if user:
        data["channel_data"] = f'{{"user_id":"{user}"}}'
        signed += f":{data['channel_data']}"
    data["auth"] = f"{app.key}:{app.sign(signed)}"
    if resume is not None:
        data["resume"] = resume
    return client.say({"event": "pusher:subscribe", "data": data})


def publish(room: Room, *numbers: int, channel: str = "room", **more: Any) -> None:
    for number in numbers:
        room.trigger.send(APP, [channel], "e", str(number), **more)


def heard(answers: list[Any]) -> list[Any]:
    """The events, by their data; of others their names."""
    return [each["data"] if each["event"] == "e" else each["event"] for each in answers]


def test_where_a_subscriber_is(room: Room) -> None:
    client = room.client(APP)
    (answer,) = subscribe(client, "room")
    assert list(answer) == ["event", "data", "channel", "id"]
    publish(room, 7)
    (event,) = client.heard()
    assert list(event) == ["event", "data", "channel", "id"]
    assert event["id"].endswith("-1")
    assert answer["id"] == event["id"].removesuffix("1") + "0"


def test_without_history_nothing_is_different(room: Room) -> None:
    client = room.client(APP)
    expected = [{"event": SUCCEEDED, "data": {}, "channel": "news"}]
    assert subscribe(client, "news", {"id": "e-1"}) == expected
    assert subscribe(room.client(an_app()), "room", {"id": "e-1"}, an_app()) == [
        {**expected[0], "channel": "room"}
    ]
    publish(room, 1, channel="news")
    assert client.heard() == [{"event": "e", "data": 1, "channel": "news"}]


def test_who_comes_back_gets_what_it_missed_and_then_what_is_new(room: Room) -> None:
    client = room.client(APP)
    position = subscribe(client, "room")[0]["id"]
    client.say({"event": "pusher:unsubscribe", "data": {"channel": "room"}})
    publish(room, 1, 2)
    answers = subscribe(client, "room", {"id": position})
    publish(room, 3)
    assert answers[0]["resumed"] is True
    assert answers[0]["id"] == answers[-1]["id"]
    assert heard(answers + client.heard()) == [SUCCEEDED, 1, 2, 3]
    again = subscribe(client, "room", {"id": answers[0]["id"]})  # of one that is there already
    assert heard(again) == [SUCCEEDED, 3]
    assert (room.registry.counters.resumes_total, room.registry.counters.resumed_events_total) == (2, 3)


@pytest.mark.parametrize(
    ("resume", "reason"),
    [
        ({"id": "%s-0"}, "expired"), ({"id": "other-1"}, "epoch"), ({"id": "%s-99"}, "invalid"), ({"id": 7}, "invalid"),
        ("%s-4", "invalid"), ({"id": "%s-1"}, "limit"),
    ],
)  # fmt: skip
def test_why_it_does_not_get_it(room: Room, resume: Any, reason: str) -> None:
    client = room.client(APP)
    epoch = subscribe(client, "room")[0]["id"].partition("-")[0]
    publish(room, 1, 2, 3)
    room.trigger.send(APP, ["room"], "e", "x" * 200)
    client.heard()
    if isinstance(resume, dict) and isinstance(resume["id"], str):
        resume = {"id": resume["id"].replace("%s", epoch)}
    answer, failed = subscribe(client, "room", resume)
    assert answer == {
        "event": SUCCEEDED, "data": {}, "channel": "room", "id": f"{epoch}-4", "resumed": False,
    }  # fmt: skip
    assert failed == {"event": "pusher:resume_failed", "data": {"reason": reason}, "channel": "room"}
    assert room.registry.counters.resumes_failed_total == 1


def test_whispers_have_positions_and_are_not_repeated_to_who_sent_them(room: Room) -> None:
    sender, other = room.client(APP), room.client(APP)
    position = subscribe(sender, "private-room")[0]["id"]
    subscribe(other, "private-room")
    sender.say({"event": "client-x", "channel": "private-room", "data": {"a": 1}})
    (whisper,) = other.heard()
    assert whisper == {
        "event": "client-x", "channel": "private-room", "data": {"a": 1}, "id": position[:-1] + "1",
    }  # fmt: skip
    own = {"id": position, "socket_id": sender.session.socket_id}
    assert heard(subscribe(room.client(APP), "private-room", own)) == [SUCCEEDED]
    assert subscribe(room.client(APP), "private-room", {"id": position})[1] == whisper


def test_members(room: Room) -> None:
    first = room.client(APP)
    position = subscribe(first, "presence-room", user="1")[0]["id"]
    publish(room, 1, channel="presence-room")
    confirmed, event = subscribe(room.client(APP), "presence-room", {"id": position}, user="2")
    assert confirmed["data"]["presence"]["ids"] == ["1", "2"]
    assert (confirmed["resumed"], event["data"]) == (True, 1)
    _, added = first.heard()
    assert "id" not in added


def test_the_last_event_of_a_cache_channel_is_not_told_twice(room: Room) -> None:
    publish(room, 1, channel="cache-room")
    client = room.client(APP)
    confirmed, last = subscribe(client, "cache-room")
    assert confirmed["id"] == last["id"]
    assert heard(subscribe(client, "cache-room", {"id": last["id"]})) == [SUCCEEDED]
    publish(room, 2, channel="cache-room")
    client.heard()
    assert heard(subscribe(client, "cache-room", {"id": last["id"]})) == [SUCCEEDED, 2]
    assert heard(subscribe(client, "cache-room", {"id": "other-1"})) == [SUCCEEDED, "pusher:resume_failed", 2]


def test_a_history_that_is_out_of_reach_is_no_channel_without(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who comes then has a position with the next event, and is told that it has none if it goes before."""
    monkeypatch.setattr(HistoryStore, "replay", lambda *given: None)
    client = room.client(APP)
    assert subscribe(client, "room") == [
        {"event": SUCCEEDED, "data": {}, "channel": "room", "resumed": False}
    ]
    members = subscribe(client, "presence-room", user="1")
    assert [(each["event"], each.get("id"), each["resumed"]) for each in members] == [
        (SUCCEEDED, None, False)
    ]
    assert subscribe(client, "news") == [{"event": SUCCEEDED, "data": {}, "channel": "news"}]
    assert room.registry.counters.resumes_failed_total == 0
