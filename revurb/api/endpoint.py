"""The API as one function from request to response.

Order of checks, as in Reverb: path (404), method (405), app (404), signature (401), whether the app is enabled (403, as
Pusher), body (400, 413 already by the HTTP reader), fields (422).
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable

from revurb.api import answers, channels, events, kept_events, reconnect_requests, users
from revurb.api.answers import ApiError
from revurb.api.idempotency import IN_HEAD, HasKey, Idempotency, key_of
from revurb.api.request_rates import RequestRates
from revurb.api.routes import Route, RouteMatch, match
from revurb.api.signature import verify
from revurb.apps import App, AppProvider, AppsUnavailable
from revurb.pusher.ports import Bus, MaybeAwaitable
from revurb.pusher.rates import Rates
from revurb.pusher.triggering import Trigger
from revurb.wire.http import Request
from revurb.wire.response import Response

_ROOT = RouteMatch(Route.ROOT)
_EVENTS = Route.EVENTS  # asked first, and looked up in its class it would cost as much as a call
_LARGE = (Route.EVENTS, Route.BATCH_EVENTS)
_HEALTH = answers.json_response({"health": "OK"})
_LIVE = answers.json_response({"live": True})
_READY = answers.json_response({"ready": True})


class Api:
    """Answers every HTTP request of a node.

    `path` is the prefix of all routes ("" or "/ws"). `clock` gives seconds since 1970. A request of more than
    `max_request_size_bytes` must be one of several events or channels, within Pusher's limits. `unready` gives the
    reason why new clients should go elsewhere ("draining"), or None. `degraded` gives the reason why other processes
    are out of reach, or None. `rates` counts against the budgets of apps, which have none without; without `once`,
    keys of idempotency have no effect.
    """

    def __init__(
        self,
        apps: AppProvider,
        trigger: Trigger,
        bus: Bus,
        *,
        path: str,
        signature_max_age_s: int,
        max_request_size_bytes: int,
        clock: Callable[[], float],
        unready: Callable[[], str | None] = lambda: None,
        degraded: Callable[[], str | None] = lambda: None,
        rates: Rates | None = None,
        once: Idempotency | None = None,
    ) -> None:
        self._once = once
        self._rates = None if rates is None else RequestRates(rates, clock)
        self._apps = apps
        self._trigger = trigger
        self._bus = bus
        self._path = path
        self.match_route: Callable[[str], RouteMatch | None] = self._match_below if path else match
        """What a path as sent leads to, the WebSocket route included."""
        self._signature_max_age_s = signature_max_age_s
        self._max_request_size_bytes = max_request_size_bytes
        self._clock = clock
        self._unready = unready
        self._degraded = degraded

    def _match_below(self, path: str) -> RouteMatch | None:
        if path == "/":  # what a load balancer asks for that was told nothing
            return _ROOT
        below = path.removeprefix(self._path)
        return match(below) if len(below) < len(path) and below.startswith("/") else None

    def answer(self, request: Request) -> MaybeAwaitable[Response]:
        """The response; awaitable only if the app provider's answer or the bus' is. Never raises for what was sent."""
        found = match(request.path) if not self._path else self.match_route(request.path)
        if found is None:
            return answers.NOT_FOUND
        route = found.route
        if request.method != route.method and not _is_also_answered(request.method, route):
            return answers.method_not_allowed(_allowed(route))
        if not route.signed:
            return self._answer_anyone(route)
        app = self._apps.find_by_id(found.app)
        if app is None or isinstance(app, App):
            return self._answer(request, found, app)
        return self._answer_later(request, found, app)

    def admits_large_body(self, request: Request) -> MaybeAwaitable[bool]:
        """Whether a request, of which only the head is here, is signed and may carry several events or channels."""
        found = self.match_route(request.path)
        if found is None or found.route not in _LARGE or request.method != found.route.method:
            return False
        app = self._apps.find_by_id(found.app)
        if app is None or isinstance(app, App):
            return self._is_signed(request, app)
        return self._is_signed_later(request, app)

    async def _is_signed_later(self, request: Request, app: Awaitable[App | None]) -> bool:
        try:
            return self._is_signed(request, await app)
        except AppsUnavailable:
            return False

    def _is_signed(self, request: Request, app: App | None) -> bool:
        if app is None:
            return False
        try:
            verify(
                request,
                app,
                self._signed_paths(request),
                self._clock(),
                self._signature_max_age_s,
                head_only=True,
            )
        except ApiError:
            return False
        return True

    def _signed_paths(self, request: Request) -> tuple[str, ...]:
        """The forms of the path that may have been signed: with our prefix, and without."""
        path = request.path
        return (path, path.removeprefix(self._path)) if self._path else (path,)

    def _answer_anyone(self, route: Route) -> Response:
        match route:
            case Route.UP:
                return _HEALTH
            case Route.LIVE:
                return _LIVE
            case Route.READY | Route.ROOT:
                return self._readiness()
            case _:
                return answers.UPGRADE_REQUIRED

    def _readiness(self) -> Response:
        reason = self._unready()
        if reason is not None:
            return answers.json_response({"ready": False, "reason": reason}, 503)
        degraded = self._degraded()
        return _READY if degraded is None else answers.json_response({"ready": True, "degraded": degraded})

    async def _answer_later(
        self, request: Request, found: RouteMatch, app: Awaitable[App | None]
    ) -> Response:
        try:
            answer = self._answer(request, found, await app)
        except AppsUnavailable:
            return answers.UNAVAILABLE
        return answer if isinstance(answer, Response) else await answer

    def _answer(self, request: Request, found: RouteMatch, app: App | None) -> MaybeAwaitable[Response]:
        try:
            if app is None:
                raise answers.unknown_app(found.app)
            # As `_signed_paths`, without the call.
            paths = (request.path,) if not self._path else self._signed_paths(request)
            query = verify(request, app, paths, self._clock(), self._signature_max_age_s)
            if not app.is_enabled:
                raise answers.forbidden("The application is disabled.")
            if found.route is _EVENTS and app.limits is None and IN_HEAD not in request.headers:
                try:
                    return events.post_event(
                        request.body,
                        app,
                        self._trigger,
                        self._bus,
                        self._max_request_size_bytes,
                        is_key_known=False,
                    )
                except HasKey:
                    pass
            return self._answer_once(request, found, app, query)
        except ApiError as error:
            return error.response

    def _answer_once(
        self, request: Request, found: RouteMatch, app: App, query: dict[str, str]
    ) -> MaybeAwaitable[Response]:
        """The answer to a request that may have a key."""
        key = key_of(request) if found.route in _LARGE and self._once is not None else None
        if key is None or self._once is None:
            return self._route(request, found, app, query)
        do = functools.partial(self._route, request, found, app, query)
        return self._once.answer(app.id, key, request, do)

    def _route(
        self, request: Request, found: RouteMatch, app: App, query: dict[str, str]
    ) -> MaybeAwaitable[Response]:
        bus, rates = self._bus, self._rates
        if rates is not None and found.route.method == "GET":
            rates.read(app)
        match found.route:
            case Route.EVENTS:
                if rates is not None:
                    rates.publish(app)
                return events.post_event(request.body, app, self._trigger, bus, self._max_request_size_bytes)
            case Route.BATCH_EVENTS:
                counted = () if rates is None else (rates.publish,)
                return events.post_batch(
                    request.body, app, self._trigger, bus, self._max_request_size_bytes, *counted
                )
            case Route.CHANNELS:
                return channels.get_channels(bus, app.id, query)
            case Route.CHANNEL:
                return channels.get_channel(bus, app.id, found.name, query)
            case Route.CHANNEL_USERS:
                return channels.get_channel_users(bus, app.id, found.name)
            case Route.CHANNEL_EVENTS:
                if request.method == "DELETE":
                    return kept_events.delete_events(bus, app, found.name)
                return kept_events.get_events(bus, app, found.name, query)
            case Route.CONNECTIONS:
                return users.get_connections(bus, app.id)
            case Route.FORCE_RECONNECT:
                return reconnect_requests.force_reconnect(request.body, bus, app.id)
            case _:
                return users.terminate_connections(bus, app.id, found.name)


def _is_also_answered(method: str, route: Route) -> bool:
    """HEAD is answered as GET. So is OPTIONS on the root, which HAProxy's `option httpchk` sends."""
    return (
        (method == "HEAD" and route.method == "GET")
        or (method == "OPTIONS" and route is Route.ROOT)
        or (method == "DELETE" and route is Route.CHANNEL_EVENTS)
    )


def _allowed(route: Route) -> str:
    return "GET, DELETE" if route is Route.CHANNEL_EVENTS else route.method
