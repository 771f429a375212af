from typing import Any

import orjson
import pytest

from revurb._speedups.frames import BINARY
from revurb.apps import RateLimit
from revurb.pusher.errors import TerminatedByApp, UnknownApp
from revurb.pusher.session import Refusal, Session
from tests.pusher.room import Client, Recorder, Room, an_app, opened

INVALID = [{"event": "pusher:error", "data": {"code": 4200, "message": "Invalid message format"}}]
PONG = [{"event": "pusher:pong"}]


@pytest.fixture
def client(room: Room) -> Client:
    return room.client(an_app())


def test_the_greeting(room: Room) -> None:
    outlet = Recorder()
    state = room.state(an_app(activity_timeout_s=45))
    Session(state, "12.34", room.bus).opened(outlet)
    greeting = {
        "event": "pusher:connection_established",
        "data": {"socket_id": "12.34", "activity_timeout": 45},
    }
    assert outlet.take() == [greeting]


@pytest.mark.parametrize(
    "message",
    [
        b"", b" ", b"not json", b"{", b"[]", b"{}", b"1", b'"str"', b"null", b"true", b"[1,2]", b'{"event":5}',
        b'{"event":null}', b'{"event":""}', b'{"event":["a"]}', b'{"event":"pusher:foo"}', b'{"event":"pusher:"}',
        b'{"event":"pusher:connection_established"}', b'{"event":"pusher:signin","data":{}}',
        b'{"event":"pusher:ping"} trailing', b'\xef\xbb\xbf{"event":"pusher:ping"}', b'{"event":"foo"}',
        b'{"event":"foo","channel":5}', b'{"event":"PUSHER:PING"}', b'{"event":"client-x"}',
        b'{"event":"client-x","channel":""}', b'{"event":"client-x","channel":5}', b'{"event":"pusher:ping","x":01}',
        b'{"event":"a","channel":"' + b"[" * 2000, b'{"event":"pusher:ping","x":' + b"[" * 4000 + b"]" * 4000 + b"}",
    ],
)  # fmt: skip
def test_invalid_messages_are_told_so(client: Client, message: bytes) -> None:
    assert client.say(message) == INVALID
    assert client.outlet.closed_with is None
    assert client.say({"event": "pusher:ping"}) == PONG


@pytest.mark.parametrize("data", [b"{}", b"[]", b"null", b"5", b'"5"', b'"not json"'])
def test_a_ping_is_answered_whatever_its_data(client: Client, data: bytes) -> None:
    assert client.say(b'{"event":"pusher:ping","data":%b}' % data) == PONG


def test_a_pong_and_foreign_events_are_silent(client: Client) -> None:
    assert client.say({"event": "pusher:pong", "data": {}}) == []
    assert client.say({"event": "pusher_internal:member_added", "channel": "presence-r", "data": {}}) == []
    assert client.say(b'{"event":"pusher:ping","event":"pusher:pong"}') == []


def test_a_binary_message_is_text(client: Client) -> None:
    assert client.say(b'{"event":"pusher:ping"}', opcode=BINARY) == PONG
    assert client.say(b'{"event":"pusher:ping","x":"\xff"}', opcode=BINARY) == INVALID


def test_the_rate_limit_counts_everything_and_forgets(room: Room) -> None:
    client = room.client(an_app(rate_limit=RateLimit(max_attempts=3, decay_s=60)))
    limited = [{"event": "pusher:error", "data": {"code": 4301, "message": "Rate limit exceeded"}}]
    assert client.say(b"nonsense", now=0) == INVALID
    assert client.say({"event": "pusher:ping"}, now=1) == PONG
    assert client.say({"event": "pusher:ping"}, now=59) == PONG
    assert client.say({"event": "pusher:ping"}, now=59.5) == limited
    assert client.say(b"nonsense", now=59.9) == limited
    assert client.say({"event": "pusher:ping"}, now=60) == PONG
    other = room.client(client.session.app_state.app)
    assert other.say({"event": "pusher:ping"}, now=59) == PONG


def test_the_rate_limit_may_close(room: Room) -> None:
    client = room.client(an_app(rate_limit=RateLimit(max_attempts=1, terminate=True)))
    client.say({"event": "pusher:ping"})
    assert client.say({"event": "pusher:ping"})[0]["data"]["code"] == 4301
    assert client.outlet.closed_with == (4301, "Rate limit exceeded")


