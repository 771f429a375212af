"""POST /apps/{id}/force_reconnect: clients of the app are closed with 4200, on which they come back at once.

Before a deployment of what clients talk to, to spread them over nodes that were added, or to have a user sign in again.
sockudo has the route too.
"""

from __future__ import annotations

from revurb.api.answers import EMPTY, bad_request
from revurb.api.deferred import when_ready
from revurb.api.fields import Body, read_body
from revurb.pusher.ports import Bus, MaybeAwaitable
from revurb.pusher.reconnecting import MAX_OVER_S, ForceReconnect, survey_of
from revurb.wire.response import Response

DEADLINE_S = 2.0  # for all nodes to have heard it
_FIELDS = ("channel", "user_id", "percent", "over_s")


def force_reconnect(body: bytes, bus: Bus, app_id: str) -> MaybeAwaitable[Response]:
    """`{"channel"?|"user_id"?,"percent"?,"over_s"?}` -> `{}` once every node has heard it, and before anybody is
    closed who is to be closed later. An empty body means all clients, at once."""
    fields = read_body(body) if body else {}
    if unknown := [name for name in fields if name not in _FIELDS]:
        raise bad_request(f"There is no field {unknown[0]!r}; allowed: {', '.join(_FIELDS)}.")
    channel, user_id = _text(fields, "channel"), _text(fields, "user_id")
    if channel is not None and user_id is not None:
        raise bad_request(
            "channel and user_id are both there; allowed: one of them, or none for all clients."
        )
    percent = _number(fields, "percent", 100.0, 100.0)
    if not percent:
        raise bad_request("percent must be more than 0.")
    over_s = _number(fields, "over_s", 0.0, MAX_OVER_S)
    request = ForceReconnect(app_id, channel, user_id, percent, over_s)
    return when_ready(bus.survey(survey_of(request), DEADLINE_S), lambda done: EMPTY)


def _text(fields: Body, name: str) -> str | None:
    value = fields.get(name)
    if name == "user_id" and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if value is None or (isinstance(value, str) and value):
        return value
    raise bad_request(f"{name} must be a string that is not empty.")


def _number(fields: Body, name: str, default: float, most: float) -> float:
    value = fields.get(name)
    if value is None:
        return default
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= most:
        return float(value)
    raise bad_request(f"{name} must be a number from 0 to {most:g}.")
