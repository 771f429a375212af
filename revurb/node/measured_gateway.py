"""Measures each HTTP request of a node whose metrics are shown: its route, status and time. Without an admin listener,
nothing of this is on the way of a request."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any

from revurb._speedups.tally import Tally
from revurb.api.routes import RouteMatch
from revurb.observe.app_counts import AppBook
from revurb.observe.figures import Figures
from revurb.observe.metrics import SECONDS
from revurb.transport.handlers import Answer, RequestHandler, Upgrade
from revurb.wire.http import Request
from revurb.wire.response import DeferredResponse, Response

SWITCHING_PROTOCOLS = 101
UNKNOWN = "unknown"


class MeasuredGateway:
    """The transport's RequestHandler: passes requests on to `gateway`, and counts their answers. `match_route` is that
    of the API. Routes are few, whatever paths are asked for."""

    def __init__(
        self, gateway: RequestHandler, match_route: Callable[[str], RouteMatch | None], book: AppBook
    ) -> None:
        self._gateway = gateway
        self._match_route = match_route
        self._book = book
        self._requests: dict[tuple[str, int], int] = {}
        self._times: dict[str, Tally] = {}

    def on_request(self, request: Request) -> Answer | Awaitable[Answer]:
        began = perf_counter()
        answer = self._gateway.on_request(request)
        found = self._match_route(request.path)
        if type(answer) is Response:
            self._count(found, answer.status, began)
        elif isinstance(answer, Upgrade):
            self._count(found, SWITCHING_PROTOCOLS, began)
        elif type(answer) is DeferredResponse:
            return DeferredResponse(answer.awaitable, self._counting(found, began, answer.make))
        elif isinstance(answer, asyncio.Future):  # which its owner may have to cancel itself
            answer.add_done_callback(lambda done: self._on_done(found, began, done))
        else:
            assert isinstance(answer, Awaitable)
            return self._await(found, began, answer)
        return answer

    def _counting(
        self,
        found: RouteMatch | None,
        began: float,
        make: Callable[[Any], Response | Awaitable[Response]],
    ) -> Callable[[Any], Response | Awaitable[Response]]:
        def counted(result: Any) -> Response | Awaitable[Response]:
            response = make(result)
            if isinstance(response, Response):
                self._count(found, response.status, began)
                return response
            return self._await_response(found, began, response)

        return counted

    async def _await_response(
        self, found: RouteMatch | None, began: float, awaitable: Awaitable[Response]
    ) -> Response:
        response = await awaitable
        self._count(found, response.status, began)
        return response

    async def _await(self, found: RouteMatch | None, began: float, awaitable: Awaitable[Answer]) -> Answer:
        answer = await awaitable
        self._count(found, answer.status if isinstance(answer, Response) else SWITCHING_PROTOCOLS, began)
        return answer

    def _on_done(self, found: RouteMatch | None, began: float, done: asyncio.Future[Any]) -> None:
        if not done.cancelled() and done.exception() is None:
            answer = done.result()
            self._count(found, answer.status if isinstance(answer, Response) else SWITCHING_PROTOCOLS, began)

    def _count(self, found: RouteMatch | None, status: int, began: float) -> None:
        if found is None:
            word = UNKNOWN
        else:
            route = found.route
            word = route.word or "root"
            if route.signed and status not in (401, 404):  # else the app may not exist
                self._book.of(found.app).app_http_requests_total += 1
        key = (word, status)
        self._requests[key] = self._requests.get(key, 0) + 1
        times = self._times.get(word)
        if times is None:
            times = self._times[word] = Tally(SECONDS)
        times.add(perf_counter() - began)

    def write(self, figures: Figures) -> None:
        """Put what was counted into `figures`."""
        for (word, status), count in self._requests.items():
            figures.put("http_requests_total", count, word, str(status))
        for word, times in self._times.items():
            figures.put_histogram("http_request_seconds", times, word)
