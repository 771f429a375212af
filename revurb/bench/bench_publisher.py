"""A connection of the generator to the HTTP API: requests one after the other, kept alive."""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from revurb.apps.request_signing import signed_target
from revurb.bench.bench_client import ANSWER_S, EVENT, connect
from revurb.bench.bench_target import BenchError, BenchTarget


class BenchPublisher(asyncio.Protocol):
    """`on_answer` is called with the seconds that each answer took, `on_failure` with what went wrong first, which is
    `failure` then."""

    def __init__(self, on_failure: Callable[[str], None] = lambda reason: None) -> None:
        self.failure: str | None = None
        self._on_failure = on_failure
        self.on_answer: Callable[[float], None] = lambda took_s: None
        self._transport: Any = None  # uvloop's does not inherit from asyncio's
        self._sent_at: deque[float] = deque()
        self._rest = b""
        self._is_idle = asyncio.Event()
        self._is_idle.set()

    async def open(self, target: BenchTarget) -> None:
        """Raises BenchError."""
        try:
            async with asyncio.timeout(ANSWER_S):
                await connect(asyncio.get_running_loop(), lambda: self, target)
        except TimeoutError:
            raise BenchError(f"no answer within {ANSWER_S:g} s from {target.authority}") from None
        if target.header:
            self._transport.write(target.header)

    def send(self, request: bytes) -> None:
        if self._transport.is_closing():  # uvloop's raises then
            self._fail("the server has closed a connection")
            return
        self._sent_at.append(time.perf_counter())
        self._is_idle.clear()
        self._transport.write(request)

    async def drain(self) -> None:
        """Wait for the answers that are due. Raises BenchError if they do not come, or if one was no 200."""
        try:
            async with asyncio.timeout(ANSWER_S):
                await self._is_idle.wait()
        except TimeoutError:
            raise BenchError(f"no answer within {ANSWER_S:g} s to a publish") from None
        if self.failure is not None:
            raise BenchError(self.failure)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        if self._sent_at:
            self._fail("the server has closed a connection before it answered")
        self._is_idle.set()

    def data_received(self, data: bytes) -> None:
        self._rest += data
        while (end := self._rest.find(b"\r\n\r\n")) >= 0:
            head = self._rest[:end]
            fields = head.lower()
            found = fields.find(b"content-length:")
            length = int(fields[found + 15 :].split(b"\r\n", 1)[0]) if found >= 0 else 0
            if len(self._rest) < end + 4 + length:
                return
            body, self._rest = self._rest[end + 4 : end + 4 + length], self._rest[end + 4 + length :]
            if not head.startswith(b"HTTP/1.1 200"):
                status = head[9:12].decode("latin-1")
                self._fail(f"the server answered {status}: {body[:200].decode('utf-8', 'replace').strip()}")
            if self._sent_at:
                took_s = time.perf_counter() - self._sent_at.popleft()
                if not self._sent_at:
                    self._is_idle.set()
                self.on_answer(took_s)

    def _fail(self, reason: str) -> None:
        if self.failure is None:
            self.failure = reason
            self._on_failure(reason)


def publish_request(target: BenchTarget, channel: str, data: str) -> bytes:
    """A signed request that publishes an event; it may be sent as often as one likes for ten minutes."""
    body = json.dumps({"name": EVENT, "channel": channel, "data": data}).encode()
    path = signed_target(
        target.app, "POST", f"{quote(target.path)}/apps/{target.app.id}/events", body, int(time.time())
    )
    return (
        f"POST {path} HTTP/1.1\r\nHost: {target.authority}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body
