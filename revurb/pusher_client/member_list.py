"""Who is on a presence channel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from revurb.pusher_client.received_message import ReceivedMessage


@dataclass(frozen=True, slots=True)
class ChannelMember:
    """A user on a presence channel. `info` is what the application has told of it, any JSON."""

    id: str
    info: Any = None


class MemberList:
    """The members, in the order of the server, then of their coming. It stays as it was while there is no
    connection."""

    def __init__(self) -> None:
        self._members: dict[str, ChannelMember] = {}
        self._is_known = False
        self.my_id: str | None = None

    def __len__(self) -> int:
        return len(self._members)

    def __iter__(self) -> Iterator[ChannelMember]:
        return iter(tuple(self._members.values()))

    def __contains__(self, member_id: object) -> bool:
        return member_id in self._members

    def get(self, member_id: str) -> ChannelMember | None:
        """The member with this id; None if there is none."""
        return self._members.get(member_id)

    @property
    def me(self) -> ChannelMember | None:
        """The member that this client is; None before the subscription."""
        return None if self.my_id is None else self._members.get(self.my_id)

    def replace(self, message: ReceivedMessage) -> tuple[list[ChannelMember], list[ChannelMember]]:
        """The list of a confirmation is the truth. Returns who came and who went since the last one; nobody at the
        first."""
        presence = message.mapping().get("presence")
        found = presence.get("hash") if isinstance(presence, Mapping) else None
        members = found if isinstance(found, Mapping) else {}
        now = {str(key): ChannelMember(str(key), info) for key, info in members.items()}
        before, self._members = self._members, now
        was_known, self._is_known = self._is_known, True
        if not was_known:
            return [], []
        return (
            [member for key, member in now.items() if key not in before],
            [member for key, member in before.items() if key not in now],
        )

    def add(self, message: ReceivedMessage) -> ChannelMember | None:
        """Somebody came; returns who, or None if that is known."""
        data = message.mapping()
        if "user_id" not in data:
            return None
        member = ChannelMember(str(data["user_id"]), data.get("user_info"))
        is_new = member.id not in self._members
        self._members[member.id] = member
        return member if is_new else None

    def remove(self, message: ReceivedMessage) -> ChannelMember | None:
        """Somebody went; returns who, or None if nobody knew them."""
        return self._members.pop(str(message.mapping().get("user_id", "")), None)
