"""What an application answers to a client that wants to join a channel, or to say who its user is.

A client's library asks the application, over HTTP, for a signature that only the app's secret can make, and hands that
to the server. `App.authorize_channel` and `App.authenticate_user` make those answers; whether this user may is decided
before they are called. Pusher docs, "Authorizing users" and "Authenticating users".

Rule: what is signed has no other reading. A socket id that is none could make the signature of a channel that of a
user, so both the socket id and the channel are checked, as Pusher's SDKs do.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping

from revurb.apps.field_checks import is_utf8

_SOCKET_ID = re.compile(r"[0-9]+\.[0-9]+")
_CHANNEL = re.compile(r"[A-Za-z0-9_\-=@,.;]+")
MAX_CHANNEL_CHARS = 200  # Pusher's limit for names

Sign = Callable[[str], str]


def channel_answer(
    key: str, sign: Sign, socket_id: str, channel: str, user_id: str | int | None, user_info: object
) -> dict[str, str]:
    """`{"auth": "key:signature"}`, with `channel_data` (JSON) for a presence channel. Raises ValueError."""
    _check_socket_id(socket_id)
    if not isinstance(channel, str) or len(channel) > MAX_CHANNEL_CHARS or not _CHANNEL.fullmatch(channel):
        raise ValueError(f"channel: found {channel!r}; allowed: letters, digits and _ - = @ , . ;")
    if channel.startswith("private-encrypted-"):
        raise ValueError(
            f"channel: found {channel!r}; an encrypted channel needs the key that the server does not know: "
            "let a server SDK of Pusher answer, which has its encryption_master_key"
        )
    if channel.startswith("private-"):
        if user_id is not None or user_info is not None:
            raise ValueError(f"user_id: {channel!r} has no members; leave user_id and user_info away")
        return {"auth": f"{key}:{sign(f'{socket_id}:{channel}')}"}
    if not channel.startswith("presence-"):
        raise ValueError(f"channel: found {channel!r}; only private- and presence- channels are authorized")
    data: dict[str, object] = {"user_id": _user_id(user_id)}
    if user_info is not None:
        data["user_info"] = user_info
    text = _json("user_info", data)
    return {"auth": f"{key}:{sign(f'{socket_id}:{channel}:{text}')}", "channel_data": text}


def user_answer(key: str, sign: Sign, socket_id: str, user_data: Mapping[str, object]) -> dict[str, str]:
    """`{"auth": "key:signature", "user_data": JSON}`. Raises ValueError."""
    _check_socket_id(socket_id)
    if not isinstance(user_data, Mapping):
        raise ValueError(f'user_data: found {user_data!r}; allowed: a mapping such as {{"id": "7"}}')
    text = _json("user_data", {**user_data, "id": _user_id(user_data.get("id"), "user_data.id")})
    return {"auth": f"{key}:{sign(f'{socket_id}::user::{text}')}", "user_data": text}


def _check_socket_id(socket_id: str) -> None:
    if not isinstance(socket_id, str) or not _SOCKET_ID.fullmatch(socket_id):
        raise ValueError(f'socket_id: found {socket_id!r}; allowed: what the client sent, such as "123.456"')


def _user_id(user_id: object, name: str = "user_id") -> str:
    """The id as a text, since libraries compare texts."""
    if isinstance(user_id, bool) or not isinstance(user_id, (str, int)) or user_id == "":
        raise ValueError(f"{name}: found {user_id!r}; allowed: a text that is not empty, or an integer")
    return str(user_id)


def _json(name: str, value: object) -> str:
    try:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        # Half of a surrogate pair, of a name that was cut, say, can be sent as an escape only.
        return text if is_utf8(text) else json.dumps(value, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"{name}: found what JSON does not have ({error})") from error
