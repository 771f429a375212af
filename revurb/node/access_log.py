"""The access log (`log.access`): a line for each WebSocket that opens and one when it closes, and one for each request.

With it each answer has an `X-Request-Id`, which is that of the request if it has one of use, and is in its line.
Without it nothing of this is on the way of a request. Lines are written by a thread of their own, as all are.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

from revurb.node.changed_answers import changed
from revurb.node.watched_handler import WatchedHandler
from revurb.pusher.session import Refusal
from revurb.transport.fault_answers import internal_error
from revurb.transport.handlers import Answer, FrameSender, RequestHandler, Upgrade, WebSocketHandler
from revurb.transport.paced_connection import PacedConnection
from revurb.wire.handshake import asks_for_websocket
from revurb.wire.http import Request
from revurb.wire.response import Response

_log = logging.getLogger(__name__)

MAX_PATH_CHARS = 200
_usable_id = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}").fullmatch


def request_id(request: Request) -> str:
    """That of the client or its proxy; a new one where that is missing, or could be mistaken for something else."""
    given = request.headers.get("x-request-id", "")
    return given if _usable_id(given) else os.urandom(8).hex()


class AccessLog:
    """The transport's RequestHandler: passes requests on, and logs a `sample` of them (0.0 to 1.0). `all_requests` are
    those of HTTP too. What closes is logged if its opening was."""

    def __init__(self, gateway: RequestHandler, *, all_requests: bool, sample: float) -> None:
        self._gateway = gateway
        self._all_requests = all_requests
        self._sample = sample
        if sample < 1.0:
            import random  # 0.1 MiB, for this only

            self._random = random.random

    def on_request(self, request: Request) -> Answer | Awaitable[Answer]:
        if not _log.isEnabledFor(logging.INFO) or (self._sample < 1.0 and self._random() >= self._sample):
            return self._gateway.on_request(request)
        is_handshake = request.upgrade and asks_for_websocket(request)
        if not (is_handshake or self._all_requests):
            return self._gateway.on_request(request)
        began, id = time.perf_counter(), request_id(request)

        def done(answer: Answer) -> Answer:
            if isinstance(answer, Upgrade):
                _watch(request, answer)
                return answer
            return self._logged(request, answer, began, id) if self._all_requests else answer

        def failed() -> Answer:
            return internal_error(request)

        try:
            answer = self._gateway.on_request(request)
        except Exception:
            return done(failed())
        if is_handshake and isinstance(answer, asyncio.Future):
            # The transport has to get the future itself, which it cancels when the client has gone.
            answer.add_done_callback(lambda future: _on_done(future, done))
            return answer
        return changed(answer, done, failed)

    def _logged(self, request: Request, answer: Response, began: float, id: str) -> Response:
        fields = {
            "client": request.client,
            "method": request.method,
            "path": request.path[:MAX_PATH_CHARS],
            "status": answer.status,
            "ms": round((time.perf_counter() - began) * 1000, 3),
            "bytes": 0 if request.method == "HEAD" else len(answer.body),
            "request_id": id,
        }
        _log.info("request", extra=fields)
        return replace(answer, headers=(*answer.headers, ("X-Request-Id", id)))


def _on_done(future: asyncio.Future[Answer], done: Callable[[Answer], Answer]) -> None:
    if not future.cancelled() and future.exception() is None:
        done(future.result())


def _watch(request: Request, upgrade: Upgrade) -> None:
    line = _ConnectionLines(request, upgrade.handler)
    handler = upgrade.handler = WatchedHandler(upgrade.handler, line.closed)
    handler.opened = line.opened


class _ConnectionLines:
    """The lines of one connection."""

    __slots__ = ("_fields", "_handler", "_opened_at", "_outlet")

    def __init__(self, request: Request, handler: WebSocketHandler) -> None:
        self._handler = handler
        self._outlet: FrameSender | None = None
        self._opened_at = time.monotonic()
        self._fields: dict[str, object] = {"key": request.path.rpartition("/")[2][:MAX_PATH_CHARS]}
        inner: object = handler
        while isinstance(inner, WatchedHandler):
            inner = inner.handler
        if isinstance(inner, Refusal):
            self._fields["refused"] = True
        elif socket_id := getattr(inner, "socket_id", ""):
            self._fields["socket_id"] = socket_id

    def opened(self, outlet: FrameSender) -> None:
        self._outlet = outlet
        self._fields = {"client": outlet.peer, **self._fields}
        _log.info("connection opened", extra=self._fields)
        self._handler.opened(outlet)

    def closed(self) -> None:
        outlet = self._outlet
        if outlet is None:  # lost before it was open
            return
        fields = {**self._fields, "duration_s": round(time.monotonic() - self._opened_at, 3)}
        if isinstance(outlet, PacedConnection):
            code, reason = outlet.ended_with
            fields |= {"code": code, "reason": reason}
            if (traffic := outlet.traffic_bytes) is not None:
                fields |= {"bytes_in": traffic.received, "bytes_out": traffic.sent}
        self._outlet = None
        _log.info("connection closed", extra=fields)
