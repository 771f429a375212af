"""The routes about a channel's history: the events that are kept of it."""

from __future__ import annotations

import orjson

from revurb.api.answers import EMPTY, ApiError, bad_request, text_response
from revurb.api.deferred import when_ready
from revurb.apps import App
from revurb.pusher.history import UNAVAILABLE, HistoryPage, history_of, read_position
from revurb.pusher.ports import Bus, MaybeAwaitable
from revurb.wire.response import Response

DEFAULT_EVENTS = 100
MAX_EVENTS = 1000
_AWAY = text_response(
    503, "Service unavailable. Who keeps the history is out of reach at present.", (("Retry-After", "2"),)
)


def get_events(bus: Bus, app: App, name: str, query: dict[str, str]) -> MaybeAwaitable[Response]:
    """`?after=&limit=` -> `{"events":[{"event","data","channel","id"}],"position":"E-9","complete":true,
    "has_more":false}`, the oldest first: those after a position, or the last ones. Where some are missing after the
    position, `complete` is false, and `reason` says why."""
    _check_history(app, name)
    after = query.get("after")
    position = None if after is None else read_position(after)
    if after is not None and position is None:
        raise bad_request(f"after: found {after!r}; allowed: the id of an event, such as k3v9x2-17.")
    return when_ready(bus.history(app.id, name, position, _limit(query.get("limit"))), _answer)


def delete_events(bus: Bus, app: App, name: str) -> MaybeAwaitable[Response]:
    """`{}`, when none of the events is kept any more."""
    _check_history(app, name)
    return when_ready(bus.forget_history(app.id, name), lambda is_done: EMPTY if is_done else _AWAY)


def _check_history(app: App, name: str) -> None:
    if history_of(app, name) is None:
        raise ApiError(
            text_response(404, f"The channel {name} has no history: no [[apps.history]] of the app names it.")
        )


def _limit(given: str | None) -> int:
    if given is None:
        return DEFAULT_EVENTS
    limit = int(given) if given.isascii() and given.isdigit() and len(given) < 9 else 0
    if not 1 <= limit <= MAX_EVENTS:
        raise bad_request(f"limit: found {given!r}; allowed: an integer from 1 to {MAX_EVENTS}.")
    return limit


def _answer(page: HistoryPage) -> Response:
    if page.failure == UNAVAILABLE:
        return _AWAY
    fields: dict[str, object] = {
        "events": [orjson.Fragment(text) for text in page.events],
        "position": str(page.position),
        "complete": not page.failure,
        "has_more": page.has_more,
    }
    if page.failure:
        fields["reason"] = page.failure
    return Response(200, orjson.dumps(fields))
