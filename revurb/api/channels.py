"""GET routes about channels: what is occupied, by how many, by whom."""

from __future__ import annotations

import orjson

from revurb.api.answers import json_response
from revurb.api.info import channel_info, requested
from revurb.pusher.registry import AppState
from revurb.wire.response import Response


def get_channels(state: AppState, query: dict[str, str]) -> Response:
    """`?filter_by_prefix=&info=` -> `{"channels":{"presence-c":{"user_count":2}}}`, the occupied ones."""
    prefix = query.get("filter_by_prefix", "")
    wanted = requested(query.get("info"))
    names = [name for name in state.channels if name.startswith(prefix)]
    return json_response({"channels": {name: channel_info(state, name, wanted) for name in names}})


def get_channel(state: AppState, name: str, query: dict[str, str]) -> Response:
    """`?info=` -> `{"occupied":true,"subscription_count":3}`; never a 404."""
    return json_response(channel_info(state, name, requested(query.get("info")) | {"occupied"}))


def get_channel_users(state: AppState, name: str) -> Response:
    """`{"users":[{"id":"1"},{"id":2}]}`; 404 `{}` if nobody is there, 400 `{}` if it has no members (as Reverb)."""
    channel = state.channels.get(name)
    if channel is None:
        return json_response({}, 404)
    if channel.roster is None:
        return json_response({}, 400)
    users = [{"id": orjson.Fragment(id_json)} for id_json in channel.roster.ids_json()]
    return json_response({"users": users})
