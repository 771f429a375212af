"""Handles each HTTP request of a node: passes it to the API, or upgrades it to a WebSocket with a session."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from revurb.api.answers import text_response
from revurb.api.endpoint import Api
from revurb.api.routes import Route
from revurb.apps import App, AppProvider
from revurb.node.traced_session import TracedSession
from revurb.observe.trace import MessageTrace
from revurb.pusher.errors import OriginNotAllowed, OverCapacity, OverConnectionQuota, UnknownApp
from revurb.pusher.origins import origin_allowed
from revurb.pusher.ports import Bus, MaybeAwaitable
from revurb.pusher.registry import Registry
from revurb.pusher.session import Refusal, Session
from revurb.pusher.socket_id import SocketIds
from revurb.transport.handlers import Answer, Upgrade, WebSocketHandler
from revurb.wire import handshake
from revurb.wire.deflate import Compression, NegotiatedCompression
from revurb.wire.http import Request

_ANY_ORIGIN = ("*",)


class Gateway:
    """The transport's RequestHandler of a node. `max_connections` limits the connections of all apps together; None is
    no limit. Without `compression`, no extension is negotiated. With `trace`, all messages are printed."""

    def __init__(
        self,
        api: Api,
        apps: AppProvider,
        registry: Registry,
        bus: Bus,
        *,
        max_connections: int | None,
        trace: MessageTrace | None,
        compression: Compression | None,
    ) -> None:
        self._api = api
        self._apps = apps
        self._registry = registry
        self._bus = bus
        self._max_connections = max_connections
        self._trace = trace
        self._compression = compression
        self._socket_ids = SocketIds()

    def on_request(self, request: Request) -> Answer | Awaitable[Answer]:
        if request.upgrade:
            found = self._api.match_route(request.path)
            if found is not None and found.route is Route.SOCKET:
                return self._upgrade(request, found.app)
        return self._api.answer(request)

    def _upgrade(self, request: Request, key: str) -> Answer | Awaitable[Answer]:
        try:
            agreement = None if self._compression is None else handshake.agree(request, self._compression)
            head = handshake.accept(request, agreement=agreement)
        except handshake.HandshakeError as error:
            return text_response(error.status, f"Bad handshake. {error.detail}", error.headers)
        app = self._apps.find_by_key(key)
        if app is None or isinstance(app, App):
            handler = self._admit(request, app)
            # Session first: asking whether it is Awaitable, an abstract class, takes 1 us.
            if isinstance(handler, Session) or not isinstance(handler, Awaitable):
                return Upgrade(head, handler, agreement)
            return self._upgrade_later(head, handler, agreement)
        return self._upgrade_later(head, self._find_and_admit(request, app), agreement)

    async def _upgrade_later(
        self, head: bytes, handler: Awaitable[WebSocketHandler], agreement: NegotiatedCompression | None
    ) -> Answer:
        return Upgrade(head, await handler, agreement)

    async def _find_and_admit(self, request: Request, app: Awaitable[App | None]) -> WebSocketHandler:
        handler = self._admit(request, await app)
        return await handler if isinstance(handler, Awaitable) else handler

    def _admit(self, request: Request, app: App | None) -> MaybeAwaitable[WebSocketHandler]:
        """A session, or a refusal. A refusal is sent over the WebSocket, where Pusher clients expect errors."""
        if app is None:
            return Refusal(UnknownApp())
        allowed = app.allowed_origins
        if allowed != _ANY_ORIGIN and not origin_allowed(request.headers.get("origin"), allowed):
            return Refusal(OriginNotAllowed())
        if self._max_connections is not None and self._registry.session_count() >= self._max_connections:
            return Refusal(OverCapacity())
        granted = self._bus.admit(app.id, app.max_connections)
        if isinstance(granted, bool):
            return self._make_session(app, granted)
        return self._make_session_later(app, asyncio.ensure_future(granted))

    async def _make_session_later(self, app: App, granted: asyncio.Future[bool]) -> WebSocketHandler:
        try:
            return self._make_session(app, await asyncio.shield(granted))
        except asyncio.CancelledError:  # the connection is lost, and the bus may still admit it
            granted.add_done_callback(lambda done: self._release_admission(app, done))
            raise

    def _release_admission(self, app: App, granted: asyncio.Future[bool]) -> None:
        if not granted.cancelled() and granted.exception() is None and granted.result():
            self._bus.release(app.id)

    def _make_session(self, app: App, granted: bool) -> WebSocketHandler:
        if not granted:
            return Refusal(OverConnectionQuota())
        session = Session(self._registry.state(app), self._socket_ids.next(), self._bus)
        return session if self._trace is None else TracedSession(session, self._trace)
