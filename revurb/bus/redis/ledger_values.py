"""Reading the members hash of a channel, without what is not as our scripts write it: user id -> {id, info, time of
joining in ms, nodes}, as MessagePack."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import msgspec

from revurb.bus.redis.envelope import UNREADABLE
from revurb.bus.redis.invalid_values import InvalidValues
from revurb.pusher.ports import Member


class MemberEntry(NamedTuple):
    """A member, when it joined, and the nodes through which it is there."""

    joined_ms: float
    member: Member
    nodes: list[str]


_decode = msgspec.msgpack.Decoder(tuple[str, str, float, list[str]]).decode


def read_entries(pairs: Iterable[bytes], key: str, invalid: InvalidValues) -> Iterator[MemberEntry]:
    """Read user id, value, user id, value, and so on. What is not a member is reported to `invalid`, with the `key`."""
    fields = iter(pairs)
    for user_id, packed in zip(fields, fields, strict=False):
        try:
            id_json, info_json, joined_ms, nodes = _decode(packed)
            yield MemberEntry(
                joined_ms, Member(user_id.decode(), id_json.encode(), info_json.encode()), nodes
            )
        except UNREADABLE as error:
            invalid.report(key, f"member {user_id[:50]!r}: {error}")


def read_members(pairs: Sequence[bytes], key: str, invalid: InvalidValues) -> list[Member]:
    """The members in order of joining."""
    if not pairs:
        return []
    entries = sorted(read_entries(pairs, key, invalid), key=lambda entry: entry.joined_ms)
    return [entry.member for entry in entries]
