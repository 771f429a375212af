"""The client behind `revurb listen`, against a scripted server. A script that ends with 4000 ends the client."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

import revurb
from revurb.cli.subscription import (
    MAX_RECONNECT_DELAY_S,
    ReceivedEvent,
    Subscriber,
    SubscriberError,
    reconnect_delay_s,
)
from revurb.cli.target import NodeAddress
from revurb.config import App
from tests.cli.servers import SOCKET_ID, Peer, Script, api_server, pusher_server
from tests.conftest import Run

THE_APP = App(id="1", key="the-key", secret="hush-hush")


@dataclass
class Heard:
    """All that a client said until it ended."""

    events: list[ReceivedEvent] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    attempts: list[int] = field(default_factory=list)
    error: str = ""


def listen(run: Run, scripts: list[Script], *channels: str, channel_data: str | None = None) -> Heard:
    heard = Heard()

    def no_pause(attempt: int) -> float:
        heard.attempts.append(attempt)
        return 0.0

    with pusher_server(scripts) as port:
        address = NodeAddress("127.0.0.1", port, "/ws", None)
        subscriber = Subscriber(
            address, THE_APP, channels, channel_data, heard.events.append, heard.notices.append, no_pause
        )
        with pytest.raises(SubscriberError) as caught:
            run(subscriber.run())
    heard.error = str(caught.value)
    heard.notices = [notice.replace(str(port), "PORT") for notice in heard.notices]
    return heard


def the_end(peer: Peer) -> None:
    peer.close(4000, "the end")


def test_the_connection_names_app_protocol_and_client(run: Run) -> None:
    paths: list[str] = []

    def script(peer: Peer) -> None:
        paths.append(peer.path)
        the_end(peer)

    heard = listen(run, [script])
    assert paths == [f"/ws/app/the-key?protocol=7&client=revurb&version={revurb.__version__}"]
    assert heard.error == "the server closed the connection for good: 4000 the end"


@pytest.mark.parametrize(
    ("channel", "channel_data", "request_"),
    [
        ("orders", None, {"channel": "orders"}),
        ("orders", '{"user_id":"7"}', {"channel": "orders"}),
        (
            "private-orders",
            None,
            {"channel": "private-orders", "auth": f"the-key:{THE_APP.sign(f'{SOCKET_ID}:private-orders')}"},
        ),
        (
            "presence-room",
            '{"user_id":"7"}',
            {
                "channel": "presence-room",
                "channel_data": '{"user_id":"7"}',
                "auth": "the-key:" + THE_APP.sign(f'{SOCKET_ID}:presence-room:{{"user_id":"7"}}'),
            },
        ),
    ],
)
def test_a_channel_is_subscribed_to_as_its_kind_wants(
    run: Run, channel: str, channel_data: str | None, request_: dict[str, str]
) -> None:
    def script(peer: Peer) -> None:
        peer.establish()
        assert peer.receive() == {"event": "pusher:subscribe", "data": request_}
        the_end(peer)

    listen(run, [script], channel, channel_data=channel_data)


def test_events_are_handed_on_as_they_come(run: Run) -> None:
    def script(peer: Peer) -> None:
        peer.establish()
        peer.receive()
        peer.send("pusher_internal:subscription_succeeded", {}, "orders")
        peer.send("created", {"id": 7}, "orders")
        peer.socket.send('{"event":"plain","channel":"orders","data":{"id":8}}')
        peer.socket.send('{"event":"bare"}')
        peer.send("pusher_internal:member_added", {"user_id": "9"}, "presence-room")
        the_end(peer)

    heard = listen(run, [script], "orders")
    assert heard.events == [
        ReceivedEvent("created", "orders", '{"id": 7}'),
        ReceivedEvent("plain", "orders", {"id": 8}),
        ReceivedEvent("bare", None, None),
        ReceivedEvent("pusher_internal:member_added", "presence-room", '{"user_id": "9"}'),
    ]
    assert heard.notices == [f"connected to ws://127.0.0.1:PORT/ws as {SOCKET_ID}", "subscribed to orders"]


def test_a_ping_is_answered_and_not_shown(run: Run) -> None:
    def script(peer: Peer) -> None:
        peer.establish()
        peer.send("pusher:ping", {})
        assert peer.receive() == {"event": "pusher:pong", "data": {}}
        peer.send("pusher:pong", {})
        the_end(peer)

    assert listen(run, [script]).events == []


@pytest.mark.parametrize(
    ("event", "data", "notice"),
    [
        ("pusher_internal:subscription_succeeded", {"presence": {"count": 1}}, "subscribed to c (1 member)"),
        ("pusher_internal:subscription_succeeded", {"presence": {"count": 3}}, "subscribed to c (3 members)"),
        ("pusher:subscription_error", {"status": 401}, 'not subscribed to c: {"status": 401}'),
        (
            "pusher:error",
            {"code": 4009, "message": "Connection is unauthorized"},
            "error: 4009 Connection is unauthorized",
        ),
        ("pusher:error", {"code": 4301, "message": "Rate limit exceeded"}, "error: 4301 Rate limit exceeded"),
        ("pusher:error", {"code": None, "message": "?"}, "error: None ?"),
        ("pusher:error", "just text", "error: just text"),
    ],
)
def test_what_the_server_says_of_the_protocol_is_a_notice(
    run: Run, event: str, data: Any, notice: str
) -> None:
    def script(peer: Peer) -> None:
        peer.establish()
        peer.send(event, data, "c")
        the_end(peer)

    heard = listen(run, [script])
    assert heard.notices[1:] == [notice]
    assert heard.events == []


def test_an_error_for_good_ends_also_if_the_server_leaves_the_connection_open(run: Run) -> None:
    def script(peer: Peer) -> None:
        peer.send("pusher:error", {"code": 4001, "message": "Application does not exist"})
        peer.receive()  # until the client closes

    assert listen(run, [script]).error == "the server refused the connection: 4001 Application does not exist"


@pytest.mark.parametrize("garbage", ["not json", "[]", '{"event":5}', "null"])
def test_garbage_is_ignored(run: Run, garbage: str) -> None:
    def script(peer: Peer) -> None:
        peer.establish()
        peer.socket.send(garbage)
        the_end(peer)

    assert listen(run, [script]).notices[1:] == ["a message that is not a Pusher event was ignored"]


class TestConnectingAgain:
    def test_after_a_pause_that_grows_until_a_connection_holds(self, run: Run) -> None:
        def drop(peer: Peer) -> None:
            peer.close(1001, "going away")

        def hold_and_drop(peer: Peer) -> None:
            peer.establish()
            peer.receive()
            peer.close(4100, "over capacity")

        heard = listen(run, [hold_and_drop, drop, drop, hold_and_drop, the_end], "orders")
        assert heard.attempts == [1, 2, 3, 1]
        assert [notice for notice in heard.notices if not notice.startswith("connected")] == [
            "connection lost (4100 over capacity), next attempt now",
            "connection lost (1001 going away), next attempt now",
            "connection lost (1001 going away), next attempt now",
            "connection lost (4100 over capacity), next attempt now",
        ]

    def test_at_once_if_the_server_says_so_but_not_for_ever(self, run: Run) -> None:
        def established(peer: Peer) -> None:
            peer.establish()
            peer.close(4200)

        def refused(peer: Peer) -> None:
            peer.close(4200)

        assert listen(run, [established, refused, refused, the_end]).attempts == [2, 3]

    def test_a_connection_that_breaks_without_a_word(self, run: Run) -> None:
        def break_(peer: Peer) -> None:
            peer.establish()
            peer.receive()
            peer.socket.socket.shutdown(2)

        heard = listen(run, [break_, the_end], "orders")
        assert heard.attempts == [1]
        assert heard.notices[1].startswith("connection lost (")

    def test_pauses_grow_to_a_limit_and_differ(self) -> None:
        for attempt, longest in [
            (1, 0.5),
            (2, 1.0),
            (3, 2.0),
            (6, MAX_RECONNECT_DELAY_S),
            (10_000, MAX_RECONNECT_DELAY_S),
        ]:
            pauses = {reconnect_delay_s(attempt) for _ in range(50)}
            assert len(pauses) > 1
            assert all(longest / 2 <= pause <= longest for pause in pauses)


class TestNoConnection:
    def error(self, run: Run, port: int) -> str:
        address = NodeAddress("127.0.0.1", port, "", None)
        subscriber = Subscriber(address, THE_APP, ["a"], None, lambda event: None, lambda notice: None)
        with pytest.raises(SubscriberError) as caught:
            run(subscriber.run())
        return str(caught.value)

    def test_nobody_listens(self, run: Run, closed_port: int) -> None:
        error = self.error(run, closed_port)
        assert error == f"cannot reach ws://127.0.0.1:{closed_port}: connection refused"

    def test_it_is_no_websocket_server(self, run: Run) -> None:
        with api_server() as api:
            api.status = 501
            error = self.error(run, api.port)
        assert error == f"cannot reach ws://127.0.0.1:{api.port}: the server answered 501"


class TestHistory:
    def test_it_resumes_and_shows_no_repeat(self, run: Run) -> None:
        requests: list[Any] = []

        def confirm(peer: Peer, more: str, *positions: str) -> None:
            peer.establish()
            requests.append(peer.receive()["data"].get("resume"))
            confirmed = '{"event":"pusher_internal:subscription_succeeded","data":"{}","channel":"room"'
            peer.socket.send(f"{confirmed}{more}}}")
            for position in positions:
                peer.socket.send(f'{{"event":"e","channel":"room","data":"{position}","id":"{position}"}}')

        def first(peer: Peer) -> None:
            confirm(peer, ',"id":"e-0"', "e-1")
            peer.close(4200)

        def second(peer: Peer) -> None:
            confirm(peer, ',"id":"e-2","resumed":true', "e-1", "e-2", "e-3")
            peer.close(4200)

        def third(peer: Peer) -> None:
            confirm(peer, ',"id":"f-9","resumed":false')
            peer.send("pusher:resume_failed", {"reason": "epoch"}, "room")
            the_end(peer)

        heard = listen(run, [first, second, third], "room")
        assert [event.data for event in heard.events] == ["e-1", "e-2", "e-3"]
        assert requests == [
            None,
            {"id": "e-1", "socket_id": SOCKET_ID},
            {"id": "e-3", "socket_id": SOCKET_ID},
        ]
        assert [notice for notice in heard.notices if not notice.startswith(("connect", "subscribed"))] == [
            "events of room were missed: epoch"
        ]
