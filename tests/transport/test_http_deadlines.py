"""How long an HTTP connection may take for what it does, and what is still done for it when it ends. In memory."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable
from math import ceil

import pytest

from revurb.transport.handlers import Answer, RequestHandler, Upgrade
from revurb.transport.timer_wheel import TICK_S
from revurb.wire.http import Request
from revurb.wire.response import Response
from tests.transport.test_client_connection import HANDSHAKE, SWITCHING, RecordingHandler
from tests.transport.test_end_of_tcp import CLOSE, CLOSED
from tests.transport.test_slow_http_reader import HttpReader, LongAnswers

HEAD = b"GET /up HTTP/1.1\r\nHost: x\r\n"


class Later:
    """Answers each request when the test says so."""

    def __init__(self) -> None:
        self.answers: list[asyncio.Future[Answer]] = []

    def on_request(self, request: Request) -> Answer | Awaitable[Answer]:
        self.answers.append(asyncio.get_running_loop().create_future())
        return self.answers[-1]

    async def answer(self, status: int) -> None:
        self.answers[-1].set_result(Response(status, b"", "text/plain"))
        for _ in range(3):
            await asyncio.sleep(0)


class UpgradingHandler:
    """Upgrades where that is asked for, and answers all else at once."""

    def __init__(self) -> None:
        self.websocket = RecordingHandler()

    def on_request(self, request: Request) -> Answer | Awaitable[Answer]:
        return Upgrade(SWITCHING, self.websocket) if request.upgrade else Response(200, b"", "text/plain")


class Peer(HttpReader):
    """A peer that takes all at once; the time is that of a tick."""

    def __init__(self, handler: RequestHandler | None = None) -> None:
        super().__init__(handler=LongAnswers(10) if handler is None else handler)
        self.transport.at_most_bytes = 0
        self.transport.can_write_eof = lambda: True  # type: ignore[method-assign]
        self.transport.write_eof = lambda: self.ends.append(len(self.statuses))  # type: ignore[method-assign]
        self.ends: list[int] = []
        self.limits = self.connections.limits
        self.connections.forget_http(*self.connections.http)
        self.connections.wheel.turn(ceil(self.connections.wheel.now) + 1)
        self.connection.connection_made(self.transport)  # once more, at that time

    def sends(self, data: bytes) -> None:
        self.connection.data_received(data)

    @property
    def statuses(self) -> list[int]:
        return [int(code) for code in re.findall(rb"HTTP/1\.1 (\d{3}) ", self.transport.written)]

    @property
    def errors(self) -> int:
        return self.connections.counters.http_errors_total


@pytest.mark.parametrize("data", [b"", b"\r\n"])
async def test_one_that_asks_nothing_is_dropped_after_the_request_timeout(data: bytes) -> None:
    """An empty line in front of a request is none, and gives no more time."""
    peer = Peer()
    peer.after(peer.limits.request_timeout_s - 1)
    if data:
        peer.sends(data)
    peer.after(1 - TICK_S)
    assert not peer.transport.was_aborted()
    peer.after(TICK_S)
    assert peer.transport.was_aborted()
    assert not peer.transport.written


async def test_a_request_that_begins_on_a_kept_connection_has_as_long_as_the_first() -> None:
    """Not as long as the connection may be idle."""
    peer = Peer()
    peer.sends(HEAD + b"\r\n")
    peer.after(20)
    peer.sends(HEAD)
    peer.after(peer.limits.request_timeout_s - 1)
    peer.sends(b"X-More: to come\r\n")  # is no reason to wait longer
    peer.after(1 - TICK_S)
    assert peer.statuses == [200]
    peer.after(TICK_S)
    assert peer.statuses == [200, 408]
    assert (peer.ends, peer.errors) == ([2], 1)
    refusal = bytes(peer.transport.written).rpartition(b"HTTP/1.1 408")[2]
    assert b"\r\nConnection: close\r\n" in refusal
    assert b"\r\n\r\nRequest timeout. " in refusal
    peer.sends(b"\r\n" + HEAD + b"\r\n")
    peer.after(peer.limits.close_timeout_s - TICK_S)
    assert not peer.transport.was_aborted()
    peer.after(TICK_S)
    assert peer.transport.was_aborted()
    assert peer.statuses == [200, 408]


async def test_one_whose_answer_takes_long_is_not_late() -> None:
    peer = Peer(handler := Later())
    peer.sends(HEAD + b"\r\n")
    peer.after(5 * peer.limits.request_timeout_s)
    assert not peer.transport.was_aborted()
    await handler.answer(200)
    assert peer.statuses == [200]
    peer.after(peer.limits.keep_alive_timeout_s - peer.limits.request_timeout_s)
    assert not peer.transport.was_aborted()
    peer.after(2 * peer.limits.request_timeout_s)
    assert peer.transport.was_aborted()


async def test_an_answer_that_nobody_waits_for_any_more_is_given_up() -> None:
    peer = Peer(handler := Later())
    peer.sends(HEAD + b"\r\n")
    peer.connection.connection_lost(None)
    assert handler.answers[0].cancelled()


async def test_one_that_has_gone_has_no_deadline() -> None:
    peer = Peer()
    peer.connection.connection_lost(None)
    peer.after(2 * peer.limits.request_timeout_s)
    assert peer.transport.ends == []


async def test_what_is_no_request_is_refused_behind_the_answers_before_it() -> None:
    peer = Peer(handler := Later())
    peer.sends(HEAD + b"\r\n" + b"nonsense\r\n\r\n")
    assert not peer.transport.written
    await handler.answer(404)
    assert peer.statuses == [404, 400]
    assert (peer.ends, peer.errors) == ([2], 1)


async def test_to_go_on_is_said_once() -> None:
    peer = Peer()
    peer.sends(b"POST /up HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
    for byte in (b"a", b"b"):
        peer.sends(byte)
    assert peer.statuses == [100]
    peer.sends(b"c")
    assert peer.statuses == [100, 200]


@pytest.mark.parametrize("body_bytes", [10, 100_000], ids=["small", "large"])
async def test_small_answers_to_what_came_together_are_one_write(body_bytes: int) -> None:
    peer = Peer(LongAnswers(body_bytes))
    writes, write = [], peer.transport.write
    peer.transport.write = lambda data: (writes.append(len(data)), write(data))[1]  # type: ignore[method-assign,func-returns-value]
    peer.sends((HEAD + b"\r\n") * 2)
    assert peer.statuses == [200, 200]
    assert len(writes) == (1 if body_bytes == 10 else 2)
    assert peer.connections.counters.http_requests_total == 2


@pytest.mark.parametrize("over", ["tcp", "tls"])
async def test_our_side_ends_behind_all_answers(over: str) -> None:
    peer = Peer()
    if over == "tls":
        del peer.transport.can_write_eof
    peer.sends(HEAD + b"\r\n" + HEAD + b"Connection: close\r\n\r\n" + HEAD + b"\r\n")
    assert peer.statuses == [200, 200]
    assert (peer.ends, peer.transport.ends) == (([2], []) if over == "tcp" else ([], ["close"]))
    peer.after(peer.limits.close_timeout_s)
    assert peer.transport.was_aborted()


async def test_a_version_that_is_not_spoken_is_told_so() -> None:
    peer = Peer()
    peer.sends(b"GET /up HTTP/1.2\r\nHost: x\r\n\r\n")
    assert peer.statuses == [505]
    assert b"\r\n\r\nHTTP version not supported. " in peer.transport.written


@pytest.mark.parametrize("state", ["new", "kept", "begun", "answering"])
async def test_a_drain_closes_what_is_idle(state: str) -> None:
    peer = Peer(handler := Later())
    if state != "new":
        peer.sends(HEAD + b"\r\n")
    if state in ("kept", "begun"):
        await handler.answer(200)
    if state == "begun":
        peer.sends(HEAD)
    peer.connections.close_idle_http()
    assert peer.transport.was_closed() == (state in ("new", "kept"))
    if peer.transport.was_closed():
        asked = len(handler.answers)
        peer.sends(HEAD + b"\r\n")
        assert len(handler.answers) == asked
        peer.after(peer.limits.close_timeout_s)
        assert peer.transport.was_aborted()  # with TLS it might never answer


async def test_a_last_answer_has_as_long_as_its_peer_goes_on_taking_it() -> None:
    peer = Peer(LongAnswers())
    peer.transport.at_most_bytes = None
    peer.sends(HEAD + b"Connection: close\r\n\r\n")
    assert peer.statuses == [200]
    for left_bytes in (90_000, 80_000, 70_000):
        peer.transport.is_read(up_to_bytes=left_bytes)
        peer.after(peer.limits.close_timeout_s)
        assert not peer.transport.was_aborted()
    peer.after(peer.limits.close_timeout_s)
    assert peer.transport.was_aborted()


async def test_an_upgrade_is_answered_behind_the_requests_before_it() -> None:
    """Also where a Close is right behind it, which ends our side at once."""
    peer = Peer(handler := UpgradingHandler())
    peer.sends(HEAD + b"\r\n" + HANDSHAKE + CLOSE)
    assert peer.statuses == [200, 101]
    assert peer.transport.written.endswith(SWITCHING + CLOSED)
    assert handler.websocket.calls == ["opened", "closed"]
    assert peer.ends == [2]
