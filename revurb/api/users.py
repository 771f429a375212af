"""Routes about connections and the users behind them."""

from __future__ import annotations

from revurb.api.answers import EMPTY, json_response
from revurb.api.deferred import when_ready
from revurb.pusher.ports import Bus, MaybeAwaitable
from revurb.wire.response import Response


def get_connections(bus: Bus, app_id: str) -> MaybeAwaitable[Response]:
    """`{"connections":3}`: the open connections of the app, subscribed to something or not."""
    return when_ready(bus.connections(app_id), lambda count: json_response({"connections": count}))


def terminate_connections(bus: Bus, app_id: str, user_id: str) -> MaybeAwaitable[Response]:
    """End every connection that has signed in as this user, or is it on some presence channel. `{}` also when there is
    none."""
    return when_ready(bus.terminate(app_id, user_id), lambda done: EMPTY)
