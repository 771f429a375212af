"""A connection while it speaks HTTP: requests in, responses out, in order, until it ends or is upgraded.

Plan: whole requests wait in a queue; one is answered at a time. What comes while a response has to be waited for stops
the reading, so that a peer that pipelines cannot fill memory. The wheel ends a connection whose request is not whole
within the request timeout, or that asks nothing for the keep-alive timeout.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from revurb.transport.ports import Answer, Upgrade
from revurb.transport.timer_wheel import Tick
from revurb.wire.http import HttpError, HttpReader, Request
from revurb.wire.response import Later, Response, encode_response

if TYPE_CHECKING:
    from revurb.transport.client_connection import SocketConnection
    from revurb.transport.connections import Acceptor

_log = logging.getLogger(__name__)
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_TEXT = "text/plain; charset=utf-8"
_SENTENCES = {408: "Request timeout.", 413: "Payload too large.", 505: "HTTP version not supported."}


class HttpConnection:
    """What a connection is until it is upgraded, when it becomes `socket`'s. That passes on what the loop says."""

    __slots__ = (
        "_acceptor",
        "_answering",
        "_due",
        "_ended",
        "_half_closed",
        "_reader",
        "_requests",
        "_socket",
        "_transport",
        "_writable",
        "waits_in",
    )

    def __init__(self, acceptor: Acceptor, socket: SocketConnection, transport: asyncio.Transport) -> None:
        limits = acceptor.limits
        self._acceptor = acceptor
        self._socket = socket
        self._transport = transport
        self._reader = HttpReader(max_head_bytes=limits.max_head_bytes, max_body_bytes=limits.max_body_bytes)
        self._requests: deque[Request] | None = None  # made for a peer that does not wait, or sends parts
        self._answering: asyncio.Future[Any] | None = None
        self._writable = True
        self._ended = False
        self._half_closed = False
        self._due = 0.0
        self.waits_in: Tick | None = None
        acceptor.requesting[self] = None
        self._wait(limits.request_timeout_s)

    # What the loop calls.

    def data_received(self, data: bytes) -> None:
        if self._ended:
            return
        reader = self._reader
        was_idle = reader.idle
        if was_idle and self._writable and self._answering is None:
            request = reader.feed_whole(data)
            if request is not None:  # nearly always: one whole request, and nothing else is going on
                self._ask(request)
                return
        if self._requests is None:
            self._requests = deque()
        self._requests += reader.feed(data)
        if was_idle and not reader.idle:
            self._wait(self._acceptor.limits.request_timeout_s)
        if self._answering is not None:
            self._transport.pause_reading()  # not before: most peers wait, and each pause takes two system calls
        self._work()

    def eof_received(self) -> bool:
        """A peer may stop sending and still wait for its answer: True keeps the transport open for it."""
        self._half_closed = self._answering is not None
        return self._half_closed

    def pause_writing(self) -> None:
        self._writable = False
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._writable = True
        if self._answering is None:
            self._transport.resume_reading()
            self._work()

    def connection_lost(self, exc: Exception | None) -> None:
        self._acceptor.forget_request(self)
        if self._answering is not None:
            self._answering.cancel()

    # What the wheel and the acceptor call.

    def on_due(self, now: float) -> float | None:
        if now < self._due:
            return self._due
        if self._answering is not None:
            return now + self._acceptor.limits.request_timeout_s
        if not self._ended and not self._reader.idle:
            self._acceptor.counters.http_errors_total += 1
            self._fail(HttpError(408, "The request did not arrive in time (REVURB_REQUEST_TIMEOUT)."))
        else:
            self.abort()
        return None

    def close_if_idle(self) -> None:
        if self._reader.idle and not self._requests and self._answering is None:
            self._ended = True
            self._transport.close()  # nothing is unread, so nothing can be cut off

    def abort(self) -> None:
        self._transport.abort()

    # Answering.

    def _work(self) -> None:
        while self._requests and self._answering is None and self._writable and not self._ended:
            self._ask(self._requests.popleft())
        if self._requests or self._answering is not None or self._ended:
            return
        if self._reader.failure is not None:
            self._acceptor.counters.http_errors_total += 1
            self._fail(self._reader.failure)
        elif self._reader.waiting_for_continue and self._reader.take_continue():
            self._transport.write(_CONTINUE)

    def _ask(self, request: Request) -> None:
        self._acceptor.counters.http_requests_total += 1
        try:
            answer = self._acceptor.endpoint.on_request(request)
        except Exception:
            answer = _internal_error(request)
        self._take(request, answer)

    def _take(self, request: Request, answer: Answer | Awaitable[Answer]) -> None:
        if isinstance(answer, (Response, Upgrade)):
            self._give(request, answer)
        elif type(answer) is Later and isinstance(answer.soon, asyncio.Future):
            # With a task, and a pause for each request, a publish over the hub took 200 us of CPU time, not 150.
            self._answering, use = answer.soon, answer.use
            answer.soon.add_done_callback(lambda done: self._answered(request, done, use))
        else:
            task: asyncio.Future[Answer] = asyncio.ensure_future(_settle(request, answer))
            self._answering = task
            task.add_done_callback(lambda done: self._answered(request, done, None))

    def _answered(
        self,
        request: Request,
        done: asyncio.Future[Any],
        use: Callable[[Any], Answer | Awaitable[Answer]] | None,
    ) -> None:
        self._answering = None
        if done.cancelled():
            return
        try:
            answer = done.result() if use is None else use(done.result())
        except Exception:
            answer = _internal_error(request)
        self._take(request, answer)
        if self._answering is None and not self._ended and self._writable:
            self._transport.resume_reading()
            self._work()

    def _give(self, request: Request, answer: Answer) -> None:
        if isinstance(answer, Upgrade):
            self._upgrade(answer)
            return
        acceptor = self._acceptor
        # A reader stops at an upgrade request: what follows a refused one cannot be told from WebSocket frames.
        keep_alive = request.keep_alive and not (
            request.upgrade or (self._half_closed and not self._requests) or acceptor.draining
        )
        self._transport.write(
            encode_response(
                answer, keep_alive=keep_alive, head_only=request.method == "HEAD", date=acceptor.date
            )
        )
        if keep_alive:
            due = acceptor.wheel.now + acceptor.limits.keep_alive_timeout_s
            if self.waits_in is not None and due >= self._due:
                self._due = due  # what `_wait` would do, without the call
            else:
                self._wait(acceptor.limits.keep_alive_timeout_s)
        else:
            self._end()

    def _upgrade(self, upgrade: Upgrade) -> None:
        rest = self._reader.take_rest()
        self._ended = True
        if not self._transport.is_reading():
            self._transport.resume_reading()  # it was paused if the answer had to be waited for
        self._socket.open(upgrade, rest)
        self._acceptor.forget_request(self)

    def _fail(self, error: HttpError) -> None:
        text = f"{_SENTENCES.get(error.status, 'Bad request.')} {error.detail}".strip()
        response = Response(error.status, text.encode(), _TEXT)
        self._transport.write(encode_response(response, keep_alive=False, date=self._acceptor.date))
        self._end()

    def _end(self) -> None:
        """Say that nothing more will come; what still arrives is read and dropped until the peer ends as well.

        Closing at once, with bytes unread, would reset the connection and could take the response with it.
        """
        self._ended = True
        if self._transport.can_write_eof():
            self._transport.write_eof()
            self._wait(self._acceptor.limits.close_timeout_s)
        else:
            self._transport.close()

    def _wait(self, timeout_s: float) -> None:
        """Be looked at in `timeout_s`, or sooner: only then is it moved on the wheel, and `on_due` knows the time."""
        wheel, before = self._acceptor.wheel, self._due
        self._due = wheel.now + timeout_s
        if self.waits_in is None or self._due < before:
            wheel.schedule(self, self._due)


async def _settle(request: Request, answer: Awaitable[Answer]) -> Answer:
    try:
        return await answer
    except Exception:
        return _internal_error(request)


def _internal_error(request: Request) -> Response:
    """For a fault of ours, or of a custom app provider: the log is told why, the peer is not."""
    _log.exception("request failed", extra={"method": request.method, "path": request.path})
    return Response(500, b"Internal server error.", _TEXT)
