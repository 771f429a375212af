"""Members of presence channels: how one is read from channel_data, and the list that a new subscriber gets.

Ids and infos stay the JSON that the app signed: `5` stays a number, `{}` stays an object. `5` and `"5"` are the
same user, as they are in PHP's arrays. The bus counts members, over all processes: a member is a user, however many
connections it has.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import orjson

from revurb._speedups.member_lists import join_members
from revurb.pusher import lone_surrogates
from revurb.pusher.ports import Member

_QUOTE = ord('"')
MANY = 32  # members, for whose texts keeping them is worth the memory


class _ChannelData(msgspec.Struct):
    user_id: msgspec.Raw = msgspec.Raw()
    user_info: msgspec.Raw = msgspec.Raw(b"null")


_decode = msgspec.json.Decoder(_ChannelData).decode


def read_member(channel_data: str) -> Member:
    """The member in a presence subscription's `channel_data`, `{"user_id":..., "user_info":...}` as JSON.

    Raises ValueError, with a text for the client's developer, unless user_id is a non-empty string or a number.
    """
    data, info_json = _read_channel_data(channel_data)
    id_json = bytes(data.user_id)
    user_id = read_user_id(id_json)
    if not user_id:
        raise ValueError("channel_data must have a user_id that is a non-empty string or a number")
    return Member(user_id, id_json, info_json)


def read_user_id(id_json: bytes) -> str:
    """The id of a user, of which `id_json` is a string or a number; "" for any other JSON."""
    if id_json[:1] == b'"':
        return str(orjson.loads(id_json))
    return id_json.decode() if id_json[:1] and id_json[:1] in b"-0123456789" else ""


def require_object(channel_data: str) -> None:
    """Raises ValueError unless `channel_data` is a JSON object, which it is wherever an SDK has signed it."""
    try:
        _read_channel_data(channel_data)
    except ValueError as error:
        raise ValueError("channel_data must be a JSON object") from error


def _read_channel_data(channel_data: str) -> tuple[_ChannelData, bytes]:
    """The fields, and user_info as it was signed. Raises ValueError."""
    try:
        data = _decode(channel_data)
    except (msgspec.MsgspecError, RecursionError):
        hidden = lone_surrogates.hide(channel_data.encode())
    else:
        return data, bytes(data.user_info)
    try:
        data = _decode(hidden or b"")
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError("channel_data must be a JSON object with a user_id") from error
    if lone_surrogates.has_any(bytes(data.user_id).decode()):
        raise ValueError("channel_data has half a surrogate pair in its user_id")
    return data, lone_surrogates.show(bytes(data.user_info))


class MemberTexts:
    """Makes the lists of one channel's members that its subscribers get. What a list has of a member is made once, and
    kept for the lists after it: made anew for each, a list of 10,000 took 2.5 ms."""

    __slots__ = ("_texts",)

    def __init__(self) -> None:
        self._texts: dict[Member, bytes] = {}

    def snapshot(self, members: Sequence[Member]) -> bytes:
        """`{"presence":{"count":2,"ids":["1",2],"hash":{"1":info,"2":info}}}`, as it stands inside a JSON string."""
        texts = self._find(members) if len(members) >= MANY else [_text(member) for member in members]
        ids, hashes = join_members(texts)
        return b'{\\"presence\\":{\\"count\\":%d,\\"ids\\":[%b],\\"hash\\":{%b}}}' % (
            len(members),
            ids,
            hashes,
        )

    def _find(self, members: Sequence[Member]) -> list[bytes]:
        known = self._texts
        texts = [known.get(member) or known.setdefault(member, _text(member)) for member in members]
        if len(known) > 2 * len(members):  # those who have left
            self._texts = dict(zip(members, texts, strict=True))
        return texts


def id_text(member: Member) -> bytes:
    """The user's id as a JSON string, whichever the app wrote: a number is one for its digits."""
    id_json = member.id_json
    return id_json if id_json[0] == _QUOTE else b'"%b"' % id_json


def _text(member: Member) -> bytes:
    """As `join_members` takes it. A NUL is escaped in JSON."""
    return b"%b\0:%b" % (_escaped(member.id_json), _escaped(member.info_json))


def _escaped(json: bytes) -> bytes:
    return orjson.dumps(json.decode())[1:-1]
