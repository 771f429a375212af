"""Sessions of clients that say nothing, over a connection in memory: who is pinged, when, and who is given up."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from revurb._speedups.frames import PING, server_frame
from revurb.pusher.messages import PING_FRAME
from revurb.transport.timer_wheel import TICK_S
from tests.pusher.room import Room, an_app
from tests.transport.test_client_connection import EMPTY_PING, EMPTY_PONG, LIMITS, Accepted

PROXY_TIMEOUT_S = 60  # of nginx, ALB and others


class SilentClient(Accepted):
    """A client with a session. `take` gives what it was sent since it was last asked."""

    async def open(self, ping_interval_s: int = PROXY_TIMEOUT_S) -> None:
        room = Room()
        self.handler = room.client(an_app(ping_interval_s=ping_interval_s)).session  # type: ignore[assignment]
        await self.answer()
        self.take()

    def take(self) -> bytes:
        self.connections.fanout.flush(1.0)
        taken = bytes(self.transport.written)
        self.transport.written.clear()
        return taken


async def test_a_client_that_only_answers_ping_frames_stays() -> None:
    """Every plain WebSocket client is one: `pusher:ping` means nothing to it."""
    client = SilentClient()
    await client.open()
    client.after(PROXY_TIMEOUT_S - 1)
    assert client.take() == PING_FRAME
    client.after(LIMITS.pong_timeout_s / 2)
    assert client.take() == server_frame(PING, b"")
    client.connection.data_received(EMPTY_PONG)
    for _ in range(3):  # now the server knows which kind it answers
        client.after(PROXY_TIMEOUT_S - 1)
        assert client.take() == server_frame(PING, b"")
        client.connection.data_received(EMPTY_PONG)
    assert client.connections.counters.unresponsive_total == 0


@pytest.mark.parametrize("said", [b"", EMPTY_PING], ids=["nothing", "a ping frame"])
async def test_a_proxy_never_sees_as_much_silence_as_it_allows(said: bytes) -> None:
    client = SilentClient()
    await client.open()
    client.after(7.1)
    if said:
        client.connection.data_received(said)
        client.take()
    before = client.connections.wheel.now
    while not client.take() and client.connections.wheel.now < before + 100:
        client.after(0.25)
    quiet_s = client.connections.wheel.now - before + (0 if said else 7.1)
    assert 50 < quiet_s < PROXY_TIMEOUT_S - 2


@pytest.mark.parametrize("interval_s", [6, 10, 20])
async def test_each_ping_is_in_time_where_the_interval_is_shorter_than_the_pong_timeout(
    interval_s: int,
) -> None:
    client = SilentClient()
    await client.open(interval_s)
    for _ in range(5):
        pinged_at = client.connections.wheel.now
        while not client.take():
            client.after(TICK_S)
        assert client.connections.wheel.now - pinged_at < interval_s
        client.connection.data_received(EMPTY_PONG)


async def test_the_other_ping_is_in_time_for_proxies_however_long_the_pong_timeout_is() -> None:
    client = SilentClient()
    client.connections.limits = replace(LIMITS, pong_timeout_s=200.0)
    await client.open()
    client.after(PROXY_TIMEOUT_S - 1)
    assert client.take() == PING_FRAME
    client.after(PROXY_TIMEOUT_S - 4)
    assert client.take() == server_frame(PING, b"")
    client.after(138)
    assert client.take() == b""
    client.after(4)
    assert b'"code":4201' in client.take()


async def test_a_short_interval_leaves_the_whole_pong_timeout() -> None:
    client = SilentClient()
    await client.open(2)
    client.after(2 + LIMITS.pong_timeout_s - 1)
    assert client.take() == PING_FRAME + server_frame(PING, b"")
    client.after(2)
    assert b'"code":4201' in client.take()


async def test_one_that_answers_neither_is_given_up_after_the_pong_timeout() -> None:
    client = SilentClient()
    await client.open()
    client.after(55.5)
    client.after(LIMITS.pong_timeout_s - 1)
    assert client.take() == PING_FRAME + server_frame(PING, b"")
    client.after(1.5)  # each step is up to a tick late
    assert b'"code":4201' in client.take()
    assert client.connections.counters.unresponsive_total == 1


@pytest.mark.parametrize("silent_s", [0.0, 20.0, 54.0, 1000.0])
async def test_one_that_talks_and_is_told_nothing_is_pinged(
    silent_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """nginx ends a connection on which the server has sent nothing for 60 s (`proxy_read_timeout`), whatever the client
    says. What the kernel knows of that is set here, as time is."""
    client = SilentClient()
    await client.open()
    sent_at = client.connections.wheel.now - silent_s
    monkeypatch.setattr(
        "revurb.transport.client_connection.seconds_since_sent",
        lambda sock: client.connections.wheel.now - sent_at,
    )
    whisper = b"\x8a\x80\0\0\0\0"  # anything that is not answered
    quiet_s, told = silent_s, b""
    while quiet_s < 200 + silent_s and not told:
        client.after(1)
        client.connection.data_received(whisper)
        quiet_s, told = quiet_s + 1, client.take()
    assert told == server_frame(PING, b"")
    assert quiet_s < max(PROXY_TIMEOUT_S - 2, silent_s + 58)


async def test_one_that_talks_is_pinged_where_the_kernel_does_not_tell_what_was_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On a Unix socket, where nginx is in front most of all: after each interval, and not more often."""
    monkeypatch.setattr("revurb.transport.client_connection.seconds_since_sent", lambda sock: None)
    client = SilentClient()
    await client.open()
    told = []
    for second in range(1, 181):
        client.after(1)
        client.connection.data_received(b"\x8a\x80\0\0\0\0")
        told += [second] * client.take().count(server_frame(PING, b""))
    assert len(told) == 3
    assert max(later - earlier for earlier, later in pairwise([0, *told])) < PROXY_TIMEOUT_S - 2
