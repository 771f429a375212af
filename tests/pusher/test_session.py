from collections.abc import Iterator

import pytest

from revurb._speedups.frames import BINARY
from revurb.apps import RateLimit
from revurb.pusher.errors import TerminatedByApp, UnknownApp
from revurb.pusher.session import Refusal, Session
from revurb.pusher.subscribing import FEW_CHANNELS
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
        b'{"event":"a","channel":"' + b"[" * 2000,
    ],
)  # fmt: skip
def test_invalid_messages_are_told_so(client: Client, message: bytes) -> None:
    assert client.say(message) == INVALID
    assert client.outlet.closed_with is None
    assert client.say({"event": "pusher:ping"}) == PONG


def test_a_message_too_deep_for_the_decoder_is_invalid(client: Client) -> None:
    """How deep that is depends on Python's version."""
    answers = [client.say(b'{"event":"pusher:ping","x":%b%b}' % (b"[" * n, b"]" * n)) for n in (600, 4000)]
    assert answers in ([PONG, INVALID], [PONG, PONG])
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


def test_who_does_not_answer_is_asked_in_the_other_way(client: Client) -> None:
    client.session.on_idle()
    client.heard()
    client.session.on_still_idle()
    assert (client.heard(), client.outlet.pings) == ([], 1)
    client.session.on_control_frame()
    client.session.on_idle()
    assert (client.heard(), client.outlet.pings) == ([], 2)
    client.session.on_still_idle()
    assert (client.heard(), client.outlet.pings) == ([{"event": "pusher:ping"}], 2)


@pytest.mark.parametrize(("interval_s", "due_s"), [(60, 55.0), (30, 27.5), (120, 115.0), (600, 595.0)])
def test_the_ping_is_in_time_for_proxies_with_the_same_timeout(
    room: Room, interval_s: int, due_s: float
) -> None:
    assert room.client(an_app(ping_interval_s=interval_s)).session.ping_interval_s == due_s


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


@pytest.mark.parametrize(
    ("event", "function"), [("unsubscribe", "unsubscribe"), ("subscribe", "subscribe_plainly")]
)
def test_a_fault_of_ours_closes_with_1011_and_tells_nothing(
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    event: str,
    function: str,
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("internal detail")

    monkeypatch.setattr(f"revurb.pusher.session.{function}", broken)
    assert client.say({"event": f"pusher:{event}", "data": {"channel": "a"}}) == []
    assert client.outlet.closed_with == (1011, "Internal error")
    assert "message handling failed" in caplog.text


def test_opened_reads_frames_of_every_length() -> None:
    from revurb.pusher.messages import event_text, frame

    for size in (0, 60, 66, 125, 126, 70_000):
        assert opened(frame(event_text("e", "x" * size, "c")))["data"] == "x" * size


def test_one_with_many_channels_leaves_them_in_steps() -> None:
    waiting: list[Iterator[None]] = []
    room = Room(waiting.append)
    app = an_app()
    leaver, other = room.client(app), room.client(app)
    channels = ["presence-r", *(f"c{number}" for number in range(FEW_CHANNELS))]
    for channel in channels:
        leaver.subscribe(channel, '{"user_id":"1"}' if channel == "presence-r" else None)
    other.subscribe("presence-r", '{"user_id":"2"}')
    leaver.session.closed()
    assert room.bus.connections(app.id) == 1, "its place is free at once"
    assert len(room.state(app).channels) == len(channels)
    assert other.heard() == []
    room.trigger.send(app, ["c1"], "e", "x")  # to one that cannot be sent anything any more
    (steps,) = waiting
    assert len(list(steps)) == len(channels)
    assert list(room.state(app).channels) == ["presence-r"]
    assert [event["event"] for event in other.heard()] == ["pusher_internal:member_removed"]


def test_one_with_few_channels_leaves_at_once() -> None:
    room = Room(lambda steps: pytest.fail("not to be waited for"))
    leaver = room.client(an_app())
    for number in range(FEW_CHANNELS):
        leaver.subscribe(f"c{number}")
    leaver.session.closed()
    assert not room.state(an_app()).channels
