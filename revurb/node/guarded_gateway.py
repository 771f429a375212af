"""Holds clients to what their addresses may do, ahead of the gateway. Without such limits nothing of this is on the way
of a request."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from revurb.api.answers import text_response
from revurb.node.address_guard import AddressGuard
from revurb.node.refusal_lines import LoggedRefusal, RefusalLines
from revurb.node.watched_handler import WatchedHandler
from revurb.pusher.errors import AddressIsFull, OriginNotAllowed, UnknownApp
from revurb.transport.handlers import Answer, RequestHandler, Upgrade
from revurb.wire.handshake import asks_for_websocket
from revurb.wire.http import Request

_OFFENCES = (UnknownApp, OriginNotAllowed)  # that an app or a server is full is none


class GuardedGateway:
    """The transport's RequestHandler: passes on what may be."""

    def __init__(self, gateway: RequestHandler, guard: AddressGuard, refusals: RefusalLines) -> None:
        self._gateway = gateway
        self._guard = guard
        self._refusals = refusals

    def on_request(self, request: Request) -> Answer | Awaitable[Answer]:
        if not request.upgrade or not asks_for_websocket(request):
            return self._gateway.on_request(request)
        wait_s = self._guard.wait_s(request.client)
        if wait_s:
            self._refusals.count_handshake("too_many")
            self._note_offence(request)
            return text_response(
                429,
                "Too many requests. Handshakes of this address are not accepted for a while "
                "(REVURB_MAX_HANDSHAKES_PER_ADDRESS, REVURB_BAN_AFTER).",
                (("Retry-After", str(wait_s)),),
            )
        answer = self._gateway.on_request(request)
        if not isinstance(answer, Awaitable):
            self._see(request, answer)
            return answer
        # The transport has to get the future itself, which it cancels when the client has gone; and what is done to the
        # answer has to be done ahead of its own callback.
        future = asyncio.ensure_future(answer)
        future.add_done_callback(lambda done: self._see_awaited(request, done))
        return future

    def _see_awaited(self, request: Request, done: asyncio.Future[Answer]) -> None:
        if not done.cancelled() and done.exception() is None:
            self._see(request, done.result())

    def _see(self, request: Request, answer: Answer) -> None:
        """Count what the gateway has let in, and what it has refused."""
        if not isinstance(answer, Upgrade):
            if 400 <= answer.status < 500:
                self._note_offence(request)
        elif isinstance(answer.handler, LoggedRefusal):
            if isinstance(answer.handler.error, _OFFENCES):
                self._note_offence(request)
        elif self._guard.enter(request.client):
            if self._guard.limits.connections is not None:
                answer.handler = WatchedHandler(answer.handler, lambda: self._guard.leave(request.client))
        else:
            answer.handler.closed()
            answer.handler = self._refusals.connection(AddressIsFull(), request)

    def _note_offence(self, request: Request) -> None:
        if self._guard.offended(request.client):
            self._refusals.of_ban(request.client, self._guard.limits.ban_s)
