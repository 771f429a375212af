"""Routes about connections and the users behind them."""

from __future__ import annotations

from revurb.api.answers import EMPTY, json_response
from revurb.pusher.errors import TerminatedByApp
from revurb.pusher.registry import AppState
from revurb.wire.response import Response


def get_connections(state: AppState) -> Response:
    """`{"connections":3}`: the open connections of the app, subscribed to something or not."""
    return json_response({"connections": len(state.sessions)})


def terminate_connections(state: AppState, user_id: str) -> Response:
    """End every connection that is this user on some presence channel: error 4009, then close 4009, which Pusher
    clients take as "do not come back". `{}` also when there is none."""
    for session in state.sessions_of(user_id):
        session.end(TerminatedByApp())
    return EMPTY
