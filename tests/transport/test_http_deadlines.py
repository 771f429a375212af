"""How long an HTTP connection may take for what it does, and what is still done for it when it ends. In memory."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from math import ceil

import pytest

from revurb.transport.handlers import Answer
from revurb.transport.timer_wheel import TICK_S
from revurb.wire.http import Request
from revurb.wire.response import Response
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


class Peer(HttpReader):
    """A peer that takes all at once; the time is that of a tick."""

    def __init__(self, handler: LongAnswers | Later | None = None) -> None:
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
        return [int(head[:3]) for head in bytes(self.transport.written).split(b"HTTP/1.1 ")[1:]]

    @property
    def errors(self) -> int:
        return self.connections.counters.http_errors_total


async def test_one_that_asks_nothing_is_dropped_after_the_request_timeout() -> None:
    peer = Peer()
    peer.after(peer.limits.request_timeout_s - TICK_S)
    assert not peer.transport.was_aborted
    peer.after(TICK_S)
    assert peer.transport.was_aborted
    assert not peer.transport.written


async def test_a_request_that_begins_on_a_kept_connection_has_as_long_as_the_first() -> None:
    """Not as long as the connection may be idle."""
    peer = Peer()
    peer.sends(HEAD + b"\r\n")
    peer.after(20)
    peer.sends(HEAD)
    peer.after(peer.limits.request_timeout_s - TICK_S)
    assert peer.statuses == [200]
    peer.after(TICK_S)
    assert peer.statuses == [200, 408]
    assert (peer.ends, peer.errors) == ([2], 1)
    assert b"\r\n\r\nRequest timeout. " in peer.transport.written
    peer.sends(b"\r\n" + HEAD + b"\r\n")
    peer.after(peer.limits.close_timeout_s - TICK_S)
    assert not peer.transport.was_aborted
    peer.after(TICK_S)
    assert peer.transport.was_aborted
    assert peer.statuses == [200, 408]


async def test_one_whose_answer_takes_long_is_not_late() -> None:
    peer = Peer(handler := Later())
    peer.sends(HEAD + b"\r\n")
    peer.after(5 * peer.limits.request_timeout_s)
    assert not peer.transport.was_aborted
    await handler.answer(200)
    assert peer.statuses == [200]
    peer.after(peer.limits.keep_alive_timeout_s - peer.limits.request_timeout_s)
    assert not peer.transport.was_aborted
    peer.after(2 * peer.limits.request_timeout_s)
    assert peer.transport.was_aborted


async def test_an_answer_that_nobody_waits_for_any_more_is_given_up() -> None:
    peer = Peer(handler := Later())
    peer.sends(HEAD + b"\r\n")
    peer.connection.connection_lost(None)
    assert handler.answers[0].cancelled()


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
    assert peer.transport.was_closed == (state in ("new", "kept"))
    if peer.transport.was_closed:
        asked = len(handler.answers)
        peer.sends(HEAD + b"\r\n")
        assert len(handler.answers) == asked
        peer.after(peer.limits.close_timeout_s)
        assert peer.transport.was_aborted  # with TLS it might never answer


async def test_a_last_answer_has_as_long_as_its_peer_goes_on_taking_it() -> None:
    peer = Peer(LongAnswers())
    peer.transport.at_most_bytes = None
    peer.sends(HEAD + b"Connection: close\r\n\r\n")
    assert peer.statuses == [200]
    for left_bytes in (90_000, 80_000, 70_000):
        peer.transport.is_read(up_to_bytes=left_bytes)
        peer.after(peer.limits.close_timeout_s)
        assert not peer.transport.was_aborted
    peer.after(peer.limits.close_timeout_s)
    assert peer.transport.was_aborted
