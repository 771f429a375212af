"""A connection that is made again, against a scripted server."""

from __future__ import annotations

import asyncio

import pytest

from revurb.pusher_client.client_errors import CannotConnect, ConnectionRefused
from revurb.pusher_client.client_state import StateChange
from revurb.pusher_client.dialer import Dialer
from revurb.pusher_client.kept_connection import ConnectionTiming, KeptConnection
from revurb.pusher_client.received_message import ReceivedMessage
from tests.cli.servers import SOCKET_ID, Peer, Script, pusher_server
from tests.conftest import Run


class Owner:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.messages: list[ReceivedMessage] = []
        self.attempts: list[int] = []

    def state_changed(self, change: StateChange) -> None:
        self.told.append(change.current.value)

    async def established(self, socket_id: str) -> None:
        self.told.append(f"as {socket_id}")

    async def message(self, message: ReceivedMessage) -> None:
        self.messages.append(message)

    def ignored(self) -> None:
        self.told.append("ignored")

    async def lost(self, reason: str, delay_s: float) -> None:
        self.told.append(f"lost: {reason}")

    def delay_s(self, attempt: int) -> float:
        self.attempts.append(attempt)
        return 0.0


def keep(run: Run, scripts: list[Script], **timing: float) -> tuple[Owner, ConnectionRefused]:
    """Runs until the server refuses for good."""
    owner = Owner()
    with pusher_server(scripts) as port:
        dialer = Dialer(f"ws://127.0.0.1:{port}/ws", "a key")
        connection = KeptConnection(dialer, owner, ConnectionTiming(delay_s=owner.delay_s, **timing))
        with pytest.raises(ConnectionRefused) as caught:
            run(asyncio.wait_for(connection.run(), 20))
    return owner, caught.value


def the_end(peer: Peer) -> None:
    peer.close(4000, "the end")


def closing(code: int, *, established: bool = True) -> Script:
    def script(peer: Peer) -> None:
        if established:
            peer.establish()
        peer.close(code)

    return script


def test_the_connection_names_app_protocol_and_client(run: Run) -> None:
    paths: list[str] = []

    def script(peer: Peer) -> None:
        paths.append(peer.path)
        the_end(peer)

    owner, error = keep(run, [script])
    assert paths[0].startswith("/ws/app/a%20key?protocol=7&client=revurb&version=")
    assert str(error) == "the server closed the connection for good: 4000 the end"
    assert (error.code, error.reason) == (4000, "the end")
    assert owner.told == ["connecting", "closed"]


@pytest.mark.parametrize("code", [1001, 1011, 4100, 4199, 4300, 4301])
def test_after_a_delay_that_grows_until_a_connection_holds(run: Run, code: int) -> None:
    held, failed = closing(code), closing(code, established=False)
    owner, _ = keep(run, [held, failed, failed, held, the_end])
    assert owner.attempts == [1, 2, 3, 1]
    states = [text for text in owner.told if not text.startswith(("as", "lost"))]
    assert states == [
        "connecting",
        "connected",
        "connecting",
        "unavailable",
        "connected",
        "connecting",
        "closed",
    ]


@pytest.mark.parametrize("code", [4200, 4201])
def test_at_once_if_the_server_says_so_but_not_for_ever(run: Run, code: int) -> None:
    held, failed = closing(code), closing(code, established=False)
    owner, _ = keep(run, [held, failed, failed, held, the_end])
    assert owner.attempts == [2, 3]
    assert f"lost: {code}" in owner.told


def test_pings_are_answered_and_messages_handed_on(run: Run) -> None:
    def script(peer: Peer) -> None:
        peer.establish()
        peer.send("pusher:ping", {})
        assert peer.receive() == {"event": "pusher:pong", "data": {}}
        peer.socket.send("garbage")
        peer.send("e", {"n": 1}, "c")
        peer.send("pusher:error", {"code": 4009, "message": "Unauthorized"})
        the_end(peer)

    owner, _ = keep(run, [script])
    assert [(message.event, message.channel) for message in owner.messages] == [
        ("e", "c"),
        ("pusher:error", None),
    ]
    assert owner.told == ["connecting", "connected", f"as {SOCKET_ID}", "ignored", "closed"]


def test_an_error_for_good_ends_also_if_the_server_leaves_the_connection_open(run: Run) -> None:
    def script(peer: Peer) -> None:
        peer.send("pusher:error", {"code": 4001, "message": "Application does not exist"})
        peer.receive()  # until the client closes

    _, error = keep(run, [script])
    assert str(error) == "the server refused the connection: 4001 Application does not exist"


def test_a_silent_server_is_asked_and_then_left_at_once(run: Run) -> None:
    def silent(peer: Peer) -> None:
        peer.establish()
        assert peer.receive() == {"event": "pusher:ping", "data": {}}
        peer.receive()  # until the client goes

    def lively(peer: Peer) -> None:
        peer.establish()
        for _ in range(2):
            assert peer.receive()["event"] == "pusher:ping"
            peer.send("pusher:pong", {})
        the_end(peer)

    owner, _ = keep(run, [silent, lively], activity_timeout_s=0.05, pong_timeout_s=0.5)
    assert owner.attempts == []
    assert "lost: 4201 no answer to a ping" in owner.told
    assert [message.event for message in owner.messages] == ["pusher:pong"] * 2


def test_without_a_first_connection_the_reason_is_told(run: Run) -> None:
    owner = Owner()
    with pusher_server([closing(1011, established=False)]) as port:
        timing = ConnectionTiming(first_patience_s=0, delay_s=owner.delay_s)
        connection = KeptConnection(Dialer(f"ws://127.0.0.1:{port}", "k"), owner, timing)
        with pytest.raises(CannotConnect, match=f"cannot reach ws://127.0.0.1:{port}: 1011"):
            run(connection.run())


async def test_without_a_connection_nothing_is_sent() -> None:
    assert not await KeptConnection(Dialer("ws://127.0.0.1:1", "k"), Owner()).send("e", {})


def test_half_of_a_surrogate_pair_can_be_sent(run: Run) -> None:
    got: list[object] = []

    class Sender(Owner):
        connection: KeptConnection

        async def established(self, socket_id: str) -> None:
            await self.connection.send("e", "\ud800ä", "c")

    def script(peer: Peer) -> None:
        peer.establish()
        got.append(peer.receive())
        the_end(peer)

    owner = Sender()
    with pusher_server([script]) as port:
        owner.connection = KeptConnection(Dialer(f"ws://127.0.0.1:{port}", "k"), owner)
        with pytest.raises(ConnectionRefused):
            run(owner.connection.run())
    assert got == [{"event": "e", "data": "\ud800ä", "channel": "c"}]
