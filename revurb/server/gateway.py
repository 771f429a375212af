"""The front door: sends each request to the API, or makes a session of it."""

from __future__ import annotations

from collections.abc import Awaitable

from revurb.api.answers import text_response
from revurb.api.endpoint import Api
from revurb.api.routes import Route
from revurb.apps import App, AppProvider
from revurb.observe.trace import MessageTrace
from revurb.pusher.errors import OriginNotAllowed, OverCapacity, OverConnectionQuota, PusherError, UnknownApp
from revurb.pusher.origins import origin_allowed
from revurb.pusher.ports import Publisher
from revurb.pusher.registry import Registry
from revurb.pusher.session import Refusal, Session
from revurb.pusher.socket_id import SocketIds
from revurb.server.tracing import TracedSession
from revurb.transport.ports import Answer, SocketHandler, Upgrade
from revurb.wire import handshake
from revurb.wire.deflate import Agreement, Compression
from revurb.wire.http import Request


class Gateway:
    """The transport's Endpoint of a node. `max_connections` bounds all apps together, None is no bound. Without a
    `compression` none is agreed to."""

    def __init__(
        self,
        api: Api,
        apps: AppProvider,
        registry: Registry,
        publisher: Publisher,
        *,
        max_connections: int | None,
        trace: MessageTrace | None,
        compression: Compression | None,
    ) -> None:
        self._api = api
        self._apps = apps
        self._registry = registry
        self._publisher = publisher
        self._max_connections = max_connections
        self._trace = trace
        self._compression = compression
        self._socket_ids = SocketIds()

    def on_request(self, request: Request) -> Answer | Awaitable[Answer]:
        if request.upgrade:
            found = self._api.find(request.path)
            if found is not None and found.route is Route.SOCKET:
                return self._upgrade(request, found.app)
        return self._api.answer(request)

    def _upgrade(self, request: Request, key: str) -> Answer | Awaitable[Answer]:
        try:
            agreement = handshake.agree(request, self._compression)
            head = handshake.accept(request, agreement=agreement)
        except handshake.HandshakeError as error:
            return text_response(error.status, f"Bad handshake. {error.detail}", error.headers)
        app = self._apps.find_by_key(key)
        if app is None or isinstance(app, App):
            return Upgrade(head, self._admit(request, app), agreement)
        return self._upgrade_later(head, request, app, agreement)

    async def _upgrade_later(
        self, head: bytes, request: Request, app: Awaitable[App | None], agreement: Agreement | None
    ) -> Answer:
        return Upgrade(head, self._admit(request, await app), agreement)

    def _admit(self, request: Request, app: App | None) -> SocketHandler:
        """A session, or a refusal: said on the WebSocket, since that is where Pusher clients listen for it."""
        try:
            session = self._session(request, app)
        except PusherError as error:
            return Refusal(error)
        return session if self._trace is None else TracedSession(session, self._trace)

    def _session(self, request: Request, app: App | None) -> Session:
        if app is None:
            raise UnknownApp
        if not origin_allowed(request.headers.get("origin"), app.allowed_origins):
            raise OriginNotAllowed
        if self._max_connections is not None and self._registry.session_count() >= self._max_connections:
            raise OverCapacity
        state = self._registry.state(app)
        if app.max_connections is not None and len(state.sessions) >= app.max_connections:
            raise OverConnectionQuota
        return Session(state, self._socket_ids.next(), self._publisher)
