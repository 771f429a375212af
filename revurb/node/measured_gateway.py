"""Measures each HTTP request of a node whose metrics are shown: its route, status and time. Without an admin listener,
nothing of this is on the way of a request."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any, TypeVar

from revurb._speedups.tally import Tally
from revurb.api.routes import Route, RouteMatch
from revurb.observe.figures import Figures
from revurb.observe.metrics import SECONDS
from revurb.pusher.app_counts import AppBook, AppCounts
from revurb.transport.handlers import Answer, PlainAnswerer, RequestHandler, Upgrade, Welcome
from revurb.wire.http import Request
from revurb.wire.response import DeferredResponse, Response

OK, SWITCHING_PROTOCOLS, INTERNAL_ERROR = 200, 101, 500
# Of a request whose signature was found to be right. With any other, the app of its path may be made up.
OF_THE_APP = frozenset({OK, 400, 403, 409, 413, 422, 429})
UNKNOWN, ROOT = "unknown", "root"
MAX_PATHS = 1024  # that are remembered; others take 1 us more each

AnyAnswer = TypeVar("AnyAnswer", bound=Answer)


class MeasuredGateway:
    """The transport's RequestHandler: passes requests on to `gateway`, and counts their answers. `match_route` is that
    of the API. Routes are few, whatever paths are asked for.

    Nearly every request is one of few paths and answered with 200 at once: it takes a look into a dict, and one call
    that counts and adds up (0.3 us, of 21 that a publish takes).
    """

    def __init__(
        self, gateway: RequestHandler, match_route: Callable[[str], RouteMatch | None], book: AppBook
    ) -> None:
        self._handle = gateway.on_request
        self._match_route = match_route
        self._book = book
        self._times_of_path: dict[str, Tally] = {}  # of answers with 200
        self._times_of_plain_path: dict[bytes, Tally] = {}
        self._times: dict[tuple[str, int, AppCounts | None], Tally] = {}

    def on_request(self, request: Request) -> Answer | Awaitable[Answer]:
        began = perf_counter()
        try:
            answer = self._handle(request)
        except Exception:  # which the transport answers
            self._count(request, INTERNAL_ERROR, began)
            raise
        return self._counted(request, answer, began)

    def measured_plain(self, answer_plain: PlainAnswerer) -> PlainAnswerer:
        """`answer_plain`, with its answers counted."""

        def answer(data: bytes) -> Answer | Awaitable[Answer] | None:
            began = perf_counter()
            try:
                answer = answer_plain(data)
            except Exception:  # which the transport answers
                self._count(_request_of(data), INTERNAL_ERROR, began)
                raise
            if answer is None:
                return None
            path = _path_of(data)
            if type(answer) is Response and answer.status == OK:
                times = self._times_of_plain_path.get(path)
                if times is not None:
                    times.add(perf_counter() - began)
                    return answer
            request = _request_of(data)
            counted = self._counted(request, answer, began)
            if (times := self._times_of_path.get(request.path)) is not None:
                self._times_of_plain_path[path] = times
            return counted

        return answer

    def _counted(
        self, request: Request, answer: Answer | Awaitable[Answer], began: float
    ) -> Answer | Awaitable[Answer]:
        if type(answer) is Response:
            if answer.status == OK:
                times = self._times_of_path.get(request.path)
                if times is not None:
                    times.add(perf_counter() - began)
                    return answer
            self._count(request, answer.status, began)
        elif isinstance(answer, Upgrade):
            self._count(request, SWITCHING_PROTOCOLS, began)
        elif type(answer) is DeferredResponse and isinstance(answer.awaitable, asyncio.Future):
            answer.awaitable.add_done_callback(lambda done: self._on_made_from(request, began, done))
            return DeferredResponse(answer.awaitable, self._counting(request, began, answer.make))
        elif isinstance(answer, asyncio.Future):  # which its owner may have to cancel itself
            answer.add_done_callback(lambda done: self._on_done(request, began, done))
        else:
            assert isinstance(answer, Awaitable)
            return self._await(request, began, answer)
        return answer

    def measuring(self, welcome: Welcome) -> Welcome:
        """`welcome`, with what it answers counted as if it had been a request."""

        times: Tally | None = None  # made with the first answer: until then the metric has no such row

        def measured(data: bytes) -> Upgrade | None:
            nonlocal times
            began = perf_counter()
            upgrade = welcome(data)
            if upgrade is not None:
                if times is None:
                    times = self._times.setdefault(
                        (Route.SOCKET.word, SWITCHING_PROTOCOLS, None), Tally(SECONDS)
                    )
                times.add(perf_counter() - began)
            return upgrade

        return measured

    def _counting(
        self,
        request: Request,
        began: float,
        make: Callable[[Any], Response | Awaitable[Response]],
    ) -> Callable[[Any], Response | Awaitable[Response]]:
        def counted(result: Any) -> Response | Awaitable[Response]:
            try:
                response = make(result)
            except Exception:
                self._count(request, INTERNAL_ERROR, began)
                raise
            if isinstance(response, Response):
                self._count(request, response.status, began)
                return response
            return self._await(request, began, response)

        return counted

    def _on_made_from(self, request: Request, began: float, done: asyncio.Future[Any]) -> None:
        """Where an answer cannot be made, since what it is made from failed."""
        if not done.cancelled() and done.exception() is not None:
            self._count(request, INTERNAL_ERROR, began)

    async def _await(self, request: Request, began: float, awaitable: Awaitable[AnyAnswer]) -> AnyAnswer:
        try:
            answer = await awaitable
        except Exception:
            self._count(request, INTERNAL_ERROR, began)
            raise
        self._count(request, _status(answer), began)
        return answer

    def _on_done(self, request: Request, began: float, done: asyncio.Future[Any]) -> None:
        if not done.cancelled():
            status = _status(done.result()) if done.exception() is None else INTERNAL_ERROR
            self._count(request, status, began)

    def _count(self, request: Request, status: int, began: float) -> None:
        seconds = perf_counter() - began
        times = self._times_of_path.get(request.path) if status == OK else None
        if times is None:
            times = self._find(request, status)
        times.add(seconds)

    def _find(self, request: Request, status: int) -> Tally:
        path = request.path
        found = self._match_route(path)
        word, counts = UNKNOWN, None
        if found is not None:
            word = found.route.word or ROOT
            if (
                found.route.signed and status in OF_THE_APP and not request.upgrade
            ):  # a handshake is not signed
                counts = self._book.of(found.app)
        times = self._times.get((word, status, counts))
        if times is None:
            times = self._times[word, status, counts] = Tally(SECONDS)
            if counts is not None:
                counts.request_times.append(times)
        if status == OK and len(self._times_of_path) < MAX_PATHS:
            self._times_of_path[path] = times
        return times

    def write(self, figures: Figures) -> None:
        """Put what was counted into `figures`."""
        requests: dict[tuple[str, str], int] = {}
        for (word, status, _), times in self._times.items():
            key = (word, str(status))
            requests[key] = requests.get(key, 0) + times.count
            figures.add_histogram("http_request_seconds", times, word)
        for (word, status_text), count in requests.items():
            figures.put("http_requests_total", count, word, status_text)


def _path_of(data: bytes) -> bytes:
    """The path of a plain publish."""
    return data[len(b"POST ") : data.find(b"?")]


def _request_of(data: bytes) -> Request:
    """As much of a plain publish as is counted."""
    return Request("POST", _path_of(data).decode(), "", {}, b"", "1.1", True, False)


def _status(answer: Answer) -> int:
    return answer.status if isinstance(answer, Response) else SWITCHING_PROTOCOLS
