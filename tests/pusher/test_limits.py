"""Pusher's limits as clients meet them: names of channels, members, client events. Each alone, and what is let in."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from revurb.apps import PUSHER_LIMITS, App, AppLimits, RateLimit
from revurb.pusher.limits import EventRefused, check_event
from tests.pusher.room import Client, Room, an_app
from tests.pusher.test_subscribing import succeeded

PUSHER = an_app(limits=PUSHER_LIMITS)
DOCS = "https://pusher.com/docs/channels/server_api/http-api#publishing-events"
TOO_MUCH_DATA = (
    f"The data content of this event exceeds the allowed maximum (10240 bytes). See {DOCS} for more info"
)


def refusal(answer: list[Any]) -> tuple[int, str, int]:
    """Code, type and status of a subscription that was refused, told both ways with one text."""
    error, subscription_error = answer
    assert (error["event"], subscription_error["event"]) == ("pusher:error", "pusher:subscription_error")
    assert error["data"]["message"] == subscription_error["data"]["error"]
    return error["data"]["code"], subscription_error["data"]["type"], subscription_error["data"]["status"]


@pytest.mark.parametrize(
    "name", ["a", "private-App.Models.User.1", "presence-a_b=c@d,e;f", "A" * 164, f"private-{'a' * 156}"]
)
def test_names_that_pusher_allows(room: Room, name: str) -> None:
    data = '{"user_id":"1"}' if name.startswith("presence-") else None
    assert room.client(PUSHER).subscribe(name, data)[0]["event"] == succeeded(name)["event"]


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a b",
        "a/b",
        "#a",
        "é",
        "a\n",
        "a:b",
        "private-a\x00",
        "A" * 165,
        f"private-{'a' * 157}",
        "A" * 2000,
    ],
)
def test_names_that_it_does_not(room: Room, name: str) -> None:
    client = room.client(PUSHER)
    answer = client.subscribe(name)
    assert refusal(answer) == (4009, "LimitReached", 4009)
    assert answer[0]["data"]["message"].startswith("Invalid channel name: ")
    assert answer[1]["channel"] == name
    assert len(answer[0]["data"]["message"]) < 300
    assert room.state(PUSHER).channels == {}


def test_a_long_name_is_shown_in_part(room: Room) -> None:
    client = room.client(PUSHER)
    for name, shown in ((" " * 100, " " * 100), (" " * 101, " " * 100 + "...")):
        assert client.subscribe(name)[0]["data"]["message"].startswith(
            f"Invalid channel name: {shown!r} has other"
        )


def test_the_charset_and_the_length_are_two_limits(room: Room) -> None:
    charset = room.client(an_app(limits=AppLimits(channel_name_charset="pusher")))
    assert charset.subscribe("a" * 165) == [succeeded("a" * 165)]
    assert refusal(charset.subscribe("a b"))[0] == 4009
    free = room.client(
        an_app(id="2", limits=AppLimits(channel_name_charset="any", max_channel_name_length=3))
    )
    assert free.subscribe("a/b") == [succeeded("a/b")]
    assert refusal(free.subscribe("abcd"))[0] == 4009
    assert free.subscribe("äöü") == [succeeded("äöü")]  # characters, not bytes


def member(user_id: object = "1", **info: object) -> str:
    return orjson.dumps({"user_id": user_id, "user_info": info}).decode()


def test_members_are_measured(room: Room) -> None:
    client, padding = room.client(PUSHER), 1024 - len('{"n":""}')
    assert client.subscribe("presence-a", member("é" * 128, n="x" * padding))[0]["event"].endswith(
        "succeeded"
    )
    for data, what in (
        (member("1" * 129), "The user_id has 129 characters; at most 128 are allowed"),
        (member(n="x" * (padding + 1)), "The user_info has 1025 bytes of JSON; at most 1024 are allowed"),
        (member(n="é" * 600), "The user_info has 1208 bytes of JSON; at most 1024 are allowed"),
    ):
        answer = client.subscribe("presence-b", data)
        assert refusal(answer) == (4301, "LimitReached", 4301)
        assert answer[0]["data"]["message"] == what
    assert list(room.state(PUSHER).channels) == ["presence-a"]


def test_each_measure_of_a_member_is_a_limit(room: Room) -> None:
    ids = room.client(an_app(limits=AppLimits(max_user_id_length=2)))
    assert ids.subscribe("presence-a", member("12", n="x" * 5000))[0]["event"].endswith("succeeded")
    assert refusal(ids.subscribe("presence-b", member(123)))[0] == 4301
    infos = room.client(an_app(id="2", limits=AppLimits(max_user_info_bytes=7)))
    assert infos.subscribe("presence-a", member("1" * 500, n=1))[0]["event"].endswith("succeeded")
    assert refusal(infos.subscribe("presence-b", member(n=10)))[0] == 4301


def test_a_member_who_is_refused_is_still_who_it_was(room: Room) -> None:
    client = room.client(PUSHER)
    client.subscribe("presence-a", member("1"))
    assert refusal(client.subscribe("presence-a", member("2" * 200)))[0] == 4301
    assert [each.user_id for each in room.bus.members("app1", "presence-a")] == ["1"]


def test_users_who_have_signed_in_are_measured_where_they_become_members(room: Room) -> None:
    client = room.client(PUSHER)
    client.sign_in("7", user_info={"n": "x" * 2000})
    assert refusal(client.subscribe("presence-a")) == (4301, "LimitReached", 4301)
    assert client.subscribe("presence-a", member("7"))[0]["event"].endswith("succeeded")


def two(room: Room, app: App = PUSHER) -> tuple[Client, Client]:
    clients = room.client(app), room.client(app)
    for client in clients:
        client.subscribe("private-a")
    return clients


def whisper(data: object = 1, event: str = "client-e", channel: str = "private-a") -> dict[str, object]:
    return {"event": event, "channel": channel, "data": data}


def error(client: Client, message: object, now: float = 0.0) -> tuple[int, str]:
    (answer,) = client.say(message, now)
    assert answer["event"] == "pusher:error"
    return answer["data"]["code"], answer["data"]["message"]


def test_ten_client_events_in_a_second(room: Room) -> None:
    sender, other = two(room)
    for number in range(10):
        assert sender.say(whisper(number), now=100.0 + number / 20) == []
    for _ in range(2):
        assert error(sender, whisper("eleven"), now=100.9) == (
            4301,
            "Client event rejected due to rate limit: more than 10 in a second",
        )
    assert sender.outlet.closed_with is None
    assert sender.say({"event": "pusher:ping"}, now=100.95) != []
    assert sender.subscribe("b") == [succeeded("b")]  # other messages do not count
    assert sender.say(whisper("later"), now=101.0) == []
    assert [event["data"] for event in other.heard()] == [*range(10), "later"]
    assert other.say(whisper(), now=100.9) == []  # each connection has its own


def test_the_limit_of_client_events_closes_nothing_where_that_of_messages_would(room: Room) -> None:
    sender, _ = two(
        room,
        an_app(
            rate_limit=RateLimit(max_attempts=100, terminate=True),
            limits=AppLimits(max_client_events_per_second=1),
        ),
    )
    sender.say(whisper())
    assert error(sender, whisper())[0] == 4301
    assert sender.outlet.closed_with is None


def test_what_counts_client_events_goes_with_the_session_also_if_one_comes_late(room: Room) -> None:
    """As may one that waited for the bus behind a fault that has closed the connection."""
    sender, _ = two(room)
    windows = room.state(PUSHER).client_event_windows
    sender.say(whisper())
    assert list(windows) == [sender.session]
    sender.session.closed()
    sender.say(whisper())
    assert windows == {}


def test_client_events_are_measured(room: Room) -> None:
    sender, other = two(room)
    assert sender.say(whisper("x" * 10_238)) == []  # with its quotes
    assert error(sender, whisper("x" * 10_239)) == (4301, TOO_MUCH_DATA)
    assert sender.say(whisper(event="client-" + "e" * 193)) == []
    assert error(sender, whisper(event="client-" + "e" * 194)) == (
        4301,
        "Client event rejected: its name has 201 characters; at most 200 are allowed",
    )
    assert len(other.heard()) == 2


def test_a_client_event_without_a_name_of_a_channel_is_no_message(room: Room) -> None:
    client = room.client(PUSHER)
    for channel, code in ((None, 4200), (5, 4200), (["a b"], 4200), ("", 4009)):
        assert error(client, {"event": "client-e", "channel": channel, "data": 1})[0] == code


def test_anyones_client_events_go_to_names_that_are_allowed(room: Room) -> None:
    app = an_app(accept_client_events_from="all", limits=PUSHER_LIMITS)
    assert error(room.client(app), whisper(channel="a b"))[0] == 4009
    assert room.client(app).say(whisper(channel="a")) == []


def test_without_limits_there_are_none(room: Room) -> None:
    sender, other = two(room, an_app())
    for _ in range(30):
        assert sender.say(whisper("x" * 12_000, event="client-" + "e" * 300)) == []
    assert len(other.heard()) == 30
    assert sender.subscribe("a b/é" + "c" * 300)[0]["event"].endswith("succeeded")


@pytest.mark.parametrize(
    ("channels", "event", "data", "part"),
    [
        (["c"] * 100, "e" * 200, "x" * 10_240, None),
        (["#server-to-user-a b"], "e", "é" * 5_120, None),
        ([str(number) for number in range(101)], "e", "", "channels"),
        (["c", "a b"], "e", "", "channels"),
        (["#server-to-user-" + "1" * 149], "e", "", "channels"),
        (["c"], "e" * 201, "", "event"),
        (["c"], "e", "x" * 10_241, "data"),
        (["c"], "e", "é" * 5_121, "data"),
    ],
)
def test_events_of_the_application(channels: list[str], event: str, data: str, part: str | None) -> None:
    if part is None:
        check_event(PUSHER, PUSHER_LIMITS, channels, event, data)
        return
    with pytest.raises(EventRefused) as caught:
        check_event(PUSHER, PUSHER_LIMITS, channels, event, data)
    assert caught.value.part == part
    check_event(PUSHER, AppLimits(max_presence_members=1), channels[:100], event, data)


def test_who_could_not_be_a_member_cannot_sign_in(room: Room) -> None:
    """Its user's channel could have a name that the application may not send to."""
    client = room.client(PUSHER)
    assert client.sign_in("é" * 129) == [
        {
            "event": "pusher:error",
            "data": {"code": 4009, "message": "The user_id has 129 characters; at most 128 are allowed"},
        }
    ]
    assert client.session.user is None
    assert client.sign_in("é" * 128)[0]["event"] == "pusher:signin_success"
    room.trigger.send(PUSHER, [f"#server-to-user-{'é' * 128}"], "note", "1")
    assert [event["event"] for event in client.heard()] == ["note"]
    check_event(PUSHER, PUSHER_LIMITS, [f"#server-to-user-{'é' * 128}"], "note", "1")


