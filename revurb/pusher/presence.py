"""Members of a presence channel.

Rule 1: a member is a user, not a connection. The count that matters is users.
Rule 2: this file decides whether someone joined or left; subscribing.py says so on the wire.
Rule 3: ids and infos stay the JSON that the app signed. `5` stays a number, `{}` stays an object.

Plan: user_id -> (its JSON, its info, number of connections). The first connection of a user is a join, the last
one leaving is a departure, both O(1); Reverb scans all members for each, so that a join storm is O(n^2). Of a
user with several connections the info seen first stays, as in Reverb. `5` and `"5"` are the same user, as
they are in PHP's arrays.
"""

from __future__ import annotations

import msgspec
import orjson


class Identity(msgspec.Struct, frozen=True):
    """Who a connection is on a presence channel: the signed `channel_data`, read.

    `user_id` identifies; `id_json` and `info_json` are what the app wrote.
    """

    user_id: str
    id_json: bytes
    info_json: bytes


class _ChannelData(msgspec.Struct):
    user_id: msgspec.Raw = msgspec.Raw()
    user_info: msgspec.Raw = msgspec.Raw(b"null")


_decode = msgspec.json.Decoder(_ChannelData).decode


def read_identity(channel_data: str) -> Identity:
    """The identity in a presence subscription's `channel_data`, `{"user_id":..., "user_info":...}` as JSON.

    Raises ValueError, with a text for the client's developer, unless user_id is a non-empty string or a number.
    """
    try:
        data = _decode(channel_data)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError("channel_data must be a JSON object with a user_id") from error
    id_json = bytes(data.user_id)
    if id_json[:1] == b'"':
        user_id = orjson.loads(id_json)
    elif id_json[:1] and id_json[:1] in b"-0123456789":
        user_id = id_json.decode()
    else:
        user_id = ""
    if not user_id:
        raise ValueError("channel_data must have a user_id that is a non-empty string or a number")
    return Identity(user_id, id_json, bytes(data.user_info))


class _Member:
    __slots__ = ("connections", "identity")

    def __init__(self, identity: Identity) -> None:
        self.identity = identity
        self.connections = 1


class Roster:
    """Who is on one presence channel."""

    __slots__ = ("_members",)

    def __init__(self) -> None:
        self._members: dict[str, _Member] = {}

    def __len__(self) -> int:
        return len(self._members)

    def join(self, identity: Identity) -> bool:
        """Count a connection of this user; True if it is the user's first."""
        member = self._members.get(identity.user_id)
        if member is None:
            self._members[identity.user_id] = _Member(identity)
            return True
        member.connections += 1
        return False

    def leave(self, user_id: str) -> Identity | None:
        """Take one connection of this user away; the identity seen first if it was the last one."""
        member = self._members[user_id]
        member.connections -= 1
        if member.connections:
            return None
        del self._members[user_id]
        return member.identity

    def ids_json(self) -> list[bytes]:
        """Each member's id as the app wrote it, in order of joining."""
        return [member.identity.id_json for member in self._members.values()]

    def snapshot_json(self) -> bytes:
        """`{"presence":{"count":2,"ids":["1",2],"hash":{"1":info,"2":info}}}`: what a joiner is told."""
        infos = (
            orjson.dumps(user_id) + b":" + member.identity.info_json
            for user_id, member in self._members.items()
        )
        ids = b",".join(self.ids_json())
        return b'{"presence":{"count":%d,"ids":[%b],"hash":{%b}}}' % (len(self), ids, b",".join(infos))
