"""A connection while it speaks HTTP: requests in, responses out, in order, until it ends or is upgraded.

Plan: whole requests wait in a queue; one is answered at a time. Input that arrives while a response is awaited pauses
reading, so that a peer that pipelines cannot fill memory. The timer wheel ends a connection whose request is not
complete within the request timeout, or that sends none for the keep-alive timeout.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from revurb.transport.connections import Connections, Upgradable
from revurb.transport.fault_answers import answer_or_error, internal_error, refusal
from revurb.transport.gathered_output import GatheredOutput
from revurb.transport.handlers import Answer, PlainAnswerer, Upgrade
from revurb.transport.timer_wheel import Tick
from revurb.wire.http import HttpError, HttpReader, Request
from revurb.wire.response import DeferredResponse, Response, encode_response

_log = logging.getLogger(__name__)
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class HttpConnection:
    """The HTTP half of a connection's life. `owner` is its protocol object: it passes on what the event loop calls, and
    takes over at an upgrade. The first request timeout began at `accepted_at` (monotonic seconds)."""

    __slots__ = (
        "_answering",
        "_connections",
        "_deadline",
        "_ended",
        "_half_closed",
        "_outgoing",
        "_owner",
        "_reader",
        "_requests",
        "_transport",
        "_unsent_bytes",
        "_writable",
        "wheel_tick",
    )

    def __init__(
        self, connections: Connections, owner: Upgradable, transport: asyncio.Transport, accepted_at: float
    ) -> None:
        limits = connections.limits
        self._connections, self._owner = connections, owner
        self._transport = transport
        self._reader = HttpReader(
            max_head_bytes=limits.max_head_bytes,
            max_body_bytes=limits.max_body_bytes,
            max_granted_bytes=limits.max_large_body_bytes,
        )
        self._requests: deque[Request] | None = None  # made for a peer that does not wait, or sends parts
        self._answering: asyncio.Future[Any] | None = None
        self._outgoing: GatheredOutput | None = None  # while several requests are handled
        self._writable = True
        self._ended = False
        self._half_closed = False
        self._unsent_bytes = 0  # when the wheel last came
        self._deadline = accepted_at + limits.request_timeout_s
        self.wheel_tick: Tick | None = None
        connections.http[self] = None
        connections.wheel.schedule(self, self._deadline)

    # What the event loop calls.

    def data_received(self, data: bytes) -> None:
        if self._ended:
            return
        reader = self._reader
        was_idle = reader.idle
        if was_idle and self._writable and self._answering is None:
            answer_plain = self._connections.answer_plain
            if answer_plain is not None and self._answer_plain(data, answer_plain):
                return
            request = reader.feed_whole(data)
            if request is not None:  # nearly always: one whole request, and no other is under way
                self._handle(request)
                return
        if self._requests is None:
            self._requests = deque()
        self._requests += reader.feed(data)
        if was_idle and not reader.idle:
            self._set_deadline(self._connections.limits.request_timeout_s)
        if self._answering is not None:
            self._transport.pause_reading()  # not earlier: most peers wait, and each pause takes two system calls
        if len(self._requests) > 1:
            self._handle_together()
        else:
            self._handle_queued()

    @property
    def is_blocked(self) -> bool:
        """Whether no further request can be handled at present. `Upgradable.resume_input` is called when it can."""
        return self._answering is not None or not self._writable

    def eof_received(self) -> bool:
        """A peer may shut its sending side and still wait for its answer: True keeps the transport open for it."""
        self._half_closed = self._answering is not None
        return self._half_closed

    def pause_writing(self) -> None:
        self._writable = False
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._writable = True
        if self._answering is None:
            self._handle_queued()
            if not self.is_blocked:
                self._owner.resume_input()

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.forget_http(self)
        if self._answering is not None:
            self._answering.cancel()

    # What the wheel and the node call.

    def on_due(self, now: float) -> float | None:
        if now < self._deadline:
            return self._deadline
        if self._answering is not None or (self._writable and not self._ended and self._owner.is_held_up):
            return now + self._connections.limits.request_timeout_s  # it is we who are late
        unsent_bytes, before = self._owner.unsent_bytes, self._unsent_bytes
        if unsent_bytes and unsent_bytes != before:  # the peer still takes what it was answered
            self._unsent_bytes = unsent_bytes
            return now + self._connections.limits.close_timeout_s
        if self._writable and not self._ended and not self._reader.idle:
            self._connections.counters.http_errors_total += 1
            self._refuse(HttpError(408, "The request did not arrive in time (REVURB_REQUEST_TIMEOUT)."))
        else:
            self.abort()
        return None

    def close_if_idle(self) -> None:
        """Close, if no request is under way. A peer that does not take its answers has the close timeout to go on."""
        timeout_s = self._connections.limits.close_timeout_s
        if self._reader.idle and not self._requests and self._answering is None:
            self._ended = True
            self._close()  # nothing is unread, so nothing can be cut off
        elif not self._writable and self._deadline > self._connections.wheel.now + timeout_s:
            self._unsent_bytes = self._owner.unsent_bytes
            self._set_deadline(timeout_s)

    def abort(self) -> None:
        self._transport.abort()

    # Answering.

    def _handle_together(self) -> None:
        """Handle what is queued, and write the answers in one go."""
        self._outgoing = GatheredOutput(self._transport)
        try:
            self._handle_queued()
        finally:
            self._outgoing.flush()
            self._outgoing = None

    def _write(self, data: bytes) -> None:
        (self._outgoing or self._transport).write(data)

    def _handle_queued(self) -> None:
        while True:
            while self._requests and self._answering is None and self._writable and not self._ended:
                self._handle(self._requests.popleft())
            if self._requests or self._answering is not None or self._ended:
                return
            if self._reader.ungranted is None:
                break
            self._ask_for_large_body(self._reader.ungranted)
        if self._reader.failure is not None:
            self._connections.counters.http_errors_total += 1
            self._refuse(self._reader.failure)
        elif self._reader.take_continue():
            self._write(_CONTINUE)

    def _answer_plain(self, data: bytes, answer_plain: PlainAnswerer) -> bool:
        """Whether `data` is a request that `answer_plain` answers."""
        connections = self._connections
        try:
            answer = None if connections.draining else answer_plain(data)
        except Exception:
            answer = internal_error(self._reader.feed(data)[0])
        if answer is None:
            return False
        connections.counters.http_requests_total += 1
        if answer is connections.usual_answer:
            self._transport.write(connections.usual_answer_bytes)
            self._keep_open()
        else:
            [request] = self._reader.feed(data)
            self._on_answer(request, answer)
        return True

    def _handle(self, request: Request) -> None:
        connections = self._connections
        connections.counters.http_requests_total += 1
        if connections.identify is not None:
            connections.identify(self._owner, request)
        try:
            answer = connections.handler.on_request(request)
        except Exception:
            answer = internal_error(request)
        self._on_answer(request, answer)

    def _on_answer(self, request: Request, answer: Answer | Awaitable[Answer]) -> None:
        if isinstance(answer, Response):
            self._send_response(request, answer)
        elif isinstance(answer, Upgrade):
            self._upgrade(answer)
        elif isinstance(answer, asyncio.Future):
            # Itself, and not a task that awaits it: cancelling it must reach it, also before a task would have begun.
            self._answering = answer
            answer.add_done_callback(lambda done: self._on_awaited(request, done, None))
        elif type(answer) is DeferredResponse and isinstance(answer.awaitable, asyncio.Future):
            # With a task, and a pause for each request, a publish over the hub took 200 us of CPU time, not 150.
            self._answering, make = answer.awaitable, answer.make
            answer.awaitable.add_done_callback(lambda done: self._on_awaited(request, done, make))
        else:
            task: asyncio.Future[Answer] = asyncio.ensure_future(answer_or_error(request, answer))
            self._answering = task
            task.add_done_callback(lambda done: self._on_awaited(request, done, None))

    def _on_awaited(
        self,
        request: Request,
        done: asyncio.Future[Any],
        make: Callable[[Any], Answer | Awaitable[Answer]] | None,
    ) -> None:
        self._answering = None
        if done.cancelled():
            return
        try:
            answer = done.result() if make is None else make(done.result())
        except Exception:
            answer = internal_error(request)
        self._on_answer(request, answer)
        self._go_on()

    def _go_on(self) -> None:
        """Handle what has come while an answer was awaited."""
        if self._answering is None and not self._ended and self._writable:
            self._handle_queued()
            if not self.is_blocked:
                self._owner.resume_input()

    def _ask_for_large_body(self, request: Request) -> None:
        """Have the body of a request read whose head is here, or refused. The answer may have to be awaited."""
        try:
            allowed = self._connections.admits_large_body(request)
        except Exception:
            _log.exception("a large request could not be admitted", extra={"path": request.path})
            allowed = False
        if isinstance(allowed, bool):
            self._grant(allowed)
            return
        self._answering = asyncio.ensure_future(allowed)
        self._answering.add_done_callback(self._on_large_body_asked)

    def _on_large_body_asked(self, done: asyncio.Future[bool]) -> None:
        self._answering = None
        if done.cancelled():
            return
        try:
            allowed = done.result()
        except Exception:
            _log.exception("a large request could not be admitted")
            allowed = False
        self._grant(allowed)
        self._go_on()

    def _grant(self, allowed: bool) -> None:
        assert self._requests is not None  # made when the head was fed
        self._requests += self._reader.grant(allowed)

    def _send_response(self, request: Request, response: Response) -> None:
        connections = self._connections
        # A reader stops at an upgrade request: what follows a refused one cannot be told from WebSocket frames.
        keep_alive = request.keep_alive and not (
            request.upgrade or (self._half_closed and not self._requests) or connections.draining
        )
        if response.status >= 400:
            connections.on_refused(self._owner, request, response.status, response.body)
        (self._outgoing or self._transport).write(
            encode_response(
                response, keep_alive=keep_alive, head_only=request.method == "HEAD", date=connections.date
            )
        )
        if keep_alive:
            self._keep_open()
        else:
            self._half_close()

    def _keep_open(self) -> None:
        connections = self._connections
        due = connections.wheel.now + connections.limits.keep_alive_timeout_s
        if self.wheel_tick is not None and due >= self._deadline:
            self._deadline = due  # what `_set_deadline` would do, without the call
        else:
            self._set_deadline(connections.limits.keep_alive_timeout_s)

    def _upgrade(self, upgrade: Upgrade) -> None:
        rest = self._reader.take_rest()
        self._ended = True
        self._flush_gathered()
        self._owner.open(upgrade, rest)
        self._connections.forget_http(self)

    def _refuse(self, error: HttpError) -> None:
        response = refusal(error)
        self._connections.on_refused(self._owner, None, error.status, response.body)
        self._write(encode_response(response, keep_alive=False, date=self._connections.date))
        self._half_close()

    def _flush_gathered(self) -> None:
        if self._outgoing is not None:
            self._outgoing.flush()

    def _half_close(self) -> None:
        """Shut our sending side; what still arrives is read and dropped until the peer closes as well.

        Closing at once, with bytes unread, would reset the connection and could take the response with it.
        """
        self._ended = True
        self._flush_gathered()
        if self._transport.can_write_eof():
            self._transport.write_eof()
            self._set_deadline(self._connections.limits.close_timeout_s)
        else:
            self._close()

    def _close(self) -> None:
        """With TLS the peer has to close as well; one that does not is dropped by the wheel."""
        self._transport.close()
        self._set_deadline(self._connections.limits.close_timeout_s)

    def _set_deadline(self, timeout_s: float) -> None:
        """Have `on_due` called in `timeout_s`. It is moved on the wheel only if that is sooner than it was due:
        otherwise `on_due` puts it back."""
        wheel, before = self._connections.wheel, self._deadline
        self._deadline = wheel.now + timeout_s
        if self.wheel_tick is None or self._deadline < before:
            wheel.schedule(self, self._deadline)