# How many may be on a presence channel.

TWO = an_app(limits=AppLimits(max_presence_members=2))
FULL = (4301, "LimitReached", 4100)


def join(client: Client, user_id: str, channel: str = "presence-a") -> list[Any]:
    return client.subscribe(channel, f'{{"user_id":"{user_id}"}}')


def is_in(answer: list[Any]) -> bool:
    return [event["event"] for event in answer] == ["pusher_internal:subscription_succeeded"]


def members(room: Room) -> list[str]:
    return [member.user_id for member in room.bus.members("app1", "presence-a")]


def test_the_third_user_is_refused_and_nobody_hears_of_it(room: Room) -> None:
    first, second, third = (room.client(TWO) for _ in range(3))
    assert is_in(join(first, "1"))
    assert is_in(join(second, "2"))
    first.heard()
    answer = join(third, "3")
    assert refusal(answer) == FULL
    assert answer[0]["data"]["message"] == "The maximum members per presence channel limit was reached"
    assert (first.heard(), members(room), third.session.channels) == ([], ["1", "2"], {})
    assert is_in(join(third, "3", "presence-b"))  # each channel has its own


def test_another_connection_of_a_present_user_is_not(room: Room) -> None:
    for user_id in ("1", "2", "2", "1"):
        client = room.client(TWO)
        assert is_in(join(client, user_id))
        assert is_in(join(client, user_id))  # nor is a repeat
    assert refusal(join(room.client(TWO), "3")) == FULL


def test_whoever_leaves_makes_room(room: Room) -> None:
    first, second, third = (room.client(TWO) for _ in range(3))
    join(first, "1"), join(second, "2"), join(third, "3")
    first.session.closed()
    assert is_in(join(third, "3"))
    assert members(room) == ["2", "3"]


def test_who_is_refused_is_counted_from_then_on(room: Room) -> None:
    app = an_app(limits=TWO.limits, max_subscriptions_per_second=3)
    for user_id in ("1", "2"):
        join(room.client(app), user_id)
    client = room.client(app)
    statuses = [refusal(join(client, "3"))[2] for _ in range(5)]
    assert statuses == [4100, 4100, 4100, 4100, 4301]  # the second is not asked of the bus
    assert client.outlet.closed_with is None
