"""GET routes about channels: which are occupied, by how many subscribers, by which users. Over all processes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import orjson

from revurb.api.answers import json_response
from revurb.api.deferred import when_ready
from revurb.api.info import channel_info, requested
from revurb.pusher.channel_name import ChannelName
from revurb.pusher.ports import Bus, ChannelState, MaybeAwaitable, Member
from revurb.wire.response import Response


def get_channels(bus: Bus, app_id: str, query: dict[str, str]) -> MaybeAwaitable[Response]:
    """`?filter_by_prefix=&info=` -> `{"channels":{"presence-c":{"user_count":2}}}`, the occupied ones."""
    wanted = requested(query.get("info"))

    def answer(found: Mapping[str, ChannelState]) -> Response:
        return json_response(
            {"channels": {name: channel_info(name, state, wanted) for name, state in found.items()}}
        )

    return when_ready(bus.channels(app_id, query.get("filter_by_prefix", "")), answer)


def get_channel(bus: Bus, app_id: str, name: str, query: dict[str, str]) -> MaybeAwaitable[Response]:
    """`?info=` -> `{"occupied":true,"subscription_count":3}`; never a 404."""
    wanted = requested(query.get("info")) | {"occupied"}
    return when_ready(
        bus.describe(app_id, (name,)), lambda states: json_response(channel_info(name, states[0], wanted))
    )


def get_channel_users(bus: Bus, app_id: str, name: str) -> MaybeAwaitable[Response]:
    """`{"users":[{"id":"1"},{"id":2}]}`; 404 `{}` of an empty channel, 400 `{}` of one without members (as Reverb)."""
    if ChannelName.parse(name).presence:
        return when_ready(bus.members(app_id, name), _users)
    return when_ready(
        bus.describe(app_id, (name,)),
        lambda states: json_response({}, 400 if states[0].subscription_count else 404),
    )


def _users(members: Sequence[Member]) -> Response:
    if not members:
        return json_response({}, 404)
    return json_response({"users": [{"id": orjson.Fragment(member.id_json)} for member in members]})
