"""GET routes about channels: which are occupied, by how many subscribers, by which users. Over all processes."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence

import orjson

from revurb.api.answers import bad_request, json_response
from revurb.api.deferred import NextTurn, when_ready
from revurb.api.info import channel_info, requested
from revurb.pusher.channel_name import ChannelName, is_online_channel, is_reserved
from revurb.pusher.ports import Bus, ChannelState, MaybeAwaitable, Member
from revurb.pusher.presence import id_text
from revurb.wire.response import Response

SLICE_CHANNELS = 500  # 1.5 ms


def get_channels(bus: Bus, app_id: str, query: dict[str, str]) -> MaybeAwaitable[Response]:
    """`?filter_by_prefix=&info=` -> `{"channels":{"presence-c":{"user_count":2}}}`, the occupied ones, without those of
    users."""
    wanted = requested(query.get("info"))

    def answer(found: Mapping[str, ChannelState]) -> MaybeAwaitable[Response]:
        if len(found) > SLICE_CHANNELS:
            return _answer_in_slices(found, wanted)
        return _answer([_infos_json(found.items(), wanted)])

    return when_ready(bus.channels(app_id, query.get("filter_by_prefix", "")), answer)


async def _answer_in_slices(found: Mapping[str, ChannelState], wanted: frozenset[str]) -> Response:
    """The answer, with turns for others in between: for 100,000 channels it takes 0.3 s."""
    parts, items = [], iter(found.items())
    while some := tuple(itertools.islice(items, SLICE_CHANNELS)):
        parts.append(_infos_json(some, wanted))
        await NextTurn()
    return _answer(parts)


def _infos_json(items: Iterable[tuple[str, ChannelState]], wanted: frozenset[str]) -> bytes:
    """The inside of the object, without its braces."""
    return orjson.dumps(
        {name: channel_info(name, state, wanted) for name, state in items if not is_reserved(name)}
    )[1:-1]


def _answer(parts: list[bytes]) -> Response:
    return Response(200, b'{"channels":{%b}}' % b",".join(filter(None, parts)))


def get_channel(bus: Bus, app_id: str, name: str, query: dict[str, str]) -> MaybeAwaitable[Response]:
    """`?info=` -> `{"occupied":true,"subscription_count":3}`; never a 404."""
    wanted = requested(query.get("info")) | {"occupied"}
    if is_online_channel(name):  # it says nothing about subscribers
        return json_response(channel_info(name, ChannelState(), wanted))
    return when_ready(
        bus.describe(app_id, (name,)), lambda states: json_response(channel_info(name, states[0], wanted))
    )


def get_channel_users(bus: Bus, app_id: str, name: str) -> MaybeAwaitable[Response]:
    """`{"users":[{"id":"1"},{"id":"2"}]}`, also of an empty channel; 400 for one that is no presence channel."""
    if not ChannelName.parse(name).presence:
        raise bad_request("Only presence channels have users: their names begin with presence-.")
    return when_ready(bus.members(app_id, name), _users)


def _users(members: Sequence[Member]) -> Response:
    return json_response({"users": [{"id": orjson.Fragment(id_text(member))} for member in members]})
