"""`user_data` of a sign-in: who the user is, and whom it watches (Pusher docs, "User authentication", "Watchlist
events").

The application has signed it. Ids are texts; a number is one for its digits, as on presence channels.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from revurb.pusher import lone_surrogates
from revurb.pusher.channel_name import acceptable, user_channel
from revurb.pusher.ports import Member
from revurb.pusher.presence import id_text, read_user_id


class UserData(NamedTuple):
    """`member` is the user as presence channels have it; `watchlist` are ids of users, each once."""

    member: Member
    watchlist: tuple[str, ...]


class _Fields(msgspec.Struct):
    id: msgspec.Raw = msgspec.Raw()
    user_info: msgspec.Raw = msgspec.Raw(b"null")
    watchlist: list[str | int] | None = None


_decode = msgspec.json.Decoder(_Fields).decode


def read_user_data(user_data: str) -> UserData:
    """`{"id":..., "user_info":..., "watchlist":[...]}`, of which only the id has to be there. Raises ValueError, with a
    text for the client's developer."""
    fields, info_json = _read(user_data)
    id_json = bytes(fields.id)
    user_id = read_user_id(id_json)
    if not _can_be_known(user_id):
        raise ValueError("user_data must have an id that is a non-empty string of at most 1000 bytes")
    watchlist = dict.fromkeys(str(watched) for watched in fields.watchlist or ())
    if not all(map(_can_be_known, watchlist)):
        raise ValueError("the watchlist of user_data must have ids of users, of at most 1000 bytes each")
    member = Member(user_id, id_json, info_json)
    # Not by orjson: of what it makes, it keeps 4 KB.
    return UserData(member._replace(id_json=id_text(member)), tuple(watchlist))


def _can_be_known(user_id: str) -> bool:
    return bool(user_id) and acceptable(user_channel(user_id))


def _read(user_data: str) -> tuple[_Fields, bytes]:
    """The fields, and user_info as it was signed. Raises ValueError."""
    try:
        fields = _decode(user_data)
    except (msgspec.MsgspecError, RecursionError):
        hidden = lone_surrogates.hide(user_data.encode())
    else:
        return fields, bytes(fields.user_info)
    try:
        fields = _decode(hidden or b"")
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(
            "user_data must be a JSON object with an id, and a watchlist that is a list"
        ) from error
    names = (bytes(fields.id).decode(), *map(str, fields.watchlist or ()))
    if any(map(lone_surrogates.has_any, names)):
        raise ValueError("user_data has half a surrogate pair in an id")
    return fields, lone_surrogates.show(bytes(fields.user_info))
