"""The subscriptions and connections of this node: for each channel the number of its subscribers here, and on presence
channels its members here.

A node reports them to the broker each time that it connects. On a node that is alone, they are all there is.
"""

from __future__ import annotations

from collections.abc import Iterator

from revurb.pusher.ports import Member


class LocalChannel:
    """One channel of `state`. `members` counts the connections of each user, and has the member alone where it is one;
    the first info seen stays, as in Reverb."""

    __slots__ = ("_state", "count", "members")

    def __init__(self, state: LocalState) -> None:
        self._state = state
        self.count = 0
        self.members: dict[str, Member | tuple[Member, int]] = {}

    def join(self, member: Member) -> bool:
        """Count a connection of this user; True if it is the user's first here."""
        known = self.members.get(member.user_id)
        if known is None:
            self._state.members += 1
            self.members[member.user_id] = member
            return True
        first, connections = _counted(known)
        self.members[member.user_id] = first, connections + 1
        return False

    def is_full_for(self, member: Member | None, max_members: int) -> bool:
        """Whether there are `max_members` users, and `member` is somebody else."""
        return member is not None and len(self.members) >= max_members and member.user_id not in self.members

    def leave(self, user_id: str) -> Member | None:
        """Remove one connection of this user; returns the member if it was the last one here."""
        member, connections = _counted(self.members[user_id])
        if connections > 1:
            self.members[user_id] = member if connections == 2 else (member, connections - 1)
            return None
        del self.members[user_id]
        self._state.members -= 1
        return member

    def member_list(self) -> list[Member]:
        """The members, in order of joining."""
        return [each if isinstance(each, Member) else each[0] for each in self.members.values()]


def _counted(known: Member | tuple[Member, int]) -> tuple[Member, int]:
    return (known, 1) if isinstance(known, Member) else known


class LocalState:
    """The channels of each app that have subscribers here, and the connections of each app. `channels` is how many
    channels there are, `members` how many members they have."""

    __slots__ = ("apps", "channels", "connections", "members")

    def __init__(self) -> None:
        self.channels = self.members = 0
        self.apps: dict[str, dict[str, LocalChannel]] = {}
        self.connections: dict[str, int] = {}

    def open(self, app_id: str, channel: str) -> LocalChannel:
        """The channel, made if it has no subscriber yet."""
        channels = self.apps.get(app_id)
        if channels is None:
            channels = self.apps[app_id] = {}
        local_channel = channels.get(channel)
        if local_channel is None:
            local_channel = channels[channel] = LocalChannel(self)
            self.channels += 1
        return local_channel

    def find(self, app_id: str, channel: str) -> LocalChannel | None:
        """The channel, if it has subscribers here."""
        channels = self.apps.get(app_id)
        return None if channels is None else channels.get(channel)

    def has(self, app_id: str, channel: str) -> bool:
        """Whether the channel has subscribers here."""
        channels = self.apps.get(app_id)
        return channels is not None and channel in channels

    def close(self, app_id: str, channel: str) -> None:
        """Forget a channel that has no subscribers left."""
        channels = self.apps[app_id]
        del channels[channel]
        self.channels -= 1
        if not channels:
            del self.apps[app_id]

    def connect(self, app_id: str) -> int:
        """Count one more connection of the app; returns how many there are."""
        self.connections[app_id] = count = self.connections.get(app_id, 0) + 1
        return count

    def disconnect(self, app_id: str) -> int:
        """Count one connection less; returns how many are left."""
        left = self.connections[app_id] - 1
        if left:
            self.connections[app_id] = left
        else:
            del self.connections[app_id]
        return left

    def items(self) -> Iterator[tuple[str, str, LocalChannel]]:
        """(app id, channel, its subscribers here), for every channel."""
        for app_id, channels in self.apps.items():
            for channel, local_channel in channels.items():
                yield app_id, channel, local_channel