def test_silence_is_asked_about_in_the_way_that_the_client_answers(client: Client) -> None:
    client.session.on_idle()
    assert client.heard() == [{"event": "pusher:ping"}]
    client.session.on_control_frame()
    client.session.on_idle()
    assert (client.heard(), client.outlet.pings) == ([], 1)
    client.say({"event": "pusher:pong"})
    client.session.on_idle()
    assert (client.heard(), client.outlet.pings) == ([{"event": "pusher:ping"}], 1)


def test_an_unresponsive_client_is_told_and_closed(client: Client) -> None:
    client.session.on_unresponsive()
    error = {"code": 4201, "message": "Pong reply not received in time"}
    assert client.heard() == [{"event": "pusher:error", "data": error}]
    assert client.outlet.closed_with == (4201, "Pong reply not received in time")


def test_ending_says_why_and_closes_with_the_same_code(client: Client) -> None:
    client.session.end(TerminatedByApp())
    assert client.heard()[0]["data"] == {"code": 4009, "message": "You got disconnected by the app."}
    assert client.outlet.closed_with == (4009, "You got disconnected by the app.")


def test_a_refusal_says_why_and_closes() -> None:
    outlet = Recorder()
    Refusal(UnknownApp()).opened(outlet)
    assert outlet.take() == [
        {"event": "pusher:error", "data": {"code": 4001, "message": "Application does not exist"}}
    ]
    assert outlet.closed_with == (4001, "Application does not exist")


def test_a_fault_of_ours_closes_with_1011_and_tells_nothing(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("internal detail")

    monkeypatch.setattr("revurb.pusher.session.unsubscribe", broken)
    assert client.say({"event": "pusher:unsubscribe", "data": {"channel": "a"}}) == []
    assert client.outlet.closed_with == (1011, "Internal error")
    assert "message handling failed" in caplog.text


def test_one_event_is_one_bytes_object(room: Room) -> None:
    app = an_app()
    clients = [room.client(app) for _ in range(5)]
    for client in clients:
        client.subscribe("news")
    for client in clients:
        client.heard()
    room.trigger.send(app, ["news"], "tick", "1")
    assert len({id(client.outlet.frames[-1]) for client in clients}) == 1


def test_a_channel_named_twice_gets_the_event_once_and_the_excepted_socket_none(room: Room) -> None:
    app = an_app()
    one, two = room.client(app), room.client(app)
    for client in (one, two):
        client.subscribe("news")
    room.trigger.send(app, ["news", "news"], "tick", 'not "json"', one.session.socket_id)
    assert one.heard() == []
    assert two.heard() == [{"event": "tick", "data": 'not "json"', "channel": "news"}]


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
     b"[ 1 ]", b'"\\u00e9"'],
)  # fmt: skip
def test_a_client_event_is_passed_on_byte_for_byte(room: Room, data: bytes) -> None:
    sender, other = joined(room, "private-x")
    assert sender.say(whisper("private-x", data)) == []
    (frame,) = other.outlet.frames
    assert frame.endswith(b'{"event":"client-x","channel":"private-x","data":%b}' % data)


def test_a_client_event_without_data_carries_null_and_no_extra_fields(room: Room) -> None:
    sender, other = joined(room, "private-x")
    sender.say({"event": "client-x", "channel": "private-x", "user_id": "spoof", "channels": ["y"]})
    assert other.heard() == [{"event": "client-x", "channel": "private-x", "data": None}]


def test_the_user_id_comes_from_the_signed_identity(room: Room) -> None:
    sender, other = joined(room, "presence-x")
    sender.say({"event": "client-x", "channel": "presence-x", "data": {}, "user_id": "spoof"})
    assert other.heard() == [{"event": "client-x", "channel": "presence-x", "data": {}, "user_id": 0}]


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


def test_opened_reads_frames_of_every_length() -> None:
    from revurb.pusher.messages import event_text, frame

    for size in (0, 60, 66, 125, 126, 70_000):
        assert opened(frame(event_text("e", "x" * size, "c")))["data"] == "x" * size
