"""Client events: who may send them, and what the others get."""

from typing import Any

import orjson
import pytest

from revurb.pusher.facts import CLIENT_EVENTS, OCCUPANCY, Fact
from tests.pusher.room import Client, Room, an_app


def whisper(channel: str, data: bytes = b'{"n":1}') -> bytes:
    return b'{"event":"client-x","channel":%b,"data":%b}' % (orjson.dumps(channel), data)


def joined(room: Room, channel: str, count: int = 2, **app: Any) -> list[Client]:
    clients = [room.client(an_app(**app)) for _ in range(count)]
    for number, client in enumerate(clients):
        client.subscribe(channel, f'{{"user_id":{number}}}' if channel.startswith("presence-") else None)
    for client in clients:
        client.heard()
    return clients


@pytest.mark.parametrize(
    "data",
    [b'{"n":1,"f":1.0,"big":12345678901234567890}', b"{}", b'"{\\"a\\":1}"', b'"hello"', b"5", b"null",
     b"[ 1 ]", b'"\\u00e9"', b'{"t":"cut \\ud83d"}', b'"\\ude00\\ud83d\\ude00"'],
)  # fmt: skip
def test_a_client_event_is_passed_on_byte_for_byte(room: Room, data: bytes) -> None:
    sender, other = joined(room, "private-x")
    assert sender.say(whisper("private-x", data)) == []
    (frame,) = other.outlet.frames
    assert frame.endswith(b'{"event":"client-x","channel":"private-x","data":%b}' % data)


@pytest.mark.parametrize(
    "fields",
    [
        rb'"event":"client-\ud83d","channel":"private-x","data":1',
        rb'"event":"client-x","channel":"private-x\ud83d","data":1',
        rb'"event":"client-x","channel":"private-x","data":"\ud83d',
        rb'"event":"client-x","channel":"private-x","data":"\ud8"',
    ],
)
def test_names_are_text(room: Room, fields: bytes) -> None:
    """Half a surrogate pair is none; and what is no JSON does not become any."""
    sender, other = joined(room, "private-x")
    assert sender.say(b"{%b}" % fields)[0]["data"]["code"] == 4200
    assert other.heard() == []


def test_a_client_event_without_data_carries_null_and_no_extra_fields(room: Room) -> None:
    sender, other = joined(room, "private-x")
    sender.say({"event": "client-x", "channel": "private-x", "user_id": "spoof", "channels": ["y"]})
    assert other.heard() == [{"event": "client-x", "channel": "private-x", "data": None}]


def test_the_user_id_comes_from_the_signed_identity(room: Room) -> None:
    sender, other = joined(room, "presence-x")
    sender.say({"event": "client-x", "channel": "presence-x", "data": {}, "user_id": "spoof"})
    assert other.heard() == [{"event": "client-x", "channel": "presence-x", "data": {}, "user_id": "0"}]


@pytest.mark.parametrize("channel", ["news", "private-encrypted-x"])
def test_members_may_only_whisper_on_private_and_presence_channels(room: Room, channel: str) -> None:
    sender, other = joined(room, channel)
    assert sender.say(whisper(channel))[0]["data"]["code"] == 4301
    assert other.heard() == []


@pytest.mark.parametrize("channel", ["private-x", "nowhere"])
def test_only_members_may_whisper(room: Room, channel: str) -> None:
    (other,) = joined(room, "private-x", 1)
    outsider = room.client(an_app())
    message = "The client is not a member of the specified channel."
    assert outsider.say(whisper(channel)) == [
        {"event": "pusher:error", "data": {"code": 4009, "message": message}}
    ]
    assert other.heard() == []


def test_nobody_may_whisper_where_it_is_off(room: Room) -> None:
    sender, other = joined(room, "private-x", accept_client_events_from="none")
    message = "The app does not have client messaging enabled."
    assert sender.say(whisper("private-x"))[0]["data"] == {"code": 4301, "message": message}
    assert other.heard() == []


@pytest.mark.parametrize("channel", ["news", "private-x", "presence-x"])
def test_anyone_may_whisper_anywhere_where_all_may(room: Room, channel: str) -> None:
    (other,) = joined(room, channel, 1, accept_client_events_from="all")
    outsider = room.client(other.session.app_state.app)
    outsider.say({"event": "client-x", "channel": channel, "data": 1, "user_id": "spoof", "channels": ["y"]})
    assert other.heard() == [{"event": "client-x", "channel": channel, "data": 1}]
    assert outsider.say(whisper("nowhere")) == []


def test_client_events_are_not_cached(room: Room) -> None:
    sender, _ = joined(room, "private-cache-x")
    sender.say(whisper("private-cache-x"))
    late = room.client(an_app())
    assert late.subscribe("private-cache-x")[1]["event"] == "pusher:cache_miss"


def test_there_is_no_limit_of_client_events_unless_the_app_has_one(room: Room) -> None:
    """Pusher has 10 in a second."""
    sender, other = joined(room, "private-x")
    for _ in range(100):
        assert sender.say(whisper("private-x")) == []
    assert len(other.heard()) == 100


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b'{"n": 1,"t":"\xe2\x82\xac"}', '{"n": 1,"t":"\u20ac"}'),
        (b'"hello \\u20ac"', "hello \u20ac"),
        (b'"{\\"a\\":1}"', '{"a":1}'),
        (b"null", "null"),
        (b"5", "5"),
        (b'"cut \\ud83d"', '"cut \\ud83d"'),
        (b'{"t":"cut \\ud83d"}', '{"t":"cut \\ud83d"}'),
    ],
)
def test_a_client_event_is_a_fact_where_that_is_wanted(room: Room, data: bytes, text: str) -> None:
    facts: list[Fact] = []
    room.registry.tell_facts({an_app().id: CLIENT_EVENTS}, facts.append)
    sender, other = joined(room, "presence-x")
    sender.say(whisper("presence-x", data))
    (fact,) = facts
    assert (fact.kind, fact.app_id, fact.channel) == ("client_event", an_app().id, "presence-x")
    assert (fact.event, fact.data, fact.user_id) == ("client-x", text, "0")
    assert fact.socket_id == sender.session.socket_id
    assert other.outlet.frames
    sender.say(whisper("private-not-joined", data))
    assert len(facts) == 1


def test_a_client_event_is_no_fact_where_that_is_not_wanted(room: Room) -> None:
    facts: list[Fact] = []
    room.registry.tell_facts({an_app().id: OCCUPANCY, "other": CLIENT_EVENTS}, facts.append)
    sender, other = joined(room, "private-x")
    sender.say(whisper("private-x"))
    assert other.heard()
    assert not facts
