"""Handles each HTTP request of a node: passes it to the API, or upgrades it to a WebSocket with a session."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Awaitable

from revurb._speedups.handshakes import cut_handshake
from revurb.api.answers import UNAVAILABLE, text_response
from revurb.api.endpoint import Api
from revurb.api.routes import Route
from revurb.apps import App, AppProvider, AppsUnavailable
from revurb.bus.local import LocalBus
from revurb.node.connection_limit import ConnectionLimit, CountedSession
from revurb.node.hooked_node import HookedCountedSession, HookedSession
from revurb.node.refusal_lines import RefusalLines
from revurb.node.traced_session import TracedSession
from revurb.observe.trace import MessageTrace
from revurb.pusher.errors import (
    AppDisabled,
    OriginNotAllowed,
    OverCapacity,
    OverConnectionQuota,
    UnknownApp,
)
from revurb.pusher.origins import origin_allowed
from revurb.pusher.ports import Bus
from revurb.pusher.registry import AppState, Registry
from revurb.pusher.session import Session
from revurb.pusher.socket_id import SocketIds
from revurb.transport.handlers import Answer, Upgrade, WebSocketHandler
from revurb.wire import handshake
from revurb.wire.deflate import Compression, NegotiatedCompression
from revurb.wire.http import Request

_ANY_ORIGIN = ("*",)
MAX_DOORS = 1024
# PusherSwift offers `pusher-channels-protocol-7`. As with the `protocol` of the query, any version is served.
_SUBPROTOCOLS = re.compile(r"pusher-channels-protocol-[0-9]{1,4}")


class Gateway:
    """The transport's RequestHandler of a node. `limit` is that of the connections of all apps together; None is
    no limit. Without `compression`, no extension is negotiated. With `trace`, all messages are printed."""

    def __init__(
        self,
        api: Api,
        apps: AppProvider,
        registry: Registry,
        bus: Bus,
        *,
        refusals: RefusalLines,
        limit: ConnectionLimit | None,
        trace: MessageTrace | None,
        compression: Compression | None,
    ) -> None:
        self._api = api
        self._apps = apps
        self._registry = registry
        self._bus = bus
        self._refusals = refusals
        self._limit = limit
        self._trace = trace
        self._compression = compression
        self._socket_ids = SocketIds()
        self._doors: dict[str, AppState] = {}
        self._admits_at_once = isinstance(bus, LocalBus)

    def on_request(self, request: Request) -> Answer | Awaitable[Answer]:
        if request.upgrade:
            found = self._api.match_route(request.path)
            if found is not None and found.route is Route.SOCKET:
                return self._upgrade(request, found.app)
        return self._api.answer(request)

    def welcome(self, data: bytes) -> Upgrade | None:
        """The transport's `Connections.welcome`: what `on_request` answers to a plain handshake that is let in at once.
        None, and nothing is done, for anything else. For apps that are found at once, and stay as they are."""
        plain = cut_handshake(data, self._compression is not None)
        if plain is None:
            return None
        path, origin, head = plain
        state = self._doors.get(path) or self._find_door(path)
        if state is None:
            return None
        app = state.app
        limit, most = self._limit, app.max_connections
        if (
            (app.allowed_origins != _ANY_ORIGIN and not origin_allowed(origin, app.allowed_origins))
            or (most is not None and not self._admits_at_once)
            or (limit is not None and not limit.take())
        ):
            return None
        if self._bus.admit(app.id, most) is not True:
            self._give_back()
            return None
        return Upgrade(head, self._session(state, origin))

    def _find_door(self, path: str) -> AppState | None:
        """The app that plain handshakes on a path are for; looking it up takes as long as all else of an answer."""
        found = self._api.match_route(path)
        app = self._apps.find_by_key(found.app) if found is not None and found.route is Route.SOCKET else None
        if not isinstance(app, App) or not app.is_enabled:
            return None
        if len(self._doors) >= MAX_DOORS:  # one key can be spelled in many ways
            self._doors.clear()
        state = self._doors[path] = self._registry.state(app)
        return state

    def admits_large_body(self, request: Request) -> bool | Awaitable[bool]:
        """The transport's `LargeBodies`."""
        return self._api.admits_large_body(request)

    def _upgrade(self, request: Request, key: str) -> Answer | Awaitable[Answer]:
        try:
            agreement = None if self._compression is None else handshake.agree(request, self._compression)
            subprotocol = handshake.choose_subprotocol(request, _SUBPROTOCOLS)
            head = handshake.accept(request, subprotocol=subprotocol, agreement=agreement)
        except handshake.HandshakeError as error:
            return text_response(error.status, f"Bad handshake. {error.detail}", error.headers)
        app = self._apps.find_by_key(key)
        if app is None or isinstance(app, App):
            return self._admit(request, app, head, agreement)
        return self._find_and_admit(request, app, head, agreement)

    async def _find_and_admit(
        self,
        request: Request,
        app: Awaitable[App | None],
        head: bytes,
        agreement: NegotiatedCompression | None,
    ) -> Answer:
        try:
            answer = self._admit(request, await app, head, agreement)
        except (
            AppsUnavailable
        ):  # on a WebSocket 4xxx codes say more than is known; a 503 has clients come back
            return UNAVAILABLE
        if not isinstance(answer, asyncio.Future):
            return answer
        try:
            return await answer
        except asyncio.CancelledError:
            if answer.done() and not answer.cancelled():  # admitted, and not known here yet
                answer.result().handler.closed()
            raise

    def _admit(
        self, request: Request, app: App | None, head: bytes, agreement: NegotiatedCompression | None
    ) -> Upgrade | asyncio.Future[Upgrade]:
        """An upgrade to a session, or to a refusal. A refusal is sent over the WebSocket, where Pusher clients expect
        errors."""
        if app is None:
            return Upgrade(head, self._refusals.connection(UnknownApp(), request), agreement)
        if not app.is_enabled:
            return Upgrade(head, self._refusals.connection(AppDisabled(), request), agreement)
        allowed = app.allowed_origins
        if allowed != _ANY_ORIGIN and not origin_allowed(request.headers.get("origin"), allowed):
            return Upgrade(head, self._refusals.connection(OriginNotAllowed(), request), agreement)
        if self._limit is not None and not self._limit.take():
            return Upgrade(head, self._refusals.connection(OverCapacity(), request), agreement)
        admitted = self._bus.admit(app.id, app.max_connections)
        if isinstance(admitted, bool):
            return Upgrade(head, self._make_session(request, app, admitted), agreement)
        return self._upgrade_when_admitted(request, app, asyncio.ensure_future(admitted), head, agreement)

    def _upgrade_when_admitted(
        self,
        request: Request,
        app: App,
        admitted: asyncio.Future[bool],
        head: bytes,
        agreement: NegotiatedCompression | None,
    ) -> asyncio.Future[Upgrade]:
        """The upgrade, once the bus has answered. The admission belongs to this future from the moment it was asked
        for: where the future is cancelled, since the connection is lost, it is given back as soon as it comes. (A
        coroutine that is cancelled before its first step never runs, and would forget it.)"""
        upgrade: asyncio.Future[Upgrade] = asyncio.get_running_loop().create_future()

        def answered(done: asyncio.Future[bool]) -> None:
            if upgrade.cancelled():
                self._give_back()
                if not done.cancelled() and done.exception() is None and done.result():
                    self._bus.release(app.id)
            elif done.cancelled():
                self._give_back()
                upgrade.cancel()
            elif (error := done.exception()) is not None:
                self._give_back()
                upgrade.set_exception(error)
            else:
                upgrade.set_result(Upgrade(head, self._make_session(request, app, done.result()), agreement))

        admitted.add_done_callback(answered)
        return upgrade

    def _make_session(self, request: Request, app: App, granted: bool) -> WebSocketHandler:
        return (
            self._session(self._registry.state(app), request.headers.get("origin"))
            if granted
            else self._refuse_over_quota(request)
        )

    def _refuse_over_quota(self, request: Request) -> WebSocketHandler:
        self._give_back()
        return self._refusals.connection(OverConnectionQuota(), request)

    def _session(self, state: AppState, origin: str | None) -> WebSocketHandler:
        socket_id = self._socket_ids.next()
        hooks = state.hooks
        is_heard = hooks is not None and hooks.is_told_of_received
        if self._limit is None:
            session = (HookedSession if is_heard else Session)(state, socket_id, self._bus)
        else:
            counted = HookedCountedSession if is_heard else CountedSession
            session = counted(state, socket_id, self._bus, self._limit)
        session.origin = None if origin is None else sys.intern(origin)  # pages of an app share theirs
        return session if self._trace is None else TracedSession(session, self._trace)

    def _give_back(self) -> None:
        """The token of a connection that has become no session."""
        if self._limit is not None:
            self._limit.give_back()
